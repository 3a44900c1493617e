/*
 * test_synonyms.c - synonyms.c: what is called otherwise elsewhere leads to names that
 * there are, each word to one of them.
 */
#include "../lib/option_sets.h"

#include "../../src/options/synonyms.h"

/* Is the first length bytes of text an option, or a column of the source? */
static bool is_own(const char *text, size_t length)
{
    static const char *const columns[] = {"session", "item", "time", "order"};
    gru4rec_option_info info;
    for (size_t i = 0; i < gru4rec_option_count() + 4; i++) {
        const char *name = i < 4 ? columns[i] : NULL;
        if (name == NULL) {
            gru4rec_option_describe(i - 4, &info);
            name = info.name;
        }
        if (strlen(name) == length && strncmp(name, text, length) == 0)
            return true;
    }
    return false;
}

/* Goes to the next word of "first|second". */
static bool next_word(const char **words, char word[64])
{
    const size_t length = strcspn(*words, "|");
    if (**words == '\0')
        return false;
    snprintf(word, 64, "%.*s", (int)length, *words);
    *words += length + ((*words)[length] == '|');
    return true;
}

static void names_are_there(void)
{
    const g4r_synonym *one;
    char name[64];
    for (size_t i = 0; (one = g4r_synonyms_get(i)) != NULL; i++) {
        CHECK((one->names != NULL) != (one->advice != NULL));
        CHECK(one->scope != 0);
        for (const char *names = one->names; names != NULL && next_word(&names, name);)
            if (!CHECK(is_own(name, strlen(name))))
                printf("    %s\n", name);
    }
}

/* The message of the option, of the scope. */
static const char *message_of(const char *name, gru4rec_option_scope scope)
{
    static gru4rec_error error;
    gru4rec_options options = defaults();
    error.message[0] = '\0';
    CHECK_INT(GRU4REC_INVALID, gru4rec_options_set(&options, scope, name, "8", &error));
    return error.message;
}

/* Each word brings its own entry, however it is written, and the message is whole. */
static void words_lead_there(void)
{
    const g4r_synonym *one;
    char word[64], other[64];
    for (size_t i = 0; (one = g4r_synonyms_get(i)) != NULL; i++)
        for (const char *words = one->words; next_word(&words, word);) {
            const gru4rec_option_scope scope =
                (one->scope & TRAIN) != 0 ? TRAIN : EVALUATE;
            size_t n = 0;
            CHECK(strlen(word) > 0 && !is_own(word, strlen(word)));
            for (size_t k = 0; word[k]; k++) {
                CHECK(word[k] == '_' || (word[k] >= 'a' && word[k] <= 'z') ||
                      (word[k] >= '0' && word[k] <= '9'));
                if (word[k] != '_')
                    other[n++] = (char)(word[k] >= 'a' ? word[k] - 'a' + 'A' : word[k]);
            }
            other[n] = '\0';
            if (!CHECK(g4r_synonyms_find(word, scope, 1) == one) ||
                !CHECK(g4r_synonyms_find(other, scope, 1) == one))
                printf("    %s\n", word);
            const char *message = message_of(word, scope);
            const char last = message[strlen(message) - 1];
            CHECK(strlen(message) < 470);
            CHECK((last == '?') == (one->names != NULL));
        }
}

static void check_leads(const char *name, gru4rec_option_scope scope, const char *words)
{
    const char *message = message_of(name, scope);
    if (!CHECK(strstr(message, words) != NULL))
        printf("    %s\n", message);
}

static void words_of_other_tools(void)
{
    static const char *const cases[][2] = {
        {"lr", "did you mean 'learning_rate'?"},
        {"hidden_size", "did you mean 'layers'?"},
        {"hiddenSize", "did you mean 'layers'?"},
        {"hidden-size", "did you mean 'layers'?"},
        {"HIDDEN_SIZE", "did you mean 'layers'?"},
        {"optimizer", "did you mean 'adapt'?"},
        {"learner", "did you mean 'adapt'?"},
        {"epochs", "did you mean 'n_epochs'?"},
        {"num_train_epochs", "did you mean 'n_epochs'?"},
        {"dropout", "did you mean 'dropout_p_embed' or 'dropout_p_hidden'?"},
        {"train_batch_size", "did you mean 'batch_size'?"},
        {"weight_decay", "did you mean 'lmbd'?"},
        {"clipnorm", "did you mean 'grad_cap'?"},
        {"max_norm", "did you mean 'grad_cap'?"},
        {"random_state", "did you mean 'seed'?"},
        {"n_jobs", "did you mean 'threads'?"},
        {"loss_type", "did you mean 'loss'?"},
        {"USER_ID_FIELD", "did you mean 'session'?"},
        {"ITEM_ID_FIELD", "did you mean 'item'?"},
        {"timestamp", "did you mean 'time'?"},
        {"stopping_step", "did you mean 'patience'?"},
        {"k", "rank <= 10"},
        {"topk", "rank <= 10"},
        {"early_stopping", "validation=0.1,patience=3"},
        {"lr_scheduler", "leave it out"},
        {"num_layers", "layers=100/100"},
        {"source", "gru4rec_train('rec', 'clicks')"},
        {"max_session_length", "did you mean 'max_length'?"},
        {"lrate", "did you mean 'learning_rate'?"},
        {"rate", "did you mean 'learning_rate'?"},
        {"rnn_dim", "did you mean 'layers'?"},
        {"gru_dim", "did you mean 'layers'?"},
        {"state_size", "did you mean 'layers'?"},
        {"inner_size", "did you mean 'feedforward'?"},
        {"max_grad", "did you mean 'grad_cap'?"},
        {"decay", "did you mean 'lmbd' or 'adapt_params'?"},
        {"dtype", "did you mean 'precision'?"},
        {"bf16", "did you mean 'precision'?"},
        {"gpu", "runs on the processor"},
        {"eps", "fixed"},
        {"epsilon", "fixed"},
        {"amsgrad", "adam is always without amsgrad"},
        {"num_items", "the catalogue"},
        {"vocab_size", "the catalogue"},
        {"input_size", "the catalogue"},
        {"layer_norm_eps", "GRU layers only"},
        {"stateful", "its own state"},
        {"return_sequences", "its own state"},
        {"batch_first", "its own state"},
        {"temperature", "leave it out"},
        {"drop_last", "no last batch"},
        {"eval_args", "gru4rec_evaluate()"},
        {"n", "rank <= 10"},
        {"filter_seen", "exclude_seen = 1"},
        {"remove_seen", "exclude_seen = 1"},
        {"negatives", "did you mean 'n_sample'?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_leads(cases[i][0], TRAIN, cases[i][1]);
    check_leads("k", EVALUATE, "did you mean 'cutoffs'?");
    check_leads("topk", EVALUATE, "did you mean 'cutoffs'?");
    check_leads("top-k", EVALUATE, "did you mean 'cutoffs'?");
    check_leads("n", EVALUATE, "did you mean 'cutoffs'?");
    check_leads("negatives", EVALUATE, "candidates=sample=100");
    check_leads("num_negatives", EVALUATE, "candidates=sample=100");
    check_leads("remove_seen", EVALUATE, "did you mean 'exclude_seen'?");
    check_leads("source", EVALUATE, "gru4rec_evaluate('rec', 'clicks')");
}

/* Of a mistyped name the nearest counts, here or elsewhere; ours first. */
static void typing_errors(void)
{
    check_leads("optimzer", TRAIN, "did you mean 'adapt'?");
    check_leads("hiden_size", TRAIN, "did you mean 'layers'?");
    check_leads("lerning_rate", TRAIN, "did you mean 'learning_rate'?");
    check_leads("layer", TRAIN, "did you mean 'layers'?");
    check_leads("batch_siz", TRAIN, "did you mean 'batch_size'?");
    check_leads("sesion", TRAIN, "did you mean 'session'?");
    CHECK(g4r_synonyms_find("", TRAIN, 99) == NULL);
    CHECK(g4r_synonyms_find("x", TRAIN, 99) == NULL);
    CHECK(g4r_synonyms_find("qqqqqqqqqqqq", TRAIN, 99) == NULL);
    char longest[200];
    memset(longest, 'e', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    CHECK(g4r_synonyms_find(longest, TRAIN, 99) == NULL);
}

int main(void)
{
    RUN(names_are_there);
    RUN(words_lead_there);
    RUN(words_of_other_tools);
    RUN(typing_errors);
    return test_end();
}

/*
 * test_options.c - options.c: the table reads what it writes, and refuses what is out
 * of range with a message that helps. What depends on what: test_options_resolve.c.
 */
#include "../lib/option_sets.h"

/* ---- the table ---- */

static void defaults_are_the_documented_ones(void)
{
    static const char *const expected[][2] = {{"preset", "none"},
                                              {"layers", "100"},
                                              {"loss", "cross-entropy"},
                                              {"final_act", "auto"},
                                              {"elu_param", "0.5"},
                                              {"batch_size", "128"},
                                              {"n_epochs", "10"},
                                              {"learning_rate", "0.1"},
                                              {"momentum", "0"},
                                              {"dropout_p_embed", "0.2"},
                                              {"dropout_p_hidden", "0.2"},
                                              {"embedding", "0"},
                                              {"n_sample", "2048"},
                                              {"sample_alpha", "0.5"},
                                              {"bpreg", "1"},
                                              {"logq", "1"},
                                              {"reset_after", "true"},
                                              {"seed", "42"},
                                              {"keep_versions", "2"},
                                              {"keep_candidates", "2"},
                                              {"keep_history", "1000"},
                                              {"activate", "true"},
                                              {"version", "active"},
                                              {"version_a", "active"},
                                              {"version_b", "active"},
                                              {"memory_limit", "0"},
                                              {"quantize", "auto"},
                                              {"state_items", "32"},
                                              {"verbose", "auto"},
                                              {"cutoffs", "1/5/10/20"},
                                              {"mode", "conservative"},
                                              {"baselines", "none"},
                                              {"exclude_seen", "false"},
                                              {"candidates", "all"},
                                              {"last_only", "false"},
                                              {"ranks", "one"},
                                              {"segment", "none"},
                                              {"session_pop_top_n", "100"},
                                              {"item_knn_k", "100"},
                                              {"item_knn_lambda", "20"},
                                              {"item_knn_alpha", "0.5"},
                                              {"markov_pruning", "20"},
                                              {"sequential_rules_steps", "10"},
                                              {"sequential_rules_pruning", "20"},
                                              {"vs_knn_k", "500"},
                                              {"vs_knn_sample_size", "5000"},
                                              {"vs_knn_similarity", "vec"},
                                              {"vs_knn_weighting", "quadratic"},
                                              {"vs_knn_weighting_score", "div"},
                                              {"vs_knn_idf_weighting", "5"},
                                              {"stan_k", "500"},
                                              {"stan_sample_size", "5000"},
                                              {"stan_lambda_spw", "1.02"},
                                              {"stan_lambda_snh", "5"},
                                              {"stan_lambda_inh", "2.05"},
                                              {"constrained_embedding", "true"},
                                              {"smoothing", "0"},
                                              {"hidden_act", "tanh"},
                                              {"adapt", "adagrad"},
                                              {"adapt_params", ""},
                                              {"lmbd", "0"},
                                              {"grad_cap", "0"},
                                              {"sigma", "0"},
                                              {"init_as_normal", "false"},
                                              {"feedforward", ""},
                                              {"feedforward_act", "tanh"},
                                              {"bptt", "1"},
                                              {"time_sort", "true"},
                                              {"train_random_order", "false"},
                                              {"since", ""},
                                              {"until", ""},
                                              {"session_gap", "0"},
                                              {"collapse_repeats", "false"},
                                              {"min_support", "1"},
                                              {"keep_empty", "false"},
                                              {"min_length", "1"},
                                              {"max_length", "0"},
                                              {"long_sessions", "cut"},
                                              {"single_events", "leave_out"},
                                              {"bad_rows", "0"},
                                              {"validation", "0"},
                                              {"patience", "0"},
                                              {"warm_start", "false"},
                                              {"support_decay", "0"},
                                              {"checkpoint_epochs", "0"},
                                              {"resume", "false"},
                                              {"keep_optimizer", "false"},
                                              {"biases", "true"},
                                              {"whole_sessions", "false"},
                                              {"threads", "0"},
                                              {"groups", "1"},
                                              {"shard", "own"},
                                              {"replicate", "all"},
                                              {"precision", "float32"},
                                              {"sync_steps", "1"},
                                              {"exchange_precision", "float32"},
                                              {"commit_wait", "0"},
                                              {"blend", "0.5"},
                                              {"blend_sessions", "1000000"},
                                              {"tuned", "false"},
                                              {"sessions", "false"},
                                              {"trials", "40"},
                                              {"minutes", "0"},
                                              {"objective", "mrr@20"},
                                              {"space", "default"},
                                              {"test", "none"},
                                              {"label", "none"},
                                              {"titles", "none"}};
    const size_t n = sizeof expected / sizeof *expected;
    gru4rec_options options = defaults();
    CHECK_INT(n, gru4rec_option_count());
    for (size_t i = 0; i < n; i++)
        check_text_of(&options, expected[i][0], expected[i][1]);
    CHECK_INT(0, count_set(&options));
    CHECK(options.layers.n == 1 && options.layers.values[0] == 100);
    CHECK_NEAR(0.1, options.learning_rate, 0);
    CHECK_INT(1, options.reset_after);
}

static void defaults_round_trip_through_text(void)
{
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_info info;
        gru4rec_options options = defaults(), other = defaults();
        char text[400];
        gru4rec_option_describe(i, &info);
        gru4rec_option_text(&options, i, text, sizeof text);
        CHECK_TEXT(info.default_text, text);
        CHECK_INT(GRU4REC_OK,
                  gru4rec_options_set(&other, info.scope, info.name, text, NULL));
        CHECK(gru4rec_option_is_set(&other, i));
        CHECK_INT(1, count_set(&other));
        other.is_set[i] = false;
        check_same(&options, &other);
    }
}

static void descriptions_are_complete(void)
{
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_info info;
        gru4rec_option_describe(i, &info);
        CHECK(strlen(info.name) > 0 && strlen(info.help) > 0);
        CHECK(strlen(info.range) > 0 && strlen(info.range) < sizeof info.range - 1);
        CHECK(strlen(info.default_text) < sizeof info.default_text - 1);
        CHECK(info.scope > 0 && info.scope < 2 * PLOT);
    }
    gru4rec_option_info info;
    gru4rec_option_describe(index_of("layers"), &info);
    CHECK_INT(GRU4REC_OPTION_LIST, info.type);
    gru4rec_option_describe(index_of("momentum"), &info);
    CHECK_INT(GRU4REC_OPTION_REAL, info.type);
    CHECK(strstr(info.range, "below 1") != NULL);
    gru4rec_option_describe(index_of("loss"), &info);
    CHECK_INT(GRU4REC_OPTION_TEXT, info.type);
    CHECK_TEXT("cross-entropy, xe_logit, bpr, bpr-max, top1, top1-max", info.range);
    gru4rec_option_describe(index_of("adapt_params"), &info);
    CHECK_INT(GRU4REC_OPTION_LIST, info.type);
    gru4rec_option_describe(index_of("feedforward"), &info);
    CHECK_INT(GRU4REC_OPTION_LIST, info.type);
    gru4rec_option_describe(index_of("hidden_act"), &info);
    CHECK_INT(GRU4REC_OPTION_TEXT, info.type);
    gru4rec_option_describe(index_of("baselines"), &info);
    CHECK_INT(GRU4REC_OPTION_LIST, info.type);
    gru4rec_option_describe(index_of("reset_after"), &info);
    CHECK_INT(GRU4REC_OPTION_BOOLEAN, info.type);
    gru4rec_option_describe(index_of("seed"), &info);
    CHECK_INT(GRU4REC_OPTION_INTEGER, info.type);
    CHECK(strstr(info.range, "9007199254740992") != NULL);
}

static void text_is_cut_to_its_size(void)
{
    gru4rec_options options = WITH("layers", "100/200/300");
    size_t index = index_of("layers");
    char text[16];
    for (size_t size = 0; size <= sizeof text; size++) {
        memset(text, '#', sizeof text);
        CHECK_INT(11, gru4rec_option_text(&options, index, text, size));
        for (size_t i = size; i < sizeof text; i++)
            CHECK_INT('#', text[i]);
        if (size > 0)
            CHECK(strncmp(text, "100/200/300", G4R_MIN(size - 1, 11)) == 0 &&
                  strlen(text) == G4R_MIN(size - 1, 11));
    }
    CHECK_INT(11, gru4rec_option_text(&options, index, NULL, 0));
}

/* ---- accepted ---- */

typedef struct accepted {
    const char *name, *value, *text; /* text: how it is written again */
} accepted;

static void accepted_values(void)
{
    static const accepted cases[] = {
        {"preset", "RSC15", "rsc15"},
        {"preset", "rees46_bprmax", "rees46_bprmax"},
        {"layers", "100/50", "100/50"},
        {"layers", "1", "1"},
        {"layers", "65536", "65536"},
        {"layers", "1e2/2.0", "100/2"},
        {"loss", "bpr-max", "bpr-max"},
        {"loss", "BPR-Max", "bpr-max"},
        {"LOSS", "Cross-Entropy", "cross-entropy"},
        {"final_act", "linear", "linear"},
        {"final_act", "Softmax", "softmax"},
        {"final_act", "elu-0.5", "elu-0.5"},
        {"final_act", "ELU-1", "elu-1"},
        {"final_act", "elu-99.5", "elu-99.5"},
        {"batch_size", "1", "1"},
        {"batch_size", "65536", "65536"},
        {"batch_size", "32.0", "32"},
        {"n_sample", "0", "0"},
        {"n_sample", "1e6", "1000000"},
        {"learning_rate", "0.1", "0.1"},
        {"learning_rate", "1e-9", "1e-09"},
        {"momentum", "0.999999", "0.999999"},
        {"Momentum", ".5", "0.5"},
        {"dropout_p_embed", "0.3333333333333333", "0.3333333333333333"},
        {"embedding", "layersize", "layersize"},
        {"embedding", "LayerSize", "layersize"},
        {"embedding", "12", "12"},
        {"constrained_embedding", "False", "false"},
        {"constrained_embedding", "0", "false"},
        {"constrained_embedding", "off", "false"},
        {"constrained_embedding", "no", "false"},
        {"constrained_embedding", "1", "true"},
        {"constrained_embedding", "on", "true"},
        {"constrained_embedding", "YES", "true"},
        {"seed", "9007199254740992", "9007199254740992"},
        {"seed", "9007199254740991", "9007199254740991"},
        {"verbose", "true", "true"},
        {"verbose", "false", "false"},
        {"loss", "XE_Logit", "xe_logit"},
        {"loss", "bpr", "bpr"},
        {"loss", "top1", "top1"},
        {"loss", "TOP1-max", "top1-max"},
        {"final_act", "relu", "relu"},
        {"final_act", "selu-1.05-1.67", "selu-1.05-1.67"},
        {"final_act", "softmax_logit", "softmax_logit"},
        {"hidden_act", "leaky-0.1", "leaky-0.1"},
        {"hidden_act", "linear", "linear"},
        {"feedforward_act", "Elu-2", "elu-2"},
        {"adapt", "Adam", "adam"},
        {"adapt_params", "0.9/0.999", "0.9/0.999"},
        {"adapt_params", "", ""},
        {"feedforward", "50/20", "50/20"},
        {"feedforward", "", ""},
        {"smoothing", "0.1", "0.1"},
        {"lmbd", "1e-4", "0.0001"},
        {"grad_cap", "1e9", "1000000000"},
        {"sigma", "0.05", "0.05"},
        {"init_as_normal", "yes", "true"},
        {"bptt", "19", "19"},
        {"time_sort", "0", "false"},
        {"train_random_order", "1", "true"},
        {"warm_start", "on", "true"},
        {"since", "2026-11-24", "2026-11-24"},
        {"since", "LAST", "last"},
        {"support_decay", "0.75", "0.75"},
        {"support_decay", "1", "1"},
        {"until", "1700000000", "1700000000"},
        {"session_gap", "1800", "1800"},
        {"collapse_repeats", "1", "true"},
        {"min_support", "5", "5"},
        {"keep_empty", "yes", "true"},
        {"min_length", "2", "2"},
        {"max_length", "1000", "1000"},
        {"long_sessions", "DROP", "drop"},
        {"single_events", "count", "count"},
        {"bad_rows", "0.01", "0.01"},
        {"since", "2026-11-24 00:00:00 UTC", "2026-11-24 00:00:00 UTC"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const accepted *c = &cases[i];
        char lower[40] = "";
        gru4rec_options options = WITH(c->name, c->value);
        for (size_t k = 0; c->name[k]; k++)
            lower[k] = (char)(c->name[k] | (c->name[k] == '_' ? 0 : 0x20));
        check_text_of(&options, lower, c->text);
        CHECK(gru4rec_option_is_set(&options, index_of(lower)));
    }
}

static void reals_keep_every_bit(void)
{
    static const char *const values[] = {"0.1", "0.30000000000000004", "1e-05",
                                         "0.016666666666666666", "99.99999999999999"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        gru4rec_options options = WITH("learning_rate", values[i]);
        CHECK_NEAR(strtod(values[i], NULL), options.learning_rate, 0);
        check_text_of(&options, "learning_rate", values[i]);
    }
}

static void ends_of_ranges_are_accepted(void)
{
    gru4rec_options options = WITH("final_act", "elu-100", "bpreg", "1000", "logq", "100",
                                   "sample_alpha", "10", "memory_limit", "0");
    CHECK_NEAR(100, options.final_act.a, 0);
    CHECK_NEAR(1000, options.bpreg, 0);
    CHECK_NEAR(100, options.logq, 0);
    CHECK_NEAR(10, options.sample_alpha, 0);
}

static void lists_take_up_to_32_integers(void)
{
    char text[200] = "";
    gru4rec_options options = defaults();
    gru4rec_error error;
    for (int i = 0; i < GRU4REC_MAX_LIST; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%d",
                 i > 0 ? "/" : "", i + 1);
    CHECK_INT(GRU4REC_OK, gru4rec_options_set(&options, TRAIN, "layers", text, &error));
    CHECK_INT(32, options.layers.n);
    for (int i = 0; i < GRU4REC_MAX_LIST; i++)
        CHECK_INT(i + 1, options.layers.values[i]);
    check_text_of(&options, "layers", text);
    strcat(text, "/33");
    CHECK_INT(GRU4REC_INVALID,
              gru4rec_options_set(&options, TRAIN, "layers", text, &error));
    CHECK_INT(32, options.layers.n);
    CHECK_INT(GRU4REC_OK,
              gru4rec_options_set(&options, EVALUATE, "cutoffs", "20", &error));
    CHECK(options.cutoffs.n == 1 && options.cutoffs.values[0] == 20);
}

/* ---- refused ---- */

typedef struct refused {
    const char *name, *value;
} refused;

/* The message names option, value and range; the options stay as they were. */
static void refused_values(void)
{
    static const refused cases[] = {
        {"preset", ""},
        {"preset", "rsc"},
        {"layers", ""},
        {"layers", "0"},
        {"layers", "65537"},
        {"layers", "100/"},
        {"layers", "/100"},
        {"layers", "100//50"},
        {"layers", "100,50"},
        {"layers", "a"},
        {"layers", "1.5"},
        {"layers", "100/ 50"},
        {"loss", "top2"},
        {"loss", ""},
        {"loss", "cross"},
        {"loss", "bpr-max|x"},
        {"final_act", "gelu"},
        {"final_act", "elu"},
        {"final_act", "elu-"},
        {"final_act", "elu-0"},
        {"final_act", "elu--1"},
        {"final_act", "elu-101"},
        {"final_act", "elu-x"},
        {"elu_param", "-0.1"},
        {"elu_param", "101"},
        {"batch_size", "0"},
        {"batch_size", "65537"},
        {"batch_size", "1.5"},
        {"batch_size", "ten"},
        {"batch_size", ""},
        {"batch_size", " 5"},
        {"batch_size", "5 "},
        {"batch_size", "nan"},
        {"batch_size", "inf"},
        {"batch_size", "-5"},
        {"n_epochs", "0"},
        {"learning_rate", "0"},
        {"learning_rate", "-1"},
        {"learning_rate", "nan"},
        {"learning_rate", "inf"},
        {"learning_rate", "1e999"},
        {"momentum", "1"},
        {"momentum", "-0.1"},
        {"dropout_p_embed", "1"},
        {"dropout_p_hidden", "1.0"},
        {"embedding", "-1"},
        {"embedding", "layer"},
        {"n_sample", "-1"},
        {"n_sample", "1000001"},
        {"seed", "-1"},
        {"seed", "9007199254740994"},
        {"reset_after", "2"},
        {"reset_after", "maybe"},
        {"reset_after", ""},
        {"verbose", "loud"},
        {"keep_versions", "0"},
        {"keep_candidates", "0"},
        {"keep_history", "-1"},
        {"activate", "2"},
        {"state_items", "0"},
        {"state_items", "1001"},
        {"blend", "-1"},
        {"blend", "100.5"},
        {"blend", "network"},
        {"blend_sessions", "0"},
        {"blend_sessions", "2147483648"},
        {"hidden_act", "softmax"},
        {"hidden_act", "auto"},
        {"hidden_act", "selu-1.05"},
        {"feedforward_act", "softmax_logit"},
        {"adapt", "adamw"},
        {"adapt_params", "1"},
        {"adapt_params", "0.9/"},
        {"adapt_params", "0.1/0.1/0.1/0.1/0.1"},
        {"feedforward", "0"},
        {"feedforward", "4/"},
        {"smoothing", "1"},
        {"lmbd", "-1"},
        {"grad_cap", "-1"},
        {"sigma", "-0.1"},
        {"sigma", "101"},
        {"init_as_normal", "2"},
        {"bptt", "0"},
        {"bptt", "1001"},
        {"since", "yesterday"},
        {"since", "lastly"},
        {"until", "last"},
        {"support_decay", "1.1"},
        {"support_decay", "-0.1"},
        {"until", "2026/11/24"},
        {"session_gap", "-1"},
        {"min_support", "0"},
        {"min_length", "0"},
        {"max_length", "-1"},
        {"long_sessions", "last"},
        {"single_events", "drop"},
        {"bad_rows", "1"},
        {"bad_rows", "-0.1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const refused *c = &cases[i];
        gru4rec_options options = defaults(), before = defaults();
        gru4rec_error error = {""};
        gru4rec_option_info info;
        char quoted[80];
        if (!CHECK_INT(GRU4REC_INVALID,
                       gru4rec_options_set(&options, TRAIN, c->name, c->value, &error)))
            printf("%s = '%s' was taken\n", c->name, c->value);
        gru4rec_option_describe(index_of(c->name), &info);
        snprintf(quoted, sizeof quoted, "'%s'", c->value);
        check_message(&error, c->name);
        check_message(&error, quoted);
        check_message(&error, info.range);
        check_same(&before, &options);
    }
}

static void unknown_name_brings_the_nearest(void)
{
    static const char *const cases[][2] = {{"layer", "layers"},
                                           {"learnin_rate", "learning_rate"},
                                           {"batchsize", "batch_size"},
                                           {"n_epoch", "n_epochs"},
                                           {"BATCH-SIZE", "batch_size"},
                                           {"momentun", "momentum"},
                                           {"embeding", "embedding"},
                                           {"sample_alfa", "sample_alpha"},
                                           {"dropout_p_embd", "dropout_p_embed"},
                                           {"log_q", "logq"},
                                           {"feedfoward", "feedforward"},
                                           {"adapt_param", "adapt_params"},
                                           {"hidden_action", "hidden_act"},
                                           {"lambda", "lmbd"},
                                           {"random_order", "train_random_order"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gru4rec_options options = defaults(), before = defaults();
        gru4rec_error error = {""};
        char quoted[64];
        CHECK_INT(GRU4REC_INVALID,
                  gru4rec_options_set(&options, TRAIN, cases[i][0], "1", &error));
        snprintf(quoted, sizeof quoted, "'%s'", cases[i][0]);
        check_message(&error, quoted);
        snprintf(quoted, sizeof quoted, "'%s'", cases[i][1]);
        check_message(&error, quoted);
        check_same(&before, &options);
    }
}

static void nearest_is_of_the_scope(void)
{
    gru4rec_options options = defaults();
    gru4rec_error error = {""};
    CHECK_INT(GRU4REC_INVALID,
              gru4rec_options_set(&options, EVALUATE, "cutof", "5", &error));
    check_message(&error, "'cutoffs'");
    CHECK_INT(GRU4REC_INVALID,
              gru4rec_options_set(&options, EVALUATE, "mod", "5", &error));
    check_message(&error, "'mode'");
    /* Nearer ones of the other scope are not offered. */
    CHECK_INT(GRU4REC_INVALID,
              gru4rec_options_set(&options, EVALUATE, "layer", "5", &error));
    CHECK(strstr(error.message, "'layers'") == NULL);
    CHECK_INT(GRU4REC_INVALID,
              gru4rec_options_set(&options, TRAIN, "cutof", "5", &error));
    CHECK(strstr(error.message, "'cutoffs'") == NULL);
}

static void far_name_brings_none(void)
{
    static const char *const names[] = {
        "",
        "x",
        "qq",
        "xyz",
        "tyme_x",
        "foo_bar",
        "drop_anchors",
        "a_name_that_is_much_longer_than_any_option_"
        "could_ever_be_whatever_is_added_to_the_table",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        gru4rec_options options = defaults();
        gru4rec_error error = {""};
        CHECK_INT(GRU4REC_INVALID,
                  gru4rec_options_set(&options, TRAIN, names[i], "5", &error));
        check_message(&error, "'; SELECT * FROM gru4rec_options lists all");
    }
}

/* An integer, or a word of several. */
static void version_takes_words(void)
{
    static const struct {
        const char *value, *text;
        int64_t version;
    } cases[] = {{"active", "active", -1},
                 {"Previous", "previous", -2},
                 {"NEWEST", "newest", -3},
                 {"1", "1", 1},
                 {"7.0", "7", 7},
                 {"1e15", "1000000000000000", 1000000000000000}};
    static const char *const bad[] = {"0", "-1",   "-2",  "1.5",
                                      "",  "best", "new", "active|previous"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int scope = EVALUATE; scope <= EXPORT; scope *= 2) {
            gru4rec_options options = defaults();
            CHECK_INT(GRU4REC_OK,
                      gru4rec_options_set(&options, (gru4rec_option_scope)scope,
                                          "version", cases[i].value, NULL));
            CHECK_INT(cases[i].version, options.version);
            check_text_of(&options, "version", cases[i].text);
        }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        gru4rec_options options = defaults();
        gru4rec_error error = {""};
        CHECK_INT(GRU4REC_INVALID,
                  gru4rec_options_set(&options, EVALUATE, "version", bad[i], &error));
        check_message(&error, "or active, previous, newest");
        CHECK_INT(GRU4REC_VERSION_ACTIVE, options.version);
    }
}

static void other_scope_is_refused(void)
{
    gru4rec_options options = defaults(), before = defaults();
    gru4rec_error error = {""};
    CHECK_INT(GRU4REC_INVALID,
              gru4rec_options_set(&options, TRAIN, "cutoffs", "5", &error));
    check_message(&error, "cutoffs");
    check_message(&error, "gru4rec_evaluate");
    CHECK_INT(GRU4REC_INVALID,
              gru4rec_options_set(&options, TRAIN, "version", "5", &error));
    check_message(&error, "belongs to gru4rec_evaluate() and gru4rec_export()");
    CHECK_INT(GRU4REC_INVALID,
              gru4rec_options_set(&options, EXPORT, "cutoffs", "5", &error));
    check_message(&error, "belongs to gru4rec_evaluate(); give it there");
    CHECK_INT(GRU4REC_INVALID,
              gru4rec_options_set(&options, EVALUATE, "version_a", "5", &error));
    check_message(&error, "belongs to gru4rec_compare(); give it there");
    CHECK_INT(GRU4REC_INVALID,
              gru4rec_options_set(&options, TRAIN, "trials", "5", &error));
    check_message(&error, "belongs to gru4rec_tune(); give it there");
    CHECK_INT(GRU4REC_INVALID,
              gru4rec_options_set(&options, EVALUATE, "layers", "5", &error));
    check_message(&error, "layers");
    check_message(&error, "training");
    check_same(&before, &options);
}

/* Long names and values are cut; a message never overflows; error may be NULL. */
static void long_input_is_cut_in_messages(void)
{
    char text[2000];
    gru4rec_options options = defaults();
    gru4rec_error error = {""};
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    CHECK_INT(GRU4REC_INVALID, gru4rec_options_set(&options, TRAIN, text, "1", &error));
    CHECK(strlen(error.message) < 200);
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_info info;
        gru4rec_option_describe(i, &info);
        CHECK_INT(GRU4REC_INVALID,
                  gru4rec_options_set(&options, info.scope, info.name, text, &error));
        CHECK(strlen(error.message) < 300);
        check_message(&error, info.range);
        CHECK_INT(GRU4REC_INVALID,
                  gru4rec_options_set(&options, info.scope, info.name, text, NULL));
    }
}

/* Stored options that lack one mean what was done before there was one; a preset among
 * them does not change that. */
static void stored_options_mean_what_they_meant(void)
{
    gru4rec_options options;
    gru4rec_options_init_stored(&options);
    check_text_of(&options, "single_events", "count");
    check_text_of(&options, "keep_empty", "true");
    check_text_of(&options, "min_length", "1");
    check_text_of(&options, "batch_size", "64");
    check_text_of(&options, "learning_rate", "0.07");
    check_text_of(&options, "dropout_p_embed", "0.3");
    check_text_of(&options, "blend", "0");
    CHECK_INT(GRU4REC_OK, gru4rec_options_set(&options, GRU4REC_SCOPE_TRAIN, "preset",
                                              "official", NULL));
    check_text_of(&options, "single_events", "count");
    CHECK_INT(GRU4REC_OK, gru4rec_options_set(&options, GRU4REC_SCOPE_TRAIN,
                                              "single_events", "leave_out", NULL));
    check_text_of(&options, "single_events", "leave_out");
    CHECK_INT(2, count_set(&options));
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_info info;
        gru4rec_option_describe(i, &info);
        CHECK_INT(strcmp(info.name, "single_events") == 0 ||
                      strcmp(info.name, "keep_empty") == 0 ||
                      strcmp(info.name, "blend") == 0,
                  info.is_stored);
    }
}

/* A model's own defaults: they are not set, so a preset, what is set, and rules between
 * options go before them, in any order. */
static void defaults_of_a_model(void)
{
    static const char *const pairs[][2] = {{"momentum", "0.25"},
                                           {"LAYERS", "7"},
                                           {"learning_rate", "0.5"}};
    gru4rec_options options = WITH("momentum", "0.1"), before;
    gru4rec_error error = {""};
    for (int k = 0; k < 3; k++)
        CHECK_INT(GRU4REC_OK, gru4rec_options_set_default(&options, TRAIN, pairs[k][0],
                                                          pairs[k][1], &error));
    check_text_of(&options, "momentum", "0.1");
    check_text_of(&options, "layers", "7");
    CHECK_INT(1, count_set(&options));
    before = options;
    static const char *const wrong[][2] = {{"momentum", "1"},
                                           {"lairs", "7"},
                                           {"cutoffs", "5"}};
    for (int k = 0; k < 3; k++) {
        CHECK_INT(GRU4REC_INVALID,
                  gru4rec_options_set_default(&options, TRAIN, wrong[k][0], wrong[k][1],
                                              &error));
        check_message(&error, wrong[k][0]);
        check_same(&before, &options);
    }
    gru4rec_options plain = options;
    CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&plain, &error));
    check_text_of(&plain, "learning_rate", "0.5");
    CHECK_INT(GRU4REC_OK, gru4rec_options_set(&options, TRAIN, "adapt", "adam", &error));
    gru4rec_options adam = options;
    CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&adam, &error));
    check_text_of(&adam, "learning_rate", "0.002");
    CHECK_INT(GRU4REC_OK,
              gru4rec_options_set(&options, TRAIN, "adapt", "adagrad", &error));
    CHECK_INT(GRU4REC_OK,
              gru4rec_options_set(&options, TRAIN, "preset", "rsc15", &error));
    CHECK_INT(GRU4REC_OK,
              gru4rec_options_set(&options, TRAIN, "preset", "coveo", &error));
    CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&options, &error));
    check_text_of(&options, "layers", "512");
    check_text_of(&options, "learning_rate", "0.05");
    check_text_of(&options, "momentum", "0.1");
}

/* Taken back, an option is what it is in the defaults, or the preset's. */
static void options_are_taken_back(void)
{
    gru4rec_options base = defaults();
    gru4rec_error error = {""};
    CHECK_INT(GRU4REC_OK,
              gru4rec_options_set_default(&base, TRAIN, "layers", "9/8", &error));
    gru4rec_options options = base;
    CHECK_INT(GRU4REC_OK, gru4rec_options_set(&options, TRAIN, "layers", "5", &error));
    CHECK_INT(GRU4REC_OK,
              gru4rec_options_set(&options, TRAIN, "preset", "rsc15", &error));
    gru4rec_options other = options;
    CHECK_INT(GRU4REC_OK,
              gru4rec_options_unset(&options, TRAIN, "Layers", &base, &error));
    check_text_of(&options, "layers", "9/8");
    CHECK_INT(1, count_set(&options));
    CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&options, &error));
    check_text_of(&options, "layers", "100");
    CHECK_INT(GRU4REC_OK, gru4rec_options_unset(&other, TRAIN, "preset", &base, &error));
    CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&other, &error));
    check_text_of(&other, "layers", "5");
    check_text_of(&other, "batch_size", "128");
    gru4rec_options before = other;
    CHECK_INT(GRU4REC_INVALID,
              gru4rec_options_unset(&other, TRAIN, "layer", &base, &error));
    check_message(&error, "layers");
    CHECK_INT(GRU4REC_INVALID,
              gru4rec_options_unset(&other, TRAIN, "cutoffs", &base, &error));
    check_same(&before, &other);
}

int main(void)
{
    RUN(defaults_are_the_documented_ones);
    RUN(defaults_round_trip_through_text);
    RUN(descriptions_are_complete);
    RUN(text_is_cut_to_its_size);
    RUN(accepted_values);
    RUN(reals_keep_every_bit);
    RUN(ends_of_ranges_are_accepted);
    RUN(lists_take_up_to_32_integers);
    RUN(refused_values);
    RUN(unknown_name_brings_the_nearest);
    RUN(nearest_is_of_the_scope);
    RUN(far_name_brings_none);
    RUN(version_takes_words);
    RUN(other_scope_is_refused);
    RUN(long_input_is_cut_in_messages);
    RUN(stored_options_mean_what_they_meant);
    RUN(defaults_of_a_model);
    RUN(options_are_taken_back);
    return test_end();
}

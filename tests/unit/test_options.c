/*
 * test_options.c - src/options.c: the table reads what it writes, refuses what is out of
 * range with a message that helps, and settles what depends on what.
 */
#include "../lib/test.h"

#include "../../src/base.h"

#define TRAIN GRU4REC_SCOPE_TRAIN
#define EVALUATE GRU4REC_SCOPE_EVALUATE

static gru4rec_options defaults(void)
{
    gru4rec_options options;
    gru4rec_options_init(&options);
    return options;
}

static size_t index_of(const char *name)
{
    gru4rec_option_info info;
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_describe(i, &info);
        if (strcmp(info.name, name) == 0)
            return i;
    }
    CHECK_TEXT(name, "a name in the table");
    return 0;
}

static void check_text_of(const gru4rec_options *options, const char *name,
                          const char *expected)
{
    char text[400];
    size_t length = gru4rec_option_text(options, index_of(name), text, sizeof text);
    CHECK_TEXT(expected, text);
    CHECK_INT(strlen(text), length);
}

/* Sets name=value pairs, NULL at the end; all are fine. */
static gru4rec_options with(const char *const *pairs)
{
    gru4rec_options options = defaults();
    gru4rec_error error = {""};
    for (; pairs != NULL && *pairs != NULL; pairs += 2)
        if (!CHECK_INT(GRU4REC_OK,
                       gru4rec_options_set(&options, TRAIN, pairs[0], pairs[1], &error)))
            printf("%s\n", error.message);
    return options;
}

#define WITH(...) with((const char *const[]){__VA_ARGS__, NULL})

/* Byte for byte the same, padding excepted: by the text of each option. */
static void check_same(const gru4rec_options *a, const gru4rec_options *b)
{
    char x[400], y[400];
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_text(a, i, x, sizeof x);
        gru4rec_option_text(b, i, y, sizeof y);
        CHECK_TEXT(x, y);
    }
    CHECK(a->explicit_set == b->explicit_set);
}

static void check_message(const gru4rec_error *error, const char *part)
{
    if (!CHECK(strstr(error->message, part) != NULL))
        printf("'%s' is not in '%s'\n", part, error->message);
}

/* ---- the table ---- */

static void defaults_are_the_documented_ones(void)
{
    static const char *const expected[][2] = {{"layers", "100"},
                                              {"loss", "cross-entropy"},
                                              {"final_act", "auto"},
                                              {"elu_param", "0.5"},
                                              {"batch_size", "64"},
                                              {"n_epochs", "10"},
                                              {"learning_rate", "0.05"},
                                              {"momentum", "0"},
                                              {"dropout_p_embed", "0"},
                                              {"dropout_p_hidden", "0"},
                                              {"embedding", "0"},
                                              {"n_sample", "2048"},
                                              {"sample_alpha", "0.5"},
                                              {"bpreg", "1"},
                                              {"logq", "0"},
                                              {"reset_after", "true"},
                                              {"seed", "42"},
                                              {"keep_versions", "2"},
                                              {"memory_limit", "0"},
                                              {"verbose", "auto"},
                                              {"cutoffs", "1/5/10/20"},
                                              {"mode", "conservative"},
                                              {"baselines", "none"},
                                              {"constrained_embedding", "true"}};
    const size_t n = sizeof expected / sizeof *expected;
    gru4rec_options options = defaults();
    CHECK_INT(n, gru4rec_option_count());
    for (size_t i = 0; i < n; i++)
        check_text_of(&options, expected[i][0], expected[i][1]);
    CHECK(options.explicit_set == 0);
    CHECK(options.layers.n == 1 && options.layers.values[0] == 100);
    CHECK_NEAR(0.05, options.learning_rate, 0);
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
        CHECK(other.explicit_set == (uint64_t)1 << i);
        other.explicit_set = 0;
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
        CHECK(info.scope == TRAIN || info.scope == EVALUATE);
    }
    gru4rec_option_info info;
    gru4rec_option_describe(index_of("layers"), &info);
    CHECK_INT(GRU4REC_OPTION_LIST, info.type);
    gru4rec_option_describe(index_of("momentum"), &info);
    CHECK_INT(GRU4REC_OPTION_REAL, info.type);
    CHECK(strstr(info.range, "below 1") != NULL);
    gru4rec_option_describe(index_of("loss"), &info);
    CHECK_INT(GRU4REC_OPTION_TEXT, info.type);
    CHECK_TEXT("cross-entropy, bpr-max", info.range);
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
    CHECK_NEAR(100, options.final_act.alpha, 0);
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
        {"loss", "top1"},
        {"loss", ""},
        {"loss", "cross"},
        {"loss", "bpr-max|x"},
        {"final_act", "relu"},
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
                                           {"log_q", "logq"}};
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
    /* Whatever the name is like, some option is named. */
    CHECK_INT(GRU4REC_INVALID, gru4rec_options_set(&options, TRAIN, "", "5", &error));
    check_message(&error, "did you mean '");
    CHECK_INT(
        GRU4REC_INVALID,
        gru4rec_options_set(&options, TRAIN,
                            "a_name_that_is_much_longer_than_any_option_could_ever_be",
                            "5", &error));
    check_message(&error, "did you mean '");
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

/* ---- what depends on what ---- */

static gru4rec_options resolved(gru4rec_options options)
{
    gru4rec_error error = {""};
    if (!CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&options, &error)))
        printf("%s\n", error.message);
    /* A second time changes nothing. */
    gru4rec_options again = options;
    CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&again, &error));
    check_same(&options, &again);
    return options;
}

static void refuse(gru4rec_options options, const char *part)
{
    gru4rec_error error = {""};
    gru4rec_options before = options;
    CHECK_INT(GRU4REC_INVALID, gru4rec_options_resolve(&options, &error));
    check_message(&error, part);
    check_same(&before, &options);
}

static void loss_decides_the_final_activation(void)
{
    gru4rec_options options = resolved(defaults());
    CHECK_INT(GRU4REC_ACT_SOFTMAX, options.final_act.kind);
    CHECK_NEAR(0, options.elu_param, 0);
    CHECK_NEAR(0, options.bpreg, 0);
    options = resolved(WITH("loss", "bpr-max"));
    CHECK_INT(GRU4REC_ACT_ELU, options.final_act.kind);
    CHECK_NEAR(0.5, options.final_act.alpha, 0);
    CHECK_NEAR(0.5, options.elu_param, 0);
    CHECK_NEAR(1, options.bpreg, 0);
    options = resolved(WITH("loss", "bpr-max", "elu_param", "0"));
    CHECK_INT(GRU4REC_ACT_LINEAR, options.final_act.kind);
    options = resolved(WITH("loss", "bpr-max", "elu_param", "0.7"));
    CHECK_INT(GRU4REC_ACT_ELU, options.final_act.kind);
    CHECK_NEAR(0.7, options.final_act.alpha, 0);
    options = resolved(WITH("loss", "bpr-max", "final_act", "elu-0.7"));
    CHECK_NEAR(0.7, options.elu_param, 0);
    options = resolved(WITH("loss", "bpr-max", "final_act", "linear"));
    CHECK_INT(GRU4REC_ACT_LINEAR, options.final_act.kind);
    CHECK_NEAR(0, options.elu_param, 0);
    options = resolved(WITH("loss", "bpr-max", "final_act", "linear", "elu_param", "0"));
    CHECK_INT(GRU4REC_ACT_LINEAR, options.final_act.kind);
    options =
        resolved(WITH("loss", "bpr-max", "final_act", "elu-0.7", "elu_param", "0.7"));
    CHECK_NEAR(0.7, options.final_act.alpha, 0);
    /* Complete parameter sets of the officials. */
    options = resolved(WITH("loss", "cross-entropy", "bpreg", "0", "elu_param", "0",
                            "final_act", "softmax", "logq", "1"));
    CHECK_INT(GRU4REC_ACT_SOFTMAX, options.final_act.kind);
    resolved(WITH("loss", "cross-entropy", "bpreg", "1"));
}

static void contradictions_in_the_loss_are_refused(void)
{
    refuse(WITH("final_act", "linear"), "cross-entropy");
    refuse(WITH("final_act", "elu-0.5"), "cross-entropy");
    refuse(WITH("loss", "bpr-max", "final_act", "softmax"), "bpr-max");
    refuse(WITH("elu_param", "0.5"), "elu_param 0.5");
    refuse(WITH("loss", "bpr-max", "final_act", "linear", "elu_param", "0.5"),
           "final_act");
    refuse(WITH("loss", "bpr-max", "final_act", "elu-0.7", "elu_param", "0.5"),
           "elu_param 0.5");
    refuse(WITH("loss", "bpr-max", "final_act", "elu-0.7", "elu_param", "0"),
           "elu_param 0");
    refuse(WITH("loss", "bpr-max", "logq", "1"), "logq");
    refuse(WITH("bpreg", "0.5"), "bpreg");
}

static void embedding_decides_the_input(void)
{
    gru4rec_options options = resolved(defaults());
    CHECK(options.embedding == 0 && options.constrained_embedding == 1);
    options = resolved(WITH("constrained_embedding", "false"));
    CHECK(options.embedding == 0 && options.constrained_embedding == 0);
    options = resolved(WITH("embedding", "32"));
    CHECK(options.embedding == 32 && options.constrained_embedding == 0);
    options = resolved(WITH("embedding", "layersize", "layers", "64/48"));
    CHECK(options.embedding == 64 && options.constrained_embedding == 0);
    options = resolved(WITH("embedding", "16", "constrained_embedding", "false"));
    CHECK(options.embedding == 16 && options.constrained_embedding == 0);
    options = resolved(WITH("embedding", "0", "constrained_embedding", "true"));
    CHECK(options.embedding == 0 && options.constrained_embedding == 1);
    options = resolved(WITH("dropout_p_embed", "0.5"));
    CHECK_NEAR(0.5, options.dropout_p_embed, 0);
    options = resolved(WITH("dropout_p_hidden", "0.5", "constrained_embedding", "0"));
    CHECK_NEAR(0.5, options.dropout_p_hidden, 0);
    resolved(WITH("dropout_p_embed", "0.5", "embedding", "8"));
}

static void contradictions_in_the_input_are_refused(void)
{
    refuse(WITH("embedding", "32", "constrained_embedding", "true"), "embedding");
    refuse(WITH("embedding", "layersize", "constrained_embedding", "true"),
           "constrained_embedding");
    refuse(WITH("constrained_embedding", "false", "dropout_p_embed", "0.5"),
           "dropout_p_embed");
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
    RUN(other_scope_is_refused);
    RUN(long_input_is_cut_in_messages);
    RUN(loss_decides_the_final_activation);
    RUN(contradictions_in_the_loss_are_refused);
    RUN(embedding_decides_the_input);
    RUN(contradictions_in_the_input_are_refused);
    return test_end();
}

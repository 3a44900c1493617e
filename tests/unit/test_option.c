/*
 * test_option.c - option.c: the values of options as text, kind by kind: what is
 * taken, what is refused, how it is written again, and what people read of it. The table
 * itself: test_options.c.
 */
#include "../lib/test.h"

#include "../../src/options/option.h"

/* A field of any kind. */
typedef union any_value {
    int64_t integer;
    gru4rec_list list;
    gru4rec_reals reals;
    char word[GRU4REC_MAX_WORD];
    gru4rec_activation activation;
} any_value;

static const g4r_option integer = {.kind = G4R_INTEGER, .min = -2, .max = 1e6};
static const g4r_option sized = {.kind = G4R_INTEGER,
                                 .min = 0,
                                 .max = 100,
                                 .words = "layersize"};
static const g4r_option real = {.kind = G4R_REAL,
                                .min = 0,
                                .max = 1,
                                .is_max_open = true};
static const g4r_option strength = {.kind = G4R_REAL,
                                    .min = 0,
                                    .max = 100,
                                    .words = "auto|never"};
static const g4r_option boolean = {.kind = G4R_BOOLEAN, .min = 0, .max = 1};
static const g4r_option choice = {.kind = G4R_CHOICE, .words = "red|dark-green|blue"};
static const g4r_option list = {.kind = G4R_LIST, .min = 1, .max = 100, .defaults = "7"};
static const g4r_option may_be_empty = {.kind = G4R_LIST,
                                        .min = 1,
                                        .max = 100,
                                        .defaults = ""};
static const g4r_option reals = {
    .kind = G4R_REALS, .min = 0, .max = 1, .is_max_open = true, .defaults = ""};
static const g4r_option word = {.kind = G4R_WORD, .defaults = ""};
static const g4r_option several = {.kind = G4R_WORDS, .words = "red|dark-green|blue"};
static const g4r_option sample = {.kind = G4R_SAMPLE, .min = 1, .max = 500};
static const g4r_option objective = {.kind = G4R_OBJECTIVE,
                                     .min = 1,
                                     .max = 500,
                                     .words = "recall|mrr|ndcg"};
static const g4r_option space = {.kind = G4R_SPACE, .defaults = "default"};
static const g4r_option query = {.kind = G4R_QUERY, .defaults = "none"};
static const g4r_option final_act = {.kind = G4R_ACTIVATION,
                                     .words =
                                         "auto|softmax|softmax_logit|linear|relu|tanh"};
static const g4r_option hidden_act = {.kind = G4R_ACTIVATION,
                                      .words = "linear|relu|tanh"};

/* What text gives is written as expected; that gives the same again. */
static void check_value(const g4r_option *o, const char *text, const char *expected)
{
    any_value value, again;
    char printed[400], text_again[400];
    if (!CHECK(g4r_option_parse(o, text, &value))) {
        printf("  '%s' was refused\n", text);
        return;
    }
    CHECK_INT(strlen(expected), g4r_option_print(o, &value, printed, sizeof printed));
    CHECK_TEXT(expected, printed);
    CHECK(g4r_option_parse(o, printed, &again));
    memset(text_again, '#', sizeof text_again);
    CHECK_INT(strlen(expected),
              g4r_option_print(o, &again, text_again, sizeof text_again));
    CHECK_TEXT(expected, text_again);
}

static void check_refused(const g4r_option *o, const char *text)
{
    any_value value;
    if (!CHECK(!g4r_option_parse(o, text, &value)))
        printf("  '%s' was taken\n", text);
}

static void words(void)
{
    static const char three[] = "one|Two|three";
    CHECK_INT(0, g4r_option_word_index(three, "one"));
    CHECK_INT(1, g4r_option_word_index(three, "tWO"));
    CHECK_INT(2, g4r_option_word_index(three, "three"));
    CHECK_INT(-1, g4r_option_word_index(three, "four"));
    CHECK_INT(-1, g4r_option_word_index(three, "thre"));
    CHECK_INT(-1, g4r_option_word_index(three, "threes"));
    CHECK_INT(-1, g4r_option_word_index(three, "one|Two"));
    CHECK_INT(-1, g4r_option_word_index(three, ""));
    CHECK_INT(-1, g4r_option_word_index("", "one"));
    CHECK_INT(-1, g4r_option_word_index(NULL, "one"));
}

/* A field of each kind is written within its size: its neighbours are left alone. */
static void check_size(const g4r_option *o, const char *text, size_t size)
{
    _Alignas(any_value) unsigned char bytes[sizeof(any_value) + 8];
    memset(bytes, '#', sizeof bytes);
    CHECK(g4r_option_parse(o, text, bytes));
    for (size_t i = size; i < sizeof bytes; i++)
        CHECK_INT('#', bytes[i]);
}

static void sizes_of_fields(void)
{
    check_size(&integer, "1", sizeof(int64_t));
    check_size(&boolean, "true", sizeof(int64_t));
    check_size(&choice, "red", sizeof(int64_t));
    check_size(&real, "0.5", sizeof(double));
    check_size(&list, "1/2", sizeof(gru4rec_list));
    check_size(&reals, "0.5", sizeof(gru4rec_reals));
    check_size(&word, "2026", GRU4REC_MAX_WORD);
    check_size(&several, "red/blue", sizeof(int64_t));
    check_size(&sample, "sample=3", sizeof(int64_t));
    check_size(&final_act, "selu-1-2", sizeof(gru4rec_activation));
}

static void integers(void)
{
    static const char *const bad[] = {"",   " 1",    "1 ",  "1.5", "x",
                                      "1x", "nan",   "inf", "-3",  "1000001",
                                      "0x", "1e999", "--1", "1,0"};
    check_value(&integer, "0", "0");
    check_value(&integer, "-2", "-2");
    check_value(&integer, "1000000", "1000000");
    check_value(&integer, "1e6", "1000000");
    check_value(&integer, "12.0", "12");
    check_value(&integer, "+5", "5");
    check_value(&integer, "1.5e1", "15");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_refused(&integer, bad[i]);
}

/* What a double rounds to an integer of the range is none. */
static void integers_are_exact(void)
{
    const g4r_option wide = {.name = "wide",
                             .kind = G4R_INTEGER,
                             .min = 0,
                             .max = 9007199254740992.0,
                             .defaults = "0"};
    check_value(&wide, "9007199254740991", "9007199254740991");
    check_value(&wide, "9007199254740992", "9007199254740992");
    check_value(&wide, "9007199254740992.0", "9007199254740992");
    check_value(&wide, "0000000000000000000000000000000003", "3");
    check_refused(&wide, "9007199254740993");
    check_refused(&wide, "+9007199254740993.0");
    check_refused(&wide, "99999999999999999999");
    check_refused(&wide, "2.99999999999999999999");
}

static void integers_with_a_word(void)
{
    any_value value;
    check_value(&sized, "layersize", "layersize");
    check_value(&sized, "LayerSize", "layersize");
    check_value(&sized, "7", "7");
    CHECK(g4r_option_parse(&sized, "LAYERSIZE", &value));
    CHECK_INT(-1, value.integer);
    check_refused(&sized, "-1");
    check_refused(&sized, "layer");
    check_refused(&sized, "101");
}

static void objectives(void)
{
    static const char *const bad[] = {"",        "mrr",     "mrr@",  "mrr@0",
                                      "mrr@501", "mrr@1.5", "@20",   "mr@20",
                                      "mrr@x",   "mrr@20 ", "20",    "mrr@mrr",
                                      "mrr@@20", "mrr 20",  "mrr@-1"};
    gru4rec_objective value;
    check_value(&objective, "mrr@20", "mrr@20");
    check_value(&objective, "RECALL@5", "recall@5");
    check_value(&objective, "ndcg@5e2", "ndcg@500");
    CHECK(g4r_option_parse(&objective, "ndcg@7", &value));
    CHECK_INT(GRU4REC_MEASURE_NDCG, value.measure);
    CHECK_INT(7, value.k);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_refused(&objective, bad[i]);
    check_value(&space, "default", "default");
    check_value(&space, "Default", "default");
    check_refused(&space, "{}");
    check_refused(&space, "");
    check_value(&query, "none", "none");
    check_refused(&query, "products");
}

static void samples(void)
{
    static const char *const bad[] = {"",         "sample",     "sample=",    "sample=0",
                                      "sample=x", "sample=1.5", "sample=501", "sample=-1",
                                      "100",      "all ",       "sample= 5",  "[1,2]"};
    any_value value;
    check_value(&sample, "all", "all");
    check_value(&sample, "ALL", "all");
    check_value(&sample, "sample=1", "sample=1");
    check_value(&sample, "Sample=5e2", "sample=500");
    CHECK(g4r_option_parse(&sample, "sample=100", &value));
    CHECK_INT(100, value.integer);
    CHECK(g4r_option_parse(&sample, "all", &value));
    CHECK_INT(0, value.integer);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_refused(&sample, bad[i]);
}

static void real_numbers(void)
{
    static const char *const bad[] = {"1", "-0.1", "nan",  "inf",
                                      "",  "0.5x", " 0.5", "1e999"};
    check_value(&real, "0", "0");
    check_value(&real, "0.1", "0.1");
    check_value(&real, ".5", "0.5");
    check_value(&real, "0.30000000000000004", "0.30000000000000004");
    check_value(&real, "1e-300", "1e-300");
    check_value(&real, "0.9999999999999999", "0.9999999999999999");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_refused(&real, bad[i]);
}

static void real_numbers_with_words(void)
{
    static const char *const bad[] = {"-1", "-2", "100.5", "", "automatic", "auto|never"};
    double value;
    check_value(&strength, "0", "0");
    check_value(&strength, "2.5", "2.5");
    check_value(&strength, "100", "100");
    check_value(&strength, "auto", "auto");
    check_value(&strength, "Never", "never");
    CHECK(g4r_option_parse(&strength, "never", &value) && value == -2);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_refused(&strength, bad[i]);
}

static void booleans(void)
{
    static const char *const yes[] = {"true", "TRUE", "1", "on", "Yes", "1.0"};
    static const char *const no[] = {"false", "False", "0", "off", "NO", "-0.0"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        check_value(&boolean, yes[i], "true");
        check_value(&boolean, no[i], "false");
    }
    check_refused(&boolean, "2");
    check_refused(&boolean, "0.5");
    check_refused(&boolean, "nan");
    check_refused(&boolean, "");
    check_refused(&boolean, "t");
    check_refused(&boolean, "false|true");
}

static void choices(void)
{
    check_value(&choice, "red", "red");
    check_value(&choice, "Dark-Green", "dark-green");
    check_value(&choice, "BLUE", "blue");
    check_refused(&choice, "");
    check_refused(&choice, "green");
    check_refused(&choice, "red|blue");
    check_refused(&choice, "1");
    check_refused(&choice, "true");
}

/* Any of the words, in any order, written in that of the table. */
static void sets_of_words(void)
{
    static const char *const bad[] = {"",          "/",         "red/",      "/red",
                                      "red//blue", "red,blue",  "red|blue",  "green",
                                      "red/green", "red/ blue", "none/blue", "all/red"};
    any_value value;
    check_value(&several, "none", "none");
    check_value(&several, "None", "none");
    check_value(&several, "all", "all");
    check_value(&several, "red", "red");
    check_value(&several, "blue/RED", "red/blue");
    check_value(&several, "dark-green/dark-green", "dark-green");
    check_value(&several, "blue/red/dark-green", "all");
    CHECK(g4r_option_parse(&several, "blue/red", &value));
    CHECK_INT(1 | 4, value.integer);
    CHECK(g4r_option_parse(&several, "all", &value));
    CHECK_INT(7, value.integer);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_refused(&several, bad[i]);
}

/* A choice with true and false among its words takes all that a boolean takes. */
static void choices_of_true_and_false(void)
{
    static const char *const yes[] = {"true", "1", "on", "Yes", "1.0"};
    static const char *const no[] = {"FALSE", "0", "off", "no", "0.0"};
    const g4r_option tri = {.name = "tri",
                            .kind = G4R_CHOICE,
                            .words = "auto|false|true",
                            .defaults = "auto"};
    check_value(&tri, "auto", "auto");
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        check_value(&tri, yes[i], "true");
        check_value(&tri, no[i], "false");
    }
    check_refused(&tri, "2");
    check_refused(&tri, "0.5");
    check_refused(&tri, "");
}

static void lists(void)
{
    static const char *const bad[] = {"0",   "101",  "1/", "/1",  "1//2", "1,2",
                                      "1.5", "1/ 2", "a",  "1/x", "/"};
    char text[GRU4REC_MAX_LIST * 2 + 3] = "1";
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        check_refused(&list, bad[i]);
        check_refused(&may_be_empty, bad[i]);
    }
    check_value(&list, "1", "1");
    check_value(&list, "100/50/1", "100/50/1");
    check_value(&list, "1e2/2.0", "100/2");
    for (int i = 1; i < GRU4REC_MAX_LIST; i++)
        strcat(text, "/1");
    check_value(&list, text, text);
    strcat(text, "/1");
    check_refused(&list, text);
    /* A number too long to be one. */
    check_refused(&list, "000000000000000000000000000000000000000000000001");
}

/* No text is no layers where that is the default, and an error elsewhere. */
static void empty_lists(void)
{
    any_value value;
    check_value(&may_be_empty, "", "");
    check_refused(&list, "");
    value.list.n = 99;
    CHECK(g4r_option_parse(&may_be_empty, "", &value));
    CHECK_INT(0, value.list.n);
}

static void lists_of_reals(void)
{
    static const char *const bad[] = {"1",    "-0.1",     "0.9/",
                                      "/0.9", "0.9//0.9", "0.9/1",
                                      "x",    "0.9,0.9",  "0.1/0.2/0.3/0.4/0.5",
                                      "/",    "nan",      "0.9/ 0.9"};
    check_value(&reals, "", "");
    check_value(&reals, "0.9", "0.9");
    check_value(&reals, "0.9/0.999", "0.9/0.999");
    check_value(&reals, "0/1e-05/0.30000000000000004", "0/1e-05/0.30000000000000004");
    check_value(&reals, "0.1/0.2/0.3/0.4", "0.1/0.2/0.3/0.4");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_refused(&reals, bad[i]);
    any_value value;
    CHECK(g4r_option_parse(&reals, "0.9/0.999", &value));
    CHECK_INT(2, value.reals.n);
    CHECK_NEAR(0.9, value.reals.values[0], 0);
    CHECK_NEAR(0.999, value.reals.values[1], 0);
}

/* Times and numbers, kept as they are. */
static void times(void)
{
    static const char *const good[] = {"",
                                       "0",
                                       "1700000000",
                                       "-1.5e9",
                                       "2026-11-24",
                                       "2026-11-24 17:49:00",
                                       "2026-11-24T17:49:00.123Z",
                                       "2026-11-24T17:49:00+01:00",
                                       "000000000000000000000000000000000000001"};
    static const char *const bad[] = {
        "yesterday", "2026/11/24", "1'",
        "\"1\"",     "1\n",        "0000000000000000000000000000000000000001"};
    any_value value;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        check_value(&word, good[i], good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_refused(&word, bad[i]);
    /* No byte of a longer word is left behind a shorter one. */
    memset(&value, '#', sizeof value);
    CHECK(g4r_option_parse(&word, "12", &value));
    for (size_t i = 2; i < GRU4REC_MAX_WORD; i++)
        CHECK_INT(0, value.word[i]);
}

static void check_activation(const char *text, gru4rec_activation_kind kind, double a,
                             double b, const char *printed)
{
    any_value value;
    if (CHECK(g4r_option_parse(&final_act, text, &value))) {
        CHECK_INT(kind, value.activation.kind);
        CHECK_NEAR(a, value.activation.a, 0);
        CHECK_NEAR(b, value.activation.b, 0);
    }
    check_value(&final_act, text, printed);
}

static void activations(void)
{
    check_activation("auto", GRU4REC_ACT_AUTO, 0, 0, "auto");
    check_activation("SoftMax", GRU4REC_ACT_SOFTMAX, 0, 0, "softmax");
    check_activation("softmax_logit", GRU4REC_ACT_SOFTMAX_LOGIT, 0, 0, "softmax_logit");
    check_activation("linear", GRU4REC_ACT_LINEAR, 0, 0, "linear");
    check_activation("ReLU", GRU4REC_ACT_RELU, 0, 0, "relu");
    check_activation("tanh", GRU4REC_ACT_TANH, 0, 0, "tanh");
    check_activation("leaky-0.01", GRU4REC_ACT_LEAKY, 0.01, 0, "leaky-0.01");
    check_activation("elu-1", GRU4REC_ACT_ELU, 1, 0, "elu-1");
    check_activation("ELU-.5", GRU4REC_ACT_ELU, 0.5, 0, "elu-0.5");
    check_activation("elu-100", GRU4REC_ACT_ELU, 100, 0, "elu-100");
    check_activation("selu-1.05-1.67", GRU4REC_ACT_SELU, 1.05, 1.67, "selu-1.05-1.67");
    check_activation("SELU-1-2e1", GRU4REC_ACT_SELU, 1, 20, "selu-1-20");
    /* A name has the same kind whatever else the option takes. */
    any_value value;
    CHECK(g4r_option_parse(&hidden_act, "tanh", &value));
    CHECK_INT(GRU4REC_ACT_TANH, value.activation.kind);
    CHECK(g4r_option_parse(&hidden_act, "selu-1.05-1.67", &value));
    CHECK_INT(GRU4REC_ACT_SELU, value.activation.kind);
}

static void activations_refused(void)
{
    static const char *const bad[] = {
        "",
        "elu",
        "elu-",
        "elu-0",
        "elu--1",
        "elu-101",
        "elu-x",
        "elu-nan",
        "elu-1-1",
        "elu- 1",
        "elu-1 ",
        "leaky",
        "leaky-",
        "leaky-0",
        "leaky-1-1",
        "selu",
        "selu-1",
        "selu-1-",
        "selu--1",
        "selu-1-0",
        "selu-0-1",
        "selu-1-101",
        "selu-1-1-1",
        "selu-1-x",
        "softmax-1",
        "tan",
        "tanh|relu",
        "relu-1",
        "gelu-1",
        "1",
        "elu-000000000000000000000000000000000000000000000000000001"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_refused(&final_act, bad[i]);
    check_refused(&hidden_act, "softmax");
    check_refused(&hidden_act, "softmax_logit");
    check_refused(&hidden_act, "auto");
}

/* ---- texts that do not fit ---- */

static void check_cut(const g4r_option *o, const char *whole)
{
    any_value value;
    const size_t length = strlen(whole);
    char text[64];
    if (!CHECK(g4r_option_parse(o, whole, &value)))
        return;
    for (size_t size = 0; size <= length + 2; size++) {
        memset(text, '#', sizeof text);
        CHECK_INT(length, g4r_option_print(o, &value, text, size));
        for (size_t i = size; i < sizeof text; i++)
            CHECK_INT('#', text[i]);
        if (size > 0)
            CHECK(strlen(text) == G4R_MIN(size - 1, length) &&
                  strncmp(whole, text, strlen(text)) == 0);
    }
    CHECK_INT(length, g4r_option_print(o, &value, NULL, 0));
}

static void texts_are_cut_to_their_size(void)
{
    check_cut(&integer, "123456");
    check_cut(&sized, "layersize");
    check_cut(&real, "0.30000000000000004");
    check_cut(&boolean, "false");
    check_cut(&choice, "dark-green");
    check_cut(&several, "red/blue");
    check_cut(&several, "none");
    check_cut(&several, "all");
    check_cut(&list, "100/20/3");
    check_cut(&may_be_empty, "");
    check_cut(&reals, "0.9/0.999");
    check_cut(&reals, "");
    check_cut(&final_act, "selu-1.05-1.67");
    check_cut(&word, "2026-11-24 17:49:00");
    check_cut(&final_act, "softmax_logit");
}

/* ---- for people ---- */

static void check_range(const g4r_option *o, const char *expected)
{
    char range[120];
    g4r_option_range(o, range, sizeof range);
    CHECK_TEXT(expected, range);
}

static void ranges(void)
{
    check_range(&integer, "integer from -2 to 1000000");
    check_range(&sized, "integer from 0 to 100, or layersize");
    check_range(&real, "number from 0 to below 1");
    check_range(&boolean, "true, false");
    check_range(&choice, "red, dark-green, blue");
    check_range(&several,
                "none, all, or some of red, dark-green, blue, joined by slashes");
    check_range(&list, "up to 32 integers from 1 to 100, as 100/100");
    check_range(&reals, "up to 4 numbers from 0 to below 1, as 0.9/0.99");
    check_range(&word, "a number or an ISO-8601 time");
    check_range(&hidden_act,
                "linear, relu, tanh, leaky-X, elu-X, selu-X-Y; X, Y in (0, 100]");
    check_range(&final_act, "auto, softmax, softmax_logit, linear, relu, tanh, leaky-X, "
                            "elu-X, selu-X-Y; X, Y in (0, 100]");
}

int main(void)
{
    RUN(words);
    RUN(sizes_of_fields);
    RUN(integers);
    RUN(integers_are_exact);
    RUN(integers_with_a_word);
    RUN(samples);
    RUN(objectives);
    RUN(real_numbers);
    RUN(real_numbers_with_words);
    RUN(booleans);
    RUN(choices);
    RUN(sets_of_words);
    RUN(choices_of_true_and_false);
    RUN(lists);
    RUN(empty_lists);
    RUN(lists_of_reals);
    RUN(times);
    RUN(activations);
    RUN(activations_refused);
    RUN(texts_are_cut_to_their_size);
    RUN(ranges);
    return test_end();
}

/*
 * option_sets.h - options for tests: made of name, value pairs, looked up by name, and
 * compared by their texts.
 */
#ifndef OPTION_SETS_H
#define OPTION_SETS_H

#include "test.h"

#include "../../src/base/base.h"

#define TRAIN GRU4REC_SCOPE_TRAIN
#define EVALUATE GRU4REC_SCOPE_EVALUATE
#define EXPORT GRU4REC_SCOPE_EXPORT
#define COMPARE GRU4REC_SCOPE_COMPARE
#define TUNE GRU4REC_SCOPE_TUNE
#define PLOT GRU4REC_SCOPE_PLOT

static inline gru4rec_options defaults(void)
{
    gru4rec_options options;
    gru4rec_options_init(&options);
    return options;
}

static inline size_t index_of(const char *name)
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

static inline void check_text_of(const gru4rec_options *options, const char *name,
                                 const char *expected)
{
    char text[400];
    size_t length = gru4rec_option_text(options, index_of(name), text, sizeof text);
    CHECK_TEXT(expected, text);
    CHECK_INT(strlen(text), length);
}

/* Sets name=value pairs, NULL at the end; all are fine. */
static inline gru4rec_options with(const char *const *pairs)
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
static inline void check_same(const gru4rec_options *a, const gru4rec_options *b)
{
    char x[400], y[400];
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_text(a, i, x, sizeof x);
        gru4rec_option_text(b, i, y, sizeof y);
        CHECK_TEXT(x, y);
    }
    CHECK(memcmp(a->is_set, b->is_set, sizeof a->is_set) == 0);
}

/* How many options are set. */
static inline int count_set(const gru4rec_options *options)
{
    int n = 0;
    for (size_t i = 0; i < GRU4REC_MAX_OPTIONS; i++)
        n += options->is_set[i];
    return n;
}

static inline void check_message(const gru4rec_error *error, const char *part)
{
    if (!CHECK(strstr(error->message, part) != NULL))
        printf("'%s' is not in '%s'\n", part, error->message);
}

#endif

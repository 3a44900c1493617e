/*
 * Results against expected blocks: order, hash, match.
 *
 * Layouts of a block (README.md, "Expected results"). Each line stands for a row, its
 * values joined by a space or a TAB, white space not counting; or for one value: with
 * resultmode valuewise (white space counts), with valuesort, and wherever a result of
 * several columns has as many values as the block has lines. Or the block is one line "N
 * values hashing to MD5", of each rendered value in order with a newline behind it.
 *
 * A row joined by spaces cannot be cut without knowing the values, as T values may hold
 * spaces: if the line has one word per column each is a value, else every value takes as
 * many words as the value got has. Lines are then aligned by their common start and end,
 * which is all a reader of a difference needs. Uses text.c.
 */
#include "md5.h"
#include "slt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char regex_mark[] = "<REGEX>:";

/* ---- order and hash ---- */

typedef struct row_key {
    const slt_value *values; /* (n_cols) */
    size_t n_cols;
} row_key;

static int compare_rows(const void *a, const void *b)
{
    const row_key *left = a;
    const row_key *right = b;
    int order = 0;
    for (size_t col = 0; col < left->n_cols && order == 0; col++)
        order = strcmp(left->values[col].text, right->values[col].text);
    return order;
}

/* Sorts the values in groups of n_cols. */
static void sort_groups(slt_value *values, size_t n_groups, size_t n_cols)
{
    row_key *keys = slt_alloc(n_groups * sizeof *keys);
    slt_value *sorted = slt_alloc(n_groups * n_cols * sizeof *sorted);
    for (size_t row = 0; row < n_groups; row++)
        keys[row] = (row_key){values + row * n_cols, n_cols};
    qsort(keys, n_groups, sizeof *keys, compare_rows);
    for (size_t row = 0; row < n_groups; row++)
        memcpy(sorted + row * n_cols, keys[row].values, n_cols * sizeof *sorted);
    memcpy(values, sorted, n_groups * n_cols * sizeof *sorted);
    free(sorted);
    free(keys);
}

void slt_result_sort(slt_result *result, slt_sort sort)
{
    if (result->n_rows == 0)
        return;
    if (sort == SLT_SORT_ROWS)
        sort_groups(result->values, result->n_rows, result->n_cols);
    else if (sort == SLT_SORT_VALUES)
        sort_groups(result->values, result->n_rows * result->n_cols, 1);
}

void slt_result_hash(const slt_result *result, char hash[SLT_HASH_BYTES])
{
    md5 sum;
    md5_start(&sum);
    for (size_t i = 0; i < result->n_rows * result->n_cols; i++) {
        const char *text = result->values[i].text;
        md5_add(&sum, text, strlen(text));
        md5_add(&sum, "\n", 1);
    }
    md5_end(&sum, hash);
}

char *slt_hash_line(const slt_result *result)
{
    char hash[SLT_HASH_BYTES];
    slt_buf text = {0};
    slt_result_hash(result, hash);
    slt_buf_printf(&text, "%zu values hashing to %s", result->n_rows * result->n_cols,
                   hash);
    return slt_buf_take(&text);
}

static bool is_hash_line(const char *line)
{
    char hash[SLT_HASH_BYTES];
    size_t n_values;
    int end = 0; /* stays 0 where sscanf() does not come to %n */
    int n = sscanf(line, "%zu values hashing to %32[0-9a-f] %n", &n_values, hash, &end);
    return n == 2 && strlen(hash) == SLT_HASH_BYTES - 1 && line[end] == '\0';
}

/* ---- one value ---- */

/* |a - b| <= tolerance * max(1, |b|), b the expected one; equal infinities match too. */
static bool is_near(const char *expected, double got, double tolerance)
{
    char *end;
    double wanted = strtod(expected, &end);
    if (end == expected || !slt_is_blank(end))
        return false;
    double size = wanted < 0 ? -wanted : wanted;
    double distance = got > wanted ? got - wanted : wanted - got;
    return got == wanted || distance <= tolerance * (size > 1 ? size : 1);
}

static bool is_regex(const char *expected)
{
    return strncmp(expected, regex_mark, sizeof regex_mark - 1) == 0;
}

static bool value_matches(slt_match *match, const char *expected, const slt_value *value)
{
    if (is_regex(expected))
        return slt_regex_match(expected + sizeof regex_mark - 1, value->text, true,
                               &match->error);
    if (match->tolerance > 0 && value->is_real &&
        is_near(expected, value->real, match->tolerance))
        return true;
    return match->is_exact ? strcmp(expected, value->text) == 0
                           : slt_same_words(expected, value->text);
}

/* ---- one line ---- */

static size_t count_words(const char *text)
{
    size_t n = 0, length;
    while (slt_word(&text, &length) != NULL)
        n++;
    return n;
}

static char **cut_at_tabs(const char *line, size_t n_cols)
{
    char **pieces = slt_alloc(n_cols * sizeof *pieces);
    for (size_t col = 0; col < n_cols; col++) {
        size_t length = strcspn(line, "\t");
        char *field = slt_strndup(line, length);
        pieces[col] = slt_trimmed(field);
        free(field);
        line += length + 1;
    }
    return pieces;
}

/*
 * Each piece takes n_words[col] words, a regular expression one. NULL if it does not fit.
 */
static char **cut_at_words(const char *line, const size_t *n_words, size_t n_cols)
{
    char **pieces = slt_alloc(n_cols * sizeof *pieces);
    size_t col;
    for (col = 0; col < n_cols; col++) {
        const char *start = line, *end = line;
        size_t length;
        for (size_t word = 0; word < n_words[col]; word++) {
            const char *found = slt_word(&line, &length);
            if (found == NULL)
                break;
            start = word == 0 ? found : start;
            end = found + length;
            if (word == 0 && is_regex(found))
                break;
        }
        if (end == start && n_words[col] > 0)
            break;
        pieces[col] = slt_strndup(start, (size_t)(end - start));
    }
    if (col == n_cols && slt_is_blank(line))
        return pieces;
    slt_strings_free(pieces, col);
    return NULL;
}

/* Cuts an expected row into one piece per value, or returns NULL if it cannot be one. */
static char **cut_row(const char *line, const slt_value *row, size_t n_cols)
{
    size_t n_tabs = 0;
    bool has_blank = false;
    for (const char *c = line; *c; c++)
        n_tabs += *c == '\t';
    if (n_tabs == n_cols - 1)
        return cut_at_tabs(line, n_cols);

    size_t *n_words = slt_alloc(n_cols * sizeof *n_words);
    for (size_t col = 0; col < n_cols; col++) {
        n_words[col] = count_words(row[col].text);
        has_blank = has_blank || n_words[col] == 0;
    }
    if (!has_blank && count_words(line) == n_cols)
        for (size_t col = 0; col < n_cols; col++)
            n_words[col] = 1;
    char **pieces = cut_at_words(line, n_words, n_cols);
    free(n_words);
    return pieces;
}

static const slt_value *unit_values(const slt_match *match, size_t unit, size_t *n)
{
    *n = match->is_by_value ? 1 : match->result->n_cols;
    return match->result->values + unit * *n;
}

static char **cut_line(const slt_match *match, size_t line, const slt_value *values,
                       size_t n)
{
    const char *text = match->expected[line];
    if (n > 1)
        return cut_row(text, values, n);
    char **piece = slt_alloc(sizeof *piece);
    piece[0] = match->is_exact ? slt_strdup(text) : slt_trimmed(text);
    return piece;
}

bool slt_match_line(slt_match *match, size_t line, size_t unit)
{
    size_t n;
    const slt_value *values = unit_values(match, unit, &n);
    char **pieces = cut_line(match, line, values, n);
    bool is_match = pieces != NULL;
    for (size_t i = 0; i < n && is_match; i++)
        is_match = value_matches(match, pieces[i], &values[i]);
    if (pieces != NULL)
        slt_strings_free(pieces, n);
    return is_match;
}

char *slt_match_unit(const slt_match *match, size_t unit, const char *separator)
{
    size_t n;
    const slt_value *values = unit_values(match, unit, &n);
    slt_buf text = {0};
    for (size_t i = 0; i < n; i++)
        slt_buf_printf(&text, "%s%s", i ? separator : "", values[i].text);
    return slt_buf_take(&text);
}

char *slt_match_merge(slt_match *match, size_t line, size_t unit, const char *separator)
{
    size_t n;
    const slt_value *values = unit_values(match, unit, &n);
    char **pieces = cut_line(match, line, values, n);
    slt_buf text = {0};
    if (pieces == NULL)
        return slt_match_unit(match, unit, separator);
    for (size_t i = 0; i < n; i++) {
        bool is_kept = (values[i].is_real || is_regex(pieces[i])) &&
                       value_matches(match, pieces[i], &values[i]);
        slt_buf_printf(&text, "%s%s", i ? separator : "",
                       is_kept ? pieces[i] : values[i].text);
    }
    slt_strings_free(pieces, n);
    return slt_buf_take(&text);
}

/* ---- the block ---- */

static void match_hash(slt_match *match)
{
    char *got = slt_hash_line(match->result);
    match->is_hash = true;
    match->is_equal = slt_same_words(match->expected[0], got);
    free(got);
}

static void align(slt_match *match)
{
    size_t n_expected = match->n_expected, n_units = match->n_units;
    size_t common = n_expected < n_units ? n_expected : n_units;
    while (match->prefix < common && slt_match_line(match, match->prefix, match->prefix))
        match->prefix++;
    common -= match->prefix;
    while (match->suffix < common && slt_match_line(match, n_expected - 1 - match->suffix,
                                                    n_units - 1 - match->suffix))
        match->suffix++;
    match->is_equal = n_expected == n_units && match->prefix == n_units;
}

void slt_match_init(slt_match *match, const slt_result *result, slt_sort sort,
                    char **expected, size_t n_expected, const slt_settings *settings)
{
    size_t n_values = result->n_rows * result->n_cols;
    *match = (slt_match){
        .result = result,
        .expected = expected,
        .n_expected = n_expected,
        .is_exact = settings->is_valuewise,
        .is_by_value =
            settings->is_valuewise || sort == SLT_SORT_VALUES || n_expected == n_values,
        .tolerance = settings->tolerance,
    };
    match->n_units = match->is_by_value ? n_values : result->n_rows;
    if (n_expected == 1 && is_hash_line(expected[0]))
        match_hash(match);
    else
        align(match);
}

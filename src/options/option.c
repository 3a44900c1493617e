/* option.c - see option.h. */
#define _GNU_SOURCE /* uselocale */
#include "option.h"

#include <ctype.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

size_t g4r_option_value_size(const g4r_option *o)
{
    switch (o->kind) {
    case G4R_LIST:
        return sizeof(gru4rec_list);
    case G4R_REALS:
        return sizeof(gru4rec_reals);
    case G4R_WORD:
        return GRU4REC_MAX_WORD;
    case G4R_ACTIVATION:
        return sizeof(gru4rec_activation);
    case G4R_REAL:
        return sizeof(double);
    default:
        return sizeof(int64_t);
    }
}

/* ---- words ---- */

/* The index of word in "first|second", or -1. */
int g4r_option_word_index(const char *words, const char *word)
{
    for (int i = 0; words != NULL && *words; i++) {
        size_t length = strcspn(words, "|");
        if (length == strlen(word) && strncasecmp(words, word, length) == 0)
            return i;
        words += length + (words[length] == '|');
    }
    return -1;
}

int g4r_option_word_print(char *text, size_t size, const char *words, int64_t index)
{
    for (; index > 0; index--)
        words += strcspn(words, "|") + 1;
    return snprintf(text, size, "%.*s", (int)strcspn(words, "|"), words);
}

/* ---- text -> value ---- */

/* The host's locale may write 0,5 for 0.5; between these two it is C's. */
static locale_t c_locale_start(void)
{
    return uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0));
}

static void c_locale_end(locale_t before)
{
    freelocale(uselocale(before));
}

static bool parse_real(const char *text, double *value)
{
    char *end;
    if (isspace((unsigned char)*text) || *text == '\0')
        return false;
    locale_t before = c_locale_start();
    *value = strtod(text, &end);
    c_locale_end(before);
    return *end == '\0' && isfinite(*value);
}

static bool is_whole(double value)
{
    return value == floor(value) && fabs(value) <= 9007199254740992.0;
}

/* Also 1e6 and 2.0, which JSON writers make of integers. */
static bool parse_integer(const char *text, int64_t *value)
{
    double real;
    if (!parse_real(text, &real) || !is_whole(real))
        return false;
    *value = (int64_t)real;
    return true;
}

static bool is_in_range(const g4r_option *o, double value)
{
    return value >= o->min && (o->is_max_open ? value < o->max : value <= o->max);
}

static bool parse_boolean(const char *text, int64_t *value)
{
    int index = g4r_option_word_index("false|true|0|1|off|on|no|yes", text);
    *value = index % 2;
    return index >= 0;
}

/* "a/b/c" into values (most); empty only where the default is. */
static bool parse_numbers(const g4r_option *o, const char *text, double *values,
                          int64_t most, int64_t *n)
{
    char word[40];
    for (*n = 0; *n < most && *text; text += *text == '/' && text[1]) {
        size_t length = strcspn(text, "/");
        if (length >= sizeof word)
            return false;
        memcpy(word, text, length);
        word[length] = '\0';
        if (!parse_real(word, &values[*n]) || !is_in_range(o, values[*n]))
            return false;
        ++*n;
        text += length;
    }
    return *text == '\0' && (*n > 0 || *o->defaults == '\0');
}

static bool parse_list(const g4r_option *o, const char *text, gru4rec_list *list)
{
    double values[GRU4REC_MAX_LIST];
    *list = (gru4rec_list){0};
    if (!parse_numbers(o, text, values, GRU4REC_MAX_LIST, &list->n))
        return false;
    for (int64_t i = 0; i < list->n; i++) {
        if (!is_whole(values[i]))
            return false;
        list->values[i] = (int64_t)values[i];
    }
    return true;
}

static bool parse_reals(const g4r_option *o, const char *text, gru4rec_reals *reals)
{
    *reals = (gru4rec_reals){0};
    return parse_numbers(o, text, reals->values, GRU4REC_MAX_REALS, &reals->n);
}

/* Every name that an activation without parameters has, by kind. */
static const char activation_words[] = "auto|softmax|softmax_logit|linear|relu|tanh";

/* Those that have one or two, as leaky-0.01. */
static const struct numbered {
    const char *prefix;
    gru4rec_activation_kind kind;
    bool has_two;
} numbered[] = {{"leaky-", GRU4REC_ACT_LEAKY, false},
                {"elu-", GRU4REC_ACT_ELU, false},
                {"selu-", GRU4REC_ACT_SELU, true}};

enum { N_NUMBERED = sizeof numbered / sizeof *numbered };

static bool parse_parameter(const char *text, double *value)
{
    return parse_real(text, value) && *value > 0 && *value <= 100;
}

/* The numbers behind the prefix. */
static bool parse_parameters(const struct numbered *n, const char *text,
                             gru4rec_activation *activation)
{
    char first[40];
    size_t length = strcspn(text, "-");
    *activation = (gru4rec_activation){.kind = n->kind};
    if (length >= sizeof first || (text[length] == '-') != n->has_two)
        return false;
    memcpy(first, text, length);
    first[length] = '\0';
    return parse_parameter(first, &activation->a) &&
           (!n->has_two || parse_parameter(text + length + 1, &activation->b));
}

static bool parse_activation(const g4r_option *o, const char *text,
                             gru4rec_activation *activation)
{
    if (g4r_option_word_index(o->words, text) >= 0) {
        int index = g4r_option_word_index(activation_words, text);
        *activation = (gru4rec_activation){.kind = (gru4rec_activation_kind)index};
        return true;
    }
    for (size_t i = 0; i < N_NUMBERED; i++) {
        size_t length = strlen(numbered[i].prefix);
        if (strncasecmp(text, numbered[i].prefix, length) == 0)
            return parse_parameters(&numbered[i], text + length, activation);
    }
    return false;
}

/* A date, a time or a number: nothing that JSON or SQL would have to escape. */
static bool parse_word(const char *text, char word[GRU4REC_MAX_WORD])
{
    size_t length = strlen(text);
    if (length >= GRU4REC_MAX_WORD || strspn(text, "0123456789+-.:TZtz eE") != length)
        return false;
    memset(word, 0, GRU4REC_MAX_WORD);
    memcpy(word, text, length);
    return true;
}

bool g4r_option_parse(const g4r_option *o, const char *text, g4r_option_value *value)
{
    switch (o->kind) {
    case G4R_INTEGER:
        if (o->words != NULL && g4r_option_word_index(o->words, text) == 0) {
            value->integer = -1;
            return true;
        }
        return parse_integer(text, &value->integer) &&
               is_in_range(o, (double)value->integer);
    case G4R_REAL:
        return parse_real(text, &value->real) && is_in_range(o, value->real);
    case G4R_BOOLEAN:
        return parse_boolean(text, &value->integer);
    case G4R_CHOICE:
        value->integer = g4r_option_word_index(o->words, text);
        return value->integer >= 0;
    case G4R_LIST:
        return parse_list(o, text, &value->list);
    case G4R_REALS:
        return parse_reals(o, text, &value->reals);
    case G4R_WORD:
        return parse_word(text, value->word);
    default:
        return parse_activation(o, text, &value->activation);
    }
}

/* ---- value -> text ---- */

/* A short text that gives the same double. */
static int print_real(char *text, size_t size, double value)
{
    char digits[40];
    if (value == floor(value) && fabs(value) < 1e15)
        return snprintf(text, size, "%.0f", value);
    locale_t before = c_locale_start();
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value)
            break;
    }
    c_locale_end(before);
    return snprintf(text, size, "%s", digits);
}

/* "a/b/c". */
static size_t print_numbers(char *text, size_t size, const double *values, int64_t n)
{
    size_t length = 0;
    if (size > 0)
        *text = '\0';
    for (int64_t i = 0; i < n; i++) {
        char number[40];
        print_real(number, sizeof number, values[i]);
        char *place = length < size ? text + length : NULL;
        length += (size_t)snprintf(place, place != NULL ? size - length : 0, "%s%s",
                                   i > 0 ? "/" : "", number);
    }
    return length;
}

static size_t print_list(char *text, size_t size, const gru4rec_list *list)
{
    double values[GRU4REC_MAX_LIST];
    for (int64_t i = 0; i < list->n; i++)
        values[i] = (double)list->values[i];
    return print_numbers(text, size, values, list->n);
}

static int print_activation(char *text, size_t size, const gru4rec_activation *activation)
{
    char a[40], b[40];
    print_real(a, sizeof a, activation->a);
    print_real(b, sizeof b, activation->b);
    for (size_t i = 0; i < N_NUMBERED; i++)
        if (numbered[i].kind == activation->kind)
            return snprintf(text, size, "%s%s%s%s", numbered[i].prefix, a,
                            numbered[i].has_two ? "-" : "", numbered[i].has_two ? b : "");
    return g4r_option_word_print(text, size, activation_words, activation->kind);
}

size_t g4r_option_print(const g4r_option *o, const void *value, char *text, size_t size)
{
    int64_t integer;
    switch (o->kind) {
    case G4R_LIST:
        return print_list(text, size, value);
    case G4R_REALS:
        return print_numbers(text, size, ((const gru4rec_reals *)value)->values,
                             ((const gru4rec_reals *)value)->n);
    case G4R_WORD:
        return (size_t)snprintf(text, size, "%s", (const char *)value);
    case G4R_ACTIVATION:
        return (size_t)print_activation(text, size, value);
    case G4R_REAL:
        return (size_t)print_real(text, size, *(const double *)value);
    default:
        break;
    }
    integer = *(const int64_t *)value;
    if (o->kind == G4R_BOOLEAN)
        return (size_t)g4r_option_word_print(text, size, "false|true", integer);
    if (o->kind == G4R_CHOICE)
        return (size_t)g4r_option_word_print(text, size, o->words, integer);
    if (o->words != NULL && integer < 0)
        return (size_t)g4r_option_word_print(text, size, o->words, 0);
    return (size_t)snprintf(text, size, "%lld", (long long)integer);
}

static void print_words(const g4r_option *o, char *text, size_t size)
{
    size_t length = 0;
    for (const char *w = o->words; *w && length < size;) {
        size_t n = strcspn(w, "|");
        length += (size_t)snprintf(text + length, size - length, "%s%.*s",
                                   length > 0 ? ", " : "", (int)n, w);
        w += n + (w[n] == '|');
    }
}

void g4r_option_range(const g4r_option *o, char *text, size_t size)
{
    const char *words = o->words != NULL ? o->words : "";
    char min[32], max[32];
    snprintf(min, sizeof min, "%.6g", o->min);
    snprintf(max, sizeof max, "%.16g", o->max);
    switch (o->kind) {
    case G4R_BOOLEAN:
        snprintf(text, size, "true, false");
        break;
    case G4R_CHOICE:
        print_words(o, text, size);
        break;
    case G4R_ACTIVATION:
        print_words(o, text, size);
        snprintf(text + strlen(text), size - strlen(text),
                 ", leaky-X, elu-X, selu-X-Y; X, Y in (0, 100]");
        break;
    case G4R_LIST:
        snprintf(text, size, "up to %d integers from %s to %s, as 100/100",
                 GRU4REC_MAX_LIST, min, max);
        break;
    case G4R_WORD:
        snprintf(text, size, "a number or an ISO-8601 time");
        break;
    case G4R_REALS:
        snprintf(text, size, "up to %d numbers from %s to below %s, as 0.9/0.99",
                 GRU4REC_MAX_REALS, min, max);
        break;
    default:
        snprintf(text, size, "%s from %s to %s%s%s%s",
                 o->kind == G4R_INTEGER ? "integer" : "number", min,
                 o->is_max_open ? "below " : "", max, *words ? ", or " : "", words);
        break;
    }
}

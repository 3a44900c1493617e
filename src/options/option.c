/* option.c - values of options as text; see option.h. */
#define _GNU_SOURCE /* declares uselocale() */
#include "option.h"

#include "../../include/gru4rec_platform.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* ---- words ---- */

/*
 * Returns the part of words, a list "first|second", that begins with its second word; ""
 * if there is no second word.
 */
static const char *skip_word(const char *words)
{
    words += strcspn(words, "|");
    return words + (*words == '|');
}

/*
 * Looks in words, a list "first|second", for the word that equals the first length
 * characters of text, in upper or lower case. Returns the word's index, from 0; -1 if the
 * list has no such word or words is NULL.
 */
static int find_word(const char *words, const char *text, size_t length)
{
    for (int i = 0; words != NULL && *words; i++, words = skip_word(words))
        if (strcspn(words, "|") == length && strncasecmp(words, text, length) == 0)
            return i;
    return -1;
}

int g4r_option_word_index(const char *words, const char *word)
{
    return find_word(words, word, strlen(word));
}

/*
 * Writes word number index (from 0) of words, a list "first|second", to text, cut to size
 * bytes. Returns the length of the whole word, as snprintf().
 */
static int print_word(char *text, size_t size, const char *words, int64_t index)
{
    for (; index > 0; index--)
        words = skip_word(words);
    return snprintf(text, size, "%.*s", (int)strcspn(words, "|"), words);
}

/* ---- text -> value ---- */

/*
 * Makes this thread use the locale "C" until c_locale_end(), so that a number has a
 * decimal point: the locale of the host program may write 0,5 for 0.5. Returns the locale
 * that was in use before, for c_locale_end(). Returns 0 if there is no memory for a
 * locale; then nothing has changed.
 */
static locale_t c_locale_start(void)
{
    const locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    return c != (locale_t)0 ? uselocale(c) : (locale_t)0;
}

/*
 * Makes this thread use the locale before again, which c_locale_start() returned, and
 * frees the locale "C". Does nothing if before is 0.
 */
static void c_locale_end(locale_t before)
{
    if (before != (locale_t)0)
        freelocale(uselocale(before));
}

/*
 * Reads the whole text as one number into *value, as strtod() with a decimal point.
 * Returns false if text is empty, begins with a space, has anything behind the number, or
 * is not finite; *value means nothing then.
 */
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

/*
 * Reads the first length characters of text as one number into *value. Returns false if
 * they are not exactly one finite number (parse_real()), or if they are 40 characters or
 * more.
 */
static bool parse_part(const char *text, size_t length, double *value)
{
    char part[40];
    if (length >= sizeof part)
        return false;
    memcpy(part, text, length);
    part[length] = '\0';
    return parse_real(part, value);
}

/*
 * Tells whether value is a whole number of at most 2^53, the largest up to which a double
 * holds every integer; negative values likewise.
 */
static bool is_whole(double value)
{
    return value == floor(value) && fabs(value) <= 9007199254740992.0;
}

static bool is_in_range(const g4r_option *o, double value)
{
    return value >= o->min && (o->is_max_open ? value < o->max : value <= o->max);
}

/*
 * Returns false if text consists of digits, signs and points only and its integer is not
 * value, its value as a double. This happens with integers that no double holds, such as
 * 9007199254740993. Returns true for any other text, such as one with an exponent.
 */
static bool is_exact(const char *text, double value)
{
    return text[strspn(text, "+-.0123456789")] != '\0' ||
           strtoll(text, NULL, 10) == (int64_t)value;
}

/*
 * Reads an integer into *value, or one of the option's words: word i gives -1 - i.
 * Accepts 1e6 and 2.0 too, because JSON writers write them. Returns false if text is
 * neither a word nor an integer in the option's range, or is an integer that no double
 * holds.
 */
static bool parse_integer(const g4r_option *o, const char *text, int64_t *value)
{
    double real;
    const int word = g4r_option_word_index(o->words, text);
    *value = -1 - word;
    if (word >= 0)
        return true;
    if (!parse_real(text, &real) || !is_whole(real) || !is_in_range(o, real) ||
        !is_exact(text, real))
        return false;
    *value = (int64_t)real;
    return true;
}

/*
 * Reads a number into *value, or one of the option's words: word i gives -1 - i. Returns
 * false if text is neither a word nor a number in the option's range; *value means
 * nothing then.
 */
static bool parse_number(const g4r_option *o, const char *text, double *value)
{
    const int word = g4r_option_word_index(o->words, text);
    *value = -1 - word;
    return word >= 0 || (parse_real(text, value) && is_in_range(o, *value));
}

/*
 * Reads a boolean into *value, which becomes 0 or 1: false, true, off, on, no, yes, in
 * upper or lower case, or a number that is 0 or 1, such as 1.0. Returns false if text is
 * none of these; *value means nothing then.
 */
static bool parse_boolean(const char *text, int64_t *value)
{
    double real;
    int index = g4r_option_word_index("false|true|0|1|off|on|no|yes", text);
    if (index < 0 && parse_real(text, &real) && (real == 0 || real == 1))
        index = (int)real;
    *value = index % 2;
    return index >= 0;
}

/*
 * Reads one of the option's words into *value as its index. If text is no word of the
 * option but a boolean such as 1 or off, it stands for the word "true" or "false", if the
 * option has this word. Returns false and sets *value to -1 otherwise.
 */
static bool parse_choice(const g4r_option *o, const char *text, int64_t *value)
{
    int64_t is_true;
    *value = g4r_option_word_index(o->words, text);
    if (*value < 0 && parse_boolean(text, &is_true))
        *value = g4r_option_word_index(o->words, is_true ? "true" : "false");
    return *value >= 0;
}

/*
 * Reads numbers, written as "a/b/c", into values (most), and sets *n to how many there
 * are. Returns false if there are more than most, or if a part is not a number in the
 * option's range. An empty text gives *n = 0; this returns true only if the option's
 * default is empty too. After false, values and *n mean nothing.
 */
static bool parse_numbers(const g4r_option *o, const char *text, double *values,
                          int64_t most, int64_t *n)
{
    for (*n = 0; *n < most && *text; text += *text == '/' && text[1]) {
        size_t length = strcspn(text, "/");
        if (!parse_part(text, length, &values[*n]) || !is_in_range(o, values[*n]))
            return false;
        ++*n;
        text += length;
    }
    return *text == '\0' && (*n > 0 || *o->defaults == '\0');
}

/*
 * Reads whole numbers in the option's range, written as "a/b/c", into *list, in the order
 * of the text. Returns false if there are more than GRU4REC_MAX_LIST, or if one is not
 * whole or not in the range. An empty text is accepted as parse_numbers() does.
 */
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

/*
 * Reads numbers in the option's range, written as "a/b", into *reals. Returns false if
 * there are more than GRU4REC_MAX_REALS, or if one is not in the range.
 */
static bool parse_reals(const g4r_option *o, const char *text, gru4rec_reals *reals)
{
    *reals = (gru4rec_reals){0};
    return parse_numbers(o, text, reals->values, GRU4REC_MAX_REALS, &reals->n);
}

/*
 * The names of all activations, as a list "first|second". The index of a name is its
 * gru4rec_activation_kind. leaky and elu have a parameter a; selu has the parameters a
 * and b.
 */
static const char activation_words[] =
    "auto|softmax|softmax_logit|linear|relu|tanh|leaky|elu|selu";

/* Tells whether value can be the parameter of an activation: above 0, at most 100. */
static bool is_parameter(double value)
{
    return value > 0 && value <= 100;
}

/*
 * Reads an activation into *activation: its kind, and its parameters a and b, which are 0
 * if it has none. Text is one of the option's words; or leaky-a, elu-a or selu-a-b with
 * numbers above 0 and at most 100, which every activation option accepts. Returns false
 * for any other text.
 */
static bool parse_activation(const g4r_option *o, const char *text,
                             gru4rec_activation *activation)
{
    size_t length = strcspn(text, "-");
    int kind = find_word(activation_words, text, length);
    *activation = (gru4rec_activation){.kind = (gru4rec_activation_kind)kind};
    if (text[length] == '\0')
        return g4r_option_word_index(o->words, text) >= 0;
    const char *a = text + length + 1, *end = a + strcspn(a, "-");
    bool is_selu = kind == GRU4REC_ACT_SELU;
    return kind >= GRU4REC_ACT_LEAKY && (*end == '-') == is_selu &&
           parse_part(a, (size_t)(end - a), &activation->a) &&
           is_parameter(activation->a) &&
           (!is_selu ||
            (parse_real(end + 1, &activation->b) && is_parameter(activation->b)));
}

/*
 * Fills word with text. If text is one of the option's words, in upper or lower case,
 * word gets it in the option's own case. Otherwise text is copied if it is shorter than
 * GRU4REC_MAX_WORD bytes and has only characters of dates, times and numbers. It is not
 * checked that they form one. Such a text needs no escapes in JSON and SQL. Returns false
 * if text is too long or has other characters; word is empty then.
 */
static bool parse_word(const g4r_option *o, const char *text, char word[GRU4REC_MAX_WORD])
{
    const int index = g4r_option_word_index(o->words, text);
    size_t length = strlen(text);
    memset(word, 0, GRU4REC_MAX_WORD);
    if (index >= 0)
        return print_word(word, GRU4REC_MAX_WORD, o->words, index) > 0;
    if (length >= GRU4REC_MAX_WORD || strspn(text, "0123456789+-.:TZtz eEUCuc") != length)
        return false;
    memcpy(word, text, length);
    return true;
}

/*
 * Reads a set of the option's words into *bits: bit i is set for word i. Text is "none",
 * "all", or some of the words as "a/b", in any order, in upper or lower case. Returns
 * false if a part is none of the words.
 */
static bool parse_words(const g4r_option *o, const char *text, int64_t *bits)
{
    *bits = 0;
    if (strcasecmp(text, "none") == 0)
        return true;
    if (strcasecmp(text, "all") == 0) {
        for (const char *word = o->words; *word; word = skip_word(word))
            *bits = *bits << 1 | 1;
        return true;
    }
    for (bool has_more = true; has_more;) {
        const size_t length = strcspn(text, "/");
        const int index = find_word(o->words, text, length);
        if (index < 0)
            return false;
        *bits |= (int64_t)1 << index;
        has_more = text[length] == '/';
        text += length + has_more;
    }
    return true;
}

static const char sample_word[] = "sample=";

/*
 * Reads "all" (*n becomes 0) or "sample=N" (*n becomes N), in upper or lower case.
 * Returns false for any other text, and if N is not an integer in the option's range.
 */
static bool parse_sample(const g4r_option *o, const char *text, int64_t *n)
{
    const size_t length = strlen(sample_word);
    *n = 0;
    return strcasecmp(text, "all") == 0 || (strncasecmp(text, sample_word, length) == 0 &&
                                            parse_integer(o, text + length, n));
}

/*
 * Reads "measure@k" into *objective. measure is one of the option's words, stored as its
 * index; k is an integer in the option's range. Returns false for any other text;
 * *objective means nothing then.
 */
static bool parse_objective(const g4r_option *o, const char *text,
                            gru4rec_objective *objective)
{
    const size_t length = strcspn(text, "@");
    const int word = find_word(o->words, text, length);
    objective->measure = word;
    return word >= 0 && text[length] == '@' &&
           g4r_option_word_index(o->words, text + length + 1) < 0 &&
           parse_integer(o, text + length + 1, &objective->k);
}

bool g4r_option_parse(const g4r_option *o, const char *text, void *field)
{
    int64_t *integer = field;
    switch (o->kind) {
    case G4R_INTEGER:
        return parse_integer(o, text, integer);
    case G4R_REAL:
        return parse_number(o, text, field);
    case G4R_BOOLEAN:
        return parse_boolean(text, integer);
    case G4R_CHOICE:
        return parse_choice(o, text, integer);
    case G4R_LIST:
        return parse_list(o, text, field);
    case G4R_REALS:
        return parse_reals(o, text, field);
    case G4R_WORD:
        return parse_word(o, text, field);
    case G4R_WORDS:
        return parse_words(o, text, integer);
    case G4R_SAMPLE:
        return parse_sample(o, text, integer);
    case G4R_OBJECTIVE:
        return parse_objective(o, text, field);
    case G4R_SPACE:
    case G4R_QUERY:
        *integer = 0;
        return strcasecmp(text, o->defaults) == 0;
    default:
        return parse_activation(o, text, field);
    }
}

/* ---- value -> text ---- */

/*
 * Writes value as a decimal number to text, cut to size bytes, with a point in any
 * locale. A whole number below 1e15 gets all its digits; any other number gets the fewest
 * digits (at most 17) that read back as the same double. Returns the length of the whole
 * number, as snprintf().
 */
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

/*
 * Writes values (n) to text as "a/b/c", cut to size bytes; "" if n is 0. Returns the
 * length of the whole text, as snprintf().
 */
static int print_numbers(char *text, size_t size, const double *values, int64_t n)
{
    int length = snprintf(text, size, "%s", "");
    for (int64_t i = 0; i < n; i++) {
        char number[40];
        size_t used = G4R_MIN((size_t)length, size);
        print_real(number, sizeof number, values[i]);
        length += snprintf(size > 0 ? text + used : NULL, size - used, "%s%s",
                           i > 0 ? "/" : "", number);
    }
    return length;
}

/*
 * Writes the integers of *list to text as "a/b/c", cut to size bytes. Returns the length
 * of the whole text, as snprintf().
 */
static int print_list(char *text, size_t size, const gru4rec_list *list)
{
    double values[GRU4REC_MAX_LIST];
    for (int64_t i = 0; i < list->n; i++)
        values[i] = (double)list->values[i];
    return print_numbers(text, size, values, list->n);
}

/*
 * Writes a set of words to text, cut to size bytes: those of words, a list
 * "first|second", whose bits are set, as "a/b", in the order of the list. No bit gives
 * "none"; all bits give "all". Returns the length of the whole text, as snprintf().
 */
static int print_words(char *text, size_t size, const char *words, int64_t bits)
{
    int64_t n = 0;
    int length = snprintf(text, size, "%s", bits == 0 ? "none" : "");
    for (const char *word = words; *word; word = skip_word(word))
        n++;
    if (bits == ((int64_t)1 << n) - 1)
        return snprintf(text, size, "all");
    for (; bits != 0; words = skip_word(words), bits >>= 1) {
        const size_t used = G4R_MIN((size_t)length, size);
        if (bits & 1)
            length += snprintf(size > 0 ? text + used : NULL, size - used, "%s%.*s",
                               length > 0 ? "/" : "", (int)strcspn(words, "|"), words);
    }
    return length;
}

/*
 * Writes an activation to text, cut to size bytes: its name, or name-a for leaky and elu,
 * or name-a-b for selu. Returns the length of the whole text, as snprintf().
 */
static int print_activation(char *text, size_t size, const gru4rec_activation *activation)
{
    char name[16], a[40], b[40];
    print_word(name, sizeof name, activation_words, activation->kind);
    print_real(a, sizeof a, activation->a);
    print_real(b, sizeof b, activation->b);
    if (activation->kind == GRU4REC_ACT_SELU)
        return snprintf(text, size, "%s-%s-%s", name, a, b);
    if (activation->kind >= GRU4REC_ACT_LEAKY)
        return snprintf(text, size, "%s-%s", name, a);
    return snprintf(text, size, "%s", name);
}

/*
 * Writes an objective to text as "measure@k", cut to size bytes. Returns the length of
 * the whole text, as snprintf().
 */
static int print_objective(const g4r_option *o, char *text, size_t size,
                           const gru4rec_objective *objective)
{
    char word[16];
    print_word(word, sizeof word, o->words, objective->measure);
    return snprintf(text, size, "%s@%lld", word, (long long)objective->k);
}

int g4r_option_print(const g4r_option *o, const void *field, char *text, size_t size)
{
    const int64_t *integer = field;
    const gru4rec_reals *reals = field;
    const double *real = field;
    switch (o->kind) {
    case G4R_INTEGER:
        if (o->words != NULL && *integer < 0)
            return print_word(text, size, o->words, -1 - *integer);
        return snprintf(text, size, "%lld", (long long)*integer);
    case G4R_REAL:
        if (o->words != NULL && *real < 0)
            return print_word(text, size, o->words, -1 - (int64_t)*real);
        return print_real(text, size, *real);
    case G4R_BOOLEAN:
        return print_word(text, size, "false|true", *integer);
    case G4R_CHOICE:
        return print_word(text, size, o->words, *integer);
    case G4R_LIST:
        return print_list(text, size, field);
    case G4R_REALS:
        return print_numbers(text, size, reals->values, reals->n);
    case G4R_WORD:
        return snprintf(text, size, "%s", (const char *)field);
    case G4R_WORDS:
        return print_words(text, size, o->words, *integer);
    case G4R_SAMPLE:
        return *integer == 0
                   ? snprintf(text, size, "all")
                   : snprintf(text, size, "%s%lld", sample_word, (long long)*integer);
    case G4R_OBJECTIVE:
        return print_objective(o, text, size, field);
    case G4R_SPACE:
    case G4R_QUERY:
        return snprintf(text, size, "%s", o->defaults);
    default:
        return print_activation(text, size, field);
    }
}

/* ---- for people ---- */

/*
 * How each kind of option (index: g4r_option_kind) is described: the type of its values
 * in JSON, and the parts of the text that g4r_option_range() makes. The text has, in this
 * order: first; numbers with min and max; the option's words; rest.
 */
static const struct {
    gru4rec_option_type type;
    const char *first; /* beginning of the text; NULL: none */
    /* What the numbers are called. NULL: the kind takes no numbers before the words. */
    const char *numbers;
    const char *rest; /* end of the text */
} kinds[] = {
    [G4R_INTEGER] = {GRU4REC_OPTION_INTEGER, NULL, "integer", ""},
    [G4R_REAL] = {GRU4REC_OPTION_REAL, NULL, "number", ""},
    [G4R_BOOLEAN] = {GRU4REC_OPTION_BOOLEAN, NULL, NULL, "true, false"},
    [G4R_CHOICE] = {GRU4REC_OPTION_TEXT, NULL, NULL, ""},
    [G4R_LIST] = {GRU4REC_OPTION_LIST, NULL, "up to 32 integers", ", as 100/100"},
    [G4R_REALS] = {GRU4REC_OPTION_LIST, NULL, "up to 4 numbers", ", as 0.9/0.99"},
    [G4R_WORD] = {GRU4REC_OPTION_TEXT, "a number or an ISO-8601 time", NULL, ""},
    [G4R_WORDS] = {GRU4REC_OPTION_LIST, "none, all, or some of ", NULL,
                   ", joined by slashes"},
    [G4R_SAMPLE] = {GRU4REC_OPTION_TEXT, NULL, NULL,
                    "all, a JSON array of ids, or sample=N with an integer N"},
    [G4R_OBJECTIVE] = {GRU4REC_OPTION_TEXT, "X@K; X is ", NULL, "; K an integer"},
    [G4R_SPACE] = {GRU4REC_OPTION_TEXT, NULL, NULL,
                   "default, or a JSON object with the values of each option"},
    [G4R_QUERY] = {GRU4REC_OPTION_TEXT, NULL, NULL, "none, a table, a view or a SELECT"},
    [G4R_ACTIVATION] = {GRU4REC_OPTION_TEXT, NULL, NULL,
                        ", leaky-X, elu-X, selu-X-Y; X, Y in (0, 100]"},
};

_Static_assert(GRU4REC_MAX_LIST == 32 && GRU4REC_MAX_REALS == 4, "the table says so");

gru4rec_option_type g4r_option_type(const g4r_option *o)
{
    return kinds[o->kind].type;
}

/*
 * Appends separator and the first length bytes of more to text, which has room for size
 * bytes. What does not fit is cut off.
 */
static void append(char *text, size_t size, const char *separator, const char *more,
                   size_t length)
{
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%.*s", separator, (int)length, more);
}

void g4r_option_range(const g4r_option *o, char *text, size_t size)
{
    const char *numbers = kinds[o->kind].numbers, *rest = kinds[o->kind].rest;
    const char *separator = numbers != NULL || o->kind == G4R_WORD ? ", or " : "";
    const char *first = kinds[o->kind].first;
    snprintf(text, size, "%s", first != NULL ? first : "");
    if (numbers != NULL)
        snprintf(text, size, "%s from %.6g to %s%.16g", numbers, o->min,
                 o->is_max_open ? "below " : "", o->max);
    for (const char *word = o->words; word != NULL && *word; word = skip_word(word)) {
        append(text, size, separator, word, strcspn(word, "|"));
        separator = ", ";
    }
    append(text, size, "", rest, strlen(rest));
    if (o->kind == G4R_SAMPLE || o->kind == G4R_OBJECTIVE)
        snprintf(text + strlen(text), size - strlen(text), " from %.6g to %.16g", o->min,
                 o->max);
}

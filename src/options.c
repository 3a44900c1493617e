/*
 * options.c (L3) - the one table of options, and what reads it. Uses status.
 *
 * A row gives name, type, range, default and help; parsing, messages, text forms and the
 * reference in the README follow from it. Rules that involve two options are in
 * gru4rec_options_resolve(). Names are those of the official implementations.
 */
#include "status.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

typedef enum kind { INTEGER, REAL, BOOLEAN, CHOICE, LIST, ACTIVATION } kind;

typedef struct option {
    const char *name;
    kind kind;
    gru4rec_option_scope scope;
    size_t offset; /* of the field in gru4rec_options */
    double min, max;
    bool is_max_open;  /* max itself is not allowed */
    const char *words; /* CHOICE: "first|second", for 0, 1, ...; INTEGER: a word for -1 */
    const char *defaults; /* as text */
    const char *help;
} option;

#define TRAIN GRU4REC_SCOPE_TRAIN
#define EVALUATE GRU4REC_SCOPE_EVALUATE

/* One row. open_: max itself is not allowed. */
#define OPTION(field, kind_, scope_, min_, max_, open_, words_, defaults_, help_)   \
    {                                                                               \
        .name = #field, .kind = kind_, .scope = scope_,                             \
        .offset = offsetof(gru4rec_options, field), .min = min_, .max = max_,       \
        .is_max_open = open_, .words = words_, .defaults = defaults_, .help = help_ \
    }

static const option table[] = {
    OPTION(layers, LIST, TRAIN, 1, 65536, false, NULL, "100",
           "widths of the GRU layers, from the input to the scores"),
    OPTION(loss, CHOICE, TRAIN, 0, 0, false, "cross-entropy|bpr-max", "cross-entropy",
           "loss function"),
    OPTION(
        final_act, ACTIVATION, TRAIN, 0, 0, false, NULL, "auto",
        "activation of the scores in training; auto: softmax for cross-entropy, elu with "
        "elu_param for bpr-max"),
    OPTION(elu_param, REAL, TRAIN, 0, 100, false, NULL, "0.5",
           "alpha of the ELU that bpr-max puts on the scores; 0: none"),
    OPTION(batch_size, INTEGER, TRAIN, 1, 65536, false, NULL, "64",
           "sessions trained side by side (lanes)"),
    OPTION(n_epochs, INTEGER, TRAIN, 1, 100000, false, NULL, "10",
           "passes over the events"),
    OPTION(learning_rate, REAL, TRAIN, 1e-9, 100, false, NULL, "0.05",
           "step size of Adagrad"),
    OPTION(momentum, REAL, TRAIN, 0, 1, true, NULL, "0",
           "share of the last move that is repeated (heavy ball)"),
    OPTION(dropout_p_embed, REAL, TRAIN, 0, 1, true, NULL, "0",
           "share of the input embedding's values that is dropped"),
    OPTION(dropout_p_hidden, REAL, TRAIN, 0, 1, true, NULL, "0",
           "share of each hidden state's values that is dropped"),
    OPTION(embedding, INTEGER, TRAIN, 0, 65536, false, "layersize", "0",
           "width of a separate input embedding, or layersize; 0: none. Above 0 it sets "
           "constrained_embedding to false"),
    OPTION(constrained_embedding, BOOLEAN, TRAIN, 0, 1, false, NULL, "true",
           "input embedding and output weights are one table; false with embedding 0: "
           "one-hot input"),
    OPTION(
        n_sample, INTEGER, TRAIN, 0, 1000000, false, NULL, "2048",
        "negative samples per step, shared by its lanes, beside the lanes' own targets"),
    OPTION(sample_alpha, REAL, TRAIN, 0, 10, false, NULL, "0.5",
           "samples are drawn in proportion to support^sample_alpha; 0: uniformly, 1: by "
           "popularity"),
    OPTION(bpreg, REAL, TRAIN, 0, 1000, false, NULL, "1",
           "weight of bpr-max's score regularisation"),
    OPTION(logq, REAL, TRAIN, 0, 100, false, NULL, "0",
           "strength of cross-entropy's correction for the sampling of negatives"),
    OPTION(smoothing, REAL, TRAIN, 0, 0, false, NULL, "0", "label smoothing; not yet"),
    OPTION(hidden_act, CHOICE, TRAIN, 0, 0, false, "tanh", "tanh",
           "activation of the candidate state; others not yet"),
    OPTION(adapt, CHOICE, TRAIN, 0, 0, false, "adagrad", "adagrad",
           "optimiser; others not yet"),
    OPTION(lmbd, REAL, TRAIN, 0, 0, false, NULL, "0", "L2 regularisation; not yet"),
    OPTION(grad_cap, REAL, TRAIN, 0, 0, false, NULL, "0", "gradient clipping; not yet"),
    OPTION(bptt, INTEGER, TRAIN, 1, 1, false, NULL, "1",
           "steps of back-propagation through time; more not yet"),
    OPTION(time_sort, BOOLEAN, TRAIN, 1, 1, false, NULL, "true",
           "sessions are visited in the order of their first events"),
    OPTION(train_random_order, BOOLEAN, TRAIN, 0, 0, false, NULL, "false",
           "sessions in a new random order each epoch; not yet"),
    OPTION(warm_start, BOOLEAN, TRAIN, 0, 1, false, NULL, "false",
           "begin from the active version's weights; new items begin at random"),
    OPTION(
        reset_after, BOOLEAN, TRAIN, 0, 1, false, NULL, "true",
        "GRU cell of PyTorch and cuDNN, reset gate after the product; false: that of the "
        "original paper"),
    OPTION(seed, INTEGER, TRAIN, 0, 9007199254740992.0, false, NULL, "42",
           "of all random numbers: same data, options and seed, same model"),
    OPTION(keep_versions, INTEGER, TRAIN, 1, 1000, false, NULL, "2",
           "trained versions kept in the database"),
    OPTION(memory_limit, INTEGER, TRAIN, 0, 9007199254740992.0, false, NULL, "0",
           "bytes that a training may use; 0: 80 % of the machine's memory"),
    OPTION(verbose, CHOICE, TRAIN, 0, 0, false, "auto|false|true", "auto",
           "progress line on standard error; auto: when that is a terminal"),
    OPTION(cutoffs, LIST, EVALUATE, 1, 1000000, false, NULL, "1/5/10/20",
           "lengths k of the lists that are measured"),
    OPTION(mode, CHOICE, EVALUATE, 0, 0, false, "standard|conservative|median",
           "conservative",
           "rank of the target among equal scores: first, last, or in the middle"),
    OPTION(baselines, CHOICE, EVALUATE, 0, 0, false, "none|pop", "none",
           "simple methods measured beside the model; pop: by support"),
};

enum { N_OPTIONS = sizeof table / sizeof *table };

_Static_assert(N_OPTIONS <= 64, "explicit_set has 64 bits");

static void *field(gru4rec_options *options, const option *o)
{
    return (char *)options + o->offset;
}

static const void *field_const(const gru4rec_options *options, const option *o)
{
    return (const char *)options + o->offset;
}

/* ---- words ---- */

/* The index of word in "first|second", or -1. */
static int word_index(const char *words, const char *word)
{
    for (int i = 0; words != NULL && *words; i++) {
        size_t length = strcspn(words, "|");
        if (length == strlen(word) && strncasecmp(words, word, length) == 0)
            return i;
        words += length + (words[length] == '|');
    }
    return -1;
}

static int write_word(char *text, size_t size, const char *words, int64_t index)
{
    for (; index > 0; index--)
        words += strcspn(words, "|") + 1;
    return snprintf(text, size, "%.*s", (int)strcspn(words, "|"), words);
}

/* Edits (insert, drop, change) that turn a into b; names are short. */
static int distance(const char *a, const char *b)
{
    enum { MOST = 32 };
    int row[MOST + 1];
    int n = (int)strlen(b);
    if (n > MOST || strlen(a) > MOST)
        return MOST;
    for (int j = 0; j <= n; j++)
        row[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int corner = row[0];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            int change = corner + (tolower((unsigned char)a[i - 1]) != b[j - 1]);
            corner = row[j];
            row[j] = G4R_MIN(change, G4R_MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[n];
}

static const option *find_option(const char *name)
{
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (strcasecmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

/* The columns of a source are given beside options, so a typing error may mean one. */
static const char *nearest_name(const char *name, gru4rec_option_scope scope)
{
    static const char *const columns[] = {"session", "item", "time"};
    const char *nearest = columns[0];
    int least = distance(name, nearest);
    for (size_t i = 0; i < N_OPTIONS + 3; i++) {
        const char *candidate = i < 3 ? columns[i] : table[i - 3].name;
        int d = distance(name, candidate);
        if ((i < 3 || table[i - 3].scope == scope) && d < least) {
            nearest = candidate;
            least = d;
        }
    }
    return nearest;
}

/* ---- text -> value ---- */

static bool parse_real(const char *text, double *value)
{
    char *end;
    if (isspace((unsigned char)*text) || *text == '\0')
        return false;
    *value = strtod(text, &end);
    return *end == '\0' && isfinite(*value);
}

/* Also 1e6 and 2.0, which JSON writers make of integers. */
static bool parse_integer(const char *text, int64_t *value)
{
    double real;
    if (!parse_real(text, &real) || real != floor(real) ||
        fabs(real) > 9007199254740992.0)
        return false;
    *value = (int64_t)real;
    return true;
}

static bool is_in_range(const option *o, double value)
{
    return value >= o->min && (o->is_max_open ? value < o->max : value <= o->max);
}

static bool parse_boolean(const char *text, int64_t *value)
{
    int index = word_index("false|true|0|1|off|on|no|yes", text);
    *value = index % 2;
    return index >= 0;
}

static bool parse_list(const option *o, const char *text, gru4rec_list *list)
{
    gru4rec_list parsed = {0};
    char word[32];
    while (parsed.n < GRU4REC_MAX_LIST) {
        size_t length = strcspn(text, "/");
        int64_t value;
        if (length >= sizeof word)
            return false;
        memcpy(word, text, length);
        word[length] = '\0';
        if (!parse_integer(word, &value) || !is_in_range(o, (double)value))
            return false;
        parsed.values[parsed.n++] = value;
        if (text[length] == '\0') {
            *list = parsed;
            return true;
        }
        text += length + 1;
    }
    return false;
}

static bool parse_activation(const char *text, gru4rec_activation *activation)
{
    int word = word_index("auto|softmax|linear", text);
    activation->alpha = 0;
    if (word >= 0) {
        activation->kind = (gru4rec_activation_kind)word;
        return true;
    }
    activation->kind = GRU4REC_ACT_ELU;
    return strncasecmp(text, "elu-", 4) == 0 &&
           parse_real(text + 4, &activation->alpha) && activation->alpha > 0 &&
           activation->alpha <= 100;
}

static bool parse_value(const option *o, const char *text, void *value)
{
    int64_t *integer = value;
    double real;
    int index;
    switch (o->kind) {
    case INTEGER:
        if (o->words != NULL && word_index(o->words, text) == 0) {
            *integer = -1;
            return true;
        }
        return parse_integer(text, integer) && is_in_range(o, (double)*integer);
    case REAL:
        if (!parse_real(text, &real) || !is_in_range(o, real))
            return false;
        *(double *)value = real;
        return true;
    case BOOLEAN:
        return parse_boolean(text, integer) && is_in_range(o, (double)*integer);
    case CHOICE:
        index = word_index(o->words, text);
        *integer = index;
        return index >= 0;
    case LIST:
        return parse_list(o, text, value);
    default:
        return parse_activation(text, value);
    }
}

/* ---- value -> text ---- */

static size_t print_list(char *text, size_t size, const gru4rec_list *list)
{
    size_t length = 0;
    for (int64_t i = 0; i < list->n; i++) {
        char *place = length < size ? text + length : NULL;
        length += (size_t)snprintf(place, place != NULL ? size - length : 0, "%s%lld",
                                   i > 0 ? "/" : "", (long long)list->values[i]);
    }
    return length;
}

/* A short text that gives the same double. */
static int print_real(char *text, size_t size, double value)
{
    char digits[40];
    if (value == floor(value) && fabs(value) < 1e15)
        return snprintf(text, size, "%.0f", value);
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value)
            break;
    }
    return snprintf(text, size, "%s", digits);
}

static int print_activation(char *text, size_t size, const gru4rec_activation *activation)
{
    char alpha[40];
    if (activation->kind != GRU4REC_ACT_ELU)
        return write_word(text, size, "auto|softmax|linear", activation->kind);
    print_real(alpha, sizeof alpha, activation->alpha);
    return snprintf(text, size, "elu-%s", alpha);
}

static size_t print_value(const option *o, const void *value, char *text, size_t size)
{
    int64_t integer;
    switch (o->kind) {
    case LIST:
        return print_list(text, size, value);
    case ACTIVATION:
        return (size_t)print_activation(text, size, value);
    case REAL:
        return (size_t)print_real(text, size, *(const double *)value);
    default:
        break;
    }
    integer = *(const int64_t *)value;
    if (o->kind == BOOLEAN)
        return (size_t)write_word(text, size, "false|true", integer);
    if (o->kind == CHOICE)
        return (size_t)write_word(text, size, o->words, integer);
    if (o->words != NULL && integer < 0)
        return (size_t)write_word(text, size, o->words, 0);
    return (size_t)snprintf(text, size, "%lld", (long long)integer);
}

static void print_words(const option *o, char *text, size_t size)
{
    size_t length = 0;
    for (const char *w = o->words; *w && length < size;) {
        size_t n = strcspn(w, "|");
        length += (size_t)snprintf(text + length, size - length, "%s%.*s",
                                   length > 0 ? ", " : "", (int)n, w);
        w += n + (w[n] == '|');
    }
}

static void print_range(const option *o, char *text, size_t size)
{
    char min[32], max[32];
    snprintf(min, sizeof min, "%.6g", o->min);
    snprintf(max, sizeof max, "%.16g", o->max);
    switch (o->kind) {
    case BOOLEAN:
        snprintf(text, size, "%s",
                 o->min < o->max ? "true, false"
                 : o->max > 0    ? "true"
                                 : "false");

        break;
    case CHOICE:
        print_words(o, text, size);
        break;
    case ACTIVATION:
        snprintf(text, size, "auto, softmax, linear, elu-X with X in (0, 100]");
        break;
    case LIST:
        snprintf(text, size, "up to %d integers from %s to %s, as 100/100",
                 GRU4REC_MAX_LIST, min, max);
        break;
    case INTEGER:
        if (o->min < o->max)
            snprintf(text, size, "integer from %s to %s%s%s", min, max,
                     o->words != NULL ? ", or " : "", o->words != NULL ? o->words : "");
        else
            snprintf(text, size, "%s", min);
        break;
    default:
        if (o->min < o->max)
            snprintf(text, size, "number from %s to %s%s", min,
                     o->is_max_open ? "below " : "", max);
        else
            snprintf(text, size, "%s", min);
        break;
    }
}

/* ---- the interface ---- */

void gru4rec_options_init(gru4rec_options *options)
{
    memset(options, 0, sizeof *options);
    for (size_t i = 0; i < N_OPTIONS; i++) {
        bool is_ok = parse_value(&table[i], table[i].defaults, field(options, &table[i]));
        assert(is_ok);
        (void)is_ok;
    }
}

gru4rec_status gru4rec_options_set(gru4rec_options *options, gru4rec_option_scope scope,
                                   const char *name, const char *value,
                                   gru4rec_error *error)
{
    const option *o = find_option(name);
    char range[120];
    union {
        int64_t integer;
        double real;
        gru4rec_list list;
        gru4rec_activation activation;
    } parsed;
    if (o == NULL)
        return g4r_fail(error, GRU4REC_INVALID, "no option '%.40s'; did you mean '%s'?",
                        name, nearest_name(name, scope));
    if (o->scope != scope)
        return g4r_fail(error, GRU4REC_INVALID,
                        "option '%s' belongs to %s; give it there", o->name,
                        o->scope == TRAIN ? "the model and its training"
                                          : "gru4rec_evaluate()");
    if (!parse_value(o, value, &parsed)) {
        print_range(o, range, sizeof range);
        return g4r_fail(error, GRU4REC_INVALID,
                        "option '%s' cannot be '%.60s'; it takes %s", o->name, value,
                        range);
    }
    size_t size = o->kind == LIST         ? sizeof parsed.list
                  : o->kind == ACTIVATION ? sizeof parsed.activation
                                          : sizeof parsed.integer;
    memcpy(field(options, o), &parsed, size);
    options->explicit_set |= (uint64_t)1 << (o - table);
    return GRU4REC_OK;
}

static bool is_set(const gru4rec_options *options, size_t offset)
{
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (table[i].offset == offset)
            return gru4rec_option_is_set(options, i);
    return false;
}

#define IS_SET(name) is_set(options, offsetof(gru4rec_options, name))

static gru4rec_status resolve_final_act(gru4rec_options *options, gru4rec_error *error)
{
    gru4rec_activation *act = &options->final_act;
    bool is_softmax_loss = options->loss == GRU4REC_CROSS_ENTROPY;
    if (act->kind == GRU4REC_ACT_AUTO) {
        act->kind = is_softmax_loss          ? GRU4REC_ACT_SOFTMAX
                    : options->elu_param > 0 ? GRU4REC_ACT_ELU
                                             : GRU4REC_ACT_LINEAR;
        act->alpha = act->kind == GRU4REC_ACT_ELU ? options->elu_param : 0;
    }
    if (is_softmax_loss != (act->kind == GRU4REC_ACT_SOFTMAX))
        return g4r_fail(error, GRU4REC_INVALID,
                        "loss %s does not go with this final_act; use %s",
                        is_softmax_loss ? "cross-entropy" : "bpr-max",
                        is_softmax_loss ? "softmax" : "linear or elu-X");
    if (IS_SET(elu_param) && options->elu_param != 0 && options->elu_param != act->alpha)
        return g4r_fail(error, GRU4REC_INVALID,
                        "elu_param %g contradicts %s; leave one of them out",
                        options->elu_param,
                        is_softmax_loss ? "loss cross-entropy" : "final_act");
    if (IS_SET(elu_param) && options->elu_param == 0 && act->kind == GRU4REC_ACT_ELU)
        return g4r_fail(error, GRU4REC_INVALID,
                        "elu_param 0 contradicts final_act elu; leave one of them out");
    options->elu_param = act->alpha;
    return GRU4REC_OK;
}

static gru4rec_status resolve_input(gru4rec_options *options, gru4rec_error *error)
{
    if (options->embedding != 0 && options->constrained_embedding) {
        if (IS_SET(constrained_embedding))
            return g4r_fail(error, GRU4REC_INVALID,
                            "embedding above 0 contradicts constrained_embedding true; "
                            "leave one of them out");
        options->constrained_embedding = 0;
    }
    if (options->embedding == GRU4REC_EMBEDDING_LAYERSIZE)
        options->embedding = options->layers.values[0];
    bool is_onehot = options->embedding == 0 && !options->constrained_embedding;
    if (is_onehot && options->dropout_p_embed > 0)
        return g4r_fail(error, GRU4REC_INVALID,
                        "dropout_p_embed has no embedding to drop from with one-hot "
                        "input; set it to 0, or give the model an embedding");
    return GRU4REC_OK;
}

gru4rec_status gru4rec_options_resolve(gru4rec_options *options, gru4rec_error *error)
{
    gru4rec_options resolved = *options;
    gru4rec_status status = resolve_final_act(&resolved, error);
    if (status == GRU4REC_OK)
        status = resolve_input(&resolved, error);
    if (status != GRU4REC_OK)
        return status;
    if (resolved.loss == GRU4REC_BPR_MAX && resolved.logq > 0)
        return g4r_fail(error, GRU4REC_INVALID,
                        "logq corrects cross-entropy only; set it to 0 with bpr-max");
    if (resolved.loss == GRU4REC_CROSS_ENTROPY) {
        /* Complete parameter sets have it beside cross-entropy too, as 0 or the default.
         */
        if (IS_SET(bpreg) && resolved.bpreg != 0 && resolved.bpreg != 1)
            return g4r_fail(error, GRU4REC_INVALID,
                            "bpreg belongs to loss bpr-max; set it to 0 with "
                            "cross-entropy");
        resolved.bpreg = 0;
    }
    *options = resolved;
    return GRU4REC_OK;
}

size_t gru4rec_option_count(void)
{
    return N_OPTIONS;
}

void gru4rec_option_describe(size_t index, gru4rec_option_info *info)
{
    static const gru4rec_option_type types[] = {
        [INTEGER] = GRU4REC_OPTION_INTEGER, [REAL] = GRU4REC_OPTION_REAL,
        [BOOLEAN] = GRU4REC_OPTION_BOOLEAN, [CHOICE] = GRU4REC_OPTION_TEXT,
        [LIST] = GRU4REC_OPTION_LIST,       [ACTIVATION] = GRU4REC_OPTION_TEXT,
    };
    assert(index < N_OPTIONS);
    const option *o = &table[index];
    info->name = o->name;
    info->help = o->help;
    info->type = types[o->kind];
    info->scope = o->scope;
    print_range(o, info->range, sizeof info->range);
    snprintf(info->default_text, sizeof info->default_text, "%s", o->defaults);
}

bool gru4rec_option_is_set(const gru4rec_options *options, size_t index)
{
    return (options->explicit_set >> index & 1) != 0;
}

size_t gru4rec_option_text(const gru4rec_options *options, size_t index, char *text,
                           size_t size)
{
    assert(index < N_OPTIONS);
    return print_value(&table[index], field_const(options, &table[index]), text, size);
}

/*
 * space.c - the values of each option that a tuning chooses from; see space.h and
 * gru4rec.h.
 *
 * A dimension is an option with a finite list of values. A place is an index into the
 * list:
 *   choice   the values in the order in which they were added
 *   linear   low, low + step, low + 2 step, ... up to high; without a step, values at
 *            equal distances from low to high, integers rounded to whole numbers
 *   log      low q^0, low q^1, ... high, rounded: reals to two digits, integers to whole
 *            numbers, or to multiples of step in the default ranges
 * A value goes into the options as text. The text is made without the C library's
 * printing of reals, because that depends on the locale.
 */
#include "space.h"
#include "../base/fail.h"
#include "../options/option.h"

#include <stdio.h>
#include <strings.h>

/*
 * The most places of a logarithmic range, and of a linear range without a step. A range
 * of integers has fewer if it has fewer integers.
 */
enum { MOST_PLACES = 32 };

/*
 * An option that a tuning can choose, with the dimension that the default space has for
 * it. With scale GRU4REC_SCALE_CHOICE and choices NULL, the default space has none.
 */
typedef struct tunable {
    const char *name;
    gru4rec_scale scale;
    /* The default range, if scale is linear or log. step is 0 if the range has none. */
    double low, high, step;
    /* The default choices, as "first|second". NULL: there are none. */
    const char *choices;
} tunable;

/*
 * Each makes a row of tunables. RANGE: the option has a default range. CHOICES: it has
 * default choices. OPEN: it has neither, so the default space does not have it, but the
 * user can add it.
 */
#define RANGE(option, scale_, low_, high_, step_)                                   \
    {                                                                               \
        .name = #option, .scale = scale_, .low = low_, .high = high_, .step = step_ \
    }
#define CHOICES(option, choices_)                                           \
    {                                                                       \
        .name = #option, .scale = GRU4REC_SCALE_CHOICE, .choices = choices_ \
    }
#define OPEN(option)                                   \
    {                                                  \
        .name = #option, .scale = GRU4REC_SCALE_CHOICE \
    }

/*
 * All options that a tuning can choose. Those with a range or with choices are in the
 * default space; its ranges lie around the defaults of the options, and contain most of
 * the published values. loss comes first, because other options depend on it.
 */
static const tunable tunables[] = {
    CHOICES(loss, "cross-entropy|bpr-max"),
    RANGE(layers, GRU4REC_SCALE_LOG, 64, 384, 32),
    RANGE(batch_size, GRU4REC_SCALE_LOG, 32, 256, 16),
    RANGE(learning_rate, GRU4REC_SCALE_LOG, 0.01, 0.3, 0),
    RANGE(dropout_p_embed, GRU4REC_SCALE_LINEAR, 0, 0.6, 0.05),
    RANGE(dropout_p_hidden, GRU4REC_SCALE_LINEAR, 0, 0.6, 0.05),
    RANGE(momentum, GRU4REC_SCALE_LINEAR, 0, 0.6, 0.05),
    RANGE(sample_alpha, GRU4REC_SCALE_LINEAR, 0, 1, 0.1),
    RANGE(bpreg, GRU4REC_SCALE_LINEAR, 0, 2, 0.05),
    CHOICES(elu_param, "0|0.5|1"),
    RANGE(logq, GRU4REC_SCALE_LINEAR, 0, 1, 0.1),
    RANGE(blend, GRU4REC_SCALE_LINEAR, 0, 4, 0.25),
    OPEN(final_act),
    OPEN(embedding),
    OPEN(constrained_embedding),
    OPEN(n_sample),
    OPEN(smoothing),
    OPEN(hidden_act),
    OPEN(adapt),
    OPEN(adapt_params),
    OPEN(lmbd),
    OPEN(grad_cap),
    OPEN(sigma),
    OPEN(init_as_normal),
    OPEN(feedforward),
    OPEN(feedforward_act),
    OPEN(biases),
    OPEN(bptt),
    OPEN(whole_sessions),
    OPEN(train_random_order),
    OPEN(reset_after),
};

enum { N_TUNABLES = sizeof tunables / sizeof *tunables };

_Static_assert((size_t)N_TUNABLES <= GRU4REC_MAX_DIMENSIONS, "a space has all of them");

/* Writes a message about a space into error, as g4r_fail(), and has the value INVALID. */
#define REFUSE(error, ...) g4r_fail(error, GRU4REC_INVALID, __VA_ARGS__)

/*
 * Returns the row of tunables for the option of this name, in upper or lower case.
 * Returns NULL if a tuning cannot choose the option, or if there is no such option.
 */
static const tunable *find_tunable(const char *name)
{
    for (size_t i = 0; i < N_TUNABLES; i++)
        if (strcasecmp(tunables[i].name, name) == 0)
            return &tunables[i];
    return NULL;
}

/*
 * Returns the index of the option of this name, for gru4rec_option_describe() and its
 * like. There must be such an option.
 */
static size_t index_of(const char *name)
{
    return (size_t)(g4r_options_find(name) - g4r_options_table);
}

/* ---- values ---- */

/*
 * Writes value to text, rounded to 9 digits behind the point, as a whole number with
 * "e-9" behind it. So the text has no decimal point, which depends on the locale.
 */
static void write_number(char text[GRU4REC_MAX_CHOICE], double value)
{
    snprintf(text, GRU4REC_MAX_CHOICE, "%llde-9", (long long)llround(value * 1e9));
}

/*
 * Returns value, which is above 0, rounded for a logarithmic range. A real is rounded to
 * two significant digits; any other kind to a multiple of step, or to a whole number if
 * step is 0.
 */
static double round_value(double value, g4r_option_kind kind, double step)
{
    if (kind != G4R_REAL)
        return step > 0 ? step * round(value / step) : round(value);
    const double unit = pow(10, floor(log10(value)) - 1);
    return round(value / unit) * unit;
}

int32_t g4r_space_places(const gru4rec_dimension *dimension)
{
    const bool is_real = g4r_options_find(dimension->option)->kind == G4R_REAL;
    const double range = dimension->high - dimension->low;
    if (dimension->scale == GRU4REC_SCALE_CHOICE)
        return (int32_t)dimension->n_choices;
    if (dimension->scale == GRU4REC_SCALE_LOG || dimension->step == 0)
        return is_real ? MOST_PLACES : (int32_t)G4R_MIN(MOST_PLACES, range + 1);
    return (int32_t)floor(range / dimension->step + 1e-6) + 1;
}

bool g4r_space_is_ordered(const gru4rec_dimension *dimension)
{
    return dimension->scale != GRU4REC_SCALE_CHOICE;
}

/*
 * Returns the number at a place (from 0) of a dimension that is a range. The number is
 * rounded as the header of this file says, but never goes below low or above high.
 */
static double value_at(const gru4rec_dimension *dimension, int32_t place)
{
    const g4r_option_kind kind = g4r_options_find(dimension->option)->kind;
    const double share = (double)place / (double)(g4r_space_places(dimension) - 1);
    double value;
    if (dimension->scale == GRU4REC_SCALE_LOG)
        value = round_value(dimension->low * pow(dimension->high / dimension->low, share),
                            kind, dimension->step);
    else if (dimension->step > 0)
        value = dimension->low + place * dimension->step;
    else
        value = dimension->low + share * (dimension->high - dimension->low);
    if (kind != G4R_REAL)
        value = round(value);
    return G4R_MAX(dimension->low, G4R_MIN(value, dimension->high));
}

/*
 * Returns the value that the option of row has in options, as a number. A list counts as
 * its element if it has exactly one. Returns NAN for any other list, and if the option is
 * not an integer, a real or a list.
 */
static double number_of(const tunable *row, const gru4rec_options *options)
{
    const g4r_option *o = g4r_options_find(row->name);
    const char *field = (const char *)options + o->offset;
    const gru4rec_list *list = (const gru4rec_list *)field;
    switch (o->kind) {
    case G4R_INTEGER:
        return (double)*(const int64_t *)field;
    case G4R_REAL:
        return *(const double *)field;
    case G4R_LIST:
        return list->n == 1 ? (double)list->values[0] : NAN;
    default:
        return NAN;
    }
}

bool g4r_space_holds(const gru4rec_dimension *dimension, const gru4rec_options *options)
{
    const double value = number_of(find_tunable(dimension->option), options);
    return g4r_space_is_ordered(dimension) && value >= dimension->low &&
           value <= dimension->high;
}

int32_t g4r_space_nearest(const gru4rec_dimension *dimension,
                          const gru4rec_options *options)
{
    const double value = number_of(find_tunable(dimension->option), options);
    int32_t nearest = 0;
    double distance = INFINITY;
    for (int32_t place = 0; place < g4r_space_places(dimension); place++) {
        const double here = fabs(value_at(dimension, place) - value);
        if (here < distance) {
            nearest = place;
            distance = here;
        }
    }
    return nearest;
}

void g4r_space_set(const gru4rec_dimension *dimension, int32_t place,
                   const gru4rec_options *base, gru4rec_options *options)
{
    char number[GRU4REC_MAX_CHOICE], own[512];
    const char *text = number;
    if (place == G4R_SPACE_BASE) {
        gru4rec_option_text(base, index_of(dimension->option), own, sizeof own);
        text = own;
    } else if (dimension->scale == GRU4REC_SCALE_CHOICE) {
        text = dimension->choices[place];
    } else {
        write_number(number, value_at(dimension, place));
    }
    gru4rec_status status =
        gru4rec_options_set(options, GRU4REC_SCOPE_TRAIN, dimension->option, text, NULL);
    assert(status == GRU4REC_OK);
    (void)status;
}

bool g4r_space_is_base(const gru4rec_dimension *dimension, int32_t place,
                       const gru4rec_options *base)
{
    gru4rec_options options = *base;
    char text[512], own[512];
    const size_t index = index_of(dimension->option);
    g4r_space_set(dimension, place, base, &options);
    gru4rec_option_text(&options, index, text, sizeof text);
    gru4rec_option_text(base, index, own, sizeof own);
    return strcmp(text, own) == 0;
}

/* ---- what matters ---- */

/* Tells whether the loss of options is one with a softmax: cross-entropy or xe_logit. */
static bool is_softmax(const gru4rec_options *options)
{
    return options->loss == GRU4REC_CROSS_ENTROPY || options->loss == GRU4REC_XE_LOGIT;
}

/*
 * Tells whether the option has an effect (space.h). The rules are those by which
 * gru4rec_options_resolve() and a training refuse or ignore options, so they must change
 * together with these.
 */
bool g4r_space_matters(const char *name, const gru4rec_options *options)
{
    const bool is_sampled = options->n_sample != GRU4REC_N_SAMPLE_ALL;
    if (strcmp(name, "bpreg") == 0)
        return options->loss == GRU4REC_BPR_MAX;
    if (strcmp(name, "elu_param") == 0)
        return options->loss == GRU4REC_BPR_MAX &&
               options->final_act.kind == GRU4REC_ACT_AUTO;
    if (strcmp(name, "logq") == 0)
        return is_softmax(options) && is_sampled;
    if (strcmp(name, "smoothing") == 0)
        return is_softmax(options);
    if (strcmp(name, "sample_alpha") == 0)
        return is_sampled && options->n_sample > 0;
    if (strcmp(name, "dropout_p_embed") == 0)
        return options->constrained_embedding || options->embedding != 0;
    return strcmp(name, "feedforward_act") != 0 || options->feedforward.n > 0;
}

void g4r_space_drop_meaningless(gru4rec_options *options)
{
    gru4rec_options defaults;
    gru4rec_options_init(&defaults);
    for (size_t i = 0; i < N_TUNABLES; i++)
        if (!g4r_space_matters(tunables[i].name, options))
            gru4rec_options_unset(options, GRU4REC_SCOPE_TRAIN, tunables[i].name,
                                  &defaults, NULL);
}

/* ---- making a space ---- */

bool gru4rec_space_can_have(const char *option)
{
    return find_tunable(option) != NULL;
}

/*
 * Returns the index in space->dimensions of the dimension of the option of this name, in
 * upper or lower case. Returns space->n if there is none.
 */
static size_t find_dimension(const gru4rec_space *space, const char *option)
{
    size_t i = 0;
    while (i < space->n && strcasecmp(space->dimensions[i].option, option) != 0)
        i++;
    return i;
}

bool gru4rec_space_has(const gru4rec_space *space, const char *option)
{
    return find_dimension(space, option) < space->n;
}

/*
 * Tells whether an option of this kind can have a range. A list can: a number then stands
 * for a list of one integer.
 */
static bool is_number(g4r_option_kind kind)
{
    return kind == G4R_INTEGER || kind == G4R_REAL || kind == G4R_LIST;
}

/*
 * Sets *row to the row of tunables for the option of this name. INVALID: there is no such
 * option, and the message suggests the nearest name; or a tuning cannot choose this
 * option. *row is NULL after an error.
 */
static gru4rec_status find_row(const tunable **row, const char *name,
                               gru4rec_error *error)
{
    char shown[100];
    *row = find_tunable(name);
    if (*row != NULL)
        return GRU4REC_OK;
    if (g4r_options_find(name) == NULL) { /* writes the error for an unknown name */
        gru4rec_options options;
        gru4rec_options_init(&options);
        return gru4rec_options_set(&options, GRU4REC_SCOPE_TRAIN, name, "", error);
    }
    gru4rec_show(shown, sizeof shown, name, strlen(name));
    return REFUSE(error,
                  "a tuning cannot choose '%s', only options of the network and its "
                  "learning; give %s as an option instead",
                  shown, shown);
}

/*
 * Checks that the option of row accepts text, and writes the value to canonical in the
 * option's usual form, so that equal values have equal texts. INVALID: the option does
 * not accept text, or the usual form does not fit into canonical, as of a long list.
 */
static gru4rec_status check_value(const tunable *row, const char *text,
                                  char canonical[GRU4REC_MAX_CHOICE],
                                  gru4rec_error *error)
{
    gru4rec_options options;
    gru4rec_options_init(&options);
    gru4rec_status status =
        gru4rec_options_set(&options, GRU4REC_SCOPE_TRAIN, row->name, text, error);
    if (status != GRU4REC_OK)
        return status;
    if (gru4rec_option_text(&options, index_of(row->name), canonical,
                            GRU4REC_MAX_CHOICE) >= GRU4REC_MAX_CHOICE)
        return REFUSE(error,
                      "a value of %s is too long for a tuning; give a shorter list",
                      row->name);
    return GRU4REC_OK;
}

/*
 * Adds a dimension without values for the option of row to the end of the space, and
 * returns it. Its scale is GRU4REC_SCALE_CHOICE. There is always room, as each option is
 * added once.
 */
static gru4rec_dimension *add_dimension(gru4rec_space *space, const tunable *row)
{
    gru4rec_dimension *dimension = &space->dimensions[space->n++];
    *dimension = (gru4rec_dimension){.option = row->name};
    return dimension;
}

gru4rec_status gru4rec_space_choose(gru4rec_space *space, const char *option,
                                    const char *value, gru4rec_error *error)
{
    const tunable *row;
    char text[GRU4REC_MAX_CHOICE];
    gru4rec_status status = find_row(&row, option, error);
    if (status == GRU4REC_OK)
        status = check_value(row, value, text, error);
    if (status != GRU4REC_OK)
        return status;
    const size_t at = find_dimension(space, row->name);
    gru4rec_dimension *dimension =
        at < space->n ? &space->dimensions[at] : add_dimension(space, row);
    for (int64_t i = 0; i < dimension->n_choices; i++)
        if (strcmp(dimension->choices[i], text) == 0)
            return REFUSE(error, "the space has %s %s twice; leave one of them out",
                          row->name, text);
    if (g4r_space_is_ordered(dimension))
        return REFUSE(error, "the space has %s twice; leave one of them out", row->name);
    if (dimension->n_choices == GRU4REC_MAX_CHOICES)
        return REFUSE(error,
                      "the space has more than %d values of %s; give a range, as "
                      "{\"log\":[0.01,0.3]}, or fewer values",
                      GRU4REC_MAX_CHOICES, row->name);
    memcpy(dimension->choices[dimension->n_choices++], text, sizeof text);
    return GRU4REC_OK;
}

/*
 * Checks a range that is to be given to the option of row; adds nothing. INVALID: the
 * option's values are no numbers; low or high is 1e9 or more in absolute value, or the
 * option does not accept it; low is not below high; a log range begins at 0 or below, or
 * has a step; or the step of a linear range is below 0, larger than the range, or so
 * small that there are more than 10000 steps.
 */
static gru4rec_status check_range(const tunable *row, const gru4rec_dimension *range,
                                  gru4rec_error *error)
{
    char text[GRU4REC_MAX_CHOICE], canonical[GRU4REC_MAX_CHOICE];
    const bool is_log = range->scale == GRU4REC_SCALE_LOG;
    gru4rec_status status = GRU4REC_OK;
    if (!is_number(g4r_options_find(row->name)->kind))
        return REFUSE(error,
                      "the values of %s are not numbers, so they have no range; "
                      "list them, as [\"a\",\"b\"]",
                      row->name);
    for (int i = 0; i < 2 && status == GRU4REC_OK; i++) {
        const double end = i == 0 ? range->low : range->high;
        if (!(fabs(end) < 1e9))
            return REFUSE(error, "a range of %s goes to 1e9 at most; make it smaller",
                          row->name);
        write_number(text, end);
        status = check_value(row, text, canonical, error);
    }
    if (status != GRU4REC_OK)
        return status;
    if (!(range->low < range->high))
        return REFUSE(error,
                      "a range of %s must go from a smaller number to a larger one; "
                      "list single values, as [1,2]",
                      row->name);
    if (is_log && !(range->low > 0))
        return REFUSE(error,
                      "a logarithmic range of %s must begin above 0; raise its "
                      "start, or make it linear",
                      row->name);
    if (is_log
            ? range->step != 0
            : !(range->step >= 0 && range->step <= range->high - range->low &&
                (range->step == 0 || (range->high - range->low) / range->step <= 10000)))
        return REFUSE(error,
                      "this step does not suit the range of %s; leave it out, or "
                      "give a linear range a smaller number above 0",
                      row->name);
    return GRU4REC_OK;
}

gru4rec_status gru4rec_space_range(gru4rec_space *space, const char *option,
                                   gru4rec_scale scale, double low, double high,
                                   double step, gru4rec_error *error)
{
    const tunable *row;
    const gru4rec_dimension range = {.scale = scale,
                                     .low = low,
                                     .high = high,
                                     .step = step};
    gru4rec_status status = find_row(&row, option, error);
    if (status == GRU4REC_OK)
        status = check_range(row, &range, error);
    if (status != GRU4REC_OK)
        return status;
    if (gru4rec_space_has(space, row->name))
        return REFUSE(error, "the space has %s twice; leave one of them out", row->name);
    gru4rec_dimension *dimension = add_dimension(space, row);
    dimension->scale = scale;
    dimension->low = low;
    dimension->high = high;
    dimension->step = step;
    return GRU4REC_OK;
}

/* ---- the default space ---- */

/*
 * Returns the factor by which the default range of learning_rate, which suits adagrad, is
 * multiplied to suit the optimiser (option adapt) of base: the learning rate that this
 * optimiser gets if none is set, divided by the default of option learning_rate. Returns
 * 1 if the default options with this optimiser contradict each other.
 */
static double scale_of_rate(const gru4rec_options *base)
{
    gru4rec_options defaults, own;
    gru4rec_options_init(&defaults);
    own = defaults;
    own.adapt = base->adapt;
    return gru4rec_options_resolve(&own, NULL) == GRU4REC_OK
               ? own.learning_rate / defaults.learning_rate
               : 1;
}

/*
 * Adds the parts of choices, a list "first|second", to the end of the dimension's
 * choices, unchecked.
 */
static void add_choices(gru4rec_dimension *dimension, const char *choices)
{
    while (*choices != '\0') {
        const size_t n = strcspn(choices, "|");
        snprintf(dimension->choices[dimension->n_choices++], GRU4REC_MAX_CHOICE, "%.*s",
                 (int)n, choices);
        choices += n + (choices[n] == '|');
    }
}

/*
 * Tells whether the option can have an effect in a trial (g4r_space_matters()): with the
 * values of base; or, if is_loss_open (the tuning chooses the loss too), with loss
 * bpr-max or cross-entropy in place of that of base.
 */
static bool can_matter(const char *name, const gru4rec_options *base, bool is_loss_open)
{
    gru4rec_options other = *base;
    other.loss = GRU4REC_BPR_MAX;
    if (g4r_space_matters(name, base) ||
        (is_loss_open && g4r_space_matters(name, &other)))
        return true;
    other.loss = GRU4REC_CROSS_ENTROPY;
    return is_loss_open && g4r_space_matters(name, &other);
}

void gru4rec_space_fill(gru4rec_space *space, const gru4rec_options *base,
                        const gru4rec_options *fixed)
{
    gru4rec_options own = *base;
    /* Which options have an effect depends on the values of the preset, too. */
    g4r_options_apply_preset(&own);
    const double rate = scale_of_rate(&own);
    const bool is_loss_open = !gru4rec_option_is_set(fixed, index_of("loss"));
    space->n = 0;
    for (size_t i = 0; i < N_TUNABLES; i++) {
        const tunable *row = &tunables[i];
        const bool is_default =
            row->scale != GRU4REC_SCALE_CHOICE || row->choices != NULL;
        if (!is_default || gru4rec_option_is_set(fixed, index_of(row->name)))
            continue;
        gru4rec_dimension *dimension = add_dimension(space, row);
        const double factor = strcmp(row->name, "learning_rate") == 0 ? rate : 1;
        dimension->scale = row->scale;
        dimension->low = row->low * factor;
        dimension->high = row->high * factor;
        dimension->step = row->step;
        if (row->choices != NULL)
            add_choices(dimension, row->choices);
        if (!can_matter(row->name, &own, is_loss_open))
            space->n--;
    }
}

/* options.c - sets, reads and describes options by their names, with options_table.c. */
#include "option.h"
#include "presets.h"
#include "synonyms.h"
#include "../base/fail.h"

#include <stdio.h>
#include <strings.h>

/*
 * The names of the columns of a source of events. Users give them in the same place as
 * options, so a mistyped option may be meant as one.
 */
static const char *const columns[] = {"session", "item", "time", "order"};

/* Returns the address of the field that holds the value of option o in *options. */
static void *field_of(gru4rec_options *options, const g4r_option *o)
{
    return (char *)options + o->offset;
}

const g4r_option *g4r_options_find(const char *name)
{
    for (size_t i = 0; i < g4r_options_table_count; i++)
        if (strcasecmp(g4r_options_table[i].name, name) == 0)
            return &g4r_options_table[i];
    return NULL;
}

/*
 * Returns the name that differs from name in the fewest edits (insert, delete or change a
 * character), and sets *edits to their number. The candidates are all options of the
 * scope and the columns of a source, whatever the scope; of equals, the first. If name
 * has more than two letters, a candidate that begins with it counts as one edit.
 */
static const char *nearest_name(const char *name, gru4rec_option_scope scope, int *edits)
{
    enum { N_COLUMNS = sizeof columns / sizeof *columns };
    const char *nearest = columns[0];
    *edits = g4r_synonyms_distance(name, nearest, strlen(nearest));
    for (size_t i = 0; i < g4r_options_table_count + N_COLUMNS; i++) {
        const bool is_column = i < N_COLUMNS;
        const char *candidate =
            is_column ? columns[i] : g4r_options_table[i - N_COLUMNS].name;
        bool is_start =
            strlen(name) > 2 && strncasecmp(candidate, name, strlen(name)) == 0;
        int d = is_start ? 1 : g4r_synonyms_distance(name, candidate, strlen(candidate));
        if ((is_column || (g4r_options_table[i - N_COLUMNS].scope & scope) != 0) &&
            d < *edits) {
            nearest = candidate;
            *edits = d;
        }
    }
    return nearest;
}

/*
 * Tells whether name can be a typing error for a name that is this many edits away: at
 * most a third of the letters of name, and at most 4. Otherwise the message suggests no
 * name, because it would be misleading.
 */
static bool is_near(const char *name, int edits)
{
    const size_t most = 4;
    return edits <= (int)G4R_MIN(strlen(name) / 3, most);
}

/*
 * Writes a message about options into error, as g4r_fail(), and has the value INVALID.
 * Every error about options has this status.
 */
#define REFUSE(error, ...) g4r_fail(error, GRU4REC_INVALID, __VA_ARGS__)

/*
 * Writes the error for a name that no option has, and returns INVALID. If another tool
 * has an option of this name, or of a name that is fewer edits away than the nearest of
 * ours (synonyms.h), the message suggests our options of the same meaning, or says what
 * to do instead. Otherwise it suggests our nearest name if that is near (is_near()), and
 * else says where all options are listed.
 */
static gru4rec_status refuse_name(const char *name, gru4rec_option_scope scope,
                                  gru4rec_error *error)
{
    int edits;
    char shown[100];
    const char *nearest = nearest_name(name, scope, &edits);
    const g4r_synonym *synonym = g4r_synonyms_find(name, scope, edits);
    gru4rec_show(shown, sizeof shown, name, strlen(name));
    if (synonym == NULL && is_near(name, edits))
        return REFUSE(error, "no option '%s'; did you mean '%s'?", shown, nearest);
    if (synonym == NULL)
        return REFUSE(error, "no option '%s'; SELECT * FROM gru4rec_options lists all",
                      shown);
    if (synonym->names == NULL)
        return REFUSE(error, "no option '%s'; %s", shown, synonym->advice);
    const char *names = synonym->names;
    const size_t first = strcspn(names, "|");
    return REFUSE(error, "no option '%s'; did you mean '%.*s'%s%s%s?", shown, (int)first,
                  names, names[first] ? " or '" : "",
                  names[first] ? names + first + 1 : "", names[first] ? "'" : "");
}

/* ---- the interface ---- */

/*
 * Sets the value of an option from a text of the table or of a preset, or one that was
 * written by g4r_option_print(). Such a text is always valid, so there is no error. Does
 * not change whether the option is marked as set.
 */
static void set_own(gru4rec_options *options, const g4r_option *o, const char *text)
{
    bool is_ok = g4r_option_parse(o, text, field_of(options, o));
    assert(is_ok);
    (void)is_ok;
}

void gru4rec_options_init(gru4rec_options *options)
{
    memset(options, 0, sizeof *options);
    for (size_t i = 0; i < g4r_options_table_count; i++)
        set_own(options, &g4r_options_table[i], g4r_options_table[i].defaults);
}

void gru4rec_options_init_stored(gru4rec_options *options)
{
    gru4rec_options_init(options);
    for (size_t i = 0; i < g4r_options_table_count; i++)
        if (g4r_options_table[i].before != NULL)
            set_own(options, &g4r_options_table[i], g4r_options_table[i].before);
}

/*
 * Returns the words that say in messages where users give options of this scope. If the
 * scope has several places, the first of these counts: training, export, tuning,
 * pictures, evaluation, comparison.
 */
static const char *place_of(int scope)
{
    if ((scope & GRU4REC_SCOPE_TRAIN) != 0)
        return "the model and its training";
    if ((scope & GRU4REC_SCOPE_EXPORT) != 0)
        return "gru4rec_evaluate() and gru4rec_export()";
    if ((scope & GRU4REC_SCOPE_TUNE) != 0)
        return (scope & GRU4REC_SCOPE_EVALUATE) != 0
                   ? "gru4rec_evaluate() and gru4rec_tune()"
                   : "gru4rec_tune()";
    if ((scope & GRU4REC_SCOPE_PLOT) != 0)
        return "gru4rec_plot()";
    return (scope & GRU4REC_SCOPE_EVALUATE) != 0 ? "gru4rec_evaluate()"
                                                 : "gru4rec_compare()";
}

/*
 * Sets *row to the row of the table with this name; NULL if there is none. INVALID: there
 * is no such option, or it does not belong to the scope. The message suggests another
 * name, or says where to give the option.
 */
static gru4rec_status find_row(const g4r_option **row, gru4rec_option_scope scope,
                               const char *name, gru4rec_error *error)
{
    const g4r_option *o = *row = g4r_options_find(name);
    if (o == NULL)
        return refuse_name(name, scope, error);
    if ((o->scope & scope) == 0)
        return REFUSE(error, "option '%s' belongs to %s; give it there", o->name,
                      place_of((int)o->scope));
    return GRU4REC_OK;
}

/* Returns the article that a range needs in a sentence. */
static const char *article_of(const char *range)
{
    if (strncmp(range, "integer", strlen("integer")) == 0)
        return "an ";
    return strncmp(range, "number", strlen("number")) == 0 ? "a " : "";
}

/*
 * Sets the value of option o from a text. Does not change whether the option is marked as
 * set. INVALID: the option does not accept the text; nothing is changed then, and the
 * message says what the option takes.
 */
static gru4rec_status parse_value(gru4rec_options *options, const g4r_option *o,
                                  const char *value, gru4rec_error *error)
{
    gru4rec_options changed = *options;
    char range[200], shown[100];
    if (g4r_option_parse(o, value, field_of(&changed, o))) {
        *options = changed;
        return GRU4REC_OK;
    }
    g4r_option_range(o, range, sizeof range);
    /* A value that has quotes itself gets none around it. */
    const char *quote = strchr(value, '\'') == NULL ? "'" : "";
    return REFUSE(error, "option '%s' cannot be %s%s%s; it takes %s%s", o->name, quote,
                  gru4rec_show(shown, sizeof shown, value, strlen(value)), quote,
                  article_of(range), range);
}

gru4rec_status gru4rec_options_set(gru4rec_options *options, gru4rec_option_scope scope,
                                   const char *name, const char *value,
                                   gru4rec_error *error)
{
    const g4r_option *o;
    gru4rec_status status = find_row(&o, scope, name, error);
    if (status == GRU4REC_OK)
        status = parse_value(options, o, value, error);
    if (status == GRU4REC_OK)
        options->is_set[o - g4r_options_table] = true;
    return status;
}

gru4rec_status gru4rec_options_set_default(gru4rec_options *options,
                                           gru4rec_option_scope scope, const char *name,
                                           const char *value, gru4rec_error *error)
{
    const g4r_option *o;
    gru4rec_options changed = *options;
    gru4rec_status status = find_row(&o, scope, name, error);
    if (status == GRU4REC_OK)
        status = parse_value(&changed, o, value, error);
    if (status == GRU4REC_OK && !options->is_set[o - g4r_options_table])
        *options = changed;
    return status;
}

gru4rec_status gru4rec_options_unset(gru4rec_options *options, gru4rec_option_scope scope,
                                     const char *name, const gru4rec_options *defaults,
                                     gru4rec_error *error)
{
    const g4r_option *o;
    char text[512];
    gru4rec_status status = find_row(&o, scope, name, error);
    if (status != GRU4REC_OK)
        return status;
    gru4rec_option_text(defaults, (size_t)(o - g4r_options_table), text, sizeof text);
    set_own(options, o, text);
    options->is_set[o - g4r_options_table] = false;
    return GRU4REC_OK;
}

bool g4r_options_is_set(const gru4rec_options *options, const char *name)
{
    const g4r_option *o = g4r_options_find(name);
    assert(o != NULL);
    return gru4rec_option_is_set(options, (size_t)(o - g4r_options_table));
}

void g4r_options_apply_preset(gru4rec_options *options)
{
    char name[32], text[32];
    for (const char *at = g4r_presets_options(options->preset); *at; at += *at == ',') {
        int n = 0, n_read = sscanf(at, "%31[^=]=%31[^,]%n", name, text, &n);
        const g4r_option *o = g4r_options_find(name);
        assert(n_read == 2 && o != NULL);
        (void)n_read;
        if (!gru4rec_option_is_set(options, (size_t)(o - g4r_options_table)))
            set_own(options, o, text);
        at += n;
    }
}

size_t gru4rec_option_count(void)
{
    return g4r_options_table_count;
}

void gru4rec_option_describe(size_t index, gru4rec_option_info *info)
{
    assert(index < g4r_options_table_count);
    const g4r_option *o = &g4r_options_table[index];
    info->name = o->name;
    info->help = o->help;
    info->type = g4r_option_type(o);
    info->scope = o->scope;
    info->is_stored = o->is_later;
    g4r_option_range(o, info->range, sizeof info->range);
    snprintf(info->default_text, sizeof info->default_text, "%s", o->defaults);
}

bool gru4rec_option_is_set(const gru4rec_options *options, size_t index)
{
    assert(index < g4r_options_table_count);
    return options->is_set[index];
}

size_t gru4rec_option_text(const gru4rec_options *options, size_t index, char *text,
                           size_t size)
{
    assert(index < g4r_options_table_count);
    const g4r_option *o = &g4r_options_table[index];
    return (size_t)g4r_option_print(o, (const char *)options + o->offset, text, size);
}

/*
 * ext_uses.c - refuses options that a call takes but does not use; see ext_base.h.
 */
#include "ext_base.h"

#include <string.h>

/* The options that are not in the group of all others of their scope. */
static const struct {
    const char *name;
    ext_uses group;
} table[] = {
    {"since", EXT_USES_EVENTS},
    {"until", EXT_USES_EVENTS},
    {"session_gap", EXT_USES_EVENTS},
    {"collapse_repeats", EXT_USES_EVENTS},
    {"keep_empty", EXT_USES_EVENTS},
    {"max_length", EXT_USES_EVENTS},
    {"long_sessions", EXT_USES_EVENTS},
    {"min_support", EXT_USES_EVENTS},
    {"min_length", EXT_USES_EVENTS},
    {"single_events", EXT_USES_EVENTS},
    {"bad_rows", EXT_USES_EVENTS},
    {"validation", EXT_USES_EVENTS},
    {"preset", EXT_USES_BATCHES},
    {"batch_size", EXT_USES_BATCHES},
    {"n_sample", EXT_USES_BATCHES},
    {"time_sort", EXT_USES_VISITS},
    {"whole_sessions", EXT_USES_VISITS},
    {"groups", EXT_USES_VISITS},
    {"exclude_seen", EXT_USES_LISTS},
    {"segment", EXT_USES_SEGMENT},
    {"ranks", EXT_USES_RANKS},
    {"version", EXT_USES_VERSION},
    {"seed", EXT_USES_SEED},
    {"memory_limit", EXT_USES_MEMORY},
};

/* Returns the group of an option; 0: it is in none. */
static int group_of(const gru4rec_option_info *info)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, info->name) == 0)
            return (int)table[i].group;
    if ((info->scope & GRU4REC_SCOPE_TRAIN) != 0)
        return EXT_USES_NETWORK;
    return (info->scope & GRU4REC_SCOPE_EVALUATE) != 0 ? EXT_USES_MEASURES : 0;
}

/* Returns the name of a text that the call gives but does not use; NULL: none. */
static const char *find_text(const ext_columns *columns, int uses)
{
    const struct {
        const char *text, *name;
        ext_uses group;
    } texts[] = {
        {columns->test, "test", EXT_USES_TEST},
        {columns->session, "session", EXT_USES_COLUMNS},
        {columns->item, "item", EXT_USES_COLUMNS},
        {columns->time, "time", EXT_USES_COLUMNS},
        {columns->order, "order", EXT_USES_COLUMNS},
        {columns->candidates, "candidates", EXT_USES_LISTS},
        {columns->label, "label", EXT_USES_ITEMS},
        {columns->titles, "titles", EXT_USES_ITEMS},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].text != NULL && (uses & (int)texts[i].group) == 0)
            return texts[i].name;
    return NULL;
}

/* Returns the name of an option that is set but not used; NULL: none. */
static const char *find_option(const gru4rec_options *options, int uses)
{
    gru4rec_option_info info;
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_describe(i, &info);
        const int group = group_of(&info);
        if (gru4rec_option_is_set(options, i) && group != 0 && (uses & group) == 0)
            return info.name;
    }
    return NULL;
}

int ext_uses_check(const gru4rec_options *options, const ext_columns *columns, int uses,
                   const char *who, const char *advice, ext_error *error)
{
    const char *name = find_text(columns, uses);
    if (name == NULL)
        name = find_option(options, uses);
    return name == NULL
               ? SQLITE_OK
               : ext_error_set(error, SQLITE_ERROR, "%s does not use the option %s; %s",
                               who, name, advice);
}

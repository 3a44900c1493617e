/*
 * ext_read.c - all events into memory, to train on or to be measured by; see ext_events.h.
 *
 * The library sorts them: SQLite may give rows in any order. Where a column breaks ties,
 * SQLite sorts by it, as it alone knows the order of such values; what the library then
 * breaks ties by is an event's place among all.
 */
#include "ext_events.h"

#include <math.h>
#include <string.h>

enum { SESSION, ITEM, TIME, ROWID };

static int prepare_events(const ext_source *source, sqlite3_stmt **stmt, ext_error *error)
{
    const bool is_sorted = source->columns.order != NULL;
    char *time = ext_source_time(source->columns.time);
    char *ties = is_sorted ? ext_source_ties(source) : NULL;
    *stmt = NULL;
    int rc =
        time != NULL && (ties != NULL || !is_sorted) ? SQLITE_OK : ext_error_nomem(error);
    if (rc == SQLITE_OK)
        rc = ext_sql_prepare(source->db, stmt, error,
                             "SELECT \"%w\", \"%w\", %s, %s FROM %s AS source%s%s",
                             source->columns.session, source->columns.item, time,
                             source->rowid != NULL ? source->rowid : "0", source->from,
                             is_sorted ? " ORDER BY " : "", is_sorted ? ties : "");
    sqlite3_free(time);
    sqlite3_free(ties);
    return rc;
}

static bool get_time(sqlite3_stmt *stmt, int column, gru4rec_time *time)
{
    int type = sqlite3_column_type(stmt, column);
    time->is_real = type == SQLITE_FLOAT;
    if (time->is_real)
        time->real = sqlite3_column_double(stmt, column);
    else
        time->integer = sqlite3_column_int64(stmt, column);
    return type == SQLITE_INTEGER || type == SQLITE_FLOAT;
}

/* A time that since or until gives. */
typedef struct time_bound {
    bool is_set;
    gru4rec_time time;
} time_bound;

/* Is the column's time before the bound? */
static bool is_before(const gru4rec_time *time, const time_bound *bound)
{
    if (!time->is_real && !bound->time.is_real)
        return time->integer < bound->time.integer;
    double a = time->is_real ? time->real : (double)time->integer;
    double b = bound->time.is_real ? bound->time.real : (double)bound->time.integer;
    return a < b;
}

/* The column's name as an expression has it; NULL: no memory. */
static char *quoted(const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
                                "0123456789";
    const bool is_plain = name[strspn(name, plain)] == '\0' && *name > '9' &&
                          !sqlite3_keyword_check(name, (int)strlen(name));
    return sqlite3_mprintf(is_plain ? "%s" : "\"%w\"", name);
}

/*
 * The error of an item that is a BLOB or a REAL. It advises an expression that keeps ids
 * apart: as integers all BLOBs are 0, and 1.5 is 1.
 */
static int fail_item(const ext_source *source, const gru4rec_id *item, ext_error *error)
{
    const bool is_blob = item->type == GRU4REC_ID_BLOB;
    const bool is_whole =
        !is_blob && item->real == floor(item->real) && fabs(item->real) < 0x1p53;
    char *column = quoted(source->columns.item), *text = NULL;
    ext_show item_show, column_show;
    if (column != NULL)
        text =
            sqlite3_mprintf(is_blob    ? "hex(%s) AS %s, ...)"
                            : is_whole ? "CAST(%s AS INTEGER) AS %s, ...), or "
                                         "CAST(... AS TEXT) if some are no whole numbers"
                                       : "CAST(%s AS TEXT) AS %s, ...)",
                            column, column);
    if (text == NULL)
        ext_error_nomem(error);
    else
        ext_error_set(
            error, SQLITE_ERROR,
            "item %s is a %s; items are INTEGER or TEXT, so use a source such as "
            "(SELECT ..., %s",
            ext_show_id(&item_show, item), is_blob ? "BLOB" : "REAL",
            ext_show_text(&column_show, text));
    sqlite3_free(column);
    sqlite3_free(text);
    return error->rc;
}

static int fail_time(sqlite3_stmt *stmt, ext_error *error)
{
    gru4rec_id time;
    ext_show show;
    ext_value_column(stmt, TIME, &time);
    const char *quote = time.type == GRU4REC_ID_BLOB ? "" : "'";
    return ext_error_set(error, SQLITE_ERROR,
                         "time %s%s%s is neither a number nor a date that SQLite knows; "
                         "use a source that converts it",
                         quote, ext_show_id(&show, &time), quote);
}

/* Reads an event's ids; false: it lacks one, or its time. */
static bool get_ids(sqlite3_stmt *stmt, const ext_source *source, gru4rec_id *session,
                    gru4rec_id *item)
{
    return ext_value_column(stmt, SESSION, session) &&
           ext_value_column(stmt, ITEM, item) &&
           sqlite3_column_type(stmt, TIME) != SQLITE_NULL &&
           (source->keeps_empty ||
            (!ext_value_is_empty(session) && !ext_value_is_empty(item)));
}

/* order: what breaks ties in time. */
static int add_event(sqlite3_stmt *stmt, const ext_source *source, int64_t order,
                     const time_bound bounds[2], ext_events *events, ext_error *error)
{
    gru4rec_id session, item;
    gru4rec_time time;
    gru4rec_error message = {0};
    if (!get_ids(stmt, source, &session, &item)) {
        events->n_null++;
        return SQLITE_OK;
    }
    if (item.type != GRU4REC_ID_INTEGER && item.type != GRU4REC_ID_TEXT)
        return fail_item(source, &item, error);
    if (!get_time(stmt, TIME, &time))
        return fail_time(stmt, error);
    if ((bounds[0].is_set && is_before(&time, &bounds[0])) ||
        (bounds[1].is_set && !is_before(&time, &bounds[1]))) {
        events->n_outside++;
        return SQLITE_OK;
    }
    return ext_error_library(error,
                             gru4rec_events_add(events->builder, &session, &item, &time,
                                                order, &message),
                             &message);
}

/* The time that an option gives, as the source's times are read; none for "". */
static int read_bound(sqlite3 *db, const char *text, const char *name, time_bound *bound,
                      ext_error *error)
{
    sqlite3_stmt *stmt;
    bound->is_set = *text != '\0';
    if (!bound->is_set)
        return SQLITE_OK;
    char *time = ext_source_time("t");
    if (time == NULL)
        return ext_error_nomem(error);
    int rc = ext_sql_prepare(db, &stmt, error, "SELECT %z FROM (SELECT ?1 AS t)", time);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_bind_text(stmt, 1, text, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW &&
        !get_time(stmt, 0, &bound->time))
        rc = ext_error_set(
            error, SQLITE_ERROR,
            "option '%s' cannot be '%s'; it takes a number or an ISO-8601 time", name,
            ext_show_text(&(ext_show){""}, text));
    return ext_sql_finish(stmt, rc, NULL, error);
}

static const char reading[] = "reading the events";

/*
 * SQLite sorts all rows before it gives one: on the disk, and for ever where there is no
 * end. So it is seen first whether as many could be kept; since and until do not matter.
 */
static int check_count(const ext_source *source, const ext_budget *budget,
                       const char *advice, ext_error *error)
{
    enum { EVENT_BYTES = 20, STEP = 4096 }; /* at least, while they are read */
    sqlite3_stmt *stmt;
    int rc = ext_sql_prepare(source->db, &stmt, error, "SELECT 1 FROM %s AS source",
                             source->from);
    for (uint64_t n = 1; rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW; n++)
        rc = n % STEP == 0
                 ? ext_budget_check(budget, n * EVENT_BYTES, reading, advice, error)
                 : SQLITE_OK;
    return ext_sql_finish(stmt, rc, reading, error);
}

static int read_rows(const ext_source *source, const time_bound bounds[2],
                     ext_events *events, ext_error *error)
{
    sqlite3_stmt *stmt;
    const bool is_sorted = source->columns.order != NULL;
    int rc = prepare_events(source, &stmt, error);
    for (int64_t i = 0; rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW; i++)
        rc = add_event(stmt, source, is_sorted ? i : sqlite3_column_int64(stmt, ROWID),
                       bounds, events, error);
    return ext_sql_finish(stmt, rc, reading, error);
}

/* From rows to a dataset. */
static int read_all(ext_events *events, const ext_source *source,
                    const time_bound bounds[2], bool by_time, ext_error *error)
{
    ext_poll poll;
    if (read_rows(source, bounds, events, error) != SQLITE_OK)
        return error->rc;
    ext_poll_start(&poll, source->db);
    gru4rec_status status =
        gru4rec_dataset_new(events->builder, by_time, ext_poll_is_stopped, &poll,
                            &events->dataset, &events->items);
    ext_poll_stop(&poll);
    return ext_error_library(error, status, NULL);
}

int ext_read_events(ext_events *events, ext_budget *budget, ext_source *source,
                    const gru4rec_items *known, const gru4rec_options *options,
                    ext_error *error)
{
    const bool is_training = known == NULL;
    time_bound bounds[2] = {{0}};
    const gru4rec_preparation preparation = {
        .session_gap = options->session_gap,
        .collapse_repeats = options->collapse_repeats != 0,
        .min_support = is_training ? options->min_support : 0,
        .min_length = is_training ? options->min_length : 0,
        .validation = is_training ? options->validation : 0,
    };
    *events = (ext_events){0};
    source->keeps_empty = options->keep_empty != 0;
    if (is_training &&
        (read_bound(source->db, options->since, "since", &bounds[0], error) !=
             SQLITE_OK ||
         read_bound(source->db, options->until, "until", &bounds[1], error) != SQLITE_OK))
        return error->rc;
    const char *advice = is_training && source->columns.order == NULL
                             ? "use fewer of them (since, until, a source with WHERE)"
                             : "use fewer of them (a source with WHERE)";
    if (source->columns.order != NULL &&
        check_count(source, budget, advice, error) != SQLITE_OK)
        return error->rc;
    if (gru4rec_events_new(&budget->allocator, known, &events->builder) != GRU4REC_OK) {
        ext_error_nomem(error);
    } else {
        gru4rec_events_prepare(events->builder, &preparation);
        read_all(events, source, bounds, !is_training || options->time_sort, error);
    }
    return ext_budget_explain(budget, reading, advice, error);
}

void ext_read_free(ext_events *events)
{
    gru4rec_events_free(events->builder);
    gru4rec_dataset_free(events->dataset);
    gru4rec_items_free(events->items);
    *events = (ext_events){0};
}

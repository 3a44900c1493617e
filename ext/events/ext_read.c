/*
 * ext_read.c - reads all events into memory, to train or to evaluate; see ext_events.h.
 *
 * The library sorts the events, because SQLite may give rows in any order. If a column
 * breaks ties in time (order), SQLite sorts by that column, because only SQLite knows the
 * order of its values. The library then breaks ties by an event's place in that order.
 *
 * The source is normally read once. With since=last it is read once before, to find the
 * sessions that have a new event. If sessions are held out, it is read once more
 * afterwards, to find the last event that is trained on. All these readings see the
 * source as it was at one moment.
 */
#include "ext_events.h"

#include <string.h>

enum { SESSION, ITEM, TIME, ROWID };

/* Prepares the SELECT of all rows. is_sorted: rows come in the order of the ties. */
static int prepare_events(const ext_source *source, bool is_sorted, sqlite3_stmt **stmt,
                          ext_error *error)
{
    const ext_columns *c = &source->columns;
    char *ties = is_sorted ? ext_source_ties(source) : NULL;
    *stmt = NULL;
    int rc = ties != NULL || !is_sorted ? SQLITE_OK : ext_error_nomem(error);
    if (rc == SQLITE_OK)
        rc = ext_sql_prepare(source->db, stmt, error,
                             "SELECT \"%w\", \"%w\", \"%w\", %s FROM %s AS source%s%s",
                             c->session, c->item, c->time,
                             source->rowid != NULL ? source->rowid : "0", source->from,
                             is_sorted ? " ORDER BY " : "", is_sorted ? ties : "");
    sqlite3_free(ties);
    return rc;
}

/* Returns the column's name as SQL needs it, quoted if necessary; NULL: no memory. */
static char *quoted(const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
                                "0123456789";
    const bool is_plain = name[strspn(name, plain)] == '\0' && *name > '9' &&
                          !sqlite3_keyword_check(name, (int)strlen(name));
    return sqlite3_mprintf(is_plain ? "%s" : "\"%w\"", name);
}

/*
 * Sets the error of an item that is a BLOB, or a REAL that is no integer. It advises an
 * expression that keeps different ids different. A CAST to INTEGER does not: it makes 0
 * of all BLOBs, and 1 of 1.5.
 */
static int fail_item(const ext_source *source, const gru4rec_id *item, ext_error *error)
{
    const bool is_blob = item->type == GRU4REC_ID_BLOB;
    char *column = quoted(source->columns.item), *text = NULL;
    ext_show item_show, advice_show, column_show;
    if (column != NULL)
        text = sqlite3_mprintf(ext_ids_advice(item), column);
    if (text == NULL)
        ext_error_nomem(error);
    else
        ext_error_set(
            error, SQLITE_ERROR,
            "item %s is a %s; items are INTEGER or TEXT, so use a source such as "
            "(SELECT ..., %s AS %s, ...)",
            ext_show_id(&item_show, item), is_blob ? "BLOB" : "REAL",
            ext_show_text(&advice_show, text), ext_show_text(&column_show, column));
    sqlite3_free(column);
    sqlite3_free(text);
    return error->rc;
}

/* A reading of the rows of a source. */
typedef struct row_reader {
    const ext_source *source;
    const ext_reading *reading; /* (1), or (2) if there is a twin, whose is the second */
    ext_events *twin;           /* a second result for the same events, or NULL */
    double bad_rows;            /* share of the rows whose time may be unreadable */
    bool is_audit;              /* no row is refused */
    sqlite3_stmt *stmt;
    ext_since since;
    int64_t n_rows;
    int64_t n_unknown;   /* if there is a twin: events whose item one of both lacks */
    ext_error first_bad; /* the error of the first row whose time cannot be read */
} row_reader;

/* Moves cause into error, and puts before its message which row it is about. */
static int fail_row(const row_reader *rows, ext_error *cause, ext_error *error)
{
    gru4rec_id session, item;
    ext_show session_show, item_show;
    ext_value_column(rows->stmt, SESSION, &session);
    ext_value_column(rows->stmt, ITEM, &item);
    char *which =
        rows->source->rowid != NULL
            ? sqlite3_mprintf("rowid %lld: ", sqlite3_column_int64(rows->stmt, ROWID))
            : sqlite3_mprintf("session %s, item %s: ",
                              ext_show_id(&session_show, &session),
                              ext_show_id(&item_show, &item));
    int rc =
        which != NULL ? ext_error_wrap(error, cause, which, "") : ext_error_nomem(error);
    ext_error_clear(cause);
    sqlite3_free(which);
    return rc;
}

/* Counts a row whose time cannot be read. Of the first such row it keeps the error. */
static void skip_row(row_reader *rows, ext_events *events)
{
    gru4rec_id time;
    ext_show show;
    ext_error cause = {0};
    if (events->n_bad++ > 0)
        return;
    ext_value_column(rows->stmt, TIME, &time);
    const char *quote = time.type == GRU4REC_ID_BLOB ? "" : "'";
    ext_error_set(&cause, SQLITE_ERROR,
                  "time %s%s%s is neither a number nor a date that SQLite knows; "
                  "use a source that converts it, or %s",
                  quote, ext_show_id(&show, &time), quote,
                  rows->reading->known == NULL
                      ? "skip such rows with option bad_rows"
                      : "train the model with an option bad_rows that skips such rows");
    fail_row(rows, &cause, &rows->first_bad);
}

/* Sets the error if more times cannot be read than bad_rows allows. */
static int check_bad(row_reader *rows, const ext_events *events, ext_error *error)
{
    const double n_bad = (double)events->n_bad;
    if (n_bad <= rows->bad_rows * (double)rows->n_rows)
        return SQLITE_OK;
    if (rows->bad_rows == 0)
        return ext_error_wrap(error, &rows->first_bad, "", "");
    char *counts = sqlite3_mprintf("%lld of %lld rows have times that cannot be read, "
                                   "more than bad_rows=%g allows; the first: ",
                                   (long long)events->n_bad, (long long)rows->n_rows,
                                   rows->bad_rows);
    int rc = counts != NULL ? ext_error_wrap(error, &rows->first_bad, counts, "")
                            : ext_error_nomem(error);
    sqlite3_free(counts);
    return rc;
}

/* An event that is not left out. */
typedef struct event {
    gru4rec_id session, item;
    ext_border at;
    int64_t order; /* breaks ties in time: the rowid, or the place in SQLite's order */
} event;

/* Reads an event's session and item. Returns false if either is missing. */
static bool get_ids(const row_reader *rows, event *e)
{
    return ext_value_column(rows->stmt, SESSION, &e->session) &&
           ext_value_item_column(rows->stmt, ITEM, &e->item) &&
           (rows->source->keeps_empty ||
            (!ext_value_is_empty(&e->session) && !ext_value_is_empty(&e->item)));
}

/* Tells whether the event comes after reading->end, and so is left out. */
static bool is_behind(const row_reader *rows, const event *e)
{
    const ext_border *end = rows->reading->end;
    return end != NULL && ext_border_is_before(end, &e->at);
}

/* Reads the present row. *is_event false: the row is left out, and was counted. */
static int get_event(row_reader *rows, ext_events *events, event *e, bool *is_event,
                     ext_error *error)
{
    ext_error cause = {0};
    const ext_time_kind kind = ext_time_column(rows->stmt, TIME, &e->at.time);
    *is_event = false;
    if (!get_ids(rows, e) || kind == EXT_TIME_NONE) {
        events->n_null++;
        return SQLITE_OK;
    }
    if (e->item.type != GRU4REC_ID_INTEGER && e->item.type != GRU4REC_ID_TEXT) {
        events->n_odd++;
        return rows->is_audit ? SQLITE_OK : fail_item(rows->source, &e->item, error);
    }
    if (kind == EXT_TIME_BAD) {
        skip_row(rows, events);
        return SQLITE_OK;
    }
    if (ext_since_check(&rows->since, &e->at.time, kind, is_event, &cause) != SQLITE_OK)
        return fail_row(rows, &cause, error);
    e->at.is_there = true;
    e->at.has_rowid = rows->source->rowid != NULL;
    e->at.rowid = sqlite3_column_int64(rows->stmt, ROWID);
    *is_event &= !is_behind(rows, e);
    events->n_outside += !*is_event;
    return SQLITE_OK;
}

/* ---- what is done with an event ---- */

/* Does something with one event; read_rows() calls it for each event. */
typedef int visitor(row_reader *rows, const event *e, ext_events *events,
                    ext_error *error);

static bool is_new(const row_reader *rows, const event *e)
{
    const ext_last *last = rows->since.last;
    return last == NULL || ext_border_is_before(&last->border, &e->at);
}

/* Tells the builder that the event's session has a new event, if the event is new. */
static int expect_event(row_reader *rows, const event *e, ext_events *events,
                        ext_error *error)
{
    gru4rec_error message = {0};
    if (!is_new(rows, e))
        return SQLITE_OK;
    ext_border_move(&events->last, &e->at);
    return ext_error_library(
        error, gru4rec_events_expect(events->builder, &e->session, &message), &message);
}

/* Adds the event to one result, as new or as old, and counts it if it is compared. */
static int add_to(row_reader *rows, const event *e, ext_events *events,
                  const ext_reading *reading, ext_error *error)
{
    gru4rec_error message = {0};
    gru4rec_status status =
        is_new(rows, e) ? gru4rec_events_add(events->builder, &e->session, &e->item,
                                             &e->at.time, e->order, &message)
                        : gru4rec_events_add_old(events->builder, &e->session, &e->item,
                                                 &e->at.time, e->order, &message);
    const ext_against *against = reading->against;
    events->n_compared += against != NULL;
    events->n_before += against != NULL && against->end.is_there &&
                        gru4rec_time_compare(&e->at.time, &against->end.time) < 0;
    return ext_error_library(error, status, &message);
}

/* Adds the event to the result, and to the twin if there is one. */
static int add_event(row_reader *rows, const event *e, ext_events *events,
                     ext_error *error)
{
    const ext_reading *reading = rows->reading;
    if (reading->keeps_times)
        ext_unit_see(&events->unit, &e->at.time);
    ext_border_move(&events->last, &e->at);
    if (rows->twin != NULL) {
        rows->n_unknown += gru4rec_items_find(reading[0].known, &e->item) < 0 ||
                           gru4rec_items_find(reading[1].known, &e->item) < 0;
        if (add_to(rows, e, rows->twin, &reading[1], error) != SQLITE_OK)
            return error->rc;
    }
    return add_to(rows, e, events, reading, error);
}

/*
 * Adds the event in an audit. It also finds the first event, which an audit needs before
 * there is a dataset.
 */
static int look_at_event(row_reader *rows, const event *e, ext_events *events,
                         ext_error *error)
{
    const bool is_first = !events->first.is_there ||
                          gru4rec_time_compare(&e->at.time, &events->first.time) < 0;
    if (is_first)
        events->first = e->at;
    return add_event(rows, e, events, error);
}

/* Moves last to the event, if the event is before the first time of held-out sessions. */
static int pass_event(row_reader *rows, const event *e, ext_events *events,
                      ext_error *error)
{
    (void)rows;
    (void)error;
    if (gru4rec_time_compare(&e->at.time, &events->dataset->held_out) < 0)
        ext_border_move(&events->last, &e->at);
    return SQLITE_OK;
}

static const char reading_events[] = "reading the events";

/*
 * Checks before a sorted reading that the rows fit into memory. SQLite sorts all rows
 * before it gives the first, on the disk, and never ends if the source is endless. So the
 * rows are counted first, unsorted. since and until leave no row out here.
 */
static int check_count(const ext_source *source, const ext_budget *budget,
                       const char *advice, ext_error *error)
{
    enum { EVENT_BYTES = 20, STEP = 4096 }; /* the least bytes of an event in memory */
    sqlite3_stmt *stmt;
    if (source->columns.order == NULL)
        return SQLITE_OK;
    int rc = ext_sql_prepare(source->db, &stmt, error, "SELECT 1 FROM %s AS source",
                             source->from);
    for (uint64_t n = 1; rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW; n++)
        rc = n % STEP == 0 ? ext_budget_check(budget, n * EVENT_BYTES, reading_events,
                                              advice, error)
                           : SQLITE_OK;
    return ext_sql_finish(stmt, rc, reading_events, error);
}

/* Reads the source once, and calls visit for each event that is not left out. */
static int read_rows(row_reader *rows, visitor *visit, ext_events *events,
                     ext_error *error)
{
    const bool is_sorted = (visit == add_event || visit == look_at_event) &&
                           rows->source->columns.order != NULL;
    int rc = prepare_events(rows->source, is_sorted, &rows->stmt, error);
    rows->n_rows = 0;
    while (rc == SQLITE_OK && (rc = sqlite3_step(rows->stmt)) == SQLITE_ROW) {
        event e = {0};
        bool is_event;
        const int64_t place = rows->n_rows++;
        rc = get_event(rows, events, &e, &is_event, error);
        e.order = is_sorted ? place : e.at.rowid;
        if (rc == SQLITE_OK && is_event)
            rc = visit(rows, &e, events, error);
        if (rc == SQLITE_OK && rows->bad_rows == 0)
            rc = check_bad(rows, events, error);
    }
    rc = ext_sql_finish(rows->stmt, rc, reading_events, error);
    events->n_rows = rows->n_rows;
    return rc == SQLITE_OK ? check_bad(rows, events, error) : rc;
}

/* Names all sessions that have a new event to the builder. No new event is an error. */
static int expect_events(row_reader *rows, const ext_events *events, ext_error *error)
{
    ext_events seen = {.builder = events->builder};
    int rc = read_rows(rows, expect_event, &seen, error);
    ext_error_clear(&rows->first_bad);
    return rc == SQLITE_OK && !seen.last.is_there
               ? ext_since_fail_none(&rows->since, error)
               : rc;
}

/* Finds the last event before the first time of the held-out sessions. */
static int find_last(row_reader *rows, ext_events *events, ext_error *error)
{
    ext_events seen = {.dataset = events->dataset};
    if (rows->since.last != NULL)
        seen.last = rows->since.last->border;
    int rc = read_rows(rows, pass_event, &seen, error);
    events->last = seen.last;
    return rc;
}

/* Makes the dataset, and the catalogue if none is known, from the collected events. */
static int make_dataset(ext_events *events, sqlite3 *db, bool by_time, ext_error *error)
{
    ext_poll poll;
    ext_poll_start(&poll, db);
    gru4rec_status status =
        gru4rec_dataset_new(events->builder, by_time, ext_poll_is_stopped, &poll,
                            &events->dataset, &events->items);
    ext_poll_stop(&poll);
    return ext_error_library(error, status, NULL);
}

/*
 * Returns how events are prepared: for training by all options; else only by those that
 * say what a session is, as serving does.
 */
static gru4rec_preparation prepared(const ext_reading *reading)
{
    const gru4rec_options *options = reading->options;
    gru4rec_preparation preparation = {
        .session_gap = options->session_gap,
        .collapse_repeats = options->collapse_repeats != 0,
        .max_length = options->max_length,
        .long_sessions = GRU4REC_LONG_LAST,
        .keeps_times = reading->keeps_times,
    };
    if (reading->known == NULL) {
        preparation.long_sessions = (gru4rec_long_sessions)options->long_sessions;
        preparation.min_support = options->min_support;
        preparation.min_length = options->min_length;
        preparation.leaves_single = options->single_events == GRU4REC_SINGLE_LEAVE_OUT;
        preparation.validation = options->validation;
    }
    return preparation;
}

/* Reads events for training, with the readings before and after that may be needed. */
static int read_training(row_reader *rows, ext_events *events, ext_error *error)
{
    const gru4rec_options *options = rows->reading->options;
    const gru4rec_dataset *dataset;
    sqlite3_stmt *hold = NULL;
    int rc = SQLITE_OK;
    if (rows->since.last != NULL || options->validation > 0)
        rc = ext_source_hold(rows->source, &hold, error);
    if (rc == SQLITE_OK && rows->since.last != NULL)
        rc = expect_events(rows, events, error);
    if (rc == SQLITE_OK)
        rc = read_rows(rows, add_event, events, error);
    if (rc == SQLITE_OK)
        rc = make_dataset(events, rows->source->db, options->time_sort, error);
    dataset = events->dataset;
    if (rc == SQLITE_OK) {
        events->n_outside += dataset->n_old;
        events->first = events->last;
        events->first.has_rowid = false;
        events->first.time = dataset->first;
    }
    if (rc == SQLITE_OK && dataset->validation != NULL &&
        dataset->validation->n_sessions > 0)
        rc = find_last(rows, events, error);
    sqlite3_finalize(hold);
    return rc;
}

/* Reads events that nothing is trained on. */
static int read_test(row_reader *rows, ext_events *events, ext_error *error)
{
    sqlite3 *db = rows->source->db;
    int rc = read_rows(rows, add_event, events, error);
    if (rc == SQLITE_OK)
        rc = make_dataset(events, db, true, error);
    return rc == SQLITE_OK && rows->twin != NULL
               ? make_dataset(rows->twin, db, true, error)
               : rc;
}

/* Returns what a user can do if the events do not fit into memory. */
static const char *advice_for(const ext_source *source, bool has_window)
{
    return has_window && source->columns.order == NULL
               ? "use fewer events (since, until, a source with WHERE)"
               : "use fewer events (a source with WHERE)";
}

/* Makes the builder, before the first row is read. */
static int start_events(ext_events *events, ext_budget *budget,
                        const ext_reading *reading,
                        const gru4rec_preparation *preparation, ext_error *error)
{
    if (gru4rec_events_new(&budget->allocator, reading->known, &events->builder) !=
        GRU4REC_OK)
        return ext_error_nomem(error);
    gru4rec_events_prepare(events->builder, preparation);
    if (reading->against != NULL)
        gru4rec_fingerprints_start(events->builder, reading->against->key);
    return SQLITE_OK;
}

/* Makes the builder of the result, and of the twin if there is one. */
static int start_twins(row_reader *rows, ext_events *events, ext_budget *budget,
                       ext_error *error)
{
    ext_events *sides[] = {events, rows->twin};
    for (int i = 0; i < 2 && sides[i] != NULL && error->rc == SQLITE_OK; i++) {
        gru4rec_preparation preparation = prepared(&rows->reading[i]);
        preparation.keeps_numbers = rows->twin != NULL;
        start_events(sides[i], budget, &rows->reading[i], &preparation, error);
    }
    return error->rc;
}

/* Reads for training or evaluation. If memory is short, the error names the limit. */
static int read_all(row_reader *rows, ext_events *events, ext_budget *budget,
                    ext_error *error)
{
    const ext_source *source = rows->source;
    const ext_reading *reading = rows->reading;
    const bool is_training = reading->known == NULL;
    const char *advice = advice_for(source, is_training);
    if (is_training && ext_since_read(&rows->since, source->db, reading->options,
                                      reading->last, error) != SQLITE_OK)
        return error->rc;
    if (check_count(source, budget, advice, error) != SQLITE_OK)
        return error->rc;
    if (start_twins(rows, events, budget, error) == SQLITE_OK)
        (is_training ? read_training : read_test)(rows, events, error);
    ext_error_clear(&rows->first_bad);
    return ext_budget_explain(budget, reading_events, advice, error);
}

int ext_read_events(ext_events *events, ext_budget *budget, ext_source *source,
                    const ext_reading *reading, ext_error *error)
{
    row_reader rows = {.source = source,
                       .reading = reading,
                       .bad_rows = reading->options->bad_rows};
    *events = (ext_events){0};
    source->keeps_empty = reading->options->keep_empty != 0;
    return read_all(&rows, events, budget, error);
}

int ext_read_pair(ext_events events[2], ext_budget *budget, ext_source *source,
                  const ext_reading readings[2], int64_t *n_unknown, ext_error *error)
{
    const gru4rec_options *a = readings[0].options, *b = readings[1].options;
    row_reader rows = {.source = source,
                       .reading = readings,
                       .twin = &events[1],
                       .bad_rows = a->bad_rows < b->bad_rows ? a->bad_rows : b->bad_rows};
    events[0] = events[1] = (ext_events){0};
    source->keeps_empty = a->keep_empty && b->keep_empty;
    read_all(&rows, &events[0], budget, error);
    *n_unknown = rows.n_unknown;
    return error->rc;
}

int ext_read_collect(ext_events *events, ext_budget *budget, ext_source *source,
                     const ext_reading *reading, bool is_test, ext_error *error)
{
    const gru4rec_options *options = reading->options;
    const bool drops_long = options->long_sessions == GRU4REC_LONG_DROP;
    const char *advice = advice_for(source, !is_test);
    const ext_last all = {0};
    gru4rec_preparation preparation = prepared(reading);
    row_reader rows = {.source = source,
                       .reading = reading,
                       .bad_rows = 1,
                       .is_audit = true};
    *events = (ext_events){0};
    source->keeps_empty = options->keep_empty != 0;
    if (is_test)
        preparation =
            (gru4rec_preparation){.session_gap = options->session_gap,
                                  .collapse_repeats = options->collapse_repeats != 0,
                                  .max_length = drops_long ? 0 : options->max_length,
                                  .long_sessions = GRU4REC_LONG_CUT};
    else if (ext_since_read(&rows.since, source->db, options, &all, error) != SQLITE_OK)
        return error->rc;
    if (check_count(source, budget, advice, error) != SQLITE_OK)
        return error->rc;
    if (start_events(events, budget, reading, &preparation, error) == SQLITE_OK)
        read_rows(&rows, look_at_event, events, error);
    ext_error_clear(&rows.first_bad);
    return ext_budget_explain(budget, reading_events, advice, error);
}

int ext_read_finish(ext_events *events, ext_budget *budget, sqlite3 *db,
                    const gru4rec_options *options, ext_error *error)
{
    make_dataset(events, db, options->time_sort != 0, error);
    return ext_budget_explain(budget, reading_events,
                              "use fewer events (a source with WHERE)", error);
}

void ext_read_free(ext_events *events)
{
    gru4rec_events_free(events->builder);
    gru4rec_dataset_free(events->dataset);
    gru4rec_items_free(events->items);
    *events = (ext_events){0};
}

/*
 * ext_read.c - reads all events of a source into memory, for a training, a test or an
 * audit; see ext_events.h.
 *
 * The library sorts the events, because SQLite may give rows in any order. If a column
 * breaks ties in time (order), SQLite sorts by that column, because only SQLite knows the
 * order of its values. The library then breaks ties by an event's place in that order.
 *
 * The source is normally read once. There are three exceptions:
 * - With a column order the rows are counted first, to see whether they fit into memory.
 * - With since=last the source is read once before, to find the sessions that have a new
 *   event.
 * - If sessions are held out, it is read once more afterwards, to find the last event
 *   that is trained on.
 * In the last two cases these readings all see the source as it was at one moment.
 */
#include "ext_events.h"

/* ---- what is done with an event ---- */

/*
 * What is done with an event of the source. read_rows() calls it for each event that
 * ext_row_get() does not leave out; an error ends the reading. events: the result of the
 * reading.
 */
typedef int visitor(ext_row_reader *rows, const ext_row_event *e, ext_events *events,
                    ext_error *error);

/*
 * Tells whether the event is new. With since=last, it is new if it comes after the border
 * of the last training. Otherwise every event is new.
 */
static bool is_new(const ext_row_reader *rows, const ext_row_event *e)
{
    const ext_last *last = rows->since.last;
    return last == NULL || ext_border_is_before(&last->border, &e->at);
}

/*
 * A visitor for the reading before a training with since=last. If the event is new, tells
 * events->builder that its session has a new event, and moves events->last to the event
 * if it is later. So afterwards events->last says whether any event was new. It does
 * nothing for an old event, and keeps no event.
 */
static int expect_event(ext_row_reader *rows, const ext_row_event *e, ext_events *events,
                        ext_error *error)
{
    gru4rec_error message = {0};
    if (!is_new(rows, e))
        return SQLITE_OK;
    ext_border_move(&events->last, &e->at);
    return ext_error_library(
        error, gru4rec_events_expect(events->builder, &e->session, &message), &message);
}

/*
 * Compares an event with end, the last event of another training. Counts it in
 * events->n_compared; and, if end is there, in n_other_unit if its time is in another
 * unit than that of end, or else in n_before if it is before that time.
 */
static void compare_time(ext_events *events, const ext_border *end,
                         const gru4rec_time *time)
{
    const bool is_other = end->is_there && ext_unit_of(time) != ext_unit_of(&end->time);
    events->n_compared++;
    events->n_other_unit += is_other;
    events->n_before +=
        end->is_there && !is_other && gru4rec_time_compare(time, &end->time) < 0;
}

/*
 * Adds the event to events->builder, as new or as old (is_new()), and to events->pieces
 * if there are pieces. If the reading has a training to compare with, counts the event by
 * compare_time(). Takes its time into account in events->unit if there is such a training
 * or if the dataset keeps times. Errors: those of gru4rec_events_add().
 */
static int add_to(ext_row_reader *rows, const ext_row_event *e, ext_events *events,
                  const ext_reading *reading, ext_error *error)
{
    gru4rec_error message = {0};
    gru4rec_status status =
        is_new(rows, e) ? gru4rec_events_add(events->builder, &e->session, &e->item,
                                             &e->at.time, e->order, &message)
                        : gru4rec_events_add_old(events->builder, &e->session, &e->item,
                                                 &e->at.time, e->order, &message);
    if (status == GRU4REC_OK && events->pieces != NULL)
        status = gru4rec_events_add(events->pieces, &e->session, &e->item, &e->at.time,
                                    e->order, &message);
    if (reading->keeps_times || reading->against != NULL)
        ext_unit_see(&events->unit, &e->at.time);
    if (reading->against != NULL)
        compare_time(events, &reading->against->end, &e->at.time);
    return ext_error_library(error, status, &message);
}

/*
 * The visitor that collects events: adds the event to events (add_to()), and moves
 * events->last to the event if it is later. If there is a twin (the result for a second
 * model), adds the event to the twin too, and counts it in rows->n_unknown if one of the
 * two catalogues lacks its item. The twin's own last is not moved.
 */
static int add_event(ext_row_reader *rows, const ext_row_event *e, ext_events *events,
                     ext_error *error)
{
    const ext_reading *reading = rows->reading;
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
 * The visitor of an audit, which needs the first event before there is a dataset. Adds
 * the event as add_event() does, moves events->first to the event if its time is earlier,
 * and counts the unit of its time in events->units.
 */
static int look_at_event(ext_row_reader *rows, const ext_row_event *e, ext_events *events,
                         ext_error *error)
{
    const bool is_first = !events->first.is_there ||
                          gru4rec_time_compare(&e->at.time, &events->first.time) < 0;
    if (is_first)
        events->first = e->at;
    ext_unit_count(&events->units, &e->at.time);
    return add_event(rows, e, events, error);
}

/*
 * A visitor that adds no event. Moves events->last to the event if it is later, but only
 * if it is before the first time of all held-out sessions. It cannot fail.
 */
static int pass_event(ext_row_reader *rows, const ext_row_event *e, ext_events *events,
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
 * Checks, before the events are read, that all rows fit into memory, if the source has a
 * column order; does nothing if it has none. With such a column SQLite sorts all rows on
 * the disk before it gives the first, and never ends if the source is endless. So this
 * function counts the rows, unsorted, and stops with the error of ext_budget_check() when
 * there are too many. since and until leave no row out here.
 */
static int check_count(const ext_source *source, const ext_reading *reading,
                       const ext_budget *budget, const char *advice, ext_error *error)
{
    /* EVENT_BYTES: the least memory of an event. STEP: rows between two checks. */
    enum { EVENT_BYTES = 20, STEP = 4096 };
    sqlite3_stmt *stmt;
    if (source->columns.order == NULL)
        return SQLITE_OK;
    int rc = (source->is_restricted ? ext_sql_prepare_stored
                                    : ext_sql_prepare)(source->db, &stmt, error,
                                                       "SELECT 1 FROM %s AS source",
                                                       source->from);
    ext_ranks_watch(reading->ranks, true);
    for (int64_t n = 1; rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW; n++) {
        rc = ext_shards_check_stop(reading, n, error);
        if (rc == SQLITE_OK && n % STEP == 0)
            rc = ext_budget_check(budget, (uint64_t)n * EVENT_BYTES, reading_events,
                                  advice, error);
    }
    rc = ext_sql_finish(stmt, rc, reading_events, error);
    ext_ranks_watch(reading->ranks, false);
    return rc;
}

/*
 * Reads the source once, and calls visit for each event that is not left out. If visit
 * collects events and the source has a column order, SQLite sorts the rows by it, and the
 * place of a row becomes the event's order; else the rowid does. Sets rows->n_rows and
 * events->n_rows to the number of rows.
 * It is an error if more times cannot be read than bad_rows allows. With bad_rows=0 the
 * first such time ends the reading; otherwise the share is checked at the end. If there
 * are other ranks, it is that of all, and checked if visit collects events: the other
 * readings see the same rows.
 */
static int read_rows(ext_row_reader *rows, visitor *visit, ext_events *events,
                     ext_error *error)
{
    const bool is_sorted = (visit == add_event || visit == look_at_event) &&
                           rows->source->columns.order != NULL;
    int rc = ext_row_prepare(rows->source, is_sorted, &rows->stmt, error);
    rows->n_rows = 0;
    ext_ranks_watch(rows->reading->ranks, true);
    while (rc == SQLITE_OK && (rc = sqlite3_step(rows->stmt)) == SQLITE_ROW) {
        ext_row_event e = {0};
        bool is_event;
        const int64_t place = rows->n_rows++;
        rc = ext_row_get(rows, events, &e, &is_event, error);
        e.order = is_sorted ? place : e.at.rowid;
        if (rc == SQLITE_OK && is_event)
            rc = visit(rows, &e, events, error);
        if (rc == SQLITE_OK && rows->bad_rows == 0)
            rc = ext_row_check_bad(rows, events, error);
        if (rc == SQLITE_OK)
            rc = ext_shards_check_stop(rows->reading, rows->n_rows, error);
    }
    rc = ext_sql_finish(rows->stmt, rc, reading_events, error);
    ext_ranks_watch(rows->reading->ranks, false);
    events->n_rows = rows->n_rows;
    if (rc != SQLITE_OK)
        return rc;
    const bool is_alone = ext_ranks_hooks(ext_shards_others(rows->reading)) == NULL;
    return is_alone || visit == add_event ? ext_shards_check_bad(rows, events, error)
                                          : SQLITE_OK;
}

/*
 * Reads the source, and tells events->builder all sessions that have a new event. It is
 * an error if no rank has one. The counts in events stay as they are, and rows->first_bad
 * is cleared, because the next reading finds the same rows.
 */
static int expect_events(ext_row_reader *rows, const ext_events *events, ext_error *error)
{
    ext_events seen = {.builder = events->builder};
    int rc = read_rows(rows, expect_event, &seen, error);
    ext_error_clear(&rows->first_bad);
    bool has_new = seen.last.is_there;
    if (rc == SQLITE_OK)
        rc = ext_shards_has_any(rows->reading, &has_new, error);
    return rc == SQLITE_OK && !has_new ? ext_since_fail_none(&rows->since, error) : rc;
}

/*
 * Reads the source again, and sets events->last to the last event before the first time
 * of the held-out sessions. If there is none, events->last is the border of since=last;
 * or, without since=last, it is not there. The counts in events stay as they are.
 */
static int find_last(ext_row_reader *rows, ext_events *events, ext_error *error)
{
    ext_events seen = {.dataset = events->dataset};
    if (rows->since.last != NULL)
        seen.last = rows->since.last->border;
    int rc = read_rows(rows, pass_event, &seen, error);
    events->last = seen.last;
    return rc == SQLITE_OK ? ext_shards_unite_border(rows, &events->last, error) : rc;
}

/*
 * Makes events->dataset, and events->items (the catalogue) if none is known, from the
 * events that events->builder collected and that are used up by this. An interrupt ends
 * it with SQLITE_INTERRUPT. by_time: the sessions are visited in the order of their first
 * times; false: in that of their ids.
 */
static int make_dataset(ext_events *events, const ext_reading *reading, sqlite3 *db,
                        bool by_time, ext_error *error)
{
    ext_poll poll;
    gru4rec_error message = {0};
    ext_poll_start(&poll, db);
    ext_poll_join(&poll, reading->ranks);
    gru4rec_status status =
        gru4rec_dataset_unite(events->builder, by_time,
                              ext_ranks_hooks(ext_shards_others(reading)),
                              ext_poll_is_stopped, &poll, &events->dataset,
                              &events->items, &message);
    ext_poll_stop(&poll);
    return ext_error_library(error, status, &message);
}

/*
 * Returns how events are prepared. For a training (no known catalogue) all options count.
 * For a test only session_gap, collapse_repeats and max_length do; of a session that is
 * longer than max_length the last events stay, as in serving.
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
        preparation.n_groups = (int32_t)options->groups;
    }
    return preparation;
}

/*
 * Returns how the events of a test are cut into sessions for fingerprints, so that these
 * sessions are like those of a training. They are cut at pauses longer than session_gap.
 * With long_sessions=cut and a max_length they are also cut into parts of max_length
 * events; repeats are collapsed before that if the options say so. No other event is
 * dropped.
 */
static gru4rec_preparation cut_only(const gru4rec_options *options)
{
    const bool is_cut =
        options->max_length > 0 && options->long_sessions == GRU4REC_LONG_CUT;
    return (gru4rec_preparation){.session_gap = options->session_gap,
                                 .collapse_repeats =
                                     is_cut && options->collapse_repeats != 0,
                                 .max_length = is_cut ? options->max_length : 0,
                                 .long_sessions = GRU4REC_LONG_CUT};
}

/*
 * Reads events for a training, and makes the dataset and the catalogue. Before, with
 * since=last, it finds the sessions with a new event. Afterwards, if sessions are held
 * out, it finds events->last. All these readings see the source as it was at one moment.
 * Sets events->first to the first time of the dataset, without a rowid, and adds the old
 * events that the dataset dropped to events->n_outside.
 */
static int read_training(ext_row_reader *rows, ext_events *events, ext_error *error)
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
        rc = make_dataset(events, rows->reading, rows->source->db, options->time_sort,
                          error);
    if (rc == SQLITE_OK)
        rc = ext_shards_unite_border(rows, &events->last, error);
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

/*
 * Makes sessions of the events in events->pieces, so that their fingerprints can be asked
 * for, and sets events->n_pieces to their number. Their dataset and catalogue are freed
 * at once. Does nothing if there are no pieces. read_test() calls it before it makes the
 * dataset of the test, so that this memory is free by then.
 */
static int make_pieces(ext_events *events, const ext_reading *reading, sqlite3 *db,
                       ext_error *error)
{
    ext_events pieces = {.builder = events->pieces};
    if (events->pieces == NULL)
        return SQLITE_OK;
    int rc = make_dataset(&pieces, reading, db, true, error);
    if (rc == SQLITE_OK)
        events->n_pieces = pieces.dataset->n_sessions;
    gru4rec_dataset_free(pieces.dataset);
    gru4rec_items_free(pieces.items);
    return rc;
}

/*
 * Reads events for a test. Makes the sessions of events->pieces, if there are pieces, and
 * then events->dataset; then the same for the twin (the result for a second model), if
 * there is one. Stops at the first error.
 */
static int read_test(ext_row_reader *rows, ext_events *events, ext_error *error)
{
    sqlite3 *db = rows->source->db;
    ext_events *sides[] = {events, rows->twin};
    int rc = read_rows(rows, add_event, events, error);
    for (int i = 0; i < 2 && rc == SQLITE_OK && sides[i] != NULL; i++) {
        rc = make_pieces(sides[i], rows->reading, db, error);
        if (rc == SQLITE_OK)
            rc = make_dataset(sides[i], rows->reading, db, true, error);
    }
    return rc;
}

/*
 * Returns what a user can do if the events do not fit into memory, for an error message:
 * a constant text. It names since and until only if has_window is true (they are used)
 * and the source has no column order, because check_count() counts without them.
 */
static const char *advice_for(const ext_source *source, bool has_window)
{
    return has_window && source->columns.order == NULL
               ? "use fewer events (since, until, a source with WHERE)"
               : "use fewer events (a source with WHERE)";
}

/*
 * Makes events->builder, which prepares its sessions by preparation, before the first row
 * is read. If reading->against has a key of fingerprints, sessions get fingerprints by
 * this key. For a training these are the sessions of the builder. For a test they are
 * those of events->pieces, which is made here too. Error: NOMEM; the caller frees what
 * was made by ext_read_free().
 */
static int start_events(ext_events *events, ext_budget *budget,
                        const ext_reading *reading,
                        const gru4rec_preparation *preparation, ext_error *error)
{
    if (gru4rec_events_new(&budget->allocator, reading->known, &events->builder) !=
        GRU4REC_OK)
        return ext_error_nomem(error);
    gru4rec_events_prepare(events->builder, preparation);
    if (reading->against == NULL || reading->against->key == NULL)
        return SQLITE_OK;
    gru4rec_events *printed = events->builder;
    if (reading->known != NULL) {
        if (gru4rec_events_new(&budget->allocator, NULL, &events->pieces) != GRU4REC_OK)
            return ext_error_nomem(error);
        const gru4rec_preparation cut = cut_only(reading->options);
        gru4rec_events_prepare(events->pieces, &cut);
        printed = events->pieces;
    }
    gru4rec_fingerprints_start(printed, reading->against->key);
    return SQLITE_OK;
}

/*
 * Makes the builder of events (start_events()), and that of the twin if there is one.
 * With a twin, both datasets keep the numbers of their events, so that the same event can
 * be found in both. Stops at the first error.
 */
static int start_twins(ext_row_reader *rows, ext_events *events, ext_budget *budget,
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

/*
 * Reads events for a training if reading->known is NULL, else for a test: reads since and
 * until (for a training only), checks that the rows fit into memory, makes the builders,
 * and reads. Clears rows->first_bad. If there is not enough memory, the error names the
 * limit that was reached, and what to do.
 */
static int read_all(ext_row_reader *rows, ext_events *events, ext_budget *budget,
                    ext_error *error)
{
    const ext_source *source = rows->source;
    const ext_reading *reading = rows->reading;
    const bool is_training = reading->known == NULL;
    const char *advice = advice_for(source, is_training);
    if (is_training && ext_since_read(&rows->since, source->db, reading->options,
                                      reading->last, error) != SQLITE_OK)
        return error->rc;
    if (check_count(source, reading, budget, advice, error) != SQLITE_OK)
        return error->rc;
    if (start_twins(rows, events, budget, error) == SQLITE_OK)
        (is_training ? read_training : read_test)(rows, events, error);
    ext_error_clear(&rows->first_bad);
    return ext_budget_explain(budget, reading_events, advice, error);
}

int ext_read_events(ext_events *events, ext_budget *budget, ext_source *source,
                    const ext_reading *reading, ext_error *error)
{
    ext_row_reader rows = {.source = source,
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
    ext_row_reader rows = {.source = source,
                           .reading = readings,
                           .twin = &events[1],
                           .bad_rows =
                               a->bad_rows < b->bad_rows ? a->bad_rows : b->bad_rows};
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
    const char *advice = advice_for(source, !is_test);
    const ext_last all = {0};
    const gru4rec_preparation preparation =
        is_test ? cut_only(options) : prepared(reading);
    ext_row_reader rows = {.source = source,
                           .reading = reading,
                           .bad_rows = 1,
                           .is_audit = true};
    *events = (ext_events){0};
    source->keeps_empty = options->keep_empty != 0;
    if (!is_test &&
        ext_since_read(&rows.since, source->db, options, &all, error) != SQLITE_OK)
        return error->rc;
    if (check_count(source, reading, budget, advice, error) != SQLITE_OK)
        return error->rc;
    if (start_events(events, budget, reading, &preparation, error) == SQLITE_OK)
        read_rows(&rows, look_at_event, events, error);
    ext_error_clear(&rows.first_bad);
    return ext_budget_explain(budget, reading_events, advice, error);
}

int ext_read_finish(ext_events *events, ext_budget *budget, sqlite3 *db,
                    const gru4rec_options *options, ext_error *error)
{
    const ext_reading alone = {.options = options};
    make_dataset(events, &alone, db, options->time_sort != 0, error);
    return ext_budget_explain(budget, reading_events,
                              "use fewer events (a source with WHERE)", error);
}

int ext_read_order_warning(char **warning, int64_t n_arbitrary, int64_t n_events,
                           ext_error *error)
{
    *warning = NULL;
    if (n_arbitrary <= n_events / 1000)
        return SQLITE_OK;
    *warning = sqlite3_mprintf(
        "%lld events have the time of the event before them in their session, and only "
        "the ids of their items decide which is first: take a table with rowids instead "
        "of a view or a SELECT, or name a column by order=",
        (long long)n_arbitrary);
    return *warning != NULL ? SQLITE_OK : ext_error_nomem(error);
}

void ext_read_free(ext_events *events)
{
    gru4rec_events_free(events->builder);
    gru4rec_events_free(events->pieces);
    gru4rec_dataset_free(events->dataset);
    gru4rec_items_free(events->items);
    *events = (ext_events){0};
}

/*
 * ext_tune.c - gru4rec_tune(model [, options]); see ext_tune.h.
 *
 * 1. A call that could not write its result is refused first, as for gru4rec_train():
 *    beside a table or another statement, on a read-only database, during another
 *    training on the connection; and also any call inside a transaction of the user.
 * 2. The events are read once, in one snapshot. While trials are trained, this call has
 *    no statement and no transaction open.
 * 3. Trials are trained in threads. Their results are written to m_trial as they come,
 *    without waiting for locks.
 * 4. The best trial and the first one are trained once more, and compared on the half of
 *    the held-out sessions that chose nothing.
 * 5. The tuning's row says how it ended; the result is JSON.
 */
#include "ext_tune.h"

#include <math.h>
#include <string.h>

/*
 * Fits the neighbours that trials blend with to the sessions that trials are trained on
 * (data->latest), and frees these sessions, also after a failure. Does nothing if no
 * trial can blend. SQLITE_ERROR: the budget has too little memory. SQLITE_INTERRUPT: the
 * user stopped it.
 */
static int fit_neighbours(ext_tuning *tuning, ext_error *error)
{
    ext_train_data *data = &tuning->data;
    const int32_t n_items = gru4rec_items_count(data->events.items);
    const ext_home *home = &tuning->request.train.home;
    if (data->latest == NULL)
        return SQLITE_OK;
    int rc =
        ext_budget_check(&data->budget, ext_blend_fit_bytes(data->latest, n_items),
                         "fitting the neighbours",
                         "tune with a smaller blend_sessions, or with blend=0", error);
    if (rc == SQLITE_OK)
        rc = ext_blend_fit(&tuning->neighbours, &data->budget.allocator, data->latest,
                           n_items, home->db, home->connection->ranks, error);
    gru4rec_dataset_free(data->latest);
    data->latest = NULL;
    return rc;
}

/*
 * Reads the events and ends their snapshot, fits the neighbours, halves the held-out
 * sessions, and makes the search with its first batch of trials. Trains nothing.
 * SQLITE_ERROR: no session is held out; or a half has nothing to measure; or the options
 * do not fit each other, the events or the memory.
 */
static int prepare(ext_tuning *tuning, ext_error *error)
{
    ext_train_data *data = &tuning->data;
    gru4rec_error message = {0};
    const ext_run run = {0};
    int rc = ext_train_data_read(data, &tuning->request.train, &run, error);
    ext_snapshot_end(&data->snapshot);
    if (rc != SQLITE_OK)
        return rc;
    if (data->events.dataset->validation == NULL)
        return ext_error_set(error, SQLITE_ERROR,
                             "validation holds out no session; "
                             "set validation to a larger share");
    if (ext_tune_ranks_compare_events(tuning, error) != SQLITE_OK ||
        fit_neighbours(tuning, error) != SQLITE_OK)
        return error->rc;
    gru4rec_status status =
        gru4rec_tune_halve(&data->budget.allocator, data->events.dataset->validation,
                           tuning->halves, &message);
    if (status == GRU4REC_OK)
        status = gru4rec_tune_new(&data->budget.allocator, &tuning->request.base,
                                  &tuning->request.space, &tuning->search, &message);
    ext_error_library(error, status, &message);
    return ext_train_data_explain(data, error);
}

/*
 * Starts tuning->rows: copies the model's home and id, gives the tuning a name, and makes
 * it count as under way until ext_alive_stop(), which the caller calls also after a
 * failure. Writes nothing.
 */
static int start_rows(ext_tuning *tuning, ext_error *error)
{
    const ext_train_request *train = &tuning->request.train;
    ext_tune_rows *rows = &tuning->rows;
    const ext_home *home = &train->home;
    ext_alive_start(&rows->alive);
    rows->is_writer = tuning->request.writer == ext_ranks_number(&tuning->ranks);
    rows->id = train->id != NULL ? sqlite3_mprintf("%s", train->id) : NULL;
    if (train->id != NULL && rows->id == NULL)
        return ext_error_nomem(error);
    return ext_home_init(&rows->home, home->db, home->connection, home->schema,
                         home->name, error);
}

/*
 * Reads the results of the tuning to resume, writes the row of the tuning, trains all
 * trials, and compares the best one with the first one. Shows the progress line
 * meanwhile, and ends it. The threads have ended when this returns, also after a failure.
 */
static int search(ext_tuning *tuning, ext_error *error)
{
    const gru4rec_options *options = &tuning->request.train.options;
    const size_t n_bytes =
        (size_t)ext_ranks_count(&tuning->ranks) * sizeof *tuning->n_trained;
    tuning->n_trained = sqlite3_malloc64(n_bytes);
    if (tuning->n_trained == NULL)
        return ext_error_nomem(error);
    memset(tuning->n_trained, 0, n_bytes);
    tuning->n_threads = (int)gru4rec_train_threads(options);
    tuning->best = (double)NAN;
    tuning->start = ext_poll_seconds();
    if (ext_tune_rows_read(tuning, error) != SQLITE_OK)
        return error->rc;
    ext_progress_start(&tuning->progress, options->verbose, 0);
    tuning->progress.unit = "trial";
    tuning->progress.figure = "best";
    ext_tune_slot_start(tuning, tuning->n_threads < EXT_TUNE_SLOTS ? tuning->n_threads
                                                                   : EXT_TUNE_SLOTS);
    if (ext_tune_rows_tell(tuning, error) == SQLITE_OK &&
        ext_tune_search_run(tuning, error) == SQLITE_OK)
        ext_tune_report_run(tuning, error);
    ext_tune_slot_stop(tuning);
    const ext_progress_end end = {.n = (size_t)gru4rec_tune_trials(tuning->search),
                                  .events = (double)tuning->n_events,
                                  .loss = tuning->best,
                                  .is_done = error->rc == SQLITE_OK};
    ext_progress_end_with(&tuning->progress, &end);
    return error->rc;
}

/*
 * Writes the results that m_trial does not have, makes the JSON of the call, and only
 * then writes that the tuning is finished, because after that nothing can fail any more.
 * After a failure the row of the tuning says "tuning"; the caller then calls give_up().
 */
static void finish(ext_tuning *tuning, ext_error *error)
{
    if (ext_tune_rows_end(tuning, "tuning", error) == SQLITE_OK &&
        ext_tune_ranks_number(tuning, error) == SQLITE_OK &&
        ext_tune_report_make(tuning, error) == SQLITE_OK)
        ext_tune_ranks_finish(tuning, error);
}

/*
 * Writes into the tuning's row that it was interrupted (if that is the error) or failed,
 * and the results that m_trial does not have. If that cannot be written at once, the
 * failure is ignored. Does nothing if the row is not this call's, or the model was
 * dropped.
 */
static void give_up(ext_tuning *tuning, const ext_error *error)
{
    ext_error ignored = {0};
    if (tuning->rows.is_claimed && !tuning->rows.is_dropped)
        ext_tune_rows_end(tuning,
                          ext_error_is(error, SQLITE_INTERRUPT) ? "interrupted"
                                                                : "failed",
                          &ignored);
    ext_error_clear(&ignored);
}

/* Leaves the other ranks: tells them of the error, or waits until they leave, too. */
static void leave(ext_tuning *tuning, ext_error *error)
{
    ext_error ignored = {0};
    ext_ranks_close(&tuning->ranks, tuning->is_finished ? &ignored : error);
    ext_error_clear(&ignored);
}

/*
 * Does a whole tuning. The JSON is then in tuning->result. After a failure the row of the
 * tuning, if this call has written one, says how it ended ("interrupted" or "failed").
 * The tuning no longer counts as under way when this returns.
 */
static void tune_model(ext_tuning *tuning, sqlite3_value *model,
                       ext_connection *connection, ext_error *error)
{
    if (ext_tune_request_read(&tuning->request, connection, model, error) != SQLITE_OK ||
        ext_tune_ranks_compare(&tuning->request, error) != SQLITE_OK ||
        ext_publish_check(&tuning->request.train, error) != SQLITE_OK ||
        prepare(tuning, error) != SQLITE_OK)
        return;
    if (start_rows(tuning, error) == SQLITE_OK) {
        ext_poll_start(&tuning->poll, tuning->rows.home.db);
        ext_poll_join(&tuning->poll, &tuning->ranks);
        if (search(tuning, error) == SQLITE_OK)
            finish(tuning, error);
        leave(tuning, error);
        if (error->rc != SQLITE_OK)
            give_up(tuning, error);
        ext_poll_stop(&tuning->poll);
    }
    ext_alive_stop(&tuning->rows.alive);
}

/* Waits for the other ranks, with option ranks=all, and tunes together with them. */
static void tune_over_ranks(ext_tuning *tuning, int argc, sqlite3_value **argv,
                            ext_connection *connection, ext_error *error)
{
    ext_tune_request *request = &tuning->request;
    if (ext_tune_request_parse(request, connection->db, argc, argv, error) != SQLITE_OK ||
        (request->given.ranks != 0 &&
         ext_ranks_open(&tuning->ranks, connection->db, "gru4rec_tune()", error) !=
             SQLITE_OK))
        return;
    connection->ranks = &tuning->ranks;
    tune_model(tuning, argv[0], connection, error);
    leave(tuning, error); /* unless tune_model() has done it */
    connection->ranks = NULL;
}

/*
 * Frees tuning and all that it holds. Its threads must have ended. The data is freed
 * after what its budget allocated.
 */
static void free_tuning(ext_tuning *tuning)
{
    const gru4rec_allocator *memory = &tuning->data.budget.allocator;
    if (tuning->places != NULL)
        memory->resize(memory->context, tuning->places, 0);
    gru4rec_tune_free(tuning->search);
    gru4rec_baseline_free(tuning->neighbours);
    gru4rec_dataset_free(tuning->halves[0]);
    gru4rec_dataset_free(tuning->halves[1]);
    ext_train_data_free(&tuning->data);
    sqlite3_free(tuning->n_trained);
    sqlite3_free(tuning->rows.known.rows);
    sqlite3_free(tuning->rows.told.rows);
    sqlite3_free(tuning->rows.id);
    ext_home_clear(&tuning->rows.home);
    ext_tune_request_free(&tuning->request);
    sqlite3_free(tuning->result);
    sqlite3_free(tuning);
}

/*
 * gru4rec_tune(): tunes the model, and returns the JSON of the report. Meanwhile the
 * connection counts as training (is_training), so that no other training begins on it.
 * SQLITE_BUSY: a training or a tuning runs on this connection.
 */
static void tune(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_connection *connection = ext_connection_of(context);
    ext_error error = {0};
    ext_tuning *tuning = NULL;
    if (connection->is_training)
        ext_error_set(&error, SQLITE_BUSY,
                      "a training runs on this connection; "
                      "wait for its end, or use another connection");
    else if ((tuning = sqlite3_malloc64(sizeof *tuning)) == NULL)
        ext_error_nomem(&error);
    if (tuning != NULL) {
        memset(tuning, 0, sizeof *tuning);
        connection->is_training = true;
        tune_over_ranks(tuning, argc, argv, connection, &error);
        connection->is_training = false;
        if (error.rc == SQLITE_OK)
            sqlite3_result_text(context, tuning->result, -1, SQLITE_TRANSIENT);
        free_tuning(tuning);
    }
    ext_error_result(&error, context);
}

/*
 * The table that registers gru4rec_tune() with one and two arguments. The last entry has
 * the name NULL.
 */
const ext_function ext_tune_functions[] = {
    {"gru4rec_tune", 1, SQLITE_DIRECTONLY, tune, NULL},
    {"gru4rec_tune", 2, SQLITE_DIRECTONLY, tune, NULL},
    {NULL, 0, 0, NULL, NULL},
};

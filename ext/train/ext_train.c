/*
 * ext_train.c - gru4rec_train(model [, source] [, options]); see ext_train.h.
 *
 * 1. A model that does not exist is created, if the call gives a source.
 * 2. A call that cannot succeed is refused before anything is read: on a read-only
 *    database or with PRAGMA query_only, during another training on this connection,
 *    beside a table (SELECT gru4rec_train(...) FROM t) or inside a statement that writes.
 * 3. The run gets a row in m_version, unless the database is locked at that moment. If
 *    the training fails later, the row says how (ext_publish.c).
 * 4. The events and the weights to begin with are read into memory in one snapshot,
 *    within the call's memory limits. From then on no statement and no transaction of
 *    ours is open, so that others can write. If the user has an open transaction, the
 *    write lock is taken before all that, so that the last write cannot fail because of
 *    others.
 * 5. Between two steps the training stops if the host interrupts the connection, or if
 *    the host's progress handler says so.
 * 6. The new version is written in one savepoint, and becomes the active version in it,
 *    unless activate=false. If that fails, the version before it goes on serving. A
 *    result whose commit fails stays with the connection (ext_kept.c). Several processes
 *    commit together (ext_train_job.c).
 * 7. The SQL result is a JSON summary. last_insert_rowid() is restored.
 */
#include "ext_train.h"

#include <time.h>

/* ---- hooks, which the library calls while it trains ---- */

enum { TELL_EVERY = 2 }; /* seconds between two writes of progress to the run's row */

/*
 * Writes progress to the run's row (ext_publish_progress()), within an epoch, so without
 * a checkpoint. Does nothing if the last such write was tried less than TELL_EVERY
 * seconds ago. Writes progress also if it has not changed, so that others see that the
 * run goes on. now: seconds, as ext_poll_seconds() gives them.
 */
static void tell_others(ext_training *training, double now)
{
    if (now - training->told < TELL_EVERY)
        return;
    training->is_in_epoch = true;
    ext_publish_progress(training);
    training->is_in_epoch = false;
}

/*
 * Reports progress: sets run->progress, tells it to the threads of this process, and
 * through the run's row, at most every TELL_EVERY seconds, to other connections. Does
 * nothing if it has reported less than 0.1 s ago. The time left is estimated from the
 * speed of this call, and is -1 if this call has trained nothing yet:
 *   done          share of all epochs that is done, from 0 to 1
 *   here          the part of done that this call did, without resumed epochs
 *   seconds left  seconds of this call / here * (1 - done)
 */
static void tell(ext_training *training, const gru4rec_progress *progress)
{
    ext_run *run = &training->run;
    const double now = ext_poll_seconds(), n_epochs = (double)progress->n_epochs;
    if (now - training->seen < 0.1)
        return;
    const double total = progress->total_events > 0 ? (double)progress->total_events : 1;
    const double done =
        ((double)(progress->epoch - 1) + (double)progress->events / total) / n_epochs;
    const double here = done - (double)training->n_before / n_epochs;
    training->seen = now;
    run->progress = done < 1 ? done : 1;
    ext_alive_tell(&run->alive,
                   (ext_share){EXT_PHASE_TRAINING, run->progress,
                               here > 0 ? (now - training->start) / here * (1 - done)
                                        : -1});
    tell_others(training, now);
}

/*
 * Tells whether the training must stop: somebody dropped the model, the host interrupted
 * the call, or another process of the training stops.
 */
static bool is_stopped(ext_training *training)
{
    return training->is_dropped || ext_poll_check(&training->poll);
}

/*
 * Hook poll, which the library calls between two steps: updates the line on the terminal
 * and reports progress to others (tell()). Returns true to stop the training.
 */
static int on_poll(void *context, const gru4rec_progress *progress)
{
    ext_training *training = context;
    ext_progress_show(&training->progress, progress);
    tell(training, progress);
    return is_stopped(training);
}

/*
 * Hook epoch, which the library calls after each epoch: appends the epoch and its seconds
 * to the run, sets run->progress, and writes all of that, and a checkpoint if one is due,
 * to the database, if it is not locked. The next epoch begins now (epoch_start). Returns
 * 0: training goes on.
 */
static int on_epoch(void *context, const gru4rec_epoch *epoch)
{
    ext_training *training = context;
    ext_run *run = &training->run;
    const double now = ext_poll_seconds();
    run->epochs[run->n_epochs] = *epoch;
    run->epoch_seconds[run->n_epochs] = now - training->epoch_start;
    run->n_epochs++;
    GRU4REC_TRACE(2, "epoch %zu of '%s': %lld events, loss %g, %.3f s", run->n_epochs,
                  training->home.name, (long long)epoch->events, epoch->loss,
                  run->epoch_seconds[run->n_epochs - 1]);
    training->epoch_start = now;
    run->progress = (double)run->n_epochs / (double)training->request->options.n_epochs;
    ext_publish_progress(training);
    return 0;
}

/*
 * Hook poll while the model is measured on sessions that are held out: writes the
 * progress so far to the run's row, at most every TELL_EVERY seconds. The line on the
 * terminal, and what threads of this process see, stay as they are. Returns true to stop.
 */
static int on_quiet_poll(void *context, const gru4rec_progress *progress)
{
    ext_training *training = context;
    (void)progress;
    tell_others(training, ext_poll_seconds());
    return is_stopped(training);
}

/*
 * Hook validate, which the library calls after an epoch: measures the model on the
 * sessions that are held out. *recall and *mrr: out, recall and MRR at 20; NAN if these
 * sessions have no target. Meanwhile on_quiet_poll() writes progress, and can stop the
 * measuring.
 */
static gru4rec_status on_validate(void *context, const gru4rec_model *model,
                                  double *recall, double *mrr, gru4rec_error *error)
{
    const ext_training *training = context;
    const ext_events *events = &training->data->events;
    const gru4rec_hooks hooks = {.poll = on_quiet_poll, .context = context};
    return gru4rec_evaluate_heldout(&training->data->budget.allocator, model,
                                    gru4rec_items_support(events->items),
                                    events->dataset->validation, &hooks, recall, mrr,
                                    error);
}

/* ---- the loop ---- */

/*
 * Makes room for n epochs in run->epochs and run->epoch_seconds, which may move. The
 * epochs that are in them stay. Does not change run->n_epochs.
 */
static int make_room(ext_run *run, size_t n, ext_error *error)
{
    gru4rec_epoch *epochs = sqlite3_realloc64(run->epochs, n * sizeof *epochs);
    if (epochs != NULL)
        run->epochs = epochs;
    double *seconds = sqlite3_realloc64(run->epoch_seconds, n * sizeof *seconds);
    if (seconds != NULL)
        run->epoch_seconds = seconds;
    return epochs != NULL && seconds != NULL ? SQLITE_OK : ext_error_nomem(error);
}

/*
 * Trains all epochs that are missing, by the library's gru4rec_train() with the hooks
 * above, and then sets the strength of the blend (ext_train_blend_strength()). Shows the
 * line on the terminal. Sets start, n_before, best_epoch and took, and is_trained after
 * success. If somebody dropped the model meanwhile, that becomes the error, in place of
 * any other.
 */
static int train_epochs(ext_training *training, ext_error *error)
{
    const gru4rec_options *options = &training->request->options;
    const ext_events *events = &training->data->events;
    const gru4rec_hooks hooks = {.poll = on_poll,
                                 .epoch = on_epoch,
                                 .validate = on_validate,
                                 .context = training,
                                 .ranks =
                                     ext_ranks_hooks(training->home.connection->ranks)};
    const gru4rec_hooks quiet_hooks = {.poll = on_quiet_poll, .context = training};
    gru4rec_error message = {0};
    ext_run *run = &training->run;
    const size_t n_done = run->n_epochs, n = (size_t)options->n_epochs;
    if (make_room(run, n_done > n ? n_done : n, error) != SQLITE_OK)
        return error->rc;
    GRU4REC_TRACE(2, "training of '%s' starts: %d items, epoch %zu to %zu",
                  training->home.name, gru4rec_items_count(events->items), n_done + 1, n);
    ext_progress_start(&training->progress, options->verbose, n_done);
    training->n_before = (int64_t)n_done;
    training->start = training->epoch_start = ext_poll_seconds();
    gru4rec_status status =
        gru4rec_train(&training->weights, events->dataset,
                      gru4rec_items_support(events->items), options, run->epochs, n_done,
                      &hooks, &training->best_epoch, &message);
    ext_progress_stop(&training->progress, run->epochs + n_done, run->n_epochs - n_done,
                      status == GRU4REC_OK);
    ext_error_library(error, status, &message);
    if (status == GRU4REC_OK)
        ext_train_blend_strength(training, &quiet_hooks, error);
    training->took = ext_poll_seconds() - training->start;
    training->is_trained = error->rc == SQLITE_OK && !training->is_dropped;
    GRU4REC_TRACE(2, "training of '%s' ends: status %d, %.3f s", training->home.name,
                  (int)status, training->took);
    if (!training->is_dropped)
        return error->rc;
    ext_error_clear(error);
    return ext_publish_fail_dropped(training, error);
}

/* ---- a run from its row to its version ---- */

/*
 * Makes the run count as under way for other connections and processes (is_alive), and
 * reports to the threads of this process that it reads its events. The run gets a name if
 * it has none. ext_attempt_free() ends that.
 */
static void begin(ext_training *training)
{
    ext_alive_start(&training->run.alive);
    training->is_alive = true;
    ext_alive_tell(&training->run.alive, (ext_share){EXT_PHASE_READING, 0, -1});
}

/*
 * Claims the row of a resumed run for this call, in a savepoint of its own, so that no
 * other call resumes the same run. First makes the run count as under way (begin()),
 * which it stays after a failure too. After success sets is_begun, and drops the ending
 * of the run that this process perhaps still had to write. If this file has no row of the
 * run, which rank 0 has begun, writes one. SQLITE_ERROR: another call was faster.
 */
static int claim(ext_training *training, ext_error *error)
{
    const ext_train_request *request = training->request;
    ext_savepoint savepoint;
    begin(training);
    if (request->checkpoint.status == NULL) {
        training->is_begun = true;
        ext_publish_progress(training);
        return training->is_dropped ? ext_publish_fail_dropped(training, error)
                                    : SQLITE_OK;
    }
    int rc = ext_savepoint_start(&savepoint, training->home.db, error);
    if (rc != SQLITE_OK)
        return rc;
    /*
     * The claim fails unless the row is as the request found it. So only the lock is
     * taken here: ext_pending_lock() would write to rows first.
     */
    rc = ext_savepoint_lock(&savepoint, training->home.schema, error);
    if (rc == SQLITE_OK)
        rc = ext_run_claim(&training->run, &request->checkpoint, &training->home, error);
    rc = ext_savepoint_end(&savepoint, rc, error);
    training->is_begun = rc == SQLITE_OK;
    if (training->is_begun)
        ext_pending_withdraw(training->run.alive.run);
    return rc;
}

/*
 * Copies the name and the id of the model into training, and sets has_model by the
 * request.
 */
static int name_model(ext_training *training, ext_error *error)
{
    const ext_train_request *request = training->request;
    const ext_home *home = &request->home;
    training->has_model = request->is_found;
    training->id = request->id != NULL ? sqlite3_mprintf("%s", request->id) : NULL;
    if (request->id != NULL && training->id == NULL)
        return ext_error_nomem(error);
    return ext_home_init(&training->home, home->db, home->connection, home->schema,
                         home->name, error);
}

/*
 * Starts the run: sets run.started to now, and saved by the request. For a new run, also
 * makes it count as under way (begin()), sets is_begun, and writes its row in m_version,
 * if the model exists and the row can be written at this moment. A resumed run has a row
 * already, which stays as it is until the events are read and the caller calls claim().
 * SQLITE_ERROR: the model was dropped.
 */
static int start_run(ext_training *training, ext_error *error)
{
    const ext_train_request *request = training->request;
    training->saved = request->checkpoint.epoch;
    training->run.started = (int64_t)time(NULL);
    if (request->checkpoint.epoch > 0)
        return SQLITE_OK;
    begin(training);
    training->is_begun = true;
    ext_publish_progress(training);
    return training->is_dropped ? ext_publish_fail_dropped(training, error) : SQLITE_OK;
}

/*
 * Reads the events into attempt->data, and makes the weights to begin with in the
 * training. Then checks that the version will fit SQLite's limit of lengths, before any
 * time is spent on training. Ends the snapshot in which all was read, also after a
 * failure.
 */
static int read_all(ext_attempt *attempt, ext_error *error)
{
    ext_training *training = &attempt->training;
    const ext_train_request *request = &attempt->request;
    ext_train_data *data = &attempt->data;
    if (ext_train_data_read(data, request, &training->run, error) == SQLITE_OK &&
        ext_train_weights_start(&training->weights, &training->is_reset, request, data,
                                &training->run, error) == SQLITE_OK)
        ext_version_check_limit(&request->home, &training->run, training->weights.model,
                                data->events.items, data->latest, error);
    ext_snapshot_end(&data->snapshot);
    return error->rc;
}

/*
 * Does a whole training, from the run's row to the published version: starts the run,
 * reads everything, claims the row of a resumed run, trains, publishes. The summary is
 * then in training->run.summary. Stops at the first failure; everything then stays in the
 * attempt, and the caller writes how the run ended or keeps the result.
 */
static int train_model(ext_attempt *attempt, ext_error *error)
{
    ext_training *training = &attempt->training;
    const ext_train_request *request = &attempt->request;
    if (start_run(training, error) != SQLITE_OK ||
        read_all(attempt, error) != SQLITE_OK ||
        (request->checkpoint.epoch > 0 && claim(training, error) != SQLITE_OK))
        return error->rc;
    ext_poll_start(&training->poll, training->home.db);
    ext_poll_join(&training->poll, training->home.connection->ranks);
    if (train_epochs(training, error) == SQLITE_OK)
        ext_train_job_publish(training, error);
    ext_poll_stop(&training->poll);
    return error->rc;
}

/*
 * Drops the result that the connection keeps of an earlier training of the model, because
 * the new training needs its memory. Does nothing if no result is kept. Nobody can commit
 * that result any more; the end of its run is still written later (ext_kept_drop()).
 */
static void drop_kept(const ext_train_request *request)
{
    ext_attempt *kept = ext_kept_find(&request->home, request->id);
    if (kept != NULL)
        ext_kept_drop(kept);
}

/*
 * Publishes a trained model of which only the commit remains: the kept result, if this
 * process has one (*done is then its attempt), else one that is prepared here, or that
 * only other ranks write.
 */
static int commit_only(ext_attempt *attempt, ext_attempt **done, ext_error *error)
{
    ext_training *training = &attempt->training;
    if (attempt->request.kept != NULL) {
        *done = attempt->request.kept;
        return ext_kept_commit(attempt->request.kept, &attempt->request, error);
    }
    ext_poll_start(&training->poll, training->home.db);
    ext_train_job_publish(training, error);
    ext_poll_stop(&training->poll);
    return error->rc;
}

/*
 * Does what the request asks for. First checks that a result could be written
 * (ext_publish_check()). Then commits a trained model if only that remains
 * (commit_only()). Else checks that all ranks ask for the same, drops any result that is
 * kept for the model, and trains. *done: out, the attempt whose run was published or
 * failed: the kept one, or this one.
 */
static int run_request(ext_attempt *attempt, ext_attempt **done, ext_error *error)
{
    const ext_train_request *request = &attempt->request;
    *done = attempt;
    if (ext_publish_check(request, error) != SQLITE_OK)
        return error->rc;
    if (request->is_commit)
        return commit_only(attempt, done, error);
    if (ext_ranks_compare(request->home.connection->ranks, attempt->training.run.options,
                          error) != SQLITE_OK)
        return error->rc;
    drop_kept(request);
    return train_model(attempt, error);
}

/* ---- the function ---- */

/*
 * Appends to the error message which version goes on serving. Does nothing in these
 * cases:
 * - no version is active, the error has no message, or the model was dropped;
 * - the call failed before all events were read, and no memory limit was the cause.
 * The version is read now, because another connection may have committed a newer one
 * meanwhile; if it cannot be read, nothing is appended. While an interrupt is pending,
 * SQLite runs no query: then the message names the version that was active at the start
 * of the call, and says that there may be a newer one.
 */
static void mention_serving(const ext_attempt *attempt, ext_error *error)
{
    const ext_train_data *data = &attempt->data;
    const ext_home *home = attempt->training.home.name != NULL ? &attempt->training.home
                                                               : &attempt->request.home;
    ext_version active = {0};
    ext_error refusal = {0};
    const bool is_told = data->is_read || data->budget.refused != EXT_BUDGET_NONE;
    if (!is_told || error->message == NULL || attempt->training.is_dropped)
        return;
    ext_version_find(&active, home, &refusal);
    const bool is_unknown = ext_error_is(&refusal, SQLITE_INTERRUPT);
    const int64_t version = is_unknown ? attempt->request.serving : active.version;
    char *words = version == 0
                      ? NULL
                      : sqlite3_mprintf("; version %lld of '%s'%s keeps serving",
                                        (long long)version, home->name,
                                        is_unknown ? ", or one committed since," : "");
    if (words != NULL)
        ext_error_add(error, words);
    sqlite3_free(words);
    ext_error_clear(&refusal);
}

/*
 * After a failure of a training: if all epochs are done and a later commit could succeed
 * (ext_kept_is_worth()), gives the attempt to the connection (ext_kept_add()), and
 * returns true. Else returns false: makes the error name the memory limit, if one caused
 * it, and writes into the run's row how the run ended, if the run has begun. The caller
 * still owns the attempt then.
 */
static bool keep_or_fail(ext_attempt *attempt, ext_error *error)
{
    ext_training *training = &attempt->training;
    if (training->is_trained && ext_kept_is_worth(training, error)) {
        ext_kept_add(attempt, error);
        return true;
    }
    ext_train_data_explain(&attempt->data, error);
    if (training->is_begun)
        ext_publish_failure(training, error);
    return false;
}

/*
 * Reads the request and does what it asks for (run_request()), and makes the summary the
 * SQL result. After a failure, decides whether the result is kept (keep_or_fail()), and
 * completes the error message. Then frees the attempt, unless it is kept with the
 * connection. If the call commits the kept result of an earlier attempt, this attempt is
 * always freed; the earlier one is dropped when it is committed, or if no later commit
 * can succeed.
 */
static void train_on(ext_attempt *attempt, sqlite3_context *context, int argc,
                     sqlite3_value **argv, ext_error *error)
{
    ext_attempt *done = attempt;
    ext_train_request *request = &attempt->request;
    ext_training *training = &attempt->training;
    if (ext_train_request_read(request, ext_connection_of(context), argc, argv, error) ==
            SQLITE_OK &&
        name_model(training, error) == SQLITE_OK &&
        ext_train_job_meet(training, request, error) == SQLITE_OK &&
        ext_train_request_complete(request, &training->run, error) == SQLITE_OK &&
        !request->is_finished)
        run_request(attempt, &done, error);
    const bool is_done = error->rc == SQLITE_OK;
    ext_ranks_close(ext_connection_of(context)->ranks, error);
    bool is_kept = done != attempt && ext_kept_is_worth(&done->training, error);
    if (error->rc == SQLITE_OK)
        sqlite3_result_text(context, done->training.run.summary, -1, SQLITE_TRANSIENT);
    else if (done == attempt && !is_done)
        is_kept = keep_or_fail(attempt, error);
    ext_train_job_advise(&done->training, error);
    if (error->rc != SQLITE_OK)
        mention_serving(done, error);
    if (done != attempt && (error->rc == SQLITE_OK || !is_kept))
        ext_kept_drop(done);
    if (done != attempt || !is_kept)
        ext_attempt_free(attempt);
}

/*
 * The SQL function gru4rec_train(); its result is the JSON summary. Outside a
 * transaction, first drops the kept results whose model somebody dropped. Then waits for
 * the other ranks. connection->is_training is true until it ends. SQLITE_BUSY: another
 * training runs on the connection.
 */
static void train(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_connection *connection = ext_connection_of(context);
    ext_error error = {0};
    ext_ranks ranks;
    ext_attempt *attempt = NULL;
    if (connection->is_training) {
        ext_error_set(&error, SQLITE_BUSY,
                      "a training runs on this connection; "
                      "wait for its end, or use another connection");
    } else {
        if (connection->drop_kept != NULL && sqlite3_get_autocommit(connection->db))
            connection->drop_kept(connection, false); /* only those whose model is gone */
        connection->is_training = true;
        connection->ranks = &ranks;
        ext_ranks_open(&ranks, connection->db, "gru4rec_train()", &error);
        if (error.rc == SQLITE_OK && (attempt = ext_attempt_new()) == NULL)
            ext_error_nomem(&error);
        if (attempt != NULL)
            train_on(attempt, context, argc, argv, &error);
        ext_ranks_close(&ranks, &error); /* unless train_on() has done it */
        connection->ranks = NULL;
        connection->is_training = false;
    }
    ext_error_result(&error, context);
}

/* The table that registers gru4rec_train(). The last entry has the name NULL. */
const ext_function ext_train_functions[] = {
    {"gru4rec_train", 1, SQLITE_DIRECTONLY, train, NULL},
    {"gru4rec_train", 2, SQLITE_DIRECTONLY, train, NULL},
    {"gru4rec_train", 3, SQLITE_DIRECTONLY, train, NULL},
    {NULL, 0, 0, NULL, NULL},
};

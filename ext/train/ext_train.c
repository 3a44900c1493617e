/*
 * ext_train.c - gru4rec_train(model [, source] [, options]); see ext_train.h.
 *
 * 1. A model that does not exist is created when a source is given.
 * 2. What cannot work is refused before anything is read: a read-only database,
 *    query_only, a second training on this connection, a call beside a table or inside
 *    a write.
 * 3. Events, and what the weights begin with, are read in one snapshot into memory, within
 *    the limits of the call; then no statement and no transaction of ours is open. Inside
 *    the user's transaction the write lock is taken first, so that the end
 *    cannot fail.
 * 4. Interrupts and the host's progress handler stop it between two steps.
 * 5. The new version is written in one savepoint and becomes active in it; whatever
 *    fails leaves the version before it serving.
 * 6. Gives a JSON summary. Restores last_insert_rowid().
 */
#include "ext_train.h"

/* ---- what the library asks while it trains ---- */

static int on_poll(void *context, const gru4rec_progress *progress)
{
    ext_training *training = context;
    ext_progress_show(&training->progress, progress);
    return ext_poll_check(&training->poll);
}

static int on_epoch(void *context, const gru4rec_epoch *epoch)
{
    ext_training *training = context;
    ext_run *run = &training->run;
    const double now = ext_poll_seconds();
    run->epochs[run->n_epochs] = *epoch;
    run->epoch_seconds[run->n_epochs] = now - training->epoch_start;
    run->n_epochs++;
    training->epoch_start = now;
    ext_publish_epochs(training);
    return 0;
}

/* While the model is measured, the progress line stands still. */
static int on_quiet_poll(void *context, const gru4rec_progress *progress)
{
    ext_training *training = context;
    (void)progress;
    return ext_poll_check(&training->poll);
}

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

/* Room for n epochs, of which those of a run that is continued are there. */
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

static int train_epochs(ext_training *training, ext_error *error)
{
    const gru4rec_options *options = &training->request->options;
    const ext_events *events = &training->data->events;
    const gru4rec_hooks hooks = {on_poll, on_epoch, on_validate, training};
    gru4rec_error message = {0};
    ext_run *run = &training->run;
    const size_t n_done = run->n_epochs, n = (size_t)options->n_epochs;
    if (make_room(run, n_done > n ? n_done : n, error) != SQLITE_OK)
        return error->rc;
    ext_progress_start(&training->progress, options->verbose, n_done);
    training->start = training->epoch_start = ext_poll_seconds();
    gru4rec_status status =
        gru4rec_train(&training->weights, events->dataset,
                      gru4rec_items_support(events->items), options, run->epochs, n_done,
                      &hooks, &training->best_epoch, &message);
    ext_progress_stop(&training->progress, run->epochs + n_done, run->n_epochs - n_done,
                      status == GRU4REC_OK);
    return ext_error_library(error, status, &message);
}

/* Says in the run's row how it ended, where that outlives the error. */
static void record_failure(const ext_training *training, const ext_error *error)
{
    const ext_train_request *request = training->request;
    ext_error ignored = {0};
    if (!request->is_alone || training->run.written.version == 0)
        return;
    ext_run_fail(&training->run, &request->home,
                 ext_error_is(error, SQLITE_INTERRUPT) ? "interrupted" : "failed",
                 error->message, &ignored);
    ext_error_clear(&ignored);
}

/* Takes up the run that is continued. */
static int claim(const ext_training *training, ext_error *error)
{
    const ext_train_request *request = training->request;
    ext_savepoint savepoint;
    int rc = ext_savepoint_start(&savepoint, request->home.db, error);
    if (rc != SQLITE_OK)
        return rc;
    rc = ext_savepoint_lock(&savepoint, request->home.schema, error);
    if (rc == SQLITE_OK)
        rc = ext_run_claim(&training->run, &request->checkpoint, &request->home, error);
    return ext_savepoint_end(&savepoint, rc, error);
}

/* From weights, unless they could not be made, to a version, while the run counts as
 * alive. */
static int train_alive(ext_training *training, ext_error *error)
{
    const ext_train_request *request = training->request;
    if (error->rc == SQLITE_OK && request->checkpoint.epoch > 0 &&
        claim(training, error) != SQLITE_OK)
        return error->rc;
    ext_poll_start(&training->poll, request->home.db);
    ext_publish_epochs(training);
    if (error->rc == SQLITE_OK)
        train_epochs(training, error);
    if (error->rc == SQLITE_OK)
        ext_publish_version(training, error);
    else
        ext_train_data_explain(training->data, error);
    ext_poll_stop(&training->poll);
    if (error->rc != SQLITE_OK)
        record_failure(training, error);
    return error->rc;
}

/* ---- the function ---- */

/* Leaves the summary in training->run. */
static int train_model(ext_training *training, ext_train_request *request,
                       ext_train_data *data, ext_connection *connection, int argc,
                       sqlite3_value **argv, ext_error *error)
{
    if (ext_train_request_read(request, &training->run, connection, argc, argv, error) !=
            SQLITE_OK ||
        ext_publish_check(request, error) != SQLITE_OK ||
        ext_train_data_read(data, request, &training->run, error) != SQLITE_OK)
        return error->rc;
    /* What fails from here on has a row that says so. */
    if (ext_train_weights_start(&training->weights, request, data, &training->run,
                                error) == SQLITE_OK)
        ext_version_check_limit(&request->home, &training->run, training->weights.model,
                                data->events.items, error);
    ext_snapshot_end(&data->snapshot);
    training->has_model = request->is_found;
    training->saved = request->checkpoint.epoch;
    ext_alive_start(&training->run.alive);
    int rc = train_alive(training, error);
    ext_alive_stop(&training->run.alive);
    return rc;
}

/*
 * Says which version goes on serving after a failure. It is asked for now, as another
 * connection may have committed one meanwhile. While an interrupt is pending nothing can
 * be asked: then it is the one from before, or such a one.
 */
static void mention_serving(const ext_train_request *request, const ext_train_data *data,
                            ext_error *error)
{
    ext_version active = {0};
    ext_error refusal = {0};
    const bool is_told = data->is_read || data->budget.refused != EXT_BUDGET_NONE;
    if (!is_told || error->message == NULL)
        return;
    ext_version_find(&active, &request->home, &refusal);
    const bool is_unknown = ext_error_is(&refusal, SQLITE_INTERRUPT);
    const int64_t version = is_unknown ? request->serving : active.version;
    char *words = version == 0
                      ? NULL
                      : sqlite3_mprintf("; version %lld of '%s'%s keeps serving",
                                        (long long)version, request->home.name,
                                        is_unknown ? ", or one committed since," : "");
    if (words != NULL)
        ext_error_add(error, words);
    sqlite3_free(words);
    ext_error_clear(&refusal);
}

static void train(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_connection *connection = ext_connection_of(context);
    ext_train_request request = {0};
    ext_train_data data = {0};
    ext_training training = {.request = &request, .data = &data};
    ext_error error = {0};
    if (connection->is_training) {
        ext_error_set(&error, SQLITE_BUSY,
                      "a training runs on this connection; wait for it, or use another "
                      "one");
        ext_error_result(&error, context);
        return;
    }
    connection->is_training = true;
    if (train_model(&training, &request, &data, connection, argc, argv, &error) ==
        SQLITE_OK)
        sqlite3_result_text(context, training.run.summary, -1, SQLITE_TRANSIENT);
    else if (ext_train_data_explain(&data, &error) != SQLITE_OK)
        mention_serving(&request, &data, &error);
    connection->is_training = false;
    gru4rec_training_free(&training.weights);
    ext_run_free(&training.run);
    ext_train_data_free(&data);
    ext_train_request_free(&request);
    ext_error_result(&error, context);
}

const ext_function ext_train_functions[] = {
    {"gru4rec_train", 1, SQLITE_DIRECTONLY, train, NULL},
    {"gru4rec_train", 2, SQLITE_DIRECTONLY, train, NULL},
    {"gru4rec_train", 3, SQLITE_DIRECTONLY, train, NULL},
    {NULL, 0, 0, NULL, NULL},
};

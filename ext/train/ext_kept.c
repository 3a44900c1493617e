/*
 * ext_kept.c - keeps the results of trainings whose commit failed; see ext_train.h.
 *
 * A training may have taken hours, and its commit may fail for a reason that passes: a
 * reader that holds a lock, a full disk, Ctrl-C. So the weights and items stay in memory
 * with the connection. A call with resume=true commits them without training.
 *
 * A kept result is dropped when
 * - the result is committed,
 * - the connection closes,
 * - the model is dropped,
 * - the next training of the model begins on the connection: that training needs the
 *   memory, and its caller did not say resume.
 * Until then the run counts as alive.
 *
 * If the user has an open transaction, nothing is kept. There the training held the write
 * lock from its start, so no other connection can have caused the failure. And what the
 * training has read may be rolled back with that transaction.
 */
#include "ext_train.h"

ext_attempt *ext_kept_find(const ext_home *home, const char *id)
{
    ext_attempt *attempt = home->connection->kept;
    for (; attempt != NULL; attempt = attempt->next) {
        const ext_training *training = &attempt->training;
        if (sqlite3_stricmp(training->home.schema, home->schema) != 0)
            continue;
        if (training->id != NULL ? id != NULL && sqlite3_stricmp(training->id, id) == 0
                                 : sqlite3_stricmp(training->home.name, home->name) == 0)
            break;
    }
    return attempt;
}

void ext_kept_drop(ext_attempt *attempt)
{
    ext_attempt **at = &attempt->request.home.connection->kept;
    while (*at != attempt)
        at = &(*at)->next;
    *at = attempt->next;
    ext_pending_withdraw(attempt->training.run.alive.run);
    ext_attempt_free(attempt);
}

/*
 * Tells whether somebody dropped the model of a training. If the model had no tables yet,
 * or the database cannot be read now, the answer is false. If the model was renamed, puts
 * its new name into training->home.
 */
static bool is_gone(ext_training *training)
{
    ext_error ignored = {0};
    bool is_found = true;
    if (training->has_model)
        ext_identity_follow(&training->home, training->id, &is_found, &ignored);
    const bool is_known = ignored.rc == SQLITE_OK;
    ext_error_clear(&ignored);
    return is_known && !is_found;
}

/*
 * Frees the obituary of an attempt (the report that its result was never committed) and
 * sets it to NULL, so that nothing is reported when the attempt is freed.
 */
static void forget(ext_attempt *attempt)
{
    ext_pending_free(attempt->obituary);
    attempt->obituary = NULL;
}

/*
 * Drops kept results of the connection (ext_kept_drop()). If is_all is true, at the end
 * of the connection, drops all; their obituaries are then written by the next call of
 * this process that writes to the model. Else drops only those whose model somebody
 * dropped (is_gone()), and frees their obituaries unwritten. ext_connection.c calls this
 * function by the pointer connection->drop_kept.
 */
static void drop_kept(ext_connection *connection, bool is_all)
{
    ext_attempt *next;
    for (ext_attempt *attempt = connection->kept; attempt != NULL; attempt = next) {
        next = attempt->next;
        const bool is_dropped = !is_all && is_gone(&attempt->training);
        if (is_dropped)
            forget(attempt); /* the table that would have the report is gone */
        if (is_all || is_dropped)
            ext_kept_drop(attempt);
    }
}

bool ext_kept_is_worth(const ext_training *training, const ext_error *error)
{
    return training->request->is_alone && training->request->is_writer &&
           !training->is_prepared && !training->is_dropped &&
           !ext_error_is(error, SQLITE_CORRUPT);
}

/*
 * Frees the parts of the attempt that no commit needs, and sets their pointers to NULL:
 * the optimiser's slots that are not stored, the hold on the active version, and the
 * dataset of events. The dataset stays if the summary, which needs it, is not made yet.
 */
static void trim(ext_attempt *attempt)
{
    ext_train_data *data = &attempt->data;
    gru4rec_training *weights = &attempt->training.weights;
    const int n = attempt->request.options.keep_optimizer ? GRU4REC_N_OPTIMISER_SLOTS : 0;
    for (int i = n; i < GRU4REC_N_SLOTS; i++) {
        gru4rec_model_free(weights->slot[i]);
        weights->slot[i] = NULL;
    }
    ext_model_release(data->active);
    data->active = NULL;
    if (attempt->training.run.summary == NULL)
        return;
    gru4rec_dataset_free(data->events.dataset);
    data->events.dataset = NULL;
}

/*
 * Returns a new obituary: the report, with the status "failed", that goes into the run's
 * row if the result is never committed. cause: why the commit failed. The caller frees it
 * by ext_pending_free(). NULL: the model has no tables, or there is not enough memory.
 */
static ext_pending *make_obituary(const ext_training *training, const char *cause)
{
    if (!training->has_model)
        return NULL;
    char *message = sqlite3_mprintf("%s; the trained model was never committed", cause);
    ext_pending *obituary = message != NULL
                                ? ext_pending_new(&training->run, &training->home,
                                                  training->id, "failed", message)
                                : NULL;
    sqlite3_free(message);
    return obituary;
}

/*
 * After a failed commit: makes everything say that the result waits for a call. Replaces
 * the obituary by a new one, which names this error. Notes for threads of this process
 * that the result is kept, and writes that into the run's row (ext_publish_waiting()).
 * Appends to the error message how the result can be committed. If there is not enough
 * memory for one of these, leaves that one out.
 */
static void wait_for_call(ext_attempt *attempt, ext_error *error)
{
    ext_training *training = &attempt->training;
    const char *cause = ext_error_message(error);
    char *model = ext_schema_reference(&training->home);
    char *why = sqlite3_mprintf("%s; the trained model is not committed", cause);
    char *words =
        model == NULL
            ? NULL
            : sqlite3_mprintf("; the trained model stays with this connection "
                              "until it closes or trains the model again: "
                              "SELECT gru4rec_train(%Q, 'resume=true') commits it "
                              "without training",
                              model);
    sqlite3_free(model);
    ext_pending_free(attempt->obituary);
    attempt->obituary = make_obituary(training, cause);
    /* Drops an earlier note that the result waits. */
    ext_pending_withdraw(training->run.alive.run);
    ext_alive_tell(&training->run.alive, (ext_share){EXT_PHASE_KEPT, 1, -1});
    if (why != NULL)
        ext_publish_waiting(training, error, why);
    if (words != NULL)
        ext_error_add(error, words);
    sqlite3_free(why);
    sqlite3_free(words);
}

void ext_kept_add(ext_attempt *attempt, ext_error *error)
{
    ext_connection *connection = attempt->request.home.connection;
    trim(attempt);
    attempt->next = connection->kept;
    connection->kept = attempt;
    connection->drop_kept = drop_kept;
    wait_for_call(attempt, error);
}

int ext_kept_commit(ext_attempt *attempt, const ext_train_request *request,
                    ext_error *error)
{
    ext_training *training = &attempt->training;
    if (ext_options_is_set(&request->options, "commit_wait"))
        attempt->request.options.commit_wait = request->options.commit_wait;
    training->quiet_until = 0;
    ext_poll_start(&training->poll, training->home.db);
    ext_train_job_publish(training, error);
    ext_poll_stop(&training->poll);
    if (error->rc == SQLITE_OK) {
        forget(attempt);
    } else if (ext_kept_is_worth(training, error)) {
        trim(attempt);
        wait_for_call(attempt, error);
    }
    return error->rc;
}

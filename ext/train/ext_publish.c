/*
 * ext_publish.c - all that a training writes to the database; see ext_train.h.
 *
 *   before     Checks that the result can be written at the end.
 *   meanwhile  Writes the run's row before the events are read, then progress and
 *              checkpoints. These writes never wait for a lock.
 *   after      Writes the new version in one savepoint. If other connections hold locks,
 *              it waits for them; the weights stay in memory meanwhile.
 *   failure    Writes into the run's row how the run ended. If that cannot be written
 *              now, the next call of this process that writes to the model does it
 *              (ext_pending.c).
 *
 * Each write first looks for the model by its id (ext_identity.c), because another
 * connection may have renamed or dropped it. If the model was renamed, the write goes to
 * its new name. If it was dropped, nothing is written.
 *
 * Which failures get a row? Those that happen after ext_publish_check(): the call was
 * understood, and could have written its result. A failure before that (a bad option, a
 * read-only database, a second training on the connection) is only returned to the
 * caller. A failure to make a new model has no row either, because there is no table for
 * it.
 */
#include "ext_train.h"

/* ---- before ---- */

/*
 * Begins the message of an error; the cause follows, and then a parenthesis and the
 * advice.
 */
static const char cannot_write[] = "training cannot write its result here (";

int ext_publish_lock(const ext_train_request *request, ext_error *error)
{
    const ext_home *home = &request->home;
    ext_error cause = {0};
    if (ext_savepoint_check_writable(home->db, home->schema, "train", error) != SQLITE_OK)
        return error->rc;
    if (ext_savepoint_lock_ahead(home->db, home->schema, &cause) == SQLITE_OK)
        return SQLITE_OK;
    return ext_error_wrap(error, &cause, cannot_write,
                          "); begin the transaction with BEGIN IMMEDIATE, "
                          "or run SELECT gru4rec_train(...) by itself");
}

/*
 * Checks, for option blend, that the model has the table m_blend, or that the name is
 * free to make it. Makes nothing. SQLITE_ERROR: something that is not the model's has
 * that name.
 */
static int check_blend(const ext_train_request *request, ext_error *error)
{
    int rc = request->is_found ? ext_shadow_check_later(&request->home, "blend", error)
                               : ext_shadow_check_free(&request->home, "blend", error);
    if (rc == SQLITE_ERROR)
        ext_error_add(error, ", or set blend to 0");
    return rc;
}

int ext_publish_check(const ext_train_request *request, ext_error *error)
{
    const ext_home *home = &request->home;
    ext_savepoint savepoint;
    char behind[120];
    ext_error cause = {0};
    if (!request->is_found && ext_schema_check_new(home, error) != SQLITE_OK)
        return error->rc;
    if (request->options.blend != 0 && check_blend(request, error) != SQLITE_OK)
        return error->rc;
    if (request->is_alone && sqlite3_txn_state(home->db, NULL) != SQLITE_TXN_NONE)
        return ext_error_set(
            error, SQLITE_ERROR,
            "training beside a table or a subquery that reads one, "
            "or while another statement of this connection runs, "
            "would keep the database locked; "
            "run SELECT %s(...) by itself, without FROM, "
            "and read what an option needs in a statement before it: "
            "bind it as a parameter (.param set in the shell), or write since='last'",
            request->call);
    if (ext_savepoint_start(&savepoint, home->db, &cause) != SQLITE_OK ||
        ext_savepoint_end(&savepoint, SQLITE_OK, &cause) != SQLITE_OK)
        return ext_error_wrap(error, &cause, cannot_write,
                              sqlite3_snprintf(sizeof behind, behind,
                                               "); run SELECT %s(...) by itself, outside "
                                               "other statements and transactions",
                                               request->call));
    if (!request->is_alone && request->options.checkpoint_epochs > 0)
        return ext_error_set(
            error, SQLITE_ERROR,
            "a checkpoint inside a transaction would be lost if that fails; "
            "train outside a transaction, or with checkpoint_epochs=0");
    return SQLITE_OK;
}

/* ---- meanwhile ---- */

int ext_publish_fail_dropped(const ext_training *training, ext_error *error)
{
    return ext_error_set(error, SQLITE_ERROR,
                         "model '%s' was dropped while it was trained, "
                         "so nothing is stored; "
                         "create the model again, "
                         "or train the model that has this name now, if there is one",
                         training->home.name);
}

/*
 * Makes the model (its virtual table and its shadow tables), with the source, the columns
 * and the options of the call. Does nothing if there is a model of that name now, because
 * another connection has made one meanwhile.
 */
static int make_model(const ext_training *training, ext_error *error)
{
    const ext_train_request *request = training->request;
    const ext_home *home = &training->home;
    bool is_found;
    if (ext_schema_exists(home->db, home->schema, home->name, &is_found, error) !=
        SQLITE_OK)
        return error->rc;
    return is_found ? SQLITE_OK
                    : ext_schema_create_model(home, request->source,
                                              &training->data->source.columns,
                                              &request->options, error);
}

/*
 * Takes the write lock in the savepoint and writes the endings of earlier runs that are
 * still to be written (ext_pending_lock()); then makes sure that the model exists. If the
 * model is known to exist (has_model), finds it by its id, and puts its present name into
 * training->home. Else makes the model (make_model()). SQLITE_ERROR, with
 * training->is_dropped set: the model was dropped.
 */
static int take_model(ext_training *training, ext_savepoint *savepoint, ext_error *error)
{
    bool is_found;
    if (ext_pending_lock(savepoint, &training->home, error) != SQLITE_OK)
        return error->rc;
    if (!training->has_model)
        return make_model(training, error);
    int rc = ext_identity_follow(&training->home, training->id, &is_found, error);
    if (rc != SQLITE_OK || is_found)
        return rc;
    training->is_dropped = true;
    return ext_publish_fail_dropped(training, error);
}

/*
 * What a writer puts into the run's row: the status and the message that say how the run
 * ended, or what its result waits for. Both texts are borrowed.
 */
typedef struct ending {
    const char *status, *message;
} ending;

/*
 * A function that writes something about the run into the model's tables, within a
 * savepoint of the caller, which the caller undoes after a failure. end: NULL if the
 * function does not use it.
 */
typedef int writer(ext_training *training, const ending *end, ext_error *error);

/*
 * Calls the function write in a savepoint of its own, with the write lock held, and after
 * the model was found or made (take_model()). Used for all writes except that of the
 * version. Commits unless the user has an open transaction. After success sets has_model,
 * and reads training->id if that is NULL. After a failure nothing is written, and
 * run.written, which says what the tables have, is as before.
 */
static int write_as_one(ext_training *training, writer *write, const ending *end,
                        ext_error *error)
{
    const ext_written before = training->run.written;
    ext_savepoint savepoint;
    ext_error ignored = {0};
    int rc = ext_savepoint_start(&savepoint, training->home.db, error);
    if (rc != SQLITE_OK)
        return rc;
    rc = take_model(training, &savepoint, error);
    if (rc == SQLITE_OK)
        rc = write(training, end, error);
    rc = ext_savepoint_end(&savepoint, rc, error);
    if (rc != SQLITE_OK) {
        training->run.written = before;
        return rc;
    }
    training->has_model = true;
    if (training->id == NULL) /* the model was just made, or just got an id */
        ext_identity_read(&training->id, &training->home, &ignored);
    ext_error_clear(&ignored);
    return rc;
}

/*
 * Does what write_as_one() does, for a report that others may watch, and without waiting
 * for a lock: neither the training nor other writers should stall for a report. So the
 * host's busy timeout is 0 meanwhile (ext_sql_shorten_timeout()), and is restored.
 * Returns whether the report was written; any error is dropped. After a failed write,
 * sets training->quiet_until to now plus ten times the duration of that write, so that no
 * progress is written before.
 */
static bool write_aside(ext_training *training, writer *write, const ending *end)
{
    sqlite3 *db = training->home.db;
    const double start = ext_poll_seconds();
    const int timeout = ext_sql_shorten_timeout(db, 0);
    ext_error problem = {0};
    const bool is_written = write_as_one(training, write, end, &problem) == SQLITE_OK;
    ext_sql_restore_timeout(db, timeout, 0);
    if (!is_written)
        training->quiet_until = ext_poll_seconds() + 10 * (ext_poll_seconds() - start);
    ext_error_clear(&problem);
    return is_written;
}

/*
 * A writer: writes the run's progress and new epochs. First inserts the run's row if it
 * is missing. end is not used.
 */
static int write_row(ext_training *training, const ending *end, ext_error *error)
{
    (void)end;
    return ext_run_write(&training->run, &training->home, error);
}

/*
 * A writer: does what write_row() does, and then replaces the run's checkpoint: the
 * weights and slots, from which the run can be resumed. end is not used.
 */
static int write_checkpoint(ext_training *training, const ending *end, ext_error *error)
{
    int rc = write_row(training, end, error);
    return rc == SQLITE_OK
               ? ext_run_checkpoint(&training->run, &training->home, &training->weights,
                                    training->data->fingerprint, &training->data->last,
                                    training->home.connection->ranks, error)
               : rc;
}

/*
 * Tells whether a checkpoint is due after the last finished epoch. It is if the option
 * checkpoint_epochs is above 0, at least that many epochs are finished since the last
 * checkpoint, and the last finished epoch is not the last of the run, behind which the
 * version follows. Of several ranks, which all have the same weights, only rank 0 writes
 * checkpoints.
 */
static bool is_checkpoint_due(const ext_training *training)
{
    const gru4rec_options *options = &training->request->options;
    const int64_t epoch = (int64_t)training->run.n_epochs;
    return options->checkpoint_epochs > 0 && ext_train_job_is_first(training->request) &&
           epoch - training->saved >= options->checkpoint_epochs &&
           epoch < options->n_epochs;
}

/*
 * Writes nothing in the cases that ext_train.h names. Otherwise chooses what is written:
 * the checkpoint if one is due and no epoch is under way; else, if the model exists, the
 * run's row. A failure is not reported: a later call, not before training->quiet_until,
 * writes the progress, or it is written with the version. training->saved changes only if
 * the checkpoint was written.
 */
void ext_publish_progress(ext_training *training)
{
    training->told = ext_poll_seconds();
    if (!training->request->is_alone || !training->request->is_writer ||
        training->is_dropped || training->told < training->quiet_until)
        return;
    if (!training->is_in_epoch && is_checkpoint_due(training)) {
        if (write_aside(training, write_checkpoint, NULL))
            training->saved = (int64_t)training->run.n_epochs;
    } else if (training->has_model) {
        write_aside(training, write_row, NULL);
    }
}

/* ---- after ---- */

/* Tells whether the error is that another connection holds a lock. */
static bool is_in_the_way(const ext_error *error)
{
    return ext_error_is(error, SQLITE_BUSY) || error->rc == SQLITE_LOCKED_SHAREDCACHE;
}

/*
 * Decides after a failed write whether to try again. If the user has no transaction,
 * another connection holds a lock, and there is still time, waits 20 ms, clears the error
 * and returns true; but if the host interrupts the call, that becomes the error, and it
 * returns false. Else returns false, and the error stays. since: seconds
 * (ext_poll_seconds()), when the commit was first tried.
 *
 * The time lasts as long as the option commit_wait says; if that is not set, as long as
 * the training took, but at least 60 s. After that, a lock within a shared cache is still
 * waited for until the busy timeout has passed (ext_savepoint_may_retry()).
 */
static bool wait_for_others(ext_training *training, double since, ext_error *error)
{
    const double now = ext_poll_seconds();
    const double given = (double)training->request->options.commit_wait;
    const double usual = training->took > 60 ? training->took : 60;
    if (!training->request->is_alone || !is_in_the_way(error))
        return false;
    if (now - since > (given > 0 ? given : usual))
        return ext_savepoint_may_retry(training->home.db, since, error);
    sqlite3_sleep(20);
    ext_error_clear(error);
    if (ext_poll_check(&training->poll) ||
        ext_ranks_is_stopped(training->home.connection->ranks))
        ext_error_set(error, SQLITE_INTERRUPT, "interrupted");
    return error->rc == SQLITE_OK;
}

/*
 * Writes the version and all that belongs to it into the open savepoint, in this order:
 * makes the model if it does not exist; raises its storage format if the source has an
 * order column; writes how other runs that are over ended; writes the version with items,
 * tensors and the sessions that it blends with, which becomes the active one unless
 * activate=false, and retires old versions (on other ranks than rank 0, the version is
 * only prepared); writes its first and last event and its
 * fingerprints. A failure leaves parts of that, so the caller must undo the savepoint.
 */
static int write_version(ext_training *training, ext_savepoint *savepoint,
                         ext_error *error)
{
    const gru4rec_options *options = &training->request->options;
    const ext_outcome outcome = {
        .training = &training->weights,
        .n_slots = options->keep_optimizer ? GRU4REC_N_OPTIMISER_SLOTS : 0,
        .items = training->data->events.items,
        .sessions = ext_train_blend_kept(training),
        .is_candidate = !options->activate,
        .is_prepared = !ext_train_job_is_first(training->request),
        .ranks = training->home.connection->ranks,
        .keep = ext_forget_keep(options),
    };
    const ext_home *home = &training->home;
    const bool has_order = training->data->source.columns.order != NULL;
    if (take_model(training, savepoint, error) != SQLITE_OK ||
        (has_order && ext_config_raise_format(home, error) != SQLITE_OK) ||
        ext_run_sweep(home, error) != SQLITE_OK)
        return error->rc;
    const ext_events *events = &training->data->events;
    if (ext_version_publish(&training->run, home, &outcome, error) != SQLITE_OK)
        return error->rc;
    const int64_t version = training->run.written.version;
    GRU4REC_TRACE(2, "version %lld of '%s' is written", (long long)version, home->name);
    int rc = ext_window_write(&events->first, &events->last, home, version, error);
    return rc == SQLITE_OK ? ext_fingerprints_write(training->data->fingerprints,
                                                    training->data->n_fingerprints, home,
                                                    version, error)
                           : rc;
}

/*
 * Finishes the version that this training has prepared (ext_version_finish()), in the
 * open savepoint. What becomes of it the options say that the version has stored.
 */
static int write_finish(ext_training *training, ext_savepoint *savepoint,
                        ext_error *error)
{
    const int64_t version = training->run.written.version;
    gru4rec_options options;
    char *summary = NULL;
    if (take_model(training, savepoint, error) != SQLITE_OK ||
        ext_version_options(&options, &training->home, version, error) != SQLITE_OK)
        return error->rc;
    const ext_keep keep = ext_forget_keep(&options);
    if (ext_version_finish(&summary, &training->home, version, options.activate != 0,
                           &keep, error) == SQLITE_OK) {
        sqlite3_free(training->run.summary);
        training->run.summary = summary;
    } else {
        sqlite3_free(summary);
    }
    return error->rc;
}

/* A function that writes a version, or finishes it, in an open savepoint. */
typedef int version_writer(ext_training *training, ext_savepoint *savepoint,
                           ext_error *error);

/*
 * Calls the function write in a savepoint of its own, and commits unless the
 * user has an open transaction. If a reader holds up the commit (as in rollback-journal
 * mode), tries only the commit again (wait_for_others()), with everything written. After
 * a failure the savepoint is undone, and run.written is as before. since: seconds, when
 * the commit was first tried.
 */
static int write_and_commit(ext_training *training, version_writer *write, double since,
                            ext_error *error)
{
    const ext_written before = training->run.written;
    ext_savepoint savepoint;
    if (ext_savepoint_start(&savepoint, training->home.db, error) != SQLITE_OK)
        return error->rc;
    if (write(training, &savepoint, error) == SQLITE_OK)
        while (ext_savepoint_release(&savepoint, error) != SQLITE_OK &&
               wait_for_others(training, since, error))
            ;
    if (error->rc != SQLITE_OK) {
        ext_savepoint_undo(&savepoint);
        training->run.written = before;
    }
    return error->rc;
}

/*
 * Writes and commits what the function write writes. Tries again while other connections
 * hold locks, as long as commit_wait allows (wait_for_others()). *error is the result. If
 * the host's busy timeout is longer than commit_wait, shortens the timeout to commit_wait
 * meanwhile, because SQLite would wait longer; then restores it.
 */
static void commit(ext_training *training, version_writer *write, ext_error *error)
{
    sqlite3 *db = training->home.db;
    const double since = ext_poll_seconds();
    const int64_t most = 1000 * training->request->options.commit_wait;
    /* While SQLite waits, this process does not notice that another rank stops. */
    const bool has_ranks = ext_ranks_hooks(training->home.connection->ranks) != NULL;
    const int64_t ms = has_ranks ? 0 : most > 0 ? most : INT64_MAX;
    const int timeout = ext_sql_shorten_timeout(db, ms);
    /*
     * This loop waits for another writer that has the lock; nothing is written meanwhile.
     */
    while (write_and_commit(training, write, since, error) != SQLITE_OK &&
           wait_for_others(training, since, error))
        ;
    ext_sql_restore_timeout(db, timeout, ms);
}

int ext_publish_version(ext_training *training, ext_error *error)
{
    training->run.progress = 1;
    ext_alive_tell(&training->run.alive, (ext_share){EXT_PHASE_COMMITTING, 1, 0});
    if (training->run.summary == NULL && ext_summary_make(training, error) != SQLITE_OK)
        return error->rc;
    commit(training, write_version, error);
    return error->rc;
}

int ext_publish_finish(ext_training *training, ext_error *error)
{
    training->has_model = true;
    commit(training, write_finish, error);
    return error->rc;
}

/* ---- failure ---- */

/*
 * A writer: writes into the run's row how the run ended, or what its result waits for
 * (end). First does what write_row() does.
 */
static int write_ending(ext_training *training, const ending *end, ext_error *error)
{
    int rc = write_row(training, end, error);
    return rc == SQLITE_OK ? ext_run_fail(&training->run, &training->home, end->status,
                                          end->message, error)
                           : rc;
}

void ext_publish_failure(ext_training *training, const ext_error *error)
{
    const ending end = {ext_error_is(error, SQLITE_INTERRUPT) ? "interrupted" : "failed",
                        ext_error_message(error)};
    ext_error problem = {0};
    if (!training->request->is_writer || training->is_prepared || !training->has_model ||
        training->is_dropped)
        return;
    if (!training->request->is_alone || /* the user may roll back what is written */
        write_as_one(training, write_ending, &end, &problem) != SQLITE_OK)
        ext_pending_add(ext_pending_new(&training->run, &training->home, training->id,
                                        end.status, end.message));
    ext_error_clear(&problem);
}

void ext_publish_waiting(ext_training *training, const ext_error *error, const char *why)
{
    const ending end = {"training", why};
    ext_error problem = {0};
    if (!training->has_model)
        return;
    /* Who met a lock has waited, and who interrupts wants the call to end. */
    const bool is_written =
        is_in_the_way(error) || ext_error_is(error, SQLITE_INTERRUPT)
            ? write_aside(training, write_ending, &end)
            : write_as_one(training, write_ending, &end, &problem) == SQLITE_OK;
    ext_error_clear(&problem);
    if (!is_written)
        ext_pending_add(ext_pending_new(&training->run, &training->home, training->id,
                                        end.status, end.message));
}

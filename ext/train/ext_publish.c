/*
 * ext_publish.c - how a training meets the rest of the database; see ext_train.h.
 *
 *   before     can its result be written at all, at the end?
 *   meanwhile  the run's row, before its events are read, then how far it is, and
 *              checkpoints: these wait for nobody
 *   after      the new version, in one savepoint; whoever is in the way is waited for,
 *              with the weights kept
 *   failure    in the run's row; what cannot be written now, the process's next call that
 *              writes says (ext_pending.c)
 *
 * Each write looks for the model first (ext_identity.c): it may have been renamed, then it
 * is followed, or dropped, then nothing is written.
 *
 * Which failures have a row? Those of a call that was understood and could have written
 * its result: from ext_publish_check() on. What is refused before that, as a bad option, a
 * read-only database, or a second training on the connection, is the caller's to see; and
 * a model that the call should have made, and that is not there, has no history.
 */
#include "ext_train.h"

/* ---- before ---- */

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
                          "); begin the transaction with BEGIN IMMEDIATE, or run SELECT "
                          "gru4rec_train(...) by itself");
}

int ext_publish_check(const ext_train_request *request, ext_error *error)
{
    const ext_home *home = &request->home;
    ext_savepoint savepoint;
    ext_error cause = {0};
    if (!request->is_found && ext_schema_check_new(home, error) != SQLITE_OK)
        return error->rc;
    if (request->is_alone && sqlite3_txn_state(home->db, NULL) != SQLITE_TXN_NONE)
        return ext_error_set(
            error, SQLITE_ERROR,
            "training beside a table or a subquery that reads one, or while another "
            "statement of this connection runs, would keep the database locked; run "
            "SELECT gru4rec_train(...) by itself, without FROM, and read what an option "
            "needs in a statement before it: bind it as a parameter (.param set in the "
            "shell), or write since='last'");
    if (ext_savepoint_start(&savepoint, home->db, &cause) != SQLITE_OK ||
        ext_savepoint_end(&savepoint, SQLITE_OK, &cause) != SQLITE_OK)
        return ext_error_wrap(error, &cause, cannot_write,
                              "); run SELECT gru4rec_train(...) by itself, outside other "
                              "statements and transactions");
    if (!request->is_alone && request->options.checkpoint_epochs > 0)
        return ext_error_set(error, SQLITE_ERROR,
                             "inside a transaction a checkpoint could not outlive it; "
                             "train outside, or with checkpoint_epochs=0");
    return SQLITE_OK;
}

/* ---- meanwhile ---- */

int ext_publish_fail_dropped(const ext_training *training, ext_error *error)
{
    return ext_error_set(error, SQLITE_ERROR,
                         "model '%s' was dropped while it was trained, and nothing is "
                         "stored; train the model that has the name now, if one "
                         "has, or make it anew",
                         training->home.name);
}

/* Makes the model's tables unless somebody else made them. */
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

/* Takes the lock, and the model: makes it, or finds it where it is now. */
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

/* How a run ended, or what it waits for. */
typedef struct ending {
    const char *status, *message;
} ending;

typedef int writer(ext_training *training, const ending *end, ext_error *error);

/* Writes something, but the version, in a savepoint of its own. */
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
    if (training->id == NULL) /* it was made just now, or got one */
        ext_identity_read(&training->id, &training->home, &ignored);
    ext_error_clear(&ignored);
    return rc;
}

/*
 * The same for whoever watches: it never waits for a lock, as neither we nor other writers
 * should stall for it. So the host's busy timeout is 0 meanwhile. A busy handler of the
 * host's, which nobody could put back, may wait all the same: then nothing is tried again
 * before ten times as long has passed.
 */
static bool write_aside(ext_training *training, writer *write, const ending *end)
{
    sqlite3 *db = training->home.db;
    const sqlite3_int64 rowid = sqlite3_last_insert_rowid(db);
    const double start = ext_poll_seconds();
    const int timeout = (int)ext_sql_probe(db, "PRAGMA busy_timeout");
    ext_error problem = {0};
    if (timeout > 0)
        sqlite3_busy_timeout(db, 0);
    const bool is_written = write_as_one(training, write, end, &problem) == SQLITE_OK;
    if (timeout > 0)
        sqlite3_busy_timeout(db, timeout);
    if (!is_written)
        training->quiet_until = ext_poll_seconds() + 10 * (ext_poll_seconds() - start);
    ext_error_clear(&problem);
    sqlite3_set_last_insert_rowid(db, rowid);
    return is_written;
}

static int write_row(ext_training *training, const ending *end, ext_error *error)
{
    (void)end;
    return ext_run_write(&training->run, &training->home, error);
}

static int write_checkpoint(ext_training *training, const ending *end, ext_error *error)
{
    int rc = write_row(training, end, error);
    return rc == SQLITE_OK
               ? ext_run_checkpoint(&training->run, &training->home, &training->weights,
                                    training->data->fingerprint, &training->data->last,
                                    error)
               : rc;
}

/* Is a checkpoint due after the epoch that is done? The last epoch needs none. */
static bool is_checkpoint_due(const ext_training *training)
{
    const gru4rec_options *options = &training->request->options;
    const int64_t epoch = (int64_t)training->run.n_epochs;
    return options->checkpoint_epochs > 0 &&
           epoch - training->saved >= options->checkpoint_epochs &&
           epoch < options->n_epochs;
}

/* Where somebody is in the way, it is written the next time, or at the end. */
void ext_publish_progress(ext_training *training)
{
    training->told = ext_poll_seconds();
    if (!training->request->is_alone || training->is_dropped ||
        training->told < training->quiet_until)
        return;
    if (!training->is_in_epoch && is_checkpoint_due(training)) {
        if (write_aside(training, write_checkpoint, NULL))
            training->saved = (int64_t)training->run.n_epochs;
    } else if (training->has_model) {
        write_aside(training, write_row, NULL);
    }
}

/* ---- after ---- */

/*
 * After an error: is somebody in the way, and worth waiting for? Then waits a moment, and
 * clears the error. Patience is what commit_wait says, or as long as the training took, a
 * minute at least; with those of a shared cache as long as the busy timeout, if that is
 * more.
 */
static bool wait_for_others(ext_training *training, double since, ext_error *error)
{
    const double now = ext_poll_seconds();
    const double given = (double)training->request->options.commit_wait;
    const double usual = training->took > 60 ? training->took : 60;
    const bool is_in_the_way =
        ext_error_is(error, SQLITE_BUSY) || error->rc == SQLITE_LOCKED_SHAREDCACHE;
    if (!training->request->is_alone || !is_in_the_way)
        return false;
    if (now - since > (given > 0 ? given : usual))
        return ext_savepoint_may_retry(training->home.db, since, error);
    sqlite3_sleep(20);
    ext_error_clear(error);
    if (ext_poll_check(&training->poll))
        ext_error_set(error, SQLITE_INTERRUPT, "interrupted");
    return error->rc == SQLITE_OK;
}

/* Writes everything into the savepoint. */
static int write_version(ext_training *training, ext_savepoint *savepoint,
                         ext_error *error)
{
    const gru4rec_options *options = &training->request->options;
    const ext_outcome outcome = {
        .training = &training->weights,
        .n_slots = options->keep_optimizer ? GRU4REC_N_OPTIMISER_SLOTS : 0,
        .items = training->data->events.items,
        .is_candidate = !options->activate,
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

/* Writes the version and commits. Readers that hold up the commit are waited for here,
 * with everything written. */
static int write_and_commit(ext_training *training, double since, ext_error *error)
{
    const ext_written before = training->run.written;
    ext_savepoint savepoint;
    if (ext_savepoint_start(&savepoint, training->home.db, error) != SQLITE_OK)
        return error->rc;
    if (write_version(training, &savepoint, error) == SQLITE_OK)
        while (ext_savepoint_release(&savepoint, error) != SQLITE_OK &&
               wait_for_others(training, since, error))
            ;
    if (error->rc != SQLITE_OK) {
        ext_savepoint_undo(&savepoint);
        training->run.written = before;
    }
    return error->rc;
}

/* A busy timeout of the host's that is longer than commit_wait would wait longer. */
static void commit(ext_training *training, ext_error *error)
{
    sqlite3 *db = training->home.db;
    const double since = ext_poll_seconds();
    const int64_t most = 1000 * training->request->options.commit_wait;
    const int64_t timeout = ext_sql_probe(db, "PRAGMA busy_timeout");
    const bool is_longer = most > 0 && timeout > most;
    if (is_longer)
        sqlite3_busy_timeout(db, (int)most);
    /* Writers that have the lock are waited for here, with nothing written. */
    while (write_and_commit(training, since, error) != SQLITE_OK &&
           wait_for_others(training, since, error))
        ;
    if (is_longer)
        sqlite3_busy_timeout(db, (int)timeout);
}

int ext_publish_version(ext_training *training, ext_error *error)
{
    sqlite3 *db = training->home.db;
    const sqlite3_int64 rowid = sqlite3_last_insert_rowid(db);
    training->run.progress = 1;
    ext_alive_tell(&training->run.alive, (ext_share){EXT_PHASE_COMMITTING, 1, 0});
    if (training->run.summary == NULL && ext_summary_make(training, error) != SQLITE_OK)
        return error->rc;
    commit(training, error);
    sqlite3_set_last_insert_rowid(db, rowid);
    return error->rc;
}

/* ---- failure ---- */

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
    if (!training->has_model || training->is_dropped)
        return;
    if (!training->request->is_alone || /* the user may roll it back */
        write_as_one(training, write_ending, &end, &problem) != SQLITE_OK)
        ext_pending_add(ext_pending_new(&training->run, &training->home, training->id,
                                        end.status, end.message));
    ext_error_clear(&problem);
}

void ext_publish_waiting(ext_training *training, const char *why)
{
    const ending end = {"training", why};
    if (training->has_model && !write_aside(training, write_ending, &end))
        ext_pending_add(ext_pending_new(&training->run, &training->home, training->id,
                                        end.status, end.message));
}

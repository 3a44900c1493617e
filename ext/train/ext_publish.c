/*
 * ext_publish.c - how a training meets the rest of the database; see ext_train.h.
 *
 *   before     can its result be written at all, at the end?
 *   meanwhile  rows for whoever watches, and checkpoints: these wait for nobody
 *   after      the new version, in one savepoint; whoever is in the way is waited for,
 *              with the weights kept
 */
#include "ext_train.h"

/* ---- before ---- */

static const char cannot_write[] = "training cannot write its result here (";

int ext_publish_lock(const ext_train_request *request, ext_error *error)
{
    const ext_home *home = &request->home;
    ext_error cause = {0};
    if (sqlite3_db_readonly(home->db, home->schema) == 1 ||
        ext_sql_probe(home->db, "PRAGMA query_only") != 0)
        return ext_error_set(error, SQLITE_READONLY,
                             "the database is read-only here; train on a connection that "
                             "can write");
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
            "training beside a table, or while another statement of this "
            "connection runs, would keep the database locked; run SELECT "
            "gru4rec_train(...) by itself, without FROM");
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

/* Makes the model's tables unless somebody else made them, in a savepoint with the lock. */
static int make_model(const ext_training *training, ext_error *error)
{
    const ext_train_request *request = training->request;
    const ext_home *home = &request->home;
    bool is_found = training->has_model;
    if (is_found)
        return SQLITE_OK;
    if (ext_schema_exists(home->db, home->schema, home->name, &is_found, error) !=
        SQLITE_OK)
        return error->rc;
    return is_found ? SQLITE_OK
                    : ext_schema_create_model(home, request->source,
                                              &training->data->source.columns,
                                              &request->options, error);
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

static int write_checkpoint(ext_training *training, ext_error *error)
{
    const ext_home *home = &training->request->home;
    const ext_written before = training->run.written;
    ext_savepoint savepoint;
    int rc = ext_savepoint_start(&savepoint, home->db, error);
    if (rc != SQLITE_OK)
        return rc;
    rc = ext_savepoint_lock(&savepoint, home->schema, error);
    if (rc == SQLITE_OK)
        rc = make_model(training, error);
    if (rc == SQLITE_OK)
        rc = ext_run_write(&training->run, home, error);
    if (rc == SQLITE_OK)
        rc = ext_run_checkpoint(&training->run, home, &training->weights,
                                training->data->fingerprint, error);
    rc = ext_savepoint_end(&savepoint, rc, error);
    if (rc != SQLITE_OK) {
        training->run.written = before;
        return rc;
    }
    training->saved = (int64_t)training->run.n_epochs;
    training->has_model = true;
    return SQLITE_OK;
}

/*
 * What is written here commits by itself. Where somebody is in the way it is written after
 * the next epoch, or at the end. Writes never wait for a lock: neither we nor other
 * writers should stall for a progress row. So the host's busy timeout is 0 meanwhile. A
 * busy handler of the host's, which nobody could put back, may wait all the same: then no
 * row is tried again before ten times as long has passed.
 */
void ext_publish_epochs(ext_training *training)
{
    const ext_train_request *request = training->request;
    sqlite3 *db = request->home.db;
    const sqlite3_int64 rowid = sqlite3_last_insert_rowid(db);
    const double start = ext_poll_seconds();
    ext_error problem = {0};
    if (!request->is_alone || start < training->quiet_until)
        return;
    const int timeout = (int)ext_sql_probe(db, "PRAGMA busy_timeout");
    if (timeout > 0)
        sqlite3_busy_timeout(db, 0);
    if (is_checkpoint_due(training))
        write_checkpoint(training, &problem);
    else if (training->has_model)
        ext_run_write(&training->run, &request->home, &problem);
    if (timeout > 0)
        sqlite3_busy_timeout(db, timeout);
    if (problem.rc != SQLITE_OK)
        training->quiet_until = ext_poll_seconds() + 10 * (ext_poll_seconds() - start);
    ext_error_clear(&problem);
    sqlite3_set_last_insert_rowid(db, rowid);
}

/* ---- after ---- */

/*
 * What the user should know; NULL: nothing. *rc: whether that is for want of memory. The
 * last epoch stands for all: each has the same sessions.
 */
static char *make_warning(const ext_training *training, int *rc)
{
    const ext_run *run = &training->run;
    const gru4rec_epoch *last = &run->epochs[run->n_epochs - 1];
    *rc = SQLITE_OK;
    if (training->data->longest == NULL || 2 * last->narrow <= last->steps)
        return NULL;
    char *text = sqlite3_mprintf(
        "%lld of %lld steps of an epoch ran with less than half of the lanes, as few "
        "sessions are much longer than the others: %s; max_length cuts such sessions, "
        "and with long_sessions=drop leaves them out",
        (long long)last->narrow, (long long)last->steps, training->data->longest);
    *rc = text != NULL ? SQLITE_OK : SQLITE_NOMEM;
    return text;
}

/* ?24: what would make it faster, or NULL. */
static const char summary_query[] =
    "SELECT json_remove(json_object('model', ?1, 'version', 0, 'epochs', ?2, "
    "'best_epoch', ?3, "
    "'steps', ?4, 'events', ?5, 'sessions', ?6, 'items', ?7, 'loss', ?8, 'seconds', ?9, "
    "'events_per_second', ?10, 'threads', ?11, 'skipped_events', ?12, "
    "'skipped_sessions', ?13, 'bad_rows', ?14, 'outside', ?15, 'repeats', ?16, 'rare', "
    "?17, 'short', ?18, 'long', ?19, 'long_sessions', ?20, 'memory_bytes', ?21, "
    "'held_out', ?22, 'warnings', "
    "CASE WHEN ?23 IS NULL THEN json_array() ELSE json_array(?23) END, 'advice', ?24), "
    "iif(?24 IS NULL, '$.advice', '$.none'))";

static int prepare_summary(sqlite3_stmt **stmt, const ext_training *training,
                           const char *warning, ext_error *error)
{
    const ext_home *home = &training->request->home;
    const ext_run *run = &training->run;
    const ext_events *events = &training->data->events;
    const gru4rec_dataset *dataset = events->dataset, *held_out = dataset->validation;
    int64_t n_steps = 0, n_events = 0;
    double seconds = 0;
    gru4rec_build build;
    gru4rec_build_facts(&build);
    for (size_t i = 0; i < run->n_epochs; i++) {
        n_steps += run->epochs[i].steps;
        n_events += run->epochs[i].events;
        seconds += run->epoch_seconds[i];
    }
    return ext_query(home, stmt, error, summary_query, "siiiiiiddiiiiiiiiiiiiiss",
                     home->name, (int64_t)run->n_epochs, training->best_epoch, n_steps,
                     dataset->n_events, dataset->n_sessions,
                     (int64_t)gru4rec_items_count(events->items),
                     run->epochs[training->best_epoch - 1].loss, seconds,
                     (int64_t)((double)n_events / (seconds > 0 ? seconds : 1)),
                     (int64_t)gru4rec_train_threads(&training->request->options),
                     events->n_null, dataset->n_single + dataset->n_left, events->n_bad,
                     events->n_outside, dataset->n_repeats, dataset->n_rare,
                     dataset->n_short, dataset->n_dropped, dataset->n_long,
                     (int64_t)training->data->n_bytes,
                     held_out != NULL ? held_out->n_sessions : (int64_t)0, warning,
                     build.blas_core_better != NULL ? build.blas_core_reason : NULL);
}

static int make_summary(ext_training *training, ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc;
    char *warning = make_warning(training, &rc);
    if (rc != SQLITE_OK)
        return ext_error_nomem(error);
    rc = prepare_summary(&stmt, training, warning, error);
    sqlite3_free(warning);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    training->run.summary = rc == SQLITE_ROW ? ext_sql_text(stmt, 0) : NULL;
    if ((rc == SQLITE_ROW || rc == SQLITE_DONE) && training->run.summary == NULL)
        rc = ext_sql_fail_null(stmt, error);
    return ext_sql_finish(stmt, rc, "writing the summary", error);
}

/*
 * After an error: is somebody in the way, and worth waiting for? Then waits a moment, and
 * clears the error. Patience is as long as the training took, a minute at least; with
 * those of a shared cache as long as the busy timeout, if that is more.
 */
static bool wait_for_others(ext_training *training, double since, ext_error *error)
{
    const double now = ext_poll_seconds(), took = since - training->start;
    const bool is_in_the_way =
        ext_error_is(error, SQLITE_BUSY) || error->rc == SQLITE_LOCKED_SHAREDCACHE;
    if (!training->request->is_alone || !is_in_the_way)
        return false;
    if (now - since > (took > 60 ? took : 60))
        return ext_savepoint_may_retry(training->request->home.db, since, error);
    sqlite3_sleep(20);
    ext_error_clear(error);
    if (ext_poll_check(&training->poll))
        ext_error_set(error, SQLITE_INTERRUPT, "interrupted");
    return error->rc == SQLITE_OK;
}

/* Writes everything into the savepoint. */
static int write_version(ext_training *training, const ext_savepoint *savepoint,
                         ext_error *error)
{
    const ext_train_request *request = training->request;
    const gru4rec_options *options = &request->options;
    const ext_outcome outcome = {
        .training = &training->weights,
        .n_slots = options->keep_optimizer ? GRU4REC_N_OPTIMISER_SLOTS : 0,
        .items = training->data->events.items,
        .is_candidate = !options->activate,
        .keep = ext_forget_keep(options),
    };
    const bool has_order = training->data->source.columns.order != NULL;
    if (ext_savepoint_lock(savepoint, request->home.schema, error) != SQLITE_OK ||
        make_model(training, error) != SQLITE_OK ||
        (has_order && ext_config_raise_format(&request->home, error) != SQLITE_OK) ||
        ext_run_sweep(&request->home, error) != SQLITE_OK)
        return error->rc;
    return ext_version_publish(&training->run, &request->home, &outcome, error);
}

/* Writes the version and commits. Readers that hold up the commit are waited for here,
 * with everything written. */
static int write_and_commit(ext_training *training, double since, ext_error *error)
{
    const ext_written before = training->run.written;
    ext_savepoint savepoint;
    if (ext_savepoint_start(&savepoint, training->request->home.db, error) != SQLITE_OK)
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

int ext_publish_version(ext_training *training, ext_error *error)
{
    sqlite3 *db = training->request->home.db;
    const sqlite3_int64 rowid = sqlite3_last_insert_rowid(db);
    const double since = ext_poll_seconds();
    if (make_summary(training, error) != SQLITE_OK)
        return error->rc;
    /* Writers that have the lock are waited for here, with nothing written. */
    while (write_and_commit(training, since, error) != SQLITE_OK &&
           wait_for_others(training, since, error))
        ;
    sqlite3_set_last_insert_rowid(db, rowid);
    return error->rc;
}

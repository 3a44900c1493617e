/*
 * ext_commit.c - how a training meets the rest of the database; see ext_train.h.
 *
 *   ext_training_check   before: can its result be written at all, at the end?
 *   ext_training_show    meanwhile: rows for whoever watches, and checkpoints
 *   ext_training_save    after: the new version, in one savepoint; whoever is in the way
 * is waited for, with the weights kept
 */
#include "../store/ext_train.h"

/* ---- before ---- */

static bool is_query_only(sqlite3 *db)
{
    sqlite3_stmt *stmt = NULL;
    bool is_on =
        sqlite3_prepare_v2(db, "PRAGMA query_only", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_int(stmt, 0) != 0;
    sqlite3_finalize(stmt);
    return is_on;
}

/*
 * Takes the write lock, and with it sees what others have committed, by writing the
 * user_version that the file has already. Inside a transaction, which then keeps the
 * lock.
 */
static int lock_for_writing(ext_training *t, ext_error *error)
{
    sqlite3_stmt *stmt = NULL;
    int user_version = 0;
    int rc = ext_prepare(t->db, sqlite3_mprintf("PRAGMA \"%w\".user_version", t->schema),
                         &stmt, error);
    if (rc == SQLITE_OK) {
        if (sqlite3_step(stmt) == SQLITE_ROW)
            user_version = sqlite3_column_int(stmt, 0);
        else
            rc = ext_fail_db(error, t->db, "locking the database");
    }
    sqlite3_finalize(stmt);
    if (rc == SQLITE_OK)
        rc = ext_exec(t->db,
                      sqlite3_mprintf("PRAGMA \"%w\".user_version = %d", t->schema,
                                      user_version),
                      error);
    if (rc == SQLITE_OK) /* the schema is read anew only by a statement that uses it */
        rc = ext_exec(t->db,
                      sqlite3_mprintf("SELECT 1 FROM \"%w\".sqlite_schema LIMIT 1",
                                      t->schema),
                      error);
    return rc;
}

/* In the user's transaction: at once, so that the end cannot fail. */
static int take_lock(ext_training *t, ext_error *error)
{
    int rc = ext_exec(t->db, sqlite3_mprintf("SAVEPOINT gru4rec"), error);
    if (rc != SQLITE_OK)
        return rc;
    rc = lock_for_writing(t, error);
    if (ext_exec(t->db, sqlite3_mprintf("RELEASE gru4rec"), error) != SQLITE_OK)
        rc = error->rc;
    return rc;
}

int ext_training_check(ext_training *t, ext_error *error)
{
    ext_error probe = {0};
    if (sqlite3_db_readonly(t->db, t->schema) == 1 || is_query_only(t->db))
        return ext_fail(error, SQLITE_READONLY,
                        "the database is read-only here; train on a connection that can "
                        "write");
    if (!t->is_found &&
        ext_store_check_new(t->db, t->schema, t->name, error) != SQLITE_OK)
        return error->rc;
    if (t->is_alone) {
        if (sqlite3_txn_state(t->db, NULL) != SQLITE_TXN_NONE)
            return ext_fail(error, SQLITE_ERROR,
                            "training beside a table, or while another statement of this "
                            "connection runs, would keep the database locked; run SELECT "
                            "gru4rec_train(...) by itself, without FROM");
        if (ext_exec(t->db, sqlite3_mprintf("SAVEPOINT gru4rec"), &probe) == SQLITE_OK)
            return ext_exec(t->db, sqlite3_mprintf("RELEASE gru4rec"), error);
    } else if (take_lock(t, &probe) == SQLITE_OK) {
        return SQLITE_OK;
    }
    ext_fail(
        error, probe.rc,
        "training cannot write its result here (%s); run SELECT gru4rec_train(...) by "
        "itself, outside other statements and transactions",
        probe.message != NULL ? probe.message + 9 : "out of memory");
    ext_error_clear(&probe);
    return error->rc;
}

/* ---- savepoints ---- */

/*
 * While an interrupt is pending no statement is prepared or starts, not even ROLLBACK;
 * but one that would write, prepared before, is interrupted, and that rolls back. NULL:
 * no memory.
 */
static sqlite3_stmt *prepare_escape(sqlite3 *db)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3_prepare_v2(db, "BEGIN IMMEDIATE", -1, &stmt, NULL);
    return stmt;
}

/* Takes back what was written since SAVEPOINT gru4rec. */
static void undo(sqlite3 *db, bool is_alone, sqlite3_stmt *escape)
{
    static const char *const all[] = {"ROLLBACK", NULL};
    static const char *const own[] = {"ROLLBACK TO gru4rec", "RELEASE gru4rec", NULL};
    ext_error ignored = {0};
    for (const char *const *sql = is_alone ? all : own; *sql != NULL; sql++) {
        ext_exec(db, sqlite3_mprintf("%s", *sql), &ignored);
        ext_error_clear(&ignored);
    }
    if (is_alone && !sqlite3_get_autocommit(db) && escape != NULL) {
        sqlite3_step(escape);
        sqlite3_reset(escape);
    }
}

int ext_savepoint_start(sqlite3 *db, sqlite3_stmt **escape, ext_error *error)
{
    *escape = prepare_escape(db);
    int rc = ext_exec(db, sqlite3_mprintf("SAVEPOINT gru4rec"), error);
    if (rc != SQLITE_OK) {
        sqlite3_finalize(*escape);
        *escape = NULL;
    }
    return rc;
}

int ext_savepoint_end(sqlite3 *db, sqlite3_stmt *escape, bool is_alone, int rc,
                      ext_error *error)
{
    if (rc == SQLITE_OK)
        rc = ext_exec(db, sqlite3_mprintf("RELEASE gru4rec"), error);
    if (rc != SQLITE_OK)
        undo(db, is_alone, escape);
    sqlite3_finalize(escape);
    return rc;
}

/* ---- meanwhile ---- */

static int create_model(ext_training *t, ext_error *error)
{
    sqlite3_str *text = sqlite3_str_new(t->db);
    sqlite3_str_appendf(text, "CREATE VIRTUAL TABLE \"%w\".\"%w\" USING gru4rec(",
                        t->schema, t->name);
    if (ext_source_is_select(t->text))
        sqlite3_str_appendf(text, *t->text == '(' ? "%s" : "(%s)", t->text);
    else
        sqlite3_str_appendf(text, "\"%w\"", t->text);
    sqlite3_str_appendf(text, ", session=\"%w\", item=\"%w\", time=\"%w\"",
                        t->source.columns.session, t->source.columns.item,
                        t->source.columns.time);
    ext_options_arguments(text, &t->options);
    sqlite3_str_appendall(text, ")");
    return ext_exec(t->db, sqlite3_str_finish(text), error);
}

/* Under the write lock, unless somebody else made it meanwhile. */
static int make_model(ext_training *t, ext_error *error)
{
    bool is_found = false;
    int rc = lock_for_writing(t, error);
    if (rc == SQLITE_OK)
        rc = ext_store_exists(t->db, t->schema, t->name, &is_found, error);
    return rc == SQLITE_OK && !is_found ? create_model(t, error) : rc;
}

/*
 * The host's busy timeout, in milliseconds; 0 also where it has a handler of its own,
 * which nobody could put back.
 */
static int busy_timeout(sqlite3 *db)
{
    sqlite3_stmt *stmt = NULL;
    int timeout = 0;
    if (sqlite3_prepare_v2(db, "PRAGMA busy_timeout", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        timeout = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    return timeout;
}

/* Is a checkpoint due after the epoch that is done? The last epoch needs none. */
static bool is_checkpoint_due(const ext_training *t)
{
    int64_t epoch = (int64_t)t->run.n_epochs, every = t->options.checkpoint_epochs;
    return every > 0 && epoch - t->saved >= every && epoch < t->options.n_epochs;
}

/* After what a savepoint wrote was taken back: what the run says is written, is not. */
static void unwrite(ext_run *run, const ext_run *before)
{
    run->version = before->version;
    run->n_written = before->n_written;
}

/* Makes the model where that is to come of the training. */
static int write_checkpoint(ext_training *t, ext_error *error)
{
    sqlite3_stmt *escape;
    const ext_run before = t->run;
    int rc = ext_savepoint_start(t->db, &escape, error);
    bool is_new = !t->is_found;
    if (rc != SQLITE_OK)
        return rc;
    if (is_new)
        rc = make_model(t, error);
    if (rc == SQLITE_OK)
        rc = ext_run_show(t->db, t->schema, t->name, &t->run, error);
    if (rc == SQLITE_OK)
        rc = ext_run_checkpoint(t->db, t->schema, t->name, &t->run, &t->training,
                                t->fingerprint, error);
    rc = ext_savepoint_end(t->db, escape, true, rc, error);
    if (rc == SQLITE_OK) {
        t->saved = (int64_t)t->run.n_epochs;
        t->is_found = true;
    } else {
        unwrite(&t->run, &before);
    }
    return rc;
}

/*
 * Each commits by itself. When somebody is in the way they are written after the next
 * epoch, or at the end. Nothing waits for them: neither this training, nor those whom a
 * commit that waits for a reader would keep out. A handler of the host's may wait all the
 * same: then not again before ten times as long has passed.
 */
void ext_training_show(ext_training *t)
{
    ext_error problem = {0};
    sqlite3_int64 rowid = sqlite3_last_insert_rowid(t->db);
    double start = ext_seconds();
    if (!t->is_alone || start < t->show_after)
        return;
    int timeout = busy_timeout(t->db);
    if (timeout > 0)
        sqlite3_busy_timeout(t->db, 0);
    if (is_checkpoint_due(t))
        write_checkpoint(t, &problem);
    else if (t->is_found)
        ext_run_show(t->db, t->schema, t->name, &t->run, &problem);
    if (timeout > 0)
        sqlite3_busy_timeout(t->db, timeout);
    if (problem.rc != SQLITE_OK)
        t->show_after = ext_seconds() + 10 * (ext_seconds() - start);
    ext_error_clear(&problem);
    sqlite3_set_last_insert_rowid(t->db, rowid);
}

/* ---- after ---- */

static int make_summary(ext_training *t, ext_error *error)
{
    sqlite3_stmt *stmt;
    const ext_run *run = &t->run;
    const gru4rec_dataset *dataset = t->events.dataset;
    int64_t steps = 0, events = 0;
    double seconds = 0;
    for (size_t i = 0; i < run->n_epochs; i++) {
        steps += run->epochs[i].steps;
        events += run->epochs[i].events;
        seconds += run->epoch_seconds[i];
    }
    int rc = ext_prepare(
        t->db,
        sqlite3_mprintf(
            "SELECT json_object('model', ?1, 'version', 0, 'epochs', ?2, 'best_epoch', "
            "?17, 'steps', "
            "?3, 'events', ?4, 'sessions', ?5, 'items', ?6, 'loss', ?7, "
            "'seconds', ?8, 'events_per_second', ?9, 'threads', ?19, "
            "'skipped_events', ?10, 'skipped_sessions', ?11, 'outside', ?13, "
            "'repeats', ?14, 'rare', ?15, 'short', ?16, 'memory_bytes', ?12, 'held_out', "
            "?18)"),
        &stmt, error);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_bind_text(stmt, 1, t->name, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(stmt, 2, (int64_t)run->n_epochs);
    sqlite3_bind_int64(stmt, 3, steps);
    sqlite3_bind_int64(stmt, 4, dataset->n_events);
    sqlite3_bind_int64(stmt, 5, dataset->n_sessions);
    sqlite3_bind_int64(stmt, 6, gru4rec_items_count(t->events.items));
    sqlite3_bind_double(stmt, 7, run->epochs[t->best_epoch - 1].loss);
    sqlite3_bind_double(stmt, 8, seconds);
    sqlite3_bind_int64(stmt, 9, (int64_t)((double)events / (seconds > 0 ? seconds : 1)));
    sqlite3_bind_int64(stmt, 10, t->events.n_null);
    sqlite3_bind_int64(stmt, 11, dataset->n_single);
    sqlite3_bind_int64(stmt, 12, (int64_t)t->n_bytes);
    sqlite3_bind_int64(stmt, 13, t->events.n_outside);
    sqlite3_bind_int64(stmt, 14, dataset->n_repeats);
    sqlite3_bind_int64(stmt, 15, dataset->n_rare);
    sqlite3_bind_int64(stmt, 16, dataset->n_short);
    sqlite3_bind_int64(stmt, 17, t->best_epoch);
    sqlite3_bind_int64(stmt, 18,
                       dataset->validation != NULL ? dataset->validation->n_sessions : 0);
    sqlite3_bind_int64(stmt, 19, gru4rec_train_threads(&t->options));
    if (sqlite3_step(stmt) == SQLITE_ROW)
        t->run.summary = sqlite3_mprintf("%s", sqlite3_column_text(stmt, 0));
    if (t->run.summary == NULL)
        rc = ext_fail_db(error, t->db, "writing the summary");
    sqlite3_finalize(stmt);
    return rc;
}

/* Writes everything in one savepoint, but does not release it. */
static int write_version(ext_training *t, ext_error *error)
{
    int rc = t->is_found ? SQLITE_OK : make_model(t, error);
    if (rc == SQLITE_OK)
        rc = ext_runs_sweep(t->db, t->schema, t->name, error);
    if (rc == SQLITE_OK)
        rc = ext_run_finish(t->db, t->schema, t->name, &t->run, &t->training,
                            t->options.keep_optimizer ? GRU4REC_N_OPTIMISER_SLOTS : 0,
                            t->events.items, t->options.keep_versions, error);
    return rc;
}

static bool is_busy(const ext_error *error)
{
    return (error->rc & 0xff) == SQLITE_BUSY;
}

/*
 * After an error: is somebody in the way, and worth waiting for? Then waits a moment, and
 * clears the error. Patience is as long as the training took, a minute at least.
 */
static bool wait_for_others(ext_training *t, double since, ext_error *error)
{
    double now = ext_seconds(), patience = since - t->start;
    if (!t->is_alone || !is_busy(error) || now - since > (patience > 60 ? patience : 60))
        return false;
    sqlite3_sleep(20);
    ext_error_clear(error);
    if (ext_poll_check(&t->poll))
        ext_fail(error, SQLITE_INTERRUPT, "interrupted");
    return error->rc == SQLITE_OK;
}

/* While readers hold the commit up it is tried again, with everything still written. */
static int release_version(ext_training *t, double since, sqlite3_stmt *escape,
                           ext_error *error)
{
    do
        ext_exec(t->db, sqlite3_mprintf("RELEASE gru4rec"), error);
    while (error->rc != SQLITE_OK && wait_for_others(t, since, error));
    if (error->rc != SQLITE_OK)
        undo(t->db, t->is_alone, escape);
    return error->rc;
}

int ext_training_save(ext_training *t, ext_error *error)
{
    sqlite3_int64 rowid = sqlite3_last_insert_rowid(t->db);
    double since = ext_seconds();
    const ext_run before = t->run;
    if (make_summary(t, error) != SQLITE_OK)
        return error->rc;
    sqlite3_stmt *escape = prepare_escape(t->db);
    do {
        if (ext_exec(t->db, sqlite3_mprintf("SAVEPOINT gru4rec"), error) != SQLITE_OK)
            break;
        if (write_version(t, error) == SQLITE_OK) {
            release_version(t, since, escape, error);
            break;
        }
        undo(t->db, t->is_alone, escape);
        unwrite(&t->run, &before);
    } while (wait_for_others(t, since, error));
    sqlite3_finalize(escape);
    sqlite3_set_last_insert_rowid(t->db, rowid);
    return error->rc;
}

/*
 * ext_savepoint.c - what is written as one; see ext_base.h.
 *
 * SQLite may make or release a savepoint and report an interrupt all the same. And while
 * an interrupt is pending it prepares and starts no statement, not even ROLLBACK. So a
 * guard stands by while a savepoint is open: a statement that counts as a writing one, and
 * that waits behind its only row. When it goes on and is interrupted, SQLite rolls
 * everything back, as it does for every writing statement. No savepoint can be made or
 * released beside a writing statement: then the next guard is prepared, but not started.
 *
 * In autocommit the savepoint opens a transaction, which is then ours.
 */
#include "ext_base.h"

#include <string.h>

#define NAME "\"gru4rec writes\"" /* nobody else takes it */

/* It reads nothing of the database, and changes nothing. */
static const char guard_text[] = "PRAGMA main.journal_mode";

/* ---- keeping and taking back ---- */

static bool is_over(const ext_savepoint *savepoint)
{
    return sqlite3_get_autocommit(savepoint->db) != 0;
}

/* SQLITE_IGNORE of an authorizer makes a statement that does nothing. */
static int fail_ignored(ext_error *error)
{
    return ext_error_set(error, SQLITE_AUTH,
                         "not authorized to open and release a savepoint, and to run "
                         "PRAGMA journal_mode");
}

/*
 * Is that SAVEPOINT or RELEASE none that does nothing? Beside the guard, which stands at
 * its row, SQLite refuses what is real. In autocommit the state tells, and the host's log
 * stays empty.
 */
static int check_real(const ext_savepoint *savepoint, sqlite3_stmt *stmt,
                      ext_error *error)
{
    if (savepoint->is_alone)
        return SQLITE_OK;
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_DONE)
        fail_ignored(error);
    else if (rc != SQLITE_BUSY)
        ext_error_db(error, savepoint->db, NULL);
    sqlite3_reset(stmt);
    return error->rc;
}

/* Behind an interrupt of a RELEASE: is the savepoint gone? If it is, it was released: the
 * interrupt came too late. */
static bool is_released(const ext_savepoint *savepoint, sqlite3_stmt *stmt)
{
    if (is_over(savepoint)) /* only the commit of our own transaction leads there */
        return savepoint->is_alone;
    if (sqlite3_step(savepoint->guard) != SQLITE_ROW)
        return false;
    sqlite3_reset(stmt);
    return sqlite3_step(stmt) == SQLITE_ERROR; /* no such savepoint */
}

/* Ends the savepoint, and lets the next guard stand by where that fails. */
static int step_release(ext_savepoint *savepoint, sqlite3_stmt *stmt, ext_error *error)
{
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_DONE && (!savepoint->is_alone || is_over(savepoint)))
        return SQLITE_OK;
    if (rc == SQLITE_DONE)
        fail_ignored(error);
    else
        ext_error_db(error, savepoint->db, NULL);
    if (ext_error_is(error, SQLITE_INTERRUPT)) {
        if (is_released(savepoint, stmt))
            ext_error_clear(error);
    } else if (!is_over(savepoint)) {
        sqlite3_step(savepoint->guard);
    }
    return error->rc;
}

/* Prepares what ends the savepoint, and the next guard, then ends it. */
static int release(ext_savepoint *savepoint, ext_error *error)
{
    sqlite3_stmt *stmt, *guard = NULL;
    int rc = ext_sql_prepare(savepoint->db, &stmt, error, "RELEASE " NAME);
    if (rc == SQLITE_OK)
        rc = ext_sql_prepare(savepoint->db, &guard, error, "%s", guard_text);
    if (rc == SQLITE_OK)
        rc = check_real(savepoint, stmt, error);
    if (rc == SQLITE_OK) {
        sqlite3_finalize(savepoint->guard);
        savepoint->guard = guard;
        rc = step_release(savepoint, stmt, error);
    } else {
        sqlite3_finalize(guard);
    }
    sqlite3_finalize(stmt);
    return rc;
}

/* Takes back what was written in the user's transaction. True: no savepoint is left. */
static bool take_back(ext_savepoint *savepoint)
{
    ext_error ignored = {0};
    int rc = ext_sql_run(savepoint->db, &ignored, "ROLLBACK TO " NAME);
    const bool is_missing =
        ignored.message != NULL && strstr(ignored.message, "no such savepoint") != NULL;
    if (rc == SQLITE_OK)
        rc = release(savepoint, &ignored);
    ext_error_clear(&ignored);
    return rc == SQLITE_OK || is_missing;
}

static bool roll_back(const ext_savepoint *savepoint)
{
    ext_error ignored = {0};
    ext_sql_run(savepoint->db, &ignored, "ROLLBACK");
    ext_error_clear(&ignored);
    return is_over(savepoint);
}

static void finish(ext_savepoint *savepoint, bool is_committed)
{
    sqlite3_finalize(savepoint->guard);
    savepoint->guard = NULL;
    if (savepoint->on_end != NULL)
        savepoint->on_end(savepoint, is_committed);
    savepoint->on_end = NULL;
}

void ext_savepoint_undo(ext_savepoint *savepoint)
{
    if (!is_over(savepoint) &&
        !(savepoint->is_alone ? roll_back(savepoint) : take_back(savepoint)) &&
        !is_over(savepoint)) {
        sqlite3_interrupt(savepoint->db); /* the call fails, but leaves nothing behind */
        sqlite3_step(savepoint->guard);
    }
    finish(savepoint, false);
}

/* ---- from start to end ---- */

/* Steps a guard to its row, once: SQLite prepares it anew for a second time. */
static int stand_by(sqlite3_stmt *guard, ext_error *error)
{
    const int rc = sqlite3_step(guard);
    return rc == SQLITE_ROW    ? SQLITE_OK
           : rc == SQLITE_DONE ? fail_ignored(error)
                               : ext_error_db(error, sqlite3_db_handle(guard), NULL);
}

/* In the user's transaction: will that SAVEPOINT make one? Beside a guard of its own. */
static int check_ahead(const ext_savepoint *savepoint, sqlite3_stmt *stmt,
                       ext_error *error)
{
    sqlite3_stmt *guard;
    if (savepoint->is_alone ||
        ext_sql_prepare(savepoint->db, &guard, error, "%s", guard_text) != SQLITE_OK)
        return error->rc;
    if (stand_by(guard, error) == SQLITE_OK)
        check_real(savepoint, stmt, error);
    sqlite3_finalize(guard);
    return error->rc;
}

static int make(ext_savepoint *savepoint, sqlite3_stmt *stmt, ext_error *error)
{
    if (check_ahead(savepoint, stmt, error) != SQLITE_OK)
        return error->rc;
    if (sqlite3_step(stmt) != SQLITE_DONE)
        return ext_error_db(error, savepoint->db, NULL);
    if (savepoint->is_alone && is_over(savepoint))
        return fail_ignored(error);
    return stand_by(savepoint->guard, error);
}

int ext_savepoint_start(ext_savepoint *savepoint, sqlite3 *db, ext_error *error)
{
    sqlite3_stmt *stmt;
    *savepoint = (ext_savepoint){.db = db, .is_alone = sqlite3_get_autocommit(db)};
    int rc = ext_sql_prepare(db, &stmt, error, "SAVEPOINT " NAME);
    if (rc == SQLITE_OK)
        rc = ext_sql_prepare(db, &savepoint->guard, error, "%s", guard_text);
    if (rc == SQLITE_OK && make(savepoint, stmt, error) != SQLITE_OK) {
        rc = error->rc;
        ext_savepoint_undo(savepoint); /* it may have been made */
    }
    sqlite3_finalize(stmt);
    return rc;
}

int ext_savepoint_lock(const ext_savepoint *savepoint, const char *schema,
                       ext_error *error)
{
    /* It moves a page at most, and that only where auto_vacuum would. */
    int rc =
        ext_sql_run(savepoint->db, error, "PRAGMA \"%w\".incremental_vacuum(1)", schema);
    return rc == SQLITE_OK /* the schema is read anew only by what uses it */
               ? ext_sql_run(savepoint->db, error,
                             "SELECT 1 FROM \"%w\".sqlite_schema LIMIT 1", schema)
               : rc;
}

int ext_savepoint_release(ext_savepoint *savepoint, ext_error *error)
{
    int rc = release(savepoint, error);
    if (rc == SQLITE_OK)
        finish(savepoint, savepoint->is_alone);
    return rc;
}

int ext_savepoint_end(ext_savepoint *savepoint, int rc, ext_error *error)
{
    if (rc == SQLITE_OK)
        rc = ext_savepoint_release(savepoint, error);
    if (rc != SQLITE_OK)
        ext_savepoint_undo(savepoint);
    return error->rc;
}

int ext_savepoint_check_writable(sqlite3 *db, const char *schema, const char *verb,
                                 ext_error *error)
{
    return sqlite3_db_readonly(db, schema) == 1 ||
                   ext_sql_probe(db, "PRAGMA query_only") != 0
               ? ext_error_set(error, SQLITE_READONLY,
                               "the database is read-only here; %s on a connection that "
                               "can write",
                               verb)
               : SQLITE_OK;
}

int ext_savepoint_lock_ahead(sqlite3 *db, const char *schema, ext_error *error)
{
    ext_savepoint savepoint;
    if (sqlite3_get_autocommit(db) ||
        ext_savepoint_start(&savepoint, db, error) != SQLITE_OK)
        return error->rc;
    return ext_savepoint_end(&savepoint, ext_savepoint_lock(&savepoint, schema, error),
                             error);
}

bool ext_savepoint_may_retry(sqlite3 *db, double since, ext_error *error)
{
    const bool is_shared = error->rc == SQLITE_LOCKED_SHAREDCACHE ||
                           (error->rc == SQLITE_LOCKED && error->message != NULL &&
                            strstr(error->message, "schema is locked") != NULL);
    if (!is_shared || !sqlite3_get_autocommit(db) ||
        (ext_poll_seconds() - since) * 1000 >=
            (double)ext_sql_probe(db, "PRAGMA busy_timeout"))
        return false;
    sqlite3_sleep(20);
    ext_error_clear(error);
    return true;
}

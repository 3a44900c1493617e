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

/* ---- taking back ---- */

static bool is_over(const ext_savepoint *savepoint)
{
    return sqlite3_get_autocommit(savepoint->db) != 0;
}

/* SQLITE_IGNORE of an authorizer makes a statement that does nothing. */
static int fail_ignored(ext_error *error)
{
    return ext_error_set(error, SQLITE_AUTH, "not authorized to open a savepoint");
}

/* Prepares what ends the savepoint, and the next guard, then ends it. *is_made: it was
 * released, whatever is said. */
static int release(ext_savepoint *savepoint, bool *is_made, ext_error *error)
{
    sqlite3_stmt *stmt, *guard = NULL;
    *is_made = false;
    int rc = ext_sql_prepare(savepoint->db, &stmt, error, "RELEASE " NAME);
    if (rc == SQLITE_OK)
        rc = ext_sql_prepare(savepoint->db, &guard, error, "%s", guard_text);
    if (rc != SQLITE_OK) {
        sqlite3_finalize(stmt);
        return rc;
    }
    sqlite3_finalize(savepoint->guard);
    savepoint->guard = guard;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_DONE && savepoint->is_alone && !is_over(savepoint)) {
        rc = fail_ignored(error);
        sqlite3_step(savepoint->guard);
    } else if (rc != SQLITE_DONE) {
        ext_error_db(error, savepoint->db, NULL);
        /* Only the commit of our own transaction ends it; an interrupt behind it is late. */
        *is_made = savepoint->is_alone && is_over(savepoint) &&
                   ext_error_is(error, SQLITE_INTERRUPT);
        if (!is_over(savepoint))
            sqlite3_step(savepoint->guard);
    }
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE ? SQLITE_OK : error->rc;
}

/* Takes back what was written in the user's transaction. True: no savepoint is left. */
static bool take_back(ext_savepoint *savepoint)
{
    ext_error ignored = {0};
    bool is_made;
    int rc = ext_sql_run(savepoint->db, &ignored, "ROLLBACK TO " NAME);
    const bool is_missing =
        ignored.message != NULL && strstr(ignored.message, "no such savepoint") != NULL;
    if (rc == SQLITE_OK)
        rc = release(savepoint, &is_made, &ignored);
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

void ext_savepoint_undo(ext_savepoint *savepoint)
{
    if (!is_over(savepoint) &&
        !(savepoint->is_alone ? roll_back(savepoint) : take_back(savepoint)) &&
        !is_over(savepoint)) {
        sqlite3_interrupt(savepoint->db); /* the call fails, but leaves nothing behind */
        sqlite3_step(savepoint->guard);
    }
    sqlite3_finalize(savepoint->guard);
    savepoint->guard = NULL;
}

/* ---- from start to end ---- */

int ext_savepoint_start(ext_savepoint *savepoint, sqlite3 *db, ext_error *error)
{
    sqlite3_stmt *stmt;
    *savepoint = (ext_savepoint){.db = db, .is_alone = sqlite3_get_autocommit(db)};
    int rc = ext_sql_prepare(db, &stmt, error, "SAVEPOINT " NAME);
    if (rc == SQLITE_OK)
        rc = ext_sql_prepare(db, &savepoint->guard, error, "%s", guard_text);
    if (rc == SQLITE_OK) {
        if (sqlite3_step(stmt) != SQLITE_DONE ||
            sqlite3_step(savepoint->guard) != SQLITE_ROW)
            rc = ext_error_db(error, db, NULL);
        else if (savepoint->is_alone && is_over(savepoint))
            rc = fail_ignored(error);
        if (rc != SQLITE_OK) /* it may have been made */
            ext_savepoint_undo(savepoint);
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
    bool is_made;
    int rc = release(savepoint, &is_made, error);
    if (is_made) {
        ext_error_clear(error);
        rc = SQLITE_OK;
    }
    if (rc == SQLITE_OK) {
        sqlite3_finalize(savepoint->guard);
        savepoint->guard = NULL;
    }
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
    const bool is_shared =
        error->rc == SQLITE_LOCKED_SHAREDCACHE ||
        (error->rc == SQLITE_LOCKED && strstr(sqlite3_errmsg(db), "schema is locked"));
    if (!is_shared || !sqlite3_get_autocommit(db) ||
        (ext_poll_seconds() - since) * 1000 >=
            (double)ext_sql_probe(db, "PRAGMA busy_timeout"))
        return false;
    sqlite3_sleep(20);
    ext_error_clear(error);
    return true;
}

/*
 * ext_savepoint.c - writes that are kept or undone as one; see ext_base.h.
 *
 * Interrupts make savepoints difficult for two reasons. SQLite may open or release a
 * savepoint and still report an interrupt. And while an interrupt is pending, SQLite
 * prepares and starts no statement, not even ROLLBACK.
 *
 * Therefore a guard exists while a savepoint is open. The guard is a statement that
 * SQLite counts as a writing one, and that has been stepped to its only row. If the guard
 * is stepped on and is interrupted, SQLite rolls back the whole transaction, as it does
 * for every writing statement.
 *
 * While a guard is at its row, SQLite opens and releases no savepoint. So before the
 * release the next guard is prepared, but not yet stepped, and the old one is finalized.
 *
 * In autocommit the savepoint opens a transaction, which then belongs to the extension.
 */
#include "ext_base.h"

#include <string.h>

#define NAME "\"gru4rec writes\"" /* a name that no user chooses */

/*
 * The SQL of the guard of a savepoint: a statement that SQLite counts as a writing one,
 * but that reads nothing from the database and changes nothing.
 */
static const char guard_text[] = "PRAGMA main.journal_mode";

/* ---- release and undo ---- */

/*
 * Tells whether the connection is in autocommit: the transaction that the savepoint is in
 * has ended.
 */
static bool is_over(const ext_savepoint *savepoint)
{
    return sqlite3_get_autocommit(savepoint->db) != 0;
}

/*
 * Sets the error, SQLITE_AUTH, for a SAVEPOINT, a RELEASE or a guard that did nothing,
 * because an authorizer answered SQLITE_IGNORE. Returns the code that the error has now.
 */
static int fail_ignored(ext_error *error)
{
    return ext_error_set(
        error, SQLITE_AUTH,
        "not authorized to open and release a savepoint, and to run "
        "PRAGMA journal_mode; let the authorizer of the host allow both");
}

/*
 * Checks that stmt, a SAVEPOINT or RELEASE, will do something when the caller runs it. It
 * does nothing if an authorizer answered SQLITE_IGNORE; the error is then SQLITE_AUTH.
 * This function steps stmt and resets it, while a guard stands at its row: so SQLite
 * refuses stmt with SQLITE_BUSY if it does something, and gives SQLITE_DONE if it does
 * nothing. Any other result is SQLite's error.
 * In autocommit nothing is checked and stmt is not stepped, because the state of the
 * transaction shows afterwards whether stmt did something; so the host's error log stays
 * free of the SQLITE_BUSY.
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

/*
 * Tells, after an interrupt of stmt, a RELEASE, whether the savepoint was released all
 * the same, because the interrupt came too late. If the transaction is over, it was
 * released only if the transaction was the savepoint's own, by its commit. If the
 * transaction still exists, the guard is stepped to its row, and then stmt again: SQLite
 * now refuses stmt with SQLITE_ERROR if there is no such savepoint, and with SQLITE_BUSY
 * if there is. Returns false if the guard cannot be stepped.
 */
static bool is_released(const ext_savepoint *savepoint, sqlite3_stmt *stmt)
{
    if (is_over(savepoint)) /* only its commit ends an own transaction here */
        return savepoint->is_alone;
    if (sqlite3_step(savepoint->guard) != SQLITE_ROW)
        return false;
    sqlite3_reset(stmt);
    return sqlite3_step(stmt) == SQLITE_ERROR; /* there is no such savepoint any more */
}

/*
 * Steps stmt, the RELEASE of the savepoint. If that fails, but the transaction still
 * exists, steps the next guard (savepoint->guard) to its row. Errors: SQLite's;
 * SQLITE_AUTH if the RELEASE of an own transaction did not end that transaction. An
 * interrupt that came too late, after SQLite released the savepoint, is no error.
 */
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

/*
 * Prepares the RELEASE of the savepoint and the next guard, checks that the RELEASE will
 * do something, replaces the old guard by the next one, and then releases the savepoint.
 * Does not call on_end. After a failure the savepoint still has a guard.
 */
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

/*
 * Undoes, by ROLLBACK TO, what was written since the savepoint in the user's transaction,
 * and then releases the savepoint. Errors are dropped. Returns true if the savepoint does
 * not exist any more, also if it did not exist before.
 */
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

/*
 * Rolls back, by ROLLBACK, the transaction that the savepoint began in autocommit. Errors
 * are dropped. Returns whether the transaction has ended.
 */
static bool roll_back(const ext_savepoint *savepoint)
{
    ext_error ignored = {0};
    ext_sql_run(savepoint->db, &ignored, "ROLLBACK");
    ext_error_clear(&ignored);
    return is_over(savepoint);
}

/*
 * Frees the guard of the savepoint, and restores the last_insert_rowid() of its start.
 * Calls its on_end, with is_committed as is_kept, if there is one; then sets on_end to
 * NULL, so that it is called only once.
 */
static void finish(ext_savepoint *savepoint, bool is_committed)
{
    sqlite3_finalize(savepoint->guard);
    savepoint->guard = NULL;
    sqlite3_set_last_insert_rowid(savepoint->db, savepoint->rowid);
    if (savepoint->on_end != NULL)
        savepoint->on_end(savepoint, is_committed);
    savepoint->on_end = NULL;
}

void ext_savepoint_undo(ext_savepoint *savepoint)
{
    if (!is_over(savepoint) &&
        !(savepoint->is_alone ? roll_back(savepoint) : take_back(savepoint)) &&
        !is_over(savepoint)) {
        /*
         * Neither ROLLBACK nor ROLLBACK TO worked. So the guard is interrupted, and
         * SQLite then rolls back the whole transaction.
         */
        sqlite3_interrupt(savepoint->db);
        sqlite3_step(savepoint->guard);
    }
    finish(savepoint, false);
}

/* ---- from start to end ---- */

/*
 * Steps a new guard to its row. Errors: SQLITE_AUTH if it has no row, because an
 * authorizer answered SQLITE_IGNORE; SQLite's. A guard is used only once, because SQLite
 * would prepare it anew to run it a second time.
 */
static int stand_by(sqlite3_stmt *guard, ext_error *error)
{
    const int rc = sqlite3_step(guard);
    return rc == SQLITE_ROW    ? SQLITE_OK
           : rc == SQLITE_DONE ? fail_ignored(error)
                               : ext_error_db(error, sqlite3_db_handle(guard), NULL);
}

/*
 * Does nothing in autocommit. In a transaction of the user's, checks that stmt, a
 * SAVEPOINT, will do something (check_real()): for that it prepares a guard, steps it to
 * its row, and finalizes it at the end. stmt is reset and can be stepped afterwards.
 */
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

/*
 * Checks that stmt, the SAVEPOINT, will do something, opens the savepoint by it, and
 * steps the savepoint's guard to its row. Error: SQLITE_AUTH if an authorizer makes one
 * of them do nothing; SQLite's. After a failure the savepoint may be open.
 */
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
    *savepoint = (ext_savepoint){.db = db,
                                 .is_alone = sqlite3_get_autocommit(db),
                                 .rowid = sqlite3_last_insert_rowid(db)};
    int rc = ext_sql_prepare(db, &stmt, error, "SAVEPOINT " NAME);
    if (rc == SQLITE_OK)
        rc = ext_sql_prepare(db, &savepoint->guard, error, "%s", guard_text);
    if (rc == SQLITE_OK && make(savepoint, stmt, error) != SQLITE_OK) {
        rc = error->rc;
        ext_savepoint_undo(savepoint); /* the savepoint may be open */
    }
    sqlite3_finalize(stmt);
    return rc;
}

int ext_savepoint_lock(const ext_savepoint *savepoint, const char *schema,
                       ext_error *error)
{
    /*
     * PRAGMA incremental_vacuum takes the write lock. It moves one page at most, and only
     * in a database whose auto_vacuum would move that page too.
     */
    int rc =
        ext_sql_run(savepoint->db, error, "PRAGMA \"%w\".incremental_vacuum(1)", schema);
    /*
     * A SELECT on the schema is run next, because only a statement that uses the schema
     * makes SQLite read a changed schema anew.
     */
    return rc == SQLITE_OK
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
                               "the database is read-only here; "
                               "%s on a connection that can write",
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

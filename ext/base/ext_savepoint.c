/*
 * ext_savepoint.c - what is written as one; see ext_base.h.
 *
 * In autocommit the savepoint opens a transaction, which is then ours; there only ROLLBACK
 * ends one whose commit failed. While an interrupt is pending SQLite prepares and starts
 * no statement, not even ROLLBACK. But a statement that would write and was prepared
 * before is interrupted, and that rolls back: the escape.
 */
#include "ext_base.h"

int ext_savepoint_start(ext_savepoint *savepoint, sqlite3 *db, ext_error *error)
{
    *savepoint = (ext_savepoint){.db = db, .is_alone = sqlite3_get_autocommit(db)};
    sqlite3_prepare_v2(db, "BEGIN IMMEDIATE", -1, &savepoint->escape, NULL);
    int rc = ext_sql_run(db, error, "SAVEPOINT gru4rec");
    if (rc != SQLITE_OK) {
        sqlite3_finalize(savepoint->escape);
        savepoint->escape = NULL;
    }
    return rc;
}

int ext_savepoint_release(ext_savepoint *savepoint, ext_error *error)
{
    int rc = ext_sql_run(savepoint->db, error, "RELEASE gru4rec");
    if (rc == SQLITE_OK) {
        sqlite3_finalize(savepoint->escape);
        savepoint->escape = NULL;
    }
    return rc;
}

void ext_savepoint_undo(ext_savepoint *savepoint)
{
    static const char *const all[] = {"ROLLBACK", NULL};
    static const char *const own[] = {"ROLLBACK TO gru4rec", "RELEASE gru4rec", NULL};
    ext_error ignored = {0};
    for (const char *const *sql = savepoint->is_alone ? all : own; *sql; sql++) {
        ext_sql_run(savepoint->db, &ignored, "%s", *sql);
        ext_error_clear(&ignored);
    }
    if (savepoint->is_alone && !sqlite3_get_autocommit(savepoint->db) &&
        savepoint->escape != NULL)
        sqlite3_step(savepoint->escape);
    sqlite3_finalize(savepoint->escape);
    savepoint->escape = NULL;
}

int ext_savepoint_end(ext_savepoint *savepoint, int rc, ext_error *error)
{
    if (rc == SQLITE_OK)
        rc = ext_savepoint_release(savepoint, error);
    if (rc != SQLITE_OK)
        ext_savepoint_undo(savepoint);
    return rc;
}

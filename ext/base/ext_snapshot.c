/*
 * ext_snapshot.c - statements that read the same state of the database; see ext_base.h.
 *
 * A statement that is at a row keeps SQLite's read transaction open. Without it, if no
 * other statement of the connection is reading (as in SELECT f() without FROM), each
 * statement would have a read transaction of its own, and could see another state of the
 * database.
 */
#include "ext_base.h"

int ext_snapshot_start(ext_snapshot *snapshot, const ext_home *home, ext_error *error)
{
    int rc = ext_query(home, &snapshot->stmt, error,
                       "SELECT 1 FROM @schema.sqlite_schema LIMIT 2", "");
    if (rc == SQLITE_OK && sqlite3_step(snapshot->stmt) != SQLITE_ROW) {
        rc = ext_error_db(error, home->db, "reading the model");
        ext_snapshot_end(snapshot);
    }
    return rc;
}

void ext_snapshot_end(ext_snapshot *snapshot)
{
    sqlite3_finalize(snapshot->stmt);
    snapshot->stmt = NULL;
}

/*
 * ext_snapshot.c - reading of one moment; see ext_base.h.
 *
 * A statement that stands at its row keeps SQLite's read transaction open. Where nothing
 * else does, as in SELECT f() without FROM, every statement would read another one.
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

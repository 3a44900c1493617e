/*
 * ext_version.c - the versions that training runs make; see ext_train.h.
 *
 * At its end a run writes, in one savepoint, its items and tensors, status 'ready', and
 * the pointer to the active version. Versions are numbered in the order of those commits:
 * a run that was overtaken takes a new number.
 */
#include "ext_train.h"

#include <string.h>

static int step_once(sqlite3 *db, sqlite3_stmt *stmt, ext_error *error)
{
    sqlite3_step(stmt);
    if (sqlite3_reset(stmt) != SQLITE_OK)
        return ext_fail_db(error, db, "writing the model");
    return SQLITE_OK;
}

static int insert_items(sqlite3 *db, const char *schema, const char *name,
                        int64_t version, const gru4rec_items *items, ext_error *error)
{
    sqlite3_stmt *stmt;
    const int64_t *support = gru4rec_items_support(items);
    int rc =
        ext_prepare(db,
                    sqlite3_mprintf("INSERT INTO \"%w\".\"%w_item\"(version, row, item, "
                                    "support) VALUES (?1, ?2, ?3, ?4)",
                                    schema, name),
                    &stmt, error);
    sqlite3_bind_int64(stmt, 1, version);
    for (int32_t row = 0; rc == SQLITE_OK && row < gru4rec_items_count(items); row++) {
        gru4rec_id id;
        gru4rec_items_get(items, row, &id);
        sqlite3_bind_int64(stmt, 2, row);
        sqlite3_bind_int64(stmt, 4, support[row]);
        rc = ext_bind_id(stmt, 3, &id) == SQLITE_OK
                 ? step_once(db, stmt, error)
                 : ext_fail_db(error, db, "writing the model");
    }
    sqlite3_finalize(stmt);
    return rc;
}

/* The run's row, with the number that its place among the commits gives it. */
static int number_run(sqlite3 *db, const char *schema, const char *name, ext_run *run,
                      ext_error *error)
{
    sqlite3_stmt *stmt;
    int64_t begun = 0, last_ready = 0, last = 0;
    int rc = ext_prepare(
        db,
        sqlite3_mprintf("SELECT max(iif(run = %Q AND status <> 'ready', version, 0)), "
                        "max(iif(status = 'ready', "
                        "version, 0)), max(version) FROM \"%w\".\"%w_version\"",
                        run->run, schema, name),
        &stmt, error);
    if (rc != SQLITE_OK)
        return rc;
    if (sqlite3_step(stmt) == SQLITE_ROW) {
        begun = sqlite3_column_int64(stmt, 0);
        last_ready = sqlite3_column_int64(stmt, 1);
        last = sqlite3_column_int64(stmt, 2);
    }
    if (sqlite3_reset(stmt) != SQLITE_OK)
        rc = ext_fail_db(error, db, "reading the model");
    sqlite3_finalize(stmt);
    if (rc != SQLITE_OK)
        return rc;
    run->version = begun == 0 ? 0 : begun > last_ready ? begun : last + 1;
    if (run->version == begun && begun != 0)
        return SQLITE_OK;
    run->n_written = 0;
    if (begun == 0)
        return SQLITE_OK;
    rc = ext_exec(db,
                  sqlite3_mprintf("UPDATE \"%w\".\"%w_version\" SET version = %lld WHERE "
                                  "version = %lld",
                                  schema, name, run->version, begun),
                  error);
    for (int i = 0; rc == SQLITE_OK && i < 2; i++)
        rc = ext_exec(db,
                      sqlite3_mprintf("DELETE FROM \"%w\".\"%w_%s\" WHERE version = %lld",
                                      schema, name, i == 0 ? "epoch" : "tensor", begun),
                      error);
    return rc;
}

int ext_version_updates(sqlite3 *db, const char *schema, const char *name,
                        int64_t version, int64_t *updates, ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_prepare(db,
                         sqlite3_mprintf("SELECT max(updates) FROM \"%w\".\"%w_epoch\" "
                                         "WHERE version = %lld",
                                         schema, name, version),
                         &stmt, error);
    if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
        *updates = sqlite3_column_int64(stmt, 0);
    else if (rc == SQLITE_OK)
        rc = ext_fail_db(error, db, "reading the epochs");
    sqlite3_finalize(stmt);
    return rc;
}

int ext_version_activate(sqlite3 *db, const char *schema, const char *name,
                         int64_t version, ext_error *error)
{
    int rc =
        ext_exec(db,
                 sqlite3_mprintf("REPLACE INTO \"%w\".\"%w_config\"(key, value) SELECT "
                                 "'previous', value FROM \"%w\".\"%w_config\" WHERE key "
                                 "= 'version' AND value <> %lld",
                                 schema, name, schema, name, version),
                 error);
    if (rc != SQLITE_OK)
        return rc;
    return ext_exec(
        db,
        sqlite3_mprintf("REPLACE INTO \"%w\".\"%w_config\"(key, value) VALUES "
                        "('version', %lld)",
                        schema, name, version),
        error);
}

/*
 * What is kept: the active version, the one that served before it, and of the others the
 * newest, keep in all; runs under way; and failed ones newer than the oldest of those,
 * without their checkpoints.
 */
static int forget_old(sqlite3 *db, const char *schema, const char *name, int64_t keep,
                      ext_error *error)
{
    static const char *const tables[] = {"epoch", "item", "tensor", "version"};
    int rc = ext_run_drop_checkpoints(db, schema, name, error);
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof tables / sizeof *tables; i++)
        rc = ext_exec(
            db,
            sqlite3_mprintf(
                "WITH kept AS (SELECT v.version FROM \"%w\".\"%w_version\" AS v LEFT "
                "JOIN \"%w\".\"%w_config\" AS c ON c.key IN ('version', 'previous') AND "
                "c.value = v.version WHERE v.status = 'ready' ORDER BY c.key = 'version' "
                "DESC, c.key = 'previous' DESC, v.version DESC LIMIT %lld) DELETE FROM "
                "\"%w\".\"%w_%s\" WHERE version NOT IN kept AND version NOT IN (SELECT "
                "version FROM \"%w\".\"%w_version\" WHERE status = 'training' OR (status "
                "<> 'ready' AND version > (SELECT min(version) FROM kept)))",
                schema, name, schema, name, keep, schema, name, tables[i], schema, name),
            error);
    return rc;
}

/* Empty for an import. */
static int save_summary(sqlite3 *db, const char *schema, const char *name, ext_run *run,
                        ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_prepare(
        db,
        sqlite3_mprintf(
            "UPDATE \"%w\".\"%w_version\" SET status = 'ready', finished = "
            "strftime('%%Y-%%m-%%d %%H:%%M:%%S', 'now'), summary = json_set(?1, "
            "'$.version', version) WHERE version = ?2 RETURNING summary",
            schema, name),
        &stmt, error);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_bind_text(stmt, 1, run->summary, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(stmt, 2, run->version);
    if (sqlite3_step(stmt) == SQLITE_ROW) {
        sqlite3_free(run->summary);
        run->summary = sqlite3_mprintf("%s", sqlite3_column_text(stmt, 0));
    }
    if (sqlite3_reset(stmt) != SQLITE_OK)
        rc = ext_fail_db(error, db, "writing the model");
    else if (run->summary == NULL)
        rc = ext_fail_nomem(error);
    sqlite3_finalize(stmt);
    return rc;
}

int ext_run_finish(sqlite3 *db, const char *schema, const char *name, ext_run *run,
                   const gru4rec_training *training, int n_states,
                   const gru4rec_items *items, int64_t keep, ext_error *error)
{
    int rc = number_run(db, schema, name, run, error);
    if (rc == SQLITE_OK)
        rc = ext_run_show(db, schema, name, run, error);
    if (rc == SQLITE_OK)
        rc = insert_items(db, schema, name, run->version, items, error);
    if (rc == SQLITE_OK)
        rc = ext_tensors_replace(db, schema, name, run->version, training, n_states,
                                 error);
    if (rc == SQLITE_OK)
        rc = save_summary(db, schema, name, run, error);
    if (rc == SQLITE_OK)
        rc = ext_version_activate(db, schema, name, run->version, error);
    if (rc == SQLITE_OK)
        rc = forget_old(db, schema, name, keep, error);
    return rc;
}

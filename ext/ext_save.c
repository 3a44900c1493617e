/*
 * ext_save.c - a finished training becomes the active version; see ext_int.h.
 *
 * Runs inside the caller's savepoint. The version's number is given here, at commit, so
 * that two trainings at once get two numbers and the later commit is the active one.
 */
#include "ext_int.h"

#include <string.h>

static int insert_version(sqlite3 *db, const char *schema, const char *name,
                          const ext_training *training, int64_t *version,
                          ext_error *error)
{
    sqlite3_stmt *stmt;
    unsigned char random[16];
    char *options = ext_options_json(training->options, true);
    if (options == NULL)
        return ext_fail_nomem(error);
    int rc = ext_prepare(
        db,
        sqlite3_mprintf(
            "INSERT INTO \"%w\".\"%w_version\"(version, run, created, source, "
            "options, summary) SELECT coalesce(max(version), 0) + 1, "
            "lower(hex(?1)), strftime('%%Y-%%m-%%d %%H:%%M:%%S', 'now'), ?2, ?3, "
            "'{}' FROM \"%w\".\"%w_version\" RETURNING version",
            schema, name, schema, name),
        &stmt, error);
    if (rc == SQLITE_OK) {
        sqlite3_randomness(sizeof random, random);
        sqlite3_bind_blob(stmt, 1, random, sizeof random, SQLITE_TRANSIENT);
        sqlite3_bind_text(stmt, 2, training->source, -1, SQLITE_TRANSIENT);
        sqlite3_bind_text(stmt, 3, options, -1, SQLITE_TRANSIENT);
        if (sqlite3_step(stmt) == SQLITE_ROW)
            *version = sqlite3_column_int64(stmt, 0);
        if (sqlite3_reset(stmt) != SQLITE_OK)
            rc = ext_fail_db(error, db, "writing the model");
    }
    sqlite3_finalize(stmt);
    sqlite3_free(options);
    return rc;
}

static int insert_epochs(sqlite3 *db, const char *schema, const char *name,
                         int64_t version, const ext_training *training, ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc =
        ext_prepare(db,
                    sqlite3_mprintf("INSERT INTO \"%w\".\"%w_epoch\"(version, epoch, "
                                    "loss, cost, steps, events, seconds) VALUES (?1, "
                                    "?2, ?3, ?4, ?5, ?6, ?7)",
                                    schema, name),
                    &stmt, error);
    for (size_t i = 0; rc == SQLITE_OK && i < training->n_epochs; i++) {
        const gru4rec_epoch *epoch = &training->epochs[i];
        sqlite3_bind_int64(stmt, 1, version);
        sqlite3_bind_int64(stmt, 2, epoch->epoch);
        sqlite3_bind_double(stmt, 3, epoch->loss);
        sqlite3_bind_double(stmt, 4, epoch->cost);
        sqlite3_bind_int64(stmt, 5, epoch->steps);
        sqlite3_bind_int64(stmt, 6, epoch->events);
        sqlite3_bind_double(stmt, 7, training->epoch_seconds[i]);
        sqlite3_step(stmt);
        if (sqlite3_reset(stmt) != SQLITE_OK)
            rc = ext_fail_db(error, db, "writing the model");
    }
    sqlite3_finalize(stmt);
    return rc;
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
        ext_bind_id(stmt, 3, &id);
        sqlite3_bind_int64(stmt, 4, support[row]);
        sqlite3_step(stmt);
        if (sqlite3_reset(stmt) != SQLITE_OK)
            rc = ext_fail_db(error, db, "writing the model");
    }
    sqlite3_finalize(stmt);
    return rc;
}

static int activate(sqlite3 *db, const char *schema, const char *name, int64_t version,
                    ext_error *error)
{
    return ext_exec(
        db,
        sqlite3_mprintf("REPLACE INTO \"%w\".\"%w_config\"(key, value) VALUES "
                        "('version', %lld)",
                        schema, name, (long long)version),
        error);
}

/* Only the last keep versions stay. */
static int forget_old(sqlite3 *db, const char *schema, const char *name, int64_t keep,
                      ext_error *error)
{
    static const char *const tables[] = {"epoch", "item", "tensor", "version"};
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof tables / sizeof *tables; i++)
        rc = ext_exec(
            db,
            sqlite3_mprintf("DELETE FROM \"%w\".\"%w_%s\" WHERE version NOT IN "
                            "(SELECT version FROM \"%w\".\"%w_version\" ORDER BY "
                            "version DESC LIMIT %lld)",
                            schema, name, tables[i], schema, name, (long long)keep),
            error);
    return rc;
}

int ext_store_save(sqlite3 *db, const char *schema, const char *name,
                   const ext_training *training, int64_t *version, ext_error *error)
{
    int rc = insert_version(db, schema, name, training, version, error);
    if (rc == SQLITE_OK)
        rc = insert_epochs(db, schema, name, *version, training, error);
    if (rc == SQLITE_OK)
        rc = insert_items(db, schema, name, *version, training->events->items, error);
    if (rc == SQLITE_OK)
        rc = ext_tensors_save(db, schema, name, *version, training->model, error);
    if (rc == SQLITE_OK)
        rc = activate(db, schema, name, *version, error);
    if (rc == SQLITE_OK)
        rc = forget_old(db, schema, name, training->options->keep_versions, error);
    return rc;
}

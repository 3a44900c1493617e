/*
 * ext_check.c - checks a model, for gru4rec_check(model) and PRAGMA integrity_check.
 *
 * The contracts are in ext_cache.h.
 */
#include "ext_cache.h"

/*
 * Reads the version's fingerprints of sessions, only to see whether that works, and frees
 * them again. Errors: those of ext_fingerprints_read().
 */
static int check_fingerprints(const ext_home *home, int64_t version, ext_error *error)
{
    ext_budget budget;
    ext_fingerprints fingerprints;
    ext_budget_start(&budget, 0);
    int rc = ext_fingerprints_read(&fingerprints, &budget, home, version, error);
    ext_fingerprints_free(&fingerprints);
    return rc;
}

/*
 * Loads a version, with the optimiser's slots (what a training keeps beside the weights)
 * that it stores, and then its fingerprints, only to see whether that works. Stops at the
 * first failure. All memory is freed again.
 */
static int check_version(const ext_home *home, int64_t version, ext_error *error)
{
    ext_loaded loaded = {0};
    int rc = ext_load_version(&loaded, home, version, false, error);
    for (int i = 0; rc == SQLITE_OK && i < GRU4REC_N_SLOTS; i++) {
        const char *slot = gru4rec_training_slot_name((gru4rec_slot)i);
        bool is_kept;
        rc = ext_tensor_find(&is_kept, home, version, slot, error);
        if (rc == SQLITE_OK && is_kept)
            rc = ext_tensor_load(loaded.model, NULL, home, version, slot, error);
    }
    ext_load_free(&loaded);
    return rc == SQLITE_OK ? check_fingerprints(home, version, error) : rc;
}

/* A column of a shadow table. table is the part of the table's name behind "m_". */
typedef struct column {
    const char *table, *name;
} column;

/*
 * The columns of the shadow tables m_config, m_version, m_item and m_tensor that are read
 * when a version is loaded.
 */
static const column needed[] = {
    {"config", "key"},   {"config", "value"},    {"version", "version"},
    {"version", "run"},  {"version", "status"},  {"version", "options"},
    {"item", "version"}, {"item", "row"},        {"item", "item"},
    {"item", "support"}, {"tensor", "version"},  {"tensor", "name"},
    {"tensor", "chunk"}, {"tensor", "checksum"}, {"tensor", "data"},
};
/* The columns of m_blend, which are read too when a version that blends is loaded. */
static const column needed_to_blend[] = {
    {"blend", "version"},
    {"blend", "chunk"},
    {"blend", "checksum"},
    {"blend", "data"},
};

/*
 * Checks that the shadow tables of the model have the n columns; stops at the first one
 * that is missing. SQLITE_CORRUPT_VTAB: a column, or a whole table, is missing; the
 * message names it. Other errors: SQLite's.
 */
static int check_columns(const ext_home *home, const column *columns, size_t n,
                         ext_error *error)
{
    for (size_t i = 0; i < n; i++) {
        char *table = sqlite3_mprintf("%s_%s", home->name, columns[i].table);
        if (table == NULL)
            return ext_error_nomem(error);
        const int rc =
            sqlite3_table_column_metadata(home->db, home->schema, table, columns[i].name,
                                          NULL, NULL, NULL, NULL, NULL);
        sqlite3_free(table);
        if (rc == SQLITE_ERROR)
            return ext_error_set(error, SQLITE_CORRUPT_VTAB,
                                 "model '%s' is damaged: it has no table %s_%s with a "
                                 "column %s; restore the database from a backup or train "
                                 "again",
                                 home->name, home->name, columns[i].table,
                                 columns[i].name);
        if (rc != SQLITE_OK)
            return ext_error_db(error, home->db, "reading the schema");
    }
    return SQLITE_OK;
}

/*
 * Checks that the shadow tables have all columns of the array needed, and, if the model
 * has made a table m_blend, those of needed_to_blend. SQLITE_CORRUPT_VTAB: a column, or a
 * whole table, is missing. The caller checks this before any statement reads the columns.
 * If SQLite then refuses a statement, the reason must be another one, for example an
 * authorizer or a limit.
 */
static int check_all_columns(const ext_home *home, ext_error *error)
{
    bool has_blend;
    int rc = check_columns(home, needed, sizeof needed / sizeof *needed, error);
    if (rc == SQLITE_OK)
        rc = ext_shadow_has(home, "blend", &has_blend, error);
    return rc == SQLITE_OK && has_blend
               ? check_columns(home, needed_to_blend,
                               sizeof needed_to_blend / sizeof *needed_to_blend, error)
               : rc;
}

/*
 * Checks the version whose number and run name the current row of stmt has: first that
 * the run name is valid, then that the version can be loaded. SQLITE_CORRUPT_VTAB: the
 * run name is not valid. Other errors: those of check_version(). If the run name is NULL,
 * the row of the version is missing; check_version() reports that.
 */
static int check_row(const ext_home *home, sqlite3_stmt *stmt, ext_error *error)
{
    const int64_t version = sqlite3_column_int64(stmt, 0);
    if (sqlite3_column_type(stmt, 1) != SQLITE_NULL &&
        !ext_alive_is_name((const char *)sqlite3_column_text(stmt, 1)))
        return ext_version_fail_run(home, error);
    return check_version(home, version, error);
}

int ext_check_model(const ext_home *home, ext_error *error)
{
    sqlite3_stmt *stmt = NULL;
    ext_snapshot snapshot = {0};
    ext_config config = {0};
    int rc = ext_snapshot_start(&snapshot, home, error);
    if (rc == SQLITE_OK)
        rc = ext_shadow_check(home, error);
    if (rc == SQLITE_OK)
        rc = check_all_columns(home, error);
    if (rc == SQLITE_OK)
        rc = ext_shadow_check_names(home, error);
    if (rc == SQLITE_OK)
        rc = ext_config_read(&config, home, error);
    ext_config_free(&config);
    if (rc == SQLITE_OK)
        rc = ext_forget_check(home, error);
    if (rc == SQLITE_OK)
        rc = ext_query(home, &stmt, error,
                       "SELECT version, coalesce(run, '') FROM @version "
                       "WHERE status IN ('ready', 'prepared') UNION "
                       "SELECT c.value, v.run FROM @config AS c "
                       "LEFT JOIN @version AS v ON v.version = c.value "
                       "WHERE c.key = 'version'",
                       "");
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = check_row(home, stmt, error);
    rc = ext_sql_finish(stmt, rc, "reading the model", error);
    ext_snapshot_end(&snapshot);
    return rc;
}

bool ext_check_is_finding(const ext_error *error)
{
    if (ext_error_is(error, SQLITE_ERROR))
        return !error->is_sqlite && !error->is_limit;
    return ext_error_is(error, SQLITE_CORRUPT) || ext_error_is(error, SQLITE_NOTADB);
}

/*
 * The SQL function gru4rec_check(model): returns 'ok', or, as a text that begins with
 * "gru4rec: ", the message that says what is damaged. If the model does not exist or
 * cannot be checked, the call fails with an SQL error. It also fails so if a shadow table
 * is not an ordinary table, although that is damage: ext_schema_get() refuses such a
 * model before it is checked.
 */
static void check(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_connection *connection = ext_connection_of(context);
    ext_error error = {0};
    ext_home home;
    (void)argc;
    const bool is_found = ext_schema_get(&home, connection->db, connection, argv[0],
                                         false, NULL, &error) == SQLITE_OK;
    if (is_found && ext_check_model(&home, &error) == SQLITE_OK) {
        sqlite3_result_text(context, "ok", -1, SQLITE_STATIC);
    } else if (is_found && ext_check_is_finding(&error)) {
        char *finding = NULL;
        ext_error_text(&error, &finding);
        if (finding != NULL)
            sqlite3_result_text(context, finding, -1, sqlite3_free);
        else
            sqlite3_result_error_nomem(context);
    }
    ext_error_result(&error, context);
    ext_home_clear(&home);
}

/*
 * The functions to register for gru4rec_check(model). The last entry has the name NULL.
 */
const ext_function ext_check_functions[] = {
    {"gru4rec_check", 1, 0, check, NULL},
    {NULL, 0, 0, NULL, NULL},
};

/* ext_check.c - gru4rec_check(model), and PRAGMA integrity_check; see ext_cache.h. */
#include "ext_cache.h"

/* Loads a version, and what training kept beside it, only to see whether that works. */
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
    return rc;
}

int ext_check_model(const ext_home *home, ext_error *error)
{
    sqlite3_stmt *stmt = NULL;
    ext_config config;
    int rc = ext_config_read(&config, home, error);
    ext_config_free(&config);
    if (rc == SQLITE_OK)
        rc = ext_query(home, &stmt, error,
                       "SELECT version FROM @version WHERE status = 'ready' UNION "
                       "SELECT value FROM @config WHERE key = 'version'",
                       "");
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = check_version(home, sqlite3_column_int64(stmt, 0), error);
    return ext_sql_finish(stmt, rc, "reading the model", error);
}

/* Does the error say something about the model? */
static bool is_finding(const ext_error *error)
{
    return !error->is_limit && !ext_error_is(error, SQLITE_NOMEM) &&
           !ext_error_is(error, SQLITE_INTERRUPT) && !ext_error_is(error, SQLITE_BUSY);
}

/* 'ok', or what is wrong with what is stored. */
static void check(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_connection *connection = sqlite3_user_data(context);
    ext_error error = {0};
    ext_home home;
    (void)argc;
    const bool is_found = ext_schema_get(&home, connection->db, connection, argv[0], NULL,
                                         &error) == SQLITE_OK;
    if (is_found && ext_check_model(&home, &error) == SQLITE_OK) {
        sqlite3_result_text(context, "ok", -1, SQLITE_STATIC);
    } else if (is_found && is_finding(&error)) {
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

const ext_function ext_check_functions[] = {
    {"gru4rec_check", 1, 0, check, NULL},
    {NULL, 0, 0, NULL, NULL},
};

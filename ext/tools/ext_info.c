/*
 * ext_info.c - gru4rec_version(), gru4rec_info([model]); see ext_int.h.
 *
 * Without an argument: the build, and the table of options, from which the reference in
 * the README is made. With a model: its card.
 */
#include "../store/ext_train.h"

static void version(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    (void)argc;
    (void)argv;
    sqlite3_result_text(context, GRU4REC_VERSION, -1, SQLITE_STATIC);
}

/* Runs a statement whose one value is the result; takes the statement. */
static void result_of(sqlite3_stmt *stmt, sqlite3_context *context, ext_error *error)
{
    if (sqlite3_step(stmt) == SQLITE_ROW)
        sqlite3_result_value(context, sqlite3_column_value(stmt, 0));
    else
        ext_fail_db(error, sqlite3_db_handle(stmt), "writing JSON");
    sqlite3_finalize(stmt);
}

static const char *type_name(gru4rec_option_type type)
{
    switch (type) {
    case GRU4REC_OPTION_INTEGER:
        return "integer";
    case GRU4REC_OPTION_REAL:
        return "number";
    case GRU4REC_OPTION_BOOLEAN:
        return "boolean";
    case GRU4REC_OPTION_LIST:
        return "list";
    default:
        return "text";
    }
}

/* A JSON array with an object for each option; NULL: no memory. */
static char *options_json(void)
{
    sqlite3_str *json = sqlite3_str_new(NULL);
    sqlite3_str_appendchar(json, 1, '[');
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_info info;
        gru4rec_option_describe(i, &info);
        /* The texts are the table's own and hold nothing to escape. */
        sqlite3_str_appendf(
            json,
            "%s{\"name\":\"%s\",\"of\":\"%s\",\"type\":\"%s\",\"default\":"
            "\"%s\",\"range\":\"%s\",\"help\":\"%s\"}",
            i > 0 ? "," : "", info.name,
            info.scope == GRU4REC_SCOPE_TRAIN ? "train" : "evaluate",
            type_name(info.type), info.default_text, info.range, info.help);
    }
    sqlite3_str_appendchar(json, 1, ']');
    return sqlite3_str_finish(json);
}

static void build_info(sqlite3_context *context, sqlite3 *db, ext_error *error)
{
    sqlite3_stmt *stmt;
    gru4rec_build build;
    char *options = options_json();
    if (options == NULL) {
        ext_fail_nomem(error);
        return;
    }
    gru4rec_build_facts(&build);
    if (ext_prepare(db,
                    sqlite3_mprintf(
                        "SELECT json_object('version', ?1, 'sqlite', "
                        "sqlite_version(), 'simd', ?2, 'blas', ?3, 'blas_core', "
                        "?4, 'blas_threading', ?5, 'options', json(?6))"),
                    &stmt, error) == SQLITE_OK) {
        sqlite3_bind_text(stmt, 1, GRU4REC_VERSION, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 2, build.simd, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 3, build.blas, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 4, build.blas_core, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 5, build.blas_threading, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 6, options, -1, SQLITE_STATIC);
        result_of(stmt, context, error);
    }
    sqlite3_free(options);
}

static const char card[] =
    "WITH config AS (SELECT key, value FROM \"%w\".\"%w_config\"),"
    " active AS (SELECT * FROM \"%w\".\"%w_version\" WHERE version ="
    "  (SELECT value FROM config WHERE key = 'version'))"
    " SELECT json_object('model', %Q, 'schema', %Q,"
    " 'source', (SELECT value FROM config WHERE key = 'source'),"
    " 'columns', json_object("
    "  'session', (SELECT value FROM config WHERE key = 'session'),"
    "  'item', (SELECT value FROM config WHERE key = 'item'),"
    "  'time', (SELECT value FROM config WHERE key = 'time')),"
    " 'version', a.version, 'run', a.run, 'finished', a.finished, 'trained_on', a.source,"
    " 'options', json(coalesce(a.options,"
    "  (SELECT value FROM config WHERE key = 'options'))),"
    " 'summary', json(a.summary), 'memory_bytes', ?1, 'quantized', json(?2),"
    " 'advice', ?3,"
    " 'versions', json((SELECT json_group_array(json_object('version', version, 'status',"
    "  CASE WHEN version IN (%s) THEN 'interrupted' WHEN version IN (%s) THEN 'killed'"
    "  ELSE status END, 'finished', finished, 'message', message))"
    "  FROM \"%w\".\"%w_version\")))"
    " FROM (SELECT 1) LEFT JOIN active AS a";

/*
 * What would make queries on sessions fast, or NULL; of sqlite3_malloc. A source that
 * cannot be read now gets no advice.
 */
static char *advise(sqlite3 *db, const char *schema, const char *name,
                    const ext_config *config)
{
    ext_columns none = {0};
    ext_source source = {0};
    ext_error ignored = {0};
    bool is_scanned = false;
    char *advice = NULL;
    if (config->source == NULL)
        return NULL;
    if (ext_store_source(db, schema, name, config, NULL, &none, &source, &ignored) ==
        SQLITE_OK)
        ext_source_is_scanned(db, &source, &is_scanned, &ignored);
    /* Of a view it says that there is no such table. */
    bool is_table =
        is_scanned &&
        sqlite3_table_column_metadata(db, schema, config->source, source.columns.session,
                                      NULL, NULL, NULL, NULL, NULL) == SQLITE_OK;
    if (is_table)
        advice = sqlite3_mprintf("for queries on single sessions: CREATE INDEX "
                                 "\"%w\".\"%w_session\" ON \"%w\"(\"%w\", \"%w\")",
                                 schema, config->source, config->source,
                                 source.columns.session, source.columns.time);
    else if (is_scanned)
        advice = sqlite3_mprintf("for queries on single sessions: an index on the column "
                                 "that '%s' of the source stands for",
                                 source.columns.session);
    ext_source_close(&source);
    ext_error_clear(&ignored);
    return advice;
}

/* Fills in the parameters of the card. */
static int bind_card(sqlite3_stmt *stmt, ext_connection *connection, const char *schema,
                     const char *name, const ext_config *config)
{
    ext_error untrained = {0};
    size_t bytes = 0;
    bool is_quantized = false;
    ext_model_memory(connection, schema, name, &bytes, &is_quantized, &untrained);
    ext_error_clear(&untrained);
    if (bytes > 0) {
        sqlite3_bind_int64(stmt, 1, (sqlite3_int64)bytes);
        sqlite3_bind_text(stmt, 2, is_quantized ? "true" : "false", -1, SQLITE_STATIC);
    }
    return sqlite3_bind_text(stmt, 3, advise(connection->db, schema, name, config), -1,
                             sqlite3_free);
}

/* An untrained model has a card too, without what only training gives. */
static void model_info(sqlite3_context *context, ext_connection *connection,
                       const char *schema, const char *name, ext_error *error)
{
    sqlite3 *db = connection->db;
    sqlite3_stmt *stmt;
    ext_config config;
    char *interrupted = NULL, *killed = NULL;
    if (ext_store_config(db, schema, name, &config, error) == SQLITE_OK &&
        ext_runs_gone(db, schema, name, "interrupted", &interrupted, error) ==
            SQLITE_OK &&
        ext_runs_gone(db, schema, name, "killed", &killed, error) == SQLITE_OK &&
        ext_prepare(db,
                    sqlite3_mprintf(card, schema, name, schema, name, name, schema,
                                    interrupted != NULL ? interrupted : "",
                                    killed != NULL ? killed : "", schema, name),
                    &stmt, error) == SQLITE_OK) {
        bind_card(stmt, connection, schema, name, &config);
        result_of(stmt, context, error);
    }
    ext_config_free(&config);
    sqlite3_free(interrupted);
    sqlite3_free(killed);
}

static void info(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_connection *connection = sqlite3_user_data(context);
    ext_error error = {0};
    const char *text = argc > 0 ? (const char *)sqlite3_value_text(argv[0]) : NULL;
    char *schema = NULL, *name = NULL;
    bool is_found = false;
    if (argc == 0) {
        build_info(context, connection->db, &error);
    } else if (text == NULL) {
        ext_fail(&error, SQLITE_ERROR,
                 "the model's name is NULL; give that of a gru4rec table");
    } else if (ext_store_find(connection->db, text, &schema, &name, &is_found, &error) ==
               SQLITE_OK) {
        if (is_found)
            model_info(context, connection, schema, name, &error);
        else
            ext_fail(
                &error, SQLITE_ERROR,
                "no model '%s'; make one with CREATE VIRTUAL TABLE ... USING gru4rec",
                text);
    }
    sqlite3_free(schema);
    sqlite3_free(name);
    ext_error_result(&error, context);
}

int ext_register_info(ext_connection *connection, ext_error *error)
{
    int rc =
        ext_register_function(connection, "gru4rec_version", 0,
                              SQLITE_INNOCUOUS | SQLITE_DETERMINISTIC, version, error);
    for (int n = 0; n <= 1 && rc == SQLITE_OK; n++)
        rc = ext_register_function(connection, "gru4rec_info", n, 0, info, error);
    return rc;
}

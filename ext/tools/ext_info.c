/*
 * ext_info.c - gru4rec_version(), and gru4rec_info([model]), which gives facts as JSON;
 * see ext_tools.h.
 *
 * Without an argument, gru4rec_info() gives facts about the build, and the table of
 * options, from which `make docs` makes docs/options.md. With a model, it
 * gives the model's card: its configuration, its active version, and its other versions.
 */
#include "ext_tools.h"

static void version(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    (void)argc;
    (void)argv;
    sqlite3_result_text(context, GRU4REC_VERSION, -1, SQLITE_STATIC);
}

/*
 * Steps the statement once, makes the value of its first column the SQL result, and
 * finalizes it, also after a failure. A value that is NULL is an error
 * (ext_sql_fail_null()).
 */
static int result_of(sqlite3_stmt *stmt, sqlite3_context *context, ext_error *error)
{
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW && sqlite3_column_type(stmt, 0) == SQLITE_NULL)
        rc = ext_sql_fail_null(stmt, error);
    else if (rc == SQLITE_ROW)
        sqlite3_result_value(context, sqlite3_column_value(stmt, 0));
    return ext_sql_finish(stmt, rc, "writing JSON", error);
}

/* ---- the build ---- */

/*
 * The names of the types of options in the JSON of gru4rec_info(), indexed by
 * gru4rec_option_type.
 */
static const char *const type_names[] = {
    [GRU4REC_OPTION_INTEGER] = "integer", [GRU4REC_OPTION_REAL] = "number",
    [GRU4REC_OPTION_BOOLEAN] = "boolean", [GRU4REC_OPTION_TEXT] = "text",
    [GRU4REC_OPTION_LIST] = "list",
};

/*
 * Returns a JSON array with an object for each option (name, of, type, default, range,
 * help), in the order of the library's table. of: the first of train, evaluate, tune,
 * export, plot and compare that takes the option. The caller frees it with
 * sqlite3_free(). NULL: there is not enough memory.
 */
static char *options_json(void)
{
    sqlite3_str *json = sqlite3_str_new(NULL);
    sqlite3_str_appendchar(json, 1, '[');
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_info info;
        gru4rec_option_describe(i, &info);
        /*
         * The texts are those of the library's table of options, in which JSON escapes
         * nothing.
         */
        sqlite3_str_appendf(
            json,
            "%s{\"name\":\"%s\",\"of\":\"%s\",\"type\":\"%s\",\"default\":"
            "\"%s\",\"range\":\"%s\",\"help\":\"%s\"}",
            i > 0 ? "," : "", info.name,
            (info.scope & GRU4REC_SCOPE_TRAIN) != 0      ? "train"
            : (info.scope & GRU4REC_SCOPE_EVALUATE) != 0 ? "evaluate"
            : (info.scope & GRU4REC_SCOPE_TUNE) != 0     ? "tune"
            : (info.scope & GRU4REC_SCOPE_EXPORT) != 0   ? "export"
            : (info.scope & GRU4REC_SCOPE_PLOT) != 0     ? "plot"
                                                         : "compare",
            type_names[info.type], info.default_text, info.range, info.help);
    }
    sqlite3_str_appendchar(json, 1, ']');
    return sqlite3_str_finish(json);
}

/*
 * gru4rec_info() without an argument: makes a JSON object the SQL result, with the facts
 * about the build and SQLite, and the table of options (options_json()).
 */
static int build_info(sqlite3_context *context, sqlite3 *db, ext_error *error)
{
    sqlite3_stmt *stmt;
    gru4rec_build build;
    char *options = options_json();
    if (options == NULL)
        return ext_error_nomem(error);
    gru4rec_build_facts(&build);
    int rc = ext_sql_prepare(
        db, &stmt, error,
        "SELECT json_object('version', %Q, 'sqlite', sqlite_version(), 'simd', %Q, "
        "'blas', %Q, 'blas_core', %Q, 'blas_core_reason', %Q, 'blas_threading', %Q, "
        "'readonly', json(%Q), 'options', json(%Q))",
        GRU4REC_VERSION, build.simd, build.blas, build.blas_core, build.blas_core_reason,
        build.blas_threading, ext_readonly_is_on() ? "true" : "false", options);
    sqlite3_free(options);
    return rc == SQLITE_OK ? result_of(stmt, context, error) : rc;
}

/* ---- a model's card ---- */

/*
 * The query of the card, which gives one JSON object. Its parameters are ?1 the model's
 * name; ?2 its schema; ?3 advice; ?4 the JSON of ext_run_gone(); ?5 bytes that the active
 * version takes in memory; ?6 whether these include a copy of the output rows in bytes.
 * It lists the versions from the oldest ready one on, because the history before that one
 * may be long; all, if none is ready. A run that is gone has the status of ?4 in place of
 * that of its row.
 */
static const char card[] =
    "WITH config AS (SELECT key, value FROM @config),"
    " active AS (SELECT * FROM @version WHERE version ="
    "  (SELECT value FROM config WHERE key = 'version'))"
    " SELECT json_object('model', ?1, 'schema', ?2,"
    " 'source', (SELECT value FROM config WHERE key = 'source'),"
    " 'columns', json_remove(json_object("
    "  'session', (SELECT value FROM config WHERE key = 'session'),"
    "  'item', (SELECT value FROM config WHERE key = 'item'),"
    "  'time', (SELECT value FROM config WHERE key = 'time'),"
    "  'order', (SELECT value FROM config WHERE key = 'order')),"
    "  iif('order' IN (SELECT key FROM config), '$.none', '$.order')),"
    " 'format', CAST((SELECT value FROM config WHERE key = 'format') AS INTEGER),"
    " 'version', a.version, 'run', a.run, 'finished', a.finished, 'trained_on', a.source,"
    " 'options', json(coalesce(a.options,"
    "  (SELECT value FROM config WHERE key = 'options'))),"
    " 'summary', json(a.summary), 'memory_bytes', ?5, 'quantized',"
    "  json(CASE ?6 WHEN 1 THEN 'true' WHEN 0 THEN 'false' END),"
    " 'advice', ?3,"
    " 'versions', json((SELECT json_group_array(json_object('version', version, 'status',"
    "  coalesce(json_extract(?4, '$.\"' || version || '\"'), status),"
    "  'finished', finished, 'message', message)) FROM @version WHERE version >="
    "  coalesce((SELECT min(version) FROM @version WHERE status = 'ready'), 0))))"
    " FROM (SELECT 1) LEFT JOIN active AS a";

/*
 * Returns advice that makes queries on single sessions of the model fast, or possible
 * again: an index to create, if they would scan the source; or how to tell the model of a
 * renamed table or column. It is of sqlite3_malloc. NULL: there is no advice, the model
 * has no source, or the source cannot be read now for another reason (a lock, for
 * example). Errors are ignored.
 */
static char *advise(const ext_home *home, const ext_config *config)
{
    ext_source source = {0};
    ext_error ignored = {0};
    bool is_scanned = false;
    char *advice = NULL;
    if (config->source == NULL)
        return NULL;
    if (ext_config_open_source(config, home, NULL, NULL, &source, &ignored) == SQLITE_OK)
        ext_histories_is_scanned(&source, &is_scanned, &ignored);
    else if (source.missing != NULL && ignored.message != NULL)
        advice = sqlite3_mprintf("%s", ignored.message);
    const char *session = source.columns.session;
    /*
     * This fails if the source is no table of the model's schema: a view can have no
     * index.
     */
    if (is_scanned &&
        sqlite3_table_column_metadata(home->db, home->schema, config->source, session,
                                      NULL, NULL, NULL, NULL, NULL) == SQLITE_OK)
        advice = sqlite3_mprintf("CREATE INDEX \"%w\".\"%w_session\" ON "
                                 "\"%w\"(\"%w\", \"%w\") makes WHERE session = ... fast",
                                 home->schema, config->source, config->source, session,
                                 source.columns.time);
    else if (is_scanned)
        advice = sqlite3_mprintf(
            "an index on the column of your table behind '%s' of the source makes WHERE "
            "session = ... fast",
            session);
    ext_source_close(&source);
    ext_error_clear(&ignored);
    return advice;
}

/*
 * Binds what the active version takes in memory to the card's query: ?5 is the number of
 * bytes, ?6 tells whether they include the byte copy of the output rows. Both stay NULL
 * if no version is active, if the active version is not loaded, or if an error occurs,
 * which is ignored. Loads nothing.
 */
static void bind_memory(sqlite3_stmt *stmt, const ext_home *home)
{
    ext_error untrained = {0};
    size_t bytes;
    bool has_bytes;
    ext_model_memory(home, &bytes, &has_bytes, &untrained);
    ext_error_clear(&untrained);
    if (bytes == 0)
        return;
    sqlite3_bind_int64(stmt, 5, (sqlite3_int64)bytes);
    sqlite3_bind_int(stmt, 6, has_bytes);
}

/*
 * Makes the model's card (JSON) the SQL result. Reads the model's configuration and which
 * runs are over (ext_run_gone()), and looks for advice. The caller holds a snapshot, so
 * that everything in the card belongs together.
 */
static int write_card(sqlite3_context *context, const ext_home *home, ext_error *error)
{
    sqlite3_stmt *stmt;
    ext_config config;
    char *advice = NULL, *gone = NULL;
    int rc = ext_config_read(&config, home, error);
    if (rc == SQLITE_OK)
        rc = ext_run_gone(&gone, "training", home, error);
    if (rc == SQLITE_OK) {
        advice = advise(home, &config);
        rc = ext_query(home, &stmt, error, card, "ssss", home->name, home->schema, advice,
                       gone);
    }
    if (rc == SQLITE_OK) {
        bind_memory(stmt, home);
        rc = result_of(stmt, context, error);
    }
    sqlite3_free(advice);
    sqlite3_free(gone);
    ext_config_free(&config);
    return rc;
}

/*
 * gru4rec_info(model): makes the model's card (JSON) the SQL result. Starts a snapshot,
 * reads all of the card in it, and ends it, also after a failure. A model that is not
 * trained has a card too; the facts of a training are then NULL.
 */
static int model_info(sqlite3_context *context, const ext_home *home, ext_error *error)
{
    ext_snapshot snapshot = {0};
    int rc = ext_snapshot_start(&snapshot, home, error);
    if (rc == SQLITE_OK)
        rc = write_card(context, home, error);
    ext_snapshot_end(&snapshot);
    return rc;
}

/*
 * The SQL functions gru4rec_info() and gru4rec_info(model); the result is JSON.
 * SQLITE_ERROR: the model is NULL, or there is no such model.
 */
static void info(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_connection *connection = ext_connection_of(context);
    sqlite3 *db = connection->db;
    ext_error error = {0};
    ext_home home = {0};
    if (argc == 0)
        build_info(context, db, &error);
    else if (!ext_value_is_given(argv[0]))
        ext_error_set(&error, SQLITE_ERROR,
                      "the model's name is missing; give the name of a gru4rec table");
    else if (ext_schema_get(&home, db, connection, argv[0], false, NULL, &error) ==
             SQLITE_OK)
        model_info(context, &home, &error);
    ext_home_clear(&home);
    ext_error_result(&error, context);
}

/*
 * The table that registers gru4rec_version() and gru4rec_info(). The last entry has the
 * name NULL.
 */
const ext_function ext_info_functions[] = {
    {"gru4rec_version", 0, SQLITE_INNOCUOUS | SQLITE_DETERMINISTIC, version, NULL},
    {"gru4rec_info", 0, 0, info, NULL},
    {"gru4rec_info", 1, 0, info, NULL},
    {NULL, 0, 0, NULL, NULL},
};

/*
 * ext_configure.c - gru4rec_configure(model, options): changes a model's source, columns
 * and options of training; see ext_tools.h.
 *
 * 1. The change is permanent. What the call does not name stays as it is. The versions
 *    stay too, and go on serving. The value null takes an option back to the model's
 *    default.
 * 2. If the call names another source, the model keeps the names of its columns where
 *    that source has such columns. The other names are guessed.
 * 3. The model's table is dropped and created with the new arguments, while its shadow
 *    tables stay. So sqlite_schema has the arguments that are true now, the table's
 *    columns have the affinities of the source, and every connection, this one too, reads
 *    the schema anew. CREATE checks the source as it always does. But whatever can be
 *    refused is refused before the DROP, because to undo a DROP ends the host's other
 *    statements.
 * 4. The result is JSON that says how the model is configured now.
 */
#include "ext_tools.h"

/* The configuration that the model has, and the one that it is to have. */
typedef struct configuration {
    ext_config config;                 /* as it is */
    gru4rec_options options, defaults; /* options as they are to be */
    ext_changes changes;               /* changes.columns: as they are to be */
} configuration;

static void free_configuration(configuration *own)
{
    sqlite3_free(own->changes.source);
    ext_options_free_columns(&own->changes.columns);
    ext_config_free(&own->config);
}

/* ---- what is asked for ---- */

/*
 * Refuses the view m_source as the source, if the model made it of its SELECT: another
 * source would delete this view together with the SELECT.
 */
static int check_view(const configuration *own, const ext_home *home, ext_error *error)
{
    const char *source = own->changes.source;
    char *view = sqlite3_mprintf("%s_source", home->name);
    if (view == NULL)
        return ext_error_nomem(error);
    if (source != NULL && own->config.source != NULL &&
        ext_select_is(own->config.source) && sqlite3_stricmp(source, view) == 0)
        ext_error_set(error, SQLITE_ERROR,
                      "'%s' is the view that model '%s' made of its SELECT; leave out "
                      "source to keep it, or give the SELECT",
                      view, home->name);
    sqlite3_free(view);
    return error->rc;
}

/* Returns the source that the model is to have; NULL: none. */
static const char *source_of(const configuration *own)
{
    return own->changes.has_source ? own->changes.source : own->config.source;
}

/* Fills in the names that columns lacks: moves them there from kept. */
static void keep_all(ext_columns *columns, ext_columns *kept)
{
    char **const to[] = {&columns->session, &columns->item, &columns->time,
                         &columns->order};
    char **const from[] = {&kept->session, &kept->item, &kept->time, &kept->order};
    for (int i = 0; i < 4; i++)
        if (*to[i] == NULL) {
            *to[i] = *from[i];
            *from[i] = NULL;
        }
}

/*
 * Opens a source that the call names. Columns that the call does not name are the model's
 * columns, if the source has them.
 */
static int open_other(configuration *own, const ext_home *home, ext_source *source,
                      ext_error *error)
{
    ext_columns *columns = &own->changes.columns;
    const char *text = own->changes.source;
    int rc = ext_source_keep_columns(columns, own->changes.kept, home->db, home->schema,
                                     text, error);
    if (rc == SQLITE_OK)
        rc = ext_source_open(source, home->db, home->schema, text, columns, error);
    return rc == SQLITE_OK && !ext_select_is(text)
               ? ext_source_check_stored(home->db, home->schema, text, error)
               : rc;
}

/*
 * Opens the source that the model is to have, and puts its columns into the changes. If
 * the source stays the same, so do its columns: a column that is gone is an error and is
 * not guessed anew.
 */
static int check_source(configuration *own, const ext_home *home, ext_error *error)
{
    ext_columns *columns = &own->changes.columns;
    ext_source source = {0};
    if (source_of(own) == NULL) {
        keep_all(columns, own->changes.kept);
        return SQLITE_OK;
    }
    int rc = own->changes.has_source ? open_other(own, home, &source, error)
                                     : ext_config_open_source(&own->config, home, NULL,
                                                              columns, &source, error);
    if (rc == SQLITE_OK) {
        ext_options_free_columns(columns);
        *columns = source.columns;
        source.columns = (ext_columns){0};
    }
    ext_source_close(&source);
    return rc;
}

/* Reads the model's configuration and the changes, and checks the result. */
static int read_changes(configuration *own, const ext_home *home, const char *text,
                        ext_error *error)
{
    ext_config *config = &own->config;
    int rc = ext_config_read(config, home, error);
    if (rc == SQLITE_OK)
        rc = ext_schema_read_view(home, config, error);
    if (rc == SQLITE_OK)
        rc = ext_config_defaults(config, home, &own->defaults, error);
    if (rc == SQLITE_OK)
        rc = ext_config_options(config, home, &own->options, error);
    own->changes = (ext_changes){.options = &own->options,
                                 .defaults = &own->defaults,
                                 .kept = &config->columns};
    if (rc == SQLITE_OK)
        rc = ext_options_parse_changes(home->db, text, &own->changes, error);
    gru4rec_options resolved = own->options;
    if (rc == SQLITE_OK)
        rc = ext_options_resolve(&resolved, error);
    if (rc == SQLITE_OK)
        rc = check_view(own, home, error);
    return rc == SQLITE_OK ? check_source(own, home, error) : rc;
}

/* ---- writing ---- */

/*
 * Drops the model's table. SQLite refuses with SQLITE_LOCKED while a statement of this
 * connection reads the table.
 */
static int drop_table(const ext_home *home, ext_error *error)
{
    ext_error cause = {0};
    if (ext_sql_run(home->db, &cause, "DROP TABLE \"%w\".\"%w\"", home->schema,
                    home->name) == SQLITE_OK)
        return SQLITE_OK;
    if (cause.rc != SQLITE_LOCKED)
        return ext_error_wrap(error, &cause, "", "");
    ext_error_clear(&cause);
    return ext_error_set(error, SQLITE_LOCKED,
                         "a statement of this connection is reading model '%s'; end or "
                         "reset it before the model is configured",
                         home->name);
}

/* Drops the model's table, and creates it with the new arguments. */
static int make_anew(configuration *own, const ext_home *home, ext_error *error)
{
    const ext_remake remake = {home, &own->defaults, own->changes.has_source};
    home->connection->remake = &remake;
    int rc = drop_table(home, error);
    if (rc == SQLITE_OK)
        rc = ext_schema_create_model(home, source_of(own), &own->changes.columns,
                                     &own->options, error);
    home->connection->remake = NULL;
    return rc;
}

/* Writes the configuration as JSON; *json is of sqlite3_malloc. */
static int describe(char **json, const ext_home *home, ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_query(home, &stmt, error,
                       "WITH c AS (SELECT key, value FROM @config) SELECT json_object("
                       "'source', (SELECT value FROM c WHERE key = 'source'), "
                       "'columns', json_remove(json_object("
                       "'session', (SELECT value FROM c WHERE key = 'session'), "
                       "'item', (SELECT value FROM c WHERE key = 'item'), "
                       "'time', (SELECT value FROM c WHERE key = 'time'), "
                       "'order', (SELECT value FROM c WHERE key = 'order')), "
                       "iif('order' IN (SELECT key FROM c), '$.none', '$.order')), "
                       "'options', json((SELECT value FROM c WHERE key = 'options')))",
                       "");
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW && (*json = ext_sql_text(stmt, 0)) == NULL)
        rc = ext_error_nomem(error);
    return ext_sql_finish(stmt, rc, "reading the model", error);
}

/* Makes the change in a savepoint. */
static int write_changes(char **json, const ext_home *home, const char *text,
                         ext_error *error)
{
    configuration own = {0};
    ext_savepoint savepoint;
    ext_error cause = {0};
    if (ext_savepoint_start(&savepoint, home->db, &cause) != SQLITE_OK)
        return ext_error_wrap(error, &cause, "gru4rec_configure() cannot write here (",
                              "); run SELECT gru4rec_configure(...) by itself");
    int rc = ext_pending_lock(&savepoint, home, error);
    if (rc == SQLITE_OK)
        rc = read_changes(&own, home, text, error);
    if (rc == SQLITE_OK)
        rc = make_anew(&own, home, error);
    if (rc == SQLITE_OK)
        rc = describe(json, home, error);
    free_configuration(&own);
    return ext_savepoint_end(&savepoint, rc, error);
}

/* ---- the function ---- */

static void configure(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_connection *connection = ext_connection_of(context);
    const sqlite3_int64 rowid = sqlite3_last_insert_rowid(connection->db);
    const double since = ext_poll_seconds();
    ext_error error = {0};
    ext_home home = {0};
    const char *text;
    char *json = NULL;
    (void)argc;
    int rc = ext_value_text(&text, argv[1], "the options", &error);
    if (rc == SQLITE_OK)
        rc = ext_schema_get(&home, connection->db, connection, argv[0], true, NULL,
                            &error);
    if (rc == SQLITE_OK)
        rc = ext_schema_true_name(&home, &error);
    if (rc == SQLITE_OK)
        rc = ext_savepoint_check_writable(home.db, home.schema, "configure the model",
                                          &error);
    if (rc == SQLITE_OK)
        while ((rc = write_changes(&json, &home, text, &error)) != SQLITE_OK &&
               ext_savepoint_may_retry(home.db, since, &error)) {
            sqlite3_free(json);
            json = NULL;
        }
    sqlite3_set_last_insert_rowid(connection->db, rowid);
    if (rc == SQLITE_OK)
        sqlite3_result_text(context, json, -1, SQLITE_TRANSIENT);
    sqlite3_free(json);
    ext_error_result(&error, context);
    ext_home_clear(&home);
}

const ext_function ext_configure_functions[] = {
    {"gru4rec_configure", 2, SQLITE_DIRECTONLY, configure, NULL},
    {NULL, 0, 0, NULL, NULL},
};

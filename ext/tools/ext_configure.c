/*
 * ext_configure.c - gru4rec_configure(model, options): changes a model's source, columns
 * and options of training; see ext_tools.h.
 *
 * 1. The change is permanent. What the call does not name stays as it is. The versions
 *    stay too, and go on serving. The value null puts an option back to the model's
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

/*
 * The configuration that a model has, and the one that it is to have. read_changes()
 * fills it in; free_configuration() frees it.
 */
typedef struct configuration {
    /*
     * The configuration that the model has. But config.columns lacks names that null in
     * the call drops, or that keep_all() moved.
     */
    ext_config config;
    gru4rec_options options, defaults; /* as the model is to have them */
    /* What the call changes. Its columns become all columns that the model is to have. */
    ext_changes changes;
} configuration;

static void free_configuration(configuration *own)
{
    sqlite3_free(own->changes.source);
    ext_options_free_columns(&own->changes.columns);
    ext_config_free(&own->config);
}

/* ---- what is asked for ---- */

/*
 * Checks that the new source is not the view m_source (m: the model's name), if the model
 * made this view of its SELECT: to store another source deletes this view together with
 * its SELECT. Does nothing if the call names no source. SQLITE_ERROR: the new source is
 * that view.
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

/*
 * Returns the source that the model is to have: the one of the call, if the call gives
 * one or null, else the present one. Borrowed from own. NULL: none.
 */
static const char *source_of(const configuration *own)
{
    return own->changes.has_source ? own->changes.source : own->config.source;
}

/*
 * Completes columns from kept: each of the names session, item, time and order that
 * columns lacks is moved from kept to columns. kept has NULL in its place then.
 */
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
 * Opens the source that the call names, as *source. Its columns are those that the call
 * names; for the others the model's columns, if the source has them (these are added to
 * own->changes.columns); and else guessed ones. The caller closes *source in any case.
 * SQLITE_ERROR: the source does not open; or it is a table or view that the model could
 * not read later (ext_source_check_stored()).
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
 * Checks that the source that the model is to have can be read: opens and closes it. Sets
 * own->changes.columns to the names of the columns that were found. If the source stays
 * the same, so do its columns: a column that is gone is an error and is not guessed anew.
 * If the model is to have no source, opens nothing, and adds the model's names of columns
 * to own->changes.columns (keep_all()).
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

/*
 * Reads the model's configuration, and over it the changes (text: the options of the
 * call), into own. Then checks that the options fit each other, and that the source can
 * be read (check_source()). Writes nothing. The caller calls free_configuration() in any
 * case. SQLITE_ERROR: an option, a column or the source is wrong.
 */
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
 * Drops the model's table by DROP TABLE. SQLITE_LOCKED: a statement of this connection
 * reads the table; the message says to end it.
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

/*
 * Drops the model's table, and creates it with the new source, columns and options. Sets
 * connection->remake meanwhile, and NULL afterwards: it tells xDestroy and xCreate that
 * the shadow tables stay. After a failure the table may be gone, so the caller must undo
 * its savepoint.
 */
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

/*
 * Sets *json to the configuration that the model has now in its tables: source, columns
 * and options, as JSON. The key order is left out if the model has no order column. *json
 * is of sqlite3_malloc; the caller frees it, also after a failure.
 */
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

/*
 * Reads the changes, makes the table anew and describes the result in *json, all in one
 * savepoint. First takes the write lock, and writes the endings of earlier runs that are
 * still to be written (ext_pending_lock()). Commits unless the user has an open
 * transaction. After a failure nothing is changed; the caller frees *json in any case.
 */
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

/*
 * The SQL function gru4rec_configure(); its result is the JSON of describe(). Tries again
 * while another connection of a shared cache holds the lock (ext_savepoint_may_retry()).
 */
static void configure(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_connection *connection = ext_connection_of(context);
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
    if (rc == SQLITE_OK)
        sqlite3_result_text(context, json, -1, SQLITE_TRANSIENT);
    sqlite3_free(json);
    ext_error_result(&error, context);
    ext_home_clear(&home);
}

/* The table that registers gru4rec_configure(). The last entry has the name NULL. */
const ext_function ext_configure_functions[] = {
    {"gru4rec_configure", 2, SQLITE_DIRECTONLY, configure, NULL},
    {NULL, 0, 0, NULL, NULL},
};

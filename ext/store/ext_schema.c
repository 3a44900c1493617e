/* ext_schema.c - finds, makes, changes, renames and drops models; see ext_store.h. */
#include "ext_store.h"

#include <string.h>

/* ---- names ---- */

/*
 * A model is recognised by its own table and two shadow tables: m_config with the column
 * key, and m_tensor with the column checksum. The columns are looked for because the user
 * may have tables of such names.
 */
int ext_schema_exists(sqlite3 *db, const char *schema, const char *name, bool *is_found,
                      ext_error *error)
{
    char *config = sqlite3_mprintf("%s_config", name);
    char *tensor = sqlite3_mprintf("%s_tensor", name);
    int rc = ext_shadow_look(db, schema, config, "key", is_found);
    if (rc == SQLITE_OK && *is_found)
        rc = ext_shadow_look(db, schema, tensor, "checksum", is_found);
    if (rc == SQLITE_OK && *is_found)
        rc = ext_shadow_look(db, schema, name, NULL, is_found);
    sqlite3_free(config);
    sqlite3_free(tensor);
    *is_found = *is_found && rc == SQLITE_OK;
    return rc == SQLITE_OK ? rc : ext_error_nomem(error);
}

/*
 * Looks for the model in all schemas of the connection, in their order, and stops at the
 * first one that has it. Then replaces the text *schema by the name of that schema, and
 * sets *is_found to true. *is_found must be false before; it and *schema stay if no
 * schema has the model.
 */
static int find_attached(sqlite3 *db, const char *name, char **schema, bool *is_found,
                         ext_error *error)
{
    char *other = NULL;
    int rc = SQLITE_OK;
    for (int i = 0; rc == SQLITE_OK && !*is_found; i++) {
        rc = ext_sql_schema(&other, db, i, error);
        if (other == NULL)
            break;
        rc = ext_schema_exists(db, other, name, is_found, error);
        if (*is_found) {
            sqlite3_free(*schema);
            *schema = other;
        } else {
            sqlite3_free(other);
        }
    }
    return rc;
}

/*
 * Sets *schema to the name of the first schema that has the model: temp, main, then the
 * attached ones. If none has it, *schema is "main" and *is_found is false. The caller
 * frees *schema, also after a failure; NULL: there is not enough memory.
 */
static int find_schema(sqlite3 *db, const char *name, char **schema, bool *is_found,
                       ext_error *error)
{
    int rc = ext_schema_exists(db, "temp", name, is_found, error);
    *schema = sqlite3_mprintf(*is_found ? "temp" : "main");
    if (rc == SQLITE_OK && !*is_found)
        rc = ext_schema_exists(db, "main", name, is_found, error);
    return rc == SQLITE_OK && !*is_found
               ? find_attached(db, name, schema, is_found, error)
               : rc;
}

/*
 * Looks for the model as ext_schema_find() does (the whole text as a bare name first,
 * then as "schema.name"), and fills in *home; but does not make SQLite read the schemas
 * anew.
 */
static int find_known(ext_home *home, sqlite3 *db, ext_connection *connection,
                      const char *text, bool *is_found, ext_error *error)
{
    const char *dot = strchr(text, '.');
    char *schema;
    *home = (ext_home){.db = db, .connection = connection};
    int rc = find_schema(db, text, &schema, is_found, error);
    if (rc == SQLITE_OK && !*is_found && dot != NULL) {
        sqlite3_free(schema);
        schema = sqlite3_mprintf("%.*s", (int)(dot - text), text);
        text = dot + 1;
        if (schema != NULL)
            rc = ext_schema_exists(db, schema, text, is_found, error);
    }
    if (rc == SQLITE_OK)
        rc = schema != NULL ? ext_home_init(home, db, connection, schema, text, error)
                            : ext_error_nomem(error);
    sqlite3_free(schema);
    return rc;
}

int ext_schema_find(ext_home *home, sqlite3 *db, ext_connection *connection,
                    const char *text, bool *is_found, ext_error *error)
{
    int rc = find_known(home, db, connection, text, is_found, error);
    /*
     * True in a transaction of the user's that has read nothing yet. The schemas are not
     * read anew then: that read would begin the transaction, and SQLite would not wait
     * for the write lock afterwards.
     */
    const bool would_begin =
        !sqlite3_get_autocommit(db) && sqlite3_txn_state(db, NULL) == SQLITE_TXN_NONE;
    if (rc != SQLITE_OK || *is_found || would_begin)
        return rc;
    ext_home_clear(home);
    *home = (ext_home){.db = db};
    rc = ext_sql_refresh(db, error);
    return rc == SQLITE_OK ? find_known(home, db, connection, text, is_found, error) : rc;
}

char *ext_schema_reference(const ext_home *home)
{
    ext_home found;
    ext_error ignored = {0};
    bool is_found;
    ext_schema_find(&found, home->db, home->connection, home->name, &is_found, &ignored);
    const bool is_same = ignored.rc == SQLITE_OK && is_found &&
                         sqlite3_stricmp(found.schema, home->schema) == 0;
    ext_home_clear(&found);
    ext_error_clear(&ignored);
    return is_same ? sqlite3_mprintf("%s", home->name)
                   : sqlite3_mprintf("%s.%s", home->schema, home->name);
}

int ext_schema_fail_missing(const char *text, ext_error *error)
{
    return ext_error_set(error, SQLITE_ERROR,
                         "no model '%s'; make one with CREATE VIRTUAL TABLE ... USING "
                         "gru4rec",
                         ext_show_text(&(ext_show){""}, text));
}

int ext_schema_take(ext_home *home, bool is_found, bool is_to_write, ext_error *error)
{
    if (is_to_write &&
        ext_savepoint_lock_ahead(home->db, home->schema, error) != SQLITE_OK)
        return error->rc;
    if (!is_found)
        return SQLITE_OK;
    int rc = ext_entry_use(home, error);
    return rc == SQLITE_OK ? ext_shadow_check(home, error) : rc;
}

int ext_schema_get(ext_home *home, sqlite3 *db, ext_connection *connection,
                   sqlite3_value *value, bool is_to_write, bool *is_found,
                   ext_error *error)
{
    const char *text;
    ext_name room;
    bool is_there;
    *home = (ext_home){.db = db};
    if (ext_value_name(&text, &room, value, error) != SQLITE_OK)
        return error->rc;
    if (text == NULL || *text == '\0')
        return ext_error_set(
            error, SQLITE_ERROR,
            "the model's name is missing; give the name of a gru4rec table");
    int rc = ext_schema_find(home, db, connection, text, &is_there, error);
    if (is_found != NULL)
        *is_found = is_there;
    else if (rc == SQLITE_OK && !is_there)
        rc = ext_schema_fail_missing(text, error);
    return rc == SQLITE_OK ? ext_schema_take(home, is_there, is_to_write, error) : rc;
}

int ext_schema_true_name(ext_home *home, ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_query(home, &stmt, error,
                       "SELECT name FROM @schema.sqlite_schema "
                       "WHERE type = 'table' AND lower(name) = lower(?1)",
                       "s", home->name);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        char *name = ext_sql_text(stmt, 0);
        if (name != NULL) {
            sqlite3_free(home->name);
            home->name = name;
        } else {
            rc = ext_sql_fail_null(stmt, error);
        }
    }
    return ext_sql_finish(stmt, rc, "reading the model", error);
}

/* ---- making ---- */

int ext_schema_check_new(const ext_home *home, ext_error *error)
{
    /*
     * The statement is prepared, and never run: SQLite then checks that the schema exists
     * and that the name of the model is free, and writes nothing.
     */
    sqlite3_stmt *stmt;
    int rc = ext_query(home, &stmt, error, "CREATE TABLE @model(x)", "");
    sqlite3_finalize(stmt);
    return rc == SQLITE_OK ? ext_shadow_check_all_free(home, error) : rc;
}

/*
 * Appends , role="column" to list for each of the four roles (session, item, time, order)
 * for which columns has a name.
 */
static void append_columns(sqlite3_str *list, const ext_columns *columns)
{
    const char *const roles[] = {"session", "item", "time", "order"};
    const char *const names[] = {columns->session, columns->item, columns->time,
                                 columns->order};
    for (int i = 0; i < 4; i++)
        if (names[i] != NULL)
            sqlite3_str_appendf(list, ", %s=\"%w\"", roles[i], names[i]);
}

/*
 * Runs CREATE VIRTUAL TABLE with the source, the columns and the options as arguments.
 * SQLite then calls xCreate of the module (ext_module.c), which reads these arguments as
 * those of a user, and makes the tables by ext_schema_create().
 */
int ext_schema_create_model(const ext_home *home, const char *source,
                            const ext_columns *columns, const gru4rec_options *options,
                            ext_error *error)
{
    sqlite3_str *list = sqlite3_str_new(NULL);
    int rc = SQLITE_OK;
    if (source != NULL) {
        char *argument = ext_select_is(source) ? ext_select_subquery(source)
                                               : sqlite3_mprintf("\"%w\"", source);
        if (argument == NULL)
            rc = ext_error_nomem(error);
        sqlite3_str_appendf(list, ", %z", argument);
    }
    if (columns != NULL)
        append_columns(list, columns);
    ext_options_arguments(list, options);
    if (sqlite3_str_errcode(list) != SQLITE_OK)
        rc = ext_error_nomem(error);
    char *arguments = sqlite3_str_finish(list); /* NULL: there are none */
    if (rc == SQLITE_OK)
        rc = ext_sql_run(home->db, error,
                         "CREATE VIRTUAL TABLE \"%w\".\"%w\" USING gru4rec(%s)",
                         home->schema, home->name,
                         arguments != NULL ? arguments + strlen(", ") : "");
    sqlite3_free(arguments);
    return rc;
}

/*
 * Makes the view m_source of the model, which gives the rows of select: the text of a
 * SELECT, with or without parentheses.
 */
static int create_view(const ext_home *home, const char *select, ext_error *error)
{
    /* A view's body must not be in parentheses, but it can select from a subquery. */
    char *subquery = ext_select_subquery(select);
    return subquery == NULL
               ? ext_error_nomem(error)
               : ext_sql_run(home->db, error,
                             "CREATE VIEW \"%w\".\"%w_source\" AS SELECT * FROM %z",
                             home->schema, home->name, subquery);
}

/* Tells whether the source of config is a SELECT: only then the model has m_source. */
static bool makes_view(const ext_config *config)
{
    return config->source != NULL && ext_select_is(config->source);
}

int ext_schema_create(const ext_home *home, const ext_config *config, ext_error *error)
{
    int rc =
        makes_view(config) ? ext_shadow_check_free(home, "source", error) : SQLITE_OK;
    if (rc == SQLITE_OK)
        rc = ext_shadow_check_all_free(home, error);
    if (rc == SQLITE_OK)
        rc = ext_shadow_make_all(home, error);
    if (rc == SQLITE_OK && makes_view(config))
        rc = create_view(home, config->source, error);
    if (rc == SQLITE_OK)
        rc = ext_config_write(config, home, error);
    return rc == SQLITE_OK ? ext_identity_make(home, error) : rc;
}

/* ---- changing, dropping and renaming ---- */

/*
 * Checks the shadow tables (ext_shadow_check()), then reads m_config into *config. The
 * check comes first, because a forged view in the place of m_config might never end. The
 * caller frees config with ext_config_free(), also after a failure.
 */
static int read_config(ext_config *config, const ext_home *home, ext_error *error)
{
    *config = (ext_config){0};
    const int rc = ext_shadow_check(home, error);
    return rc == SQLITE_OK ? ext_config_read(config, home, error) : rc;
}

/*
 * Sets *select to a copy of the SELECT of the view m_source, in parentheses, which the
 * caller frees. *select is NULL if there is no such view; also if its SQL does not begin
 * as create_view() writes it, because the view is the user's then.
 */
static int find_select(const ext_home *home, char **select, ext_error *error)
{
    sqlite3_stmt *stmt;
    char *head =
        sqlite3_mprintf("CREATE VIEW \"%w_source\" AS SELECT * FROM ", home->name);
    *select = NULL;
    if (head == NULL)
        return ext_error_nomem(error);
    int rc = ext_query(home, &stmt, error,
                       "SELECT substr(sql, length(?1) + 1) FROM @schema.sqlite_schema "
                       "WHERE type = 'view' AND lower(name) = lower(?2 || '_source') "
                       "AND substr(sql, 1, length(?1)) = ?1",
                       "ss", head, home->name);
    sqlite3_free(head);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW && (*select = ext_sql_text(stmt, 0)) == NULL)
        rc = ext_error_nomem(error);
    return ext_sql_finish(stmt, rc, "reading the model's view", error);
}

int ext_schema_read_view(const ext_home *home, ext_config *config, ext_error *error)
{
    char *select;
    if (!makes_view(config) || find_select(home, &select, error) != SQLITE_OK)
        return error->rc;
    if (select != NULL) {
        sqlite3_free(config->source);
        config->source = select;
    }
    return SQLITE_OK;
}

/*
 * Drops the view m_source of the source of config, if we made it; a table or a view of
 * the user stays. *select is a copy of its SELECT, as for find_select(), which the caller
 * frees, also after a failure; NULL: no view was dropped.
 */
static int drop_view(const ext_home *home, const ext_config *config, char **select,
                     ext_error *error)
{
    *select = NULL;
    int rc = makes_view(config) ? find_select(home, select, error) : SQLITE_OK;
    return rc == SQLITE_OK && *select != NULL
               ? ext_query_run(home, error, "DROP VIEW @source", "")
               : rc;
}

/*
 * Drops the view m_source of the source old, if we made it. Then makes the view again, if
 * the source of config is a SELECT. SQLITE_ERROR: a table or a view of the user has the
 * name m_source.
 */
static int replace_view(const ext_home *home, const ext_config *old,
                        const ext_config *config, ext_error *error)
{
    char *select;
    int rc = drop_view(home, old, &select, error);
    sqlite3_free(select);
    if (rc == SQLITE_OK && makes_view(config))
        rc = ext_shadow_check_free(home, "source", error);
    return rc == SQLITE_OK && makes_view(config)
               ? create_view(home, config->source, error)
               : rc;
}

int ext_schema_configure(const ext_home *home, ext_config *config, bool has_source,
                         ext_error *error)
{
    ext_config old;
    int rc = read_config(&old, home, error);
    if (rc == SQLITE_OK && has_source)
        rc = replace_view(home, &old, config, error);
    config->format = old.format;
    if (rc == SQLITE_OK)
        rc = ext_config_write(config, home, error);
    ext_config_free(&old);
    return rc;
}

/*
 * If the configuration is damaged, or of a format that is not known, that is no error
 * here, so that DROP TABLE always works. Only the configuration tells whether the view
 * m_source is ours, so without one the view stays, and so do m_blend and m_trial. Any
 * other error of reading it is returned, and nothing is dropped.
 */
int ext_schema_drop(const ext_home *home, ext_error *error)
{
    ext_config config;
    ext_error ignored = {0};
    char *select = NULL;
    int rc = SQLITE_OK;
    read_config(&config, home, &ignored);
    if (ignored.rc != SQLITE_OK && !ext_error_is(&ignored, SQLITE_ERROR) &&
        !ext_error_is(&ignored, SQLITE_CORRUPT))
        rc = ext_error_wrap(error, &ignored, "", "");
    if (rc == SQLITE_OK)
        rc = drop_view(home, &config, &select, error);
    sqlite3_free(select);
    if (rc == SQLITE_OK)
        rc = ext_shadow_drop(home, ignored.rc == SQLITE_OK, error);
    ext_config_free(&config);
    ext_error_clear(&ignored);
    return rc;
}

int ext_schema_rename(const ext_home *home, const char *new_name, ext_error *error)
{
    ext_config config;
    ext_home renamed = *home;
    char *select = NULL;
    renamed.name = (char *)new_name; /* the new name; borrowed */
    int rc = read_config(&config, home, error);
    if (rc == SQLITE_OK)
        rc = drop_view(home, &config, &select, error);
    if (rc == SQLITE_OK)
        rc = ext_shadow_rename(home, new_name, error);
    /* Checked also if no view is made: else the model would read the user's view. */
    if (rc == SQLITE_OK && makes_view(&config))
        rc = ext_shadow_check_free(&renamed, "source", error);
    if (rc == SQLITE_OK && select != NULL)
        rc = create_view(&renamed, select, error);
    if (rc == SQLITE_OK && select != NULL) {
        sqlite3_free(config.source);
        config.source = select;
        select = NULL;
        rc = ext_config_write(&config, &renamed, error);
    }
    sqlite3_free(select);
    ext_config_free(&config);
    return rc;
}

/*
 * ext_module.c - the module gru4rec, which makes each model a virtual table; see
 * ext_serve.h.
 *
 *   CREATE VIRTUAL TABLE m USING gru4rec(source, session=, item=, time=, order=,
 *                                        option=value)
 *
 * 1. The source is a table, a view or a SELECT in parentheses. The text of a SELECT
 *    becomes the view m_source. A model without a source gets its versions only by an
 *    import.
 * 2. The columns session and item of the virtual table have the affinities of the
 *    source's columns, but an item column that is REAL becomes NUM (item_affinity()).
 *    ext_relation.c says which rows SELECT returns.
 * 3. xConnect, which opens the table of an existing model, succeeds even if the shadow
 *    tables hold nonsense, so that DROP TABLE always works. Queries report what is wrong.
 */
#include "ext_serve.h"

#include <string.h>

/* ---- CREATE VIRTUAL TABLE ---- */

/*
 * Returns a copy of the text without white space at its ends and, if it is in quotes then
 * ('', "", `` or []), without these. Inside the quotes, a doubled closing quote becomes
 * one. The caller frees the copy with sqlite3_free(). NULL: there is not enough memory.
 */
static char *unquoted(const char *text)
{
    static const char space[] = " \t\r\n";
    text += strspn(text, space);
    size_t n = strlen(text);
    while (n > 0 && strchr(space, text[n - 1]) != NULL)
        n--;
    char quote = n >= 2 ? text[0] : '\0';
    char close = quote == '[' ? ']' : quote;
    if (quote == '\0' || strchr("'\"`[", quote) == NULL || text[n - 1] != close)
        return sqlite3_mprintf("%.*s", (int)n, text);
    char *copy = sqlite3_mprintf("%.*s", (int)(n - 2), text + 1);
    char *to = copy;
    for (const char *from = copy; copy != NULL && *from; from++) {
        if (*from == close && from[1] == close)
            from++;
        *to++ = *from;
    }
    if (copy != NULL)
        *to = '\0';
    return copy;
}

/*
 * Tells whether the whole text is one quoted text: '...', "...", `...` or [...]. White
 * space may stand around it; in it, a closing quote must be doubled.
 */
static bool is_quoted_whole(const char *text)
{
    text += strspn(text, " \t\r\n");
    char close = *text == '[' ? ']' : *text;
    if (*text == '\0' || strchr("'\"`[", *text) == NULL)
        return false;
    const char *end = strchr(text + 1, close);
    while (end != NULL && end[1] == close)
        end = strchr(end + 2, close);
    return end != NULL && end[1 + strspn(end + 1, " \t\r\n")] == '\0';
}

/*
 * Puts one argument of CREATE VIRTUAL TABLE into config or options. The argument is the
 * source if it has no =, is a SELECT, or is quoted as a whole; it goes into
 * config->source. Any other argument is name=value: an option, whose value goes into
 * options, or session=, item=, time= or order=, whose column goes into config->columns.
 * Errors: SQLITE_ERROR if the source is not the first argument, and for an unknown name
 * or a value that the option does not take; NOMEM.
 */
static int take_argument(const char *argument, bool is_first, ext_config *config,
                         gru4rec_options *options, ext_error *error)
{
    const char *equals = strchr(argument, '=');
    if (equals == NULL || ext_select_is(argument) || is_quoted_whole(argument)) {
        if (!is_first)
            return ext_error_set(error, SQLITE_ERROR,
                                 "'%s' is not option=value; "
                                 "only the first argument is the source of events",
                                 ext_show_text(&(ext_show){""}, argument));
        config->source = unquoted(argument);
        return config->source != NULL ? SQLITE_OK : ext_error_nomem(error);
    }
    char *left = sqlite3_mprintf("%.*s", (int)(equals - argument), argument);
    char *name = left != NULL ? unquoted(left) : NULL;
    char *value = unquoted(equals + 1);
    int rc = name == NULL || value == NULL
                 ? ext_error_nomem(error)
                 : ext_options_set(name, value, GRU4REC_SCOPE_TRAIN, options,
                                   &config->columns, error);
    sqlite3_free(left);
    sqlite3_free(name);
    sqlite3_free(value);
    return rc;
}

/*
 * Opens the source of config to complete config from it, and closes it: replaces
 * config->columns by the names of the columns that have the roles, and sets
 * config->types, the affinities of session and item, and config->shape (JSON: the
 * source's kind and columns). Does nothing if config has no source. Errors: those of
 * ext_source_open(); NOMEM.
 */
static int resolve_source(const ext_home *home, ext_config *config, ext_error *error)
{
    ext_source source;
    if (config->source == NULL)
        return SQLITE_OK;
    int rc = ext_source_open(&source, home->db, home->schema, config->source,
                             &config->columns, error);
    if (rc != SQLITE_OK)
        return rc;
    ext_options_free_columns(&config->columns);
    config->columns = source.columns;
    source.columns = (ext_columns){0};
    for (int i = 0; i < 2; i++) {
        config->types[i] = sqlite3_mprintf("%s", source.types[i]);
        if (config->types[i] == NULL)
            rc = ext_error_nomem(error);
    }
    ext_source_close(&source);
    return rc == SQLITE_OK ? ext_source_shape(&config->shape, home->db, home->schema,
                                              config->source, error)
                           : rc;
}

/*
 * Checks that argv[0] does not begin a list with commas, as in layers=100,50. SQLite
 * splits the module's arguments at commas, so such a list arrives as several of the
 * arguments argv (n); they are joined again for the check. SQLITE_ERROR: argv[0] begins
 * such a list; the message shows how to write it.
 */
static int check_list(const char *const *argv, int n, ext_error *error)
{
    sqlite3_str *str = sqlite3_str_new(NULL);
    for (int i = 0; i < n; i++)
        sqlite3_str_appendf(str, i > 0 ? ",%s" : "%s", argv[i]);
    char *text = sqlite3_str_finish(str);
    int rc = text != NULL ? ext_options_check_list(text, error) : ext_error_nomem(error);
    sqlite3_free(text);
    return rc;
}

/*
 * Returns the remake of this table if gru4rec_configure() is dropping and creating
 * exactly this table now, while the shadow tables stay; else NULL. Names are compared
 * without case.
 */
static const ext_remake *remake_of(const ext_home *home)
{
    const ext_remake *remake = home->connection->remake;
    return remake != NULL && sqlite3_stricmp(remake->home->schema, home->schema) == 0 &&
                   sqlite3_stricmp(remake->home->name, home->name) == 0
               ? remake
               : NULL;
}

/*
 * Makes the model's config from the arguments of CREATE VIRTUAL TABLE: its source,
 * columns, options, and the defaults that are in force now (in a remake those of the
 * model). Checks that the options fit each other, and opens the source once to complete
 * the config (resolve_source()).
 * config must be all zero before; the caller frees it, also after a failure. argv (argc):
 * the names of the module, the database, the table, then the arguments; an empty argument
 * is skipped.
 */
static int make_config(ext_config *config, const ext_home *home, int argc,
                       const char *const *argv, ext_error *error)
{
    const ext_remake *remake = remake_of(home);
    gru4rec_options options, resolved;
    int rc = SQLITE_OK;
    gru4rec_options_init(&options);
    if (remake != NULL)
        options = *remake->defaults;
    config->defaults = ext_options_json(&options, true);
    for (int i = 3; rc == SQLITE_OK && i < argc; i++)
        if (argv[i][strspn(argv[i], " \t\r\n")] != '\0' &&
            (rc = check_list(argv + i, argc - i, error)) == SQLITE_OK)
            rc = take_argument(argv[i], i == 3, config, &options, error);
    resolved = options;
    if (rc == SQLITE_OK)
        rc = ext_options_resolve(&resolved, error);
    if (rc == SQLITE_OK)
        rc = resolve_source(home, config, error);
    if (rc != SQLITE_OK)
        return rc;
    config->options = ext_options_json(&options, false);
    return config->options != NULL && config->defaults != NULL ? SQLITE_OK
                                                               : ext_error_nomem(error);
}

/*
 * Returns the affinity of a column, for a declaration: type if it is INT, TEXT, REAL or
 * NUM; "" for anything else and for NULL. The text is constant. type comes from m_config,
 * which anybody may have changed, so it must not become part of SQL itself.
 */
static const char *known_affinity(const char *type)
{
    static const char *const known[] = {"INT", "TEXT", "REAL", "NUM"};
    for (size_t i = 0; type != NULL && i < sizeof known / sizeof *known; i++)
        if (strcmp(type, known[i]) == 0)
            return known[i];
    return "";
}

/*
 * Returns the affinity of the column item of a model's table, a constant text. type: that
 * of the source's column. For REAL it is NUM: a REAL that is a whole number is stored as
 * an INTEGER item, and REAL affinity would convert it back. Else it is
 * known_affinity(type).
 */
static const char *item_affinity(const char *type)
{
    const char *known = known_affinity(type);
    return strcmp(known, "REAL") == 0 ? "NUM" : known;
}

/*
 * Declares the columns of a model's table to SQLite, with the affinities that config has
 * for session and item, and makes the object of the table in *out. SQLite frees the
 * object by ext_table_disconnect(). After a failure *out is unchanged.
 */
static int make_table(sqlite3_vtab **out, const ext_home *home, const ext_config *config,
                      ext_error *error)
{
    ext_table *table;
    char *text =
        sqlite3_mprintf("CREATE TABLE x(session %s, rank INTEGER, item %s, score REAL, "
                        "basis TEXT HIDDEN, exclude_seen BLOB HIDDEN, "
                        "candidates BLOB HIDDEN, version BLOB HIDDEN)",
                        known_affinity(config->types[0]),
                        item_affinity(config->types[1]));
    if (text == NULL)
        return ext_error_nomem(error);
    int rc = ext_table_new(&table, &ext_relation, text, home->db, home->connection,
                           home->schema, home->name, error);
    sqlite3_free(text);
    if (rc == SQLITE_OK)
        *out = &table->base;
    return rc;
}

/* ---- methods that SQLite calls ---- */

/*
 * Returns the home of the model that the arguments of xCreate or xConnect name: argv[1]
 * is the schema, argv[2] the table. The home borrows both names.
 */
static ext_home home_of(sqlite3 *db, void *connection, const char *const *argv)
{
    return (ext_home){db, connection, (char *)argv[1], (char *)argv[2]};
}

/*
 * Writes config to the database: makes the shadow tables of a new model. In a remake
 * (gru4rec_configure()) it changes the config of the model that exists instead.
 */
static int store(const ext_home *home, ext_config *config, ext_error *error)
{
    const ext_remake *remake = remake_of(home);
    return remake != NULL ? ext_schema_configure(home, config, remake->has_source, error)
                          : ext_schema_create(home, config, error);
}

/*
 * Method xCreate, for CREATE VIRTUAL TABLE: makes a new model, and *out, the object of
 * its table. In a remake (gru4rec_configure()) it changes the config of the existing
 * model instead of making one. After an error, returns its code, and puts the message
 * into *message, which SQLite frees. SQLite then rolls back what was written.
 */
static int create(sqlite3 *db, void *connection, int argc, const char *const *argv,
                  sqlite3_vtab **out, char **message)
{
    const ext_home home = home_of(db, connection, argv);
    ext_config config = {0};
    ext_entry entry;
    ext_error error = {0};
    int rc = ext_entry_start(&entry, db, &error);
    if (rc == SQLITE_OK)
        rc = ext_readonly_check("CREATE VIRTUAL TABLE", &error);
    if (rc == SQLITE_OK)
        rc = make_config(&config, &home, argc, argv, &error);
    if (rc == SQLITE_OK)
        rc = store(&home, &config, &error);
    /*
     * Opens the source once more, to check it as it is stored: a SELECT is the view
     * m_source now, and a view may not read all that a SELECT may.
     */
    if (rc == SQLITE_OK)
        rc = ext_config_check_source(&config, &home, &error);
    if (rc == SQLITE_OK)
        make_table(out, &home, &config, &error);
    ext_config_free(&config);
    rc = ext_error_text(&error, message);
    ext_entry_end(&entry);
    return rc;
}

/*
 * Method xConnect: makes *out, the object of an existing model's table. If the shadow
 * tables are damaged or hold nonsense, that is no error here, so that DROP TABLE works;
 * the table is declared with what could be read. Other failures, such as a lock, are
 * errors: their message goes into *message.
 */
static int connect(sqlite3 *db, void *connection, int argc, const char *const *argv,
                   sqlite3_vtab **out, char **message)
{
    const ext_home home = home_of(db, connection, argv);
    ext_config config = {0};
    ext_entry entry;
    ext_error error = {0};
    (void)argc;
    if (ext_entry_start(&entry, db, &error) == SQLITE_OK) {
        if (ext_shadow_check(&home, &error) == SQLITE_OK)
            ext_config_read(&config, &home, &error);
        if (ext_error_is(&error, SQLITE_ERROR) || ext_error_is(&error, SQLITE_CORRUPT))
            ext_error_clear(&error);
        if (error.rc == SQLITE_OK)
            make_table(out, &home, &config, &error);
    }
    ext_config_free(&config);
    const int rc = ext_error_text(&error, message);
    ext_entry_end(&entry);
    return rc;
}

/*
 * Method xDestroy, for DROP TABLE. In this order it deletes the model's shadow tables,
 * drops the results of trainings that wait for a commit and whose model is gone, makes
 * the connection release the versions that it holds of the model, and frees the object of
 * the table. In a remake (gru4rec_configure()) it only frees the object.
 *
 * The error is returned without its message. SQLite shows no message of xDestroy. It
 * would keep the message with the table, and show it for the next statement that fails on
 * the table. After an error the object stays.
 */
static int destroy(sqlite3_vtab *base)
{
    const ext_home *home = &((ext_table *)base)->home;
    ext_entry entry;
    ext_error error = {0};
    if (remake_of(home) != NULL)
        return ext_table_disconnect(base);
    int rc = ext_entry_start(&entry, home->db, &error);
    if (rc == SQLITE_OK)
        rc = ext_readonly_check("DROP TABLE", &error);
    if (rc == SQLITE_OK)
        rc = ext_schema_drop(home, &error);
    if (rc == SQLITE_OK && home->connection->drop_kept != NULL)
        home->connection->drop_kept(home->connection, false);
    ext_error_clear(&error);
    ext_entry_end(&entry);
    if (rc != SQLITE_OK)
        return rc;
    ext_model_forget(home);
    return ext_table_disconnect(base);
}

/*
 * Method xRename, for ALTER TABLE RENAME: renames the shadow tables too, makes the
 * connection release what it holds of the model under the old name, and gives the object
 * of the table its new name. After an error the object keeps its name; the message is in
 * base->zErrMsg.
 */
static int rename_table(sqlite3_vtab *base, const char *new_name)
{
    ext_home *home = &((ext_table *)base)->home;
    ext_entry entry;
    ext_error error = {0};
    char *copy = sqlite3_mprintf("%s", new_name);
    int rc = ext_entry_start(&entry, home->db, &error);
    if (rc == SQLITE_OK && copy == NULL)
        rc = ext_error_nomem(&error);
    if (rc == SQLITE_OK)
        rc = ext_readonly_check("ALTER TABLE", &error);
    if (rc == SQLITE_OK)
        rc = ext_schema_rename(home, new_name, &error);
    rc = ext_error_vtab(&error, base);
    ext_entry_end(&entry);
    if (rc == SQLITE_OK) {
        ext_model_forget(home);
        sqlite3_free(home->name);
        home->name = copy;
    } else {
        sqlite3_free(copy);
    }
    return rc;
}

/*
 * Method xIntegrity, for PRAGMA integrity_check and quick_check, which do the same here:
 * checks the model (ext_check_model()). A problem of the model is no error: its message
 * is put into *problem, which SQLite frees, and becomes a line of the PRAGMA's result. If
 * the model cannot be checked, for example because of a lock, the code of that error is
 * returned without its message.
 */
static int integrity(sqlite3_vtab *base, const char *schema, const char *name, int flags,
                     char **problem)
{
    ext_home home = ((ext_table *)base)->home;
    ext_entry entry;
    ext_error error = {0};
    home.schema = (char *)schema; /* both borrowed from the arguments */
    home.name = (char *)name;
    (void)flags;
    int rc = ext_entry_start(&entry, home.db, &error);
    if (rc == SQLITE_OK)
        rc = ext_entry_use(&home, &error);
    if (rc == SQLITE_OK)
        rc = ext_check_model(&home, &error);
    const bool is_problem = ext_check_is_finding(&error);
    if (is_problem)
        ext_error_text(&error, problem);
    ext_error_clear(&error);
    ext_entry_end(&entry);
    return !is_problem ? rc : *problem != NULL ? SQLITE_OK : SQLITE_NOMEM;
}

/* ---- the module ---- */

/*
 * sqlite3_module as SQLite 3.44 and newer read it, with the member xIntegrity. The header
 * of an older SQLite lacks this member, so it is added here. An older library reads only
 * the members that it knows.
 */
typedef struct module_v4 {
    sqlite3_module base;
#if SQLITE_VERSION_NUMBER < 3044000
    int (*xIntegrity)(sqlite3_vtab *base, const char *schema, const char *name, int flags,
                      char **problem);
#endif
} module_v4;

#if SQLITE_VERSION_NUMBER < 3044000
#define X_INTEGRITY .xIntegrity
#else
#define X_INTEGRITY .base.xIntegrity
#endif

int ext_module_register(ext_connection *connection, ext_error *error)
{
    static const module_v4 module = {
        .base.iVersion = 4,
        .base.xCreate = create,
        .base.xConnect = connect,
        .base.xDestroy = destroy,
        EXT_TABLE_METHODS(.base),
        .base.xRename = rename_table,
        .base.xShadowName = ext_shadow_is_suffix,
        X_INTEGRITY = integrity,
    };
    return ext_connection_add_module(connection, "gru4rec", &module.base, error);
}

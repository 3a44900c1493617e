/*
 * ext_model.c - the module gru4rec: models as virtual tables; see ext_int.h.
 *
 *   CREATE VIRTUAL TABLE m USING gru4rec(source, session=, item=, time=, option=value,
 * ...)
 *
 * 1. The source is a table, a view or a parenthesised SELECT, whose text becomes the
 *    view m_source; without it the model can only be imported into.
 * 2. The columns session and item have the affinity of the source's; what SELECT gives
 *    is in ext_relation.c.
 * 3. Connecting never fails for what the shadow tables hold, so that DROP TABLE always
 *    works; reading does.
 */
#include "ext_serve.h"

#include <string.h>

/* ---- CREATE VIRTUAL TABLE ---- */

/* A copy without white space and one pair of quotes around it. */
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

/* Is all of it one quoted text? */
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

static int take_argument(const char *argument, bool is_first, ext_config *config,
                         gru4rec_options *options, ext_error *error)
{
    const char *equals = strchr(argument, '=');
    if (equals == NULL || ext_source_is_select(argument) || is_quoted_whole(argument)) {
        if (!is_first)
            return ext_fail(error, SQLITE_ERROR,
                            "'%.60s' is not option=value; only the first argument is the "
                            "source of events",
                            argument);
        config->source = unquoted(argument);
        return config->source != NULL ? SQLITE_OK : ext_fail_nomem(error);
    }
    char *left = sqlite3_mprintf("%.*s", (int)(equals - argument), argument);
    char *name = left != NULL ? unquoted(left) : NULL;
    char *value = unquoted(equals + 1);
    int rc = name == NULL || value == NULL
                 ? ext_fail_nomem(error)
                 : ext_options_set(name, value, GRU4REC_SCOPE_TRAIN, options,
                                   &config->columns, error);
    sqlite3_free(left);
    sqlite3_free(name);
    sqlite3_free(value);
    return rc;
}

static int resolve_source(sqlite3 *db, const char *schema, ext_config *config,
                          ext_error *error)
{
    ext_source source;
    if (config->source == NULL)
        return SQLITE_OK;
    int rc =
        ext_source_open(db, schema, config->source, &config->columns, &source, error);
    if (rc != SQLITE_OK)
        return rc;
    ext_columns_free(&config->columns);
    config->columns = source.columns;
    memset(&source.columns, 0, sizeof source.columns);
    for (int i = 0; i < 2; i++) {
        config->types[i] = sqlite3_mprintf("%s", source.types[i]);
        if (config->types[i] == NULL)
            rc = ext_fail_nomem(error);
    }
    ext_source_close(&source);
    return rc;
}

static int make_config(sqlite3 *db, int argc, const char *const *argv, ext_config *config,
                       ext_error *error)
{
    gru4rec_options options, resolved;
    int rc = SQLITE_OK;
    gru4rec_options_init(&options);
    for (int i = 3; rc == SQLITE_OK && i < argc; i++)
        if (argv[i][strspn(argv[i], " \t\r\n")] != '\0')
            rc = take_argument(argv[i], i == 3, config, &options, error);
    resolved = options;
    if (rc == SQLITE_OK)
        rc = ext_options_resolve(&resolved, error);
    if (rc == SQLITE_OK)
        rc = resolve_source(db, argv[1], config, error);
    if (rc == SQLITE_OK) {
        config->options = ext_options_json(&options, false);
        if (config->options == NULL)
            rc = ext_fail_nomem(error);
    }
    return rc;
}

/* What m_config holds is not trusted: it becomes part of a declaration. */
static const char *affinity(const char *type)
{
    static const char *const known[] = {"INT", "TEXT", "REAL", "NUM"};
    for (size_t i = 0; type != NULL && i < sizeof known / sizeof *known; i++)
        if (strcmp(type, known[i]) == 0)
            return known[i];
    return "";
}

static int make_table(ext_connection *connection, const char *schema, const char *name,
                      char *const types[2], sqlite3_vtab **out, ext_error *error)
{
    char *text = sqlite3_mprintf("CREATE TABLE x(session %s, rank INTEGER, item %s, "
                                 "score REAL, basis TEXT HIDDEN, "
                                 "exclude_seen BLOB HIDDEN, candidates BLOB HIDDEN)",
                                 affinity(types[0]), affinity(types[1]));
    if (text == NULL)
        return ext_fail_nomem(error);
    int rc = ext_connect_table(connection, text, SQLITE_VTAB_INNOCUOUS, out);
    sqlite3_free(text);
    if (rc == SQLITE_NOMEM) /* of which the connection may not know */
        return ext_fail_nomem(error);
    if (rc != SQLITE_OK)
        return ext_fail_db(error, connection->db, "declaring the table");
    ext_table *table = (ext_table *)*out;
    table->schema = sqlite3_mprintf("%s", schema);
    table->name = sqlite3_mprintf("%s", name);
    if (table->schema != NULL && table->name != NULL)
        return SQLITE_OK;
    ext_disconnect_table(*out);
    *out = NULL;
    return ext_fail_nomem(error);
}

static int create(sqlite3 *db, void *aux, int argc, const char *const *argv,
                  sqlite3_vtab **out, char **message)
{
    ext_config config = {0};
    ext_error error = {0};
    ext_source source = {0};
    *out = NULL;
    int rc = make_config(db, argc, argv, &config, &error);
    if (rc == SQLITE_OK)
        rc = ext_store_create(db, argv[1], argv[2], &config, &error);
    if (rc == SQLITE_OK && config.source != NULL) {
        /* A view may not see what the SELECT itself sees: find out now. */
        ext_columns none = {0};
        rc =
            ext_store_source(db, argv[1], argv[2], &config, NULL, &none, &source, &error);
        ext_source_close(&source);
    }
    if (rc == SQLITE_OK)
        rc = make_table(aux, argv[1], argv[2], config.types, out, &error);
    ext_config_free(&config);
    return ext_error_text(&error, message);
}

static int connect(sqlite3 *db, void *aux, int argc, const char *const *argv,
                   sqlite3_vtab **out, char **message)
{
    ext_config config = {0};
    ext_error error = {0};
    (void)argc;
    *out = NULL;
    int rc = ext_store_config(db, argv[1], argv[2], &config, &error) & 0xff;
    if (rc == SQLITE_ERROR || (rc & 0xff) == SQLITE_CORRUPT)
        ext_error_clear(&error);
    if (error.rc == SQLITE_OK)
        make_table(aux, argv[1], argv[2], config.types, out, &error);
    ext_config_free(&config);
    return ext_error_text(&error, message);
}

static int destroy(sqlite3_vtab *base)
{
    ext_table *table = (ext_table *)base;
    ext_error error = {0};
    if (ext_store_drop(table->connection->db, table->schema, table->name, &error) !=
        SQLITE_OK)
        return ext_error_vtab(&error, base);
    ext_model_forget(table->connection, table->schema, table->name);
    return ext_disconnect_table(base);
}

static int rename_table(sqlite3_vtab *base, const char *new_name)
{
    ext_table *table = (ext_table *)base;
    ext_error error = {0};
    char *copy = sqlite3_mprintf("%s", new_name);
    if (copy == NULL)
        return SQLITE_NOMEM;
    if (ext_store_rename(table->connection->db, table->schema, table->name, new_name,
                         &error) == SQLITE_OK) {
        ext_model_forget(table->connection, table->schema, table->name);
        sqlite3_free(table->name);
        table->name = copy;
    } else {
        sqlite3_free(copy);
    }
    return ext_error_vtab(&error, base);
}

static int is_shadow_name(const char *suffix)
{
    for (int i = 0; ext_shadow_names[i] != NULL; i++)
        if (sqlite3_stricmp(suffix, ext_shadow_names[i]) == 0)
            return 1;
    return 0;
}

/* ---- the module ---- */

/* For PRAGMA integrity_check; a problem is no error but a line of its result. */
static int integrity(sqlite3_vtab *base, const char *schema, const char *name, int flags,
                     char **problem)
{
    ext_table *table = (ext_table *)base;
    ext_error error = {0};
    (void)flags; /* PRAGMA quick_check looks as closely */
    int rc = ext_check_model(table->connection->db, schema, name, &error);
    bool is_problem = rc == SQLITE_ERROR || (rc & 0xff) == SQLITE_CORRUPT;
    if (is_problem)
        rc = ext_error_text(&error, problem);
    ext_error_clear(&error);
    return is_problem ? SQLITE_OK : rc;
}

/*
 * The module as SQLite 3.44 and newer read it. Headers older than that lack the last
 * member; older libraries do not look beyond what they know.
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

int ext_register_model(ext_connection *connection, ext_error *error)
{
    static const module_v4 module = {
        .base.iVersion = 4,
        .base.xCreate = create,
        .base.xConnect = connect,
        .base.xBestIndex = ext_relation_best_index,
        .base.xDisconnect = ext_disconnect_table,
        .base.xDestroy = destroy,
        .base.xOpen = ext_relation_open,
        .base.xClose = ext_relation_close,
        .base.xFilter = ext_relation_filter,
        .base.xNext = ext_relation_next,
        .base.xEof = ext_relation_eof,
        .base.xColumn = ext_relation_column,
        .base.xRowid = ext_relation_rowid,
        .base.xRename = rename_table,
        .base.xShadowName = is_shadow_name,
        X_INTEGRITY = integrity,
    };
    return ext_register_module(connection, "gru4rec", &module.base, error);
}

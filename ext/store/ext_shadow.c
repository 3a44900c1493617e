/*
 * ext_shadow.c - the shadow tables of a model: makes, checks, renames and drops them.
 *
 * The contracts are in ext_store.h. Most of the tables exist as long as the model. Those
 * that only some models need, m_blend and m_trial, are made later: m_config says, as a
 * JSON array under the key 'tables', which of them this model has made. A table of such a
 * name that is not listed there belongs to the user, and no function here changes it.
 */
#include "ext_store.h"

#include <string.h>

/*
 * The shadow tables of a model (N_SHADOWS): the part of a table's name behind "m_", and
 * the SQL that makes the table, for ext_query().
 */
static const struct {
    const char *name, *sql;
    /*
     * NULL: every model has the table. Else the table is made when the model first needs
     * it, and this is a column that a table of the user's of that name hardly has.
     */
    const char *own_column;
} shadows[] = {
    {"config", "CREATE TABLE @config(key TEXT PRIMARY KEY, value) WITHOUT ROWID", NULL},
    {"version",
     "CREATE TABLE @version(version INTEGER PRIMARY KEY, run TEXT, status TEXT, "
     "started TEXT, finished TEXT, process TEXT, source TEXT, options TEXT, "
     "summary TEXT, message TEXT, first_event, last_event, last_rowid INTEGER, "
     "progress REAL, updated TEXT, fingerprints BLOB)",
     NULL},
    {"epoch",
     "CREATE TABLE @epoch(version INTEGER, epoch INTEGER, loss REAL, cost REAL, "
     "steps INTEGER, events INTEGER, seconds REAL, recall REAL, mrr REAL, "
     "updates INTEGER, PRIMARY KEY(version, epoch)) WITHOUT ROWID",
     NULL},
    {"item",
     "CREATE TABLE @item(version INTEGER, row INTEGER, item, support INTEGER, "
     "PRIMARY KEY(version, row)) WITHOUT ROWID",
     NULL},
    {"tensor",
     "CREATE TABLE @tensor(id INTEGER PRIMARY KEY, version INTEGER, name TEXT, "
     "chunk INTEGER, shape TEXT, checksum INTEGER, data BLOB, "
     "UNIQUE(version, name, chunk))",
     NULL},
    {"blend",
     "CREATE TABLE @blend(version INTEGER, chunk INTEGER, checksum INTEGER, data BLOB, "
     "PRIMARY KEY(version, chunk))",
     "checksum"},
    {"trial",
     "CREATE TABLE @trial(tune INTEGER, trial INTEGER, rung INTEGER, epochs INTEGER, "
     "objective REAL, recall REAL, mrr REAL, seconds REAL, options TEXT, status TEXT, "
     "PRIMARY KEY(tune, trial, rung)) WITHOUT ROWID",
     "rung"},
};

enum { N_SHADOWS = sizeof shadows / sizeof *shadows };

/*
 * The columns (N_ADDED) that ext_shadow_upgrade() adds to tables of older builds, in this
 * order: the table's name behind "m_", the column, and the SQL that adds it. An older
 * build that writes a row leaves these columns NULL.
 */
static const struct {
    const char *table, *column, *sql;
} added[] = {
    {"version", "first_event", "ALTER TABLE @version ADD COLUMN first_event"},
    {"version", "last_event", "ALTER TABLE @version ADD COLUMN last_event"},
    {"version", "last_rowid", "ALTER TABLE @version ADD COLUMN last_rowid INTEGER"},
    {"version", "progress", "ALTER TABLE @version ADD COLUMN progress REAL"},
    {"version", "updated", "ALTER TABLE @version ADD COLUMN updated TEXT"},
    {"version", "fingerprints", "ALTER TABLE @version ADD COLUMN fingerprints BLOB"},
};

enum { N_ADDED = sizeof added / sizeof *added };

/*
 * Returns the index in the array shadows of the table m_suffix, in upper or lower case;
 * -1 if suffix is not there.
 */
static int find_suffix(const char *suffix)
{
    for (int i = 0; i < N_SHADOWS; i++)
        if (sqlite3_stricmp(suffix, shadows[i].name) == 0)
            return i;
    return -1;
}

int ext_shadow_is_suffix(const char *suffix)
{
    return find_suffix(suffix) >= 0 || sqlite3_stricmp(suffix, "source") == 0;
}

/* ---- looking ---- */

int ext_shadow_look(sqlite3 *db, const char *schema, const char *table,
                    const char *column, bool *has)
{
    *has = false;
    if (table == NULL)
        return SQLITE_NOMEM;
    int rc = sqlite3_table_column_metadata(db, schema, table, column, NULL, NULL, NULL,
                                           NULL, NULL);
    *has = rc == SQLITE_OK;
    return rc == SQLITE_NOMEM ? rc : SQLITE_OK;
}

int ext_shadow_has_column(const ext_home *home, const char *suffix, const char *column,
                          bool *has, ext_error *error)
{
    char *table = sqlite3_mprintf("%s_%s", home->name, suffix);
    int rc = ext_shadow_look(home->db, home->schema, table, column, has);
    sqlite3_free(table);
    return rc == SQLITE_OK ? rc : ext_error_nomem(error);
}

/*
 * Runs sql, which asks about the list of tables (key 'tables' of m_config), and sets
 * *answer to the integer that it gives; to 0 if the list is not JSON. types: "s" if sql
 * has the parameter ?1, which is suffix, else "". json_valid() is not asked, because it
 * also says no if it has no memory.
 */
static int ask_list(const ext_home *home, int64_t *answer, const char *sql,
                    const char *types, const char *suffix, ext_error *error)
{
    sqlite3_stmt *stmt;
    *answer = 0;
    int rc = ext_query(home, &stmt, error, sql, types, suffix);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        *answer = sqlite3_column_int64(stmt, 0);
    if ((rc & 0xff) == SQLITE_ERROR) /* SQLite's JSON functions say so: it is no JSON */
        rc = SQLITE_DONE;
    return ext_sql_finish(stmt, rc, "reading the model", error);
}

/*
 * Sets *is_own to whether m_config lists the table m_suffix under the key 'tables', as
 * made by this model. A value that is not JSON lists nothing.
 */
static int is_listed(const ext_home *home, const char *suffix, bool *is_own,
                     ext_error *error)
{
    int64_t n;
    int rc = ask_list(home, &n,
                      "SELECT count(*) FROM @config AS c, json_each(c.value) AS t "
                      "WHERE c.key = 'tables' AND t.value = ?1",
                      "s", suffix, error);
    *is_own = n > 0;
    return rc;
}

/*
 * Adds m_suffix to the list of tables that this model made; a value that is not a JSON
 * array is replaced.
 */
static int add_to_list(const ext_home *home, const char *suffix, ext_error *error)
{
    int64_t is_array;
    int rc = ask_list(home, &is_array,
                      "SELECT json_type(value) = 'array' FROM @config "
                      "WHERE key = 'tables'",
                      "", NULL, error);
    if (rc == SQLITE_OK && !is_array)
        rc = ext_query_run(home, error,
                           "REPLACE INTO @config(key, value) "
                           "VALUES ('tables', '[]')",
                           "");
    if (rc == SQLITE_OK)
        rc = ext_query_run(home, error,
                           "UPDATE @config SET value = json_insert(value, '$[#]', ?1) "
                           "WHERE key = 'tables'",
                           "s", suffix);
    return rc;
}

/*
 * The table must have our column (own_column), and m_config must list it. The entry in
 * m_config alone proves nothing: an older build that renames or drops the table does not
 * change the entry.
 */
int ext_shadow_has(const ext_home *home, const char *suffix, bool *has, ext_error *error)
{
    const char *column = shadows[find_suffix(suffix)].own_column;
    int rc = ext_shadow_has_column(home, suffix, column, has, error);
    return rc == SQLITE_OK && *has ? is_listed(home, suffix, has, error) : rc;
}

/* Tells whether the character can be part of an SQL name without quotes. */
static bool is_of_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

/*
 * Tells whether sql, the CREATE statement that sqlite_schema has of a shadow table, makes
 * an ordinary table without generated columns. name: the name of that table. shadow: its
 * index in shadows.
 * False: sql does not begin with "CREATE TABLE ". True: sql ends with the column list of
 * our own CREATE statement (what is before the list may differ, because the table may
 * have been renamed). Otherwise, for example if the user has added columns, false if the
 * word AS stands anywhere behind the name, because each generated column has it.
 */
static bool is_plain(const char *sql, const char *name, int shadow)
{
    static const char head[] = "CREATE TABLE ";
    const char *columns = strchr(shadows[shadow].sql, '(');
    const size_t n = strlen(sql), n_columns = strlen(columns);
    const size_t n_start = strlen(head) + strlen(name);
    if (n < n_start || strncmp(sql, head, strlen(head)) != 0)
        return false;
    if (n >= n_columns && strcmp(sql + n - n_columns, columns) == 0)
        return true;
    for (sql += n_start; *sql != '\0'; sql++)
        if (sqlite3_strnicmp(sql, "as", 2) == 0 && !is_of_name(sql[-1]) &&
            !is_of_name(sql[2]))
            return false;
    return true;
}

/*
 * Sets the error that the table or view of that name, in the place of a shadow table, is
 * not an ordinary table: returns SQLITE_CORRUPT_VTAB.
 */
static int fail_odd(const ext_home *home, const char *name, ext_error *error)
{
    return ext_error_set(error, SQLITE_CORRUPT_VTAB,
                         "model '%s' is damaged: '%s' is not an ordinary table: "
                         "it is a view, or has generated columns; "
                         "restore the database from a backup, or drop it and the model",
                         home->name, name);
}

/* What check_table() has found in sqlite_schema about a model's shadow tables. */
typedef struct survey {
    int n_seen; /* number of tables that were seen, of those that every model has */
    /*
     * For each table that is made later, by its index in shadows: a view, or a table that
     * is not ordinary, has its name. false for all others.
     */
    bool is_odd[N_SHADOWS];
} survey;

/*
 * Checks the table or view in the current row of stmt (name behind "m_", name, type and
 * SQL in sqlite_schema). SQLITE_CORRUPT_VTAB: it is in the place of a table that every
 * model has, but is not an ordinary table. If it is in the place of such a table, counts
 * it in seen->n_seen. If it is in the place of a table that is made later, only notes in
 * seen->is_odd whether it is not ordinary, because it may be the user's. A name that is
 * not in shadows passes.
 */
static int check_table(const ext_home *home, sqlite3_stmt *stmt, survey *seen,
                       ext_error *error)
{
    const char *suffix = (const char *)sqlite3_column_text(stmt, 0);
    const char *name = (const char *)sqlite3_column_text(stmt, 1);
    const char *type = (const char *)sqlite3_column_text(stmt, 2);
    const char *sql = (const char *)sqlite3_column_text(stmt, 3);
    if (suffix == NULL || name == NULL || type == NULL)
        return ext_sql_fail_null(stmt, error);
    const int i = find_suffix(suffix);
    if (i < 0)
        return SQLITE_OK;
    const bool is_odd =
        strcmp(type, "table") != 0 || sql == NULL || !is_plain(sql, name, i);
    if (shadows[i].own_column != NULL) {
        seen->is_odd[i] = is_odd;
        return SQLITE_OK;
    }
    seen->n_seen++;
    return is_odd ? fail_odd(home, name, error) : SQLITE_OK;
}

/*
 * Looks at what is not an ordinary table in the place of a table that is made later
 * (seen->is_odd). SQLITE_CORRUPT_VTAB: m_config lists such a table, so it should be the
 * model's. A table that m_config does not list is the user's, and passes.
 */
static int check_later(const ext_home *home, const survey *seen, ext_error *error)
{
    for (int i = 0; i < N_SHADOWS; i++) {
        bool is_own;
        if (!seen->is_odd[i])
            continue;
        if (is_listed(home, shadows[i].name, &is_own, error) != SQLITE_OK)
            return error->rc;
        if (!is_own)
            continue;
        char *name = sqlite3_mprintf("%s_%s", home->name, shadows[i].name);
        const int rc =
            name != NULL ? fail_odd(home, name, error) : ext_error_nomem(error);
        sqlite3_free(name);
        return rc;
    }
    return SQLITE_OK;
}

/*
 * Sets the error that sqlite_schema shows no shadow table, by the cause. SQLITE_ERROR:
 * the model itself is gone. SQLITE_CORRUPT_VTAB: the model's table is there, but m_config
 * is gone. SQLITE_AUTH: both are there, so an authorizer hides the rows.
 * ext_shadow_look() tells these apart, because SQLite asks no authorizer before it tells
 * about the columns of a table.
 */
static int fail_unseen(const ext_home *home, ext_error *error)
{
    bool has_config, is_there;
    if (ext_shadow_has_column(home, "config", NULL, &has_config, error) != SQLITE_OK)
        return error->rc;
    if (ext_shadow_look(home->db, home->schema, home->name, NULL, &is_there) != SQLITE_OK)
        return ext_error_nomem(error);
    /*
     * Another connection dropped the model, so the error is that there is no such model.
     * SQLite has noticed that at the query before this call.
     */
    if (!is_there)
        return ext_schema_fail_missing(home->name, error);
    if (!has_config)
        return ext_error_set(error, SQLITE_CORRUPT_VTAB,
                             "model '%s' is damaged: its tables are gone; restore the "
                             "database from a backup, or drop the model",
                             home->name);
    return ext_error_set(error, SQLITE_AUTH,
                         "not authorized to see the tables of model '%s'; "
                         "let the host's authorizer allow reads of sqlite_schema",
                         home->name);
}

int ext_shadow_check(const ext_home *home, ext_error *error)
{
    sqlite3_stmt *stmt;
    survey seen = {0};
    int rc = ext_query(home, &stmt, error,
                       "SELECT lower(substr(name, length(?1) + 2)), name, type, sql "
                       "FROM @schema.sqlite_schema WHERE type IN ('table', 'view') AND "
                       "lower(substr(name, 1, length(?1) + 1)) = lower(?1 || '_')",
                       "s", home->name);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = check_table(home, stmt, &seen, error);
    rc = ext_sql_finish(stmt, rc, "reading the model", error);
    if (rc != SQLITE_OK)
        return rc;
    return seen.n_seen > 0 ? check_later(home, &seen, error) : fail_unseen(home, error);
}

/* Tells whether the SQL that makes m_version has the word name. */
static bool is_known(const char *name)
{
    const char *sql = shadows[find_suffix("version")].sql;
    const size_t n = strlen(name);
    for (const char *at = sql; n > 0 && (at = strstr(at, name)) != NULL; at++)
        if (at > sql && !is_of_name(at[-1]) && !is_of_name(at[n]))
            return true;
    return false;
}

/*
 * Sets *found to the first column of m_version that this build does not know, a text to
 * free by sqlite3_free(); NULL: it knows all.
 */
static int find_unknown(const ext_home *home, char **found, ext_error *error)
{
    sqlite3_stmt *stmt;
    *found = NULL;
    int rc = ext_query(home, &stmt, error, "SELECT * FROM @version LIMIT 0", "");
    const int n = sqlite3_column_count(stmt);
    for (int i = 0; rc == SQLITE_OK && *found == NULL && i < n; i++) {
        const char *name = sqlite3_column_name(stmt, i);
        if (name != NULL && is_known(name))
            continue;
        *found = name != NULL ? sqlite3_mprintf("%s", name) : NULL;
        if (*found == NULL)
            rc = ext_error_nomem(error);
    }
    return ext_sql_finish(stmt, rc, "reading the model", error);
}

int ext_shadow_check_names(const ext_home *home, ext_error *error)
{
    for (int i = 0; i < N_ADDED; i++) {
        bool has;
        char *other;
        if (ext_shadow_has_column(home, added[i].table, added[i].column, &has, error) !=
            SQLITE_OK)
            return error->rc;
        if (has)
            continue;
        if (find_unknown(home, &other, error) == SQLITE_OK && other != NULL)
            ext_error_set(
                error, SQLITE_CORRUPT_VTAB,
                "model '%s' may be damaged: %s_%s has no column %s, but a column "
                "'%s'; if its name has changed, restore the database from a "
                "backup; if you have added it to a model of an older build, "
                "train once more",
                home->name, home->name, added[i].table, added[i].column, other);
        sqlite3_free(other);
        return error->rc;
    }
    return SQLITE_OK;
}

int ext_shadow_upgrade(const ext_home *home, ext_error *error)
{
    int rc = SQLITE_OK;
    for (int i = 0; rc == SQLITE_OK && i < N_ADDED; i++) {
        bool has;
        rc = ext_shadow_has_column(home, added[i].table, added[i].column, &has, error);
        if (rc == SQLITE_OK && !has)
            rc = ext_query_run(home, error, added[i].sql, "");
    }
    return rc == SQLITE_OK ? ext_identity_make(home, error) : rc;
}

/* ---- making ---- */

int ext_shadow_check_free(const ext_home *home, const char *suffix, ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_query(home, &stmt, error,
                       "SELECT type, name FROM @schema.sqlite_schema "
                       "WHERE type IN ('table', 'view', 'index') AND "
                       "lower(name) = lower(?1 || '_' || ?2)",
                       "ss", home->name, suffix);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        rc = ext_error_set(
            error, SQLITE_ERROR,
            "a %s '%s' exists, and the model '%s' needs that name; rename one of them",
            sqlite3_column_text(stmt, 0), sqlite3_column_text(stmt, 1), home->name);
    return ext_sql_finish(stmt, rc, "creating the model", error);
}

/*
 * SQLite 3.44 and 3.45 check a table that they have made by PRAGMA integrity_check(NAME).
 * They take a NAME that begins with digits for a number, and then check the whole
 * database, also the virtual table that is being created, which is an error.
 */
static int check_digits(const ext_home *home, ext_error *error)
{
    const int version = sqlite3_libversion_number();
    if (version < 3044000 || version >= 3046000 ||
        !(home->name[0] >= '0' && home->name[0] <= '9'))
        return SQLITE_OK;
    return ext_error_set(error, SQLITE_ERROR,
                         "SQLite %s cannot make a model whose name begins with a digit "
                         "('%s'); choose a name that begins with a letter, or use "
                         "SQLite 3.46 or newer",
                         sqlite3_libversion(), home->name);
}

int ext_shadow_check_all_free(const ext_home *home, ext_error *error)
{
    int rc = check_digits(home, error);
    for (int i = 0; rc == SQLITE_OK && i < N_SHADOWS; i++)
        if (shadows[i].own_column == NULL)
            rc = ext_shadow_check_free(home, shadows[i].name, error);
    return rc;
}

int ext_shadow_make_all(const ext_home *home, ext_error *error)
{
    int rc = SQLITE_OK;
    for (int i = 0; rc == SQLITE_OK && i < N_SHADOWS; i++)
        if (shadows[i].own_column == NULL)
            rc = ext_query_run(home, error, shadows[i].sql, "");
    return rc;
}

int ext_shadow_check_later(const ext_home *home, const char *suffix, ext_error *error)
{
    bool has;
    int rc = ext_shadow_has(home, suffix, &has, error);
    return rc == SQLITE_OK && !has ? ext_shadow_check_free(home, suffix, error) : rc;
}

int ext_shadow_make_later(const ext_home *home, const char *suffix, ext_error *error)
{
    bool has;
    int rc = ext_shadow_has(home, suffix, &has, error);
    if (rc != SQLITE_OK || has)
        return rc;
    rc = ext_shadow_check_free(home, suffix, error);
    if (rc == SQLITE_OK)
        rc = ext_query_run(home, error, shadows[find_suffix(suffix)].sql, "");
    if (rc == SQLITE_OK)
        rc = is_listed(home, suffix, &has, error);
    return rc == SQLITE_OK && !has ? add_to_list(home, suffix, error) : rc;
}

/* ---- dropping and renaming ---- */

/*
 * Sets *has to whether the table m_suffix of that index in shadows exists and is the
 * model's. A view of its name is not ours. has_later: m_config can be read, so it tells
 * which of the tables that are made later are the model's; false: none of those counts.
 */
static int has_own(const ext_home *home, int shadow, bool has_later, bool *has,
                   ext_error *error)
{
    *has = false;
    if (shadows[shadow].own_column == NULL)
        return ext_shadow_has_column(home, shadows[shadow].name, NULL, has, error);
    return has_later ? ext_shadow_has(home, shadows[shadow].name, has, error) : SQLITE_OK;
}

int ext_shadow_drop(const ext_home *home, bool has_later, ext_error *error)
{
    int rc = SQLITE_OK;
    /*
     * The loop goes backwards, so that m_config, which lists the tables that are made
     * later, is dropped last.
     */
    for (int i = N_SHADOWS; rc == SQLITE_OK && i-- > 0;) {
        bool has;
        rc = has_own(home, i, has_later, &has, error);
        if (rc == SQLITE_OK && has)
            rc = ext_sql_run(home->db, error, "DROP TABLE \"%w\".\"%w_%s\"", home->schema,
                             home->name, shadows[i].name);
    }
    return rc;
}

int ext_shadow_rename(const ext_home *home, const char *new_name, ext_error *error)
{
    int rc = SQLITE_OK;
    /*
     * The loop goes backwards, so that m_config, which lists the tables that are made
     * later, is renamed last.
     */
    for (int i = N_SHADOWS; rc == SQLITE_OK && i-- > 0;) {
        bool has = true;
        if (shadows[i].own_column != NULL)
            rc = ext_shadow_has(home, shadows[i].name, &has, error);
        if (rc == SQLITE_OK && has)
            rc = ext_sql_run(home->db, error,
                             "ALTER TABLE \"%w\".\"%w_%s\" RENAME TO \"%w_%s\"",
                             home->schema, home->name, shadows[i].name, new_name,
                             shadows[i].name);
    }
    return rc;
}

/*
 * ext_query.c - prepares and runs SQL on the tables of a model; see ext_base.h.
 *
 * The name of each table is written with its schema, so that a TEMP table of the same
 * name cannot be read in its place.
 */
#include "ext_base.h"

#include <stdarg.h>
#include <string.h>

static bool is_name(const char *name, size_t n, const char *other)
{
    return n == strlen(other) && strncmp(name, other, n) == 0;
}

/*
 * Returns a copy of sql, which the caller frees, in which names are written out in
 * quotes: @schema as the schema, @model as the model's table, and any other @name as the
 * shadow table m_name of the model m; both tables with the schema before them. Returns
 * NULL if there is not enough memory.
 */
static char *expand(const ext_home *home, const char *sql)
{
    /*
     * The text is built without a connection, so that the limit of lengths that a
     * connection has does not hold here.
     */
    sqlite3_str *text = sqlite3_str_new(NULL);
    for (const char *at = strchr(sql, '@'); at != NULL; at = strchr(sql, '@')) {
        const char *name = at + 1;
        const size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz");
        sqlite3_str_append(text, sql, (int)(at - sql));
        if (is_name(name, n, "schema"))
            sqlite3_str_appendf(text, "\"%w\"", home->schema);
        else if (is_name(name, n, "model"))
            sqlite3_str_appendf(text, "\"%w\".\"%w\"", home->schema, home->name);
        else
            sqlite3_str_appendf(text, "\"%w\".\"%w_%.*s\"", home->schema, home->name,
                                (int)n, name);
        sql = name + n;
    }
    sqlite3_str_appendall(text, sql);
    return sqlite3_str_finish(text);
}

/*
 * Binds the next value of args, whose type is the letter type (i, d or s, as for
 * ext_query()), to a parameter of the statement. Returns SQLite's result code.
 */
static int bind(sqlite3_stmt *stmt, int parameter, char type, va_list *args)
{
    assert(strchr("ids", type) != NULL);
    if (type == 'i')
        return sqlite3_bind_int64(stmt, parameter, va_arg(*args, int64_t));
    if (type == 'd') /* NAN is bound as NULL */
        return sqlite3_bind_double(stmt, parameter, va_arg(*args, double));
    return sqlite3_bind_text(stmt, parameter, va_arg(*args, const char *), -1,
                             SQLITE_TRANSIENT);
}

/*
 * Expands sql, prepares it, and binds the values of args, as ext_query() describes. After
 * a failure *stmt is NULL.
 */
static int prepare(const ext_home *home, sqlite3_stmt **stmt, ext_error *error,
                   const char *sql, const char *types, va_list *args)
{
    char *text = expand(home, sql);
    *stmt = NULL;
    if (text == NULL)
        return ext_error_nomem(error);
    GRU4REC_TRACE(3, "SQL: %s", text);
    int rc = ext_sql_prepare(home->db, stmt, error, "%s", text);
    sqlite3_free(text);
    if (rc != SQLITE_OK)
        return rc;
    for (int i = 0; rc == SQLITE_OK && types[i] != '\0'; i++)
        rc = bind(*stmt, i + 1, types[i], args);
    if (rc == SQLITE_OK)
        return SQLITE_OK;
    rc = ext_error_db(error, home->db, NULL);
    sqlite3_finalize(*stmt);
    *stmt = NULL;
    return rc;
}

/*
 * Prepares SQL on the model's tables, runs it to its end, and finalizes it. integer: gets
 * the first column of the first row, as an integer, and keeps its value if there is no
 * row; NULL: all rows are dropped.
 */
static int run(const ext_home *home, int64_t *integer, ext_error *error, const char *sql,
               const char *types, va_list *args)
{
    sqlite3_stmt *stmt;
    int rc = prepare(home, &stmt, error, sql, types, args);
    if (rc != SQLITE_OK)
        return rc;
    bool is_first = true;
    for (; (rc = sqlite3_step(stmt)) == SQLITE_ROW; is_first = false)
        if (integer != NULL && is_first)
            *integer = sqlite3_column_int64(stmt, 0);
    return ext_sql_finish(stmt, rc, integer != NULL ? "reading the model" : NULL, error);
}

int ext_query(const ext_home *home, sqlite3_stmt **stmt, ext_error *error,
              const char *sql, const char *types, ...)
{
    va_list args;
    va_start(args, types);
    int rc = prepare(home, stmt, error, sql, types, &args);
    va_end(args);
    return rc;
}

int ext_query_run(const ext_home *home, ext_error *error, const char *sql,
                  const char *types, ...)
{
    va_list args;
    va_start(args, types);
    int rc = run(home, NULL, error, sql, types, &args);
    va_end(args);
    return rc;
}

int ext_query_integer(const ext_home *home, int64_t *integer, ext_error *error,
                      const char *sql, const char *types, ...)
{
    va_list args;
    *integer = 0;
    va_start(args, types);
    int rc = run(home, integer, error, sql, types, &args);
    va_end(args);
    return rc;
}

/*
 * ext_sql.c - prepares and runs statements on a connection; see ext_base.h. SQL on the
 * tables of a model is in ext_query.c.
 */
#include "ext_base.h"

#include <stdarg.h>
#include <string.h>

/*
 * The value of SQLITE_PREPARE_FROM_DDL, which older headers of SQLite do not define;
 * older libraries ignore this flag.
 */
enum { FROM_DDL = 0x20 };

/*
 * Tells whether the SQL is meant to write: it begins with INSERT, DROP TABLE and the
 * like, in upper case and without white space before. If SQLite says that such a
 * statement is read-only, an authorizer answered SQLITE_IGNORE, and the statement does
 * nothing.
 */
static bool is_writing(const char *text)
{
    static const char *const verbs[] = {"INSERT",     "REPLACE",     "UPDATE",
                                        "DELETE",     "CREATE",      "ALTER",
                                        "DROP TABLE", "DROP VIEW \""};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strncmp(text, verbs[i], strlen(verbs[i])) == 0)
            return true;
    return false;
}

/*
 * Tells whether an authorizer answered SQLITE_IGNORE for the statement with this text. It
 * did if a SELECT has no columns (it then gives no rows, as if the table were empty), and
 * if a statement that is meant to write is read-only (it then does nothing).
 */
static bool is_ignored(sqlite3_stmt *stmt, const char *text)
{
    static const char select[] = "SELECT ";
    return (strncmp(text, select, strlen(select)) == 0 &&
            sqlite3_column_count(stmt) == 0) ||
           (is_writing(text) && sqlite3_stmt_readonly(stmt));
}

/*
 * Prepares one statement from text, with the results and errors of ext_sql_prepare(), and
 * frees text in any case. text may be NULL, which means that there was not enough memory
 * for it: the error is then SQLITE_NOMEM. flags: those of sqlite3_prepare_v3().
 */
static int prepare(sqlite3 *db, sqlite3_stmt **stmt, ext_error *error, char *text,
                   unsigned flags)
{
    const char *tail = NULL;
    *stmt = NULL;
    if (text == NULL)
        return ext_error_nomem(error);
    int rc = sqlite3_prepare_v3(db, text, -1, flags, stmt, &tail);
    if (rc != SQLITE_OK) {
        rc = ext_error_db(error, db, NULL);
    } else if (*stmt == NULL || tail[strspn(tail, " \t\r\n;")] != '\0') {
        sqlite3_finalize(*stmt);
        *stmt = NULL;
        rc = ext_error_set(error, SQLITE_ERROR, "'%s' is not one statement",
                           ext_show_text(&(ext_show){""}, text));
    } else if (is_ignored(*stmt, text)) {
        sqlite3_finalize(*stmt);
        *stmt = NULL;
        rc = ext_error_set(error, SQLITE_AUTH, "not authorized");
    } else if (!sqlite3_stmt_readonly(*stmt)) {
        rc = ext_readonly_check("this call", error);
        if (rc != SQLITE_OK) {
            sqlite3_finalize(*stmt);
            *stmt = NULL;
        }
    }
    sqlite3_free(text);
    return rc;
}

int ext_sql_prepare(sqlite3 *db, sqlite3_stmt **stmt, ext_error *error,
                    const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = sqlite3_vmprintf(format, args);
    va_end(args);
    return prepare(db, stmt, error, text, 0);
}

int ext_sql_prepare_stored(sqlite3 *db, sqlite3_stmt **stmt, ext_error *error,
                           const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = sqlite3_vmprintf(format, args);
    va_end(args);
    return prepare(db, stmt, error, text, FROM_DDL);
}

int ext_sql_try(sqlite3 *db, sqlite3_stmt **stmt, ext_error *error, const char *format,
                ...)
{
    ext_error refusal = {0};
    va_list args;
    va_start(args, format);
    char *text = sqlite3_vmprintf(format, args);
    va_end(args);
    prepare(db, stmt, &refusal, text, 0);
    if (ext_error_is(&refusal, SQLITE_NOMEM) ||
        ext_error_is(&refusal, SQLITE_INTERRUPT) || ext_error_is(&refusal, SQLITE_AUTH))
        return ext_error_wrap(error, &refusal, "", "");
    ext_error_clear(&refusal);
    return SQLITE_OK;
}

int ext_sql_run(sqlite3 *db, ext_error *error, const char *format, ...)
{
    sqlite3_stmt *stmt;
    va_list args;
    va_start(args, format);
    char *text = sqlite3_vmprintf(format, args);
    va_end(args);
    int rc = prepare(db, &stmt, error, text, 0);
    if (rc != SQLITE_OK)
        return rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
        ;
    return ext_sql_finish(stmt, rc, NULL, error);
}

int ext_sql_finish(sqlite3_stmt *stmt, int rc, const char *what, ext_error *error)
{
    if (rc == SQLITE_OK || rc == SQLITE_ROW || rc == SQLITE_DONE)
        rc = SQLITE_OK;
    else if (error->rc == SQLITE_OK)
        rc = ext_error_db(error, sqlite3_db_handle(stmt), what);
    /* SQLite notes in the statement that it had no memory for a text of a row. */
    if ((sqlite3_finalize(stmt) & 0xff) == SQLITE_NOMEM &&
        !ext_error_is(error, SQLITE_NOMEM) && !error->is_limit) {
        ext_error_clear(error);
        rc = ext_error_nomem(error);
    }
    return rc;
}

int64_t ext_sql_probe(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int64_t integer = 0;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        integer = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return integer;
}

int ext_sql_shorten_timeout(sqlite3 *db, int64_t ms)
{
    const int before = (int)ext_sql_probe(db, "PRAGMA busy_timeout");
    if (before > ms)
        sqlite3_busy_timeout(db, (int)ms);
    return before;
}

void ext_sql_restore_timeout(sqlite3 *db, int before, int64_t ms)
{
    if (before > ms)
        sqlite3_busy_timeout(db, before);
}

int ext_sql_fail_null(sqlite3_stmt *stmt, ext_error *error)
{
    if (sqlite3_errcode(sqlite3_db_handle(stmt)) == SQLITE_NOMEM)
        return ext_error_nomem(error);
    return ext_error_set(
        error, SQLITE_AUTH,
        "not authorized: a value that must be there is NULL; check whether "
        "an authorizer of the host ignores a column or a function");
}

bool ext_sql_is_writing(sqlite3 *db)
{
    sqlite3_stmt *stmt = sqlite3_next_stmt(db, NULL);
    while (stmt != NULL && (sqlite3_stmt_readonly(stmt) || !sqlite3_stmt_busy(stmt)))
        stmt = sqlite3_next_stmt(db, stmt);
    return stmt != NULL;
}

/*
 * SQLite before 3.39 has no function that gives the name of a schema. There the PRAGMA
 * gives it, which an authorizer may deny. Neither way reads a file, so that a transaction
 * may still begin with a write.
 */
int ext_sql_schema(char **name, sqlite3 *db, int i, ext_error *error)
{
    sqlite3_stmt *stmt;
    *name = NULL;
#if SQLITE_VERSION_NUMBER >= 3039000
    if (sqlite3_libversion_number() >= 3039000) {
        const char *own = sqlite3_db_name(db, i);
        *name = own != NULL ? sqlite3_mprintf("%s", own) : NULL;
        return own == NULL || *name != NULL ? SQLITE_OK : ext_error_nomem(error);
    }
#endif
    int rc = ext_sql_prepare(db, &stmt, error, "PRAGMA database_list");
    for (int row = 0; rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW; row++) {
        rc = SQLITE_OK;
        if (row == i && (*name = ext_sql_text(stmt, 1)) == NULL)
            rc = ext_error_nomem(error);
    }
    return ext_sql_finish(stmt, rc, "looking for schemas", error);
}

/*
 * Tells whether the error must be reported after a schema could not be read: it is one of
 * the codes below, also in extended form. They have a temporary cause, which says nothing
 * about the tables of the schema, or make SQLite roll back the user's transaction.
 * Returns false if the error is not set.
 */
static bool is_passing(const ext_error *error)
{
    static const int codes[] = {SQLITE_BUSY,      SQLITE_LOCKED, SQLITE_NOMEM,
                                SQLITE_INTERRUPT, SQLITE_IOERR,  SQLITE_FULL};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (ext_error_is(error, codes[i]))
            return true;
    return false;
}

int ext_sql_refresh(sqlite3 *db, ext_error *error)
{
    char *schema = NULL;
    for (int i = 0; error->rc == SQLITE_OK; i++) {
        if (ext_sql_schema(&schema, db, i, error) != SQLITE_OK || schema == NULL)
            break;
        /* No other connection can change "temp", and to read it would open a file. */
        if (strcmp(schema, "temp") != 0)
            ext_sql_run(db, error, "SELECT 1 FROM \"%w\".sqlite_schema LIMIT 1", schema);
        sqlite3_free(schema);
        if (!is_passing(error))
            ext_error_clear(error);
    }
    return error->rc;
}

char *ext_sql_text(sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    return text != NULL ? sqlite3_mprintf("%s", text) : NULL;
}

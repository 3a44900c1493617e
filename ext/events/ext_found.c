/*
 * ext_found.c - what a schema has under a name; see ext_events.h.
 *
 * sqlite_schema itself is read, because an authorizer may deny PRAGMA. An authorizer that
 * answers SQLITE_IGNORE makes columns NULL; that is an error, or the table would seem not
 * to exist. So that such a NULL is seen, the SQL names each column once and has no WHERE.
 */
#include "ext_events.h"

#include <string.h>

/*
 * Reads a row (type, name, sql) of sqlite_schema. If it is the row of a table, virtual
 * table or view of that name, sets *found to what it is; for any other row *found stays.
 * One row may be all NULL: that of a table that is being created; *n_empty counts such
 * rows. SQLITE_NOMEM: there is no memory to read a text. SQLITE_AUTH: a second row is all
 * NULL, or only some columns of a table's or a view's row are: then an authorizer hides
 * columns.
 */
static int read_row(sqlite3_stmt *stmt, const char *name, ext_found *found, int *n_empty,
                    ext_error *error)
{
    static const char table[] = "CREATE TABLE ";
    const char *type = (const char *)sqlite3_column_text(stmt, 0);
    const char *its_name = (const char *)sqlite3_column_text(stmt, 1);
    const char *sql = (const char *)sqlite3_column_text(stmt, 2);
    const bool is_empty = type == NULL && its_name == NULL && sql == NULL;
    if ((is_empty && ++*n_empty == 1) ||
        (type != NULL && strcmp(type, "table") != 0 && strcmp(type, "view") != 0))
        return SQLITE_OK;
    if (type == NULL || its_name == NULL || sql == NULL)
        return ext_error_set(error, SQLITE_AUTH,
                             "not authorized to read sqlite_schema, "
                             "where the source is looked for; "
                             "let the authorizer allow it");
    if (sqlite3_stricmp(its_name, name) != 0)
        return SQLITE_OK;
    if (strcmp(type, "view") == 0)
        *found = EXT_FOUND_VIEW;
    else if (sqlite3_strnicmp(sql, table, (int)strlen(table)) == 0)
        *found = EXT_FOUND_TABLE; /* SQLite writes the SQL of every table so */
    else                          /* a virtual table, or a forged text */
        *found = EXT_FOUND_VIRTUAL_TABLE;
    return SQLITE_OK;
}

int ext_found_in(ext_found *found, sqlite3 *db, const char *schema, const char *name,
                 ext_error *error)
{
    sqlite3_stmt *stmt;
    int n_empty = 0;
    *found = EXT_FOUND_NOTHING;
    int rc = ext_sql_try(db, &stmt, error,
                         "SELECT type, name, sql FROM \"%w\".sqlite_schema", schema);
    if (rc != SQLITE_OK || stmt == NULL)
        return rc;
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = read_row(stmt, name, found, &n_empty, error);
    return ext_sql_finish(stmt, rc, "looking for the source", error);
}

int ext_found_first(ext_found *found, sqlite3 *db, const char *name, ext_error *error)
{
    char *schema = NULL;
    int rc = ext_found_in(found, db, "temp", name, error);
    for (int i = 0; rc == SQLITE_OK && *found == EXT_FOUND_NOTHING; i++) {
        rc = ext_sql_schema(&schema, db, i, error);
        if (schema == NULL)
            break;
        if (sqlite3_stricmp(schema, "temp") != 0)
            rc = ext_found_in(found, db, schema, name, error);
        sqlite3_free(schema);
    }
    return rc;
}

/* ext_report_rows.c - the rows of a query, kept in memory; see ext_report.h. */
#include "ext_report.h"

#include <math.h>

/* Makes room for one more row. */
static int make_room(ext_report_rows *rows, ext_error *error)
{
    if (rows->n < rows->capacity)
        return SQLITE_OK;
    const size_t capacity = 2 * rows->capacity + 8;
    sqlite3_value **values = sqlite3_realloc64(rows->values, capacity * rows->n_columns *
                                                                 sizeof(sqlite3_value *));
    if (values == NULL)
        return ext_error_nomem(error);
    rows->values = values;
    rows->capacity = capacity;
    return SQLITE_OK;
}

/*
 * Copies a value into *copy. A text becomes UTF-8 now, so that a later reading of it
 * cannot fail. *copy is NULL after a failure.
 */
static int copy_value(sqlite3_value **copy, sqlite3_value *value, ext_error *error)
{
    *copy = sqlite3_value_dup(value);
    if (*copy != NULL &&
        (sqlite3_value_type(*copy) == SQLITE_NULL || sqlite3_value_text(*copy) != NULL ||
         sqlite3_value_type(*copy) == SQLITE_BLOB))
        return SQLITE_OK;
    sqlite3_value_free(*copy);
    *copy = NULL;
    return ext_error_nomem(error);
}

/* Appends the present row of the statement. */
static int add_row(ext_report_rows *rows, sqlite3_stmt *stmt, ext_error *error)
{
    int rc = make_room(rows, error);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_value **row = rows->values + rows->n++ * rows->n_columns;
    for (size_t i = 0; i < rows->n_columns; i++)
        row[i] = NULL;
    for (size_t i = 0; rc == SQLITE_OK && i < rows->n_columns; i++)
        rc = copy_value(&row[i], sqlite3_column_value(stmt, (int)i), error);
    return rc;
}

int ext_report_rows_read(ext_report_rows *rows, sqlite3_stmt *stmt, ext_error *error)
{
    int rc = SQLITE_OK;
    if (stmt == NULL)
        return error->rc;
    assert(rows->n == 0 || rows->n_columns == (size_t)sqlite3_column_count(stmt));
    rows->n_columns = (size_t)sqlite3_column_count(stmt);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = add_row(rows, stmt, error);
    return ext_sql_finish(stmt, rc, NULL, error);
}

void ext_report_rows_free(ext_report_rows *rows)
{
    for (size_t i = 0; i < rows->n * rows->n_columns; i++)
        sqlite3_value_free(rows->values[i]);
    sqlite3_free(rows->values);
    *rows = (ext_report_rows){0};
}

/* Returns the value in that place; NULL: there is no such row, or the value is NULL. */
static sqlite3_value *value_at(const ext_report_rows *rows, size_t row, size_t column)
{
    if (row >= rows->n || column >= rows->n_columns)
        return NULL;
    sqlite3_value *value = rows->values[row * rows->n_columns + column];
    return sqlite3_value_type(value) != SQLITE_NULL ? value : NULL;
}

const char *ext_report_rows_text(const ext_report_rows *rows, size_t row, size_t column)
{
    sqlite3_value *value = value_at(rows, row, column);
    return value != NULL ? (const char *)sqlite3_value_text(value) : NULL;
}

int64_t ext_report_rows_integer(const ext_report_rows *rows, size_t row, size_t column)
{
    sqlite3_value *value = value_at(rows, row, column);
    return value != NULL ? sqlite3_value_int64(value) : 0;
}

double ext_report_rows_real(const ext_report_rows *rows, size_t row, size_t column)
{
    sqlite3_value *value = value_at(rows, row, column);
    return value != NULL ? sqlite3_value_double(value) : NAN;
}

bool ext_report_rows_is_null(const ext_report_rows *rows, size_t row, size_t column)
{
    return value_at(rows, row, column) == NULL;
}

int ext_report_rows_excuse(char **why, ext_error *cause, ext_error *error)
{
    if (cause->rc == SQLITE_OK)
        return SQLITE_OK;
    if (!ext_error_is(cause, SQLITE_ERROR) || cause->is_limit)
        return ext_error_wrap(error, cause, "", "");
    sqlite3_free(*why);
    *why = sqlite3_mprintf("%s", ext_error_message(cause));
    ext_error_clear(cause);
    return *why != NULL ? SQLITE_OK : ext_error_nomem(error);
}

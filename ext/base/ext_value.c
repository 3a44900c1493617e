/* ext_args.c - SQL values into what the library takes; see ext_int.h. */
#include "ext_base.h"

#include <math.h>
#include <string.h>

/* SQLITE_PREPARE_FROM_DDL of newer headers; older libraries ignore it. */
enum { FROM_DDL = 0x20 };

static int prepare(sqlite3 *db, char *text, unsigned flags, sqlite3_stmt **stmt,
                   ext_error *error)
{
    const char *tail = NULL;
    *stmt = NULL;
    if (text == NULL)
        return ext_fail_nomem(error);
    int rc = sqlite3_prepare_v3(db, text, -1, flags, stmt, &tail);
    if (rc != SQLITE_OK) {
        rc = ext_fail_db(error, db, NULL);
    } else if (*stmt == NULL || tail[strspn(tail, " \t\r\n;")] != '\0') {
        sqlite3_finalize(*stmt);
        *stmt = NULL;
        rc = ext_fail(error, SQLITE_ERROR, "'%.60s' is not one statement", text);
    }
    sqlite3_free(text);
    return rc;
}

int ext_prepare(sqlite3 *db, char *text, sqlite3_stmt **stmt, ext_error *error)
{
    return prepare(db, text, 0, stmt, error);
}

int ext_prepare_stored(sqlite3 *db, char *text, sqlite3_stmt **stmt, ext_error *error)
{
    return prepare(db, text, FROM_DDL, stmt, error);
}

int ext_exec(sqlite3 *db, char *text, ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_prepare(db, text, &stmt, error);
    if (rc != SQLITE_OK)
        return rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
        ;
    if (rc != SQLITE_DONE)
        rc = ext_fail_db(error, db, NULL);
    else
        rc = SQLITE_OK;
    sqlite3_finalize(stmt);
    return rc;
}

/* ---- ids ---- */

bool ext_value_id(sqlite3_value *value, gru4rec_id *id)
{
    memset(id, 0, sizeof *id);
    switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
        id->type = GRU4REC_ID_INTEGER;
        id->integer = sqlite3_value_int64(value);
        return true;
    case SQLITE_FLOAT:
        id->type = GRU4REC_ID_REAL;
        id->real = sqlite3_value_double(value);
        return true;
    case SQLITE_TEXT:
        id->type = GRU4REC_ID_TEXT;
        id->bytes = sqlite3_value_text(value);
        id->n_bytes = (size_t)sqlite3_value_bytes(value);
        return id->bytes != NULL;
    case SQLITE_BLOB:
        id->type = GRU4REC_ID_BLOB;
        id->bytes = sqlite3_value_blob(value);
        id->n_bytes = (size_t)sqlite3_value_bytes(value);
        return true;
    default:
        return false;
    }
}

int32_t ext_value_row(sqlite3_value *value, const gru4rec_items *items)
{
    gru4rec_id id;
    return ext_value_id(value, &id) ? gru4rec_items_find(items, &id) : -1;
}

bool ext_column_id(sqlite3_stmt *stmt, int column, gru4rec_id *id)
{
    memset(id, 0, sizeof *id);
    switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_INTEGER:
        id->type = GRU4REC_ID_INTEGER;
        id->integer = sqlite3_column_int64(stmt, column);
        return true;
    case SQLITE_FLOAT:
        id->type = GRU4REC_ID_REAL;
        id->real = sqlite3_column_double(stmt, column);
        return true;
    case SQLITE_TEXT:
        id->type = GRU4REC_ID_TEXT;
        id->bytes = sqlite3_column_text(stmt, column);
        id->n_bytes = (size_t)sqlite3_column_bytes(stmt, column);
        return id->bytes != NULL;
    case SQLITE_BLOB:
        id->type = GRU4REC_ID_BLOB;
        id->bytes = sqlite3_column_blob(stmt, column);
        id->n_bytes = (size_t)sqlite3_column_bytes(stmt, column);
        return true;
    default:
        return false;
    }
}

int ext_value_integer(sqlite3_value *value, int64_t *integer, bool *is_integer,
                      ext_error *error)
{
    sqlite3_value *copy = sqlite3_value_dup(value); /* which numeric_type changes */
    if (copy == NULL)
        return ext_fail_nomem(error);
    *is_integer = sqlite3_value_numeric_type(copy) == SQLITE_INTEGER;
    *integer = *is_integer ? sqlite3_value_int64(copy) : 0;
    sqlite3_value_free(copy);
    return SQLITE_OK;
}

void ext_result_id(sqlite3_context *context, const gru4rec_id *id)
{
    if (id->type == GRU4REC_ID_INTEGER)
        sqlite3_result_int64(context, id->integer);
    else if (id->type == GRU4REC_ID_REAL)
        sqlite3_result_double(context, id->real);
    else if (id->type == GRU4REC_ID_BLOB)
        sqlite3_result_blob64(context, id->bytes, id->n_bytes, SQLITE_TRANSIENT);
    else
        sqlite3_result_text64(context, id->bytes, id->n_bytes, SQLITE_TRANSIENT,
                              SQLITE_UTF8);
}

int ext_bind_id(sqlite3_stmt *stmt, int parameter, const gru4rec_id *id)
{
    if (id->type == GRU4REC_ID_INTEGER)
        return sqlite3_bind_int64(stmt, parameter, id->integer);
    return sqlite3_bind_text64(stmt, parameter, id->bytes, id->n_bytes, SQLITE_TRANSIENT,
                               SQLITE_UTF8);
}

/* ---- lists of items ---- */

int ext_rows_add(ext_rows *list, int32_t row, ext_error *error)
{
    if (list->n == list->capacity) {
        size_t capacity = list->capacity * 2 + 16;
        int32_t *rows = sqlite3_realloc64(list->rows, capacity * sizeof *rows);
        if (rows == NULL)
            return ext_fail_nomem(error);
        list->rows = rows;
        list->capacity = capacity;
    }
    list->rows[list->n++] = row;
    return SQLITE_OK;
}

void ext_rows_free(ext_rows *list)
{
    sqlite3_free(list->rows);
    memset(list, 0, sizeof *list);
}

/* What is at a place, from 1, of the list. */
static int add_item(ext_rows *list, ext_rows *positions, int32_t place,
                    const gru4rec_items *items, gru4rec_id *id, ext_error *error)
{
    if (id->type == GRU4REC_ID_REAL && id->real == floor(id->real) &&
        fabs(id->real) < 9e15) { /* 5.0, as some JSON writers have it */
        id->type = GRU4REC_ID_INTEGER;
        id->integer = (int64_t)id->real;
    }
    int32_t row = gru4rec_items_find(items, id);
    if (row < 0)
        return SQLITE_OK;
    int rc = positions != NULL ? ext_rows_add(positions, place, error) : SQLITE_OK;
    return rc == SQLITE_OK ? ext_rows_add(list, row, error) : rc;
}

static int parse_array(sqlite3 *db, sqlite3_value *value, const gru4rec_items *items,
                       const char *what, ext_rows *list, ext_rows *positions,
                       ext_error *error)
{
    sqlite3_stmt *stmt;
    int32_t place = 0;
    int rc = ext_prepare(db, sqlite3_mprintf("SELECT atom, type FROM json_each(?1)"),
                         &stmt, error);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_bind_value(stmt, 1, value);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *type = (const char *)sqlite3_column_text(stmt, 1);
        gru4rec_id id;
        rc = SQLITE_OK;
        place++;
        if (type == NULL)
            rc = ext_fail_nomem(error);
        else if (strcmp(type, "integer") != 0 && strcmp(type, "text") != 0 &&
                 strcmp(type, "real") != 0)
            rc = ext_fail(error, SQLITE_ERROR,
                          "%s holds a JSON %s; give an array of item ids, as [17, 42]",
                          what, type);
        else if (ext_column_id(stmt, 0, &id))
            rc = add_item(list, positions, place, items, &id, error);
    }
    if (rc == SQLITE_DONE)
        rc = SQLITE_OK;
    else if ((rc & 0xff) == SQLITE_INTERRUPT || (rc & 0xff) == SQLITE_NOMEM)
        rc = ext_fail_db(error, db, NULL);
    else if (error->rc == SQLITE_OK)
        rc = ext_fail(error, SQLITE_ERROR,
                      "%s is not a JSON array of item ids (%s): %.60s", what,
                      sqlite3_errmsg(db), sqlite3_value_text(value));
    sqlite3_finalize(stmt);
    return rc;
}

int ext_parse_items(sqlite3 *db, sqlite3_value *value, const gru4rec_items *items,
                    const char *what, ext_rows *list, ext_rows *positions,
                    ext_error *error)
{
    gru4rec_id id;
    if (!ext_value_id(value, &id))
        return SQLITE_OK;
    if (id.type == GRU4REC_ID_BLOB)
        return ext_fail(error, SQLITE_ERROR,
                        "%s is a BLOB; give a JSON array of item ids, or one id", what);
    if (id.type == GRU4REC_ID_TEXT && id.n_bytes > 0 && *(const char *)id.bytes == '[')
        return parse_array(db, value, items, what, list, positions, error);
    return add_item(list, positions, 1, items, &id, error);
}

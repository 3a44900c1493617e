/* ext_rows.c - lists of item rows, and the items that SQL names; see ext_base.h. */
#include "ext_base.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int ext_rows_add(ext_rows *list, int32_t row, ext_error *error)
{
    if (list->n == list->capacity) {
        size_t capacity = list->capacity * 2 + 16;
        int32_t *rows = sqlite3_realloc64(list->rows, capacity * sizeof *rows);
        if (rows == NULL)
            return ext_error_nomem(error);
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

static int compare_rows(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

void ext_rows_sort(ext_rows *list)
{
    size_t n = 0;
    if (list->n > 1)
        qsort(list->rows, list->n, sizeof *list->rows, compare_rows);
    for (size_t i = 0; i < list->n; i++)
        if (n == 0 || list->rows[n - 1] != list->rows[i])
            list->rows[n++] = list->rows[i];
    list->n = n;
}

bool ext_rows_has(const ext_rows *list, int32_t row)
{
    return list->n > 0 &&
           bsearch(&row, list->rows, list->n, sizeof *list->rows, compare_rows) != NULL;
}

/* Adds the item at a place, from 1, if it is known. */
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

/* json_each()'s type of an element that can be an item. */
static bool is_item_type(const char *type)
{
    return strcmp(type, "integer") == 0 || strcmp(type, "text") == 0 ||
           strcmp(type, "real") == 0;
}

/* Adds the item of an element whose text may have had NUL characters. */
static int add_guarded(ext_rows *list, ext_rows *positions, int32_t place,
                       const gru4rec_items *items, gru4rec_id *id, ext_error *error)
{
    if (id->type != GRU4REC_ID_TEXT)
        return add_item(list, positions, place, items, id, error);
    char *text = sqlite3_malloc64(id->n_bytes + 1);
    if (text == NULL)
        return ext_error_nomem(error);
    memcpy(text, id->bytes, id->n_bytes);
    id->bytes = text;
    id->n_bytes = ext_json_restore(text, id->n_bytes);
    int rc = add_item(list, positions, place, items, id, error);
    sqlite3_free(text);
    return rc;
}

/* The array is in value, or guarded, if that is not NULL. */
static int parse_array(ext_rows *list, ext_rows *positions, sqlite3 *db,
                       sqlite3_value *value, const char *guarded,
                       const gru4rec_items *items, const char *what, ext_error *error)
{
    sqlite3_stmt *stmt;
    int32_t place = 0;
    int rc = ext_sql_prepare(db, &stmt, error, "SELECT atom, type FROM json_each(?1)");
    if (rc != SQLITE_OK)
        return rc;
    rc = guarded != NULL ? sqlite3_bind_text(stmt, 1, guarded, -1, SQLITE_STATIC)
                         : sqlite3_bind_value(stmt, 1, value);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *type = (const char *)sqlite3_column_text(stmt, 1);
        gru4rec_id id;
        rc = SQLITE_OK;
        place++;
        if (type == NULL)
            rc = ext_sql_fail_null(stmt, error);
        else if (!is_item_type(type))
            rc = ext_error_set(
                error, SQLITE_ERROR,
                "%s holds a JSON %s; give an array of item ids, as [17, 42]", what, type);
        else if (ext_value_column(stmt, 0, &id))
            rc = guarded != NULL ? add_guarded(list, positions, place, items, &id, error)
                                 : add_item(list, positions, place, items, &id, error);
    }
    if ((rc & 0xff) == SQLITE_ERROR)
        ext_error_set(error, SQLITE_ERROR, "%s is not a JSON array of item ids (%s): %s",
                      what, sqlite3_errmsg(db),
                      ext_show_text(&(ext_show){""},
                                    (const char *)sqlite3_value_text(value)));
    return ext_sql_finish(stmt, rc, NULL, error);
}

static int parse_json(ext_rows *list, ext_rows *positions, sqlite3 *db,
                      sqlite3_value *value, const gru4rec_items *items, const char *what,
                      ext_error *error)
{
    const char *json;
    char *guarded;
    if (ext_value_text(&json, value, what, error) != SQLITE_OK ||
        ext_json_guard(&guarded, json, error) != SQLITE_OK)
        return error->rc;
    int rc = parse_array(list, positions, db, value, guarded, items, what, error);
    sqlite3_free(guarded);
    return rc;
}

int ext_rows_parse(ext_rows *list, ext_rows *positions, sqlite3 *db, sqlite3_value *value,
                   const gru4rec_items *items, const char *what, ext_error *error)
{
    gru4rec_id id;
    if (!ext_value_id(value, &id))
        return SQLITE_OK;
    if (id.type == GRU4REC_ID_BLOB)
        return ext_error_set(error, SQLITE_ERROR,
                             "%s is a BLOB; give a JSON array of item ids, or one id",
                             what);
    if (id.type == GRU4REC_ID_TEXT && id.n_bytes > 0 && *(const char *)id.bytes == '[')
        return parse_json(list, positions, db, value, items, what, error);
    return add_item(list, positions, 1, items, &id, error);
}

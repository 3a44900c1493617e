/*
 * ext_ids.c - the items that SQL names, by one value or in a JSON array; see ext_base.h.
 *
 * 1. A value that is an item's id names that item: of the same type and value, else of the
 *    same text form. A REAL counts as the integer that it is below 2^53.
 * 2. Any other text that begins, behind white space, with [ is a JSON array of ids, and with
 *    { an error. What is left is one id that no item has.
 * 3. In an array a number names the INTEGER of exactly its value as written, else the TEXT
 *    that it is written as, else the TEXT of that integer. A string is a text. null is no id.
 * 4. An empty text is no id either, but with keep_empty.
 * 5. Where one item is wanted an array is an error too.
 */
#include "ext_base.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static gru4rec_id text_id(const char *text, size_t n)
{
    return (gru4rec_id){.type = GRU4REC_ID_TEXT, .bytes = text, .n_bytes = n};
}

/* The row of an id, or -1. The text form of a REAL: with 17 digits, as our advice has it, or
 * with as few as SQLite gives it. */
static int32_t find(const gru4rec_items *items, const gru4rec_id *id)
{
    int32_t row = gru4rec_items_find(items, id);
    for (int digits = 17; row < 0 && id->type == GRU4REC_ID_REAL && digits >= 15;
         digits--) {
        char form[64];
        sqlite3_snprintf((int)sizeof form, form, "%!.*g", digits, id->real);
        const gru4rec_id text = text_id(form, strlen(form));
        row = gru4rec_items_find(items, &text);
    }
    return row;
}

static bool is_skipped(const ext_ids *ids, const gru4rec_id *id)
{
    return ext_value_is_empty(id) && !ids->keeps_empty;
}

/* Takes the item of a row, or -1, that stands at a place, from 1. */
static int add(ext_ids *ids, int32_t row, int32_t place, ext_error *error)
{
    if (row < 0) {
        ids->n_unknown++;
        return SQLITE_OK;
    }
    if (ids->positions != NULL && ext_rows_add(ids->positions, place, error) != SQLITE_OK)
        return error->rc;
    return ext_rows_add(ids->rows, row, error);
}

/* ---- an array ---- */

/* A JSON array on its way through json_each(). */
typedef struct array {
    ext_ids *ids;
    sqlite3 *db;
    sqlite3_value *value;
    char *guarded; /* what is read in place of the value, or NULL */
    int32_t place; /* of the element, from 1 */
    char *minified;
    const char *at; /* in that, behind so many elements: */
    int32_t n_behind;
} array;

/* A statement on the array, which is its parameter. */
static int prepare(const array *a, sqlite3_stmt **stmt, const char *sql, ext_error *error)
{
    if (ext_sql_prepare(a->db, stmt, error, "%s", sql) != SQLITE_OK)
        return error->rc;
    const int rc = a->guarded != NULL
                       ? sqlite3_bind_text(*stmt, 1, a->guarded, -1, SQLITE_STATIC)
                       : sqlite3_bind_value(*stmt, 1, a->value);
    return rc == SQLITE_OK ? SQLITE_OK : ext_sql_finish(*stmt, rc, NULL, error);
}

/* json_each() gives values of numbers; how they are written only json() keeps. */
static int minify(array *a, ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = prepare(a, &stmt, "SELECT json(?1)", error);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW && (a->minified = ext_sql_text(stmt, 0)) == NULL)
        rc = ext_sql_fail_null(stmt, error);
    rc = ext_sql_finish(stmt, rc, NULL, error);
    a->at = a->minified != NULL ? a->minified + 1 : ""; /* behind the bracket */
    return rc;
}

/* Bytes of the element that minified JSON goes on with; it is no array and no object. */
static size_t element_bytes(const char *at)
{
    if (*at != '"')
        return strcspn(at, ",]");
    size_t n = 1;
    while (at[n] != '\0' && at[n] != '"')
        n += at[n] == '\\' && at[n + 1] != '\0' ? 2 : 1;
    return n + (at[n] == '"');
}

/* The number at the place as it is written. */
static int spell(array *a, gru4rec_id *id, ext_error *error)
{
    if (a->minified == NULL && minify(a, error) != SQLITE_OK)
        return error->rc;
    for (; a->n_behind < a->place; a->n_behind++) {
        const size_t n = element_bytes(a->at);
        *id = text_id(a->at, n);
        a->at += n + (a->at[n] == ',');
    }
    return SQLITE_OK;
}

/* Appends so many zeros, then adds the digit; false beyond 64 bits. */
static bool append(uint64_t *size, int64_t n_zeros, unsigned digit)
{
    for (; *size > 0 && n_zeros > 0; n_zeros--) {
        if (*size > UINT64_MAX / 10)
            return false;
        *size *= 10;
    }
    *size += digit;
    return *size >= digit;
}

/* The exponent at text, or one that is as good. */
static int64_t exponent(const char *text)
{
    const int64_t n = strtoll(text, NULL, 10), most = INT64_MAX / 4;
    return n > most ? most : n < -most ? -most : n;
}

/* The integer that a number is exactly, as JSON writes it in n bytes: 1234, 1234.0, 1.234e3.
 * False: it is none, or beyond 64 bits. */
static bool is_integer(const char *text, size_t n, int64_t *integer)
{
    const bool is_negative = *text == '-';
    bool is_fraction = false;
    uint64_t size = 0;
    int64_t power = 0, n_zeros = 0; /* zeros count once a digit follows them */
    size_t i = is_negative;
    for (; i < n && text[i] != 'e' && text[i] != 'E'; i++) {
        if (text[i] == '.') {
            is_fraction = true;
            continue;
        }
        power -= is_fraction;
        n_zeros++;
        if (text[i] == '0')
            continue;
        if (!append(&size, n_zeros, (unsigned)(text[i] - '0')))
            return false;
        n_zeros = 0;
    }
    power += n_zeros + (i < n ? exponent(text + i + 1) : 0);
    if (size > 0 && (power < 0 || !append(&size, power, 0)))
        return false;
    *integer = (int64_t)(is_negative ? 0 - size : size);
    return size <= (uint64_t)INT64_MAX + is_negative;
}

/* A REAL, an integer beyond 64 bits, which json_each() makes one, or 0, which may be written
 * -0. */
static int add_number(array *a, ext_error *error)
{
    const gru4rec_items *items = a->ids->items;
    gru4rec_id text, number = {.type = GRU4REC_ID_INTEGER};
    int32_t row = -1;
    if (spell(a, &text, error) != SQLITE_OK)
        return error->rc;
    if (is_integer(text.bytes, text.n_bytes, &number.integer) &&
        (row = gru4rec_items_find(items, &number)) >= 0)
        gru4rec_items_get(items, row, &number);
    if (row < 0 || number.type != GRU4REC_ID_INTEGER) {
        const int32_t written = gru4rec_items_find(items, &text);
        row = written >= 0 ? written : row;
    }
    return add(a->ids, row, a->place, error);
}

/* A text that may have had NUL characters. */
static int add_text(const array *a, gru4rec_id *id, ext_error *error)
{
    char *text = NULL;
    if (is_skipped(a->ids, id))
        return SQLITE_OK;
    if (a->guarded != NULL) {
        text = sqlite3_malloc64(id->n_bytes + 1);
        if (text == NULL)
            return ext_error_nomem(error);
        memcpy(text, id->bytes, id->n_bytes);
        *id = text_id(text, ext_json_restore(text, id->n_bytes));
    }
    int rc = add(a->ids, gru4rec_items_find(a->ids->items, id), a->place, error);
    sqlite3_free(text);
    return rc;
}

/* The element on which json_each() stands. */
static int add_element(array *a, sqlite3_stmt *stmt, ext_error *error)
{
    const char *type = (const char *)sqlite3_column_text(stmt, 1);
    gru4rec_id id;
    a->place++;
    if (type == NULL)
        return ext_sql_fail_null(stmt, error);
    if (strcmp(type, "null") == 0)
        return SQLITE_OK;
    if (strcmp(type, "integer") != 0 && strcmp(type, "real") != 0 &&
        strcmp(type, "text") != 0)
        return ext_error_set(error, SQLITE_ERROR,
                             "%s holds a JSON %s; give an array of item ids, as [17, 42]",
                             a->ids->what, type);
    if (!ext_value_column(stmt, 0, &id))
        return ext_sql_fail_null(stmt, error);
    if (id.type == GRU4REC_ID_TEXT)
        return add_text(a, &id, error);
    /* But for 0 an integer is written as its text form. */
    if (id.type == GRU4REC_ID_INTEGER && id.integer != 0)
        return add(a->ids, gru4rec_items_find(a->ids->items, &id), a->place, error);
    return add_number(a, error);
}

static int read_elements(array *a, ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = prepare(a, &stmt, "SELECT atom, type FROM json_each(?1)", error);
    if (rc != SQLITE_OK)
        return rc;
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = add_element(a, stmt, error);
    if ((rc & 0xff) == SQLITE_ERROR)
        ext_error_set(error, SQLITE_ERROR, "%s is not a JSON array of item ids (%s): %s",
                      a->ids->what, sqlite3_errmsg(a->db),
                      ext_show_text(&(ext_show){""},
                                    (const char *)sqlite3_value_text(a->value)));
    return ext_sql_finish(stmt, rc, NULL, error);
}

static int read_array(ext_ids *ids, sqlite3 *db, sqlite3_value *value, ext_error *error)
{
    array a = {.ids = ids, .db = db, .value = value};
    const char *json;
    if (ext_value_text(&json, value, ids->what, error) != SQLITE_OK ||
        ext_json_guard(&a.guarded, json, error) != SQLITE_OK)
        return error->rc;
    int rc = read_elements(&a, error);
    sqlite3_free(a.guarded);
    sqlite3_free(a.minified);
    return rc;
}

/* ---- any value ---- */

/* The first character of a text behind what JSON has as white space. */
static char first_of(const gru4rec_id *id)
{
    const char *text = id->type == GRU4REC_ID_TEXT ? id->bytes : "";
    return text[strspn(text, " \t\n\r")];
}

int ext_ids_read(ext_ids *ids, sqlite3 *db, sqlite3_value *value, ext_error *error)
{
    gru4rec_id id;
    ext_show show;
    if (!ext_value_item(value, &id) || is_skipped(ids, &id))
        return SQLITE_OK;
    if (id.type == GRU4REC_ID_BLOB)
        return ext_error_set(
            error, SQLITE_ERROR,
            "%s is a BLOB; give a JSON array of item ids, or one id (of a BLOB "
            "hex(item)), not %s",
            ids->what, ext_show_id(&show, &id));
    const int32_t row = find(ids->items, &id);
    if (row < 0 && first_of(&id) == '[')
        return read_array(ids, db, value, error);
    if (row < 0 && first_of(&id) == '{')
        return ext_error_set(error, SQLITE_ERROR,
                             "%s is a JSON object; give an array of item ids, as [17, "
                             "42], or one id: %s",
                             ids->what, ext_show_id(&show, &id));
    return add(ids, row, 1, error);
}

const char *ext_ids_advice(const gru4rec_id *id)
{
    if (id->type == GRU4REC_ID_BLOB)
        return "hex(%s)";
    return fabs(id->real) >= 0x1p53 && fabs(id->real) < 0x1p63 ? "CAST(%s AS INTEGER)"
                                                               : "printf('%%!.17g', %s)";
}

int ext_ids_fail_type(const gru4rec_id *id, ext_error *error)
{
    char *advice = sqlite3_mprintf(ext_ids_advice(id), "item");
    if (advice == NULL)
        return ext_error_nomem(error);
    ext_error_set(error, SQLITE_ERROR,
                  "item %s is a %s; items are INTEGER or TEXT, so train on %s and give "
                  "that here",
                  ext_show_id(&(ext_show){""}, id),
                  id->type == GRU4REC_ID_REAL ? "REAL" : "BLOB", advice);
    sqlite3_free(advice);
    return error->rc;
}

int ext_ids_check_one(const gru4rec_id *id, bool is_known, ext_error *error)
{
    ext_show show;
    const char first = is_known ? '\0' : first_of(id);
    if (id->type == GRU4REC_ID_BLOB)
        return ext_ids_fail_type(id, error);
    if (first == '[' || first == '{')
        return ext_error_set(error, SQLITE_ERROR,
                             "item takes one item's id, as 17, but is a JSON %s: %s",
                             first == '[' ? "array" : "object", ext_show_id(&show, id));
    return SQLITE_OK;
}

int ext_ids_read_one(int32_t *row, sqlite3_value *value, const gru4rec_items *items,
                     ext_error *error)
{
    gru4rec_id id;
    *row = -1;
    if (!ext_value_item(value, &id))
        return SQLITE_OK;
    *row = find(items, &id);
    return ext_ids_check_one(&id, *row >= 0, error);
}

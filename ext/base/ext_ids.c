/*
 * ext_ids.c - finds the items that SQL names, by one value or in a JSON array; see
 * ext_base.h.
 *
 * 1. A value that is the id of an item names that item. An id of the same type and value
 *    is looked for first, then an id of the same text form. A REAL that is an integer,
 *    and whose absolute value is below 2^53, counts as that integer.
 * 2. Any other text whose first character after white space is [ is a JSON array of ids;
 *    if that character is {, the text is an error. Any other value is one id that no item
 *    has.
 * 3. A number in an array is looked for in this order: as the INTEGER that the number is
 *    exactly, as the TEXT that is written in the array, as the TEXT form of that integer.
 *    A string is a TEXT. null is no id.
 * 4. An empty text is no id either, unless keep_empty is on.
 * 5. Where an argument names one item, an array is an error too.
 */
#include "ext_base.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static gru4rec_id text_id(const char *text, size_t n)
{
    return (gru4rec_id){.type = GRU4REC_ID_TEXT, .bytes = text, .n_bytes = n};
}

/*
 * Returns the catalogue's row of the item that has the id, or -1 if no item has it. If
 * the id is a REAL and no item has it, looks for an item that is the REAL's text form:
 * with 17 digits, as ext_ids_advice() writes it, then with 16 and with 15, as SQLite
 * writes it.
 */
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

/* Tells whether an id counts as no id: it is an empty text, and keep_empty is off. */
static bool is_skipped(const ext_ids *ids, const gru4rec_id *id)
{
    return ext_value_is_empty(id) && !ids->keeps_empty;
}

/*
 * Appends row, an item's row in the catalogue, to ids->rows, and place to ids->positions
 * if that is not NULL. If row is -1, the item is unknown: only adds 1 to ids->n_unknown.
 * place: number of the item's id in the value, from 1. Error: SQLITE_NOMEM; place may
 * then be appended without row.
 */
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

/* A JSON array that is read by json_each(). */
typedef struct array {
    ext_ids *ids; /* where the items are put */
    sqlite3 *db;
    sqlite3_value *value; /* the argument whose text is the array; borrowed */
    /*
     * The result of ext_json_guard(), which is read in place of value; owned. NULL: value
     * is read.
     */
    char *guarded;
    int32_t place;    /* number of the current element, from 1; 0 at first */
    char *minified;   /* the JSON without white space; owned; NULL until spell() */
    const char *at;   /* in minified: the first element that is not read yet */
    int32_t n_behind; /* number of elements of minified before at */
} array;

/*
 * Prepares sql, and binds the text of the JSON array to its parameter ?1: a->guarded, or
 * a->value if that is NULL. The caller finalizes *stmt; after a failure it must not.
 */
static int prepare(const array *a, sqlite3_stmt **stmt, const char *sql, ext_error *error)
{
    if (ext_sql_prepare(a->db, stmt, error, "%s", sql) != SQLITE_OK)
        return error->rc;
    const int rc = a->guarded != NULL
                       ? sqlite3_bind_text(*stmt, 1, a->guarded, -1, SQLITE_STATIC)
                       : sqlite3_bind_value(*stmt, 1, a->value);
    return rc == SQLITE_OK ? SQLITE_OK : ext_sql_finish(*stmt, rc, NULL, error);
}

/*
 * Lets SQLite make a->minified, the JSON array without white space, and sets a->at to its
 * first element. It is needed because json_each() gives only the values of numbers, but
 * json() keeps the numbers as they are written. After a failure a->minified is NULL.
 */
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
    a->at = a->minified != NULL ? a->minified + 1 : ""; /* after the bracket */
    return rc;
}

/*
 * Returns the length in bytes of the element of an array that begins at at in minified
 * JSON: up to the closing quote of a string, or up to the next comma or ]. The element
 * must be no array and no object.
 */
static size_t element_bytes(const char *at)
{
    if (*at != '"')
        return strcspn(at, ",]");
    size_t n = 1;
    while (at[n] != '\0' && at[n] != '"')
        n += at[n] == '\\' && at[n + 1] != '\0' ? 2 : 1;
    return n + (at[n] == '"');
}

/*
 * Puts the current element of the array (number a->place), which is a number, into *id as
 * a TEXT, as it is written in the array. The text is borrowed from a->minified, which is
 * made here at the first call. Moves a->at and a->n_behind past the element. Errors:
 * those of minify().
 */
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

/*
 * Replaces *size by *size x 10^n_zeros + digit. Returns false if the result needs more
 * than 64 bits; *size then means nothing. 0 stays 0 with any n_zeros.
 */
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

/*
 * Returns the exponent of a JSON number, whose digits (behind the e) begin at text. An
 * exponent that is far too large for any integer is cut to INT64_MAX / 4 (or its
 * negative), so that sums with it cannot overflow.
 */
static int64_t exponent(const char *text)
{
    const int64_t n = strtoll(text, NULL, 10), most = INT64_MAX / 4;
    return n > most ? most : n < -most ? -most : n;
}

/*
 * Tells whether the JSON number of n bytes at text is exactly an integer of at most 64
 * bits with its sign, and puts that integer into *integer; 1234, 1234.0 and 1.234e3 are
 * all 1234. The digits are read one by one, so nothing is rounded. If it is no such
 * integer, *integer means nothing.
 */
static bool is_integer(const char *text, size_t n, int64_t *integer)
{
    const bool is_negative = *text == '-';
    bool is_fraction = false;
    uint64_t size = 0;
    int64_t power = 0, n_zeros = 0; /* n_zeros: digits since the last one that is not 0 */
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

/*
 * Adds the item that the current element of the array, which json_each() gave as a REAL
 * or as 0, names to the lists, or counts the element as unknown. The item is looked for
 * by rule 3 above, in the number as it is written: because json_each() also makes a REAL
 * of an integer of more than 64 bits, and 0 may be written as -0.
 */
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

/*
 * Adds the item that an element of the array, the string *id, names to the lists, or
 * counts it as unknown. An empty string is passed over, unless keep_empty is on. If the
 * JSON was guarded, the item is looked for by a copy of the string in which the NUL
 * characters are put back. *id is not valid afterwards.
 */
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

/*
 * Handles the element in the current row of json_each(): adds 1 to a->place, and adds the
 * item that the element names to the lists, or counts it as unknown. null adds nothing
 * else. Errors: SQLITE_ERROR for an array, an object, true and false; SQLITE_NOMEM.
 */
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
        return ext_error_set(
            error, SQLITE_ERROR,
            "%s holds a JSON %s; give an array of item ids, such as [17, 42]",
            a->ids->what, type);
    if (!ext_value_column(stmt, 0, &id))
        return ext_sql_fail_null(stmt, error);
    if (id.type == GRU4REC_ID_TEXT)
        return add_text(a, &id, error);
    /*
     * An integer is written in the array as its text form, which find() looks for too;
     * only 0 may be written in another form (-0), and is read by add_number().
     */
    if (id.type == GRU4REC_ID_INTEGER && id.integer != 0)
        return add(a->ids, gru4rec_items_find(a->ids->items, &id), a->place, error);
    return add_number(a, error);
}

/*
 * Adds the items that the elements of the array name to the lists, in their order; stops
 * at the first failure. If SQLite finds the JSON malformed, the error is SQLITE_ERROR
 * with the text in its message.
 */
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

/*
 * Reads a value that is a JSON array of ids into the lists of ids. Errors: SQLITE_ERROR
 * if the text holds a raw NUL character; those of read_elements().
 */
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

/*
 * Returns the first character of a TEXT id that is no white space in JSON. Returns NUL if
 * there is none, and for an id that is no TEXT.
 */
static char first_of(const gru4rec_id *id)
{
    const char *text = id->type == GRU4REC_ID_TEXT ? id->bytes : "";
    return text[strspn(text, " \t\n\r")];
}

int ext_ids_read(ext_ids *ids, sqlite3 *db, sqlite3_value *value, ext_error *error)
{
    gru4rec_id id;
    ext_show show;
    if (!ext_value_item(value, &id))
        return ext_value_is_short(&id) ? ext_error_nomem(error) : SQLITE_OK;
    if (is_skipped(ids, &id))
        return SQLITE_OK;
    if (id.type == GRU4REC_ID_BLOB)
        return ext_error_set(
            error, SQLITE_ERROR,
            "%s is the BLOB %s; give one item id or a JSON array of item ids "
            "(the id of an item that was a BLOB is hex(item))",
            ids->what, ext_show_id(&show, &id));
    const int32_t row = find(ids->items, &id);
    if (row < 0 && first_of(&id) == '[')
        return read_array(ids, db, value, error);
    if (row < 0 && first_of(&id) == '{')
        return ext_error_set(error, SQLITE_ERROR,
                             "%s is a JSON object; give an array of item ids, "
                             "such as [17, 42], or one id: %s",
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
                  "item %s is a %s; items are INTEGER or TEXT, "
                  "so train on %s and give that here",
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
                             "item is a JSON %s; give the id of one item, such as 17: %s",
                             first == '[' ? "array" : "object", ext_show_id(&show, id));
    return SQLITE_OK;
}

int ext_ids_read_one(int32_t *row, sqlite3_value *value, const gru4rec_items *items,
                     ext_error *error)
{
    gru4rec_id id;
    *row = -1;
    if (!ext_value_item(value, &id))
        return ext_value_is_short(&id) ? ext_error_nomem(error) : SQLITE_OK;
    *row = find(items, &id);
    return ext_ids_check_one(&id, *row >= 0, error);
}

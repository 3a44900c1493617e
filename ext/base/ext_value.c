/*
 * ext_value.c - converts SQL values to values of the library, and back; see ext_base.h.
 */
#include "ext_base.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * For each type of an SQL value: the type of the id that the value is read as. NULL has
 * no type of id; its line is only there so that the array can be read.
 */
static const gru4rec_id_type id_types[] = {
    [SQLITE_INTEGER] = GRU4REC_ID_INTEGER, [SQLITE_FLOAT] = GRU4REC_ID_REAL,
    [SQLITE_TEXT] = GRU4REC_ID_TEXT,       [SQLITE_BLOB] = GRU4REC_ID_BLOB,
    [SQLITE_NULL] = GRU4REC_ID_BLOB,
};

bool ext_value_id(sqlite3_value *value, gru4rec_id *id)
{
    const int type = sqlite3_value_type(value);
    *id = (gru4rec_id){.type = id_types[type]};
    if (type == SQLITE_INTEGER)
        id->integer = sqlite3_value_int64(value);
    else if (type == SQLITE_FLOAT)
        id->real = sqlite3_value_double(value);
    else if (type == SQLITE_TEXT)
        id->bytes = sqlite3_value_text(value);
    else if (type == SQLITE_BLOB)
        id->bytes = sqlite3_value_blob(value);
    if (type == SQLITE_TEXT || type == SQLITE_BLOB)
        id->n_bytes = (size_t)sqlite3_value_bytes(value);
    return type != SQLITE_NULL && (type != SQLITE_TEXT || id->bytes != NULL);
}

bool ext_value_column(sqlite3_stmt *stmt, int column, gru4rec_id *id)
{
    const int type = sqlite3_column_type(stmt, column);
    *id = (gru4rec_id){.type = id_types[type]};
    if (type == SQLITE_INTEGER)
        id->integer = sqlite3_column_int64(stmt, column);
    else if (type == SQLITE_FLOAT)
        id->real = sqlite3_column_double(stmt, column);
    else if (type == SQLITE_TEXT)
        id->bytes = sqlite3_column_text(stmt, column);
    else if (type == SQLITE_BLOB)
        id->bytes = sqlite3_column_blob(stmt, column);
    if (type == SQLITE_TEXT || type == SQLITE_BLOB)
        id->n_bytes = (size_t)sqlite3_column_bytes(stmt, column);
    return type != SQLITE_NULL && (type != SQLITE_TEXT || id->bytes != NULL);
}

bool ext_value_is_short(const gru4rec_id *id)
{
    return id->type == GRU4REC_ID_TEXT && id->bytes == NULL;
}

bool ext_value_is_whole(double real, int64_t *integer)
{
    const bool is_whole = real > -0x1p53 && real < 0x1p53 && real == floor(real);
    *integer = is_whole ? (int64_t)real : 0;
    return is_whole;
}

/*
 * Turns an id that is a REAL into an INTEGER, in place, if ext_value_is_whole() accepts
 * the REAL. Any other id keeps its type and value.
 */
static void make_item(gru4rec_id *id)
{
    if (id->type == GRU4REC_ID_REAL && ext_value_is_whole(id->real, &id->integer))
        id->type = GRU4REC_ID_INTEGER;
}

bool ext_value_item(sqlite3_value *value, gru4rec_id *id)
{
    const bool is_value = ext_value_id(value, id);
    make_item(id);
    return is_value;
}

bool ext_value_item_column(sqlite3_stmt *stmt, int column, gru4rec_id *id)
{
    const bool is_value = ext_value_column(stmt, column, id);
    make_item(id);
    return is_value;
}

void ext_value_result(sqlite3_context *context, const gru4rec_id *id)
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

void ext_value_result_item(sqlite3_context *context, const gru4rec_items *items,
                           int32_t row)
{
    gru4rec_id id;
    gru4rec_items_get(items, row, &id);
    ext_value_result(context, &id);
}

int ext_value_bind(sqlite3_stmt *stmt, int parameter, const gru4rec_id *id)
{
    if (id->type == GRU4REC_ID_INTEGER)
        return sqlite3_bind_int64(stmt, parameter, id->integer);
    return sqlite3_bind_text64(stmt, parameter, id->bytes, id->n_bytes, SQLITE_TRANSIENT,
                               SQLITE_UTF8);
}

/*
 * Tells whether the text of n bytes is an integer of 64 bits, with or without white space
 * around it and with or without a sign, and puts that integer into *integer. If it is
 * none, *integer means nothing.
 */
static bool is_integer_text(int64_t *integer, const char *text, size_t n)
{
    char *end;
    errno = 0;
    *integer = strtoll(text, &end, 10);
    const bool is_number = end > text && errno == 0;
    end += strspn(end, " \t\n\v\f\r");
    return is_number && end == text + n;
}

/*
 * sqlite3_value_numeric_type() is not used, because it changes the value, and SQLite 3.53
 * crashes in it if the value comes from sqlite3_value_dup().
 */
int ext_value_number(int64_t *integer, bool *is_integer, sqlite3_value *value,
                     ext_error *error)
{
    const int type = sqlite3_value_type(value);
    *is_integer = type == SQLITE_INTEGER;
    *integer = *is_integer ? sqlite3_value_int64(value) : 0;
    if (type == SQLITE_FLOAT)
        *is_integer = ext_value_is_whole(sqlite3_value_double(value), integer);
    if (type != SQLITE_TEXT)
        return SQLITE_OK;
    const char *text = (const char *)sqlite3_value_text(value);
    if (text == NULL)
        return ext_error_nomem(error);
    *is_integer = is_integer_text(integer, text, (size_t)sqlite3_value_bytes(value));
    return SQLITE_OK;
}

int ext_value_integer(int64_t *integer, sqlite3_value *value, const char *name,
                      int64_t min, int64_t max, const char *advice, ext_error *error)
{
    bool is_integer;
    if (ext_value_number(integer, &is_integer, value, error) != SQLITE_OK)
        return error->rc;
    if (is_integer && *integer >= min && *integer <= max)
        return SQLITE_OK;
    return ext_error_set(error, SQLITE_ERROR, "%s is %s; give %s", name,
                         ext_show_value(&(ext_show){""}, value), advice);
}

bool ext_value_is_empty(const gru4rec_id *id)
{
    return id->type == GRU4REC_ID_TEXT && id->n_bytes == 0;
}

bool ext_value_is_given(sqlite3_value *value)
{
    return value != NULL && sqlite3_value_type(value) != SQLITE_NULL;
}

int ext_value_text(const char **text, sqlite3_value *value, const char *what,
                   ext_error *error)
{
    const int type = value != NULL ? sqlite3_value_type(value) : SQLITE_NULL;
    *text = type != SQLITE_NULL ? (const char *)sqlite3_value_text(value) : NULL;
    if (*text == NULL && type != SQLITE_NULL && type != SQLITE_BLOB)
        return ext_error_nomem(error); /* SQLite had no memory to convert the value */
    if (*text == NULL || strlen(*text) == (size_t)sqlite3_value_bytes(value))
        return SQLITE_OK;
    *text = NULL;
    return ext_error_set(error, SQLITE_ERROR,
                         "%s has a NUL character in it; give a text without one", what);
}

int ext_value_name(const char **text, ext_name *room, sqlite3_value *value,
                   ext_error *error)
{
    int64_t integer;
    if (sqlite3_value_type(value) != SQLITE_FLOAT)
        return ext_value_text(text, value, "the model's name", error);
    *text = room->text;
    if (!ext_value_is_whole(sqlite3_value_double(value), &integer))
        return ext_error_set(error, SQLITE_ERROR,
                             "the model's name is the number %s; "
                             "give a gru4rec table's name as text",
                             ext_show_value(&(ext_show){""}, value));
    sqlite3_snprintf(sizeof room->text, room->text, "%lld", (long long)integer);
    return SQLITE_OK;
}

/*
 * The hash is FNV-1a over the type and then the bytes of the value. sqlite3_value_blob()
 * is not called for a TEXT, because it also marks the value as a BLOB, and the Bloom
 * filters of SQLite 3.45 to 3.50 then lose the value's row in a join.
 */
uint64_t ext_value_hash(uint64_t hash, sqlite3_value *value)
{
    const uint64_t prime = 0x100000001b3u;
    int type = value != NULL ? sqlite3_value_type(value) : SQLITE_NULL, n = 0;
    union {
        int64_t integer;
        double real;
        unsigned char bytes[8];
    } number;
    const unsigned char *bytes = number.bytes;
    if (type == SQLITE_INTEGER || type == SQLITE_FLOAT) {
        /*
         * The 8 bytes of a number are hashed, not its text: to make the text, SQLite
         * would convert the value, and would make it NULL if there is not enough memory.
         */
        if (type == SQLITE_INTEGER)
            number.integer = sqlite3_value_int64(value);
        else
            number.real = sqlite3_value_double(value);
        n = sizeof number.bytes;
    } else if (type != SQLITE_NULL) {
        bytes =
            type == SQLITE_BLOB ? sqlite3_value_blob(value) : sqlite3_value_text(value);
        n = bytes != NULL ? sqlite3_value_bytes(value) : 0;
    }
    hash = (hash ^ (uint64_t)type) * prime;
    for (int i = 0; i < n; i++)
        hash = (hash ^ bytes[i]) * prime;
    return hash;
}

/* ---- text ---- */

/*
 * Returns the length in bytes, 1 to 4, of the UTF-8 character that the text of n > 0
 * bytes begins with. Returns 0 if the character is not valid: a wrong byte, cut off at
 * the end, longer than necessary, a surrogate, or above U+10FFFF. NUL is valid.
 */
static size_t character_bytes(const unsigned char *text, size_t n)
{
    const unsigned char first = text[0];
    const size_t bytes = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (bytes == 1)
        return 1;
    if (first < 0xc2 || first > 0xf4 || bytes > n)
        return 0;
    for (size_t i = 1; i < bytes; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    const unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    return text[1] >= low && text[1] <= high ? bytes : 0;
}

size_t ext_value_utf8(const void *bytes, size_t n)
{
    const unsigned char *text = bytes;
    size_t at = 0, next = 1;
    while (at < n && (next = character_bytes(text + at, n - at)) > 0)
        at += next;
    return at;
}

/* ---- words of 4 bytes, and floats ---- */

static bool is_little_endian(void)
{
    const uint16_t number = 1;
    uint8_t first;
    memcpy(&first, &number, 1);
    return first == 1;
}

/*
 * Copies n words of 4 bytes from from to to. On machines that are not little-endian the
 * bytes of each word are reversed.
 */
static void copy_words(unsigned char *to, const unsigned char *from, size_t n)
{
    if (is_little_endian()) {
        memcpy(to, from, 4 * n);
        return;
    }
    for (size_t i = 0; i < 4 * n; i++)
        to[i] = from[(i & ~(size_t)3) + 3 - i % 4];
}

void ext_value_read_words(uint32_t *words, const unsigned char *bytes, size_t n)
{
    copy_words((unsigned char *)words, bytes, n);
}

void ext_value_write_words(unsigned char *bytes, const uint32_t *words, size_t n)
{
    copy_words(bytes, (const unsigned char *)words, n);
}

void ext_value_read_floats(gru4rec_real *values, const unsigned char *bytes, size_t n)
{
    copy_words((unsigned char *)values, bytes, n);
}

void ext_value_write_floats(unsigned char *bytes, const gru4rec_real *values, size_t n)
{
    copy_words(bytes, (const unsigned char *)values, n);
}

/* ext_show.c - writes values that users gave for messages; see ext_base.h. */
#include "ext_base.h"

#include <string.h>

/*
 * Writes a BLOB of n bytes into shown (size bytes) as x'01020304...': only its first 4
 * bytes, which are enough to recognise it. "..." is written only if there are more bytes.
 */
static void show_blob(char *shown, size_t size, const unsigned char *bytes, size_t n)
{
    enum { SHOWN = 4 };
    char hex[2 * SHOWN + 1] = "";
    for (size_t i = 0; i < n && i < SHOWN; i++)
        sqlite3_snprintf(3, hex + 2 * i, "%02X", bytes[i]);
    sqlite3_snprintf((int)size, shown, "x'%s%s'", hex, n > SHOWN ? "..." : "");
}

/*
 * Tells whether the absolute value of a REAL is from 2^53 to below 2^63. Such a REAL is
 * an integer that may need more digits than the 15 that SQLite prints, and fits into 64
 * bits.
 */
static bool is_wide(double real)
{
    const double size = real < 0 ? -real : real;
    return size >= 0x1p53 && size < 0x1p63;
}

static void show_id(char *shown, size_t size, const gru4rec_id *id)
{
    if (id->type == GRU4REC_ID_INTEGER)
        sqlite3_snprintf((int)size, shown, "%lld", (long long)id->integer);
    else if (id->type == GRU4REC_ID_REAL && is_wide(id->real))
        sqlite3_snprintf((int)size, shown, "%lld.0", (long long)id->real);
    else if (id->type == GRU4REC_ID_REAL)
        sqlite3_snprintf((int)size, shown, "%!.15g", id->real);
    else if (id->type == GRU4REC_ID_BLOB)
        show_blob(shown, size, id->bytes, id->n_bytes);
    else
        gru4rec_show(shown, size, id->bytes, id->n_bytes);
}

const char *ext_show_text(ext_show *show, const char *text)
{
    return text != NULL ? gru4rec_show(show->text, sizeof show->text, text, strlen(text))
                        : "NULL";
}

const char *ext_show_id(ext_show *show, const gru4rec_id *id)
{
    show_id(show->text, sizeof show->text, id);
    return show->text;
}

const char *ext_show_value(ext_show *show, sqlite3_value *value)
{
    gru4rec_id id;
    if (!ext_value_id(value, &id))
        return ext_value_is_short(&id) ? "a text" : "NULL";
    if (id.type == GRU4REC_ID_BLOB)
        return ext_show_id(show, &id);
    show->text[0] = '\'';
    show_id(show->text + 1, sizeof show->text - 2, &id);
    strcat(show->text, "'");
    return show->text;
}

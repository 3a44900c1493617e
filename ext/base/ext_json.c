/*
 * ext_json.c - strings in JSON, and the NUL characters in them; see ext_base.h.
 *
 * The JSON functions of SQLite before 3.45 end a string at an escaped NUL: they read
 * "a\u0000b" as 'a'. So the extension replaces each NUL before they read the JSON, and
 * puts the NULs back into the texts that they return. A NUL is replaced by the character
 * 1 and the digit '0'. The character 1 itself is replaced by the character 1 and the
 * digit '1', so that both can be told apart.
 */
#include "ext_base.h"

#include <string.h>

enum { MARK = 1 };

/*
 * Returns the length in bytes of the escape that begins at at, a backslash, if the escape
 * stands for the character 0 (digit is '0') or the character 1 (digit is '1'); else
 * returns 0. JSON5 has several escapes for NUL: \u0000, \x00 and \0.
 */
static size_t match_escape(const char *at, char digit)
{
    if (strncmp(at, "\\u000", 5) == 0 && at[5] == digit)
        return 6;
    if (strncmp(at, "\\x0", 3) == 0 && at[3] == digit)
        return 4;
    return digit == '0' && at[1] == '0' ? 2 : 0;
}

bool ext_json_has_nul(const char *json)
{
    const char *at = strchr(json, '\\');
    while (at != NULL && at[1] != '\0') {
        if (match_escape(at, '0') > 0)
            return true;
        /*
         * The character behind a backslash is passed over, because it may be a backslash
         * itself, which begins no escape.
         */
        at = strchr(at + 2, '\\');
    }
    return false;
}

/*
 * Appends the piece of JSON that begins at at to text, and returns the length of the
 * piece in at, in bytes. A piece is one of four things. An escape of NUL: "\u00010" is
 * appended. The character 1 or an escape of it: "\u00011" is appended. The backslash and
 * first character of another escape, which are copied together, so that an escaped
 * backslash is not read twice. Any other byte, which is copied.
 */
static size_t guard_next(sqlite3_str *text, const char *at)
{
    const bool is_escape = *at == '\\' && at[1] != '\0';
    for (int digit = 0; digit <= 1; digit++) {
        size_t n = is_escape ? match_escape(at, (char)('0' + digit)) : 0;
        if (digit == 1 && *at == MARK)
            n = 1;
        if (n > 0) {
            sqlite3_str_appendf(text, "\\u0001%d", digit);
            return n;
        }
    }
    sqlite3_str_append(text, at, is_escape ? 2 : 1);
    return is_escape ? 2 : 1;
}

int ext_json_guard(char **guarded, const char *json, ext_error *error)
{
    *guarded = NULL;
    if (!ext_json_has_nul(json))
        return SQLITE_OK;
    sqlite3_str *text = sqlite3_str_new(NULL);
    while (*json)
        json += guard_next(text, json);
    *guarded = sqlite3_str_finish(text);
    return *guarded != NULL ? SQLITE_OK : ext_error_nomem(error);
}

size_t ext_json_restore(char *text, size_t n)
{
    size_t length = 0;
    for (size_t i = 0; i < n; i++) {
        const bool is_marked = text[i] == MARK && i + 1 < n;
        i += is_marked;
        text[length++] = is_marked && text[i] == '0' ? '\0' : is_marked ? MARK : text[i];
    }
    return length;
}

void ext_json_append(sqlite3_str *json, const char *text)
{
    sqlite3_str_appendchar(json, 1, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            sqlite3_str_appendchar(json, 1, '\\');
        if ((unsigned char)*text < ' ')
            sqlite3_str_appendf(json, "\\u%04x", (unsigned char)*text);
        else
            sqlite3_str_appendchar(json, 1, *text);
    }
    sqlite3_str_appendchar(json, 1, '"');
}

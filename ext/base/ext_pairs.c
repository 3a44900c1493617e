/* ext_pairs.c - where a pair of "name=value,..." ends; see ext_base.h. */
#include "ext_base.h"

#include <string.h>

static const char space[] = " \t\r\n";

const char *ext_pairs_find(const char *text, char separator)
{
    const char *at = strchr(text, separator);
    return at != NULL ? at : text + strlen(text);
}

/*
 * Returns a pointer to the brace that closes the JSON object that text begins with, or to
 * the end of text if no brace closes it. Braces in JSON strings do not count.
 */
static const char *object_end(const char *text)
{
    bool is_text = false;
    int depth = 0;
    for (; *text != '\0'; text++) {
        is_text ^= *text == '"';
        depth += is_text ? 0 : (*text == '{') - (*text == '}');
        if (depth == 0)
            break;
        text += *text == '\\' && text[1] != '\0';
    }
    return text;
}

/*
 * Returns a pointer to the quote that closes the one that text begins with, or to the end
 * of text if none closes it. Two quotes stand for one that does not.
 */
static const char *quote_end(const char *text)
{
    for (text++; *text != '\0' && (*text != '\'' || text[1] == '\''); text++)
        text += *text == '\'';
    return text;
}

const char *ext_pairs_end(const char *pair, bool has_query)
{
    bool is_text = false;
    const char *at = pair + strcspn(pair, "=,");
    if (*at == '=')
        at += 1 + strspn(at + 1, space);
    if (*at == '(' && has_query)
        at = ext_select_close(at);
    if (at == NULL)
        return pair + strlen(pair);
    if (*at == '\'' && has_query)
        at = quote_end(at);
    if (*at == '{')
        return ext_pairs_find(object_end(at), ',');
    if (*at == '[')
        for (; *at != '\0' && (is_text || *at != ']'); at++) {
            is_text ^= *at == '"';
            at += *at == '\\' && at[1] != '\0';
        }
    return ext_pairs_find(at, ',');
}

char *ext_pairs_cut(const char **text, const char *end)
{
    const char *start = *text;
    *text = *end ? end + 1 : end;
    start += strspn(start, space);
    while (end > start && strchr(space, end[-1]) != NULL)
        end--;
    return sqlite3_mprintf("%.*s", (int)(end > start ? end - start : 0), start);
}

/*
 * ext_select.c - prepares the text of a SELECT for use in other SQL; see ext_base.h.
 *
 * Users paste a SELECT with comments and a semicolon. Inside other SQL a comment at its
 * end would hide the text that follows, and a semicolon would end the statement.
 */
#include "ext_base.h"

#include <string.h>

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/*
 * Returns a pointer behind the first occurrence of the string end at or after at, or to
 * the end of the text if there is none.
 */
static const char *skip_past(const char *at, const char *end)
{
    const char *found = strstr(at, end);
    return found != NULL ? found + strlen(end) : at + strlen(at);
}

/*
 * Passes over one blank, as SQLite reads it: one character of white space, a byte order
 * mark, or a whole comment. Returns a pointer behind the blank that begins at at, or at
 * itself if none begins there.
 */
static const char *skip_one_blank(const char *at)
{
    static const char mark[] = "\xEF\xBB\xBF";
    if (*at != '\0' && strchr(" \t\r\n\f", *at) != NULL)
        return at + 1;
    if (starts_with(at, mark))
        return at + strlen(mark);
    if (starts_with(at, "--"))
        return skip_past(at, "\n");
    return starts_with(at, "/*") ? skip_past(at + 2, "*/") : at;
}

/*
 * If at stands at a quote (', ", ` or [), returns a pointer behind the quoted text or
 * name that begins there, or to the end of the text if no quote closes it; a doubled
 * quote does not close it. Else returns a pointer behind the one character at at.
 */
static const char *skip_piece(const char *at)
{
    const char close = *at == '[' ? ']' : *at;
    if (strchr("'\"`[", *at) == NULL)
        return at + 1;
    for (at++; *at; at++)
        if (*at == close && (close == ']' || *++at != close))
            return close == ']' ? at + 1 : at;
    return at;
}

const char *ext_select_start(const char *text)
{
    const char *at = text;
    while ((at = skip_one_blank(text)) != text)
        text = at;
    return text;
}

/*
 * Tells whether text begins with word, in upper or lower case, and a character that can
 * follow a keyword comes next: white space, a bracket, a quote, a comment, or *.
 */
static bool starts_with_word(const char *text, const char *word)
{
    size_t n = strlen(word);
    return sqlite3_strnicmp(text, word, (int)n) == 0 && text[n] != '\0' &&
           strchr(" \t\r\n(*'\"/-[`", text[n]) != NULL;
}

bool ext_select_is(const char *text)
{
    text = ext_select_start(text);
    return *text == '(' || starts_with_word(text, "select") ||
           starts_with_word(text, "with");
}

/*
 * Returns a pointer behind the last character between text and end that is no part of a
 * comment, no white space and no semicolon. Returns text if there is no such character.
 */
static const char *find_end(const char *text, const char *end)
{
    const char *last = text;
    while (text < end) {
        const char *at = skip_one_blank(text);
        if (at == text) {
            at = skip_piece(text);
            if (*text != ';')
                last = at;
        }
        text = at;
    }
    return last;
}

const char *ext_select_close(const char *text)
{
    int depth = 0;
    while (*text) {
        const char *at = skip_one_blank(text);
        if (at == text) {
            depth += *text == '(' ? 1 : *text == ')' ? -1 : 0;
            if (depth == 0)
                return text;
            at = skip_piece(text);
        }
        text = at;
    }
    return NULL;
}

char *ext_select_subquery(const char *text)
{
    const char *start = ext_select_start(text);
    const char *end = find_end(start, start + strlen(start));
    if (*start == '(') {
        const char *close = ext_select_close(start);
        if (close == NULL)
            return sqlite3_mprintf("%.*s", (int)(end - start), start);
        if (close + 1 != end) /* a WHERE, JOIN or the like follows: a FROM clause */
            return sqlite3_mprintf("(SELECT * FROM %.*s)", (int)(end - start), start);
        start++;
        end--;
        const char *last = find_end(start, end);
        /*
         * If a semicolon is among the comments at the end inside the parentheses, they
         * are cut off with it; else they stay.
         */
        if (memchr(last, ';', (size_t)(end - last)) != NULL)
            end = last;
    }
    return sqlite3_mprintf("(%.*s)", (int)(end - start), start);
}

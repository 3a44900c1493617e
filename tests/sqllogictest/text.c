/*
 * Text helpers: memory that cannot fail, growing strings, words, regular expressions.
 * Uses no other file of the runner. White space is ASCII's, whatever the locale.
 */
#include "slt.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *resize(void *block, size_t bytes)
{
    void *resized = realloc(block, bytes);
    if (resized == NULL) {
        fputs("sqllogictest: out of memory\n", stderr);
        exit(2);
    }
    return resized;
}

void *slt_alloc(size_t bytes)
{
    return memset(resize(NULL, bytes ? bytes : 1), 0, bytes);
}

char *slt_strndup(const char *text, size_t length)
{
    char *copy = resize(NULL, length + 1);
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *slt_strdup(const char *text)
{
    return slt_strndup(text, strlen(text));
}

void *slt_grow(void *array, size_t n, size_t item_bytes)
{
    /* The capacity is implied: it doubles whenever n reaches a power of two. */
    if ((n & (n - 1)) == 0)
        return resize(array, (n ? 2 * n : 1) * item_bytes);
    return array;
}

void slt_buf_add(slt_buf *buf, const char *text, size_t length)
{
    if (buf->text == NULL || buf->length + length + 1 > buf->capacity) {
        buf->capacity = 2 * (buf->length + length) + 64;
        buf->text = resize(buf->text, buf->capacity);
    }
    if (length)
        memcpy(buf->text + buf->length, text, length);
    buf->length += length;
    buf->text[buf->length] = '\0';
}

void slt_buf_vprintf(slt_buf *buf, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    if (length > 0) {
        char *text = resize(NULL, (size_t)length + 1);
        vsnprintf(text, (size_t)length + 1, format, again);
        slt_buf_add(buf, text, (size_t)length);
        free(text);
    }
    va_end(again);
}

void slt_buf_printf(slt_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    slt_buf_vprintf(buf, format, args);
    va_end(args);
}

char *slt_buf_take(slt_buf *buf)
{
    char *text = buf->text ? buf->text : slt_strdup("");
    *buf = (slt_buf){0};
    return text;
}

bool slt_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool slt_is_blank(const char *text)
{
    while (slt_is_space(*text))
        text++;
    return *text == '\0';
}

const char *slt_word(const char **text, size_t *length)
{
    const char *start = *text;
    while (slt_is_space(*start))
        start++;
    const char *end = start;
    while (*end && !slt_is_space(*end))
        end++;
    *text = end;
    *length = (size_t)(end - start);
    return end > start ? start : NULL;
}

char **slt_split(const char *text, size_t *n)
{
    char **words = NULL;
    const char *word;
    size_t length;
    *n = 0;
    while ((word = slt_word(&text, &length)) != NULL) {
        words = slt_grow(words, *n, sizeof *words);
        words[(*n)++] = slt_strndup(word, length);
    }
    return words;
}

char *slt_trimmed(const char *text)
{
    while (slt_is_space(*text))
        text++;
    size_t length = strlen(text);
    while (length && slt_is_space(text[length - 1]))
        length--;
    return slt_strndup(text, length);
}

bool slt_same_words(const char *a, const char *b)
{
    for (;;) {
        size_t a_length, b_length;
        const char *a_word = slt_word(&a, &a_length);
        const char *b_word = slt_word(&b, &b_length);
        if (a_word == NULL || b_word == NULL)
            return a_word == b_word;
        if (a_length != b_length || memcmp(a_word, b_word, a_length) != 0)
            return false;
    }
}

void slt_strings_free(char **strings, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(strings[i]);
    free(strings);
}

bool slt_regex_match(const char *pattern, const char *text, bool whole, char **error)
{
    slt_buf anchored = {0};
    regex_t regex;
    slt_buf_printf(&anchored, whole ? "^(%s)$" : "%s", pattern);
    int rc =
        regcomp(&regex, anchored.text ? anchored.text : "", REG_EXTENDED | REG_NOSUB);
    free(anchored.text);
    if (rc != 0) {
        if (*error == NULL) {
            char reason[200];
            slt_buf message = {0};
            regerror(rc, &regex, reason, sizeof reason);
            slt_buf_printf(&message, "bad regular expression '%s': %s", pattern, reason);
            *error = slt_buf_take(&message);
        }
        return false;
    }
    rc = regexec(&regex, text, 0, NULL, 0);
    regfree(&regex);
    return rc == 0;
}

/* show.c - gru4rec_show(): how messages show a text of the user; see gru4rec.h. */
#include "base.h"

#include <stdio.h>

/*
 * Returns the number of bytes of the UTF-8 character at address at, and sets *code to its
 * code point. Returns 0 if the n bytes that are left do not begin with a valid character.
 */
static size_t read_character(const unsigned char *at, size_t n, uint32_t *code)
{
    static const uint32_t least[] = {
        0, 0, 0x80, 0x800, 0x10000}; /* least code of a character of 0, 1, 2, ... bytes */
    const size_t length = at[0] < 0x80   ? 1
                          : at[0] < 0xc0 ? 0
                          : at[0] < 0xe0 ? 2
                          : at[0] < 0xf0 ? 3
                          : at[0] < 0xf8 ? 4
                                         : 0;
    if (length == 0 || length > n)
        return 0;
    *code = length == 1 ? at[0] : at[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (at[i] & 0x3fu);
    }
    const bool is_surrogate = *code >= 0xd800 && *code <= 0xdfff;
    return *code >= least[length] && *code <= 0x10ffff && !is_surrogate ? length : 0;
}

/*
 * Tells whether a terminal or a log would act on the character instead of showing it:
 * control characters, line ends, the byte order mark, and marks that reverse the
 * direction of the text behind them.
 */
static bool is_hidden(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
           code == 0xfeff;
}

/* The most bytes that one character becomes when it is shown, including NUL. */
enum { MOST_PIECE = 8 };

/*
 * Writes to piece, NUL-terminated, how the character at address at is shown: as it is, or
 * as \n, \xNN or \uNNNN if is_hidden(). n: bytes from at to the end of the text. Returns
 * the number of bytes of the character. A byte that is not valid UTF-8 is a character of
 * one byte.
 */
static size_t show_character(char piece[MOST_PIECE], const unsigned char *at, size_t n)
{
    uint32_t code = 0;
    const size_t length = read_character(at, n, &code);
    if (at[0] == '\n') {
        memcpy(piece, "\\n", 3);
        return 1;
    }
    if (length == 0 || (length == 1 && is_hidden(code))) {
        snprintf(piece, MOST_PIECE, "\\x%02X", at[0]);
        return 1;
    }
    if (is_hidden(code)) {
        snprintf(piece, MOST_PIECE, "\\u%04X", (unsigned)(code & 0xffff));
    } else {
        memcpy(piece, at, length);
        piece[length] = '\0';
    }
    return length;
}

const char *gru4rec_show(char *shown, size_t size, const void *text, size_t n)
{
    static const char dots[] = "...";
    const unsigned char *at = text, *end = at + n;
    size_t length = 0, cut = 0; /* cut: the largest length behind which dots fit */
    assert(size >= sizeof dots);
    while (at < end) {
        char piece[MOST_PIECE];
        at += show_character(piece, at, (size_t)(end - at));
        const size_t n_piece = strlen(piece);
        if (length + n_piece >= size) {
            memcpy(shown + cut, dots, sizeof dots);
            return shown;
        }
        memcpy(shown + length, piece, n_piece);
        length += n_piece;
        if (length + sizeof dots <= size)
            cut = length;
    }
    shown[length] = '\0';
    return shown;
}

/* show.c - gru4rec_show(): how messages show a text of the user; see gru4rec.h. */
#include "base.h"

#include <stdio.h>

/*
 * Returns the number of bytes of the UTF-8 character at address at, and sets *code to its
 * code point. Returns 0 if the n > 0 bytes that are left do not begin with a valid
 * character (one in its shortest form, no surrogate, up to U+10FFFF); *code means nothing
 * then.
 */
static size_t read_character(const unsigned char *at, size_t n, uint32_t *code)
{
    /* The least code point that needs 0, 1, 2, 3, 4 bytes, by the number of bytes. */
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
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
 * Tells whether a terminal or a log would act on the character instead of showing it.
 * These are control characters, line ends, the byte order mark, and marks that reverse
 * the direction of the text behind them.
 */
static bool is_hidden(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
           code == 0xfeff;
}

/* Size of a buffer for one character as it is shown: \uNNNN and NUL need 7 bytes. */
enum { MOST_PIECE = 8 };

/*
 * Writes to piece, NUL-terminated, how the character at address at is shown, and returns
 * the number of bytes of the character in the text, from 1 to 4. n is the number of bytes
 * from at to the end of the text, above 0. A newline becomes \n. A byte that begins no
 * valid UTF-8 character is taken alone, and becomes \xNN; so does a character of one byte
 * if is_hidden(). A longer hidden character becomes \uNNNN. All others stay as they are.
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
    /* length: bytes written. cut: the largest length so far behind which dots fit. */
    size_t length = 0, cut = 0;
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

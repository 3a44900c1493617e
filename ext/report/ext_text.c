/* ext_text.c - how wide texts are, where to cut them, and counts; see ext_plot.h. */
#include "ext_plot.h"

#include <string.h>

/*
 * Width of the characters from space to ~ in DejaVu Sans, in hundredths of the font size.
 */
static const unsigned char widths[] = {
    32, 40, 46, 84, 64, 95, 78, 28, 39, 39, 50, 84, 32, 36,  32, 34, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 34, 34, 84, 84, 84, 53, 100, 69, 69, 70, 77, 64,
    58, 78, 76, 30, 30, 66, 56, 87, 75, 79, 61, 79, 70, 64,  62, 74, 69, 99, 69,
    62, 69, 39, 34, 39, 84, 50, 50, 62, 64, 55, 64, 62, 36,  64, 64, 28, 28, 58,
    28, 98, 64, 62, 64, 64, 42, 53, 40, 64, 60, 82, 60, 60,  53, 64, 34, 64, 84,
};

size_t ext_text_character(const char *text, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *bytes = (const unsigned char *)text;
    const size_t n = bytes[0] < 0x80             ? 1
                     : (bytes[0] & 0xe0) == 0xc0 ? 2
                     : (bytes[0] & 0xf0) == 0xe0 ? 3
                     : (bytes[0] & 0xf8) == 0xf0 ? 4
                                                 : 0;
    uint32_t found = n > 1 ? bytes[0] & (0xffu >> (n + 1)) : bytes[0];
    *code = 0xfffd;
    for (size_t i = 1; i < n; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 1;
        found = found << 6 | (bytes[i] & 0x3f);
    }
    if (n == 0 || found < least[n] || found > 0x10ffff ||
        (found >= 0xd800 && found < 0xe000))
        return 1;
    *code = found;
    return n;
}

/* Returns the width of a character at a font size of 1. */
static double width_of(uint32_t code)
{
    if (code >= ' ' && code <= '~')
        return widths[code - ' '] / 100.0;
    if ((code >= 0x300 && code < 0x370) || (code >= 0x200b && code < 0x2010) ||
        (code >= 0xfe00 && code < 0xfe10))
        return 0; /* it stands on the character before, or is not seen */
    return code < 0x1100 ? 0.8 : code < 0x1f000 ? 1.05 : 1.4;
}

double ext_text_width(const char *text)
{
    double width = 0;
    uint32_t code;
    while (*text) {
        text += ext_text_character(text, &code);
        width += width_of(code);
    }
    return width;
}

size_t ext_text_fit(const char *text, double width, bool is_line)
{
    size_t n = 0, n_words = 0;
    while (text[n] != '\0') {
        uint32_t code;
        const size_t length = ext_text_character(text + n, &code);
        width -= width_of(code);
        if (code == ' ')
            n_words = n;
        if (width < 0 && n > 0)
            return is_line && n_words > 0 ? n_words : n;
        n += length;
    }
    return n;
}

const char *ext_text_count_of(ext_text_count *room, int64_t n, const char *noun)
{
    return sqlite3_snprintf(sizeof room->text, room->text, "%,lld %s%s", (long long)n,
                            noun, n == 1 ? "" : "s");
}

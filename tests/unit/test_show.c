/* test_show.c - show.c, and messages that are cut (fail.c, options.c). */
#include "../lib/test.h"

#include "../../include/gru4rec.h"
#include "../../src/base/fail.h"

static const char *show(const char *text, size_t n)
{
    static char shown[1000];
    return gru4rec_show(shown, sizeof shown, text, n);
}

static const char *show_text(const char *text)
{
    return show(text, strlen(text));
}

/* By another way than show.c: as the table of RFC 3629 has it. */
static bool is_utf8(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    while (*at) {
        static const struct {
            unsigned char first, last, low, high;
            int more;
        } rows[] = {
            {0x20, 0x7e, 0, 0, 0},       {0xc2, 0xdf, 0x80, 0xbf, 1},
            {0xe0, 0xe0, 0xa0, 0xbf, 2}, {0xe1, 0xec, 0x80, 0xbf, 2},
            {0xed, 0xed, 0x80, 0x9f, 2}, {0xee, 0xef, 0x80, 0xbf, 2},
            {0xf0, 0xf0, 0x90, 0xbf, 3}, {0xf1, 0xf3, 0x80, 0xbf, 3},
            {0xf4, 0xf4, 0x80, 0x8f, 3},
        };
        size_t row = 0;
        while (row < sizeof rows / sizeof *rows &&
               (*at < rows[row].first || *at > rows[row].last))
            row++;
        if (row == sizeof rows / sizeof *rows)
            return false;
        for (int i = 1; i <= rows[row].more; i++)
            if (at[i] < (i == 1 ? rows[row].low : 0x80) ||
                at[i] > (i == 1 ? rows[row].high : 0xbf))
                return false;
        at += rows[row].more + 1;
    }
    return true;
}

static void what_can_be_read_stays(void)
{
    static const char *const texts[] = {"",      "a",    "it's 5 %s \\n \"",
                                        "шапка", "靴子", "𝄞é"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK_TEXT(texts[i], show_text(texts[i]));
}

static void other_bytes_become_escapes(void)
{
    CHECK_TEXT("a\\x00b", show("a\0b", 3));
    CHECK_TEXT("\\n\\x09\\x1B[31m\\x7F", show_text("\n\t\033[31m\177"));
    CHECK_TEXT("\\xFF\\xFEa", show_text("\xff\xfe"
                                        "a"));
    CHECK_TEXT("\\xD1", show_text("\xd1"));                   /* cut */
    CHECK_TEXT("\\xC0\\x8A", show_text("\xc0\x8a"));          /* too long a form of \n */
    CHECK_TEXT("\\xED\\xA0\\x80", show_text("\xed\xa0\x80")); /* half of a pair */
    CHECK_TEXT("\\xF4\\x90\\x80\\x80", show_text("\xf4\x90\x80\x80"));
    CHECK_TEXT("\\u0085\\u2028\\u202E\\uFEFF",
               show_text("\xc2\x85\xe2\x80\xa8\xe2\x80\xae\xef\xbb\xbf"));
}

/* Every pair and triple of telling bytes, with something behind it. */
static void any_bytes_become_utf8(void)
{
    static const unsigned char bytes[] = {0x00, 0x0a, 0x41, 0x7f, 0x80, 0x9f, 0xa0, 0xbf,
                                          0xc1, 0xc2, 0xe0, 0xe2, 0xed, 0xf0, 0xf4, 0xff};
    enum { N = sizeof bytes };
    bool is_ok = true;
    for (int i = 0; i < N * N * N * N; i++) {
        const char text[] = {(char)bytes[i % N], (char)bytes[i / N % N],
                             (char)bytes[i / N / N % N], (char)bytes[i / N / N / N]};
        for (size_t n = 0; n <= sizeof text; n++)
            is_ok = is_ok && is_utf8(show(text, n));
    }
    CHECK(is_ok);
}

static void long_texts_are_cut_between_characters(void)
{
    char shown[8];
    CHECK_TEXT("1234567", gru4rec_show(shown, 8, "1234567", 7));
    CHECK_TEXT("1234...", gru4rec_show(shown, 8, "12345678", 8));
    CHECK_TEXT("шш...", gru4rec_show(shown, 8, "шшшш", 8));
    CHECK_TEXT("1ш...", gru4rec_show(shown, 8, "1шшшш", 9));
    CHECK_TEXT("\\n\\n...", gru4rec_show(shown, 8, "\n\n\n\n", 4));
    CHECK_TEXT("...", gru4rec_show(shown, 4, "\n\n\n\n", 4));
}

static void cut_texts_are_utf8_in_any_room(void)
{
    static const char text[] = "aшb靴c𝄞\xff\n\xc2\x85é\xe2\x80\xae";
    char room[sizeof text * 6];
    bool is_ok = true;
    for (size_t size = 4; size < sizeof room; size++)
        for (size_t n = 0; n < sizeof text; n++) {
            memset(room, 'x', sizeof room);
            gru4rec_show(room, size, text, n);
            is_ok = is_ok && memchr(room, '\0', size) != NULL && is_utf8(room) &&
                    room[size] == 'x';
        }
    CHECK(is_ok);
}

static void messages_are_utf8_however_long(void)
{
    gru4rec_error error;
    char text[1200];
    bool is_ok = true;
    for (size_t n = 0; n < sizeof text; n++) {
        for (size_t i = 0; i < n; i++)
            text[i] = (char)"\xe9\x9d\xb4"[i % 3];
        text[n] = '\0';
        g4r_fail(&error, GRU4REC_INVALID, "no %s", text);
        is_ok = is_ok && is_utf8(error.message) && strlen(error.message) < 480;
    }
    CHECK(is_ok);
}

/* The advice behind a text of the caller's is not cut off. */
static void options_say_what_they_take_of_any_text(void)
{
    gru4rec_options options;
    gru4rec_error error;
    char text[302];
    bool is_ok = true;
    gru4rec_options_init(&options);
    for (size_t n = 1; n < sizeof text; n++) {
        for (size_t i = 0; i < n; i++)
            text[i] = (char)"\xd1\x88"[i % 2];
        text[n] = '\0';
        gru4rec_options_set(&options, GRU4REC_SCOPE_TRAIN, "loss", text, &error);
        is_ok = is_ok && is_utf8(error.message) &&
                strstr(error.message, "'; it takes cross-entropy") != NULL;
        gru4rec_options_set(&options, GRU4REC_SCOPE_TRAIN, text, "1", &error);
        is_ok = is_ok && is_utf8(error.message) &&
                strstr(error.message, "'; SELECT * FROM gru4rec_options") != NULL;
    }
    CHECK(is_ok);
}

int main(void)
{
    RUN(what_can_be_read_stays);
    RUN(other_bytes_become_escapes);
    RUN(any_bytes_become_utf8);
    RUN(long_texts_are_cut_between_characters);
    RUN(cut_texts_are_utf8_in_any_room);
    RUN(messages_are_utf8_however_long);
    RUN(options_say_what_they_take_of_any_text);
    return test_end();
}

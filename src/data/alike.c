/* alike.c - finds ids that differ only in how they are written; see alike.h. */
#include "alike.h"

#include <stdio.h>

/*
 * The white-space characters that are removed from both ends of an id, in UTF-8: those of
 * ASCII, the no-break space, the ideographic space, and the byte order mark. The last
 * three come with texts that were copied from files and web pages.
 */
static const char *const spaces[] = {" ",        "\t",           "\n",
                                     "\v",       "\f",           "\r",
                                     "\xC2\xA0", "\xE3\x80\x80", "\xEF\xBB\xBF"};

/*
 * Returns the number of bytes of the one white-space character with which text (n bytes)
 * begins, or, if at_end is true, with which it ends. Returns 0 if no white space stands
 * there.
 */
static size_t space_at(const char *text, size_t n, bool at_end)
{
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        const size_t length = strlen(spaces[i]);
        if (length <= n &&
            memcmp(text + (at_end ? n - length : 0), spaces[i], length) == 0)
            return length;
    }
    return 0;
}

/* Tells whether the id with this number has the type INTEGER. */
static bool is_plain_number(const g4r_dict *ids, int32_t number)
{
    return ids->types[number] == GRU4REC_ID_INTEGER;
}

/*
 * The plain form of one id: two ids are alike if their plain forms are equal. text (n
 * bytes) does not end with a zero byte. The same memory is used for one id after the
 * other.
 */
typedef struct plain_text {
    char *text; /* owned by the search */
    size_t n, capacity;
} plain_text;

/*
 * Overwrites plain with the plain form of id: its text without the white space around it,
 * in ASCII lower case. The text of an integer is its decimal digits, that of a real its
 * value with 15 significant digits, and that of a blob its bytes. The form of an id that
 * is only white space is empty. Returns false, and leaves plain as it is, if there is not
 * enough memory.
 */
static bool make_plain(plain_text *plain, const gru4rec_id *id,
                       const gru4rec_allocator *allocator)
{
    char digits[40];
    const char *text = id->bytes;
    size_t n = id->n_bytes;
    if (id->type == GRU4REC_ID_INTEGER || id->type == GRU4REC_ID_REAL) {
        const bool is_integer = id->type == GRU4REC_ID_INTEGER;
        n = (size_t)(is_integer
                         ? snprintf(digits, sizeof digits, "%lld", (long long)id->integer)
                         : snprintf(digits, sizeof digits, "%.15g", id->real));
        text = digits;
    }
    size_t length;
    while ((length = space_at(text, n, true)) > 0)
        n -= length;
    for (; (length = space_at(text, n, false)) > 0; text += length)
        n -= length;
    if (!G4R_ALLOC_GROW(allocator, plain->text, plain->capacity, n + 1))
        return false;
    for (size_t i = 0; i < n; i++)
        plain->text[i] =
            (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]);
    plain->n = n;
    return true;
}

/* A search through a dictionary, which looks at one id after the other. */
typedef struct search {
    const g4r_dict *ids; /* the ids that are searched */
    g4r_dict plain;      /* the different plain forms of the ids seen so far */
    int32_t *first;      /* (ids) the first id with each form, by number in plain */
    plain_text room;     /* the plain form of the id that is looked at now */
} search;

/*
 * Looks at the id with this number. If its plain form is new, adds the form to s->plain,
 * and the id to s->first. If the form is not new and not empty, the id is alike to one
 * before it: counts it in alike->n, and, if it is the first such id, sets alike->pair to
 * the two ids. If the form is empty although the id has bytes, the id is only white
 * space: marks it in alike->is_blank, which is allocated for the first such id. Returns
 * false if there is not enough memory.
 */
static bool look_at(search *s, int32_t number, g4r_alike *alike)
{
    const gru4rec_allocator *allocator = &s->ids->allocator;
    gru4rec_id id;
    g4r_dict_get(s->ids, number, &id);
    if (!make_plain(&s->room, &id, allocator))
        return false;
    const int32_t n_before = s->plain.n;
    const gru4rec_id plain = {.type = GRU4REC_ID_TEXT,
                              .bytes = s->room.text,
                              .n_bytes = s->room.n};
    const int32_t at = g4r_dict_add(&s->plain, &plain);
    if (at < 0)
        return false;
    if (at == n_before) {
        s->first[at] = number;
    } else if (s->room.n > 0) { /* an id with an empty form is alike to no other */
        if (alike->n++ == 0) {
            alike->pair[0] = s->first[at];
            alike->pair[1] = number;
        }
    }
    if (s->room.n > 0 ||
        id.n_bytes == 0) /* the id is not blank: its form has text, or it is empty */
        return true;
    if (alike->is_blank == NULL)
        alike->is_blank = g4r_alloc(allocator, (size_t)s->ids->n, 1);
    if (alike->is_blank != NULL)
        alike->is_blank[number] = 1;
    return alike->is_blank != NULL;
}

bool g4r_alike_find(const g4r_dict *ids, g4r_alike *alike, g4r_stop_watch *watch)
{
    int32_t n_plain = 0;
    *alike = (g4r_alike){.pair = {-1, -1}};
    while (n_plain < ids->n && is_plain_number(ids, n_plain))
        n_plain++;
    if (n_plain == ids->n) /* all ids are integers, and no two integers are alike */
        return true;
    search s = {.ids = ids,
                .first = g4r_alloc(&ids->allocator, (size_t)ids->n, sizeof *s.first)};
    g4r_dict_init(&s.plain, &ids->allocator);
    bool is_ok = s.first != NULL;
    for (int32_t i = 0; is_ok && i < ids->n && !g4r_stop_watch_is_over(watch); i++)
        is_ok = look_at(&s, i, alike);
    g4r_dict_free(&s.plain);
    g4r_alloc_free(&ids->allocator, s.first);
    g4r_alloc_free(&ids->allocator, s.room.text);
    return is_ok && !watch->is_over;
}

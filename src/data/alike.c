/* alike.c - finds ids that differ only in how they are written; see alike.h. */
#include "alike.h"

#include <stdio.h>

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_plain_number(const g4r_dict *ids, int32_t number)
{
    return ids->types[number] == GRU4REC_ID_INTEGER;
}

/* The plain form of one id: two ids are alike if their plain forms are equal. */
typedef struct plain_text {
    char *text; /* owned */
    size_t n, capacity;
} plain_text;

/*
 * Sets plain to the plain form of id: its text, without the white space around the text,
 * and in ASCII lower case. Returns false if there is not enough memory.
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
    while (n > 0 && is_space(text[n - 1]))
        n--;
    for (; n > 0 && is_space(*text); text++)
        n--;
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
    g4r_dict plain;      /* the plain forms of the ids seen so far, each once */
    int32_t *first;      /* (ids) by number in plain: the first id with that form */
    plain_text room;     /* the plain form of the id that is looked at now */
} search;

/*
 * Looks at the id with this number: counts the id in alike if an id before it has the
 * same plain form, and marks the id in alike->is_blank if it is blank. Returns false if
 * there is not enough memory.
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
    } else if (s->room.n > 0) { /* ids of white space are counted only as blank */
        if (alike->n++ == 0) {
            alike->pair[0] = s->first[at];
            alike->pair[1] = number;
        }
    }
    if (s->room.n > 0 || id.n_bytes == 0) /* an empty text is not blank */
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

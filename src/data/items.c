/*
 * items.c - the catalogue of a model: a dictionary of the items' ids, and the support of
 * each item. An item's number in the dictionary is its row in the tensors; its support is
 * the number of its training events.
 */
#include "dict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct gru4rec_items {
    g4r_dict dict;
    int64_t *support; /* (I) training events of each item, by row */
    size_t support_capacity;
};

gru4rec_status gru4rec_items_new(const gru4rec_allocator *allocator, gru4rec_items **out)
{
    if (allocator == NULL)
        allocator = &g4r_alloc_libc;
    *out = g4r_alloc(allocator, 1, sizeof **out);
    if (*out == NULL)
        return GRU4REC_NOMEM;
    g4r_dict_init(&(*out)->dict, allocator);
    return GRU4REC_OK;
}

void gru4rec_items_free(gru4rec_items *items)
{
    if (items == NULL)
        return;
    gru4rec_allocator allocator = items->dict.allocator;
    g4r_alloc_free(&allocator, items->support);
    g4r_dict_free(&items->dict);
    g4r_alloc_free(&allocator, items);
}

/*
 * Makes room in items->support for one more item. Returns false if there is not enough
 * memory.
 */
static bool has_room(gru4rec_items *items)
{
    return G4R_ALLOC_GROW(&items->dict.allocator, items->support, items->support_capacity,
                          (size_t)items->dict.n + 1);
}

gru4rec_status gru4rec_items_add(gru4rec_items *items, const gru4rec_id *id,
                                 int64_t support)
{
    int32_t n = items->dict.n;
    int32_t row = has_room(items) ? g4r_dict_add(&items->dict, id) : -1;
    if (row < 0)
        return GRU4REC_NOMEM;
    if (row < n)
        return GRU4REC_INVALID;
    items->support[row] = support;
    return GRU4REC_OK;
}

/*
 * Returns share times support, rounded to an integer and limited to 0 ... 2^53. The
 * limits are needed because the support can come from the table of a forged model, and
 * can be any number.
 */
static int64_t share_of(int64_t support, double share)
{
    const double most = 0x1p53, part = round(share * (double)support);
    return part > 0 ? (int64_t)G4R_MIN(part, most) : 0;
}

gru4rec_status gru4rec_items_inherit(gru4rec_items *items, const gru4rec_id *id,
                                     int64_t support, double share)
{
    const int64_t part = share_of(support, share);
    int32_t row = gru4rec_items_find(items, id);
    /*
     * For the dictionary, a REAL of 2^53 or more is equal to its integer. So it cannot be
     * added beside the integer, although gru4rec_items_find() does not find the integer
     * for it. Therefore this search finds the integer, and the support is added to its
     * row.
     */
    if (row < 0)
        row = g4r_dict_find(&items->dict, id);
    if (row < 0)
        return gru4rec_items_add(items, id, part);
    items->support[row] += part;
    return GRU4REC_OK;
}

gru4rec_status gru4rec_items_append(gru4rec_items *items, const gru4rec_id *id,
                                    int64_t support)
{
    if (!has_room(items) || !g4r_dict_append(&items->dict, id))
        return GRU4REC_NOMEM;
    items->support[items->dict.n - 1] = support;
    return GRU4REC_OK;
}

gru4rec_status gru4rec_items_index(gru4rec_items *items, bool (*is_stopped)(void *),
                                   void *context)
{
    return g4r_dict_index(&items->dict, (g4r_stop){is_stopped, context});
}

int32_t gru4rec_items_count(const gru4rec_items *items)
{
    return items->dict.n;
}

/*
 * Sets *other to the id of another type with the same text form: for an INTEGER, the TEXT
 * of its decimal digits; for a TEXT that is written exactly like an integer, that
 * INTEGER. The bytes of the TEXT are stored in text. Returns false, and *other is not to
 * be used, if there is no such id: for REAL, BLOB and other TEXT.
 */
static bool convert(const gru4rec_id *id, gru4rec_id *other, char text[32])
{
    memset(other, 0, sizeof *other);
    if (id->type == GRU4REC_ID_INTEGER) {
        other->type = GRU4REC_ID_TEXT;
        other->bytes = text;
        other->n_bytes = (size_t)snprintf(text, 32, "%lld", (long long)id->integer);
        return true;
    }
    if (id->type != GRU4REC_ID_TEXT || id->n_bytes == 0 || id->n_bytes > 20)
        return false;
    char written[32];
    memcpy(text, id->bytes, id->n_bytes);
    text[id->n_bytes] = '\0';
    other->type = GRU4REC_ID_INTEGER;
    other->integer = strtoll(text, NULL, 10);
    int n = snprintf(written, sizeof written, "%lld", (long long)other->integer);
    return (size_t)n == id->n_bytes && memcmp(written, id->bytes, id->n_bytes) == 0;
}

/*
 * Returns the row of the item whose id is equal to this id, without conversion between
 * TEXT and numbers; -1 if there is none. A REAL is equal to the INTEGER of the same value
 * only if its absolute value is below 2^53, because several integers round to a larger
 * REAL.
 */
static int32_t find_value(const gru4rec_items *items, const gru4rec_id *id)
{
    const int32_t row = g4r_dict_find(&items->dict, id);
    const bool is_wide = id->type == GRU4REC_ID_REAL && fabs(id->real) >= 0x1p53;
    return row >= 0 && is_wide && items->dict.types[row] == GRU4REC_ID_INTEGER ? -1 : row;
}

int32_t gru4rec_items_find(const gru4rec_items *items, const gru4rec_id *id)
{
    gru4rec_id other;
    char text[32];
    int32_t row = find_value(items, id);
    if (row < 0 && convert(id, &other, text))
        row = g4r_dict_find(&items->dict, &other);
    return row;
}

void gru4rec_items_get(const gru4rec_items *items, int32_t row, gru4rec_id *id)
{
    g4r_dict_get(&items->dict, row, id);
}

const int64_t *gru4rec_items_support(const gru4rec_items *items)
{
    return items->support;
}

size_t gru4rec_items_bytes(const gru4rec_items *items)
{
    const g4r_dict *dict = &items->dict;
    return sizeof *items + items->support_capacity * sizeof *items->support +
           dict->n_cells * sizeof *dict->cells +
           dict->values_capacity * sizeof *dict->values + dict->types_capacity +
           dict->heap_capacity;
}

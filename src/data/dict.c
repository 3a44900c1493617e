/* dict.c - numbers identifiers and finds them by a hash table; see dict.h. */
#include "dict.h"

/*
 * What the hash table compares instead of ids: equal ids have equal keys. A REAL whose
 * value is an integer has the key of that INTEGER. bytes are borrowed from the id.
 */
typedef struct key {
    gru4rec_id_type type;
    int64_t value; /* integer, or bits of the real */
    const void *bytes;
    size_t n_bytes;
    uint64_t hash;
} key;

/* Tells whether ids of this type are texts or blobs. */
static bool has_bytes(gru4rec_id_type type)
{
    return type == GRU4REC_ID_TEXT || type == GRU4REC_ID_BLOB;
}

/* Returns the key of an id; its hash is not set. */
static key make_key(const gru4rec_id *id)
{
    key k = {.type = id->type,
             .value = id->integer,
             .bytes = id->bytes,
             .n_bytes = id->n_bytes};
    if (id->type == GRU4REC_ID_REAL) {
        if (id->real >= -0x1p63 && id->real < 0x1p63 && floor(id->real) == id->real) {
            k.type = GRU4REC_ID_INTEGER;
            k.value = (int64_t)id->real;
        } else {
            memcpy(&k.value, &id->real, sizeof k.value);
        }
    }
    return k;
}

/* Returns the key of an id, with the hash that this dictionary gives to it. */
static key make_hashed_key(const g4r_dict *dict, const gru4rec_id *id)
{
    key k = make_key(id);
    k.hash = has_bytes(k.type)
                 ? g4r_hash_keyed_bytes(dict->key, (uint64_t)k.type, k.bytes, k.n_bytes)
                 : g4r_hash_keyed(dict->key, (uint64_t)k.type, (uint64_t)k.value);
    return k;
}

void g4r_dict_init(g4r_dict *dict, const gru4rec_allocator *allocator)
{
    memset(dict, 0, sizeof *dict);
    dict->allocator = *allocator;
    dict->key = g4r_hash_new_key(allocator);
}

void g4r_dict_free(g4r_dict *dict)
{
    const gru4rec_allocator allocator = dict->allocator;
    g4r_alloc_free_aligned(&allocator, dict->cells);
    g4r_alloc_free(&allocator, dict->values);
    g4r_alloc_free(&allocator, dict->types);
    g4r_alloc_free(&allocator, dict->heap);
    *dict = (g4r_dict){.allocator = allocator, .key = dict->key};
}

/*
 * Returns the length, in bytes, of the text or blob that begins at this offset of the
 * heap.
 */
static size_t heap_length(const g4r_dict *dict, int64_t offset)
{
    uint32_t length;
    memcpy(&length, dict->heap + offset, sizeof length);
    return length;
}

/*
 * Tells whether k is the key of the REAL with these bits. If the value of the REAL is an
 * integer, it has the key of that INTEGER.
 */
static bool is_key_of_real(const key *k, int64_t bits)
{
    gru4rec_id id = {.type = GRU4REC_ID_REAL};
    memcpy(&id.real, &bits, sizeof id.real);
    const key own = make_key(&id);
    return own.type == k->type && own.value == k->value;
}

/*
 * Tells whether k is the key of the id with this number in the dictionary. The hash is
 * not compared.
 */
static bool is_key(const g4r_dict *dict, int32_t number, const key *k)
{
    int64_t value = dict->values[number];
    if (dict->types[number] == GRU4REC_ID_REAL)
        return is_key_of_real(k, value);
    if (dict->types[number] != (uint8_t)k->type)
        return false;
    if (!has_bytes(k->type))
        return value == k->value;
    return heap_length(dict, value) == k->n_bytes &&
           (k->n_bytes == 0 || memcmp(dict->heap + value + 4, k->bytes, k->n_bytes) == 0);
}

/*
 * Returns the index of the cell of the hash table that holds the id with this key. If the
 * table does not have the id, returns the index of the empty cell where it belongs.
 */
static size_t find_cell(const g4r_dict *dict, const key *k)
{
    size_t mask = dict->n_cells - 1;
    size_t cell = (size_t)(k->hash >> 32) & mask;
    for (; dict->cells[cell] != 0; cell = (cell + 1) & mask)
        if (dict->cells[cell] >> 32 == k->hash >> 32 &&
            is_key(dict, (int32_t)((dict->cells[cell] & 0xffffffffu) - 1), k))
            break;
    return cell;
}

/*
 * Replaces the hash table by one of n_cells cells with the same ids, and frees the old
 * one. This needs no look at the ids, because each cell holds the bits of the hash that
 * say where the cell belongs. Returns false, and changes nothing, if there is not enough
 * memory.
 */
static bool resize_cells(g4r_dict *dict, size_t n_cells)
{
    uint64_t *cells = g4r_alloc_aligned(&dict->allocator, n_cells * sizeof *cells);
    if (cells == NULL)
        return false;
    for (size_t i = 0; i < dict->n_cells; i++) {
        if (dict->cells[i] == 0)
            continue;
        size_t cell = (size_t)(dict->cells[i] >> 32) & (n_cells - 1);
        while (cells[cell] != 0)
            cell = (cell + 1) & (n_cells - 1);
        cells[cell] = dict->cells[i];
    }
    g4r_alloc_free_aligned(&dict->allocator, dict->cells);
    dict->cells = cells;
    dict->n_cells = n_cells;
    return true;
}

/*
 * If more than about two thirds of the cells of the hash table would be filled with n
 * ids, replaces it by a larger one. The table has at least 64 cells, and never shrinks.
 * Returns false, and changes nothing, if there is not enough memory.
 */
static bool reserve_cells(g4r_dict *dict, size_t n)
{
    size_t n_cells = G4R_MAX(dict->n_cells, 64);
    while (n * 3 > n_cells * 2 + 2)
        n_cells *= 2;
    return n_cells == dict->n_cells || resize_cells(dict, n_cells);
}

/*
 * Appends the length and the bytes of a text or blob to the heap. Returns false, and
 * appends nothing, if there is not enough memory, or if its length does not fit in 4
 * bytes.
 */
static bool append_bytes(g4r_dict *dict, const gru4rec_id *id)
{
    uint32_t length = (uint32_t)id->n_bytes;
    if (id->n_bytes > UINT32_MAX ||
        !G4R_ALLOC_GROW(&dict->allocator, dict->heap, dict->heap_capacity,
                        dict->n_heap + sizeof length + id->n_bytes))
        return false;
    memcpy(dict->heap + dict->n_heap, &length, sizeof length);
    if (length > 0)
        memcpy(dict->heap + dict->n_heap + sizeof length, id->bytes, length);
    dict->n_heap += sizeof length + length;
    return true;
}

/*
 * Appends a copy of an id to the arrays of ids, but not to the hash table. Returns false,
 * and appends nothing, in the cases of g4r_dict_append() (see dict.h).
 */
static bool append(g4r_dict *dict, const gru4rec_id *id)
{
    const size_t n = (size_t)dict->n;
    int64_t value = has_bytes(id->type) ? (int64_t)dict->n_heap : id->integer;
    if (dict->n == INT32_MAX ||
        !G4R_ALLOC_GROW(&dict->allocator, dict->values, dict->values_capacity, n + 1) ||
        !G4R_ALLOC_GROW(&dict->allocator, dict->types, dict->types_capacity, n + 1) ||
        (has_bytes(id->type) && !append_bytes(dict, id)))
        return false;
    if (id->type == GRU4REC_ID_REAL)
        memcpy(&value, &id->real, sizeof value);
    dict->values[n] = value;
    dict->types[n] = (uint8_t)id->type;
    dict->n++;
    return true;
}

/* Returns the cell of the hash table for the id with this key and this number. */
static uint64_t make_cell(const key *k, int32_t number)
{
    return (k->hash >> 32) << 32 | ((uint64_t)number + 1);
}

int32_t g4r_dict_add(g4r_dict *dict, const gru4rec_id *id)
{
    key k = make_hashed_key(dict, id);
    assert(dict->n_indexed == dict->n);
    if (!reserve_cells(dict, (size_t)dict->n + 1))
        return -1;
    size_t cell = find_cell(dict, &k);
    if (dict->cells[cell] != 0)
        return (int32_t)((dict->cells[cell] & 0xffffffffu) - 1);
    if (!append(dict, id))
        return -1;
    dict->cells[cell] = make_cell(&k, dict->n_indexed);
    return dict->n_indexed++;
}

bool g4r_dict_append(g4r_dict *dict, const gru4rec_id *id)
{
    return append(dict, id);
}

/*
 * Puts the ids that are not indexed into the hash table, one after another, until one is
 * found there already (INVALID) or stop says so (INTERRUPTED). The cells of successive
 * ids are far from each other in memory. So the cell of an id is prefetched before the
 * AHEAD ids in front of it are put into the table.
 */
gru4rec_status g4r_dict_index(g4r_dict *dict, g4r_stop stop)
{
    enum { AHEAD = 16 };
    g4r_stop_watch watch = {.stop = stop};
    key keys[AHEAD];
    if (!reserve_cells(dict, (size_t)dict->n))
        return GRU4REC_NOMEM;
    const size_t mask = dict->n_cells - 1;
    for (int32_t next = dict->n_indexed; dict->n_indexed < dict->n; dict->n_indexed++) {
        if (g4r_stop_watch_is_over(&watch))
            return GRU4REC_INTERRUPTED;
        for (; next < dict->n && next < dict->n_indexed + AHEAD; next++) {
            gru4rec_id id;
            g4r_dict_get(dict, next, &id);
            keys[next % AHEAD] = make_hashed_key(dict, &id);
            __builtin_prefetch(
                &dict->cells[(size_t)(keys[next % AHEAD].hash >> 32) & mask], 1);
        }
        const key *k = &keys[dict->n_indexed % AHEAD];
        size_t cell = find_cell(dict, k);
        if (dict->cells[cell] != 0)
            return GRU4REC_INVALID;
        dict->cells[cell] = make_cell(k, dict->n_indexed);
    }
    return GRU4REC_OK;
}

int32_t g4r_dict_find(const g4r_dict *dict, const gru4rec_id *id)
{
    assert(dict->n_indexed == dict->n);
    if (dict->n == 0)
        return -1;
    key k = make_hashed_key(dict, id);
    uint64_t cell = dict->cells[find_cell(dict, &k)];
    return (int32_t)(cell & 0xffffffffu) - 1;
}

void g4r_dict_seal(g4r_dict *dict)
{
    g4r_alloc_free_aligned(&dict->allocator, dict->cells);
    dict->cells = NULL;
    dict->n_cells = 0;
}

void g4r_dict_get(const g4r_dict *dict, int32_t number, gru4rec_id *id)
{
    int64_t value = dict->values[number];
    memset(id, 0, sizeof *id);
    id->type = dict->types[number];
    if (has_bytes(id->type)) {
        id->n_bytes = heap_length(dict, value);
        id->bytes = dict->heap + value + 4;
    } else if (id->type == GRU4REC_ID_REAL) {
        memcpy(&id->real, &value, sizeof id->real);
    } else {
        id->integer = value;
    }
}

/*
 * Compares two ids that are numbers. Returns a negative number if a is less, 0 if they
 * are equal, else a positive number. The result is exact, even if a double cannot hold
 * the integer.
 */
static int compare_numbers(const gru4rec_id *a, const gru4rec_id *b)
{
    if (a->type == GRU4REC_ID_INTEGER && b->type == GRU4REC_ID_INTEGER)
        return G4R_COMPARE(a->integer, b->integer);
    if (a->type == GRU4REC_ID_REAL && b->type == GRU4REC_ID_REAL)
        return G4R_COMPARE(a->real, b->real);
    if (a->type == GRU4REC_ID_REAL)
        return -compare_numbers(b, a);
    /* a is an integer, and b is a real. */
    if (b->real >= 0x1p63)
        return -1;
    if (b->real < -0x1p63)
        return 1;
    const int64_t floored = (int64_t)floor(b->real);
    if (a->integer == floored && floor(b->real) == b->real)
        return 0;
    return a->integer <= floored ? -1 : 1;
}

int g4r_dict_compare_ids(const gru4rec_id *x, const gru4rec_id *y)
{
    if (!has_bytes(x->type) && !has_bytes(y->type))
        return compare_numbers(x, y);
    if (x->type != y->type)
        return x->type < y->type ? -1 : 1;
    size_t n = G4R_MIN(x->n_bytes, y->n_bytes);
    int order = n == 0 ? 0 : memcmp(x->bytes, y->bytes, n);
    return order != 0 ? order : G4R_COMPARE(x->n_bytes, y->n_bytes);
}

int g4r_dict_compare(const g4r_dict *dict, int32_t a, int32_t b)
{
    gru4rec_id x, y;
    g4r_dict_get(dict, a, &x);
    g4r_dict_get(dict, b, &y);
    return g4r_dict_compare_ids(&x, &y);
}

/*
 * dict.h - numbers identifiers 0, 1, 2, ... in the order in which they are first added.
 *
 * The ids stand in an array with 8 bytes for each: an integer itself, the bits of a real,
 * or for a text or blob the place where it begins in a heap.
 *
 * Ids are found by a hash table with open addressing. A cell of the table holds the upper
 * half of an id's hash, and the id's number plus one. So most wrong cells are passed over
 * without a look at their id.
 *
 * A REAL that is an integer is equal to that integer, as it is in SQLite. g4r_dict_get()
 * returns the one of the two that was added first.
 */
#ifndef G4R_DICT_H
#define G4R_DICT_H

#include "../base/alloc.h"
#include "../base/hash.h"
#include "../base/stop.h"

typedef struct g4r_dict {
    gru4rec_allocator allocator;
    g4r_hash_key key;     /* of this dictionary's hashes; no result depends on it */
    int32_t n, n_indexed; /* number of ids; number of those in the hash table */
    uint64_t *cells;      /* (n_cells) hash >> 32 << 32 | number + 1; 0: empty */
    size_t n_cells;       /* a power of two, or 0 */
    int64_t *values;      /* (n) integer, bits of the real, or place in heap */
    uint8_t *types;       /* (n) gru4rec_id_type */
    char *heap;           /* texts and blobs: length (4 bytes), then the bytes */
    size_t n_heap;        /* bytes used */
    size_t values_capacity, types_capacity, heap_capacity;
} g4r_dict;

/* Makes an empty dictionary. It keeps a copy of the allocator. */
void g4r_dict_init(g4r_dict *dict, const gru4rec_allocator *allocator);
/* Frees all ids; the dictionary is empty then. */
void g4r_dict_free(g4r_dict *dict);
/*
 * Appends a copy of the id without looking whether it is there already. The id cannot be
 * found before the next g4r_dict_index(). Returns false if there is not enough memory, or
 * if the dictionary is full (2^31 - 1 ids).
 */
bool g4r_dict_append(g4r_dict *dict, const gru4rec_id *id);
/*
 * Puts all ids that were appended into the hash table, so that they can be found. This is
 * faster than to add the ids one by one, because it does not wait for main memory at each
 * id. Returns
 *   NOMEM        the dictionary is unchanged;
 *   INTERRUPTED  stop said so: the call can be made again, and goes on;
 *   INVALID      an id occurs twice: the dictionary can then only be freed.
 */
gru4rec_status g4r_dict_index(g4r_dict *dict, g4r_stop stop);
/*
 * Returns the number of the id, and adds a copy of the id first if it is new. Returns -1
 * if there is not enough memory, or if the dictionary is full. All ids must be indexed.
 */
int32_t g4r_dict_add(g4r_dict *dict, const gru4rec_id *id);
/* Returns the number of the id, or -1 if it is not there. All ids must be indexed. */
int32_t g4r_dict_find(const g4r_dict *dict, const gru4rec_id *id);
/* Frees the hash table. After this, ids must not be added or looked for any more. */
void g4r_dict_seal(g4r_dict *dict);
/*
 * Sets *id to the id with this number. The bytes of a text or blob belong to the
 * dictionary, and are valid until the next id is added or appended.
 */
void g4r_dict_get(const g4r_dict *dict, int32_t number, gru4rec_id *id);
/*
 * Compares the ids with the numbers a and b in SQLite's order of values: numbers, then
 * texts, then blobs; texts and blobs byte by byte. Returns a negative number, 0 or a
 * positive number.
 */
int g4r_dict_compare(const g4r_dict *dict, int32_t a, int32_t b);

#endif

/*
 * dict.h - numbers identifiers 0, 1, 2, ... in the order in which they are first added.
 *
 * The ids stand in an array with 8 bytes for each: an integer itself, the bits of a real,
 * or for a text or blob the place where it begins in a heap.
 *
 * Ids are found by a hash table with open addressing. A cell of the table holds the upper
 * half of an id's hash, and the id's number plus one. A search compares the halves first,
 * so it seldom has to look at an id that is not the one it looks for.
 *
 * A REAL whose value is an integer is the same id as that INTEGER, as in SQLite.
 * g4r_dict_get() returns the one of the two that was added first.
 */
#ifndef G4R_DICT_H
#define G4R_DICT_H

#include "../base/alloc.h"
#include "../base/hash.h"
#include "../base/stop.h"

typedef struct g4r_dict {
    gru4rec_allocator allocator;
    /*
     * Key of the hash function. It is random if the allocator gives random numbers; no
     * result depends on it.
     */
    g4r_hash_key key;
    /*
     * n: number of ids. n_indexed: how many of them, from number 0 on, are in the hash
     * table.
     */
    int32_t n, n_indexed;
    /*
     * (n_cells) The hash table. A cell has the upper 32 bits of an id's hash in its upper
     * half, and the id's number + 1 in its lower half; 0: the cell is empty.
     */
    uint64_t *cells;
    size_t n_cells;  /* a power of two; 0: there is no hash table */
    int64_t *values; /* (n) integer, bits of the real, or offset in heap */
    uint8_t *types;  /* (n) gru4rec_id_type */
    char *heap;      /* for each text or blob: its length (4 bytes), then its bytes */
    size_t n_heap;   /* bytes used in heap */
    size_t values_capacity, types_capacity, heap_capacity;
} g4r_dict;

/*
 * Sets *dict, whatever it holds, to an empty dictionary with a new key for its hash
 * table. The dictionary keeps a copy of the allocator. Allocates nothing; g4r_dict_free()
 * frees what is added later.
 */
void g4r_dict_init(g4r_dict *dict, const gru4rec_allocator *allocator);
/*
 * Frees all memory of the dictionary. It is empty then, with the same allocator and key,
 * and can be used again.
 */
void g4r_dict_free(g4r_dict *dict);
/*
 * Appends a copy of the id without looking whether the dictionary has it already; the
 * id's number is n before the call. The id cannot be found before the next
 * g4r_dict_index(). Returns false, and appends nothing, if there is not enough memory, if
 * the dictionary is full (2^31 - 1 ids), or if a text or blob has 2^32 bytes or more.
 */
bool g4r_dict_append(g4r_dict *dict, const gru4rec_id *id);
/*
 * Puts all ids that are not in the hash table yet into it, so that they can be found.
 * This is faster than to add the ids one by one, because it does not wait for main memory
 * at each id. Returns OK, or
 *   NOMEM        there is not enough memory: the dictionary is unchanged;
 *   INTERRUPTED  stop said so: some ids are indexed, and another call indexes the rest;
 *   INVALID      an id occurs twice: the dictionary can then only be freed.
 */
gru4rec_status g4r_dict_index(g4r_dict *dict, g4r_stop stop);
/*
 * Returns the number of the id; if the id is new, adds a copy of it first. All ids must
 * be indexed before, and the new one is indexed too. Returns -1, and adds nothing, if
 * there is not enough memory, if the dictionary is full (2^31 - 1 ids), or if a text or
 * blob has 2^32 bytes or more.
 */
int32_t g4r_dict_add(g4r_dict *dict, const gru4rec_id *id);
/*
 * Returns the number of the id, or -1 if the dictionary does not have it. All ids must be
 * indexed.
 */
int32_t g4r_dict_find(const g4r_dict *dict, const gru4rec_id *id);
/*
 * Frees the hash table of the dictionary. The ids stay, and g4r_dict_get() and
 * g4r_dict_compare() still work. No id may be added or looked for after this call.
 */
void g4r_dict_seal(g4r_dict *dict);
/*
 * Sets *id to the id with this number, which must be below n. The bytes of a text or blob
 * are borrowed from the dictionary until the next id is added or appended.
 */
void g4r_dict_get(const g4r_dict *dict, int32_t number, gru4rec_id *id);
/*
 * Compares the ids with the numbers a and b in SQLite's order of values: numbers
 * (exactly, whatever their types), then texts, then blobs; texts and blobs byte by byte,
 * a shorter one before a longer one that begins with it. Returns a negative number if id
 * a comes first, 0 if a and b are one id, else a positive number.
 */
int g4r_dict_compare(const g4r_dict *dict, int32_t a, int32_t b);
/*
 * Does the same for two ids of any origin. An INTEGER and a REAL of the same value are
 * equal.
 */
int g4r_dict_compare_ids(const gru4rec_id *x, const gru4rec_id *y);

#endif

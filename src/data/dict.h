/*
 * dict.h - identifiers numbered 0, 1, 2, ... as they are first seen.
 *
 * A hash table with open addressing: a slot is the upper half of the hash and the number
 * plus one, so that most probes need no look at the identifiers. These stand in one array
 * of 8 bytes: the integer, the bits of the real, or where text or blob starts in a heap.
 * A REAL that is an integer counts as that integer, as it does in SQLite, and comes back as
 * what was added first.
 */
#ifndef G4R_DICT_H
#define G4R_DICT_H

#include "../base/alloc.h"
#include "../base/hash.h"
#include "../base/stop.h"

typedef struct g4r_dict {
    gru4rec_allocator allocator;
    g4r_hash_key key; /* of this dictionary alone; nothing that it gives depends on it */
    int32_t n, n_indexed; /* all; those that are found */
    uint64_t *slots;      /* (n_slots), a power of two; 0 is empty */
    size_t n_slots;
    int64_t *values; /* (n) */
    uint8_t *types;  /* (n) gru4rec_id_type */
    char *heap;      /* length (4 bytes) and bytes, one after another */
    size_t n_heap;
    size_t values_capacity, types_capacity, heap_capacity;
} g4r_dict;

void g4r_dict_init(g4r_dict *dict, const gru4rec_allocator *allocator);
void g4r_dict_free(g4r_dict *dict);
/* Appends an id, which is copied, and is not found before the next index. False when memory
 * is short or 2^31 are in. */
bool g4r_dict_append(g4r_dict *dict, const gru4rec_id *id);
/*
 * Makes all that were appended be found, without waiting for memory once an id. NOMEM: the
 * dictionary is as before. INTERRUPTED: index it again. INVALID, where one is there twice:
 * good for nothing but g4r_dict_free().
 */
gru4rec_status g4r_dict_index(g4r_dict *dict, g4r_stop stop);
/* The number of id, which is copied when new; -1 when memory is short or 2^31 are in. */
int32_t g4r_dict_add(g4r_dict *dict, const gru4rec_id *id);
/* The number of id, or -1. */
int32_t g4r_dict_find(const g4r_dict *dict, const gru4rec_id *id);
/* Nothing is added or found any more: gives back the memory that took. */
void g4r_dict_seal(g4r_dict *dict);
/* Text and blob stay the dictionary's, until the next add. */
void g4r_dict_get(const g4r_dict *dict, int32_t number, gru4rec_id *id);
/* SQLite's order of values: numbers, text, blobs. Negative, 0, positive. */
int g4r_dict_compare(const g4r_dict *dict, int32_t a, int32_t b);

#endif

/*
 * rowset.h - numbers the distinct item rows of a step 0, 1, 2, ... Uses arena.
 *
 * A hash table sized by what a step can gather, never by the catalogue, so that it stays
 * in the cache. Cleared by a new stamp, not by writing.
 */
#ifndef G4R_ROWSET_H
#define G4R_ROWSET_H

#include "../base/arena.h"

typedef struct g4r_rowset {
    struct g4r_rowset_slot {
        uint32_t stamp;
        int32_t row;
        int32_t number;
    } * slots;
    uint32_t n_slots; /* a power of two */
    uint32_t stamp;
    int32_t n;
} g4r_rowset;

/* For up to n_rows rows. */
void g4r_rowset_layout(g4r_rowset *set, g4r_arena *arena, size_t n_rows);
void g4r_rowset_clear(g4r_rowset *set);
/* The row's number; *is_new when it was not in the set. */
int32_t g4r_rowset_add(g4r_rowset *set, int32_t row, bool *is_new);

#endif

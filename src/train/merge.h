/*
 * merge.h - finds equal rows among the item rows of an update, and adds up their
 * gradients, so that each distinct row gets one update.
 *
 * An update uses a row of a table once for each time that it is an input, a target or a
 * sample; each use is an occurrence of the row, and has a gradient. A hash table gives
 * the distinct rows the numbers 0, 1, 2, ... in the order of their first occurrences. Its
 * size follows from the occurrences that an update can have, not from the catalogue, so
 * it stays in the processor's cache. Each update has a new stamp, and slots with another
 * stamp are free: so clearing the table writes nothing to it.
 */
#ifndef G4R_MERGE_H
#define G4R_MERGE_H

#include "../base/arena.h"
#include "../kernels/vec.h"

typedef struct g4r_merge {
    struct g4r_merge_slot {
        uint32_t stamp; /* the slot is free if this is not the merge's stamp */
        int32_t row;
        int32_t number; /* number of the distinct row */
    } * slots;
    uint32_t n_slots;      /* a power of two, at least twice most */
    uint64_t multiplier;   /* odd; the hash of a row is the product with it */
    uint32_t stamp;        /* of this update; never 0 */
    int32_t n, n_distinct; /* number of occurrences; number of distinct rows */
    int32_t *rows;         /* (n) row of each occurrence */
    int32_t *number;       /* (n) number of each occurrence's row */
    int32_t *first;        /* (n_distinct) first occurrence of each distinct row */
    size_t most;           /* the most occurrences there is room for */
} g4r_merge;

/*
 * Carves the arrays from the arena, for up to n_rows occurrences in an update. Call
 * g4r_merge_clear() before the first use. key is random, so that nobody can choose rows
 * that meet in the hash table; no result depends on it.
 */
void g4r_merge_layout(g4r_merge *merge, g4r_arena *arena, size_t n_rows, uint64_t key);
/* Removes all occurrences, for the next update. */
void g4r_merge_clear(g4r_merge *merge);
/* Adds the occurrences rows (n) behind those that are there; all must fit into most. */
void g4r_merge_add(g4r_merge *merge, const int32_t *rows, size_t n);
/*
 * Adds up the gradients of the first n occurrences: gradients (n, cols) has a row for
 * each, and each is added to the row of the first occurrence of the same item row, in
 * order. Returns the number of distinct rows among these occurrences; they have the
 * numbers from 0, and the gradient of number i is at first[i].
 */
size_t g4r_merge_sum(g4r_real *gradients, const g4r_merge *merge, size_t n, size_t cols,
                     const g4r_vec *vec);
/*
 * Returns the sum of the squares of the gradients of the first n_distinct distinct rows,
 * after g4r_merge_sum().
 */
double g4r_merge_squares(const g4r_real *gradients, const g4r_merge *merge,
                         size_t n_distinct, size_t cols, const g4r_vec *vec);

#endif

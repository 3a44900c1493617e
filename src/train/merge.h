/*
 * merge.h - the item rows that an update touches, and which of them are the same row: its
 * gradients are added up, so that it gets one update.
 *
 * Distinct rows are numbered 0, 1, 2, ... by a hash table sized by what the frames of an
 * update can gather, never by the catalogue, so that it stays in the cache. It is cleared
 * by a new stamp, not by writing.
 */
#ifndef G4R_MERGE_H
#define G4R_MERGE_H

#include "../base/arena.h"
#include "../kernels/vec.h"

typedef struct g4r_merge {
    struct g4r_merge_slot {
        uint32_t stamp; /* another than the merge's: free */
        int32_t row;
        int32_t number;
    } * slots;
    uint32_t n_slots;    /* a power of two */
    uint64_t multiplier; /* odd; what scatters rows over them */
    uint32_t stamp;
    int32_t n, n_distinct; /* occurrences, and the rows among them */
    int32_t *rows;         /* (n) of each occurrence */
    int32_t *number;       /* (n) of its distinct row */
    int32_t *first;        /* (n_distinct) first occurrence */
    size_t most;           /* occurrences that there is room for */
} g4r_merge;

/* For up to n_rows occurrences; to be cleared before the first. key: random, so that
 * nobody can choose rows that meet in the table; nothing else depends on it. */
void g4r_merge_layout(g4r_merge *merge, g4r_arena *arena, size_t n_rows, uint64_t key);
void g4r_merge_clear(g4r_merge *merge);
/* Adds occurrences behind those that are there. */
void g4r_merge_add(g4r_merge *merge, const int32_t *rows, size_t n);
/*
 * gradients (n, cols), one per occurrence of the first n: those of the same row are added
 * to its first. Returns how many distinct rows there are: those of first[0 ...].
 */
size_t g4r_merge_sum(g4r_real *gradients, const g4r_merge *merge, size_t n, size_t cols,
                     const g4r_vec *vec);
/* The sum of squares of what g4r_merge_sum() left. */
double g4r_merge_squares(const g4r_real *gradients, const g4r_merge *merge,
                         size_t n_distinct, size_t cols, const g4r_vec *vec);

#endif

/*
 * merge.h - finds equal rows among the item rows of an update, and adds up their
 * gradients, so that each distinct row gets one update.
 *
 * An update uses a row of a table once for each time that it is an input, a target or a
 * sample. Each use is an occurrence of the row, and has a gradient. A hash table gives
 * the distinct rows the numbers 0, 1, 2, ... in the order of their first occurrences. The
 * size of the hash table follows from the occurrences that an update can have, not from
 * the catalogue, so it stays in the processor's cache. Each update has a new stamp, and
 * cells with another stamp are free: so clearing the table writes nothing to it (but see
 * g4r_merge_clear()).
 */
#ifndef G4R_MERGE_H
#define G4R_MERGE_H

#include "../base/arena.h"
#include "../kernels/vec.h"

/*
 * The occurrences of the present update, and the hash table of its distinct rows. Places
 * of occurrences count from 0, in the order in which they were added.
 */
typedef struct g4r_merge {
    struct g4r_merge_cell {
        uint32_t stamp; /* the cell is free if this is not the merge's stamp */
        int32_t row;
        int32_t number; /* number of the distinct row */
    } * cells;
    uint32_t n_cells; /* a power of two, at least 16 and at least twice most */
    /*
     * Odd. The cell of a row is found from the bits above the lowest 32 of row x
     * multiplier.
     */
    uint64_t multiplier;
    /* The stamp of this update: 0 until the first g4r_merge_clear(), then never 0. */
    uint32_t stamp;
    int32_t n, n_distinct; /* number of occurrences; number of distinct rows */
    int32_t *rows;         /* (n) row of each occurrence */
    int32_t *number;       /* (n) number of the distinct row of each occurrence */
    int32_t *first; /* (n_distinct) place of each distinct row's first occurrence */
    size_t most;    /* the most occurrences there is room for */
} g4r_merge;

/*
 * Fills *merge, and carves its arrays from the arena, for up to n_rows occurrences in an
 * update. The memory of the arena must be zeroed. Call g4r_merge_clear() before the first
 * use. key is random, so that nobody can choose rows that meet in the hash table; no
 * result depends on it.
 */
void g4r_merge_layout(g4r_merge *merge, g4r_arena *arena, size_t n_rows, uint64_t key);
/*
 * Removes all occurrences, for the next update: sets n and n_distinct to 0, and makes all
 * cells of the hash table free by a new stamp. Once in 2^32 calls the stamps are used up;
 * then it also overwrites the cells with zeros.
 */
void g4r_merge_clear(g4r_merge *merge);
/*
 * Adds the item rows in rows (n) as occurrences behind those that are there. A row that
 * occurs for the first time in this update gets the next number. There must be room for
 * all of them (most).
 */
void g4r_merge_add(g4r_merge *merge, const int32_t *rows, size_t n);
/*
 * Adds up the gradients of equal rows among the first n occurrences, in place. gradients
 * (n, cols) has a row for each occurrence. The gradient of an occurrence that is not the
 * first one of its row is added to that of the first one, in the order of the
 * occurrences, and stays where it is. Returns the number of distinct rows among the n
 * occurrences. These rows have the numbers from 0, and the sum of row number i is the row
 * first[i] of gradients.
 */
size_t g4r_merge_sum(g4r_real *gradients, const g4r_merge *merge, size_t n, size_t cols,
                     const g4r_vec *vec);
/*
 * Returns the sum of the squares of all values in the gradients of the first n_distinct
 * distinct rows. g4r_merge_sum() must have added them up.
 */
double g4r_merge_squares(const g4r_real *gradients, const g4r_merge *merge,
                         size_t n_distinct, size_t cols, const g4r_vec *vec);

#endif

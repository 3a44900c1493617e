/*
 * moves.h - how far a copy of the model has moved since it was equal to the others, and
 * how copies become equal again (option sync_steps).
 *
 * Copies that are trained by themselves (trainer.h) are merged now and then. x, a
 * weight or an accumulator of Adagrad, was x0 in all copies after the last merge, and x
 * in each copy now. The merge makes it
 *
 *   x0 + sum of (x - x0)                    in tables with a row for each item
 *   x0 + sum of (x - x0) / copies           in all other tensors
 *
 * The sum is over the copies, in their order; copies that have made no update do not
 * count as copies. Most rows are moved by few steps, so the moves of the copies add up
 * to about what one copy would have done in all these steps. All other weights are
 * moved by each step, and the copies move them in about the same direction: the sum
 * would be much too far. The accumulators belong to the steps that the weights have
 * made, so they go the same way. (Other rules were measured; docs/scaling.md has the
 * figures.)
 *
 * Of tables with a row for each item, a copy keeps the old values of the rows that it
 * moves, from before their first move. So a merge costs by the rows that have moved,
 * not by the size of the catalogue.
 */
#ifndef G4R_MOVES_H
#define G4R_MOVES_H

#include "../model/model.h"
#include "merge.h"

typedef struct g4r_moves {
    const g4r_vec *vec;
    gru4rec_training *training; /* the copy; borrowed */
    size_t width;               /* values of an item in all tables with a row for each */
    size_t n_whole;             /* values of all other tensors */
    /*
     * (I) for each item: 0: no copy has moved it; above 0: this copy has, and its old
     * values have this place, counted from 1; IS_OTHER: only other copies have.
     */
    int32_t *place;
    int32_t *rows; /* (n) items that this copy has moved, in the order of first moves */
    size_t n, most;
    g4r_real *old;       /* (most,2 width) their values, then their accumulators */
    g4r_real *old_whole; /* (2 n_whole) the same of the other tensors */
} g4r_moves;

/*
 * Sets the sizes in *moves for copies of a model with these parameters, and carves its
 * arrays from the arena, for up to most items moved between two merges. The arena's
 * memory must be zeroed.
 */
void g4r_moves_layout(g4r_moves *moves, g4r_arena *arena, const g4r_params *params,
                      size_t most);
/* Begins anew with the copy as it is: no item has moved. */
void g4r_moves_start(g4r_moves *moves);
/*
 * Keeps the values of the distinct rows of the merge that have not moved yet. Call it
 * before an update moves them.
 */
void g4r_moves_keep(g4r_moves *moves, const g4r_merge *merge);
/* Notes items (n) that other copies have moved. */
void g4r_moves_note(g4r_moves *moves, const int32_t *rows, size_t n);
/*
 * Finds the next items that any copy has moved, from row *next on, in the order of
 * rows: writes up to most of them to rows, moves *next behind them, and returns their
 * number.
 */
size_t g4r_moves_find(const g4r_moves *moves, int32_t *next, int32_t *rows, size_t most);
/*
 * Writes the moves of items (n), which are 0 if this copy has not moved them, to moved
 * (n,2 width): for each item those of the weights, then those of the accumulators.
 */
void g4r_moves_of_rows(const g4r_moves *moves, const int32_t *rows, size_t n,
                       g4r_real *moved);
/* Moves the items (n) of the copy by the sums of the moves of all copies. */
void g4r_moves_set_rows(g4r_moves *moves, const int32_t *rows, size_t n,
                        const g4r_real *sums);
/*
 * The same for the other tensors: (2,n_whole), first those of the weights, then those
 * of the accumulators. n_copies: the copies that have made an update.
 */
void g4r_moves_of_whole(const g4r_moves *moves, g4r_real *moved);
void g4r_moves_set_whole(g4r_moves *moves, const g4r_real *sums, size_t n_copies);

#endif

/*
 * optim.h - moves the parameters by their gradients: whole tensors, or the rows that an
 * update touches. vec_update.h has the equations of the optimisers.
 *
 * A row that occurs several times in an update gets one move, by the sum of its gradients
 * ("coalesce" in PyTorch). A row that does not occur does not change at all: its values,
 * its velocity and its other slots stay as they are.
 *
 * With grad_cap, the gradient of the whole update, over all parameters and with duplicate
 * rows added up, is shortened to the norm grad_cap if it is longer.
 */
#ifndef G4R_OPTIM_H
#define G4R_OPTIM_H

#include "../model/model.h"
#include "../base/pool.h"
#include "merge.h"

typedef struct g4r_optim {
    const g4r_vec *vec;
    g4r_update update;          /* what vec->update() needs: rates, corrections, clip */
    g4r_real grad_cap;          /* greatest norm of an update's gradient; 0: no limit */
    gru4rec_training *training; /* borrowed; its model, slots and updates change */
} g4r_optim;

/* Prepares the optimiser that the options name. training is borrowed. */
void g4r_optim_init(g4r_optim *optim, gru4rec_training *training,
                    const gru4rec_options *options);
/*
 * Begins an update, and counts it. squares: the sum of the squares of all its gradients,
 * which is used only with grad_cap.
 */
void g4r_optim_begin(g4r_optim *optim, double squares);
/* Moves the first n values of a parameter by gradient (n). */
void g4r_optim_whole(g4r_optim *optim, g4r_pool *pool, size_t param,
                     const g4r_real *gradient, size_t n);
/*
 * Begins to load a row of a parameter into the processor's cache. is_far: its rows in the
 * slots are loaded too.
 */
void g4r_optim_prefetch(const g4r_optim *optim, size_t param, size_t row, bool is_far);
/*
 * Moves the first n_distinct distinct rows of the merge. gradients (occurrences, cols):
 * the gradient of a row is that of its first occurrence, as g4r_merge_sum() leaves it.
 */
void g4r_optim_rows(g4r_optim *optim, g4r_pool *pool, size_t param,
                    const g4r_real *gradients, const g4r_merge *merge, size_t n_distinct);

#endif

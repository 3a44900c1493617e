/*
 * optim.h - moves the parameters by their gradients: whole tensors, or the rows that an
 * update touches. vec_update.h has the equations of the optimisers.
 *
 * A row that occurs several times in an update gets one move, by the sum of its gradients
 * ("coalesce" in PyTorch). A row that does not occur does not change at all: its values,
 * its velocity and its other slots stay as they are.
 *
 * With grad_cap, the gradient of the whole update is shortened to the norm grad_cap if
 * its norm is greater. The norm is over all parameters, after the gradients of equal rows
 * were added up.
 */
#ifndef G4R_OPTIM_H
#define G4R_OPTIM_H

#include "../model/model.h"
#include "../base/pool.h"
#include "merge.h"

/* The optimiser of a training. */
typedef struct g4r_optim {
    const g4r_vec *vec;
    g4r_update update; /* what vec->update() needs: rates, adam's corrections, clip */
    g4r_real grad_cap; /* greatest norm of an update's gradient; 0: no limit */
    gru4rec_training *training; /* borrowed; its model, slots and updates change */
} g4r_optim;

/*
 * Fills *optim for the optimiser and the rates that the options name. training is
 * borrowed as long as *optim is used, and must have the slots that these options need.
 * The first update needs g4r_optim_begin() too.
 */
void g4r_optim_init(g4r_optim *optim, gru4rec_training *training,
                    const gru4rec_options *options);
/*
 * Begins an update of the parameters; the caller calls it before any parameter moves.
 * Adds 1 to training->updates. Computes the factors of this update in optim->update:
 * correct and correct2 from the number of the update, and clip, by which each gradient is
 * multiplied. squares is the sum of the squares of all gradients of the update; without
 * grad_cap it is ignored, and clip is 1.
 */
void g4r_optim_begin(g4r_optim *optim, double squares);
/*
 * Moves the first n values of a parameter by gradient (n), and updates the same values of
 * its slots. Values from n on stay as they are. The threads of the pool share the work.
 * param is the number of the parameter in params.list. If n is 0, it does nothing, and
 * gradient may be NULL.
 */
void g4r_optim_whole(g4r_optim *optim, g4r_pool *pool, size_t param,
                     const g4r_real *gradient, size_t n);
/*
 * Begins to load a row of a parameter into the processor's cache; changes no value. If
 * is_far is true, it also begins to load the row's values in the optimiser's slots.
 */
void g4r_optim_prefetch(const g4r_optim *optim, size_t param, size_t row, bool is_far);
/*
 * Moves the rows of a parameter that have the numbers 0 ... n_distinct - 1 in merge, and
 * updates the same rows of its slots. gradients (occurrences, cols): a row moves by the
 * gradient of its first occurrence, which is the row's sum after g4r_merge_sum(). The
 * threads of the pool share the work; but if a row has only one value (cols = 1), the
 * calling thread does it all. param is the number of the parameter in params.list.
 */
void g4r_optim_rows(g4r_optim *optim, g4r_pool *pool, size_t param,
                    const g4r_real *gradients, const g4r_merge *merge, size_t n_distinct);

#endif

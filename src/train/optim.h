/*
 * optim.h - optimisers with momentum, for whole tensors and for the rows that an update
 * touches.
 *
 * The equations are in vec_update.h. A row that occurs several times gets one
 * update with the sum of its gradients ("coalesce" in PyTorch); rows that it
 * does not touch neither move nor lose velocity. grad_cap shortens the gradient of the
 * whole update, duplicates merged, to that norm.
 */
#ifndef G4R_OPTIM_H
#define G4R_OPTIM_H

#include "../model/model.h"
#include "../base/pool.h"
#include "merge.h"

typedef struct g4r_optim {
    const g4r_vec *vec;
    g4r_update update;
    g4r_real grad_cap;
    gru4rec_training *training; /* whose model it moves, and whose slots it keeps */
} g4r_optim;

void g4r_optim_init(g4r_optim *optim, gru4rec_training *training,
                    const gru4rec_options *options);
/* Begins an update whose gradients have this sum of squares (needed only with grad_cap). */
void g4r_optim_begin(g4r_optim *optim, double squares);
/* The first n values of the parameter. */
void g4r_optim_whole(g4r_optim *optim, g4r_pool *pool, size_t param,
                     const g4r_real *gradient, size_t n);
/* Begins to bring a row into the cache; is_far: with what is kept beside it. */
void g4r_optim_prefetch(const g4r_optim *optim, size_t param, size_t row, bool is_far);
/* Updates the distinct rows, whose gradients are those of their first occurrences. */
void g4r_optim_rows(g4r_optim *optim, g4r_pool *pool, size_t param,
                    const g4r_real *gradients, const g4r_merge *merge, size_t n_distinct);

#endif

/*
 * optim.h - optimisers with momentum (algorithm 7), for dense parameters and for the
 * rows that a step touched. Uses model, rowset, pool, vec.
 *
 * The equations are in vec_update.h. A row that occurs several times in a step gets one
 * update with the sum of its gradients ("coalesce" in algorithm 7.3); rows that a step
 * does not touch neither move nor lose velocity. grad_cap shortens the gradient of the
 * whole step, duplicates merged, to that norm.
 */
#ifndef G4R_OPTIM_H
#define G4R_OPTIM_H

#include "../model/model.h"
#include "../base/pool.h"
#include "rowset.h"
#include "../kernels/vec.h"

typedef struct g4r_optim {
    const g4r_vec *vec;
    g4r_update update;
    g4r_real grad_cap;
    gru4rec_training *training; /* whose model it moves, and whose state it keeps */
} g4r_optim;

/* Occurrences of rows in a step, and which of them are the same row. */
typedef struct g4r_merge {
    g4r_rowset set;
    int32_t *rows;   /* (n) of each occurrence */
    int32_t *number; /* (n) of its distinct row */
    int32_t *first;  /* (distinct) first occurrence */
    int32_t n;
    g4r_real *column; /* (4, most) scratch for vectors of one value per item */
    size_t most;      /* occurrences that there is room for */
} g4r_merge;

void g4r_optim_init(g4r_optim *optim, gru4rec_training *training,
                    const gru4rec_options *options);
/* Begins a step whose gradients have this sum of squares (needed only with grad_cap). */
void g4r_optim_begin(g4r_optim *optim, double squares);
/* The first n values of the parameter. */
void g4r_optim_dense(g4r_optim *optim, g4r_pool *pool, size_t param,
                     const g4r_real *gradient, size_t n);
/* Begins to bring a row into the cache, with what is kept beside it. */
void g4r_optim_prefetch(const g4r_optim *optim, size_t param, size_t row);

void g4r_merge_layout(g4r_merge *merge, g4r_arena *arena, size_t n_rows);
void g4r_merge_clear(g4r_merge *merge);
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
/* Updates the distinct rows, whose gradients are those of their first occurrences. */
void g4r_optim_rows(g4r_optim *optim, g4r_pool *pool, size_t param, g4r_real *gradients,
                    const g4r_merge *merge, size_t n_distinct);

#endif

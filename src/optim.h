/*
 * optim.h (L3) - Adagrad with momentum (algorithm 7.2), for dense parameters and for the
 * rows that a step touched. Uses params, rowset, vec.
 *
 * acc += g^2; v = momentum v - lr g / sqrt(acc + 1e-6); p += v. The momentum is the heavy
 * ball's, though the official documentation says Nesterov. A row that occurs several
 * times in a step gets one update with the sum of its gradients ("coalesce" in
 * algorithm 7.3); rows that a step does not touch neither move nor lose velocity.
 */
#ifndef G4R_OPTIM_H
#define G4R_OPTIM_H

#include "params.h"
#include "rowset.h"
#include "vec.h"

typedef struct g4r_optim {
    const g4r_params *params;
    const g4r_vec *vec;
    g4r_real learning_rate, momentum;
    g4r_real *acc[G4R_MAX_TENSORS]; /* as params->list */
    g4r_real *vel[G4R_MAX_TENSORS]; /* the same; NULL without momentum */
} g4r_optim;

/* Occurrences of rows in a step, and which of them are the same row. */
typedef struct g4r_merge {
    g4r_rowset set;
    int32_t *rows;   /* (n) of each occurrence */
    int32_t *number; /* (n) of its distinct row */
    int32_t *first;  /* (distinct) first occurrence */
    int32_t n;
    g4r_real *column; /* (3, most) scratch for vectors of one value per item */
    size_t most;      /* occurrences that there is room for */
} g4r_merge;

void g4r_optim_layout(g4r_optim *optim, g4r_arena *arena, const g4r_params *params,
                      const gru4rec_options *options);
void g4r_optim_dense(g4r_optim *optim, size_t param, g4r_real *values,
                     const g4r_real *gradient);

void g4r_merge_layout(g4r_merge *merge, g4r_arena *arena, size_t n_rows);
void g4r_merge_clear(g4r_merge *merge);
void g4r_merge_add(g4r_merge *merge, const int32_t *rows, size_t n);
/*
 * Updates the rows of the first n occurrences. gradients (n, cols): one per occurrence;
 * those of the same row are added to its first.
 */
void g4r_optim_rows(g4r_optim *optim, size_t param, g4r_real *values, g4r_real *gradients,
                    const g4r_merge *merge, size_t n);

#endif

/*
 * loss_all.h - cross-entropy over all items, without samples, a block of items at a time:
 * the loss of RecBole's GRU4Rec.
 *
 * s = y W^T + b; the loss is xe_logit (vec_loss.h) of s, all n items being its columns.
 * Scores exist for one block of items only: the first pass keeps the log of each lane's
 * sum, and the second computes them again on the way back.
 */
#ifndef G4R_LOSS_ALL_H
#define G4R_LOSS_ALL_H

#include "../base/arena.h"
#include "../base/stop.h"
#include "../model/model.h"

typedef struct g4r_loss_all {
    const g4r_vec *vec;
    g4r_output output; /* W (n,d) and b (n), of the items that are scored */
    size_t block;      /* items at a time */
    double w_other;    /* weight of an item that is not the target, */
    double w_own;      /* and of the target */
    g4r_real *scores;  /* (B,block) */
    g4r_real *largest; /* (B) */
    double *sum;       /* (B) of exp(s - largest) */
    g4r_stop stop;     /* asked between blocks */
} g4r_loss_all;

/* n_lanes: the most of a frame. n_rows: of the table. */
void g4r_loss_all_layout(g4r_loss_all *all, g4r_arena *arena, size_t n_lanes,
                         size_t n_rows);
/* After the layout. output: borrowed; may have fewer rows. */
void g4r_loss_all_init(g4r_loss_all *all, g4r_output output, double smoothing,
                       g4r_stop stop);
/*
 * y (m,d), targets (m). log_sums (m) out: for backward. Returns the sum of the lanes'
 * losses.
 */
double g4r_loss_all_forward(g4r_loss_all *all, double *log_sums, const g4r_real *y,
                            const int32_t *targets, size_t m);
/*
 * scale x the gradients: dy (m,d) is overwritten, as dtable (n,d) and dbias (n) are with
 * beta 0; with beta 1 they are added to these.
 */
void g4r_loss_all_backward(g4r_loss_all *all, g4r_real *dy, g4r_real *dtable,
                           g4r_real *dbias, const double *log_sums, const g4r_real *y,
                           const int32_t *targets, size_t m, g4r_real scale,
                           g4r_real beta);

#endif

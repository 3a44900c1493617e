/*
 * loss_all.h - computes the cross-entropy over all items, without samples, and its
 * gradient. This is the loss of RecBole's GRU4Rec.
 *
 *   s = y W^T + b        (m,n), the scores of all n items for m lanes
 *   L = log(sum_j exp(s_j)) - sum_j w_j s_j,  dL/ds_j = p_j - w_j
 * p is the softmax of s. This is the loss xe_logit (loss.c) with all items as columns.
 * The weights w_j are 1 - smoothing for the target and smoothing / (n - 1) for every
 * other item. If smoothing is 0 or n is 1, they are 1 and 0.
 *
 * The scores of all items would take too much memory, so there is room for those of one
 * block of items. Forward keeps log(sum_j exp(s_j)) of each lane. Backward computes the
 * scores again, block by block.
 */
#ifndef G4R_LOSS_ALL_H
#define G4R_LOSS_ALL_H

#include "../base/arena.h"
#include "../base/stop.h"
#include "../kernels/products.h"
#include "../model/model.h"

/*
 * The settings of the loss over all items, and the workspace of one call. Letters as
 * above; B: the most lanes.
 */
typedef struct g4r_loss_all {
    const g4r_vec *vec;
    const g4r_products *products; /* what multiplies; NULL: float32; borrowed */
    g4r_output output; /* W (n,d) and b (n) of the items that are scored; borrowed */
    size_t block;      /* items of a block; the last block may have fewer */
    double w_other;    /* weight of an item that is not the target */
    double w_own;      /* weight of the target */
    g4r_real *scores;  /* (B,block) scores of one block, or their gradients */
    g4r_real *largest; /* (B) each lane's largest score of the blocks so far */
    double *sum;       /* (B) each lane's sum of exp(s - largest) so far */
    g4r_stop stop;     /* asked before each block */
} g4r_loss_all;

/*
 * Carves the workspace from the arena, and sets vec, block, and products to NULL.
 * n_lanes: the most lanes of a frame. n_rows: the most items that will be scored. While
 * the arena only counts, the arrays become NULL.
 */
void g4r_loss_all_layout(g4r_loss_all *all, g4r_arena *arena, size_t n_lanes,
                         size_t n_rows);
/*
 * Sets the items that are scored, the weights w_j, and stop. Call it after the layout.
 * output has the rows and biases of the scored items; it is borrowed as long as *all is
 * used. It may have fewer rows than the layout was told: only these rows are scored then.
 */
void g4r_loss_all_init(g4r_loss_all *all, g4r_output output, double smoothing,
                       g4r_stop stop);
/*
 * Returns the sum of the losses of m lanes. y (m,d) has the top layer's values, and
 * targets (m) the item rows of the targets. Fills log_sums (m) with log(sum_j exp(s_j))
 * of each lane, which backward needs. Computes no gradient. If stop says so before a
 * block, the other blocks are left out, and the result and log_sums must not be used.
 */
double g4r_loss_all_forward(g4r_loss_all *all, double *log_sums, const g4r_real *y,
                            const int32_t *targets, size_t m);
/*
 * Computes scale times the gradients of the loss. Overwrites dy (m,d), the gradient of y.
 * Writes dtable (n,d) and dbias (n), the gradients of W and b: beta 0 overwrites them,
 * and beta 1 adds to them. log_sums, y and targets are those of forward; the scores are
 * computed again. If stop says so before a block, the other blocks are left out, and the
 * gradients must not be used.
 */
void g4r_loss_all_backward(g4r_loss_all *all, g4r_real *dy, g4r_real *dtable,
                           g4r_real *dbias, const double *log_sums, const g4r_real *y,
                           const int32_t *targets, size_t m, g4r_real scale,
                           g4r_real beta);

#endif

/*
 * loss.h - computes the loss of one lane from its scores of N columns, one of which is
 * the lane's target, and the gradient of this loss. loss.c has the equations.
 */
#ifndef G4R_LOSS_H
#define G4R_LOSS_H

#include "../base/base.h"
#include "../kernels/vec.h"

typedef struct g4r_loss {
    gru4rec_loss kind;
    g4r_activation final_act; /* linear if the loss contains a softmax */
    g4r_real bpreg;           /* lambda, the weight of BPR-max's regularisation */
    double smoothing;         /* tau, the label smoothing of cross-entropy */
} g4r_loss;

void g4r_loss_init(g4r_loss *loss, const gru4rec_options *options);
/*
 * Returns the loss of one lane, or NaN if a score is NaN. scores (n): on entry the lane's
 * scores before the final activation, on return scale times the gradient of the loss with
 * respect to them. own < n: the target's column. scratch: (3n) values.
 */
double g4r_loss_row(g4r_real *scores, const g4r_loss *loss, size_t own, size_t n,
                    g4r_real scale, g4r_real *scratch, const g4r_vec *vec);

#endif

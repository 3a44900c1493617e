/*
 * loss.h - computes the loss of one lane and its gradient, from the lane's scores of N
 * columns. One of these columns is the lane's target; the others are its negatives.
 * loss.c has the equations.
 */
#ifndef G4R_LOSS_H
#define G4R_LOSS_H

#include "../base/base.h"
#include "../kernels/vec.h"

/* The loss of a training, as its options set it. */
typedef struct g4r_loss {
    gru4rec_loss kind;
    /*
     * Activation of the scores in the pairwise losses. The cross-entropies contain a
     * softmax themselves: with them the kind is linear, and nobody applies it.
     */
    g4r_activation final_act;
    /* lambda, the weight of BPR-max's regularisation; other losses ignore it. */
    g4r_real bpreg;
    /*
     * tau, the label smoothing of the two cross-entropies; 0: none. Other losses ignore
     * it.
     */
    double smoothing;
} g4r_loss;

/*
 * Fills *loss from the options, which must be resolved. If option final_act is a softmax,
 * final_act of the loss becomes linear. *loss borrows nothing.
 */
void g4r_loss_init(g4r_loss *loss, const gru4rec_options *options);
/*
 * Returns the loss of one lane, not multiplied by scale. Overwrites scores (n), which
 * come in before the final activation, by scale times the gradient of the loss with
 * respect to them. own < n is the target's column. scratch (3n) may be overwritten. If a
 * score is NaN, so is the loss, except for a pairwise loss without negatives: if n is 1,
 * TOP1-max and BPR-max are 0, BPR is ln 2 and TOP1 is 1/2, whatever the score is.
 */
double g4r_loss_row(g4r_real *scores, const g4r_loss *loss, size_t own, size_t n,
                    g4r_real scale, g4r_real *scratch, const g4r_vec *vec);

#endif

/*
 * loss.h - losses of one lane against N columns, one of them its own target; the
 * equations are in vec_loss.h.
 */
#ifndef G4R_LOSS_H
#define G4R_LOSS_H

#include "../base/base.h"
#include "../kernels/vec.h"

typedef struct g4r_loss {
    gru4rec_loss kind;
    g4r_activation final_act; /* linear where the loss has its own softmax */
    g4r_real bpreg;           /* lambda */
    double smoothing;         /* tau */
} g4r_loss;

void g4r_loss_init(g4r_loss *loss, const gru4rec_options *options);
/*
 * scores (n): in, the lane's logits; out, scale x the gradient of the loss with respect
 * to them. scratch (3n). Returns the loss; NaN when a score is NaN.
 */
double g4r_loss_row(g4r_real *scores, const g4r_loss *loss, size_t own, size_t n,
                    g4r_real scale, g4r_real *scratch, const g4r_vec *vec);

#endif

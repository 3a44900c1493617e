/* precision.h - in which precision a training multiplies (option precision). */
#ifndef G4R_PRECISION_H
#define G4R_PRECISION_H

#include "../base/base.h"

/*
 * A line of the table by which precision auto chooses: with this loss, if all layers have
 * a width from least to most, and if the kernels in bfloat16 are these, bfloat16 is
 * faster and costs no accuracy.
 */
typedef struct g4r_precision_gain {
    gru4rec_loss loss;
    int64_t least, most;
    const char *kernels; /* as gru4rec_bfloat16_kernels() names them */
} g4r_precision_gain;

/* Tells whether a training with these options multiplies in bfloat16. */
bool g4r_precision_is_bfloat16(const gru4rec_options *options);
/*
 * Tells whether the line is about the loss and the widths of these options, those of
 * dense layers too. It says nothing of the kernels.
 */
bool g4r_precision_fits(const g4r_precision_gain *gain, const gru4rec_options *options);

#endif

/* precision.h - in which precision a training multiplies (option precision). */
#ifndef G4R_PRECISION_H
#define G4R_PRECISION_H

#include "../base/base.h"

/* Tells whether a training with these options multiplies in bfloat16. */
bool g4r_precision_is_bfloat16(const gru4rec_options *options);

#endif

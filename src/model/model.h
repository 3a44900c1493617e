/*
 * model.h - the model object: the tensor table and its values. Uses params, vec.
 */
#ifndef G4R_MODEL_H
#define G4R_MODEL_H

#include "params.h"

struct gru4rec_model {
    gru4rec_allocator allocator;
    g4r_arena arena;
    g4r_params params;
    g4r_real *values[G4R_MAX_TENSORS]; /* as params.list */
    struct g4r_quantized *quantized;   /* of the output table, or NULL */
};

#endif

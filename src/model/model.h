/*
 * model.h - the model object: the tensor table and its values.
 */
#ifndef G4R_MODEL_H
#define G4R_MODEL_H

#include "params.h"

struct gru4rec_model {
    gru4rec_allocator allocator;
    g4r_arena arena;
    g4r_params params;
    g4r_real *values[G4R_MAX_TENSORS]; /* as params.list */
    bool collapses_repeats;            /* trained with that option */
    int64_t max_length;                /* the same; 0: none */
};

/* Bytes of a model of these tensors. */
size_t g4r_model_bytes(const g4r_params *params);

/* What items are scored by: table . x + bias. The model's. */
typedef struct g4r_output {
    const g4r_real *table; /* (n,d) */
    const g4r_real *bias;  /* (n) */
    size_t n, d;
} g4r_output;
g4r_output g4r_model_output(const gru4rec_model *model);

#endif

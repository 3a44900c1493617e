/* model.h - the model: the table of its tensors, and their values. */
#ifndef G4R_MODEL_H
#define G4R_MODEL_H

#include "params.h"

struct gru4rec_model {
    gru4rec_allocator allocator;
    g4r_arena arena;
    g4r_params params;
    g4r_real *values[G4R_MAX_TENSORS]; /* one array for each tensor of params.list */
    bool collapses_repeats;            /* trained with the option collapse_repeats */
    int64_t max_length;                /* the option max_length; 0: no limit */
};

/* Returns the bytes that a model with these tensors takes; SIZE_MAX: too many. */
size_t g4r_model_bytes(const g4r_params *params);

/*
 * The tensors that score the items: scores (n) = table . x + bias. The model owns them.
 */
typedef struct g4r_output {
    const g4r_real *table; /* (n,d) a row for each item */
    const g4r_real *bias;  /* (n) a bias for each item */
    size_t n, d;
} g4r_output;
g4r_output g4r_model_output(const gru4rec_model *model);

#endif

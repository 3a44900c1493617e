/* model.h - the model: the table of its tensors, and their values. */
#ifndef G4R_MODEL_H
#define G4R_MODEL_H

#include "params.h"

struct gru4rec_model {
    gru4rec_allocator allocator;
    g4r_arena arena;
    g4r_params params;
    /*
     * For each tensor of params.list the array of its values. The arena owns the arrays.
     */
    g4r_real *values[G4R_MAX_TENSORS];
    /*
     * Option collapse_repeats of the training: of equal items one after another, only the
     * first counts.
     */
    bool collapses_repeats;
    /*
     * Option max_length of the training: most last items of a session that count; 0: all.
     */
    int64_t max_length;
};

/*
 * Returns the bytes that a model with the tensors of params would take, values included.
 * It allocates nothing. SIZE_MAX: too many for a size_t.
 */
size_t g4r_model_bytes(const g4r_params *params);

/*
 * The tensors that score the items: scores (n) = table . x + bias, where x (d) is the
 * vector of the network's top layer. Borrowed from the model.
 */
typedef struct g4r_output {
    /* (n,d) a row for each item. */
    const g4r_real *table;
    const g4r_real *bias; /* (n) a bias for each item */
    size_t n, d;
} g4r_output;
/*
 * Returns the tensors that score the items of the model. They are borrowed until
 * gru4rec_model_free().
 */
g4r_output g4r_model_output(const gru4rec_model *model);

#endif

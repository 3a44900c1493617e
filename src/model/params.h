/*
 * params.h - the table of all tensors (parameters) of a model. Allocation,
 * initialisation, storage, the optimiser's slots and the gradient check all follow from
 * this table.
 */
#ifndef G4R_PARAMS_H
#define G4R_PARAMS_H

#include "../base/arena.h"
#include "../kernels/vec.h"

enum { G4R_MAX_TENSORS = 4 * GRU4REC_MAX_LIST + 2 * GRU4REC_MAX_LIST + 3 };

typedef enum g4r_input_mode { G4R_ONEHOT, G4R_SEPARATE, G4R_SHARED } g4r_input_mode;

typedef enum g4r_cell_kind { G4R_CELL_TORCH, G4R_CELL_ORIGINAL } g4r_cell_kind;

/* One tensor: its name, its shape, and how it is treated. */
typedef struct g4r_param {
    char name[24];
    int64_t rows, cols; /* a vector has cols 1 */
    int32_t n_dims;     /* 1: a vector; 2: a matrix */
    bool is_per_item;   /* it has a row for each item */
    bool is_fixed;      /* training does not change it (option biases) */
    double fan;         /* rows + cols of the block of one gate; 0: it starts at zero */
} g4r_param;

/* A GRU layer: its cell, its widths, and the indexes of its tensors in the table. */
typedef struct g4r_layer {
    g4r_cell_kind cell;
    bool is_lookup; /* one-hot input: v of an item is its row of the input matrix */
    size_t n_in, h;
    size_t input;  /* torch weight_ih (3h,n_in); original Wx (n_in,3h), one-hot (I,3h) */
    size_t hidden; /* torch weight_hh (3h,h); original Wrz (h,2h) */
    size_t hidden_c;    /* original only: Wh (h,h) */
    size_t bias;        /* torch bias_ih (3h); original Bh (3h) */
    size_t bias_hidden; /* torch only: bias_hh (3h) */
} g4r_layer;

/* A dense layer between the top GRU layer and the scores: act(x weight^T + bias). */
typedef struct g4r_dense {
    size_t n_in, n_out;
    size_t weight; /* index of the weight (n_out,n_in) */
    size_t bias;   /* index of the bias (n_out) */
} g4r_dense;

typedef struct g4r_params {
    g4r_input_mode mode;
    int32_t n_items;
    size_t n_layers;
    size_t width; /* D, the width of the top layer */
    g4r_layer layers[GRU4REC_MAX_LIST];
    size_t n_dense;
    g4r_dense dense[GRU4REC_MAX_LIST];
    g4r_activation hidden_act, dense_act;
    size_t n;           /* number of tensors */
    size_t output;      /* index of Wy (I,D) */
    size_t output_bias; /* index of By (I,1) */
    /* Index of the input rows: separate, E (I,e); shared, Wy; one-hot, Wx (I,3h). */
    size_t embedding;
    g4r_param list[G4R_MAX_TENSORS]; /* (n) the table itself */
} g4r_params;

/* Makes the table of a model with these options, which must be resolved, and n_items. */
void g4r_params_init(g4r_params *params, const gru4rec_options *options, int32_t n_items);
/*
 * Carves from the arena, for each tensor, an array of its size, and stores the array in
 * values. The arrays are NULL while the arena measures.
 */
void g4r_params_layout(const g4r_params *params, g4r_arena *arena,
                       g4r_real *values[G4R_MAX_TENSORS]);
/*
 * Writes the initial values of all tensors, in the order of the table. A tensor with a
 * fan gets random values: uniform from -s to s, or normal with standard deviation s
 * (option init_as_normal). s is the option sigma, or sqrt(6 / fan) if sigma is 0. All
 * others get zeros.
 */
void g4r_params_randomise(const g4r_params *params, g4r_real *const *values,
                          const gru4rec_options *options);

/* Returns how many values a tensor has; SIZE_MAX if that does not fit. */
static inline size_t g4r_param_size(const g4r_param *param)
{
    return g4r_mul((size_t)param->rows, (size_t)param->cols);
}

#endif

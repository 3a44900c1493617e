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

/*
 * What the input of the first layer is: one-hot, so that its product is a row of the
 * input matrix; a row of a separate embedding E; or a row of the output weights Wy.
 */
typedef enum g4r_input_mode { G4R_ONEHOT, G4R_SEPARATE, G4R_SHARED } g4r_input_mode;

typedef enum g4r_cell_kind { G4R_CELL_TORCH, G4R_CELL_ORIGINAL } g4r_cell_kind;

/* One tensor: its name, its shape, and how training treats it. */
typedef struct g4r_param {
    char name[24];
    /* The shape. A vector has cols 1. */
    int64_t rows, cols;
    int32_t n_dims;   /* 1: a vector; 2: a matrix */
    bool is_per_item; /* it has a row for each item */
    /*
     * Training does not change it: option biases is false, and it is the bias of a GRU
     * layer or of the items.
     */
    bool is_fixed;
    /*
     * rows + cols of the block of one gate, which decides the size of random initial
     * values. 0: the initial values are zeros.
     */
    double fan;
} g4r_param;

/*
 * A GRU layer: its cell, its widths, and where its tensors are: each is an index into
 * params.list. A tensor that the cell does not have has index 0, which must not be used.
 */
typedef struct g4r_layer {
    g4r_cell_kind cell;
    /* One-hot input: the product v of an item is its row of the input matrix. */
    bool is_lookup;
    size_t n_in, h;
    /* torch: weight_ih (3h,n_in). original: Wx (n_in,3h), with one-hot input (I,3h). */
    size_t input;
    /* torch: weight_hh (3h,h). original: Wrz (h,2h). */
    size_t hidden;
    /* original: Wh (h,h). torch has none. */
    size_t hidden_c;
    /* torch: bias_ih (3h). original: Bh (3h). */
    size_t bias;
    /* torch: bias_hh (3h). original has none. */
    size_t bias_hidden;
} g4r_layer;

/*
 * A dense layer between the top GRU layer and the scores: its values are act(x weight^T +
 * bias), where act is dense_act and x (n_in) the values of the layer below.
 */
typedef struct g4r_dense {
    size_t n_in, n_out;
    size_t weight; /* index in params.list of the weight (n_out,n_in) */
    size_t bias;   /* index in params.list of the bias (n_out) */
} g4r_dense;

typedef struct g4r_params {
    g4r_input_mode mode;
    int32_t n_items;
    size_t n_layers;
    /*
     * D, the width of the top layer: of the last dense layer, or else of the last GRU
     * layer.
     */
    size_t width;
    g4r_layer layers[GRU4REC_MAX_LIST];
    size_t n_dense;
    g4r_dense dense[GRU4REC_MAX_LIST];
    g4r_activation hidden_act, dense_act;
    size_t n;           /* number of tensors in list */
    size_t output;      /* index of Wy (I,D), the output weights */
    size_t output_bias; /* index of By (I,1), the biases of the items */
    /*
     * Index of the tensor that has the input row of each item: E (I,e) of width e if mode
     * is separate; Wy if it is shared; Wx (I,3h) of the first layer if it is one-hot.
     */
    size_t embedding;
    /*
     * (n) the tensors. The index of a tensor is its place here, also in arrays of values.
     */
    g4r_param list[G4R_MAX_TENSORS];
} g4r_params;

/*
 * Fills *params with the table of the tensors of a model with n_items items: their names
 * and shapes, the layers that they belong to, the activations and the input mode. options
 * must be resolved. It allocates nothing.
 */
void g4r_params_init(g4r_params *params, const gru4rec_options *options, int32_t n_items);
/*
 * Carves an array for the values of each tensor from the arena (arena.h), and stores it
 * in values, by the tensor's index. While the arena only counts, the arrays are NULL.
 */
void g4r_params_layout(const g4r_params *params, g4r_arena *arena,
                       g4r_real *values[G4R_MAX_TENSORS]);
/*
 * Writes the initial values of all tensors, in the order of the table. A tensor with a
 * fan gets random values, which depend on option seed: uniform from -s to s, or normal
 * with standard deviation s (option init_as_normal). s is option sigma, or sqrt(6 / fan)
 * if sigma is 0. A tensor without a fan gets zeros.
 */
void g4r_params_randomise(const g4r_params *params, g4r_real *const *values,
                          const gru4rec_options *options);

/*
 * Returns how many values a tensor has, rows times cols; SIZE_MAX if the product does not
 * fit a size_t.
 */
static inline size_t g4r_param_size(const g4r_param *param)
{
    return g4r_mul((size_t)param->rows, (size_t)param->cols);
}

#endif

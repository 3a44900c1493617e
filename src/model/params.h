/*
 * params.h - the tensor table: every parameter of a model, from which allocation,
 * initialisation, storage, the slots and the gradient check follow.
 */
#ifndef G4R_PARAMS_H
#define G4R_PARAMS_H

#include "../base/arena.h"
#include "../kernels/vec.h"

enum { G4R_MAX_TENSORS = 4 * GRU4REC_MAX_LIST + 2 * GRU4REC_MAX_LIST + 3 };

typedef enum g4r_input_mode { G4R_ONEHOT, G4R_SEPARATE, G4R_SHARED } g4r_input_mode;

typedef enum g4r_cell_kind { G4R_CELL_TORCH, G4R_CELL_ORIGINAL } g4r_cell_kind;

/* A place in the table. */
typedef struct g4r_param {
    char name[24];
    int64_t rows, cols; /* cols 1 and n_dims 1: a vector */
    int32_t n_dims;
    bool is_per_item; /* a row per item */
    bool is_fixed;    /* stays as it is (option biases) */
    double fan;       /* rows + cols of one gate's block; 0: starts at zero */
} g4r_param;

/* A GRU layer: which cell, its widths, and its tensors by their index in the table. */
typedef struct g4r_layer {
    g4r_cell_kind cell;
    bool is_lookup; /* one-hot input: rows of the input matrix, by item */
    size_t n_in, h;
    size_t input;       /* torch weight_ih (3h,n_in); original Wx (n_in,3h), (I,3h) */
    size_t hidden;      /* torch weight_hh (3h,h); original Wrz (h,2h) */
    size_t hidden_c;    /* original only: Wh (h,h) */
    size_t bias;        /* torch bias_ih (3h); original Bh (3h) */
    size_t bias_hidden; /* torch only: bias_hh (3h) */
} g4r_layer;

/* A dense layer between the top GRU layer and the scores: act(x weight^T + bias). */
typedef struct g4r_dense {
    size_t n_in, n_out;
    size_t weight; /* (n_out, n_in) */
    size_t bias;   /* (n_out) */
} g4r_dense;

typedef struct g4r_params {
    g4r_input_mode mode;
    int32_t n_items;
    size_t n_layers;
    size_t width; /* D, of the top layer */
    g4r_layer layers[GRU4REC_MAX_LIST];
    size_t n_dense;
    g4r_dense dense[GRU4REC_MAX_LIST];
    g4r_activation hidden_act, dense_act;
    size_t n;
    size_t output;      /* Wy (I,D) */
    size_t output_bias; /* By (I,1) */
    size_t embedding;   /* rows of the inputs: E (I,e); shared, Wy; one-hot, Wx (I,3h) */
    g4r_param list[G4R_MAX_TENSORS];
} g4r_params;

/* The table for resolved options. */
void g4r_params_init(g4r_params *params, const gru4rec_options *options, int32_t n_items);
/* Slices of one value per parameter; NULL in values while measuring. */
void g4r_params_layout(const g4r_params *params, g4r_arena *arena,
                       g4r_real *values[G4R_MAX_TENSORS]);
/*
 * Random blocks, in the order of the table: uniform in +-s, or normal with
 * deviation s; s is sigma, or where that is 0 sqrt(6 / fan).
 */
void g4r_params_randomise(const g4r_params *params, g4r_real *const *values,
                          const gru4rec_options *options);

static inline size_t g4r_param_size(const g4r_param *param)
{
    return g4r_mul((size_t)param->rows, (size_t)param->cols);
}

#endif

/*
 * cell.h - one GRU layer for M lanes, forward and backward.
 *
 * There are two cells (cell_torch.c, cell_original.c), and both work with every input
 * mode: if the product of the layer's input with its input matrix is a lookup, the caller
 * does the lookup. Matrices are (M, width), row-major. old is the state after the step
 * before. Its gradient is computed only if training goes back through several steps (bptt
 * above 1); else old counts as a constant.
 */
#ifndef G4R_CELL_H
#define G4R_CELL_H

#include "../kernels/blas.h"
#include "../kernels/vec.h"

enum { G4R_CELL_PRODUCTS = 5 };

/*
 * The parameters of a layer, or the gradients of these. Those that the cell does not have
 * are NULL. params.h (g4r_layer) has the shapes.
 */
typedef struct g4r_cell_weights {
    g4r_real *input;
    g4r_real *hidden;
    g4r_real *hidden_c;
    g4r_real *bias;
    g4r_real *bias_hidden;
} g4r_cell_weights;

/*
 * What one layer computes in a frame, and what backward needs of it. The letters are
 * those of vec_cell.h.
 */
typedef struct g4r_cell_pass {
    g4r_real *old;     /* (M,h) input: the state before the step */
    g4r_real *v;       /* (M,3h) product of x with the input matrix, without bias */
    g4r_real *scratch; /* (M,3h) torch: u, then du; original: u, then w, then ds */
    g4r_real *gates;   /* (M,3h) activated gates; torch: r|z|n, original: c|r|z */
    g4r_real *saved;   /* (M,h) torch: g; original: s */
    g4r_real *state;   /* (M,h) output: the state after the step */
    g4r_real *dv;      /* (M,3h) output of backward: gradient of v */
    g4r_real *dold;    /* (M,h) output of backward, if needs_dold: gradient of old */
} g4r_cell_pass;

/* A layer at work on M lanes: its parameters, its input and its results. */
typedef struct g4r_cell {
    const g4r_vec *vec;
    size_t m, n_in, h;  /* number of lanes, widths of the input and of the state */
    g4r_activation act; /* activation of the candidate */
    bool by_rows;       /* as in g4r_network; only forward uses it */
    const g4r_real *x;  /* (M,n_in) the input; NULL: the caller has written pass->v */
    g4r_cell_weights weights;
    g4r_cell_pass *pass;
    /* The rest is for backward. */
    g4r_real *dstate; /* (M,h) input: gradient of the states */
    g4r_real *dx;     /* (M,n_in) output: gradient of x */
    g4r_cell_weights dweights;
    g4r_real beta; /* 0: overwrite dweights; 1: add to them */
    bool needs_dold;
} g4r_cell;

/*
 * The functions with an argument products (G4R_CELL_PRODUCTS) describe products there
 * that the caller must compute with g4r_blas_run(), and return how many they are. None of
 * these functions can fail.
 *
 * A forward pass calls products, computes the products, and calls forward. A backward
 * pass of PyTorch's cell calls backward for all lanes, then gradients, and computes the
 * products; one of the original calls backward and computes the products.
 */

/* Describes the products of old and of x, whose results are pass->scratch and pass->v. */
size_t g4r_cell_torch_products(g4r_product *products, const g4r_cell *cell);
/*
 * Computes the states of the lanes begin ... end - 1. Threads may work on different lanes
 * at the same time.
 */
void g4r_cell_torch_forward(const g4r_cell *cell, size_t begin, size_t end);
/*
 * Computes pass->dv, du (in pass->scratch) and a part of pass->dold for the lanes begin
 * ... end - 1. Threads may work on different lanes at the same time.
 */
void g4r_cell_torch_backward(const g4r_cell *cell, size_t begin, size_t end);
/*
 * Computes the gradients of the biases, after backward of all lanes. Describes the
 * products that give all other gradients.
 */
size_t g4r_cell_torch_gradients(g4r_product *products, const g4r_cell *cell);

/* Describes the products of old and of x, whose results are pass->scratch and pass->v. */
size_t g4r_cell_original_products(g4r_product *products, const g4r_cell *cell);
/*
 * Computes the states of all lanes. It multiplies, so the thread must have entered BLAS.
 */
void g4r_cell_original_forward(const g4r_cell *cell);
/*
 * Computes pass->dv and a part of pass->dold for all lanes, and the gradients of the
 * biases. Describes the products that give all other gradients. It multiplies, so the
 * thread must have entered BLAS.
 */
size_t g4r_cell_original_backward(g4r_product *products, const g4r_cell *cell);

#endif

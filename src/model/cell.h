/*
 * cell.h - one GRU layer for M lanes, forward and backward.
 *
 * There are two cells: PyTorch's (cell_torch.c) and the original (cell_original.c). Both
 * work with every input mode: if the product of the layer's input with its input matrix
 * is a lookup of rows, the caller does the lookup. Matrices are (M, width), row-major; h
 * is the width of the layer, n_in that of its input. old is the state before the step.
 * Its gradient is needed only where training goes back to the step before (bptt above 1,
 * needs_dold); elsewhere old counts as a constant.
 */
#ifndef G4R_CELL_H
#define G4R_CELL_H

#include "../kernels/products.h"
#include "../kernels/vec.h"

enum { G4R_CELL_PRODUCTS = 5 };

/*
 * The parameters of a layer, or the gradients of these. hidden_c is NULL in PyTorch's
 * cell, and bias_hidden is NULL in the original. params.h (g4r_layer) has the shapes.
 */
typedef struct g4r_cell_weights {
    g4r_real *input;
    g4r_real *hidden;
    g4r_real *hidden_c;
    g4r_real *bias;
    g4r_real *bias_hidden;
} g4r_cell_weights;

/*
 * What one layer computes in a frame. Backward reads what forward has left here, and
 * overwrites scratch. The letters are those of vec_cell.h.
 */
typedef struct g4r_cell_pass {
    g4r_real *old; /* (M,h) input: the state before the step */
    g4r_real *v;   /* (M,3h) product of x with the input matrix, without bias */
    /*
     * (M,3h) scratch. PyTorch's cell: u, which backward replaces by du. The original:
     * first u (M,2h), then w (M,h), in backward ds (M,h).
     */
    g4r_real *scratch;
    /*
     * (M,3h) the gates and the candidate, after their activations. PyTorch's cell has
     * r|z|n, the original c|r|z.
     */
    g4r_real *gates;
    /* (M,h) what forward keeps for backward. PyTorch's cell: g. The original: s. */
    g4r_real *saved;
    /*
     * (M,h) output: the state after the step. The network's dropout changes it
     * afterwards.
     */
    g4r_real *state;
    g4r_real *dv; /* (M,3h) output of backward: gradient of v */
    /*
     * (M,h) output of backward: gradient of old. If needs_dold is false, the part that
     * comes through u is missing, and nobody reads it.
     */
    g4r_real *dold;
} g4r_cell_pass;

/* The arguments of the functions below: a layer at work on m lanes in a frame. */
typedef struct g4r_cell {
    const g4r_vec *vec;
    const g4r_products *products; /* what multiplies */
    /* Number of lanes M; width of the input; width of the state. */
    size_t m, n_in, h;
    g4r_activation act; /* the candidate's activation */
    /*
     * Forward's products give each lane the bits that it has in a network of one lane,
     * see g4r_network. Backward does not read it.
     */
    bool by_rows;
    /*
     * (M,n_in) the input. NULL: the input product is a lookup, and the caller writes
     * pass->v before forward.
     */
    const g4r_real *x;
    g4r_cell_weights weights;
    g4r_cell_pass *pass;
    /* Only the functions of backward read the rest. */
    g4r_real *dstate; /* (M,h) input: gradient of pass->state */
    /* (M,n_in) output: gradient of x. It is not written if x is NULL. */
    g4r_real *dx;
    g4r_cell_weights dweights;
    /* What happens to dweights: 0 overwrites them, 1 adds to them. */
    g4r_real beta;
    /* The gradient of old is wanted, so its part through u is computed too. */
    bool needs_dold;
} g4r_cell;

/*
 * Some of these functions describe matrix products: they fill products
 * (G4R_CELL_PRODUCTS) and return how many there are, but do not multiply. The caller
 * computes these products with g4r_products_run() after. None of the functions can fail.
 *
 * Forward, both cells: call products, compute the products, call forward. Backward,
 * PyTorch's cell: call backward for all lanes, call gradients, compute the products.
 * Backward, the original: call backward, compute the products.
 */

/*
 * Describes the products before forward: old with its matrix, into pass->scratch (u);
 * and, unless x is NULL, x with its matrix, into pass->v. Returns their number, 1 or 2.
 */
size_t g4r_cell_torch_products(g4r_product *products, const g4r_cell *cell);
/*
 * Computes pass->gates, saved and state of the lanes begin ... end - 1, from pass->v and
 * pass->scratch (u). Threads may work on different lanes at the same time.
 */
void g4r_cell_torch_forward(const g4r_cell *cell, size_t begin, size_t end);
/*
 * Computes pass->dv, du, which replaces u in pass->scratch, and pass->dold without its
 * part through u, for the lanes begin ... end - 1. Reads dstate and what forward has
 * left. Threads may work on different lanes at the same time.
 */
void g4r_cell_torch_backward(const g4r_cell *cell, size_t begin, size_t end);
/*
 * Computes the gradients of the two biases, at once. Describes the products for the other
 * gradients: of hidden; the rest of pass->dold, if needs_dold; and, unless x is NULL, of
 * input and of x (into dx). Returns their number. Call it after g4r_cell_torch_backward()
 * of all lanes.
 */
size_t g4r_cell_torch_gradients(g4r_product *products, const g4r_cell *cell);

/*
 * Describes the products before forward: old with its matrix (hidden), into pass->scratch
 * (u); and, unless x is NULL, x with its matrix, into pass->v. Returns their number, 1 or
 * 2.
 */
size_t g4r_cell_original_products(g4r_product *products, const g4r_cell *cell);
/*
 * Computes pass->gates, saved and state of all lanes, from pass->v and pass->scratch (u),
 * which w replaces. It computes the product w itself, between the gates, so the thread
 * must have entered BLAS.
 */
void g4r_cell_original_forward(const g4r_cell *cell);
/*
 * Computes for all lanes pass->dv, pass->dold without its part through u, and the
 * gradient of the bias. ds overwrites pass->scratch. It computes the product ds itself,
 * so the thread must have entered BLAS. Describes the products for the other gradients:
 * of hidden_c and hidden; the rest of pass->dold, if needs_dold; and, unless x is NULL,
 * of input and of x (into dx). Returns their number.
 */
size_t g4r_cell_original_backward(g4r_product *products, const g4r_cell *cell);

#endif

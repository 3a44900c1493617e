/*
 * cell.h - one GRU layer for M lanes, forward and backward.
 *
 * Where the product of the layer's input with its input matrix is a lookup it is the
 * caller's, so that both cells serve every input mode. Matrices are (M, width) row-major.
 * old is the state from the step before. Its gradient is asked for only when training
 * goes back through several steps (bptt above 1); else it is a constant.
 */
#ifndef G4R_CELL_H
#define G4R_CELL_H

#include "../kernels/blas.h"
#include "../kernels/vec.h"

enum { G4R_CELL_PRODUCTS = 5 };

/* Parameters, or their gradients; unused ones are NULL. See params.h for the shapes. */
typedef struct g4r_cell_weights {
    g4r_real *input;
    g4r_real *hidden;
    g4r_real *hidden_c;
    g4r_real *bias;
    g4r_real *bias_hidden;
} g4r_cell_weights;

/* What one layer computes in a frame, and needs again on the way back. The letters are
 * those of vec_cell.h. */
typedef struct g4r_cell_pass {
    g4r_real *old;     /* (M,h) in */
    g4r_real *v;       /* (M,3h) product of x with the input matrix, without bias */
    g4r_real *scratch; /* (M,3h) u, du of the torch cell; u, w, ds of the original */
    g4r_real *gates;   /* (M,3h) activations: torch r|z|n, original c|r|z */
    g4r_real *saved;   /* (M,h) torch: g; original: s */
    g4r_real *state;   /* (M,h) out */
    g4r_real *dv;      /* (M,3h) out of backward: gradient of v */
    g4r_real *dold;    /* (M,h) out of backward, where asked for: gradient of old */
} g4r_cell_pass;

/* A layer and the lanes that it works on. */
typedef struct g4r_cell {
    const g4r_vec *vec;
    size_t m, n_in, h;  /* lanes, widths of input and state */
    g4r_activation act; /* of the candidate */
    bool by_rows;       /* as the network's; forward only */
    const g4r_real *x;  /* (M,n_in) the input; NULL: pass->v is there already */
    g4r_cell_weights weights;
    g4r_cell_pass *pass;
    /* For backward: */
    g4r_real *dstate; /* (M,h) in: gradient of the states */
    g4r_real *dx;     /* (M,n_in) out: gradient of x */
    g4r_cell_weights dweights;
    g4r_real beta; /* 0: overwrite dweights; 1: add to them */
    bool needs_dold;
} g4r_cell;

/*
 * The products with old and with x, whose results forward needs in pass->scratch and
 * pass->v. Returns how many there are, as the others that give products; at most
 * G4R_CELL_PRODUCTS.
 */
size_t g4r_cell_torch_products(g4r_product *products, const g4r_cell *cell);
/* Of the lanes from begin to before end. */
void g4r_cell_torch_forward(const g4r_cell *cell, size_t begin, size_t end);
/*
 * Overwrites those lanes of pass->dv, scratch and dold; when all are done, the
 * gradients remain.
 */
void g4r_cell_torch_backward(const g4r_cell *cell, size_t begin, size_t end);
/* The biases' gradients; and the products that give the others. */
size_t g4r_cell_torch_gradients(g4r_product *products, const g4r_cell *cell);

size_t g4r_cell_original_products(g4r_product *products, const g4r_cell *cell);
/* All lanes. */
void g4r_cell_original_forward(const g4r_cell *cell);
/* All lanes and the biases' gradients; and the products that remain. */
size_t g4r_cell_original_backward(g4r_product *products, const g4r_cell *cell);

#endif

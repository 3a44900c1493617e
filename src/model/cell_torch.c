/*
 * cell_torch.c - a layer of the GRU cell of PyTorch and cuDNN: the reset gate comes after
 * the product, and the update gate keeps the old state.
 *
 * The arithmetic within a lane is in vec_cell.h, whose letters are used here.
 * pass->scratch holds u, and in backward du; pass->saved holds g. This file adds the
 * products of matrices. Forward:
 *   u = old W_hh^T                        v = x W_ih^T
 * Backward:
 *   dW_hh = du^T old                      db, dc = column sums of dv, du
 *   dold += du W_hh
 *   dW_ih = dv^T x                        dx = dv W_ih
 */
#include "cell.h"

size_t g4r_cell_torch_products(g4r_product *products, const g4r_cell *cell)
{
    const g4r_cell_pass *pass = cell->pass;
    const g4r_cell_weights *weights = &cell->weights;
    const size_t m = cell->m, n_in = cell->n_in, h = cell->h;
    products[0] = g4r_product_of(G4R_NT, pass->scratch, 3 * h, pass->old, h,
                                 weights->hidden, h, m, 3 * h, h, 0);
    products[1] = g4r_product_of(G4R_NT, pass->v, 3 * h, cell->x, n_in, weights->input,
                                 n_in, m, 3 * h, n_in, 0);
    return cell->x != NULL ? 2 : 1;
}

void g4r_cell_torch_forward(const g4r_cell *cell, size_t begin, size_t end)
{
    const g4r_vec *vec = cell->vec;
    const g4r_cell_pass *pass = cell->pass;
    const size_t h = cell->h;
    for (size_t lane = begin; lane < end; lane++) {
        g4r_real *gates = pass->gates + lane * 3 * h;
        vec->cell.torch_gates(gates, pass->saved + lane * h, pass->v + lane * 3 * h,
                              pass->scratch + lane * 3 * h, cell->weights.bias,
                              cell->weights.bias_hidden, h);
        vec->activate(gates + 2 * h, &cell->act, h);
        vec->cell.mix(pass->state + lane * h, gates + 2 * h, pass->old + lane * h,
                      gates + h, h);
    }
}

void g4r_cell_torch_backward(const g4r_cell *cell, size_t begin, size_t end)
{
    const g4r_cell_pass *pass = cell->pass;
    const size_t h = cell->h;
    for (size_t lane = begin; lane < end; lane++) {
        const g4r_real *gates = pass->gates + lane * 3 * h;
        g4r_real *slope_dold = pass->dold + lane * h;
        cell->vec->slope(slope_dold, gates + 2 * h, &cell->act, h);
        cell->vec->cell.torch_backward(pass->dv + lane * 3 * h,
                                       pass->scratch + lane * 3 * h, slope_dold,
                                       cell->dstate + lane * h, gates,
                                       pass->saved + lane * h, pass->old + lane * h, h);
    }
}

size_t g4r_cell_torch_gradients(g4r_product *products, const g4r_cell *cell)
{
    const g4r_cell_pass *pass = cell->pass;
    const g4r_cell_weights *weights = &cell->weights, *dweights = &cell->dweights;
    const size_t m = cell->m, n_in = cell->n_in, h = cell->h;
    const g4r_real beta = cell->beta;
    size_t n = 0;
    g4r_vec_column_sums(dweights->bias, pass->dv, 3 * h, m, 3 * h, beta, cell->vec);
    g4r_vec_column_sums(dweights->bias_hidden, pass->scratch, 3 * h, m, 3 * h, beta,
                        cell->vec);
    products[n++] = g4r_product_of(G4R_TN, dweights->hidden, h, pass->scratch, 3 * h,
                                   pass->old, h, 3 * h, h, m, beta);
    if (cell->needs_dold)
        products[n++] = g4r_product_of(G4R_NN, pass->dold, h, pass->scratch, 3 * h,
                                       weights->hidden, h, m, h, 3 * h, 1);
    if (cell->x == NULL)
        return n;
    products[n++] = g4r_product_of(G4R_TN, dweights->input, n_in, pass->dv, 3 * h,
                                   cell->x, n_in, 3 * h, n_in, m, beta);
    products[n++] = g4r_product_of(G4R_NN, cell->dx, n_in, pass->dv, 3 * h,
                                   weights->input, n_in, m, n_in, 3 * h, 0);
    return n;
}

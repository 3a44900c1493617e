/*
 * cell_torch.c - a layer of the GRU cell of PyTorch and cuDNN, reset gate after the
 * product (vec_cell.h).
 *
 * What happens within a lane is in vec_cell.h, in whose letters v is input, u is hidden,
 * g is saved. Between the lanes' parts stand the products:
 *   u = old W_hh^T                        v = x W_ih^T
 * and on the way back, when dv is in dinput and du has taken the place of u:
 *   dW_hh = du^T old                      db, dc = column sums of dv, du
 *   dold += du W_hh
 *   dW_ih = dv^T x                        dx = dv W_ih
 */
#include "cell.h"

size_t g4r_cell_torch_products(g4r_product *products, const g4r_cell *cell)
{
    const g4r_cell_pass *s = cell->pass;
    const g4r_cell_weights *w = &cell->weights;
    const size_t m = cell->m, n_in = cell->n_in, h = cell->h;
    products[0] =
        g4r_product_of(G4R_NT, s->hidden, 3 * h, s->old, h, w->hidden, h, m, 3 * h, h, 0);
    if (cell->x == NULL)
        return 1;
    products[1] = g4r_product_of(G4R_NT, s->input, 3 * h, cell->x, n_in, w->input, n_in,
                                 m, 3 * h, n_in, 0);
    return 2;
}

void g4r_cell_torch_forward(const g4r_cell *cell, size_t first, size_t end)
{
    const g4r_vec *vec = cell->vec;
    const g4r_cell_pass *s = cell->pass;
    const size_t h = cell->h;
    for (size_t lane = first; lane < end; lane++) {
        g4r_real *gates = s->gates + lane * 3 * h;
        vec->cell.torch_gates(gates, s->saved + lane * h, s->input + lane * 3 * h,
                              s->hidden + lane * 3 * h, cell->weights.bias,
                              cell->weights.bias_hidden, h);
        vec->activate(gates + 2 * h, &cell->act, h);
        vec->cell.mix(s->state + lane * h, gates + 2 * h, s->old + lane * h, gates + h,
                      h);
    }
}

void g4r_cell_torch_backward(const g4r_cell *cell, size_t first, size_t end)
{
    const g4r_cell_pass *s = cell->pass;
    const size_t h = cell->h;
    for (size_t lane = first; lane < end; lane++) {
        const g4r_real *gates = s->gates + lane * 3 * h;
        g4r_real *dold = s->dold + lane * h;
        cell->vec->slope(dold, gates + 2 * h, &cell->act, h);
        cell->vec->cell.torch_backward(s->dinput + lane * 3 * h, s->hidden + lane * 3 * h,
                                       dold, cell->dstate + lane * h, gates,
                                       s->saved + lane * h, s->old + lane * h, h);
    }
}

size_t g4r_cell_torch_gradients(g4r_product *products, const g4r_cell *cell)
{
    const g4r_cell_pass *s = cell->pass;
    const g4r_cell_weights *w = &cell->weights, *dw = &cell->dweights;
    const size_t m = cell->m, n_in = cell->n_in, h = cell->h;
    const g4r_real beta = cell->beta;
    size_t n = 0;
    g4r_vec_column_sums(dw->bias, s->dinput, 3 * h, m, 3 * h, beta, cell->vec);
    g4r_vec_column_sums(dw->bias_hidden, s->hidden, 3 * h, m, 3 * h, beta, cell->vec);
    products[n++] = g4r_product_of(G4R_TN, dw->hidden, h, s->hidden, 3 * h, s->old, h,
                                   3 * h, h, m, beta);
    if (cell->needs_dold)
        products[n++] = g4r_product_of(G4R_NN, s->dold, h, s->hidden, 3 * h, w->hidden, h,
                                       m, h, 3 * h, 1);
    if (cell->x == NULL)
        return n;
    products[n++] = g4r_product_of(G4R_TN, dw->input, n_in, s->dinput, 3 * h, cell->x,
                                   n_in, 3 * h, n_in, m, beta);
    products[n++] = g4r_product_of(G4R_NN, cell->dx, n_in, s->dinput, 3 * h, w->input,
                                   n_in, m, n_in, 3 * h, 0);
    return n;
}

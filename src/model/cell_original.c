/*
 * cell_original.c - a layer of the GRU cell of the original implementation, reset
 * gate before the product and update gate on the candidate (vec_cell.h).
 *
 * What happens within a lane is in vec_cell.h, in whose letters v is input, s is saved,
 * and u, then w, is hidden. Between the lanes' parts stand the products:
 *   u = old Wrz                           w = s Wh
 *   v = x Wx
 * and on the way back, when dv is in dinput:
 *   ds = a_c Wh^T                         db = column sums of dv
 *   dWh = s^T a_c                         dWrz = old^T [a_r a_z]
 *   dold += [a_r a_z] Wrz^T
 *   dWx = x^T dv                          dx = dv Wx^T
 */
#include "cell.h"

#include "../base/timing.h"

size_t g4r_cell_original_products(g4r_product *products, const g4r_cell *cell)
{
    const g4r_cell_pass *s = cell->pass;
    const g4r_cell_weights *w = &cell->weights;
    const size_t m = cell->m, n_in = cell->n_in, h = cell->h;
    products[0] = g4r_product_of(G4R_NN, s->hidden, 2 * h, s->old, h, w->hidden, 2 * h, m,
                                 2 * h, h, 0);
    if (cell->x == NULL)
        return 1;
    products[1] = g4r_product_of(G4R_NN, s->input, 3 * h, cell->x, n_in, w->input, 3 * h,
                                 m, 3 * h, n_in, 0);
    return 2;
}

void g4r_cell_original_forward(const g4r_cell *cell)
{
    const g4r_vec *vec = cell->vec;
    const g4r_cell_pass *s = cell->pass;
    const g4r_cell_weights *w = &cell->weights;
    const size_t m = cell->m, h = cell->h;
    for (size_t lane = 0; lane < m; lane++)
        vec->cell.original_gates(s->gates + lane * 3 * h, s->saved + lane * h,
                                 s->input + lane * 3 * h, s->hidden + lane * 2 * h,
                                 w->bias, s->old + lane * h, h);
    g4r_timing_enter(G4R_IN_GRU_PRODUCTS);
    g4r_blas_multiply(
        g4r_product_of(G4R_NN, s->hidden, h, s->saved, h, w->hidden_c, h, m, h, h, 0));
    g4r_timing_enter(G4R_IN_GATES);
    for (size_t lane = 0; lane < m; lane++) {
        g4r_real *gates = s->gates + lane * 3 * h;
        vec->cell.original_candidate(gates, s->input + lane * 3 * h, w->bias,
                                     s->hidden + lane * h, h);
        vec->activate(gates, &cell->act, h);
        vec->cell.mix(s->state + lane * h, s->old + lane * h, gates, gates + 2 * h, h);
    }
}

size_t g4r_cell_original_backward(g4r_product *products, const g4r_cell *cell)
{
    const g4r_vec *vec = cell->vec;
    const g4r_cell_pass *s = cell->pass;
    const g4r_cell_weights *w = &cell->weights, *dw = &cell->dweights;
    const size_t m = cell->m, n_in = cell->n_in, h = cell->h;
    const g4r_real beta = cell->beta;
    size_t n = 0;
    g4r_timing_enter(G4R_IN_GATES);
    for (size_t lane = 0; lane < m; lane++) {
        const g4r_real *gates = s->gates + lane * 3 * h;
        g4r_real *dold = s->dold + lane * h;
        vec->slope(dold, gates, &cell->act, h);
        vec->cell.original_backward(s->dinput + lane * 3 * h, dold,
                                    cell->dstate + lane * h, gates, s->old + lane * h, h);
    }
    /* hidden: ds (M,h) */
    g4r_timing_enter(G4R_IN_GRU_PRODUCTS);
    g4r_blas_multiply(g4r_product_of(G4R_NT, s->hidden, h, s->dinput, 3 * h, w->hidden_c,
                                     h, m, h, h, 0));
    g4r_timing_enter(G4R_IN_GATES);
    for (size_t lane = 0; lane < m; lane++)
        vec->cell.original_backward_reset(s->dinput + lane * 3 * h, s->dold + lane * h,
                                          s->hidden + lane * h, s->gates + lane * 3 * h,
                                          s->old + lane * h, h);
    g4r_vec_column_sums(dw->bias, s->dinput, 3 * h, m, 3 * h, beta, vec);
    products[n++] = g4r_product_of(G4R_TN, dw->hidden_c, h, s->saved, h, s->dinput, 3 * h,
                                   h, h, m, beta);
    products[n++] = g4r_product_of(G4R_TN, dw->hidden, 2 * h, s->old, h, s->dinput + h,
                                   3 * h, h, 2 * h, m, beta);
    if (cell->needs_dold)
        products[n++] = g4r_product_of(G4R_NT, s->dold, h, s->dinput + h, 3 * h,
                                       w->hidden, 2 * h, m, h, 2 * h, 1);
    if (cell->x == NULL)
        return n;
    products[n++] = g4r_product_of(G4R_TN, dw->input, 3 * h, cell->x, n_in, s->dinput,
                                   3 * h, n_in, 3 * h, m, beta);
    products[n++] = g4r_product_of(G4R_NT, cell->dx, n_in, s->dinput, 3 * h, w->input,
                                   3 * h, m, n_in, 3 * h, 0);
    return n;
}

/*
 * cell_original.c - a layer of the GRU cell of the original implementation, reset
 * gate before the product and update gate on the candidate (algorithm 3.2). Uses blas,
 * vec.
 *
 * What happens within a lane is in vec_cell.h, in whose letters v is input, s is saved,
 * and u, then w, is hidden. Between the lanes' parts stand the products:
 *   u = old Wrz                           w = s Wh
 * and on the way back, when dv is in dinput:
 *   ds = a_c Wh^T                         db = column sums of dv
 *   dWh = s^T a_c                         dWrz = old^T [a_r a_z]
 *   dold += [a_r a_z] Wrz^T
 */
#include "cell.h"

#include "../base/timing.h"

g4r_product g4r_cell_original_product(const g4r_cell *cell)
{
    const size_t m = cell->m, h = cell->h;
    return g4r_product_of(G4R_NN, cell->pass->hidden, 2 * h, cell->pass->old, h,
                          cell->weights.hidden, 2 * h, m, 2 * h, h, 0);
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
    const size_t m = cell->m, h = cell->h;
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
    g4r_cell_column_sums(dw->bias, s->dinput, m, 3 * h, cell->beta, vec);
    products[0] = g4r_product_of(G4R_TN, dw->hidden_c, h, s->saved, h, s->dinput, 3 * h,
                                 h, h, m, cell->beta);
    products[1] = g4r_product_of(G4R_TN, dw->hidden, 2 * h, s->old, h, s->dinput + h,
                                 3 * h, h, 2 * h, m, cell->beta);
    products[2] = g4r_product_of(G4R_NT, s->dold, h, s->dinput + h, 3 * h, w->hidden,
                                 2 * h, m, h, 2 * h, 1);
    return cell->needs_dold ? 3 : 2;
}

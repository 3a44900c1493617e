/*
 * cell_original.c - a layer of the GRU cell of the original implementation: the reset
 * gate comes before the product, and the update gate takes the candidate.
 *
 * The arithmetic within a lane is in vec_cell.h, whose letters are used here.
 * pass->scratch holds u, then w, and in backward ds; pass->saved holds s. This file adds
 * the products of matrices. Forward:
 *   u = old Wrz                           w = s Wh
 *   v = x Wx
 * Backward:
 *   ds = a_c Wh^T                         db = column sums of dv
 *   dWh = s^T a_c                         dWrz = old^T [a_r a_z]
 *   dold += [a_r a_z] Wrz^T
 *   dWx = x^T dv                          dx = dv Wx^T
 */
#include "cell.h"

#include "../base/timing.h"

size_t g4r_cell_original_products(g4r_product *products, const g4r_cell *cell)
{
    const g4r_cell_pass *pass = cell->pass;
    const g4r_cell_weights *weights = &cell->weights;
    const size_t m = cell->m, n_in = cell->n_in, h = cell->h;
    products[0] = g4r_product_of(G4R_NN, pass->scratch, 2 * h, pass->old, h,
                                 weights->hidden, 2 * h, m, 2 * h, h, 0);
    products[1] = g4r_product_of(G4R_NN, pass->v, 3 * h, cell->x, n_in, weights->input,
                                 3 * h, m, 3 * h, n_in, 0);
    return cell->x != NULL ? 2 : 1;
}

void g4r_cell_original_forward(const g4r_cell *cell)
{
    const g4r_vec *vec = cell->vec;
    const g4r_cell_pass *pass = cell->pass;
    const g4r_cell_weights *weights = &cell->weights;
    const size_t m = cell->m, h = cell->h;
    for (size_t lane = 0; lane < m; lane++)
        vec->cell.original_gates(pass->gates + lane * 3 * h, pass->saved + lane * h,
                                 pass->v + lane * 3 * h, pass->scratch + lane * 2 * h,
                                 weights->bias, pass->old + lane * h, h);
    g4r_timing_enter(G4R_IN_GRU_PRODUCTS);
    g4r_product product = g4r_product_of(G4R_NN, pass->scratch, h, pass->saved, h,
                                         weights->hidden_c, h, m, h, h, 0);
    product.by_rows = cell->by_rows;
    g4r_products_multiply(cell->products, product, 0);
    g4r_timing_enter(G4R_IN_GATES);
    for (size_t lane = 0; lane < m; lane++) {
        g4r_real *gates = pass->gates + lane * 3 * h;
        vec->cell.original_candidate(gates, pass->v + lane * 3 * h, weights->bias,
                                     pass->scratch + lane * h, h);
        vec->activate(gates, &cell->act, h);
        vec->cell.mix(pass->state + lane * h, pass->old + lane * h, gates, gates + 2 * h,
                      h);
    }
}

size_t g4r_cell_original_backward(g4r_product *products, const g4r_cell *cell)
{
    const g4r_vec *vec = cell->vec;
    const g4r_cell_pass *pass = cell->pass;
    const g4r_cell_weights *weights = &cell->weights, *dweights = &cell->dweights;
    const size_t m = cell->m, n_in = cell->n_in, h = cell->h;
    const g4r_real beta = cell->beta;
    size_t n = 0;
    g4r_timing_enter(G4R_IN_GATES);
    for (size_t lane = 0; lane < m; lane++) {
        const g4r_real *gates = pass->gates + lane * 3 * h;
        g4r_real *slope_dold = pass->dold + lane * h;
        vec->slope(slope_dold, gates, &cell->act, h);
        vec->cell.original_backward(pass->dv + lane * 3 * h, slope_dold,
                                    cell->dstate + lane * h, gates, pass->old + lane * h,
                                    h);
    }
    /* Computes ds = a_c Wh^T, (M,h), into the scratch. a_c is the first block of dv. */
    g4r_timing_enter(G4R_IN_GRU_PRODUCTS);
    g4r_products_multiply(cell->products,
                          g4r_product_of(G4R_NT, pass->scratch, h, pass->dv, 3 * h,
                                         weights->hidden_c, h, m, h, h, 0),
                          0);
    g4r_timing_enter(G4R_IN_GATES);
    for (size_t lane = 0; lane < m; lane++)
        vec->cell.original_backward_reset(pass->dv + lane * 3 * h, pass->dold + lane * h,
                                          pass->scratch + lane * h,
                                          pass->gates + lane * 3 * h,
                                          pass->old + lane * h, h);
    g4r_vec_column_sums(dweights->bias, pass->dv, 3 * h, m, 3 * h, beta, vec);
    products[n++] = g4r_product_of(G4R_TN, dweights->hidden_c, h, pass->saved, h,
                                   pass->dv, 3 * h, h, h, m, beta);
    products[n++] = g4r_product_of(G4R_TN, dweights->hidden, 2 * h, pass->old, h,
                                   pass->dv + h, 3 * h, h, 2 * h, m, beta);
    if (cell->needs_dold)
        products[n++] = g4r_product_of(G4R_NT, pass->dold, h, pass->dv + h, 3 * h,
                                       weights->hidden, 2 * h, m, h, 2 * h, 1);
    if (cell->x == NULL)
        return n;
    products[n++] = g4r_product_of(G4R_TN, dweights->input, 3 * h, cell->x, n_in,
                                   pass->dv, 3 * h, n_in, 3 * h, m, beta);
    products[n++] = g4r_product_of(G4R_NT, cell->dx, n_in, pass->dv, 3 * h,
                                   weights->input, 3 * h, m, n_in, 3 * h, 0);
    return n;
}

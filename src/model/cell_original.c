/*
 * cell_original.c - the GRU cell of the original implementation, reset gate before
 * the product and update gate on the candidate (algorithm 3.2). Uses blas, vec.
 *
 * With v = x Wx the given input product, blocks c|r|z, one bias vector b, and f the
 * candidate's activation (tanh):
 *   [r z] = sigmoid([v_r v_z] + [b_r b_z] + old Wrz)
 *   u = r old
 *   c = f(v_c + b_c + u Wh)
 *   state = (1 - z) old + z c
 * Backward:
 *   a_c = dstate z f'                     a_z = dstate (c - old) z (1 - z)
 *   du = a_c Wh^T                         a_r = du old r (1 - r)
 *   dinput = [a_c a_r a_z]
 *   dWh = u^T a_c   dWrz = old^T [a_r a_z]   db = column sums of dinput
 *   dold = dstate (1 - z) + du r + [a_r a_z] Wrz^T
 */
#include "cell.h"

#include "../base/timing.h"

g4r_product g4r_cell_original_product(g4r_cell_state *s, const g4r_cell_weights *w,
                                      size_t m, size_t h)
{
    return g4r_product_of(G4R_NN, s->hidden, 2 * h, s->old, h, w->hidden, 2 * h, m, 2 * h,
                          h, 0);
}

void g4r_cell_original_forward(g4r_cell_state *s, const g4r_cell_weights *w,
                               const g4r_activation *act, size_t m, size_t h,
                               const g4r_vec *vec)
{
    for (size_t lane = 0; lane < m; lane++)
        vec->original_gates(s->gates + lane * 3 * h, s->saved + lane * h,
                            s->input + lane * 3 * h, s->hidden + lane * 2 * h, w->bias,
                            s->old + lane * h, h);
    g4r_time(G4R_IN_GRU_PRODUCTS);
    g4r_blas_nn(s->hidden, h, s->saved, h, w->hidden_c, h, m, h, h, 0);
    g4r_time(G4R_IN_GATES);
    for (size_t lane = 0; lane < m; lane++) {
        g4r_real *gates = s->gates + lane * 3 * h;
        vec->add3(gates, s->input + lane * 3 * h, w->bias, s->hidden + lane * h, h);
        vec->activate(gates, act, h);
        vec->mix(s->state + lane * h, s->old + lane * h, gates, gates + 2 * h, h);
    }
}

size_t g4r_cell_original_backward(g4r_product *products, g4r_cell_weights *dw,
                                  g4r_cell_state *s, const g4r_real *dstate,
                                  const g4r_cell_weights *w, const g4r_cell_mode *mode,
                                  size_t m, size_t h, const g4r_vec *vec)
{
    g4r_time(G4R_IN_GATES);
    for (size_t lane = 0; lane < m; lane++) {
        const g4r_real *gates = s->gates + lane * 3 * h;
        g4r_real *dold = s->dold + lane * h;
        vec->slope(dold, gates, &mode->act, h);
        vec->original_backward(s->dinput + lane * 3 * h, dold, dstate + lane * h, gates,
                               s->old + lane * h, h);
    }
    /* hidden: du (M,h) */
    g4r_time(G4R_IN_GRU_PRODUCTS);
    g4r_blas_nt(s->hidden, h, s->dinput, 3 * h, w->hidden_c, h, m, h, h, 0);
    g4r_time(G4R_IN_GATES);
    for (size_t lane = 0; lane < m; lane++)
        vec->original_backward_reset(s->dinput + lane * 3 * h, s->dold + lane * h,
                                     s->hidden + lane * h, s->gates + lane * 3 * h,
                                     s->old + lane * h, h);
    g4r_cell_column_sums(dw->bias, s->dinput, m, 3 * h, mode->beta, vec);
    products[0] = g4r_product_of(G4R_TN, dw->hidden_c, h, s->saved, h, s->dinput, 3 * h,
                                 h, h, m, mode->beta);
    products[1] = g4r_product_of(G4R_TN, dw->hidden, 2 * h, s->old, h, s->dinput + h,
                                 3 * h, h, 2 * h, m, mode->beta);
    products[2] = g4r_product_of(G4R_NT, s->dold, h, s->dinput + h, 3 * h, w->hidden,
                                 2 * h, m, h, 2 * h, 1);
    return mode->needs_dold ? 3 : 2;
}

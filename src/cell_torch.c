/*
 * cell_torch.c (L2) - the GRU cell of PyTorch and cuDNN, reset gate after the product
 * (algorithm 3.3). Uses blas, vec.
 *
 * With x W the given input product, blocks r|z|n, biases b (input) and c (hidden):
 *   r = sigmoid((xW)_r + b_r + (old Wr^T) + c_r)
 *   z = sigmoid((xW)_z + b_z + (old Wz^T) + c_z)
 *   g = old Wn^T + c_n
 *   n = tanh((xW)_n + b_n + r g)
 *   state = (1 - z) n + z old
 * Backward, d for the gradient and a for that of a gate before its activation:
 *   a_n = dstate (1 - z) (1 - n^2)        a_z = dstate (old - n) z (1 - z)
 *   a_r = a_n g r (1 - r)
 *   dinput = [a_r a_z a_n]                dhidden = [a_r a_z a_n r]
 *   dW_hh = dhidden^T old                 db, dc = column sums of dinput, dhidden
 */
#include "cell.h"

#include "blas.h"

void g4r_cell_column_sums(g4r_real *sums, const g4r_real *x, size_t m, size_t n,
                          const g4r_vec *vec)
{
    memset(sums, 0, n * sizeof *sums);
    for (size_t lane = 0; lane < m; lane++)
        vec->add(sums, x + lane * n, n);
}

void g4r_cell_torch_forward(g4r_cell_state *s, const g4r_cell_weights *w, size_t m,
                            size_t h, const g4r_vec *vec)
{
    g4r_blas_nt(s->hidden, 3 * h, s->old, h, w->hidden, h, m, 3 * h, h, 0);
    for (size_t lane = 0; lane < m; lane++)
        vec->torch_forward(s->state + lane * h, s->gates + lane * 3 * h,
                           s->saved + lane * h, s->input + lane * 3 * h,
                           s->hidden + lane * 3 * h, w->bias, w->bias_hidden,
                           s->old + lane * h, h);
}

void g4r_cell_torch_backward(g4r_cell_weights *dw, g4r_cell_state *s,
                             const g4r_real *dstate, const g4r_cell_weights *w, size_t m,
                             size_t h, const g4r_vec *vec)
{
    (void)w;
    for (size_t lane = 0; lane < m; lane++)
        vec->torch_backward(s->dinput + lane * 3 * h, s->hidden + lane * 3 * h,
                            dstate + lane * h, s->gates + lane * 3 * h,
                            s->saved + lane * h, s->old + lane * h, h);
    g4r_blas_tn(dw->hidden, h, s->hidden, 3 * h, s->old, h, 3 * h, h, m, 0);
    g4r_cell_column_sums(dw->bias, s->dinput, m, 3 * h, vec);
    g4r_cell_column_sums(dw->bias_hidden, s->hidden, m, 3 * h, vec);
}

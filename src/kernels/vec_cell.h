/*
 * vec_cell.h - what happens within one lane of the two GRU cells; part of
 * vec_kernels.c.
 *
 * old and state (h) are the states before and after, f is the activation of the candidate
 * (tanh) and f' its slope. v (3h) is the product of the layer's input with its matrix, u
 * that of old. dx is the gradient of x; a_r, a_z ... are those of the gates before their
 * activation. Vectors are multiplied element by element. Products with matrices, and the
 * gradients of the parameters, are the layer's: cell_torch.c, cell_original.c.
 *
 * The cell of PyTorch and cuDNN, reset gate after the product; blocks
 * r|z|n, biases b of v and c of u:
 *   r = sigma(v_r + b_r + u_r + c_r)      z = sigma(v_z + b_z + u_z + c_z)
 *   g = u_n + c_n                         n = f(v_n + b_n + r g)
 *   state = (1 - z) n + z old
 * Backward:
 *   a_n = dstate (1 - z) f'               a_z = dstate (old - n) z (1 - z)
 *   a_r = a_n g r (1 - r)                 dold = dstate z + (through u)
 *   dv = [a_r a_z a_n]                    du = [a_r a_z a_n r]
 *
 * The cell of the original implementation, reset gate before the product and update gate
 * on the candidate; blocks c|r|z, u (2h) with blocks r|z, bias b, w the product of s:
 *   r = sigma(v_r + b_r + u_r)            z = sigma(v_z + b_z + u_z)
 *   s = r old                             c = f(v_c + b_c + w)
 *   state = (1 - z) old + z c
 * Backward, ds coming from a_c:
 *   a_c = dstate z f'                     a_z = dstate (c - old) z (1 - z)
 *   a_r = ds old r (1 - r)                dold = dstate (1 - z) + ds r + (through u)
 *   dv = [a_c a_r a_z]                    du = [a_r a_z]
 */
#ifndef G4R_VEC_CELL_H
#define G4R_VEC_CELL_H

#include "vec.h"
#include "vec_math.h"

/* state of either cell: mix(n, old, z) of PyTorch's, mix(old, c, z) of the original's. */
static void mix(g4r_real *restrict state, const g4r_real *restrict a,
                const g4r_real *restrict b, const g4r_real *restrict z, size_t h)
{
    for (size_t i = 0; i < h; i++)
        state[i] = a[i] + z[i] * (b[i] - a[i]);
}

/* ---- PyTorch ---- */

/* r, z, n before f; g. */
static void torch_gates(g4r_real *restrict gates, g4r_real *restrict g,
                        const g4r_real *restrict v, const g4r_real *restrict u,
                        const g4r_real *restrict b, const g4r_real *restrict c, size_t h)
{
    const size_t z = h, n = 2 * h;
    for (size_t i = 0; i < h; i++) {
        g4r_real r = sigmoid1(v[i] + b[i] + u[i] + c[i]);
        g4r_real of_old = u[n + i] + c[n + i];
        gates[i] = r;
        gates[z + i] = sigmoid1(v[z + i] + b[z + i] + u[z + i] + c[z + i]);
        gates[n + i] = v[n + i] + b[n + i] + r * of_old;
        g[i] = of_old;
    }
}

/* dv, du; dold but for what goes through u. */
static void torch_backward(g4r_real *restrict dv, g4r_real *restrict du,
                           g4r_real *restrict slope_dold, const g4r_real *restrict dstate,
                           const g4r_real *restrict gates, const g4r_real *restrict g,
                           const g4r_real *restrict old, size_t h)
{
    for (size_t i = 0; i < h; i++) {
        g4r_real r = gates[i], z = gates[h + i], n = gates[2 * h + i];
        g4r_real an = dstate[i] * (1 - z) * slope_dold[i];
        g4r_real az = dstate[i] * (old[i] - n) * z * (1 - z);
        g4r_real ar = an * g[i] * r * (1 - r);
        dv[i] = ar;
        du[i] = ar;
        dv[h + i] = az;
        du[h + i] = az;
        dv[2 * h + i] = an;
        du[2 * h + i] = an * r;
        slope_dold[i] = dstate[i] * z;
    }
}

/* ---- the original ---- */

/* r, z; s. */
static void original_gates(g4r_real *restrict gates, g4r_real *restrict s,
                           const g4r_real *restrict v, const g4r_real *restrict u,
                           const g4r_real *restrict b, const g4r_real *restrict old,
                           size_t h)
{
    for (size_t i = 0; i < h; i++) {
        g4r_real r = sigmoid1(v[h + i] + b[h + i] + u[i]);
        gates[h + i] = r;
        gates[2 * h + i] = sigmoid1(v[2 * h + i] + b[2 * h + i] + u[h + i]);
        s[i] = r * old[i];
    }
}

/* c before f. */
static void original_candidate(g4r_real *restrict c, const g4r_real *restrict v,
                               const g4r_real *restrict b, const g4r_real *restrict w,
                               size_t h)
{
    for (size_t i = 0; i < h; i++)
        c[i] = v[i] + b[i] + w[i];
}

/* a_c, a_z; dold but for what goes through s or u. */
static void original_backward(g4r_real *restrict dv, g4r_real *restrict slope_dold,
                              const g4r_real *restrict dstate,
                              const g4r_real *restrict gates,
                              const g4r_real *restrict old, size_t h)
{
    for (size_t i = 0; i < h; i++) {
        g4r_real c = gates[i], z = gates[2 * h + i];
        dv[i] = dstate[i] * z * slope_dold[i];
        dv[2 * h + i] = dstate[i] * (c - old[i]) * z * (1 - z);
        slope_dold[i] = dstate[i] * (1 - z);
    }
}

/* a_r; what goes through s is added to dold. */
static void original_backward_reset(g4r_real *restrict dv, g4r_real *restrict dold,
                                    const g4r_real *restrict ds,
                                    const g4r_real *restrict gates,
                                    const g4r_real *restrict old, size_t h)
{
    for (size_t i = 0; i < h; i++) {
        g4r_real r = gates[h + i];
        dv[h + i] = ds[i] * old[i] * r * (1 - r);
        dold[i] += ds[i] * r;
    }
}

#endif

/*
 * vec_cell.h - the arithmetic of the two GRU cells within one lane. It is part of
 * vec_kernels.c.
 *
 * old (h) is the hidden state before the step, and state (h) the one after it. r is the
 * reset gate, z the update gate, and n or c the candidate. f is the activation of the
 * candidate (tanh by default), and f' its slope. v (3h) is the product of the layer's
 * input with its input matrix. u is the product of old with its matrix. dx is the
 * gradient of x, for any x; a_r, a_z, a_n and a_c are the gradients of the gates and of
 * the candidate before their activation. Vectors are multiplied element by element. The
 * products with matrices and the gradients of the parameters are in cell_torch.c and
 * cell_original.c.
 *
 * The cell of PyTorch and cuDNN applies the reset gate after the product, and its update
 * gate weights the old state. The blocks of (3h) are r|z|n; b is the bias of v, c that of
 * u:
 *   r = sigma(v_r + b_r + u_r + c_r)      z = sigma(v_z + b_z + u_z + c_z)
 *   g = u_n + c_n                         n = f(v_n + b_n + r g)
 *   state = (1 - z) n + z old
 * Its gradients:
 *   a_n = dstate (1 - z) f'               a_z = dstate (old - n) z (1 - z)
 *   a_r = a_n g r (1 - r)                 dold = dstate z + (through u)
 *   dv = [a_r a_z a_n]                    du = [a_r a_z a_n r]
 *
 * The cell of the original implementation applies the reset gate before the product, and
 * its update gate weights the candidate. The blocks of (3h) are c|r|z, those of u (2h)
 * are r|z; b is the bias, w the product of s with the candidate's matrix:
 *   r = sigma(v_r + b_r + u_r)            z = sigma(v_z + b_z + u_z)
 *   s = r old                             c = f(v_c + b_c + w)
 *   state = (1 - z) old + z c
 * Its gradients; ds is the product of a_c with the candidate's matrix:
 *   a_c = dstate z f'                     a_z = dstate (c - old) z (1 - z)
 *   a_r = ds old r (1 - r)                dold = dstate (1 - z) + ds r + (through u)
 *   dv = [a_c a_r a_z]                    du = [a_r a_z]
 */
#ifndef G4R_VEC_CELL_H
#define G4R_VEC_CELL_H

#include "vec.h"
#include "vec_math.h"

/*
 * Writes the hidden state after the step: state = (1 - z) a + z b, computed as a + z (b -
 * a). In PyTorch's cell a is n, the candidate, and b the old state; in the original a is
 * the old state and b is c, the candidate. z is the update gate. All are (h).
 */
static void mix(g4r_real *restrict state, const g4r_real *restrict a,
                const g4r_real *restrict b, const g4r_real *restrict z, size_t h)
{
    for (size_t i = 0; i < h; i++)
        state[i] = a[i] + z[i] * (b[i] - a[i]);
}

/* ---- PyTorch ---- */

/*
 * PyTorch's cell, forward: writes into gates (3h) the reset gate r, the update gate z and
 * the candidate n, n without its activation f, which the caller applies. Writes into g
 * (h) the part of n that r multiplies. v is the product of the input with its matrix, b
 * its bias; u is the product of the old state with its matrix, c its bias.
 */
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

/*
 * PyTorch's cell, backward: writes dv and du, the gradients of the products v (of the
 * input) and u (of the old state). Writes dold, the gradient of the old state, without
 * the part that comes through u. dstate is the gradient of the state. slope_dold (h)
 * holds the slope f' of the candidate's activation on entry, and dold on return.
 */
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

/*
 * The original cell, forward: writes the reset gate r and the update gate z into gates
 * (3h), whose place of the candidate c stays as it is. Writes s = r old (h); old is the
 * hidden state before the step. v and u are the products of the input and of old with
 * their matrices, b is the bias.
 */
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

/*
 * The original cell, forward: writes the candidate c = v + b + w (h), without its
 * activation, which the caller applies. w is the product of s with the candidate's
 * matrix.
 */
static void original_candidate(g4r_real *restrict c, const g4r_real *restrict v,
                               const g4r_real *restrict b, const g4r_real *restrict w,
                               size_t h)
{
    for (size_t i = 0; i < h; i++)
        c[i] = v[i] + b[i] + w[i];
}

/*
 * The original cell, backward, first part: writes a_c and a_z, the gradients of the
 * candidate c and of the update gate z before their activations, into dv (3h), whose
 * place of a_r stays as it is. Writes dold, the gradient of the old state, without the
 * parts that come through s and u. slope_dold (h) holds the slope f' of the candidate's
 * activation on entry, and dold on return.
 */
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

/*
 * The original cell, backward, second part: writes a_r, the gradient of the reset gate
 * before its activation, into its place in dv (3h), whose places of a_c and a_z stay as
 * the first part wrote them. Adds to dold (h), the gradient of the old state, the part
 * that comes through s = r old. ds (h) is the gradient of s.
 */
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

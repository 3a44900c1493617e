/*
 * vec_update.h - how the optimisers move a parameter p with the gradient g; part
 * of vec_kernels.c.
 *
 * d, the scaled gradient; eps = 1e-6, rho and rho2 from adapt_params; g comes already
 * clipped (optim.h):
 *   adagrad   a += g^2;                        d = g / sqrt(a + eps)
 *   rmsprop   a = rho a + (1 - rho) g^2;       d = g / sqrt(a + eps)
 *   adadelta  a likewise; k = (u + eps) / (a + eps);
 *             u = rho u + (1 - rho) k g^2;     d = g sqrt k
 *   adam      m = rho m + (1 - rho) g; a = rho2 a + (1 - rho2) g^2;
 *             corrected for their start at update t: m / (1 - rho^t), a / (1 - rho2^t);
 *             d = m / (sqrt a + 1e-8)
 *   sgd       d = g
 * The move, with momentum or without:
 *   v = momentum v - lr (d + lmbd p); p += v
 *   p -= lr (d + lmbd p)
 * The momentum is the heavy ball's, though the official documentation says Nesterov.
 */
#ifndef G4R_VEC_UPDATE_H
#define G4R_VEC_UPDATE_H

#include "vec.h"

/* d, and a in acc, u or m in acc2. One loop for each kind, so that each vectorises. */
static void scale_gradient(g4r_real *restrict d, g4r_real *restrict acc,
                           g4r_real *restrict acc2, const g4r_real *restrict g,
                           const g4r_update *u, size_t n)
{
    const g4r_real eps = (g4r_real)1e-6, rho = u->rho, rest = 1 - u->rho;
    const g4r_real clip = u->clip;
    switch (u->kind) {
    case GRU4REC_ADAGRAD:
        for (size_t i = 0; i < n; i++) {
            g4r_real x = clip * g[i], a = acc[i] + x * x;
            acc[i] = a;
            d[i] = x / g4r_sqrt(a + eps);
        }
        break;
    case GRU4REC_RMSPROP:
        for (size_t i = 0; i < n; i++) {
            g4r_real x = clip * g[i], a = rho * acc[i] + rest * x * x;
            acc[i] = a;
            d[i] = x / g4r_sqrt(a + eps);
        }
        break;
    case GRU4REC_ADADELTA:
        for (size_t i = 0; i < n; i++) {
            g4r_real x = clip * g[i], a = rho * acc[i] + rest * x * x;
            g4r_real kappa = (acc2[i] + eps) / (a + eps);
            acc[i] = a;
            acc2[i] = rho * acc2[i] + rest * kappa * x * x;
            d[i] = x * g4r_sqrt(kappa);
        }
        break;
    case GRU4REC_ADAM:
        for (size_t i = 0; i < n; i++) {
            g4r_real x = clip * g[i], m = rho * acc2[i] + rest * x;
            g4r_real a = u->rho2 * acc[i] + (1 - u->rho2) * x * x;
            acc2[i] = m;
            acc[i] = a;
            d[i] = m * u->correct / (g4r_sqrt(a * u->correct2) + (g4r_real)1e-8);
        }
        break;
    default: /* plain gradient descent */
        for (size_t i = 0; i < n; i++)
            d[i] = clip * g[i];
        break;
    }
}

/* p, and v where there is momentum. */
static void move(g4r_real *restrict p, g4r_real *restrict v, const g4r_real *restrict d,
                 const g4r_update *u, size_t n)
{
    const g4r_real lr = u->learning_rate, momentum = u->momentum, lmbd = u->lmbd;
    if (v == NULL) {
        for (size_t i = 0; i < n; i++)
            p[i] -= lr * (d[i] + lmbd * p[i]);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        g4r_real next = momentum * v[i] - lr * (d[i] + lmbd * p[i]);
        v[i] = next;
        p[i] += next;
    }
}

/* In blocks, so that d stays in the first cache. */
static void update(g4r_real *restrict p, g4r_real *restrict acc, g4r_real *restrict acc2,
                   g4r_real *restrict v, const g4r_real *restrict g, const g4r_update *u,
                   size_t n)
{
    enum { BLOCK = 256 };
    g4r_real d[BLOCK];
    for (size_t start = 0; start < n; start += BLOCK) {
        size_t length = G4R_MIN(BLOCK, n - start);
        scale_gradient(d, acc != NULL ? acc + start : NULL,
                       acc2 != NULL ? acc2 + start : NULL, g + start, u, length);
        move(p + start, v != NULL ? v + start : NULL, d, u, length);
    }
}

#endif

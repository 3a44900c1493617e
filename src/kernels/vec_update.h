/*
 * vec_update.h - one update of a parameter p with its gradient, for each optimiser. It is
 * part of vec_kernels.c.
 *
 * g is the gradient, multiplied by clip (see grad_cap in optim.h). eps = 1e-6; rho and
 * rho2 come from the option adapt_params; a, u and m are slots, which start at 0. Each
 * optimiser scales the gradient to d:
 *   adagrad   a += g^2;                        d = g / sqrt(a + eps)
 *   rmsprop   a = rho a + (1 - rho) g^2;       d = g / sqrt(a + eps)
 *   adadelta  a as in rmsprop; k = (u + eps) / (a + eps);
 *             u = rho u + (1 - rho) k g^2;     d = g sqrt k
 *   adam      m = rho m + (1 - rho) g; a = rho2 a + (1 - rho2) g^2;
 *             m' = m / (1 - rho^t), a' = a / (1 - rho2^t) in update t, from 1, because m
 *             and a started at 0;              d = m' / (sqrt a' + 1e-8)
 *   sgd       d = g
 * Then p moves. lr is the learning rate, v the velocity (a slot that starts at 0):
 *   v = momentum v - lr (d + lmbd p); p += v         with momentum
 *   p -= lr (d + lmbd p)                             without
 * This is the momentum of the heavy ball, though the official documentation says
 * Nesterov.
 */
#ifndef G4R_VEC_UPDATE_H
#define G4R_VEC_UPDATE_H

#include "vec.h"

/*
 * Runs the statement, which must define d, for each index i, and then moves p[i] by d:
 * through the velocity v[i], which it updates, or directly if v is NULL. One loop does
 * all the work for a value, so that each value is read and written once.
 */
#define MOVE_BY(statement)                                                \
    do {                                                                  \
        if (v == NULL)                                                    \
            for (size_t i = 0; i < n; i++) {                              \
                statement;                                                \
                p[i] -= lr * (d + lmbd * p[i]);                           \
            }                                                             \
        else                                                              \
            for (size_t i = 0; i < n; i++) {                              \
                statement;                                                \
                g4r_real next = momentum * v[i] - lr * (d + lmbd * p[i]); \
                v[i] = next;                                              \
                p[i] += next;                                             \
            }                                                             \
    } while (0)

/*
 * Makes one update of the parameters p (n) and of their slots, with the gradients g (n),
 * which it first multiplies by u->clip. acc is a of the equations; acc2 is u of adadelta
 * and m of adam; v is the velocity, NULL without momentum. A slot that the optimiser does
 * not use may be NULL.
 */
static void update(g4r_real *restrict p, g4r_real *restrict acc, g4r_real *restrict acc2,
                   g4r_real *restrict v, const g4r_real *restrict g, const g4r_update *u,
                   size_t n)
{
    const g4r_real eps = (g4r_real)1e-6, rho = u->rho, rest = 1 - u->rho;
    const g4r_real rho2 = u->rho2, rest2 = 1 - u->rho2, clip = u->clip;
    const g4r_real correct = u->correct, correct2 = u->correct2;
    const g4r_real lr = u->learning_rate, momentum = u->momentum, lmbd = u->lmbd;
    switch (u->kind) {
    case GRU4REC_ADAGRAD:
        MOVE_BY(g4r_real x = clip * g[i]; g4r_real a = acc[i] + x * x; acc[i] = a;
                g4r_real d = x / g4r_sqrt(a + eps));
        break;
    case GRU4REC_RMSPROP:
        MOVE_BY(g4r_real x = clip * g[i]; g4r_real a = rho * acc[i] + rest * x * x;
                acc[i] = a; g4r_real d = x / g4r_sqrt(a + eps));
        break;
    case GRU4REC_ADADELTA:
        MOVE_BY(g4r_real x = clip * g[i]; g4r_real a = rho * acc[i] + rest * x * x;
                g4r_real k = (acc2[i] + eps) / (a + eps); acc[i] = a;
                acc2[i] = rho * acc2[i] + rest * k * x * x; g4r_real d = x * g4r_sqrt(k));
        break;
    case GRU4REC_ADAM:
        MOVE_BY(g4r_real x = clip * g[i]; g4r_real m = rho * acc2[i] + rest * x;
                g4r_real a = rho2 * acc[i] + rest2 * x * x; acc2[i] = m; acc[i] = a;
                g4r_real d = m * correct / (g4r_sqrt(a * correct2) + (g4r_real)1e-8));
        break;
    default: /* plain gradient descent */
        MOVE_BY(g4r_real d = clip * g[i]);
        break;
    }
}

#endif

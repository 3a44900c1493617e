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

/*
 * The statement, which has the index i and ends with d, and then the move: one loop from
 * the reading of each value to its writing, without momentum or with it.
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

/* acc holds a; acc2 u or m. */
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

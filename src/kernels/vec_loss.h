/*
 * vec_loss.h - the losses of one lane over N columns, and their gradients. It is part of
 * vec_kernels.c. BPR and TOP1 are in [1], section 3.1.3, TOP1-max and BPR-max in [2].
 *
 * Column j has the score x_j. own is the column of the lane's target. [j = own] is 1 if j
 * is that column, else 0. eps = 1e-24.
 *
 * Cross-entropy, with p = softmax of x over all columns:
 *   L = -log(p_own + eps)
 *   dL/dx_j = f (p_j - [j = own]), f = p_own / (p_own + eps)
 * With smoothing tau, the column own has the weight w_own = 1 - tau, and each other
 * column w_j = tau / (N - 1). The official documentation says otherwise, but the official
 * code does this:
 *   L = -sum_j w_j log(p_j + eps)
 *   dL/dx_k = p_k sum_j w_j f_j - w_k f_k, f_j = p_j / (p_j + eps)
 * xe_logit is the same loss in log space, without eps:
 *   L = log sum_j exp(x_j) - sum_j w_j x_j
 *   dL/dx_j = p_j - w_j
 *
 * The other losses use r = final activation of x, and t = r_own. Their sums are over the
 * negatives: all columns j but own.
 *
 * BPR:
 *   L = ln 2 + sum_j -log sigma(t - r_j)
 *   dL/dr_j = sigma(r_j - t), dL/dt = -sum_j sigma(r_j - t)
 * TOP1, with a_j = sigma(r_j - t), b_j = sigma(r_j^2), q_j = a_j + b_j:
 *   L = (1/N) (1/2 + sum_j q_j)
 *   dL/dr_j = (1/N) dq_j, dq_j = a_j (1 - a_j) + 2 r_j b_j (1 - b_j)
 *   dL/dt = -(1/N) sum_j a_j (1 - a_j)
 *
 * TOP1-max and BPR-max give negative j the weight s_j, the softmax over the negatives
 * alone:
 *   s_j = e_j / sum_k e_k, e_j = exp(r_j - max)
 * max is the largest r_j of the negatives. The official implementations also count a 0,
 * in the place of the target, into the maximum: if all negatives are far below 0, their
 * softmax underflows to 0/0. Ours does not.
 *
 * TOP1-max:
 *   L = sum_j s_j q_j
 *   dL/dr_j = s_j (q_j - L + dq_j), dL/dt = -sum_j s_j a_j (1 - a_j)
 * BPR-max, with sigma_j = sigma(t - r_j), A = sum_j s_j sigma_j, R = sum_j s_j r_j^2:
 *   L = -log(A + eps) + lambda R
 *   dL/dr_j = s_j [(A - sigma_j^2) / (A + eps) + lambda (r_j^2 + 2 r_j - R)]
 *   dL/dt = -(sum_j s_j sigma_j (1 - sigma_j)) / (A + eps)
 */
#ifndef G4R_VEC_LOSS_H
#define G4R_VEC_LOSS_H

#include "vec_basic.h"

static const g4r_real loss_eps = (g4r_real)G4R_LOSS_EPS;

/* ---- softmax, smoothing ---- */

/*
 * Overwrites the scores x in y (n) by exp(x - max), and returns their sum. The caller
 * divides y by the sum to get the softmax. The values behind the last whole block of
 * SLICES are added in double.
 */
static double exp_sum(g4r_real *restrict y, g4r_real max, size_t n)
{
    g4r_real part[SLICES] = {0};
    double sum = 0;
    size_t i = 0;
    for (; i + SLICES <= n; i += SLICES)
        for (int slice = 0; slice < SLICES; slice++) {
            g4r_real e = exp1(y[i + (size_t)slice] - max);
            y[i + (size_t)slice] = e;
            part[slice] += e;
        }
    for (; i < n; i++) {
        y[i] = exp1(y[i] - max);
        sum += (double)y[i];
    }
    add_slices(&sum, part);
    return sum;
}

/*
 * For cross-entropy with smoothing: adds the sum of f_j = p_j / (p_j + eps) over all
 * columns to *f_sum, and the sum of -log(p_j + eps) to *log_sum. p (n) has the
 * probabilities of the columns.
 */
static void smooth_sums(double *restrict f_sum, double *restrict log_sum,
                        const g4r_real *restrict p, size_t n)
{
    g4r_real part_f[SLICES] = {0}, part_log[SLICES] = {0};
    FOR_SLICES(n, {
        part_f[slice] += p[k] / (p[k] + loss_eps);
        part_log[slice] -= log1(p[k] + loss_eps);
    });
    add_slices(f_sum, part_f);
    add_slices(log_sum, part_log);
}

/*
 * For cross-entropy with smoothing: overwrites the probabilities p (n) by dL/dx_j = p_j
 * total - w f_j, the gradient of the loss with respect to the scores, as if every column
 * had the weight w. The caller corrects the target's column. f_j is p_j / (p_j + eps).
 * total is sum_j w_j f_j over all columns with their true weights w_j.
 */
static void smooth_gradient(g4r_real *restrict p, g4r_real total, g4r_real w, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = p[i] * total - w * p[i] / (p[i] + loss_eps);
}

/* ---- BPR and TOP1 ---- */

/*
 * BPR for n negatives with the scores r (n), and the target's score t: overwrites r by
 * scale x dL/dr = scale sigma(r - t). Adds the sum of -log sigma(t - r) to sums->value,
 * and the sum of sigma(r - t) to sums->slope.
 */
static void bpr(g4r_vec_sums *restrict sums, g4r_real *restrict r, g4r_real t,
                g4r_real scale, size_t n)
{
    g4r_real part_value[SLICES] = {0}, part_slope[SLICES] = {0};
    FOR_SLICES(n, {
        g4r_real g = sigmoid1(r[k] - t);
        part_value[slice] += softplus1(r[k] - t);
        part_slope[slice] += g;
        r[k] = scale * g;
    });
    add_slices(&sums->value, part_value);
    add_slices(&sums->slope, part_slope);
}

/*
 * Returns dq/dr of TOP1 and TOP1-max for a negative with the score r, where q = a + b, a
 * = sigma(r - t), b = sigma(r^2), and t is the target's score.
 */
static inline g4r_real top1_slope(g4r_real r, g4r_real a, g4r_real b)
{
    return a * (1 - a) + 2 * r * b * (1 - b);
}

/*
 * TOP1 for n negatives with the scores r (n), and the target's score t: overwrites r by
 * scale x dq/dr. Adds the sum of q = a + b to sums->value, and the sum of a (1 - a) to
 * sums->slope. a = sigma(r - t), b = sigma(r^2). The factor 1 / N of dL/dr (N: all
 * columns) is not in this: the caller includes it in scale.
 */
static void top1(g4r_vec_sums *restrict sums, g4r_real *restrict r, g4r_real t,
                 g4r_real scale, size_t n)
{
    g4r_real part_value[SLICES] = {0}, part_slope[SLICES] = {0};
    FOR_SLICES(n, {
        g4r_real a = sigmoid1(r[k] - t);
        g4r_real b = sigmoid1(r[k] * r[k]);
        part_value[slice] += a + b;
        part_slope[slice] += a * (1 - a);
        r[k] = scale * top1_slope(r[k], a, b);
    });
    add_slices(&sums->value, part_value);
    add_slices(&sums->slope, part_slope);
}

/*
 * TOP1-max, first pass over n negatives with the scores r (n): writes e = exp(r -
 * largest) and q = a + b, and overwrites r by dq/dr. Adds the sums of e to sums->e, of e
 * q to sums->value and of e a (1 - a) to sums->slope. a = sigma(r - t), b = sigma(r^2); t
 * is the target's score, largest the greatest score of all negatives.
 */
static void top1max_sums(g4r_vec_sums *restrict sums, g4r_real *restrict e,
                         g4r_real *restrict q, g4r_real *restrict r, g4r_real t,
                         g4r_real largest, size_t n)
{
    g4r_real part_e[SLICES] = {0}, part_value[SLICES] = {0}, part_slope[SLICES] = {0};
    FOR_SLICES(n, {
        g4r_real a = sigmoid1(r[k] - t);
        g4r_real b = sigmoid1(r[k] * r[k]);
        e[k] = exp1(r[k] - largest);
        q[k] = a + b;
        part_e[slice] += e[k];
        part_value[slice] += e[k] * q[k];
        part_slope[slice] += e[k] * (a * (1 - a));
        r[k] = top1_slope(r[k], a, b);
    });
    add_slices(&sums->e, part_e);
    add_slices(&sums->value, part_value);
    add_slices(&sums->slope, part_slope);
}

/*
 * TOP1-max, second pass over n negatives: overwrites r, which holds dq/dr of the first
 * pass, by scale x e (q - L + dq/dr). e and q are those of the first pass, and mean is L,
 * the loss. The result is a multiple of dL/dr if the caller includes 1 / sum e in scale.
 */
static void top1max_gradient(g4r_real *restrict r, const g4r_real *restrict e,
                             const g4r_real *restrict q, g4r_real scale, g4r_real mean,
                             size_t n)
{
    for (size_t i = 0; i < n; i++)
        r[i] = scale * e[i] * (q[i] - mean + r[i]);
}

/* ---- BPR-max ---- */

/*
 * BPR-max, first pass over n negatives with the scores r (n), which stay: writes e =
 * exp(r - largest) and sigma = sigma(t - r). Adds the sums of e to sums->e, of e sigma to
 * sums->value, of e sigma (1 - sigma) to sums->slope, and of e r^2 to sums->square. t is
 * the target's score, largest the greatest score of all negatives.
 */
static void bprmax_sums(g4r_vec_sums *restrict sums, g4r_real *restrict e,
                        g4r_real *restrict sigma, const g4r_real *restrict r, g4r_real t,
                        g4r_real largest, size_t n)
{
    g4r_real part_e[SLICES] = {0}, part_value[SLICES] = {0};
    g4r_real part_slope[SLICES] = {0}, part_square[SLICES] = {0};
    /*
     * exp(r - t) = e from_t. If e is so small that exp saturates, this is not exact, but
     * then the weight e of the negative is next to nothing.
     */
    const g4r_real from_t = exp1(largest - t);
    for (size_t i = 0; i < n; i++) {
        e[i] = exp1(r[i] - largest);
        sigma[i] = 1 / (1 + e[i] * from_t);
    }
    FOR_SLICES(n, {
        g4r_real weighted = e[k] * sigma[k];
        part_e[slice] += e[k];
        part_value[slice] += weighted;
        part_slope[slice] += weighted * (1 - sigma[k]);
        part_square[slice] += e[k] * r[k] * r[k];
    });
    add_slices(&sums->e, part_e);
    add_slices(&sums->value, part_value);
    add_slices(&sums->slope, part_slope);
    add_slices(&sums->square, part_square);
}

/*
 * BPR-max, second pass over n negatives: overwrites their scores r by scale x e [(A -
 * sigma^2) / (A + eps) + lambda (r^2 + 2 r - R)], where e and sigma are those of the
 * first pass. a is A, the mean of sigma weighted by e; mean_square is R, that of r^2; reg
 * is lambda, the option bpreg. The result is a multiple of dL/dr if the caller includes 1
 * / sum e in scale.
 */
static void bprmax_gradient(g4r_real *restrict r, const g4r_real *restrict e,
                            const g4r_real *restrict sigma, g4r_real scale, g4r_real a,
                            g4r_real reg, g4r_real mean_square, size_t n)
{
    const g4r_real over = 1 / (a + loss_eps);
    for (size_t i = 0; i < n; i++) {
        g4r_real pull = (a - sigma[i] * sigma[i]) * over;
        g4r_real shrink = reg * (r[i] * r[i] + 2 * r[i] - mean_square);
        r[i] = scale * e[i] * (pull + shrink);
    }
}

#endif

/*
 * loss.c - computes the loss of one lane and its gradient; see loss.h.
 *
 * The letters are those of vec_loss.h, which has all equations and the loops over
 * columns: x_j is the score of column j, own is the target's column, n is the number of
 * columns, and eps = 1e-24. [j = own] is 1 for the target's column and 0 for the others.
 * Each function of a loss overwrites the scores by scale times their gradients, and
 * returns the loss L.
 *
 * The kernels of the pairwise losses take negatives that stand together. So each function
 * calls its kernel twice: for the columns before the target, and for those behind it. The
 * kernels also add up what the gradient of the target's own score needs.
 */
#include "loss.h"

void g4r_loss_init(g4r_loss *loss, const gru4rec_options *options)
{
    const gru4rec_activation *act = &options->final_act;
    bool is_softmax =
        act->kind == GRU4REC_ACT_SOFTMAX || act->kind == GRU4REC_ACT_SOFTMAX_LOGIT;
    loss->kind = (gru4rec_loss)options->loss;
    loss->bpreg = (g4r_real)options->bpreg;
    loss->smoothing = options->smoothing;
    loss->final_act = (g4r_activation){is_softmax ? GRU4REC_ACT_LINEAR : act->kind,
                                       (g4r_real)act->a, (g4r_real)act->b};
}

/* ---- cross-entropy ---- */

/*
 * Returns the loss L of cross-entropy with smoothing tau > 0, and overwrites scores (n)
 * by scale dL/dx. n must be at least 2. On entry, scores are e_j = exp(x_j - max), and
 * sum is their sum:
 *   p_j = e_j / sum,  f_j = p_j / (p_j + eps)
 *   w_own = 1 - tau,  w_j = tau / (n - 1) for every other column
 *   L = -sum_j w_j log(p_j + eps)
 *   dL/dx_k = p_k sum_j w_j f_j - w_k f_k
 * w_other is w_j of the other columns, and w_more is w_own - w_other: the kernels treat
 * all columns as others, and the rest of the target's weight is added here.
 */
static double smoothed(g4r_real *scores, double sum, double tau, size_t own, size_t n,
                       g4r_real scale, const g4r_vec *vec)
{
    double w_other = tau / (double)(n - 1), w_more = 1 - tau - w_other;
    double f_sum = 0, log_sum = 0;
    vec->scale(scores, (g4r_real)(1 / sum), n);
    vec->loss.smooth_sums(&f_sum, &log_sum, scores, n);
    double p = (double)scores[own], f = p / (p + G4R_LOSS_EPS);
    double total = w_other * f_sum + w_more * f;
    vec->loss.smooth_gradient(scores, (g4r_real)total, (g4r_real)w_other, n);
    scores[own] -= (g4r_real)(w_more * f);
    vec->scale(scores, scale, n);
    return w_other * log_sum - w_more * log(p + G4R_LOSS_EPS);
}

/*
 * Returns the loss L of cross-entropy, and overwrites scores x (n) by scale dL/dx. If tau
 * > 0 and n > 1, smoothed() computes both. Otherwise:
 *   p_j = exp(x_j - max) / sum_k exp(x_k - max)
 *   L = -log(p_own + eps)
 *   dL/dx_j = f (p_j - [j = own]),  f = p_own / (p_own + eps)
 */
static double cross_entropy(g4r_real *scores, double tau, size_t own, size_t n,
                            g4r_real scale, const g4r_vec *vec)
{
    double sum = vec->loss.exp_sum(scores, vec->max(scores, n), n);
    if (tau > 0 && n > 1)
        return smoothed(scores, sum, tau, own, n, scale, vec);
    double p = (double)scores[own] / sum;
    double f = p / (p + G4R_LOSS_EPS) * (double)scale;
    vec->scale(scores, (g4r_real)(f / sum), n);
    scores[own] = (g4r_real)(f * (p - 1));
    return -log(p + G4R_LOSS_EPS);
}

/*
 * Returns the loss L of cross-entropy in log space, which needs no eps, and overwrites
 * scores x (n) by scale dL/dx. The weights w_j are those of smoothed(). If tau is 0 or n
 * is 1, the target has the weight 1 and the others have 0:
 *   L = log(sum_j exp(x_j)) - sum_j w_j x_j
 *   dL/dx_j = p_j - w_j,  p_j = exp(x_j) / sum_k exp(x_k)
 */
static double xe_logit(g4r_real *scores, double tau, size_t own, size_t n, g4r_real scale,
                       const g4r_vec *vec)
{
    bool is_smooth = tau > 0 && n > 1;
    double w_other = is_smooth ? tau / (double)(n - 1) : 0;
    double w_own = is_smooth ? 1 - tau : 1;
    double max = (double)vec->max(scores, n), own_score = (double)scores[own];
    double total = is_smooth ? vec->sum(scores, n) : own_score;
    double sum = vec->loss.exp_sum(scores, (g4r_real)max, n);
    /* sum_j w_j x_j = w_other sum_j x_j + (w_own - w_other) x_own */
    double wanted = w_other * total + (w_own - w_other) * own_score;
    vec->scale(scores, (g4r_real)((double)scale / sum), n);
    if (is_smooth)
        vec->shift(scores, (g4r_real)(-w_other * (double)scale), n);
    scores[own] -= (g4r_real)((w_own - w_other) * (double)scale);
    return max + log(sum) - wanted;
}

/* ---- pairwise losses ---- */

/*
 * The functions of the pairwise losses get r, the scores after the final activation. They
 * overwrite r by scale times the gradient of the loss with respect to r, and return the
 * loss. t is r_own, the target's score. Sums over j are over the negatives, which are all
 * other columns. sigma(x) = 1 / (1 + exp(-x)).
 */

/*
 * Returns the loss L of BPR, and overwrites r (n) by scale dL/dr. The target's own column
 * adds the constant ln 2 to L:
 *   L = ln 2 + sum_j -log sigma(t - r_j)
 *   dL/dr_j = sigma(r_j - t)
 *   dL/dt = -sum_j sigma(r_j - t)
 */
static double bpr(g4r_real *r, size_t own, size_t n, g4r_real scale, const g4r_vec *vec)
{
    g4r_vec_sums sums = {0};
    g4r_real t = r[own];
    vec->loss.bpr(&sums, r, t, scale, own);
    vec->loss.bpr(&sums, r + own + 1, t, scale, n - own - 1);
    r[own] = (g4r_real)(-(double)scale * sums.slope);
    return sums.value + log(2.0);
}

/*
 * Returns the loss L of TOP1, and overwrites r (n) by scale dL/dr, with a_j = sigma(r_j -
 * t) and b_j = sigma(r_j^2):
 *   L = (1/n) (1/2 + sum_j (a_j + b_j))
 *   dL/dr_j = (1/n) (a_j (1 - a_j) + 2 r_j b_j (1 - b_j))
 *   dL/dt = -(1/n) sum_j a_j (1 - a_j)
 */
static double top1(g4r_real *r, size_t own, size_t n, g4r_real scale, const g4r_vec *vec)
{
    g4r_vec_sums sums = {0};
    g4r_real t = r[own], each = scale / (g4r_real)n;
    vec->loss.top1(&sums, r, t, each, own);
    vec->loss.top1(&sums, r + own + 1, t, each, n - own - 1);
    r[own] = (g4r_real)(-(double)each * sums.slope);
    return (0.5 + sums.value) / (double)n;
}

/*
 * Returns the largest value of r (n), leaving out the target's column own; -INFINITY if
 * there is no other column. The softmax over the negatives subtracts it from the scores.
 * A maximum over the target too would be wrong: all terms of the softmax could underflow
 * to 0.
 */
static g4r_real largest_negative(const g4r_real *r, size_t own, size_t n,
                                 const g4r_vec *vec)
{
    return G4R_MAX(vec->max(r, own), vec->max(r + own + 1, n - own - 1));
}

/*
 * Returns the loss L of TOP1-max, and overwrites r (n) by scale dL/dr. e_j = exp(r_j -
 * max), where max is the largest r_j of the negatives; s_j = e_j / sum_k e_k; a_j and b_j
 * as in top1();
 *   q_j = a_j + b_j,  dq_j = a_j (1 - a_j) + 2 r_j b_j (1 - b_j)
 *   L = sum_j s_j q_j
 *   dL/dr_j = s_j (q_j - L + dq_j)
 *   dL/dt = -sum_j s_j a_j (1 - a_j)
 * scratch (2n) is overwritten by e and q. The kernel's first pass puts dq into r, and its
 * second pass the gradient.
 */
static double top1_max(g4r_real *r, size_t own, size_t n, g4r_real scale,
                       g4r_real *scratch, const g4r_vec *vec)
{
    g4r_vec_sums sums = {0};
    const size_t behind = own + 1, n_behind = n - own - 1;
    g4r_real t = r[own], max = largest_negative(r, own, n, vec);
    g4r_real *e = scratch, *q = scratch + n;
    vec->loss.top1max_sums(&sums, e, q, r, t, max, own);
    vec->loss.top1max_sums(&sums, e + behind, q + behind, r + behind, t, max, n_behind);
    double loss = sums.value / sums.e;
    g4r_real each = (g4r_real)((double)scale / sums.e);
    vec->loss.top1max_gradient(r, e, q, each, (g4r_real)loss, own);
    vec->loss.top1max_gradient(r + behind, e + behind, q + behind, each, (g4r_real)loss,
                               n_behind);
    r[own] = (g4r_real)(-(double)scale * sums.slope / sums.e);
    return loss;
}

/*
 * Returns the loss L of BPR-max, and overwrites r (n) by scale dL/dr. e_j and s_j as in
 * top1_max(), sigma_j = sigma(t - r_j), lambda = bpreg, A = sum_j s_j sigma_j and R =
 * sum_j s_j r_j^2:
 *   L = -log(A + eps) + lambda R
 *   dL/dr_j = s_j [(A - sigma_j^2) / (A + eps) + lambda (r_j^2 + 2 r_j - R)]
 *   dL/dt = -(sum_j s_j sigma_j (1 - sigma_j)) / (A + eps)
 * scratch (2n) is overwritten by e and sigma.
 */
static double bpr_max(g4r_real *r, g4r_real bpreg, size_t own, size_t n, g4r_real scale,
                      g4r_real *scratch, const g4r_vec *vec)
{
    g4r_vec_sums sums = {0};
    const size_t behind = own + 1, n_behind = n - own - 1;
    g4r_real t = r[own], max = largest_negative(r, own, n, vec);
    g4r_real *e = scratch, *sigma = scratch + n;
    vec->loss.bprmax_sums(&sums, e, sigma, r, t, max, own);
    vec->loss.bprmax_sums(&sums, e + behind, sigma + behind, r + behind, t, max,
                          n_behind);
    double a = sums.value / sums.e, reg = sums.square / sums.e;
    g4r_real each = (g4r_real)((double)scale / sums.e);
    vec->loss.bprmax_gradient(r, e, sigma, each, (g4r_real)a, bpreg, (g4r_real)reg, own);
    vec->loss.bprmax_gradient(r + behind, e + behind, sigma + behind, each, (g4r_real)a,
                              bpreg, (g4r_real)reg, n_behind);
    r[own] = (g4r_real)(-(double)scale * sums.slope / sums.e / (a + G4R_LOSS_EPS));
    return -log(a + G4R_LOSS_EPS) + (double)bpreg * reg;
}

/*
 * Calls the function of the pairwise loss that loss->kind names: it returns the loss, and
 * overwrites r (n), the scores after the final activation, by scale times their gradient.
 */
static double pairwise(g4r_real *r, const g4r_loss *loss, size_t own, size_t n,
                       g4r_real scale, g4r_real *scratch, const g4r_vec *vec)
{
    switch (loss->kind) {
    case GRU4REC_BPR:
        return bpr(r, own, n, scale, vec);
    case GRU4REC_TOP1:
        return top1(r, own, n, scale, vec);
    case GRU4REC_TOP1_MAX:
        return top1_max(r, own, n, scale, scratch, vec);
    default:
        return bpr_max(r, loss->bpreg, own, n, scale, scratch, vec);
    }
}

double g4r_loss_row(g4r_real *scores, const g4r_loss *loss, size_t own, size_t n,
                    g4r_real scale, g4r_real *scratch, const g4r_vec *vec)
{
    assert(own < n);
    if (loss->kind == GRU4REC_CROSS_ENTROPY)
        return cross_entropy(scores, loss->smoothing, own, n, scale, vec);
    if (loss->kind == GRU4REC_XE_LOGIT)
        return xe_logit(scores, loss->smoothing, own, n, scale, vec);
    bool is_max = loss->kind == GRU4REC_BPR_MAX || loss->kind == GRU4REC_TOP1_MAX;
    if (n == 1 && is_max) { /* a softmax over no negatives has no value */
        scores[0] = 0;
        return 0;
    }
    if (loss->final_act.kind == GRU4REC_ACT_LINEAR)
        return pairwise(scores, loss, own, n, scale, scratch, vec);
    /*
     * The final activation turns the scores x into r, and its slope is dr/dx. So dL/dx =
     * dL/dr dr/dx.
     */
    g4r_real *slope = scratch + 2 * n;
    vec->activate(scores, &loss->final_act, n);
    vec->slope(slope, scores, &loss->final_act, n);
    double value = pairwise(scores, loss, own, n, scale, scratch, vec);
    vec->mul(scores, slope, n);
    return value;
}

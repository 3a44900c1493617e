/*
 * loss.c - see loss.h.
 *
 * N columns j, own is the lane's target; eps = 1e-24.
 * Cross-entropy, p = softmax of all columns:
 *   L = -log(p_own + eps), dL/da_j = f (p_j - [j = own]), f = p_own / (p_own + eps)
 *   With smoothing tau, weights w are 1 - tau on own and tau / (N - 1) on each other
 *   (not what the official documentation says, but what its code does), f_j likewise:
 *   L = sum w_j -log(p_j + eps), dL/da_k = p_k sum_j w_j f_j - w_k f_k
 * xe_logit: the same in log space, without eps.
 * The others see r = final activation of the scores, t = r_own, negatives j != own:
 * BPR:      L = ln 2 + sum -log sigma(t - r_j)
 *   dL/dr_j = sigma(r_j - t), dL/dt = -sum of them
 * TOP1:     a = sigma(r_j - t), b = sigma(r_j^2), L = (1/N) (1/2 + sum a + b)
 *   dL/dr_j = (1/N) (a (1 - a) + 2 r_j b (1 - b)), dL/dt = -(1/N) sum a (1 - a)
 * The -max losses weight negatives with s_j = softmax of r_j over the negatives:
 * BPR-max:  A = sum s sigma(t - r), R = sum s r^2, L = -log(A + eps) + lambda R
 *   dL/dt   = -(sum s sigma (1 - sigma)) / (A + eps)
 *   dL/dr_j = s_j [(A - sigma_j^2) / (A + eps) + lambda (r_j^2 + 2 r_j - R)]
 * TOP1-max: q = sigma(r - t) + sigma(r^2), L = sum s q
 *   dL/dr_j = s_j [q_j - L + dq/dr_j], dL/dt = -sum s a (1 - a)
 * Their softmax subtracts the largest negative, not a maximum that also counts a 0 for
 * the target, as the official implementations do: theirs underflows to 0/0.
 */
#include "loss.h"

static const double eps = 1e-24;

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

/* scores: p x sum on entry. */
static double smoothed(g4r_real *scores, double sum, double tau, size_t own, size_t n,
                       g4r_real scale, const g4r_vec *vec)
{
    double w_other = tau / (double)(n - 1), w_more = 1 - tau - w_other;
    double f_sum = 0, log_sum = 0;
    vec->scale(scores, (g4r_real)(1 / sum), n);
    vec->smooth_sums(&f_sum, &log_sum, scores, n);
    double p = (double)scores[own], f = p / (p + eps);
    double total = w_other * f_sum + w_more * f;
    vec->smooth_gradient(scores, (g4r_real)total, (g4r_real)w_other, n);
    scores[own] -= (g4r_real)(w_more * f);
    vec->scale(scores, scale, n);
    return w_other * log_sum - w_more * log(p + eps);
}

static double cross_entropy(g4r_real *scores, double tau, size_t own, size_t n,
                            g4r_real scale, const g4r_vec *vec)
{
    double sum = vec->exp_sum(scores, vec->max(scores, n), n);
    if (tau > 0 && n > 1)
        return smoothed(scores, sum, tau, own, n, scale, vec);
    double p = (double)scores[own] / sum;
    double f = p / (p + eps) * (double)scale;
    vec->scale(scores, (g4r_real)(f / sum), n);
    scores[own] = (g4r_real)(f * (p - 1));
    return -log(p + eps);
}

static double xe_logit(g4r_real *scores, double tau, size_t own, size_t n, g4r_real scale,
                       const g4r_vec *vec)
{
    bool is_smooth = tau > 0 && n > 1;
    double w_other = is_smooth ? tau / (double)(n - 1) : 0;
    double w_own = is_smooth ? 1 - tau : 1;
    double max = (double)vec->max(scores, n), own_score = (double)scores[own];
    double total = is_smooth ? vec->sum(scores, n) : own_score;
    double sum = vec->exp_sum(scores, (g4r_real)max, n);
    double wanted =
        w_other * total + (w_own - w_other) * own_score; /* sum of w x score */
    vec->scale(scores, (g4r_real)((double)scale / sum), n);
    if (is_smooth)
        vec->shift(scores, (g4r_real)(-w_other * (double)scale), n);
    scores[own] -= (g4r_real)((w_own - w_other) * (double)scale);
    return max + log(sum) - wanted;
}

/* ---- pairwise losses, on activated scores r: gradients with respect to r ---- */

static double bpr(g4r_real *r, size_t own, size_t n, g4r_real scale, const g4r_vec *vec)
{
    double loss = 0, slope = 0;
    g4r_real t = r[own];
    vec->bpr(&loss, &slope, r, t, scale, own);
    vec->bpr(&loss, &slope, r + own + 1, t, scale, n - own - 1);
    r[own] = (g4r_real)(-(double)scale * slope);
    return loss + log(2.0);
}

static double top1(g4r_real *r, size_t own, size_t n, g4r_real scale, const g4r_vec *vec)
{
    double loss = 0, slope = 0;
    g4r_real t = r[own], each = scale / (g4r_real)n;
    vec->top1(&loss, &slope, r, t, each, own);
    vec->top1(&loss, &slope, r + own + 1, t, each, n - own - 1);
    r[own] = (g4r_real)(-(double)each * slope);
    return (0.5 + loss) / (double)n;
}

static g4r_real largest_negative(const g4r_real *r, size_t own, size_t n,
                                 const g4r_vec *vec)
{
    return G4R_MAX(vec->max(r, own), vec->max(r + own + 1, n - own - 1));
}

static double top1_max(g4r_real *r, size_t own, size_t n, g4r_real scale,
                       g4r_real *scratch, const g4r_vec *vec)
{
    double e_sum = 0, q_sum = 0, slope = 0;
    const size_t behind = own + 1, n_behind = n - own - 1;
    g4r_real t = r[own], max = largest_negative(r, own, n, vec);
    g4r_real *e = scratch, *q = scratch + n;
    vec->top1max_sums(&e_sum, &q_sum, &slope, e, q, r, t, max, own);
    vec->top1max_sums(&e_sum, &q_sum, &slope, e + behind, q + behind, r + behind, t, max,
                      n_behind);
    double loss = q_sum / e_sum;
    g4r_real each = (g4r_real)((double)scale / e_sum);
    vec->top1max_gradient(r, e, q, each, (g4r_real)loss, own);
    vec->top1max_gradient(r + behind, e + behind, q + behind, each, (g4r_real)loss,
                          n_behind);
    r[own] = (g4r_real)(-(double)scale * slope / e_sum);
    return loss;
}

static double bpr_max(g4r_real *r, g4r_real bpreg, size_t own, size_t n, g4r_real scale,
                      g4r_real *scratch, const g4r_vec *vec)
{
    g4r_bprmax_sums sums = {0};
    const size_t behind = own + 1, n_behind = n - own - 1;
    g4r_real t = r[own], max = largest_negative(r, own, n, vec);
    g4r_real *e = scratch, *sigma = scratch + n;
    vec->bprmax_sums(&sums, e, sigma, r, t, max, own);
    vec->bprmax_sums(&sums, e + behind, sigma + behind, r + behind, t, max, n_behind);
    double a = sums.sigma / sums.e, reg = sums.reg / sums.e;
    g4r_real each = (g4r_real)((double)scale / sums.e);
    vec->bprmax_gradient(r, e, sigma, each, (g4r_real)a, bpreg, (g4r_real)reg, own);
    vec->bprmax_gradient(r + behind, e + behind, sigma + behind, each, (g4r_real)a, bpreg,
                         (g4r_real)reg, n_behind);
    r[own] = (g4r_real)(-(double)scale * sums.slope / sums.e / (a + eps));
    return -log(a + eps) + (double)bpreg * reg;
}

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
    if (n == 1 && is_max) { /* nothing to compare with */
        scores[0] = 0;
        return 0;
    }
    if (loss->final_act.kind == GRU4REC_ACT_LINEAR)
        return pairwise(scores, loss, own, n, scale, scratch, vec);
    g4r_real *slope = scratch + 2 * n;
    vec->activate(scores, &loss->final_act, n);
    vec->slope(slope, scores, &loss->final_act, n);
    double value = pairwise(scores, loss, own, n, scale, scratch, vec);
    vec->mul(scores, slope, n);
    return value;
}

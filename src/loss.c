/*
 * loss.c (L2) - see loss.h.
 *
 * Cross-entropy, p = softmax of all columns, eps = 1e-24:
 *   L = -log(p_own + eps)         dL/da_j = f (p_j - [j = own]),  f = p_own / (p_own +
 * eps) BPR-max, r = final activation of the scores, t = r_own, over the negatives j: s_j
 * = softmax of r_j, sigma_j = sigmoid(t - r_j), A = sum s sigma, R = sum s r^2 L = -log(A
 * + eps) + lambda R dL/dt   = -(sum s sigma (1 - sigma)) / (A + eps) dL/dr_j = s_j [(A -
 * sigma_j^2) / (A + eps) + lambda (r_j^2 + 2 r_j - R)] The softmax of BPR-max subtracts
 * the largest negative, not a maximum that also counts a 0 for the target, as the
 * official implementations do: theirs underflows to 0/0.
 */
#include "loss.h"

static const double eps = 1e-24;

void g4r_loss_init(g4r_loss *loss, const gru4rec_options *options)
{
    loss->kind = (gru4rec_loss)options->loss;
    loss->bpreg = (g4r_real)options->bpreg;
    loss->elu_alpha = options->final_act.kind == GRU4REC_ACT_ELU
                          ? (g4r_real)options->final_act.alpha
                          : 0;
}

static double cross_entropy(g4r_real *scores, size_t own, size_t n, g4r_real scale,
                            const g4r_vec *vec)
{
    double sum = vec->exp_sum(scores, vec->max(scores, n), n);
    double p = (double)scores[own] / sum;
    double f = p / (p + eps) * (double)scale;
    vec->scale(scores, (g4r_real)(f / sum), n);
    scores[own] = (g4r_real)(f * (p - 1));
    return -log(p + eps);
}

static double bpr_max(g4r_real *scores, const g4r_loss *loss, size_t own, size_t n,
                      g4r_real scale, g4r_real *scratch, const g4r_vec *vec)
{
    g4r_bprmax_sums sums = {0};
    g4r_real *after = scores + own + 1, *sigma = scratch + n;
    size_t n_after = n - own - 1;
    if (n == 1) { /* nothing to compare with */
        scores[0] = 0;
        return 0;
    }
    if (loss->elu_alpha > 0)
        vec->elu(scores, loss->elu_alpha, n);
    g4r_real t = scores[own];
    g4r_real max = G4R_MAX(vec->max(scores, own), vec->max(after, n_after));
    vec->bprmax_sums(&sums, scratch, sigma, scores, t, max, own);
    vec->bprmax_sums(&sums, scratch + own + 1, sigma + own + 1, after, t, max, n_after);

    double a = sums.sigma / sums.e, reg = sums.reg / sums.e;
    g4r_real each = (g4r_real)((double)scale / sums.e);
    vec->bprmax_gradient(scores, scratch, sigma, each, (g4r_real)a, loss->bpreg,
                         (g4r_real)reg, loss->elu_alpha, own);
    vec->bprmax_gradient(after, scratch + own + 1, sigma + own + 1, each, (g4r_real)a,
                         loss->bpreg, (g4r_real)reg, loss->elu_alpha, n_after);
    double slope = loss->elu_alpha > 0 && t < 0 ? (double)(t + loss->elu_alpha) : 1;
    scores[own] = (g4r_real)(-(double)scale * sums.slope / sums.e / (a + eps) * slope);
    return -log(a + eps) + (double)loss->bpreg * reg;
}

double g4r_loss_row(g4r_real *scores, const g4r_loss *loss, size_t own, size_t n,
                    g4r_real scale, g4r_real *scratch, const g4r_vec *vec)
{
    assert(own < n);
    if (loss->kind == GRU4REC_CROSS_ENTROPY)
        return cross_entropy(scores, own, n, scale, vec);
    return bpr_max(scores, loss, own, n, scale, scratch, vec);
}

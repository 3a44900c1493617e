/* softmax.c - see softmax.h. */
#include "softmax.h"

#include "../kernels/blas.h"

enum { BLOCK = 1024 };

void g4r_softmax_layout(g4r_softmax *softmax, g4r_arena *arena, size_t n_lanes,
                        size_t n_rows)
{
    softmax->vec = g4r_vec_pick();
    softmax->block = G4R_MIN(n_rows, BLOCK);
    softmax->scores =
        g4r_arena_take(arena, g4r_mul(n_lanes, softmax->block), sizeof *softmax->scores);
    softmax->largest = g4r_arena_take(arena, n_lanes, sizeof *softmax->largest);
    softmax->sum = g4r_arena_take(arena, n_lanes, sizeof *softmax->sum);
}

void g4r_softmax_init(g4r_softmax *softmax, g4r_output output, double smoothing,
                      g4r_stop stop)
{
    bool is_smooth = smoothing > 0 && output.n > 1;
    softmax->output = output;
    softmax->stop = stop;
    softmax->w_other = is_smooth ? smoothing / (double)(output.n - 1) : 0;
    softmax->w_own = is_smooth ? 1 - smoothing : 1;
}

/* The scores of the items start ... start + n - 1, (m,n). */
static void score_block(const g4r_softmax *s, const g4r_real *y, size_t m, size_t start,
                        size_t n)
{
    const size_t d = s->output.d;
    g4r_blas_multiply(g4r_product_of(G4R_NT, s->scores, n, y, d,
                                     s->output.table + start * d, d, m, n, d, 0));
    for (size_t lane = 0; lane < m; lane++)
        s->vec->add(s->scores + lane * n, s->output.bias + start, n);
}

/* Where the target is in the block; n: it is in another. */
static size_t own_column(int32_t target, size_t start, size_t n)
{
    size_t row = (size_t)target;
    return row >= start && row - start < n ? row - start : n;
}

double g4r_softmax_forward(g4r_softmax *s, double *log_sums, const g4r_real *y,
                           const int32_t *targets, size_t m)
{
    double wanted = 0, loss = 0; /* wanted: sum of w s */
    for (size_t lane = 0; lane < m; lane++) {
        s->largest[lane] = -INFINITY;
        s->sum[lane] = 0;
    }
    for (size_t start = 0; start < s->output.n && !g4r_stop_is_asked(&s->stop);
         start += s->block) {
        size_t n = G4R_MIN(s->block, s->output.n - start);
        score_block(s, y, m, start, n);
        for (size_t lane = 0; lane < m; lane++) {
            g4r_real *scores = s->scores + lane * n, before = s->largest[lane];
            size_t own = own_column(targets[lane], start, n);
            if (own < n)
                wanted += (s->w_own - s->w_other) * (double)scores[own];
            if (s->w_other > 0)
                wanted += s->w_other * s->vec->sum(scores, n);
            g4r_real largest = G4R_MAX(before, s->vec->max(scores, n));
            s->sum[lane] = s->sum[lane] * exp((double)before - (double)largest) +
                           s->vec->loss.exp_sum(scores, largest, n);
            s->largest[lane] = largest;
        }
    }
    for (size_t lane = 0; lane < m; lane++) {
        log_sums[lane] = (double)s->largest[lane] + log(s->sum[lane]);
        loss += log_sums[lane];
    }
    return loss - wanted;
}

/* Scores of a block become scale x their gradients. */
static void block_gradients(const g4r_softmax *s, const double *log_sums,
                            const int32_t *targets, size_t m, size_t start, size_t n,
                            g4r_real scale)
{
    for (size_t lane = 0; lane < m; lane++) {
        g4r_real *g = s->scores + lane * n;
        size_t own = own_column(targets[lane], start, n);
        s->vec->loss.exp_sum(g, (g4r_real)log_sums[lane], n);
        if (s->w_other > 0)
            s->vec->shift(g, (g4r_real)-s->w_other, n);
        if (own < n)
            g[own] -= (g4r_real)(s->w_own - s->w_other);
        s->vec->scale(g, scale, n);
    }
}

void g4r_softmax_backward(g4r_softmax *s, g4r_real *dy, g4r_real *dtable, g4r_real *dbias,
                          const double *log_sums, const g4r_real *y,
                          const int32_t *targets, size_t m, g4r_real scale, g4r_real beta)
{
    const size_t d = s->output.d;
    for (size_t start = 0; start < s->output.n && !g4r_stop_is_asked(&s->stop);
         start += s->block) {
        size_t n = G4R_MIN(s->block, s->output.n - start), at = start * d;
        score_block(s, y, m, start, n);
        block_gradients(s, log_sums, targets, m, start, n, scale);
        g4r_vec_column_sums(dbias + start, s->scores, n, m, n, beta, s->vec);
        g4r_blas_multiply(
            g4r_product_of(G4R_TN, dtable + at, d, s->scores, n, y, d, n, d, m, beta));
        g4r_blas_multiply(g4r_product_of(G4R_NN, dy, d, s->scores, n,
                                         s->output.table + at, d, m, d, n,
                                         start > 0 ? 1 : 0));
    }
}

/*
 * test_loss_all.c - cross-entropy over all items against a plain computation in double: one
 * block and several, with and without smoothing, gradients that overwrite and that add up,
 * and rows behind the items that are scored.
 */
#include "../../src/kernels/blas.h"
#include "../../src/base/rng.h"
#include "../../src/train/loss_all.h"
#include "../lib/test.h"

#include <stdlib.h>

enum { D = 5, M = 3, MOST = 2500 };

static g4r_real rows[(MOST + 2) * D], bias[MOST + 2], drows[(MOST + 2) * D],
    dbias[MOST + 2];
static g4r_real y[M * D], dy[M * D];
static double p[M][MOST];

static void fill(g4r_rng *rng, g4r_real *values, size_t n, double bound)
{
    for (size_t i = 0; i < n; i++)
        values[i] = (g4r_real)((2 * g4r_rng_uniform(rng) - 1) * bound);
}

static double weight(size_t n, double smoothing, bool is_own)
{
    if (n < 2 || smoothing == 0)
        return is_own;
    return is_own ? 1 - smoothing : smoothing / (double)(n - 1);
}

/* Leaves dL/ds in p. */
static double plain(const int32_t *targets, size_t n, double smoothing)
{
    double loss = 0;
    for (size_t lane = 0; lane < M; lane++) {
        double max = -INFINITY, sum = 0;
        for (size_t j = 0; j < n; j++) {
            p[lane][j] = (double)bias[j];
            for (size_t k = 0; k < D; k++)
                p[lane][j] += (double)y[lane * D + k] * (double)rows[j * D + k];
            max = fmax(max, p[lane][j]);
        }
        for (size_t j = 0; j < n; j++)
            sum += exp(p[lane][j] - max);
        for (size_t j = 0; j < n; j++) {
            double w = weight(n, smoothing, (size_t)targets[lane] == j), s = p[lane][j];
            loss += w * (max + log(sum) - s);
            p[lane][j] = exp(s - max) / sum - w;
        }
    }
    return loss;
}

static void check_gradients(size_t n, double scale, double times)
{
    for (size_t j = 0; j < n; j++) {
        double expected = 0;
        for (size_t lane = 0; lane < M; lane++)
            expected += p[lane][j];
        CHECK_NEAR(times * scale * expected, dbias[j], 2e-6);
        for (size_t k = 0; k < D; k++) {
            expected = 0;
            for (size_t lane = 0; lane < M; lane++)
                expected += p[lane][j] * (double)y[lane * D + k];
            CHECK_NEAR(times * scale * expected, drows[j * D + k], 3e-6);
        }
    }
    for (size_t i = 0; i < M * D; i++) {
        double expected = 0;
        for (size_t j = 0; j < n; j++)
            expected += p[i / D][j] * (double)rows[j * D + i % D];
        CHECK_NEAR(scale * expected, dy[i], 1e-5);
    }
}

/* spread: of the scores; large ones leave a softmax that is nearly one item's. */
static void check(size_t n, double smoothing, double spread)
{
    int32_t targets[M] = {0, (int32_t)n - 1, (int32_t)n / 2};
    g4r_loss_all all;
    g4r_arena arena = {0};
    g4r_rng rng;
    double log_sums[M];
    g4r_rng_seed(&rng, (int64_t)n, 1, 0);
    fill(&rng, rows, (n + 2) * D, spread);
    fill(&rng, bias, n + 2, spread);
    fill(&rng, y, M * D, 1);
    memset(drows, 0, sizeof drows);
    memset(dbias, 0, sizeof dbias);
    for (size_t i = 0; i < (n + 2) * D; i++)
        drows[i] = i < n * D ? 77 : 7; /* to be overwritten, but for what is behind */
    g4r_loss_all_layout(&all, &arena, M, n + 2);
    if (!CHECK(g4r_arena_allocate(&arena, &g4r_alloc_libc)))
        return;
    g4r_loss_all_layout(&all, &arena, M, n + 2);
    g4r_loss_all_init(&all, (g4r_output){rows, bias, n, D}, smoothing, (g4r_stop){0});
    double expected = plain(targets, n, smoothing);
    double loss = g4r_loss_all_forward(&all, log_sums, y, targets, M);
    CHECK_NEAR(expected, loss, 2e-6 * (1 + fabs(expected)) * (1 + spread));
    for (int times = 1; times <= 2; times++) {
        g4r_loss_all_backward(&all, dy, drows, dbias, log_sums, y, targets, M,
                              (g4r_real)0.25, times > 1);
        check_gradients(n, 0.25, times);
    }
    for (size_t i = n * D; i < (n + 2) * D; i++)
        CHECK_NEAR(7, drows[i], 0);
    CHECK_NEAR(0, dbias[n], 0);
    g4r_arena_free(&arena, &g4r_alloc_libc);
}

static void test_sizes(void)
{
    static const size_t sizes[] = {1, 2, 7, 1023, 1024, 1025, 2048, MOST};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int smooth = 0; smooth < 2; smooth++) {
            check(sizes[i], smooth * 0.3, 0.5);
            check(sizes[i], smooth * 0.3, 3);
        }
}

/* Scores for which exp overflows in float, and a target that has none of the probability. */
static void test_large_scores(void)
{
    const int32_t target = 0;
    g4r_loss_all all;
    g4r_arena arena = {0};
    double log_sum;
    g4r_loss_all_layout(&all, &arena, 1, 2);
    if (!CHECK(g4r_arena_allocate(&arena, &g4r_alloc_libc)))
        return;
    g4r_loss_all_layout(&all, &arena, 1, 2);
    g4r_real w[2] = {-500, 500}, b[2] = {0, 0}, one = 1, d[2], db[2], dx;
    g4r_loss_all_init(&all, (g4r_output){w, b, 2, 1}, 0, (g4r_stop){0});
    CHECK_NEAR(1000, g4r_loss_all_forward(&all, &log_sum, &one, &target, 1), 1e-3);
    g4r_loss_all_backward(&all, &dx, d, db, &log_sum, &one, &target, 1, 1, 0);
    CHECK_NEAR(-1, db[0], 1e-6);
    CHECK_NEAR(1, db[1], 1e-6);
    CHECK_NEAR(1000, dx, 1e-3);
    g4r_arena_free(&arena, &g4r_alloc_libc);
}

int main(void)
{
    g4r_blas_enter();
    RUN(test_sizes);
    RUN(test_large_scores);
    g4r_blas_leave();
    return test_end();
}

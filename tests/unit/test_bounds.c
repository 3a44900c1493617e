/*
 * test_bounds.c - bounds.c: a bound is never below the score that serving has, nor more
 * than the gap above it; and where there are no bounds.
 */
#include "../lib/serving.h"

#include "../../src/kernels/blas.h"
#include "../../src/serve/bounds.h"

enum { ITEMS = 600, LANES = 5 };

static void check_kind(serving_kind kind, size_t d, double size)
{
    gru4rec_model *model = serving_model(NULL, ITEMS, d);
    g4r_real *x = malloc(LANES * d * sizeof *x), slack[LANES];
    g4r_real *upper = malloc(LANES * ITEMS * sizeof *upper), scores[ITEMS];
    fill_table(model, kind);
    g4r_bounds bounds = g4r_bounds_of(model);
    g4r_bounds_measure(&bounds);
    for (size_t lane = 0; lane < LANES; lane++) {
        draw_x(x + lane * d, kind, d, size);
        CHECK(g4r_bounds_slack(&bounds, x + lane * d, &slack[lane]));
    }
    size_t n_low = 0, n_high = 0;
    for (size_t first = 0; first < ITEMS; first += 250) {
        const size_t n = G4R_MIN(250, ITEMS - first);
        const g4r_output rows = g4r_bounds_rows(&bounds, first, n);
        g4r_bounds_upper(&rows, upper, x, slack, LANES, bounds.vec);
        for (size_t lane = 0; lane < LANES; lane++) {
            bounds.vec->scan.score(scores, rows.table, rows.bias, NULL, x + lane * d, n,
                                   d);
            for (size_t i = 0; i < n; i++) {
                const g4r_real bound = upper[lane * n + i];
                n_low += bound < scores[i];
                n_high += bound - g4r_bounds_gap(slack[lane]) > scores[i];
            }
        }
    }
    if (!CHECK_INT(0, n_low) || !CHECK_INT(0, n_high))
        printf("  kind %d, width %zu, vectors of %g\n", (int)kind, d, size);
    free(x);
    free(upper);
    gru4rec_model_free(model);
}

static void bounds_hold(void)
{
    static const size_t widths[] = {1, 7, 100, 512};
    static const double sizes[] = {0, 1e-20, 1, 1e10};
    for (int kind = 0; kind < N_KINDS; kind += KIND_STEP)
        for (size_t i = 0; i < 4; i++)
            for (size_t j = 0; j < 4; j++)
                check_kind((serving_kind)kind, widths[i], sizes[j]);
}

/* Neither from a table nor from a vector that is too large, or no number. */
static void there_may_be_none(void)
{
    const g4r_real bad[] = {NAN, INFINITY, (g4r_real)1e30};
    gru4rec_model *model = serving_model(NULL, 50, 4);
    g4r_real slack, x[4] = {1e10f, 1, 1, 1};
    fill_table(model, NORMAL);
    for (size_t i = 0; i < 3; i++)
        for (int place = 0; place < 3; place++) {
            g4r_real *at = place == 0   ? &serving_table(model)[17]
                           : place == 1 ? &serving_bias(model)[17]
                                        : &x[2];
            const g4r_real kept = *at;
            *at = place == 0 || i < 2 ? bad[i] : (g4r_real)1e38;
            g4r_bounds bounds = g4r_bounds_of(model);
            g4r_bounds_measure(&bounds);
            CHECK(!g4r_bounds_slack(&bounds, x, &slack));
            *at = kept;
        }
    gru4rec_model_free(model);
}

int main(void)
{
    g4r_rng_seed(&serving_rng, 59, 0, 0);
    if (!CHECK(g4r_blas_enter()))
        return test_end();
    RUN(bounds_hold);
    RUN(there_may_be_none);
    g4r_blas_leave();
    return test_end();
}

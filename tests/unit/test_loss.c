/*
 * test_loss.c - losses of one lane: the golden vectors of algorithm A.1, a plain
 * re-computation in double on random rows, and the edges (one column, huge scores, NaN).
 * Every kernel table that this processor runs is tested.
 */
#include "../../src/loss.h"
#include "../../src/rng.h"
#include "../lib/test.h"

enum { MOST = 2053 };

static const g4r_loss xe = {.kind = GRU4REC_CROSS_ENTROPY};

static double loss_of(g4r_real *scores, const g4r_loss *loss, size_t own, size_t n,
                      const g4r_vec *vec)
{
    static g4r_real scratch[2 * MOST];
    return g4r_loss_row(scores, loss, own, n, 1, scratch, vec);
}

/* ---- the golden vectors ---- */

typedef struct golden {
    const char *name;
    g4r_loss loss;
    double value; /* sum of both lanes */
    double gradients[2][5];
} golden;

static const double golden_scores[2][5] = {{1, -0.5, 0.25, 2, -1},
                                           {0, 0.5, -0.75, 1.5, 0.25}};
/* logq 1, counts (4,1,9,16,2), alpha .5 for the last three. */
static const double golden_logq[5] = {1.386294, 0, 1.098612, 1.386294, 0.346574};

static const golden goldens[] = {
    {"cross-entropy",
     {GRU4REC_CROSS_ENTROPY, 0, 0},
     3.199500,
     {{-.780177, .049049, .103837, .597541, .029750},
      {.112526, -.814475, .053154, .504308, .144487}}},
    {"cross-entropy logq",
     {GRU4REC_CROSS_ENTROPY, 0, 0},
     2.634148,
     {{-.822172, .158715, .112000, .483387, .068070},
      {.061206, -.596351, .038549, .274308, .222288}}},
    {"bpr-max",
     {GRU4REC_BPR_MAX, 0, 1},
     6.439612,
     {{-.505990, -.290991, -.369050, 4.353826, -.196764},
      {-.193758, -.519053, -.187808, 2.866538, -.117566}}},
    {"bpr-max bpreg 0",
     {GRU4REC_BPR_MAX, 0, 0},
     1.872870,
     {{-.505990, -.047323, -.027891, .620643, -.039439},
      {.005322, -.519053, -.032587, .508047, .038271}}},
    {"bpr-max elu-0.5",
     {GRU4REC_BPR_MAX, 0.5, 1},
     6.084145,
     {{-.492135, -.091301, -.314835, 4.270739, -.052532},
      {-.173341, -.520148, -.047075, 2.805726, -.096871}}},
};

/* The vectors have 6 decimals: 5e-7, and a float of 4 or 6 is good to 2.4e-7. */
static void check_golden(const golden *g, bool has_logq, const g4r_vec *vec)
{
    double value = 0;
    for (size_t lane = 0; lane < 2; lane++) {
        g4r_real scores[5];
        for (size_t j = 0; j < 5; j++)
            scores[j] =
                (g4r_real)(golden_scores[lane][j] - (has_logq ? golden_logq[j] : 0));
        value += loss_of(scores, &g->loss, lane, 5, vec);
        for (size_t j = 0; j < 5; j++)
            if (!CHECK_NEAR(g->gradients[lane][j], scores[j], 1.2e-6))
                printf("  %s, lane %zu, column %zu\n", g->name, lane, j);
    }
    if (!CHECK_NEAR(g->value, value, 1.2e-6))
        printf("  %s\n", g->name);
}

static void test_golden_vectors(void)
{
    const g4r_vec *vec;
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++)
        for (size_t k = 0; k < sizeof goldens / sizeof *goldens; k++)
            check_golden(&goldens[k], k == 1, vec);
}

/* ---- against the formulas, in double ---- */

static double plain_xe(double *gradient, const double *r, size_t own, size_t n)
{
    double sum = 0;
    for (size_t j = 0; j < n; j++)
        sum += exp(r[j]);
    for (size_t j = 0; j < n; j++)
        gradient[j] = exp(r[j]) / sum - (j == own);
    return -log(exp(r[own]) / sum);
}

static double plain_elu(double x, double alpha)
{
    return alpha == 0 || x > 0 ? x : alpha * (exp(x) - 1);
}

static double plain_bpr_max(double *gradient, const double *scores, const g4r_loss *loss,
                            size_t own, size_t n)
{
    double alpha = (double)loss->elu_alpha, reg = (double)loss->bpreg;
    double e_sum = 0, a = 0, reg_mean = 0, dt = 0;
    double t = plain_elu(scores[own], alpha);
    for (size_t j = 0; j < n; j++)
        e_sum += j == own ? 0 : exp(plain_elu(scores[j], alpha));
    for (size_t j = 0; j < n; j++) {
        double r = plain_elu(scores[j], alpha), sigma = 1 / (1 + exp(r - t));
        double s = j == own ? 0 : exp(r) / e_sum;
        a += s * sigma;
        reg_mean += s * r * r;
        dt += s * sigma * (1 - sigma);
    }
    for (size_t j = 0; j < n; j++) {
        double r = plain_elu(scores[j], alpha), sigma = 1 / (1 + exp(r - t));
        double s = exp(r) / e_sum;
        gradient[j] =
            j == own ? -dt / a
                     : s * ((a - sigma * sigma) / a + reg * (r * r + 2 * r - reg_mean));
        if (alpha > 0 && scores[j] < 0)
            gradient[j] *= alpha * exp(scores[j]);
    }
    return -log(a) + reg * reg_mean;
}

/* Scores within +-4; float sums of n terms. Observed: 2e-6 of the largest gradient. */
static void check_random(const g4r_loss *loss, size_t own, size_t n, const g4r_vec *vec)
{
    static g4r_real scores[MOST], scratch[2 * MOST];
    static double r[MOST], gradient[MOST];
    const g4r_real scale = (g4r_real)0.25;
    double largest = 1e-3, error = 0;
    g4r_rng rng;
    g4r_rng_seed(&rng, (int64_t)(n * 10000 + own), 0);
    for (size_t j = 0; j < n; j++) {
        scores[j] = (g4r_real)(8 * g4r_rng_uniform(&rng) - 4);
        r[j] = (double)scores[j];
    }
    double value = g4r_loss_row(scores, loss, own, n, scale, scratch, vec);
    double expected = loss->kind == GRU4REC_CROSS_ENTROPY
                          ? plain_xe(gradient, r, own, n)
                          : plain_bpr_max(gradient, r, loss, own, n);
    for (size_t j = 0; j < n; j++) {
        largest = fmax(largest, fabs(gradient[j]) / 4);
        double off = fabs(gradient[j] / 4 - (double)scores[j]);
        if (isnan(off) || off > error) /* and stays NaN */
            error = off;
    }
    CHECK_NEAR(expected, value, 1e-5 * fmax(1, expected));
    CHECK_NEAR(0, error / largest, 1e-5);
}

static void test_random_rows(void)
{
    static const g4r_loss losses[] = {{GRU4REC_CROSS_ENTROPY, 0, 0},
                                      {GRU4REC_BPR_MAX, 0, 0},
                                      {GRU4REC_BPR_MAX, 0, 2},
                                      {GRU4REC_BPR_MAX, 1, (g4r_real)0.7}};
    static const size_t sizes[] = {2, 3, 5, 16, 17, 33, 100, MOST};
    const g4r_vec *vec;
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++)
        for (size_t k = 0; k < 4; k++)
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
                check_random(&losses[k], 0, sizes[s], vec);
                check_random(&losses[k], sizes[s] / 2, sizes[s], vec);
                check_random(&losses[k], sizes[s] - 1, sizes[s], vec);
            }
}

/* ---- properties ---- */

/*
 * The softmax is over negatives only: the regulariser, sum s r^2, ignores the target. Not
 * even a maximum may count the target: beside 1000 all others would underflow.
 */
static void test_bpr_max_softmax_is_without_target(void)
{
    static const double targets[] = {-1000, -6, 0, 3, 9, 1000};
    const g4r_loss with = {GRU4REC_BPR_MAX, 0, 1}, without = {GRU4REC_BPR_MAX, 0, 0};
    /* exp(1), exp(-2), exp(.5), exp(2) */
    const double expected =
        (2.7182818 + 4 * 0.1353353 + 0.25 * 1.6487213 + 4 * 7.3890561) /
        (2.7182818 + 0.1353353 + 1.6487213 + 7.3890561);
    const g4r_vec *vec;
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++)
        for (size_t k = 0; k < sizeof targets / sizeof *targets; k++) {
            g4r_real a[] = {1, -2, (g4r_real)targets[k], (g4r_real)0.5, 2};
            g4r_real b[] = {1, -2, (g4r_real)targets[k], (g4r_real)0.5, 2};
            double reg = loss_of(a, &with, 2, 5, vec) - loss_of(b, &without, 2, 5, vec);
            CHECK_NEAR(expected, reg, 1e-6);
            CHECK_NEAR(a[2], b[2], 1e-7); /* and does not pull the target */
        }
}

/* Every column's part of a softmax: the gradients add up to nothing. */
static void test_cross_entropy_gradients_cancel(void)
{
    g4r_real scores[] = {3, -1, (g4r_real)0.5, 2, 2, 2};
    double sum = 0;
    loss_of(scores, &xe, 3, 6, g4r_vec_pick());
    for (size_t j = 0; j < 6; j++)
        sum += (double)scores[j];
    CHECK_NEAR(0, sum, 3e-7);
    CHECK(scores[3] < 0 && scores[4] > 0 && scores[4] == scores[5]);
}

static void test_one_column(void)
{
    const g4r_loss bpr = {GRU4REC_BPR_MAX, 1, 1};
    g4r_real score = 5;
    CHECK_NEAR(0, loss_of(&score, &xe, 0, 1, g4r_vec_pick()), 1e-12);
    CHECK_NEAR(0, score, 1e-12);
    score = 5;
    CHECK_NEAR(0, loss_of(&score, &bpr, 0, 1, g4r_vec_pick()), 1e-12);
    CHECK_NEAR(0, score, 1e-12);
}

/* ---- extremes ---- */

static void fill(g4r_real *scores, g4r_real t, g4r_real others)
{
    for (size_t j = 0; j < 20; j++)
        scores[j] = j == 7 ? t : others;
}

static void check_finite(const g4r_loss *loss, double expected, g4r_real t,
                         g4r_real others)
{
    g4r_real scores[20];
    bool is_finite = true;
    const g4r_vec *vec;
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++) {
        fill(scores, t, others);
        CHECK_NEAR(expected, loss_of(scores, loss, 7, 20, vec), 1e-4);
        for (size_t j = 0; j < 20; j++)
            is_finite = is_finite && isfinite(scores[j]);
        CHECK(is_finite);
    }
}

/* -log(1e-24) = 55.262: what the eps in the logarithm leaves of a hopeless target. */
static void test_huge_scores(void)
{
    const g4r_loss bpr = {GRU4REC_BPR_MAX, 0, 0}, elu = {GRU4REC_BPR_MAX, 1, 1};
    check_finite(&xe, 0, 1000, -1000);
    check_finite(&xe, 55.262042, -1000, 1000);
    check_finite(&xe, log(20), -1000, -1000);
    check_finite(&xe, log(20), 1000, 1000);
    check_finite(&bpr, 0, 1000, -1000);
    check_finite(&bpr, log(2), -1000, -1000);
    check_finite(&bpr, log(2), 1000, 1000);
    check_finite(&bpr, 55.262042, -1000, 1000);
    /* ELU: both at -1, and 1 x (-1)^2 of regularisation. */
    check_finite(&elu, log(2) + 1, -1000, -1000);
}

/* A target without hope gets no gradient through cross-entropy (algorithm 5.1). */
static void test_underflow_has_no_gradient(void)
{
    g4r_real scores[20];
    fill(scores, -1000, 1000);
    loss_of(scores, &xe, 7, 20, g4r_vec_pick());
    for (size_t j = 0; j < 20; j++)
        CHECK_NEAR(0, scores[j], 1e-12);
}

static void test_nan_is_seen(void)
{
    const g4r_loss bpr = {GRU4REC_BPR_MAX, 0, 1}, elu = {GRU4REC_BPR_MAX, 1, 1};
    const g4r_loss *losses[] = {&xe, &bpr, &elu};
    const g4r_vec *vec;
    g4r_real scores[20];
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++)
        for (size_t k = 0; k < 3; k++)
            for (size_t j = 0; j < 20; j++) {
                fill(scores, 1, 0);
                scores[j] = (g4r_real)NAN;
                CHECK(isnan(loss_of(scores, losses[k], 7, 20, vec)));
                fill(scores, 1, 0);
                scores[j] = (g4r_real)INFINITY;
                if (j != 7) /* an infinite target is a loss of 0 to BPR-max */
                    CHECK(!isfinite(loss_of(scores, losses[k], 7, 20, vec)));
            }
}

int main(void)
{
    RUN(test_golden_vectors);
    RUN(test_random_rows);
    RUN(test_bpr_max_softmax_is_without_target);
    RUN(test_cross_entropy_gradients_cancel);
    RUN(test_one_column);
    RUN(test_huge_scores);
    RUN(test_underflow_has_no_gradient);
    RUN(test_nan_is_seen);
    return test_end();
}

/*
 * test_vec_math.c - vec_math.h: log and softplus over a grid, as this file's compiler
 * makes them and as they come out of every kernel table. exp, tanh and sigmoid:
 * test_vec_kernels.c.
 */
#include "../lib/vec_arrays.h"

#include "../../src/kernels/vec_math.h"

static const double EPS = FLT_EPSILON;

/* ---- as they are ---- */

static double ulp(double x)
{
    int exponent;
    frexp(x, &exponent);
    return ldexp(1, exponent - 24);
}

/* Near 1, where the logarithm is next to nothing, too. */
static void log_is_within_2_ulp(void)
{
    double worst = 0;
    for (double x = FLT_MIN; x < FLT_MAX; x *= 1.00037) {
        double expected = log((double)(g4r_real)x);
        double off = fabs((double)log1((g4r_real)x) - expected);
        worst = fmax(worst, off / ulp(expected));
    }
    for (int i = -20000; i <= 20000; i++) {
        g4r_real x = (g4r_real)(1 + i * EPS * 20);
        double expected = log((double)x);
        worst =
            fmax(worst, fabs((double)log1(x) - expected) / (i == 0 ? 1 : ulp(expected)));
    }
    /* Observed: 0.75. */
    CHECK_NEAR(0, worst, 2);
    CHECK_NEAR(0, log1(1), 0);
}

/* From 1e-24 on, the eps of the losses. */
static void log_of_tiny_numbers(void)
{
    CHECK_NEAR(-55.262042231857095, log1((g4r_real)1e-24), 55.3 * EPS);
    CHECK_NEAR(log((double)FLT_MIN), log1(FLT_MIN), 87.4 * EPS);
    CHECK_NEAR(log((double)FLT_MAX), log1(FLT_MAX), 88.8 * EPS);
}

static double plain_softplus(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

/*
 * 1 + exp(x) is rounded before the logarithm: an absolute error of EPS / 2, 2 of exp and
 * as many of log1. Far below 0 the value is 0 and exp(x) is what is missing.
 */
static void softplus_is_accurate(void)
{
    for (double x = -120; x <= 120; x += 0.0173) {
        double v = plain_softplus((double)(g4r_real)x);
        CHECK_NEAR(v, softplus1((g4r_real)x), 3 * EPS + v * EPS);
    }
    CHECK_NEAR(log(2.0), softplus1(0), EPS);
    CHECK_NEAR(1000, softplus1(1000), 0);
    CHECK_NEAR(0, softplus1(-1000), 0);
    CHECK(isinf(softplus1(INFINITY)));
    CHECK_NEAR(0, softplus1(-(g4r_real)INFINITY), 0);
}

static void softplus_of_nan_is_nan(void)
{
    CHECK(isnan(softplus1((g4r_real)NAN)));
}

static void softplus_never_falls(void)
{
    g4r_real before = 0;
    for (double x = -100; x <= 100; x += 0.01) {
        g4r_real v = softplus1((g4r_real)x);
        CHECK((double)v >= (double)before * (1 - 4 * EPS) - 3 * EPS && v >= 0);
        before = v;
    }
}

/* ---- in the tables: one value alone, and in the block of 16 ---- */

/* -log(p + 1e-24) is what smooth_sums adds up. */
static void log_in_kernels(void)
{
    for (double x = 1e-30; x <= 1; x *= 1.0173) {
        g4r_real block[16];
        double p = (double)(g4r_real)x, expected = -log(p + 1e-24), f = 0, one = 0;
        for (int lane = 0; lane < 16; lane++)
            block[lane] = (g4r_real)x;
        vec->loss.smooth_sums(&f, &one, block, 1);
        CHECK_NEAR(expected, one, expected * EPS + EPS);
        double many = 0;
        vec->loss.smooth_sums(&f, &many, block, 16);
        CHECK_NEAR(expected, many / 16, expected * EPS + EPS);
    }
}

static void softplus_in_kernels(void)
{
    for (double x = -90; x <= 90; x += 0.0173) {
        g4r_real block[16];
        const double v = plain_softplus((double)(g4r_real)x);
        g4r_vec_sums one = {0}, many = {0};
        for (int lane = 0; lane < 16; lane++)
            block[lane] = (g4r_real)x;
        vec->loss.bpr(&one, block, 0, 1, 1);
        block[0] = (g4r_real)x;
        vec->loss.bpr(&many, block, 0, 1, 16);
        CHECK_NEAR(v, one.value, 3 * EPS + v * EPS);
        CHECK_NEAR(v, many.value / 16, 3 * EPS + v * EPS);
    }
}

int main(void)
{
    RUN(log_is_within_2_ulp);
    RUN(log_of_tiny_numbers);
    RUN(softplus_is_accurate);
    RUN(softplus_of_nan_is_nan);
    RUN(softplus_never_falls);
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++) {
        printf("table %s\n", vec->name);
        g4r_rng_seed(&rng, 42, 1, 0);
        RUN(log_in_kernels);
        RUN(softplus_in_kernels);
    }
    return test_end();
}

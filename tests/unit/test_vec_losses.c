/*
 * test_vec_losses.c - vec_loss.h: the kernels of the losses, of every table that
 * this machine runs, against plain twins in double. log and softplus: test_vec_math.c.
 *
 * Tolerances count roundings: EPS / 2 is the relative error of one operation in float.
 * exp is allowed 2 EPS of its value, sigmoid 3, log1 2 EPS of it or of 1.
 */
#include "../lib/vec_arrays.h"

static const double EPS = FLT_EPSILON;

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* The relative error of a sum of n terms, each with that of roundings operations. */
static double of_sum(double roundings, size_t n)
{
    return (roundings / 2 + (double)(n / 16 + 1) / 2) * EPS;
}

/* ---- BPR-max ---- */

static void bprmax_sums(void)
{
    for (int k = 0; k < N_SIZES; k++, drop_arrays()) {
        size_t n = sizes[k];
        const g4r_real *r = random_array(n, -4, 4);
        const g4r_real t = 0.7f, most = 3.9f;
        g4r_real *e = array(n), *sigma = array(n);
        g4r_vec_sums got = {1, 2, 3, 4}, sums = {1, 2, 3, 4};
        vec->loss.bprmax_sums(&got, e, sigma, r, t, most, n);
        for (size_t i = 0; i < n; i++) {
            double x = (double)r[i];
            double exact_e = exp((double)(r[i] - most));
            double exact_sigma = sigmoid((double)(t - r[i]));
            CHECK_NEAR(exact_e, e[i], 2 * EPS * exact_e);
            CHECK_NEAR(exact_sigma, sigma[i], 3 * EPS * exact_sigma);
            sums.e += exact_e;
            sums.value += exact_e * exact_sigma;
            sums.slope += exact_e * exact_sigma * (1 - exact_sigma);
            sums.square += exact_e * x * x;
        }
        /* Terms: e 2, sigma 3, three operations 1.5; 1 - sigma has sigma's absolute
         * error, hence the size of slope's error is that of the sum without it. */
        double roundings = (6.5 + (double)(n / 16 + 1) / 2) * EPS;
        CHECK_NEAR(sums.e, got.e, sums.e * roundings);
        CHECK_NEAR(sums.value, got.value, sums.value * roundings);
        CHECK_NEAR(sums.slope, got.slope, (sums.value + sums.slope) * roundings);
        CHECK_NEAR(sums.square, got.square, sums.square * roundings);
    }
}

static void check_bprmax_gradient(size_t n)
{
    const g4r_real *r = random_array(n, -3, 3);
    const g4r_real *e = random_array(n, 0, 1), *sigma = random_array(n, 0, 1);
    const g4r_real scale = 0.02f, a = 0.4f, reg = 1.3f, mean = 0.8f;
    g4r_real *got = copy_of(r, n);
    vec->loss.bprmax_gradient(got, e, sigma, scale, a, reg, mean, n);
    for (size_t i = 0; i < n; i++) {
        double x = (double)r[i], s = (double)sigma[i], w = (double)scale * (double)e[i];
        double pull = ((double)a - s * s) / ((double)a + 1e-24);
        double shrink = (double)reg * (x * x + 2 * x - (double)mean);
        /* Sizes before anything cancels; at most 8 roundings on any way. */
        double size = ((double)a + s * s) / (double)a +
                      (double)reg * (x * x + 2 * fabs(x) + (double)mean);
        CHECK_NEAR(w * (pull + shrink), got[i], w * size * 8 * EPS / 2);
    }
    drop_arrays();
}

static void bprmax_gradient(void)
{
    for (int k = 0; k < N_SIZES; k++)
        check_bprmax_gradient(sizes[k]);
}

/* ---- smoothed cross-entropy ---- */

/* Probabilities down to nothing: as a softmax has them. */
static g4r_real *random_p(size_t n)
{
    g4r_real *p = random_array(n, -60, 0);
    for (size_t i = 0; i < n; i++)
        p[i] = i % 7 == 3 ? 0 : (g4r_real)exp((double)p[i]);
    return p;
}

static void smooth_sums(void)
{
    const double eps = (double)(g4r_real)1e-24;
    for (int k = 0; k < N_SIZES; k++, drop_arrays()) {
        size_t n = sizes[k];
        const g4r_real *p = random_p(n);
        double f_sum = 1, log_sum = 2, f_got = 1, log_got = 2;
        vec->loss.smooth_sums(&f_got, &log_got, p, n);
        for (size_t i = 0; i < n; i++) {
            f_sum += (double)p[i] / ((double)p[i] + eps);
            log_sum -= log((double)p[i] + eps);
        }
        /* f: a sum and a quotient; log: that of a rounded sum, 1 EPS / 2 beside its own
         * 4, all of 1 or more. */
        CHECK_NEAR(f_sum, f_got, f_sum * of_sum(2, n));
        CHECK_NEAR(log_sum, log_got, (log_sum + (double)n) * of_sum(5, n));
    }
}

static void smooth_gradient(void)
{
    const double eps = (double)(g4r_real)1e-24;
    for (int k = 0; k < N_SIZES; k++, drop_arrays()) {
        size_t n = sizes[k];
        const g4r_real *p = random_p(n), total = 0.98f, w = 0.003f;
        g4r_real *got = copy_of(p, n);
        vec->loss.smooth_gradient(got, total, w, n);
        for (size_t i = 0; i < n; i++) {
            double x = (double)p[i], f = x / (x + eps);
            /* Two products, a quotient and a sum, a difference. */
            CHECK_NEAR(x * (double)total - (double)w * f, got[i],
                       (x * (double)total + (double)w * f) * 2.5 * EPS);
        }
    }
}

/* ---- BPR and TOP1 ---- */

/* Differences r - t reach past 40 either way, where sigmoid is 0 or 1 to a float. */
static void bpr(void)
{
    for (int k = 0; k < N_SIZES; k++, drop_arrays()) {
        size_t n = sizes[k];
        const g4r_real t = 0.7f, scale = 0.25f, *r = random_array(n, -45, 45);
        g4r_real *got = copy_of(r, n);
        g4r_vec_sums got_sums = {0, 1, 2, 0}, sums = {0, 1, 2, 0};
        vec->loss.bpr(&got_sums, got, t, scale, n);
        for (size_t i = 0; i < n; i++) {
            double x = (double)(g4r_real)(r[i] - t), g = sigmoid(x);
            sums.value += x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
            sums.slope += g;
            CHECK_NEAR((double)scale * g, got[i], (double)scale * g * 3.5 * EPS);
        }
        /* softplus: log1 of 1 + e is good to 2 EPS of 1, then a sum. */
        CHECK_NEAR(sums.value, got_sums.value, (sums.value + (double)n) * of_sum(5, n));
        CHECK_NEAR(sums.slope, got_sums.slope, sums.slope * of_sum(6, n));
    }
}

/* sigmoid(r - t) + sigmoid(r^2), and the parts of its derivative. */
typedef struct top1_term {
    double value, slope_t, slope_r, size;
} top1_term;

static top1_term plain_top1(g4r_real r, g4r_real t)
{
    double x = (double)r, a = sigmoid((double)(g4r_real)(r - t)), b = sigmoid(x * x);
    return (top1_term){a + b, a * (1 - a), a * (1 - a) + 2 * x * b * (1 - b),
                       a + 2 * fabs(x) * b};
}

static void top1(void)
{
    for (int k = 0; k < N_SIZES; k++, drop_arrays()) {
        size_t n = sizes[k];
        const g4r_real t = -0.4f, scale = 0.25f, *r = random_array(n, -6, 6);
        g4r_real *got = copy_of(r, n);
        g4r_vec_sums got_sums = {0, 1, 2, 0}, sums = {0, 1, 2, 0};
        vec->loss.top1(&got_sums, got, t, scale, n);
        for (size_t i = 0; i < n; i++) {
            top1_term term = plain_top1(r[i], t);
            sums.value += term.value;
            sums.slope += term.slope_t;
            /* 1 - b has b's absolute error of 3, and r^2 is rounded: at most 8. */
            CHECK_NEAR((double)scale * term.slope_r, got[i],
                       (double)scale * term.size * 8 * EPS);
        }
        CHECK_NEAR(sums.value, got_sums.value, sums.value * of_sum(9, n));
        CHECK_NEAR(sums.slope, got_sums.slope, (sums.slope + (double)n) * of_sum(9, n));
    }
}

static void top1max_sums(void)
{
    for (int k = 0; k < N_SIZES; k++, drop_arrays()) {
        size_t n = sizes[k];
        const g4r_real t = -0.4f, most = 3.9f, *r = random_array(n, -4, 3.9);
        g4r_real *e = array(n), *q = array(n), *got = copy_of(r, n);
        g4r_vec_sums got_sums = {1, 2, 3, 0}, sums = {1, 2, 3, 0};
        double size = 3;
        vec->loss.top1max_sums(&got_sums, e, q, got, t, most, n);
        for (size_t i = 0; i < n; i++) {
            top1_term term = plain_top1(r[i], t);
            double exact_e = exp((double)(g4r_real)(r[i] - most));
            CHECK_NEAR(exact_e, e[i], exact_e * 2 * EPS);
            CHECK_NEAR(term.value, q[i], term.value * 5 * EPS);
            CHECK_NEAR(term.slope_r, got[i], term.size * 8 * EPS);
            sums.e += exact_e;
            sums.value += exact_e * term.value;
            sums.slope += exact_e * term.slope_t;
            size += exact_e;
        }
        CHECK_NEAR(sums.e, got_sums.e, sums.e * of_sum(4, n));
        CHECK_NEAR(sums.value, got_sums.value, sums.value * of_sum(15, n));
        CHECK_NEAR(sums.slope, got_sums.slope, size * of_sum(13, n));
    }
}

static void top1max_gradient(void)
{
    for (int k = 0; k < N_SIZES; k++, drop_arrays()) {
        size_t n = sizes[k];
        const g4r_real *e = random_array(n, 0, 1), *q = random_array(n, 0, 2);
        const g4r_real *dq = random_array(n, -2, 2), scale = 0.02f, mean = 0.9f;
        g4r_real *got = copy_of(dq, n);
        vec->loss.top1max_gradient(got, e, q, scale, mean, n);
        for (size_t i = 0; i < n; i++) {
            double w = (double)scale * (double)e[i];
            double inner = (double)q[i] - (double)mean + (double)dq[i];
            /* Two products; sums of values up to 5. */
            CHECK_NEAR(w * inner, got[i], w * (fabs(inner) + 5) * 2 * EPS);
        }
    }
}

int main(void)
{
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++) {
        printf("table %s\n", vec->name);
        g4r_rng_seed(&rng, 42, 1, 0);
        RUN(bprmax_sums);
        RUN(bprmax_gradient);
        RUN(smooth_sums);
        RUN(smooth_gradient);
        RUN(bpr);
        RUN(top1);
        RUN(top1max_sums);
        RUN(top1max_gradient);
    }
    return test_end();
}

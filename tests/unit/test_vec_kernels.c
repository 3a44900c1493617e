/*
 * test_vec_kernels.c - src/vec_kernels.c: every kernel that computes, of every table that
 * this machine runs, against a plain twin in double.
 *
 * Tolerances count roundings: EPS / 2 is the relative error of one operation in float.
 * exp and tanh are allowed 2 ulp, at most 2 EPS of the value.
 */
#include "../lib/vec_arrays.h"

static const double EPS = FLT_EPSILON;

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* ---- element-wise ---- */

/* One rounding each, of the exact result. */
static void add_mul_scale(void)
{
    for (int k = 0; k < N_SIZES; k++, drop_arrays()) {
        size_t n = sizes[k];
        const g4r_real *x = random_array(n, -2, 2), *y = random_array(n, -2, 2);
        g4r_real *sum = copy_of(y, n), *product = copy_of(y, n), *scaled = copy_of(y, n);
        vec->add(sum, x, n);
        vec->mul(product, x, n);
        vec->scale(scaled, 0.3f, n);
        for (size_t i = 0; i < n; i++) {
            double a = (double)x[i], b = (double)y[i];
            CHECK_NEAR(a + b, sum[i], fabs(a + b) * EPS / 2);
            CHECK_NEAR(a * b, product[i], fabs(a * b) * EPS / 2);
            CHECK_NEAR((double)0.3f * b, scaled[i], fabs(b) * EPS / 2);
        }
    }
}

static void elu(void)
{
    for (int k = 0; k < N_SIZES; k++, drop_arrays()) {
        size_t n = sizes[k];
        const g4r_real *x = random_array(n, -20, 5);
        g4r_real *y = copy_of(x, n);
        vec->elu(y, 0.7f, n);
        for (size_t i = 0; i < n; i++) {
            double e = (double)x[i];
            /* exp is below 1: 2 EPS, less 1 and times alpha: EPS / 2 each. */
            if (e > 0)
                CHECK_NEAR(e, y[i], 0);
            else
                CHECK_NEAR((double)0.7f * (exp(e) - 1), y[i], 0.7 * 3 * EPS);
        }
    }
    g4r_real zero = 0;
    vec->elu(&zero, 0.7f, 1);
    CHECK_NEAR(0, zero, 0);
}

/* ---- exp, tanh, sigmoid over a grid ---- */

static double ulp(double x)
{
    int exponent;
    frexp(x, &exponent);
    return ldexp(1, exponent - 24);
}

static void exp_is_within_2_ulp(void)
{
    enum { N = 200000 };
    double worst = 0;
    for (int i = 0; i <= N; i++) {
        g4r_real x = (g4r_real)(-87.3 + (88.0 + 87.3) * i / N), block[16], y = x;
        double expected = exp((double)x);
        for (int lane = 0; lane < 16; lane++)
            block[lane] = x;
        /* The tail's code and the block's. */
        vec->exp_sum(&y, 0, 1);
        vec->exp_sum(block, 0, 16);
        worst = fmax(worst, fabs((double)y - expected) / ulp(expected));
        worst = fmax(worst, fabs((double)block[5] - expected) / ulp(expected));
    }
    /* Observed: 0.98 with fused multiply-add, 0.97 without. */
    CHECK_NEAR(0, worst, 2);
}

static void exp_is_exact_at_zero_and_bounded_below(void)
{
    g4r_real y[3] = {0, -1000, -87.5f};
    vec->exp_sum(y, 0, 3);
    CHECK_NEAR(1, y[0], 0);
    /* As documented: no less than 1.2e-38, which is still nothing beside 1. */
    CHECK(y[1] >= 0 && (double)y[1] < 1.3e-38);
    CHECK(y[2] >= 0 && (double)y[2] < 1.3e-38);
}

static void tanh_is_within_2_ulp(void)
{
    enum { N = 100000 };
    double worst = 0;
    for (int i = -N; i <= N; i++) {
        g4r_real x = (g4r_real)(12.0 * i / N);
        double expected = tanh((double)x);
        worst = fmax(worst,
                     fabs((double)tanh_of(x) - expected) / (i == 0 ? 1 : ulp(expected)));
    }
    for (double x = 1e-37; x < 1; x *= 1.5) {
        double expected = tanh((double)(g4r_real)x);
        worst =
            fmax(worst, fabs((double)tanh_of((g4r_real)x) - expected) / ulp(expected));
    }
    /* Observed: 1.49. */
    CHECK_NEAR(0, worst, 2);
    CHECK_NEAR(0, tanh_of(0), 0);
    CHECK_NEAR(1, tanh_of(100), 0);
    CHECK_NEAR(-1, tanh_of(-100), 0);
    CHECK_NEAR(1, tanh_of(INFINITY), 0);
    CHECK_NEAR(-1, tanh_of(-INFINITY), 0);
}

static void sigmoid_is_accurate(void)
{
    for (double x = -80; x <= 80; x += 0.013) {
        double expected = sigmoid((double)(g4r_real)x);
        /* exp 2 EPS; sum and quotient EPS / 2 each. */
        CHECK_NEAR(expected, sigmoid_of((g4r_real)x), expected * 3 * EPS);
    }
    CHECK_NEAR(0.5, sigmoid_of(0), 0);
    CHECK_NEAR(1, sigmoid_of(INFINITY), 0);
    CHECK_NEAR(0, sigmoid_of(-INFINITY), 1.3e-38);
}

/* ---- reductions ---- */

static void dot(void)
{
    for (int k = 0; k < N_SIZES; k++, drop_arrays()) {
        size_t n = sizes[k];
        const g4r_real *x = random_array(n, -1, 1), *y = random_array(n, -1, 1);
        double sum = 0, size = 0;
        for (size_t i = 0; i < n; i++) {
            sum += (double)x[i] * (double)y[i];
            size += fabs((double)x[i] * (double)y[i]);
        }
        /* A product, at most n / 16 + 1 sums in a lane, 16 sums over the lanes. */
        CHECK_NEAR(sum, vec->dot(x, y, n), size * (double)(n / 16 + 18) * EPS / 2);
    }
}

/* Of all rows, or of some of them in any order. */
static void check_score(size_t n, size_t d, const int32_t *rows)
{
    const g4r_real *table = random_array(40 * d, -1, 1), *x = random_array(d, -1, 1);
    const g4r_real *bias = random_array(40, -1, 1);
    g4r_real *out = array(n);
    vec->score(out, table, bias, rows, x, n, d);
    for (size_t i = 0; i < n; i++) {
        size_t row = rows != NULL ? (size_t)rows[i] : i;
        double sum = (double)bias[row], size = fabs(sum);
        for (size_t k = 0; k < d; k++) {
            sum += (double)table[row * d + k] * (double)x[k];
            size += fabs((double)table[row * d + k] * (double)x[k]);
        }
        /* As dot, and one more sum. */
        CHECK_NEAR(sum, out[i], size * (double)(d / 16 + 19) * EPS / 2);
    }
    drop_arrays();
}

static void score(void)
{
    static const int32_t rows[] = {39, 0, 7, 7, 3};
    for (int k = 1; k < N_SIZES; k++) {
        check_score(40, sizes[k], NULL);
        check_score(5, sizes[k], rows);
        check_score(0, sizes[k], NULL);
    }
}

static void max(void)
{
    CHECK(isinf(vec->max(NULL, 0)) && vec->max(NULL, 0) < 0);
    for (int k = 1; k < N_SIZES; k++, drop_arrays()) {
        size_t n = sizes[k];
        g4r_real *y = random_array(n, -9, -1);
        for (size_t place = 0; place < n; place += n / 20 + 1) {
            g4r_real before = y[place];
            y[place] = -0.5f;
            CHECK_NEAR(-0.5, vec->max(y, n), 0);
            y[place] = before;
        }
    }
}

static void exp_sum(void)
{
    for (int k = 0; k < N_SIZES; k++, drop_arrays()) {
        size_t n = sizes[k];
        const g4r_real *x = random_array(n, -30, 3);
        g4r_real *y = copy_of(x, n), most = 2.9f;
        double sum = 0, got = vec->exp_sum(y, most, n);
        for (size_t i = 0; i < n; i++) {
            /* The difference, rounded as the kernel does; then 2 ulp. */
            g4r_real difference = x[i] - most;
            double e = exp((double)difference);
            CHECK_NEAR(e, y[i], 2 * EPS * e);
            sum += e;
        }
        /* And n / 16 sums in a lane; over the lanes it is double. */
        CHECK_NEAR(sum, got, sum * (2 + (double)(n / 16) / 2) * EPS);
    }
}

/* ---- BPR-max ---- */

static void bprmax_sums(void)
{
    for (int k = 0; k < N_SIZES; k++, drop_arrays()) {
        size_t n = sizes[k];
        const g4r_real *r = random_array(n, -4, 4);
        const g4r_real t = 0.7f, most = 3.9f;
        g4r_real *e = array(n), *sigma = array(n);
        g4r_bprmax_sums got = {1, 2, 3, 4}, sums = {1, 2, 3, 4};
        vec->bprmax_sums(&got, e, sigma, r, t, most, n);
        for (size_t i = 0; i < n; i++) {
            double x = (double)r[i];
            double exact_e = exp((double)(r[i] - most));
            double exact_sigma = sigmoid((double)(t - r[i]));
            CHECK_NEAR(exact_e, e[i], 2 * EPS * exact_e);
            CHECK_NEAR(exact_sigma, sigma[i], 3 * EPS * exact_sigma);
            sums.e += exact_e;
            sums.sigma += exact_e * exact_sigma;
            sums.slope += exact_e * exact_sigma * (1 - exact_sigma);
            sums.reg += exact_e * x * x;
        }
        /* Terms: e 2, sigma 3, three operations 1.5; 1 - sigma has sigma's absolute
         * error, hence the size of slope's error is that of the sum without it. */
        double roundings = (6.5 + (double)(n / 16 + 1) / 2) * EPS;
        CHECK_NEAR(sums.e, got.e, sums.e * roundings);
        CHECK_NEAR(sums.sigma, got.sigma, sums.sigma * roundings);
        CHECK_NEAR(sums.slope, got.slope, (sums.sigma + sums.slope) * roundings);
        CHECK_NEAR(sums.reg, got.reg, sums.reg * roundings);
    }
}

static void check_bprmax_gradient(size_t n, g4r_real alpha)
{
    const g4r_real *r = random_array(n, alpha > 0 ? (double)-alpha * 0.99 : -3, 3);
    const g4r_real *e = random_array(n, 0, 1), *sigma = random_array(n, 0, 1);
    const g4r_real scale = 0.02f, a = 0.4f, reg = 1.3f, mean = 0.8f;
    g4r_real *got = copy_of(r, n);
    vec->bprmax_gradient(got, e, sigma, scale, a, reg, mean, alpha, n);
    for (size_t i = 0; i < n; i++) {
        double x = (double)r[i], s = (double)sigma[i], w = (double)scale * (double)e[i];
        double slope = alpha > 0 && x < 0 ? x + (double)alpha : 1;
        double pull = ((double)a - s * s) / ((double)a + 1e-24);
        double shrink = (double)reg * (x * x + 2 * x - (double)mean);
        /* Sizes before anything cancels; at most 8 roundings on any way. */
        double size = ((double)a + s * s) / (double)a +
                      (double)reg * (x * x + 2 * fabs(x) + (double)mean);
        double slope_size = alpha > 0 && x < 0 ? fabs(x) + (double)alpha : 1;
        CHECK_NEAR(w * (pull + shrink) * slope, got[i],
                   w * size * slope_size * 8 * EPS / 2);
    }
    drop_arrays();
}

static void bprmax_gradient(void)
{
    for (int k = 0; k < N_SIZES; k++) {
        check_bprmax_gradient(sizes[k], 0);
        check_bprmax_gradient(sizes[k], 0.5f);
    }
}

/* ---- cells; inputs, hidden parts, biases and states within +-1 ---- */

static void torch_forward(void)
{
    for (int k = 0; k < N_SIZES; k++, drop_arrays()) {
        size_t h = sizes[k];
        const g4r_real *v = random_array(3 * h, -1, 1), *u = random_array(3 * h, -1, 1);
        const g4r_real *b = random_array(3 * h, -1, 1), *c = random_array(3 * h, -1, 1);
        const g4r_real *old = random_array(h, -1, 1);
        g4r_real *state = array(h), *gates = array(3 * h), *saved = array(h);
        vec->torch_forward(state, gates, saved, v, u, b, c, old, h);
        for (size_t i = 0; i < h; i++) {
            size_t j = h + i, m = 2 * h + i;
            double r = sigmoid((double)v[i] + (double)b[i] + (double)u[i] + (double)c[i]);
            double z = sigmoid((double)v[j] + (double)b[j] + (double)u[j] + (double)c[j]);
            double g = (double)u[m] + (double)c[m];
            double n = tanh((double)v[m] + (double)b[m] + r * g);
            /* Three sums up to 4: 4.5 EPS, times sigmoid' <= 1/4; sigmoid itself 3. */
            CHECK_NEAR(r, gates[i], 5 * EPS);
            CHECK_NEAR(z, gates[j], 5 * EPS);
            CHECK_NEAR(g, saved[i], EPS);
            /* r g: 5 * 2 + 1 + 1; sums 1 + 2; tanh 2. */
            CHECK_NEAR(n, gates[m], 17 * EPS);
            /* n, z (old - n) with 5 * 2 + 17 + 3. */
            CHECK_NEAR(n + z * ((double)old[i] - n), state[i], 48 * EPS);
        }
    }
}

static void torch_backward(void)
{
    for (int k = 0; k < N_SIZES; k++, drop_arrays()) {
        size_t h = sizes[k];
        const g4r_real *gates = random_array(3 * h, 0, 1), *g = random_array(h, -2, 2);
        const g4r_real *old = random_array(h, -1, 1), *dstate = random_array(h, -1, 1);
        g4r_real *dinput = array(3 * h), *dhidden = array(3 * h);
        vec->torch_backward(dinput, dhidden, dstate, gates, g, old, h);
        for (size_t i = 0; i < h; i++) {
            size_t j = h + i, m = 2 * h + i;
            double r = (double)gates[i], z = (double)gates[j], n = (double)gates[m];
            double an = (double)dstate[i] * (1 - z) * (1 - n * n);
            double az = (double)dstate[i] * ((double)old[i] - n) * z * (1 - z);
            double ar = an * (double)g[i] * r * (1 - r);
            /* All below 2; at most 12 operations lead to any. */
            CHECK_NEAR(ar, dinput[i], 12 * EPS);
            CHECK_NEAR(ar, dhidden[i], 12 * EPS);
            CHECK_NEAR(az, dinput[j], 12 * EPS);
            CHECK_NEAR(az, dhidden[j], 12 * EPS);
            CHECK_NEAR(an, dinput[m], 12 * EPS);
            CHECK_NEAR(an * r, dhidden[m], 12 * EPS);
        }
    }
}

static void original_forward(void)
{
    for (int k = 0; k < N_SIZES; k++, drop_arrays()) {
        size_t h = sizes[k];
        const g4r_real *v = random_array(3 * h, -1, 1), *u = random_array(2 * h, -1, 1);
        const g4r_real *b = random_array(3 * h, -1, 1), *uc = random_array(h, -1, 1);
        const g4r_real *old = random_array(h, -1, 1);
        g4r_real *gates = array(3 * h), *reset_old = array(h), *state = array(h);
        vec->original_gates(gates, reset_old, v, u, b, old, h);
        vec->original_forward(state, gates, v, uc, b, old, h);
        for (size_t i = 0; i < h; i++) {
            size_t j = h + i, m = 2 * h + i;
            double r = sigmoid((double)v[j] + (double)b[j] + (double)u[i]);
            double z = sigmoid((double)v[m] + (double)b[m] + (double)u[j]);
            double c = tanh((double)v[i] + (double)b[i] + (double)uc[i]);
            double x = (double)old[i];
            /* Two sums up to 3: 2.5 EPS, a quarter of it for a sigmoid; tanh 2. */
            CHECK_NEAR(r, gates[j], 4 * EPS);
            CHECK_NEAR(z, gates[m], 4 * EPS);
            CHECK_NEAR(r * x, reset_old[i], 5 * EPS);
            CHECK_NEAR(c, gates[i], 5 * EPS);
            CHECK_NEAR((1 - z) * x + z * c, state[i], 16 * EPS);
        }
    }
}

static void original_backward(void)
{
    for (int k = 0; k < N_SIZES; k++, drop_arrays()) {
        size_t h = sizes[k];
        const g4r_real *gates = random_array(3 * h, 0, 1), *du = random_array(h, -1, 1);
        const g4r_real *old = random_array(h, -1, 1), *dstate = random_array(h, -1, 1);
        g4r_real *dinput = array(3 * h);
        vec->original_backward(dinput, dstate, gates, old, h);
        for (size_t i = 0; i < h; i++)
            CHECK_NEAR(-12345, dinput[h + i], 0);
        vec->original_backward_reset(dinput, du, gates, old, h);
        for (size_t i = 0; i < h; i++) {
            size_t j = h + i, m = 2 * h + i;
            double c = (double)gates[i], r = (double)gates[j], z = (double)gates[m];
            double d = (double)dstate[i], x = (double)old[i];
            /* All below 2; at most 8 operations. */
            CHECK_NEAR(d * z * (1 - c * c), dinput[i], 8 * EPS);
            CHECK_NEAR((double)du[i] * x * r * (1 - r), dinput[j], 8 * EPS);
            CHECK_NEAR(d * (c - x) * z * (1 - z), dinput[m], 8 * EPS);
        }
    }
}

/* ---- Adagrad ---- */

static void check_adagrad(size_t n, bool has_velocity)
{
    const g4r_real lr = 0.05f, momentum = has_velocity ? 0.3f : 0;
    const g4r_real *p = random_array(n, -1, 1), *acc = random_array(n, 0, 2);
    const g4r_real *v = random_array(n, -0.1, 0.1), *g = random_array(n, -1, 1);
    g4r_real *new_p = copy_of(p, n), *new_acc = copy_of(acc, n), *new_v = copy_of(v, n);
    vec->adagrad(new_p, new_acc, has_velocity ? new_v : NULL, g, lr, momentum, n);
    for (size_t i = 0; i < n; i++) {
        double a = (double)acc[i] + (double)g[i] * (double)g[i];
        double d = (double)lr * (double)g[i] / sqrt(a + 1e-6);
        double move = (has_velocity ? (double)momentum * (double)v[i] : 0) - d;
        /* acc: square and sum; move: 5 operations on d, 2 on the velocity. */
        double size = fabs(d) + 0.3 * fabs((double)v[i]);
        CHECK_NEAR(a, new_acc[i], a * EPS);
        if (has_velocity)
            CHECK_NEAR(move, new_v[i], size * 3 * EPS);
        CHECK_NEAR((double)p[i] + move, new_p[i], size * 3 * EPS + 1.2 * EPS / 2);
    }
    drop_arrays();
}

static void adagrad(void)
{
    for (int k = 0; k < N_SIZES; k++) {
        check_adagrad(sizes[k], false);
        check_adagrad(sizes[k], true);
    }
    /* From zero a first gradient moves by lr g / sqrt(g^2 + 1e-6), none by nothing:
     * epsilon stands inside the root (mistake 12). */
    g4r_real p[2] = {1, 1}, acc[2] = {0}, g[2] = {0, 0.001f};
    vec->adagrad(p, acc, NULL, g, 0.1f, 0, 2);
    CHECK_NEAR(1, p[0], 0);
    CHECK_NEAR(1 - 0.1 * sqrt(0.5), p[1], 2 * EPS);
}

int main(void)
{
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++) {
        printf("table %s\n", vec->name);
        g4r_rng_seed(&rng, 42, 1);
        RUN(add_mul_scale);
        RUN(elu);
        RUN(exp_is_within_2_ulp);
        RUN(exp_is_exact_at_zero_and_bounded_below);
        RUN(tanh_is_within_2_ulp);
        RUN(sigmoid_is_accurate);
        RUN(dot);
        RUN(score);
        RUN(max);
        RUN(exp_sum);
        RUN(bprmax_sums);
        RUN(bprmax_gradient);
        RUN(torch_forward);
        RUN(torch_backward);
        RUN(original_forward);
        RUN(original_backward);
        RUN(adagrad);
    }
    return test_end();
}

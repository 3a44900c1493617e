/*
 * test_vec_kernels.c - vec_basic.h: the kernels of general use, of every table that
 * this machine runs, against a plain twin in double. Those of the losses, the cells and
 * the optimisers: test_vec_losses.c, test_vec_cells.c, test_vec_update.c.
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
static void add_subtract_mul_scale_shift(void)
{
    for (int k = 0; k < N_SIZES; k++, drop_arrays()) {
        size_t n = sizes[k];
        const g4r_real *x = random_array(n, -2, 2), *y = random_array(n, -2, 2);
        g4r_real *sum = copy_of(y, n), *product = copy_of(y, n), *scaled = copy_of(y, n);
        g4r_real *shifted = copy_of(y, n), *difference = copy_of(y, n);
        vec->add(sum, x, n);
        vec->subtract(difference, x, n);
        vec->mul(product, x, n);
        vec->scale(scaled, 0.3f, n);
        vec->shift(shifted, -0.7f, n);
        for (size_t i = 0; i < n; i++) {
            double a = (double)x[i], b = (double)y[i];
            CHECK_NEAR(a + b, sum[i], fabs(a + b) * EPS / 2);
            CHECK_NEAR(b - a, difference[i], fabs(b - a) * EPS / 2);
            CHECK_NEAR(a * b, product[i], fabs(a * b) * EPS / 2);
            CHECK_NEAR((double)0.3f * b, scaled[i], fabs(b) * EPS / 2);
            CHECK_NEAR(b - (double)0.7f, shifted[i], fabs(b - (double)0.7f) * EPS / 2);
        }
    }
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint32_t bits_of(g4r_real x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* To the nearest, ties to even, over to the next exponent and to infinity; NaN stays. */
static void bfloat16_is_rounded(void)
{
    static const uint32_t cases[][2] = {
        {0x3f800000, 0x3f800000}, {0x3f807fff, 0x3f800000}, {0x3f808000, 0x3f800000},
        {0x3f808001, 0x3f810000}, {0x3f818000, 0x3f820000}, {0x3fffffff, 0x40000000},
        {0xbf808001, 0xbf810000}, {0x80000000, 0x80000000}, {0x00008000, 0x00000000},
        {0x00018000, 0x00020000}, {0x7f7fffff, 0x7f800000}, {0xff800000, 0xff800000}};
    enum { N = sizeof cases / sizeof *cases };
    g4r_real y[N + 2];
    for (int i = 0; i < N; i++)
        y[i] = float_of(cases[i][0]);
    y[N] = float_of(0x7f800001);
    y[N + 1] = float_of(0xffffffff);
    vec->round_bfloat16(y, N + 2);
    for (int i = 0; i < N; i++)
        CHECK_INT(cases[i][1], bits_of(y[i]));
    CHECK(isnan(y[N]) && isnan(y[N + 1]));
    CHECK_INT(0, (bits_of(y[N]) | bits_of(y[N + 1])) & 0xffff);
}

/* ---- activations ---- */

static const g4r_activation acts[] = {{GRU4REC_ACT_LINEAR, 0, 0},
                                      {GRU4REC_ACT_RELU, 0, 0},
                                      {GRU4REC_ACT_TANH, 0, 0},
                                      {GRU4REC_ACT_LEAKY, 0.3f, 0},
                                      {GRU4REC_ACT_ELU, 0.7f, 0},
                                      {GRU4REC_ACT_ELU, 2.5f, 0},
                                      {GRU4REC_ACT_SELU, 1.05f, 1.67f}};
enum { N_ACTS = sizeof acts / sizeof *acts };

/* As in vec_basic.h. */
static double plain_value(const g4r_activation *act, double x)
{
    double a = (double)act->a, b = (double)act->b;
    switch (act->kind) {
    case GRU4REC_ACT_RELU:
        return x > 0 ? x : 0;
    case GRU4REC_ACT_TANH:
        return tanh(x);
    case GRU4REC_ACT_LEAKY:
        return x > 0 ? x : a * x;
    case GRU4REC_ACT_ELU:
        return x > 0 ? x : a * (exp(x) - 1);
    case GRU4REC_ACT_SELU:
        return a * (x > 0 ? x : b * (exp(x) - 1));
    default:
        return x;
    }
}

static double plain_slope(const g4r_activation *act, double x)
{
    double a = (double)act->a, b = (double)act->b;
    switch (act->kind) {
    case GRU4REC_ACT_RELU:
        return x > 0;
    case GRU4REC_ACT_TANH:
        return 1 - tanh(x) * tanh(x);
    case GRU4REC_ACT_LEAKY:
        return x > 0 ? 1 : a;
    case GRU4REC_ACT_ELU:
        return x > 0 ? 1 : a * exp(x);
    case GRU4REC_ACT_SELU:
        return a * (x > 0 ? 1 : b * exp(x));
    default:
        return 1;
    }
}

static void check_activation(const g4r_activation *act, size_t n)
{
    const double a = (double)act->a,
                 factor = act->kind == GRU4REC_ACT_SELU ? a * (double)act->b : fmax(a, 1);
    const g4r_real *x = random_array(n, -20, 5);
    g4r_real *y = copy_of(x, n), *s = array(n);
    vec->activate(y, act, n);
    vec->slope(s, y, act, n);
    for (size_t i = 0; i < n; i++) {
        double v = plain_value(act, (double)x[i]);
        /* Above 0 at most one product. Below: exp is at most 1, 2 EPS, less 1 and two
         * factors, EPS / 2 each; tanh 2 EPS. */
        CHECK_NEAR(v, y[i],
                   act->kind == GRU4REC_ACT_LINEAR || act->kind == GRU4REC_ACT_RELU ? 0
                   : x[i] > 0 || act->kind == GRU4REC_ACT_LEAKY ? fabs(v) * 2 * EPS
                                                                : factor * 3.5 * EPS);
        /* From the value: twice its error, and one or two sums. */
        CHECK_NEAR(plain_slope(act, (double)x[i]), s[i], factor * 5 * EPS);
    }
    drop_arrays();
}

static void activate_and_slope(void)
{
    for (int k = 0; k < N_SIZES; k++)
        for (int act = 0; act < N_ACTS; act++)
            check_activation(&acts[act], sizes[k]);
    for (int act = 0; act < N_ACTS; act++) {
        g4r_real zero = 0, slope;
        vec->activate(&zero, &acts[act], 1);
        CHECK_NEAR(0, zero, 0);
        vec->slope(&slope, &zero, &acts[act], 1);
        CHECK(isfinite(slope));
    }
}

/* Where exp underflows the slope is 0 or as good as. */
static void activations_far_below_zero(void)
{
    for (int act = 0; act < N_ACTS; act++) {
        g4r_real y = -1000, s;
        vec->activate(&y, &acts[act], 1);
        vec->slope(&s, &y, &acts[act], 1);
        CHECK_NEAR(plain_value(&acts[act], -1000), y, fabs((double)y) * EPS);
        CHECK_NEAR(plain_slope(&acts[act], -1000), s, EPS);
    }
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
        vec->loss.exp_sum(&y, 0, 1);
        vec->loss.exp_sum(block, 0, 16);
        worst = fmax(worst, fabs((double)y - expected) / ulp(expected));
        worst = fmax(worst, fabs((double)block[5] - expected) / ulp(expected));
    }
    /* Observed: 0.98 with fused multiply-add, 0.97 without. */
    CHECK_NEAR(0, worst, 2);
}

static void exp_is_exact_at_zero_and_bounded_below(void)
{
    g4r_real y[3] = {0, -1000, -87.5f};
    vec->loss.exp_sum(y, 0, 3);
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

static void sum(void)
{
    for (int k = 0; k < N_SIZES; k++, drop_arrays()) {
        size_t n = sizes[k];
        const g4r_real *x = random_array(n, -1, 1);
        double total = 0, size = 0;
        for (size_t i = 0; i < n; i++) {
            total += (double)x[i];
            size += fabs((double)x[i]);
        }
        /* At most n / 16 + 1 sums in a lane; over the lanes it is double. */
        CHECK_NEAR(total, vec->sum(x, n), size * (double)(n / 16 + 1) * EPS / 2);
    }
}

/* Of all rows, or of some of them in any order. */
static void check_score(size_t n, size_t d, const int32_t *rows)
{
    const g4r_real *table = random_array(40 * d, -1, 1), *x = random_array(d, -1, 1);
    const g4r_real *bias = random_array(40, -1, 1);
    g4r_real *out = array(n);
    vec->scan.score(out, table, bias, rows, x, n, d);
    for (size_t i = 0; i < n; i++) {
        size_t row = rows != NULL ? (size_t)rows[i] : i;
        double sum = (double)bias[row], size = fabs(sum);
        for (size_t k = 0; k < d; k++) {
            sum += (double)table[row * d + k] * (double)x[k];
            size += fabs((double)table[row * d + k] * (double)x[k]);
        }
        /* At most d / 8 + 1 sums in a lane, 3 over the lanes, one more. */
        CHECK_NEAR(sum, out[i], size * (double)(d / 8 + 6) * EPS / 2);
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
        double sum = 0, got = vec->loss.exp_sum(y, most, n);
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

int main(void)
{
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++) {
        printf("table %s\n", vec->name);
        g4r_rng_seed(&rng, 42, 1, 0);
        RUN(add_subtract_mul_scale_shift);
        RUN(bfloat16_is_rounded);
        RUN(activate_and_slope);
        RUN(activations_far_below_zero);
        RUN(exp_is_within_2_ulp);
        RUN(exp_is_exact_at_zero_and_bounded_below);
        RUN(tanh_is_within_2_ulp);
        RUN(sigmoid_is_accurate);
        RUN(dot);
        RUN(sum);
        RUN(score);
        RUN(max);
        RUN(exp_sum);
    }
    return test_end();
}

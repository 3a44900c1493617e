/*
 * test_vec.c - vec.c and the contract of vec.h in every table that this machine runs:
 * the choice of tables, dropout, ranks, what is not finite, the same bits every time.
 * Values of the other kernels: test_vec_kernels.c.
 */
#include "../lib/vec_arrays.h"

static const double EPS = FLT_EPSILON;

/* ---- dropout ---- */

static void check_dropout(g4r_real p)
{
    enum { N = 100000 };
    const g4r_real kept = 1 / (1 - p);
    const g4r_real *x = random_array(N, 0.5, 1.5);
    g4r_real *y = copy_of(x, N), *mask = array(N);
    double sum = 0;
    size_t n_dropped = 0;
    vec->dropout(y, mask, p, 12345, 0, N);
    for (size_t i = 0; i < N; i++) {
        CHECK(mask[i] <= 0 ? mask[i] >= 0 : !(mask[i] < kept) && !(mask[i] > kept));
        CHECK_NEAR(x[i] * mask[i], y[i], 0);
        n_dropped += mask[i] <= 0;
        sum += (double)mask[i];
    }
    double q = (double)p, deviation = sqrt(q * (1 - q) / N);
    /* Five standard deviations; p = .9 drops 90 %. */
    CHECK_NEAR(q, (double)n_dropped / N, 5 * deviation);
    CHECK_NEAR(1, sum / N, 5 * deviation / (1 - q) + EPS);
    drop_arrays();
}

static void dropout_keeps_the_expectation(void)
{
    check_dropout(0);
    check_dropout(0.1f);
    check_dropout(0.5f);
    check_dropout(0.9f);
}

/* Element i is random number first + i, whatever the piece that is asked for. */
static void dropout_depends_on_place_only(void)
{
    enum { N = 100 };
    const uint32_t firsts[] = {0, 1000, UINT32_MAX - 30};
    for (int k = 0; k < 3; k++, drop_arrays()) {
        g4r_real *y = random_array(N, 1, 1), *whole = array(N), *part = array(N);
        vec->dropout(y, whole, 0.5f, 7, firsts[k], N);
        for (size_t start = 0; start < N; start += 13) {
            size_t n = G4R_MIN(N - start, 13);
            vec->dropout(y, part, 0.5f, 7, firsts[k] + (uint32_t)start, n);
            CHECK(memcmp(part, whole + start, n * sizeof *part) == 0);
        }
        vec->dropout(y, part, 0.5f, 8, firsts[k], N);
        CHECK(memcmp(part, whole, N * sizeof *part) != 0);
    }
}

/* ---- ranks ---- */

static void count_and_find(void)
{
    static const size_t more[] = {0, 1, 15, 16, 17, 100, 4095, 4096, 4097, 9000};
    for (int k = 0; k < 10; k++, drop_arrays()) {
        size_t n = more[k];
        g4r_real *x = array(n);
        for (size_t i = 0; i < n; i++)
            x[i] = (g4r_real)floor(g4r_rng_uniform(&rng) * 200);
        for (size_t i = 5; i < n; i += 50)
            x[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : -(g4r_real)INFINITY;
        for (g4r_real t = -1; t <= 200; t += 33) {
            size_t greater = 0, equal = 0, n_greater = 99, n_equal = 99;
            size_t next = n;
            for (size_t i = n; i-- > 0;) {
                greater += x[i] > t;
                equal += !(x[i] < t) && !(x[i] > t) && !isnan(x[i]);
                next = x[i] >= t ? i : next;
                if (i % 7 == 0)
                    CHECK_INT(next, vec->scan.find(x, i, t, n));
            }
            vec->scan.count(x, t, n, &n_greater, &n_equal);
            CHECK_INT(greater, n_greater);
            CHECK_INT(equal, n_equal);
            CHECK_INT(n, vec->scan.find(x, n, t, n));
        }
    }
}

/* ---- what is not finite ---- */

static void all_finite_sees_every_place(void)
{
    const g4r_real bad[] = {NAN, INFINITY, -(g4r_real)INFINITY};
    for (int k = 0; k < N_SIZES; k++, drop_arrays()) {
        size_t n = sizes[k];
        g4r_real *x = random_array(n, -1, 1);
        CHECK(vec->all_finite(x, n));
        for (size_t i = 0; i < n; i++)
            for (int b = 0; b < 3; b++) {
                g4r_real before = x[i];
                x[i] = bad[b];
                CHECK(!vec->all_finite(x, n));
                x[i] = before;
            }
        for (size_t i = 0; i < n; i++)
            x[i] = i % 2 ? FLT_MAX : -FLT_MAX;
        CHECK(vec->all_finite(x, n));
    }
}

static void nan_goes_through(void)
{
    for (size_t place = 0; place < 40; place++, drop_arrays()) {
        enum { N = 40 };
        g4r_real *x = random_array(N, -1, 1), *ones = random_array(N, 1, 1);
        g4r_real *e = array(N), *sigma = array(N);
        g4r_vec_sums sums = {0};
        x[place] = NAN;
        g4r_real *y = copy_of(x, N);
        CHECK(isnan(vec->loss.exp_sum(y, 0, N)) && isnan(y[place]));
        CHECK(isnan(vec->sum(x, N)));
        CHECK(isnan(vec->dot(x, ones, N)));
        vec->loss.bprmax_sums(&sums, e, sigma, x, 0, 0, N);
        CHECK(isnan(sums.e) && isnan(sums.value) && isnan(sums.slope) &&
              isnan(sums.square));
        y = copy_of(x, N);
        vec->scale(y, 0, N);
        CHECK(isnan(y[place]));
        y = copy_of(x, N);
        vec->dropout(y, e, 0.9f, 1, 0, N);
        CHECK(isnan(y[place]));
        y = copy_of(x, N);
        vec->shift(y, 1, N);
        CHECK(isnan(y[place]) && !isnan(y[(place + 1) % N]));
    }
    CHECK(isnan(tanh_of(NAN)));
    CHECK(isnan(sigmoid_of(NAN)));
}

static void nan_goes_through_activations(void)
{
    enum { N = 40 };
    const g4r_activation acts[] = {{GRU4REC_ACT_LINEAR, 0, 0},
                                   {GRU4REC_ACT_RELU, 0, 0},
                                   {GRU4REC_ACT_TANH, 0, 0},
                                   {GRU4REC_ACT_LEAKY, 0.1f, 0},
                                   {GRU4REC_ACT_ELU, 0.5f, 0},
                                   {GRU4REC_ACT_SELU, 1.05f, 1.67f}};
    enum { N_ACTS = sizeof acts / sizeof *acts };
    for (size_t place = 0; place < N; place++)
        for (int k = 0; k < N_ACTS; k++, drop_arrays()) {
            g4r_real *y = random_array(N, -1, 1);
            y[place] = NAN;
            vec->activate(y, &acts[k], N);
            for (size_t i = 0; i < N; i++)
                CHECK((isnan(y[i]) != 0) == (i == place));
        }
}

/* One column's kernels of the losses: a score that is no number makes no loss either. */
static void nan_goes_through_losses(void)
{
    for (size_t place = 0; place < 40; place++, drop_arrays()) {
        enum { N = 40 };
        g4r_real *x = random_array(N, 0.1, 1), *e = array(N), *q = array(N);
        g4r_vec_sums bpr = {0}, top1 = {0}, top1max = {0};
        double f_sum = 0, log_sum = 0;
        x[place] = NAN;
        vec->loss.bpr(&bpr, copy_of(x, N), 0, 1, N);
        CHECK(isnan(bpr.value) && isnan(bpr.slope));
        vec->loss.top1(&top1, copy_of(x, N), 0, 1, N);
        CHECK(isnan(top1.value) && isnan(top1.slope));
        vec->loss.top1max_sums(&top1max, e, q, copy_of(x, N), 0, 1, N);
        CHECK(isnan(top1max.e) && isnan(top1max.value) && isnan(top1max.slope));
        vec->loss.smooth_sums(&f_sum, &log_sum, x, N);
        CHECK(isnan(f_sum));
    }
}

static void nan_goes_through_optimisers(void)
{
    for (int kind = GRU4REC_ADAGRAD; kind <= GRU4REC_SGD; kind++)
        for (size_t place = 0; place < 40; place++, drop_arrays()) {
            enum { N = 40 };
            const g4r_update u = {.kind = (gru4rec_adapt)kind,
                                  .learning_rate = 0.1f,
                                  .rho = 0.9f,
                                  .rho2 = 0.99f,
                                  .correct = 1,
                                  .correct2 = 1,
                                  .clip = 1};
            g4r_real *g = random_array(N, -1, 1), *p = random_array(N, 1, 1);
            g4r_real *acc = random_array(N, 0, 1), *acc2 = random_array(N, 0, 1);
            g[place] = NAN;
            vec->update(p, acc, acc2, NULL, g, &u, N);
            for (size_t i = 0; i < N; i++)
                CHECK((isnan(p[i]) != 0) == (i == place));
        }
}

static void infinity_goes_through(void)
{
    g4r_real y[2] = {INFINITY, -(g4r_real)INFINITY}, ones[2] = {1, 1};
    vec->add(y, ones, 2);
    CHECK(isinf(y[0]) && y[0] > 0 && isinf(y[1]) && y[1] < 0);
    CHECK(isinf(vec->dot(y, ones, 1)));
    CHECK(isinf(vec->max(y, 2)));
    const g4r_activation elu = {GRU4REC_ACT_ELU, 0.5f, 0};
    vec->activate(y, &elu, 2);
    CHECK(isinf(y[0]));
    CHECK_NEAR(-0.5, y[1], 0);
    y[0] = INFINITY;
    CHECK(isnan(vec->loss.exp_sum(y, INFINITY, 1)));
}

/* ---- same input, same bits ---- */

static void same_bits_every_time(void)
{
    for (int k = 1; k < N_SIZES; k++, drop_arrays()) {
        size_t n = sizes[k];
        const g4r_real *x = random_array(n, -3, 3);
        /* The second copy lies 4 bytes off the first one's alignment. */
        g4r_real *a = copy_of(x, n), *b = copy_of(x, n);
        g4r_real *shifted = array(n + 1) + 1;
        memcpy(shifted, x, n * sizeof *x);
        double sum = vec->loss.exp_sum(a, 1, n);
        CHECK_NEAR(sum, vec->loss.exp_sum(b, 1, n), 0);
        CHECK_NEAR(sum, vec->loss.exp_sum(shifted, 1, n), 0);
        CHECK(memcmp(a, b, n * sizeof *a) == 0);
        CHECK(memcmp(a, shifted, n * sizeof *a) == 0);
        CHECK_NEAR(vec->dot(x, a, n), vec->dot(x, shifted, n), 0);
        g4r_vec_sums first = {0}, second = {0};
        vec->loss.bprmax_sums(&first, a, b, x, 0.5f, 3, n);
        vec->loss.bprmax_sums(&second, shifted, b, x, 0.5f, 3, n);
        CHECK_NEAR(first.e, second.e, 0);
        CHECK_NEAR(first.value, second.value, 0);
        CHECK_NEAR(first.slope, second.slope, 0);
        CHECK_NEAR(first.square, second.square, 0);
        CHECK(memcmp(a, shifted, n * sizeof *a) == 0);
    }
}

/* bpr: the other reductions are made the same way. */
static void same_bits_of_losses(void)
{
    for (int k = 1; k < N_SIZES; k++, drop_arrays()) {
        size_t n = sizes[k];
        const g4r_real *x = random_array(n, -3, 3);
        g4r_real *a = copy_of(x, n), *shifted = array(n + 1) + 1;
        g4r_vec_sums first = {0}, second = {0};
        memcpy(shifted, x, n * sizeof *x);
        CHECK_NEAR(vec->sum(x, n), vec->sum(shifted, n), 0);
        vec->loss.bpr(&first, a, 0.5f, 1, n);
        vec->loss.bpr(&second, shifted, 0.5f, 1, n);
        CHECK_NEAR(first.value, second.value, 0);
        CHECK_NEAR(first.slope, second.slope, 0);
        CHECK(memcmp(a, shifted, n * sizeof *a) == 0);
    }
}

/* Integer arithmetic: masks are the same whatever the processor. */
static void dropout_masks_are_the_same_in_all_tables(void)
{
    enum { N = 1000 };
    g4r_real *y = random_array(N, 1, 1), *mask = array(N), *first = array(N);
    g4r_vec_at(0)->dropout(y, first, 0.3f, 99, 5, N);
    for (size_t i = 1; g4r_vec_at(i) != NULL; i++) {
        g4r_vec_at(i)->dropout(y, mask, 0.3f, 99, 5, N);
        CHECK(memcmp(mask, first, N * sizeof *mask) == 0);
    }
    drop_arrays();
}

static void tables_end_with_the_base(void)
{
    size_t n = 0;
    while (g4r_vec_at(n) != NULL)
        n++;
    CHECK(n >= 1 && n <= 5);
    CHECK_TEXT("base", g4r_vec_at(n - 1)->name);
    CHECK(g4r_vec_pick() == g4r_vec_at(0));
    CHECK(g4r_vec_at(n + 1) == NULL);
}

int main(void)
{
    RUN(tables_end_with_the_base);
    RUN(dropout_masks_are_the_same_in_all_tables);
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++) {
        printf("table %s\n", vec->name);
        g4r_rng_seed(&rng, 42, 1, 0);
        RUN(dropout_keeps_the_expectation);
        RUN(dropout_depends_on_place_only);
        RUN(count_and_find);
        RUN(all_finite_sees_every_place);
        RUN(nan_goes_through);
        RUN(nan_goes_through_activations);
        RUN(nan_goes_through_losses);
        RUN(nan_goes_through_optimisers);
        RUN(infinity_goes_through);
        RUN(same_bits_every_time);
        RUN(same_bits_of_losses);
    }
    return test_end();
}

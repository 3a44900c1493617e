/*
 * test_sampler.c - negative samples: what the alias table says exactly, what draws say
 * statistically, seeds, one item, short memory.
 */
#include "../../src/data/sampler.h"
#include "../lib/fault_alloc.h"
#include "../lib/test.h"

enum { ITEMS = 60, DRAWS = 300000 };

static void make_support(int64_t *support)
{
    for (int64_t i = 0; i < ITEMS; i++)
        support[i] = 1 + i * i * 7919 % 1009;
}

static double share_of(const int64_t *support, int32_t n, double alpha, int32_t item)
{
    double total = 0;
    for (int32_t i = 0; i < n; i++)
        total += pow((double)support[i], alpha);
    return pow((double)support[item], alpha) / total;
}

static bool start(g4r_sampler *sampler, const int64_t *support, int32_t n, double alpha,
                  int64_t seed)
{
    bool is_ok = CHECK(g4r_sampler_init(sampler, support, n, alpha, &g4r_alloc_libc));
    g4r_rng_seed(&sampler->rng, seed, G4R_STREAM_SAMPLES, 0);
    return is_ok;
}

/* Every cell is off by less than 2^-32, so an item by less than n of them. */
static void check_table(const int64_t *support, int32_t n, double alpha)
{
    g4r_sampler sampler;
    double *p = calloc((size_t)n, sizeof *p);
    if (p == NULL || !start(&sampler, support, n, alpha, 1)) {
        free(p);
        return;
    }
    for (int32_t i = 0; i < n; i++) {
        double keep = (double)sampler.cells[i].keep / 4294967296.0;
        CHECK(sampler.cells[i].other < (uint32_t)n);
        p[i] += keep / n;
        p[sampler.cells[i].other] += (1 - keep) / n;
    }
    for (int32_t i = 0; i < n; i++)
        CHECK_NEAR(share_of(support, n, alpha, i), p[i], 3e-10);
    g4r_sampler_free(&sampler);
    free(p);
}

static void test_table(void)
{
    static const int64_t steep[] = {1, 1000000000, 3, 1, 50000, 2, 1};
    static const int64_t flat[] = {4, 4, 4, 4, 4};
    int64_t support[ITEMS];
    make_support(support);
    for (int i = 0; i <= 4; i++) {
        check_table(support, ITEMS, i * 0.25);
        check_table(steep, 7, i * 0.25);
        check_table(flat, 5, i * 0.25);
    }
    check_table(steep, 7, 10);
    check_table(steep, 1, 0.5);
    check_table(steep, 2, 0.5);
}

/*
 * Chi-square over the items has mean n - 1 and standard deviation sqrt(2 (n - 1)); four
 * of them either way. The seeds are fixed: the test does not fail by chance.
 */
static void check_draws(double alpha, int64_t seed)
{
    static int32_t rows[DRAWS];
    int64_t support[ITEMS], seen[ITEMS] = {0};
    double chi = 0;
    g4r_sampler sampler;
    bool is_in_range = true;
    make_support(support);
    if (!start(&sampler, support, ITEMS, alpha, seed))
        return;
    g4r_sampler_draw(&sampler, rows, DRAWS);
    for (size_t i = 0; i < DRAWS; i++) {
        is_in_range = is_in_range && rows[i] >= 0 && rows[i] < ITEMS;
        if (is_in_range)
            seen[rows[i]]++;
    }
    CHECK(is_in_range);
    for (int32_t i = 0; i < ITEMS; i++) {
        double expected = DRAWS * share_of(support, ITEMS, alpha, i);
        chi += ((double)seen[i] - expected) * ((double)seen[i] - expected) / expected;
    }
    CHECK_NEAR(ITEMS - 1, chi, 4 * sqrt(2.0 * (ITEMS - 1)));
    g4r_sampler_free(&sampler);
}

static void test_draws(void)
{
    for (int64_t seed = 1; seed <= 3; seed++) {
        check_draws(0, seed);
        check_draws(0.5, seed);
        check_draws(1, seed);
    }
}

/* Draws that follow each other are independent: as often equal as chance has it. */
static void test_draws_are_independent(void)
{
    static int32_t rows[DRAWS];
    int64_t support[ITEMS];
    g4r_sampler sampler;
    double p = 1.0 / ITEMS, n = DRAWS - 1, equal = 0;
    make_support(support);
    if (!start(&sampler, support, ITEMS, 0, 9))
        return;
    g4r_sampler_draw(&sampler, rows, DRAWS);
    for (size_t i = 1; i < DRAWS; i++)
        equal += rows[i] == rows[i - 1];
    CHECK_NEAR(n * p, equal, 4 * sqrt(n * p * (1 - p)));
    g4r_sampler_free(&sampler);
}

static void test_one_item(void)
{
    const int64_t support = 12;
    int32_t rows[100] = {[0] = -1};
    g4r_sampler sampler;
    if (!start(&sampler, &support, 1, 0.5, 3))
        return;
    g4r_sampler_draw(&sampler, rows, 100);
    for (size_t i = 0; i < 100; i++)
        CHECK_INT(0, rows[i]);
    g4r_sampler_free(&sampler);
}

static void test_seeds(void)
{
    int64_t support[ITEMS];
    int32_t a_rows[200], b_rows[200], c_rows[200];
    g4r_sampler a, b, c;
    make_support(support);
    if (!start(&a, support, ITEMS, 0.5, 42) || !start(&b, support, ITEMS, 0.5, 42) ||
        !start(&c, support, ITEMS, 0.5, 43))
        return;
    g4r_sampler_draw(&a, a_rows, 200);
    for (size_t i = 0; i < 200; i++) /* in pieces: the same stream */
        g4r_sampler_draw(&b, b_rows + i, 1);
    g4r_sampler_draw(&c, c_rows, 200);
    CHECK(memcmp(a_rows, b_rows, sizeof a_rows) == 0);
    CHECK(memcmp(a_rows, c_rows, sizeof a_rows) != 0);
    g4r_sampler_draw(&a, b_rows, 200);
    CHECK(memcmp(a_rows, b_rows, sizeof a_rows) != 0);
    g4r_sampler_free(&a);
    g4r_sampler_free(&b);
    g4r_sampler_free(&c);
}

static void test_short_memory(void)
{
    int64_t support[ITEMS];
    make_support(support);
    for (size_t i = 1; i <= 4; i++) {
        fault_alloc fault = {.fail_at = i};
        gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        g4r_sampler sampler;
        bool is_ok = g4r_sampler_init(&sampler, support, ITEMS, 0.5, &allocator);
        CHECK_INT(i > 3, is_ok);
        g4r_sampler_free(&sampler);
        CHECK_INT(0, fault.n_live);
    }
}

int main(void)
{
    RUN(test_table);
    RUN(test_draws);
    RUN(test_draws_are_independent);
    RUN(test_one_item);
    RUN(test_seeds);
    RUN(test_short_memory);
    return test_end();
}

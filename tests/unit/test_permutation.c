/*
 * test_permutation.c - permutation.c: the p of the same draws summed one by one; of all
 * ways to choose signs; sums that tie; no difference; symmetry.
 */
#include "../../src/evaluate/permutation.h"
#include "../lib/test.h"

enum { MOST = 200, DRAWS = G4R_PERMUTATION_DRAWS };

static int64_t sums[DRAWS];

static double find_p(const int64_t *differences, size_t n, int64_t seed)
{
    int64_t copy[MOST];
    g4r_stop_watch watch = {0};
    memcpy(copy, differences, n * sizeof *copy);
    return g4r_permutation_p(copy, n, sums, seed, &watch);
}

static void draw(int64_t *differences, size_t n, int64_t seed, uint64_t most)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, seed, 0, 0);
    for (size_t i = 0; i < n; i++) {
        differences[i] = (int64_t)g4r_rng_below(&rng, 2 * most + 1) - (int64_t)most;
        if (g4r_rng_below(&rng, 4) == 0)
            differences[i] = 0;
    }
}

/* A word of the stream has the signs of 64 sessions that differ, in one draw. */
static double sum_plainly(const int64_t *differences, size_t n, int64_t seed)
{
    static int64_t plain[DRAWS];
    int64_t left[MOST], sum = 0, n_large = 1;
    size_t n_left = 0;
    g4r_rng rng;
    g4r_rng_seed(&rng, seed, G4R_STREAM_SIGNS, 0);
    memset(plain, 0, sizeof plain);
    for (size_t i = 0; i < n; i++) {
        sum += differences[i];
        if (differences[i] != 0)
            left[n_left++] = differences[i];
    }
    for (size_t first = 0; first < n_left; first += 64)
        for (size_t i = 0; i < DRAWS; i++) {
            const uint64_t word = g4r_rng_next(&rng);
            for (size_t j = first; j < n_left && j < first + 64; j++)
                plain[i] += word >> (j - first) & 1 ? -left[j] : left[j];
        }
    for (size_t i = 0; i < DRAWS; i++)
        n_large += (plain[i] < 0 ? -plain[i] : plain[i]) >= (sum < 0 ? -sum : sum);
    return (double)n_large / 10000;
}

static void p_is_that_of_plain_sums(void)
{
    static const size_t sizes[] = {0, 1, 2, 7, 8, 9, 63, 64, 65, 100, MOST};
    static const uint64_t most[] = {1, 3, 1000, (uint64_t)1 << 52};
    int64_t differences[MOST];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t j = 0; j < 4; j++) {
            draw(differences, sizes[i], (int64_t)(i * 4 + j), most[j]);
            CHECK_NEAR(sum_plainly(differences, sizes[i], 42),
                       find_p(differences, sizes[i], 42), 0);
            CHECK_NEAR(sum_plainly(differences, sizes[i], 7),
                       find_p(differences, sizes[i], 7), 0);
        }
}

/* The share of all ways; 9,999 draws are off by at most five deviations of theirs. */
static void p_is_near_the_share_of_all_ways(void)
{
    enum { N = 12 };
    int64_t differences[N];
    for (int64_t seed = 0; seed < 20; seed++) {
        int64_t sum = 0, n_large = 0;
        draw(differences, N, seed, seed < 10 ? 2 : 1000);
        for (size_t i = 0; i < N; i++)
            sum += differences[i];
        for (unsigned signs = 0; signs < 1u << N; signs++) {
            int64_t other = 0;
            for (size_t i = 0; i < N; i++)
                other += signs >> i & 1 ? -differences[i] : differences[i];
            n_large += llabs(other) >= llabs(sum);
        }
        const double share = (double)n_large / (1 << N);
        CHECK_NEAR(share, find_p(differences, N, 1),
                   5 * sqrt(share * (1 - share) / DRAWS) + 1e-4);
    }
}

/* No way makes more than all of one sign: of 8 sessions one in 128 makes as much. */
static void sums_that_tie_count(void)
{
    int64_t differences[8];
    for (size_t i = 0; i < 8; i++)
        differences[i] = INT64_C(0x123456789abc) * (int64_t)(i + 1);
    CHECK_NEAR(1.0 / 128, find_p(differences, 8, 1), 0.004);
    CHECK(find_p(differences, 8, 1) > 0.004);
}

static void no_difference_is_p_1(void)
{
    int64_t differences[MOST] = {0};
    CHECK_NEAR(1, find_p(differences, MOST, 42), 0);
    CHECK_NEAR(1, find_p(differences, 0, 42), 0);
    differences[3] = 5; /* one session alone is as good with the other sign */
    CHECK_NEAR(1, find_p(differences, MOST, 42), 0);
}

static void sides_and_zeros_do_not_matter(void)
{
    int64_t differences[MOST], turned[MOST], left[MOST];
    size_t n_left = 0;
    draw(differences, MOST, 5, 1000);
    for (size_t i = 0; i < MOST; i++) {
        turned[i] = -differences[i];
        if (differences[i] != 0)
            left[n_left++] = differences[i];
    }
    const double p = find_p(differences, MOST, 42);
    CHECK(n_left < MOST && p < 1 && p > 1e-4);
    CHECK_NEAR(p, find_p(turned, MOST, 42), 0);
    CHECK_NEAR(p, find_p(left, n_left, 42), 0);
    CHECK(p != find_p(differences, MOST, 43));
}

static void a_sure_difference_is_the_least_p(void)
{
    int64_t differences[100];
    for (size_t i = 0; i < 100; i++)
        differences[i] = 1 + (int64_t)i % 3;
    CHECK_NEAR(1e-4, find_p(differences, 100, 42), 0);
}

static bool say_stop(void *context)
{
    return ++*(int *)context > 1;
}

static void stops_when_it_is_asked(void)
{
    int64_t differences[MOST];
    int n_asked = 0;
    g4r_stop_watch watch = {.stop = {say_stop, &n_asked}};
    draw(differences, MOST, 5, 1000);
    g4r_permutation_p(differences, MOST, sums, 42, &watch);
    CHECK(watch.is_over);
    CHECK_INT(2, n_asked);
}

int main(void)
{
    RUN(p_is_that_of_plain_sums);
    RUN(p_is_near_the_share_of_all_ways);
    RUN(sums_that_tie_count);
    RUN(no_difference_is_p_1);
    RUN(sides_and_zeros_do_not_matter);
    RUN(a_sure_difference_is_the_least_p);
    RUN(stops_when_it_is_asked);
    return test_end();
}

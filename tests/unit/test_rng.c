/* test_rng.c - rng.c and rng.h: the published sequence, seeds, and the shape of what
 * comes out. */
#include "../lib/test.h"

#include "../../src/base/rng.h"

/* xoshiro256++ from the state 1, 2, 3, 4: its authors' C code gives these. */
static void stream_is_xoshiro256_plus_plus(void)
{
    const uint64_t expected[] = {41943041u,
                                 58720359u,
                                 3588806011781223u,
                                 3591011842654386u,
                                 9228616714210784205u,
                                 9973669472204895162u,
                                 14011001112246962877u,
                                 12406186145184390807u,
                                 15849039046786891736u,
                                 10450023813501588000u};
    g4r_rng rng = {{1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        CHECK(g4r_rng_next(&rng) == expected[i]);
}

static void same_seed_gives_same_numbers(void)
{
    g4r_rng a, b;
    g4r_rng_seed(&a, 42, G4R_STREAM_INIT, 0);
    g4r_rng_seed(&b, 42, G4R_STREAM_INIT, 0);
    for (int i = 0; i < 1000; i++)
        CHECK(g4r_rng_next(&a) == g4r_rng_next(&b));
}

static void seeds_streams_and_epochs_differ(void)
{
    const int64_t seeds[] = {0, 1, 2, 42, 43, -1, INT64_MAX, INT64_MIN};
    enum {
        N_SEEDS = sizeof seeds / sizeof *seeds,
        N_STREAMS = 4,
        N_EPOCHS = 20,
        N = N_SEEDS * N_STREAMS * N_EPOCHS
    };
    uint64_t first[N];
    for (int i = 0; i < N; i++) {
        g4r_rng rng;
        g4r_rng_seed(&rng, seeds[i / (N_STREAMS * N_EPOCHS)],
                     (uint64_t)(G4R_STREAM_INIT + i % N_STREAMS),
                     i / N_STREAMS % N_EPOCHS);
        CHECK((rng.words[0] | rng.words[1] | rng.words[2] | rng.words[3]) != 0);
        first[i] = g4r_rng_next(&rng);
        for (int k = 0; k < i; k++)
            CHECK(first[i] != first[k]);
    }
}

static void uniform_is_uniform(void)
{
    enum { N = 200000, CELLS = 100 };
    double sum = 0, squares = 0, chi = 0;
    int cells[CELLS] = {0};
    g4r_rng rng;
    g4r_rng_seed(&rng, 7, G4R_STREAM_SAMPLES, 0);
    for (int i = 0; i < N; i++) {
        double u = g4r_rng_uniform(&rng);
        if (!CHECK(u >= 0 && u < 1))
            return;
        if (!CHECK(u * 0x1p53 == floor(u * 0x1p53)))
            return;
        sum += u;
        squares += u * u;
        cells[(int)(u * CELLS)]++;
    }
    /* Five standard errors: sqrt(1/12 / N) = 6.5e-4 and sqrt(4/45 / N) = 6.7e-4. */
    CHECK_NEAR(0.5, sum / N, 5 * 6.5e-4);
    CHECK_NEAR(1.0 / 3, squares / N, 5 * 6.7e-4);
    for (int i = 0; i < CELLS; i++)
        chi += (cells[i] - N / CELLS) * (cells[i] - N / CELLS) / (double)(N / CELLS);
    /* chi^2 with 99 degrees: mean 99, deviation 14.1; five of them. */
    CHECK_NEAR(99, chi, 5 * 14.1);
}

static void check_below(uint64_t n)
{
    enum { N = 60000, CELLS = 60 };
    int cells[CELLS] = {0};
    double chi = 0;
    g4r_rng rng;
    g4r_rng_seed(&rng, (int64_t)n, G4R_STREAM_ORDER, 0);
    for (int i = 0; i < N; i++) {
        uint64_t x = g4r_rng_below(&rng, n);
        if (!CHECK(x < n))
            return;
        /* The cell of a large number; of few, each has its own. */
        cells[n <= CELLS ? x : x / (n / CELLS + 1)]++;
    }
    uint64_t n_cells = n <= CELLS ? n : (n - 1) / (n / CELLS + 1) + 1;
    for (uint64_t i = 0; i < n_cells; i++) {
        double size = n <= CELLS ? 1 : (double)(n / CELLS + 1);
        size = fmin(size, (double)n - size * (double)i); /* the last one's may be less */
        double mean = N * (size / (double)n);
        chi += (cells[i] - mean) * (cells[i] - mean) / mean;
    }
    /* chi^2: mean the degrees of freedom, deviation sqrt(2 x them); five of them. */
    double degrees = (double)n_cells - 1;
    CHECK_NEAR(degrees, chi, 5 * sqrt(2 * degrees));
}

static void below_is_uniform(void)
{
    static const uint64_t sizes[] = {1,
                                     2,
                                     3,
                                     7,
                                     10,
                                     59,
                                     60,
                                     1000,
                                     65537,
                                     1000000007,
                                     (uint64_t)1 << 32,
                                     ((uint64_t)1 << 63) + 1,
                                     (uint64_t)3 << 62,
                                     UINT64_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        check_below(sizes[i]);
}

static void same_seed_gives_same_numbers_below(void)
{
    g4r_rng a, b;
    g4r_rng_seed(&a, 42, G4R_STREAM_ORDER, 0);
    g4r_rng_seed(&b, 42, G4R_STREAM_ORDER, 0);
    for (uint64_t n = 1; n < 1000; n++)
        CHECK(g4r_rng_below(&a, n) == g4r_rng_below(&b, n));
}

static void uniform_reaches_its_ends(void)
{
    /* rotate(0 + 0, 23) + 0 is 0; all ones above the 11 lowest bits is 1 - 2^-53. */
    g4r_rng zero = {{0, 1, 0, 0}};
    CHECK_NEAR(0, g4r_rng_uniform(&zero), 0);
    g4r_rng ones = {{UINT64_MAX, 0, 0, 1}};
    CHECK_NEAR(1 - 0x1p-53, g4r_rng_uniform(&ones), 0);
}

/* Every bit is set for half of the indices under every key. */
static void hash_bits_are_balanced(void)
{
    enum { N = 1 << 16 };
    const uint32_t keys[] = {0, 1, 0xffffffffu, 0x12345678u};
    for (size_t k = 0; k < 4; k++) {
        int n_set[32] = {0};
        for (uint32_t i = 0; i < N; i++)
            for (int bit = 0; bit < 32; bit++)
                n_set[bit] += (int)(g4r_rng_hash(keys[k], i) >> bit & 1);
        /* Deviation sqrt(N)/2 = 128; six of them. */
        for (int bit = 0; bit < 32; bit++)
            CHECK_NEAR(N / 2, n_set[bit], 6 * 128);
    }
}

/* One bit of key or index changes half of the bits. */
static void hash_spreads_every_bit(void)
{
    enum { N = 4096 };
    for (int bit = 0; bit < 32; bit++) {
        long by_key = 0, by_index = 0;
        for (uint32_t i = 0; i < N; i++) {
            uint32_t key = i * 2654435761u, h = g4r_rng_hash(key, i);
            by_key += __builtin_popcount(h ^ g4r_rng_hash(key ^ 1u << bit, i));
            by_index += __builtin_popcount(h ^ g4r_rng_hash(key, i ^ 1u << bit));
        }
        /* Mean 16 of 32; observed within 0.16 of it; a bit that is not mixed at all
         * would take off 0.5 or more. */
        CHECK_NEAR(16, (double)by_key / N, 0.3);
        CHECK_NEAR(16, (double)by_index / N, 0.3);
    }
}

/* Neighbours, as dropout uses them, are not correlated. */
static void hash_neighbours_are_independent(void)
{
    enum { N = 100000 };
    for (uint32_t lag = 1; lag <= 64; lag *= 2) {
        double sum = 0;
        for (uint32_t i = 0; i < N; i++) {
            double a = g4r_rng_hash(99, i) / 0x1p32 - 0.5;
            double b = g4r_rng_hash(99, i + lag) / 0x1p32 - 0.5;
            sum += a * b;
        }
        /* Deviation of the mean product: (1/12) / sqrt(N) = 2.6e-4; five of them. */
        CHECK_NEAR(0, sum / N, 5 * 2.6e-4);
    }
}

int main(void)
{
    RUN(stream_is_xoshiro256_plus_plus);
    RUN(same_seed_gives_same_numbers);
    RUN(seeds_streams_and_epochs_differ);
    RUN(uniform_is_uniform);
    RUN(uniform_reaches_its_ends);
    RUN(below_is_uniform);
    RUN(same_seed_gives_same_numbers_below);
    RUN(hash_bits_are_balanced);
    RUN(hash_spreads_every_bit);
    RUN(hash_neighbours_are_independent);
    return test_end();
}

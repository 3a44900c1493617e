/*
 * permutation.c - computes a p-value by random changes of sign; see permutation.h.
 *
 * Each draw has a random bit for each session, which decides the sign of the session's
 * difference; one random word gives 64 bits. For speed, sessions are handled in groups of
 * 8. The 256 possible sums of a group are computed once, into a table that stays in the
 * cache. So a draw adds one number for 8 sessions. Sessions whose difference is 0 change
 * no sum, and are left out.
 */
#include "permutation.h"

#include <stdlib.h>

enum { GROUP = 8, N_SUMS = 1 << GROUP, BLOCK = 64, GROUPS = BLOCK / GROUP };

/*
 * Fills sums (256) with the sums of 8 values for all choices of their signs. In sum j,
 * value i is negated if bit i of j is set.
 */
static void make_sums(int64_t *sums, const int64_t values[GROUP])
{
    sums[0] = 0;
    for (size_t i = 0; i < GROUP; i++)
        sums[0] += values[i];
    for (size_t i = 0; i < GROUP; i++)
        for (size_t j = 0; j < (size_t)1 << i; j++)
            sums[((size_t)1 << i) + j] = sums[j] - 2 * values[i];
}

/*
 * Handles a block of 64 values for all draws: each draw takes one random word, which
 * chooses the signs of the values, and adds the sum of the signed values to its entry of
 * sums (DRAWS). If the caller asks to stop (watch), the sums are incomplete.
 */
static void add_block(int64_t *sums, const int64_t values[BLOCK], g4r_rng *rng,
                      g4r_stop_watch *watch)
{
    int64_t tables[GROUPS][N_SUMS];
    for (size_t group = 0; group < GROUPS; group++)
        make_sums(tables[group], values + group * GROUP);
    for (size_t draw = 0; draw < G4R_PERMUTATION_DRAWS; draw++) {
        const uint64_t signs = g4r_rng_next(rng);
        for (size_t group = 0; group < GROUPS; group++)
            sums[draw] += tables[group][signs >> group * GROUP & (N_SUMS - 1)];
        if (g4r_stop_watch_is_over(watch))
            return;
    }
}

/*
 * Removes the zeros from differences (n): moves the others to the front of the array, in
 * their order, and returns how many there are.
 */
static size_t leave_out_zeros(int64_t *differences, size_t n)
{
    size_t n_left = 0;
    for (size_t i = 0; i < n; i++)
        if (differences[i] != 0)
            differences[n_left++] = differences[i];
    return n_left;
}

double g4r_permutation_p(int64_t *differences, size_t n, int64_t *sums, int64_t seed,
                         g4r_stop_watch *watch)
{
    g4r_rng rng;
    int64_t sum = 0;
    size_t n_large = 0;
    n = leave_out_zeros(differences, n);
    g4r_rng_seed(&rng, seed, G4R_STREAM_SIGNS, 0);
    memset(sums, 0, G4R_PERMUTATION_DRAWS * sizeof *sums);
    for (size_t first = 0; first < n && !watch->is_over; first += BLOCK) {
        int64_t values[BLOCK] = {0};
        memcpy(values, differences + first, G4R_MIN(BLOCK, n - first) * sizeof *values);
        for (size_t i = 0; i < BLOCK; i++)
            sum += values[i];
        add_block(sums, values, &rng, watch);
    }
    for (size_t draw = 0; draw < G4R_PERMUTATION_DRAWS; draw++)
        n_large += llabs(sums[draw]) >= llabs(sum);
    return (double)(1 + n_large) / (1 + G4R_PERMUTATION_DRAWS);
}

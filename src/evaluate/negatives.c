/*
 * negatives.c - draws items to rank beside a target; see negatives.h.
 *
 * Floyd's algorithm draws n of the numbers 0 ... m - 1, all sets equally likely: for j
 * from m - n to m - 1, draw a number from 0 to j, and take it; if it was taken before,
 * take j. Number i stands for the i-th of the m items that are not excluded.
 */
#include "negatives.h"

#include <stdlib.h>

void g4r_negatives_layout(g4r_negatives *negatives, g4r_arena *arena, size_t n_items,
                          size_t n)
{
    const size_t words = n > 0 ? n_items / 64 + 1 : 0;
    negatives->n_items = n_items;
    negatives->n = n;
    negatives->drawn = g4r_arena_take(arena, words, sizeof *negatives->drawn);
}

/* Compares two rows for qsort(), which then sorts ascending. */
static int compare_rows(const void *a, const void *b)
{
    return G4R_COMPARE(*(const int32_t *)a, *(const int32_t *)b);
}

/*
 * Returns the row that is the number-th (from 0) of all rows that are not in excluded
 * (n_excluded), which is ascending. Searches by bisection.
 */
static int32_t row_of(int32_t number, const int32_t *excluded, size_t n_excluded)
{
    /* The number of excluded rows below the result is between from and to. */
    size_t from = 0, to = n_excluded;
    while (from < to) {
        const size_t middle = from + (to - from) / 2;
        if (excluded[middle] - (int32_t)middle <= number)
            from = middle + 1;
        else
            to = middle;
    }
    return number + (int32_t)from;
}

size_t g4r_negatives_draw(g4r_negatives *negatives, int32_t *rows,
                          const int32_t *excluded, size_t n_excluded, int64_t event)
{
    uint64_t *drawn = negatives->drawn;
    const size_t m = negatives->n_items - n_excluded, n = G4R_MIN(negatives->n, m);
    g4r_rng rng;
    g4r_rng_seed(&rng, negatives->seed, G4R_STREAM_NEGATIVES, event);
    for (size_t i = 0, j = m - n; i < n; i++, j++) {
        uint64_t number = g4r_rng_below(&rng, j + 1);
        if (drawn[number / 64] >> number % 64 & 1)
            number = j;
        drawn[number / 64] |= (uint64_t)1 << number % 64;
        rows[i] = (int32_t)number;
    }
    for (size_t i = 0; i < n; i++) {
        drawn[rows[i] / 64] = 0;
        rows[i] = row_of(rows[i], excluded, n_excluded);
    }
    qsort(rows, n, sizeof *rows, compare_rows);
    return n;
}

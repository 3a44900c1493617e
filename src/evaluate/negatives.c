/*
 * negatives.c - see negatives.h.
 *
 * Floyd's way to draw n of m numbers: for j from m - n to m - 1 draw one from 0 to j, and
 * take it, or j where it was taken before. A number stands for that item among those not
 * excluded.
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

static int compare_rows(const void *a, const void *b)
{
    return G4R_COMPARE(*(const int32_t *)a, *(const int32_t *)b);
}

/* The row that has so many rows before it which are not excluded. */
static int32_t row_of(int32_t number, const int32_t *excluded, size_t n_excluded)
{
    size_t from = 0, to = n_excluded; /* how many excluded ones stand before it */
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

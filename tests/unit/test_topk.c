/*
 * test_topk.c - the best of many scores against a full sort: ties, NaN, infinities, every
 * k, every place to go on from, every kernel table.
 */
#include "../../src/base/rng.h"
#include "../../src/kernels/topk.h"
#include "../lib/test.h"

enum { MOST = 300 };

/* Score down, then row up. */
static int compare(const void *a, const void *b)
{
    const g4r_scored *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* All that can be ranked, in order; returns how many. */
static size_t sort_all(g4r_scored *sorted, const g4r_real *scores, size_t n)
{
    size_t n_sorted = 0;
    for (size_t i = 0; i < n; i++)
        if (scores[i] > -(g4r_real)INFINITY)
            sorted[n_sorted++] = (g4r_scored){scores[i], (int32_t)i};
    qsort(sorted, n_sorted, sizeof *sorted, compare);
    return n_sorted;
}

/* The k best behind sorted[start - 1]; one check for all. */
static bool is_right(const g4r_scored *sorted, size_t n_sorted, size_t start,
                     const g4r_real *scores, size_t n, size_t k, const g4r_vec *vec)
{
    static g4r_scored best[MOST + 1];
    size_t expected = G4R_MIN(k, n_sorted - start);
    size_t got = g4r_topk(best, scores, start > 0 ? &sorted[start - 1] : NULL, n, k, vec);
    for (size_t i = 0; i < expected && i < got; i++)
        if (compare(&best[i], &sorted[start + i]) != 0)
            return false;
    return got == expected;
}

static void check_all(const g4r_real *scores, size_t n)
{
    static g4r_scored sorted[MOST];
    size_t n_sorted = sort_all(sorted, scores, n), n_bad = 0;
    const g4r_vec *vec;
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++) {
        for (size_t k = 0; k <= n + 1 && k <= MOST + 1; k++)
            n_bad += !is_right(sorted, n_sorted, 0, scores, n, k, vec);
        for (size_t start = 0; start <= n_sorted; start++) {
            n_bad += !is_right(sorted, n_sorted, start, scores, n, 1, vec);
            n_bad += !is_right(sorted, n_sorted, start, scores, n, 7, vec);
            n_bad += !is_right(sorted, n_sorted, start, scores, n, n, vec);
        }
    }
    CHECK_INT(0, n_bad);
}

/* Few different values, and some that cannot be ranked. */
static g4r_real draw_score(g4r_rng *rng, int n_values)
{
    double u = g4r_rng_uniform(rng);
    if (u < 0.05)
        return (g4r_real)NAN;
    if (u < 0.1)
        return -(g4r_real)INFINITY;
    if (u < 0.12)
        return (g4r_real)INFINITY;
    if (u < 0.2)
        return u < 0.16 ? (g4r_real)0.0 : -(g4r_real)0.0;
    return (g4r_real)(floor(g4r_rng_uniform(rng) * n_values) - n_values / 2);
}

static void test_random_scores(void)
{
    static const size_t sizes[] = {0, 1, 2, 15, 16, 17, 40, 97, MOST};
    static const int values[] = {1, 3, 1000000};
    static g4r_real scores[MOST];
    g4r_rng rng;
    g4r_rng_seed(&rng, 4, 0, 0);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t v = 0; v < 3; v++) {
            for (size_t i = 0; i < sizes[s]; i++)
                scores[i] = draw_score(&rng, values[v]);
            check_all(scores, sizes[s]);
        }
}

static void test_ordered_scores(void)
{
    static g4r_real up[MOST], down[MOST], same[MOST];
    for (size_t i = 0; i < MOST; i++) {
        up[i] = (g4r_real)i;
        down[i] = -(g4r_real)i;
        same[i] = (g4r_real)0.5;
    }
    check_all(up, MOST);
    check_all(down, MOST);
    check_all(same, MOST);
}

static void test_nothing_to_rank(void)
{
    static g4r_real scores[MOST];
    for (size_t i = 0; i < MOST; i++)
        scores[i] = i % 2 ? (g4r_real)NAN : -(g4r_real)INFINITY;
    check_all(scores, MOST);
}

int main(void)
{
    RUN(test_random_scores);
    RUN(test_ordered_scores);
    RUN(test_nothing_to_rank);
    return test_end();
}

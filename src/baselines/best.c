/* best.c - finds the k best items, by a heap with the worst on top; see best.h. */
#include "best.h"

/*
 * Tells whether the item in row a is better than that in row b: it has a larger score, or
 * an equal score and a lower row.
 */
static bool is_before(const double *scores, int32_t a, int32_t b)
{
    return scores[a] > scores[b] || (scores[a] == scores[b] && a < b);
}

/*
 * Puts row into the heap (n), which has a free place at i: there, or further down, so
 * that each item is worse than its children, and the worst is on top. Items on the way
 * move up.
 */
static void sift_down(int32_t *heap, size_t i, size_t n, int32_t row,
                      const double *scores)
{
    for (size_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
        if (child + 1 < n && is_before(scores, heap[child], heap[child + 1]))
            child++;
        if (!is_before(scores, row, heap[child]))
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = row;
}

size_t g4r_best_find(int32_t *best, size_t k, const int32_t *rows, size_t n,
                     const double *scores)
{
    const size_t n_best = G4R_MIN(k, n);
    if (n_best == 0)
        return 0;
    memcpy(best, rows, n_best * sizeof *best);
    for (size_t i = n_best / 2; i-- > 0;)
        sift_down(best, i, n_best, best[i], scores);
    for (size_t i = n_best; i < n; i++)
        if (is_before(scores, rows[i], best[0]))
            sift_down(best, 0, n_best, rows[i], scores);
    for (size_t left = n_best; left > 1;) {
        const int32_t last = best[--left], top = best[0];
        sift_down(best, 0, left, last, scores);
        best[left] = top;
    }
    return n_best;
}

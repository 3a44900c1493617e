/*
 * topk.c - see topk.h.
 *
 * A heap of the k best so far, the worst on top. The scan looks only for scores that
 * reach the top's, which a kernel does at the speed of memory; few do once the heap is
 * full.
 */
#include "topk.h"

/* Does a stand before b in the ranking? */
static bool is_before(g4r_scored a, g4r_scored b)
{
    return a.score > b.score || (a.score == b.score && a.row < b.row);
}

/* Puts item where it belongs below the hole at i, in a heap of n with the last on top. */
static void sift_down(g4r_scored *heap, size_t i, size_t n, g4r_scored item)
{
    for (size_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
        if (child + 1 < n && is_before(heap[child], heap[child + 1]))
            child++;
        if (!is_before(item, heap[child]))
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = item;
}

static void make_heap(g4r_scored *heap, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sift_down(heap, i, n, heap[i]);
}

/* Takes the last one off the top, again and again: what is left is in order. */
static void sort_heap(g4r_scored *heap, size_t n)
{
    while (n > 1) {
        g4r_scored last = heap[--n], top = heap[0];
        sift_down(heap, 0, n, last);
        heap[n] = top;
    }
}

size_t g4r_topk(g4r_scored *best, const g4r_real *scores, const g4r_scored *after,
                size_t n, size_t k, const g4r_vec *vec)
{
    const g4r_real nothing = -(g4r_real)INFINITY;
    size_t n_best = 0;
    g4r_real least = nothing;
    if (k == 0)
        return 0;
    for (size_t i = vec->scan.find(scores, 0, least, n); i < n;
         i = vec->scan.find(scores, i + 1, least, n)) {
        g4r_scored item = {scores[i], (int32_t)i};
        if (item.score == nothing || (after != NULL && !is_before(*after, item)))
            continue;
        if (n_best < k) {
            best[n_best++] = item;
            if (n_best < k)
                continue;
            make_heap(best, k);
        } else if (is_before(item, best[0])) {
            sift_down(best, 0, k, item);
        }
        least = best[0].score;
    }
    if (n_best < k)
        make_heap(best, n_best);
    sort_heap(best, n_best);
    return n_best;
}

/*
 * topk.c - finds the k best of many scores; see topk.h.
 *
 * A heap keeps the k best scores so far, with the worst of them on top. Once the heap is
 * full, only scores that reach the score on top matter. They are few, and a kernel finds
 * them at the speed of memory.
 */
#include "topk.h"

/*
 * Puts item into the heap (n) in place of the entry at index i. Moves children of this
 * place up until item fits, so that again no entry ranks before its children. The worst
 * item of the heap is on top.
 */
static void sift_down(g4r_scored *heap, size_t i, size_t n, g4r_scored item)
{
    for (size_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
        if (child + 1 < n && g4r_topk_is_before(heap[child], heap[child + 1]))
            child++;
        if (!g4r_topk_is_before(item, heap[child]))
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = item;
}

/* Orders the n entries of an array as a heap, with the worst item on top. */
static void make_heap(g4r_scored *heap, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sift_down(heap, i, n, heap[i]);
}

/*
 * Turns the heap (n) into an array in the order of the ranking, the best first: again and
 * again moves the worst item from the top to the end of the entries that are left.
 */
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
        if (item.score == nothing || (after != NULL && !g4r_topk_is_before(*after, item)))
            continue;
        if (n_best < k) {
            best[n_best++] = item;
            if (n_best < k)
                continue;
            make_heap(best, k);
        } else if (g4r_topk_is_before(item, best[0])) {
            sift_down(best, 0, k, item);
        }
        least = best[0].score;
    }
    if (n_best < k)
        make_heap(best, n_best);
    sort_heap(best, n_best);
    return n_best;
}

/*
 * sort.c - a stable merge sort that can be stopped; see sort.h.
 *
 * Short pieces are sorted by insertion. Then neighbouring pieces are merged in pairs,
 * until one piece is left.
 */
#include "sort.h"

/*
 * Tells whether element x must stand behind element y by the rule. Returns false if they
 * are equal: equal elements stay as they are.
 */
static bool is_behind(const g4r_sort_rule *rule, uint32_t x, uint32_t y)
{
    return rule->compare(rule->context, x, y) > 0;
}

/* Largest number of elements that are sorted by insertion instead of merging. */
enum { SHORT_PIECE = 8 };

static void insertion_sort(uint32_t *list, size_t n, const g4r_sort_rule *rule)
{
    for (size_t i = 1; i < n; i++) {
        const uint32_t moved = list[i];
        size_t at = i;
        for (; at > 0 && is_behind(rule, list[at - 1], moved); at--)
            list[at] = list[at - 1];
        list[at] = moved;
    }
}

/*
 * Merges two sorted pieces, from[0 ... half - 1] and from[half ... n - 1], into to (n).
 * Of equal elements, those of the first piece come first. If the caller asks to stop
 * (watch), the rest of both pieces is copied without merging.
 */
static void merge_pieces(uint32_t *to, const uint32_t *from, size_t half, size_t n,
                         const g4r_sort_rule *rule, g4r_stop_watch *watch)
{
    size_t a = 0, b = half;
    while (a < half && b < n && !g4r_stop_watch_is_over(watch))
        *to++ = is_behind(rule, from[a], from[b]) ? from[b++] : from[a++];
    memcpy(to, from + a, (half - a) * sizeof *to);
    memcpy(to + (half - a), from + b, (n - b) * sizeof *to);
}

/*
 * Sorts list (n) in place by merging: sorts pieces of SHORT_PIECE elements by insertion,
 * then merges neighbouring pieces again and again. spare (n) is scratch. If the caller
 * asks to stop (watch), the list still has all its elements, but in any order.
 */
static void merge_sort(uint32_t *list, uint32_t *spare, size_t n,
                       const g4r_sort_rule *rule, g4r_stop_watch *watch)
{
    uint32_t *from = list, *to = spare;
    for (size_t i = 0; i < n && !g4r_stop_watch_is_over(watch); i += SHORT_PIECE)
        insertion_sort(list + i, G4R_MIN(SHORT_PIECE, n - i), rule);
    for (size_t width = SHORT_PIECE; width < n && !watch->is_over; width *= 2) {
        for (size_t i = 0; i < n; i += 2 * width)
            merge_pieces(to + i, from + i, G4R_MIN(width, n - i),
                         G4R_MIN(2 * width, n - i), rule, watch);
        uint32_t *swapped = from;
        from = to;
        to = swapped;
    }
    if (from != list)
        memcpy(list, from, n * sizeof *list);
}

bool g4r_sort(uint32_t *list, size_t n, const g4r_sort_rule *rule,
              const gru4rec_allocator *allocator, g4r_stop_watch *watch)
{
    size_t i = 1;
    while (i < n && !g4r_stop_watch_is_over(watch) &&
           !is_behind(rule, list[i - 1], list[i]))
        i++;
    if (i >= n || watch->is_over)
        return !watch->is_over;
    if (n <= SHORT_PIECE) {
        insertion_sort(list, n, rule);
        return true;
    }
    uint32_t *spare = g4r_alloc(allocator, n, sizeof *spare);
    if (spare == NULL)
        return false;
    merge_sort(list, spare, n, rule, watch);
    g4r_alloc_free(allocator, spare);
    return !watch->is_over;
}

/* sort.c - see sort.h. */
#include "sort.h"

static bool is_behind(const g4r_sort_rule *rule, uint32_t x, uint32_t y)
{
    return rule->compare(rule->context, x, y) > 0;
}

enum { SHORT_RUN = 8 };

static void sort_run(uint32_t *list, size_t n, const g4r_sort_rule *rule)
{
    for (size_t i = 1; i < n; i++) {
        const uint32_t moved = list[i];
        size_t at = i;
        for (; at > 0 && is_behind(rule, list[at - 1], moved); at--)
            list[at] = list[at - 1];
        list[at] = moved;
    }
}

/* Merges the sorted runs from (half) and from + half ... from + n into to (n). */
static void merge_runs(uint32_t *to, const uint32_t *from, size_t half, size_t n,
                       const g4r_sort_rule *rule, g4r_stop_watch *watch)
{
    size_t a = 0, b = half;
    while (a < half && b < n && !g4r_stop_watch_is_over(watch))
        *to++ = is_behind(rule, from[a], from[b]) ? from[b++] : from[a++];
    memcpy(to, from + a, (half - a) * sizeof *to);
    memcpy(to + (half - a), from + b, (n - b) * sizeof *to);
}

/* spare (n): scratch. */
static void merge_sort(uint32_t *list, uint32_t *spare, size_t n,
                       const g4r_sort_rule *rule, g4r_stop_watch *watch)
{
    uint32_t *from = list, *to = spare;
    for (size_t i = 0; i < n && !g4r_stop_watch_is_over(watch); i += SHORT_RUN)
        sort_run(list + i, G4R_MIN(SHORT_RUN, n - i), rule);
    for (size_t width = SHORT_RUN; width < n && !watch->is_over; width *= 2) {
        for (size_t i = 0; i < n; i += 2 * width)
            merge_runs(to + i, from + i, G4R_MIN(width, n - i), G4R_MIN(2 * width, n - i),
                       rule, watch);
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
    if (n <= SHORT_RUN) {
        sort_run(list, n, rule);
        return true;
    }
    uint32_t *spare = g4r_alloc(allocator, n, sizeof *spare);
    if (spare == NULL)
        return false;
    merge_sort(list, spare, n, rule, watch);
    g4r_alloc_free(allocator, spare);
    return !watch->is_over;
}

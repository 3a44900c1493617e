/* order.c - sorts collected events session by session; see order.h. */
#include "order.h"
#include "sort.h"

int64_t g4r_order_of(const gru4rec_events *events, uint32_t i)
{
    if (events->wide_order != NULL)
        return events->wide_order[i];
    return events->order != NULL ? events->order[i] : i;
}

bool g4r_order_is_arbitrary(const gru4rec_events *events, uint32_t x, uint32_t y)
{
    return events->session[x] == events->session[y] &&
           events->item[x] != events->item[y] &&
           g4r_order_of(events, x) == g4r_order_of(events, y) &&
           g4r_events_compare_times(events, x, y) == 0;
}

void g4r_order_drop_plain(gru4rec_events *events, g4r_stop_watch *watch)
{
    for (uint32_t i = 1; i < events->n; i++)
        if (g4r_order_of(events, i - 1) >= g4r_order_of(events, i) ||
            g4r_stop_watch_is_over(watch))
            return;
    G4R_ALLOC_CLEAR(&events->allocator, events->order);
    G4R_ALLOC_CLEAR(&events->allocator, events->wide_order);
}

/*
 * Compares the events x and y of one session by (time, order, item). Returns a negative
 * number if x comes first, 0 if all three are equal, else a positive number.
 */
static int compare_events(const void *context, uint32_t x, uint32_t y)
{
    const gru4rec_events *events = context;
    int order = g4r_events_compare_times(events, x, y);
    if (order == 0)
        order = G4R_COMPARE(g4r_order_of(events, x), g4r_order_of(events, y));
    if (order != 0)
        return order;
    return g4r_dict_compare(&events->items, events->item[x], events->item[y]);
}

bool g4r_order_events(const gru4rec_events *events, int64_t *offsets,
                      uint32_t *permutation, g4r_stop_watch *watch)
{
    const g4r_sort_rule rule = {compare_events, events};
    size_t n_sessions = (size_t)events->n_sessions;
    for (size_t i = 0; i < events->n && !g4r_stop_watch_is_over(watch); i++)
        offsets[events->session[i] + 1]++;
    for (size_t s = 0; s < n_sessions; s++)
        offsets[s + 1] += offsets[s];
    if (watch->is_over)
        return false;
    /*
     * This loop moves offsets[s] from the beginning of session s to its end, which is
     * where session s + 1 begins. The memmove() behind the loop puts each offset where it
     * belongs.
     */
    for (size_t i = 0; i < events->n && !g4r_stop_watch_is_over(watch); i++)
        permutation[offsets[events->session[i]]++] = (uint32_t)i;
    memmove(offsets + 1, offsets, n_sessions * sizeof *offsets);
    offsets[0] = 0;
    bool is_ok = !watch->is_over;
    for (size_t s = 0; s < n_sessions && is_ok; s++)
        is_ok = g4r_sort(permutation + offsets[s], (size_t)(offsets[s + 1] - offsets[s]),
                         &rule, &events->allocator, watch);
    return is_ok;
}

/*
 * ext_plot_ranking.c - the items of a catalogue by their events, and what is drawn by a
 * seed; see ext_plot.h.
 */
#include "ext_plot.h"

#include <stdlib.h>

static int compare(const void *left, const void *right)
{
    const ext_plot_item *a = left, *b = right;
    if (a->support != b->support)
        return a->support < b->support ? 1 : -1;
    return (a->row > b->row) - (a->row < b->row);
}

int ext_plot_ranking_make(ext_plot_item **list, const gru4rec_allocator *memory,
                          const gru4rec_items *items, ext_error *error)
{
    const int32_t n = gru4rec_items_count(items);
    const int64_t *support = gru4rec_items_support(items);
    *list = memory->resize(memory->context, NULL, ((size_t)n + 1) * sizeof **list);
    if (*list == NULL)
        return ext_error_nomem(error);
    for (int32_t row = 0; row < n; row++)
        (*list)[row] = (ext_plot_item){.support = support[row], .row = row};
    qsort(*list, (size_t)n, sizeof **list, compare);
    return SQLITE_OK;
}

uint64_t ext_plot_ranking_mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

double ext_plot_ranking_draw(uint64_t *at)
{
    *at += 0x9e3779b97f4a7c15u;
    return (double)(ext_plot_ranking_mix(*at) >> 11) * 0x1p-53;
}

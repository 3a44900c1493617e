/* shortlist.c - finds the k best rows from bounds of their scores; see shortlist.h. */
#include "shortlist.h"

#include "../base/rows.h"

void g4r_shortlist_layout(g4r_shortlist *list, g4r_arena *arena, size_t n_items)
{
    list->vec = g4r_vec_pick();
    list->most = G4R_MIN(n_items, G4R_SHORTLIST_ROWS);
    list->rows = g4r_arena_take(arena, list->most, sizeof *list->rows);
    list->scores = g4r_arena_take(arena, list->most, sizeof *list->scores);
    list->lower =
        g4r_arena_take(arena, G4R_MIN(n_items, G4R_SHORTLIST_MOST), sizeof *list->lower);
    list->finalists = g4r_arena_take(arena, list->most, sizeof *list->finalists);
}

void g4r_shortlist_start(g4r_shortlist *list, size_t k, const int32_t *excluded,
                         size_t n_excluded)
{
    assert(k > 0 && k <= G4R_SHORTLIST_MOST);
    list->k = k;
    list->excluded = excluded;
    list->n_excluded = n_excluded;
    list->n = 0;
    list->is_full = false;
    for (size_t i = 0; i < k; i++)
        list->lower[i] = -(g4r_real)INFINITY;
}

static bool is_excluded(const g4r_shortlist *list, int32_t row)
{
    size_t place;
    return g4r_rows_find(list->excluded, list->n_excluded, row, &place);
}

g4r_real g4r_shortlist_least(const g4r_shortlist *list)
{
    return list->lower[0];
}

size_t g4r_shortlist_find(const g4r_shortlist *list, const g4r_real *upper, size_t i,
                          size_t n)
{
    return list->vec->scan.find(upper, i, g4r_shortlist_least(list), n);
}

/*
 * Replaces the least, which is on top of the heap of lower bounds, by value, a greater
 * lower bound, and moves value to its place in the heap. The heap has only values: when
 * it had a row beside each value, as in topk.c, it took a tenth of the time of a query
 * for 1,000 items.
 */
static void replace_least(g4r_shortlist *list, g4r_real value)
{
    g4r_real *heap = list->lower;
    size_t i = 0;
    for (size_t child = 1; child < list->k; child = 2 * i + 1) {
        if (child + 1 < list->k && heap[child + 1] < heap[child])
            child++;
        if (heap[child] >= value)
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = value;
}

/*
 * Removes the rows whose upper bound is below least from the shortlist; the others keep
 * their order.
 */
static void drop_below(g4r_shortlist *list, g4r_real least)
{
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++)
        if (list->rows[i].score >= least)
            list->rows[n++] = list->rows[i];
    list->n = n;
}

void g4r_shortlist_add(g4r_shortlist *list, int32_t row, g4r_real upper, g4r_real lower)
{
    if (list->n == list->most) {
        drop_below(list, g4r_shortlist_least(list));
        /*
         * If more than half of the rows stay, the next calls would soon have to remove
         * rows again. So the shortlist is given up.
         */
        list->is_full |= list->n > list->most / 2;
    }
    if (list->is_full || is_excluded(list, row))
        return;
    list->rows[list->n++] = (g4r_scored){upper, row};
    if (lower > list->lower[0])
        replace_least(list, lower);
}

size_t g4r_shortlist_best(g4r_shortlist *list, g4r_scored *best, const g4r_output *output,
                          const g4r_real *x)
{
    drop_below(list, g4r_shortlist_least(list));
    for (size_t i = 0; i < list->n; i++)
        list->finalists[i] = list->rows[i].row;
    list->vec->scan.score(list->scores, output->table, output->bias, list->finalists, x,
                          list->n, output->d);
    size_t n = g4r_topk(best, list->scores, NULL, list->n, list->k, list->vec);
    for (size_t i = 0; i < n; i++)
        best[i].row = list->finalists[best[i].row];
    return n;
}

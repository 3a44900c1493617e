/* listed.c - ranks targets by the scores of a baseline; see listed.h. */
#include "listed.h"

#include "../baselines/best.h"
#include "../base/rows.h"

void g4r_listed_layout(g4r_listed *listed, g4r_arena *arena, size_t n_items,
                       size_t longest)
{
    listed->n_items = n_items;
    listed->longest = longest;
    listed->rows = g4r_arena_take(arena, n_items, sizeof *listed->rows);
    listed->best = g4r_arena_take(arena, longest, sizeof *listed->best);
    listed->list = g4r_arena_take(arena, longest, sizeof *listed->list);
}

static bool is_seen(const g4r_rank_query *query, int32_t row)
{
    size_t place;
    return g4r_rows_find(query->seen, query->n_seen, row, &place);
}

/*
 * Returns how many items are ranked: the number of rows (n), or of all items if rows is
 * NULL, less the seen items (query->seen) among them.
 */
static size_t count_ranked(const g4r_listed *listed, const int32_t *rows, size_t n,
                           const g4r_rank_query *query)
{
    size_t place, n_seen = 0;
    if (rows == NULL)
        return listed->n_items - query->n_seen;
    for (size_t i = 0; i < query->n_seen; i++)
        n_seen += g4r_rows_find(rows, n, query->seen[i], &place);
    return n - n_seen;
}

/*
 * Finds the ranked items that have a score above 0 and were not seen. Sets *out to their
 * rows and returns their number. If all items are ranked and none was seen, *out is
 * scores->rows, borrowed from the scorer; otherwise listed->rows, which the next call
 * overwrites.
 */
static size_t find_listed(g4r_listed *listed, const gru4rec_scores *scores,
                          const int32_t *rows, size_t n, const g4r_rank_query *query,
                          const int32_t **out)
{
    const bool is_all = rows == NULL;
    const int32_t *from = is_all ? scores->rows : rows;
    const size_t n_from = is_all ? scores->n : n;
    size_t n_listed = 0;
    *out = is_all && query->n_seen == 0 ? from : listed->rows;
    if (*out == from)
        return n_from;
    for (size_t i = 0; i < n_from; i++)
        if (scores->values[from[i]] > 0 && !is_seen(query, from[i]))
            listed->rows[n_listed++] = from[i];
    return n_listed;
}

void g4r_listed_rank(g4r_listed *listed, const gru4rec_scores *scores,
                     const int32_t *rows, size_t n, const g4r_rank_query *query,
                     g4r_standing *standing)
{
    const int32_t *those;
    const size_t n_those = find_listed(listed, scores, rows, n, query, &those);
    const double target = query->target >= 0 ? scores->values[query->target] : 0;
    *standing = (g4r_standing){.list = listed->list};
    standing->n =
        g4r_best_find(listed->best, listed->longest, those, n_those, scores->values);
    for (size_t i = 0; i < standing->n; i++) {
        const int32_t row = listed->best[i];
        listed->list[i] = (g4r_scored){(g4r_real)scores->values[row], row};
    }
    if (query->target < 0)
        return;
    for (size_t i = 0; i < n_those; i++) {
        standing->n_greater += scores->values[those[i]] > target;
        standing->n_equal += scores->values[those[i]] == target;
    }
    if (target == 0)
        standing->n_equal = count_ranked(listed, rows, n, query) - n_those;
}

/*
 * blender.c - blends the network's scores with the items of the nearest sessions.
 *
 * v_j: the score of item j by vs-knn (src/baselines/vs_knn.c), after the last L items of
 * the session (L: n_history). N: the items with v_j > 0, which are the items of the
 * nearest sessions. s_j: the network's score of item j. b: the strength.
 *
 *   p_j = v_j / sum of v over N
 *   score of j in N:   s_j + b ln(1 + 10000 p_j)
 *   any other item:    s_j
 *
 * With cross-entropy, s_j is the logarithm of a probability plus a constant. So the
 * blended score is the logarithm of a product, which is high if both factors are high. Of
 * the forms that were tried, this one was the best on most logs (docs/training.md).
 * Because of the factor 10000, shares p_j from about 1e-4 on count; 1000 and 100000 give
 * nearly the same rankings.
 *
 * An item outside of N keeps its score, and no score falls. So the k best items are among
 * the k best by the network and the items of N: if an item is in neither, k items come
 * before it by the network's scores, and they still do by the blended ones.
 *
 * The sum of s_j and the second term is computed in double from the exact s_j, and is
 * rounded once. The sum of v goes over N by ascending row. So a blended score has the
 * same bits wherever it is computed.
 */
#include "blender.h"

#include "../base/rows.h"

/*
 * Carves the arrays of the blender from its arena; while the arena has no memory, only
 * counts the bytes.
 */
static void layout(gru4rec_blender *blender)
{
    g4r_arena *arena = &blender->arena;
    const size_t n_items = blender->blend.neighbours->n_items;
    const size_t n_history = (size_t)blender->blend.n_history;
    blender->history = g4r_arena_take(arena, n_history, sizeof *blender->history);
    blender->rows = g4r_arena_take(arena, n_items, sizeof *blender->rows);
    blender->network = g4r_arena_reals(arena, n_items, 1);
    blender->blended = g4r_arena_reals(arena, n_items, 1);
    blender->ranked = g4r_arena_take(arena, n_items, sizeof *blender->ranked);
}

size_t gru4rec_blender_bytes(const gru4rec_blend *blend)
{
    gru4rec_blender blender = {.blend = *blend};
    layout(&blender);
    return g4r_add(g4r_add(sizeof blender, g4r_arena_bytes(&blender.arena)),
                   gru4rec_scorer_bytes(blend->neighbours));
}

gru4rec_status gru4rec_blender_new(const gru4rec_allocator *allocator,
                                   const gru4rec_blend *blend, gru4rec_blender **out)
{
    assert(blend->strength > 0 && blend->n_history > 0);
    if (allocator == NULL)
        allocator = &g4r_alloc_libc;
    *out = NULL;
    gru4rec_blender *blender = g4r_alloc(allocator, 1, sizeof *blender);
    if (blender == NULL)
        return GRU4REC_NOMEM;
    blender->allocator = *allocator;
    blender->vec = g4r_vec_pick();
    blender->blend = *blend;
    layout(blender);
    if (gru4rec_scorer_new(allocator, blend->neighbours, &blender->scorer) !=
            GRU4REC_OK ||
        !g4r_arena_allocate_scratch(&blender->arena, allocator)) {
        gru4rec_blender_free(blender);
        return GRU4REC_NOMEM;
    }
    layout(blender);
    *out = blender;
    return GRU4REC_OK;
}

void gru4rec_blender_free(gru4rec_blender *blender)
{
    if (blender == NULL)
        return;
    gru4rec_allocator allocator = blender->allocator;
    gru4rec_scorer_free(blender->scorer);
    g4r_arena_free(&blender->arena, &allocator);
    g4r_alloc_free(&allocator, blender);
}

/*
 * Writes N into blender->rows, by ascending row: the items that the scorer gave a score
 * above 0 in its last call. Sets blender->n to their number.
 */
static void sort_rows(gru4rec_blender *blender)
{
    const g4r_scores *scores = &blender->scorer->scores;
    const bool *first = scores->is_listed;
    const bool *at = first;
    blender->n = scores->n;
    for (size_t i = 0; i < scores->n; i++, at++) {
        at = memchr(at, true, blender->blend.neighbours->n_items - (size_t)(at - first));
        blender->rows[i] = (int32_t)(at - first);
    }
}

void g4r_blender_blend(gru4rec_blender *blender, const g4r_output *output,
                       const g4r_real *x, const int32_t *rows, size_t n)
{
    const gru4rec_blend *blend = &blender->blend;
    const size_t n_late = G4R_MIN(n, (size_t)blend->n_history);
    const gru4rec_prefix prefix = {.rows = n > 0 ? rows + (n - n_late) : NULL,
                                   .n = n_late};
    const gru4rec_scores scores = gru4rec_scorer_score(blender->scorer, &prefix);
    double sum = 0;
    sort_rows(blender);
    blender->vec->scan.score(blender->network, output->table, output->bias, blender->rows,
                             x, blender->n, output->d);
    for (size_t i = 0; i < blender->n; i++)
        sum += scores.values[blender->rows[i]];
    for (size_t i = 0; i < blender->n; i++) {
        const double p = scores.values[blender->rows[i]] / sum;
        blender->blended[i] =
            (g4r_real)((double)blender->network[i] + blend->strength * log1p(10000 * p));
    }
}

void g4r_blender_after(gru4rec_blender *blender, const gru4rec_model *model,
                       const g4r_real *x, const int32_t *rows, size_t n)
{
    const g4r_output output = g4r_model_output(model);
    const int64_t limit = model->max_length > 0 ? model->max_length : INT64_MAX;
    const size_t most = (size_t)G4R_MIN(blender->blend.n_history, limit);
    size_t first = most;
    for (size_t i = n; i-- > 0 && first > 0;)
        if (i == 0 || !model->collapses_repeats || rows[i] != rows[i - 1])
            blender->history[--first] = rows[i];
    g4r_blender_blend(blender, &output, x, blender->history + first, most - first);
}

void gru4rec_blender_start(gru4rec_blender *blender, const gru4rec_session *session,
                           const int32_t *rows, size_t n)
{
    g4r_blender_after(blender, session->model, g4r_network_top(&session->network, 0),
                      rows, n);
}

bool gru4rec_blender_score(const gru4rec_blender *blender, int32_t row,
                           gru4rec_real *score)
{
    size_t place;
    if (!g4r_rows_find(blender->rows, blender->n, row, &place))
        return false;
    *score = blender->blended[place];
    return true;
}

void g4r_blender_overwrite(const gru4rec_blender *blender, g4r_real *scores,
                           const int32_t *rows, size_t n)
{
    size_t place;
    for (size_t i = 0; i < blender->n; i++)
        if (g4r_rows_place(rows, n, blender->rows[i], &place))
            scores[place] = blender->blended[i];
}

/* ---- the best of all ---- */

/*
 * Tells whether the limits leave out the item of a row: because it is excluded, or
 * because it is not one of the only items that are ranked.
 */
static bool is_left_out(const g4r_blender_limits *limits, int32_t row)
{
    size_t place;
    return g4r_rows_find(limits->excluded, limits->n_excluded, row, &place) ||
           !g4r_rows_place(limits->rows, limits->n_rows, row, &place);
}

/*
 * Sorts the items of N by their blended scores, and writes the k best into
 * blender->ranked, the best first. Items that the limits leave out are not among them.
 * Returns how many there are, at most k. Overwrites blender->network.
 */
static size_t rank_neighbours(gru4rec_blender *blender, size_t k,
                              const g4r_blender_limits *limits)
{
    g4r_real *scores = blender->network; /* its values are no longer needed */
    for (size_t i = 0; i < blender->n; i++)
        scores[i] = is_left_out(limits, blender->rows[i]) ? -(g4r_real)INFINITY
                                                          : blender->blended[i];
    const size_t n = g4r_topk(blender->ranked, scores, NULL, blender->n, k, blender->vec);
    for (size_t i = 0; i < n; i++)
        blender->ranked[i].row = blender->rows[blender->ranked[i].row];
    return n;
}

/*
 * Removes from best (n_best) the items of N, which are those that the nearest sessions
 * have. The others keep their order and move forward. Returns how many are left.
 */
static size_t drop_neighbours(const gru4rec_blender *blender, g4r_scored *best,
                              size_t n_best)
{
    size_t n = 0;
    for (size_t i = 0; i < n_best; i++)
        if (!g4r_blender_has(blender, best[i].row))
            best[n++] = best[i];
    return n;
}

size_t g4r_blender_merge(gru4rec_blender *blender, g4r_scored *best, size_t n_best,
                         size_t k, const g4r_blender_limits *limits)
{
    size_t n_ranked = rank_neighbours(blender, k, limits);
    size_t n_left = drop_neighbours(blender, best, n_best);
    const g4r_scored *ranked = blender->ranked;
    /*
     * Two sorted lists are merged: the items left in best, and ranked. First drops the
     * last item of one of them, whichever ranks behind the other list's, until both have
     * k items together. Then merges from the end of best, so that no item is overwritten
     * before it is moved.
     */
    while (n_left + n_ranked > k)
        if (n_left > 0 &&
            (n_ranked == 0 || g4r_topk_is_before(ranked[n_ranked - 1], best[n_left - 1])))
            n_left--;
        else
            n_ranked--;
    const size_t n = n_left + n_ranked;
    for (size_t i = n; n_ranked > 0; i--)
        if (n_left > 0 && g4r_topk_is_before(ranked[n_ranked - 1], best[n_left - 1]))
            best[i - 1] = best[--n_left];
        else
            best[i - 1] = ranked[--n_ranked];
    return n;
}

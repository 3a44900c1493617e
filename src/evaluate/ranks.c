/* ranks.c - ranks the targets of many sessions, by bounds of scores; see ranks.h. */
#include "ranks.h"

#include "../base/rows.h"

enum {
    /*
     * About how many values of output rows score_lanes() keeps in the cache for all
     * lanes.
     */
    CACHED = 1 << 15,
    /* Greatest n_exact: most lanes for which score_lanes() scores all items at a time. */
    MOST_EXACT = 16,
    /* Most bytes of the scores of these lanes, unless they are those of one lane. */
    EXACT_BYTES = 64 << 20
};

/*
 * Most multiplications and additions that score_lanes() does for several lanes. The
 * caller is asked whether to stop only before and after them, so they must not take long.
 */
static const double most_operations = 4e9;

void g4r_ranks_init(g4r_ranks *ranks, g4r_bounds *bounds, const int32_t *rows, size_t n,
                    size_t longest)
{
    *ranks = (g4r_ranks){.vec = g4r_vec_pick(),
                         .bounds = bounds,
                         .rows = rows,
                         .n = n,
                         .longest = G4R_MIN(longest, n)};
}

/*
 * Returns n_exact, the number of lanes that are scored at a time if bounds are not used.
 * If bounds are used at all, this is 1, because few lanes need it.
 * Otherwise it is MOST_EXACT, or less if the work would pass most_operations or the
 * scores EXACT_BYTES; at least 1.
 */
static size_t count_exact(const g4r_ranks *ranks)
{
    const double n = (double)ranks->n, d = (double)ranks->bounds->output.d;
    double most =
        G4R_MIN(most_operations / (2 * n * d), EXACT_BYTES / (n * sizeof *ranks->scores));
    if (ranks->bounds->way != G4R_BOUNDS_NONE)
        return 1;
    return (size_t)G4R_MAX(1, G4R_MIN(MOST_EXACT, most));
}

void g4r_ranks_layout(g4r_ranks *ranks, g4r_arena *arena)
{
    const size_t n_lanes = ranks->bounds->n_lanes;
    ranks->lanes = g4r_arena_take(arena, n_lanes, sizeof *ranks->lanes);
    for (size_t i = 0; i < n_lanes && ranks->bounds->way != G4R_BOUNDS_NONE; i++) {
        g4r_shortlist measured;
        g4r_shortlist_layout(ranks->lanes != NULL ? &ranks->lanes[i].list : &measured,
                             arena, ranks->n);
    }
    ranks->most_near = g4r_bounds_most(ranks->n);
    ranks->near = g4r_arena_take(arena, ranks->most_near, sizeof *ranks->near);
    ranks->near_scores = g4r_arena_reals(arena, ranks->most_near, 1);
    ranks->n_exact = count_exact(ranks);
    ranks->scores = g4r_arena_reals(arena, ranks->n_exact, ranks->n);
    ranks->list = g4r_arena_take(arena, ranks->longest, sizeof *ranks->list);
}

bool g4r_ranks_has(const g4r_ranks *ranks, int32_t row)
{
    size_t place;
    return g4r_rows_place(ranks->rows, ranks->n, row, &place);
}

/*
 * Writes into scores (n) the network's exact scores for the values x (D) of the top
 * layer, with the same bits as in serving: of the items rows (n), or of the first n items
 * if rows is NULL. A blender has no effect here.
 */
static void score(const g4r_ranks *ranks, g4r_real *scores, const int32_t *rows, size_t n,
                  const g4r_real *x)
{
    const g4r_output *output = &ranks->bounds->output;
    ranks->vec->scan.score(scores, output->table, output->bias, rows, x, n, output->d);
}

/*
 * Blends the network's scores with those of the nearest sessions, for the top layer's
 * values x (D) and the session's items query->history. The result is in ranks->blender,
 * which must not be NULL, until the next blend.
 */
static void blend(const g4r_ranks *ranks, const g4r_real *x, const g4r_rank_query *query)
{
    g4r_blender_blend(ranks->blender, &ranks->bounds->output, x, query->history,
                      query->n_history);
}

/* ---- by bounds ---- */

void g4r_ranks_start(g4r_ranks *ranks)
{
    ranks->n_added = 0;
}

void g4r_ranks_add(g4r_ranks *ranks, const g4r_rank_query *query)
{
    const size_t i = ranks->n_added++;
    const g4r_real *x = g4r_bounds_vector(ranks->bounds, i);
    g4r_rank_lane *lane = &ranks->lanes[i];
    assert(i < ranks->bounds->n_added);
    lane->query = *query;
    lane->n_greater = lane->n_equal = 0;
    if (!ranks->bounds->is_bounded[i])
        return;
    g4r_shortlist_start(&lane->list, ranks->longest, query->seen, query->n_seen);
    if (query->target < 0)
        return;
    score(ranks, &lane->score, &query->target, 1, x);
    if (ranks->blender != NULL) {
        /*
         * Only the target's blended score is kept. g4r_ranks_get() blends again for this
         * lane, as the results of all lanes would take too much memory.
         */
        blend(ranks, x, query);
        gru4rec_blender_score(ranks->blender, query->target, &lane->score);
    }
}

/*
 * Scores the items in ranks->near (n) exactly for the values x (D), into
 * ranks->near_scores. Sets *n_greater to the number of them with a score above target,
 * and *n_equal to the number with the score target. The scores are the network's, also if
 * there is a blender.
 */
static void compare_near(const g4r_ranks *ranks, size_t n, const g4r_real *x,
                         g4r_real target, size_t *n_greater, size_t *n_equal)
{
    score(ranks, ranks->near_scores, ranks->near, n, x);
    ranks->vec->scan.count(ranks->near_scores, target, n, n_greater, n_equal);
}

/*
 * Uses the last part of the bounds for lane i. Adds those items that can be among the
 * best to the lane's shortlist. Then adds to the lane's n_greater and n_equal how many of
 * the items have a greater score than the target, and how many have the same. Items for
 * which the bounds do not decide this are scored exactly; they overwrite ranks->near. If
 * the lane has no target (-1), only the shortlist changes. Seen items are counted too;
 * leave_out_seen() takes them out later.
 */
static void apply_bounds(g4r_ranks *ranks, size_t i)
{
    g4r_bounds *bounds = ranks->bounds;
    g4r_rank_lane *lane = &ranks->lanes[i];
    size_t n_above, n_greater, n_equal;
    g4r_bounds_list(bounds, i, &lane->list);
    if (lane->query.target < 0)
        return;
    const size_t n = g4r_bounds_split(bounds, i, lane->score, ranks->near, &n_above);
    lane->n_greater += n_above;
    if (n == 0)
        return;
    for (size_t j = 0; j < n; j++) {
        const size_t at = bounds->first + (size_t)ranks->near[j];
        ranks->near[j] = ranks->rows != NULL ? ranks->rows[at] : (int32_t)at;
    }
    compare_near(ranks, n, g4r_bounds_vector(bounds, i), lane->score, &n_greater,
                 &n_equal);
    g4r_bounds_note(bounds, n);
    lane->n_greater += n_greater;
    lane->n_equal += n_equal;
}

bool g4r_ranks_bound(g4r_ranks *ranks, size_t n_ranks, const g4r_stop *stop)
{
    g4r_bounds *bounds = ranks->bounds;
    if (bounds->way == G4R_BOUNDS_NONE || ranks->n_added == 0)
        return true;
    for (size_t first = 0; first < ranks->n; first += bounds->n_part) {
        for (size_t lane = 0, m; lane < ranks->n_added; lane += m) {
            m = g4r_bounds_make(bounds, first, lane);
            for (size_t i = lane; i < lane + m; i++)
                for (size_t r = 0; r < n_ranks && bounds->is_bounded[i]; r++)
                    apply_bounds(&ranks[r], i);
        }
        if (g4r_stop_is_asked(stop))
            return false;
    }
    return true;
}

/*
 * Subtracts the seen items (query->seen) of lane i from its n_greater and n_equal, in
 * which apply_bounds() has counted them. For this it scores those of them that are ranked
 * exactly, some at a time, which overwrites ranks->near. Call it only once for a lane.
 */
static void leave_out_seen(g4r_ranks *ranks, size_t i)
{
    g4r_rank_lane *lane = &ranks->lanes[i];
    const g4r_rank_query *query = &lane->query;
    const g4r_real *x = g4r_bounds_vector(ranks->bounds, i);
    size_t n = 0, n_greater, n_equal;
    for (size_t j = 0; j < query->n_seen; j++) {
        if (g4r_ranks_has(ranks, query->seen[j]))
            ranks->near[n++] = query->seen[j];
        if (n < ranks->most_near && j + 1 < query->n_seen)
            continue;
        compare_near(ranks, n, x, lane->score, &n_greater, &n_equal);
        lane->n_greater -= n_greater;
        lane->n_equal -= n_equal;
        n = 0;
    }
}

/*
 * Changes the counts n_greater and n_equal of a lane for one item: removes the item as it
 * was counted with the score before, and counts it with the score now.
 */
static void count_again(g4r_rank_lane *lane, g4r_real before, g4r_real now)
{
    lane->n_greater -= before > lane->score;
    lane->n_equal -= before == lane->score;
    lane->n_greater += now > lane->score;
    lane->n_equal += now == lane->score;
}

/*
 * Changes n_greater and n_equal of a lane, which were counted by the network's scores:
 * each item that the nearest sessions have is counted by its blended score instead. Items
 * that are not ranked, or that were seen, are passed over, because the counts do not
 * include them. blend() must have been called for this lane last.
 */
static void count_blended(g4r_ranks *ranks, g4r_rank_lane *lane)
{
    const gru4rec_blender *blender = ranks->blender;
    const g4r_rank_query *query = &lane->query;
    size_t place;
    for (size_t i = 0; i < blender->n; i++) {
        const int32_t row = blender->rows[i];
        if (!g4r_ranks_has(ranks, row) ||
            g4r_rows_find(query->seen, query->n_seen, row, &place))
            continue;
        count_again(lane, blender->network[i], blender->blended[i]);
    }
}

/*
 * Writes into ranks->scores (m,n) the network's exact scores of all ranked items for m
 * lanes, from lane first on. It scores a part of the items for all lanes before the next
 * part, so that their output rows stay in the cache.
 */
static void score_lanes(g4r_ranks *ranks, size_t first, size_t m)
{
    const g4r_output *output = &ranks->bounds->output;
    const size_t n = ranks->n, d = output->d, each = G4R_MAX(4, CACHED / d / 4 * 4);
    for (size_t at = 0; at < n; at += each)
        for (size_t i = 0; i < m; i++) {
            const bool is_all = ranks->rows == NULL;
            ranks->vec->scan.score(ranks->scores + i * n + at,
                                   output->table + (is_all ? at * d : 0),
                                   output->bias + (is_all ? at : 0),
                                   is_all ? NULL : ranks->rows + at,
                                   g4r_bounds_vector(ranks->bounds, first + i),
                                   G4R_MIN(each, n - at), d);
        }
}

/*
 * Fills *standing from scores (n), which must be finite and already blended: n_greater
 * and n_equal of the query's target, and the best items, at most ranks->longest, in
 * ranks->list. Seen items (query->seen) get the score -INFINITY in scores first, so that
 * they are in no count and no list. If the target is -1 or is not among the items,
 * n_greater and n_equal are 0. rows (n), ascending: the items of the scores; NULL: all
 * items.
 */
static void by_scores(g4r_ranks *ranks, g4r_real *scores, const int32_t *rows, size_t n,
                      const g4r_rank_query *query, g4r_standing *standing)
{
    const g4r_vec *vec = ranks->vec;
    size_t place;
    *standing = (g4r_standing){.list = ranks->list};
    for (size_t i = 0; i < query->n_seen; i++)
        if (g4r_rows_place(rows, n, query->seen[i], &place))
            scores[place] = -(g4r_real)INFINITY;
    if (query->target >= 0 && g4r_rows_place(rows, n, query->target, &place))
        vec->scan.count(scores, scores[place], n, &standing->n_greater,
                        &standing->n_equal);
    standing->n = g4r_topk(ranks->list, scores, NULL, n, G4R_MIN(ranks->longest, n), vec);
    for (size_t i = 0; i < standing->n && rows != NULL; i++)
        ranks->list[i].row = rows[ranks->list[i].row];
}

/*
 * Fills *standing: ranks the query's target by the network's exact scores (n), and finds
 * the best items. If there is a blender, the scores are first blended, for the top
 * layer's values x (D). rows (n), ascending: the items of the scores; NULL: all items.
 * The scores are overwritten. Returns false if one of the network's scores is not finite;
 * *standing is not filled then.
 */
static bool finish_scores(g4r_ranks *ranks, g4r_real *scores, const int32_t *rows,
                          size_t n, const g4r_real *x, const g4r_rank_query *query,
                          g4r_standing *standing)
{
    if (!ranks->vec->all_finite(scores, n))
        return false;
    if (ranks->blender != NULL) {
        blend(ranks, x, query);
        g4r_blender_overwrite(ranks->blender, scores, rows, n);
    }
    by_scores(ranks, scores, rows, n, query, standing);
    return true;
}

/*
 * Fills *standing for lane i by the exact scores of all ranked items, without bounds, and
 * with blended scores if there is a blender. The lanes form groups of n_exact. The call
 * for the first lane of a group scores all lanes of the group into ranks->scores, which
 * the calls for the others read. So calls must come in the order of the lanes. Returns
 * false if a score of lane i is not finite.
 */
static bool by_all_scores(g4r_ranks *ranks, size_t i, g4r_standing *standing)
{
    const size_t place = i % ranks->n_exact;
    g4r_real *scores = ranks->scores + place * ranks->n;
    if (place == 0)
        score_lanes(ranks, i, G4R_MIN(ranks->n_exact, ranks->n_added - i));
    return finish_scores(ranks, scores, ranks->rows, ranks->n,
                         g4r_bounds_vector(ranks->bounds, i), &ranks->lanes[i].query,
                         standing);
}

bool g4r_ranks_get(g4r_ranks *ranks, size_t i, g4r_standing *standing)
{
    g4r_bounds *bounds = ranks->bounds;
    g4r_rank_lane *lane = &ranks->lanes[i];
    const g4r_real *x = g4r_bounds_vector(bounds, i);
    if (!bounds->is_bounded[i] || lane->list.is_full) {
        g4r_bounds_note(bounds, ranks->n);
        return by_all_scores(ranks, i, standing);
    }
    if (lane->query.target >= 0)
        leave_out_seen(ranks, i);
    size_t n = g4r_shortlist_best(&lane->list, ranks->list, &bounds->output, x);
    g4r_bounds_note(bounds, lane->list.n);
    if (ranks->blender != NULL) {
        blend(ranks, x, &lane->query);
        if (lane->query.target >= 0)
            count_blended(ranks, lane);
        n = g4r_blender_merge(ranks->blender, ranks->list, n, ranks->longest,
                              &(g4r_blender_limits){lane->query.seen, lane->query.n_seen,
                                                    ranks->rows,
                                                    ranks->rows != NULL ? ranks->n : 0});
    }
    *standing = (g4r_standing){lane->n_greater, lane->n_equal, ranks->list, n};
    return true;
}

/* ---- by exact scores ---- */

bool g4r_ranks_exact(g4r_ranks *ranks, const g4r_real *x, const int32_t *rows, size_t n,
                     const g4r_rank_query *query, g4r_standing *standing)
{
    score(ranks, ranks->scores, rows, n, x);
    return finish_scores(ranks, ranks->scores, rows, n, x, query, standing);
}

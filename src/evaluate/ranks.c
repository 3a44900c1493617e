/* ranks.c - ranks the targets of many sessions, by bounds of scores; see ranks.h. */
#include "ranks.h"

#include "../base/rows.h"

enum {
    COLUMNS = 2048,        /* items at a time, so that their bounds stay in the cache */
    CACHED = 1 << 15,      /* values of the output rows that stay cached for all lanes */
    MOST_EXACT = 16,       /* most lanes whose items are all scored together */
    EXACT_BYTES = 64 << 20 /* most bytes of the scores of several such lanes */
};

/*
 * Most operations of scoring all items for several lanes, between two questions whether
 * to stop.
 */
static const double most_operations = 4e9;

void g4r_ranks_init(g4r_ranks *ranks, const g4r_bounds *bounds, const int32_t *rows,
                    size_t n, size_t longest)
{
    *ranks = (g4r_ranks){.vec = g4r_vec_pick(),
                         .bounds = *bounds,
                         .rows = rows,
                         .n = n,
                         .longest = G4R_MIN(longest, n)};
}

/*
 * Returns how many lanes are scored together if all ranked items are scored exactly: 1 if
 * the lists are so short that bounds are used for most lanes; otherwise up to MOST_EXACT,
 * as time and memory allow.
 */
static size_t count_exact(const g4r_ranks *ranks)
{
    const double n = (double)ranks->n, d = (double)ranks->bounds.output.d;
    double most =
        G4R_MIN(most_operations / (2 * n * d), EXACT_BYTES / (n * sizeof *ranks->scores));
    if (ranks->longest <= G4R_SHORTLIST_MOST)
        return 1;
    return (size_t)G4R_MAX(1, G4R_MIN(MOST_EXACT, most));
}

void g4r_ranks_layout(g4r_ranks *ranks, g4r_arena *arena, size_t n_lanes)
{
    const size_t d = ranks->bounds.output.d;
    const size_t columns = G4R_MIN(COLUMNS, ranks->n);
    const size_t gathered = ranks->rows != NULL ? columns : 0;
    const bool is_bounded = ranks->longest <= G4R_SHORTLIST_MOST;
    ranks->n_lanes = n_lanes;
    ranks->lanes = g4r_arena_take(arena, n_lanes, sizeof *ranks->lanes);
    for (size_t i = 0; i < n_lanes && is_bounded; i++) {
        g4r_shortlist measured;
        g4r_shortlist_layout(ranks->lanes != NULL ? &ranks->lanes[i].list : &measured,
                             arena, ranks->n);
    }
    ranks->x = g4r_arena_reals(arena, n_lanes, d);
    ranks->slack = g4r_arena_reals(arena, n_lanes, 1);
    ranks->upper = g4r_arena_reals(arena, is_bounded ? n_lanes : 0, columns);
    ranks->table = g4r_arena_reals(arena, gathered, d);
    ranks->bias = g4r_arena_reals(arena, gathered, 1);
    ranks->near = g4r_arena_take(arena, columns, sizeof *ranks->near);
    ranks->near_scores = g4r_arena_reals(arena, columns, 1);
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
 * Writes into scores (n) the exact scores of the items rows (n), or of the first n items
 * if rows is NULL, for the session whose top layer has the values x, with the same bits
 * as in serving.
 */
static void score(const g4r_ranks *ranks, g4r_real *scores, const int32_t *rows, size_t n,
                  const g4r_real *x)
{
    const g4r_output *output = &ranks->bounds.output;
    ranks->vec->scan.score(scores, output->table, output->bias, rows, x, n, output->d);
}

/*
 * Computes the blended scores in ranks->blender for the session whose top layer has the
 * values x and whose items are query->history. ranks->blender must not be NULL.
 */
static void blend(const g4r_ranks *ranks, const g4r_real *x, const g4r_rank_query *query)
{
    g4r_blender_blend(ranks->blender, &ranks->bounds.output, x, query->history,
                      query->n_history);
}

/* ---- by bounds ---- */

void g4r_ranks_start(g4r_ranks *ranks)
{
    ranks->n_added = 0;
}

void g4r_ranks_add(g4r_ranks *ranks, const g4r_real *x, const g4r_rank_query *query)
{
    const size_t i = ranks->n_added++, d = ranks->bounds.output.d;
    g4r_rank_lane *lane = &ranks->lanes[i];
    assert(i < ranks->n_lanes);
    memcpy(ranks->x + i * d, x, d * sizeof *x);
    lane->query = *query;
    lane->n_greater = lane->n_equal = 0;
    lane->is_bounded = ranks->longest <= G4R_SHORTLIST_MOST &&
                       g4r_bounds_slack(&ranks->bounds, x, &ranks->slack[i]);
    if (!lane->is_bounded)
        return;
    g4r_shortlist_start(&lane->list, ranks->longest, query->seen, query->n_seen);
    if (query->target < 0)
        return;
    score(ranks, &lane->score, &query->target, 1, x);
    if (ranks->blender != NULL) {
        /* get blends again, as the neighbours of all lanes would take too much memory. */
        blend(ranks, x, query);
        gru4rec_blender_score(ranks->blender, query->target, &lane->score);
    }
    lane->high = lane->score + g4r_bounds_gap(ranks->slack[i]);
}

/*
 * Scores the first n items in ranks->near exactly for x. Sets *n_greater to how many of
 * them have a score above target, and *n_equal to how many have the score target.
 */
static void compare_near(const g4r_ranks *ranks, size_t n, const g4r_real *x,
                         g4r_real target, size_t *n_greater, size_t *n_equal)
{
    score(ranks, ranks->near_scores, ranks->near, n, x);
    ranks->vec->scan.count(ranks->near_scores, target, n, n_greater, n_equal);
}

/*
 * Uses upper bounds (n) of the ranked items from first on for lane i: adds the items that
 * can be among the best to its shortlist, and counts the items whose scores are greater
 * than that of its target, and those whose scores are equal. Items that the bounds leave
 * open are scored exactly. If the lane has no target (-1), it counts nothing.
 */
static void apply_bounds(g4r_ranks *ranks, size_t i, size_t first, const g4r_real *upper,
                         size_t n)
{
    g4r_rank_lane *lane = &ranks->lanes[i];
    const g4r_real *x = ranks->x + i * ranks->bounds.output.d;
    size_t n_above, n_greater, n_equal;
    g4r_shortlist_add_bounded(&lane->list, first, ranks->rows, upper, n,
                              g4r_bounds_gap(ranks->slack[i]));
    if (lane->query.target < 0)
        return;
    const size_t n_near =
        ranks->vec->scan.split(ranks->near, upper, lane->score, lane->high, n, &n_above);
    for (size_t j = 0; j < n_near; j++) {
        const size_t at = first + (size_t)ranks->near[j];
        ranks->near[j] = ranks->rows != NULL ? ranks->rows[at] : (int32_t)at;
    }
    compare_near(ranks, n_near, x, lane->score, &n_greater, &n_equal);
    lane->n_greater += n_above + n_greater;
    lane->n_equal += n_equal;
}

/*
 * Returns the output rows and biases of the n ranked items from first on, in one block of
 * memory: those of the model; or, if only some items are ranked, copies in ranks->table
 * and ranks->bias, which the next call overwrites.
 */
static g4r_output gather(g4r_ranks *ranks, size_t first, size_t n)
{
    const g4r_output *output = &ranks->bounds.output;
    const size_t d = output->d;
    if (ranks->rows == NULL)
        return g4r_bounds_rows(&ranks->bounds, first, n);
    for (size_t i = 0; i < n; i++) {
        const size_t row = (size_t)ranks->rows[first + i];
        memcpy(ranks->table + i * d, output->table + row * d, d * sizeof *ranks->table);
        ranks->bias[i] = output->bias[row];
    }
    return (g4r_output){ranks->table, ranks->bias, n, d};
}

bool g4r_ranks_bound(g4r_ranks *ranks, size_t n_ranks, const g4r_stop *stop)
{
    if (ranks->longest > G4R_SHORTLIST_MOST || ranks->n_added == 0)
        return true;
    for (size_t first = 0; first < ranks->n; first += COLUMNS) {
        const size_t n = G4R_MIN(COLUMNS, ranks->n - first);
        const g4r_output rows = gather(ranks, first, n);
        g4r_bounds_upper(&rows, ranks->upper, ranks->x, ranks->slack, ranks->n_added,
                         ranks->vec);
        for (size_t i = 0; i < ranks->n_added; i++)
            for (size_t r = 0; r < n_ranks; r++)
                if (ranks[r].lanes[i].is_bounded)
                    apply_bounds(&ranks[r], i, first, ranks->upper + i * n, n);
        if (g4r_stop_is_asked(stop))
            return false;
    }
    return true;
}

/*
 * Computes the exact scores of the ranked items that lane i has seen, and takes these
 * items out of its counts n_greater and n_equal, which include them so far. It must be
 * called only once for a lane.
 */
static void leave_out_seen(g4r_ranks *ranks, size_t i)
{
    g4r_rank_lane *lane = &ranks->lanes[i];
    const g4r_rank_query *query = &lane->query;
    const g4r_real *x = ranks->x + i * ranks->bounds.output.d;
    const size_t most = G4R_MIN(COLUMNS, ranks->n);
    size_t n = 0, n_greater, n_equal;
    for (size_t j = 0; j < query->n_seen; j++) {
        if (g4r_ranks_has(ranks, query->seen[j]))
            ranks->near[n++] = query->seen[j];
        if (n < most && j + 1 < query->n_seen)
            continue;
        compare_near(ranks, n, x, lane->score, &n_greater, &n_equal);
        lane->n_greater -= n_greater;
        lane->n_equal -= n_equal;
        n = 0;
    }
}

/*
 * Changes the counts n_greater and n_equal of a lane for an item that was counted with
 * the score before, so that it is counted with the score now.
 */
static void count_again(g4r_rank_lane *lane, g4r_real before, g4r_real now)
{
    lane->n_greater -= before > lane->score;
    lane->n_equal -= before == lane->score;
    lane->n_greater += now > lane->score;
    lane->n_equal += now == lane->score;
}

/*
 * Changes the counts of a lane, which are by the network's scores so far, so that the
 * items that the nearest sessions have count by their blended scores. Items that are not
 * ranked or that were seen are not counted. The blender must have blended for this lane.
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
 * Scores all ranked items exactly for the m lanes from first on, into ranks->scores
 * (m,n). It scores some rows for all lanes before the next rows, so that the rows stay in
 * the cache.
 */
static void score_lanes(g4r_ranks *ranks, size_t first, size_t m)
{
    const g4r_output *output = &ranks->bounds.output;
    const size_t n = ranks->n, d = output->d, each = G4R_MAX(4, CACHED / d / 4 * 4);
    for (size_t at = 0; at < n; at += each)
        for (size_t i = 0; i < m; i++) {
            const bool is_all = ranks->rows == NULL;
            ranks->vec->scan.score(ranks->scores + i * n + at,
                                   output->table + (is_all ? at * d : 0),
                                   output->bias + (is_all ? at : 0),
                                   is_all ? NULL : ranks->rows + at,
                                   ranks->x + (first + i) * d, G4R_MIN(each, n - at), d);
        }
}

/*
 * Fills *standing: ranks the query's target by final scores (n), which must be finite,
 * and finds the best items, at most ranks->longest, in ranks->list. If the target is -1,
 * n_greater and n_equal are 0. The scores of seen items are overwritten with -INFINITY.
 * rows (n), ascending: the items that the scores are of; NULL: all items.
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
 * Ranks a query's target by exact scores (n) of the items rows, or of all items if rows is
 * NULL, for the vector x (D), and fills *standing. If there is a blender, the scores are
 * blended first. The scores are overwritten. Returns false if a score is not finite.
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
 * Ranks the target of lane i by the exact scores of all ranked items, blended if there is
 * a blender, and fills *standing. For the first of n_exact lanes, it scores the items for
 * all of them. Returns false if a score of the lane is not finite.
 */
static bool by_all_scores(g4r_ranks *ranks, size_t i, g4r_standing *standing)
{
    const size_t place = i % ranks->n_exact;
    g4r_real *scores = ranks->scores + place * ranks->n;
    if (place == 0)
        score_lanes(ranks, i, G4R_MIN(ranks->n_exact, ranks->n_added - i));
    return finish_scores(ranks, scores, ranks->rows, ranks->n,
                         ranks->x + i * ranks->bounds.output.d, &ranks->lanes[i].query,
                         standing);
}

bool g4r_ranks_get(g4r_ranks *ranks, size_t i, g4r_standing *standing)
{
    g4r_rank_lane *lane = &ranks->lanes[i];
    const g4r_real *x = ranks->x + i * ranks->bounds.output.d;
    if (!lane->is_bounded || lane->list.is_full)
        return by_all_scores(ranks, i, standing);
    if (lane->query.target >= 0)
        leave_out_seen(ranks, i);
    size_t n = g4r_shortlist_best(&lane->list, ranks->list, &ranks->bounds.output, x);
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

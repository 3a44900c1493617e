/*
 * batch.c - finds the best items of many sessions at once, with matrix products.
 *
 * The products only give upper bounds of the scores (bounds.h). From the bounds each
 * session gets a shortlist of the rows that can be among its best (shortlist.h). The
 * kernel that ranking.c uses scores these rows, so both files give the same scores.
 */
#include "../base/fail.h"
#include "../kernels/blas.h"
#include "blender.h"
#include "bounds.h"
#include "session.h"
#include "shortlist.h"

enum {
    MOST_LANES = 128, /* most sessions of a batch, for any catalogue */
    COLUMNS = 2048    /* rows multiplied at a time; their bounds stay in the cache */
};

/*
 * Largest number of operations in the products of one batch. It limits the number of
 * sessions of a batch. With more, the caller would wait too long for the first result.
 */
static const double most_operations = 4e9;

/* The sessions of one batch, and their best items after gru4rec_batch_score(). */
struct gru4rec_batch {
    gru4rec_allocator allocator;
    g4r_arena arena;
    const gru4rec_model *model;
    gru4rec_blender *blender; /* borrowed, or NULL */
    g4r_bounds bounds;
    g4r_output output; /* same as bounds.output */
    const g4r_vec *vec;
    /*
     * k: items wanted for each session. n_lanes: most sessions of a batch. n: sessions in
     * this batch.
     */
    size_t k, n_lanes, n;
    /*
     * gru4rec_batch_score() was called since the last session was added. So the next
     * session begins a new batch, and another call of gru4rec_batch_score() does nothing.
     */
    bool is_scored;
    g4r_real *x;     /* (n_lanes,D) each session's vector, copied */
    g4r_real *upper; /* (n_lanes,COLUMNS) upper bounds of COLUMNS rows' scores */
    /*
     * (n_lanes,k) The result: the best rows of each session with their scores, the best
     * first. gru4rec_batch_score() fills it.
     */
    g4r_scored *best;
    struct lane {
        size_t n_best; /* number of rows in the session's part of best */
        g4r_shortlist list;
        /*
         * (n_history) The session's items for the blender. Borrowed until
         * gru4rec_batch_score() returns.
         */
        const int32_t *history;
        size_t n_history;
    } lanes[MOST_LANES];
    g4r_real slack[MOST_LANES]; /* slack of each session's vector, see bounds.h */
};

/*
 * Returns the largest number of sessions of a batch, from 1 to MOST_LANES: fewer for a
 * larger catalogue, so that the products stay below most_operations.
 */
static size_t count_lanes(const g4r_output *output)
{
    double each = 2.0 * (double)output->n * (double)output->d;
    return (size_t)G4R_MAX(1, G4R_MIN(MOST_LANES, most_operations / each));
}

/*
 * Carves the arrays of the batch and of its shortlists from batch->arena; while the arena
 * has no memory, only counts the bytes.
 */
static void layout(gru4rec_batch *batch)
{
    g4r_arena *arena = &batch->arena;
    const size_t n = batch->n_lanes;
    batch->x = g4r_arena_take(arena, n * batch->output.d, sizeof *batch->x);
    batch->upper = g4r_arena_take(arena, n * COLUMNS, sizeof *batch->upper);
    batch->best = g4r_arena_take(arena, n * batch->k, sizeof *batch->best);
    for (size_t lane = 0; lane < n; lane++)
        g4r_shortlist_layout(&batch->lanes[lane].list, arena, batch->output.n);
}

gru4rec_status gru4rec_batch_new(const gru4rec_allocator *allocator,
                                 const gru4rec_model *model, gru4rec_blender *blender,
                                 int32_t k, gru4rec_batch **out)
{
    if (allocator == NULL)
        allocator = &g4r_alloc_libc;
    assert(k > 0 && k <= gru4rec_batch_most());
    *out = NULL;
    gru4rec_batch *batch = g4r_alloc(allocator, 1, sizeof *batch);
    if (batch == NULL)
        return GRU4REC_NOMEM;
    batch->allocator = *allocator;
    batch->model = model;
    batch->blender = blender;
    batch->bounds = g4r_bounds_of(model);
    batch->output = batch->bounds.output;
    batch->vec = g4r_vec_pick();
    batch->k = (size_t)k;
    batch->n_lanes = count_lanes(&batch->output);
    layout(batch);
    if (!g4r_arena_allocate_scratch(&batch->arena, allocator)) {
        gru4rec_batch_free(batch);
        return GRU4REC_NOMEM;
    }
    layout(batch);
    g4r_bounds_measure(&batch->bounds);
    *out = batch;
    return GRU4REC_OK;
}

void gru4rec_batch_free(gru4rec_batch *batch)
{
    if (batch == NULL)
        return;
    gru4rec_allocator allocator = batch->allocator;
    g4r_arena_free(&batch->arena, &allocator);
    g4r_alloc_free(&allocator, batch);
}

int32_t gru4rec_batch_most(void)
{
    return G4R_SHORTLIST_MOST;
}

int32_t gru4rec_batch_lanes(const gru4rec_batch *batch)
{
    return (int32_t)batch->n_lanes;
}

int32_t gru4rec_batch_add(gru4rec_batch *batch, const gru4rec_session *session,
                          const int32_t *excluded, size_t n_excluded,
                          const int32_t *history, size_t n_history)
{
    if (batch->is_scored)
        batch->n = 0;
    batch->is_scored = false;
    assert(batch->n < batch->n_lanes && session->model == batch->model);
    const size_t d = batch->output.d, i = batch->n++;
    struct lane *lane = &batch->lanes[i];
    g4r_real *x = batch->x + i * d;
    memcpy(x, g4r_network_top(&session->network, 0), d * sizeof *x);
    g4r_shortlist_start(&lane->list, G4R_MIN(batch->k, batch->output.n), excluded,
                        n_excluded);
    lane->history = history;
    lane->n_history = n_history;
    lane->list.is_full = !g4r_bounds_slack(&batch->bounds, x, &batch->slack[i]);
    return (int32_t)i;
}

/*
 * Makes the shortlist of a session anew from the exact scores of all rows: empties it,
 * and adds each row whose score is greater than the k-th best so far. find_best() calls
 * it for a session without usable bounds, or whose scores are so close together that the
 * bounds left too many rows. A row with the same score as the k-th best is not added: the
 * rows ascend, so it would rank behind. The scores overwrite batch->upper. x (D) is the
 * session's vector.
 */
static void add_exact_rows(gru4rec_batch *batch, g4r_shortlist *list, const g4r_real *x)
{
    const g4r_output *output = &batch->output;
    g4r_real *scores = batch->upper; /* the bounds are no longer needed */
    g4r_shortlist_start(list, list->k, list->excluded, list->n_excluded);
    for (size_t first = 0; first < output->n; first += COLUMNS) {
        const size_t n = G4R_MIN(COLUMNS, output->n - first);
        batch->vec->scan.score(scores, output->table + first * output->d,
                               output->bias + first, NULL, x, n, output->d);
        for (size_t i = 0; i < n; i++)
            if (scores[i] > g4r_shortlist_least(list))
                g4r_shortlist_add(list, (int32_t)(first + i), scores[i], scores[i]);
    }
}

/*
 * Finds the best rows of session i, in order, and writes them into its part of
 * batch->best, and their number into its n_best. Takes them from the session's shortlist.
 * If the shortlist cannot be used (is_full), it is first made anew from the exact scores
 * of all rows. If the batch has a blender, then blends for the session, and the best rows
 * are those by the blended scores.
 */
static void find_best(gru4rec_batch *batch, size_t i)
{
    struct lane *lane = &batch->lanes[i];
    const g4r_real *x = batch->x + i * batch->output.d;
    if (lane->list.is_full)
        add_exact_rows(batch, &lane->list, x);
    g4r_scored *best = batch->best + i * batch->k;
    lane->n_best = g4r_shortlist_best(&lane->list, best, &batch->output, x);
    if (batch->blender == NULL)
        return;
    g4r_blender_after(batch->blender, batch->model, x, lane->history, lane->n_history);
    lane->n_best =
        g4r_blender_merge(batch->blender, best, lane->n_best, lane->list.k,
                          &(g4r_blender_limits){lane->list.excluded,
                                                lane->list.n_excluded, NULL, 0});
}

gru4rec_status gru4rec_batch_score(gru4rec_batch *batch, bool (*is_stopped)(void *),
                                   void *context, gru4rec_error *error)
{
    const size_t all = batch->output.n;
    bool stops = false;
    if (batch->is_scored) /* no session was added since the last call */
        return GRU4REC_OK;
    batch->is_scored = true;
    if (!g4r_blas_enter())
        return g4r_blas_fail(error);
    for (size_t first = 0; first < all && !stops; first += COLUMNS) {
        const size_t n = G4R_MIN(COLUMNS, all - first);
        const g4r_output rows = g4r_bounds_rows(&batch->bounds, first, n);
        g4r_bounds_upper(&rows, batch->upper, batch->x, batch->slack, batch->n,
                         batch->vec);
        for (size_t i = 0; i < batch->n; i++)
            g4r_shortlist_add_bounded(&batch->lanes[i].list, first, NULL,
                                      batch->upper + i * n, n,
                                      g4r_bounds_gap(batch->slack[i]));
        stops = is_stopped != NULL && is_stopped(context);
    }
    g4r_blas_leave();
    for (size_t i = 0; i < batch->n && !stops; i++) {
        find_best(batch, i);
        stops = is_stopped != NULL && is_stopped(context);
    }
    return stops ? g4r_fail(error, GRU4REC_INTERRUPTED, "interrupted") : GRU4REC_OK;
}

bool gru4rec_batch_get(const gru4rec_batch *batch, int32_t lane, int64_t place,
                       int32_t *row, gru4rec_real *score)
{
    if (place < 0 || place >= (int64_t)batch->lanes[lane].n_best)
        return false;
    const g4r_scored *item = &batch->best[(size_t)lane * batch->k + (size_t)place];
    *row = item->row;
    *score = item->score;
    return true;
}

/*
 * batch.c - finds the best items of many sessions at once, with matrix products.
 *
 * The products only give bounds of the scores (bounds.h). From the bounds each session
 * gets a shortlist of the rows that can be among its best (shortlist.h). The kernel that
 * ranking.c uses scores these rows, so both files give the same scores.
 */
#include "../base/fail.h"
#include "../kernels/blas.h"
#include "blender.h"
#include "bounds.h"
#include "session.h"

enum {
    MOST_LANES = 128, /* most sessions of a batch, for any catalogue */
    SCORED = 2048     /* rows scored at a time, if a session needs the scores of all */
};

/*
 * Largest number of operations in the products of one batch, with floats and with bytes.
 * It limits the number of sessions of a batch. With more, the caller would wait too long
 * for the first result.
 */
static const double most_operations = 4e9, most_in_bytes = 16e9;

/* The sessions of one batch, and their best items after gru4rec_batch_score(). */
struct gru4rec_batch {
    gru4rec_allocator allocator;
    g4r_arena arena;
    const gru4rec_model *model;
    gru4rec_blender *blender; /* borrowed, or NULL */
    g4r_bounds bounds;        /* of all rows; its lanes are those of the batch */
    const g4r_vec *vec;
    size_t k; /* items wanted for each session */
    /*
     * No session was added since gru4rec_batch_score() was called last, or at all. So the
     * next session begins a new batch, and gru4rec_batch_score() does nothing.
     */
    bool is_scored;
    g4r_real *scores; /* (SCORED) scratch: scores of some rows */
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
};

/*
 * Returns the largest number of sessions of a batch, from 1 to MOST_LANES: fewer for a
 * larger catalogue, so that the products have no more than most_operations, or
 * most_in_bytes. With bytes it is a multiple of G4R_BYTES_LANES, which are multiplied
 * together anyway.
 */
static size_t count_lanes(const g4r_bounds *bounds)
{
    const double each = 2.0 * (double)bounds->output.n * (double)bounds->output.d;
    const bool has_bytes = bounds->way == G4R_BOUNDS_BYTES;
    const double most = (has_bytes ? most_in_bytes : most_operations) / each;
    const size_t n = (size_t)G4R_MAX(1, G4R_MIN(MOST_LANES, most));
    return has_bytes ? (n + G4R_BYTES_LANES - 1) / G4R_BYTES_LANES * G4R_BYTES_LANES : n;
}

/*
 * Sets the bounds of the batch. They are made from the model's copy in bytes, if there is
 * one and if that is fast. To make a copy for one query would take memory, and the time
 * of some batches.
 */
static void choose_bounds(gru4rec_batch *batch, const gru4rec_bytes *bytes)
{
    const g4r_output output = g4r_model_output(batch->model);
    g4r_bounds_init(&batch->bounds, &output, NULL, output.n, bytes);
    if (bytes == NULL)
        batch->bounds.way = G4R_BOUNDS_PRODUCTS;
}

/*
 * Carves the arrays of the batch and of its shortlists from batch->arena; while the arena
 * has no memory, only counts the bytes.
 */
static void layout(gru4rec_batch *batch)
{
    g4r_arena *arena = &batch->arena;
    const size_t n = count_lanes(&batch->bounds);
    g4r_bounds_layout(&batch->bounds, arena, n);
    batch->scores = g4r_arena_reals(arena, SCORED, 1);
    batch->best = g4r_arena_take(arena, n * batch->k, sizeof *batch->best);
    for (size_t lane = 0; lane < n; lane++)
        g4r_shortlist_layout(&batch->lanes[lane].list, arena, batch->bounds.output.n);
}

gru4rec_status gru4rec_batch_new(const gru4rec_allocator *allocator,
                                 const gru4rec_model *model, const gru4rec_bytes *bytes,
                                 gru4rec_blender *blender, int32_t k, gru4rec_batch **out)
{
    if (allocator == NULL)
        allocator = &g4r_alloc_libc;
    assert(k > 0 && k <= gru4rec_batch_most());
    assert(bytes == NULL || bytes->model == model);
    *out = NULL;
    gru4rec_batch *batch = g4r_alloc(allocator, 1, sizeof *batch);
    if (batch == NULL)
        return GRU4REC_NOMEM;
    batch->allocator = *allocator;
    batch->model = model;
    batch->blender = blender;
    choose_bounds(batch, bytes);
    batch->vec = batch->bounds.vec;
    batch->k = (size_t)k;
    batch->is_scored = true;
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
    return (int32_t)batch->bounds.n_lanes;
}

int32_t gru4rec_batch_add(gru4rec_batch *batch, const gru4rec_session *session,
                          const int32_t *excluded, size_t n_excluded,
                          const int32_t *history, size_t n_history)
{
    if (batch->is_scored)
        g4r_bounds_start(&batch->bounds);
    batch->is_scored = false;
    assert(session->model == batch->model);
    const size_t i = batch->bounds.n_added;
    struct lane *lane = &batch->lanes[i];
    g4r_bounds_add(&batch->bounds, g4r_network_top(&session->network, 0));
    g4r_shortlist_start(&lane->list, G4R_MIN(batch->k, batch->bounds.output.n), excluded,
                        n_excluded);
    lane->history = history;
    lane->n_history = n_history;
    lane->list.is_full = !batch->bounds.is_bounded[i];
    return (int32_t)i;
}

/*
 * Makes the shortlist of a session anew from the exact scores of all rows: empties it,
 * and adds each row whose score is greater than the k-th best so far. find_best() calls
 * it for a session without usable bounds, or whose scores are so close together that the
 * bounds left too many rows. A row with the same score as the k-th best is not added: the
 * rows ascend, so it would rank behind. x (D) is the session's vector.
 */
static void add_exact_rows(gru4rec_batch *batch, g4r_shortlist *list, const g4r_real *x)
{
    const g4r_output *output = &batch->bounds.output;
    g4r_real *scores = batch->scores;
    g4r_shortlist_start(list, list->k, list->excluded, list->n_excluded);
    for (size_t first = 0; first < output->n; first += SCORED) {
        const size_t n = G4R_MIN(SCORED, output->n - first);
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
    const g4r_output *output = &batch->bounds.output;
    const g4r_real *x = g4r_bounds_vector(&batch->bounds, i);
    const bool is_full = lane->list.is_full;
    if (is_full)
        add_exact_rows(batch, &lane->list, x);
    g4r_scored *best = batch->best + i * batch->k;
    lane->n_best = g4r_shortlist_best(&lane->list, best, output, x);
    g4r_bounds_note(&batch->bounds, is_full ? output->n : lane->list.n);
    if (batch->blender == NULL)
        return;
    g4r_blender_after(batch->blender, batch->model, x, lane->history, lane->n_history);
    lane->n_best =
        g4r_blender_merge(batch->blender, best, lane->n_best, lane->list.k,
                          &(g4r_blender_limits){lane->list.excluded,
                                                lane->list.n_excluded, NULL, 0});
}

/*
 * Makes the bounds of all rows for all sessions, part by part, and the shortlists from
 * them. Asks is_stopped after each part of the rows, and returns false at once if the
 * answer is yes.
 */
static bool make_shortlists(gru4rec_batch *batch, bool (*is_stopped)(void *),
                            void *context)
{
    g4r_bounds *bounds = &batch->bounds;
    for (size_t first = 0; first < bounds->n; first += bounds->n_part) {
        for (size_t lane = 0, m; lane < bounds->n_added; lane += m) {
            m = g4r_bounds_make(bounds, first, lane);
            for (size_t i = lane; i < lane + m; i++)
                if (bounds->is_bounded[i])
                    g4r_bounds_list(bounds, i, &batch->lanes[i].list);
        }
        if (is_stopped != NULL && is_stopped(context))
            return false;
    }
    return true;
}

gru4rec_status gru4rec_batch_score(gru4rec_batch *batch, bool (*is_stopped)(void *),
                                   void *context, gru4rec_error *error)
{
    if (batch->is_scored) /* no session was added since the last call */
        return GRU4REC_OK;
    batch->is_scored = true;
    if (!g4r_blas_enter())
        return g4r_blas_fail(error);
    bool stops = !make_shortlists(batch, is_stopped, context);
    g4r_blas_leave();
    for (size_t i = 0; i < batch->bounds.n_added && !stops; i++) {
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

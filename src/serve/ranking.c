/*
 * ranking.c - gives the items of a query in the order of their scores.
 *
 * The items are found in blocks: a block is found when its first item is asked for. The
 * first block has as many items as the caller expects to read, or else is small, so that
 * the first items cost one scan of the table. Each later block is larger. If the query
 * has a copy in bytes, the first block is found in the copy (bytes.h, shortlist.h). All
 * other blocks are found in the exact scores of all items, which are computed once.
 */
#include "blender.h"
#include "bytes.h"
#include "session.h"
#include "shortlist.h"

/* A ranking, its present query, and the place that it has reached. */
struct gru4rec_ranking {
    gru4rec_allocator allocator;
    g4r_arena arena;
    const g4r_vec *vec;
    /* The most items that it has memory to rank. */
    size_t n_items;
    /*
     * A copy of the query at work. If rows is NULL, n_rows is the number of items. bytes
     * is NULL if the copy in bytes cannot be searched, or has already been searched.
     */
    gru4rec_query query;
    /*
     * scores has the exact scores of all ranked items; those of excluded items are
     * -INFINITY.
     */
    bool is_scored;
    /*
     * upper shares the memory of scores, and integers that of block: the copy in bytes is
     * searched before scores and block are written.
     */
    union {
        g4r_real *scores; /* (n_items) score i: of row i, or of query.rows[i] */
        g4r_real *upper;  /* (SCAN_EACH) upper bounds of scores, from the bytes */
    };
    union {
        /*
         * (n_items) The present block, the best item first. The row of an item is its
         * index in scores.
         */
        g4r_scored *block;
        int8_t *integers; /* (bytes->table.d) the session's vector in integers */
    };
    g4r_shortlist shortlist;
    size_t n_block; /* number of items in the block */
    size_t place;   /* place in the block of the next item to give */
    size_t n_next;  /* number of items that the next block should have */
    /* The item given last; before the first, one that ranks before all others. */
    g4r_scored last;
};

/*
 * FIRST_BLOCK: items of the first block if the caller does not say how many it expects to
 * read. GROWTH: a later block is this many times as large as the block before it.
 */
enum {
    FIRST_BLOCK = 32,
    GROWTH = 8,
    /*
     * Rows whose bounds are made from the bytes at a time; the bounds stay in the cache.
     */
    SCAN_EACH = 32 * G4R_BYTES_ROWS
};

/*
 * Carves the arrays of the ranking from its arena; while the arena has no memory, only
 * counts the bytes.
 */
static void layout(gru4rec_ranking *ranking)
{
    g4r_arena *arena = &ranking->arena;
    const size_t n = ranking->n_items;
    g4r_shortlist_layout(&ranking->shortlist, arena, n);
    ranking->scores = g4r_arena_take(arena, n, sizeof *ranking->scores);
    ranking->block = g4r_arena_take(arena, n, sizeof *ranking->block);
}

gru4rec_status gru4rec_ranking_new(const gru4rec_allocator *allocator, int32_t n_items,
                                   gru4rec_ranking **out)
{
    if (allocator == NULL)
        allocator = &g4r_alloc_libc;
    *out = NULL;
    gru4rec_ranking *ranking = g4r_alloc(allocator, 1, sizeof *ranking);
    if (ranking == NULL)
        return GRU4REC_NOMEM;
    ranking->allocator = *allocator;
    ranking->vec = g4r_vec_pick();
    ranking->n_items = (size_t)n_items;
    layout(ranking);
    if (!g4r_arena_allocate_scratch(&ranking->arena, allocator)) {
        gru4rec_ranking_free(ranking);
        return GRU4REC_NOMEM;
    }
    layout(ranking);
    *out = ranking;
    return GRU4REC_OK;
}

void gru4rec_ranking_free(gru4rec_ranking *ranking)
{
    if (ranking == NULL)
        return;
    gru4rec_allocator allocator = ranking->allocator;
    g4r_arena_free(&ranking->arena, &allocator);
    g4r_alloc_free(&allocator, ranking);
}

/*
 * Tells whether the first block can be found in the copy in bytes. This is so if the
 * query has a copy and a session, if all items are ranked, and if the ranking has enough
 * memory for the bounds (in scores) and the integers (in block).
 */
static bool can_ask_bytes(const gru4rec_ranking *ranking)
{
    const gru4rec_query *query = &ranking->query;
    return query->bytes != NULL && query->session != NULL && query->rows == NULL &&
           query->bytes->table.d <= ranking->n_items * sizeof *ranking->block &&
           ranking->n_items >= SCAN_EACH;
}

void gru4rec_ranking_start(gru4rec_ranking *ranking, const gru4rec_query *query)
{
    const gru4rec_model *model = query->session != NULL ? query->session->model : NULL;
    const size_t n_items = model != NULL ? g4r_model_output(model).n : ranking->n_items;
    assert((query->session == NULL) != (query->scores == NULL));
    assert(query->bytes == NULL || model == NULL || query->bytes->model == model);
    assert(query->blender == NULL || query->session != NULL);
    ranking->query = *query;
    if (query->rows == NULL)
        ranking->query.n_rows = n_items;
    assert(n_items <= ranking->n_items && ranking->query.n_rows <= n_items);
    if (!can_ask_bytes(ranking))
        ranking->query.bytes = NULL;
    ranking->is_scored = false;
    ranking->n_block = 0;
    ranking->place = 0;
    ranking->n_next = query->n_expected > 0
                          ? (size_t)G4R_MIN(query->n_expected, G4R_SHORTLIST_MOST)
                          : FIRST_BLOCK;
    ranking->last = (g4r_scored){.score = (g4r_real)INFINITY, .row = -1};
}

/*
 * Sets the scores of the excluded items, in ranking->scores, to -INFINITY. Excluded items
 * that are not ranked are passed over. query->rows and query->excluded both ascend, so
 * one walk through both finds them.
 */
static void leave_out(gru4rec_ranking *ranking)
{
    const gru4rec_query *query = &ranking->query;
    const g4r_real nothing = -(g4r_real)INFINITY;
    size_t at = 0;
    for (size_t i = 0; i < query->n_excluded; i++) {
        const int32_t row = query->excluded[i];
        if (query->rows == NULL)
            at = (size_t)row;
        while (query->rows != NULL && at < query->n_rows && query->rows[at] < row)
            at++;
        if (query->rows == NULL || (at < query->n_rows && query->rows[at] == row))
            ranking->scores[at] = nothing;
    }
}

/*
 * Fills ranking->scores with the exact scores of all ranked items, from the session or
 * the scores of the query. If the query has a blender, overwrites them by the blended
 * scores that the blender has. Sets those of excluded items to -INFINITY, and sets
 * is_scored.
 */
static void score_all(gru4rec_ranking *ranking)
{
    const gru4rec_query *query = &ranking->query;
    const size_t n = query->n_rows;
    if (query->session != NULL)
        gru4rec_session_scores(query->session, query->rows, (int32_t)n, ranking->scores);
    else if (query->rows == NULL)
        memcpy(ranking->scores, query->scores, n * sizeof *ranking->scores);
    else
        for (size_t i = 0; i < n; i++)
            ranking->scores[i] = query->scores[query->rows[i]];
    if (query->blender != NULL)
        g4r_blender_overwrite(query->blender, ranking->scores, query->rows, n);
    leave_out(ranking);
    ranking->is_scored = true;
    GRU4REC_TRACE(3, "%zu items scored exactly, all", n);
}

/*
 * Finds the first block, the k best items, with the copy in bytes: makes a shortlist from
 * the upper bounds, and scores its rows exactly. If the query has a blender, the block
 * has the k best items by the blended scores. Writes the block into ranking->block and
 * n_block, and returns true. Returns false if the bounds would not hold, or leave too
 * many rows; then there is no block, and the caller must use the exact scores of all
 * items. In both cases sets query.bytes to NULL, so that the copy is not searched again.
 */
static bool ask_bytes(gru4rec_ranking *ranking, size_t k)
{
    const gru4rec_query *query = &ranking->query;
    const gru4rec_bytes *bytes = query->bytes;
    const g4r_output output = g4r_model_output(bytes->model);
    const g4r_real *x = g4r_network_top(&query->session->network, 0);
    g4r_shortlist *list = &ranking->shortlist;
    g4r_real *upper = ranking->upper;
    g4r_bytes_query vector;
    ranking->query.bytes = NULL;
    if (!g4r_bytes_prepare(bytes, &vector, ranking->integers, x))
        return false;
    g4r_shortlist_start(list, k, query->excluded, query->n_excluded);
    for (size_t first = 0; first < output.n && !list->is_full; first += SCAN_EACH) {
        const size_t n = G4R_MIN(SCAN_EACH, output.n - first);
        ranking->vec->scan.upper_bounds(upper, &bytes->table, output.bias, &vector, first,
                                        n);
        for (size_t i = g4r_shortlist_find(list, upper, 0, n); i < n;
             i = g4r_shortlist_find(list, upper, i + 1, n))
            g4r_shortlist_add(list, (int32_t)(first + i), upper[i],
                              upper[i] - g4r_bytes_gap(bytes, &vector, first + i));
    }
    if (list->is_full)
        return false;
    ranking->n_block = g4r_shortlist_best(list, ranking->block, &output, x);
    GRU4REC_TRACE(3, "%zu items scored exactly for the first %zu of %zu", list->n, k,
                  output.n);
    if (query->blender != NULL)
        ranking->n_block =
            g4r_blender_merge(query->blender, ranking->block, ranking->n_block, k,
                              &(g4r_blender_limits){query->excluded, query->n_excluded,
                                                    NULL, 0});
    return true;
}

/*
 * Replaces the block by the next one: up to n_next items that rank behind the item given
 * last. Sets n_block to their number; 0 if no item is left. Sets place to the start of
 * the block. Makes n_next GROWTH times as large for the block after it, as if it had been
 * at least FIRST_BLOCK. The first block comes from the copy in bytes if there is one that
 * can be used. Other blocks come from the exact scores of all items, which are computed
 * when the first of these blocks is found.
 */
static void find_block(gru4rec_ranking *ranking)
{
    const size_t k = G4R_MIN(ranking->n_next, ranking->query.n_rows);
    ranking->place = 0;
    ranking->n_next = G4R_MAX(k, FIRST_BLOCK) * GROWTH; /* k has a limit, n_next none */
    if (ranking->query.bytes != NULL && ask_bytes(ranking, k))
        return;
    if (!ranking->is_scored)
        score_all(ranking);
    ranking->n_block = g4r_topk(ranking->block, ranking->scores, &ranking->last,
                                ranking->query.n_rows, k, ranking->vec);
}

bool gru4rec_ranking_next(gru4rec_ranking *ranking, int32_t *row, gru4rec_real *score)
{
    const int32_t *rows = ranking->query.rows;
    if (ranking->place == ranking->n_block) {
        find_block(ranking);
        if (ranking->n_block == 0)
            return false;
    }
    ranking->last = ranking->block[ranking->place++];
    *row = rows != NULL ? rows[ranking->last.row] : ranking->last.row;
    *score = ranking->last.score;
    return true;
}

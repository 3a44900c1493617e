/*
 * ranking.c - gives the items of a query in the order of their scores.
 *
 * The items are found in blocks, each when its first item is asked for. The first block
 * is small, so that the first items cost one scan of the table; each later block is
 * larger. If the query has a copy in bytes, the first block is found in the copy
 * (bytes.h, shortlist.h). All other blocks are found in the exact scores of all items.
 */
#include "blender.h"
#include "bytes.h"
#include "session.h"
#include "shortlist.h"

struct gru4rec_ranking {
    gru4rec_allocator allocator;
    g4r_arena arena;
    const g4r_vec *vec;
    size_t n_items;
    /*
     * The query at work. n_rows is the number of items if rows is NULL. bytes becomes
     * NULL when the copy is searched, or if it cannot be searched.
     */
    gru4rec_query query;
    bool is_scored; /* scores are computed; those of excluded rows are -INFINITY */
    /*
     * upper shares the memory of scores, and integers that of block: the copy in bytes is
     * searched before scores and block are written.
     */
    union {
        g4r_real *scores; /* (n_items) score i is that of row i, or of query.rows[i] */
        g4r_real *upper;  /* (SCAN_EACH) upper bounds of scores */
    };
    union {
        g4r_scored *block; /* (n_items) the row of each is its index in scores */
        int8_t *integers;  /* (bytes->table.d) the session's vector in integers */
    };
    g4r_shortlist shortlist;
    size_t n_block;  /* items in the block */
    size_t place;    /* place in the block of the next item to give */
    size_t n_next;   /* size of the next block */
    g4r_scored last; /* item given last; at first a score above all others */
};

enum {
    FIRST_BLOCK = 32,
    GROWTH = 8,
    /*
     * Rows whose bounds are made from the bytes at a time; the bounds stay in the cache.
     */
    SCAN_EACH = 32 * G4R_BYTES_ROWS
};

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
 * Tells whether the first block can be found in the copy in bytes: there is a copy, all
 * rows of a session's model are ranked, and the memory of scores and block is large
 * enough for the bounds and the integers.
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
 * Sets the scores of the excluded rows to -INFINITY. query->rows and query->excluded both
 * ascend, so one walk finds the excluded among the ranked.
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
 * Computes the exact scores of all ranked rows into ranking->scores, blended ones if the
 * query has a blender; sets those of excluded rows to -INFINITY, and sets is_scored.
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
 * Finds the first block, the k best items, by the copy in bytes, writes it into
 * ranking->block, and sets n_block. In any case the copy is not searched again
 * (query.bytes becomes NULL). Returns false if the bounds would not hold, or leave too
 * many rows: then the exact scores must be used.
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
 * Replaces the block by the next one: the n_block items that come behind the item given
 * last; n_block is 0 if there is none. Sets place to the start of the block, and n_next
 * to the size of the block after it.
 */
static void find_block(gru4rec_ranking *ranking)
{
    const size_t k = G4R_MIN(ranking->n_next, ranking->query.n_rows);
    ranking->place = 0;
    ranking->n_next = G4R_MAX(ranking->n_next, FIRST_BLOCK) * GROWTH;
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

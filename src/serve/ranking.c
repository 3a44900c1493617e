/*
 * ranking.c - items in order of their scores, in blocks that are found when they are
 * asked for: the first few cost one scan, and whoever reads on gets larger blocks. Where
 * the model has a copy in bytes, that is what the first block is found in (quantized.h,
 * shortlist.h); all else takes the exact scores of all items. Uses session, topk.
 */
#include "../model/quantized.h"
#include "session.h"
#include "shortlist.h"

struct gru4rec_ranking {
    gru4rec_allocator allocator;
    const g4r_vec *vec;
    size_t n_items;
    const gru4rec_session *session; /* whose scores; NULL: the caller's */
    size_t n;                       /* scores that are ranked */
    bool has_rows;                  /* rows[i] is the item of score i, else i itself */
    const int32_t *excluded;        /* (n_excluded) ascending */
    size_t n_excluded;
    bool is_scored; /* scores are there, those of excluded items -INFINITY */
    char *memory;
    g4r_real *scores;  /* (n_items) */
    int32_t *rows;     /* (n_items) */
    g4r_scored *block; /* (n_items) */
    g4r_shortlist shortlist;
    size_t n_block;  /* in the block */
    size_t place;    /* in the block, of the next */
    size_t n_next;   /* size of the next block */
    g4r_scored last; /* the one given last */
    bool is_first;
    bool is_searched; /* the copy in bytes has been */
};

enum {
    FIRST_BLOCK = 32,
    GROWTH = 8,
    SCAN_EACH = 32 * G4R_BYTES_ROWS /* bounds that stay in the cache */
};

static size_t align(size_t bytes)
{
    return (bytes + G4R_ALIGNMENT - 1) / G4R_ALIGNMENT * G4R_ALIGNMENT;
}

static size_t count_bytes(size_t n)
{
    return g4r_shortlist_bytes(n) + align(n * sizeof(g4r_real)) +
           align(n * sizeof(int32_t)) + n * sizeof(g4r_scored);
}

gru4rec_status gru4rec_ranking_new(const gru4rec_allocator *allocator, int32_t n_items,
                                   gru4rec_ranking **out)
{
    if (allocator == NULL)
        allocator = &g4r_libc_allocator;
    *out = NULL;
    gru4rec_ranking *ranking = g4r_alloc(allocator, 1, sizeof *ranking);
    if (ranking == NULL)
        return GRU4REC_NOMEM;
    const size_t n = (size_t)n_items;
    ranking->allocator = *allocator;
    ranking->vec = g4r_vec_pick();
    ranking->n_items = n;
    ranking->memory = g4r_alloc_scratch(allocator, count_bytes(n));
    if (ranking->memory == NULL) {
        gru4rec_ranking_free(ranking);
        return GRU4REC_NOMEM;
    }
    g4r_shortlist_init(&ranking->shortlist, ranking->memory, n);
    char *at = ranking->memory + g4r_shortlist_bytes(n);
    ranking->scores = (g4r_real *)(void *)at;
    at += align(n * sizeof *ranking->scores);
    ranking->rows = (int32_t *)(void *)at;
    at += align(n * sizeof *ranking->rows);
    ranking->block = (g4r_scored *)(void *)at;
    *out = ranking;
    return GRU4REC_OK;
}

void gru4rec_ranking_free(gru4rec_ranking *ranking)
{
    if (ranking == NULL)
        return;
    gru4rec_allocator allocator = ranking->allocator;
    g4r_free_aligned(&allocator, ranking->memory);
    g4r_free(&allocator, ranking);
}

g4r_real *gru4rec_ranking_scores(gru4rec_ranking *ranking)
{
    return ranking->scores;
}

int32_t *gru4rec_ranking_rows(gru4rec_ranking *ranking)
{
    return ranking->rows;
}

void gru4rec_ranking_start(gru4rec_ranking *ranking, int32_t n, bool has_rows)
{
    assert((size_t)n <= ranking->n_items);
    ranking->session = NULL;
    ranking->n = (size_t)n;
    ranking->has_rows = has_rows;
    ranking->n_excluded = 0;
    ranking->is_scored = true;
    ranking->n_block = 0;
    ranking->place = 0;
    ranking->n_next = FIRST_BLOCK;
    ranking->is_first = true;
    ranking->is_searched = false;
}

void gru4rec_ranking_start_session(gru4rec_ranking *ranking,
                                   const gru4rec_session *session, int32_t n,
                                   bool has_rows)
{
    gru4rec_ranking_start(ranking, n, has_rows);
    ranking->session = session;
    ranking->is_scored = false;
}

/* Both lists ascend. */
static void leave_out(gru4rec_ranking *ranking)
{
    const g4r_real nothing = -(g4r_real)INFINITY;
    size_t at = 0;
    for (size_t i = 0; i < ranking->n_excluded; i++) {
        const int32_t row = ranking->excluded[i];
        if (!ranking->has_rows)
            at = (size_t)row;
        while (ranking->has_rows && at < ranking->n && ranking->rows[at] < row)
            at++;
        if (!ranking->has_rows || (at < ranking->n && ranking->rows[at] == row))
            ranking->scores[at] = nothing;
    }
}

void gru4rec_ranking_exclude(gru4rec_ranking *ranking, const int32_t *rows, size_t n)
{
    assert(ranking->is_first && ranking->n_block == 0);
    ranking->excluded = rows;
    ranking->n_excluded = n;
    if (ranking->is_scored)
        leave_out(ranking);
}

void gru4rec_ranking_expect(gru4rec_ranking *ranking, int64_t n)
{
    assert(ranking->is_first && ranking->n_block == 0);
    ranking->n_next = (size_t)G4R_MAX(1, G4R_MIN(n, G4R_SHORTLIST_MOST));
}

static void score_all(gru4rec_ranking *ranking)
{
    gru4rec_session_scores(ranking->session, ranking->has_rows ? ranking->rows : NULL,
                           (int32_t)ranking->n, ranking->scores);
    leave_out(ranking);
    ranking->is_scored = true;
}

/* The first block, from the copy in bytes; false where that could not tell enough. */
static bool find_quantized(gru4rec_ranking *ranking, size_t k)
{
    const gru4rec_model *model = g4r_session_model(ranking->session);
    const g4r_quantized *quantized = model->quantized;
    const g4r_real *table = model->values[model->params.output];
    const g4r_real *bias = model->values[model->params.output_bias];
    const g4r_real *x = g4r_session_top(ranking->session);
    g4r_real *upper = ranking->scores; /* not in use yet */
    int8_t *p = (int8_t *)ranking->block;
    g4r_shortlist *list = &ranking->shortlist;
    g4r_bytes_query query;
    if (!g4r_quantized_query(quantized, &query, p, x, model->params.top))
        return false;
    g4r_shortlist_start(list, k, ranking->excluded, ranking->n_excluded);
    for (size_t first = 0; first < ranking->n && !list->is_full; first += SCAN_EACH) {
        const size_t n = G4R_MIN(SCAN_EACH, ranking->n - first);
        ranking->vec->scan.upper_bounds(upper, &quantized->bytes, bias, &query, first, n);
        g4r_real least = g4r_shortlist_least(list);
        for (size_t i = ranking->vec->scan.find(upper, 0, least, n); i < n;
             i = ranking->vec->scan.find(upper, i + 1, least, n)) {
            g4r_shortlist_add(list, (int32_t)(first + i), upper[i],
                              upper[i] - g4r_quantized_gap(quantized, &query, first + i));
            least = g4r_shortlist_least(list);
        }
    }
    if (list->is_full)
        return false;
    ranking->n_block = g4r_shortlist_best(list, ranking->block, table, bias, x,
                                          model->params.top, ranking->vec);
    return true;
}

/* May the first block come from the copy? Its query needs room where the block is. */
static bool can_quantize(const gru4rec_ranking *ranking, size_t k)
{
    if (ranking->is_scored || ranking->has_rows || ranking->is_searched || k == 0 ||
        k > G4R_SHORTLIST_MOST)
        return false;
    const gru4rec_model *model = g4r_session_model(ranking->session);
    return model->quantized != NULL &&
           model->quantized->bytes.d <= ranking->n_items * sizeof *ranking->block &&
           ranking->n_items >= SCAN_EACH;
}

static void find_block(gru4rec_ranking *ranking)
{
    const size_t k = G4R_MIN(ranking->n_next, ranking->n);
    const g4r_scored *after = ranking->is_first ? NULL : &ranking->last;
    ranking->place = 0;
    ranking->n_next = G4R_MAX(ranking->n_next, FIRST_BLOCK) * GROWTH;
    if (can_quantize(ranking, k)) {
        ranking->is_searched = true;
        if (find_quantized(ranking, k))
            return;
    }
    if (!ranking->is_scored)
        score_all(ranking);
    ranking->n_block =
        g4r_topk(ranking->block, ranking->scores, after, ranking->n, k, ranking->vec);
}

bool gru4rec_ranking_next(gru4rec_ranking *ranking, int32_t *row, gru4rec_real *score)
{
    if (ranking->place == ranking->n_block) {
        find_block(ranking);
        if (ranking->n_block == 0)
            return false;
    }
    ranking->last = ranking->block[ranking->place++];
    ranking->is_first = false;
    *row = ranking->has_rows ? ranking->rows[ranking->last.row] : ranking->last.row;
    *score = ranking->last.score;
    return true;
}

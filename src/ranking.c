/*
 * ranking.c (L4) - items in order of their scores, in blocks that are found when they are
 * asked for: the first few cost one scan, and whoever reads on gets larger blocks. Uses
 * topk.
 */
#include "alloc.h"
#include "topk.h"

struct gru4rec_ranking {
    gru4rec_allocator allocator;
    const g4r_vec *vec;
    size_t n_items;
    size_t n;      /* scores that are ranked */
    bool has_rows; /* rows[i] is the item of score i, else i itself */
    g4r_real *scores;
    int32_t *rows;
    g4r_scored *block; /* (n_items) */
    size_t n_block;    /* in the block */
    size_t place;      /* in the block, of the next */
    size_t n_next;     /* size of the next block */
    g4r_scored last;   /* the one given last */
    bool is_first;
};

enum { FIRST_BLOCK = 32, GROWTH = 8 };

gru4rec_status gru4rec_ranking_new(const gru4rec_allocator *allocator, int32_t n_items,
                                   gru4rec_ranking **out)
{
    if (allocator == NULL)
        allocator = &g4r_libc_allocator;
    *out = NULL;
    gru4rec_ranking *ranking = g4r_alloc(allocator, 1, sizeof *ranking);
    if (ranking == NULL)
        return GRU4REC_NOMEM;
    size_t n = (size_t)n_items;
    ranking->allocator = *allocator;
    ranking->vec = g4r_vec_pick();
    ranking->n_items = n;
    ranking->scores = g4r_alloc_aligned(allocator, n * sizeof *ranking->scores);
    ranking->rows = g4r_alloc(allocator, n, sizeof *ranking->rows);
    ranking->block = g4r_alloc(allocator, n, sizeof *ranking->block);
    if (ranking->scores == NULL || ranking->rows == NULL || ranking->block == NULL) {
        gru4rec_ranking_free(ranking);
        return GRU4REC_NOMEM;
    }
    *out = ranking;
    return GRU4REC_OK;
}

void gru4rec_ranking_free(gru4rec_ranking *ranking)
{
    if (ranking == NULL)
        return;
    gru4rec_allocator allocator = ranking->allocator;
    g4r_free_aligned(&allocator, ranking->scores);
    g4r_free(&allocator, ranking->rows);
    g4r_free(&allocator, ranking->block);
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
    ranking->n = (size_t)n;
    ranking->has_rows = has_rows;
    ranking->n_block = 0;
    ranking->place = 0;
    ranking->n_next = FIRST_BLOCK;
    ranking->is_first = true;
}

bool gru4rec_ranking_next(gru4rec_ranking *ranking, int32_t *row, gru4rec_real *score)
{
    if (ranking->place == ranking->n_block) {
        size_t k = G4R_MIN(ranking->n_next, ranking->n);
        ranking->n_block = g4r_topk(ranking->block, ranking->scores,
                                    ranking->is_first ? NULL : &ranking->last, ranking->n,
                                    k, ranking->vec);
        ranking->place = 0;
        ranking->n_next *= GROWTH;
        if (ranking->n_block == 0)
            return false;
    }
    ranking->last = ranking->block[ranking->place++];
    ranking->is_first = false;
    *row = ranking->has_rows ? ranking->rows[ranking->last.row] : ranking->last.row;
    *score = ranking->last.score;
    return true;
}

/*
 * test_ranking.c - rankings by the caller's scores, read one by one to their end, against
 * a full sort: ties, NaN, items left out, candidates, starting again, short memory.
 */
#include "../../src/base/base.h"
#include "../../src/base/rng.h"
#include "../lib/fault_alloc.h"
#include "../lib/test.h"

enum { ITEMS = 3000 }; /* more than the first three blocks */

typedef struct scored {
    gru4rec_real score;
    int32_t row;
} scored;

static int compare(const void *a, const void *b)
{
    const scored *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static gru4rec_ranking *new_ranking(int32_t n_items)
{
    gru4rec_ranking *ranking;
    CHECK_INT(GRU4REC_OK, gru4rec_ranking_new(NULL, n_items, &ranking));
    return ranking;
}

static gru4rec_real scores[ITEMS];
static int32_t rows[ITEMS], excluded[ITEMS];

static bool is_excluded(const gru4rec_query *query, int32_t row)
{
    for (size_t i = 0; i < query->n_excluded; i++)
        if (query->excluded[i] == row)
            return true;
    return false;
}

/* Reads a started ranking to its end; it must be the sorted order. */
static void check_order(gru4rec_ranking *ranking, const gru4rec_query *query,
                        int32_t n_items)
{
    static scored sorted[ITEMS];
    const int32_t n = query->rows != NULL ? (int32_t)query->n_rows : n_items;
    size_t n_sorted = 0, n_right = 0;
    int32_t row;
    gru4rec_real score;
    for (int32_t i = 0; i < n; i++) {
        row = query->rows != NULL ? query->rows[i] : i;
        if (query->scores[row] > -(gru4rec_real)INFINITY && !is_excluded(query, row))
            sorted[n_sorted++] = (scored){query->scores[row], row};
    }
    qsort(sorted, n_sorted, sizeof *sorted, compare);
    for (size_t i = 0; i < n_sorted; i++)
        n_right += gru4rec_ranking_next(ranking, &row, &score) && row == sorted[i].row &&
                   score == sorted[i].score;
    CHECK_INT(n_sorted, n_right);
    for (int i = 0; i < 40; i++)
        CHECK(!gru4rec_ranking_next(ranking, &row, &score));
}

/* Starts the query, and checks it to its end. */
static void check_query(gru4rec_ranking *ranking, const gru4rec_query *query,
                        int32_t n_items)
{
    gru4rec_ranking_start(ranking, query);
    check_order(ranking, query, n_items);
}

static void draw_scores(int n_values, int64_t seed)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, seed, 0, 0);
    for (int32_t i = 0; i < ITEMS; i++) {
        double u = g4r_rng_uniform(&rng);
        scores[i] = (gru4rec_real)(u < 0.02   ? (double)NAN
                                   : u < 0.05 ? -(double)INFINITY
                                   : u < 0.06 ? (double)INFINITY
                                              : floor(g4r_rng_uniform(&rng) * n_values));
    }
}

/* list: every stride-th row; returns how many. */
static size_t every(int32_t *list, int32_t stride)
{
    size_t n = 0;
    for (int32_t row = stride - 1; row < ITEMS; row += stride)
        list[n++] = row;
    return n;
}

static void test_all_items(void)
{
    static const int32_t sizes[] = {1, 2, 31, 32, 33, 287, 288, 289, 290, ITEMS};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        gru4rec_ranking *ranking = new_ranking(sizes[s]);
        for (int n_values = 1; n_values < 1000000; n_values *= 50) {
            draw_scores(n_values, n_values);
            check_query(ranking, &(gru4rec_query){.scores = scores}, sizes[s]);
        }
        gru4rec_ranking_free(ranking);
    }
}

/* Candidates: ascending rows, fewer than there are items. */
static void test_candidates(void)
{
    gru4rec_ranking *ranking = new_ranking(ITEMS);
    for (int32_t stride = 1; stride <= 1000; stride *= 10) {
        const size_t n = every(rows, stride);
        draw_scores(5, stride);
        check_query(ranking,
                    &(gru4rec_query){.scores = scores, .rows = rows, .n_rows = n}, ITEMS);
    }
    gru4rec_ranking_free(ranking);
}

/* Rows, scores and rows left out at once, of which some are no candidates. */
static void test_candidates_without_those_left_out(void)
{
    static const int64_t expectations[] = {0, 1, 3, 5000, INT64_MAX};
    gru4rec_ranking *ranking = new_ranking(ITEMS);
    for (int32_t stride = 1; stride <= 64; stride *= 4)
        for (int32_t out = 1; out <= 64; out *= 2)
            for (size_t i = 0; i < sizeof expectations / sizeof *expectations; i++) {
                draw_scores(20, stride * 100 + out);
                const gru4rec_query query = {
                    .scores = scores,
                    .rows = i % 2 == 0 ? rows : NULL,
                    .n_rows = every(rows, stride),
                    .excluded = excluded,
                    .n_excluded = every(excluded, out),
                    .n_expected = expectations[i],
                };
                check_query(ranking, &query, ITEMS);
            }
    gru4rec_ranking_free(ranking);
}

/* An empty list is not the same as none. */
static void test_no_candidates(void)
{
    gru4rec_ranking *ranking = new_ranking(ITEMS);
    draw_scores(5, 1);
    check_query(ranking, &(gru4rec_query){.scores = scores, .rows = rows}, ITEMS);
    gru4rec_ranking_free(ranking);
}

/* A ranking that was read in part starts again from the top; its scores are as they
 * were. */
static void test_starts_again(void)
{
    static const int n_read[] = {0, 1, 31, 32, 33, 500};
    static gru4rec_real before[ITEMS];
    gru4rec_ranking *ranking = new_ranking(ITEMS);
    int32_t row;
    gru4rec_real score;
    for (size_t i = 0; i < sizeof n_read / sizeof *n_read; i++) {
        draw_scores(40, (int64_t)i);
        memcpy(before, scores, sizeof before);
        const gru4rec_query first = {.scores = scores,
                                     .excluded = excluded,
                                     .n_excluded = every(excluded, 3)};
        gru4rec_ranking_start(ranking, &first);
        for (int k = 0; k < n_read[i]; k++)
            CHECK(gru4rec_ranking_next(ranking, &row, &score));
        check_query(ranking, &(gru4rec_query){.scores = scores}, ITEMS);
        CHECK(memcmp(before, scores, sizeof before) == 0);
    }
    gru4rec_ranking_free(ranking);
}

/* The query itself is copied: it may be gone when rows are read. */
static void test_query_is_copied(void)
{
    gru4rec_ranking *ranking = new_ranking(ITEMS);
    draw_scores(40, 7);
    gru4rec_query query = {.scores = scores, .rows = rows, .n_rows = every(rows, 7)};
    const gru4rec_query same = query;
    gru4rec_ranking_start(ranking, &query);
    memset(&query, 0xa5, sizeof query);
    check_order(ranking, &same, ITEMS);
    gru4rec_ranking_free(ranking);
}

static void test_short_memory(void)
{
    for (size_t i = 1; i <= 3; i++) {
        fault_alloc fault = {.fail_at = i};
        gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        gru4rec_ranking *ranking;
        gru4rec_status status = gru4rec_ranking_new(&allocator, 100, &ranking);
        CHECK_INT(i > 2 ? GRU4REC_OK : GRU4REC_NOMEM, status);
        CHECK_INT(i > 2, ranking != NULL);
        gru4rec_ranking_free(ranking);
        CHECK_INT(0, fault.n_live);
    }
    gru4rec_ranking_free(NULL);
}

int main(void)
{
    RUN(test_all_items);
    RUN(test_candidates);
    RUN(test_candidates_without_those_left_out);
    RUN(test_no_candidates);
    RUN(test_starts_again);
    RUN(test_query_is_copied);
    RUN(test_short_memory);
    return test_end();
}

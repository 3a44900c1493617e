/*
 * test_ranking.c - rankings read one by one to their end, against a full sort: ties, NaN,
 * items left out, candidates, starting again, short memory.
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

/* Reads a started ranking of n scores to its end; it must be the sorted order. */
static void check_order(gru4rec_ranking *ranking, int32_t n, bool has_rows)
{
    static scored sorted[ITEMS];
    size_t n_sorted = 0, n_right = 0;
    int32_t row;
    gru4rec_real score;
    for (int32_t i = 0; i < n; i++) {
        score = gru4rec_ranking_scores(ranking)[i];
        row = has_rows ? gru4rec_ranking_rows(ranking)[i] : i;
        if (score > -(gru4rec_real)INFINITY)
            sorted[n_sorted++] = (scored){score, row};
    }
    qsort(sorted, n_sorted, sizeof *sorted, compare);
    for (size_t i = 0; i < n_sorted; i++)
        n_right += gru4rec_ranking_next(ranking, &row, &score) && row == sorted[i].row &&
                   score == sorted[i].score;
    CHECK_INT(n_sorted, n_right);
    for (int i = 0; i < 40; i++)
        CHECK(!gru4rec_ranking_next(ranking, &row, &score));
}

static void draw_scores(gru4rec_ranking *ranking, int32_t n, int n_values, int64_t seed)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, seed, 0, 0);
    for (int32_t i = 0; i < n; i++) {
        double u = g4r_rng_uniform(&rng);
        gru4rec_ranking_scores(ranking)[i] =
            (gru4rec_real)(u < 0.02   ? (double)NAN
                           : u < 0.05 ? -(double)INFINITY
                                      : floor(g4r_rng_uniform(&rng) * n_values));
    }
}

static void test_all_items(void)
{
    static const int32_t sizes[] = {1, 2, 31, 32, 33, 287, 288, 289, 290, ITEMS};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        gru4rec_ranking *ranking = new_ranking(sizes[s]);
        for (int n_values = 1; n_values < 1000000; n_values *= 50) {
            draw_scores(ranking, sizes[s], n_values, n_values);
            gru4rec_ranking_start(ranking, sizes[s], false);
            check_order(ranking, sizes[s], false);
        }
        gru4rec_ranking_free(ranking);
    }
}

/* Candidates: ascending rows, fewer than there are items. */
static void test_candidates(void)
{
    gru4rec_ranking *ranking = new_ranking(ITEMS);
    for (int32_t stride = 1; stride <= 1000; stride *= 10) {
        int32_t n = 0;
        for (int32_t row = stride - 1; row < ITEMS; row += stride)
            gru4rec_ranking_rows(ranking)[n++] = row;
        draw_scores(ranking, n, 5, stride);
        gru4rec_ranking_start(ranking, n, true);
        check_order(ranking, n, true);
    }
    gru4rec_ranking_free(ranking);
}

static void test_no_candidates(void)
{
    gru4rec_ranking *ranking = new_ranking(5);
    gru4rec_ranking_start(ranking, 0, true);
    check_order(ranking, 0, true);
    gru4rec_ranking_free(ranking);
}

/* A ranking that was read in part starts again from the top. */
static void test_starts_again(void)
{
    static const int n_read[] = {0, 1, 31, 32, 33, 500};
    gru4rec_ranking *ranking = new_ranking(ITEMS);
    int32_t row;
    gru4rec_real score;
    for (size_t i = 0; i < sizeof n_read / sizeof *n_read; i++) {
        draw_scores(ranking, ITEMS, 40, (int64_t)i);
        gru4rec_ranking_start(ranking, ITEMS, false);
        for (int k = 0; k < n_read[i]; k++)
            CHECK(gru4rec_ranking_next(ranking, &row, &score));
        gru4rec_ranking_start(ranking, ITEMS, false);
        check_order(ranking, ITEMS, false);
    }
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
    RUN(test_no_candidates);
    RUN(test_starts_again);
    RUN(test_short_memory);
    return test_end();
}

/*
 * test_ranking_session.c - ranking.c: rankings by a session's scores, to their last
 * row and bit against a full sort of the exact scores, with and without a copy in bytes; rows left out, candidates, expectations, ties that no shortlist has room for.
 */
#include "../lib/fault_alloc.h"
#include "../lib/serving.h"

#include "../../src/serve/session.h"

static const struct shape {
    int32_t n_items;
    size_t d;
} shapes[] = {{1, 1},      {2, 7},    {31, 16},   {1023, 20}, {1024, 1},
              {1025, 100}, {1500, 7}, {5000, 16}, {20000, 3}};
enum { N_SHAPES = sizeof shapes / sizeof *shapes, MOST_ITEMS = 20000 };

/* How many rows are expected; 0: nothing is said. */
static const int64_t expectations[] = {20, 1000, 1, 5000, 32, 0, INT64_MAX};
enum {
    N_OF_MANY = 4 /* for a table that takes long */,
    N_EXPECTATIONS = sizeof expectations / sizeof *expectations
};

static ranked expected[MOST_ITEMS];
static int32_t excluded[MOST_ITEMS];

static gru4rec_ranking *new_ranking(int32_t n_items)
{
    gru4rec_ranking *ranking;
    if (!CHECK_INT(GRU4REC_OK, gru4rec_ranking_new(NULL, n_items, &ranking)))
        exit(test_end());
    return ranking;
}

static bool check_session(gru4rec_ranking *ranking, const gru4rec_session *session,
                          const gru4rec_bytes *bytes, int64_t expectation,
                          size_t n_excluded)
{
    const int32_t n_items = session->model->params.n_items;
    const gru4rec_query query = {.session = session,
                                 .excluded = n_excluded > 0 ? excluded : NULL,
                                 .n_excluded = n_excluded,
                                 .n_expected = expectation,
                                 .bytes = bytes};
    gru4rec_ranking_start(ranking, &query);
    return check_reads(ranking, expected,
                       sort_all(expected, session, n_items, excluded, n_excluded));
}

/* With a share of the rows left out; 2: exactly the ten best. */
static size_t choose_excluded(const gru4rec_session *session, int32_t n_items,
                              double share)
{
    if (share < 1.5)
        return draw_rows(excluded, n_items, share);
    int32_t best[10];
    size_t n = sort_all(expected, session, n_items, NULL, 0), n_excluded = 0;
    for (size_t i = 0; i < G4R_MIN(n, 10); i++)
        best[i] = expected[i].row;
    for (int32_t row = 0; row < n_items; row++)
        if (is_among(best, G4R_MIN(n, 10), row))
            excluded[n_excluded++] = row;
    return n_excluded;
}

static void check_model(gru4rec_model *model, const g4r_real *x, const char *what)
{
    static const double shares[] = {0, 0.01, 0.5, 2};
    const int32_t n = model->params.n_items;
    gru4rec_session *session = session_of(model, x);
    gru4rec_ranking *ranking = new_ranking(n);
    bool is_right = true;
    gru4rec_bytes *bytes = bytes_of(model); /* or none */
    for (int has_copy = 0; has_copy < 2; has_copy++)
        for (size_t i = 0; i < 4 && is_right; i++) {
            size_t n_excluded = choose_excluded(session, n, shares[i]);
            size_t n_expectations = !has_copy ? 1 : n > 2000 ? N_OF_MANY : N_EXPECTATIONS;
            for (size_t k = 0; k < n_expectations && is_right; k++) {
                is_right = check_session(ranking, session, has_copy ? bytes : NULL,
                                         expectations[k], n_excluded);
                if (!is_right)
                    printf("  %s, %d items, width %zu, copy %d, expected %lld, %zu left "
                           "out\n",
                           what, (int)n, model->params.width, has_copy,
                           (long long)expectations[k], n_excluded);
            }
        }
    gru4rec_bytes_free(bytes);
    gru4rec_ranking_free(ranking);
    gru4rec_session_free(session);
}

static void check_kind(serving_kind kind, int32_t n_items, size_t d, double size)
{
    gru4rec_model *model = serving_model(NULL, n_items, d);
    g4r_real *x = malloc(d * sizeof *x);
    char what[60];
    fill_table(model, kind);
    draw_x(x, kind, d, size);
    snprintf(what, sizeof what, "kind %d, vector of %g", (int)kind, size);
    check_model(model, x, what);
    free(x);
    gru4rec_model_free(model);
}

static void ranking_is_the_sorted_order(void)
{
    for (int kind = 0; kind < N_KINDS; kind += KIND_STEP)
        for (size_t s = 0; s < N_SHAPES; s++)
            check_kind((serving_kind)kind, shapes[s].n_items, shapes[s].d, 1);
}

static void ranking_by_vectors_of_all_sizes(void)
{
    static const double sizes[] = {0, 1e-42, 1e-30, 1e-15, 1e6, 1e15};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int kind = 0; kind < N_KINDS; kind += KIND_STEP)
            check_kind((serving_kind)kind, 1100, 5, sizes[i]);
}

/* Wider than the block of the smallest ranking with a copy has room for, and less. */
static void ranking_of_wide_models(void)
{
    check_kind(NORMAL, 1030, 300, 1);
    check_kind(NORMAL, 1024, 4096, 1);
    check_kind(LAST_BIT, 1024, 4097, 1);
    check_kind(NORMAL, 1051, 4200, 1);
}

/*
 * Scores at the end of the format and beyond: some are infinite, some no numbers at all,
 * which the exact ranking gives first, and not at all.
 */
static void ranking_at_the_end_of_the_format(void)
{
    static const double sizes[][2] = {{1e30, 1e30},  {1e25, 1e13}, {1e19, 1e19},
                                      {1e30, 1e-30}, {3e38, 1},    {1, 3e38},
                                      {1e-42, 1e30}, {1e30, 1e-42}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t d = 2; d <= 16; d += 14) {
            gru4rec_model *model = serving_model(NULL, 1100, d);
            g4r_real x[16];
            char what[60];
            for (size_t k = 0; k < 1100 * d; k++)
                serving_table(model)[k] = (g4r_real)draw(-sizes[i][0], sizes[i][0]);
            for (size_t k = 0; k < d; k++)
                x[k] = (g4r_real)draw(-sizes[i][1], sizes[i][1]);
            memset(serving_table(model) + 7 * d, 0,
                   d * sizeof *x); /* and a row of zeros */
            snprintf(what, sizeof what, "rows of %g, vector of %g", sizes[i][0],
                     sizes[i][1]);
            check_model(model, x, what);
            gru4rec_model_free(model);
        }
}

/* Two coordinates that never meet: scores are the biases, though the norms overflow. */
static void ranking_of_huge_norms_that_do_not_meet(void)
{
    const g4r_real x[2] = {0, 1e20f};
    gru4rec_model *model = serving_model(NULL, 1100, 2);
    for (size_t row = 0; row < 1100; row++) {
        serving_table(model)[2 * row] = 1e30f;
        serving_bias(model)[row] = (g4r_real)draw(-1, 1);
    }
    check_model(model, x, "rows (1e30, 0), vector (0, 1e20)");
    gru4rec_model_free(model);
}

/* A model whose weights are not all numbers gets no copy, and its ranking goes on. */
static void ranking_of_a_model_with_bad_rows(void)
{
    gru4rec_model *model = serving_model(NULL, 1100, 5);
    g4r_real x[5];
    fill_table(model, NORMAL);
    draw_x(x, NORMAL, 5, 1);
    for (size_t k = 0; k < 5; k++)
        serving_table(model)[5 * (100 * k + 3) + k] = k % 2 == 0 ? NAN : INFINITY;
    gru4rec_session *session = session_of(model, x);
    gru4rec_ranking *ranking = new_ranking(1100);
    CHECK(bytes_of(model) == NULL);
    for (size_t k = 0; k < N_EXPECTATIONS; k++)
        check_session(ranking, session, NULL, expectations[k], 0);
    gru4rec_ranking_free(ranking);
    gru4rec_session_free(session);
    gru4rec_model_free(model);
}

/*
 * The first block comes from the copy where there are enough rows: a row whose bound is
 * made wrong is missing. So the tests above have tested it.
 */
static void first_block_comes_from_the_copy(void)
{
    for (int32_t n = 1023; n <= 1024; n++) {
        gru4rec_model *model = serving_model(NULL, n, 5);
        g4r_real x[5], score;
        int32_t row;
        fill_table(model, NORMAL);
        draw_x(x, NORMAL, 5, 1);
        gru4rec_session *session = session_of(model, x);
        gru4rec_ranking *ranking = new_ranking(n);
        gru4rec_bytes *bytes = bytes_of(model);
        if (!CHECK(bytes != NULL))
            exit(test_end());
        sort_all(expected, session, n, NULL, 0);
        bytes->table.rest[expected[0].row] = -1000;
        gru4rec_ranking_start(ranking,
                              &(gru4rec_query){.session = session, .bytes = bytes});
        CHECK(gru4rec_ranking_next(ranking, &row, &score));
        CHECK_INT(n == 1023 ? expected[0].row : expected[1].row, row);
        gru4rec_bytes_free(bytes);
        gru4rec_ranking_free(ranking);
        gru4rec_session_free(session);
        gru4rec_model_free(model);
    }
}

/* ---- what is left out ---- */

/* *bytes: NULL without has_copy. */
static gru4rec_model *make(int32_t n_items, serving_kind kind, bool has_copy,
                           gru4rec_session **session, gru4rec_bytes **bytes)
{
    gru4rec_model *model = serving_model(NULL, n_items, 6);
    g4r_real x[6];
    fill_table(model, kind);
    draw_x(x, kind, 6, 1);
    *session = session_of(model, x);
    *bytes = has_copy ? bytes_of(model) : NULL;
    return model;
}

/* All rows, all but one, all but the first or last few: and asked on after the end. */
static void nearly_all_is_left_out(void)
{
    for (int has_copy = 0; has_copy < 2; has_copy++)
        for (int32_t n_left = 0; n_left < 40; n_left = n_left * 3 + 1) {
            gru4rec_session *session;
            gru4rec_bytes *bytes;
            gru4rec_model *model = make(1500, NORMAL, has_copy, &session, &bytes);
            gru4rec_ranking *ranking = new_ranking(1500);
            for (int32_t i = 0; i < 1500 - n_left; i++)
                excluded[i] = i + n_left / 2;
            for (size_t k = 0; k < N_EXPECTATIONS; k++)
                check_session(ranking, session, bytes, expectations[k],
                              (size_t)(1500 - n_left));
            gru4rec_ranking_free(ranking);
            gru4rec_bytes_free(bytes);
            gru4rec_session_free(session);
            gru4rec_model_free(model);
        }
}

/* What one ranking leaves out the next does not, and the other way round. */
static void start_forgets_what_was_left_out(void)
{
    for (int has_copy = 0; has_copy < 2; has_copy++) {
        gru4rec_session *session;
        gru4rec_bytes *bytes;
        gru4rec_model *model = make(1500, FEW_VALUES, has_copy, &session, &bytes);
        gru4rec_ranking *ranking = new_ranking(1500);
        for (int round = 0; round < 4; round++) {
            size_t n_excluded = draw_rows(excluded, 1500, round % 2 == 0 ? 0.7 : 0);
            check_session(ranking, session, bytes, 20, n_excluded);
            /* Half read, and then another. */
            int32_t row;
            g4r_real score;
            gru4rec_ranking_start(ranking, &(gru4rec_query){.session = session,
                                                            .excluded = excluded,
                                                            .n_excluded = n_excluded,
                                                            .bytes = bytes});
            for (int i = 0; i < 40 * round; i++)
                CHECK(gru4rec_ranking_next(ranking, &row, &score));
        }
        gru4rec_ranking_free(ranking);
        gru4rec_bytes_free(bytes);
        gru4rec_session_free(session);
        gru4rec_model_free(model);
    }
}

static int compare_rows(const void *a, const void *b)
{
    const int32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Candidates and rows left out overlap in part; a copy makes no difference. */
static void candidates_without_those_left_out(void)
{
    static int32_t rows[1500];
    for (int has_copy = 0; has_copy < 2; has_copy++) {
        gru4rec_session *session;
        gru4rec_bytes *bytes;
        gru4rec_model *model = make(1500, FEW_VALUES, has_copy, &session, &bytes);
        gru4rec_ranking *ranking = new_ranking(1500);
        for (double share = 0; share < 1.1; share += 0.25)
            for (double out = 0; out < 1.1; out += 0.25)
                for (size_t k = 0; k < N_EXPECTATIONS; k++) {
                    size_t n = draw_rows(rows, 1500, share), n_expected = 0;
                    size_t n_excluded = draw_rows(excluded, 1500, out);
                    size_t n_all =
                        sort_all(expected, session, 1500, excluded, n_excluded);
                    for (size_t i = 0; i < n_all; i++)
                        if (bsearch(&expected[i].row, rows, n, sizeof *rows,
                                    compare_rows) != NULL)
                            expected[n_expected++] = expected[i];
                    const gru4rec_query query = {.session = session,
                                                 .rows = rows,
                                                 .n_rows = n,
                                                 .excluded = excluded,
                                                 .n_excluded = n_excluded,
                                                 .n_expected = expectations[k],
                                                 .bytes = bytes};
                    gru4rec_ranking_start(ranking, &query);
                    check_reads(ranking, expected, n_expected);
                }
        gru4rec_ranking_free(ranking);
        gru4rec_bytes_free(bytes);
        gru4rec_session_free(session);
        gru4rec_model_free(model);
    }
}

/* A ranking larger than the model, as one that is used for several is. */
static void ranking_of_a_smaller_model(void)
{
    for (int32_t n = 1000; n <= 1300; n += 100) {
        gru4rec_session *session;
        gru4rec_bytes *bytes;
        gru4rec_model *model = make(n, LAST_BIT, true, &session, &bytes);
        gru4rec_ranking *ranking = new_ranking(5000);
        for (size_t k = 0; k < N_EXPECTATIONS; k++)
            check_session(ranking, session, bytes, expectations[k], 0);
        gru4rec_ranking_free(ranking);
        gru4rec_bytes_free(bytes);
        gru4rec_session_free(session);
        gru4rec_model_free(model);
    }
}

/* Steps and rankings, to the last row, do with the memory that they were made with. */
static void serving_allocates_nothing(void)
{
    enum { N = 1500 };
    for (int has_copy = 0; has_copy < 2; has_copy++) {
        fault_alloc fault = {0};
        gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        gru4rec_model *model = serving_model(&allocator, N, 6);
        gru4rec_session *session;
        gru4rec_ranking *ranking;
        fill_table(model, NORMAL);
        gru4rec_bytes *bytes = has_copy ? bytes_of(model) : NULL;
        CHECK_INT(GRU4REC_OK, gru4rec_session_new(&allocator, model, &session));
        CHECK_INT(GRU4REC_OK, gru4rec_ranking_new(&allocator, N, &ranking));
        const size_t n_requests = fault.n_requests;
        for (int32_t round = 0; round < 3; round++) {
            int32_t row, n = 0;
            gru4rec_real score;
            gru4rec_session_step(session, round, NULL);
            gru4rec_ranking_start(ranking, &(gru4rec_query){.session = session,
                                                            .excluded = &round,
                                                            .n_excluded = 1,
                                                            .n_expected = 20,
                                                            .bytes = bytes});
            while (gru4rec_ranking_next(ranking, &row, &score))
                n++;
            CHECK_INT(N - 1, n);
        }
        CHECK_INT(n_requests, fault.n_requests);
        gru4rec_ranking_free(ranking);
        gru4rec_bytes_free(bytes);
        gru4rec_session_free(session);
        gru4rec_model_free(model);
        CHECK_INT(0, fault.n_live);
    }
}

int main(void)
{
    g4r_rng_seed(&serving_rng, 46, 0, 0);
    RUN(ranking_is_the_sorted_order);
    RUN(ranking_by_vectors_of_all_sizes);
    RUN(ranking_of_wide_models);
    RUN(ranking_of_a_model_with_bad_rows);
    RUN(first_block_comes_from_the_copy);
    RUN(start_forgets_what_was_left_out);
    RUN(candidates_without_those_left_out);
    RUN(ranking_of_a_smaller_model);
    RUN(ranking_at_the_end_of_the_format);
    RUN(ranking_of_huge_norms_that_do_not_meet);
    RUN(nearly_all_is_left_out);
    RUN(serving_allocates_nothing);
    return test_end();
}

/*
 * test_batch.c - batch.c: the best items of many sessions are, row by row and bit by
 * bit, those that their rankings begin with, whatever the table, whoever is beside them,
 * and however many ties there are.
 */
#include "../lib/fault_alloc.h"
#include "../lib/serving.h"

#include "../../src/serve/session.h"

enum { MOST_LANES = 128, MOST_ITEMS = 20000 };

static bool is_never_stopped(void *context)
{
    (void)context;
    return false;
}

static gru4rec_batch *new_batch(const gru4rec_model *model, const gru4rec_bytes *bytes,
                                int32_t k)
{
    gru4rec_batch *batch;
    if (!CHECK_INT(GRU4REC_OK, gru4rec_batch_new(NULL, model, bytes, NULL, k, &batch)))
        exit(test_end());
    return batch;
}

/* A visitor and what is left out for it. */
typedef struct visitor {
    gru4rec_session *session;
    int32_t *excluded;
    size_t n_excluded;
    const gru4rec_bytes *bytes; /* that its ranking begins with, or NULL */
} visitor;

static visitor visitors[MOST_LANES];

static void make_visitors(gru4rec_model *model, size_t n, serving_kind kind, double size,
                          double share)
{
    const size_t d = model->params.width;
    const int32_t n_items = model->params.n_items;
    g4r_real *x = malloc(d * sizeof *x);
    for (size_t i = 0; i < n; i++) {
        visitor *v = &visitors[i];
        draw_x(x, kind, d, size);
        v->session = session_of(model, x);
        v->excluded = malloc((size_t)n_items * sizeof *v->excluded);
        /* Each third lane leaves nothing out, some leave out all. */
        v->n_excluded = draw_rows(v->excluded, n_items, i % 3 == 0 ? 0 : share);
        if (i % 10 == 7 && share > 0)
            v->n_excluded = draw_rows(v->excluded, n_items, 1);
    }
    free(x);
}

static void free_visitors(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        gru4rec_session_free(visitors[i].session);
        free(visitors[i].excluded);
    }
}

/* The lane's items against the ranking of the visitor alone. */
static bool check_lane(const gru4rec_batch *batch, int32_t lane, const visitor *v,
                       gru4rec_ranking *ranking, int32_t k)
{
    int32_t row, other_row;
    g4r_real score, other;
    int32_t n_right = 0, n_expected = 0;
    gru4rec_ranking_start(ranking, &(gru4rec_query){.session = v->session,
                                                    .excluded = v->excluded,
                                                    .n_excluded = v->n_excluded,
                                                    .bytes = v->bytes});
    while (n_expected < k && gru4rec_ranking_next(ranking, &row, &score)) {
        n_right += gru4rec_batch_get(batch, lane, n_expected, &other_row, &other) &&
                   row == other_row && memcmp(&score, &other, sizeof score) == 0;
        n_expected++;
    }
    bool is_right = CHECK_INT(n_expected, n_right);
    CHECK(!gru4rec_batch_get(batch, lane, -1, &row, &score));
    return CHECK(!gru4rec_batch_get(batch, lane, n_expected, &row, &score)) && is_right;
}

/* Lanes first ... first + n of the visitors, in a batch that may have been used. */
static bool check_batch(gru4rec_batch *batch, gru4rec_ranking *ranking, size_t first,
                        size_t n, int32_t n_items, int32_t k)
{
    bool is_right = true;
    for (size_t i = 0; i < n; i++)
        CHECK_INT(i, gru4rec_batch_add(batch, visitors[first + i].session,
                                       visitors[first + i].excluded,
                                       visitors[first + i].n_excluded, NULL, 0));
    CHECK_INT(GRU4REC_OK, gru4rec_batch_score(batch, is_never_stopped, NULL, NULL));
    for (size_t i = 0; i < n && is_right; i++) {
        is_right = check_lane(batch, (int32_t)i, &visitors[first + i], ranking, k);
        if (!is_right)
            printf("  lane %zu of %zu, k %d, %d items\n", i, n, (int)k, (int)n_items);
    }
    return is_right;
}

static gru4rec_ranking *new_ranking(int32_t n_items)
{
    gru4rec_ranking *ranking;
    if (!CHECK_INT(GRU4REC_OK, gru4rec_ranking_new(NULL, n_items, &ranking)))
        exit(test_end());
    return ranking;
}

static const int32_t ks[2][2] = {{1, 1000}, {20, 1024}};

/*
 * All of one model: n visitors, some k without rows left out and some with, from products
 * and from a copy in bytes, if the model has one.
 */
static void check_model(gru4rec_model *model, serving_kind kind, double size, size_t n,
                        const char *what)
{
    const int32_t n_items = model->params.n_items;
    gru4rec_ranking *ranking = new_ranking(n_items);
    gru4rec_bytes *bytes = bytes_of(model);
    bool is_right = true;
    for (int round = 0; round < 2 && is_right; round++) {
        make_visitors(model, n, kind, size, round == 0 ? 0 : 0.3);
        for (size_t i = 0; i < 4 && is_right; i++) {
            const int32_t k = ks[round][i % 2];
            gru4rec_batch *batch = new_batch(model, i < 2 ? NULL : bytes, k);
            is_right = check_batch(batch, ranking, 0, n, n_items, k);
            if (!is_right)
                printf("  %s, vectors of %g, width %zu, %s\n", what, size,
                       model->params.width, i < 2 ? "products" : "bytes");
            gru4rec_batch_free(batch);
        }
        free_visitors(n);
    }
    gru4rec_bytes_free(bytes);
    gru4rec_ranking_free(ranking);
}

static void check_kind(serving_kind kind, int32_t n_items, size_t d, double size,
                       size_t n)
{
    char what[40];
    gru4rec_model *model = serving_model(NULL, n_items, d);
    fill_table(model, kind);
    snprintf(what, sizeof what, "kind %d", (int)kind);
    check_model(model, kind, size, n, what);
    gru4rec_model_free(model);
}

static void batch_is_its_rankings(void)
{
    static const struct {
        int32_t n_items;
        size_t d;
    } shapes[] = {{1, 1},      {2, 7},    {31, 16},  {1023, 20}, {1024, 1},
                  {1025, 100}, {2048, 7}, {2049, 5}, {5000, 16}};
    for (int kind = 0; kind < N_KINDS; kind += KIND_STEP)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
            check_kind((serving_kind)kind, shapes[s].n_items, shapes[s].d, 1, 5);
}

/* Near and exact ties of more rows than a shortlist has room for. */
static void batch_of_many_ties(void)
{
    static const serving_kind kinds[] = {ALL_EQUAL,     LAST_BIT,   ZERO_ROWS,
                                         BIAS_SWALLOWS, FEW_VALUES, RISING,
                                         FALLING,       DENORMAL,   BEST_LAST};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i += KIND_STEP)
        check_kind(kinds[i], MOST_ITEMS, i % 2 == 0 ? 3 : 9, 1, 3);
}

static void batch_of_vectors_of_all_sizes(void)
{
    static const double sizes[] = {0, 1e-15, 1e-42, 1e15};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int kind = 0; kind < N_KINDS; kind += KIND_STEP)
            check_kind((serving_kind)kind, 1500, 6, sizes[i], 2);
}

/* The product is then made of parts, each of which is added to the bias and rounds. */
static void batch_of_wide_models(void)
{
    static const serving_kind kinds[] = {NORMAL, LAST_BIT, BIAS_DECIDES, BIAS_SWALLOWS};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        check_kind(kinds[i], 300, 300, 1, 3);
        check_kind(kinds[i], 200, 4200, 1, 3);
        check_kind(kinds[i], 60, 20000, 1, 2);
    }
}

/*
 * The worst case of that: parts that are less than half of the bias's last place, and so
 * are lost one by one, though they are many of it together. Beside them rows that have
 * the bias alone, from a little below to a little above such a score.
 */
static void check_lost_parts(size_t d)
{
    enum { PRODUCTS = 500, ROWS = 600 };
    gru4rec_model *model = serving_model(NULL, ROWS, d);
    for (size_t row = 0; row < ROWS; row++) {
        const bool has_product = row < PRODUCTS;
        /* 100 values are together from 0.003 to 1 times the last place, 2^-23. */
        const double each =
            has_product ? 0x1p-23 / 100 * pow(10, -0.005 * (double)row) : 0;
        for (size_t k = 0; k < d; k++)
            serving_table(model)[row * d + k] = (g4r_real)each;
        /* Biases for which some of those rounded up stand before some rounded down. */
        serving_bias(model)[row] =
            (g4r_real)(1 +
                       0x1p-23 * (double)(has_product ? row * 7 % 9 : row - PRODUCTS));
    }
    /* Wherever the parts of this BLAS end, some k cuts where it matters. */
    gru4rec_ranking *ranking = new_ranking(ROWS);
    bool is_right = true;
    make_visitors(model, 3, RISING, 1, 0);
    for (int32_t k = 1; k < ROWS && is_right; k += 23) {
        gru4rec_batch *batch = new_batch(model, NULL, k);
        is_right = check_batch(batch, ranking, 0, 3, ROWS, k);
        if (!is_right)
            printf("  products in parts, width %zu\n", d);
        gru4rec_batch_free(batch);
    }
    free_visitors(3);
    gru4rec_ranking_free(ranking);
    gru4rec_model_free(model);
}

static void batch_of_products_that_get_lost_in_parts(void)
{
    for (size_t d = 300; d <= 3000; d += 450)
        check_lost_parts(d);
}

static void batch_of_products_that_get_lost_in_many_parts(void)
{
    check_lost_parts(5000);
    check_lost_parts(8000);
}

/* Each number of lanes, one batch used again and again, lanes anywhere in it. */
static void batch_of_each_number_of_lanes(void)
{
    static const size_t counts[] = {128, 1, 2, 3, 127, 16, 17, 128, 1, 64};
    gru4rec_model *model = serving_model(NULL, 2100, 11);
    fill_table(model, FEW_VALUES);
    gru4rec_ranking *ranking = new_ranking(2100);
    gru4rec_bytes *bytes = bytes_of(model);
    make_visitors(model, MOST_LANES, FEW_VALUES, 1, 0.2);
    for (int round = 0; round < 2; round++) {
        gru4rec_batch *batch = new_batch(model, round == 0 ? NULL : bytes, 30);
        CHECK_INT(MOST_LANES, gru4rec_batch_lanes(batch));
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
            check_batch(batch, ranking, i % (MOST_LANES - counts[i] + 1), counts[i], 2100,
                        30);
        gru4rec_batch_free(batch);
    }
    free_visitors(MOST_LANES);
    gru4rec_bytes_free(bytes);
    gru4rec_ranking_free(ranking);
    gru4rec_model_free(model);
}

/* A lane takes the session as it is then: one that goes on, and is freed. */
static void session_may_go_on_after_add(void)
{
    gru4rec_model *model = serving_model(NULL, 50, 4);
    gru4rec_ranking *ranking = new_ranking(50);
    gru4rec_session *session;
    const g4r_real state = 0;
    fill_table(model, NORMAL);
    make_visitors(model, 3, NORMAL, 1, 0);
    gru4rec_batch *batch = new_batch(model, NULL, 50);
    CHECK_INT(GRU4REC_OK, gru4rec_session_new(NULL, model, &session));
    for (size_t i = 0; i < 3; i++) {
        memcpy(model->values[model->params.dense[0].bias],
               g4r_network_top(&visitors[i].session->network, 0), 4 * sizeof state);
        CHECK(gru4rec_session_resume(session, &state, -1));
        CHECK_INT(i, gru4rec_batch_add(batch, session, NULL, 0, NULL, 0));
    }
    gru4rec_session_free(session);
    CHECK_INT(GRU4REC_OK, gru4rec_batch_score(batch, is_never_stopped, NULL, NULL));
    for (size_t i = 0; i < 3; i++)
        check_lane(batch, (int32_t)i, &visitors[i], ranking, 50);
    free_visitors(3);
    gru4rec_batch_free(batch);
    gru4rec_ranking_free(ranking);
    gru4rec_model_free(model);
}

/* A large catalogue gets fewer lanes, and always one. */
static void lanes_are_at_most_128(void)
{
    static const int32_t sizes[] = {1, 1000, MOST_ITEMS};
    for (size_t i = 0; i < 3; i++) {
        gru4rec_model *model = serving_model(NULL, sizes[i], 20);
        gru4rec_batch *batch = new_batch(model, NULL, 1);
        CHECK_INT(MOST_LANES, gru4rec_batch_lanes(batch));
        gru4rec_batch_free(batch);
        gru4rec_model_free(model);
    }
    gru4rec_model *model = serving_model(NULL, MOST_ITEMS, 1000);
    gru4rec_batch *batch = new_batch(model, NULL, 1);
    /* 4e9 / (2 x 20000 x 1000) */
    CHECK_INT(100, gru4rec_batch_lanes(batch));
    gru4rec_batch_free(batch);
    /* 16e9 / (2 x 20000 x 5001) = 79.98, to the next multiple of 8 */
    gru4rec_model *wide = serving_model(NULL, MOST_ITEMS, 5001);
    gru4rec_bytes *bytes = bytes_of(wide);
    batch = new_batch(wide, bytes, 1);
    CHECK_INT(g4r_vec_pick()->bytes.is_fast ? 80 : 19, gru4rec_batch_lanes(batch));
    gru4rec_batch_free(batch);
    gru4rec_bytes_free(bytes);
    gru4rec_model_free(wide);
    gru4rec_model_free(model);
    CHECK(gru4rec_batch_most() >= 1000);
}

/* Also where the rankings begin with a copy in bytes. */
static void batch_beside_a_copy(void)
{
    for (int kind = 0; kind < N_KINDS; kind += KIND_STEP) {
        gru4rec_model *model = serving_model(NULL, 1500, 8);
        fill_table(model, (serving_kind)kind);
        gru4rec_bytes *bytes = bytes_of(model);
        for (size_t i = 0; i < 3; i++)
            visitors[i].bytes = bytes;
        check_model(model, (serving_kind)kind, 1, 3, "with a copy");
        for (size_t i = 0; i < 3; i++)
            visitors[i].bytes = NULL;
        gru4rec_bytes_free(bytes);
        gru4rec_model_free(model);
    }
}

/* ---- at the ends of the format ---- */

static gru4rec_model *sized_model(int32_t n_items, size_t d, double size)
{
    gru4rec_model *model = serving_model(NULL, n_items, d);
    for (size_t k = 0; k < (size_t)n_items * d; k++)
        serving_table(model)[k] = (g4r_real)draw(-size, size);
    return model;
}

/* Scores are ordinary numbers; rows or vectors have squares that are not. */
static void batch_of_huge_times_tiny(void)
{
    static const double sizes[][2] = {{1e30, 1e-30}, {1e-30, 1e30}, {1e20, 1},
                                      {1e20, 1e-24}, {1e22, 1e10},  {1, 1e20}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char what[60];
        gru4rec_model *model = sized_model(1100, 9, sizes[i][0]);
        snprintf(what, sizeof what, "rows of %g", sizes[i][0]);
        check_model(model, NORMAL, sizes[i][1], 3, what);
        gru4rec_model_free(model);
    }
}

/*
 * Rows that differ in the last bit, times a vector whose square is nothing in float: the
 * bounds of products that round must still reach the exact scores.
 */
static void batch_of_near_ties_of_huge_times_tiny(void)
{
    gru4rec_model *model = serving_model(NULL, 3000, 30);
    fill_table(model, LAST_BIT);
    for (size_t k = 0; k < 3000 * 30; k++)
        serving_table(model)[k] *= 0x1p+60f; /* still of a finite square */
    check_model(model, LAST_BIT, 0x1p-80, 3, "rows of 2^60 that differ in the last bit");
    gru4rec_model_free(model);
}

/* Scores that are infinite or no numbers come first or not at all, in both. */
static void batch_of_scores_beyond_the_format(void)
{
    static const double sizes[][2] = {{1e30, 1e30}, {3e38, 1}, {1, 3e38}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char what[60];
        gru4rec_model *model = sized_model(1100, 9, sizes[i][0]);
        snprintf(what, sizeof what, "rows of %g", sizes[i][0]);
        check_model(model, RISING, sizes[i][1], 3, what);
        gru4rec_model_free(model);
    }
}

/* A row that is not a number is left out, and no other. */
static void batch_of_a_model_with_bad_rows(void)
{
    const g4r_real bad[] = {NAN, INFINITY};
    for (int i = 0; i < 2; i++) {
        gru4rec_model *model = sized_model(1100, 9, 1);
        serving_table(model)[9 * 1000 + 4] = bad[i];
        check_model(model, NORMAL, 1, 3, i == 0 ? "a NaN" : "an infinite weight");
        gru4rec_model_free(model);
    }
}

/* ---- memory ---- */

static void short_memory(void)
{
    gru4rec_model *model = serving_model(NULL, 50, 4);
    fill_table(model, NORMAL);
    for (size_t i = 1; i <= 3; i++) {
        fault_alloc fault = {.fail_at = i};
        gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        gru4rec_batch *batch = (gru4rec_batch *)&allocator;
        gru4rec_status status =
            gru4rec_batch_new(&allocator, model, NULL, NULL, 10, &batch);
        CHECK_INT(i > 2 ? GRU4REC_OK : GRU4REC_NOMEM, status);
        CHECK_INT(i > 2, batch != NULL);
        const size_t n_requests = fault.n_requests;
        if (batch != NULL) { /* nothing more is asked for */
            make_visitors(model, 2, NORMAL, 1, 0);
            gru4rec_batch_add(batch, visitors[0].session, NULL, 0, NULL, 0);
            gru4rec_batch_add(batch, visitors[1].session, NULL, 0, NULL, 0);
            CHECK_INT(GRU4REC_OK,
                      gru4rec_batch_score(batch, is_never_stopped, NULL, NULL));
            free_visitors(2);
        }
        CHECK_INT(n_requests, fault.n_requests);
        gru4rec_batch_free(batch);
        CHECK_INT(0, fault.n_live);
    }
    gru4rec_batch_free(NULL);
    gru4rec_model_free(model);
}

int main(void)
{
    g4r_rng_seed(&serving_rng, 47, 0, 0);
    RUN(batch_is_its_rankings);
    RUN(batch_of_many_ties);
    RUN(batch_of_vectors_of_all_sizes);
    RUN(batch_of_wide_models);
    RUN(batch_of_products_that_get_lost_in_parts);
    RUN(batch_of_products_that_get_lost_in_many_parts);
    RUN(batch_of_each_number_of_lanes);
    RUN(session_may_go_on_after_add);
    RUN(lanes_are_at_most_128);
    RUN(batch_beside_a_copy);
    RUN(batch_of_huge_times_tiny);
    RUN(batch_of_near_ties_of_huge_times_tiny);
    RUN(batch_of_scores_beyond_the_format);
    RUN(batch_of_a_model_with_bad_rows);
    RUN(short_memory);
    return test_end();
}

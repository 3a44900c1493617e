/*
 * test_ranking_blended.c - ranking.c and batch.c with a blender: rankings to their last row
 * and bit against a full sort of blended scores, with and without a copy in bytes; rows
 * left out, candidates, expectations, ties. The best items of a batch are those that its
 * rankings begin with.
 */
#include "../lib/blending.h"
#include "../lib/fault_alloc.h"

#include "../../src/serve/session.h"

enum { MOST_ITEMS = 9000, SESSIONS = 600, LANES = 12 };

static g4r_real scores[MOST_ITEMS];
static ranked expected[MOST_ITEMS];
static int32_t excluded[MOST_ITEMS], candidates[MOST_ITEMS];

/* A model, its copy in bytes, and what its scores are blended with. */
typedef struct fixture {
    gru4rec_model *model;
    gru4rec_bytes *bytes;
    gru4rec_baseline *neighbours;
    gru4rec_blender *blender;
    gru4rec_blend blend;
    gru4rec_ranking *ranking;
    serving_kind kind;
    int32_t n_items;
} fixture;

/* A session, and the history that it is blended by. */
typedef struct visitor {
    gru4rec_session *session;
    int32_t history[BLENDING_HISTORY], *excluded;
    size_t n_history, n_excluded;
} visitor;

static fixture make(serving_kind kind, int32_t n_items, size_t d, double strength)
{
    fixture f = {.model = serving_model(NULL, n_items, d),
                 .neighbours = blending_fit(n_items, SESSIONS),
                 .kind = kind,
                 .n_items = n_items};
    fill_table(f.model, kind);
    f.bytes = bytes_of(f.model);
    f.blend = (gru4rec_blend){f.neighbours, strength, 32};
    f.blender = blending_new(&f.blend);
    if (!CHECK_INT(GRU4REC_OK, gru4rec_ranking_new(NULL, n_items, &f.ranking)))
        exit(test_end());
    return f;
}

static void clear(fixture *f)
{
    gru4rec_ranking_free(f->ranking);
    gru4rec_blender_free(f->blender);
    gru4rec_baseline_free(f->neighbours);
    gru4rec_bytes_free(f->bytes);
    gru4rec_model_free(f->model);
}

static visitor visit(const fixture *f)
{
    visitor v = {.session = NULL};
    g4r_real x[100];
    draw_x(x, f->kind, f->model->params.width, 1);
    v.session = session_of(f->model, x);
    v.n_history = blending_history(v.history, f->n_items);
    return v;
}

/* Fills scores with the blended scores. Returns how many items are blended. */
static size_t score_blended(const fixture *f, const visitor *v)
{
    gru4rec_session_scores(v->session, NULL, f->n_items, scores);
    return blending_plain(scores, NULL, &f->blend, f->model, v->history, v->n_history);
}

/*
 * Ranks once for each expectation, with the blender started once: a ranking changes
 * nothing that the next one reads.
 */
static bool check_query(const fixture *f, const visitor *v, gru4rec_query query)
{
    static const int64_t expectations[] = {20, 1, 1000, 0, 32, INT64_MAX};
    bool is_right = true;
    const size_t n = blending_sort(expected, scores, f->n_items, query.rows, query.n_rows,
                                   query.excluded, query.n_excluded);
    query.session = v->session;
    query.blender = f->blender;
    gru4rec_blender_start(f->blender, v->session, v->history, v->n_history);
    for (size_t i = 0; i < sizeof expectations / sizeof *expectations && is_right; i++) {
        query.n_expected = expectations[i];
        gru4rec_ranking_start(f->ranking, &query);
        is_right = check_reads(f->ranking, expected, n);
        if (!is_right)
            printf(
                "  kind %d, %d items, copy %d, expected %lld, %zu left out, %zu rows\n",
                (int)f->kind, (int)f->n_items, query.bytes != NULL,
                (long long)expectations[i], query.n_excluded, query.n_rows);
    }
    return is_right;
}

/* Leaves out a share of the rows; 2: all items that are blended, or the ten best. */
static size_t choose_excluded(const fixture *f, const visitor *v, double share)
{
    static bool is_blended[MOST_ITEMS];
    static g4r_real network[MOST_ITEMS];
    size_t n = 0;
    if (share < 1.5)
        return draw_rows(excluded, f->n_items, share);
    gru4rec_session_scores(v->session, NULL, f->n_items, network);
    blending_plain(network, is_blended, &f->blend, f->model, v->history, v->n_history);
    for (int32_t row = 0; row < f->n_items; row++)
        if (is_blended[row])
            excluded[n++] = row;
    return n;
}

static void check_kind(serving_kind kind, int32_t n_items, size_t d, double strength)
{
    static const double shares[] = {0, 0.5, 0.999, 1, 2};
    fixture f = make(kind, n_items, d, strength);
    bool is_right = true;
    for (int round = 0; round < (n_items < 2000 ? 4 : 1) && is_right; round++) {
        visitor v = visit(&f);
        score_blended(&f, &v);
        for (size_t i = 0; i < 5 && is_right; i++) {
            gru4rec_query query = {.excluded = excluded,
                                   .n_excluded = choose_excluded(&f, &v, shares[i])};
            is_right = check_query(&f, &v, query);
            query.bytes = f.bytes;
            is_right = is_right && check_query(&f, &v, query);
            query.rows = candidates;
            query.n_rows = draw_rows(candidates, n_items, i % 2 == 0 ? 0.3 : 0.01);
            is_right = is_right && check_query(&f, &v, query);
        }
        gru4rec_session_free(v.session);
    }
    clear(&f);
}

static void ranking_is_the_sorted_order(void)
{
    static const struct {
        int32_t n_items;
        size_t d;
    } shapes[] = {{1, 1}, {2, 7}, {31, 16}, {1023, 20}, {1500, 7}, {5000, 16}};
    for (int kind = 0; kind < N_KINDS; kind += KIND_STEP)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
            check_kind((serving_kind)kind, shapes[s].n_items, shapes[s].d,
                       s % 2 == 0 ? 1 : 0.01);
}

/* Blended scores tie with each other and with those of the network. */
static void ranking_of_many_ties(void)
{
    static const double strengths[] = {1e-12, 1e-3, 1};
    static const serving_kind kinds[] = {ALL_EQUAL, FEW_VALUES, BIAS_SWALLOWS, LAST_BIT};
    for (size_t i = 0; i < 4; i += KIND_STEP)
        for (size_t j = 0; j < 3; j++)
            check_kind(kinds[i], MOST_ITEMS, 3, strengths[j]);
}

/* Scores that are no numbers are never ranked, blended or not. */
static void bad_scores_are_left_out(void)
{
    const g4r_real bad[] = {NAN, INFINITY, -(g4r_real)INFINITY};
    for (size_t i = 0; i < 3; i++) {
        fixture f = make(NORMAL, 1200, 5, 1);
        for (size_t row = 0; row < 1200; row += 1 + row % 7)
            serving_bias(f.model)[row] = bad[i];
        for (int round = 0; round < 10; round++) {
            visitor v = visit(&f);
            score_blended(&f, &v);
            check_query(&f, &v, (gru4rec_query){.n_excluded = 0});
            gru4rec_session_free(v.session);
        }
        clear(&f);
    }
}

/* The first block comes from the copy, also with a blender. */
static void first_block_comes_from_the_copy(void)
{
    fixture f = make(NORMAL, 1500, 5, 0.001);
    visitor v = visit(&f);
    int32_t row;
    g4r_real score;
    v.n_history = 0;
    score_blended(&f, &v);
    blending_sort(expected, scores, 1500, NULL, 0, NULL, 0);
    if (!CHECK(f.bytes != NULL))
        exit(test_end());
    f.bytes->table.rest[expected[0].row] = -1000;
    gru4rec_blender_start(f.blender, v.session, NULL, 0);
    gru4rec_ranking_start(f.ranking, &(gru4rec_query){.session = v.session,
                                                      .bytes = f.bytes,
                                                      .blender = f.blender});
    CHECK(gru4rec_ranking_next(f.ranking, &row, &score));
    CHECK_INT(expected[1].row, row);
    gru4rec_session_free(v.session);
    clear(&f);
}

/* ---- batches ---- */

static bool is_never_stopped(void *context)
{
    (void)context;
    return false;
}

/* The lane's items against the beginning of its sorted order. */
static bool check_lane(const fixture *f, const gru4rec_batch *batch, int32_t lane,
                       const visitor *v, size_t k)
{
    int32_t row;
    g4r_real score;
    size_t n_right = 0;
    score_blended(f, v);
    size_t n =
        blending_sort(expected, scores, f->n_items, NULL, 0, v->excluded, v->n_excluded);
    n = G4R_MIN(n, k);
    while (n_right < n &&
           gru4rec_batch_get(batch, lane, (int64_t)n_right, &row, &score) &&
           row == expected[n_right].row &&
           memcmp(&score, &expected[n_right].score, sizeof score) == 0)
        n_right++;
    return CHECK_INT(n, n_right) &&
           CHECK(!gru4rec_batch_get(batch, lane, (int64_t)n, &row, &score));
}

static void check_batches(serving_kind kind, int32_t n_items, size_t d, int32_t k)
{
    fixture f = make(kind, n_items, d, 1);
    visitor visitors[LANES];
    gru4rec_batch *batch;
    bool is_right = CHECK_INT(GRU4REC_OK, gru4rec_batch_new(NULL, f.model, f.bytes,
                                                            f.blender, k, &batch));
    for (size_t i = 0; i < LANES; i++) {
        visitors[i] = visit(&f);
        visitors[i].excluded = malloc((size_t)n_items * sizeof(int32_t));
        visitors[i].n_excluded = draw_rows(visitors[i].excluded, n_items,
                                           i % 3 == 0   ? 0
                                           : i % 3 == 1 ? 0.3
                                                        : 0.999);
    }
    for (size_t n = LANES; n > 0 && is_right; n /= 3) {
        for (size_t i = 0; i < n; i++)
            gru4rec_batch_add(batch, visitors[i].session, visitors[i].excluded,
                              visitors[i].n_excluded, visitors[i].history,
                              visitors[i].n_history);
        CHECK_INT(GRU4REC_OK, gru4rec_batch_score(batch, is_never_stopped, NULL, NULL));
        for (size_t i = 0; i < n && is_right; i++)
            is_right = check_lane(&f, batch, (int32_t)i, &visitors[i], (size_t)k);
    }
    if (!is_right)
        printf("  kind %d, %d items, width %zu, k %d\n", (int)kind, (int)n_items, d,
               (int)k);
    for (size_t i = 0; i < LANES; i++) {
        gru4rec_session_free(visitors[i].session);
        free(visitors[i].excluded);
    }
    gru4rec_batch_free(batch);
    clear(&f);
}

static void batch_is_the_sorted_order(void)
{
    static const int32_t ks[] = {1, 20, 1000};
    for (int kind = 0; kind < N_KINDS; kind += KIND_STEP)
        for (size_t i = 0; i < 3; i++) {
            check_batches((serving_kind)kind, 9, 3, ks[i]);
            check_batches((serving_kind)kind, 2100, 11, ks[i]);
        }
    check_batches(ALL_EQUAL, MOST_ITEMS, 3, 20);
    check_batches(FEW_VALUES, MOST_ITEMS, 3, 1000);
}

/* A model that collapses repeats and has a largest length, as the ranking. */
static void batch_shortens_histories(void)
{
    fixture f = make(NORMAL, 500, 5, 1);
    gru4rec_batch *batch;
    f.model->collapses_repeats = true;
    f.model->max_length = 4;
    CHECK_INT(GRU4REC_OK,
              gru4rec_batch_new(NULL, f.model, f.bytes, f.blender, 20, &batch));
    for (int round = 0; round < 30; round++) {
        visitor v = visit(&f);
        gru4rec_batch_add(batch, v.session, NULL, 0, v.history, v.n_history);
        CHECK_INT(GRU4REC_OK, gru4rec_batch_score(batch, is_never_stopped, NULL, NULL));
        check_lane(&f, batch, 0, &v, 20);
        gru4rec_session_free(v.session);
    }
    gru4rec_batch_free(batch);
    clear(&f);
}

/*
 * The best of the blended items has, to the bit, the score of all items that are not
 * blended: its row decides whether it is among the k best.
 */
static void row_decides_at_the_last_place(void)
{
    static bool is_blended[1500];
    const g4r_real zero[5] = {0};
    int n_decided = 0;
    for (int round = 0; round < 40; round++) {
        fixture f = make(NORMAL, 1500, 5, 1);
        visitor v = {.session = session_of(f.model, zero), .n_history = 1};
        gru4rec_batch *batch;
        int32_t best = -1;
        v.history[0] = (int32_t)g4r_rng_below(&serving_rng, 200);
        memset(serving_bias(f.model), 0, 1500 * sizeof *zero);
        gru4rec_session_scores(v.session, NULL, 1500, scores);
        blending_plain(scores, is_blended, &f.blend, f.model, v.history, 1);
        for (int32_t row = 0; row < 1500; row++)
            if (is_blended[row] && (best < 0 || scores[row] > scores[best]))
                best = row;
        for (int32_t row = 0; row < 1500 && best >= 0; row++)
            serving_bias(f.model)[row] = is_blended[row] ? 0 : scores[best];
        n_decided += best > 0 && best < 300;
        score_blended(&f, &v);
        check_query(&f, &v, (gru4rec_query){.bytes = f.bytes});
        for (int32_t k = 1; k < 300; k += k < 20 ? 1 : 40) {
            gru4rec_batch_new(NULL, f.model, f.bytes, f.blender, k, &batch);
            gru4rec_batch_add(batch, v.session, NULL, 0, v.history, 1);
            gru4rec_batch_score(batch, is_never_stopped, NULL, NULL);
            check_lane(&f, batch, 0, &v, (size_t)k);
            gru4rec_batch_free(batch);
        }
        gru4rec_session_free(v.session);
        clear(&f);
    }
    CHECK(n_decided > 10);
}

int main(void)
{
    g4r_rng_seed(&serving_rng, 62, 0, 0);
    RUN(ranking_is_the_sorted_order);
    RUN(ranking_of_many_ties);
    RUN(bad_scores_are_left_out);
    RUN(first_block_comes_from_the_copy);
    RUN(batch_is_the_sorted_order);
    RUN(batch_shortens_histories);
    RUN(row_decides_at_the_last_place);
    return test_end();
}

/*
 * test_blender.c - blender.c: blended scores against the formula in double, to the bit; of
 * which items they are, by which part of a history, and whatever was blended before.
 * test_ranking_blended.c tests the rankings.
 */
#include "../lib/blending.h"
#include "../lib/fault_alloc.h"

#include "../../src/serve/blender.h"

enum { ITEMS = 700 };

static g4r_real scores[ITEMS];
static bool is_blended[ITEMS];

/* Starts the blender, and compares it with the plain program. Returns how many items are
 * blended. */
static size_t check_start(gru4rec_blender *blender, const gru4rec_session *session,
                          const int32_t *rows, size_t n)
{
    const gru4rec_model *model = session->model;
    const int32_t n_items = model->params.n_items;
    size_t n_wrong = 0;
    gru4rec_session_scores(session, NULL, n_items, scores);
    const size_t n_blended =
        blending_plain(scores, is_blended, &blender->blend, model, rows, n);
    gru4rec_blender_start(blender, session, rows, n);
    CHECK_INT(n_blended, blender->n);
    for (size_t i = 1; i < blender->n; i++)
        CHECK(blender->rows[i - 1] < blender->rows[i]);
    for (int32_t row = 0; row < n_items; row++) {
        const g4r_real nothing = 4711;
        g4r_real score = nothing;
        const bool is_given = gru4rec_blender_score(blender, row, &score);
        const g4r_real *expected = is_blended[row] ? &scores[row] : &nothing;
        n_wrong += is_given != is_blended[row] ||
                   g4r_blender_has(blender, row) != is_blended[row] ||
                   (memcmp(&score, expected, sizeof score) != 0 &&
                    !(isnan(score) && isnan(*expected)));
    }
    CHECK_INT(0, n_wrong);
    return n_blended;
}

/* A session of the model, whose vector is of that size. */
static gru4rec_session *make_session(gru4rec_model *model, double size)
{
    g4r_real x[20];
    draw_x(x, NORMAL, model->params.width, size);
    return session_of(model, x);
}

/* Many sessions and histories in turn, so that nothing of the last one stays. */
static void scores_are_the_formula(void)
{
    static const double strengths[] = {1e-9, 0.25, 1, 4};
    static const int32_t lengths[] = {1, 3, 32, 1000};
    size_t n_blended = 0, n_none = 0;
    for (int i = 0; i < 16; i++) {
        const int32_t n_items = i % 3 == 2 ? 5 : ITEMS;
        gru4rec_model *model = serving_model(NULL, n_items, 7);
        gru4rec_baseline *neighbours = blending_fit(n_items, i % 5 == 4 ? 3 : 400);
        const gru4rec_blend blend = {neighbours, strengths[i % 4], lengths[i / 4]};
        gru4rec_blender *blender = blending_new(&blend);
        fill_table(model, (serving_kind)(i % N_KINDS));
        for (int round = 0; round < 30; round++) {
            int32_t rows[BLENDING_HISTORY];
            gru4rec_session *session = make_session(model, round % 2 == 0 ? 1 : 1e-6);
            const size_t n =
                check_start(blender, session, rows, blending_history(rows, n_items));
            n_blended += n;
            n_none += n == 0;
            gru4rec_session_free(session);
        }
        gru4rec_blender_free(blender);
        gru4rec_baseline_free(neighbours);
        gru4rec_model_free(model);
    }
    CHECK(n_blended > 16 * 30 * 20);
    CHECK(n_none > 5);
}

/* p by hand: a session {1, 2, 3} and the history [1]. */
static void one_session_by_hand(void)
{
    static int32_t rows[] = {1, 2, 3};
    static double times[] = {1, 2, 3};
    static int64_t offsets[] = {0, 3}, support[] = {0, 1, 1, 1, 0};
    const int32_t seen = 1;
    const gru4rec_dataset sessions = {.n_sessions = 1,
                                      .n_events = 3,
                                      .item_rows = rows,
                                      .offsets = offsets,
                                      .times = times};
    const gru4rec_baseline_data data = {5, support, &sessions, 0};
    gru4rec_options options;
    gru4rec_baseline *neighbours;
    gru4rec_model *model = serving_model(NULL, 5, 2);
    gru4rec_session *session = make_session(model, 1);
    gru4rec_options_init(&options);
    if (!CHECK_INT(GRU4REC_OK, gru4rec_baseline_new(NULL, GRU4REC_VS_KNN, &options, &data,
                                                    NULL, NULL, &neighbours, NULL)))
        return;
    const gru4rec_blend blend = {neighbours, 2, 32};
    gru4rec_blender *blender = blending_new(&blend);
    gru4rec_blender_start(blender, session, &seen, 1);
    for (int32_t row = 0; row < 5; row++) {
        g4r_real score = -1;
        const bool has = row >= 1 && row <= 3;
        CHECK_INT(has, gru4rec_blender_score(blender, row, &score));
        CHECK_NEAR(has ? 2 * log(1 + 10000 / 3.0) : -1, (double)score, 1e-6);
    }
    gru4rec_blender_free(blender);
    gru4rec_baseline_free(neighbours);
    gru4rec_session_free(session);
    gru4rec_model_free(model);
}

/* Both options of a model that shorten a history, alone and together. */
static void history_is_shortened_as_for_the_network(void)
{
    size_t n_other = 0;
    gru4rec_model *model = serving_model(NULL, ITEMS, 7);
    gru4rec_baseline *neighbours = blending_fit(ITEMS, 400);
    const gru4rec_blend blend = {neighbours, 1, 6};
    gru4rec_blender *blender = blending_new(&blend);
    gru4rec_session *session = make_session(model, 1);
    for (int round = 0; round < 100; round++) {
        int32_t rows[BLENDING_HISTORY];
        const size_t n = blending_history(rows, ITEMS);
        model->collapses_repeats = round & 1;
        model->max_length = round & 2 ? 1 + round % 9 : 0;
        const size_t n_blended = check_start(blender, session, rows, n);
        model->collapses_repeats = false;
        model->max_length = 0;
        gru4rec_blender_start(blender, session, rows, n);
        n_other += blender->n != n_blended;
    }
    CHECK(n_other > 20);
    gru4rec_session_free(session);
    gru4rec_blender_free(blender);
    gru4rec_baseline_free(neighbours);
    gru4rec_model_free(model);
}

/* Nothing is blended without a history, without a session of training, and if no session
 * has an item of the history. */
static void nothing_to_blend(void)
{
    gru4rec_model *model = serving_model(NULL, 100, 7);
    gru4rec_session *session = make_session(model, 1);
    for (int i = 0; i < 2; i++) {
        const int32_t in_none[] = {8, 17, 98}, in_some[] = {8, 0};
        gru4rec_baseline *neighbours = blending_fit(100, i == 0 ? 0 : 200);
        const gru4rec_blend blend = {neighbours, 1, 32};
        gru4rec_blender *blender = blending_new(&blend);
        CHECK_INT(0, check_start(blender, session, NULL, 0));
        CHECK_INT(0, check_start(blender, session, in_none, 3));
        CHECK_INT(i == 1, check_start(blender, session, in_some, 2) > 0);
        CHECK_INT(0, check_start(blender, session, in_none, 3));
        gru4rec_blender_free(blender);
        gru4rec_baseline_free(neighbours);
    }
    gru4rec_session_free(session);
    gru4rec_model_free(model);
}

/* Scores that are not finite stay so. */
static void bad_scores_stay(void)
{
    const g4r_real bad[] = {NAN, INFINITY, -(g4r_real)INFINITY, (g4r_real)3.4e38};
    int32_t rows[BLENDING_HISTORY];
    gru4rec_model *model = serving_model(NULL, 100, 7);
    gru4rec_session *session = make_session(model, 0);
    gru4rec_baseline *neighbours = blending_fit(100, 200);
    const gru4rec_blend blend = {neighbours, 1, 32};
    gru4rec_blender *blender = blending_new(&blend);
    for (size_t i = 0; i < 4; i++) {
        for (size_t row = 0; row < 100; row++)
            serving_bias(model)[row] = row % 3 == 0 ? bad[i] : 1;
        while (check_start(blender, session, rows, blending_history(rows, 100)) < 50)
            continue;
        for (int32_t row = 0; row < 100; row += 3) {
            g4r_real score;
            if (gru4rec_blender_score(blender, row, &score))
                CHECK(isnan(bad[i]) ? isnan(score) : score == bad[i]);
        }
    }
    gru4rec_blender_free(blender);
    gru4rec_baseline_free(neighbours);
    gru4rec_session_free(session);
    gru4rec_model_free(model);
}

/* Each allocation fails once; a start asks for nothing, and the bytes are those said. */
static void short_memory(void)
{
    gru4rec_model *model = serving_model(NULL, ITEMS, 7);
    gru4rec_session *session = make_session(model, 1);
    gru4rec_baseline *neighbours = blending_fit(ITEMS, 100);
    const gru4rec_blend blend = {neighbours, 1, 32};
    const int32_t seen[] = {0, 1};
    gru4rec_status status = GRU4REC_NOMEM;
    for (size_t i = 1; status != GRU4REC_OK && i < 20; i++) {
        fault_alloc fault = {.fail_at = i};
        gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        gru4rec_blender *blender = (gru4rec_blender *)&allocator;
        status = gru4rec_blender_new(&allocator, &blend, &blender);
        CHECK_INT(status == GRU4REC_OK, blender != NULL);
        CHECK_INT(status == GRU4REC_OK ? 0 : 1, fault.n_failed);
        const size_t n_requests = fault.n_requests;
        if (blender != NULL) {
            check_start(blender, session, seen, 2);
            CHECK(fault.live_bytes <= gru4rec_blender_bytes(&blend));
            CHECK(fault.live_bytes + 1000 > gru4rec_blender_bytes(&blend));
        }
        CHECK_INT(n_requests, fault.n_requests);
        gru4rec_blender_free(blender);
        CHECK_INT(0, fault.n_live);
    }
    CHECK_INT(GRU4REC_OK, status);
    gru4rec_blender_free(NULL);
    gru4rec_baseline_free(neighbours);
    gru4rec_session_free(session);
    gru4rec_model_free(model);
}

int main(void)
{
    g4r_rng_seed(&serving_rng, 61, 0, 0);
    RUN(scores_are_the_formula);
    RUN(one_session_by_hand);
    RUN(history_is_shortened_as_for_the_network);
    RUN(nothing_to_blend);
    RUN(bad_scores_stay);
    RUN(short_memory);
    return test_end();
}

/*
 * test_session.c - one visitor's state: scores against a product in double, reset, two
 * visitors of one model, states that are kept and gone on from, repeats, short memory.
 */
#include "../lib/fault_alloc.h"
#include "../lib/models.h"

#include "../../src/model/network.h"

enum { ITEMS = 70 };

static gru4rec_model *make_model(const char *mode, const char *value, const char *layers)
{
    gru4rec_model *model = MODEL_WITH(ITEMS, 8, mode, value, "layers", layers);
    for (size_t i = 0; i < ITEMS; i++)
        model->values[model->params.output_bias][i] = (g4r_real)(0.01 * (double)i);
    return model;
}

static gru4rec_session *new_session(const gru4rec_model *model)
{
    gru4rec_session *session;
    CHECK_INT(GRU4REC_OK, gru4rec_session_new(NULL, model, &session));
    return session;
}

static void walk(gru4rec_session *session, const int32_t *rows, size_t n,
                 g4r_real *scores)
{
    gru4rec_session_reset(session);
    for (size_t i = 0; i < n; i++)
        gru4rec_session_step(session, rows[i], NULL);
    gru4rec_session_scores(session, NULL, ITEMS, scores);
}

static const int32_t history[] = {3, 69, 3, 0, 12, 12, 44};

/* y Wy^T + By of a network's top state y. */
static void check_scores(const char *mode, const char *value, const char *layers)
{
    gru4rec_model *model = make_model(mode, value, layers);
    gru4rec_session *session = new_session(model);
    g4r_real scores[ITEMS];
    g4r_network network;
    g4r_arena arena = {0};
    size_t d = model->params.width;
    g4r_network_layout(&network, &arena, &model->params, 1, 1, false);
    CHECK(g4r_arena_allocate(&arena, &g4r_alloc_libc));
    g4r_network_layout(&network, &arena, &model->params, 1, 1, false);
    g4r_network_bind(&network, model->values, NULL);
    for (size_t i = 0; i < sizeof history / sizeof *history; i++) {
        int32_t from = i == 0 ? -1 : 0;
        g4r_network_carry(&network, 0, &from, 1);
        g4r_network_forward(&network, 0, &history[i], 1, NULL);
    }
    walk(session, history, sizeof history / sizeof *history, scores);
    for (size_t row = 0; row < ITEMS; row++) {
        double score = (double)model->values[model->params.output_bias][row];
        for (size_t k = 0; k < d; k++)
            score += (double)model->values[model->params.output][row * d + k] *
                     (double)g4r_network_top(&network, 0)[k];
        CHECK_NEAR(score, scores[row], 1e-6);
    }
    g4r_arena_free(&arena, &g4r_alloc_libc);
    gru4rec_session_free(session);
    gru4rec_model_free(model);
}

static void test_scores(void)
{
    check_scores("constrained_embedding", "true", "33");
    check_scores("constrained_embedding", "false", "5/19");
    check_scores("embedding", "3", "8/16/7");
    check_scores("reset_after", "false", "12");
}

/* Chosen rows get the same scores, summed in another order. */
static void test_scores_of_rows(void)
{
    static const int32_t rows[] = {69, 0, 5, 5, 33};
    gru4rec_model *model = make_model("constrained_embedding", "true", "40");
    gru4rec_session *session = new_session(model);
    g4r_real scores[ITEMS], some[5];
    walk(session, history, 3, scores);
    gru4rec_session_scores(session, rows, 5, some);
    for (size_t i = 0; i < 5; i++)
        CHECK_NEAR(scores[rows[i]], some[i], 1e-6);
    gru4rec_session_scores(session, rows, 0, NULL);
    gru4rec_session_free(session);
    gru4rec_model_free(model);
}

static void test_reset(void)
{
    gru4rec_model *model = make_model("embedding", "6", "9/7");
    gru4rec_session *used = new_session(model), *fresh = new_session(model);
    g4r_real a[ITEMS], b[ITEMS], first[ITEMS];
    walk(used, history, 7, first);
    walk(used, history + 2, 3, a);
    walk(fresh, history + 2, 3, b);
    CHECK(memcmp(a, b, sizeof a) == 0);
    CHECK(memcmp(a, first, sizeof a) != 0);
    /* The order of events counts. */
    static const int32_t forth[] = {1, 2}, back[] = {2, 1};
    walk(used, forth, 2, a);
    walk(used, back, 2, b);
    CHECK(memcmp(a, b, sizeof a) != 0);
    gru4rec_session_free(used);
    gru4rec_session_free(fresh);
    gru4rec_model_free(model);
}

/* Scores may be asked for between steps; visitors do not disturb each other. */
static void test_two_visitors(void)
{
    gru4rec_model *model = make_model("constrained_embedding", "true", "10");
    gru4rec_session *one = new_session(model), *two = new_session(model);
    g4r_real a[ITEMS], b[ITEMS], alone[ITEMS];
    walk(one, history, 7, alone);
    gru4rec_session_reset(one);
    for (size_t i = 0; i < 7; i++) {
        gru4rec_session_step(one, history[i], NULL);
        gru4rec_session_step(two, history[6 - i], NULL);
        gru4rec_session_scores(one, NULL, ITEMS, a);
        gru4rec_session_scores(two, NULL, ITEMS, b);
    }
    CHECK(memcmp(a, alone, sizeof a) == 0);
    CHECK(memcmp(b, alone, sizeof b) != 0);
    gru4rec_session_free(one);
    gru4rec_session_free(two);
    gru4rec_model_free(model);
}

/* ---- states ---- */

static const char *const models[][9] = {
    {"layers", "12"},
    {"layers", "12", "constrained_embedding", "false"},
    {"layers", "5/19/8", "constrained_embedding", "false"},
    {"layers", "8/16/7", "embedding", "3"},
    {"layers", "9/7", "reset_after", "false"},
    {"layers", "6/11", "reset_after", "false", "embedding", "4"},
    {"layers", "6/11", "feedforward", "7/5"},
    {"layers", "13", "feedforward", "9", "constrained_embedding", "false"},
    {"layers", "7/4", "feedforward", "3", "reset_after", "false", "hidden_act", "relu"},
};
static const size_t state_sizes[] = {12, 12, 32, 31, 16, 17, 17, 13, 11};
enum { N_MODELS = sizeof models / sizeof *models, N_HISTORY = 7, MOST_STATE = 40 };

static void scores_of(const gru4rec_session *session, g4r_real scores[ITEMS])
{
    gru4rec_session_scores(session, NULL, ITEMS, scores);
}

/* Taken after each event, in a session that is new, or used and then reset or not: the
 * scores and all further ones are those of the session that never stopped. */
static void test_state_goes_on(void)
{
    for (size_t m = 0; m < N_MODELS; m++) {
        gru4rec_model *model = model_with(ITEMS, 9, models[m]);
        gru4rec_session *whole = new_session(model), *used = new_session(model);
        g4r_real state[MOST_STATE + 1], again[MOST_STATE], a[ITEMS], b[ITEMS];
        const size_t n = gru4rec_session_state_size(model), bytes = n * sizeof *state;
        CHECK_INT(state_sizes[m], n);
        for (size_t i = 0; i < N_HISTORY; i++) {
            gru4rec_session *fresh = new_session(model);
            gru4rec_session_step(whole, history[i], NULL);
            state[n] = -12345;
            gru4rec_session_state(whole, state);
            CHECK_NEAR(-12345, state[n], 0);
            scores_of(whole, a);
            if (i % 2 == 0)
                gru4rec_session_reset(used);
            CHECK(gru4rec_session_resume(used, state, -1));
            CHECK(gru4rec_session_resume(fresh, state, -1));
            gru4rec_session_state(fresh, again);
            CHECK(memcmp(state, again, bytes) == 0);
            scores_of(used, b);
            CHECK(memcmp(a, b, sizeof a) == 0);
            scores_of(fresh, b);
            CHECK(memcmp(a, b, sizeof a) == 0);
            /* To the end of the history, by way of another state. */
            gru4rec_session *on = new_session(model);
            CHECK(gru4rec_session_resume(on, state, -1));
            for (size_t k = i + 1; k < N_HISTORY; k++) {
                gru4rec_session_step(on, history[k], NULL);
                gru4rec_session_step(fresh, history[k], NULL);
                gru4rec_session_state(fresh, again);
                CHECK(gru4rec_session_resume(fresh, again, -1));
            }
            scores_of(on, a);
            scores_of(fresh, b);
            CHECK(memcmp(a, b, sizeof a) == 0);
            walk(used, history, N_HISTORY, b);
            CHECK(memcmp(a, b, sizeof a) == 0);
            gru4rec_session_free(fresh);
            gru4rec_session_free(on);
        }
        gru4rec_session_free(whole);
        gru4rec_session_free(used);
        gru4rec_model_free(model);
    }
}

/* Before the first step and after a reset it is zero, and steps from it are first ones. */
static void test_state_of_an_empty_session(void)
{
    for (size_t m = 0; m < N_MODELS; m++) {
        gru4rec_model *model = model_with(ITEMS, 9, models[m]);
        gru4rec_session *session = new_session(model), *other = new_session(model);
        g4r_real state[MOST_STATE], zero[MOST_STATE] = {0}, a[ITEMS], b[ITEMS];
        const size_t bytes = gru4rec_session_state_size(model) * sizeof *state;
        for (int round = 0; round < 2; round++) {
            memset(state, 0xa5, sizeof state);
            gru4rec_session_state(session, state);
            CHECK(memcmp(zero, state, bytes) == 0);
            CHECK(gru4rec_session_resume(other, state, -1));
            gru4rec_session_step(other, 3, NULL);
            scores_of(other, a);
            walk(session, history, 1, b);
            CHECK(memcmp(a, b, sizeof a) == 0);
            gru4rec_session_step(session, 5, NULL);
            gru4rec_session_state(session, state);
            CHECK(memcmp(zero, state, bytes) != 0);
            gru4rec_session_reset(session);
        }
        gru4rec_session_free(session);
        gru4rec_session_free(other);
        gru4rec_model_free(model);
    }
}

/* At each place, and nothing is changed by it: neither scores nor what comes after. */
static void test_state_that_is_refused(void)
{
    const g4r_real bad[] = {NAN, INFINITY, -(g4r_real)INFINITY};
    for (size_t m = 0; m < N_MODELS; m++) {
        gru4rec_model *model = model_with(ITEMS, 9, models[m]);
        gru4rec_session *session = new_session(model), *fresh = new_session(model);
        g4r_real state[MOST_STATE], before[MOST_STATE], after[MOST_STATE], a[ITEMS],
            b[ITEMS];
        const size_t n = gru4rec_session_state_size(model), bytes = n * sizeof *state;
        walk(session, history, N_HISTORY, a);
        gru4rec_session_state(session, before);
        for (size_t i = 0; i < n; i++) {
            for (size_t k = 0; k < n; k++)
                state[k] = 0.25;
            state[i] = bad[i % 3];
            CHECK(!gru4rec_session_resume(session, state, -1));
            CHECK(!gru4rec_session_resume(fresh, state, -1));
            gru4rec_session_state(session, after);
            CHECK(memcmp(before, after, bytes) == 0);
            scores_of(session, b);
            CHECK(memcmp(a, b, sizeof a) == 0);
        }
        /* The fresh one is still at its beginning. */
        gru4rec_session_state(fresh, after);
        for (size_t k = 0; k < n; k++)
            CHECK_NEAR(0, after[k], 0);
        for (size_t i = 0; i < N_HISTORY; i++)
            gru4rec_session_step(fresh, history[i], NULL);
        scores_of(fresh, b);
        CHECK(memcmp(a, b, sizeof a) == 0);
        gru4rec_session_free(session);
        gru4rec_session_free(fresh);
        gru4rec_model_free(model);
    }
}

/* ---- collapse_repeats ---- */

/* Scores after rows (n) from a reset, by a model of those options. */
static void scores_after(gru4rec_model *model, const int32_t *rows, size_t n,
                         g4r_real scores[ITEMS])
{
    gru4rec_session *session = new_session(model);
    walk(session, rows, n, scores);
    gru4rec_session_free(session);
}

/* With the option a repeat is passed over, and only that; without it counts. */
static void test_repeats_are_passed_over(void)
{
    static const char *const with[] = {"layers", "12", "collapse_repeats", "true", NULL};
    static const char *const without[] = {"layers", "12", NULL};
    static const int32_t repeats[] = {3, 3, 3, 12, 3, 12, 12}, once[] = {3, 12, 3, 12};
    gru4rec_model *collapses = model_with(ITEMS, 9, with),
                  *counts = model_with(ITEMS, 9, without);
    g4r_real a[ITEMS], b[ITEMS];
    scores_after(counts, once, 4, b);
    scores_after(collapses, repeats, 7, a);
    CHECK(memcmp(a, b, sizeof a) == 0);
    scores_after(collapses, once, 4, a);
    CHECK(memcmp(a, b, sizeof a) == 0);
    scores_after(counts, repeats, 7, a);
    CHECK(memcmp(a, b, sizeof a) != 0);
    gru4rec_model_free(collapses);
    gru4rec_model_free(counts);
}

/* Where the last events of a history begin: against a list of those that count. */
static void test_first_of_the_last(void)
{
    static const char *const all[] = {"layers", "12", NULL};
    static const char *const last[] = {"layers", "12", "max_length", "3", NULL};
    static const char *const collapsed[] = {"layers",           "12",   "max_length", "3",
                                            "collapse_repeats", "true", NULL};
    static const int32_t rows[] = {1, 1, 2, 3, 3, 3, 4, 4, 1};
    static const size_t of_last[] = {0, 0, 0, 0, 1, 2, 3, 4, 5, 6},
                        of_collapsed[] = {0, 0, 0, 0, 0, 0, 0, 2, 2, 3};
    gru4rec_model *of[] = {model_with(ITEMS, 9, all), model_with(ITEMS, 9, last),
                           model_with(ITEMS, 9, collapsed)};
    for (int i = 0; i < 3; i++) {
        gru4rec_session *session = new_session(of[i]);
        for (size_t n = 0; n <= 9; n++)
            CHECK_INT(i == 0   ? 0
                      : i == 1 ? of_last[n]
                               : of_collapsed[n],
                      gru4rec_session_first(session, rows, n));
        gru4rec_session_free(session);
        gru4rec_model_free(of[i]);
    }
}

/* A reset forgets the row that was given last; a state brings one along, or none. */
static void test_last_row_of_reset_and_resume(void)
{
    static const char *const with[] = {"layers", "12", "collapse_repeats", "true", NULL};
    gru4rec_model *model = model_with(ITEMS, 9, with);
    gru4rec_session *session = new_session(model);
    g4r_real state[12], moved[12], again[12], bad[12] = {NAN};
    gru4rec_session_step(session, 5, NULL);
    gru4rec_session_state(session, state);
    gru4rec_session_reset(session);
    gru4rec_session_step(session, 5, NULL);
    gru4rec_session_state(session, again);
    CHECK(memcmp(state, again, sizeof state) == 0);
    for (int32_t last_row = -1; last_row <= 5; last_row += 3) {
        CHECK(gru4rec_session_resume(session, state, last_row));
        gru4rec_session_step(session, 5, NULL);
        gru4rec_session_state(session, moved);
        CHECK_INT(last_row == 5, memcmp(state, moved, sizeof state) == 0);
    }
    /* A state that is refused leaves the last row alone too. */
    CHECK(!gru4rec_session_resume(session, bad, 7));
    gru4rec_session_step(session, 5, NULL);
    gru4rec_session_state(session, again);
    CHECK(memcmp(moved, again, sizeof moved) == 0);
    gru4rec_session_free(session);
    gru4rec_model_free(model);
}

/* An item's score has the same bits in whatever list it is asked for. */
static void test_scores_of_rows_have_the_same_bits(void)
{
    for (size_t m = 0; m < N_MODELS; m++) {
        gru4rec_model *model = model_with(ITEMS, 9, models[m]);
        gru4rec_session *session = new_session(model);
        g4r_real all[ITEMS], some[9];
        walk(session, history, 4, all);
        for (int32_t row = 0; row < ITEMS; row++)
            for (int32_t n = 1; n <= 9; n++) {
                int32_t rows[9];
                for (int32_t i = 0; i < n; i++)
                    rows[i] = (row + 31 * i) % ITEMS;
                gru4rec_session_scores(session, rows, n, some);
                for (int32_t i = 0; i < n; i++)
                    CHECK(memcmp(&all[rows[i]], &some[i], sizeof *some) == 0);
            }
        gru4rec_session_free(session);
        gru4rec_model_free(model);
    }
}

static void test_short_memory(void)
{
    gru4rec_model *model = make_model("constrained_embedding", "true", "10");
    for (size_t i = 1; i <= 3; i++) {
        fault_alloc fault = {.fail_at = i};
        gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        gru4rec_session *session;
        gru4rec_status status = gru4rec_session_new(&allocator, model, &session);
        CHECK_INT(i > 2 ? GRU4REC_OK : GRU4REC_NOMEM, status);
        CHECK_INT(i > 2, session != NULL);
        gru4rec_session_free(session);
        CHECK_INT(0, fault.n_live);
    }
    gru4rec_session_free(NULL);
    gru4rec_model_free(model);
}

int main(void)
{
    RUN(test_scores);
    RUN(test_scores_of_rows);
    RUN(test_reset);
    RUN(test_two_visitors);
    RUN(test_state_goes_on);
    RUN(test_state_of_an_empty_session);
    RUN(test_state_that_is_refused);
    RUN(test_repeats_are_passed_over);
    RUN(test_first_of_the_last);
    RUN(test_last_row_of_reset_and_resume);
    RUN(test_scores_of_rows_have_the_same_bits);
    RUN(test_short_memory);
    return test_end();
}

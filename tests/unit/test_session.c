/*
 * test_session.c - one visitor's state: scores against a product in double, reset, two
 * visitors of one model, short memory.
 */
#include "../../src/model.h"
#include "../../src/network.h"
#include "../lib/fault_alloc.h"
#include "../lib/test.h"

enum { ITEMS = 70 };

static gru4rec_model *make_model(const char *mode, const char *value, const char *layers)
{
    gru4rec_options options;
    gru4rec_model *model;
    gru4rec_error error;
    gru4rec_options_init(&options);
    gru4rec_options_set(&options, GRU4REC_SCOPE_TRAIN, mode, value, &error);
    gru4rec_options_set(&options, GRU4REC_SCOPE_TRAIN, "layers", layers, &error);
    CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&options, &error));
    CHECK_INT(GRU4REC_OK, gru4rec_model_new(NULL, &options, ITEMS, &model, &error));
    options.seed = 8;
    gru4rec_model_init(model, &options);
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
        gru4rec_session_step(session, rows[i]);
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
    size_t d = model->params.top;
    g4r_network_layout(&network, &arena, &model->params, 1, 1, false);
    CHECK(g4r_arena_allocate(&arena, &g4r_libc_allocator));
    g4r_network_layout(&network, &arena, &model->params, 1, 1, false);
    network.values = model->values;
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
    g4r_arena_free(&arena, &g4r_libc_allocator);
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
        gru4rec_session_step(one, history[i]);
        gru4rec_session_step(two, history[6 - i]);
        gru4rec_session_scores(one, NULL, ITEMS, a);
        gru4rec_session_scores(two, NULL, ITEMS, b);
    }
    CHECK(memcmp(a, alone, sizeof a) == 0);
    CHECK(memcmp(b, alone, sizeof b) != 0);
    gru4rec_session_free(one);
    gru4rec_session_free(two);
    gru4rec_model_free(model);
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
    RUN(test_short_memory);
    return test_end();
}

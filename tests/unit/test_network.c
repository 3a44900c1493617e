/*
 * test_network.c - the stack of layers over lanes: what is carried, what is reset, and
 * dropout (algorithm 2.3, 3.4, 3.5, 13.1, 13.8).
 */
#include "../../src/model.h"
#include "../../src/network.h"
#include "../../src/schedule.h"
#include "../lib/test.h"

enum { ITEMS = 20, LANES = 4 };

typedef struct fixture {
    gru4rec_options options;
    gru4rec_model *model;
    g4r_network network, alone; /* of LANES lanes, and of one */
    g4r_arena arena, arena_alone;
} fixture;

static bool layout(g4r_network *network, g4r_arena *arena, const gru4rec_model *model,
                   size_t n_lanes)
{
    memset(arena, 0, sizeof *arena);
    g4r_network_layout(network, arena, &model->params, n_lanes, true);
    if (!CHECK(g4r_arena_allocate(arena, &g4r_libc_allocator)))
        return false;
    g4r_network_layout(network, arena, &model->params, n_lanes, true);
    network->values = model->values;
    return true;
}

static bool start(fixture *f, const char *mode, const char *value, const char *layers,
                  size_t n_lanes)
{
    gru4rec_error error;
    memset(f, 0, sizeof *f);
    gru4rec_options_init(&f->options);
    gru4rec_options_set(&f->options, GRU4REC_SCOPE_TRAIN, mode, value, &error);
    gru4rec_options_set(&f->options, GRU4REC_SCOPE_TRAIN, "layers", layers, &error);
    if (!CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&f->options, &error)) ||
        !CHECK_INT(GRU4REC_OK,
                   gru4rec_model_new(NULL, &f->options, ITEMS, &f->model, &error)))
        return false;
    gru4rec_model_init(f->model, 3);
    return layout(&f->network, &f->arena, f->model, n_lanes) &&
           layout(&f->alone, &f->arena_alone, f->model, 1);
}

static void finish(fixture *f)
{
    g4r_arena_free(&f->arena, &g4r_libc_allocator);
    g4r_arena_free(&f->arena_alone, &g4r_libc_allocator);
    gru4rec_model_free(f->model);
}

/* Lengths 4, 6, 2, 1, 3, 5, 2, 6, 1, 4, 3: refills, single events, retired lanes. */
static gru4rec_dataset sessions(void)
{
    static int64_t offsets[] = {0, 4, 10, 12, 13, 16, 21, 23, 29, 30, 34, 37};
    static int32_t rows[37];
    for (int32_t i = 0; i < 37; i++)
        rows[i] = i * i * 7 % ITEMS;
    return (gru4rec_dataset){.allocator = g4r_libc_allocator,
                             .n_sessions = 11,
                             .n_events = 37,
                             .item_rows = rows,
                             .offsets = offsets};
}

/* The events of a session up to the lane's input, one after another, alone. */
static void walk_alone(fixture *f, const gru4rec_dataset *data, int64_t session,
                       int64_t position)
{
    int32_t from = -1;
    for (int64_t i = data->offsets[session]; i <= position; i++) {
        g4r_network_carry(&f->alone, &from, 1);
        g4r_network_forward(&f->alone, &data->item_rows[i], 1, NULL);
        from = 0;
    }
}

/* One lane's product rounds otherwise than four lanes'. Observed: 3e-7. */
static void check_lane(const fixture *f, size_t lane)
{
    for (size_t i = 0; i < f->model->params.n_layers; i++) {
        size_t h = f->model->params.layers[i].h;
        const g4r_real *state = f->network.cells[i].state + lane * h;
        for (size_t k = 0; k < h; k++)
            CHECK_NEAR(f->alone.cells[i].state[k], state[k], 2e-6);
    }
}

/* In every lane and step, every layer's state is that of the lane's session alone. */
static void check_trajectories(const char *mode, const char *value, const char *layers)
{
    static fixture f;
    g4r_schedule schedule;
    gru4rec_dataset data = sessions();
    if (start(&f, mode, value, layers, LANES) &&
        CHECK(g4r_schedule_init(&schedule, &data, LANES, false, &g4r_libc_allocator))) {
        int64_t transitions = 0;
        while (g4r_schedule_next(&schedule)) {
            size_t m = (size_t)schedule.n_live;
            g4r_network_carry(&f.network, schedule.from, m);
            g4r_network_forward(&f.network, schedule.input, m, NULL);
            for (size_t lane = 0; lane < m; lane++, transitions++) {
                walk_alone(&f, &data, schedule.session[lane], schedule.position[lane]);
                check_lane(&f, lane);
            }
        }
        CHECK_INT(37 - 11, transitions);
        g4r_schedule_free(&schedule);
    }
    finish(&f);
}

static void test_lanes_walk_as_if_alone(void)
{
    check_trajectories("constrained_embedding", "true", "6");
    check_trajectories("constrained_embedding", "true", "3/8/5");
    check_trajectories("constrained_embedding", "false", "7/4");
    check_trajectories("embedding", "5", "4/6");
    check_trajectories("reset_after", "false", "6/6");
}

/* Kept lanes move up over retired ones; new ones start from zero. */
static void test_carry(void)
{
    static const int32_t from[] = {1, -1, 3};
    static fixture f;
    if (start(&f, "constrained_embedding", "true", "3/2", LANES)) {
        for (size_t i = 0; i < 2; i++)
            for (size_t k = 0; k < LANES * f.model->params.layers[i].h; k++)
                f.network.cells[i].state[k] = (g4r_real)(100 * i + k);
        g4r_network_carry(&f.network, from, 3);
        for (size_t i = 0; i < 2; i++)
            for (size_t k = 0, h = f.model->params.layers[i].h; k < h; k++) {
                const g4r_real *old = f.network.cells[i].old;
                CHECK_INT(100 * i + h + k, old[k]);
                CHECK_INT(0, old[h + k]);
                CHECK_INT(100 * i + 3 * h + k, old[2 * h + k]);
            }
    }
    finish(&f);
}

/* ---- dropout ---- */

/* n coins of which p fall on 0, the others on 1 / (1 - p); four standard deviations. */
static void check_mask(const g4r_real *mask, size_t n, double p)
{
    size_t n_zero = 0, n_kept = 0;
    for (size_t i = 0; i < n; i++) {
        n_zero += mask[i] == 0;
        n_kept += fabs((double)mask[i] * (1 - p) - 1) < 1e-6;
    }
    CHECK_INT(n, n_zero + n_kept);
    CHECK_NEAR(p * (double)n, n_zero, 4 * sqrt((double)n * p * (1 - p)));
}

static void check_dropout(double p_embed, double p_hidden)
{
    enum { MANY = 40, WIDTH = 50 };
    static fixture f;
    static int32_t rows[MANY], from[MANY];
    static g4r_real plain[MANY * WIDTH];
    g4r_dropout dropout = {(g4r_real)p_embed, (g4r_real)p_hidden, 11, 22};
    if (start(&f, "constrained_embedding", "true", "50/50", MANY)) {
        for (int32_t lane = 0; lane < MANY; lane++) {
            rows[lane] = lane % ITEMS;
            from[lane] = -1;
        }
        g4r_network_carry(&f.network, from, MANY);
        g4r_network_forward(&f.network, rows, MANY, NULL);
        memcpy(plain, f.network.cells[0].state, sizeof plain);
        g4r_network_forward(&f.network, rows, MANY, &dropout);
        const g4r_real *first = f.network.masks[0], *second = f.network.masks[1];
        if (p_embed > 0)
            check_mask(f.network.x_mask, MANY * WIDTH, p_embed);
        if (p_hidden > 0) {
            check_mask(first, MANY * WIDTH, p_hidden);
            check_mask(second, MANY * WIDTH, p_hidden);
            CHECK(memcmp(first, second, sizeof plain) != 0);
        }
        if (p_embed == 0)
            for (size_t i = 0; i < MANY * WIDTH; i++)
                CHECK_NEAR(plain[i] * first[i], f.network.cells[0].state[i], 1e-6);
    }
    finish(&f);
}

/* Each layer has its own mask; the state that goes up and is carried is the dropped one.
 */
static void test_dropout(void)
{
    check_dropout(0.9, 0);
    check_dropout(0, 0.9);
    check_dropout(0, 0.25);
    check_dropout(0.45, 0.1);
}

/* p 0 draws nothing: the same state as without. */
static void test_no_dropout(void)
{
    static const int32_t rows[LANES] = {4, 0, 19, 4}, from[LANES] = {-1, -1, -1, -1};
    static fixture f;
    g4r_dropout none = {0, 0, 5, 6};
    g4r_real states[LANES * 6];
    if (start(&f, "embedding", "4", "3/6", LANES)) {
        g4r_network_carry(&f.network, from, LANES);
        g4r_network_forward(&f.network, rows, LANES, NULL);
        memcpy(states, g4r_network_top(&f.network), sizeof states);
        g4r_network_forward(&f.network, rows, LANES, &none);
        CHECK(memcmp(states, g4r_network_top(&f.network), sizeof states) == 0);
        CHECK(memcmp(states, states + 18, 6 * sizeof *states) == 0);
    }
    finish(&f);
}

int main(void)
{
    RUN(test_lanes_walk_as_if_alone);
    RUN(test_carry);
    RUN(test_dropout);
    RUN(test_no_dropout);
    return test_end();
}

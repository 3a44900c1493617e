/*
 * test_network.c - the stack of layers over lanes: what is carried, what is reset, dense
 * layers, several frames, and dropout.
 */
#include "../lib/models.h"

#include "../../src/model/network.h"
#include "../../src/data/schedule.h"

enum { ITEMS = 20, LANES = 4 };

typedef struct fixture {
    gru4rec_options options;
    gru4rec_model *model;
    g4r_network network, alone; /* of LANES lanes, and of one */
    g4r_arena arena, arena_alone;
} fixture;

static bool layout(g4r_network *network, g4r_arena *arena, const gru4rec_model *model,
                   size_t n_lanes, size_t n_frames)
{
    memset(arena, 0, sizeof *arena);
    g4r_network_layout(network, arena, &model->params, n_lanes, n_frames, true);
    if (!CHECK(g4r_arena_allocate(arena, &g4r_alloc_libc)))
        return false;
    g4r_network_layout(network, arena, &model->params, n_lanes, n_frames, true);
    g4r_network_bind(network, model->values, NULL);
    return true;
}

/* name, value, name, value, ..., NULL */
static bool start_with(fixture *f, const char *const *pairs, size_t n_lanes)
{
    memset(f, 0, sizeof *f);
    f->options = resolved(pairs);
    f->model = model_of(NULL, ITEMS, &f->options);
    f->options.seed = 3;
    gru4rec_model_init(f->model, &f->options);
    return layout(&f->network, &f->arena, f->model, n_lanes, 1) &&
           layout(&f->alone, &f->arena_alone, f->model, 1, 1);
}

static bool start(fixture *f, const char *mode, const char *value, const char *layers,
                  size_t n_lanes)
{
    const char *const pairs[] = {mode, value, "layers", layers, NULL};
    return start_with(f, pairs, n_lanes);
}

static void finish(fixture *f)
{
    g4r_arena_free(&f->arena, &g4r_alloc_libc);
    g4r_arena_free(&f->arena_alone, &g4r_alloc_libc);
    gru4rec_model_free(f->model);
}

/* Lengths 4, 6, 2, 1, 3, 5, 2, 6, 1, 4, 3: refills, single events, retired lanes. */
static gru4rec_dataset sessions(void)
{
    static int64_t offsets[] = {0, 4, 10, 12, 13, 16, 21, 23, 29, 30, 34, 37};
    static int32_t rows[37];
    for (int32_t i = 0; i < 37; i++)
        rows[i] = i * i * 7 % ITEMS;
    return (gru4rec_dataset){.allocator = g4r_alloc_libc,
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
        g4r_network_carry(&f->alone, 0, &from, 1);
        g4r_network_forward(&f->alone, 0, &data->item_rows[i], 1, NULL);
        from = 0;
    }
}

/* One lane's product rounds otherwise than four lanes', but by rows. Observed: 3e-7. */
static void check_lane(const fixture *f, size_t lane)
{
    for (size_t i = 0; i < f->model->params.n_layers; i++) {
        size_t h = f->model->params.layers[i].h;
        const g4r_real *state = f->network.frames[0].cells[i].state + lane * h;
        if (f->network.by_rows)
            CHECK(memcmp(f->alone.frames[0].cells[i].state, state, h * sizeof *state) ==
                  0);
        for (size_t k = 0; k < h; k++)
            CHECK_NEAR(f->alone.frames[0].cells[i].state[k], state[k], 2e-6);
    }
    const size_t d = f->model->params.width;
    if (f->network.by_rows)
        CHECK(memcmp(g4r_network_top(&f->alone, 0),
                     g4r_network_top(&f->network, 0) + lane * d,
                     d * sizeof(g4r_real)) == 0);
}

/* In every lane and step, every layer's state is that of the lane's session alone. */
static void check_trajectories_of(const char *mode, const char *value, const char *layers,
                                  bool by_rows)
{
    static fixture f;
    g4r_schedule schedule;
    gru4rec_dataset data = sessions();
    if (start(&f, mode, value, layers, LANES) &&
        CHECK(g4r_schedule_init(&schedule, &data, &(g4r_schedule_plan){.n_lanes = LANES},
                                &g4r_alloc_libc))) {
        int64_t transitions = 0;
        f.network.by_rows = by_rows;
        while (g4r_schedule_next(&schedule)) {
            size_t m = (size_t)schedule.n_live;
            g4r_network_carry(&f.network, 0, schedule.from, m);
            g4r_network_forward(&f.network, 0, schedule.input, m, NULL);
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

static void check_trajectories(const char *mode, const char *value, const char *layers)
{
    check_trajectories_of(mode, value, layers, false);
    check_trajectories_of(mode, value, layers, true);
}

static void test_lanes_walk_as_if_alone(void)
{
    check_trajectories("constrained_embedding", "true", "6");
    check_trajectories("constrained_embedding", "true", "3/8/5");
    check_trajectories("constrained_embedding", "false", "7/4");
    check_trajectories("embedding", "5", "4/6");
    check_trajectories("reset_after", "false", "6/6");
    check_trajectories("feedforward", "5/4", "6/3");
    check_trajectories("hidden_act", "elu-0.5", "6/3");
    check_trajectories("hidden_act", "selu-1.05-1.67", "150/33");
    check_trajectories("reset_after", "false", "130/61");
    check_trajectories("feedforward", "77/200", "101");
}

/* Kept lanes move up over retired ones; new ones start from zero. */
static void test_carry(void)
{
    static const int32_t from[] = {1, -1, 3};
    static fixture f;
    if (start(&f, "constrained_embedding", "true", "3/2", LANES)) {
        for (size_t i = 0; i < 2; i++)
            for (size_t k = 0; k < LANES * f.model->params.layers[i].h; k++)
                f.network.frames[0].cells[i].state[k] = (g4r_real)(100 * i + k);
        g4r_network_carry(&f.network, 0, from, 3);
        for (size_t i = 0; i < 2; i++)
            for (size_t k = 0, h = f.model->params.layers[i].h; k < h; k++) {
                const g4r_real *old = f.network.frames[0].cells[i].old;
                CHECK_INT(100 * i + h + k, old[k]);
                CHECK_INT(0, old[h + k]);
                CHECK_INT(100 * i + 3 * h + k, old[2 * h + k]);
            }
    }
    finish(&f);
}

/* ---- dense layers ---- */

static double plain_act(const g4r_activation *act, double x)
{
    double a = (double)act->a, b = (double)act->b;
    switch (act->kind) {
    case GRU4REC_ACT_RELU:
        return x > 0 ? x : 0;
    case GRU4REC_ACT_TANH:
        return tanh(x);
    case GRU4REC_ACT_LEAKY:
        return x > 0 ? x : a * x;
    case GRU4REC_ACT_ELU:
        return x > 0 ? x : a * (exp(x) - 1);
    case GRU4REC_ACT_SELU:
        return a * (x > 0 ? x : b * (exp(x) - 1));
    default:
        return x;
    }
}

/* act(x weight^T + bias) of one lane, layer after layer, from the top GRU state. */
static void check_dense_lane(const fixture *f, size_t lane)
{
    const g4r_params *params = &f->model->params;
    const g4r_network_frame *frame = &f->network.frames[0];
    size_t width = params->layers[params->n_layers - 1].h;
    double x[64], y[64];
    for (size_t k = 0; k < width; k++)
        x[k] = (double)frame->cells[params->n_layers - 1].state[lane * width + k];
    for (size_t i = 0; i < params->n_dense; i++) {
        const g4r_dense *dense = &params->dense[i];
        for (size_t j = 0; j < dense->n_out; j++) {
            y[j] = (double)f->model->values[dense->bias][j];
            for (size_t k = 0; k < dense->n_in; k++)
                y[j] +=
                    x[k] * (double)f->model->values[dense->weight][j * dense->n_in + k];
            y[j] = plain_act(&params->dense_act, y[j]);
            /* Float sums of at most 7 terms below 2, twice. Observed: 3e-7. */
            CHECK_NEAR(y[j], frame->dense[i][lane * dense->n_out + j], 2e-6);
        }
        memcpy(x, y, sizeof x);
    }
}

static void check_dense(const char *feedforward, const char *act)
{
    static const int32_t rows[LANES] = {4, 0, 19, 4}, from[LANES] = {-1, -1, -1, -1};
    static fixture f;
    if (start_with(&f,
                   (const char *const[]){"layers", "3/7", "feedforward", feedforward,
                                         "feedforward_act", act, NULL},
                   LANES)) {
        const g4r_params *params = &f.model->params;
        for (size_t i = 0; i < params->n_dense; i++)
            for (size_t k = 0; k < params->dense[i].n_out; k++)
                f.model->values[params->dense[i].bias][k] =
                    (g4r_real)(0.3 * (double)k - 0.5);
        g4r_network_carry(&f.network, 0, from, LANES);
        g4r_network_forward(&f.network, 0, rows, LANES, NULL);
        for (size_t lane = 0; lane < LANES; lane++)
            check_dense_lane(&f, lane);
        CHECK(g4r_network_top(&f.network, 0) ==
              f.network.frames[0].dense[params->n_dense - 1]);
        CHECK(g4r_network_dtop(&f.network) == f.network.ddense[params->n_dense - 1]);
    }
    finish(&f);
}

static void test_dense_layers(void)
{
    static const char *const acts[] = {"linear",    "relu",    "tanh",
                                       "leaky-0.2", "elu-0.5", "selu-1.05-1.67"};
    for (int k = 0; k < 6; k++) {
        check_dense("5", acts[k]);
        check_dense("6/2", acts[k]);
    }
}

/* ---- frames ---- */

/* Frames of a block, block after block, go on from each other as steps do. */
static void test_frames_walk_as_one(void)
{
    enum { FRAMES = 3 };
    static fixture f;
    static g4r_network frames;
    static g4r_arena arena;
    g4r_schedule schedule;
    gru4rec_dataset data = sessions();
    if (start(&f, "feedforward", "5", "3/6", LANES) &&
        layout(&frames, &arena, f.model, LANES, FRAMES) &&
        CHECK(g4r_schedule_init(&schedule, &data, &(g4r_schedule_plan){.n_lanes = LANES},
                                &g4r_alloc_libc))) {
        for (size_t step = 0; g4r_schedule_next(&schedule); step++) {
            size_t m = (size_t)schedule.n_live, t = step % FRAMES;
            g4r_network_carry(&f.network, 0, schedule.from, m);
            g4r_network_forward(&f.network, 0, schedule.input, m, NULL);
            g4r_network_carry(&frames, t, schedule.from, m);
            g4r_network_forward(&frames, t, schedule.input, m, NULL);
            CHECK_INT(m, frames.frames[t].m);
            CHECK(memcmp(schedule.from, frames.frames[t].from,
                         m * sizeof *schedule.from) == 0);
            for (size_t i = 0; i < 2; i++)
                CHECK(memcmp(f.network.frames[0].cells[i].state,
                             frames.frames[t].cells[i].state,
                             m * f.model->params.layers[i].h * sizeof(g4r_real)) == 0);
            CHECK(memcmp(g4r_network_top(&f.network, 0), g4r_network_top(&frames, t),
                         m * 5 * sizeof(g4r_real)) == 0);
        }
        g4r_schedule_free(&schedule);
    }
    g4r_arena_free(&arena, &g4r_alloc_libc);
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
    g4r_dropout dropout = {(g4r_real)p_embed, (g4r_real)p_hidden, 11, 22, 0};
    if (start(&f, "constrained_embedding", "true", "50/50", MANY)) {
        for (int32_t lane = 0; lane < MANY; lane++) {
            rows[lane] = lane % ITEMS;
            from[lane] = -1;
        }
        g4r_network_carry(&f.network, 0, from, MANY);
        g4r_network_forward(&f.network, 0, rows, MANY, NULL);
        memcpy(plain, f.network.frames[0].cells[0].state, sizeof plain);
        g4r_network_forward(&f.network, 0, rows, MANY, &dropout);
        const g4r_real *first = f.network.frames[0].masks[0],
                       *second = f.network.frames[0].masks[1];
        if (p_embed > 0)
            check_mask(f.network.frames[0].x_mask, MANY * WIDTH, p_embed);
        if (p_hidden > 0) {
            check_mask(first, MANY * WIDTH, p_hidden);
            check_mask(second, MANY * WIDTH, p_hidden);
            CHECK(memcmp(first, second, sizeof plain) != 0);
        }
        if (p_embed == 0)
            for (size_t i = 0; i < MANY * WIDTH; i++)
                CHECK_NEAR(plain[i] * first[i], f.network.frames[0].cells[0].state[i],
                           1e-6);
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
    g4r_dropout none = {0, 0, 5, 6, 0};
    g4r_real states[LANES * 6];
    if (start(&f, "embedding", "4", "3/6", LANES)) {
        g4r_network_carry(&f.network, 0, from, LANES);
        g4r_network_forward(&f.network, 0, rows, LANES, NULL);
        memcpy(states, g4r_network_top(&f.network, 0), sizeof states);
        g4r_network_forward(&f.network, 0, rows, LANES, &none);
        CHECK(memcmp(states, g4r_network_top(&f.network, 0), sizeof states) == 0);
        CHECK(memcmp(states, states + 18, 6 * sizeof *states) == 0);
    }
    finish(&f);
}

int main(void)
{
    RUN(test_lanes_walk_as_if_alone);
    RUN(test_carry);
    RUN(test_dense_layers);
    RUN(test_frames_walk_as_one);
    RUN(test_dropout);
    RUN(test_no_dropout);
    return test_end();
}

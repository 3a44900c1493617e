/*
 * test_step.c - one training step: a worked example for both cells,
 * what a step's result may not depend on, and updates that follow several steps.
 */
#include "../../src/train/step.h"
#include "../lib/test.h"

/* The worked example: h 2, I 4, B = M = 2, K 1. Blocks as x W. */
static const double wy[8] = {.1, .2, -.3, .4, .5, -.1, .2, .3};
static const double block_c[4] = {.3, -.2, .1, .4};
static const double block_r[4] = {-.1, .2, .3, .1};
static const double block_z[4] = {.2, .1, -.3, .2};
static const double hidden_c[4] = {.2, -.1, .1, .3};
static const double hidden_r[4] = {.1, .2, -.2, .1};
static const double hidden_z[4] = {.3, -.1, .2, .2};
static const double old_state[4] = {.05, -.1, 0, 0};
static const int32_t from[2] = {0, 1};
static const int32_t inputs[2] = {0, 1};
static const int32_t targets[2] = {1, 0};
static const int32_t sample = 1;
static const int64_t support[4] = {1, 1, 1, 1};

/* The numbers have 7 decimals; floats of the size of a cost are good to 1.2e-7. */
static const double close = 3e-7;
/* Behind Adagrad, which magnifies the error of small gradients. Observed: 2e-7. */
static const double close_row = 1e-6;

typedef struct fixture {
    gru4rec_options options;
    gru4rec_training training;
    g4r_step step;
} fixture;

static void set(fixture *f, const char *name, const char *value)
{
    gru4rec_error error;
    if (!CHECK_INT(GRU4REC_OK, gru4rec_options_set(&f->options, GRU4REC_SCOPE_TRAIN, name,
                                                   value, &error)))
        printf("  %s\n", error.message);
}

static bool start(fixture *f, int32_t n_items, const int64_t *supports)
{
    gru4rec_error error;
    const size_t n_lanes = (size_t)f->options.batch_size;
    return CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&f->options, &error)) &&
           CHECK_INT(GRU4REC_OK, gru4rec_training_new(NULL, &f->options, n_items,
                                                      &f->training, &error)) &&
           CHECK_INT(GRU4REC_OK,
                     g4r_step_init(&f->step, &f->training, supports, &f->options,
                                   &(g4r_step_plan){1, 0, 1, n_lanes, n_lanes},
                                   (g4r_stop){0}, &error));
}

static void finish(fixture *f)
{
    g4r_step_free(&f->step);
    gru4rec_training_free(&f->training);
}

static g4r_real *tensor(const fixture *f, const char *name)
{
    for (size_t i = 0; i < f->training.model->params.n; i++)
        if (strcmp(f->training.model->params.list[i].name, name) == 0)
            return f->training.model->values[i];
    CHECK_TEXT(name, "the name of a tensor");
    return NULL;
}

static const g4r_real *gradient(const fixture *f, const char *name)
{
    for (size_t i = 0; i < f->training.model->params.n; i++)
        if (strcmp(f->training.model->params.list[i].name, name) == 0)
            return f->step.sums.tensors[i];
    return NULL;
}

static void check_values(const double *expected, const g4r_real *actual, size_t n,
                         double tolerance, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (!CHECK_NEAR(expected[i], actual[i], tolerance))
            printf("  %s, value %zu\n", what, i);
}

/* A 2 x 2 block into rows row, row + 1 of a matrix of two columns, transposed. */
static void put_transposed(g4r_real *matrix, size_t row, const double *block)
{
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < 2; j++)
            matrix[(row + i) * 2 + j] = (g4r_real)block[j * 2 + i];
}

/* The same into columns col, col + 1 of a matrix of cols columns. */
static void put(g4r_real *matrix, size_t col, size_t cols, const double *block)
{
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < 2; j++)
            matrix[i * cols + col + j] = (g4r_real)block[i * 2 + j];
}

static bool start_example(fixture *f, const char *loss, const char *reset_after)
{
    memset(f, 0, sizeof *f);
    gru4rec_options_init(&f->options);
    set(f, "preset", "official");
    set(f, "layers", "2");
    set(f, "loss", loss);
    set(f, "batch_size", "2");
    set(f, "n_sample", "1");
    set(f, "learning_rate", "0.1");
    set(f, "momentum", "0.5");
    set(f, "reset_after", reset_after);
    if (!start(f, 4, support))
        return false;
    for (size_t i = 0; i < 8; i++)
        tensor(f, "Wy.weight")[i] = (g4r_real)wy[i];
    if (f->options.reset_after) {
        put_transposed(tensor(f, "G.0.weight_ih"), 0, block_r);
        put_transposed(tensor(f, "G.0.weight_ih"), 2, block_z);
        put_transposed(tensor(f, "G.0.weight_ih"), 4, block_c);
        put_transposed(tensor(f, "G.0.weight_hh"), 0, hidden_r);
        put_transposed(tensor(f, "G.0.weight_hh"), 2, hidden_z);
        put_transposed(tensor(f, "G.0.weight_hh"), 4, hidden_c);
    } else {
        put(tensor(f, "G.0.Wx"), 0, 6, block_c);
        put(tensor(f, "G.0.Wx"), 2, 6, block_r);
        put(tensor(f, "G.0.Wx"), 4, 6, block_z);
        put(tensor(f, "G.0.Wrz"), 0, 4, hidden_r);
        put(tensor(f, "G.0.Wrz"), 2, 4, hidden_z);
        put(tensor(f, "G.0.Wh"), 0, 2, hidden_c);
    }
    return true;
}

/* The loss of a frame of one group. */
static double forward(fixture *f, const int32_t *from_lanes, const int32_t *in,
                      const int32_t *out, size_t m, const int32_t *samples)
{
    const gru4rec_lanes lanes = {.n = (int32_t)m,
                                 .input = in,
                                 .target = out,
                                 .from = from_lanes};
    return g4r_step_forward(&f->step, &lanes, samples);
}

/* The loss of one step, and its gradients. */
static double compute(fixture *f, const int32_t *from_lanes, const int32_t *in,
                      const int32_t *out, size_t m, const int32_t *samples)
{
    f->step.common.n_frames = f->step.common.n_columns = f->step.common.n_inputs = 0;
    f->step.groups[0].n_frames = 0;
    double loss = forward(f, from_lanes, in, out, m, samples);
    CHECK(g4r_step_is_full(&f->step));
    g4r_step_backward(&f->step);
    return loss;
}

/* Gradients of the inputs' rows, which stand behind those of M targets and one sample. */
static const g4r_real *example_dx(const fixture *f)
{
    return f->step.sums.columns + 3 * 2;
}

/* Cost of the example's step, from its old states. */
static double cost(fixture *f)
{
    for (size_t i = 0; i < 4; i++)
        f->step.groups[0].network.frames[0].cells[0].state[i] = (g4r_real)old_state[i];
    return compute(f, from, inputs, targets, 2, &sample) / 2;
}

static void test_torch_cell(void)
{
    static const double state[] = {.0499787, -.0298257, -.0272213, .1055531};
    static const double dx[] = {.0138695, -.0029716, -.0289308, .0049702};
    static const double dbias_ih[] = {0,         .0001462, -.0016687,
                                      -.0024399, -.038649, .0145905};
    static const double dbias_hh[] = {0,         .0001462,  -.0016687,
                                      -.0024399, -.0214176, .0069716};
    static const double rows[] = {.0000503, .2999737, -.200023, .3000241,
                                  .5,       -.1,      .2,       .3};
    static const double by[] = {.0999982, -.0999982, 0, 0};
    static fixture f;
    if (start_example(&f, "cross-entropy", "true")) {
        CHECK_NEAR(1.1136990, cost(&f), close);
        check_values(state, g4r_network_top(&f.step.groups[0].network, 0), 4, close,
                     "state");
        check_values(dx, example_dx(&f), 4, close, "dx");
        check_values(dbias_ih, gradient(&f, "G.0.bias_ih"), 6, close, "bias_ih");
        check_values(dbias_hh, gradient(&f, "G.0.bias_hh"), 6, close, "bias_hh");
        g4r_step_update(&f.step);
        check_values(rows, tensor(&f, "Wy.weight"), 8, close_row, "Wy");
        check_values(by, tensor(&f, "By.weight"), 4, close_row, "By");
        CHECK_NEAR(1.0694121, cost(&f), close_row);
    }
    finish(&f);
}

static void test_torch_cell_bpr_max(void)
{
    static fixture f;
    if (start_example(&f, "bpr-max", "true")) {
        CHECK_NEAR(.7041370, cost(&f), close);
        g4r_step_update(&f.step);
        CHECK_NEAR(.6803486, cost(&f), close_row);
    }
    finish(&f);
}

static void test_original_cell(void)
{
    static const double state[] = {.0500223, -.0280713, -.0227371, .1109649};
    static const double g[] = {-.3347629, .1695257,  .1652371,
                               .1683957,  -.3367914, .1683957};
    static const double dy[] = {.0678103, -.0339051, -.1347166, .0673583};
    static const double a[] = {.0330594, -.0171341, .0001039,  .0000458,
                               .0000008, -.0012041, -.0611593, .0329026,
                               0,        0,         .001669,   .0036438};
    static const double dx[] = {.0132232, -.003753, -.0242301, .0072732};
    static const double rows[] = {.000058, .2999763, -.2000307, .3000205,
                                  .5,      -.1,      .2,        .3};
    static const double by[] = {.0999982, -.0999982, 0, 0};
    static fixture f;
    if (start_example(&f, "cross-entropy", "false")) {
        CHECK_NEAR(1.1134029, cost(&f), close);
        check_values(state, g4r_network_top(&f.step.groups[0].network, 0), 4, close,
                     "state");
        check_values(g, f.step.groups[0].lanes[0].scores, 6, close, "G");
        check_values(dy, g4r_network_dtop(&f.step.groups[0].network), 4, close, "dy");
        check_values(a, f.step.groups[0].network.frames[0].cells[0].dv, 12, close,
                     "[a_c a_r a_z]");
        check_values(dx, example_dx(&f), 4, close, "dx");
        g4r_step_update(&f.step);
        check_values(rows, tensor(&f, "Wy.weight"), 8, close_row, "Wy");
        check_values(by, tensor(&f, "By.weight"), 4, close_row, "By");
        CHECK_NEAR(1.0702413, cost(&f), close_row);
    }
    finish(&f);
}

/* ---- what a step does not depend on ---- */

enum { ITEMS = 50, LANES = 4, SAMPLES = 12 };

static bool start_random(fixture *f, const char *dropout)
{
    static int64_t supports[ITEMS];
    for (int64_t i = 0; i < ITEMS; i++)
        supports[i] = 1 + i % 7;
    memset(f, 0, sizeof *f);
    gru4rec_options_init(&f->options);
    set(f, "preset", "official");
    set(f, "layers", "6/8");
    set(f, "batch_size", "4");
    set(f, "n_sample", "12");
    set(f, "logq", "1");
    set(f, "dropout_p_embed", dropout);
    set(f, "dropout_p_hidden", dropout);
    if (!start(f, ITEMS, supports))
        return false;
    f->options.seed = 5;
    gru4rec_model_init(f->training.model, &f->options);
    return true;
}

static const int32_t new_lanes[LANES] = {-1, -1, -1, -1};

/* One step from zero states; lanes and samples taken in the given orders. */
static double step_in_order(fixture *f, const size_t *lanes, bool is_backwards)
{
    static const int32_t in[LANES] = {3, 8, 3, 21}, out[LANES] = {8, 3, 40, 3};
    int32_t lane_in[LANES], lane_out[LANES], rows[SAMPLES];
    for (size_t i = 0; i < LANES; i++) {
        lane_in[i] = in[lanes[i]];
        lane_out[i] = out[lanes[i]];
    }
    for (int32_t i = 0; i < SAMPLES; i++) {
        int32_t k = is_backwards ? SAMPLES - 1 - i : i;
        rows[i] = k * k % 23;
    }
    double loss = compute(f, new_lanes, lane_in, lane_out, LANES, rows);
    g4r_step_update(&f->step);
    return loss;
}

/* Sums in another order: 1e-6 of a loss of 11; rows as behind any float update. */
static void test_lane_and_sample_order(void)
{
    static const size_t straight[LANES] = {0, 1, 2, 3}, turned[LANES] = {2, 0, 3, 1};
    static fixture a, b;
    if (start_random(&a, "0") && start_random(&b, "0")) {
        double loss = step_in_order(&a, straight, false);
        CHECK_NEAR(loss, step_in_order(&b, turned, true), 1e-5);
        for (size_t i = 0; i < a.training.model->params.n; i++) {
            size_t size = g4r_param_size(&a.training.model->params.list[i]);
            for (size_t k = 0; k < size; k++)
                CHECK_NEAR(a.training.model->values[i][k], b.training.model->values[i][k],
                           2e-5);
        }
    }
    finish(&a);
    finish(&b);
}

/*
 * Only rows that are inputs, targets or samples move, and those all do. 21 is an input
 * alone: its bias stays.
 */
static void test_untouched_rows_stay(void)
{
    static const size_t straight[LANES] = {0, 1, 2, 3};
    static fixture f;
    static g4r_real before[ITEMS * 8];
    bool is_touched[ITEMS] = {[3] = true, [8] = true, [21] = true, [40] = true};
    if (start_random(&f, "0")) {
        for (size_t k = 0; k < SAMPLES; k++)
            is_touched[k * k % 23] = true;
        g4r_real *table = tensor(&f, "Wy.weight");
        memcpy(before, table, sizeof before);
        step_in_order(&f, straight, false);
        for (size_t row = 0; row < ITEMS; row++)
            CHECK_INT(is_touched[row],
                      memcmp(before + row * 8, table + row * 8, 8 * sizeof *table) != 0);
        CHECK(tensor(&f, "By.weight")[21] == 0);
        CHECK(tensor(&f, "By.weight")[40] != 0);
    }
    finish(&f);
}

/*
 * logq is a change of bias: ln support for targets, sample_alpha ln support for samples,
 * divided at the live lanes, here 2 of 4. Observed: 1e-6 of the loss.
 */
static void test_logq(void)
{
    static const int32_t in[] = {1, 2}, out[] = {10, 11};
    static const int32_t rows[SAMPLES] = {20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
    static fixture f, shifted;
    if (start_random(&f, "0") && start_random(&shifted, "0")) {
        shifted.options.logq = 0;
        for (int32_t row = 10; row < 32; row++)
            tensor(&shifted, "By.weight")[row] -=
                (g4r_real)((row < 12 ? 1 : 0.5) * log(1 + row % 7));
        double loss = compute(&f, new_lanes, in, out, 2, rows);
        CHECK_NEAR(compute(&shifted, new_lanes, in, out, 2, rows), loss, 1e-5);
        for (size_t i = 0; i < 2 * (2 + SAMPLES); i++)
            CHECK_NEAR(shifted.step.groups[0].lanes[0].scores[i],
                       f.step.groups[0].lanes[0].scores[i], 1e-6);
    }
    finish(&f);
    finish(&shifted);
}

/* Masks are drawn anew for every step, the same in the same epoch; without dropout there are
 * none. */
static void test_dropout_changes_every_step(void)
{
    static const int32_t in[LANES] = {1, 2, 3, 4}, out[LANES] = {5, 6, 7, 8};
    static const int32_t rows[SAMPLES] = {9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
    static fixture dropped, plain;
    if (start_random(&dropped, "0.5") && start_random(&plain, "0")) {
        g4r_step_start(&dropped.step, 1);
        double a = compute(&dropped, new_lanes, in, out, LANES, rows);
        double b = compute(&dropped, new_lanes, in, out, LANES, rows);
        CHECK(a != b);
        g4r_step_start(&dropped.step, 2);
        CHECK(compute(&dropped, new_lanes, in, out, LANES, rows) != a);
        g4r_step_start(&dropped.step, 1);
        CHECK(compute(&dropped, new_lanes, in, out, LANES, rows) == a);
        a = compute(&plain, new_lanes, in, out, LANES, rows);
        b = compute(&plain, new_lanes, in, out, LANES, rows);
        CHECK(a == b);
    }
    finish(&dropped);
    finish(&plain);
}

/* ---- several frames ---- */

static const int32_t walk_from[5][LANES] = {
    {-1, -1, -1, -1}, {0, 1, 2, 3}, {0, -1, 2, 3}, {0, 2, 3}, {0, 1, 2}};
static const int32_t walk_in[5][LANES] = {
    {3, 8, 3, 21}, {8, 3, 40, 3}, {1, 2, 3, 4}, {9, 3, 5}, {5, 5, 5}};
static const int32_t walk_out[5][LANES] = {
    {8, 3, 40, 3}, {1, 7, 3, 4}, {9, 6, 3, 5}, {5, 5, 5}, {6, 3, 0}};
static const size_t walk_m[5] = {4, 4, 4, 3, 3};

static double walk_forward(fixture *f, size_t step, bool is_reset)
{
    int32_t rows[SAMPLES];
    for (int32_t i = 0; i < SAMPLES; i++)
        rows[i] = (int32_t)((i * i + (int32_t)step) % 23);
    return forward(f, is_reset ? new_lanes : walk_from[step], walk_in[step],
                   walk_out[step], walk_m[step], rows);
}

static bool start_bptt(fixture *f, const char *bptt, const char *learning_rate)
{
    static int64_t supports[ITEMS];
    for (int64_t i = 0; i < ITEMS; i++)
        supports[i] = 1 + i % 7;
    memset(f, 0, sizeof *f);
    gru4rec_options_init(&f->options);
    set(f, "preset", "official");
    set(f, "layers", "6/8");
    set(f, "batch_size", "4");
    set(f, "n_sample", "12");
    set(f, "bptt", bptt);
    set(f, "learning_rate", learning_rate);
    set(f, "adapt", "sgd");
    if (!start(f, ITEMS, supports))
        return false;
    f->options.seed = 5;
    gru4rec_model_init(f->training.model, &f->options);
    return true;
}

/*
 * States go on over frames and over updates, the last block's 2 of 3 frames included. The
 * rate is so small that weights stay as they are.
 */
static void test_frames_carry_on(void)
{
    static fixture one, three;
    if (start_bptt(&one, "1", "1e-9") && start_bptt(&three, "3", "1e-9"))
        for (size_t step = 0; step < 5; step++) {
            double loss = walk_forward(&one, step, false);
            CHECK_NEAR(loss, walk_forward(&three, step, false), 1e-6 * loss);
            CHECK(g4r_step_is_full(&one.step));
            CHECK_INT(step % 3 == 2, g4r_step_is_full(&three.step));
            g4r_step_backward(&one.step);
            g4r_step_update(&one.step);
            if (step % 3 == 2 || step == 4) {
                g4r_step_backward(&three.step);
                g4r_step_update(&three.step);
                CHECK(!g4r_step_is_full(&three.step));
            }
        }
    finish(&one);
    finish(&three);
}

/*
 * Where every frame begins anew, an update of three frames moves as far as three updates
 * of one, from the same weights.
 */
static void test_frames_add_up(void)
{
    static fixture one, three;
    if (start_bptt(&one, "1", "0.1") && start_bptt(&three, "3", "0.1")) {
        const g4r_params *params = &one.training.model->params;
        static double moved[16][ITEMS * 8];
        memset(moved, 0, sizeof moved);
        for (size_t step = 0; step < 3; step++) {
            walk_forward(&one, step, true);
            g4r_step_backward(&one.step);
            g4r_step_update(&one.step);
            for (size_t i = 0; i < params->n; i++)
                for (size_t k = 0; k < g4r_param_size(&params->list[i]); k++) {
                    g4r_real *value = &one.training.model->values[i][k];
                    moved[i][k] +=
                        (double)*value - (double)three.training.model->values[i][k];
                    *value = three.training.model->values[i][k];
                }
        }
        for (size_t step = 0; step < 3; step++)
            walk_forward(&three, step, true);
        g4r_step_backward(&three.step);
        g4r_step_update(&three.step);
        /* What was moved is what is missing between the two. */
        for (size_t i = 0; i < params->n; i++)
            for (size_t k = 0; k < g4r_param_size(&params->list[i]); k++)
                CHECK_NEAR((double)one.training.model->values[i][k] + moved[i][k],
                           three.training.model->values[i][k], 1e-6);
    }
    finish(&one);
    finish(&three);
}

static void test_bytes(void)
{
    static const char *const bptts[] = {"1", "2", "7"};
    for (int k = 0; k < 3; k++) {
        static fixture f;
        if (start_bptt(&f, bptts[k], "0.1"))
            CHECK_INT(g4r_arena_bytes(&f.step.arena) +
                          g4r_arena_bytes(&f.step.sums_arena) +
                          g4r_pool_bytes(g4r_step_threads(&f.options)),
                      g4r_step_bytes(&f.training.model->params, &f.options,
                                     &(g4r_step_plan){1, 0, 1, LANES, LANES}));
        finish(&f);
    }
}

int main(void)
{
    RUN(test_torch_cell);
    RUN(test_torch_cell_bpr_max);
    RUN(test_original_cell);
    RUN(test_lane_and_sample_order);
    RUN(test_untouched_rows_stay);
    RUN(test_logq);
    RUN(test_dropout_changes_every_step);
    RUN(test_frames_carry_on);
    RUN(test_frames_add_up);
    RUN(test_bytes);
    return test_end();
}

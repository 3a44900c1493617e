/*
 * test_gradient.c - the gradients of one update against finite differences, in double
 * precision.
 *
 * Every input mode x cell with every loss and final activation, hidden activation, layer
 * stack, dense layers, and one or several frames, with and without dropout: the cost (sum
 * of the losses / B) is differentiated by every value of every parameter, through rows
 * that occur several times among inputs, targets and samples. Each evaluation starts from
 * the same carried states and the same dropout numbers. The lanes of a frame also come
 * from two groups, one of which runs out.
 */
#include "../../src/kernels/blas.h"
#include "../../src/train/step.h"
#include "../lib/test.h"

enum { ITEMS = 6, BATCH = 5, LANES = 4, MOST_SAMPLES = 4, MOST_GROUPS = 2 };

static const int64_t support[ITEMS] = {4, 1, 9, 16, 2, 7};

/*
 * What the schedule might give, frame after frame, from LANES lanes on: sessions that
 * begin (-1) and end (the lane behind moves up), and fewer lanes than B, so that its
 * division and logq's split at M are seen.
 */
typedef struct scene_frame {
    size_t m;
    int32_t from[LANES], inputs[LANES], targets[LANES], samples[MOST_SAMPLES];
} scene_frame;

static const scene_frame scene[] = {
    {3, {1, -1, 3}, {2, 5, 2}, {5, 0, 5}, {0, 2, 3, 3}},
    {3, {0, -1, 2}, {5, 1, 5}, {1, 5, 2}, {2, 4, 1, 0}},
    {2, {0, 2}, {1, 2}, {4, 4}, {5, 5, 3, 1}},
    {2, {-1, 1}, {3, 4}, {2, 0}, {0, 1, 2, 3}},
    {1, {1}, {0}, {3}, {4, 2, 0, 2}},
};

/* The second group, in the same frames and with their samples. */
static const scene_frame second[] = {
    {.m = 2, .from = {2, -1}, .inputs = {5, 1}, .targets = {2, 1}},
    {.m = 3, .from = {1, 0, -1}, .inputs = {1, 4, 0}, .targets = {5, 3, 0}},
    {.m = 1, .from = {1}, .inputs = {3}, .targets = {4}},
    {.m = 0},
    {.m = 0},
};

/*
 * Central differences over +-h: the rounding of a cost around 5 gives 1e-15 / h, the
 * third derivative h^2. Observed: 1.2e-7 of the gradient, or of 1e-3 where it is less.
 */
static const double h = 1e-5;
static const double tolerance = 1e-6;

typedef struct fixture {
    gru4rec_training training;
    g4r_step step;
    g4r_rng dropout_rng; /* as before every evaluation */
    /* (LANES, h) carried into every evaluation, of each group */
    double *states[MOST_GROUPS][GRU4REC_MAX_LIST];
    double *gradients[G4R_MAX_TENSORS]; /* whole tensors, rows summed */
    /* (n_frames) of each group */
    const scene_frame *frames[MOST_GROUPS];
    size_t n_frames, n_groups;
} fixture;

static double worst;

static double *new_values(size_t n)
{
    double *values = calloc(n, sizeof *values);
    if (values == NULL)
        abort();
    return values;
}

static void fill(g4r_rng *rng, double *values, size_t n, double bound)
{
    for (size_t i = 0; i < n; i++)
        values[i] = (2 * g4r_rng_uniform(rng) - 1) * bound;
}

/* All weights random, biases too, and a carried state in every lane and layer. */
static bool open_fixture(fixture *f, const gru4rec_options *options, size_t n_groups)
{
    const g4r_step_plan plan = {n_groups, 0, n_groups, LANES, n_groups * LANES};
    gru4rec_error error;
    g4r_rng rng;
    memset(f, 0, sizeof *f);
    f->n_groups = n_groups;
    if (!CHECK_INT(GRU4REC_OK,
                   gru4rec_training_new(NULL, options, ITEMS, &f->training, &error)) ||
        !CHECK_INT(GRU4REC_OK, g4r_step_init(&f->step, &f->training, support, options,
                                             &plan, (g4r_stop){0}, &error)))
        return false;
    const g4r_params *params = &f->training.model->params;
    g4r_rng_seed(&rng, 7, 0, 0);
    for (size_t i = 0; i < params->n; i++) {
        size_t size = g4r_param_size(&params->list[i]);
        fill(&rng, f->training.model->values[i], size, 0.8);
        f->gradients[i] = new_values(size);
    }
    for (size_t group = 0; group < n_groups; group++)
        for (size_t i = 0; i < params->n_layers; i++) {
            f->states[group][i] = new_values(LANES * params->layers[i].h);
            fill(&rng, f->states[group][i], LANES * params->layers[i].h, 0.9);
        }
    g4r_step_start(&f->step, 1);
    f->dropout_rng = f->step.dropout_rng;
    return true;
}

static void close_fixture(fixture *f)
{
    for (size_t i = 0; i < G4R_MAX_TENSORS; i++)
        free(f->gradients[i]);
    for (size_t group = 0; group < MOST_GROUPS; group++)
        for (size_t i = 0; i < GRU4REC_MAX_LIST; i++)
            free(f->states[group][i]);
    g4r_step_free(&f->step);
    gru4rec_training_free(&f->training);
}

/* Of a group: no frame yet, and the carried states. */
static void reset_group(fixture *f, size_t group)
{
    const g4r_params *params = &f->training.model->params;
    g4r_network *network = &f->step.groups[group].network;
    f->step.groups[group].n_frames = 0;
    network->last = (size_t)f->step.common.options->bptt - 1;
    for (size_t i = 0; i < params->n_layers; i++)
        memcpy(network->frames[network->last].cells[i].state, f->states[group][i],
               LANES * params->layers[i].h * sizeof(double));
}

static double evaluate(fixture *f)
{
    double loss = 0;
    for (size_t group = 0; group < f->n_groups; group++)
        reset_group(f, group);
    f->step.dropout_rng = f->dropout_rng;
    f->step.common.n_frames = f->step.common.n_columns = f->step.common.n_inputs = 0;
    for (size_t t = 0; t < f->n_frames; t++) {
        gru4rec_lanes lanes[MOST_GROUPS];
        for (size_t group = 0; group < f->n_groups; group++) {
            const scene_frame *frame = &f->frames[group][t];
            lanes[group] = (gru4rec_lanes){.n = (int32_t)frame->m,
                                           .input = frame->inputs,
                                           .target = frame->targets,
                                           .from = frame->from};
        }
        loss += g4r_step_forward(&f->step, lanes, f->frames[0][t].samples);
    }
    return loss / (BATCH * (double)f->n_groups);
}

/* whole (I,cols) += the gradients (n,cols) of rows. */
static void scatter(double *whole, const double *gradients, const int32_t *rows, size_t n,
                    size_t cols)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < cols; k++)
            whole[(size_t)rows[i] * cols + k] += gradients[i * cols + k];
}

/* Of the evaluation before. */
static void keep_gradients(fixture *f)
{
    const g4r_params *params = &f->training.model->params;
    const bool scores_all = f->step.common.options->n_sample == GRU4REC_N_SAMPLE_ALL;
    const g4r_group_common *common = &f->step.common;
    const size_t n = common->n_columns;
    g4r_step_backward(&f->step);
    for (size_t i = 0; i < params->n; i++)
        if (f->step.sums.tensors[i] != NULL)
            memcpy(f->gradients[i], f->step.sums.tensors[i],
                   g4r_param_size(&params->list[i]) * sizeof(double));
    scatter(f->gradients[params->output], f->step.sums.columns, common->column_items, n,
            params->width);
    scatter(f->gradients[params->output_bias], f->step.sums.bias, common->column_items, n,
            1);
    size_t table = params->embedding;
    if (scores_all && params->mode == G4R_SHARED) /* is in it already */
        return;
    scatter(f->gradients[table], common->dinputs, common->input_items, common->n_inputs,
            (size_t)params->list[table].cols);
}

/* The largest error of a tensor's gradient, relative to the gradient and at least 1e-3.
 */
static double largest_error(fixture *f, size_t param)
{
    size_t size = g4r_param_size(&f->training.model->params.list[param]);
    double largest = 0;
    for (size_t i = 0; i < size; i++) {
        double *value = &f->training.model->values[param][i], kept = *value;
        *value = kept + h;
        double above = evaluate(f);
        *value = kept - h;
        double below = evaluate(f);
        *value = kept;
        double difference = (above - below) / (2 * h);
        double error =
            fabs(difference - f->gradients[param][i]) / fmax(fabs(difference), 1e-3);
        if (isnan(error) || error > largest) /* and stays NaN */
            largest = error;
    }
    return largest;
}

static void set(gru4rec_options *options, const char *name, const char *value)
{
    gru4rec_error error;
    if (!CHECK_INT(GRU4REC_OK, gru4rec_options_set(options, GRU4REC_SCOPE_TRAIN, name,
                                                   value, &error)))
        printf("  %s\n", error.message);
}

/* With n_frames of the scene, from first on, and of the second group if there are two. */
static void check(gru4rec_options *options, size_t first, size_t n_frames,
                  size_t n_groups)
{
    static fixture f;
    gru4rec_error error;
    memset(&f, 0, sizeof f);
    set(options, "batch_size", "5");
    if (options->n_sample != GRU4REC_N_SAMPLE_ALL)
        set(options, "sample_alpha", "0.4");
    if (!CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(options, &error)))
        printf("  %s\n", error.message);
    else if (open_fixture(&f, options, n_groups)) {
        f.frames[0] = scene + first;
        f.frames[1] = second + first;
        f.n_frames = n_frames;
        CHECK(isfinite(evaluate(&f)));
        CHECK_INT(n_frames == (size_t)options->bptt, g4r_step_is_full(&f.step));
        keep_gradients(&f);
        for (size_t i = 0; i < f.training.model->params.n; i++) {
            double largest = largest_error(&f, i);
            if (!CHECK_NEAR(0, largest, tolerance))
                printf("  in %s\n", f.training.model->params.list[i].name);
            worst = largest > worst ? largest : worst;
        }
    }
    close_fixture(&f);
}

/* ---- the combinations ---- */

/* Options as "name=value name=value ...". */
static void set_all(gru4rec_options *options, const char *settings)
{
    char name[40], value[40];
    int n = 0;
    for (; sscanf(settings, " %39[^= ]=%39[^ ] %n", name, value, &n) == 2; settings += n)
        set(options, name, value);
    CHECK_TEXT("", settings);
}

static const char *const modes[] = {"constrained_embedding=false", "embedding=3",
                                    "constrained_embedding=true"};
static const char *const cells[] = {"reset_after=true", "reset_after=false"};
static const char *const stacks[] = {"layers=4", "layers=5/3", "layers=3/4/5"};
enum { ONEHOT, SEPARATE, SHARED, N_MODES };
enum { N_CELLS = 2, N_STACKS = 3 };

/* One frame's losses; the others' go with softmax or an activation behind the scores. */
static const char *const losses[] = {"loss=cross-entropy", "loss=cross-entropy logq=0.7",
                                     "loss=bpr-max final_act=linear bpreg=1.3",
                                     "loss=bpr-max final_act=elu-0.5 bpreg=0.6"};
enum { N_LOSSES = 4 };

/* Dropout of hidden states, and of the input where that is an embedding. */
static const char *dropout_of(int mode)
{
    return mode == ONEHOT ? "dropout_p_hidden=0.3"
                          : "dropout_p_hidden=0.3 dropout_p_embed=0.4";
}

static size_t n_groups = 1; /* of all checks */

static void check_frames(size_t first, size_t n_frames, int mode, int cell,
                         const char *settings, const char *more)
{
    gru4rec_options options;
    char label[300];
    snprintf(label, sizeof label, "%s %s %s %s", modes[mode], cells[cell], settings,
             more);
    test_running = label;
    gru4rec_options_init(&options);
    set(&options, "preset", "official");
    set(&options, "n_sample", "4");
    set_all(&options, label);
    check(&options, first, n_frames, n_groups);
    test_running = "";
}

static void check_one(int mode, int cell, const char *settings, const char *more)
{
    check_frames(0, 1, mode, cell, settings, more);
}

/* With every stack of layers. */
static void check_stacks(int mode, int cell, const char *settings, const char *more)
{
    char label[200];
    for (int stack = 0; stack < N_STACKS; stack++) {
        snprintf(label, sizeof label, "%s %s", stacks[stack], settings);
        check_one(mode, cell, label, more);
    }
}

static void test_stacks(void)
{
    for (int mode = 0; mode < N_MODES; mode++)
        for (int loss = 0; loss < N_LOSSES; loss++)
            for (int cell = 0; cell < N_CELLS; cell++)
                check_stacks(mode, cell, losses[loss], "");
}

static void test_dropout(void)
{
    for (int mode = 0; mode < N_MODES; mode++)
        for (int loss = 0; loss < N_LOSSES; loss++)
            for (int cell = 0; cell < N_CELLS; cell++)
                check_stacks(mode, cell, losses[loss], dropout_of(mode));
}

/* Without samples a lane's negatives are the other lanes' targets alone. */
static void test_no_samples(void)
{
    for (int mode = 0; mode < N_MODES; mode++)
        for (int loss = 0; loss < N_LOSSES; loss++)
            check_stacks(mode, 0, losses[loss], "n_sample=0");
}

/* Every mode and cell with one layer, whose one-hot form has one cell only. */
static void check_one_layer(const char *settings)
{
    for (int mode = 0; mode < N_MODES; mode++)
        for (int cell = 0; cell < (mode == ONEHOT ? 1 : N_CELLS); cell++)
            check_one(mode, cell, "layers=4", settings);
}

static void test_softmax_losses(void)
{
    check_one_layer("loss=cross-entropy");
    check_one_layer("loss=cross-entropy smoothing=0.1");
    check_one_layer("loss=cross-entropy smoothing=0.3 logq=0.7");
    check_one_layer("loss=xe_logit");
    check_one_layer("loss=xe_logit smoothing=0.1");
    check_one_layer("loss=xe_logit smoothing=0.3 logq=0.7");
    check_one_layer("loss=xe_logit n_sample=0");
}

static const char *const acts[] = {"linear",    "relu",    "tanh",
                                   "leaky-0.2", "elu-0.5", "selu-1.05-1.67"};
enum { N_ACTS = 6 };

static void test_pairwise_losses(void)
{
    static const char *const pairwise[] = {"bpr", "bpr-max", "top1", "top1-max"};
    char settings[80];
    for (int loss = 0; loss < 4; loss++)
        for (int act = 0; act < N_ACTS; act++) {
            snprintf(settings, sizeof settings, "loss=%s final_act=%s", pairwise[loss],
                     acts[act]);
            check_one_layer(settings);
        }
    for (int loss = 0; loss < 4; loss++) {
        snprintf(settings, sizeof settings, "loss=%s n_sample=0", pairwise[loss]);
        check_one_layer(settings);
    }
}

static void test_hidden_activations(void)
{
    char settings[80];
    for (int act = 0; act < N_ACTS; act++)
        for (int mode = 0; mode < N_MODES; mode++)
            for (int cell = 0; cell < N_CELLS; cell++) {
                snprintf(settings, sizeof settings, "hidden_act=%s layers=5/3",
                         acts[act]);
                check_one(mode, cell, settings, act % 2 == 0 ? dropout_of(mode) : "");
            }
}

static void test_feedforward(void)
{
    char settings[100];
    for (int act = 0; act < N_ACTS; act++)
        for (int mode = 0; mode < N_MODES; mode++)
            for (int cell = 0; cell < N_CELLS; cell++)
                for (int deep = 0; deep < 2; deep++) {
                    snprintf(settings, sizeof settings,
                             "layers=%s feedforward=%s feedforward_act=%s",
                             (act + cell) % 2 == 0 ? "4" : "5/3", deep ? "4/2" : "3",
                             acts[act]);
                    check_one(mode, cell, settings, deep ? dropout_of(mode) : "");
                }
}

/* ---- several frames ---- */

/* bptt 1: any frame alone; 2: a reset and a retired lane; 5: all; 3 of 5: a short block. */
static void check_bptt(int mode, int cell, const char *settings, const char *more)
{
    char label[200];
    static const struct {
        const char *bptt;
        size_t first, n_frames;
    } blocks[] = {{"bptt=1", 2, 1}, {"bptt=2", 1, 2}, {"bptt=2", 3, 2},
                  {"bptt=5", 0, 5}, {"bptt=5", 1, 3}, {"bptt=5", 0, 1}};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        snprintf(label, sizeof label, "%s %s", blocks[i].bptt, settings);
        check_frames(blocks[i].first, blocks[i].n_frames, mode, cell, label, more);
    }
}

static void test_bptt(void)
{
    for (int mode = 0; mode < N_MODES; mode++)
        for (int cell = 0; cell < N_CELLS; cell++) {
            check_bptt(mode, cell, "layers=4", "");
            check_bptt(mode, cell, "layers=4", dropout_of(mode));
            check_bptt(mode, cell, "layers=4/3", "");
            check_bptt(mode, cell, "layers=4/3", dropout_of(mode));
        }
}

/* With everything else that a step may have. */
static void test_bptt_of_other_models(void)
{
    for (int mode = 0; mode < N_MODES; mode++)
        for (int cell = 0; cell < N_CELLS; cell++) {
            check_bptt(mode, cell, "layers=4 feedforward=3", "loss=top1-max");
            check_bptt(mode, cell, "layers=3/4 feedforward=4/2 hidden_act=elu-0.5",
                       dropout_of(mode));
            check_bptt(mode, cell, "layers=4/3 loss=bpr-max hidden_act=leaky-0.2",
                       dropout_of(mode));
            check_bptt(mode, cell, "layers=3 loss=xe_logit logq=0.7 smoothing=0.2",
                       "n_sample=0");
        }
}

/* The softmax over all items, with everything else that may stand beside it. */
static void test_all_items(void)
{
    for (int mode = 0; mode < N_MODES; mode++)
        for (int cell = 0; cell < N_CELLS; cell++) {
            check_bptt(mode, cell, "layers=4", "n_sample=all");
            check_bptt(mode, cell, "layers=4/3 n_sample=all smoothing=0.2",
                       dropout_of(mode));
            check_bptt(mode, cell, "layers=4 feedforward=3 feedforward_act=linear",
                       "loss=xe_logit n_sample=all");
        }
}

/* Two groups: columns, sums, dropout and the scale of the losses are those of both. */
static void test_groups(void)
{
    n_groups = 2;
    for (int mode = 0; mode < N_MODES; mode++)
        for (int loss = 0; loss < N_LOSSES; loss++)
            for (int cell = 0; cell < N_CELLS; cell++)
                check_stacks(mode, cell, losses[loss], dropout_of(mode));
    test_no_samples();
    test_bptt();
    test_bptt_of_other_models();
    test_all_items();
    n_groups = 1;
}

int main(void)
{
    g4r_blas_enter();
    RUN(test_stacks);
    RUN(test_dropout);
    RUN(test_no_samples);
    RUN(test_softmax_losses);
    RUN(test_pairwise_losses);
    RUN(test_hidden_activations);
    RUN(test_feedforward);
    RUN(test_bptt);
    RUN(test_bptt_of_other_models);
    RUN(test_all_items);
    RUN(test_groups);
    g4r_blas_leave();
    printf("worst relative error %.1e\n", worst);
    return test_end();
}

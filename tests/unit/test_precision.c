/*
 * test_precision.c - option precision: what it resolves to; and steps in bfloat16 against
 * steps in float32, whose gradients they must be close to, whatever the options; with any
 * number of threads the same bits.
 */
#include "../../src/kernels/bfloat16.h"
#include "../../src/train/precision.h"
#include "../../src/train/step.h"
#include "../lib/settings.h"

enum { ITEMS = 400, LANES = 24, MOST_SAMPLES = 900 };

static int64_t support[ITEMS];

/* ---- the rule ---- */

static gru4rec_precision precision_with(const char *settings)
{
    gru4rec_options options;
    gru4rec_options_init(&options);
    set_all(&options, GRU4REC_SCOPE_TRAIN, settings);
    CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&options, NULL));
    CHECK_INT(gru4rec_precision_of(&options) == GRU4REC_PRECISION_BFLOAT16,
              g4r_precision_is_bfloat16(&options));
    return gru4rec_precision_of(&options);
}

/* Whether auto may take bfloat16 here: on AMD's processors with AVX512_BF16. */
static bool may_gain(void)
{
#ifdef __x86_64__
    return __builtin_cpu_is("amd") && __builtin_cpu_supports("avx512bf16");
#else
    return false;
#endif
}

static void test_rule(void)
{
    const gru4rec_precision gained =
        may_gain() ? GRU4REC_PRECISION_BFLOAT16 : GRU4REC_PRECISION_FLOAT32;
    CHECK(!may_gain() || g4r_bfloat16_is_fast());
    CHECK_INT(GRU4REC_PRECISION_FLOAT32, precision_with(""));
    CHECK_INT(GRU4REC_PRECISION_FLOAT32, precision_with("precision=float32"));
    CHECK_INT(GRU4REC_PRECISION_BFLOAT16, precision_with("precision=bfloat16"));
    CHECK_INT(gained, precision_with("precision=auto layers=224/512 feedforward=300"));
    CHECK_INT(gained, precision_with("precision=auto loss=bpr-max layers=100"));
    CHECK_INT(GRU4REC_PRECISION_FLOAT32, precision_with("precision=auto layers=100"));
    CHECK_INT(GRU4REC_PRECISION_FLOAT32, precision_with("precision=auto layers=513"));
    CHECK_INT(GRU4REC_PRECISION_FLOAT32,
              precision_with("precision=auto loss=bpr-max layers=99"));
    CHECK_INT(GRU4REC_PRECISION_FLOAT32, precision_with("precision=auto loss=top1"));
    CHECK_INT(GRU4REC_PRECISION_FLOAT32,
              precision_with("precision=auto loss=bpr-max layers=224 feedforward=50"));
}

static bool fits(const g4r_precision_gain *gain, const char *settings)
{
    gru4rec_options options;
    gru4rec_options_init(&options);
    set_all(&options, GRU4REC_SCOPE_TRAIN, settings);
    CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&options, NULL));
    return g4r_precision_fits(gain, &options);
}

/* A line of the table of auto is about a loss, and about the widths of all layers. */
static void test_lines(void)
{
    const g4r_precision_gain gain = {GRU4REC_BPR_MAX, 96, 256, "amx"};
    CHECK(fits(&gain, "loss=bpr-max layers=96"));
    CHECK(fits(&gain, "loss=bpr-max layers=100/256 feedforward=128"));
    CHECK(!fits(&gain, "loss=cross-entropy layers=96"));
    CHECK(!fits(&gain, "loss=bpr-max layers=95"));
    CHECK(!fits(&gain, "loss=bpr-max layers=100/257"));
    CHECK(!fits(&gain, "loss=bpr-max layers=100 feedforward=20"));
}

/* ---- steps ---- */

typedef struct fixture {
    gru4rec_options options;
    gru4rec_training training;
    g4r_step step;
    double loss;
} fixture;

static void start(fixture *f, const char *settings, const char *precision)
{
    gru4rec_error error = {""};
    memset(f, 0, sizeof *f);
    gru4rec_options_init(&f->options);
    set_all(&f->options, GRU4REC_SCOPE_TRAIN,
            "layers=48 batch_size=24 n_sample=150 learning_rate=0.1 threads=1");
    set_all(&f->options, GRU4REC_SCOPE_TRAIN, settings);
    set_all(&f->options, GRU4REC_SCOPE_TRAIN, precision);
    CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&f->options, &error));
    CHECK_INT(GRU4REC_OK,
              gru4rec_training_new(NULL, &f->options, ITEMS, &f->training, &error));
    CHECK_TEXT("", error.message);
    gru4rec_model_init(f->training.model, &f->options);
    const size_t n_groups = (size_t)f->options.groups;
    CHECK_INT(GRU4REC_OK, g4r_step_init(&f->step, &f->training, support, &f->options,
                                        &(g4r_step_plan){n_groups, 0, n_groups, LANES,
                                                         n_groups * LANES},
                                        (g4r_stop){0}, &error));
    CHECK_INT(g4r_arena_bytes(&f->step.arena) + g4r_arena_bytes(&f->step.sums_arena) +
                  g4r_pool_bytes(g4r_step_threads(&f->options)),
              g4r_step_bytes(&f->training.model->params, &f->options, &f->step.plan));
}

/* Sets the states that the first frame goes on from. */
static void set_states(const fixture *f)
{
    const g4r_params *params = &f->training.model->params;
    for (size_t group = 0; group < f->step.plan.n_own; group++) {
        const g4r_network *network = &f->step.groups[group].network;
        for (size_t layer = 0; layer < params->n_layers; layer++)
            for (size_t i = 0; i < LANES * params->layers[layer].h; i++)
                network->frames[network->last].cells[layer].state[i] =
                    (g4r_real)sin((double)(i + group));
    }
}

static void finish(fixture *f)
{
    g4r_step_free(&f->step);
    gru4rec_training_free(&f->training);
}

/* One frame: lanes end, so that each has fewer; with groups, a part of the lanes each. */
static void add_frame(fixture *f, int32_t number)
{
    static int32_t from[LANES], in[LANES], out[LANES], samples[MOST_SAMPLES];
    const int32_t m = LANES - 5 * number;
    gru4rec_lanes lanes[4];
    for (int32_t i = 0; i < LANES; i++) {
        from[i] = i % 4 == 0 ? -1 : i;
        in[i] = (i * 7 + number) % 60;
        out[i] = (i * 5 + 3 * number + 1) % 60;
    }
    for (int32_t i = 0; i < MOST_SAMPLES; i++)
        samples[i] = (i * i + number) % (ITEMS - 50);
    for (int32_t group = 0; group < f->options.groups; group++)
        lanes[group] =
            (gru4rec_lanes){.n = m - 3 * group, .input = in, .target = out, .from = from};
    f->loss += g4r_step_forward(&f->step, lanes, samples);
}

/* One update: its frames forward, and back. Nothing is moved. */
static void compute(fixture *f)
{
    for (int32_t i = 0; i < f->options.bptt; i++)
        add_frame(f, i);
    g4r_step_backward(&f->step);
}

static double norm_of_difference(const g4r_real *a, const g4r_real *b, size_t n,
                                 double *norm)
{
    double squares = 0;
    *norm = 0;
    for (size_t i = 0; i < n; i++) {
        const double difference = (double)a[i] - (double)b[i];
        squares += difference * difference;
        *norm += (double)a[i] * (double)a[i];
    }
    *norm = sqrt(*norm);
    return sqrt(squares);
}

/*
 * Rounding changes an operand by at most 2^-9 of its norm, so a product by 2^-8 of the
 * product of the norms. A gradient has gone through at most 8 products of matrices one
 * after another (two layers, a dense layer and the scores, forward and back), whose
 * factors vary by less than that where weights begin small: 8 x 2^-8 of its norm. Observed
 * are at most 0.006; less than 0.0001 would be float32.
 */
static void check_close(const fixture *exact, const fixture *rounded)
{
    const double tolerance = 8.0 / 256, least = 1e-4;
    gru4rec_block a[G4R_STEP_BLOCKS], b[G4R_STEP_BLOCKS];
    const size_t n = g4r_step_blocks(&exact->step, &exact->step.sums, a);
    CHECK_INT(n, g4r_step_blocks(&rounded->step, &rounded->step.sums, b));
    CHECK_NEAR(exact->loss, rounded->loss, 1e-3 * fabs(exact->loss));
    for (size_t i = 0; i < n; i++) {
        double norm;
        const double difference =
            norm_of_difference(a[i].values, b[i].values, a[i].n, &norm);
        CHECK(norm > 0);
        if (!CHECK(difference <= tolerance * norm))
            printf("  block %zu: %g of %g\n", i, difference, norm);
        if (a[i].n > 1000)
            CHECK(difference >= least * norm);
    }
}

static const char *const sets[] = {
    "",
    "loss=bpr-max layers=40/56",
    "loss=top1-max reset_after=false layers=40/56",
    "loss=bpr feedforward=30/50",
    "n_sample=all",
    "n_sample=all bptt=3 smoothing=0.1",
    "embedding=33 bptt=3",
    "constrained_embedding=false",
    "constrained_embedding=false reset_after=false bptt=2",
    "layers=7",
    "groups=3",
    "groups=2 bptt=2 layers=20/30",
    "n_sample=0",
    "dropout_p_embed=0.3 dropout_p_hidden=0.2 logq=1",
};
enum { N_SETS = sizeof sets / sizeof *sets };

static void test_gradients(void)
{
    static fixture exact, rounded;
    for (int i = 0; i < N_SETS; i++) {
        start(&exact, sets[i], "precision=float32");
        start(&rounded, sets[i], "precision=bfloat16");
        set_states(&exact);
        set_states(&rounded);
        compute(&exact);
        compute(&rounded);
        const long n_broken = test_n_broken;
        check_close(&exact, &rounded);
        if (test_n_broken > n_broken)
            printf("  %s\n", sets[i]);
        finish(&exact);
        finish(&rounded);
    }
}

/* ---- trainings ---- */

static bool has_same_weights(const fixture *a, const fixture *b)
{
    const g4r_params *params = &a->training.model->params;
    for (size_t i = 0; i < params->n; i++)
        if (memcmp(a->training.model->values[i], b->training.model->values[i],
                   g4r_param_size(&params->list[i]) * sizeof(g4r_real)) != 0)
            return false;
    return true;
}

static void train(fixture *f, int n_updates)
{
    for (int i = 0; i < n_updates; i++) {
        f->loss = 0;
        compute(f);
        g4r_step_update(&f->step);
    }
}

/* Columns, lanes and products that are cut for the threads. */
static void test_threads(void)
{
    static const char *const wide[] = {"layers=200 n_sample=900",
                                       "layers=160/130 n_sample=700 bptt=2 groups=2",
                                       "layers=256 n_sample=all loss=cross-entropy"};
    static fixture one, more;
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        start(&one, wide[i], "precision=bfloat16");
        train(&one, 3);
        for (int n = 2; n <= 4; n++) {
            char threads[40];
            snprintf(threads, sizeof threads, "precision=bfloat16 threads=%d", n);
            start(&more, wide[i], threads);
            train(&more, 3);
            if (!CHECK(has_same_weights(&one, &more)))
                printf("  %s, %d threads\n", wide[i], n);
            finish(&more);
        }
        finish(&one);
    }
}

/*
 * Forty updates on the same lanes bring the loss down by a third or more, in bfloat16 as
 * in float32: the losses differ by less than 1 %. Observed: 0.2 %.
 */
static void test_training(void)
{
    static const char *const learning[] = {"", "loss=bpr-max elu_param=0.5",
                                           "n_sample=all", "reset_after=false"};
    static fixture exact, rounded;
    for (size_t i = 0; i < sizeof learning / sizeof *learning; i++) {
        start(&exact, learning[i],
              "precision=float32 dropout_p_embed=0 dropout_p_hidden=0");
        start(&rounded, learning[i],
              "precision=bfloat16 dropout_p_embed=0 dropout_p_hidden=0");
        train(&exact, 1);
        const double first = exact.loss;
        train(&exact, 39);
        train(&rounded, 40);
        CHECK(exact.loss < first * 2 / 3);
        CHECK_NEAR(exact.loss, rounded.loss, 0.01 * exact.loss);
        CHECK(!has_same_weights(&exact, &rounded));
        finish(&exact);
        finish(&rounded);
    }
}

int main(void)
{
    for (int64_t i = 0; i < ITEMS; i++)
        support[i] = 1 + i % 9;
    RUN(test_rule);
    RUN(test_lines);
    RUN(test_gradients);
    RUN(test_threads);
    RUN(test_training);
    return test_end();
}

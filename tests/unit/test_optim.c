/*
 * test_optim.c - every optimiser on whole tensors and on the rows of an update, against the
 * formulas of vec_update.h in double; a worked example; what an update adds up to for
 * grad_cap.
 */
#include "../../src/model/model.h"
#include "../../src/train/optim.h"
#include "../../src/train/step.h"
#include "../lib/test.h"

enum { ITEMS = 9, WIDTH = 3, MOST = 8 };

typedef struct fixture {
    gru4rec_options options;
    gru4rec_training training;
    g4r_arena arena;
    g4r_optim optim;
    g4r_merge merge;
    size_t wy, by; /* tensors of WIDTH columns and of one */
} fixture;

static void layout(fixture *f)
{
    g4r_merge_layout(&f->merge, &f->arena, MOST, 1);
}

static bool set(gru4rec_options *options, const char *name, const char *value)
{
    gru4rec_error error = {""};
    bool is_ok = CHECK_INT(GRU4REC_OK, gru4rec_options_set(options, GRU4REC_SCOPE_TRAIN,
                                                           name, value, &error));
    if (!is_ok)
        printf("  %s\n", error.message);
    return is_ok;
}

/* name, value, name, value, ..., NULL */
static bool start_with(fixture *f, const char *const *settings)
{
    gru4rec_error error;
    memset(f, 0, sizeof *f);
    gru4rec_options_init(&f->options);
    set(&f->options, "layers", "3");
    set(&f->options, "learning_rate", "0.1");
    for (; *settings != NULL; settings += 2)
        set(&f->options, settings[0], settings[1]);
    if (!CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&f->options, &error)) ||
        !CHECK_INT(GRU4REC_OK,
                   gru4rec_training_new(NULL, &f->options, ITEMS, &f->training, &error)))
        return false;
    layout(f);
    if (!CHECK(g4r_arena_allocate(&f->arena, &g4r_alloc_libc)))
        return false;
    layout(f);
    g4r_optim_init(&f->optim, &f->training, &f->options);
    f->wy = f->training.model->params.output;
    f->by = f->training.model->params.output_bias;
    return true;
}

static bool start(fixture *f, const char *momentum)
{
    return start_with(f, (const char *const[]){"momentum", momentum, NULL});
}

static void finish(fixture *f)
{
    g4r_arena_free(&f->arena, &g4r_alloc_libc);
    gru4rec_training_free(&f->training);
}

/* Gradient of value i at a step. */
static double gradient_at(size_t i, int step)
{
    return 0.7 * sin((double)(3 * i + 1) * (step + 1));
}

/* ---- the plain twin ---- */

enum { SIZE = 3 * WIDTH * WIDTH };

/* What an optimiser keeps of a tensor; t, the step, belongs to all of them. */
typedef struct plain {
    double p[SIZE], acc[SIZE], acc2[SIZE], vel[SIZE];
    int t;
} plain;

/* The formulas of optim.h, with rates as the options have them. */
static double plain_scaled(plain *x, size_t i, const gru4rec_options *o, double g)
{
    const double eps = 1e-6, *rates = o->adapt_params.values;
    double kappa, m, a;
    switch (o->adapt) {
    case GRU4REC_ADAGRAD:
        x->acc[i] += g * g;
        return g / sqrt(x->acc[i] + eps);
    case GRU4REC_RMSPROP:
        x->acc[i] = rates[0] * x->acc[i] + (1 - rates[0]) * g * g;
        return g / sqrt(x->acc[i] + eps);
    case GRU4REC_ADADELTA:
        x->acc[i] = rates[0] * x->acc[i] + (1 - rates[0]) * g * g;
        kappa = (x->acc2[i] + eps) / (x->acc[i] + eps);
        x->acc2[i] = rates[0] * x->acc2[i] + (1 - rates[0]) * kappa * g * g;
        return g * sqrt(kappa);
    case GRU4REC_ADAM:
        x->acc2[i] = rates[0] * x->acc2[i] + (1 - rates[0]) * g;
        x->acc[i] = rates[1] * x->acc[i] + (1 - rates[1]) * g * g;
        m = x->acc2[i] / (1 - pow(rates[0], x->t));
        a = x->acc[i] / (1 - pow(rates[1], x->t));
        return m / (sqrt(a) + 1e-8);
    default:
        return g;
    }
}

static void plain_update(plain *x, size_t i, const gru4rec_options *o, double g)
{
    double d = plain_scaled(x, i, o, g);
    x->vel[i] = o->momentum * x->vel[i] - o->learning_rate * (d + o->lmbd * x->p[i]);
    x->p[i] += x->vel[i];
}

/* ---- whole tensors ---- */

/*
 * Steps of a whole tensor that begins at 0.5. Observed: 6e-7, of Adam, whose 1 - rho2 is
 * made of a float.
 */
static void check_whole(const char *const *settings, int n_steps)
{
    static fixture f;
    static plain x;
    memset(&x, 0, sizeof x);
    if (start_with(&f, settings)) {
        size_t param = f.training.model->params.layers[0].hidden;
        size_t n = g4r_param_size(&f.training.model->params.list[param]);
        CHECK_INT(SIZE, n);
        for (size_t i = 0; i < n; i++)
            f.training.model->values[param][i] = (g4r_real)(x.p[i] = 0.5);
        for (x.t = 1; x.t <= n_steps; x.t++) {
            g4r_real gradient[SIZE];
            for (size_t i = 0; i < n; i++) {
                gradient[i] = (g4r_real)gradient_at(i, x.t);
                plain_update(&x, i, &f.options, gradient_at(i, x.t));
            }
            g4r_optim_begin(&f.optim, 0);
            g4r_optim_whole(&f.optim, NULL, param, gradient,
                            g4r_param_size(&f.training.model->params.list[param]));
            for (size_t i = 0; i < n; i++)
                CHECK_NEAR(x.p[i], f.training.model->values[param][i], 2e-6);
        }
    }
    finish(&f);
}

#define WHOLE(n_steps, ...) check_whole((const char *const[]){__VA_ARGS__, NULL}, n_steps)

static void test_whole(void)
{
    WHOLE(4, "momentum", "0");
    WHOLE(4, "momentum", "0.4");
    WHOLE(8, "momentum", "0.4", "lmbd", "0.05");
    WHOLE(8, "lmbd", "0.05");
}

static void test_whole_others(void)
{
    static const char *const kinds[][3] = {{"rmsprop", "0.7", "0.9"},
                                           {"adadelta", "0.7", "0.9"},
                                           {"adam", "0.7/0.95", "0.9/0.999"},
                                           {"sgd", "", ""}};
    for (int k = 0; k < 4; k++)
        for (int rates = 1; rates <= 2; rates++) {
            const char *kind = kinds[k][0], *given = kinds[k][rates];
            WHOLE(12, "adapt", kind, "adapt_params", given);
            WHOLE(12, "adapt", kind, "adapt_params", given, "momentum", "0.3");
            WHOLE(12, "adapt", kind, "adapt_params", given, "momentum", "0.3", "lmbd",
                  "0.1");
            WHOLE(12, "adapt", kind, "adapt_params", given, "lmbd", "0.1");
        }
}

/* State is there for those that need it only. */
static void check_state(const char *kind, const char *momentum, bool has_acc,
                        bool has_acc2, bool has_vel)
{
    static fixture f;
    if (start_with(&f, (const char *const[]){"adapt", kind, "momentum", momentum, NULL}))
        for (size_t i = 0; i < f.training.model->params.n; i++) {
            CHECK_INT(has_acc, f.training.slot[GRU4REC_SLOT_ACC] != NULL);
            CHECK_INT(has_acc2, f.training.slot[GRU4REC_SLOT_ACC2] != NULL);
            CHECK_INT(has_vel, f.training.slot[GRU4REC_SLOT_VELOCITY] != NULL);
        }
    finish(&f);
}

static void test_state(void)
{
    check_state("adagrad", "0", true, false, false);
    check_state("adagrad", "0.1", true, false, true);
    check_state("rmsprop", "0", true, false, false);
    check_state("adadelta", "0", true, true, false);
    check_state("adam", "0.1", true, true, true);
    check_state("sgd", "0", false, false, false);
    check_state("sgd", "0.1", false, false, true);
}

/* Thousands of steps on: rho^t is 0 and the corrections are 1. */
static void test_adam_after_many_steps(void)
{
    static fixture f;
    if (start_with(&f, (const char *const[]){"adapt", "adam", NULL})) {
        for (int i = 0; i < 50000; i++)
            g4r_optim_begin(&f.optim, 0);
        CHECK_NEAR(1, f.optim.update.correct, 1e-6);
        CHECK_NEAR(1, f.optim.update.correct2, 1e-6);
        CHECK_INT(50000, f.training.updates);
    }
    finish(&f);
}

/* eps is inside the root: a tiny gradient moves by lr g / 1e-3, not by lr. */
static void test_eps_inside_root(void)
{
    static fixture f;
    if (start(&f, "0")) {
        size_t param = f.training.model->params.layers[0].bias;
        g4r_real gradient[3 * WIDTH] = {(g4r_real)1e-6, -(g4r_real)1e-3, 5};
        g4r_optim_whole(&f.optim, NULL, param, gradient,
                        g4r_param_size(&f.training.model->params.list[param]));
        CHECK_NEAR(-1e-4, f.training.model->values[param][0], 1e-10);
        CHECK_NEAR(0.1 / sqrt(2), f.training.model->values[param][1], 1e-7);
        CHECK_NEAR(-0.1, f.training.model->values[param][2], 1e-7);
        CHECK_NEAR(0, f.training.model->values[param][3], 0);
    }
    finish(&f);
}

static void add_rows(fixture *f, const int32_t *rows, size_t n)
{
    g4r_merge_clear(&f->merge);
    g4r_merge_add(&f->merge, rows, n);
}

/* Merges the gradients of the first n occurrences, then moves their rows. */
static void update_rows(fixture *f, size_t param, g4r_real *gradients, size_t n)
{
    size_t cols = (size_t)f->training.model->params.list[param].cols;
    size_t n_distinct = g4r_merge_sum(gradients, &f->merge, n, cols, f->optim.vec);
    g4r_optim_rows(&f->optim, NULL, param, gradients, &f->merge, n_distinct);
}

/* The worked example: g (.3, .4) on one row, then .2 once. */
static void check_example(fixture *f, size_t param, size_t cols)
{
    static const int32_t twice[] = {4, 4}, once[] = {4};
    g4r_real gradients[2 * WIDTH];
    for (size_t i = 0; i < 2 * cols; i++)
        gradients[i] = (g4r_real)(i < cols ? 0.3 : 0.4);
    add_rows(f, twice, 2);
    update_rows(f, param, gradients, 2);
    for (size_t i = 0; i < cols; i++)
        CHECK_NEAR(-0.0999999, f->training.model->values[param][4 * cols + i], 1e-7);
    for (size_t i = 0; i < cols; i++)
        gradients[i] = (g4r_real)0.2;
    add_rows(f, once, 1);
    update_rows(f, param, gradients, 1);
    for (size_t i = 0; i < cols; i++) {
        CHECK_NEAR(-0.1774719, f->training.model->values[param][4 * cols + i], 1e-7);
        CHECK_NEAR(0.53, f->training.slot[GRU4REC_SLOT_ACC]->values[param][4 * cols + i],
                   1e-7);
    }
}

static void test_duplicates_are_summed(void)
{
    static fixture f;
    if (start(&f, "0.5")) {
        check_example(&f, f.by, 1);
        check_example(&f, f.wy, WIDTH);
    }
    finish(&f);
}

/* Rows (n) with random gradients against the same sums in a whole tensor. */
static void check_rows(fixture *f, size_t param, const int32_t *rows, size_t n, plain *x)
{
    size_t cols = (size_t)f->training.model->params.list[param].cols;
    double sums[ITEMS * WIDTH] = {0};
    bool is_touched[ITEMS] = {false};
    g4r_real gradients[MOST * WIDTH];
    for (size_t i = 0; i < n * cols; i++) {
        size_t row = (size_t)rows[i / cols];
        gradients[i] = (g4r_real)gradient_at(i, x->t);
        sums[row * cols + i % cols] += gradient_at(i, x->t);
        is_touched[row] = true;
    }
    for (size_t i = 0; i < ITEMS * cols; i++)
        if (is_touched[i / cols])
            plain_update(x, i, &f->options, sums[i]);
    update_rows(f, param, gradients, n);
    for (size_t i = 0; i < ITEMS * cols; i++)
        CHECK_NEAR(x->p[i], f->training.model->values[param][i], 2e-6);
}

/*
 * Rows 2 and 8 are untouched in some steps: they stand still then, in spite of velocity
 * and decay. Of 8 occurrences the first 6 have a bias, as in a step with shared tables.
 */
static void check_steps_of_rows(const char *const *settings)
{
    static const int32_t steps[4][MOST] = {{2, 8, 5, 2, 2, 0, 7, 5},
                                           {1, 1, 5, 0, 3, 3, 2, 4},
                                           {8, 2, 8, 2, 6, 8, 0, 0},
                                           {0, 1, 2, 3, 4, 5, 6, 7}};
    static fixture f;
    static plain x[2];
    memset(x, 0, sizeof x);
    _Static_assert(ITEMS * WIDTH <= SIZE, "a plain tensor holds all rows");
    if (start_with(&f, settings)) {
        for (size_t i = 0; i < ITEMS * WIDTH; i++)
            f.training.model->values[f.wy][i] = (g4r_real)(x[0].p[i] = 0.5);
        for (size_t i = 0; i < ITEMS; i++)
            f.training.model->values[f.by][i] = (g4r_real)(x[1].p[i] = -0.5);
        for (int step = 0; step < 4; step++) {
            x[0].t = x[1].t = step + 1;
            g4r_optim_begin(&f.optim, 0);
            add_rows(&f, steps[step], MOST);
            check_rows(&f, f.wy, steps[step], MOST, &x[0]);
            check_rows(&f, f.by, steps[step], 6, &x[1]);
        }
    }
    finish(&f);
}

static void test_rows(void)
{
    static const char *const kinds[] = {"adagrad", "rmsprop", "adadelta", "adam", "sgd"};
    for (int k = 0; k < 5; k++) {
        check_steps_of_rows((const char *const[]){"adapt", kinds[k], NULL});
        check_steps_of_rows(
            (const char *const[]){"adapt", kinds[k], "momentum", "0.5", NULL});
        check_steps_of_rows((const char *const[]){"adapt", kinds[k], "momentum", "0.5",
                                                  "lmbd", "0.2", NULL});
    }
}

/* ---- grad_cap ---- */

static void test_clip(void)
{
    static fixture f;
    if (start_with(&f, (const char *const[]){"grad_cap", "5", NULL})) {
        g4r_optim_begin(&f.optim, 16);
        CHECK_NEAR(1, f.optim.update.clip, 0);
        g4r_optim_begin(&f.optim, 25);
        CHECK_NEAR(1, f.optim.update.clip, 1e-7);
        g4r_optim_begin(&f.optim, 400);
        CHECK_NEAR(0.25, f.optim.update.clip, 1e-7);
        g4r_optim_begin(&f.optim, 0);
        CHECK_NEAR(1, f.optim.update.clip, 0);
    }
    finish(&f);
    if (start(&f, "0")) { /* none */
        g4r_optim_begin(&f.optim, 1e30);
        CHECK_NEAR(1, f.optim.update.clip, 0);
    }
    finish(&f);
}

/* Duplicates are added up before they are squared. */
static void test_merged_squares(void)
{
    static const int32_t rows[] = {4, 7, 4, 2};
    g4r_real gradients[] = {1, 2, 3, -1, 0, 5, 2, 2, -3, 1, 1, 1};
    static fixture f;
    if (start(&f, "0")) {
        add_rows(&f, rows, 4);
        size_t n = g4r_merge_sum(gradients, &f.merge, 4, 3, f.optim.vec);
        CHECK_INT(3, n);
        /* (3, 4, 0), (-1, 0, 5), (1, 1, 1) */
        CHECK_NEAR(25 + 26 + 3, g4r_merge_squares(gradients, &f.merge, n, 3, f.optim.vec),
                   1e-5);
        CHECK_NEAR(0, g4r_merge_squares(gradients, &f.merge, 0, 3, f.optim.vec), 0);
    }
    finish(&f);
}

/* The move of everything in one step of plain descent: -lr x gradient. */
static double length_of_move(const char *const *settings)
{
    static const int32_t from[] = {-1, -1}, in[] = {0, 1}, out[] = {1, 1};
    static const int32_t samples[] = {1, 5, 5, 0};
    static const gru4rec_lanes lanes = {.n = 2, .input = in, .target = out, .from = from};
    static const int64_t support[ITEMS] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    static fixture f;
    static g4r_step step;
    double squares = 0;
    gru4rec_error error;
    if (start_with(&f, settings) &&
        CHECK_INT(GRU4REC_OK, g4r_step_init(&step, &f.training, support, &f.options,
                                            &(g4r_step_plan){1, 0, 1, 2, 2},
                                            (g4r_stop){0}, &error))) {
        const g4r_params *params = &f.training.model->params;
        static double before[G4R_MAX_TENSORS][400];
        gru4rec_model_init(f.training.model, &f.options);
        for (size_t i = 0; i < params->n; i++)
            for (size_t k = 0; k < g4r_param_size(&params->list[i]); k++)
                before[i][k] = (double)f.training.model->values[i][k];
        g4r_step_forward(&step, &lanes, samples);
        g4r_step_backward(&step);
        g4r_step_update(&step);
        for (size_t i = 0; i < params->n; i++)
            for (size_t k = 0; k < g4r_param_size(&params->list[i]); k++) {
                double move =
                    ((double)f.training.model->values[i][k] - before[i][k]) / 0.1;
                squares += move * move;
            }
        g4r_step_free(&step);
    }
    finish(&f);
    return sqrt(squares);
}

#define LENGTH(...)                                                                     \
    length_of_move((const char *const[]){"adapt", "sgd", "batch_size", "2", "n_sample", \
                                         "4", __VA_ARGS__, NULL})

/*
 * The norm is that of whole gradients, merged rows and biases together: a cap just above
 * it does nothing, one below is the length of the move.
 */
static void check_cap(const char *mode, const char *value)
{
    char cap[40];
    double free_length = LENGTH(mode, value);
    CHECK(free_length > 0.1);
    snprintf(cap, sizeof cap, "%.9g", free_length * 1.001);
    CHECK_NEAR(free_length, LENGTH(mode, value, "grad_cap", cap), 1e-9);
    snprintf(cap, sizeof cap, "%.9g", free_length * 0.999);
    /* Moves come out of float differences: 6e-8 / 0.1 each. */
    CHECK_NEAR(free_length * 0.999, LENGTH(mode, value, "grad_cap", cap), 2e-5);
    CHECK_NEAR(0.01, LENGTH(mode, value, "grad_cap", "0.01"), 2e-5);
}

static void test_grad_cap(void)
{
    check_cap("constrained_embedding", "true");
    check_cap("constrained_embedding", "false");
    check_cap("embedding", "5");
    check_cap("feedforward", "4/3");
}

static void test_merge_numbers(void)
{
    static const int32_t columns[] = {3, 5, 3}, inputs[] = {5, 7};
    static const int32_t numbers[] = {0, 1, 0, 1, 2}, firsts[] = {0, 1, 4};
    static fixture f;
    if (start(&f, "0")) {
        g4r_merge_clear(&f.merge);
        g4r_merge_add(&f.merge, columns, 3);
        g4r_merge_add(&f.merge, inputs, 2);
        CHECK_INT(5, f.merge.n);
        for (size_t i = 0; i < 5; i++)
            CHECK_INT(numbers[i], f.merge.number[i]);
        for (size_t i = 0; i < 3; i++)
            CHECK_INT(firsts[i], f.merge.first[i]);
    }
    finish(&f);
}

int main(void)
{
    RUN(test_whole);
    RUN(test_whole_others);
    RUN(test_state);
    RUN(test_adam_after_many_steps);
    RUN(test_eps_inside_root);
    RUN(test_duplicates_are_summed);
    RUN(test_rows);
    RUN(test_clip);
    RUN(test_merged_squares);
    RUN(test_grad_cap);
    RUN(test_merge_numbers);
    return test_end();
}

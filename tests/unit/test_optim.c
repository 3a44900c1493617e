/*
 * test_optim.c - Adagrad with momentum on dense tensors and on the rows of a step, with
 * the scalar example of algorithm 7.3.
 */
#include "../../src/model.h"
#include "../../src/optim.h"
#include "../lib/test.h"

enum { ITEMS = 9, WIDTH = 3, MOST = 8 };

typedef struct fixture {
    gru4rec_options options;
    gru4rec_model *model;
    g4r_arena arena;
    g4r_optim optim;
    g4r_merge merge;
    size_t wy, by; /* tensors of WIDTH columns and of one */
} fixture;

static void layout(fixture *f)
{
    g4r_optim_layout(&f->optim, &f->arena, &f->model->params, &f->options);
    g4r_merge_layout(&f->merge, &f->arena, MOST);
}

static bool start(fixture *f, const char *momentum)
{
    gru4rec_error error;
    memset(f, 0, sizeof *f);
    gru4rec_options_init(&f->options);
    gru4rec_options_set(&f->options, GRU4REC_SCOPE_TRAIN, "layers", "3", &error);
    gru4rec_options_set(&f->options, GRU4REC_SCOPE_TRAIN, "learning_rate", "0.1", &error);
    gru4rec_options_set(&f->options, GRU4REC_SCOPE_TRAIN, "momentum", momentum, &error);
    if (!CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&f->options, &error)) ||
        !CHECK_INT(GRU4REC_OK,
                   gru4rec_model_new(NULL, &f->options, ITEMS, &f->model, &error)))
        return false;
    layout(f);
    if (!CHECK(g4r_arena_allocate(&f->arena, &g4r_libc_allocator)))
        return false;
    layout(f);
    f->wy = f->model->params.output;
    f->by = f->model->params.output_bias;
    return true;
}

static void finish(fixture *f)
{
    g4r_arena_free(&f->arena, &g4r_libc_allocator);
    gru4rec_model_free(f->model);
}

/* Gradient of value i at a step. */
static double gradient_at(size_t i, int step)
{
    return 0.7 * sin((double)(3 * i + 1) * (step + 1));
}

/* Some steps of a whole tensor against the formula in double. Observed: 6e-8. */
static void check_dense(const char *momentum, double mu)
{
    static fixture f;
    if (start(&f, momentum)) {
        size_t param = f.model->params.layers[0].hidden;
        size_t n = g4r_param_size(&f.model->params.list[param]);
        double p[3 * WIDTH * WIDTH] = {0}, acc[3 * WIDTH * WIDTH] = {0};
        double vel[3 * WIDTH * WIDTH] = {0};
        CHECK_INT(3 * WIDTH * WIDTH, n);
        for (int step = 0; step < 4; step++) {
            g4r_real gradient[3 * WIDTH * WIDTH];
            for (size_t i = 0; i < n; i++) {
                double g = gradient_at(i, step);
                gradient[i] = (g4r_real)g;
                acc[i] += g * g;
                vel[i] = mu * vel[i] - 0.1 * g / sqrt(acc[i] + 1e-6);
                p[i] += vel[i];
            }
            g4r_optim_dense(&f.optim, param, f.model->values[param], gradient);
            for (size_t i = 0; i < n; i++)
                CHECK_NEAR(p[i], f.model->values[param][i], 3e-7);
        }
    }
    finish(&f);
}

static void test_dense(void)
{
    check_dense("0", 0);
    check_dense("0.4", 0.4);
}

/* eps is inside the root: a tiny gradient moves by lr g / 1e-3, not by lr. */
static void test_eps_inside_root(void)
{
    static fixture f;
    if (start(&f, "0")) {
        size_t param = f.model->params.layers[0].bias;
        g4r_real gradient[3 * WIDTH] = {(g4r_real)1e-6, -(g4r_real)1e-3, 5};
        g4r_optim_dense(&f.optim, param, f.model->values[param], gradient);
        CHECK_NEAR(-1e-4, f.model->values[param][0], 1e-10);
        CHECK_NEAR(0.1 / sqrt(2), f.model->values[param][1], 1e-7);
        CHECK_NEAR(-0.1, f.model->values[param][2], 1e-7);
        CHECK_NEAR(0, f.model->values[param][3], 0);
    }
    finish(&f);
}

static void add_rows(fixture *f, const int32_t *rows, size_t n)
{
    g4r_merge_clear(&f->merge);
    g4r_merge_add(&f->merge, rows, n);
}

/* The example of 7.3: g (.3, .4) on one row, then .2 once. */
static void check_example(fixture *f, size_t param, size_t cols)
{
    static const int32_t twice[] = {4, 4}, once[] = {4};
    g4r_real gradients[2 * WIDTH];
    for (size_t i = 0; i < 2 * cols; i++)
        gradients[i] = (g4r_real)(i < cols ? 0.3 : 0.4);
    add_rows(f, twice, 2);
    g4r_optim_rows(&f->optim, param, f->model->values[param], gradients, &f->merge, 2);
    for (size_t i = 0; i < cols; i++)
        CHECK_NEAR(-0.0999999, f->model->values[param][4 * cols + i], 1e-7);
    for (size_t i = 0; i < cols; i++)
        gradients[i] = (g4r_real)0.2;
    add_rows(f, once, 1);
    g4r_optim_rows(&f->optim, param, f->model->values[param], gradients, &f->merge, 1);
    for (size_t i = 0; i < cols; i++) {
        CHECK_NEAR(-0.1774719, f->model->values[param][4 * cols + i], 1e-7);
        CHECK_NEAR(0.53, f->optim.acc[param][4 * cols + i], 1e-7);
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

/* Rows (n) with random gradients against the same sums in a dense tensor. */
static void check_rows(fixture *f, size_t param, const int32_t *rows, size_t n, int step,
                       double *p, double *acc, double *vel)
{
    size_t cols = (size_t)f->model->params.list[param].cols;
    double sums[ITEMS * WIDTH] = {0};
    bool is_touched[ITEMS] = {false};
    g4r_real gradients[MOST * WIDTH];
    for (size_t i = 0; i < n * cols; i++) {
        size_t row = (size_t)rows[i / cols];
        gradients[i] = (g4r_real)gradient_at(i, step);
        sums[row * cols + i % cols] += gradient_at(i, step);
        is_touched[row] = true;
    }
    for (size_t i = 0; i < ITEMS * cols; i++) {
        if (!is_touched[i / cols])
            continue;
        acc[i] += sums[i] * sums[i];
        vel[i] = 0.5 * vel[i] - 0.1 * sums[i] / sqrt(acc[i] + 1e-6);
        p[i] += vel[i];
    }
    g4r_optim_rows(&f->optim, param, f->model->values[param], gradients, &f->merge, n);
    for (size_t i = 0; i < ITEMS * cols; i++)
        CHECK_NEAR(p[i], f->model->values[param][i], 1e-6);
}

/*
 * Rows 2 and 8 are untouched in some steps: they stand still then, in spite of their
 * velocity. Of 8 occurrences the first 6 have a bias, as in a step with shared tables.
 */
static void test_rows(void)
{
    static const int32_t steps[3][MOST] = {{2, 8, 5, 2, 2, 0, 7, 5},
                                           {1, 1, 5, 0, 3, 3, 2, 4},
                                           {8, 2, 8, 2, 6, 8, 0, 0}};
    static fixture f;
    double p[2][ITEMS * WIDTH] = {{0}}, acc[2][ITEMS * WIDTH] = {{0}};
    double vel[2][ITEMS * WIDTH] = {{0}};
    if (start(&f, "0.5"))
        for (int step = 0; step < 3; step++) {
            add_rows(&f, steps[step], MOST);
            check_rows(&f, f.wy, steps[step], MOST, step, p[0], acc[0], vel[0]);
            check_rows(&f, f.by, steps[step], 6, step, p[1], acc[1], vel[1]);
        }
    finish(&f);
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
    RUN(test_dense);
    RUN(test_eps_inside_root);
    RUN(test_duplicates_are_summed);
    RUN(test_rows);
    RUN(test_merge_numbers);
    return test_end();
}

/*
 * test_gradient.c - the gradient of one training step against finite differences, in
 * double precision.
 *
 * Every input mode x loss x cell x layer stack, with and without dropout: the step's cost
 * (sum of the losses / B) is differentiated by every value of every parameter, through
 * rows that occur several times among inputs, targets and samples. Each evaluation starts
 * from the same carried states and the same dropout numbers.
 */
#include "../../src/blas.h"
#include "../../src/step.h"
#include "../lib/test.h"

enum { ITEMS = 6, BATCH = 5, LANES = 4 };

/* Fewer lanes than B, so that its division and logq's split at M are seen. */
static const int32_t from[] = {1, -1, 3};
static const int32_t inputs[] = {2, 5, 2};
static const int32_t targets[] = {5, 0, 5};
static const int32_t samples[] = {0, 2, 3, 3};
static const int64_t support[ITEMS] = {4, 1, 9, 16, 2, 7};
enum { M = 3 };

/*
 * Central differences over +-h: the rounding of a cost around 5 gives 1e-15 / h, the
 * third derivative h^2. Observed: 3.5e-8 of the gradient, or of 1e-3 where it is less.
 */
static const double h = 1e-5;
static const double tolerance = 1e-6;

typedef struct fixture {
    gru4rec_model *model;
    g4r_step step;
    g4r_rng dropout_rng;                /* as before every evaluation */
    double *states[GRU4REC_MAX_LIST];   /* (LANES, h) carried into every evaluation */
    double *gradients[G4R_MAX_TENSORS]; /* whole tensors, rows summed */
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
static bool open_fixture(fixture *f, const gru4rec_options *options)
{
    gru4rec_error error;
    g4r_rng rng;
    memset(f, 0, sizeof *f);
    if (!CHECK_INT(GRU4REC_OK,
                   gru4rec_model_new(NULL, options, ITEMS, &f->model, &error)) ||
        !CHECK_INT(GRU4REC_OK, g4r_step_init(&f->step, f->model, support, options, LANES,
                                             &g4r_libc_allocator, &error)))
        return false;
    const g4r_params *params = &f->model->params;
    g4r_rng_seed(&rng, 7, 0);
    for (size_t i = 0; i < params->n; i++) {
        size_t size = g4r_param_size(&params->list[i]);
        fill(&rng, f->model->values[i], size, 0.8);
        f->gradients[i] = new_values(size);
    }
    for (size_t i = 0; i < params->n_layers; i++) {
        f->states[i] = new_values(LANES * params->layers[i].h);
        fill(&rng, f->states[i], LANES * params->layers[i].h, 0.9);
    }
    f->dropout_rng = f->step.dropout_rng;
    return true;
}

static void close_fixture(fixture *f)
{
    for (size_t i = 0; i < G4R_MAX_TENSORS; i++)
        free(f->gradients[i]);
    for (size_t i = 0; i < GRU4REC_MAX_LIST; i++)
        free(f->states[i]);
    g4r_step_free(&f->step);
    gru4rec_model_free(f->model);
}

static double evaluate(fixture *f)
{
    const g4r_params *params = &f->model->params;
    for (size_t i = 0; i < params->n_layers; i++)
        memcpy(f->step.network.cells[i].state, f->states[i],
               LANES * params->layers[i].h * sizeof(double));
    f->step.dropout_rng = f->dropout_rng;
    return g4r_step_gradient(&f->step, from, inputs, targets, M, samples) / BATCH;
}

/* whole (I,cols) += the gradients (n,cols) of rows. */
static void scatter(double *whole, const double *gradients, const int32_t *rows, size_t n,
                    size_t cols)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < cols; k++)
            whole[(size_t)rows[i] * cols + k] += gradients[i * cols + k];
}

static void keep_gradients(fixture *f)
{
    const g4r_params *params = &f->model->params;
    const size_t n = M + f->step.n_sample;
    for (size_t i = 0; i < params->n; i++)
        if (!params->list[i].is_sparse)
            memcpy(f->gradients[i], f->step.gradients[i],
                   g4r_param_size(&params->list[i]) * sizeof(double));
    scatter(f->gradients[params->output], f->step.drows, f->step.columns, n, params->top);
    scatter(f->gradients[params->output_bias], f->step.doffset, f->step.columns, n, 1);
    size_t table =
        params->mode == G4R_ONEHOT ? params->layers[0].input : params->embedding;
    scatter(f->gradients[table], g4r_network_drows(&f->step.network), inputs, M,
            (size_t)params->list[table].cols);
}

/* The largest error of a tensor's gradient, relative to the gradient and at least 1e-3.
 */
static double largest_error(fixture *f, size_t param)
{
    size_t size = g4r_param_size(&f->model->params.list[param]);
    double largest = 0;
    for (size_t i = 0; i < size; i++) {
        double *value = &f->model->values[param][i], kept = *value;
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

static void check(gru4rec_options *options)
{
    static fixture f;
    gru4rec_error error;
    set(options, "batch_size", "5");
    set(options, "sample_alpha", "0.4");
    if (!CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(options, &error)))
        printf("  %s\n", error.message);
    else if (open_fixture(&f, options)) {
        CHECK(isfinite(evaluate(&f)));
        keep_gradients(&f);
        for (size_t i = 0; i < f.model->params.n; i++) {
            double largest = largest_error(&f, i);
            if (!CHECK_NEAR(0, largest, tolerance))
                printf("  in %s\n", f.model->params.list[i].name);
            worst = largest > worst ? largest : worst;
        }
    }
    close_fixture(&f);
}

/* ---- the combinations ---- */

typedef struct setting {
    const char *name, *value;
} setting;

static void set_all(gru4rec_options *options, const setting settings[3], char *label)
{
    for (int i = 0; i < 3 && settings[i].name != NULL; i++) {
        set(options, settings[i].name, settings[i].value);
        strcat(strcat(label, settings[i].value), " ");
    }
}

static const setting modes[][3] = {
    {{"constrained_embedding", "false"}},
    {{"embedding", "3"}},
    {{"constrained_embedding", "true"}},
};
static const setting losses[][3] = {
    {{"loss", "cross-entropy"}},
    {{"loss", "cross-entropy"}, {"logq", "0.7"}},
    {{"loss", "bpr-max"}, {"final_act", "linear"}, {"bpreg", "1.3"}},
    {{"loss", "bpr-max"}, {"final_act", "elu-0.5"}, {"bpreg", "0.6"}},
};
static const setting cells[][3] = {{{"reset_after", "true"}}, {{"reset_after", "false"}}};
static const setting stacks[][3] = {{{"layers", "4"}},
                                    {{"layers", "5/3"}},
                                    {{"layers", "3/4/5"}}};

enum { N_MODES = 3, N_LOSSES = 4, N_CELLS = 2, N_STACKS = 3, ONEHOT = 0 };

static void check_stacks(int mode, int loss, int cell, const char *n_sample,
                         bool has_dropout)
{
    char label[120];
    for (int stack = 0; stack < N_STACKS; stack++) {
        gru4rec_options options;
        gru4rec_options_init(&options);
        label[0] = '\0';
        set_all(&options, modes[mode], label);
        set_all(&options, losses[loss], label);
        set_all(&options, cells[cell], label);
        set_all(&options, stacks[stack], label);
        set(&options, "n_sample", n_sample);
        if (has_dropout) {
            set(&options, "dropout_p_hidden", "0.3");
            set(&options, "dropout_p_embed", mode == ONEHOT ? "0" : "0.4");
        }
        test_running = label;
        check(&options);
    }
}

static void check_all(const char *n_sample, bool has_dropout)
{
    for (int mode = 0; mode < N_MODES; mode++)
        for (int loss = 0; loss < N_LOSSES; loss++)
            for (int cell = 0; cell < N_CELLS; cell++)
                check_stacks(mode, loss, cell, n_sample, has_dropout);
    test_running = "";
}

static void test_samples(void)
{
    check_all("4", false);
}

static void test_dropout(void)
{
    check_all("4", true);
}

/* Without samples a lane's negatives are the other lanes' targets alone. */
static void test_no_samples(void)
{
    for (int mode = 0; mode < N_MODES; mode++)
        for (int loss = 0; loss < N_LOSSES; loss++)
            check_stacks(mode, loss, 0, "0", false);
}

int main(void)
{
    g4r_blas_enter();
    RUN(test_samples);
    RUN(test_dropout);
    RUN(test_no_samples);
    g4r_blas_leave();
    printf("worst relative error %.1e\n", worst);
    return test_end();
}

/*
 * test_cell.c - both GRU cells, forward and backward, against their equations
 * (vec_cell.h) in double, for widths and lanes that kernels split differently, every
 * activation of the candidate and every kernel table; and where the two coincide.
 */
#include "../../src/model/cell.h"
#include "../../src/base/rng.h"
#include "../lib/test.h"

enum { MOST_LANES = 5, MOST_WIDTH = 37 };

/* All arrays of a cell, as floats for the library; inputs are random. */
typedef struct fixture {
    size_t m, h;
    g4r_real old[MOST_LANES * MOST_WIDTH], v[3 * MOST_LANES * MOST_WIDTH];
    g4r_real scratch[3 * MOST_LANES * MOST_WIDTH], gates[3 * MOST_LANES * MOST_WIDTH];
    g4r_real saved[MOST_LANES * MOST_WIDTH], state[MOST_LANES * MOST_WIDTH];
    g4r_real dv[3 * MOST_LANES * MOST_WIDTH], dstate[MOST_LANES * MOST_WIDTH];
    g4r_real w_hidden[3 * MOST_WIDTH * MOST_WIDTH], w_hidden_c[MOST_WIDTH * MOST_WIDTH];
    g4r_real bias[3 * MOST_WIDTH], bias_hidden[3 * MOST_WIDTH];
    g4r_real dw_hidden[3 * MOST_WIDTH * MOST_WIDTH];
    g4r_real dw_hidden_c[MOST_WIDTH * MOST_WIDTH];
    g4r_real dbias[3 * MOST_WIDTH], dbias_hidden[3 * MOST_WIDTH];
    g4r_real dold[MOST_LANES * MOST_WIDTH];
    g4r_activation act;
    g4r_cell_pass pass;
    g4r_cell cell;
} fixture;

/* What the equations give. */
typedef struct plain {
    double state[MOST_LANES * MOST_WIDTH], dv[3 * MOST_LANES * MOST_WIDTH];
    double dw_hidden[3 * MOST_WIDTH * MOST_WIDTH], dw_hidden_c[MOST_WIDTH * MOST_WIDTH];
    double dbias[3 * MOST_WIDTH], dbias_hidden[3 * MOST_WIDTH];
    double dold[MOST_LANES * MOST_WIDTH];
} plain;

static void fill(g4r_rng *rng, g4r_real *values, size_t n, double bound)
{
    for (size_t i = 0; i < n; i++)
        values[i] = (g4r_real)((2 * g4r_rng_uniform(rng) - 1) * bound);
}

static void start(fixture *f, size_t m, size_t h, const g4r_activation *act,
                  bool is_added, const g4r_vec *vec)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, (int64_t)(m * 100 + h), 0, 0);
    f->act = *act;
    f->m = m;
    f->h = h;
    fill(&rng, f->old, m * h, 1);
    fill(&rng, f->v, 3 * m * h, 2);
    fill(&rng, f->dstate, m * h, 1);
    fill(&rng, f->w_hidden, 3 * h * h, 1 / sqrt((double)h));
    fill(&rng, f->w_hidden_c, h * h, 1 / sqrt((double)h));
    fill(&rng, f->bias, 3 * h, 0.5);
    fill(&rng, f->bias_hidden, 3 * h, 0.5);
    f->pass = (g4r_cell_pass){f->old,   f->v,     f->scratch, f->gates,
                              f->saved, f->state, f->dv,      f->dold};
    f->cell = (g4r_cell){
        .vec = vec,
        .m = m,
        .h = h,
        .act = *act,
        .weights = {NULL, f->w_hidden, f->w_hidden_c, f->bias, f->bias_hidden},
        .pass = &f->pass,
        .dstate = f->dstate,
        .dweights = {NULL, f->dw_hidden, f->dw_hidden_c, f->dbias, f->dbias_hidden},
        .beta = is_added ? 1 : 0,
        .needs_dold = is_added,
    };
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static const g4r_activation hyperbolic = {GRU4REC_ACT_TANH, 0, 0};

/* As in vec_basic.h, and the slope. */
static double plain_act(const g4r_activation *act, double x, double *slope)
{
    double a = (double)act->a, b = (double)act->b, y;
    switch (act->kind) {
    case GRU4REC_ACT_RELU:
        *slope = x > 0;
        return x > 0 ? x : 0;
    case GRU4REC_ACT_TANH:
        y = tanh(x);
        *slope = 1 - y * y;
        return y;
    case GRU4REC_ACT_LEAKY:
        *slope = x > 0 ? 1 : a;
        return x * *slope;
    case GRU4REC_ACT_ELU:
        *slope = x > 0 ? 1 : a * exp(x);
        return x > 0 ? x : a * (exp(x) - 1);
    case GRU4REC_ACT_SELU:
        *slope = x > 0 ? a : a * b * exp(x);
        return x > 0 ? a * x : a * b * (exp(x) - 1);
    default:
        *slope = 1;
        return x;
    }
}

/* One lane of the PyTorch cell: a_r, a_z, a_n into dv, its hidden twin into dhidden.
 */
static void plain_torch_lane(plain *p, double *dhidden, const fixture *f, size_t lane)
{
    const size_t h = f->h;
    for (size_t i = 0; i < h; i++) {
        double gh[3], gi[3];
        for (size_t b = 0; b < 3; b++) {
            gi[b] = (double)f->v[lane * 3 * h + b * h + i] + (double)f->bias[b * h + i];
            gh[b] = (double)f->bias_hidden[b * h + i];
            for (size_t k = 0; k < h; k++)
                gh[b] += (double)f->old[lane * h + k] *
                         (double)f->w_hidden[(b * h + i) * h + k];
        }
        double r = sigmoid(gi[0] + gh[0]), z = sigmoid(gi[1] + gh[1]);
        double slope, n = plain_act(&f->act, gi[2] + r * gh[2], &slope);
        double old = (double)f->old[lane * h + i];
        double dstate = (double)f->dstate[lane * h + i];
        double a_n = dstate * (1 - z) * slope;
        double a[3] = {a_n * gh[2] * r * (1 - r), dstate * (old - n) * z * (1 - z), a_n};
        p->state[lane * h + i] = (1 - z) * n + z * old;
        p->dold[lane * h + i] = dstate * z;
        for (size_t b = 0; b < 3; b++) {
            p->dv[lane * 3 * h + b * h + i] = a[b];
            dhidden[b * h + i] = b == 2 ? a_n * r : a[b];
        }
    }
}

static void plain_torch(plain *p, const fixture *f)
{
    const size_t h = f->h;
    double dhidden[3 * MOST_WIDTH];
    memset(p, 0, sizeof *p);
    for (size_t lane = 0; lane < f->m; lane++) {
        plain_torch_lane(p, dhidden, f, lane);
        for (size_t i = 0; i < 3 * h; i++) {
            p->dbias[i] += p->dv[lane * 3 * h + i];
            p->dbias_hidden[i] += dhidden[i];
            for (size_t k = 0; k < h; k++) {
                p->dw_hidden[i * h + k] += dhidden[i] * (double)f->old[lane * h + k];
                p->dold[lane * h + k] += dhidden[i] * (double)f->w_hidden[i * h + k];
            }
        }
    }
}

/* sum over k of x[k] w[k, col], w with cols columns. */
static double product(const double *x, const g4r_real *w, size_t col, size_t h,
                      size_t cols)
{
    double sum = 0;
    for (size_t k = 0; k < h; k++)
        sum += x[k] * (double)w[k * cols + col];
    return sum;
}

/* One lane of the original cell; blocks c, r, z. u (h) out: the reset state. */
static void plain_original_lane(plain *p, double *u, const fixture *f, size_t lane)
{
    const size_t h = f->h;
    const g4r_real *v = f->v + lane * 3 * h;
    double old[MOST_WIDTH], r[MOST_WIDTH], *a = p->dv + lane * 3 * h;
    for (size_t i = 0; i < h; i++)
        old[i] = (double)f->old[lane * h + i];
    for (size_t i = 0; i < h; i++) {
        r[i] = sigmoid((double)v[h + i] + (double)f->bias[h + i] +
                       product(old, f->w_hidden, i, h, 2 * h));
        u[i] = r[i] * old[i];
    }
    for (size_t i = 0; i < h; i++) {
        double z = sigmoid((double)v[2 * h + i] + (double)f->bias[2 * h + i] +
                           product(old, f->w_hidden, h + i, h, 2 * h));
        double slope;
        double c = plain_act(&f->act,
                             (double)v[i] + (double)f->bias[i] +
                                 product(u, f->w_hidden_c, i, h, h),
                             &slope);
        double dstate = (double)f->dstate[lane * h + i];
        p->state[lane * h + i] = (1 - z) * old[i] + z * c;
        a[i] = dstate * z * slope;
        p->dold[lane * h + i] = dstate * (1 - z);
        a[2 * h + i] = dstate * (c - old[i]) * z * (1 - z);
    }
    for (size_t i = 0; i < h; i++) {
        double du = 0;
        for (size_t k = 0; k < h; k++)
            du += a[k] * (double)f->w_hidden_c[i * h + k];
        a[h + i] = du * old[i] * r[i] * (1 - r[i]);
        p->dold[lane * h + i] += du * r[i];
    }
    for (size_t k = 0; k < h; k++)
        for (size_t i = 0; i < 2 * h; i++)
            p->dold[lane * h + k] += a[h + i] * (double)f->w_hidden[k * 2 * h + i];
}

static void plain_original(plain *p, const fixture *f)
{
    const size_t h = f->h;
    double u[MOST_WIDTH];
    memset(p, 0, sizeof *p);
    for (size_t lane = 0; lane < f->m; lane++) {
        plain_original_lane(p, u, f, lane);
        const double *a = p->dv + lane * 3 * h;
        for (size_t i = 0; i < 3 * h; i++)
            p->dbias[i] += a[i];
        for (size_t k = 0; k < h; k++) {
            for (size_t i = 0; i < h; i++)
                p->dw_hidden_c[k * h + i] += u[k] * a[i];
            for (size_t i = 0; i < 2 * h; i++)
                p->dw_hidden[k * 2 * h + i] += (double)f->old[lane * h + k] * a[h + i];
        }
    }
}

/* Sums of 37 terms of at most 1 in float. Observed: 6e-7. */
static void check_values(const double *expected, const g4r_real *actual, size_t n,
                         const char *what)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        double difference = fabs(expected[i] - (double)actual[i]);
        if (isnan(difference) || difference > largest) /* and stays NaN */
            largest = difference;
    }
    if (!CHECK_NEAR(0, largest, 3e-6))
        printf("  %s\n", what);
}

/* dw holds something already, to be overwritten or added to; so does dold. */
static void fill_gradients(fixture *f)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, 99, 0, 0);
    fill(&rng, f->dw_hidden, 3 * f->h * f->h, 1);
    fill(&rng, f->dw_hidden_c, f->h * f->h, 1);
    fill(&rng, f->dbias, 3 * f->h, 1);
    fill(&rng, f->dbias_hidden, 3 * f->h, 1);
    fill(&rng, f->dold, f->m * f->h, 1);
}

/* What add is to be beside the equations' gradient: nothing, or what was there. */
static void add_old(double *expected, const g4r_real *before, size_t n, bool is_added)
{
    for (size_t i = 0; i < n && is_added; i++)
        expected[i] += (double)before[i];
}

static void add_gradients(plain *p, const fixture *f, bool is_added)
{
    add_old(p->dw_hidden, f->dw_hidden, 3 * f->h * f->h, is_added);
    add_old(p->dw_hidden_c, f->dw_hidden_c, f->h * f->h, is_added);
    add_old(p->dbias, f->dbias, 3 * f->h, is_added);
    add_old(p->dbias_hidden, f->dbias_hidden, 3 * f->h, is_added);
}

typedef size_t give_products(g4r_product *products, const g4r_cell *cell);

static void run_products(give_products *give, const g4r_cell *cell)
{
    g4r_product products[G4R_CELL_PRODUCTS];
    size_t n = give(products, cell);
    g4r_products_run(NULL, NULL, products, n);
}

static void check_torch(size_t m, size_t h, const g4r_activation *act, bool is_added,
                        const g4r_vec *vec)
{
    static fixture f;
    static plain p;
    start(&f, m, h, act, is_added, vec);
    plain_torch(&p, &f);
    run_products(g4r_cell_torch_products, &f.cell);
    g4r_cell_torch_forward(&f.cell, 0, m);
    check_values(p.state, f.state, m * h, "state");
    fill_gradients(&f);
    add_gradients(&p, &f, is_added);
    g4r_cell_torch_backward(&f.cell, 0, m / 2);
    g4r_cell_torch_backward(&f.cell, m / 2, m);
    run_products(g4r_cell_torch_gradients, &f.cell);
    if (is_added)
        check_values(p.dold, f.dold, m * h, "dold");
    check_values(p.dv, f.dv, 3 * m * h, "dv");
    check_values(p.dw_hidden, f.dw_hidden, 3 * h * h, "dW_hh");
    check_values(p.dbias, f.dbias, 3 * h, "db_ih");
    check_values(p.dbias_hidden, f.dbias_hidden, 3 * h, "db_hh");
}

static void check_original(size_t m, size_t h, const g4r_activation *act, bool is_added,
                           const g4r_vec *vec)
{
    static fixture f;
    static plain p;
    start(&f, m, h, act, is_added, vec);
    plain_original(&p, &f);
    run_products(g4r_cell_original_products, &f.cell);
    g4r_cell_original_forward(&f.cell);
    check_values(p.state, f.state, m * h, "state");
    fill_gradients(&f);
    add_gradients(&p, &f, is_added);
    run_products(g4r_cell_original_backward, &f.cell);
    if (is_added)
        check_values(p.dold, f.dold, m * h, "dold");
    check_values(p.dv, f.dv, 3 * m * h, "dv");
    check_values(p.dw_hidden, f.dw_hidden, 2 * h * h, "dWrz");
    check_values(p.dw_hidden_c, f.dw_hidden_c, h * h, "dWh");
    check_values(p.dbias, f.dbias, 3 * h, "dBh");
}

static void test_equations(void)
{
    static const size_t widths[] = {1, 2, 7, 8, 16, 19, 32, MOST_WIDTH};
    const g4r_vec *vec;
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++)
        for (size_t k = 0; k < sizeof widths / sizeof *widths; k++)
            for (size_t m = 1; m <= MOST_LANES; m += 2) {
                check_torch(m, widths[k], &hyperbolic, false, vec);
                check_torch(m, widths[k], &hyperbolic, true, vec);
                check_original(m, widths[k], &hyperbolic, false, vec);
                check_original(m, widths[k], &hyperbolic, true, vec);
            }
}

static void test_activations(void)
{
    static const g4r_activation acts[] = {{GRU4REC_ACT_LINEAR, 0, 0},
                                          {GRU4REC_ACT_RELU, 0, 0},
                                          {GRU4REC_ACT_LEAKY, 0.2f, 0},
                                          {GRU4REC_ACT_ELU, 0.5f, 0},
                                          {GRU4REC_ACT_SELU, 1.05f, 1.67f}};
    const g4r_vec *vec;
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++)
        for (size_t k = 0; k < sizeof acts / sizeof *acts; k++) {
            check_torch(MOST_LANES, 19, &acts[k], true, vec);
            check_original(MOST_LANES, 19, &acts[k], true, vec);
        }
}

/*
 * From a zero state the cells are one function, without hidden biases and with the update
 * gate's input negated.
 */
static void test_cells_coincide_at_zero_state(void)
{
    static fixture torch, original;
    const size_t m = 3, h = 11;
    start(&torch, m, h, &hyperbolic, false, g4r_vec_pick());
    start(&original, m, h, &hyperbolic, false, g4r_vec_pick());
    memset(torch.old, 0, sizeof torch.old);
    memset(original.old, 0, sizeof original.old);
    memset(torch.bias_hidden, 0, sizeof torch.bias_hidden);
    for (size_t lane = 0; lane <= m; lane++) { /* at last, the bias */
        g4r_real *to = lane < m ? torch.v + lane * 3 * h : torch.bias;
        const g4r_real *v = lane < m ? original.v + lane * 3 * h : original.bias;
        for (size_t i = 0; i < h; i++) {
            to[i] = v[h + i];
            to[h + i] = -v[2 * h + i];
            to[2 * h + i] = v[i];
        }
    }
    run_products(g4r_cell_torch_products, &torch.cell);
    g4r_cell_torch_forward(&torch.cell, 0, m);
    run_products(g4r_cell_original_products, &original.cell);
    g4r_cell_original_forward(&original.cell);
    for (size_t i = 0; i < m * h; i++)
        CHECK_NEAR(torch.state[i], original.state[i], 2e-7);
}

static void test_column_sums(void)
{
    g4r_real sums[3] = {10, 20, 30};
    const g4r_real x[] = {1, 2, 3, 4, 5, 6};
    g4r_vec_column_sums(sums, x, 3, 2, 3, 1, g4r_vec_pick());
    CHECK_NEAR(15, sums[0], 0);
    CHECK_NEAR(27, sums[1], 0);
    CHECK_NEAR(39, sums[2], 0);
    g4r_vec_column_sums(sums, x, 3, 2, 3, 0, g4r_vec_pick());
    CHECK_NEAR(5, sums[0], 0);
    CHECK_NEAR(9, sums[2], 0);
    g4r_vec_column_sums(sums, x, 3, 0, 3, 0, g4r_vec_pick());
    CHECK_NEAR(0, sums[1], 0);
}

int main(void)
{
    RUN(test_equations);
    RUN(test_activations);
    RUN(test_column_sums);
    RUN(test_cells_coincide_at_zero_state);
    return test_end();
}

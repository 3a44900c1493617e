/*
 * test_params.c - params.c: the tensor table of every input mode and cell, where it
 * lies in memory, and the first weights.
 */
#include "../lib/fault_alloc.h"
#include "../lib/models.h"

enum { N_ITEMS = 11 };

static void make_params(g4r_params *params, int32_t n_items, const char *const *pairs)
{
    gru4rec_options options = resolved(pairs);
    g4r_params_init(params, &options, n_items);
}

#define MAKE(params, ...) \
    make_params(params, N_ITEMS, (const char *const[]){__VA_ARGS__, NULL})

/* ---- names and shapes ---- */

typedef struct expected {
    const char *name;
    int64_t rows, cols;
    int n_dims;
    bool is_per_item;
    double fan;
} expected;

static void check_table(const g4r_params *params, const expected *table, size_t n)
{
    CHECK_INT(n, params->n);
    for (size_t i = 0; i < n && i < params->n; i++) {
        const g4r_param *param = &params->list[i];
        CHECK_TEXT(table[i].name, param->name);
        CHECK_INT(table[i].rows, param->rows);
        CHECK_INT(table[i].cols, param->cols);
        CHECK_INT(table[i].n_dims, param->n_dims);
        CHECK_INT(table[i].is_per_item, param->is_per_item);
        CHECK_NEAR(table[i].fan, param->fan, 0);
    }
}

#define CHECK_TABLE(params, table) \
    check_table(params, table, sizeof(table) / sizeof *(table))

static void shared_with_the_torch_cell(void)
{
    static const expected table[] = {
        {"Wy.weight", 11, 6, 2, true, 17},      {"By.weight", 11, 1, 2, true, 0},
        {"G.0.weight_ih", 12, 6, 2, false, 10}, {"G.0.weight_hh", 12, 4, 2, false, 8},
        {"G.0.bias_ih", 12, 1, 1, false, 0},    {"G.0.bias_hh", 12, 1, 1, false, 0},
        {"G.1.weight_ih", 18, 4, 2, false, 10}, {"G.1.weight_hh", 18, 6, 2, false, 12},
        {"G.1.bias_ih", 18, 1, 1, false, 0},    {"G.1.bias_hh", 18, 1, 1, false, 0}};
    g4r_params params;
    MAKE(&params, "layers", "4/6");
    CHECK_TABLE(&params, table);
    CHECK_INT(G4R_SHARED, params.mode);
    CHECK_INT(6, params.width);
    CHECK_INT(0, params.output);
    CHECK_INT(1, params.output_bias);
    CHECK_INT(params.output, params.embedding);
    /* Shared: the first layer takes the output table's rows. */
    CHECK_INT(6, params.layers[0].n_in);
    CHECK_INT(4, params.layers[1].n_in);
    CHECK_INT(G4R_CELL_TORCH, params.layers[1].cell);
    CHECK(!params.layers[0].is_lookup);
    CHECK_INT(2, params.layers[0].input);
    CHECK_INT(7, params.layers[1].hidden);
    CHECK_INT(8, params.layers[1].bias);
    CHECK_INT(9, params.layers[1].bias_hidden);
}

static void separate_with_the_torch_cell(void)
{
    static const expected table[] = {{"Wy.weight", 11, 4, 2, true, 15},
                                     {"By.weight", 11, 1, 2, true, 0},
                                     {"E.weight", 11, 5, 2, true, 16},
                                     {"G.0.weight_ih", 12, 5, 2, false, 9},
                                     {"G.0.weight_hh", 12, 4, 2, false, 8},
                                     {"G.0.bias_ih", 12, 1, 1, false, 0},
                                     {"G.0.bias_hh", 12, 1, 1, false, 0}};
    g4r_params params;
    MAKE(&params, "layers", "4", "embedding", "5");
    CHECK_TABLE(&params, table);
    CHECK_INT(G4R_SEPARATE, params.mode);
    CHECK_INT(2, params.embedding);
    CHECK_INT(5, params.layers[0].n_in);
    MAKE(&params, "layers", "7/4", "embedding", "layersize");
    CHECK_INT(7, params.list[params.embedding].cols);
}

static void shared_with_the_original_cell(void)
{
    static const expected table[] = {
        {"Wy.weight", 11, 6, 2, true, 17}, {"By.weight", 11, 1, 2, true, 0},
        {"G.0.Wx", 6, 12, 2, false, 10},   {"G.0.Wrz", 4, 8, 2, false, 8},
        {"G.0.Wh", 4, 4, 2, false, 8},     {"G.0.Bh", 12, 1, 1, false, 0},
        {"G.1.Wx", 4, 18, 2, false, 10},   {"G.1.Wrz", 6, 12, 2, false, 12},
        {"G.1.Wh", 6, 6, 2, false, 12},    {"G.1.Bh", 18, 1, 1, false, 0}};
    g4r_params params;
    MAKE(&params, "layers", "4/6", "reset_after", "false");
    CHECK_TABLE(&params, table);
    CHECK_INT(G4R_CELL_ORIGINAL, params.layers[0].cell);
    CHECK(!params.layers[0].is_lookup);
    CHECK_INT(4, params.layers[0].hidden_c);
    CHECK_INT(8, params.layers[1].hidden_c);
}

static void onehot_begins_with_the_original_cell(void)
{
    static const expected table[] = {
        {"Wy.weight", 11, 6, 2, true, 17},      {"By.weight", 11, 1, 2, true, 0},
        {"GE.Wx0.weight", 11, 12, 2, true, 15}, {"GE.Wrz0", 4, 8, 2, false, 8},
        {"GE.Wh0", 4, 4, 2, false, 8},          {"GE.Bh0", 12, 1, 1, false, 0},
        {"G.0.weight_ih", 18, 4, 2, false, 10}, {"G.0.weight_hh", 18, 6, 2, false, 12},
        {"G.0.bias_ih", 18, 1, 1, false, 0},    {"G.0.bias_hh", 18, 1, 1, false, 0}};
    static const expected original_table[] = {
        {"Wy.weight", 11, 6, 2, true, 17},      {"By.weight", 11, 1, 2, true, 0},
        {"GE.Wx0.weight", 11, 12, 2, true, 15}, {"GE.Wrz0", 4, 8, 2, false, 8},
        {"GE.Wh0", 4, 4, 2, false, 8},          {"GE.Bh0", 12, 1, 1, false, 0},
        {"G.0.Wx", 4, 18, 2, false, 10},        {"G.0.Wrz", 6, 12, 2, false, 12},
        {"G.0.Wh", 6, 6, 2, false, 12},         {"G.0.Bh", 18, 1, 1, false, 0}};
    g4r_params params;
    MAKE(&params, "layers", "4/6", "constrained_embedding", "false");
    CHECK_TABLE(&params, table);
    CHECK_INT(G4R_ONEHOT, params.mode);
    CHECK(params.layers[0].is_lookup && !params.layers[1].is_lookup);
    CHECK_INT(G4R_CELL_ORIGINAL, params.layers[0].cell);
    CHECK_INT(G4R_CELL_TORCH, params.layers[1].cell);
    MAKE(&params, "layers", "4/6", "constrained_embedding", "false", "reset_after",
         "false");
    CHECK_TABLE(&params, original_table);
}

/* Dense layers stand between the top GRU layer and the scores: D is the last one's. */
static void feedforward_decides_the_top(void)
{
    static const expected table[] = {
        {"Wy.weight", 11, 3, 2, true, 14},     {"By.weight", 11, 1, 2, true, 0},
        {"G.0.weight_ih", 12, 3, 2, false, 7}, {"G.0.weight_hh", 12, 4, 2, false, 8},
        {"G.0.bias_ih", 12, 1, 1, false, 0},   {"G.0.bias_hh", 12, 1, 1, false, 0},
        {"F.0.weight", 5, 4, 2, false, 9},     {"F.0.bias", 5, 1, 1, false, 0},
        {"F.1.weight", 3, 5, 2, false, 8},     {"F.1.bias", 3, 1, 1, false, 0}};
    g4r_params params;
    MAKE(&params, "layers", "4", "feedforward", "5/3", "feedforward_act", "leaky-0.1",
         "hidden_act", "elu-2");
    CHECK_TABLE(&params, table);
    CHECK_INT(3, params.width);
    CHECK_INT(2, params.n_dense);
    CHECK_INT(4, params.dense[0].n_in);
    CHECK_INT(5, params.dense[0].n_out);
    CHECK_INT(5, params.dense[1].n_in);
    CHECK_INT(3, params.dense[1].n_out);
    CHECK_INT(6, params.dense[0].weight);
    CHECK_INT(9, params.dense[1].bias);
    /* Shared: the input is as wide as the scores' rows. */
    CHECK_INT(3, params.layers[0].n_in);
    CHECK_INT(GRU4REC_ACT_LEAKY, params.dense_act.kind);
    CHECK_NEAR(0.1f, params.dense_act.a, 0);
    CHECK_INT(GRU4REC_ACT_ELU, params.hidden_act.kind);
    CHECK_NEAR(2, params.hidden_act.a, 0);
    MAKE(&params, "layers", "4/6", "feedforward", "5", "embedding", "7");
    CHECK_INT(5, params.width);
    CHECK_INT(6, params.dense[0].n_in);
    CHECK_INT(7, params.layers[0].n_in);
    CHECK_INT(5, params.list[params.output].cols);
    MAKE(&params, "layers", "4", "feedforward", "8", "constrained_embedding", "false");
    CHECK_INT(8, params.width);
    CHECK_INT(4, params.dense[0].n_in);
    CHECK_TEXT("F.0.bias", params.list[params.n - 1].name);
}

static void most_layers_fit(void)
{
    static const char layers[] =
        "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21/22/23/24/25/26/27/28/29/"
        "30/31/32";
    g4r_params params;
    MAKE(&params, "layers", layers, "embedding", "3", "feedforward", layers);
    CHECK_INT(32, params.n_layers);
    CHECK_INT(32, params.n_dense);
    CHECK_INT(4 * 32 + 2 * 32 + 3, params.n);
    CHECK(params.n <= G4R_MAX_TENSORS);
    CHECK_TEXT("G.31.weight_ih", params.list[params.layers[31].input].name);
    CHECK_TEXT("G.31.bias_hh", params.list[params.n - 2 * 32 - 1].name);
    CHECK_TEXT("F.31.bias", params.list[params.n - 1].name);
    for (size_t i = 0; i < params.n; i++)
        for (size_t k = 0; k < i; k++)
            CHECK(strcmp(params.list[i].name, params.list[k].name) != 0);
}

/* ---- memory ---- */

static void values_are_apart_and_aligned(void)
{
    fault_alloc fault = {0};
    gru4rec_allocator allocator = fault_alloc_allocator(&fault);
    g4r_params params;
    g4r_arena arena = {0};
    g4r_real *values[G4R_MAX_TENSORS];
    MAKE(&params, "layers", "4/6/3", "embedding", "5", "feedforward", "7/2");
    g4r_params_layout(&params, &arena, values);
    CHECK(values[0] == NULL);
    const size_t measured = arena.used;
    if (!CHECK(g4r_arena_allocate(&arena, &allocator)))
        return;
    g4r_params_layout(&params, &arena, values);
    CHECK_INT(measured, arena.used);
    for (size_t i = 0; i < params.n; i++) {
        CHECK_INT(0, (uintptr_t)values[i] % G4R_ALIGNMENT);
        for (size_t k = 0; k < g4r_param_size(&params.list[i]); k++) {
            CHECK_NEAR(0, values[i][k], 0);
            values[i][k] = (g4r_real)i + 1;
        }
    }
    for (size_t i = 0; i < params.n; i++)
        for (size_t k = 0; k < g4r_param_size(&params.list[i]); k++)
            CHECK_NEAR(i + 1, values[i][k], 0);
    g4r_arena_free(&arena, &allocator);
    CHECK_INT(0, fault.n_live);
}

/* ---- first weights ---- */

typedef struct weights {
    g4r_params params;
    g4r_arena arena;
    g4r_real *values[G4R_MAX_TENSORS];
} weights;

static void draw(weights *w, int32_t n_items, int64_t seed, const char *const *pairs)
{
    gru4rec_options options = resolved(pairs);
    options.seed = seed;
    memset(w, 0, sizeof *w);
    g4r_params_init(&w->params, &options, n_items);
    g4r_params_layout(&w->params, &w->arena, w->values);
    if (!CHECK(g4r_arena_allocate(&w->arena, &g4r_alloc_libc)))
        exit(test_end());
    g4r_params_layout(&w->params, &w->arena, w->values);
    /* What was there before does not matter. */
    for (size_t i = 0; i < w->params.n; i++)
        for (size_t k = 0; k < g4r_param_size(&w->params.list[i]); k++)
            w->values[i][k] = 9;
    g4r_params_randomise(&w->params, w->values, &options);
}

static void drop(weights *w)
{
    g4r_arena_free(&w->arena, &g4r_alloc_libc);
}

/* A gate's block: rows or columns [first, first + size) of a packed matrix. */
static void check_block(const weights *w, size_t index, bool is_by_row, size_t gate,
                        size_t size, double bound)
{
    const g4r_param *param = &w->params.list[index];
    double sum = 0, squares = 0, largest = 0;
    size_t n = 0;
    for (size_t row = 0; row < (size_t)param->rows; row++)
        for (size_t col = 0; col < (size_t)param->cols; col++) {
            if ((is_by_row ? row : col) / size != gate)
                continue;
            double v = (double)w->values[index][row * (size_t)param->cols + col];
            sum += v;
            squares += v * v;
            largest = fmax(largest, fabs(v));
            n++;
        }
    double mean = sum / (double)n, variance = squares / (double)n;
    /* Uniform in +-bound: variance bound^2 / 3; five standard errors of mean and of
     * variance (4 / 45 bound^4). Rounded to float the bound may be passed by 6e-8 of it.
     */
    CHECK_NEAR(0, mean, 5 * bound / sqrt(3 * (double)n));
    CHECK_NEAR(bound * bound / 3, variance,
               5 * bound * bound * sqrt(4.0 / 45 / (double)n));
    CHECK(largest <= bound * (1 + 1e-7));
    /* The largest of n >= 1000 falls below 0.98 bound once in 0.98^-1000 = 6e8 times. */
    CHECK(largest > bound * 0.98);
}

/* The bound is that of a gate's block, not of all blocks in one. */
static void torch_blocks_are_uniform_in_their_bounds(void)
{
    weights w;
    draw(&w, 500, 42, (const char *const[]){"layers", "40/64", "embedding", "100", NULL});
    const g4r_layer *first = &w.params.layers[0], *second = &w.params.layers[1];
    check_block(&w, w.params.output, true, 0, 500, sqrt(6.0 / (500 + 64)));
    check_block(&w, w.params.embedding, true, 0, 500, sqrt(6.0 / (500 + 100)));
    for (size_t gate = 0; gate < 3; gate++) {
        check_block(&w, first->input, true, gate, 40, sqrt(6.0 / (100 + 40)));
        check_block(&w, first->hidden, true, gate, 40, sqrt(6.0 / (40 + 40)));
        check_block(&w, second->input, true, gate, 64, sqrt(6.0 / (40 + 64)));
        check_block(&w, second->hidden, true, gate, 64, sqrt(6.0 / (64 + 64)));
    }
    drop(&w);
}

static void original_blocks_are_uniform_in_their_bounds(void)
{
    weights w;
    draw(&w, 500, 42,
         (const char *const[]){"layers", "40/64", "constrained_embedding", "false",
                               "reset_after", "false", NULL});
    const g4r_layer *first = &w.params.layers[0], *second = &w.params.layers[1];
    for (size_t gate = 0; gate < 3; gate++) {
        check_block(&w, first->input, false, gate, 40, sqrt(6.0 / (500 + 40)));
        check_block(&w, second->input, false, gate, 64, sqrt(6.0 / (40 + 64)));
    }
    for (size_t gate = 0; gate < 2; gate++) {
        check_block(&w, first->hidden, false, gate, 40, sqrt(6.0 / (40 + 40)));
        check_block(&w, second->hidden, false, gate, 64, sqrt(6.0 / (64 + 64)));
    }
    check_block(&w, first->hidden_c, false, 0, 40, sqrt(6.0 / (40 + 40)));
    check_block(&w, second->hidden_c, false, 0, 64, sqrt(6.0 / (64 + 64)));
    drop(&w);
}

static void dense_blocks_are_uniform_in_their_bounds(void)
{
    weights w;
    draw(&w, 500, 42,
         (const char *const[]){"layers", "40", "feedforward", "64/30", NULL});
    check_block(&w, w.params.dense[0].weight, true, 0, 64, sqrt(6.0 / (40 + 64)));
    check_block(&w, w.params.dense[1].weight, true, 0, 30, sqrt(6.0 / (64 + 30)));
    check_block(&w, w.params.output, true, 0, 500, sqrt(6.0 / (500 + 30)));
    drop(&w);
}

/* One bound for all. */
static void sigma_is_the_bound(void)
{
    weights w;
    draw(&w, 500, 42,
         (const char *const[]){"layers", "40/64", "embedding", "100", "feedforward", "50",
                               "sigma", "0.07", NULL});
    for (size_t i = 0; i < w.params.n; i++)
        if (w.params.list[i].fan > 0)
            check_block(&w, i, true, 0, (size_t)w.params.list[i].rows, 0.07);
    drop(&w);
}

/*
 * Normal with deviation s: mean, variance, and the parts beyond one and two deviations;
 * five standard errors of each.
 */
static void check_normal(const weights *w, size_t index, double s)
{
    const size_t n = g4r_param_size(&w->params.list[index]);
    const double root = sqrt((double)n);
    double sum = 0, squares = 0, beyond_1 = 0, beyond_2 = 0, beyond_6 = 0;
    for (size_t k = 0; k < n; k++) {
        double x = (double)w->values[index][k] / s;
        sum += x;
        squares += x * x;
        beyond_1 += fabs(x) > 1;
        beyond_2 += fabs(x) > 2;
        beyond_6 += fabs(x) > 6;
    }
    CHECK_NEAR(0, sum / (double)n, 5 / root);
    CHECK_NEAR(1, squares / (double)n, 5 * sqrt(2.0) / root);
    CHECK_NEAR(0.3173, beyond_1 / (double)n, 5 * sqrt(0.3173 * 0.6827) / root);
    CHECK_NEAR(0.0455, beyond_2 / (double)n, 5 * sqrt(0.0455 * 0.9545) / root);
    CHECK_NEAR(0, beyond_6, 0);
}

static void normal_weights(const char *sigma)
{
    weights w;
    draw(&w, 500, 42,
         (const char *const[]){"layers", "40/64", "embedding", "100", "feedforward", "50",
                               "init_as_normal", "true", "sigma", sigma, NULL});
    for (size_t i = 0; i < w.params.n; i++) {
        double s = strtod(sigma, NULL);
        if (w.params.list[i].fan > 0)
            check_normal(&w, i, s > 0 ? s : sqrt(6 / w.params.list[i].fan));
    }
    drop(&w);
}

static void init_as_normal_is_normal(void)
{
    normal_weights("0.05");
    normal_weights("0");
}

static void check_biases(const char *const *pairs)
{
    weights w;
    size_t n_biases = 0;
    draw(&w, 20, 42, pairs);
    for (size_t i = 0; i < w.params.n; i++) {
        const g4r_param *param = &w.params.list[i];
        if (param->n_dims == 2 && strcmp(param->name, "By.weight") != 0)
            continue;
        n_biases++;
        for (size_t k = 0; k < g4r_param_size(param); k++)
            CHECK_NEAR(0, w.values[i][k], 0);
    }
    CHECK(n_biases >= 3);
    drop(&w);
}

static void biases_are_zero(void)
{
    check_biases((const char *const[]){"layers", "5/5", NULL});
    check_biases((const char *const[]){"layers", "5", "feedforward", "4/3", NULL});
    check_biases((const char *const[]){"layers", "5", "sigma", "0.1", "init_as_normal",
                                       "true", NULL});
    check_biases((const char *const[]){"layers", "5/5", "reset_after", "false", NULL});
    check_biases(
        (const char *const[]){"layers", "5/5", "constrained_embedding", "false", NULL});
}

/* Not one cell for all layers. Gates differ too. */
static void layers_and_gates_are_distinct(void)
{
    weights w;
    draw(&w, 20, 42, (const char *const[]){"layers", "8/8/8", NULL});
    for (size_t i = 0; i < 3; i++) {
        const g4r_layer *layer = &w.params.layers[i];
        const g4r_real *hidden = w.values[layer->hidden];
        const size_t block = 8 * 8, bytes = block * sizeof *hidden;
        CHECK(memcmp(hidden, w.values[layer->input], bytes) != 0);
        CHECK(memcmp(hidden, hidden + block, bytes) != 0);
        CHECK(memcmp(hidden + block, hidden + 2 * block, bytes) != 0);
        for (size_t k = 0; k < i; k++) {
            const g4r_layer *other = &w.params.layers[k];
            CHECK(layer->input != other->input && layer->hidden != other->hidden);
            CHECK(memcmp(hidden, w.values[other->hidden], bytes) != 0);
            CHECK(memcmp(w.values[layer->input], w.values[other->input], bytes) != 0);
        }
    }
    drop(&w);
}

static void seed_decides_every_bit(void)
{
    static const char *const pairs[] = {"layers", "8/4", "embedding", "5", NULL};
    static const int64_t seeds[] = {42, 42, 43, 0, -1};
    weights w[5];
    for (int k = 0; k < 5; k++)
        draw(&w[k], 20, seeds[k], pairs);
    for (size_t i = 0; i < w[0].params.n; i++) {
        const g4r_param *param = &w[0].params.list[i];
        size_t bytes = g4r_param_size(param) * sizeof(g4r_real);
        CHECK(memcmp(w[0].values[i], w[1].values[i], bytes) == 0);
        for (int a = 1; a < 5 && param->fan > 0; a++)
            for (int b = a + 1; b < 5; b++)
                CHECK(memcmp(w[a].values[i], w[b].values[i], bytes) != 0);
    }
    for (int k = 0; k < 5; k++)
        drop(&w[k]);
}

int main(void)
{
    RUN(shared_with_the_torch_cell);
    RUN(separate_with_the_torch_cell);
    RUN(shared_with_the_original_cell);
    RUN(onehot_begins_with_the_original_cell);
    RUN(feedforward_decides_the_top);
    RUN(most_layers_fit);
    RUN(values_are_apart_and_aligned);
    RUN(torch_blocks_are_uniform_in_their_bounds);
    RUN(original_blocks_are_uniform_in_their_bounds);
    RUN(dense_blocks_are_uniform_in_their_bounds);
    RUN(sigma_is_the_bound);
    RUN(init_as_normal_is_normal);
    RUN(biases_are_zero);
    RUN(layers_and_gates_are_distinct);
    RUN(seed_decides_every_bit);
    return test_end();
}

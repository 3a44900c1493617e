/* test_model.c - model.c: a model's life, its tensors, and weights that went bad. */
#include "../lib/fault_alloc.h"
#include "../lib/models.h"

static gru4rec_options options_of(const char *layers, const char *embedding)
{
    return resolved(
        (const char *const[]){"layers", layers, "embedding", embedding, NULL});
}

static gru4rec_model *make(const gru4rec_allocator *allocator, int32_t n_items)
{
    gru4rec_options options = options_of("4/6", "5");
    return model_of(allocator, n_items, &options);
}

static void init(gru4rec_model *model, int64_t seed)
{
    gru4rec_options options = options_of("4/6", "5");
    options.seed = seed;
    gru4rec_model_init(model, &options);
}

static void tensors_are_those_of_the_table(void)
{
    static const struct {
        const char *name;
        int n_dims;
        int64_t dims[2];
    } expected[] = {{"Wy.weight", 2, {9, 6}},      {"By.weight", 2, {9, 1}},
                    {"E.weight", 2, {9, 5}},       {"G.0.weight_ih", 2, {12, 5}},
                    {"G.0.weight_hh", 2, {12, 4}}, {"G.0.bias_ih", 1, {12, 1}},
                    {"G.0.bias_hh", 1, {12, 1}},   {"G.1.weight_ih", 2, {18, 4}},
                    {"G.1.weight_hh", 2, {18, 6}}, {"G.1.bias_ih", 1, {18, 1}},
                    {"G.1.bias_hh", 1, {18, 1}}};
    const size_t n = sizeof expected / sizeof *expected;
    gru4rec_model *model = make(NULL, 9);
    size_t n_values = 0;
    CHECK_INT(n, gru4rec_model_tensor_count(model));
    for (size_t i = 0; i < n; i++) {
        gru4rec_tensor tensor = tensor_at(model, i);
        CHECK_TEXT(expected[i].name, tensor.name);
        CHECK_INT(expected[i].n_dims, tensor.n_dims);
        CHECK_INT(expected[i].dims[0], tensor.dims[0]);
        CHECK_INT(expected[i].dims[1], tensor.dims[1]);
        CHECK_INT(tensor.dims[0] * tensor.dims[1], tensor.n_values);
        CHECK(tensor.values != NULL);
        n_values += tensor.n_values;
    }
    CHECK(gru4rec_model_bytes(model) >= n_values * sizeof(g4r_real));
    gru4rec_model_free(model);
    gru4rec_model_free(NULL);
}

static void new_model_is_zero_until_init(void)
{
    fault_alloc fault = {0};
    gru4rec_allocator allocator = fault_alloc_allocator(&fault);
    gru4rec_model *model = make(&allocator, 9), *other = make(&allocator, 9);
    for (size_t i = 0; i < gru4rec_model_tensor_count(model); i++) {
        gru4rec_tensor tensor = tensor_at(model, i);
        for (size_t k = 0; k < tensor.n_values; k++)
            CHECK_NEAR(0, tensor.values[k], 0);
    }
    init(model, 7);
    init(other, 8);
    init(other, 7);
    for (size_t i = 0; i < gru4rec_model_tensor_count(model); i++) {
        gru4rec_tensor a = tensor_at(model, i), b = tensor_at(other, i);
        CHECK(memcmp(a.values, b.values, a.n_values * sizeof *a.values) == 0);
        bool is_bias = strstr(a.name, "bias") != NULL || a.name[0] == 'B';
        bool has_value = false;
        for (size_t k = 0; k < a.n_values; k++)
            has_value = has_value || fabs((double)a.values[k]) > 0;
        CHECK(has_value == !is_bias);
    }
    init(other, 8);
    gru4rec_tensor a = tensor_at(model, 0), b = tensor_at(other, 0);
    CHECK(memcmp(a.values, b.values, a.n_values * sizeof *a.values) != 0);
    gru4rec_model_free(model);
    gru4rec_model_free(other);
    CHECK_INT(0, fault.n_live);
}

static void bytes_are_those_allocated(void)
{
    for (int32_t n_items = 1; n_items < 200; n_items += 37) {
        fault_alloc fault = {0};
        gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        gru4rec_model *model = make(&allocator, n_items);
        CHECK_INT(fault.live_bytes, gru4rec_model_bytes(model));
        gru4rec_model_free(model);
        CHECK_INT(0, fault.n_live);
    }
}

/* What is not finite is found, wherever it is. */
static void nonfinite_value_is_named(void)
{
    const g4r_real bad[] = {NAN, INFINITY, -(g4r_real)INFINITY};
    gru4rec_model *model = make(NULL, 9);
    init(model, 42);
    CHECK(gru4rec_model_nonfinite(model) == NULL);
    for (size_t i = 0; i < gru4rec_model_tensor_count(model); i++) {
        gru4rec_tensor tensor = tensor_at(model, i);
        for (size_t k = 0; k < tensor.n_values; k++) {
            g4r_real before = tensor.values[k];
            tensor.values[k] = bad[k % 3];
            CHECK_TEXT(tensor.name, gru4rec_model_nonfinite(model));
            tensor.values[k] = before;
        }
    }
    /* The first of several. */
    tensor_at(model, 5).values[0] = NAN;
    tensor_at(model, 2).values[3] = INFINITY;
    CHECK_TEXT("E.weight", gru4rec_model_nonfinite(model));
    gru4rec_model_free(model);
}

static void check_short(fault_alloc *fault, const gru4rec_options *options,
                        int32_t n_items)
{
    gru4rec_allocator allocator = fault_alloc_allocator(fault);
    gru4rec_model *model = (gru4rec_model *)&allocator;
    gru4rec_error error = {""};
    CHECK_INT(GRU4REC_NOMEM,
              gru4rec_model_new(&allocator, options, n_items, &model, &error));
    CHECK(model == NULL);
    CHECK(strstr(error.message, "out of memory") != NULL);
    CHECK_INT(0, fault->n_live);
    CHECK_INT(GRU4REC_NOMEM,
              gru4rec_model_new(&allocator, options, n_items, &model, NULL));
    CHECK_INT(0, fault->n_live);
}

static void short_memory_is_told_without_a_leak(void)
{
    gru4rec_options options = options_of("4/6", "5");
    for (size_t fail_at = 1; fail_at <= 2; fail_at++) {
        fault_alloc fault = {.fail_at = fail_at, .is_sticky = true};
        check_short(&fault, &options, 9);
    }
    fault_alloc fault = {0};
    gru4rec_allocator allocator = fault_alloc_allocator(&fault);
    gru4rec_model_free(make(&allocator, 9));
    CHECK_INT(2, fault.n_requests);
}

/* 2^31 items of 65536 values: 2^47 bytes and more, which no machine has. */
static void model_beyond_all_memory_is_refused(void)
{
    gru4rec_options options = options_of("65536/65536", "65536");
    fault_alloc fault = {0};
    check_short(&fault, &options, INT32_MAX);
}

/* ---- feedforward ---- */

static void feedforward_tensors_follow_the_gru_layers(void)
{
    gru4rec_model *model = MODEL_WITH(9, 1, "layers", "4/6", "feedforward", "5/3");
    const size_t n = gru4rec_model_tensor_count(model);
    CHECK_INT(2 + 2 * 4 + 2 * 2, n);
    static const char *const names[] = {"F.0.weight", "F.0.bias", "F.1.weight",
                                        "F.1.bias"};
    static const int64_t dims[][2] = {{5, 6}, {5, 1}, {3, 5}, {3, 1}};
    for (size_t i = 0; i < 4; i++) {
        gru4rec_tensor tensor = tensor_at(model, n - 4 + i);
        CHECK_TEXT(names[i], tensor.name);
        CHECK_INT(i % 2 == 0 ? 2 : 1, tensor.n_dims);
        CHECK_INT(dims[i][0], tensor.dims[0]);
        CHECK_INT(dims[i][1], tensor.dims[1]);
        for (size_t k = 0; k < tensor.n_values; k++)
            CHECK(i % 2 == 0 || fabs((double)tensor.values[k]) <= 0);
        CHECK(i % 2 == 1 || fabs((double)tensor.values[0]) > 0);
    }
    CHECK_INT(3, tensor_at(model, 0).dims[1]); /* D */
    gru4rec_model_free(model);
}

int main(void)
{
    RUN(tensors_are_those_of_the_table);
    RUN(new_model_is_zero_until_init);
    RUN(bytes_are_those_allocated);
    RUN(nonfinite_value_is_named);
    RUN(short_memory_is_told_without_a_leak);
    RUN(model_beyond_all_memory_is_refused);
    RUN(feedforward_tensors_follow_the_gru_layers);
    return test_end();
}

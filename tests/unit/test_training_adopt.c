/* test_training_adopt.c - a model that begins with another's weights. */
#include "../lib/ids.h"
#include "../lib/models.h"

static gru4rec_items *items_of(const char *const *names, int32_t n)
{
    gru4rec_items *items;
    if (!CHECK_INT(GRU4REC_OK, gru4rec_items_new(NULL, &items)))
        exit(test_end());
    for (int32_t i = 0; i < n; i++) {
        gru4rec_id id = id_text(names[i]);
        CHECK_INT(GRU4REC_OK, gru4rec_items_add(items, &id, 1));
    }
    return items;
}

static const char *const old_names[] = {"a", "b", "c", "d"};
static const char *const new_names[] = {"x", "d", "a", "y", "c"};
/* Row of the old model, or -1. */
static const int32_t old_rows[] = {-1, 3, 0, -1, 2};

/* Rows of items that both know, and all dense tensors, are the other's; else its own. */
static void check_adopted(gru4rec_model *model, gru4rec_model *other,
                          const gru4rec_model *untouched)
{
    for (size_t i = 0; i < gru4rec_model_tensor_count(model); i++) {
        gru4rec_tensor now = tensor_at(model, i), from = tensor_at(other, i);
        gru4rec_tensor before = tensor_at(untouched, i);
        size_t cols = (size_t)now.dims[1], bytes = cols * sizeof *now.values;
        if (!model->params.list[i].is_per_item) {
            CHECK(memcmp(now.values, from.values, now.n_values * sizeof *now.values) ==
                  0);
            continue;
        }
        for (size_t row = 0; row < 5; row++) {
            const g4r_real *expected = old_rows[row] < 0
                                           ? before.values + row * cols
                                           : from.values + (size_t)old_rows[row] * cols;
            if (!CHECK(memcmp(expected, now.values + row * cols, bytes) == 0))
                printf("  %s, row %zu\n", now.name, row);
        }
    }
}

/* Biases too are to differ between the models. */
static void shake(gru4rec_model *model, double by)
{
    for (size_t i = 0; i < gru4rec_model_tensor_count(model); i++) {
        gru4rec_tensor tensor = tensor_at(model, i);
        for (size_t k = 0; k < tensor.n_values; k++)
            tensor.values[k] += (g4r_real)(by + 0.001 * (double)k);
    }
}

#define CHECK_ADOPTION(...)                                                            \
    do {                                                                               \
        gru4rec_model *other_ = MODEL_WITH(4, 1, __VA_ARGS__);                         \
        gru4rec_model *model_ = MODEL_WITH(5, 2, __VA_ARGS__);                         \
        gru4rec_model *untouched_ = MODEL_WITH(5, 2, __VA_ARGS__);                     \
        shake(other_, 0.5);                                                            \
        CHECK_INT(GRU4REC_OK,                                                          \
                  gru4rec_training_adopt(model_, items, other_, other_items, &error)); \
        check_adopted(model_, other_, untouched_);                                     \
        gru4rec_model_free(other_);                                                    \
        gru4rec_model_free(model_);                                                    \
        gru4rec_model_free(untouched_);                                                \
    } while (0)

static void adopt_takes_over_what_both_know(void)
{
    gru4rec_items *items = items_of(new_names, 5), *other_items = items_of(old_names, 4);
    gru4rec_error error = {""};
    CHECK_ADOPTION("layers", "4/6");
    CHECK_ADOPTION("layers", "4", "embedding", "3");
    CHECK_ADOPTION("layers", "4/6", "constrained_embedding", "false");
    CHECK_ADOPTION("layers", "4", "reset_after", "false", "feedforward", "5/3");
    gru4rec_items_free(items);
    gru4rec_items_free(other_items);
}

/* The shape counts, not the loss or the optimiser. */
static void adopt_refuses_another_shape(void)
{
    static const char *const others[][4] = {
        {"layers", "4/5"},
        {"layers", "4/6/6"},
        {"layers", "4"},
        {"layers", "4/6", "embedding", "6"},
        {"layers", "4/6", "constrained_embedding", "false"},
        {"layers", "4/6", "reset_after", "false"},
        {"layers", "4/6", "feedforward", "6"},
    };
    gru4rec_items *items = items_of(new_names, 5), *other_items = items_of(old_names, 4);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        gru4rec_error error = {""};
        const char *const pairs[] = {others[i][0], others[i][1], others[i][2],
                                     others[i][3], NULL};
        gru4rec_model *other = model_with(4, 1, pairs);
        gru4rec_model *model = MODEL_WITH(5, 2, "layers", "4/6");
        gru4rec_model *untouched = MODEL_WITH(5, 2, "layers", "4/6");
        CHECK_INT(GRU4REC_INVALID,
                  gru4rec_training_adopt(model, items, other, other_items, &error));
        CHECK(strstr(error.message, "warm_start") != NULL);
        for (size_t k = 0; k < gru4rec_model_tensor_count(model); k++) {
            gru4rec_tensor a = tensor_at(model, k), b = tensor_at(untouched, k);
            CHECK(memcmp(a.values, b.values, a.n_values * sizeof *a.values) == 0);
        }
        gru4rec_model_free(other);
        gru4rec_model_free(model);
        gru4rec_model_free(untouched);
    }
    gru4rec_model *other =
        MODEL_WITH(4, 1, "layers", "4/6", "loss", "top1", "adapt", "adam");
    gru4rec_model *model = MODEL_WITH(5, 2, "layers", "4/6");
    CHECK_INT(GRU4REC_OK, gru4rec_training_adopt(model, items, other, other_items, NULL));
    gru4rec_model_free(other);
    gru4rec_model_free(model);
    gru4rec_items_free(items);
    gru4rec_items_free(other_items);
}

int main(void)
{
    RUN(adopt_takes_over_what_both_know);
    RUN(adopt_refuses_another_shape);
    return test_end();
}

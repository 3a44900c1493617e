/* models.h - options and models for tests, made of name, value pairs. */
#ifndef MODELS_H
#define MODELS_H

#include "option_sets.h"

#include "../../src/model/model.h"

/* pairs: name, value, name, value, ..., NULL */
static inline gru4rec_options resolved(const char *const *pairs)
{
    gru4rec_options options = with(pairs);
    gru4rec_error error = {""};
    if (!CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&options, &error)))
        printf("%s\n", error.message);
    return options;
}

/* All weights are 0. The caller frees the model. */
static inline gru4rec_model *model_of(const gru4rec_allocator *allocator, int32_t n_items,
                                      const gru4rec_options *options)
{
    gru4rec_model *model;
    gru4rec_error error = {""};
    if (!CHECK_INT(GRU4REC_OK,
                   gru4rec_model_new(allocator, options, n_items, &model, &error)))
        exit(test_end());
    return model;
}

/* The first weights are those of seed. The caller frees the model. */
static inline gru4rec_model *model_with(int32_t n_items, int64_t seed,
                                        const char *const *pairs)
{
    gru4rec_options options = resolved(pairs);
    gru4rec_model *model = model_of(NULL, n_items, &options);
    options.seed = seed;
    gru4rec_model_init(model, &options);
    return model;
}

#define MODEL_WITH(n_items, seed, ...) \
    model_with(n_items, seed, (const char *const[]){__VA_ARGS__, NULL})

static inline gru4rec_tensor tensor_at(const gru4rec_model *model, size_t index)
{
    gru4rec_tensor tensor;
    gru4rec_model_tensor(model, index, &tensor);
    return tensor;
}

#endif

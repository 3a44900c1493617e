/*
 * model.c - allocates models, and gives access to their tensors; see gru4rec.h and
 * model.h.
 */
#include "model.h"

#include "../base/fail.h"
#include "../kernels/vec.h"

gru4rec_status gru4rec_model_new(const gru4rec_allocator *allocator,
                                 const gru4rec_options *options, int32_t n_items,
                                 gru4rec_model **out, gru4rec_error *error)
{
    if (allocator == NULL)
        allocator = &g4r_alloc_libc;
    *out = NULL;
    gru4rec_model *model = g4r_alloc(allocator, 1, sizeof *model);
    if (model == NULL)
        return g4r_fail_nomem(error, sizeof *model);
    model->allocator = *allocator;
    model->collapses_repeats = options->collapse_repeats != 0;
    model->max_length = options->max_length;
    g4r_params_init(&model->params, options, n_items);
    g4r_params_layout(&model->params, &model->arena, model->values);
    size_t bytes = model->arena.used;
    if (!g4r_arena_allocate(&model->arena, allocator)) {
        gru4rec_model_free(model);
        return g4r_fail_nomem(error, bytes);
    }
    g4r_params_layout(&model->params, &model->arena, model->values);
    *out = model;
    return GRU4REC_OK;
}

void gru4rec_model_free(gru4rec_model *model)
{
    if (model == NULL)
        return;
    gru4rec_allocator allocator = model->allocator;
    g4r_arena_free(&model->arena, &allocator);
    g4r_alloc_free(&allocator, model);
}

size_t gru4rec_model_value_bytes(const gru4rec_options *options, int32_t n_items)
{
    g4r_params params;
    size_t bytes = 0;
    g4r_params_init(&params, options, n_items);
    for (size_t i = 0; i < params.n; i++)
        bytes =
            g4r_add(bytes, g4r_mul(g4r_param_size(&params.list[i]), sizeof(g4r_real)));
    return bytes;
}

void gru4rec_model_init(gru4rec_model *model, const gru4rec_options *options)
{
    g4r_params_randomise(&model->params, model->values, options);
}

size_t g4r_model_bytes(const g4r_params *params)
{
    g4r_arena arena = {0};
    g4r_real *values[G4R_MAX_TENSORS];
    g4r_params_layout(params, &arena, values);
    return g4r_add(sizeof(gru4rec_model), g4r_arena_bytes(&arena));
}

size_t gru4rec_model_bytes(const gru4rec_model *model)
{
    return g4r_model_bytes(&model->params);
}

size_t gru4rec_model_tensor_count(const gru4rec_model *model)
{
    return model->params.n;
}

void gru4rec_model_tensor(const gru4rec_model *model, size_t index,
                          gru4rec_tensor *tensor)
{
    assert(index < model->params.n);
    const g4r_param *param = &model->params.list[index];
    tensor->name = param->name;
    tensor->n_dims = param->n_dims;
    tensor->dims[0] = param->rows;
    tensor->dims[1] = param->cols;
    tensor->n_values = g4r_param_size(param);
    tensor->values = model->values[index];
}

g4r_output g4r_model_output(const gru4rec_model *model)
{
    const g4r_params *params = &model->params;
    return (g4r_output){
        .table = model->values[params->output],
        .bias = model->values[params->output_bias],
        .n = (size_t)params->n_items,
        .d = params->width,
    };
}

const gru4rec_real *gru4rec_model_item(const gru4rec_model *model, int32_t row,
                                       size_t *width)
{
    const g4r_output output = g4r_model_output(model);
    assert(row >= 0 && (size_t)row < output.n);
    *width = output.d;
    return output.table + (size_t)row * output.d;
}

bool gru4rec_model_are_finite(const gru4rec_real *values, size_t n)
{
    return g4r_vec_pick()->all_finite(values, n);
}

const char *gru4rec_model_nonfinite(const gru4rec_model *model)
{
    for (size_t i = 0; i < model->params.n; i++)
        if (!gru4rec_model_are_finite(model->values[i],
                                      g4r_param_size(&model->params.list[i])))
            return model->params.list[i].name;
    return NULL;
}

/* training.c - a model, and the slots that training keeps beside it; see gru4rec.h. */
#include "../model/model.h"
#include "../base/fail.h"

const char *gru4rec_training_slot_name(gru4rec_slot slot)
{
    static const char *const names[] = {"acc", "acc2", "velocity", "best"};
    return names[slot];
}

/*
 * Tells whether a training with these options keeps the slot: "acc" with every optimiser
 * but sgd, "acc2" with adadelta and adam, "velocity" with momentum above 0, "best" with
 * validation above 0.
 */
static bool has_slot(const gru4rec_options *options, gru4rec_slot slot)
{
    const bool has[GRU4REC_N_SLOTS] = {
        [GRU4REC_SLOT_ACC] = options->adapt != GRU4REC_SGD,
        [GRU4REC_SLOT_ACC2] =
            options->adapt == GRU4REC_ADADELTA || options->adapt == GRU4REC_ADAM,
        [GRU4REC_SLOT_VELOCITY] = options->momentum > 0,
        [GRU4REC_SLOT_BEST] = options->validation > 0,
    };
    return has[slot];
}

size_t gru4rec_training_bytes(const gru4rec_options *options, int32_t n_items)
{
    g4r_params params;
    size_t n = 1;
    g4r_params_init(&params, options, n_items);
    for (int i = 0; i < GRU4REC_N_SLOTS; i++)
        n += has_slot(options, (gru4rec_slot)i);
    return g4r_mul(n, g4r_model_bytes(&params));
}

gru4rec_status gru4rec_training_new(const gru4rec_allocator *allocator,
                                    const gru4rec_options *options, int32_t n_items,
                                    gru4rec_training *training, gru4rec_error *error)
{
    *training = (gru4rec_training){0};
    gru4rec_status status =
        gru4rec_model_new(allocator, options, n_items, &training->model, error);
    for (int i = 0; status == GRU4REC_OK && i < GRU4REC_N_SLOTS; i++)
        if (has_slot(options, (gru4rec_slot)i))
            status =
                gru4rec_model_new(allocator, options, n_items, &training->slot[i], error);
    if (status != GRU4REC_OK)
        gru4rec_training_free(training);
    return status;
}

void gru4rec_training_free(gru4rec_training *training)
{
    if (training == NULL)
        return;
    gru4rec_model_free(training->model);
    for (int i = 0; i < GRU4REC_N_SLOTS; i++)
        gru4rec_model_free(training->slot[i]);
    *training = (gru4rec_training){0};
}

/*
 * Tells whether a and b list the same tensors: equal names in the same order, and equal
 * widths and numbers of rows. In tensors with a row for each item, the number of rows may
 * differ.
 */
static bool is_same_shape(const g4r_params *a, const g4r_params *b)
{
    bool is_same = a->n == b->n;
    for (size_t i = 0; is_same && i < a->n; i++)
        is_same = strcmp(a->list[i].name, b->list[i].name) == 0 &&
                  a->list[i].is_per_item == b->list[i].is_per_item &&
                  a->list[i].cols == b->list[i].cols &&
                  (a->list[i].is_per_item || a->list[i].rows == b->list[i].rows);
    return is_same;
}

gru4rec_status gru4rec_training_adopt(gru4rec_model *model, const gru4rec_items *items,
                                      const gru4rec_model *other,
                                      const gru4rec_items *other_items,
                                      gru4rec_error *error)
{
    if (!is_same_shape(&model->params, &other->params))
        return g4r_fail(
            error, GRU4REC_INVALID,
            "the version to start from has other layers, embedding or cell; "
            "give the options of that version's training, or leave out warm_start");
    for (size_t i = 0; i < model->params.n; i++)
        if (!model->params.list[i].is_per_item && !model->params.list[i].is_fixed)
            memcpy(model->values[i], other->values[i],
                   g4r_param_size(&model->params.list[i]) * sizeof(g4r_real));
    for (int32_t row = 0; row < model->params.n_items; row++) {
        gru4rec_id id;
        gru4rec_items_get(items, row, &id);
        int32_t other_row = gru4rec_items_find(other_items, &id);
        for (size_t i = 0; other_row >= 0 && i < model->params.n; i++) {
            size_t width = (size_t)model->params.list[i].cols;
            if (model->params.list[i].is_per_item && !model->params.list[i].is_fixed)
                memcpy(model->values[i] + (size_t)row * width,
                       other->values[i] + (size_t)other_row * width,
                       width * sizeof(g4r_real));
        }
    }
    return GRU4REC_OK;
}

void gru4rec_training_continue(gru4rec_training *training, int64_t updates)
{
    training->updates = updates;
}

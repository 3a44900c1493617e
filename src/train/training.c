/* training.c - see gru4rec.h: a model and what training keeps beside it. */
#include "../model/model.h"
#include "../base/status.h"

const char *gru4rec_slot_name(gru4rec_slot slot)
{
    static const char *const names[] = {"acc", "acc2", "velocity", "best"};
    return names[slot];
}

static bool has_slot(const gru4rec_options *options, gru4rec_slot slot)
{
    switch (slot) {
    case GRU4REC_SLOT_ACC:
        return options->adapt != GRU4REC_SGD;
    case GRU4REC_SLOT_ACC2:
        return options->adapt == GRU4REC_ADADELTA || options->adapt == GRU4REC_ADAM;
    case GRU4REC_SLOT_VELOCITY:
        return options->momentum > 0;
    default:
        return options->validation > 0;
    }
}

size_t gru4rec_training_bytes(const gru4rec_options *options, int32_t n_items)
{
    g4r_params params;
    size_t n = 1, bytes;
    g4r_params_init(&params, options, n_items);
    bytes = g4r_params_bytes(&params) + G4R_ALIGNMENT + sizeof(void *) +
            sizeof(gru4rec_model);
    for (int i = 0; i < GRU4REC_N_SLOTS; i++)
        n += has_slot(options, (gru4rec_slot)i);
    return g4r_mul(n, bytes);
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
    gru4rec_model_free(training->model);
    for (int i = 0; i < GRU4REC_N_SLOTS; i++)
        gru4rec_model_free(training->slot[i]);
    *training = (gru4rec_training){0};
}

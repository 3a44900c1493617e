/* training.c - see gru4rec.h: a model and what training keeps beside it. */
#include "../model/model.h"
#include "../base/status.h"

const char *gru4rec_state_name(gru4rec_state state)
{
    static const char *const names[] = {"acc", "acc2", "velocity", "best"};
    return names[state];
}

static bool has_state(const gru4rec_options *options, gru4rec_state state)
{
    switch (state) {
    case GRU4REC_STATE_ACC:
        return options->adapt != GRU4REC_SGD;
    case GRU4REC_STATE_ACC2:
        return options->adapt == GRU4REC_ADADELTA || options->adapt == GRU4REC_ADAM;
    case GRU4REC_STATE_VELOCITY:
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
    for (int i = 0; i < GRU4REC_N_STATES; i++)
        n += has_state(options, (gru4rec_state)i);
    return g4r_mul(n, bytes);
}

gru4rec_status gru4rec_training_new(const gru4rec_allocator *allocator,
                                    const gru4rec_options *options, int32_t n_items,
                                    gru4rec_training *training, gru4rec_error *error)
{
    *training = (gru4rec_training){0};
    gru4rec_status status =
        gru4rec_model_new(allocator, options, n_items, &training->model, error);
    for (int i = 0; status == GRU4REC_OK && i < GRU4REC_N_STATES; i++)
        if (has_state(options, (gru4rec_state)i))
            status = gru4rec_model_new(allocator, options, n_items, &training->state[i],
                                       error);
    if (status != GRU4REC_OK)
        gru4rec_training_free(training);
    return status;
}

void gru4rec_training_free(gru4rec_training *training)
{
    gru4rec_model_free(training->model);
    for (int i = 0; i < GRU4REC_N_STATES; i++)
        gru4rec_model_free(training->state[i]);
    *training = (gru4rec_training){0};
}

/*
 * ext_train_weights.c - makes the weights that a training begins with; see ext_train.h.
 */
#include "ext_train.h"

/*
 * Copies one optimiser slot of the active version (data->active) into
 * weights->slot[slot], for the items that both catalogues have; the other values stay.
 * *is_kept: out, whether the version has stored the slot; if not, nothing is copied,
 * which is no error. The caller has checked that both trainings use the same optimiser.
 */
static int adopt_slot(gru4rec_training *weights, const ext_train_request *request,
                      const ext_train_data *data, gru4rec_slot slot, bool *is_kept,
                      ext_error *error)
{
    gru4rec_error message = {0};
    gru4rec_model *kept = NULL;
    const ext_model *active = data->active;
    const gru4rec_items *items = active->loaded.items;
    const char *name = gru4rec_training_slot_name(slot);
    int rc = ext_tensor_find(is_kept, &request->home, active->version, name, error);
    if (rc != SQLITE_OK || !*is_kept)
        return rc;
    gru4rec_status status =
        gru4rec_model_new(&data->budget.allocator, &active->loaded.options,
                          gru4rec_items_count(items), &kept, &message);
    rc = ext_error_library(error, status, &message);
    if (rc == SQLITE_OK)
        rc = ext_tensor_load(kept, NULL, &request->home, active->version, name, error);
    if (rc == SQLITE_OK) {
        status = gru4rec_training_adopt(weights->slot[slot], data->events.items, kept,
                                        items, &message);
        rc = ext_error_library(error, status, &message);
    }
    gru4rec_model_free(kept);
    return rc;
}

/*
 * With warm_start: copies the weights of the active version, for the items that both
 * catalogues have; other items keep their random weights. If both trainings use the same
 * optimiser (adapt), also copies the slots that the version has stored; and if none is
 * missing, the number of updates, which is 0 otherwise. *is_reset: out, whether slots
 * begin at zero because the version has not stored them, or those of another optimiser.
 */
static int adopt_active(gru4rec_training *weights, bool *is_reset,
                        const ext_train_request *request, const ext_train_data *data,
                        ext_error *error)
{
    gru4rec_error message = {0};
    const ext_model *active = data->active;
    gru4rec_status status =
        gru4rec_training_adopt(weights->model, data->events.items, active->loaded.model,
                               active->loaded.items, &message);
    int rc = ext_error_library(error, status, &message);
    const bool is_same = active->loaded.options.adapt == request->options.adapt;
    bool is_whole = true;
    for (int i = 0; rc == SQLITE_OK && i < GRU4REC_N_OPTIMISER_SLOTS; i++) {
        bool is_kept = is_same || weights->slot[i] == NULL;
        if (is_same && weights->slot[i] != NULL)
            rc = adopt_slot(weights, request, data, (gru4rec_slot)i, &is_kept, error);
        is_whole = is_whole && is_kept;
    }
    /*
     * Adam's correction of its moments depends on the number of updates since they were
     * zero. If a slot was not stored, its moments begin at zero, so the number is 0.
     */
    int64_t updates = 0;
    if (rc == SQLITE_OK && is_whole)
        rc = ext_version_updates(&updates, &request->home, active->version, error);
    gru4rec_training_continue(weights, updates);
    *is_reset = !is_whole;
    return rc;
}

/*
 * Resumes: loads the weights, all slots and the number of updates that the run had at its
 * checkpoint, from the run's tensors and its last epoch. SQLITE_CORRUPT_VTAB: a tensor is
 * missing or damaged.
 */
static int load_checkpoint(gru4rec_training *weights, const ext_home *home,
                           const ext_run *run, ext_error *error)
{
    int rc = ext_tensor_load(weights->model, NULL, home, run->written.version, "", error);
    for (int i = 0; rc == SQLITE_OK && i < GRU4REC_N_SLOTS; i++)
        if (weights->slot[i] != NULL)
            rc = ext_tensor_load(weights->slot[i], NULL, home, run->written.version,
                                 gru4rec_training_slot_name((gru4rec_slot)i), error);
    gru4rec_training_continue(weights, run->epochs[run->n_epochs - 1].updates);
    return rc;
}

int ext_train_weights_start(gru4rec_training *weights, bool *is_reset,
                            const ext_train_request *request, const ext_train_data *data,
                            const ext_run *run, ext_error *error)
{
    gru4rec_error message = {0};
    gru4rec_status status =
        gru4rec_training_new(&data->budget.allocator, &request->options,
                             gru4rec_items_count(data->events.items), weights, &message);
    if (status != GRU4REC_OK)
        return ext_error_library(error, status, &message);
    if (request->checkpoint.epoch == 0)
        gru4rec_model_init(weights->model, &request->options);
    if (ext_train_job_is_first(request) && request->checkpoint.epoch > 0)
        load_checkpoint(weights, &request->home, run, error);
    else if (ext_train_job_is_first(request) && request->options.warm_start)
        adopt_active(weights, is_reset, request, data, error);
    return error->rc == SQLITE_OK ? ext_train_job_share_weights(weights, request, error)
                                  : error->rc;
}

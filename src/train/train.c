/*
 * train.c - the epoch loop: schedule, samples, step, hooks, checks. Uses step,
 * schedule, sampler.
 */
#include "../kernels/blas.h"
#include "../data/sampler.h"
#include "../data/schedule.h"
#include "../base/status.h"
#include "step.h"

typedef struct trainer {
    gru4rec_training *training;
    gru4rec_model *model; /* the training's */
    const gru4rec_options *options;
    const gru4rec_hooks *hooks;
    g4r_schedule schedule;
    g4r_sampler sampler; /* only with K > 0 */
    int32_t *samples;    /* (K) likewise */
    g4r_step step;
    gru4rec_progress progress;
    bool is_validated; /* the best epoch counts, else the last */
    bool is_stopped;
    double best_mrr; /* -1: none yet */
    int64_t best_epoch;
} trainer;

int32_t gru4rec_train_threads(const gru4rec_options *options)
{
    return (int32_t)g4r_step_threads(options);
}

size_t gru4rec_train_bytes(const gru4rec_options *options, int32_t n_items,
                           int64_t n_sessions)
{
    g4r_params params;
    const g4r_schedule_plan plan = g4r_schedule_planned(options);
    const size_t n_samples = (size_t)G4R_MAX(options->n_sample, 0);
    g4r_params_init(&params, options, n_items);
    size_t bytes =
        g4r_add(gru4rec_training_bytes(options, n_items),
                g4r_step_bytes(&params, options, g4r_schedule_lanes(&plan, n_sessions)));
    bytes = g4r_add(bytes, g4r_schedule_bytes(&plan, n_sessions));
    if (n_samples > 0)
        bytes = g4r_add(bytes, g4r_sampler_bytes((size_t)n_items));
    return g4r_add(bytes, n_samples * sizeof(int32_t));
}

static bool can_be_measured(const gru4rec_dataset *dataset)
{
    for (int64_t s = 0; dataset != NULL && s < dataset->n_sessions; s++)
        if (dataset->offsets[s + 1] - dataset->offsets[s] > 1)
            return true;
    return false;
}

/* Can this data train this model at all? */
static gru4rec_status check_data(const trainer *t, const gru4rec_dataset *dataset,
                                 gru4rec_error *error)
{
    bool has_negatives = t->options->n_sample != 0;
    if (dataset->n_events - dataset->n_sessions == 0)
        return g4r_fail(
            error, GRU4REC_INVALID,
            "nothing to learn from: none of the %lld sessions has two events; "
            "check which column is the session",
            (long long)dataset->n_sessions);
    if (!has_negatives && G4R_MIN(t->options->batch_size, dataset->n_sessions) < 2)
        return g4r_fail(error, GRU4REC_INVALID,
                        "n_sample 0 needs a batch_size and sessions of 2 or more, whose "
                        "targets are each other's negatives; set n_sample above 0");
    if (t->is_validated && !can_be_measured(dataset->validation))
        return g4r_fail(error, GRU4REC_INVALID,
                        "validation holds out no event that can be measured; give it a "
                        "larger share, or 0");
    return GRU4REC_OK;
}

/* Once a hook said stop, everything does. */
static bool is_stopped(void *context)
{
    trainer *t = context;
    if (!t->is_stopped && t->hooks->poll != NULL)
        t->is_stopped = t->hooks->poll(t->hooks->context, &t->progress) != 0;
    return t->is_stopped;
}

static gru4rec_status start(trainer *t, const gru4rec_dataset *dataset,
                            const int64_t *support, gru4rec_error *error)
{
    const gru4rec_options *options = t->options;
    const gru4rec_allocator *allocator = &t->model->allocator;
    gru4rec_status status = check_data(t, dataset, error);
    if (status != GRU4REC_OK)
        return status;
    const bool has_samples = options->n_sample > 0;
    const g4r_schedule_plan plan = g4r_schedule_planned(options);
    const g4r_stop stop = {is_stopped, t};
    if (!g4r_schedule_init(&t->schedule, dataset, &plan, allocator))
        return g4r_fail_nomem(error, g4r_schedule_bytes(&plan, dataset->n_sessions));
    if (has_samples)
        t->samples = g4r_alloc(allocator, (size_t)options->n_sample, sizeof *t->samples);
    if (has_samples && t->samples == NULL)
        return g4r_fail_nomem(error, (size_t)options->n_sample * sizeof *t->samples);
    status = g4r_step_init(&t->step, t->training, support, options,
                           (size_t)t->schedule.n_lanes, stop, error);
    if (status == GRU4REC_OK && has_samples &&
        !g4r_sampler_init(&t->sampler, support, t->step.n_seen, options->sample_alpha,
                          allocator))
        status = g4r_fail_nomem(error, g4r_sampler_bytes((size_t)t->step.n_seen));
    return status;
}

static void finish(trainer *t)
{
    const gru4rec_allocator *allocator = &t->model->allocator;
    g4r_step_free(&t->step);
    g4r_sampler_free(&t->sampler);
    g4r_free(allocator, t->samples);
    g4r_schedule_free(&t->schedule);
}

static gru4rec_status fail_diverged(const trainer *t, const char *what,
                                    gru4rec_error *error)
{
    return g4r_fail(error, GRU4REC_DIVERGED,
                    "training diverged: %s is not finite after step %lld of epoch %lld; "
                    "use a smaller learning_rate or momentum",
                    what, (long long)t->progress.step, (long long)t->progress.epoch);
}

static void update(trainer *t)
{
    g4r_step_backward(&t->step);
    if (!t->is_stopped)
        g4r_step_update(&t->step);
}

static gru4rec_status train_step(trainer *t, gru4rec_epoch *epoch, double *loss_sum,
                                 double *cost_sum, gru4rec_error *error)
{
    const g4r_schedule *schedule = &t->schedule;
    size_t m = (size_t)schedule->n_live;
    if (schedule->is_new_batch && t->step.frame > 0)
        update(t);
    if (t->options->n_sample > 0)
        g4r_sampler_draw(&t->sampler, t->samples, (size_t)t->options->n_sample);
    double loss = g4r_step_forward(&t->step, schedule->from, schedule->input,
                                   schedule->target, m, t->samples);
    t->progress.step = ++epoch->steps;
    if (!t->is_stopped && !isfinite(loss))
        return fail_diverged(t, "the loss", error);
    if (!t->is_stopped && g4r_step_is_full(&t->step))
        update(t);

    epoch->events += (int64_t)m;
    *loss_sum += loss;
    *cost_sum += loss / (double)t->options->batch_size * (double)m;
    t->progress.events = epoch->events;
    t->progress.loss = *loss_sum / (double)epoch->events;
    if (is_stopped(t))
        return g4r_fail(error, GRU4REC_INTERRUPTED, "interrupted");
    return GRU4REC_OK;
}

static void copy_values(gru4rec_model *to, const gru4rec_model *from)
{
    for (size_t i = 0; i < to->params.n; i++)
        memcpy(to->values[i], from->values[i],
               g4r_param_size(&to->params.list[i]) * sizeof(g4r_real));
}

/* Which of the epochs so far was the best; without validation it is the last. */
static void note_epoch(trainer *t, const gru4rec_epoch *epoch)
{
    if (t->is_validated && !(epoch->mrr > t->best_mrr))
        return;
    t->best_epoch = epoch->epoch;
    t->best_mrr = epoch->mrr;
}

static gru4rec_status train_epoch(trainer *t, int64_t number, gru4rec_error *error)
{
    gru4rec_epoch epoch = {.epoch = number, .recall = NAN, .mrr = NAN};
    double loss_sum = 0, cost_sum = 0;
    g4r_rng order_rng;
    gru4rec_status status = GRU4REC_OK;
    t->progress.epoch = number;
    t->progress.events = 0;
    g4r_step_start(&t->step, number);
    g4r_sampler_start(&t->sampler, t->options->seed, number);
    g4r_rng_seed(&order_rng, t->options->seed, G4R_STREAM_ORDER, number);
    if (t->options->train_random_order)
        g4r_schedule_shuffle(&t->schedule, &order_rng);
    g4r_schedule_start(&t->schedule);
    while (status == GRU4REC_OK && g4r_schedule_next(&t->schedule))
        status = train_step(t, &epoch, &loss_sum, &cost_sum, error);
    if (status != GRU4REC_OK)
        return status;
    if (t->step.frame > 0) /* the last block of bptt may be shorter */
        update(t);
    if (t->is_stopped)
        return g4r_fail(error, GRU4REC_INTERRUPTED, "interrupted");
    if (epoch.events == 0)
        return g4r_fail(error, GRU4REC_INVALID,
                        "no step has two sessions side by side, and n_sample is 0; set "
                        "n_sample above 0");
    const char *name = gru4rec_model_nonfinite(t->model);
    if (name != NULL)
        return fail_diverged(t, name, error);
    epoch.loss = loss_sum / (double)epoch.events;
    epoch.cost = cost_sum / (double)epoch.events;
    epoch.updates = t->training->updates;
    if (t->is_validated)
        status = t->hooks->validate(t->hooks->context, t->model, &epoch.recall,
                                    &epoch.mrr, error);
    if (status != GRU4REC_OK)
        return status;
    note_epoch(t, &epoch);
    if (t->is_validated && t->best_epoch == number)
        copy_values(t->training->slot[GRU4REC_SLOT_BEST], t->model);
    if (t->hooks->epoch != NULL && t->hooks->epoch(t->hooks->context, &epoch) != 0)
        return g4r_fail(error, GRU4REC_INTERRUPTED, "interrupted");
    return GRU4REC_OK;
}

static bool is_patience_over(const trainer *t, int64_t epoch)
{
    return t->options->patience > 0 && epoch - t->best_epoch >= t->options->patience;
}

gru4rec_status gru4rec_train(gru4rec_training *training, const gru4rec_dataset *dataset,
                             const int64_t *support, const gru4rec_options *options,
                             const gru4rec_epoch *done, size_t n_done,
                             const gru4rec_hooks *hooks, int64_t *best_epoch,
                             gru4rec_error *error)
{
    static const gru4rec_hooks no_hooks;
    trainer t = {
        .training = training,
        .model = training->model,
        .options = options,
        .hooks = hooks != NULL ? hooks : &no_hooks,
        .is_validated = options->validation > 0,
        .best_mrr = -1,
    };
    assert(!t.is_validated || t.hooks->validate != NULL);
    t.progress.n_epochs = options->n_epochs;
    t.progress.total_events = dataset->n_events - dataset->n_sessions;
    for (size_t i = 0; i < n_done; i++)
        note_epoch(&t, &done[i]);
    g4r_blas_enter();
    gru4rec_status status = start(&t, dataset, support, error);
    int64_t epoch = (int64_t)n_done;
    while (status == GRU4REC_OK && epoch < options->n_epochs &&
           !is_patience_over(&t, epoch))
        status = train_epoch(&t, ++epoch, error);
    if (status == GRU4REC_OK && t.is_validated && t.best_epoch != epoch)
        copy_values(training->model, training->slot[GRU4REC_SLOT_BEST]);
    if (best_epoch != NULL)
        *best_epoch = t.best_epoch;
    finish(&t);
    g4r_blas_leave();
    return status;
}

/*
 * train.c - trains a model epoch by epoch; see gru4rec_train() in gru4rec.h.
 *
 * For each step of an epoch, the loop asks the schedule for a mini-batch, draws the
 * samples, and computes a frame (step.h). It updates the model after T frames (option
 * bptt), before all lanes begin new sessions, and at the end of the epoch. After each
 * epoch it checks that all weights are finite. If there is validation, it then lets a
 * hook measure the model, and keeps the weights of the best epoch. At last it calls the
 * hook epoch.
 */
#include "../kernels/blas.h"
#include "../data/sampler.h"
#include "../data/schedule.h"
#include "../base/fail.h"
#include "step.h"

/* What gru4rec_train() works with, from its first epoch to its last. */
typedef struct epoch_loop {
    gru4rec_training *training;
    const gru4rec_options *options;
    const gru4rec_hooks *hooks;
    g4r_schedule schedule;
    g4r_sampler sampler; /* used only if K > 0 */
    int32_t *samples;    /* (K) item rows drawn for one step; used only if K > 0 */
    g4r_step step;
    gru4rec_progress progress;
    /*
     * Option validation is above 0: the result has the weights of the best epoch, and the
     * hook validate measures each epoch. If false, the result has the weights of the last
     * epoch.
     */
    bool is_validated;
    /* The hook poll has once said stop; it is not called again then. */
    bool is_stopped;
    /*
     * MRR of best_epoch; -1 while there is none; NaN without validation, after an epoch.
     */
    double best_mrr;
    /*
     * The epoch with the best MRR so far; without validation, the last epoch that has
     * ended. 0: there is none.
     */
    int64_t best_epoch;
} epoch_loop;

int32_t gru4rec_train_threads(const gru4rec_options *options)
{
    return (int32_t)g4r_step_threads(options);
}

/*
 * Returns the longest side of all matrices that are results of products in a step: the
 * largest of the sides of the network's weight matrices and of B + K, the most columns.
 * It is for the memory that BLAS takes.
 */
static size_t longest_side(const g4r_params *params, const gru4rec_options *options)
{
    const size_t n_samples = (size_t)G4R_MAX(options->n_sample, 0);
    return G4R_MAX(g4r_network_side(params), (size_t)options->batch_size + n_samples);
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
    bytes = g4r_add(bytes, g4r_mul(g4r_step_threads(options),
                                   g4r_blas_bytes(longest_side(&params, options))));
    return g4r_add(bytes, n_samples * sizeof(int32_t));
}

/*
 * Returns the number of sessions with two events or more: those that have a target. If
 * dataset is NULL, it returns 0.
 */
static int64_t count_with_target(const gru4rec_dataset *dataset)
{
    int64_t n = 0;
    for (int64_t s = 0; dataset != NULL && s < dataset->n_sessions; s++)
        n += dataset->offsets[s + 1] - dataset->offsets[s] > 1;
    return n;
}

/*
 * Checks that there is something to train on; changes nothing. INVALID: no session has
 * two events; or n_sample is 0 and there are no negatives, because only one session has
 * two events; or there is validation, but no held-out session has two events, so that
 * nothing can be measured.
 */
static gru4rec_status check_data(const epoch_loop *loop, const gru4rec_dataset *dataset,
                                 gru4rec_error *error)
{
    const int64_t n = count_with_target(dataset);
    if (n == 0)
        return g4r_fail(
            error, GRU4REC_INVALID,
            "nothing to learn from: none of the %lld sessions has two events; "
            "check which column is the session",
            (long long)dataset->n_sessions);
    if (loop->options->n_sample == 0 && n < 2)
        return g4r_fail(error, GRU4REC_INVALID,
                        "n_sample 0 needs at least 2 sessions of two events, because the "
                        "targets of other sessions are the only negatives; set n_sample "
                        "above 0");
    if (loop->is_validated && count_with_target(dataset->validation) == 0)
        return g4r_fail(error, GRU4REC_INVALID,
                        "validation holds out no event that can be measured; "
                        "set validation to a larger share, or to 0");
    return GRU4REC_OK;
}

/*
 * Tells whether the work must stop. context is the epoch_loop. Asks the hook poll, and
 * keeps the answer in is_stopped of the loop. After the first yes, poll is not called
 * again, and the answer is always yes. If there is no hook poll, it returns false.
 */
static bool is_stopped(void *context)
{
    epoch_loop *loop = context;
    if (!loop->is_stopped && loop->hooks->poll != NULL)
        loop->is_stopped = loop->hooks->poll(loop->hooks->context, &loop->progress) != 0;
    return loop->is_stopped;
}

/*
 * Checks the data, and allocates what the epochs need: the schedule, the step with its
 * threads, and, if K > 0, the sampler and the room for samples. INVALID: check_data()
 * refused the data. NOMEM: there is not enough memory. The caller calls finish(), also
 * after an error.
 */
static gru4rec_status start(epoch_loop *loop, const gru4rec_dataset *dataset,
                            const int64_t *support, gru4rec_error *error)
{
    const gru4rec_options *options = loop->options;
    const gru4rec_allocator *allocator = &loop->training->model->allocator;
    gru4rec_status status = check_data(loop, dataset, error);
    if (status != GRU4REC_OK)
        return status;
    const g4r_schedule_plan plan = g4r_schedule_planned(options);
    const g4r_stop stop = {is_stopped, loop};
    if (!g4r_schedule_init(&loop->schedule, dataset, &plan, allocator))
        return g4r_fail_nomem(error, g4r_schedule_bytes(&plan, dataset->n_sessions));
    status = g4r_step_init(&loop->step, loop->training, support, options,
                           g4r_schedule_lanes(&plan, dataset->n_sessions), stop, error);
    if (status != GRU4REC_OK || options->n_sample <= 0)
        return status;
    const size_t n_samples = (size_t)options->n_sample;
    loop->samples = g4r_alloc(allocator, n_samples, sizeof *loop->samples);
    if (loop->samples == NULL)
        return g4r_fail_nomem(error, n_samples * sizeof *loop->samples);
    if (!g4r_sampler_init(&loop->sampler, support, loop->step.n_seen,
                          options->sample_alpha, allocator))
        return g4r_fail_nomem(error, g4r_sampler_bytes((size_t)loop->step.n_seen));
    return GRU4REC_OK;
}

/*
 * Ends the threads, and frees all that start() allocated; accepts what start() has left
 * after an error.
 */
static void finish(epoch_loop *loop)
{
    const gru4rec_allocator *allocator = &loop->training->model->allocator;
    g4r_step_free(&loop->step);
    g4r_sampler_free(&loop->sampler);
    g4r_alloc_free(allocator, loop->samples);
    g4r_schedule_free(&loop->schedule);
}

/* Returns DIVERGED; the message says what is not finite, and after which step. */
static gru4rec_status fail_diverged(const epoch_loop *loop, const char *what,
                                    gru4rec_error *error)
{
    return g4r_fail(error, GRU4REC_DIVERGED,
                    "training diverged: %s is not finite after step %lld of epoch %lld; "
                    "use a smaller learning_rate or momentum",
                    what, (long long)loop->progress.step,
                    (long long)loop->progress.epoch);
}

/*
 * Makes an update with the frames since the last one: propagates the gradients back
 * through them, and updates the model. Does nothing if there are no such frames, or if
 * the hook poll has said stop before. If poll says stop during the way back, the model is
 * not updated.
 */
static void flush(epoch_loop *loop)
{
    if (loop->step.n_frames == 0 || loop->is_stopped)
        return;
    g4r_step_backward(&loop->step);
    if (!loop->is_stopped)
        g4r_step_update(&loop->step);
}

static gru4rec_status fail_interrupted(gru4rec_error *error)
{
    return g4r_fail(error, GRU4REC_INTERRUPTED, "interrupted");
}

/*
 * Adds a step of m lanes, its events and its loss to *epoch and to loop->progress. If
 * fewer than half of the first step's lanes are live, also counts it in epoch->narrow.
 */
static void add_step(epoch_loop *loop, gru4rec_epoch *epoch, int64_t m, double loss)
{
    epoch->steps++;
    epoch->narrow += 2 * m < loop->schedule.plan.n_lanes;
    epoch->events += m;
    /* loss and cost are sums here; end_epoch() divides them by the number of events. */
    epoch->loss += loss;
    epoch->cost += loss / (double)loop->options->batch_size * (double)m;
    loop->progress.step = epoch->steps;
    loop->progress.events = epoch->events;
    loop->progress.loss = epoch->loss / (double)epoch->events;
}

/*
 * Trains on the step that the schedule has found. If all lanes begin new sessions, first
 * updates the model with the frames before. Then draws samples (if K > 0), computes the
 * frame, adds the step to *epoch and to loop->progress, and updates the model if there
 * are T frames now. At last asks the hook poll. Returns DIVERGED if the loss is not
 * finite, INTERRUPTED if poll has said stop.
 */
static gru4rec_status train_step(epoch_loop *loop, gru4rec_epoch *epoch,
                                 gru4rec_error *error)
{
    const g4r_schedule *schedule = &loop->schedule;
    size_t m = (size_t)schedule->n_live;
    if (schedule->is_new_batch)
        flush(loop);
    if (loop->options->n_sample > 0)
        g4r_sampler_draw(&loop->sampler, loop->samples, (size_t)loop->options->n_sample);
    double loss = g4r_step_forward(&loop->step, schedule->from, schedule->input,
                                   schedule->target, m, loop->samples);
    add_step(loop, epoch, (int64_t)m, loss);
    GRU4REC_TRACE(4, "step %lld: %zu lanes, loss %g", (long long)epoch->steps, m, loss);
    if (!loop->is_stopped && !isfinite(loss))
        return fail_diverged(loop, "the loss", error);
    if (g4r_step_is_full(&loop->step))
        flush(loop);
    return is_stopped(loop) ? fail_interrupted(error) : GRU4REC_OK;
}

/* Copies the values of all tensors from one model to another of the same shape. */
static void copy_values(gru4rec_model *to, const gru4rec_model *from)
{
    for (size_t i = 0; i < to->params.n; i++)
        memcpy(to->values[i], from->values[i],
               g4r_param_size(&to->params.list[i]) * sizeof(g4r_real));
}

/*
 * Makes this epoch the best one so far (best_epoch and best_mrr of the loop) if its MRR
 * is above that of the best one before. With an equal MRR the earlier epoch stays the
 * best. Without validation, every epoch becomes the best one.
 */
static void note_epoch(epoch_loop *loop, const gru4rec_epoch *epoch)
{
    if (loop->is_validated && !(epoch->mrr > loop->best_mrr))
        return;
    loop->best_epoch = epoch->epoch;
    loop->best_mrr = epoch->mrr;
}

/*
 * Begins the epoch with this number: starts its random numbers, shuffles the sessions if
 * option train_random_order is set, goes back to the first step of the schedule, and sets
 * loop->progress to the start of this epoch. The random numbers depend only on the seed
 * and the epoch, so a training can go on from any epoch.
 */
static void start_epoch(epoch_loop *loop, int64_t number)
{
    const int64_t seed = loop->options->seed;
    loop->progress.epoch = number;
    loop->progress.step = 0;
    loop->progress.events = 0;
    loop->progress.loss = NAN;
    g4r_step_start(&loop->step, number);
    g4r_sampler_start(&loop->sampler, seed, number);
    if (loop->options->train_random_order)
        g4r_schedule_shuffle(&loop->schedule, seed, number);
    g4r_schedule_start(&loop->schedule);
}

/*
 * Ends an epoch. Makes its last update, if frames are left, and checks that all weights
 * are finite. Turns the sums loss and cost of *epoch into means, and sets its updates. If
 * there is validation, the hook validate measures the model, and sets recall and mrr of
 * *epoch. Returns INTERRUPTED (poll has said stop), DIVERGED (a weight is not finite), or
 * the status of the hook validate.
 */
static gru4rec_status end_epoch(epoch_loop *loop, gru4rec_epoch *epoch,
                                gru4rec_error *error)
{
    flush(loop);
    if (loop->is_stopped)
        return fail_interrupted(error);
    assert(epoch->events > 0); /* check_data() has seen to it */
    const char *name = gru4rec_model_nonfinite(loop->training->model);
    if (name != NULL)
        return fail_diverged(loop, name, error);
    epoch->loss /= (double)epoch->events;
    epoch->cost /= (double)epoch->events;
    epoch->updates = loop->training->updates;
    if (!loop->is_validated)
        return GRU4REC_OK;
    return loop->hooks->validate(loop->hooks->context, loop->training->model,
                                 &epoch->recall, &epoch->mrr, error);
}

/*
 * Trains the epoch with this number, and notes it if it is the best one so far. With
 * validation, the weights of such an epoch are copied into the slot "best". At last calls
 * the hook epoch, if there is one, and returns INTERRUPTED if it says stop. After any
 * other error, the epoch is neither noted nor passed to the hook.
 */
static gru4rec_status train_epoch(epoch_loop *loop, int64_t number, gru4rec_error *error)
{
    const gru4rec_hooks *hooks = loop->hooks;
    gru4rec_epoch epoch = {.epoch = number, .recall = NAN, .mrr = NAN};
    gru4rec_status status = GRU4REC_OK;
    start_epoch(loop, number);
    while (status == GRU4REC_OK && g4r_schedule_next(&loop->schedule))
        status = train_step(loop, &epoch, error);
    if (status == GRU4REC_OK)
        status = end_epoch(loop, &epoch, error);
    if (status != GRU4REC_OK)
        return status;
    note_epoch(loop, &epoch);
    if (loop->is_validated && loop->best_epoch == number)
        copy_values(loop->training->slot[GRU4REC_SLOT_BEST], loop->training->model);
    bool is_over = hooks->epoch != NULL && hooks->epoch(hooks->context, &epoch) != 0;
    return is_over ? fail_interrupted(error) : GRU4REC_OK;
}

/*
 * Tells whether training should stop after this epoch, because the best epoch so far is
 * at least options->patience epochs before it. If patience is 0, it always returns false.
 */
static bool is_patience_over(const epoch_loop *loop, int64_t epoch)
{
    return loop->options->patience > 0 &&
           epoch - loop->best_epoch >= loop->options->patience;
}

gru4rec_status gru4rec_train(gru4rec_training *training, const gru4rec_dataset *dataset,
                             const int64_t *support, const gru4rec_options *options,
                             const gru4rec_epoch *done, size_t n_done,
                             const gru4rec_hooks *hooks, int64_t *best_epoch,
                             gru4rec_error *error)
{
    static const gru4rec_hooks no_hooks;
    epoch_loop loop = {
        .training = training,
        .options = options,
        .hooks = hooks != NULL ? hooks : &no_hooks,
        .is_validated = options->validation > 0,
        .best_mrr = -1,
    };
    assert(!loop.is_validated || loop.hooks->validate != NULL);
    loop.progress.n_epochs = options->n_epochs;
    loop.progress.total_events = dataset->n_events - dataset->n_sessions;
    for (size_t i = 0; i < n_done; i++)
        note_epoch(&loop, &done[i]);
    if (!g4r_blas_enter())
        return g4r_blas_fail(error);
    gru4rec_status status = start(&loop, dataset, support, error);
    int64_t epoch = (int64_t)n_done;
    while (status == GRU4REC_OK && epoch < options->n_epochs &&
           !is_patience_over(&loop, epoch))
        status = train_epoch(&loop, ++epoch, error);
    if (status == GRU4REC_OK && loop.is_validated && loop.best_epoch != epoch)
        copy_values(training->model, training->slot[GRU4REC_SLOT_BEST]);
    if (best_epoch != NULL)
        *best_epoch = loop.best_epoch;
    finish(&loop);
    g4r_blas_leave();
    return status;
}

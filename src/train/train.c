/*
 * train.c - trains a model epoch by epoch; see gru4rec_train() in gru4rec.h.
 *
 * For each step of an epoch, the loop asks the schedule of each group for its lanes,
 * draws the samples, and computes a frame (step.h). It updates the model after T frames
 * (option bptt), before all lanes begin new sessions, and at the end of the epoch. After
 * each epoch it checks that all weights are finite. If there is validation, it then lets
 * a hook measure the model, and keeps the weights of the best epoch. At last it calls the
 * hook epoch.
 *
 * If other processes train along (hooks->ranks), each has one group, and they exchange
 * their lanes, sums and decisions (exchange.h). Whether to stop is decided in these
 * exchanges only, also if there is one process: so all ranks stop at the same point.
 */
#include "../kernels/blas.h"
#include "../data/sampler.h"
#include "../base/fail.h"
#include "exchange.h"
#include "lanes.h"

/* What gru4rec_train() works with, from its first epoch to its last. */
typedef struct epoch_loop {
    gru4rec_training *training;
    const gru4rec_options *options;
    const gru4rec_hooks *hooks;
    g4r_exchange exchange;
    g4r_lanes lanes;
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
    /*
     * The hook poll has once said stop; it is not called again then. The training ends at
     * the next exchange.
     */
    bool is_stopped;
    double best_mrr; /* MRR of best_epoch; -1 if it is NaN */
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
 * largest of the sides of the network's weight matrices and of the most columns. It is
 * for the memory that BLAS takes.
 */
static size_t longest_side(const g4r_params *params, const gru4rec_options *options,
                           size_t n_groups)
{
    const size_t n_samples = (size_t)G4R_MAX(options->n_sample, 0);
    const size_t n_lanes = g4r_mul(n_groups, (size_t)options->batch_size);
    return G4R_MAX(g4r_network_side(params), g4r_add(n_lanes, n_samples));
}

/*
 * Returns the bytes that a training takes in a process with n_sessions. ranks: NULL if
 * there are no other processes.
 */
static size_t count_bytes(const gru4rec_options *options, int32_t n_items,
                          int64_t n_sessions, const gru4rec_ranks *ranks)
{
    g4r_params params;
    const g4r_step_plan plan = g4r_lanes_planned(options, n_sessions, ranks);
    const size_t n_samples = (size_t)G4R_MAX(options->n_sample, 0);
    g4r_params_init(&params, options, n_items);
    const size_t side = longest_side(&params, options, plan.n_groups);
    size_t bytes = g4r_add(gru4rec_training_bytes(options, n_items),
                           g4r_step_bytes(&params, options, &plan));
    bytes = g4r_add(bytes, g4r_lanes_bytes(options, n_sessions, ranks));
    bytes = g4r_add(bytes, g4r_exchange_bytes(ranks));
    if (n_samples > 0)
        bytes = g4r_add(bytes, g4r_sampler_bytes((size_t)n_items));
    bytes = g4r_add(bytes, g4r_mul(g4r_step_threads(options), g4r_blas_bytes(side)));
    return g4r_add(bytes, n_samples * sizeof(int32_t));
}

size_t gru4rec_train_bytes(const gru4rec_options *options, int32_t n_items,
                           int64_t n_sessions)
{
    return count_bytes(options, n_items, n_sessions, NULL);
}

size_t gru4rec_train_rank_bytes(const gru4rec_options *options, int32_t n_items,
                                int64_t n_sessions, int32_t n_ranks)
{
    const gru4rec_ranks ranks = {.n_ranks = n_ranks};
    return count_bytes(options, n_items, n_sessions, &ranks);
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
 * Checks that there is something to train on; changes nothing. total has the numbers of
 * all ranks. INVALID: no session has two events; or n_sample is 0 and there are no
 * negatives, because only one session has two events; or there is validation, but no
 * held-out session has two events, so that nothing can be measured.
 */
static gru4rec_status check_data(const epoch_loop *loop, const g4r_exchange_ballot *total,
                                 gru4rec_error *error)
{
    if (total->n_with_target == 0)
        return g4r_fail(
            error, GRU4REC_INVALID,
            "nothing to learn from: none of the %lld sessions has two events; "
            "check which column is the session",
            (long long)total->n_sessions);
    if (loop->options->n_sample == 0 && total->n_with_target < 2)
        return g4r_fail(error, GRU4REC_INVALID,
                        "n_sample 0 needs at least 2 sessions of two events, because the "
                        "targets of other sessions are the only negatives; set n_sample "
                        "above 0");
    if (loop->is_validated && total->n_held == 0)
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

/* Returns what this process tells the others about its data and its weights. */
static g4r_exchange_ballot describe(const epoch_loop *loop,
                                    const gru4rec_dataset *dataset, int64_t n_done)
{
    return (g4r_exchange_ballot){
        .checksum = g4r_exchange_checksum(&loop->exchange, loop->training, n_done),
        .n_sessions = dataset->n_sessions,
        .n_with_target = count_with_target(dataset),
        .n_targets = dataset->n_events - dataset->n_sessions,
        .n_held = count_with_target(dataset->validation),
        .n_lanes = g4r_lanes_most(&loop->lanes),
    };
}

/*
 * Allocates what the steps need: the step with its threads, and, if K > 0, the sampler
 * and the room for samples. NOMEM: there is not enough memory.
 */
static gru4rec_status open_step(epoch_loop *loop, const int64_t *support,
                                gru4rec_error *error)
{
    const gru4rec_options *options = loop->options;
    const gru4rec_allocator *allocator = &loop->training->model->allocator;
    const g4r_stop stop = {is_stopped, loop};
    gru4rec_status status = g4r_step_init(&loop->step, loop->training, support, options,
                                          &loop->lanes.plan, stop, error);
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
 * Checks the data, and allocates what the epochs need; has_entered: this thread has
 * entered BLAS. INVALID: g4r_lanes_init() or check_data() refused the data, or the ranks
 * do not begin with the same weights. NOMEM: there is not enough memory. INTERRUPTED:
 * another rank failed. The caller calls finish(), also after an error.
 */
static gru4rec_status start(epoch_loop *loop, const gru4rec_dataset *dataset,
                            const int64_t *support, int64_t n_done, bool has_entered,
                            gru4rec_error *error)
{
    const gru4rec_ranks *ranks = loop->hooks->ranks;
    const gru4rec_allocator *allocator = &loop->training->model->allocator;
    gru4rec_status status = has_entered ? GRU4REC_OK : g4r_blas_fail(error);
    if (status == GRU4REC_OK)
        status =
            g4r_lanes_init(&loop->lanes, dataset, loop->options, ranks, allocator, error);
    status = g4r_exchange_init(&loop->exchange, ranks, allocator, status, error);
    if (status != GRU4REC_OK)
        return status;
    g4r_exchange_ballot ballot = describe(loop, dataset, n_done);
    status = g4r_exchange_vote(&loop->exchange, &ballot, error);
    if (status != GRU4REC_OK)
        return status;
    const g4r_exchange_ballot total = g4r_exchange_total(&loop->exchange);
    status = check_data(loop, &total, error);
    if (status != GRU4REC_OK)
        return status;
    loop->progress.total_events = total.n_targets;
    loop->lanes.plan.most_lanes = (size_t)total.n_lanes;
    ballot = (g4r_exchange_ballot){.status = open_step(loop, support, error)};
    return g4r_exchange_vote(&loop->exchange, &ballot, error);
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
    g4r_lanes_free(&loop->lanes);
    g4r_exchange_free(&loop->exchange);
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

static gru4rec_status fail_interrupted(gru4rec_error *error)
{
    return g4r_fail(error, GRU4REC_INTERRUPTED, "interrupted");
}

/*
 * Adds a step of m lanes, its events and its loss to *epoch and to loop->progress. If
 * fewer than half of the first step's lanes are live, also counts it in epoch->narrow.
 * DIVERGED: the loss is not finite.
 */
static gru4rec_status add_step(epoch_loop *loop, gru4rec_epoch *epoch, int64_t m,
                               double loss, gru4rec_error *error)
{
    const g4r_step_plan *plan = &loop->lanes.plan;
    epoch->steps++;
    epoch->narrow += 2 * m < (int64_t)plan->most_lanes;
    epoch->events += m;
    /* loss and cost are sums here; end_epoch() divides them by the number of events. */
    epoch->loss += loss;
    epoch->cost +=
        loss / ((double)plan->n_groups * (double)loop->options->batch_size) * (double)m;
    loop->progress.step = epoch->steps;
    loop->progress.events = epoch->events;
    loop->progress.loss = epoch->loss / (double)epoch->events;
    GRU4REC_TRACE(4, "step %lld: %lld lanes, loss %g", (long long)epoch->steps,
                  (long long)m, loss);
    return isfinite(loss) ? GRU4REC_OK : fail_diverged(loop, "the loss", error);
}

/*
 * Makes an update with the frames since the last one: propagates the gradients back
 * through them, exchanges the sums, adds the steps to *epoch and to loop->progress, and
 * updates the model. Does nothing if there are no such frames. INTERRUPTED: the hook poll
 * has said stop, here or on another rank. DIVERGED: a loss is not finite. The model is
 * not updated then.
 */
static gru4rec_status flush(epoch_loop *loop, gru4rec_epoch *epoch, gru4rec_error *error)
{
    g4r_step *step = &loop->step;
    if (step->common.n_frames == 0)
        return GRU4REC_OK;
    g4r_step_backward(step);
    bool stop = loop->is_stopped;
    gru4rec_status status = g4r_exchange_sum(&loop->exchange, step, &stop, error);
    if (status == GRU4REC_OK && stop)
        status = fail_interrupted(error);
    for (size_t i = 0; status == GRU4REC_OK && i < step->common.n_frames; i++)
        status = add_step(loop, epoch, (int64_t)step->common.frames[i].m, step->losses[i],
                          error);
    if (status == GRU4REC_OK)
        g4r_step_update(step);
    return status;
}

/*
 * Finds the lanes of all groups, and sets *m to their number; begins as in
 * g4r_lanes_find(). INTERRUPTED: the hook poll has said stop, here or on another rank.
 */
static gru4rec_status gather_lanes(epoch_loop *loop, bool begins, size_t *m,
                                   gru4rec_error *error)
{
    g4r_lanes *lanes = &loop->lanes;
    bool stop = loop->is_stopped;
    *m = 0;
    g4r_lanes_find(lanes, begins);
    gru4rec_status status =
        g4r_exchange_gather(&loop->exchange, lanes->all, &stop, error);
    if (status == GRU4REC_OK && stop)
        status = fail_interrupted(error);
    for (size_t i = 0; status == GRU4REC_OK && i < lanes->plan.n_groups; i++)
        *m += (size_t)lanes->all[i].n;
    return status;
}

/*
 * Finds the lanes of the next frame, and sets *m to their number; 0: the epoch is over.
 * With whole_sessions, once no lane is live, first updates the model with the frames
 * before, and then all lanes begin new sessions. Without samples, the epoch is over when
 * fewer than two lanes are live, because a single one has no negatives. Returns the
 * status of gather_lanes() or flush().
 */
static gru4rec_status find_frame(epoch_loop *loop, gru4rec_epoch *epoch, size_t *m,
                                 gru4rec_error *error)
{
    const size_t least = loop->options->n_sample == 0 ? 2 : 1;
    gru4rec_status status = gather_lanes(loop, false, m, error);
    if (status == GRU4REC_OK && *m == 0 && loop->options->whole_sessions) {
        status = flush(loop, epoch, error);
        if (status == GRU4REC_OK)
            status = gather_lanes(loop, true, m, error);
    }
    if (*m < least)
        *m = 0;
    return status;
}

/*
 * Trains on the frame whose lanes were found: draws samples (if K > 0), computes the
 * frame, and updates the model if there are T frames now. At last asks the hook poll.
 * Returns the status of flush().
 */
static gru4rec_status train_step(epoch_loop *loop, gru4rec_epoch *epoch,
                                 gru4rec_error *error)
{
    gru4rec_status status = GRU4REC_OK;
    if (loop->options->n_sample > 0)
        g4r_sampler_draw(&loop->sampler, loop->samples, (size_t)loop->options->n_sample);
    g4r_step_forward(&loop->step, loop->lanes.all, loop->samples);
    if (g4r_step_is_full(&loop->step))
        status = flush(loop, epoch, error);
    if (status == GRU4REC_OK)
        is_stopped(loop);
    return status;
}

/* Copies the values of all tensors from one model to another of the same shape. */
static void copy_values(gru4rec_model *to, const gru4rec_model *from)
{
    for (size_t i = 0; i < to->params.n; i++)
        memcpy(to->values[i], from->values[i],
               g4r_param_size(&to->params.list[i]) * sizeof(g4r_real));
}

/*
 * Makes this epoch the best one so far (best_epoch and best_mrr of the loop) if it is the
 * first one, or if its MRR is above that of the best one before. With an equal MRR the
 * earlier epoch stays the best. An MRR that is NaN is below all others. Without
 * validation, every epoch becomes the best one.
 */
static void note_epoch(epoch_loop *loop, const gru4rec_epoch *epoch)
{
    const double mrr = isnan(epoch->mrr) ? -1 : epoch->mrr;
    if (loop->is_validated && loop->best_epoch > 0 && mrr <= loop->best_mrr)
        return;
    loop->best_epoch = epoch->epoch;
    loop->best_mrr = mrr;
}

/*
 * Begins the epoch with this number: starts its random numbers, shuffles the sessions if
 * option train_random_order is set, goes back to the first step of the schedules, and
 * sets loop->progress to the start of this epoch. The random numbers depend only on the
 * seed and the epoch, so a training can go on from any epoch.
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
    g4r_lanes_start(&loop->lanes, number);
}

/*
 * Checks the model after an epoch, and measures it if there is validation: sets *recall
 * and *mrr then. DIVERGED: a weight is not finite. Or returns the status of the hook
 * validate.
 */
static gru4rec_status measure(epoch_loop *loop, double *recall, double *mrr,
                              gru4rec_error *error)
{
    const gru4rec_hooks *hooks = loop->hooks;
    const char *name = gru4rec_model_nonfinite(loop->training->model);
    if (name != NULL)
        return fail_diverged(loop, name, error);
    if (!loop->is_validated)
        return GRU4REC_OK;
    return hooks->validate(hooks->context, loop->training->model, recall, mrr, error);
}

/*
 * Ends an epoch. Makes its last update, if frames are left, and measures the model. Turns
 * the sums loss and cost of *epoch into means, and sets its other fields; recall and mrr
 * are those of rank 0. Returns the status of flush(), measure() or g4r_exchange_vote().
 */
static gru4rec_status end_epoch(epoch_loop *loop, gru4rec_epoch *epoch,
                                gru4rec_error *error)
{
    g4r_exchange_ballot ballot = {.recall = NAN, .mrr = NAN};
    gru4rec_status status = flush(loop, epoch, error);
    if (status != GRU4REC_OK)
        return status;
    assert(epoch->events > 0); /* check_data() has seen to it */
    ballot.status = measure(loop, &ballot.recall, &ballot.mrr, error);
    ballot.checksum =
        g4r_exchange_checksum(&loop->exchange, loop->training, epoch->epoch);
    status = g4r_exchange_vote(&loop->exchange, &ballot, error);
    epoch->loss /= (double)epoch->events;
    epoch->cost /= (double)epoch->events;
    epoch->updates = loop->training->updates;
    epoch->recall = loop->exchange.ballots[0].recall;
    epoch->mrr = loop->exchange.ballots[0].mrr;
    return status;
}

/*
 * Notes an epoch that has ended, if it is the best one so far. With validation, the
 * weights of such an epoch are copied into the slot "best". Then calls the hook epoch, if
 * there is one. INTERRUPTED: it says stop, here or on another rank.
 */
static gru4rec_status report(epoch_loop *loop, const gru4rec_epoch *epoch,
                             gru4rec_error *error)
{
    const gru4rec_hooks *hooks = loop->hooks;
    g4r_exchange_ballot ballot = {.status = GRU4REC_OK};
    note_epoch(loop, epoch);
    if (loop->is_validated && loop->best_epoch == epoch->epoch)
        copy_values(loop->training->slot[GRU4REC_SLOT_BEST], loop->training->model);
    if (hooks->epoch != NULL && hooks->epoch(hooks->context, epoch) != 0)
        ballot.status = fail_interrupted(error);
    return g4r_exchange_vote(&loop->exchange, &ballot, error);
}

/*
 * Trains the epoch with this number, and reports it. After an error before its end, the
 * epoch is neither noted nor passed to the hook epoch.
 */
static gru4rec_status train_epoch(epoch_loop *loop, int64_t number, gru4rec_error *error)
{
    gru4rec_epoch epoch = {.epoch = number};
    gru4rec_status status;
    size_t m;
    start_epoch(loop, number);
    do {
        status = find_frame(loop, &epoch, &m, error);
        if (status == GRU4REC_OK && m > 0)
            status = train_step(loop, &epoch, error);
    } while (status == GRU4REC_OK && m > 0);
    if (status == GRU4REC_OK)
        status = end_epoch(loop, &epoch, error);
    return status == GRU4REC_OK ? report(loop, &epoch, error) : status;
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
    };
    assert(!loop.is_validated || loop.hooks->validate != NULL);
    loop.progress.n_epochs = options->n_epochs;
    for (size_t i = 0; i < n_done; i++)
        note_epoch(&loop, &done[i]);
    const bool has_entered = g4r_blas_enter();
    gru4rec_status status =
        start(&loop, dataset, support, (int64_t)n_done, has_entered, error);
    int64_t epoch = (int64_t)n_done;
    while (status == GRU4REC_OK && epoch < options->n_epochs &&
           !is_patience_over(&loop, epoch))
        status = train_epoch(&loop, ++epoch, error);
    if (status == GRU4REC_OK && loop.is_validated && loop.best_epoch != epoch)
        copy_values(training->model, training->slot[GRU4REC_SLOT_BEST]);
    if (best_epoch != NULL)
        *best_epoch = loop.best_epoch;
    finish(&loop);
    if (has_entered)
        g4r_blas_leave();
    return status;
}

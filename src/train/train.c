/*
 * train.c - trains a model epoch by epoch; see gru4rec_train() in gru4rec.h.
 *
 * trainer.h trains the steps of an epoch, and sync.h says when the groups of a training
 * exchange what they have learned. After each epoch the loop here checks that all
 * weights are finite. If there is validation, it then lets a hook measure the model,
 * and keeps the weights of the best epoch. At last it calls the hook epoch.
 *
 * If other processes train along (hooks->ranks), each has one group, and they exchange
 * their lanes, sums and decisions (exchange.h). Whether to stop is decided in these
 * exchanges only, also if there is one process: so all ranks stop at the same point.
 */
#include "../kernels/blas.h"
#include "../base/fail.h"
#include "sync.h"

/* What gru4rec_train() works with, from its first epoch to its last. */
typedef struct epoch_loop {
    gru4rec_training *training;
    const gru4rec_options *options;
    const gru4rec_hooks *hooks;
    g4r_exchange exchange;
    g4r_watch watch;
    g4r_sync sync;
    /*
     * Option validation is above 0: the result has the weights of the best epoch, and
     * the hook validate measures each epoch. If false, the result has the weights of
     * the last epoch.
     */
    bool is_validated;
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
    g4r_params_init(&params, options, n_items);
    const size_t side = longest_side(&params, options, plan.n_groups);
    size_t bytes = g4r_add(gru4rec_training_bytes(options, n_items),
                           g4r_sync_bytes(&params, options, n_sessions, ranks));
    bytes = g4r_add(bytes, g4r_exchange_bytes(ranks));
    return g4r_add(bytes, g4r_mul(g4r_step_threads(options), g4r_blas_bytes(side)));
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
        .n_lanes = g4r_sync_lanes(&loop->sync),
    };
}

/*
 * Checks the data, and allocates what the epochs need; has_entered: this thread has
 * entered BLAS. INVALID: g4r_sync_init() or check_data() refused the data, or the ranks
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
        status = g4r_sync_init(&loop->sync, loop->training, dataset, loop->options,
                               &loop->exchange, &loop->watch, error);
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
    loop->watch.progress.total_events = total.n_targets;
    status = g4r_sync_open(&loop->sync, support, (size_t)total.n_lanes, error);
    ballot = (g4r_exchange_ballot){.status = status};
    status = g4r_exchange_vote(&loop->exchange, &ballot, error);
    if (status == GRU4REC_OK && !loop->sync.is_apart)
        g4r_exchange_lend(&loop->exchange, &loop->sync.trainers[0].step);
    return status;
}

/*
 * Ends the threads, and frees all that start() allocated; accepts what start() has left
 * after an error.
 */
static void finish(epoch_loop *loop)
{
    g4r_sync_free(&loop->sync);
    g4r_exchange_free(&loop->exchange);
}

/* Copies the values of all tensors from one model to another of the same shape. */
static void copy_values(gru4rec_model *to, const gru4rec_model *from)
{
    for (size_t i = 0; i < to->params.n; i++)
        memcpy(to->values[i], from->values[i],
               g4r_param_size(&to->params.list[i]) * sizeof(g4r_real));
}

/*
 * Makes this epoch the best one so far (best_epoch and best_mrr of the loop) if it is
 * the first one, or if its MRR is above that of the best one before. With an equal MRR
 * the earlier epoch stays the best. An MRR that is NaN is below all others. Without
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

/* Sets the progress to the start of the epoch with this number. */
static void start_epoch(epoch_loop *loop, int64_t number)
{
    gru4rec_progress *progress = &loop->watch.progress;
    progress->epoch = number;
    progress->step = 0;
    progress->events = 0;
    progress->loss = NAN;
    loop->watch.loss = 0;
}

/*
 * Checks the model after an epoch, and measures it if there is validation: sets *recall
 * and *mrr then. INTERRUPTED: the hook poll has said stop after the last merge. DIVERGED:
 * a weight is not finite. Or returns the status of the hook validate.
 */
static gru4rec_status measure(epoch_loop *loop, double *recall, double *mrr,
                              gru4rec_error *error)
{
    const gru4rec_hooks *hooks = loop->hooks;
    const char *name = gru4rec_model_nonfinite(loop->training->model);
    if (loop->watch.is_stopped)
        return g4r_trainer_fail_interrupted(error);
    if (name != NULL)
        return g4r_trainer_fail_diverged(&loop->watch, name, error);
    if (!loop->is_validated)
        return GRU4REC_OK;
    return hooks->validate(hooks->context, loop->training->model, recall, mrr, error);
}

/*
 * Ends an epoch: measures the model, turns the sums loss and cost of *epoch into means,
 * and sets its other fields; recall and mrr are those of rank 0. Returns the status of
 * measure() or g4r_exchange_vote().
 */
static gru4rec_status end_epoch(epoch_loop *loop, gru4rec_epoch *epoch,
                                gru4rec_error *error)
{
    g4r_exchange_ballot ballot = {.recall = NAN, .mrr = NAN};
    assert(epoch->events > 0); /* check_data() has seen to it */
    ballot.status = measure(loop, &ballot.recall, &ballot.mrr, error);
    ballot.checksum =
        g4r_exchange_checksum(&loop->exchange, loop->training, epoch->epoch);
    gru4rec_status status = g4r_exchange_vote(&loop->exchange, &ballot, error);
    epoch->loss /= (double)epoch->events;
    epoch->cost /= (double)epoch->events;
    epoch->updates = loop->training->updates;
    epoch->recall = loop->exchange.ballots[0].recall;
    epoch->mrr = loop->exchange.ballots[0].mrr;
    return status;
}

/*
 * Notes an epoch that has ended, if it is the best one so far. With validation, the
 * weights of such an epoch are copied into the slot "best". Then calls the hook epoch,
 * if there is one. INTERRUPTED: it says stop, here or on another rank.
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
        ballot.status = g4r_trainer_fail_interrupted(error);
    return g4r_exchange_vote(&loop->exchange, &ballot, error);
}

/*
 * Trains the epoch with this number, and reports it. After an error before its end, the
 * epoch is neither noted nor passed to the hook epoch.
 */
static gru4rec_status train_epoch(epoch_loop *loop, int64_t number, gru4rec_error *error)
{
    gru4rec_epoch epoch = {.epoch = number};
    start_epoch(loop, number);
    gru4rec_status status = g4r_sync_epoch(&loop->sync, &epoch, error);
    if (status == GRU4REC_OK)
        status = end_epoch(loop, &epoch, error);
    return status == GRU4REC_OK ? report(loop, &epoch, error) : status;
}

/*
 * Tells whether training should stop after this epoch, because the best epoch so far is
 * at least options->patience epochs before it. If patience is 0, it always returns
 * false.
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
    loop.watch.hooks = loop.hooks;
    assert(!loop.is_validated || loop.hooks->validate != NULL);
    loop.watch.progress.n_epochs = options->n_epochs;
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

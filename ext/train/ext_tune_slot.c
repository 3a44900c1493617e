/*
 * ext_tune_slot.c - trains the trials of a tuning side by side in threads; see
 * ext_tune.h.
 *
 * Each slot has a worker (ext_worker.c). A trial is trained there from scratch and then
 * measured, in memory of its own budget. The caller's thread does all SQL: it gives out
 * trials, writes their results, and looks for interrupts. If a trial runs in the caller's
 * thread, because no other can be started, its hook does the looking.
 */
#define _POSIX_C_SOURCE 199309L
#include "ext_tune.h"

#include <time.h>

/* ---- progress ---- */

int64_t ext_tune_slot_events(const ext_tuning *tuning)
{
    int64_t n = 0;
    for (int i = 0; i < tuning->n_slots; i++)
        if (tuning->slots[i].is_busy)
            n += atomic_load(&tuning->slots[i].n_events);
    return n;
}

/*
 * Updates the progress line. The line counts events: those that finished trials were
 * trained on, and those of trials under way so far. Trials take different times, so what
 * the line shows as one trial is the mean number of events of a trial. The figure is
 * tuning->best.
 */
static void show(ext_tuning *tuning)
{
    const gru4rec_dataset *dataset = tuning->data.events.dataset;
    const int64_t n_trials = tuning->request.base.trials;
    const int64_t per_epoch = dataset->n_events - dataset->n_sessions;
    /* All epochs of the search, and of the report, which trains two trials once more. */
    const int64_t n_epochs =
        gru4rec_tune_epochs(tuning->search) + 2 * tuning->request.train.options.n_epochs;
    const int64_t all = n_epochs * per_epoch;
    const int64_t each = all / n_trials > 0 ? all / n_trials : 1;
    const int64_t n =
        tuning->n_events + tuning->n_elsewhere + ext_tune_slot_events(tuning);
    const int64_t trial = n / each < n_trials ? n / each : n_trials - 1;
    const int64_t rest = n - trial * each;
    const gru4rec_progress progress = {.epoch = trial + 1,
                                       .n_epochs = n_trials,
                                       .events = rest < each ? rest : each,
                                       .total_events = each,
                                       .loss = tuning->best};
    ext_progress_show(&tuning->progress, &progress);
}

bool ext_tune_slot_wait(ext_tuning *tuning)
{
    /* After the moment all ranks exchange something, which costs each of them more. */
    const bool is_alone = ext_ranks_hooks(&tuning->ranks) == NULL;
    const struct timespec moment = {.tv_nsec = is_alone ? 2000000 : 10000000};
    nanosleep(&moment, NULL);
    show(tuning);
    return ext_poll_check(&tuning->poll);
}

/* ---- a trial ---- */

/*
 * Hook poll of a trial: returns true if the trial must stop (is_ended). If the trial runs
 * in the caller's thread, also updates the progress line, and if the user interrupts,
 * tells all trials to stop.
 */
static int on_poll(void *context, const gru4rec_progress *progress)
{
    ext_tune_slot *slot = context;
    ext_tuning *tuning = slot->tuning;
    (void)progress;
    if (!slot->worker.is_threaded) {
        show(tuning);
        if (ext_poll_check(&tuning->poll))
            atomic_store(&tuning->is_ended, true);
    }
    return atomic_load(&tuning->is_ended);
}

/*
 * Hook poll while the trial is trained: sets slot->n_events to the events that the trial
 * was trained on so far, then does the same as on_poll().
 */
static int on_step(void *context, const gru4rec_progress *progress)
{
    ext_tune_slot *slot = context;
    const gru4rec_dataset *dataset = slot->tuning->data.events.dataset;
    const int64_t per_epoch = dataset->n_events - dataset->n_sessions;
    atomic_store(&slot->n_events, (progress->epoch - 1) * per_epoch + progress->events);
    return on_poll(context, progress);
}

/*
 * Trains the trial of the slot from random weights, in memory of the slot's budget. The
 * weights are then in training. The caller frees training with gru4rec_training_free(),
 * also after a failure. Returns the status of the library; slot->message tells why it is
 * not OK.
 */
static gru4rec_status train(ext_tune_slot *slot, gru4rec_training *training)
{
    const ext_events *events = &slot->tuning->data.events;
    const gru4rec_hooks hooks = {.poll = on_step, .context = slot};
    gru4rec_status status = gru4rec_training_new(&slot->budget.allocator, &slot->options,
                                                 gru4rec_items_count(events->items),
                                                 training, &slot->message);
    if (status != GRU4REC_OK)
        return status;
    gru4rec_model_init(training->model, &slot->options);
    return gru4rec_train(training, events->dataset, gru4rec_items_support(events->items),
                         &slot->options, NULL, 0, &hooks, NULL, &slot->message);
}

/*
 * Measures the model on slot->test, at the cut-off of option objective, into
 * slot->metrics; with the trial's blend, if it has one. Fills slot->places if it is not
 * NULL. Returns the status of the library; slot->message tells why it is not OK.
 */
static gru4rec_status measure(ext_tune_slot *slot, const gru4rec_model *model)
{
    const ext_events *events = &slot->tuning->data.events;
    const gru4rec_hooks hooks = {.poll = on_poll, .context = slot};
    const gru4rec_options options = {
        .cutoffs = {1, {slot->tuning->request.base.objective.k}},
        .mode = GRU4REC_CONSERVATIVE};
    const gru4rec_blend blend = {slot->tuning->neighbours, slot->options.blend,
                                 (int32_t)slot->options.state_items};
    const gru4rec_evaluation what = {.model = model,
                                     .support = gru4rec_items_support(events->items),
                                     .test = slot->test,
                                     .blend = blend.strength > 0 ? &blend : NULL,
                                     .places = slot->places};
    return gru4rec_evaluate(&slot->budget.allocator, &what, &options, &hooks,
                            slot->metrics, &slot->message);
}

/*
 * Job of a worker: trains the trial of the slot, measures it if that succeeded, and sets
 * slot->status and slot->seconds. Frees the trained weights. context: the slot. i is not
 * used.
 */
static void work(void *context, size_t i)
{
    ext_tune_slot *slot = context;
    gru4rec_training training = {0};
    const double start = ext_poll_seconds();
    (void)i;
    slot->status = train(slot, &training);
    if (slot->status == GRU4REC_OK)
        slot->status = measure(slot, training.model);
    gru4rec_training_free(&training);
    slot->seconds = ext_poll_seconds() - start;
}

/* ---- slots ---- */

void ext_tune_slot_start(ext_tuning *tuning, int n)
{
    for (; tuning->n_slots < n; tuning->n_slots++) {
        ext_tune_slot *slot = &tuning->slots[tuning->n_slots];
        *slot = (ext_tune_slot){.tuning = tuning};
        ext_worker_start(&slot->worker, work, slot, true);
        /*
         * Trials run in the caller's thread, one at a time, so one such slot is enough.
         */
        if (!slot->worker.is_threaded) {
            tuning->n_slots++;
            return;
        }
    }
}

void ext_tune_slot_stop(ext_tuning *tuning)
{
    atomic_store(&tuning->is_ended, true);
    for (int i = 0; i < tuning->n_slots; i++)
        ext_worker_finish(&tuning->slots[i].worker);
    tuning->n_slots = 0;
}

/* Returns a + b, or UINT64_MAX if the sum is larger than that. */
static uint64_t add_bytes(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

uint64_t ext_tune_slot_bytes(const ext_tuning *tuning, const gru4rec_options *options)
{
    const ext_events *events = &tuning->data.events;
    const int32_t n_items = gru4rec_items_count(events->items);
    gru4rec_options most = *options;
    most.threads = tuning->n_threads;
    most.cutoffs = (gru4rec_list){1, {tuning->request.base.objective.k}};
    const uint64_t n =
        add_bytes(gru4rec_train_bytes(&most, n_items, events->dataset->n_sessions),
                  gru4rec_evaluate_bytes(&most, n_items, events->dataset->validation));
    return options->blend > 0
               ? add_bytes(n, ext_train_blend_measure_bytes(&tuning->data, &most))
               : n;
}

/* Returns how many threads the trials in busy slots use together. */
static int count_threads(const ext_tuning *tuning)
{
    int n = 0;
    for (int i = 0; i < tuning->n_slots; i++)
        n += tuning->slots[i].is_busy ? (int)tuning->slots[i].options.threads : 0;
    return n;
}

ext_tune_slot *ext_tune_slot_find(ext_tuning *tuning, uint64_t n_bytes, int64_t *n_free)
{
    ext_error refusal = {0};
    ext_tune_slot *slot = NULL;
    const int n_threads = count_threads(tuning);
    *n_free = tuning->n_threads - n_threads;
    for (int i = 0; slot == NULL && n_threads < tuning->n_threads && i < tuning->n_slots;
         i++)
        if (!tuning->slots[i].is_busy)
            slot = &tuning->slots[i];
    if (slot != NULL &&
        ext_budget_check(&tuning->data.budget, add_bytes(tuning->n_granted, n_bytes), "",
                         "", &refusal) != SQLITE_OK)
        slot = NULL;
    ext_error_clear(&refusal);
    return slot;
}

void ext_tune_slot_run(ext_tune_slot *slot, uint64_t n_bytes, int64_t n_waiting)
{
    ext_tuning *tuning = slot->tuning;
    const int n_free = tuning->n_threads - count_threads(tuning);
    const int64_t share = n_free / (n_waiting > 0 ? n_waiting : 1);
    slot->options.threads = share > 1 ? share : 1;
    slot->granted = n_bytes;
    slot->metrics[0] = slot->metrics[1] = (gru4rec_metrics){0};
    slot->message = (gru4rec_error){0};
    atomic_store(&slot->n_events, 0);
    ext_budget_start(&slot->budget, (int64_t)n_bytes);
    tuning->n_granted += n_bytes;
    slot->is_busy = true;
    ext_worker_ready(&slot->worker, ++slot->n_jobs);
}

ext_tune_slot *ext_tune_slot_finished(ext_tuning *tuning)
{
    for (int i = 0; i < tuning->n_slots; i++) {
        ext_tune_slot *slot = &tuning->slots[i];
        if (!slot->is_busy || !ext_worker_is_idle(&slot->worker))
            continue;
        slot->is_busy = false;
        tuning->n_granted -= slot->granted;
        return slot;
    }
    return NULL;
}

double ext_tune_slot_objective(const ext_tuning *tuning, const gru4rec_metrics *metrics)
{
    const double values[] = {[GRU4REC_MEASURE_RECALL] = metrics->recall,
                             [GRU4REC_MEASURE_MRR] = metrics->mrr,
                             [GRU4REC_MEASURE_NDCG] = metrics->ndcg};
    return values[tuning->request.base.objective.measure];
}

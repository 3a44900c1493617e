/* trainer.c - trains one copy of the model, step by step; see trainer.h. */
#include "trainer.h"

#include "../base/fail.h"

bool g4r_trainer_is_stopped(void *context)
{
    g4r_watch *watch = context;
    const gru4rec_hooks *hooks = watch->hooks;
    if (!watch->is_stopped && hooks->poll != NULL)
        watch->is_stopped = hooks->poll(hooks->context, &watch->progress) != 0;
    return watch->is_stopped;
}

gru4rec_status g4r_trainer_fail_interrupted(gru4rec_error *error)
{
    return g4r_fail(error, GRU4REC_INTERRUPTED, "interrupted");
}

gru4rec_status g4r_trainer_fail_diverged(const g4r_watch *watch, const char *what,
                                         gru4rec_error *error)
{
    return g4r_fail(error, GRU4REC_DIVERGED,
                    "training diverged: %s is not finite after step %lld of epoch %lld; "
                    "use a smaller learning_rate or momentum",
                    what, (long long)watch->progress.step,
                    (long long)watch->progress.epoch);
}

/* ---- set up ---- */

gru4rec_status g4r_trainer_open(g4r_trainer *trainer, const int64_t *support,
                                gru4rec_error *error)
{
    const gru4rec_options *options = trainer->options;
    const gru4rec_allocator *allocator = &trainer->training->model->allocator;
    const g4r_stop stop = {g4r_trainer_is_stopped, trainer->watch};
    gru4rec_status status = g4r_step_init(&trainer->step, trainer->training, support,
                                          options, &trainer->lanes.plan, stop, error);
    if (status != GRU4REC_OK || options->n_sample <= 0)
        return status;
    const size_t n_samples = (size_t)options->n_sample;
    trainer->samples = g4r_alloc(allocator, n_samples, sizeof *trainer->samples);
    if (trainer->samples == NULL)
        return g4r_fail_nomem(error, n_samples * sizeof *trainer->samples);
    if (!g4r_sampler_init(&trainer->sampler, support, trainer->step.n_seen,
                          options->sample_alpha, allocator))
        return g4r_fail_nomem(error, g4r_sampler_bytes((size_t)trainer->step.n_seen));
    return GRU4REC_OK;
}

void g4r_trainer_free(g4r_trainer *trainer)
{
    if (trainer->training == NULL)
        return;
    const gru4rec_allocator *allocator = &trainer->training->model->allocator;
    g4r_step_free(&trainer->step);
    g4r_sampler_free(&trainer->sampler);
    g4r_alloc_free(allocator, trainer->samples);
    g4r_lanes_free(&trainer->lanes);
}

size_t g4r_trainer_bytes(const g4r_params *params, const gru4rec_options *options,
                         const g4r_step_plan *plan)
{
    const size_t n_samples = (size_t)G4R_MAX(options->n_sample, 0);
    size_t bytes = g4r_step_bytes(params, options, plan);
    if (n_samples > 0)
        bytes = g4r_add(bytes, g4r_sampler_bytes((size_t)params->n_items));
    return g4r_add(bytes, n_samples * sizeof(int32_t));
}

void g4r_trainer_start(g4r_trainer *trainer, int64_t epoch, int64_t part)
{
    const int64_t stream = g4r_rng_part(epoch, part);
    trainer->sums = (gru4rec_epoch){0};
    trainer->is_over = false;
    g4r_step_start(&trainer->step, stream);
    g4r_sampler_start(&trainer->sampler, trainer->options->seed, stream);
    g4r_lanes_start(&trainer->lanes, epoch);
}

/* ---- steps ---- */

/*
 * Adds a step of m lanes, its events and its loss to the sums and to the progress. If
 * fewer than half of the first step's lanes are live, also counts it in narrow.
 * DIVERGED: the loss is not finite.
 */
static gru4rec_status add_step(g4r_trainer *trainer, int64_t m, double loss,
                               gru4rec_error *error)
{
    const g4r_step_plan *plan = &trainer->lanes.plan;
    gru4rec_epoch *sums = &trainer->sums;
    g4r_watch *watch = trainer->watch;
    sums->steps++;
    sums->narrow += 2 * m < (int64_t)plan->most_lanes;
    sums->events += m;
    sums->loss += loss;
    sums->cost += loss / ((double)plan->n_groups * (double)trainer->options->batch_size) *
                  (double)m;
    watch->loss += loss;
    watch->progress.step++;
    watch->progress.events += m;
    watch->progress.loss = watch->loss / (double)watch->progress.events;
    GRU4REC_TRACE(4, "step %lld: %lld lanes, loss %g", (long long)watch->progress.step,
                  (long long)m, loss);
    return isfinite(loss) ? GRU4REC_OK
                          : g4r_trainer_fail_diverged(watch, "the loss", error);
}

/*
 * Makes an update with the frames since the last one: propagates the gradients back
 * through them, exchanges the sums, adds the steps to the trainer's sums, and updates
 * the model. Does nothing if there are no such frames. INTERRUPTED: the hook poll has
 * said stop, here or on another rank. DIVERGED: a loss is not finite. The model is not
 * updated then.
 */
static gru4rec_status flush(g4r_trainer *trainer, gru4rec_error *error)
{
    g4r_step *step = &trainer->step;
    if (step->common.n_frames == 0)
        return GRU4REC_OK;
    g4r_step_backward(step);
    bool stop = trainer->watch->is_stopped;
    gru4rec_status status = g4r_exchange_sum(trainer->exchange, step, &stop, error);
    if (status == GRU4REC_OK && stop)
        status = g4r_trainer_fail_interrupted(error);
    for (size_t i = 0; status == GRU4REC_OK && i < step->common.n_frames; i++)
        status =
            add_step(trainer, (int64_t)step->common.frames[i].m, step->losses[i], error);
    if (status == GRU4REC_OK)
        g4r_step_update(step);
    return status;
}

/*
 * Finds the lanes of all groups, and sets *m to their number; begins as in
 * g4r_lanes_find(). INTERRUPTED: the hook poll has said stop, here or on another rank.
 */
static gru4rec_status gather_lanes(g4r_trainer *trainer, bool begins, size_t *m,
                                   gru4rec_error *error)
{
    g4r_lanes *lanes = &trainer->lanes;
    bool stop = trainer->watch->is_stopped;
    *m = 0;
    g4r_lanes_find(lanes, begins);
    gru4rec_status status =
        g4r_exchange_gather(trainer->exchange, lanes->all, &stop, error);
    if (status == GRU4REC_OK && stop)
        status = g4r_trainer_fail_interrupted(error);
    for (size_t i = 0; status == GRU4REC_OK && i < lanes->plan.n_groups; i++)
        *m += (size_t)lanes->all[i].n;
    return status;
}

/*
 * Finds the lanes of the next frame, and sets *m to their number; 0: the epoch is over.
 * With whole_sessions, once no lane is live, first updates the model with the frames
 * before, and then all lanes begin new sessions. Without samples, the epoch is over
 * when fewer than two lanes are live, because a single one has no negatives. Returns
 * the status of gather_lanes() or flush().
 */
static gru4rec_status find_frame(g4r_trainer *trainer, size_t *m, gru4rec_error *error)
{
    const size_t least = trainer->options->n_sample == 0 ? 2 : 1;
    gru4rec_status status = gather_lanes(trainer, false, m, error);
    if (status == GRU4REC_OK && *m == 0 && trainer->options->whole_sessions) {
        status = flush(trainer, error);
        if (status == GRU4REC_OK)
            status = gather_lanes(trainer, true, m, error);
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
static gru4rec_status train_step(g4r_trainer *trainer, gru4rec_error *error)
{
    const size_t n_samples = (size_t)G4R_MAX(trainer->options->n_sample, 0);
    gru4rec_status status = GRU4REC_OK;
    if (n_samples > 0)
        g4r_sampler_draw(&trainer->sampler, trainer->samples, n_samples);
    g4r_step_forward(&trainer->step, trainer->lanes.all, trainer->samples);
    if (g4r_step_is_full(&trainer->step))
        status = flush(trainer, error);
    if (status == GRU4REC_OK)
        g4r_trainer_is_stopped(trainer->watch);
    return status;
}

gru4rec_status g4r_trainer_run(g4r_trainer *trainer, int64_t n_updates,
                               gru4rec_error *error)
{
    const int64_t end = trainer->training->updates + n_updates;
    gru4rec_status status = GRU4REC_OK;
    while (status == GRU4REC_OK && !trainer->is_over &&
           trainer->training->updates < end) {
        size_t m;
        status = find_frame(trainer, &m, error);
        if (status != GRU4REC_OK)
            return status;
        trainer->is_over = m == 0;
        status = m > 0 ? train_step(trainer, error) : flush(trainer, error);
    }
    return status;
}

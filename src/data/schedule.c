/* schedule.c - see schedule.h. */
#include "schedule.h"

bool g4r_schedule_init(g4r_schedule *schedule, const gru4rec_dataset *dataset,
                       int64_t n_lanes, bool needs_contrast,
                       const gru4rec_allocator *allocator)
{
    memset(schedule, 0, sizeof *schedule);
    schedule->dataset = dataset;
    schedule->needs_contrast = needs_contrast;
    schedule->allocator = *allocator;
    size_t n = (size_t)G4R_MIN(G4R_MIN(n_lanes, dataset->n_sessions), INT32_MAX);
    schedule->n_lanes = (int32_t)n;
    schedule->input = g4r_alloc(allocator, n, sizeof *schedule->input);
    schedule->target = g4r_alloc(allocator, n, sizeof *schedule->target);
    schedule->from = g4r_alloc(allocator, n, sizeof *schedule->from);
    schedule->session = g4r_alloc(allocator, n, sizeof *schedule->session);
    schedule->position = g4r_alloc(allocator, n, sizeof *schedule->position);
    schedule->end = g4r_alloc(allocator, n, sizeof *schedule->end);
    if (schedule->input == NULL || schedule->target == NULL || schedule->from == NULL ||
        schedule->session == NULL || schedule->position == NULL ||
        schedule->end == NULL) {
        g4r_schedule_free(schedule);
        return false;
    }
    g4r_schedule_start(schedule);
    return true;
}

void g4r_schedule_free(g4r_schedule *schedule)
{
    const gru4rec_allocator *allocator = &schedule->allocator;
    g4r_free(allocator, schedule->input);
    g4r_free(allocator, schedule->target);
    g4r_free(allocator, schedule->from);
    g4r_free(allocator, schedule->session);
    g4r_free(allocator, schedule->position);
    g4r_free(allocator, schedule->end);
    g4r_free(allocator, schedule->order);
    schedule->order = NULL;
    schedule->input = NULL;
    schedule->target = NULL;
    schedule->from = NULL;
    schedule->session = NULL;
    schedule->position = NULL;
    schedule->end = NULL;
}

static void take_session(g4r_schedule *schedule, int32_t lane, int64_t session)
{
    const int64_t *offsets = schedule->dataset->offsets;
    if (schedule->order != NULL)
        session = schedule->order[session];
    schedule->session[lane] = session;
    schedule->position[lane] = offsets[session];
    schedule->end[lane] = offsets[session + 1];
    schedule->from[lane] = -1;
}

bool g4r_schedule_shuffle(g4r_schedule *schedule, g4r_rng *rng)
{
    int64_t n = schedule->dataset->n_sessions;
    if (schedule->order == NULL) {
        schedule->order =
            g4r_alloc(&schedule->allocator, (size_t)n, sizeof *schedule->order);
    }
    for (int64_t i = 0; schedule->order != NULL && i < n; i++)
        schedule->order[i] = i;
    for (int64_t i = n - 1; schedule->order != NULL && i > 0; i--) {
        int64_t j = (int64_t)g4r_rng_below(rng, (uint64_t)i + 1),
                kept = schedule->order[i];
        schedule->order[i] = schedule->order[j];
        schedule->order[j] = kept;
    }
    return schedule->order != NULL;
}

void g4r_schedule_start(g4r_schedule *schedule)
{
    schedule->n_live = schedule->n_lanes;
    schedule->next = schedule->n_lanes;
    schedule->is_started = false;
    for (int32_t lane = 0; lane < schedule->n_live; lane++)
        take_session(schedule, lane, lane);
}

/* Has the lane an event to feed and one to predict? */
static bool has_step(const g4r_schedule *schedule, int32_t lane)
{
    return schedule->end[lane] - schedule->position[lane] > 1;
}

/* All lanes take the next sessions. True when some has but one event. */
static bool start_batch(g4r_schedule *schedule)
{
    int64_t left = schedule->dataset->n_sessions - schedule->next;
    bool is_again = false;
    schedule->n_live = (int32_t)G4R_MIN(schedule->n_lanes, left);
    for (int32_t lane = 0; lane < schedule->n_live; lane++) {
        take_session(schedule, lane, schedule->next++);
        is_again = is_again || !has_step(schedule, lane);
    }
    return is_again;
}

/*
 * One round of refilling: finished lanes take the next sessions in lane order, or retire,
 * and the others close ranks. True when some lane got a session of one event, which is
 * finished at once: then another round follows (algorithm 2.4).
 */
static bool refill(g4r_schedule *schedule)
{
    bool is_again = false;
    int32_t n = 0;
    for (int32_t lane = 0; lane < schedule->n_live; lane++) {
        if (has_step(schedule, lane)) {
            schedule->session[n] = schedule->session[lane];
            schedule->position[n] = schedule->position[lane];
            schedule->end[n] = schedule->end[lane];
            schedule->from[n] = schedule->from[lane];
        } else if (!schedule->is_whole &&
                   schedule->next < schedule->dataset->n_sessions) {
            take_session(schedule, n, schedule->next++);
            is_again = is_again || !has_step(schedule, n);
        } else {
            continue;
        }
        n++;
    }
    schedule->n_live = n;
    if (n > 0 || !schedule->is_whole)
        return is_again;
    schedule->is_new_batch = true;
    return start_batch(schedule);
}

bool g4r_schedule_next(g4r_schedule *schedule)
{
    bool is_refilled = false;
    schedule->is_new_batch = false;
    for (int32_t lane = 0; lane < schedule->n_live && schedule->is_started; lane++) {
        schedule->position[lane]++;
        schedule->from[lane] = lane;
    }
    schedule->is_started = true;
    for (int32_t lane = 0; lane < schedule->n_live && !is_refilled; lane++)
        is_refilled = !has_step(schedule, lane);
    for (bool is_again = is_refilled; is_again;) {
        is_again = refill(schedule);
        if (schedule->n_live == 1 && schedule->needs_contrast)
            schedule->n_live = 0;
    }
    for (int32_t lane = 0; lane < schedule->n_live; lane++) {
        schedule->input[lane] = schedule->dataset->item_rows[schedule->position[lane]];
        schedule->target[lane] =
            schedule->dataset->item_rows[schedule->position[lane] + 1];
    }
    return schedule->n_live > 0;
}

/* ---- the public face ---- */

struct gru4rec_schedule {
    g4r_schedule inner;
};

gru4rec_status gru4rec_schedule_new(const gru4rec_allocator *allocator,
                                    const gru4rec_dataset *dataset,
                                    const gru4rec_options *options,
                                    gru4rec_schedule **out)
{
    if (allocator == NULL)
        allocator = &g4r_libc_allocator;
    *out = g4r_alloc(allocator, 1, sizeof **out);
    if (*out != NULL && !g4r_schedule_init(&(*out)->inner, dataset, options->batch_size,
                                           options->n_sample == 0, allocator)) {
        g4r_free(allocator, *out);
        *out = NULL;
    }
    if (*out != NULL)
        (*out)->inner.is_whole = options->whole_sessions;
    return *out != NULL ? GRU4REC_OK : GRU4REC_NOMEM;
}

void gru4rec_schedule_free(gru4rec_schedule *schedule)
{
    if (schedule == NULL)
        return;
    gru4rec_allocator allocator = schedule->inner.allocator;
    g4r_schedule_free(&schedule->inner);
    g4r_free(&allocator, schedule);
}

bool gru4rec_schedule_next(gru4rec_schedule *schedule, gru4rec_lanes *lanes)
{
    const g4r_schedule *inner = &schedule->inner;
    bool is_step = g4r_schedule_next(&schedule->inner);
    *lanes = (gru4rec_lanes){
        .n = inner->n_live,
        .session = inner->session,
        .input = inner->input,
        .target = inner->target,
        .from = inner->from,
    };
    return is_step;
}

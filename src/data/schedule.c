/* schedule.c - turns sessions into the mini-batches of an epoch; see schedule.h. */
#include "schedule.h"

g4r_schedule_plan g4r_schedule_planned(const gru4rec_options *options)
{
    return (g4r_schedule_plan){.n_lanes = options->batch_size,
                               .needs_contrast = options->n_sample == 0,
                               .is_whole = options->whole_sessions,
                               .is_shuffled = options->train_random_order};
}

size_t g4r_schedule_lanes(const g4r_schedule_plan *plan, int64_t n_sessions)
{
    return (size_t)G4R_MIN(G4R_MIN(plan->n_lanes, n_sessions), INT32_MAX);
}

/* Tells whether the plan visits the sessions of one group only. */
static bool is_divided(const g4r_schedule_plan *plan)
{
    return plan->n_groups > 1;
}

/*
 * Sets the pointers to the arrays of the schedule, which it carves from the schedule's
 * arena: for n_lanes lanes, and order for n_sessions. While the arena has no memory, it
 * only counts their bytes there.
 */
static void layout(g4r_schedule *schedule, const g4r_schedule_plan *plan, size_t n_lanes,
                   int64_t n_sessions)
{
    g4r_arena *arena = &schedule->arena;
    schedule->input = g4r_arena_take(arena, n_lanes, sizeof *schedule->input);
    schedule->target = g4r_arena_take(arena, n_lanes, sizeof *schedule->target);
    schedule->from = g4r_arena_take(arena, n_lanes, sizeof *schedule->from);
    schedule->session = g4r_arena_take(arena, n_lanes, sizeof *schedule->session);
    schedule->position = g4r_arena_take(arena, n_lanes, sizeof *schedule->position);
    if (plan->is_shuffled || is_divided(plan))
        schedule->order =
            g4r_arena_take(arena, (size_t)n_sessions, sizeof *schedule->order);
}

size_t g4r_schedule_bytes(const g4r_schedule_plan *plan, int64_t n_sessions)
{
    const size_t n_lanes = g4r_schedule_lanes(plan, n_sessions);
    size_t bytes = 0;
    /* The first one stands for the orders of all; the others have what they round up. */
    for (int32_t group = 0; group < G4R_MAX(plan->n_groups, 1); group++) {
        g4r_schedule schedule = {0};
        layout(&schedule, plan, n_lanes, group == 0 ? n_sessions : 1);
        bytes = g4r_add(bytes, g4r_arena_bytes(&schedule.arena));
    }
    return bytes;
}

/*
 * Fills schedule->order, the order in which sessions are visited, with all of them as the
 * dataset has them. Returns their number. If order is NULL, it only counts.
 */
static int64_t order_as_they_stand(g4r_schedule *schedule)
{
    const gru4rec_dataset *dataset = schedule->dataset;
    int64_t n = 0;
    for (int64_t s = 0; s < dataset->n_sessions; s++)
        if (!is_divided(&schedule->plan) || dataset->groups[s] == schedule->plan.group) {
            if (schedule->order != NULL)
                schedule->order[n] = s;
            n++;
        }
    return n;
}

bool g4r_schedule_init(g4r_schedule *schedule, const gru4rec_dataset *dataset,
                       const g4r_schedule_plan *plan, const gru4rec_allocator *allocator)
{
    *schedule =
        (g4r_schedule){.dataset = dataset, .plan = *plan, .allocator = *allocator};
    schedule->n_sessions = order_as_they_stand(schedule);
    const size_t n_lanes = g4r_schedule_lanes(plan, schedule->n_sessions);
    schedule->plan.n_lanes = (int64_t)n_lanes;
    layout(schedule, plan, n_lanes, schedule->n_sessions);
    if (!g4r_arena_allocate(&schedule->arena, allocator))
        return false;
    layout(schedule, plan, n_lanes, schedule->n_sessions);
    order_as_they_stand(schedule);
    return true;
}

void g4r_schedule_free(g4r_schedule *schedule)
{
    g4r_arena_free(&schedule->arena, &schedule->allocator);
}

void g4r_schedule_shuffle(g4r_schedule *schedule, int64_t seed, int64_t epoch)
{
    int64_t *order = schedule->order;
    g4r_rng rng;
    g4r_rng_seed(&rng, seed, G4R_STREAM_ORDER, epoch);
    order_as_they_stand(schedule);
    for (int64_t i = schedule->n_sessions - 1; i > 0; i--) {
        int64_t j = (int64_t)g4r_rng_below(&rng, (uint64_t)i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

void g4r_schedule_start(g4r_schedule *schedule)
{
    schedule->n_live = 0;
    schedule->next = 0;
}

/*
 * Puts the next session of the epoch into a lane, at its first event, and adds 1 to
 * schedule->next. Sets from of the lane to -1, so that its hidden state starts from zero.
 * There must be a session that was in no lane yet.
 */
static void fill_lane(g4r_schedule *schedule, int32_t lane)
{
    int64_t session = schedule->next++;
    if (schedule->order != NULL)
        session = schedule->order[session];
    schedule->session[lane] = session;
    schedule->position[lane] = schedule->dataset->offsets[session];
    schedule->from[lane] = -1;
}

/* Tells whether no lane has got a session in this epoch yet. */
static bool is_at_start(const g4r_schedule *schedule)
{
    return schedule->next == 0;
}

/*
 * Puts new sessions into all lanes, or into fewer if not so many sessions are left, and
 * sets n_live to the number of these lanes (0: no session is left).
 */
static void start_batch(g4r_schedule *schedule)
{
    int64_t left = schedule->n_sessions - schedule->next;
    schedule->n_live = (int32_t)G4R_MIN(schedule->plan.n_lanes, left);
    for (int32_t lane = 0; lane < schedule->n_live; lane++)
        fill_lane(schedule, lane);
}

/*
 * Tells whether the lane's session has two events from its position on: one to feed, one
 * to predict.
 */
static bool has_step(const g4r_schedule *schedule, int32_t lane)
{
    int64_t end = schedule->dataset->offsets[schedule->session[lane] + 1];
    return end - schedule->position[lane] > 1;
}

/* Tells whether each live lane has a step; true if no lane is live. */
static bool all_have_steps(const g4r_schedule *schedule)
{
    for (int32_t lane = 0; lane < schedule->n_live; lane++)
        if (!has_step(schedule, lane))
            return false;
    return true;
}

/*
 * Makes one round of refilling, and sets n_live to the number of lanes after it. In the
 * order of the lanes, each lane without a step (its session has ended) gets the next
 * session. If there is none, or with is_whole, the lane is removed, and the lanes behind
 * it move up. A session of one event has no step, so its lane is refilled in the next
 * round; the caller makes rounds until all lanes have a step.
 */
static void refill(g4r_schedule *schedule)
{
    int32_t n = 0;
    for (int32_t lane = 0; lane < schedule->n_live; lane++) {
        if (has_step(schedule, lane)) {
            schedule->session[n] = schedule->session[lane];
            schedule->position[n] = schedule->position[lane];
            schedule->from[n] = schedule->from[lane];
            n++;
        } else if (!schedule->plan.is_whole && schedule->next < schedule->n_sessions) {
            fill_lane(schedule, n++);
        }
    }
    schedule->n_live = n;
}

/*
 * Refills lanes until each live lane has a step, and fills the inputs and targets of this
 * step. Returns false if no lane is live.
 */
static bool find_step(g4r_schedule *schedule)
{
    const int32_t *rows = schedule->dataset->item_rows;
    while (!all_have_steps(schedule))
        refill(schedule);
    if (schedule->n_live == 1 && schedule->plan.needs_contrast)
        schedule->n_live = 0;
    for (int32_t lane = 0; lane < schedule->n_live; lane++) {
        schedule->input[lane] = rows[schedule->position[lane]];
        schedule->target[lane] = rows[schedule->position[lane] + 1];
    }
    return schedule->n_live > 0;
}

bool g4r_schedule_begin(g4r_schedule *schedule)
{
    bool has_step;
    do {
        start_batch(schedule);
        has_step = find_step(schedule);
    } while (!has_step && schedule->plan.is_whole &&
             schedule->next < schedule->n_sessions);
    return has_step;
}

bool g4r_schedule_next(g4r_schedule *schedule)
{
    if (is_at_start(schedule))
        return g4r_schedule_begin(schedule);
    for (int32_t lane = 0; lane < schedule->n_live; lane++) {
        schedule->position[lane]++;
        schedule->from[lane] = lane;
    }
    return find_step(schedule);
}

/* ---- public functions ---- */

gru4rec_status gru4rec_schedule_new(const gru4rec_allocator *allocator,
                                    const gru4rec_dataset *dataset,
                                    const gru4rec_options *options,
                                    gru4rec_schedule **out)
{
    g4r_schedule_plan plan = g4r_schedule_planned(options);
    plan.is_shuffled = false;
    if (allocator == NULL)
        allocator = &g4r_alloc_libc;
    *out = g4r_alloc(allocator, 1, sizeof **out);
    if (*out != NULL && g4r_schedule_init(*out, dataset, &plan, allocator))
        return GRU4REC_OK;
    g4r_alloc_free(allocator, *out);
    *out = NULL;
    return GRU4REC_NOMEM;
}

void gru4rec_schedule_free(gru4rec_schedule *schedule)
{
    if (schedule == NULL)
        return;
    gru4rec_allocator allocator = schedule->allocator;
    g4r_schedule_free(schedule);
    g4r_alloc_free(&allocator, schedule);
}

bool gru4rec_schedule_next(gru4rec_schedule *schedule, gru4rec_lanes *lanes)
{
    bool is_step = g4r_schedule_next(schedule) ||
                   (schedule->plan.is_whole && g4r_schedule_begin(schedule));
    *lanes = (gru4rec_lanes){
        .n = schedule->n_live,
        .session = schedule->session,
        .input = schedule->input,
        .target = schedule->target,
        .from = schedule->from,
    };
    return is_step;
}

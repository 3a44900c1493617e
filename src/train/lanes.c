/* lanes.c - the lanes of a training's frames, from schedules; see lanes.h. */
#include "lanes.h"

#include "../base/fail.h"

bool g4r_lanes_are_apart(const gru4rec_options *options, const gru4rec_ranks *ranks)
{
    return options->sync_steps > 1 &&
           (ranks != NULL ? ranks->n_ranks : options->groups) > 1;
}

g4r_step_plan g4r_lanes_planned(const gru4rec_options *options, int64_t n_sessions,
                                const gru4rec_ranks *ranks)
{
    const g4r_schedule_plan plan = g4r_schedule_planned(options);
    const size_t n_lanes = g4r_schedule_lanes(&plan, n_sessions);
    const size_t n_groups = (size_t)(ranks != NULL ? ranks->n_ranks : options->groups);
    const size_t of_others = ranks != NULL ? (size_t)options->batch_size : n_lanes;
    if (g4r_lanes_are_apart(options, ranks))
        return (g4r_step_plan){.n_groups = 1,
                               .n_own = 1,
                               .n_lanes = n_lanes,
                               .most_lanes = n_lanes};
    return (g4r_step_plan){
        .n_groups = n_groups,
        .own = ranks != NULL ? (size_t)ranks->rank : 0,
        .n_own = ranks != NULL ? 1 : n_groups,
        .n_lanes = n_lanes,
        .most_lanes = g4r_add(n_lanes, g4r_mul(n_groups - 1, of_others)),
    };
}

/* Returns the number of groups that the sessions of this process are divided among. */
static size_t count_groups(const gru4rec_options *options, const gru4rec_ranks *ranks)
{
    return ranks != NULL ? 1 : (size_t)options->groups;
}

/*
 * Returns how the sessions of a group are visited, of n_groups that the dataset is
 * divided among. A lane that is alone in its group has negatives in the others, so it is
 * the caller who counts the lanes.
 */
static g4r_schedule_plan plan_schedule(const gru4rec_options *options, size_t n_groups,
                                       size_t group)
{
    g4r_schedule_plan plan = g4r_schedule_planned(options);
    plan.needs_contrast = false;
    plan.n_groups = (int32_t)n_groups;
    plan.group = (int32_t)group;
    return plan;
}

size_t g4r_lanes_bytes(const gru4rec_options *options, int64_t n_sessions,
                       const gru4rec_ranks *ranks)
{
    const g4r_step_plan plan = g4r_lanes_planned(options, n_sessions, ranks);
    const size_t n_divided = count_groups(options, ranks);
    const size_t n_parts = n_divided / plan.n_own;
    const g4r_schedule_plan visits = plan_schedule(options, n_divided, 0);
    return g4r_add(g4r_schedule_bytes(&visits, n_sessions),
                   n_divided * sizeof(g4r_schedule) +
                       n_parts * plan.n_groups * sizeof(gru4rec_lanes));
}

/*
 * Checks that the sessions are divided as the options say. INVALID: they are not, or
 * there are groups in each of several processes.
 */
static gru4rec_status check_groups(const gru4rec_dataset *dataset,
                                   const gru4rec_options *options,
                                   const gru4rec_ranks *ranks, gru4rec_error *error)
{
    if (options->groups > 1 && ranks != NULL)
        return g4r_fail(error, GRU4REC_INVALID,
                        "groups plays several processes, and there are several already; "
                        "leave it out");
    if (options->groups > 1 && dataset->n_groups != options->groups)
        return g4r_fail(error, GRU4REC_INVALID,
                        "groups is %d, but the sessions are divided among %d groups; "
                        "prepare the events with n_groups",
                        (int)options->groups, (int)dataset->n_groups);
    return GRU4REC_OK;
}

gru4rec_status g4r_lanes_init(g4r_lanes *lanes, const gru4rec_dataset *dataset,
                              const gru4rec_options *options, const gru4rec_ranks *ranks,
                              size_t part, const gru4rec_allocator *allocator,
                              gru4rec_error *error)
{
    *lanes = (g4r_lanes){.options = options, .allocator = *allocator};
    lanes->plan = g4r_lanes_planned(options, dataset->n_sessions, ranks);
    const size_t n_own = lanes->plan.n_own;
    const size_t n_divided = count_groups(options, ranks);
    gru4rec_status status = check_groups(dataset, options, ranks, error);
    if (status != GRU4REC_OK)
        return status;
    lanes->all = g4r_alloc(allocator, lanes->plan.n_groups, sizeof *lanes->all);
    lanes->schedules = g4r_alloc(allocator, n_own, sizeof *lanes->schedules);
    bool is_ok = lanes->all != NULL && lanes->schedules != NULL;
    for (size_t i = 0; is_ok && i < n_own; i++) {
        const g4r_schedule_plan plan = plan_schedule(options, n_divided, part + i);
        is_ok = g4r_schedule_init(&lanes->schedules[i], dataset, &plan, allocator);
    }
    return is_ok ? GRU4REC_OK
                 : g4r_fail_nomem(error,
                                  g4r_lanes_bytes(options, dataset->n_sessions, ranks));
}

void g4r_lanes_free(g4r_lanes *lanes)
{
    for (size_t i = 0; lanes->schedules != NULL && i < lanes->plan.n_own; i++)
        g4r_schedule_free(&lanes->schedules[i]);
    G4R_ALLOC_CLEAR(&lanes->allocator, lanes->schedules);
    G4R_ALLOC_CLEAR(&lanes->allocator, lanes->all);
}

int64_t g4r_lanes_most(const g4r_lanes *lanes)
{
    int64_t n = 0;
    for (size_t i = 0; i < lanes->plan.n_own; i++)
        n += lanes->schedules[i].plan.n_lanes;
    return n;
}

void g4r_lanes_start(g4r_lanes *lanes, int64_t epoch)
{
    for (size_t i = 0; i < lanes->plan.n_own; i++) {
        if (lanes->options->train_random_order)
            g4r_schedule_shuffle(&lanes->schedules[i], lanes->options->seed, epoch);
        g4r_schedule_start(&lanes->schedules[i]);
    }
}

void g4r_lanes_find(g4r_lanes *lanes, bool begins)
{
    for (size_t i = 0; i < lanes->plan.n_own; i++) {
        g4r_schedule *schedule = &lanes->schedules[i];
        if (begins)
            g4r_schedule_begin(schedule);
        else
            g4r_schedule_next(schedule);
        lanes->all[lanes->plan.own + i] = (gru4rec_lanes){.n = schedule->n_live,
                                                          .session = schedule->session,
                                                          .input = schedule->input,
                                                          .target = schedule->target,
                                                          .from = schedule->from};
    }
}

/*
 * test_lanes.c - the lanes of groups: each group visits its own sessions, as a schedule
 * visits a dataset that has no others.
 */
#include "../lib/fault_alloc.h"
#include "../lib/schedule_data.h"

#include "../../src/train/lanes.h"

enum { SESSIONS = 30, GROUPS = 3 };

static const int lengths[] = {3, 1, 5, 2, 2, 7, 1, 1, 4, 2, 6, 3};

/* Sessions in groups, and the sessions of each group by themselves. */
typedef struct fixture {
    data all, parts[GROUPS];
    int32_t groups[SESSIONS];
    gru4rec_options options;
} fixture;

static int32_t group_of(int session)
{
    return session % 7 == 0 || session > 25 ? 0 : 1 + session % 2;
}

static void divide(fixture *f, bool is_whole, bool is_shuffled)
{
    int all[SESSIONS], part[GROUPS][SESSIONS], n[GROUPS] = {0};
    memset(f, 0, sizeof *f);
    for (int s = 0; s < SESSIONS; s++) {
        f->groups[s] = group_of(s);
        all[s] = part[f->groups[s]][n[f->groups[s]]++] = lengths[s % 12];
    }
    make_data(&f->all, all, SESSIONS);
    for (int i = 0; i < GROUPS; i++)
        make_data(&f->parts[i], part[i], n[i]);
    f->all.dataset.groups = f->groups;
    f->all.dataset.n_groups = GROUPS;
    gru4rec_options_init(&f->options);
    f->options.batch_size = 4;
    f->options.groups = GROUPS;
    f->options.whole_sessions = is_whole;
    f->options.train_random_order = is_shuffled;
    /* Rows of the parts: those of the same events in the whole. */
    int at[GROUPS] = {0};
    for (int s = 0; s < SESSIONS; s++)
        for (int64_t i = f->all.offsets[s]; i < f->all.offsets[s + 1]; i++)
            f->parts[f->groups[s]].rows[at[f->groups[s]]++] = (int32_t)i;
}

/* The lanes of a group against those of its part's schedule; false: both are over. */
static bool check_step(const gru4rec_lanes *lanes, g4r_schedule *schedule, bool begins)
{
    if (begins)
        g4r_schedule_begin(schedule);
    else
        g4r_schedule_next(schedule);
    if (!CHECK_INT(schedule->n_live, lanes->n))
        return false;
    for (int32_t lane = 0; lane < lanes->n; lane++) {
        CHECK_INT(schedule->input[lane], lanes->input[lane]);
        CHECK_INT(schedule->target[lane], lanes->target[lane]);
        CHECK_INT(schedule->from[lane], lanes->from[lane]);
    }
    return lanes->n > 0;
}

static void check_epoch(g4r_lanes *lanes, g4r_schedule schedules[GROUPS], int64_t epoch)
{
    const bool is_whole = lanes->options->whole_sessions;
    bool begins = false, is_live = true;
    g4r_lanes_start(lanes, epoch);
    for (int i = 0; i < GROUPS; i++) {
        if (lanes->options->train_random_order)
            g4r_schedule_shuffle(&schedules[i], lanes->options->seed, epoch);
        g4r_schedule_start(&schedules[i]);
    }
    while (is_live || (is_whole && !begins)) {
        begins = !is_live;
        is_live = false;
        g4r_lanes_find(lanes, begins);
        for (int i = 0; i < GROUPS; i++)
            is_live |= check_step(&lanes->all[i], &schedules[i], begins);
    }
}

static void check_lanes(bool is_whole, bool is_shuffled)
{
    static fixture f;
    g4r_lanes lanes;
    g4r_schedule schedules[GROUPS];
    divide(&f, is_whole, is_shuffled);
    if (!CHECK_INT(GRU4REC_OK, g4r_lanes_init(&lanes, &f.all.dataset, &f.options, NULL, 0,
                                              &g4r_alloc_libc, NULL)))
        return;
    CHECK_INT(12, g4r_lanes_most(&lanes));
    for (int i = 0; i < GROUPS; i++)
        start_planned(&schedules[i], &f.parts[i],
                      (g4r_schedule_plan){.n_lanes = 4,
                                          .is_whole = is_whole,
                                          .is_shuffled = is_shuffled});
    for (int64_t epoch = 1; epoch < 4; epoch++)
        check_epoch(&lanes, schedules, epoch);
    for (int i = 0; i < GROUPS; i++)
        g4r_schedule_free(&schedules[i]);
    g4r_lanes_free(&lanes);
}

static void test_groups_visit_their_own(void)
{
    check_lanes(false, false);
    check_lanes(false, true);
    check_lanes(true, false);
    check_lanes(true, true);
}

/*
 * The bytes are an upper bound, and exact but for the rounding of slices in one process:
 * of one part, or of all parts if the groups are apart.
 */
static void check_bytes(const gru4rec_options *options, const gru4rec_ranks *ranks)
{
    enum { MANY = 3000 };
    static int32_t groups[MANY];
    const gru4rec_dataset many = {.n_sessions = MANY,
                                  .groups = groups,
                                  .n_groups = GROUPS};
    const bool is_apart = g4r_lanes_are_apart(options, ranks);
    const size_t n_parts = is_apart && ranks == NULL ? GROUPS : 1;
    const size_t bytes = g4r_lanes_bytes(options, MANY, ranks);
    fault_alloc fault = {0};
    const gru4rec_allocator allocator = fault_alloc_allocator(&fault);
    g4r_lanes parts[GROUPS];
    for (int s = 0; s < MANY; s++)
        groups[s] = group_of(s % SESSIONS);
    for (size_t i = 0; i < n_parts; i++) {
        CHECK_INT(GRU4REC_OK,
                  g4r_lanes_init(&parts[i], &many, options, ranks, i, &allocator, NULL));
        CHECK_INT(is_apart ? 1 : ranks != NULL ? 5 : GROUPS, parts[i].plan.n_groups);
        CHECK_INT(!is_apart && ranks != NULL ? 2 : 0, parts[i].plan.own);
    }
    CHECK(fault.live_bytes <= bytes && bytes <= fault.live_bytes + 500);
    for (size_t i = 0; i < n_parts; i++)
        g4r_lanes_free(&parts[i]);
    CHECK_INT(0, fault.n_live);
}

static void test_bytes(void)
{
    static fixture f;
    const gru4rec_ranks ranks = {.n_ranks = 5, .rank = 2};
    for (int i = 0; i < 8; i++) {
        divide(&f, false, i % 2 > 0);
        f.options.sync_steps = i / 2 % 2 > 0 ? 7 : 1;
        f.options.groups = i < 4 ? GROUPS : 1;
        check_bytes(&f.options, i < 4 ? NULL : &ranks);
    }
}

int main(void)
{
    RUN(test_groups_visit_their_own);
    RUN(test_bytes);
    return test_end();
}

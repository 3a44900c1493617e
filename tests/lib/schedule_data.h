/*
 * schedule_data.h - datasets to visit, and steps as they are expected.
 */
#ifndef SCHEDULE_DATA_H
#define SCHEDULE_DATA_H

#include "test.h"

#include "../../src/data/schedule.h"

enum { MOST = 64 };

/* A dataset with sessions of these lengths. Rows are places of events, so that a row
 * tells where it comes from. */
typedef struct data {
    gru4rec_dataset dataset;
    int32_t rows[MOST * 16];
    int64_t offsets[MOST + 1];
} data;

static inline void make_data(data *d, const int *lengths, int n_sessions)
{
    memset(d, 0, sizeof *d);
    for (int s = 0; s < n_sessions; s++) {
        d->offsets[s + 1] = d->offsets[s] + lengths[s];
        d->dataset.n_single += lengths[s] == 1;
    }
    for (int32_t i = 0; i < d->offsets[n_sessions]; i++)
        d->rows[i] = i;
    d->dataset.n_sessions = n_sessions;
    d->dataset.n_events = d->offsets[n_sessions];
    d->dataset.offsets = d->offsets;
    d->dataset.item_rows = d->rows;
}

static inline void start_planned(g4r_schedule *schedule, const data *d,
                                 g4r_schedule_plan plan)
{
    if (!CHECK(g4r_schedule_init(schedule, &d->dataset, &plan, &g4r_alloc_libc)))
        exit(test_end());
}

static inline void start(g4r_schedule *schedule, const data *d, int64_t n_lanes,
                         bool is_k0)
{
    start_planned(schedule, d,
                  (g4r_schedule_plan){.n_lanes = n_lanes, .needs_contrast = is_k0});
}

/* ---- worked examples ---- */

/* One lane of one step, in letters; from: -1 after a reset. */
typedef struct expected_lane {
    char input, target;
    int from, session;
} expected_lane;

typedef struct expected_step {
    int n_live;
    expected_lane lanes[3];
} expected_step;

/* By the public function, which begins the next whole sessions by itself. */
static inline void check_steps(g4r_schedule *schedule, const expected_step *steps,
                               int n_steps)
{
    gru4rec_lanes lanes;
    for (int i = 0; i < n_steps; i++) {
        if (!CHECK(gru4rec_schedule_next(schedule, &lanes)))
            return;
        CHECK_INT(steps[i].n_live, schedule->n_live);
        for (int lane = 0; lane < steps[i].n_live; lane++) {
            const expected_lane *e = &steps[i].lanes[lane];
            CHECK_INT(e->input, 'a' + schedule->input[lane]);
            CHECK_INT(e->target, 'a' + schedule->target[lane]);
            CHECK_INT(e->from, schedule->from[lane]);
            CHECK_INT(e->session, schedule->session[lane]);
        }
    }
    for (int i = 0; i < 3; i++) {
        CHECK(!gru4rec_schedule_next(schedule, &lanes));
        CHECK_INT(0, schedule->n_live);
    }
}

static const int lengths_1[] = {4, 2, 3, 2, 3, 2};
static const int lengths_2[] = {2, 3, 1, 2, 1, 2};

#endif

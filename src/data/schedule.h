/*
 * schedule.h - session-parallel mini-batches (paper [1] section 3.1.1).
 * Integers only.
 *
 * Each of up to B lanes holds a session. A step feeds every live lane's item and predicts
 * the next; a lane whose session ended takes the next session in visiting order, and is
 * retired when none is left: the lanes behind it move up. So M, the number of live lanes,
 * is B until fewer than B sessions remain, and every transition is visited exactly once.
 * A session of one event takes a lane for a round without a step, as in the official
 * implementations. With is_whole a lane whose session ended retires until all have: then
 * B new ones begin, so that an update can go back through whole sessions.
 */
#ifndef G4R_SCHEDULE_H
#define G4R_SCHEDULE_H

#include "../base/arena.h"
#include "../base/rng.h"

/* How sessions become steps. */
typedef struct g4r_schedule_plan {
    int64_t n_lanes;     /* B: at most so many lanes, and never more than sessions */
    bool needs_contrast; /* one lane alone has no negatives: an epoch ends there */
    bool is_whole;       /* lanes take new sessions together, when all have ended */
    bool is_shuffled;    /* sessions are visited in an order that can be drawn anew */
} g4r_schedule_plan;

typedef struct gru4rec_schedule {
    /* Of the step that g4r_schedule_next() found: */
    int32_t n_live;  /* M */
    int32_t *input;  /* (M) item rows */
    int32_t *target; /* (M) item rows */
    /* (M) lane of the last step whose state goes on here; -1: zero state */
    int32_t *from;
    int64_t *session; /* (M) place in visiting order */
    /* All lanes have just taken sessions: at the first step, and with is_whole whenever all
     * sessions have ended. */
    bool is_new_batch;
    /* Where the lanes are: */
    int64_t *position;      /* (M) of the input in the dataset's events */
    int64_t next;           /* place in the order that is taken next */
    int64_t *order;         /* (S) sessions as they are visited; NULL unless shuffled */
    g4r_schedule_plan plan; /* n_lanes: of the first step */
    const gru4rec_dataset *dataset;
    gru4rec_allocator allocator;
    g4r_arena arena;
} g4r_schedule;

/* As a training's options ask for. Without samples (K = 0) an epoch ends when one lane is
 * left: nothing would be a negative to it. */
g4r_schedule_plan g4r_schedule_planned(const gru4rec_options *options);
/* Lanes of the first step, the most of all. */
size_t g4r_schedule_lanes(const g4r_schedule_plan *plan, int64_t n_sessions);
/* Bytes that init allocates. */
size_t g4r_schedule_bytes(const g4r_schedule_plan *plan, int64_t n_sessions);
/* At the first step, sessions in visiting order. False: no memory. */
bool g4r_schedule_init(g4r_schedule *schedule, const gru4rec_dataset *dataset,
                       const g4r_schedule_plan *plan, const gru4rec_allocator *allocator);
void g4r_schedule_free(g4r_schedule *schedule);
/* From the next start on sessions are visited in that epoch's random order; is_shuffled
 * only. */
void g4r_schedule_shuffle(g4r_schedule *schedule, int64_t seed, int64_t epoch);
/* Back to the first step of an epoch. */
void g4r_schedule_start(g4r_schedule *schedule);
/* False at the end of the epoch. */
bool g4r_schedule_next(g4r_schedule *schedule);

#endif

/*
 * schedule.h - makes session-parallel mini-batches (paper [1] section 3.1.1).
 *
 * There are up to B lanes, and each lane holds one session. In a step, every live lane
 * feeds one item of its session to the network and predicts the session's next item. When
 * the session of a lane has ended, the lane gets the next session in visiting order. When
 * no session is left, the lane is removed, and the lanes behind it move up. So M, the
 * number of live lanes, is B until fewer than B sessions are left, and every transition
 * from an item to the next is visited exactly once (but see needs_contrast).
 *
 * A session of one event holds its lane for one round of refilling without a step, as in
 * the official implementations. To skip such sessions would permute the lanes.
 *
 * With is_whole, a lane whose session has ended is removed at once. When all sessions
 * have ended, B new ones begin together. So an update can go back through whole sessions.
 *
 * The schedule computes with integers only.
 */
#ifndef G4R_SCHEDULE_H
#define G4R_SCHEDULE_H

#include "../base/arena.h"
#include "../base/rng.h"

/* How sessions become steps. */
typedef struct g4r_schedule_plan {
    int64_t n_lanes;     /* B, the most lanes */
    bool needs_contrast; /* the epoch ends when one lane is left: it has no negatives */
    bool is_whole;    /* lanes get new sessions together, when all sessions have ended */
    bool is_shuffled; /* g4r_schedule_shuffle() can change the order of the sessions */
} g4r_schedule_plan;

typedef struct gru4rec_schedule {
    /* The step that g4r_schedule_next() found: */
    int32_t n_live;  /* M, the number of live lanes */
    int32_t *input;  /* (M) item rows */
    int32_t *target; /* (M) item rows */
    int32_t *from; /* (M) lane of the step before with the same session; -1: a new one */
    int64_t *session;  /* (M) number of the session in the dataset */
    bool is_new_batch; /* all lanes begin a new session in this step */
    /* Where the lanes are: */
    int64_t *position; /* (M) place of the input among the dataset's events */
    int64_t next;      /* how many sessions have been put into lanes in this epoch */
    int64_t *order;    /* (S) sessions in the order of visits; NULL: 0, 1, ..., S - 1 */
    g4r_schedule_plan plan; /* here n_lanes is the number of lanes of the first step */
    const gru4rec_dataset *dataset; /* borrowed */
    gru4rec_allocator allocator;
    g4r_arena arena; /* owns all arrays above */
} g4r_schedule;

/*
 * Returns the plan that a training's options ask for. Without samples (K = 0) it needs
 * contrast: the targets of the other lanes are then the only negatives of a lane.
 */
g4r_schedule_plan g4r_schedule_planned(const gru4rec_options *options);
/* Returns the number of lanes of the first step; no step has more. */
size_t g4r_schedule_lanes(const g4r_schedule_plan *plan, int64_t n_sessions);
/* Returns the bytes that g4r_schedule_init() allocates. */
size_t g4r_schedule_bytes(const g4r_schedule_plan *plan, int64_t n_sessions);
/*
 * Prepares an epoch through the dataset, which is borrowed, with the sessions in visiting
 * order. Returns false if there is not enough memory; the schedule then owns nothing.
 */
bool g4r_schedule_init(g4r_schedule *schedule, const gru4rec_dataset *dataset,
                       const g4r_schedule_plan *plan, const gru4rec_allocator *allocator);
void g4r_schedule_free(g4r_schedule *schedule);
/*
 * Draws the epoch's random order of sessions, which depends only on the seed and the
 * epoch. Call g4r_schedule_start() before the next step. The plan must have is_shuffled.
 */
void g4r_schedule_shuffle(g4r_schedule *schedule, int64_t seed, int64_t epoch);
/* Goes back to the beginning of an epoch: the first step is found next. */
void g4r_schedule_start(g4r_schedule *schedule);
/* Finds the next step and fills its fields. Returns false at the end of the epoch. */
bool g4r_schedule_next(g4r_schedule *schedule);

#endif

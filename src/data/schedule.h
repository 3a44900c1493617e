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
 * The sessions can be divided among groups (gru4rec_dataset.groups). A schedule then
 * visits those of one group, as if they were all there are.
 *
 * The schedule computes with integers only.
 */
#ifndef G4R_SCHEDULE_H
#define G4R_SCHEDULE_H

#include "../base/arena.h"
#include "../base/rng.h"

/* The settings of a schedule: how it makes steps of the sessions. */
typedef struct g4r_schedule_plan {
    int64_t n_lanes; /* B, the largest number of lanes */
    /*
     * The epoch ends when fewer than two lanes are live, because a single lane has no
     * negatives. An epoch that begins with one lane has no step.
     */
    bool needs_contrast;
    bool is_whole;    /* lanes get new sessions together, when all sessions have ended */
    bool is_shuffled; /* g4r_schedule_shuffle() can be called */
    /*
     * Only the sessions of this group are visited. n_groups: the groups that the dataset
     * is divided among; 0 or 1: it is not divided, and all sessions are visited.
     */
    int32_t group, n_groups;
} g4r_schedule_plan;

typedef struct gru4rec_schedule {
    /* The step that g4r_schedule_next() found last: */
    int32_t n_live;  /* M, the number of live lanes */
    int32_t *input;  /* (M) row of the item that is fed to the network */
    int32_t *target; /* (M) row of the item that comes next */
    /*
     * (M) The lane that held the same session in the step before; -1: the session is new,
     * and its hidden state starts from zero.
     */
    int32_t *from;
    int64_t *session; /* (M) place of the session in the dataset */
    /* Where the lanes are: */
    int64_t *position;  /* (M) index of the input among the dataset's events */
    int64_t next;       /* how many sessions have been put into lanes in this epoch */
    int64_t n_sessions; /* S, the sessions to visit */
    /*
     * (S) The sessions in the order of visits. NULL: all sessions of the dataset are
     * visited, as it has them.
     */
    int64_t *order;
    g4r_schedule_plan plan;         /* a copy, but n_lanes is g4r_schedule_lanes() */
    const gru4rec_dataset *dataset; /* borrowed until g4r_schedule_free() */
    gru4rec_allocator allocator;
    g4r_arena arena; /* owns all arrays above */
} g4r_schedule;

/*
 * Returns the plan that a training's options ask for: n_lanes from batch_size, is_whole
 * from whole_sessions, and is_shuffled from train_random_order. needs_contrast is set if
 * there are no samples (n_sample = 0), because the targets of the other lanes are then
 * the only negatives of a lane.
 */
g4r_schedule_plan g4r_schedule_planned(const gru4rec_options *options);
/*
 * Returns the number of lanes with which an epoch begins: n_lanes of the plan, or
 * n_sessions if that is less. No step has more lanes.
 */
size_t g4r_schedule_lanes(const g4r_schedule_plan *plan, int64_t n_sessions);
/*
 * Returns the bytes that g4r_schedule_init() allocates for a dataset of n_sessions. If
 * this is divided among groups, the bytes of the schedules of all groups together, at
 * most.
 */
size_t g4r_schedule_bytes(const g4r_schedule_plan *plan, int64_t n_sessions);
/*
 * Makes *schedule, whatever it holds, for the dataset, which is borrowed until
 * g4r_schedule_free(). Copies the plan. The schedule stands before the first step of an
 * epoch, with the sessions in visiting order. If the plan has groups, the dataset must
 * have them too. Returns false if there is not enough
 * memory; the schedule then owns nothing.
 */
bool g4r_schedule_init(g4r_schedule *schedule, const gru4rec_dataset *dataset,
                       const g4r_schedule_plan *plan, const gru4rec_allocator *allocator);
void g4r_schedule_free(g4r_schedule *schedule);
/*
 * Puts all sessions into a random order for an epoch (schedule->order), which depends
 * only on the seed, the epoch and S, not on the order before. The plan must have
 * is_shuffled. Afterwards the caller must call g4r_schedule_start() before the next step.
 */
void g4r_schedule_shuffle(g4r_schedule *schedule, int64_t seed, int64_t epoch);
/*
 * Goes back to the beginning of an epoch, with the present order of sessions: removes all
 * lanes, and g4r_schedule_next() then finds the first step.
 */
void g4r_schedule_start(g4r_schedule *schedule);
/*
 * Moves each lane to the next event of its session, gives new sessions to the lanes whose
 * session has ended, and fills the schedule's fields from n_live to session for this
 * step. Returns false if no lane has a step; n_live is 0 then. With is_whole, this means
 * that all sessions that were begun have ended, and the caller goes on with
 * g4r_schedule_begin(). Otherwise it is the end of the epoch, and further calls return
 * false, too.
 */
bool g4r_schedule_next(g4r_schedule *schedule);
/*
 * Gives new sessions to all lanes, in place of those that they had, and fills the fields
 * for their first step. Returns false if no session with a step is left: the epoch is
 * over. Call it with is_whole only, when g4r_schedule_next() has returned false.
 */
bool g4r_schedule_begin(g4r_schedule *schedule);

#endif

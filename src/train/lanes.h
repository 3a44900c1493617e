/*
 * lanes.h - the lanes of a training's frames, from the schedules of the groups of this
 * process.
 */
#ifndef G4R_LANES_H
#define G4R_LANES_H

#include "../data/schedule.h"
#include "step.h"

typedef struct g4r_lanes {
    const gru4rec_options *options; /* borrowed */
    g4r_step_plan plan;             /* whose lanes a frame has */
    g4r_schedule *schedules;        /* (plan.n_own) one for each group of this process */
    gru4rec_lanes *all;             /* (plan.n_groups) of the frame that was found last */
    gru4rec_allocator allocator;
} g4r_lanes;

/*
 * Tells whether each group of a training has frames of its own, and is trained by
 * itself for some steps: option sync_steps is above 1, and there are several groups or
 * ranks.
 */
bool g4r_lanes_are_apart(const gru4rec_options *options, const gru4rec_ranks *ranks);
/*
 * Returns whose lanes a frame has, in a process with n_sessions. ranks: NULL if there
 * are no other processes; then this one has all groups of the options. If the groups
 * are apart, the frame is that of any one of them. The numbers of lanes are the most
 * that are possible.
 */
g4r_step_plan g4r_lanes_planned(const gru4rec_options *options, int64_t n_sessions,
                                const gru4rec_ranks *ranks);
/*
 * Makes *lanes, whatever it holds, with the schedules for the sessions of the dataset,
 * which is borrowed as long as *lanes is used. ranks as above. part: if the groups of
 * one process are apart, the group whose lanes these are; otherwise 0. INVALID: there
 * are groups in each of several processes, or the dataset is not divided among as many
 * groups as the options say. NOMEM: there is not enough memory. The caller calls
 * g4r_lanes_free(), also after an error.
 */
gru4rec_status g4r_lanes_init(g4r_lanes *lanes, const gru4rec_dataset *dataset,
                              const gru4rec_options *options, const gru4rec_ranks *ranks,
                              size_t part, const gru4rec_allocator *allocator,
                              gru4rec_error *error);
/* Frees what *lanes has; accepts a struct of zeros. */
void g4r_lanes_free(g4r_lanes *lanes);
/*
 * Returns the most bytes that g4r_lanes_init() allocates for n_sessions; for all parts
 * together, if the groups of one process are apart.
 */
size_t g4r_lanes_bytes(const gru4rec_options *options, int64_t n_sessions,
                       const gru4rec_ranks *ranks);
/* Returns the number of lanes that this process's groups have at most together. */
int64_t g4r_lanes_most(const g4r_lanes *lanes);
/*
 * Goes to the beginning of the epoch with this number, and shuffles the sessions of
 * each group if option train_random_order is set.
 */
void g4r_lanes_start(g4r_lanes *lanes, int64_t epoch);
/*
 * Fills lanes->all with the lanes of this process's groups in the next frame. begins:
 * all lanes get new sessions (g4r_schedule_begin()); otherwise each goes on
 * (g4r_schedule_next()).
 */
void g4r_lanes_find(g4r_lanes *lanes, bool begins);

#endif

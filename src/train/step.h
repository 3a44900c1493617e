/*
 * step.h - does the work from one update of the model to the next: computes T frames
 * forward, propagates the gradients back through them, and updates the parameters once.
 *
 * A frame is a mini-batch of M lanes, each with an input and a target; group.h says how
 * groups share it. T is the option bptt, which is 1 by default. If an epoch, or a batch
 * of whole sessions, ends before there are T frames, the update is made with fewer. With
 * T above 1, the gradient of the sum of the frames' costs is propagated back through all
 * of them. What progress and other tools count as steps is frames. There is one
 * workspace; g4r_step_init() measures and allocates it, and no frame allocates anything.
 *
 * Letters: y (M,D) are the top layer's values, W and b the rows and biases of the output
 * table, G the gradient of the scores. There are two ways to score:
 *
 *              with columns (targets, samples)      n_sample = all (loss_all.h)
 *   forward    runs the network; gathers W and b    runs the network; computes the loss
 *              of the columns; scores = y W^T + b;  over all items in blocks; keeps one
 *              computes the loss; G overwrites      sum for each lane
 *              the scores
 *   backward   propagates G to W and b of the       computes scores and G again, in
 *              columns, to y, and through the       blocks; propagates G to the whole
 *              network                              table, to y, and through the network
 *   update     moves the rows of the columns and    moves the whole table, and the rows
 *              the inputs, each distinct row once   of the inputs if these have a table
 *              (merge.h)                            of their own
 *
 * In both ways, a tensor without a row for each item has a gradient of the whole tensor,
 * and is moved as a whole. The rows of items without events are never moved.
 *
 * Forward and backward work on one group after the other (group.h). Backward adds up the
 * groups' sums: to those of the first group it adds those of the second, then those of
 * the third, and so on. If other processes have groups too, the caller adds theirs in the
 * same order, between backward and update (exchange.h). With option exchange_precision,
 * the sums of each group are rounded first, and the result too.
 */
#ifndef G4R_STEP_H
#define G4R_STEP_H

#include "group.h"
#include "moves.h"
#include "../base/rng.h"

/* Who computes the lanes of a frame, and how many there can be. */
typedef struct g4r_step_plan {
    size_t n_groups;   /* groups of a frame, at least 1 */
    size_t own, n_own; /* this process computes the groups own ... own + n_own - 1 */
    size_t n_lanes;    /* the most lanes of one of these groups */
    size_t most_lanes; /* the most lanes of a frame, of all groups */
} g4r_step_plan;

/*
 * The most blocks into which the sums of an update are divided: columns, their biases,
 * and whole tensors.
 */
enum { G4R_STEP_BLOCKS = 2 + G4R_MAX_TENSORS };

/* The frames since the last update, and the workspace for them and for the update. */
typedef struct g4r_step {
    g4r_arena arena;
    g4r_arena sums_arena; /* of sums alone; empty once g4r_step_move_sums() was called */
    g4r_step_plan plan;
    gru4rec_model *model; /* the training's model; borrowed */
    g4r_group_common common;
    g4r_group *groups; /* (n_own) */
    g4r_optim optim;
    /* Keeps what rows were before they move; borrowed; NULL: nobody asks. */
    g4r_moves *moves;
    /*
     * The rows of the output table that an update uses: the columns, then the inputs if
     * these are shared. Filled by g4r_step_update().
     */
    g4r_merge merge_output;
    /*
     * The rows of the inputs' own table that an update uses; empty if inputs are shared.
     * Filled by g4r_step_update().
     */
    g4r_merge merge_input;
    uint64_t merge_key; /* random key of both merges */
    g4r_rng dropout_rng;
    int32_t n_seen;  /* items with events; their rows are the first ones */
    int32_t *counts; /* (T,n_groups) lanes of each group in each frame */
    double *losses;  /* (T) sum of the lanes' losses of each frame, of the own groups */
    /*
     * What g4r_step_backward() leaves. In sums.columns, the gradients of shared inputs
     * stand behind those of the columns, in the order of input_items.
     */
    g4r_group_sums sums;
    g4r_group_sums next; /* of the group that is added to sums; only with n_own above 1 */
    /*
     * (T M,width) gradients of the inputs' rows of their own table, in the order of
     * input_items; nothing if inputs are shared.
     */
    g4r_real *dtable;
} g4r_step;

/*
 * Prepares a training's steps: allocates the workspace, starts the threads, and binds the
 * networks to the training's model. support (I) has the events of each item; items
 * without events must come last. training and options are borrowed until g4r_step_free().
 * *plan is copied. stop is asked during long work. Memory comes from the model's
 * allocator. Returns OK, or NOMEM with a message. The caller calls g4r_step_free(), also
 * after an error.
 */
gru4rec_status g4r_step_init(g4r_step *step, gru4rec_training *training,
                             const int64_t *support, const gru4rec_options *options,
                             const g4r_step_plan *plan, g4r_stop stop,
                             gru4rec_error *error);
/*
 * Ends the threads and frees the workspace; the training stays. Does nothing to a *step
 * of zeros. *step itself belongs to the caller.
 */
void g4r_step_free(g4r_step *step);
/* Returns how many values g4r_step_move_sums() needs. */
size_t g4r_step_sum_values(const g4r_step *step);
/*
 * Moves the sums into memory of the caller, who keeps it until g4r_step_free(): as many
 * values as g4r_step_sum_values() says, aligned to G4R_ALIGNMENT. Frees the memory that
 * the sums had. Call it once, after g4r_step_init() and before the first frame.
 */
void g4r_step_move_sums(g4r_step *step, g4r_real *memory);
/*
 * Returns the number of threads of a training: option threads, or if that is 0 the number
 * of processors (1 if BLAS cannot be called by several threads).
 */
size_t g4r_step_threads(const gru4rec_options *options);
/*
 * Returns the bytes that g4r_step_init() allocates, without the stacks of the threads.
 * SIZE_MAX: too many.
 */
size_t g4r_step_bytes(const g4r_params *params, const gru4rec_options *options,
                      const g4r_step_plan *plan);

/*
 * Starts the random numbers of dropout for an epoch; call it before the epoch's first
 * frame. The numbers depend only on option seed and the epoch.
 */
void g4r_step_start(g4r_step *step, int64_t epoch);
/*
 * Computes the next frame forward, keeps it for g4r_step_backward(), and counts it in
 * n_frames. Returns the sum of the losses of the lanes of the own groups, which are not
 * yet divided by B, and keeps it in losses. lanes (n_groups) are those of each group's
 * schedule, at least one lane in all: lane l goes on from the hidden state that lane
 * from[l] of its group had after the frame before, or from zeros if from[l] is -1. Groups
 * of other processes need no from. samples (K) are item rows; they are not read if K is 0
 * or n_sample is all. There must be room: fewer than T frames since the last update. If
 * stop says so, the loss over all items ends early, and the result must not be used.
 */
double g4r_step_forward(g4r_step *step, const gru4rec_lanes *lanes,
                        const int32_t *samples);
/*
 * Tells whether T frames (option bptt) were computed since the last update, so that the
 * next thing must be an update.
 */
bool g4r_step_is_full(const g4r_step *step);
/*
 * Propagates the gradients of the own groups' costs (losses divided by B, and by the
 * number of groups) back through all frames since the last update, the last frame first.
 * There must be at least one. Overwrites the gradients in the workspace; no weight
 * changes. If stop says so, the work ends early, and the gradients must not be used.
 */
void g4r_step_backward(g4r_step *step);
/*
 * Fills blocks with the parts of *sums (sums or next of the step) that an update moves
 * parameters by, and returns their number. They are borrowed until the update.
 */
size_t g4r_step_blocks(const g4r_step *step, const g4r_group_sums *sums,
                       gru4rec_block blocks[G4R_STEP_BLOCKS]);
/*
 * Makes one update of the model and its slots: adds up the gradients of equal rows,
 * shortens the gradient to grad_cap, and moves the parameters by it. Fixed parameters and
 * items without events stay as they are. Counts the update in training->updates, and
 * removes all frames, so that the next frame is the first one. Call it after
 * g4r_step_backward(), when the sums and dinputs are those of all groups.
 */
void g4r_step_update(g4r_step *step);

#endif

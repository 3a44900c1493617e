/*
 * step.h - does the work from one update of the model to the next: computes T frames
 * forward, propagates the gradients back through them, and updates the parameters once.
 *
 * A frame is a mini-batch of the schedule: M lanes, each with an input and a target. T is
 * the option bptt, which is 1 by default. If an epoch, or a batch of whole sessions, ends
 * before there are T frames, the update is made with fewer. With T above 1, the gradient
 * of the sum of the frames' costs is propagated back through all of them. What progress
 * and other tools count as steps is frames. There is one workspace; g4r_step_init()
 * measures and allocates it, and no frame allocates anything.
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
 */
#ifndef G4R_STEP_H
#define G4R_STEP_H

#include "loss.h"
#include "../model/model.h"
#include "../model/network.h"
#include "optim.h"
#include "../base/rng.h"
#include "loss_all.h"

/* One frame, and where its columns and inputs stand among those of all frames. */
typedef struct g4r_step_frame {
    size_t m;           /* M, lanes */
    size_t n;           /* N, columns: M targets and K samples; 0 with n_sample = all */
    size_t start;       /* place of its first column among the columns of all frames */
    size_t input_start; /* place of its first input among the inputs of all frames */
    /* (M,N) the scores during forward; when forward returns, their gradient G. */
    g4r_real *scores;
    /*
     * The dropout's probabilities, and the keys of its random numbers, which forward
     * draws; backward uses the same ones.
     */
    g4r_dropout dropout;
} g4r_step_frame;

/* The frames since the last update, and the workspace for them and for the update. */
typedef struct g4r_step {
    g4r_arena arena;
    const g4r_vec *vec;
    const gru4rec_options *options;
    gru4rec_model *model; /* the training's model; borrowed */
    g4r_pool *pool;       /* owned */
    g4r_network network;
    g4r_loss loss;
    /* Takes the place of loss and of the columns if n_sample = all; unused otherwise. */
    g4r_loss_all loss_all;
    g4r_optim optim;
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
    g4r_stop stop;      /* asked between blocks of items and between frames */
    g4r_rng dropout_rng;
    int32_t n_seen;             /* items with events; their rows are the first ones */
    size_t n_frames;            /* frames computed since the last update */
    size_t n_columns, n_inputs; /* columns and inputs of all these frames */
    g4r_step_frame *frames;     /* (T) the first n_frames are used */
    g4r_real *log_support;      /* (I) ln support; only with logq */
    /*
     * Columns stand frame after frame. Column l of a frame is the target of lane l; the
     * samples follow the targets.
     */
    int32_t *column_items;    /* (T N) item rows of the columns */
    g4r_real *column_weights; /* (T N,D) copies of their rows of the output table */
    g4r_real *column_bias;    /* (N) of the last frame: bias minus logq correction */
    int32_t *target_items;    /* (T M) item rows of the targets; only n_sample = all */
    double *log_sums;     /* (T M) filled by loss_all's forward; only n_sample = all */
    int32_t *input_items; /* (T M) item rows of the inputs */
    g4r_real *scratch;    /* (threads,3N) scratch of g4r_loss_row() */
    double *losses;       /* (M) losses of the last frame's lanes */
    /*
     * (parts - 1,M,D) the part of the gradient of y that comes from each part of the
     * columns but the first.
     */
    g4r_real *partial;
    /*
     * Gradients that g4r_step_backward() leaves, of all frames since the last update.
     * dcolumns (T (N+M),D): of the columns' rows of the output table, in the order of
     * column_items; then of shared inputs, in the order of input_items.
     */
    g4r_real *dcolumns;
    g4r_real *dbias; /* (T N) gradients of the columns' biases */
    /*
     * (T M,width) gradients of the inputs' rows of their own table, in the order of
     * input_items; nothing if inputs are shared.
     */
    g4r_real *dinputs;
    /*
     * Gradients of whole tensors, by number in params.list; NULL for a tensor of which
     * only single rows are moved.
     */
    g4r_real *gradients[G4R_MAX_TENSORS];
} g4r_step;

/*
 * Prepares a training's steps: allocates the workspace, starts the threads, and binds the
 * network to the training's model. support (I) has the events of each item; items without
 * events must come last. training and options are borrowed until g4r_step_free(). n_lanes
 * is the most lanes that a frame will have: B, or the number of sessions if that is less.
 * stop is asked during long work. Memory comes from the model's allocator. Returns OK, or
 * NOMEM with a message. The caller calls g4r_step_free(), also after an error.
 */
gru4rec_status g4r_step_init(g4r_step *step, gru4rec_training *training,
                             const int64_t *support, const gru4rec_options *options,
                             size_t n_lanes, g4r_stop stop, gru4rec_error *error);
/*
 * Ends the threads and frees the workspace; the training stays. Does nothing to a *step
 * of zeros. *step itself belongs to the caller.
 */
void g4r_step_free(g4r_step *step);
/*
 * Returns the number of threads of a training: option threads, or if that is 0 the number
 * of processors (1 if BLAS cannot be called by several threads).
 */
size_t g4r_step_threads(const gru4rec_options *options);
/*
 * Returns the bytes that g4r_step_init() allocates, without the stacks of the threads.
 * n_lanes is that of g4r_step_init(). SIZE_MAX: too many.
 */
size_t g4r_step_bytes(const g4r_params *params, const gru4rec_options *options,
                      size_t n_lanes);

/*
 * Starts the random numbers of dropout for an epoch; call it before the epoch's first
 * frame. The numbers depend only on option seed and the epoch.
 */
void g4r_step_start(g4r_step *step, int64_t epoch);
/*
 * Computes the next frame of m lanes forward, keeps it for g4r_step_backward(), and
 * counts it in n_frames. Returns the sum of the lanes' losses, which are not yet divided
 * by B. from, inputs and targets (m) are those of the schedule: lane l goes on from the
 * hidden state that lane from[l] had after the frame before, or from zeros if from[l] is
 * -1. samples (K) are item rows; they are not read if K is 0 or n_sample is all. There
 * must be room: fewer than T frames since the last update. If stop says so, the loss over
 * all items ends early, and the result must not be used.
 */
double g4r_step_forward(g4r_step *step, const int32_t *from, const int32_t *inputs,
                        const int32_t *targets, size_t m, const int32_t *samples);
/*
 * Tells whether T frames (option bptt) were computed since the last update, so that the
 * next thing must be an update.
 */
bool g4r_step_is_full(const g4r_step *step);
/*
 * Propagates the gradients of the costs (losses divided by B) back through all frames
 * since the last update, the last frame first. There must be at least one. Overwrites the
 * gradients in the workspace; no weight changes. If stop says so, the work ends early,
 * and the gradients must not be used.
 */
void g4r_step_backward(g4r_step *step);
/*
 * Makes one update of the model and its slots: adds up the gradients of equal rows,
 * shortens the gradient to grad_cap, and moves the parameters by it. Fixed parameters and
 * items without events stay as they are. Counts the update in training->updates, and
 * removes all frames, so that the next frame is the first one. Call it after
 * g4r_step_backward().
 */
void g4r_step_update(g4r_step *step);

#endif

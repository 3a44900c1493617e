/*
 * step.h - does the work from one update of the model to the next: computes T frames
 * forward, propagates the gradients back through them, and updates the parameters once.
 *
 * A frame is a mini-batch of the schedule: M lanes, each with an input and a target. T is
 * the option bptt, which is 1 by default. With T above 1, the gradient of the sum of the
 * frames' costs is propagated back through all of them. What progress and other tools
 * count as steps is frames. There is one workspace; it is measured and allocated before
 * the first frame, and no frame allocates anything.
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
 * Both ways, every other tensor has a gradient as a whole and is moved as a whole.
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
    size_t m;            /* M, lanes */
    size_t n;            /* N, columns: M targets and K samples; 0 with n_sample = all */
    size_t start;        /* place of its first column among the columns of all frames */
    size_t input_start;  /* place of its first input among the inputs of all frames */
    g4r_real *scores;    /* (M,N) after forward, their gradient G */
    g4r_dropout dropout; /* which random numbers the frame's dropout uses */
} g4r_step_frame;

typedef struct g4r_step {
    g4r_arena arena;
    const g4r_vec *vec;
    const gru4rec_options *options;
    gru4rec_model *model; /* the training's model; borrowed */
    g4r_pool *pool;       /* owned */
    g4r_network network;
    g4r_loss loss;
    g4r_loss_all loss_all; /* used with n_sample = all, in place of columns and loss */
    g4r_optim optim;
    g4r_merge merge_output; /* rows of the output table: columns, then shared inputs */
    g4r_merge merge_input; /* rows of the inputs' own table; empty if inputs are shared */
    uint64_t merge_key;    /* random key of both merges */
    g4r_stop stop;         /* asked now and then during a long forward or backward */
    g4r_rng dropout_rng;
    int32_t n_seen;             /* items with events; their rows are the first ones */
    size_t n_frames;            /* frames since the last update */
    size_t n_columns, n_inputs; /* columns and inputs of these frames */
    g4r_step_frame *frames;     /* (T) the first n_frames are used */
    g4r_real *log_support;      /* (I) ln support; only with logq */
    /*
     * Columns stand frame after frame. Column l of a frame is the target of lane l; the
     * samples follow the targets.
     */
    int32_t *column_items;    /* (T N) item rows of the columns */
    g4r_real *column_weights; /* (T N,D) copies of their rows of the output table */
    g4r_real *column_bias;    /* (N) of one frame: bias minus logq correction */
    int32_t *target_items;    /* (T M) item rows of the targets; only n_sample = all */
    double *log_sums;         /* (T M) see loss_all.h; only n_sample = all */
    int32_t *input_items;     /* (T M) item rows of the inputs */
    g4r_real *scratch;        /* (threads,3N) for the losses */
    double *losses;           /* (M) losses of one frame's lanes */
    g4r_real *partial;        /* (parts - 1,M,D) parts of the gradient of y */
    /* Gradients: */
    g4r_real *dcolumns; /* (T (N+M),D) of column_weights, then of shared inputs */
    g4r_real *dbias;    /* (T N) of the columns' biases */
    g4r_real *dinputs;  /* (T M,width) of the inputs' rows, if inputs are not shared */
    g4r_real *gradients[G4R_MAX_TENSORS]; /* of whole tensors, by number in params.list */
} g4r_step;

/*
 * Prepares a training's steps, and starts the threads. support (I): events of each item;
 * items without events must come last. training and options are borrowed until
 * g4r_step_free(). n_lanes: the most lanes that a frame will have, B or the number of
 * sessions if that is less. stop: asked during long work. Memory comes from the model's
 * allocator. Returns OK, or NOMEM with a message. The caller calls g4r_step_free(), also
 * after an error.
 */
gru4rec_status g4r_step_init(g4r_step *step, gru4rec_training *training,
                             const int64_t *support, const gru4rec_options *options,
                             size_t n_lanes, g4r_stop stop, gru4rec_error *error);
void g4r_step_free(g4r_step *step);
/*
 * Returns the number of threads of a training: option threads, or if that is 0 the number
 * of processors (1 if BLAS cannot be called by several threads).
 */
size_t g4r_step_threads(const gru4rec_options *options);
/*
 * Returns the bytes that g4r_step_init() allocates, without the stacks of the threads.
 * n_lanes as there.
 */
size_t g4r_step_bytes(const g4r_params *params, const gru4rec_options *options,
                      size_t n_lanes);

/*
 * Starts the random numbers of dropout for an epoch; call it before the epoch's first
 * frame. They depend only on option seed and the epoch.
 */
void g4r_step_start(g4r_step *step, int64_t epoch);
/*
 * Computes the next frame of m lanes, and returns the sum of the lanes' losses, which are
 * not yet divided by B. from, inputs and targets (m) are those of the schedule; samples
 * (K) are item rows. There may be at most T frames before an update. If stop says so, the
 * work ends early, and the result is not to be used.
 */
double g4r_step_forward(g4r_step *step, const int32_t *from, const int32_t *inputs,
                        const int32_t *targets, size_t m, const int32_t *samples);
/*
 * Tells whether there are T frames (option bptt) since the last update, so that it is
 * time for one.
 */
bool g4r_step_is_full(const g4r_step *step);
/*
 * Propagates the gradients back through the frames since the last update; there must be
 * at least one frame. The gradients stay in the workspace. If stop says so, the work ends
 * early, and the gradients are not to be used.
 */
void g4r_step_backward(g4r_step *step);
/*
 * Makes one update of the model and the slots: moves them by the gradients of
 * g4r_step_backward(), counts the update in training->updates, and removes all frames, so
 * that the next frame is the first one.
 */
void g4r_step_update(g4r_step *step);

#endif

/*
 * step.h - one training step: forward, loss, backward, update.
 *
 * One workspace, measured and allocated before the first step; a step allocates nothing.
 * With bptt T an update follows T steps of the schedule, frames 0 ... T - 1, and the
 * gradient of their summed cost goes back through all of them; otherwise T is 1. With
 * n_sample = all there are no columns: softmax.h scores the whole table, whose gradient
 * is a dense one then.
 */
#ifndef G4R_STEP_H
#define G4R_STEP_H

#include "loss.h"
#include "../model/model.h"
#include "../model/network.h"
#include "optim.h"
#include "../base/rng.h"
#include "softmax.h"

/* A frame's part of the gathered columns. */
typedef struct g4r_step_frame {
    size_t m;           /* lanes */
    size_t n;           /* columns: M targets, K samples */
    size_t start;       /* of them among all frames' */
    size_t input_start; /* of its M inputs among all frames' */
    g4r_real *scores;   /* (M,N); the loss writes their gradient G over them */
    g4r_dropout dropout;
} g4r_step_frame;

typedef struct g4r_step {
    g4r_arena arena;
    const gru4rec_options *options;
    gru4rec_model *model; /* the training's */
    g4r_pool *pool;
    g4r_network network;
    g4r_loss loss;
    g4r_softmax softmax; /* with n_sample = all, in place of columns and loss */
    g4r_optim optim;
    g4r_merge merge_output;
    g4r_merge merge_input; /* only for modes whose inputs have a table of their own */
    g4r_stop stop;         /* asked now and then during a long forward or backward */
    g4r_rng dropout_rng;
    int32_t n_seen;             /* items with events, the first ones */
    size_t frame;               /* of the next forward */
    size_t n_columns, n_inputs; /* of the frames before it */
    g4r_step_frame *frames;     /* (T) */
    g4r_real *log_support;      /* (I), only with logq */
    int32_t *columns;           /* (T N) item rows of the columns, frame after frame */
    int32_t *targets;           /* (T M) those of the targets, with n_sample = all */
    double *log_sums;           /* (T M) of the softmax likewise */
    int32_t *inputs;            /* (T M) item rows of the inputs */
    g4r_real *rows;             /* (T N,D) output rows of the columns */
    g4r_real *offset;           /* (N) bias less logq correction */
    g4r_real *scratch;          /* (threads,3N) */
    double *losses;             /* (M) */
    g4r_real *partial;          /* (parts - 1,M,D) shares of the top state's gradient */
    g4r_real *drows;   /* (T (N+M),D) gradient of rows; shared: the inputs' behind it */
    g4r_real *dinputs; /* (T M,width) gradient of the inputs' rows, in other modes */
    g4r_real *doffset; /* (T N) gradient of the columns' biases */
    g4r_real *gradients[G4R_MAX_TENSORS]; /* of dense parameters, as params.list */
} g4r_step;

/* n_lanes: the most that a step will have; fewer than B when there are fewer sessions.
 * Memory is from the model's allocator. options: borrowed. */
gru4rec_status g4r_step_init(g4r_step *step, gru4rec_training *training,
                             const int64_t *support, const gru4rec_options *options,
                             size_t n_lanes, g4r_stop stop, gru4rec_error *error);
void g4r_step_free(g4r_step *step);
/* Threads that the option asks for; 0: as many as there are processors. */
size_t g4r_step_threads(const gru4rec_options *options);
/* Bytes that init allocates; the stacks of threads are not counted. */
size_t g4r_step_bytes(const g4r_params *params, const gru4rec_options *options,
                      size_t n_lanes);

/* Before the first step of an epoch: dropout draws that epoch's numbers. */
void g4r_step_start(g4r_step *step, int64_t epoch);
/*
 * Computes the next frame: from, inputs, targets (m) as of the schedule, samples (K).
 * Returns the sum of the lanes' losses. At most T frames before an update.
 */
double g4r_step_forward(g4r_step *step, const int32_t *from, const int32_t *inputs,
                        const int32_t *targets, size_t m, const int32_t *samples);
/* Are there as many frames as an update takes? */
bool g4r_step_is_full(const g4r_step *step);
/* The gradients of the frames computed so far; they stay in the workspace. */
void g4r_step_backward(g4r_step *step);
/* Moves the parameters by those gradients, and begins with frame 0 again. */
void g4r_step_update(g4r_step *step);

#endif

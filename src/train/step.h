/*
 * step.h - training from one update to the next: T frames forward, one way back through
 * them, one update.
 *
 * A frame is a mini-batch of the schedule: M lanes, each with an input and a target. T is
 * 1 but with bptt T, where the gradient of the frames' summed cost goes back through all
 * of them. An epoch is as many frames as the schedule has; what others count as steps is
 * frames. One workspace, measured and allocated before the first frame; after that
 * nothing is allocated.
 *
 *                  columns: targets and samples      n_sample = all (loss_all.h)
 *   forward        network; gathers the columns,     network; scores all items in blocks,
 *                  scores them, loss; turns the      loss; keeps a sum for each lane
 *                  scores into their gradient G
 *   backward       from G to the columns and to      scores them again in blocks, from G
 *                  the top layer; network            to the table and to the top layer;
 *                                                    network
 *   update         rows of columns and inputs, each  the whole table; rows of inputs where
 *                  once (merge.h)                    they have a table of their own
 *
 * The other tensors have gradients and updates as a whole in both.
 */
#ifndef G4R_STEP_H
#define G4R_STEP_H

#include "loss.h"
#include "../model/model.h"
#include "../model/network.h"
#include "optim.h"
#include "../base/rng.h"
#include "loss_all.h"

/* A frame's part of the gathered columns. */
typedef struct g4r_step_frame {
    size_t m;           /* lanes */
    size_t n;           /* columns: M targets, K samples; none with n_sample = all */
    size_t start;       /* of them among all frames' */
    size_t input_start; /* of its M inputs among all frames' */
    g4r_real *scores;   /* (M,N); forward leaves their gradient G */
    g4r_dropout dropout;
} g4r_step_frame;

typedef struct g4r_step {
    g4r_arena arena;
    const g4r_vec *vec;
    const gru4rec_options *options;
    gru4rec_model *model; /* the training's */
    g4r_pool *pool;
    g4r_network network;
    g4r_loss loss;
    g4r_loss_all loss_all; /* with n_sample = all, in place of columns and loss */
    g4r_optim optim;
    g4r_merge merge_output; /* columns first, then shared inputs */
    g4r_merge merge_input;  /* only for modes whose inputs have a table of their own */
    uint64_t merge_key;     /* of both */
    g4r_stop stop;          /* asked now and then during a long forward or backward */
    g4r_rng dropout_rng;
    int32_t n_seen;             /* items with events, the first ones; set by init */
    size_t n_frames;            /* since the last update */
    size_t n_columns, n_inputs; /* of these */
    g4r_step_frame *frames;     /* (T) */
    g4r_real *log_support;      /* (I), only with logq */
    /*
     * Columns stand frame after frame. Column l of a frame is the target of its lane l;
     * the samples follow the targets.
     */
    int32_t *column_items;    /* (T N) */
    g4r_real *column_weights; /* (T N,D) their rows of the output table */
    g4r_real *column_bias;    /* (N) bias less logq correction, of one frame */
    int32_t *target_items;    /* (T M) the targets, with n_sample = all */
    double *log_sums;         /* (T M) likewise, see loss_all.h */
    int32_t *input_items;     /* (T M) */
    g4r_real *scratch;        /* (threads,3N) */
    double *losses;           /* (M) */
    g4r_real *partial;        /* (parts - 1,M,D) shares of the top state's gradient */
    /* Gradients: */
    g4r_real *dcolumns; /* (T (N+M),D) of column_weights; shared inputs' behind them */
    g4r_real *dbias;    /* (T N) of the columns' biases */
    g4r_real *dinputs;  /* (T M,width) of the inputs' rows, where these are not shared */
    g4r_real *gradients[G4R_MAX_TENSORS]; /* of whole tensors, as params.list */
} g4r_step;

/* n_lanes: the most that a frame will have; fewer than B when there are fewer sessions.
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

/* Before the first frame of an epoch: dropout draws that epoch's numbers. */
void g4r_step_start(g4r_step *step, int64_t epoch);
/*
 * Computes the next frame and its loss: from, inputs, targets (m) as of the schedule,
 * samples (K). Returns the sum of the lanes' losses. At most T frames before an update.
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

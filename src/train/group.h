/*
 * group.h - the work on the lanes of one group, from the network to its part of the
 * gradients of an update.
 *
 * A frame is what is computed between two draws of samples. Its lanes belong to groups: a
 * training in one process has one group, and a training over several processes has one
 * for each process (option groups: as many groups in one process, to compare with). Each
 * group runs a schedule of its own. The lanes of a frame stand group after group. They
 * have the columns of the frame in common, targets of all groups and samples, and also
 * the keys of its dropout. A group that has run out of sessions has no lanes in the
 * frames that follow.
 *
 * What is added up over lanes is added up over each group's lanes first. The sums of the
 * groups are then added in the order of the groups (step.h), so the result has the same
 * bits wherever they were computed.
 */
#ifndef G4R_GROUP_H
#define G4R_GROUP_H

#include "columns.h"
#include "loss.h"
#include "loss_all.h"
#include "optim.h"
#include "../model/network.h"

/* A frame, and where its columns and inputs stand among those of all frames. */
typedef struct g4r_group_frame {
    size_t m;           /* M, lanes of all groups */
    size_t n;           /* N, columns: M targets and K samples; 0 with n_sample = all */
    size_t start;       /* place of its first column among the columns of all frames */
    size_t input_start; /* place of its first input among the inputs of all frames */
    /*
     * The dropout's probabilities, and the keys of its random numbers; backward uses the
     * same ones as forward.
     */
    g4r_dropout dropout;
} g4r_group_frame;

/*
 * Gradients that are sums over lanes: of one group's lanes, or of all lanes. They are
 * those of all frames since the last update.
 */
typedef struct g4r_group_sums {
    /* (T N,D) of the columns' rows of the output table, in the order of column_items */
    g4r_real *columns;
    g4r_real *bias; /* (T N) of the columns' biases */
    /*
     * Of whole tensors, by number in params.list; NULL for a tensor of which only single
     * rows are moved.
     */
    g4r_real *tensors[G4R_MAX_TENSORS];
} g4r_group_sums;

/*
 * What the groups of this process have in common: the settings, the frames since the last
 * update with their columns, and scratch memory, which one group uses after the other.
 * M: lanes of a frame; B: the most lanes of a group.
 */
typedef struct g4r_group_common {
    const g4r_vec *vec;
    const gru4rec_options *options;
    const gru4rec_model *model;
    const g4r_optim *optim; /* whose rows are prefetched */
    g4r_products products;  /* what multiplies */
    g4r_pool *pool;
    g4r_stop stop;  /* asked between blocks of items and between frames */
    g4r_real scale; /* 1 / (number of groups x batch_size): losses become costs by it */
    g4r_loss loss;
    /* Takes the place of loss and of the columns if n_sample = all; unused otherwise. */
    g4r_loss_all loss_all;
    size_t n_frames;            /* frames computed since the last update */
    size_t n_columns, n_inputs; /* columns and inputs of all these frames */
    g4r_group_frame *frames;    /* (T) the first n_frames are used */
    g4r_real *log_support;      /* (I) ln support; only with logq */
    /*
     * Columns stand frame after frame. Column l of a frame is the target of lane l; the
     * samples follow the targets.
     */
    int32_t *column_items; /* (T N) item rows of the columns */
    g4r_columns columns;   /* their rows of the output table */
    g4r_real *column_bias; /* (N) of the last frame: bias minus logq correction */
    int32_t *input_items;  /* (T M) item rows of the inputs */
    int32_t *target_items; /* (T M) item rows of the targets; only n_sample = all */
    double *log_sums;      /* (T M) filled by loss_all's forward; only n_sample = all */
    /*
     * (T M,width) gradients of the inputs' rows, in the order of input_items. No sums:
     * each lane has its own.
     */
    g4r_real *dinputs;
    g4r_real *scratch; /* (threads,3N) scratch of g4r_loss_row() */
    double *losses;    /* (B) losses of the lanes of the last group */
    /*
     * (parts - 1,B,D) the part of the gradient of y that comes from each part of the
     * columns but the first.
     */
    g4r_real *partial;
} g4r_group_common;

/* The lanes of a group in one frame. */
typedef struct g4r_group_lanes {
    size_t m;     /* their number, at least 1 */
    size_t first; /* number of lanes of the groups before */
    /* (m,N) the scores during forward; when forward returns, their gradient G. */
    g4r_real *scores;
} g4r_group_lanes;

/* A group: its network, and its lanes in the frames since the last update. */
typedef struct g4r_group {
    g4r_network network;
    /*
     * Frames in which the group has lanes. They are the first ones, because a group that
     * has run out gets no lanes before the next update.
     */
    size_t n_frames;
    g4r_group_lanes *lanes; /* (T) the first n_frames are used */
} g4r_group;

/*
 * Carves the group's arrays from the arena, for frames of up to n_lanes lanes of its own
 * and n_columns columns. Afterwards the network must be bound.
 */
void g4r_group_layout(g4r_group *group, g4r_arena *arena, const g4r_params *params,
                      size_t n_lanes, size_t n_columns, size_t n_frames);
/*
 * Carves the scratch memory of *common from the arena, and its columns, for up to n_lanes
 * lanes of a group, n_columns columns of a frame, and n_frames frames.
 */
void g4r_group_layout_common(g4r_group_common *common, g4r_arena *arena,
                             const g4r_params *params, size_t n_lanes, size_t n_columns,
                             size_t n_frames, size_t n_threads);
/*
 * Computes a group's lanes of frame t forward, and keeps them for g4r_group_backward().
 * Returns the sum of their losses, not multiplied by scale. The frame must be filled, and
 * the items of its columns and inputs listed. lanes: those of the group's schedule;
 * first: number of lanes of the groups before. gathers: copy the rows of the columns;
 * the first group with lanes must do so, and the others must not. Does nothing if the
 * group has no lanes, and returns 0. If stop says so, the loss over all items ends early,
 * and the result must not be used.
 */
double g4r_group_forward(g4r_group_common *common, g4r_group *group, size_t t,
                         const gru4rec_lanes *lanes, size_t first, bool gathers);
/*
 * Propagates the gradients of the group's costs back through all frames since the last
 * update, the last frame first. Overwrites *sums with the sums over the group's lanes,
 * which are zeros where it has none, and common->dinputs at its lanes. If all items are
 * scored and inputs share their table, the sum of the table contains the inputs. If stop
 * says so, the work ends early, and the results must not be used.
 */
void g4r_group_backward(g4r_group_common *common, g4r_group *group,
                        const g4r_group_sums *sums);

/*
 * Tells whether all items are scored (n_sample = all): the loss is a softmax over all
 * items, and there are no columns.
 */
static inline bool g4r_group_scores_all(const g4r_group_common *common)
{
    return common->options->n_sample == GRU4REC_N_SAMPLE_ALL;
}

/*
 * Returns the width of a row of the table that inputs are looked up in. This is the width
 * of the embedding, or of the output table if inputs share it, or the 3h gates of a
 * one-hot first layer.
 */
static inline size_t g4r_group_input_cols(const g4r_params *params)
{
    return (size_t)params->list[params->embedding].cols;
}

#endif

/*
 * step.h (L4) - one training step: forward, loss, backward, update (algorithm 7.1). Uses
 * network, loss, optim.
 *
 * One workspace, measured and allocated before the first step; a step allocates nothing.
 */
#ifndef G4R_STEP_H
#define G4R_STEP_H

#include "loss.h"
#include "model.h"
#include "network.h"
#include "optim.h"
#include "rng.h"

typedef struct g4r_step {
    gru4rec_allocator allocator;
    g4r_arena arena;
    gru4rec_model *model;
    g4r_network network;
    g4r_loss loss;
    g4r_optim optim;
    g4r_merge merge_output,
        merge_input; /* the second only for modes with their own table */
    g4r_rng dropout_rng;
    g4r_dropout dropout;
    size_t batch_size; /* B, the divisor of the cost */
    size_t n_live;     /* M of the last step */
    size_t n_sample;   /* K */
    g4r_real logq, sample_alpha;
    g4r_real *log_support; /* (I), only with logq */
    int32_t *columns;      /* (N) item rows: M targets, K samples */
    g4r_real *rows;        /* (N,D) output rows of the columns */
    g4r_real *offset;      /* (N) bias less logq correction */
    g4r_real *scores;      /* (M,N), then their gradient G */
    g4r_real *scratch;     /* (2N) */
    g4r_real *drows;       /* (N+M,D) gradient of rows; shared: of the inputs behind it */
    g4r_real *doffset;     /* (N) gradient of the columns' biases */
    g4r_real *gradients[G4R_MAX_TENSORS]; /* of dense parameters, as params.list */
} g4r_step;

/* n_lanes: the most that a step will have; fewer than B when there are fewer sessions. */
gru4rec_status g4r_step_init(g4r_step *step, gru4rec_model *model, const int64_t *support,
                             const gru4rec_options *options, size_t n_lanes,
                             const gru4rec_allocator *allocator, gru4rec_error *error);
void g4r_step_free(g4r_step *step);
/* Bytes that init allocates. */
size_t g4r_step_bytes(const g4r_params *params, const gru4rec_options *options,
                      size_t n_lanes);

/*
 * Forward and backward: from, inputs, targets (m) as of the schedule, samples (K).
 * Returns the sum of the lanes' losses. The gradients stay in the workspace.
 */
double g4r_step_gradient(g4r_step *step, const int32_t *from, const int32_t *inputs,
                         const int32_t *targets, size_t m, const int32_t *samples);
/* Moves the parameters by those gradients; inputs as before. */
void g4r_step_update(g4r_step *step, const int32_t *inputs);

#endif

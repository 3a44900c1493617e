/*
 * network.h (L3) - the stack of GRU layers over M lanes: item rows in, top state out, and
 * back (algorithm 3). Uses cell, params, arena.
 *
 * Carried states are those after dropout (algorithm 3.5), constants for the next step.
 */
#ifndef G4R_NETWORK_H
#define G4R_NETWORK_H

#include "cell.h"
#include "params.h"

/* Which numbers this step's dropout draws; p 0: none. */
typedef struct g4r_dropout {
    g4r_real p_embed, p_hidden;
    uint32_t key_embed, key_hidden; /* layer i uses key_hidden + i */
} g4r_dropout;

typedef struct g4r_network {
    const g4r_params *params;
    g4r_real *const *values;
    const g4r_vec *vec;
    g4r_real *x;      /* (B, n_in) gathered input rows; not for one-hot */
    g4r_real *x_mask; /* (B, n_in) */
    g4r_cell_state cells[GRU4REC_MAX_LIST];
    g4r_real *masks[GRU4REC_MAX_LIST];  /* (B, h) */
    g4r_real *dstate[GRU4REC_MAX_LIST]; /* (B, h) */
    g4r_real *dx;                       /* (B, n_in) gradient of x; not for one-hot */
} g4r_network;

/* values may be set later, when they are measured with the network. */
void g4r_network_layout(g4r_network *network, g4r_arena *arena, const g4r_params *params,
                        size_t n_lanes, bool is_training);
/*
 * Lane l goes on from the state that lane from[l] reached in the last step, or from zero
 * where from[l] is -1. from (m), from[l] >= l or -1.
 */
void g4r_network_carry(g4r_network *network, const int32_t *from, size_t m);
/* Feeds rows (m). dropout: NULL when not training. */
void g4r_network_forward(g4r_network *network, const int32_t *rows, size_t m,
                         const g4r_dropout *dropout);
/* The top layer's state, (M, D). */
g4r_real *g4r_network_top(const g4r_network *network);
/* Where the gradient of the top state belongs before backward, (M, D). */
g4r_real *g4r_network_dtop(const g4r_network *network);
/*
 * Overwrites the gradients of all dense parameters. The gradients of the gathered rows
 * are then in g4r_network_drows(), (M, width): of x, or of the one-hot layer's input.
 */
void g4r_network_backward(g4r_network *network, g4r_real *const *gradients, size_t m,
                          const g4r_dropout *dropout);
g4r_real *g4r_network_drows(const g4r_network *network);

#endif

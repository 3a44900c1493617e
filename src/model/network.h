/*
 * network.h - the stack of layers over M lanes: item rows in, top state out, and
 * back.
 *
 * GRU layers, then dense ones (feedforward). Carried states are those after dropout.
 * A frame is one mini-batch of the schedule; training that goes back
 * through several has as many, all others one.
 */
#ifndef G4R_NETWORK_H
#define G4R_NETWORK_H

#include "cell.h"
#include "params.h"

/* Which numbers this frame's dropout draws; p 0: none. */
typedef struct g4r_dropout {
    g4r_real p_embed, p_hidden;
    uint32_t key_embed, key_hidden; /* layer i uses key_hidden + i */
} g4r_dropout;

typedef struct g4r_network_frame {
    size_t m;      /* lanes */
    int32_t *from; /* (M) lane of the frame before whose state goes on here; -1: none */
    g4r_real *x;   /* (B,n_in) gathered input rows; not for one-hot */
    g4r_real *x_mask; /* (B,n_in) */
    g4r_cell_pass cells[GRU4REC_MAX_LIST];
    g4r_real *masks[GRU4REC_MAX_LIST]; /* (B,h) */
    g4r_real *dense[GRU4REC_MAX_LIST]; /* (B,n_out) values of the dense layers */
} g4r_network_frame;

typedef struct g4r_network {
    const g4r_params *params;
    g4r_real *const *values;
    const g4r_vec *vec;
    g4r_pool *pool; /* or NULL */
    /* Each lane's values have the bits that they have in a network of one lane, as serving
     * is; false as laid out. */
    bool by_rows;
    g4r_network_frame *frames; /* (n_frames) as laid out */
    size_t last;               /* frame whose state the next one carries on */
    /* Scratch of backward, (B, width): */
    g4r_real *dstate[GRU4REC_MAX_LIST]; /* of the states of the frame at work */
    g4r_real *dcarry[GRU4REC_MAX_LIST]; /* of them, from the frame behind it */
    g4r_real *ddense[GRU4REC_MAX_LIST]; /* of the dense layers' values */
    g4r_real *slope;                    /* widest dense layer */
} g4r_network;

/* n_frames: 1 when not training. */
void g4r_network_layout(g4r_network *network, g4r_arena *arena, const g4r_params *params,
                        size_t n_lanes, size_t n_frames, bool is_training);
/* The longest side of a matrix of weights that are no item's. */
size_t g4r_network_side(const g4r_params *params);
/* After the layout: the parameters' values, and who shares the work (NULL: nobody). Both
 * are borrowed. */
void g4r_network_bind(g4r_network *network, g4r_real *const *values, g4r_pool *pool);
/*
 * Lane l of frame t goes on from the state that lane from[l] reached in the frame
 * before it, or from zero where from[l] is -1. from (m), from[l] >= l or -1.
 */
void g4r_network_carry(g4r_network *network, size_t t, const int32_t *from, size_t m);
/* Feeds rows (m). dropout: NULL when not training. */
void g4r_network_forward(g4r_network *network, size_t t, const int32_t *rows, size_t m,
                         const g4r_dropout *dropout);
/* The same from states of the GRU layers (M,h) that the caller put into the frame. */
void g4r_network_resume(g4r_network *network, size_t t, size_t m);
/* What the scores are made of: the top layer's values, (M, D). */
g4r_real *g4r_network_top(const g4r_network *network, size_t t);
/* Where their gradient belongs before backward, (M, D). */
g4r_real *g4r_network_dtop(const g4r_network *network);
/*
 * From the last frame to the first: overwrites the gradients of all whole tensors with the
 * last, adds to them with the others. drows (M, width) out: gradients of the gathered
 * rows, of x or of the one-hot layer's input.
 */
void g4r_network_backward(g4r_network *network, size_t t, size_t last_frame,
                          g4r_real *const *gradients, g4r_real *drows,
                          const g4r_dropout *dropout);

#endif

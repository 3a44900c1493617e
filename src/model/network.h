/*
 * network.h - all layers of a model, at work on M lanes, forward and backward.
 *
 * Forward turns the row of an item for each lane into the values of the top layer. The
 * GRU layers come first, then the dense layers (option feedforward). The state that a
 * lane carries to the next step is the state after dropout. A frame holds one mini-batch
 * of the schedule. Training with bptt above 1 goes back through several mini-batches, and
 * has as many frames; all others have one frame. None of these functions can fail. Before
 * forward and backward the thread must have entered BLAS (blas.h); only a network of one
 * lane with PyTorch's cell may go forward without.
 */
#ifndef G4R_NETWORK_H
#define G4R_NETWORK_H

#include "cell.h"
#include "params.h"

/* The dropout of one frame: its probabilities, and the keys of its random numbers. */
typedef struct g4r_dropout {
    g4r_real p_embed, p_hidden;     /* of the input rows, of the states; 0: no dropout */
    uint32_t key_embed, key_hidden; /* layer i uses key_hidden + i */
} g4r_dropout;

typedef struct g4r_network_frame {
    size_t m;         /* number of live lanes */
    int32_t *from;    /* (M) see g4r_network_carry() */
    g4r_real *x;      /* (B,n_in) gathered input rows; unused with one-hot input */
    g4r_real *x_mask; /* (B,n_in) dropout mask of x */
    g4r_cell_pass cells[GRU4REC_MAX_LIST];
    g4r_real *masks[GRU4REC_MAX_LIST]; /* (B,h) dropout masks of the states */
    g4r_real *dense[GRU4REC_MAX_LIST]; /* (B,n_out) values of the dense layers */
} g4r_network_frame;

typedef struct g4r_network {
    const g4r_params *params;
    g4r_real *const *values; /* borrowed, see g4r_network_bind() */
    const g4r_vec *vec;
    g4r_pool *pool; /* borrowed, or NULL */
    /*
     * If true, each lane's values have the same bits as in a network of one lane, which
     * is what serving uses. g4r_network_layout() sets it to false.
     */
    bool by_rows;
    g4r_network_frame *frames; /* (n_frames) one for each mini-batch of an update */
    size_t last;               /* the frame whose states g4r_network_carry() carries on */
    /*
     * Scratch of backward, (B, width of the layer). dstate: gradient of the states of the
     * frame at work. dcarry: the part of it that comes from the frame after that one.
     */
    g4r_real *dstate[GRU4REC_MAX_LIST];
    g4r_real *dcarry[GRU4REC_MAX_LIST];
    g4r_real *ddense[GRU4REC_MAX_LIST]; /* gradient of the dense layers' values */
    g4r_real *slope; /* (width of the widest dense layer) slopes for one lane */
} g4r_network;

/*
 * Sets up the network, and carves its arrays for n_lanes lanes and n_frames frames from
 * the arena. Called twice, as all layout functions (arena.h). params is borrowed as long
 * as the network is used. If is_training is false, n_frames is 1, and there is no room
 * for dropout and backward.
 */
void g4r_network_layout(g4r_network *network, g4r_arena *arena, const g4r_params *params,
                        size_t n_lanes, size_t n_frames, bool is_training);
/*
 * Returns the longest side of all weight matrices but those with a row for each item: the
 * largest of the widths of the layers' inputs, of 3h of the GRU layers, and of the dense
 * layers' widths.
 */
size_t g4r_network_side(const g4r_params *params);
/*
 * Gives the network the values of its parameters, and the threads that share its work
 * (NULL: none). Both are borrowed as long as the network is used. Call it after the
 * layout.
 */
void g4r_network_bind(g4r_network *network, g4r_real *const *values, g4r_pool *pool);
/*
 * Sets the states that frame t begins with, and makes t the last frame (network->last).
 * Lane l begins with the state that lane from[l] reached in the frame before
 * (network->last), or with zeros if from[l] is -1. from (m) is copied into the frame;
 * from[l] is -1 or at least l.
 */
void g4r_network_carry(g4r_network *network, size_t t, const int32_t *from, size_t m);
/*
 * Computes all layers of frame t for m lanes, from the states that g4r_network_carry()
 * has set; lane l gets the item in row rows[l]. Call g4r_network_carry() first. dropout
 * is NULL without training.
 */
void g4r_network_forward(g4r_network *network, size_t t, const int32_t *rows, size_t m,
                         const g4r_dropout *dropout);
/*
 * Computes the dense layers of frame t for m lanes, from states of the GRU layers
 * (cells[i].state) that the caller has written into the frame. Makes t the last frame:
 * the next g4r_network_carry() carries on from these states.
 */
void g4r_network_resume(g4r_network *network, size_t t, size_t m);
/* Returns the values of the top layer in frame t, (M,D), from which scores are made. */
g4r_real *g4r_network_top(const g4r_network *network, size_t t);
/*
 * Returns the place, (M,D), where the caller writes the gradient of the top layer's
 * values before it calls backward.
 */
g4r_real *g4r_network_dtop(const g4r_network *network);
/*
 * Goes back through frame t of an update whose last frame is last_frame. Call it for the
 * last frame first, then for the others down to 0. Before each call, the caller writes
 * the gradient of this frame's top values to g4r_network_dtop(); the call may overwrite
 * that gradient. Writes the gradients of all tensors that have no row per item: the call
 * for the last frame overwrites gradients, and the others add to them. Writes into drows
 * the gradients of the gathered rows: (M,n_in) of x, or (M,3h) of the rows that the
 * one-hot layer looks up. dropout must be that of the frame's forward.
 */
void g4r_network_backward(g4r_network *network, size_t t, size_t last_frame,
                          g4r_real *const *gradients, g4r_real *drows,
                          const g4r_dropout *dropout);

#endif

/*
 * network.h - all layers of a model, at work on M lanes, forward and backward.
 *
 * Forward takes the row of one item for each lane, and computes the values of the top
 * layer. The GRU layers come first, then the dense layers (option feedforward). The state
 * that a lane carries to the next step is the state after dropout. A frame holds one
 * mini-batch of the schedule. Training with bptt T goes back through T mini-batches, so
 * its network has T frames; every other network has one. None of these functions can
 * fail. Before forward and backward the thread must have entered BLAS (blas.h); only a
 * network of one lane with PyTorch's cell may go forward without.
 */
#ifndef G4R_NETWORK_H
#define G4R_NETWORK_H

#include "cell.h"
#include "params.h"

/* The dropout of one frame: its probabilities, and the keys of its random numbers. */
typedef struct g4r_dropout {
    /* Probabilities of the dropout of input rows, and of states. 0: no dropout. */
    g4r_real p_embed, p_hidden;
    /* Layer i uses the key key_hidden + i. */
    uint32_t key_embed, key_hidden;
    /*
     * Number of lanes of the frame that stand before the network's lanes, because other
     * networks have them. The random numbers of a lane depend on its place in the frame.
     */
    uint32_t first;
} g4r_dropout;

typedef struct g4r_network_frame {
    /* Number of live lanes M, set by g4r_network_forward() and g4r_network_resume(). */
    size_t m;
    /* (M) copy of g4r_network_carry()'s argument, which backward reads. */
    int32_t *from;
    /* (B,n_in) the input rows of the lanes, after dropout. Unused with one-hot input. */
    g4r_real *x;
    /* (B,n_in) the mask by which dropout multiplied x. Only for training. */
    g4r_real *x_mask;
    g4r_cell_pass cells[GRU4REC_MAX_LIST];
    /*
     * (B,h) for each GRU layer: the mask of the dropout of its states. Only for training.
     */
    g4r_real *masks[GRU4REC_MAX_LIST];
    /* (B,n_out) for each dense layer: its values, after the activation. */
    g4r_real *dense[GRU4REC_MAX_LIST];
} g4r_network_frame;

typedef struct g4r_network {
    const g4r_params *params;
    /* The values of each tensor, by the tensor's index in params. Borrowed. */
    g4r_real *const *values;
    const g4r_vec *vec;
    /*
     * What multiplies; borrowed. g4r_network_layout() sets it to NULL: in float32; the
     * caller may set it afterwards.
     */
    const g4r_products *products;
    /* The threads that share the work of a layer. Borrowed. NULL: no other threads. */
    g4r_pool *pool;
    /*
     * If true, each lane's values have the same bits as in a network of one lane, which
     * is what serving uses. g4r_network_layout() sets it to false; the caller may set it
     * to true afterwards. Only forward reads it.
     */
    bool by_rows;
    g4r_network_frame *frames; /* (n_frames) one for each mini-batch of an update */
    /*
     * The frame that was carried into last (g4r_network_carry(), g4r_network_resume()).
     * The next carry reads its states. The layout sets it to n_frames - 1.
     */
    size_t last;
    /*
     * Scratch of backward, (B,h) for each GRU layer. dstate: gradient of the states of
     * the frame that backward works on. dcarry: gradient that the frame after it has
     * handed back to these states.
     */
    g4r_real *dstate[GRU4REC_MAX_LIST];
    g4r_real *dcarry[GRU4REC_MAX_LIST];
    /* (B,n_out) scratch of backward for each dense layer: gradient of its values. */
    g4r_real *ddense[GRU4REC_MAX_LIST];
    /* (width of the widest dense layer) scratch of backward: slopes of one lane. */
    g4r_real *slope;
} g4r_network;

/*
 * Sets up the network, and carves its arrays for n_lanes lanes and n_frames frames from
 * the arena. Call it twice, as all layout functions (arena.h). Sets by_rows to false,
 * products to NULL and last to n_frames - 1. params is borrowed as long as the network is
 * used. If is_training is false, there is no room for dropout and backward, and n_frames
 * must be 1. Afterwards g4r_network_bind() must be called.
 */
void g4r_network_layout(g4r_network *network, g4r_arena *arena, const g4r_params *params,
                        size_t n_lanes, size_t n_frames, bool is_training);
/*
 * Returns the largest number of rows or columns of the matrices that the products use,
 * those with a row for each item left out: the maximum of n_in and 3h of the GRU layers
 * and of n_out of the dense layers; at least 1.
 */
size_t g4r_network_side(const g4r_params *params);
/*
 * Gives the network the values of its tensors, and the pool whose threads share its work
 * (NULL: none). Only the pointers are stored; both are borrowed as long as the network is
 * used.
 */
void g4r_network_bind(g4r_network *network, g4r_real *const *values, g4r_pool *pool);
/*
 * Sets the states that frame t begins with (old of each GRU layer) for m lanes. Lane l
 * begins with the state that lane from[l] has reached in frame network->last, or with
 * zeros if from[l] is -1. Then t becomes network->last. from (m) is copied into the
 * frame, for backward.
 */
void g4r_network_carry(g4r_network *network, size_t t, const int32_t *from, size_t m);
/*
 * Computes all layers of frame t for m lanes, from the states that g4r_network_carry()
 * has set, which must be called before. rows (m): lane l gets the item in row rows[l].
 * The result is in g4r_network_top(); the new states stay in the frame. dropout: applied
 * to input rows and states, with its masks kept for backward; NULL: none.
 */
void g4r_network_forward(g4r_network *network, size_t t, const int32_t *rows, size_t m,
                         const g4r_dropout *dropout);
/*
 * Computes the dense layers of frame t for m lanes, without the GRU layers: the caller
 * has written their states (cells[i].state) into the frame. Sets frame t's m, and makes t
 * network->last, so that the next g4r_network_carry() goes on from these states.
 */
void g4r_network_resume(g4r_network *network, size_t t, size_t m);
/*
 * Returns the values of the top layer in frame t, (M,D), from which scores are made: of
 * the last dense layer, or of the last GRU layer if there is none. They belong to the
 * frame.
 */
g4r_real *g4r_network_top(const g4r_network *network, size_t t);
/*
 * Returns the array (B,D) into which the caller writes the gradient of the top layer's
 * values before each g4r_network_backward().
 */
g4r_real *g4r_network_dtop(const g4r_network *network);
/*
 * Goes back through frame t of an update with the frames 0 ... last_frame. Call it for
 * last_frame first, then for the others down to 0. Before each call, the caller writes
 * the gradient of this frame's top values into g4r_network_dtop(); the call may overwrite
 * it.
 *
 * Writes the gradients of all tensors that have no row for each item into gradients, by
 * the tensor's index: the call for last_frame overwrites them, and the others add to
 * them. Always overwrites drows with the gradients of the rows that forward has gathered:
 * (M,n_in) of the input rows, or (M,3h) of the rows that the one-hot layer looks up.
 * dropout must be that of the frame's forward, and not NULL.
 */
void g4r_network_backward(g4r_network *network, size_t t, size_t last_frame,
                          g4r_real *const *gradients, g4r_real *drows,
                          const g4r_dropout *dropout);

#endif

/*
 * session.h - the hidden state of one visitor, for the files of this folder.
 *
 * The scores of a session are computed from its vector x (D): the values of the network's
 * top layer, g4r_network_top(&session->network, 0).
 */
#ifndef G4R_SESSION_H
#define G4R_SESSION_H

#include "../model/model.h"
#include "../model/network.h"

/* The session of one visitor. The network has its hidden state. */
struct gru4rec_session {
    gru4rec_allocator allocator;
    g4r_arena arena;
    const gru4rec_model *model; /* borrowed */
    g4r_network network;        /* one lane, one frame */
    /*
     * A step has products that our own scan kernel cannot compute, because a layer has
     * the original's cell. So each step must enter BLAS.
     */
    bool needs_blas;
    int32_t last_row; /* row of the last item of a step; -1: there is none */
};

#endif

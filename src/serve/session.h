/*
 * session.h - the hidden state of one visitor, for the files of this folder.
 *
 * The scores of a session are made from its vector x (D), which is
 * g4r_network_top(&session->network, 0).
 */
#ifndef G4R_SESSION_H
#define G4R_SESSION_H

#include "../model/model.h"
#include "../model/network.h"

struct gru4rec_session {
    gru4rec_allocator allocator;
    g4r_arena arena;
    const gru4rec_model *model; /* borrowed */
    g4r_network network;        /* one lane, one frame */
    bool needs_blas;  /* a step has products that our own scan kernel cannot compute */
    int32_t last_row; /* row of the last item given, or -1 if there is none */
};

#endif

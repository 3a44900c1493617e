/*
 * session.h - a session, as ranking.c and batch.c see it: its model, and as the
 * network's top in frame 0, (D), what its scores are made of.
 */
#ifndef G4R_SESSION_H
#define G4R_SESSION_H

#include "../model/model.h"
#include "../model/network.h"

struct gru4rec_session {
    gru4rec_allocator allocator;
    g4r_arena arena;
    const gru4rec_model *model;
    g4r_network network;
    bool needs_blas;  /* for more than products of one row with whole matrices */
    int32_t last_row; /* given last, or -1 */
};

#endif

/*
 * session.h - what ranking.c and batch.c see of a session. Uses model.
 */
#ifndef G4R_SESSION_H
#define G4R_SESSION_H

#include "../model/model.h"

const gru4rec_model *g4r_session_model(const gru4rec_session *session);
/* What its scores are made of, (D). */
const g4r_real *g4r_session_top(const gru4rec_session *session);

#endif

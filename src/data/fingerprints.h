/*
 * fingerprints.h - computes the fingerprints of sessions, by which a model knows which
 * sessions it was trained on; see gru4rec.h.
 */
#ifndef G4R_FINGERPRINTS_H
#define G4R_FINGERPRINTS_H

#include "events.h"

/*
 * Allocates and fills events->prints with the fingerprints of all sessions' events and
 * items. The events of the session at place s in visiting order are
 * permutation[offsets[s]] ... permutation[offsets[s + 1] - 1], in order; the shapes are
 * offsets (S + 1) and permutation (n). Returns false if there is not enough memory, or if
 * the watch stopped the work.
 */
bool g4r_fingerprints_make(gru4rec_events *events, const int64_t *offsets,
                           const uint32_t *permutation, g4r_stop_watch *watch);

#endif

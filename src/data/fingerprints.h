/*
 * fingerprints.h - fingerprints of sessions, by which a model knows those that it was
 * trained on; see gru4rec.h.
 */
#ifndef G4R_TRACE_H
#define G4R_TRACE_H

#include "events.h"

/*
 * Fills events->prints. The events are in order: offsets (S + 1) and permutation (n), by
 * place in visiting order. False when memory is short, or it was stopped.
 */
bool g4r_fingerprints_make(gru4rec_events *events, const int64_t *offsets,
                           const uint32_t *permutation, g4r_stop_watch *watch);

#endif

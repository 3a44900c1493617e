/*
 * order.h - sorts collected events: session by session, and within a session by (time,
 * order, item). order is the number that gru4rec_events_add() got to break ties in time.
 */
#ifndef G4R_ORDER_H
#define G4R_ORDER_H

#include "events.h"

/* Returns the number of event i that breaks ties in time. */
int64_t g4r_order_of(const gru4rec_events *events, uint32_t i);
/*
 * Frees the column of these numbers if they ascend from event to event: the events'
 * places then give the same order. Otherwise, or if the watch says stop, nothing changes.
 */
void g4r_order_drop_plain(gru4rec_events *events, g4r_stop_watch *watch);
/*
 * Fills permutation (n) with the numbers of all events in order, session by session:
 * those of session s stand at offsets[s] ... offsets[s + 1] - 1. offsets (S + 1) must be
 * zeroed before; S is events->n_sessions. Returns false if there is not enough memory, or
 * if the watch said stop; permutation and offsets are then worth nothing.
 */
bool g4r_order_events(const gru4rec_events *events, int64_t *offsets,
                      uint32_t *permutation, g4r_stop_watch *watch);

#endif

/*
 * order.h - sorts collected events: session by session, and within a session by (time,
 * order, item). order is the number that gru4rec_events_add() got to break ties in time.
 */
#ifndef G4R_ORDER_H
#define G4R_ORDER_H

#include "events.h"

/*
 * Returns the number that breaks ties between events of the same time, for event i: the
 * order that it was added with, or i itself if the columns of orders were freed.
 */
int64_t g4r_order_of(const gru4rec_events *events, uint32_t i);
/*
 * If the numbers that break ties do not ascend from each event to the next, or if the
 * caller asks to stop (watch), nothing changes. Otherwise frees their column (order or
 * wide_order): the events' indexes then break ties in the same way.
 */
void g4r_order_drop_plain(gru4rec_events *events, g4r_stop_watch *watch);
/*
 * Fills permutation (n) with the indexes of all events in order, session by session, and
 * offsets (S + 1) with where each session begins: the events of session s stand at
 * offsets[s] ... offsets[s + 1] - 1. offsets must be zeroed before; S is
 * events->n_sessions. Returns false if there is not enough memory, or if the caller asked
 * to stop (watch); permutation and offsets are then not to be used.
 */
bool g4r_order_events(const gru4rec_events *events, int64_t *offsets,
                      uint32_t *permutation, g4r_stop_watch *watch);

#endif

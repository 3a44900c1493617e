/*
 * order.h - sorts collected events: session by session, and within a session by (time,
 * order, item). order is the number that gru4rec_events_add() got to break ties in time.
 */
#ifndef G4R_ORDER_H
#define G4R_ORDER_H

#include "events.h"

/*
 * Returns the number that breaks the tie if event i has the time of another event: the
 * order that event i was added with. Returns i itself if both columns of orders are NULL,
 * as after g4r_order_drop_plain().
 */
int64_t g4r_order_of(const gru4rec_events *events, uint32_t i);
/*
 * Tells whether only their items say which of the events x and y comes first: they have
 * the same session, time and order, but different items.
 */
bool g4r_order_is_arbitrary(const gru4rec_events *events, uint32_t x, uint32_t y);
/*
 * Frees the column of the numbers that break ties (order or wide_order) and sets it to
 * NULL, if these numbers ascend from each event to the next, without equal ones: the
 * events' indexes then break ties in the same way. Does nothing if the numbers do not
 * ascend, or if the caller asks to stop (watch).
 */
void g4r_order_drop_plain(gru4rec_events *events, g4r_stop_watch *watch);
/*
 * Fills permutation (n) with the indexes of all events, session by session; within a
 * session, they are sorted by (time, order, item). Fills offsets (S + 1) with where each
 * session begins: the events of session s stand at permutation[offsets[s]] ...
 * permutation[offsets[s + 1] - 1]. offsets must be zeroed before; S is
 * events->n_sessions. Returns false if there is not enough memory, or if the caller asked
 * to stop (watch); permutation and offsets are then not to be used.
 */
bool g4r_order_events(const gru4rec_events *events, int64_t *offsets,
                      uint32_t *permutation, g4r_stop_watch *watch);

#endif

/*
 * order.h - collected events in the order of their sessions: by (time, order, item).
 */
#ifndef G4R_ORDER_H
#define G4R_ORDER_H

#include "events.h"

/* What breaks ties in time. */
int64_t g4r_order_of(const gru4rec_events *events, uint32_t i);
/* An order in which the events came anyway need not be kept. */
void g4r_order_drop_plain(gru4rec_events *events, g4r_stop_watch *watch);
/*
 * Fills offsets (S + 1), which are zeroed, and the permutation (n) that orders all events,
 * session by session. False when memory is short, or it was stopped.
 */
bool g4r_order_events(const gru4rec_events *events, int64_t *offsets,
                      uint32_t *permutation, g4r_stop_watch *watch);

#endif

/*
 * recent.h - keeps the sessions that have a new event, for a training on new events.
 */
#ifndef G4R_RECENT_H
#define G4R_RECENT_H

#include "events.h"
#include "../base/stop.h"

/*
 * Drops the events of all sessions without a new event, and adds their number to
 * events->n_old. Where sessions were cut, each part counts as a session. The events that
 * stay move together in the columns, and events->n becomes their number. Gives the
 * sessions that stay the numbers 0, 1, ... in their old order, in events->session; sets
 * events->n_sessions, and fills events->owner for them. Frees events->is_old and sets it
 * to NULL. Returns false if there is not enough memory, or if the caller asked to stop
 * (watch); the events can then only be freed.
 */
bool g4r_recent_keep(gru4rec_events *events, g4r_stop_watch *watch);

#endif

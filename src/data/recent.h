/*
 * recent.h - of events of which some are new, the sessions that have one.
 */
#ifndef G4R_RECENT_H
#define G4R_RECENT_H

#include "events.h"
#include "../base/stop.h"

/*
 * Drops the sessions, or the parts of sessions that were cut, without a new event, and
 * counts their events in n_old. False when memory is short, or it was stopped.
 */
bool g4r_recent_keep(gru4rec_events *events, g4r_stop_watch *watch);

#endif

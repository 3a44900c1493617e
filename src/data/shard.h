/*
 * shard.h - divides the sessions of a dataset among groups; see gru4rec_shard_of().
 */
#ifndef G4R_SHARD_H
#define G4R_SHARD_H

#include "events.h"
#include "../base/stop.h"

/*
 * If the preparation of the events has n_groups above 1, fills n_groups and groups of the
 * dataset, which was made of these events, by the ids of the sessions. All parts of a
 * session that was cut get the same group. Otherwise it does nothing and returns true.
 * Returns false if there is not enough memory, or if the caller asked to stop (watch).
 */
bool g4r_shard_divide(const gru4rec_events *events, gru4rec_dataset *dataset,
                      g4r_stop_watch *watch);

#endif

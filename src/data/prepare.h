/*
 * prepare.h - drops the events and sessions that a training's options leave out.
 */
#ifndef G4R_PREPARE_H
#define G4R_PREPARE_H

#include "union.h"

/*
 * Drops repeats, long sessions, short sessions and rare items from the dataset, in place,
 * as the preparation says; prepare.c has the order of the steps. Drops a session that has
 * lost all its events, too. visit (S) has an element for each session, which is dropped
 * or moved with the session. Sets n_sessions, n_events and offsets anew, and adds what
 * was dropped to the counts of the dataset: n_repeats, n_long, n_dropped, n_short, n_rare
 * and n_left. n_items: greater than every value of item_rows. u: where support counts
 * over several processes, the numbers in item_rows are those of all of them. Returns
 * false if there is not enough memory, an exchange failed, or the caller asked to stop
 * (watch); the dataset can then only be freed.
 */
bool g4r_prepare(gru4rec_dataset *dataset, int32_t *visit, int32_t n_items,
                 const gru4rec_preparation *preparation, g4r_union *u,
                 g4r_stop_watch *watch);

#endif

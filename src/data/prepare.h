/*
 * prepare.h - drops the events and sessions that a training's options leave out.
 */
#ifndef G4R_PREPARE_H
#define G4R_PREPARE_H

#include "../base/alloc.h"
#include "../base/stop.h"

/*
 * Drops repeats, long sessions, short sessions and rare items from the dataset, in place,
 * as the preparation says; prepare.c has the order of the steps. Drops the elements of
 * visit (S), which belong to the sessions, with them. Counts in the dataset what was
 * dropped. n_items: greater than every value of item_rows. Returns false if there is not
 * enough memory, or if the watch stopped the work; the dataset can then only be freed.
 */
bool g4r_prepare(gru4rec_dataset *dataset, int32_t *visit, int32_t n_items,
                 const gru4rec_preparation *preparation, g4r_stop_watch *watch);

#endif

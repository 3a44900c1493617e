/*
 * prepare.h - what is dropped before training; prepare.c has the order.
 */
#ifndef G4R_PREPARE_H
#define G4R_PREPARE_H

#include "../base/alloc.h"
#include "../base/stop.h"

/*
 * Drops events and sessions of the dataset in place, and of visit (S) with them, and
 * counts what it dropped. n_items: above all item_rows. False when memory is short, or it
 * was stopped.
 */
bool g4r_prepare(gru4rec_dataset *dataset, int32_t *visit, int32_t n_items,
                 const gru4rec_preparation *preparation, g4r_stop_watch *watch);

#endif

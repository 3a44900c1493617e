/*
 * catalogue.h - makes the catalogue of a training from its sessions; see dataset.c.
 */
#ifndef G4R_CATALOGUE_H
#define G4R_CATALOGUE_H

#include "union.h"

/*
 * Stages 5 and 6 of gru4rec_dataset_new(): takes the sessions visited last (the share
 * validation of all sessions of the union, rounded down) off the dataset, so that they do
 * not count for the catalogue; makes the catalogue *items of the others; and holds the
 * taken ones out, in dataset->validation. Sets dataset->held_out to their least time if
 * they are visited by time. Frees the columns of the events. The caller frees *items,
 * also after an error. NOMEM, INTERRUPTED, or what u->status says.
 */
gru4rec_status g4r_catalogue_make(gru4rec_events *events, gru4rec_dataset *dataset,
                                  g4r_union *u, gru4rec_items **items,
                                  g4r_stop_watch *watch);

#endif

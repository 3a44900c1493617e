/*
 * chance.h - tells how many sessions of a test have the items of a session of the
 * training by chance, and how many are beyond chance.
 */
#ifndef G4R_CHANCE_H
#define G4R_CHANCE_H

#include "../base/base.h"

/* Fills found->chance and found->excess from found->lengths and the fingerprints. */
void g4r_chance_judge(gru4rec_fingerprints_found *found,
                      const gru4rec_fingerprints *fingerprints);

#endif

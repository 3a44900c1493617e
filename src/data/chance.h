/*
 * chance.h - tells how many sessions of a test have the items of a session of the
 * training by chance, and how many are beyond chance.
 */
#ifndef G4R_CHANCE_H
#define G4R_CHANCE_H

#include "../base/base.h"

/*
 * Sets found->chance and found->excess, which must be 0 before, from found->items,
 * found->lengths and the lengths of the training in fingerprints.
 */
void g4r_chance_judge(gru4rec_fingerprints_found *found,
                      const gru4rec_fingerprints *fingerprints);

#endif

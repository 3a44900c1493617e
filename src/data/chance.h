/*
 * chance.h - estimates how many sessions of a test have the items of a session of the
 * training by chance, and how many more than chance explains were found.
 */
#ifndef G4R_CHANCE_H
#define G4R_CHANCE_H

#include "../base/base.h"

/*
 * Judges how many sessions of a test were found by their items. Sets found->chance to the
 * number that chance alone is likely to find. Sets found->excess to the number found in
 * addition, or to 0 if chance may explain all that were found. Reads found->items and
 * found->lengths, and the lengths of the training in fingerprints. found->chance must be
 * 0 before.
 */
void g4r_chance_judge(gru4rec_fingerprints_found *found,
                      const gru4rec_fingerprints *fingerprints);

#endif

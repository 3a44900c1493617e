/* best.h - the best of some items by their scores; ties: lower row first. */
#ifndef G4R_BEST_H
#define G4R_BEST_H

#include "../base/base.h"

/* best (k) out: the k best of rows (n), in order, by scores (I). Returns how many there
 * were. */
size_t g4r_best_find(int32_t *best, size_t k, const int32_t *rows, size_t n,
                     const double *scores);

#endif

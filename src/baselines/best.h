/* best.h - finds the items with the largest scores; ties: lower row first. */
#ifndef G4R_BEST_H
#define G4R_BEST_H

#include "../base/base.h"

/*
 * Writes the k items of rows (n) with the largest scores into best (k), the best first;
 * of equal scores, the lower row first. The score of an item is scores[row]; scores is
 * (I). rows stays as it is, and need not be sorted. Returns how many it wrote: k, or n if
 * that is less.
 */
size_t g4r_best_find(int32_t *best, size_t k, const int32_t *rows, size_t n,
                     const double *scores);

#endif

/* best.h - finds the items with the largest scores; ties: lower row first. */
#ifndef G4R_BEST_H
#define G4R_BEST_H

#include "../base/base.h"

/*
 * Finds the k best of rows (n) by scores (I). best (k) out: the best first. Returns how
 * many were found: k, or n if that is less.
 */
size_t g4r_best_find(int32_t *best, size_t k, const int32_t *rows, size_t n,
                     const double *scores);

#endif

/* best.h - finds the items with the largest scores; ties: lower row first. */
#ifndef G4R_BEST_H
#define G4R_BEST_H

#include "../base/base.h"

/*
 * Writes the k best of rows (n) into best (k), the best first: those whose scores,
 * scores[row], are the largest. scores is (I). Returns how many were found: k, or n if
 * that is less.
 */
size_t g4r_best_find(int32_t *best, size_t k, const int32_t *rows, size_t n,
                     const double *scores);

#endif

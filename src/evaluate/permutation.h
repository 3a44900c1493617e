/*
 * permutation.h - could the difference of two methods be chance?
 *
 * If the two were alike, each session's difference could as well have the other sign: the
 * labels a and b say nothing. p is the share of the ways to choose signs that make the sum
 * of differences at least as large, in size, as it is: of the one that is there, and of
 * DRAWS others. Differences are whole numbers, so sums and the comparison are exact.
 */
#ifndef G4R_PERMUTATION_H
#define G4R_PERMUTATION_H

#include "../base/arena.h"
#include "../base/rng.h"
#include "../base/stop.h"

enum { G4R_PERMUTATION_DRAWS = 9999 };

/* differences (n): no sum of their sizes passes 2^62; their zeros are taken out, so that
 * they are in disorder afterwards. sums (DRAWS): scratch. */
double g4r_permutation_p(int64_t *differences, size_t n, int64_t *sums, int64_t seed,
                         g4r_stop_watch *watch);

#endif

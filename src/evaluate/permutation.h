/*
 * permutation.h - a permutation test: could the difference of two methods be chance?
 *
 * If both methods were equally good, the difference of each session could as well have
 * the other sign, because the labels a and b would mean nothing.
 *   p = (1 + #{draws with |sum of +-d_s| >= |sum of d_s|}) / (1 + DRAWS)
 * A draw chooses the sign of each d_s at random. The 1 stands for the signs as they are.
 * Differences are whole numbers, so sums and comparisons are exact.
 */
#ifndef G4R_PERMUTATION_H
#define G4R_PERMUTATION_H

#include "../base/arena.h"
#include "../base/rng.h"
#include "../base/stop.h"

enum { G4R_PERMUTATION_DRAWS = 9999 };

/*
 * Returns p of the test, above 0 and at most 1. p is 1 if all differences are 0.
 * differences (n): d_s of the sessions; the sum of their absolute values must not pass
 * 2^62. The function removes the zeros in place, so the array must not be used
 * afterwards. sums (DRAWS): scratch. The same seed and differences give the same p. If
 * the caller asks to stop (watch), the result must not be used.
 */
double g4r_permutation_p(int64_t *differences, size_t n, int64_t *sums, int64_t seed,
                         g4r_stop_watch *watch);

#endif

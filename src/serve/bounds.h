/*
 * bounds.h - upper bounds of the scores of many sessions at once, from matrix products.
 *
 * A matrix product rounds differently than the scan kernel, which makes the scores of one
 * session. But a score may not depend on which sessions are scored together. So the
 * matrix products give only upper bounds of the scores.
 *
 * For a row w with bias b and a vector x of width d, a bound differs from the score
 *   by the error of the product, at most     (d + 8) 2^-22 |w| |x|
 *   and of adding the bias, at most          (d / 64 + 8) 2^-22 |b|
 * Both are twice what the theory of rounding says. d / 64 stands there because BLAS adds
 * up the products of long rows in parts, and adds each part to the bias. The slack of x
 * is the sum of the two, with the largest |w| and |b| of all rows. A bound is the
 * product, plus the bias, plus slack.
 */
#ifndef G4R_BOUNDS_H
#define G4R_BOUNDS_H

#include "../model/model.h"

typedef struct g4r_bounds {
    g4r_output output;
    const g4r_vec *vec;
    double largest_norm, largest_bias; /* largest |w| and |b| of all rows */
} g4r_bounds;

/*
 * Returns the struct for bounds of scores by the output rows of the model, which is
 * borrowed as long as the struct is used. Call g4r_bounds_measure() before
 * g4r_bounds_slack().
 */
g4r_bounds g4r_bounds_of(const gru4rec_model *model);
/* Sets largest_norm and largest_bias, for which it reads all rows of the model. */
void g4r_bounds_measure(g4r_bounds *bounds);
/*
 * Sets *slack to the slack of x (D), which is what a bound adds to the product and the
 * bias. Returns false if scores with x may not be finite: the bounds of x may not be used
 * then. If it returns true, all scores with x and their bounds are finite.
 */
bool g4r_bounds_slack(const g4r_bounds *bounds, const g4r_real *x, g4r_real *slack);
/*
 * Returns how far an upper bound of the scores with a vector x is above the exact score,
 * at most: twice the slack of x, as the error may have either sign, and some rounding.
 */
static inline g4r_real g4r_bounds_gap(g4r_real slack)
{
    return (g4r_real)2.001 * slack;
}
/* Returns the part of the output tensors with the n rows from row first on. */
static inline g4r_output g4r_bounds_rows(const g4r_bounds *bounds, size_t first, size_t n)
{
    const g4r_output *all = &bounds->output;
    return (g4r_output){all->table + first * all->d, all->bias + first, n, all->d};
}
/*
 * Writes into upper (m,n) the upper bounds of the scores of these n rows for each of m
 * vectors x (m,D), whose slacks are slack (m). The thread must have entered BLAS.
 */
void g4r_bounds_upper(const g4r_output *rows, g4r_real *upper, const g4r_real *x,
                      const g4r_real *slack, size_t m, const g4r_vec *vec);

#endif

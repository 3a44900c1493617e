/*
 * bounds.h - upper bounds of the scores of many sessions at once, from matrix products.
 *
 * A matrix product rounds differently than the scan kernel (vec->scan.score), which
 * computes all scores that this library gives. A score may not depend on which sessions
 * are scored together. So the matrix products give only upper bounds of the scores.
 *
 * For a row w with bias b and a vector x of width d, the product plus the bias differs
 * from the score
 *   by the error of the product, at most     (d + 8) 2^-22 |w| |x|
 *   and of adding the bias, at most          (d / 64 + 8) 2^-22 |b|
 * Both are twice what the theory of rounding says. d / 64 stands there because BLAS adds
 * up the products of long rows in parts, and adds each part to the bias. The slack of x
 * is the sum of the two, with the largest |w| and |b| of all rows. An upper bound is the
 * product, plus the bias, plus the slack of x.
 */
#ifndef G4R_BOUNDS_H
#define G4R_BOUNDS_H

#include "../model/model.h"

/*
 * What bounds of scores by a model's output rows are computed from; a plain value,
 * without memory of its own.
 */
typedef struct g4r_bounds {
    g4r_output output;
    const g4r_vec *vec;
    /*
     * Largest |w| and |b| of all rows, NaN if a row is NaN; 0 until g4r_bounds_measure().
     */
    double largest_norm, largest_bias;
} g4r_bounds;

/*
 * Returns the struct for bounds of scores by the output rows of the model. The model is
 * borrowed as long as the struct is used. Does not read the rows: the caller calls
 * g4r_bounds_measure() before g4r_bounds_slack().
 */
g4r_bounds g4r_bounds_of(const gru4rec_model *model);
/* Reads all rows and biases of the model, and sets largest_norm and largest_bias. */
void g4r_bounds_measure(g4r_bounds *bounds);
/*
 * Sets *slack to the slack of x (D), which is what an upper bound adds to the product and
 * the bias. Returns true if all scores with x and their bounds are finite. Returns false
 * if some may not be, because numbers are too large or NaN: the caller must not use
 * bounds of x then.
 */
bool g4r_bounds_slack(const g4r_bounds *bounds, const g4r_real *x, g4r_real *slack);
/*
 * Returns the most by which an upper bound of the scores with a vector x can be above the
 * exact score: twice the slack of x, because the error may have either sign, and a little
 * for rounding. So an upper bound less the gap is a lower bound of the score.
 */
static inline g4r_real g4r_bounds_gap(g4r_real slack)
{
    return (g4r_real)2.001 * slack;
}
/*
 * Returns the n rows from row first on, with their biases, as an output of their own. It
 * points into the model's tensors.
 */
static inline g4r_output g4r_bounds_rows(const g4r_bounds *bounds, size_t first, size_t n)
{
    const g4r_output *all = &bounds->output;
    return (g4r_output){all->table + first * all->d, all->bias + first, n, all->d};
}
/*
 * Writes into upper (m,n) the upper bounds of the scores of the n rows in rows for each
 * of m vectors. x (m,D) has the vectors, and slack (m) their slacks. The thread must have
 * entered BLAS (g4r_blas_enter()).
 */
void g4r_bounds_upper(const g4r_output *rows, g4r_real *upper, const g4r_real *x,
                      const g4r_real *slack, size_t m, const g4r_vec *vec);

#endif

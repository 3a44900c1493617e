/*
 * bounds.h - upper bounds of the scores of many sessions at once, by matrix products.
 *
 * A product of matrices rounds otherwise than the scan of one session, and a score may not
 * depend on who else is scored. So the products only bound the scores, from above. With
 * the error of rounding twice over, a product is off by at most (d + 8) 2^-22 |w| |x|, and
 * the sum with its bias by (d / 64 + 8) 2^-22 |b|, as BLAS adds products of long rows up in
 * parts. This is the slack of x; a bound is the product plus slack.
 */
#ifndef G4R_BOUNDS_H
#define G4R_BOUNDS_H

#include "../model/model.h"

typedef struct g4r_bounds {
    g4r_output output;
    const g4r_vec *vec;
    double largest_norm, largest_bias; /* of the rows */
} g4r_bounds;

/* Not measured yet. The model is borrowed. */
g4r_bounds g4r_bounds_of(const gru4rec_model *model);
/* Reads all rows. */
void g4r_bounds_measure(g4r_bounds *bounds);
/* False where scores against x (D) may not fit the format: bounds tell nothing then. Else
 * they and their bounds are finite. */
bool g4r_bounds_slack(const g4r_bounds *bounds, const g4r_real *x, g4r_real *slack);
/* What a bound is above the score that it bounds, at most. */
static inline g4r_real g4r_bounds_gap(g4r_real slack)
{
    return (g4r_real)2.001 * slack;
}
/* The n rows from first on. */
static inline g4r_output g4r_bounds_rows(const g4r_bounds *bounds, size_t first, size_t n)
{
    const g4r_output *all = &bounds->output;
    return (g4r_output){all->table + first * all->d, all->bias + first, n, all->d};
}
/* upper (M,n) out: bounds of the scores of n rows of the model against x (M,D) with their
 * slack (M). BLAS must be entered. */
void g4r_bounds_upper(const g4r_output *rows, g4r_real *upper, const g4r_real *x,
                      const g4r_real *slack, size_t m, const g4r_vec *vec);

#endif

/* bounds.c - upper bounds of scores from matrix products; see bounds.h. */
#include "bounds.h"

#include "../kernels/blas.h"

g4r_bounds g4r_bounds_of(const gru4rec_model *model)
{
    return (g4r_bounds){.output = g4r_model_output(model), .vec = g4r_vec_pick()};
}

/*
 * Returns the Euclidean norm of x (d). If the square that the kernel computes is NaN, or
 * so large or so small that it may be wrong, computes the square again in double.
 */
static double norm_of(const g4r_vec *vec, const g4r_real *x, size_t d)
{
    double square = (double)vec->dot(x, x, d);
    if (square > 1e-20 && square < 1e30)
        return sqrt(square);
    square = 0;
    for (size_t k = 0; k < d; k++)
        square += (double)x[k] * (double)x[k];
    return sqrt(square);
}

/*
 * Returns the larger of a, the maximum so far, and b. If a or b is NaN, returns NaN: so a
 * NaN stays in the maximum, and g4r_bounds_slack() refuses the bounds.
 */
static double larger(double a, double b)
{
    return isnan(a) || b <= a ? a : b;
}

void g4r_bounds_measure(g4r_bounds *bounds)
{
    const g4r_output *output = &bounds->output;
    for (size_t row = 0; row < output->n; row++) {
        const g4r_real *w = output->table + row * output->d;
        bounds->largest_norm =
            larger(bounds->largest_norm, norm_of(bounds->vec, w, output->d));
        bounds->largest_bias =
            larger(bounds->largest_bias, fabs((double)output->bias[row]));
    }
}

bool g4r_bounds_slack(const g4r_bounds *bounds, const g4r_real *x, g4r_real *slack)
{
    const size_t d = bounds->output.d;
    const double norm = norm_of(bounds->vec, x, d);
    *slack = (g4r_real)(((double)d + 8) * 0x1p-22 * bounds->largest_norm * norm +
                        ((double)d / 64 + 8) * 0x1p-22 * bounds->largest_bias + 1e-30);
    return bounds->largest_norm * norm + bounds->largest_bias < 1e37;
}

void g4r_bounds_upper(const g4r_output *rows, g4r_real *upper, const g4r_real *x,
                      const g4r_real *slack, size_t m, const g4r_vec *vec)
{
    const size_t n = rows->n, d = rows->d;
    for (size_t i = 0; i < m; i++) {
        memcpy(upper + i * n, rows->bias, n * sizeof *upper);
        vec->shift(upper + i * n, slack[i], n);
    }
    g4r_blas_multiply(g4r_product_of(G4R_NT, upper, n, x, d, rows->table, d, m, n, d, 1));
}

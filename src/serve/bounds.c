/* bounds.c - bounds of the scores of many sessions at once; see bounds.h. */
#include "bounds.h"

#include "../kernels/blas.h"

enum {
    /*
     * Rows of a part with products, and with bytes; a multiple of 32. The rows and their
     * bounds stay in the second cache, or, with bytes, the bounds in the first.
     */
    PRODUCTS_ROWS = 2048,
    BYTES_ROWS = 512
};

/*
 * Bytes are given up if more than this share of the bounds left a row to be scored
 * exactly. That takes three to ten times as long as bytes save for a bound.
 */
static const double most_scored = 1.0 / 8;

void g4r_bounds_init(g4r_bounds *bounds, const g4r_output *output, const int32_t *rows,
                     size_t n, const gru4rec_bytes *given)
{
    const g4r_vec *vec = g4r_vec_pick();
    assert(given == NULL || rows == NULL);
    *bounds = (g4r_bounds){
        .vec = vec,
        .way = vec->bytes.is_fast ? G4R_BOUNDS_BYTES : G4R_BOUNDS_PRODUCTS,
        .output = *output,
        .rows = rows,
        .n = n,
        .given = given,
    };
    g4r_bytes_init(&bounds->copy, output, rows, n);
}

size_t g4r_bounds_most(size_t n)
{
    return G4R_MIN(PRODUCTS_ROWS, n);
}

void g4r_bounds_layout(g4r_bounds *bounds, g4r_arena *arena, size_t n_lanes)
{
    const size_t d = bounds->output.d, rows = g4r_bounds_most(bounds->n);
    const size_t n_tiles = (n_lanes + G4R_BYTES_LANES - 1) / G4R_BYTES_LANES;
    const bool is_bounded = bounds->way != G4R_BOUNDS_NONE;
    const bool has_bytes = bounds->way == G4R_BOUNDS_BYTES;
    const size_t n_queries = has_bytes ? n_tiles * G4R_BYTES_LANES : 0;
    const size_t tile = has_bytes ? G4R_BYTES_LANES * BYTES_ROWS : 0;
    const size_t n_gathered = is_bounded && bounds->rows != NULL ? rows : 0;
    bounds->n_lanes = n_lanes;
    bounds->x = g4r_arena_reals(arena, n_lanes, d);
    bounds->is_bounded = g4r_arena_take(arena, n_lanes, sizeof *bounds->is_bounded);
    bounds->slack = g4r_arena_reals(arena, n_lanes, 1);
    bounds->queries = g4r_arena_take(arena, n_queries, sizeof *bounds->queries);
    bounds->integers = g4r_arena_take(arena, n_queries, (d + 3) / 4 * 4);
    bounds->upper =
        g4r_arena_reals(arena, G4R_MAX(is_bounded ? n_lanes * rows : 0, tile), 1);
    bounds->lower = g4r_arena_reals(arena, tile, 1);
    bounds->table = g4r_arena_reals(arena, n_gathered, d);
    bounds->bias = g4r_arena_reals(arena, n_gathered, 1);
    if (has_bytes && bounds->given == NULL)
        g4r_bytes_layout(&bounds->copy, arena);
}

/* Returns the copy in bytes that is used, which the way must need. */
static const gru4rec_bytes *bytes_of(const g4r_bounds *bounds)
{
    return bounds->given != NULL ? bounds->given : &bounds->copy;
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
 * NaN stays in the maximum, and slack_of() refuses the bounds.
 */
static double larger(double a, double b)
{
    return isnan(a) || b <= a ? a : b;
}

/* Finds the largest norm and bias of all rows, for products. */
static void measure_rows(g4r_bounds *bounds)
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

/*
 * Finishes the copy in bytes, if none is given, and takes the largest norm and bias from
 * it: the norm of a row is at most that of its bytes plus its rest. Returns false if the
 * rows cannot be copied.
 */
static bool measure_bytes(g4r_bounds *bounds)
{
    if (bounds->given == NULL && !gru4rec_bytes_finish(&bounds->copy))
        return false;
    const gru4rec_bytes *bytes = bytes_of(bounds);
    bounds->largest_norm = (double)bytes->largest_norm + (double)bytes->largest_rest;
    bounds->largest_bias = (double)bytes->largest_bias;
    /* The last lanes of a tile may never be added, but they are multiplied. */
    const size_t n =
        (bounds->n_lanes + G4R_BYTES_LANES - 1) / G4R_BYTES_LANES * G4R_BYTES_LANES;
    for (size_t i = 0; i < n; i++)
        bounds->queries[i] = (g4r_bytes_query){0};
    memset(bounds->integers, 0, n * bytes->table.d);
    return true;
}

void g4r_bounds_measure(g4r_bounds *bounds)
{
    if (bounds->way == G4R_BOUNDS_BYTES && !measure_bytes(bounds))
        bounds->way = G4R_BOUNDS_PRODUCTS;
    if (bounds->way == G4R_BOUNDS_PRODUCTS)
        measure_rows(bounds);
}

void g4r_bounds_start(g4r_bounds *bounds)
{
    if (bounds->way == G4R_BOUNDS_BYTES &&
        bounds->n_scored > most_scored * bounds->n_made)
        bounds->way = G4R_BOUNDS_PRODUCTS;
    bounds->n_added = 0;
    bounds->n_made = bounds->n_scored = 0;
}

/*
 * Sets *slack to the slack of x (D), for products. Returns true if all scores with x and
 * their bounds are finite.
 */
static bool slack_of(const g4r_bounds *bounds, const g4r_real *x, g4r_real *slack)
{
    const size_t d = bounds->output.d;
    const double norm = norm_of(bounds->vec, x, d);
    *slack = (g4r_real)(((double)d + 8) * 0x1p-22 * bounds->largest_norm * norm +
                        ((double)d / 64 + 8) * 0x1p-22 * bounds->largest_bias + 1e-30);
    return bounds->largest_norm * norm + bounds->largest_bias < 1e37;
}

void g4r_bounds_add(g4r_bounds *bounds, const g4r_real *x)
{
    const size_t i = bounds->n_added++, d = bounds->output.d;
    assert(i < bounds->n_lanes);
    memcpy(bounds->x + i * d, x, d * sizeof *x);
    bounds->is_bounded[i] = false;
    if (bounds->way == G4R_BOUNDS_PRODUCTS)
        bounds->is_bounded[i] = slack_of(bounds, x, &bounds->slack[i]);
    if (bounds->way == G4R_BOUNDS_BYTES) {
        const size_t lane = i % G4R_BYTES_LANES, width = (d + 3) / 4 * 4;
        int8_t *tile = bounds->integers + (i - lane) * width;
        bounds->is_bounded[i] =
            g4r_bytes_prepare(bytes_of(bounds), &bounds->queries[i], tile + 4 * lane,
                              G4R_BYTES_LANES, x, bounds->vec);
    }
}

/*
 * Returns the output rows and biases of the part that is to be made, in one block of
 * memory. If all rows are ranked, they are the model's own. Otherwise they are copied
 * into bounds->table and bounds->bias, which the next call overwrites.
 */
static g4r_output gather(g4r_bounds *bounds)
{
    const g4r_output *all = &bounds->output;
    const size_t d = all->d, first = bounds->first, n = bounds->n_part;
    if (bounds->rows == NULL)
        return (g4r_output){all->table + first * d, all->bias + first, n, d};
    for (size_t i = 0; i < n; i++) {
        const size_t row = (size_t)bounds->rows[first + i];
        memcpy(bounds->table + i * d, all->table + row * d, d * sizeof *bounds->table);
        bounds->bias[i] = all->bias[row];
    }
    return (g4r_output){bounds->table, bounds->bias, n, d};
}

/* Writes the upper bounds of a part for m lanes into bounds->upper, with products. */
static void make_products(g4r_bounds *bounds, size_t m)
{
    const g4r_output part = gather(bounds);
    const size_t n = part.n, d = part.d;
    for (size_t i = 0; i < m; i++) {
        g4r_real *upper = bounds->upper + i * n;
        memcpy(upper, part.bias, n * sizeof *upper);
        bounds->vec->shift(upper, bounds->slack[bounds->lane + i], n);
    }
    g4r_blas_multiply(g4r_product_of(G4R_NT, bounds->upper, n,
                                     g4r_bounds_vector(bounds, bounds->lane), d,
                                     part.table, d, m, n, d, 1));
}

size_t g4r_bounds_make(g4r_bounds *bounds, size_t first, size_t lane)
{
    const bool has_bytes = bounds->way == G4R_BOUNDS_BYTES;
    const size_t left = bounds->n_added - lane;
    const size_t m = has_bytes ? G4R_MIN(G4R_BYTES_LANES, left) : left;
    bounds->first = first;
    bounds->lane = lane;
    bounds->n_part = G4R_MIN(has_bytes ? BYTES_ROWS : PRODUCTS_ROWS, bounds->n - first);
    bounds->n_made += (double)m * (double)bounds->n_part;
    if (has_bytes) {
        const gru4rec_bytes *bytes = bytes_of(bounds);
        bounds->vec->bytes.bound(bounds->upper,
                                 bounds->is_two_sided ? bounds->lower : NULL,
                                 &bytes->table, bytes->bias, bounds->queries + lane,
                                 G4R_BYTES_LANES, first, bounds->n_part);
    } else {
        make_products(bounds, m);
    }
    return m;
}

/*
 * Returns the most by which an upper bound of the scores of a lane can be above the exact
 * score, with products: twice the slack, because the error may have either sign, and a
 * little for rounding. So an upper bound less the gap is a lower bound of the score.
 */
static g4r_real gap_of(const g4r_bounds *bounds, size_t lane)
{
    return (g4r_real)2.001 * bounds->slack[lane];
}

void g4r_bounds_list(const g4r_bounds *bounds, size_t lane, g4r_shortlist *list)
{
    const size_t n = bounds->n_part;
    const g4r_real *upper = bounds->upper + (lane - bounds->lane) * n;
    for (size_t i = g4r_shortlist_find(list, upper, 0, n); i < n;
         i = g4r_shortlist_find(list, upper, i + 1, n)) {
        const size_t at = bounds->first + i;
        const g4r_real gap =
            bounds->way == G4R_BOUNDS_BYTES
                ? g4r_bytes_gap(bytes_of(bounds), &bounds->queries[lane], at)
                : gap_of(bounds, lane);
        g4r_shortlist_add(list, bounds->rows != NULL ? bounds->rows[at] : (int32_t)at,
                          upper[i], upper[i] - gap);
    }
}

size_t g4r_bounds_split(const g4r_bounds *bounds, size_t lane, g4r_real score,
                        int32_t *within, size_t *n_above)
{
    const size_t n = bounds->n_part, at = (lane - bounds->lane) * n;
    const g4r_real *upper = bounds->upper + at;
    const bool has_bytes = bounds->way == G4R_BOUNDS_BYTES;
    return bounds->vec->scan.split(within, upper, has_bytes ? bounds->lower + at : upper,
                                   score,
                                   has_bytes ? score : score + gap_of(bounds, lane), n,
                                   n_above);
}

/*
 * bounds.h - upper and lower bounds of the scores of many sessions at once.
 *
 * The scan kernel (vec->scan.score) computes all scores that this library gives, because
 * a score may not depend on which sessions are scored together. It is slow for many. A
 * product of matrices is faster, but gives other sums; so it only gives bounds. What the
 * bounds leave open is scored exactly. There are two ways to make them:
 *
 *   bytes      From a copy of the rows in bytes (bytes.h), by the kernel bytes.bound, if
 *              this is fast on this processor. The product takes a quarter of the time of
 *              the other way, but the bounds are much further apart.
 *   products   From products by BLAS. For a row w with bias b and a vector x of width d,
 *              the product plus the bias differs from the score
 *                by the error of the product, at most     (d + 8) 2^-22 |w| |x|
 *                and of adding the bias, at most          (d / 64 + 8) 2^-22 |b|
 *              Both are twice what the theory of rounding says. d / 64 stands there
 *              because BLAS adds up the products of long rows in parts, and adds each
 *              part to the bias. The slack of x is the sum of the two, with the largest
 *              |w| and |b| of all rows. The upper bound is the product, plus the bias,
 *              plus the slack of x.
 *
 * Bytes are given up for good if they leave so many rows to be scored exactly that
 * products are faster (g4r_bounds_start()). The way never changes a result.
 *
 * To use them: g4r_bounds_init() and g4r_bounds_layout() and g4r_bounds_measure() once;
 * then for each group of sessions g4r_bounds_start(), and g4r_bounds_add() for each. Then
 * for each part of the rows and the lanes g4r_bounds_make(), and for each lane of the
 * part g4r_bounds_list() or g4r_bounds_split().
 */
#ifndef G4R_BOUNDS_H
#define G4R_BOUNDS_H

#include "bytes.h"
#include "shortlist.h"

/* How bounds are made; g4r_bounds_init() chooses. */
typedef enum g4r_bounds_way {
    G4R_BOUNDS_NONE, /* not at all: no lane has bounds */
    G4R_BOUNDS_PRODUCTS,
    G4R_BOUNDS_BYTES
} g4r_bounds_way;

/* Bounds of the scores of some rows for the sessions of some lanes. */
typedef struct g4r_bounds {
    const g4r_vec *vec;
    g4r_bounds_way way;
    /* g4r_bounds_split() is used. g4r_bounds_init() sets false. */
    bool is_two_sided;
    g4r_output output; /* borrowed: all rows of the model */
    /*
     * (n) Borrowed, ascending: numbers of the rows whose scores are bounded, the ranked
     * rows. NULL: all n rows of output.
     */
    const int32_t *rows;
    size_t n;
    /* Borrowed: a finished copy of all rows, or NULL: then copy is made and used. */
    const gru4rec_bytes *given;
    gru4rec_bytes copy; /* of the ranked rows */
    /*
     * Largest |w| and |b| of all rows, NaN if a row is NaN. For the copy in bytes, an
     * upper bound of them. 0 until g4r_bounds_measure().
     */
    double largest_norm, largest_bias;
    /* n_lanes: lanes that there is room for. n_added: lanes since g4r_bounds_start(). */
    size_t n_lanes, n_added;
    g4r_real *x; /* (n_lanes,D) the vectors of the lanes */
    /* (n_lanes) The lane has bounds; if not, all its rows must be scored exactly. */
    bool *is_bounded;
    g4r_real *slack; /* (n_lanes) slacks of the vectors, for products */
    /* (n_lanes, rounded up to a multiple of G4R_BYTES_LANES) vectors as integers. */
    g4r_bytes_query *queries;
    int8_t *integers;
    /*
     * The part that g4r_bounds_make() made last: from ranked row number first on, n_part
     * rows, for lanes lane, lane + 1, ... upper and lower have n_part values for each of
     * these lanes. lower is not used with products, nor unless is_two_sided.
     */
    size_t first, n_part, lane;
    g4r_real *upper, *lower;
    /* Only if there is a list of rows: the rows of the part, (n_part,D), and biases. */
    g4r_real *table, *bias;
    /* Bounds made since g4r_bounds_start(), and rows scored exactly because of them. */
    double n_made, n_scored;
} g4r_bounds;

/*
 * Empties *bounds, sets which scores are bounded, and chooses the way. The ranked rows
 * are rows (n), ascending, or the first n rows of output if rows is NULL. given: a
 * finished copy in bytes of all rows of output, if there is one and rows is NULL; else
 * NULL. All three are borrowed as long as the bounds are used.
 */
void g4r_bounds_init(g4r_bounds *bounds, const g4r_output *output, const int32_t *rows,
                     size_t n, const gru4rec_bytes *given);
/*
 * Carves the arrays for n_lanes lanes from the arena, whose memory must be zeroed. They
 * hold the copy in bytes, unless one is given.
 */
void g4r_bounds_layout(g4r_bounds *bounds, g4r_arena *arena, size_t n_lanes);
/*
 * Makes ready what the way needs of the rows: the copy in bytes, or the largest norm and
 * bias. If the rows cannot be copied because a value is not finite, the way becomes
 * products.
 */
void g4r_bounds_measure(g4r_bounds *bounds);
/*
 * Removes all lanes. Bytes are given up if more than an eighth of the bounds since the
 * last call left a row to be scored exactly.
 */
void g4r_bounds_start(g4r_bounds *bounds);
/*
 * Adds the next lane, with the vector x (D), which is copied. Sets is_bounded of the lane
 * to whether all scores with x and their bounds are finite. If it is false, because
 * numbers are too large, too small or NaN, or because the way is none, the lane's bounds
 * must not be used.
 */
void g4r_bounds_add(g4r_bounds *bounds, const g4r_real *x);
/*
 * Returns the vector (D) of a lane. The pointer is valid as long as the bounds are used.
 */
static inline const g4r_real *g4r_bounds_vector(const g4r_bounds *bounds, size_t lane)
{
    return bounds->x + lane * bounds->output.d;
}
/*
 * Makes the next part of the bounds, and returns how many lanes it has: the rows from
 * ranked row number first on, and the added lanes from number lane on, as many as the way
 * makes together. Sets first, n_part and lane of *bounds. The thread must have entered
 * BLAS (g4r_blas_enter()). The way must not be none.
 */
size_t g4r_bounds_make(g4r_bounds *bounds, size_t first, size_t lane);
/*
 * Adds those rows of the last part to the shortlist of a lane of the part whose upper
 * bound is the least of the shortlist or greater, with the rules of g4r_shortlist_add().
 */
void g4r_bounds_list(const g4r_bounds *bounds, size_t lane, g4r_shortlist *list);
/*
 * Compares the scores of the last part for a lane of it with score. Sets *n_above to the
 * number of rows whose score is surely greater. Writes into within (n_part) the places in
 * the part, from 0, of the rows that can have this score, or one on either side of it,
 * ascending. Returns how many these are; the caller must score them exactly. All other
 * rows have a smaller score.
 */
size_t g4r_bounds_split(const g4r_bounds *bounds, size_t lane, g4r_real score,
                        int32_t *within, size_t *n_above);
/* Notes that the caller has scored n rows exactly because bounds did not decide. */
static inline void g4r_bounds_note(g4r_bounds *bounds, size_t n)
{
    bounds->n_scored += (double)n;
}
/* Returns the largest n_part of a part for n ranked rows, whatever the way. */
size_t g4r_bounds_most(size_t n);

#endif

/*
 * bytes.h - a copy of output rows in bytes, and bounds of the scores from it. To read the
 * copy takes a quarter of the time of the rows themselves, and so do products with it,
 * where the processor can multiply bytes.
 *
 * A row w becomes integers q from -127 to 127, and loses r. The vector x of a session
 * becomes integers p from -P to P, and loses s. P is 127, or 64 where products of larger
 * integers would not be exact (largest_query in vec.h).
 *   w = scale q + r, scale = max |w| / 127            x = scale' p + s
 * So
 *   w.x = scale scale' q.p + r.x + scale q.s
 * By Cauchy and Schwarz the last two terms are at most |r| |x| + |scale q| |s| in size:
 * the margin, by which the score can be above or below the product. q.p has no error.
 *
 * Rounding adds errors. They are covered by what is added to the parts of the margin:
 *
 *   1. The exact score adds up d products. Its error is at most d 2^-24 |w| |x|, in any
 *      order of the sums, and |w| is at most |scale q| + |r|. The bound makes q.p a
 *      float, multiplies scale by scale', and both products: the error is at most 3 x
 *      2^-24 of |scale q| |scale' p|, and |scale' p| is at most (1 + 2^-7 sqrt(d)) |x|,
 *      because no value of s is above half of scale', nor scale' above |x| / 64. Three
 *      more sums (2) add as much again. For a vector of norm 1 all of this is below
 *        (d + 8) 2^-23 (|scale q| + |r|)
 *      which is added to |r|. The sum is stored as the rest of the row.
 *   2. The bias b is added to the score and to the bound, and then the margin is added.
 *      Each of these sums has an error of at most 2^-24 of itself, which is at most
 *      2^-24 |b| and what 1 and 3 cover. slack has 2^-21 of the largest |b| of all rows.
 *   3. The norms are rounded up: by 1e-4 for the row and 1e-6 for the vector. This covers
 *      the roundings of the norms, of the margin, and of the sum with the margin.
 *   4. Numbers that underflow, or that a host flushes to zero because it has set the
 *      processor so: a product that should be below 2^-126 is lost in the score, d times
 *      at most; slack has 1e-30 for that. Values of a row below 1e-12 that become 0
 *      stand in r. g4r_bytes_prepare() refuses vectors for which anything else could
 *      underflow or overflow, or that have a NaN.
 *
 * gru4rec.h has the functions that make the copy. Those below are for the files that
 * search it: ranking.c for one session, bounds.c for many.
 */
#ifndef G4R_BYTES_H
#define G4R_BYTES_H

#include "../model/model.h"

/* A copy of output rows in bytes, and how far it has been made. */
struct gru4rec_bytes {
    gru4rec_allocator allocator; /* not used by a copy in another's arena */
    g4r_arena arena;
    /*
     * Borrowed: the model whose output rows are copied, for gru4rec_bytes_new() only.
     */
    const gru4rec_model *model;
    g4r_output output; /* borrowed: all rows and biases */
    /*
     * (n) Borrowed: numbers of the rows that are copied; row i of the copy is row rows[i]
     * of output. NULL: all n rows of output.
     */
    const int32_t *rows;
    size_t n;
    g4r_bytes table; /* (n) the copy */
    /* (n) Biases of the copied rows: those of output, or a copy of some of them. */
    const g4r_real *bias;
    g4r_real *some_bias; /* (n) their memory; empty if rows is NULL */
    /* Largest |b| of the biases of all rows; 0 until the copy is finished. */
    g4r_real largest_bias;
    /* Largest scale, rest and norm (see g4r_bytes) of the rows copied so far. */
    g4r_real largest_scale, largest_rest, largest_norm;
    uint8_t *row;  /* (table.d) scratch: bytes of one row */
    size_t n_rows; /* rows copied so far */
    /*
     * Row n_rows has a value or a norm that is not finite. Copying has stopped there for
     * ever.
     */
    bool has_bad_row;
};

/*
 * Empties *bytes, and sets what is copied: the rows of output whose numbers are in rows
 * (n), or all n rows of output if rows is NULL. The tensors of output and rows are
 * borrowed as long as the copy is used.
 */
void g4r_bytes_init(gru4rec_bytes *bytes, const g4r_output *output, const int32_t *rows,
                    size_t n);
/*
 * Carves the arrays of the copy from the arena (arena.h), and sets the width of its rows,
 * table.d: D, rounded up to a multiple of 4. The memory must be zeroed.
 */
void g4r_bytes_layout(gru4rec_bytes *bytes, g4r_arena *arena);
/*
 * Sets *query to the session's vector x (D) in integers, with the bounds of its errors.
 * The vector is one of n_lanes that are multiplied together; n_lanes is 1 or
 * G4R_BYTES_LANES. Writes the integers from p on (see g4r_bytes_query), which *query
 * borrows. Returns false if some number is so large or so small that bounds would not
 * hold, or if a value is not finite: the bounds of *query mean nothing then, but may be
 * made.
 */
bool g4r_bytes_prepare(const gru4rec_bytes *bytes, g4r_bytes_query *query, int8_t *p,
                       size_t n_lanes, const g4r_real *x, const g4r_vec *vec);
/*
 * Returns the most by which the upper bound of the score of a row of the copy can be
 * above the exact score: twice the margin, and a little for rounding. The upper bound is
 * that of the kernel bytes.bound.
 */
g4r_real g4r_bytes_gap(const gru4rec_bytes *bytes, const g4r_bytes_query *query,
                       size_t row);

#endif

/*
 * bytes.h - a copy of the output rows in bytes, and upper bounds of the scores from it.
 * To read the copy takes a quarter of the time of the rows themselves.
 *
 * A row w becomes integers q from -127 to 127, and loses r. The vector x of a session
 * becomes integers p from -64 to 64, and loses s:
 *   w = scale q + r, scale = max |w| / 127            x = scale' p + s
 * So
 *   w.x = scale scale' q.p + r.x + scale q.s
 * By Cauchy and Schwarz the last two terms are at most |r| |x| + |scale q| |s|. Rounding
 * adds an error, both in the bound and in the exact score. For a vector of norm 1 it is
 * at most
 *   (d + 8) 2^-23 (|scale q| + |r|)
 * which is twice what theory says. This is added to |r|, and the sum is stored as the
 * rest of the row.
 *
 * gru4rec.h has the functions that make the copy. Those below are for ranking.c, which
 * searches it.
 */
#ifndef G4R_BYTES_H
#define G4R_BYTES_H

#include "../model/model.h"

/* The copy of a model's output rows in bytes, and how far it has been made. */
struct gru4rec_bytes {
    gru4rec_allocator allocator;
    g4r_arena arena;
    /* Borrowed until gru4rec_bytes_free(); its output rows are copied. */
    const gru4rec_model *model;
    g4r_bytes table; /* the copy */
    /* Largest |b| of the biases of all rows; 0 until gru4rec_bytes_finish(). */
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
 * Sets *query to the session's vector x (D) in integers, with the bounds of its errors.
 * Writes the integers into p (table.d), which *query borrows. Returns false if some
 * number is so large or so small that upper bounds would not hold: *query must not be
 * used then.
 */
bool g4r_bytes_prepare(const gru4rec_bytes *bytes, g4r_bytes_query *query, int8_t *p,
                       const g4r_real *x);
/*
 * Returns the most by which the upper bound of a row's score can be above the exact
 * score: twice what the bound adds to the product and the bias, and a little for
 * rounding. The upper bound is that of the kernel scan.upper_bounds.
 */
g4r_real g4r_bytes_gap(const gru4rec_bytes *bytes, const g4r_bytes_query *query,
                       size_t row);

#endif

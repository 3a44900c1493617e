/*
 * bytes.h - a copy of the output rows in bytes, a quarter as long to read, and
 * what it says for sure about their scores.
 *
 * Row w is scale q + r, q integers from -127 to 127 and scale = max |w| / 127; the vector
 * x of a session is scale' p + s, p integers from -64 to 64. So
 *   w.x = scale scale' q.p + r.x + scale q.s
 * whose last two are no larger than |r| |x| + |scale q| |s|, by Cauchy and Schwarz. To
 * |r| is added what roundings can make of a product with a vector of norm 1, in the bound
 * and in the exact score: (d + 8) 2^-23 (|scale q| + |r|), twice what theory has.
 *
 * The public functions make the copy; those here are for ranking.c, which asks it.
 */
#ifndef G4R_BYTES_H
#define G4R_BYTES_H

#include "../model/model.h"

struct gru4rec_bytes {
    gru4rec_allocator allocator;
    g4r_arena arena;
    const gru4rec_model *model;
    g4r_bytes table;       /* the copy */
    g4r_real largest_bias; /* |b| */
    g4r_real largest_scale, largest_rest, largest_norm;
    uint8_t *row;     /* (table.d) on its way into the table */
    size_t n_rows;    /* that have been copied */
    bool has_bad_row; /* the one behind them is not finite */
};

/*
 * Prepares the query of a session's vector x (D); p (table.d) is where its integers go,
 * and must last as long as the query. False where numbers so large or so small come up
 * that bounds would not hold.
 */
bool g4r_bytes_prepare(const gru4rec_bytes *bytes, g4r_bytes_query *query, int8_t *p,
                       const g4r_real *x);
/* What a bound is above the score it bounds, at most. */
g4r_real g4r_bytes_gap(const gru4rec_bytes *bytes, const g4r_bytes_query *query,
                       size_t row);

#endif

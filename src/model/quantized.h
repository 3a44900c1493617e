/*
 * quantized.h - a copy of the output rows in bytes, a quarter as long to read, and
 * what it says for sure about their scores. Uses model, vec.
 *
 * Row w is scale q + r, q integers from -127 to 127 and scale = max |w| / 127; the vector
 * x of a session is scale' p + s, p integers from -64 to 64. So
 *   w.x = scale scale' q.p + r.x + scale q.s
 * whose last two are no larger than |r| |x| + |scale q| |s|, by Cauchy and Schwarz. To
 * |r| is added what roundings can make of a product with a vector of norm 1, in the bound
 * and in the exact score: (d + 8) 2^-23 (|scale q| + |r|), twice what theory has.
 */
#ifndef G4R_QUANTIZED_H
#define G4R_QUANTIZED_H

#include "model.h"

typedef struct g4r_quantized {
    g4r_bytes bytes;
    g4r_arena arena;
    g4r_real largest_bias; /* |b| */
    g4r_real largest_scale, largest_rest, largest_norm;
    uint8_t *row;       /* (d) on its way into the bytes */
    size_t n_rows;      /* that have been copied */
    bool is_impossible; /* one of them is not finite */
} g4r_quantized;

/* Bytes that the copy takes. */
size_t g4r_quantized_bytes(const g4r_params *params);
/*
 * Prepares the query of a session's vector x (D); p (padded D) is where its integers go.
 * False where numbers so large or so small come up that bounds would not hold.
 */
bool g4r_quantized_query(const g4r_quantized *quantized, g4r_bytes_query *query,
                         int8_t *p, const g4r_real *x, size_t d);
/* Values that a query's p takes. */
size_t g4r_quantized_width(const g4r_params *params);
/* What a bound is above the score it bounds, at most. */
g4r_real g4r_quantized_gap(const g4r_quantized *quantized, const g4r_bytes_query *query,
                           size_t row);
void g4r_quantized_free(g4r_quantized *quantized, const gru4rec_allocator *allocator);

#endif

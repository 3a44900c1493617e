/*
 * topk.h - the best of many scores, with the product's order of ties: higher score
 * first, then lower row. NaN and -INFINITY are never among them.
 */
#ifndef G4R_TOPK_H
#define G4R_TOPK_H

#include "../base/base.h"
#include "vec.h"

typedef struct g4r_scored {
    g4r_real score;
    int32_t row;
} g4r_scored;

/*
 * best (k) out: the k best of scores (n), in order, that come behind *after (NULL: of
 * all). Returns how many there were. row: index into scores.
 */
size_t g4r_topk(g4r_scored *best, const g4r_real *scores, const g4r_scored *after,
                size_t n, size_t k, const g4r_vec *vec);

#endif

/*
 * topk.h - finds the k best of many scores, in order.
 *
 * A higher score is better; of equal scores, the one with the lower row is better. All
 * rankings of this library have this order. NaN and -INFINITY are never among the best.
 */
#ifndef G4R_TOPK_H
#define G4R_TOPK_H

#include "../base/base.h"
#include "vec.h"

/* A row and its score. */
typedef struct g4r_scored {
    g4r_real score;
    int32_t row;
} g4r_scored;

/*
 * Tells whether a comes before b in the ranking: a greater score first; of equal scores,
 * the lower row.
 */
static inline bool g4r_topk_is_before(g4r_scored a, g4r_scored b)
{
    return a.score > b.score || (a.score == b.score && a.row < b.row);
}

/*
 * Writes the k best of scores (n) into best (k), the best first, and returns how many
 * there are: fewer than k if fewer scores count. The row of each is its index in scores.
 * If after is not NULL, only scores that rank behind *after count: so a ranking goes on
 * from its last item. NaN and -INFINITY do not count.
 */
size_t g4r_topk(g4r_scored *best, const g4r_real *scores, const g4r_scored *after,
                size_t n, size_t k, const g4r_vec *vec);

#endif

/*
 * negatives.h - items drawn to be ranked beside a target, each as likely, none twice.
 *
 * What is drawn for an event depends on the seed and on its place among the test events
 * alone.
 */
#ifndef G4R_NEGATIVES_H
#define G4R_NEGATIVES_H

#include "../base/arena.h"
#include "../base/rng.h"

typedef struct g4r_negatives {
    int64_t seed;
    size_t n_items, n; /* so many are drawn, or all there are */
    uint64_t *drawn;   /* (I / 64 + 1) a bit for each number that is; 0 between draws */
} g4r_negatives;

/* n: at most I. */
void g4r_negatives_layout(g4r_negatives *negatives, g4r_arena *arena, size_t n_items,
                          size_t n);
/*
 * rows (n) out: of the items that are not excluded, which ascend as the rows do. Returns
 * how many there are.
 */
size_t g4r_negatives_draw(g4r_negatives *negatives, int32_t *rows,
                          const int32_t *excluded, size_t n_excluded, int64_t event);

#endif

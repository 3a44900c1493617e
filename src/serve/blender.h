/*
 * blender.h - blends the network's scores with what the nearest sessions have, for the files
 * of this folder and for evaluate/. The equations are in blender.c.
 */
#ifndef G4R_BLENDER_H
#define G4R_BLENDER_H

#include "../baselines/baseline.h"
#include "../kernels/topk.h"
#include "session.h"

struct gru4rec_blender {
    gru4rec_allocator allocator;
    g4r_arena arena;
    const g4r_vec *vec;
    gru4rec_blend blend; /* what it points to is borrowed */
    gru4rec_scorer *scorer;
    /*
     * The items that the nearest sessions have. They are in the order of their blended
     * scores, with the order of topk.h. The scorer's is_listed tells whether a row is one
     * of them.
     */
    size_t n;
    int32_t *rows; /* (I) the first n count */
    g4r_real
        *network; /* (I) their scores by the network, then (n) in the order of rows */
    g4r_real *blended;  /* (I) their blended scores, in the order of rows */
    g4r_scored *ranked; /* (I) room to sort */
};

/*
 * Blends for a session whose vector is x (output->d) and whose items are rows (n), the
 * oldest first. Only the last n_history of them count.
 */
void g4r_blender_blend(gru4rec_blender *blender, const g4r_output *output,
                       const g4r_real *x, const int32_t *rows, size_t n);
/* Tells whether the nearest sessions have the item of a row. */
static inline bool g4r_blender_has(const gru4rec_blender *blender, int32_t row)
{
    return blender->scorer->scores.is_listed[row];
}

/* The items that are ranked. Both lists ascend. */
typedef struct g4r_blender_limits {
    const int32_t *excluded; /* (n_excluded) not these */
    size_t n_excluded;
    const int32_t *rows; /* (n_rows) only these; NULL: all others */
    size_t n_rows;
} g4r_blender_limits;

/*
 * Merges the k best items by the network, best (n_best), with the items that the nearest
 * sessions have, and leaves the k best of all in best, which has room for k. Returns how
 * many there are. best must have only items that are ranked. The blender's network scores
 * are gone afterwards.
 */
size_t g4r_blender_merge(gru4rec_blender *blender, g4r_scored *best, size_t n_best,
                         size_t k, const g4r_blender_limits *limits);

#endif

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
    gru4rec_blend blend; /* its baseline is borrowed */
    gru4rec_scorer *scorer;
    int32_t *history; /* (n_history) room for the last items of a session */
    /*
     * The items that the nearest sessions have, by ascending row. is_listed of the scorer
     * tells whether a row is one of them.
     */
    size_t n;
    int32_t *rows;      /* (I) the first n are used */
    g4r_real *network;  /* (I) the network's score of each of rows */
    g4r_real *blended;  /* (I) the blended score of each of rows */
    g4r_scored *ranked; /* (I) room to sort the items */
};

/*
 * Fills rows, network and blended for a session whose vector is x (output->d), and whose
 * network was stepped with the items rows (n), the oldest first. Only the last n_history
 * of them count. Without an item, n becomes 0.
 */
void g4r_blender_blend(gru4rec_blender *blender, const g4r_output *output,
                       const g4r_real *x, const int32_t *rows, size_t n);
/*
 * As g4r_blender_blend(), but rows is a history as serving gets it: if the model collapses
 * repeats, they are left out first, and no more than max_length items count.
 */
void g4r_blender_after(gru4rec_blender *blender, const gru4rec_model *model,
                       const g4r_real *x, const int32_t *rows, size_t n);
/* Tells whether the nearest sessions have the item of a row. */
static inline bool g4r_blender_has(const gru4rec_blender *blender, int32_t row)
{
    return blender->scorer->scores.is_listed[row];
}

/* Says which items are ranked. Both lists ascend. */
typedef struct g4r_blender_limits {
    const int32_t *excluded; /* (n_excluded) items that are left out */
    size_t n_excluded;
    const int32_t *rows; /* (n_rows) the only items that are ranked; NULL: all are */
    size_t n_rows;
} g4r_blender_limits;

/*
 * Merges best (n_best), which has the k best items by the network's scores, with the items
 * that the nearest sessions have. Afterwards best, which has room for k, has the k best
 * items by the blended scores. Returns how many they are. All items in best must be items
 * that are ranked. The blender's network scores are lost.
 */
size_t g4r_blender_merge(gru4rec_blender *blender, g4r_scored *best, size_t n_best,
                         size_t k, const g4r_blender_limits *limits);

#endif

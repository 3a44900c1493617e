/*
 * blender.h - blends the network's scores with what the nearest sessions have, for the
 * files of this folder and for evaluate/. The equations are in blender.c.
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
     * The items that the nearest sessions have, which are those whose scores are blended.
     * There are n, and they are the first n of rows. scores.is_listed of the scorer tells
     * whether a row is one of them.
     */
    size_t n;
    int32_t *rows;      /* (I) ascending */
    g4r_real *network;  /* (I) the network's score of item rows[i] */
    g4r_real *blended;  /* (I) the blended score of item rows[i] */
    g4r_scored *ranked; /* (I) room to sort these items by their blended scores */
};

/*
 * Fills rows, n, network and blended of the blender for a session. x (output->d): the
 * values of the network's top layer after the session's items; output: the model's output
 * table and biases. rows (n): the session's items, the oldest first; only the last
 * n_history of them count. If the parameter n is 0, blender->n becomes 0.
 */
void g4r_blender_blend(gru4rec_blender *blender, const g4r_output *output,
                       const g4r_real *x, const int32_t *rows, size_t n);
/*
 * Does the work of g4r_blender_blend() for a model, but rows (n) is a history as serving
 * gets it. If the model collapses repeats, of equal items one after another only the
 * first counts. Then the last n_history items count, but no more than the model's
 * max_length, if that is above 0.
 */
void g4r_blender_after(gru4rec_blender *blender, const gru4rec_model *model,
                       const g4r_real *x, const int32_t *rows, size_t n);
/*
 * Tells whether the nearest sessions of the last blend have the item of a row, so that
 * its score is blended.
 */
static inline bool g4r_blender_has(const gru4rec_blender *blender, int32_t row)
{
    return blender->scorer->scores.is_listed[row];
}

/*
 * Gives the items that the nearest sessions have their blended scores, in scores (n) of
 * the items rows, ascending, or of all items if rows is NULL.
 */
void g4r_blender_overwrite(const gru4rec_blender *blender, g4r_real *scores,
                           const int32_t *rows, size_t n);

/* Says which items are ranked. Both lists are ascending rows; both are borrowed. */
typedef struct g4r_blender_limits {
    const int32_t *excluded; /* (n_excluded) items that are left out */
    size_t n_excluded;
    const int32_t *rows; /* (n_rows) the only items that are ranked; NULL: all are */
    size_t n_rows;
} g4r_blender_limits;

/*
 * Merges best (n_best), which has the k best items by the network's scores, the best
 * first, with the items that the nearest sessions have. Afterwards best, which has room
 * for k items, has the k best items by the blended scores, the best first. Returns how
 * many they are; fewer than k if fewer are ranked. limits: the items that are ranked; all
 * items in best must be among them. blender->network is overwritten.
 */
size_t g4r_blender_merge(gru4rec_blender *blender, g4r_scored *best, size_t n_best,
                         size_t k, const g4r_blender_limits *limits);

#endif

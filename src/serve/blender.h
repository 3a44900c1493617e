/*
 * blender.h - blends the network's scores with the items of the nearest sessions, for the
 * files of this folder and for evaluate/. The equations are in blender.c.
 */
#ifndef G4R_BLENDER_H
#define G4R_BLENDER_H

#include "../baselines/baseline.h"
#include "../kernels/topk.h"
#include "session.h"

/*
 * A blender, and the result of its last blend: rows, network and blended, each with n
 * values.
 */
struct gru4rec_blender {
    gru4rec_allocator allocator;
    g4r_arena arena;
    const g4r_vec *vec;
    /* A copy of what gru4rec_blender_new() got; the baseline in it is borrowed. */
    gru4rec_blend blend;
    /*
     * Scores items by the nearest sessions. Owned; it keeps the scores of the last blend.
     */
    gru4rec_scorer *scorer;
    /* (n_history) Room for g4r_blender_after() to collect the last items of a session. */
    int32_t *history;
    /*
     * Number of items that the nearest sessions have: those whose scores are blended. 0
     * if there are none. scores.is_listed of the scorer tells whether a row is one of
     * them.
     */
    size_t n;
    int32_t *rows; /* (I) the first n are used: these items, ascending */
    /* (I) The network's score of item rows[i]; g4r_blender_merge() overwrites it. */
    g4r_real *network;
    g4r_real *blended; /* (I) the blended score of item rows[i] */
    /*
     * (I) Scratch of g4r_blender_merge(): the best of these items by their blended
     * scores.
     */
    g4r_scored *ranked;
};

/*
 * Blends for a session: finds the items that its nearest sessions have, and fills rows,
 * n, network and blended of the blender with them and their scores. The results stay
 * until the next blend. x (output->d) has the values of the network's top layer after the
 * session's items. output is the model's output table and biases. rows (n) has the
 * session's items, the oldest first; only the last n_history of them count. If the
 * session has no items (n is 0), blender->n becomes 0.
 */
void g4r_blender_blend(gru4rec_blender *blender, const g4r_output *output,
                       const g4r_real *x, const int32_t *rows, size_t n);
/*
 * Blends as g4r_blender_blend() does, for a session of a model, but rows (n) is a history
 * as serving gets it, the oldest item first. If the model collapses repeats, only the
 * first of equal items that follow one another counts. Of the items that count, only the
 * last n_history are used, and no more than the model's max_length if that is above 0.
 * Overwrites blender->history.
 */
void g4r_blender_after(gru4rec_blender *blender, const gru4rec_model *model,
                       const g4r_real *x, const int32_t *rows, size_t n);
/*
 * Tells whether the item of a row is one that the nearest sessions have, by the last
 * blend. If so, its score is blended.
 */
static inline bool g4r_blender_has(const gru4rec_blender *blender, int32_t row)
{
    return blender->scorer->scores.is_listed[row];
}

/*
 * Overwrites scores by the blended scores of the last blend. scores (n) has the scores of
 * the items in rows, ascending, or of all items if rows is NULL: then scores[i] belongs
 * to the item in row i. Only items that the nearest sessions have change; those of them
 * that are not in rows are passed over.
 */
void g4r_blender_overwrite(const gru4rec_blender *blender, g4r_real *scores,
                           const int32_t *rows, size_t n);

/*
 * Says which items are ranked: those of rows, or all items, without those of excluded.
 * Both lists have ascending rows, and are borrowed during a call.
 */
typedef struct g4r_blender_limits {
    const int32_t *excluded; /* (n_excluded) items that are never ranked */
    size_t n_excluded;
    const int32_t *rows; /* (n_rows) the only items that are ranked; NULL: all are */
    size_t n_rows;
} g4r_blender_limits;

/*
 * Merges the best items by the network's scores with the items that the nearest sessions
 * have, by the last blend. On entry, best (n_best) has the k best items by the network's
 * scores, the best first, or all if there are fewer. On return, best has the k best items
 * by the blended scores, the best first. Returns their number: fewer than k if there are
 * fewer items to rank. best must have room for k items. limits says which items are
 * ranked; all items in best must be among them. Overwrites blender->network: the
 * network's scores are lost.
 */
size_t g4r_blender_merge(gru4rec_blender *blender, g4r_scored *best, size_t n_best,
                         size_t k, const g4r_blender_limits *limits);

#endif

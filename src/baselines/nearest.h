/*
 * nearest.h - finds the sessions of training that are nearest to the present session (the
 * prefix), for vs-knn and stan.
 *
 * Candidates are the sessions that share an item with the present session, but only the
 * sample_size youngest of them. The nearest are the k candidates with the largest
 * similarity above 0; ties: the younger first.
 *
 * For each item of the present session, the index has a list of the sessions that contain
 * it, the youngest first. Merging these lists gives the candidates, the youngest first.
 * When the next candidate begins, all shared items of the candidate before it are known.
 *
 * To use it for a prefix: call g4r_nearest_start(), set the weights of the clicks, call
 * g4r_nearest_find(), read neighbours, call g4r_nearest_end().
 */
#ifndef G4R_NEAREST_H
#define G4R_NEAREST_H

#include "index.h"

/* A distinct item of the present session, also if it stands there several times. */
typedef struct g4r_nearest_click {
    int32_t row;
    int32_t place; /* its last place in the session, from 1 */
    double weight; /* set by the method before g4r_nearest_find() */
} g4r_nearest_click;

/* A session of training: a candidate, or one of the nearest sessions. */
typedef struct g4r_nearest_neighbour {
    double similarity;
    int32_t session; /* number in the index */
    int32_t place;   /* place, from 1, of the latest click whose item it contains */
} g4r_nearest_neighbour;

/* A position in the list of the sessions that contain the item of one click. */
typedef struct g4r_nearest_cursor {
    /*
     * The session of the list at which the cursor stands, in the upper 32 bits, and the
     * place of the click in the lower 32 bits. So the largest key is that of the youngest
     * session, and of one session that of the latest click.
     */
    uint64_t key;
    const int32_t *next, *end; /* the rest of the list, behind that session */
    double weight;             /* weight of the click */
} g4r_nearest_cursor;

typedef struct g4r_nearest {
    const g4r_index *index;
    size_t sample_size, k;
    int32_t *places; /* (I) last place of each item, from 1; 0: not in the session */
    /*
     * (I) The clicks of the present session: the first n_clicks are used, in ascending
     * order of place.
     */
    g4r_nearest_click *clicks;
    g4r_nearest_cursor *cursors;       /* (I) heap with the largest key on top */
    g4r_nearest_neighbour *neighbours; /* (k) the nearest sessions */
    size_t n_clicks;
} g4r_nearest;

/*
 * Returns the similarity of a session of training to the present one; the method computes
 * it. session: number in the index. sum: the sum of the weights of the clicks whose items
 * that session contains, added from the latest click on. context: that of
 * g4r_nearest_find().
 */
typedef double g4r_nearest_similarity(const void *context, int32_t session, double sum);

/*
 * Sets the sizes (k is at most the number of sessions), borrows the index, and carves the
 * arrays from the arena. The memory of places must be zeroed before the first use.
 */
void g4r_nearest_layout(g4r_nearest *nearest, const gru4rec_baseline *baseline,
                        const g4r_index *index, size_t sample_size, size_t k,
                        g4r_arena *arena);
/*
 * Fills clicks with the distinct items of the present session, each at its last place,
 * sets n_clicks to their number, and writes these places to places. places must be zero
 * before, as g4r_nearest_end() leaves it. The weights of the clicks are not set yet.
 */
void g4r_nearest_start(g4r_nearest *nearest, const gru4rec_prefix *prefix);
/*
 * Finds the nearest sessions and writes them into neighbours (k), the nearest first. A
 * candidate whose similarity is not above 0 is left out, but counts for sample_size. The
 * weights of the clicks must be set. Returns how many sessions it found, 0 ... k. context
 * is handed to similarity.
 */
size_t g4r_nearest_find(g4r_nearest *nearest, g4r_nearest_similarity *similarity,
                        const void *context);
/*
 * Sets the places of the present session's items back to 0. The caller must call it
 * before the g4r_nearest_start() of the next session.
 */
void g4r_nearest_end(g4r_nearest *nearest);

#endif

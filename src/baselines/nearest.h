/*
 * nearest.h - finds the sessions of training that are nearest to the present session (the
 * prefix), for vs-knn and stan.
 *
 * Candidates are the sessions that share an item with the present session, but only the
 * sample_size youngest of them. The nearest are the k candidates with the largest
 * similarity; ties: the younger first.
 *
 * For each item of the present session, the index has a list of the sessions that contain
 * it, the youngest first. Merging these lists gives the candidates, the youngest first.
 * When the next candidate begins, all shared items of the candidate before it are known.
 *
 * To use it: start, set the weights of the clicks, find, end.
 */
#ifndef G4R_NEAREST_H
#define G4R_NEAREST_H

#include "index.h"

/* A distinct item of the present session. */
typedef struct g4r_nearest_click {
    int32_t row;
    int32_t place; /* last place in the session, from 1 */
    double weight; /* set by the method */
} g4r_nearest_click;

/* A session of training: a candidate, or one of the nearest sessions. */
typedef struct g4r_nearest_neighbour {
    double similarity;
    int32_t session; /* number in the index */
    int32_t place;   /* place of the latest click whose item it contains */
} g4r_nearest_neighbour;

/* A position in the list of one click, which has the sessions with the click's item. */
typedef struct g4r_nearest_cursor {
    uint64_t key; /* upper 32 bits: session; lower 32 bits: place of the click */
    const int32_t *next, *end; /* the list's sessions after that one */
    double weight;             /* weight of the click */
} g4r_nearest_cursor;

typedef struct g4r_nearest {
    const g4r_index *index;
    size_t sample_size, k;
    int32_t *places;             /* (I) last place of each item; 0: not in the session */
    g4r_nearest_click *clicks;   /* (I) the first n_clicks are used, ordered by place */
    g4r_nearest_cursor *cursors; /* (I) heap, the youngest session on top */
    g4r_nearest_neighbour *neighbours; /* (k) the nearest sessions */
    size_t n_clicks;
} g4r_nearest;

/*
 * Returns the similarity of a session of the index to the present one. sum: the sum of
 * the weights of the clicks whose items the session contains, added from the latest click
 * on.
 */
typedef double g4r_nearest_similarity(const void *context, int32_t session, double sum);

/*
 * Sets the sizes, borrows the index, and carves the arrays; the memory of places must be
 * zeroed before the first use.
 */
void g4r_nearest_layout(g4r_nearest *nearest, const gru4rec_baseline *baseline,
                        const g4r_index *index, size_t sample_size, size_t k,
                        g4r_arena *arena);
/*
 * Fills clicks and places from the present session: its distinct items, each at its last
 * place, and their number n_clicks. The weights of the clicks are not set yet.
 */
void g4r_nearest_start(g4r_nearest *nearest, const gru4rec_prefix *prefix);
/*
 * Finds the nearest sessions among those with a similarity above 0, and writes them into
 * neighbours (k), the nearest first. The weights of the clicks must be set. Returns how
 * many there are. context is handed to similarity.
 */
size_t g4r_nearest_find(g4r_nearest *nearest, g4r_nearest_similarity *similarity,
                        const void *context);
/*
 * Sets the places of the present session's items back to zero. It must be called before
 * the g4r_nearest_start() of the next session.
 */
void g4r_nearest_end(g4r_nearest *nearest);

#endif

/*
 * nearest.h - the sessions of training that are nearest to one, for vs-knn and stan.
 *
 * Candidates are the sessions that share an item with it; where there are more than
 * sample_size, the youngest. Nearest are the k of them that are most similar; of those that
 * are equally similar, the youngest. The lists of the sessions that have each of its items
 * begin with the youngest, so the candidates are found by merging them, youngest first,
 * and each is complete when the next one begins.
 */
#ifndef G4R_NEAREST_H
#define G4R_NEAREST_H

#include "index.h"

/* A distinct item of the session. */
typedef struct g4r_nearest_click {
    int32_t row;
    int32_t place; /* its last, from 1 */
    double weight; /* for the method to set */
} g4r_nearest_click;

typedef struct g4r_nearest_neighbour {
    double similarity;
    int32_t session; /* number in the index */
    int32_t place;   /* of the latest click that it has */
} g4r_nearest_neighbour;

/* One list that is merged. */
typedef struct g4r_nearest_cursor {
    uint64_t key; /* its session, then the click's place */
    const int32_t *next, *end;
    double weight; /* of the click */
} g4r_nearest_cursor;

typedef struct g4r_nearest {
    const g4r_index *index;
    size_t sample_size, k;
    int32_t *places;                   /* (I) last place of each item; 0: it has none */
    g4r_nearest_click *clicks;         /* (I) the first n_clicks, by place */
    g4r_nearest_cursor *cursors;       /* (I) */
    g4r_nearest_neighbour *neighbours; /* (k) */
    size_t n_clicks;
} g4r_nearest;

/* Of a session: sum over the clicks that it has of their weights, the latest first. */
typedef double g4r_nearest_similarity(const void *context, int32_t session, double sum);

void g4r_nearest_layout(g4r_nearest *nearest, const gru4rec_baseline *baseline,
                        const g4r_index *index, size_t sample_size, size_t k,
                        g4r_arena *arena);
/* Finds the clicks and places of a session. */
void g4r_nearest_start(g4r_nearest *nearest, const gru4rec_prefix *prefix);
/* Finds the neighbours (k), nearest first; only those whose similarity is above 0. Returns
 * how many there are. */
size_t g4r_nearest_find(g4r_nearest *nearest, g4r_nearest_similarity *similarity,
                        const void *context);
/* Forgets the session. */
void g4r_nearest_end(g4r_nearest *nearest);

#endif

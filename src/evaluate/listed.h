/*
 * listed.h - where a target stands by the scores of a baseline, and what stands first.
 *
 * A baseline lists a few items, with scores above 0; all others tie at 0, and are in no
 * list. Scores are compared as doubles.
 */
#ifndef G4R_LISTED_H
#define G4R_LISTED_H

#include "ranks.h"

typedef struct g4r_listed {
    size_t n_items, longest;
    int32_t *rows;    /* (I) listed items that are ranked */
    int32_t *best;    /* (longest) */
    g4r_scored *list; /* (longest) the one given last */
} g4r_listed;

void g4r_listed_layout(g4r_listed *listed, g4r_arena *arena, size_t n_items,
                       size_t longest);
/* rows (n), ascending: the items that are ranked; NULL: all. The list lasts until the next
 * call. */
void g4r_listed_rank(g4r_listed *listed, const gru4rec_scores *scores,
                     const int32_t *rows, size_t n, const g4r_rank_query *query,
                     g4r_standing *standing);

#endif

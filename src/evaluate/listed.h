/*
 * listed.h - ranks a target by the scores of a baseline, and finds the best items.
 *
 * A baseline gives a few items scores above 0. All other items tie at 0, and are in no
 * list of best items. Scores are compared as doubles.
 */
#ifndef G4R_LISTED_H
#define G4R_LISTED_H

#include "ranks.h"

typedef struct g4r_listed {
    size_t n_items, longest; /* I; most items in a list */
    int32_t *rows;           /* (I) scratch: ranked items with a score above 0 */
    int32_t *best;           /* (longest) scratch: rows of the best items */
    g4r_scored *list;        /* (longest) the latest list that was given */
} g4r_listed;

/* Carves the arrays from the arena (arena.h). */
void g4r_listed_layout(g4r_listed *listed, g4r_arena *arena, size_t n_items,
                       size_t longest);
/*
 * Ranks the query's target by scores. rows (n), ascending: the items that are ranked;
 * NULL: all items. *standing: the result; its list is borrowed until the next call.
 */
void g4r_listed_rank(g4r_listed *listed, const gru4rec_scores *scores,
                     const int32_t *rows, size_t n, const g4r_rank_query *query,
                     g4r_standing *standing);

#endif

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
    /* Number of items I; most items in a list of best items. */
    size_t n_items, longest;
    /* (I) scratch: the ranked items with a score above 0 that were not seen. */
    int32_t *rows;
    int32_t *best;    /* (longest) scratch: rows of the best items */
    g4r_scored *list; /* (longest) the list of the latest g4r_listed_rank() */
} g4r_listed;

/* Sets n_items and longest, and carves the three arrays from the arena (arena.h). */
void g4r_listed_layout(g4r_listed *listed, g4r_arena *arena, size_t n_items,
                       size_t longest);
/*
 * Fills *standing: the rank of the query's target by scores, and the best items, at most
 * listed->longest, all with a score above 0. Seen items are left out of both. A target
 * with score 0 is equal to all ranked items with score 0. Without a target (-1),
 * n_greater and n_equal are 0. rows (n), ascending: the items that are ranked; NULL: all
 * items. The list in *standing is borrowed until the next g4r_listed_rank().
 */
void g4r_listed_rank(g4r_listed *listed, const gru4rec_scores *scores,
                     const int32_t *rows, size_t n, const g4r_rank_query *query,
                     g4r_standing *standing);

#endif

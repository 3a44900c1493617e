/* scores.h - scores of which most are 0: the items with a score are also in a list. */
#ifndef G4R_SCORES_H
#define G4R_SCORES_H

#include "../base/arena.h"

typedef struct g4r_scores {
    double *values;  /* (I) 0 for items that are not listed */
    int32_t *rows;   /* (I) the first n are the listed items, in the order of listing */
    bool *is_listed; /* (I) whether the item is among the first n of rows */
    size_t n;
} g4r_scores;

/*
 * Carves the arrays for n_items items from the arena; n stays as it is. If their memory
 * is not zeroed, the caller must call g4r_scores_reset() before the first use.
 */
void g4r_scores_layout(g4r_scores *scores, g4r_arena *arena, size_t n_items);
/*
 * Sets all scores of n_items items to 0 and empties the list, whatever the arrays hold.
 */
void g4r_scores_reset(g4r_scores *scores, size_t n_items);
/*
 * Empties the list and sets the scores of its items to 0. Its time depends on the listed
 * items only, not on all items.
 */
void g4r_scores_clear(g4r_scores *scores);
/*
 * Removes the items whose score is not above 0 from the list, and sets their scores to 0.
 * Returns the items that stay, in their order, with all scores; both are borrowed from
 * scores until they change.
 */
gru4rec_scores g4r_scores_above_zero(g4r_scores *scores);

/*
 * Adds more to the score of an item. Lists the item if it is not listed yet, even if more
 * is 0.
 */
static inline void g4r_scores_add(g4r_scores *scores, int32_t row, double more)
{
    if (!scores->is_listed[row]) {
        scores->is_listed[row] = true;
        scores->rows[scores->n++] = row;
    }
    scores->values[row] += more;
}

#endif

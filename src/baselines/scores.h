/* scores.h - scores of which most are 0: the items with a score are also in a list. */
#ifndef G4R_SCORES_H
#define G4R_SCORES_H

#include "../base/arena.h"

typedef struct g4r_scores {
    double *values;  /* (I) 0 for items that are not listed */
    int32_t *rows;   /* (I) the first n are the listed items, in the order of adding */
    bool *is_listed; /* (I) whether the item is listed */
    size_t n;
} g4r_scores;

/* Carves the arrays from the arena. They must be zero or reset before the first use. */
void g4r_scores_layout(g4r_scores *scores, g4r_arena *arena, size_t n_items);
/* Sets all arrays to zero, which is needed if their memory is not zeroed. */
void g4r_scores_reset(g4r_scores *scores, size_t n_items);
/* Removes all items from the list, and sets their scores to 0. */
void g4r_scores_clear(g4r_scores *scores);
/* Removes items whose score is not above 0. Returns the others, borrowed from scores. */
gru4rec_scores g4r_scores_above_zero(g4r_scores *scores);

/* Adds more to the score of an item, and lists the item. */
static inline void g4r_scores_add(g4r_scores *scores, int32_t row, double more)
{
    if (!scores->is_listed[row]) {
        scores->is_listed[row] = true;
        scores->rows[scores->n++] = row;
    }
    scores->values[row] += more;
}

#endif

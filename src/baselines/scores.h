/* scores.h - scores of the few items that have one. */
#ifndef G4R_SCORES_H
#define G4R_SCORES_H

#include "../base/arena.h"

typedef struct g4r_scores {
    double *values;  /* (I) 0 where an item is not listed */
    int32_t *rows;   /* (I) the first n are listed, as they came */
    bool *is_listed; /* (I) */
    size_t n;
} g4r_scores;

void g4r_scores_layout(g4r_scores *scores, g4r_arena *arena, size_t n_items);
/* Before the first use of memory that holds anything. */
void g4r_scores_reset(g4r_scores *scores, size_t n_items);
/* Lists nothing. */
void g4r_scores_clear(g4r_scores *scores);
/* Drops what is not above 0. */
gru4rec_scores g4r_scores_above_zero(g4r_scores *scores);

static inline void g4r_scores_add(g4r_scores *scores, int32_t row, double more)
{
    if (!scores->is_listed[row]) {
        scores->is_listed[row] = true;
        scores->rows[scores->n++] = row;
    }
    scores->values[row] += more;
}

#endif

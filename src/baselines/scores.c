/* scores.c - keeps the scores of a few items; see scores.h. */
#include "scores.h"

void g4r_scores_layout(g4r_scores *scores, g4r_arena *arena, size_t n_items)
{
    scores->values = g4r_arena_take(arena, n_items, sizeof *scores->values);
    scores->rows = g4r_arena_take(arena, n_items, sizeof *scores->rows);
    scores->is_listed = g4r_arena_take(arena, n_items, sizeof *scores->is_listed);
}

void g4r_scores_reset(g4r_scores *scores, size_t n_items)
{
    memset(scores->values, 0, n_items * sizeof *scores->values);
    memset(scores->is_listed, 0, n_items * sizeof *scores->is_listed);
    scores->n = 0;
}

/* Sets the score of an item to 0, and marks the item as not listed. rows and n stay. */
static void drop(g4r_scores *scores, int32_t row)
{
    scores->values[row] = 0;
    scores->is_listed[row] = false;
}

void g4r_scores_clear(g4r_scores *scores)
{
    for (size_t i = 0; i < scores->n; i++)
        drop(scores, scores->rows[i]);
    scores->n = 0;
}

gru4rec_scores g4r_scores_above_zero(g4r_scores *scores)
{
    size_t n = 0;
    for (size_t i = 0; i < scores->n; i++) {
        const int32_t row = scores->rows[i];
        if (scores->values[row] > 0)
            scores->rows[n++] = row;
        else
            drop(scores, row);
    }
    scores->n = n;
    return (gru4rec_scores){scores->values, scores->rows, n};
}

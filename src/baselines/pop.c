/*
 * pop.c - baseline pop: scores items by their popularity, whatever the session contains.
 *   score(i) = support(i), the number of events of i in training
 */
#include "methods.h"

typedef struct pop {
    gru4rec_baseline base;
    double *scores; /* (I) support of each item; the same for every session */
    int32_t *rows;  /* (n) items with a score above 0, in ascending order */
    size_t n;
} pop;

static void layout(gru4rec_baseline *base, g4r_arena *kept, g4r_arena *scratch)
{
    pop *b = (pop *)base;
    (void)scratch;
    b->scores = g4r_arena_take(kept, base->n_items, sizeof *b->scores);
    b->rows = g4r_arena_take(kept, base->n_items, sizeof *b->rows);
}

static bool fit(gru4rec_baseline *base, g4r_stop_watch *watch)
{
    pop *b = (pop *)base;
    (void)watch;
    for (size_t row = 0; row < base->n_items; row++) {
        b->scores[row] = (double)base->data.support[row];
        if (base->data.support[row] > 0)
            b->rows[b->n++] = (int32_t)row;
    }
    return true;
}

static gru4rec_scores score(gru4rec_scorer *scorer, const gru4rec_prefix *prefix)
{
    const pop *b = (const pop *)scorer->baseline;
    (void)prefix;
    return (gru4rec_scores){b->scores, b->rows, b->n};
}

const g4r_baseline_method g4r_pop = {
    .name = "pop", .bytes = sizeof(pop), .layout = layout, .fit = fit, .score = score};

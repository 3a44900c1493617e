/*
 * session_pop.c - baseline session-pop: scores items by how often they are in the
 * session, and ties by popularity.
 *   score(i) = c_i + n_i / (n_i + 1), the second term only for the session_pop_top_n most
 *              popular items (ties: lower row first)
 * c_i: number of events of i in the prefix
 * n_i: number of events of i in training
 */
#include "best.h"
#include "methods.h"

typedef struct session_pop {
    gru4rec_baseline base;
    int32_t *rows; /* (n) the most popular items, the most popular first */
    double *more;  /* (n) the second term of their scores: n_i / (n_i + 1) */
    size_t n;
    double *counts; /* (I) scratch of fit: n_i */
    int32_t *all;   /* (I) scratch of fit: items that have events, by row */
} session_pop;

/*
 * Returns how many items have the second term at most: session_pop_top_n, or I if less.
 */
static size_t most(const gru4rec_baseline *base)
{
    return G4R_MIN((size_t)base->options.session_pop_top_n, base->n_items);
}

static void layout(gru4rec_baseline *base, g4r_arena *kept, g4r_arena *scratch)
{
    session_pop *b = (session_pop *)base;
    b->rows = g4r_arena_take(kept, most(base), sizeof *b->rows);
    b->more = g4r_arena_take(kept, most(base), sizeof *b->more);
    b->counts = g4r_arena_take(scratch, base->n_items, sizeof *b->counts);
    b->all = g4r_arena_take(scratch, base->n_items, sizeof *b->all);
}

static bool fit(gru4rec_baseline *base, g4r_stop_watch *watch)
{
    session_pop *b = (session_pop *)base;
    size_t n = 0;
    memset(b->counts, 0, base->n_items * sizeof *b->counts);
    for (size_t i = 0; i < base->n_events && !g4r_stop_watch_is_over(watch); i++)
        b->counts[base->data.sessions->item_rows[i]]++;
    for (size_t row = 0; row < base->n_items; row++)
        if (b->counts[row] > 0)
            b->all[n++] = (int32_t)row;
    b->n = g4r_best_find(b->rows, most(base), b->all, n, b->counts);
    for (size_t i = 0; i < b->n; i++) {
        const double count = b->counts[b->rows[i]];
        b->more[i] = count / (count + 1);
    }
    return !watch->is_over;
}

static gru4rec_scores score(gru4rec_scorer *scorer, const gru4rec_prefix *prefix)
{
    const session_pop *b = (const session_pop *)scorer->baseline;
    g4r_scores *scores = &scorer->scores;
    for (size_t i = 0; i < prefix->n; i++)
        g4r_scores_add(scores, prefix->rows[i], 1);
    for (size_t i = 0; i < b->n; i++)
        g4r_scores_add(scores, b->rows[i], b->more[i]);
    return g4r_scores_above_zero(scores);
}

const g4r_baseline_method g4r_session_pop = {.name = "session-pop",
                                             .needs_sessions = true,
                                             .bytes = sizeof(session_pop),
                                             .layout = layout,
                                             .fit = fit,
                                             .score = score};

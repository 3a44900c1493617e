/*
 * baseline.h - a simple method that a model is measured beside: fitted once on the sessions
 * of training, it scores what may follow the first items of a session.
 *
 * A method is a g4r_baseline_method in a file of its own, and a line in the table of
 * baseline.c. What it keeps is a struct that begins with a gru4rec_baseline; arrays in it
 * are carved from an arena, so that their bytes are known before they are taken. What a
 * query writes to is in a scorer, one for each thread. No query allocates.
 */
#ifndef G4R_BASELINE_H
#define G4R_BASELINE_H

#include "../base/arena.h"
#include "../base/stop.h"
#include "scores.h"

typedef struct g4r_baseline_method {
    const char *name;
    bool needs_sessions; /* those of training; else it is fitted on support alone */
    bool uses_days;      /* of the sessions' times, where there are such */
    size_t bytes;        /* of the struct that begins with the baseline */
    size_t scorer_bytes; /* of the one that begins with its scorer; 0: of that alone */
    /* Carves what it keeps from the one arena, what only fit needs from the other. */
    void (*layout)(gru4rec_baseline *baseline, g4r_arena *kept, g4r_arena *scratch);
    /* Fills what was carved, which holds anything. False: no memory, or stopped. */
    bool (*fit)(gru4rec_baseline *baseline, g4r_stop_watch *watch);
    /* Carves what a query needs, which is zeroed; NULL: nothing. */
    void (*layout_scorer)(gru4rec_scorer *scorer, g4r_arena *arena);
    /* Lists the items with a score above 0, and leaves the scorer as it was before. */
    gru4rec_scores (*score)(gru4rec_scorer *scorer, const gru4rec_prefix *prefix);
} g4r_baseline_method;

struct gru4rec_baseline {
    const g4r_baseline_method *method;
    gru4rec_allocator allocator;
    gru4rec_options options;
    gru4rec_baseline_data data; /* what is borrowed in it only until it is fitted */
    size_t n_items, n_sessions, n_events, longest; /* events of the longest session */
    g4r_arena arena;
};

/* Does a prefix need times? */
static inline bool g4r_baseline_needs_times(const gru4rec_baseline *baseline)
{
    return baseline->method->uses_days && baseline->data.day > 0;
}

struct gru4rec_scorer {
    const gru4rec_baseline *baseline;
    gru4rec_allocator allocator;
    g4r_arena arena;
    g4r_scores scores; /* empty between queries, but for those that it gave last */
};

#endif

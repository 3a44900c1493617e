/*
 * baseline.h - the interface of a baseline: a simple method that a model is compared
 * with. It is fitted once on the sessions of training. Then it scores the items that may
 * follow the first items of a session.
 *
 * A method is a g4r_baseline_method in its own file, and a line in the table of
 * baseline.c. It keeps its data in a struct that begins with a gru4rec_baseline. The
 * arrays of the struct are carved from an arena, so that their size is known before they
 * are allocated. A query writes to a scorer only, and each thread has its own scorer. No
 * query allocates memory.
 */
#ifndef G4R_BASELINE_H
#define G4R_BASELINE_H

#include "../base/arena.h"
#include "../base/stop.h"
#include "scores.h"

typedef struct g4r_baseline_method {
    const char *name;
    bool needs_sessions; /* fitted on training's sessions; false: on support alone */
    bool uses_days;      /* scores depend on the days between sessions, if known */
    size_t bytes;        /* size of the struct that begins with a gru4rec_baseline */
    size_t scorer_bytes; /* size of its struct that begins with a gru4rec_scorer, or 0 */
    /*
     * Carves the arrays that are kept from kept, and those that only fit needs from
     * scratch.
     */
    void (*layout)(gru4rec_baseline *baseline, g4r_arena *kept, g4r_arena *scratch);
    /*
     * Fills the arrays, whose memory is not zeroed. Returns false if the watch is over or
     * there is no memory; the baseline is then freed.
     */
    bool (*fit)(gru4rec_baseline *baseline, g4r_stop_watch *watch);
    /* Carves the arrays of a query; their memory is zeroed. NULL: it has none. */
    void (*layout_scorer)(gru4rec_scorer *scorer, g4r_arena *arena);
    /*
     * Returns the items with a score above 0, borrowed until the next query. Except
     * scorer->scores, the scorer must be as before.
     */
    gru4rec_scores (*score)(gru4rec_scorer *scorer, const gru4rec_prefix *prefix);
} g4r_baseline_method;

struct gru4rec_baseline {
    const g4r_baseline_method *method;
    gru4rec_allocator allocator;
    gru4rec_options options;
    gru4rec_baseline_data data; /* its pointers are borrowed, and NULL once fitted */
    size_t n_items, n_sessions, n_events, longest; /* longest: events of a session */
    g4r_arena arena;
};

/* Tells whether prefixes must have times for this baseline. */
static inline bool g4r_baseline_needs_times(const gru4rec_baseline *baseline)
{
    return baseline->method->uses_days && baseline->data.day > 0;
}

struct gru4rec_scorer {
    const gru4rec_baseline *baseline;
    gru4rec_allocator allocator;
    g4r_arena arena;
    g4r_scores scores; /* those of the latest query */
};

#endif

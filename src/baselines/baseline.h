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
    /*
     * True: the method is fitted on the sessions of training. False: on the support of
     * the items alone.
     */
    bool needs_sessions;
    bool uses_days; /* scores depend on the days between sessions, if known */
    size_t bytes;   /* size of its struct, which begins with a gru4rec_baseline */
    /*
     * Size of its struct for queries, which begins with a gru4rec_scorer; 0: it has none,
     * and a gru4rec_scorer is enough.
     */
    size_t scorer_bytes;
    /*
     * Carves the arrays that are kept from the arena kept, and those that only fit needs
     * from the arena scratch. It is called twice, as all layout functions: first to count
     * the bytes, then to set the pointers (arena.h).
     */
    void (*layout)(gru4rec_baseline *baseline, g4r_arena *kept, g4r_arena *scratch);
    /*
     * Fits the method to baseline->data: fills the arrays that layout carved, whose
     * memory is not zeroed. The other fields of its struct are zero before. Returns false
     * if the caller asked to stop (watch) or there is not enough memory;
     * gru4rec_baseline_new() then frees the baseline. The arrays from scratch are freed
     * when it returns.
     */
    bool (*fit)(gru4rec_baseline *baseline, g4r_stop_watch *watch);
    /*
     * Carves the arrays that a query of this method needs beside scorer->scores; their
     * memory is zeroed. It is called twice, as layout. NULL: the method needs no such
     * arrays.
     */
    void (*layout_scorer)(gru4rec_scorer *scorer, g4r_arena *arena);
    /*
     * Returns the items with a score above 0 for the prefix, and their scores, borrowed
     * until the next query. gru4rec_scorer_score() has emptied scorer->scores, and the
     * method may fill them; all else in the scorer must be as before when it returns.
     */
    gru4rec_scores (*score)(gru4rec_scorer *scorer, const gru4rec_prefix *prefix);
} g4r_baseline_method;

struct gru4rec_baseline {
    const g4r_baseline_method *method;
    gru4rec_allocator allocator;
    gru4rec_options options;
    /*
     * What it is fitted on. The pointers support and sessions are borrowed while
     * gru4rec_baseline_new() works, and NULL from its end on; n_items and day stay.
     */
    gru4rec_baseline_data data;
    /*
     * Sizes: items of the catalogue, sessions of training, their events, and the number
     * of events of the longest session. All but n_items are 0 if the method does not need
     * sessions.
     */
    size_t n_items, n_sessions, n_events, longest;
    g4r_arena arena;
};

/*
 * Tells whether a prefix must have times: the method lets scores decay by days, and the
 * length of a day is known.
 */
static inline bool g4r_baseline_needs_times(const gru4rec_baseline *baseline)
{
    return baseline->method->uses_days && baseline->data.day > 0;
}

struct gru4rec_scorer {
    const gru4rec_baseline *baseline;
    gru4rec_allocator allocator;
    g4r_arena arena;
    /* The scores of the latest query, unless the method returned arrays of its own. */
    g4r_scores scores;
};

#endif

/*
 * tally.h - collects the rankings of one method, and computes its measures.
 *
 * The place of each target is kept by event, and list items are counted in whole numbers.
 * So the measures do not depend on the order in which rankings come.
 */
#ifndef G4R_TALLY_H
#define G4R_TALLY_H

#include "../kernels/topk.h"
#include "outcomes.h"
#include "segment.h"

/* Counts from the lists of best items, for the targets of one segment. */
typedef struct g4r_tally_lists {
    int32_t *best; /* (I) best place of each item in any list, from 1; 0: in no list */
    /*
     * For each cut-off, over all lists: sum of the supports of the items, and their
     * count.
     */
    double support_sums[GRU4REC_MAX_LIST];
    int64_t listed[GRU4REC_MAX_LIST];
    int64_t ties; /* rankings in which another item has the target's score */
} g4r_tally_lists;

typedef struct g4r_tally {
    const char *method;
    const int64_t *support; /* (I) training events of each item; borrowed */
    const gru4rec_options *options;
    size_t n_items;
    g4r_outcomes *outcomes; /* shared by all methods; counts one while it is reported */
    int32_t *places;        /* (events) as gru4rec_evaluation has them */
    g4r_tally_lists lists[G4R_SEGMENT_MOST];
} g4r_tally;

/* The result of one ranking. */
typedef struct g4r_standing {
    /*
     * Items with a greater score than the target; items with the same score, the target
     * included (0: the target is not ranked).
     */
    size_t n_greater, n_equal;
    const g4r_scored *list; /* (n) the best items, the best first; borrowed */
    size_t n;
} g4r_standing;

/*
 * Returns the largest cut-off of option cutoffs, at most n_items: the length of the lists
 * of best items.
 */
size_t g4r_tally_longest(const gru4rec_options *options, size_t n_items);
/*
 * Returns the number of gru4rec_metrics that g4r_tally_report() fills: segments times
 * cut-offs.
 */
size_t g4r_tally_rows(const gru4rec_options *options);
/*
 * Carves the arrays of the tally from the arena. places (events): the caller's array for
 * the places of targets, which the tally fills and borrows as long as it is used; NULL:
 * the array is carved too.
 */
void g4r_tally_layout(g4r_tally *tally, g4r_arena *arena, int32_t *places);
/* Sets the places of all events to "no target" (GRU4REC_PLACE_NONE). */
void g4r_tally_start(g4r_tally *tally);
/*
 * Notes the result of one ranking. Its target is event number event of the test events:
 * sets the target's place in tally->places, and counts the ties and the list in the
 * target's segment.
 */
void g4r_tally_count(g4r_tally *tally, const g4r_standing *standing, int64_t event);
/*
 * Fills metrics (g4r_tally_rows()) with the measures of the method: for each segment, one
 * for each cut-off. If the caller asked to stop (watch), they must not be used.
 */
void g4r_tally_report(const g4r_tally *tally, gru4rec_metrics *metrics,
                      g4r_stop_watch *watch);

#endif

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

/*
 * What is counted from the lists of best items: from one list for each ranking whose
 * target is in the segment.
 */
typedef struct g4r_tally_lists {
    /*
     * (I) best place of each item in all lists so far, from 1; 0: the item is in no list.
     */
    int32_t *best;
    /*
     * For each cut-off k, the first k items of all lists: the sum of their supports, and
     * their number. An item counts in each list that has it.
     */
    double support_sums[GRU4REC_MAX_LIST];
    int64_t listed[GRU4REC_MAX_LIST];
    /* Number of rankings in which another item has the same score as the target. */
    int64_t ties;
} g4r_tally_lists;

typedef struct g4r_tally {
    const char *method;
    const int64_t *support; /* (I) training events of each item; borrowed */
    const gru4rec_options *options;
    size_t n_items;
    /*
     * Shared by the tallies of all methods. Its segments say in which of lists a ranking
     * is counted. Its counts are overwritten by g4r_tally_report().
     */
    g4r_outcomes *outcomes;
    /*
     * (events) the place of each target, as gru4rec_evaluation has them;
     * GRU4REC_PLACE_NONE for events that are no target.
     */
    int32_t *places;
    /* One for each segment; the first g4r_segment_count() are used. */
    g4r_tally_lists lists[G4R_SEGMENT_MOST];
} g4r_tally;

/* The result of one ranking. */
typedef struct g4r_standing {
    /*
     * Number of ranked items with a greater score than the target, and with the same
     * score, the target included. If n_equal is 0, the target was not ranked, and
     * n_greater means nothing.
     */
    size_t n_greater, n_equal;
    const g4r_scored *list; /* (n) the best items, the best first; borrowed */
    size_t n;
} g4r_standing;

/*
 * Returns the largest cut-off of option cutoffs, but at most n_items. Lists of best items
 * have this length.
 */
size_t g4r_tally_longest(const gru4rec_options *options, size_t n_items);
/*
 * Returns how many elements g4r_tally_report() writes into metrics: the number of
 * segments times the number of cut-offs.
 */
size_t g4r_tally_rows(const gru4rec_options *options);
/*
 * Carves the arrays of the tally from the arena (arena.h): places, and best of each
 * segment. outcomes, options and n_items of the tally must be set. If places (events) is
 * not NULL, it becomes the tally's places and is not carved: the caller's array, borrowed
 * as long as the tally is used and filled by it.
 */
void g4r_tally_layout(g4r_tally *tally, g4r_arena *arena, int32_t *places);
/* Sets the places of all events to "no target" (GRU4REC_PLACE_NONE). */
void g4r_tally_start(g4r_tally *tally);
/*
 * Notes the result of one ranking, whose target is event number event of the test events.
 * Sets the target's place in tally->places: GRU4REC_PLACE_MISSED if the target was not
 * ranked, or if its rank is greater than the largest cut-off. Counts a tie and the list
 * of best items in the target's segment. *standing is not kept.
 */
void g4r_tally_count(g4r_tally *tally, const g4r_standing *standing, int64_t event);
/*
 * Fills metrics (g4r_tally_rows()) with the measures of the method: for each segment, one
 * element for each cut-off. Overwrites the counts and sums of tally->outcomes. If the
 * caller asks to stop (watch), metrics are incomplete and must not be used.
 */
void g4r_tally_report(const g4r_tally *tally, gru4rec_metrics *metrics,
                      g4r_stop_watch *watch);

#endif

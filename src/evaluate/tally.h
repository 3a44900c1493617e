/*
 * tally.h - what is kept of one method's rankings, and the measures of it.
 *
 * Where targets stood is kept event by event, what was listed is counted in whole numbers:
 * measures do not depend on the order in which rankings come.
 */
#ifndef G4R_TALLY_H
#define G4R_TALLY_H

#include "../kernels/topk.h"
#include "outcomes.h"
#include "segment.h"

/* Of the lists for the targets of one segment. */
typedef struct g4r_tally_lists {
    int32_t *best; /* (I) place of each item in its best list, from 1; 0: none */
    double support_sums[GRU4REC_MAX_LIST]; /* over the items in lists */
    int64_t listed[GRU4REC_MAX_LIST];      /* items in lists */
    int64_t ties;
} g4r_tally_lists;

typedef struct g4r_tally {
    const char *method;
    const int64_t *support; /* (I) */
    const gru4rec_options *options;
    size_t n_items;
    g4r_outcomes *outcomes; /* of the test; of this method while it is reported */
    int32_t *places;        /* (events) as gru4rec_evaluation has them */
    g4r_tally_lists lists[G4R_SEGMENT_MOST];
} g4r_tally;

/* One ranking: where its target stands, and what stands first. */
typedef struct g4r_standing {
    size_t n_greater, n_equal; /* the target itself is an equal; 0: it is not ranked */
    const g4r_scored *list;    /* (n) the best, in order */
    size_t n;
} g4r_standing;

size_t g4r_tally_longest(const gru4rec_options *options, size_t n_items);
/* Rows of a report: segments x cut-offs. */
size_t g4r_tally_rows(const gru4rec_options *options);
/* places (events): where they are kept; NULL: in the arena. */
void g4r_tally_layout(g4r_tally *tally, g4r_arena *arena, int32_t *places);
/* No event is a target yet. */
void g4r_tally_start(g4r_tally *tally);
/* The ranking for the target at a place among the test events. */
void g4r_tally_count(g4r_tally *tally, const g4r_standing *standing, int64_t event);
/* metrics (rows), unless the watch is over. */
void g4r_tally_report(const g4r_tally *tally, gru4rec_metrics *metrics,
                      g4r_stop_watch *watch);

#endif

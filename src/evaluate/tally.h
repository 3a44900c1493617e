/*
 * tally.h - what is counted of one method's rankings, and the measures of it.
 *
 * All is counted in whole numbers, so the measures do not depend on the order in which
 * rankings come.
 */
#ifndef G4R_TALLY_H
#define G4R_TALLY_H

#include "../base/arena.h"
#include "../kernels/topk.h"

typedef struct g4r_tally {
    const char *method;
    const int64_t *support; /* (I) */
    const gru4rec_list *cutoffs;
    size_t n_items, longest; /* largest cut-off, at most I */
    int64_t *hits;           /* (2 longest) targets of rank 1, 1.5, 2, ... */
    int32_t *best; /* (I) place of each item in its best list, from 1; 0: none */
    double support_sums[GRU4REC_MAX_LIST]; /* over the items in lists */
    int64_t listed[GRU4REC_MAX_LIST];      /* items in lists */
    int64_t events, sessions, ties;
} g4r_tally;

/* One ranking: where its target stands, and what stands first. */
typedef struct g4r_standing {
    size_t n_greater, n_equal; /* the target itself is an equal; 0: it is not ranked */
    const g4r_scored *list;    /* (n) the best, in order */
    size_t n;
} g4r_standing;

size_t g4r_tally_longest(const gru4rec_options *options, size_t n_items);
void g4r_tally_layout(g4r_tally *tally, g4r_arena *arena, size_t n_items, size_t longest);
void g4r_tally_count(g4r_tally *tally, const g4r_standing *standing, int64_t mode);
/* metrics (cutoffs) */
void g4r_tally_report(const g4r_tally *tally, gru4rec_metrics *metrics);

#endif

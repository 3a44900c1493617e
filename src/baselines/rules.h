/*
 * rules.h - items that follow from one item, the best of them kept: item-knn, markov and
 * sequential-rules are made of such.
 *
 * They are found item by item, in ascending rows, from all places where an item stands, so
 * that no more than the sums of one item are in memory.
 */
#ifndef G4R_RULES_H
#define G4R_RULES_H

#include "baseline.h"

/* Where an item stands in training. */
typedef struct g4r_rules_place {
    int32_t session;
    int32_t at; /* in the session, from 0 */
} g4r_rules_place;

typedef struct g4r_rules {
    size_t most;    /* kept for each item */
    int64_t *first; /* (I + 1) where an item's rules begin */
    int32_t *rows;  /* (n) what follows, best first, */
    double *values; /* (n) and how much */
    size_t n;
    /* While they are found: */
    g4r_scores sums;         /* of one item */
    int32_t *best;           /* (most) */
    int64_t *first_place;    /* (I + 1) where an item's places begin */
    g4r_rules_place *places; /* (events) in the order of training */
} g4r_rules;

/* each: rules that one event can lead to, at most. */
void g4r_rules_layout(g4r_rules *rules, const gru4rec_baseline *baseline, size_t most,
                      size_t each, g4r_arena *kept, g4r_arena *scratch);
/* Finds the places. False: stopped. */
bool g4r_rules_start(g4r_rules *rules, const gru4rec_baseline *baseline,
                     g4r_stop_watch *watch);
/* Keeps the best of the sums for the next item, from row 0 on, and clears them. */
void g4r_rules_keep(g4r_rules *rules, int32_t row);
/* What follows from the prefix's last item. */
gru4rec_scores g4r_rules_score(const g4r_rules *rules, g4r_scores *scores,
                               const gru4rec_prefix *prefix);

#endif

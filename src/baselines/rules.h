/*
 * rules.h - rules "after item i, item j has this score", of which the best are kept for
 * each i. item-knn, markov and sequential-rules consist of such rules.
 *
 * Rules are found for one item i after another, in ascending rows, from all places of i
 * in training. So only the sums of one item are in memory at a time.
 *
 * To use it: layout, start, and then for each row add to sums and call keep.
 */
#ifndef G4R_RULES_H
#define G4R_RULES_H

#include "baseline.h"

/* A place of an item in training. */
typedef struct g4r_rules_place {
    int32_t session;
    int32_t at; /* event of the session, from 0 */
} g4r_rules_place;

typedef struct g4r_rules {
    size_t most;    /* rules that are kept for each item at most */
    int64_t *first; /* (I + 1) where the rules of each item begin in rows and values */
    int32_t *rows;  /* (n) item j of each rule, the best first */
    double *values; /* (n) score of each rule */
    size_t n;
    /* Scratch while the rules are found: */
    g4r_scores sums;         /* scores of the rules of the present item */
    int32_t *best;           /* (most) rows of the best rules */
    int64_t *first_place;    /* (I + 1) where the places of each item begin in places */
    g4r_rules_place *places; /* (events) by item, then in the order of training */
} g4r_rules;

/*
 * Carves the arrays. most: rules to keep for each item; each: rules that one event can
 * add at most. rules->n must be 0.
 */
void g4r_rules_layout(g4r_rules *rules, const gru4rec_baseline *baseline, size_t most,
                      size_t each, g4r_arena *kept, g4r_arena *scratch);
/* Finds the places of all items. Returns false if the watch is over. */
bool g4r_rules_start(g4r_rules *rules, const gru4rec_baseline *baseline,
                     g4r_stop_watch *watch);
/* Keeps the best of sums as the rules of row; clears sums. Call it for row 0, 1, ... */
void g4r_rules_keep(g4r_rules *rules, int32_t row);
/* Returns the scores by the rules of the prefix's last item, borrowed from scores. */
gru4rec_scores g4r_rules_score(const g4r_rules *rules, g4r_scores *scores,
                               const gru4rec_prefix *prefix);

#endif

/*
 * rules.h - rules "after item i, item j has this score", of which the best are kept for
 * each i. item-knn, markov and sequential-rules consist of such rules.
 *
 * Rules are found for one item i after another, in ascending rows, from all places of i
 * in training. So only the sums of one item are in memory at a time.
 *
 * To use it: call g4r_rules_layout() and g4r_rules_start(); then, for each row, add the
 * scores of its rules to sums and call g4r_rules_keep(). From then on, g4r_rules_score()
 * answers queries.
 */
#ifndef G4R_RULES_H
#define G4R_RULES_H

#include "baseline.h"

/* A place where an item stands in the sessions of training: event at of a session. */
typedef struct g4r_rules_place {
    int32_t session;
    int32_t at; /* index of the event in the session, from 0 */
} g4r_rules_place;

typedef struct g4r_rules {
    size_t most;    /* the largest number of rules that are kept for one item */
    int64_t *first; /* (I + 1) where the rules of each item begin in rows and values */
    int32_t *rows;  /* (n) item j of each rule; for each i, the best first */
    double *values; /* (n) score of each rule */
    size_t n;
    /* Scratch while the rules are found, freed when the method is fitted: */
    g4r_scores sums;         /* scores of the rules of the present item i */
    int32_t *best;           /* (most) the best rows of sums, for g4r_rules_keep() */
    int64_t *first_place;    /* (I + 1) where the places of each item begin in places */
    g4r_rules_place *places; /* (events) by item, then in training's order */
} g4r_rules;

/*
 * Sets the pointers of the rules to arrays that it carves: first, rows and values from
 * the arena kept, all others from the arena scratch. Sets rules->most to most, the number
 * of rules to keep for each item, but to no more than the number of items. each: the
 * largest number of rules that one event can add. rules->n must be 0.
 */
void g4r_rules_layout(g4r_rules *rules, const gru4rec_baseline *baseline, size_t most,
                      size_t each, g4r_arena *kept, g4r_arena *scratch);
/*
 * Fills first_place and places with the places of all items in the sessions of
 * baseline->data, and empties sums. Returns false if the caller asked to stop (watch).
 */
bool g4r_rules_start(g4r_rules *rules, const gru4rec_baseline *baseline,
                     g4r_stop_watch *watch);
/*
 * Ends the rules of the item row: keeps the items in sums with the best scores above 0,
 * at most rules->most, as its rules, and empties sums. The caller must call it for all
 * rows, in ascending order from 0 on.
 */
void g4r_rules_keep(g4r_rules *rules, int32_t row);
/*
 * Lists in scores, which must be empty, each item that a rule of the prefix's last item
 * names, with the score of the rule. Returns these, borrowed from scores until they
 * change. If the prefix is empty, returns none.
 */
gru4rec_scores g4r_rules_score(const g4r_rules *rules, g4r_scores *scores,
                               const gru4rec_prefix *prefix);

#endif

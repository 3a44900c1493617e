/*
 * outcomes.h - measures of a method from the places of its targets, and their intervals.
 *
 *   rank     1 + place / 2
 *   recall   [rank <= k]   mrr [rank <= k] / rank   ndcg [rank <= k] / log2(rank + 1)
 *   measure  R = sum h_s / sum e_s over the sessions s that have a target
 *   interval R -+ 1.96 sqrt(n / (n - 1) sum (h_s - R e_s)^2) / sum e_s
 *
 * The place is twice the rank less two (gru4rec_evaluation), so that it is a whole number
 * for a rank half-way between two. h_s is the sum of a measure over the e_s targets of
 * session s; n sessions have at least one target.
 *
 * The interval is over the choice of sessions, because targets of one session depend on
 * each other. So R is a ratio of two random sums, and the interval is that of its linear
 * approximation. The place of every event is kept, 4 bytes each. So R is known before the
 * squares are summed, no digits cancel, and the result does not depend on the order of
 * the rankings. h_s is computed as a whole number of small units, so that sums are exact
 * in any order.
 */
#ifndef G4R_OUTCOMES_H
#define G4R_OUTCOMES_H

#include "../base/arena.h"
#include "../base/stop.h"

typedef enum g4r_measure { G4R_RECALL, G4R_MRR, G4R_NDCG, G4R_N_MEASURES } g4r_measure;

typedef struct g4r_outcomes {
    const gru4rec_dataset *test;
    size_t longest;    /* largest cut-off, at most I (of two models, the larger I) */
    uint8_t *segments; /* (events) the segment of each event */
    /* About the targets of one method in one segment: */
    int64_t *hits;            /* (2 longest) number of targets by place */
    int64_t *n_targets;       /* (sessions) e_s, the number of targets of each session */
    int64_t events, sessions; /* number of targets; of sessions with a target */
    int64_t *sums; /* (sessions) h_s, the sum of a measure over a session's targets */
} g4r_outcomes;

/* A measure at cut-off k. */
typedef struct g4r_figure {
    g4r_measure measure;
    int64_t k;
} g4r_figure;

/*
 * Carves the arrays of outcomes from the arena. outcomes->test and longest must be set.
 */
void g4r_outcomes_layout(g4r_outcomes *outcomes, g4r_arena *arena);
/*
 * Counts the targets of one method in a segment: sets hits, n_targets, events and
 * sessions in outcomes. places (events): the places by this method, see
 * gru4rec_evaluation. If the caller asked to stop (watch), the counts must not be used.
 */
void g4r_outcomes_count(g4r_outcomes *outcomes, const int32_t *places, size_t segment,
                        g4r_stop_watch *watch);
/*
 * Returns R, the mean of the figure (a measure at a cut-off) over the targets that
 * g4r_outcomes_count() counted; NAN if there were none.
 */
double g4r_outcomes_mean(const g4r_outcomes *outcomes, const g4r_figure *figure);
/*
 * Sets outcomes->sums (sessions) to h_s: for each session s the sum of the figure (a
 * measure at a cut-off) over its targets in the segment, in whole units. places (events):
 * of one method, as in g4r_outcomes_count(). If the caller asked to stop (watch), sums
 * must not be used.
 */
void g4r_outcomes_sum(g4r_outcomes *outcomes, const int32_t *places, size_t segment,
                      const g4r_figure *figure, g4r_stop_watch *watch);
/*
 * Subtracts from outcomes->sums, which g4r_outcomes_sum() has set for one method, the
 * same sums of another method, whose places are given, and which has the same targets. If
 * the caller asked to stop (watch), sums must not be used.
 */
void g4r_outcomes_subtract(g4r_outcomes *outcomes, const int32_t *places, size_t segment,
                           const g4r_figure *figure, g4r_stop_watch *watch);
/*
 * Returns the half-width of the 95 % interval of mean, the mean R of a figure over all
 * targets, from outcomes->sums; NAN if fewer than 10 sessions have a target.
 */
double g4r_outcomes_width(const g4r_outcomes *outcomes, double mean);

#endif

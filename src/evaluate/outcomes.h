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
    /*
     * Largest cut-off, at most the number of items I (of two models, the larger I). The
     * user of outcomes sets test and longest.
     */
    size_t longest;
    /*
     * (events) the segment of each event, filled by g4r_segment_fill(), not by this file.
     */
    uint8_t *segments;
    /*
     * Set by g4r_outcomes_count(), for one method's targets in one segment. hits[place]:
     * number of targets with this place; missed targets are in no hits. n_targets[s]:
     * e_s, the number of targets in session s. events: number of targets. sessions:
     * number of sessions with one.
     */
    int64_t *hits;      /* (2 longest) */
    int64_t *n_targets; /* (sessions) */
    int64_t events, sessions;
    /*
     * (sessions) h_s, the sum of a figure over each session's targets, in units; set by
     * g4r_outcomes_sum(). After g4r_outcomes_subtract() the difference of two methods.
     */
    int64_t *sums;
} g4r_outcomes;

/* What is measured: a measure at cut-off k, so that only targets with rank <= k count. */
typedef struct g4r_figure {
    g4r_measure measure;
    int64_t k;
} g4r_figure;

/*
 * Carves segments, hits, n_targets and sums from the arena (arena.h). outcomes->test and
 * longest must be set.
 */
void g4r_outcomes_layout(g4r_outcomes *outcomes, g4r_arena *arena);
/*
 * Counts the targets of one method in a segment, and replaces hits, n_targets, events and
 * sessions in outcomes by the new counts. It leaves sums alone. places (events): the
 * places by this method, see gru4rec_evaluation. If the caller asks to stop (watch), the
 * counts are incomplete and must not be used.
 */
void g4r_outcomes_count(g4r_outcomes *outcomes, const int32_t *places, size_t segment,
                        g4r_stop_watch *watch);
/*
 * Returns R, the mean of the figure (a measure at a cut-off) over the targets that
 * g4r_outcomes_count() counted last; NAN if there were none.
 */
double g4r_outcomes_mean(const g4r_outcomes *outcomes, const g4r_figure *figure);
/*
 * Sets outcomes->sums (sessions) to h_s: for each session s the sum of the figure (a
 * measure at a cut-off) over its targets in the segment, in whole units. places (events):
 * the places by one method, as in g4r_outcomes_count(). If the caller asks to stop
 * (watch), sums must not be used.
 */
void g4r_outcomes_sum(g4r_outcomes *outcomes, const int32_t *places, size_t segment,
                      const g4r_figure *figure, g4r_stop_watch *watch);
/*
 * Subtracts the sums h_s of a second method from outcomes->sums, in which
 * g4r_outcomes_sum() has put those of the first method. places (events): the places by
 * the second method, which must have the same targets. If the caller asks to stop
 * (watch), sums must not be used.
 */
void g4r_outcomes_subtract(g4r_outcomes *outcomes, const int32_t *places, size_t segment,
                           const g4r_figure *figure, g4r_stop_watch *watch);
/*
 * Returns half the width of the 95 % interval of mean, which is R of the figure that
 * outcomes->sums was made for. Uses sums, n_targets, events and sessions of outcomes.
 * Returns NAN if fewer than 10 sessions have a target.
 */
double g4r_outcomes_width(const g4r_outcomes *outcomes, double mean);

#endif

/*
 * outcomes.h - where the targets of test sessions stood, and what that comes to: measures,
 * and how far they may be off.
 *
 *   rank     1 + place / 2
 *   recall   [rank <= k]   mrr [rank <= k] / rank   ndcg [rank <= k] / log2(rank + 1)
 *   measure  R = sum h_s / sum e_s over the sessions s that have a target
 *   interval R -+ 1.96 sqrt(n / (n - 1) sum (h_s - R e_s)^2) / sum e_s
 *
 * h_s sums a measure over the e_s targets of session s; n sessions have one. Chance draws
 * sessions, whose targets belong together, so R is a ratio of two sums, and the interval is
 * that of its linear part. Places are kept, 4 bytes an event: so R is known before the
 * squares are summed, and nothing cancels, whatever the order in which rankings came. h_s
 * is a whole number of small units, so that sums are exact, in any order.
 */
#ifndef G4R_OUTCOMES_H
#define G4R_OUTCOMES_H

#include "../base/arena.h"
#include "../base/stop.h"

typedef enum g4r_measure { G4R_RECALL, G4R_MRR, G4R_NDCG, G4R_N_MEASURES } g4r_measure;

typedef struct g4r_outcomes {
    const gru4rec_dataset *test;
    size_t longest;    /* largest cut-off, at most I; of two models the larger one */
    uint8_t *segments; /* (events) to which each one belongs */
    /* Of one method's targets in one segment: */
    int64_t *hits;      /* (2 longest) by place */
    int64_t *n_targets; /* (sessions) e_s */
    int64_t events, sessions;
    int64_t *sums; /* (sessions) h_s in units */
} g4r_outcomes;

/* What is measured at cut-off k. */
typedef struct g4r_figure {
    g4r_measure measure;
    int64_t k;
} g4r_figure;

void g4r_outcomes_layout(g4r_outcomes *outcomes, g4r_arena *arena);
/* Counts the targets of a segment. places (events): see gru4rec_evaluation. */
void g4r_outcomes_count(g4r_outcomes *outcomes, const int32_t *places, size_t segment,
                        g4r_stop_watch *watch);
/* R of what was counted; NAN: nothing was. */
double g4r_outcomes_mean(const g4r_outcomes *outcomes, const g4r_figure *figure);
/* Makes sums: h_s of what was counted. */
void g4r_outcomes_sum(g4r_outcomes *outcomes, const int32_t *places, size_t segment,
                      const g4r_figure *figure, g4r_stop_watch *watch);
/* Takes those of another method off, whose targets are the same. */
void g4r_outcomes_subtract(g4r_outcomes *outcomes, const int32_t *places, size_t segment,
                           const g4r_figure *figure, g4r_stop_watch *watch);
/* The half-width of the mean that sums have; NAN for few sessions. */
double g4r_outcomes_width(const g4r_outcomes *outcomes, double mean);

#endif

/* outcomes.c - computes measures and intervals from places; see outcomes.h. */
#include "outcomes.h"

enum {
    LEAST_SESSIONS = 10, /* with fewer sessions an interval is NAN */
    /* units_of_one() is at most 2^52, which a double holds exactly. */
    MOST_BITS = 52
};
/*
 * 95 % of a normal distribution are less than this many standard deviations from its
 * mean.
 */
static const double normal_95 = 1.96;

void g4r_outcomes_layout(g4r_outcomes *outcomes, g4r_arena *arena)
{
    const size_t n_events = (size_t)outcomes->test->n_events;
    const size_t n_sessions = (size_t)outcomes->test->n_sessions;
    outcomes->segments = g4r_arena_take(arena, n_events, sizeof *outcomes->segments);
    outcomes->hits =
        g4r_arena_take(arena, g4r_mul(2, outcomes->longest), sizeof *outcomes->hits);
    outcomes->n_targets = g4r_arena_take(arena, n_sessions, sizeof *outcomes->n_targets);
    outcomes->sums = g4r_arena_take(arena, n_sessions, sizeof *outcomes->sums);
}

/*
 * Tells whether the event is a target, also a missed one (its place is not
 * GRU4REC_PLACE_NONE), and belongs to the segment.
 */
static bool is_counted(const g4r_outcomes *outcomes, const int32_t *places,
                       size_t segment, int64_t event)
{
    return places[event] != GRU4REC_PLACE_NONE && outcomes->segments[event] == segment;
}

/*
 * Tells whether a target with this place is in the longest list: the place is not
 * GRU4REC_PLACE_MISSED, and the rank is at most outcomes->longest.
 */
static bool is_hit(const g4r_outcomes *outcomes, int32_t place)
{
    return place >= 0 && (size_t)place < 2 * outcomes->longest;
}

void g4r_outcomes_count(g4r_outcomes *outcomes, const int32_t *places, size_t segment,
                        g4r_stop_watch *watch)
{
    const gru4rec_dataset *test = outcomes->test;
    memset(outcomes->hits, 0, 2 * outcomes->longest * sizeof *outcomes->hits);
    outcomes->events = outcomes->sessions = 0;
    for (int64_t s = 0; s < test->n_sessions; s++) {
        int64_t n = 0;
        for (int64_t i = test->offsets[s]; i < test->offsets[s + 1]; i++) {
            if (g4r_stop_watch_is_over(watch))
                return;
            if (!is_counted(outcomes, places, segment, i))
                continue;
            n++;
            if (is_hit(outcomes, places[i]))
                outcomes->hits[places[i]]++;
        }
        outcomes->n_targets[s] = n;
        outcomes->events += n;
        outcomes->sessions += n > 0;
    }
}

/*
 * Returns the discount of a measure at a rank: a hit at this rank counts 1 / discount. It
 * is 1 for recall, the rank for MRR, and log2(rank + 1) for NDCG.
 */
static double discount_of(g4r_measure measure, double rank)
{
    if (measure == G4R_RECALL)
        return 1;
    return measure == G4R_MRR ? rank : log2(rank + 1);
}

static double rank_of(size_t place)
{
    return 1 + (double)place / 2;
}

double g4r_outcomes_mean(const g4r_outcomes *outcomes, const g4r_figure *figure)
{
    double sum = 0;
    for (size_t place = 0; place < 2 * outcomes->longest; place++) {
        const double n = (double)outcomes->hits[place], rank = rank_of(place);
        if (n > 0 && rank <= (double)figure->k)
            sum += n / discount_of(figure->measure, rank);
    }
    return outcomes->events > 0 ? sum / (double)outcomes->events : NAN;
}

/*
 * Returns how many of the units that sums are counted in make 1. The number is the same
 * for all methods on this test. It is at most 2^52 and less than 2^62 / events, so that
 * no sum over events passes 2^62. It is a multiple of 1, 2, ..., 20, so that 1/2 to 1/20
 * are whole numbers of units too, and equal sums of them compare as equal.
 */
static double units_of_one(const g4r_outcomes *outcomes)
{
    const int64_t multiple = 232792560; /* least common multiple of 1 to 20 */
    int bits = 62;
    for (int64_t n = outcomes->test->n_events; n > 0; n /= 2)
        bits--;
    const int64_t most = (int64_t)1 << G4R_MIN(bits, MOST_BITS);
    const int64_t whole = most / multiple * multiple;
    return (double)whole;
}

/*
 * Adds sign (1 or -1) times h_s to outcomes->sums[s], for each session s. h_s is the sum
 * of the figure (a measure at a cut-off) over the session's targets in the segment. Each
 * term is rounded to a whole number of units (units_of_one()); missed targets add 0.
 * Stops early if the caller asks to stop (watch).
 */
static void add(g4r_outcomes *outcomes, int64_t sign, const int32_t *places,
                size_t segment, const g4r_figure *figure, g4r_stop_watch *watch)
{
    const gru4rec_dataset *test = outcomes->test;
    const double one = (double)sign * units_of_one(outcomes);
    for (int64_t s = 0; s < test->n_sessions; s++)
        for (int64_t i = test->offsets[s];
             i < test->offsets[s + 1] && !g4r_stop_watch_is_over(watch); i++) {
            if (!is_counted(outcomes, places, segment, i) || !is_hit(outcomes, places[i]))
                continue;
            const double rank = rank_of((size_t)places[i]);
            if (rank <= (double)figure->k)
                outcomes->sums[s] += llrint(one / discount_of(figure->measure, rank));
        }
}

void g4r_outcomes_sum(g4r_outcomes *outcomes, const int32_t *places, size_t segment,
                      const g4r_figure *figure, g4r_stop_watch *watch)
{
    const size_t n_sessions = (size_t)outcomes->test->n_sessions;
    memset(outcomes->sums, 0, n_sessions * sizeof *outcomes->sums);
    add(outcomes, 1, places, segment, figure, watch);
}

void g4r_outcomes_subtract(g4r_outcomes *outcomes, const int32_t *places, size_t segment,
                           const g4r_figure *figure, g4r_stop_watch *watch)
{
    add(outcomes, -1, places, segment, figure, watch);
}

double g4r_outcomes_width(const g4r_outcomes *outcomes, double mean)
{
    const double n = (double)outcomes->sessions;
    const double one = units_of_one(outcomes);
    double squares = 0;
    if (outcomes->sessions < LEAST_SESSIONS)
        return NAN;
    for (int64_t s = 0; s < outcomes->test->n_sessions; s++) {
        const double rest =
            (double)outcomes->sums[s] / one - mean * (double)outcomes->n_targets[s];
        squares += rest * rest;
    }
    return normal_95 * sqrt(n / (n - 1) * squares) / (double)outcomes->events;
}

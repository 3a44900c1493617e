/* tally.c - counts the rankings of one method; see tally.h. */
#include "tally.h"

size_t g4r_tally_longest(const gru4rec_options *options, size_t n_items)
{
    size_t longest = 0;
    for (int64_t i = 0; i < options->cutoffs.n; i++)
        longest = G4R_MAX(longest, (size_t)options->cutoffs.values[i]);
    return G4R_MIN(longest, n_items);
}

size_t g4r_tally_rows(const gru4rec_options *options)
{
    return g4r_segment_count(options->segment) * (size_t)options->cutoffs.n;
}

void g4r_tally_layout(g4r_tally *tally, g4r_arena *arena, int32_t *places)
{
    const size_t n_events = (size_t)tally->outcomes->test->n_events;
    const size_t n_segments = g4r_segment_count(tally->options->segment);
    tally->places =
        places != NULL ? places : g4r_arena_take(arena, n_events, sizeof *tally->places);
    for (size_t i = 0; i < n_segments; i++)
        tally->lists[i].best =
            g4r_arena_take(arena, tally->n_items, sizeof *tally->lists[i].best);
}

void g4r_tally_start(g4r_tally *tally)
{
    for (int64_t i = 0; i < tally->outcomes->test->n_events; i++)
        tally->places[i] = GRU4REC_PLACE_NONE;
}

/* ---- a ranking ---- */

/*
 * Returns the place of the target: 2 (rank - 1). Option mode decides the rank among items
 * with the same score: standard puts the target before them, conservative behind them,
 * and median in the middle. Returns GRU4REC_PLACE_MISSED if the target is not ranked, or
 * if its rank is greater than the largest cut-off.
 */
static int32_t place_of(const g4r_tally *tally, const g4r_standing *standing)
{
    static const size_t counted[] = {
        [GRU4REC_STANDARD] = 0, [GRU4REC_CONSERVATIVE] = 2, [GRU4REC_MEDIAN] = 1};
    if (standing->n_equal == 0)
        return GRU4REC_PLACE_MISSED;
    const size_t place =
        2 * standing->n_greater + counted[tally->options->mode] * (standing->n_equal - 1);
    return place < 2 * tally->outcomes->longest ? (int32_t)place : GRU4REC_PLACE_MISSED;
}

/*
 * Adds one list of best items to lists. For coverage, it keeps the best place that each
 * item has had. For popularity, it adds for each cut-off the supports of the first items,
 * and their number. A cut-off beyond the end of the list takes the whole list.
 */
static void count_list(const g4r_tally *tally, g4r_tally_lists *lists,
                       const g4r_standing *standing)
{
    const gru4rec_list *cutoffs = &tally->options->cutoffs;
    double sum = 0;
    for (size_t place = 1; place <= standing->n; place++) {
        const int32_t row = standing->list[place - 1].row;
        if (lists->best[row] == 0 || (size_t)lists->best[row] > place)
            lists->best[row] = (int32_t)place;
        sum += (double)tally->support[row];
        for (int64_t i = 0; i < cutoffs->n; i++)
            if (place == G4R_MIN((size_t)cutoffs->values[i], standing->n)) {
                lists->support_sums[i] += sum;
                lists->listed[i] += (int64_t)place;
            }
    }
}

void g4r_tally_count(g4r_tally *tally, const g4r_standing *standing, int64_t event)
{
    g4r_tally_lists *lists = &tally->lists[tally->outcomes->segments[event]];
    tally->places[event] = place_of(tally, standing);
    lists->ties += standing->n_equal > 1;
    count_list(tally, lists, standing);
}

/* ---- the measures ---- */

/* Returns the largest support of any item; 1 if all supports are 0. */
static double largest_support(const g4r_tally *tally)
{
    int64_t largest = 1;
    for (size_t row = 0; row < tally->n_items; row++)
        largest = G4R_MAX(largest, tally->support[row]);
    return (double)largest;
}

/*
 * Returns the share of the catalogue's items that were among the first k of at least one
 * list of best items.
 */
static double coverage_of(const g4r_tally *tally, const g4r_tally_lists *lists, int64_t k)
{
    int64_t covered = 0;
    for (size_t row = 0; row < tally->n_items; row++)
        covered += lists->best[row] > 0 && lists->best[row] <= k;
    return (double)covered / (double)tally->n_items;
}

/*
 * Returns the mean of a measure (recall, MRR or NDCG) at cut-off k over the targets of
 * the segment, which g4r_outcomes_count() must have counted before; NAN if there are
 * none. Sets *width to half the width of its 95 % interval; NAN if fewer than 10 sessions
 * have a target. Overwrites outcomes->sums.
 */
static double measure(const g4r_tally *tally, g4r_measure which, int64_t k,
                      size_t segment, double *width, g4r_stop_watch *watch)
{
    g4r_outcomes *outcomes = tally->outcomes;
    const g4r_figure figure = {which, k};
    const double mean = g4r_outcomes_mean(outcomes, &figure);
    g4r_outcomes_sum(outcomes, tally->places, segment, &figure, watch);
    *width = g4r_outcomes_width(outcomes, mean);
    return mean;
}

/*
 * Returns all measures of the method on a segment at cut-off number i (from 0) of option
 * cutoffs. g4r_outcomes_count() must have counted the targets of the segment before.
 * Without any target, the measures are NAN; without any listed item, popularity is NAN.
 * largest: the largest support of any item, by which popularity is divided.
 */
static gru4rec_metrics report_cutoff(const g4r_tally *tally, size_t segment, int64_t i,
                                     double largest, g4r_stop_watch *watch)
{
    const g4r_tally_lists *lists = &tally->lists[segment];
    const int64_t k = tally->options->cutoffs.values[i];
    gru4rec_metrics m = {
        .method = tally->method,
        .segment = g4r_segment_name(tally->options->segment, segment),
        .k = k,
        .coverage = NAN,
        .popularity = NAN,
        .events = tally->outcomes->events,
        .sessions = tally->outcomes->sessions,
        .ties = lists->ties,
    };
    m.recall = measure(tally, G4R_RECALL, k, segment, &m.recall_ci, watch);
    m.mrr = measure(tally, G4R_MRR, k, segment, &m.mrr_ci, watch);
    m.ndcg = measure(tally, G4R_NDCG, k, segment, &m.ndcg_ci, watch);
    if (m.events > 0)
        m.coverage = coverage_of(tally, lists, k);
    if (lists->listed[i] > 0)
        m.popularity = lists->support_sums[i] / largest / (double)lists->listed[i];
    return m;
}

void g4r_tally_report(const g4r_tally *tally, gru4rec_metrics *metrics,
                      g4r_stop_watch *watch)
{
    const double largest = largest_support(tally);
    const size_t n_segments = g4r_segment_count(tally->options->segment);
    for (size_t segment = 0; segment < n_segments; segment++) {
        g4r_outcomes_count(tally->outcomes, tally->places, segment, watch);
        for (int64_t i = 0; i < tally->options->cutoffs.n && !watch->is_over; i++)
            *metrics++ = report_cutoff(tally, segment, i, largest, watch);
    }
}

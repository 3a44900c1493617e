/*
 * compare.c - compares two methods: which is better, and could the difference be chance?
 *
 * Only the common targets count: those that both methods a and b were asked to predict
 * (pairs.h). The difference of the methods is known for each session:
 *   d_s = h_s(a) - h_s(b)
 * where h_s is the sum of a measure over the common targets of session s. The interval of
 * the mean difference is that of outcomes.h, with d_s in place of h_s. The p-value comes
 * from a permutation test of d_s (permutation.h).
 */
#include "../base/fail.h"
#include "tally.h"
#include "pairs.h"
#include "permutation.h"
#include "segment.h"

typedef struct comparing {
    gru4rec_allocator allocator;
    const gru4rec_options *options;
    const gru4rec_hooks *hooks;
    g4r_arena arena;
    g4r_pairs pairs;
    /*
     * On the test of a: the counts of one segment, by the method that was counted last.
     */
    g4r_outcomes outcomes;
    int64_t *sums;            /* (DRAWS) scratch of g4r_permutation_p() */
    int64_t *segment_scratch; /* of g4r_segment_fill() */
    size_t n_items;           /* number of items of a */
    g4r_stop_watch watch;
} comparing;

static const char *const measures[G4R_N_MEASURES] = {
    [G4R_RECALL] = "recall", [G4R_MRR] = "mrr", [G4R_NDCG] = "ndcg"};

size_t gru4rec_compare_count(const gru4rec_options *options)
{
    return g4r_segment_count(options->segment) * G4R_N_MEASURES *
           (size_t)options->cutoffs.n;
}

/*
 * Asks the caller's hook poll whether to stop, and returns its answer; false if the
 * caller gave no such hook.
 */
static bool is_stopped(void *context)
{
    const comparing *c = context;
    static const gru4rec_progress progress = {.epoch = 1, .n_epochs = 1, .loss = NAN};
    return c->hooks != NULL && c->hooks->poll != NULL &&
           c->hooks->poll(c->hooks->context, &progress) != 0;
}

/*
 * Carves the arrays of the pairs, of the outcomes, sums and segment_scratch from
 * c->arena. It is called twice: first it only counts the bytes (arena.h).
 */
static void layout(comparing *c)
{
    g4r_pairs_layout(&c->pairs, &c->arena);
    g4r_outcomes_layout(&c->outcomes, &c->arena);
    c->sums = g4r_arena_take(&c->arena, G4R_PERMUTATION_DRAWS, sizeof *c->sums);
    c->segment_scratch = g4r_segment_layout(&c->arena, c->options->segment, c->n_items);
}

/*
 * Sets c->outcomes.test (a's) and longest, allocates all memory of the comparison in
 * c->arena, writes the segment of each event of a, and pairs the targets. Returns false
 * if there is not enough memory; nothing is allocated then. If the caller asks to stop,
 * it returns true and c->watch.is_over is set; the pairs must not be used then.
 */
static bool start(comparing *c, const gru4rec_side *a, const gru4rec_side *b)
{
    const int32_t n_a = gru4rec_items_count(a->items);
    const int32_t n_b = gru4rec_items_count(b->items);
    c->outcomes.test = a->test;
    c->n_items = (size_t)n_a;
    c->outcomes.longest = g4r_tally_longest(c->options, (size_t)G4R_MAX(n_a, n_b));
    g4r_pairs_init(&c->pairs, a, b);
    layout(c);
    if (!g4r_arena_allocate(&c->arena, &c->allocator))
        return false;
    layout(c);
    g4r_segment_fill(c->outcomes.segments, c->options->segment, a->test,
                     gru4rec_items_support(a->items), c->n_items, c->segment_scratch);
    g4r_pairs_find(&c->pairs, &c->watch);
    return true;
}

/*
 * Returns the mean of the figure (a measure at a cut-off) over the common targets of a
 * segment, by one method; NAN if there are none. places (events of a): the places of
 * these targets by this method. As an effect, the counts of the segment replace those in
 * c->outcomes.
 */
static double measure(comparing *c, const int32_t *places, size_t segment,
                      const g4r_figure *figure)
{
    g4r_outcomes_count(&c->outcomes, places, segment, &c->watch);
    return g4r_outcomes_mean(&c->outcomes, figure);
}

/*
 * Counts the sessions that a wins (d_s > 0), loses (d_s < 0) and ties (d_s = 0, among
 * those with a target), and writes the numbers into *d, whose wins and losses must be 0
 * before. d_s, the figure of a less that of b, is read from outcomes->sums.
 */
static void count_sessions(const g4r_outcomes *outcomes, gru4rec_difference *d)
{
    for (int64_t s = 0; s < outcomes->test->n_sessions; s++) {
        d->wins += outcomes->sums[s] > 0;
        d->losses += outcomes->sums[s] < 0;
    }
    d->ties = outcomes->sessions - d->wins - d->losses;
}

/*
 * Returns the comparison of a and b by one figure (a measure at a cut-off) on one
 * segment: both means, their difference with its interval, the numbers of targets and of
 * sessions, wins, losses and ties, and p. The interval is NAN with fewer than 10
 * sessions; without any target, the means and p are NAN too. Overwrites c->outcomes and
 * c->sums. If the caller asks to stop (c->watch), the result must not be used.
 */
static gru4rec_difference compare(comparing *c, size_t segment, const g4r_figure *figure)
{
    g4r_outcomes *outcomes = &c->outcomes;
    const int32_t *a = c->pairs.a_places, *b = c->pairs.b_places;
    gru4rec_difference d = {.measure = measures[figure->measure],
                            .segment = g4r_segment_name(c->options->segment, segment),
                            .k = figure->k,
                            .p = NAN};
    d.a = measure(c, a, segment, figure);
    d.b = measure(c, b, segment, figure);
    d.difference = d.a - d.b;
    d.events = outcomes->events;
    d.sessions = outcomes->sessions;
    g4r_outcomes_sum(outcomes, a, segment, figure, &c->watch);
    g4r_outcomes_subtract(outcomes, b, segment, figure, &c->watch);
    const double width = g4r_outcomes_width(outcomes, d.difference);
    d.low = d.difference - width;
    d.high = d.difference + width;
    count_sessions(outcomes, &d);
    if (d.sessions > 0)
        d.p = g4r_permutation_p(outcomes->sums, (size_t)outcomes->test->n_sessions,
                                c->sums, c->options->seed, &c->watch);
    return d;
}

/*
 * Fills differences, one for each segment, measure and cut-off; cut-offs change fastest,
 * segments slowest. Leaves the rest unset if the caller asks to stop (c->watch).
 */
static void compare_all(comparing *c, gru4rec_difference *differences)
{
    const gru4rec_list *cutoffs = &c->options->cutoffs;
    const size_t n_segments = g4r_segment_count(c->options->segment);
    for (size_t segment = 0; segment < n_segments; segment++)
        for (int which = 0; which < G4R_N_MEASURES; which++)
            for (int64_t i = 0; i < cutoffs->n && !c->watch.is_over; i++) {
                const g4r_figure figure = {(g4r_measure)which, cutoffs->values[i]};
                *differences++ = compare(c, segment, &figure);
            }
}

gru4rec_status gru4rec_compare(const gru4rec_allocator *allocator, const gru4rec_side *a,
                               const gru4rec_side *b, const gru4rec_options *options,
                               const gru4rec_hooks *hooks,
                               gru4rec_difference *differences, int64_t *n_unpaired,
                               gru4rec_error *error)
{
    gru4rec_status status = GRU4REC_OK;
    comparing c = {.allocator = allocator != NULL ? *allocator : g4r_alloc_libc,
                   .options = options,
                   .hooks = hooks};
    c.watch.stop = (g4r_stop){is_stopped, &c};
    if (!start(&c, a, b))
        return g4r_fail_nomem(error, g4r_arena_bytes(&c.arena));
    compare_all(&c, differences);
    if (c.watch.is_over)
        status = g4r_fail(error, GRU4REC_INTERRUPTED, "interrupted");
    *n_unpaired = c.pairs.n_unpaired;
    g4r_arena_free(&c.arena, &c.allocator);
    return status;
}

/*
 * test_outcomes.c - outcomes.c: measures and intervals of random places against a plain
 * computation in two passes; few sessions; no spread; and whether intervals cover.
 */
#include "../../src/base/rng.h"
#include "../../src/evaluate/outcomes.h"
#include "../lib/test.h"

enum { SESSIONS = 300, MOST_EVENTS = 12 * SESSIONS, LONGEST = 20, SEGMENTS = 3 };

typedef struct fixture {
    gru4rec_dataset test;
    int64_t offsets[SESSIONS + 1];
    int32_t places[MOST_EVENTS], others[MOST_EVENTS];
    g4r_arena arena;
    g4r_outcomes outcomes;
} fixture;

/* A place that is rather a hit in some sessions than in others. */
static int32_t draw_place(g4r_rng *rng, double skill)
{
    if (g4r_rng_uniform(rng) > skill)
        return GRU4REC_PLACE_MISSED;
    return (int32_t)g4r_rng_below(rng, 2 * LONGEST);
}

/* Sessions of 1 to 12 events, all but the first targets. */
static void start(fixture *f, int64_t seed, int64_t n_sessions)
{
    g4r_rng rng;
    int64_t n = 0;
    g4r_rng_seed(&rng, seed, 0, 0);
    *f = (fixture){0};
    for (int64_t s = 0; s < n_sessions; s++) {
        const int64_t length = 1 + (int64_t)g4r_rng_below(&rng, 12);
        const double skill = g4r_rng_uniform(&rng);
        for (int64_t i = 0; i < length; i++, n++) {
            f->places[n] = i == 0 ? GRU4REC_PLACE_NONE : draw_place(&rng, skill);
            f->others[n] = i == 0 ? GRU4REC_PLACE_NONE : draw_place(&rng, 0.5);
        }
        f->offsets[s + 1] = n;
    }
    f->test = (gru4rec_dataset){.n_sessions = n_sessions,
                                .n_events = MOST_EVENTS,
                                .offsets = f->offsets};
    f->outcomes = (g4r_outcomes){.test = &f->test, .longest = LONGEST};
    g4r_outcomes_layout(&f->outcomes, &f->arena);
    if (!CHECK(g4r_arena_allocate(&f->arena, &g4r_alloc_libc)))
        exit(test_end());
    g4r_outcomes_layout(&f->outcomes, &f->arena);
    f->test.n_events = n;
    for (int64_t i = 0; i < n; i++)
        f->outcomes.segments[i] = (uint8_t)g4r_rng_below(&rng, SEGMENTS);
}

static void finish(fixture *f)
{
    g4r_arena_free(&f->arena, &g4r_alloc_libc);
}

/* ---- the plain computation ---- */

static double gain(int32_t place, const g4r_figure *figure)
{
    const double rank = 1 + place / 2.0;
    if (place < 0 || rank > (double)figure->k)
        return 0;
    return figure->measure == G4R_RECALL ? 1
           : figure->measure == G4R_MRR  ? 1 / rank
                                         : 1 / log2(1 + rank);
}

typedef struct plain {
    double mean, width;
    int64_t events, sessions;
} plain;

/* others: subtracted, or NULL. */
static plain compute(const fixture *f, const int32_t *others, size_t segment,
                     const g4r_figure *figure)
{
    static double h[SESSIONS], e[SESSIONS];
    plain p = {0};
    double sum = 0, squares = 0;
    for (int64_t s = 0; s < f->test.n_sessions; s++) {
        h[s] = e[s] = 0;
        for (int64_t i = f->offsets[s] + 1; i < f->offsets[s + 1]; i++)
            if (f->outcomes.segments[i] == segment) {
                e[s]++;
                h[s] += gain(f->places[i], figure);
                h[s] -= others != NULL ? gain(others[i], figure) : 0;
            }
        sum += h[s];
        p.events += (int64_t)e[s];
        p.sessions += e[s] > 0;
    }
    const double n = (double)p.sessions;
    p.mean = sum / (double)p.events;
    for (int64_t s = 0; s < f->test.n_sessions; s++)
        squares += (h[s] - p.mean * e[s]) * (h[s] - p.mean * e[s]);
    p.width = 1.96 * sqrt(n / (n - 1) * squares) / (double)p.events;
    return p;
}

static void check_figure(fixture *f, size_t segment, const g4r_figure *figure)
{
    g4r_stop_watch watch = {0};
    const plain one = compute(f, NULL, segment, figure);
    const plain both = compute(f, f->others, segment, figure);
    g4r_outcomes_count(&f->outcomes, f->places, segment, &watch);
    CHECK_INT(one.events, f->outcomes.events);
    CHECK_INT(one.sessions, f->outcomes.sessions);
    const double mean = g4r_outcomes_mean(&f->outcomes, figure);
    CHECK_NEAR(one.mean, mean, 1e-12);
    g4r_outcomes_sum(&f->outcomes, f->places, segment, figure, &watch);
    CHECK_NEAR(one.width, g4r_outcomes_width(&f->outcomes, mean), 1e-12);
    g4r_outcomes_subtract(&f->outcomes, f->others, segment, figure, &watch);
    CHECK_NEAR(both.width, g4r_outcomes_width(&f->outcomes, both.mean), 1e-12);
    CHECK(both.width > 0);
}

static void figures_are_the_plain_ones(void)
{
    static fixture f;
    static const int64_t cutoffs[] = {1, 2, 7, LONGEST, 1000};
    for (int64_t seed = 0; seed < 5; seed++) {
        start(&f, seed, SESSIONS);
        for (size_t segment = 0; segment < SEGMENTS; segment++)
            for (size_t i = 0; i < 5; i++)
                for (int measure = 0; measure < G4R_N_MEASURES; measure++)
                    check_figure(&f, segment,
                                 &(g4r_figure){(g4r_measure)measure, cutoffs[i]});
        finish(&f);
    }
}

/* n targets of rank n are worth 1, as one of rank 1 is, to the last unit. */
static void equal_sums_tie(void)
{
    static fixture f;
    g4r_stop_watch watch = {0};
    int64_t event = 0;
    start(&f, 1, SESSIONS);
    memset(f.outcomes.segments, 0, MOST_EVENTS);
    for (int64_t n = 1; n <= LONGEST; n++) {
        for (int64_t i = 0; i < n; i++)
            f.places[event++] = (int32_t)(2 * n - 2);
        f.offsets[n] = event;
    }
    f.test.n_sessions = LONGEST;
    f.test.n_events = event;
    g4r_outcomes_sum(&f.outcomes, f.places, 0, &(g4r_figure){G4R_MRR, LONGEST}, &watch);
    for (size_t s = 1; s < LONGEST; s++)
        CHECK_INT(f.outcomes.sums[0], f.outcomes.sums[s]);
    CHECK(f.outcomes.sums[0] > (int64_t)1 << 40);
    finish(&f);
}

static double measure_width(fixture *f, int64_t n_sessions, const g4r_figure *figure)
{
    g4r_stop_watch watch = {0};
    f->test.n_sessions = n_sessions;
    f->test.n_events = f->offsets[n_sessions];
    g4r_outcomes_count(&f->outcomes, f->places, 0, &watch);
    g4r_outcomes_sum(&f->outcomes, f->places, 0, figure, &watch);
    return g4r_outcomes_width(&f->outcomes, g4r_outcomes_mean(&f->outcomes, figure));
}

/* Ten sessions with a target, not ten sessions. */
static void few_sessions_have_no_interval(void)
{
    static fixture f;
    const g4r_figure figure = {G4R_MRR, LONGEST};
    start(&f, 3, SESSIONS);
    for (int64_t n = 0; n < 60; n++) {
        const double width = measure_width(&f, n, &figure);
        CHECK_INT(f.outcomes.sessions < 10, isnan(width) != 0);
    }
    CHECK(f.outcomes.sessions > 10 && f.outcomes.sessions < 59);
    finish(&f);
}

/* All hits: nothing that chance could change, and no rounding is taken for it. */
static void no_spread_is_no_width(void)
{
    static fixture f;
    start(&f, 4, SESSIONS);
    for (int64_t i = 0; i < f.test.n_events; i++)
        if (f.places[i] != GRU4REC_PLACE_NONE)
            f.places[i] = 0;
    for (int measure = 0; measure < G4R_N_MEASURES; measure++)
        CHECK_NEAR(0, measure_width(&f, SESSIONS, &(g4r_figure){(g4r_measure)measure, 1}),
                   0);
    finish(&f);
}

static bool say_stop(void *context)
{
    return ++*(int *)context > 0;
}

static void stops_when_it_is_asked(void)
{
    static fixture f;
    int n_asked = 0;
    g4r_stop_watch watch = {.stop = {say_stop, &n_asked}};
    start(&f, 5, SESSIONS);
    g4r_outcomes_count(&f.outcomes, f.places, 0, &watch);
    CHECK(watch.is_over);
    CHECK_INT(1, n_asked);
    CHECK_INT(0, f.outcomes.events);
    finish(&f);
}

/* ---- do intervals cover? ---- */

/* SESSIONS of those of whole, drawn with replacement. */
static void resample(fixture *drawn, const fixture *whole, g4r_rng *rng)
{
    int64_t n = 0;
    for (int64_t s = 0; s < SESSIONS; s++) {
        const uint64_t from = g4r_rng_below(rng, SESSIONS);
        for (int64_t i = whole->offsets[from]; i < whole->offsets[from + 1]; i++)
            drawn->places[n++] = whole->places[i];
        drawn->offsets[s + 1] = n;
    }
    drawn->test.n_events = n;
    memset(drawn->outcomes.segments, 0, (size_t)n);
}

/*
 * Targets of one session succeed together here, so that an interval over targets as if each
 * were drawn alone would be too narrow. 90 to 98 % of 200: the bounds; 95 % give
 * 190, with a deviation of 3.
 */
static void intervals_cover_what_was_drawn_from(void)
{
    static fixture whole, drawn;
    g4r_stop_watch watch = {0};
    g4r_rng rng;
    int n_covered[G4R_N_MEASURES] = {0};
    g4r_rng_seed(&rng, 11, 0, 0);
    start(&whole, 6, SESSIONS);
    start(&drawn, 6, SESSIONS);
    memset(whole.outcomes.segments, 0, (size_t)whole.test.n_events);
    for (int round = 0; round < 200; round++) {
        resample(&drawn, &whole, &rng);
        for (int i = 0; i < G4R_N_MEASURES; i++) {
            const g4r_figure figure = {(g4r_measure)i, 10};
            g4r_outcomes_count(&whole.outcomes, whole.places, 0, &watch);
            const double truth = g4r_outcomes_mean(&whole.outcomes, &figure);
            const double width = measure_width(&drawn, SESSIONS, &figure);
            const double mean = g4r_outcomes_mean(&drawn.outcomes, &figure);
            n_covered[i] += fabs(mean - truth) <= width;
        }
    }
    for (int i = 0; i < G4R_N_MEASURES; i++)
        CHECK(n_covered[i] >= 180 && n_covered[i] <= 196);
    finish(&whole);
    finish(&drawn);
}

int main(void)
{
    RUN(figures_are_the_plain_ones);
    RUN(equal_sums_tie);
    RUN(few_sessions_have_no_interval);
    RUN(no_spread_is_no_width);
    RUN(stops_when_it_is_asked);
    RUN(intervals_cover_what_was_drawn_from);
    return test_end();
}

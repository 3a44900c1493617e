/*
 * test_tally.c - tally.c: measures of a few rankings that are counted by hand, in any
 * order of them; all else is in test_evaluate.c.
 */
#include "../lib/test.h"

#include "../../src/evaluate/tally.h"

enum { ITEMS = 5, EVENTS = 4 };

static const int64_t support[ITEMS] = {8, 4, 4, 2, 1};
static gru4rec_options options = {.cutoffs = {3, {1, 2, 9}}};

/* One session, of which all events but the first are targets. */
static int32_t rows[EVENTS] = {0, 1, 2, 3};
static int64_t offsets[] = {0, EVENTS};
static const gru4rec_dataset test = {.n_sessions = 1,
                                     .n_events = EVENTS,
                                     .item_rows = rows,
                                     .offsets = offsets};

typedef struct fixture {
    g4r_arena arena;
    g4r_outcomes outcomes;
    g4r_tally tally;
} fixture;

static void layout(fixture *f)
{
    g4r_outcomes_layout(&f->outcomes, &f->arena);
    g4r_tally_layout(&f->tally, &f->arena, NULL);
}

static void start(fixture *f)
{
    *f = (fixture){.outcomes = {.test = &test, .longest = ITEMS},
                   .tally = {.method = "m", .support = support, .options = &options}};
    f->tally.outcomes = &f->outcomes;
    f->tally.n_items = ITEMS;
    layout(f);
    if (!CHECK(g4r_arena_allocate(&f->arena, &g4r_alloc_libc)))
        exit(test_end());
    layout(f);
    g4r_tally_start(&f->tally);
    g4r_segment_fill(f->outcomes.segments, options.segment, &test, support, ITEMS, NULL);
}

static void finish(fixture *f)
{
    g4r_arena_free(&f->arena, &g4r_alloc_libc);
}

/* Ranks 1; 2 to 4, three items being equal; and a miss with one item in its list. */
static const g4r_scored lists[][2] = {{{9, 0}, {8, 3}},
                                      {{9, 1}, {8, 0}},
                                      {{9, 0}, {0, 0}}};
static const g4r_standing standings[] = {{0, 1, lists[0], 2},
                                         {1, 3, lists[1], 2},
                                         {0, 0, lists[2], 1}};

static void check_order(const size_t order[3], int64_t mode, double rank)
{
    fixture f;
    gru4rec_metrics m[3];
    g4r_stop_watch watch = {0};
    options.mode = mode;
    start(&f);
    for (size_t i = 0; i < 3; i++)
        g4r_tally_count(&f.tally, &standings[order[i]], 1 + (int64_t)i);
    g4r_tally_report(&f.tally, m, &watch);
    CHECK_INT(3, m[2].events);
    CHECK_INT(1, m[2].sessions);
    CHECK_INT(1, m[2].ties);
    CHECK(isnan(m[2].recall_ci) && m[2].segment == NULL);
    CHECK_INT(9, m[2].k);
    CHECK_NEAR(1.0 / 3, m[0].recall, 0);
    CHECK_NEAR((rank <= 2 ? 2.0 : 1.0) / 3, m[1].recall, 0);
    CHECK_NEAR(2.0 / 3, m[2].recall, 0);
    CHECK_NEAR((1 + 1 / rank) / 3, m[2].mrr, 0);
    CHECK_NEAR((1 + 1 / log2(rank + 1)) / 3, m[2].ndcg, 0);
    CHECK_NEAR(2.0 / ITEMS, m[0].coverage, 0);
    CHECK_NEAR(3.0 / ITEMS, m[2].coverage, 0);
    CHECK_NEAR((8 + 4 + 8) / 8.0 / 3, m[0].popularity, 1e-15);
    CHECK_NEAR((8 + 2 + 4 + 8 + 8) / 8.0 / 5, m[2].popularity, 1e-15);
    finish(&f);
}

static void measures_are_those_by_hand(void)
{
    static const size_t orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}};
    for (size_t i = 0; i < 3; i++) {
        check_order(orders[i], GRU4REC_STANDARD, 2);
        check_order(orders[i], GRU4REC_MEDIAN, 3);
        check_order(orders[i], GRU4REC_CONSERVATIVE, 4);
    }
}

static void nothing_counted_is_no_number(void)
{
    fixture f;
    gru4rec_metrics m[3];
    g4r_stop_watch watch = {0};
    start(&f);
    g4r_tally_report(&f.tally, m, &watch);
    for (size_t i = 0; i < 3; i++) {
        CHECK(isnan(m[i].recall) && isnan(m[i].mrr) && isnan(m[i].ndcg));
        CHECK(isnan(m[i].coverage) && isnan(m[i].popularity));
        CHECK_INT(0, m[i].events);
    }
    finish(&f);
}

int main(void)
{
    RUN(measures_are_those_by_hand);
    RUN(nothing_counted_is_no_number);
    return test_end();
}

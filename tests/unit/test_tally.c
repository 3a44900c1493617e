/*
 * test_tally.c - tally.c: measures of a few rankings that are counted by hand, in any
 * order of them; all else is in test_evaluate.c.
 */
#include "../lib/test.h"

#include "../../src/evaluate/tally.h"

enum { ITEMS = 5 };

static const int64_t support[ITEMS] = {8, 4, 4, 2, 1};
static const gru4rec_list cutoffs = {3, {1, 2, 9}};

static g4r_tally start(g4r_arena *arena)
{
    g4r_tally tally = {.method = "m", .support = support, .cutoffs = &cutoffs};
    *arena = (g4r_arena){0};
    g4r_tally_layout(&tally, arena, ITEMS, ITEMS);
    if (!CHECK(g4r_arena_allocate(arena, &g4r_alloc_libc)))
        exit(test_end());
    g4r_tally_layout(&tally, arena, ITEMS, ITEMS);
    return tally;
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
    g4r_arena arena;
    gru4rec_metrics m[3];
    g4r_tally tally = start(&arena);
    for (size_t i = 0; i < 3; i++)
        g4r_tally_count(&tally, &standings[order[i]], mode);
    g4r_tally_report(&tally, m);
    CHECK_INT(3, m[2].events);
    CHECK_INT(1, m[2].ties);
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
    g4r_arena_free(&arena, &g4r_alloc_libc);
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
    g4r_arena arena;
    gru4rec_metrics m[3];
    g4r_tally tally = start(&arena);
    g4r_tally_report(&tally, m);
    for (size_t i = 0; i < 3; i++) {
        CHECK(isnan(m[i].recall) && isnan(m[i].mrr) && isnan(m[i].ndcg));
        CHECK(isnan(m[i].coverage) && isnan(m[i].popularity));
        CHECK_INT(0, m[i].events);
    }
    g4r_arena_free(&arena, &g4r_alloc_libc);
}

int main(void)
{
    RUN(measures_are_those_by_hand);
    RUN(nothing_counted_is_no_number);
    return test_end();
}

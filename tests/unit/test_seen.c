/*
 * test_seen.c - seen.c: lanes that begin, go on, and move up over those that ended, as in
 * the schedule; and the list of rows under it.
 */
#include "../lib/test.h"

#include "../../src/base/rng.h"
#include "../../src/base/rows.h"
#include "../../src/evaluate/seen.h"

enum { LANES = 6, ITEMS = 50, STEPS = 400 };

/* Every row in any order, found where it belongs. */
static void rows_ascend(void)
{
    int32_t rows[ITEMS];
    size_t n = 0, place;
    for (int32_t i = 0; i < 2 * ITEMS; i++)
        n = g4r_rows_add(rows, n, i * 37 % ITEMS);
    CHECK_INT(ITEMS, n);
    for (int32_t i = 0; i < ITEMS; i++)
        CHECK(rows[i] == i && g4r_rows_find(rows, n, i, &place) && place == (size_t)i);
    CHECK(!g4r_rows_find(rows, n, -1, &place) && place == 0);
    CHECK(!g4r_rows_find(rows, n, ITEMS, &place) && place == ITEMS);
    CHECK(!g4r_rows_find(NULL, 0, 3, &place) && place == 0);
}

/* Random lanes against a flag for each item. */
static void lanes_carry_what_they_saw(void)
{
    static bool flags[LANES][ITEMS];
    g4r_seen seen;
    g4r_arena arena = {0};
    g4r_rng rng;
    size_t m = LANES, n_wrong = 0;
    g4r_rng_seed(&rng, 3, 0, 0);
    g4r_seen_layout(&seen, &arena, LANES, ITEMS);
    if (!CHECK(g4r_arena_allocate(&arena, &g4r_alloc_libc)))
        return;
    g4r_seen_layout(&seen, &arena, LANES, ITEMS);
    for (int step = 0; step < STEPS; step++) {
        int32_t from[LANES];
        size_t n = 0;
        for (size_t lane = 0; lane < m; lane++) {
            const uint64_t what = step == 0 ? 0 : g4r_rng_below(&rng, 40);
            if (what > 1)
                from[n++] = (int32_t)lane;
            else if (what == 0)
                from[n++] = -1; /* a new session */
        }                       /* 1: the lane ended */
        if (n == 0)
            from[n++] = -1;
        m = n;
        g4r_seen_carry(&seen, from, m);
        for (size_t lane = 0; lane < m; lane++) {
            const int32_t row = (int32_t)g4r_rng_below(&rng, ITEMS);
            if (from[lane] < 0)
                memset(flags[lane], 0, sizeof flags[lane]);
            else
                memmove(flags[lane], flags[from[lane]], sizeof flags[lane]);
            g4r_seen_add(&seen, lane, row);
            flags[lane][row] = true;
        }
        for (size_t lane = 0; lane < m; lane++) {
            const int32_t *rows = g4r_seen_rows(&seen, lane);
            size_t n_seen = 0;
            for (int32_t row = 0; row < ITEMS; row++)
                if (flags[lane][row])
                    n_wrong += n_seen >= seen.n[lane] || rows[n_seen++] != row;
            n_wrong += n_seen != seen.n[lane];
        }
    }
    CHECK_INT(0, n_wrong);
    g4r_arena_free(&arena, &g4r_alloc_libc);
}

int main(void)
{
    RUN(rows_ascend);
    RUN(lanes_carry_what_they_saw);
    return test_end();
}

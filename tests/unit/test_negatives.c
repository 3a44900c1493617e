/*
 * test_negatives.c - negatives.c: as many as asked for, ascending, none twice, none that
 * is excluded, each as likely, and the same for the same seed and event.
 */
#include "../lib/test.h"

#include "../../src/base/rows.h"
#include "../../src/evaluate/negatives.h"

enum { ITEMS = 130 };

typedef struct fixture {
    g4r_negatives negatives;
    g4r_arena arena;
} fixture;

static fixture start(size_t n_items, size_t n, int64_t seed)
{
    fixture f = {0};
    g4r_negatives_layout(&f.negatives, &f.arena, n_items, n);
    if (!CHECK(g4r_arena_allocate(&f.arena, &g4r_alloc_libc)))
        exit(test_end());
    g4r_negatives_layout(&f.negatives, &f.arena, n_items, n);
    f.negatives.seed = seed;
    return f;
}

static void finish(fixture *f)
{
    g4r_arena_free(&f->arena, &g4r_alloc_libc);
}

static void check_draw(size_t n_items, size_t n, const int32_t *excluded,
                       size_t n_excluded)
{
    fixture f = start(n_items, n, 7);
    int32_t rows[ITEMS], again[ITEMS];
    size_t n_wrong = 0, place;
    for (int64_t event = 0; event < 50; event++) {
        const size_t found =
            g4r_negatives_draw(&f.negatives, rows, excluded, n_excluded, event);
        CHECK_INT(G4R_MIN(n, n_items - n_excluded), found);
        for (size_t i = 0; i < found; i++)
            n_wrong += rows[i] < 0 || (size_t)rows[i] >= n_items ||
                       (i > 0 && rows[i - 1] >= rows[i]) ||
                       g4r_rows_find(excluded, n_excluded, rows[i], &place);
        g4r_negatives_draw(&f.negatives, again, excluded, n_excluded, event + 99);
        g4r_negatives_draw(&f.negatives, again, excluded, n_excluded, event);
        CHECK(memcmp(rows, again, found * sizeof *rows) == 0);
    }
    CHECK_INT(0, n_wrong);
    finish(&f);
}

static void draws_are_sets(void)
{
    static const int32_t ends[] = {0, 1, 63, 64, 65, 128, 129}, one[] = {5};
    int32_t most[ITEMS];
    for (int32_t i = 0; i < ITEMS; i++)
        most[i] = i;
    for (size_t n = 1; n <= ITEMS; n += 16) {
        check_draw(ITEMS, n, NULL, 0);
        check_draw(ITEMS, n, ends, 7);
        check_draw(ITEMS, n, one, 1);
        check_draw(ITEMS, n, most, ITEMS - 3);
        check_draw(ITEMS, n, most, ITEMS);
    }
    check_draw(6, 5, one, 1);
    check_draw(1, 1, NULL, 0);
}

/* Each of 9 items is among 3 drawn of them in a third of 30,000 draws: deviation 82. */
static void each_is_as_likely(void)
{
    static const int32_t excluded[] = {2, 7};
    int64_t counts[11] = {0};
    fixture f = start(11, 3, 1);
    int32_t rows[3];
    for (int64_t event = 0; event < 30000; event++) {
        g4r_negatives_draw(&f.negatives, rows, excluded, 2, event);
        for (size_t i = 0; i < 3; i++)
            counts[rows[i]]++;
    }
    for (size_t i = 0; i < 11; i++)
        CHECK_NEAR(i == 2 || i == 7 ? 0 : 10000, (double)counts[i], 400);
    finish(&f);
}

static void seeds_and_events_differ(void)
{
    fixture a = start(ITEMS, 20, 1), b = start(ITEMS, 20, 2);
    int32_t x[20], y[20];
    g4r_negatives_draw(&a.negatives, x, NULL, 0, 5);
    g4r_negatives_draw(&b.negatives, y, NULL, 0, 5);
    CHECK(memcmp(x, y, sizeof x) != 0);
    g4r_negatives_draw(&a.negatives, y, NULL, 0, 6);
    CHECK(memcmp(x, y, sizeof x) != 0);
    finish(&a);
    finish(&b);
}

int main(void)
{
    RUN(draws_are_sets);
    RUN(each_is_as_likely);
    RUN(seeds_and_events_differ);
    return test_end();
}

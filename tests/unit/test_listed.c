/*
 * test_listed.c - listed.c against a plain count over all items: candidates, items seen,
 * targets that are not ranked, lists of any length.
 */
#include "../../src/base/rng.h"
#include "../../src/base/rows.h"
#include "../../src/evaluate/listed.h"
#include "../lib/test.h"

enum { ITEMS = 23 };

typedef struct fixture {
    double values[ITEMS];
    int32_t rows[ITEMS], candidates[ITEMS], seen[ITEMS];
    gru4rec_scores scores;
    const int32_t *ranked; /* candidates or NULL */
    size_t n_ranked;
    g4r_rank_query query;
} fixture;

static size_t some(int32_t *rows, g4r_rng *rng, uint64_t of)
{
    size_t n = 0;
    for (int32_t row = 0; row < ITEMS; row++)
        if (g4r_rng_below(rng, of) > 0)
            rows[n++] = row;
    return n;
}

static bool is_ranked(const fixture *f, int32_t row)
{
    size_t place;
    return !g4r_rows_find(f->seen, f->query.n_seen, row, &place) &&
           (f->ranked == NULL || g4r_rows_find(f->ranked, f->n_ranked, row, &place));
}

static void make(fixture *f, g4r_rng *rng)
{
    const uint64_t n_values = 1 + g4r_rng_below(rng, 5);
    memset(f, 0, sizeof *f);
    for (int32_t i = ITEMS; i-- > 0;) {
        f->values[i] = (double)g4r_rng_below(rng, n_values) / 4;
        if (f->values[i] > 0)
            f->rows[f->scores.n++] = i;
    }
    f->scores.values = f->values;
    f->scores.rows = f->rows;
    f->n_ranked = ITEMS;
    if (g4r_rng_below(rng, 2) == 0) {
        f->ranked = f->candidates;
        f->n_ranked = some(f->candidates, rng, 2);
    }
    f->query.seen = f->seen;
    if (g4r_rng_below(rng, 2) == 0)
        f->query.n_seen = g4r_rng_below(rng, 2) == 0 ? some(f->seen, rng, 2) : 0;
    f->query.target = (int32_t)g4r_rng_below(rng, ITEMS);
    if (!is_ranked(f, f->query.target))
        f->query.target = -1;
}

static void check(const fixture *f, g4r_listed *listed)
{
    g4r_standing standing;
    size_t n_greater = 0, n_equal = 0, n_listed = 0;
    g4r_listed_rank(listed, &f->scores, f->ranked, f->n_ranked, &f->query, &standing);
    for (int32_t row = 0; row < ITEMS; row++) {
        size_t place = 0;
        if (!is_ranked(f, row))
            continue;
        if (f->query.target >= 0) {
            n_greater += f->values[row] > f->values[f->query.target];
            n_equal += f->values[row] == f->values[f->query.target];
        }
        if (f->values[row] == 0)
            continue;
        for (int32_t other = 0; other < ITEMS; other++)
            place += is_ranked(f, other) &&
                     (f->values[other] > f->values[row] ||
                      (f->values[other] == f->values[row] && other < row));
        n_listed++;
        if (place < standing.n) {
            CHECK_INT(row, standing.list[place].row);
            CHECK_NEAR(f->values[row], standing.list[place].score, 0);
        }
    }
    CHECK_INT(n_greater, standing.n_greater);
    CHECK_INT(n_equal, standing.n_equal);
    CHECK_INT(G4R_MIN(n_listed, listed->longest), standing.n);
}

static void standings_are_the_plain_ones(void)
{
    g4r_rng rng;
    fixture f;
    g4r_rng_seed(&rng, 12, 1, 0);
    for (int round = 0; round < 3000; round++) {
        g4r_arena arena = {0};
        g4r_listed listed;
        const size_t longest = 1 + g4r_rng_below(&rng, ITEMS);
        g4r_listed_layout(&listed, &arena, ITEMS, longest);
        if (!CHECK(g4r_arena_allocate(&arena, &g4r_alloc_libc)))
            return;
        g4r_listed_layout(&listed, &arena, ITEMS, longest);
        make(&f, &rng);
        check(&f, &listed);
        g4r_arena_free(&arena, &g4r_alloc_libc);
    }
}

/* Scores that floats cannot tell apart. */
static void doubles_are_compared(void)
{
    static const double values[] = {0.1, 0.1 + 1e-12, 0};
    static const int32_t rows[] = {0, 1};
    const gru4rec_scores scores = {values, rows, 2};
    const g4r_rank_query query = {.target = 0};
    g4r_arena arena = {0};
    g4r_listed listed;
    g4r_standing standing;
    g4r_listed_layout(&listed, &arena, 3, 3);
    CHECK(g4r_arena_allocate(&arena, &g4r_alloc_libc));
    g4r_listed_layout(&listed, &arena, 3, 3);
    g4r_listed_rank(&listed, &scores, NULL, 3, &query, &standing);
    CHECK_INT(1, standing.n_greater);
    CHECK_INT(1, standing.n_equal);
    CHECK_INT(2, standing.n);
    CHECK_INT(1, standing.list[0].row);
    g4r_arena_free(&arena, &g4r_alloc_libc);
}

int main(void)
{
    RUN(standings_are_the_plain_ones);
    RUN(doubles_are_compared);
    return test_end();
}

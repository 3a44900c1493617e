/* test_best.c - best.c against a sort, with many ties. */
#include "../../src/baselines/best.h"
#include "../../src/base/rng.h"
#include "../lib/test.h"

enum { ITEMS = 40 };

/* Items that stand before it. */
static size_t place_of(const int32_t *rows, size_t n, const double *scores, int32_t row)
{
    size_t place = 0;
    for (size_t i = 0; i < n; i++)
        place += scores[rows[i]] > scores[row] ||
                 (scores[rows[i]] == scores[row] && rows[i] < row);
    return place;
}

static void the_best_come_in_order(void)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, 6, 1, 0);
    for (int round = 0; round < 2000; round++) {
        int32_t rows[ITEMS], best[ITEMS + 1];
        double scores[ITEMS];
        const size_t k = g4r_rng_below(&rng, ITEMS + 2);
        const uint64_t n_values = 1 + g4r_rng_below(&rng, 9);
        size_t n = 0;
        for (size_t i = 0; i < ITEMS; i++) {
            const size_t row = (i * 7 + 3) % ITEMS; /* in no order */
            scores[row] = (double)g4r_rng_below(&rng, n_values) - 1;
            if (g4r_rng_below(&rng, 4) > 0)
                rows[n++] = (int32_t)row;
        }
        best[G4R_MIN(k, n)] = -1;
        CHECK_INT(G4R_MIN(k, n), g4r_best_find(best, k, rows, n, scores));
        for (size_t i = 0; i < G4R_MIN(k, n); i++)
            CHECK_INT(i, place_of(rows, n, scores, best[i]));
        CHECK_INT(-1, best[G4R_MIN(k, n)]);
    }
}

int main(void)
{
    RUN(the_best_come_in_order);
    return test_end();
}

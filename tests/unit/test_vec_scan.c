/*
 * test_vec_scan.c - vec_scan.h: score, find and split of every table that this machine
 * runs, against plain twins in double. Arrays end where the last value does, so that the
 * sanitizer sees a read behind a table.
 *
 * Tolerances count roundings: EPS / 2 is the relative error of one operation in float.
 */
#include "../lib/vec_arrays.h"

static const double EPS = FLT_EPSILON;
static const size_t counts[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 64, 67};
enum { N_COUNTS = sizeof counts / sizeof *counts, MOST_ROWS = 67 };
static const size_t large_widths[] = {71, 100, 127, 128, 129, 300, 512, 1000, 4200};
enum { N_LARGE = sizeof large_widths / sizeof *large_widths, SMALL_WIDTHS = 70 };

static size_t width_at(size_t i)
{
    return i < SMALL_WIDTHS ? i + 1 : large_widths[i - SMALL_WIDTHS];
}

static bool is_same(const g4r_real *a, const g4r_real *b, size_t n)
{
    return n == 0 || memcmp(a, b, n * sizeof *a) == 0;
}

/* ---- score ---- */

/*
 * A product goes through its own rounding, the d / 8 sums of its place in the vector, one
 * each for folding it and for the four that are left, two across four, three at the
 * end, and the bias's: d / 8 + 10 at most, each of no more than all magnitudes together.
 */
static void check_score(const g4r_real *out, const g4r_real *table, const g4r_real *bias,
                        const int32_t *rows, const g4r_real *x, size_t n, size_t d)
{
    for (size_t i = 0; i < n; i++) {
        const size_t row = rows != NULL ? (size_t)rows[i] : i;
        double sum = (double)bias[row], all = fabs(sum);
        for (size_t k = 0; k < d; k++) {
            sum += (double)table[row * d + k] * (double)x[k];
            all += fabs((double)table[row * d + k] * (double)x[k]);
        }
        CHECK_NEAR(sum, out[i], ((double)(d / 8) + 10) * EPS / 2 * all);
    }
}

static void score_of_the_whole_table(void)
{
    for (size_t s = 0; s < SMALL_WIDTHS + N_LARGE; s++)
        for (size_t c = 0; c < N_COUNTS; c++, drop_arrays()) {
            const size_t d = width_at(s), n = counts[c];
            const g4r_real *table = random_array(n * d, -1, 1);
            const g4r_real *bias = random_array(n, -1, 1), *x = random_array(d, -1, 1);
            g4r_real *out = array(n + 1);
            vec->scan.score(out, table, bias, NULL, x, n, d);
            check_score(out, table, bias, NULL, x, n, d);
            CHECK_NEAR(-12345, out[n], 0);
        }
}

/* In any order, some of them twice, the last one of the table among them. */
static void score_of_rows(void)
{
    for (size_t s = 0; s < SMALL_WIDTHS + N_LARGE; s++)
        for (size_t c = 0; c < N_COUNTS; c++, drop_arrays()) {
            const size_t d = width_at(s), n = counts[c];
            const g4r_real *table = random_array(MOST_ROWS * d, -1, 1);
            const g4r_real *bias = random_array(MOST_ROWS, -1, 1);
            const g4r_real *x = random_array(d, -1, 1);
            int32_t *rows = malloc((n + 1) * sizeof *rows);
            g4r_real *out = array(n + 1);
            for (size_t i = 0; i < n; i++)
                rows[i] =
                    i % 3 == 0 ? MOST_ROWS - 1 : (int32_t)g4r_rng_below(&rng, MOST_ROWS);
            vec->scan.score(out, table, bias, rows, x, n, d);
            check_score(out, table, bias, rows, x, n, d);
            CHECK_NEAR(-12345, out[n], 0);
            free(rows);
        }
}

/* Alone, in lists that put it at each place of four, in the whole table and in its
 * beginnings. */
static void score_of_a_row_has_the_same_bits_everywhere(void)
{
    for (size_t s = 0; s < SMALL_WIDTHS + N_LARGE; s++, drop_arrays()) {
        const size_t d = width_at(s);
        const g4r_real *table = random_array(MOST_ROWS * d, -1, 1);
        const g4r_real *bias = random_array(MOST_ROWS, -1, 1);
        const g4r_real *x = random_array(d, -1, 1);
        g4r_real *whole = array(MOST_ROWS), *some = array(MOST_ROWS), one[8];
        int32_t backwards[MOST_ROWS];
        size_t n_same = 0;
        vec->scan.score(whole, table, bias, NULL, x, MOST_ROWS, d);
        for (size_t c = 0; c < N_COUNTS; c++) {
            vec->scan.score(some, table, bias, NULL, x, counts[c], d);
            CHECK(is_same(whole, some, counts[c]));
        }
        for (int32_t row = 0; row < MOST_ROWS; row++) {
            backwards[MOST_ROWS - 1 - row] = row;
            for (size_t n = 1; n <= 8; n++) {
                int32_t list[8];
                for (size_t i = 0; i < n; i++)
                    list[i] = (row + (int32_t)(n - 1 - i) * 13) % MOST_ROWS;
                vec->scan.score(one, table, bias, list, x, n, d);
                for (size_t i = 0; i < n; i++)
                    n_same += is_same(&whole[list[i]], &one[i], 1);
            }
        }
        CHECK_INT(MOST_ROWS * 36, n_same);
        vec->scan.score(some, table, bias, backwards, x, MOST_ROWS, d);
        for (size_t i = 0; i < MOST_ROWS; i++)
            CHECK(is_same(&whole[MOST_ROWS - 1 - i], &some[i], 1));
    }
}

/* A value that is not a number stays in its row. */
static void score_of_bad_rows(void)
{
    for (size_t d = 1; d <= 40; d++, drop_arrays()) {
        g4r_real *table = random_array(9 * d, -1, 1);
        const g4r_real *bias = random_array(9, -1, 1), *x = random_array(d, 1, 2);
        g4r_real clean[9], out[9];
        vec->scan.score(clean, table, bias, NULL, x, 9, d);
        for (size_t bad = 0; bad < 9; bad++) {
            const g4r_real before = table[bad * d + bad % d];
            for (int what = 0; what < 2; what++) {
                table[bad * d + bad % d] = what == 0 ? NAN : INFINITY;
                vec->scan.score(out, table, bias, NULL, x, 9, d);
                for (size_t i = 0; i < 9; i++)
                    CHECK(i == bad ? !isfinite(out[i]) : is_same(&clean[i], &out[i], 1));
            }
            table[bad * d + bad % d] = before;
        }
    }
}

/* ---- find ---- */

static size_t plain_find(const g4r_real *scores, size_t start, g4r_real t, size_t n)
{
    while (start < n && !(scores[start] >= t))
        start++;
    return start;
}

/* From every start. */
static void check_find(const g4r_real *scores, g4r_real t, size_t n)
{
    size_t n_wrong = 0;
    for (size_t start = 0; start <= n; start++)
        n_wrong += vec->scan.find(scores, start, t, n) != plain_find(scores, start, t, n);
    CHECK_INT(0, n_wrong);
}

/* One hit, anywhere, greater than t or equal to it; then two; then none. */
static void find_in_every_length(void)
{
    for (size_t n = 0; n <= 140; n++, drop_arrays()) {
        g4r_real *scores = random_array(n, -2, 0.9);
        check_find(scores, 1, n);
        for (size_t i = 0; i < n; i++) {
            const g4r_real before = scores[i], last = scores[n - 1];
            scores[i] = i % 2 ? 1 : 5;
            check_find(scores, 1, n);
            scores[n - 1] = 1;
            check_find(scores, 1, n);
            scores[n - 1] = last;
            scores[i] = before;
        }
        check_find(scores, 0, n);
        check_find(scores, (g4r_real)-1.9, n);
        for (size_t i = 0; i < n; i++)
            scores[i] = -1;
        check_find(scores, -1, n);
        check_find(scores, (g4r_real)-0.99999, n);
    }
}

/* Equal zeros of either sign, infinities, and NaN, which is nowhere found. */
static void find_odd_values(void)
{
    const g4r_real odd[] = {NAN, -NAN, INFINITY, -INFINITY, (g4r_real)-0.0, 0};
    const g4r_real limits[] = {-INFINITY, -1,      (g4r_real)-0.0, 0,
                               1e-45f,    FLT_MAX, INFINITY,       NAN};
    for (size_t n = 1; n <= 100; n++, drop_arrays())
        for (size_t mask = 1; mask < 6 * 9; mask++) {
            g4r_real *scores = random_array(n, -2, -1);
            for (size_t i = 0; i < n; i++)
                if (g4r_rng_below(&rng, 9) < mask / 6)
                    scores[i] = odd[mask % 3 ? mask % 6 : g4r_rng_below(&rng, 6)];
            for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
                const size_t start = g4r_rng_below(&rng, n + 1);
                CHECK_INT(plain_find(scores, start, limits[i], n),
                          vec->scan.find(scores, start, limits[i], n));
                CHECK_INT(plain_find(scores, 0, limits[i], n),
                          vec->scan.find(scores, 0, limits[i], n));
            }
            free(blocks[--n_blocks]);
        }
}

/* What stands before the start or behind the end is not looked at. */
static void find_stays_inside(void)
{
    g4r_real *scores = random_array(400, 2, 3);
    for (size_t start = 0; start < 80; start++)
        for (size_t n = start; n < 200; n++) {
            for (size_t i = start; i < n; i++)
                scores[i] = -1;
            CHECK_INT(n, vec->scan.find(scores, start, 1, n));
            for (size_t i = start; i < n; i++)
                scores[i] = 2;
            CHECK_INT(start, vec->scan.find(scores, start, 1, n));
        }
    drop_arrays();
}

/* ---- split ---- */

static void check_split(const g4r_real *upper, const g4r_real *lower, g4r_real low,
                        g4r_real high, size_t n)
{
    int32_t *found = malloc((n + 1) * sizeof *found);
    size_t n_above = 0, n_expected = 0, found_above, n_wrong = 0;
    const size_t n_found =
        vec->scan.split(found, upper, lower, low, high, n, &found_above);
    for (size_t i = 0; i < n; i++) {
        n_above += lower[i] > high;
        if (!(upper[i] >= low && lower[i] <= high))
            continue;
        n_wrong += n_expected >= n_found || found[n_expected] != (int32_t)i;
        n_expected++;
    }
    CHECK_INT(n_expected, n_found);
    CHECK_INT(n_above, found_above);
    CHECK_INT(0, n_wrong);
    free(found);
}

static void split_of_every_length(void)
{
    for (size_t n = 0; n <= 140; n++, drop_arrays()) {
        g4r_real *scores = random_array(n, -2, 2);
        check_split(scores, scores, -3, 3, n);
        check_split(scores, scores, 3, 4, n);
        check_split(scores, scores, -4, -3, n);
        check_split(scores, scores, (g4r_real)-0.1, (g4r_real)0.1, n);
        for (size_t i = 0; i < n; i += 3) {
            check_split(scores, scores, scores[i], scores[i], n);
            check_split(scores, scores, scores[i], scores[i] + (g4r_real)0.2, n);
        }
    }
    g4r_real *scores = random_array(5000, -2, 2);
    check_split(scores, scores, -1, 1, 5000);
    check_split(scores, scores, 1, (g4r_real)1.001, 5000);
    drop_arrays();
}

/* Each value has bounds of its own, as those from bytes. */
static void split_of_two_arrays(void)
{
    for (size_t n = 0; n <= 140; n++, drop_arrays()) {
        g4r_real *lower = random_array(n, -2, 2), *upper = random_array(n, 0, 1);
        for (size_t i = 0; i < n; i++)
            upper[i] += lower[i];
        check_split(upper, lower, 0, 0, n);
        check_split(upper, lower, -3, -3, n);
        check_split(upper, lower, 4, 4, n);
        for (size_t i = 0; i < n; i += 3) {
            check_split(upper, lower, upper[i], upper[i], n);
            check_split(upper, lower, lower[i], lower[i], n);
        }
    }
}

static void split_of_odd_values(void)
{
    const g4r_real odd[] = {NAN, -NAN, INFINITY, -INFINITY, (g4r_real)-0.0, 0, 1};
    g4r_real upper[99], lower[99];
    for (size_t round = 0; round < 200; round++) {
        for (size_t i = 0; i < 99; i++) {
            upper[i] = odd[g4r_rng_below(&rng, 7)];
            lower[i] = round % 2 ? upper[i] : odd[g4r_rng_below(&rng, 7)];
        }
        check_split(upper, lower, 0, 0, 99);
        check_split(upper, lower, (g4r_real)-0.0, 1, 99);
        check_split(upper, lower, -INFINITY, INFINITY, 99);
        check_split(upper, lower, INFINITY, INFINITY, 99);
        check_split(upper, lower, -INFINITY, -INFINITY, 99);
    }
}

int main(void)
{
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++) {
        printf("table %s\n", vec->name);
        g4r_rng_seed(&rng, 43, 1, 0);
        RUN(score_of_the_whole_table);
        RUN(score_of_rows);
        RUN(score_of_a_row_has_the_same_bits_everywhere);
        RUN(score_of_bad_rows);
        RUN(find_in_every_length);
        RUN(find_odd_values);
        RUN(find_stays_inside);
        RUN(split_of_every_length);
        RUN(split_of_two_arrays);
        RUN(split_of_odd_values);
    }
    return test_end();
}

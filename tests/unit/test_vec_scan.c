/*
 * test_vec_scan.c - vec_scan.h: score, upper_bounds, to_bytes and find of every table
 * that this machine runs, against plain twins in double and in integers. Arrays end where the last
 * value does, so that the sanitizer sees a read behind a table.
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

/* ---- upper_bounds ---- */

typedef struct bytes_case {
    g4r_bytes bytes;
    int8_t *x;
    g4r_bytes_query query;
    const g4r_real *bias;
} bytes_case;

/* The blocks end where the values do; rows behind the n hold anything. */
static bytes_case make_bytes(size_t n, size_t d, bool is_extreme)
{
    bytes_case c;
    const size_t n_values = (n / G4R_BYTES_ROWS + 1) * G4R_BYTES_ROWS * d;
    const int most = G4R_LARGEST_QUERY;
    c.bytes = (g4r_bytes){.values = malloc(n_values), .d = d};
    c.x = malloc(d);
    if (c.bytes.values == NULL || c.x == NULL)
        exit(test_end());
    memset(c.bytes.values, 0xa5, n_values);
    int32_t sum = 0;
    for (size_t k = 0; k < d; k++) {
        int value = (int)g4r_rng_below(&rng, (uint64_t)(2 * most + 1)) - most;
        c.x[k] = (int8_t)(is_extreme ? (k / 2 % 2 ? most : -most) : value);
        sum += c.x[k];
    }
    for (size_t row = 0; row < n; row++)
        for (size_t k = 0; k < d; k++) {
            int largest = row % 2 == k / 2 % 2 ? 255 : 1;
            c.bytes.values[g4r_bytes_place(&c.bytes, row, k)] =
                (uint8_t)(is_extreme ? largest : 1 + (int)g4r_rng_below(&rng, 255));
        }
    c.bias = random_array(n, -1, 1);
    c.bytes.scale = random_array(n, 1e-4, 1e-2);
    c.bytes.rest = random_array(n, 0, 1e-2);
    c.bytes.norm = random_array(n, 0, 1);
    c.query = (g4r_bytes_query){.x = c.x,
                                .offset = 128 * sum,
                                .scale = 3e-3f,
                                .rest = 0.01f,
                                .norm = 0.7f,
                                .slack = 1e-4f};
    return c;
}

static void drop_bytes(bytes_case *c)
{
    free(c->bytes.values);
    free(c->x);
    drop_arrays();
}

/*
 * The sum of integers is exact. Roundings: of it to float, of the scales' product, of the
 * product with it, of two sums, of the four of the slack; nine, of no more than all
 * magnitudes together.
 */
static void check_bounds(const bytes_case *c, size_t first, size_t n)
{
    g4r_real *upper = array(n + 1);
    vec->scan.upper_bounds(upper, &c->bytes, c->bias, &c->query, first, n);
    for (size_t i = 0; i < n; i++) {
        const size_t row = first + i, d = c->bytes.d;
        int64_t sum = 0;
        for (size_t k = 0; k < d; k++)
            sum += ((int64_t)c->bytes.values[g4r_bytes_place(&c->bytes, row, k)] - 128) *
                   c->x[k];
        double product =
            (double)sum * (double)c->bytes.scale[row] * (double)c->query.scale;
        double slack = (double)c->bytes.rest[row] * (double)c->query.norm +
                       (double)c->bytes.norm[row] * (double)c->query.rest +
                       (double)c->query.slack;
        double bias = (double)c->bias[row];
        CHECK_NEAR(product + bias + slack, upper[i],
                   4.5 * EPS * (fabs(product) + fabs(bias) + slack));
    }
    CHECK_NEAR(-12345, upper[n], 0);
    free(blocks[--n_blocks]);
}

static void upper_bounds_of_all(void)
{
    static const size_t widths[] = {4, 8, 28, 64, 80, 100, 304, 512, 1008, 4208, 65536};
    for (size_t s = 0; s < sizeof widths / sizeof *widths; s++)
        for (size_t c = 0; c < N_COUNTS; c++)
            for (int is_extreme = 0; is_extreme < 2; is_extreme++) {
                bytes_case bytes = make_bytes(counts[c], widths[s], is_extreme);
                check_bounds(&bytes, 0, counts[c]);
                drop_bytes(&bytes);
            }
}

/* From any block on, to the last row and less far. */
static void upper_bounds_of_a_part(void)
{
    for (size_t d = 4; d <= 64; d += 20) {
        bytes_case bytes = make_bytes(MOST_ROWS, d, false);
        for (size_t first = 0; first <= MOST_ROWS; first += G4R_BYTES_ROWS)
            for (size_t n = 0; n <= MOST_ROWS - first; n++)
                check_bounds(&bytes, first, n);
        drop_bytes(&bytes);
    }
}

/* ---- to_bytes ---- */

/*
 * byte - 128 is the integer next to w / scale: half a unit away at most, and what rounds
 * the scale, its inverse and their product, of up to 127 units each. What is lost of a
 * value is off by the rounding of scale x integer, |w| EPS / 2, twice where that is no
 * multiply-add. Sums of squares have d / 8 + 8 roundings.
 */
static void check_bytes(const g4r_real *w, size_t d)
{
    enum { GUARD = 40 };
    const uint8_t guard = 0x5a;
    const double sums = ((double)(d / 8) + 8) * EPS;
    uint8_t *q = malloc(d + GUARD), *tight = malloc(d);
    double most = 0, rest = 0, norm = 0, off = 0, furthest = 0;
    g4r_bytes_row row = {-1, -1, -1}, again;
    size_t n_touched = 0;
    if (q == NULL || tight == NULL)
        exit(test_end());
    memset(q, guard, d + GUARD);
    vec->scan.to_bytes(q, &row, w, d);
    vec->scan.to_bytes(tight, &again, w, d);
    CHECK(memcmp(q, tight, d) == 0 && row.scale == again.scale &&
          (row.rest == again.rest || isnan(row.rest)) && row.norm == again.norm);
    for (size_t k = d; k < d + GUARD; k++)
        n_touched += q[k] != guard;
    CHECK_INT(0, n_touched);
    for (size_t k = 0; k < d; k++)
        most = G4R_MAX(most, fabs((double)w[k]));
    const bool is_lost = most <= (double)(g4r_real)1e-12;
    const double scale = is_lost ? 0 : (double)row.scale;
    CHECK_NEAR(is_lost ? 0 : most / G4R_LARGEST_BYTE, row.scale,
               most / G4R_LARGEST_BYTE * EPS);
    for (size_t k = 0; k < d; k++) {
        const double whole = (double)q[k] - 128, lost = (double)w[k] - scale * whole;
        const double rounding = fabs((double)w[k]) * EPS;
        furthest = G4R_MAX(furthest, is_lost ? fabs(whole) : fabs(lost) / scale);
        rest += lost * lost;
        off += 2 * fabs(lost) * rounding + rounding * rounding;
        norm += scale * whole * scale * whole;
        if (!CHECK(q[k] >= 1))
            break;
    }
    CHECK(furthest <= (is_lost ? 0 : 0.5 + G4R_LARGEST_BYTE * 2 * EPS));
    CHECK_NEAR(norm, row.norm, norm * sums);
    if (is_lost)
        CHECK_NEAR((double)d * most * most, row.rest, rest * EPS);
    else if (rest < 1e37) /* squares beyond the format may come as infinity */
        CHECK_NEAR(rest, row.rest, off + (rest + off) * sums + 1e-37);
    else
        CHECK(row.rest >= rest * (1 - sums));
    free(q);
    free(tight);
}

static void to_bytes_of_all_widths(void)
{
    static const double magnitudes[] = {1, 1e-3, 1e-6, 1e-11, 1e3, 1e15, 1e18};
    for (size_t s = 0; s < SMALL_WIDTHS + N_LARGE; s++)
        for (size_t i = 0; i < sizeof magnitudes / sizeof *magnitudes;
             i++, drop_arrays()) {
            const size_t d = width_at(s);
            g4r_real *w = random_array(d, -magnitudes[i], magnitudes[i]);
            check_bytes(w, d);
            /* All of one sign. */
            for (size_t k = 0; k < d; k++)
                w[k] = (g4r_real)-fabs((double)w[k]);
            check_bytes(w, d);
        }
}

/* The largest value, of either sign, at each place; at least the tail's matter. */
static void to_bytes_where_one_is_largest(void)
{
    for (size_t d = 1; d <= SMALL_WIDTHS; d++, drop_arrays()) {
        g4r_real *w = random_array(d, -0.01, 0.01);
        for (size_t k = 0; k < d; k++) {
            const g4r_real before = w[k];
            for (int sign = -1; sign <= 1; sign += 2) {
                uint8_t q[SMALL_WIDTHS];
                g4r_bytes_row row;
                w[k] = (g4r_real)sign;
                check_bytes(w, d);
                vec->scan.to_bytes(q, &row, w, d);
                CHECK_INT(128 + 127 * sign, q[k]);
                w[k] = (g4r_real)(sign * 1000);
                check_bytes(w, d);
                w[k] = before;
            }
        }
    }
}

/* Rows of zeros, of values too small to square, and on both sides of where that begins. */
static void to_bytes_of_nothing(void)
{
    static const double magnitudes[] = {0,     1e-45,      1e-38,   1e-20, 9.9e-13,
                                        1e-12, 1.0001e-12, 1.1e-12, 1e-10};
    for (size_t d = 1; d <= SMALL_WIDTHS; d++, drop_arrays())
        for (size_t i = 0; i < sizeof magnitudes / sizeof *magnitudes; i++) {
            g4r_real *w = array(d);
            for (size_t k = 0; k < d; k++)
                w[k] = (g4r_real)(k % 3 == 1 ? -0.0
                                  : k % 3    ? magnitudes[i]
                                             : -magnitudes[i]);
            check_bytes(w, d);
            free(blocks[--n_blocks]);
        }
}

/* Huge ones among others; the largest numbers that there are. */
static void to_bytes_of_huge_values(void)
{
    for (size_t d = 1; d <= SMALL_WIDTHS; d++, drop_arrays())
        for (size_t k = 0; k < d; k += 1 + d / 5) {
            g4r_real *w = random_array(d, -1, 1);
            w[k] = FLT_MAX;
            check_bytes(w, d);
            for (size_t i = 0; i < d; i++)
                w[i] *= i == k ? -1 : (g4r_real)3e38;
            check_bytes(w, d);
            free(blocks[--n_blocks]);
        }
}

/* Halves, where a rounding to either side is right. */
static void to_bytes_of_halves(void)
{
    for (size_t d = 1; d <= SMALL_WIDTHS; d++, drop_arrays()) {
        g4r_real *w = array(d);
        for (size_t k = 0; k < d; k++)
            w[k] = (g4r_real)(k == 0 ? 127 : (k % 2 ? 1 : -1) * (double)k + 0.5);
        check_bytes(w, d);
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

static void check_split(const g4r_real *scores, g4r_real low, g4r_real high, size_t n)
{
    int32_t *found = malloc((n + 1) * sizeof *found);
    size_t n_above = 0, n_expected = 0, found_above, n_wrong = 0;
    const size_t n_found = vec->scan.split(found, scores, low, high, n, &found_above);
    for (size_t i = 0; i < n; i++) {
        n_above += scores[i] > high;
        if (!(scores[i] >= low && scores[i] <= high))
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
        check_split(scores, -3, 3, n);
        check_split(scores, 3, 4, n);
        check_split(scores, -4, -3, n);
        check_split(scores, (g4r_real)-0.1, (g4r_real)0.1, n);
        for (size_t i = 0; i < n; i += 3) {
            check_split(scores, scores[i], scores[i], n);
            check_split(scores, scores[i], scores[i] + (g4r_real)0.2, n);
        }
    }
    g4r_real *scores = random_array(5000, -2, 2);
    check_split(scores, -1, 1, 5000);
    check_split(scores, 1, (g4r_real)1.001, 5000);
    drop_arrays();
}

static void split_of_odd_values(void)
{
    const g4r_real odd[] = {NAN, -NAN, INFINITY, -INFINITY, (g4r_real)-0.0, 0, 1};
    g4r_real scores[99];
    for (size_t round = 0; round < 200; round++) {
        for (size_t i = 0; i < 99; i++)
            scores[i] = odd[g4r_rng_below(&rng, 7)];
        check_split(scores, 0, 0, 99);
        check_split(scores, (g4r_real)-0.0, 1, 99);
        check_split(scores, -INFINITY, INFINITY, 99);
        check_split(scores, INFINITY, INFINITY, 99);
        check_split(scores, -INFINITY, -INFINITY, 99);
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
        RUN(upper_bounds_of_all);
        RUN(upper_bounds_of_a_part);
        RUN(to_bytes_of_all_widths);
        RUN(to_bytes_where_one_is_largest);
        RUN(to_bytes_of_nothing);
        RUN(to_bytes_of_huge_values);
        RUN(to_bytes_of_halves);
        RUN(find_in_every_length);
        RUN(find_odd_values);
        RUN(find_stays_inside);
        RUN(split_of_every_length);
        RUN(split_of_odd_values);
    }
    return test_end();
}

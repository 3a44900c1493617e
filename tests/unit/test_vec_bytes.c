/*
 * test_vec_bytes.c - vec_bytes.h: the kernels of the table in bytes, of every table that
 * this machine runs, against plain twins in integers and in double. Arrays end where the
 * last value does, so that the sanitizer sees a read behind a table.
 *
 * Tolerances count roundings: EPS / 2 is the relative error of one operation in float.
 */
#include "../lib/vec_arrays.h"

static const double EPS = FLT_EPSILON;
static const size_t large_widths[] = {71, 100, 127, 128, 129, 300, 512, 1000, 4200};
enum {
    N_LARGE = sizeof large_widths / sizeof *large_widths,
    SMALL_WIDTHS = 70,
    MOST_ROWS = 133,
    LANES = G4R_BYTES_LANES
};

static size_t width_at(size_t i)
{
    return i < SMALL_WIDTHS ? i + 1 : large_widths[i - SMALL_WIDTHS];
}

/* ---- bound ---- */

typedef enum values { RANDOM, EXTREME, ALTERNATING, N_VALUES } values;

typedef struct bytes_case {
    g4r_bytes bytes;
    size_t n_lanes;
    int8_t *x;
    g4r_bytes_query queries[LANES];
    g4r_real *bias;
} bytes_case;

/* Integer k of a lane, of largest size most. */
static int8_t integer_of(values kind, size_t lane, size_t k, int most)
{
    const int random = (int)g4r_rng_below(&rng, (uint64_t)(2 * most + 1)) - most;
    if (kind == RANDOM)
        return (int8_t)random;
    /* Pairs of one sign are the most that 16 bits must hold. */
    const bool is_up = kind == EXTREME ? lane % 2 == 0 : (k / 2 + lane) % 2 == 0;
    return (int8_t)(is_up ? most : -most);
}

/* Byte k of a row. */
static uint8_t byte_of(values kind, size_t row, size_t k)
{
    if (kind == RANDOM)
        return (uint8_t)(1 + g4r_rng_below(&rng, 255));
    return (row + (kind == EXTREME ? 0 : k / 2)) % 2 == 0 ? 255 : 1;
}

/* The blocks end where the values do; rows behind the n hold anything. */
static bytes_case make_case(size_t n, size_t d, size_t n_lanes, values kind)
{
    bytes_case c = {.n_lanes = n_lanes};
    const size_t n_values =
        (n + G4R_BYTES_ROWS - 1) / G4R_BYTES_ROWS * G4R_BYTES_ROWS * d;
    c.bytes = (g4r_bytes){.values = malloc(n_values + 1), .d = d};
    c.x = malloc(d * n_lanes);
    if (c.bytes.values == NULL || c.x == NULL)
        exit(test_end());
    memset(c.bytes.values, 0xa5, n_values);
    for (size_t lane = 0; lane < n_lanes; lane++) {
        g4r_bytes_query *query = &c.queries[lane];
        int32_t sum = 0;
        for (size_t k = 0; k < d; k++) {
            const int8_t value = integer_of(kind, lane, k, vec->bytes.largest_query);
            c.x[k / 4 * 4 * n_lanes + 4 * lane + k % 4] = value;
            sum += value;
        }
        *query = (g4r_bytes_query){.x = c.x + 4 * lane,
                                   .offset = 128 * sum,
                                   .scale = 3e-3f * (g4r_real)(lane + 1),
                                   .rest = 0.01f * (g4r_real)(lane + 1),
                                   .norm = 0.7f,
                                   .slack = 1e-4f};
    }
    for (size_t row = 0; row < n; row++)
        for (size_t k = 0; k < d; k++)
            c.bytes.values[g4r_bytes_place(&c.bytes, row, k)] = byte_of(kind, row, k);
    c.bias = random_array(n, -1, 1);
    c.bytes.scale = random_array(n, 1e-4, 1e-2);
    c.bytes.rest = random_array(n, 0, 1e-2);
    c.bytes.norm = random_array(n, 0, 1);
    return c;
}

static void drop_case(bytes_case *c)
{
    free(c->bytes.values);
    free(c->x);
    drop_arrays();
}

/* The plain twin: q.p of a row and a lane. */
static int64_t product_of(const bytes_case *c, size_t row, size_t lane)
{
    int64_t sum = 0;
    for (size_t k = 0; k < c->bytes.d; k++)
        sum += ((int64_t)c->bytes.values[g4r_bytes_place(&c->bytes, row, k)] - 128) *
               c->x[k / 4 * 4 * c->n_lanes + 4 * lane + k % 4];
    return sum;
}

/*
 * Roundings: of the product to float, of the scales' product, of the product with it, of
 * two sums, of the four of the margin; nine, of no more than all magnitudes together.
 */
static void check_row(const bytes_case *c, size_t row, size_t lane, g4r_real upper,
                      g4r_real lower)
{
    const g4r_bytes_query *query = &c->queries[lane];
    const double product = (double)product_of(c, row, lane) *
                           (double)c->bytes.scale[row] * (double)query->scale;
    const double margin = (double)c->bytes.rest[row] * (double)query->norm +
                          (double)c->bytes.norm[row] * (double)query->rest +
                          (double)query->slack;
    const double bias = (double)c->bias[row];
    const double most = 4.5 * EPS * (fabs(product) + fabs(bias) + margin);
    CHECK_NEAR(product + bias + margin, upper, most);
    CHECK_NEAR(product + bias - margin, lower, most);
}

/* With and without lower bounds. Nothing is written behind the last lane. */
static void check_case(const bytes_case *c, size_t first, size_t n)
{
    const size_t all = c->n_lanes * n;
    g4r_real *upper = array(all + 1), *lower = array(all + 1), *alone = array(all + 1);
    vec->bytes.bound(upper, lower, &c->bytes, c->bias, c->queries, c->n_lanes, first, n);
    vec->bytes.bound(alone, NULL, &c->bytes, c->bias, c->queries, c->n_lanes, first, n);
    for (size_t lane = 0; lane < c->n_lanes; lane++)
        for (size_t i = 0; i < n; i++)
            check_row(c, first + i, lane, upper[lane * n + i], lower[lane * n + i]);
    CHECK(memcmp(upper, alone, all * sizeof *upper) == 0);
    CHECK_NEAR(-12345, upper[all], 0);
    CHECK_NEAR(-12345, lower[all], 0);
    CHECK_NEAR(-12345, alone[all], 0);
    for (int i = 0; i < 3; i++)
        free(blocks[--n_blocks]);
}

static void bounds_of_all_rows(void)
{
    static const size_t counts[] = {0, 1, 2, 31, 32, 33, 64, 67};
    static const size_t widths[] = {4, 8, 28, 64, 80, 100, 304, 1008};
    for (size_t s = 0; s < sizeof widths / sizeof *widths; s++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
            for (int kind = 0; kind < N_VALUES; kind++)
                for (size_t n_lanes = 1; n_lanes <= LANES; n_lanes += LANES - 1) {
                    bytes_case bytes =
                        make_case(counts[c], widths[s], n_lanes, (values)kind);
                    check_case(&bytes, 0, counts[c]);
                    drop_case(&bytes);
                }
}

/* From any block on, to the last row and less far. */
static void bounds_of_a_part(void)
{
    for (size_t d = 4; d <= 64; d += 20)
        for (size_t n_lanes = 1; n_lanes <= LANES; n_lanes += LANES - 1) {
            bytes_case bytes = make_case(MOST_ROWS, d, n_lanes, RANDOM);
            for (size_t first = 0; first <= MOST_ROWS; first += G4R_BYTES_ROWS)
                for (size_t n = 0; n <= MOST_ROWS - first; n += 1 + n / 7)
                    check_case(&bytes, first, n);
            drop_case(&bytes);
        }
}

/*
 * The integers themselves: with scales of one and nothing else, a bound is the product,
 * rounded once. So it has the same bits in every table.
 */
static void products_are_exact(void)
{
    static const size_t widths[] = {4, 12, 100, 224, 4208, 65536};
    for (size_t s = 0; s < sizeof widths / sizeof *widths; s++)
        for (int kind = 0; kind < N_VALUES; kind++)
            for (size_t n_lanes = 1; n_lanes <= LANES; n_lanes += LANES - 1) {
                enum { ROWS = 37 };
                bytes_case c = make_case(ROWS, widths[s], n_lanes, (values)kind);
                g4r_real upper[LANES * ROWS];
                size_t n_wrong = 0;
                for (size_t i = 0; i < ROWS; i++) {
                    c.bytes.scale[i] = 1;
                    c.bytes.rest[i] = c.bytes.norm[i] = c.bias[i] = 0;
                }
                for (size_t lane = 0; lane < n_lanes; lane++) {
                    c.queries[lane].scale = 1;
                    c.queries[lane].slack = 0;
                }
                vec->bytes.bound(upper, NULL, &c.bytes, c.bias, c.queries, n_lanes, 0,
                                 ROWS);
                for (size_t lane = 0; lane < n_lanes; lane++)
                    for (size_t i = 0; i < ROWS; i++)
                        n_wrong +=
                            upper[lane * ROWS + i] != (g4r_real)product_of(&c, i, lane);
                if (!CHECK_INT(0, n_wrong))
                    printf("  width %zu, %zu lanes\n", widths[s], n_lanes);
                drop_case(&c);
            }
}

/* ---- make ---- */

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
    vec->bytes.make(q, &row, w, d);
    vec->bytes.make(tight, &again, w, d);
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

static void make_of_all_widths(void)
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
static void make_where_one_is_largest(void)
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
                vec->bytes.make(q, &row, w, d);
                CHECK_INT(128 + 127 * sign, q[k]);
                w[k] = (g4r_real)(sign * 1000);
                check_bytes(w, d);
                w[k] = before;
            }
        }
    }
}

/* Rows of zeros, of values too small to square, and on both sides of where that begins. */
static void make_of_nothing(void)
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
static void make_of_huge_values(void)
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
static void make_of_halves(void)
{
    for (size_t d = 1; d <= SMALL_WIDTHS; d++, drop_arrays()) {
        g4r_real *w = array(d);
        for (size_t k = 0; k < d; k++)
            w[k] = (g4r_real)(k == 0 ? 127 : (k % 2 ? 1 : -1) * (double)k + 0.5);
        check_bytes(w, d);
    }
}

int main(void)
{
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++) {
        printf("table %s\n", vec->name);
        g4r_rng_seed(&rng, 43, 1, 0);
        RUN(bounds_of_all_rows);
        RUN(bounds_of_a_part);
        RUN(products_are_exact);
        RUN(make_of_all_widths);
        RUN(make_where_one_is_largest);
        RUN(make_of_nothing);
        RUN(make_of_huge_values);
        RUN(make_of_halves);
    }
    return test_end();
}

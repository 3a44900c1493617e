/*
 * bfloat16_twin.h - plain twins of the kernels in bfloat16, for each order of sums, and
 * values for which they may differ: denormals, signed zeros, huge ones, infinity, NaN.
 */
#ifndef BFLOAT16_TWIN_H
#define BFLOAT16_TWIN_H

#include "test.h"

#include "../../src/base/rng.h"
#include "../../src/kernels/bfloat16.h"

#include <float.h>
#include <stdlib.h>

/* How a body adds up. */
typedef enum twin_order {
    TWIN_PAIRS,
    TWIN_PAIRS_ROUNDED, /* the products are rounded to float first */
    TWIN_PAIRS_FLUSHED,
    TWIN_TILES
} twin_order;

static inline uint32_t twin_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float twin_float(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* A value as it is packed, by arithmetic alone: no bit is shifted. */
static inline float twin_round(float x)
{
    if (isnan(x) || isinf(x) || x == 0)
        return x;
    if (fabsf(x) < FLT_MIN)
        return copysignf(0, x);
    int exponent;
    const double mantissa = frexp((double)x, &exponent); /* 8 bits stay */
    return (float)ldexp(nearbyint(mantissa * 256), exponent - 8);
}

/*
 * Rounds what was computed in double to float, and with flushes a result below FLT_MIN to
 * zero; below means after it was rounded to 24 bits. The product of two bfloat16 has 16
 * bits, so no sum is rounded twice in a way that matters.
 */
static inline float twin_sum(double exact, bool flushes)
{
    const double up = 0x1p60;
    if (flushes && fabsf((float)(exact * up)) < (float)(FLT_MIN * up))
        return (float)copysign(0, exact);
    return (float)exact;
}

/* C of one row (k) and one column (k), packed values, that begins with c. */
static inline float twin_pairs(twin_order order, float c, const float *row,
                               const float *column, size_t k)
{
    const bool flushes = order == TWIN_PAIRS_FLUSHED;
    float sum = twin_sum((double)c, flushes);
    for (size_t pair = 0; pair < k; pair += 2)
        for (size_t i = pair + 2; i-- > pair;) {
            double product = i < k ? (double)row[i] * (double)column[i] : 0;
            if (order == TWIN_PAIRS_ROUNDED)
                product = (double)(float)product;
            sum = twin_sum((double)sum + product, flushes);
        }
    return sum;
}

static inline float twin_tiles(float c, const float *row, const float *column, size_t k)
{
    float sum = twin_sum((double)c, true);
    for (size_t from = 0; from < k; from += 32) {
        float chains[2] = {0, 0};
        for (size_t i = from; i < from + 32; i++) {
            const double product = i < k ? (double)row[i] * (double)column[i] : 0;
            chains[i % 2] = twin_sum((double)chains[i % 2] + product, true);
        }
        const float both = twin_sum((double)chains[0] + (double)chains[1], true);
        sum = twin_sum((double)sum + (double)both, true);
    }
    return sum;
}

static inline float twin_value(twin_order order, float c, const float *row,
                               const float *column, size_t k)
{
    return order == TWIN_TILES ? twin_tiles(c, row, column, k)
                               : twin_pairs(order, c, row, column, k);
}

/* The order of the body with this name. On x86-64 base has no fused multiply-add. */
static inline twin_order twin_order_of(const char *name)
{
    if (strcmp(name, "amx") == 0)
        return TWIN_TILES;
    if (strcmp(name, "avx512bf16") == 0)
        return TWIN_PAIRS_FLUSHED;
#if defined(__x86_64__)
    return strcmp(name, "base") == 0 ? TWIN_PAIRS_ROUNDED : TWIN_PAIRS;
#else
    return TWIN_PAIRS;
#endif
}

/* Equal to the bit; a NaN is equal to every NaN. */
static inline bool twin_is_same(float a, float b)
{
    return twin_bits(a) == twin_bits(b) || (isnan(a) && isnan(b));
}

/* ---- values ---- */

/*
 * What is in a matrix beside random values of the size of 1: nothing; denormals and
 * values whose products are; zeros of both signs; values whose products overflow, and
 * infinity; and NaN.
 */
typedef enum twin_kind {
    TWIN_USUAL,
    TWIN_SMALL,
    TWIN_ZEROS,
    TWIN_HUGE,
    TWIN_NAN,
    TWIN_N_KINDS
} twin_kind;

static inline float twin_random(g4r_rng *rng, twin_kind kind)
{
    const uint64_t bits = g4r_rng_next(rng);
    const float usual = (float)((double)(bits >> 32) * 0x1p-31 - 1);
    const float sign = (bits & 1) != 0 ? -1.0f : 1.0f;
    const unsigned choice = (unsigned)(bits >> 1) % 8;
    switch (kind) {
    case TWIN_SMALL:
        return choice < 2   ? twin_float((uint32_t)(bits >> 40) & 0x807fffff)
               : choice < 5 ? usual * 0x1p-63f
               : choice < 7 ? usual * 0x1p-120f
                            : usual;
    case TWIN_ZEROS:
        return choice < 6 ? copysignf(0, sign) : usual;
    case TWIN_HUGE:
        return choice < 3   ? usual * 0x1p64f
               : choice < 4 ? sign * FLT_MAX
               : choice < 5 ? sign * INFINITY
                            : usual;
    case TWIN_NAN:
        return choice < 1 ? sign * NAN : usual;
    default:
        return usual;
    }
}

/* A matrix of random values, of which one in eight rows has others, by kind. */
static inline float *twin_matrix(g4r_rng *rng, size_t rows, size_t cols, twin_kind kind)
{
    float *matrix = malloc((rows * cols + 1) * sizeof *matrix);
    for (size_t i = 0; i < rows; i++) {
        const bool is_odd =
            kind == TWIN_SMALL || kind == TWIN_ZEROS || g4r_rng_next(rng) % 4 == 0;
        for (size_t j = 0; j < cols; j++)
            matrix[i * cols + j] = twin_random(rng, is_odd ? kind : TWIN_USUAL);
    }
    return matrix;
}

/* ---- products ---- */

/*
 * Computes a random product by a body, and compares each value of C with that of the
 * twin; what is beside C must stay. The first cut values of k are a part of their own.
 */
static inline void twin_check(const g4r_bfloat16 *body, twin_order order, g4r_rng *rng,
                              size_t m, size_t n, size_t k, size_t cut, bool adds,
                              twin_kind kind)
{
    const size_t ldc = n + 3, stride = g4r_bfloat16_stride(k);
    float *a = twin_matrix(rng, m, k, kind), *b = twin_matrix(rng, n, k, kind);
    float *c = twin_matrix(rng, m, ldc, kind), *before = malloc(m * ldc * sizeof *c);
    uint16_t *left = calloc(g4r_bfloat16_left(m, k) + 1, sizeof *left);
    uint16_t *right = calloc(g4r_bfloat16_right(k, n) + 1, sizeof *right);
    memcpy(before, c, m * ldc * sizeof *c);
    body->pack_right_turned(right, stride, &(g4r_bfloat16_source){b, k, NULL}, k, n);
    body->pack_left(left, &(g4r_bfloat16_source){a, k, NULL}, m, cut);
    body->multiply(c, ldc, left, right, stride, m, n, cut, adds);
    if (cut < k) {
        body->pack_left(left, &(g4r_bfloat16_source){a + cut, k, NULL}, m, k - cut);
        body->multiply(c, ldc, left, right + cut * G4R_BFLOAT16_PANEL, stride, m, n,
                       k - cut, true);
    }
    for (size_t i = 0; i < m * k; i++)
        a[i] = twin_round(a[i]);
    for (size_t i = 0; i < n * k; i++)
        b[i] = twin_round(b[i]);
    size_t n_wrong = 0;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < ldc; j++) {
            const float old = before[i * ldc + j];
            const float wanted =
                j < n ? twin_value(order, adds ? old : 0, a + i * k, b + j * k, k) : old;
            if (!twin_is_same(wanted, c[i * ldc + j]) && n_wrong++ == 0)
                printf("  %s, %zu x %zu x %zu of kind %d: [%zu,%zu] is %a, not %a\n",
                       body->name, m, n, k, kind, i, j, (double)c[i * ldc + j],
                       (double)wanted);
        }
    CHECK_INT(0, n_wrong);
    free(a);
    free(b);
    free(c);
    free(before);
    free(left);
    free(right);
}

/* Products of all sizes at which something ends, of all kinds of values. */
static inline void twin_check_sizes(const g4r_bfloat16 *body, twin_order order)
{
    static const size_t rows[] = {1, 3, 4, 5, 8, 9, 15, 16, 17, 32, 33, 41};
    static const size_t columns[] = {1, 2, 15, 16, 17, 32, 33, 48, 49, 64, 65, 100};
    static const size_t depths[] = {1, 2, 3, 31, 32, 33, 64, 65, 100};
    enum { N = 12, N_DEPTHS = 9 };
    g4r_rng rng;
    g4r_rng_seed(&rng, 23, 1, 0);
    for (size_t i = 0; i < N * N * N_DEPTHS; i++) {
        const size_t k = depths[i % N_DEPTHS], m = rows[i / N_DEPTHS % N];
        const twin_kind kind = (twin_kind)(g4r_rng_next(&rng) % TWIN_N_KINDS);
        const size_t cut = g4r_rng_next(&rng) % 3 == 0 ? k / 2 / 32 * 32 : 0;
        twin_check(body, order, &rng, m, columns[i / N_DEPTHS / N], k, cut > 0 ? cut : k,
                   g4r_rng_next(&rng) % 2 == 0, kind);
    }
}

#endif

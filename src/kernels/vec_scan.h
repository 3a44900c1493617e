/*
 * vec_scan.h - the kernels that read the whole table of items to serve one session. It is
 * part of vec_kernels.c.
 *
 * The score of an item, with w its row, b its bias and x the vector of the session:
 *   score = w.x + b
 * A row becomes bytes (q), a vector becomes integers (p):
 *   w = s q + what is lost of w, s = max |w| / 127, q = round(w / s), from -127 to 127
 *   x = s' p + what is lost of x, p integers from -64 to 64
 * q is stored plus 128. rest is the norm of what is lost of w, norm the norm of s q;
 * rest' is the norm of what is lost of x, norm' the norm of x. No score is greater than
 * its upper bound:
 *   upper = s s' q.p + b + rest norm' + norm rest' + slack
 * bytes.h says why, and how rest and slack also cover the roundings.
 *
 * The kernels read a table from its begin to its end, because processors prefetch in this
 * order. The products of four rows are summed up together. The score of a row has the
 * same bits wherever the row stands among the rows that are asked for.
 */
#ifndef G4R_VEC_SCAN_H
#define G4R_VEC_SCAN_H

#include "vec.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

enum { SCAN_ROWS = 4 };

/* Eight, and four, values that are computed with at once. */
typedef g4r_real scan8 __attribute__((vector_size(8 * sizeof(g4r_real))));
typedef g4r_real scan4 __attribute__((vector_size(4 * sizeof(g4r_real))));

/*
 * scan_bits: the bits of eight values, as integers. SCAN_ROUND: adding it to a value and
 * subtracting it again rounds the value to the nearest integer.
 */
#if defined(GRU4REC_DOUBLE)
typedef int64_t scan_bits __attribute__((vector_size(64)));
#define SCAN_ROUND 0x1.8p52
#else
typedef int32_t scan_bits __attribute__((vector_size(32)));
#define SCAN_ROUND 0x1.8p23f
#endif

/*
 * SHUFFLE returns four values: numbers i, j, k and l of the eight values in a and b. 0 to
 * 3 are those of a, 4 to 7 those of b.
 */
#if defined(__clang__)
#define SHUFFLE(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#elif defined(GRU4REC_DOUBLE)
typedef int64_t scan_mask __attribute__((vector_size(32)));
#define SHUFFLE(a, b, i, j, k, l) __builtin_shuffle(a, b, (scan_mask){i, j, k, l})
#else
typedef int32_t scan_mask __attribute__((vector_size(16)));
#define SHUFFLE(a, b, i, j, k, l) __builtin_shuffle(a, b, (scan_mask){i, j, k, l})
#endif

/*
 * Returns the eight values from address x on, which need not be aligned; load4() returns
 * four.
 */
static inline scan8 load8(const g4r_real *x)
{
    scan8 v;
    memcpy(&v, x, sizeof v);
    return v;
}

static inline scan4 load4(const g4r_real *x)
{
    scan4 v;
    memcpy(&v, x, sizeof v);
    return v;
}

/*
 * Returns four values: value j is value j of the lower half of v plus value j of its
 * upper half.
 */
static inline scan4 fold(scan8 v)
{
    scan4 half[2];
    memcpy(half, &v, sizeof v);
    return half[0] + half[1];
}

/* Returns four values: value j is the sum of the four values of the vector v[j]. */
static inline scan4 sums(const scan4 v[SCAN_ROWS])
{
    scan4 ab = SHUFFLE(v[0], v[1], 0, 4, 1, 5) + SHUFFLE(v[0], v[1], 2, 6, 3, 7);
    scan4 cd = SHUFFLE(v[2], v[3], 0, 4, 1, 5) + SHUFFLE(v[2], v[3], 2, 6, 3, 7);
    return SHUFFLE(ab, cd, 0, 1, 4, 5) + SHUFFLE(ab, cd, 2, 3, 6, 7);
}

/*
 * Returns four partial sums, whose sum is the dot product of a row (d) with x (d). The
 * last d % 4 values are left out: the caller adds them.
 */
static inline scan4 dot_row(const g4r_real *row, const g4r_real *x, size_t d)
{
    scan8 even = {0}, odd = {0};
    size_t k = 0;
    for (; k + 16 <= d; k += 16) {
        even += load8(row + k) * load8(x + k);
        odd += load8(row + k + 8) * load8(x + k + 8);
    }
    if (k + 8 <= d) {
        even += load8(row + k) * load8(x + k);
        k += 8;
    }
    const scan4 sum = fold(even + odd);
    return k + 4 <= d ? sum + load4(row + k) * load4(x + k) : sum;
}

/*
 * Returns four values: the dot products of four rows (d) with x (d). The rows are read
 * one after the other.
 */
static inline scan4 dot_rows(const g4r_real *const row[SCAN_ROWS], const g4r_real *x,
                             size_t d)
{
    scan4 part[SCAN_ROWS];
    for (int j = 0; j < SCAN_ROWS; j++)
        part[j] = dot_row(row[j], x, d);
    scan4 sum = sums(part);
    for (size_t k = d - d % 4; k < d; k++)
        sum += (scan4){row[0][k], row[1][k], row[2][k], row[3][k]} * x[k];
    return sum;
}

/*
 * Writes into sum the dot products of n rows, one to four, with x (d). If there are fewer
 * than four rows, the first row takes the place of the missing ones, and their values in
 * sum mean nothing.
 */
static inline void score_few(g4r_real sum[SCAN_ROWS], const g4r_real *const *row,
                             const g4r_real *x, size_t n, size_t d)
{
    const g4r_real *four[SCAN_ROWS];
    for (size_t i = 0; i < SCAN_ROWS; i++)
        four[i] = row[i < n ? i : 0];
    scan4 v = dot_rows(four, x, d);
    memcpy(sum, &v, sizeof v);
}

/*
 * Writes into out the scores of the first rows of a table, four rows at a time, until
 * fewer than four of the n rows are left. Returns how many rows it scored. bias may be
 * NULL.
 */
static inline size_t score_table(g4r_real *out, const g4r_real *table,
                                 const g4r_real *bias, const g4r_real *x, size_t n,
                                 size_t d)
{
    size_t i = 0;
    for (; i + SCAN_ROWS <= n; i += SCAN_ROWS, table += SCAN_ROWS * d) {
        const g4r_real *row[SCAN_ROWS] = {table, table + d, table + 2 * d, table + 3 * d};
        scan4 sum = dot_rows(row, x, d);
        if (bias != NULL)
            sum += load4(bias + i);
        memcpy(out + i, &sum, sizeof sum);
    }
    return i;
}

/*
 * Writes into out (n) the scores of the rows of the table whose numbers are in rows (n),
 * or of the first n rows if rows is NULL. bias has the biases of the whole table, or is
 * NULL. The rows that come next in rows are prefetched; the processor prefetches a whole
 * table by itself.
 */
static void score(g4r_real *out, const g4r_real *table, const g4r_real *bias,
                  const int32_t *rows, const g4r_real *x, size_t n, size_t d)
{
    size_t i = rows == NULL ? score_table(out, table, bias, x, n, d) : 0;
    for (; i < n; i += SCAN_ROWS) {
        const size_t few = G4R_MIN(SCAN_ROWS, n - i);
        const g4r_real *row[SCAN_ROWS];
        g4r_real sum[SCAN_ROWS];
        for (size_t j = 0; j < few; j++)
            row[j] = table + (rows != NULL ? (size_t)rows[i + j] : i + j) * d;
        for (size_t j = 0; rows != NULL && j < few && i + SCAN_ROWS + j < n; j++)
            g4r_prefetch(table + (size_t)rows[i + SCAN_ROWS + j] * d, d);
        score_few(sum, row, x, few, d);
        for (size_t j = 0; bias != NULL && j < few; j++)
            sum[j] += bias[rows != NULL ? (size_t)rows[i + j] : i + j];
        memcpy(out + i, sum, few * sizeof *out);
    }
}

/*
 * Returns a number of eight bits, one for each of eight results of a comparison: bit i is
 * 1 if result i is all ones (true), 0 if it is zero.
 */
static inline unsigned mask_of(scan_bits v)
{
#if defined(__AVX2__) && !defined(GRU4REC_DOUBLE)
    return (unsigned)_mm256_movemask_ps((__m256)v);
#else
    unsigned bits = 0;
    for (int i = 0; i < 8; i++)
        bits |= (unsigned)(v[i] != 0) << i;
    return bits;
#endif
}

/*
 * Returns the first index, from start on, of a score that is threshold or more; n if
 * there is none. Tests 32 scores at a time, then 8, then one.
 */
static size_t find(const g4r_real *restrict scores, size_t start, g4r_real threshold,
                   size_t n)
{
    size_t i = start;
    for (; i + 32 <= n; i += 32) {
        const g4r_real *at = scores + i;
        if (mask_of((load8(at) >= threshold) | (load8(at + 8) >= threshold) |
                    (load8(at + 16) >= threshold) | (load8(at + 24) >= threshold)))
            break;
    }
    for (; i + 8 <= n; i += 8) {
        const unsigned bits = mask_of(load8(scores + i) >= threshold);
        if (bits)
            return i + (size_t)__builtin_ctz(bits);
    }
    while (i < n && !(scores[i] >= threshold))
        i++;
    return i;
}

/*
 * Sets *n_greater to the number of scores (n) above threshold, and *n_equal to the number
 * of those equal to it. Counts in blocks of 4096 scores with 32-bit counters, so that
 * they cannot overflow, and so that compilers can vectorise the loop.
 */
static void count(const g4r_real *restrict scores, g4r_real threshold, size_t n,
                  size_t *n_greater, size_t *n_equal)
{
    enum { BLOCK = 4096 };
    *n_greater = 0;
    *n_equal = 0;
    for (size_t start = 0; start < n; start += BLOCK) {
        size_t end = G4R_MIN(start + BLOCK, n);
        int32_t greater = 0, equal = 0;
        for (size_t i = start; i < end; i++) {
            greater += scores[i] > threshold;
            equal += scores[i] == threshold;
        }
        *n_greater += (size_t)greater;
        *n_equal += (size_t)equal;
    }
}

/*
 * Writes first + i into within for each bit i of bits that is 1, ascending. Returns how
 * many numbers it wrote.
 */
static inline size_t add_bits(int32_t *within, size_t first, unsigned bits)
{
    size_t n = 0;
    for (; bits != 0; bits &= bits - 1)
        within[n++] = (int32_t)(first + (size_t)__builtin_ctz(bits));
    return n;
}

/*
 * Writes the indexes of the scores (n) from low to high into within, ascending, and
 * returns their number. Sets *n_above to the number of scores above high. Tests 32 scores
 * at a time, and looks at them one by one only if one of them is from low to high.
 */
static size_t split(int32_t *restrict within, const g4r_real *restrict scores,
                    g4r_real low, g4r_real high, size_t n, size_t *n_above)
{
    enum { PARTS = 4 };
    scan_bits above = {0};
    size_t i = 0, n_within = 0;
    for (; i + 8 * PARTS <= n; i += 8 * PARTS) {
        scan_bits part[PARTS], any = {0};
        for (int j = 0; j < PARTS; j++) {
            const scan8 v = load8(scores + i + 8 * (size_t)j);
            const scan_bits is_above = v > high;
            above -= is_above;
            part[j] = (v >= low) & ~is_above;
            any |= part[j];
        }
        if (mask_of(any) == 0)
            continue;
        for (size_t j = 0; j < PARTS; j++)
            n_within += add_bits(within + n_within, i + 8 * j, mask_of(part[j]));
    }
    *n_above = 0;
    for (int j = 0; j < 8; j++)
        *n_above += (size_t)above[j];
    for (; i < n; i++) {
        *n_above += scores[i] > high;
        if (scores[i] >= low && !(scores[i] > high))
            within[n_within++] = (int32_t)i;
    }
    return n_within;
}

/* ---- eight bits ---- */

/*
 * ADD_FOUR(sum, bytes, x) returns sum, 32-bit integers, each with four products of bytes
 * added. It uses the instruction for that, or, where there is none, adds pairs of
 * products in 16 bits. The pairs do not overflow (see G4R_LARGEST_QUERY), so both ways
 * give the same integers. SPREAD_FOUR makes a vector of one 32-bit integer, repeated.
 */
#if defined(__AVX512VNNI__)
typedef __m512i scan_bytes;
#define SPREAD_FOUR(four) _mm512_set1_epi32(four)
#define ADD_FOUR(sum, bytes, x) _mm512_dpbusd_epi32(sum, bytes, x)
#elif defined(__AVXVNNI__)
typedef __m256i scan_bytes;
#define SPREAD_FOUR(four) _mm256_set1_epi32(four)
#define ADD_FOUR(sum, bytes, x) _mm256_dpbusd_avx_epi32(sum, bytes, x)
#elif defined(__AVX2__)
typedef __m256i scan_bytes;
#define SPREAD_FOUR(four) _mm256_set1_epi32(four)
#define ADD_FOUR(sum, bytes, x)                                             \
    _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(bytes, x), \
                                            _mm256_set1_epi16(1)))
#endif

/*
 * Writes into sum (G4R_BYTES_ROWS) the product q.p of each row of a block with the
 * integers of the query. d is the width of a row. The 128 that is added to each byte is
 * taken off again: each sum starts at -offset of the query.
 */
static inline void dot_bytes(int32_t *restrict sum, const uint8_t *restrict block,
                             const g4r_bytes_query *query, size_t d)
{
#if defined(__AVX2__)
    enum { PARTS = G4R_BYTES_ROWS * 4 / sizeof(scan_bytes) };
    scan_bytes part[PARTS], bytes;
    for (int j = 0; j < PARTS; j++)
        part[j] = SPREAD_FOUR(-query->offset);
    for (size_t k = 0; k < d; k += 4) {
        int32_t four;
        memcpy(&four, query->x + k, sizeof four);
        const scan_bytes x = SPREAD_FOUR(four);
        for (int j = 0; j < PARTS; j++, block += sizeof bytes) {
            memcpy(&bytes, block, sizeof bytes);
            part[j] = ADD_FOUR(part[j], bytes, x);
        }
    }
    memcpy(sum, part, sizeof part);
#else
    for (int j = 0; j < G4R_BYTES_ROWS; j++)
        sum[j] = -query->offset;
    for (size_t k = 0; k < d; k += 4, block += 4 * G4R_BYTES_ROWS)
        for (int j = 0; j < G4R_BYTES_ROWS; j++)
            for (int i = 0; i < 4; i++)
                sum[j] += block[4 * j + i] * query->x[k + (size_t)i];
#endif
}

/* Returns the eight values of v without their signs. */
static inline scan8 absolute(scan8 v)
{
    return (scan8)((scan_bits)v & ~(scan_bits)(-(scan8){0}));
}

/*
 * Returns eight values, each the larger one of the two values at its place in a and b.
 * The values must not be negative: then their bits, read as integers, have the same
 * order.
 */
static inline scan8 larger(scan8 a, scan8 b)
{
    const scan_bits is_a = (scan_bits)a > (scan_bits)b;
    return (scan8)(((scan_bits)a & is_a) | ((scan_bits)b & ~is_a));
}

/* Returns the sum of the eight values of v. The last additions are in double. */
static inline double total(scan8 v)
{
    const scan4 part = fold(v);
    return (double)part[0] + (double)part[1] + (double)part[2] + (double)part[3];
}

/*
 * Writes the eight values of whole, integers from -127 to 127, into q as bytes, each plus
 * 128.
 */
static inline void store_bytes(uint8_t *q, scan8 whole)
{
#if defined(__AVX2__) && !defined(GRU4REC_DOUBLE)
    __m256i words = _mm256_cvtps_epi32((__m256)whole);
    __m128i halves = _mm_packs_epi32(_mm256_castsi256_si128(words),
                                     _mm256_extracti128_si256(words, 1));
    _mm_storel_epi64((__m128i *)(void *)q,
                     _mm_xor_si128(_mm_packs_epi16(halves, halves), _mm_set1_epi8(-128)));
#else
    for (int i = 0; i < 8; i++)
        q[i] = (uint8_t)(whole[i] + 128);
#endif
}

/*
 * Writes eight values v of a row into q as bytes: v x inverse (1 / scale), rounded, plus
 * 128. Adds the squares of what is lost to *rest, and the squares of the integers to
 * *norm.
 */
static inline void make_bytes(uint8_t *q, scan8 v, g4r_real scale, g4r_real inverse,
                              scan8 *rest, scan8 *norm)
{
    const scan8 whole = v * inverse + SCAN_ROUND - SCAN_ROUND;
    const scan8 r = v - scale * whole;
    store_bytes(q, whole);
    *rest += r * r;
    *norm += whole * whole;
}

/*
 * Changes a row w (d) into bytes: writes q (d), and sets scale (s) of *row, and the
 * squares of its rest and norm. If no value of the row is above 1e-12 in size, all
 * integers, the scale and the norm are 0, and rest is an upper bound.
 */
static void to_bytes(uint8_t *restrict q, g4r_bytes_row *row, const g4r_real *restrict w,
                     size_t d)
{
    const size_t n = d - d % 8;
    scan8 last = {0}, largest, rest = {0}, norm = {0};
    uint8_t bytes[8];
    memcpy(&last, w + n, (d - n) * sizeof *w);
    largest = absolute(last);
    for (size_t k = 0; k < n; k += 8)
        largest = larger(absolute(load8(w + k)), largest);
    g4r_real most = 0;
    for (int i = 0; i < 8; i++)
        most = G4R_MAX(most, largest[i]);
    const bool is_lost = most <= (g4r_real)1e-12;
    const g4r_real scale = is_lost ? 0 : most / G4R_LARGEST_BYTE;
    const g4r_real inverse = is_lost ? 0 : G4R_LARGEST_BYTE / most;
    for (size_t k = 0; k < n; k += 8)
        make_bytes(q + k, load8(w + k), scale, inverse, &rest, &norm);
    make_bytes(bytes, last, scale, inverse, &rest, &norm);
    memcpy(q + n, bytes, d - n);
    row->scale = scale;
    row->rest = is_lost ? (double)d * (double)most * (double)most : total(rest);
    row->norm = (double)scale * (double)scale * total(norm);
}

/*
 * Writes into upper (n) the upper bounds of the scores of n rows, at most a block, from
 * row first on. sum has the products q.p of these rows with the query.
 */
static inline void bound(g4r_real *restrict upper, const int32_t *restrict sum,
                         const g4r_bytes *bytes, const g4r_real *restrict bias,
                         const g4r_bytes_query *query, size_t first, size_t n)
{
    const g4r_real *scale = bytes->scale + first;
    const g4r_real *rest = bytes->rest + first, *norm = bytes->norm + first;
    for (size_t j = 0; j < n; j++)
        upper[j] = (g4r_real)sum[j] * (scale[j] * query->scale) + bias[first + j] +
                   (rest[j] * query->norm + (norm[j] * query->rest + query->slack));
}

/*
 * Writes into upper (n) the upper bounds of the scores of n rows, from row first on,
 * where a block must begin. Goes from block to block; the last one may be needed only in
 * part.
 */
static void upper_bounds(g4r_real *restrict upper, const g4r_bytes *bytes,
                         const g4r_real *restrict bias, const g4r_bytes_query *query,
                         size_t first, size_t n)
{
    const uint8_t *block = bytes->values + first * bytes->d;
    const size_t whole = n - n % G4R_BYTES_ROWS;
    int32_t sum[G4R_BYTES_ROWS];
    for (size_t i = 0; i < whole; i += G4R_BYTES_ROWS) {
        dot_bytes(sum, block + i * bytes->d, query, bytes->d);
        bound(upper + i, sum, bytes, bias, query, first + i, G4R_BYTES_ROWS);
    }
    if (whole < n) {
        dot_bytes(sum, block + whole * bytes->d, query, bytes->d);
        bound(upper + whole, sum, bytes, bias, query, first + whole, n - whole);
    }
}

#endif

/*
 * vec_scan.h - the kernels that read the whole table of items to serve one session. It is
 * part of vec_kernels.c.
 *
 * The score of an item, with w its row, b its bias and x the vector of the session:
 *   score = w.x + b
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

/*
 * Eight, and four, values that are computed with at once. Functions take eight by
 * address: the registers of some instruction sets do not hold so many.
 */
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
 * Returns four values: value j is value j of the lower half of *v plus value j of its
 * upper half.
 */
static inline scan4 fold(const scan8 *v)
{
    scan4 half[2];
    memcpy(half, v, sizeof *v);
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
    const scan8 both = even + odd;
    const scan4 sum = fold(&both);
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
static inline unsigned mask_of(const scan_bits *v)
{
#if defined(__AVX2__) && !defined(GRU4REC_DOUBLE)
    return (unsigned)_mm256_movemask_ps((__m256)*v);
#else
    unsigned bits = 0;
    for (int i = 0; i < 8; i++)
        bits |= (unsigned)((*v)[i] != 0) << i;
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
        const scan_bits any = (load8(at) >= threshold) | (load8(at + 8) >= threshold) |
                              (load8(at + 16) >= threshold) |
                              (load8(at + 24) >= threshold);
        if (mask_of(&any))
            break;
    }
    for (; i + 8 <= n; i += 8) {
        const scan_bits is_above = load8(scores + i) >= threshold;
        const unsigned bits = mask_of(&is_above);
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
 * Does the work of split() for as many values as it can, from the first on, and returns
 * how many these are. Sets *n_within and *n_above to what it found.
 */
#if defined(__AVX512F__) && !defined(GRU4REC_DOUBLE)
static inline size_t split_most(int32_t *restrict within, const g4r_real *upper,
                                const g4r_real *lower, g4r_real low, g4r_real high,
                                size_t n, size_t *n_within, size_t *n_above)
{
    const __m512 lows = _mm512_set1_ps(low), highs = _mm512_set1_ps(high);
    const __m512i sixteen = _mm512_set1_epi32(16);
    __m512i places =
        _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    size_t i = 0, above = 0;
    for (; i + 16 <= n; i += 16, places = _mm512_add_epi32(places, sixteen)) {
        const __m512 least = _mm512_loadu_ps(lower + i);
        const __mmask16 is_least = _mm512_cmp_ps_mask(least, highs, _CMP_LE_OQ);
        const __mmask16 is_within =
            _mm512_mask_cmp_ps_mask(is_least, _mm512_loadu_ps(upper + i), lows,
                                    _CMP_GE_OQ);
        above += (size_t)__builtin_popcount(_mm512_cmp_ps_mask(least, highs, _CMP_GT_OQ));
        if (is_within == 0)
            continue;
        const unsigned found = (unsigned)__builtin_popcount(is_within);
        _mm512_mask_storeu_epi32(within + *n_within, (__mmask16)((1u << found) - 1),
                                 _mm512_maskz_compress_epi32(is_within, places));
        *n_within += found;
    }
    *n_above = above;
    return i;
}
#else
static inline size_t split_most(int32_t *restrict within, const g4r_real *upper,
                                const g4r_real *lower, g4r_real low, g4r_real high,
                                size_t n, size_t *n_within, size_t *n_above)
{
    enum { PARTS = 4 };
    scan_bits above = {0};
    size_t i = 0;
    for (; i + 8 * PARTS <= n; i += 8 * PARTS) {
        scan_bits part[PARTS], any = {0};
        for (int j = 0; j < PARTS; j++) {
            const size_t at = i + 8 * (size_t)j;
            const scan8 least = load8(lower + at);
            above -= least > high;
            part[j] = (load8(upper + at) >= low) & (least <= high);
            any |= part[j];
        }
        if (mask_of(&any) == 0)
            continue;
        for (size_t j = 0; j < PARTS; j++)
            *n_within += add_bits(within + *n_within, i + 8 * j, mask_of(&part[j]));
    }
    for (int j = 0; j < 8; j++)
        *n_above += (size_t)above[j];
    return i;
}
#endif

/*
 * Writes the indexes of the values for which upper is at least low and lower is not above
 * high into within, ascending, and returns their number. Sets *n_above to the number of
 * those with lower above high.
 */
static size_t split(int32_t *restrict within, const g4r_real *upper,
                    const g4r_real *lower, g4r_real low, g4r_real high, size_t n,
                    size_t *n_above)
{
    size_t n_within = 0;
    *n_above = 0;
    for (size_t i = split_most(within, upper, lower, low, high, n, &n_within, n_above);
         i < n; i++) {
        *n_above += lower[i] > high;
        if (upper[i] >= low && lower[i] <= high)
            within[n_within++] = (int32_t)i;
    }
    return n_within;
}

#endif

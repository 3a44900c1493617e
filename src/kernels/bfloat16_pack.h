/*
 * bfloat16_pack.h - the kernels that pack operands. It is part of bfloat16_kernels.c.
 *
 * A pair of values is 32 bits, and 16 of them are a vector. Where the pairs of k already
 * stand beside each other, a matrix of 16 x 16 pairs is transposed; where the two values
 * come from two rows, the rows are interleaved.
 */
#ifndef G4R_BFLOAT16_PACK_H
#define G4R_BFLOAT16_PACK_H

#include "bfloat16.h"

/*
 * What the body may use. With double there is none of special instructions. Only Linux is
 * asked for tile registers (bfloat16.c); elsewhere the body amx is one of pairs, and is
 * not picked.
 */
#if defined(__AVX512BF16__) && !defined(GRU4REC_DOUBLE)
#define HAS_PAIRS 1
#include <immintrin.h>
#endif
#if defined(__AMX_BF16__) && defined(__linux__) && !defined(GRU4REC_DOUBLE)
#define HAS_TILES 1
#endif

enum { PANEL = G4R_BFLOAT16_PANEL, BLOCK = G4R_BFLOAT16_BLOCK };

/* Returns row i of a matrix. */
static inline const g4r_real *row_of(const g4r_bfloat16_source *source, size_t i)
{
    const size_t row = source->rows != NULL ? (size_t)source->rows[i] : i;
    return source->values + row * source->ld;
}

#if defined(HAS_PAIRS)

/* Returns the mask of the first n of 16 values; n may be larger. */
static inline __mmask16 first_of(size_t n)
{
    return (__mmask16)(n < 16 ? (1u << n) - 1 : 0xffffu);
}

/* Rounds the first n of 32 values of a row; the others become 0. n is at least 1. */
static inline __m512i round_row(const float *row, size_t n)
{
    const __m512 low = _mm512_maskz_loadu_ps(first_of(n), row);
    const __m512 high =
        n > 16 ? _mm512_maskz_loadu_ps(first_of(n - 16), row + 16) : _mm512_setzero_ps();
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

/*
 * Rounds the first n of 16 values of two rows, and interleaves them. odd may be NULL, for
 * zeros.
 */
static inline __m512i interleave(const float *even, const float *odd, size_t n)
{
    static const uint16_t order[32]
        __attribute__((aligned(64))) = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                        21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                        11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    const __m512 low = _mm512_maskz_loadu_ps(first_of(n), even);
    const __m512 high =
        odd != NULL ? _mm512_maskz_loadu_ps(first_of(n), odd) : _mm512_setzero_ps();
    return _mm512_permutexvar_epi16(_mm512_load_si512(order),
                                    (__m512i)_mm512_cvtne2ps_pbh(high, low));
}

/* Transposes 16 x 16 pairs. */
static inline __attribute__((always_inline)) void transpose(__m512i r[16])
{
    __m512i half[16];
    for (int i = 0; i < 16; i += 2) {
        half[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        half[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(half[i], half[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(half[i], half[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(half[i + 1], half[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(half[i + 1], half[i + 3]);
    }
    /* r[4 i + c] has in its quarter q the pairs 4 i ... 4 i + 3 of column 4 q + c. */
    for (int c = 0; c < 4; c++) {
        const __m512i even = _mm512_shuffle_i32x4(r[c], r[4 + c], 0x88);
        const __m512i even_high = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0x88);
        const __m512i odd = _mm512_shuffle_i32x4(r[c], r[4 + c], 0xdd);
        const __m512i odd_high = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0xdd);
        half[c] = _mm512_shuffle_i32x4(even, even_high, 0x88);
        half[4 + c] = _mm512_shuffle_i32x4(odd, odd_high, 0x88);
        half[8 + c] = _mm512_shuffle_i32x4(even, even_high, 0xdd);
        half[12 + c] = _mm512_shuffle_i32x4(odd, odd_high, 0xdd);
    }
    for (int i = 0; i < 16; i++)
        r[i] = half[i];
}

static void pack_left(uint16_t *left, const g4r_bfloat16_source *a, size_t m, size_t k)
{
    const size_t width = g4r_bfloat16_width(k);
    for (size_t i = 0; i < m; i++)
        for (size_t at = 0; at < k; at += BLOCK)
            _mm512_storeu_si512(left + i * width + at,
                                round_row(row_of(a, i) + at, k - at));
}

static void pack_left_turned(uint16_t *left, const g4r_bfloat16_source *a, size_t m,
                             size_t k)
{
    const size_t width = g4r_bfloat16_width(k);
    for (size_t at = 0; at < k; at += BLOCK)
        for (size_t i = 0; i < m; i += PANEL) {
            __m512i r[PANEL];
            for (size_t p = 0; p < PANEL; p++) {
                const size_t even = at + 2 * p;
                r[p] =
                    even < k
                        ? interleave(row_of(a, even) + i,
                                     even + 1 < k ? row_of(a, even + 1) + i : NULL, m - i)
                        : _mm512_setzero_si512();
            }
            transpose(r);
            for (size_t c = 0; c < G4R_MIN(PANEL, m - i); c++)
                _mm512_storeu_si512(left + (i + c) * width + at, r[c]);
        }
}

static void pack_right(uint16_t *right, size_t stride, const g4r_bfloat16_source *b,
                       size_t k, size_t n)
{
    for (size_t at = 0; at < g4r_bfloat16_width(k); at += 2) {
        const float *even = at < k ? row_of(b, at) : NULL;
        const float *odd = at + 1 < k ? row_of(b, at + 1) : NULL;
        uint16_t *to = right + at * PANEL;
        for (size_t j = 0; j < n; j += PANEL, to += 2 * PANEL * stride)
            _mm512_storeu_si512(to, even != NULL
                                        ? interleave(even + j,
                                                     odd != NULL ? odd + j : NULL, n - j)
                                        : _mm512_setzero_si512());
    }
}

static void pack_right_turned(uint16_t *right, size_t stride,
                              const g4r_bfloat16_source *b, size_t k, size_t n)
{
    for (size_t j = 0; j < n; j += PANEL, right += 2 * PANEL * stride)
        for (size_t at = 0; at < k; at += BLOCK) {
            __m512i r[PANEL];
            for (size_t c = 0; c < PANEL; c++)
                r[c] = j + c < n ? round_row(row_of(b, j + c) + at, k - at)
                                 : _mm512_setzero_si512();
            transpose(r);
            for (size_t p = 0; p < PANEL; p++)
                _mm512_storeu_si512(right + (at + 2 * p) * PANEL, r[p]);
        }
}

#else

/* Rounds a value to bfloat16, a denormal to zero. */
static inline uint16_t to_bfloat16(g4r_real value)
{
    const float x = (float)value;
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const bool is_denormal = (bits & 0x7f800000u) == 0;
    return (uint16_t)(g4r_bfloat16_round(is_denormal ? bits & 0x80000000u : bits) >> 16);
}

static void pack_left(uint16_t *left, const g4r_bfloat16_source *a, size_t m, size_t k)
{
    const size_t width = g4r_bfloat16_width(k);
    for (size_t i = 0; i < m; i++, left += width) {
        const g4r_real *row = row_of(a, i);
        for (size_t at = 0; at < k; at++)
            left[at] = to_bfloat16(row[at]);
        memset(left + k, 0, (width - k) * sizeof *left);
    }
}

static void pack_left_turned(uint16_t *left, const g4r_bfloat16_source *a, size_t m,
                             size_t k)
{
    const size_t width = g4r_bfloat16_width(k);
    for (size_t at = 0; at < width; at++) {
        const g4r_real *row = at < k ? row_of(a, at) : NULL;
        for (size_t i = 0; i < m; i++)
            left[i * width + at] = row != NULL ? to_bfloat16(row[i]) : 0;
    }
}

static void pack_right(uint16_t *right, size_t stride, const g4r_bfloat16_source *b,
                       size_t k, size_t n)
{
    const size_t all = (n + PANEL - 1) / PANEL * PANEL;
    for (size_t at = 0; at < g4r_bfloat16_width(k); at++) {
        const g4r_real *row = at < k ? row_of(b, at) : NULL;
        uint16_t *to = right + at / 2 * 2 * PANEL + at % 2;
        for (size_t j = 0; j < all; j++)
            to[(j / PANEL * stride * PANEL + j % PANEL) * 2] =
                row != NULL && j < n ? to_bfloat16(row[j]) : 0;
    }
}

static void pack_right_turned(uint16_t *right, size_t stride,
                              const g4r_bfloat16_source *b, size_t k, size_t n)
{
    const size_t all = (n + PANEL - 1) / PANEL * PANEL, width = g4r_bfloat16_width(k);
    for (size_t j = 0; j < all; j++) {
        const g4r_real *row = j < n ? row_of(b, j) : NULL;
        uint16_t *to = right + (j / PANEL * stride * PANEL + j % PANEL) * 2;
        for (size_t at = 0; at < width; at++)
            to[at / 2 * 2 * PANEL + at % 2] =
                row != NULL && at < k ? to_bfloat16(row[at]) : 0;
    }
}

#endif

#endif

/*
 * vec_bytes.h - the kernels of the table in bytes. It is part of vec_kernels.c.
 *
 * A row becomes bytes (q), a vector becomes integers (p):
 *   w = s q + what is lost of w, s = max |w| / 127, q = round(w / s), from -127 to 127
 *   x = s' p + what is lost of x, p integers from -largest_query to largest_query
 * q is stored plus 128. rest is the norm of what is lost of w, norm the norm of s q;
 * rest' is the norm of what is lost of x, norm' the norm of x. The score w.x + b of a row
 * with bias b is in the middle of two bounds, or nearer to one of them:
 *   lower = s s' q.p + b - margin      margin = rest norm' + norm rest' + slack
 *   upper = s s' q.p + b + margin
 * bytes.h says why, and how rest and slack also cover the roundings.
 *
 * q.p is exact. It is summed up in 32 bits from -128 sum p, which takes off the 128 of
 * each byte. No sum is further from 0 than 128 x 127 d, which fits 32 bits up to a width
 * of 132,000.
 *
 * For many vectors, this is a product of matrices, cut into tiles: the sums of a tile
 * stay in registers, while the kernel goes once along the rows and the vectors of the
 * tile.
 */
#ifndef G4R_VEC_BYTES_H
#define G4R_VEC_BYTES_H

#include "vec_scan.h"

/*
 * LARGEST_QUERY: largest_query of g4r_vec. IS_FAST_IN_BYTES: is_fast_in_bytes of it.
 *
 * ADD_FOUR(sum, bytes, x) returns sum, 32-bit integers, each with four products of bytes
 * added. It uses the instruction for that, or, where there is none, adds pairs of
 * products in 16 bits. A pair is at most 2 x 255 x 64, which fits a signed 16-bit
 * integer; so both ways give the same integers. SPREAD_FOUR makes a vector of one 32-bit
 * integer, repeated.
 */
#if defined(__AVX512VNNI__)
typedef __m512i scan_bytes;
enum { LARGEST_QUERY = 127, IS_FAST_IN_BYTES = true };
#define SPREAD_FOUR(four) _mm512_set1_epi32(four)
#define ADD_FOUR(sum, bytes, x) _mm512_dpbusd_epi32(sum, bytes, x)
#elif defined(__AVXVNNI__)
typedef __m256i scan_bytes;
enum { LARGEST_QUERY = 127, IS_FAST_IN_BYTES = true };
#define SPREAD_FOUR(four) _mm256_set1_epi32(four)
#define ADD_FOUR(sum, bytes, x) _mm256_dpbusd_avx_epi32(sum, bytes, x)
#elif defined(__AVX2__)
typedef __m256i scan_bytes;
enum { LARGEST_QUERY = 64, IS_FAST_IN_BYTES = false };
#define SPREAD_FOUR(four) _mm256_set1_epi32(four)
#define ADD_FOUR(sum, bytes, x)                                             \
    _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(bytes, x), \
                                            _mm256_set1_epi16(1)))
#else
enum { LARGEST_QUERY = 127, IS_FAST_IN_BYTES = false };
#endif

/* The products q.p of a block of rows with one vector. */
typedef int32_t block_sums[G4R_BYTES_ROWS];

#if defined(__AVX2__)
/*
 * VECTORS: vectors of sums for a block of rows. A tile has TILE_VECTORS of them for
 * TILE_LANES lanes, so that its sums fit the registers: 32 of them with AVX-512, else 16.
 */
enum {
    VECTORS = G4R_BYTES_ROWS * 4 / sizeof(scan_bytes),
    TILE_VECTORS = 2,
    TILE_LANES = sizeof(scan_bytes) == 64 ? 8 : 4
};

/*
 * Writes the products of a tile into sum: those of n_vectors vectors of sums of a block,
 * from number vector on, with n_tile lanes, from number lane on. queries has n_lanes
 * lanes, d is the width of a row. The counts are constants where this is inlined, so that
 * compilers keep all sums in registers.
 */
static inline __attribute__((always_inline)) void
dot_tile(block_sums *restrict sum, const uint8_t *restrict block,
         const g4r_bytes_query *queries, size_t n_lanes, size_t d, size_t lane,
         size_t n_tile, size_t vector, size_t n_vectors)
{
    enum { MOST = 4, EACH = sizeof(scan_bytes) / sizeof **sum };
    const int8_t *x = queries->x + 4 * lane;
    scan_bytes part[G4R_BYTES_LANES][MOST], bytes[MOST];
    block += vector * sizeof(scan_bytes);
    for (size_t i = 0; i < n_tile; i++)
        for (size_t j = 0; j < n_vectors; j++)
            part[i][j] = SPREAD_FOUR(-queries[lane + i].offset);
    for (size_t k = 0; k < d; k += 4, block += 4 * G4R_BYTES_ROWS, x += 4 * n_lanes) {
        for (size_t j = 0; j < n_vectors; j++)
            memcpy(&bytes[j], block + j * sizeof *bytes, sizeof *bytes);
        for (size_t i = 0; i < n_tile; i++) {
            int32_t four;
            memcpy(&four, x + 4 * i, sizeof four);
            for (size_t j = 0; j < n_vectors; j++)
                part[i][j] = ADD_FOUR(part[i][j], bytes[j], SPREAD_FOUR(four));
        }
    }
    for (size_t i = 0; i < n_tile; i++)
        for (size_t j = 0; j < n_vectors; j++)
            memcpy(sum[lane + i] + (vector + j) * EACH, &part[i][j], sizeof **part);
}
#endif

/*
 * Writes into sum (n_lanes) the products of a block of rows with all lanes. n_lanes is 1
 * or G4R_BYTES_LANES, a constant where this is inlined. d is the width of a row.
 */
static inline __attribute__((always_inline)) void
dot_block(block_sums *restrict sum, const uint8_t *restrict block,
          const g4r_bytes_query *queries, size_t n_lanes, size_t d)
{
#if defined(__AVX2__)
    if (n_lanes == 1)
        dot_tile(sum, block, queries, 1, d, 0, 1, 0, VECTORS);
    else
        for (size_t vector = 0; vector < VECTORS; vector += TILE_VECTORS)
            for (size_t lane = 0; lane < n_lanes; lane += TILE_LANES)
                dot_tile(sum, block, queries, n_lanes, d, lane, TILE_LANES, vector,
                         TILE_VECTORS);
#else
    const int8_t *x = queries->x;
    for (size_t lane = 0; lane < n_lanes; lane++)
        for (int j = 0; j < G4R_BYTES_ROWS; j++)
            sum[lane][j] = -queries[lane].offset;
    for (size_t k = 0; k < d; k += 4, block += 4 * G4R_BYTES_ROWS)
        for (size_t lane = 0; lane < n_lanes; lane++, x += 4)
            for (int j = 0; j < G4R_BYTES_ROWS; j++)
                for (int i = 0; i < 4; i++)
                    sum[lane][j] += block[4 * j + i] * x[i];
#endif
}

/*
 * Writes into upper (n) and, unless it is NULL, into lower (n) the bounds of the scores
 * of n rows, at most a block, from row first on, for one lane. sum has the products q.p
 * of these rows with it.
 */
static inline void bound_rows(g4r_real *restrict upper, g4r_real *restrict lower,
                              const int32_t *restrict sum, const g4r_bytes *bytes,
                              const g4r_real *restrict bias, const g4r_bytes_query *query,
                              size_t first, size_t n)
{
    const g4r_real *scale = bytes->scale + first;
    const g4r_real *rest = bytes->rest + first, *norm = bytes->norm + first;
    bias += first;
    for (size_t j = 0; j < n; j++) {
        const g4r_real score = (g4r_real)sum[j] * (scale[j] * query->scale) + bias[j];
        const g4r_real margin =
            rest[j] * query->norm + (norm[j] * query->rest + query->slack);
        upper[j] = score + margin;
        if (lower != NULL)
            lower[j] = score - margin;
    }
}

/*
 * Writes the bounds of bound() for n_lanes lanes, a constant where this is inlined. Goes
 * from block to block; the last one may be needed only in part.
 */
static inline __attribute__((always_inline)) void
bound_lanes(g4r_real *upper, g4r_real *lower, const g4r_bytes *bytes,
            const g4r_real *bias, const g4r_bytes_query *queries, size_t n_lanes,
            size_t first, size_t n)
{
    const uint8_t *values = bytes->values + first * bytes->d;
    block_sums sum[G4R_BYTES_LANES];
    for (size_t i = 0; i < n; i += G4R_BYTES_ROWS) {
        const size_t n_rows = G4R_MIN(G4R_BYTES_ROWS, n - i);
        dot_block(sum, values + i * bytes->d, queries, n_lanes, bytes->d);
        for (size_t lane = 0; lane < n_lanes; lane++) {
            const size_t at = lane * n + i;
            g4r_real *low = lower != NULL ? lower + at : NULL;
            if (n_rows == G4R_BYTES_ROWS)
                bound_rows(upper + at, low, sum[lane], bytes, bias, queries + lane,
                           first + i, G4R_BYTES_ROWS);
            else
                bound_rows(upper + at, low, sum[lane], bytes, bias, queries + lane,
                           first + i, n_rows);
        }
    }
}

/* Writes bounds for one lane, or for G4R_BYTES_LANES of them; see g4r_vec. */
static void bound(g4r_real *upper, g4r_real *lower, const g4r_bytes *bytes,
                  const g4r_real *bias, const g4r_bytes_query *queries, size_t n_lanes,
                  size_t first, size_t n)
{
    if (n_lanes == 1)
        bound_lanes(upper, lower, bytes, bias, queries, 1, first, n);
    else
        bound_lanes(upper, lower, bytes, bias, queries, G4R_BYTES_LANES, first, n);
}

/* ---- from values to bytes ---- */

/* Returns the eight values of *v without their signs. */
static inline scan8 absolute(const scan8 *v)
{
    return (scan8)((scan_bits)*v & ~(scan_bits)(-(scan8){0}));
}

/*
 * Returns eight values, each the larger one of the two values at its place in *a and *b.
 * The values must not be negative: then their bits, read as integers, have the same
 * order.
 */
static inline scan8 larger(const scan8 *a, const scan8 *b)
{
    const scan_bits is_a = (scan_bits)*a > (scan_bits)*b;
    return (scan8)(((scan_bits)*a & is_a) | ((scan_bits)*b & ~is_a));
}

/* Returns the sum of the eight values of *v. The last additions are in double. */
static inline double total(const scan8 *v)
{
    const scan4 part = fold(v);
    return (double)part[0] + (double)part[1] + (double)part[2] + (double)part[3];
}

/*
 * Writes the eight values of *whole, integers from -127 to 127, into q as bytes, each
 * plus 128.
 */
static inline void store_bytes(uint8_t *q, const scan8 *whole)
{
#if defined(__AVX2__) && !defined(GRU4REC_DOUBLE)
    __m256i words = _mm256_cvtps_epi32((__m256)*whole);
    __m128i halves = _mm_packs_epi32(_mm256_castsi256_si128(words),
                                     _mm256_extracti128_si256(words, 1));
    _mm_storel_epi64((__m128i *)(void *)q,
                     _mm_xor_si128(_mm_packs_epi16(halves, halves), _mm_set1_epi8(-128)));
#else
    for (int i = 0; i < 8; i++)
        q[i] = (uint8_t)((*whole)[i] + 128);
#endif
}

/*
 * Writes eight values *v of a row into q as bytes: *v x inverse (1 / scale), rounded,
 * plus 128. Adds the squares of what is lost to *rest, and the squares of the integers to
 * *norm.
 */
static inline void make_bytes(uint8_t *q, const scan8 *v, g4r_real scale,
                              g4r_real inverse, scan8 *rest, scan8 *norm)
{
    const scan8 whole = *v * inverse + SCAN_ROUND - SCAN_ROUND;
    const scan8 r = *v - scale * whole;
    store_bytes(q, &whole);
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
    largest = absolute(&last);
    for (size_t k = 0; k < n; k += 8) {
        const scan8 v = load8(w + k), size = absolute(&v);
        largest = larger(&size, &largest);
    }
    g4r_real most = 0;
    for (int i = 0; i < 8; i++)
        most = G4R_MAX(most, largest[i]);
    const bool is_lost = most <= (g4r_real)1e-12;
    const g4r_real scale = is_lost ? 0 : most / G4R_LARGEST_BYTE;
    const g4r_real inverse = is_lost ? 0 : G4R_LARGEST_BYTE / most;
    for (size_t k = 0; k < n; k += 8) {
        const scan8 v = load8(w + k);
        make_bytes(q + k, &v, scale, inverse, &rest, &norm);
    }
    make_bytes(bytes, &last, scale, inverse, &rest, &norm);
    memcpy(q + n, bytes, d - n);
    row->scale = scale;
    row->rest = is_lost ? (double)d * (double)most * (double)most : total(&rest);
    row->norm = (double)scale * (double)scale * total(&norm);
}

#endif

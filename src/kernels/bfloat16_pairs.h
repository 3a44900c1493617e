/*
 * bfloat16_pairs.h - the product of packed operands, pair after pair of k. It is part of
 * bfloat16_kernels.c, for all bodies but amx.
 *
 * C is cut into tiles whose sums stay in registers, while the kernel goes once along
 * their rows of left and their panels of right.
 */
#ifndef G4R_BFLOAT16_PAIRS_H
#define G4R_BFLOAT16_PAIRS_H

#include "bfloat16_pack.h"

#if !defined(HAS_TILES)

/* A product, and where its operands are. */
typedef struct pairs_product {
    g4r_real *c;
    const uint16_t *left, *right;
    size_t ldc, width, stride, n_pairs;
    bool adds;
} pairs_product;

#if defined(HAS_PAIRS)

/* TILE_ROWS x TILE_PANELS sums, and what they are made of, fill the 32 registers. */
enum { TILE_ROWS = 8, TILE_PANELS = 3 };

/*
 * Computes a tile of n_rows x n_panels, constants where this is inlined, of which the
 * first m rows and n columns are in C.
 */
static inline __attribute__((always_inline)) void
multiply_tile(const pairs_product *p, size_t m, size_t n, size_t n_rows, size_t n_panels)
{
    __m512 sum[TILE_ROWS][TILE_PANELS];
    const uint16_t *left = p->left, *right = p->right;
    for (size_t i = 0; i < G4R_MIN(m, n_rows); i++)
        for (size_t j = 0; j < n_panels; j++)
            __builtin_prefetch(p->c + i * p->ldc + PANEL * j, 1);
    for (size_t i = 0; i < n_rows; i++)
        for (size_t j = 0; j < n_panels; j++)
            sum[i][j] = p->adds && i < m
                            ? _mm512_maskz_loadu_ps(first_of(n - PANEL * j),
                                                    p->c + i * p->ldc + PANEL * j)
                            : _mm512_setzero_ps();
    for (size_t pair = 0; pair < p->n_pairs; pair++, left += 2, right += 2 * PANEL) {
        __m512bh columns[TILE_PANELS];
        for (size_t j = 0; j < n_panels; j++)
            columns[j] = (__m512bh)_mm512_loadu_si512(right + 2 * PANEL * j * p->stride);
        for (size_t i = 0; i < n_rows; i++) {
            int32_t both;
            memcpy(&both, left + i * p->width, sizeof both);
            const __m512bh row = (__m512bh)_mm512_set1_epi32(both);
            for (size_t j = 0; j < n_panels; j++)
                sum[i][j] = _mm512_dpbf16_ps(sum[i][j], row, columns[j]);
        }
    }
    for (size_t i = 0; i < n_rows; i++)
        for (size_t j = 0; i < m && j < n_panels; j++)
            _mm512_mask_storeu_ps(p->c + i * p->ldc + PANEL * j, first_of(n - PANEL * j),
                                  sum[i][j]);
}

/* Computes a tile of n_panels, and of 8 or 4 rows. */
static inline __attribute__((always_inline)) void
multiply_rows(const pairs_product *p, size_t m, size_t n, size_t n_panels)
{
    if (m > TILE_ROWS / 2)
        multiply_tile(p, m, n, TILE_ROWS, n_panels);
    else
        multiply_tile(p, m, n, TILE_ROWS / 2, n_panels);
}

/* Returns how many panels a tile has if n columns are left: 4 panels are 2 and 2. */
static size_t count_panels(size_t n)
{
    const size_t panels = (n + PANEL - 1) / PANEL;
    return panels == 4 ? 2 : G4R_MIN(panels, TILE_PANELS);
}

/* Computes a tile whose first row and column are those of p; m and n are left. */
static void multiply_any(const pairs_product *p, size_t m, size_t n, size_t n_panels)
{
    if (n_panels == 3)
        multiply_rows(p, m, n, 3);
    else if (n_panels == 2)
        multiply_rows(p, m, n, 2);
    else
        multiply_rows(p, m, n, 1);
}

#else

/* Returns the value of a bfloat16. */
static inline float value_of(uint32_t bits)
{
    const uint32_t whole = bits << 16;
    float value;
    memcpy(&value, &whole, sizeof value);
    return value;
}

/*
 * Returns sum + a b, rounded once if the processor can: whether it is rounded once must
 * not depend on how the compiler optimises.
 */
static inline g4r_real add_product(g4r_real sum, float a, float b)
{
#if defined(GRU4REC_DOUBLE)
    return sum + (g4r_real)a * (g4r_real)b;
#elif defined(__FMA__) || defined(__aarch64__) || defined(__FP_FAST_FMAF)
    return __builtin_fmaf(a, b, sum);
#else
    return sum + a * b;
#endif
}

enum { TILE_ROWS = 4 };

static size_t count_panels(size_t n)
{
    (void)n;
    return 1;
}

/* Computes a tile of one panel, of which the first m rows and n columns are in C. */
static void multiply_any(const pairs_product *p, size_t m, size_t n, size_t n_panels)
{
    g4r_real sum[TILE_ROWS][PANEL] = {{0}};
    const uint16_t *left = p->left, *right = p->right;
    (void)n_panels;
    m = G4R_MIN(m, TILE_ROWS);
    n = G4R_MIN(n, PANEL);
    for (size_t i = 0; p->adds && i < m; i++)
        memcpy(sum[i], p->c + i * p->ldc, n * sizeof **sum);
    for (size_t pair = 0; pair < p->n_pairs; pair++, left += 2, right += 2 * PANEL) {
        float even[PANEL], odd[PANEL];
        for (size_t j = 0; j < PANEL; j++) {
            even[j] = value_of(right[2 * j]);
            odd[j] = value_of(right[2 * j + 1]);
        }
        for (size_t i = 0; i < TILE_ROWS; i++) {
            /* Both at once: gcc 12 makes loads of two that reach behind the last row. */
            uint16_t both[2];
            memcpy(both, left + i * p->width, sizeof both);
            const float x = value_of(both[0]), y = value_of(both[1]);
            for (size_t j = 0; j < PANEL; j++) {
                sum[i][j] = add_product(sum[i][j], y, odd[j]);
                sum[i][j] = add_product(sum[i][j], x, even[j]);
            }
        }
    }
    for (size_t i = 0; i < m; i++)
        memcpy(p->c + i * p->ldc, sum[i], n * sizeof **sum);
}

#endif

static void multiply(g4r_real *c, size_t ldc, const uint16_t *left, const uint16_t *right,
                     size_t stride, size_t m, size_t n, size_t k, bool adds)
{
    const size_t width = g4r_bfloat16_width(k);
    for (size_t j = 0; j < n;) {
        const size_t n_panels = count_panels(n - j);
        for (size_t i = 0; i < m; i += TILE_ROWS) {
            const pairs_product tile = {.c = c + i * ldc + j,
                                        .left = left + i * width,
                                        .right = right + 2 * j * stride,
                                        .ldc = ldc,
                                        .width = width,
                                        .stride = stride,
                                        .n_pairs = (k + 1) / 2,
                                        .adds = adds};
            multiply_any(&tile, m - i, n - j, n_panels);
        }
        j += n_panels * PANEL;
    }
}

#endif
#endif

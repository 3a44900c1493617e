/*
 * bfloat16.h - products of matrices in bfloat16, which is float32 without its lower 16
 * bits:
 *
 *   C (m,n) = left (m,k) . right (k,n), or C + that
 *
 * Both operands are packed first, and rounded to bfloat16 then: to the nearest, ties to
 * even, and values below 2^-126 (denormals) to zero. C and the sums are float32. There
 * are several bodies of these kernels, and the processor decides which one is used. All
 * of them pack the same bits. Their sums differ:
 *
 *   base, avx2   one chain for each value of C, which begins with 0 or with C; of each
 *                pair of k the odd product is added first, then the even one. On a
 *                processor that cannot add an exact product, base rounds it to float32
 *                first, which matters below 2^-126 and where it overflows
 *   avx512bf16   the same, but denormal sums become zero (vdpbf16ps)
 *   amx          for each 32 values of k one chain of the even and one of the odd
 *                products, which begin with 0; their sum is added to C; denormal sums
 *                become zero (tdpbf16ps)
 *
 * So with one body a value of C depends only on its row of left, its column of right, and
 * what it begins with. It has the same bits however the product is cut into parts, also
 * along k, if each part but the last has a multiple of 32 values.
 *
 * Packed, the values of k stand in pairs, because the instructions multiply pairs:
 *   left   (m,width): the rows, each filled up with zeros to width, a multiple of 32
 *   right  panels of 16 columns; a panel has for each pair of k the pairs of its columns,
 *          64 bytes, filled up with zeros to width / 2 pairs
 */
#ifndef G4R_BFLOAT16_H
#define G4R_BFLOAT16_H

#include "../base/base.h"

/*
 * PANEL: columns of a panel. BLOCK: width is a multiple of it. ROWS: a packed left
 * operand has memory for a multiple of so many rows; what is behind the last row is read,
 * but changes no result.
 */
enum { G4R_BFLOAT16_PANEL = 16, G4R_BFLOAT16_BLOCK = 32, G4R_BFLOAT16_ROWS = 16 };

/* Returns the width of packed rows of k values. */
static inline size_t g4r_bfloat16_width(size_t k)
{
    return (k + G4R_BFLOAT16_BLOCK - 1) / G4R_BFLOAT16_BLOCK * G4R_BFLOAT16_BLOCK;
}

/* Returns the values of a packed left operand (m,k). */
static inline size_t g4r_bfloat16_left(size_t m, size_t k)
{
    const size_t rows = (m + G4R_BFLOAT16_ROWS - 1) / G4R_BFLOAT16_ROWS;
    return g4r_mul(rows * G4R_BFLOAT16_ROWS, g4r_bfloat16_width(k));
}

/*
 * Returns the distance of two panels of k values, in pairs. It is odd, so that panels do
 * not fall on the same lines of the cache.
 */
static inline size_t g4r_bfloat16_stride(size_t k)
{
    return g4r_bfloat16_width(k) / 2 | 1;
}

/* Returns the values of a packed right operand (k,n) with g4r_bfloat16_stride(). */
static inline size_t g4r_bfloat16_right(size_t k, size_t n)
{
    const size_t panels = (n + G4R_BFLOAT16_PANEL - 1) / G4R_BFLOAT16_PANEL;
    return g4r_mul(panels * 2 * G4R_BFLOAT16_PANEL, g4r_bfloat16_stride(k));
}

/*
 * Returns the bits of a float32 rounded to bfloat16: its lower 16 bits are 0. Adds half
 * of the last bit that stays, or a little less if that bit is 0, so that ties go to even.
 * A NaN keeps its upper bits, with the bit of a quiet NaN.
 */
static inline uint32_t g4r_bfloat16_round(uint32_t bits)
{
    const uint32_t rounded = bits + 0x7fffu + (bits >> 16 & 1);
    const uint32_t quiet = bits | 0x400000u;
    return ((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded) & 0xffff0000u;
}

/* A matrix of values that is to be packed. */
typedef struct g4r_bfloat16_source {
    const g4r_real *values;
    size_t ld; /* distance from the begin of a row to that of the next */
    /* Row i of the matrix is row rows[i] of values; NULL: row i. */
    const int32_t *rows;
} g4r_bfloat16_source;

/*
 * The kernels of one body. The arrays must not overlap. The matrices that are packed are
 * (m,k) and (k,n), or, for the turned forms, their transposes (k,m) and (n,k). stride is
 * the distance of two panels of right in pairs, at least width / 2, so that one packed
 * operand can be made, and read, in parts along k: a part begins at pair p of each panel,
 * 2 p a multiple of 32, at right + 2 * 16 p.
 */
typedef struct g4r_bfloat16 {
    const char *name; /* as gru4rec_bfloat16_kernels() gives it */
    void (*pack_left)(uint16_t *left, const g4r_bfloat16_source *a, size_t m, size_t k);
    void (*pack_left_turned)(uint16_t *left, const g4r_bfloat16_source *a, size_t m,
                             size_t k);
    void (*pack_right)(uint16_t *right, size_t stride, const g4r_bfloat16_source *b,
                       size_t k, size_t n);
    void (*pack_right_turned)(uint16_t *right, size_t stride,
                              const g4r_bfloat16_source *b, size_t k, size_t n);
    /* adds: C begins with what it has, not with 0. */
    void (*multiply)(g4r_real *c, size_t ldc, const uint16_t *left, const uint16_t *right,
                     size_t stride, size_t m, size_t n, size_t k, bool adds);
} g4r_bfloat16;

/*
 * Returns body number index of those that this processor can run, the best one first;
 * NULL behind the last. The first call in the process that comes to the body amx asks the
 * system for the registers that it needs (bfloat16.c).
 */
const g4r_bfloat16 *g4r_bfloat16_at(size_t index);
/* Returns the best body that this processor can run. */
const g4r_bfloat16 *g4r_bfloat16_pick(void);
/*
 * Tells whether this processor multiplies faster by that body than by BLAS in float32:
 * those with AMX, and AMD's with AVX512_BF16. Intel's vdpbf16ps is no faster (79 GFLOP/s
 * on a Xeon of the 5th generation, where float32 has 110 to 130).
 */
bool g4r_bfloat16_is_fast(void);

#endif

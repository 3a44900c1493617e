/*
 * vec_product.h - matrix products. It is part of vec_kernels.c.
 *
 * With A (m,k), B (k,n) and C (m,n), each of A and B in memory as it is or transposed:
 *   C = A . B, or C = C + A . B
 *
 * C is made tile by tile. The sums of a tile, up to PRODUCT_ROWS rows of up to
 * PRODUCT_VECTORS vectors, stay in registers. The tiles below each other form a panel of
 * C. They need the same columns of B, which are first copied, DEPTH rows at a time, to
 * where they stay in the cache: row by row, with zeros behind the last column. A is read
 * where it stands.
 *
 * Each value of C is added up in one order: the products of a block of rows of B one
 * after the other, then the blocks. How k is cut into blocks depends on k alone. So the
 * bits of a value do not depend on its place in C, nor on the size of C.
 */
#ifndef G4R_VEC_PRODUCT_H
#define G4R_VEC_PRODUCT_H

#include "vec.h"
#include "vec_scan.h"

/*
 * The sizes of a tile: its sums, one row of its vectors of B and one value of A fit into
 * the registers of the instruction set.
 */
#if defined(__AVX512F__)
enum { PRODUCT_BYTES = 64, PRODUCT_ROWS = 8, PRODUCT_VECTORS = 3 };
#elif defined(__AVX2__)
enum { PRODUCT_BYTES = 32, PRODUCT_ROWS = 6, PRODUCT_VECTORS = 2 };
#elif defined(__aarch64__)
enum { PRODUCT_BYTES = 16, PRODUCT_ROWS = 8, PRODUCT_VECTORS = 3 };
#else
enum { PRODUCT_BYTES = 16, PRODUCT_ROWS = 6, PRODUCT_VECTORS = 2 };
#endif
enum { WIDTH = PRODUCT_BYTES / sizeof(g4r_real), DEPTH = 128 };

typedef g4r_real tile_vector __attribute__((vector_size(PRODUCT_BYTES)));

/* A panel of C, and what is multiplied for it in one block of rows of B. */
typedef struct panel {
    const g4r_vec_product *product;
    size_t begin, n;     /* its first column, and how many it has */
    size_t first, depth; /* the first row of B of this block, and how many it has */
    bool is_added;
    const g4r_real *b; /* (depth, vectors of the panel) the copy of B */
} panel;

/*
 * In INLINED functions sizes are constants, so that the loops behind UNROLL vanish and
 * all vectors stay in registers.
 */
#define INLINED static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

INLINED tile_vector load_vector(const g4r_real *x)
{
    tile_vector v;
    memcpy(&v, x, sizeof v);
    return v;
}

INLINED void store_vector(g4r_real *x, tile_vector v)
{
    memcpy(x, &v, sizeof v);
}

/*
 * Writes the n_rows x n_vectors sums of a tile into C, or adds them to it. ldc is the
 * distance of its rows. The panel has as many columns as the vectors have values.
 */
INLINED void store_whole(g4r_real *c, size_t ldc,
                         tile_vector sum[PRODUCT_ROWS][PRODUCT_VECTORS], size_t n_rows,
                         size_t n_vectors, bool is_added)
{
    UNROLL
    for (size_t r = 0; r < n_rows; r++) {
        UNROLL
        for (size_t v = 0; v < n_vectors; v++) {
            g4r_real *place = c + r * ldc + v * WIDTH;
            store_vector(place, is_added ? load_vector(place) + sum[r][v] : sum[r][v]);
        }
    }
}

/*
 * Writes the sums (n_rows,width) of a tile into C, or adds them to it, where the panel
 * has n columns, fewer than width. ldc is the distance of the rows of C.
 */
static void store_part(g4r_real *c, size_t ldc, const g4r_real *sums, size_t width,
                       size_t n_rows, size_t n, bool is_added)
{
    for (size_t r = 0; r < n_rows; r++, c += ldc, sums += width)
        for (size_t j = 0; j < n; j++)
            c[j] = is_added ? c[j] + sums[j] : sums[j];
}

/*
 * Makes n_rows x n_vectors values of C, from row i on. If A is transposed, the values of
 * A for one row of B stand together; if not, each row of A has them one after the other.
 */
INLINED void make_tile(const panel *p, size_t i, size_t n_rows, size_t n_vectors,
                       bool is_a_transposed)
{
    const g4r_vec_product *product = p->product;
    const size_t row = is_a_transposed ? 1 : product->lda;
    const size_t step = is_a_transposed ? product->lda : 1;
    const g4r_real *a = product->a + i * row + p->first * step, *b = p->b;
    g4r_real *c = product->c + i * product->ldc + p->begin;
    tile_vector sum[PRODUCT_ROWS][PRODUCT_VECTORS];
    UNROLL
    for (size_t r = 0; r < n_rows; r++) {
        UNROLL
        for (size_t v = 0; v < n_vectors; v++)
            sum[r][v] = (tile_vector){0};
    }
    for (size_t l = 0; l < p->depth; l++, a += step, b += n_vectors * WIDTH) {
        tile_vector columns[PRODUCT_VECTORS];
        UNROLL
        for (size_t v = 0; v < n_vectors; v++)
            columns[v] = load_vector(b + v * WIDTH);
        UNROLL
        for (size_t r = 0; r < n_rows; r++) {
            UNROLL
            for (size_t v = 0; v < n_vectors; v++)
                sum[r][v] += a[r * row] * columns[v];
        }
    }
    if (p->n == n_vectors * WIDTH) {
        store_whole(c, product->ldc, sum, n_rows, n_vectors, p->is_added);
        return;
    }
    g4r_real sums[PRODUCT_ROWS * PRODUCT_VECTORS * WIDTH];
    store_whole(sums, n_vectors * WIDTH, sum, n_rows, n_vectors, false);
    store_part(c, product->ldc, sums, n_vectors * WIDTH, n_rows, p->n, p->is_added);
}

/* Makes all tiles of a panel that is n_vectors wide. */
INLINED void make_column(const panel *p, size_t n_vectors, bool is_a_transposed)
{
    const size_t m = p->product->m;
    size_t i = 0;
    for (; i + PRODUCT_ROWS <= m; i += PRODUCT_ROWS)
        make_tile(p, i, PRODUCT_ROWS, n_vectors, is_a_transposed);
    if (i + 4 <= m) {
        make_tile(p, i, 4, n_vectors, is_a_transposed);
        i += 4;
    }
    if (i + 2 <= m) {
        make_tile(p, i, 2, n_vectors, is_a_transposed);
        i += 2;
    }
    if (i < m)
        make_tile(p, i, 1, n_vectors, is_a_transposed);
}

/* Calls make_column() with constants. */
INLINED void make_tiles(const panel *p, bool is_a_transposed)
{
    if (p->n <= WIDTH)
        make_column(p, 1, is_a_transposed);
    else if (p->n <= 2 * WIDTH)
        make_column(p, 2, is_a_transposed);
    else if (PRODUCT_VECTORS > 2)
        make_column(p, PRODUCT_VECTORS, is_a_transposed);
}

/*
 * Copies n columns of depth rows of B, which is not transposed, into copy, whose rows are
 * width values apart. What is behind the columns becomes 0.
 */
static void copy_rows(g4r_real *copy, size_t width, const g4r_real *b, size_t ldb,
                      size_t n, size_t depth)
{
    const size_t n_whole = n / WIDTH * WIDTH;
    for (size_t l = 0; l < depth; l++, copy += width, b += ldb) {
        for (size_t j = 0; j < n_whole; j += WIDTH)
            store_vector(copy + j, load_vector(b + j));
        for (size_t j = n_whole; j < width; j++)
            copy[j] = j < n ? b[j] : 0;
    }
}

/*
 * Writes four columns of the copy, whose rows are width values apart: depth values of
 * each of four rows of the transposed B, which are ldb values apart.
 */
static inline void copy_four(g4r_real *copy, size_t width, const g4r_real *b, size_t ldb,
                             size_t depth)
{
    size_t l = 0;
    for (; l + 4 <= depth; l += 4, copy += 4 * width, b += 4) {
        const scan4 r0 = load4(b), r1 = load4(b + ldb);
        const scan4 r2 = load4(b + 2 * ldb), r3 = load4(b + 3 * ldb);
        const scan4 low01 = SHUFFLE(r0, r1, 0, 4, 1, 5),
                    low23 = SHUFFLE(r2, r3, 0, 4, 1, 5);
        const scan4 high01 = SHUFFLE(r0, r1, 2, 6, 3, 7);
        const scan4 high23 = SHUFFLE(r2, r3, 2, 6, 3, 7);
        const scan4 columns[4] = {SHUFFLE(low01, low23, 0, 1, 4, 5),
                                  SHUFFLE(low01, low23, 2, 3, 6, 7),
                                  SHUFFLE(high01, high23, 0, 1, 4, 5),
                                  SHUFFLE(high01, high23, 2, 3, 6, 7)};
        for (size_t j = 0; j < 4; j++)
            memcpy(copy + j * width, &columns[j], sizeof columns[j]);
    }
    for (; l < depth; l++, copy += width, b++)
        for (size_t j = 0; j < 4; j++)
            copy[j] = b[j * ldb];
}

/* Does what copy_rows() does, for a B that is transposed. */
static void copy_columns(g4r_real *copy, size_t width, const g4r_real *b, size_t ldb,
                         size_t n, size_t depth)
{
    size_t j = 0;
    for (; j + 4 <= n; j += 4)
        copy_four(copy + j, width, b + j * ldb, ldb, depth);
    for (; j < width; j++)
        for (size_t l = 0; l < depth; l++)
            copy[l * width + j] = j < n ? b[j * ldb + l] : 0;
}

/* Makes a panel of C, for one block of rows of B. */
static void make_panel(panel *p)
{
    const g4r_vec_product *product = p->product;
    const size_t n_vectors = (p->n + WIDTH - 1) / WIDTH, ldb = product->ldb;
    _Alignas(PRODUCT_BYTES) g4r_real copy[DEPTH * PRODUCT_VECTORS * WIDTH];
    p->b = copy;
    if (product->is_b_transposed)
        copy_columns(copy, n_vectors * WIDTH, product->b + p->begin * ldb + p->first, ldb,
                     p->n, p->depth);
    else
        copy_rows(copy, n_vectors * WIDTH, product->b + p->first * ldb + p->begin, ldb,
                  p->n, p->depth);
    if (product->is_a_transposed)
        make_tiles(p, true);
    else
        make_tiles(p, false);
}

/*
 * Computes a product. If k is 0, there is one block without rows, which sets C to zeros
 * or leaves it.
 */
static void multiply(const g4r_vec_product *product)
{
    const size_t n_blocks = G4R_MAX(1, (product->k + DEPTH - 1) / DEPTH);
    const size_t depth = (product->k + n_blocks - 1) / n_blocks;
    for (size_t begin = 0; begin < product->n; begin += PRODUCT_VECTORS * WIDTH)
        for (size_t block = 0; block < n_blocks; block++) {
            const size_t first = block * depth;
            panel p = {.product = product,
                       .begin = begin,
                       .n = G4R_MIN(PRODUCT_VECTORS * WIDTH, product->n - begin),
                       .first = first,
                       .depth = G4R_MIN(depth, product->k - first),
                       .is_added = product->is_added || block > 0};
            make_panel(&p);
        }
}

#endif

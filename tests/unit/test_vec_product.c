/*
 * test_vec_product.c - vec_product.h, for each instruction set: products against plain
 * loops, and the same bits however a product is cut.
 */
#include "../lib/test.h"

#include "../../src/base/rng.h"
#include "../../src/kernels/vec.h"

#include <float.h>

static g4r_rng rng;

/*
 * A matrix of rows x cols in memory, ld values from row to row. What is between the rows
 * is NaN, which must neither be read nor written; the last row ends with the block, so
 * that the sanitizer sees a step over it.
 */
typedef struct matrix {
    size_t rows, cols, ld;
    g4r_real *values;
} matrix;

static matrix make(size_t rows, size_t cols, size_t pad)
{
    matrix m = {rows, cols, cols + pad, NULL};
    const size_t n = rows == 0 ? 0 : (rows - 1) * m.ld + cols;
    m.values = malloc(n == 0 ? 1 : n * sizeof *m.values);
    if (m.values == NULL)
        exit(test_end());
    for (size_t i = 0; i < n; i++)
        m.values[i] =
            i % m.ld < cols ? (g4r_real)(2 * g4r_rng_uniform(&rng) - 1) : (g4r_real)NAN;
    return m;
}

/* A product with its matrices: c is what it writes, before what was there. */
typedef struct fixture {
    matrix a, b, c, before;
    g4r_vec_product product;
} fixture;

static fixture open_fixture(int form, size_t m, size_t n, size_t k, size_t pad,
                            bool is_added)
{
    const bool a_t = (form & 1) != 0, b_t = (form & 2) != 0;
    fixture f = {.a = a_t ? make(k, m, pad) : make(m, k, pad),
                 .b = b_t ? make(n, k, pad) : make(k, n, pad),
                 .c = make(m, n, pad),
                 .before = make(m, n, 0)};
    for (size_t i = 0; i < m * n; i++)
        f.c.values[i / n * f.c.ld + i % n] =
            is_added ? f.before.values[i] : (g4r_real)NAN;
    f.product = (g4r_vec_product){.c = f.c.values,
                                  .a = f.a.values,
                                  .b = f.b.values,
                                  .ldc = f.c.ld,
                                  .lda = f.a.ld,
                                  .ldb = f.b.ld,
                                  .m = m,
                                  .n = n,
                                  .k = k,
                                  .is_a_transposed = a_t,
                                  .is_b_transposed = b_t,
                                  .is_added = is_added};
    return f;
}

static void close_fixture(fixture *f)
{
    free(f->a.values);
    free(f->b.values);
    free(f->c.values);
    free(f->before.values);
}

static double element(const matrix *m, bool is_transposed, size_t row, size_t col)
{
    return (double)m->values[is_transposed ? col * m->ld + row : row * m->ld + col];
}

/* The largest difference to plain loops in double; INFINITY if a gap was written to. */
static double largest_error(const fixture *f)
{
    const g4r_vec_product *p = &f->product;
    double largest = 0;
    for (size_t i = 0; i < p->m; i++)
        for (size_t j = 0; j < p->ldc && i * p->ldc + j < (p->m - 1) * p->ldc + p->n;
             j++) {
            const double got = (double)p->c[i * p->ldc + j];
            if (j >= p->n) {
                largest = isnan(got) ? largest : (double)INFINITY;
                continue;
            }
            double sum = p->is_added ? (double)f->before.values[i * p->n + j] : 0;
            for (size_t l = 0; l < p->k; l++)
                sum += element(&f->a, p->is_a_transposed, i, l) *
                       element(&f->b, p->is_b_transposed, l, j);
            largest = fabs(got - sum) <= largest ? largest : fabs(got - sum);
        }
    return largest;
}

/*
 * Values within +-1: k + 1 terms, each sum and product one rounding of at most k + 1. Any
 * order of summation stays below (k + 2)^2 EPS / 2.
 */
static void check_product(const g4r_vec *vec, int form, size_t m, size_t n, size_t k,
                          size_t pad, bool is_added)
{
    fixture f = open_fixture(form, m, n, k, pad, is_added);
    vec->multiply(&f.product);
    const double error = largest_error(&f);
    if (!CHECK(error <= (double)((k + 2) * (k + 2)) * FLT_EPSILON / 2))
        printf("  %s, form %d, %zu x %zu x %zu, pad %zu: %g\n", vec->name, form, m, n, k,
               pad, error);
    close_fixture(&f);
}

/* Widths around those of tiles, depths around those of blocks. */
static void products_are_right(void)
{
    static const size_t shapes[][3] = {{1, 1, 1},    {1, 7, 5},     {1, 300, 100},
                                       {2, 3, 4},    {3, 1, 5},     {5, 17, 1},
                                       {4, 15, 3},   {6, 16, 7},    {7, 33, 9},
                                       {8, 47, 127}, {9, 48, 128},  {11, 49, 129},
                                       {13, 97, 65}, {16, 8, 257},  {17, 5, 400},
                                       {33, 31, 65}, {64, 1, 9},    {7, 130, 33},
                                       {0, 5, 3},    {5, 0, 3},     {3, 5, 0},
                                       {100, 48, 2}, {32, 208, 100}};
    const g4r_vec *vec;
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
            for (int form = 0; form < 4; form++)
                for (size_t pad = 0; pad <= 3; pad += 3)
                    for (int is_added = 0; is_added <= 1; is_added++)
                        check_product(vec, form, shapes[s][0], shapes[s][1], shapes[s][2],
                                      pad, is_added);
}

/* Multiplies a part of C alone: rows from i on, columns from j on. */
static void multiply_part(const g4r_vec *vec, const g4r_vec_product *whole, g4r_real *c,
                          size_t i, size_t m, size_t j, size_t n)
{
    g4r_vec_product part = *whole;
    part.c = c + i * whole->ldc + j;
    part.a += i * (whole->is_a_transposed ? 1 : whole->lda);
    part.b += j * (whole->is_b_transposed ? whole->ldb : 1);
    part.m = m;
    part.n = n;
    vec->multiply(&part);
}

/* The bits of a value depend neither on its place in C nor on the size of C. */
static void cuts_change_no_bit(void)
{
    enum { M = 29, N = 150, K = 300 };
    const g4r_vec *vec;
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++)
        for (int form = 0; form < 4; form++) {
            fixture f = open_fixture(form, M, N, K, 0, false);
            matrix parts = make(M, N, 0);
            vec->multiply(&f.product);
            for (size_t row = 0; row < M; row += 11)
                for (size_t col = 0; col < N; col += 37)
                    multiply_part(vec, &f.product, parts.values, row,
                                  G4R_MIN(11, M - row), col, G4R_MIN(37, N - col));
            if (!CHECK(memcmp(parts.values, f.c.values, M * N * sizeof *parts.values) ==
                       0))
                printf("  %s, form %d\n", vec->name, form);
            free(parts.values);
            close_fixture(&f);
        }
}

/* A transposed matrix gives the bits of the same matrix that is not. */
static void forms_have_the_same_bits(void)
{
    enum { M = 13, N = 70, K = 140 };
    const g4r_vec *vec;
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++) {
        fixture nn = open_fixture(0, M, N, K, 0, false),
                tt = open_fixture(3, M, N, K, 0, false);
        for (size_t r = 0; r < M; r++)
            for (size_t l = 0; l < K; l++)
                tt.a.values[l * M + r] = nn.a.values[r * K + l];
        for (size_t l = 0; l < K; l++)
            for (size_t c = 0; c < N; c++)
                tt.b.values[c * K + l] = nn.b.values[l * N + c];
        vec->multiply(&nn.product);
        vec->multiply(&tt.product);
        CHECK(memcmp(nn.c.values, tt.c.values, M * N * sizeof *nn.c.values) == 0);
        close_fixture(&nn);
        close_fixture(&tt);
    }
}

/* A NaN reaches its row or its column of C, and nothing else. */
static void nan_stays_in_its_row(void)
{
    enum { M = 10, N = 60, K = 20 };
    const g4r_vec *vec;
    for (size_t i = 0; (vec = g4r_vec_at(i)) != NULL; i++) {
        fixture f = open_fixture(0, M, N, K, 0, false);
        f.a.values[3 * K + 5] = (g4r_real)NAN;
        vec->multiply(&f.product);
        size_t n_nan = 0;
        for (size_t j = 0; j < N; j++)
            n_nan += isnan(f.c.values[3 * N + j]) != 0;
        CHECK_INT(N, n_nan);
        for (size_t j = 0; j < M * N; j++)
            n_nan += j / N != 3 && isnan(f.c.values[j]);
        CHECK_INT(N, n_nan);
        close_fixture(&f);
    }
}

int main(void)
{
    g4r_rng_seed(&rng, 7, 1, 0);
    RUN(products_are_right);
    RUN(cuts_change_no_bit);
    RUN(forms_have_the_same_bits);
    RUN(nan_stays_in_its_row);
    return test_end();
}

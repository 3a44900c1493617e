/*
 * test_blas.c - blas.c: the three products against plain loops, alone, in rows, in parts
 * and in threads.
 */
#include "../lib/test.h"

#include "../../src/kernels/blas.h"
#include "../../src/base/rng.h"

#include <float.h>
#include <pthread.h>

static g4r_rng rng;

/* A matrix (rows,cols) with ld = cols + pad; what is between the rows is NaN, which must
 * neither be read nor written. */
typedef struct matrix {
    size_t rows, cols, ld;
    g4r_real *values;
} matrix;

static matrix make(size_t rows, size_t cols, size_t pad)
{
    matrix m = {rows, cols, G4R_MAX(cols + pad, 1), NULL};
    /* The last row ends with the block, so that the sanitizer sees a step over it. */
    size_t n = rows == 0 ? 0 : (rows - 1) * m.ld + cols;
    m.values = malloc((n + 1) * sizeof *m.values);
    if (m.values == NULL)
        exit(test_end());
    for (size_t i = 0; i < n; i++)
        m.values[i] =
            i % m.ld < cols ? (g4r_real)(2 * g4r_rng_uniform(&rng) - 1) : (g4r_real)NAN;
    return m;
}

static double get(const matrix *m, bool is_transposed, size_t row, size_t col)
{
    return (double)(is_transposed ? m->values[col * m->ld + row]
                                  : m->values[row * m->ld + col]);
}

/* c = a b + beta before, in double. Values within +-1: k + 1 terms, each sum and product
 * one rounding of at most k + 1. Any order of summation stays below (k + 2)^2 EPS / 2. */
static void check_product(const matrix *c, const matrix *before, const matrix *a,
                          bool is_a_transposed, const matrix *b, bool is_b_transposed,
                          size_t k, double beta)
{
    double tolerance = (double)((k + 2) * (k + 2)) * FLT_EPSILON / 2;
    for (size_t row = 0; row < c->rows; row++) {
        for (size_t col = 0; col < c->cols; col++) {
            double sum = beta > 0 ? beta * get(before, false, row, col) : 0;
            for (size_t i = 0; i < k; i++)
                sum += get(a, is_a_transposed, row, i) * get(b, is_b_transposed, i, col);
            CHECK_NEAR(sum, get(c, false, row, col), tolerance);
        }
        for (size_t col = c->cols; col < c->ld && row + 1 < c->rows; col++)
            CHECK(isnan(c->values[row * c->ld + col]));
    }
}

/* With beta 0 the old values are NaN: they are to be overwritten, not multiplied. */
static void check_form(g4r_product_form f, size_t m, size_t n, size_t k, size_t pad,
                       g4r_real beta)
{
    matrix a = f == G4R_TN ? make(k, m, pad) : make(m, k, pad);
    matrix b = f == G4R_NT ? make(n, k, pad) : make(k, n, pad);
    matrix c = make(m, n, pad), before = make(m, n, pad);
    for (size_t row = 0; row < m; row++)
        for (size_t col = 0; col < n; col++)
            c.values[row * c.ld + col] =
                beta > 0 ? before.values[row * c.ld + col] : (g4r_real)NAN;
    g4r_blas_multiply(
        g4r_product_of(f, c.values, c.ld, a.values, a.ld, b.values, b.ld, m, n, k, beta));
    check_product(&c, &before, &a, f == G4R_TN, &b, f == G4R_NT, k, (double)beta);
    free(a.values);
    free(b.values);
    free(c.values);
    free(before.values);
}

static void check_shapes(g4r_product_form f)
{
    static const size_t shapes[][3] = {{1, 1, 1},     {1, 7, 5},  {1, 1, 33},
                                       {1, 300, 100}, {2, 3, 4},  {3, 1, 5},
                                       {5, 17, 1},    {17, 5, 3}, {16, 16, 16},
                                       {33, 31, 65},  {64, 1, 9}, {7, 130, 33},
                                       {0, 5, 3},     {5, 0, 3},  {1, 0, 3},
                                       {100, 48, 2}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (size_t pad = 0; pad <= 3; pad += 3)
            for (int beta = 0; beta <= 1; beta++)
                check_form(f, shapes[i][0], shapes[i][1], shapes[i][2], pad,
                           (g4r_real)beta);
}

static void product_nt(void)
{
    check_shapes(G4R_NT);
}

static void product_nn(void)
{
    check_shapes(G4R_NN);
}

static void product_tn(void)
{
    check_shapes(G4R_TN);
}

/* m = 1 goes another way (GEMV); it is the same product. */
static void one_row_is_a_row_of_many(void)
{
    enum { M = 3, N = 40, K = 21 };
    matrix a = make(M, K, 0), b = make(N, K, 0);
    g4r_real many[M * N], one[N];
    g4r_blas_multiply(
        g4r_product_of(G4R_NT, many, N, a.values, K, b.values, K, M, N, K, 0));
    for (size_t row = 0; row < M; row++) {
        g4r_blas_multiply(g4r_product_of(G4R_NT, one, N, a.values + row * K, K, b.values,
                                         K, 1, N, K, 0));
        /* Two orders of summing K terms within +-1. */
        for (size_t col = 0; col < N; col++)
            CHECK_NEAR(many[row * N + col], one[col], K * K * FLT_EPSILON / 2);
    }
    free(a.values);
    free(b.values);
}

/* By rows, in one call or in parts: each row has the bits of a product of that row alone. */
static void check_rows(g4r_product_form f, size_t m, size_t n, size_t k, size_t pad,
                       g4r_real beta)
{
    matrix a = make(m, k, pad), c = make(m, n, pad), parts = make(m, n, pad);
    matrix b = f == G4R_NT ? make(n, k, pad) : make(k, n, pad);
    matrix alone = make(1, n, 0), alone_parts = make(1, n, 0), before = make(m, n, 0);
    for (size_t i = 0; i < m * n; i++)
        c.values[i / n * c.ld + i % n] = parts.values[i / n * parts.ld + i % n] =
            before.values[i];
    g4r_product product =
        g4r_product_of(f, c.values, c.ld, a.values, a.ld, b.values, b.ld, m, n, k, beta);
    product.by_rows = true;
    g4r_blas_multiply(product);
    product.c = parts.values;
    g4r_blas_run(NULL, &product, 1);
    size_t n_wrong = 0;
    for (size_t row = 0; row < m; row++) {
        g4r_product one = g4r_product_of(f, alone.values, n, a.values + row * a.ld, a.ld,
                                         b.values, b.ld, 1, n, k, beta);
        memcpy(alone.values, before.values + row * n, n * sizeof *alone.values);
        memcpy(alone_parts.values, alone.values, n * sizeof *alone.values);
        g4r_blas_multiply(one);
        one.c = alone_parts.values;
        g4r_blas_run(NULL, &one, 1);
        n_wrong += memcmp(alone.values, c.values + row * c.ld, n * sizeof *c.values) != 0;
        n_wrong += memcmp(alone_parts.values, parts.values + row * parts.ld,
                          n * sizeof *c.values) != 0;
    }
    if (!CHECK_INT(0, n_wrong))
        printf("  form %d, %zu x %zu x %zu, pad %zu\n", (int)f, m, n, k, pad);
    matrix *const all[] = {&a, &b, &c, &parts, &alone, &alone_parts, &before};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]->values);
}

static void rows_are_as_if_alone(void)
{
    static const size_t shapes[][3] = {{1, 7, 5},    {2, 3, 4},      {5, 17, 1},
                                       {4, 300, 33}, {9, 1000, 100}, {3, 2100, 700},
                                       {2, 5, 40000}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (size_t pad = 0; pad <= 3; pad += 3)
            for (int beta = 0; beta <= 1; beta++) {
                const size_t *s = shapes[i];
                check_rows(G4R_NT, s[0], s[1], s[2], pad, (g4r_real)beta);
                check_rows(G4R_NN, s[0], s[1], s[2], pad, (g4r_real)beta);
            }
}

/* Two threads at once get the right products, also of the serial build. */
static void *multiply_often(void *context)
{
    enum { M = 37, N = 41, K = 29 };
    const g4r_real *values = context;
    g4r_real first[M * N], c[M * N];
    long n_wrong = 0;
    g4r_blas_enter();
    g4r_blas_multiply(
        g4r_product_of(G4R_NT, first, N, values, K, values + M * K, K, M, N, K, 0));
    for (int i = 0; i < 500; i++) {
        g4r_blas_multiply(
            g4r_product_of(G4R_NT, c, N, values, K, values + M * K, K, M, N, K, 0));
        n_wrong += memcmp(c, first, sizeof c) != 0;
    }
    g4r_blas_leave();
    return n_wrong == 0 ? context : NULL;
}

static void threads_do_not_disturb_each_other(void)
{
    pthread_t threads[2];
    matrix values[2];
    for (int i = 0; i < 2; i++) {
        values[i] = make(1, (37 + 41) * 29, 0);
        CHECK_INT(0, pthread_create(&threads[i], NULL, multiply_often, values[i].values));
    }
    for (int i = 0; i < 2; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        CHECK(result == values[i].values);
        free(values[i].values);
    }
}

int main(void)
{
    g4r_rng_seed(&rng, 42, 1, 0);
    if (!CHECK(g4r_blas_enter()))
        return test_end();
    RUN(product_nt);
    RUN(product_nn);
    RUN(product_tn);
    RUN(one_row_is_a_row_of_many);
    RUN(rows_are_as_if_alone);
    g4r_blas_leave();
    RUN(threads_do_not_disturb_each_other);
    return test_end();
}

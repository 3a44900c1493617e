/*
 * test_products.c - products.h: in float32 the products of BLAS, in bfloat16 those of the
 * twin of the body in use, in blocks and in parts, with any number of threads.
 */
#include "../lib/bfloat16_twin.h"

#include "../../src/kernels/products.h"

enum { MOST_THREADS = 4 };

static g4r_arena arena;
static g4r_products in_bfloat16;

static void open_products(void)
{
    g4r_products_layout(&in_bfloat16, &arena, MOST_THREADS, true);
    CHECK(in_bfloat16.body == NULL); /* the arena only counts */
    CHECK(g4r_arena_allocate(&arena, &g4r_alloc_libc));
    g4r_products_layout(&in_bfloat16, &arena, MOST_THREADS, true);
    CHECK(in_bfloat16.body == g4r_bfloat16_pick());
}

/* A product with operands of its own, each row followed by values that must not be read. */
typedef struct example {
    g4r_product product;
    float *a, *b, *c;
    size_t n_values; /* of c */
} example;

static example make(g4r_rng *rng, g4r_product_form form, size_t m, size_t n, size_t k,
                    g4r_real beta)
{
    const bool is_tn = form == G4R_TN, is_nt = form == G4R_NT;
    const size_t lda = (is_tn ? m : k) + 1, ldb = (is_nt ? k : n) + 2, ldc = n + 3;
    example e = {.a = twin_matrix(rng, is_tn ? k : m, lda, TWIN_USUAL),
                 .b = twin_matrix(rng, is_nt ? n : k, ldb, TWIN_USUAL),
                 .c = twin_matrix(rng, m, ldc, TWIN_USUAL),
                 .n_values = m * ldc};
    e.product = g4r_product_of(form, e.c, ldc, e.a, lda, e.b, ldb, m, n, k, beta);
    return e;
}

static void drop(example *e)
{
    free(e->a);
    free(e->b);
    free(e->c);
}

static float *copy_of(const float *values, size_t n)
{
    float *copy = malloc(n * sizeof *copy);
    memcpy(copy, values, n * sizeof *copy);
    return copy;
}

/* C as the twin has it. */
static void multiply_plainly(float *c, const g4r_product *p)
{
    const twin_order order = twin_order_of(in_bfloat16.body->name);
    float *row = malloc(p->k * sizeof *row), *column = malloc(p->k * sizeof *column);
    for (size_t i = 0; i < p->m; i++)
        for (size_t j = 0; j < p->n; j++) {
            for (size_t at = 0; at < p->k; at++) {
                row[at] = twin_round(
                    p->a[p->form == G4R_TN ? at * p->lda + i : i * p->lda + at]);
                column[at] = twin_round(
                    p->b[p->form == G4R_NT ? j * p->ldb + at : at * p->ldb + j]);
            }
            float *to = c + i * p->ldc + j;
            *to = twin_value(order, p->beta == 0 ? 0 : *to, row, column, p->k);
        }
    free(row);
    free(column);
}

/* Sizes beyond a block in each direction. */
static void test_twin(void)
{
    static const size_t sizes[][3] = {{5, 7, 3},     {80, 272, 100}, {300, 20, 40},
                                      {20, 300, 40}, {9, 19, 600},   {260, 258, 40},
                                      {1, 1, 1},     {1, 40, 513}};
    static const g4r_product_form forms[] = {G4R_NT, G4R_NN, G4R_TN};
    g4r_rng rng;
    g4r_rng_seed(&rng, 5, 1, 0);
    for (size_t i = 0; i < 3 * sizeof sizes / sizeof *sizes; i++) {
        const size_t *size = sizes[i / 3];
        example e = make(&rng, forms[i % 3], size[0], size[1], size[2], (float)(i % 2));
        float *expected = copy_of(e.c, e.n_values);
        multiply_plainly(expected, &e.product);
        g4r_products_multiply(&in_bfloat16, e.product, i % MOST_THREADS);
        size_t n_wrong = 0;
        for (size_t v = 0; v < e.n_values; v++)
            n_wrong += !twin_is_same(expected[v], e.c[v]);
        if (!CHECK_INT(0, n_wrong))
            printf("  form %zu, %zu x %zu x %zu\n", i % 3, size[0], size[1], size[2]);
        free(expected);
        drop(&e);
    }
}

/* Without values of k the product is zero. */
static void test_no_depth(void)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, 6, 1, 0);
    example e = make(&rng, G4R_NN, 3, 20, 0, 0), kept = make(&rng, G4R_NN, 3, 20, 0, 1);
    float *before = copy_of(kept.c, kept.n_values);
    g4r_products_multiply(&in_bfloat16, e.product, 0);
    g4r_products_multiply(&in_bfloat16, kept.product, 0);
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 20; j++)
            CHECK(e.c[i * e.product.ldc + j] == 0);
    CHECK(memcmp(before, kept.c, kept.n_values * sizeof *before) == 0);
    free(before);
    drop(&e);
    drop(&kept);
}

static void test_float32(void)
{
    const g4r_products in_float32 = {0};
    g4r_rng rng;
    g4r_rng_seed(&rng, 9, 1, 0);
    example e = make(&rng, G4R_NT, 30, 70, 40, 0);
    g4r_blas_multiply(e.product);
    float *expected = copy_of(e.c, e.n_values);
    const g4r_products *const doors[] = {NULL, &in_float32};
    for (size_t i = 0; i < 2; i++) {
        e.c[0] = -1;
        g4r_products_multiply(doors[i], e.product, 0);
        CHECK(memcmp(expected, e.c, e.n_values * sizeof *e.c) == 0);
    }
    g4r_products_multiply(&in_bfloat16, e.product, 0);
    CHECK(memcmp(expected, e.c, e.n_values * sizeof *e.c) != 0);
    free(expected);
    drop(&e);
}

/* The products of a layer, cut into parts. */
static void run_with(size_t n_threads, float *results[3])
{
    g4r_pool *pool =
        g4r_pool_new(n_threads, g4r_blas_enter, g4r_blas_leave, &g4r_alloc_libc);
    g4r_product list[3];
    example e[3];
    g4r_rng rng;
    g4r_rng_seed(&rng, 8, 1, 0);
    e[0] = make(&rng, G4R_NT, 90, 672, 224, 0);
    e[1] = make(&rng, G4R_NN, 90, 224, 672, 1);
    e[2] = make(&rng, G4R_TN, 672, 224, 90, 0);
    for (int i = 0; i < 3; i++)
        list[i] = e[i].product;
    g4r_products_run(&in_bfloat16, pool, list, 3);
    for (int i = 0; i < 3; i++) {
        if (results[i] == NULL)
            results[i] = copy_of(e[i].c, e[i].n_values);
        CHECK(memcmp(results[i], e[i].c, e[i].n_values * sizeof(float)) == 0);
        drop(&e[i]);
    }
    g4r_pool_free(pool);
}

static void test_threads(void)
{
    float *results[3] = {NULL, NULL, NULL};
    for (size_t n = 1; n <= MOST_THREADS; n++)
        run_with(n, results);
    for (int i = 0; i < 3; i++)
        free(results[i]);
}

int main(void)
{
    g4r_blas_enter();
    open_products();
    RUN(test_twin);
    RUN(test_no_depth);
    RUN(test_float32);
    RUN(test_threads);
    g4r_arena_free(&arena, &g4r_alloc_libc);
    g4r_blas_leave();
    return test_end();
}

/* products.c - multiplies in the precision of a training; see products.h. */
#include "products.h"

/*
 * A product in bfloat16 is cut into blocks, so that the scratch of a thread has room for
 * both packed operands of a block: MOST_SIDE rows or columns, MOST_DEPTH values of k.
 */
enum { MOST_SIDE = 256, MOST_DEPTH = 512, SCRATCH = MOST_SIDE * (2 * MOST_DEPTH + 32) };

void g4r_products_layout(g4r_products *products, g4r_arena *arena, size_t n_workers,
                         bool is_bfloat16)
{
    products->scratch = g4r_arena_take(arena, is_bfloat16 ? n_workers : 0,
                                       SCRATCH * sizeof *products->scratch);
    products->body = is_bfloat16 && arena->base != NULL ? g4r_bfloat16_pick() : NULL;
}

/* ---- one product ---- */

/* Packs m rows of A, from row i on, with k values, from value at on. */
static void pack_left(const g4r_bfloat16 *body, uint16_t *left, const g4r_product *p,
                      size_t i, size_t at, size_t m, size_t k)
{
    const bool is_turned = p->form == G4R_TN;
    const g4r_bfloat16_source a = {p->a + (is_turned ? at * p->lda + i : i * p->lda + at),
                                   p->lda, NULL};
    (is_turned ? body->pack_left_turned : body->pack_left)(left, &a, m, k);
}

/* Packs n columns of B, from column j on, with k values, from value at on. */
static void pack_right(const g4r_bfloat16 *body, uint16_t *right, const g4r_product *p,
                       size_t j, size_t at, size_t n, size_t k)
{
    const bool is_turned = p->form == G4R_NT;
    const g4r_bfloat16_source b = {p->b + (is_turned ? j * p->ldb + at : at * p->ldb + j),
                                   p->ldb, NULL};
    (is_turned ? body->pack_right_turned
               : body->pack_right)(right, g4r_bfloat16_stride(k), &b, k, n);
}

/* Computes a product in bfloat16, block after block. */
static void multiply_packed(const g4r_bfloat16 *body, uint16_t *left,
                            const g4r_product *p)
{
    uint16_t *right = left + MOST_SIDE * MOST_DEPTH;
    assert(!p->by_rows);
    for (size_t at = 0; at == 0 || at < p->k; at += MOST_DEPTH) {
        const size_t k = G4R_MIN(MOST_DEPTH, p->k - at);
        for (size_t i = 0; i < p->m; i += MOST_SIDE) {
            const size_t m = G4R_MIN(MOST_SIDE, p->m - i);
            pack_left(body, left, p, i, at, m, k);
            for (size_t j = 0; j < p->n; j += MOST_SIDE) {
                const size_t n = G4R_MIN(MOST_SIDE, p->n - j);
                pack_right(body, right, p, j, at, n, k);
                body->multiply(p->c + i * p->ldc + j, p->ldc, left, right,
                               g4r_bfloat16_stride(k), m, n, k, at > 0 || p->beta != 0);
            }
        }
    }
}

void g4r_products_multiply(const g4r_products *products, g4r_product product,
                           size_t worker)
{
    if (products != NULL && products->body != NULL)
        multiply_packed(products->body, products->scratch + worker * SCRATCH, &product);
    else
        g4r_blas_multiply(product);
}

/* ---- many products, shared by threads ---- */

/* The products of g4r_products_run(), for the tasks that the threads share. */
typedef struct products_job {
    const g4r_products *products;
    const g4r_product *list;
    size_t n;
} products_job;

/*
 * Returns the length of the side of the result C along which a product is cut into parts:
 * its number of rows for TN, else its number of columns.
 */
static size_t cut_side(const g4r_product *p)
{
    return p->form == G4R_TN ? p->m : p->n;
}

/*
 * Returns how many parts a product is cut into, at least 1, so that threads can share
 * them. Depends only on its form, its sizes and the precision. In bfloat16 each part
 * packs what all of them need, so there are fewer.
 */
static size_t count_parts(const products_job *job, const g4r_product *p)
{
    const bool is_packed = job->products != NULL && job->products->body != NULL;
    /* With by_rows, a row must be cut as it would be cut alone. */
    const size_t m = p->by_rows ? 1 : p->m;
    double operations = 2.0 * (double)m * (double)p->n * (double)p->k;
    return g4r_pool_cut(is_packed ? operations / 3 : operations, cut_side(p), 96);
}

/*
 * Computes one of the n_parts parts that a product is cut into: a range of the rows of
 * its result for TN, else a range of its columns. part is the number of the part, from 0.
 * If the range is empty, does nothing.
 */
static void multiply_part(const g4r_products *products, const g4r_product *p, size_t part,
                          size_t n_parts, size_t worker)
{
    size_t side = cut_side(p), begin = g4r_pool_part(part, n_parts, side);
    size_t n = g4r_pool_part(part + 1, n_parts, side) - begin;
    g4r_product cut = *p;
    if (p->form == G4R_TN) {
        cut.c += begin * p->ldc;
        cut.a += begin;
        cut.m = n;
    } else {
        cut.c += begin;
        cut.b += begin * (p->form == G4R_NT ? p->ldb : 1);
        cut.n = n;
    }
    g4r_products_multiply(products, cut, worker);
}

/*
 * Computes one part of one product of a list (context). It is a task of the pool. The
 * numbers of the tasks count the parts of the first product, then the parts of the
 * second, and so on.
 */
static void multiply_task(void *context, size_t task, size_t worker)
{
    const products_job *job = context;
    for (size_t i = 0; i < job->n; i++) {
        size_t n_parts = count_parts(job, &job->list[i]);
        if (task < n_parts) {
            multiply_part(job->products, &job->list[i], task, n_parts, worker);
            return;
        }
        task -= n_parts;
    }
}

void g4r_products_run(const g4r_products *products, g4r_pool *pool,
                      const g4r_product *list, size_t n)
{
    products_job job = {products, list, n};
    size_t n_tasks = 0;
    for (size_t i = 0; i < n; i++)
        n_tasks += count_parts(&job, &list[i]);
    g4r_pool_run(pool, multiply_task, &job, n_tasks);
}

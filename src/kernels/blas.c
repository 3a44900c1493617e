/*
 * blas.c - the matrix products: scans, rows, and parts that threads share; see blas.h. An
 * engine (blas_engine.h) makes what is left, a whole product on one thread.
 */
#include "blas.h"

#include "../base/fail.h"
#include "blas_engine.h"
#include "vec.h"

#ifdef GRU4REC_CBLAS
#define engine g4r_blas_openblas
#else
#define engine g4r_blas_builtin
#endif

bool g4r_blas_enter(void)
{
    return engine.enter();
}

void g4r_blas_leave(void)
{
    engine.leave();
}

size_t g4r_blas_bytes(size_t longest)
{
    return engine.bytes(longest);
}

gru4rec_status g4r_blas_fail(gru4rec_error *error)
{
    return g4r_fail(error, GRU4REC_NOMEM,
                    "out of memory: matrix products take %zu MB of address space in each "
                    "thread; raise the limit of the process (ulimit -v), or let other "
                    "work end first",
                    engine.buffer_bytes / 1000000);
}

/*
 * Computes the product on the calling thread: by our scan kernel if it is a scan (one
 * row, NT, and the rows of B follow each other without gaps), else by the engine. A
 * session of a model with PyTorch's cell is served with scans alone.
 */
static void multiply_whole(const g4r_product *p)
{
    if (p->m == 1 && p->k > 0 && p->form == G4R_NT && p->ldb == p->k)
        g4r_vec_pick()->scan.score(p->c, p->b, p->beta == 0 ? NULL : p->c, NULL, p->a,
                                   p->n, p->k);
    else
        engine.multiply(p);
}

/*
 * Computes the product (NT or NN) row by row, so that each row of C has the same bits as
 * if it were multiplied alone. If the rows are scans (see multiply_whole()), B is also
 * cut into parts, and each part is multiplied with all rows while it is in the cache. The
 * scan gives the same bits wherever B is cut.
 */
static void multiply_rows(const g4r_product *p)
{
    enum { CACHED = 1 << 15 /* values of B in a part, which stay in the cache */ };
    const bool is_scan = p->form == G4R_NT && p->ldb == p->k && p->k > 0;
    const size_t each = is_scan ? G4R_MAX(4, CACHED / p->k / 4 * 4) : p->n;
    for (size_t first = 0; first < p->n; first += each)
        for (size_t row = 0; row < p->m; row++) {
            g4r_product part = *p;
            part.c += row * p->ldc + first;
            part.a += row * p->lda;
            part.b += first * p->ldb; /* only a scan has a first above 0 */
            part.m = 1;
            part.n = G4R_MIN(each, p->n - first);
            multiply_whole(&part);
        }
}

void g4r_blas_multiply(g4r_product p)
{
    assert(!p.by_rows || p.form != G4R_TN);
    if (p.m == 0 || p.n == 0)
        return;
    if (p.by_rows)
        multiply_rows(&p);
    else
        multiply_whole(&p);
}

/* ---- many products, shared by threads ---- */

/* The products of g4r_blas_run(), for the tasks that the threads share. */
typedef struct products {
    const g4r_product *list;
    size_t n;
} products;

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
 * them. Depends only on its form and sizes.
 */
static size_t count_parts(const g4r_product *p)
{
    /* With by_rows, a row must be cut as it would be cut alone. */
    const size_t m = p->by_rows ? 1 : p->m;
    double operations = 2.0 * (double)m * (double)p->n * (double)p->k;
    return g4r_pool_cut(operations, cut_side(p), 96);
}

/*
 * Computes one of the n_parts parts that a product is cut into: a range of the rows of
 * its result for TN, else a range of its columns. part is the number of the part, from 0.
 * If the range is empty, does nothing.
 */
static void multiply_part(const g4r_product *p, size_t part, size_t n_parts)
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
    g4r_blas_multiply(cut);
}

/*
 * Computes one part of one product of a list (context). It is a task of the pool. The
 * numbers of the tasks count the parts of the first product, then the parts of the
 * second, and so on.
 */
static void multiply_task(void *context, size_t task, size_t worker)
{
    const products *all = context;
    (void)worker;
    for (size_t i = 0; i < all->n; i++) {
        size_t n_parts = count_parts(&all->list[i]);
        if (task < n_parts) {
            multiply_part(&all->list[i], task, n_parts);
            return;
        }
        task -= n_parts;
    }
}

void g4r_blas_run(g4r_pool *pool, const g4r_product *list, size_t n)
{
    products all = {list, n};
    size_t n_tasks = 0;
    for (size_t i = 0; i < n; i++)
        n_tasks += count_parts(&list[i]);
    g4r_pool_run(pool, multiply_task, &all, n_tasks);
}

bool g4r_blas_is_parallel(void)
{
    return engine.is_parallel();
}

void g4r_blas_facts(gru4rec_build *build)
{
    engine.facts(build);
}

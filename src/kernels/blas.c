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

bool g4r_blas_is_parallel(void)
{
    return engine.is_parallel();
}

void g4r_blas_facts(gru4rec_build *build)
{
    engine.facts(build);
}

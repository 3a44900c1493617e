/*
 * blas.c - see blas.h. The only file that sees <cblas.h>.
 *
 * OpenBLAS comes in three builds and the user's system picks one. The serial build is not
 * safe to call from two threads (it was built without locks), so a mutex guards it. In
 * the OpenMP build a forked child hangs in its first product unless its thread count is
 * set to one there first; and there each thread has a count of its own, OpenMP's, which
 * is asked for at every product. The other builds have one count for the process.
 */
#include "blas.h"

#include "vec.h"

#include <cblas.h>
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int n_inside;     /* under lock */
static int host_threads; /* under lock: what to put back */

/* OpenMP's, where OpenBLAS brought it. */
extern int omp_get_max_threads(void) __attribute__((weak));
extern void omp_set_num_threads(int n) __attribute__((weak));

static _Thread_local int depth;          /* of enter in this thread */
static _Thread_local int thread_threads; /* what to put back in it */

static bool has_openmp(void)
{
    return openblas_get_parallel() == 2 && omp_get_max_threads != NULL &&
           omp_set_num_threads != NULL;
}

/* The serial build's products, one at a time. */
static pthread_mutex_t serial = PTHREAD_MUTEX_INITIALIZER;

/* A child has no other thread that could give the locks back. */
static void before_fork(void)
{
    pthread_mutex_lock(&lock);
    pthread_mutex_lock(&serial);
}

static void after_fork(void)
{
    pthread_mutex_unlock(&serial);
    pthread_mutex_unlock(&lock);
}

static void calm_child(void)
{
    after_fork();
    openblas_set_num_threads(1);
}

static void watch_fork(void)
{
    pthread_atfork(before_fork, after_fork, calm_child);
}

void g4r_blas_enter(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_fork);
    if (has_openmp()) {
        if (depth++ == 0) {
            thread_threads = omp_get_max_threads();
            omp_set_num_threads(1);
        }
        return;
    }
    pthread_mutex_lock(&lock);
    if (n_inside++ == 0) {
        host_threads = openblas_get_num_threads();
        if (host_threads != 1)
            openblas_set_num_threads(1);
    }
    pthread_mutex_unlock(&lock);
}

void g4r_blas_leave(void)
{
    if (has_openmp()) {
        assert(depth > 0);
        if (--depth == 0)
            omp_set_num_threads(thread_threads);
        return;
    }
    pthread_mutex_lock(&lock);
    assert(n_inside > 0);
    if (--n_inside == 0 && host_threads != 1)
        openblas_set_num_threads(host_threads);
    pthread_mutex_unlock(&lock);
}

static bool lock_if_serial(void)
{
    bool is_serial = !g4r_blas_is_parallel();
    if (is_serial)
        pthread_mutex_lock(&serial);
    return is_serial;
}

static void unlock_if(bool is_locked)
{
    if (is_locked)
        pthread_mutex_unlock(&serial);
}

#ifdef GRU4REC_DOUBLE
#define GEMM cblas_dgemm
#define GEMV cblas_dgemv
#else
#define GEMM cblas_sgemm
#define GEMV cblas_sgemv
#endif

static void multiply(enum CBLAS_TRANSPOSE a_form, enum CBLAS_TRANSPOSE b_form,
                     g4r_real *c, size_t ldc, const g4r_real *a, size_t lda,
                     const g4r_real *b, size_t ldb, size_t m, size_t n, size_t k,
                     g4r_real beta)
{
    if (m == 0 || n == 0)
        return;
    bool is_locked = lock_if_serial();
    GEMM(CblasRowMajor, a_form, b_form, (blasint)m, (blasint)n, (blasint)k, 1, a,
         (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
    unlock_if(is_locked);
}

/*
 * c = b x + beta c, or b^T x + beta c; b (rows,cols). GEMM would pack all of b first. The
 * first form with whole rows is that of our own scans, which need no lock: what serves
 * one session is made of it.
 */
static void multiply_vector(enum CBLAS_TRANSPOSE b_form, g4r_real *c, const g4r_real *x,
                            const g4r_real *b, size_t ldb, size_t rows, size_t cols,
                            g4r_real beta)
{
    if (rows == 0 || cols == 0)
        return;
    bool is_locked = lock_if_serial();
    GEMV(CblasRowMajor, b_form, (blasint)rows, (blasint)cols, 1, b, (blasint)ldb, x, 1,
         beta, c, 1);
    unlock_if(is_locked);
}

void g4r_blas_nt(g4r_real *c, size_t ldc, const g4r_real *a, size_t lda,
                 const g4r_real *b, size_t ldb, size_t m, size_t n, size_t k,
                 g4r_real beta)
{
    if (m == 1 && k > 0 && ldb == k)
        g4r_vec_pick()->scan.score(c, b, beta == 0 ? NULL : c, NULL, a, n, k);
    else if (m == 1 && k > 0)
        multiply_vector(CblasNoTrans, c, a, b, ldb, n, k, beta);
    else
        multiply(CblasNoTrans, CblasTrans, c, ldc, a, lda, b, ldb, m, n, k, beta);
}

void g4r_blas_nn(g4r_real *c, size_t ldc, const g4r_real *a, size_t lda,
                 const g4r_real *b, size_t ldb, size_t m, size_t n, size_t k,
                 g4r_real beta)
{
    if (m == 1 && k > 0)
        multiply_vector(CblasTrans, c, a, b, ldb, k, n, beta);
    else
        multiply(CblasNoTrans, CblasNoTrans, c, ldc, a, lda, b, ldb, m, n, k, beta);
}

void g4r_blas_tn(g4r_real *c, size_t ldc, const g4r_real *a, size_t lda,
                 const g4r_real *b, size_t ldb, size_t m, size_t n, size_t k,
                 g4r_real beta)
{
    multiply(CblasTrans, CblasNoTrans, c, ldc, a, lda, b, ldb, m, n, k, beta);
}

/* ---- many at once ---- */

typedef struct products {
    const g4r_product *list;
    size_t n;
} products;

/* The side of C that is cut: its rows, or its columns. */
static size_t cut_side(const g4r_product *p)
{
    return p->form == G4R_TN ? p->m : p->n;
}

static size_t count_parts(const g4r_product *p)
{
    double operations = 2.0 * (double)p->m * (double)p->n * (double)p->k;
    return g4r_pool_cut(operations, cut_side(p), 96);
}

static void multiply_part(const g4r_product *p, size_t part, size_t n_parts)
{
    size_t side = cut_side(p), from = g4r_pool_part(part, n_parts, side);
    size_t n = g4r_pool_part(part + 1, n_parts, side) - from;
    if (p->form == G4R_NT)
        g4r_blas_nt(p->c + from, p->ldc, p->a, p->lda, p->b + from * p->ldb, p->ldb, p->m,
                    n, p->k, p->beta);
    else if (p->form == G4R_NN)
        g4r_blas_nn(p->c + from, p->ldc, p->a, p->lda, p->b + from, p->ldb, p->m, n, p->k,
                    p->beta);
    else
        g4r_blas_tn(p->c + from * p->ldc, p->ldc, p->a + from, p->lda, p->b, p->ldb, n,
                    p->n, p->k, p->beta);
}

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
    return openblas_get_parallel() != 0;
}

const char *g4r_blas_config(void)
{
    return openblas_get_config();
}

const char *g4r_blas_core(void)
{
    return openblas_get_corename();
}

const char *g4r_blas_threading(void)
{
    static const char *const names[] = {"serial", "pthread", "openmp"};
    int parallel = openblas_get_parallel();
    return parallel >= 0 && parallel <= 2 ? names[parallel] : "unknown";
}

/*
 * blas.c - see blas.h. The only file that sees <cblas.h>.
 *
 * OpenBLAS comes in three builds and the user's system picks one. The serial build is not
 * safe to call from two threads (it was built without locks), so a mutex guards it. In
 * the OpenMP build a forked child hangs in its first product unless its thread count is
 * set to one there first; and there each thread has a count of its own, OpenMP's, which
 * is asked for at every product. The other builds have one count for the process, as the
 * serial one has its memory: so all copies of this library in a process share what watches
 * over that.
 */
#include "blas.h"

#include "vec.h"

#include <cblas.h>
#include <pthread.h>

/*
 * Exported, so that the linker gives the first copy's to all. Copies may be of different
 * builds: whoever changes the layout changes the name.
 */
struct gru4rec_blas_shared {
    pthread_once_t is_watched; /* fork() */
    pthread_mutex_t lock;      /* for the next two */
    int n_inside;
    int host_threads;       /* what to put back */
    pthread_mutex_t serial; /* the serial build's products, one at a time */
};
extern struct gru4rec_blas_shared gru4rec_blas_shared_1
    __attribute__((visibility("default")));
struct gru4rec_blas_shared gru4rec_blas_shared_1 = {
    .is_watched = PTHREAD_ONCE_INIT,
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .serial = PTHREAD_MUTEX_INITIALIZER,
};
#define shared gru4rec_blas_shared_1

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

/* A child has no other thread that could give the locks back. */
static void before_fork(void)
{
    pthread_mutex_lock(&shared.lock);
    pthread_mutex_lock(&shared.serial);
}

static void after_fork(void)
{
    pthread_mutex_unlock(&shared.serial);
    pthread_mutex_unlock(&shared.lock);
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
    pthread_once(&shared.is_watched, watch_fork);
    if (has_openmp()) {
        if (depth++ == 0) {
            thread_threads = omp_get_max_threads();
            omp_set_num_threads(1);
        }
        return;
    }
    pthread_mutex_lock(&shared.lock);
    if (shared.n_inside++ == 0) {
        shared.host_threads = openblas_get_num_threads();
        if (shared.host_threads != 1)
            openblas_set_num_threads(1);
    }
    pthread_mutex_unlock(&shared.lock);
}

void g4r_blas_leave(void)
{
    if (has_openmp()) {
        assert(depth > 0);
        if (--depth == 0)
            omp_set_num_threads(thread_threads);
        return;
    }
    pthread_mutex_lock(&shared.lock);
    assert(shared.n_inside > 0);
    if (--shared.n_inside == 0 && shared.host_threads != 1)
        openblas_set_num_threads(shared.host_threads);
    pthread_mutex_unlock(&shared.lock);
}

#ifdef GRU4REC_DOUBLE
#define GEMM cblas_dgemm
#define GEMV cblas_dgemv
#else
#define GEMM cblas_sgemm
#define GEMV cblas_sgemv
#endif

/*
 * A product of one row is a GEMV, as GEMM would pack all of B first. With whole rows of a
 * transposed B it is one of our own scans, which need no lock: what serves one session is
 * made of it.
 */
void g4r_blas_multiply(g4r_product p)
{
    const blasint m = (blasint)p.m, n = (blasint)p.n, k = (blasint)p.k;
    const blasint lda = (blasint)p.lda, ldb = (blasint)p.ldb, ldc = (blasint)p.ldc;
    const bool is_row = p.m == 1 && p.k > 0 && p.form != G4R_TN;
    const bool is_parallel = g4r_blas_is_parallel();
    if (p.m == 0 || p.n == 0)
        return;
    if (is_row && p.form == G4R_NT && p.ldb == p.k) {
        g4r_vec_pick()->scan.score(p.c, p.b, p.beta == 0 ? NULL : p.c, NULL, p.a, p.n,
                                   p.k);
        return;
    }
    if (!is_parallel)
        pthread_mutex_lock(&shared.serial);
    if (is_row && p.form == G4R_NT)
        GEMV(CblasRowMajor, CblasNoTrans, n, k, 1, p.b, ldb, p.a, 1, p.beta, p.c, 1);
    else if (is_row)
        GEMV(CblasRowMajor, CblasTrans, k, n, 1, p.b, ldb, p.a, 1, p.beta, p.c, 1);
    else
        GEMM(CblasRowMajor, p.form == G4R_TN ? CblasTrans : CblasNoTrans,
             p.form == G4R_NT ? CblasTrans : CblasNoTrans, m, n, k, 1, p.a, lda, p.b, ldb,
             p.beta, p.c, ldc);
    if (!is_parallel)
        pthread_mutex_unlock(&shared.serial);
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

void g4r_blas_facts(gru4rec_build *build)
{
    static const char *const threading[] = {"serial", "pthread", "openmp"};
    int parallel = openblas_get_parallel();
    build->blas = openblas_get_config();
    build->blas_core = openblas_get_corename();
    build->blas_threading =
        parallel >= 0 && parallel <= 2 ? threading[parallel] : "unknown";
}

/*
 * test_pool.c - pool.c: every task once, whoever takes it; jobs one after another, also
 * after the threads fell asleep, and with more threads than processors; products that are
 * cut give the same bits with any number of threads; how large their stacks are.
 */
#define _GNU_SOURCE /* usleep(), pthread_getattr_np() */
#include "../../include/gru4rec_platform.h"
#include "../../src/kernels/products.h"
#include "../../src/base/rng.h"
#include "../lib/fault_alloc.h"
#include "../lib/test.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST = 1000, MOST_WORKERS = 9 };

typedef struct job {
    int counts[MOST]; /* written by whoever has the task */
    _Atomic int by_worker[MOST_WORKERS];
    _Atomic int n_bad;
    size_t n_workers;
} job;

static void count(void *context, size_t task, size_t worker)
{
    job *j = context;
    j->counts[task]++;
    if (worker < j->n_workers)
        atomic_fetch_add(&j->by_worker[worker], 1);
    else
        atomic_fetch_add(&j->n_bad, 1);
}

static void check_job(g4r_pool *pool, job *j, size_t n)
{
    memset(j->counts, 0, sizeof j->counts);
    j->n_workers = g4r_pool_workers(pool);
    g4r_pool_run(pool, count, j, n);
    bool is_ok = true;
    for (size_t i = 0; i < MOST; i++)
        is_ok = is_ok && j->counts[i] == (i < n);
    CHECK(is_ok);
}

static void every_task_once(void)
{
    static job j;
    static const size_t sizes[] = {0, 1, 2, 3, 7, 64, MOST};
    for (size_t n_workers = 1; n_workers <= MOST_WORKERS; n_workers += 2) {
        g4r_pool *pool =
            g4r_pool_new(n_workers, g4r_blas_enter, g4r_blas_leave, &g4r_alloc_libc);
        if (!CHECK(pool != NULL))
            return;
        CHECK_INT(n_workers, g4r_pool_workers(pool));
        for (int round = 0; round < 300; round++)
            check_job(pool, &j, sizes[round % 7]);
        g4r_pool_free(pool);
    }
    check_job(NULL, &j, 5);
    CHECK_INT(1, g4r_pool_workers(NULL));
    CHECK_INT(0, j.n_bad);
    g4r_pool_free(NULL);
}

static void sleepers_wake(void)
{
    static job j;
    g4r_pool *pool = g4r_pool_new(4, g4r_blas_enter, g4r_blas_leave, &g4r_alloc_libc);
    if (!CHECK(pool != NULL))
        return;
    for (int round = 0; round < 20; round++) {
        usleep(2000); /* long after they stopped spinning */
        for (int i = 0; i < 5; i++)
            check_job(pool, &j, 100);
    }
    usleep(2000);
    g4r_pool_free(pool); /* asleep */
    pool = g4r_pool_new(3, g4r_blas_enter, g4r_blas_leave, &g4r_alloc_libc);
    g4r_pool_free(pool); /* never used */
    CHECK_INT(0, j.n_bad);
}

/* With enough to do the others help. */
static void linger(void *context, size_t task, size_t worker)
{
    (void)task;
    usleep(200);
    atomic_fetch_add(&((job *)context)->by_worker[worker], 1);
}

static void work_is_shared(void)
{
    static job j;
    g4r_pool *pool = g4r_pool_new(3, g4r_blas_enter, g4r_blas_leave, &g4r_alloc_libc);
    if (!CHECK(pool != NULL))
        return;
    g4r_pool_run(pool, linger, &j, 120);
    for (int i = 0; i < 3; i++)
        CHECK(j.by_worker[i] > 0);
    CHECK_INT(120, j.by_worker[0] + j.by_worker[1] + j.by_worker[2]);
    g4r_pool_free(pool);
}

static void short_memory_is_told(void)
{
    fault_alloc fault = {.fail_at = 1};
    gru4rec_allocator allocator = fault_alloc_allocator(&fault);
    CHECK(g4r_pool_new(2, g4r_blas_enter, g4r_blas_leave, &allocator) == NULL);
    CHECK(g4r_pool_processors() >= 1);
}

static _Atomic int n_let_in;

/* The first two. */
static bool enter_if_early(void)
{
    return atomic_fetch_add(&n_let_in, 1) < 2;
}

static void leave(void)
{
    atomic_fetch_sub(&n_let_in, 1);
}

/* There are as many threads as could enter; none is asked for after the first that could
 * not. */
static void threads_that_cannot_enter_are_not_there(void)
{
    static job j;
    for (size_t n_workers = 2; n_workers <= MOST_WORKERS; n_workers++) {
        atomic_store(&n_let_in, 0);
        g4r_pool *pool = g4r_pool_new(n_workers, enter_if_early, leave, &g4r_alloc_libc);
        if (!CHECK(pool != NULL))
            return;
        CHECK_INT(n_workers < 3 ? n_workers : 3, g4r_pool_workers(pool));
        CHECK_INT(n_workers < 4 ? n_workers - 1 : 3, atomic_load(&n_let_in));
        for (int round = 0; round < 100; round++)
            check_job(pool, &j, MOST);
        g4r_pool_free(pool);
        CHECK_INT(n_workers < 4 ? 0 : 1, atomic_load(&n_let_in));
    }
}

#ifdef __SANITIZE_THREAD__ /* keeps most of the stack for itself */
enum { DEEP = GRU4REC_PLATFORM_STACK / 16 };
#else
enum { DEEP = GRU4REC_PLATFORM_STACK / 4 * 3 };
#endif

/* Uses most of its stack; and the stack is as large as was asked for, not the system's. */
static void dig(void *context, size_t task, size_t worker)
{
    _Atomic size_t *sizes = context;
    if (worker == 0) {
        usleep(2000); /* so that the others get the tasks */
        return;
    }
    volatile char hole[DEEP];
    for (size_t i = 0; i < DEEP; i += 512)
        hole[i] = (char)task;
    size_t bytes = GRU4REC_PLATFORM_STACK;
#ifdef __linux__
    pthread_attr_t facts;
    if (pthread_getattr_np(pthread_self(), &facts) == 0) {
        pthread_attr_getstacksize(&facts, &bytes);
        pthread_attr_destroy(&facts);
    }
#endif
    atomic_store(&sizes[worker], hole[0] == (char)task ? bytes : 0);
}

/* Neither musl's 128 kB nor glibc's 8 MB. */
static void stacks_have_their_size(void)
{
    _Atomic size_t sizes[3] = {0};
    g4r_pool *pool = g4r_pool_new(3, g4r_blas_enter, g4r_blas_leave, &g4r_alloc_libc);
    if (!CHECK(pool != NULL))
        return;
    for (int round = 0; round < 200 && (sizes[1] == 0 || sizes[2] == 0); round++)
        g4r_pool_run(pool, dig, sizes, 30);
    for (size_t i = 1; i < 3; i++) {
        CHECK(sizes[i] >= DEEP);
        CHECK(sizes[i] <= 2 * GRU4REC_PLATFORM_STACK);
    }
    g4r_pool_free(pool);
}

static void cuts_depend_on_the_work(void)
{
    CHECK_INT(1, g4r_pool_cut(1000, 1000000, 1));
    CHECK_INT(1, g4r_pool_cut(1e12, 50, 64));
    CHECK_INT(8, g4r_pool_cut(1e12, 1000000, 64));
    CHECK_INT(3, g4r_pool_cut(9e6, 1000, 64));
}

/* ---- products ---- */

enum { SIDE = 700 };

static void fill(g4r_real *values, size_t n, int64_t seed)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, seed, 1, 0);
    for (size_t i = 0; i < n; i++)
        values[i] = (g4r_real)(g4r_rng_uniform(&rng) - 0.5);
}

/* Two products of a form at once, one of them small; with beta. */
static void run_products(g4r_pool *pool, g4r_product_form form, g4r_real *c,
                         const g4r_real *a, const g4r_real *b, size_t m, size_t n,
                         size_t k)
{
    size_t lda = form == G4R_TN ? m : k, ldb = form == G4R_NT ? k : n;
    g4r_product products[2] = {
        g4r_product_of(form, c, n, a, lda, b, ldb, m, n, k, 1),
        g4r_product_of(G4R_NN, c + m * n, 3, a, 3, b, 3, 3, 3, 3, 0),
    };
    fill(c, m * n + 9, 3);
    g4r_products_run(NULL, pool, products, 2);
}

static void products_have_the_same_bits(void)
{
    static const size_t shapes[][3] = {
        {1, 700, 700}, {32, 700, 100}, {700, 100, 32}, {240, 512, 700}, {7, 97, 5}};
    size_t size = (size_t)SIDE * SIDE;
    g4r_real *a = malloc(size * sizeof *a), *b = malloc(size * sizeof *b);
    g4r_real *c = malloc((size + 9) * sizeof *c), *d = malloc((size + 9) * sizeof *d);
    g4r_pool *pools[] = {NULL,
                         g4r_pool_new(2, g4r_blas_enter, g4r_blas_leave, &g4r_alloc_libc),
                         g4r_pool_new(5, g4r_blas_enter, g4r_blas_leave,
                                      &g4r_alloc_libc)};
    if (!CHECK(a != NULL && b != NULL && c != NULL && d != NULL))
        exit(test_end());
    fill(a, size, 1);
    fill(b, size, 2);
    g4r_blas_enter();
    for (g4r_product_form form = G4R_NT; form <= G4R_TN; form++)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
            size_t m = shapes[s][0], n = shapes[s][1], k = shapes[s][2];
            size_t lda = form == G4R_TN ? m : k, ldb = form == G4R_NT ? k : n;
            run_products(NULL, form, c, a, b, m, n, k);
            for (int p = 1; p < 3; p++) {
                run_products(pools[p], form, d, a, b, m, n, k);
                CHECK(memcmp(c, d, (m * n + 9) * sizeof *c) == 0);
            }
            fill(d, m * n,
                 3); /* and those of the product in one piece, but for rounding */
            g4r_blas_multiply(g4r_product_of(form, d, n, a, lda, b, ldb, m, n, k, 1));
            double worst = 0;
            for (size_t i = 0; i < m * n; i++)
                worst = fmax(worst, fabs((double)(c[i] - d[i])));
            CHECK_NEAR(0, worst, 2e-5);
        }
    g4r_blas_leave();
    g4r_pool_free(pools[1]);
    g4r_pool_free(pools[2]);
    free(a);
    free(b);
    free(c);
    free(d);
}

int main(void)
{
    RUN(every_task_once);
    RUN(sleepers_wake);
    RUN(work_is_shared);
    RUN(short_memory_is_told);
    RUN(threads_that_cannot_enter_are_not_there);
    RUN(stacks_have_their_size);
    RUN(cuts_depend_on_the_work);
    RUN(products_have_the_same_bits);
    return test_end();
}

/*
 * test_blas.c - blas.c: the three products against plain loops, OpenBLAS's thread count
 * put back, and its buffers, also where there is no room for them.
 */
#define _POSIX_C_SOURCE 200809L
#include "../lib/test.h"

#include "../../src/kernels/products.h"
#include "../../src/base/rng.h"

#include <float.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* As <cblas.h> has them, which only blas.c includes. */
extern void openblas_set_num_threads(int n);
extern int openblas_get_num_threads(void);

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
    g4r_products_run(NULL, NULL, &product, 1);
    size_t n_wrong = 0;
    for (size_t row = 0; row < m; row++) {
        g4r_product one = g4r_product_of(f, alone.values, n, a.values + row * a.ld, a.ld,
                                         b.values, b.ld, 1, n, k, beta);
        memcpy(alone.values, before.values + row * n, n * sizeof *alone.values);
        memcpy(alone_parts.values, alone.values, n * sizeof *alone.values);
        g4r_blas_multiply(one);
        one.c = alone_parts.values;
        g4r_products_run(NULL, NULL, &one, 1);
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

/* ---- threads ---- */

/* The serial build has one thread, whatever it is told. */
static int set_threads(int n)
{
    openblas_set_num_threads(n);
    return openblas_get_num_threads();
}

static void leave_puts_the_thread_count_back(void)
{
    int before = openblas_get_num_threads();
    for (int n = 1; n <= 3; n++) {
        int host = set_threads(n);
        g4r_blas_enter();
        CHECK_INT(1, openblas_get_num_threads());
        g4r_blas_enter();
        CHECK_INT(1, openblas_get_num_threads());
        g4r_blas_leave();
        CHECK_INT(1, openblas_get_num_threads());
        g4r_blas_leave();
        CHECK_INT(host, openblas_get_num_threads());
    }
    openblas_set_num_threads(before);
}

typedef struct turn {
    pthread_barrier_t entered, left;
} turn;

static void *enter_beside(void *context)
{
    turn *t = context;
    g4r_blas_enter();
    pthread_barrier_wait(&t->entered);
    pthread_barrier_wait(&t->left);
    g4r_blas_leave();
    return NULL;
}

/* Who enters first need not leave last. */
static void two_threads_may_hold_it(void)
{
    int before = openblas_get_num_threads(), host = set_threads(2);
    turn t;
    pthread_t thread;
    pthread_barrier_init(&t.entered, NULL, 2);
    pthread_barrier_init(&t.left, NULL, 2);
    g4r_blas_enter();
    CHECK_INT(0, pthread_create(&thread, NULL, enter_beside, &t));
    pthread_barrier_wait(&t.entered);
    CHECK_INT(1, openblas_get_num_threads());
    g4r_blas_leave();
    CHECK_INT(1, openblas_get_num_threads());
    pthread_barrier_wait(&t.left);
    pthread_join(thread, NULL);
    CHECK_INT(host, openblas_get_num_threads());
    pthread_barrier_destroy(&t.entered);
    pthread_barrier_destroy(&t.left);
    openblas_set_num_threads(before);
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

/* A child forked after products were made can make its own: a hang ends by the alarm. */
static void forked_child_can_multiply(void)
{
    int before = openblas_get_num_threads(), status = -1;
    matrix a = make(200, 200, 0), b = make(200, 200, 0), c = make(200, 200, 0);
    set_threads(2);
    g4r_blas_multiply(g4r_product_of(G4R_NN, c.values, 200, a.values, 200, b.values, 200,
                                     200, 200, 200, 0));
    g4r_blas_enter();
    g4r_blas_leave();
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        g4r_blas_enter();
        g4r_blas_multiply(g4r_product_of(G4R_NN, c.values, 200, a.values, 200, b.values,
                                         200, 200, 200, 200, 0));
        g4r_blas_leave();
        _exit(0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    openblas_set_num_threads(before);
    free(a.values);
    free(b.values);
    free(c.values);
}

/* ---- buffers ---- */

#ifdef __SANITIZE_ADDRESS__
enum { CAN_LIMIT = 0 }; /* its own maps would fail */
#else
enum { CAN_LIMIT = 1 };
#endif

/* Lets the process map so many bytes more. */
static void leave_room(size_t bytes)
{
    unsigned long pages = 0;
    struct rlimit limit;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%lu", &pages) != 1)
        _exit(10);
    fclose(file);
    getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + bytes;
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        _exit(11);
}

/* Multiplies matrices so large that OpenBLAS packs them. */
static bool can_multiply(const matrix *a, g4r_real *c)
{
    if (!g4r_blas_enter())
        return false;
    g4r_blas_multiply(
        g4r_product_of(G4R_NN, c, 200, a->values, 200, a->values, 200, 200, 200, 200, 0));
    g4r_blas_leave();
    return true;
}

typedef struct visit {
    const matrix *a;
    g4r_real *c;
    bool is_done;
} visit;

static void *visit_beside(void *context)
{
    visit *v = context;
    v->is_done = can_multiply(v->a, v->c);
    return NULL;
}

/* In a child: its exit status says what was wrong, and an alarm ends it if it hangs. */
static void run_short(void)
{
    matrix a = make(200, 200, 0), c = make(200, 200, 0), d = make(200, 200, 0);
    visit v = {&a, d.values, true};
    pthread_t thread;
    gru4rec_error error = {""};
    const bool is_parallel = g4r_blas_is_parallel();
    alarm(20);
    pthread_create(&thread, NULL, visit_beside, &v); /* its stack stays */
    pthread_join(thread, NULL);
    g4r_blas_enter(); /* needs one more than there are */
    leave_room(64 << 20);
    pthread_create(&thread, NULL, visit_beside, &v);
    pthread_join(thread, NULL);
    if (v.is_done == is_parallel)
        _exit(1);
    if (is_parallel && (g4r_blas_fail(&error) != GRU4REC_NOMEM ||
                        strstr(error.message, "out of memory") == NULL))
        _exit(2);
    if (!can_multiply(&a, c.values)) /* this thread has one */
        _exit(3);
    leave_room(400 << 20);
    pthread_create(&thread, NULL, visit_beside, &v);
    pthread_join(thread, NULL);
    if (!v.is_done || memcmp(c.values, d.values, 200 * 200 * sizeof(g4r_real)) != 0)
        _exit(4);
    leave_room(16 << 20); /* now there are two */
    pthread_create(&thread, NULL, visit_beside, &v);
    pthread_join(thread, NULL);
    _exit(v.is_done ? 0 : 5);
}

static void short_address_space_is_told(void)
{
    int status = -1;
    fflush(stdout);
    g4r_blas_enter();
    g4r_blas_leave();
    pid_t child = CAN_LIMIT ? fork() : -1;
    if (child == 0)
        run_short();
    if (!CAN_LIMIT) {
        CHECK(true);
        return;
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK_INT(0, WEXITSTATUS(status));
}

typedef struct crowd {
    pthread_barrier_t all;
    const matrix *a;
    _Atomic int n_right;
} crowd;

static void *meet(void *context)
{
    crowd *all = context;
    static _Thread_local g4r_real c[200 * 200];
    const bool is_inside = g4r_blas_enter();
    pthread_barrier_wait(&all->all);
    if (is_inside) {
        atomic_fetch_add(&all->n_right, can_multiply(all->a, c));
        g4r_blas_leave();
    }
    return NULL;
}

/* Many threads inside at once, and again: all find a buffer. */
static void many_threads_have_buffers(void)
{
    enum { N = 40 };
    pthread_t threads[N];
    matrix a = make(200, 200, 0);
    for (int round = 0; round < 3; round++) {
        crowd all = {.a = &a};
        pthread_barrier_init(&all.all, NULL, N);
        for (int i = 0; i < N; i++)
            CHECK_INT(0, pthread_create(&threads[i], NULL, meet, &all));
        for (int i = 0; i < N; i++)
            pthread_join(threads[i], NULL);
        CHECK_INT(N, all.n_right);
        pthread_barrier_destroy(&all.all);
    }
    free(a.values);
}

static void bytes_grow_with_the_side(void)
{
    CHECK(g4r_blas_bytes(1) > 1 << 20);
    CHECK(g4r_blas_bytes(1000) > g4r_blas_bytes(10));
    CHECK(g4r_blas_bytes(SIZE_MAX) == g4r_blas_bytes(SIZE_MAX / 2));
    CHECK(g4r_blas_bytes(SIZE_MAX) < (size_t)1 << 30);
}

static void build_is_named(void)
{
    gru4rec_build build;
    gru4rec_build_facts(&build);
    const char *threading = build.blas_threading;
    CHECK(strstr(build.blas, "OpenBLAS") != NULL);
    CHECK(strlen(build.blas_core) > 0 && strlen(build.blas_core_reason) > 0);
    CHECK(strcmp(threading, "serial") == 0 || strcmp(threading, "pthread") == 0 ||
          strcmp(threading, "openmp") == 0);
}

int main(void)
{
    g4r_rng_seed(&rng, 42, 1, 0);
    RUN(short_address_space_is_told); /* the first to enter */
    RUN(product_nt);
    RUN(product_nn);
    RUN(product_tn);
    RUN(one_row_is_a_row_of_many);
    RUN(rows_are_as_if_alone);
    RUN(leave_puts_the_thread_count_back);
    RUN(two_threads_may_hold_it);
    RUN(threads_do_not_disturb_each_other);
    RUN(forked_child_can_multiply);
    RUN(many_threads_have_buffers);
    RUN(bytes_grow_with_the_side);
    RUN(build_is_named);
    return test_end();
}

/*
 * test_blas_openblas.c - blas_openblas.c: OpenBLAS's thread count put back, fork, and its
 * buffers, also where there is no room for them.
 */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "../lib/test.h"

#include "../../src/base/rng.h"
#include "../../src/kernels/blas.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* As <cblas.h> has them, which only blas_openblas.c includes. */
extern void openblas_set_num_threads(int n);
extern int openblas_get_num_threads(void);

enum { SIDE = 200 };

/* A square matrix, so large that OpenBLAS packs it. */
typedef struct matrix {
    g4r_real *values;
} matrix;

static matrix make(void)
{
    static g4r_rng rng = {{1, 2, 3, 4}};
    matrix m = {malloc(SIDE * SIDE * sizeof *m.values)};
    if (m.values == NULL)
        exit(test_end());
    for (size_t i = 0; i < SIDE * SIDE; i++)
        m.values[i] = (g4r_real)(2 * g4r_rng_uniform(&rng) - 1);
    return m;
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

/* A child forked after products were made can make its own: a hang ends by the alarm. */
static void forked_child_can_multiply(void)
{
    int before = openblas_get_num_threads(), status = -1;
    matrix a = make(), b = make(), c = make();
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

/* ---- threads of OpenBLAS that start late ---- */

#ifndef __SANITIZE_ADDRESS__
static _Atomic bool is_in_main; /* threads begin at once from now on */

typedef struct late_thread {
    void *(*run)(void *);
    void *context;
} late_thread;

static void *run_late(void *context)
{
    const late_thread thread = *(late_thread *)context;
    free(context);
    nanosleep(&(struct timespec){0, 60000000}, NULL);
    return thread.run(thread.context);
}

/* Threads that are made while libraries are loaded begin late, as on a busy machine. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                   void *(*run)(void *), void *context)
{
    static int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (create == NULL) {
        void *found = dlsym(RTLD_NEXT, "pthread_create");
        memcpy(&create, &found, sizeof create);
    }
    late_thread *late = is_in_main ? NULL : malloc(sizeof *late);
    if (late == NULL)
        return create(thread, attributes, run, context);
    *late = (late_thread){run, context};
    return create(thread, attributes, run_late, late);
}
#endif

/* The first to enter has a buffer that they do not take, also if they begin late. */
static void late_threads_take_their_own(void)
{
    matrix a = make(), c = make();
    struct rlimit before;
    CHECK(g4r_blas_enter());
    if (CAN_LIMIT) {
        nanosleep(&(struct timespec){0, 200000000}, NULL);
        getrlimit(RLIMIT_AS, &before);
        leave_room(16 << 20);
        alarm(20); /* OpenBLAS would try for ever to make a buffer */
        CHECK(can_multiply(&a, c.values));
        alarm(0);
        setrlimit(RLIMIT_AS, &before);
    }
    g4r_blas_leave();
    free(a.values);
    free(c.values);
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
    matrix a = make(), c = make(), d = make();
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
    matrix a = make();
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
#ifndef __SANITIZE_ADDRESS__
    is_in_main = true;
#endif
    RUN(late_threads_take_their_own); /* the first to enter */
    RUN(short_address_space_is_told);
    RUN(leave_puts_the_thread_count_back);
    RUN(two_threads_may_hold_it);
    RUN(forked_child_can_multiply);
    RUN(many_threads_have_buffers);
    RUN(bytes_grow_with_the_side);
    RUN(build_is_named);
    return test_end();
}

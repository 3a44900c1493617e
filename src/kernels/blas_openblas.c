/*
 * blas_openblas.c - the engine that makes products by OpenBLAS, and keeps OpenBLAS in
 * order for them; see blas_engine.h. Only this file makes products with <cblas.h>.
 *
 * OpenBLAS comes in three builds, and the user's system picks one; BLAS=static has the
 * pthread build inside:
 * - The serial build was built without locks. Two threads may not call it at the same
 *   time, so a mutex guards it.
 * - In the OpenMP build each thread has a thread count of its own, OpenMP's, which
 *   OpenBLAS reads at every product. A forked child hangs in its first product unless the
 *   child's thread count is first set to one.
 * - The pthread build, like the serial one, has one thread count for the process.
 *
 * OpenBLAS needs a buffer for each product that runs. If it has too few buffers, it maps
 * one more and keeps it. If such a mapping fails, OpenBLAS tries again for ever. So
 * enter() makes OpenBLAS map a buffer for each thread that enters, after a check that the
 * mapping can succeed. The products then find all buffers there.
 *
 * All copies of this library in a process share one struct gru4rec_blas_shared, which
 * keeps the counts for this; but with BLAS=static each copy has its own, because it has
 * an OpenBLAS of its own.
 */
#define _DEFAULT_SOURCE /* so that MAP_ANONYMOUS is declared */
#include "blas_engine.h"

#ifdef GRU4REC_CBLAS
#include "blas_core.h"

#include <cblas.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

enum { BUFFER_BYTES = 128 << 20, MOST_BUFFERS = 512 };

/*
 * What all copies of this library in a process know of OpenBLAS. The variable below is
 * exported (blas_core.h), so that the linker gives the first copy's variable to all
 * copies. The copies may be of different versions: whoever changes this layout must
 * change the name.
 */
struct gru4rec_blas_shared {
    /* pthread_once() with this makes fork() call our functions (watch_fork()). */
    pthread_once_t is_watched;
    pthread_mutex_t lock; /* guards the next five fields */
    /*
     * Threads that have entered and not yet left; a thread with nested calls counts once.
     */
    size_t n_inside;
    /*
     * OpenBLAS's thread count when the first thread entered; restored when the last one
     * leaves.
     */
    int host_threads;
    /*
     * OpenBLAS's own threads have taken their buffers, or had time to; false again after
     * a fork.
     */
    bool is_settled;
    size_t n_buffers;
    /* (n_buffers) Addresses of buffers that OpenBLAS has mapped for us and keeps. */
    void *buffers[MOST_BUFFERS];
    /*
     * With the serial build, a thread holds it during a product. Also held while buffers
     * are made and during fork().
     */
    pthread_mutex_t serial;
};
extern struct gru4rec_blas_shared gru4rec_blas_shared_1 G4R_BLAS_SHARED;
struct gru4rec_blas_shared gru4rec_blas_shared_1 = {
    .is_watched = PTHREAD_ONCE_INIT,
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .serial = PTHREAD_MUTEX_INITIALIZER,
};
#define shared gru4rec_blas_shared_1

/* Functions of OpenMP. They are NULL unless OpenBLAS was built with OpenMP. */
extern int omp_get_max_threads(void) G4R_BLAS_WEAK;
extern void omp_set_num_threads(int n) G4R_BLAS_WEAK;

/* This thread's calls of enter(), less its calls of leave(). Above 0: it is inside. */
static _Thread_local int depth;
/* This thread's OpenMP count before it entered; leave() restores it. */
static _Thread_local int thread_threads;

/*
 * The first function takes a buffer from OpenBLAS, which maps one more if all are in use.
 * The second gives a buffer back. No header of OpenBLAS declares them, and a later
 * version may not have them: they are NULL then.
 */
extern void *blas_memory_alloc(int unused) G4R_BLAS_WEAK;
extern void blas_memory_free(void *buffer) G4R_BLAS_WEAK;

/* Tells whether this is not the serial build. */
static bool is_parallel(void)
{
    return openblas_get_parallel() != 0;
}

/* Tells whether this is the OpenMP build, with OpenMP's functions in the process. */
static bool has_openmp(void)
{
    return openblas_get_parallel() == 2 && omp_get_max_threads != NULL &&
           omp_set_num_threads != NULL;
}

/*
 * OpenBLAS's description of itself; read it by get_config(), which calls
 * openblas_get_config() only once. Each call of that function writes the text again into
 * the same memory, which another thread may be reading.
 */
static const char *config;
static void read_config(void)
{
    config = openblas_get_config();
}

/*
 * Returns OpenBLAS's description of itself, which stays valid as long as the process
 * runs.
 */
static const char *get_config(void)
{
    static pthread_once_t is_read = PTHREAD_ONCE_INIT;
    pthread_once(&is_read, read_config);
    return config;
}

/*
 * Takes the locks of shared (lock and serial) before fork(): in the child there would be
 * no other thread that could release them.
 */
static void before_fork(void)
{
    pthread_mutex_lock(&shared.lock);
    pthread_mutex_lock(&shared.serial);
}

/* Releases the locks that before_fork() took. */
static void after_fork(void)
{
    pthread_mutex_unlock(&shared.serial);
    pthread_mutex_unlock(&shared.lock);
}

/*
 * Runs in the child after fork(), where only the thread that called fork() goes on. Sets
 * the number of threads inside to 0, or to 1 if this thread is inside. If other threads
 * were inside, forgets the known buffers, because those threads never give theirs back
 * here. Notes that OpenBLAS's own threads must start again (see settle()), and releases
 * the locks. Sets OpenBLAS's thread count to one, without which the OpenMP build would
 * hang.
 */
static void calm_child(void)
{
    const size_t n_here = depth > 0 ? 1 : 0;
    if (shared.n_inside != n_here)
        shared.n_buffers = 0;
    shared.n_inside = n_here;
    shared.is_settled = false;
    after_fork();
    openblas_set_num_threads(1);
}

/*
 * Runs in the parent after fork(): notes that OpenBLAS's own threads must start again
 * (see settle()), and releases the locks.
 */
static void calm_parent(void)
{
    shared.is_settled = false;
    after_fork();
}

static void watch_fork(void)
{
    pthread_atfork(before_fork, calm_parent, calm_child);
}

/* ---- buffers ---- */

/*
 * Tells whether there is address space for n more buffers of OpenBLAS. Maps an eighth
 * more than that, because other threads may take address space at the same time, and
 * unmaps it at once.
 */
static bool has_room(size_t n)
{
    const size_t bytes = n * (BUFFER_BYTES + BUFFER_BYTES / 8);
    void *room =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        return false;
    munmap(room, bytes);
    return true;
}

/*
 * Returns how many buffers OpenBLAS can surely keep in addition to those of its own
 * threads: the MAX_THREADS of its description, but at least 24 and at most MOST_BUFFERS.
 */
static size_t count_places(void)
{
    static const char name[] = "MAX_THREADS=";
    const char *most = strstr(get_config(), name);
    size_t n = most != NULL ? strtoul(most + strlen(name), NULL, 10) : 0;
    return G4R_MIN(G4R_MAX(n, 24), MOST_BUFFERS);
}

bool g4r_blas_openblas_prepare(void)
{
    if (blas_memory_alloc == NULL || blas_memory_free == NULL || !has_room(1))
        return false;
    blas_memory_free(blas_memory_alloc(0));
    return true;
}

/*
 * Appends a buffer to the known buffers of OpenBLAS (shared.buffers), unless it is one of
 * them.
 */
static void note_buffer(void *buffer)
{
    size_t i = 0;
    while (i < shared.n_buffers && shared.buffers[i] != buffer)
        i++;
    shared.buffers[i] = buffer;
    shared.n_buffers = G4R_MAX(shared.n_buffers, i + 1);
}

/*
 * Makes sure that OpenBLAS has at least n buffers, and that shared.buffers knows them.
 * Takes buffers from OpenBLAS until n different ones are known, then gives all back to
 * OpenBLAS, which keeps them mapped. Returns false if there is no address space for that;
 * buffers that were made stay known. If OpenBLAS cannot keep n buffers, or does not have
 * the functions for this, only tells whether there is address space for one more buffer.
 * The caller holds shared.lock; shared.serial is held here, because the functions of the
 * serial build may not be called by two threads at the same time.
 */
static bool make_buffers(size_t n)
{
    void *taken[MOST_BUFFERS];
    size_t n_taken = 0;
    bool is_ok = true;
    if (n > count_places() || blas_memory_alloc == NULL || blas_memory_free == NULL)
        return has_room(1);
    pthread_mutex_lock(&shared.serial);
    while (is_ok && shared.n_buffers < n) {
        void *buffer = has_room(1) ? blas_memory_alloc(0) : NULL;
        is_ok = buffer != NULL;
        if (is_ok)
            note_buffer(taken[n_taken++] = buffer);
    }
    while (n_taken > 0)
        blas_memory_free(taken[--n_taken]);
    pthread_mutex_unlock(&shared.serial);
    return is_ok;
}

static size_t count_bytes(size_t longest)
{
    /*
     * Of one matrix OpenBLAS copies a block of BLOCK_BYTES. Of the other it copies DEPTH
     * values for each place along the side of the result.
     */
    enum { BLOCK_BYTES = 4 << 20, DEPTH = 640 };
    size_t most = g4r_add(BLOCK_BYTES, g4r_mul(longest, DEPTH * sizeof(g4r_real)));
    return G4R_MIN(most, (size_t)BUFFER_BYTES);
}

/* ---- enter and leave ---- */

/*
 * Makes one product that all of OpenBLAS's n threads share, this one among them. The
 * product is large enough for that: OpenBLAS gives each thread SIDE columns, and makes
 * only smaller products on one thread. Returns false if there is not enough memory.
 */
static bool share_product(int n)
{
    enum { SIDE = 64, DEPTH = 256 };
    const blasint side = (blasint)n * SIDE;
    const size_t n_values = (size_t)side * (DEPTH + SIDE) + SIDE * DEPTH;
    float *a = calloc(n_values, sizeof *a);
    if (a == NULL)
        return false;
    float *b = a + SIDE * DEPTH, *c = b + (size_t)side * DEPTH;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SIDE, side, DEPTH, 1, a, DEPTH,
                b, side, 0, c, side);
    free(a);
    return true;
}

/*
 * Waits until OpenBLAS's own threads have their buffers. Each takes one when it starts,
 * which may be late on a busy machine, and would take one that was made for us. Once a
 * thread has done its part of a product, it has its buffer. But if there is no address
 * space for all these buffers, a thread may never do its part; so then this function
 * waits 0.1 seconds instead. Only the pthread build has such threads. They start when
 * OpenBLAS is loaded, and again after each fork().
 */
static void settle(void)
{
    const int n = shared.host_threads;
    const struct timespec pause = {0, 100000000};
    if (!shared.is_settled && openblas_get_parallel() == 1 && n > 1 &&
        !(has_room((size_t)n) && share_product(n)))
        nanosleep(&pause, NULL);
    shared.is_settled = true;
}

/*
 * Sets the process's count of OpenBLAS's threads to n. Does nothing if the host's count
 * is one, which is then right already. Does nothing with OpenMP either: there enter() and
 * leave() set the thread's own count.
 */
static void set_threads(int n)
{
    if (!has_openmp() && shared.host_threads != 1)
        openblas_set_num_threads(n);
}

/*
 * Counts one more thread as inside, and makes sure that OpenBLAS has a buffer for it. If
 * no thread was inside, first notes the host's thread count, waits for OpenBLAS's own
 * threads, and sets the count to one. The serial build needs only one buffer, because its
 * products take turns. Returns false if there is no buffer: the thread is not counted
 * then, and if no other is inside, the host's thread count is restored. The caller holds
 * shared.lock.
 */
static bool let_in(void)
{
    const size_t n = is_parallel() ? shared.n_inside + 1 : 1;
    if (shared.n_inside == 0) {
        shared.host_threads = openblas_get_num_threads();
        settle();
        set_threads(1);
    }
    const bool has_buffer = n <= shared.n_buffers || make_buffers(n);
    shared.n_inside += has_buffer;
    if (shared.n_inside == 0)
        set_threads(shared.host_threads);
    return has_buffer;
}

static bool enter(void)
{
    pthread_once(&shared.is_watched, watch_fork);
    if (depth > 0) {
        depth++;
        return true;
    }
    pthread_mutex_lock(&shared.lock);
    const bool is_inside = let_in();
    pthread_mutex_unlock(&shared.lock);
    if (!is_inside)
        return false;
    depth = 1;
    if (has_openmp()) {
        thread_threads = omp_get_max_threads();
        omp_set_num_threads(1);
    }
    return true;
}

static void leave(void)
{
    assert(depth > 0);
    if (--depth > 0)
        return;
    if (has_openmp())
        omp_set_num_threads(thread_threads);
    pthread_mutex_lock(&shared.lock);
    assert(shared.n_inside > 0);
    if (--shared.n_inside == 0)
        set_threads(shared.host_threads);
    pthread_mutex_unlock(&shared.lock);
}

/* ---- products ---- */

#ifdef GRU4REC_DOUBLE
#define GEMM cblas_dgemm
#define GEMV cblas_dgemv
#else
#define GEMM cblas_sgemm
#define GEMV cblas_sgemv
#endif

/*
 * Computes the product on the calling thread, in one call of BLAS. A product of one row
 * (NT or NN) is a GEMV, because GEMM would first copy all of B. All others are GEMMs.
 * During the call the serial build is locked.
 */
static void multiply(const g4r_product *p)
{
    const blasint m = (blasint)p->m, n = (blasint)p->n, k = (blasint)p->k;
    const blasint lda = (blasint)p->lda, ldb = (blasint)p->ldb, ldc = (blasint)p->ldc;
    const bool is_row = p->m == 1 && p->k > 0 && p->form != G4R_TN;
    const bool is_locked = !is_parallel();
    if (is_locked)
        pthread_mutex_lock(&shared.serial);
    if (is_row && p->form == G4R_NT)
        GEMV(CblasRowMajor, CblasNoTrans, n, k, 1, p->b, ldb, p->a, 1, p->beta, p->c, 1);
    else if (is_row)
        GEMV(CblasRowMajor, CblasTrans, k, n, 1, p->b, ldb, p->a, 1, p->beta, p->c, 1);
    else
        GEMM(CblasRowMajor, p->form == G4R_TN ? CblasTrans : CblasNoTrans,
             p->form == G4R_NT ? CblasTrans : CblasNoTrans, m, n, k, 1, p->a, lda, p->b,
             ldb, p->beta, p->c, ldc);
    if (is_locked)
        pthread_mutex_unlock(&shared.serial);
}

static void facts(gru4rec_build *build)
{
    static const char *const threading[] = {"serial", "pthread", "openmp"};
    int parallel = openblas_get_parallel();
    build->blas = get_config();
    build->blas_threading =
        parallel >= 0 && parallel <= 2 ? threading[parallel] : "unknown";
    g4r_blas_core_facts(build);
}

const g4r_blas_engine g4r_blas_openblas = {
    .enter = enter,
    .leave = leave,
    .multiply = multiply,
    .bytes = count_bytes,
    .is_parallel = is_parallel,
    .facts = facts,
    .buffer_bytes = BUFFER_BYTES,
};
#endif

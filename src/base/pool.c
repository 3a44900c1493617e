/*
 * pool.c - threads that share the tasks of a job; see pool.h.
 *
 * The tasks of a job are divided into pieces. The field posted holds the number of the
 * newest job and, in its lowest 16 bits, how many pieces that job has. claimed[i] is the
 * number of the last job whose piece i a thread claimed. Each thread begins with a piece
 * of its own and then tries all other pieces, in order and round the end, so that it
 * often gets the same tasks as in the last job and finds their memory in its cache.
 *
 * A piece is claimed once per job. A job cannot end while a claimed piece is unfinished.
 * So a thread that wakes up late finds nothing to claim, and nobody has to wait for it.
 */
#define _GNU_SOURCE /* sched_getaffinity */
#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

/*
 * SPINS: rounds that an idle thread waits for a job before it sleeps, about 50
 * microseconds. SPINS_BEFORE_YIELD: rounds that the calling thread waits for the others
 * at the end of a job before it lets other threads run.
 */
enum { SPINS = 4000, SPINS_BEFORE_YIELD = 200 };
enum { PIECES = 256, PIECE_BITS = 16 };

typedef enum worker_phase { STARTING, REFUSED, ENTERED } worker_phase;

typedef struct worker {
    g4r_pool *pool;
    pthread_t thread;
    worker_phase phase; /* read and written under lock */
} worker;

/*
 * The state of a pool. It is allocated as zeroed memory, so its atomic fields begin with
 * 0.
 */
struct g4r_pool {
    gru4rec_allocator allocator;
    _Atomic uint64_t posted; /* job number << PIECE_BITS, plus number of pieces */
    _Atomic uint64_t claimed[PIECES]; /* the last job for which each piece was claimed */
    _Atomic size_t n_done;            /* pieces of the job that are done */
    /*
     * The job whose number posted holds. The next four fields are written before posted.
     */
    g4r_task *task;
    void *context;
    size_t n_tasks, each; /* each: tasks of a piece */
    uint64_t job;         /* number of the last job */
    _Atomic size_t n_sleeping;
    _Atomic bool is_over;
    pthread_mutex_t lock; /* guards going to sleep, and the phases of workers */
    pthread_cond_t wake;
    bool (*enter)(void);
    void (*leave)(void);
    size_t n_workers, most_workers;
    worker workers[];
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/*
 * Claims a piece of the job (pool->each tasks, one after another), so that only this
 * thread does it. Returns false if a thread has claimed the piece for this job, or for a
 * later one, already.
 */
static bool claim(g4r_pool *pool, uint32_t piece, uint64_t job)
{
    uint64_t last = atomic_load(&pool->claimed[piece]);
    return last < job &&
           atomic_compare_exchange_strong(&pool->claimed[piece], &last, job);
}

static void do_piece(g4r_pool *pool, uint32_t piece, size_t number)
{
    size_t from = piece * pool->each, to = G4R_MIN(from + pool->each, pool->n_tasks);
    for (size_t i = from; i < to; i++)
        pool->task(pool->context, i, number);
    atomic_fetch_add(&pool->n_done, 1);
}

/*
 * Does all pieces of the posted job that this thread can claim, and returns the number of
 * the job. number is the number of the thread.
 */
static uint64_t work(g4r_pool *pool, size_t number)
{
    uint64_t posted = atomic_load(&pool->posted);
    uint64_t job = posted >> PIECE_BITS;
    uint32_t n = (uint32_t)(posted & ((1 << PIECE_BITS) - 1));
    uint32_t start = (uint32_t)(number * n / pool->most_workers);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t piece = start + i < n ? start + i : start + i - n;
        if (claim(pool, piece, job))
            do_piece(pool, piece, number);
    }
    return job;
}

static bool has_work(g4r_pool *pool, uint64_t last)
{
    return atomic_load(&pool->posted) >> PIECE_BITS != last ||
           atomic_load(&pool->is_over);
}

static void sleep_until_work(g4r_pool *pool, uint64_t last)
{
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->n_sleeping, 1);
    while (!has_work(pool, last))
        pthread_cond_wait(&pool->wake, &pool->lock);
    atomic_fetch_sub(&pool->n_sleeping, 1);
    pthread_mutex_unlock(&pool->lock);
}

/*
 * Calls the pool's hook enter in this new thread, sets the phase of the thread to ENTERED
 * or REFUSED, and wakes start_thread(), which waits for that. Returns what the hook
 * returned.
 */
static bool enter(worker *self)
{
    g4r_pool *pool = self->pool;
    const bool is_in = pool->enter();
    pthread_mutex_lock(&pool->lock);
    self->phase = is_in ? ENTERED : REFUSED;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    return is_in;
}

/*
 * What a thread of the pool does: calls the hook enter, and ends if that returns false.
 * Otherwise works on each job that is posted, waits between jobs, and calls the hook
 * leave when the pool is over.
 */
static void *run_worker(void *context)
{
    worker *self = context;
    g4r_pool *pool = self->pool;
    const size_t number = (size_t)(self - pool->workers);
    uint64_t last = 0;
    if (!enter(self))
        return NULL;
    while (!atomic_load(&pool->is_over)) {
        for (int spins = 0; !has_work(pool, last) && spins < SPINS; spins++)
            relax();
        if (!has_work(pool, last))
            sleep_until_work(pool, last);
        last = work(pool, number);
    }
    pool->leave();
    return NULL;
}

static void wake_all(g4r_pool *pool)
{
    if (atomic_load(&pool->n_sleeping) == 0)
        return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

size_t g4r_pool_processors(void)
{
    long n = 1;
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        n = CPU_COUNT(&set);
#else
    n = sysconf(_SC_NPROCESSORS_ONLN);
#endif
    return (size_t)G4R_MAX(n, 1);
}

size_t g4r_pool_workers(const g4r_pool *pool)
{
    return pool != NULL ? pool->n_workers : 1;
}

size_t g4r_pool_cut(double operations, size_t n, size_t least)
{
    enum { MOST = 8, OPERATIONS = 4000000 };
    size_t by_work = operations > OPERATIONS ? (size_t)(operations / OPERATIONS) + 1 : 1;
    size_t by_size = G4R_MAX(n / least, 1);
    return G4R_MIN(G4R_MIN(by_work, by_size), MOST);
}

size_t g4r_pool_part(size_t part, size_t n_parts, size_t n)
{
    /* A multiple of 16, so that a part has whole tiles of a product. */
    size_t width = (n / n_parts + 15) & ~(size_t)15;
    return part == n_parts ? n : G4R_MIN(part * width, n);
}

size_t g4r_pool_bytes(size_t n_workers)
{
    return sizeof(g4r_pool) + n_workers * sizeof(worker);
}

/*
 * Starts the thread w of the pool, and waits until the hook enter has returned in it.
 * Returns false if the thread could not be started, or if enter returned false; in the
 * second case the thread has ended.
 */
static bool start_thread(g4r_pool *pool, worker *w)
{
    w->pool = pool;
    if (pthread_create(&w->thread, NULL, run_worker, w) != 0)
        return false;
    pthread_mutex_lock(&pool->lock);
    while (w->phase == STARTING)
        pthread_cond_wait(&pool->wake, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    if (w->phase == REFUSED)
        pthread_join(w->thread, NULL);
    return w->phase == ENTERED;
}

/*
 * Starts threads one after another, and counts them in pool->n_workers, until there are
 * n_workers, or until one cannot start or its hook enter returns false: each thread takes
 * memory, and the next may find none. Signals are blocked in them, because the signals of
 * the host program are not for our threads.
 */
static void start_threads(g4r_pool *pool, size_t n_workers)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    while (pool->n_workers < n_workers &&
           start_thread(pool, &pool->workers[pool->n_workers]))
        pool->n_workers++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

g4r_pool *g4r_pool_new(size_t n_workers, bool (*enter_thread)(void), void (*leave)(void),
                       const gru4rec_allocator *allocator)
{
    g4r_pool *pool = g4r_alloc(allocator, 1, g4r_pool_bytes(n_workers));
    if (pool == NULL)
        return NULL;
    pool->allocator = *allocator;
    pool->enter = enter_thread;
    pool->leave = leave;
    pool->n_workers = 1;
    pool->most_workers = n_workers;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    start_threads(pool, n_workers);
    return pool;
}

void g4r_pool_free(g4r_pool *pool)
{
    if (pool == NULL)
        return;
    gru4rec_allocator allocator = pool->allocator;
    atomic_store(&pool->is_over, true);
    wake_all(pool);
    for (size_t i = 1; i < pool->n_workers; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->wake);
    g4r_alloc_free(&allocator, pool);
}

void g4r_pool_run(g4r_pool *pool, g4r_task *task, void *context, size_t n)
{
    if (pool == NULL || pool->n_workers == 1 || n <= 1) {
        for (size_t i = n; i-- > 0;)
            task(context, i, 0);
        return;
    }
    pool->task = task;
    pool->context = context;
    pool->n_tasks = n;
    pool->each = (n + PIECES - 1) / PIECES;
    size_t n_pieces = (n + pool->each - 1) / pool->each;
    GRU4REC_TRACE(4, "job of %zu tasks in %zu pieces, %zu threads", n, n_pieces,
                  pool->n_workers);
    atomic_store(&pool->n_done, 0);
    atomic_store(&pool->posted, ++pool->job << PIECE_BITS | n_pieces);
    wake_all(pool);
    work(pool, 0);
    for (int spins = 0; atomic_load(&pool->n_done) < n_pieces; spins++) {
        relax();
        /*
         * There may be more threads than processors: let another thread run here while
         * this one waits for it.
         */
        if (spins > SPINS_BEFORE_YIELD)
            sched_yield();
    }
}

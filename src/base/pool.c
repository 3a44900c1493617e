/*
 * pool.c - threads that share the tasks of a job; see pool.h.
 *
 * The tasks of a job are divided into pieces of consecutive tasks. The field posted holds
 * the number of the newest job and, in its lowest 16 bits, how many pieces that job has.
 * claimed[i] is the number of the last job whose piece i a thread claimed. Each thread
 * begins with the same place among the pieces in each job, its own, and then tries all
 * other pieces, in order and round the end, so that it often gets the same tasks as in
 * the last job and finds their memory in its cache.
 *
 * A piece is claimed once per job. A job cannot end while a claimed piece is unfinished.
 * So a thread that wakes up late finds nothing to claim, and nobody has to wait for it.
 */
#define _GNU_SOURCE /* sched_getaffinity */
#include "pool.h"

#include "../../include/gru4rec_platform.h"

#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

/*
 * SPINS: rounds that an idle thread waits for a job before it sleeps, about 50
 * microseconds. SPINS_BEFORE_YIELD: rounds that the calling thread waits for the others
 * at the end of a job before it begins to call sched_yield() in each further round.
 */
enum { SPINS = 4000, SPINS_BEFORE_YIELD = 200 };
/*
 * PIECES: the most pieces of a job. PIECE_BITS: number of the lowest bits of posted,
 * which hold how many pieces the job has.
 */
enum { PIECES = 256, PIECE_BITS = 16 };

/*
 * What the hook enter has answered in a new thread: nothing yet (STARTING), false
 * (REFUSED) or true (ENTERED).
 */
typedef enum worker_phase { STARTING, REFUSED, ENTERED } worker_phase;

/* A thread of the pool. workers[0] stands for the calling thread, and is all zero. */
typedef struct worker {
    g4r_pool *pool;
    pthread_t thread;
    worker_phase phase; /* set once, by the thread itself, under the pool's lock */
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
     * The newest job. g4r_pool_run() writes these four fields, and then posted, which
     * lets the other threads read them.
     */
    g4r_task *task;
    void *context;
    size_t n_tasks, each; /* each: tasks of a piece; the last piece can have fewer */
    uint64_t job; /* number of the newest job, from 1; only g4r_pool_run() uses it */
    _Atomic size_t n_sleeping; /* threads in sleep_until_work() */
    _Atomic bool is_over;      /* g4r_pool_free() was called: the threads end */
    pthread_mutex_t lock;      /* guards going to sleep, and the phases of workers */
    /* Signals that there may be work, and that a new thread's phase has been set. */
    pthread_cond_t wake;
    bool (*enter)(void);
    void (*leave)(void);
    /* Threads, the calling one included: those that run, and those that were wanted. */
    size_t n_workers, most_workers;
    worker workers[]; /* (most_workers) */
};

/*
 * Tells the processor that this thread only spins, so that it uses less power meanwhile.
 * Does nothing on processors other than x86 and ARM64.
 */
static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/*
 * Claims a piece of the job (pool->each consecutive tasks), so that only this thread does
 * it, and returns true. Returns false if a thread has claimed the piece already, for this
 * job or for a later one. Does not do the tasks.
 */
static bool claim(g4r_pool *pool, uint32_t piece, uint64_t job)
{
    uint64_t last = atomic_load(&pool->claimed[piece]);
    return last < job &&
           atomic_compare_exchange_strong(&pool->claimed[piece], &last, job);
}

/*
 * Does the tasks of a claimed piece one after another, as the thread of that number, and
 * then counts the piece in n_done.
 */
static void do_piece(g4r_pool *pool, uint32_t piece, size_t number)
{
    size_t from = piece * pool->each, to = G4R_MIN(from + pool->each, pool->n_tasks);
    for (size_t i = from; i < to; i++)
        pool->task(pool->context, i, number);
    atomic_fetch_add(&pool->n_done, 1);
}

/*
 * Does all pieces of the posted job that this thread can claim, and returns the number of
 * the job; 0, and does nothing, if no job was posted yet. Other threads may still be
 * working on their pieces then. number is the number of the thread.
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

/*
 * Tells whether a thread whose last job has the number last has a reason to wake up:
 * another job was posted, or the pool is over.
 */
static bool has_work(g4r_pool *pool, uint64_t last)
{
    return atomic_load(&pool->posted) >> PIECE_BITS != last ||
           atomic_load(&pool->is_over);
}

/*
 * Sleeps until has_work() is true. wake_all() ends the sleep. Meanwhile the thread is
 * counted in n_sleeping, which wake_all() reads.
 */
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
 * if the hook returned true, else to REFUSED, and wakes start_thread(), which waits for
 * the phase. Returns what the hook returned.
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
 * What a thread of the pool does. context is its worker. It calls the hook enter, and
 * ends if the hook returns false. Otherwise it works on each job that is posted; between
 * jobs it spins for SPINS rounds, then sleeps. When the pool is over, it calls the hook
 * leave and ends. Returns NULL.
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

/* Wakes the threads that sleep in sleep_until_work(). Takes no lock if none sleeps. */
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
    /*
     * The length of a part is a multiple of 16, so that the part has whole tiles of a
     * product.
     */
    size_t width = (n / n_parts + 15) & ~(size_t)15;
    return part == n_parts ? n : G4R_MIN(part * width, n);
}

size_t g4r_pool_bytes(size_t n_workers)
{
    return sizeof(g4r_pool) + n_workers * sizeof(worker);
}

/*
 * Starts the thread w of the pool, and waits until the hook enter has returned in it.
 * Returns true if the hook returned true: the thread then waits for jobs. Returns false
 * if the thread could not be started, or if the hook returned false; in the second case
 * the thread has ended and was joined.
 */
static bool start_thread(g4r_pool *pool, worker *w)
{
    w->pool = pool;
    if (!gru4rec_platform_start(&w->thread, run_worker, w))
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
 * Starts threads one after another, and counts them in pool->n_workers, until that is
 * n_workers. Stops at the first thread that cannot start or whose hook enter returns
 * false: each thread needs memory, and the next one would hardly find it.
 */
static void start_threads(g4r_pool *pool, size_t n_workers)
{
    while (pool->n_workers < n_workers &&
           start_thread(pool, &pool->workers[pool->n_workers]))
        pool->n_workers++;
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
         * There may be more threads than processors. Then this thread lets another one
         * run on its processor while it waits.
         */
        if (spins > SPINS_BEFORE_YIELD)
            sched_yield();
    }
}

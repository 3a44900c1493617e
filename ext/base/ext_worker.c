/* ext_worker.c - does jobs in a thread while the caller works on; see ext_base.h. */
#define _POSIX_C_SOURCE 200112L
#include "ext_base.h"

#include "../../include/gru4rec_platform.h"

#include <string.h>

/*
 * The function of the worker's thread; context is the worker. Does the jobs that are
 * ready one after another, and counts them in n_done; waits while there is none. Returns
 * when no more jobs will come (is_over) and all that are ready are done.
 */
static void *work(void *context)
{
    ext_worker *worker = context;
    size_t n_ready = 0;
    bool is_over = false;
    for (size_t i = 0; !is_over || i < n_ready;) {
        for (; i < n_ready; i++) {
            worker->job(worker->context, i);
            atomic_store(&worker->n_done, i + 1);
        }
        pthread_mutex_lock(&worker->lock);
        while (worker->n_ready == n_ready && !worker->is_over)
            pthread_cond_wait(&worker->changed, &worker->lock);
        n_ready = worker->n_ready;
        is_over = worker->is_over;
        pthread_mutex_unlock(&worker->lock);
    }
    return NULL;
}

/*
 * Tells whether another thread may allocate from SQLite: SQLite's mutexes work. They do
 * not if SQLite was built without threads, or if the host chose
 * SQLITE_CONFIG_SINGLETHREAD; in this second case all mutexes are the same one, which
 * does nothing. Returns false too if there is no memory to find out.
 */
static bool has_mutexes(void)
{
    if (!sqlite3_threadsafe())
        return false;
    sqlite3_mutex *a = sqlite3_mutex_alloc(SQLITE_MUTEX_FAST);
    sqlite3_mutex *b = sqlite3_mutex_alloc(SQLITE_MUTEX_FAST);
    bool has_two = a != NULL && b != NULL && a != b;
    sqlite3_mutex_free(a);
    sqlite3_mutex_free(b);
    return has_two;
}

/* Destroys the lock and the condition of a worker. */
static void drop_lock(ext_worker *worker)
{
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->lock);
}

void ext_worker_start(ext_worker *worker, ext_worker_job *job, void *context,
                      bool is_worth_it)
{
    memset(worker, 0, sizeof *worker);
    worker->job = job;
    worker->context = context;
    if (!is_worth_it || !has_mutexes())
        return;
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->changed, NULL);
    worker->is_threaded = gru4rec_platform_start(&worker->thread, work, worker);
    if (!worker->is_threaded)
        drop_lock(worker);
}

void ext_worker_ready(ext_worker *worker, size_t n)
{
    if (!worker->is_threaded) {
        for (; worker->n_ready < n; worker->n_ready++)
            worker->job(worker->context, worker->n_ready);
        return;
    }
    pthread_mutex_lock(&worker->lock);
    worker->n_ready = n;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
}

bool ext_worker_is_idle(ext_worker *worker)
{
    return !worker->is_threaded || atomic_load(&worker->n_done) == worker->n_ready;
}

void ext_worker_finish(ext_worker *worker)
{
    if (!worker->is_threaded)
        return;
    pthread_mutex_lock(&worker->lock);
    worker->is_over = true;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
    pthread_join(worker->thread, NULL);
    drop_lock(worker);
}

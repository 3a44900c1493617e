/* ext_beside.c - work in a thread beside the caller's; see ext_int.h. */
#define _POSIX_C_SOURCE 200112L
#include "ext_base.h"

#include <signal.h>
#include <string.h>

static void *work(void *context)
{
    ext_beside *beside = context;
    size_t n_ready = 0;
    bool is_over = false;
    for (size_t i = 0; !is_over || i < n_ready;) {
        for (; i < n_ready; i++)
            beside->job(beside->context, i);
        pthread_mutex_lock(&beside->lock);
        while (beside->n_ready == n_ready && !beside->is_over)
            pthread_cond_wait(&beside->changed, &beside->lock);
        n_ready = beside->n_ready;
        is_over = beside->is_over;
        pthread_mutex_unlock(&beside->lock);
    }
    return NULL;
}

/*
 * May another thread allocate? Not where the host has chosen SQLITE_CONFIG_SINGLETHREAD,
 * in which all mutexes are one that does nothing.
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

static void drop_lock(ext_beside *beside)
{
    pthread_cond_destroy(&beside->changed);
    pthread_mutex_destroy(&beside->lock);
}

void ext_beside_start(ext_beside *beside, ext_job *job, void *context, bool is_worth_it)
{
    sigset_t all, before;
    memset(beside, 0, sizeof *beside);
    beside->job = job;
    beside->context = context;
    if (!is_worth_it || !has_mutexes())
        return;
    pthread_mutex_init(&beside->lock, NULL);
    pthread_cond_init(&beside->changed, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for others */
    beside->is_threaded = pthread_create(&beside->thread, NULL, work, beside) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!beside->is_threaded)
        drop_lock(beside);
}

void ext_beside_ready(ext_beside *beside, size_t n)
{
    if (!beside->is_threaded) {
        for (; beside->n_ready < n; beside->n_ready++)
            beside->job(beside->context, beside->n_ready);
        return;
    }
    pthread_mutex_lock(&beside->lock);
    beside->n_ready = n;
    pthread_cond_signal(&beside->changed);
    pthread_mutex_unlock(&beside->lock);
}

void ext_beside_finish(ext_beside *beside)
{
    if (!beside->is_threaded)
        return;
    pthread_mutex_lock(&beside->lock);
    beside->is_over = true;
    pthread_cond_signal(&beside->changed);
    pthread_mutex_unlock(&beside->lock);
    pthread_join(beside->thread, NULL);
    drop_lock(beside);
}

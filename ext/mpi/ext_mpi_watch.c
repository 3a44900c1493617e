/*
 * ext_mpi_watch.c - interrupts SQLite when another rank stops; see ext_mpi.h.
 *
 * SQLite can work on one row for long, if a source sorts or groups its rows. This rank
 * sees no notice meanwhile. So a thread looks for notices in its place, and interrupts
 * SQLite when there is one. MPI must not be called by two threads at a time: while there
 * is the thread, nobody else calls it.
 */
#define _POSIX_C_SOURCE 200809L
#include "ext_mpi.h"

#include "../../include/gru4rec_platform.h"

#include <time.h>

enum { EVERY = 20000000 }; /* nanoseconds between two looks */

/* Waits until it is time to look again, or until somebody says watch->is_ending. */
static void rest(ext_mpi_watch *watch)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += EVERY;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&watch->end, &watch->lock, &until);
}

/* The thread. */
static void *run(void *context)
{
    ext_mpi_job *job = context;
    ext_mpi_watch *watch = &job->watch;
    pthread_mutex_lock(&watch->lock);
    while (!watch->is_ending && !watch->is_told) {
        rest(watch);
        if (watch->is_ending || !ext_mpi_wait_is_notified(job->comm, job->number))
            continue;
        watch->is_told = true;
        sqlite3_interrupt(watch->db);
    }
    pthread_mutex_unlock(&watch->lock);
    return NULL;
}

static void destroy(ext_mpi_watch *watch)
{
    pthread_cond_destroy(&watch->end);
    pthread_mutex_destroy(&watch->lock);
}

void ext_mpi_watch_start(ext_mpi_job *job, sqlite3 *db)
{
    ext_mpi_watch *watch = &job->watch;
    pthread_condattr_t monotonic;
    if (job->is_over || watch->is_told || job->comm->thread_level < MPI_THREAD_SERIALIZED)
        return;
    assert(!watch->is_on);
    watch->db = db;
    watch->is_ending = false;
    pthread_mutex_init(&watch->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&watch->end, &monotonic);
    pthread_condattr_destroy(&monotonic);
    watch->is_on = gru4rec_platform_start(&watch->thread, run, job);
    if (!watch->is_on)
        destroy(watch);
}

void ext_mpi_watch_end(ext_mpi_job *job)
{
    ext_mpi_watch *watch = &job->watch;
    if (!watch->is_on)
        return;
    pthread_mutex_lock(&watch->lock);
    watch->is_ending = true;
    pthread_cond_signal(&watch->end);
    pthread_mutex_unlock(&watch->lock);
    pthread_join(watch->thread, NULL);
    destroy(watch);
    watch->is_on = false;
}

bool ext_mpi_watch_is_interrupted(const ext_mpi_job *job)
{
    return job->is_stopped != NULL && job->is_stopped(job->context) &&
           !job->watch.is_told;
}

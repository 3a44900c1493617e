/*
 * locks.c - to be preloaded: how long threads hold the mutexes that gru4rec.so takes, in
 * seconds of their own processor time, beside what the process used in all. LOCKS_OF: the library's file, gru4rec.so.
 *
 * At exit it prints "locked N times, waited N times, held S of S seconds, longest S" to
 * standard error.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_HELD = 16 };

static int (*real_lock)(pthread_mutex_t *), (*real_unlock)(pthread_mutex_t *);
static int (*real_trylock)(pthread_mutex_t *);
static _Atomic uintptr_t first, last;                 /* of the code */
static atomic_long n_locked, n_waited, held, longest; /* nanoseconds */

static _Thread_local struct {
    pthread_mutex_t *mutex;
    long since;
} mine[MOST_HELD];
static _Thread_local int n_mine;

static long processor_time(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000L + now.tv_nsec;
}

static const char *library(void)
{
    const char *name = getenv("LOCKS_OF");
    return name != NULL ? name : "gru4rec.so";
}

__attribute__((constructor)) static void find(void)
{
    real_lock = (int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_lock");
    real_unlock = (int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_unlock");
    real_trylock = (int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_trylock");
}

/* Where the library's code lies, once it is loaded. */
static int find_code(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    if (strstr(info->dlpi_name, library()) == NULL)
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
            first = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            last = first + info->dlpi_phdr[i].p_memsz;
        }
    return 1;
}

static int is_ours(void *caller)
{
    static _Thread_local int is_looking;
    if (last == 0 && !is_looking) {
        is_looking = 1; /* that takes a lock itself */
        dl_iterate_phdr(find_code, NULL);
        is_looking = 0;
    }
    return (uintptr_t)caller >= first && (uintptr_t)caller < last;
}

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    if (real_lock == NULL)
        find();
    if (!is_ours(__builtin_return_address(0)))
        return real_lock(mutex);
    n_locked++;
    int rc = real_trylock(mutex);
    if (rc != 0) {
        n_waited++;
        rc = real_lock(mutex);
    }
    if (n_mine < MOST_HELD) {
        mine[n_mine].mutex = mutex;
        mine[n_mine++].since = processor_time(CLOCK_THREAD_CPUTIME_ID);
    }
    return rc;
}

int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    if (real_unlock == NULL)
        find();
    for (int i = n_mine; i-- > 0;)
        if (mine[i].mutex == mutex) {
            long time = processor_time(CLOCK_THREAD_CPUTIME_ID) - mine[i].since;
            long most = longest;
            held += time;
            while (time > most && !atomic_compare_exchange_weak(&longest, &most, time)) {
            }
            mine[i] = mine[--n_mine];
            break;
        }
    return real_unlock(mutex);
}

__attribute__((destructor)) static void report(void)
{
    fprintf(stderr,
            "locked %ld times, waited %ld times, held %.4f of %.4f seconds, "
            "longest %.6f\n",
            n_locked, n_waited, (double)held * 1e-9,
            (double)processor_time(CLOCK_PROCESS_CPUTIME_ID) * 1e-9,
            (double)longest * 1e-9);
}

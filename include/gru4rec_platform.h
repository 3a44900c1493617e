/*
 * gru4rec_platform.h - what systems do differently, in one place.
 *
 * The code is written for POSIX. This header adds what a system has not, or has under
 * another name, and what POSIX leaves open, so that other files need not ask which system
 * they are for. It stands beside gru4rec.h because both halves of the project need it,
 * and ext/ sees no header of src/; it is not installed. Who includes it asks for POSIX
 * first (_POSIX_C_SOURCE or _GNU_SOURCE).
 */
#ifndef GRU4REC_PLATFORM_H
#define GRU4REC_PLATFORM_H

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "gru4rec_windows.h"
#ifndef _WIN32
#include <locale.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#endif

/*
 * Bytes of stack of each thread that we start. Systems differ in what they give to a
 * thread that does not ask: glibc 8 MB, which counts against a limit of address space;
 * musl 128 kB, of which some of our calls need more.
 */
enum { GRU4REC_PLATFORM_STACK = 1 << 20 };

/*
 * Starts a thread that calls run(context), with a stack of GRU4REC_PLATFORM_STACK bytes.
 * All signals are blocked in it, because the signals of the host program are not for it.
 * Returns false if the system does not give a thread. The caller joins the thread.
 */
static inline bool gru4rec_platform_start(pthread_t *thread, void *(*run)(void *),
                                          void *context)
{
    pthread_attr_t wishes;
    sigset_t all, before;
    if (pthread_attr_init(&wishes) != 0)
        return false;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* a new thread inherits the mask */
    const bool is_started =
        pthread_attr_setstacksize(&wishes, GRU4REC_PLATFORM_STACK) == 0 &&
        pthread_create(thread, &wishes, run, context) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&wishes);
    return is_started;
}

/*
 * Returns when the process pid started, in units of the system: on Linux, of which /proc
 * tells it, the kernel's ticks since boot. Returns 0 if that is not known, for example
 * because there is no such process; and ULLONG_MAX, which is no start, if the process has
 * ended and its parent has not asked for its exit status yet.
 */
static inline unsigned long long gru4rec_platform_start_of(long pid)
{
#ifdef _WIN32
    return gru4rec_windows_start(pid);
#else
    char path[64], text[1024], *at;
    unsigned long long start = 0;
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    /*
     * The start is field 22 of the text. The fields are counted from the last ')' on,
     * where field 2 ends, because field 2 may hold spaces. Field 3 is the state: Z is a
     * process that has ended.
     */
    at = strrchr(text, ')');
    if (at != NULL && strncmp(at, ") Z", 3) == 0)
        return ULLONG_MAX;
    for (int field = 2; at != NULL && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (at != NULL)
        sscanf(at, "%llu", &start);
    return start;
#endif
}

/* Returns the last name of a path: what stands behind its last separator. */
static inline const char *gru4rec_platform_name(const char *path)
{
#ifdef _WIN32
    const char *const separators = "/\\:";
#else
    const char *const separators = "/";
#endif
    const char *name = path;
    for (const char *at = path; (at = strpbrk(at, separators)) != NULL; name = ++at)
        ;
    return name;
}

#endif

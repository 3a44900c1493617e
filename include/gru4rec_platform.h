/*
 * gru4rec_platform.h - what systems do differently, in one place.
 *
 * Both halves of the project include this header; it is not installed. Who includes it
 * asks for POSIX first (_POSIX_C_SOURCE or _GNU_SOURCE).
 */
#ifndef GRU4REC_PLATFORM_H
#define GRU4REC_PLATFORM_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#ifdef _WIN32
#include "gru4rec_windows.h"
#else
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

#endif

/*
 * posix.h - what the test programs use of POSIX, on Windows: each file is compiled as if it
 * began with #include "posix.h". They get what the extension gets, and the rest from here.
 */
#ifndef POSIX_H
#define POSIX_H

#include "../../../include/gru4rec_platform.h"

/* Makes a folder whose name ends with other characters than the template's six X. */
static inline char *mkdtemp(char *template)
{
    char *const end = template + strlen(template) - 6;
    for (int i = 0; i < 1000; i++) {
        snprintf(end, 7, "%06x", ((unsigned)rand() << 15 | (unsigned)rand()) & 0xffffffu);
        if (mkdir(template) == 0)
            return template;
        if (errno != EEXIST)
            break;
    }
    return NULL;
}

/* C's remove() removes no folders there. */
static inline int posix_remove(const char *path)
{
    return unlink(path) == 0 ? 0 : rmdir(path);
}
#define remove(path) posix_remove(path)

#define SIGBUS SIGSEGV
struct sigaction {
    void (*sa_handler)(int);
    sigset_t sa_mask;
};
static inline int sigaction(int sign, const struct sigaction *action,
                            struct sigaction *before)
{
    void (*const old)(int) = signal(sign, action->sa_handler);
    if (before != NULL)
        before->sa_handler = old;
    return old != SIG_ERR ? 0 : -1;
}

#endif

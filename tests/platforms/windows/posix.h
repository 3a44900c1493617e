/*
 * posix.h - what the test programs use of POSIX, on Windows: each file is compiled as if it
 * began with #include "posix.h". They get what the extension gets, and the rest from here.
 */
#ifndef POSIX_H
#define POSIX_H

#include "../../../include/gru4rec_platform.h"

#include <ftw.h>
#include <wchar.h>

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

/* Removes the files of a folder, whatever their names are, and the folder. */
static inline int posix_remove(const char *path)
{
    wchar_t folder[GRU4REC_WINDOWS_PATH], name[GRU4REC_WINDOWS_PATH];
    WIN32_FIND_DATAW found;
    if (!gru4rec_windows_wide(folder, path))
        return -1;
    swprintf(name, GRU4REC_WINDOWS_PATH, L"%ls/*", folder);
    HANDLE search = FindFirstFileW(name, &found);
    bool is_more = search != INVALID_HANDLE_VALUE;
    for (; is_more; is_more = FindNextFileW(search, &found)) {
        swprintf(name, GRU4REC_WINDOWS_PATH, L"%ls/%ls", folder, found.cFileName);
        DeleteFileW(name);
    }
    if (search != INVALID_HANDLE_VALUE)
        FindClose(search);
    return RemoveDirectoryW(folder) ? 0 : -1;
}
#define nftw(path, remove_one, n, flags) ((void)(remove_one), posix_remove(path))

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

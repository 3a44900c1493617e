/*
 * gru4rec_windows.h - what Windows lacks of POSIX, as far as this project uses it.
 *
 * gru4rec_platform.h alone includes it; elsewhere than on Windows it is empty. Names of
 * files are UTF-8, as SQLite has them. What Windows has no counterpart for does nothing,
 * or fails as a system would that does not support it.
 */
#ifndef GRU4REC_WINDOWS_H
#define GRU4REC_WINDOWS_H

#ifdef _WIN32

#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#endif
#include <windows.h>

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <locale.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Words that its headers define. */
#undef small
#undef near
#undef far
#undef IN
#undef OUT
#undef OPTIONAL
#undef TEXT

/* ---- the machine ---- */

enum { _SC_NPROCESSORS_ONLN, _SC_PHYS_PAGES, _SC_PAGESIZE };

static inline long sysconf(int name)
{
    SYSTEM_INFO system;
    MEMORYSTATUSEX memory = {.dwLength = sizeof memory};
    GetSystemInfo(&system);
    GlobalMemoryStatusEx(&memory);
    return name == _SC_NPROCESSORS_ONLN ? (long)system.dwNumberOfProcessors
           : name == _SC_PAGESIZE       ? (long)system.dwPageSize
                                        : (long)(memory.ullTotalPhys / system.dwPageSize);
}

#define gethostname(name, n) gru4rec_windows_host(name, n)
static inline int gru4rec_windows_host(char *name, size_t n)
{
    DWORD room = (DWORD)n;
    return GetComputerNameA(name, &room) ? 0 : -1;
}

/* When the process pid started, in units of 100 ns; 0: there is none, or it is hidden. */
static inline uint64_t gru4rec_windows_start(long pid)
{
    FILETIME start = {0}, other;
    HANDLE process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, (DWORD)pid);
    if (process == NULL)
        return 0;
    GetProcessTimes(process, &start, &other, &other, &other);
    CloseHandle(process);
    return (uint64_t)start.dwHighDateTime << 32 | start.dwLowDateTime;
}

/* Only for signal 0: whether there is a process pid. */
static inline int kill(int pid, int sign)
{
    DWORD code = 0;
    HANDLE process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, (DWORD)pid);
    (void)sign;
    if (process == NULL && GetLastError() == ERROR_ACCESS_DENIED)
        return 0;
    const int is_there =
        process != NULL && GetExitCodeProcess(process, &code) && code == STILL_ACTIVE;
    if (process != NULL)
        CloseHandle(process);
    errno = ESRCH;
    return is_there ? 0 : -1;
}

/* ---- signals, which no other thread gets on Windows ---- */

#define SIGPIPE 13
#define sigset_t unsigned
#define sigfillset(set) (*(set) = 1)
#define sigemptyset(set) (*(set) = 0)
#define sigaddset(set, sign) (*(set) = 1)
#define sigismember(set, sign) (*(set) != 0)
#define sigpending(set) (*(set) = 1)
#define sigtimedwait(set, facts, time) 0
#undef pthread_sigmask
#define pthread_sigmask gru4rec_windows_sigmask
static inline int gru4rec_windows_sigmask(int how, const sigset_t *set, sigset_t *before)
{
    (void)how;
    (void)set;
    (void)before;
    return 0;
}

/* ---- memory ---- */

enum { MADV_NORMAL };
#define madvise(block, n, advice) ((void)(block), (void)(n), (void)(advice))

/* ---- numbers without the host's locale ---- */

typedef struct gru4rec_windows_locale {
    int scope; /* whether it is that of the thread or of the process */
    char name[512];
} * locale_t;
#define LC_ALL_MASK 0
#define freelocale(locale) free(locale)
#define newlocale(mask, name, base) gru4rec_windows_locale_new(name)
static inline locale_t gru4rec_windows_locale_new(const char *name)
{
    locale_t locale = malloc(sizeof *locale);
    if (locale != NULL) {
        locale->scope = _ENABLE_PER_THREAD_LOCALE;
        snprintf(locale->name, sizeof locale->name, "%s", name);
    }
    return locale;
}

/* Returns the locale before, in the place of the one that is used now. */
static inline locale_t uselocale(locale_t locale)
{
    const struct gru4rec_windows_locale next = *locale;
    locale->scope = _configthreadlocale(_ENABLE_PER_THREAD_LOCALE);
    snprintf(locale->name, sizeof locale->name, "%s", setlocale(LC_ALL, NULL));
    setlocale(LC_ALL, next.name);
    _configthreadlocale(next.scope);
    return locale;
}

/* ---- the terminal ---- */

#define TIOCGWINSZ 0
struct winsize {
    int ws_col;
};
static inline int ioctl(int fd, int request, struct winsize *size)
{
    CONSOLE_SCREEN_BUFFER_INFO facts;
    (void)fd;
    (void)request;
    if (!GetConsoleScreenBufferInfo(GetStdHandle(STD_ERROR_HANDLE), &facts))
        return -1;
    size->ws_col = facts.srWindow.Right - facts.srWindow.Left + 1;
    return 0;
}
#undef isatty
#define isatty(fd) (_isatty(fd) != 0)

/* ---- files ---- */

#define O_NONBLOCK 0
#define O_NOCTTY 0
#define O_CLOEXEC _O_NOINHERIT
#define O_NOFOLLOW 0
#define O_DIRECTORY 0
#define POLLOUT 0
#define AT_FDCWD 0
#define AT_EACCESS 0
struct pollfd {
    int fd, events;
};
/* Only waits. */
static inline int poll(struct pollfd *files, unsigned n, int milliseconds)
{
    (void)files;
    (void)n;
    Sleep((DWORD)milliseconds);
    return 0;
}
#define fsync(fd) _commit(fd)
#define fchmod(fd, mode) ((void)(mode), 0)
#define readlink(path, target, n) (errno = ENOSYS, (void)(target), (ssize_t)-1)

enum { GRU4REC_WINDOWS_PATH = 4096 };

/* Returns false, and sets errno, if the path is no UTF-8, or too long. */
static inline bool gru4rec_windows_wide(wchar_t wide[GRU4REC_WINDOWS_PATH],
                                        const char *path)
{
    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide,
                            GRU4REC_WINDOWS_PATH) > 0)
        return true;
    errno = ENOENT;
    return false;
}

/* The permissions of a new file are those of its folder. */
#define open gru4rec_windows_open
static inline int gru4rec_windows_open(const char *path, int flags, ...)
{
    wchar_t wide[GRU4REC_WINDOWS_PATH];
    if (!gru4rec_windows_wide(wide, path))
        return -1;
    const int fd = _wopen(wide, flags | _O_BINARY, _S_IREAD | _S_IWRITE);
    const DWORD kind = fd < 0 ? GetFileAttributesW(wide) : 0;
    if (kind != INVALID_FILE_ATTRIBUTES && (kind & FILE_ATTRIBUTE_DIRECTORY) != 0)
        errno = EISDIR;
    return fd;
}

/* The name stat is also that of a struct, so a macro without arguments stands between. */
#undef stat
#define stat _stat64
#undef fstat
#define fstat _fstat64
#define _stat64(path, facts) gru4rec_windows_stat(path, facts)
static inline int gru4rec_windows_stat(const char *path, struct _stat64 *facts)
{
    wchar_t wide[GRU4REC_WINDOWS_PATH];
    return gru4rec_windows_wide(wide, path) ? _wstat64(wide, facts) : -1;
}

#define faccessat(folder, path, mode, flags) gru4rec_windows_access(path)
static inline int gru4rec_windows_access(const char *path)
{
    wchar_t wide[GRU4REC_WINDOWS_PATH];
    return gru4rec_windows_wide(wide, path) ? _waccess(wide, 2) : -1;
}

#define rename gru4rec_windows_rename
static inline int gru4rec_windows_rename(const char *from, const char *to)
{
    wchar_t wide_from[GRU4REC_WINDOWS_PATH], wide_to[GRU4REC_WINDOWS_PATH];
    if (!gru4rec_windows_wide(wide_from, from) || !gru4rec_windows_wide(wide_to, to))
        return -1;
    errno = EACCES;
    return MoveFileExW(wide_from, wide_to, MOVEFILE_REPLACE_EXISTING) ? 0 : -1;
}

#define unlink gru4rec_windows_unlink
static inline int gru4rec_windows_unlink(const char *path)
{
    wchar_t wide[GRU4REC_WINDOWS_PATH];
    return gru4rec_windows_wide(wide, path) ? _wunlink(wide) : -1;
}

/* The full path with / for \, to be freed; links are not followed. NULL: no such file. */
#define realpath(path, room) gru4rec_windows_path(path)
static inline char *gru4rec_windows_path(const char *path)
{
    wchar_t wide[GRU4REC_WINDOWS_PATH], full[GRU4REC_WINDOWS_PATH];
    const size_t n = 3 * GRU4REC_WINDOWS_PATH; /* of UTF-8 */
    if (!gru4rec_windows_wide(wide, path) || _waccess(wide, 0) != 0 ||
        _wfullpath(full, wide, GRU4REC_WINDOWS_PATH) == NULL)
        return NULL;
    for (wchar_t *at = full; *at != L'\0'; at++)
        if (*at == L'\\')
            *at = L'/';
    char *result = malloc(n);
    if (result != NULL)
        WideCharToMultiByte(CP_UTF8, 0, full, -1, result, (int)n, NULL, NULL);
    return result;
}

static inline ssize_t pread(int fd, void *to, size_t n, int64_t from)
{
    const unsigned most = 1u << 30;
    return _lseeki64(fd, from, SEEK_SET) < 0
               ? -1
               : _read(fd, to, n < most ? (unsigned)n : most);
}

/* Reads a line with its end into *line, which grows; -1 at the end of the file. */
static inline ssize_t getline(char **line, size_t *room, FILE *file)
{
    size_t n = 0;
    for (int c = 0; c != '\n' && (c = fgetc(file)) != EOF; (*line)[n] = '\0') {
        if (n + 2 > *room) {
            char *larger = realloc(*line, *room = 2 * n + 128);
            if (larger == NULL)
                return -1;
            *line = larger;
        }
        (*line)[n++] = (char)c;
    }
    return n > 0 ? (ssize_t)n : -1;
}

#endif /* _WIN32 */

#endif

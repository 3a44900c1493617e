/*
 * ext_alive.c - tells which runs are under way, in this process and in others.
 *
 * The contracts are in ext_store.h. The text of m_version.process is
 *   "<pid> <start of the process> <beacon> <host>".
 * The beacon of a run is an open file in memory that has the name of the run; the text
 * has its file descriptor, or -1. A killed process cannot write into the table that it is
 * gone, and nothing can be written while an interrupt is pending. So a row whose status
 * is 'training' is believed only while its process and its run live.
 */
#define _GNU_SOURCE /* gethostname, kill, memfd_create */
#include "ext_store.h"

#include "../../include/gru4rec_platform.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ext_alive *live; /* list of the runs of this process; protected by lock */

/* Where a run is under way: the parts of the text of m_version.process. */
typedef struct place {
    long pid;
    unsigned long long start; /* when the process started; 0: not known */
    int beacon;               /* file descriptor in that process; -1: none */
    char host[64];
} place;

/* Returns the place of a run of this process that has that beacon. */
static place place_here(int beacon)
{
    place here = {(long)getpid(), gru4rec_platform_start_of((long)getpid()), beacon, ""};
    gethostname(here.host, sizeof here.host - 1);
    return here;
}

void ext_alive_place(char text[EXT_ALIVE_PLACE], const ext_alive *alive)
{
    const place here = place_here(alive->beacon);
    snprintf(text, EXT_ALIVE_PLACE, "%ld %llu %d %s", here.pid, here.start, here.beacon,
             here.host);
}

/*
 * Reads text, as ext_alive_place() writes it, into *its. Returns false if one of the
 * three numbers is missing. A missing host is no error: its->host is "" then.
 */
static bool read_place(const char *text, place *its)
{
    its->host[0] = '\0';
    return sscanf(text, "%ld %llu %d %63s", &its->pid, &its->start, &its->beacon,
                  its->host) >= 3;
}

void ext_alive_tell(ext_alive *alive, ext_share share)
{
    pthread_mutex_lock(&lock);
    alive->share = share;
    pthread_mutex_unlock(&lock);
}

bool ext_alive_see(ext_share *share, const char *run)
{
    pthread_mutex_lock(&lock);
    const ext_alive *at = live;
    while (at != NULL && strcmp(at->run, run) != 0)
        at = at->next;
    if (at != NULL)
        *share = at->share;
    pthread_mutex_unlock(&lock);
    return at != NULL;
}

/* Tells whether the run of that name is in the list of this process's runs. */
static bool is_run_of_ours(const char *run)
{
    ext_share share;
    return ext_alive_see(&share, run);
}

/*
 * Opens a file in memory that has the name of the run. While the process keeps the file
 * open, other processes see that this run of the process lives. Returns the file
 * descriptor, which ext_alive_stop() closes; -1 if the system has no such files, or
 * refuses to open one.
 */
static int light_beacon(const char *run)
{
#ifdef __linux__
    return memfd_create(run, MFD_CLOEXEC);
#else
    (void)run;
    return -1;
#endif
}

/*
 * Tells whether the process has closed the beacon of the run (its file in memory): the
 * descriptor its->beacon is not open in that process, or belongs to another file. Returns
 * false if that cannot be found out, or if the run has no beacon.
 */
static bool is_beacon_out(const place *its, const char *run)
{
    char path[64], target[128];
    if (its->beacon < 0)
        return false;
    snprintf(path, sizeof path, "/proc/%ld/fd/%d", its->pid, its->beacon);
    ssize_t n = readlink(path, target, sizeof target - 1);
    if (n < 0)
        return errno == ENOENT;
    target[n] = '\0';
    return strstr(target, run) == NULL;
}

const char *ext_alive_status(const char *process, const char *run)
{
    place its, here = place_here(-1);
    if (process == NULL || run == NULL)
        return "killed";
    if (!read_place(process, &its) || strcmp(its.host, here.host) != 0)
        return "elsewhere";
    if (its.pid == here.pid && its.start == here.start)
        return is_run_of_ours(run) ? NULL : "interrupted";
    if (its.pid <= 0 || its.pid > INT32_MAX ||
        (kill((pid_t)its.pid, 0) != 0 && errno == ESRCH))
        return "killed";
    const unsigned long long now = gru4rec_platform_start_of(its.pid);
    if (now != 0 && its.start != 0 && now != its.start)
        return "killed";
    return is_beacon_out(&its, run) ? "interrupted" : NULL;
}

static const char digits[] = "0123456789abcdef";

bool ext_alive_is_name(const char *text)
{
    return text != NULL && strlen(text) == EXT_RUN_NAME &&
           strspn(text, digits) == EXT_RUN_NAME;
}

void ext_alive_name(char run[EXT_RUN_NAME + 1])
{
    unsigned char random[EXT_RUN_NAME / 2];
    sqlite3_randomness(sizeof random, random);
    for (size_t i = 0; i < sizeof random; i++) {
        run[2 * i] = digits[random[i] >> 4];
        run[2 * i + 1] = digits[random[i] & 15];
    }
    run[EXT_RUN_NAME] = '\0';
}

void ext_alive_start(ext_alive *alive)
{
    if (alive->run[0] == '\0')
        ext_alive_name(alive->run);
    alive->beacon = light_beacon(alive->run);
    pthread_mutex_lock(&lock);
    alive->next = live;
    live = alive;
    pthread_mutex_unlock(&lock);
}

void ext_alive_stop(ext_alive *alive)
{
    bool is_found = false;
    pthread_mutex_lock(&lock);
    for (ext_alive **at = &live; *at != NULL; at = &(*at)->next)
        if (*at == alive) {
            *at = alive->next;
            is_found = true;
            break;
        }
    pthread_mutex_unlock(&lock);
    if (is_found && alive->beacon >= 0)
        close(alive->beacon);
    alive->beacon = -1;
}

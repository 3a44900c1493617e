/*
 * ext_container.c - the memory and processors that a container allows the process; see
 * ext_base.h.
 *
 * A limit of a control group (cgroups(7)) holds for all groups below that group. So the
 * group of the process and all groups above it are read. /proc/self/cgroup names the
 * group, and /proc/self/mountinfo says in which folders groups can be seen. In a
 * container the folder may show the container's own group as the topmost one, while
 * /proc/self/cgroup gives the group's path on the host; so folders of the path that do
 * not exist are passed over.
 *
 * Version 1 of control groups has one tree for each controller (memory, cpu), version 2
 * has one tree for all. If both are mounted, the files of a controller exist in one tree
 * only.
 */
#define _POSIX_C_SOURCE 200809L /* getline */
#include "ext_base.h"

#include "../../include/gru4rec_platform.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH = 1024, NAME = 64 };

/* ---- files ---- */

static FILE *open_file(const char *folder, const char *name)
{
    char path[4 * PATH];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return fopen(path, "r");
}

/*
 * Reads the decimal numbers that the file folder/name begins with, at most n, into
 * numbers, and returns how many were read. It stops at the first word that is no number,
 * such as "max", which stands for no limit. Returns 0 if the file cannot be read.
 */
static int read_numbers(const char *folder, const char *name, int64_t *numbers, int n)
{
    FILE *file = open_file(folder, name);
    int n_read = 0;
    while (file != NULL && n_read < n && fscanf(file, "%" SCNd64, &numbers[n_read]) == 1)
        n_read++;
    if (file != NULL)
        fclose(file);
    return n_read;
}

/*
 * Returns how many bytes of memory the control group in folder uses as page cache, from
 * its file memory.stat, or 0 if there is no such file. The caller counts these bytes as
 * free, because the system takes them back before it runs out of memory.
 */
static int64_t read_cache(const char *folder, bool is_v2)
{
    static const char *const keys[2][2] = {{"total_inactive_file", "total_active_file"},
                                           {"inactive_file", "active_file"}};
    char key[NAME];
    int64_t value, sum = 0;
    FILE *file = open_file(folder, "memory.stat");
    while (file != NULL && fscanf(file, "%63s %" SCNd64, key, &value) == 2)
        if (strcmp(key, keys[is_v2][0]) == 0 || strcmp(key, keys[is_v2][1]) == 0)
            sum += value;
    if (file != NULL)
        fclose(file);
    return sum;
}

/* ---- one group ---- */

/*
 * Lowers container->memory to the memory limit of the control group in folder, and
 * container->room to what that group has left: its limit minus the bytes it uses, without
 * page cache, or 0. Each is changed only if the new value is lower. A group without a
 * limit changes nothing.
 */
static void take_memory(ext_container *container, const char *folder, bool is_v2)
{
    int64_t limit, used = 0;
    if (read_numbers(folder, is_v2 ? "memory.max" : "memory.limit_in_bytes", &limit, 1) !=
            1 ||
        limit < 0)
        return;
    read_numbers(folder, is_v2 ? "memory.current" : "memory.usage_in_bytes", &used, 1);
    used -= read_cache(folder, is_v2);
    const int64_t room = used < 0 ? limit : used < limit ? limit - used : 0;
    if ((uint64_t)limit < container->memory)
        container->memory = (uint64_t)limit;
    if ((uint64_t)room < container->room)
        container->room = (uint64_t)room;
}

/*
 * Lowers container->processors to the CPU quota of the control group in folder, in whole
 * processors, rounded up. If no quota was found before (it is 0), sets it to the quota;
 * else only if the quota is lower. A group without a quota changes nothing.
 */
static void take_processors(ext_container *container, const char *folder, bool is_v2)
{
    int64_t share[2]; /* quota, period: both in microseconds */
    const bool has_share =
        is_v2 ? read_numbers(folder, "cpu.max", share, 2) == 2
              : read_numbers(folder, "cpu.cfs_quota_us", &share[0], 1) == 1 &&
                    read_numbers(folder, "cpu.cfs_period_us", &share[1], 1) == 1;
    if (!has_share || share[0] <= 0 || share[1] <= 0)
        return;
    const int64_t n = (share[0] - 1) / share[1] + 1;
    if (n < INT_MAX && (container->processors == 0 || n < container->processors))
        container->processors = (int)n;
}

/* ---- the groups of the process ---- */

/* A tree of control groups that is mounted in the file system. */
typedef struct tree {
    bool is_v2;         /* version 2 of control groups; false: version 1 */
    char top[PATH];     /* path of the control group that folder shows */
    char folder[PATH];  /* where the tree is mounted */
    char options[PATH]; /* mount options; in version 1 they name the controllers */
} tree;

/* Tells whether word is one of the words of list, which commas separate. */
static bool has_word(const char *list, const char *word)
{
    const size_t n = strlen(word);
    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, word, n) == 0 && (at[n] == ',' || at[n] == '\0'))
            return true;
    }
    return false;
}

/*
 * Reads a line of mountinfo, "36 30 0:32 TOP FOLDER rw ... - TYPE SOURCE OPTIONS", into
 * *mounted. Returns false if the line does not mount a tree of control groups; *mounted
 * then means nothing.
 */
static bool parse_mount(const char *line, tree *mounted)
{
    char type[NAME];
    const char *rest = strstr(line, " - ");
    if (rest == NULL ||
        sscanf(line, "%*s %*s %*s %1023s %1023s", mounted->top, mounted->folder) != 2 ||
        sscanf(rest + 3, "%63s %*s %1023s", type, mounted->options) != 2)
        return false;
    mounted->is_v2 = strcmp(type, "cgroup2") == 0;
    return mounted->is_v2 || strcmp(type, "cgroup") == 0;
}

/*
 * Finds the control group of the process in the tree of a controller ("memory" or "cpu"),
 * in the file root/proc/self/cgroup, and puts its path into path. Its first line that
 * fits counts: a line is "4:memory:/path" in version 1 and "0::/path" in version 2.
 * Returns false if no line fits; path then means nothing.
 */
static bool find_group(const char *root, const tree *mounted, const char *controller,
                       char path[PATH])
{
    char *line = NULL;
    size_t capacity = 0;
    bool is_found = false;
    FILE *file = open_file(root, "proc/self/cgroup");
    while (file != NULL && !is_found && getline(&line, &capacity, file) > 0) {
        char *names = strchr(line, ':'),
             *group = names != NULL ? strchr(names + 1, ':') : NULL;
        if (group == NULL)
            continue;
        *group++ = '\0';
        group[strcspn(group, "\n")] = '\0';
        is_found = mounted->is_v2 ? names[1] == '\0' : has_word(names + 1, controller);
        snprintf(path, PATH, "%s", group);
    }
    free(line);
    if (file != NULL)
        fclose(file);
    return is_found;
}

/*
 * Calls take(), which lowers the limits in container, for the folder of the process's
 * control group, and for the folder of each group above it, up to the folder where the
 * tree is mounted. If that folder does not show the group (the group's path has ".." in
 * it), there is one call, for that folder. If the process has no group in the tree of the
 * controller, there is no call.
 */
static void walk(ext_container *container, const char *root, const tree *mounted,
                 const char *controller,
                 void (*take)(ext_container *, const char *folder, bool is_v2))
{
    char group[PATH], folder[3 * PATH];
    if (!find_group(root, mounted, controller, group))
        return;
    const size_t n_top = strcmp(mounted->top, "/") == 0 ? 0 : strlen(mounted->top);
    const bool is_below = strncmp(group, mounted->top, n_top) == 0;
    snprintf(folder, sizeof folder, "%s%s", root, mounted->folder);
    char *const end = folder + strlen(folder);
    if (strstr(group, "/..") == NULL) /* else no folder shows the group */
        snprintf(end, sizeof folder - strlen(folder), "%s",
                 group + (is_below ? n_top : 0));
    take(container, folder, mounted->is_v2);
    while (*end != '\0') {
        char *slash = strrchr(end, '/');
        *(slash != NULL ? slash : end) = '\0';
        take(container, folder, mounted->is_v2);
    }
}

void ext_container_read(ext_container *container, const char *root)
{
    char *line = NULL;
    size_t capacity = 0;
    tree mounted;
    *container = (ext_container){.memory = UINT64_MAX, .room = UINT64_MAX};
    FILE *file = open_file(root, "proc/self/mountinfo");
    while (file != NULL && getline(&line, &capacity, file) > 0) {
        if (!parse_mount(line, &mounted))
            continue;
        if (mounted.is_v2 || has_word(mounted.options, "memory"))
            walk(container, root, &mounted, "memory", take_memory);
        if (mounted.is_v2 || has_word(mounted.options, "cpu"))
            walk(container, root, &mounted, "cpu", take_processors);
    }
    free(line);
    if (file != NULL)
        fclose(file);
}

/* ---- ranks ---- */

static _Atomic int n_ranks = 1, n_rank_processors;

void ext_container_share(int n, int processors)
{
    atomic_store(&n_rank_processors, processors);
    atomic_store(&n_ranks, n);
}

ext_container_ranks ext_container_share_of(void)
{
    return (ext_container_ranks){.n = atomic_load(&n_ranks),
                                 .processors = atomic_load(&n_rank_processors)};
}

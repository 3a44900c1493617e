/*
 * test_ext_container.c - ext_container.c on made-up trees of control groups.
 *
 * A tree is a temporary folder with proc/self/cgroup, proc/self/mountinfo and the groups'
 * files. Expected values are counted by hand.
 */
#define _XOPEN_SOURCE 700 /* mkdtemp, nftw */
#include "../lib/test.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../ext/base/ext_base.h"

static char root[64];

/* Writes a file of the tree, and makes its folders. */
static void put(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *at = path + strlen(root) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        mkdir(path, 0700);
        *at = '/';
    }
    FILE *file = fopen(path, "w");
    if (!CHECK(file != NULL))
        return;
    fputs(text, file);
    fclose(file);
}

static int remove_one(const char *path, const struct stat *facts, int type,
                      struct FTW *place)
{
    (void)facts;
    (void)type;
    (void)place;
    return remove(path);
}

static void begin(void)
{
    strcpy(root, "/tmp/gru4rec-container-XXXXXX");
    CHECK(mkdtemp(root) != NULL);
}

/* Reads the tree, checks what came of it, and takes the tree away. */
static void expect(uint64_t memory, uint64_t room, int processors)
{
    ext_container container;
    ext_container_read(&container, root);
    CHECK_INT(memory, container.memory);
    CHECK_INT(room, container.room);
    CHECK_INT(processors, container.processors);
    nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char v2_mount[] =
    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
    "30 22 0:27 / /sys/fs/cgroup rw,nosuid shared:9 master:2 - cgroup2 cgroup2 "
    "rw,nsdelegate\n";

static void nothing_there_is_no_limit(void)
{
    begin();
    expect(UINT64_MAX, UINT64_MAX, 0);
    begin();
    put("proc/self/cgroup", "0::/a\n");
    put("proc/self/mountinfo", v2_mount);
    expect(UINT64_MAX, UINT64_MAX, 0);
}

static void v2_own_group(void)
{
    begin();
    put("proc/self/cgroup", "0::/a\n");
    put("proc/self/mountinfo", v2_mount);
    put("sys/fs/cgroup/a/memory.max", "1000000\n");
    put("sys/fs/cgroup/a/memory.current", "600000\n");
    put("sys/fs/cgroup/a/memory.stat",
        "anon 100\nfile 300000\ninactive_file 200000\nactive_file 100000\nslab 5\n");
    put("sys/fs/cgroup/a/cpu.max", "250000 100000\n");
    expect(1000000, 700000, 3);
}

static void v2_max_is_no_limit(void)
{
    begin();
    put("proc/self/cgroup", "0::/a\n");
    put("proc/self/mountinfo", v2_mount);
    put("sys/fs/cgroup/a/memory.max", "max\n");
    put("sys/fs/cgroup/a/memory.current", "600000\n");
    put("sys/fs/cgroup/a/cpu.max", "max 100000\n");
    expect(UINT64_MAX, UINT64_MAX, 0);
}

/* The tightest limit may be above, and the least room elsewhere still. */
static void v2_groups_above(void)
{
    begin();
    put("proc/self/cgroup", "0::/a/b/c\n");
    put("proc/self/mountinfo", v2_mount);
    put("sys/fs/cgroup/a/b/c/memory.max", "9000\n");
    put("sys/fs/cgroup/a/b/c/memory.current", "1000\n");
    put("sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
    put("sys/fs/cgroup/a/b/memory.max", "8000\n");
    put("sys/fs/cgroup/a/b/memory.current", "3000\n");
    put("sys/fs/cgroup/a/b/cpu.max", "400000 100000\n");
    put("sys/fs/cgroup/a/memory.max", "10000\n");
    put("sys/fs/cgroup/a/memory.current", "9500\n");
    put("sys/fs/cgroup/a/cpu.max", "20000 10000\n");
    put("sys/fs/cgroup/other/memory.max", "1\n");
    put("sys/fs/cgroup/other/cpu.max", "1 100000\n");
    expect(8000, 500, 2);
}

/* In a namespace of its own a container sees its group as the topmost one. */
static void v2_namespace(void)
{
    begin();
    put("proc/self/cgroup", "0::/\n");
    put("proc/self/mountinfo", v2_mount);
    put("sys/fs/cgroup/memory.max", "5000\n");
    put("sys/fs/cgroup/memory.current", "6000\n");
    put("sys/fs/cgroup/cpu.max", "50000 100000\n");
    expect(5000, 0, 1);
    begin();
    put("proc/self/cgroup", "0::/../../elsewhere\n");
    put("proc/self/mountinfo", v2_mount);
    put("sys/fs/cgroup/memory.max", "5000\n");
    put("sys/memory.max", "1\n");
    expect(5000, 5000, 0);
}

static const char v1_mounts[] =
    "31 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "33 30 0:30 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n"
    "34 30 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "40 30 0:37 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

static const char v1_groups[] = "12:cpuset:/\n5:memory:/jobs/7\n4:cpu,cpuacct:/jobs\n"
                                "1:name=systemd:/user\n0::/user\n";

static void v1_own_group(void)
{
    begin();
    put("proc/self/cgroup", v1_groups);
    put("proc/self/mountinfo", v1_mounts);
    put("sys/fs/cgroup/memory/jobs/7/memory.limit_in_bytes", "2000000000\n");
    put("sys/fs/cgroup/memory/jobs/7/memory.usage_in_bytes", "900000000\n");
    put("sys/fs/cgroup/memory/jobs/7/memory.stat",
        "cache 500\ninactive_file 7\ntotal_inactive_file 100000000\n"
        "total_active_file 200000000\n");
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("sys/fs/cgroup/cpu,cpuacct/jobs/cpu.cfs_quota_us", "100001\n");
    put("sys/fs/cgroup/cpu,cpuacct/jobs/cpu.cfs_period_us", "100000\n");
    put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    expect(2000000000, 1400000000, 2);
}

/* "memory" is not to be found in "memory2", nor "cpu" in "cpuset". */
static void v1_names_are_whole(void)
{
    begin();
    put("proc/self/cgroup", "3:cpuset,memory2:/x\n2:memory:/y\n");
    put("proc/self/mountinfo", v1_mounts);
    put("sys/fs/cgroup/memory/x/memory.limit_in_bytes", "1\n");
    put("sys/fs/cgroup/memory/y/memory.limit_in_bytes", "77\n");
    put("sys/fs/cgroup/cpuset/x/cpu.cfs_quota_us", "1\n");
    put("sys/fs/cgroup/cpuset/x/cpu.cfs_period_us", "1\n");
    expect(77, 77, 0);
}

/* Where a container has the host's path, but sees its group alone. */
static void v1_path_of_the_host(void)
{
    begin();
    put("proc/self/cgroup", "5:memory:/docker/abc/sub\n");
    put("proc/self/mountinfo",
        "34 30 0:31 /docker/abc /groups/memory rw - cgroup cgroup rw,memory\n");
    put("groups/memory/memory.limit_in_bytes", "3000\n");
    put("groups/memory/sub/memory.limit_in_bytes", "2000\n");
    expect(2000, 2000, 0);
    begin();
    put("proc/self/cgroup", "5:memory:/docker/abc\n");
    put("proc/self/mountinfo",
        "34 30 0:31 / /groups/memory rw - cgroup cgroup rw,memory\n");
    put("groups/memory/memory.limit_in_bytes", "3000\n");
    expect(3000, 3000, 0);
    begin();
    put("proc/self/cgroup", "5:memory:/docker/abcd\n");
    put("proc/self/mountinfo",
        "34 30 0:31 /docker/abc /groups/memory rw - cgroup cgroup rw,memory\n");
    put("groups/memory/memory.limit_in_bytes", "3000\n");
    expect(3000, 3000, 0);
}

/* Version 2 has memory's files, version 1 those of processors. */
static void both_versions(void)
{
    begin();
    put("proc/self/cgroup", "4:cpu:/a\n0::/b\n");
    put("proc/self/mountinfo", v1_mounts);
    put("sys/fs/cgroup/unified/b/memory.max", "4000\n");
    put("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "800000\n");
    put("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
    expect(4000, 4000, 8);
}

static void what_makes_no_sense_is_no_limit(void)
{
    begin();
    put("proc/self/cgroup", "nonsense\n\n::\n0:\n0::/a\n");
    put("proc/self/mountinfo", "\n - \n1 2 3 / - cgroup2\n30 22 0:27 / /g rw - cgroup2\n"
                               "30 22 0:27 / /g rw - cgroup2 x rw\n");
    put("g/a/memory.max", "-5\n");
    put("g/a/cpu.max", "100000 0\n");
    put("g/memory.max", "\n");
    put("g/cpu.max", "0 100000\n");
    expect(UINT64_MAX, UINT64_MAX, 0);
}

int main(void)
{
    RUN(nothing_there_is_no_limit);
    RUN(v2_own_group);
    RUN(v2_max_is_no_limit);
    RUN(v2_groups_above);
    RUN(v2_namespace);
    RUN(v1_own_group);
    RUN(v1_names_are_whole);
    RUN(v1_path_of_the_host);
    RUN(both_versions);
    RUN(what_makes_no_sense_is_no_limit);
    return test_end();
}

/*
 * faulty_vfs.c - see faulty_vfs.h. A file of ours holds one of the real VFS, and each
 * method asks is_due() first. Methods that only give something back cannot fail.
 */
#include "faulty_vfs.h"

#include <sqlite3.h>
#include <stdlib.h>

static sqlite3_vfs *real;
static bool is_armed;
static faulty_kind armed;
static long first_bad, n_bad, counts[FAULTY_N_KINDS];

void faulty_vfs_arm(faulty_kind kind, long first, long n)
{
    faulty_vfs_disarm();
    is_armed = true;
    armed = kind;
    first_bad = first;
    n_bad = n;
}

void faulty_vfs_disarm(void)
{
    is_armed = false;
    for (int i = 0; i < FAULTY_N_KINDS; i++)
        counts[i] = 0;
}

long faulty_vfs_count(faulty_kind kind)
{
    return counts[kind];
}

/* Counts a call for a kind. Must it fail? */
static bool is_due(faulty_kind kind)
{
    const long n = ++counts[kind];
    return is_armed && armed == kind && n >= first_bad && n - first_bad < n_bad;
}

/* ---- files ---- */

typedef struct file {
    sqlite3_file base;
    sqlite3_file *inner;
} file;

static sqlite3_file *inner_of(sqlite3_file *f)
{
    return ((file *)f)->inner;
}

#define CALL(f, method, ...) inner_of(f)->pMethods->method(inner_of(f), __VA_ARGS__)

static int file_close(sqlite3_file *f)
{
    int rc = inner_of(f)->pMethods->xClose(inner_of(f));
    free(inner_of(f));
    return rc;
}

static int file_read(sqlite3_file *f, void *bytes, int n, sqlite3_int64 at)
{
    return is_due(FAULTY_IOERR) ? SQLITE_IOERR_READ : CALL(f, xRead, bytes, n, at);
}

static int file_write(sqlite3_file *f, const void *bytes, int n, sqlite3_int64 at)
{
    if (is_due(FAULTY_IOERR))
        return SQLITE_IOERR_WRITE;
    if (is_due(FAULTY_FULL))
        return SQLITE_FULL;
    if (is_due(FAULTY_SHORT)) {
        CALL(f, xWrite, bytes, n / 2, at);
        return SQLITE_IOERR_WRITE;
    }
    return CALL(f, xWrite, bytes, n, at);
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return is_due(FAULTY_IOERR) ? SQLITE_IOERR_TRUNCATE : CALL(f, xTruncate, size);
}

static int file_sync(sqlite3_file *f, int flags)
{
    return is_due(FAULTY_IOERR) ? SQLITE_IOERR_FSYNC : CALL(f, xSync, flags);
}

static int file_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return is_due(FAULTY_IOERR) ? SQLITE_IOERR_FSTAT : CALL(f, xFileSize, size);
}

static int file_lock(sqlite3_file *f, int level)
{
    if (is_due(FAULTY_IOERR))
        return SQLITE_IOERR_LOCK;
    return is_due(FAULTY_LOCK) ? SQLITE_BUSY : CALL(f, xLock, level);
}

static int file_unlock(sqlite3_file *f, int level)
{
    return CALL(f, xUnlock, level);
}

static int file_check_lock(sqlite3_file *f, int *is_reserved)
{
    return is_due(FAULTY_IOERR) ? SQLITE_IOERR_CHECKRESERVEDLOCK
                                : CALL(f, xCheckReservedLock, is_reserved);
}

static int file_control(sqlite3_file *f, int op, void *argument)
{
    return CALL(f, xFileControl, op, argument);
}

static int file_sector(sqlite3_file *f)
{
    return inner_of(f)->pMethods->xSectorSize(inner_of(f));
}

static int file_device(sqlite3_file *f)
{
    return inner_of(f)->pMethods->xDeviceCharacteristics(inner_of(f));
}

static int file_shm_map(sqlite3_file *f, int page, int size, int extends,
                        void volatile **memory)
{
    return is_due(FAULTY_IOERR) ? SQLITE_IOERR_SHMMAP
                                : CALL(f, xShmMap, page, size, extends, memory);
}

static int file_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    if (flags & SQLITE_SHM_LOCK && is_due(FAULTY_LOCK))
        return SQLITE_BUSY;
    return CALL(f, xShmLock, offset, n, flags);
}

static void file_shm_barrier(sqlite3_file *f)
{
    inner_of(f)->pMethods->xShmBarrier(inner_of(f));
}

static int file_shm_unmap(sqlite3_file *f, int deletes)
{
    return CALL(f, xShmUnmap, deletes);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_device,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

/* ---- the file system ---- */

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags,
                    int *out_flags)
{
    (void)vfs;
    f->pMethods = NULL;
    if (is_due(FAULTY_IOERR))
        return SQLITE_CANTOPEN;
    sqlite3_file *inner = calloc(1, (size_t)real->szOsFile);
    if (inner == NULL)
        return SQLITE_NOMEM;
    int rc = real->xOpen(real, name, inner, flags, out_flags);
    if (rc != SQLITE_OK) {
        free(inner);
        return rc;
    }
    ((file *)f)->inner = inner;
    f->pMethods = &methods;
    return rc;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int syncs)
{
    (void)vfs;
    return is_due(FAULTY_IOERR) ? SQLITE_IOERR_DELETE : real->xDelete(real, name, syncs);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
    (void)vfs;
    return is_due(FAULTY_IOERR) ? SQLITE_IOERR_ACCESS
                                : real->xAccess(real, name, flags, result);
}

void faulty_vfs_register(void)
{
    static sqlite3_vfs vfs;
    real = sqlite3_vfs_find(NULL);
    vfs = *real; /* what is not replaced works on names, and takes any VFS */
    vfs.pNext = NULL;
    vfs.zName = "faulty";
    vfs.szOsFile = sizeof(file);
    vfs.xOpen = vfs_open;
    vfs.xDelete = vfs_delete;
    vfs.xAccess = vfs_access;
    sqlite3_vfs_register(&vfs, 0);
}

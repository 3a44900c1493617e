/*
 * faulty_vfs.h - the VFS "faulty": SQLite's default one, whose n-th call can be made to
 * fail. One process, one thread that does I/O.
 */
#ifndef FAULTY_VFS_H
#define FAULTY_VFS_H

#include <stdbool.h>

typedef enum faulty_kind {
    FAULTY_IOERR, /* any call: its own SQLITE_IOERR_x, or SQLITE_CANTOPEN */
    FAULTY_FULL,  /* a write: nothing is written, SQLITE_FULL */
    FAULTY_SHORT, /* a write: half of it is written, SQLITE_IOERR_WRITE */
    FAULTY_LOCK,  /* a lock on the file or on the WAL's index: SQLITE_BUSY */
    FAULTY_N_KINDS
} faulty_kind;

void faulty_vfs_register(void);

/* Calls first to first + n - 1 of those that the kind concerns fail, counted from 1 and
 * from now. */
void faulty_vfs_arm(faulty_kind kind, long first, long n);

/* Counts, and lets nothing fail. */
void faulty_vfs_disarm(void);

/* Calls that a kind concerns since the last arming or disarming. */
long faulty_vfs_count(faulty_kind kind);

#endif

/*
 * ext_poll.c - notices interrupts during long work; see ext_base.h.
 *
 * SQLite looks at its interrupt flag, and calls the host's progress handler, only while
 * it runs a statement. (A connection has one progress handler, which belongs to the
 * host.) So every few milliseconds a small statement is run. It has about 1,600
 * operations of SQLite's virtual machine and takes 25 microseconds. So many operations
 * reach a progress handler with any usual interval.
 */
#define _POSIX_C_SOURCE 199309L
#include "ext_base.h"

#include <time.h>

/* The shortest time between two runs of the small statement, in seconds. */
static const double interval = 0.005;

double ext_poll_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void ext_poll_start(ext_poll *poll, sqlite3 *db)
{
    poll->db = db;
    poll->stmt = NULL;
    poll->ranks = NULL;
    poll->last = ext_poll_seconds();
    int rc = sqlite3_prepare_v2(
        db,
        "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 100) "
        "SELECT count(*) FROM c",
        -1, &poll->stmt, NULL);
    poll->is_interrupted = rc == SQLITE_INTERRUPT; /* an interrupt was pending already */
}

void ext_poll_join(ext_poll *poll, const ext_ranks *ranks)
{
    poll->ranks = ranks;
}

void ext_poll_stop(ext_poll *poll)
{
    sqlite3_finalize(poll->stmt);
    poll->stmt = NULL;
}

bool ext_poll_is_stopped(void *poll)
{
    return ext_poll_check(poll);
}

bool ext_poll_check(ext_poll *poll)
{
    double now = ext_poll_seconds();
    if (poll->is_interrupted || now - poll->last < interval || poll->stmt == NULL)
        return poll->is_interrupted;
    poll->last = now;
    poll->is_interrupted = sqlite3_step(poll->stmt) == SQLITE_INTERRUPT;
    sqlite3_reset(poll->stmt);
    poll->is_interrupted |= ext_ranks_is_stopped(poll->ranks);
    return poll->is_interrupted;
}

/*
 * asynchronous.c EXTENSION [--seconds S] [--seed N]: sqlite3_interrupt() from another
 * thread, at a random moment of a call that writes. One connection does all calls, so
 * what one of them leaves behind meets the next.
 *
 * After each the connection is as at entry, or the user's transaction is rolled back and
 * the message says so; and the call succeeded if and only if its work is in the file.
 */
#include "attack.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the thread that interrupts ---- */

static sqlite3 *db;
static atomic_bool is_asked, is_done;
static _Atomic double delay; /* seconds */

static void *interrupt(void *unused)
{
    while (!is_done) {
        if (!is_asked)
            continue;
        const double since = attack_seconds();
        while (attack_seconds() - since < delay)
            ;
        sqlite3_interrupt(db);
        is_asked = false;
    }
    return unused;
}

/* ---- calls ---- */

static const char *const calls[] = {
    "SELECT gru4rec_train('m')",
    "SELECT gru4rec_train('m', 'warm_start=true')",
    "SELECT gru4rec_train('m', 'n_epochs=2, checkpoint_epochs=1')",
    "SELECT gru4rec_import('m', (SELECT bytes FROM file))",
    "SELECT gru4rec_deploy('m', (SELECT min(version) FROM m_version WHERE status = "
    "'ready' "
    "AND version <> (SELECT value FROM m_config WHERE key = 'version')))",
};

enum { N_CALLS = sizeof calls / sizeof *calls, WITH_CHECKPOINTS = 2 };

static void make_shop(const char *journal)
{
    char pragma[60];
    snprintf(pragma, sizeof pragma, "PRAGMA journal_mode = %s", journal);
    attack_run(db, pragma);
    attack_make_clicks(db, "clicks", 30, 15, 3);
    attack_run(db, "CREATE TABLE notes(x);"
                   "CREATE VIRTUAL TABLE m USING gru4rec(clicks, layers=8, n_sample=8, "
                   "batch_size=4, n_epochs=1, threads=1);"
                   "SELECT gru4rec_train('m');"
                   "SELECT gru4rec_train('m', 'seed=2');"
                   "CREATE TABLE file AS SELECT gru4rec_export('m') AS bytes");
}

/* The active version, and the newest. */
static char *versions(sqlite3 *watcher)
{
    return attack_ask(watcher, NULL,
                      "SELECT (SELECT value FROM m_config WHERE key = 'version'), "
                      "max(version) FROM m_version WHERE status = 'ready'");
}

/* Does it with an interrupt after that time. Gives the error's message, or NULL. */
static char *do_interrupted(const char *sql, double after, int *rc)
{
    char *message = NULL;
    delay = after;
    is_asked = true;
    *rc = sqlite3_exec(db, sql, NULL, NULL, &message);
    while (is_asked)
        ;
    return message;
}

/* ---- judging ---- */

/* In the user's transaction it wrote a note before the call. */
static bool check_transaction(int rc, const char *message)
{
    const bool is_open = !sqlite3_get_autocommit(db);
    if (is_open) {
        const char *left = attack_left_savepoint(db);
        attack_check(left == NULL, "the savepoint %s was left open: %s", left, message);
        attack_run(db, "COMMIT");
    } else {
        attack_check(rc != SQLITE_OK, "rolled back, and says success");
        if (message != NULL && strncmp(message, "gru4rec", 7) == 0)
            attack_check(strstr(message, "rolled back") != NULL,
                         "rolled back, and does not say so: %s", message);
    }
    return is_open;
}

static void try_call(int call, bool is_in_transaction, double after, sqlite3 *watcher)
{
    char *before = versions(watcher), *n_before, *n_after;
    bool is_kept = true;
    int rc;
    n_before = attack_ask(watcher, NULL, "SELECT count(*) FROM notes");
    if (is_in_transaction)
        attack_run(db, "BEGIN; INSERT INTO notes VALUES (1)");
    char *message = do_interrupted(calls[call], after, &rc);
    if (is_in_transaction)
        is_kept = check_transaction(rc, message);
    else if (!attack_check(sqlite3_get_autocommit(db), "left in a transaction: %s",
                           message))
        attack_run(db, "ROLLBACK");
    char *seen = versions(watcher);
    const bool is_changed = strcmp(before, seen) != 0;
    const bool is_late = message != NULL && strcmp(message, "interrupted") == 0;
    n_after = attack_ask(watcher, NULL, "SELECT count(*) FROM notes");
    attack_check(rc != SQLITE_OK || is_changed, "says success, and versions are %s",
                 seen);
    attack_check(rc == SQLITE_OK || !is_changed || is_late, "done, and says %s", message);
    attack_check(atoi(n_after) - atoi(n_before) == (is_in_transaction && is_kept),
                 "the user's row: %s before, %s after", n_before, n_after);
    sqlite3_free(n_before);
    sqlite3_free(n_after);
    sqlite3_free(before);
    sqlite3_free(seen);
    sqlite3_free(message);
}

/* ---- two shops ---- */

enum { N_SIDES = 2, MOST = 20000 };

static struct side {
    const char *journal;
    sqlite3 *db, *watcher;
    double durations[N_CALLS]; /* of a call without an interrupt, in seconds */
} sides[N_SIDES] = {{.journal = "delete"}, {.journal = "wal"}};

static int learn(void *unused, int action, const char *operation, const char *name,
                 const char *schema, const char *trigger)
{
    (void)unused;
    (void)operation;
    (void)schema;
    (void)trigger;
    if (action == SQLITE_SAVEPOINT)
        attack_remember_savepoint(name);
    return SQLITE_OK;
}

static void open_side(struct side *side)
{
    char name[20];
    snprintf(name, sizeof name, "%s.db", side->journal);
    side->db = db = attack_open(name, NULL);
    make_shop(side->journal);
    side->watcher = attack_open_bare(name, NULL);
    sqlite3_set_authorizer(db, learn, NULL);
    for (int i = 0; i < N_CALLS; i++) {
        const double since = attack_seconds();
        attack_run(db, calls[i]);
        side->durations[i] = attack_seconds() - since;
    }
    sqlite3_set_authorizer(db, NULL, NULL);
}

static void try_side(struct side *side, long i)
{
    const int call = (int)(i % N_CALLS);
    const bool is_in_transaction = call != WITH_CHECKPOINTS && attack_random() % 3 == 0;
    const double share = (double)(attack_random() % 1250) * 1e-3;
    const double after = share * side->durations[call];
    db = side->db;
    attack_point("%s, %s%s, interrupted after %.0f us", side->journal, calls[call],
                 is_in_transaction ? " in BEGIN" : "", after * 1e6);
    try_call(call, is_in_transaction, after, side->watcher);
    if (i % 100 == 0) {
        attack_is(db, "PRAGMA integrity_check", "ok");
        attack_is(db, "SELECT gru4rec_check('m')", "ok");
    }
}

static void work(const char *mode)
{
    pthread_t thread;
    (void)mode;
    attack_count(N_SIDES * MOST);
    for (int i = 0; i < N_SIDES; i++)
        open_side(&sides[i]);
    pthread_create(&thread, NULL, interrupt, NULL);
    for (long i = 0; i < N_SIDES * MOST && !attack_is_over(); i++)
        try_side(&sides[i % N_SIDES], i / N_SIDES);
    is_done = true;
    pthread_join(thread, NULL);
    for (int i = 0; i < N_SIDES; i++) {
        sqlite3_close(sides[i].watcher);
        attack_check(sqlite3_close(sides[i].db) == SQLITE_OK,
                     "the connection cannot be closed");
    }
}

int main(int argc, char **argv)
{
    return attack_main(argc, argv, work);
}

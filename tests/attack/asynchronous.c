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

#define OPTIONS "layers=8, n_sample=8, batch_size=4, n_epochs=1, threads=1"
#define MAKE_MODEL                                                        \
    "CREATE VIRTUAL TABLE m USING gru4rec(clicks, blend=0, " OPTIONS ");" \
    "SELECT gru4rec_train('m'); SELECT gru4rec_train('m', 'seed=2, blend=1');"

static const struct call {
    const char *sql;
    const char *undo; /* SQL for the next call to find m, and no model fresh, or NULL */
    bool is_alone;    /* it is refused in a transaction */
} calls[] = {
    {"SELECT gru4rec_train('m')", NULL, false},
    {"SELECT gru4rec_train('m', 'warm_start=true')", NULL, false},
    {"SELECT gru4rec_train('m', 'warm_start=true, blend=auto, validation=0.3')", NULL,
     false},
    {"SELECT gru4rec_train('m', 'n_epochs=2, checkpoint_epochs=1')", NULL, true},
    {"SELECT gru4rec_train('fresh', 'clicks', '" OPTIONS "')", "DROP TABLE fresh", false},
    {"SELECT gru4rec_import('m', (SELECT bytes FROM file))", NULL, false},
    {"SELECT gru4rec_import('fresh', (SELECT bytes FROM file))", "DROP TABLE fresh",
     false},
    {"SELECT gru4rec_deploy('m', 'previous')", NULL, false},
    {"SELECT gru4rec_configure('m', 'source=(SELECT * FROM clicks), n_epochs=2')",
     "SELECT gru4rec_configure('m', 'source=clicks, n_epochs=null')", false},
    {"SELECT gru4rec_train('m', 'activate=false')", NULL, false},
    {"CREATE VIRTUAL TABLE fresh USING gru4rec((SELECT * FROM clicks), " OPTIONS ")",
     "DROP TABLE fresh", false},
    {"CREATE TABLE copy AS SELECT item FROM gru4rec_recommend('m', '[1, 2]', 4)",
     "DROP TABLE copy", false},
    {"ALTER TABLE m RENAME TO renamed", "ALTER TABLE renamed RENAME TO m", false},
    {"DROP TABLE m", MAKE_MODEL, false},
};

enum { N_CALLS = sizeof calls / sizeof *calls };

static void make_shop(const char *journal)
{
    char pragma[60];
    snprintf(pragma, sizeof pragma, "PRAGMA journal_mode = %s", journal);
    attack_run(db, pragma);
    attack_make_clicks(db, "clicks", 30, 15, 3);
    attack_run(db, "CREATE TABLE notes(x);" MAKE_MODEL
                   "CREATE TABLE file AS SELECT gru4rec_export('m') AS bytes");
}

/* All tables and views, the active version of m, and the newest. */
static char *look(sqlite3 *watcher)
{
    int rc;
    char *names = attack_ask(watcher, NULL,
                             "SELECT name FROM sqlite_schema WHERE type <> 'index' "
                             "ORDER BY name");
    char *versions = attack_ask(
        watcher, &rc,
        "SELECT (SELECT value FROM m_config WHERE key = 'version'), max(version) "
        "FROM m_version WHERE status = 'ready'");
    char *all = sqlite3_mprintf("%z: %s", names, rc == SQLITE_OK ? versions : "none");
    sqlite3_free(versions);
    return all;
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
        attack_check(message == NULL || !strstr(message, "transaction was rolled back"),
                     "not rolled back, and says so: %s", message);
        attack_run(db, "COMMIT");
    } else {
        attack_check(rc != SQLITE_OK, "rolled back, and says success");
        if (message != NULL && strncmp(message, "gru4rec", 7) == 0)
            attack_check(strstr(message, "rolled back") != NULL,
                         "rolled back, and does not say so: %s", message);
    }
    return is_open;
}

/* The call, in a transaction or not; false when what the user wrote in it is gone. */
static bool call_interrupted(const struct call *call, bool is_in_transaction,
                             double after, int *rc, char **message)
{
    if (is_in_transaction)
        attack_run(db, "BEGIN; INSERT INTO notes VALUES (1)");
    *message = do_interrupted(call->sql, after, rc);
    if (is_in_transaction)
        return check_transaction(*rc, *message);
    if (!attack_check(sqlite3_get_autocommit(db), "left in a transaction: %s", *message))
        attack_run(db, "ROLLBACK");
    return true;
}

static int count_notes(sqlite3 *watcher)
{
    char *n = attack_ask(watcher, NULL, "SELECT count(*) FROM notes");
    const int count = atoi(n);
    sqlite3_free(n);
    return count;
}

static void try_call(const struct call *call, bool is_in_transaction, double after,
                     sqlite3 *watcher)
{
    char *before = look(watcher), *message;
    int rc, n_notes = count_notes(watcher);
    if (call_interrupted(call, is_in_transaction, after, &rc, &message))
        n_notes += is_in_transaction;
    char *seen = look(watcher);
    const bool is_changed = strcmp(before, seen) != 0;
    const bool is_late = message != NULL && strcmp(message, "interrupted") == 0;
    attack_check(rc != SQLITE_OK || is_changed, "says success, and the file has %s",
                 seen);
    attack_check(rc == SQLITE_OK || !is_changed || is_late, "done, and says %s", message);
    attack_check(count_notes(watcher) == n_notes,
                 "the user's row is not as it should be");
    if (is_changed && call->undo != NULL)
        attack_run(db, call->undo);
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
        attack_run(db, calls[i].sql);
        side->durations[i] = attack_seconds() - since;
        if (calls[i].undo != NULL)
            attack_run(db, calls[i].undo);
    }
    sqlite3_set_authorizer(db, NULL, NULL);
}

static void try_side(struct side *side, long i)
{
    const struct call *call = &calls[i % N_CALLS];
    const bool is_in_transaction = !call->is_alone && attack_random() % 3 == 0;
    const double share = (double)(attack_random() % 1250) * 1e-3;
    const double after = share * side->durations[i % N_CALLS];
    db = side->db;
    attack_point("%s, %s%s, interrupted after %.0f us", side->journal, call->sql,
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

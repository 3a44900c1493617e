/*
 * faults.c EXTENSION [--seconds S] [--seed N] io|interrupt|authorizer: every call that
 * writes, in every kind of transaction, in both journal modes, with one fault at every
 * place where one can come.
 *
 *   io           the n-th call of the VFS fails: once, or it and all later ones
 *   interrupt    the n-th operation of SQLite's virtual machine is interrupted
 *   authorizer   the n-th question is denied or ignored, or all questions of a kind are
 *
 * What holds after each:
 *
 *   in autocommit the connection is as at entry: no transaction, no statement, and what
 *   the application writes next is there for good. In the user's transaction it is as at
 *   entry too, with what the user wrote and without a savepoint of ours; or all of it is
 *   rolled back, and our message says so. The call succeeded if and only if its work is
 *   in the file; half of it never is. The file and its models are sound and serve.
 */
#include "attack.h"
#include "faulty_vfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is called ---- */

#define NEW_OPTIONS "layers=4, n_sample=4, batch_size=4, n_epochs=1, threads=1"

static char resume[120]; /* written once the shops are there */

static const struct call {
    const char *name, *sql;
    bool is_alone; /* it is refused in a transaction */
    bool may_stay; /* a model without a version, with a checkpoint, stays when it fails */
    bool may_leave_part; /* a part of its work stays when it fails, for resume */
} calls[] = {
    {"train", "SELECT gru4rec_train('m')", false, false, false},
    {"checkpoints", "SELECT gru4rec_train('m', 'n_epochs=3, checkpoint_epochs=1')", true,
     false, false},
    {"tune",
     "SELECT gru4rec_tune('m', 'trials=2, n_epochs=1, validation=0.5, threads=1, "
     "space={\"momentum\":[0.5]}')",
     true, false, true},
    {"warm start", "SELECT gru4rec_train('m', 'warm_start=true')", false, false, false},
    {"warm start, blend", "SELECT gru4rec_train('m', 'warm_start=true, blend=2')", false,
     false, false},
    {"blend=auto", "SELECT gru4rec_train('m', 'blend=auto, validation=0.3')", false,
     false, false},
    {"resume", resume, false, false, false},
    {"new model", "SELECT gru4rec_train('fresh', 'clicks', '" NEW_OPTIONS "')", false,
     false, false},
    {"new, checkpoints",
     "SELECT gru4rec_train('fresh', 'clicks', '" NEW_OPTIONS
     ", n_epochs=3, checkpoint_epochs=1')",
     true, true, false},
    {"import", "SELECT gru4rec_import('m', (SELECT bytes FROM file))", false, false,
     false},
    {"import as new", "SELECT gru4rec_import('fresh', (SELECT bytes FROM file))", false,
     false, false},
    {"deploy", "SELECT gru4rec_deploy('m', 'previous')", false, false, false},
    {"configure",
     "SELECT gru4rec_configure('m', 'source=(SELECT session_id AS s, item_id, ts FROM "
     "clicks), session=s, n_epochs=2')",
     false, false, false},
    {"candidate", "SELECT gru4rec_train('m', 'activate=false, keep_candidates=1')", false,
     false, false},
    {"deploy the best", "SELECT gru4rec_deploy('m', 'best', 'clicks')", false, false,
     false},
    {"create",
     "CREATE VIRTUAL TABLE fresh USING gru4rec((SELECT * FROM clicks), " NEW_OPTIONS ")",
     false, false, false},
    {"copy", "CREATE TABLE copy AS SELECT item FROM gru4rec_recommend('m', '[1, 2]', 4)",
     false, false, false},
    {"copy of scores",
     "CREATE TABLE copy AS SELECT gru4rec_score('m', '[1, 2]', value) AS score FROM "
     "json_each('[3, 4]')",
     false, false, false},
    {"copy of the model", "CREATE TABLE copy AS SELECT item FROM m WHERE session < 4",
     false, false, false},
    {"copy of a report", "CREATE TABLE copy AS SELECT gru4rec_report('m') AS page", false,
     false, false},
    {"rename", "ALTER TABLE m RENAME TO renamed", false, false, false},
    {"drop", "DROP TABLE m", false, false, false},
};

static const struct transaction {
    const char *name, *begin, *end;
    int n_notes; /* rows that it has written before the call */
} transactions[] = {
    {"autocommit", "", "", 0},
    {"BEGIN", "BEGIN", "COMMIT", 0},
    {"BEGIN, written", "BEGIN; INSERT INTO notes VALUES ('mine')", "COMMIT", 1},
    {"SAVEPOINT, written", "SAVEPOINT mine; INSERT INTO notes VALUES ('mine')",
     "RELEASE mine", 1},
};

static const char *const journals[] = {"delete", "wal"};
static const char *const models[] = {"m", "renamed", "fresh"};

enum {
    N_CALLS = sizeof calls / sizeof *calls,
    N_TRANSACTIONS = sizeof transactions / sizeof *transactions,
    N_JOURNALS = 2,
    N_MODELS = 3
};

/* ---- what goes wrong ---- */

/* What is counted while a call runs; each count is the number of places for a fault. */
enum {
    COUNT_IO,
    COUNT_WRITES,
    COUNT_LOCKS,
    COUNT_OPERATIONS,
    COUNT_QUESTIONS,
    COUNT_GROUPS,
    N_COUNTS
};

enum how { INTERRUPT, STOP_ONCE, STOP_ON, DENY, IGNORE, DENY_GROUP, IGNORE_GROUP };

static const struct fault {
    const char *mode, *name;
    int count;
    int kind;     /* faulty_kind, or how */
    long n_calls; /* of the VFS that fail */
} faults[] = {
    {"io", "I/O error", COUNT_IO, FAULTY_IOERR, 1},
    {"io", "I/O errors from", COUNT_IO, FAULTY_IOERR, 1L << 40},
    {"io", "disk full", COUNT_WRITES, FAULTY_FULL, 1},
    {"io", "disk full from", COUNT_WRITES, FAULTY_FULL, 1L << 40},
    {"io", "short write", COUNT_WRITES, FAULTY_SHORT, 1},
    {"io", "lock", COUNT_LOCKS, FAULTY_LOCK, 1},
    {"io", "locks", COUNT_LOCKS, FAULTY_LOCK, 4}, /* for good, a training would wait */
    {"interrupt", "interrupt", COUNT_OPERATIONS, INTERRUPT, 0},
    {"interrupt", "handler, once", COUNT_OPERATIONS, STOP_ONCE, 0},
    {"interrupt", "handler from", COUNT_OPERATIONS, STOP_ON, 0},
    {"authorizer", "deny", COUNT_QUESTIONS, DENY, 0},
    {"authorizer", "ignore", COUNT_QUESTIONS, IGNORE, 0},
    {"authorizer", "deny all of kind", COUNT_GROUPS, DENY_GROUP, 0},
    {"authorizer", "ignore all of kind", COUNT_GROUPS, IGNORE_GROUP, 0},
};

enum { N_FAULTS = sizeof faults / sizeof *faults };

static const char *mode;
static sqlite3 *db; /* the connection that is attacked */

/* The fault under way. */
static struct {
    const struct fault *fault; /* NULL: only counted */
    long at;
    long n_operations, n_questions;
    bool is_preparing;     /* the call's own statement, not one of the extension */
    bool is_call_ignored;  /* the authorizer ignored a part of that statement */
    bool is_value_ignored; /* of a column or a function: it was read as NULL */
    char question[120];    /* the first one that the authorizer did not answer with OK */
} now;

static int on_progress(void *unused)
{
    (void)unused;
    const long n = ++now.n_operations;
    if (now.fault == NULL)
        return 0;
    if (now.fault->kind == INTERRUPT && n == now.at)
        sqlite3_interrupt(db);
    return (now.fault->kind == STOP_ONCE && n == now.at) ||
           (now.fault->kind == STOP_ON && n >= now.at);
}

/* Questions in groups: one for each action, and for each operation on transactions. */
enum { N_ACTIONS = 33, N_GROUPS = N_ACTIONS + 6 };

static int group_of(int action, const char *operation)
{
    static const char *const operations[] = {"BEGIN", "RELEASE", "COMMIT"};
    if (action != SQLITE_SAVEPOINT && action != SQLITE_TRANSACTION)
        return action;
    int i = 0;
    while (i < 2 && strcmp(operation, operations[i]) != 0)
        i++;
    if (i == 2 && strcmp(operation, operations[2]) == 0)
        i = 1; /* COMMIT is to a transaction what RELEASE is to a savepoint */
    return N_ACTIONS + 1 + i + (action == SQLITE_SAVEPOINT ? 3 : 0);
}

/* SQLite itself does not bear that these are ignored: it crashes, or its schema breaks,
 * with no extension at all. */
static bool can_ignore(int action, const char *table)
{
    return action != SQLITE_CREATE_INDEX && action != SQLITE_SELECT &&
           (table == NULL || strcmp(table, "sqlite_master") != 0);
}

static int on_question(void *unused, int action, const char *a, const char *b,
                       const char *schema, const char *trigger)
{
    (void)unused;
    (void)schema;
    (void)trigger;
    const long n = ++now.n_questions;
    if (action == SQLITE_SAVEPOINT)
        attack_remember_savepoint(b);
    if (now.fault == NULL)
        return SQLITE_OK;
    const int how = now.fault->kind;
    const bool is_group = how == DENY_GROUP || how == IGNORE_GROUP;
    if ((is_group ? group_of(action, a) : n) != now.at)
        return SQLITE_OK;
    if (*now.question == '\0')
        snprintf(now.question, sizeof now.question, " (action %d, %s, %s)", action, a, b);
    if (how == DENY || how == DENY_GROUP || !can_ignore(action, a))
        return SQLITE_DENY;
    now.is_call_ignored |= now.is_preparing;
    now.is_value_ignored |= action == SQLITE_READ || action == SQLITE_FUNCTION;
    return SQLITE_IGNORE;
}

static void arm(const struct fault *fault, long at)
{
    memset(&now, 0, sizeof now);
    now.fault = fault;
    now.at = at;
    faulty_vfs_disarm();
    if (fault != NULL && strcmp(mode, "io") == 0)
        faulty_vfs_arm((faulty_kind)fault->kind, at, fault->n_calls);
    if (fault == NULL || strcmp(mode, "interrupt") == 0)
        sqlite3_progress_handler(db, 1, on_progress, NULL);
    if (fault == NULL || strcmp(mode, "authorizer") == 0)
        sqlite3_set_authorizer(db, on_question, NULL);
}

static void disarm(long counts[N_COUNTS])
{
    counts[COUNT_IO] = faulty_vfs_count(FAULTY_IOERR);
    counts[COUNT_WRITES] = faulty_vfs_count(FAULTY_FULL);
    counts[COUNT_LOCKS] = faulty_vfs_count(FAULTY_LOCK);
    counts[COUNT_OPERATIONS] = now.n_operations;
    counts[COUNT_QUESTIONS] = now.n_questions;
    counts[COUNT_GROUPS] = N_GROUPS;
    faulty_vfs_disarm();
    sqlite3_progress_handler(db, 0, NULL, NULL);
    sqlite3_set_authorizer(db, NULL, NULL);
}

/* ---- the shop ---- */

static int stop_late(void *other)
{
    int rc;
    char *n = attack_ask(other, &rc, "SELECT count(*) FROM m_epoch WHERE version = 3");
    const bool is_due = rc == SQLITE_OK && atoi(n) >= 3;
    sqlite3_free(n);
    return is_due;
}

/* The run that is resumed has an epoch or more to go in each of the shops. */
static void write_resume(sqlite3 *shop)
{
    static int n_epochs;
    char *n = attack_ask(shop, NULL, "SELECT max(epoch) FROM m_epoch WHERE version = 3");
    if (atoi(n) >= n_epochs)
        n_epochs = atoi(n) + 1;
    sqlite3_free(n);
    snprintf(resume, sizeof resume,
             "SELECT gru4rec_train('m', 'resume=true, checkpoint_epochs=0, n_epochs=%d')",
             n_epochs);
}

/* Two versions that are ready, and a third whose training stopped after a checkpoint. */
static void make_shop(const char *name, const char *journal)
{
    char *sql = sqlite3_mprintf("PRAGMA journal_mode = %s", journal);
    sqlite3 *shop = attack_open(name, NULL), *other = attack_open(name, NULL);
    attack_run(shop, sql);
    sqlite3_free(sql);
    attack_make_clicks(shop, "clicks", 20, 12, 3);
    attack_run(shop, "CREATE TABLE notes(x);"
                     "CREATE VIRTUAL TABLE m USING gru4rec(clicks, layers=6, n_sample=8, "
                     "batch_size=4, n_epochs=1, threads=1, blend=0);"
                     "SELECT gru4rec_train('m');"
                     "SELECT gru4rec_train('m', 'seed=2, blend=1');"
                     "CREATE TABLE file AS "
                     "SELECT gru4rec_export('m', NULL, 'sessions=true') AS bytes");
    sqlite3_progress_handler(shop, 100, stop_late, other);
    sqlite3_exec(shop, "SELECT gru4rec_train('m', 'n_epochs=100000,checkpoint_epochs=1')",
                 NULL, NULL, NULL);
    sqlite3_progress_handler(shop, 0, NULL, NULL);
    write_resume(shop);
    sqlite3_close(other);
    sqlite3_close(shop);
}

/* All tables and views by name, and of each model what CREATE says, its configuration, and
 * the active and the ready versions. */
static char *look(sqlite3 *at)
{
    char *all =
        attack_ask(at, NULL,
                   "SELECT type || ' ' || iif(sql LIKE 'CREATE VIRTUAL%', sql, name) "
                   "FROM sqlite_schema WHERE type <> 'index' ORDER BY type, name");
    for (int i = 0; i < N_MODELS; i++) {
        int rc;
        char *sql = sqlite3_mprintf(
            "SELECT format('active %%s of (%%s), %%s', (SELECT value FROM %s_config "
            "WHERE "
            "key = 'version'), (SELECT group_concat(version) FROM %s_version WHERE "
            "status = 'ready'), (SELECT group_concat(key || '=' || value) FROM %s_config "
            "WHERE key IN ('source', 'session', 'item', 'time', 'options')))",
            models[i], models[i], models[i]);
        char *versions = attack_ask(at, &rc, sql);
        all = sqlite3_mprintf("%z; %s: %s", all, models[i],
                              rc == SQLITE_OK ? versions : "no model");
        sqlite3_free(versions);
        sqlite3_free(sql);
        sql = sqlite3_mprintf("SELECT 'tunings: ' || group_concat(status) FROM %s_trial "
                              "WHERE trial = 0",
                              models[i]);
        char *tunings = attack_ask(at, &rc, sql);
        if (rc == SQLITE_OK)
            all = sqlite3_mprintf("%z, %s", all, tunings);
        sqlite3_free(tunings);
        sqlite3_free(sql);
    }
    return all;
}

/* ---- judging ---- */

/* What is called, and how the file looks before and after it. */
typedef struct scenario {
    const struct call *call;
    const struct transaction *transaction;
    const char *shop;
    char *before, *after;
    long counts[N_COUNTS];
} scenario;

/* What the call gave. */
typedef struct outcome {
    int rc;
    char *message; /* of an error, else the result */
    bool is_rolled_back;
} outcome;

static bool has_model(sqlite3 *at, const char *name)
{
    return sqlite3_table_column_metadata(at, NULL, name, NULL, NULL, NULL, NULL, NULL,
                                         NULL) == SQLITE_OK;
}

/* Every model that is there is sound, and serves if it has a version. */
static void check_models(sqlite3 *at, const char *when)
{
    char sql[200];
    for (int i = 0; i < N_MODELS; i++) {
        if (!has_model(at, models[i]))
            continue;
        snprintf(sql, sizeof sql, "SELECT gru4rec_check('%s')", models[i]);
        char *verdict = attack_ask(at, NULL, sql);
        attack_check(strcmp(verdict, "ok") == 0, "%s, %s is not sound: %s", when,
                     models[i], verdict);
        sqlite3_free(verdict);
        snprintf(
            sql, sizeof sql,
            "SELECT count(*) FROM (SELECT value FROM %s_config WHERE key = 'version')"
            " AS c WHERE (SELECT count(*) FROM gru4rec_recommend('%s', '[1]', 3)) < 3",
            models[i], models[i]);
        char *n_bad = attack_ask(at, NULL, sql);
        attack_check(strcmp(n_bad, "0") == 0, "%s, %s does not serve: %s", when,
                     models[i], n_bad);
        sqlite3_free(n_bad);
    }
}

/* The connection after the call; ends the user's transaction. */
static void check_connection(const scenario *s, outcome *out)
{
    const bool is_users = *s->transaction->begin != '\0';
    const bool is_open = !sqlite3_get_autocommit(db);
    attack_check(sqlite3_next_stmt(db, NULL) == NULL, "a statement was left: %s",
                 sqlite3_sql(sqlite3_next_stmt(db, NULL)));
    if (!is_users) {
        attack_check(!is_open, "left in a transaction; %s", out->message);
        if (!is_open)
            attack_check(sqlite3_txn_state(db, NULL) == SQLITE_TXN_NONE, "holds a lock");
        return;
    }
    out->is_rolled_back = !is_open;
    if (is_open) {
        const char *left = attack_left_savepoint(db);
        attack_check(left == NULL, "the savepoint %s was left open", left);
        attack_check(strstr(out->message, "transaction was rolled back") == NULL,
                     "not rolled back, and says so: %s", out->message);
        attack_check(sqlite3_exec(db, s->transaction->end, NULL, NULL, NULL) == SQLITE_OK,
                     "%s fails: %s; the call: %s", s->transaction->end,
                     sqlite3_errmsg(db), out->message);
        return;
    }
    attack_check(out->rc != SQLITE_OK, "rolled back, and says success");
    if (strncmp(out->message, "gru4rec", 7) == 0)
        attack_check(strstr(out->message, "rolled back") != NULL,
                     "rolled back, and does not say so: %s", out->message);
}

/* Was the call's own statement interrupted after all that it does? Then SQLite reports
 * that, and the work is done. */
static bool is_late(const outcome *out)
{
    return out->rc == SQLITE_INTERRUPT && strcmp(out->message, "interrupted") == 0;
}

/* Is the work in the file exactly when the call said so? */
static void check_work(const scenario *s, const outcome *out, const char *seen)
{
    const bool is_done = strcmp(seen, s->after) == 0;
    const bool is_undone = strcmp(seen, s->before) == 0;
    if (now.is_value_ignored) /* what was read as NULL may have asked for other work */
        return;
    if (out->rc == SQLITE_OK) {
        attack_check(is_done, "says %s, and the file has: %s", out->message, seen);
        return;
    }
    if (is_late(out) && !out->is_rolled_back && is_done)
        return;
    if (s->call->may_leave_part && !is_done)
        return;
    if (s->call->may_stay && strstr(seen, "table fresh") != NULL &&
        strstr(seen, "fresh: active  of ()") != NULL)
        return;
    attack_check(!is_done || is_undone, "done, and says: %s", out->message);
    attack_check(is_done || is_undone, "half done (%s): %s", out->message, seen);
}

/* The file, as another connection sees it that opens it later. */
static void check_file(const scenario *s, const outcome *out)
{
    char text[20];
    sqlite3 *later = attack_open("work.db", NULL);
    char *seen = look(later);
    const bool is_written = !out->is_rolled_back && s->transaction->n_notes;
    snprintf(text, sizeof text, "%d", is_written + 1);
    attack_is(later, "SELECT count(*) FROM notes", text);
    attack_is(later, "PRAGMA integrity_check", "ok");
    check_work(s, out, seen);
    check_models(later, "opened anew");
    sqlite3_free(seen);
    sqlite3_close(later);
}

/* ---- one point ---- */

static outcome do_call(const char *sql)
{
    outcome out = {0};
    sqlite3_stmt *stmt = NULL;
    now.is_preparing = true;
    out.rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    now.is_preparing = false;
    while (out.rc == SQLITE_OK && stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW)
        ;
    if (stmt != NULL)
        out.rc = sqlite3_reset(stmt);
    out.message = sqlite3_mprintf("%s%s", out.rc != SQLITE_OK ? sqlite3_errmsg(db) : "ok",
                                  now.question);
    sqlite3_finalize(stmt);
    return out;
}

/* What a call before could not say of its end, this process says with its next one that
 * writes to the model, in any copy of the file: here, not in what is judged. */
static void let_say(const scenario *s)
{
    attack_copy(s->shop, "work.db");
    sqlite3 *copy = attack_open("work.db", NULL);
    attack_run(copy, "SELECT gru4rec_deploy('m', 2)");
    sqlite3_close(copy);
}

static void try_call(const scenario *s, const struct fault *fault, long at,
                     long counts[N_COUNTS])
{
    let_say(s);
    attack_copy(s->shop, "work.db");
    db = attack_open("work.db", "faulty");
    attack_run(db, s->transaction->begin);
    arm(fault, at);
    outcome out = do_call(s->call->sql);
    const bool is_ignored = now.is_call_ignored;
    disarm(counts);
    check_connection(s, &out);
    attack_check(sqlite3_exec(db, "INSERT INTO notes VALUES ('later')", NULL, NULL,
                              NULL) == SQLITE_OK,
                 "cannot write afterwards: %s", sqlite3_errmsg(db));
    if (!is_ignored) /* SQLite itself left a part of the statement out */
        check_models(db, "on this connection");
    attack_check(sqlite3_close(db) == SQLITE_OK, "the connection cannot be closed");
    if (!is_ignored)
        check_file(s, &out);
    sqlite3_free(out.message);
}

/* Without a fault: counts the places, and sees what the file is like before and after. */
static void rehearse(scenario *s)
{
    sqlite3 *shop = attack_open(s->shop, NULL);
    s->before = look(shop);
    sqlite3_close(shop);
    attack_copy(s->shop, "work.db");
    db = attack_open("work.db", "faulty");
    attack_run(db, s->transaction->begin);
    arm(NULL, 0);
    outcome out = do_call(s->call->sql);
    disarm(s->counts);
    attack_check(out.rc == SQLITE_OK, "without a fault: %s", out.message);
    sqlite3_free(out.message);
    attack_run(db, s->transaction->end);
    s->after = look(db);
    attack_check(strcmp(s->before, s->after) != 0, "changes nothing");
    sqlite3_close(db);
}

/* ---- all points ---- */

/* A scenario with a kind of fault, and how many of its places were tried. */
typedef struct series {
    const scenario *scenario;
    const struct fault *fault;
    long n, n_tried;
} series;

static void try_next(series *its)
{
    long counts[N_COUNTS];
    const scenario *s = its->scenario;
    const long at = 1 + attack_spread(its->n_tried++, its->n);
    attack_point("%s, %s, %s, %s %ld of %ld", s->call->name, s->transaction->name,
                 s->shop, its->fault->name, at, its->n);
    try_call(s, its->fault, at, counts);
}

static int make_scenarios(scenario *all)
{
    int n = 0;
    for (int i = 0; i < N_JOURNALS * N_CALLS * N_TRANSACTIONS; i++) {
        const struct call *call = &calls[i / N_TRANSACTIONS % N_CALLS];
        const struct transaction *transaction = &transactions[i % N_TRANSACTIONS];
        if (call->is_alone && *transaction->begin != '\0')
            continue;
        all[n] = (scenario){.call = call, .transaction = transaction};
        all[n].shop = journals[i / (N_TRANSACTIONS * N_CALLS)];
        attack_point("%s, %s, %s", call->name, transaction->name, all[n].shop);
        rehearse(&all[n++]);
    }
    return n;
}

static void sweep(series *all, int n)
{
    bool is_left = true;
    while (is_left) {
        is_left = false;
        for (int i = 0; i < n && !attack_is_over(); i++)
            if (all[i].n_tried < all[i].n) {
                try_next(&all[i]);
                is_left = true;
            }
    }
}

static void work(const char *asked)
{
    static scenario scenarios[N_JOURNALS * N_CALLS * N_TRANSACTIONS];
    static series all[N_JOURNALS * N_CALLS * N_TRANSACTIONS * N_FAULTS];
    int n = 0;
    mode = asked;
    faulty_vfs_register();
    for (int i = 0; i < N_JOURNALS; i++)
        make_shop(journals[i], journals[i]);
    const int n_scenarios = make_scenarios(scenarios);
    attack_count(n_scenarios);
    for (int i = 0; i < n_scenarios * N_FAULTS; i++) {
        const struct fault *fault = &faults[i % N_FAULTS];
        const scenario *s = &scenarios[i / N_FAULTS];
        if (strcmp(fault->mode, mode) != 0)
            continue;
        all[n++] = (series){s, fault, s->counts[fault->count], 0};
        attack_count(s->counts[fault->count]);
    }
    sweep(all, n);
}

int main(int argc, char **argv)
{
    return attack_main(argc, argv, work);
}

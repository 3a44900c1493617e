/*
 * ext_run.c - training runs, and what they leave behind; see ext_train.h.
 *
 *   m_version(version, run, status, started, finished, process, source, options, summary,
 *             message)
 *
 * A run writes its row when it begins, status 'training', if it can write then; a row of
 * m_epoch after each epoch; and where checkpoint_epochs asks for it its weights and all
 * that training keeps beside them, under its version, with the number of the epoch and a
 * fingerprint of the events in summary. A run that stops becomes 'failed' or
 * 'interrupted'. Nobody can write that for a killed process, or while an interrupt is
 * pending; so a 'training' row whose process or run is gone counts as 'interrupted' or
 * 'killed', and the next writer says so in the table.
 */
#define _GNU_SOURCE /* gethostname, kill, memfd_create */
#include "ext_train.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- who is alive ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ext_run *live; /* runs of this process, under lock */

/* When a process started, in the kernel's ticks since boot; 0 where that is not known. */
static unsigned long long start_of(long pid)
{
    char path[64], text[1024], *at;
    unsigned long long start = 0;
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    at = strrchr(text, ')'); /* field 2 may hold spaces; 22 is the start */
    for (int field = 2; at != NULL && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (at != NULL)
        sscanf(at, "%llu", &start);
    return start;
}

/* Text of the column process: where a run lives. */
typedef struct run_place {
    long pid;
    unsigned long long start; /* of the process; 0: not known */
    int sign;                 /* see raise_sign(); -1: none */
    char host[64];
} run_place;

static run_place place_here(int sign)
{
    run_place place = {(long)getpid(), start_of((long)getpid()), sign, ""};
    gethostname(place.host, sizeof place.host - 1);
    return place;
}

static void write_place(char text[128], const ext_run *run)
{
    run_place here = place_here(run->sign);
    snprintf(text, 128, "%ld %llu %d %s", here.pid, here.start, here.sign, here.host);
}

static bool read_place(const char *text, run_place *place)
{
    place->host[0] = '\0';
    return sscanf(text, "%ld %llu %d %63s", &place->pid, &place->start, &place->sign,
                  place->host) >= 3;
}

static bool is_run_of_ours(const char *run)
{
    pthread_mutex_lock(&lock);
    const ext_run *at = live;
    while (at != NULL && strcmp(at->run, run) != 0)
        at = at->next;
    pthread_mutex_unlock(&lock);
    return at != NULL;
}

/*
 * By what other processes see that the run lives while its process does: an open file of
 * its name, in memory only. -1 where there is no such thing.
 */
static int raise_sign(const char *run)
{
#ifdef __linux__
    return memfd_create(run, MFD_CLOEXEC);
#else
    (void)run;
    return -1;
#endif
}

/* Is the sign down? Where nobody can tell, it is not. */
static bool is_sign_down(const run_place *place, const char *run)
{
    char path[64], target[128];
    if (place->sign < 0)
        return false;
    snprintf(path, sizeof path, "/proc/%ld/fd/%d", place->pid, place->sign);
    ssize_t n = readlink(path, target, sizeof target - 1);
    if (n < 0)
        return errno == ENOENT;
    target[n] = '\0';
    return strstr(target, run) == NULL;
}

/* What the status 'training' of a row really means; NULL: it is so. */
static const char *true_status(const char *process, const char *run)
{
    run_place its, own = place_here(-1);
    if (!read_place(process, &its) || strcmp(its.host, own.host) != 0)
        return "elsewhere"; /* another machine's, or none: nothing is known */
    if (its.pid == own.pid && its.start == own.start)
        return is_run_of_ours(run) ? NULL : "interrupted";
    if (its.pid <= 0 || (kill((pid_t)its.pid, 0) != 0 && errno == ESRCH))
        return "killed";
    unsigned long long now = start_of(its.pid);
    if (now != 0 && its.start != 0 && now != its.start)
        return "killed";
    return is_sign_down(&its, run) ? "interrupted" : NULL;
}

/* ---- a run ---- */

void ext_run_start(ext_run *run)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char random[16];
    sqlite3_randomness(sizeof random, random);
    for (size_t i = 0; i < sizeof random && run->version == 0; i++) {
        run->run[2 * i] = digits[random[i] >> 4];
        run->run[2 * i + 1] = digits[random[i] & 15];
    }
    run->run[32] = '\0';
    run->sign = raise_sign(run->run);
    pthread_mutex_lock(&lock);
    run->next = live;
    live = run;
    pthread_mutex_unlock(&lock);
}

void ext_run_stop(ext_run *run)
{
    pthread_mutex_lock(&lock);
    for (ext_run **at = &live; *at != NULL; at = &(*at)->next)
        if (*at == run) {
            *at = run->next;
            break;
        }
    pthread_mutex_unlock(&lock);
    if (run->sign >= 0)
        close(run->sign);
    run->sign = -1;
}

/* Rows of a version that has no row of its own: of a table that somebody cleared. */
static int clear_orphans(sqlite3 *db, const char *schema, const char *name,
                         ext_error *error)
{
    static const char *const tables[] = {"epoch", "item", "tensor"};
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof tables / sizeof *tables; i++)
        rc = ext_exec(db,
                      sqlite3_mprintf("DELETE FROM \"%w\".\"%w_%s\" WHERE version NOT IN "
                                      "(SELECT version FROM \"%w\".\"%w_version\")",
                                      schema, name, tables[i], schema, name),
                      error);
    return rc;
}

static int begin_run(sqlite3 *db, const char *schema, const char *name, ext_run *run,
                     ext_error *error)
{
    sqlite3_stmt *stmt;
    char process[128];
    if (clear_orphans(db, schema, name, error) != SQLITE_OK)
        return error->rc;
    int rc = ext_prepare(
        db,
        sqlite3_mprintf(
            "INSERT INTO \"%w\".\"%w_version\"(version, run, status, started, "
            "process, source, options) SELECT coalesce(max(version), 0) + 1, ?1, "
            "'training', strftime('%%Y-%%m-%%d %%H:%%M:%%S', 'now'), ?2, ?3, ?4 "
            "FROM \"%w\".\"%w_version\" RETURNING version",
            schema, name, schema, name),
        &stmt, error);
    if (rc != SQLITE_OK)
        return rc;
    write_place(process, run);
    sqlite3_bind_text(stmt, 1, run->run, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, process, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 3, run->source, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 4, run->options, -1, SQLITE_STATIC);
    int64_t version = 0;
    if (sqlite3_step(stmt) == SQLITE_ROW)
        version = sqlite3_column_int64(stmt, 0);
    if (sqlite3_reset(stmt) != SQLITE_OK)
        rc = ext_fail_db(error, db, "writing the model");
    else
        run->version = version;
    sqlite3_finalize(stmt);
    return rc;
}

/* The epochs that are not written yet. */
static int write_epochs(sqlite3 *db, const char *schema, const char *name, ext_run *run,
                        ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc =
        ext_prepare(db,
                    sqlite3_mprintf("REPLACE INTO \"%w\".\"%w_epoch\"(version, epoch, "
                                    "loss, cost, steps, events, seconds, recall, mrr, "
                                    "updates) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "
                                    "?9, ?10)",
                                    schema, name),
                    &stmt, error);
    while (rc == SQLITE_OK && run->n_written < run->n_epochs) {
        const gru4rec_epoch *epoch = &run->epochs[run->n_written];
        sqlite3_bind_int64(stmt, 1, run->version);
        sqlite3_bind_int64(stmt, 2, epoch->epoch);
        sqlite3_bind_double(stmt, 3, epoch->loss);
        sqlite3_bind_double(stmt, 4, epoch->cost);
        sqlite3_bind_int64(stmt, 5, epoch->steps);
        sqlite3_bind_int64(stmt, 6, epoch->events);
        sqlite3_bind_double(stmt, 7, run->epoch_seconds[run->n_written]);
        sqlite3_bind_double(stmt, 8, epoch->recall); /* NAN is NULL */
        sqlite3_bind_double(stmt, 9, epoch->mrr);
        sqlite3_bind_int64(stmt, 10, epoch->updates);
        sqlite3_step(stmt);
        if (sqlite3_reset(stmt) != SQLITE_OK)
            rc = ext_fail_db(error, db, "writing the model");
        else
            run->n_written++;
    }
    sqlite3_finalize(stmt);
    return rc;
}

int ext_run_show(sqlite3 *db, const char *schema, const char *name, ext_run *run,
                 ext_error *error)
{
    int rc = run->version == 0 ? begin_run(db, schema, name, run, error) : SQLITE_OK;
    return rc == SQLITE_OK ? write_epochs(db, schema, name, run, error) : rc;
}

int ext_run_fail(sqlite3 *db, const char *schema, const char *name, const ext_run *run,
                 const char *status, const char *message, ext_error *error)
{
    return ext_exec(
        db,
        sqlite3_mprintf("UPDATE \"%w\".\"%w_version\" SET status = %Q, message = "
                        "%Q, finished = strftime('%%Y-%%m-%%d %%H:%%M:%%S', "
                        "'now') WHERE run = %Q AND status = 'training'",
                        schema, name, status, message, run->run),
        error);
}

/* ---- checkpoints ---- */

int ext_run_drop_checkpoints(sqlite3 *db, const char *schema, const char *name,
                             ext_error *error)
{
    int rc = ext_exec(db,
                      sqlite3_mprintf("DELETE FROM \"%w\".\"%w_tensor\" WHERE version IN "
                                      "(SELECT version FROM \"%w\".\"%w_version\" WHERE "
                                      "status NOT IN ('ready', 'training'))",
                                      schema, name, schema, name),
                      error);
    if (rc == SQLITE_OK)
        rc = ext_exec(db,
                      sqlite3_mprintf("UPDATE \"%w\".\"%w_version\" SET summary = NULL "
                                      "WHERE status NOT IN ('ready', 'training') AND "
                                      "summary IS NOT NULL",
                                      schema, name),
                      error);
    return rc;
}

/* One that gives a row back when it found the one to update. */
static int update_row(sqlite3 *db, char *text, const char *missing, ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_prepare(db, text, &stmt, error);
    if (rc != SQLITE_OK)
        return rc;
    bool is_found = sqlite3_step(stmt) == SQLITE_ROW;
    if (sqlite3_finalize(stmt) != SQLITE_OK)
        return ext_fail_db(error, db, "writing the model");
    return is_found ? SQLITE_OK : ext_fail(error, SQLITE_ERROR, "%s", missing);
}

int ext_run_checkpoint(sqlite3 *db, const char *schema, const char *name,
                       const ext_run *run, const gru4rec_training *training,
                       const char *fingerprint, ext_error *error)
{
    char process[128];
    write_place(process, run);
    int rc = ext_runs_sweep(db, schema, name, error);
    if (rc == SQLITE_OK)
        rc = ext_run_drop_checkpoints(db, schema, name, error);
    if (rc == SQLITE_OK)
        rc = update_row(
            db,
            sqlite3_mprintf("UPDATE \"%w\".\"%w_version\" SET summary = "
                            "json_object('checkpoint', %lld, 'events', %Q) WHERE run = "
                            "%Q AND status = 'training' AND process = %Q RETURNING 1",
                            schema, name, (int64_t)run->n_epochs, fingerprint, run->run,
                            process),
            "the run's row is gone", error);
    return rc == SQLITE_OK ? ext_tensors_replace(db, schema, name, run->version, training,
                                                 GRU4REC_N_SLOTS, error)
                           : rc;
}

static char *column_copy(sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    return text != NULL ? sqlite3_mprintf("%s", text) : NULL;
}

void ext_checkpoint_free(ext_checkpoint *checkpoint)
{
    sqlite3_free(checkpoint->fingerprint);
    sqlite3_free(checkpoint->options);
    sqlite3_free(checkpoint->source);
    sqlite3_free(checkpoint->status);
    sqlite3_free(checkpoint->process);
    memset(checkpoint, 0, sizeof *checkpoint);
}

/* Does nobody go on with that run? Who says resume knows better than a row from another
 * machine. */
static bool is_over(sqlite3_stmt *stmt)
{
    const char *status = (const char *)sqlite3_column_text(stmt, 6);
    const char *process = (const char *)sqlite3_column_text(stmt, 7);
    const char *run = (const char *)sqlite3_column_text(stmt, 0);
    return status == NULL || strcmp(status, "training") != 0 || process == NULL ||
           true_status(process, run) != NULL;
}

/* The epochs up to the checkpoint. */
static int read_epochs(sqlite3 *db, const char *schema, const char *name, ext_run *run,
                       int64_t n, ext_error *error)
{
    enum { MOST = 100000 }; /* as n_epochs has it */
    sqlite3_stmt *stmt;
    bool is_sound = n > 0 && n <= MOST;
    if (!is_sound)
        n = 1;
    run->epochs = sqlite3_malloc64((size_t)n * sizeof *run->epochs);
    run->epoch_seconds = sqlite3_malloc64((size_t)n * sizeof *run->epoch_seconds);
    if (run->epochs == NULL || run->epoch_seconds == NULL)
        return ext_fail_nomem(error);
    int rc = ext_prepare(db,
                         sqlite3_mprintf("SELECT epoch, loss, cost, steps, events, "
                                         "seconds, recall, mrr, updates FROM "
                                         "\"%w\".\"%w_epoch\" WHERE version = %lld AND "
                                         "epoch <= %lld ORDER BY epoch",
                                         schema, name, run->version, n),
                         &stmt, error);
    while (rc == SQLITE_OK && is_sound && sqlite3_step(stmt) == SQLITE_ROW) {
        is_sound = (int64_t)run->n_epochs < n &&
                   sqlite3_column_double(stmt, 0) == (double)(run->n_epochs + 1);
        if (!is_sound)
            break;
        bool has_measures = sqlite3_column_type(stmt, 6) != SQLITE_NULL;
        run->epoch_seconds[run->n_epochs] = sqlite3_column_double(stmt, 5);
        run->epochs[run->n_epochs++] = (gru4rec_epoch){
            .epoch = sqlite3_column_int64(stmt, 0),
            .loss = sqlite3_column_double(stmt, 1),
            .cost = sqlite3_column_double(stmt, 2),
            .steps = sqlite3_column_int64(stmt, 3),
            .events = sqlite3_column_int64(stmt, 4),
            .recall = has_measures ? sqlite3_column_double(stmt, 6) : NAN,
            .mrr = has_measures ? sqlite3_column_double(stmt, 7) : NAN,
            .updates = sqlite3_column_int64(stmt, 8),
        };
    }
    if (sqlite3_finalize(stmt) != SQLITE_OK && rc == SQLITE_OK)
        rc = ext_fail_db(error, db, "reading the epochs");
    if (rc == SQLITE_OK && (!is_sound || (int64_t)run->n_epochs != n))
        rc = ext_fail(error, SQLITE_CORRUPT_VTAB,
                      "model '%s' is damaged: epochs of the run to resume are missing; "
                      "train without resume",
                      name);
    run->n_written = run->n_epochs;
    return rc;
}

int ext_run_resume(sqlite3 *db, const char *schema, const char *name, ext_run *run,
                   ext_checkpoint *checkpoint, ext_error *error)
{
    sqlite3_stmt *stmt;
    bool is_found = false;
    int rc = ext_prepare(
        db,
        sqlite3_mprintf(
            "SELECT run, version, options, source, summary ->> '$.checkpoint', "
            "summary ->> '$.events', status, process FROM "
            "\"%w\".\"%w_version\" AS v WHERE status <> 'ready' AND summary ->> "
            "'$.checkpoint' > 0 AND EXISTS (SELECT 1 FROM \"%w\".\"%w_tensor\" AS "
            "t WHERE t.version = v.version) ORDER BY version DESC",
            schema, name, schema, name),
        &stmt, error);
    while (rc == SQLITE_OK && !is_found && sqlite3_step(stmt) == SQLITE_ROW) {
        is_found = sqlite3_column_bytes(stmt, 0) == 32 && is_over(stmt);
        if (!is_found)
            continue;
        memcpy(run->run, sqlite3_column_text(stmt, 0), sizeof run->run);
        run->version = sqlite3_column_int64(stmt, 1);
        checkpoint->options = column_copy(stmt, 2);
        checkpoint->source = column_copy(stmt, 3);
        checkpoint->epoch = sqlite3_column_int64(stmt, 4);
        checkpoint->fingerprint = column_copy(stmt, 5);
        checkpoint->status = column_copy(stmt, 6);
        checkpoint->process = column_copy(stmt, 7);
    }
    if (sqlite3_finalize(stmt) != SQLITE_OK && rc == SQLITE_OK)
        rc = ext_fail_db(error, db, "reading the training runs");
    if (rc == SQLITE_OK && !is_found)
        rc = ext_fail(error, SQLITE_ERROR,
                      "model '%s' has no interrupted run with a checkpoint to resume; "
                      "train without resume, and with checkpoint_epochs to be able to",
                      name);
    if (rc == SQLITE_OK &&
        (checkpoint->options == NULL || checkpoint->fingerprint == NULL ||
         checkpoint->status == NULL))
        rc = ext_fail_nomem(error);
    return rc == SQLITE_OK ? read_epochs(db, schema, name, run, checkpoint->epoch, error)
                           : rc;
}

int ext_run_claim(sqlite3 *db, const char *schema, const char *name, const ext_run *run,
                  const ext_checkpoint *checkpoint, ext_error *error)
{
    char process[128];
    write_place(process, run);
    int rc = update_row(
        db,
        sqlite3_mprintf("UPDATE \"%w\".\"%w_version\" SET status = 'training', process = "
                        "%Q, options = %Q, message = NULL, finished = NULL WHERE run = "
                        "%Q AND status = %Q AND process IS %Q RETURNING 1",
                        schema, name, process, run->options, run->run, checkpoint->status,
                        checkpoint->process),
        "another training has taken up the run to resume; wait for it", error);
    if (rc == SQLITE_OK)
        rc = ext_exec(db,
                      sqlite3_mprintf("DELETE FROM \"%w\".\"%w_epoch\" WHERE version = "
                                      "%lld AND epoch > %lld",
                                      schema, name, run->version, (int64_t)run->n_epochs),
                      error);
    return rc;
}

/* ---- runs that are gone ---- */

/* The versions whose row says 'training' though that is over: a list such as "3,5". */
int ext_runs_gone(sqlite3 *db, const char *schema, const char *name, const char *status,
                  char **list, ext_error *error)
{
    sqlite3_stmt *stmt;
    sqlite3_str *text = sqlite3_str_new(db);
    int rc =
        ext_prepare(db,
                    sqlite3_mprintf("SELECT version, process, run FROM "
                                    "\"%w\".\"%w_version\" WHERE status = 'training'",
                                    schema, name),
                    &stmt, error);
    while (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        const char *process = (const char *)sqlite3_column_text(stmt, 1);
        const char *run = (const char *)sqlite3_column_text(stmt, 2);
        const char *now =
            process != NULL && run != NULL ? true_status(process, run) : "killed";
        if (now != NULL && strcmp(now, status) == 0)
            sqlite3_str_appendf(text, "%s%lld", sqlite3_str_length(text) > 0 ? "," : "",
                                sqlite3_column_int64(stmt, 0));
    }
    if (sqlite3_finalize(stmt) != SQLITE_OK && rc == SQLITE_OK)
        rc = ext_fail_db(error, db, "reading the training runs");
    if (sqlite3_str_errcode(text) != SQLITE_OK && rc == SQLITE_OK)
        rc = ext_fail_nomem(error);
    *list = sqlite3_str_finish(text); /* NULL: none */
    return rc;
}

int ext_runs_sweep(sqlite3 *db, const char *schema, const char *name, ext_error *error)
{
    static const char *const statuses[] = {"interrupted", "killed"};
    int rc = SQLITE_OK;
    for (int i = 0; rc == SQLITE_OK && i < 2; i++) {
        char *list = NULL;
        rc = ext_runs_gone(db, schema, name, statuses[i], &list, error);
        if (rc == SQLITE_OK && list != NULL)
            rc = ext_exec(db,
                          sqlite3_mprintf("UPDATE \"%w\".\"%w_version\" SET status = %Q "
                                          "WHERE version IN (%s)",
                                          schema, name, statuses[i], list),
                          error);
        sqlite3_free(list);
    }
    return rc;
}

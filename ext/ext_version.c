/*
 * ext_version.c - training runs and the versions they make; see ext_int.h.
 *
 *   m_version(version, run, status, started, finished, process, source, options, summary,
 *             message)
 *
 * A run writes its row when it begins, status 'training', if it can write then; a row of
 * m_epoch after each epoch; and at the end, in one savepoint, its items and tensors,
 * status 'ready', and the pointer to the active version. Versions are numbered in the
 * order of those commits: a run that was overtaken takes a new number. A run that stops
 * otherwise becomes 'failed' or 'interrupted'. Nobody can write that for a killed
 * process, or while an interrupt is pending; so a 'training' row whose process or run is
 * gone counts as 'interrupted' or 'killed', and the next writer says so in the table.
 */
#define _GNU_SOURCE /* gethostname, kill, memfd_create */
#include "ext_int.h"

#include <errno.h>
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
        return NULL; /* another machine's: nothing is known */
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
    for (size_t i = 0; i < sizeof random; i++) {
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

static int step_once(sqlite3 *db, sqlite3_stmt *stmt, ext_error *error)
{
    sqlite3_step(stmt);
    if (sqlite3_reset(stmt) != SQLITE_OK)
        return ext_fail_db(error, db, "writing the model");
    return SQLITE_OK;
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

int ext_run_begin(sqlite3 *db, const char *schema, const char *name, ext_run *run,
                  ext_error *error)
{
    sqlite3_stmt *stmt;
    char process[128];
    run_place here = place_here(run->sign);
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
    snprintf(process, sizeof process, "%ld %llu %d %s", here.pid, here.start, here.sign,
             here.host);
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

int ext_run_epochs(sqlite3 *db, const char *schema, const char *name, ext_run *run,
                   ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc =
        ext_prepare(db,
                    sqlite3_mprintf("REPLACE INTO \"%w\".\"%w_epoch\"(version, epoch, "
                                    "loss, cost, steps, events, seconds, recall, mrr) "
                                    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
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
        rc = step_once(db, stmt, error);
        if (rc == SQLITE_OK)
            run->n_written++;
    }
    sqlite3_finalize(stmt);
    return rc;
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

/* ---- the end: everything inside the caller's savepoint ---- */

static int insert_items(sqlite3 *db, const char *schema, const char *name,
                        int64_t version, const gru4rec_items *items, ext_error *error)
{
    sqlite3_stmt *stmt;
    const int64_t *support = gru4rec_items_support(items);
    int rc =
        ext_prepare(db,
                    sqlite3_mprintf("INSERT INTO \"%w\".\"%w_item\"(version, row, item, "
                                    "support) VALUES (?1, ?2, ?3, ?4)",
                                    schema, name),
                    &stmt, error);
    sqlite3_bind_int64(stmt, 1, version);
    for (int32_t row = 0; rc == SQLITE_OK && row < gru4rec_items_count(items); row++) {
        gru4rec_id id;
        gru4rec_items_get(items, row, &id);
        sqlite3_bind_int64(stmt, 2, row);
        sqlite3_bind_int64(stmt, 4, support[row]);
        rc = ext_bind_id(stmt, 3, &id) == SQLITE_OK
                 ? step_once(db, stmt, error)
                 : ext_fail_db(error, db, "writing the model");
    }
    sqlite3_finalize(stmt);
    return rc;
}

/* The run's row, with the number that its place among the commits gives it. */
static int number_run(sqlite3 *db, const char *schema, const char *name, ext_run *run,
                      ext_error *error)
{
    sqlite3_stmt *stmt;
    int64_t begun = 0, last_ready = 0, last = 0;
    int rc = ext_prepare(
        db,
        sqlite3_mprintf(
            "SELECT max(iif(run = %Q, version, 0)), max(iif(status = 'ready', "
            "version, 0)), max(version) FROM \"%w\".\"%w_version\"",
            run->run, schema, name),
        &stmt, error);
    if (rc != SQLITE_OK)
        return rc;
    if (sqlite3_step(stmt) == SQLITE_ROW) {
        begun = sqlite3_column_int64(stmt, 0);
        last_ready = sqlite3_column_int64(stmt, 1);
        last = sqlite3_column_int64(stmt, 2);
    }
    if (sqlite3_reset(stmt) != SQLITE_OK)
        rc = ext_fail_db(error, db, "reading the model");
    sqlite3_finalize(stmt);
    if (rc != SQLITE_OK)
        return rc;
    if (begun == 0)
        return ext_run_begin(db, schema, name, run, error);
    run->version = begun > last_ready ? begun : last + 1;
    if (run->version == begun)
        return SQLITE_OK;
    run->n_written = 0;
    rc = ext_exec(db,
                  sqlite3_mprintf("UPDATE \"%w\".\"%w_version\" SET version = %lld WHERE "
                                  "version = %lld",
                                  schema, name, run->version, begun),
                  error);
    if (rc == SQLITE_OK)
        rc = ext_exec(
            db,
            sqlite3_mprintf("DELETE FROM \"%w\".\"%w_epoch\" WHERE version = %lld",
                            schema, name, begun),
            error);
    return rc;
}

int ext_version_activate(sqlite3 *db, const char *schema, const char *name,
                         int64_t version, ext_error *error)
{
    int rc =
        ext_exec(db,
                 sqlite3_mprintf("REPLACE INTO \"%w\".\"%w_config\"(key, value) SELECT "
                                 "'previous', value FROM \"%w\".\"%w_config\" WHERE key "
                                 "= 'version' AND value <> %lld",
                                 schema, name, schema, name, version),
                 error);
    if (rc != SQLITE_OK)
        return rc;
    return ext_exec(
        db,
        sqlite3_mprintf("REPLACE INTO \"%w\".\"%w_config\"(key, value) VALUES "
                        "('version', %lld)",
                        schema, name, version),
        error);
}

/*
 * What is kept: the active version, the one that served before it, and of the others the
 * newest, keep in all; runs under way; and failed ones newer than the oldest of those.
 */
static int forget_old(sqlite3 *db, const char *schema, const char *name, int64_t keep,
                      ext_error *error)
{
    static const char *const tables[] = {"epoch", "item", "tensor", "version"};
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof tables / sizeof *tables; i++)
        rc = ext_exec(
            db,
            sqlite3_mprintf(
                "WITH kept AS (SELECT v.version FROM \"%w\".\"%w_version\" AS v LEFT "
                "JOIN "
                "\"%w\".\"%w_config\" AS c ON c.key IN ('version', 'previous') AND "
                "c.value = "
                "v.version WHERE v.status = 'ready' ORDER BY c.key = 'version' DESC, "
                "c.key = "
                "'previous' DESC, v.version DESC LIMIT %lld) DELETE FROM "
                "\"%w\".\"%w_%s\" "
                "WHERE version NOT IN kept AND version NOT IN (SELECT version FROM "
                "\"%w\".\"%w_version\" WHERE status = 'training' OR (status <> 'ready' "
                "AND "
                "version > (SELECT min(version) FROM kept)))",
                schema, name, schema, name, keep, schema, name, tables[i], schema, name),
            error);
    return rc;
}

/* Empty for an import. */
static int save_summary(sqlite3 *db, const char *schema, const char *name, ext_run *run,
                        ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_prepare(
        db,
        sqlite3_mprintf(
            "UPDATE \"%w\".\"%w_version\" SET status = 'ready', finished = "
            "strftime('%%Y-%%m-%%d %%H:%%M:%%S', 'now'), summary = json_set(?1, "
            "'$.version', version) WHERE version = ?2 RETURNING summary",
            schema, name),
        &stmt, error);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_bind_text(stmt, 1, run->summary, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(stmt, 2, run->version);
    if (sqlite3_step(stmt) == SQLITE_ROW) {
        sqlite3_free(run->summary);
        run->summary = sqlite3_mprintf("%s", sqlite3_column_text(stmt, 0));
    }
    if (sqlite3_reset(stmt) != SQLITE_OK)
        rc = ext_fail_db(error, db, "writing the model");
    else if (run->summary == NULL)
        rc = ext_fail_nomem(error);
    sqlite3_finalize(stmt);
    return rc;
}

int ext_run_finish(sqlite3 *db, const char *schema, const char *name, ext_run *run,
                   const gru4rec_model *model, const gru4rec_items *items, int64_t keep,
                   ext_error *error)
{
    int rc = clear_orphans(db, schema, name, error);
    if (rc == SQLITE_OK)
        rc = number_run(db, schema, name, run, error);

    if (rc == SQLITE_OK)
        rc = ext_run_epochs(db, schema, name, run, error);
    if (rc == SQLITE_OK)
        rc = insert_items(db, schema, name, run->version, items, error);
    if (rc == SQLITE_OK)
        rc = ext_tensors_save(db, schema, name, run->version, model, error);
    if (rc == SQLITE_OK)
        rc = save_summary(db, schema, name, run, error);
    if (rc == SQLITE_OK)
        rc = ext_version_activate(db, schema, name, run->version, error);
    if (rc == SQLITE_OK)
        rc = forget_old(db, schema, name, keep, error);
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

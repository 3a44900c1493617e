/*
 * ext_pending.c - how runs ended that could not say so in their table; see ext_store.h.
 *
 * While a database is locked or full, while an interrupt is pending, and in a transaction
 * of the user's that is rolled back, nothing can be written that stays. So the process
 * keeps what it had to say, and each call that writes to the model says it: once it has
 * the write lock, and in the same savepoint (ext_pending_lock). What that savepoint wrote
 * is forgotten when it is committed; in the user's transaction, when a later call finds it.
 *
 * A run that waits for its commit, and could not say so either, is kept for whoever asks in
 * this process: its status is "training", and it is never written.
 *
 * A model is known by its file and its id (ext_identity.c), so it may be renamed, or be
 * written through another connection. All of it is memory of the C library: it outlives the
 * last connection, and a host may then shut SQLite down.
 */
#define _POSIX_C_SOURCE 200809L /* strdup */
#include "ext_store.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What is kept for a process, at most; the oldest goes first. */
enum { MOST = 64 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ext_pending *list; /* newest first; under lock */

void ext_pending_free(ext_pending *pending)
{
    if (pending == NULL)
        return;
    free(pending->file);
    free(pending->name);
    free(pending->id);
    free(pending->message);
    free(pending->source);
    free(pending->options);
    free(pending);
}

/* Under lock: puts it at the front; what is too much goes. */
static void push(ext_pending *pending)
{
    ext_pending **at = &list;
    pending->next = list;
    list = pending;
    for (int n = 0; n < MOST && *at != NULL; n++)
        at = &(*at)->next;
    while (*at != NULL) {
        ext_pending *oldest = *at;
        *at = oldest->next;
        ext_pending_free(oldest);
    }
}

/* NULL stays NULL. *is_short: memory was, for one of the copies. */
static char *copy(const char *text, bool *is_short)
{
    char *copied = text != NULL ? strdup(text) : NULL;
    *is_short |= text != NULL && copied == NULL;
    return copied;
}

ext_pending *ext_pending_new(const ext_run *run, const ext_home *home, const char *id,
                             const char *status, const char *message)
{
    ext_pending *pending = malloc(sizeof *pending);
    char *file = ext_home_file(home);
    bool is_short = file == NULL;
    if (pending == NULL) {
        sqlite3_free(file);
        return NULL;
    }
    *pending = (ext_pending){.file = copy(file, &is_short),
                             .name = copy(home->name, &is_short),
                             .id = copy(id, &is_short),
                             .status = status,
                             .message = copy(message, &is_short),
                             .source = copy(run->source, &is_short),
                             .options = copy(run->options, &is_short),
                             .started = run->started};
    memcpy(pending->run, run->alive.run, sizeof pending->run);
    sqlite3_free(file);
    if (!is_short)
        return pending;
    ext_pending_free(pending);
    return NULL;
}

void ext_pending_add(ext_pending *pending)
{
    if (pending == NULL)
        return;
    pending->finished = (int64_t)time(NULL);
    pthread_mutex_lock(&lock);
    push(pending);
    pthread_mutex_unlock(&lock);
}

bool ext_pending_is_waiting(const ext_pending *pending)
{
    return strcmp(pending->status, "training") == 0;
}

/* ---- which are whose ---- */

static bool is_of(const ext_pending *pending, const char *file, const ext_home *home,
                  const char *id)
{
    if (strcmp(pending->file, file) != 0)
        return false;
    return pending->id != NULL ? id != NULL && strcmp(pending->id, id) == 0
                               : sqlite3_stricmp(pending->name, home->name) == 0;
}

/* Takes the model's that ended out of the list, oldest first. */
static ext_pending *take(const char *file, const ext_home *home, const char *id)
{
    ext_pending *taken = NULL;
    pthread_mutex_lock(&lock);
    for (ext_pending **at = &list; *at != NULL;) {
        ext_pending *pending = *at;
        if (!is_of(pending, file, home, id) || ext_pending_is_waiting(pending)) {
            at = &pending->next;
            continue;
        }
        *at = pending->next;
        pending->next = taken;
        taken = pending;
    }
    pthread_mutex_unlock(&lock);
    return taken;
}

int ext_pending_each(const ext_home *home, const char *id,
                     void (*visit)(void *context, const ext_pending *pending),
                     void *context, ext_error *error)
{
    char *file = ext_home_file(home);
    if (file == NULL)
        return ext_error_nomem(error);
    pthread_mutex_lock(&lock);
    for (const ext_pending *pending = list; pending != NULL; pending = pending->next)
        if (is_of(pending, file, home, id))
            visit(context, pending);
    pthread_mutex_unlock(&lock);
    sqlite3_free(file);
    return SQLITE_OK;
}

/* Drops those of a file, or of a run; NULL matches none. */
static void drop(const char *file, const char *run)
{
    pthread_mutex_lock(&lock);
    for (ext_pending **at = &list; *at != NULL;) {
        ext_pending *pending = *at;
        if ((file == NULL || strcmp(pending->file, file) != 0) &&
            (run == NULL || strcmp(pending->run, run) != 0)) {
            at = &pending->next;
            continue;
        }
        *at = pending->next;
        ext_pending_free(pending);
    }
    pthread_mutex_unlock(&lock);
}

void ext_pending_withdraw(const char *run)
{
    drop(NULL, run);
}

void ext_pending_forget(sqlite3 *db)
{
    char *file = sqlite3_mprintf("%p", (void *)db); /* as ext_home_file() has it */
    drop(file, NULL);
    sqlite3_free(file);
}

/* ---- saying it ---- */

/* The row that the run has, unless it says already how that ended; else one of its own. */
static int write(const ext_pending *pending, const ext_home *home, ext_error *error)
{
    int rc = ext_query_run(
        home, error,
        "UPDATE @version SET status = ?2, message = 'gru4rec: ' || ?3, "
        "finished = datetime(?4, 'unixepoch') WHERE run = ?1 AND (status = 'training' OR "
        "(status IN ('interrupted', 'killed', 'failed') AND message IS NULL))",
        "sssi", pending->run, pending->status, pending->message, pending->finished);
    return rc == SQLITE_OK
               ? ext_query_run(
                     home, error,
                     "INSERT INTO @version(version, run, status, message, started, "
                     "finished, source, options) SELECT last + 1, ?1, ?2, "
                     "'gru4rec: ' || ?3, datetime(?5, 'unixepoch'), "
                     "datetime(?4, 'unixepoch'), ?6, ?7 FROM "
                     "(SELECT max(coalesce(max(version), 0), 0) AS last FROM @version) "
                     "WHERE last < ?8 AND ?1 NOT IN (SELECT run FROM @version "
                     "WHERE run IS NOT NULL)",
                     "sssiissi", pending->run, pending->status, pending->message,
                     pending->finished, pending->started, pending->source,
                     pending->options, (int64_t)INT64_MAX)
               : rc;
}

/* Behind the savepoint: what was written and is committed is done with. */
static void settle(const ext_savepoint *savepoint, bool is_kept)
{
    ext_pending *pending = savepoint->context;
    while (pending != NULL) {
        ext_pending *next = pending->next;
        if (is_kept) {
            ext_pending_free(pending);
        } else {
            pthread_mutex_lock(&lock);
            push(pending);
            pthread_mutex_unlock(&lock);
        }
        pending = next;
    }
}

/* What a trigger or an authorizer refuses stays unsaid: the call has other things to do. */
static bool is_refused(const ext_error *error)
{
    return ext_error_is(error, SQLITE_CONSTRAINT) || ext_error_is(error, SQLITE_AUTH) ||
           ext_error_is(error, SQLITE_ERROR);
}

static int write_all(ext_savepoint *savepoint, const ext_home *home, const char *id,
                     ext_error *error)
{
    char *file = ext_home_file(home);
    if (file == NULL)
        return ext_error_nomem(error);
    const sqlite3_int64 rowid = sqlite3_last_insert_rowid(home->db); /* the user's */
    ext_pending *taken = take(file, home, id);
    sqlite3_free(file);
    savepoint->context = taken;
    savepoint->on_end = settle;
    int rc = taken != NULL ? ext_schema_upgrade(home, error) : SQLITE_OK;
    for (; rc == SQLITE_OK && taken != NULL; taken = taken->next) {
        rc = write(taken, home, error);
        if (rc != SQLITE_OK && is_refused(error)) {
            ext_error_clear(error);
            rc = SQLITE_OK;
        }
    }
    sqlite3_set_last_insert_rowid(home->db, rowid);
    return rc;
}

int ext_pending_lock(ext_savepoint *savepoint, const ext_home *home, ext_error *error)
{
    bool is_there;
    char *id = NULL;
    int rc = ext_savepoint_lock(savepoint, home->schema, error);
    pthread_mutex_lock(&lock);
    const bool is_empty = list == NULL;
    pthread_mutex_unlock(&lock);
    if (rc != SQLITE_OK || is_empty)
        return rc;
    rc = ext_schema_exists(home->db, home->schema, home->name, &is_there, error);
    if (rc != SQLITE_OK || !is_there)
        return rc;
    rc = ext_identity_read(&id, home, error);
    if (rc == SQLITE_OK)
        rc = write_all(savepoint, home, id, error);
    sqlite3_free(id);
    return rc;
}

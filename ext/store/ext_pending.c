/*
 * ext_pending.c - keeps how runs ended until that can be written into m_version.
 *
 * The contracts are in ext_store.h. Nothing can be written permanently while a database
 * is locked or full, while an interrupt is pending, and in a transaction of the user that
 * is rolled back. So the process keeps the ending of a run in memory. The next call that
 * writes to the model also writes the ending: after it has the write lock, and in its own
 * savepoint (ext_pending_lock()). When that savepoint is committed, the ending is
 * forgotten. In a transaction of the user it is not known whether the user will commit,
 * so the ending is kept. A later call writes it again, which changes nothing if the row
 * already has it.
 *
 * An entry may also say that a run waits for its commit, if that could not be written.
 * Its status is "training". It is never written, but a caller in this process can see it
 * (ext_pending_each()).
 *
 * An entry belongs to a model by the database file and the model's id (ext_identity.c).
 * So the model may be renamed, or be written through another connection. All memory is
 * of the C library, because an entry can outlive the last connection, and the host may
 * then shut SQLite down.
 */
#define _POSIX_C_SOURCE 200809L /* strdup */
#include "ext_store.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * The highest number of entries (each says how a run ended, or what it waits for) that a
 * process keeps. If there are more, push() frees the oldest ones.
 */
enum { MOST = 64 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ext_pending *list; /* all entries, newest first; protected by lock */

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

/*
 * Puts an entry at the front of the list, and frees all entries after the first MOST. The
 * caller holds the lock.
 */
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

/*
 * Returns a copy of a text, in memory of the C library; NULL stays NULL. If there is not
 * enough memory, returns NULL and sets *is_short to true; otherwise leaves *is_short as
 * it is.
 */
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

/* ---- the entries of a model ---- */

/*
 * Tells whether the entry belongs to the model that has this file, name (home->name) and
 * id. The file must be the same. If the entry has an id, the id must be the same too, and
 * the name does not matter. Otherwise the name must be the same, in upper or lower case.
 */
static bool is_of(const ext_pending *pending, const char *file, const ext_home *home,
                  const char *id)
{
    if (strcmp(pending->file, file) != 0)
        return false;
    return pending->id != NULL ? id != NULL && strcmp(pending->id, id) == 0
                               : sqlite3_stricmp(pending->name, home->name) == 0;
}

/*
 * Removes the entries that say how runs of a model ended from the list, and returns them,
 * oldest first. Entries of runs that wait for their commit stay in the list.
 */
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

/*
 * Takes the entries of a database file, and the entries of a run, out of the list and
 * frees them. file NULL or run NULL matches no entry. Takes the lock.
 */
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
    /*
     * ext_home_file() gives a database without a file this name: the address of its
     * connection.
     */
    char *file = sqlite3_mprintf("%p", (void *)db);
    drop(file, NULL);
    sqlite3_free(file);
}

/* ---- writing the entries ---- */

/*
 * Writes how a run ended (status, message and time of the end) into the row of the run.
 * Changes a row with status 'training'. Also changes a row with an ending but no message,
 * because ext_run_sweep() only concluded that ending. Leaves any other row as it is. If
 * the run has no row, inserts one under the number after the highest version, unless
 * there is no higher number.
 */
static int write(const ext_pending *pending, const ext_home *home, ext_error *error)
{
    int rc = ext_query_run(
        home, error,
        "UPDATE @version SET status = ?2, message = 'gru4rec: ' || ?3, "
        "finished = datetime(?4, 'unixepoch') "
        "WHERE run = ?1 AND (status = 'training' OR "
        "(status IN ('interrupted', 'killed', 'failed') AND message IS NULL))",
        "sssi", pending->run, pending->status, pending->message, pending->finished);
    return rc == SQLITE_OK
               ? ext_query_run(
                     home, error,
                     "INSERT INTO @version(version, run, status, message, "
                     "started, finished, source, options) "
                     "SELECT last + 1, ?1, ?2, 'gru4rec: ' || ?3, "
                     "datetime(?5, 'unixepoch'), datetime(?4, 'unixepoch'), ?6, ?7 "
                     "FROM (SELECT max(coalesce(max(version), 0), 0) AS last "
                     "FROM @version) "
                     "WHERE last < ?8 AND "
                     "?1 NOT IN (SELECT run FROM @version WHERE run IS NOT NULL)",
                     "sssiissi", pending->run, pending->status, pending->message,
                     pending->finished, pending->started, pending->source,
                     pending->options, (int64_t)INT64_MAX)
               : rc;
}

/*
 * Is called when the savepoint ends. Frees the endings that the savepoint wrote
 * (savepoint->context) if is_kept is true: its writes are committed then. Otherwise puts
 * these endings back into the list, so that a later call writes them again.
 */
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

/*
 * Tells whether the error may come from a trigger or an authorizer that refused to write
 * how a run ended: its code is SQLITE_CONSTRAINT, SQLITE_AUTH or SQLITE_ERROR. The ending
 * is then skipped, because the call must do its own work.
 */
static bool is_refused(const ext_error *error)
{
    return ext_error_is(error, SQLITE_CONSTRAINT) || ext_error_is(error, SQLITE_AUTH) ||
           ext_error_is(error, SQLITE_ERROR);
}

/*
 * Takes the endings of the model's runs out of the list, and gives them to the savepoint,
 * whose end calls settle(). Then writes them, oldest first. An ending that is refused
 * (is_refused()) is skipped; any other error stops the writing. If there is an ending,
 * first adds the columns that a model of an older build lacks.
 */
static int write_all(ext_savepoint *savepoint, const ext_home *home, const char *id,
                     ext_error *error)
{
    char *file = ext_home_file(home);
    if (file == NULL)
        return ext_error_nomem(error);
    ext_pending *taken = take(file, home, id);
    sqlite3_free(file);
    savepoint->context = taken;
    savepoint->on_end = settle;
    int rc = taken != NULL ? ext_shadow_upgrade(home, error) : SQLITE_OK;
    for (; rc == SQLITE_OK && taken != NULL; taken = taken->next) {
        rc = write(taken, home, error);
        if (rc != SQLITE_OK && is_refused(error)) {
            ext_error_clear(error);
            rc = SQLITE_OK;
        }
    }
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

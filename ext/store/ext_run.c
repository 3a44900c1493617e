/*
 * ext_run.c - reads and writes the rows and the checkpoints of training runs.
 *
 * The contracts are in ext_store.h.
 * - When a run begins, it writes its row of m_version with status 'training', if it can
 *   write at that time. After each epoch it writes a row of m_epoch.
 * - If the option checkpoint_epochs is set, the run writes checkpoints: its weights and
 *   all slots go into m_tensor under the run's version; the number of the epoch and a
 *   fingerprint of the events go into m_version.summary.
 * - When a run stops without a version, its status becomes 'failed' or 'interrupted'. If
 *   the run could not write that, ext_alive.c finds out what became of it, and the next
 *   writer writes the status: 'interrupted', 'killed' or 'failed'.
 */
#include "ext_store.h"

#include <math.h>
#include <string.h>

void ext_run_free(ext_run *run)
{
    sqlite3_free(run->options);
    sqlite3_free(run->summary);
    sqlite3_free(run->epochs);
    sqlite3_free(run->epoch_seconds);
}

int ext_run_drop_orphans(const ext_home *home, ext_error *error)
{
    static const char *const deletes[] = {
        "DELETE FROM @epoch WHERE version NOT IN (SELECT version FROM @version)",
        "DELETE FROM @item WHERE version NOT IN (SELECT version FROM @version)",
        "DELETE FROM @tensor WHERE version NOT IN (SELECT version FROM @version)",
    };
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof deletes / sizeof *deletes; i++)
        rc = ext_query_run(home, error, deletes[i], "");
    return rc;
}

int ext_run_fail_number(const ext_home *home, ext_error *error)
{
    return ext_error_set(error, SQLITE_ERROR,
                         "model '%s' has a version %lld, the highest possible number; "
                         "export the model, and import it into a new one",
                         home->name, (long long)INT64_MAX);
}

bool ext_run_is_count(int64_t n)
{
    return n >= 0 && n < (int64_t)1 << 50;
}

/*
 * Inserts the row of the run into m_version, with status 'training', and sets
 * run->written.version to its number: the one after the highest version. First calls
 * ext_shadow_upgrade() and ext_run_drop_orphans(). SQLITE_ERROR: there is no higher
 * number.
 */
static int insert_row(ext_run *run, const ext_home *home, ext_error *error)
{
    char process[EXT_ALIVE_PLACE];
    sqlite3_stmt *stmt;
    if (ext_shadow_upgrade(home, error) != SQLITE_OK ||
        ext_run_drop_orphans(home, error) != SQLITE_OK)
        return error->rc;
    ext_alive_place(process, &run->alive);
    int rc = ext_query(
        home, &stmt, error,
        "INSERT INTO @version(version, run, status, started, process, source, options) "
        "SELECT last + 1, ?1, 'training', "
        "iif(?6 > 0, datetime(?6, 'unixepoch'), datetime('now')), ?2, ?3, ?4 "
        "FROM (SELECT max(coalesce(max(version), 0), 0) AS last FROM @version) "
        "WHERE last < ?5 RETURNING version",
        "ssssii", run->alive.run, process, run->source, run->options, (int64_t)INT64_MAX,
        run->started);
    if (rc != SQLITE_OK)
        return rc;
    int64_t version = 0;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
        version = sqlite3_column_int64(stmt, 0);
    rc = ext_sql_finish(stmt, rc, "writing the model", error);
    if (rc == SQLITE_OK && version == 0)
        rc = ext_run_fail_number(home, error);
    if (rc == SQLITE_OK)
        run->written.version = version;
    return rc;
}

/*
 * Writes the epochs that m_epoch does not have yet, from run->written.n_epochs on, and
 * counts each one there. Stops at the first one that fails.
 */
static int write_epochs(ext_run *run, const ext_home *home, ext_error *error)
{
    int rc = SQLITE_OK;
    while (rc == SQLITE_OK && run->written.n_epochs < run->n_epochs) {
        const gru4rec_epoch *epoch = &run->epochs[run->written.n_epochs];
        rc = ext_query_run(home, error,
                           "REPLACE INTO @epoch(version, epoch, loss, cost, steps, "
                           "events, seconds, recall, mrr, updates) "
                           "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                           "iiddiidddi", run->written.version, epoch->epoch, epoch->loss,
                           epoch->cost, epoch->steps, epoch->events,
                           run->epoch_seconds[run->written.n_epochs], epoch->recall,
                           epoch->mrr, epoch->updates);
        run->written.n_epochs += rc == SQLITE_OK;
    }
    return rc;
}

/*
 * Writes run->progress, and the present time as that of the last change, into the row of
 * the run. Does nothing if run->progress is 0.
 */
static int write_progress(const ext_run *run, const ext_home *home, ext_error *error)
{
    return run->progress > 0
               ? ext_query_run(home, error,
                               "UPDATE @version SET progress = ?1, "
                               "updated = datetime('now') WHERE version = ?2",
                               "di", run->progress, run->written.version)
               : SQLITE_OK;
}

int ext_run_write(ext_run *run, const ext_home *home, ext_error *error)
{
    int rc = run->written.version == 0 ? insert_row(run, home, error) : SQLITE_OK;
    if (rc == SQLITE_OK)
        rc = write_epochs(run, home, error);
    return rc == SQLITE_OK ? write_progress(run, home, error) : rc;
}

int ext_run_fail(const ext_run *run, const ext_home *home, const char *status,
                 const char *message, ext_error *error)
{
    return ext_query_run(home, error,
                         "UPDATE @version SET status = ?1, message = 'gru4rec: ' || ?2, "
                         "finished = iif(?1 = 'training', NULL, datetime('now')) "
                         "WHERE run = ?3 AND status = 'training'",
                         "sss", status, message, run->alive.run);
}

/* ---- checkpoints ---- */

int ext_run_drop_checkpoints(const ext_home *home, ext_error *error)
{
    int rc = ext_query_run(home, error,
                           "DELETE FROM @tensor WHERE version IN "
                           "(SELECT version FROM @version "
                           "WHERE status NOT IN ('ready', 'prepared', 'training'))",
                           "");
    if (rc != SQLITE_OK)
        return rc;
    return ext_query_run(
        home, error,
        "UPDATE @version SET summary = NULL "
        "WHERE status NOT IN ('ready', 'prepared', 'retired', 'training') "
        "AND summary IS NOT NULL",
        "");
}

/*
 * Runs stmt, an UPDATE with RETURNING 1, to its end, and finalizes it. SQLITE_ERROR, with
 * the message missing: the UPDATE has changed no row.
 */
static int check_updated(sqlite3_stmt *stmt, const char *missing, ext_error *error)
{
    bool is_found = false;
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
        is_found = true;
    rc = ext_sql_finish(stmt, rc, "writing the model", error);
    return rc != SQLITE_OK || is_found
               ? rc
               : ext_error_set(error, SQLITE_ERROR, "%s", missing);
}

int ext_run_checkpoint(const ext_run *run, const ext_home *home,
                       const gru4rec_training *training, const char *fingerprint,
                       const ext_last *last, const ext_ranks *ranks, ext_error *error)
{
    char process[EXT_ALIVE_PLACE], since[EXT_BORDER_JSON];
    sqlite3_stmt *stmt;
    const gru4rec_ranks *hooks = ext_ranks_hooks(ranks);
    const int64_t n_ranks = hooks != NULL ? hooks->n_ranks : 1;
    ext_border_json(since, last);
    ext_alive_place(process, &run->alive);
    if (ext_run_sweep(home, error) != SQLITE_OK ||
        ext_run_drop_checkpoints(home, error) != SQLITE_OK)
        return error->rc;
    int rc = ext_query(home, &stmt, error,
                       "UPDATE @version SET summary = json_object("
                       "'checkpoint', ?1, 'events', ?2, 'since', json(nullif(?5, '')), "
                       "'ranks', ?6) "
                       "WHERE run = ?3 AND status = 'training' AND process = ?4 "
                       "RETURNING 1",
                       "issssi", (int64_t)run->n_epochs, fingerprint, run->alive.run,
                       process, since, n_ranks);
    if (rc == SQLITE_OK)
        rc = check_updated(stmt, "the run's row is gone", error);
    return rc == SQLITE_OK ? ext_tensor_save(training, GRU4REC_N_SLOTS, home,
                                             run->written.version, ranks, error)
                           : rc;
}

void ext_run_free_checkpoint(ext_checkpoint *checkpoint)
{
    sqlite3_free(checkpoint->fingerprint);
    sqlite3_free(checkpoint->options);
    sqlite3_free(checkpoint->source);
    sqlite3_free(checkpoint->status);
    sqlite3_free(checkpoint->process);
    *checkpoint = (ext_checkpoint){0};
}

/* ---- resuming ---- */

/*
 * Returns the epoch of the current row of read_rows(), without its seconds. recall and
 * mrr are NAN if the epoch was not validated (the column recall is NULL).
 */
static gru4rec_epoch read_epoch(sqlite3_stmt *stmt)
{
    const bool has_measures = sqlite3_column_type(stmt, 6) != SQLITE_NULL;
    return (gru4rec_epoch){
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

/*
 * Tells whether the steps, events and updates of the epoch are possible numbers
 * (ext_run_is_count()), so that sums of them do not overflow.
 */
static bool is_sound(const gru4rec_epoch *epoch)
{
    return ext_run_is_count(epoch->steps) && ext_run_is_count(epoch->events) &&
           ext_run_is_count(epoch->updates);
}

/*
 * Reads the epochs 1 to n of the run into run->epochs and run->epoch_seconds, which have
 * room for n, and counts them in run->n_epochs. Stops before the first epoch that is
 * missing or not sound; that is no error here.
 */
static int read_rows(ext_run *run, const ext_home *home, int64_t n, ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_query(home, &stmt, error,
                       "SELECT epoch, loss, cost, steps, events, seconds, recall, mrr, "
                       "updates FROM @epoch WHERE version = ?1 AND epoch <= ?2 "
                       "ORDER BY epoch",
                       "ii", run->written.version, n);
    if (rc != SQLITE_OK)
        return rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW && (int64_t)run->n_epochs < n &&
           sqlite3_column_double(stmt, 0) == (double)(run->n_epochs + 1)) {
        run->epoch_seconds[run->n_epochs] = sqlite3_column_double(stmt, 5);
        run->epochs[run->n_epochs] = read_epoch(stmt);
        if (!is_sound(&run->epochs[run->n_epochs]))
            break;
        run->n_epochs++;
    }
    return ext_sql_finish(stmt, rc, "reading the epochs", error);
}

/*
 * Allocates run->epochs and run->epoch_seconds, and reads the epochs 1 to n of the run
 * into them. Sets run->n_epochs and run->written.n_epochs to how many were read. n is the
 * epoch of the checkpoint. SQLITE_CORRUPT_VTAB: n is not from 1 to 100000, or an epoch is
 * missing or not sound.
 */
static int read_epochs(ext_run *run, const ext_home *home, int64_t n, ext_error *error)
{
    enum { MOST = 100000 }; /* highest value of the option n_epochs */
    if (n > 0 && n <= MOST) {
        run->epochs = sqlite3_malloc64((size_t)n * sizeof *run->epochs);
        run->epoch_seconds = sqlite3_malloc64((size_t)n * sizeof *run->epoch_seconds);
        if (run->epochs == NULL || run->epoch_seconds == NULL)
            return ext_error_nomem(error);
        if (read_rows(run, home, n, error) != SQLITE_OK)
            return error->rc;
    }
    run->written.n_epochs = run->n_epochs;
    if (n > 0 && (int64_t)run->n_epochs == n)
        return SQLITE_OK;
    return ext_error_set(
        error, SQLITE_CORRUPT_VTAB,
        "model '%s' is damaged: epochs of the run to resume are missing or wrong; "
        "train without resume",
        home->name);
}

/*
 * Tells whether the run of the current row of m_version has stopped: its status is not
 * 'training', or ext_alive_status() does not say that it is alive. A run of another
 * machine, of which this machine cannot know anything, counts as stopped, because the
 * user asked to resume it.
 */
static bool is_over(sqlite3_stmt *stmt)
{
    const char *run = (const char *)sqlite3_column_text(stmt, 0);
    const char *status = (const char *)sqlite3_column_text(stmt, 6);
    const char *process = (const char *)sqlite3_column_text(stmt, 7);
    return status == NULL || strcmp(status, "training") != 0 ||
           ext_alive_status(process, run) != NULL;
}

/*
 * Steps stmt to the first row of a run that has stopped and has a valid name, and fills
 * in run (its name and version) and all of checkpoint from the row; a text that there is
 * no memory for is NULL. *is_found: whether there is such a row; if not, run and
 * checkpoint stay as they are. Returns the last code of sqlite3_step(), and sets no
 * ext_error.
 */
static int take_run(ext_run *run, ext_checkpoint *checkpoint, sqlite3_stmt *stmt,
                    bool *is_found)
{
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
        if (ext_alive_is_name((const char *)sqlite3_column_text(stmt, 0)) &&
            is_over(stmt))
            break;
    *is_found = rc == SQLITE_ROW;
    if (!*is_found)
        return rc;
    memcpy(run->alive.run, sqlite3_column_text(stmt, 0), sizeof run->alive.run);
    run->written.version = sqlite3_column_int64(stmt, 1);
    *checkpoint = (ext_checkpoint){
        .options = ext_sql_text(stmt, 2),
        .source = ext_sql_text(stmt, 3),
        .epoch = sqlite3_column_int64(stmt, 4),
        .fingerprint = ext_sql_text(stmt, 5),
        .status = ext_sql_text(stmt, 6),
        .process = ext_sql_text(stmt, 7),
        .n_ranks = sqlite3_column_int64(stmt, 8),
    };
    ext_window_take_since(&checkpoint->last, stmt, 9);
    return rc;
}

int ext_run_resume(ext_run *run, ext_checkpoint *checkpoint, const ext_home *home,
                   ext_error *error)
{
    sqlite3_stmt *stmt;
    bool is_found;
    int rc = ext_query(
        home, &stmt, error,
        "SELECT run, version, options, source, summary ->> '$.checkpoint', "
        "summary ->> '$.events', status, process, "
        "coalesce(summary ->> '$.ranks', 1), " EXT_WINDOW_SINCE "FROM @version AS v "
        "WHERE status NOT IN ('ready', 'retired') AND summary ->> '$.checkpoint' > 0 AND "
        "EXISTS (SELECT 1 FROM @tensor AS t WHERE t.version = v.version) "
        "ORDER BY version DESC",
        "");
    if (rc != SQLITE_OK)
        return rc;
    rc = take_run(run, checkpoint, stmt, &is_found);
    rc = ext_sql_finish(stmt, rc, "reading the training runs", error);
    if (rc != SQLITE_OK)
        return rc;
    if (!is_found)
        return SQLITE_OK;
    if (checkpoint->options == NULL || checkpoint->fingerprint == NULL ||
        checkpoint->status == NULL)
        return ext_error_nomem(error);
    return read_epochs(run, home, checkpoint->epoch, error);
}

/* Message of an error: another training has resumed the run of the checkpoint. */
static const char taken[] =
    "another training has already resumed this run; wait until it ends";

int ext_run_find(ext_run *run, ext_checkpoint *checkpoint, const ext_home *home,
                 ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_query(home, &stmt, error,
                       "SELECT version, source, status, process, "
                       "status IN ('ready', 'retired') FROM @version WHERE run = ?1",
                       "s", run->alive.run);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        run->written.version = sqlite3_column_int64(stmt, 0);
        checkpoint->source = ext_sql_text(stmt, 1);
        checkpoint->status = ext_sql_text(stmt, 2);
        checkpoint->process = ext_sql_text(stmt, 3);
        if (sqlite3_column_int(stmt, 4))
            rc = ext_error_set(error, SQLITE_ERROR,
                               "version %lld of '%s' is of the run to resume, and can "
                               "serve already; train without resume",
                               (long long)run->written.version, home->name);
    }
    rc = ext_sql_finish(stmt, rc, "reading the training runs", error);
    if (rc != SQLITE_OK || run->written.version == 0 || checkpoint->status == NULL)
        return rc;
    const bool is_over = strcmp(checkpoint->status, "training") != 0 ||
                         ext_alive_status(checkpoint->process, run->alive.run) != NULL;
    return is_over ? SQLITE_OK : ext_error_set(error, SQLITE_BUSY, "%s", taken);
}

int ext_run_check_checkpoint(const char *run, const ext_checkpoint *checkpoint,
                             const ext_home *home, ext_error *error)
{
    int64_t is_there;
    int rc = ext_query_integer(home, &is_there, error,
                               "SELECT 1 FROM @version "
                               "WHERE run = ?1 AND status = ?2 AND process IS ?3",
                               "sss", run, checkpoint->status, checkpoint->process);
    return rc != SQLITE_OK || is_there ? rc
                                       : ext_error_set(error, SQLITE_BUSY, "%s", taken);
}

int ext_run_claim(const ext_run *run, const ext_checkpoint *checkpoint,
                  const ext_home *home, ext_error *error)
{
    char process[EXT_ALIVE_PLACE];
    sqlite3_stmt *stmt;
    if (ext_shadow_upgrade(home, error) != SQLITE_OK)
        return error->rc;
    ext_alive_place(process, &run->alive);
    int rc = ext_query(home, &stmt, error,
                       "UPDATE @version SET status = 'training', process = ?1, "
                       "options = ?2, message = NULL, finished = NULL, "
                       "summary = iif(status = 'prepared', NULL, summary) "
                       "WHERE run = ?3 AND status = ?4 AND process IS ?5 RETURNING 1",
                       "sssss", process, run->options, run->alive.run, checkpoint->status,
                       checkpoint->process);
    if (rc == SQLITE_OK)
        rc = check_updated(stmt, taken, error);
    /* Items, and tensors that are no checkpoint, are of a version that was prepared. */
    if (rc == SQLITE_OK)
        rc = ext_query_run(home, error, "DELETE FROM @item WHERE version = ?1", "i",
                           run->written.version);
    if (rc == SQLITE_OK)
        rc = ext_query_run(home, error,
                           "DELETE FROM @tensor WHERE version = ?1 AND EXISTS (SELECT 1 "
                           "FROM @version WHERE version = ?1 AND summary IS NULL)",
                           "i", run->written.version);
    return rc == SQLITE_OK
               ? ext_query_run(home, error,
                               "DELETE FROM @epoch WHERE version = ?1 AND epoch > ?2",
                               "ii", run->written.version, (int64_t)run->n_epochs)
               : rc;
}

/* ---- runs that are over, though their row says 'training' ---- */

const char *ext_run_status(const char *process, const char *run, const char *message)
{
    const char *status = ext_alive_status(process, run);
    const bool is_over = status != NULL && strcmp(status, "elsewhere") != 0;
    return is_over && message != NULL ? "failed" : status;
}

int ext_run_gone(char **gone, const char *of, const ext_home *home, ext_error *error)
{
    sqlite3_stmt *stmt;
    *gone = NULL;
    int rc = ext_query(home, &stmt, error,
                       "SELECT version, process, run, message FROM @version "
                       "WHERE status = ?1",
                       "s", of);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_str *json = sqlite3_str_new(NULL);
    sqlite3_str_appendchar(json, 1, '{');
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *status = ext_run_status((const char *)sqlite3_column_text(stmt, 1),
                                            (const char *)sqlite3_column_text(stmt, 2),
                                            (const char *)sqlite3_column_text(stmt, 3));
        if (status != NULL && strcmp(status, "elsewhere") != 0)
            sqlite3_str_appendf(json, "%s\"%lld\":\"%s\"",
                                sqlite3_str_length(json) > 1 ? "," : "",
                                sqlite3_column_int64(stmt, 0), status);
    }
    sqlite3_str_appendchar(json, 1, '}');
    rc = ext_sql_finish(stmt, rc, "reading the training runs", error);
    *gone = sqlite3_str_finish(json);
    return rc == SQLITE_OK && *gone == NULL ? ext_error_nomem(error) : rc;
}

int ext_run_sweep(const ext_home *home, ext_error *error)
{
    char *gone;
    int rc = ext_run_gone(&gone, "training", home, error);
    if (rc == SQLITE_OK)
        rc = ext_query_run(home, error,
                           "UPDATE @version "
                           "SET status = json_extract(?1, '$.\"' || version || '\"') "
                           "WHERE version IN (SELECT key FROM json_each(?1))",
                           "s", gone);
    sqlite3_free(gone);
    return rc;
}

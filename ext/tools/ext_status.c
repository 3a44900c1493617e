/*
 * ext_status.c - gru4rec_status(model): a row for each run of a model, newest first; see
 * ext_tools.h.
 *
 * 1. The status in m_version can be out of date. A row that says 'training' belongs to a
 *    run that is under way, or to a run that could not write how it ended
 *    (ext_run_status()).
 * 2. The progress of a run in this process comes from memory. The progress of a run in
 *    another process is what that run wrote into its row last.
 * 3. The end of a run that this process could not write (ext_pending.c) is shown as if it
 *    were written. If that run has no row yet, its version is NULL.
 * 4. Nothing is written. All rows are read at the start, in one snapshot.
 */
#define _POSIX_C_SOURCE 200809L /* for gmtime_r() */
#include "ext_tools.h"

#include <math.h>
#include <string.h>
#include <time.h>

enum {
    VERSION,
    STATUS,
    ACTIVE,
    STARTED,
    FINISHED,
    EPOCH,
    N_EPOCHS,
    PROGRESS,
    SECONDS_LEFT,
    LOSS,
    RECALL,
    MRR,
    MESSAGE,
    N_COLUMNS
};

enum { MODEL, N_ARGUMENTS };

/*
 * Number of seconds. A run in another process writes its progress every two seconds
 * (ext_train.c). If it has written nothing for SILENT seconds, something must keep it
 * from writing, and its message says so.
 */
enum { SILENT = 30 };

/*
 * A row of gru4rec_status(), about one run of the model. Texts are owned; free_row()
 * frees them. SQL NULL is a NULL text, or a NAN in numbers.
 */
typedef struct status_row {
    char run[EXT_RUN_NAME + 1];
    char *status, *started, *finished, *message;
    /*
     * Values of the columns that are numbers, indexed by column; NAN for the columns that
     * are texts.
     */
    double numbers[N_COLUMNS];
    struct status_row *next;
} status_row;

/*
 * rows: the list of all rows, newest run first; owned. at: the current row; NULL: behind
 * the last one.
 */
typedef struct status_cursor {
    ext_cursor base;
    status_row *rows, *at;
    /* There was not enough memory for a row or a text; read_all() then fails. */
    bool is_short;
} status_cursor;

static void free_row(status_row *row)
{
    sqlite3_free(row->status);
    sqlite3_free(row->started);
    sqlite3_free(row->finished);
    sqlite3_free(row->message);
    sqlite3_free(row);
}

static void stop(ext_cursor *base)
{
    status_cursor *cursor = (status_cursor *)base;
    while (cursor->rows != NULL) {
        status_row *next = cursor->rows->next;
        free_row(cursor->rows);
        cursor->rows = next;
    }
    cursor->at = NULL;
}

/* ---- the tables ---- */

/*
 * Numbers of the columns that the query gives after those of the table:
 *   RUN, PROCESS   name and process of the run, as m_version has them
 *   EPOCH_SECONDS  mean seconds of the epochs that are done
 *   AGE            seconds since the row was updated
 *   BEGUN          seconds from the start of the run to that update
 *   RANK, N_RANKS  of a version that several processes have trained
 */
enum { RUN = N_COLUMNS, PROCESS, EPOCH_SECONDS, AGE, BEGUN, RANK, N_RANKS };

/*
 * The query for the rows of gru4rec_status(), newest run first. SECONDS_LEFT is NULL in
 * it, and PROGRESS is 1 for a version that is ready, retired or prepared. Loss and
 * measures are those of the epoch whose weights were kept, or of the last epoch if the
 * summary does not tell that epoch. %s: expressions for the columns progress and updated,
 * which a table of an older build lacks.
 */
static const char query[] =
    "WITH run AS (SELECT version, run, status, started, finished, process, message, %s, "
    "iif(json_valid(options), options, NULL) AS o, "
    "iif(json_valid(summary), summary, NULL) AS s FROM @version) "
    "SELECT r.version, r.status, "
    "r.version IS (SELECT value FROM @config WHERE key = 'version'), "
    "r.started, r.finished, n.epochs, r.o ->> '$.n_epochs', "
    "iif(r.status IN ('ready', 'retired', 'prepared'), 1.0, r.progress), NULL, "
    "e.loss, e.recall, e.mrr, r.message, r.run, r.process, n.seconds, "
    "(julianday('now') - julianday(r.updated)) * 86400, "
    "(julianday(r.updated) - julianday(r.started)) * 86400, "
    "r.s ->> '$.ranks.rank', r.s ->> '$.ranks.ranks' "
    "FROM run AS r "
    "LEFT JOIN (SELECT version, max(epoch) AS epochs, avg(seconds) AS seconds "
    "FROM @epoch GROUP BY version) AS n ON n.version = r.version "
    "LEFT JOIN @epoch AS e ON e.version = r.version "
    "AND e.epoch = coalesce(r.s ->> '$.best_epoch', n.epochs) "
    "ORDER BY r.version DESC";

/* Returns the value of that column of the current row; NAN if it is NULL. */
static double number_of(sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt, column) == SQLITE_NULL
               ? NAN
               : sqlite3_column_double(stmt, column);
}

/*
 * Returns the text of that column of the current row, borrowed until the next step; NULL
 * if it is NULL.
 */
static const char *text_of(sqlite3_stmt *stmt, int column)
{
    return (const char *)sqlite3_column_text(stmt, column);
}

/*
 * Frees *text, and sets it to a copy of now, or to NULL if now is NULL. If there is not
 * enough memory, *text is NULL and cursor->is_short is set.
 */
static void set_text(status_cursor *cursor, char **text, const char *now)
{
    sqlite3_free(*text);
    *text = now != NULL ? sqlite3_mprintf("%s", now) : NULL;
    cursor->is_short |= now != NULL && *text == NULL;
}

/*
 * Appends "; " and more to *text, a text that is not NULL and is freed and made anew. If
 * there is not enough memory, *text is NULL and cursor->is_short is set.
 */
static void add_text(status_cursor *cursor, char **text, const char *more)
{
    *text = sqlite3_mprintf("%z; %s", *text, more);
    cursor->is_short |= *text == NULL;
}

/* ---- what a row that says 'training' means ---- */

static const char waits[] =
    "trained; its commit waits because others have locked the database";
static const char is_kept[] = "to commit it without training again, "
                              "run SELECT gru4rec_train(model, 'resume=true') "
                              "on the connection that trained it";

/*
 * Completes the row of a run that is under way in this process, from memory. share: what
 * the run does now, and how far it is.
 * - progress: share->done, except while the run reads its events.
 * - epoch: while it trains, the number of epochs done that follows from share->done.
 * - seconds_left: if it is known.
 * - message: what the run does; NULL while it trains. If its result is kept, the advice
 *   how to commit it, appended to the message that the row has.
 */
static void judge_ours(status_cursor *cursor, status_row *row, const ext_share *share)
{
    const char *const words[] = {
        [EXT_PHASE_READING] = "reads its events",
        [EXT_PHASE_TRAINING] = NULL,
        [EXT_PHASE_COMMITTING] = waits,
        [EXT_PHASE_KEPT] = is_kept,
    };
    if (share->phase != EXT_PHASE_READING)
        row->numbers[PROGRESS] = share->done;
    if (share->phase == EXT_PHASE_TRAINING) /* the epochs in the tables may be fewer */
        row->numbers[EPOCH] = floor(share->done * row->numbers[N_EPOCHS] + 1e-9);
    if (share->seconds_left >= 0)
        row->numbers[SECONDS_LEFT] = share->seconds_left;
    if (share->phase == EXT_PHASE_KEPT && row->message != NULL)
        add_text(cursor, &row->message, words[share->phase]);
    else
        set_text(cursor, &row->message, words[share->phase]);
}

/*
 * Completes the row of a run that is under way in another process, by what that run wrote
 * into its row last (stmt: the row). Sets seconds_left from the seconds of an epoch: the
 * mean of the epochs that are done, or in the first epoch, the time so far divided by the
 * share of the epoch that was done. It stays NULL if that cannot be computed. If the row
 * has no message, sets one: the run could not write for SILENT seconds, waits for its
 * commit, or reads its events; none if it trains.
 */
static void judge_other(status_cursor *cursor, status_row *row, sqlite3_stmt *stmt)
{
    const double done = row->numbers[PROGRESS], age = number_of(stmt, AGE);
    const double n_epochs = row->numbers[N_EPOCHS];
    double epoch_seconds = number_of(stmt, EPOCH_SECONDS);
    if (isnan(epoch_seconds))
        epoch_seconds = number_of(stmt, BEGUN) / (done * n_epochs);
    const double left = epoch_seconds * n_epochs * (1 - done) - age;
    if (isfinite(left))
        row->numbers[SECONDS_LEFT] = left > 0 ? left : 0;
    if (row->message == NULL && age > SILENT)
        set_text(cursor, &row->message,
                 "could not write its progress for a while: "
                 "others have locked the database, "
                 "or the run waits for its commit");
    else if (row->message == NULL && done >= 1)
        set_text(cursor, &row->message, waits);
    else if (row->message == NULL && isnan(done))
        set_text(cursor, &row->message, "reads its events, or cannot write its progress");
}

/*
 * Finds out what a row with status 'training' (the row of stmt) really means, and
 * completes it. If the run is under way, sets its progress and message (judge_ours(),
 * judge_other()). If it is over, sets the status that it ended with. If it is on another
 * host, nothing is known: only sets a message that says so.
 */
static void judge(status_cursor *cursor, status_row *row, sqlite3_stmt *stmt)
{
    const char *process = text_of(stmt, PROCESS), *run = text_of(stmt, RUN);
    const char *status = ext_run_status(process, run, row->message);
    ext_share share;
    if (status == NULL && ext_alive_see(&share, row->run))
        judge_ours(cursor, row, &share);
    else if (status == NULL)
        judge_other(cursor, row, stmt);
    else if (strcmp(status, "elsewhere") != 0)
        set_text(cursor, &row->status, status);
    else
        set_text(cursor, &row->message,
                 "runs, or ran, on another host; only that host can tell");
}

/*
 * Sets the message of a row with status 'prepared' (the row of stmt), which says what the
 * version waits for.
 */
static void judge_prepared(status_cursor *cursor, status_row *row, sqlite3_stmt *stmt)
{
    const int rank = sqlite3_column_int(stmt, RANK);
    const int n_ranks = sqlite3_column_int(stmt, N_RANKS);
    char *words =
        ext_alive_status(text_of(stmt, PROCESS), row->run) == NULL
            ? sqlite3_mprintf("rank %d of %d has written it, and waits for rank 0, which "
                              "decides whether it serves",
                              rank, n_ranks)
            : sqlite3_mprintf("rank %d of %d has written it, but did not hear from rank "
                              "0 whether it serves; run SELECT gru4rec_train(model, "
                              "'resume=true') on all %d ranks to find out, or let it "
                              "serve by gru4rec_deploy(model, %lld)",
                              rank, n_ranks, n_ranks, (long long)row->numbers[VERSION]);
    cursor->is_short |= words == NULL;
    set_text(cursor, &row->message, words);
    sqlite3_free(words);
}

/*
 * Sets the message of a row whose status is killed, failed or interrupted, if it has
 * none: that the cause is not known. Does nothing to any other row.
 */
static void explain(status_cursor *cursor, status_row *row)
{
    if (row->message != NULL || row->status == NULL)
        return;
    if (strcmp(row->status, "killed") == 0 || strcmp(row->status, "failed") == 0)
        set_text(cursor, &row->message, "failed, cause not recorded");
    else if (strcmp(row->status, "interrupted") == 0)
        set_text(cursor, &row->message,
                 "interrupted, or failed, while its process could not write");
}

/* ---- reading ---- */

/*
 * Returns a new row of gru4rec_status(): texts NULL, numbers NAN. free_row() frees it.
 * NULL: there is not enough memory, and the error says so.
 */
static status_row *new_row(ext_error *error)
{
    status_row *row = sqlite3_malloc(sizeof *row);
    if (row == NULL) {
        ext_error_nomem(error);
        return NULL;
    }
    *row = (status_row){0};
    for (int i = 0; i < N_COLUMNS; i++)
        row->numbers[i] = NAN;
    return row;
}

/*
 * Makes a row of the current row of stmt, and appends it to the list of rows. If its
 * status is 'training', completes it (judge()). *end: the address of the pointer that
 * ends the list (NULL); it moves on to the field next of the new row.
 */
static int read_row(status_cursor *cursor, sqlite3_stmt *stmt, status_row ***end,
                    ext_error *error)
{
    static const int numbers[] = {VERSION,  ACTIVE, EPOCH,  N_EPOCHS,
                                  PROGRESS, LOSS,   RECALL, MRR};
    const char *run = text_of(stmt, RUN);
    status_row *row = new_row(error);
    if (row == NULL)
        return error->rc;
    **end = row;
    *end = &row->next;
    sqlite3_snprintf(sizeof row->run, row->run, "%s", run != NULL ? run : "");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        row->numbers[numbers[i]] = number_of(stmt, numbers[i]);
    set_text(cursor, &row->status, text_of(stmt, STATUS));
    set_text(cursor, &row->started, text_of(stmt, STARTED));
    set_text(cursor, &row->finished, text_of(stmt, FINISHED));
    set_text(cursor, &row->message, text_of(stmt, MESSAGE));
    if (row->status != NULL && strcmp(row->status, "training") == 0)
        judge(cursor, row, stmt);
    else if (row->status != NULL && strcmp(row->status, "prepared") == 0)
        judge_prepared(cursor, row, stmt);
    return SQLITE_OK;
}

/*
 * Appends a row for each run in m_version to cursor->rows, newest first. A table of an
 * older build, without the columns progress and updated, gives NULL for them.
 */
static int read_table(status_cursor *cursor, const ext_home *home, ext_error *error)
{
    sqlite3_stmt *stmt;
    status_row **end = &cursor->rows;
    bool has;
    if (ext_shadow_has_column(home, "version", "updated", &has, error) != SQLITE_OK)
        return error->rc;
    char *sql = sqlite3_mprintf(query, has ? "progress, updated"
                                           : "NULL AS progress, NULL AS updated");
    if (sql == NULL)
        return ext_error_nomem(error);
    int rc = ext_query(home, &stmt, error, sql, "");
    sqlite3_free(sql);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = read_row(cursor, stmt, &end, error);
    return ext_sql_finish(stmt, rc, "reading the training runs", error);
}

/* ---- what this process has still to write ---- */

/*
 * Sets *text to a time in UTC, in the form that m_version has (2026-01-31 23:59:59).
 * seconds: since 1970. If that is no valid time, *text stays as it is.
 */
static void set_time(status_cursor *cursor, char **text, int64_t seconds)
{
    struct tm parts;
    char room[32];
    const time_t at = (time_t)seconds;
    if (gmtime_r(&at, &parts) != NULL &&
        strftime(room, sizeof room, "%Y-%m-%d %H:%M:%S", &parts) > 0)
        set_text(cursor, text, room);
}

/* Returns the row of the list whose run has that name; NULL: there is none. */
static status_row *find_row(const status_cursor *cursor, const char *run)
{
    status_row *row = cursor->rows;
    while (row != NULL && strcmp(row->run, run) != 0)
        row = row->next;
    return row;
}

/*
 * Returns the place in the list at which a new row without a version is inserted: behind
 * the rows without a version, which are runs that have no row in m_version yet, and stand
 * first.
 */
static status_row **place_of_new(status_cursor *cursor)
{
    status_row **at = &cursor->rows;
    while (*at != NULL && isnan((*at)->numbers[VERSION]))
        at = &(*at)->next;
    return at;
}

/*
 * Shows in the list what this process could not write yet about a run: how it ended, or
 * that its result waits for a commit. Sets the status, the message ("gru4rec: ..."), and
 * the progress (1) of a run that waits or the end of another one, in the row of that run.
 * If the list has no such row, first inserts one, without a version. A row whose status
 * is 'ready' or 'prepared' stays as it is. context: the cursor.
 */
static void add_pending(void *context, const ext_pending *pending)
{
    status_cursor *cursor = context;
    status_row *row = find_row(cursor, pending->run);
    ext_error error = {0};
    if (row == NULL) {
        status_row **at = place_of_new(cursor);
        row = new_row(&error);
        cursor->is_short |= row == NULL;
        if (row == NULL)
            return;
        row->next = *at;
        *at = row;
        row->numbers[ACTIVE] = 0;
        set_time(cursor, &row->started, pending->started);
    } else if (row->status != NULL && (strcmp(row->status, "ready") == 0 ||
                                       strcmp(row->status, "prepared") == 0)) {
        return;
    }
    set_text(cursor, &row->status, pending->status);
    char *message = sqlite3_mprintf("gru4rec: %s", pending->message);
    set_text(cursor, &row->message, message);
    cursor->is_short |= message == NULL;
    sqlite3_free(message);
    if (ext_pending_is_waiting(pending)) {
        row->numbers[PROGRESS] = 1;
        add_text(cursor, &row->message, is_kept);
    } else {
        set_time(cursor, &row->finished, pending->finished);
    }
}

/* ---- the table ---- */

/*
 * Reads the rows of m_version in one snapshot, which ends here; then adds what this
 * process has still to write (add_pending()), and messages that are missing (explain()).
 * SQLITE_NOMEM: also if cursor->is_short is set.
 */
static int read_all(status_cursor *cursor, const ext_home *home, ext_error *error)
{
    ext_snapshot snapshot = {0};
    char *id = NULL;
    int rc = ext_snapshot_start(&snapshot, home, error);
    if (rc == SQLITE_OK)
        rc = ext_identity_read(&id, home, error);
    if (rc == SQLITE_OK)
        rc = read_table(cursor, home, error);
    ext_snapshot_end(&snapshot);
    if (rc == SQLITE_OK)
        rc = ext_pending_each(home, id, add_pending, cursor, error);
    sqlite3_free(id);
    for (status_row *row = cursor->rows; row != NULL; row = row->next)
        explain(cursor, row);
    return rc == SQLITE_OK && cursor->is_short ? ext_error_nomem(error) : rc;
}

/*
 * Makes row the current row of the cursor. NULL: sets is_eof, which any other row clears.
 */
static void go_to(status_cursor *cursor, status_row *row)
{
    cursor->at = row;
    cursor->base.is_eof = row == NULL;
}

static int start(ext_cursor *base, int idx_num, sqlite3_value **argv, ext_error *error)
{
    status_cursor *cursor = (status_cursor *)base;
    const ext_home *own = ext_table_home(base);
    ext_home home = {0};
    (void)idx_num;
    (void)argv;
    cursor->is_short = false;
    int rc = ext_schema_get(&home, own->db, own->connection, base->arguments[MODEL],
                            false, NULL, error);
    if (rc == SQLITE_OK)
        rc = read_all(cursor, &home, error);
    ext_home_clear(&home);
    go_to(cursor, cursor->rows);
    return rc;
}

static int next(ext_cursor *base, ext_error *error)
{
    status_cursor *cursor = (status_cursor *)base;
    (void)error;
    go_to(cursor, cursor->at->next);
    return SQLITE_OK;
}

static void column(const ext_cursor *base, sqlite3_context *context, int i)
{
    const status_row *row = ((const status_cursor *)base)->at;
    const char *const texts[N_COLUMNS] = {
        [STATUS] = row->status,
        [STARTED] = row->started,
        [FINISHED] = row->finished,
        [MESSAGE] = row->message,
    };
    const double number = row->numbers[i];
    if (texts[i] != NULL)
        sqlite3_result_text(context, texts[i], -1, SQLITE_TRANSIENT);
    else if (isnan(number))
        sqlite3_result_null(context);
    else if (i == VERSION || i == ACTIVE || i == EPOCH || i == N_EPOCHS)
        sqlite3_result_int64(context, (sqlite3_int64)number);
    else
        sqlite3_result_double(context, number);
}

static const ext_table_argument arguments[N_ARGUMENTS] = {
    [MODEL] = {"model", "model = 'rec'"},
};

const ext_table_function ext_status = {
    .name = "gru4rec_status",
    .declaration = "CREATE TABLE x(version INTEGER, status TEXT, active INTEGER, "
                   "started TEXT, finished TEXT, epoch INTEGER, n_epochs INTEGER, "
                   "progress REAL, seconds_left REAL, loss REAL, recall REAL, mrr REAL, "
                   "message TEXT, model BLOB HIDDEN)",
    .trust = SQLITE_VTAB_INNOCUOUS,
    .cursor_bytes = sizeof(status_cursor),
    .n_columns = N_COLUMNS,
    .n_arguments = N_ARGUMENTS,
    .arguments = arguments,
    .n_needed = MODEL + 1,
    .usage = "needs a model; write gru4rec_status('rec')",
    .n_rows = 10,
    .cost = 1000,
    .start = start,
    .next = next,
    .column = column,
    .stop = stop,
};

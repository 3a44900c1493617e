/*
 * ext_tune_rows.c - the rows of a tuning in m_trial; see ext_tune.h.
 *
 * m_trial has a row for each trial at each rung that is over, and a row with trial 0 and
 * rung 0 for the tuning itself:
 *   epochs     those of the last rung
 *   objective  that of the best trial, when the tuning is finished
 *   seconds    time that the call took
 *   options    JSON: the settings, the events' fingerprint, whose tuning it is, and, when
 *              it is finished, the number of the best trial
 *   status     "tuning", "finished", "interrupted" or "failed"
 * The first write makes the table and the tuning's row. Each write takes the lock for one
 * savepoint, and first looks for the model by its id, because somebody may have renamed
 * or dropped it.
 */
#include "ext_tune.h"

#include <math.h>
#include <string.h>

/* ---- in memory ---- */

const ext_tune_row *ext_tune_rows_find(const ext_tune_rows *rows,
                                       const gru4rec_trial *trial)
{
    for (size_t i = 0; i < rows->known.n; i++) {
        const ext_tune_row *row = &rows->known.rows[i];
        if (row->trial.trial == trial->trial && row->trial.rung == trial->rung)
            return row;
    }
    return NULL;
}

/* Adds a copy of a row to the list. SQLITE_NOMEM is the only error. */
static int add(ext_tune_list *list, const ext_tune_row *row, ext_error *error)
{
    if (list->n == list->capacity) {
        const size_t capacity = 2 * list->capacity + 16;
        ext_tune_row *grown = sqlite3_realloc64(list->rows, capacity * sizeof *grown);
        if (grown == NULL)
            return ext_error_nomem(error);
        list->rows = grown;
        list->capacity = capacity;
    }
    list->rows[list->n++] = *row;
    return SQLITE_OK;
}

int ext_tune_rows_add(ext_tune_rows *rows, const ext_tune_row *row, ext_error *error)
{
    return add(&rows->told, row, error);
}

/* ---- options as JSON ---- */

/*
 * Tells whether the option (its name, and its index i) is listed among the options of a
 * trial: it is in the space; or the call gave it, and it is n_epochs, preset, or one that
 * a space can have.
 */
static bool is_of_trial(const ext_tuning *tuning, const char *name, size_t i)
{
    const bool is_given = gru4rec_option_is_set(&tuning->request.given, i);
    if (gru4rec_space_has(&tuning->request.space, name))
        return true;
    return is_given && (gru4rec_space_can_have(name) || strcmp(name, "n_epochs") == 0 ||
                        strcmp(name, "preset") == 0);
}

/*
 * The object has the options for which is_of_trial() is true, with their values. An
 * option that the base sets, but not the trial, because it means nothing beside the
 * trial's other options, has the value null: gru4rec_train() then does not use the
 * model's value of it.
 */
char *ext_tune_rows_options(const ext_tuning *tuning, int64_t trial)
{
    gru4rec_options options;
    gru4rec_option_info info;
    sqlite3_str *json = sqlite3_str_new(NULL);
    const char *separator = "{";
    gru4rec_tune_options(tuning->search, trial, &options);
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_describe(i, &info);
        const bool is_set = gru4rec_option_is_set(&options, i);
        const bool was_set = gru4rec_option_is_set(&tuning->request.base, i);
        if (is_set ? !is_of_trial(tuning, info.name, i) : !was_set)
            continue;
        sqlite3_str_appendall(json, separator);
        if (is_set)
            ext_options_append(json, &options, i);
        else
            sqlite3_str_appendf(json, "\"%s\":null", info.name);
        separator = ",";
    }
    sqlite3_str_appendall(json, *separator == '{' ? "{}" : "}");
    return sqlite3_str_finish(json);
}

/* ---- reading ---- */

/*
 * Returns the static text that is equal to text, the status of a row: "done", "diverged"
 * or "memory". Returns "failed" if text is any other, or NULL.
 */
static const char *status_of(const char *text)
{
    static const char *const all[] = {"done", "diverged", "memory"};
    for (size_t i = 0; text != NULL && i < sizeof all / sizeof *all; i++)
        if (strcmp(text, all[i]) == 0)
            return all[i];
    return "failed";
}

static double real_or_nan(sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt, column) == SQLITE_NULL
               ? (double)NAN
               : sqlite3_column_double(stmt, column);
}

/*
 * Checks that the row of the tuning to resume (request->resumed) fits this call.
 * SQLITE_ERROR: the settings differ from those of this call, or the fingerprint of all
 * events differs.
 */
static int check_settings(const ext_tuning *tuning, ext_error *error)
{
    const ext_tune_request *request = &tuning->request;
    const ext_home *home = &request->train.home;
    sqlite3_stmt *stmt;
    int rc =
        ext_query(home, &stmt, error,
                  "SELECT json_remove(?1, '$.run', '$.process', '$.fingerprint')"
                  " = json(?2), ?1 ->> '$.fingerprint' = ?3",
                  "sss", request->resumed, request->settings, tuning->data.fingerprint);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW && !sqlite3_column_int(stmt, 0))
        rc = ext_error_set(error, SQLITE_ERROR,
                           "the options of the model are not those that the tuning to "
                           "resume began with; give the model the same options, or tune "
                           "without resume");
    else if (rc == SQLITE_ROW && !sqlite3_column_int(stmt, 1))
        rc = ext_error_set(error, SQLITE_ERROR,
                           "the events are not those that the tuning to resume began "
                           "with; tune without resume, with until= to leave out newer "
                           "events");
    return ext_sql_finish(stmt, rc, "reading the tuning", error);
}

/*
 * Reads the results of tuning rows->tune. The LIMIT is 10,000 trials, the most that
 * option trials allows, with 3 rungs each, so that forged rows cannot fill the memory.
 */
static int read_rows(ext_tune_rows *rows, const ext_home *home, ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_query(home, &stmt, error,
                       "SELECT trial, rung, epochs, objective, recall, mrr, seconds, "
                       "status FROM @trial WHERE tune = ?1 AND trial > 0 "
                       "ORDER BY trial, rung LIMIT 30000",
                       "i", rows->tune);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        ext_tune_row row = {
            .trial = {sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1),
                      sqlite3_column_int64(stmt, 2)},
            .objective = real_or_nan(stmt, 3),
            .recall = real_or_nan(stmt, 4),
            .mrr = real_or_nan(stmt, 5),
            .seconds = real_or_nan(stmt, 6),
        };
        sqlite3_snprintf(sizeof row.status, row.status, "%s",
                         status_of((const char *)sqlite3_column_text(stmt, 7)));
        rc = add(&rows->known, &row, error);
    }
    return ext_sql_finish(stmt, rc, "reading the tuning", error);
}

int ext_tune_rows_read(ext_tuning *tuning, ext_error *error)
{
    ext_tune_rows *rows = &tuning->rows;
    rows->tune = tuning->request.tune;
    if (tuning->request.resumed == NULL || check_settings(tuning, error) != SQLITE_OK)
        return error->rc;
    if (ext_ranks_number(&tuning->ranks) == 0 &&
        read_rows(rows, &tuning->request.train.home, error) != SQLITE_OK)
        return error->rc;
    return ext_tune_ranks_share(tuning, error);
}

/* ---- writing ---- */

/*
 * Writes the tuning's row (trial 0). A new tuning gets the next free number, which
 * becomes rows->tune. For a tuning to resume, replaces its row, whose options must still
 * be as the request found them. The row says that this call owns the tuning (its process
 * and name), and has the status "tuning". SQLITE_BUSY: another call has taken the tuning
 * to resume, or its row is gone.
 */
static int claim(ext_tuning *tuning, ext_error *error)
{
    ext_tune_rows *rows = &tuning->rows;
    const ext_home *home = &rows->home;
    char process[EXT_ALIVE_PLACE];
    int64_t n = 0;
    if (rows->tune == 0) {
        if (ext_query_integer(home, &n, error,
                              "SELECT coalesce(max(tune), 0) + 1 FROM @trial",
                              "") != SQLITE_OK)
            return error->rc;
        rows->tune = n;
    } else {
        if (ext_query_integer(home, &n, error,
                              "SELECT count(*) FROM @trial WHERE tune = ?1 AND "
                              "trial = 0 AND rung = 0 AND options = ?2",
                              "is", rows->tune, tuning->request.row) != SQLITE_OK)
            return error->rc;
        if (n == 0)
            return ext_error_set(error, SQLITE_BUSY,
                                 "another call goes on with this tuning, or its rows are "
                                 "gone; wait for its end, or tune without resume");
    }
    ext_alive_place(process, &rows->alive);
    return ext_query_run(
        home, error,
        "REPLACE INTO @trial(tune, trial, rung, epochs, options, status) "
        "VALUES (?1, 0, 0, ?2, json_set(?3, '$.fingerprint', ?4, '$.process', ?5, "
        "'$.run', ?6), 'tuning')",
        "iissss", rows->tune, tuning->request.train.options.n_epochs,
        tuning->request.settings, tuning->data.fingerprint, process, rows->alive.run);
}

/*
 * Writes the results in memory that m_trial does not have, with the options of their
 * trials. Stops at the first one that fails. Does not set n_written, because the
 * savepoint may still be undone.
 */
static int write_rows(ext_tuning *tuning, ext_error *error)
{
    const ext_tune_rows *rows = &tuning->rows;
    int rc = SQLITE_OK;
    for (size_t i = rows->n_written; rc == SQLITE_OK && i < rows->told.n; i++) {
        const ext_tune_row *row = &rows->told.rows[i];
        char *options = ext_tune_rows_options(tuning, row->trial.trial);
        if (options == NULL)
            return ext_error_nomem(error);
        rc = ext_query_run(&rows->home, error,
                           "REPLACE INTO @trial(tune, trial, rung, epochs, objective, "
                           "recall, mrr, seconds, options, status) "
                           "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                           "iiiiddddss", rows->tune, row->trial.trial, row->trial.rung,
                           row->trial.epochs, row->objective, row->recall, row->mrr,
                           row->seconds, options, row->status);
        sqlite3_free(options);
    }
    return rc;
}

/*
 * Writes into the tuning's row its status and the seconds since the search began. If
 * status is "finished", also writes the objective and the number of the best trial;
 * otherwise the objective is NULL.
 */
static int write_status(const ext_tuning *tuning, const char *status, ext_error *error)
{
    const bool is_finished = strcmp(status, "finished") == 0;
    return ext_query_run(&tuning->rows.home, error,
                         "UPDATE @trial SET status = ?1, objective = ?2, seconds = ?3, "
                         "options = iif(?5, json_set(options, '$.best', ?5), options) "
                         "WHERE tune = ?4 AND trial = 0 AND rung = 0",
                         "sddii", status, is_finished ? tuning->objective : (double)NAN,
                         ext_poll_seconds() - tuning->start, tuning->rows.tune,
                         is_finished ? tuning->chosen.trial : (int64_t)0);
}

/*
 * Takes the write lock, and writes the endings of runs that are pending
 * (ext_pending_lock()). Finds the model by its id, and puts its present name into
 * rows->home. Then writes: makes m_trial if it is missing, claims the tuning's row if
 * this call does not own it yet, and writes the results, and the status unless it is
 * NULL. SQLITE_ERROR: the model was dropped; sets is_dropped.
 */
static int write_all(ext_tuning *tuning, ext_savepoint *savepoint, const char *status,
                     ext_error *error)
{
    ext_tune_rows *rows = &tuning->rows;
    bool is_found;
    if (ext_pending_lock(savepoint, &rows->home, error) != SQLITE_OK ||
        ext_identity_follow(&rows->home, rows->id, &is_found, error) != SQLITE_OK)
        return error->rc;
    if (!is_found) {
        rows->is_dropped = true;
        return ext_error_set(error, SQLITE_ERROR,
                             "model '%s' was dropped while it was tuned, so nothing is "
                             "stored; create the model again",
                             rows->home.name);
    }
    int rc = ext_shadow_make_later(&rows->home, "trial", error);
    if (rc == SQLITE_OK && !rows->is_claimed)
        rc = claim(tuning, error);
    if (rc == SQLITE_OK)
        rc = write_rows(tuning, error);
    return rc == SQLITE_OK && status != NULL ? write_status(tuning, status, error) : rc;
}

/*
 * Does write_all() in a savepoint of its own. After success the results count as written
 * (n_written), and the tuning as claimed (is_claimed). After a failure m_trial and
 * rows->tune are as before.
 */
static int write_as_one(ext_tuning *tuning, const char *status, ext_error *error)
{
    ext_tune_rows *rows = &tuning->rows;
    const int64_t before = rows->tune;
    ext_savepoint savepoint;
    if (ext_savepoint_start(&savepoint, rows->home.db, error) != SQLITE_OK)
        return error->rc;
    int rc = write_all(tuning, &savepoint, status, error);
    rc = ext_savepoint_end(&savepoint, rc, error);
    if (rc != SQLITE_OK) {
        rows->tune = before;
        return rc;
    }
    rows->is_claimed = true;
    rows->n_written = rows->told.n;
    return rc;
}

/*
 * Tells whether the error is that another connection holds a lock now, so that a later
 * write can succeed. Our own SQLITE_BUSY (another call has taken the tuning) is not.
 */
static bool is_in_the_way(const ext_error *error)
{
    return (ext_error_is(error, SQLITE_BUSY) && error->is_sqlite) ||
           ext_error_is(error, SQLITE_LOCKED);
}

/* Tells whether the tuning's row or a result must still be written. */
static bool is_behind(const ext_tune_rows *rows)
{
    return !rows->is_claimed || rows->n_written < rows->told.n;
}

int ext_tune_rows_tell(ext_tuning *tuning, ext_error *error)
{
    ext_tune_rows *rows = &tuning->rows;
    sqlite3 *db = rows->home.db;
    const double start = ext_poll_seconds();
    ext_error problem = {0};
    if (!rows->is_writer || !is_behind(rows) || start < rows->quiet_until)
        return SQLITE_OK;
    const int timeout = ext_sql_shorten_timeout(db, 0);
    const int rc = write_as_one(tuning, NULL, &problem);
    ext_sql_restore_timeout(db, timeout, 0);
    if (rc != SQLITE_OK)
        rows->quiet_until = ext_poll_seconds() + 10 * (ext_poll_seconds() - start);
    if (rc != SQLITE_OK && !is_in_the_way(&problem))
        return ext_error_wrap(error, &problem, "", "");
    ext_error_clear(&problem);
    return SQLITE_OK;
}

/*
 * Returns how many seconds to wait for locks at most: those of option commit_wait; if it
 * is 0, as long as the search took, but at least 60.
 */
static double wait_at_most(const ext_tuning *tuning)
{
    const double given = (double)tuning->request.train.options.commit_wait;
    const double took = ext_poll_seconds() - tuning->start;
    return given > 0 ? given : took > 60 ? took : 60;
}

int ext_tune_rows_end(ext_tuning *tuning, const char *status, ext_error *error)
{
    const double since = ext_poll_seconds(), most = wait_at_most(tuning);
    if (!tuning->rows.is_writer)
        return SQLITE_OK;
    const bool may_wait =
        strcmp(status, "finished") == 0 || strcmp(status, "tuning") == 0;
    const int64_t ms = may_wait ? (int64_t)(1000 * most) : 0;
    const int timeout = ext_sql_shorten_timeout(tuning->rows.home.db, ms);
    while (write_as_one(tuning, status, error) != SQLITE_OK) {
        if (!may_wait || !is_in_the_way(error) || ext_poll_seconds() - since > most ||
            ext_poll_check(&tuning->poll))
            break;
        sqlite3_sleep(20);
        ext_error_clear(error);
    }
    ext_sql_restore_timeout(tuning->rows.home.db, timeout, ms);
    return error->rc;
}

/*
 * ext_version.c - publishes the versions that runs make, and knows which one is active.
 *
 * The contracts are in ext_store.h. When a run ends, it writes its items, its tensors,
 * status 'ready' and the number of the active version in one savepoint. Versions are
 * numbered in the order of these commits: if another run commits first, the later one
 * takes a new number.
 */
#include "ext_store.h"

#include <string.h>

/* ---- reading ---- */

int ext_version_newest(int64_t *version, const ext_home *home, ext_error *error)
{
    return ext_query_integer(home, version, error,
                             "SELECT max(version) FROM @version "
                             "WHERE status IN ('ready', 'prepared')",
                             "");
}

int ext_version_fail_untrained(const ext_home *home, ext_error *error)
{
    int64_t newest;
    if (ext_version_newest(&newest, home, error) != SQLITE_OK)
        return error->rc;
    char *name = ext_schema_reference(home);
    char *quoted = name != NULL ? sqlite3_mprintf("%Q", name) : NULL;
    sqlite3_free(name);
    if (quoted == NULL)
        return ext_error_nomem(error);
    if (newest != 0)
        ext_error_set(error, SQLITE_ERROR,
                      "model '%s' has no active version; to let version %lld serve, run "
                      "SELECT gru4rec_deploy(%s, %lld)",
                      home->name, (long long)newest, quoted, (long long)newest);
    else
        ext_error_set(error, SQLITE_ERROR,
                      "model '%s' is not trained; run SELECT gru4rec_train(%s)",
                      home->name, quoted);
    sqlite3_free(quoted);
    return error->rc;
}

int ext_version_fail_run(const ext_home *home, ext_error *error)
{
    return ext_error_set(error, SQLITE_CORRUPT_VTAB,
                         "model '%s' is damaged: a version's run is not 32 hex digits; "
                         "restore the database from a backup or train again",
                         home->name);
}

int ext_version_find(ext_version *version, const ext_home *home, ext_error *error)
{
    return ext_choice_look(version, &(ext_choice){.kind = EXT_CHOICE_ACTIVE}, home,
                           error);
}

int ext_version_options(gru4rec_options *options, const ext_home *home, int64_t version,
                        ext_error *error)
{
    sqlite3_stmt *stmt;
    ext_error cause = {0};
    gru4rec_options_init_stored(options);
    int rc = ext_query(home, &stmt, error,
                       "SELECT options, json_type(CAST(options AS TEXT)) = 'object' "
                       "FROM @version WHERE version = ?1",
                       "i", version);
    if (rc != SQLITE_OK)
        return rc;
    /*
     * json_type() gives SQLITE_ERROR for a text that is no JSON. json_valid() is not
     * asked, because it also says no if it has no memory to look.
     */
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_DONE)
        rc = ext_error_set(error, SQLITE_ERROR,
                           "model '%s' has no version %lld; "
                           "see the model's table m_version",
                           home->name, (long long)version);
    else if (rc == SQLITE_ROW && sqlite3_column_type(stmt, 0) == SQLITE_NULL)
        rc = ext_error_set(error, SQLITE_CORRUPT_VTAB,
                           "model '%s' is damaged: version %lld has no options; restore "
                           "the database from a backup or train again",
                           home->name, (long long)version);
    else if (rc == SQLITE_ROW && sqlite3_column_text(stmt, 0) == NULL)
        rc = ext_error_nomem(error);
    else if ((rc & 0xff) == SQLITE_ERROR ||
             (rc == SQLITE_ROW && !sqlite3_column_int(stmt, 1)))
        rc = ext_error_set(
            error, SQLITE_CORRUPT_VTAB,
            "model '%s' is damaged: the options of version %lld are not a "
            "JSON object; restore the database from a backup or train again",
            home->name, (long long)version);
    else if (rc == SQLITE_ROW) {
        ext_options_parse(home->db, (const char *)sqlite3_column_text(stmt, 0),
                          GRU4REC_SCOPE_TRAIN, options, NULL, &cause);
        rc = ext_config_check_stored(error, &cause,
                                     "version %lld of model '%s' has options",
                                     (long long)version, home->name);
    }
    rc = ext_sql_finish(stmt, rc, "reading the model", error);
    return rc == SQLITE_OK ? ext_options_resolve(options, error) : rc;
}

int ext_version_updates(int64_t *updates, const ext_home *home, int64_t version,
                        ext_error *error)
{
    int rc = ext_query_integer(home, updates, error,
                               "SELECT max(updates) FROM @epoch WHERE version = ?1", "i",
                               version);
    if (rc != SQLITE_OK || ext_run_is_count(*updates))
        return rc;
    return ext_error_set(
        error, SQLITE_CORRUPT_VTAB,
        "model '%s' is damaged: version %lld has an impossible number of updates, %lld; "
        "restore the database from a backup or train without warm_start",
        home->name, (long long)version, (long long)*updates);
}

/* ---- publishing ---- */

int ext_version_activate(const ext_home *home, int64_t version, ext_error *error)
{
    int rc = ext_query_run(home, error,
                           "REPLACE INTO @config(key, value) "
                           "SELECT 'previous', value FROM @config "
                           "WHERE key = 'version' AND value <> ?1",
                           "i", version);
    return rc == SQLITE_OK
               ? ext_query_run(home, error,
                               "REPLACE INTO @config(key, value) VALUES ('version', ?1)",
                               "i", version)
               : rc;
}

/* Returns the bytes that the longest row of m_item would have, at most. */
static size_t longest_item(const gru4rec_items *items)
{
    size_t longest = 0;
    for (int32_t row = 0; row < gru4rec_items_count(items); row++) {
        gru4rec_id id;
        gru4rec_items_get(items, row, &id);
        longest = id.n_bytes > longest ? id.n_bytes : longest;
    }
    /* 64 bytes are enough for the other columns, and for SQLite's header of the row. */
    return longest + 64;
}

/*
 * Returns the bytes that the run's row in m_version would have, at most. The summary is
 * not made yet: it has the name of the model as JSON (up to 6 bytes for each byte of it),
 * numbers and warnings; 3500 bytes are counted for these.
 */
static size_t run_row(const ext_run *run, const ext_home *home)
{
    return strlen(run->options) + (run->source != NULL ? strlen(run->source) : 0) +
           6 * strlen(home->name) + 3500;
}

int ext_version_check_limit(const ext_home *home, const ext_run *run,
                            const gru4rec_model *model, const gru4rec_items *items,
                            const gru4rec_dataset *sessions, ext_error *error)
{
    const size_t limit = (size_t)sqlite3_limit(home->db, SQLITE_LIMIT_LENGTH, -1);
    const size_t rows[] = {ext_tensor_row_bytes(model), longest_item(items),
                           ext_blend_row_bytes(sessions), run_row(run, home)};
    size_t needed = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        needed = rows[i] > needed ? rows[i] : needed;
    if (needed <= limit)
        return SQLITE_OK;
    return ext_error_set(
        error, SQLITE_TOOBIG,
        "the model has rows of up to %lld bytes, "
        "but SQLite's limit of lengths is %lld bytes here; "
        "raise the limit (SQLITE_LIMIT_LENGTH, .limit length), or use smaller layers",
        (long long)needed, (long long)limit);
}

int ext_version_check_next(const ext_home *home, ext_error *error)
{
    int64_t last;
    int rc =
        ext_query_integer(home, &last, error, "SELECT max(version) FROM @version", "");
    return rc != SQLITE_OK || last < INT64_MAX ? rc : ext_run_fail_number(home, error);
}

/*
 * Changes the number of the run's row from old to run->written.version, and deletes the
 * epochs and tensors that the run has written under its old number.
 */
static int renumber(const ext_run *run, int64_t old, const ext_home *home,
                    ext_error *error)
{
    static const char *const changes[] = {
        "UPDATE @version SET version = ?1 WHERE version = ?2",
        "DELETE FROM @epoch WHERE version = ?2",
        "DELETE FROM @tensor WHERE version = ?2",
    };
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof changes / sizeof *changes; i++)
        rc = ext_query_run(home, error, changes[i], "ii", run->written.version, old);
    return rc;
}

/*
 * Sets run->written.version to the number of the new version.
 * - The number of the run's row, if that is higher than all versions with status 'ready'
 *   or 'retired'.
 * - 0, if the run has no row, or somebody deleted the row: the run gets a number with its
 *   new row (ext_run_write()).
 * - Otherwise another run has committed since: the number after the highest one. The
 *   run's row gets that number too (renumber()).
 * In the last two cases run->written.n_epochs becomes 0, so that the caller writes all
 * epochs again. SQLITE_ERROR: there is no higher number.
 */
static int number_run(ext_run *run, const ext_home *home, ext_error *error)
{
    sqlite3_stmt *stmt;
    int64_t own = 0, last_ready = 0, last = 0;
    int rc = ext_query(home, &stmt, error,
                       "SELECT max(iif("
                       "run = ?1 AND status NOT IN ('ready', 'retired'), version, 0)), "
                       "max(iif(status IN ('ready', 'retired'), version, 0)), "
                       "max(version) FROM @version",
                       "s", run->alive.run);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        own = sqlite3_column_int64(stmt, 0);
        last_ready = sqlite3_column_int64(stmt, 1);
        last = sqlite3_column_int64(stmt, 2);
    }
    rc = ext_sql_finish(stmt, rc, "reading the model", error);
    if (rc != SQLITE_OK)
        return rc;
    run->written.version = own;
    if (own > last_ready)
        return SQLITE_OK;
    run->written.n_epochs = 0;
    if (own == 0)
        return SQLITE_OK;
    if (last == INT64_MAX)
        return ext_run_fail_number(home, error);
    run->written.version = last + 1;
    return renumber(run, own, home, error);
}

/* The status of the version's row when it is written. */
static const char *status_of(const ext_outcome *outcome)
{
    return outcome->is_prepared ? "prepared" : "ready";
}

/* Tells whether the version becomes the active one when it is written. */
static bool is_active(const ext_outcome *outcome)
{
    return !outcome->is_candidate && !outcome->is_prepared;
}

/*
 * Writes the end into the run's row: its status, no message, the present time as that of
 * the end, the run's options, and its summary. Before that, puts into the summary the
 * number of the version, whether the version is active, the storage format,
 * and the name that the model has now. Replaces run->summary by the summary that was
 * written; after a failure run->summary stays. SQLITE_AUTH: the row was not written.
 */
static int finish_row(ext_run *run, const ext_home *home, const ext_outcome *outcome,
                      ext_error *error)
{
    sqlite3_stmt *stmt;
    char *summary = NULL;
    int rc =
        ext_query(home, &stmt, error,
                  "UPDATE @version SET status = ?6, message = NULL, "
                  "finished = strftime('%Y-%m-%d %H:%M:%S', 'now'), "
                  "summary = json_set(json_replace(?1, '$.model', ?4), "
                  "'$.version', version, '$.active', json(?5), "
                  "'$.format', (SELECT CAST(value AS INTEGER) FROM @config "
                  "WHERE key = 'format')), options = ?3 "
                  "WHERE version = ?2 RETURNING summary",
                  "sissss", run->summary, run->written.version, run->options, home->name,
                  is_active(outcome) ? "true" : "false", status_of(outcome));
    if (rc != SQLITE_OK)
        return rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        sqlite3_free(summary);
        summary = ext_sql_text(stmt, 0);
    }
    if (rc == SQLITE_DONE && summary == NULL)
        rc = ext_sql_fail_null(stmt, error);
    rc = ext_sql_finish(stmt, rc, "writing the model", error);
    if (rc == SQLITE_OK) {
        sqlite3_free(run->summary);
        run->summary = summary;
    } else {
        sqlite3_free(summary);
    }
    return rc;
}

/*
 * Sets the error that the model's tables do not hold what was written, because of an
 * authorizer or a trigger: returns SQLITE_AUTH.
 */
static int fail_written(ext_error *error)
{
    return ext_error_set(error, SQLITE_AUTH,
                         "the model was not written correctly; "
                         "check whether an authorizer of the host ignores statements, "
                         "or a trigger changes the tables of the model");
}

static gru4rec_id id_of_text(const char *text)
{
    return (gru4rec_id){GRU4REC_ID_TEXT, .bytes = text, .n_bytes = strlen(text)};
}

/*
 * Computes the checksum of the version into *sum, and writes it into m_config. For that
 * the items are read back from m_item, because a database in UTF-16 cannot store every
 * text unchanged. If items are missing or wrong there (ext_item_sum()), an authorizer or
 * a trigger is the cause, so the error is SQLITE_AUTH (fail_written()), and not that the
 * model is damaged.
 */
static int write_sum(int64_t *sum, const ext_run *run, const ext_home *home,
                     const ext_outcome *outcome, ext_error *error)
{
    const gru4rec_id name = id_of_text(run->alive.run);
    const gru4rec_id options = id_of_text(run->options);
    uint64_t items;
    int rc = ext_item_sum(&items, home, run->written.version,
                          gru4rec_items_count(outcome->items), error);
    if (ext_error_is(error, SQLITE_CORRUPT) && !error->is_sqlite) {
        ext_error_clear(error);
        return fail_written(error);
    }
    *sum = ext_sum_version(items, run->written.version, &name, &options);
    return rc == SQLITE_OK ? ext_sum_write(home, run->alive.run, *sum, error) : rc;
}

/*
 * Checks the version after older versions were retired: its row has its status and the
 * run's options, m_config has its checksum sum, the numbers of its items, its tensors and
 * its rows in m_blend are right, and active is the active version. If not, the error is
 * SQLITE_AUTH: an authorizer that answers SQLITE_IGNORE, or a trigger, must have changed
 * what was written or deleted. The values of items and tensors are not read again.
 */
static int check_written(const ext_run *run, const ext_home *home,
                         const ext_outcome *outcome, int64_t sum, int64_t active,
                         ext_error *error)
{
    int64_t is_whole;
    int rc = ext_query_integer(
        home, &is_whole, error,
        "SELECT coalesce((SELECT value FROM @config WHERE key = 'version'), 0) = ?7 AND "
        "(SELECT value FROM @config WHERE key = 'checksum:' || ?2) = ?3 AND "
        "EXISTS (SELECT 1 FROM @version WHERE version = ?1 AND run = ?2 AND "
        "status = ?8 AND summary ->> '$.version' = ?1 AND options = ?4) AND "
        "(SELECT count(*) FROM @item WHERE version = ?1) = ?5 AND "
        "(SELECT count(DISTINCT name) FROM @tensor WHERE version = ?1) >= ?6",
        "isisiiis", run->written.version, run->alive.run, sum, run->options,
        (int64_t)gru4rec_items_count(outcome->items),
        (int64_t)gru4rec_model_tensor_count(outcome->training->model), active,
        status_of(outcome));
    bool is_saved = false;
    if (rc == SQLITE_OK && is_whole)
        rc = ext_blend_is_saved(&is_saved, outcome->sessions, home, run->written.version,
                                error);
    return rc != SQLITE_OK || is_saved ? rc : fail_written(error);
}

/*
 * Retires and deletes what is no longer kept (ext_forget_old()), and checks that it is
 * deleted. If it is not, an authorizer or a trigger is the cause: the error is
 * SQLITE_AUTH, and not that the model is damaged.
 */
static int forget_old(const ext_home *home, const ext_keep *keep, ext_error *error)
{
    bool is_done;
    int64_t retired;
    if (ext_forget_old(home, keep, &is_done, error) != SQLITE_OK ||
        ext_blend_find_retired(&retired, home, error) != SQLITE_OK)
        return error->rc;
    if (!is_done || retired != 0)
        return fail_written(error);
    if (ext_forget_check(home, error) == SQLITE_OK ||
        !ext_error_is(error, SQLITE_CORRUPT) || error->is_sqlite)
        return error->rc;
    ext_error_clear(error);
    return fail_written(error);
}

/*
 * Makes the version the active one if is_active is true. Sets *active to the version that
 * is active afterwards; 0: there is none.
 */
static int activate(int64_t *active, int64_t version, const ext_home *home,
                    bool is_active, ext_error *error)
{
    *active = version;
    return is_active
               ? ext_version_activate(home, version, error)
               : ext_query_integer(home, active, error,
                                   "SELECT value FROM @config WHERE key = 'version'", "");
}

int ext_version_publish(ext_run *run, const ext_home *home, const ext_outcome *outcome,
                        ext_error *error)
{
    int64_t sum = 0, active = 0;
    if (ext_version_check_limit(home, run, outcome->training->model, outcome->items,
                                outcome->sessions, error) != SQLITE_OK ||
        number_run(run, home, error) != SQLITE_OK ||
        ext_run_write(run, home, error) != SQLITE_OK ||
        ext_item_save(outcome->items, home, run->written.version, outcome->ranks,
                      error) != SQLITE_OK ||
        ext_tensor_save(outcome->training, outcome->n_slots, home, run->written.version,
                        outcome->ranks, error) != SQLITE_OK ||
        ext_blend_save(outcome->sessions, home, run->written.version, error) !=
            SQLITE_OK ||
        finish_row(run, home, outcome, error) != SQLITE_OK ||
        activate(&active, run->written.version, home, is_active(outcome), error) !=
            SQLITE_OK ||
        write_sum(&sum, run, home, outcome, error) != SQLITE_OK ||
        (!outcome->is_prepared && forget_old(home, &outcome->keep, error) != SQLITE_OK))
        return error->rc;
    return check_written(run, home, outcome, sum, active, error);
}

/* ---- versions of several processes ---- */

int ext_version_is_prepared(bool *is_prepared, const ext_home *home, int64_t version,
                            ext_error *error)
{
    int64_t n;
    int rc = ext_query_integer(home, &n, error,
                               "SELECT count(*) FROM @version WHERE version = ?1 AND "
                               "status = 'prepared'",
                               "i", version);
    *is_prepared = rc == SQLITE_OK && n > 0;
    return rc;
}

int ext_version_finish(char **summary, const ext_home *home, int64_t version,
                       bool is_active, const ext_keep *keep, ext_error *error)
{
    sqlite3_stmt *stmt;
    int64_t active = 0, is_whole = 0;
    *summary = NULL;
    int rc = ext_query(home, &stmt, error,
                       "UPDATE @version SET status = 'ready', "
                       "finished = strftime('%Y-%m-%d %H:%M:%S', 'now'), "
                       "summary = json_set(summary, '$.active', json(?2)) "
                       "WHERE version = ?1 AND status = 'prepared' RETURNING summary",
                       "is", version, is_active ? "true" : "false");
    if (rc != SQLITE_OK)
        return rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        sqlite3_free(*summary);
        *summary = ext_sql_text(stmt, 0);
    }
    if (rc == SQLITE_DONE && *summary == NULL)
        rc = ext_error_set(error, SQLITE_ERROR,
                           "version %lld of '%s' is not prepared any more; see "
                           "gru4rec_status()",
                           (long long)version, home->name);
    if (ext_sql_finish(stmt, rc, "writing the model", error) != SQLITE_OK ||
        activate(&active, version, home, is_active, error) != SQLITE_OK ||
        forget_old(home, keep, error) != SQLITE_OK ||
        ext_query_integer(
            home, &is_whole, error,
            "SELECT coalesce((SELECT value FROM @config WHERE key = 'version'), 0) = ?2 "
            "AND EXISTS (SELECT 1 FROM @version WHERE version = ?1 AND status = 'ready')",
            "ii", version, active) != SQLITE_OK)
        return error->rc;
    return is_whole ? SQLITE_OK : fail_written(error);
}

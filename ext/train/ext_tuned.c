/*
 * ext_tuned.c - option tuned: reads the best options of the last finished tuning from
 * m_trial; see ext_train.h and ext_tune_rows.c.
 */
#include "ext_train.h"

/* Sets the error that the model has no finished tuning: returns SQLITE_ERROR. */
static int fail_none(const ext_train_request *request, ext_error *error)
{
    return ext_error_set(error, SQLITE_ERROR,
                         "tuned=true needs a finished tuning of '%s'; "
                         "run SELECT gru4rec_tune('%s') first, or leave tuned out",
                         request->home.name, request->home.name);
}

/*
 * Sets *options to a copy of the options (JSON) of the best trial in the current row of
 * stmt (find_best()). SQLITE_CORRUPT_VTAB: they are not a JSON object, or the trial is
 * missing.
 */
static int take_best(char **options, sqlite3_stmt *stmt, const ext_home *home,
                     ext_error *error)
{
    if (!sqlite3_column_int(stmt, 1))
        return ext_error_set(error, SQLITE_CORRUPT_VTAB,
                             "model '%s' is damaged: tuning %lld has no best trial with "
                             "options that are a JSON object; restore the database from "
                             "a backup or tune again",
                             home->name, (long long)sqlite3_column_int64(stmt, 0));
    *options = ext_sql_text(stmt, 2);
    return *options != NULL ? SQLITE_OK : ext_error_nomem(error);
}

/*
 * Sets *options to the options of the best trial of the last finished tuning, as JSON of
 * sqlite3_malloc; *options is NULL after a failure. SQLITE_ERROR: the model does not
 * exist, or has no finished tuning. SQLITE_CORRUPT_VTAB: as for take_best().
 */
static int find_best(char **options, const ext_train_request *request, ext_error *error)
{
    sqlite3_stmt *stmt;
    bool has = false;
    *options = NULL;
    int rc = request->is_found ? ext_shadow_has(&request->home, "trial", &has, error)
                               : SQLITE_OK;
    if (rc == SQLITE_OK && !has)
        return fail_none(request, error);
    if (rc == SQLITE_OK)
        rc = ext_query(
            &request->home, &stmt, error,
            "SELECT tune.tune, iif(json_valid(best.options), json_type(best.options), '')"
            " = 'object', best.options FROM @trial AS tune LEFT JOIN @trial AS best "
            "ON best.tune = tune.tune AND best.trial > 0 AND best.status = 'done' AND "
            "best.trial = iif(json_valid(tune.options), tune.options, '{}') ->> '$.best' "
            "WHERE tune.trial = 0 AND tune.rung = 0 AND tune.status = 'finished' "
            "ORDER BY tune.tune DESC, best.rung DESC LIMIT 1",
            "");
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        rc = take_best(options, stmt, &request->home, error);
    else if (rc == SQLITE_DONE)
        rc = fail_none(request, error);
    return ext_sql_finish(stmt, rc, "reading the tuning", error);
}

/*
 * Sets the options of the best trial (JSON) in changes->options; an option that is null
 * there gets its default (changes->defaults). SQLITE_ERROR: this build does not know an
 * option or a value of it.
 */
static int parse_best(const ext_train_request *request, const char *options,
                      ext_changes *changes, ext_error *error)
{
    ext_error cause = {0};
    ext_options_parse_changes(request->home.db, options, changes, &cause);
    return ext_config_check_stored(error, &cause, "the tuning of '%s' has options",
                                   request->home.name);
}

int ext_tuned_apply(ext_train_request *request, ext_error *error)
{
    char *options;
    gru4rec_options defaults;
    ext_changes changes = {.options = &request->options,
                           .defaults = &defaults,
                           .kept = &request->config.columns};
    int rc = find_best(&options, request, error);
    if (rc == SQLITE_OK)
        rc = ext_config_defaults(&request->config, &request->home, &defaults, error);
    if (rc == SQLITE_OK)
        rc = parse_best(request, options, &changes, error);
    ext_options_free_columns(&changes.columns);
    sqlite3_free(changes.source);
    sqlite3_free(options);
    return rc;
}

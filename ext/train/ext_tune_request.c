/*
 * ext_tune_request.c - reads the arguments of gru4rec_tune(); see ext_tune.h.
 *
 * The base, which all trials share, has the model's options, and over these the options
 * that the call gives. With resume, the given options are those of the tuning that
 * stopped, which its row in m_trial has; the call itself may give only options that do
 * not change the result (harmless[]).
 */
#include "ext_tune.h"

#include <string.h>

/* The options that gru4rec_tune() knows: those of training and those of a tuning. */
static const gru4rec_option_scope scope =
    (gru4rec_option_scope)(GRU4REC_SCOPE_TRAIN | GRU4REC_SCOPE_TUNE);

/* ---- which options a tuning takes ---- */

/* Names of the options of training that mean nothing for a tuning, and are refused. */
static const char *const useless[] = {
    "warm_start",   "support_decay",     "tuned",         "patience",
    "activate",     "checkpoint_epochs", "keep_versions", "keep_candidates",
    "keep_history", "keep_optimizer",    "quantize",
};

/* Names of the options that say how ranks work together: only with ranks=all. */
static const char *const of_ranks[] = {"shard", "replicate"};

/*
 * Names of the options that do not change which trials are proposed, nor their results.
 * A call with resume may give these, and no other option. minutes only says when no more
 * trials begin.
 */
static const char *const harmless[] = {
    "minutes",     "resume", "threads", "verbose",   "memory_limit",
    "commit_wait", "ranks",  "shard",   "replicate",
};

/* Tells whether name is one of the n names. */
static bool is_one_of(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

#define IS_ONE_OF(name, names) is_one_of(name, names, sizeof(names) / sizeof *(names))

/*
 * Checks the options that the call gave. has_space: it gave the option space with ranges.
 * SQLITE_ERROR: one of them means nothing for a tuning, or not without ranks=all; or the
 * call says resume, and also gives a space or an option that is not in harmless[].
 */
static int check_given(const gru4rec_options *given, bool has_space, ext_error *error)
{
    gru4rec_option_info info;
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_describe(i, &info);
        if (!gru4rec_option_is_set(given, i))
            continue;
        if (IS_ONE_OF(info.name, useless))
            return ext_error_set(error, SQLITE_ERROR,
                                 "%s means nothing for a tuning, whose trials are not "
                                 "kept; give it to gru4rec_train() afterwards",
                                 info.name);
        if (given->ranks == 0 && IS_ONE_OF(info.name, of_ranks))
            return ext_error_set(
                error, SQLITE_ERROR,
                "%s says how several ranks tune together; give ranks=all "
                "too, or leave it out",
                info.name);
        if (given->resume && !IS_ONE_OF(info.name, harmless))
            return ext_error_set(error, SQLITE_ERROR,
                                 "resume goes on with the options of the tuning that "
                                 "stopped; leave out %s, or tune without resume",
                                 info.name);
    }
    return given->resume && has_space
               ? ext_error_set(error, SQLITE_ERROR,
                               "resume goes on with the options of the tuning that "
                               "stopped; leave out space, or tune without resume")
               : SQLITE_OK;
}

/* ---- the space ---- */

/*
 * Adds a range of an option to the space. object: its JSON, {"log":[0.01,0.3]} or
 * {"linear":[0,1],"step":0.1}; step may be left out. SQLITE_ERROR: the object is no such
 * range, or the library refuses it for this option.
 */
static int read_range(ext_tune_request *request, const char *option, const char *object,
                      ext_error *error)
{
    gru4rec_error message = {0};
    sqlite3_stmt *stmt;
    int rc = ext_query(
        &request->train.home, &stmt, error,
        "WITH o(j) AS (VALUES (json(?1))), r(k) AS (SELECT iif(json_type(j, '$.log') "
        "IS NULL, 'linear', 'log') FROM o) "
        "SELECT k = 'log', json_extract(j, '$.' || k || '[0]'), "
        "json_extract(j, '$.' || k || '[1]'), coalesce(json_extract(j, '$.step'), 0), "
        "coalesce(json_array_length(j, '$.' || k) = 2 AND "
        "json_type(j, '$.' || k || '[0]') IN ('integer', 'real') AND "
        "json_type(j, '$.' || k || '[1]') IN ('integer', 'real') AND "
        "coalesce(json_type(j, '$.step'), 'real') IN ('integer', 'real') AND "
        "(SELECT count(*) FROM json_each(j)) = 1 + (json_type(j, '$.step') IS NOT NULL), "
        "0) FROM o, r",
        "s", object);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW && !sqlite3_column_int(stmt, 4))
        rc = ext_error_set(error, SQLITE_ERROR,
                           "the space gives %s as %s; write {\"log\":[0.01,0.3]}, "
                           "{\"linear\":[0,0.5]} or {\"linear\":[0,0.5],\"step\":0.1}",
                           ext_show_text(&(ext_show){""}, option),
                           ext_show_text(&(ext_show){""}, object));
    else if (rc == SQLITE_ROW)
        rc = ext_error_library(error,
                               gru4rec_space_range(&request->space, option,
                                                   sqlite3_column_int(stmt, 0)
                                                       ? GRU4REC_SCALE_LOG
                                                       : GRU4REC_SCALE_LINEAR,
                                                   sqlite3_column_double(stmt, 1),
                                                   sqlite3_column_double(stmt, 2),
                                                   sqlite3_column_double(stmt, 3),
                                                   &message),
                               &message);
    return ext_sql_finish(stmt, rc == SQLITE_OK ? SQLITE_DONE : rc, NULL, error);
}

/*
 * SQL that lists the members of the option space, the JSON object ?1. Columns: the name
 * of the member (an option), its JSON type, its JSON, and one value as text. A member
 * that is an array has a row for each element; the value is the element: a REAL as it is
 * written, an array as its elements with slashes between them ("64/32"). Any other member
 * has one row, with the value NULL, and so has an empty array.
 */
static const char space_query[] =
    "SELECT m.key, m.type, m.value, CASE e.type WHEN 'array' THEN "
    "(SELECT group_concat(iif(i.type = 'real', e.value -> i.fullkey, i.atom), '/') "
    "FROM json_each(e.value) AS i) "
    "WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' "
    "WHEN 'real' THEN m.value -> e.fullkey ELSE e.atom END "
    "FROM json_each(?1) AS m LEFT JOIN "
    "json_each(iif(m.type = 'array', m.value, '[]')) AS e";

/*
 * Adds what the current row of space_query gives to request->space: a range, if the
 * member is an object; one value, if it is an element of an array. SQLITE_ERROR: the
 * member is something else, an empty array, an array with a null, or the library refuses
 * the range or the value.
 */
static int read_member(ext_tune_request *request, sqlite3_stmt *stmt, ext_error *error)
{
    gru4rec_error message = {0};
    const char *option = (const char *)sqlite3_column_text(stmt, 0);
    const char *type = (const char *)sqlite3_column_text(stmt, 1);
    const char *json = (const char *)sqlite3_column_text(stmt, 2);
    const char *value = (const char *)sqlite3_column_text(stmt, 3);
    if (option == NULL || type == NULL)
        return ext_sql_fail_null(stmt, error);
    if (strcmp(type, "object") == 0)
        return read_range(request, option, json, error);
    if (strcmp(type, "array") != 0 || value == NULL)
        return ext_error_set(error, SQLITE_ERROR,
                             "the space gives %s as %s; write an array of values, as "
                             "[64,256], or a range, as {\"log\":[0.01,0.3]}",
                             ext_show_text(&(ext_show){""}, option),
                             ext_show_text(&(ext_show){""}, json));
    return ext_error_library(
        error, gru4rec_space_choose(&request->space, option, value, &message), &message);
}

/*
 * Checks that the call gives no value of an option that is in the space. SQLITE_ERROR: it
 * does; the message names the first.
 */
static int check_space(const ext_tune_request *request, ext_error *error)
{
    gru4rec_option_info info;
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_describe(i, &info);
        if (gru4rec_option_is_set(&request->given, i) &&
            gru4rec_space_has(&request->space, info.name))
            return ext_error_set(
                error, SQLITE_ERROR,
                "%s is in the space and given too; leave one of them out", info.name);
    }
    return SQLITE_OK;
}

/*
 * Fills request->space: from request->space_text, or if that is NULL, with the default
 * ranges of the options that the call does not give. SQLITE_ERROR: the text is not a JSON
 * object of arrays and ranges, or holds a NUL character; or an option of it cannot be
 * tuned or was given too.
 */
static int read_space(ext_tune_request *request, ext_error *error)
{
    sqlite3_stmt *stmt;
    if (request->space_text == NULL) {
        gru4rec_space_fill(&request->space, &request->base, &request->given);
        return SQLITE_OK;
    }
    if (ext_json_has_nul(request->space_text))
        return ext_error_set(error, SQLITE_ERROR,
                             "the space holds a NUL character; leave it out");
    int rc = ext_query(&request->train.home, &stmt, error, space_query, "s",
                       request->space_text);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = read_member(request, stmt, error);
    if ((rc & 0xff) == SQLITE_ERROR)
        ext_error_set(error, SQLITE_ERROR, "the space is not a JSON object (%s): %s",
                      sqlite3_errmsg(request->train.home.db),
                      ext_show_text(&(ext_show){""}, request->space_text));
    rc = ext_sql_finish(stmt, rc, NULL, error);
    return rc == SQLITE_OK ? check_space(request, error) : rc;
}

/* ---- settings ---- */

/*
 * Returns request->given as a JSON object, without space and the options in harmless[].
 * The caller frees it by sqlite3_free(). NULL: there is not enough memory.
 */
static char *given_json(const ext_tune_request *request)
{
    gru4rec_option_info info;
    sqlite3_str *json = sqlite3_str_new(NULL);
    const char *separator = "{";
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_describe(i, &info);
        if (!gru4rec_option_is_set(&request->given, i) ||
            (IS_ONE_OF(info.name, harmless)) || strcmp(info.name, "space") == 0)
            continue;
        sqlite3_str_appendall(json, separator);
        ext_options_append(json, &request->given, i);
        separator = ",";
    }
    sqlite3_str_appendall(json, *separator == '{' ? "{}" : "}");
    return sqlite3_str_finish(json);
}

/*
 * Returns the base as a JSON object, in which the options in harmless[] have their
 * default values. The caller frees it by sqlite3_free(). NULL: there is not enough
 * memory.
 */
static char *base_json(const ext_tune_request *request)
{
    gru4rec_options base = request->base, defaults;
    gru4rec_options_init(&defaults);
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        gru4rec_options_unset(&base, scope, harmless[i], &defaults, NULL);
    return ext_options_json(&base, true);
}

/*
 * Sets request->settings to a JSON object: the given options, the space (null: the
 * default space) and the base.
 */
static int make_settings(ext_tune_request *request, ext_error *error)
{
    sqlite3_stmt *stmt;
    char *given = given_json(request), *base = base_json(request);
    int rc = given != NULL && base != NULL ? SQLITE_OK : ext_error_nomem(error);
    if (rc == SQLITE_OK)
        rc = ext_query(&request->train.home, &stmt, error,
                       "SELECT json_object('given', json(?1), 'space', json(?2), "
                       "'base', json(?3))",
                       "sss", given, request->space_text, base);
    sqlite3_free(given);
    sqlite3_free(base);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW && (request->settings = ext_sql_text(stmt, 0)) == NULL)
        rc = ext_error_nomem(error);
    return ext_sql_finish(stmt, rc, "reading the options", error);
}

/* ---- resume ---- */

/*
 * Sets the error that there is no tuning to resume: returns SQLITE_ERROR. is_finished:
 * there is one, which has ended.
 */
static int fail_none(const ext_tune_request *request, bool is_finished, ext_error *error)
{
    return ext_error_set(error, SQLITE_ERROR,
                         "no tuning of '%s' to resume%s; tune it without resume",
                         request->train.home.name,
                         is_finished ? ", because the last one is finished" : "");
}

/*
 * Takes the tuning of the current row of stmt (find_stopped()), which is not finished, as
 * the one to resume: sets request->tune and request->resumed. SQLITE_CORRUPT_VTAB: its
 * options are not a JSON object. SQLITE_BUSY: it is under way in a process of this
 * machine.
 */
static int take_stopped(ext_tune_request *request, sqlite3_stmt *stmt, ext_error *error)
{
    const char *name = request->train.home.name;
    const char *status = (const char *)sqlite3_column_text(stmt, 1);
    request->tune = sqlite3_column_int64(stmt, 0);
    if (!sqlite3_column_int(stmt, 2))
        return ext_error_set(
            error, SQLITE_CORRUPT_VTAB,
            "model '%s' is damaged: the options of tuning %lld are not a "
            "JSON object; restore the database from a backup or tune "
            "without resume",
            name, (long long)request->tune);
    if (status != NULL && strcmp(status, "tuning") == 0 &&
        ext_alive_status((const char *)sqlite3_column_text(stmt, 4),
                         (const char *)sqlite3_column_text(stmt, 5)) == NULL)
        return ext_error_set(error, SQLITE_BUSY,
                             "the tuning of '%s' is under way; wait for its end", name);
    request->resumed = ext_sql_text(stmt, 3);
    request->row = ext_sql_text(stmt, 3);
    return request->resumed != NULL && request->row != NULL ? SQLITE_OK
                                                            : ext_error_nomem(error);
}

/*
 * Finds the tuning of the model with the highest number in m_trial, and sets
 * request->tune to its number and request->resumed to its options. SQLITE_ERROR: there is
 * none, or it is finished. SQLITE_CORRUPT_VTAB, SQLITE_BUSY: as for take_stopped(). A
 * tuning of another machine counts as stopped.
 */
static int find_stopped(ext_tune_request *request, ext_error *error)
{
    const ext_home *home = &request->train.home;
    sqlite3_stmt *stmt;
    bool has;
    int rc = ext_shadow_has(home, "trial", &has, error);
    if (rc == SQLITE_OK && !has)
        return fail_none(request, false, error);
    if (rc == SQLITE_OK)
        rc = ext_query(home, &stmt, error,
                       "SELECT tune, status, json_type(o) = 'object', options, "
                       "o ->> '$.process', o ->> '$.run' FROM (SELECT tune, status, "
                       "options, iif(json_valid(options), options, NULL) AS o "
                       "FROM @trial WHERE trial = 0 AND rung = 0 "
                       "ORDER BY tune DESC LIMIT 1)",
                       "");
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    const char *status =
        rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 1) : NULL;
    if (rc == SQLITE_DONE || (status != NULL && strcmp(status, "finished") == 0))
        rc = fail_none(request, rc == SQLITE_ROW, error);
    else if (rc == SQLITE_ROW)
        rc = take_stopped(request, stmt, error);
    return ext_sql_finish(stmt, rc == SQLITE_OK ? SQLITE_DONE : rc, "reading the tuning",
                          error);
}

/*
 * On another rank than rank 0 that writes: finds the newest tuning in the file of this
 * rank. If it is the same as the one to resume (request->resumed), or one that was given
 * the same and had the same events, sets request->tune and request->row to it.
 */
static int find_own(ext_tune_request *request, ext_error *error)
{
    const ext_home *home = &request->train.home;
    const int32_t rank = ext_ranks_number(home->connection->ranks);
    sqlite3_stmt *stmt;
    bool has = false;
    if (rank == 0 || rank != request->writer || request->resumed == NULL ||
        ext_shadow_has(home, "trial", &has, error) != SQLITE_OK || !has)
        return error->rc;
    int rc = ext_query(home, &stmt, error,
                       "SELECT tune, options FROM (SELECT tune, options, "
                       "iif(json_valid(options), options, '{}') AS o FROM @trial "
                       "WHERE trial = 0 AND rung = 0 ORDER BY tune DESC LIMIT 1) "
                       "WHERE json_remove(o, '$.run', '$.process', '$.best') = "
                       "json_remove(?1, '$.run', '$.process')",
                       "s", request->resumed);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        request->tune = sqlite3_column_int64(stmt, 0);
        request->row = ext_sql_text(stmt, 1);
        if (request->row == NULL)
            rc = ext_error_nomem(error);
    }
    return ext_sql_finish(stmt, rc, "reading the tuning", error);
}

/*
 * Finds the tuning to resume in the file of rank 0, and tells the others of it: sets
 * request->resumed. Errors are those of find_stopped().
 */
static int find_resumed(ext_tune_request *request, ext_error *error)
{
    const ext_ranks *ranks = request->train.home.connection->ranks;
    if (ext_ranks_number(ranks) == 0 && find_stopped(request, error) != SQLITE_OK)
        return error->rc;
    return ext_ranks_text(ranks, &request->resumed, error);
}

/*
 * Reads what the stopped tuning was given (in request->resumed): sets these options in
 * request->base and request->given, and copies its space to request->space_text, which
 * stays NULL if it had none. SQLITE_ERROR: this build does not know an option or a value
 * of it.
 */
static int take_settings(ext_tune_request *request, ext_error *error)
{
    const ext_home *home = &request->train.home;
    sqlite3_stmt *stmt;
    int rc = ext_query(home, &stmt, error, "SELECT ?1 -> '$.given', ?1 ->> '$.space'",
                       "s", request->resumed);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        const char *given = (const char *)sqlite3_column_text(stmt, 0);
        const char *space = (const char *)sqlite3_column_text(stmt, 1);
        ext_error cause = {0};
        if (ext_options_parse(home->db, given, scope, &request->base, NULL, &cause) ==
            SQLITE_OK)
            ext_options_parse(home->db, given, scope, &request->given, NULL, &cause);
        rc = ext_config_check_stored(error, &cause, "the tuning of '%s' has options",
                                     home->name);
        if (rc == SQLITE_OK && space != NULL &&
            (request->space_text = sqlite3_mprintf("%s", space)) == NULL)
            rc = ext_error_nomem(error);
    }
    return ext_sql_finish(stmt, rc == SQLITE_OK ? SQLITE_DONE : rc, "reading the tuning",
                          error);
}

/* ---- the request ---- */

/*
 * Reads the options: request->base, which has the model's options, over them those of the
 * tuning to resume, and over these the ones of the call (request->given). With resume,
 * request->given and request->space_text also get what the stopped tuning was given.
 * Otherwise request->space_text is the space of the call. base never has resume,
 * warm_start, tuned or blend=auto.
 * SQLITE_ERROR: as for check_given(), find_stopped() and take_settings(), or an option is
 * not valid.
 */
static int read_options(ext_tune_request *request, ext_error *error)
{
    ext_train_request *train = &request->train;
    int rc = check_given(&request->given, train->columns.space != NULL, error);
    if (rc == SQLITE_OK)
        rc = ext_config_options(&train->config, &train->home, &request->base, error);
    if (rc != SQLITE_OK)
        return rc;
    if (request->given.resume) {
        if (find_resumed(request, error) != SQLITE_OK ||
            take_settings(request, error) != SQLITE_OK)
            return error->rc;
    } else {
        request->space_text = train->columns.space;
        train->columns.space = NULL;
    }
    ext_columns again = {0};
    rc = ext_options_parse(train->home.db, train->given, scope, &request->base, &again,
                           error);
    ext_options_free_columns(&again);
    request->base.resume = request->base.warm_start = request->base.tuned = 0;
    /*
     * blend=auto counts as 0: a tuning chooses the strength itself, if the space has the
     * option blend.
     */
    if (request->base.blend == GRU4REC_BLEND_AUTO)
        request->base.blend = 0;
    return rc;
}

/*
 * Sets validation of the base, the share of the sessions that is held out, to 0.1 if
 * neither the call nor the tuning to resume gives it; the model's own value is not used.
 * Sets request->train.options to the base, resolved. SQLITE_ERROR: validation is 0, or
 * the options contradict each other.
 */
static int resolve(ext_tune_request *request, ext_error *error)
{
    gru4rec_error message = {0};
    if (!ext_options_is_set(&request->given, "validation"))
        gru4rec_options_set(&request->base, GRU4REC_SCOPE_TRAIN, "validation", "0.1",
                            &message);
    if (request->base.validation == 0)
        return ext_error_set(
            error, SQLITE_ERROR,
            "a tuning chooses by held-out sessions; set validation above "
            "0, or leave it out for 0.1");
    request->train.options = request->base;
    return ext_options_resolve(&request->train.options, error);
}

/*
 * Finds the model, and reads its home, configuration and id into request->train.
 * SQLITE_ERROR: the user has an open transaction, or there is no such model.
 * SQLITE_READONLY: the database cannot be written. Other errors are those of
 * ext_schema_get() and ext_config_read().
 */
static int find_model(ext_tune_request *request, ext_connection *connection,
                      sqlite3_value *model, ext_error *error)
{
    ext_train_request *train = &request->train;
    train->call = "gru4rec_tune";
    train->is_found = train->is_whole = true;
    train->is_alone = sqlite3_get_autocommit(connection->db);
    if (!train->is_alone)
        return ext_error_set(error, SQLITE_ERROR,
                             "a tuning inside a transaction would keep the database "
                             "locked, and its trials could be lost; "
                             "tune outside a transaction");
    int rc = ext_schema_get(&train->home, connection->db, connection, model, false, NULL,
                            error);
    if (rc == SQLITE_OK)
        rc = ext_savepoint_check_writable(train->home.db, train->home.schema, "tune",
                                          error);
    if (rc == SQLITE_OK)
        rc = ext_config_read(&train->config, &train->home, error);
    return rc == SQLITE_OK ? ext_identity_read(&train->id, &train->home, error) : rc;
}

/*
 * Tells whether a trial can blend: the base does, or the space has the option blend. Then
 * the sessions to blend with must be read.
 */
static bool can_blend(const ext_tune_request *request)
{
    return request->base.blend != 0 || gru4rec_space_has(&request->space, "blend");
}

int ext_tune_request_parse(ext_tune_request *request, sqlite3 *db, int argc,
                           sqlite3_value **argv, ext_error *error)
{
    ext_train_request *train = &request->train;
    gru4rec_options_init(&request->given);
    return ext_value_text(&train->given, argc > 1 ? argv[1] : NULL, "the second argument",
                          error) == SQLITE_OK
               ? ext_options_parse(db, train->given, scope, &request->given,
                                   &train->columns, error)
               : error->rc;
}

int ext_tune_request_read(ext_tune_request *request, ext_connection *connection,
                          sqlite3_value *model, ext_error *error)
{
    const ext_home *home = &request->train.home;
    if (find_model(request, connection, model, error) != SQLITE_OK ||
        ext_train_meet(&request->writer, home, request->given.resume != 0, error) !=
            SQLITE_OK ||
        read_options(request, error) != SQLITE_OK)
        return error->rc;
    if (request->base.replicate == GRU4REC_REPLICATE_FIRST)
        request->writer = 0;
    if (find_own(request, error) != SQLITE_OK || resolve(request, error) != SQLITE_OK ||
        read_space(request, error) != SQLITE_OK ||
        make_settings(request, error) != SQLITE_OK ||
        ext_shadow_check_later(home, "trial", error) != SQLITE_OK)
        return error->rc;
    /*
     * Any strength makes the reader keep the sessions. It also refuses a user's own table
     * m_blend now, which the training with what was found would be refused for.
     */
    request->train.options.blend = can_blend(request) ? 1 : 0;
    ext_train_request_follow_quota(&request->train.options);
    return SQLITE_OK;
}

void ext_tune_request_free(ext_tune_request *request)
{
    sqlite3_free(request->space_text);
    sqlite3_free(request->settings);
    sqlite3_free(request->resumed);
    sqlite3_free(request->row);
    ext_train_request_free(&request->train);
}

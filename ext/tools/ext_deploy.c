/*
 * ext_deploy.c - gru4rec_deploy(model, version [, source]): makes a kept version the
 * active one; see ext_tools.h.
 *
 * The result is the number of the version. 'best' means the version with the best MRR.
 * Without a source, the MRRs that the versions have stored are compared, each measured on
 * the sessions that its own training held out. With a source, all versions are measured
 * now, on that source.
 */
#include "ext_tools.h"

/*
 * If the choice is the number of a prepared version, makes that version ready
 * (ext_version_finish()).
 */
static int finish(const ext_home *home, const ext_choice *choice, ext_error *error)
{
    gru4rec_options options;
    bool is_prepared = false;
    if (choice->kind != EXT_CHOICE_NUMBER ||
        ext_version_is_prepared(&is_prepared, home, choice->number, error) != SQLITE_OK ||
        !is_prepared ||
        ext_version_options(&options, home, choice->number, error) != SQLITE_OK)
        return error->rc;
    const ext_keep keep = ext_forget_keep(&options);
    char *summary;
    ext_version_finish(&summary, home, choice->number, true, &keep, error);
    sqlite3_free(summary);
    return error->rc;
}

/*
 * Finds the version that choice means, and makes it the active one, in a savepoint of its
 * own. A version that is prepared is finished by that. First takes the write lock, and
 * writes the endings of earlier runs that are still to be written (ext_pending_lock()).
 * *version: out, the number of the version. Commits unless the user has an open
 * transaction. After a failure nothing is written. SQLITE_ERROR: there is no such
 * version.
 */
static int write_choice(int64_t *version, const ext_home *home, const ext_choice *choice,
                        ext_error *error)
{
    ext_savepoint savepoint;
    ext_version found = {0};
    int rc = ext_savepoint_start(&savepoint, home->db, error);
    if (rc != SQLITE_OK)
        return rc;
    rc = ext_pending_lock(&savepoint, home, error);
    if (rc == SQLITE_OK)
        rc = finish(home, choice, error);
    if (rc == SQLITE_OK)
        rc = ext_choice_find(&found, choice, home, error);
    if (rc == SQLITE_OK)
        rc = ext_version_activate(home, found.version, error);
    *version = found.version;
    return ext_savepoint_end(&savepoint, rc, error);
}

/*
 * Checks, as gru4rec_train() does, that the call can write its result, and that the
 * database would not be locked while versions are measured. Changes nothing: it starts a
 * savepoint and ends it. The caller calls this before it measures.
 *
 * is_alone: the call did not begin in a transaction of the user.
 * SQLITE_READONLY: the database cannot be written. SQLITE_ERROR: the call stands beside a
 * table or another statement.
 */
static int check_alone(const ext_home *home, bool is_alone, ext_error *error)
{
    ext_savepoint savepoint;
    ext_error cause = {0};
    if (ext_savepoint_check_writable(home->db, home->schema, "deploy", error) !=
        SQLITE_OK)
        return error->rc;
    if (is_alone && sqlite3_txn_state(home->db, NULL) != SQLITE_TXN_NONE)
        return ext_error_set(error, SQLITE_ERROR,
                             "measuring versions beside a table, or while another "
                             "statement of this connection runs, would keep the database "
                             "locked; run SELECT gru4rec_deploy(...) by itself, without "
                             "FROM");
    if (ext_savepoint_start(&savepoint, home->db, &cause) != SQLITE_OK ||
        ext_savepoint_end(&savepoint, SQLITE_OK, &cause) != SQLITE_OK)
        return ext_error_wrap(
            error, &cause, "gru4rec_deploy() cannot write here (",
            "); run SELECT gru4rec_deploy(...) by itself, outside other "
            "statements and transactions");
    return SQLITE_OK;
}

/*
 * Measures the versions on the source, and replaces *choice by the number of the best
 * version. Activates nothing. SQLITE_ERROR: *choice is not 'best'. Other errors: those of
 * check_alone() and ext_best_find().
 */
static int measure(ext_choice *choice, const ext_home *home, bool is_alone,
                   const char *source, ext_error *error)
{
    if (choice->kind != EXT_CHOICE_BEST)
        return ext_error_set(error, SQLITE_ERROR,
                             "a source is only for 'best', "
                             "which measures the versions on it; leave the source out");
    *choice = (ext_choice){.kind = EXT_CHOICE_NUMBER};
    int rc = check_alone(home, is_alone, error);
    return rc == SQLITE_OK ? ext_best_find(&choice->number, home, source, error) : rc;
}

/*
 * The SQL function gru4rec_deploy(): makes a version the active one; its number is the
 * result. With a source that is not NULL, which only 'best' may have (measure()), first
 * measures the versions on it and takes the best. Tries the write again while another
 * connection of a shared cache holds the lock (ext_savepoint_may_retry()).
 */
static void deploy(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_connection *connection = ext_connection_of(context);
    const bool is_alone = sqlite3_get_autocommit(connection->db) != 0;
    ext_error error = {0};
    ext_home home;
    ext_choice choice;
    int64_t version = 0;
    const char *source = NULL;
    int rc =
        ext_schema_get(&home, connection->db, connection, argv[0], true, NULL, &error);
    if (rc == SQLITE_OK)
        rc = ext_choice_read_to_deploy(&choice, argv[1], &error);
    if (rc == SQLITE_OK && argc > 2)
        rc = ext_value_text(&source, argv[2], "the source", &error);
    if (rc == SQLITE_OK && source != NULL)
        rc = measure(&choice, &home, is_alone, source, &error);
    const double since = ext_poll_seconds();
    if (rc == SQLITE_OK)
        while ((rc = write_choice(&version, &home, &choice, &error)) != SQLITE_OK &&
               ext_savepoint_may_retry(home.db, since, &error))
            ;
    if (rc == SQLITE_OK)
        sqlite3_result_int64(context, version);
    ext_error_result(&error, context);
    ext_home_clear(&home);
}

/*
 * The table that registers gru4rec_deploy() with two and three arguments. The last entry
 * has the name NULL.
 */
const ext_function ext_deploy_functions[] = {
    {"gru4rec_deploy", 2, SQLITE_DIRECTONLY, deploy, NULL},
    {"gru4rec_deploy", 3, SQLITE_DIRECTONLY, deploy, NULL},
    {NULL, 0, 0, NULL, NULL},
};

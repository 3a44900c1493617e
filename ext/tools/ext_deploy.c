/*
 * ext_deploy.c - gru4rec_deploy(model, version); see ext_tools.h.
 *
 * Makes a kept version the active one and gives its number. 'previous' is the one before
 * the active one, 'best' the one with the best MRR in its own validation.
 */
#include "ext_tools.h"

/* What a word in place of a version's number stands for, among those that are ready. */
static const struct {
    const char *word, *sql, *missing;
} choices[] = {
    {"previous",
     "SELECT max(version) FROM @version WHERE status = 'ready' AND version < "
     "(SELECT value FROM @config WHERE key = 'version')",
     "has no kept version before the active one that is ready; see keep_versions"},
    {"best",
     "SELECT version FROM @version JOIN @epoch USING (version) WHERE status = 'ready' "
     "AND "
     "mrr IS NOT NULL ORDER BY mrr DESC, version DESC LIMIT 1",
     "has no kept version that was measured in training; train with validation"},
};

static int find_choice(int64_t *version, const ext_home *home, int choice,
                       ext_error *error)
{
    int rc = ext_query_integer(home, version, error, choices[choice].sql, "");
    if (rc != SQLITE_OK || *version != 0)
        return rc;
    return ext_error_set(error, SQLITE_ERROR, "model '%s' %s", home->name,
                         choices[choice].missing);
}

/* The kept version that was asked for, by a number or a word. */
static int find_version(int64_t *version, const ext_home *home, sqlite3_value *value,
                        ext_error *error)
{
    const char *text;
    int64_t number;
    bool is_number;
    ext_show show;
    const char *shown = ext_show_value(&show, value); /* before it becomes a text */
    if (ext_value_number(&number, &is_number, value, error) != SQLITE_OK ||
        ext_value_text(&text, value, "the version", error) != SQLITE_OK)
        return error->rc;
    for (int i = 0; text != NULL && i < (int)(sizeof choices / sizeof *choices); i++)
        if (sqlite3_stricmp(text, choices[i].word) == 0)
            return find_choice(version, home, i, error);
    if (is_number) {
        int rc = ext_query_integer(home, version, error,
                                   "SELECT max(version) FROM @version WHERE "
                                   "status = 'ready' AND version = ?1",
                                   "i", number);
        if (rc != SQLITE_OK || *version != 0)
            return rc;
        return ext_error_set(error, SQLITE_ERROR,
                             "model '%s' has no kept version %lld that is ready; see "
                             "%s_version, and keep_versions",
                             home->name, (long long)number, home->name);
    }
    return ext_error_set(
        error, SQLITE_ERROR,
        "version %s is not a number, 'previous' or 'best'; see %s_version", shown,
        home->name);
}

static int write_choice(int64_t *version, const ext_home *home, sqlite3_value *value,
                        ext_error *error)
{
    ext_savepoint savepoint;
    int rc = ext_savepoint_start(&savepoint, home->db, error);
    if (rc != SQLITE_OK)
        return rc;
    rc = ext_pending_lock(&savepoint, home, error);
    if (rc == SQLITE_OK)
        rc = find_version(version, home, value, error);
    if (rc == SQLITE_OK)
        rc = ext_version_activate(home, *version, error);
    return ext_savepoint_end(&savepoint, rc, error);
}

static void deploy(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_connection *connection = ext_connection_of(context);
    const double since = ext_poll_seconds();
    ext_error error = {0};
    ext_home home;
    int64_t version;
    (void)argc;
    int rc =
        ext_schema_get(&home, connection->db, connection, argv[0], true, NULL, &error);
    if (rc == SQLITE_OK)
        while ((rc = write_choice(&version, &home, argv[1], &error)) != SQLITE_OK &&
               ext_savepoint_may_retry(home.db, since, &error))
            ;
    if (rc == SQLITE_OK)
        sqlite3_result_int64(context, version);
    ext_error_result(&error, context);
    ext_home_clear(&home);
}

const ext_function ext_deploy_functions[] = {
    {"gru4rec_deploy", 2, SQLITE_DIRECTONLY, deploy, NULL},
    {NULL, 0, 0, NULL, NULL},
};

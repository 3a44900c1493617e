/*
 * A loadable extension with everything that the runner must survive and report.
 *
 *   misbehave_leak(N)     allocates N bytes of SQLite's memory and forgets them
 *   misbehave_hold()      leaves a statement of its connection unfinalized
 *   misbehave_crash()     ends the process by SIGABRT
 *   misbehave_error(TEXT) fails with that message
 *   misbehave_register()  takes memory that sqlite3_shutdown() gives back: no leak
 */
#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT1

#include <stdlib.h>

static void leak(sqlite3_context *context, int n_args, sqlite3_value **args)
{
    (void)n_args;
    sqlite3_result_int(context, sqlite3_malloc(sqlite3_value_int(args[0])) != NULL);
}

static void hold(sqlite3_context *context, int n_args, sqlite3_value **args)
{
    sqlite3 *db = sqlite3_context_db_handle(context);
    sqlite3_stmt *stmt = NULL;
    (void)n_args;
    (void)args;
    sqlite3_prepare_v2(db, "SELECT 'held'", -1, &stmt, NULL);
    sqlite3_result_int(context, stmt != NULL);
}

static void crash(sqlite3_context *context, int n_args, sqlite3_value **args)
{
    (void)context;
    (void)n_args;
    (void)args;
    abort();
}

static void error(sqlite3_context *context, int n_args, sqlite3_value **args)
{
    (void)n_args;
    sqlite3_result_error(context, (const char *)sqlite3_value_text(args[0]), -1);
}

static void do_nothing(void)
{
}

static void register_auto(sqlite3_context *context, int n_args, sqlite3_value **args)
{
    (void)n_args;
    (void)args;
    sqlite3_result_int(context, sqlite3_auto_extension(do_nothing) == SQLITE_OK);
}

int sqlite3_misbehave_init(sqlite3 *db, char **message, const sqlite3_api_routines *api)
{
    static const struct {
        const char *name;
        int n_args;
        void (*call)(sqlite3_context *context, int n_args, sqlite3_value **args);
    } functions[] = {
        {"misbehave_leak", 1, leak},
        {"misbehave_hold", 0, hold},
        {"misbehave_crash", 0, crash},
        {"misbehave_error", 1, error},
        {"misbehave_register", 0, register_auto},
    };
    int rc = SQLITE_OK;
    (void)message;
    SQLITE_EXTENSION_INIT2(api);
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof functions / sizeof *functions; i++)
        rc = sqlite3_create_function(db, functions[i].name, functions[i].n_args,
                                     SQLITE_UTF8, NULL, functions[i].call, NULL, NULL);
    return rc;
}

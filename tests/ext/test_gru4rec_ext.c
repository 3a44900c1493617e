/*
 * test_gru4rec_ext.c - the extension in a program that calls its entry point itself, and
 * whose allocations fail where the extension makes them.
 *
 * The extension calls SQLite through a table of functions. This program gives it a copy of
 * that table, in which the functions that allocate can fail. SQLite's own allocations
 * never fail here.
 */
#include "../lib/test.h"

#include <sqlite3.h>
#include <stdarg.h>

/* sqlite3ext.h would make each sqlite3_ function of this file a call through the table. */
#define SQLITE_CORE 1
#include <sqlite3ext.h>
#undef SQLITE_CORE

#include "../../include/gru4rec.h"

/* ---- a table of functions whose allocations fail ---- */

static sqlite3_api_routines table;
static long n_requests, fail_at; /* the allocation that fails; 0: none */

static bool is_due(void)
{
    return ++n_requests == fail_at;
}

static void *allocate(sqlite3_uint64 bytes)
{
    return is_due() ? NULL : sqlite3_malloc64(bytes);
}

static void *reallocate(void *block, sqlite3_uint64 bytes)
{
    return is_due() ? NULL : sqlite3_realloc64(block, bytes);
}

static char *print_list(const char *format, va_list args)
{
    return is_due() ? NULL : sqlite3_vmprintf(format, args);
}

static char *print(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = print_list(format, args);
    va_end(args);
    return text;
}

/* An automatic extension, which SQLite gives its table: makes the copy. */
static int take_table(sqlite3 *db, char **message, const sqlite3_api_routines *api)
{
    (void)db;
    (void)message;
    table = *api;
    table.malloc64 = allocate;
    table.realloc64 = reallocate;
    table.mprintf = print;
    table.vmprintf = print_list;
    return SQLITE_OK;
}

static void fail_from(long n)
{
    n_requests = 0;
    fail_at = n;
}

/* ---- databases ---- */

static sqlite3 *open_bare(void)
{
    sqlite3 *db = NULL;
    sqlite3_auto_extension((void (*)(void))take_table);
    CHECK_INT(SQLITE_OK, sqlite3_open(":memory:", &db));
    sqlite3_reset_auto_extension();
    return db;
}

static sqlite3 *open_loaded(void)
{
    sqlite3 *db = open_bare();
    CHECK_INT(SQLITE_OK_LOAD_PERMANENTLY, sqlite3_gru4rec_init(db, NULL, &table));
    return db;
}

/* Runs SQL that must succeed. */
static void run(sqlite3 *db, const char *sql)
{
    char *message = NULL;
    sqlite3_exec(db, sql, NULL, NULL, &message);
    CHECK_TEXT(NULL, message);
    sqlite3_free(message);
}

/* ---- tests ---- */

static int hide_json(void *unused, int action, const char *a, const char *b,
                     const char *schema, const char *trigger)
{
    (void)unused;
    (void)a;
    (void)schema;
    (void)trigger;
    return action == SQLITE_FUNCTION && strcmp(b, "json_object") == 0 ? SQLITE_DENY
                                                                      : SQLITE_OK;
}

/* A caller may not want the message: each refusal returns its code all the same. */
static void test_no_message(void)
{
    char *message = NULL;
    sqlite3 *db = open_bare();
    sqlite3_set_authorizer(db, hide_json, NULL);
    CHECK_INT(SQLITE_ERROR, sqlite3_gru4rec_init(db, &message, &table));
    CHECK(message != NULL && strstr(message, "without JSON functions") != NULL);
    sqlite3_free(message);
    CHECK_INT(SQLITE_ERROR, sqlite3_gru4rec_init(db, NULL, &table));
    sqlite3_set_authorizer(db, NULL, NULL);
    sqlite3_api_routines other = table;
    CHECK_INT(SQLITE_ERROR, sqlite3_gru4rec_init(db, NULL, &other));
    CHECK_INT(SQLITE_OK_LOAD_PERMANENTLY, sqlite3_gru4rec_init(db, NULL, &table));
    CHECK_INT(SQLITE_OK, sqlite3_gru4rec_init(db, NULL, &table));
    sqlite3_close(db);
}

/* Returns whether an allocation failed. */
static bool load_without_memory(long n)
{
    sqlite3 *db = open_bare();
    fail_from(n);
    const int rc = sqlite3_gru4rec_init(db, NULL, &table);
    const bool has_failed = n_requests >= n;
    fail_from(0);
    CHECK_INT(has_failed ? SQLITE_NOMEM : SQLITE_OK_LOAD_PERMANENTLY, rc);
    CHECK_INT(SQLITE_OK, sqlite3_close(db));
    return has_failed;
}

static void test_load_without_memory(void)
{
    for (long n = 1; load_without_memory(n); n++)
        ;
}

/* Opens a connection with a model, old, in a transaction of the user's. */
static sqlite3 *open_transaction(void)
{
    sqlite3 *db = open_loaded();
    run(db, "PRAGMA page_size = 512;"
            "CREATE TABLE clicks(session, item, ts);"
            "CREATE VIRTUAL TABLE old USING gru4rec(clicks);"
            "PRAGMA table_info(old);"
            "BEGIN; CREATE TABLE mine(x)");
    return db;
}

/*
 * Checks the message of a statement that failed in a transaction of the user's: it says
 * that the transaction was rolled back if and only if that is so.
 */
static void check_transaction(sqlite3 *db, const char *sql, int rc, const char *message)
{
    const char *text = message != NULL ? message : "";
    const bool is_open = !sqlite3_get_autocommit(db);
    if (!CHECK((strstr(text, "rolled back") != NULL) == !is_open))
        printf("%s: %d, %s\n", sql, rc, text);
    if (is_open)
        run(db, "INSERT INTO mine VALUES (1); COMMIT");
}

static const char *const changes[] = {
    "CREATE VIRTUAL TABLE new USING gru4rec(clicks)",
    "ALTER TABLE old RENAME TO new",
    "DROP TABLE old",
};

enum { N_CHANGES = sizeof changes / sizeof *changes };

/*
 * Runs a statement while allocation n of the extension fails. Returns whether an
 * allocation failed.
 */
static bool change_without_memory(const char *sql, long n)
{
    char *message = NULL;
    sqlite3 *db = open_transaction();
    fail_from(n);
    const int rc = sqlite3_exec(db, sql, NULL, NULL, &message);
    const bool has_failed = n_requests >= n;
    fail_from(0);
    CHECK_INT(has_failed ? SQLITE_NOMEM : SQLITE_OK, rc);
    check_transaction(db, sql, rc, message);
    sqlite3_free(message);
    CHECK_INT(SQLITE_OK, sqlite3_close(db));
    return has_failed;
}

static void test_change_without_memory(void)
{
    for (int i = 0; i < N_CHANGES; i++)
        for (long n = 1; change_without_memory(changes[i], n); n++)
            ;
}

/* Runs a statement with room for that many new pages. Returns whether it succeeds. */
static bool change_without_room(const char *sql, int n_tables, int n_pages)
{
    char text[100], *message = NULL;
    sqlite3_stmt *stmt;
    sqlite3 *db = open_transaction();
    for (int i = 0; i < n_tables; i++) {
        snprintf(text, sizeof text, "CREATE TABLE mine%d(a, b, c, d, e)", i);
        run(db, text);
    }
    sqlite3_prepare_v2(db, "PRAGMA page_count", -1, &stmt, NULL);
    sqlite3_step(stmt);
    snprintf(text, sizeof text, "PRAGMA max_page_count = %d",
             sqlite3_column_int(stmt, 0) + n_pages);
    sqlite3_finalize(stmt);
    run(db, text);
    const int rc = sqlite3_exec(db, sql, NULL, NULL, &message);
    CHECK(rc == SQLITE_OK || rc == SQLITE_FULL);
    if (!sqlite3_get_autocommit(db))
        run(db, "PRAGMA max_page_count = 10000");
    check_transaction(db, sql, rc, message);
    sqlite3_free(message);
    CHECK_INT(SQLITE_OK, sqlite3_close(db));
    return rc == SQLITE_OK;
}

static void test_change_without_room(void)
{
    for (int i = 0; i < N_CHANGES; i++)
        for (int n_tables = 0; n_tables < 10; n_tables++)
            for (int n = 0; !change_without_room(changes[i], n_tables, n); n++)
                ;
}

int main(void)
{
    RUN(test_no_message);
    RUN(test_load_without_memory);
    RUN(test_change_without_memory);
    RUN(test_change_without_room);
    return test_end();
}

/*
 * fuzz.h - what the fuzz targets share: a database with the extension and some events,
 * statements, and what must hold after whatever was thrown at it.
 *
 * A broken promise aborts, which libFuzzer reports with the input.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <sqlite3.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int sqlite3_gru4rec_init(sqlite3 *db, char **message, const void *api);

static sqlite3 *db;
static double deadline; /* of the input at hand */

static inline double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static inline _Noreturn void broken(const char *promise, const char *detail)
{
    fprintf(stderr, "broken: %s: %s\n", promise, detail != NULL ? detail : "");
    abort();
}

static inline int on_progress(void *context)
{
    (void)context;
    return seconds() > deadline;
}

/*
 * Runs the first statement of text with the value bound to ?1, as a BLOB or a text.
 * Leaves the first column of the first row in result, when it is not NULL; "" without
 * one.
 */
static inline int run_sql(const char *text, const void *value, size_t n, bool is_blob,
                          char *result, size_t size)
{
    sqlite3_stmt *stmt = NULL;
    if (result != NULL)
        *result = '\0';
    int rc = sqlite3_prepare_v2(db, text, -1, &stmt, NULL);
    if (rc != SQLITE_OK)
        return rc;
    if (is_blob)
        sqlite3_bind_blob64(stmt, 1, value, n, SQLITE_STATIC);
    else if (value != NULL)
        sqlite3_bind_text64(stmt, 1, value, n, SQLITE_STATIC, SQLITE_UTF8);
    for (int row = 0; sqlite3_step(stmt) == SQLITE_ROW && row < 100; row++)
        if (row == 0 && result != NULL && sqlite3_column_text(stmt, 0) != NULL)
            snprintf(result, size, "%s", (const char *)sqlite3_column_text(stmt, 0));
    return sqlite3_finalize(stmt);
}

static inline void must(const char *text)
{
    if (run_sql(text, NULL, 0, false, NULL, 0) != SQLITE_OK)
        broken(text, sqlite3_errmsg(db));
}

static inline void must_be(const char *text, const char *expected)
{
    char result[200];
    if (run_sql(text, NULL, 0, false, result, sizeof result) != SQLITE_OK)
        broken(text, sqlite3_errmsg(db));
    if (strcmp(result, expected) != 0)
        broken(text, result);
}

/* SQL: the export of a model's only version, with the sessions that it blends with, if any. */
#define WHOLE(model)                                                          \
    "gru4rec_export('" model "', NULL, (SELECT iif(options ->> 'blend' > 0, " \
    "'sessions=true', NULL) FROM " model "_version))"

/* Events e of 4 sessions and 5 items of both types, and the trained model rec. */
static inline void open_database(void)
{
    if (sqlite3_open(":memory:", &db) != SQLITE_OK ||
        sqlite3_gru4rec_init(db, NULL, NULL) != SQLITE_OK)
        broken("opening the database", sqlite3_errmsg(db));
    sqlite3_progress_handler(db, 1000, on_progress, NULL);
    deadline = seconds() + 60;
    must("CREATE TABLE e(session, item, time)");
    must("INSERT INTO e SELECT value / 4, iif(value * 7 % 5 = 3, 'drei', value * 7 % 5), "
         "value FROM json_each('[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]')");
    must("SELECT gru4rec_train('rec', 'e', 'layers=2,n_sample=2,n_epochs=1')");
}

/* An error that SQLite's user sees says who speaks; running out of time is none. */
static inline void check_message(int rc)
{
    const char *message = sqlite3_errmsg(db);
    if (rc == SQLITE_OK || rc == SQLITE_INTERRUPT || rc == SQLITE_NOMEM)
        return;
    if (strncmp(message, "gru4rec: ", 9) != 0 || strlen(message) < 20)
        broken("a message of ours", message);
}

#endif

/*
 * golden_case.h - reads one golden run (cases/README.md) with SQLite's JSON
 * functions: numbers by path, options, catalogue and sessions in the library's forms.
 *
 * Everything that a function returns is the caller's, to be freed with free().
 */
#ifndef GOLDEN_CASE_H
#define GOLDEN_CASE_H

#include "../../src/base/alloc.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct golden_case {
    sqlite3 *db; /* table run(text): one row */
    gru4rec_options options;
    size_t n_items;
    double *items;    /* (I) ids */
    int64_t *support; /* (I) */
    gru4rec_dataset *train, *test;
} golden_case;

/* A value at a path, and the values of an array at a path, of one or two levels. */
static const char *const one = "SELECT json_extract(text, ?1) FROM run";
static const char *const each = "SELECT e.value FROM run, json_each(text, ?1) e";
static const char *const each_of_each =
    "SELECT v.value FROM run, json_each(text, ?1) e, json_each(e.value) v";
/* Which of the outer elements each of those is in. */
static const char *const outer_of_each =
    "SELECT e.key FROM run, json_each(text, ?1) e, json_each(e.value) v";

/* Options in their text form. */
static const char *const option_texts =
    "SELECT o.key, CASE o.type"
    "  WHEN 'array' THEN (SELECT group_concat(value, '/') FROM json_each(o.value))"
    "  WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE o.value END"
    " FROM run, json_each(text, ?1) o";

/* A statement with its path bound; NULL, with a message, when SQLite refuses. */
static sqlite3_stmt *prepare(const golden_case *c, const char *sql, const char *path)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(c->db, sql, -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_bind_text(statement, 1, path, -1, SQLITE_TRANSIENT) != SQLITE_OK)
        printf("%s: %s\n", path, sqlite3_errmsg(c->db));
    return statement;
}

/* All numbers that the statement gives; *n of them. */
static double *read_numbers(const golden_case *c, const char *sql, const char *path,
                            size_t *n)
{
    sqlite3_stmt *statement = prepare(c, sql, path);
    size_t capacity = 0;
    double *numbers = NULL;
    *n = 0;
    while (sqlite3_step(statement) == SQLITE_ROW) {
        if (!g4r_alloc_grow(&g4r_alloc_libc, &numbers, &capacity, *n + 1,
                            sizeof *numbers))
            abort();
        numbers[(*n)++] = sqlite3_column_double(statement, 0);
    }
    sqlite3_finalize(statement);
    return numbers;
}

/* One number; NaN where there is none. */
static double read_number(const golden_case *c, const char *path)
{
    sqlite3_stmt *statement = prepare(c, one, path);
    double number = NAN;
    if (sqlite3_step(statement) == SQLITE_ROW &&
        sqlite3_column_type(statement, 0) != SQLITE_NULL)
        number = sqlite3_column_double(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

/* The row of an item id; -1: none. */
static int32_t row_of(const golden_case *c, double id)
{
    for (size_t row = 0; row < c->n_items; row++)
        if (c->items[row] == id)
            return (int32_t)row;
    return -1;
}

/*
 * Sessions in the order in which they stand, which is their visiting order: n ids, and
 * which session each is in.
 */
static gru4rec_dataset *make_dataset(const golden_case *c, const double *sessions,
                                     const double *ids, size_t n)
{
    gru4rec_dataset *data = g4r_alloc(&g4r_alloc_libc, 1, sizeof *data);
    data->allocator = g4r_alloc_libc;
    data->n_events = (int64_t)n;
    data->item_rows = g4r_alloc(&data->allocator, n, sizeof *data->item_rows);
    data->offsets = g4r_alloc(&data->allocator, n + 1, sizeof *data->offsets);
    for (size_t i = 0; i < n; i++) {
        data->item_rows[i] = row_of(c, ids[i]);
        if (i == 0 || sessions[i] != sessions[i - 1])
            data->offsets[data->n_sessions++] = (int64_t)i;
    }
    data->offsets[data->n_sessions] = (int64_t)n;
    for (int64_t s = 0; s < data->n_sessions; s++)
        data->n_single += data->offsets[s + 1] - data->offsets[s] == 1;
    return data;
}

static gru4rec_dataset *read_train(const golden_case *c)
{
    size_t n, n_sessions;
    double *sessions =
        read_numbers(c, "SELECT e.value ->> 0 FROM run, json_each(text, ?1) e",
                     "$.events", &n_sessions);
    double *ids = read_numbers(c, "SELECT e.value ->> 1 FROM run, json_each(text, ?1) e",
                               "$.events", &n);
    gru4rec_dataset *data = make_dataset(c, sessions, ids, n);
    free(sessions);
    free(ids);
    return data;
}

static gru4rec_dataset *read_test(const golden_case *c)
{
    size_t n, n_sessions;
    double *sessions = read_numbers(c, outer_of_each, "$.test_sessions", &n_sessions);
    double *ids = read_numbers(c, each_of_each, "$.test_sessions", &n);
    gru4rec_dataset *data = make_dataset(c, sessions, ids, n);
    free(sessions);
    free(ids);
    return data;
}

static bool read_options(golden_case *c, gru4rec_error *error)
{
    sqlite3_stmt *statement = prepare(c, option_texts, "$.options");
    bool is_ok = true;
    gru4rec_options_init(&c->options);
    while (is_ok && sqlite3_step(statement) == SQLITE_ROW)
        is_ok = gru4rec_options_set(&c->options, GRU4REC_SCOPE_TRAIN,
                                    (const char *)sqlite3_column_text(statement, 0),
                                    (const char *)sqlite3_column_text(statement, 1),
                                    error) == GRU4REC_OK;
    sqlite3_finalize(statement);
    return is_ok && gru4rec_options_resolve(&c->options, error) == GRU4REC_OK;
}

/* The whole file as one row of a table in memory. */
static bool load_json(golden_case *c, const char *file)
{
    char *text = NULL;
    size_t capacity = 0, n = 0, got;
    sqlite3_stmt *statement = NULL;
    FILE *in = fopen(file, "rb");
    if (in == NULL || sqlite3_open(":memory:", &c->db) != SQLITE_OK) {
        if (in != NULL)
            fclose(in);
        return false;
    }
    do {
        if (!g4r_alloc_grow(&g4r_alloc_libc, &text, &capacity, n + 65536, 1))
            abort();
        got = fread(text + n, 1, 65536, in);
        n += got;
    } while (got > 0);
    fclose(in);
    bool is_ok =
        sqlite3_prepare_v2(c->db, "CREATE TABLE run AS SELECT CAST(?1 AS TEXT) AS text",
                           -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_bind_text(statement, 1, text, (int)n, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_DONE;
    sqlite3_finalize(statement);
    free(text);
    return is_ok;
}

static void golden_close(golden_case *c)
{
    gru4rec_dataset_free(c->train);
    gru4rec_dataset_free(c->test);
    free(c->items);
    free(c->support);
    sqlite3_close(c->db);
    memset(c, 0, sizeof *c);
}

/* Opens folder/case.json. False with a message when it cannot be read. */
static bool golden_open(golden_case *c, const char *file, gru4rec_error *error)
{
    size_t n;
    double *numbers;
    memset(c, 0, sizeof *c);
    snprintf(error->message, sizeof error->message, "cannot be read");
    if (!load_json(c, file))
        return false;
    if (!read_options(c, error))
        return false;
    c->items = read_numbers(c, each, "$.items", &c->n_items);
    numbers = read_numbers(c, each, "$.support", &n);
    c->support = g4r_alloc(&g4r_alloc_libc, n, sizeof *c->support);
    for (size_t i = 0; i < n; i++)
        c->support[i] = (int64_t)numbers[i];
    free(numbers);
    c->train = read_train(c);
    c->test = read_test(c);
    return n == c->n_items && n > 0 && c->train->n_events > 0 && c->test->n_events > 0;
}

#endif

/*
 * serve_cases.c - the cases shop, million and huge: one recommendation after another from
 * catalogues of three sizes; see serve.c.
 */
#include "serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_LEAST = 100, TOP = 20 };

static void draw_items(serve_recommend *r, int64_t n_items, int64_t n_history,
                       int64_t n_candidates)
{
    serve_random random = {(uint64_t)(n_history + n_candidates)};
    for (int i = 0; i < SERVE_TEXTS; i++) {
        r->histories[i] = serve_items(&random, n_items, n_history, false);
        if (n_candidates > 0)
            r->candidates[i] = serve_items(&random, n_items, n_candidates, true);
    }
}

/* A row of the table. sql: freed. n_bytes: of the floor. is_judged: there is a target. */
static void measure(const serve_settings *settings, const char *name, sqlite3 *db,
                    const serve_model *model, char *sql, int64_t n_history,
                    int64_t n_candidates, size_t n_bytes, const char *query,
                    bool is_judged)
{
    serve_recommend r;
    serve_stream stream;
    serve_times times;
    serve_recommend_open(&r, db, sql);
    draw_items(&r, model->n_items, n_history, n_candidates);
    serve_stream_open(&stream, n_bytes);
    serve_times_open(&times);
    times.way = serve_stream_way(&stream);
    serve_measure(&times, settings->seconds, N_LEAST, serve_recommend_run, &r,
                  serve_stream_read, &stream);
    serve_print(settings, name, model->name, query, &times);
    if (is_judged)
        serve_judge(settings, name, model->name, &times);
    serve_times_close(&times);
    serve_stream_close(&stream);
    serve_recommend_close(&r);
}

static void measure_top(const serve_settings *settings, const char *name, sqlite3 *db,
                        const serve_model *model, int64_t n_history, int k)
{
    char query[60];
    snprintf(query, sizeof query, "history of %lld, k = %d", (long long)n_history, k);
    measure(settings, name, db, model,
            sqlite3_mprintf("SELECT item, score FROM gru4rec_recommend(%Q, ?1, %d)",
                            model->name, k),
            n_history, 0, serve_model_bytes(model), query, n_history == 4 && k == TOP);
}

/* ---- shop ---- */

static void measure_candidates(const serve_settings *settings, sqlite3 *db,
                               const serve_model *model, int n)
{
    char query[60];
    snprintf(query, sizeof query, "%d candidates, k = 20", n);
    measure(settings, "shop", db, model,
            sqlite3_mprintf("SELECT item, score FROM gru4rec_recommend(%Q, ?1, 20) WHERE "
                            "candidates = ?2",
                            model->name),
            4, n, (size_t)n * (size_t)model->width * sizeof(float), query, false);
}

static void measure_shop(const serve_settings *settings, sqlite3 *db,
                         const serve_model *model)
{
    static const int histories[] = {4, 1, 20, 100, 500}, most[] = {10, 1000, 40000};
    for (int i = 0; i < 5; i++)
        measure_top(settings, "shop", db, model, histories[i], TOP);
    for (int i = 0; i < 3; i++)
        measure_top(settings, "shop", db, model, 4, most[i]);
    for (int i = 0; i < 3; i++)
        measure_candidates(settings, db, model, most[i]);
    measure(settings, "shop", db, model,
            sqlite3_mprintf("SELECT r.item, r.score FROM gru4rec_recommend(%Q, ?1) AS r "
                            "JOIN products AS p ON p.id = r.item WHERE p.in_stock ORDER "
                            "BY r.rank LIMIT 20",
                            model->name),
            4, 0, serve_model_bytes(model), "join, one in 1,000 in stock", false);
}

void serve_shop(const serve_settings *settings)
{
    serve_model models[2];
    int n = serve_model_kinds(settings, "shop", 43000, 100, models);
    for (int i = 0; i < n; i++)
        if (!serve_model_make(settings, "shop.db", &models[i]))
            serve_die("no model for the case shop");
    sqlite3 *db = serve_open(settings, "shop.db", false);
    serve_exec(db,
               "CREATE TABLE products(id INTEGER PRIMARY KEY, in_stock);"
               "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
               "43000) INSERT INTO products SELECT i, i * 7919 % 1000 = 1 FROM n");
    for (int i = 0; i < n; i++)
        measure_shop(settings, db, &models[i]);
    serve_close(db);
}

/* ---- million ---- */

enum { N_CHECKED = 200 };

/* Items and scores, bit by bit; missing rows are zero. */
static void read_top(sqlite3_stmt *stmt, const char *history, int64_t items[TOP],
                     double scores[TOP])
{
    memset(items, 0, TOP * sizeof *items);
    memset(scores, 0, TOP * sizeof *scores);
    sqlite3_bind_text(stmt, 1, history, -1, SQLITE_STATIC);
    for (int i = 0; serve_step(stmt); i++) {
        items[i] = sqlite3_column_int64(stmt, 0);
        scores[i] = sqlite3_column_double(stmt, 1);
    }
    sqlite3_reset(stmt);
}

static void compare_kinds(const serve_settings *settings, sqlite3 *db)
{
    static const char sql[] = "SELECT item, score FROM gru4rec_recommend(%Q, ?1, %d)";
    sqlite3_stmt *exact = serve_prepare(db, sqlite3_mprintf(sql, "float32", TOP));
    sqlite3_stmt *quick = serve_prepare(db, sqlite3_mprintf(sql, "int8", TOP));
    serve_random random = {7};
    int n_different = 0;
    for (int i = 0; i < N_CHECKED; i++) {
        char *history =
            serve_items(&random, 1000000, 1 + serve_random_below(&random, 8), false);
        int64_t items[2][TOP];
        double scores[2][TOP];
        read_top(exact, history, items[0], scores[0]);
        read_top(quick, history, items[1], scores[1]);
        n_different += memcmp(items[0], items[1], sizeof items[0]) != 0 ||
                       memcmp(scores[0], scores[1], sizeof scores[0]) != 0;
        free(history);
    }
    serve_print_separator(settings);
    printf(settings->is_json
               ? "{\"case\": \"million\", \"compared\": %d, \"different\": %d}"
               : "million  %d top 20 compared, int8 with float32: %d differ\n",
           N_CHECKED, n_different);
    sqlite3_finalize(exact);
    sqlite3_finalize(quick);
}

/* One fresh connection and its first use of a model that nobody else has; no scan. */
static double load_once(const serve_settings *settings, const char *model)
{
    sqlite3 *db = serve_open(settings, "million.db", false);
    double begin = serve_now();
    sqlite3_stmt *stmt =
        serve_prepare(db,
                      sqlite3_mprintf("SELECT length(gru4rec_embedding(%Q, 1))", model));
    if (!serve_step(stmt) || sqlite3_column_int(stmt, 0) == 0)
        serve_die("the model has no item 1");
    double seconds = serve_now() - begin;
    sqlite3_finalize(stmt);
    serve_close(db);
    return seconds;
}

static uint64_t sum_blob(sqlite3_stmt *stmt, int column)
{
    const unsigned char *blob = sqlite3_column_blob(stmt, column);
    uint64_t sum = 0, word;
    for (size_t n = (size_t)sqlite3_column_bytes(stmt, column), i = 0; i + 8 <= n;
         i += 8) {
        memcpy(&word, blob + i, sizeof word);
        sum += word;
    }
    return sum;
}

/* The same tables' rows, each byte of them, by SQLite alone. */
static double read_once(const serve_settings *settings, const char *model)
{
    sqlite3 *db = serve_open(settings, "million.db", true);
    volatile uint64_t sum = 0;
    double begin = serve_now();
    sqlite3_stmt *stmt =
        serve_prepare(db, sqlite3_mprintf("SELECT data FROM \"%w_tensor\"", model));
    while (serve_step(stmt))
        sum = sum + sum_blob(stmt, 0);
    sqlite3_finalize(stmt);
    stmt = serve_prepare(db, sqlite3_mprintf("SELECT row, item, support FROM \"%w_item\"",
                                             model));
    while (serve_step(stmt))
        for (int i = 0; i < 3; i++)
            sum = sum + (uint64_t)sqlite3_column_int64(stmt, i);
    sqlite3_finalize(stmt);
    double seconds = serve_now() - begin;
    serve_close(db);
    return seconds;
}

static void measure_load(const serve_settings *settings, const serve_model *model)
{
    enum { ROUNDS = 15 };
    const size_t n_bytes = (size_t)model->n_items * (size_t)model->width * 6;
    serve_stream memory;
    serve_times times;
    serve_times_open(&times);
    for (int i = 0; i < ROUNDS; i++) {
        /* A virtual machine's host may have to find memory that was not used lately. */
        serve_stream_open(&memory, n_bytes);
        serve_stream_close(&memory);
        times.queries[times.n_queries++] = load_once(settings, model->name);
        times.floors[times.n_floors++] = read_once(settings, model->name);
    }
    serve_print(settings, "million", model->name, "loading, at the first use", &times);
    serve_times_close(&times);
}

void serve_million(const serve_settings *settings)
{
    serve_model models[2];
    int n = serve_model_kinds(settings, "million", 1000000, 128, models);
    for (int i = 0; i < n; i++)
        if (!serve_model_make(settings, "million.db", &models[i]))
            serve_die("no model for the case million");
    for (int i = 0; i < n; i++)
        measure_load(settings, &models[i]);
    sqlite3 *db = serve_open(settings, "million.db", false);
    for (int i = 0; i < n; i++)
        measure_top(settings, "million", db, &models[i], 4, TOP);
    if (n == 2)
        compare_kinds(settings, db);
    serve_close(db);
}

/* ---- huge ---- */

void serve_huge(const serve_settings *settings)
{
    serve_model models[2];
    const serve_model *model =
        &models[serve_model_kinds(settings, "huge", 10000000, 64, models) - 1];
    if (!serve_model_make(settings, "huge.db", model))
        serve_die("no model for the case huge");
    sqlite3 *db = serve_open(settings, "huge.db", false);
    serve_recommend r;
    serve_recommend_open(
        &r, db,
        sqlite3_mprintf("SELECT item, score FROM gru4rec_recommend(%Q, ?1, 20)",
                        model->name));
    draw_items(&r, model->n_items, 4, 0);
    for (int i = 0; i < 20; i++)
        serve_recommend_run(&r);
    serve_recommend_close(&r);
    /* before the floor takes memory of its own */
    const double mega = 1e6, peak = serve_peak() / mega;
    const double table = (double)model->n_items * model->width * 4 / mega;
    const double copy =
        settings->has_quantize ? (double)serve_model_bytes(model) / mega : 0;
    serve_print_separator(settings);
    printf(
        settings->is_json
            ? "{\"case\": \"huge\", \"peak_mb\": %.0f, \"table_mb\": %.0f, "
              "\"copy_mb\": %.0f, \"memory_ratio\": %.3f}"
            : "huge     peak memory %.0f MB; the float32 table takes %.0f MB, its int8 "
              "copy %.0f MB: ratio %.2f\n",
        peak, table, copy, peak / (table + copy));
    measure_top(settings, "huge", db, model, 4, TOP);
    serve_close(db);
}

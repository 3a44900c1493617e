/*
 * serve_everyone.c - the case everyone: the top 20 of every session of a log in one
 * statement, beside the products of their states and the table alone, with the fastest
 * kernels that OpenBLAS has for this processor; see serve.c.
 */
#include "serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOP = 20, WIDTH = 100, N_INVENTED = 43000, BLOCK = 128 };

/* ---- the log ---- */

static void add_event(sqlite3_stmt *insert, int64_t session, int64_t item, double time)
{
    sqlite3_bind_int64(insert, 1, session);
    sqlite3_bind_int64(insert, 2, item);
    sqlite3_bind_double(insert, 3, time);
    serve_step(insert);
    sqlite3_reset(insert);
}

/* Sessions of 2 to 10 events. */
static void invent_events(sqlite3_stmt *insert, int64_t n_sessions)
{
    serve_random random = {1};
    int64_t time = 0;
    for (int64_t session = 1; session <= n_sessions; session++)
        for (int64_t left = 2 + serve_random_below(&random, 9); left > 0; left--)
            add_event(insert, session, 1 + serve_random_item(&random, N_INVENTED),
                      (double)time++);
}

/* Session, item and time, tab-separated, below a header. */
static void read_events(sqlite3_stmt *insert, const char *path)
{
    char line[256];
    FILE *file = fopen(path, "r");
    bool is_ok = file != NULL && fgets(line, sizeof line, file) != NULL;
    while (is_ok && fgets(line, sizeof line, file) != NULL) {
        long long session, item;
        double time;
        is_ok = sscanf(line, "%lld %lld %lf", &session, &item, &time) == 3;
        if (is_ok)
            add_event(insert, session, item, time);
    }
    if (!is_ok)
        serve_die("cannot read events from %s", path);
    fclose(file);
}

/* The items of the log, in the order of their ids; of malloc. */
static int64_t *read_items(sqlite3 *db, int64_t *n)
{
    sqlite3_stmt *stmt =
        serve_prepare(db, sqlite3_mprintf(
                              "SELECT item, count(*) OVER () FROM (SELECT DISTINCT item "
                              "FROM events) ORDER BY item"));
    int64_t *ids = NULL;
    *n = 0;
    while (serve_step(stmt)) {
        if (ids == NULL)
            ids = serve_allocate((size_t)sqlite3_column_int64(stmt, 1), sizeof *ids);
        ids[(*n)++] = sqlite3_column_int64(stmt, 0);
    }
    sqlite3_finalize(stmt);
    return ids;
}

/* The log, and a model of it, in a database. */
static int prepare(void *context)
{
    const serve_settings *settings = context;
    sqlite3 *db = serve_open(settings, "everyone.db", false);
    serve_exec(db, "PRAGMA synchronous = OFF;"
                   "CREATE TABLE events(session INTEGER, item INTEGER, time REAL);"
                   "BEGIN");
    sqlite3_stmt *insert =
        serve_prepare(db, sqlite3_mprintf("INSERT INTO events VALUES (?1, ?2, ?3)"));
    if (settings->events != NULL)
        read_events(insert, settings->events);
    else
        invent_events(insert, settings->n_sessions);
    sqlite3_finalize(insert);
    serve_exec(db, "COMMIT;"
                   "CREATE VIRTUAL TABLE auto USING gru4rec(events, session=session, "
                   "item=item, time=time)");
    serve_model model = {"auto", NULL, N_INVENTED, NULL, WIDTH, NULL};
    int64_t *ids = NULL;
    if (settings->events != NULL)
        model.ids = ids = read_items(db, &model.n_items);
    serve_model_import(settings, db, &model);
    free(ids);
    serve_close(db);
    return 0;
}

/* ---- the measurement ---- */

typedef struct result {
    int64_t n_sessions, n_items;
    double seconds, floor; /* in total */
    const char *core;      /* of the floor */
    double memory;         /* bytes above those before */
} result;

/* Every few sessions it is the turn of the products. */
static void run(sqlite3 *db, bench_race *products, result *r)
{
    enum { SESSIONS_A_ROUND = 16 * BLOCK, TIMES = 5 };
    sqlite3_stmt *stmt =
        serve_prepare(db, sqlite3_mprintf("SELECT session, item FROM auto WHERE rank "
                                          "<= %d",
                                          TOP));
    int64_t n_rows = 0;
    volatile int64_t sum = 0;
    double before = serve_peak(), last = serve_now();
    for (bool has_row = true; has_row;) {
        has_row = serve_step(stmt);
        if (has_row) {
            sum = sum + sqlite3_column_int64(stmt, 0) + sqlite3_column_int64(stmt, 1);
            n_rows++;
        }
        if (has_row && n_rows % (SESSIONS_A_ROUND * TOP) != 0)
            continue;
        r->seconds += serve_now() - last;
        bench_race_turn(products, TIMES, 1);
        last = serve_now();
    }
    r->n_sessions = n_rows / TOP;
    r->memory = serve_peak() - before;
    sqlite3_finalize(stmt);
}

static void print(const serve_settings *settings, const result *r)
{
    serve_print_separator(settings);
    printf(settings->is_json
               ? "{\"case\": \"everyone\", \"sessions\": %lld, \"items\": %lld, "
                 "\"seconds\": %.3f, \"floor_seconds\": %.3f, \"floor_ratio\": %.3f, "
                 "\"floor_core\": \"%s\", \"memory_mb\": %.1f}"
               : "everyone %lld sessions, %lld items, width 100, top 20: %.2f s for what "
                 "takes %.2f s as products alone: ratio %.2f (%s); %.1f MB of memory\n",
           (long long)r->n_sessions, (long long)r->n_items, r->seconds, r->floor,
           r->floor / r->seconds, r->core, r->memory / 1e6);
}

static int64_t count_items(sqlite3 *db)
{
    sqlite3_stmt *stmt =
        serve_prepare(db, sqlite3_mprintf(
                              "SELECT count(*) FROM gru4rec_recommend('auto', '[]')"));
    serve_step(stmt); /* loads the model too */
    int64_t n = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return n;
}

/* The products of a block of states with the whole table. */
static void open_race(bench_race *race, bench_team *team, int64_t n_items)
{
    char path[500], work[100];
    bench_beside(path, sizeof path, "products");
    const char *arguments[] = {path, NULL};
    bench_team_start(team, arguments, NULL);
    if (team->n == 0)
        serve_die("cannot run %s", path);
    snprintf(work, sizeof work, "0 t %d %lld %d", BLOCK, (long long)n_items, WIDTH);
    bench_race_open(race, team, work, NULL);
}

void serve_everyone(const serve_settings *settings)
{
    static bench_team team;
    result r = {0};
    bench_race products;
    serve_settings own = *settings;
    if (!serve_in_child(prepare, &own))
        serve_die("no model for the case everyone");
    sqlite3 *db = serve_open(settings, "everyone.db", false);
    r.n_items = count_items(db);
    open_race(&products, &team, r.n_items);
    run(db, &products, &r);
    bench_race_result block = bench_race_finish(&products, NULL);
    r.floor = block.best * (double)r.n_sessions / BLOCK;
    r.core = block.core;
    print(settings, &r);
    bench_team_stop(&team);
    serve_close(db);
}

/*
 * serve_blend.c - the case blend: what a blend adds to recommendations. Two models have the
 * weights of shop; one of them also has a million events of latest sessions, with which it
 * blends (option blend, by its default strength). They are asked for the same histories, in
 * turn; see serve.c.
 *
 * A row "network" has the floor of a scan in bytes; the floor of a row "blended" is the same
 * query of "network". The last line is about the top 20 of every session of a log, in one
 * statement for each model, of which each has its turns.
 */
#include "serve.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    TOP = 20,
    N_ITEMS = 43000,
    WIDTH = 100,
    N_EVENTS = 1000000,
    N_LEAST = 400,
    MOST_EVERYONE = 20000
};

static const char *const names[] = {"network", "blended"};

/* ---- sessions ---- */

/* Of 2 to 20 events. */
static int32_t draw_length(serve_random *random)
{
    return (int32_t)(2 + serve_random_below(random, 19));
}

static void invent_sessions(serve_sessions *s)
{
    serve_random random = {11};
    *s = (serve_sessions){.times = serve_allocate(N_EVENTS, sizeof *s->times),
                          .lengths = serve_allocate(N_EVENTS, sizeof *s->lengths),
                          .rows = serve_allocate(N_EVENTS, sizeof *s->rows)};
    for (int32_t length; s->n_events < N_EVENTS; s->n_sessions++) {
        length = draw_length(&random);
        if (length > N_EVENTS - s->n_events)
            length = (int32_t)(N_EVENTS - s->n_events);
        for (int32_t i = 0; i < length; i++)
            s->rows[s->n_events++] = (int32_t)serve_random_item(&random, N_ITEMS);
        s->lengths[s->n_sessions] = length;
        s->times[s->n_sessions] = (double)s->n_events;
    }
}

static void free_sessions(serve_sessions *s)
{
    free(s->times);
    free(s->lengths);
    free(s->rows);
}

/* The first items of another such session, of malloc; length 0: as many as there were seen at a
 * random moment of it. */
static char *draw_history(serve_random *random, int64_t length)
{
    const int64_t n =
        length > 0 ? length : 1 + serve_random_below(random, draw_length(random) - 1);
    char *text = serve_allocate((size_t)n * 12 + 3, 1), *at = text;
    for (int64_t i = 0; i < n; i++)
        at += sprintf(at, "%c%lld", i > 0 ? ',' : '[',
                      (long long)(1 + serve_random_item(random, N_ITEMS)));
    *at = ']';
    return text;
}

/* ---- the models, and the log of everyone ---- */

static void insert_events(const serve_settings *settings, sqlite3 *db)
{
    const int64_t n =
        settings->n_sessions < MOST_EVERYONE ? settings->n_sessions : MOST_EVERYONE;
    serve_random random = {13};
    int64_t time = 0;
    serve_exec(db,
               "CREATE TABLE events(session INTEGER, item INTEGER, time REAL); BEGIN");
    sqlite3_stmt *insert =
        serve_prepare(db, sqlite3_mprintf("INSERT INTO events VALUES (?1, ?2, ?3)"));
    for (int64_t session = 1; session <= n; session++)
        for (int32_t left = draw_length(&random); left > 0; left--) {
            sqlite3_bind_int64(insert, 1, session);
            sqlite3_bind_int64(insert, 2, 1 + serve_random_item(&random, N_ITEMS));
            sqlite3_bind_int64(insert, 3, time++);
            serve_step(insert);
            sqlite3_reset(insert);
        }
    sqlite3_finalize(insert);
    serve_exec(db, "COMMIT");
}

static int prepare(void *context)
{
    const serve_settings *settings = context;
    serve_sessions sessions;
    sqlite3 *db = serve_open(settings, "blend.db", false);
    serve_exec(db, "PRAGMA synchronous = OFF");
    insert_events(settings, db);
    invent_sessions(&sessions);
    for (int i = 0; i < 2; i++) {
        serve_model model = {names[i], NULL, N_ITEMS, NULL, WIDTH, NULL};
        char *sql = sqlite3_mprintf("CREATE VIRTUAL TABLE %s USING gru4rec(events, "
                                    "session=session, item=item, time=time)",
                                    names[i]);
        serve_exec(db, sql);
        sqlite3_free(sql);
        if (i == 1)
            model.sessions = &sessions;
        serve_model_import(settings, db, &model);
    }
    free_sessions(&sessions);
    serve_close(db);
    return 0;
}

/* ---- one after another ---- */

static void open_asked(serve_recommend *r, sqlite3 *db, const char *model, int64_t length)
{
    serve_random random = {(uint64_t)length + 17};
    serve_recommend_open(
        r, db,
        sqlite3_mprintf("SELECT item, score FROM gru4rec_recommend(%Q, ?1, %d)", model,
                        TOP));
    for (int i = 0; i < SERVE_TEXTS; i++)
        r->histories[i] = draw_history(&random, length);
}

/* Queries of both models in turn, as many of the one as of the other. */
static void take_turns(serve_times times[2], double seconds, serve_recommend asked[2],
                       serve_stream *stream)
{
    const double begin = serve_now();
    while ((serve_now() - begin < seconds || times[0].n_queries < N_LEAST) &&
           times[0].n_queries < SERVE_MOST / 2)
        for (int i = 0; i < 2; i++)
            serve_measure_turn(&times[i], serve_recommend_run, &asked[i],
                               serve_stream_read, stream);
}

/* Two rows. length: of the histories; 0: any. */
static void measure(const serve_settings *settings, sqlite3 *db, int64_t length)
{
    const serve_model bytes = {"int8", NULL, N_ITEMS, NULL, WIDTH, NULL};
    char query[60] = "history of a session, k = 20";
    serve_recommend asked[2];
    serve_times times[2];
    serve_stream stream;
    if (length > 0)
        snprintf(query, sizeof query, "history of %lld, k = 20", (long long)length);
    serve_stream_open(&stream, serve_model_bytes(&bytes));
    for (int i = 0; i < 2; i++) {
        open_asked(&asked[i], db, names[i], length);
        serve_times_open(&times[i]);
    }
    take_turns(times, settings->seconds, asked, &stream);
    times[0].way = serve_stream_way(&stream);
    serve_print(settings, "blend", names[0], query, &times[0]);
    free(times[1].floors);
    times[1].floors = times[0].queries;
    times[1].n_floors = times[0].n_queries;
    serve_print(settings, "blend", names[1], query, &times[1]);
    if (length == 0)
        serve_judge(settings, "blend", names[1], &times[1]);
    times[1].floors = NULL;
    for (int i = 0; i < 2; i++) {
        serve_times_close(&times[i]);
        serve_recommend_close(&asked[i]);
    }
    serve_stream_close(&stream);
}

/* ---- everyone ---- */

/* The next rows of a statement: seconds; *n is less at its end. */
static double read_rows(sqlite3_stmt *stmt, int64_t *n)
{
    const double begin = serve_now();
    const int64_t most = *n;
    volatile int64_t sum = 0;
    for (*n = 0; *n < most && serve_step(stmt); ++*n)
        sum = sum + sqlite3_column_int64(stmt, 0) + sqlite3_column_int64(stmt, 1);
    return serve_now() - begin;
}

static void measure_everyone(const serve_settings *settings, sqlite3 *db)
{
    enum { SESSIONS_A_TURN = 1024 };
    sqlite3_stmt *stmts[2];
    double seconds[2] = {0};
    int64_t n_rows = 0, n = SESSIONS_A_TURN * TOP;
    for (int i = 0; i < 2; i++)
        stmts[i] =
            serve_prepare(db,
                          sqlite3_mprintf("SELECT session, item FROM %s WHERE rank <= %d",
                                          names[i], TOP));
    while (n == SESSIONS_A_TURN * TOP) {
        for (int i = 0; i < 2; i++)
            seconds[i] += read_rows(stmts[i], &n);
        n_rows += n;
    }
    for (int i = 0; i < 2; i++)
        sqlite3_finalize(stmts[i]);
    const double n_sessions = (double)n_rows / TOP;
    serve_print_separator(settings);
    printf(
        settings->is_json
            ? "{\"case\": \"blend\", \"sessions\": %.0f, \"network_seconds\": %.3f, "
              "\"blended_seconds\": %.3f, \"more_ms\": %.4f}"
            : "blend    everyone: %.0f sessions, top 20: %.2f s without the blend, %.2f "
              "s with it: %.3f ms more for each\n",
        n_sessions, seconds[0], seconds[1], (seconds[1] - seconds[0]) / n_sessions * 1e3);
}

void serve_blend(const serve_settings *settings)
{
    static const int64_t lengths[] = {0, 1, 4, 20};
    serve_settings own = *settings;
    if (!serve_in_child(prepare, &own))
        serve_die("no model for the case blend");
    sqlite3 *db = serve_open(settings, "blend.db", false);
    for (int i = 0; i < 4; i++)
        measure(settings, db, lengths[i]);
    measure_everyone(settings, db);
    serve_close(db);
}

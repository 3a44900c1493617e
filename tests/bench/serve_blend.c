/*
 * serve_blend.c - the case blend: what a blend adds to recommendations. Three models have the
 * weights of shop. "network" does not blend; the others blend (by the default strength) with
 * a million events of latest sessions, which are invented in two ways:
 *
 *   related  a session is about one of 430 subjects of 100 items; one item in 20 is of another.
 *            The nearest sessions of a history then have some 380 items together, as those of
 *            real logs do (236 to 432)
 *   mixed    each item is drawn from all: nothing is related, and the nearest sessions have
 *            some 2,100 items, many more than those of real logs
 *
 * Lengths are 2 to 20 in both, and subjects, items of a subject and items of all have the
 * popularity of serve_random_item(). Each of the two is asked in turn with "network" for the
 * same histories, which begin other sessions of its kind. The floor of "network" is that of a
 * scan in bytes; the floor of the others is the same query of "network". The last lines are
 * about the top 20 of every session of a log, in one statement for each model, in turn too;
 * their time is the processor's, as for so long others may need it.
 */
#include "serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    TOP = 20,
    N_ITEMS = 43000,
    SUBJECT = 100, /* items of one */
    WIDTH = 100,
    N_EVENTS = 1000000,
    N_LEAST = 400,
    MOST_EVERYONE = 10000 /* sessions */
};

static const char network[] = "network";

typedef struct kind {
    const char *name; /* of its model, and of its log */
    bool is_related;
} kind;

static const kind kinds[] = {{"related", true}, {"mixed", false}};

enum { N_KINDS = sizeof kinds / sizeof *kinds };

/* ---- sessions ---- */

/* A session that is being drawn. */
typedef struct drawn {
    serve_random *random;
    bool is_related;
    int64_t subject;
} drawn;

static drawn draw_session(serve_random *random, const kind *k)
{
    return (drawn){random, k->is_related, serve_random_item(random, N_ITEMS / SUBJECT)};
}

/* Of 2 to 20 events. */
static int32_t draw_length(serve_random *random)
{
    return (int32_t)(2 + serve_random_below(random, 19));
}

/* The row of its next item. */
static int32_t draw_row(const drawn *d)
{
    const bool is_any = !d->is_related || serve_random_below(d->random, 20) == 0;
    return (int32_t)(is_any
                         ? serve_random_item(d->random, N_ITEMS)
                         : d->subject * SUBJECT + serve_random_item(d->random, SUBJECT));
}

static void invent_sessions(serve_sessions *s, const kind *k)
{
    serve_random random = {11};
    *s = (serve_sessions){.times = serve_allocate(N_EVENTS, sizeof *s->times),
                          .lengths = serve_allocate(N_EVENTS, sizeof *s->lengths),
                          .rows = serve_allocate(N_EVENTS, sizeof *s->rows)};
    for (; s->n_events < N_EVENTS; s->n_sessions++) {
        const drawn d = draw_session(&random, k);
        int32_t length = draw_length(&random);
        if (length > N_EVENTS - s->n_events)
            length = (int32_t)(N_EVENTS - s->n_events);
        for (int32_t i = 0; i < length; i++)
            s->rows[s->n_events++] = draw_row(&d);
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

/* The first items of another such session, of malloc. length 0: all but the last one, or
 * fewer. */
static char *draw_history(serve_random *random, const kind *k, int64_t length)
{
    const drawn d = draw_session(random, k);
    const int64_t n =
        length > 0 ? length : 1 + serve_random_below(random, draw_length(random) - 1);
    char *text = serve_allocate((size_t)n * 12 + 3, 1), *at = text;
    for (int64_t i = 0; i < n; i++)
        at += sprintf(at, "%c%d", i > 0 ? ',' : '[', 1 + draw_row(&d));
    *at = ']';
    return text;
}

/* ---- the models, and the logs of everyone ---- */

static void run_sql(sqlite3 *db, char *sql)
{
    serve_exec(db, sql);
    sqlite3_free(sql);
}

static void insert_log(const serve_settings *settings, sqlite3 *db, const kind *k)
{
    const int64_t n =
        settings->n_sessions < MOST_EVERYONE ? settings->n_sessions : MOST_EVERYONE;
    serve_random random = {13};
    int64_t time = 0;
    run_sql(db, sqlite3_mprintf("CREATE TABLE %s_log(session INTEGER, item INTEGER, time "
                                "REAL); BEGIN",
                                k->name));
    sqlite3_stmt *insert =
        serve_prepare(db,
                      sqlite3_mprintf("INSERT INTO %s_log VALUES (?1, ?2, ?3)", k->name));
    for (int64_t session = 1; session <= n; session++) {
        const drawn d = draw_session(&random, k);
        for (int32_t left = draw_length(&random); left > 0; left--) {
            sqlite3_bind_int64(insert, 1, session);
            sqlite3_bind_int64(insert, 2, 1 + draw_row(&d));
            sqlite3_bind_int64(insert, 3, time++);
            serve_step(insert);
            sqlite3_reset(insert);
        }
    }
    sqlite3_finalize(insert);
    serve_exec(db, "COMMIT");
}

/* A model whose table gives the sessions of a log. */
static void make_model(const serve_settings *settings, sqlite3 *db, const char *name,
                       const char *log, const serve_sessions *sessions)
{
    const serve_model model = {name, NULL, N_ITEMS, NULL, WIDTH, sessions};
    run_sql(db, sqlite3_mprintf("CREATE VIRTUAL TABLE %s USING gru4rec(%s_log, "
                                "session=session, item=item, time=time)",
                                name, log));
    serve_model_import(settings, db, &model);
}

static int prepare(void *context)
{
    const serve_settings *settings = context;
    serve_sessions sessions;
    sqlite3 *db = serve_open(settings, "blend.db", false);
    serve_exec(db, "PRAGMA synchronous = OFF");
    for (int i = 0; i < N_KINDS; i++) {
        insert_log(settings, db, &kinds[i]);
        invent_sessions(&sessions, &kinds[i]);
        make_model(settings, db, kinds[i].name, kinds[i].name, &sessions);
        free_sessions(&sessions);
    }
    make_model(settings, db, network, kinds[0].name, NULL);
    serve_close(db);
    return 0;
}

/* ---- one after another ---- */

static void open_asked(serve_recommend *r, sqlite3 *db, const char *model, const kind *k,
                       int64_t length)
{
    serve_random random = {(uint64_t)length + 17};
    serve_recommend_open(
        r, db,
        sqlite3_mprintf("SELECT item, score FROM gru4rec_recommend(%Q, ?1, %d)", model,
                        TOP));
    for (int i = 0; i < SERVE_TEXTS; i++)
        r->histories[i] = draw_history(&random, k, length);
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

/* Two rows: that of network, and that of the model that blends, whose floor it is. */
static void print_rows(const serve_settings *settings, const kind *k, const char *query,
                       serve_times times[2], bool is_judged)
{
    serve_times beside = times[1];
    serve_print(settings, "blend", network, query, &times[0]);
    beside.floors = times[0].queries;
    beside.n_floors = times[0].n_queries;
    serve_print(settings, "blend", k->name, query, &beside);
    if (is_judged)
        serve_judge(settings, "blend", k->name, &beside);
}

/* length: of the histories; 0: any, of which the verdict is. */
static void measure(const serve_settings *settings, sqlite3 *db, const kind *k,
                    int64_t length)
{
    const serve_model bytes = {"int8", NULL, N_ITEMS, NULL, WIDTH, NULL};
    char query[60];
    serve_recommend asked[2];
    serve_times times[2];
    serve_stream stream;
    if (length > 0)
        snprintf(query, sizeof query, "%s, history of %lld, k = 20", k->name,
                 (long long)length);
    else
        snprintf(query, sizeof query, "%s, any history, k = 20", k->name);
    serve_stream_open(&stream, serve_model_bytes(&bytes));
    for (int i = 0; i < 2; i++) {
        open_asked(&asked[i], db, i == 0 ? network : k->name, k, length);
        serve_times_open(&times[i]);
    }
    times[0].way = serve_stream_way(&stream);
    take_turns(times, settings->seconds, asked, &stream);
    print_rows(settings, k, query, times, length == 0);
    for (int i = 0; i < 2; i++) {
        serve_times_close(&times[i]);
        serve_recommend_close(&asked[i]);
    }
    serve_stream_close(&stream);
}

/* ---- everyone ---- */

/* The next rows of a statement: seconds of the processor; *n is less at its end. */
static double read_rows(sqlite3_stmt *stmt, int64_t *n)
{
    const clock_t begin = clock();
    const int64_t most = *n;
    volatile int64_t sum = 0;
    for (*n = 0; *n < most && serve_step(stmt); ++*n)
        sum = sum + sqlite3_column_int64(stmt, 0) + sqlite3_column_int64(stmt, 1);
    return (double)(clock() - begin) / CLOCKS_PER_SEC;
}

static void print_everyone(const serve_settings *settings, const kind *k, double n,
                           const double seconds[2])
{
    serve_print_separator(settings);
    printf(
        settings->is_json
            ? "{\"case\": \"blend\", \"table\": \"%s\", \"sessions\": %.0f, "
              "\"network_seconds\": %.3f, \"blended_seconds\": %.3f, "
              "\"more_ms\": %.4f}"
            : "blend    %s, everyone: %.0f sessions, top 20: %.2f s of the processor without the blend, "
              "%.2f s with it: %.3f ms more for each\n",
        k->name, n, seconds[0], seconds[1], (seconds[1] - seconds[0]) / n * 1e3);
}

/* The same log for both models. */
static void measure_everyone(const serve_settings *settings, sqlite3 *db, const kind *k)
{
    enum { SESSIONS_A_TURN = 1024 };
    sqlite3_stmt *stmts[2];
    double seconds[2] = {0};
    int64_t n_rows = 0, n = SESSIONS_A_TURN * TOP;
    run_sql(db, sqlite3_mprintf("SELECT gru4rec_configure('%s', 'source=%s_log')",
                                network, k->name));
    for (int i = 0; i < 2; i++)
        stmts[i] =
            serve_prepare(db,
                          sqlite3_mprintf("SELECT session, item FROM %s WHERE rank <= %d",
                                          i == 0 ? network : k->name, TOP));
    while (n == SESSIONS_A_TURN * TOP) {
        for (int i = 0; i < 2; i++)
            seconds[i] += read_rows(stmts[i], &n);
        n_rows += n;
    }
    for (int i = 0; i < 2; i++)
        sqlite3_finalize(stmts[i]);
    print_everyone(settings, k, (double)n_rows / TOP, seconds);
}

void serve_blend(const serve_settings *settings)
{
    static const int64_t lengths[] = {0, 1, 4, 20};
    serve_settings own = *settings;
    if (!serve_in_child(prepare, &own))
        serve_die("no model for the case blend");
    sqlite3 *db = serve_open(settings, "blend.db", false);
    for (int i = 0; i < N_KINDS; i++)
        for (int j = 0; j < 4; j++)
            measure(settings, db, &kinds[i], lengths[j]);
    for (int i = 0; i < N_KINDS; i++)
        measure_everyone(settings, db, &kinds[i]);
    serve_close(db);
}

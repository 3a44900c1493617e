/*
 * serve_live.c - the case live: two processes, each serving random live sessions. It keeps
 * their states as BLOBs; a click makes a step of one and recommends after it. See serve.c.
 */
#define _POSIX_C_SOURCE 200809L
#include "serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N_WORKERS = 2, N_SESSIONS = 1000, N_ITEMS = 43000, WIDTH = 100, N_LEAST = 100 };

/* ---- a worker ---- */

typedef struct live {
    sqlite3_stmt *step, *recommend;
    void *states[N_SESSIONS]; /* NULL before the first click */
    int n_bytes[N_SESSIONS];
    serve_random random;
    int64_t sum;
} live;

/* A click of a random session, and what is shown then. */
static void click(void *context)
{
    live *l = context;
    int64_t session = serve_random_below(&l->random, N_SESSIONS);
    sqlite3_bind_blob(l->step, 1, l->states[session], l->n_bytes[session], SQLITE_STATIC);
    sqlite3_bind_int64(l->step, 2, 1 + serve_random_below(&l->random, N_ITEMS));
    if (!serve_step(l->step) || sqlite3_column_bytes(l->step, 0) == 0)
        serve_die("gru4rec_step() gave no state");
    int n = sqlite3_column_bytes(l->step, 0);
    if (n != l->n_bytes[session]) {
        free(l->states[session]);
        l->states[session] = serve_allocate((size_t)n, 1);
        l->n_bytes[session] = n;
    }
    memcpy(l->states[session], sqlite3_column_blob(l->step, 0), (size_t)n);
    sqlite3_reset(l->step);
    sqlite3_bind_blob(l->recommend, 1, l->states[session], n, SQLITE_STATIC);
    while (serve_step(l->recommend))
        l->sum += sqlite3_column_int64(l->recommend, 0);
    sqlite3_reset(l->recommend);
}

static void live_open(live *l, sqlite3 *db, const char *model, uint64_t seed)
{
    *l = (live){.random = {seed}};
    l->step =
        serve_prepare(db, sqlite3_mprintf("SELECT gru4rec_step(%Q, ?1, ?2)", model));
    l->recommend = serve_prepare(
        db, sqlite3_mprintf("SELECT item FROM gru4rec_recommend(%Q, ?1, 20)", model));
}

static void live_close(live *l)
{
    sqlite3_finalize(l->step);
    sqlite3_finalize(l->recommend);
    for (int i = 0; i < N_SESSIONS; i++)
        free(l->states[i]);
}

/* Says when it is ready, waits for the start, writes the two counts and all times. */
int serve_live_worker(const serve_settings *settings, const char *model, uint64_t seed)
{
    live l;
    serve_stream stream;
    serve_times times;
    serve_model facts = {model, NULL, N_ITEMS, NULL, WIDTH, NULL};
    sqlite3 *db = serve_open(settings, "live.db", false);
    live_open(&l, db, model, seed);
    serve_stream_open(&stream, serve_model_bytes(&facts));
    serve_times_open(&times);
    click(&l); /* loads the model */
    putchar('r');
    fflush(stdout);
    if (getchar() != 's')
        return 1;
    serve_measure(&times, settings->seconds, N_LEAST, click, &l, serve_stream_read,
                  &stream);
    fwrite(&times.n_queries, sizeof times.n_queries, 1, stdout);
    fwrite(times.queries, sizeof *times.queries, times.n_queries, stdout);
    fwrite(&times.n_floors, sizeof times.n_floors, 1, stdout);
    fwrite(times.floors, sizeof *times.floors, times.n_floors, stdout);
    fflush(stdout);
    serve_times_close(&times);
    serve_stream_close(&stream);
    live_close(&l);
    serve_close(db);
    return 0;
}

/* ---- their parent ---- */

typedef struct worker {
    pid_t process;
    FILE *to, *from;
} worker;

static void start(worker *w, const serve_settings *settings, const char *model,
                  int number)
{
    int to[2], from[2];
    char seed[12], seconds[32];
    snprintf(seed, sizeof seed, "%d", number + 1);
    snprintf(seconds, sizeof seconds, "%g", settings->seconds);
    if (pipe(to) != 0 || pipe(from) != 0 || (w->process = fork()) < 0)
        serve_die("cannot start a process");
    if (w->process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        dup2(to[0], STDIN_FILENO);
        dup2(from[1], STDOUT_FILENO);
        close(to[1]);
        close(from[0]);
        execl("/proc/self/exe", "serve", "--worker", model, seed, settings->folder,
              settings->extension, seconds, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    w->to = fdopen(to[1], "w");
    w->from = fdopen(from[0], "r");
    if (w->to == NULL || w->from == NULL)
        serve_die("cannot start a process");
}

static size_t take(worker *w, double *values, size_t n)
{
    size_t more;
    if (fread(&more, sizeof more, 1, w->from) != 1 || more > SERVE_MOST - n ||
        fread(values + n, sizeof *values, more, w->from) != more)
        serve_die("a process of the case live failed");
    return n + more;
}

/* Its times behind those of the others; its queries per second. */
static double finish(worker *w, serve_times *times)
{
    int status;
    double seconds = 0;
    size_t first = times->n_queries;
    times->n_queries = take(w, times->queries, first);
    times->n_floors = take(w, times->floors, times->n_floors);
    for (size_t i = first; i < times->n_queries; i++)
        seconds += times->queries[i];
    fclose(w->to);
    fclose(w->from);
    waitpid(w->process, &status, 0);
    return (double)(times->n_queries - first) / seconds;
}

static void measure(const serve_settings *settings, const char *model)
{
    worker workers[N_WORKERS];
    serve_times times;
    double rate = 0;
    serve_times_open(&times);
    for (int i = 0; i < N_WORKERS; i++)
        start(&workers[i], settings, model, i);
    for (int i = 0; i < N_WORKERS; i++)
        if (fgetc(workers[i].from) != 'r')
            serve_die("a process of the case live did not start");
    for (int i = 0; i < N_WORKERS; i++) {
        fputc('s', workers[i].to);
        fflush(workers[i].to);
    }
    for (int i = 0; i < N_WORKERS; i++)
        rate += finish(&workers[i], &times);
    serve_print(settings, "live", model, "step and k = 20, two processes", &times);
    serve_print_separator(settings);
    printf(settings->is_json ? "{\"case\": \"live\", \"table\": \"%s\", "
                               "\"queries_per_second\": %.0f}"
                             : "live     %s: %.0f queries a second in two processes\n",
           model, rate);
    serve_times_close(&times);
}

/* Is there a gru4rec_step()? */
static int try_step(void *context)
{
    const serve_settings *settings = context;
    sqlite3_stmt *stmt;
    sqlite3 *db = serve_open(settings, "live.db", false);
    int rc = sqlite3_prepare_v2(db, "SELECT gru4rec_step('x', NULL, 1)", -1, &stmt, NULL);
    sqlite3_finalize(stmt);
    serve_close(db);
    return rc != SQLITE_OK;
}

void serve_live(const serve_settings *settings)
{
    serve_model models[2];
    serve_settings own = *settings;
    if (!serve_in_child(try_step, &own)) {
        serve_print_note(settings, "live",
                         "skipped: this extension has no gru4rec_step()");
        return;
    }
    int n = serve_model_kinds(settings, "live", N_ITEMS, WIDTH, models);
    if (!serve_model_make(settings, "live.db", &models[n - 1]))
        serve_die("no model for the case live");
    measure(settings, models[n - 1].name);
}

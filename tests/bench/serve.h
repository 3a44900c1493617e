/*
 * serve.h - the parts of bench-serve, see serve.c. Each case runs in a process of its own,
 * so that its peak memory is its own, and what it must not be charged for (writing and
 * importing a model) runs in a child of that. Whatever fails ends the process.
 */
#ifndef BENCH_SERVE_H
#define BENCH_SERVE_H

#include "verdict.h"
#include "worker.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct serve_settings {
    const char *extension, *events; /* files; events may be NULL */
    const char *folder;             /* for all files that are made */
    double seconds;                 /* of each row, at least */
    int64_t n_sessions;             /* of the case everyone, where they are invented */
    bool is_json, has_quantize;     /* the extension knows the option quantize */
    bench_verdicts *verdicts;       /* in memory that all processes share */
} serve_settings;

/* ---- serve_measure.c: clock, medians, rows of the table ---- */

enum { SERVE_MOST = 1000000 }; /* times of a row */

typedef struct serve_times {
    double *queries, *floors; /* seconds of each */
    size_t n_queries, n_floors;
    const char *way; /* to read, of the floors; or NULL */
} serve_times;

/* A query, or a floor. */
typedef void serve_action(void *context);

double serve_now(void);
_Noreturn void serve_die(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *serve_allocate(size_t n, size_t bytes);
/* The quantile q of values (n), which it sorts: 0.5 the median. */
double serve_quantile(double *values, size_t n, double q);
/* The peak of this process's resident memory, in bytes. */
double serve_peak(void);
/* Queries and floors in turn, until both seconds and n_least queries are reached. */
void serve_measure(serve_times *times, double seconds, size_t n_least,
                   serve_action *query, void *context, serve_action *floor,
                   void *floor_context);
/* One turn of the queries and one of the floors. */
void serve_measure_turn(serve_times *times, serve_action *query, void *context,
                        serve_action *floor, void *floor_context);
/* Makes room in times. */
void serve_times_open(serve_times *times);
void serve_times_close(serve_times *times);
/* One row; sorts the times. */
void serve_print(const serve_settings *settings, const char *name, const char *table,
                 const char *query, serve_times *times);
/* Are the queries as near to their floor as was asked? */
void serve_judge(const serve_settings *settings, const char *name, const char *table,
                 serve_times *times);
/* The verdict on a row that was not measured. */
void serve_judge_missing(const serve_settings *settings, const char *name,
                         const char *table);
/* What goes between two rows: a comma in JSON. */
void serve_print_separator(const serve_settings *settings);
void serve_print_note(const serve_settings *settings, const char *name, const char *note);
/* Runs work in a child process; false when that failed. */
bool serve_in_child(int (*work)(void *context), void *context);

/* ---- serve_floor.c ---- */

typedef struct serve_stream {
    uint64_t *words; /* n_bytes, rounded up to a whole block */
    size_t n_blocks;
    uint64_t sum;
    const struct serve_way *way; /* the fastest */
} serve_stream;

/* Tries all ways to read. */
void serve_stream_open(serve_stream *stream, size_t n_bytes);
void serve_stream_close(serve_stream *stream);
/* Reads all bytes once; context: serve_stream. */
serve_action serve_stream_read;
/* What its way is called. */
const char *serve_stream_way(const serve_stream *stream);

/* ---- serve_model.c: invented models, databases, lists of items ---- */

typedef struct serve_random {
    uint64_t state;
} serve_random;

/* Latest sessions, with which a model blends; the one that ended first comes first. */
typedef struct serve_sessions {
    int64_t n_sessions, n_events;
    double *times;           /* (n_sessions) of the last event */
    int32_t *lengths, *rows; /* (n_sessions), (n_events): the items' rows */
} serve_sessions;

typedef struct serve_model {
    const char *name;     /* also that of the table's kind: float32, int8, auto ... */
    const char *quantize; /* value of the option, or NULL */
    int64_t n_items;
    const int64_t *ids; /* (n_items), or NULL: 1, 2, ... */
    int width;
    const serve_sessions *sessions; /* it blends with; or NULL: it does not blend */
} serve_model;

uint64_t serve_random_next(serve_random *random);
/* From 0 to below n. */
int64_t serve_random_below(serve_random *random, int64_t n);
double serve_random_uniform(serve_random *random);
/*
 * An item, from 0 to below n: that of popularity rank r in proportion to 1 / (r + 20).
 * Popular items are anywhere in the table.
 */
int64_t serve_random_item(serve_random *random, int64_t n);

/* A connection to folder/name; with the extension unless is_bare. */
sqlite3 *serve_open(const serve_settings *settings, const char *name, bool is_bare);
void serve_close(sqlite3 *db);
void serve_exec(sqlite3 *db, const char *sql);
/* sql: of sqlite3_mprintf; freed. */
sqlite3_stmt *serve_prepare(sqlite3 *db, char *sql);
/* Ends the process unless rc is that of a row or the end; true: a row. */
bool serve_step(sqlite3_stmt *stmt);
void serve_model_import(const serve_settings *settings, sqlite3 *db,
                        const serve_model *model);
/* The same in a child process; false when that failed. */
bool serve_model_make(const serve_settings *settings, const char *database,
                      const serve_model *model);
/* The kinds of table that the extension has: float32, and int8. */
int serve_model_kinds(const serve_settings *settings, const char *name, int64_t n_items,
                      int width, serve_model models[2]);
/* Bytes of a model's table that a scan reads. */
size_t serve_model_bytes(const serve_model *model);
/* A JSON array of n of the items 1 to n_items, of malloc; distinct: none twice. */
char *serve_items(serve_random *random, int64_t n_items, int64_t n, bool is_distinct);

/* ---- serve_recommend.c: one statement, many histories ---- */

enum { SERVE_TEXTS = 64 };

/* A statement, and what is bound to it in turn. */
typedef struct serve_recommend {
    sqlite3_stmt *stmt;
    /* of malloc, by the caller; candidates: or NULL */
    char *histories[SERVE_TEXTS], *candidates[SERVE_TEXTS];
    size_t next;
    double sum; /* of what the rows hold, so that they are read */
} serve_recommend;

/* sql: of sqlite3_mprintf; freed. */
void serve_recommend_open(serve_recommend *r, sqlite3 *db, char *sql);
void serve_recommend_close(serve_recommend *r);
/* Asks for the next history; context: serve_recommend. */
serve_action serve_recommend_run;

/* ---- the cases ---- */

void serve_shop(const serve_settings *settings);
void serve_million(const serve_settings *settings);
void serve_huge(const serve_settings *settings);
void serve_everyone(const serve_settings *settings);
void serve_blend(const serve_settings *settings);
void serve_live(const serve_settings *settings);
/* One of the processes of serve_live. */
int serve_live_worker(const serve_settings *settings, const char *model, uint64_t seed);

#endif

/*
 * recursion.c EXTENSION [--seconds S] [--seed N]: models and views that read each other,
 * and themselves, in threads whose stack is small.
 *
 *   a ring of models: each one's source is a view on the next one's table
 *   a chain: the same, and the last one's source is a table. It is legal: up to three
 *   models it works, a longer one works or is an error
 *   shadow tables that are views on the model itself, or on another one
 *   views of batches, rankings, evaluations that read themselves
 *
 * Every statement gives rows or an error. What leads back to itself is always an error.
 */
#include "attack.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__SANITIZE_ADDRESS__)
enum { STACK = 2 << 20 }; /* frames are several times as large there */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { STACK = 2 << 20 };
#else
enum { STACK = 256 << 10 };
#endif
#else
enum { STACK = 256 << 10 };
#endif

enum { MOST_SECONDS = 10 /* of a statement */ };

#define OPTIONS "layers=4, n_sample=4, batch_size=2, n_epochs=1, threads=1"
#define FROM_MODEL "SELECT session AS session_id, item AS item_id, rank AS ts FROM "

/* ---- statements, in a thread of their own ---- */

/* What is asked of a model whose source is a view: %w are their names, in this order. */
static const char *const statements[] = {
    "EXPLAIN SELECT * FROM \"%w\"",
    "SELECT * FROM \"%w\" LIMIT 1",
    "SELECT count(*) FROM \"%w\" WHERE rank <= 1",
    "SELECT count(*) FROM \"%w\" WHERE session = 1 AND rank <= 1",
    "SELECT count(*) FROM gru4rec_recommend('%w', '[1]', 2)",
    "SELECT gru4rec_score('%w', '[1]', 2)",
    "SELECT length(gru4rec_export('%w'))",
    "SELECT gru4rec_info('%w')",
    "SELECT gru4rec_check('%w')",
    "SELECT gru4rec_plot('%w', 'popularity')",
    "SELECT gru4rec_plot('%w', 'methods', 'test=%w')",
    "SELECT count(*) FROM gru4rec_evaluate('%w', '%w')",
    "SELECT count(*) FROM gru4rec_batches('%.0s%w', 2)",
    "SELECT count(*) FROM gru4rec_audit('%w', '%w')",
    "SELECT gru4rec_train('%w')",
    "SELECT gru4rec_train('%w', 'warm_start=true')",
    "PRAGMA integrity_check",
    "ALTER TABLE \"%w\" RENAME TO renamed",
    "DROP TABLE \"%w\"",
};

enum { N_STATEMENTS = sizeof statements / sizeof *statements, N_READ_SOURCE = 4 };

typedef struct question {
    sqlite3 *db;
    char *sql, *answer;
    int rc;
    time_t end;
} question;

static int is_too_late(void *context)
{
    return time(NULL) > ((const question *)context)->end;
}

static void *ask_here(void *context)
{
    question *its = context;
    its->answer = attack_ask(its->db, &its->rc, its->sql);
    return NULL;
}

/* The answer must be freed with sqlite3_free(). */
static char *ask(sqlite3 *db, char *sql, int *rc)
{
    pthread_t thread;
    pthread_attr_t attributes;
    question its = {.db = db, .sql = sql, .end = time(NULL) + MOST_SECONDS};
    sqlite3_progress_handler(db, 1000, is_too_late, &its);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    if (pthread_create(&thread, &attributes, ask_here, &its) != 0)
        abort();
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    sqlite3_progress_handler(db, 0, NULL, NULL);
    *rc = its.rc;
    return its.answer;
}

/* ---- shapes ---- */

typedef enum expected {
    AN_ERROR, /* from what reads the source; the others may do their work */
    ROWS,     /* from all */
    ANYTHING  /* but a crash */
} expected;

static void make_model(sqlite3 *db, int i, const char *source)
{
    char *sql = sqlite3_mprintf(
        "CREATE TABLE %s(session_id, item_id, ts);"
        "INSERT INTO %s VALUES (1, 1, 1), (1, 2, 2), (2, 2, 1), (2, 1, 2), (2, 3, 3);"
        "CREATE VIRTUAL TABLE m%d USING gru4rec(%s, " OPTIONS ");"
        "SELECT gru4rec_train('m%d')",
        source, source, i, source, i);
    attack_run(db, sql);
    sqlite3_free(sql);
}

/* From now on the source of a model is what another one's table gives. */
static void redirect(sqlite3 *db, int from, int to)
{
    char *sql = sqlite3_mprintf("DROP TABLE c%d; CREATE VIEW c%d AS " FROM_MODEL
                                "m%d WHERE rank <= 3",
                                from, from, to);
    attack_run(db, sql);
    sqlite3_free(sql);
}

static void make_models(sqlite3 *db, int n)
{
    char source[20];
    attack_run(db, "BEGIN");
    for (int i = 0; i < n; i++) {
        snprintf(source, sizeof source, "c%d", i);
        make_model(db, i, source);
    }
    attack_run(db, "COMMIT");
}

static void make_ring(sqlite3 *db, int n)
{
    make_models(db, n);
    for (int i = 0; i < n; i++)
        redirect(db, i, (i + 1) % n);
}

static void make_chain(sqlite3 *db, int n)
{
    make_models(db, n);
    for (int i = 0; i + 1 < n; i++)
        redirect(db, i, i + 1);
}

/* ---- all shapes, each in a file of its own ---- */

enum { MOST_SHAPES = 200 };

static struct made {
    char name[160];
    expected what;
    bool is_named; /* the error says that it leads back to itself */
} made[MOST_SHAPES];

static int n_made;

static const char *file_of(int shape)
{
    static char name[20];
    snprintf(name, sizeof name, "shape-%d.db", shape);
    return name;
}

/* Begins a shape: a new file, or a copy of base. The connection is the caller's. */
static sqlite3 *begin_shape(const char *name, expected what, const char *base)
{
    struct made *shape = &made[n_made];
    snprintf(shape->name, sizeof shape->name, "%s", name);
    shape->what = what;
    attack_point("making: %s", name);
    attack_count(1);
    if (base != NULL)
        attack_copy(base, file_of(n_made));
    return attack_open(file_of(n_made++), NULL);
}

/* ---- shapes of models that read models ---- */

static void make_lines(void)
{
    static const int lengths[] = {1, 2, 3, 5, 9, 17, 30, 60, 100, 200};
    char name[40];
    for (int i = 0; i < (int)(sizeof lengths / sizeof *lengths); i++) {
        const int n = lengths[i];
        snprintf(name, sizeof name, "chain of %d", n);
        sqlite3 *db = begin_shape(name, n <= 3 ? ROWS : ANYTHING, NULL);
        make_chain(db, n);
        sqlite3_close(db);
        snprintf(name, sizeof name, "ring of %d", n);
        db = begin_shape(name, AN_ERROR, NULL);
        made[n_made - 1].is_named = n <= 3;
        make_ring(db, n);
        sqlite3_close(db);
    }
}

/* ---- shapes of single models ---- */

/* SQL that makes something of the models m0 and m1 with their sources c0 and c1. */
static const struct shape {
    const char *name, *sql;
    expected what;
} shapes[] = {
    {"ring by a SELECT of its own",
     "DROP VIEW m2_source; CREATE VIEW m2_source AS " FROM_MODEL "m2; "
     "ALTER TABLE m0 RENAME TO old; ALTER TABLE m2 RENAME TO m0",
     ANYTHING},
    {"a ranking of itself",
     "DROP TABLE c0; CREATE VIEW c0 AS SELECT 1 AS session_id, item AS item_id, rank AS "
     "ts "
     "FROM gru4rec_recommend('m0', '[1]') UNION ALL " FROM_MODEL "m0",
     AN_ERROR},
    {"rankings only: no circle",
     "DROP TABLE c0; CREATE VIEW c0 AS SELECT rank % 2 AS session_id, item AS item_id, "
     "rank AS ts FROM gru4rec_recommend('m0', '[1]')",
     ANYTHING},
    {"an evaluation of itself",
     "DROP TABLE c0; CREATE VIEW c0 AS SELECT k AS session_id, 1 AS item_id, events AS "
     "ts "
     "FROM gru4rec_evaluate('m0', 'c0')",
     AN_ERROR},
    {"an audit of itself",
     "DROP TABLE c0; CREATE VIEW c0 AS SELECT check_name AS session_id, 1 AS item_id, "
     "1 AS ts FROM gru4rec_audit('m0', 'c0')",
     AN_ERROR},
    {"batches of themselves",
     "DROP TABLE c0; CREATE VIEW c0 AS SELECT session AS session_id, input AS item_id, "
     "step AS ts FROM gru4rec_batches('c0', 2)",
     AN_ERROR},
    {"batches of each other",
     "DROP TABLE c0; DROP TABLE c1; CREATE VIEW c0 AS SELECT session AS session_id, "
     "input AS item_id, step AS ts FROM gru4rec_batches('c1', 2);"
     "CREATE VIEW c1 AS SELECT session AS session_id, input AS item_id, step AS ts FROM "
     "gru4rec_batches('c0', 2)",
     AN_ERROR},
    {"batches of the model",
     "DROP TABLE c0; CREATE VIEW c0 AS SELECT session AS session_id, input AS item_id, "
     "step AS ts FROM gru4rec_batches('(" FROM_MODEL "m0)', 2)",
     AN_ERROR},
    {"a view of views",
     "DROP TABLE c0; CREATE VIEW v1 AS " FROM_MODEL
     "m0; CREATE VIEW v2 AS SELECT * FROM v1 "
     "UNION ALL SELECT * FROM v1; CREATE VIEW v3 AS SELECT * FROM v2 UNION ALL SELECT * "
     "FROM v2; CREATE VIEW c0 AS SELECT * FROM v3",
     AN_ERROR},
    {"a state of itself",
     "DROP TABLE c0; CREATE VIEW c0 AS SELECT 1 AS session_id, 1 AS item_id, "
     "length(gru4rec_state('m0', item)) AS ts FROM m0",
     AN_ERROR},
    {"a score in the source",
     "ALTER TABLE c0 RENAME TO b; CREATE VIEW c0 AS SELECT session_id, item_id, ts + 0 * "
     "gru4rec_score('m0', '[1]', 1) AS ts FROM b",
     ANYTHING},
    {"the info of the model in the source",
     "ALTER TABLE c0 RENAME TO b; CREATE VIEW c0 AS SELECT session_id, item_id, ts + 0 * "
     "length(gru4rec_info('m0')) AS ts FROM b",
     ANYTHING},
    {"the check of the model in the source",
     "ALTER TABLE c0 RENAME TO b; CREATE VIEW c0 AS SELECT session_id, item_id, ts + 0 * "
     "length(gru4rec_check('m0')) AS ts FROM b",
     ANYTHING},
};

/* Expressions in a shadow table that is a view. %d is the model. */
static const char *const inner[] = {
    "gru4rec_score('m%d', '[1]', 1)",
    "length(gru4rec_step('m%d', NULL, 1))",
    "length(gru4rec_embedding('m%d', 1))",
    "length(gru4rec_info('m%d'))",
    "length(gru4rec_check('m%d'))",
    "(SELECT count(*) FROM m%d)",
    "(SELECT count(*) FROM gru4rec_recommend('m%d', '[1]', 1))",
    "(SELECT count(*) FROM gru4rec_similar('m%d', 1))",
    "(SELECT count(*) FROM gru4rec_explain('m%d', '[1]', 2))",
    "(SELECT count(*) FROM gru4rec_evaluate('m%d', 'c1'))",
};

static const char *const shadows[] = {"config", "version", "epoch", "item", "tensor"};

enum {
    N_SHAPES = sizeof shapes / sizeof *shapes,
    N_INNER = sizeof inner / sizeof *inner,
    N_SHADOWS = sizeof shadows / sizeof *shadows
};

/* A shadow table of a model becomes a view on its rows that asks a model for each. */
static void make_view(sqlite3 *db, int model, const char *shadow, const char *expression,
                      int asked)
{
    char *value = sqlite3_mprintf(expression, asked);
    char *sql = sqlite3_mprintf(
        "CREATE TABLE rows_%d AS SELECT * FROM m%d_%s; DROP TABLE m%d_%s;"
        "CREATE VIEW m%d_%s AS SELECT * FROM rows_%d WHERE (%s) IS NOT 'x'",
        model, model, shadow, model, shadow, model, shadow, model, value);
    attack_run(db, sql);
    sqlite3_free(sql);
    sqlite3_free(value);
}

static void make_base(void)
{
    attack_point("the base of shapes");
    sqlite3 *db = attack_open("base.db", NULL);
    make_models(db, 2);
    attack_run(db,
               "CREATE VIRTUAL TABLE m2 USING gru4rec((SELECT * FROM c1), " OPTIONS ");"
               "SELECT gru4rec_train('m2')");
    sqlite3_close(db);
}

static void make_shapes(void)
{
    for (int i = 0; i < N_SHAPES; i++) {
        sqlite3 *db = begin_shape(shapes[i].name, shapes[i].what, "base.db");
        attack_run(db, shapes[i].sql);
        sqlite3_close(db);
    }
}

/* Views in place of the shadow tables: of m0 that ask m0, or of m0 and m1 that ask each
 * other. */
static void make_shadows(void)
{
    char name[160];
    for (int i = 0; i < 2 * N_SHADOWS * N_INNER; i++) {
        const bool are_two = i % 2;
        const char *shadow = shadows[i / 2 % N_SHADOWS];
        const char *expression = inner[i / 2 / N_SHADOWS];
        snprintf(name, sizeof name, "%s of %s asks %s", shadow,
                 are_two ? "two models" : "the model", expression);
        sqlite3 *db = begin_shape(name, ANYTHING, "base.db");
        make_view(db, 0, shadow, expression, are_two);
        if (are_two)
            make_view(db, 1, shadow, expression, 0);
        sqlite3_close(db);
    }
}

/* ---- one shape, one statement ---- */

static void judge(const struct made *shape, int statement, int rc, const char *answer)
{
    const bool reads = statement > 0 && statement < N_READ_SOURCE;
    attack_check(strstr(answer, "interrupted") == NULL || shape->what == ANYTHING,
                 "takes longer than %d s", MOST_SECONDS);
    if (shape->what == ROWS)
        attack_check(rc == SQLITE_OK, "%s", answer);
    if (shape->what == AN_ERROR && reads)
        attack_check(rc != SQLITE_OK, "gives %s", answer);
    if (shape->is_named && reads)
        attack_check(strstr(answer, "leads back to itself") != NULL, "gives %s", answer);
}

/* The last argument: as a host sets it that does not trust the file. */
static void try_statement(int shape, int statement, bool is_strict)
{
    int rc;
    attack_copy(file_of(shape), "work.db");
    sqlite3 *db = attack_open("work.db", NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, !is_strict, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, is_strict, NULL);
    char *sql = sqlite3_mprintf(statements[statement], "m0", "c0");
    attack_point("%s%s: %s", made[shape].name, is_strict ? ", strict" : "", sql);
    char *answer = ask(db, sql, &rc);
    judge(&made[shape], statement, rc, answer);
    attack_check(sqlite3_get_autocommit(db), "left in a transaction");
    attack_check(sqlite3_close(db) == SQLITE_OK, "a statement was left");
    sqlite3_free(answer);
    sqlite3_free(sql);
}

static void work(const char *mode)
{
    (void)mode;
    make_base();
    make_lines();
    make_shapes();
    make_shadows();
    const long n = (long)n_made * N_STATEMENTS * 2;
    attack_count(n);
    for (long k = 0; k < n && !attack_is_over(); k++) {
        const int i = (int)attack_spread(k, n);
        try_statement(i / 2 / N_STATEMENTS, i / 2 % N_STATEMENTS, i % 2);
    }
}

int main(int argc, char **argv)
{
    return attack_main(argc, argv, work);
}

/*
 * threads.c EXTENSION MODE ROUNDS: several threads of one process, each with its own connection.
 *
 *   same    trainings at once give the bits that each gives alone
 *   serve   8 threads serve one model while another connection trains it anew
 *   answers 8 threads ask in all the ways there are, while another connection trains and
 *           deploys: an answer is bit by bit that of the version that was active
 *   scan    8 threads ask for the first items of a large catalogue, ROUNDS times each
 *   blend   trainings, a tuning, an evaluation and a comparison of models that blend, at
 *           once and each with threads of its own, give what each gives alone
 *
 * Exit status 0: all is well. The database lies in /tmp.
 */
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N_TRAIN = 4, N_SERVE = 8, N_OPEN = 40 };

static const char *extension;
static int n_rounds;
static char dir[] = "/tmp/gru4rec-threads-XXXXXX";
static atomic_int n_failed, is_trained, n_served;

static void fail(const char *what, sqlite3 *db)
{
    fprintf(stderr, "%s: %s\n", what, db != NULL ? sqlite3_errmsg(db) : "wrong");
    n_failed++;
}

static sqlite3 *open_db(const char *name)
{
    sqlite3 *db;
    char path[256], *message = NULL;
    snprintf(path, sizeof path, *name == ':' ? "%s%s" : "%s/%s", *name == ':' ? "" : dir,
             name);
    if (sqlite3_open(path, &db) != SQLITE_OK) {
        fail("open", db);
        exit(1);
    }
    sqlite3_busy_timeout(db, 60000);
    sqlite3_enable_load_extension(db, 1);
    if (sqlite3_load_extension(db, extension, NULL, &message) != SQLITE_OK) {
        fprintf(stderr, "%s\n", message);
        exit(1);
    }
    return db;
}

static void run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail(sql, db);
}

static void close_db(sqlite3 *db)
{
    if (sqlite3_close(db) != SQLITE_OK)
        fail("close", db);
}

/* The first value, to be freed. */
static char *get(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    char *text = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        text = sqlite3_mprintf("%s", sqlite3_column_text(stmt, 0));
    else
        fail(sql, db);
    sqlite3_finalize(stmt);
    return text;
}

static const char make_clicks[] =
    "CREATE TABLE clicks(session, item, ts);"
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 2999)"
    " INSERT INTO clicks SELECT i / 5, i * i % 71, i FROM n";

/* ---- same ---- */

static const char make_model[] =
    "CREATE VIRTUAL TABLE rec USING gru4rec(clicks, layers=48, n_sample=64, "
    "n_epochs=8, batch_size=16)";

typedef struct training {
    int seed;
    char *bits;
} training;

static void *train(void *argument)
{
    training *t = argument;
    char sql[100];
    sqlite3 *db = open_db(":memory:");
    run(db, make_clicks);
    run(db, make_model);
    snprintf(sql, sizeof sql, "SELECT gru4rec_train('rec', 'seed=%d')", t->seed);
    run(db, sql);
    t->bits = get(db, "SELECT group_concat(hex(data), '') FROM"
                      " (SELECT data FROM rec_tensor ORDER BY id)");
    close_db(db);
    return NULL;
}

static void train_at_once(training *alone)
{
    training together[N_TRAIN] = {0};
    pthread_t threads[N_TRAIN];
    for (int i = 0; i < N_TRAIN; i++) {
        together[i].seed = alone[i].seed;
        pthread_create(&threads[i], NULL, train, &together[i]);
    }
    for (int i = 0; i < N_TRAIN; i++) {
        pthread_join(threads[i], NULL);
        if (alone[i].bits == NULL || together[i].bits == NULL ||
            strcmp(alone[i].bits, together[i].bits) != 0)
            fail("bits of trainings at once", NULL);
        sqlite3_free(together[i].bits);
    }
}

static void train_same(void)
{
    training alone[N_TRAIN] = {0};
    for (int i = 0; i < N_TRAIN; i++) {
        alone[i].seed = i;
        train(&alone[i]);
    }
    for (int i = 0; i < n_rounds; i++)
        train_at_once(alone);
    if (alone[0].bits == NULL || alone[1].bits == NULL ||
        strcmp(alone[0].bits, alone[1].bits) == 0)
        fail("bits of two seeds", NULL);
    for (int i = 0; i < N_TRAIN; i++)
        sqlite3_free(alone[i].bits);
}

/* ---- serve ---- */

static void expect(sqlite3 *db, const char *sql, const char *expected)
{
    char *got = get(db, sql);
    if (got != NULL && strcmp(got, expected) != 0)
        fail(sql, NULL);
    sqlite3_free(got);
}

static void serve_once(sqlite3 *db)
{
    expect(db, "SELECT count(score) FROM gru4rec_recommend('rec', '[1, 4]', 5)", "5");
    expect(db, "SELECT count(score) FROM rec WHERE session IN (3, 5) AND rank <= 4", "8");
    expect(db, "SELECT json_extract(gru4rec_info('rec'), '$.version') > 0", "1");
    n_served++;
}

/* Even threads keep their connection, odd ones open a new one each time. */
static void *serve(void *argument)
{
    int is_keeping = *(int *)argument % 2 == 0, n_opened = 0;
    sqlite3 *db = open_db("served.db");
    while (!is_trained) {
        serve_once(db);
        if (!is_keeping && n_opened++ < N_OPEN) {
            close_db(db);
            db = open_db("served.db");
        }
        usleep(500);
    }
    serve_once(db);
    expect(db,
           "SELECT sum(events) > 0 FROM gru4rec_evaluate('rec', 'clicks', 'cutoffs=5')",
           "1");
    close_db(db);
    return NULL;
}

static void serve_while_training(void)
{
    pthread_t threads[N_SERVE];
    int numbers[N_SERVE];
    sqlite3 *db = open_db("served.db");
    char *version;
    run(db, "PRAGMA journal_mode = wal");
    run(db, make_clicks);
    run(db, "CREATE INDEX by_session ON clicks(session)");
    run(db, make_model);
    run(db, "SELECT gru4rec_train('rec', 'n_epochs=1')");
    for (int i = 0; i < N_SERVE; i++) {
        numbers[i] = i;
        pthread_create(&threads[i], NULL, serve, &numbers[i]);
    }
    for (int i = 0; i < n_rounds; i++)
        run(db, "SELECT gru4rec_train('rec')");
    is_trained = 1;
    for (int i = 0; i < N_SERVE; i++)
        pthread_join(threads[i], NULL);
    version = get(db, "SELECT json_extract(gru4rec_info('rec'), '$.version')");
    printf("version %s, served %d times\n", version, n_served);
    sqlite3_free(version);
    close_db(db);
}

/* ---- answers ---- */

/* 2,003 items, so that first ranks come from the copy in bytes. */
static const char make_events[] =
    "CREATE TABLE events(session, item, ts);"
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 4199)"
    " INSERT INTO events SELECT i / 7, i * 7919 % 2003, i FROM n;"
    "CREATE INDEX by_event_session ON events(session);"
    "CREATE VIRTUAL TABLE big USING gru4rec(events, layers=24, n_sample=64, n_epochs=1, "
    "batch_size=32, quantize=true, keep_versions=1000, threads=1)";

/* Version v has the weights of seed v % N_SEEDS, and so its answers. */
enum { N_SEEDS = 3, STATE_BYTES = 200 };

/* ?1: a session's state, made by the first version. */
#define OF(rows) "SELECT group_concat(item || ' ' || score) FROM " rows
static const char *const questions[] = {
    OF("gru4rec_recommend('big', '[1, 40, 77]', 10)"),
    OF("gru4rec_recommend('big', '[1, 40, 77]', 50) WHERE exclude_seen = 1"),
    OF("gru4rec_recommend('big', ?1, 10)"),
    OF("gru4rec_recommend('big', (SELECT gru4rec_state('big', value) FROM "
       "json_each('[5, 1999, 5, 80]')), 10)"),
    OF("gru4rec_recommend('big', gru4rec_step('big', gru4rec_step('big', ?1, 8), 9), 5)"),
    OF("gru4rec_recommend('big', '[8]', 3) WHERE candidates = '[1, 2, 3, 4, 5]'"),
    "SELECT group_concat(gru4rec_score('big', '[1, 40]', value)) FROM "
    "json_each('[3, 4, 5, 2000, 3000]')",
    "SELECT group_concat(gru4rec_score('big', s, 9)) FROM (SELECT gru4rec_state('big', "
    "item) OVER (ORDER BY ts) AS s FROM events WHERE session = 3)",
    "SELECT group_concat(gru4rec_score('big', s, 6)) FROM (SELECT gru4rec_state('big', "
    "item) AS s FROM (SELECT * FROM events WHERE session < 20 ORDER BY session, ts) "
    "GROUP BY session)",
    "SELECT group_concat(item || ' ' || similarity) FROM gru4rec_similar('big', 12, 10)",
    "SELECT group_concat(position || ' ' || contribution) FROM "
    "gru4rec_explain('big', '[1, 40, 77, 2000]', 5)",
    "SELECT group_concat(position || ' ' || contribution) FROM "
    "gru4rec_explain('big', ?1, 5)",
    "SELECT hex(gru4rec_embedding('big', 99))",
    OF("big WHERE session IN (4, 70, 599) AND rank <= 5"),
    OF("big WHERE rank <= 5"),
    OF("(SELECT * FROM big WHERE rank <= 5 AND exclude_seen = 1 AND session < 90)"),
    OF("(SELECT * FROM big LIMIT 500)"),
};

enum { N_QUESTIONS = sizeof questions / sizeof *questions };

static char *truth[N_SEEDS][N_QUESTIONS];
static unsigned char kept_state[STATE_BYTES];
static int n_state;

/* A thread's statements, prepared once: they are to see new versions too. */
typedef struct asker {
    sqlite3 *db;
    sqlite3_stmt *version, *asked[N_QUESTIONS];
} asker;

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        fail(sql, db);
    if (sqlite3_bind_parameter_count(stmt) > 0)
        sqlite3_bind_blob(stmt, 1, kept_state, n_state, SQLITE_STATIC);
    return stmt;
}

static void open_asker(asker *a)
{
    a->db = open_db("served.db");
    a->version = prepare(a->db, "SELECT value FROM big_config WHERE key = 'version'");
    for (int i = 0; i < N_QUESTIONS; i++)
        a->asked[i] = prepare(a->db, questions[i]);
}

static void close_asker(asker *a)
{
    sqlite3_finalize(a->version);
    for (int i = 0; i < N_QUESTIONS; i++)
        sqlite3_finalize(a->asked[i]);
    close_db(a->db);
}

/* A statement's only value, to be freed. */
static char *ask(sqlite3 *db, sqlite3_stmt *stmt)
{
    char *text = NULL;
    if (sqlite3_step(stmt) == SQLITE_ROW)
        text = sqlite3_mprintf("%s", sqlite3_column_text(stmt, 0));
    else
        fail(sqlite3_sql(stmt), db);
    sqlite3_reset(stmt);
    return text;
}

static bool is_truth(const char *answer, int seed, int question)
{
    return answer != NULL && strcmp(answer, truth[seed][question]) == 0;
}

/* In a transaction the version is known; outside of one it is any. */
static void check_answer(asker *a, int question, bool is_in_transaction)
{
    char *version = NULL;
    if (is_in_transaction) {
        run(a->db, "BEGIN");
        version = ask(a->db, a->version);
    }
    char *answer = ask(a->db, a->asked[question]);
    bool is_right = false;
    for (int seed = 0; seed < N_SEEDS; seed++)
        if (version == NULL || atoi(version) % N_SEEDS == seed)
            is_right |= is_truth(answer, seed, question);
    if (!is_right)
        fail(questions[question], NULL);
    if (is_in_transaction)
        run(a->db, "COMMIT");
    sqlite3_free(version);
    sqlite3_free(answer);
    n_served++;
}

/* One thread comes and goes. */
static void *ask_all(void *argument)
{
    const int number = *(int *)argument;
    asker a;
    open_asker(&a);
    for (int i = number; !is_trained; i++) {
        check_answer(&a, i % N_QUESTIONS, i / N_QUESTIONS % 2 == 0);
        if (number == 0 && i % 5 == 4) {
            close_asker(&a);
            open_asker(&a);
        }
    }
    for (int i = 0; i < N_QUESTIONS; i++)
        check_answer(&a, i, true);
    close_asker(&a);
    return NULL;
}

static void train_version(sqlite3 *db, int version)
{
    char sql[100];
    snprintf(sql, sizeof sql,
             "SELECT json_extract(gru4rec_train('big', 'seed=%d'), '$.version')",
             version % N_SEEDS);
    char *trained = get(db, sql);
    if (trained == NULL || atoi(trained) != version)
        fail("the number of a version", NULL);
    sqlite3_free(trained);
}

static void find_truth(sqlite3 *db)
{
    for (int version = 1; version <= N_SEEDS; version++) {
        train_version(db, version);
        if (version == 1) {
            sqlite3_stmt *stmt = prepare(db, "SELECT gru4rec_state('big', value) FROM "
                                             "json_each('[100, 4, 2002]')");
            sqlite3_step(stmt);
            n_state = sqlite3_column_bytes(stmt, 0);
            memcpy(kept_state, sqlite3_column_blob(stmt, 0), (size_t)n_state);
            sqlite3_finalize(stmt);
        }
        for (int i = 0; i < N_QUESTIONS; i++) {
            sqlite3_stmt *stmt = prepare(db, questions[i]);
            truth[version % N_SEEDS][i] = ask(db, stmt);
            sqlite3_finalize(stmt);
        }
    }
    for (int i = 0; i < N_QUESTIONS; i++)
        for (int seed = 0; seed < N_SEEDS; seed++)
            if (is_truth(truth[(seed + 1) % N_SEEDS][i], seed, i))
                fail("versions differ", NULL);
}

/* Trains and deploys for a while. */
static void change_versions(sqlite3 *db)
{
    int newest = N_SEEDS;
    char sql[100];
    for (int i = 0; i < n_rounds; i++) {
        train_version(db, ++newest);
        for (int k = 0; k < 5; k++) {
            usleep(50000);
            snprintf(sql, sizeof sql, "SELECT gru4rec_deploy('big', %d)",
                     1 + (i + k) % newest);
            run(db, sql);
        }
    }
}

static void ask_while_changing(void)
{
    pthread_t threads[N_SERVE];
    int numbers[N_SERVE];
    sqlite3 *db = open_db("served.db");
    run(db, "PRAGMA journal_mode = wal");
    run(db, make_events);
    find_truth(db);
    for (int i = 0; i < N_SERVE; i++) {
        numbers[i] = i;
        pthread_create(&threads[i], NULL, ask_all, &numbers[i]);
    }
    change_versions(db);
    is_trained = 1;
    for (int i = 0; i < N_SERVE; i++)
        pthread_join(threads[i], NULL);
    printf("%d answers\n", n_served);
    for (int seed = 0; seed < N_SEEDS; seed++)
        for (int i = 0; i < N_QUESTIONS; i++)
            sqlite3_free(truth[seed][i]);
    close_db(db);
}

/* ---- scan ---- */

static const char make_catalogue[] =
    "CREATE TABLE events(session, item, ts);"
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)"
    " INSERT INTO events SELECT i / 2, i, i FROM n;"
    "CREATE VIRTUAL TABLE big USING gru4rec(events, layers=64, n_sample=256, n_epochs=1, "
    "batch_size=256, quantize=true)";

static void *scan(void *argument)
{
    sqlite3 *db = open_db("served.db");
    sqlite3_stmt *stmt =
        prepare(db, "SELECT group_concat(item) FROM gru4rec_recommend('big', 7, 10)");
    for (int i = 0; i < n_rounds; i++) {
        char *answer = ask(db, stmt);
        if (answer == NULL || strcmp(answer, argument) != 0)
            fail("scan", NULL);
        sqlite3_free(answer);
        n_served++;
    }
    sqlite3_finalize(stmt);
    close_db(db);
    return NULL;
}

static void scan_at_once(void)
{
    pthread_t threads[N_SERVE];
    sqlite3 *db = open_db("served.db");
    run(db, make_catalogue);
    run(db, "SELECT gru4rec_train('big')");
    char *answer =
        get(db, "SELECT group_concat(item) FROM gru4rec_recommend('big', 7, 10)");
    for (int i = 0; i < N_SERVE; i++)
        pthread_create(&threads[i], NULL, scan, answer);
    for (int i = 0; i < N_SERVE; i++)
        pthread_join(threads[i], NULL);
    printf("%d scans\n", n_served);
    sqlite3_free(answer);
    close_db(db);
}

/* ---- blend ---- */

static const char make_blended[] =
    "CREATE VIRTUAL TABLE rec USING gru4rec(clicks, layers=16, n_sample=16, n_epochs=2, "
    "batch_size=16, blend=1, quantize=true, threads=3)";

#define BITS(table) "(SELECT group_concat(hex(data), '') FROM " table ")"
#define MEASURES "SELECT group_concat(method || ' ' || recall || ' ' || mrr) FROM "

/* What is called on a model of its own, and what is read then. */
typedef struct job {
    const char *call, *result;
    char *alone;
} job;

static job jobs[] = {
    {.call = "SELECT gru4rec_train('rec')",
     .result = "SELECT " BITS("rec_tensor") " || " BITS("rec_blend")},
    {.call = "SELECT gru4rec_train('rec', 'blend=auto, validation=0.2, seed=2')",
     .result = "SELECT " BITS("rec_tensor") " || json_extract(summary, '$.blend') FROM "
                                            "rec_version"},
    {.call = "SELECT gru4rec_train('rec', 'n_epochs=1'), gru4rec_train('rec', "
             "'n_epochs=1, warm_start=true')",
     .result = "SELECT " BITS("rec_tensor") " || " BITS("rec_blend")},
    {.call = "SELECT gru4rec_tune('rec', 'trials=6, space={\"layers\":[4,8,16],"
             "\"blend\":[0,0.5,1]}')",
     .result = "SELECT group_concat(trial || ' ' || rung || ' ' || objective || options) "
               "FROM (SELECT * FROM rec_trial WHERE trial > 0 ORDER BY trial, rung)"},
    {.call = "SELECT gru4rec_train('rec')",
     .result =
         MEASURES "gru4rec_evaluate('rec', 'clicks', 'cutoffs=1/5, baselines=all')"},
    {.call = "SELECT gru4rec_train('rec')",
     .result = "SELECT group_concat(measure || ' ' || difference) FROM "
               "gru4rec_compare('rec', 'gru4rec-network', 'clicks', 'cutoffs=5')"},
};

enum { N_JOBS = sizeof jobs / sizeof *jobs };

static void *do_job(void *argument)
{
    const job *j = argument;
    sqlite3 *db = open_db(":memory:");
    run(db, make_clicks);
    run(db, make_blended);
    run(db, j->call);
    char *result = get(db, j->result);
    close_db(db);
    return result;
}

static void do_jobs_at_once(void)
{
    pthread_t threads[N_JOBS];
    void *result;
    for (int i = 0; i < N_JOBS; i++)
        pthread_create(&threads[i], NULL, do_job, &jobs[i]);
    for (int i = 0; i < N_JOBS; i++) {
        pthread_join(threads[i], &result);
        if (result == NULL || jobs[i].alone == NULL || strcmp(result, jobs[i].alone) != 0)
            fail(jobs[i].call, NULL);
        sqlite3_free(result);
    }
}

static void blend_at_once(void)
{
    for (int i = 0; i < N_JOBS; i++) {
        jobs[i].alone = do_job(&jobs[i]);
        if (jobs[i].alone == NULL || *jobs[i].alone == '\0')
            fail(jobs[i].result, NULL);
    }
    for (int i = 0; i < n_rounds; i++)
        do_jobs_at_once();
    for (int i = 0; i < N_JOBS; i++)
        sqlite3_free(jobs[i].alone);
}

int main(int argc, char **argv)
{
    if (argc != 4 || mkdtemp(dir) == NULL)
        return 2;
    extension = argv[1];
    n_rounds = atoi(argv[3]);
    if (strcmp(argv[2], "same") == 0)
        train_same();
    else if (strcmp(argv[2], "answers") == 0)
        ask_while_changing();
    else if (strcmp(argv[2], "scan") == 0)
        scan_at_once();
    else if (strcmp(argv[2], "blend") == 0)
        blend_at_once();
    else
        serve_while_training();
    char *path = sqlite3_mprintf("%s/served.db", dir);
    remove(path);
    sqlite3_free(path);
    if (rmdir(dir) != 0)
        fail("files are left", NULL);
    return n_failed == 0 ? 0 : 1;
}

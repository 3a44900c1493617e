/*
 * threads.c EXTENSION MODE ROUNDS: several threads of one process, each with its own connection.
 *
 *   same    trainings at once give the bits that each gives alone
 *   serve   8 threads serve one model while another connection trains it anew
 *
 * Exit status 0: all is well. The database lies in /tmp.
 */
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
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

int main(int argc, char **argv)
{
    if (argc != 4 || mkdtemp(dir) == NULL)
        return 2;
    extension = argv[1];
    n_rounds = atoi(argv[3]);
    if (strcmp(argv[2], "same") == 0)
        train_same();
    else
        serve_while_training();
    char *path = sqlite3_mprintf("%s/served.db", dir);
    remove(path);
    sqlite3_free(path);
    if (rmdir(dir) != 0)
        fail("files are left", NULL);
    return n_failed == 0 ? 0 : 1;
}

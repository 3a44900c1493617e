/*
 * memory.c EXTENSION EACH ENCODING: what serves gives all its memory back and lets its connection
 * close: when a statement is left in the middle, when it fails in the middle, and when an
 * allocation of SQLite's allocator fails, each EACH-th in turn: once, or it and all later
 * ones. Such a statement fails, or answers as it does otherwise, and the next one answers.
 * A training or an import then fails, or makes the model that it always makes. ENCODING is
 * the database's: in UTF-16 each text that is bound or read may take memory too.
 *
 * Prints "N passed, N failed"; exit status 0: all is well. The database lies in /tmp.
 */
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *extension, *encoding;
static char dir[] = "/tmp/gru4rec-memory-XXXXXX";
static int n_passed, n_failed, each;
static char last_message[300]; /* of a statement's error */

static void check(bool is_right, const char *what, const char *sql, long n)
{
    n_passed += is_right;
    n_failed += !is_right;
    if (!is_right && n_failed < 40)
        fprintf(stderr, "FAIL  %s (%ld): %s\n      %s\n", what, n, sql, last_message);
}

/* ---- an allocator that fails ---- */

static sqlite3_mem_methods real;
static long n_requests, fail_at; /* 0: never */
static bool is_sticky;

static bool is_due(void)
{
    n_requests++;
    return fail_at > 0 && (n_requests == fail_at || (is_sticky && n_requests > fail_at));
}

static void *allocate(int n)
{
    return is_due() ? NULL : real.xMalloc(n);
}

static void *reallocate(void *block, int n)
{
    return is_due() ? NULL : real.xRealloc(block, n);
}

static void use_allocator(void)
{
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real);
    sqlite3_mem_methods methods = real;
    methods.xMalloc = allocate;
    methods.xRealloc = reallocate;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
}

static void fail_from(long n, bool also_later)
{
    n_requests = 0;
    fail_at = n;
    is_sticky = also_later;
}

/* ---- databases ---- */

static sqlite3 *open_db(void)
{
    sqlite3 *db;
    char path[100], *message = NULL;
    snprintf(path, sizeof path, "%s/shop.db", dir);
    sqlite3_open(path, &db);
    sqlite3_enable_load_extension(db, 1);
    if (sqlite3_load_extension(db, extension, NULL, &message) != SQLITE_OK) {
        fprintf(stderr, "%s\n", message);
        exit(1);
    }
    return db;
}

static void make_shop(void)
{
    sqlite3 *db = open_db();
    char *message = NULL, *pragma = sqlite3_mprintf("PRAGMA encoding = '%s'", encoding);
    sqlite3_exec(db, pragma, NULL, NULL, NULL);
    sqlite3_free(pragma);
    int rc = sqlite3_exec(
        db,
        "CREATE TABLE events(session, item, ts);"
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99)"
        " INSERT INTO events SELECT i / 5, iif(i % 3, i * 7 % 13, 'item ' || i % 5), i"
        " FROM n;"
        "CREATE INDEX by_session ON events(session);"
        "CREATE TABLE tied AS SELECT session, item, 0 AS ts FROM events;"
        "CREATE VIRTUAL TABLE rec USING gru4rec(events, layers=8/4, n_sample=8, "
        "n_epochs=1, quantize=true);"
        "CREATE VIRTUAL TABLE untrained USING gru4rec(events);"
        "SELECT gru4rec_train('rec');"
        "CREATE TABLE gone AS SELECT * FROM events;"
        "CREATE VIRTUAL TABLE moved USING gru4rec(main.gone, layers=4, n_epochs=1);"
        "SELECT gru4rec_train('moved');"
        "DROP TABLE gone;"
        "CREATE TABLE file AS SELECT gru4rec_export('rec') AS bytes;"
        "CREATE TABLE live AS SELECT session, gru4rec_state('rec', item) AS state FROM"
        " (SELECT * FROM events ORDER BY session, ts) GROUP BY session",
        NULL, NULL, &message);
    check(rc == SQLITE_OK && message == NULL, "the shop", message, 0);
    sqlite3_close(db);
}

/* ---- statements ---- */

static const char *const good[] = {
    "SELECT rank, item, score FROM gru4rec_recommend('rec', '[7, \"item 2\", 99]', 5)",
    "SELECT rank, item, score FROM gru4rec_recommend('rec', '[7, 1]') WHERE "
    "exclude_seen = 1 AND candidates = '[1, 2, \"item 2\"]' AND item IN (1, 2, 'item 2')",
    "SELECT rank, item, unknown FROM gru4rec_recommend('rec', ' [7.0, null, 12.50, -0, "
    "\"item 2\", \"a\\u0000\", 18446744073709551615]', 5.0) WHERE candidates = "
    "'[1.0, 2, 1.5]'",
    "SELECT r.item, r.score FROM live, gru4rec_recommend('rec', live.state, 2) r",
    "SELECT session, item, score FROM rec WHERE rank <= 3",
    "SELECT session, item, score FROM rec WHERE rank <= 3 AND exclude_seen = 1",
    "SELECT session, item, score FROM rec",
    "SELECT session, item, score FROM rec WHERE session IN (2, 5, 7) AND rank < 3",
    "SELECT session, item, score FROM rec WHERE session = 3 AND item IN (1, 2, 'item 1')",
    "SELECT gru4rec_state('rec', item) FROM events",
    "SELECT session, gru4rec_state('rec', item) FROM events GROUP BY session",
    "SELECT gru4rec_state('rec', item) OVER (PARTITION BY session ORDER BY ts) FROM "
    "events",
    "SELECT gru4rec_step('rec', state, 'item 2') FROM live",
    "SELECT gru4rec_step('rec', gru4rec_step('rec', NULL, 7), 'a long name of an item')",
    "SELECT gru4rec_score('rec', state, 7), gru4rec_score('rec', '[1, 2]', 'item 2'), "
    "gru4rec_score('rec', NULL, 7) FROM live",
    "SELECT gru4rec_embedding('rec', value) FROM json_each('[7, 8, \"item 2\", 999]')",
    "SELECT rank, item, similarity FROM gru4rec_similar('rec', 7, 4)",
    "SELECT s.item FROM live, gru4rec_similar('rec', live.session) s WHERE s.rank <= 2",
    "SELECT position, event, contribution FROM gru4rec_explain('rec', '[7, 1, 99, 8]', "
    "2)",
    "SELECT position, event, contribution FROM live, gru4rec_explain('rec', live.state, "
    "2)",
    "SELECT json_extract(gru4rec_info('rec'), '$.version')",
    "SELECT gru4rec_check('rec') = 'ok'",
    "SELECT * FROM gru4rec_audit('rec')",
    "SELECT version, status FROM gru4rec_status('rec')",
    "SELECT rank, score FROM gru4rec_recommend('rec', 'item 2', 2) WHERE basis = "
    "'session'",
    "SELECT gru4rec_export('rec')",
    "SELECT * FROM gru4rec_evaluate('rec', 'events', 'cutoffs=1/5,baselines=all')",
    "SELECT * FROM gru4rec_compare('rec', 'rec', 'events', 'cutoffs=5')",
    "SELECT * FROM gru4rec_compare('rec', 'markov', 'events', 'cutoffs=5')",
};

#define OVERFLOW "abs(-9223372036854775807 - 1)"
#define LATE "CASE WHEN ts >= 53 THEN " OVERFLOW " ELSE 1 END"
static const char *const bad[] = {
    "SELECT gru4rec_state('rec', iif(ts < 53, item, 1.5)) FROM events",
    "SELECT gru4rec_state('rec', iif(ts < 53, item, x'00')) FROM events GROUP BY session",
    "SELECT gru4rec_state(iif(ts < 53, 'rec', 'untrained'), item) FROM events",
    "SELECT gru4rec_state(iif(ts < 53, 'rec', NULL), item) FROM events",
    "SELECT gru4rec_state('untrained', item) FROM events",
    "SELECT gru4rec_state('none', item) FROM events GROUP BY session",
    "SELECT gru4rec_state(NULL, item) FROM events GROUP BY session",
    "SELECT gru4rec_state('rec', item), max(" LATE ") FROM events",
    "SELECT gru4rec_state('rec', item) FROM events WHERE " LATE,
    "SELECT gru4rec_state('rec', item) OVER (ORDER BY ts), " LATE " FROM events",
    "SELECT gru4rec_state('rec', item) OVER (ORDER BY ts ROWS 2 PRECEDING) FROM events",
    "SELECT gru4rec_state('rec', iif(ts < 53, item, 1.5)) OVER (ORDER BY ts) FROM events",
    "SELECT gru4rec_step('rec', iif(session < 9, state, 'x'), 7) FROM live",
    "SELECT gru4rec_step('rec', iif(session < 9, state, x'00112233'), 7) FROM live",
    "SELECT gru4rec_step('rec', iif(session < 9, state, substr(state, 1, 40)), 7) FROM "
    "live",
    "SELECT gru4rec_step('rec', state, iif(session < 9, 7, 1.5)) FROM live",
    "SELECT gru4rec_step('untrained', NULL, 7)",
    "SELECT gru4rec_step('none', NULL, 7)",
    "SELECT gru4rec_score('rec', iif(session < 9, '[1]', '[1'), 7) FROM live",
    "SELECT gru4rec_score('rec', iif(session < 9, state, x'00'), 7) FROM live",
    "SELECT gru4rec_score(iif(session < 9, 'rec', 'none'), state, 7) FROM live",
    "SELECT gru4rec_score('rec', state, 7), iif(session < 9, 1, " OVERFLOW ") FROM live",
    "SELECT gru4rec_embedding(iif(session < 9, 'rec', 'untrained'), 7) FROM live",
    "SELECT * FROM gru4rec_similar('none', 7)",
    "SELECT * FROM gru4rec_similar('rec')",
    "SELECT * FROM gru4rec_similar('rec', 7, 'x')",
    "SELECT *, iif(rank < 4, 1, " OVERFLOW ") FROM gru4rec_similar('rec', 7)",
    "SELECT * FROM gru4rec_explain('rec', '[1')",
    "SELECT * FROM gru4rec_explain('rec', '[1', 7)",
    "SELECT * FROM gru4rec_explain('rec', x'47', 7)",
    "SELECT *, iif(position < 3, 1, " OVERFLOW ") FROM "
    "gru4rec_explain('rec', '[1, 7, 8, 1]', 7)",
    "SELECT * FROM live, gru4rec_explain('rec', iif(session < 9, state, x'01'), 7)",
    "SELECT * FROM gru4rec_recommend('rec', x'01')",
    "SELECT * FROM live, gru4rec_recommend('rec', iif(session < 9, state, x'01'), 3)",
    "SELECT *, iif(session < 9, 1, " OVERFLOW ") FROM rec WHERE rank <= 3",
    "SELECT *, iif(session < 9, 1, " OVERFLOW ") FROM rec",
    "SELECT * FROM rec WHERE exclude_seen = 2",
    "SELECT * FROM rec WHERE candidates = '[1'",
    "SELECT * FROM untrained WHERE rank <= 3",
    "SELECT * FROM moved",
};

enum { N_GOOD = sizeof good / sizeof *good, N_BAD = sizeof bad / sizeof *bad };

/* A growing text. */
typedef struct text {
    char *at;
    size_t n, capacity;
} text;

static void add(text *t, const char *bytes, size_t n)
{
    while (t->n + n + 1 > t->capacity)
        t->at = realloc(t->at, t->capacity = 2 * t->capacity + 64);
    memcpy(t->at + t->n, bytes, n);
    t->at[t->n += n] = '\0';
}

/* Without SQLite's conversions, which take memory. */
static void add_value(text *t, sqlite3_stmt *stmt, int i)
{
    char number[40];
    const int type = sqlite3_column_type(stmt, i);
    const bool is_bytes = type == SQLITE_TEXT || type == SQLITE_BLOB;
    const unsigned char *bytes = is_bytes ? sqlite3_column_blob(stmt, i) : NULL;
    const int n_bytes = is_bytes ? sqlite3_column_bytes(stmt, i) : 0;
    for (int k = 0; k < n_bytes; k++) {
        snprintf(number, sizeof number, "%02x", bytes[k]);
        add(t, number, 2);
    }
    if (!is_bytes) {
        snprintf(number, sizeof number, "%.17g", sqlite3_column_double(stmt, i));
        add(t, number, strlen(number));
    }
    snprintf(number, sizeof number, " %d|", type);
    add(t, number, strlen(number));
}

/* Of at most n_rows; NULL: it failed with *rc, SQLITE_NOMEM also where that is what the
 * message says. */
static char *answer(sqlite3 *db, const char *sql, long n_rows, int *rc)
{
    sqlite3_stmt *stmt = NULL;
    text t = {0};
    add(&t, "", 0);
    *last_message = '\0';
    *rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    while ((*rc == SQLITE_OK || *rc == SQLITE_ROW) && n_rows-- != 0 &&
           (*rc = sqlite3_step(stmt)) == SQLITE_ROW)
        for (int i = 0; i < sqlite3_column_count(stmt); i++)
            add_value(&t, stmt, i);
    const bool is_right = *rc == SQLITE_DONE || *rc == SQLITE_ROW || *rc == SQLITE_OK;
    if (is_right) {
        *rc = SQLITE_OK;
    } else {
        snprintf(last_message, sizeof last_message, "%s", sqlite3_errmsg(db));
        if (strstr(last_message, "out of memory") != NULL)
            *rc = SQLITE_NOMEM;
        free(t.at);
        t.at = NULL;
    }
    sqlite3_finalize(stmt);
    return t.at;
}

static void close_and_check(sqlite3 *db, sqlite3_int64 base, const char *sql, long n)
{
    check(sqlite3_close(db) == SQLITE_OK, "close", sql, n);
    check(sqlite3_memory_used() == base, "memory is left", sql,
          sqlite3_memory_used() - base);
}

/* ---- tests ---- */

static void leave_in_the_middle(const char *sql, sqlite3_int64 base)
{
    for (long n = 0; n < 4; n++) {
        int rc;
        sqlite3 *db = open_db();
        free(answer(db, sql, n, &rc));
        check(rc == SQLITE_OK, "the first rows", sql, n);
        close_and_check(db, base, sql, n);
    }
    sqlite3_stmt *stmt;
    sqlite3 *db = open_db();
    sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    check(sqlite3_step(stmt) == SQLITE_ROW, "a first row", sql, 0);
    check(sqlite3_close(db) == SQLITE_BUSY, "close beside a statement", sql, 0);
    sqlite3_finalize(stmt);
    close_and_check(db, base, sql, -1);
}

static void fail_in_the_middle(const char *sql, sqlite3_int64 base)
{
    int rc;
    sqlite3 *db = open_db();
    free(answer(db, sql, -1, &rc));
    check(rc != SQLITE_OK && rc != SQLITE_NOMEM, "an error", sql, rc);
    free(answer(db, sql, -1, &rc));
    check(rc != SQLITE_OK && rc != SQLITE_NOMEM, "an error again", sql, rc);
    free(answer(db, good[0], -1, &rc));
    check(rc == SQLITE_OK, "another statement behind it", sql, rc);
    close_and_check(db, base, sql, 0);
}

/* True if an allocation failed. right: NULL for an error. */
static bool run_out(const char *sql, const char *right, long n, bool also_later,
                    sqlite3_int64 base)
{
    int rc, again_rc;
    sqlite3 *db = open_db();
    fail_from(n, also_later);
    char *got = answer(db, sql, -1, &rc);
    const bool has_failed = n_requests >= n;
    fail_from(0, false);
    if (right == NULL) {
        check(rc != SQLITE_OK, "an error without memory", sql, n);
        /* Every schema is there. */
        check(strstr(last_message, "attach") == NULL, "advice for no reason", sql, n);
    } else {
        check(got != NULL ? strcmp(got, right) == 0 : rc == SQLITE_NOMEM,
              got != NULL ? "another answer without memory"
                          : "another error without memory",
              sql, n);
    }
    char *again = answer(db, sql, -1, &again_rc);
    check(right != NULL ? again != NULL && strcmp(again, right) == 0
                        : again == NULL && again_rc != SQLITE_NOMEM,
          "when there is memory again", sql, n);
    free(got);
    free(again);
    close_and_check(db, base, sql, n);
    return has_failed;
}

static void run_out_everywhere(const char *sql, sqlite3_int64 base)
{
    int rc;
    sqlite3 *db = open_db();
    char *right = answer(db, sql, -1, &rc);
    close_and_check(db, base, sql, 0);
    for (int also_later = 0; also_later < 2; also_later++)
        for (long n = 1; run_out(sql, right, n, also_later, base); n += each)
            ;
    free(right);
}

/* What makes the model 'made'. */
static const char *const makes[] = {
    "SELECT gru4rec_train('made', 'tied', 'layers=4,n_sample=8,n_epochs=1')",
    "SELECT gru4rec_train('made', 'events', "
    "'{\"layers\":[4],\"n_sample\":8,\"n_epochs\":1,"
    "\"since\":\"10\"}')",
    "SELECT gru4rec_import('made', bytes) FROM file",
};

enum { N_MAKES = sizeof makes / sizeof *makes };

/*
 * Makes the model in a transaction that is taken back; allocation n fails. Gives its export,
 * NULL where there is no model, and says whether an allocation failed.
 */
static char *make(const char *sql, long n, int *rc, bool *has_failed, sqlite3_int64 base)
{
    int ignored;
    char *made = NULL;
    sqlite3 *db = open_db();
    sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
    fail_from(n, false);
    free(answer(db, sql, -1, rc));
    *has_failed = n_requests >= n;
    fail_from(0, false);
    if (*rc == SQLITE_OK)
        made = answer(db, "SELECT gru4rec_export('made')", -1, &ignored);
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    close_and_check(db, base, sql, n);
    return made;
}

/*
 * It fails, or the model is the one that is always made. Where SQLite's JSON and dates are
 * short of memory they give NULL, so that the error may be another than SQLITE_NOMEM.
 */
static void make_without_memory_everywhere(const char *sql, sqlite3_int64 base)
{
    int rc;
    bool has_failed = true;
    char *right = make(sql, 0, &rc, &has_failed, base);
    check(right != NULL, "a model", sql, 0);
    has_failed = right != NULL;
    for (long n = 1; has_failed; n += each) {
        char *made = make(sql, n, &rc, &has_failed, base);
        check(rc != SQLITE_OK || (made != NULL && strcmp(made, right) == 0),
              "another model", sql, n);
        free(made);
    }
    free(right);
}

int main(int argc, char **argv)
{
    if (argc != 4 || mkdtemp(dir) == NULL)
        return 2;
    extension = argv[1];
    each = atoi(argv[2]);
    encoding = argv[3];
    use_allocator();
    make_shop();
    sqlite3_close(open_db());
    const sqlite3_int64 base = sqlite3_memory_used();
    for (int i = 0; i < N_GOOD; i++)
        leave_in_the_middle(good[i], base);
    for (int i = 0; i < N_BAD; i++)
        fail_in_the_middle(bad[i], base);
    for (int i = 0; i < N_GOOD && each > 0; i++)
        run_out_everywhere(good[i], base);
    for (int i = 0; i < N_BAD && each > 0; i++)
        run_out_everywhere(bad[i], base);
    for (int i = 0; i < N_MAKES && each > 0; i++)
        make_without_memory_everywhere(makes[i], base);
    char *path = sqlite3_mprintf("%s/shop.db", dir);
    remove(path);
    sqlite3_free(path);
    check(rmdir(dir) == 0, "files are left", dir, 0);
    printf("%d passed, %d failed\n", n_passed, n_failed);
    return n_failed > 0;
}

/*
 * snapshot.c EXTENSION [--seconds S] [--seed N]: a writer that commits between any two
 * statements of one call that reads a model.
 *
 * A trace callback of the reader counts the statements that begin, and the rows that they
 * give; at the n-th the writer replaces the model, on a connection of its own. It keeps
 * one version only, so what the reader began to read is gone from the tables then. The
 * answer is the old model's or the new one's; it is no mixture, and no error, but of a
 * training whose model was dropped. In rollback mode the writer may find the database busy;
 * then the answer is the old one's.
 *
 * Each call is tried with a model that the process has not loaded yet, and with one that
 * it serves already; in the main database and in an attached one.
 */
#include "attack.h"

#include <stdio.h>
#include <string.h>

/* ---- calls and writers ---- */

#define OPTIONS \
    "layers=6, n_sample=8, batch_size=4, n_epochs=1, threads=1, keep_versions=1, blend=0"

/* %s is the schema. */
static const struct call {
    const char *name, *sql;
    bool writes; /* then the answer is of no model: it succeeds, or finds others busy */
} calls[] = {
    {"score", "SELECT gru4rec_score('%s.m', '[1, 2]', 3)", false},
    {"scores",
     "SELECT gru4rec_score('%s.m', '[1, 2]', value) FROM json_each('[3, 4, 5]')", false},
    {"newest", "SELECT gru4rec_score('%s.m', '[1, 2]', 3, 'newest')", false},
    {"step", "SELECT gru4rec_step('%s.m', NULL, 1)", false},
    {"state", "SELECT gru4rec_state('%s.m', value) FROM json_each('[1, 2]')", false},
    {"embedding", "SELECT gru4rec_embedding('%s.m', 1)", false},
    {"export", "SELECT gru4rec_export('%s.m')", false},
    {"check", "SELECT gru4rec_check('%s.m')", false},
    {"info", "SELECT json_extract(gru4rec_info('%s.m'), '$.version', '$.items')", false},
    {"plot", "SELECT gru4rec_plot('%s.m', 'items')", false},
    {"recommend", "SELECT item, score FROM gru4rec_recommend('%s.m', '[1, 2]', 4)",
     false},
    {"similar", "SELECT item, similarity FROM gru4rec_similar('%s.m', 1, 4)", false},
    {"explain", "SELECT event, contribution FROM gru4rec_explain('%s.m', '[1, 2]', 3)",
     false},
    {"relation", "SELECT session, item, score FROM %s.m WHERE session < 4 AND rank <= 2",
     false},
    {"evaluate", "SELECT k, recall, mrr FROM gru4rec_evaluate('%s.m', 'probe')", false},
    {"audit", "SELECT check_name, value FROM gru4rec_audit('%s.m', 'probe')", false},
    {"warm start", "SELECT gru4rec_train('%s.m', 'warm_start=true, blend=1')", true},
};

static const struct writer {
    const char *name, *sql;
} writers[] = {
    {"trains", "SELECT gru4rec_train('m', 'seed=3')"},
    {"trains to blend", "SELECT gru4rec_train('m', 'seed=3, blend=1')"},
    {"trains twice",
     "SELECT gru4rec_train('m', 'seed=3'); SELECT gru4rec_train('m', 'seed=4')"},
    {"imports", "SELECT gru4rec_import('m', (SELECT bytes FROM file))"},
    {"trains on others",
     "BEGIN IMMEDIATE; DELETE FROM clicks; INSERT INTO clicks SELECT * FROM others;"
     "SELECT gru4rec_train('m'); COMMIT"},
    {"makes it anew", "BEGIN IMMEDIATE; DROP TABLE m; CREATE VIRTUAL TABLE m USING "
                      "gru4rec(others, " OPTIONS "); SELECT gru4rec_train('m'); COMMIT"},
};

static const struct place {
    const char *journal, *schema;
    bool is_loaded; /* the reader has used the model before */
} places[] = {
    {"wal", "main", false}, {"wal", "main", true},     {"wal", "other", false},
    {"wal", "other", true}, {"delete", "main", false},
};

enum {
    N_CALLS = sizeof calls / sizeof *calls,
    N_WRITERS = sizeof writers / sizeof *writers,
    N_PLACES = sizeof places / sizeof *places
};

/* ---- the moment ---- */

static struct {
    sqlite3 *writer;
    const char *sql;
    long at, n; /* the event at which the writer writes, 0: never; events so far */
    int rc;     /* of the writer */
    double since, patience; /* when it began, and how long it may take; seconds */
} moment;

/* A training waits for readers; but the one in its way is in this callback. */
static int give_up(void *unused)
{
    (void)unused;
    return attack_seconds() - moment.since > moment.patience;
}

static int on_event(unsigned event, void *unused, void *stmt, void *detail)
{
    (void)event;
    (void)unused;
    (void)stmt;
    (void)detail;
    if (++moment.n != moment.at)
        return 0;
    moment.since = attack_seconds();
    sqlite3_progress_handler(moment.writer, 100, give_up, NULL);
    moment.rc = sqlite3_exec(moment.writer, moment.sql, NULL, NULL, NULL);
    sqlite3_progress_handler(moment.writer, 0, NULL, NULL);
    if (!sqlite3_get_autocommit(moment.writer))
        attack_run(moment.writer, "ROLLBACK");
    return 0;
}

/* ---- databases ---- */

static void make_shop(const char *journal)
{
    char pragma[60];
    sqlite3 *db = attack_open(journal, NULL);
    snprintf(pragma, sizeof pragma, "PRAGMA journal_mode = %s", journal);
    attack_run(db, pragma);
    attack_make_clicks(db, "clicks", 20, 12, 3);
    attack_make_clicks(db, "others", 25, 15, 5);
    attack_run(db, "CREATE INDEX clicks_session ON clicks(session_id);"
                   "CREATE VIRTUAL TABLE m USING gru4rec(clicks, " OPTIONS ");"
                   "SELECT gru4rec_train('m', 'seed=9');"
                   "CREATE TABLE file AS SELECT gru4rec_export('m') AS bytes;"
                   "SELECT gru4rec_train('m')");
    sqlite3_close(db);
}

/* A connection that sees the file as its database main or other. */
static sqlite3 *open_reader(const char *file, const char *schema)
{
    const bool is_main = strcmp(schema, "main") == 0;
    sqlite3 *db = attack_open(is_main ? file : ":memory:", NULL);
    if (!is_main) {
        char *sql = sqlite3_mprintf("ATTACH %Q AS other", attack_path(file));
        attack_run(db, sql);
        sqlite3_free(sql);
    }
    attack_run(db, "CREATE TEMP TABLE probe(session_id, item_id, ts);"
                   "INSERT INTO probe VALUES (1, 1, 1), (1, 2, 2), (1, 3, 3), (2, 4, 1), "
                   "(2, 1, 2)");
    return db;
}

/* ---- points ---- */

/* One call in one place, and each writer. */
typedef struct series {
    const struct call *call;
    const struct writer *writer;
    const struct place *place;
    long n, n_tried;
    char sql[200], *old; /* what the old model answers */
} series;

static sqlite3 *begin(const series *its, const char *file)
{
    attack_copy(its->place->journal, file);
    sqlite3 *reader = open_reader(file, its->place->schema);
    if (its->place->is_loaded) {
        char sql[100];
        snprintf(sql, sizeof sql, "SELECT gru4rec_score('%s.m', '[1]', 1)",
                 its->place->schema);
        attack_run(reader, sql);
    }
    return reader;
}

/* Does the reader never keep the writer from its commit? */
static bool is_free(const series *its)
{
    return strcmp(its->place->journal, "wal") == 0 && !its->call->writes;
}

static char *ask_traced(sqlite3 *reader, const series *its, long at, int *rc)
{
    moment.sql = its->writer->sql;
    moment.at = at;
    moment.n = 0;
    moment.rc = SQLITE_OK;
    moment.patience = is_free(its) ? 30 : 0.01;
    sqlite3_trace_v2(reader, SQLITE_TRACE_STMT | SQLITE_TRACE_ROW, on_event, NULL);
    char *answer = attack_ask(reader, rc, its->sql);
    sqlite3_trace_v2(reader, 0, NULL, NULL);
    return answer;
}

/* What a connection of its own answers; the file is not attacked then. */
static char *ask_calmly(const series *its, const char *file)
{
    sqlite3 *db = open_reader(file, its->place->schema);
    char *answer = attack_ask(db, NULL, its->sql);
    sqlite3_close(db);
    return answer;
}

/* A training ends where its model was dropped meanwhile, and writes nothing to the one that
 * has the name now. */
static bool is_dropped(const series *its, const char *answer)
{
    return strstr(its->writer->sql, "DROP TABLE m") != NULL &&
           strstr(answer, "model 'm' was dropped while it was trained") != NULL &&
           attack_is(moment.writer, "SELECT max(version) FROM m_version", "1");
}

static void judge(const series *its, const char *file, const char *answer, int rc)
{
    const bool is_busy = rc == SQLITE_BUSY || rc == SQLITE_LOCKED;
    char *new = its->call->writes ? NULL : ask_calmly(its, file);
    if (is_free(its))
        attack_check(moment.rc == SQLITE_OK, "the writer gets %s",
                     sqlite3_errstr(moment.rc));
    if (its->call->writes)
        attack_check(rc == SQLITE_OK || is_busy || is_dropped(its, answer),
                     "error %d: %.300s", rc, answer);
    else if (rc != SQLITE_OK)
        attack_check(is_busy && !is_free(its), "error %d: %.300s", rc, answer);
    else
        attack_check(strcmp(answer, its->old) == 0 || strcmp(answer, new) == 0,
                     "'%.100s' is neither the old model's '%.100s' nor the new one's "
                     "'%.100s'",
                     answer, its->old, new);
    sqlite3_free(new);
}

static void try_next(series *its)
{
    static long n_files; /* a file that the cache has not seen */
    char file[40];
    int rc;
    const long at = 1 + attack_spread(its->n_tried++, its->n);
    attack_point("%s, %s.m, %s, %s; the writer %s at event %ld of %ld", its->call->name,
                 its->place->schema, its->place->journal,
                 its->place->is_loaded ? "loaded" : "not loaded", its->writer->name, at,
                 its->n);
    snprintf(file, sizeof file, "work-%ld.db", ++n_files);
    sqlite3 *reader = begin(its, file);
    moment.writer = attack_open(file, NULL);
    char *answer = ask_traced(reader, its, at, &rc);
    judge(its, file, answer, rc);
    attack_check(sqlite3_next_stmt(reader, NULL) == NULL, "a statement was left");
    attack_check(sqlite3_get_autocommit(reader), "left in a transaction");
    attack_check(sqlite3_txn_state(reader, NULL) == SQLITE_TXN_NONE, "holds a lock");
    sqlite3_close(reader);
    attack_is(moment.writer, "SELECT gru4rec_check('m')", "ok");
    sqlite3_close(moment.writer);
    attack_delete(file);
    sqlite3_free(answer);
}

/* How many events has it, and what is the answer, undisturbed? */
static void rehearse(series *its)
{
    int rc;
    attack_point("%s, %s.m, %s", its->call->name, its->place->schema,
                 its->place->journal);
    sqlite3 *reader = begin(its, "work-0.db");
    its->old = ask_traced(reader, its, 0, &rc);
    attack_check(rc == SQLITE_OK, "undisturbed: %s", its->old);
    its->n = moment.n;
    sqlite3_close(reader);
}

/* One for each call, place and writer; the writer changes fastest. */
static void make_series(series *all)
{
    for (int i = 0; i < N_CALLS * N_PLACES * N_WRITERS; i++) {
        series *its = &all[i];
        *its = (series){.call = &calls[i / (N_WRITERS * N_PLACES)],
                        .writer = &writers[i % N_WRITERS],
                        .place = &places[i / N_WRITERS % N_PLACES]};
        snprintf(its->sql, sizeof its->sql, its->call->sql, its->place->schema);
        if (i % N_WRITERS == 0) {
            rehearse(its);
        } else {
            its->n = its[-1].n;
            its->old = its[-1].old;
        }
        attack_count(its->n);
    }
    attack_count(N_CALLS * N_PLACES);
}

static void work(const char *mode)
{
    enum { N = N_CALLS * N_WRITERS * N_PLACES };
    static series all[N];
    bool is_left = true;
    (void)mode;
    make_shop("wal");
    make_shop("delete");
    make_series(all);
    while (is_left) {
        is_left = false;
        for (int i = 0; i < N && !attack_is_over(); i++)
            if (all[i].n_tried < all[i].n) {
                try_next(&all[i]);
                is_left = true;
            }
    }
}

int main(int argc, char **argv)
{
    return attack_main(argc, argv, work);
}

/*
 * ext_report_examples.c - sessions that are drawn as examples, and what was recommended
 * for them; see ext_report.h.
 *
 * Each session of the source has a key, a hash of its value and the seed, whose bits are
 * mixed, so that sessions with numbers in sequence are no sequence; those with the lowest
 * keys are taken. So the examples do not depend on the order in which rows come.
 */
#include "ext_report.h"

#include <string.h>

/* ---- drawing ---- */

/*
 * Opens the source of the examples: that of the option test, or else the model's own.
 * The caller closes it after success.
 */
static int open_source(ext_source *source, const ext_plot_request *request,
                       ext_error *error)
{
    const ext_columns *columns = &request->columns;
    return columns->test != NULL
               ? ext_config_open_like(&request->config, &request->home, columns->test,
                                      columns, source, error)
               : ext_config_open_source(&request->config, &request->home, NULL, columns,
                                        source, error);
}

/*
 * Takes the session as an example if its key is among the n lowest so far, in its place
 * by the key. Then session becomes NULL and rows empty; else both stay the caller's.
 */
static void offer(ext_report_examples *examples, size_t n, uint64_t seed,
                  sqlite3_value **session, ext_rows *rows)
{
    ext_report_example *list = examples->examples;
    const uint64_t key =
        ext_plot_ranking_mix(ext_value_hash(ext_plot_ranking_mix(seed), *session));
    size_t at = examples->n;
    if (n == 0 || rows->n < 2 || (at == n && key >= list[n - 1].key))
        return;
    if (at == n) {
        at--;
        sqlite3_value_free(list[at].session);
        ext_rows_free(&list[at].rows);
    } else {
        examples->n++;
    }
    for (; at > 0 && list[at - 1].key > key; at--)
        list[at] = list[at - 1];
    list[at] = (ext_report_example){.session = *session, .key = key, .rows = *rows};
    *session = NULL;
    *rows = (ext_rows){0};
}

/* Goes through all sessions of the source, and keeps n of them as examples. */
static int draw(ext_report_examples *examples, size_t n, const ext_source *source,
                const ext_loaded *loaded, int64_t seed, ext_error *error)
{
    ext_histories histories = {0};
    ext_rows rows = {0};
    int rc = ext_histories_open(&histories, source, NULL, error);
    while (rc == SQLITE_OK && ext_histories_has_next(&histories)) {
        sqlite3_value *session = NULL;
        rows.n = 0;
        rc = ext_histories_next(&histories, loaded->items, loaded->options.session_gap,
                                &session, &rows, error);
        if (rc == SQLITE_OK)
            offer(examples, n, (uint64_t)seed, &session, &rows);
        sqlite3_value_free(session);
    }
    ext_rows_free(&rows);
    ext_histories_close(&histories);
    return rc;
}

/* ---- recommending ---- */

/*
 * What walks through a session, click by click, by the functions that a user has. The
 * statements and the state are owned.
 */
typedef struct walker {
    sqlite3_stmt *step, *rank, *list;
    sqlite3_value *so_far; /* state of the session; NULL: before its first click */
    const gru4rec_items *items;
} walker;

/*
 * Prepares all statements of the walker. In each, ?1 is the state, and ?2 the item, or
 * the last rank that is wanted. The caller calls stop_walk() in any case.
 */
static int start_walk(walker *walk, const ext_plot_request *request,
                      const char *reference, const gru4rec_items *items, ext_error *error)
{
    static const char rank[] =
        "SELECT rank FROM " EXT_REPORT_OWN "gru4rec_recommend(?3, ?1, NULL, ?5, ?6, ?4) "
        "WHERE item = ?2";
    static const char list[] =
        "SELECT item FROM " EXT_REPORT_OWN "gru4rec_recommend(?3, ?1, ?2, ?5, ?6, ?4) "
        "ORDER BY rank";
    const ext_home *home = &request->home;
    const int64_t version = request->options.version;
    const int64_t exclude_seen = request->options.exclude_seen;
    const char *none = NULL, *candidates = request->columns.candidates;
    *walk = (walker){.items = items};
    int rc = ext_query(home, &walk->step, error, "SELECT gru4rec_step(?3, ?1, ?2, ?4)",
                       "sssi", none, none, reference, version);
    if (rc == SQLITE_OK)
        rc = ext_query(home, &walk->rank, error, rank, "sssiis", none, none, reference,
                       version, exclude_seen, candidates);
    return rc == SQLITE_OK ? ext_query(home, &walk->list, error, list, "sssiis", none,
                                       none, reference, version, exclude_seen, candidates)
                           : rc;
}

static void stop_walk(walker *walk)
{
    sqlite3_finalize(walk->step);
    sqlite3_finalize(walk->rank);
    sqlite3_finalize(walk->list);
    sqlite3_value_free(walk->so_far);
}

/* Resets a statement, and binds the state and, if row is not -1, the item to it. */
static int rebind(const walker *walk, sqlite3_stmt *stmt, int32_t row, ext_error *error)
{
    gru4rec_id id;
    sqlite3_reset(stmt);
    int rc = walk->so_far != NULL ? sqlite3_bind_value(stmt, 1, walk->so_far)
                                  : sqlite3_bind_null(stmt, 1);
    if (rc == SQLITE_OK && row >= 0) {
        gru4rec_items_get(walk->items, row, &id);
        rc = ext_value_bind(stmt, 2, &id);
    }
    return rc == SQLITE_OK ? rc : ext_error_db(error, sqlite3_db_handle(stmt), NULL);
}

/* Tells the code of a step that gave no row and no end, as the error. */
static int check_step(sqlite3_stmt *stmt, int rc, ext_error *error)
{
    return rc == SQLITE_ROW || rc == SQLITE_DONE
               ? SQLITE_OK
               : ext_error_db(error, sqlite3_db_handle(stmt), NULL);
}

/* Goes on by one click on the item in this row. */
static int step(walker *walk, int32_t row, ext_error *error)
{
    int rc = rebind(walk, walk->step, row, error);
    if (rc == SQLITE_OK)
        rc = check_step(walk->step, sqlite3_step(walk->step), error);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_value_free(walk->so_far);
    walk->so_far = sqlite3_value_dup(sqlite3_column_value(walk->step, 0));
    return walk->so_far != NULL ? SQLITE_OK : ext_error_nomem(error);
}

/* Sets *rank to the rank of the item after the clicks so far; 0: it is not ranked. */
static int read_rank(const walker *walk, int32_t row, int64_t *rank, ext_error *error)
{
    int rc = rebind(walk, walk->rank, row, error);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(walk->rank);
    *rank = rc == SQLITE_ROW ? sqlite3_column_int64(walk->rank, 0) : 0;
    return check_step(walk->rank, rc, error);
}

/* Fills in the list of the example: the items with the first ranks. */
static int read_list(const walker *walk, ext_report_example *example, ext_error *error)
{
    gru4rec_id id;
    int rc = rebind(walk, walk->list, -1, error);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int(walk->list, 2, EXT_REPORT_LIST);
    while (rc == SQLITE_OK && example->n_list < EXT_REPORT_LIST &&
           (rc = sqlite3_step(walk->list)) == SQLITE_ROW) {
        if (!ext_value_item_column(walk->list, 0, &id))
            return ext_sql_fail_null(walk->list, error);
        const int32_t row = gru4rec_items_find(walk->items, &id);
        if (row >= 0) /* else another process has put another model in its place */
            example->list[example->n_list++] = row;
        rc = SQLITE_OK;
    }
    return rc == SQLITE_OK ? rc : check_step(walk->list, rc, error);
}

/*
 * Walks through a session: reads the ranks of its last clicks, and the list at its end.
 */
static int walk_through(walker *walk, ext_report_example *example, ext_error *error)
{
    const size_t n = example->rows.n;
    const size_t first = n > EXT_REPORT_CLICKS ? n - EXT_REPORT_CLICKS : 0;
    int rc = SQLITE_OK;
    sqlite3_value_free(walk->so_far);
    walk->so_far = NULL;
    for (size_t i = 0; rc == SQLITE_OK && i < n; i++) {
        const int32_t row = example->rows.rows[i];
        if (i > 0 && i >= first)
            rc = read_rank(walk, row, &example->ranks[i - first], error);
        if (rc == SQLITE_OK && i == n - 1)
            rc = read_list(walk, example, error);
        else if (rc == SQLITE_OK)
            rc = step(walk, row, error);
    }
    return rc;
}

/* Walks through all examples. */
static int recommend(ext_report_examples *examples, const ext_plot_request *request,
                     const char *reference, const gru4rec_items *items, ext_error *error)
{
    walker walk;
    int rc = start_walk(&walk, request, reference, items, error);
    for (size_t i = 0; rc == SQLITE_OK && i < examples->n; i++)
        rc = walk_through(&walk, &examples->examples[i], error);
    stop_walk(&walk);
    return rc;
}

/* Opens the source, draws n sessions of it, and closes it. */
static int draw_from_source(ext_report_examples *examples, size_t n,
                            const ext_plot_request *request, const ext_loaded *loaded,
                            ext_error *error)
{
    ext_source source;
    int rc = open_source(&source, request, error);
    if (rc != SQLITE_OK)
        return rc;
    source.keeps_empty = loaded->options.keep_empty != 0;
    rc = draw(examples, n, &source, loaded, request->options.seed, error);
    ext_source_close(&source);
    return rc;
}

int ext_report_examples_draw(ext_report_examples *examples, size_t n,
                             const ext_plot_request *request, const char *reference,
                             const ext_loaded *loaded, ext_error *error)
{
    ext_error own = {0};
    examples->is_test = request->columns.test != NULL;
    examples->examples = sqlite3_malloc64((n + 1) * sizeof *examples->examples);
    if (examples->examples == NULL)
        return ext_error_nomem(error);
    int rc =
        draw_from_source(examples, n, request, loaded, examples->is_test ? error : &own);
    if (!examples->is_test)
        rc = ext_report_rows_excuse(&examples->failure, &own, error);
    return rc == SQLITE_OK && examples->failure == NULL
               ? recommend(examples, request, reference, loaded->items, error)
               : rc;
}

void ext_report_examples_free(ext_report_examples *examples)
{
    for (size_t i = 0; i < examples->n; i++) {
        sqlite3_value_free(examples->examples[i].session);
        ext_rows_free(&examples->examples[i].rows);
    }
    sqlite3_free(examples->examples);
    sqlite3_free(examples->failure);
    *examples = (ext_report_examples){0};
}

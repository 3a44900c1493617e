/*
 * ext_recommend.c - gru4rec_recommend(model, history [, k]); see ext_int.h.
 *
 * 1. Rows are (rank, item, score, basis) in rank order, found as they are asked for.
 * 2. history: a JSON array of item ids, oldest first, one id, or a session's state.
 *    Unknown ids are skipped.
 * 3. k: the last rank; NULL, negative or left out: all. exclude_seen = 1 leaves the
 *    items of the history out, candidates = '[...]' all but those; ranks count what is
 *    left.
 * 4. No known item in the history: the items by support, basis 'popularity'.
 * 5. Serving writes nothing. LIMIT and OFFSET stay SQLite's.
 */
#include "ext_serve.h"

enum { RANK, ITEM, SCORE, BASIS, FIRST_ARGUMENT };
enum { MODEL, HISTORY, K, EXCLUDE_SEEN, CANDIDATES, N_ARGUMENTS };

static const ext_plan plan = {RANK, ITEM, N_ARGUMENTS};

typedef struct recommend_cursor {
    sqlite3_vtab_cursor base;
    sqlite3_value *arguments[N_ARGUMENTS];
    ext_ranker ranker;
    uint64_t hash; /* of the arguments */
    bool is_open;  /* the ranker is */

    bool is_eof;
} recommend_cursor;

static int connect(sqlite3 *db, void *aux, int argc, const char *const *argv,
                   sqlite3_vtab **out, char **message)
{
    (void)argc;
    (void)argv;
    (void)message;
    (void)db;
    return ext_connect_table(
        aux,
        "CREATE TABLE x(rank INTEGER, item, score REAL, basis TEXT, "
        "model BLOB HIDDEN, history BLOB "
        "HIDDEN, k BLOB HIDDEN, exclude_seen BLOB HIDDEN, candidates BLOB HIDDEN)",
        SQLITE_VTAB_INNOCUOUS, out);
}

static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    (void)base;
    int n_argv = 0;
    int rc = ext_plan_arguments(info, FIRST_ARGUMENT, N_ARGUMENTS, &n_argv);
    if (rc != SQLITE_OK)
        return rc;
    ext_plan_ranking(&plan, info, &n_argv);
    ext_plan_estimate(&plan, info, (1 << MODEL) | (1 << HISTORY), 1 << K);
    info->orderByConsumed = ext_plan_is_in_order(info, RANK, SCORE);
    return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    (void)base;
    return ext_open_cursor(sizeof(recommend_cursor), out);
}

static void close_ranker(recommend_cursor *cursor)
{
    if (cursor->is_open)
        ext_ranker_close(&cursor->ranker);
    cursor->is_open = false;
    cursor->is_eof = true;
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
    recommend_cursor *cursor = (recommend_cursor *)base;
    close_ranker(cursor);
    ext_drop_arguments(cursor->arguments, N_ARGUMENTS);
    sqlite3_free(cursor);
    return SQLITE_OK;
}

/* argv: what is planned behind the arguments. */
static int start(recommend_cursor *cursor, ext_connection *connection, int idx_num,
                 sqlite3_value **argv, ext_error *error)
{
    sqlite3_value **arguments = cursor->arguments;
    ext_ranker *ranker = &cursor->ranker;
    ext_history history = {0};
    ext_model *model;
    if (arguments[MODEL] == NULL || arguments[HISTORY] == NULL)
        return ext_fail(error, SQLITE_ERROR,
                        "gru4rec_recommend() needs a model and a history; write "
                        "gru4rec_recommend('model', '[item, ...]', k)");
    int rc = ext_model_acquire_named(connection, arguments[MODEL], &model, error);
    if (rc == SQLITE_OK)
        rc = ext_ranker_open(ranker, connection, model, arguments[EXCLUDE_SEEN],
                             arguments[CANDIDATES], error);
    if (rc != SQLITE_OK)
        return rc;
    cursor->is_open = true;
    rc = ext_ranker_take_k(ranker, arguments[K], error);
    if (rc == SQLITE_OK)
        rc = ext_ranker_take_plan(ranker, &plan, idx_num, &argv, error);
    if (rc == SQLITE_OK)
        rc = ext_history_read(&history, connection->db, arguments[HISTORY], model, error);
    if (rc == SQLITE_OK)
        rc = ext_ranker_walk(ranker, &history, error);
    if (rc == SQLITE_OK)
        cursor->is_eof = !ext_ranker_start(ranker, &history);
    ext_history_free(&history);
    return rc;
}

static int filter(sqlite3_vtab_cursor *base, int idx_num, const char *text, int argc,
                  sqlite3_value **argv)
{
    recommend_cursor *cursor = (recommend_cursor *)base;
    ext_table *table = (ext_table *)base->pVtab;
    ext_error error = {0};
    (void)text;
    (void)argc;
    close_ranker(cursor);
    if (ext_keep_arguments(cursor->arguments, N_ARGUMENTS, &argv, idx_num) != SQLITE_OK)
        return SQLITE_NOMEM;
    cursor->hash = ext_hash_values(cursor->arguments, N_ARGUMENTS);
    start(cursor, table->connection, idx_num, argv, &error);
    return ext_error_vtab(&error, base->pVtab);
}

static int next(sqlite3_vtab_cursor *base)
{
    recommend_cursor *cursor = (recommend_cursor *)base;
    cursor->is_eof = !ext_ranker_next(&cursor->ranker);
    return SQLITE_OK;
}

static int eof(sqlite3_vtab_cursor *base)
{
    return ((recommend_cursor *)base)->is_eof;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *context, int i)
{
    const recommend_cursor *cursor = (recommend_cursor *)base;
    const ext_ranker *ranker = &cursor->ranker;
    switch (i) {
    case RANK:
        sqlite3_result_int64(context, ranker->rank);
        break;
    case ITEM:
        ext_ranker_result_item(ranker, context);
        break;
    case SCORE:
        sqlite3_result_double(context, ranker->score);
        break;
    case BASIS:
        sqlite3_result_text(context, ranker->basis, -1, SQLITE_STATIC);
        break;
    default:
        ext_result_argument(context, cursor->arguments[i - FIRST_ARGUMENT]);
        break;
    }
    return SQLITE_OK;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *id)
{
    const recommend_cursor *cursor = (recommend_cursor *)base;
    *id = ext_rowid(cursor->hash, cursor->ranker.row);
    return SQLITE_OK;
}

int ext_register_recommend(ext_connection *connection, ext_error *error)
{
    static const sqlite3_module module = {
        .xConnect = connect,
        .xDisconnect = ext_disconnect_table,
        .xBestIndex = best_index,
        .xOpen = open_cursor,
        .xClose = close_cursor,
        .xFilter = filter,
        .xNext = next,
        .xEof = eof,
        .xColumn = column,
        .xRowid = rowid,
    };
    return ext_register_module(connection, "gru4rec_recommend", &module, error);
}

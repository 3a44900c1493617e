/*
 * ext_recommend.c - gru4rec_recommend(model, history [, k]); see ext_int.h.
 *
 * 1. Rows are (rank, item, score, basis) in rank order, found as they are asked for.
 * 2. history: a JSON array of item ids, oldest first, or one id. Unknown ids are
 *    skipped.
 * 3. k: the last rank; NULL, negative or left out: all. exclude_seen = 1 leaves the
 *    items of the history out, candidates = '[...]' all but those; ranks count what is
 *    left.
 * 4. No known item in the history: the items by support, basis 'popularity'.
 * 5. Serving writes nothing. LIMIT and OFFSET stay SQLite's.
 */
#include "ext_int.h"

#include <string.h>

enum { RANK, ITEM, SCORE, BASIS, FIRST_ARGUMENT };
enum { MODEL, HISTORY, K, EXCLUDE_SEEN, CANDIDATES, N_ARGUMENTS };

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
    return ext_connect_table(aux,
                             "CREATE TABLE x(rank INTEGER, item, score REAL, basis TEXT, "
                             "model HIDDEN, history "
                             "HIDDEN, k HIDDEN, exclude_seen HIDDEN, candidates HIDDEN)",
                             SQLITE_VTAB_INNOCUOUS, out);
}

/* Rank order is what rows come in; score falls with it. */
static bool is_rank_order(const sqlite3_index_info *info)
{
    return info->nOrderBy == 1 &&
           ((info->aOrderBy[0].iColumn == RANK && !info->aOrderBy[0].desc) ||
            (info->aOrderBy[0].iColumn == SCORE && info->aOrderBy[0].desc));
}

static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    (void)base;
    int n_argv = 0;
    int rc = ext_plan_arguments(info, FIRST_ARGUMENT, N_ARGUMENTS, &n_argv);
    if (rc != SQLITE_OK)
        return rc;
    /* Without them filter says so: an error here would break OR on old versions. */
    bool is_complete = (info->idxNum & (1 << MODEL)) && (info->idxNum & (1 << HISTORY));
    info->estimatedRows = info->idxNum & (1 << K) ? 20 : 10000;
    info->estimatedCost = is_complete ? 1e6 : 1e50;
    info->orderByConsumed = is_rank_order(info);
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

static int take_k(sqlite3_value *value, int64_t *most, ext_error *error)
{
    if (value == NULL || sqlite3_value_type(value) == SQLITE_NULL)
        return SQLITE_OK;
    if (sqlite3_value_numeric_type(value) != SQLITE_INTEGER)
        return ext_fail(error, SQLITE_ERROR,
                        "k is '%.40s'; give the number of items as an integer",
                        sqlite3_value_text(value));
    if (sqlite3_value_int64(value) >= 0)
        *most = sqlite3_value_int64(value);
    return SQLITE_OK;
}

static int start(recommend_cursor *cursor, ext_connection *connection, ext_error *error)
{
    sqlite3_value **arguments = cursor->arguments;
    ext_rows history = {0};
    ext_model *model;
    if (arguments[MODEL] == NULL || arguments[HISTORY] == NULL)
        return ext_fail(error, SQLITE_ERROR,
                        "gru4rec_recommend() needs a model and a history; write "
                        "gru4rec_recommend('model', '[item, ...]', k)");
    int rc = ext_model_acquire_named(connection, arguments[MODEL], &model, error);
    if (rc == SQLITE_OK)
        rc = ext_ranker_open(&cursor->ranker, connection->db, model,
                             arguments[EXCLUDE_SEEN], arguments[CANDIDATES], error);
    if (rc != SQLITE_OK)
        return rc;
    cursor->is_open = true;
    rc = take_k(arguments[K], &cursor->ranker.most, error);
    if (rc == SQLITE_OK)
        rc = ext_parse_items(connection->db, arguments[HISTORY], model->items, "history",
                             &history, error);
    if (rc == SQLITE_OK)
        cursor->is_eof = !ext_ranker_start(&cursor->ranker, &history);
    ext_rows_free(&history);
    return rc;
}

static int filter(sqlite3_vtab_cursor *base, int mask, const char *plan, int argc,
                  sqlite3_value **argv)
{
    recommend_cursor *cursor = (recommend_cursor *)base;
    ext_table *table = (ext_table *)base->pVtab;
    ext_error error = {0};
    (void)plan;
    (void)argc;
    close_ranker(cursor);
    if (ext_keep_arguments(cursor->arguments, N_ARGUMENTS, mask, argv) != SQLITE_OK)
        return SQLITE_NOMEM;
    cursor->hash = EXT_HASH_START;
    for (int i = 0; i < N_ARGUMENTS; i++)
        cursor->hash = ext_hash_value(cursor->hash, cursor->arguments[i]);
    start(cursor, table->connection, &error);

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
    gru4rec_id id;
    switch (i) {
    case RANK:
        sqlite3_result_int64(context, ranker->rank);
        break;
    case ITEM:
        gru4rec_items_get(ranker->model->items, ranker->row, &id);
        ext_result_id(context, &id);
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

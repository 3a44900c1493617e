/*
 * ext_recommend.c - gru4rec_recommend(model, history [, k]); see ext_serve.h.
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

enum { RANK, ITEM, SCORE, BASIS, N_COLUMNS };
enum { MODEL, HISTORY, K, EXCLUDE_SEEN, CANDIDATES, N_ARGUMENTS };

static int start(ext_cursor *base, int idx_num, sqlite3_value **argv, ext_error *error)
{
    ext_ranker_cursor *cursor = (ext_ranker_cursor *)base;
    ext_ranker *ranker = &cursor->ranker;
    ext_connection *connection = ext_table_home(base)->connection;
    const ext_ranker_request request = {
        .k = base->arguments[K],
        .exclude_seen = base->arguments[EXCLUDE_SEEN],
        .candidates = base->arguments[CANDIDATES],
        .idx_num = idx_num,
        .argv = argv,
    };
    ext_history history;
    ext_model *model;
    bool is_row;
    if (ext_model_acquire_named(&model, connection, base->arguments[MODEL], error) !=
            SQLITE_OK ||
        ext_ranker_open(ranker, connection, model, &request, error) != SQLITE_OK ||
        ext_history_read(&history, connection->db, base->arguments[HISTORY], model,
                         error) != SQLITE_OK)
        return error->rc;
    int rc = ext_ranker_rank(ranker, &history, &is_row, error);
    ext_history_free(&history);
    ext_ranker_set_row(cursor, is_row);
    return rc;
}

static const ext_table_argument arguments[N_ARGUMENTS] = {
    [MODEL] = {"model", "model = 'rec'"},
    [HISTORY] = {"history", "history = '[17, 42]'"},
    [K] = {"k", "k = 10"},
    [EXCLUDE_SEEN] = {"exclude_seen", "exclude_seen = 1"},
    [CANDIDATES] = {"candidates", "candidates = '[17, 42]'"},
};

const ext_table_function ext_recommend = {
    .name = "gru4rec_recommend",
    .declaration = "CREATE TABLE x(rank INTEGER, item, score REAL, basis TEXT, "
                   "model BLOB HIDDEN, history BLOB HIDDEN, k BLOB HIDDEN, "
                   "exclude_seen BLOB HIDDEN, candidates BLOB HIDDEN)",
    .trust = SQLITE_VTAB_INNOCUOUS,
    .cursor_bytes = sizeof(ext_ranker_cursor),
    .n_columns = N_COLUMNS,
    .n_arguments = N_ARGUMENTS,
    .arguments = arguments,
    .n_needed = HISTORY + 1,
    .usage = "needs a model and a history; write "
             "gru4rec_recommend('model', '[item, ...]', k)",
    .plan = ext_plan_one_ranking,
    .start = start,
    .next = ext_ranker_method_next,
    .column = ext_ranker_method_column,
    .stop = ext_ranker_method_stop,
};

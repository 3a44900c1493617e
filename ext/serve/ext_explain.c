/*
 * ext_explain.c - gru4rec_explain(model, history, item); see ext_serve.h.
 *
 * Rows are (position, event, contribution): by how much the item's score falls when that
 * event is left out of the history. Without any event the score is that of the zero
 * state, the item's bias. Events that the model does not know have no row, but count for
 * the position, from 1. A state is explained by the items that it remembers.
 */
#include "ext_serve.h"

enum { POSITION, EVENT, CONTRIBUTION, FIRST_ARGUMENT };
enum { MODEL, HISTORY, ITEM, N_ARGUMENTS };

typedef struct explain_cursor {
    sqlite3_vtab_cursor base;
    sqlite3_value *arguments[N_ARGUMENTS];
    ext_workspace workspace;
    ext_history history;
    int32_t row;     /* of the item */
    size_t left_out; /* place in the history */
    double score, without;
    uint64_t hash;
    bool is_eof;
} explain_cursor;

static int connect(sqlite3 *db, void *aux, int argc, const char *const *argv,
                   sqlite3_vtab **out, char **message)
{
    (void)argc;
    (void)argv;
    (void)message;
    (void)db;
    return ext_connect_table(aux,
                             "CREATE TABLE x(position INTEGER, event, contribution REAL, "
                             "model BLOB HIDDEN, history BLOB HIDDEN, item BLOB HIDDEN)",
                             SQLITE_VTAB_INNOCUOUS, out);
}

static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    (void)base;
    int n_argv = 0;
    const int all = (1 << N_ARGUMENTS) - 1;
    int rc = ext_plan_arguments(info, FIRST_ARGUMENT, N_ARGUMENTS, &n_argv);
    if (rc != SQLITE_OK)
        return rc;
    info->estimatedRows = 10;
    info->estimatedCost = (info->idxNum & all) == all ? 1e5 : 1e50;
    info->orderByConsumed = info->nOrderBy == 1 &&
                            info->aOrderBy[0].iColumn == POSITION &&
                            !info->aOrderBy[0].desc;
    return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    (void)base;
    return ext_open_cursor(sizeof(explain_cursor), out);
}

static void stop(explain_cursor *cursor)
{
    const ext_table *table = (ext_table *)cursor->base.pVtab;
    if (cursor->workspace.model != NULL)
        ext_workspace_close(table->connection, &cursor->workspace);
    ext_history_free(&cursor->history);
    cursor->is_eof = true;
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
    explain_cursor *cursor = (explain_cursor *)base;
    stop(cursor);
    ext_drop_arguments(cursor->arguments, N_ARGUMENTS);
    sqlite3_free(cursor);
    return SQLITE_OK;
}

/* The item's score after the history without the event at a place. */
static int score_without(explain_cursor *cursor, size_t place, double *score,
                         ext_error *error)
{
    const ext_table *table = (ext_table *)cursor->base.pVtab;
    const ext_rows *all = &cursor->history.rows;
    ext_history rest = {0};
    gru4rec_real result;
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < all->n; i++)
        if (i != place)
            rc = ext_rows_add(&rest.rows, all->rows[i], error);
    if (rc == SQLITE_OK)
        rc = ext_history_walk(&rest, table->connection->db, cursor->workspace.model,
                              cursor->workspace.session, error);
    ext_history_free(&rest);
    if (rc == SQLITE_OK) {
        gru4rec_session_scores(cursor->workspace.session, &cursor->row, 1, &result);
        *score = (double)result;
    }
    return rc;
}

static int explain_place(explain_cursor *cursor, ext_error *error)
{
    int rc = SQLITE_OK;
    cursor->is_eof = cursor->left_out >= cursor->history.rows.n;
    if (!cursor->is_eof)
        rc = score_without(cursor, cursor->left_out, &cursor->without, error);
    cursor->is_eof |= rc != SQLITE_OK;
    return rc;
}

static int start(explain_cursor *cursor, ext_connection *connection, ext_error *error)
{
    sqlite3_value **arguments = cursor->arguments;
    ext_model *model;
    if (arguments[MODEL] == NULL || arguments[HISTORY] == NULL || arguments[ITEM] == NULL)
        return ext_fail(error, SQLITE_ERROR,
                        "gru4rec_explain() needs a model, a history and an item; write "
                        "gru4rec_explain('model', '[item, ...]', item)");
    int rc = ext_model_acquire_named(connection, arguments[MODEL], &model, error);
    if (rc == SQLITE_OK)
        rc = ext_workspace_open(connection, model, &cursor->workspace, error);
    if (rc == SQLITE_OK)
        rc = ext_history_read(&cursor->history, connection->db, arguments[HISTORY],
                              cursor->workspace.model, error);
    if (rc != SQLITE_OK)
        return rc;
    cursor->row = ext_value_row(arguments[ITEM], cursor->workspace.model->items);
    cursor->left_out = 0;
    if (cursor->row < 0 || cursor->history.rows.n == 0)
        return SQLITE_OK;
    rc = score_without(cursor, SIZE_MAX, &cursor->score, error);
    return rc == SQLITE_OK ? explain_place(cursor, error) : rc;
}

static int filter(sqlite3_vtab_cursor *base, int idx_num, const char *text, int argc,
                  sqlite3_value **argv)
{
    explain_cursor *cursor = (explain_cursor *)base;
    ext_table *table = (ext_table *)base->pVtab;
    ext_error error = {0};
    (void)text;
    (void)argc;
    stop(cursor);
    if (ext_keep_arguments(cursor->arguments, N_ARGUMENTS, &argv, idx_num) != SQLITE_OK)
        return SQLITE_NOMEM;
    cursor->hash = ext_hash_values(cursor->arguments, N_ARGUMENTS);
    start(cursor, table->connection, &error);
    return ext_error_vtab(&error, base->pVtab);
}

static int next(sqlite3_vtab_cursor *base)
{
    explain_cursor *cursor = (explain_cursor *)base;
    ext_error error = {0};
    cursor->left_out++;
    explain_place(cursor, &error);
    return ext_error_vtab(&error, base->pVtab);
}

static int eof(sqlite3_vtab_cursor *base)
{
    return ((explain_cursor *)base)->is_eof;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *context, int i)
{
    const explain_cursor *cursor = (explain_cursor *)base;
    gru4rec_id id;
    switch (i) {
    case POSITION:
        sqlite3_result_int64(context, cursor->history.positions.rows[cursor->left_out]);
        break;
    case EVENT:
        gru4rec_items_get(cursor->workspace.model->items,
                          cursor->history.rows.rows[cursor->left_out], &id);
        ext_result_id(context, &id);
        break;
    case CONTRIBUTION:
        sqlite3_result_double(context, cursor->score - cursor->without);
        break;
    default:
        ext_result_argument(context, cursor->arguments[i - FIRST_ARGUMENT]);
        break;
    }
    return SQLITE_OK;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *id)
{
    const explain_cursor *cursor = (explain_cursor *)base;
    *id = ext_rowid(cursor->hash, (int64_t)cursor->left_out);
    return SQLITE_OK;
}

int ext_register_explain(ext_connection *connection, ext_error *error)
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
    return ext_register_module(connection, "gru4rec_explain", &module, error);
}

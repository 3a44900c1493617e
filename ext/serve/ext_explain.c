/*
 * ext_explain.c - gru4rec_explain(model, history, item [, version]); see ext_serve.h.
 *
 * Explains an item's score by the events of the history. Each row is one event:
 * (position, event, contribution).
 *   contribution = score after the whole history - score after the history without the
 *   event
 * The scores are those of a ranking: blended, if the version blends. The score after no
 * event at all is that of the zero state, which is the item's bias.
 * position counts all given events from 1. An event whose item the model does not know
 * counts, but has no row. A state BLOB is explained by the items that it remembers, not
 * by its hidden states.
 */
#include "ext_serve.h"

enum { POSITION, EVENT, CONTRIBUTION, N_COLUMNS };
enum { MODEL, HISTORY, ITEM, VERSION, N_ARGUMENTS };

typedef struct explain_cursor {
    ext_cursor base; /* base.row: index of the row's event in history.rows */
    ext_workspace workspace;
    ext_history history;
    int32_t item; /* catalogue row of the explained item; -1: unknown */
    /*
     * The item's score after the whole history, and after it without the event at
     * base.row.
     */
    double score, without;
} explain_cursor;

/* Method stop: gives the workspace back, and frees the history. */
static void stop(ext_cursor *base)
{
    explain_cursor *cursor = (explain_cursor *)base;
    ext_workspace_close(&cursor->workspace, ext_table_home(base)->connection);
    ext_history_free(&cursor->history);
}

/*
 * Sets *score to the score of the explained item after the history without the event at
 * index place. place -1 leaves out no event. Walks through the items; a state of the
 * history is not used. Errors: those of ext_history_score(), NOMEM.
 */
static int score_without(const explain_cursor *cursor, int64_t place, double *score,
                         ext_error *error)
{
    const ext_rows *all = &cursor->history.rows;
    ext_history rest = {0};
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < all->n; i++)
        if ((int64_t)i != place)
            rc = ext_rows_add(&rest.rows, all->rows[i], error);
    if (rc == SQLITE_OK)
        rc = ext_history_score(&rest, ext_table_home(&cursor->base)->db,
                               &cursor->workspace, cursor->item, score, error);
    ext_history_free(&rest);
    return rc;
}

/*
 * Makes the row about the event at index base.row: sets cursor->without to the score
 * without that event. If base.row is behind the last event, only sets is_eof. Errors:
 * those of score_without().
 */
static int explain_row(explain_cursor *cursor, ext_error *error)
{
    cursor->base.is_eof = cursor->base.row >= (int64_t)cursor->history.rows.n;
    return cursor->base.is_eof
               ? SQLITE_OK
               : score_without(cursor, cursor->base.row, &cursor->without, error);
}

/*
 * Method start: reads the arguments, computes the item's score after the whole history,
 * and goes to the row about the first event. Sets is_eof at once, without an error, if
 * the model does not know the item, or knows no item of the history.
 */
static int start(ext_cursor *base, int idx_num, sqlite3_value **argv, ext_error *error)
{
    explain_cursor *cursor = (explain_cursor *)base;
    ext_connection *connection = ext_table_home(base)->connection;
    ext_choice choice;
    ext_model *model;
    (void)idx_num;
    (void)argv;
    if (ext_choice_read(&choice, base->arguments[VERSION], error) != SQLITE_OK ||
        ext_model_acquire_named(&model, connection, base->arguments[MODEL], &choice,
                                error) != SQLITE_OK ||
        ext_workspace_open(&cursor->workspace, connection, model, error) != SQLITE_OK ||
        ext_history_read(&cursor->history, connection->db, base->arguments[HISTORY],
                         model, error) != SQLITE_OK ||
        ext_ids_read_one(&cursor->item, base->arguments[ITEM], model->loaded.items,
                         error) != SQLITE_OK)
        return error->rc;
    base->is_eof = cursor->item < 0 || cursor->history.rows.n == 0;
    if (base->is_eof)
        return SQLITE_OK;
    int rc = score_without(cursor, -1, &cursor->score, error);
    return rc == SQLITE_OK ? explain_row(cursor, error) : rc;
}

/* Method next: makes the row of base.row, which the frame has increased. */
static int next(ext_cursor *base, ext_error *error)
{
    return explain_row((explain_cursor *)base, error);
}

/* Method column: position, event or contribution of the current row. */
static void column(const ext_cursor *base, sqlite3_context *context, int i)
{
    const explain_cursor *cursor = (const explain_cursor *)base;
    const ext_history *history = &cursor->history;
    if (i == POSITION)
        sqlite3_result_int64(context, history->positions.rows[base->row]);
    else if (i == EVENT)
        ext_value_result_item(context, cursor->workspace.model->loaded.items,
                              history->rows.rows[base->row]);
    else
        sqlite3_result_double(context, cursor->score - cursor->without);
}

static const ext_table_argument arguments[N_ARGUMENTS] = {
    [MODEL] = {"model", "model = 'rec'"},
    [HISTORY] = {"history", "history = '[17, 42]'"},
    [ITEM] = {"item", "item = 17"},
    [VERSION] = {"version", "version = 'newest'"},
};

const ext_table_function ext_explain = {
    .name = "gru4rec_explain",
    .declaration = "CREATE TABLE x(position INTEGER, event, contribution REAL, "
                   "model BLOB HIDDEN, history BLOB HIDDEN, "
                   "item BLOB HIDDEN, version BLOB HIDDEN)",
    .trust = SQLITE_VTAB_INNOCUOUS,
    .cursor_bytes = sizeof(explain_cursor),
    .n_columns = N_COLUMNS,
    .n_arguments = N_ARGUMENTS,
    .arguments = arguments,
    .n_needed = ITEM + 1,
    .usage = "needs a model, a history and an item; "
             "write gru4rec_explain('model', '[item, ...]', item)",
    .n_ordered = POSITION + 1,
    .n_rows = 10,
    .cost = 1e5,
    .start = start,
    .next = next,
    .column = column,
    .stop = stop,
};

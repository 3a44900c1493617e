/*
 * ext_history.c - what a session has seen, read from ids or from a state BLOB; see
 * ext_serve.h.
 */
#include "ext_serve.h"

/* ---- reading ---- */

/*
 * Sets history->state to a copy of the hidden states in a state BLOB. Does nothing if
 * another version made the BLOB, whose hidden states mean nothing to this model, or if
 * the session had not seen an item. Error: NOMEM.
 */
static int take_state(ext_history *history, const ext_state_blob *blob,
                      const ext_model *model, ext_error *error)
{
    if (!blob->is_started || !ext_state_blob_is_of(blob, model))
        return SQLITE_OK;
    history->state = sqlite3_malloc64(blob->n_values * sizeof *history->state);
    if (history->state == NULL)
        return ext_error_nomem(error);
    ext_value_read_floats(history->state, blob->values, blob->n_values);
    return SQLITE_OK;
}

/*
 * Reads a state BLOB into an empty history: the items that it remembers, with their
 * places among them, and the hidden states if exactly this version made it
 * (take_state()). Remembered items that the model does not know are counted in n_unknown.
 * An empty text is skipped and not counted, unless the version's option keep_empty is
 * set. SQLITE_ERROR: the value is no state BLOB, or is damaged.
 */
static int read_state(ext_history *history, sqlite3_value *value, const ext_model *model,
                      ext_error *error)
{
    ext_state_blob blob;
    if (!ext_state_blob_read(&blob, sqlite3_value_blob(value),
                             (size_t)sqlite3_value_bytes(value)))
        return ext_error_set(error, SQLITE_ERROR,
                             "the BLOB is not a session's state, or it is damaged; "
                             "give what gru4rec_state() or gru4rec_step() returned, "
                             "or NULL to start a new session; "
                             "an item that is a BLOB is given as hex(item)");
    const unsigned char *at = blob.items;
    int rc = SQLITE_OK;
    for (int i = 0; rc == SQLITE_OK && i < blob.n_items; i++) {
        gru4rec_id id;
        ext_state_blob_item(&at, &id);
        if (ext_value_is_empty(&id) && !model->loaded.options.keep_empty)
            continue;
        const int32_t row = gru4rec_items_find(model->loaded.items, &id);
        if (row < 0) {
            history->n_unknown++;
            continue;
        }
        rc = ext_rows_add(&history->rows, row, error);
        if (rc == SQLITE_OK)
            rc = ext_rows_add(&history->positions, i + 1, error);
    }
    return rc == SQLITE_OK ? take_state(history, &blob, model, error) : rc;
}

/*
 * Reads one id, or a JSON array of ids, into an empty history: rows, positions and
 * n_unknown, the number of ids that the model does not know. Errors: those of
 * ext_ids_read().
 */
static int read_ids(ext_history *history, sqlite3 *db, sqlite3_value *value,
                    const ext_model *model, ext_error *error)
{
    ext_ids ids = {.items = model->loaded.items,
                   .keeps_empty = model->loaded.options.keep_empty != 0,
                   .what = "history",
                   .rows = &history->rows,
                   .positions = &history->positions};
    int rc = ext_ids_read(&ids, db, value, error);
    history->n_unknown = ids.n_unknown;
    return rc;
}

int ext_history_read(ext_history *history, sqlite3 *db, sqlite3_value *value,
                     const ext_model *model, ext_error *error)
{
    *history = (ext_history){0};
    int rc = sqlite3_value_type(value) == SQLITE_BLOB
                 ? read_state(history, value, model, error)
                 : read_ids(history, db, value, model, error);
    if (rc != SQLITE_OK)
        ext_history_free(history);
    return rc;
}

void ext_history_free(ext_history *history)
{
    ext_rows_free(&history->rows);
    ext_rows_free(&history->positions);
    sqlite3_free(history->state);
    history->state = NULL;
}

bool ext_history_is_empty(const ext_history *history)
{
    return history->rows.n == 0 && history->state == NULL;
}

/* ---- walking ---- */

/*
 * A walk of at most this number of steps does not ask for interrupts, because it is over
 * soon, and asking takes a prepared statement.
 */
enum { LONG_WALK = 32 };

int ext_history_step(gru4rec_session *session, int32_t row, ext_error *error)
{
    gru4rec_error message = {0};
    gru4rec_status status = gru4rec_session_step(session, row, &message);
    return ext_error_library(error, status, &message);
}

/*
 * Moves the session on by the items of rows, from index first (0-based) to the end, and
 * asks for interrupts after each step. SQLITE_INTERRUPT: there was one, and the session
 * stands somewhere on the way.
 */
static int walk_far(const ext_rows *rows, size_t first, sqlite3 *db,
                    gru4rec_session *session, ext_error *error)
{
    int rc = SQLITE_OK;
    ext_poll poll;
    ext_poll_start(&poll, db);
    for (size_t i = first; i < rows->n && rc == SQLITE_OK; i++) {
        rc = ext_history_step(session, rows->rows[i], error);
        if (rc == SQLITE_OK && ext_poll_check(&poll))
            rc = ext_error_set(error, SQLITE_INTERRUPT, "interrupted");
    }
    ext_poll_stop(&poll);
    return rc;
}

/*
 * Copies the history's hidden states into the session, as if the session had walked
 * there, and tells it the row of the history's last known item (-1: there is none).
 * SQLITE_ERROR: a value of the hidden states is not finite; the session is unchanged.
 */
static int resume(const ext_history *history, gru4rec_session *session, ext_error *error)
{
    const ext_rows *rows = &history->rows;
    const int32_t last = rows->n > 0 ? rows->rows[rows->n - 1] : -1;
    return gru4rec_session_resume(session, history->state, last)
               ? SQLITE_OK
               : ext_error_set(error, SQLITE_ERROR,
                               "the session's state has values that are not finite; "
                               "give NULL to start a new session");
}

int ext_history_walk(const ext_history *history, sqlite3 *db, gru4rec_session *session,
                     ext_error *error)
{
    const ext_rows *rows = &history->rows;
    gru4rec_session_reset(session);
    if (history->state != NULL)
        return resume(history, session, error);
    const size_t first = gru4rec_session_first(session, rows->rows, rows->n);
    if (rows->n - first > LONG_WALK)
        return walk_far(rows, first, db, session, error);
    int rc = SQLITE_OK;
    for (size_t i = first; i < rows->n && rc == SQLITE_OK; i++)
        rc = ext_history_step(session, rows->rows[i], error);
    return rc;
}

int ext_history_score(const ext_history *history, sqlite3 *db,
                      const ext_workspace *workspace, int32_t row, double *score,
                      ext_error *error)
{
    gru4rec_session *session = workspace->session;
    gru4rec_blender *blender = workspace->blender;
    gru4rec_real result;
    if (ext_history_walk(history, db, session, error) != SQLITE_OK)
        return error->rc;
    gru4rec_session_scores(session, &row, 1, &result);
    if (blender != NULL) {
        gru4rec_blender_start(blender, session, history->rows.rows, history->rows.n);
        gru4rec_blender_score(blender, row, &result);
    }
    *score = (double)result;
    return SQLITE_OK;
}

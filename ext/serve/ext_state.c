/*
 * ext_state.c - gru4rec_state(model, item [, version]) and gru4rec_step(model, state,
 * item [, version]); see ext_serve.h, and ext_state_blob.c for the BLOB.
 *
 * gru4rec_state() is an aggregate and a window function. It returns the state of a
 * session after its events, in the order in which SQLite gives the rows. gru4rec_step()
 * takes a state and returns the state after one more event.
 *
 * A NULL item is no event. An empty text is no event either, unless the option keep_empty
 * is set. An item that the model does not know does not change the hidden states, but the
 * state remembers it: the next version of the model may know it.
 */
#include "ext_serve.h"

#include <string.h>

/*
 * Values that stand in place of an item's row in live_session.rows. UNKNOWN: the model
 * does not know the item. FORGOTTEN: the item is to be removed from the state.
 */
enum { UNKNOWN = -1, FORGOTTEN = -2 };

/*
 * A session that gets event after event, in gru4rec_state() or gru4rec_step(). It owns
 * its memory, except connection. All zero: it is closed.
 */
typedef struct live_session {
    ext_connection *connection;
    ext_workspace workspace; /* workspace.session has the hidden states */
    /*
     * A known item came, or the old state had one, so the hidden states mean something.
     */
    bool is_started;
    /*
     * gru4rec_state() only: name of the model in the first row of the group; NULL: no row
     * yet.
     */
    char *name;
    /* gru4rec_state() only: the version that the first row of the group asks for. */
    ext_choice choice;
    /*
     * n_items and n_items_bytes count the items in buffer. result_state() sets the other
     * fields.
     */
    ext_state_blob blob;
    unsigned char *buffer; /* (capacity) bytes: n_items coded items, oldest first */
    size_t capacity;
    /* The row of each item in buffer; UNKNOWN: the model does not know the item. */
    ext_rows rows;
} live_session;

/*
 * Closes a session: gives its workspace back to the connection, frees all else, and makes
 * *live all zero. May be called for a closed session.
 */
static void close_session(live_session *live)
{
    ext_workspace_close(&live->workspace, live->connection);
    ext_rows_free(&live->rows);
    sqlite3_free(live->buffer);
    sqlite3_free(live->name);
    *live = (live_session){0};
}

/*
 * Returns how many events of the network (is_event()) the state should remember. For a
 * version that blends, that is the number of events by which the blend finds the nearest
 * sessions. For another version it is 1: with collapse_repeats, the last known item
 * decides whether the next event is a repeat.
 */
static int count_needed(const live_session *live)
{
    const ext_loaded *loaded = &live->workspace.model->loaded;
    return loaded->neighbours != NULL ? loaded->blend.n_history : 1;
}

/*
 * Tells whether an item is an event of the network: the model knows it, and it is no
 * repeat, which only counts with option collapse_repeats. row: the item's row, or
 * UNKNOWN. The caller asks about the items from the last one to the first one. *later:
 * the row of the event that was found before this call, UNKNOWN at first. An item with
 * the same row is a repeat. If the item is an event, *later becomes row.
 */
static bool is_event(const live_session *live, int32_t row, int32_t *later)
{
    const bool is_repeat =
        live->workspace.model->loaded.options.collapse_repeats != 0 && row == *later;
    if (row == UNKNOWN || is_repeat)
        return false;
    *later = row;
    return true;
}

/*
 * Chooses the items to forget, and sets their rows in live->rows to FORGOTTEN. There must
 * be more items than the option state_items says. The last state_items items stay. If
 * fewer than count_needed() of them are events of the network, the latest events among
 * the older items stay too, until there are enough.
 * There is one exception: if the version does not blend and an older item stays, the
 * first of the last state_items items is forgotten in its place, so that no more than
 * state_items items stay.
 */
static void mark_forgotten(live_session *live)
{
    const ext_loaded *loaded = &live->workspace.model->loaded;
    int32_t *rows = live->rows.rows, later = UNKNOWN;
    const int n = (int)live->rows.n, first = n - (int)loaded->options.state_items;
    int n_needed = count_needed(live);
    bool is_older_kept = false;
    for (int i = n; i-- > first;)
        n_needed -= is_event(live, rows[i], &later);
    for (int i = first; i-- > 0;)
        if (n_needed > 0 && is_event(live, rows[i], &later)) {
            n_needed--;
            is_older_kept = true;
        } else {
            rows[i] = FORGOTTEN;
        }
    if (is_older_kept && loaded->neighbours == NULL)
        rows[first] = FORGOTTEN;
}

/*
 * Removes items from live->buffer and live->rows if there are more than state_items of
 * them: those that mark_forgotten() chooses. Sets n_items and n_items_bytes of live->blob
 * to what is left. Does nothing if there are not too many. All items behind the first of
 * the last state_items ones stay, so they are moved together.
 */
static void forget(live_session *live)
{
    ext_state_blob *blob = &live->blob;
    ext_rows *rows = &live->rows;
    const int64_t n_last = live->workspace.model->loaded.options.state_items;
    const unsigned char *at = live->buffer, *bytes_end = at + blob->n_items_bytes;
    unsigned char *end = live->buffer;
    size_t n_kept = 0;
    if ((int64_t)rows->n <= n_last)
        return;
    mark_forgotten(live);
    const size_t n_checked = rows->n - (size_t)n_last + 1;
    for (size_t i = 0; i < n_checked; i++) {
        const unsigned char *from = at;
        gru4rec_id id;
        ext_state_blob_item(&at, &id);
        if (rows->rows[i] == FORGOTTEN)
            continue;
        memmove(end, from, (size_t)(at - from));
        end += at - from;
        rows->rows[n_kept++] = rows->rows[i];
    }
    memmove(end, at, (size_t)(bytes_end - at));
    memmove(rows->rows + n_kept, rows->rows + n_checked,
            (rows->n - n_checked) * sizeof *rows->rows);
    rows->n -= n_checked - n_kept;
    blob->n_items = (int)rows->n;
    blob->n_items_bytes -= (size_t)(at - end);
}

/*
 * Makes room for n more bytes in live->buffer, which may move; its contents stay. NOMEM:
 * the buffer is as before.
 */
static int make_room(live_session *live, size_t n, ext_error *error)
{
    if (live->blob.n_items_bytes + n <= live->capacity)
        return SQLITE_OK;
    const size_t capacity = 2 * live->capacity + n + 512;
    unsigned char *buffer = sqlite3_realloc64(live->buffer, capacity);
    if (buffer == NULL)
        return ext_error_nomem(error);
    live->buffer = buffer;
    live->capacity = capacity;
    return SQLITE_OK;
}

/*
 * Appends an item to the buffer and its row to live->rows, also if the model does not
 * know it, and counts it in live->blob. Then forgets older items if there are too many
 * (forget()). row: the item's row in the catalogue, or UNKNOWN. NOMEM: the item is not
 * remembered.
 */
static int remember(live_session *live, const gru4rec_id *id, int32_t row,
                    ext_error *error)
{
    ext_state_blob *blob = &live->blob;
    const size_t n = ext_state_blob_item_bytes(id);
    if (make_room(live, n, error) != SQLITE_OK ||
        ext_rows_add(&live->rows, row, error) != SQLITE_OK)
        return error->rc;
    ext_state_blob_write_item(live->buffer + blob->n_items_bytes, id);
    blob->n_items_bytes += n;
    blob->n_items++;
    forget(live);
    return SQLITE_OK;
}

/*
 * Copies the items of an old state to the buffer, which must be empty, and fills in
 * live->rows with their rows and live->blob with their number. Then forgets items if
 * there are too many (forget()). history: what this version read from the old state; it
 * has the rows of the known items and their places. The rows of other items are UNKNOWN.
 * Does nothing if the old state has no item. Error: NOMEM.
 */
static int remember_all(live_session *live, const ext_state_blob *old,
                        const ext_history *history, ext_error *error)
{
    if (old->n_items == 0)
        return SQLITE_OK;
    if (make_room(live, old->n_items_bytes, error) != SQLITE_OK)
        return error->rc;
    for (int i = 0; i < old->n_items; i++)
        if (ext_rows_add(&live->rows, UNKNOWN, error) != SQLITE_OK)
            return error->rc;
    for (size_t i = 0; i < history->rows.n; i++)
        live->rows.rows[history->positions.rows[i] - 1] = history->rows.rows[i];
    memcpy(live->buffer, old->items, old->n_items_bytes);
    live->blob.n_items_bytes = old->n_items_bytes;
    live->blob.n_items = old->n_items;
    forget(live);
    return SQLITE_OK;
}

/*
 * Moves the hidden states on by the item with this row in the catalogue. If it is the
 * first known item of the session, resets the session before. Does nothing for an unknown
 * item (row -1).
 */
static int step(live_session *live, int32_t row, ext_error *error)
{
    if (row < 0)
        return SQLITE_OK;
    if (!live->is_started)
        gru4rec_session_reset(live->workspace.session);
    live->is_started = true;
    return ext_history_step(live->workspace.session, row, error);
}

/*
 * Adds one event: remembers its item, also if the model does not know it, and moves the
 * hidden states on if the model does. Does nothing if the value is no event: a NULL; or
 * an empty text, unless the option keep_empty is set.
 * SQLITE_ERROR: the value cannot be an item id: it is a BLOB, a REAL that is not whole,
 * or an unknown text that begins as a JSON array or object.
 */
static int add_item(live_session *live, sqlite3_value *value, ext_error *error)
{
    gru4rec_id id;
    if (!ext_value_item(value, &id))
        return ext_value_is_short(&id) ? ext_error_nomem(error) : SQLITE_OK;
    if (ext_value_is_empty(&id) && !live->workspace.model->loaded.options.keep_empty)
        return SQLITE_OK;
    if (id.type == GRU4REC_ID_REAL)
        return ext_ids_fail_type(&id, error);
    const int32_t row = gru4rec_items_find(live->workspace.model->loaded.items, &id);
    int rc = ext_ids_check_one(&id, row >= 0, error);
    if (rc == SQLITE_OK)
        rc = remember(live, &id, row, error);
    return rc == SQLITE_OK ? step(live, row, error) : rc;
}

/*
 * Loads a state BLOB into a session that was just opened, so that the session goes on
 * from there: sets the hidden states, and copies the items that the BLOB remembers to the
 * buffer. If another version made the BLOB, this version walks through these items to get
 * hidden states of its own. is_started is set if there are hidden states or a known item.
 * SQLITE_ERROR: the value is no state BLOB, or is damaged; also the errors of
 * ext_history_walk().
 */
static int load_state(live_session *live, sqlite3_value *value, ext_error *error)
{
    const ext_model *model = live->workspace.model;
    ext_history history;
    ext_state_blob old;
    int rc = ext_history_read(&history, live->connection->db, value, model, error);
    if (rc != SQLITE_OK)
        return rc;
    if (!ext_history_is_empty(&history)) {
        rc = ext_history_walk(&history, live->connection->db, live->workspace.session,
                              error);
        live->is_started = true;
    }
    ext_state_blob_read(&old, sqlite3_value_blob(value),
                        (size_t)sqlite3_value_bytes(value));
    if (rc == SQLITE_OK)
        rc = remember_all(live, &old, &history, error);
    ext_history_free(&history);
    return rc;
}

/*
 * Makes the state of the session the SQL result: a BLOB of this version, in which the
 * hidden states are those of a fresh session if no known item came. The session stays
 * open. Errors: SQLITE_CORRUPT_VTAB if the name of the version's run is not valid; NOMEM.
 * There is no result then.
 */
static void result_state(live_session *live, sqlite3_context *context, ext_error *error)
{
    const ext_model *model = live->workspace.model;
    ext_state_blob *blob = &live->blob;
    unsigned char run[EXT_STATE_BLOB_RUN], *bytes = NULL;
    size_t n;
    if (!ext_state_blob_run(run, model)) {
        ext_error_set(error, SQLITE_CORRUPT_VTAB,
                      "the model is damaged: its run is not 32 hex digits; "
                      "restore the database from a backup or train again");
        return;
    }
    blob->run = run;
    blob->is_started = live->is_started;
    blob->n_values = gru4rec_session_state_size(model->loaded.model);
    blob->items = live->buffer;
    gru4rec_real *values = sqlite3_malloc64(blob->n_values * sizeof *values);
    if (values != NULL) {
        if (!live->is_started)
            gru4rec_session_reset(live->workspace.session);
        gru4rec_session_state(live->workspace.session, values);
        bytes = ext_state_blob_write(blob, values, &n);
    }
    if (bytes != NULL)
        sqlite3_result_blob64(context, bytes, n, sqlite3_free);
    else
        ext_error_nomem(error);
    sqlite3_free(values);
}

/* ---- gru4rec_step() ---- */

/*
 * The SQL function gru4rec_step(model, state, item [, version]): returns the state after
 * one more event. An item that the model does not know is an event too. A NULL is no
 * event, and neither is an empty text unless the option keep_empty is set. Without an
 * event the result is the given state, written by this version; NULL if the state is NULL
 * too. SQLITE_ERROR if the state is neither NULL nor a state BLOB.
 */
static void step_function(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    live_session live = {.connection = ext_connection_of(context)};
    ext_error error = {0};
    ext_model *model;
    const int type = sqlite3_value_type(argv[1]);
    sqlite3_value *version = argc > 3 ? argv[3] : NULL;
    if (type != SQLITE_NULL && type != SQLITE_BLOB)
        ext_error_set(&error, SQLITE_ERROR,
                      "the state is not a BLOB; "
                      "give what gru4rec_state() or gru4rec_step() returned, "
                      "or NULL to start a session");
    else if (ext_model_acquire_for(&model, context, argv[0], version, &error) ==
                 SQLITE_OK &&
             ext_workspace_open(&live.workspace, live.connection, model, &error) ==
                 SQLITE_OK &&
             (type == SQLITE_NULL || load_state(&live, argv[1], &error) == SQLITE_OK) &&
             add_item(&live, argv[2], &error) == SQLITE_OK &&
             (type == SQLITE_BLOB || live.blob.n_items > 0))
        result_state(&live, context, &error);
    close_session(&live);
    ext_error_result(&error, context);
}

/* ---- gru4rec_state() ---- */

/*
 * Checks that a row names the same model as the first row of its group. In the first row,
 * when live->name is NULL, it keeps a copy of the name there instead. SQLITE_ERROR: the
 * names differ, or the name is NULL in a later row.
 */
static int check_name(live_session *live, sqlite3_value *value, ext_error *error)
{
    const char *name;
    ext_name room;
    if (ext_value_name(&name, &room, value, error) != SQLITE_OK)
        return error->rc;
    if (live->name == NULL) {
        live->name = sqlite3_mprintf("%s", name != NULL ? name : "");
        return live->name != NULL ? SQLITE_OK : ext_error_nomem(error);
    }
    return name != NULL && strcmp(live->name, name) == 0
               ? SQLITE_OK
               : ext_error_set(error, SQLITE_ERROR,
                               "gru4rec_state() got models '%s' and '%s' in one group; "
                               "give the same model in all its rows",
                               ext_show_text(&(ext_show){""}, live->name),
                               ext_show_text(&(ext_show){""}, name));
}

/*
 * Checks that a row asks for the same version as the first row of its group, by its
 * argument version. SQLITE_ERROR: it does not.
 */
static int check_version(const live_session *live, const ext_choice *choice,
                         ext_error *error)
{
    return ext_choice_is_same(&live->choice, choice)
               ? SQLITE_OK
               : ext_error_set(error, SQLITE_ERROR,
                               "gru4rec_state() got two versions in one group; "
                               "give the same version in all its rows");
}

/*
 * Opens the session of a group by its first row: acquires the version that the row asks
 * for, opens a workspace on it, whose session is at its start, and keeps the choice of
 * the version for check_version(). Errors: those of ext_model_acquire_named() and NOMEM.
 */
static int open_live(live_session *live, ext_connection *connection, sqlite3_value *name,
                     const ext_choice *choice, ext_error *error)
{
    ext_model *model;
    live->connection = connection;
    live->choice = *choice;
    int rc = ext_model_acquire_named(&model, connection, name, choice, error);
    return rc == SQLITE_OK
               ? ext_workspace_open(&live->workspace, connection, model, error)
               : rc;
}

/*
 * xStep of the aggregate gru4rec_state(): adds the event of one row (add_item()). The
 * first row of a group opens the session; in the others, model and version must be the
 * same. An error ends the query.
 */
static void add_event(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_connection *connection = ext_connection_of(context);
    live_session *live = sqlite3_aggregate_context(context, sizeof *live);
    ext_error error = {0};
    ext_choice choice;
    int rc = live != NULL ? SQLITE_OK : ext_error_nomem(&error);
    if (rc == SQLITE_OK)
        rc = ext_choice_read(&choice, argc > 2 ? argv[2] : NULL, &error);
    if (rc == SQLITE_OK && live->workspace.model == NULL)
        rc = open_live(live, connection, argv[0], &choice, &error);
    if (rc == SQLITE_OK)
        rc = check_name(live, argv[0], &error);
    if (rc == SQLITE_OK)
        rc = check_version(live, &choice, &error);
    if (rc == SQLITE_OK)
        add_item(live, argv[1], &error);
    ext_error_result(&error, context);
}

/*
 * xInverse of the window function gru4rec_state(): SQLite asks to remove the oldest row
 * from the window. The network cannot forget, so this is always an error.
 */
static void drop_event(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_error error = {0};
    (void)argc;
    (void)argv;
    ext_error_set(&error, SQLITE_ERROR,
                  "gru4rec_state() cannot forget events; "
                  "let the frame begin at UNBOUNDED PRECEDING");
    ext_error_result(&error, context);
}

/*
 * xValue of the window function gru4rec_state(): returns the state so far, and keeps the
 * session open. The result is NULL if there was no event.
 */
static void show_state(sqlite3_context *context)
{
    live_session *live = sqlite3_aggregate_context(context, 0);
    ext_error error = {0};
    if (live != NULL && live->workspace.model != NULL && live->blob.n_items > 0)
        result_state(live, context, &error);
    ext_error_result(&error, context);
}

/*
 * xFinal of the aggregate gru4rec_state(): returns the state, or NULL if there was no
 * event, and closes the session if there was a row.
 */
static void finish_state(sqlite3_context *context)
{
    live_session *live = sqlite3_aggregate_context(context, 0);
    show_state(context);
    if (live != NULL)
        close_session(live);
}

/* The methods xFinal, xValue and xInverse of gru4rec_state(). */
static const ext_window state_window = {finish_state, show_state, drop_event};

/*
 * The entries by which gru4rec_state() and gru4rec_step() are registered, each with and
 * without the argument version. The last entry has the name NULL.
 */
const ext_function ext_state_functions[] = {
    {"gru4rec_state", 2, SQLITE_INNOCUOUS, add_event, &state_window},
    {"gru4rec_state", 3, SQLITE_INNOCUOUS, add_event, &state_window},
    {"gru4rec_step", 3, SQLITE_INNOCUOUS, step_function, NULL},
    {"gru4rec_step", 4, SQLITE_INNOCUOUS, step_function, NULL},
    {NULL, 0, 0, NULL, NULL},
};

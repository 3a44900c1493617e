/*
 * ext_state.c - gru4rec_state(model, item), gru4rec_step(model, state, item); see
 * ext_serve.h, and ext_history.c for the BLOB.
 *
 * gru4rec_state() is an aggregate and a window function over the events of a session in
 * the order in which they arrive; gru4rec_step() moves a state on by one event. A NULL
 * item is no event. An item that the model does not know leaves the network where it is,
 * but is remembered: the next version of the model may know it.
 */
#include "ext_serve.h"

#include <string.h>

/* A session on its way. */
typedef struct live_state {
    ext_connection *connection;
    ext_workspace workspace; /* the session stands there once is_started */
    bool is_started;
    int32_t last;  /* row of the last known item, or -1 */
    char *name;    /* of the model, as the aggregate was given it */
    ext_blob blob; /* its last items, in the buffer */
    unsigned char *buffer;
    size_t capacity;
} live_state;

static int open_state(live_state *state, ext_connection *connection, ext_model *model,
                      ext_error *error)
{
    state->connection = connection;
    state->last = -1;
    return ext_workspace_open(connection, model, &state->workspace, error);
}

static void close_state(live_state *state)
{
    if (state->workspace.model != NULL)
        ext_workspace_close(state->connection, &state->workspace);
    sqlite3_free(state->buffer);
    sqlite3_free(state->name);
    memset(state, 0, sizeof *state);
}

/*
 * Forgets the oldest item, but for the only one that the model knows: with
 * collapse_repeats it tells whether the next one counts.
 */
static void forget(live_state *state)
{
    ext_blob *blob = &state->blob;
    const gru4rec_items *items = state->workspace.model->items;
    const unsigned char *from = state->buffer, *to = state->buffer, *at;
    gru4rec_id id;
    ext_blob_item(&to, &id);
    bool is_needed = gru4rec_items_find(items, &id) >= 0;
    at = to;
    for (int i = 1; is_needed && i < blob->n_items; i++) {
        ext_blob_item(&at, &id);
        is_needed = gru4rec_items_find(items, &id) < 0;
    }
    if (is_needed) {
        from = to;
        ext_blob_item(&to, &id);
    }
    const size_t n = (size_t)(to - from), behind = (size_t)(to - state->buffer);
    memmove(state->buffer + (from - state->buffer), to, blob->n_items_bytes - behind);
    blob->n_items--;
    blob->n_items_bytes -= n;
}

/* Remembers an item, and forgets one of too many. */
static int remember(live_state *state, const gru4rec_id *id, ext_error *error)
{
    ext_blob *blob = &state->blob;
    const size_t n = ext_blob_item_bytes(id);
    if (blob->n_items == EXT_STATE_ITEMS)
        forget(state);
    if (blob->n_items_bytes + n > state->capacity) {
        size_t capacity = 2 * state->capacity + n + 512;
        unsigned char *buffer = sqlite3_realloc64(state->buffer, capacity);
        if (buffer == NULL)
            return ext_fail_nomem(error);
        state->buffer = buffer;
        state->capacity = capacity;
    }
    ext_blob_item_write(state->buffer + blob->n_items_bytes, id);
    blob->n_items_bytes += n;
    blob->n_items++;
    return SQLITE_OK;
}

static void step(live_state *state, int32_t row)
{
    const ext_model *model = state->workspace.model;
    if (row < 0 || (model->options.collapse_repeats && row == state->last))
        return;
    if (!state->is_started)
        gru4rec_session_reset(state->workspace.session);
    gru4rec_session_step(state->workspace.session, row);
    state->is_started = true;
    state->last = row;
}

static int add_item(live_state *state, sqlite3_value *value, ext_error *error)
{
    gru4rec_id id;
    if (!ext_value_id(value, &id))
        return SQLITE_OK;
    if (id.type != GRU4REC_ID_INTEGER && id.type != GRU4REC_ID_TEXT)
        return ext_fail(error, SQLITE_ERROR,
                        "the item is a %s; items are INTEGER or TEXT",
                        id.type == GRU4REC_ID_REAL ? "REAL" : "BLOB");
    int rc = remember(state, &id, error);
    if (rc == SQLITE_OK)
        step(state, gru4rec_items_find(state->workspace.model->items, &id));
    return rc;
}

/* Goes on from a state that an application kept. */
static int load_state(live_state *state, sqlite3_value *value, ext_error *error)
{
    const ext_model *model = state->workspace.model;
    ext_history history;
    ext_blob old;
    int rc = ext_history_read(&history, state->connection->db, value, model, error);
    if (rc != SQLITE_OK)
        return rc;
    if (!ext_history_is_empty(&history)) {
        rc = ext_history_walk(&history, state->connection->db, model,
                              state->workspace.session, error);
        state->is_started = true;
        if (history.rows.n > 0)
            state->last = history.rows.rows[history.rows.n - 1];
    }
    ext_history_free(&history);
    ext_blob_read(&old, sqlite3_value_blob(value), (size_t)sqlite3_value_bytes(value));
    const unsigned char *at = old.items;
    for (int i = 0; rc == SQLITE_OK && i < old.n_items; i++) {
        gru4rec_id id;
        ext_blob_item(&at, &id);
        rc = remember(state, &id, error);
    }
    return rc;
}

static int read_digit(char digit)
{
    return digit <= '9' ? digit - '0' : (digit | 32) - 'a' + 10;
}

static void result_state(live_state *state, sqlite3_context *context, ext_error *error)
{
    const ext_model *model = state->workspace.model;
    const size_t n_values = gru4rec_session_state_size(model->model);
    unsigned char run[16];
    size_t n;
    gru4rec_real *values = sqlite3_malloc64(n_values * sizeof *values);
    unsigned char *bytes = sqlite3_malloc64(4 * n_values), *result = NULL;
    for (int i = 0; i < 16; i++)
        run[i] = (unsigned char)(read_digit(model->run[2 * i]) << 4 |
                                 read_digit(model->run[2 * i + 1]));
    if (values != NULL && bytes != NULL) {
        if (!state->is_started)
            gru4rec_session_reset(state->workspace.session);
        gru4rec_session_state(state->workspace.session, values);
        ext_floats_write(bytes, values, n_values);
        state->blob.run = run;
        state->blob.is_started = state->is_started;
        state->blob.values = bytes;
        state->blob.n_values = n_values;
        state->blob.items = state->buffer;
        result = ext_blob_write(&state->blob, &n);
    }
    if (result != NULL)
        sqlite3_result_blob64(context, result, n, sqlite3_free);
    else
        ext_fail_nomem(error);
    sqlite3_free(values);
    sqlite3_free(bytes);
}

/* ---- gru4rec_step() ---- */

static void step_function(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    live_state state = {0};
    ext_error error = {0};
    ext_model *model;
    const int type = sqlite3_value_type(argv[1]);
    (void)argc;
    if (type != SQLITE_NULL && type != SQLITE_BLOB)
        ext_fail(&error, SQLITE_ERROR,
                 "the state is no BLOB; give what gru4rec_state() or gru4rec_step() "
                 "returned, or NULL to start a session");
    else if (ext_function_model(context, argv[0], &model, &error) == SQLITE_OK &&
             open_state(&state, sqlite3_user_data(context), model, &error) == SQLITE_OK &&
             (type == SQLITE_NULL || load_state(&state, argv[1], &error) == SQLITE_OK) &&
             add_item(&state, argv[2], &error) == SQLITE_OK &&
             (type == SQLITE_BLOB || state.blob.n_items > 0))
        result_state(&state, context, &error);
    close_state(&state);
    ext_error_result(&error, context);
}

/* ---- gru4rec_state() ---- */

static int check_name(live_state *state, sqlite3_value *value, ext_error *error)
{
    const char *name = (const char *)sqlite3_value_text(value);
    if (state->name == NULL) {
        state->name = sqlite3_mprintf("%s", name != NULL ? name : "");
        return state->name != NULL ? SQLITE_OK : ext_fail_nomem(error);
    }
    return name != NULL && strcmp(state->name, name) == 0
               ? SQLITE_OK
               : ext_fail(error, SQLITE_ERROR,
                          "gru4rec_state() got models '%s' and '%s'; give one for all "
                          "rows of a group",
                          state->name, name != NULL ? name : "NULL");
}

static void add_event(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_connection *connection = sqlite3_user_data(context);
    live_state *state = sqlite3_aggregate_context(context, sizeof *state);
    ext_error error = {0};
    ext_model *model;
    int rc = state != NULL ? SQLITE_OK : ext_fail_nomem(&error);
    (void)argc;
    if (rc == SQLITE_OK && state->workspace.model == NULL) {
        rc = ext_model_acquire_named(connection, argv[0], &model, &error);
        if (rc == SQLITE_OK)
            rc = open_state(state, connection, model, &error);
    }
    if (rc == SQLITE_OK)
        rc = check_name(state, argv[0], &error);
    if (rc == SQLITE_OK)
        add_item(state, argv[1], &error);
    ext_error_result(&error, context);
}

static void drop_event(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_error error = {0};
    (void)argc;
    (void)argv;
    ext_fail(&error, SQLITE_ERROR,
             "gru4rec_state() cannot forget events; let the frame begin at UNBOUNDED "
             "PRECEDING");
    ext_error_result(&error, context);
}

static void show_state(sqlite3_context *context)
{
    live_state *state = sqlite3_aggregate_context(context, 0);
    ext_error error = {0};
    if (state != NULL && state->workspace.model != NULL && state->blob.n_items > 0)
        result_state(state, context, &error);
    ext_error_result(&error, context);
}

static void finish_state(sqlite3_context *context)
{
    live_state *state = sqlite3_aggregate_context(context, 0);
    show_state(context);
    if (state != NULL)
        close_state(state);
}

int ext_register_state(ext_connection *connection, ext_error *error)
{
    if (sqlite3_create_window_function(connection->db, "gru4rec_state", 2,
                                       SQLITE_UTF8 | SQLITE_INNOCUOUS,
                                       ext_connection_hold(connection), add_event,
                                       finish_state, show_state, drop_event,
                                       ext_connection_release) != SQLITE_OK)
        return ext_fail_db(error, connection->db, "gru4rec_state");
    return ext_register_function(connection, "gru4rec_step", 3, SQLITE_INNOCUOUS,
                                 step_function, error);
}

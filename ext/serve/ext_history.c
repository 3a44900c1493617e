/*
 * ext_history.c - what a session has seen: ids, or a state; see ext_serve.h.
 *
 * A state is a BLOB, little-endian:
 *   0  "G4RS"   4  format 1   5  1: the network has seen an item   6  n_items   7  0
 *   8  the run of the model that made it (16)
 *  24  n_values (4), then the values: float32 of all GRU layers
 *      n_items coded items, the session's last ones, oldest first:
 *      1 and the integer (8), or 2, the length (4) and the text
 *      FNV-1a of all that (4)
 * The items are there so that another version of the model can be brought to where the
 * session stands, and for exclude_seen. A state comes from the application: all of it is
 * checked before it is used.
 */
#include "ext_serve.h"

#include <string.h>

enum { HEAD = 28, RUN = 16, CHECK = 4, CODE_INTEGER = 1, CODE_TEXT = 2 };

static const unsigned char magic[5] = {'G', '4', 'R', 'S', 1};

/* ---- bytes ---- */

static uint64_t read_bytes(const unsigned char *at, int n)
{
    uint64_t value = 0;
    for (int i = n; i-- > 0;)
        value = value << 8 | at[i];
    return value;
}

static void write_bytes(unsigned char *at, uint64_t value, int n)
{
    for (int i = 0; i < n; i++, value >>= 8)
        at[i] = (unsigned char)value;
}

static uint32_t hash_bytes(const unsigned char *bytes, size_t n)
{
    uint32_t hash = 0x811c9dc5;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ bytes[i]) * 0x01000193;
    return hash;
}

/* Bytes of the coded item at at, of at most n; 0: there is none. */
static size_t measure_item(const unsigned char *at, size_t n)
{
    if (n >= 9 && at[0] == CODE_INTEGER)
        return 9;
    if (n < 5 || at[0] != CODE_TEXT)
        return 0;
    size_t length = (size_t)read_bytes(at + 1, 4);
    return length <= n - 5 ? 5 + length : 0;
}

bool ext_blob_read(ext_blob *blob, const unsigned char *bytes, size_t n)
{
    memset(blob, 0, sizeof *blob);
    if (n < HEAD + CHECK || memcmp(bytes, magic, sizeof magic) != 0 || bytes[5] > 1 ||
        bytes[6] > EXT_STATE_ITEMS ||
        read_bytes(bytes + n - CHECK, CHECK) != hash_bytes(bytes, n - CHECK))
        return false;
    blob->is_started = bytes[5] == 1;
    blob->n_items = bytes[6];
    blob->run = bytes + 8;
    blob->n_values = (size_t)read_bytes(bytes + 24, 4);
    size_t left = n - HEAD - CHECK;
    if (blob->n_values > left / 4)
        return false;
    blob->values = bytes + HEAD;
    blob->items = blob->values + 4 * blob->n_values;
    blob->n_items_bytes = left - 4 * blob->n_values;
    const unsigned char *at = blob->items, *end = bytes + n - CHECK;
    for (int i = 0; i < blob->n_items; i++) {
        size_t length = measure_item(at, (size_t)(end - at));
        if (length == 0)
            return false;
        at += length;
    }
    return at == end;
}

unsigned char *ext_blob_write(const ext_blob *blob, size_t *n)
{
    *n = HEAD + 4 * blob->n_values + blob->n_items_bytes + CHECK;
    unsigned char *bytes = sqlite3_malloc64(*n);
    if (bytes == NULL)
        return NULL;
    memcpy(bytes, magic, sizeof magic);
    bytes[5] = blob->is_started;
    bytes[6] = (unsigned char)blob->n_items;
    bytes[7] = 0;
    memcpy(bytes + 8, blob->run, RUN);
    write_bytes(bytes + 24, blob->n_values, 4);
    memcpy(bytes + HEAD, blob->values, 4 * blob->n_values);
    if (blob->n_items_bytes > 0)
        memcpy(bytes + HEAD + 4 * blob->n_values, blob->items, blob->n_items_bytes);
    write_bytes(bytes + *n - CHECK, hash_bytes(bytes, *n - CHECK), CHECK);
    return bytes;
}

void ext_blob_item(const unsigned char **at, gru4rec_id *id)
{
    memset(id, 0, sizeof *id);
    if (**at == CODE_INTEGER) {
        id->type = GRU4REC_ID_INTEGER;
        id->integer = (int64_t)read_bytes(*at + 1, 8);
    } else {
        id->type = GRU4REC_ID_TEXT;
        id->n_bytes = (size_t)read_bytes(*at + 1, 4);
        id->bytes = *at + 5;
    }
    *at += ext_blob_item_bytes(id);
}

size_t ext_blob_item_bytes(const gru4rec_id *id)
{
    return id->type == GRU4REC_ID_INTEGER ? 9 : 5 + id->n_bytes;
}

void ext_blob_item_write(unsigned char *at, const gru4rec_id *id)
{
    *at = id->type == GRU4REC_ID_INTEGER ? CODE_INTEGER : CODE_TEXT;
    if (id->type == GRU4REC_ID_INTEGER) {
        write_bytes(at + 1, (uint64_t)id->integer, 8);
        return;
    }
    write_bytes(at + 1, id->n_bytes, 4);
    if (id->n_bytes > 0)
        memcpy(at + 5, id->bytes, id->n_bytes);
}

bool ext_blob_is_of(const ext_blob *blob, const ext_model *model)
{
    static const char digits[] = "0123456789abcdef";
    char run[2 * RUN + 1] = "";
    for (int i = 0; i < RUN; i++) {
        run[2 * i] = digits[blob->run[i] >> 4];
        run[2 * i + 1] = digits[blob->run[i] & 15];
    }
    return blob->n_values == gru4rec_session_state_size(model->model) &&
           strcmp(run, model->run) == 0;
}

/* ---- histories ---- */

static int take_state(ext_history *history, const ext_blob *blob, const ext_model *model,
                      ext_error *error)
{
    if (!blob->is_started || !ext_blob_is_of(blob, model))
        return SQLITE_OK;
    history->state = sqlite3_malloc64(blob->n_values * sizeof *history->state);
    if (history->state == NULL)
        return ext_fail_nomem(error);
    ext_floats_read(history->state, blob->values, blob->n_values);
    return SQLITE_OK;
}

static int read_state(ext_history *history, sqlite3_value *value, const ext_model *model,
                      ext_error *error)
{
    ext_blob blob;
    gru4rec_id id;
    if (!ext_blob_read(&blob, sqlite3_value_blob(value),
                       (size_t)sqlite3_value_bytes(value)))
        return ext_fail(error, SQLITE_ERROR,
                        "the BLOB is not a session's state, or it is damaged; give what "
                        "gru4rec_state() or gru4rec_step() returned, or NULL to start "
                        "anew");
    const unsigned char *at = blob.items;
    int rc = SQLITE_OK;
    for (int i = 0; rc == SQLITE_OK && i < blob.n_items; i++) {
        ext_blob_item(&at, &id);
        int32_t row = gru4rec_items_find(model->items, &id);
        if (row >= 0)
            rc = ext_rows_add(&history->rows, row, error);
        if (row >= 0 && rc == SQLITE_OK)
            rc = ext_rows_add(&history->positions, i + 1, error);
    }
    return rc == SQLITE_OK ? take_state(history, &blob, model, error) : rc;
}

int ext_history_read(ext_history *history, sqlite3 *db, sqlite3_value *value,
                     const ext_model *model, ext_error *error)
{
    memset(history, 0, sizeof *history);
    int rc = sqlite3_value_type(value) == SQLITE_BLOB
                 ? read_state(history, value, model, error)
                 : ext_parse_items(db, value, model->items, "history", &history->rows,
                                   &history->positions, error);
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

/* A walk of so many steps asks for interrupts. */
enum { LONG_WALK = 32 };

static int walk_rows(const ext_history *history, sqlite3 *db, const ext_model *model,
                     gru4rec_session *session, ext_error *error)
{
    const bool collapses = model->options.collapse_repeats != 0;
    const bool is_long = history->rows.n > LONG_WALK;
    const int32_t *rows = history->rows.rows;
    bool is_stopped = false;
    ext_poll poll;
    if (is_long)
        ext_poll_start(&poll, db);
    for (size_t i = 0; i < history->rows.n && !is_stopped; i++) {
        if (!collapses || i == 0 || rows[i] != rows[i - 1])
            gru4rec_session_step(session, rows[i]);
        is_stopped = is_long && ext_poll_check(&poll);
    }
    if (is_long)
        ext_poll_stop(&poll);
    return is_stopped ? ext_fail(error, SQLITE_INTERRUPT, "interrupted") : SQLITE_OK;
}

int ext_history_walk(const ext_history *history, sqlite3 *db, const ext_model *model,
                     gru4rec_session *session, ext_error *error)
{
    gru4rec_session_reset(session);
    if (history->state == NULL)
        return walk_rows(history, db, model, session, error);
    return gru4rec_session_resume(session, history->state)
               ? SQLITE_OK
               : ext_fail(error, SQLITE_ERROR,
                          "the session's state has values that are not finite; give NULL "
                          "to start anew");
}

/* ---- models of scalar functions ---- */

static void release_model(void *model)
{
    ext_model_release(model);
}

int ext_function_model(sqlite3_context *context, sqlite3_value *value, ext_model **model,
                       ext_error *error)
{
    *model = sqlite3_get_auxdata(context, 0);
    if (*model != NULL) {
        ext_model_retain(*model);
        return SQLITE_OK;
    }
    int rc = ext_model_acquire_named(sqlite3_user_data(context), value, model, error);
    if (rc == SQLITE_OK)
        sqlite3_set_auxdata(context, 0, ext_model_retain(*model), release_model);
    return rc;
}

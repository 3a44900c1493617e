/*
 * ext_safetensors.c - writes the header of a model in safetensors format; see
 * ext_tools.h.
 *
 *   8 bytes    length n of the header, little-endian
 *   n bytes    JSON, padded with spaces:
 *              "__metadata__": {"format": "gru4rec", "items": <JSON array of ids in row
 *              order, as text>, "support": <the same of numbers>, "options": <object>},
 *              and for each tensor "name": {"dtype": "F32", "shape": [..],
 *              "data_offsets": [begin, end]}
 *   the rest   float32, little-endian, row-major, at those offsets
 *
 * A file with the sessions that a version blends with has three tensors more, for S
 * sessions with E events in all:
 *
 *   blend.times    F64 [S], the time of the last event of each session, ascending
 *   blend.lengths  I32 [S], the number of events of each session
 *   blend.rows     I32 [E], the rows of the items of all events
 *
 * The tensors have the names and shapes of the official PyTorch state dictionary;
 * docs/interchange.md lists them. support may be missing. JSON is UTF-8 and has no NUL
 * character. So a model with an id that is no such text is not exported, and a header
 * that is no such text is not imported.
 */
#include "ext_tools.h"

#include <string.h>

/*
 * Sets the error for a text that could not be made, and returns its code: rc, which is
 * SQLITE_NOMEM or SQLITE_TOOBIG (the message then says that the header would be too
 * long).
 */
static int fail_text(int rc, ext_error *error)
{
    if (rc == SQLITE_NOMEM)
        return ext_error_nomem(error);
    return ext_error_set(error, rc,
                         "the header would be longer than SQLite's limit for a text");
}

int ext_safetensors_check_text(const gru4rec_id *id, ext_error *error)
{
    enum { SHOWN = 24 };
    const unsigned char *bytes = id->bytes;
    char hex[2 * SHOWN + 1] = "";
    const bool is_utf8 = ext_value_utf8(bytes, id->n_bytes) == id->n_bytes;
    if (is_utf8 && memchr(bytes, '\0', id->n_bytes) == NULL)
        return SQLITE_OK;
    for (size_t i = 0; i < SHOWN && i < id->n_bytes; i++)
        sqlite3_snprintf(3, hex + 2 * i, "%02x", bytes[i]);
    return ext_error_set(error, SQLITE_ERROR,
                         "item x'%s'%s (in hex) %s, which JSON cannot carry; give such "
                         "items other ids%s, and train again",
                         hex, id->n_bytes > SHOWN ? "..." : "",
                         is_utf8 ? "has a NUL in its text" : "is text that is not UTF-8",
                         is_utf8 ? "" : " or convert them to UTF-8");
}

/*
 * Appends to json a JSON array with a value for each item, in the order of the rows: the
 * ids (integers, and texts in quotes), or if is_support is true, the supports (integers).
 * quote: the statement SELECT json_quote(?1), which is reset afterwards. SQLITE_ERROR:
 * JSON cannot carry the id of an item.
 */
static int append_array(sqlite3_str *json, sqlite3_stmt *quote,
                        const gru4rec_items *items, bool is_support, ext_error *error)
{
    const int64_t *support = gru4rec_items_support(items);
    for (int32_t row = 0; row < gru4rec_items_count(items); row++) {
        gru4rec_id id;
        gru4rec_items_get(items, row, &id);
        sqlite3_str_appendchar(json, 1, row > 0 ? ',' : '[');
        if (is_support || id.type == GRU4REC_ID_INTEGER) {
            sqlite3_str_appendf(json, "%lld", is_support ? support[row] : id.integer);
            continue;
        }
        if (ext_safetensors_check_text(&id, error) != SQLITE_OK)
            return error->rc;
        if (ext_value_bind(quote, 1, &id) != SQLITE_OK ||
            sqlite3_step(quote) != SQLITE_ROW || sqlite3_column_text(quote, 0) == NULL)
            return ext_error_db(error, sqlite3_db_handle(quote), "writing the model");
        sqlite3_str_appendall(json, (const char *)sqlite3_column_text(quote, 0));
        sqlite3_reset(quote);
    }
    sqlite3_str_appendchar(json, 1, ']');
    return SQLITE_OK;
}

/*
 * Appends the array of the ids to ids, and that of the supports to support. Both may be
 * longer than SQLite allows: SQLITE_TOOBIG. SQLITE_ERROR: JSON cannot carry the id of an
 * item.
 */
static int append_items(sqlite3_str *ids, sqlite3_str *support, sqlite3 *db,
                        const gru4rec_items *items, ext_error *error)
{
    sqlite3_stmt *quote;
    int rc = ext_sql_prepare(db, &quote, error, "SELECT json_quote(?1)");
    if (rc == SQLITE_OK)
        rc = append_array(ids, quote, items, false, error);
    if (rc == SQLITE_OK)
        rc = append_array(support, quote, items, true, error);
    sqlite3_finalize(quote);
    if (rc == SQLITE_OK && (rc = sqlite3_str_errcode(ids)) == SQLITE_OK)
        rc = sqlite3_str_errcode(support);
    return rc == SQLITE_OK || error->rc != SQLITE_OK ? rc : fail_text(rc, error);
}

/*
 * Returns the header's metadata, a JSON object whose values are texts: format, items,
 * support and options. It is of sqlite3_malloc, and the caller frees it. NULL: there is
 * an error. has_sessions: the file gets the sessions that the model blends with. If
 * false, the options have blend 0, because the imported model cannot blend.
 */
static char *make_metadata(sqlite3 *db, const ext_loaded *loaded, bool has_sessions,
                           ext_error *error)
{
    gru4rec_options exported = loaded->options;
    if (!has_sessions)
        exported.blend = 0;
    sqlite3_stmt *stmt = NULL;
    sqlite3_str *items = sqlite3_str_new(db), *support = sqlite3_str_new(db);
    char *options = ext_options_json(&exported, true), *metadata = NULL;
    int rc = options != NULL ? append_items(items, support, db, loaded->items, error)
                             : ext_error_nomem(error);
    if (rc == SQLITE_OK)
        rc = ext_sql_prepare(db, &stmt, error,
                             "SELECT json_object('format', 'gru4rec', 'items', ?1, "
                             "'support', ?2, 'options', ?3)");
    if (rc == SQLITE_OK) {
        const char *const texts[] = {sqlite3_str_value(items), sqlite3_str_value(support),
                                     options};
        for (int i = 0; rc == SQLITE_OK && i < 3; i++)
            rc = sqlite3_bind_text(stmt, i + 1, texts[i], -1, SQLITE_STATIC);
        if (rc != SQLITE_OK || sqlite3_step(stmt) != SQLITE_ROW)
            ext_error_db(error, db, "writing the model");
        else if ((metadata = ext_sql_text(stmt, 0)) == NULL)
            ext_error_nomem(error);
    }
    sqlite3_finalize(stmt);
    sqlite3_free(sqlite3_str_finish(items));
    sqlite3_free(sqlite3_str_finish(support));
    sqlite3_free(options);
    return metadata;
}

/*
 * Appends to json ,"name":{...} for one tensor of the sessions: n values of bytes bytes
 * each, which begin at the offset at in the data. Returns the offset behind them.
 */
static uint64_t append_part(sqlite3_str *json, const char *name, const char *dtype,
                            int64_t n, size_t bytes, uint64_t at)
{
    const uint64_t end = at + bytes * (uint64_t)n;
    sqlite3_str_appendf(json,
                        ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%lld],"
                        "\"data_offsets\":[%llu,%llu]}",
                        name, dtype, n, at, end);
    return end;
}

/*
 * Appends to json ,"name":{...} (type, shape, offsets) for each tensor, in the order of
 * their values in the file: blend.times, the tensors of the model, blend.lengths,
 * blend.rows. Those of the sessions are left out if sessions is NULL.
 */
static void append_tensors(sqlite3_str *json, const gru4rec_model *model,
                           const gru4rec_dataset *sessions)
{
    uint64_t at = 0;
    if (sessions != NULL)
        at = append_part(json, "blend.times", "F64", sessions->n_sessions, 8, at);
    for (size_t i = 0; i < gru4rec_model_tensor_count(model); i++) {
        gru4rec_tensor tensor;
        gru4rec_model_tensor(model, i, &tensor);
        const uint64_t end = at + 4 * (uint64_t)tensor.n_values;
        sqlite3_str_appendf(json, ",\"%s\":{\"dtype\":\"F32\",\"shape\":[%lld",
                            tensor.name, tensor.dims[0]);
        if (tensor.n_dims == 2)
            sqlite3_str_appendf(json, ",%lld", tensor.dims[1]);
        sqlite3_str_appendf(json, "],\"data_offsets\":[%llu,%llu]}", at, end);
        at = end;
    }
    if (sessions == NULL)
        return;
    at = append_part(json, "blend.lengths", "I32", sessions->n_sessions, 4, at);
    append_part(json, "blend.rows", "I32", sessions->n_events, 4, at);
}

int ext_safetensors_header(char **header, size_t *n_header, sqlite3 *db,
                           const ext_loaded *loaded, const gru4rec_dataset *sessions,
                           ext_error *error)
{
    char *metadata = make_metadata(db, loaded, sessions != NULL, error);
    if (metadata == NULL)
        return error->rc;
    sqlite3_str *json = sqlite3_str_new(db);
    /* Makes room for the length, which is written below. */
    sqlite3_str_append(json, "12345678", 8);
    sqlite3_str_appendf(json, "{\"__metadata__\":%s", metadata);
    sqlite3_free(metadata);
    append_tensors(json, loaded->model, sessions);
    sqlite3_str_appendchar(json, 1, '}');
    while (sqlite3_str_length(json) % 8 != 0 && sqlite3_str_errcode(json) == SQLITE_OK)
        sqlite3_str_appendchar(json, 1, ' ');
    *n_header = (size_t)sqlite3_str_length(json);
    const int rc = sqlite3_str_errcode(json);
    *header = sqlite3_str_finish(json);
    if (*header == NULL)
        return fail_text(rc, error);
    for (int i = 0; i < 8; i++)
        (*header)[i] = (char)((uint64_t)(*n_header - 8) >> (8 * i));
    return SQLITE_OK;
}

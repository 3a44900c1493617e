/*
 * ext_safetensors_read.c - reads a model in safetensors format; see ext_tools.h.
 *
 * ext_safetensors.c has the format. The reader does not trust the file. It compares every
 * length before it uses it, and allocates no block that is larger than the file. It reads
 * the header first, in pieces, so that a large file of another format costs almost
 * nothing.
 */
#include "ext_tools.h"

#include <string.h>

int ext_safetensors_read_fail(const char *why, ext_error *error)
{
    return ext_error_set(error, SQLITE_ERROR, "%s: %s", EXT_SAFETENSORS_DAMAGED, why);
}

/*
 * Reads the length of the header from the first 8 bytes, little-endian, and sets n_json,
 * data and n_data by it. SQLITE_ERROR: the length is 0, or more than the input has left.
 * SQLITE_TOOBIG: SQLite could not hold the header as a text.
 */
static int read_length(ext_safetensors_reader *r, ext_error *error)
{
    const uint64_t n_bytes = r->input->n_bytes;
    unsigned char bytes[8];
    uint64_t n = 0;
    if (n_bytes >= 8 && ext_file_read(r->input, bytes, 0, 8, error) != SQLITE_OK)
        return error->rc;
    for (int i = 0; i < 8 && n_bytes >= 8; i++)
        n |= (uint64_t)bytes[i] << (8 * i);
    if (n_bytes < 8 || n == 0 || n > n_bytes - 8)
        return ext_error_set(error, SQLITE_ERROR,
                             "%s: the header's length does not fit the %lld bytes given",
                             EXT_SAFETENSORS_DAMAGED, (long long)n_bytes);
    if (n > (uint64_t)sqlite3_limit(r->db, SQLITE_LIMIT_LENGTH, -1))
        return ext_error_set(error, SQLITE_TOOBIG,
                             "%s, or its header is longer than SQLite's limit for a text",
                             EXT_SAFETENSORS_DAMAGED);
    r->n_json = (size_t)n;
    r->data = 8 + n;
    r->n_data = n_bytes - 8 - n;
    return SQLITE_OK;
}

/*
 * Reads n bytes of the header, from its byte at on, into r->json, which has room for
 * them. SQLITE_ERROR: there is a NUL among them. SQLITE_INTERRUPT; errors of
 * ext_file_read().
 */
static int read_piece(ext_safetensors_reader *r, size_t at, size_t n, ext_error *error)
{
    if (ext_poll_check(&r->poll))
        return ext_error_set(error, SQLITE_INTERRUPT, "interrupted");
    if (ext_file_read(r->input, r->json + at, 8 + at, n, error) != SQLITE_OK)
        return error->rc;
    return memchr(r->json + at, '\0', n) == NULL
               ? SQLITE_OK
               : ext_safetensors_read_fail("there is a NUL in its header", error);
}

/*
 * Reads the header into r->json, in pieces, so that memory grows only with what was read.
 * If a sparse file claims a long header, reading ends with an error at its first hole,
 * which reads as NUL. SQLITE_ERROR: also if the header is not UTF-8.
 */
static int read_header(ext_safetensors_reader *r, ext_error *error)
{
    int rc = read_length(r, error);
    for (size_t at = 0, end = 1 << 20; rc == SQLITE_OK && at < r->n_json; end *= 2) {
        end = end < r->n_json ? end : r->n_json;
        char *json = sqlite3_realloc64(r->json, end);
        if (json == NULL)
            return ext_error_nomem(error);
        r->json = json;
        rc = read_piece(r, at, end - at, error);
        at = end;
    }
    if (rc != SQLITE_OK)
        return rc;
    const size_t n = ext_value_utf8(r->json, r->n_json);
    return n == r->n_json ? SQLITE_OK
                          : ext_error_set(error, SQLITE_ERROR,
                                          "%s: byte %lld of its header is not UTF-8",
                                          EXT_SAFETENSORS_DAMAGED, (long long)n);
}

int ext_safetensors_read_query(const ext_safetensors_reader *r, const char *text,
                               sqlite3_stmt **stmt, ext_error *error)
{
    int rc = ext_sql_prepare(r->db, stmt, error, "%s", text);
    if (rc == SQLITE_OK && sqlite3_bind_text64(*stmt, 1, r->json, r->n_json,
                                               SQLITE_STATIC, SQLITE_UTF8) != SQLITE_OK) {
        rc = ext_error_db(error, r->db, EXT_SAFETENSORS_DAMAGED);
        sqlite3_finalize(*stmt);
        *stmt = NULL;
    }
    return rc;
}

int ext_safetensors_read_fail_step(const ext_safetensors_reader *r, ext_error *error)
{
    const int rc = sqlite3_errcode(r->db) & 0xff;
    if (rc == SQLITE_NOMEM || rc == SQLITE_INTERRUPT)
        return ext_error_db(error, r->db, NULL);
    return ext_safetensors_read_fail(sqlite3_errmsg(r->db), error);
}

int ext_safetensors_read_again(sqlite3_stmt *stmt, int rc, ext_error *error)
{
    if ((sqlite3_reset(stmt) & 0xff) != SQLITE_NOMEM || ext_error_is(error, SQLITE_NOMEM))
        return rc;
    ext_error_clear(error);
    return ext_error_nomem(error);
}

/*
 * Reads the model's options from the metadata over those in *options, and resolves them
 * (ext_options_resolve()). SQLITE_ERROR: the metadata has another format than "gru4rec",
 * or no options; the options are wrong, or name columns of a source.
 */
static int read_options(const ext_safetensors_reader *r, gru4rec_options *options,
                        ext_error *error)
{
    sqlite3_stmt *stmt;
    ext_columns columns = {0};
    int rc = ext_safetensors_read_query(
        r,
        "SELECT iif(json_valid(?1), json_extract(?1, '$.__metadata__.format'), NULL), "
        "json_extract(?1, '$.__metadata__.options')",
        &stmt, error);
    if (rc != SQLITE_OK)
        return rc;
    if (sqlite3_step(stmt) != SQLITE_ROW) {
        rc = ext_safetensors_read_fail_step(r, error);
    } else {
        const char *format = (const char *)sqlite3_column_text(stmt, 0);
        const char *text = (const char *)sqlite3_column_text(stmt, 1);
        if (format == NULL || strcmp(format, "gru4rec") != 0 || text == NULL)
            rc = ext_safetensors_read_fail(
                "its metadata lacks format=gru4rec and options; "
                "docs/interchange.md tells how to write it",
                error);
        else
            rc = ext_options_parse(r->db, text, GRU4REC_SCOPE_TRAIN, options, &columns,
                                   error);
    }
    rc = ext_sql_finish(stmt, rc, NULL, error);
    if (rc == SQLITE_OK &&
        (columns.session || columns.item || columns.time || columns.order))
        rc = ext_safetensors_read_fail("its options name columns of a source", error);
    ext_options_free_columns(&columns);
    return rc == SQLITE_OK ? ext_options_resolve(options, error) : rc;
}

/*
 * Sets the error for a status of a function on items, and returns its code. If the status
 * is GRU4REC_OK, does nothing and returns SQLITE_OK. GRU4REC_INVALID counts as an item
 * that the file must not have.
 */
static int fail_items(gru4rec_status status, ext_error *error)
{
    if (status == GRU4REC_OK)
        return SQLITE_OK;
    return status == GRU4REC_INVALID
               ? ext_safetensors_read_fail(
                     "its items are not distinct integers and texts", error)
               : ext_error_library(error, status, NULL);
}

/*
 * Appends the item of the row of stmt (its id and its JSON type), with that support.
 * SQLITE_ERROR: the id is neither an integer nor a text, or JSON cannot carry the text.
 */
static int add_item(sqlite3_stmt *stmt, gru4rec_items *items, int64_t support,
                    ext_error *error)
{
    gru4rec_id id;
    const char *type = (const char *)sqlite3_column_text(stmt, 1);
    bool is_id = type != NULL &&
                 (strcmp(type, "integer") == 0 || strcmp(type, "real") == 0 ||
                  strcmp(type, "text") == 0) &&
                 ext_value_item_column(stmt, 0, &id) && id.type != GRU4REC_ID_REAL;
    if (is_id && id.type == GRU4REC_ID_TEXT &&
        ext_safetensors_check_text(&id, error) != SQLITE_OK)
        return error->rc;
    return fail_items(is_id ? gru4rec_items_append(items, &id, support) : GRU4REC_INVALID,
                      error);
}

/* Sets the error SQLITE_ERROR that the support in the metadata is wrong. */
static int fail_support(ext_error *error)
{
    return ext_safetensors_read_fail(
        "its support is not a JSON array with a number for each item, "
        "0 or more, that says how often the item was seen; "
        "leave support out if this is not known",
        error);
}

/*
 * Steps support, and sets *count to the number in its row. A REAL that is whole counts as
 * an integer. support NULL: sets *count to 0. SQLITE_ERROR: there is no further row, or
 * its value is no integer of 0 or more.
 */
static int read_support(const ext_safetensors_reader *r, sqlite3_stmt *support,
                        int64_t *count, ext_error *error)
{
    gru4rec_id id = {.type = GRU4REC_ID_INTEGER};
    const int step = support != NULL ? sqlite3_step(support) : SQLITE_ROW;
    if (step != SQLITE_ROW)
        return step == SQLITE_DONE ? fail_support(error)
                                   : ext_safetensors_read_fail_step(r, error);
    if (support != NULL &&
        (!ext_value_item_column(support, 0, &id) || sqlite3_column_int(support, 1) == 0))
        return fail_support(error);
    *count = id.integer;
    return id.type == GRU4REC_ID_INTEGER && id.integer >= 0 ? SQLITE_OK
                                                            : fail_support(error);
}

/*
 * Appends all items of stmt, each with its support from support (NULL: all are 0).
 * SQLITE_ERROR: also if support has more rows than stmt.
 */
static int append_read(const ext_safetensors_reader *r, sqlite3_stmt *stmt,
                       sqlite3_stmt *support, gru4rec_items *items, ext_error *error)
{
    int step;
    while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
        int64_t count = 0;
        if (read_support(r, support, &count, error) != SQLITE_OK ||
            add_item(stmt, items, count, error) != SQLITE_OK)
            return error->rc;
    }
    if (step != SQLITE_DONE)
        return ext_safetensors_read_fail_step(r, error);
    return support == NULL || sqlite3_step(support) == SQLITE_DONE ? SQLITE_OK
                                                                   : fail_support(error);
}

/*
 * Prepares *support, whose rows give the supports, in the order of the items, and whether
 * each is a number in JSON. It has no rows if the support in the metadata is no array.
 * *support stays NULL if the metadata has no support, or it is null. The caller finalizes
 * *support, also after a failure.
 */
static int open_support(const ext_safetensors_reader *r, sqlite3_stmt **support,
                        ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_safetensors_read_query(
        r, "SELECT json_extract(?1, '$.__metadata__.support') IS NOT NULL", &stmt, error);
    if (rc != SQLITE_OK)
        return rc;
    const int step = sqlite3_step(stmt);
    const bool is_there = step == SQLITE_ROW && sqlite3_column_int(stmt, 0) != 0;
    if (step != SQLITE_ROW)
        rc = ext_safetensors_read_fail_step(r, error);
    sqlite3_finalize(stmt);
    if (!is_there)
        return rc;
    return ext_safetensors_read_query(
        r,
        "SELECT e.atom, e.type IN ('integer', 'real') "
        "FROM (SELECT json_extract(?1, '$.__metadata__.support') AS counts) AS m, "
        "json_each(m.counts) AS e WHERE json_type(m.counts) = 'array'",
        support, error);
}

/*
 * Sets the error SQLITE_ERROR if the text of an item has a NUL, where SQLite before 3.45
 * would cut it. Items that are missing pass.
 */
static int check_item_texts(const ext_safetensors_reader *r, ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc =
        ext_safetensors_read_query(r, "SELECT json_extract(?1, '$.__metadata__.items')",
                                   &stmt, error);
    if (rc != SQLITE_OK)
        return rc;
    if (sqlite3_step(stmt) != SQLITE_ROW) {
        rc = ext_safetensors_read_fail_step(r, error);
    } else {
        const char *items = (const char *)sqlite3_column_text(stmt, 0);
        if (items != NULL && ext_json_has_nul(items))
            rc = ext_safetensors_read_fail("an item has a NUL character in its text",
                                           error);
    }
    return ext_sql_finish(stmt, rc, NULL, error);
}

/*
 * Indexes the items, so that they can be found by their ids. SQLITE_ERROR: two items are
 * equal. SQLITE_INTERRUPT: the host interrupted the call.
 */
static int index_items(const ext_safetensors_reader *r, gru4rec_items *items,
                       ext_error *error)
{
    ext_poll poll;
    ext_poll_start(&poll, r->db);
    gru4rec_status status = gru4rec_items_index(items, ext_poll_is_stopped, &poll);
    ext_poll_stop(&poll);
    return fail_items(status, error);
}

/*
 * Makes *items, the catalogue in the metadata with its supports, and indexes it. The
 * caller frees *items, also after a failure; it stays as it is if it was not made.
 * SQLITE_ERROR: there are no items, or one of them or its support is wrong.
 */
static int read_items(const ext_safetensors_reader *r, gru4rec_items **items,
                      ext_error *error)
{
    sqlite3_stmt *stmt = NULL, *support = NULL;
    int rc = check_item_texts(r, error);
    if (rc == SQLITE_OK)
        rc = ext_safetensors_read_query(
            r,
            "SELECT e.atom, e.type "
            "FROM (SELECT json_extract(?1, '$.__metadata__.items') AS items) AS m, "
            "json_each(m.items) AS e WHERE json_type(m.items) = 'array'",
            &stmt, error);
    if (rc == SQLITE_OK)
        rc = open_support(r, &support, error);
    if (rc == SQLITE_OK && gru4rec_items_new(&ext_memory, items) != GRU4REC_OK)
        rc = ext_error_nomem(error);
    if (rc == SQLITE_OK)
        rc = append_read(r, stmt, support, *items, error);
    rc = ext_sql_finish(stmt, rc, NULL, error);
    sqlite3_finalize(support);
    if (rc == SQLITE_OK)
        rc = index_items(r, *items, error);
    if (rc == SQLITE_OK && gru4rec_items_count(*items) == 0)
        rc = ext_safetensors_read_fail(
            "its metadata has no array of items; docs/interchange.md tells "
            "how to write it",
            error);
    return rc;
}

/*
 * Checks that the file has n_tensors tensors of different names, which fill the data
 * without overlap. The format demands this, so that no bytes can hide. Each tensor is
 * compared with each other one only if their number is right, so a file of many tensors
 * takes no longer than its header does.
 */
static int check_tensors(const ext_safetensors_reader *r, size_t n_tensors,
                         ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_safetensors_read_query(
        r,
        "WITH t AS MATERIALIZED (SELECT key, "
        "json_extract(value, '$.data_offsets[0]') AS a, "
        "json_extract(value, '$.data_offsets[1]') AS b, "
        "json_type(value, '$.data_offsets[0]') = 'integer' "
        "AND json_type(value, '$.data_offsets[1]') = 'integer' "
        "AND json_array_length(value, '$.data_offsets') = 2 AS is_ok "
        "FROM json_each(?1) WHERE key <> '__metadata__') "
        "SELECT count(*), count(DISTINCT key), coalesce(min(is_ok), 1), "
        "coalesce(sum(b - a), 0), "
        "iif(count(*) = ?2, (SELECT count(*) FROM t AS x JOIN t AS y "
        "ON x.key <> y.key AND x.a < y.b AND y.a < x.b), 0) FROM t",
        &stmt, error);
    if (rc != SQLITE_OK)
        return rc;
    if (sqlite3_bind_int64(stmt, 2, (int64_t)n_tensors) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW)
        rc = ext_safetensors_read_fail_step(r, error);
    else if ((size_t)sqlite3_column_int64(stmt, 0) != n_tensors ||
             (size_t)sqlite3_column_int64(stmt, 1) != n_tensors)
        rc = ext_error_set(error, SQLITE_ERROR,
                           "%s: it has %d tensors, with %d different names, "
                           "but its options ask for %d",
                           EXT_SAFETENSORS_DAMAGED, sqlite3_column_int(stmt, 0),
                           sqlite3_column_int(stmt, 1), (int)n_tensors);
    else if (sqlite3_column_int(stmt, 2) == 0)
        rc = ext_safetensors_read_fail("data_offsets are not two integers", error);
    else if (sqlite3_column_int64(stmt, 4) > 0 ||
             sqlite3_column_int64(stmt, 3) != (int64_t)r->n_data)
        rc = ext_error_set(
            error, SQLITE_ERROR,
            "%s: its tensors overlap, or do not fill the %lld bytes of data",
            EXT_SAFETENSORS_DAMAGED, (long long)r->n_data);
    sqlite3_finalize(stmt);
    return rc;
}

/*
 * Reads all values of a tensor, which begin at byte from of the input, into
 * tensor->values, in parts. Looks for an interrupt before each part. Errors:
 * SQLITE_INTERRUPT, those of ext_file_read().
 */
static int read_values(ext_safetensors_reader *r, gru4rec_tensor *tensor, uint64_t from,
                       ext_error *error)
{
    unsigned char bytes[4 * EXT_SAFETENSORS_PART];
    for (size_t at = 0, n; at < tensor->n_values; at += n) {
        n = tensor->n_values - at < EXT_SAFETENSORS_PART ? tensor->n_values - at
                                                         : EXT_SAFETENSORS_PART;
        if (ext_poll_check(&r->poll))
            return ext_error_set(error, SQLITE_INTERRUPT, "interrupted");
        if (ext_file_read(r->input, bytes, from + 4 * at, 4 * n, error) != SQLITE_OK)
            return error->rc;
        ext_value_read_floats(tensor->values + at, bytes, n);
    }
    return SQLITE_OK;
}

/*
 * Compares what the header says of a tensor (in the row of stmt: dtype, shape, begin and
 * end in the data) with the tensor of the model, and reads its values. SQLITE_ERROR: they
 * differ. The offsets are checked, so nothing outside of the input is read.
 */
static int read_tensor(ext_safetensors_reader *r, sqlite3_stmt *stmt,
                       gru4rec_tensor *tensor, ext_error *error)
{
    char shape[48];
    const char *dtype = (const char *)sqlite3_column_text(stmt, 0);
    const char *found = (const char *)sqlite3_column_text(stmt, 1);
    int64_t begin = sqlite3_column_int64(stmt, 2), end = sqlite3_column_int64(stmt, 3);
    sqlite3_snprintf(sizeof shape, shape, tensor->n_dims == 1 ? "[%lld]" : "[%lld,%lld]",
                     tensor->dims[0], tensor->dims[1]);
    if (dtype == NULL || strcmp(dtype, "F32") != 0 || found == NULL ||
        strcmp(found, shape) != 0)
        return ext_error_set(error, SQLITE_ERROR,
                             "tensor %s is %s %s in the file; the options ask for F32 %s",
                             tensor->name, dtype != NULL ? dtype : "of no type",
                             found != NULL ? found : "[]", shape);
    if (sqlite3_column_type(stmt, 2) != SQLITE_INTEGER ||
        sqlite3_column_type(stmt, 3) != SQLITE_INTEGER || begin < 0 || end < begin ||
        (uint64_t)end > r->n_data ||
        (uint64_t)(end - begin) != 4 * (uint64_t)tensor->n_values)
        return ext_error_set(
            error, SQLITE_ERROR,
            "tensor %s lies outside of the file, or has another length than its "
            "shape says",
            tensor->name);
    return read_values(r, tensor, r->data + (uint64_t)begin, error);
}

/*
 * Reads each tensor of the model from the file. SQLITE_ERROR: the file lacks a tensor, or
 * what it says of one is wrong. If the header names a tensor twice, takes the first;
 * check_tensors() refuses that later.
 */
static int read_tensors(ext_safetensors_reader *r, gru4rec_model *model, ext_error *error)
{
    sqlite3_stmt *stmt;
    int rc = ext_safetensors_read_query(
        r,
        "SELECT value ->> 'dtype', value -> 'shape', value ->> '$.data_offsets[0]', "
        "value ->> '$.data_offsets[1]' FROM json_each(?1) WHERE key = ?2",
        &stmt, error);
    if (rc != SQLITE_OK)
        return rc;
    for (size_t i = 0; rc == SQLITE_OK && i < gru4rec_model_tensor_count(model); i++) {
        gru4rec_tensor tensor;
        gru4rec_model_tensor(model, i, &tensor);
        int step = sqlite3_bind_text(stmt, 2, tensor.name, -1, SQLITE_STATIC);
        if (step == SQLITE_OK)
            step = sqlite3_step(stmt);
        rc = step == SQLITE_ROW ? read_tensor(r, stmt, &tensor, error)
             : step == SQLITE_DONE
                 ? ext_error_set(error, SQLITE_ERROR,
                                 "the file has no tensor %s, which its options ask for",
                                 tensor.name)
                 : ext_safetensors_read_fail_step(r, error);
        rc = ext_safetensors_read_again(stmt, rc, error);
    }
    sqlite3_finalize(stmt);
    return rc;
}

/* ---- all of it ---- */

/*
 * Makes loaded->model by the options and the number of items. SQLITE_ERROR: the file has
 * fewer bytes than its values need, or the values do not fit the memory limits; nothing
 * is allocated then.
 */
static int make_model(const ext_safetensors_reader *r, ext_loaded *loaded,
                      ext_error *error)
{
    const int32_t n_items = gru4rec_items_count(loaded->items);
    const size_t n_bytes = gru4rec_model_value_bytes(&loaded->options, n_items);
    gru4rec_error message = {0};
    ext_budget budget;
    if (n_bytes > r->n_data)
        return ext_safetensors_read_fail("it is shorter than its options ask for", error);
    ext_budget_start(&budget, INT64_MAX);
    if (ext_budget_check(&budget, n_bytes, "the model in the file",
                         "use one with smaller layers or fewer items",
                         error) != SQLITE_OK)
        return error->rc;
    gru4rec_status status = gru4rec_model_new(&ext_memory, &loaded->options, n_items,
                                              &loaded->model, &message);
    return ext_error_library(error, status, &message);
}

/*
 * Reads everything in the order in which it depends on each other, and then checks that
 * the file has nothing else and that all values are finite. Stops at the first failure;
 * what was read stays in *loaded and *sessions.
 */
static int read_all(ext_safetensors_reader *r, ext_loaded *loaded,
                    gru4rec_dataset **sessions, ext_error *error)
{
    gru4rec_options_init_stored(&loaded->options);
    if (read_header(r, error) != SQLITE_OK ||
        read_options(r, &loaded->options, error) != SQLITE_OK ||
        read_items(r, &loaded->items, error) != SQLITE_OK ||
        make_model(r, loaded, error) != SQLITE_OK ||
        read_tensors(r, loaded->model, error) != SQLITE_OK ||
        ext_safetensors_blend_read(r, loaded, sessions, error) != SQLITE_OK ||
        check_tensors(r,
                      gru4rec_model_tensor_count(loaded->model) +
                          (*sessions != NULL ? EXT_SAFETENSORS_PARTS : 0),
                      error) != SQLITE_OK)
        return error->rc;
    const char *tensor = gru4rec_model_nonfinite(loaded->model);
    return tensor == NULL ? SQLITE_OK
                          : ext_error_set(error, SQLITE_ERROR,
                                          "tensor %s of the file is not finite", tensor);
}

int ext_safetensors_read(ext_loaded *loaded, gru4rec_dataset **sessions, sqlite3 *db,
                         const ext_input *input, ext_error *error)
{
    ext_safetensors_reader r = {.db = db, .input = input};
    *sessions = NULL;
    ext_poll_start(&r.poll, db);
    int rc = read_all(&r, loaded, sessions, error);
    ext_poll_stop(&r.poll);
    sqlite3_free(r.json);
    return rc;
}

/*
 * ext_export.c - gru4rec_export(model [, file [, options]]): exports a model in
 * safetensors format; see ext_tools.h.
 *
 * With a file, writes it, and the result is its size in bytes. Without a file, the result
 * is a BLOB. To give options without a file, the caller writes NULL as the file.
 */
#include "ext_tools.h"

#include <string.h>

/* The content of an export: the header, then the values of the model's tensors. */
typedef struct safetensors {
    char *header; /* (n_header) */
    size_t n_header;
    const gru4rec_model *model;
    size_t n_bytes; /* of header and values together */
} safetensors;

static size_t value_bytes(const gru4rec_model *model)
{
    size_t bytes = 0;
    for (size_t i = 0; i < gru4rec_model_tensor_count(model); i++) {
        gru4rec_tensor tensor;
        gru4rec_model_tensor(model, i, &tensor);
        bytes += 4 * tensor.n_values;
    }
    return bytes;
}

static void export_blob(sqlite3_context *context, sqlite3 *db, const safetensors *content,
                        ext_error *error)
{
    if (content->n_bytes > (size_t)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, -1)) {
        ext_error_set(error, SQLITE_TOOBIG,
                      "the model takes %lld bytes, more than SQLite lets a BLOB have; "
                      "give a file as the second argument",
                      (long long)content->n_bytes);
        return;
    }
    unsigned char *blob = sqlite3_malloc64(content->n_bytes), *at;
    if (blob == NULL) {
        ext_error_nomem(error);
        return;
    }
    memcpy(blob, content->header, content->n_header);
    at = blob + content->n_header;
    for (size_t i = 0; i < gru4rec_model_tensor_count(content->model); i++) {
        gru4rec_tensor tensor;
        gru4rec_model_tensor(content->model, i, &tensor);
        ext_value_write_floats(at, tensor.values, tensor.n_values);
        at += 4 * tensor.n_values;
    }
    sqlite3_result_blob64(context, blob, content->n_bytes, sqlite3_free);
}

static int write_values(ext_output *output, const gru4rec_tensor *tensor,
                        ext_error *error)
{
    unsigned char bytes[4 * EXT_SAFETENSORS_PART];
    int rc = SQLITE_OK;
    for (size_t at = 0, n; rc == SQLITE_OK && at < tensor->n_values; at += n) {
        n = tensor->n_values - at < EXT_SAFETENSORS_PART ? tensor->n_values - at
                                                         : EXT_SAFETENSORS_PART;
        ext_value_write_floats(bytes, tensor->values + at, n);
        rc = ext_file_write(output, bytes, 4 * n, error);
    }
    return rc;
}

static void export_file(sqlite3_context *context, sqlite3 *db, const char *path,
                        const safetensors *content, ext_error *error)
{
    ext_output output;
    int rc = ext_file_create(&output, db, path, error);
    if (rc == SQLITE_OK)
        rc = ext_file_write(&output, content->header, content->n_header, error);
    for (size_t i = 0; rc == SQLITE_OK && i < gru4rec_model_tensor_count(content->model);
         i++) {
        gru4rec_tensor tensor;
        gru4rec_model_tensor(content->model, i, &tensor);
        rc = write_values(&output, &tensor, error);
    }
    if (ext_file_finish(&output, rc, error) == SQLITE_OK)
        sqlite3_result_int64(context, (sqlite3_int64)content->n_bytes);
}

/* ---- the function ---- */

/* Finds out which version the options ask for. value: NULL if there are none. */
static int read_options(ext_choice *choice, sqlite3 *db, sqlite3_value *value,
                        ext_error *error)
{
    gru4rec_options options;
    const char *text;
    gru4rec_options_init(&options);
    if (ext_value_text(&text, value, "the options", error) != SQLITE_OK ||
        ext_options_parse(db, text, GRU4REC_SCOPE_EXPORT, &options, NULL, error) !=
            SQLITE_OK)
        return error->rc;
    *choice = ext_choice_of_option(options.version);
    return SQLITE_OK;
}

static void export_model(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    const bool has_file = argc == 2 || (argc > 2 && ext_value_is_given(argv[1]));
    ext_connection *connection = ext_connection_of(context);
    ext_error error = {0};
    ext_home home;
    ext_model *model = NULL;
    ext_choice choice;
    safetensors content = {0};
    const char *path = NULL;
    int rc =
        ext_schema_get(&home, connection->db, connection, argv[0], false, NULL, &error);
    if (rc == SQLITE_OK)
        rc = read_options(&choice, home.db, argc > 2 ? argv[2] : NULL, &error);
    if (rc == SQLITE_OK && has_file)
        rc = ext_file_permit(&path, home.db, argv[1], true, &error);
    if (rc == SQLITE_OK)
        rc = ext_model_acquire_version(&model, &home, &choice, &error);
    if (rc == SQLITE_OK)
        rc = ext_safetensors_header(&content.header, &content.n_header, home.db,
                                    &model->loaded, &error);
    if (rc == SQLITE_OK) {
        content.model = model->loaded.model;
        content.n_bytes = content.n_header + value_bytes(content.model);
        if (path != NULL)
            export_file(context, home.db, path, &content, &error);
        else
            export_blob(context, home.db, &content, &error);
    }
    sqlite3_free(content.header);
    ext_model_release(model);
    ext_home_clear(&home);
    ext_error_result(&error, context);
}

const ext_function ext_export_functions[] = {
    {"gru4rec_export", 1, 0, export_model, NULL},
    {"gru4rec_export", 2, SQLITE_DIRECTONLY, export_model, NULL},
    {"gru4rec_export", 3, SQLITE_DIRECTONLY, export_model, NULL},
    {NULL, 0, 0, NULL, NULL},
};

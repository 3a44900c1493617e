/*
 * ext_export.c - gru4rec_export(model [, file]): a model as safetensors; see ext_tools.h.
 *
 * Without a file it gives a BLOB; with one, which it writes, the size in bytes.
 */
#include "ext_tools.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* What is written. */
typedef struct safetensors {
    char *header; /* (n_header) */
    size_t n_header;
    const gru4rec_model *model; /* whose values follow */
    size_t n_bytes;             /* of both */
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

/* ---- files ---- */

static bool write_values(FILE *file, const gru4rec_model *model)
{
    enum { PART = 4096 };
    unsigned char bytes[4 * PART];
    for (size_t i = 0; i < gru4rec_model_tensor_count(model); i++) {
        gru4rec_tensor tensor;
        gru4rec_model_tensor(model, i, &tensor);
        for (size_t at = 0; at < tensor.n_values; at += PART) {
            size_t n = tensor.n_values - at < PART ? tensor.n_values - at : PART;
            ext_value_write_floats(bytes, tensor.values + at, n);
            if (fwrite(bytes, 4, n, file) != n)
                return false;
        }
    }
    return true;
}

static bool write_file(const char *path, const safetensors *content)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return false;
    const bool is_ok =
        fwrite(content->header, 1, content->n_header, file) == content->n_header &&
        write_values(file, content->model);
    return fclose(file) == 0 && is_ok;
}

/*
 * A file is written beside its place and then moved there, so that no half of one is
 * left; a device or a pipe is written to.
 */
static void export_file(sqlite3_context *context, const char *path,
                        const safetensors *content, ext_error *error)
{
    struct stat facts;
    const bool is_direct = stat(path, &facts) == 0 && !S_ISREG(facts.st_mode);
    char *part = sqlite3_mprintf(is_direct ? "%s" : "%s.part", path);
    if (part == NULL) {
        ext_error_nomem(error);
        return;
    }
    const bool is_ok =
        write_file(part, content) && (is_direct || rename(part, path) == 0);
    if (is_ok)
        sqlite3_result_int64(context, (sqlite3_int64)content->n_bytes);
    else
        ext_error_set(error, SQLITE_CANTOPEN, "cannot write '%s': %s",
                      ext_show_text(&(ext_show){""}, path), strerror(errno));
    if (!is_ok && !is_direct)
        remove(part);
    sqlite3_free(part);
}

/* ---- the function ---- */

static void export_model(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_connection *connection = sqlite3_user_data(context);
    ext_error error = {0};
    ext_home home;
    ext_model *model = NULL;
    safetensors content = {0};
    const char *path = NULL;
    int rc = ext_schema_get(&home, connection->db, connection, argv[0], NULL, &error);
    if (rc == SQLITE_OK && argc > 1)
        rc = ext_value_text(&path, argv[1], "the file's name", &error);
    if (rc == SQLITE_OK)
        rc = ext_model_acquire(&model, &home, &error);
    if (rc == SQLITE_OK)
        rc = ext_safetensors_header(&content.header, &content.n_header, home.db,
                                    &model->loaded, &error);
    if (rc == SQLITE_OK && argc > 1 && path == NULL)
        rc = ext_error_set(&error, SQLITE_ERROR,
                           "the file's name is NULL; leave it out for a BLOB");
    if (rc == SQLITE_OK) {
        content.model = model->loaded.model;
        content.n_bytes = content.n_header + value_bytes(content.model);
        if (path != NULL)
            export_file(context, path, &content, &error);
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
    {NULL, 0, 0, NULL, NULL},
};

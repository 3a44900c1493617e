/*
 * ext_import.c - gru4rec_import(model, blob or file): safetensors into a model; see
 * ext_tools.h.
 *
 * What is read becomes a new active version, whose number it gives. Where there is no such
 * model, one is made, without a source.
 */
#define _POSIX_C_SOURCE 200809L /* fileno */
#include "ext_tools.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- reading ---- */

/* The bytes of a file, of malloc; NULL and error. */
static unsigned char *read_file(const char *path, size_t *n, ext_error *error)
{
    struct stat facts;
    unsigned char *bytes = NULL;
    const char *why = NULL; /* it cannot be read */
    FILE *file = fopen(path, "rb");
    if (file == NULL || fstat(fileno(file), &facts) != 0)
        why = strerror(errno);
    else if (!S_ISREG(facts.st_mode))
        why = S_ISDIR(facts.st_mode) ? "Is a directory" : "not an ordinary file";
    else
        bytes = malloc((size_t)facts.st_size + 1);
    if (bytes != NULL) {
        *n = (size_t)facts.st_size;
        if (fread(bytes, 1, *n, file) != *n)
            why = strerror(errno);
    } else if (why == NULL) {
        ext_error_nomem(error);
    }
    if (file != NULL)
        fclose(file);
    if (why != NULL)
        ext_error_set(error, SQLITE_CANTOPEN, "cannot read '%s': %s",
                      ext_show_text(&(ext_show){""}, path), why);
    if (error->rc == SQLITE_OK)
        return bytes;
    free(bytes);
    return NULL;
}

static int read_argument(ext_loaded *loaded, sqlite3 *db, sqlite3_value *value,
                         ext_error *error)
{
    size_t n;
    if (sqlite3_value_type(value) == SQLITE_BLOB)
        return ext_safetensors_read(loaded, db, sqlite3_value_blob(value),
                                    (size_t)sqlite3_value_bytes(value), error);
    if (sqlite3_value_type(value) != SQLITE_TEXT)
        return ext_error_set(
            error, SQLITE_ERROR,
            "the second argument is neither a BLOB nor the name of a file; give "
            "what gru4rec_export() gave");
    const char *path;
    unsigned char *bytes;
    if (ext_value_text(&path, value, "the file's name", error) != SQLITE_OK)
        return error->rc;
    if (path == NULL)
        return ext_error_nomem(error);
    bytes = read_file(path, &n, error);
    if (bytes == NULL)
        return error->rc;
    int rc = ext_safetensors_read(loaded, db, bytes, n, error);
    free(bytes);
    return rc;
}

/* The options that CREATE gave the model, where it is there. */
static int read_own(gru4rec_options *own, const ext_home *home, bool is_found,
                    ext_error *error)
{
    ext_config config;
    gru4rec_options_init(own);
    if (!is_found)
        return SQLITE_OK;
    int rc = ext_config_read(&config, home, error);
    if (rc == SQLITE_OK)
        rc = ext_options_parse(home->db, config.options, GRU4REC_SCOPE_TRAIN, own, NULL,
                               error);
    ext_config_free(&config);
    return rc;
}

/* ---- writing ---- */

/* Writes into the savepoint. */
static int write_version(ext_run *run, const ext_home *home, bool is_found,
                         const ext_loaded *loaded, int64_t keep, ext_error *error)
{
    const gru4rec_training weights = {.model = loaded->model};
    const ext_outcome outcome = {.training = &weights,
                                 .items = loaded->items,
                                 .keep = keep};
    int rc = is_found
                 ? SQLITE_OK
                 : ext_schema_create_model(home, NULL, NULL, &loaded->options, error);
    if (rc == SQLITE_OK)
        rc = ext_run_sweep(home, error);
    return rc == SQLITE_OK ? ext_version_publish(run, home, &outcome, error) : rc;
}

static int write_import(ext_run *run, const ext_home *home, bool is_found,
                        const ext_loaded *loaded, int64_t keep, ext_error *error)
{
    ext_error cause = {0};
    ext_savepoint savepoint;
    if (ext_savepoint_start(&savepoint, home->db, &cause) != SQLITE_OK)
        return ext_error_wrap(error, &cause, "gru4rec_import() cannot write here (",
                              "); run SELECT gru4rec_import(...) by itself");
    ext_alive_start(&run->alive);
    int rc = write_version(run, home, is_found, loaded, keep, error);
    rc = ext_savepoint_end(&savepoint, rc, error);
    ext_alive_stop(&run->alive);
    return rc;
}

/* ---- the function ---- */

static int import_value(ext_run *run, const ext_home *home, bool is_found,
                        sqlite3_value *value, ext_loaded *loaded, ext_error *error)
{
    gru4rec_options own;
    if (read_own(&own, home, is_found, error) != SQLITE_OK ||
        read_argument(loaded, home->db, value, error) != SQLITE_OK)
        return error->rc;
    /* How to serve, and how much to keep, is for this database to say. */
    if (own.quantize != GRU4REC_AUTO)
        loaded->options.quantize = own.quantize;
    run->options = ext_options_json(&loaded->options, true);
    run->summary =
        sqlite3_mprintf("{\"items\":%d}", (int)gru4rec_items_count(loaded->items));
    if (run->options == NULL || run->summary == NULL)
        return ext_error_nomem(error);
    return write_import(run, home, is_found, loaded, own.keep_versions, error);
}

static void import_model(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_connection *connection = sqlite3_user_data(context);
    const sqlite3_int64 rowid = sqlite3_last_insert_rowid(connection->db);
    ext_error error = {0};
    ext_run run = {.source = "import"};
    ext_loaded loaded = {0};
    ext_home home = {0};
    bool is_found;
    (void)argc;
    int rc =
        ext_schema_get(&home, connection->db, connection, argv[0], &is_found, &error);
    if (rc == SQLITE_OK)
        rc = import_value(&run, &home, is_found, argv[1], &loaded, &error);
    sqlite3_set_last_insert_rowid(connection->db, rowid);
    if (rc == SQLITE_OK)
        sqlite3_result_int64(context, run.written.version);
    ext_error_result(&error, context);
    ext_load_free(&loaded);
    ext_run_free(&run);
    ext_home_clear(&home);
}

const ext_function ext_import_functions[] = {
    {"gru4rec_import", 2, SQLITE_DIRECTONLY, import_model, NULL},
    {NULL, 0, 0, NULL, NULL},
};

/*
 * ext_interchange.c - models in and out, back and forth; see ext_int.h.
 *
 *   gru4rec_export(model)            a safetensors BLOB
 *   gru4rec_export(model, file)      the same into a file; gives its size in bytes
 *   gru4rec_import(model, blob or file)
 *                                    a new active version; gives its number. Creates the
 *                                    model where there is none, without a source
 *   gru4rec_deploy(model, version)   makes a kept version the active one; 'previous': the
 *                                    one active before. Gives its number
 *   gru4rec_check(model)             'ok', or what is wrong with what is stored
 */
#define _POSIX_C_SOURCE 200809L /* fileno */
#include "../store/ext_train.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A model named in SQL. */
typedef struct target {
    char *schema, *name;
    bool is_found;
} target;

static int find_target(sqlite3 *db, sqlite3_value *value, bool must_exist, target *t,
                       ext_error *error)
{
    const char *text = (const char *)sqlite3_value_text(value);
    memset(t, 0, sizeof *t);
    if (text == NULL || *text == '\0')
        return ext_fail(error, SQLITE_ERROR,
                        "the model's name is missing; give that of a gru4rec table");
    int rc = ext_store_find(db, text, &t->schema, &t->name, &t->is_found, error);
    if (rc == SQLITE_OK && must_exist && !t->is_found)
        rc = ext_fail(
            error, SQLITE_ERROR,
            "no model '%s'; make one with CREATE VIRTUAL TABLE ... USING gru4rec", text);
    return rc;
}

static void free_target(target *t)
{
    sqlite3_free(t->schema);
    sqlite3_free(t->name);
}

/* ---- export ---- */

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

static void export_blob(sqlite3_context *context, sqlite3 *db, const gru4rec_model *model,
                        const char *header, size_t n_header, ext_error *error)
{
    size_t total = n_header + value_bytes(model);
    unsigned char *blob, *at;
    if (total > (size_t)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, -1)) {
        ext_fail(
            error, SQLITE_TOOBIG,
            "the model takes %lld bytes, more than SQLite lets a BLOB have; give a file "
            "as the second argument",
            (long long)total);
        return;
    }
    blob = sqlite3_malloc64(total);
    if (blob == NULL) {
        ext_fail_nomem(error);
        return;
    }
    memcpy(blob, header, n_header);
    at = blob + n_header;
    for (size_t i = 0; i < gru4rec_model_tensor_count(model); i++) {
        gru4rec_tensor tensor;
        gru4rec_model_tensor(model, i, &tensor);
        ext_floats_write(at, tensor.values, tensor.n_values);
        at += 4 * tensor.n_values;
    }
    sqlite3_result_blob64(context, blob, total, sqlite3_free);
}

static bool write_values(FILE *file, const gru4rec_model *model)
{
    enum { PART = 4096 };
    unsigned char bytes[4 * PART];
    for (size_t i = 0; i < gru4rec_model_tensor_count(model); i++) {
        gru4rec_tensor tensor;
        gru4rec_model_tensor(model, i, &tensor);
        for (size_t at = 0; at < tensor.n_values; at += PART) {
            size_t n = tensor.n_values - at < PART ? tensor.n_values - at : PART;
            ext_floats_write(bytes, tensor.values + at, n);
            if (fwrite(bytes, 4, n, file) != n)
                return false;
        }
    }
    return true;
}

static bool write_file(const char *path, const gru4rec_model *model, const char *header,
                       size_t n_header)
{
    FILE *file = fopen(path, "wb");
    bool is_ok = file != NULL && fwrite(header, 1, n_header, file) == n_header &&
                 write_values(file, model);
    return file != NULL && fclose(file) == 0 && is_ok;
}

/* Is there something that is no ordinary file: a device, a pipe? */
static bool is_special(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && !S_ISREG(facts.st_mode);
}

/*
 * A file is written beside its place and then moved there, so that no half of one is
 * left; a device or a pipe is written to.
 */
static void export_file(sqlite3_context *context, const char *path,
                        const gru4rec_model *model, const char *header, size_t n_header,
                        ext_error *error)
{
    bool is_direct = is_special(path);
    char *part = sqlite3_mprintf(is_direct ? "%s" : "%s.part", path);
    if (part == NULL) {
        ext_fail_nomem(error);
        return;
    }
    bool is_ok = write_file(part, model, header, n_header) &&
                 (is_direct || rename(part, path) == 0);
    if (is_ok)
        sqlite3_result_int64(context, (sqlite3_int64)(n_header + value_bytes(model)));
    else
        ext_fail(error, SQLITE_CANTOPEN, "cannot write '%.200s': %s", path,
                 strerror(errno));
    if (!is_ok && !is_direct)
        remove(part);
    sqlite3_free(part);
}

static void export_model(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_connection *connection = sqlite3_user_data(context);
    ext_error error = {0};
    target t;
    ext_model *model = NULL;
    char *header = NULL;
    size_t n_header;
    int rc = find_target(connection->db, argv[0], true, &t, &error);
    if (rc == SQLITE_OK)
        rc = ext_model_acquire(connection, t.schema, t.name, &model, &error);
    if (rc == SQLITE_OK)
        rc = ext_safetensors_header(connection->db, model, &header, &n_header, &error);
    const char *path = argc > 1 ? (const char *)sqlite3_value_text(argv[1]) : NULL;
    if (rc == SQLITE_OK && argc > 1 && path == NULL)
        ext_fail(&error, SQLITE_ERROR,
                 "the file's name is NULL; leave it out for a BLOB");
    else if (rc == SQLITE_OK && path != NULL)
        export_file(context, path, model->model, header, n_header, &error);
    else if (rc == SQLITE_OK)
        export_blob(context, connection->db, model->model, header, n_header, &error);
    sqlite3_free(header);
    ext_model_release(model);
    free_target(&t);
    ext_error_result(&error, context);
}

/* ---- import ---- */

/* The bytes of a file, of malloc. */
static unsigned char *read_file(const char *path, size_t *n, ext_error *error)
{
    struct stat facts;
    unsigned char *bytes = NULL;
    FILE *file = fopen(path, "rb");
    bool is_ok = file != NULL && fstat(fileno(file), &facts) == 0;
    const char *why = NULL;
    if (is_ok && !S_ISREG(facts.st_mode)) {
        why = S_ISDIR(facts.st_mode) ? "Is a directory" : "not an ordinary file";
        is_ok = false;
    }
    *n = is_ok ? (size_t)facts.st_size : 0;
    if (is_ok) {
        bytes = malloc(*n + 1);
        if (bytes == NULL)
            ext_fail_nomem(error);
        else
            is_ok = fread(bytes, 1, *n, file) == *n;
    }
    if (!is_ok) {
        ext_fail(error, SQLITE_CANTOPEN, "cannot read '%.200s': %s", path,
                 why != NULL ? why : strerror(errno));
        free(bytes);
        bytes = NULL;
    }
    if (file != NULL)
        fclose(file);
    return bytes;
}

static int read_argument(sqlite3 *db, sqlite3_value *value, gru4rec_options *options,
                         gru4rec_items **items, gru4rec_model **model, ext_error *error)
{
    size_t n;
    gru4rec_options_init(options);
    if (sqlite3_value_type(value) == SQLITE_BLOB) {
        const unsigned char *blob = sqlite3_value_blob(value);
        return ext_safetensors_read(db, blob, (size_t)sqlite3_value_bytes(value), options,
                                    items, model, error);
    }
    if (sqlite3_value_type(value) != SQLITE_TEXT)
        return ext_fail(
            error, SQLITE_ERROR,
            "the second argument is neither a BLOB nor the name of a file; give "
            "what gru4rec_export() gave");
    unsigned char *bytes = read_file((const char *)sqlite3_value_text(value), &n, error);
    if (bytes == NULL)
        return error->rc;
    int rc = ext_safetensors_read(db, bytes, n, options, items, model, error);
    free(bytes);
    return rc;
}

/* The model's own options, where it has any. */
static int read_own(sqlite3 *db, const target *t, gru4rec_options *own, ext_error *error)
{
    ext_config config;
    ext_columns columns = {0};
    gru4rec_options_init(own);
    int rc = SQLITE_OK;
    if (t->is_found) {
        rc = ext_store_config(db, t->schema, t->name, &config, error);
        if (rc == SQLITE_OK && config.options != NULL)
            rc = ext_options_parse(db, config.options, GRU4REC_SCOPE_TRAIN, own, &columns,
                                   error);
        ext_config_free(&config);
    }
    ext_columns_free(&columns);
    return rc;
}

/* A model without a source, with the options of the file. */
static int create_model(sqlite3 *db, const target *t, const gru4rec_options *options,
                        ext_error *error)
{
    sqlite3_str *text = sqlite3_str_new(db), *arguments = sqlite3_str_new(db);
    ext_options_arguments(arguments, options);
    char *list = sqlite3_str_finish(arguments);
    sqlite3_str_appendf(text, "CREATE VIRTUAL TABLE \"%w\".\"%w\" USING gru4rec(%s)",
                        t->schema, t->name, list != NULL ? list + 2 : "");
    sqlite3_free(list);
    return ext_exec(db, sqlite3_str_finish(text), error);
}

static int write_import(sqlite3 *db, const target *t, ext_run *run,
                        const gru4rec_options *options, int64_t keep,
                        gru4rec_model *model, const gru4rec_items *items,
                        ext_error *error)
{
    ext_error probe = {0};
    sqlite3_stmt *escape;
    bool is_alone = sqlite3_get_autocommit(db) != 0;
    int rc = SQLITE_OK;
    if (ext_savepoint_start(db, &escape, &probe) != 0)
        rc = ext_fail(error, probe.rc,
                      "gru4rec_import() cannot write here (%s); run SELECT "
                      "gru4rec_import(...) by itself",
                      probe.message != NULL ? probe.message : "out of memory");
    ext_error_clear(&probe);
    if (rc != SQLITE_OK)
        return rc;
    if (!t->is_found)
        rc = create_model(db, t, options, error);
    if (rc == SQLITE_OK)
        rc = ext_runs_sweep(db, t->schema, t->name, error);
    if (rc == SQLITE_OK)
        rc = ext_run_finish(db, t->schema, t->name, run,
                            &(gru4rec_training){.model = model}, 0, items, keep, error);
    return ext_savepoint_end(db, escape, is_alone, rc, error);
}

static void import_model(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_connection *connection = sqlite3_user_data(context);
    sqlite3 *db = connection->db;
    ext_error error = {0};
    ext_run run = {.source = "import"};
    gru4rec_options options, own;
    gru4rec_items *items = NULL;
    gru4rec_model *model = NULL;
    target t;
    (void)argc;
    sqlite3_int64 rowid = sqlite3_last_insert_rowid(db);
    int rc = find_target(db, argv[0], false, &t, &error);
    if (rc == SQLITE_OK)
        rc = read_own(db, &t, &own, &error);
    if (rc == SQLITE_OK)
        rc = read_argument(db, argv[1], &options, &items, &model, &error);
    if (rc == SQLITE_OK) {
        /* How to serve, and how much to keep, is for this database to say. */
        if (own.quantize != GRU4REC_AUTO)
            options.quantize = own.quantize;
        run.options = ext_options_json(&options, true);
        run.summary = sqlite3_mprintf("{\"items\":%d}", (int)gru4rec_items_count(items));
        if (run.options == NULL || run.summary == NULL)
            rc = ext_fail_nomem(&error);
    }
    ext_run_start(&run);
    if (rc == SQLITE_OK)
        rc =
            write_import(db, &t, &run, &options, own.keep_versions, model, items, &error);
    ext_run_stop(&run);
    sqlite3_set_last_insert_rowid(db, rowid);
    if (rc == SQLITE_OK)
        sqlite3_result_int64(context, run.version);
    else
        ext_error_result(&error, context);
    gru4rec_model_free(model);
    gru4rec_items_free(items);
    sqlite3_free(run.options);
    sqlite3_free(run.summary);
    free_target(&t);
}

/* ---- deploy ---- */

/* What a word in place of a version's number stands for, among those that are ready. */
static const struct {
    const char *word, *sql, *missing;
} choices[] = {
    {"previous",
     "SELECT max(version) FROM \"%w\".\"%w_version\" WHERE status = 'ready' AND version "
     "< "
     "(SELECT value FROM \"%w\".\"%w_config\" WHERE key = 'version')",
     "has no kept version before the active one that is ready; see "
     "keep_versions"},
    {"best",
     "SELECT version FROM \"%w\".\"%w_version\" JOIN \"%w\".\"%w_epoch\" USING (version) "
     "WHERE status = 'ready' AND mrr IS NOT NULL ORDER BY mrr DESC, version DESC LIMIT 1",
     "has no kept version that was measured in training; train with validation"},
};

/* Its place in choices, or -1. */
static int find_choice(sqlite3_value *value)
{
    const char *text = (const char *)sqlite3_value_text(value);
    for (int i = 0; text != NULL && i < (int)(sizeof choices / sizeof *choices); i++)
        if (sqlite3_stricmp(text, choices[i].word) == 0)
            return i;
    return -1;
}

/* The kept version that was asked for; 0 and error when there is none. */
static int64_t find_version(sqlite3 *db, const target *t, sqlite3_value *value,
                            ext_error *error)
{
    sqlite3_stmt *stmt;
    int64_t version = 0, number = sqlite3_value_int64(value);
    const char *text = (const char *)sqlite3_value_text(value);
    int choice = find_choice(value);
    if (choice < 0 && sqlite3_value_numeric_type(value) != SQLITE_INTEGER) {
        ext_fail(error, SQLITE_ERROR,
                 "version '%.40s' is not a number, 'previous' or 'best'; see %s_version",
                 text != NULL ? text : "NULL", t->name);
        return 0;
    }
    if (ext_prepare(
            db,
            choice >= 0
                ? sqlite3_mprintf(choices[choice].sql, t->schema, t->name, t->schema,
                                  t->name)
                : sqlite3_mprintf("SELECT max(version) FROM \"%w\".\"%w_version\" WHERE "
                                  "status = 'ready' AND version = %lld",
                                  t->schema, t->name, number),
            &stmt, error) != SQLITE_OK)
        return 0;
    if (sqlite3_step(stmt) == SQLITE_ROW)
        version = sqlite3_column_int64(stmt, 0);
    if (sqlite3_reset(stmt) != SQLITE_OK)
        ext_fail_db(error, db, "reading the model");
    else if (version == 0 && choice >= 0)
        ext_fail(error, SQLITE_ERROR, "model '%s' %s", t->name, choices[choice].missing);
    else if (version == 0)
        ext_fail(error, SQLITE_ERROR,
                 "model '%s' has no kept version %lld that is ready; see %s_version, and "
                 "keep_versions",
                 t->name, (long long)number, t->name);
    sqlite3_finalize(stmt);
    return version;
}

static void deploy(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_connection *connection = sqlite3_user_data(context);
    ext_error error = {0};
    target t;
    int64_t version = 0;
    sqlite3_stmt *escape;
    (void)argc;
    sqlite3 *db = connection->db;
    bool is_alone = sqlite3_get_autocommit(db) != 0;
    int rc = find_target(db, argv[0], true, &t, &error);
    if (rc == SQLITE_OK)
        rc = ext_savepoint_start(db, &escape, &error);
    if (rc == SQLITE_OK) {
        version = find_version(db, &t, argv[1], &error);
        if (version != 0)
            ext_version_activate(db, t.schema, t.name, version, &error);
        ext_savepoint_end(db, escape, is_alone, error.rc, &error);
    }
    free_target(&t);
    if (error.rc == SQLITE_OK)
        sqlite3_result_int64(context, version);
    else
        ext_error_result(&error, context);
}

/* ---- check ---- */

int ext_check_model(sqlite3 *db, const char *schema, const char *name, ext_error *error)
{
    sqlite3_stmt *stmt;
    ext_config config;
    int rc = ext_store_config(db, schema, name, &config, error);
    ext_config_free(&config);
    if (rc == SQLITE_OK)
        rc = ext_prepare(
            db,
            sqlite3_mprintf("SELECT version FROM \"%w\".\"%w_version\" WHERE status "
                            "= 'ready' UNION SELECT value FROM \"%w\".\"%w_config\" "
                            "WHERE key = 'version'",
                            schema, name, schema, name),
            &stmt, error);
    if (rc != SQLITE_OK)
        return rc;
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = ext_model_check_version(db, schema, name, sqlite3_column_int64(stmt, 0),
                                     error);
    if (rc == SQLITE_DONE)
        rc = SQLITE_OK;
    else if (error->rc == SQLITE_OK)
        rc = ext_fail_db(error, db, "reading the model");
    sqlite3_finalize(stmt);
    return rc;
}

static void check(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_connection *connection = sqlite3_user_data(context);
    ext_error error = {0};
    target t;
    (void)argc;
    int rc = find_target(connection->db, argv[0], true, &t, &error);
    if (rc != SQLITE_OK) {
        ext_error_result(&error, context);
    } else if (ext_check_model(connection->db, t.schema, t.name, &error) == SQLITE_OK) {
        sqlite3_result_text(context, "ok", -1, SQLITE_STATIC);
    } else if ((error.rc & 0xff) == SQLITE_NOMEM ||
               (error.rc & 0xff) == SQLITE_INTERRUPT ||
               (error.rc & 0xff) == SQLITE_BUSY) {
        ext_error_result(&error, context); /* says nothing about the model */
    } else {
        sqlite3_result_text(context, error.message, -1, SQLITE_TRANSIENT);
        ext_error_clear(&error);
    }
    free_target(&t);
}

int ext_register_interchange(ext_connection *connection, ext_error *error)
{
    static const struct {
        const char *name;
        int n_args, flags;
        ext_function *call;
    } functions[] = {
        {"gru4rec_export", 1, 0, export_model},
        {"gru4rec_export", 2, SQLITE_DIRECTONLY, export_model},
        {"gru4rec_import", 2, SQLITE_DIRECTONLY, import_model},
        {"gru4rec_deploy", 2, SQLITE_DIRECTONLY, deploy},
        {"gru4rec_check", 1, 0, check},
    };
    int rc = SQLITE_OK;
    for (size_t i = 0; i < sizeof functions / sizeof *functions && rc == SQLITE_OK; i++)
        rc = ext_register_function(connection, functions[i].name, functions[i].n_args,
                                   functions[i].flags, functions[i].call, error);
    return rc;
}

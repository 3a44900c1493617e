/*
 * ext_export.c - gru4rec_export(model [, file [, options]]): exports a version of a model
 * in safetensors format; see ext_tools.h.
 *
 * With a file, writes it, and the result is its size in bytes. Without a file, the result
 * is a BLOB. To give options without a file, the caller writes NULL as the file.
 */
#include "ext_tools.h"

#include <string.h>

/*
 * The content of an export: the header, then the values of the model's tensors, and of
 * the sessions if these are exported.
 */
typedef struct safetensors {
    char *header; /* (n_header) of sqlite3_malloc; owned */
    size_t n_header;
    const gru4rec_model *model;
    gru4rec_dataset *sessions; /* owned; NULL: they are not exported */
    size_t n_bytes;            /* of header and all values together */
} safetensors;

/*
 * Returns which words of the exported sessions are times, lengths and rows: indexes into
 * the row of words that ext_blend_words() gives. All are 0 if the content has no
 * sessions.
 */
static ext_blend_layout layout_of(const safetensors *content)
{
    const gru4rec_dataset *sessions = content->sessions;
    return sessions == NULL
               ? (ext_blend_layout){0}
               : ext_blend_layout_of(sessions->n_sessions, sessions->n_events);
}

/*
 * Returns the number of bytes behind the header: those of the model's tensors, and of the
 * sessions if the content has some.
 */
static size_t value_bytes(const safetensors *content)
{
    const ext_blend_layout at = layout_of(content);
    size_t bytes = 4 * (size_t)(at.end - at.lengths);
    for (size_t i = 0; i < gru4rec_model_tensor_count(content->model); i++) {
        gru4rec_tensor tensor;
        gru4rec_model_tensor(content->model, i, &tensor);
        bytes += 4 * tensor.n_values;
    }
    return bytes;
}

/*
 * A function that takes the next n bytes of the export, and copies them into a BLOB
 * (write_blob()) or writes them to a file (write_file()). context: where to. Returns an
 * SQLite code.
 */
typedef int sink(void *context, const void *bytes, size_t n, ext_error *error);

/*
 * Passes the values of a tensor to the function write, as float32, little-endian, in
 * blocks of EXT_SAFETENSORS_PART values. Stops at the first failure of write and returns
 * its code.
 */
static int write_values(const gru4rec_tensor *tensor, sink *write, void *context,
                        ext_error *error)
{
    unsigned char bytes[4 * EXT_SAFETENSORS_PART];
    int rc = SQLITE_OK;
    for (size_t at = 0, n; rc == SQLITE_OK && at < tensor->n_values; at += n) {
        n = tensor->n_values - at < EXT_SAFETENSORS_PART ? tensor->n_values - at
                                                         : EXT_SAFETENSORS_PART;
        ext_value_write_floats(bytes, tensor->values + at, n);
        rc = write(context, bytes, 4 * n, error);
    }
    return rc;
}

/*
 * Passes the words first to end - 1 of the sessions (indexes as in layout_of()) to the
 * function write, little-endian, in blocks of EXT_SAFETENSORS_PART words. Stops at the
 * first failure of write and returns its code. If first is end, does nothing; sessions
 * may be NULL then.
 */
static int write_sessions(const gru4rec_dataset *sessions, int64_t first, int64_t end,
                          sink *write, void *context, ext_error *error)
{
    unsigned char bytes[4 * EXT_SAFETENSORS_PART];
    uint32_t words[EXT_SAFETENSORS_PART];
    int rc = SQLITE_OK;
    for (size_t n; rc == SQLITE_OK && first < end; first += (int64_t)n) {
        n = end - first < EXT_SAFETENSORS_PART ? (size_t)(end - first)
                                               : EXT_SAFETENSORS_PART;
        ext_blend_words(words, sessions, first, n);
        ext_value_write_words(bytes, words, n);
        rc = write(context, bytes, 4 * n, error);
    }
    return rc;
}

/*
 * Passes the whole export to the function write: the header, then the values in the order
 * that the header says (blend.times, the model's tensors, blend.lengths, blend.rows).
 * Stops at the first failure of write and returns its code.
 */
static int write_all(const safetensors *content, sink *write, void *context,
                     ext_error *error)
{
    const ext_blend_layout at = layout_of(content);
    const gru4rec_dataset *sessions = content->sessions;
    int rc = write(context, content->header, content->n_header, error);
    if (rc == SQLITE_OK)
        rc = write_sessions(sessions, at.times, at.rows, write, context, error);
    for (size_t i = 0; rc == SQLITE_OK && i < gru4rec_model_tensor_count(content->model);
         i++) {
        gru4rec_tensor tensor;
        gru4rec_model_tensor(content->model, i, &tensor);
        rc = write_values(&tensor, write, context, error);
    }
    if (rc == SQLITE_OK)
        rc = write_sessions(sessions, at.lengths, at.times, write, context, error);
    return rc == SQLITE_OK
               ? write_sessions(sessions, at.rows, at.end, write, context, error)
               : rc;
}

/*
 * A sink: copies the n bytes into a BLOB, and moves the place in the BLOB on by n.
 * context: the address of the pointer to the next free byte. Cannot fail.
 */
static int write_blob(void *context, const void *bytes, size_t n, ext_error *error)
{
    unsigned char **at = context;
    (void)error;
    memcpy(*at, bytes, n);
    *at += n;
    return SQLITE_OK;
}

/* A sink: appends the n bytes to a file (ext_file_write()). context: an ext_output. */
static int write_file(void *context, const void *bytes, size_t n, ext_error *error)
{
    return ext_file_write(context, bytes, n, error);
}

/*
 * Makes the content, as a BLOB, the SQL result. SQLITE_TOOBIG: it is longer than SQLite
 * allows; the message says to give a file.
 */
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
    at = blob;
    write_all(content, write_blob, &at, error);
    sqlite3_result_blob64(context, blob, content->n_bytes, sqlite3_free);
}

/*
 * Writes the content into the file at path, and makes its size in bytes the SQL result.
 * After a failure there is no result; the new file is deleted, and an old one stays.
 */
static void export_file(sqlite3_context *context, sqlite3 *db, const char *path,
                        const safetensors *content, ext_error *error)
{
    ext_output output;
    int rc = ext_file_create(&output, db, path, error);
    if (rc == SQLITE_OK)
        rc = write_all(content, write_file, &output, error);
    if (ext_file_finish(&output, rc, error) == SQLITE_OK)
        sqlite3_result_int64(context, (sqlite3_int64)content->n_bytes);
}

/* ---- the function ---- */

/* What a call of gru4rec_export() asks for. */
typedef struct request {
    /* Path of the file, borrowed from its argument; NULL: the result is a BLOB. */
    const char *path;
    ext_choice choice; /* which version to export */
    /* Option sessions: also export the sessions that the version blends with. */
    bool has_sessions;
} request;

/*
 * Reads the argument options (value; NULL if it is not given) into asked->choice and
 * asked->has_sessions. Without options these become the active version and false.
 * SQLITE_ERROR: an option other than version and sessions, or a bad value.
 */
static int read_options(request *asked, sqlite3 *db, sqlite3_value *value,
                        ext_error *error)
{
    gru4rec_options options;
    const char *text;
    gru4rec_options_init(&options);
    if (ext_value_text(&text, value, "the options", error) != SQLITE_OK ||
        ext_options_parse(db, text, GRU4REC_SCOPE_EXPORT, &options, NULL, error) !=
            SQLITE_OK)
        return error->rc;
    asked->choice = ext_choice_of_option(options.version);
    asked->has_sessions = options.sessions != 0;
    return SQLITE_OK;
}

/*
 * Loads the sessions that the version blends with into *sessions, whose memory is from
 * budget. The caller frees them by gru4rec_dataset_free(). *sessions is NULL after a
 * failure. SQLITE_ERROR: the version does not blend, or a memory limit is reached.
 */
static int load_sessions(gru4rec_dataset **sessions, ext_budget *budget,
                         const ext_home *home, const ext_model *model, ext_error *error)
{
    static const char loading[] = "loading the sessions";
    if (model->loaded.neighbours == NULL)
        return ext_error_set(error, SQLITE_ERROR,
                             "version %lld of model '%s' does not blend, so it keeps no "
                             "sessions; leave out sessions=true, or train with blend",
                             (long long)model->version, home->name);
    ext_blend_load(sessions, budget, home, model->version,
                   gru4rec_items_count(model->loaded.items), error);
    return ext_budget_explain(budget, loading, "leave out sessions=true", error);
}

/*
 * Loads the version, makes its header, and exports it as a BLOB, or into the file
 * asked->path. The SQL result is the BLOB, or the size of the file. If
 * asked->has_sessions, also exports the sessions that the version blends with; then
 * version and sessions are read in one snapshot. Frees everything before it returns.
 */
static int export_version(sqlite3_context *context, const ext_home *home,
                          const request *asked, ext_error *error)
{
    safetensors content = {0};
    ext_budget budget;
    ext_snapshot snapshot = {0};
    ext_model *model = NULL;
    ext_budget_start(&budget, INT64_MAX);
    int rc = asked->has_sessions ? ext_snapshot_start(&snapshot, home, error) : SQLITE_OK;
    if (rc == SQLITE_OK)
        rc = ext_model_acquire_version(&model, home, &asked->choice, error);
    if (rc == SQLITE_OK && asked->has_sessions)
        rc = load_sessions(&content.sessions, &budget, home, model, error);
    ext_snapshot_end(&snapshot);
    if (rc == SQLITE_OK)
        rc = ext_safetensors_header(&content.header, &content.n_header, home->db,
                                    &model->loaded, content.sessions, error);
    if (rc == SQLITE_OK) {
        content.model = model->loaded.model;
        content.n_bytes = content.n_header + value_bytes(&content);
        if (asked->path != NULL)
            export_file(context, home->db, asked->path, &content, error);
        else
            export_blob(context, home->db, &content, error);
    }
    sqlite3_free(content.header);
    gru4rec_dataset_free(content.sessions);
    ext_model_release(model);
    return error->rc;
}

/*
 * The SQL function gru4rec_export(). If a file is given, asks the host whether it may be
 * written (ext_file_permit()) before the version is loaded.
 */
static void export_model(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    const bool has_file = argc == 2 || (argc > 2 && ext_value_is_given(argv[1]));
    ext_connection *connection = ext_connection_of(context);
    ext_error error = {0};
    ext_home home;
    request asked = {0};
    int rc =
        ext_schema_get(&home, connection->db, connection, argv[0], false, NULL, &error);
    if (rc == SQLITE_OK)
        rc = read_options(&asked, home.db, argc > 2 ? argv[2] : NULL, &error);
    if (rc == SQLITE_OK && has_file)
        rc = ext_file_permit(&asked.path, home.db, argv[1], true, &error);
    if (rc == SQLITE_OK)
        export_version(context, &home, &asked, &error);
    ext_home_clear(&home);
    ext_error_result(&error, context);
}

/*
 * The table that registers gru4rec_export() with one, two and three arguments. The last
 * entry has the name NULL.
 */
const ext_function ext_export_functions[] = {
    {"gru4rec_export", 1, 0, export_model, NULL},
    {"gru4rec_export", 2, SQLITE_DIRECTONLY, export_model, NULL},
    {"gru4rec_export", 3, SQLITE_DIRECTONLY, export_model, NULL},
    {NULL, 0, 0, NULL, NULL},
};

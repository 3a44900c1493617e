/*
 * ext_import.c - gru4rec_import(model, blob or file): imports a model in safetensors
 * format; see ext_tools.h.
 *
 * The content becomes a new version of the model, and the active one. The result is the
 * version's number. If there is no model of that name, a model without a source is made.
 */
#include "ext_tools.h"

/*
 * What was read from a file or a BLOB: a model, with items and options (loaded), and the
 * sessions that it blends with. sessions is NULL if the model does not blend. Both are
 * owned; import_model() frees them.
 */
typedef struct imported {
    ext_loaded loaded;
    gru4rec_dataset *sessions;
} imported;

/* ---- reading ---- */

/*
 * Reads the model, and the sessions that it blends with, into *content: from the file at
 * path, or if value is a BLOB, from value. path: NULL unless value is a text. The caller
 * frees the members of content in any case.
 * SQLITE_ERROR: value is neither a BLOB nor a text. Other errors: those of
 * ext_file_open() and ext_safetensors_read().
 */
static int read_argument(imported *content, sqlite3 *db, sqlite3_value *value,
                         const char *path, ext_error *error)
{
    ext_input input = {.fd = -1};
    if (sqlite3_value_type(value) == SQLITE_BLOB) {
        /* NULL if the BLOB is empty, or if there is not enough memory. */
        input.bytes = sqlite3_value_blob(value);
        input.n_bytes = (uint64_t)sqlite3_value_bytes(value);
        return input.bytes != NULL || input.n_bytes == 0
                   ? ext_safetensors_read(&content->loaded, &content->sessions, db,
                                          &input, error)
                   : ext_error_nomem(error);
    }
    if (path == NULL)
        return ext_error_set(
            error, SQLITE_ERROR,
            "the second argument is neither a BLOB nor the name of a file; give "
            "what gru4rec_export() gave");
    if (ext_file_open(&input, path, error) != SQLITE_OK)
        return error->rc;
    int rc =
        ext_safetensors_read(&content->loaded, &content->sessions, db, &input, error);
    ext_file_close(&input);
    return rc;
}

/*
 * Sets *own to the options of the model that the import goes to, if that model exists
 * (is_found); else to the defaults (gru4rec_options_init_stored()).
 */
static int read_own(gru4rec_options *own, const ext_home *home, bool is_found,
                    ext_error *error)
{
    ext_config config;
    gru4rec_options_init_stored(own);
    if (!is_found)
        return SQLITE_OK;
    int rc = ext_config_read(&config, home, error);
    if (rc == SQLITE_OK)
        rc = ext_config_options(&config, home, own, error);
    ext_config_free(&config);
    return rc;
}

/* ---- writing ---- */

/*
 * Writes the imported version in the caller's savepoint, and makes it the active one.
 * Before that, makes the model, without a source, if there is none (is_found is false),
 * and writes into the rows of other runs that are over how they ended (ext_run_sweep()).
 * run->written gets the number of the version. A failure can leave parts of it, so the
 * caller must undo the savepoint.
 */
static int write_version(ext_run *run, const ext_home *home, bool is_found,
                         const imported *content, const ext_keep *keep, ext_error *error)
{
    const gru4rec_training weights = {.model = content->loaded.model};
    const ext_outcome outcome = {.training = &weights,
                                 .items = content->loaded.items,
                                 .sessions = content->sessions,
                                 .keep = *keep};
    int rc = is_found ? SQLITE_OK
                      : ext_schema_create_model(home, NULL, NULL,
                                                &content->loaded.options, error);
    if (rc == SQLITE_OK)
        rc = ext_run_sweep(home, error);
    return rc == SQLITE_OK ? ext_version_publish(run, home, &outcome, error) : rc;
}

/*
 * Writes the imported version (write_version()) in a savepoint of its own; this commits
 * it unless the user has an open transaction. First takes the write lock, writes the
 * endings of earlier runs that are still to be written (ext_pending_lock()), and if
 * is_found is false, looks again whether the model exists. After a failure nothing is
 * written, and run->written is as before.
 */
static int write_as_one(ext_run *run, const ext_home *home, bool is_found,
                        const imported *content, const ext_keep *keep, ext_error *error)
{
    const ext_written before = run->written;
    ext_error cause = {0};
    ext_savepoint savepoint;
    if (ext_savepoint_start(&savepoint, home->db, &cause) != SQLITE_OK)
        return ext_error_wrap(error, &cause, "gru4rec_import() cannot write here (",
                              "); run SELECT gru4rec_import(...) by itself");
    int rc = ext_pending_lock(&savepoint, home, error);
    if (rc == SQLITE_OK && !is_found) /* somebody may have made the model meanwhile */
        rc = ext_schema_exists(home->db, home->schema, home->name, &is_found, error);
    if (rc == SQLITE_OK)
        rc = write_version(run, home, is_found, content, keep, error);
    rc = ext_savepoint_end(&savepoint, rc, error);
    if (rc != SQLITE_OK)
        run->written = before;
    return rc;
}

/*
 * Writes the imported version (write_as_one()). Tries again while another connection of a
 * shared cache holds the lock, until the busy timeout has passed
 * (ext_savepoint_may_retry()). Meanwhile the run counts as under way for other
 * connections.
 */
static int write_import(ext_run *run, const ext_home *home, bool is_found,
                        const imported *content, const ext_keep *keep, ext_error *error)
{
    const double since = ext_poll_seconds();
    int rc;
    ext_alive_start(&run->alive);
    while ((rc = write_as_one(run, home, is_found, content, keep, error)) != SQLITE_OK &&
           ext_savepoint_may_retry(home->db, since, error))
        ;
    ext_alive_stop(&run->alive);
    return rc;
}

/* ---- the function ---- */

/*
 * Reads the model from value (a BLOB) or from the file at path into *content, and writes
 * it as a version of the model home, made if is_found is false. Some options of that
 * version come from the model home: quantize, unless it is auto there; and state_items,
 * if it is set there. Sets run->options (JSON) and run->summary. The caller frees run and
 * the members of content in any case.
 */
static int import_value(ext_run *run, const ext_home *home, bool is_found,
                        sqlite3_value *value, const char *path, imported *content,
                        ext_error *error)
{
    gru4rec_options own;
    ext_loaded *loaded = &content->loaded;
    if (read_own(&own, home, is_found, error) != SQLITE_OK ||
        read_argument(content, home->db, value, path, error) != SQLITE_OK)
        return error->rc;
    /*
     * The model that the import goes to decides how the version serves, and how many
     * versions the model keeps.
     */
    if (own.quantize != GRU4REC_AUTO)
        loaded->options.quantize = own.quantize;
    if (ext_options_is_set(&own, "state_items"))
        loaded->options.state_items = own.state_items;
    const ext_keep keep = ext_forget_keep(&own);
    /* An import makes its version active, so the options that are stored say so too. */
    loaded->options.activate = true;
    run->options = ext_options_json(&loaded->options, true);
    run->summary =
        sqlite3_mprintf("{\"items\":%d}", (int)gru4rec_items_count(loaded->items));
    if (run->options == NULL || run->summary == NULL)
        return ext_error_nomem(error);
    return write_import(run, home, is_found, content, &keep, error);
}

/*
 * The SQL function gru4rec_import(). If the second argument is a text, it names a file;
 * the host is asked whether that may be read (ext_file_permit()) before anything else.
 * The result is the number of the new version.
 */
static void import_model(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_connection *connection = ext_connection_of(context);
    ext_error error = {0};
    ext_run run = {.source = "import"};
    imported content = {0};
    ext_home home = {0};
    const char *path = NULL;
    bool is_found;
    int rc = SQLITE_OK;
    (void)argc;
    if (sqlite3_value_type(argv[1]) == SQLITE_TEXT)
        rc = ext_file_permit(&path, connection->db, argv[1], false, &error);
    if (rc == SQLITE_OK)
        rc = ext_schema_get(&home, connection->db, connection, argv[0], true, &is_found,
                            &error);
    if (rc == SQLITE_OK)
        rc = import_value(&run, &home, is_found, argv[1], path, &content, &error);
    if (rc == SQLITE_OK)
        sqlite3_result_int64(context, run.written.version);
    ext_error_result(&error, context);
    ext_load_free(&content.loaded);
    gru4rec_dataset_free(content.sessions);
    ext_run_free(&run);
    ext_home_clear(&home);
}

/* The table that registers gru4rec_import(). The last entry has the name NULL. */
const ext_function ext_import_functions[] = {
    {"gru4rec_import", 2, SQLITE_DIRECTONLY, import_model, NULL},
    {NULL, 0, 0, NULL, NULL},
};

/*
 * ext_store.h - a model in its shadow tables: its configuration, its versions with their
 * items and tensors, and the training runs that make versions.
 *
 * The tables of a model m are all in the schema of the model:
 *
 *   m_config(key, value)   one row for each key:
 *       format          storage format: 2, or 3 if the model holds something that needs 3
 *       version         number of the active version; absent while none was ever active
 *       previous        number of the version that was active before it, if there was one
 *       source, session, item, time
 *                       source and columns, as CREATE or gru4rec_configure() found them
 *       order           column that breaks ties in time, if the user named one (format 3)
 *       session_type, item_type
 *                       affinities of the columns session and item
 *       shape           JSON: kind of the source and all its columns; absent in models
 *                       that an older build made
 *       options         JSON: the options that the user set
 *       defaults        JSON: the default options of the build that made the model;
 *                       absent if that build did not store them
 *       checksum:RUN    checksum of the version that the run RUN made; see ext_sum.c
 *       id              random id of the model; see ext_identity.c
 *       tables          JSON array: which of the tables that are made later ("blend",
 *                       "trial") this model has made; see ext_shadow.c
 *   m_version(version, run, status, started, finished, process, source, options, summary,
 *             message, first_event, last_event, last_rowid, progress, updated,
 *             fingerprints)
 *                          one row for each run; see ext_run.c. The tables of older
 *                          builds lack some of the last six columns until this build
 *                          writes a run
 *   m_epoch(version, epoch, loss, cost, steps, events, seconds, recall, mrr, updates)
 *   m_item(version, row, item, support)
 *   m_tensor(id, version, name, chunk, shape, checksum, data)
 *                          see ext_tensor.c
 *   m_blend(version, chunk, checksum, data)
 *                          made with the first version that blends; see ext_blend.c
 *   m_trial(tune, trial, rung, epochs, objective, recall, mrr, seconds, options, status)
 *                          made by the first tuning; see ext_tune_rows.c
 *   m_source               a view; it exists only if the source was given as a SELECT
 *
 * A model has the lowest storage format that can hold its content. Format 3 adds the
 * column order. Only a write that needs a higher format raises it; nothing lowers it.
 *
 * Rules for all functions of this header:
 * - A function that takes an ext_error returns an SQLite result code, and leaves the
 *   first failure in *error (see ext_base.h). Each function that runs SQL can fail with
 *   every error of SQLite, for example SQLITE_NOMEM, SQLITE_BUSY, SQLITE_INTERRUPT,
 *   SQLITE_AUTH or SQLITE_IOERR. The comments name only the errors that a function adds
 *   to these.
 * - SQLITE_CORRUPT_VTAB says that the shadow tables are damaged.
 * - Arguments are borrowed until the function returns, and are not NULL, unless the
 *   comment says otherwise. Output parameters are undefined after a failure, unless the
 *   comment says otherwise.
 * - The caller frees a text "of sqlite3_malloc" with sqlite3_free().
 * - A function that writes must be called in a savepoint or a statement that the caller
 *   undoes after a failure, because a failed function may have written a part of its
 *   rows.
 */
#ifndef EXT_STORE_H
#define EXT_STORE_H

#include "../events/ext_events.h"

/* ---- ext_config.c ---- */

/*
 * The configuration of a model: what CREATE VIRTUAL TABLE or gru4rec_configure() said, as
 * m_config holds it. All texts are owned, and of sqlite3_malloc. A text whose key has no
 * row in m_config is NULL.
 */
typedef struct ext_config {
    int format; /* storage format, as it was read; 0: not stored yet */
    /* The source as the user gave it (a name or a SELECT); NULL: the model has none. */
    char *source;
    ext_columns columns;
    char *types[2]; /* affinities of the columns session and item of the source */
    /*
     * The shape of the source (ext_source_shape()) when CREATE or gru4rec_configure()
     * named it; NULL in models of older builds.
     */
    char *shape;
    char *options;  /* JSON: the options that the user set */
    char *defaults; /* JSON: defaults of all options; NULL in models of older builds */
} ext_config;

/*
 * Reads the configuration from m_config into *config, which need not be initialised. A
 * key that has no row, or that this build does not know, is no error. SQLITE_ERROR: the
 * storage format is missing, or this build does not know the format. Call
 * ext_config_free() afterwards, also after a failure.
 */
int ext_config_read(ext_config *config, const ext_home *home, ext_error *error);
/*
 * Writes all texts of config to m_config, and deletes the rows of texts that are NULL.
 * Also writes the storage format: the lowest one that can hold config, but not a lower
 * one than config->format, which stays as it is.
 */
int ext_config_write(const ext_config *config, const ext_home *home, ext_error *error);
/* Frees the texts of config (not the struct itself), and sets all fields to zero. */
void ext_config_free(ext_config *config);
/* Tells whether the two configurations have the same texts. Their formats may differ. */
bool ext_config_is_same(const ext_config *a, const ext_config *b);
/*
 * Returns the storage format that text (may be NULL) names, for example 2 for "2".
 * Returns 0 if text is no format that this build can read and write.
 */
int ext_config_known_format(const char *text);
/*
 * Raises the storage format in m_config to the highest one that this build knows; does
 * nothing if the model has that format or a higher one. Call it before something is
 * written that an older build would misread: an older build refuses a model of a format
 * that it does not know.
 */
int ext_config_raise_format(const ext_home *home, ext_error *error);
/*
 * Sets the error that this build does not know the storage format of the model, or that
 * the model has none: returns SQLITE_ERROR.
 */
int ext_config_fail_format(const ext_home *home, ext_error *error);
/*
 * Turns cause, the error of parsing options that are stored, into *error, and clears
 * cause. Returns the code of *error. If cause is not set, does nothing and returns
 * SQLITE_OK.
 * A newer build may have stored options that this build does not know. So if the parser
 * refused them (SQLITE_ERROR, not reported by SQLite), the message says so, and which
 * build to use. what, a format with its arguments, begins that message: "model '%s' has
 * defaults". Any other cause, such as a limit, becomes *error unchanged.
 */
int ext_config_check_stored(ext_error *error, ext_error *cause, const char *what, ...)
    __attribute__((format(printf, 3, 4)));
/*
 * Sets *defaults to the model's defaults of the training options: those of
 * gru4rec_options_init_stored(), and over them those that the model stores, if it stores
 * any.
 * SQLITE_ERROR: the stored defaults have an option, or a value, that this build does not
 * know.
 */
int ext_config_defaults(const ext_config *config, const ext_home *home,
                        gru4rec_options *defaults, ext_error *error);
/*
 * Sets *options to the model's defaults, and then those options that the user set.
 * Resolves nothing (ext_options_resolve()).
 * SQLITE_ERROR: as for ext_config_defaults(), or an option that was set is not valid.
 */
int ext_config_options(const ext_config *config, const ext_home *home,
                       gru4rec_options *options, ext_error *error);
/*
 * Tells whether source is the model's own source, by its text. NULL is the own source of
 * a model that has none. Two SELECTs are the same if they differ only in parentheses
 * around them. Returns false also if there is not enough memory.
 */
bool ext_config_is_source(const ext_config *config, const char *source);
/*
 * Checks that the model can read the source that config names: opens the source, and
 * closes it again. Reads no rows. Does nothing if config names no source. A source that
 * was given as a SELECT is read through the view m_source.
 * SQLITE_ERROR: as for ext_source_open() and ext_source_check_stored().
 */
int ext_config_check_source(const ext_config *config, const ext_home *home,
                            ext_error *error);
/*
 * Opens the source text; or, if text is NULL, the model's own source, which config names.
 * If the model's own source is a SELECT, it is read through the view m_source. The names
 * of columns are those of columns (may be NULL); for a role without a name there, that of
 * config.
 * SQLITE_ERROR: text is NULL and the model has no source; or the source does not open; or
 * as for ext_source_check_stored(). If the model's own source does not open because
 * something that config names does not exist any more, the message says what that is, and
 * gives the call that mends the model (ext_mending_explain()).
 * After success the caller closes *source with ext_source_close(); after a failure
 * nothing is open.
 */
int ext_config_open_source(const ext_config *config, const ext_home *home,
                           const char *text, const ext_columns *columns,
                           ext_source *source, ext_error *error);
/*
 * Opens the source text, which is another source than the model's own. The names of its
 * columns are found in this order: those that columns (may be NULL) names; those of
 * config; names that are guessed. If the source does not open with the column order of
 * config, that one is left out. If it does not open then either, no name of config is
 * used.
 * SQLITE_ERROR: as for ext_source_open(). After success the caller closes *source with
 * ext_source_close(); after a failure nothing is open.
 */
int ext_config_open_like(const ext_config *config, const ext_home *home, const char *text,
                         const ext_columns *columns, ext_source *source,
                         ext_error *error);

/* ---- ext_mending.c ---- */

/*
 * Sets the error that the model has no source of events: returns SQLITE_ERROR, or
 * SQLITE_NOMEM. The message gives the call that sets a source.
 */
int ext_mending_fail_none(const ext_home *home, ext_error *error);
/*
 * Sets the error that the model's own source does not open because something was renamed
 * or does not exist any more. The message says what that is, and gives the call that
 * mends the model. Returns the code of the error.
 * name: the table or the view that was to be opened.
 * missing: what is missing: "source", or the role of a column; see ext_source.
 * given: columns that the caller named; the call that mends the model leaves them out.
 * cause: the error of SQLite or of ext_source_open(). Its code becomes that of the new
 * error, unless looking for the new name fails; then the error is that failure. cause
 * stays as it is.
 */
int ext_mending_explain(const ext_config *config, const ext_home *home, const char *name,
                        const char *missing, const ext_columns *given,
                        const ext_error *cause, ext_error *error);

/* ---- ext_schema.c ---- */

/*
 * Looks for the model that text names: "name" or "schema.name". Looks for a bare name in
 * the order of SQLite: temp, main, attached databases. The whole text is tried as a bare
 * name first, because a name may contain a dot.
 * If there is no model, makes SQLite notice what other connections changed
 * (ext_sql_refresh()), and looks again; but not if the user has begun a transaction that
 * has read nothing yet. Fills in *home, also if there is no model (*is_found false): home
 * then says where a model of that name would be made. Call ext_home_clear() on home in
 * any case, also after a failure.
 */
int ext_schema_find(ext_home *home, sqlite3 *db, ext_connection *connection,
                    const char *text, bool *is_found, ext_error *error);
/*
 * Returns the name by which SQL can name the model: "name" if that leads to this model
 * (ext_schema_find()), else "schema.name", also if looking for "name" fails. The text is
 * of sqlite3_malloc. NULL: there is not enough memory.
 */
char *ext_schema_reference(const ext_home *home);
/*
 * Replaces home->name, which home must own, by the name that CREATE gave the model: upper
 * and lower case may differ. If there is no such table, the name stays.
 */
int ext_schema_true_name(ext_home *home, ext_error *error);
/*
 * Makes the model ready for a call. Call it before the call reads anything of the model:
 * - If is_to_write is true, and in a transaction of the user, takes the write lock of the
 *   schema, for the rest of that transaction.
 * - If is_found is true (the model exists), notes that this call uses the model
 *   (ext_entry_use()), and checks the shadow tables (ext_shadow_check()).
 * home must live until the call ends.
 * SQLITE_ERROR: a call that this one is nested in uses the same model: the model reads
 * itself through its source. Other errors: as for ext_savepoint_lock_ahead() and
 * ext_shadow_check().
 */
int ext_schema_take(ext_home *home, bool is_found, bool is_to_write, ext_error *error);
/*
 * Finds the model that an SQL value names, and makes it ready: does ext_schema_find() and
 * ext_schema_take().
 * is_found: gets whether there is such a model; may be NULL: then it is an error if there
 * is none.
 * SQLITE_ERROR: the value is no name; or there is no such model, and is_found is NULL; or
 * as for ext_schema_take(). Call ext_home_clear() on home in any case.
 */
int ext_schema_get(ext_home *home, sqlite3 *db, ext_connection *connection,
                   sqlite3_value *value, bool is_to_write, bool *is_found,
                   ext_error *error);
/* Sets the error that there is no model of the name text: returns SQLITE_ERROR. */
int ext_schema_fail_missing(const char *text, ext_error *error);
/*
 * Sets *is_found to whether schema has a model of that name. A model has a table of the
 * name, a table m_config with a column key, and a table m_tensor with a column checksum.
 * No other column is looked for, so a damaged model is found too. SQLITE_NOMEM is the
 * only error; *is_found is false then.
 */
int ext_schema_exists(sqlite3 *db, const char *schema, const char *name, bool *is_found,
                      ext_error *error);
/*
 * Checks that a model can be made at home; makes nothing. SQLITE_ERROR: there is no such
 * schema, or the name of the model or of a shadow table that every model has is taken.
 */
int ext_schema_check_new(const ext_home *home, ext_error *error);
/*
 * Makes a model by CREATE VIRTUAL TABLE, with these as the arguments of the table:
 * source: NULL, the name of a table or view, or a SELECT.
 * columns: the columns that hold the events; or NULL. candidates and space are ignored.
 * options: those that are set.
 */
int ext_schema_create_model(const ext_home *home, const char *source,
                            const ext_columns *columns, const gru4rec_options *options,
                            ext_error *error);
/*
 * Makes everything that a new model stores, with config as its configuration: the shadow
 * tables that every model has, the view m_source if the source is a SELECT, the rows of
 * m_config, and the model's id. For xCreate.
 * SQLITE_ERROR: a name that the model needs is taken.
 */
int ext_schema_create(const ext_home *home, const ext_config *config, ext_error *error);
/*
 * Writes another configuration for a model that exists. Sets config->format to the format
 * that the model has, so that the format never falls.
 * has_source: the source may differ, so the view m_source is made again; otherwise the
 * view stays.
 * SQLITE_ERROR: another table or view has the name m_source. SQLITE_CORRUPT_VTAB: as for
 * ext_shadow_check().
 */
int ext_schema_configure(const ext_home *home, ext_config *config, bool has_source,
                         ext_error *error);
/*
 * Drops the shadow tables that exist, and the view m_source if the model made it. Also
 * works on a damaged model: if the configuration cannot be read, the view, m_blend and
 * m_trial stay.
 */
int ext_schema_drop(const ext_home *home, ext_error *error);
/*
 * Renames the shadow tables to those of the model new_name. If the model made the view
 * m_source, makes it again under its new name, and stores its SELECT, as ALTER TABLE has
 * changed it, in m_config. If the source is a SELECT, and the view is gone or the user's,
 * makes no view. For xRename. SQLITE_ERROR: the source is a SELECT, and a table or a view
 * has the new name of m_source. Other errors: as for ext_config_read() and
 * ext_shadow_check().
 */
int ext_schema_rename(const ext_home *home, const char *new_name, ext_error *error);
/*
 * If the source of config is a SELECT, replaces config->source by the SELECT of the view
 * m_source, because ALTER TABLE keeps the view up to date, and not m_config. config stays
 * as it is if the view is not the one that we made, and after a failure. Writes nothing.
 */
int ext_schema_read_view(const ext_home *home, ext_config *config, ext_error *error);

/* ---- ext_shadow.c ---- */

/*
 * Checks that those shadow tables that exist are ordinary tables. A view, or a generated
 * column, in the place of one could run any SQL, and could claim any size. It is no error
 * here if some of the tables are missing. A table that is made later (ext_shadow_has())
 * is checked only if it is the model's.
 * SQLITE_CORRUPT_VTAB: in the place of a shadow table is a view, a virtual table, or a
 * table with generated columns; or all tables that every model has are gone.
 * SQLITE_ERROR: another connection has dropped the model. SQLITE_AUTH: the host's
 * authorizer hides the rows of sqlite_schema.
 */
int ext_shadow_check(const ext_home *home, ext_error *error);
/*
 * Sets *has to whether the table m_suffix exists and has that column. column NULL:
 * whether the table exists. A view does not count. SQLITE_NOMEM is the only error; *has
 * is false then.
 */
int ext_shadow_has_column(const ext_home *home, const char *suffix, const char *column,
                          bool *has, ext_error *error);
/*
 * Checks that the name of no column of m_version is damaged, for gru4rec_check(). A model
 * of an older build lacks columns that ext_shadow_upgrade() adds, and users may add
 * columns of their own; but one that is lacking beside one that nobody knows is likely
 * the same column under a damaged name, and what it holds would not be read in silence.
 * SQLITE_CORRUPT_VTAB: that is so; the message has both names.
 */
int ext_shadow_check_names(const ext_home *home, ext_error *error);
/*
 * Adds the columns of m_version, and the id of the model, that a model of an older build
 * lacks; does nothing if none is lacking. Call it in a savepoint, before the row of a run
 * is written.
 */
int ext_shadow_upgrade(const ext_home *home, ext_error *error);
/*
 * Returns 1 if suffix, the part of a name behind "m_", is that of a shadow table or of
 * the view m_source, in upper or lower case; else 0. For xShadowName.
 */
int ext_shadow_is_suffix(const char *suffix);
/*
 * Sets *has to whether schema has a table of that name with that column. column NULL:
 * whether schema has that table. A view does not count. table NULL: there was no memory
 * for the name, so this returns SQLITE_NOMEM. That is the only error; no ext_error is
 * set, and *has is false.
 */
int ext_shadow_look(sqlite3 *db, const char *schema, const char *table,
                    const char *column, bool *has);
/*
 * Checks that no table, view or index of the schema has the name m_suffix. SQLITE_ERROR:
 * one has.
 */
int ext_shadow_check_free(const ext_home *home, const char *suffix, ext_error *error);
/*
 * Does what ext_shadow_check_free() does, for all tables that every model has (config,
 * version, epoch, item, tensor). SQLITE_ERROR also if this version of SQLite cannot make
 * tables of the model's name in a virtual table.
 */
int ext_shadow_check_all_free(const ext_home *home, ext_error *error);
/*
 * Makes all shadow tables that every model has: config, version, epoch, item and tensor.
 * They must not exist.
 */
int ext_shadow_make_all(const ext_home *home, ext_error *error);
/*
 * Sets *has to whether the model has made the table m_suffix, which a model makes only
 * when it needs the table: suffix is "blend" or "trial". Such a table exists, and
 * m_config lists it under the key 'tables'. A table of that name that is not listed is
 * the user's: *has is false.
 */
int ext_shadow_has(const ext_home *home, const char *suffix, bool *has, ext_error *error);
/*
 * Checks that the model has the table m_suffix ("blend" or "trial"), or can make it.
 * SQLITE_ERROR: a table, a view or an index that is not the model's has that name.
 */
int ext_shadow_check_later(const ext_home *home, const char *suffix, ext_error *error);
/*
 * Makes the table m_suffix ("blend" or "trial"), empty, and adds suffix to the array
 * 'tables' of m_config. Does nothing if the model has the table. SQLITE_ERROR: as for
 * ext_shadow_check_later().
 */
int ext_shadow_make_later(const ext_home *home, const char *suffix, ext_error *error);
/*
 * Drops the shadow tables that every model has, as far as they exist; a view of such a
 * name stays. has_later: m_config can be read, so this function also drops m_blend and
 * m_trial if they are the model's (ext_shadow_has()); false: these two stay.
 */
int ext_shadow_drop(const ext_home *home, bool has_later, ext_error *error);
/*
 * Renames the shadow tables to those of the model new_name. The tables that every model
 * has must exist; m_blend and m_trial are renamed if they are the model's
 * (ext_shadow_has()). home keeps the old name.
 */
int ext_shadow_rename(const ext_home *home, const char *new_name, ext_error *error);

/* ---- ext_window.c ---- */

/*
 * Sets *last to the place of the last event that the version was trained on.
 * last->is_there is false if the version does not exist or has no events, or if an older
 * build made it.
 * SQLITE_CORRUPT_VTAB: m_version.last_event is not a time.
 */
int ext_window_read_last(ext_border *last, const ext_home *home, int64_t version,
                         ext_error *error);
/*
 * Three result columns for a SELECT on m_version, which ext_window_take_since() reads.
 * They say which event since=last meant for the run of the row: the number of the version
 * whose last event it was, and the time and the rowid of that event.
 */
#define EXT_WINDOW_SINCE                 \
    "summary ->> '$.since.version',"     \
    " summary ->> '$.since.last_event'," \
    " summary ->> '$.since.last_rowid' "
/*
 * Sets last->version and last->border from the three columns of EXT_WINDOW_SINCE in the
 * current row of stmt; column is the index of the first of them. If the time is NULL or
 * cannot be read, there is no border (last->border.is_there is false).
 */
void ext_window_take_since(ext_last *last, sqlite3_stmt *stmt, int column);
/*
 * Writes the first and the last event of a version into its row: the time of the first,
 * the time and the rowid of the last. A border or a rowid that is not there is stored as
 * NULL. Before that, adds the columns that a model of an older build lacks
 * (ext_shadow_upgrade()). A version without a row is no error.
 */
int ext_window_write(const ext_border *first, const ext_border *last,
                     const ext_home *home, int64_t version, ext_error *error);

/* ---- ext_fingerprints.c ---- */

/* The fingerprints of a version: they tell which sessions the version was trained on. */
typedef struct ext_fingerprints {
    gru4rec_fingerprints fingerprints; /* what the library reads; points into bytes */
    int64_t version;                   /* number of the version, for messages */
    /*
     * Whether the version has fingerprints. It has none if an older build made it, it was
     * imported, it is retired, or its fingerprints were too long to be stored.
     */
    bool is_known;
    /* The stored bytes, of allocator; owned. NULL: none were read. */
    void *bytes;
    const gru4rec_allocator *allocator; /* of the budget that counts bytes; borrowed */
} ext_fingerprints;

/* Returns a new random key (two numbers of 64 bits) for the fingerprints of sessions. */
gru4rec_fingerprints_key ext_fingerprints_key(void);
/*
 * Reads the fingerprints of a version into *fingerprints; their bytes are of the budget's
 * allocator. If the version has none, is_known is false and there is no error. The budget
 * must outlive *fingerprints. Call ext_fingerprints_free() in any case, also after a
 * failure. SQLITE_CORRUPT_VTAB: the stored fingerprints are damaged. SQLITE_ERROR: they
 * need more memory than the budget has.
 */
int ext_fingerprints_read(ext_fingerprints *fingerprints, ext_budget *budget,
                          const ext_home *home, int64_t version, ext_error *error);
/*
 * Frees the stored bytes of the fingerprints (not the struct itself), and sets all fields
 * to zero.
 */
void ext_fingerprints_free(ext_fingerprints *fingerprints);
/*
 * Turns the status of a library function that used the fingerprints into an error, and
 * returns its code. GRU4REC_OK sets no error. GRU4REC_INVALID means that the fingerprints
 * are damaged: SQLITE_CORRUPT_VTAB. Any other status: as in ext_error_library().
 */
int ext_fingerprints_library(const ext_fingerprints *fingerprints, gru4rec_status status,
                             const ext_home *home, ext_error *error);
/*
 * Writes fingerprints into the version's row. bytes (n) are those that
 * gru4rec_fingerprints_new() made. Writes nothing, without an error, if bytes is NULL, or
 * if n is more than half of SQLite's limit of lengths (SQLITE_LIMIT_LENGTH): the other
 * columns of the row need room too.
 */
int ext_fingerprints_write(const void *bytes, size_t n, const ext_home *home,
                           int64_t version, ext_error *error);
/*
 * Sets the fingerprints of all retired versions in m_version to NULL. Does nothing if a
 * model of an older build has no column for them.
 */
int ext_fingerprints_forget(const ext_home *home, ext_error *error);

/* ---- ext_identity.c ---- */

/* Gives the model a random id in m_config; does nothing if the model has an id. */
int ext_identity_make(const ext_home *home, ext_error *error);
/*
 * Sets *id to the model's id, a text of sqlite3_malloc; to NULL if the model has none,
 * because an older build made it, or after a failure.
 */
int ext_identity_read(char **id, const ext_home *home, ext_error *error);
/*
 * Looks for the model of that id, first under home->name, then under all names of the
 * schema. If the model was renamed, replaces home->name, which home must own, by the new
 * name. *is_found: whether the model still exists; if not, home->name stays. A model
 * whose shadow tables are damaged counts as one that does not exist; that is no error.
 * id: may be NULL; then any model of the name home->name is the right one, also a damaged
 * one, and no other name is looked at.
 */
int ext_identity_follow(ext_home *home, const char *id, bool *is_found, ext_error *error);

/* ---- ext_item.c ---- */

/*
 * Sets *n to the number of items of a version: its highest row + 1, or 0 if it has no
 * items. That no row is missing is not checked. *n is 0 after a failure.
 * SQLITE_CORRUPT_VTAB: a row number is out of range.
 */
int ext_item_count(int32_t *n, const ext_home *home, int64_t version, ext_error *error);
/*
 * Loads the n items of a version. The caller frees *items with gru4rec_items_free(), and
 * calls gru4rec_items_index() before ids are looked up. *items is NULL after a failure.
 * sum: gets the checksum of all items, for ext_sum_check().
 * SQLITE_CORRUPT_VTAB: the version does not have n items in rows 0 to n - 1, or an item
 * is neither an integer nor a text.
 */
int ext_item_load(gru4rec_items **items, uint64_t *sum, const ext_home *home,
                  int64_t version, int32_t n, ext_error *error);
/*
 * Reads the n items of a version that was just written, and sets *sum to their checksum.
 * SQLITE_CORRUPT_VTAB: as for ext_item_load(), or a support is not an integer.
 */
int ext_item_sum(uint64_t *sum, const ext_home *home, int64_t version, int32_t n,
                 ext_error *error);
/*
 * Writes all items of the catalogue into m_item, as those of the version: row, id and
 * support. The version must have no items yet. SQLITE_INTERRUPT: another one of ranks
 * (may be NULL) stops.
 */
int ext_item_save(const gru4rec_items *items, const ext_home *home, int64_t version,
                  const ext_ranks *ranks, ext_error *error);
/*
 * Turns the status of a library function that took items into an error, and returns its
 * code. GRU4REC_OK sets no error. GRU4REC_INVALID means that the model's items are
 * damaged: SQLITE_CORRUPT_VTAB. Any other status: as in ext_error_library().
 */
int ext_item_fail(const ext_home *home, gru4rec_status status, ext_error *error);

/* ---- ext_sum.c ---- */

/*
 * Returns the checksum of a chunk of data, such as a tensor: Fletcher's checksum over its
 * n words of 32 bits, in four independent lanes for speed. The name of the data and the
 * number of the chunk are part of the checksum, so that two chunks that changed places do
 * not match it.
 */
int64_t ext_sum_chunk(const char *name, int64_t chunk, const void *words, size_t n);

/*
 * Adds the next item, with its id and its support, to *sum, the checksum of a version's
 * items. *sum begins with 0, and the items come in the order of their rows.
 */
void ext_sum_item(uint64_t *sum, const gru4rec_id *id, int64_t support);
/*
 * Returns the checksum of a version. items: the checksum of its items. run and options:
 * the columns of its row, as they are stored.
 */
int64_t ext_sum_version(uint64_t items, int64_t version, const gru4rec_id *run,
                        const gru4rec_id *options);
/*
 * Writes sum, the checksum of the version that the run of that name made, into m_config,
 * under the name of the run. Replaces the checksum that is there for that run.
 */
int ext_sum_write(const ext_home *home, const char *run, int64_t sum, ext_error *error);
/*
 * Compares a version with its stored checksum. items: the checksum of the items that the
 * version has now. Computes the rest from the version's row. A version without a stored
 * checksum passes.
 * SQLITE_CORRUPT_VTAB: the checksum does not match, or it is stored under another run
 * because somebody changed the name of the run.
 */
int ext_sum_check(const ext_home *home, int64_t version, uint64_t items,
                  ext_error *error);
/*
 * Deletes each checksum in m_config whose run made no version that is kept: the run has
 * no row in m_version, or the status of its row is 'retired'.
 */
int ext_sum_forget(const ext_home *home, ext_error *error);

/* ---- ext_tensor.c ---- */

/*
 * Deletes all tensors of the version from m_tensor, then writes those of the training:
 * the weights, and the tensors of the slots 0 to n_slots - 1 (see gru4rec_slot). A slot
 * that the training does not have is left out. SQLITE_INTERRUPT: another one of ranks
 * (may be NULL) stops.
 */
int ext_tensor_save(const gru4rec_training *training, int n_slots, const ext_home *home,
                    int64_t version, const ext_ranks *ranks, ext_error *error);
/*
 * Returns the bytes that the longest row of m_tensor would have for this model, at most.
 */
size_t ext_tensor_row_bytes(const gru4rec_model *model);
/*
 * Sets *is_found to whether m_tensor has the tensors of a slot (what a training keeps
 * beside the weights) for the version; looks only for Wy.weight among them. slot: a name
 * of gru4rec_training_slot_name().
 */
int ext_tensor_find(bool *is_found, const ext_home *home, int64_t version,
                    const char *slot, ext_error *error);
/*
 * Checks that m_tensor can hold n_bytes bytes of weights for the version. Call it before
 * that much memory is allocated, because forged options can ask for any size. Only the
 * lengths of the rows are looked at.
 * SQLITE_CORRUPT_VTAB: the version has less than half of these bytes (1 MiB less than
 * half is allowed).
 */
int ext_tensor_check_size(const ext_home *home, int64_t version, size_t n_bytes,
                          ext_error *error);
/*
 * Loads the weights of a version, or the tensors of a slot, into model, which must have
 * been made with the version's options and number of items. Checks each chunk: its
 * length, its checksum, and that its values are finite.
 * slot: "" for the weights, or a name of gru4rec_training_slot_name().
 * bytes: the byte copy of the output rows, which the caller has made and finishes
 * afterwards; this function fills in each row when its floats are loaded. NULL: there is
 * no byte copy.
 * SQLITE_CORRUPT_VTAB: a tensor is missing or damaged. After a failure the values of
 * model and bytes are undefined.
 */
int ext_tensor_load(gru4rec_model *model, gru4rec_bytes *bytes, const ext_home *home,
                    int64_t version, const char *slot, ext_error *error);

/* ---- ext_blend.c ---- */

/*
 * The sessions that a version blends with are coded as a row of words of 32 bits; see
 * ext_blend.c. The layout says where each part of that row begins. In front of the
 * lengths is a header.
 */
typedef struct ext_blend_layout {
    int64_t n_sessions, n_events; /* number of sessions, and of their events in all */
    /*
     * The index of the first word of each part, in this order: the number of events of
     * each session (lengths), the time of each session, two words each (times), the item
     * row of each event (rows). end: the number of all words.
     */
    int64_t lengths, times, rows, end;
} ext_blend_layout;

/* Returns the layout of that many sessions with that many events in all. */
ext_blend_layout ext_blend_layout_of(int64_t n_sessions, int64_t n_events);
/*
 * Computes n of the words that the sessions are coded as, from the word with the index
 * first on, and writes them into words (n). The sessions must have times; first + n must
 * not exceed the layout's end.
 */
void ext_blend_words(uint32_t *words, const gru4rec_dataset *sessions, int64_t first,
                     size_t n);

/*
 * A decoding of sessions from words that nobody has checked. ext_blend_start() begins it,
 * ext_blend_take() goes on.
 */
typedef struct ext_blend_reading {
    ext_blend_layout at; /* where the parts begin in the row of words */
    /* The sessions that are being decoded; the caller frees them. */
    gru4rec_dataset *sessions;
    /*
     * Index of the next word. A caller that has no words of the header may set it to
     * at.lengths.
     */
    int64_t next;
    uint32_t low;    /* the low word of a time, until its high word comes */
    int32_t n_items; /* items of the version: an item row must be below it */
    /*
     * The first thing that is wrong with the sessions, the end of a sentence: "have
     * impossible lengths"; NULL: nothing is wrong. If it is not NULL, or if next is not
     * at.end after the last word, the sessions can only be freed.
     */
    const char *why;
} ext_blend_reading;

/*
 * Starts a decoding: sets all fields of *reading, and makes reading->sessions with room
 * for that many sessions and events, from allocator. The caller frees reading->sessions
 * with gru4rec_dataset_free(); it is NULL after a failure. n_items: number of items of
 * the version.
 * GRU4REC_INVALID: there is no session, a session would have no event, or there are more
 * than 2^31 - 1 events. GRU4REC_NOMEM: there is not enough memory.
 */
gru4rec_status ext_blend_start(ext_blend_reading *reading,
                               const gru4rec_allocator *allocator, int64_t n_sessions,
                               int64_t n_events, int32_t n_items);
/*
 * Decodes the next n words into reading->sessions, and counts them in reading->next. If a
 * word is wrong, sets reading->why; from then on only counts words. Words of the header
 * are skipped. The caller must not give more words than at.end in all.
 */
void ext_blend_take(ext_blend_reading *reading, const uint32_t *words, size_t n);

/*
 * Writes the sessions that a version blends with, which gru4rec_latest_new() made, into
 * m_blend, in place of those that the version has there. Before that, makes the table
 * m_blend if the model has none. If sessions is NULL, does nothing: the old rows stay.
 * SQLITE_ERROR: something that is not the model's has the name m_blend.
 */
int ext_blend_save(const gru4rec_dataset *sessions, const ext_home *home, int64_t version,
                   ext_error *error);
/*
 * Returns the bytes that the longest row of m_blend would have, at most, for these
 * sessions; 0 if sessions is NULL.
 */
size_t ext_blend_row_bytes(const gru4rec_dataset *sessions);
/*
 * Sets *is_saved to whether m_blend has as many rows of the version as ext_blend_save()
 * writes for these sessions; the content of the rows is not compared. *is_saved is true
 * if sessions is NULL, and false if the model has no table m_blend.
 */
int ext_blend_is_saved(bool *is_saved, const gru4rec_dataset *sessions,
                       const ext_home *home, int64_t version, ext_error *error);
/*
 * Loads the sessions that a version blends with into *sessions, whose memory is from
 * budget. The caller frees them with gru4rec_dataset_free() before the budget ends.
 * *sessions is NULL after a failure. In the dataset, every event has the time of the last
 * event of its session.
 * n_items: number of items of the version; every item row must be below it.
 * SQLITE_CORRUPT_VTAB: the sessions are missing or damaged. SQLITE_NOMEM: also if the
 * budget does not allow so much memory.
 */
int ext_blend_load(gru4rec_dataset **sessions, ext_budget *budget, const ext_home *home,
                   int64_t version, int32_t n_items, ext_error *error);
/*
 * Makes *neighbours, the baseline vs_knn with default options, which finds those of the
 * sessions that are most like a given session. The caller frees it with
 * gru4rec_baseline_free(). *neighbours is NULL after a failure.
 * n_items: number of items of the version. db: its interrupt stops the work, and so does
 * that of another of the ranks, which may be NULL. SQLITE_INTERRUPT: it did.
 */
int ext_blend_fit(gru4rec_baseline **neighbours, const gru4rec_allocator *allocator,
                  const gru4rec_dataset *sessions, int32_t n_items, sqlite3 *db,
                  const ext_ranks *ranks, ext_error *error);
/*
 * Returns the most bytes that ext_blend_fit() allocates for these sessions and n_items
 * items.
 */
size_t ext_blend_fit_bytes(const gru4rec_dataset *sessions, int32_t n_items);
/*
 * Deletes from m_blend the sessions of versions with status 'retired', and of versions
 * that have no row in m_version. Does nothing if the model has no table m_blend.
 */
int ext_blend_forget(const ext_home *home, ext_error *error);
/*
 * Sets *version to one of the versions with status 'retired' that still have sessions in
 * m_blend; 0: none has.
 */
int ext_blend_find_retired(int64_t *version, const ext_home *home, ext_error *error);

/* ---- ext_alive.c ---- */

enum { EXT_RUN_NAME = 32 }; /* number of hex digits in the random name of a run */

/* What a run does at the moment. */
typedef enum ext_phase {
    EXT_PHASE_READING, /* it reads its events */
    EXT_PHASE_TRAINING,
    /* The run writes its version, or waits for a lock. */
    EXT_PHASE_COMMITTING,
    /* The result of the run waits in memory for a call that commits it. */
    EXT_PHASE_KEPT
} ext_phase;

/*
 * How far a run of this process is: what it does now, which share of its training is
 * done, and how long the training will still take.
 */
typedef struct ext_share {
    ext_phase phase;
    double done;         /* share of the training that is done, from 0 to 1 */
    double seconds_left; /* estimate for the rest of the training; below 0: not known */
} ext_share;

/*
 * What shows this process and others that a run is under way. All fields are zero for a
 * run that has not started, except that a run to resume has its name.
 */
typedef struct ext_alive {
    char run[EXT_RUN_NAME + 1]; /* name of the run: random hex digits; it never changes */
    int beacon;      /* descriptor of the file that other processes see; -1: none */
    ext_share share; /* how far the run is; set by ext_alive_tell() */
    struct ext_alive *next; /* next run of this process that is alive, or NULL */
} ext_alive;

enum { EXT_ALIVE_PLACE = 128 }; /* bytes for the text of m_version.process */

/*
 * Makes a new random name for a run (also used as the id of a model): 32 hex digits, and
 * a NUL.
 */
void ext_alive_name(char run[EXT_RUN_NAME + 1]);
/*
 * Tells whether text can be the name of a run. text may be NULL, and is not trusted,
 * because it may come from a table.
 */
bool ext_alive_is_name(const char *text);
/*
 * Makes the run count as alive, until ext_alive_stop(): puts it into the list of this
 * process's runs, and opens the beacon (a file in memory) that other processes look for.
 * If the system has no such files, the run has no beacon (-1). Gives the run a random
 * name, unless it has one. *alive must stay where it is until ext_alive_stop().
 */
void ext_alive_start(ext_alive *alive);
/*
 * Makes the run count as over: takes it out of the list of this process's runs, and
 * closes its beacon. Does nothing to a run that is not in that list, except that beacon
 * becomes -1.
 */
void ext_alive_stop(ext_alive *alive);
/*
 * Sets alive->share: how far the run is. ext_alive_see() gives it to the other threads of
 * this process.
 */
void ext_alive_tell(ext_alive *alive, ext_share share);
/*
 * Sets *share to how far the run of that name is, and returns true. Returns false, and
 * leaves *share as it is, if the run is not alive in this process.
 */
bool ext_alive_see(ext_share *share, const char *run);
/*
 * Writes the text for m_version.process, which says in which process the run is alive,
 * into text: "<pid> <start of the process> <beacon> <host>".
 */
void ext_alive_place(char text[EXT_ALIVE_PLACE], const ext_alive *alive);
/*
 * Returns what became of the run of a row whose status is 'training': a static text, or
 * NULL if the run is alive. process and run are columns of the row; either may be NULL.
 * "killed": the process is gone, or an argument is NULL. "interrupted": the process
 * lives, but the run has stopped. "elsewhere": the run belongs to another machine, or
 * process cannot be read, so this machine cannot know. If the process lives, and whether
 * the run has stopped cannot be found out, the run counts as alive.
 */
const char *ext_alive_status(const char *process, const char *run);

/* ---- ext_run.c ---- */

/*
 * What the tables already have of a run. Functions that write the run update it. When a
 * savepoint is undone, the caller must restore the values from before the savepoint.
 */
typedef struct ext_written {
    int64_t version; /* number of the run's row in m_version; 0: it has no row */
    size_t n_epochs; /* number of the run's rows in m_epoch, one for each epoch */
} ext_written;

/*
 * A training run, or an import: what becomes a row of m_version. All fields are zero at
 * first. ext_run_free() frees what is owned.
 */
typedef struct ext_run {
    ext_alive alive;
    ext_written written;
    int64_t started;    /* seconds since 1970; 0: the present time is written */
    double progress;    /* share that is done, from 0 to 1; 0: do not write it */
    const char *source; /* text of the source of its events; borrowed; or NULL */
    char *options;      /* JSON, all options as the run uses them; owned */
    /* JSON: the report on the run, for m_version.summary; owned. NULL: not made yet. */
    char *summary;
    gru4rec_epoch *epochs; /* (n_epochs) results of the epochs that are done; owned */
    double *epoch_seconds; /* (n_epochs) seconds that each of these epochs took; owned */
    size_t n_epochs;       /* number of epochs that are done */
} ext_run;

/*
 * The checkpoint of a run that stopped: what a training needs to resume the run, besides
 * the tensors. Texts are owned; ext_run_free_checkpoint() frees them. All fields are zero
 * at first, which means that there is no checkpoint.
 */
typedef struct ext_checkpoint {
    int64_t epoch;     /* number of epochs that were done when it was written */
    char *fingerprint; /* hash of the events that the run was trained on, as text */
    ext_last last;     /* the version and the event that since=last meant for the run */
    char *options;     /* JSON, all options as the run used them */
    char *source;      /* text of the source of the events; or NULL */
    /*
     * Columns of the run's row, as they were when it was found. They show later whether
     * another training has resumed the run. process may be NULL. status NULL: this
     * database has no row of the run, which another process has begun.
     */
    char *status, *process;
    int64_t n_ranks; /* processes that have trained the run */
} ext_checkpoint;

/*
 * Frees the texts and the arrays that run owns. Leaves its fields as they are, so run
 * must not be used afterwards. Does not stop run->alive.
 */
void ext_run_free(ext_run *run);
/*
 * Deletes the epochs, items and tensors of versions that have no row in m_version, for
 * example because a user deleted the row.
 */
int ext_run_drop_orphans(const ext_home *home, ext_error *error);
/* Sets the error that no higher version number is possible: returns SQLITE_ERROR. */
int ext_run_fail_number(const ext_home *home, ext_error *error);
/*
 * Tells whether n, from 0 to below 2^50, can be a number of steps, events or updates. A
 * forged number could make a sum overflow.
 */
bool ext_run_is_count(int64_t n);
/*
 * Writes into the tables what they lack of the run: its row with status 'training', if it
 * has none; the epochs that m_epoch lacks; and run->progress with the present time, if it
 * is above 0. Before it inserts the row, it calls ext_shadow_upgrade() and
 * ext_run_drop_orphans(). Notes in run->written what the tables have then. SQLITE_ERROR:
 * no higher version number is possible.
 * When the caller undoes the savepoint, it must restore run->written.
 */
int ext_run_write(ext_run *run, const ext_home *home, ext_error *error);
/*
 * Writes a checkpoint: all that the run needs to resume after its last epoch (weights and
 * slots into m_tensor, the rest into m_version.summary). Replaces the checkpoint that the
 * run had. Before that, writes what became of runs that are gone (ext_run_sweep()), and
 * deletes the checkpoints of runs that are over (ext_run_drop_checkpoints()). Call it
 * after ext_run_write(), in the same savepoint.
 * fingerprint: hash of the events. last: the event that since=last means for the run.
 * ranks: the processes that train it; may be NULL.
 * SQLITE_ERROR: the row of the run is gone, or another process has resumed the run.
 */
int ext_run_checkpoint(const ext_run *run, const ext_home *home,
                       const gru4rec_training *training, const char *fingerprint,
                       const ext_last *last, const ext_ranks *ranks, ext_error *error);
/*
 * Finds the newest run that has stopped and has a checkpoint. A run of another machine
 * counts as stopped. run gets the name of that run, its version and its epochs
 * (run->written too); checkpoint gets all its fields. The tensors are not loaded, and
 * nothing is written. run and checkpoint must be all zero; the caller frees both
 * (ext_run_free(), ext_run_free_checkpoint()) in any case. If there is no such run, both
 * stay as they are. SQLITE_CORRUPT_VTAB: epochs of the run are missing or wrong.
 */
int ext_run_resume(ext_run *run, ext_checkpoint *checkpoint, const ext_home *home,
                   ext_error *error);
/*
 * Finds what this database has of the run of that name (run->alive.run), of which another
 * process has the checkpoint: sets the version of run, and source, status and process of
 * checkpoint. If it has no row of the run, these stay 0 and NULL.
 * SQLITE_ERROR: the run has made a version here that can serve. SQLITE_BUSY: another
 * training has resumed the run.
 */
int ext_run_find(ext_run *run, ext_checkpoint *checkpoint, const ext_home *home,
                 ext_error *error);
/*
 * Frees the texts of the checkpoint (not the struct itself), and sets all its fields to
 * zero.
 */
void ext_run_free_checkpoint(ext_checkpoint *checkpoint);
/*
 * Checks that the row of the run of that name still has the status and the process that
 * ext_run_resume() found. SQLITE_BUSY: it has not, because another training has resumed
 * the run; or the row is gone.
 */
int ext_run_check_checkpoint(const char *run, const ext_checkpoint *checkpoint,
                             const ext_home *home, ext_error *error);
/*
 * Makes this process the owner of the row that ext_run_resume() found: the row gets
 * status 'training', this process and the options of run, and its message and its end
 * become NULL. Then deletes the epochs after the checkpoint from m_epoch, and what the
 * row has of a version that was prepared. Before all that, adds the columns that a model
 * of an older build lacks (ext_shadow_upgrade()). SQLITE_ERROR: the row has changed since
 * it was found: another training was faster.
 */
int ext_run_claim(const ext_run *run, const ext_checkpoint *checkpoint,
                  const ext_home *home, ext_error *error);
/*
 * Deletes the checkpoints of runs that are over and made no version: their tensors, and
 * the summaries in their rows. Also deletes the tensors of retired versions. A run whose
 * row says 'training' does not count as over, nor one that is prepared; ext_run_sweep()
 * writes what became of it.
 */
int ext_run_drop_checkpoints(const ext_home *home, ext_error *error);
/*
 * Writes into the row of the run how the run ended (status), why ("gru4rec: " and the
 * text of message), and the present time as its end. With status 'training' the run goes
 * on: message says what it waits for, and no end is written. Does nothing if the status
 * of the row is not 'training', or if the run has no row.
 */
int ext_run_fail(const ext_run *run, const ext_home *home, const char *status,
                 const char *message, ext_error *error);
/*
 * Returns what became of the run of a row whose status is 'training'. The arguments are
 * columns of the row, or NULL. The result is that of ext_alive_status() (NULL: the run is
 * alive); but "failed" if the run is over and message is not NULL, because a message says
 * why a run failed. A run that is "elsewhere" is not known to be over.
 */
const char *ext_run_status(const char *process, const char *run, const char *message);
/*
 * Finds the runs that are over though the status of their row is of: 'training', or
 * 'prepared'. A run of another machine is not among them. Sets *gone to a JSON object
 * from version to status, for example {"3":"interrupted","5":"killed"}, of
 * sqlite3_malloc. *gone must be freed also after a failure.
 */
int ext_run_gone(char **gone, const char *of, const ext_home *home, ext_error *error);
/*
 * Writes into the row of each run that ext_run_gone() finds of those that train what
 * became of the run, in place of the status 'training'. The rest of the row stays: its
 * message, and its end, which is not known.
 */
int ext_run_sweep(const ext_home *home, ext_error *error);

/* ---- ext_pending.c ---- */

/*
 * An entry that says how a run ended, if that could not be written into the run's row, or
 * what the run waits for. Memory is of the C library. All texts are owned, except status,
 * which is static.
 */
typedef struct ext_pending {
    char *file, *name, *id; /* database file, name and id of the model; id may be NULL */
    char run[EXT_RUN_NAME + 1]; /* name of the run */
    const char *status; /* "failed", "interrupted"; "training": it waits for a commit */
    /*
     * For the row of the run in m_version. message: why the run ended, or what it waits
     * for. source and options may be NULL.
     */
    char *message, *source, *options;
    /* Start and end of the run, in seconds since 1970. ext_pending_add() sets the end. */
    int64_t started, finished;
    /* The next entry of the list that this entry is in, or NULL. */
    struct ext_pending *next;
} ext_pending;

/*
 * Makes an entry that says how the run ended, or, with status "training", what it waits
 * for. Copies all texts, except status, which must be static. id: the model's, or NULL.
 * The caller gives the result to ext_pending_add() or ext_pending_free(). NULL: there is
 * not enough memory.
 */
ext_pending *ext_pending_new(const ext_run *run, const ext_home *home, const char *id,
                             const char *status, const char *message);
/*
 * Frees pending, with all its texts; it must not be in the list of entries that are kept.
 * pending may be NULL.
 */
void ext_pending_free(ext_pending *pending);
/*
 * Takes over pending, sets its time of the end to now, and keeps it in memory until
 * ext_pending_lock() has written it and that is committed. Does nothing if pending is
 * NULL. An entry with status "training" is never written; it is kept until
 * ext_pending_withdraw(). If more than 64 entries are kept, frees the oldest.
 */
void ext_pending_add(ext_pending *pending);
/*
 * Tells whether the entry says that its run waits for its commit, not how the run ended.
 * Its message then says what the run waits for.
 */
bool ext_pending_is_waiting(const ext_pending *pending);
/*
 * Takes the write lock, as ext_savepoint_lock() does. Then writes into m_version the
 * endings that are kept for the model: the entries that say how its runs ended. If
 * nothing is kept, or the model does not exist, only takes the lock. The caller calls it
 * before anything else runs in the savepoint.
 * Sets savepoint->on_end and savepoint->context, which the caller must not use. When the
 * savepoint ends, on_end frees the endings if everything is committed. Otherwise it puts
 * the endings back, so that a later call writes them again.
 * A trigger or an authorizer that refuses an ending is no error.
 * Every call that writes to a model takes the lock with this function. The exception is a
 * call that resumes a run (ext_train.c).
 */
int ext_pending_lock(ext_savepoint *savepoint, const ext_home *home, ext_error *error);
/*
 * Calls visit for each entry that is kept for the model, newest first: endings, and runs
 * that wait for their commit. The lock of ext_pending.c is held meanwhile. So visit must
 * not call a function that takes that lock, nor use a connection: another thread may wait
 * for the lock while it has the connection's mutex. visit may allocate.
 * visit: gets context and the entry, which it may only read. id: the model's, or NULL.
 * SQLITE_NOMEM is the only error; visit was not called then.
 */
int ext_pending_each(const ext_home *home, const char *id,
                     void (*visit)(void *context, const ext_pending *pending),
                     void *context, ext_error *error);
/*
 * Drops and frees the entries (how a run ended, or what it waits for) that are kept for
 * the run of that name, because they are no longer true.
 */
void ext_pending_withdraw(const char *run);
/*
 * Drops and frees the entries (how a run ended, or what it waits for) that are kept for
 * databases without a file, in memory or temporary, of the connection db, which ends.
 */
void ext_pending_forget(sqlite3 *db);

/* ---- ext_choice.c ---- */

/* A version of a model, with the name of its run. All fields are zero: there is none. */
typedef struct ext_version {
    int64_t version;            /* number of the version; 0: there is none */
    char run[EXT_RUN_NAME + 1]; /* name of the run that made it; "" if its row has none */
} ext_version;

/* How a version is chosen. Except for the active one, its status must be 'ready'. */
typedef enum ext_choice_kind {
    EXT_CHOICE_ACTIVE, /* the one that m_config names */
    /*
     * The highest number below that of the active one; see ext_choice.c for candidates.
     */
    EXT_CHOICE_PREVIOUS,
    EXT_CHOICE_NEWEST, /* the one with the highest number */
    /*
     * The one with the highest MRR that an epoch of its training had in validation; of
     * equal ones the newest. Only for gru4rec_deploy().
     */
    EXT_CHOICE_BEST,
    EXT_CHOICE_NUMBER /* the one with the given number */
} ext_choice_kind;

/* Which version of a model is meant. All fields are zero: the active one. */
typedef struct ext_choice {
    ext_choice_kind kind;
    int64_t number; /* for EXT_CHOICE_NUMBER; else 0 */
} ext_choice;

/*
 * Reads a choice from an argument: a number, or 'active', 'previous' or 'newest' in upper
 * or lower case. value NULL, or SQL NULL: the active version. Does not look whether there
 * is such a version. SQLITE_ERROR: value is something else.
 */
int ext_choice_read(ext_choice *choice, sqlite3_value *value, ext_error *error);
/*
 * Reads a choice from the argument of gru4rec_deploy(): a number, or 'active',
 * 'previous', 'newest' or 'best' in upper or lower case. Does not look whether there is
 * such a version. SQLITE_ERROR: value is something else, such as SQL NULL.
 */
int ext_choice_read_to_deploy(ext_choice *choice, sqlite3_value *value, ext_error *error);
/*
 * Returns the choice that the option version stands for: one of the words for
 * GRU4REC_VERSION_ACTIVE, _PREVIOUS and _NEWEST, else the version of that number.
 */
ext_choice ext_choice_of_option(int64_t version);
/*
 * Tells whether the two choices are the same word or the same number; two choices that
 * are not the same can still mean one version.
 */
bool ext_choice_is_same(const ext_choice *a, const ext_choice *b);
/*
 * Sets *version to the version that the choice means now. *version is zero after a
 * failure. SQLITE_ERROR: there is no such version, or this build does not know the
 * storage format of the model.
 */
int ext_choice_find(ext_version *version, const ext_choice *choice, const ext_home *home,
                    ext_error *error);
/*
 * Sets *version to the version that the choice means now, as ext_choice_find() does; but
 * if there is no such version, *version is zero, and that is no error.
 */
int ext_choice_look(ext_version *version, const ext_choice *choice, const ext_home *home,
                    ext_error *error);
/*
 * Tells whether the choice means the version of that run now. Returns false also after an
 * error, which is dropped. Every query calls this, so it runs one short statement.
 */
bool ext_choice_is(const ext_choice *choice, const ext_home *home, const char *run);

/* ---- ext_forget.c ---- */

/*
 * How many versions and rows a model keeps, by the options keep_versions, keep_candidates
 * and keep_history of the call that publishes a version.
 */
typedef struct ext_keep {
    int64_t versions, candidates, history;
} ext_keep;

/*
 * Returns the three limits that the options keep_versions, keep_candidates and
 * keep_history set.
 */
ext_keep ext_forget_keep(const gru4rec_options *options);
/*
 * Sets the status of the versions that are no longer kept to 'retired', and deletes their
 * items, tensors, fingerprints, checksums and the sessions that they blend with. Of the
 * rows of retired versions and of trainings that made no version, the newest
 * keep->history stay, and the others are deleted. Also deletes the checkpoints of runs
 * that are over, and what belongs to versions without a row. Rows with status 'training'
 * stay. A version that is prepared stays until its run is over and a version with a
 * higher number is active.
 *
 * *is_done: false if a version is still not retired, because an authorizer ignored the
 * update, or a trigger undid it.
 */
int ext_forget_old(const ext_home *home, const ext_keep *keep, bool *is_done,
                   ext_error *error);
/*
 * Checks that no version with status 'retired' has items or tensors; m_blend is not
 * looked at (see ext_blend_find_retired()). SQLITE_CORRUPT_VTAB: one has.
 */
int ext_forget_check(const ext_home *home, ext_error *error);

/* ---- ext_version.c ---- */

/*
 * Sets *version to the active version; *version is zero if there is none. SQLITE_ERROR:
 * this build does not know the storage format of the model.
 */
int ext_version_find(ext_version *version, const ext_home *home, ext_error *error);
/*
 * Sets the error that there is no active version: returns SQLITE_ERROR. The message
 * advises to deploy the newest version that is ready; if there is none, to train. If
 * looking for that version fails, the error is that failure.
 */
int ext_version_fail_untrained(const ext_home *home, ext_error *error);
/*
 * Sets the error that the run of a version has no name (ext_alive_is_name()): returns
 * SQLITE_CORRUPT_VTAB.
 */
int ext_version_fail_run(const ext_home *home, ext_error *error);
/*
 * Sets *options to the options that the version was made with, resolved
 * (ext_options_resolve()).
 * SQLITE_ERROR: there is no such version, or an option is not valid. SQLITE_CORRUPT_VTAB:
 * the version has no options, or they are not a JSON object.
 */
int ext_version_options(gru4rec_options *options, const ext_home *home, int64_t version,
                        ext_error *error);
/*
 * Sets *updates to the number of weight updates in all training of the version: the
 * highest value of m_epoch.updates; 0: not known. SQLITE_CORRUPT_VTAB: it is no number
 * that a training can reach.
 */
int ext_version_updates(int64_t *updates, const ext_home *home, int64_t version,
                        ext_error *error);
/*
 * Makes the version the active one in m_config, under the key 'version'. Stores the
 * number of the version that was active before under 'previous', unless it is the same
 * version, or there was none. Does not check that the version exists.
 */
int ext_version_activate(const ext_home *home, int64_t version, ext_error *error);

/* What a run made, and how it is to be stored. All pointers are borrowed. */
typedef struct ext_outcome {
    const gru4rec_training *training; /* has the weights and the optimiser's slots */
    int n_slots;                      /* the slots 0 to n_slots - 1 are stored */
    const gru4rec_items *items;       /* the catalogue */
    /* The sessions that the version blends with; NULL: the version does not blend. */
    const gru4rec_dataset *sessions;
    bool is_candidate;      /* true: the version serves only after it is deployed */
    bool is_prepared;       /* true: the version waits for ext_version_finish() */
    const ext_ranks *ranks; /* the processes that have trained it; NULL: this one */
    ext_keep keep;          /* how many versions and rows the model keeps afterwards */
} ext_outcome;

/*
 * Checks that no row that the run would write for this model, these items and these
 * sessions (which the version blends with; may be NULL) is longer than SQLite's limit of
 * lengths (SQLITE_LIMIT_LENGTH) allows. Writes nothing. Call it before the training.
 * SQLITE_TOOBIG: a row would be longer.
 */
int ext_version_check_limit(const ext_home *home, const ext_run *run,
                            const gru4rec_model *model, const gru4rec_items *items,
                            const gru4rec_dataset *sessions, ext_error *error);
/*
 * Checks that the next version can have a number. SQLITE_ERROR: the highest version has
 * the highest number that there is.
 */
int ext_version_check_next(const ext_home *home, ext_error *error);
/*
 * Makes a version of what the run made: writes its row with status 'ready', or
 * 'prepared', its items, tensors, epochs, checksum, and the sessions that it blends with,
 * if it blends. If another run has committed since, the version gets a new number, the
 * highest. Makes the version the active one, unless it is a candidate (which serves only
 * after it is deployed) or prepared. Puts into run->summary the version's number, whether
 * the version is active, the storage format and the present name of the model. Then
 * forgets what is no longer kept (ext_forget_old()), unless the version is prepared, and
 * checks that all was written. SQLITE_TOOBIG: as for ext_version_check_limit().
 * SQLITE_AUTH: an authorizer or a trigger changed what was written. SQLITE_ERROR: no
 * higher version number is possible. After a failure the caller must undo the savepoint
 * and restore run->written.
 */
int ext_version_publish(ext_run *run, const ext_home *home, const ext_outcome *outcome,
                        ext_error *error);
/*
 * Sets *is_prepared to whether the version of that number is prepared: several processes
 * have trained it, it is written, and it is not known here whether it shall serve.
 */
int ext_version_is_prepared(bool *is_prepared, const ext_home *home, int64_t version,
                            ext_error *error);
/*
 * Makes a prepared version 'ready', and the active one if is_active is true. Then forgets
 * what is no longer kept. *summary: out, the summary of the row as it is then, of
 * sqlite3_malloc; to be freed also after a failure. SQLITE_ERROR: the version is not
 * prepared. SQLITE_AUTH: as for ext_version_publish(). After a failure the caller must
 * undo the savepoint.
 */
int ext_version_finish(char **summary, const ext_home *home, int64_t version,
                       bool is_active, const ext_keep *keep, ext_error *error);
/*
 * Sets *version to the highest number of a version that is ready or prepared; 0: there is
 * none.
 */
int ext_version_newest(int64_t *version, const ext_home *home, ext_error *error);

#endif

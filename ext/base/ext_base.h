/*
 * ext_int.h - the SQLite side of gru4rec: what its files share.
 *
 *   gru4rec_ext.c    entry points: checks, then registration
 *   ext_train.c      gru4rec_train()
 *   ext_commit.c     how a training meets the rest of the database
 *   ext_interchange.c  gru4rec_export(), _import(), _deploy(), _check()
 *   ext_evaluate.c   gru4rec_evaluate()
 *   ext_batches.c    gru4rec_batches()
 *   ext_recommend.c  gru4rec_recommend()
 *   ext_similar.c    gru4rec_similar()
 *   ext_explain.c    gru4rec_explain()
 *   ext_score.c      gru4rec_score(), gru4rec_embedding()
 *   ext_state.c      gru4rec_state(), gru4rec_step()
 *   ext_info.c       gru4rec_info(), gru4rec_version()
 *   ext_model.c      the module: CREATE VIRTUAL TABLE m USING gru4rec(...), DROP, RENAME
 *   ext_relation.c   SELECT ... FROM m
 *   ext_ranker.c     one session's ranking, for the two tables that show it
 *   ext_history.c    what a session has seen: ids, or a state
 *   (these, from ext_recommend.c on but for ext_info.c and ext_model.c, share ext_serve.h;
 *   those that train and keep versions ext_train.h)
 *   ext_vtab.c       what virtual tables have in common: hidden arguments
 *   ext_cache.c      loaded models, shared by the process
 *   ext_load.c       a version from the database into memory
 *   ext_safetensors.c  a model as a file for others
 *   ext_version.c    the versions that training runs make
 *   ext_run.c        training runs: their rows, their checkpoints, who is alive
 *   ext_store.c      the shadow tables
 *   ext_tensor.c     tensors in chunks with checksums
 *   ext_beside.c     work in a thread beside the caller's
 *   ext_source.c     the user's events: which table, which columns, in which order
 *   ext_options.c    options as JSON or as a parameter string
 *   ext_args.c       SQL values: ids, histories, names
 *   ext_progress.c   the progress line
 *   ext_poll.c       interrupts and the host's progress handler, while we compute
 *   ext_status.c     errors, memory
 *
 * Each file uses those below it. No arithmetic of the model is done here: that is the
 * library's, behind include/gru4rec.h. No prepared statement outlives a call or a cursor.
 */
#ifndef EXT_INT_H
#define EXT_INT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3ext.h>
#ifndef EXT_IS_ENTRY
SQLITE_EXTENSION_INIT3
#endif

#include "../../include/gru4rec.h"

/* ---- ext_status.c ---- */

/* The first error of a call, with SQLite's result code. All zero: none. */
typedef struct ext_error {
    int rc;
    char *message; /* "gru4rec: ...", of sqlite3_malloc, or NULL */
} ext_error;

#if defined(__GNUC__)
#define EXT_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define EXT_PRINTF(text, first)
#endif

/* Sets the error unless there is one already; returns its code. */
int ext_fail(ext_error *error, int rc, const char *format, ...) EXT_PRINTF(3, 4);
/* The same from the connection's last error, while doing what (or NULL). */
int ext_fail_db(ext_error *error, sqlite3 *db, const char *what);
/* The same from the library's; GRU4REC_OK is no error. */
int ext_fail_library(ext_error *error, gru4rec_status status,
                     const gru4rec_error *message);
int ext_fail_nomem(ext_error *error);
/* Hands the error over, if there is one, and clears it. */
void ext_error_result(ext_error *error, sqlite3_context *context);
int ext_error_vtab(ext_error *error, sqlite3_vtab *vtab);
int ext_error_text(ext_error *error, char **message);
void ext_error_clear(ext_error *error);

/* SQLite's memory for small blocks, the C library's for those that may pass its 2 GiB. */
extern const gru4rec_allocator ext_allocator;

/* ---- ext_poll.c ---- */

/* Lets SQLite look for interrupts and call the host's progress handler now and then. */
typedef struct ext_poll {
    sqlite3 *db;
    sqlite3_stmt *stmt;
    double last;         /* seconds */
    bool is_interrupted; /* seen once, it stays so */
} ext_poll;

void ext_poll_start(ext_poll *poll, sqlite3 *db);
void ext_poll_stop(ext_poll *poll);
/* True when the work must stop: interrupted, or the handler said so. */
bool ext_poll_check(ext_poll *poll);
double ext_seconds(void); /* of a monotonic clock */

/* ---- ext_progress.c ---- */

/* One updating line on standard error. */
typedef struct ext_progress {
    bool is_shown;
    double start, last; /* seconds */
} ext_progress;

void ext_progress_start(ext_progress *line, int64_t verbose);
void ext_progress_show(ext_progress *line, const gru4rec_progress *progress);
void ext_progress_stop(ext_progress *line);

/* ---- ext_args.c ---- */

/* False for NULL. Text and blob are borrowed from the value. */
bool ext_value_id(sqlite3_value *value, gru4rec_id *id);
bool ext_column_id(sqlite3_stmt *stmt, int column, gru4rec_id *id);
/* The row of an item, or -1 where it is NULL or not known. */
int32_t ext_value_row(sqlite3_value *value, const gru4rec_items *items);
void ext_result_id(sqlite3_context *context, const gru4rec_id *id);
/* An integer, or text or a real that is one; the value stays as it is. */
int ext_value_integer(sqlite3_value *value, int64_t *integer, bool *is_integer,
                      ext_error *error);
int ext_bind_id(sqlite3_stmt *stmt, int parameter, const gru4rec_id *id);

/* Item rows; rows is of sqlite3_malloc. */
typedef struct ext_rows {
    int32_t *rows;
    size_t n, capacity;
} ext_rows;

int ext_rows_add(ext_rows *list, int32_t row, ext_error *error);
void ext_rows_free(ext_rows *list);
/*
 * Adds the rows of the items in value: one id, or a JSON array of ids; unknown ones are
 * left out. positions: gets their places among all in value, from 1; or NULL. what names
 * the argument in messages.
 */
int ext_parse_items(sqlite3 *db, sqlite3_value *value, const gru4rec_items *items,
                    const char *what, ext_rows *list, ext_rows *positions,
                    ext_error *error);
/* Prepares one statement; anything behind it is an error. text is of sqlite3_mprintf and
 * is freed; NULL is short memory. */
int ext_prepare(sqlite3 *db, char *text, sqlite3_stmt **stmt, ext_error *error);
/* The same for text that names what is stored in a schema: what views may not do, it may
 * not. */
int ext_prepare_stored(sqlite3 *db, char *text, sqlite3_stmt **stmt, ext_error *error);
/* Runs such a statement to its end. */
int ext_exec(sqlite3 *db, char *text, ext_error *error);

/* ---- ext_options.c ---- */

/* Which table and columns hold events; NULL where not said. Texts are of sqlite3_malloc.
 */
typedef struct ext_columns {
    char *session, *item, *time;
} ext_columns;

void ext_columns_free(ext_columns *columns);
/*
 * Reads a JSON object or "name=value,..." into options (of scope) and, for session, item
 * and time, columns.
 */
int ext_options_parse(sqlite3 *db, const char *text, gru4rec_option_scope scope,
                      gru4rec_options *options, ext_columns *columns, ext_error *error);
/* One option or column. */
int ext_options_set(const char *name, const char *value, gru4rec_option_scope scope,
                    gru4rec_options *options, ext_columns *columns, ext_error *error);
int ext_options_resolve(gru4rec_options *options, ext_error *error);
/* Appends ", name=value" for each option of training that was set. */
void ext_options_arguments(sqlite3_str *text, const gru4rec_options *options);
/* A JSON object of the options of training: all, or those that were set. NULL: no memory.
 */
char *ext_options_json(const gru4rec_options *options, bool is_all);

/* ---- ext_source.c ---- */

/* Events as rows: a table or view, or a SELECT, and its columns. */
typedef struct ext_source {
    char *from; /* what stands behind FROM */
    ext_columns columns;
    char *rowid;          /* name of the rowid, or NULL where there is none */
    const char *types[2]; /* of the columns session and item: their affinity as a type */
} ext_source;

/* What was read and what was not. */
typedef struct ext_events {
    gru4rec_dataset *dataset;
    gru4rec_items *items;    /* NULL where a catalogue was given */
    gru4rec_events *builder; /* knows the sessions' ids */
    int64_t n_null;          /* events without session, item or time */
    int64_t n_outside;       /* events before since or from until on */
} ext_events;

/* Is it SQL to run, rather than a name? */
bool ext_source_is_select(const char *text);
/*
 * Finds the columns; those not given are guessed from common names. schema: where a bare
 * table name is looked for first. columns is copied.
 */
int ext_source_open(sqlite3 *db, const char *schema, const char *text,
                    const ext_columns *columns, ext_source *source, ext_error *error);
void ext_source_close(ext_source *source);
/*
 * A name that is stored in a schema may not lead to a virtual table where the schema is
 * not trusted, as in a view of SQLite's. Views keep that rule themselves.
 */
int ext_source_check_stored(sqlite3 *db, const char *text, ext_error *error);
/*
 * known: NULL for training, which takes all options that prepare events; else the items
 * of a model trained with those options, of which only session_gap and collapse_repeats
 * matter.
 */
int ext_source_read(sqlite3 *db, const ext_source *source, const gru4rec_items *known,
                    const gru4rec_options *options, ext_events *events, ext_error *error);
void ext_events_free(ext_events *events);
/* Values that a session is asked to equal. */
typedef struct ext_sessions {
    sqlite3_value **values; /* (n) of sqlite3_value_dup, in sqlite3_malloc */
    int n, capacity;
} ext_sessions;

int ext_sessions_add(ext_sessions *sessions, sqlite3_value *value, ext_error *error);
void ext_sessions_free(ext_sessions *sessions);
/*
 * Rows (session, item, time), sessions together and each in the product's order of
 * events; of those sessions that can equal one of the values, or of all where NULL.
 */
int ext_source_histories(sqlite3 *db, const ext_source *source,
                         const ext_sessions *sessions, sqlite3_stmt **stmt,
                         ext_error *error);

/* Does it read all events to find those of one session? */
int ext_source_is_scanned(sqlite3 *db, const ext_source *source, bool *is_scanned,
                          ext_error *error);

/* ---- ext_beside.c ---- */

/* Does job i. It touches no SQLite but its memory allocator. */
typedef void ext_job(void *context, size_t i);

/*
 * Jobs 0, 1, 2, ..., done one after another by a thread of their own while the caller goes
 * on, who says how many may be done by now. By the caller at once where a thread is not
 * worth it, or cannot be had.
 */
typedef struct ext_beside {
    ext_job *job;
    void *context;
    size_t n_ready;
    bool is_over, is_threaded;
    pthread_mutex_t lock; /* for n_ready and is_over */
    pthread_cond_t changed;
    pthread_t thread;
} ext_beside;

/* Bytes from which on a thread is worth it: some milliseconds' reading. */
enum { EXT_BESIDE_FROM = 16 << 20 };

void ext_beside_start(ext_beside *beside, ext_job *job, void *context, bool is_worth_it);
/* Jobs before n may be done; n never falls. */
void ext_beside_ready(ext_beside *beside, size_t n);
/* When this returns they are all done. */
void ext_beside_finish(ext_beside *beside);

/* ---- ext_tensor.c ---- */

/* n float32 values from and to little-endian bytes. */
void ext_floats_read(gru4rec_real *values, const unsigned char *bytes, size_t n);
void ext_floats_write(unsigned char *bytes, const gru4rec_real *values, size_t n);

/*
 * Writes a version's tensors in place of those that are there: weights, and the first
 * n_states of what training keeps beside them.
 */
int ext_tensors_replace(sqlite3 *db, const char *schema, const char *name,
                        int64_t version, const gru4rec_training *training, int n_states,
                        ext_error *error);
/* Is that state stored? */
int ext_tensors_find(sqlite3 *db, const char *schema, const char *name, int64_t version,
                     const char *state, bool *is_found, ext_error *error);
/*
 * SQLITE_CORRUPT_VTAB when the version has far fewer bytes: asked before they are allocated.
 */
int ext_tensors_check_size(sqlite3 *db, const char *schema, const char *name,
                           int64_t version, size_t n_bytes, ext_error *error);
/*
 * state: "" for the weights, else of gru4rec_slot_name(). SQLITE_CORRUPT_VTAB when a tensor
 * is missing or damaged. Makes the rows of the model's copy in bytes too, once it is started.
 */
int ext_tensors_load(sqlite3 *db, const char *schema, const char *name, int64_t version,
                     const char *state, gru4rec_model *model, ext_error *error);

/* ---- ext_store.c ---- */

/* What CREATE VIRTUAL TABLE said, from m_config. */
typedef struct ext_config {
    char *source; /* as given, or NULL for a model without events */
    ext_columns columns;
    char *types[2]; /* of session and item */
    char *options;  /* JSON of those that were set */
} ext_config;

/* A row of m_version. */
typedef struct ext_version {
    int64_t version;
    char run[33];  /* random hex: names the training run for ever */
    char *options; /* JSON, all as used */
} ext_version;

extern const char *const ext_shadow_names[];
enum { EXT_N_SHADOWS = 5 };

/*
 * Splits "schema.name" or finds the schema of a bare name; both are of sqlite3_malloc.
 * With is_new a model that does not exist is no error, and *is_found tells.
 */
int ext_store_find(sqlite3 *db, const char *text, char **schema, char **name,
                   bool *is_found, ext_error *error);
/* Is there a model of that name? */
int ext_store_exists(sqlite3 *db, const char *schema, const char *name, bool *is_found,
                     ext_error *error);
int ext_store_check_new(sqlite3 *db, const char *schema, const char *name,
                        ext_error *error);
int ext_store_create(sqlite3 *db, const char *schema, const char *name,
                     const ext_config *config, ext_error *error);
int ext_store_drop(sqlite3 *db, const char *schema, const char *name, ext_error *error);
int ext_store_rename(sqlite3 *db, const char *schema, const char *name,
                     const char *new_name, ext_error *error);
int ext_store_config(sqlite3 *db, const char *schema, const char *name,
                     ext_config *config, ext_error *error);
void ext_config_free(ext_config *config);
/* Opens the source that the config names, or text and columns where given instead. */
int ext_store_source(sqlite3 *db, const char *schema, const char *name,
                     const ext_config *config, const char *text,
                     const ext_columns *columns, ext_source *source, ext_error *error);
/* The active version: number and run only; error when there is none. */
int ext_store_active(sqlite3 *db, const char *schema, const char *name,
                     ext_version *version, ext_error *error);
/* Is that of this run? What every query asks, so it is short. */
bool ext_store_is_active(sqlite3 *db, const char *schema, const char *name,
                         const char *run);
/* Fills in the texts of a version whose number is set. */
int ext_store_version(sqlite3 *db, const char *schema, const char *name,
                      ext_version *version, ext_error *error);
void ext_version_free(ext_version *version);
/* 0 where there are none. */
int ext_store_items_count(sqlite3 *db, const char *schema, const char *name,
                          int64_t version, int32_t *n, ext_error *error);
/* All n of them, or SQLITE_CORRUPT_VTAB; not indexed yet. */
int ext_store_items_load(sqlite3 *db, const char *schema, const char *name,
                         int64_t version, int32_t n, gru4rec_items **items,
                         ext_error *error);
/* What is wrong with items for the library to say so; SQLITE_OK for GRU4REC_OK. */
int ext_store_items_fail(const char *name, gru4rec_status status, ext_error *error);

/* ---- ext_cache.c ---- */

/* A loaded version. Shared; nobody changes it. */
typedef struct ext_model {
    char run[33];
    char *file; /* or, of a database in memory, its connection's address */
    int64_t version;
    gru4rec_options options;
    gru4rec_model *model;
    gru4rec_items *items;
    int id_type; /* of all items: GRU4REC_ID_INTEGER or _TEXT; -1: some of each */
    int n_users; /* under the cache's mutex */
    struct ext_model *next;
} ext_model;

/* What it takes to serve one session at a time. */
typedef struct ext_workspace {
    ext_model *model; /* held */
    gru4rec_session *session;
    gru4rec_ranking *ranking;
} ext_workspace;

/*
 * Fills in the options, the model and the items of a version whose number is set, and the
 * version's texts. is_to_serve: with a copy in bytes, where the options ask for it.
 */
int ext_load_version(sqlite3 *db, const char *schema, const char *name, bool is_to_serve,
                     ext_version *version, ext_model *model, ext_error *error);

/* What a connection keeps: handles on the models it used last, so that they stay loaded.
 */
typedef struct ext_connection {
    sqlite3 *db;
    int n_users; /* registrations of SQLite that use it */
    bool is_training;
    struct ext_handle {
        char *key; /* schema.name */
        ext_model *model;
        ext_workspace spare; /* of that model, or all NULL */
        struct ext_handle *next;
    } * handles;
} ext_connection;

ext_connection *ext_connection_new(sqlite3 *db);
/* For a registration, whose destructor ext_connection_release() then is. */
ext_connection *ext_connection_hold(ext_connection *connection);
void ext_connection_release(void *connection);
/* The active version of a model, loaded at need. Give it back with ext_model_release().
 */
int ext_model_acquire(ext_connection *connection, const char *schema, const char *name,
                      ext_model **model, ext_error *error);
void ext_model_release(ext_model *model);
/* Loads a version only to see whether that can be done. */
int ext_model_check_version(sqlite3 *db, const char *schema, const char *name,
                            int64_t version, ext_error *error);
/* Gives up the connection's handle on a model that is gone. */
void ext_model_forget(ext_connection *connection, const char *schema, const char *name);
/* The same for a model named in SQL: "schema.name" or "name". */
int ext_model_acquire_named(ext_connection *connection, sqlite3_value *value,
                            ext_model **model, ext_error *error);

/* Once more, for another holder. */
ext_model *ext_model_retain(ext_model *model);
/* Bytes that the active version takes in this process; 0: it is not loaded. */
int ext_model_memory(ext_connection *connection, const char *schema, const char *name,
                     size_t *bytes, bool *is_quantized, ext_error *error);
/*
 * A workspace for the model, which it takes over, also on error: a new one, or one that
 * the connection kept. All zero on error.
 */
int ext_workspace_open(ext_connection *connection, ext_model *model,
                       ext_workspace *workspace, ext_error *error);
void ext_workspace_close(ext_connection *connection, ext_workspace *workspace);

/* ---- ext_interchange.c ---- */

/* Can every kept version be loaded? */
int ext_check_model(sqlite3 *db, const char *schema, const char *name, ext_error *error);

/* ---- ext_safetensors.c ---- */

/*
 * What stands before the values in the file, its length included; the values follow in
 * the order of the model's tensors. *header is of sqlite3_malloc.
 */
int ext_safetensors_header(sqlite3 *db, const ext_model *model, char **header,
                           size_t *n_header, ext_error *error);
/* A model, its items and options from the bytes of a file. options are initialised. */
int ext_safetensors_read(sqlite3 *db, const unsigned char *bytes, size_t n_bytes,
                         gru4rec_options *options, gru4rec_items **items,
                         gru4rec_model **model, ext_error *error);

/* ---- ext_vtab.c ---- */

/* A virtual table of a connection; a model has a schema and a name, others NULL. */
typedef struct ext_table {
    sqlite3_vtab base;
    ext_connection *connection;
    char *schema, *name;
} ext_table;

/* Declares the table and makes its object; trust is SQLITE_VTAB_INNOCUOUS or _DIRECTONLY.
 */
int ext_connect_table(ext_connection *connection, const char *declaration, int trust,
                      sqlite3_vtab **out);
int ext_disconnect_table(sqlite3_vtab *base);
/* A zeroed cursor of that size; it begins with sqlite3_vtab_cursor. */
int ext_open_cursor(size_t bytes, sqlite3_vtab_cursor **out);
typedef void ext_function(sqlite3_context *context, int argc, sqlite3_value **argv);
/* Both keep the connection's context until SQLite drops what is registered. */
int ext_register_function(ext_connection *connection, const char *name, int n_args,
                          int flags, ext_function *call, ext_error *error);
int ext_register_module(ext_connection *connection, const char *name,
                        const sqlite3_module *module, ext_error *error);
/* A kept argument as the value of its hidden column; NULL where it is missing. */
void ext_result_argument(sqlite3_context *context, sqlite3_value *argument);
/* The text of a kept argument; NULL where it is missing or NULL. */
const char *ext_argument_text(sqlite3_value *argument);

/*
 * Plans the hidden columns first .. first + n - 1 as arguments: each that is given gets
 * the next argvIndex, and bit i of idxNum. SQLITE_CONSTRAINT when one is given but not
 * usable in this plan.
 */
int ext_plan_arguments(sqlite3_index_info *info, int first, int n, int *n_argv);
/* Keeps copies of the arguments present in the mask, which *argv moves on by; kept (n)
 * were NULL or are freed. */
int ext_keep_arguments(sqlite3_value **kept, int n, sqlite3_value ***argv, int mask);
/*
 * SQLite takes two rows of one query for the same when their rowids are (it merges the
 * scans of an OR by them), so a rowid stands for all that tells rows apart: a hash of the
 * arguments that are the same for a whole ranking, and the item's row.
 */
enum { EXT_HASH_START = 0x811c9dc5 };
uint64_t ext_hash_value(uint64_t hash, sqlite3_value *value);
uint64_t ext_hash_values(sqlite3_value *const *values, int n);
sqlite3_int64 ext_rowid(uint64_t hash, int64_t row);
void ext_drop_arguments(sqlite3_value **kept, int n);

/* ---- modules and functions; each registers its own ---- */

int ext_register_model(ext_connection *connection, ext_error *error);
int ext_register_recommend(ext_connection *connection, ext_error *error);
int ext_register_similar(ext_connection *connection, ext_error *error);
int ext_register_explain(ext_connection *connection, ext_error *error);
int ext_register_score(ext_connection *connection, ext_error *error);
int ext_register_state(ext_connection *connection, ext_error *error);
int ext_register_evaluate(ext_connection *connection, ext_error *error);
int ext_register_batches(ext_connection *connection, ext_error *error);
int ext_register_train(ext_connection *connection, ext_error *error);
int ext_register_interchange(ext_connection *connection, ext_error *error);
int ext_register_info(ext_connection *connection, ext_error *error);

#endif

/*
 * ext_base.h - what every file of ext/ stands on: errors, memory, SQL, values, options,
 * the frame of the tables, and what watches over long work.
 *
 * A function that can fail returns an SQLite result code and takes the call's ext_error,
 * in which the first failure leaves its code and its message. The code that it returns is
 * that of the error. Texts that a structure owns are of sqlite3_malloc.
 */
#ifndef EXT_BASE_H
#define EXT_BASE_H

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3ext.h>
#ifndef EXT_IS_ENTRY
SQLITE_EXTENSION_INIT3
#endif

#include "../../include/gru4rec.h"
#include "../../include/gru4rec_trace.h"

#if defined(__GNUC__)
#define EXT_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define EXT_PRINTF(text, first)
#endif

/* ---- ext_error.c ---- */

/* The first error of a call. All zero: there is none. */
typedef struct ext_error {
    int rc;         /* SQLite's result code */
    char *message;  /* "what is wrong; what to do", or NULL; of sqlite3_malloc */
    bool is_sqlite; /* SQLite refused something; it is no judgement of ours */
    bool is_limit;  /* a limit of memory (ext_budget.c): nothing is wrong with a model */
} ext_error;

/*
 * Sets the error unless there is one already. These all return its code. The message
 * becomes valid UTF-8 on one line, whatever the arguments hold; what may be long goes
 * through an ext_show first.
 */
int ext_error_set(ext_error *error, int rc, const char *format, ...) EXT_PRINTF(3, 4);
/* Takes the connection's last error. what: what was tried, or NULL. */
int ext_error_db(ext_error *error, sqlite3 *db, const char *what);
/* Takes the library's error. GRU4REC_OK is none; message may be NULL. */
int ext_error_library(ext_error *error, gru4rec_status status,
                      const gru4rec_error *message);
int ext_error_nomem(ext_error *error);
/* The message, or what an error without one says; until the error changes. */
const char *ext_error_message(const ext_error *error);
/* Moves another call's error here, with words around its message; other is cleared. */
int ext_error_wrap(ext_error *error, ext_error *other, const char *before,
                   const char *behind);
/* Puts words behind the message of an error. */
void ext_error_add(ext_error *error, const char *words);
bool ext_error_is(const ext_error *error, int primary_code);

/* Says behind the message that SQLite rolled back the user's transaction. */
void ext_error_add_rollback(ext_error *error);

/* These hand the error over, if there is one, its message behind "gru4rec: ", and clear
 * it. They say so where the user's transaction is gone; so call them within the entry. */
void ext_error_result(ext_error *error, sqlite3_context *context);
int ext_error_vtab(ext_error *error, sqlite3_vtab *vtab);
/* *message is of sqlite3_malloc; NULL where the error has none. */
int ext_error_text(ext_error *error, char **message);
void ext_error_clear(ext_error *error);

/* ---- ext_show.c ---- */

/* Room for what a user gave, as a message shows it. */
typedef struct ext_show {
    char text[256];
} ext_show;

/*
 * These give what a message shows of it, in that room: by gru4rec_show(), a BLOB as the
 * first bytes of its literal, a REAL as SQLite prints it, but from 2^53 to 2^63 exactly.
 */
const char *ext_show_text(ext_show *show, const char *text); /* or NULL */
const char *ext_show_id(ext_show *show, const gru4rec_id *id);
/* In quotes, unless it is a BLOB or NULL. */
const char *ext_show_value(ext_show *show, sqlite3_value *value);

/* ---- ext_memory.c ---- */

/* SQLite's memory for small blocks, the C library's for those that may pass its 2 GiB, and
 * SQLite's random numbers. */
extern const gru4rec_allocator ext_memory;
/* Bytes that were asked for when it gave the block. */
size_t ext_memory_bytes(const void *block);
/* Bytes of all its large blocks in this process and, where SQLite counts, of all that is
 * SQLite's. */
uint64_t ext_memory_used(void);

/* ---- ext_container.c ---- */

/* What the process's control groups let it use: the tightest of them. */
typedef struct ext_container {
    uint64_t memory; /* bytes in all; UINT64_MAX: there is no limit */
    uint64_t room;   /* of them, bytes that are not used now */
    int processors;  /* as many as the quota of processor time keeps busy; 0: no quota */
} ext_container;

/* root: folder in which proc/ is found and what it names, "" but in tests. */
void ext_container_read(ext_container *container, const char *root);

/* ---- ext_budget.c ---- */

typedef enum ext_budget_limit {
    EXT_BUDGET_NONE,
    EXT_BUDGET_OPTION,    /* memory_limit */
    EXT_BUDGET_DEFAULT,   /* of memory_limit: 80 % of the machine's or the container's */
    EXT_BUDGET_CONTAINER, /* what the container has left */
    EXT_BUDGET_HEAP       /* SQLite's hard heap limit */
} ext_budget_limit;

/*
 * The memory of one call, which its allocator counts: that refuses what would pass a limit.
 * Both must stay where they are for as long as there is a block.
 */
typedef struct ext_budget {
    gru4rec_allocator allocator; /* of ext_memory's blocks */
    uint64_t used;               /* bytes now */
    uint64_t most;               /* bytes, */
    ext_budget_limit limit;      /* by this limit; the heap's is looked at each time */
    ext_budget_limit refused;    /* the one that refused last, or NONE */
} ext_budget;

/* memory_limit: bytes; 0: the default. */
void ext_budget_start(ext_budget *budget, int64_t memory_limit);
/* The error that n bytes more cannot be had, before they are asked for. what needs them;
 * advice: how it would need less, both as parts of the message. */
int ext_budget_check(const ext_budget *budget, uint64_t n, const char *what,
                     const char *advice, ext_error *error);
/* Makes a SQLITE_NOMEM that came of a limit an error that names it: SQLITE_ERROR, after
 * which SQLite does not roll back the user's transaction. Returns the error's code. */
int ext_budget_explain(const ext_budget *budget, const char *what, const char *advice,
                       ext_error *error);

/* ---- ext_home.c ---- */

/* What a connection keeps for the extension (ext_cache.h); nothing here looks inside. */
typedef struct ext_connection ext_connection;

/* This model in this database: what every function that touches a model is given. */
typedef struct ext_home {
    sqlite3 *db;
    ext_connection *connection;
    char *schema, *name; /* owned; NULL: no model is named */
} ext_home;

/* Copies the names. On failure there is nothing to clear. */
int ext_home_init(ext_home *home, sqlite3 *db, ext_connection *connection,
                  const char *schema, const char *name, ext_error *error);
void ext_home_clear(ext_home *home);
/* The file's name, or of a database in memory what stands for it; NULL: no memory. */
char *ext_home_file(const ext_home *home);

/* ---- ext_sql.c ---- */

/* Prepares one statement; anything behind it is an error, and *stmt is then NULL. */
int ext_sql_prepare(sqlite3 *db, sqlite3_stmt **stmt, ext_error *error,
                    const char *format, ...);
/* As ext_sql_prepare(), for SQL that names objects stored in the schema: SQLite restricts
 * it as it restricts a view. */
int ext_sql_prepare_stored(sqlite3 *db, sqlite3_stmt **stmt, ext_error *error,
                           const char *format, ...);
/* As ext_sql_prepare(), but where SQLite refuses the statement *stmt is NULL, which is no
 * error. Short memory, an interrupt and what an authorizer denies are. */
int ext_sql_try(sqlite3 *db, sqlite3_stmt **stmt, ext_error *error, const char *format,
                ...);
/* Runs a statement to its end. */
int ext_sql_run(sqlite3 *db, ext_error *error, const char *format, ...);
/*
 * Ends a loop over rows and finalizes the statement. rc: what ended it, of sqlite3_step()
 * or of a failure that is in error. SQLITE_DONE, SQLITE_ROW (the loop had enough) and
 * SQLITE_OK are success; else what, or NULL, stands before SQLite's message.
 */
int ext_sql_finish(sqlite3_stmt *stmt, int rc, const char *what, ext_error *error);
/* The first integer of a query, 0 where it has no row or cannot run; for PRAGMAs. */
int64_t ext_sql_probe(sqlite3 *db, const char *sql);
/* The error of a column that gave NULL where it cannot: memory is short, or an authorizer
 * answers SQLITE_IGNORE. */
int ext_sql_fail_null(sqlite3_stmt *stmt, ext_error *error);
/* Is a statement of the connection under way that may write? */
bool ext_sql_is_writing(sqlite3 *db);
/* The name of the connection's schema number i, as PRAGMA database_list has them, of
 * sqlite3_malloc; *name is NULL behind the last. */
int ext_sql_schema(char **name, sqlite3 *db, int i, ext_error *error);
/* Sees what other connections did to the schemas, which only a statement that reads finds out.
 * An error is what keeps it from looking: a lock, short memory, an interrupt. */
int ext_sql_refresh(sqlite3 *db, ext_error *error);
/* A copy of a column's text; NULL for NULL, or where memory is short. */
char *ext_sql_text(sqlite3_stmt *stmt, int column);

/* ---- ext_query.c ---- */

/*
 * Prepares SQL on a model's own tables. In sql, @config, @version, @epoch, @item, @tensor
 * and @source become their names, @model the model's, @schema that of its database, all
 * quoted. types has a letter for each parameter ?1, ?2, ... whose value follows: i an
 * int64_t, d a double, s a text that is copied or NULL.
 */
int ext_query(const ext_home *home, sqlite3_stmt **stmt, ext_error *error,
              const char *sql, const char *types, ...);
/* Runs such a statement to its end. */
int ext_query_run(const ext_home *home, ext_error *error, const char *sql,
                  const char *types, ...);
/* Puts the first column of its first row into *integer: 0 where there is none, or NULL. */
int ext_query_integer(const ext_home *home, int64_t *integer, ext_error *error,
                      const char *sql, const char *types, ...);

/* ---- ext_savepoint.c ---- */

/* What is written until its end is kept or taken back as one. */
typedef struct ext_savepoint {
    sqlite3 *db;
    bool is_alone;       /* it was opened in autocommit: the transaction is ours */
    sqlite3_stmt *guard; /* stands by to roll everything back; see ext_savepoint.c */
    /* Told how it ended, where that is set. is_kept: what was written is committed. */
    void (*on_end)(const struct ext_savepoint *savepoint, bool is_kept);
    void *context; /* for on_end */
} ext_savepoint;

/* On failure none is open. */
int ext_savepoint_start(ext_savepoint *savepoint, sqlite3 *db, ext_error *error);
/*
 * Takes the schema's write lock: the first statement of a savepoint, so that SQLite calls
 * the host's busy handler, which it does not once something was read.
 */
int ext_savepoint_lock(const ext_savepoint *savepoint, const char *schema,
                       ext_error *error);
/* Keeps what was written. After an error the caller must undo it, or try again where it is
 * SQLITE_BUSY: then the savepoint is open still, as while a reader holds up the commit. */
int ext_savepoint_release(ext_savepoint *savepoint, ext_error *error);
/* Takes back what was written, and leaves the connection as it was before the start. In
 * the user's transaction SQLite may have had to roll back all of it. */
void ext_savepoint_undo(ext_savepoint *savepoint);
/* Releases it where rc is SQLITE_OK, else undoes it. Returns the first failure. */
int ext_savepoint_end(ext_savepoint *savepoint, int rc, ext_error *error);
/* Refuses a schema that cannot be written, and PRAGMA query_only. verb: what the user is to do
 * on another connection. */
int ext_savepoint_check_writable(sqlite3 *db, const char *schema, const char *verb,
                                 ext_error *error);
/* Inside the user's transaction: takes the schema's write lock now, before anything is
 * read, to keep it. In autocommit nothing is done. */
int ext_savepoint_lock_ahead(sqlite3 *db, const char *schema, ext_error *error);

/*
 * After a failure in autocommit: does another connection of a shared cache hold a lock,
 * for which SQLite calls no busy handler, and are fewer seconds over since then than PRAGMA
 * busy_timeout says? Then waits a moment and clears the error.
 */
bool ext_savepoint_may_retry(sqlite3 *db, double since, ext_error *error);

/* ---- ext_snapshot.c ---- */

/* What is read until its end is of one moment. All zero: none. */
typedef struct ext_snapshot {
    sqlite3_stmt *stmt; /* it stands at its row */
} ext_snapshot;

int ext_snapshot_start(ext_snapshot *snapshot, const ext_home *home, ext_error *error);
void ext_snapshot_end(ext_snapshot *snapshot);

/* ---- ext_entry.c ---- */

/*
 * One call of SQLite's into the extension, on this thread's stack. A source, or a forged
 * shadow table, may be a view that reads a model: then calls stand inside each other.
 */
typedef struct ext_entry {
    struct ext_entry *outer;
    sqlite3 *db;
    const ext_home *home; /* the model that is used; borrowed, or NULL */
    int depth;
    bool is_alone; /* no transaction of the user's was open */
} ext_entry;

/* An error where too many calls stand inside each other: end it in any case. */
int ext_entry_start(ext_entry *entry, sqlite3 *db, ext_error *error);
/* Was the user's transaction, that was open when the innermost call began, rolled back
 * since, or is it once SQLite has this code of the call? So it is after an interrupt or an
 * I/O error of a statement that writes. */
bool ext_entry_is_rolled_back(int rc);
void ext_entry_end(ext_entry *entry);
/* Says which model the innermost call uses, until that ends. An error where a call around
 * it uses the same one. */
int ext_entry_use(const ext_home *home, ext_error *error);
/* Has a call that is under way said so of this very home, which must stay? */
bool ext_entry_holds(const ext_home *home);

/* ---- ext_value.c ---- */

/* False for NULL. Text and blob are borrowed from the value. */
bool ext_value_id(sqlite3_value *value, gru4rec_id *id);
bool ext_value_column(sqlite3_stmt *stmt, int column, gru4rec_id *id);
/* Is the REAL an integer below 2^53 in size? Hosts whose numbers are all REAL bind integers
 * so: wherever we take an integer or an item, it is that integer. */
bool ext_value_is_whole(double real, int64_t *integer);
/* As ext_value_id() and ext_value_column(), of a value that is an item. */
bool ext_value_item(sqlite3_value *value, gru4rec_id *id);
bool ext_value_item_column(sqlite3_stmt *stmt, int column, gru4rec_id *id);
void ext_value_result(sqlite3_context *context, const gru4rec_id *id);
/* The item of a row as a result. */
void ext_value_result_item(sqlite3_context *context, const gru4rec_items *items,
                           int32_t row);
/* id: an integer or a text. */
int ext_value_bind(sqlite3_stmt *stmt, int parameter, const gru4rec_id *id);
/* Is it an integer, or a text or a REAL that is one? The value stays as it is. */
int ext_value_number(int64_t *integer, bool *is_integer, sqlite3_value *value,
                     ext_error *error);
/* Takes such an integer, from min to max. The error says what argument name is, and to give
 * advice. */
int ext_value_integer(int64_t *integer, sqlite3_value *value, const char *name,
                      int64_t min, int64_t max, const char *advice, ext_error *error);
/* Is the argument there, and not NULL? */
bool ext_value_is_given(sqlite3_value *value);
/* Is it a text without a character? */
bool ext_value_is_empty(const gru4rec_id *id);
/* The argument as a text, borrowed; NULL where it is not given. A NUL character in it,
 * behind which nothing would be read, is an error, which says what the argument is. */
int ext_value_text(const char **text, sqlite3_value *value, const char *what,
                   ext_error *error);
/* The name of a model, borrowed from the value or from room; NULL where it is not given. A
 * REAL that is an integer is that integer. */
typedef struct ext_name {
    char text[24];
} ext_name;
int ext_value_name(const char **text, ext_name *room, sqlite3_value *value,
                   ext_error *error);
/* Continues a hash with a value's type and content. */
uint64_t ext_value_hash(uint64_t hash, sqlite3_value *value);

/* How many of the n bytes, the first ones, are UTF-8 in whole characters: n where all is. */
size_t ext_value_utf8(const void *bytes, size_t n);

/* n float32 values from and to little-endian bytes. */
void ext_value_read_floats(gru4rec_real *values, const unsigned char *bytes, size_t n);
void ext_value_write_floats(unsigned char *bytes, const gru4rec_real *values, size_t n);

/* ---- ext_json.c ---- */

/* Is there an escaped NUL character in it, \u0000? */
bool ext_json_has_nul(const char *json);
/* The same JSON in a form that SQLite reads whole, of sqlite3_malloc; NULL: it does so as
 * it is. Its texts go through ext_json_restore(). */
int ext_json_guard(char **guarded, const char *json, ext_error *error);
/* Puts back the NUL characters of a text (n), in place, and returns its length. */
size_t ext_json_restore(char *text, size_t n);
/* Appends the text in quotes, as JSON has it. */
void ext_json_append(sqlite3_str *json, const char *text);

/* ---- ext_rows.c ---- */

/* A list of item rows. */
typedef struct ext_rows {
    int32_t *rows; /* (n), owned */
    size_t n, capacity;
} ext_rows;

int ext_rows_add(ext_rows *list, int32_t row, ext_error *error);
void ext_rows_free(ext_rows *list);
/* Sorts the list and drops repeats: ext_rows_has() needs that. */
void ext_rows_sort(ext_rows *list);
bool ext_rows_has(const ext_rows *list, int32_t row);

/* ---- ext_ids.c ---- */

/* An expression, as a format for the column's name, that makes items of a BLOB, or of a REAL
 * that is none, and keeps them apart. */
const char *ext_ids_advice(const gru4rec_id *id);
/* The error of such an id as the argument item. */
int ext_ids_fail_type(const gru4rec_id *id, ext_error *error);
/* The error of an id that cannot be one item: of a BLOB, and where no item has it, of an
 * array and an object. */
int ext_ids_check_one(const gru4rec_id *id, bool is_known, ext_error *error);
/* The row of the one item that the argument item is; -1: it is NULL or not known. */
int ext_ids_read_one(int32_t *row, sqlite3_value *value, const gru4rec_items *items,
                     ext_error *error);

/* Where the ids of a value go. */
typedef struct ext_ids {
    const gru4rec_items *items;
    bool keeps_empty;    /* option keep_empty: an empty text is an id */
    const char *what;    /* names the argument in messages */
    ext_rows *rows;      /* gets the rows of the items that are known */
    ext_rows *positions; /* gets their places among all in the value, from 1; or NULL */
    int64_t n_unknown;   /* counts the others */
} ext_ids;

/* Takes the ids of a value: one, or a JSON array of them. NULL is none, nor is an empty text
 * that is not kept. */
int ext_ids_read(ext_ids *ids, sqlite3 *db, sqlite3_value *value, ext_error *error);

/* ---- ext_select.c ---- */

/* Is it SQL to run, rather than the name of a table? */
bool ext_select_is(const char *text);
/* Where the SQL begins: behind white space, comments and a byte order mark. */
const char *ext_select_start(const char *text);
/* A SELECT, in parentheses or not, as a subquery of other SQL: in parentheses, without
 * comments and semicolons at its ends. Of sqlite3_malloc. */
char *ext_select_subquery(const char *text);
/* Of a text that begins with a parenthesis: where that is closed; NULL: nowhere. */
const char *ext_select_close(const char *text);

/* ---- ext_options.c ---- */

/* What is given as an option, but is not the library's; owned, NULL where not said: the
 * columns that hold events, by name, and the items that an evaluation ranks. order: what
 * breaks ties in time, in place of the rowid. */
typedef struct ext_columns {
    char *session, *item, *time, *order;
    char *candidates; /* one id, or a JSON array */
} ext_columns;

void ext_options_free_columns(ext_columns *columns);
/* Does it look like options, rather than a source? */
bool ext_options_is(const char *text);
/*
 * Reads a JSON object or "name=value,..." into options (of scope) and, for session, item,
 * time, order and candidates, columns. text may be NULL. columns NULL: they are no options either.
 */
int ext_options_parse(sqlite3 *db, const char *text, gru4rec_option_scope scope,
                      gru4rec_options *options, ext_columns *columns, ext_error *error);
/* Reads such options as the defaults of a model: see gru4rec_options_set_default(). */
int ext_options_parse_defaults(sqlite3 *db, const char *text, gru4rec_options *options,
                               ext_error *error);

/* What of a model is to change: options of training, columns, and its source, an option
 * here. JSON's null, or name=null, takes one back to its default. */
typedef struct ext_changes {
    gru4rec_options *options;        /* the model's, which change; with */
    const gru4rec_options *defaults; /* these defaults */
    ext_columns *kept;               /* the model's, of which null drops one */
    ext_columns columns;             /* those that are given; owned */
    char *source;                    /* owned, or NULL: none, where */
    bool has_source;                 /* it is given */
} ext_changes;

int ext_options_parse_changes(sqlite3 *db, const char *text, ext_changes *changes,
                              ext_error *error);
/* One option or column. */
int ext_options_set(const char *name, const char *value, gru4rec_option_scope scope,
                    gru4rec_options *options, ext_columns *columns, ext_error *error);
/* The error of name=value,... where the value is a list with commas between its numbers. */
int ext_options_check_list(const char *text, ext_error *error);
int ext_options_resolve(gru4rec_options *options, ext_error *error);
/* Was the option of that name given, itself? */
bool ext_options_is_set(const gru4rec_options *options, const char *name);
/* Appends ", name='value'" for each option of training that was set, or that is to be
 * stored and is not the build's default. */
void ext_options_arguments(sqlite3_str *text, const gru4rec_options *options);
/* A JSON object of the options of training: all, or those that were set, and those whose
 * default has changed once. NULL: no memory. */
char *ext_options_json(const gru4rec_options *options, bool is_all);

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
/* The same, as the library calls it. */
bool ext_poll_is_stopped(void *poll);
double ext_poll_seconds(void); /* of a monotonic clock */

/* ---- ext_progress.c ---- */

/* What a training shows on standard error: on a terminal one updating line, wiped at the
 * end; elsewhere, where that was asked for, one line at the end. */
typedef struct ext_progress {
    bool is_line, is_log; /* neither: it shows nothing */
    bool is_plain;        /* the terminal knows no escape sequences */
    int columns;          /* where the terminal does not know them */
    int n_written;        /* columns of the line that stands there */
    size_t n_before;      /* epochs that another call did */
    double start, last;   /* seconds */
    gru4rec_progress seen;
} ext_progress;

void ext_progress_start(ext_progress *line, int64_t verbose, size_t n_before);
void ext_progress_show(ext_progress *line, const gru4rec_progress *progress);
/* epochs: those that this call did. */
void ext_progress_stop(ext_progress *line, const gru4rec_epoch *epochs, size_t n_epochs,
                       bool is_done);

/* ---- ext_worker.c ---- */

/* Does job i. It touches no SQLite but its memory allocator. */
typedef void ext_worker_job(void *context, size_t i);

/*
 * Does jobs 0, 1, 2, ... one after another in a thread of its own while the caller goes
 * on, who says how many may be done by now. Where a thread is not worth it, or cannot be
 * had, the caller does each when it may be done.
 */
typedef struct ext_worker {
    ext_worker_job *job;
    void *context;
    size_t n_ready;
    bool is_over, is_threaded;
    _Atomic size_t n_done;
    pthread_mutex_t lock; /* for n_ready and is_over */
    pthread_cond_t changed;
    pthread_t thread;
} ext_worker;

/* Bytes from which on a thread is worth it: some milliseconds' reading. */
enum { EXT_WORKER_FROM = 16 << 20 };

void ext_worker_start(ext_worker *worker, ext_worker_job *job, void *context,
                      bool is_worth_it);
/* Jobs before n may be done; n never falls. */
void ext_worker_ready(ext_worker *worker, size_t n);
/* Are those that may be done done? */
bool ext_worker_is_idle(ext_worker *worker);
/* When this returns they are all done. */
void ext_worker_finish(ext_worker *worker);

/* ---- ext_table.c ---- */

typedef struct ext_table_function ext_table_function;

/* A virtual table. home has names where it is a model's own. */
typedef struct ext_table {
    sqlite3_vtab base;
    const ext_table_function *function;
    ext_home home;
    struct ext_cursor *open; /* the first of its cursors */
} ext_table;

/* Arguments at most, of a bit of idxNum each; and the first bit of those that are missing. */
enum { EXT_TABLE_ARGUMENTS = 8, EXT_TABLE_MISSING = 22 };

/* A hidden column that is an argument. */
typedef struct ext_table_argument {
    const char *name;
    const char *example; /* "name = value", for messages */
} ext_table_argument;

/* A plan that is being made. */
typedef struct ext_table_plan {
    const ext_table_function *function;
    sqlite3_index_info *info;
    int n_argv;        /* values that start is given, so far */
    sqlite3_str *text; /* what they are compared with, for EXPLAIN QUERY PLAN */
} ext_table_plan;

/* What each table's cursor begins with. */
typedef struct ext_cursor {
    sqlite3_vtab_cursor base;
    sqlite3_value *arguments[EXT_TABLE_ARGUMENTS]; /* copies; NULL: not given */
    uint64_t hash; /* of what is the same for many rows: at first of the arguments */
    int64_t row;   /* tells the rows of one hash apart; counts from 0 unless set */
    bool is_eof;
    struct ext_cursor *next_open; /* another cursor of the table, or NULL */
} ext_cursor;

/*
 * A table whose hidden columns behind the others are its arguments; what is behind these is
 * the function's own again. The frame keeps the arguments, says what is missing, and gives
 * the rowids; the function gives the rows.
 * idxNum has bit i where argument i is given, and bit EXT_TABLE_MISSING + i where it is
 * not, but read; plan may add bits from EXT_TABLE_ARGUMENTS on, below those.
 */
struct ext_table_function {
    const char *name;        /* in SQL */
    const char *declaration; /* CREATE TABLE x(...) */
    int trust;               /* SQLITE_VTAB_INNOCUOUS or SQLITE_VTAB_DIRECTONLY */
    size_t cursor_bytes;     /* of its cursor, zeroed */
    int n_columns, n_arguments;
    const ext_table_argument *arguments; /* (n_arguments) */
    int n_needed;      /* so many arguments, the first ones, must be given */
    const char *usage; /* what is said when one is not */
    /* Rows come in ascending order of so many columns, the first ones. */
    int n_ordered;
    double n_rows, cost; /* estimates */
    /* Plans more than that, behind the arguments, with an order and estimates of its own; or
     * NULL. */
    void (*plan)(ext_table_plan *plan);
    /* Goes to the first row, or sets is_eof. argv: what plan asked for. */
    int (*start)(ext_cursor *cursor, int idx_num, sqlite3_value **argv, ext_error *error);
    int (*next)(ext_cursor *cursor, ext_error *error);
    void (*column)(const ext_cursor *cursor, sqlite3_context *context, int i);
    /* Lets go of what start and next made, also after they failed; all zero again. */
    void (*stop)(ext_cursor *cursor);
    /* Lets go of what the cursor keeps from start to start; or NULL. */
    void (*close)(ext_cursor *cursor);
};

/* Declares the table and makes its object. declaration: the function's, or the model's own
 * form of it. schema and name: of a model's own table, else NULL. */
int ext_table_new(ext_table **out, const ext_table_function *function,
                  const char *declaration, sqlite3 *db, ext_connection *connection,
                  const char *schema, const char *name, ext_error *error);
/* Makes a constraint the next value that start is given, and sets its bit of idxNum. name:
 * of its column. */
void ext_table_use(ext_table_plan *plan, int constraint, int bit, const char *name);
/* The error of an argument that is not given. */
int ext_table_usage(const ext_cursor *cursor, ext_error *error);
const ext_home *ext_table_home(const ext_cursor *cursor);

/* The methods of a module whose tables are ext_tables. */
int ext_table_best_index(sqlite3_vtab *base, sqlite3_index_info *info);
int ext_table_disconnect(sqlite3_vtab *base);
int ext_table_open(sqlite3_vtab *base, sqlite3_vtab_cursor **out);
int ext_table_close(sqlite3_vtab_cursor *base);
int ext_table_filter(sqlite3_vtab_cursor *base, int idx_num, const char *text, int argc,
                     sqlite3_value **argv);
int ext_table_next(sqlite3_vtab_cursor *base);
int ext_table_eof(sqlite3_vtab_cursor *base);
int ext_table_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int i);
int ext_table_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *id);

/* The same as initialisers of an sqlite3_module that is member at of what is initialised. */
#define EXT_TABLE_METHODS(at)                                                          \
    at.xBestIndex = ext_table_best_index, at.xDisconnect = ext_table_disconnect,       \
    at.xOpen = ext_table_open, at.xClose = ext_table_close,                            \
    at.xFilter = ext_table_filter, at.xNext = ext_table_next, at.xEof = ext_table_eof, \
    at.xColumn = ext_table_column, at.xRowid = ext_table_rowid

#endif

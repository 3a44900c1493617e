/*
 * ext_base.h - what every file of ext/ uses: errors, memory, SQL, values, options, the
 * frame of the virtual tables, and progress and interrupts of long work.
 *
 * A function that can fail takes the ext_error of the call as its last argument and
 * returns an SQLite result code. The first failure leaves its code and its message in the
 * ext_error, and the function returns that code. SQLITE_NOMEM (there is not enough
 * memory) is possible wherever memory is allocated; where a contract below names no other
 * error, it is the only one. "SQLite's error" means any code that SQLite returned, with
 * SQLite's message.
 *
 * A text that a structure owns is allocated by sqlite3_malloc(), as is each text that is
 * returned through a char ** or as a char *; sqlite3_free() frees it. Arguments are
 * borrowed for the time of the call, and must not be NULL, unless the contract says
 * otherwise.
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

/* The first error of a call. If all fields are zero, there is none. */
typedef struct ext_error {
    int rc;         /* SQLite result code */
    char *message;  /* "what is wrong; what to do", or NULL; owned */
    bool is_sqlite; /* SQLite reported the error, not the extension */
    bool is_limit;  /* a limit of memory refused; no model is at fault */
} ext_error;

/*
 * Sets the code (rc, not SQLITE_OK) and the message of the error, unless the error is set
 * already. format is that of sqlite3_mprintf(). The stored message is valid UTF-8 on one
 * line, whatever the arguments hold. The caller must pass text of unlimited length
 * through an ext_show first, which cuts it. If there is no memory for the message, the
 * code is set without one. Returns the code that the error has now.
 */
int ext_error_set(ext_error *error, int rc, const char *format, ...) EXT_PRINTF(3, 4);

/*
 * Makes the last error of the connection the error, with is_sqlite set, unless the error
 * is set already. what: what was tried, which the message begins with, or NULL. It is
 * left out if the error comes from a nested call of this extension: then the message is
 * that of the call, without "gru4rec: ". If the connection has no error, the code is
 * SQLITE_ERROR. SQLITE_NOMEM is set without a message, and SQLITE_INTERRUPT with the
 * message "interrupted"; both without is_sqlite. Returns the code that the error has now.
 */
int ext_error_db(ext_error *error, sqlite3 *db, const char *what);

/*
 * Makes status, which a function of the library returned, the error, unless the error is
 * set already. If status is GRU4REC_OK, it sets nothing and returns SQLITE_OK, even if
 * the error is set. GRU4REC_NOMEM becomes SQLITE_NOMEM, GRU4REC_INTERRUPTED becomes
 * SQLITE_INTERRUPT, and any other status becomes SQLITE_ERROR. message: the library's, or
 * NULL. Without a message the text is "interrupted" or "internal error"; SQLITE_NOMEM
 * then has no text. Returns SQLITE_OK, or the code that the error has now.
 */
int ext_error_library(ext_error *error, gru4rec_status status,
                      const gru4rec_error *message);

/*
 * Sets SQLITE_NOMEM, without a message, unless the error is set already. Returns the code
 * that the error has now.
 */
int ext_error_nomem(ext_error *error);

/*
 * Returns the message of a set error, or "out of memory" if it has none. The text is
 * borrowed; it is valid until the error changes.
 */
const char *ext_error_message(const ext_error *error);

/*
 * Moves other, which is a set error, into error: its code, its fields and its message
 * ("out of memory" if it has none). The texts before and behind are put around the
 * message. If error is set already, error stays as it is. other is cleared in any case.
 * Returns the code that error has now.
 */
int ext_error_wrap(ext_error *error, ext_error *other, const char *before,
                   const char *behind);

/*
 * Appends words to the message of a set error; if the error has no message, to "out of
 * memory". If there is no memory for both, the error keeps its code and loses its
 * message.
 */
void ext_error_add(ext_error *error, const char *words);

/* Tells whether the primary code of the error (its low byte) is primary_code. */
bool ext_error_is(const ext_error *error, int primary_code);

/*
 * Appends "; the whole transaction was rolled back" to the message of a set error, unless
 * the message has these words already.
 */
void ext_error_add_rollback(ext_error *error);

/*
 * The next three functions pass the error, if it is set, to SQLite, with "gru4rec: "
 * before its message, and clear it. If the user's transaction was rolled back, the
 * message says so; therefore these functions must be called before the ext_entry of the
 * call ends. They cannot fail.
 */

/*
 * Makes the error the result of an SQL function, with "gru4rec: " before its message, and
 * clears the error. If the error is not set, the result is not touched. SQLITE_FULL and
 * SQLITE_IOERR become SQLITE_ERROR inside a transaction of the user's, because SQLite
 * would roll that transaction back. An error without a message becomes SQLITE_NOMEM.
 */
void ext_error_result(ext_error *error, sqlite3_context *context);
/*
 * Puts the error's message, with "gru4rec: " before it, into the virtual table in place
 * of the old one, clears the error, and returns the code that it had. If the error has no
 * message or is not set, the message of the table stays.
 */
int ext_error_vtab(ext_error *error, sqlite3_vtab *vtab);
/*
 * Puts the error's message, with "gru4rec: " before it, into *message, which the caller
 * frees, clears the error, and returns the code that it had. *message is NULL if the
 * error has no message. It is not touched if the error is not set.
 */
int ext_error_text(ext_error *error, char **message);

/* Frees the message of the error and makes all fields of the error zero. */
void ext_error_clear(ext_error *error);

/* ---- ext_show.c ---- */

/* Room for the text form of a value that a user gave, for a message. */
typedef struct ext_show {
    char text[256];
} ext_show;

/*
 * The next three functions write the text form of a value into the ext_show and return
 * the text, which is valid as long as the ext_show. A text is written by gru4rec_show(),
 * which cuts it to the room. A BLOB is written as x'01020304...', with only its first 4
 * bytes. A REAL is written as SQLite prints it, but with all its digits if its absolute
 * value is from 2^53 to 2^63. They cannot fail.
 */

/* Shows a text. text may be NULL, which is shown as NULL. */
const char *ext_show_text(ext_show *show, const char *text);
const char *ext_show_id(ext_show *show, const gru4rec_id *id);
/* Writes the value in quotes, unless it is a BLOB or NULL. */
const char *ext_show_value(ext_show *show, sqlite3_value *value);

/* ---- ext_memory.c ---- */

/*
 * The allocator of the extension, which the library gets. Small blocks come from SQLite.
 * Blocks of 1 MB and more come from the C library, because a block of SQLite is smaller
 * than 2 GiB. If SQLite has a hard heap limit, all blocks below 2 GiB come from SQLite,
 * and a larger block is refused if it would pass that limit. Random numbers come from
 * sqlite3_randomness().
 */
extern const gru4rec_allocator ext_memory;
/*
 * Returns how many bytes were asked for when ext_memory allocated or last resized the
 * block (not NULL).
 */
size_t ext_memory_bytes(const void *block);
/*
 * Returns the bytes of all blocks of ext_memory in this process that come from the C
 * library, plus all bytes that SQLite has allocated, where SQLite counts them.
 */
uint64_t ext_memory_used(void);

/* ---- ext_container.c ---- */

/* The tightest limits of the control groups (cgroups) that the process belongs to. */
typedef struct ext_container {
    uint64_t memory; /* bytes in all; UINT64_MAX: there is no limit */
    uint64_t room;   /* bytes of memory that are free now; UINT64_MAX: no limit */
    int processors;  /* CPU quota in whole processors, rounded up; 0: there is no quota */
} ext_container;

/*
 * Reads the limits of the process's control groups into *container. root: prefix of all
 * paths that are read, such as root/proc/self/cgroup; it is "" except in tests. A file
 * that is missing or not readable counts as no limit, so this cannot fail.
 */
void ext_container_read(ext_container *container, const char *root);

/* ---- ext_budget.c ---- */

/* The limit of memory that applies, or that refused an allocation. */
typedef enum ext_budget_limit {
    EXT_BUDGET_NONE,
    EXT_BUDGET_OPTION,    /* the option memory_limit */
    EXT_BUDGET_DEFAULT,   /* its default, 80 % of the memory (machine or container) */
    EXT_BUDGET_CONTAINER, /* the memory that the container has left */
    EXT_BUDGET_HEAP       /* SQLite's hard heap limit */
} ext_budget_limit;

/*
 * The memory of one call of the user's. Its allocator counts the bytes that are
 * allocated, and refuses an allocation that would pass a limit. The ext_budget must stay
 * at its address as long as a block of its allocator exists.
 */
typedef struct ext_budget {
    gru4rec_allocator allocator; /* counts, and passes on to ext_memory */
    uint64_t used;               /* bytes that are allocated now */
    uint64_t most;            /* largest allowed value of used, without the heap limit */
    ext_budget_limit limit;   /* where most comes from */
    ext_budget_limit refused; /* the limit that refused last, or EXT_BUDGET_NONE */
} ext_budget;

/*
 * Starts a budget (the limits of memory of one call), of which nothing is used.
 * memory_limit: bytes, or 0 for the default. The budget allows memory_limit bytes, or 80
 * % of the memory of the machine or container; or only 15/16 of the memory that the
 * container has free now, if that is less. The container is looked at once, here;
 * SQLite's hard heap limit is looked at with each allocation. Nothing has to be freed at
 * the end. It cannot fail.
 */
void ext_budget_start(ext_budget *budget, int64_t memory_limit);

/*
 * Checks that the limits allow n bytes more. The caller asks before it allocates them;
 * this function allocates nothing. If the limits do not allow them, the error is
 * SQLITE_ERROR with is_limit set. what: what needs the memory; advice: how to need less
 * of it, or NULL; both are parts of the message.
 */
int ext_budget_check(const ext_budget *budget, uint64_t n, const char *what,
                     const char *advice, ext_error *error);

/*
 * Explains an error that is SQLITE_NOMEM: replaces it by an SQLITE_ERROR that names the
 * limit and has is_limit set, if a limit of the budget refused an allocation, or if
 * SQLite has a hard heap limit (SQLite does not tell whether that limit refused). If
 * neither is so, or if the error is another one or not set, it stays as it is. The
 * reason: after SQLITE_NOMEM SQLite rolls back the user's transaction, after SQLITE_ERROR
 * it does not. what, advice: as for ext_budget_check(), but advice must not be NULL.
 * Returns the code that the error has now.
 */
int ext_budget_explain(const ext_budget *budget, const char *what, const char *advice,
                       ext_error *error);

/* ---- ext_home.c ---- */

/*
 * What the extension keeps for a connection (ext_cache.h). ext/base/ only passes it on.
 */
typedef struct ext_connection ext_connection;

/*
 * One model in one database of one connection. Every function that works on a model takes
 * it.
 */
typedef struct ext_home {
    sqlite3 *db;                /* borrowed */
    ext_connection *connection; /* borrowed */
    char *schema, *name;        /* owned; both NULL: no model is named */
} ext_home;

/*
 * Sets all fields of the home, with copies of schema and name. If there is no memory for
 * the copies (SQLITE_NOMEM), home->schema and home->name are NULL, and the caller need
 * not clear the home.
 */
int ext_home_init(ext_home *home, sqlite3 *db, ext_connection *connection,
                  const char *schema, const char *name, ext_error *error);
/* Frees the names (schema and name) of the home and sets them to NULL. */
void ext_home_clear(ext_home *home);
/*
 * Returns the name of the file of the home's database. A database in memory, or a
 * temporary one, has no name: for it the address of the connection is returned as text.
 * The caller frees the text; NULL means that there is not enough memory.
 */
char *ext_home_file(const ext_home *home);
/*
 * Returns the size in bytes of the database of the model (pages times page size);
 * INT64_MAX if it cannot be read or is 0.
 */
int64_t ext_home_database_bytes(const ext_home *home);

/* ---- ext_sql.c ---- */

/*
 * Prepares one statement. format is that of sqlite3_mprintf(). The caller finalizes
 * *stmt. Errors: SQLite's; SQLITE_ERROR if the text is empty or holds more than one
 * statement; SQLITE_AUTH if an authorizer of the host answered SQLITE_IGNORE, so that the
 * statement would do nothing. After a failure *stmt is NULL.
 */
int ext_sql_prepare(sqlite3 *db, sqlite3_stmt **stmt, ext_error *error,
                    const char *format, ...);

/*
 * Prepares one statement as ext_sql_prepare() does, but for SQL that uses what the
 * database itself stores, such as a model's source, which may be forged. SQLite restricts
 * this statement as it restricts a view: a function or a table that SQLite forbids in a
 * view is an error.
 */
int ext_sql_prepare_stored(sqlite3 *db, sqlite3_stmt **stmt, ext_error *error,
                           const char *format, ...);

/*
 * Prepares one statement as ext_sql_prepare() does, but if SQLite refuses the statement,
 * *stmt is NULL and there is no error. Only SQLITE_NOMEM, SQLITE_INTERRUPT and
 * SQLITE_AUTH are errors.
 */
int ext_sql_try(sqlite3 *db, sqlite3_stmt **stmt, ext_error *error, const char *format,
                ...);

/*
 * Prepares a statement and runs it to its end; rows that it gives are dropped. Errors:
 * those of ext_sql_prepare(), and SQLite's while the statement runs.
 */
int ext_sql_run(sqlite3 *db, ext_error *error, const char *format, ...);

/*
 * Ends a loop over rows: finalizes the statement and returns SQLITE_OK, or the code of
 * the error if the loop failed. rc: the code that ended the loop, from sqlite3_step() or
 * from a function that set the error. SQLITE_DONE, SQLITE_ROW (the loop needed no more
 * rows) and SQLITE_OK are success. For any other rc the error becomes SQLite's last one,
 * unless the error is set already. what: text before SQLite's message, or NULL.
 */
int ext_sql_finish(sqlite3_stmt *stmt, int rc, const char *what, ext_error *error);

/*
 * Returns the integer in the first column of the first row of a query, for PRAGMAs.
 * Returns 0 if the query has no row or cannot run.
 */
int64_t ext_sql_probe(sqlite3 *db, const char *sql);

/*
 * Sets the busy timeout of the connection to ms milliseconds if it is longer. Returns what
 * it was; give that, with the same ms, to ext_sql_restore_timeout(). A busy handler of the
 * host may wait nevertheless: SQLite has no call to read it, so nobody could put it back.
 */
int ext_sql_shorten_timeout(sqlite3 *db, int64_t ms);
void ext_sql_restore_timeout(sqlite3 *db, int before, int64_t ms);

/*
 * Sets the error for a column that is NULL where it never can be: SQLITE_NOMEM if there
 * is not enough memory, else SQLITE_AUTH, because an authorizer answers SQLITE_IGNORE.
 * Returns the code that the error has now. The statement is not finalized.
 */
int ext_sql_fail_null(sqlite3_stmt *stmt, ext_error *error);

/* Tells whether a statement of the connection that may write has begun and not ended. */
bool ext_sql_is_writing(sqlite3 *db);

/*
 * Puts the name of schema number i of the connection, in the order of PRAGMA
 * database_list, into *name, which the caller frees. *name is NULL if there is no such
 * schema, which is no error, and after a failure. Errors: SQLITE_NOMEM; before SQLite
 * 3.39 also those of ext_sql_prepare().
 */
int ext_sql_schema(char **name, sqlite3 *db, int i, ext_error *error);

/*
 * Makes SQLite notice what other connections changed in the schemas. SQLite notices this
 * only when a statement reads the schema; so one statement is run for each schema except
 * "temp", which no other connection can change. Errors: SQLITE_BUSY, SQLITE_LOCKED,
 * SQLITE_NOMEM, SQLITE_INTERRUPT, SQLITE_IOERR and SQLITE_FULL. A schema that cannot be
 * read for another reason is passed over.
 */
int ext_sql_refresh(sqlite3 *db, ext_error *error);

/*
 * Returns a copy of the text of a column in the statement's current row, which the caller
 * frees. Returns NULL if the value is NULL or there is not enough memory.
 */
char *ext_sql_text(sqlite3_stmt *stmt, int column);

/* ---- ext_query.c ---- */

/*
 * Prepares SQL on the tables of a model. In sql, @config, @version, @epoch, @item,
 * @tensor, @blend, @trial and @source are replaced by the names of these tables, @model
 * by the name of the model's own table, each with its schema, and @schema by the name of
 * the schema; all are quoted. types has one letter for each parameter ?1, ?2, ..., and
 * the values follow: i is an int64_t, d a double, s a const char *, which is copied and
 * may be NULL. The caller finalizes *stmt, which is NULL after a failure. Errors: those
 * of ext_sql_prepare().
 */
int ext_query(const ext_home *home, sqlite3_stmt **stmt, ext_error *error,
              const char *sql, const char *types, ...);

/*
 * Prepares SQL on the tables of a model as ext_query() does, with its parameters, and
 * runs it to its end; rows that it gives are dropped. Errors: those of ext_query(), and
 * SQLite's while the statement runs.
 */
int ext_query_run(const ext_home *home, ext_error *error, const char *sql,
                  const char *types, ...);

/*
 * Prepares SQL on the tables of a model and runs it to its end, as ext_query_run() does,
 * and puts the first column of the first row into *integer. *integer is 0 if there is no
 * row, if the value is NULL, and after a failure to prepare.
 */
int ext_query_integer(const ext_home *home, int64_t *integer, ext_error *error,
                      const char *sql, const char *types, ...);

/* ---- ext_savepoint.c ---- */

/*
 * A savepoint: everything that is written until its end is kept as one, or undone as one.
 */
typedef struct ext_savepoint {
    sqlite3 *db;
    bool is_alone;       /* it began in autocommit, so the transaction is ours */
    sqlite3_stmt *guard; /* rolls back when nothing else can; see ext_savepoint.c */
    /*
     * The function that is called once, at the end of the savepoint, or NULL; the caller
     * sets it after the start. is_kept: everything that was written is committed now. It
     * is false after an undo, and also after a release inside a transaction of the
     * user's, because the user may still roll back.
     */
    void (*on_end)(const struct ext_savepoint *savepoint, bool is_kept);
    void *context; /* for on_end; borrowed */
} ext_savepoint;

/*
 * Opens a savepoint, which in autocommit also begins a transaction. The caller must end
 * it by ext_savepoint_end(), or by ext_savepoint_release() and ext_savepoint_undo().
 * Errors: SQLite's, such as SQLITE_BUSY while a statement of this connection writes, and
 * SQLITE_AUTH if an authorizer answers SQLITE_IGNORE. After a failure no savepoint is
 * open.
 */
int ext_savepoint_start(ext_savepoint *savepoint, sqlite3 *db, ext_error *error);

/*
 * Takes the write lock of the schema, and makes SQLite read that schema anew if another
 * connection changed it. In a database with auto_vacuum it may move one page. It must be
 * the first statement in the savepoint: SQLite calls the host's busy handler for it only
 * if the transaction has read nothing yet. Errors: SQLite's, such as SQLITE_BUSY. After a
 * failure the savepoint is still open.
 */
int ext_savepoint_lock(const ext_savepoint *savepoint, const char *schema,
                       ext_error *error);

/*
 * Keeps what was written since the start, ends the savepoint, and calls on_end. In
 * autocommit this commits; in a transaction of the user's, the user commits later. After
 * a failure on_end is not called. Errors: SQLite's. After SQLITE_BUSY (for example
 * because a reader holds up the commit) the savepoint is still open, and the caller may
 * call this again or undo. After any other error the caller must undo.
 */
int ext_savepoint_release(ext_savepoint *savepoint, ext_error *error);

/*
 * Undoes what was written since the start, ends the savepoint, and calls on_end if it was
 * not called yet. The connection is then as it was before the start. If the savepoint is
 * in the user's transaction and cannot be undone alone (for example because an interrupt
 * is pending), the whole of the transaction is rolled back. It cannot fail.
 */
void ext_savepoint_undo(ext_savepoint *savepoint);

/*
 * Releases the savepoint if rc is SQLITE_OK, and undoes it if rc is anything else or the
 * release fails. Returns the code of the error, which has the first failure.
 */
int ext_savepoint_end(ext_savepoint *savepoint, int rc, ext_error *error);

/*
 * Checks that the connection can write to the schema. Error: SQLITE_READONLY, for a
 * read-only database or after PRAGMA query_only. verb: what the message tells the user to
 * do on another connection, such as "train".
 */
int ext_savepoint_check_writable(sqlite3 *db, const char *schema, const char *verb,
                                 ext_error *error);

/*
 * In autocommit it does nothing. In a transaction of the user's, takes the write lock of
 * the schema for the rest of that transaction. The caller must call it before it reads
 * anything. Errors: those of ext_savepoint_start() and ext_savepoint_lock(). No savepoint
 * stays open.
 */
int ext_savepoint_lock_ahead(sqlite3 *db, const char *schema, ext_error *error);

/*
 * Tells whether a call that failed in autocommit may try again. It may if another
 * connection of a shared cache holds the lock, because SQLite calls no busy handler for
 * such a lock. It may not if more time than PRAGMA busy_timeout has passed since the
 * first try. since: when the first try began, in seconds of ext_poll_seconds(). If the
 * call may try again, this function waits for 20 ms and clears the error; else the error
 * stays.
 */
bool ext_savepoint_may_retry(sqlite3 *db, double since, ext_error *error);

/* ---- ext_snapshot.c ---- */

/*
 * A snapshot: until its end all statements of the connection read the same state of the
 * database. If all fields are zero, there is none.
 */
typedef struct ext_snapshot {
    sqlite3_stmt *stmt; /* stands at a row, which keeps the read transaction open */
} ext_snapshot;

/*
 * Starts a snapshot of the database of the model. Errors: SQLite's. After a failure there
 * is no snapshot.
 */
int ext_snapshot_start(ext_snapshot *snapshot, const ext_home *home, ext_error *error);
/* Ends a snapshot; if there is none, it does nothing. */
void ext_snapshot_end(ext_snapshot *snapshot);

/* ---- ext_entry.c ---- */

/*
 * One call of SQLite into the extension, on the stack of its thread. Calls can be nested:
 * a source, or a view that a forged database has in place of a shadow table, may read a
 * model.
 */
typedef struct ext_entry {
    struct ext_entry *outer; /* the call that this one is nested in, or NULL */
    sqlite3 *db;
    const ext_home *home; /* the model that the call uses; borrowed, or NULL */
    int depth;            /* 1 for the outermost call */
    bool is_alone;        /* the call began in autocommit: the user has no transaction */
} ext_entry;

/*
 * Sets all fields of the entry, and makes it the innermost call of this thread. Error:
 * SQLITE_ERROR if more than 8 calls are nested. The caller must end the entry also after
 * this error.
 */
int ext_entry_start(ext_entry *entry, sqlite3 *db, ext_error *error);

/*
 * Tells whether the user's transaction, which was open when the innermost call began, is
 * lost: it was rolled back meanwhile, or SQLite will roll it back because the call
 * returns rc. SQLite does so after SQLITE_INTERRUPT and SQLITE_IOERR in a statement that
 * writes. Returns false if no transaction was open when that call began, or if no call
 * has an entry.
 */
bool ext_entry_is_rolled_back(int rc);

/* Ends the call of this entry, which must be the innermost call of this thread. */
void ext_entry_end(ext_entry *entry);

/*
 * Notes that the innermost call uses this model, until the call ends; home must live as
 * long. If no call of this thread has an entry, it does nothing. Error: SQLITE_ERROR if a
 * call that this one is nested in uses the same model.
 */
int ext_entry_use(const ext_home *home, ext_error *error);

/*
 * Tells whether a call of this thread that has not ended uses the model through this very
 * object, which therefore must not be freed.
 */
bool ext_entry_holds(const ext_home *home);

/* ---- ext_value.c ---- */

/*
 * The next two functions read a value, or a column of a statement's current row, as an
 * id. They return false for NULL, and for a text that SQLite has no memory for; else
 * true. Text and BLOB are borrowed from the value, or from the row of the statement.
 */
bool ext_value_id(sqlite3_value *value, gru4rec_id *id);
bool ext_value_column(sqlite3_stmt *stmt, int column, gru4rec_id *id);

/*
 * Tells whether a REAL is an integer whose absolute value is below 2^53, and puts that
 * integer into *integer (0 if the REAL is none). Hosts whose numbers are all REAL bind
 * their integers as such REALs; so wherever the extension takes an integer or an item,
 * such a REAL counts as the integer.
 */
bool ext_value_is_whole(double real, int64_t *integer);

/*
 * The next two functions read a value, or a column of a statement's current row, as the
 * id of an item: as ext_value_id() and ext_value_column() do, but a REAL that
 * ext_value_is_whole() accepts becomes an INTEGER. Any other type stays as it is.
 */
bool ext_value_item(sqlite3_value *value, gru4rec_id *id);
bool ext_value_item_column(sqlite3_stmt *stmt, int column, gru4rec_id *id);

/* Makes an id the result of a function or column; text and BLOB are copied. */
void ext_value_result(sqlite3_context *context, const gru4rec_id *id);
/*
 * Makes the id of the item that is in this row of the catalogue items the result of a
 * function or column.
 */
void ext_value_result_item(sqlite3_context *context, const gru4rec_items *items,
                           int32_t row);
/*
 * Binds an id, which is INTEGER or TEXT, to a parameter; a text is copied. Returns the
 * code of sqlite3_bind_*().
 */
int ext_value_bind(sqlite3_stmt *stmt, int parameter, const gru4rec_id *id);

/*
 * Tells in *is_integer whether the value is an INTEGER, a REAL that ext_value_is_whole()
 * accepts, or a TEXT that is an integer of 64 bits (white space around it is allowed),
 * and puts the integer into *integer. SQLite's type of the value does not change.
 */
int ext_value_number(int64_t *integer, bool *is_integer, sqlite3_value *value,
                     ext_error *error);

/*
 * Reads an integer as ext_value_number() does, from min to max, into *integer. Errors:
 * SQLITE_ERROR if the value is something else or outside that range; SQLITE_NOMEM. name:
 * of the argument; advice: what to give; the message is "name is VALUE; give advice".
 */
int ext_value_integer(int64_t *integer, sqlite3_value *value, const char *name,
                      int64_t min, int64_t max, const char *advice, ext_error *error);

/*
 * Tells whether an argument of a function or a table is given and not NULL. value may be
 * a NULL pointer, which is an argument that is not given.
 */
bool ext_value_is_given(sqlite3_value *value);
/* Tells whether the id is a text without characters. */
bool ext_value_is_empty(const gru4rec_id *id);

/*
 * Reads an argument as a text, which is borrowed from the value. *text is NULL if the
 * argument is SQL NULL or not given (value is a NULL pointer). Error: SQLITE_ERROR if the
 * text holds a NUL character, because what follows it would not be read; *text is then
 * NULL. what: names the argument in the message.
 */
int ext_value_text(const char **text, sqlite3_value *value, const char *what,
                   ext_error *error);

/* Room for the name of a model that is given as a number. */
typedef struct ext_name {
    char text[24];
} ext_name;

/*
 * Reads the name of a model as ext_value_text() does, but value must not be a NULL
 * pointer. A REAL that ext_value_is_whole() accepts is read as that integer; its text is
 * in room. *text is valid as long as value and room. Error: SQLITE_ERROR for another
 * REAL, and for a text with a NUL character.
 */
int ext_value_name(const char **text, ext_name *room, sqlite3_value *value,
                   ext_error *error);

/*
 * Returns hash, continued by the type and the content of the value. value may be a NULL
 * pointer, which counts as NULL.
 */
uint64_t ext_value_hash(uint64_t hash, sqlite3_value *value);

/*
 * Returns the number of bytes, from the first of n, that are whole characters of valid
 * UTF-8. It is n if all bytes are.
 */
size_t ext_value_utf8(const void *bytes, size_t n);

/*
 * The next four functions convert n float32 values, or n words of 32 bits, from and to
 * bytes (4 n) in little-endian order. bytes need not be aligned.
 */
void ext_value_read_floats(gru4rec_real *values, const unsigned char *bytes, size_t n);
void ext_value_write_floats(unsigned char *bytes, const gru4rec_real *values, size_t n);
void ext_value_read_words(uint32_t *words, const unsigned char *bytes, size_t n);
void ext_value_write_words(unsigned char *bytes, const uint32_t *words, size_t n);

/* ---- ext_json.c ---- */

/* Tells whether the JSON holds an escaped NUL character, such as \u0000. */
bool ext_json_has_nul(const char *json);

/*
 * Makes JSON that every version of SQLite reads to its end. *guarded is NULL if json is
 * such JSON already; else it is a copy in which NUL characters have another escape, and
 * the caller frees it. Each text that SQLite reads from the copy must go through
 * ext_json_restore().
 */
int ext_json_guard(char **guarded, const char *json, ext_error *error);

/*
 * Puts back, in place, the NUL characters that ext_json_guard() replaced in a text of n
 * bytes. Returns the new length of the text in bytes, which is at most n.
 */
size_t ext_json_restore(char *text, size_t n);

/*
 * Appends the text to json as a JSON string, in quotes and with escapes. If there is not
 * enough memory, sqlite3_str_errcode(json) says so.
 */
void ext_json_append(sqlite3_str *json, const char *text);

/* ---- ext_rows.c ---- */

/*
 * A growing list of rows of the catalogue; a row is the number of an item there. If all
 * fields are zero, the list is empty.
 */
typedef struct ext_rows {
    int32_t *rows; /* (n), owned */
    size_t n, capacity;
} ext_rows;

/* Appends a row of the catalogue to the list. After a failure the list is as before. */
int ext_rows_add(ext_rows *list, int32_t row, ext_error *error);
/* Frees the rows in the list (not the ext_rows itself) and makes the list empty. */
void ext_rows_free(ext_rows *list);
/* Sorts the rows in the list in ascending order and drops repeated rows. */
void ext_rows_sort(ext_rows *list);
/* Tells whether the list has the row. The list must be sorted by ext_rows_sort(). */
bool ext_rows_has(const ext_rows *list, int32_t row);

/* ---- ext_ids.c ---- */

/*
 * Returns an SQL expression that makes an item of a BLOB, or of a REAL that is no item,
 * and keeps different ids different. The expression is a format for sqlite3_mprintf()
 * with one %s, for the name of the column.
 */
const char *ext_ids_advice(const gru4rec_id *id);

/*
 * Sets the error for an argument named item whose value id is a BLOB, or a REAL that is
 * no item: SQLITE_ERROR with the advice of ext_ids_advice(), or SQLITE_NOMEM. Returns the
 * code that the error has now.
 */
int ext_ids_fail_type(const gru4rec_id *id, ext_error *error);

/*
 * Checks that the value id of an argument named item can be one item. Error: SQLITE_ERROR
 * for a BLOB, and, if is_known is false, for a text that begins as a JSON array or
 * object. is_known: the catalogue has an item with this id.
 */
int ext_ids_check_one(const gru4rec_id *id, bool is_known, ext_error *error);

/*
 * Puts the catalogue's row of the one item that value, the argument named item, names
 * into *row. *row is -1 if the value is NULL or no item of the catalogue. Errors: those
 * of ext_ids_check_one().
 */
int ext_ids_read_one(int32_t *row, sqlite3_value *value, const gru4rec_items *items,
                     ext_error *error);

/*
 * How the ids of a value are read, and where the result goes. All pointers are borrowed.
 */
typedef struct ext_ids {
    const gru4rec_items *items;
    bool keeps_empty;    /* option keep_empty: an empty text is an id */
    const char *what;    /* names the argument in messages */
    ext_rows *rows;      /* gets the rows of known items */
    ext_rows *positions; /* gets their places among all ids, from 1; or NULL */
    int64_t n_unknown;   /* is increased by the number of ids that are no item */
} ext_ids;

/*
 * Reads the ids of a value: one id, or a JSON array of ids; ext_ids.c has the rules. Adds
 * the rows of the items that they name to ids->rows, and the places of these ids in the
 * array to ids->positions; counts the other ids in ids->n_unknown. NULL holds no id; an
 * empty text holds one only with keeps_empty. Errors: SQLITE_ERROR for a BLOB, a JSON
 * object, malformed JSON, and an element that is neither a number, a string nor null;
 * those of ext_sql_prepare(); SQLite's. After a failure the lists hold what was read
 * before it.
 */
int ext_ids_read(ext_ids *ids, sqlite3 *db, sqlite3_value *value, ext_error *error);

/* ---- ext_select.c ---- */

/*
 * Tells whether the text is SQL to run, rather than the name of a table: it begins with
 * SELECT, WITH or a parenthesis.
 */
bool ext_select_is(const char *text);

/*
 * Returns where the SQL in text begins: after the white space, comments and byte order
 * mark that text begins with.
 */
const char *ext_select_start(const char *text);

/*
 * Returns the SELECT, which may be in parentheses, as a subquery for other SQL: in
 * parentheses, without comments and semicolons at its ends. There are two special cases.
 * If more follows the parenthesis that closes the first one (WHERE, JOIN), the text is a
 * FROM clause, and the result is "(SELECT * FROM text)". If no parenthesis closes the
 * first one, the text is returned as it is, and SQLite will refuse it. The caller frees
 * the text; NULL means that there is not enough memory.
 */
char *ext_select_subquery(const char *text);

/*
 * Returns the parenthesis that closes the one that text begins with, or NULL if there is
 * none. Texts in quotes and comments are passed over.
 */
const char *ext_select_close(const char *text);

/* ---- ext_options.c ---- */

/*
 * What the user gives among the options although the library knows nothing of it: the
 * names of the columns that hold events, the items that an evaluation ranks, and the
 * values of options that a tuning chooses from. order is the column that breaks ties in
 * time, in place of the rowid. Each field is owned; NULL means that the user did not give
 * it.
 */
typedef struct ext_columns {
    char *session, *item, *time, *order; /* names of columns */
    char *candidates;                    /* one id, or a JSON array of ids */
    char *space; /* JSON object: option names, and what a tuning tries of each */
} ext_columns;

/* Frees all fields of columns (not the ext_columns itself) and sets them to NULL. */
void ext_options_free_columns(ext_columns *columns);

/*
 * Tells whether the text looks like options, rather than like a source: it begins with {,
 * or holds = and is no SELECT.
 */
bool ext_options_is(const char *text);

/*
 * Reads options, a JSON object or "name=value,...", into options. scope: the functions
 * whose options are allowed. session, item, time and order go into columns; so do
 * candidates, if it is a list of ids, in the scope of an evaluation, and space, if it is
 * a JSON object, in the scope of a tuning. If columns is NULL, these are unknown
 * options. text may be NULL, which has no options. Errors: SQLITE_ERROR for an unknown
 * option, a bad value, text of neither form, and text of training options above 64 KiB;
 * those of ext_sql_prepare(); SQLite's. After a failure the options before the bad one
 * are set.
 */
int ext_options_parse(sqlite3 *db, const char *text, gru4rec_option_scope scope,
                      gru4rec_options *options, ext_columns *columns, ext_error *error);

/*
 * Reads options of training as ext_options_parse() does, but sets the values as the
 * defaults of a model: an option that the user has set keeps its value, and none counts
 * as set by the user (gru4rec_options_set_default()).
 */
int ext_options_parse_defaults(sqlite3 *db, const char *text, gru4rec_options *options,
                               ext_error *error);

/*
 * Changes of a model: of its options of training, its columns, and its source, which is
 * an option here. JSON's null, or name=null, puts an option back to its default, and
 * drops a column or the source.
 */
typedef struct ext_changes {
    gru4rec_options *options;        /* the model's, which are changed; borrowed */
    const gru4rec_options *defaults; /* the values that null puts back; borrowed */
    ext_columns *kept;   /* the model's, from which null drops one; borrowed */
    ext_columns columns; /* the columns that the changes give; owned */
    char *source;        /* the new source; owned; NULL: there is none */
    bool has_source;     /* the changes give the source, or null for it */
} ext_changes;

/*
 * Reads changes of a model, in the forms of ext_options_parse(), and makes them: changes
 * the options in changes->options, and drops from changes->kept the columns for which
 * null is given. New columns and the new source go into changes->columns and
 * changes->source, which the caller frees, also after a failure. Errors: those of
 * ext_options_parse(). After a failure, the changes before the bad one are made.
 */
int ext_options_parse_changes(sqlite3 *db, const char *text, ext_changes *changes,
                              ext_error *error);

/*
 * Sets one option in options, or one column in columns, as ext_options_parse() does. Of
 * several values for candidates the last one counts: a list of ids is set in columns, the
 * words all and sample=... in options, and each replaces the other. Error: SQLITE_ERROR
 * for an unknown name and a bad value.
 */
int ext_options_set(const char *name, const char *value, gru4rec_option_scope scope,
                    gru4rec_options *options, ext_columns *columns, ext_error *error);

/*
 * Checks the option that text ("name=value,...") begins with. If it takes a list, the
 * parts of the list must be separated by slashes, because a comma ends an option. Any
 * other option, known or not, passes. Error: SQLITE_ERROR if commas separate the parts;
 * the message shows the list with slashes.
 */
int ext_options_check_list(const char *text, ext_error *error);

/*
 * Makes options ready for use, as gru4rec_options_resolve() does: sets those that come
 * from the preset or depend on other options. Error: SQLITE_ERROR if options contradict
 * each other.
 */
int ext_options_resolve(gru4rec_options *options, ext_error *error);

/*
 * Tells whether the user gave the option of that name. It is false if a preset set the
 * option, if it has its default, and for an unknown name.
 */
bool ext_options_is_set(const gru4rec_options *options, const char *name);

/*
 * Appends ", name='value'" to text for each option of training that the user gave. Does
 * so too for an option that a model always stores (because its default has changed once),
 * if its value is not the default of this build.
 */
void ext_options_arguments(sqlite3_str *text, const gru4rec_options *options);

/*
 * Appends "name":value to json: the option of that index (gru4rec_option_describe()),
 * with its value in options, as a member of a JSON object.
 */
void ext_options_append(sqlite3_str *json, const gru4rec_options *options, size_t index);

/*
 * Returns a JSON object of the options of training: of all if is_all is true, else of
 * those that the user gave and those that a model always stores (because their default
 * has changed once). The caller frees the text; NULL means that there is not enough
 * memory.
 */
char *ext_options_json(const gru4rec_options *options, bool is_all);

/* ---- ext_poll.c ---- */

/*
 * The poll of long work outside of SQLite: now and then it lets SQLite look for an
 * interrupt and call the host's progress handler.
 */
typedef struct ext_poll {
    sqlite3 *db;
    sqlite3_stmt *stmt;  /* small statement that ext_poll_check() runs; owned, or NULL */
    double last;         /* ext_poll_seconds() when stmt last ran */
    bool is_interrupted; /* stays true from the first interrupt on */
} ext_poll;

/*
 * Starts to poll: sets all fields, and prepares the statement that ext_poll_check() runs.
 * If an interrupt is pending already, is_interrupted is set. It cannot fail: if the
 * statement cannot be prepared, later interrupts are not noticed.
 */
void ext_poll_start(ext_poll *poll, sqlite3 *db);
/*
 * Ends a poll: frees the statement and sets it to NULL; is_interrupted keeps its value.
 */
void ext_poll_stop(ext_poll *poll);
/*
 * Tells whether the work must stop, because it was interrupted or because the progress
 * handler asked for that. SQLite is asked at most every 5 ms; between two questions the
 * last answer holds.
 */
bool ext_poll_check(ext_poll *poll);
/*
 * Tells whether the work must stop, as ext_poll_check() does; poll is an ext_poll *, in
 * the form that hooks of the library take.
 */
bool ext_poll_is_stopped(void *poll);
/* Returns the seconds of a monotonic clock. */
double ext_poll_seconds(void);

/* ---- ext_progress.c ---- */

/*
 * What a training or a tuning shows on standard error: on a terminal one line that is
 * updated, and erased at the end; elsewhere, if the user asked for that, one line at the
 * end.
 */
typedef struct ext_progress {
    bool is_line, is_log; /* which of the two lines is shown; both false: none */
    bool is_plain;        /* the terminal knows no escape sequences */
    /*
     * What the lines call one unit of the work, and the figure that they show of it.
     * ext_progress_start() sets "epoch" and "loss"; a tuning sets other words afterwards.
     * Borrowed.
     */
    const char *unit, *figure;
    int columns;           /* width to use where the terminal does not know its own */
    int n_written;         /* number of columns of the line on the terminal now */
    size_t n_before;       /* number of epochs that earlier calls did */
    double start, last;    /* ext_poll_seconds() at the start, at the last update */
    gru4rec_progress seen; /* the progress that was reported last */
} ext_progress;

/*
 * Starts to show progress. verbose: the value of the option. On a terminal the line is
 * shown unless it is GRU4REC_OFF; elsewhere only if it is GRU4REC_ON. n_before: epochs
 * that earlier calls did, which the speed must not count.
 */
void ext_progress_start(ext_progress *line, int64_t verbose, size_t n_before);
/*
 * Keeps a copy of progress, for the line at the end; and updates the line on the terminal
 * if it is shown, if the first epoch has begun, and if the last update is 0.2 seconds
 * old.
 */
void ext_progress_show(ext_progress *line, const gru4rec_progress *progress);
/* What the line at the end says. */
typedef struct ext_progress_end {
    size_t n; /* number of units of the work (epochs of a training) that were done */
    /*
     * The number of events that were worked on, and the last value of the figure that
     * ext_progress names. If events is 0 or loss is NAN, the line shows no figure and no
     * speed.
     */
    double events, loss;
    bool is_done; /* the work reached its end; false: it was stopped */
} ext_progress_end;
/*
 * Ends the progress of any work: erases the line on the terminal, if one was written; or
 * writes the line at the end, if that was asked for. ext_progress_stop() does so for a
 * training.
 */
void ext_progress_end_with(ext_progress *line, const ext_progress_end *end);
/*
 * Ends the progress of a training: erases the line on the terminal, if one was written;
 * or writes the line at the end, if that was asked for. epochs (n_epochs): those that
 * this call did; is_done: the training reached its end. The loss is that of the epoch in
 * which the training stopped; before its first step, that of the last epoch.
 */
void ext_progress_stop(ext_progress *line, const gru4rec_epoch *epochs, size_t n_epochs,
                       bool is_done);

/* ---- ext_worker.c ---- */

/*
 * Does job i of a worker (ext_worker). A job must call no function of SQLite except its
 * memory allocator, because the job may run in another thread.
 */
typedef void ext_worker_job(void *context, size_t i);

/*
 * A thread that does jobs 0, 1, 2, ... one after another while the caller works on. The
 * caller says how many jobs are ready. If a thread is not worth its cost, or cannot be
 * started, the caller's own thread does each job at the moment when it becomes ready.
 */
typedef struct ext_worker {
    ext_worker_job *job;
    void *context;             /* for job; borrowed */
    size_t n_ready;            /* jobs that may be done */
    bool is_over, is_threaded; /* no more jobs will come; there is a thread */
    _Atomic size_t n_done;     /* jobs that the thread has done */
    pthread_mutex_t lock;      /* for n_ready and is_over */
    pthread_cond_t changed;    /* signals a change of n_ready or is_over */
    pthread_t thread;
} ext_worker;

/*
 * If at least this number of bytes is to be read, a thread is worth its cost; reading so
 * many bytes takes some milliseconds.
 */
enum { EXT_WORKER_FROM = 16 << 20 };

/*
 * Starts a worker, with a thread if is_worth_it, if SQLite may allocate memory in another
 * thread, and if the system can start one. The worker must stay at its address until
 * ext_worker_finish(). It cannot fail.
 */
void ext_worker_start(ext_worker *worker, ext_worker_job *job, void *context,
                      bool is_worth_it);
/*
 * Says that jobs 0 to n - 1 of the worker are ready. n never falls. If the worker has no
 * thread, the jobs that became ready are done here.
 */
void ext_worker_ready(ext_worker *worker, size_t n);
/* Tells whether all jobs of the worker that are ready are done. */
bool ext_worker_is_idle(ext_worker *worker);
/*
 * Waits until all jobs of the worker that are ready are done, then ends its thread and
 * frees what belongs to the thread. Without a thread it does nothing.
 */
void ext_worker_finish(ext_worker *worker);

/* ---- ext_table.c ---- */

typedef struct ext_table_function ext_table_function;

/* A virtual table. home names a model if the table is the model's own. */
typedef struct ext_table {
    sqlite3_vtab base;
    const ext_table_function *function;
    ext_home home;
    struct ext_cursor *open; /* list of its open cursors, or NULL */
} ext_table;

/*
 * EXT_TABLE_ARGUMENTS: the largest number of arguments of a table; each has a bit of
 * idxNum. EXT_TABLE_MISSING: the first of the bits of idxNum for missing arguments.
 */
enum { EXT_TABLE_ARGUMENTS = 8, EXT_TABLE_MISSING = 22 };

/* A hidden column of a virtual table that is an argument of the table. */
typedef struct ext_table_argument {
    const char *name;
    const char *example; /* "name = value", for messages */
} ext_table_argument;

/* A plan for a scan of a virtual table, which xBestIndex makes. */
typedef struct ext_table_plan {
    const ext_table_function *function;
    sqlite3_index_info *info;
    int n_argv;        /* number of values that start will get, so far */
    sqlite3_str *text; /* the constraints, for EXPLAIN QUERY PLAN */
} ext_table_plan;

/*
 * What the cursors of all virtual tables of the extension have in common; it is the first
 * member of each of them.
 */
typedef struct ext_cursor {
    sqlite3_vtab_cursor base;
    sqlite3_value *arguments[EXT_TABLE_ARGUMENTS]; /* copies, owned; NULL: not given */
    uint64_t hash; /* of values that many rows share; at first, of the arguments */
    int64_t row;   /* number of the row among those with that hash, from 0 */
    bool is_eof;   /* there are no more rows */
    struct ext_cursor *next_open; /* another open cursor of the table, or NULL */
} ext_cursor;

/*
 * A kind of table. Its declaration has n_columns columns that its rows fill, then
 * n_arguments hidden columns that are its arguments, then more hidden columns if the kind
 * has a use for them. The frame (ext_table.c) keeps the arguments, gives the error for
 * one that is missing, gives the rowids, and opens and ends the ext_entry of each call.
 * The functions of this struct give the rows.
 *
 * In idxNum bit i is set if argument i is given, and bit EXT_TABLE_MISSING + i if
 * argument i is not given although the query reads it. plan may set the bits from
 * EXT_TABLE_ARGUMENTS to EXT_TABLE_MISSING - 1.
 */
struct ext_table_function {
    const char *name;        /* in SQL */
    const char *declaration; /* CREATE TABLE x(...) */
    int trust;               /* SQLITE_VTAB_INNOCUOUS or SQLITE_VTAB_DIRECTONLY */
    size_t cursor_bytes;     /* size of its cursor, which begins zeroed */
    int n_columns, n_arguments;
    const ext_table_argument *arguments; /* (n_arguments) */
    int n_needed;                        /* the first n_needed arguments must be given */
    const char *usage;   /* the message, after name(), if one of these is missing */
    int n_ordered;       /* rows come in ascending order of the first n_ordered columns */
    double n_rows, cost; /* estimates for SQLite */
    /*
     * Adds to the plan constraints on columns that are no arguments, and may set the
     * order and the estimates; or NULL.
     */
    void (*plan)(ext_table_plan *plan);
    /*
     * Goes to the first row of a scan, or sets is_eof if there is none. argv: the values
     * of the constraints that plan used, in their order. The first failure is in error;
     * the frame (ext_table.c) then sets is_eof, and calls stop later.
     */
    int (*start)(ext_cursor *cursor, int idx_num, sqlite3_value **argv, ext_error *error);
    /*
     * Goes to the next row of the scan, or sets is_eof if there is none; failures as for
     * start. The frame (ext_table.c) has added 1 to row before.
     */
    int (*next)(ext_cursor *cursor, ext_error *error);
    /*
     * Makes the value of column i of the cursor's row the result in context; column i is
     * never an argument.
     */
    void (*column)(const ext_cursor *cursor, sqlite3_context *context, int i);
    /*
     * Frees what start and next made in the cursor, and makes those fields zero. It is
     * called before each start and before the close, also if start or next failed or
     * nothing was started.
     */
    void (*stop)(ext_cursor *cursor);
    /* Frees what the cursor keeps from one start to the next, after stop; or NULL. */
    void (*close)(ext_cursor *cursor);
};

/*
 * Declares the table to SQLite and allocates its object, which ext_table_disconnect()
 * frees. declaration: that of the function, or another form of it for the table of a
 * model. schema and name: of the model, if the table is a model's own, else NULL. Errors:
 * SQLITE_NOMEM, and SQLite's. After a failure *out is NULL.
 */
int ext_table_new(ext_table **out, const ext_table_function *function,
                  const char *declaration, sqlite3 *db, ext_connection *connection,
                  const char *schema, const char *name, ext_error *error);

/*
 * Makes the value of the constraint with that index in plan->info the next value that
 * start gets, sets bit in idxNum, and appends the constraint to plan->text. name: name of
 * its column, for that text.
 */
void ext_table_use(ext_table_plan *plan, int constraint, int bit, const char *name);

/*
 * Sets the error for a needed argument that is not given: SQLITE_ERROR, with the usage of
 * the function. Returns the code.
 */
int ext_table_usage(const ext_cursor *cursor, ext_error *error);

/* Returns the home of the cursor's table, which lives as long as the table. */
const ext_home *ext_table_home(const ext_cursor *cursor);

/* The methods of a module whose tables are ext_tables; their contracts are SQLite's. */
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

/*
 * The same methods as designated initialisers, for an sqlite3_module that is the member
 * at of the struct that is initialised.
 */
#define EXT_TABLE_METHODS(at)                                                          \
    at.xBestIndex = ext_table_best_index, at.xDisconnect = ext_table_disconnect,       \
    at.xOpen = ext_table_open, at.xClose = ext_table_close,                            \
    at.xFilter = ext_table_filter, at.xNext = ext_table_next, at.xEof = ext_table_eof, \
    at.xColumn = ext_table_column, at.xRowid = ext_table_rowid

#endif

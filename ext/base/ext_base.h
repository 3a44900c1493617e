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
    int rc; /* SQLite result code, extended if SQLite gave it; SQLITE_OK: no error */
    char *message;  /* "what is wrong; what to do"; owned; NULL: none */
    bool is_sqlite; /* ext_error_db() set it: the error is SQLite's, not ours */
    bool is_limit;  /* ext_budget.c set it: a limit of memory, not a damaged model */
} ext_error;

/*
 * Sets the code of the error to rc (not SQLITE_OK), and its message to the text that
 * format, as for sqlite3_mprintf(), makes of the arguments. If the error is set already,
 * changes nothing. The stored message is made valid UTF-8 on one line, whatever the
 * arguments hold. The caller must pass text of unlimited length through an ext_show
 * first, which cuts it. If there is no memory for the message, the code is set and the
 * message is NULL. Returns the code that the error has now.
 */
int ext_error_set(ext_error *error, int rc, const char *format, ...) EXT_PRINTF(3, 4);

/*
 * Makes the last error of the connection the error: sets the extended code, the message,
 * and is_sqlite. If the error is set already, changes nothing.
 * The message is "what: SQLite's message". what says what was tried; if what is NULL, the
 * message is SQLite's alone. If SQLite's message begins with "gru4rec: ", it comes from a
 * nested call of this extension: then the message is the rest of it, without what.
 * There are three exceptions. If the connection has no error, the code is SQLITE_ERROR.
 * For SQLITE_NOMEM, the message is NULL. For SQLITE_INTERRUPT, the message is
 * "interrupted". The last two do not set is_sqlite. Returns the code that the error has
 * now.
 */
int ext_error_db(ext_error *error, sqlite3 *db, const char *what);

/*
 * Turns status, which a function of the library returned, into the error. If status is
 * GRU4REC_OK, sets nothing and returns SQLITE_OK, even if the error is set. If the error
 * is set already, it stays as it is. GRU4REC_NOMEM becomes SQLITE_NOMEM,
 * GRU4REC_INTERRUPTED becomes SQLITE_INTERRUPT, and any other status becomes
 * SQLITE_ERROR. message: the library's message, which is copied; NULL or empty: there is
 * none. Without the library's message the error's message is "interrupted" or "internal
 * error"; for SQLITE_NOMEM it is NULL. Returns SQLITE_OK, or the code that the error has
 * now.
 */
int ext_error_library(ext_error *error, gru4rec_status status,
                      const gru4rec_error *message);

/*
 * Sets the code of the error to SQLITE_NOMEM, and sets no message. If the error is set
 * already, changes nothing. Returns the code that the error has now.
 */
int ext_error_nomem(ext_error *error);

/*
 * Returns the message of a set error, or "out of memory" if its message is NULL. The text
 * is borrowed; it is valid until the error changes.
 */
const char *ext_error_message(const ext_error *error);

/*
 * Moves other, which must be a set error, into error: its code, is_sqlite, is_limit, and
 * its message ("out of memory" if that is NULL) with the text before in front of it and
 * the text behind after it. If error is set already, error stays as it is. other is
 * cleared and its message freed in any case. Returns the code that error has now.
 */
int ext_error_wrap(ext_error *error, ext_error *other, const char *before,
                   const char *behind);

/*
 * Appends words to the message of a set error. If the message is NULL, the new message is
 * "out of memory" and words. If there is no memory for the longer message, the old
 * message is freed and the message becomes NULL. The code stays.
 */
void ext_error_add(ext_error *error, const char *words);

/* Tells whether the primary code of the error (its low byte) is primary_code. */
bool ext_error_is(const ext_error *error, int primary_code);

/*
 * The next three functions give a set error to SQLite, with "gru4rec: " before its
 * message, and then clear it. First, if the user's transaction was lost
 * (ext_entry_is_rolled_back()), they append to the message that the whole transaction was
 * rolled back. Therefore the caller must call them before the ext_entry of the call ends.
 * They cannot fail.
 */

/*
 * Makes the error the result of an SQL function, with "gru4rec: " before its message, and
 * clears the error. If the error is not set, the result is not touched. SQLITE_FULL and
 * SQLITE_IOERR become SQLITE_ERROR inside a transaction of the user's, because SQLite
 * would roll that transaction back. If the error has no message, or there is no memory
 * for it with the prefix, the result is SQLITE_NOMEM.
 */
void ext_error_result(ext_error *error, sqlite3_context *context);
/*
 * Puts the error's message, with "gru4rec: " before it, into vtab->zErrMsg, frees the
 * message that was there, clears the error, and returns the code that the error had. If
 * the error is not set, returns SQLITE_OK. If it is not set or has no message,
 * vtab->zErrMsg stays.
 */
int ext_error_vtab(ext_error *error, sqlite3_vtab *vtab);
/*
 * Puts a copy of the error's message, with "gru4rec: " before it, into *message, which
 * the caller frees (nowhere if message is NULL); clears the error, and returns the code
 * that the error had. If the
 * error is not set, *message is not touched and SQLITE_OK is returned. *message is NULL
 * if the error has no message or there is no memory for the copy.
 */
int ext_error_text(ext_error *error, char **message);

/*
 * Frees the message of the error and makes all fields of the error zero: the error is
 * then not set. The ext_error itself is not freed.
 */
void ext_error_clear(ext_error *error);

/* ---- ext_show.c ---- */

/*
 * Room for the text form of a value that a user gave. The text becomes a part of a
 * message.
 */
typedef struct ext_show {
    char text[256];
} ext_show;

/*
 * The next three functions write the text form of a value into the ext_show, in place of
 * what it held, and return it. The text is valid until the ext_show is used again or
 * ends. A TEXT is written by gru4rec_show(), which escapes control characters and cuts it
 * to the room. A BLOB is written as x'01020304...', with only its first 4 bytes. A REAL
 * is written with up to 15 digits, as SQLite prints it, but with all digits if its
 * absolute value is from 2^53 to below 2^63. They cannot fail.
 */

/*
 * Shows a text, without quotes. For the pointer NULL it returns the constant "NULL" and
 * writes nothing.
 */
const char *ext_show_text(ext_show *show, const char *text);
/* Shows an id of any type, without quotes. */
const char *ext_show_id(ext_show *show, const gru4rec_id *id);
/*
 * Shows a value: a BLOB without quotes, any other value, also a number, in single quotes.
 * For NULL, and for a text that SQLite has no memory for, it returns the constant "NULL".
 */
const char *ext_show_value(ext_show *show, sqlite3_value *value);

/* ---- ext_memory.c ---- */

/*
 * The allocator of the extension, which the library gets. Blocks below 1 MiB come from
 * SQLite. Other blocks come from the C library, because a block of SQLite is smaller than
 * 2 GiB. But while SQLite has a hard heap limit, all blocks below 2 GiB come from SQLite,
 * and a larger block is refused (NULL) if all memory in use would pass that limit. A
 * block that grows or shrinks can move from one source to the other. Random numbers come
 * from sqlite3_randomness().
 */
extern const gru4rec_allocator ext_memory;
/*
 * Returns the size in bytes of a block of ext_memory (not NULL): the number that the
 * caller asked for when the block was allocated or last resized.
 */
size_t ext_memory_bytes(const void *block);
/*
 * Returns the bytes of memory in use in this process: of all blocks of ext_memory that
 * come from the C library, and of all that SQLite has allocated. SQLite's part is 0 if
 * the host made SQLite not count its memory.
 */
uint64_t ext_memory_used(void);

/* ---- ext_container.c ---- */

/* The tightest limits of the control groups (cgroups) that the process belongs to. */
typedef struct ext_container {
    uint64_t memory; /* the lowest limit, in bytes; UINT64_MAX: there is none */
    uint64_t room;   /* bytes left below the limits now; UINT64_MAX: there is no limit */
    int processors;  /* CPU quota in whole processors, rounded up; 0: there is no quota */
} ext_container;

/*
 * The processes that work together on this machine, this one among them, and divide it
 * among themselves. Without MPI there is one.
 */
typedef struct ext_container_ranks {
    int n;          /* at least 1 */
    int processors; /* that they may use together; 0: unknown */
} ext_container_ranks;

/*
 * Sets all fields of *container: reads the limits of the process's control group and of
 * all groups above it, and keeps the lowest of each kind. room counts page cache as free.
 * root: a prefix of all paths that are read, such as root/proc/self/cgroup; it is ""
 * except in tests. A file that is missing or not readable counts as no limit, so this
 * cannot fail.
 */
void ext_container_read(ext_container *container, const char *root);

/*
 * Sets what ext_container_share_of() returns from now on, for all threads. ext/mpi calls
 * it once, when it has found the other ranks.
 */
void ext_container_share(int n, int processors);
ext_container_ranks ext_container_share_of(void);

/* ---- ext_budget.c ---- */

/* The limit of memory that applies, or that refused an allocation. */
typedef enum ext_budget_limit {
    EXT_BUDGET_NONE,      /* no limit refused */
    EXT_BUDGET_OPTION,    /* the option memory_limit */
    EXT_BUDGET_DEFAULT,   /* 80 % of the memory of machine or container: no option */
    EXT_BUDGET_SHARE,     /* the part of it that is left for one of several ranks */
    EXT_BUDGET_CONTAINER, /* the memory that the container has left */
    EXT_BUDGET_HEAP       /* SQLite's hard heap limit */
} ext_budget_limit;

/*
 * The memory that one call of the user's uses. Its allocator counts the bytes that are
 * allocated now. It returns NULL, and notes the limit in refused, if an allocation would
 * pass a limit. The ext_budget must stay at its address as long as a block of its
 * allocator exists, because the allocator points to it.
 */
typedef struct ext_budget {
    gru4rec_allocator allocator; /* counts the bytes, and allocates with ext_memory */
    uint64_t used;               /* bytes that are allocated now */
    uint64_t most;            /* largest allowed value of used, without the heap limit */
    ext_budget_limit limit;   /* where most comes from */
    ext_budget_limit refused; /* the limit that refused last; EXT_BUDGET_NONE: none has */
} ext_budget;

/*
 * Sets all fields of a budget, with nothing used and nothing refused. memory_limit: the
 * most bytes that the call may use; 0: 80 % of the memory of the machine, or of the
 * container if that has less, divided among the ranks on the machine. If 15/16 of the
 * memory that the container has free now, divided in the same way, is less than this
 * number, the budget allows only that. The container is looked at once, here; SQLite's
 * hard heap limit is looked at with each allocation. Nothing has to be freed at the end.
 * It cannot fail.
 */
void ext_budget_start(ext_budget *budget, int64_t memory_limit);

/*
 * Checks, before the caller allocates n more bytes, that the limits of the budget and
 * SQLite's hard heap limit allow them. Allocates and counts nothing, and does not change
 * refused. If a limit does not allow them, the error is SQLITE_ERROR with is_limit set;
 * its message says how much is needed, how much is allowed, and which limit it is. what:
 * what needs the memory; advice: how to need less of it, or NULL; both are parts of the
 * message.
 */
int ext_budget_check(const ext_budget *budget, uint64_t n, const char *what,
                     const char *advice, ext_error *error);

/*
 * Replaces an error that is SQLITE_NOMEM by an SQLITE_ERROR that names the limit and has
 * is_limit set. The limit is budget->refused; if no limit of the budget refused, it is
 * SQLite's hard heap limit, if there is one (SQLite does not tell whether that limit
 * refused). If there is neither, or if the error is another one or not set, the error
 * stays as it is. The reason: after SQLITE_NOMEM SQLite rolls back the user's
 * transaction, after SQLITE_ERROR it does not. what, advice: as for ext_budget_check(),
 * but advice must not be NULL. Returns the code that the error has now.
 */
int ext_budget_explain(const ext_budget *budget, const char *what, const char *advice,
                       ext_error *error);

/* ---- ext_help.c ---- */

/* Kinds of what the help describes, as gru4rec_help() names them. */
#define EXT_HELP_MODULE "module"
#define EXT_HELP_SCALAR "function"
#define EXT_HELP_AGGREGATE "aggregate function"
#define EXT_HELP_TABLE "table-valued function"
#define EXT_HELP_SHADOW "table of a model"

/* The help on a function or a table. All texts are static. */
typedef struct ext_help {
    const char *name;
    const char *kind;    /* one of EXT_HELP_... */
    const char *usage;   /* the call: arguments with types, and what it returns */
    const char *help;    /* what it does */
    const char *notes;   /* NULLs, errors and cost */
    const char *example; /* one statement, without a semicolon */
} ext_help;

/* The number of rows of the help: functions and tables, but not options. */
size_t ext_help_count(void);
/* Row i of the help; i must be below ext_help_count(). */
const ext_help *ext_help_row(size_t i);
/*
 * Checks that the help has a row of that name. SQLITE_ERROR: it has none. So nothing can
 * be registered that the help does not describe.
 */
int ext_help_check(const char *name, ext_error *error);

/* ---- ext_home.c ---- */

/*
 * What the extension keeps for a connection. ext_cache.h defines it; ext/base/ only
 * passes the pointer on.
 */
typedef struct ext_connection ext_connection;

/*
 * One model in one database of one connection. Every function that works on a model takes
 * an ext_home.
 */
typedef struct ext_home {
    sqlite3 *db;                /* borrowed */
    ext_connection *connection; /* borrowed */
    char *schema, *name;        /* of the model; owned; both NULL: no model is named */
} ext_home;

/*
 * Sets all fields of the home: borrows db and connection, and copies schema and name. The
 * caller frees the copies with ext_home_clear(). Error: SQLITE_NOMEM; then home->schema
 * and home->name are NULL, and the caller need not clear the home.
 */
int ext_home_init(ext_home *home, sqlite3 *db, ext_connection *connection,
                  const char *schema, const char *name, ext_error *error);
/*
 * Frees home->schema and home->name and sets both to NULL. The ext_home itself is not
 * freed.
 */
void ext_home_clear(ext_home *home);
/*
 * Returns the path of the file of the home's database, as a copy that the caller frees.
 * For a database in memory, or a temporary one, which has no file, the copy is the
 * address of the connection, written as text. NULL means that there is not enough memory.
 */
char *ext_home_file(const ext_home *home);
/*
 * Returns the size in bytes of the home's database: its number of pages times the page
 * size. Returns INT64_MAX if one of the two cannot be read or is 0. Errors are dropped.
 */
int64_t ext_home_database_bytes(const ext_home *home);

/* ---- ext_sql.c ---- */

/*
 * Prepares the one statement that format, as for sqlite3_mprintf(), makes of the
 * arguments, and does not run it. The caller finalizes *stmt. Errors: SQLite's;
 * SQLITE_ERROR if the text is empty or holds more than one statement; SQLITE_AUTH if an
 * authorizer of the host answered SQLITE_IGNORE, so that the statement would do nothing.
 * After a failure *stmt is NULL.
 */
int ext_sql_prepare(sqlite3 *db, sqlite3_stmt **stmt, ext_error *error,
                    const char *format, ...);

/*
 * Prepares one statement as ext_sql_prepare() does, but for SQL that uses what the
 * database itself stores, such as a model's source, which may be forged. Therefore SQLite
 * restricts the statement as it restricts a view: a function or a table that SQLite
 * forbids in a view is an error. Old versions of SQLite do not know this restriction, and
 * prepare the statement without it.
 */
int ext_sql_prepare_stored(sqlite3 *db, sqlite3_stmt **stmt, ext_error *error,
                           const char *format, ...);

/*
 * Prepares one statement as ext_sql_prepare() does, but forgives a failure: *stmt is then
 * NULL, the error is not set, and SQLITE_OK is returned. Only SQLITE_NOMEM,
 * SQLITE_INTERRUPT and SQLITE_AUTH set the error and are returned.
 */
int ext_sql_try(sqlite3 *db, sqlite3_stmt **stmt, ext_error *error, const char *format,
                ...);

/*
 * Prepares one statement as ext_sql_prepare() does, runs it to its end, and finalizes it;
 * rows that it gives are dropped. Errors: those of ext_sql_prepare(), and SQLite's while
 * the statement runs.
 */
int ext_sql_run(sqlite3 *db, ext_error *error, const char *format, ...);

/*
 * Ends a loop over rows: finalizes stmt in any case. rc is the code that ended the loop,
 * from sqlite3_step() or from a function that set the error. If rc is SQLITE_DONE,
 * SQLITE_ROW (the loop needed no more rows) or SQLITE_OK, returns SQLITE_OK. Otherwise
 * the loop failed: if the error is not set yet, makes SQLite's last error the error and
 * returns its code; if it is set, returns rc. what: text before SQLite's message, or
 * NULL. stmt may be NULL if the error is set or rc is SQLITE_OK.
 *
 * A text that SQLite has no memory to convert reads as NULL, and the loop may have taken
 * it for one. So if that happened in any row, the error becomes SQLITE_NOMEM: also if the
 * loop succeeded, and in place of an error that it set, unless that has is_limit set.
 */
int ext_sql_finish(sqlite3_stmt *stmt, int rc, const char *what, ext_error *error);

/*
 * Runs a query, such as a PRAGMA, as far as its first row, and returns the integer in the
 * first column. Returns 0 if the query has no row or cannot run; errors are dropped.
 */
int64_t ext_sql_probe(sqlite3 *db, const char *sql);

/*
 * Sets the busy timeout of the connection to ms milliseconds, if the timeout is longer
 * now. Returns the timeout before. The caller later gives that, with the same ms, to
 * ext_sql_restore_timeout(). A busy handler of the host is not replaced, and may wait
 * longer: SQLite has no call to read the handler, so nobody could put it back.
 */
int ext_sql_shorten_timeout(sqlite3 *db, int64_t ms);
/*
 * Sets the busy timeout of the connection back to before, which ext_sql_shorten_timeout()
 * returned for the same ms. If that function changed nothing (before is not above ms), it
 * does nothing.
 */
void ext_sql_restore_timeout(sqlite3 *db, int before, int64_t ms);

/*
 * Sets the error for a column of stmt that is NULL although it never can be, or whose
 * copy (ext_sql_text()) is: SQLITE_NOMEM if that is the connection's last error, or if no
 * column of the row is NULL; else SQLITE_AUTH, because an authorizer answered
 * SQLITE_IGNORE. If the error is set already, it stays. Returns the code that the error
 * has now. The statement is not finalized.
 */
int ext_sql_fail_null(sqlite3_stmt *stmt, ext_error *error);

/*
 * Tells whether any statement of the connection, also one of the host's, may write and
 * has begun but not ended.
 */
bool ext_sql_is_writing(sqlite3 *db);

/*
 * Puts the name of schema number i of the connection, in the order of PRAGMA
 * database_list (from 0), into *name, which the caller frees. If there is no such schema,
 * *name is NULL and there is no error. After a failure *name is NULL too. Errors:
 * SQLITE_NOMEM; before SQLite 3.39 also those of ext_sql_prepare().
 */
int ext_sql_schema(char **name, sqlite3 *db, int i, ext_error *error);

/*
 * Makes SQLite notice what other connections changed in the schemas. SQLite notices this
 * only when a statement reads the schema; so this function runs one small SELECT on each
 * schema except "temp", which no other connection can change. It stops at the first
 * schema that fails with SQLITE_BUSY, SQLITE_LOCKED, SQLITE_NOMEM, SQLITE_INTERRUPT,
 * SQLITE_IOERR or SQLITE_FULL; these are its errors, and those of ext_sql_schema(). A
 * schema that cannot be read for another reason is passed over.
 */
int ext_sql_refresh(sqlite3 *db, ext_error *error);

/*
 * Returns a copy of the value of a column in the statement's current row, as text, which
 * the caller frees. Returns NULL if the value is NULL or there is not enough memory.
 */
char *ext_sql_text(sqlite3_stmt *stmt, int column);

/* ---- ext_query.c ---- */

/*
 * Prepares SQL on the tables of a model and binds its parameters; does not run it. In
 * sql, @config, @version, @epoch, @item, @tensor, @blend, @trial and @source are replaced
 * by the names of these tables, @model by the name of the model's own table, each with
 * its schema, and @schema by the name of the schema; all are quoted. types has one letter
 * for each parameter ?1, ?2, ..., and the values follow: i is an int64_t; d is a double
 * (NAN is bound as NULL); s is a const char *, which is copied and may be NULL. The
 * caller finalizes *stmt, which is NULL after a failure. Errors: those of
 * ext_sql_prepare(), and SQLite's.
 */
int ext_query(const ext_home *home, sqlite3_stmt **stmt, ext_error *error,
              const char *sql, const char *types, ...);

/*
 * Prepares SQL on the tables of a model as ext_query() does, with its parameters, runs it
 * to its end, and finalizes it; rows that it gives are dropped. Errors: those of
 * ext_query(), and SQLite's while the statement runs.
 */
int ext_query_run(const ext_home *home, ext_error *error, const char *sql,
                  const char *types, ...);

/*
 * Prepares SQL on the tables of a model and runs it to its end, as ext_query_run() does,
 * and puts the first column of the first row, as an integer, into *integer. *integer is 0
 * if there is no row, if the value is NULL, and if the SQL cannot be prepared. Later rows
 * are read and dropped.
 */
int ext_query_integer(const ext_home *home, int64_t *integer, ext_error *error,
                      const char *sql, const char *types, ...);

/* ---- ext_savepoint.c ---- */

/*
 * An open savepoint: everything that is written from its start to its end is kept as one,
 * or undone as one. The end restores last_insert_rowid() in both cases, so no writer has
 * to care for it.
 */
typedef struct ext_savepoint {
    sqlite3 *db;
    bool is_alone;       /* it began in autocommit, so it has a transaction of its own */
    sqlite3_int64 rowid; /* the user's last_insert_rowid(), which the end restores */
    sqlite3_stmt *guard; /* rolls back when nothing else can (ext_savepoint.c); owned */
    /*
     * The function that the end of the savepoint calls once, or NULL.
     * ext_savepoint_start() sets it to NULL; the caller may set it afterwards. is_kept is
     * true if everything that was written is committed now. It is false after an undo,
     * and also after a release inside a transaction of the user's, because the user may
     * still roll back.
     */
    void (*on_end)(const struct ext_savepoint *savepoint, bool is_kept);
    void *context; /* for on_end, which finds it here; borrowed */
} ext_savepoint;

/*
 * Sets all fields of *savepoint and opens a savepoint, which in autocommit also begins a
 * transaction. The caller must end it by ext_savepoint_end(), or by
 * ext_savepoint_release() and ext_savepoint_undo(). Errors: SQLite's, such as SQLITE_BUSY
 * while a statement of this connection writes, and SQLITE_AUTH if an authorizer answers
 * SQLITE_IGNORE. After a failure no savepoint is open.
 */
int ext_savepoint_start(ext_savepoint *savepoint, sqlite3 *db, ext_error *error);

/*
 * Takes the write lock of the schema for the rest of the transaction, and makes SQLite
 * read that schema anew if another connection changed it. In a database with auto_vacuum
 * it may move one page. It must be the first statement in the savepoint: SQLite calls the
 * host's busy handler for it only if the transaction has read nothing yet. Errors:
 * SQLite's, such as SQLITE_BUSY. After a failure the savepoint is still open.
 */
int ext_savepoint_lock(const ext_savepoint *savepoint, const char *schema,
                       ext_error *error);

/*
 * Keeps what was written since the start, ends the savepoint, frees its guard, restores
 * last_insert_rowid(), and calls on_end if there is one. In autocommit this commits; in a
 * transaction of the user's, the user commits later. Errors: SQLite's, and SQLITE_AUTH if
 * an authorizer answers SQLITE_IGNORE. After a failure on_end is not called. After
 * SQLITE_BUSY (for example because a reader holds up the commit) the savepoint is still
 * open, and the caller may call this again or undo. After any other error the caller must
 * undo.
 */
int ext_savepoint_release(ext_savepoint *savepoint, ext_error *error);

/*
 * Undoes what was written since the start, ends the savepoint, frees its guard, restores
 * last_insert_rowid(), and calls on_end (with is_kept false) if it was not called yet.
 * The connection is then as it was before the start. If the transaction has ended
 * already, there is nothing to undo. If the savepoint is in the user's transaction and
 * cannot be undone alone (for example because an interrupt is pending), the whole of the
 * transaction is rolled back. It cannot fail.
 */
void ext_savepoint_undo(ext_savepoint *savepoint);

/*
 * Ends the savepoint in any case. If rc is SQLITE_OK, releases it; if rc is anything
 * else, or the release fails (also with SQLITE_BUSY), undoes it. Returns the code of the
 * error, which has the first failure; a caller that gives another rc than SQLITE_OK has
 * set the error.
 */
int ext_savepoint_end(ext_savepoint *savepoint, int rc, ext_error *error);

/*
 * Checks that the connection can write to the schema; writes nothing and takes no lock.
 * Error: SQLITE_READONLY, for a read-only database or after PRAGMA query_only. verb: what
 * the message tells the user to do on another connection, such as "train".
 */
int ext_savepoint_check_writable(sqlite3 *db, const char *schema, const char *verb,
                                 ext_error *error);

/*
 * Does nothing in autocommit. In a transaction of the user's, takes the write lock of the
 * schema for the rest of that transaction, inside a savepoint that it opens and ends. The
 * caller must call it before it reads anything. Errors: those of ext_savepoint_start(),
 * ext_savepoint_lock() and ext_savepoint_release().
 */
int ext_savepoint_lock_ahead(sqlite3 *db, const char *schema, ext_error *error);

/*
 * Tells whether a call that failed with this error may try again, and if so, first sleeps
 * for 20 ms and clears the error; else the error stays. The call may try again only if
 * three things are true. Another connection of a shared cache holds the lock, for which
 * SQLite calls no busy handler. The connection is in autocommit. And the time of PRAGMA
 * busy_timeout has not passed since the first try began. since: that moment, in seconds
 * of ext_poll_seconds().
 */
bool ext_savepoint_may_retry(sqlite3 *db, double since, ext_error *error);

/* ---- ext_snapshot.c ---- */

/*
 * A snapshot: from its start to its end all statements of the connection read the same
 * state of the database. If all fields are zero, there is none.
 */
typedef struct ext_snapshot {
    /*
     * A statement of the snapshot's own that stands at a row: that keeps the read
     * transaction open. NULL: there is no snapshot.
     */
    sqlite3_stmt *stmt;
} ext_snapshot;

/*
 * Starts a snapshot of the home's database: runs a SELECT to its first row and keeps it
 * there, in *snapshot. The caller ends the snapshot with ext_snapshot_end(). Errors:
 * SQLite's. After a failure there is no snapshot: snapshot->stmt is NULL.
 */
int ext_snapshot_start(ext_snapshot *snapshot, const ext_home *home, ext_error *error);
/*
 * Ends a snapshot: finalizes its statement and sets it to NULL. If there is no snapshot,
 * it does nothing.
 */
void ext_snapshot_end(ext_snapshot *snapshot);

/* ---- ext_readonly.c ---- */

/*
 * Reads GRU4REC_READONLY from the environment when the extension is loaded for the first
 * time in this process. Later calls read nothing, so a later change of the environment
 * has no effect. "1": this process refuses everything that writes to a database; "0", an
 * empty text, or no such variable: it refuses nothing. Error: SQLITE_ERROR for any other
 * text; the next call then reads again.
 */
int ext_readonly_read(ext_error *error);
/* Tells whether this process refuses everything that writes to a database. */
bool ext_readonly_is_on(void);
/*
 * Refuses a call that writes, if this process refuses everything that writes. what: the
 * call as the user knows it, for the message. Error: SQLITE_READONLY.
 */
int ext_readonly_check(const char *what, ext_error *error);

/* ---- ext_entry.c ---- */

/*
 * One call of SQLite into the extension; it lives on the stack of the call's thread.
 * Calls can be nested: a source, or a view that a forged database has in place of a
 * shadow table, may read a model. The list of nested calls begins at the innermost one
 * and goes on by outer.
 */
typedef struct ext_entry {
    struct ext_entry *outer; /* the call that this one is nested in, or NULL */
    sqlite3 *db;
    /* The model that the call uses, which ext_entry_use() sets; borrowed, or NULL. */
    const ext_home *home;
    int depth;     /* 1 for the outermost call */
    bool is_alone; /* the call began in autocommit: the user has no transaction */
} ext_entry;

/*
 * Sets all fields of the entry, and makes it the innermost call of this thread. Error:
 * SQLITE_ERROR if more than 8 calls are nested. The caller must end the entry with
 * ext_entry_end(), also after this error.
 */
int ext_entry_start(ext_entry *entry, sqlite3 *db, ext_error *error);

/*
 * Tells whether the user has lost the transaction that was open when the innermost call
 * began. It is lost in two cases. It was rolled back meanwhile. Or SQLite will roll it
 * back because the call returns rc: SQLite does so after SQLITE_INTERRUPT and
 * SQLITE_IOERR, if a statement that writes is running. Returns false if no transaction
 * was open when that call began, or if no call of this thread has an entry.
 */
bool ext_entry_is_rolled_back(int rc);

/*
 * Ends the call of this entry, which must be the innermost call of this thread: the call
 * that it is nested in becomes the innermost one. The ext_entry itself is not freed.
 */
void ext_entry_end(ext_entry *entry);

/*
 * Notes in the entry of the innermost call that this call uses the model home. home must
 * live until the call ends. If no call of this thread has an entry, it does nothing.
 * Error: SQLITE_ERROR if another call, which this one is nested in, uses the same model
 * of the same connection; the note stays then too.
 */
int ext_entry_use(const ext_home *home, ext_error *error);

/*
 * Tells whether a call of this thread that has not ended uses the model through this very
 * object (home, not a copy of it). Such an object must not be freed.
 */
bool ext_entry_holds(const ext_home *home);

/* ---- ext_value.c ---- */

/*
 * The next two functions read a value, or a column of a statement's current row, as an id
 * of its own type, into *id. They return false, and *id holds no value, for NULL and for
 * a text that SQLite has no memory for (ext_value_is_short()); else true. The bytes of a
 * TEXT or BLOB are borrowed from the value, or from the row of the statement.
 */
bool ext_value_id(sqlite3_value *value, gru4rec_id *id);
bool ext_value_column(sqlite3_stmt *stmt, int column, gru4rec_id *id);
/*
 * Tells, after a function that reads an id has returned false, whether the value was a
 * text that SQLite has no memory for. False: the value was NULL.
 */
bool ext_value_is_short(const gru4rec_id *id);

/*
 * Tells whether a REAL is an integer whose absolute value is below 2^53, and puts that
 * integer into *integer; else *integer is 0. Hosts whose numbers are all REAL bind their
 * integers as such REALs; so wherever the extension takes an integer or an item, such a
 * REAL counts as the integer.
 */
bool ext_value_is_whole(double real, int64_t *integer);

/*
 * The next two functions read a value, or a column of a statement's current row, as the
 * id of an item: as ext_value_id() and ext_value_column() do, but a REAL that
 * ext_value_is_whole() accepts becomes an INTEGER. Any other type stays as it is.
 */
bool ext_value_item(sqlite3_value *value, gru4rec_id *id);
bool ext_value_item_column(sqlite3_stmt *stmt, int column, gru4rec_id *id);

/*
 * Makes an id, of any type, the result of a function or column. Text and BLOB are copied.
 */
void ext_value_result(sqlite3_context *context, const gru4rec_id *id);
/*
 * Makes the id of the item that is in this row of the catalogue items the result of a
 * function or column; a text is copied.
 */
void ext_value_result_item(sqlite3_context *context, const gru4rec_items *items,
                           int32_t row);
/*
 * Binds an id, which must be INTEGER or TEXT, to a parameter; a text is copied. Returns
 * the result code of sqlite3_bind_*(); sets no ext_error.
 */
int ext_value_bind(sqlite3_stmt *stmt, int parameter, const gru4rec_id *id);

/*
 * Sets *is_integer to whether the value is an INTEGER, a REAL that ext_value_is_whole()
 * accepts, or a TEXT that is an integer of 64 bits (white space around it is allowed),
 * and puts the integer into *integer. If *is_integer is false, which is no error,
 * *integer means nothing. Error: SQLITE_NOMEM. SQLite's type of the value does not
 * change.
 */
int ext_value_number(int64_t *integer, bool *is_integer, sqlite3_value *value,
                     ext_error *error);

/*
 * Reads an integer as ext_value_number() does into *integer, and checks that it is from
 * min to max. Errors: SQLITE_ERROR if the value is no integer, NULL included, or is
 * outside that range; SQLITE_NOMEM. After a failure *integer means nothing. name: of the
 * argument; advice: what to give; the message is "name is VALUE; give advice".
 */
int ext_value_integer(int64_t *integer, sqlite3_value *value, const char *name,
                      int64_t min, int64_t max, const char *advice, ext_error *error);

/*
 * Tells whether an argument of a function or a table is given and not SQL NULL. The
 * pointer NULL is an argument that is not given.
 */
bool ext_value_is_given(sqlite3_value *value);
/* Tells whether the id is the empty text, ''. An empty BLOB is not. */
bool ext_value_is_empty(const gru4rec_id *id);

/*
 * Reads an argument as a text into *text, which is borrowed from the value. SQLite
 * converts a number or a BLOB to text first. *text is NULL, without an error, if the
 * argument is SQL NULL, an empty BLOB, or not given (value is the pointer NULL). Errors:
 * SQLITE_ERROR if the text holds a NUL character, because what follows it would not be
 * read; SQLITE_NOMEM. *text is NULL after an error. what: names the argument in the
 * message.
 */
int ext_value_text(const char **text, sqlite3_value *value, const char *what,
                   ext_error *error);

/* Room into which ext_value_name() writes the name of a model that is given as a REAL. */
typedef struct ext_name {
    char text[24];
} ext_name;

/*
 * Reads the name of a model as ext_value_text() does, but value must not be the pointer
 * NULL, and a REAL is not converted by SQLite. A REAL that ext_value_is_whole() accepts
 * is written into room as that integer, without ".0", and *text points there. *text is
 * valid as long as value and room. Error: SQLITE_ERROR for any other REAL, and for a text
 * with a NUL character. After an error *text must not be used.
 */
int ext_value_name(const char **text, ext_name *room, sqlite3_value *value,
                   ext_error *error);

/*
 * Continues a hash: mixes the type and the content of value into hash and returns the
 * result. A first call gives any start, such as 0. The pointer NULL counts as SQL NULL.
 * Values that are equal in type and content give the same result.
 */
uint64_t ext_value_hash(uint64_t hash, sqlite3_value *value);

/*
 * Returns how many of the n bytes, counted from the first, are valid UTF-8 characters
 * without a gap: the place of the first character that is invalid or cut off, or n if all
 * are valid.
 */
size_t ext_value_utf8(const void *bytes, size_t n);

/*
 * The next four functions copy n float32 values, or n words of 32 bits, from or to 4 n
 * bytes in little-endian order. "read" copies from the bytes, "write" to them. bytes need
 * not be aligned.
 */
void ext_value_read_floats(gru4rec_real *values, const unsigned char *bytes, size_t n);
void ext_value_write_floats(unsigned char *bytes, const gru4rec_real *values, size_t n);
void ext_value_read_words(uint32_t *words, const unsigned char *bytes, size_t n);
void ext_value_write_words(unsigned char *bytes, const uint32_t *words, size_t n);

/* ---- ext_json.c ---- */

/*
 * Tells whether the JSON holds an escape of the NUL character in any form, such as
 * \u0000.
 */
bool ext_json_has_nul(const char *json);

/*
 * Makes JSON that every version of SQLite reads to its end. If json has no escaped NUL
 * character, *guarded is NULL, and json itself can be read. Else *guarded is a copy in
 * which each NUL is replaced by two other characters; the caller frees it, and must pass
 * each text that SQLite reads from the copy through ext_json_restore(). Error:
 * SQLITE_NOMEM; then *guarded is NULL.
 */
int ext_json_guard(char **guarded, const char *json, ext_error *error);

/*
 * Puts back, in place, the NUL characters that ext_json_guard() replaced, in a text of n
 * bytes that SQLite read from the guarded copy. Returns the new length of the text in
 * bytes, which is at most n. The text is not NUL-terminated anew.
 */
size_t ext_json_restore(char *text, size_t n);

/*
 * Appends the text (NUL-terminated) to json as a JSON string: in double quotes, with
 * quotes, backslashes and control characters escaped. If there is not enough memory,
 * sqlite3_str_errcode(json) says so.
 */
void ext_json_append(sqlite3_str *json, const char *text);

/* ---- ext_rows.c ---- */

/*
 * A growing list of rows of the catalogue; a row is the number of an item there. If all
 * fields are zero, the list is empty.
 */
typedef struct ext_rows {
    int32_t *rows;      /* (n), owned */
    size_t n, capacity; /* number of rows in the list, rows that have room */
} ext_rows;

/*
 * Appends a row of the catalogue to the list, also if the list has it already. Error:
 * SQLITE_NOMEM; the list is then as before.
 */
int ext_rows_add(ext_rows *list, int32_t row, ext_error *error);
/* Frees the rows in the list (not the ext_rows itself) and makes the list empty. */
void ext_rows_free(ext_rows *list);
/*
 * Sorts the rows in the list in ascending order, and keeps each repeated row only once.
 */
void ext_rows_sort(ext_rows *list);
/*
 * Tells whether the list has the row, by a binary search. The list must have been sorted
 * by ext_rows_sort(), and nothing added since.
 */
bool ext_rows_has(const ext_rows *list, int32_t row);

/* ---- ext_ids.c ---- */

/*
 * Returns an SQL expression that users are told to apply to a column of ids that are
 * BLOBs, or REALs that are no items: it makes an item of each and keeps different ids
 * different. The result is a constant, a format for sqlite3_mprintf() with one %s for the
 * name of the column, such as hex(%s). It depends on the type and the size of id.
 */
const char *ext_ids_advice(const gru4rec_id *id);

/*
 * Sets the error, SQLITE_ERROR, for an argument named item whose value id is a BLOB, or a
 * REAL that is no item. The message shows the id and gives the advice of
 * ext_ids_advice(). If there is no memory for the advice, the error is SQLITE_NOMEM.
 * Returns the code that the error has now.
 */
int ext_ids_fail_type(const gru4rec_id *id, ext_error *error);

/*
 * Checks that the value id of an argument named item can be one item. is_known: the
 * catalogue has an item with this id. Error: SQLITE_ERROR for a BLOB, and, unless
 * is_known, for a text whose first character after white space is [ or {. An unknown id
 * of another form is no error.
 */
int ext_ids_check_one(const gru4rec_id *id, bool is_known, ext_error *error);

/*
 * Finds the one item that value, the argument named item, names, and puts its row in the
 * catalogue into *row. *row is -1 if the value is NULL or no item of the catalogue, which
 * is no error by itself. Errors: those of ext_ids_check_one().
 */
int ext_ids_read_one(int32_t *row, sqlite3_value *value, const gru4rec_items *items,
                     ext_error *error);

/*
 * How ext_ids_read() reads the ids of a value, and where it puts the result. All pointers
 * are borrowed.
 */
typedef struct ext_ids {
    const gru4rec_items *items;
    bool keeps_empty;    /* option keep_empty: an empty text is an id */
    const char *what;    /* names the argument in messages */
    ext_rows *rows;      /* the rows of known items are appended here */
    ext_rows *positions; /* gets the place of each of these ids, from 1; or NULL */
    int64_t n_unknown;   /* is increased by the number of ids that are no item */
} ext_ids;

/*
 * Reads the ids of a value: one id, or a JSON array of ids; ext_ids.c has the rules. For
 * each id that names an item, appends the item's row to ids->rows and the place of the id
 * in the array (from 1; a single id has place 1) to ids->positions. Adds the number of
 * the other ids to ids->n_unknown. NULL holds no id; an empty text holds one only with
 * keeps_empty. Errors: SQLITE_ERROR for a BLOB, a JSON object, malformed JSON, and an
 * element that is neither a number, a string nor null; those of ext_sql_prepare();
 * SQLite's. After a failure the lists also hold what was read before it.
 */
int ext_ids_read(ext_ids *ids, sqlite3 *db, sqlite3_value *value, ext_error *error);

/* ---- ext_select.c ---- */

/*
 * Tells whether the text is SQL to run, rather than the name of a table: after white
 * space and comments it begins with the word SELECT or WITH (in upper or lower case) or a
 * parenthesis.
 */
bool ext_select_is(const char *text);

/*
 * Returns a pointer into text, to where its SQL begins: after all white space, comments
 * and byte order marks that text begins with. It is the end of text if nothing else is in
 * text.
 */
const char *ext_select_start(const char *text);

/*
 * Returns a copy of the SELECT in text as a subquery for other SQL, which the caller
 * frees: in one pair of parentheses, which text may have already or not, without the
 * comments, white space and semicolons at its ends. There are three special cases.
 * Comments at the end inside the parentheses of text stay, unless a semicolon is among
 * them. If more follows the parenthesis that closes the first one (WHERE, JOIN), the text
 * is a FROM clause, and the result is "(SELECT * FROM text)". If no parenthesis closes
 * the first one, the text is copied without a pair around it, and SQLite will refuse it.
 * NULL means that there is not enough memory.
 */
char *ext_select_subquery(const char *text);

/*
 * Returns a pointer to the parenthesis that closes the one that text begins with, or NULL
 * if none closes it. Parentheses inside quotes and comments do not count.
 */
const char *ext_select_close(const char *text);

/* ---- ext_options.c ---- */

/*
 * What the user gives among the options although the library does not store it: the names
 * of the columns that hold events, the items that an evaluation ranks, and the values of
 * options that a tuning chooses from. order is the column that breaks ties in time, in
 * place of the rowid. Each field is owned; NULL means that the user did not give it.
 */
typedef struct ext_columns {
    char *session, *item, *time, *order; /* names of columns */
    char *candidates; /* of an evaluation: one id, or a JSON array of ids */
    char *space; /* of a tuning, a JSON object: option names, what it tries of each */
    char *test, *label, *titles; /* of a picture: tables, views or SELECTs */
} ext_columns;

/* Frees all fields of columns (not the ext_columns itself) and sets them to NULL. */
void ext_options_free_columns(ext_columns *columns);

/*
 * Tells whether the text looks like options, rather than like a source: ext_select_is()
 * is false, and the text begins with { after white space, or has = anywhere.
 */
bool ext_options_is(const char *text);

/*
 * Reads options, a JSON object or "name=value,...", and sets each in options, in the
 * order of the text. Other options keep their values. scope: the functions whose options
 * are allowed. If columns is not NULL, some are set there instead, in place of the old
 * text: session, item, time and order; candidates, if scope has the evaluation and the
 * value is a list of ids; space, if scope has the tuning and the value is a JSON object;
 * test, label and titles, if scope has the pictures and the value is not "none".
 * If columns is NULL, all go to the library, which refuses these. text may be NULL, which
 * has no options.
 * Errors: SQLITE_ERROR for an unknown option, a bad value, text of neither form, and text
 * above 64 KiB if scope is the training alone; those of ext_sql_prepare(); SQLite's.
 * After a failure the options before the bad one are set.
 */
int ext_options_parse(sqlite3 *db, const char *text, gru4rec_option_scope scope,
                      gru4rec_options *options, ext_columns *columns, ext_error *error);

/*
 * Reads options of training as ext_options_parse() does, without columns, but sets each
 * value as the default of a model (gru4rec_options_set_default()): an option that the
 * user has set keeps its value, and an option that gets a value here still counts as not
 * set by the user.
 */
int ext_options_parse_defaults(sqlite3 *db, const char *text, gru4rec_options *options,
                               ext_error *error);

/*
 * Changes of a model: of its options of training, its columns, and its source, which is
 * an option here. JSON's null, or name=null, puts an option back to its default, and
 * drops a column or the source.
 */
typedef struct ext_changes {
    gru4rec_options *options;        /* the model's, which change; borrowed */
    const gru4rec_options *defaults; /* what null gives back to them; borrowed */
    ext_columns *kept;   /* the model's columns, from which null drops one; borrowed */
    ext_columns columns; /* the columns that the changes give anew; owned */
    char *source;        /* the new source; owned; NULL: none, or null was given */
    bool has_source;     /* true: source is the new one, also if it is NULL */
} ext_changes;

/*
 * Reads changes of a model, in the forms of ext_options_parse(), and applies each in the
 * order of the text. A new option changes changes->options. A new column is put into
 * changes->columns, and a new source into changes->source; has_source is then set. null
 * gives an option its value of changes->defaults back, drops a column from
 * changes->columns and from changes->kept, and sets changes->source to NULL. The caller
 * frees changes->columns and changes->source, also after a failure. Errors: those of
 * ext_options_parse(). After a failure, the changes before the bad one are applied.
 */
int ext_options_parse_changes(sqlite3 *db, const char *text, ext_changes *changes,
                              ext_error *error);

/*
 * Sets one option in options, or one column in columns (which may be NULL), as
 * ext_options_parse() does; the old value is lost. value must not be NULL. Of several
 * values for candidates the last one counts: a list of ids is set in columns, and the
 * words all and sample=... in options; each removes the other. Errors: SQLITE_ERROR for
 * an unknown name and a bad value; SQLITE_NOMEM.
 */
int ext_options_set(const char *name, const char *value, gru4rec_option_scope scope,
                    gru4rec_options *options, ext_columns *columns, ext_error *error);

/*
 * Checks the first option in text ("name=value,..."). If the option takes a list, slashes
 * must separate the parts of the list, because a comma ends an option. Any other option,
 * known or not, passes. Errors: SQLITE_ERROR if commas separate the parts, with a message
 * that shows the list with slashes; SQLITE_NOMEM.
 */
int ext_options_check_list(const char *text, ext_error *error);

/*
 * Makes options ready for use, as gru4rec_options_resolve() does: fills in the values
 * that come from the preset or depend on other options. Error: SQLITE_ERROR if options
 * contradict each other.
 */
int ext_options_resolve(gru4rec_options *options, ext_error *error);

/*
 * Tells whether the user gave the option of that name. Returns false if a preset set the
 * option, if it has its default, and for an unknown name. Upper and lower case differ.
 */
bool ext_options_is_set(const gru4rec_options *options, const char *name);

/*
 * Appends ", name='value'" to text for each option of training that the user gave, and
 * for each that a model always stores (because its default has changed once) if its value
 * is not the default of this build. Quotes in a value are doubled, as SQL needs it.
 */
void ext_options_arguments(sqlite3_str *text, const gru4rec_options *options);

/*
 * Appends "name":value to json, without a comma: the option of that index
 * (gru4rec_option_describe()), with its value in options, as a member of a JSON object. A
 * list becomes a JSON array; a number has no quotes.
 */
void ext_options_append(sqlite3_str *json, const gru4rec_options *options, size_t index);

/*
 * Returns a JSON object of options of training, which the caller frees: of all if is_all
 * is true, else of those that the user gave and those that a model always stores (because
 * their default has changed once). NULL means that there is not enough memory.
 */
char *ext_options_json(const gru4rec_options *options, bool is_all);

/* ---- ext_uses.c ---- */

/*
 * What a call uses, as bits: groups of options, and of the texts of ext_columns. An
 * option is in one group. The options that only one function takes are in none:
 * ext_options_parse() refuses them elsewhere.
 */
typedef enum ext_uses {
    EXT_USES_EVENTS = 1,     /* how a training prepares events, such as session_gap */
    EXT_USES_BATCHES = 2,    /* batch_size, n_sample and preset */
    EXT_USES_VISITS = 4,     /* in what order sessions are trained on, by which groups */
    EXT_USES_NETWORK = 8,    /* all other options of a training */
    EXT_USES_LISTS = 16,     /* exclude_seen, and candidates as a list of ids */
    EXT_USES_SEGMENT = 32,   /* segment */
    EXT_USES_RANKS = 64,     /* ranks */
    EXT_USES_MEASURES = 128, /* all other options of an evaluation */
    EXT_USES_VERSION = 256,  /* version */
    EXT_USES_SEED = 512,     /* seed */
    EXT_USES_MEMORY = 1024,  /* memory_limit */
    EXT_USES_COLUMNS = 2048, /* session, item, time and order */
    EXT_USES_TEST = 4096,    /* test */
    EXT_USES_ITEMS = 8192    /* label and titles */
} ext_uses;

/*
 * Checks that the call gives no option and no text that it does not use. uses: the groups
 * of ext_uses that it uses. who, the function or the picture, and advice, what to do, are
 * parts of the message. SQLITE_ERROR: it gives one; the message names the first.
 */
int ext_uses_check(const gru4rec_options *options, const ext_columns *columns, int uses,
                   const char *who, const char *advice, ext_error *error);

/* ---- ext_pairs.c, for ext_options.c ---- */

/* Returns a pointer to the first separator in text, or to the end if there is none. */
const char *ext_pairs_find(const char *text, char separator);
/*
 * Returns a pointer to where the pair name=value ends: to the next comma, or to the end
 * of the text. Commas inside a JSON array or object do not count. has_query: the value
 * can be a SELECT, whose commas do not count if it is in parentheses or in single quotes;
 * if nothing closes it, the pair ends at the end of the text.
 */
const char *ext_pairs_end(const char *pair, bool has_query);
/*
 * Returns a copy of *text up to end, without white space around it, which the caller
 * frees; NULL means that there is not enough memory. Moves *text behind the separator at
 * end, or to the end of the text if end is there.
 */
char *ext_pairs_cut(const char **text, const char *end);

/* ---- ext_poll.c ---- */

/*
 * The poll of long work outside of SQLite. Every few milliseconds it runs a small
 * statement, so that SQLite looks for an interrupt and calls the host's progress handler.
 */
typedef struct ext_poll {
    sqlite3 *db;
    sqlite3_stmt *stmt; /* the small statement; owned; NULL: it cannot be run */
    double last;        /* ext_poll_seconds() when stmt last ran, at first of the start */
    bool is_interrupted; /* the work must stop; true from the first interrupt on */
    const struct ext_ranks *ranks; /* ext_poll_join(); NULL: there are none */
} ext_poll;

/*
 * Starts to poll: sets all fields, and prepares the statement that ext_poll_check() runs.
 * The caller ends the poll with ext_poll_stop(). If an interrupt is pending already,
 * is_interrupted is set. It cannot fail: if the statement cannot be prepared, later
 * interrupts are not noticed.
 */
void ext_poll_start(ext_poll *poll, sqlite3 *db);
/*
 * Makes the work stop also when another of these processes stops. ranks may be NULL.
 */
void ext_poll_join(ext_poll *poll, const struct ext_ranks *ranks);
/*
 * Ends a poll: frees the statement and sets it to NULL; is_interrupted keeps its value.
 */
void ext_poll_stop(ext_poll *poll);
/*
 * Tells whether the work must stop, because of sqlite3_interrupt() or because the host's
 * progress handler asked for that. If the small statement has not run for 5 ms, runs it
 * to find out; else returns the last answer. After true it always returns true. If there
 * is no statement, the answer never changes.
 */
bool ext_poll_check(ext_poll *poll);
/*
 * Does what ext_poll_check() does, for an ext_poll * in the form that hooks of the
 * library take.
 */
bool ext_poll_is_stopped(void *poll);
/*
 * Returns the time in seconds, with fractions, of a clock that never goes back. Only
 * differences have a meaning.
 */
double ext_poll_seconds(void);

/* ---- ext_ranks.c ---- */

/*
 * The processes that make one call together, which are called ranks, and what the call
 * has of them. gru4rec_mpi.so finds them by MPI (ext/mpi/); in gru4rec.so, and without
 * mpirun, this process is the only one. It must not move between ext_ranks_open() and
 * ext_ranks_close().
 *
 * All ranks make the same exchanges in the same order. A rank that fails makes no further
 * exchange, but closes: then the exchange of the others fails.
 */
typedef struct ext_ranks {
    gru4rec_ranks hooks; /* exchanges; only n_ranks (1) and rank (0) if there is no job */
    void *job;           /* of the driver; NULL: there are no other processes */
    ext_poll poll;       /* interrupts while this rank waits for others */
} ext_ranks;

/* What the exchanges of a call have cost this rank so far. */
typedef struct ext_ranks_cost {
    double seconds; /* waiting for others included */
    int64_t bytes;  /* given to others */
} ext_ranks_cost;

/* How ext/mpi/ gives the calls of other folders its ranks. Functions as below. */
typedef struct ext_ranks_driver {
    /* Sets job and hooks of ranks, unless this process is the only one. */
    int (*open)(ext_ranks *ranks, const char *call, ext_error *error);
    int (*compare)(ext_ranks *ranks, const char *options, ext_error *error);
    bool (*is_stopped)(void *job);
    void (*watch)(const ext_ranks *ranks, bool is_on);
    ext_ranks_cost (*cost)(const void *job);
    int (*close)(ext_ranks *ranks, ext_error *error);
} ext_ranks_driver;

/*
 * Makes this driver that of the process. The entry point calls it, before any other call.
 */
void ext_ranks_use(const ext_ranks_driver *driver);
/*
 * Sets all fields of *ranks, and waits until all ranks have begun the call of this name,
 * such as "gru4rec_train()". The caller ends that by ext_ranks_close(), also after a
 * failure. SQLITE_INTERRUPT: this rank, or another one, was interrupted. SQLITE_ERROR:
 * the ranks make different calls, or MPI cannot be used.
 */
int ext_ranks_open(ext_ranks *ranks, sqlite3 *db, const char *call, ext_error *error);
/*
 * Checks that all ranks have the same build, kernels and options (a JSON object).
 * SQLITE_ERROR: they differ; the message says in what. SQLITE_INTERRUPT: some rank was
 * interrupted.
 */
int ext_ranks_compare(ext_ranks *ranks, const char *options, ext_error *error);
/*
 * Returns what the library exchanges data by; NULL: there are no other processes. In this
 * function and the next ones ranks may be NULL, which means that, too.
 */
const gru4rec_ranks *ext_ranks_hooks(const ext_ranks *ranks);
/* Returns the number of ranks, this one included, and the number of this one, from 0. */
int32_t ext_ranks_count(const ext_ranks *ranks);
int32_t ext_ranks_number(const ext_ranks *ranks);
/*
 * An exchange: gives n bytes to all ranks, and sets all (ranks, n) to those of each; n is
 * equal on all of them. SQLITE_INTERRUPT: some rank was interrupted. SQLITE_ERROR:
 * another rank has failed.
 */
int ext_ranks_agree(const ext_ranks *ranks, const void *own, size_t n, void *all,
                    ext_error *error);
/* Returns the cost so far; zeros if there are no other processes. */
ext_ranks_cost ext_ranks_cost_of(const ext_ranks *ranks);
/*
 * Tells whether this rank, which works alone now, must stop: it is interrupted, or
 * another rank has told that it stops.
 */
bool ext_ranks_is_stopped(const ext_ranks *ranks);
/*
 * is_on true: from now on another rank that stops interrupts the statements that this one
 * runs, however long they work on one row; there must be no exchange until a call with
 * is_on false, or ext_ranks_close(), ends this.
 */
void ext_ranks_watch(const ext_ranks *ranks, bool is_on);
/*
 * Copies n bytes of the rank from to all other ranks. n, a multiple of 4, and from are
 * the same on all ranks. Errors as ext_ranks_agree().
 */
int ext_ranks_broadcast(const ext_ranks *ranks, int32_t from, void *bytes, size_t n,
                        ext_error *error);
/*
 * Copies the text of rank 0, which is not NULL there, to all other ranks: *text, which
 * must be NULL there, is then of sqlite3_malloc.
 */
int ext_ranks_text(const ext_ranks *ranks, char **text, ext_error *error);
/*
 * Ends the call for this rank. If the error is set, tells the others that this rank has
 * failed; but if another one has failed before, that becomes the error. If it is not set,
 * waits for the others; it is set then if one of them fails. Returns the code that the
 * error has now. Afterwards this process is the only one again.
 */
int ext_ranks_close(ext_ranks *ranks, ext_error *error);

/* ---- ext_progress.c ---- */

/*
 * What a training or a tuning shows on standard error: on a terminal one line that is
 * updated, and erased at the end; elsewhere, if the user asked for that, one line at the
 * end.
 */
typedef struct ext_progress {
    /*
     * is_line: the line on a terminal is shown and updated. is_log: the line at the end
     * is shown. At most one is true.
     */
    bool is_line, is_log;
    bool is_plain; /* the terminal knows no escape sequences */
    /*
     * What the lines call one unit of the work, and the figure that they show of it.
     * ext_progress_start() sets "epoch" and "loss"; a tuning sets other words afterwards.
     * Borrowed.
     */
    const char *unit, *figure;
    int columns;     /* width in columns, if the terminal does not know its own */
    int n_written;   /* columns that the line on the terminal takes now */
    size_t n_before; /* number of epochs of this training that earlier calls did */
    /*
     * ext_poll_seconds() at the start, and at the last update of the line on the
     * terminal. last is 0 if that line was never written.
     */
    double start, last;
    gru4rec_progress seen; /* the progress that was reported last */
} ext_progress;

/*
 * Sets all fields of line, to show progress later; writes nothing yet. verbose: the value
 * of the option. If standard error is a terminal, the updated line is shown unless
 * verbose is GRU4REC_OFF. If it is none, the line at the end is shown if verbose is
 * GRU4REC_ON. n_before: epochs that earlier calls did, which the speed must not count.
 */
void ext_progress_start(ext_progress *line, int64_t verbose, size_t n_before);
/*
 * Keeps a copy of progress in line->seen, for the line at the end. Then it writes the
 * line on the terminal anew, if that line is shown, the first epoch has begun, and there
 * was no update within the last 0.2 seconds.
 */
void ext_progress_show(ext_progress *line, const gru4rec_progress *progress);
/* What the line at the end says, besides the time. */
typedef struct ext_progress_end {
    size_t n; /* units of work (such as epochs) that were done; shown if is_done */
    /*
     * The number of events that were worked on, and the last value of the figure that
     * ext_progress names. If events is 0 or loss is NAN, the line shows no figure and no
     * speed.
     */
    double events, loss;
    bool is_done; /* the work reached its end; false: it was stopped */
} ext_progress_end;
/*
 * Ends the progress of any work. If a line stands on the terminal, erases it. If the line
 * at the end was asked for, writes it, with what end says. Frees nothing. A training
 * calls ext_progress_stop() instead.
 */
void ext_progress_end_with(ext_progress *line, const ext_progress_end *end);
/*
 * Ends the progress of a training, as ext_progress_end_with() does: erases the line on
 * the terminal, or writes the line at the end, with the last loss and the events of this
 * call. epochs (n_epochs): those that this call did; is_done: the training reached its
 * end. The last loss is that of the epoch in which the training stopped; before the first
 * step of that epoch, that of the epoch before it.
 */
void ext_progress_stop(ext_progress *line, const gru4rec_epoch *epochs, size_t n_epochs,
                       bool is_done);

/* ---- ext_worker.c ---- */

/*
 * A function that does job i of a worker (ext_worker). It must call no function of SQLite
 * except the memory allocator, because it may run in another thread.
 */
typedef void ext_worker_job(void *context, size_t i);

/*
 * A thread that does jobs 0, 1, 2, ... one after another while the caller works on. The
 * caller says how many jobs are ready. There is no thread if it is not worth its cost or
 * cannot be started: then the caller's own thread does each job when the caller says that
 * it is ready.
 */
typedef struct ext_worker {
    ext_worker_job *job;
    void *context;  /* first argument of job; borrowed */
    size_t n_ready; /* number of jobs that are ready; with no thread, they are done */
    /*
     * is_over: no more jobs will come; ext_worker_finish() sets it. is_threaded: there is
     * a thread; the fields below are used only then.
     */
    bool is_over, is_threaded;
    _Atomic size_t n_done;  /* number of jobs that the thread has done */
    pthread_mutex_t lock;   /* for n_ready and is_over */
    pthread_cond_t changed; /* signals a change of n_ready or is_over */
    pthread_t thread;
} ext_worker;

/*
 * The number of bytes to read from which on a thread is worth its cost; to read so many
 * takes some milliseconds.
 */
enum { EXT_WORKER_FROM = 16 << 20 };

/*
 * Sets all fields of a worker, with no job ready. Starts its thread, with all signals
 * blocked, if is_worth_it, if SQLite may allocate memory in another thread, and if the
 * system can start one; else the worker has no thread. The worker must stay at its
 * address until ext_worker_finish(). It cannot fail.
 */
void ext_worker_start(ext_worker *worker, ext_worker_job *job, void *context,
                      bool is_worth_it);
/*
 * Says that jobs 0 to n - 1 of the worker are ready; the caller must never lower n. A
 * thread then does them, and this function returns at once. If the worker has no thread,
 * this function itself does those that are not done yet.
 */
void ext_worker_ready(ext_worker *worker, size_t n);
/*
 * Tells, without waiting, whether all jobs of the worker that are ready are done. Without
 * a thread it is always true.
 */
bool ext_worker_is_idle(ext_worker *worker);
/*
 * Waits until all jobs of the worker that are ready are done, then ends its thread and
 * frees what belongs to the thread. Without a thread it does nothing.
 */
void ext_worker_finish(ext_worker *worker);

/* ---- ext_table.c ---- */

typedef struct ext_table_function ext_table_function;

/*
 * A virtual table. If the table is a model's own, home names that model; else the names
 * in home are NULL.
 */
typedef struct ext_table {
    sqlite3_vtab base;
    const ext_table_function *function;
    ext_home home;
    struct ext_cursor *open; /* its open cursors: a list by next_open, or NULL */
} ext_table;

/*
 * EXT_TABLE_ARGUMENTS: the largest number of arguments of a table; each has a bit of
 * idxNum. EXT_TABLE_MISSING: the first of the bits of idxNum for missing arguments.
 */
enum { EXT_TABLE_ARGUMENTS = 8, EXT_TABLE_MISSING = 22 };

/* An argument of a virtual table, which is a hidden column of the table. */
typedef struct ext_table_argument {
    const char *name;
    const char *example; /* "name = value", for messages */
} ext_table_argument;

/* A plan for a scan of a virtual table, while xBestIndex makes it. */
typedef struct ext_table_plan {
    const ext_table_function *function;
    sqlite3_index_info *info;
    int n_argv;        /* values that xFilter will get, so far: arguments, then others */
    sqlite3_str *text; /* the constraints that it uses, for EXPLAIN QUERY PLAN */
} ext_table_plan;

/*
 * What the cursors of all virtual tables of the extension have in common; it is the first
 * member of each of them.
 */
typedef struct ext_cursor {
    sqlite3_vtab_cursor base;
    sqlite3_value *arguments[EXT_TABLE_ARGUMENTS]; /* copies, owned; NULL: not given */
    uint64_t hash; /* of what many rows share: the arguments, and what the kind adds */
    int64_t row;   /* number of the row among those with that hash, from 0 */
    bool is_eof;   /* there are no more rows */
    struct ext_cursor *next_open; /* the next in the list ext_table.open, or NULL */
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
    const char *name;        /* of the table in SQL */
    const char *declaration; /* CREATE TABLE x(...) */
    int trust;               /* SQLITE_VTAB_INNOCUOUS or SQLITE_VTAB_DIRECTONLY */
    size_t cursor_bytes;     /* size of its cursor struct, which the frame zeroes */
    int n_columns, n_arguments;
    const ext_table_argument *arguments; /* (n_arguments) */
    int n_needed;                        /* the first n_needed arguments must be given */
    const char *usage;   /* the message, behind "name() ", if one of these is missing */
    int n_ordered;       /* rows come in ascending order of the first n_ordered columns */
    double n_rows, cost; /* estimates for SQLite: rows and cost of a scan */
    /*
     * Adds to the plan, by ext_table_use(), constraints on columns that are no arguments,
     * and may change the order and the estimates in plan->info; or NULL. The frame has
     * planned the arguments before.
     */
    void (*plan)(ext_table_plan *plan);
    /*
     * Goes to the first row of a scan, or sets is_eof if there is none. argv: the values
     * of the constraints that plan used, in their order, without the arguments. The first
     * failure is in error, which the frame (ext_table.c) looks at; it does not look at
     * the result. After a failure the frame sets is_eof, and calls stop later.
     */
    int (*start)(ext_cursor *cursor, int idx_num, sqlite3_value **argv, ext_error *error);
    /*
     * Goes to the next row of the scan, or sets is_eof if there is none; failures as for
     * start. The frame (ext_table.c) has already added 1 to the cursor's row number.
     */
    int (*next)(ext_cursor *cursor, ext_error *error);
    /*
     * Makes the value of column i of the cursor's row the result in context. The frame
     * itself answers for the arguments, so column i is never one.
     */
    void (*column)(const ext_cursor *cursor, sqlite3_context *context, int i);
    /*
     * Frees what start and next made in the cursor, and makes those fields zero. The
     * frame calls it before each start and before the close, also if start or next failed
     * or nothing was started.
     */
    void (*stop)(ext_cursor *cursor);
    /*
     * Frees what the cursor keeps from one start to the next; or NULL. The frame calls it
     * once, after the last stop.
     */
    void (*close)(ext_cursor *cursor);
};

/*
 * Declares the table to SQLite, tells SQLite how far to trust it (function->trust), and
 * allocates its object, which ext_table_disconnect() frees. declaration: that of the
 * function, or another form of it for the table of a model. schema and name: of the
 * model, which are copied, if the table is a model's own, else NULL. Errors:
 * SQLITE_NOMEM, and SQLite's. After a failure *out is NULL.
 */
int ext_table_new(ext_table **out, const ext_table_function *function,
                  const char *declaration, sqlite3 *db, ext_connection *connection,
                  const char *schema, const char *name, ext_error *error);

/*
 * Makes the plan use a constraint: SQLite will pass its value to xFilter as the next one.
 * Sets bit in idxNum, and appends the constraint to plan->text. constraint: index in
 * plan->info->aConstraint; name: the name of its column, for that text. SQLite checks the
 * constraint itself too, unless the caller sets omit.
 */
void ext_table_use(ext_table_plan *plan, int constraint, int bit, const char *name);

/*
 * Sets the error for a needed argument that is not given: SQLITE_ERROR, with the message
 * "name() usage" of the function. Returns the code that the error has now.
 */
int ext_table_usage(const ext_cursor *cursor, ext_error *error);

/*
 * Returns the home of the cursor's table, which the table owns until it is disconnected.
 */
const ext_home *ext_table_home(const ext_cursor *cursor);

/*
 * The methods of a module whose tables are ext_tables and whose cursors are ext_cursors.
 * Their contracts are those of SQLite's xBestIndex, xDisconnect and so on.
 */
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
 * Designated initialisers that put these methods into an sqlite3_module. at: the
 * designator of the member that is this sqlite3_module, such as .base, in the initialiser
 * of a larger struct; empty if the struct itself is the sqlite3_module.
 */
#define EXT_TABLE_METHODS(at)                                                          \
    at.xBestIndex = ext_table_best_index, at.xDisconnect = ext_table_disconnect,       \
    at.xOpen = ext_table_open, at.xClose = ext_table_close,                            \
    at.xFilter = ext_table_filter, at.xNext = ext_table_next, at.xEof = ext_table_eof, \
    at.xColumn = ext_table_column, at.xRowid = ext_table_rowid

#endif

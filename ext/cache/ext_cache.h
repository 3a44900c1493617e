/*
 * ext_cache.h - what the extension keeps for a connection, and the loaded models that all
 * connections of the process share.
 *
 * The rules for all functions of ext_store.h hold here too: a function that takes an
 * ext_error returns an SQLite result code and leaves the first failure in *error; it can
 * fail with every error of SQLite; the comments name only the errors that it adds;
 * arguments are borrowed and not NULL unless the comment says otherwise.
 */
#ifndef EXT_CACHE_H
#define EXT_CACHE_H

#include "../store/ext_store.h"

/* ---- ext_connection.c ---- */

struct ext_handle; /* defined below */

/*
 * Tells xDestroy and xCreate that the table of a model is dropped and created again while
 * its shadow tables stay (gru4rec_configure()). All pointers are borrowed.
 */
typedef struct ext_remake {
    const ext_home *home;
    const gru4rec_options *defaults; /* the model's default options, which stay */
    bool has_source;                 /* true: the source may be another one now */
} ext_remake;

/* What the extension keeps for one database connection. */
struct ext_connection {
    sqlite3 *db;
    int n_users;      /* number of registrations with SQLite that hold this struct */
    bool is_training; /* true: gru4rec_train() runs on this connection */
    const ext_remake *remake;   /* the remake that is under way, or NULL */
    struct ext_handle *handles; /* list of handles; the one used last is the first */
    /* List of trainings whose result waits for its commit, of ext/train; or NULL. */
    struct ext_attempt *kept;
    /*
     * Drops the trainings in kept whose model is gone; is_all: drops all of them. NULL
     * until a training is kept.
     */
    void (*drop_kept)(ext_connection *connection, bool is_all);
};

/*
 * The methods that an aggregate function, which is also a window function, has besides
 * its step; see sqlite3_create_window_function().
 */
typedef struct ext_window {
    void (*finish)(sqlite3_context *context);
    void (*value)(sqlite3_context *context);
    void (*inverse)(sqlite3_context *context, int argc, sqlite3_value **argv);
} ext_window;

/* An SQL function. Its call gets the connection by ext_connection_of(). */
typedef struct ext_function {
    const char *name;
    int n_arguments;
    int flags; /* SQLITE_INNOCUOUS, SQLITE_DIRECTONLY, SQLITE_DETERMINISTIC */
    /* The function, or the step of an aggregate. */
    void (*call)(sqlite3_context *context, int argc, sqlite3_value **argv);
    const ext_window *window; /* methods of an aggregate; NULL: a scalar function */
} ext_function;

/*
 * Makes the struct of a connection, with one user: the caller, who gives it up with
 * ext_connection_release(). NULL: there is not enough memory.
 */
ext_connection *ext_connection_new(sqlite3 *db);
/* Returns the connection on which SQLite calls an ext_function. */
ext_connection *ext_connection_of(sqlite3_context *context);
/*
 * Gives up one use of the connection (an ext_connection); the last one frees the struct,
 * its handles, and the trainings that it keeps. Has the type of an SQLite destructor.
 */
void ext_connection_release(void *connection);
/*
 * Registers SQL functions, each of which holds the connection until SQLite drops it.
 * functions: an array that ends with an entry whose name is NULL; must outlive the
 * connection. After a failure the functions that were registered before it stay.
 */
int ext_connection_add_functions(ext_connection *connection,
                                 const ext_function *functions, ext_error *error);
/*
 * Registers a table-valued function, which holds the connection until SQLite drops it.
 * function must outlive the connection.
 */
int ext_connection_add_table(ext_connection *connection,
                             const ext_table_function *function, ext_error *error);
/*
 * Registers a module, which gets the connection as its client data, and holds the
 * connection until SQLite drops the module. module must outlive the connection.
 */
int ext_connection_add_module(ext_connection *connection, const char *name,
                              const sqlite3_module *module, ext_error *error);

/* ---- ext_load.c ---- */

/* A version in memory. All fields are zero at first; all are owned. */
typedef struct ext_loaded {
    gru4rec_options options; /* the options that the version was trained with */
    gru4rec_model *model;
    gru4rec_items *items; /* indexed by id */
    gru4rec_bytes *bytes; /* byte copy of the output rows; NULL: none is needed */
    gru4rec_baseline
        *neighbours;     /* what the scores are blended with; NULL: they are not */
    gru4rec_blend blend; /* the same, with the strength; see gru4rec_blender_new() */
} ext_loaded;

/*
 * Loads a version into *loaded, which must be all zero. Call ext_load_free() in any case,
 * also after a failure.
 * is_to_serve: also makes the byte copy of the output rows, if the option quantize asks
 * for it, and if all values are finite.
 * SQLITE_CORRUPT_VTAB: the version is damaged. SQLITE_ERROR: there is no such version, or
 * it needs more memory than the limits allow (ext_budget.c).
 */
int ext_load_version(ext_loaded *loaded, const ext_home *home, int64_t version,
                     bool is_to_serve, ext_error *error);
/* Frees what loaded owns, and sets all fields to zero. */
void ext_load_free(ext_loaded *loaded);

/* ---- ext_model.c ---- */

/*
 * A loaded version that the connections of this process share. Nobody changes it after it
 * was loaded, except n_users and next.
 */
typedef struct ext_model {
    char run[EXT_RUN_NAME + 1];
    char *file; /* database file, or for one in memory the address of its connection */
    int64_t version;
    ext_loaded loaded;
    int id_type; /* GRU4REC_ID_INTEGER or _TEXT, if all items have it; else -1 */
    int n_users; /* number of holders; protected by the lock of ext_model.c */
    struct ext_model *next;
} ext_model;

/*
 * Sets *model to the active version of the model, and loads the version if this process
 * has not loaded it yet. The caller gives it up with ext_model_release(). *model is NULL
 * after a failure.
 * SQLITE_ERROR: no version is active, or as for ext_load_version(), or the model reads
 * itself through its source. SQLITE_BUSY: the model changed while it was read.
 * SQLITE_CORRUPT_VTAB: the model is damaged.
 */
int ext_model_acquire(ext_model **model, const ext_home *home, ext_error *error);
/* Does what ext_model_acquire() does, but for the version that the choice means. */
int ext_model_acquire_version(ext_model **model, const ext_home *home,
                              const ext_choice *choice, ext_error *error);
/*
 * Does what ext_model_acquire_version() does, but for the model that a value names:
 * "name" or "schema.name". SQLITE_ERROR also if there is no such model, or the name is
 * NULL.
 */
int ext_model_acquire_named(ext_model **model, ext_connection *connection,
                            sqlite3_value *name, const ext_choice *choice,
                            ext_error *error);
/*
 * Does what ext_model_acquire_named() does, but for a scalar function whose first
 * argument is the name of the model. If that argument is a constant of the statement, the
 * model is looked up only once for the statement, as long as the version argument stays
 * the same.
 * version: the argument of the function that chooses the version; NULL: it has none.
 */
int ext_model_acquire_for(ext_model **model, sqlite3_context *context,
                          sqlite3_value *name, sqlite3_value *version, ext_error *error);
/* Gives up a model; the last holder frees it. model may be NULL. */
void ext_model_release(ext_model *model);
/* Adds a holder, who must call ext_model_release() too. Returns model. */
ext_model *ext_model_retain(ext_model *model);
/* Makes the connection release what it holds of a model that was dropped or renamed. */
void ext_model_forget(const ext_home *home);
/* Frees all handles of a connection that ends. */
void ext_model_forget_all(ext_connection *connection);
/*
 * Sets *bytes to the memory that the active version takes in this process; 0: it is not
 * loaded. *has_bytes: whether that includes a byte copy of the output rows.
 */
int ext_model_memory(const ext_home *home, size_t *bytes, bool *has_bytes,
                     ext_error *error);

/* ---- ext_workspace.c ---- */

/* What is needed to serve one session at a time. All fields are owned. */
typedef struct ext_workspace {
    ext_model *model; /* one hold on the model */
    gru4rec_session *session;
    gru4rec_ranking *ranking;
    gru4rec_real *scores;     /* (I), see ext_workspace_scores(); or NULL */
    gru4rec_blender *blender; /* NULL: the version does not blend */
} ext_workspace;

/*
 * Opens a workspace for the model: one that the connection has kept, with its session at
 * the start, or a new one. The caller's hold on the model passes to the workspace; after
 * a failure it is released, and *workspace is all zero. The caller gives the workspace to
 * ext_workspace_close() or ext_workspace_free().
 * SQLITE_NOMEM is the only error.
 */
int ext_workspace_open(ext_workspace *workspace, ext_connection *connection,
                       ext_model *model, ext_error *error);
/*
 * Returns an array (I) for scores of all items that do not come from a session. The
 * workspace owns it; the values are undefined at first. NULL: there is not enough memory.
 */
gru4rec_real *ext_workspace_scores(ext_workspace *workspace);
/*
 * Gives the workspace to the connection, which keeps it for the next query, or frees it.
 * Afterwards *workspace is all zero. Does nothing if *workspace is all zero before.
 */
void ext_workspace_close(ext_workspace *workspace, ext_connection *connection);
/* Frees all that the workspace owns, and sets its fields to zero. */
void ext_workspace_free(ext_workspace *workspace);

/* ---- ext_handle: owned by ext_model.c, also used by ext_workspace.c ---- */

/* What a connection holds of a version, so that it stays loaded from query to query. */
typedef struct ext_handle {
    ext_home home;
    ext_choice choice;   /* the choice that the caller asked for */
    ext_model *model;    /* one hold on the version, or NULL */
    ext_workspace spare; /* unused workspace of that model, or all zero */
    struct ext_handle *next;
} ext_handle;

/* ---- ext_check.c ---- */

/*
 * Checks that every version that is ready, and the active one, can be loaded. An error
 * that is a finding about the model (ext_check_is_finding()) says what is damaged.
 */
int ext_check_model(const ext_home *home, ext_error *error);
/*
 * Tells whether the error of ext_check_model() is a finding about the model. Otherwise
 * the model could not be checked, for example because of a lock, too little memory, or an
 * authorizer.
 */
bool ext_check_is_finding(const ext_error *error);
/* The function gru4rec_check(); the last entry has no name. */
extern const ext_function ext_check_functions[];

#endif

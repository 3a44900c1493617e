/*
 * ext_cache.h - what a connection keeps, and the loaded models that all of them share.
 */
#ifndef EXT_CACHE_H
#define EXT_CACHE_H

#include "../store/ext_store.h"

/* ---- ext_connection.c ---- */

struct ext_handle; /* ext_model.c */

/* A model whose table is dropped and created anew, while its shadow tables stay. */
typedef struct ext_remake {
    const ext_home *home;
    const gru4rec_options *defaults; /* the model's, which stay */
    bool has_source;                 /* its source may be another one now */
} ext_remake;

/* The extension's context of one database connection. */
struct ext_connection {
    sqlite3 *db;
    int n_users; /* registrations with SQLite that use it */
    bool is_training;
    const ext_remake *remake;   /* under way, or NULL */
    struct ext_handle *handles; /* on the models that were used last, these first */
    /* Trainings whose result waits to be committed, of ext/train; or NULL. */
    struct ext_attempt *kept;
    /* Set by who keeps one: drops those whose model is gone, or all of them. */
    void (*drop_kept)(ext_connection *connection, bool is_all);
};

/* What makes an aggregate, and a window function, of a function. */
typedef struct ext_window {
    void (*finish)(sqlite3_context *context);
    void (*value)(sqlite3_context *context);
    void (*inverse)(sqlite3_context *context, int argc, sqlite3_value **argv);
} ext_window;

/* An SQL function; its connection is ext_connection_of() the context. */
typedef struct ext_function {
    const char *name;
    int n_arguments;
    int flags; /* SQLITE_INNOCUOUS, SQLITE_DIRECTONLY, SQLITE_DETERMINISTIC */
    void (*call)(sqlite3_context *context, int argc, sqlite3_value **argv);
    const ext_window *window; /* NULL: it is scalar */
} ext_function;

/* One user; NULL: no memory. */
ext_connection *ext_connection_new(sqlite3 *db);
/* The connection of a call of an ext_function. */
ext_connection *ext_connection_of(sqlite3_context *context);
/* As SQLite calls a destructor. */
void ext_connection_release(void *connection);
/* These register with SQLite what then holds the connection. functions: up to one without
 * a name. */
int ext_connection_add_functions(ext_connection *connection,
                                 const ext_function *functions, ext_error *error);
int ext_connection_add_table(ext_connection *connection,
                             const ext_table_function *function, ext_error *error);
int ext_connection_add_module(ext_connection *connection, const char *name,
                              const sqlite3_module *module, ext_error *error);

/* ---- ext_load.c ---- */

/* What a version is in memory. All zero to begin with. */
typedef struct ext_loaded {
    gru4rec_options options;
    gru4rec_model *model;
    gru4rec_items *items;
    gru4rec_bytes
        *bytes; /* the output rows in bytes, where a search needs them; or NULL */
} ext_loaded;

/* Loads a version; is_to_serve: with the copy in bytes, where the options ask for it. Free
 * loaded in any case. */
int ext_load_version(ext_loaded *loaded, const ext_home *home, int64_t version,
                     bool is_to_serve, ext_error *error);
void ext_load_free(ext_loaded *loaded);

/* ---- ext_model.c ---- */

/* A loaded version that the connections of this process share; nobody changes it. */
typedef struct ext_model {
    char run[EXT_RUN_NAME + 1];
    char *file; /* or, of a database in memory, its connection's address */
    int64_t version;
    ext_loaded loaded;
    int id_type; /* of all items: GRU4REC_ID_INTEGER or _TEXT; -1: some of each */
    int n_users; /* under the cache's lock */
    struct ext_model *next;
} ext_model;

/* The active version of a model, loaded at need; release it. */
int ext_model_acquire(ext_model **model, const ext_home *home, ext_error *error);
/* The version that is meant. */
int ext_model_acquire_version(ext_model **model, const ext_home *home,
                              const ext_choice *choice, ext_error *error);
/* The same for a model named in SQL: "schema.name" or "name". */
int ext_model_acquire_named(ext_model **model, ext_connection *connection,
                            sqlite3_value *name, const ext_choice *choice,
                            ext_error *error);
/* The same for a scalar function whose first argument is the name; found once for a
 * statement where that is a constant and the version stays the same. version: an argument,
 * or NULL. */
int ext_model_acquire_for(ext_model **model, sqlite3_context *context,
                          sqlite3_value *name, sqlite3_value *version, ext_error *error);
void ext_model_release(ext_model *model); /* NULL-safe */
/* Once more, for another holder. */
ext_model *ext_model_retain(ext_model *model);
/* Gives up the connection's handles on a model that is gone. */
void ext_model_forget(const ext_home *home);
/* Gives up all handles of a connection that ends. */
void ext_model_forget_all(ext_connection *connection);
/* Bytes that the active version takes in this process; 0: it is not loaded. */
int ext_model_memory(const ext_home *home, size_t *bytes, bool *has_bytes,
                     ext_error *error);

/* ---- ext_workspace.c ---- */

/* What it takes to serve one session at a time. */
typedef struct ext_workspace {
    ext_model *model; /* held */
    gru4rec_session *session;
    gru4rec_ranking *ranking;
    gru4rec_real *scores; /* (I), see ext_workspace_scores(); or NULL */
} ext_workspace;

/*
 * Opens a workspace for the model, which it takes over, also on failure: a new one, or
 * one that the connection kept. All zero on failure.
 */
int ext_workspace_open(ext_workspace *workspace, ext_connection *connection,
                       ext_model *model, ext_error *error);
/* Room for scores of all items that are not a session's; NULL: no memory. */
gru4rec_real *ext_workspace_scores(ext_workspace *workspace);
/* Gives it back, for the connection to keep. Nothing is done for one that is all zero. */
void ext_workspace_close(ext_workspace *workspace, ext_connection *connection);
void ext_workspace_free(ext_workspace *workspace);

/* ---- ext_handle: of ext_model.c, for ext_workspace.c ---- */

/* A connection's hold on a version: it stays loaded from query to query. */
typedef struct ext_handle {
    ext_home home;
    ext_choice choice;   /* as it was asked for */
    ext_model *model;    /* held, or NULL */
    ext_workspace spare; /* of that model, or all zero */
    struct ext_handle *next;
} ext_handle;

/* ---- ext_check.c ---- */

/* Can every kept version be loaded? */
int ext_check_model(const ext_home *home, ext_error *error);
/* Does that error say something about the model, rather than that it could not be looked
 * at, as for want of memory, a lock or the authorizer's permission? */
bool ext_check_is_finding(const ext_error *error);
extern const ext_function ext_check_functions[];

#endif

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
 * A remake: gru4rec_configure() drops the table of a model and creates it again, while
 * its shadow tables stay. Meanwhile ext_connection.remake points to this struct, which
 * tells xDestroy and xCreate of home that they are called for that. All pointers are
 * borrowed.
 */
typedef struct ext_remake {
    const ext_home *home;
    const gru4rec_options *defaults; /* the model's default options, which stay */
    bool has_source;                 /* the new table may have another source */
} ext_remake;

/*
 * What the extension keeps for one database connection. Its registrations with SQLite
 * (functions, tables, the module) share it. When SQLite drops the last of them,
 * ext_connection_release() frees it.
 */
struct ext_connection {
    sqlite3 *db;
    int n_users;      /* number of holders of this struct; each registration is one */
    bool is_training; /* true: gru4rec_train() runs on this connection */
    /*
     * true: gru4rec_report() runs on this connection. Another one inside it is refused: a
     * report goes on where a source fails, so calls inside each other would multiply.
     */
    bool is_reporting;
    ext_ranks *ranks; /* the processes that make the training; set while it runs */
    const ext_remake *remake;   /* set while gru4rec_configure() makes a table anew */
    struct ext_handle *handles; /* list of its handles on versions, last used first */
    /*
     * List of trainings (of ext/train) that are done, but whose result could not be
     * committed yet; a later call can commit it. NULL: there are none.
     */
    struct ext_attempt *kept;
    /*
     * Drops the trainings in the list kept whose model somebody dropped; or, if is_all is
     * true, all trainings in that list. It is a pointer so that this folder need not see
     * ext/train. ext_kept_add() sets it; until then it is NULL and the list is empty.
     */
    void (*drop_kept)(ext_connection *connection, bool is_all);
};

/*
 * The methods of an aggregate function that is also a window function: finish is xFinal,
 * value is xValue, inverse is xInverse. Its xStep is ext_function.call. See
 * sqlite3_create_window_function().
 */
typedef struct ext_window {
    void (*finish)(sqlite3_context *context);
    void (*value)(sqlite3_context *context);
    void (*inverse)(sqlite3_context *context, int argc, sqlite3_value **argv);
} ext_window;

/*
 * An SQL function that is registered with one number of arguments. When SQLite calls it,
 * it gets the connection by ext_connection_of().
 */
typedef struct ext_function {
    const char *name;
    int n_arguments;
    int flags; /* SQLITE_INNOCUOUS, SQLITE_DIRECTONLY, SQLITE_DETERMINISTIC */
    /* The scalar function itself, or the method xStep of an aggregate. */
    void (*call)(sqlite3_context *context, int argc, sqlite3_value **argv);
    const ext_window *window; /* other methods of an aggregate; NULL: a scalar function */
} ext_function;

/*
 * Allocates the ext_connection of a database connection, and returns it. It has one user:
 * the caller, who gives it up with ext_connection_release(). NULL: there is not enough
 * memory.
 */
ext_connection *ext_connection_new(sqlite3 *db);
/*
 * Returns the ext_connection on which SQLite now calls an ext_function, with no new use
 * of it. context: the first parameter of that call.
 */
ext_connection *ext_connection_of(sqlite3_context *context);
/*
 * Gives up one use of connection, an ext_connection. The last user frees the struct, its
 * handles (which releases their versions), the trainings in its list kept, and the
 * unwritten reports of runs on its in-memory databases. Has the type of an SQLite
 * destructor.
 */
void ext_connection_release(void *connection);
/*
 * Registers SQL functions with SQLite. Each registration holds the connection until
 * SQLite drops it. functions: an array that ends with an entry whose name is NULL; must
 * outlive the connection. is_writing: the functions write to the database, so
 * ext_readonly_check() is asked before each call. Stops at the first function that cannot
 * be registered, with SQLite's error or that of ext_help_check(); those before it stay
 * registered.
 */
int ext_connection_add_functions(ext_connection *connection,
                                 const ext_function *functions, bool is_writing,
                                 ext_error *error);
/*
 * Registers a table-valued function with SQLite, as a module of its name. The
 * registration holds the connection until SQLite drops it. function must outlive the
 * connection. Errors: SQLite's, and that of ext_help_check(); the connection is then not
 * held.
 */
int ext_connection_add_table(ext_connection *connection,
                             const ext_table_function *function, ext_error *error);
/*
 * Registers a module with SQLite. The module gets the connection as its client data, and
 * holds the connection until SQLite drops the module. module must outlive the connection.
 * Errors: SQLite's, and that of ext_help_check(); the connection is then not held.
 */
int ext_connection_add_module(ext_connection *connection, const char *name,
                              const sqlite3_module *module, ext_error *error);

/* ---- ext_load.c ---- */

/*
 * A version of a model in memory, which ext_load_version() loads. All fields are zero
 * before; the struct owns what its fields point to.
 */
typedef struct ext_loaded {
    gru4rec_options options; /* the options that the version was trained with, resolved */
    gru4rec_model *model;    /* the network with its weights */
    gru4rec_items *items;    /* the catalogue, indexed by id */
    gru4rec_bytes *bytes; /* byte copy of the output weights, searched first; or NULL */
    /*
     * A baseline that knows the sessions that the version stores, and finds those that
     * are most like a given one. The network's scores are blended with what those
     * sessions have. NULL: the version does not blend.
     */
    gru4rec_baseline *neighbours;
    /*
     * How the scores are blended, for gru4rec_blender_new(): with neighbours (borrowed
     * from the field above), with the strength blend and with state_items, as the options
     * say. All zero: the version does not blend.
     */
    gru4rec_blend blend;
} ext_loaded;

/*
 * Loads a version of the model into *loaded, which must be all zero. The caller calls
 * ext_load_free() in any case, also after a failure.
 * If is_to_serve is true, also makes the byte copy of the output weights (loaded->bytes):
 * if the option quantize is on, or if it is auto and the copy has 1 MiB or more. But if
 * an output weight is not finite, loaded->bytes is NULL. If is_to_serve is false,
 * loaded->bytes is NULL.
 * If the version blends (option blend above 0), also reads the sessions that it blends
 * with, and fits loaded->neighbours to them.
 * SQLITE_CORRUPT_VTAB: the version is damaged; its checksum is compared too.
 * SQLITE_ERROR: there is no such version, or it needs more memory than the limits allow
 * (ext_budget.c).
 */
int ext_load_version(ext_loaded *loaded, const ext_home *home, int64_t version,
                     bool is_to_serve, ext_error *error);
/*
 * Frees the model, the items, the byte copy and the neighbours of a loaded version, those
 * that it has, and sets all fields of *loaded to zero. The struct itself is not freed.
 */
void ext_load_free(ext_loaded *loaded);

/* ---- ext_model.c ---- */

/*
 * A loaded version that the connections of this process share: an entry of the list in
 * ext_model.c. Nobody changes it after it was loaded, except n_users and next. It is
 * freed when the last holder releases it.
 */
typedef struct ext_model {
    /* Name of the training run that made the version; with file, the key in the list. */
    char run[EXT_RUN_NAME + 1];
    char *file; /* the database, as ext_home_file() names it; owned */
    int64_t version;
    ext_loaded loaded;
    int id_type; /* GRU4REC_ID_INTEGER or _TEXT: the type of all ids; -1: they differ */
    int n_users; /* number of holders; protected by the lock of ext_model.c */
    struct ext_model *next;
} ext_model;

/*
 * Sets *model to the active version of the model that home names, and adds a holder to
 * it; the caller releases it with ext_model_release(). Reads from the database, at each
 * call, which version that is. Loads the version only if this process has not loaded it
 * yet. Notes that the innermost call uses the model (ext_entry_use()). The connection
 * keeps the version too, in a handle, for later calls. *model is NULL after a failure.
 * SQLITE_ERROR: no version is active, or it cannot be loaded (ext_load_version()), or the
 * model reads itself through its source. SQLITE_BUSY: the model changed while it was
 * read. SQLITE_CORRUPT_VTAB: the model is damaged.
 */
int ext_model_acquire(ext_model **model, const ext_home *home, ext_error *error);
/*
 * Does what ext_model_acquire() does, but for the version that choice means now: the
 * active, the previous or the newest one, or the one with a number. The connection keeps
 * only a few versions that were not chosen as the active one.
 */
int ext_model_acquire_version(ext_model **model, const ext_home *home,
                              const ext_choice *choice, ext_error *error);
/*
 * Does what ext_model_acquire_version() does, but for the model that the SQL value name
 * names: "name" or "schema.name". SQLITE_ERROR also if the name is NULL, or if there is
 * no such model. In the latter case the connection also releases the versions and the
 * spare workspaces that it still holds of a model of that name (ext_model_forget()).
 */
int ext_model_acquire_named(ext_model **model, ext_connection *connection,
                            sqlite3_value *name, const ext_choice *choice,
                            ext_error *error);
/*
 * Does what ext_model_acquire_named() does, but for a scalar function whose first
 * argument is the name of the model. If that argument is a constant of the statement,
 * SQLite keeps the version, with a hold of its own, for the other rows of the statement.
 * For these rows the database is not read again, unless the argument version changes: so
 * all rows get the same version.
 * context: of the function's call. name: its first argument. version: its argument that
 * chooses the version; NULL: it has none, which means the active one. SQLITE_ERROR also
 * if version is no choice.
 */
int ext_model_acquire_for(ext_model **model, sqlite3_context *context,
                          sqlite3_value *name, sqlite3_value *version, ext_error *error);
/*
 * Gives up one hold on a loaded version. The last holder takes the version out of the
 * list of the process and frees it. model may be NULL: then it does nothing.
 */
void ext_model_release(ext_model *model);
/*
 * Adds a holder to a loaded version; that holder must call ext_model_release() later.
 * Returns model.
 */
ext_model *ext_model_retain(ext_model *model);
/*
 * Makes the connection of home release the versions and free the spare workspaces that
 * its handles hold of the model home, because the model was dropped or renamed. The
 * handles stay in the list, empty. Other connections keep theirs.
 */
void ext_model_forget(const ext_home *home);
/*
 * Frees all handles of a connection that ends, with their spare workspaces, and releases
 * the versions that they hold.
 */
void ext_model_forget_all(ext_connection *connection);
/*
 * Sets *bytes to the memory, in bytes, that the active version of the model takes in this
 * process: network, catalogue, byte copy, and the neighbours that it blends with. *bytes
 * is 0 if that version is not loaded, or none is active; this function loads nothing.
 * Sets *has_bytes to whether the version has a byte copy of the output weights. After a
 * failure *bytes is 0 and *has_bytes is false.
 */
int ext_model_memory(const ext_home *home, size_t *bytes, bool *has_bytes,
                     ext_error *error);

/* ---- ext_workspace.c ---- */

/*
 * A workspace: what is needed to serve one session at a time with one loaded version. The
 * struct owns what its fields point to. All fields zero: there is none.
 */
typedef struct ext_workspace {
    ext_model *model;         /* the version, with one hold on it */
    gru4rec_session *session; /* the hidden state of the session that is served */
    gru4rec_ranking *ranking; /* ranks the items of the version */
    gru4rec_real *scores; /* (number of items) made by ext_workspace_scores(), or NULL */
    gru4rec_blender *blender; /* blends the scores; NULL: the version does not blend */
} ext_workspace;

/*
 * Opens a workspace for the loaded version model. If a handle of the connection has a
 * spare workspace of that version, takes it out of the handle, and resets its session to
 * the start; else makes a new one. The caller's hold on the version passes to the
 * workspace: it is released here if a spare, which has its own hold, is used. The caller
 * gives the workspace to ext_workspace_close() or ext_workspace_free().
 * SQLITE_NOMEM is the only error. After it, the caller's hold is released and *workspace
 * is all zero.
 */
int ext_workspace_open(ext_workspace *workspace, ext_connection *connection,
                       ext_model *model, ext_error *error);
/*
 * Returns an array (number of items) for scores that do not come from a session, such as
 * supports and similarities. It is made at the first call, with undefined values; later
 * calls return the same array with the values that it has. The workspace owns it. NULL:
 * there is not enough memory.
 */
gru4rec_real *ext_workspace_scores(ext_workspace *workspace);
/*
 * Gives the workspace back and makes *workspace all zero. If the connection has a handle
 * on the same version and the first such handle has no spare, the workspace becomes its
 * spare, for the next query; else the workspace is freed. Does nothing if *workspace is
 * all zero before.
 */
void ext_workspace_close(ext_workspace *workspace, ext_connection *connection);
/*
 * Frees all that the workspace owns, releases its hold on the version, and sets all its
 * fields to zero. Does nothing if *workspace is all zero before. The struct itself is not
 * freed.
 */
void ext_workspace_free(ext_workspace *workspace);

/* ---- ext_handle: owned by ext_model.c, also used by ext_workspace.c ---- */

/*
 * A handle: what a connection holds of the version that one choice of one model means, so
 * that the version stays loaded from query to query. ext_model_acquire_version() makes
 * it; it stays in the connection's list when it is empty.
 */
typedef struct ext_handle {
    ext_home home;           /* the model; owned */
    ext_choice choice;       /* what the callers asked for: active, number 3, ... */
    ext_model *model;        /* the loaded version, with one hold on it; or NULL */
    ext_workspace spare;     /* an unused workspace of that version, or all zero */
    struct ext_handle *next; /* the handle whose last use was before; NULL: none */
} ext_handle;

/* ---- ext_check.c ---- */

/*
 * Checks the whole model, in one snapshot; changes nothing. It checks that the shadow
 * tables are ordinary tables with all columns that a loading reads, that the
 * configuration can be read, and that no retired version has items or tensors left. Then,
 * for the active version and each version with status 'ready' or 'prepared', it checks
 * the name of its run and loads the version, one after the other, with the optimiser's
 * slots and the fingerprints that the version stores. Stops at the first failure. An
 * error that is a finding about the model (ext_check_is_finding()) says what is damaged.
 */
int ext_check_model(const ext_home *home, ext_error *error);
/*
 * Tells whether the error of ext_check_model() is a finding about the model: it is
 * SQLITE_CORRUPT, SQLITE_NOTADB or their extended codes, or an SQLITE_ERROR of ours that
 * is no limit of memory. Otherwise the model could not be checked, for example because of
 * a lock, too little memory, a limit of memory, or an authorizer.
 */
bool ext_check_is_finding(const ext_error *error);
/*
 * The functions to register for gru4rec_check(model). The last entry has the name NULL.
 */
extern const ext_function ext_check_functions[];

#endif

/*
 * ext_store.h - a model in its shadow tables: what CREATE said, versions with their items
 * and tensors, and the runs that make them.
 *
 * The tables of a model m, all in the model's own schema:
 *   m_config(key, value)   format: 2, or 3 where what the model holds takes that (see
 *                          below); version: the active one, absent before the first
 *                          training; previous: the one before it; source, session, item,
 *                          time: as CREATE, or gru4rec_configure(), found them; order:
 *                          where it was said (format 3); session_type, item_type:
 *                          affinities of those two; shape: the source's kind and all its
 *                          columns, JSON, absent in models of older builds; options: JSON
 *                          of those that were set;
 *                          defaults: JSON of those of the build that made the model,
 *                          absent where that did not store them; checksum:RUN: see
 *                          ext_sum.c; id: see ext_identity.c
 *   m_version(version, run, status, started, finished, process, source, options, summary,
 *                          message, first_event, last_event, last_rowid, progress, updated,
 *                          fingerprints): a row for each run, see ext_run.c; tables of older builds
 *                          lack the last six columns until a run is written
 *   m_epoch(version, epoch, loss, cost, steps, events, seconds, recall, mrr, updates)
 *   m_item(version, row, item, support)
 *   m_tensor(id, version, name, chunk, shape, checksum, data): see ext_tensor.c
 *   m_source               a view, only where the source was given as a SELECT
 *
 * A model has the least storage format that holds it, and never goes back: format 3 adds
 * the column order. Only a write that needs it raises the format.
 */
#ifndef EXT_STORE_H
#define EXT_STORE_H

#include "../events/ext_events.h"

/* ---- ext_config.c ---- */

/* What CREATE VIRTUAL TABLE or gru4rec_configure() said, from m_config; all owned. */
typedef struct ext_config {
    int format;   /* as it was read; 0: not stored yet */
    char *source; /* as given, or NULL for a model without events */
    ext_columns columns;
    char *types[2]; /* affinities of session and item */
    char *shape;    /* the source's, as it was then; NULL in models of older builds */
    char *options;  /* JSON of those that were set */
    char *defaults; /* JSON of the others; NULL: what they were before models had this */
} ext_config;

/* An error also when the storage format is not known. Free config in any case. */
int ext_config_read(ext_config *config, const ext_home *home, ext_error *error);
/* Writes all of it, and the storage format: the least that holds it, or the one it had. */
int ext_config_write(const ext_config *config, const ext_home *home, ext_error *error);
void ext_config_free(ext_config *config);
/* Do they say the same, whatever their formats are? */
bool ext_config_is_same(const ext_config *a, const ext_config *b);
/* The storage format, if this build reads and writes it; else 0. */
int ext_config_known_format(const char *text);
/* From now on the model is of the last format: an older build would take what is written
 * with this for something else. */
int ext_config_raise_format(const ext_home *home, ext_error *error);
int ext_config_fail_format(const ext_home *home, ext_error *error);
/* The defaults of the model's options of training, and these with what was set. Where the
 * model says none, see gru4rec_options_init_stored(). */
int ext_config_defaults(const ext_config *config, const ext_home *home,
                        gru4rec_options *defaults, ext_error *error);
int ext_config_options(const ext_config *config, const ext_home *home,
                       gru4rec_options *options, ext_error *error);
/* Is that the model's own source? A SELECT may have got its parentheses there. */
bool ext_config_is_source(const ext_config *config, const char *source);
/* Is the source that the config names, if it does, one that the model can read? */
int ext_config_check_source(const ext_config *config, const ext_home *home,
                            ext_error *error);
/* Opens the source that the config names, or text where that is given. columns go before
 * those of the config; NULL: none are given. Where the model's own names lead nowhere, the
 * error says which, and the call that mends it. */
int ext_config_open_source(const ext_config *config, const ext_home *home,
                           const char *text, const ext_columns *columns,
                           ext_source *source, ext_error *error);
/* Opens another source, whose columns are called as the model's, the order only where it has
 * such a column; else they are guessed. columns, that are given, or NULL, go before both. */
int ext_config_open_like(const ext_config *config, const ext_home *home, const char *text,
                         const ext_columns *columns, ext_source *source,
                         ext_error *error);

/* ---- ext_mending.c ---- */

/* The error of a model that has no source. */
int ext_mending_fail_none(const ext_home *home, ext_error *error);
/*
 * The error of the model's own source, which does not open, as something has another name
 * now, or is gone: says what, and the call that mends it. name: the table or view.
 * missing: see ext_source. given: columns that the caller named. cause: what SQLite and the
 * source say.
 */
int ext_mending_explain(const ext_config *config, const ext_home *home, const char *name,
                        const char *missing, const ext_columns *given,
                        const ext_error *cause, ext_error *error);

/* ---- ext_schema.c ---- */

/*
 * Finds the model of "name" or "schema.name", and fills in home, which must be cleared
 * also where *is_found is false: it then says where such a model would be made.
 */
int ext_schema_find(ext_home *home, sqlite3 *db, ext_connection *connection,
                    const char *text, bool *is_found, ext_error *error);
/* How SQL names the model: by its bare name, where that finds it; of sqlite3_malloc. */
char *ext_schema_reference(const ext_home *home);
/* Gives the home the model's name as it was made, in upper and lower case. */
int ext_schema_true_name(ext_home *home, ext_error *error);
/*
 * What comes before anything is read of the model: in the user's transaction, the write
 * lock for a call that is to write; then, where there is a model, this call is known to
 * use it (ext_entry_use), and its tables are looked at (ext_schema_check_tables). home
 * must last as long as the call.
 */
int ext_schema_take(ext_home *home, bool is_found, bool is_to_write, ext_error *error);
/* ext_schema_find() and ext_schema_take() of a model named by an SQL value. is_found NULL:
 * it must be there. */
int ext_schema_get(ext_home *home, sqlite3 *db, ext_connection *connection,
                   sqlite3_value *value, bool is_to_write, bool *is_found,
                   ext_error *error);
/* SQLITE_CORRUPT_VTAB where one of the shadow tables is a view or has generated columns:
 * these could run any SQL, and claim any size. */
int ext_schema_check_tables(const ext_home *home, ext_error *error);
/* The error that there is no such model. */
int ext_schema_fail_missing(const char *text, ext_error *error);
/* Is there such a model? */
int ext_schema_exists(sqlite3 *db, const char *schema, const char *name, bool *is_found,
                      ext_error *error);
/* An error when a model could not be made there. */
int ext_schema_check_new(const ext_home *home, ext_error *error);
/* Makes the model's table by CREATE VIRTUAL TABLE; source: NULL, a name or a SELECT, with
 * the columns that hold its events. */
int ext_schema_create_model(const ext_home *home, const char *source,
                            const ext_columns *columns, const gru4rec_options *options,
                            ext_error *error);
/* Make, change, drop and rename the shadow tables, for the module. has_source: the source may
 * be another one, so that the view m_source is made anew; else it stays. The storage format
 * is not less than it was. */
int ext_schema_create(const ext_home *home, const ext_config *config, ext_error *error);
int ext_schema_configure(const ext_home *home, ext_config *config, bool has_source,
                         ext_error *error);
int ext_schema_drop(const ext_home *home, ext_error *error);
int ext_schema_rename(const ext_home *home, const char *new_name, ext_error *error);
/* Where the config's source is a SELECT: takes it from the view m_source, if that is as we
 * made it. ALTER TABLE keeps the view, not m_config, up to date. */
int ext_schema_read_view(const ext_home *home, ext_config *config, ext_error *error);
/* Has the shadow table m_suffix that column, or NULL: is there such a table? */
int ext_schema_has_column(const ext_home *home, const char *suffix, const char *column,
                          bool *has, ext_error *error);
/* Gives a model that an older build made the columns, and the id, that it lacks. In the
 * caller's savepoint, before a run's row is written. */
int ext_schema_upgrade(const ext_home *home, ext_error *error);
/* Is it the part behind m_ of a shadow table's name? As xShadowName asks. */
int ext_schema_is_shadow(const char *suffix);

/* ---- ext_window.c ---- */

/* Where the events of a version end. None: it has no events, or an older build made it. */
int ext_window_read_last(ext_border *last, const ext_home *home, int64_t version,
                         ext_error *error);
/* The columns of m_version that say what since=last was to a run, and what they say, from
 * that column on. */
#define EXT_WINDOW_SINCE                                                        \
    "summary ->> '$.since.version', summary ->> '$.since.last_event', summary " \
    "->> '$.since.last_rowid' "
void ext_window_take_since(ext_last *last, sqlite3_stmt *stmt, int column);
int ext_window_write(const ext_border *first, const ext_border *last,
                     const ext_home *home, int64_t version, ext_error *error);

/* ---- ext_fingerprints.c ---- */

/* Which sessions a version was trained on, as fingerprints. */
typedef struct ext_fingerprints {
    gru4rec_fingerprints fingerprints;
    int64_t version;
    bool
        is_known; /* false: an older build made the version, or it was imported or retired */
    void *bytes; /* of allocator, owned */
    const gru4rec_allocator *allocator;
} ext_fingerprints;

/* A new random key. */
gru4rec_fingerprints_key ext_fingerprints_key(void);
/* Free fingerprints in any case, before the budget goes. SQLITE_CORRUPT_VTAB: they are damaged. */
int ext_fingerprints_read(ext_fingerprints *fingerprints, ext_budget *budget,
                          const ext_home *home, int64_t version, ext_error *error);
void ext_fingerprints_free(ext_fingerprints *fingerprints);
/* What the library says of the fingerprints: INVALID is damage. */
int ext_fingerprints_library(const ext_fingerprints *fingerprints, gru4rec_status status,
                             const ext_home *home, ext_error *error);
/* bytes (n) as gru4rec_fingerprints_new() made them. More than SQLite's limit of lengths lets a
 * value have is not kept. */
int ext_fingerprints_write(const void *bytes, size_t n, const ext_home *home,
                           int64_t version, ext_error *error);
/* Takes away those of versions that are retired. */
int ext_fingerprints_forget(const ext_home *home, ext_error *error);

/* ---- ext_identity.c ---- */

/* Gives the model a random id, unless it has one. */
int ext_identity_make(const ext_home *home, ext_error *error);
/* *id is of sqlite3_malloc; NULL where an older build made the model. */
int ext_identity_read(char **id, const ext_home *home, ext_error *error);
/*
 * Is the model that has the id still there? Where it was renamed, home gets its new name.
 * id NULL: whatever has the name passes for it.
 */
int ext_identity_follow(ext_home *home, const char *id, bool *is_found, ext_error *error);

/* ---- ext_item.c ---- */

/* 0 where there are none. */
int ext_item_count(int32_t *n, const ext_home *home, int64_t version, ext_error *error);
/* All n of them, or SQLITE_CORRUPT_VTAB; not indexed yet. sum: of all, for ext_sum_check(). */
int ext_item_load(gru4rec_items **items, uint64_t *sum, const ext_home *home,
                  int64_t version, int32_t n, ext_error *error);
/* That sum alone. */
int ext_item_sum(uint64_t *sum, const ext_home *home, int64_t version, int32_t n,
                 ext_error *error);
int ext_item_save(const gru4rec_items *items, const ext_home *home, int64_t version,
                  ext_error *error);
/* The error of items that the library refused; SQLITE_OK for GRU4REC_OK. */
int ext_item_fail(const ext_home *home, gru4rec_status status, ext_error *error);

/* ---- ext_sum.c ---- */

/* Takes the next item into the sum of a version's items, which begins with 0. */
void ext_sum_item(uint64_t *sum, const gru4rec_id *id, int64_t support);
/* A version's checksum, from the sum of its items. */
int64_t ext_sum_version(uint64_t items, int64_t version, const gru4rec_id *run,
                        const gru4rec_id *options);
int ext_sum_write(const ext_home *home, const char *run, int64_t sum, ext_error *error);
/* SQLITE_CORRUPT_VTAB when the version has a checksum that is another. items: the sum of
 * those that it has now. */
int ext_sum_check(const ext_home *home, int64_t version, uint64_t items,
                  ext_error *error);
/* Takes away those of runs that no version has, or only one that is retired. */
int ext_sum_forget(const ext_home *home, ext_error *error);

/* ---- ext_tensor.c ---- */

/*
 * Writes a version's tensors in place of those that are there: the weights, and the first
 * n_slots of what training keeps beside them.
 */
int ext_tensor_save(const gru4rec_training *training, int n_slots, const ext_home *home,
                    int64_t version, ext_error *error);
/* Bytes that the longest row of such a model's tensors takes, at most. */
size_t ext_tensor_row_bytes(const gru4rec_model *model);
/* Is that slot stored? */
int ext_tensor_find(bool *is_found, const ext_home *home, int64_t version,
                    const char *slot, ext_error *error);
/* SQLITE_CORRUPT_VTAB when the version has far fewer bytes: to be asked before they are
 * allocated. */
int ext_tensor_check_size(const ext_home *home, int64_t version, size_t n_bytes,
                          ext_error *error);
/*
 * Loads weights, or a slot. slot: "", or of gru4rec_training_slot_name(). SQLITE_CORRUPT_VTAB when a
 * tensor is missing or damaged. bytes: a copy of the output rows that is made on the way,
 * or NULL.
 */
int ext_tensor_load(gru4rec_model *model, gru4rec_bytes *bytes, const ext_home *home,
                    int64_t version, const char *slot, ext_error *error);

/* ---- ext_alive.c ---- */

enum { EXT_RUN_NAME = 32 }; /* hex digits of a run's random name */

/* What a run does. */
typedef enum ext_phase {
    EXT_PHASE_READING, /* its events */
    EXT_PHASE_TRAINING,
    EXT_PHASE_COMMITTING, /* it writes, or waits for who is in the way */
    EXT_PHASE_KEPT        /* its result waits for a call that commits it */
} ext_phase;

/* How far a run is, as this process knows. */
typedef struct ext_share {
    ext_phase phase;
    double done;         /* from 0 to 1 */
    double seconds_left; /* of the training; below 0: not known */
} ext_share;

/* By what this and other processes see that a run is under way. All zero: it is not. */
typedef struct ext_alive {
    char run[EXT_RUN_NAME + 1]; /* random hex: its name for ever */
    int beacon;                 /* an open file that shows it to other processes, or -1 */
    ext_share share;            /* see ext_alive_tell() */
    struct ext_alive *next;
} ext_alive;

enum { EXT_ALIVE_PLACE = 128 };

/* A new random name. */
void ext_alive_name(char run[EXT_RUN_NAME + 1]);
/* Is it the name of a run? What a table says may be anything, or NULL. */
bool ext_alive_is_name(const char *text);
/* From start to stop the run counts as alive. It gets a name unless it has one. */
void ext_alive_start(ext_alive *alive);
void ext_alive_stop(ext_alive *alive);
/* Says how far the run is, to the other threads of this process; and what they see, where
 * it is under way here. */
void ext_alive_tell(ext_alive *alive, ext_share share);
bool ext_alive_see(ext_share *share, const char *run);
/* What m_version.process says of it. */
void ext_alive_place(char text[EXT_ALIVE_PLACE], const ext_alive *alive);
/*
 * What a row that says 'training' really means, by its columns process and run:
 * "interrupted", "killed", "elsewhere" (nobody here can know), or NULL: it is so.
 */
const char *ext_alive_status(const char *process, const char *run);

/* ---- ext_run.c ---- */

/* What of a run its tables have; put back when a savepoint is undone. */
typedef struct ext_written {
    int64_t version; /* of its row; 0: none */
    size_t n_epochs; /* rows of m_epoch */
} ext_written;

/* A training run, or an import: what becomes a row of m_version. All zero to begin with.
 */
typedef struct ext_run {
    ext_alive alive;
    ext_written written;
    int64_t started;       /* seconds since 1970; 0: when its row is written */
    double progress;       /* the share that is done, for the next write; 0: none */
    const char *source;    /* borrowed */
    char *options;         /* JSON, all as used; owned, as all below */
    char *summary;         /* JSON */
    gru4rec_epoch *epochs; /* (n_epochs) done */
    double *epoch_seconds; /* (n_epochs) */
    size_t n_epochs;
} ext_run;

/* What a run that stopped left behind, to go on from; texts are owned. */
typedef struct ext_checkpoint {
    int64_t epoch;     /* done when it was written; 0: there is none */
    char *fingerprint; /* of the events */
    ext_last last;     /* what since=last was then */
    char *options;     /* JSON, all as used */
    char *source;
    char *status, *process; /* of the row, when it was found */
} ext_checkpoint;

void ext_run_free(ext_run *run);
/* Drops the epochs, items and tensors of versions that have no row, as of a table that
 * somebody cleared. */
int ext_run_drop_orphans(const ext_home *home, ext_error *error);
/* The error that no version can have a higher number than one that is there. */
int ext_run_fail_number(const ext_home *home, ext_error *error);
/* Can it be a number of steps, events or updates? A forged one could overflow. */
bool ext_run_is_count(int64_t n);
/* Writes its row, status 'training', unless it has one, the epochs that are not written
 * yet, and how far it is. */
int ext_run_write(ext_run *run, const ext_home *home, ext_error *error);
/*
 * Writes all that the run needs to go on from its last epoch, in place of what was there;
 * checkpoints of runs that are over go. In the caller's savepoint, after ext_run_write().
 */
int ext_run_checkpoint(const ext_run *run, const ext_home *home,
                       const gru4rec_training *training, const char *fingerprint,
                       const ext_last *last, ext_error *error);
/*
 * Finds the newest run that stopped and left a checkpoint; run gets its name, version and
 * epochs. SQLITE_ERROR when there is none.
 */
int ext_run_resume(ext_run *run, ext_checkpoint *checkpoint, const ext_home *home,
                   ext_error *error);
void ext_run_free_checkpoint(ext_checkpoint *checkpoint);
/* SQLITE_BUSY where the row is no longer as it was found. */
int ext_run_check_checkpoint(const char *run, const ext_checkpoint *checkpoint,
                             const ext_home *home, ext_error *error);
/* Makes the row this run's; an error when somebody else was faster. */
int ext_run_claim(const ext_run *run, const ext_checkpoint *checkpoint,
                  const ext_home *home, ext_error *error);
/* Takes away what runs that are over could be resumed from. */
int ext_run_drop_checkpoints(const ext_home *home, ext_error *error);
/* Writes into its row, which says 'training', how it ended and why; or, as status
 * 'training', what it waits for. */
int ext_run_fail(const ext_run *run, const ext_home *home, const char *status,
                 const char *message, ext_error *error);
/*
 * What the row of a run means that says 'training': NULL: it is so; else as
 * ext_alive_status(), but "failed" where the run left a message before it ended.
 */
const char *ext_run_status(const char *process, const char *run, const char *message);
/* The versions whose row says 'training' though that is over, and what they are, as a JSON
 * object {"3":"interrupted","5":"killed"}; of sqlite3_malloc. */
int ext_run_gone(char **gone, const ext_home *home, ext_error *error);
/* Says so in the table. */
int ext_run_sweep(const ext_home *home, ext_error *error);

/* ---- ext_pending.c ---- */

/* How a run ended that could not say so in its table; owned, but for status. */
typedef struct ext_pending {
    char *file, *name, *id; /* of its model; id may be NULL */
    char run[EXT_RUN_NAME + 1];
    const char *status; /* "failed", "interrupted"; "training": it waits for its commit */
    char *message, *source, *options;
    int64_t started, finished; /* seconds since 1970 */
    struct ext_pending *next;
} ext_pending;

/* NULL: no memory. id: of the model, or NULL. */
ext_pending *ext_pending_new(const ext_run *run, const ext_home *home, const char *id,
                             const char *status, const char *message);
void ext_pending_free(ext_pending *pending); /* NULL-safe */
/* The run ended now. Keeps that, which it takes over, for the next call that writes to the
 * model. NULL-safe. */
void ext_pending_add(ext_pending *pending);
/* Does the run wait for its commit? Then its message says what for. */
bool ext_pending_is_waiting(const ext_pending *pending);
/* Takes the write lock, as ext_savepoint_lock() does, and writes what is kept for the model.
 * Every call that writes to a model takes the lock by this, but one that takes up a run to
 * resume (ext_train.c). */
int ext_pending_lock(ext_savepoint *savepoint, const ext_home *home, ext_error *error);
/* Shows what is kept for the model, newest first. visit must not call SQL. */
int ext_pending_each(const ext_home *home, const char *id,
                     void (*visit)(void *context, const ext_pending *pending),
                     void *context, ext_error *error);
/* A run that ended or waited goes on: drops what was kept of that. */
void ext_pending_withdraw(const char *run);
/* Drops what is kept for databases in memory of a connection that ends. */
void ext_pending_forget(sqlite3 *db);

/* ---- ext_choice.c ---- */

/* A row of m_version that is ready to serve. */
typedef struct ext_version {
    int64_t version;
    char run[EXT_RUN_NAME + 1];
} ext_version;

typedef enum ext_choice_kind {
    EXT_CHOICE_ACTIVE,
    EXT_CHOICE_PREVIOUS, /* of those that are ready the one before the active one */
    EXT_CHOICE_NEWEST,   /* of those that are ready */
    EXT_CHOICE_BEST,     /* by the MRR of its own validation; only to be deployed */
    EXT_CHOICE_NUMBER    /* that one, if it is ready */
} ext_choice_kind;

/* Which version of a model is meant. All zero: the active one. */
typedef struct ext_choice {
    ext_choice_kind kind;
    int64_t number; /* 0 but for NUMBER */
} ext_choice;

/* By an argument: a number, 'active', 'previous' or 'newest'; NULL, or SQL NULL: the active
 * one. */
int ext_choice_read(ext_choice *choice, sqlite3_value *value, ext_error *error);
/* As gru4rec_deploy() takes it: also 'best', but no NULL. */
int ext_choice_read_to_deploy(ext_choice *choice, sqlite3_value *value, ext_error *error);
/* By the option version. */
ext_choice ext_choice_of_option(int64_t version);
bool ext_choice_is_same(const ext_choice *a, const ext_choice *b);
/* The version that is meant now; an error where there is none. */
int ext_choice_find(ext_version *version, const ext_choice *choice, const ext_home *home,
                    ext_error *error);
/* The same; all zero where there is none. */
int ext_choice_look(ext_version *version, const ext_choice *choice, const ext_home *home,
                    ext_error *error);
/* Is it that of this run? Every query asks this, so it is short. */
bool ext_choice_is(const ext_choice *choice, const ext_home *home, const char *run);

/* ---- ext_forget.c ---- */

/* What of a model is kept, by the options of the run that forgets. */
typedef struct ext_keep {
    int64_t versions, candidates, history;
} ext_keep;

ext_keep ext_forget_keep(const gru4rec_options *options);
/* Retires versions, and deletes rows of those that were and of trainings that came to
 * nothing; in the caller's savepoint. Runs under way stay. *is_done: not where an authorizer
 * ignores, or a trigger undoes, that a version is retired. */
int ext_forget_old(const ext_home *home, const ext_keep *keep, bool *is_done,
                   ext_error *error);
/* SQLITE_CORRUPT_VTAB when a version is retired and has weights. */
int ext_forget_check(const ext_home *home, ext_error *error);

/* ---- ext_version.c ---- */

/* The active version; all zero when there is none yet. */
int ext_version_find(ext_version *version, const ext_home *home, ext_error *error);
/* The error that there is none. */
int ext_version_fail_untrained(const ext_home *home, ext_error *error);
/* The error of a version whose run has no name (ext_alive_is_name()). */
int ext_version_fail_run(const ext_home *home, ext_error *error);
/* The options that a version was made with, resolved. */
int ext_version_options(gru4rec_options *options, const ext_home *home, int64_t version,
                        ext_error *error);
/* Updates of the weights in all of a version's training; 0: not known. */
int ext_version_updates(int64_t *updates, const ext_home *home, int64_t version,
                        ext_error *error);
/* Makes it the active one, and remembers the one before. */
int ext_version_activate(const ext_home *home, int64_t version, ext_error *error);

/* What a run made, and what of it is to be stored. */
typedef struct ext_outcome {
    const gru4rec_training *training; /* weights, and slots */
    int n_slots;                      /* the first ones, to be stored too */
    const gru4rec_items *items;
    bool is_candidate; /* it is not to serve until it is deployed */
    ext_keep keep;
} ext_outcome;

/* SQLITE_TOOBIG when SQLite's limit of lengths (SQLITE_LIMIT_LENGTH) does not let such a
 * model be written: to be asked before it is trained. */
int ext_version_check_limit(const ext_home *home, const ext_run *run,
                            const gru4rec_model *model, const gru4rec_items *items,
                            ext_error *error);
/* An error when the highest version has the highest number that there is. */
int ext_version_check_next(const ext_home *home, ext_error *error);
/*
 * Makes a version of the run and, unless it is a candidate, the active one, in the caller's
 * savepoint. Puts the version's number into the run's summary. Then forgets what is not to
 * be kept.
 */
int ext_version_publish(ext_run *run, const ext_home *home, const ext_outcome *outcome,
                        ext_error *error);

#endif

/*
 * ext_train.h - what the files that train and keep versions share, beside ext_int.h.
 *
 * A run names itself, shows its epochs and leaves checkpoints (ext_run.c); at its end it
 * becomes a version (ext_version.c), in one savepoint (ext_commit.c).
 */
#ifndef EXT_TRAIN_H
#define EXT_TRAIN_H

#include "../base/ext_base.h"

/* ---- ext_run.c ---- */

/* A training run, or an import: what becomes a row of m_version. All zero to begin with.
 */
typedef struct ext_run {
    char run[33];          /* random hex: its name for ever */
    int sign;              /* open file by which other processes see it live, or -1 */
    int64_t version;       /* of its row; 0: not written yet */
    const char *source;    /* borrowed */
    char *options;         /* JSON, all as used; of sqlite3_malloc, as all below */
    char *summary;         /* JSON */
    gru4rec_epoch *epochs; /* (n_epochs) done */
    double *epoch_seconds; /* (n_epochs) */
    size_t n_epochs;
    size_t n_written; /* rows of m_epoch */
    struct ext_run *next;
} ext_run;

/* What a run that stopped left behind, to go on from. Texts are of sqlite3_malloc. */
typedef struct ext_checkpoint {
    int64_t epoch;     /* done when it was written */
    char *fingerprint; /* of the events, see ext_run_checkpoint() */
    char *options;     /* JSON, all as used */
    char *source;
    char *status, *process; /* of the row, when it was found */
} ext_checkpoint;

/* Names the run unless it has a name; from now to stop it counts as alive. */
void ext_run_start(ext_run *run);
void ext_run_stop(ext_run *run);
/* Writes its row, status 'training', unless it has one, and the epochs that are not
 * written yet. */
int ext_run_show(sqlite3 *db, const char *schema, const char *name, ext_run *run,
                 ext_error *error);
/*
 * Writes all that the run needs to go on from its last epoch, in place of what was there;
 * those of runs that are over go. In the caller's savepoint, after ext_run_show().
 */
int ext_run_checkpoint(sqlite3 *db, const char *schema, const char *name,
                       const ext_run *run, const gru4rec_training *training,
                       const char *fingerprint, ext_error *error);
/*
 * Finds the newest run that stopped and left a checkpoint; run gets its name, version and
 * epochs. SQLITE_ERROR when there is none.
 */
int ext_run_resume(sqlite3 *db, const char *schema, const char *name, ext_run *run,
                   ext_checkpoint *checkpoint, ext_error *error);
/* Makes the row this run's; an error when somebody else was faster. */
int ext_run_claim(sqlite3 *db, const char *schema, const char *name, const ext_run *run,
                  const ext_checkpoint *checkpoint, ext_error *error);
/* Takes away what runs that are over could be resumed from. */
int ext_run_drop_checkpoints(sqlite3 *db, const char *schema, const char *name,
                             ext_error *error);
void ext_checkpoint_free(ext_checkpoint *checkpoint);
int ext_run_fail(sqlite3 *db, const char *schema, const char *name, const ext_run *run,
                 const char *status, const char *message, ext_error *error);
/* The versions whose row says 'training' but which are really of that status, as "3,5".
 */
int ext_runs_gone(sqlite3 *db, const char *schema, const char *name, const char *status,
                  char **list, ext_error *error);
/* Says so in the table. */
int ext_runs_sweep(sqlite3 *db, const char *schema, const char *name, ext_error *error);

/* ---- ext_version.c ---- */

/*
 * Writes the version, makes it active and forgets all but the last keep; inside the
 * caller's savepoint. Puts the version's number into the summary. n_states: of the
 * training's states, how many to keep with it.
 */
int ext_run_finish(sqlite3 *db, const char *schema, const char *name, ext_run *run,
                   const gru4rec_training *training, int n_states,
                   const gru4rec_items *items, int64_t keep, ext_error *error);
/* Updates of the weights in all of a version's training; 0: not known. */
int ext_version_updates(sqlite3 *db, const char *schema, const char *name,
                        int64_t version, int64_t *updates, ext_error *error);
int ext_version_activate(sqlite3 *db, const char *schema, const char *name,
                         int64_t version, ext_error *error);

/* ---- ext_train.c, ext_commit.c ---- */

typedef struct ext_training {
    ext_connection *connection;
    sqlite3 *db;
    char *schema, *name;
    bool is_found; /* the model exists */
    ext_config config;
    const char *text; /* source given for this run, or NULL */
    gru4rec_options options;
    ext_columns columns;
    ext_source source;
    ext_events events;
    ext_model *active; /* with warm_start: the version that it starts from; owned */
    gru4rec_training training;
    ext_checkpoint checkpoint; /* of the run that this one continues */
    char fingerprint[20];      /* of the events */
    ext_poll poll;
    ext_progress progress;
    ext_run run;
    bool
        is_alone; /* no transaction of the user's is open: what is written is committed */
    int64_t best_epoch; /* whose weights were kept */
    int64_t serving;    /* version that serves until the training is done; 0: none */
    double show_after;  /* seconds: what ext_training_show() writes waits until then */
    int64_t saved;      /* epoch of the last checkpoint */
    double start, epoch_start;
    size_t n_bytes; /* that the training needs */
} ext_training;

/*
 * Ends SAVEPOINT gru4rec: releases it where rc is SQLITE_OK, else, and when that fails,
 * takes back what was written. is_alone: it was opened in autocommit, so that the
 * transaction is ours; there only ROLLBACK ends one whose commit failed.
 */
int ext_savepoint_start(sqlite3 *db, sqlite3_stmt **escape, ext_error *error);
int ext_savepoint_end(sqlite3 *db, sqlite3_stmt *escape, bool is_alone, int rc,
                      ext_error *error);
/* Writes progress rows, and a checkpoint where one is due, unless somebody is in the way.
 */
void ext_training_show(ext_training *t);
/* Refuses what cannot work; in a user's transaction, takes the write lock. */
int ext_training_check(ext_training *t, ext_error *error);
/* Creates the model if need be, writes the version and commits. Leaves run.summary. */
int ext_training_save(ext_training *t, ext_error *error);

#endif

/*
 * ext_train.h - gru4rec_train(): trains a model, and publishes a version that serves.
 *
 * The steps of a call, each in a file:
 *   1. request   what the call asks for                      (ext_train_request.c)
 *   2. data      the events, read into memory                (ext_train_data.c)
 *   3. weights   the weights that training begins with       (ext_train_weights.c)
 *   4. loop      the epochs, by the library's gru4rec_train() (ext_train.c)
 *   5. summary   the JSON that the call returns              (ext_summary.c)
 *   6. publish   writes the version and commits              (ext_publish.c)
 * ext_train_blend.c has the parts of steps 2 and 4 that option blend needs, ext_tuned.c
 * the part of step 1 that option tuned needs. A step reads the results of the steps before
 * it, but does not change them. The run is the exception: its name, its epochs, its
 * options (blend=auto) and its row in m_version are filled in from step to step.
 *
 * "The run" is one training from start to end, with a row in m_version. "The version" is
 * what the run makes. "The model" is the virtual table with all its versions.
 *
 * Errors, if a comment says nothing else: a function that can fail returns an SQLite
 * result code, and sets *error to the same code and a message. Every function that
 * allocates can return SQLITE_NOMEM, and every function that touches the database each
 * error of SQLite.
 */
#ifndef EXT_TRAIN_H
#define EXT_TRAIN_H

#include "../cache/ext_cache.h"

/* ---- ext_train_request.c ---- */

/*
 * What a call of gru4rec_train() asks for. The struct owns what its members point to,
 * except kept.
 */
typedef struct ext_train_request {
    const char *call; /* name of the SQL function, for messages */
    ext_home home;    /* the model: connection, schema and name */
    bool is_found;    /* the model exists */
    /* The user has no open transaction, so that each write is committed at once. */
    bool is_alone;
    ext_config config;         /* the stored configuration of the model */
    char *id;                  /* id of the model (ext_identity.c); NULL: it has none */
    char *source;              /* source of events given for this run; NULL: none */
    ext_columns columns;       /* columns given for this run */
    gru4rec_options options;   /* all options, resolved */
    int64_t serving;           /* number of the active version; 0: there is none */
    ext_checkpoint checkpoint; /* where a resumed run goes on; epoch 0: a new run */
    /*
     * The earlier attempt on this model whose result waits to be committed, if the call
     * says resume and there is such an attempt; else NULL. Borrowed. If it is set, only
     * the commit remains to be done: of the options only commit_wait is used, and serving
     * and checkpoint are not set.
     */
    struct ext_attempt *kept;
} ext_train_request;

/*
 * Reads the arguments of a call into request. If the call resumes a run, the struct run
 * gets the name, the version and the epochs of that run. Unless request->kept is set, run
 * also gets the source (borrowed from request) and all options (JSON). Takes the write
 * lock if the user has an open transaction. The caller frees request and run, also after
 * a failure.
 * SQLITE_ERROR: an argument is wrong, the model is not there and no source is given, or
 * no run can be resumed. SQLITE_READONLY: the database cannot be written.
 */
int ext_train_request_read(ext_train_request *request, ext_run *run,
                           ext_connection *connection, int argc, sqlite3_value **argv,
                           ext_error *error);
/* Frees what the request owns. It does not free kept, nor the struct. */
void ext_train_request_free(ext_train_request *request);
/*
 * Lowers the option threads to the number of processors that the container may use, or, if
 * several ranks run on this machine, to this rank's share of the processors. Does nothing
 * if the option was given, or if training would not use more threads than that anyway.
 */
void ext_train_request_follow_quota(gru4rec_options *options);

/* ---- ext_tuned.c ---- */

/*
 * Option tuned: sets in request->options the options of the best trial of the last
 * finished tuning of the model; of an option that the tuning dropped (null), the default.
 * The caller sets the options of the call afterwards, over these.
 * SQLITE_ERROR: the model has no finished tuning.
 */
int ext_tuned_apply(ext_train_request *request, ext_error *error);

/* ---- ext_train_data.c ---- */

/*
 * The events that are trained on, and what belongs to them. The struct owns its members.
 */
typedef struct ext_train_data {
    ext_budget budget; /* counts the memory of the training, the members below included */
    ext_source source; /* where the events are read from; open until data is freed */
    /* since=last: the version and the border behind which events are new. */
    ext_last last;
    ext_events events;     /* sessions and items */
    ext_snapshot snapshot; /* read transaction until the weights are read */
    ext_model *active;     /* warm_start: the version that it starts from; or NULL */
    /* A text that names the longest sessions, for a warning; or NULL. */
    char *longest;
    char fingerprint[20]; /* hash of all events, in hex */
    /* Option blend: the sessions that the version will blend with; NULL: blend=0. */
    gru4rec_dataset *latest;
    /* (n_fingerprints) bytes: the fingerprints of these and of earlier sessions. */
    void *fingerprints;
    size_t n_fingerprints;
    size_t n_bytes; /* bytes that the whole training needs */
    bool is_read;   /* the events were read, and n_bytes is set */
} ext_train_data;

/*
 * Reads the events into memory, once, in a snapshot that stays open if the model exists.
 * Also finds the border of since=last, computes the fingerprints, makes data->latest (with
 * option blend), and checks that the whole training fits the memory limits. With
 * warm_start, also adds the items of the active version to the catalogue. The caller ends the snapshot when the weights are
 * read. The caller frees data, also after a failure, but only after everything else that
 * data->budget allocated.
 * SQLITE_ERROR: there is nothing to train on, a memory limit is reached, or the events
 * are not those that the run to resume began with. SQLITE_BUSY: another connection
 * changed the model, or took the run to resume, since the request was read.
 */
int ext_train_data_read(ext_train_data *data, const ext_train_request *request,
                        const ext_run *run, ext_error *error);
/* Frees what data owns, and ends its snapshot if it is still open. */
void ext_train_data_free(ext_train_data *data);
/*
 * If the error is an SQLITE_NOMEM that a memory limit caused, replaces it by an
 * SQLITE_ERROR whose message names the limit. Any other error stays. Returns the code
 * that the error has now.
 */
int ext_train_data_explain(const ext_train_data *data, ext_error *error);

/* ---- ext_train.c ---- */

/*
 * The state of a training while it runs, and while its result waits for a commit. It
 * borrows request and data.
 */
typedef struct ext_training {
    const ext_train_request *request;
    const ext_train_data *data;
    ext_home home; /* the model, with the name that it has now; owned */
    char *id;      /* id of the model; NULL: not made yet, or it has none; owned */
    gru4rec_training weights;  /* the weights and the optimiser's slots; owned */
    ext_run run;               /* owned */
    ext_poll poll;             /* asks SQLite for interrupts */
    ext_progress progress;     /* the progress line on the terminal */
    double start, epoch_start; /* seconds: when training and the current epoch began */
    double took;               /* seconds from start to the end of the last epoch */
    double blend;              /* strength of the blend; 0: the version does not blend */
    int64_t best_epoch;        /* number of the epoch whose weights were kept, from 1 */
    bool has_model;            /* the model's tables exist */
    bool is_trained;           /* all epochs are done: only the commit remains */
    bool is_dropped;           /* somebody dropped the model: the training must stop */
    int64_t n_before;          /* number of epochs that the run had when it was resumed */
    int64_t saved;             /* epoch of the last checkpoint that was written */
    bool is_in_epoch;   /* progress is reported within an epoch, so no checkpoint */
    bool is_alive;      /* the run counts as under way, for other connections */
    bool is_begun;      /* the run belongs to this call, which must write how it ends */
    double seen, told;  /* seconds: when progress was last looked at, and last written */
    double quiet_until; /* seconds: before this time no progress is written */
} ext_training;

/*
 * The table that registers the SQL function gru4rec_train() for one, two and three
 * arguments. The last entry has the name NULL.
 */
extern const ext_function ext_train_functions[];

/* ---- ext_attempt.c ---- */

/*
 * An attempt: everything that one call of gru4rec_train() works with. It must not be
 * moved in memory: its members point to each other, and blocks that data.budget allocated
 * point to the budget.
 */
typedef struct ext_attempt {
    ext_train_request request;
    ext_train_data data;
    ext_training training;
    /*
     * Set while the result is kept for a later commit: the report for the run's row if
     * the result is dropped uncommitted; or NULL. Owned.
     */
    ext_pending *obituary;
    struct ext_attempt *next; /* next in the list of results that the connection keeps */
} ext_attempt;

/*
 * Returns a new attempt, all zero but for the pointers of training to request and data.
 * NULL: there is not enough memory.
 */
ext_attempt *ext_attempt_new(void);
/*
 * Frees the attempt and all that it holds. Its run no longer counts as under way. If the
 * attempt still has an obituary, passes it to ext_pending_add(): then the next call of
 * this process that writes to the model writes it into the run's row.
 */
void ext_attempt_free(ext_attempt *attempt);

/* ---- ext_kept.c ---- */

/*
 * Returns the attempt whose result the connection keeps for the model, or NULL. A
 * training that knows the id of its model is compared by that id, another one by the name
 * of its model; both also by the schema. id: of the model; may be NULL.
 */
ext_attempt *ext_kept_find(const ext_home *home, const char *id);
/*
 * Tells whether a result whose commit failed with the error is worth keeping, because a
 * later commit could succeed: the user has no transaction, the model was not dropped, and
 * the database is not corrupt.
 */
bool ext_kept_is_worth(const ext_training *training, const ext_error *error);
/*
 * Adds the attempt, whose commit has failed, to the list of results that its connection
 * keeps. The connection then owns the attempt. Also frees the parts that no commit needs,
 * and notes in the run's row that the result waits. error: of the failed commit; its
 * message gets the advice how to commit later.
 */
void ext_kept_add(ext_attempt *attempt, ext_error *error);
/*
 * Tries again to commit a kept result. request: the call that asks for it, whose
 * commit_wait is used if it was given. After success the summary is in
 * training.run.summary. After a failure that may pass (ext_kept_is_worth()), the result
 * stays kept, and the error says how to commit it. After success and after any other
 * failure the caller must call ext_kept_drop().
 */
int ext_kept_commit(ext_attempt *attempt, const ext_train_request *request,
                    ext_error *error);
/*
 * Removes a kept result from the list of its connection, and frees the attempt. If the
 * result was not committed, the attempt still has its obituary, and ext_attempt_free()
 * passes it on to be written into the run's row.
 */
void ext_kept_drop(ext_attempt *attempt);

/* ---- ext_train_weights.c ---- */

/*
 * Makes the weights and the optimiser's slots that training begins with: those of a
 * checkpoint (resume), those of the active version where it knows the items (warm_start),
 * or random weights. The memory is from data->budget. The caller frees weights, also
 * after a failure, by gru4rec_training_free().
 * SQLITE_CORRUPT_VTAB: stored weights are damaged.
 */
int ext_train_weights_start(gru4rec_training *weights, const ext_train_request *request,
                            const ext_train_data *data, const ext_run *run,
                            ext_error *error);

/* ---- ext_train_blend.c ---- */

/*
 * Option blend: makes data->latest, the sessions that the version will blend with: the
 * latest of this training, and under warm_start of those that the active version blends
 * with, at most blend_sessions events. Then frees dataset->times, the times of the events. Does
 * nothing if blend is 0. The caller must have added the items of the active version to the
 * catalogue before.
 * SQLITE_CORRUPT_VTAB: the sessions of the active version are missing or damaged.
 * SQLITE_INTERRUPT: the user stopped it.
 */
int ext_train_blend_sessions(ext_train_data *data, const ext_train_request *request,
                             ext_error *error);
/*
 * Returns the bytes that measuring a blend on the held-out sessions needs, at most, beyond
 * the neighbours and what measuring the network alone needs: room to blend, and for the
 * ranks by the network beside those by the blend.
 */
size_t ext_train_blend_measure_bytes(const ext_train_data *data,
                                     const gru4rec_options *options);
/* Returns the bytes that ext_train_blend_strength() needs. */
size_t ext_train_blend_bytes(const ext_train_data *data, const gru4rec_options *options);
/*
 * Sets training->blend, the strength of the blend; the caller calls this after the last
 * epoch. If the option blend is a number, that number is the strength. If it is auto,
 * chooses the strength by measuring the trained model on the held-out sessions, and writes
 * it in place of "auto" into training->run.options.
 * hooks: only poll is called. SQLITE_INTERRUPT: poll asked to stop.
 */
int ext_train_blend_strength(ext_training *training, const gru4rec_hooks *hooks,
                             ext_error *error);
/*
 * Returns the sessions that the version is to blend with (data->latest), which are written
 * with it; borrowed. NULL: its strength is 0, so it does not blend.
 */
const gru4rec_dataset *ext_train_blend_kept(const ext_training *training);

/* ---- ext_summary.c ---- */

/*
 * Makes the JSON summary of the training, and puts it into training->run.summary, which
 * owns it. The numbers of the version and of the storage format are known only when the
 * version is written: ext_version_publish() fills them in then.
 */
int ext_summary_make(ext_training *training, ext_error *error);

/* ---- ext_publish.c ---- */

/*
 * Checks that the database can be written. If the user has an open transaction, also
 * takes the write lock. The caller calls this before it reads anything of the model.
 * SQLITE_READONLY: the database cannot be written. Other errors: the lock cannot be had.
 */
int ext_publish_lock(const ext_train_request *request, ext_error *error);
/*
 * Checks that the result of the call can be written at its end. The caller calls this
 * before it reads the events. SQLITE_ERROR: the call stands beside a table or another
 * statement, or asks for checkpoints inside a transaction of the user; the new model's
 * name is taken; or, with option blend, something else has the name m_blend.
 */
int ext_publish_check(const ext_train_request *request, ext_error *error);
/*
 * Writes the progress of the run into its row in m_version. Does nothing if the user has
 * an open transaction, if the model was dropped, or before the time
 * training->quiet_until.
 *
 * Inserts the run's row first if it is missing, and also writes the epochs that are not
 * written yet. If a checkpoint is due and no epoch is under way, also writes the
 * checkpoint. For a model that does not exist yet, only a checkpoint is written, and
 * makes the model. Never waits for a lock: if the database is locked, nothing is written,
 * and a later call writes all of it. If it finds that the model was dropped, sets
 * training->is_dropped.
 */
void ext_publish_progress(ext_training *training);
/*
 * Publishes the result: makes the summary and the model if they do not exist, writes the
 * version, commits (inside a transaction of the user, the user commits), and leaves the
 * final summary in training->run.summary. If other connections hold locks, waits for them
 * as long as commit_wait allows. After a failure nothing is written, the version that was
 * active stays so, and the caller may call the function again.
 */
int ext_publish_version(ext_training *training, ext_error *error);
/*
 * Writes into the run's row that the run failed or was interrupted, and why. Does nothing
 * if the model has no tables or was dropped. First inserts the row if it is missing, and
 * writes the run's progress and new epochs. If that cannot be written now, or the user
 * has an open transaction, keeps the ending (ext_pending_add()): the next call of this
 * process that writes to the model writes it.
 */
void ext_publish_failure(ext_training *training, const ext_error *error);
/*
 * Writes into the run's row that its result is kept, and why it is not committed. Does
 * nothing if the model has no tables. The status of the row stays 'training'. Never waits
 * for a lock: what cannot be written now is kept as for ext_publish_failure().
 */
void ext_publish_waiting(ext_training *training, const char *why);
/*
 * Sets the error that somebody dropped the model while it was trained: returns
 * SQLITE_ERROR.
 */
int ext_publish_fail_dropped(const ext_training *training, ext_error *error);

#endif

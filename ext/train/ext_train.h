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
 * the part of step 1 that option tuned needs, ext_train_job.c and ext_train_meet.c those
 * of all steps in which several processes train together. A step reads the results of the
 * steps before it, but does not change them. The run is the exception: its name, its
 * epochs, its options (blend=auto) and its row in m_version are filled in from step to
 * step.
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
 * What a call of gru4rec_train() asks for. ext_train_request_read() fills it in,
 * ext_train_request_free() frees it. The struct owns what its members point to, except
 * kept.
 */
typedef struct ext_train_request {
    const char *call; /* name of the SQL function, for messages */
    ext_home home;    /* the model: connection, schema and name */
    bool is_found;    /* the model exists, when the request is read */
    /*
     * The user had no open transaction when the call began, so each write is committed at
     * once.
     */
    bool is_alone;
    /* The model's stored configuration; all zero if there is no model. */
    ext_config config;
    char *id;            /* id of the model (ext_identity.c); NULL: none, or no model */
    char *source;        /* the source that the call names; NULL: none */
    ext_columns columns; /* the columns that the call names */
    /*
     * All options of the training, resolved: the model's, or those of the run to resume;
     * those of the call over them.
     */
    gru4rec_options options;
    /* Number of the version that was active when the request was read; 0: none was. */
    int64_t serving;
    ext_checkpoint checkpoint; /* where a resumed run goes on; epoch 0: the run is new */
    /*
     * If the call says resume: the earlier attempt on this model whose result waits to be
     * committed, or NULL if there is none; else NULL. Borrowed from the connection.
     */
    struct ext_attempt *kept;
    const char *given; /* text of the options of the call; borrowed from it; or NULL */
    /*
     * Set by ext_train_job_meet(). is_commit: only the commit remains to be done, that
     * of kept if this is set; of the options only commit_wait is used, and serving and
     * checkpoint are not set. is_finished: an earlier training was finished, and if the
     * call says resume and there is no run to resume, nothing remains to be done.
     * is_lowest: no rank below this one has the same model in the same file.
     */
    bool is_commit, is_finished, is_lowest;
    bool is_writer; /* this process writes the run's row and the version */
    bool is_whole;  /* of several ranks, each needs the events of all: a tuning */
} ext_train_request;

/*
 * Reads the arguments of a call into *request. Makes no model and writes nothing. Takes
 * the write lock if the user has an open transaction. The caller frees request, also
 * after a failure.
 * SQLITE_ERROR: an argument is wrong, or the model is not there and no source is given.
 * SQLITE_READONLY: the database cannot be written.
 */
int ext_train_request_read(ext_train_request *request, ext_connection *connection,
                           int argc, sqlite3_value **argv, ext_error *error);
/*
 * Completes the request when the ranks have met (ext_train_job_meet()), and checks that
 * it is possible. If the call resumes a run, run gets the name, the version and the
 * epochs of that run, and otherwise keeps its name. Unless only a commit remains, or
 * nothing, run also gets the source (borrowed from request) and all options (JSON).
 * SQLITE_ERROR: options contradict each other, or no run can be resumed.
 */
int ext_train_request_complete(ext_train_request *request, ext_run *run,
                               ext_error *error);
/* Frees what the request owns. It does not free kept, nor the struct. */
void ext_train_request_free(ext_train_request *request);
/*
 * Lowers the option threads to the number of processors that the container may use, or,
 * if several ranks run on this machine, to this rank's share of the processors. Does
 * nothing if the option was given, or if training would not use more threads than that
 * anyway.
 */
void ext_train_request_follow_quota(gru4rec_options *options);

/* ---- ext_tuned.c ---- */

/*
 * Option tuned: reads the last finished tuning of the model, and sets in request->options
 * the options of its best trial. An option that the trial has as null gets the model's
 * default. The caller sets the options of the call afterwards, over these.
 * SQLITE_ERROR: the model has no finished tuning, or its options are no longer valid.
 */
int ext_tuned_apply(ext_train_request *request, ext_error *error);

/* ---- ext_train_data.c ---- */

/*
 * Counts of the events of a training. n_bad, n_null and n_outside are those of
 * ext_events, the others those of gru4rec_dataset.
 */
typedef struct ext_train_counts {
    int64_t n_sessions, n_events, n_single, n_left, n_arbitrary, n_repeats, n_rare,
        n_short, n_dropped, n_long, n_null, n_bad, n_outside;
} ext_train_counts;

/*
 * The events that are trained on, and what belongs to them. ext_train_data_read() fills
 * it in. The struct owns its members; ext_train_data_free() frees them.
 */
typedef struct ext_train_data {
    /*
     * Counts the memory of the whole training, of the members below too, within its
     * limits. Outlives all that its allocator gave.
     */
    ext_budget budget;
    /*
     * The processes that have the other events of the training; NULL: this one has all.
     * Borrowed, and used only while the events are read.
     */
    const ext_ranks *ranks;
    ext_source source; /* the source of the events; stays open until data is freed */
    /*
     * since=last: the active version, and the last event that it was trained on; later
     * events are new. Version 0: no version was active. All zero without since=last.
     * For a resumed run, both are those of the run's start.
     */
    ext_last last;
    ext_events events;     /* sessions and items */
    ext_snapshot snapshot; /* read transaction; open until the weights are read */
    ext_model *active;     /* warm_start: the active version, held; else NULL */
    /*
     * A text with the names of the longest sessions, for a warning; NULL: no session is
     * long. With several ranks these are sessions of this rank.
     */
    char *longest;
    ext_train_counts counts; /* of all ranks together */
    /* Events of each rank, "5,0,3", and numbers of those without sessions; NULL: none. */
    char *events_of_ranks, *idle;
    /* Hash of all events, 16 hex digits; a resumed run must have the same one. */
    char fingerprint[20];
    /* Option blend: the sessions that the version will blend with; NULL if blend is 0. */
    gru4rec_dataset *latest;
    /*
     * (n_fingerprints) bytes: fingerprints of the sessions of this training and, with
     * warm_start, of earlier ones.
     */
    void *fingerprints;
    size_t n_fingerprints;
    size_t n_bytes; /* bytes that the whole training needs at once, events included */
    bool is_read;   /* all events were read, and n_bytes is set */
} ext_train_data;

/*
 * Reads the events into memory, once, in a snapshot. If the model exists, the snapshot
 * stays open, and the caller ends it when the weights are read. In this order, also:
 * finds the border of since=last; computes the fingerprints of the sessions; with
 * warm_start, acquires the active version and adds its items to the catalogue; with
 * option blend, makes data->latest; and checks that the whole training fits the memory
 * limits. The caller frees data, also after a failure, but only after everything else
 * that data->budget allocated.
 * SQLITE_ERROR: there is nothing to train on, a memory limit is reached, or the events
 * are not those that the run to resume began with. SQLITE_BUSY: another connection
 * changed the model, or took the run to resume, since the request was read.
 */
int ext_train_data_read(ext_train_data *data, const ext_train_request *request,
                        const ext_run *run, ext_error *error);
/*
 * Frees what data owns, releases the active version, and ends the snapshot if it is still
 * open.
 */
void ext_train_data_free(ext_train_data *data);
/*
 * Explains an error that is SQLITE_NOMEM: if a memory limit caused it, replaces it by an
 * SQLITE_ERROR whose message names the limit. Any other error stays. Returns the code
 * that the error has now.
 */
int ext_train_data_explain(const ext_train_data *data, ext_error *error);

/* ---- ext_train_counts.c ---- */

/* Sets data->counts, data->events_of_ranks and data->idle, by those of all ranks. */
int ext_train_counts_unite(ext_train_data *data, const gru4rec_options *options,
                           ext_error *error);
/*
 * Checks that there is something to learn: at least one session with two events.
 * SQLITE_ERROR: no session is left, or all have one event; the message says why.
 */
int ext_train_counts_check(const ext_train_counts *counts, const gru4rec_options *options,
                           ext_error *error);

/* ---- ext_train_ranks.c ---- */

/* SQLITE_ERROR: there are several ranks, and the option groups is above 1. */
int ext_train_ranks_refuse(const ext_train_request *request, ext_error *error);
/*
 * Checks, with several ranks, that all start from the same version or checkpoint, and
 * makes *key, the key for new fingerprints, that of rank 0. has_key: the active version
 * has fingerprints with this key. SQLITE_ERROR: they do not.
 */
int ext_train_ranks_compare(const ext_train_data *data, const ext_train_request *request,
                            bool has_key, gru4rec_fingerprints_key *key,
                            ext_error *error);
/*
 * Checks that all ranks have the same catalogue, and the same sessions to blend with.
 * SQLITE_ERROR: they do not, because they warm start from different versions.
 */
int ext_train_ranks_compare_items(const ext_train_data *data, ext_error *error);

/* ---- ext_train.c ---- */

/*
 * The state of a training while it runs, and while its result waits for a commit. It
 * borrows request and data. It is part of an ext_attempt, which frees what it owns.
 */
typedef struct ext_training {
    const ext_train_request *request;
    const ext_train_data *data;
    ext_home home; /* the model, with the name that it had at the last write; owned */
    char *id;      /* id of the model; NULL: it is not made yet, or has none; owned */
    gru4rec_training weights; /* the weights and the optimiser's slots; owned */
    ext_run run;              /* what becomes the row of the run in m_version; owned */
    /* Asks SQLite for interrupts; started while epochs run or a commit is tried. */
    ext_poll poll;
    ext_progress progress; /* the progress line on the terminal */
    /*
     * Seconds (ext_poll_seconds()): when the first epoch of this call began, and when the
     * current epoch began.
     */
    double start, epoch_start;
    /* Seconds from start until all was trained. Sets how long the commit may wait. */
    double took;
    /* Strength of the blend, set after the last epoch; 0: the version does not blend. */
    double blend;
    /* Number of the epoch whose weights were kept, from 1; set after the last epoch. */
    int64_t best_epoch;
    /* The model's tables exist, or have existed if somebody dropped the model. */
    bool has_model;
    bool is_trained;  /* all epochs are done and blend is set: only the commit remains */
    bool is_prepared; /* of several ranks: the version is written, but not decided on */
    /* A write found that somebody dropped the model: the training must stop. */
    bool is_dropped;
    /* Number of epochs that the run had when this call began; 0: it is new. */
    int64_t n_before;
    /* Number of epochs that the last checkpoint has; 0: none was written. */
    int64_t saved;
    /* A write of progress is under way within an epoch, so it writes no checkpoint. */
    bool is_in_epoch;
    bool is_alive; /* the run counts as under way; ext_attempt_free() ends that */
    bool is_begun; /* the run belongs to this call, which must write how the run ends */
    bool is_reset; /* warm_start: the optimiser's slots were not stored */
    /*
     * Seconds (ext_poll_seconds()): when tell() last reported progress, and when
     * ext_publish_progress() was last called.
     */
    double seen, told;
    /*
     * Seconds (ext_poll_seconds()): no progress is written before this time. Set after a
     * write that failed.
     */
    double quiet_until;
} ext_training;

/*
 * The table that registers the SQL function gru4rec_train() for one, two and three
 * arguments. The last entry has the name NULL.
 */
extern const ext_function ext_train_functions[];

/* ---- ext_train_meet.c ---- */

/*
 * Lets the ranks of a call meet (connection->ranks), before any of them knows what is to
 * be done. *lowest: out, the lowest rank that has the same model in the same file as this
 * one. SQLITE_ERROR: some of the calls say resume, and others do not.
 */
int ext_train_meet(int32_t *lowest, const ext_home *home, bool resumes, ext_error *error);
/* Returns the hash with n bytes added. */
uint64_t ext_train_meet_add(uint64_t hash, const void *bytes, size_t n);
/* Makes *hash that of the hashes of all ranks; without other ranks it stays. */
int ext_train_meet_hash(uint64_t *hash, const ext_ranks *ranks, ext_error *error);
/*
 * Compares the hashes of all ranks. *other: out, the first rank whose hash is not that of
 * rank 0; 0: all have the same.
 */
int ext_train_meet_compare(int32_t *other, uint64_t hash, const ext_ranks *ranks,
                           ext_error *error);

/* ---- ext_train_job.c ---- */

/* Tells whether this process is the first of its ranks, or the only process. */
bool ext_train_job_is_first(const ext_train_request *request);
/*
 * Tells whether this process writes the run's row and the version: by the option
 * replicate and request->is_lowest.
 */
bool ext_train_job_is_writer(const ext_train_request *request);
/*
 * Lets the ranks of a training meet, before any of them knows what is to be done. Each
 * one tells what it has of earlier trainings. Sets in the request: is_commit, is_finished
 * and is_lowest. Gives the run of the training the name that rank 0 has drawn. Finishes a
 * version that is prepared here, if rank 0 has decided so. If only the commit of a
 * trained model remains, and its version is prepared here, the training becomes that run.
 * Of the ranks that share a file, the lowest does both.
 * Without other ranks it only sets is_commit and is_lowest.
 * SQLITE_ERROR: the ranks differ, a rank is in a transaction, or a rank has lost a
 * trained model that the others want to commit.
 */
int ext_train_job_meet(ext_training *training, ext_train_request *request,
                       ext_error *error);
/*
 * Makes what rank 0 knows of the run to resume known on all ranks: its name, options,
 * epochs, checkpoint.epoch and checkpoint.fingerprint; and, where there is no model yet,
 * its source. If there is none (epoch 0), and a
 * training was finished, gives the summary of rank 0 to the ranks that have none.
 */
int ext_train_job_share_run(ext_train_request *request, ext_run *run, ext_error *error);
/*
 * Gives all ranks the weights, the slots and the number of updates of rank 0, if it had
 * to read them: from a checkpoint, or with warm_start.
 */
int ext_train_job_share_weights(gru4rec_training *weights,
                                const ext_train_request *request, ext_error *error);
/*
 * Publishes the result of a training on all ranks, as ext_train_job.c says. Without
 * other ranks it is ext_publish_version(). After a failure the version before serves, and
 * training->is_prepared says whether this rank has prepared the new one.
 */
int ext_train_job_publish(ext_training *training, ext_error *error);
/*
 * If the version is prepared here, and the call has failed, appends to the error message
 * how to finish the version.
 */
void ext_train_job_advise(const ext_training *training, ext_error *error);

/* ---- ext_attempt.c ---- */

/*
 * An attempt: everything that one call of gru4rec_train() works with. It must not be
 * moved in memory: its members point to each other, and blocks that data.budget allocated
 * point to the budget. ext_attempt_new() makes it, ext_attempt_free() frees it.
 */
typedef struct ext_attempt {
    ext_train_request request;
    ext_train_data data;
    ext_training training;
    /*
     * The report that ext_attempt_free() passes on if the result is never committed. Set
     * only while the result is kept for a later commit; else NULL. Owned.
     */
    ext_pending *obituary;
    struct ext_attempt *next; /* next result that the connection keeps, or NULL */
} ext_attempt;

/*
 * Returns a new attempt, all zero except that its training points to its request and its
 * data. The caller frees it by ext_attempt_free(). NULL: there is not enough memory; no
 * error is set.
 */
ext_attempt *ext_attempt_new(void);
/*
 * Frees the attempt and all that it holds. The run no longer counts as under way. If the
 * attempt still has an obituary, passes that to ext_pending_add(): then the next call of
 * this process that writes to the model writes it into the run's row.
 */
void ext_attempt_free(ext_attempt *attempt);

/* ---- ext_kept.c ---- */

/*
 * Returns the attempt whose result the connection of home keeps for the model, borrowed;
 * NULL: there is none. The model is recognised by the schema, and by its id if the
 * attempt knows the id of its model, else by its name. id: of the model; may be NULL.
 */
ext_attempt *ext_kept_find(const ext_home *home, const char *id);
/*
 * Tells whether a result whose commit failed with the error is worth keeping, because a
 * later commit could succeed: the user has no open transaction, the model was not
 * dropped, and the error is not SQLITE_CORRUPT.
 */
bool ext_kept_is_worth(const ext_training *training, const ext_error *error);
/*
 * Keeps the attempt, whose commit has failed: adds it to the list of results that its
 * connection keeps. The connection then owns the attempt. Frees the parts that no commit
 * needs, makes the obituary, and writes into the run's row that the result waits. error:
 * of the failed commit; the advice how to commit later is appended to its message.
 */
void ext_kept_add(ext_attempt *attempt, ext_error *error);
/*
 * Tries again to commit a kept result. request: the call that asks for it; if it sets
 * commit_wait, the attempt takes that value. After success the summary is in
 * training.run.summary. After a failure that may pass (ext_kept_is_worth()), the result
 * stays kept, and the error says how to commit it. After success and after any other
 * failure the caller must call ext_kept_drop().
 */
int ext_kept_commit(ext_attempt *attempt, const ext_train_request *request,
                    ext_error *error);
/*
 * Removes a kept result from the list of its connection, drops the note of this process
 * that the result waits, and frees the attempt. If the attempt still has its obituary,
 * because the result was not committed, ext_attempt_free() passes the obituary on, so
 * that it is written into the run's row.
 */
void ext_kept_drop(ext_attempt *attempt);

/* ---- ext_train_weights.c ---- */

/*
 * Makes in *weights the weights and the optimiser's slots that the training begins with:
 * those of the checkpoint if a run is resumed; else random weights, and with warm_start
 * those of the active version for the items that it knows. Of several ranks, rank 0 reads
 * them, and gives them to the others. Also sets the number of updates. *is_reset: set to
 * true if, with warm_start, slots begin at zero because the active version has not stored
 * them; else left as it is. The memory is from data->budget. The caller frees weights by
 * gru4rec_training_free(), also after a failure.
 * SQLITE_CORRUPT_VTAB: stored weights are damaged.
 */
int ext_train_weights_start(gru4rec_training *weights, bool *is_reset,
                            const ext_train_request *request, const ext_train_data *data,
                            const ext_run *run, ext_error *error);

/* ---- ext_train_blend.c ---- */

/*
 * Option blend: makes data->latest, the sessions that the version will blend with: the
 * latest of this training, of all ranks, and, with warm_start, of those that the active
 * version blends with, at most blend_sessions events in all. Then frees the times of the
 * events (dataset->times, NULL afterwards). Does nothing if blend is 0. The caller must
 * have added the items of the active version to the catalogue before.
 * SQLITE_CORRUPT_VTAB: the sessions of the active version are missing or damaged.
 * SQLITE_INTERRUPT: the user interrupted the call.
 */
int ext_train_blend_sessions(ext_train_data *data, const ext_train_request *request,
                             ext_error *error);
/*
 * Returns the most bytes that measuring a blend on the held-out sessions takes, in
 * addition to those of the neighbours and of measuring the network alone: a blender, and
 * the ranks by the blend. There must be held-out sessions.
 */
size_t ext_train_blend_measure_bytes(const ext_train_data *data,
                                     const gru4rec_options *options);
/*
 * Returns the most bytes that ext_train_blend_strength() takes; 0 unless blend is auto
 * and sessions are held out.
 */
size_t ext_train_blend_bytes(const ext_train_data *data, const gru4rec_options *options);
/*
 * Sets training->blend, the strength of the blend; the caller calls this after the last
 * epoch. If the option blend is a number, that number is the strength. If it is auto,
 * measures the trained model on the held-out sessions with several strengths, chooses the
 * best one (0 if none helps), and writes it in place of "auto" into
 * training->run.options.
 * hooks: only poll is called. SQLITE_INTERRUPT: poll asked to stop. After a failure blend
 * is not to be used.
 */
int ext_train_blend_strength(ext_training *training, const gru4rec_hooks *hooks,
                             ext_error *error);
/*
 * Returns the sessions that are stored with the version because it blends with them:
 * data->latest, borrowed. NULL: the strength training->blend is 0, so the version does
 * not blend.
 */
const gru4rec_dataset *ext_train_blend_kept(const ext_training *training);

/* ---- ext_summary.c ---- */

/*
 * Makes the JSON summary of the training, and puts it into training->run.summary, which
 * owns it. Writes nothing to the database. The summary has 0 for the number of the
 * version; ext_version_publish() fills in what is known only when the version is written.
 */
int ext_summary_make(ext_training *training, ext_error *error);

/* ---- ext_publish.c ---- */

/*
 * Checks that the database can be written. If the user has an open transaction, also
 * takes the write lock for the rest of that transaction; else nothing stays locked. The
 * caller calls this before it reads anything of the model. SQLITE_READONLY: the database
 * cannot be written. Other errors: the lock cannot be had.
 */
int ext_publish_lock(const ext_train_request *request, ext_error *error);
/*
 * Checks that the result of the call could be written at its end; writes nothing. The
 * caller calls this before it reads the events. SQLITE_ERROR: the call stands beside a
 * table or another statement, or asks for checkpoints inside a transaction of the user;
 * the new model's name is taken; or, with option blend, something else has the name
 * m_blend.
 */
int ext_publish_check(const ext_train_request *request, ext_error *error);
/*
 * Writes the progress of the run into its row in m_version, and sets training->told to
 * now. Writes nothing if the user has an open transaction, if the model was dropped, or
 * before the time training->quiet_until.
 *
 * Inserts the run's row first if it is missing, and also writes the epochs that are not
 * written yet. If a checkpoint is due and no epoch is under way, also writes the
 * checkpoint. For a model that does not exist yet, writes nothing until a checkpoint is
 * due; that checkpoint makes the model. Never waits for a lock: if the database is
 * locked, nothing is written, and a later call writes all of it. If it finds that the
 * model was dropped, sets training->is_dropped.
 */
void ext_publish_progress(ext_training *training);
/*
 * Publishes the result: makes the summary and the model if they do not exist, writes the
 * version, commits (inside a transaction of the user, the user commits), and leaves the
 * final summary in training->run.summary. If other connections hold locks, waits for them
 * as long as commit_wait allows. After a failure nothing is written, the version that was
 * active stays so, and the caller may call the function again.
 * A rank that is not rank 0 only prepares the version: ext_publish_finish() must follow.
 */
int ext_publish_version(ext_training *training, ext_error *error);
/*
 * Finishes the version that this training has prepared: it becomes ready, and the active
 * one unless activate=false. Leaves the final summary in training->run.summary. Waits for
 * others as ext_publish_version() does. After a failure the version stays prepared.
 */
int ext_publish_finish(ext_training *training, ext_error *error);
/*
 * Writes into the run's row that the run failed, or was interrupted (SQLITE_INTERRUPT),
 * and the message of the error. Does nothing if the model has no tables or was dropped.
 * First inserts the row if it is missing, and writes the run's progress and new epochs.
 * If that cannot be written now, or the user has an open transaction, keeps the ending in
 * memory (ext_pending_add()): the next call of this process that writes to the model
 * writes it.
 */
void ext_publish_failure(ext_training *training, const ext_error *error);
/*
 * Writes into the run's row that its result is kept, and why it is not committed (why).
 * error: that of the commit. Does nothing if the model has no tables. The status of the
 * row stays 'training'. Waits for locks as the busy timeout says; but not at all if the
 * commit failed because of a lock, or was interrupted. What cannot be written is kept in
 * memory (ext_pending_add()) and shown by gru4rec_status(), but not written later.
 */
void ext_publish_waiting(ext_training *training, const ext_error *error, const char *why);
/*
 * Sets the error that somebody dropped the model while it was trained, and returns its
 * code: SQLITE_ERROR.
 */
int ext_publish_fail_dropped(const ext_training *training, ext_error *error);

#endif

/*
 * ext_train.h - gru4rec_train(): from what is asked for to a version that serves.
 *
 * request (ext_train_request.c) -> data (ext_train_data.c) -> weights to begin with
 * (ext_train_weights.c) -> the loop (ext_train.c) -> the summary (ext_summary.c) ->
 * publishing (ext_publish.c) -> the store. Each step reads what the ones before it left,
 * and changes none of that but the run: its name, its epochs and its row go with it from
 * step to step.
 */
#ifndef EXT_TRAIN_H
#define EXT_TRAIN_H

#include "../cache/ext_cache.h"

/* ---- ext_train_request.c ---- */

/* What a call asks for. All owned. */
typedef struct ext_train_request {
    ext_home home;
    bool is_found; /* the model exists */
    bool
        is_alone; /* no transaction of the user's is open: what is written is committed */
    ext_config config;         /* of the model */
    char *id;                  /* of the model, or NULL (ext_identity.c) */
    char *source;              /* given for this run, or NULL */
    ext_columns columns;       /* given for this run */
    gru4rec_options options;   /* resolved */
    int64_t serving;           /* the version that serves meanwhile; 0: none */
    ext_checkpoint checkpoint; /* of the run that this one continues; epoch 0: none */
    /* resume: the training whose result waits to be committed; borrowed, or NULL. Then only
     * what concerns a commit is read of the request. */
    struct ext_attempt *kept;
} ext_train_request;

/* run: gets name, version and epochs of the run that is continued, and its source and
 * options. Free both in any case. */
int ext_train_request_read(ext_train_request *request, ext_run *run,
                           ext_connection *connection, int argc, sqlite3_value **argv,
                           ext_error *error);
void ext_train_request_free(ext_train_request *request);

/* ---- ext_train_data.c ---- */

/* What is trained on; all owned. */
typedef struct ext_train_data {
    ext_budget budget; /* of all that the training takes; in it: */
    ext_source source;
    ext_last last; /* what since=last takes the events behind */
    ext_events events;
    ext_snapshot snapshot; /* until the weights are there; none for a new model */
    ext_model *active;     /* warm_start: the version that it starts from, or NULL */
    char *longest;         /* sessions that are long, for people; NULL: none is */
    char fingerprint[20];  /* of the events */
    void *fingerprints;    /* (n_fingerprints) bytes: of these sessions, those before */
    size_t n_fingerprints;
    size_t n_bytes; /* that the training needs */
    bool is_read;   /* the events were */
} ext_train_data;

/* Reads the events once. Free data in any case, after all else that is in its budget. */
int ext_train_data_read(ext_train_data *data, const ext_train_request *request,
                        const ext_run *run, ext_error *error);
void ext_train_data_free(ext_train_data *data);
/* Makes a SQLITE_NOMEM while training one that names the limit, where that was it. */
int ext_train_data_explain(const ext_train_data *data, ext_error *error);

/* ---- ext_train.c ---- */

/* A training under way. */
typedef struct ext_training {
    const ext_train_request *request;
    const ext_train_data *data;
    ext_home home; /* of the model, by the name that it has now; owned */
    char *id;      /* of the model; NULL: it is not there yet, or has none; owned */
    gru4rec_training weights; /* and what the optimiser keeps beside them */
    ext_run run;
    ext_poll poll;
    ext_progress progress;
    double start, epoch_start; /* seconds */
    double took;               /* seconds, until its last epoch was done */
    int64_t best_epoch;        /* whose weights were kept */
    bool has_model;            /* the model's tables are there */
    bool is_trained;           /* what is left is to commit it */
    bool is_dropped;    /* they were, and are gone: there is nothing to train for */
    int64_t n_before;   /* epochs that the run had when it was continued */
    int64_t saved;      /* epoch of the last checkpoint */
    bool is_in_epoch;   /* and not between two */
    bool is_alive;      /* the run counts as under way */
    bool is_begun;      /* the run is this training's: its row says how it ends */
    double seen, told;  /* seconds: when its progress was looked at, and written */
    double quiet_until; /* seconds: no progress row is written before */
} ext_training;

extern const ext_function ext_train_functions[];

/* ---- ext_attempt.c ---- */

/* All that a call of gru4rec_train() works with. It stays where it is: its parts point to
 * each other, and what data->budget allocated points to that. */
typedef struct ext_attempt {
    ext_train_request request;
    ext_train_data data;
    ext_training training;
    ext_pending *obituary; /* for when it is dropped uncommitted; or NULL */
    struct ext_attempt *next;
} ext_attempt;

ext_attempt *ext_attempt_new(void); /* NULL: no memory */
void ext_attempt_free(ext_attempt *attempt);

/* ---- ext_kept.c ---- */

/* Does the connection keep a result for the model? NULL: no. */
ext_attempt *ext_kept_find(const ext_home *home, const char *id);
/* After its commit failed: could a later one succeed, so that its result is worth keeping? */
bool ext_kept_is_worth(const ext_training *training, const ext_error *error);
/* Keeps it, which it takes over; error, of the commit, gets advice. */
void ext_kept_add(ext_attempt *attempt, ext_error *error);
/* Commits a result that is kept. After a failure that can pass it stays. */
int ext_kept_commit(ext_attempt *attempt, const ext_train_request *request,
                    ext_error *error);
/* Takes it away, uncommitted or not, and frees it. */
void ext_kept_drop(ext_attempt *attempt);

/* ---- ext_train_weights.c ---- */

/* Makes the weights that training begins with: random ones, those of the active version
 * (warm_start), or those of a checkpoint. */
int ext_train_weights_start(gru4rec_training *weights, const ext_train_request *request,
                            const ext_train_data *data, const ext_run *run,
                            ext_error *error);

/* ---- ext_summary.c ---- */

/* Leaves the run's summary, without what only the store knows: version and format. */
int ext_summary_make(ext_training *training, ext_error *error);

/* ---- ext_publish.c ---- */

/* Before anything is read: refuses a database that cannot be written; in the user's
 * transaction, takes the write lock. */
int ext_publish_lock(const ext_train_request *request, ext_error *error);
/* Before the events are read: refuses what could not be written at the end. */
int ext_publish_check(const ext_train_request *request, ext_error *error);
/* From there on: writes the run's row and how far it is, the epochs that are done, and a
 * checkpoint where one is due, unless somebody is in the way. */
void ext_publish_progress(ext_training *training);
/* After: creates the model if need be, writes the version and commits. Leaves the run's
 * summary. May be called again after a failure. */
int ext_publish_version(ext_training *training, ext_error *error);
/* After a failure: says in the run's row how it ended, or has the next call say it. */
void ext_publish_failure(ext_training *training, const ext_error *error);
/* The result stays: says in the run's row why it waits, unless somebody is in the way. */
void ext_publish_waiting(ext_training *training, const char *why);
/* The error that the model is gone. */
int ext_publish_fail_dropped(const ext_training *training, ext_error *error);

#endif

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

/* What a call asks for. All owned but source. */
typedef struct ext_train_request {
    ext_home home;
    bool is_found; /* the model exists */
    bool
        is_alone; /* no transaction of the user's is open: what is written is committed */
    ext_config config;         /* of the model */
    const char *source;        /* given for this run, or NULL */
    ext_columns columns;       /* given for this run */
    gru4rec_options options;   /* resolved */
    int64_t serving;           /* the version that serves meanwhile; 0: none */
    ext_checkpoint checkpoint; /* of the run that this one continues; epoch 0: none */
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
    ext_events events;
    ext_snapshot snapshot; /* until the weights are there; none for a new model */
    ext_model *active;     /* warm_start: the version that it starts from, or NULL */
    char *longest;         /* sessions that are long, for people; NULL: none is */
    char fingerprint[20];  /* of the events */
    size_t n_bytes;        /* that the training needs */
    bool is_read;          /* the events were */
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
    gru4rec_training weights; /* and what the optimiser keeps beside them */
    ext_run run;
    ext_poll poll;
    ext_progress progress;
    double start, epoch_start; /* seconds */
    int64_t best_epoch;        /* whose weights were kept */
    bool has_model;            /* the model's tables are there */
    int64_t saved;             /* epoch of the last checkpoint */
    double quiet_until;        /* seconds: no progress row is written before */
} ext_training;

extern const ext_function ext_train_functions[];

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
/* Meanwhile: writes progress rows, and a checkpoint where one is due, unless somebody is
 * in the way. */
void ext_publish_epochs(ext_training *training);
/* After: creates the model if need be, writes the version and commits. Leaves the run's
 * summary. */
int ext_publish_version(ext_training *training, ext_error *error);

#endif

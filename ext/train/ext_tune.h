/*
 * ext_tune.h - gru4rec_tune(): searches good options of a model, and reports on them.
 *
 * The steps of a call, each in a file:
 *   1. request   what the call asks for                       (ext_tune_request.c)
 *   2. data      the events, read as for a training           (ext_train_data.c)
 *   3. search    the trials, side by side in threads          (ext_tune_search.c, ext_tune_slot.c)
 *   4. rows      what m_trial has of them                     (ext_tune_rows.c)
 *   5. report    the best options against the model's own     (ext_tune_report.c)
 * ext_tune.c is the SQL function. The library proposes the trials (gru4rec_tune_next()).
 *
 * A tuning has a number in m_trial, and a name as a training has (ext_alive.c). Errors
 * are as in ext_train.h.
 */
#ifndef EXT_TUNE_H
#define EXT_TUNE_H

#include "ext_train.h"

/* ---- ext_tune_request.c ---- */

/* What a call of gru4rec_tune() asks for. The struct owns its members. */
typedef struct ext_tune_request {
    ext_train_request
        train;             /* the same for the reading of events: options are resolved */
    gru4rec_options base;  /* the options of all trials, not resolved */
    gru4rec_options given; /* the options that the call gave */
    gru4rec_space space;
    char *space_text; /* JSON of the option space; NULL: the default space */
    char *settings;   /* JSON: what a resumed tuning must have the same */
    int64_t tune;     /* number of the tuning to resume; 0: it is a new one */
    char *resumed;    /* what the row of the tuning to resume has as options; or NULL */
} ext_tune_request;

/*
 * Reads the arguments of a call into request, which must be all zero. The caller frees
 * request, also after a failure. SQLITE_ERROR: an argument is wrong, there is no such
 * model, or no tuning to resume.
 */
int ext_tune_request_read(ext_tune_request *request, ext_connection *connection, int argc,
                          sqlite3_value **argv, ext_error *error);
void ext_tune_request_free(ext_tune_request *request);

/* ---- ext_tune_rows.c ---- */

/* The result of a trial at a rung: a row of m_trial. */
typedef struct ext_tune_row {
    gru4rec_trial trial;
    double objective, recall, mrr, seconds; /* NAN: none */
    const char *status;                     /* "done", "diverged", "failed" or "memory" */
    bool is_written;
} ext_tune_row;

/* What m_trial has of a tuning, and what it still lacks. */
typedef struct ext_tune_rows {
    ext_home home; /* the model, with the name that it has now; owned */
    char *id;      /* id of the model, or NULL; owned */
    ext_alive alive;
    int64_t tune;       /* number of the tuning; 0: it has no row yet */
    bool is_claimed;    /* the row of the tuning belongs to this call */
    bool is_dropped;    /* somebody dropped the model: the tuning must stop */
    ext_tune_row *rows; /* (n) owned */
    size_t n, capacity;
    double quiet_until; /* seconds: before this time no row is written */
} ext_tune_rows;

/* ---- ext_tune_slot.c ---- */

/* A place where a trial is trained, in a thread of its own. */
typedef struct ext_tune_slot {
    ext_worker worker;
    struct ext_tuning *tuning;
    size_t n_jobs; /* trials that it was given */
    bool is_busy;
    ext_budget budget; /* the memory of the trial */
    uint64_t granted;  /* bytes of it */
    gru4rec_trial trial;
    gru4rec_options options;     /* of the trial, resolved */
    const gru4rec_dataset *test; /* half of the held-out sessions; borrowed */
    int32_t *places;             /* where the targets stood; or NULL; borrowed */
    /* The result. */
    gru4rec_status status;
    gru4rec_error message;
    gru4rec_metrics metrics[2]; /* of the trial; if it blends, of its network alone too */
    double seconds;
    _Atomic int64_t n_events; /* events that it was trained on so far */
} ext_tune_slot;

enum { EXT_TUNE_SLOTS = 16 }; /* trials side by side, at most */

/* ---- the whole ---- */

/*
 * Everything that a call of gru4rec_tune() works with. It must not be moved in memory.
 */
typedef struct ext_tuning {
    ext_tune_request request;
    ext_train_data data;
    gru4rec_dataset *halves[2]; /* of the held-out sessions: to choose by, to report on */
    gru4rec_baseline
        *neighbours; /* what trials blend with; NULL: no trial blends; owned */
    gru4rec_tune *search;
    ext_tune_rows rows;
    ext_tune_slot slots[EXT_TUNE_SLOTS]; /* (n_slots) */
    int n_slots;
    int n_threads;         /* threads of the whole call */
    uint64_t n_granted;    /* bytes that busy slots may use */
    gru4rec_trial next;    /* a trial that waits for a slot, if has_next */
    bool has_next;         /* there is such a trial */
    bool is_late;          /* option minutes is over */
    _Atomic bool is_ended; /* the trials must stop */
    ext_poll poll;
    ext_progress progress;
    double start;     /* seconds: when the search began */
    int64_t n_events; /* events that finished trials were trained on */
    double best;      /* objective of the best trial so far, for the progress line */
    /* The report: of the best trial, and of the first one. */
    gru4rec_trial chosen;
    double objective; /* of the best trial */
    gru4rec_difference differences[3]; /* recall, MRR, NDCG; chosen minus first */
    bool is_compared;
    /*
     * (2, 2, events of halves[1]) where the targets that are reported on stood: for the
     * chosen trial and the first one, by the trial and, if it blends, by its network alone;
     * owned.
     */
    int32_t *places;
    char *result; /* JSON */
} ext_tuning;

/* ---- ext_tune_slot.c ---- */

/* Starts n slots. ext_tune_slot_stop() must be called. */
void ext_tune_slot_start(ext_tuning *tuning, int n);
/* Tells all trials to stop, and waits for their threads. */
void ext_tune_slot_stop(ext_tuning *tuning);
/* Returns the bytes that a trial needs. */
uint64_t ext_tune_slot_bytes(const ext_tuning *tuning, const gru4rec_options *options);
/*
 * Looks for room for one more trial: a free slot, a thread, and that many bytes. Returns
 * NULL if there is none; *is_idle tells whether no other trial is under way, so that
 * waiting would not help.
 */
ext_tune_slot *ext_tune_slot_find(ext_tuning *tuning, uint64_t n_bytes, bool *is_idle);
/*
 * Trains a trial in a free slot. n_waiting: the trials that could start now, this one
 * included; if there are fewer of them than threads, the trial gets several threads.
 * Where no thread can be started, the trial is over when this returns.
 */
void ext_tune_slot_run(ext_tune_slot *slot, uint64_t n_bytes, int64_t n_waiting);
/* Returns a slot whose trial is over, and which is free then; NULL: there is none. */
ext_tune_slot *ext_tune_slot_finished(ext_tuning *tuning);
/* Waits a moment, shows progress, and tells whether the user stops the tuning. */
bool ext_tune_slot_wait(ext_tuning *tuning);
/* Returns the value of the option objective among the metrics. */
double ext_tune_slot_objective(const ext_tuning *tuning, const gru4rec_metrics *metrics);

/* ---- ext_tune_rows.c ---- */

/*
 * Reads what m_trial has of the tuning to resume. SQLITE_ERROR: the tuning is under way,
 * or it began with other settings or events.
 */
int ext_tune_rows_read(ext_tuning *tuning, ext_error *error);
/* Returns the row of a trial at a rung, or NULL. */
const ext_tune_row *ext_tune_rows_find(const ext_tune_rows *rows,
                                       const gru4rec_trial *trial);
/* Adds a result, which is written by one of the next functions. */
int ext_tune_rows_add(ext_tune_rows *rows, const ext_tune_row *row, ext_error *error);
/*
 * Writes what m_trial lacks, and never waits for a lock: if the database is locked, a
 * later call writes all of it. Returns only the error that the model was dropped, or that
 * another call has taken the tuning.
 */
int ext_tune_rows_tell(ext_tuning *tuning, ext_error *error);
/*
 * Writes what m_trial lacks, and the status of the tuning. Unless the tuning failed, it
 * waits for other connections as the commit of a training does.
 */
int ext_tune_rows_end(ext_tuning *tuning, const char *status, ext_error *error);
/*
 * Returns the options of a trial as JSON: what gru4rec_train() needs to train with them.
 * NULL: there is not enough memory.
 */
char *ext_tune_rows_options(const ext_tuning *tuning, int64_t trial);

/* ---- ext_tune_search.c ---- */

/* Trains all trials, and sets chosen. SQLITE_INTERRUPT: the user stopped it. */
int ext_tune_search_run(ext_tuning *tuning, ext_error *error);

/* ---- ext_tune_report.c ---- */

/* Trains the best trial and the first one again, and compares them. */
int ext_tune_report_run(ext_tuning *tuning, ext_error *error);
/* Makes the JSON of the call. */
int ext_tune_report_make(ext_tuning *tuning, ext_error *error);

/* The SQL function gru4rec_tune(), for one or two arguments. */
extern const ext_function ext_tune_functions[];

#endif

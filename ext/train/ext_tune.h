/*
 * ext_tune.h - gru4rec_tune(): searches good options of a model, and reports on them.
 *
 * The steps of a call, each in a file:
 *   1. request   what the call asks for                    (ext_tune_request.c)
 *   2. data      the events, read as for a training        (ext_train_data.c)
 *   3. search    the trials, side by side                  (ext_tune_search.c)
 *   4. rows      what m_trial has of them                  (ext_tune_rows.c)
 *   5. report    the best options against the model's own  (ext_tune_report.c)
 * ext_tune.c is the SQL function. The library proposes the trials (gru4rec_tune_next()).
 * ext_tune_deal.c deals them out, also those of the report, and ext_tune_slot.c trains
 * them in threads.
 *
 * With option ranks=all several processes (ranks) make one call together. Each of them
 * does all of these steps; but a trial is trained by one of them only, which tells the
 * others its result. So all have the same search, the same rows and the same report, and
 * only write into different files, or not. ext_tune_ranks.c has what they agree on.
 *
 * A trial is one set of options. It is trained from scratch at a rung: rung 0 has few
 * epochs, and only the best trials of a rung are trained again at the next one, with
 * more. The first trial has the options of base. The objective is the measure by
 * which trials are chosen (option objective); a larger one is better. Each trial runs in
 * a slot, the place of one thread. A tuning has a number in m_trial, and a name as a
 * training has (ext_alive.c). Errors are as in ext_train.h.
 */
#ifndef EXT_TUNE_H
#define EXT_TUNE_H

#include "ext_train.h"

/* ---- ext_tune_request.c ---- */

/* What a call of gru4rec_tune() asks for. The struct owns its members. */
typedef struct ext_tune_request {
    /*
     * The model, and how its events are read. train.options are those of base, resolved;
     * but blend is 1 if a trial can blend, else 0, and threads may be lowered
     * (ext_train_request_follow_quota()).
     */
    ext_train_request train;
    /*
     * What all trials share: the model's options, and over them those in given; not
     * resolved.
     */
    gru4rec_options base;
    /*
     * The options that the call gave, marked as set; with resume, also those that the
     * stopped tuning was given.
     */
    gru4rec_options given;
    gru4rec_space space; /* the options that are searched, and their values */
    char *space_text;    /* JSON of the option space; NULL: the default space */
    /*
     * JSON of given, space and base, without the options that do not change the result.
     * It must be equal to that of a tuning to resume.
     */
    char *settings;
    /*
     * The column options in the row of the tuning to resume, as rank 0 has read it; NULL:
     * it is a new tuning.
     */
    char *resumed;
    /*
     * Number of the tuning to resume in this rank's file, and the same column there; 0
     * and NULL: it is new there.
     */
    int64_t tune;
    char *row;
    int32_t writer; /* the rank that writes m_trial for this one, or this one itself */
} ext_tune_request;

/*
 * Reads the options of a call into request->given, and the columns that it names into
 * request->train.columns. request must be all zero. The caller frees it with
 * ext_tune_request_free(), also after a failure. SQLITE_ERROR: an option is wrong.
 */
int ext_tune_request_parse(ext_tune_request *request, sqlite3 *db, int argc,
                           sqlite3_value **argv, ext_error *error);
/*
 * Reads the rest of the request, whose options are parsed: finds the model of that name,
 * and with the other ranks the writer. If the call says resume, also reads what the last
 * tuning of the model was given. Writes nothing.
 * SQLITE_ERROR: an argument is wrong, there is no such model, the user has an open
 * transaction, no tuning can be resumed, or something that is not the model's has the
 * name m_trial. SQLITE_BUSY: the tuning to resume is under way. SQLITE_READONLY: the
 * database cannot be written.
 */
int ext_tune_request_read(ext_tune_request *request, ext_connection *connection,
                          sqlite3_value *model, ext_error *error);
/* Frees what the request owns, but not the struct. Leaves the fields as they are. */
void ext_tune_request_free(ext_tune_request *request);

/* ---- ext_tune_rows.c ---- */

/*
 * The result of a trial at a rung: a row of m_trial. Ranks exchange it as it is, so it
 * has no pointers, and no gaps.
 */
typedef struct ext_tune_row {
    gru4rec_trial trial;
    /*
     * seconds is NAN if the trial did not start; the three others are NAN if it was not
     * measured.
     */
    double objective, recall, mrr, seconds;
    /*
     * "done"; "diverged": a value was not finite; "failed": its options do not suit the
     * events; "memory": it needs more memory than there is.
     */
    char status[16];
} ext_tune_row;

/* Results of trials. */
typedef struct ext_tune_list {
    ext_tune_row *rows; /* (n) owned */
    size_t n, capacity;
} ext_tune_list;

/* The rows of a tuning in memory. */
typedef struct ext_tune_rows {
    ext_home home; /* the model, with the name that it has now; owned */
    /* The id of the model (ext_identity.c); owned. NULL: the model has none. */
    char *id;
    ext_alive alive; /* shows other processes that the tuning is under way */
    bool is_writer;  /* this rank writes; else nothing is ever written here */
    int64_t tune;    /* number of the tuning; 0: it has no row yet */
    /*
     * True from the first write on: the row of the tuning (trial 0) belongs to this call.
     */
    bool is_claimed;
    bool is_dropped;     /* somebody dropped the model: the tuning must stop */
    ext_tune_list known; /* results of the tuning to resume; the search may need them */
    ext_tune_list told;  /* those that the search was told; m_trial has the first ones */
    size_t n_written;    /* of told: those that m_trial has from this call */
    /*
     * No row is written before this time, in seconds of ext_poll_seconds(); 0: none is
     * held back. ext_tune_rows_tell() sets it after a write that failed.
     */
    double quiet_until;
} ext_tune_rows;

/* ---- ext_tune_slot.c ---- */

/*
 * A slot: a place where one trial at a time is trained and measured, in a thread of its
 * own, or in the caller's thread if no thread can be started. The slot is used again for
 * other trials.
 */
typedef struct ext_tune_slot {
    ext_worker worker;
    struct ext_tuning *tuning;
    size_t n_jobs;     /* number of trials that the slot was given so far */
    bool is_busy;      /* from ext_tune_slot_run() to ext_tune_slot_finished() */
    ext_budget budget; /* the memory of the trial */
    uint64_t granted;  /* bytes that the trial may use: the limit of budget */
    gru4rec_trial trial;
    gru4rec_options options; /* of the trial, resolved; threads: as many as it gets */
    /* The half of the held-out sessions that the trial is measured on; borrowed. */
    const gru4rec_dataset *test;
    /*
     * Gets the rank of each event's target; NULL: not asked for; borrowed.
     * (test->n_events) by the trial; if the trial blends, (2, test->n_events): then also
     * by its network alone.
     */
    int32_t *places;
    /*
     * The result of the trial, to be read after ext_tune_slot_finished(). If status is
     * not GRU4REC_OK, message tells why, and metrics are undefined.
     */
    gru4rec_status status;
    gru4rec_error message;
    /* The first are of the trial; if it blends, the second are of its network alone. */
    gru4rec_metrics metrics[2];
    double seconds;
    /*
     * Events that the trial was trained on so far. Its thread writes this, and the
     * caller's thread reads it for the progress line.
     */
    _Atomic int64_t n_events;
} ext_tune_slot;

enum { EXT_TUNE_SLOTS = 16 }; /* trials side by side, at most */

/* What to do about a memory limit that a trial reached: the end of a message. */
extern const char ext_tune_search_advice[];

/* ---- the whole ---- */

/*
 * Everything that a call of gru4rec_tune() works with. It must not be moved in memory.
 */
typedef struct ext_tuning {
    ext_ranks ranks; /* with option ranks=all; connection->ranks points here */
    ext_tune_request request;
    ext_train_data data;
    /* The held-out sessions: one half to choose by, one half to report on; owned. */
    gru4rec_dataset *halves[2];
    /* What finds the sessions that trials blend with; owned. NULL: no trial blends. */
    gru4rec_baseline *neighbours;
    gru4rec_tune *search;
    ext_tune_rows rows;
    ext_tune_slot slots[EXT_TUNE_SLOTS]; /* (n_slots) */
    int n_slots;
    int n_threads;        /* most threads that the trials together may use */
    uint64_t n_granted;   /* bytes that the trials in busy slots may use together */
    gru4rec_trial next;   /* a trial that waits for a slot, if has_next */
    int32_t *next_places; /* the places of its slot */
    bool has_next;        /* there is such a trial */
    bool is_late; /* true once the time of option minutes is over: no trial begins */
    /*
     * The trials must stop: the user interrupted one that runs in the caller's thread, or
     * ext_tune_slot_stop() was called.
     */
    _Atomic bool is_ended;
    ext_poll poll;         /* asks SQLite for interrupts */
    ext_progress progress; /* the progress line on the terminal */
    double start;          /* seconds: when the search began */
    /*
     * Events that finished trials were trained on, on all ranks. Trials whose result
     * m_trial had count too. n_elsewhere: those that trials under way on other ranks have
     * been trained on.
     */
    int64_t n_events, n_elsewhere;
    int64_t *n_trained; /* (n_ranks) trials that each rank has trained; owned */
    double best; /* largest objective so far, for the progress line; NAN: there is none */
    /*
     * The members from here on are for the report, which compares the best trial with the
     * first one, which has the options of base.
     */
    gru4rec_trial chosen; /* the best trial */
    int n_reported;       /* trials of the report that were dealt out, or wait */
    double objective;     /* of the best trial, in the search */
    /*
     * For recall, MRR and NDCG: the value of the best trial minus that of the first one.
     */
    gru4rec_difference differences[3];
    bool is_compared; /* differences are set; false if one of the two trials diverged */
    /*
     * (2, 2, events of halves[1]) the rank of each target that is reported on: for the
     * chosen trial and the first one, by the trial and, if it blends, by its network
     * alone. If the two are the same trial, (1, 2, events of halves[1]). Owned.
     */
    int32_t *places;
    char *result;     /* JSON that the call returns, or NULL; owned */
    bool is_finished; /* the tuning has ended well: nothing can fail any more */
} ext_tuning;

/* ---- ext_tune_slot.c ---- */

/*
 * Makes n slots, each with a thread. If a thread cannot be started, makes only the slots
 * before, and one more, whose trials run in the caller's thread. Sets n_slots. The caller
 * must call ext_tune_slot_stop(). It cannot fail.
 */
void ext_tune_slot_start(ext_tuning *tuning, int n);
/*
 * Tells all trials to stop (is_ended), waits for their threads, and sets n_slots to 0.
 * The results of trials that were not finished are lost.
 */
void ext_tune_slot_stop(ext_tuning *tuning);
/*
 * Returns the bytes that a trial with these options needs, at most, to be trained with
 * tuning->n_threads threads and to be measured. The events are not counted. UINT64_MAX:
 * more than can be counted.
 */
uint64_t ext_tune_slot_bytes(const ext_tuning *tuning, const gru4rec_options *options);
/*
 * Looks for room for one more trial: a free slot, a thread that no busy slot uses, and
 * n_bytes that the budget of the events allows in addition to those of busy slots.
 * Returns the slot, or NULL if any of the three is missing. Reserves nothing. A slot
 * without a thread, which is the last one, is taken only if the others are busy. *n_free
 * is set in any case: the number of threads that no busy slot uses. If these are all, no
 * trial is under way here, so that waiting would not help.
 */
ext_tune_slot *ext_tune_slot_find(ext_tuning *tuning, uint64_t n_bytes, int64_t *n_free);
/*
 * Starts to train a trial in a free slot, which becomes busy, and reserves n_bytes for
 * it: the most that the trial may allocate. The caller has set the trial, options, test
 * and places of the slot before; this function sets options.threads and clears the old
 * result. n_waiting: number of trials that could start now, this one included; if there
 * are fewer of them than free threads, the trial gets several threads. If the slot has no
 * thread, the trial is over when this returns.
 */
void ext_tune_slot_run(ext_tune_slot *slot, uint64_t n_bytes, int64_t n_waiting);
/*
 * Returns a slot whose trial is over and was not returned yet, and makes the slot free:
 * others can use its threads and bytes. Its result stays until the next
 * ext_tune_slot_run(). Returns NULL if there is no such slot; does not wait.
 */
ext_tune_slot *ext_tune_slot_finished(ext_tuning *tuning);
/* Returns the number of events that the trials in busy slots were trained on so far. */
int64_t ext_tune_slot_events(const ext_tuning *tuning);
/*
 * Waits for some milliseconds, updates the progress line, and tells whether the user, or
 * another rank, has interrupted the call.
 */
bool ext_tune_slot_wait(ext_tuning *tuning);
/*
 * Returns the one of recall, MRR and NDCG in metrics that the option objective names.
 */
double ext_tune_slot_objective(const ext_tuning *tuning, const gru4rec_metrics *metrics);

/* ---- ext_tune_rows.c ---- */

/*
 * Sets the number of the tuning in tuning->rows, and reads the results that m_trial of
 * rank 0 has of the tuning to resume (at most 30,000 rows). For a new tuning the number
 * is 0, and nothing is read. SQLITE_ERROR: the tuning to resume began with other settings
 * (options or space) or with other events.
 */
int ext_tune_rows_read(ext_tuning *tuning, ext_error *error);
/*
 * Returns the result of a trial at a rung (both in trial), if it is known from the tuning
 * to resume; else NULL. Borrowed.
 */
const ext_tune_row *ext_tune_rows_find(const ext_tune_rows *rows,
                                       const gru4rec_trial *trial);
/*
 * Adds a copy of a result that the search was told. ext_tune_rows_tell() or
 * ext_tune_rows_end() writes it into m_trial. SQLITE_NOMEM is the only error.
 */
int ext_tune_rows_add(ext_tune_rows *rows, const ext_tune_row *row, ext_error *error);
/*
 * Writes the results that m_trial does not have yet; the first write also makes m_trial,
 * if it is missing, and the row of the tuning. Does nothing if nothing is to be written,
 * or before the time rows.quiet_until, or if this rank does not write.
 * Never waits for a lock: if another connection holds one, that is no error, and a later
 * call writes all of it. Sets rows.quiet_until so that this is not tried again for ten
 * times as long as the try took. Any other failure is an error, for example SQLITE_ERROR:
 * the model was dropped (rows.is_dropped is set); SQLITE_BUSY: another call has taken the
 * tuning.
 */
int ext_tune_rows_tell(ext_tuning *tuning, ext_error *error);
/*
 * Writes the results that m_trial does not have yet, and into the row of the tuning its
 * status and the seconds since the search began; if status is "finished", also the
 * objective and the number of the best trial.
 * If status is "finished" or "tuning", waits for the locks of other connections, up to
 * the seconds of option commit_wait; if that is 0, as long as the search took, but at
 * least 60 s. An interrupt of the user ends the waiting. With any other status it does
 * not wait. Does nothing if this rank does not write. Errors: as for
 * ext_tune_rows_tell(); also a lock that is still held.
 */
int ext_tune_rows_end(ext_tuning *tuning, const char *status, ext_error *error);
/*
 * Returns the options of a trial as a JSON object: those that gru4rec_train() must be
 * given, over the model's own, to train with the options of the trial. The value null
 * tells it to use the default. The caller frees the text by sqlite3_free(). NULL: there
 * is not enough memory.
 */
char *ext_tune_rows_options(const ext_tuning *tuning, int64_t trial);

/* ---- ext_tune_deal.c ---- */

/*
 * Trials that are dealt out, and what is done with their results. The functions do the
 * same on all ranks, because they depend only on what all ranks have been told.
 */
typedef struct ext_tune_deck {
    const char *what;            /* what needs the memory, for messages about a limit */
    const gru4rec_dataset *test; /* what the trials are measured on */
    double end;     /* no trial begins after this time, of rank 0 (ext_poll_seconds()) */
    bool needs_all; /* without the result of a trial the call fails */
    /*
     * If tuning->has_next is false, and there is a trial that can begin, makes it
     * tuning->next, and has_next true.
     */
    int (*find_next)(ext_tuning *tuning, ext_error *error);
    /* Returns how many trials can begin in addition to the next one. */
    int64_t (*count_waiting)(const ext_tuning *tuning);
    /* Takes the result of a trial, which that rank has trained. */
    int (*take)(ext_tuning *tuning, const ext_tune_row *row, int32_t rank,
                ext_error *error);
} ext_tune_deck;

/*
 * Trains all trials of the deck, each on one of the ranks, and lets the deck take their
 * results on all of them. Meanwhile writes results that m_trial does not have. All ranks
 * call it at the same time. Sets tuning->is_late if the deck's time is over; then trials
 * that are under way are trained to their end.
 * SQLITE_ERROR: a trial that is needed has no result, for example because there is not
 * enough memory. SQLITE_INTERRUPT: the user stopped it. Other errors: those of the deck's
 * functions and of ext_tune_rows_tell(). After a failure trials may still be under way;
 * ext_tune_slot_stop() ends them.
 */
int ext_tune_deal_run(ext_tuning *tuning, const ext_tune_deck *deck, ext_error *error);

/* ---- ext_tune_search.c ---- */

/*
 * Trains all trials that the search proposes and whose result m_trial does not have,
 * until the search is over or the time of option minutes is. Results come into
 * tuning->rows, and are written as they come. When the time is over, trials that are
 * under way are trained to their end. Sets tuning->chosen and tuning->objective to the
 * best trial.
 * SQLITE_ERROR: no trial has a result, or the options of the first trial do not suit the
 * events, or need more memory than there is. SQLITE_INTERRUPT: the user stopped it. Other
 * errors: those of ext_tune_rows_tell(). After a failure trials may still be under way;
 * ext_tune_slot_stop() ends them.
 */
int ext_tune_search_run(ext_tuning *tuning, ext_error *error);

/* ---- ext_tune_report.c ---- */

/*
 * Trains the best trial and the first one again, with all epochs, measures them on
 * halves[1], and sets tuning->differences and is_compared. If one of the two diverges,
 * only sets is_compared to false, which is no error. If they are the same trial, trains
 * it once, and all differences are 0. Meanwhile also writes results that m_trial does not
 * have.
 * SQLITE_ERROR: there is not enough memory. SQLITE_INTERRUPT: the user stopped it. Other
 * errors: those of ext_tune_rows_tell(). After a failure trials may still be under way;
 * ext_tune_slot_stop() ends them.
 */
int ext_tune_report_run(ext_tuning *tuning, ext_error *error);
/*
 * Makes the JSON that the call returns, and puts it into tuning->result. If the trials
 * were not compared (is_compared), its report is null.
 */
int ext_tune_report_make(ext_tuning *tuning, ext_error *error);

/* ---- ext_tune_ranks.c ---- */

/* Functions that all ranks call at the same time. Without other ranks nothing differs. */

/*
 * Checks that all ranks are given the same. SQLITE_ERROR: they are not, or the ranks have
 * shards and the option groups is above 1.
 */
int ext_tune_ranks_compare(const ext_tune_request *request, ext_error *error);
/* Checks that all ranks have read the same events. SQLITE_ERROR: they have not. */
int ext_tune_ranks_compare_events(const ext_tuning *tuning, ext_error *error);
/* Gives the results that rank 0 knows of the tuning to resume to the others. */
int ext_tune_ranks_share(ext_tuning *tuning, ext_error *error);
/* Sets rows.tune, where this rank does not write, to the number that its writer has. */
int ext_tune_ranks_number(ext_tuning *tuning, ext_error *error);
/*
 * Writes that the tuning is finished, first in all files but that of rank 0, and then
 * there. So if something fails, it can be resumed. Sets tuning->is_finished.
 */
int ext_tune_ranks_finish(ext_tuning *tuning, ext_error *error);

/*
 * The table that registers the SQL function gru4rec_tune() for one and two arguments. The
 * last entry has the name NULL.
 */
extern const ext_function ext_tune_functions[];

#endif

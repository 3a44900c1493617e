/*
 * ext_tools.h - what is neither training nor serving: files of models, measurements,
 * comparisons, audits, schedules, and facts about models and about the build.
 *
 * Each function that can fail returns an SQLite result code, which is also error->rc, and
 * leaves its message in error (ext_base.h). Each of them can fail with SQLITE_NOMEM. A
 * function that reads a model can fail with each error of SQLite: a lock, an interrupt,
 * SQLITE_AUTH, SQLITE_CORRUPT_VTAB for a damaged model. The comments name the other
 * errors.
 */
#ifndef EXT_TOOLS_H
#define EXT_TOOLS_H

#include "../cache/ext_cache.h"

/* ---- ext_file.c ---- */

/*
 * Reads a file's name from an SQL value, and asks whether the host lets this connection
 * touch that file. The host does if it would let the connection ATTACH a database of that
 * name. The file itself is not touched, not even to see whether it exists.
 *
 * path: out, the name; borrowed from value.
 * is_written: true if the caller is to write the file, false if it is to read it. To
 * write, ATTACH must also be allowed to create and to write files.
 * SQLITE_AUTH: the host does not allow it. SQLITE_ERROR: the value is NULL, has a NUL
 * character, or is a name with another meaning for ATTACH (":memory:", "file:...").
 */
int ext_file_permit(const char **path, sqlite3 *db, sqlite3_value *value, bool is_written,
                    ext_error *error);

/*
 * Bytes to be read: a BLOB (bytes), or an open ordinary file (path and fd). n_bytes is
 * the length of either.
 */
typedef struct ext_input {
    /* (n_bytes) the BLOB, borrowed. NULL: the bytes are in the file. */
    const unsigned char *bytes;
    uint64_t n_bytes;
    const char *path; /* of the file, for messages; borrowed */
    int fd;           /* of the file; -1: no file is open */
} ext_input;

/*
 * Opens an ordinary file to read it: makes *input a new input, with fd, and the file's
 * length in n_bytes. Never waits. path must live as long as input. The caller calls
 * ext_file_close() after success.
 * SQLITE_CANTOPEN: the file cannot be opened, or it is a folder, a device or a pipe.
 * After a failure there is nothing to close.
 */
int ext_file_open(ext_input *input, const char *path, ext_error *error);
/*
 * Copies n bytes of the input, which begin at its byte from (0-based), into the buffer to
 * (n). All of them must lie within input->n_bytes. Does not use or move a position in the
 * file.
 * SQLITE_CANTOPEN: the file cannot be read, or has become shorter. The buffer may then
 * hold some of the bytes.
 */
int ext_file_read(const ext_input *input, void *to, uint64_t from, size_t n,
                  ext_error *error);
/* Closes the file of an input, if one is open, and sets fd to -1. */
void ext_file_close(ext_input *input);

/*
 * A file, a device or a pipe that is being written. A file is written under another name
 * (part), and gets its own name (target) when it is complete. A device or a pipe is
 * written to directly; then part and target are NULL.
 */
typedef struct ext_output {
    const char *path; /* as SQL gave it, for messages; borrowed */
    /*
     * target: path of the file when it is complete. part: path of the new file until
     * then. Both are owned; ext_file_finish() frees them.
     */
    char *target, *part;
    int fd; /* what is written to; -1: none is open */
    ext_poll poll;
} ext_output;

/*
 * Begins to write the file at path: makes *output a new output, and a new file with a
 * random name in the same folder. The new file has the permissions of the old file that
 * it is to replace, if there is one. A device or a pipe is opened itself; for a pipe this
 * waits until somebody opens it to read. path must live as long as output. The caller
 * must call ext_file_finish() in any case, also after a failure.
 * SQLITE_CANTOPEN: the file cannot be written. SQLITE_INTERRUPT: the call was interrupted
 * while it waited for a reader of the pipe.
 */
int ext_file_create(ext_output *output, sqlite3 *db, const char *path, ext_error *error);
/*
 * Appends n bytes to the file that is being written. Waits while a pipe is full. After a
 * failure some of the bytes may be written. SQLITE_CANTOPEN: they cannot be written.
 * SQLITE_INTERRUPT: the host interrupted the call.
 */
int ext_file_write(ext_output *output, const void *bytes, size_t n, ext_error *error);
/*
 * Ends the writing of a file: closes it, and frees what output owns. rc: the result of
 * the writing so far.
 *
 * If rc is SQLITE_OK, writes the bytes to the disk and renames the new file to its final
 * name. An ordinary file of that name is replaced. If path is a link to an ordinary file,
 * that file is replaced; a link that leads nowhere is replaced itself.
 * If rc is an error, or one of these steps fails, deletes the new file; an old file of
 * that name stays as it was. A device or a pipe was written to directly, so what was
 * written stays.
 *
 * Returns the first failure: rc, or SQLITE_CANTOPEN if the file cannot be put into its
 * place; the error is set for the latter only.
 */
int ext_file_finish(ext_output *output, int rc, ext_error *error);

/* ---- ext_safetensors.c ---- */

/*
 * Number of values (4 bytes each) that are read or written at a time: 4096, which are 16
 * KiB.
 */
enum { EXT_SAFETENSORS_PART = 4096 };

/*
 * Makes the header of a safetensors file with a model: all bytes that stand before the
 * values, with the length of the header in front. The caller writes the values behind it
 * in this order: of blend.times, of the model's tensors in their order, of blend.lengths
 * and of blend.rows.
 *
 * header: out, (n_header) bytes, of sqlite3_malloc; the caller frees them by
 * sqlite3_free().
 * sessions: those that the version blends with, which become the tensors blend.*. NULL:
 * the file has no such tensors, and the option blend in its header is 0.
 * SQLITE_ERROR: JSON cannot carry the id of an item. SQLITE_TOOBIG: the header is longer
 * than SQLite's limit for a text. After a failure there is nothing to free.
 */
int ext_safetensors_header(char **header, size_t *n_header, sqlite3 *db,
                           const ext_loaded *loaded, const gru4rec_dataset *sessions,
                           ext_error *error);
/*
 * Checks that JSON can carry the text of an item's id. SQLITE_ERROR: the text has a NUL,
 * or is not UTF-8; the message shows up to 24 of its bytes in hex.
 */
int ext_safetensors_check_text(const gru4rec_id *id, ext_error *error);

/* ---- ext_safetensors_read.c ---- */

/*
 * Reads a model with its items and options from a safetensors file or BLOB into *loaded,
 * and checks all of it. The byte copy (loaded->bytes) and the neighbours stay NULL, and
 * loaded->blend zero. loaded must be all zero before; the caller frees it by
 * ext_load_free() in any case.
 *
 * sessions: out, the sessions that the model blends with; NULL if option blend of the
 * model is 0. The caller frees them by gru4rec_dataset_free(), also after a failure.
 * SQLITE_ERROR: the input is not a gru4rec model, or is damaged, or the model needs more
 * memory than the limits allow. SQLITE_TOOBIG: its header is longer than SQLite's limit
 * for a text. SQLITE_CANTOPEN: the file cannot be read. SQLITE_INTERRUPT: the host
 * interrupted the call.
 */
int ext_safetensors_read(ext_loaded *loaded, gru4rec_dataset **sessions, sqlite3 *db,
                         const ext_input *input, ext_error *error);

/* ---- ext_safetensors_read.c, for ext_safetensors_blend.c ---- */

/* The begin of the message about an input that is no model, or is damaged. */
#define EXT_SAFETENSORS_DAMAGED "not a gru4rec model in safetensors format"

/* What a call reads a model with. */
typedef struct ext_safetensors_reader {
    sqlite3 *db;
    const ext_input *input; /* borrowed until the call ends */
    char *json;    /* (n_json) the header, of sqlite3_malloc; owned; NULL: not read yet */
    size_t n_json; /* bytes of the header, without the 8 bytes of its length */
    uint64_t data, n_data; /* where the values begin in the input, and their bytes */
    ext_poll poll;         /* runs while the call reads */
} ext_safetensors_reader;

/* Sets the error SQLITE_ERROR: EXT_SAFETENSORS_DAMAGED, and why. Returns its code. */
int ext_safetensors_read_fail(const char *why, ext_error *error);
/*
 * Prepares *stmt, a query in which ?1 is the header. The caller finalizes *stmt, which is
 * NULL after a failure. Errors: SQLite's.
 */
int ext_safetensors_read_query(const ext_safetensors_reader *r, const char *text,
                               sqlite3_stmt **stmt, ext_error *error);
/*
 * Sets the error of a query whose step just failed: SQLITE_NOMEM and SQLITE_INTERRUPT as
 * they are; else that the header is damaged, with SQLite's message. Returns its code.
 */
int ext_safetensors_read_fail_step(const ext_safetensors_reader *r, ext_error *error);
/*
 * Resets stmt for its next use. Returns rc; but SQLITE_NOMEM, which is then the error, if
 * SQLite notes in stmt that it had no memory for a text of its row.
 */
int ext_safetensors_read_again(sqlite3_stmt *stmt, int rc, ext_error *error);

/* ---- ext_safetensors_blend.c ---- */

/* The number of tensors that hold the sessions. */
enum { EXT_SAFETENSORS_PARTS = 3 };

/*
 * Reads the sessions that the model blends with into *sessions, by the header and the
 * items that were read already. Does nothing if its option blend is 0: the file must then
 * have none, which the caller finds out. The caller frees *sessions, also after a
 * failure. SQLITE_ERROR: the sessions are missing or damaged, or a memory limit is
 * reached. Other errors: SQLITE_NOMEM, SQLITE_INTERRUPT, those of ext_file_read().
 */
int ext_safetensors_blend_read(ext_safetensors_reader *r, const ext_loaded *loaded,
                               gru4rec_dataset **sessions, ext_error *error);

/* ---- ext_leak.c ---- */

/*
 * A search for leaks: it looks for sessions of a test that a version was trained on.
 * ext_leak_open() begins it; the test is read with the member against; ext_leak_find()
 * fills in found; ext_leak_close() ends it. All zero before. It must not be moved while
 * it is in use, because against.key points into fingerprints.
 */
typedef struct ext_leak {
    /* Number of the version. 0: the test is compared with a log (ext_audit_look.c). */
    int64_t version;
    /*
     * The fingerprints of the sessions that the version was trained on. If
     * fingerprints.is_known is false, found stays all zero, and that says nothing about
     * the test.
     */
    ext_fingerprints fingerprints;
    /*
     * The key of the fingerprints, and the last event of the training (end). The caller
     * gives its address to the reading of the test (ext_reading), which then makes
     * fingerprints of the test's sessions, and counts its events before the end.
     */
    ext_against against;
    /*
     * The counts that ext_leak_find() fills in: how many sessions of the test were found.
     */
    gru4rec_fingerprints_found found;
} ext_leak;

/*
 * Opens a search for leaks on a version: sets *leak anew, reads the fingerprints that the
 * version keeps of its sessions, and the time of its last event, and prepares
 * leak->against for the reading of the test. The search itself is ext_leak_find(). If the
 * version keeps no fingerprints or no last event, that is no error: fingerprints.is_known
 * or against.end.is_there is false. The caller calls ext_leak_close() in any case, before
 * the budget ends.
 * SQLITE_CORRUPT_VTAB: the fingerprints are damaged. SQLITE_ERROR: they do not fit into
 * the budget.
 */
int ext_leak_open(ext_leak *leak, ext_budget *budget, const ext_home *home,
                  int64_t version, ext_error *error);
/* Frees the fingerprints of a search for leaks, and makes *leak all zero. */
void ext_leak_close(ext_leak *leak);
/*
 * Looks for the sessions of the test among the fingerprints of the version, and fills in
 * leak->found. Does nothing if there are no fingerprints. sessions: the test, with n
 * sessions in visiting order. The caller must have read it with leak->against in its
 * ext_reading.
 * SQLITE_CORRUPT_VTAB: the fingerprints are damaged. SQLITE_INTERRUPT: the host
 * interrupted the call.
 */
int ext_leak_find(ext_leak *leak, const gru4rec_events *sessions, int64_t n,
                  const ext_home *home, ext_error *error);
/*
 * Returns a part of a message that says by which options of a training its sessions are
 * cut: "session_gap cuts them", "max_length cuts them" (with long_sessions=cut) or the
 * same with both; static. NULL: no option cuts sessions. If sessions are cut, their
 * pieces are what is compared, so a message counts pieces.
 */
const char *ext_leak_pieces(const gru4rec_options *options);
/*
 * Tells whether the times of the test cannot be compared with the end of the training,
 * because more than half of them are in another unit. The caller must have read the test
 * with leak->against in its ext_reading.
 */
bool ext_leak_has_other_unit(const ext_events *test);
/*
 * Appends to text the sentence "the times of the test are ..., and the end of the
 * training is ..." with the unit of each. The caller calls this if
 * ext_leak_has_other_unit() is true.
 */
void ext_leak_tell_units(sqlite3_str *text, const ext_leak *leak, const ext_events *test);
/*
 * Makes a warning for a reader of measures, with at most one part about sessions, the
 * first that applies:
 * - The version keeps no fingerprints, so it is not known whether there is a leak.
 * - More than a thousandth of the test's sessions (or pieces of them) were likely trained
 *   on.
 * - Of those with 3 events and more, more than 2 % have the items of one of the training,
 *   in addition to those that chance explains.
 * - It is not known what earlier trainings (warm_start) were trained on.
 * and at most one part about times: the end of the training is not known; it has another
 * unit than the test; or more than a thousandth of the events are from before it.
 *
 * warning: out, of sqlite3_malloc, which the caller frees; NULL: there is nothing to say,
 * or an error. options: of the version. The only error is SQLITE_NOMEM.
 */
int ext_leak_warning(char **warning, const ext_leak *leak, const ext_events *test,
                     const gru4rec_options *options, ext_error *error);

/* ---- ext_measure.c ---- */

/*
 * A measurement of one version on test events. All zero before, except the members that
 * the caller sets: options, columns, finds_leaks and places. ext_measure_hold() sets
 * model, ext_measure_read() the candidates, leak and test, ext_fit_baselines() the
 * baselines. ext_measure_free() frees all that the measurement holds.
 */
typedef struct ext_measurement {
    ext_model *model; /* the version; held until ext_measure_free() */
    /* The options of the evaluation, not those of the version. The caller sets them. */
    gru4rec_options options;
    /*
     * Columns of the source, and candidates, that the options name. The caller sets them;
     * ext_measure_free() frees them.
     */
    ext_columns columns;
    /*
     * Whether sessions of the test are looked for that the version was trained on, and
     * times before the end of its training. The caller sets it.
     */
    bool finds_leaks;
    /*
     * Rows of the items that alone are ranked, sorted; read from columns.candidates.
     * Empty: all items are ranked.
     */
    ext_rows candidates;
    /*
     * The processes that measure together (option ranks); NULL: this one measures alone.
     * Borrowed; the caller sets it before ext_fit_baselines() and ext_measure_run().
     */
    ext_ranks *ranks;
    ext_source source; /* the source of the test; open only while it is read */
    /*
     * The search for leaks; used if finds_leaks is true. In the budget of
     * ext_measure_read().
     */
    ext_leak leak;
    ext_events test; /* the test as sessions; in that budget */
    /* (n_baselines) the fitted baselines, in that budget; freed by ext_measure_free(). */
    gru4rec_baseline *baselines[GRU4REC_N_BASELINES];
    size_t n_baselines;
    /*
     * An array of the caller, which ext_measure_run() fills in: (ext_measure_methods(),
     * events of the test) the place of the target of each event in the ranking of the
     * version, then, if the version blends, in that of its network alone, then in those
     * of the baselines; see gru4rec_evaluation. Borrowed. NULL: the places are not asked
     * for.
     */
    int32_t *places;
    /*
     * What a reader of the figures must know, a text with "; " between its parts; owned.
     * NULL: nothing.
     */
    char *warnings;
} ext_measurement;

/*
 * Acquires the version that choice means of the model called name, as request->model,
 * loading it if it is not in memory; and fills in that model's home. home must be all
 * zero. The caller calls ext_home_clear() and ext_measure_free() in any case.
 * SQLITE_ERROR: there is no such model, or no such version. Other errors: those of
 * ext_model_acquire_named().
 */
int ext_measure_hold(ext_measurement *request, ext_home *home, ext_connection *connection,
                     sqlite3_value *name, const ext_choice *choice, ext_error *error);
/*
 * Returns the limit of memory in bytes for the measurement: the option memory_limit of
 * the evaluation, or if that is 0, that of the version; 0: none is set. request->model
 * must be held.
 */
int64_t ext_measure_limit(const ext_measurement *request);
/*
 * Prepares a measurement: reads the candidates and the test events, into
 * request->candidates and request->test. If request->finds_leaks is true, also looks for
 * sessions of the test that the version was trained on, into request->leak.
 * request->model must be held. The source is closed again.
 *
 * home: of the model. source: the name of a table or a view, or a SELECT. The caller
 * calls ext_measure_free() in any case, before the budget ends. Errors: those of
 * ext_read_events() and ext_leak_open(); SQLITE_ERROR: the source cannot be opened, or
 * none of the candidates is an item of the model.
 */
int ext_measure_read(ext_measurement *request, ext_budget *budget, const ext_home *home,
                     const char *source, ext_error *error);
/*
 * Prepares two measurements at once, as ext_measure_read() does for one. The events are
 * read once (ext_read_pair()), with the columns and the candidates of requests[0], and an
 * event has the same number in both tests. A row that is left out is left out of both
 * tests: empty ids are read only if both versions have keep_empty, and of bad_rows the
 * lower one holds. So a test can lack events that ext_measure_read() would read. Counts
 * such as n_bad are in requests[0].test only.
 *
 * homes: of the two models. n_unknown: out, number of the events whose item at least one
 * of the models does not know. Errors and freeing: as for ext_measure_read().
 */
int ext_measure_read_pair(ext_measurement requests[2], ext_budget *budget,
                          const ext_home homes[2], const char *source, int64_t *n_unknown,
                          ext_error *error);
/*
 * A hook poll for the library: tells whether the work must stop because the host
 * interrupted it. context: an ext_poll that was started. progress is not used.
 */
int ext_measure_poll(void *context, const gru4rec_progress *progress);
/*
 * Tells whether a row of measures is shown. A row of all targets (segment NULL) always
 * is; a row of one segment only if n_events, the number of its events, is above 0.
 */
bool ext_measure_is_shown(const char *segment, int64_t n_events);
/*
 * Appends a warning, made as by printf(), to request->warnings, behind "; " if there are
 * others. The only error is SQLITE_NOMEM; the warnings before it stay.
 */
int ext_measure_warn(ext_measurement *request, ext_error *error, const char *format, ...);
/*
 * Appends the warning about leaks (ext_leak_warning()) to request->warnings. Does nothing
 * if finds_leaks is false, or there is nothing to warn of. The only error is
 * SQLITE_NOMEM.
 */
int ext_measure_warn_of_leaks(ext_measurement *request, ext_error *error);
/*
 * Appends to request->warnings the warnings that any measurement can have, in this order,
 * each only if it applies: no event was ranked (has_events is false); rows have times
 * that cannot be read; ids of items decide about order (ext_read_order_warning()); leaks
 * (ext_measure_warn_of_leaks()); not all items were ranked.
 * The only error is SQLITE_NOMEM.
 */
int ext_measure_warn_all(ext_measurement *request, bool has_events, ext_error *error);
/*
 * Returns the number of rows of metrics that ext_measure_run() gives: one for each method
 * (ext_measure_methods()), segment and cut-off. The caller must have fitted the baselines
 * before.
 */
size_t ext_measure_count(const ext_measurement *request);
/*
 * Tells whether the version blends its scores with those of its nearest sessions. Then
 * its network alone is measured too, as a method of its own.
 */
bool ext_measure_blends(const ext_measurement *request);
/*
 * Returns how many methods are measured: 1 for the version, 1 for its network alone if
 * the version blends, and the number of fitted baselines. Their rows stand in this order.
 * The caller must have fitted the baselines before.
 */
size_t ext_measure_methods(const ext_measurement *request);
/*
 * Measures the version, its network alone if the version blends, and the fitted baselines
 * of the request on request->test. If request->places is not NULL, also fills in that
 * array. Adds no warnings.
 *
 * metrics: out, (ext_measure_count()) rows, those of the version first.
 * SQLITE_ERROR: the measurement does not fit into the budget, or the library refuses it.
 * SQLITE_INTERRUPT: the host interrupted the call.
 */
int ext_measure_run(const ext_measurement *request, ext_budget *budget, sqlite3 *db,
                    gru4rec_metrics *metrics, ext_error *error);
/*
 * Frees all that the measurement owns, releases its hold on the version, and makes
 * *request all zero. The array places is only borrowed, and is not freed.
 */
void ext_measure_free(ext_measurement *request);

/* ---- ext_fit.c ---- */

/*
 * Refuses options of baselines that are not measured ("vs_knn_k" without vs-knn). asked:
 * the baselines that are measured, bit 1 << kind for each. advice: how to measure the
 * baseline, a part of the message. SQLITE_ERROR: such an option is set; the message names
 * the first.
 */
int ext_fit_check_options(const gru4rec_options *options, int64_t asked,
                          const char *advice, ext_error *error);

/*
 * Fits the baselines that request->options names, and appends them to request->baselines,
 * in the order of the library. Does nothing if the options name none. The baseline pop
 * needs only the supports of the items. The others are fitted on the sessions that the
 * version was trained on, which this function reads again (ext_trained_read()) and frees;
 * that can add warnings to the request. So does a baseline that uses days if the unit of
 * the times is not known. The caller must have read the test before.
 * SQLITE_ERROR: the budget is too small, or these sessions are not known any more, or the
 * ranks that measure together have different ones. Other errors: those of
 * ext_trained_read().
 */
int ext_fit_baselines(ext_measurement *request, ext_budget *budget, const ext_home *home,
                      ext_error *error);

/* ---- ext_trained.c ---- */

/*
 * Reads the sessions that the version of a request was trained on once more, from the
 * source that the version's run has read, or, if that is gone, from the model's own
 * source. Their items are rows of the version's catalogue; trained->items and
 * trained->builder are NULL. If the sessions may differ from those of the training, adds
 * a warning to the request.
 *
 * trained: all zero before; the caller frees it by ext_read_free() in any case.
 * name: of the baseline that needs the sessions, for messages.
 * SQLITE_ERROR: the version's source or its last event is not known, the source is gone
 * and the model has no other, or no event has an item that the version knows. Other
 * errors: those of ext_read_events().
 */
int ext_trained_read(ext_events *trained, ext_measurement *request, ext_budget *budget,
                     const ext_home *home, const char *name, ext_error *error);

/* ---- ext_best.c ---- */

/*
 * Measures all versions of the model that are ready on the events of a source, and sets
 * *version to the number of the one with the best MRR@20. If several have the same MRR,
 * it is the newest of them. Activates nothing. No lock is held while versions are
 * measured. *version is of no use after a failure.
 *
 * source: the name of a table or a view, or a SELECT.
 * SQLITE_ERROR: there is no version, or the source has no event to rank. SQLITE_BUSY: a
 * version changed meanwhile. Other errors: those of ext_measure_read() and
 * ext_measure_run().
 */
int ext_best_find(int64_t *version, const ext_home *home, const char *source,
                  ext_error *error);

/* ---- ext_audit_rules.c ---- */

/*
 * The checks of an audit (gru4rec_audit()), in the order of their rows. The last name,
 * EXT_AUDIT_CHECKS, is the number of checks.
 */
typedef enum ext_audit_check {
    EXT_AUDIT_MISSING,
    EXT_AUDIT_BLANK,
    EXT_AUDIT_BAD_TIMES,
    EXT_AUDIT_UNITS,
    EXT_AUDIT_BAD_ITEMS,
    EXT_AUDIT_DUPLICATES,
    EXT_AUDIT_ALIKE_ITEMS,
    EXT_AUDIT_ALIKE_SESSIONS,
    EXT_AUDIT_SINGLE,
    EXT_AUDIT_REPEATS,
    EXT_AUDIT_TIES,
    EXT_AUDIT_ARBITRARY,
    EXT_AUDIT_LONG,
    EXT_AUDIT_FAST,
    EXT_AUDIT_SPANS,
    EXT_AUDIT_ONCE,
    EXT_AUDIT_POPULAR,
    EXT_AUDIT_FEW_SESSIONS,
    EXT_AUDIT_FEW_EVENTS,
    EXT_AUDIT_FEW_ITEMS,
    /* The first check of the test. The checks before this one are those of the log. */
    EXT_AUDIT_UNKNOWN_ITEMS,
    EXT_AUDIT_UNKNOWN_EVENTS,
    EXT_AUDIT_TRAINED,
    EXT_AUDIT_SHARED,
    EXT_AUDIT_BEFORE,
    EXT_AUDIT_IDENTICAL,
    EXT_AUDIT_CHECKS
} ext_audit_check;

/*
 * The state of a check of an audit: whether the check has counted its cases, and if not,
 * why.
 */
typedef enum ext_audit_state {
    EXT_AUDIT_SKIPPED, /* nothing was given to look at: no test, or no log */
    EXT_AUDIT_UNKNOWN, /* facts are missing that the check needs */
    EXT_AUDIT_COUNTED
} ext_audit_state;

/*
 * What a check of an audit found: n cases in a total (of) of rows, events, sessions or
 * items. n, of and weight have a meaning only if the state is COUNTED. The texts are
 * owned by the finding, or NULL.
 */
typedef struct ext_audit_finding {
    ext_audit_state state;
    int64_t n, of;
    /*
     * What the rule's thresholds are compared with: n / of; or another number that says
     * how bad the cases are (0 if an option deals with them).
     */
    double weight;
    char *example; /* an id that is a case, as a message shows it */
    char *advice;  /* replaces the rule's advice; NULL: does not */
    char *detail;  /* COUNTED: more to say; else why the check did not count */
} ext_audit_finding;

/*
 * A row of gru4rec_audit(): a check, and what it found. state and n are those of its
 * finding. ext_audit_rules_row() makes it; the table's stop() frees it.
 */
typedef struct ext_audit_line {
    const char *name, *severity; /* of the check's rule; static */
    ext_audit_state state;
    int64_t n;
    char *advice; /* the column advice; owned; NULL: there is nothing to say */
} ext_audit_line;

/*
 * Makes *line the row of a check: its name by its rule, its severity by its rule and the
 * finding, and the text of the column advice. The finding stays as it is. The caller
 * frees line->advice by sqlite3_free(). It is NULL if there is nothing to say, or after
 * an error. The only error is SQLITE_NOMEM.
 */
int ext_audit_rules_row(ext_audit_line *line, const ext_audit_finding *finding,
                        ext_audit_check check, ext_error *error);
/*
 * Returns the advice of the check's rule; static. For some checks it is a format of
 * sqlite3_mprintf(): for blank ids with two names of columns (%s), session and item; for
 * bad items and for alike ids with one; for long sessions with a number (%lld).
 */
const char *ext_audit_rules_advice(ext_audit_check check);

/* ---- ext_audit_look.c ---- */

/* The work of one audit: what is audited, and what was found. All zero to begin with. */
typedef struct ext_audit_work {
    /* Home of the model; only home.db is set if no model is audited. */
    ext_home home;
    /* A model is audited, and not a source. */
    bool has_model;
    /* The snapshot in which config and model are read. It ends before the log is read. */
    ext_snapshot snapshot;
    ext_model *model; /* the version, held; NULL: the test is compared with the log */
    ext_config config;
    /* Options of the audit: the model's, or the defaults; those of the call over them. */
    gru4rec_options options;
    ext_columns columns; /* names of columns that the call gives */
    ext_budget budget;   /* counts the memory of events, items and fingerprints */
    /* The log's catalogue, if a test is compared with the log; else NULL. Owned. */
    gru4rec_items *items;
    /*
     * The reason why the model's source does not exist any more, so that the log was not
     * audited; NULL: there is none. Owned.
     */
    char *no_log;
    ext_leak leak;
    ext_audit_finding findings[EXT_AUDIT_CHECKS];
} ext_audit_work;

/*
 * Opens, reads and closes the log that is audited, and fills in the findings of its
 * checks, those before EXT_AUDIT_UNKNOWN_ITEMS.
 *
 * text: the log's name or SELECT. It is not used if a model is audited, because then the
 * model's own source is the log.
 * has_test: ext_audit_look_test() will follow. If work->model is NULL, the log's items
 * (work->items) and the fingerprints of its sessions (work->leak) are then kept, because
 * the test is compared with the log.
 * If the model's source does not exist any more, has_test is true and a version is held,
 * that is no error: the checks of the log stay skipped, and work->no_log says why.
 * Errors: those of ext_source_open(), ext_config_open_source() and ext_read_collect().
 */
int ext_audit_look_log(ext_audit_work *work, const char *text, bool has_test,
                       ext_error *error);
/*
 * Opens, reads and closes the test that is audited, and fills in the findings of its
 * checks, those from EXT_AUDIT_UNKNOWN_ITEMS on. If there is a version, work->model must
 * hold it, and work->leak must be open for it; if there is none, ext_audit_look_log()
 * must have read the log with has_test true.
 *
 * text: the test's name or SELECT. Errors: as for the log; SQLITE_CORRUPT_VTAB: the
 * fingerprints are damaged.
 */
int ext_audit_look_test(ext_audit_work *work, const char *text, ext_error *error);

/* ---- what SQL sees: each table and function in the file of its name ---- */

/*
 * Table-valued functions; and tables that register SQL functions, each of which ends with
 * an entry whose name is NULL.
 */
extern const ext_table_function ext_evaluate, ext_compare, ext_audit, ext_batches;
extern const ext_table_function ext_options_table, ext_status, ext_help_table;
extern const ext_function ext_export_functions[], ext_import_functions[];
extern const ext_function ext_deploy_functions[], ext_info_functions[];
extern const ext_function ext_times_functions[], ext_configure_functions[];

#endif

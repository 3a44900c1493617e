/*
 * ext_tools.h - what is neither training nor serving: models in and out, measuring,
 * looking at schedules, and what a model and a build are.
 */
#ifndef EXT_TOOLS_H
#define EXT_TOOLS_H

#include "../cache/ext_cache.h"

/* ---- ext_file.c ---- */

/*
 * The name of a file that SQL gave, if the host lets this connection touch that file: as
 * it would let it ATTACH one of that name. *path is the value's. The file itself is not
 * touched, not even to see whether it is there. SQLITE_AUTH: it may not.
 */
int ext_file_permit(const char **path, sqlite3 *db, sqlite3_value *value, bool is_written,
                    ext_error *error);

/* Bytes to be read: those of a BLOB, or of an ordinary file that is open. */
typedef struct ext_input {
    const unsigned char *bytes; /* (n_bytes), borrowed; NULL: they are the file's */
    uint64_t n_bytes;
    const char *path; /* borrowed */
    int fd;           /* -1: none */
} ext_input;

/* Never waits. On failure there is nothing to close. */
int ext_file_open(ext_input *input, const char *path, ext_error *error);
/* Copies n bytes, from on, which must lie within n_bytes. A file that has become shorter
 * is an error. */
int ext_file_read(const ext_input *input, void *to, uint64_t from, size_t n,
                  ext_error *error);
void ext_file_close(ext_input *input);

/* A file that is being written. */
typedef struct ext_output {
    const char *path;    /* borrowed */
    char *target, *part; /* part becomes target; NULL: path is written to as it is */
    int fd;              /* -1: none */
    ext_poll poll;
} ext_output;

/* Begins; ext_file_finish() must follow in any case. */
int ext_file_create(ext_output *output, sqlite3 *db, const char *path, ext_error *error);
int ext_file_write(ext_output *output, const void *bytes, size_t n, ext_error *error);
/*
 * Where rc is SQLITE_OK, puts the file into its place, on disk when this returns; else
 * takes away what was made. What is no ordinary file (a device, a pipe) was written to
 * directly. An ordinary file is replaced, one behind a link where that is; a link that
 * leads nowhere is replaced itself. Returns the first failure.
 */
int ext_file_finish(ext_output *output, int rc, ext_error *error);

/* ---- ext_safetensors.c ---- */

/* Floats that are read or written at a time: 16 KiB. */
enum { EXT_SAFETENSORS_PART = 4096 };

/*
 * What stands before the values in the file, its length included; the values follow in
 * the order of the model's tensors. *header is of sqlite3_malloc.
 */
int ext_safetensors_header(char **header, size_t *n_header, sqlite3 *db,
                           const ext_loaded *loaded, ext_error *error);
/* A model, its items and options. loaded is all zero; free it in any case. */
int ext_safetensors_read(ext_loaded *loaded, sqlite3 *db, const ext_input *input,
                         ext_error *error);

/* ---- ext_leak.c ---- */

/* What of a test a version was trained on. All zero to begin with. */
typedef struct ext_leak {
    int64_t version;               /* 0: there is none, but a source */
    ext_fingerprints fingerprints; /* not known: nothing is found, which says nothing */
    ext_against against;           /* for the source of the test, before it is read */
    gru4rec_fingerprints_found found;
} ext_leak;

/* Reads what the version keeps. Close leak in any case, before the budget goes; it stays
 * where it is. */
int ext_leak_open(ext_leak *leak, ext_budget *budget, const ext_home *home,
                  int64_t version, ext_error *error);
void ext_leak_close(ext_leak *leak);
/* Fills found, of a test that was read beside against. */
int ext_leak_find(ext_leak *leak, const ext_events *test, const ext_home *home,
                  ext_error *error);
/* Share of the sessions whose items are those of a session of the training, beyond what
 * chance has; 0 where it may be chance. */
double ext_leak_excess(const gru4rec_fingerprints_found *found);
/* What whoever reads measures must know of it; of sqlite3_malloc, NULL: nothing. */
int ext_leak_warning(char **warning, const ext_leak *leak, const ext_events *test,
                     ext_error *error);

/* ---- ext_measure.c ---- */

/* What is measured, and how. All zero to begin with, but what the caller fills in. */
typedef struct ext_measurement {
    ext_model *model;        /* held, by the caller */
    gru4rec_options options; /* of an evaluation, */
    ext_columns columns;     /* what stands beside them, and */
    bool finds_leaks;        /* whether to look for them, by the caller */
    ext_rows candidates;     /* of columns.candidates */
    ext_source source;       /* while it is read */
    ext_leak leak;           /* in the budget that test was read with, */
    ext_events test;         /* as this is, and */
    gru4rec_baseline *baselines[GRU4REC_N_BASELINES]; /* (n) as these are */
    size_t n_baselines;
    int32_t
        *places;    /* (methods, events of test) where targets stood; borrowed, or NULL */
    char *warnings; /* what whoever reads the figures must know; or NULL */
} ext_measurement;

/* Holds the version that is meant of a model, and finds the model's home; clear that in any
 * case. */
int ext_measure_hold(ext_measurement *request, ext_home *home, ext_connection *connection,
                     sqlite3_value *name, const ext_choice *choice, ext_error *error);
/* Bytes that it may take: its own option, or the model's. */
int64_t ext_measure_limit(const ext_measurement *request);
/* Reads the events of the source, a name or a SELECT. home: the model's. Free it in any
 * case, before the budget goes. */
int ext_measure_read(ext_measurement *request, ext_budget *budget, const ext_home *home,
                     const char *source, ext_error *error);
/* The same for two models at once, of these homes, whose events are read once, with columns
 * as the first one's, and have the same numbers in both. *n_unknown: events whose item one of them does
 * not know. */
int ext_measure_read_pair(ext_measurement requests[2], ext_budget *budget,
                          const ext_home homes[2], const char *source, int64_t *n_unknown,
                          ext_error *error);
/* What a measurement asks now and then, as a hook; context: an ext_poll. */
int ext_measure_poll(void *context, const gru4rec_progress *progress);
/* Puts a warning behind the others. */
int ext_measure_warn(ext_measurement *request, ext_error *error, const char *format, ...);
/* Puts what it has to say of leaks. */
int ext_measure_warn_of_leaks(ext_measurement *request, ext_error *error);
/* Puts what it has to say of any measurement, leaks too. has_events: there was something to rank. */
int ext_measure_warn_all(ext_measurement *request, bool has_events, ext_error *error);
/* Rows of an evaluation. */
size_t ext_measure_count(const ext_measurement *request);
/* metrics: (ext_measure_count()). */
int ext_measure_run(const ext_measurement *request, ext_budget *budget, sqlite3 *db,
                    gru4rec_metrics *metrics, ext_error *error);
void ext_measure_free(ext_measurement *request);

/* ---- ext_fit.c ---- */

/* Fits the baselines that the options name, to be measured beside the model: all but pop on
 * the sessions that it was trained on. */
int ext_fit_baselines(ext_measurement *request, ext_budget *budget, const ext_home *home,
                      ext_error *error);

/* ---- ext_trained.c ---- */

/* The sessions that the version of a request was trained on, in rows of its catalogue. Give
 * them to ext_read_free(), also after an error. name: who needs them. */
int ext_trained_read(ext_events *trained, ext_measurement *request, ext_budget *budget,
                     const ext_home *home, const char *name, ext_error *error);

/* ---- ext_best.c ---- */

/* Of the versions that are ready the one with the best MRR@20 on the events of a source, a
 * name or a SELECT; of several the newest. Holds no lock while it measures. */
int ext_best_find(int64_t *version, const ext_home *home, const char *source,
                  ext_error *error);

/* ---- ext_audit_rules.c ---- */

typedef enum ext_audit_check {
    EXT_AUDIT_MISSING,
    EXT_AUDIT_BLANK,
    EXT_AUDIT_BAD_TIMES,
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
    EXT_AUDIT_UNKNOWN_ITEMS, /* from here on: of the test */
    EXT_AUDIT_UNKNOWN_EVENTS,
    EXT_AUDIT_TRAINED,
    EXT_AUDIT_SHARED,
    EXT_AUDIT_BEFORE,
    EXT_AUDIT_IDENTICAL,
    EXT_AUDIT_CHECKS
} ext_audit_check;

typedef enum ext_audit_state {
    EXT_AUDIT_SKIPPED, /* nobody looked: there is nothing to look at */
    EXT_AUDIT_UNKNOWN, /* what it takes is not there */
    EXT_AUDIT_COUNTED
} ext_audit_state;

/* What a check found: n of so many. Texts are owned, or NULL. */
typedef struct ext_audit_finding {
    ext_audit_state state;
    int64_t n, of;
    double weight; /* what thresholds are compared with: the share, mostly */
    char *example; /* as a message shows it */
    char *advice;  /* in place of the rule's */
    char *detail;  /* more to say; or why it is not known */
} ext_audit_finding;

/* A row; advice is owned, NULL where there is nothing to say. */
typedef struct ext_audit_line {
    const char *name, *severity;
    ext_audit_state state;
    int64_t n;
    char *advice;
} ext_audit_line;

int ext_audit_rules_row(ext_audit_line *line, const ext_audit_finding *finding,
                        ext_audit_check check, ext_error *error);
/* The rule's advice, a format where the check has more to say. */
const char *ext_audit_rules_advice(ext_audit_check check);

/* ---- ext_audit_look.c ---- */

/* What is audited, and what was found. All zero to begin with. */
typedef struct ext_audit_work {
    ext_home home; /* of the model; without a name where there is none */
    bool has_model;
    ext_snapshot snapshot; /* in which all of the model is read: its config, and */
    ext_model *model;
    ext_config config;
    gru4rec_options options; /* of the training that is audited */
    ext_columns columns;
    ext_budget budget;    /* of what follows */
    gru4rec_items *items; /* of the log, where there is no version; or NULL */
    ext_leak leak;
    ext_audit_finding findings[EXT_AUDIT_CHECKS];
} ext_audit_work;

/* Looks at the log: text, or the model's source. has_test: where there is no version, the
 * test is compared with the log. */
int ext_audit_look_log(ext_audit_work *work, const char *text, bool has_test,
                       ext_error *error);
/* Then at the test. */
int ext_audit_look_test(ext_audit_work *work, const char *text, ext_error *error);

/* ---- what SQL sees, each in its file ---- */

extern const ext_table_function ext_evaluate, ext_compare, ext_audit, ext_batches;
extern const ext_table_function ext_options_table, ext_status;
extern const ext_function ext_export_functions[], ext_import_functions[];
extern const ext_function ext_deploy_functions[], ext_info_functions[];
extern const ext_function ext_times_functions[], ext_configure_functions[];

#endif

/*
 * gru4rec.h - the C API of the GRU4Rec session-based recommender, and the entry points of
 * the SQLite extension made of it.
 *
 * The library is plain C11: no SQLite, no file or terminal I/O, no global state but the
 * number of BLAS's threads, which it puts back, BLAS's buffers, and what
 * gru4rec_blas_core_pick() says about itself. Data goes in event by event
 * (gru4rec_events), becomes a training form (gru4rec_dataset) and a catalogue
 * (gru4rec_items), trains a model (gru4rec_model) that recommends through a session
 * (gru4rec_session) and a ranking (gru4rec_ranking), and is measured beside simple methods
 * (gru4rec_baseline).
 *
 * Conventions: matrices are row-major; shapes stand in the comments, with the letters of
 * src/README.md (I items, B lanes, M live lanes, K samples, N = M + K columns, D top
 * width). Every _new hands its result to the caller, who gives it to the _free of the
 * same name; _free takes NULL. A fallible function returns a gru4rec_status and, where it
 * takes a gru4rec_error, leaves one line in it: what is wrong; what to do. On failure its
 * results are NULL or 0 and its other arguments untouched unless the comment says
 * otherwise. No object may be used by two threads at once, but any number may share a
 * const one.
 *
 * The papers: [1] Hidasi et al. 2016 (arXiv 1511.06939), [2] Hidasi & Karatzoglou 2018
 * (arXiv 1706.03847).
 */
#ifndef GRU4REC_H
#define GRU4REC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GRU4REC_VERSION "0.2.0"

/* float; double in the build that checks gradients. */
#ifdef GRU4REC_DOUBLE
typedef double gru4rec_real;
#else
typedef float gru4rec_real;
#endif

/* ---- status, errors, memory ---- */

typedef enum gru4rec_status {
    GRU4REC_OK = 0,
    GRU4REC_NOMEM,       /* an allocation failed */
    GRU4REC_INVALID,     /* an option, an argument or the data cannot be used */
    GRU4REC_INTERRUPTED, /* a hook asked to stop */
    GRU4REC_DIVERGED     /* a loss or a weight is no longer finite */
} gru4rec_status;

typedef struct gru4rec_error {
    char message[480]; /* "what is wrong; what to do", valid UTF-8, NUL-terminated */
} gru4rec_error;

/*
 * Writes a text of n bytes, which may be any, as messages show it: valid UTF-8 on one
 * line. A byte that is no UTF-8 and a control character become \xNN, or \n, other
 * characters that steer a terminal \uNNNN. A text that does not fit into size bytes (at
 * least 4) is cut between two characters and ends in "...". Returns shown.
 */
const char *gru4rec_show(char *shown, size_t size, const void *text, size_t n);

/*
 * Where memory comes from, and the keys of the hash tables in it. Copied by whoever keeps
 * it. resize works as realloc: NULL allocates, 0 bytes frees and returns NULL, NULL is
 * returned when memory is short. Blocks are aligned for any type. random gives 64 bits
 * that nobody can foretell, so that nobody can choose ids that make a table slow; no
 * result depends on them. NULL: keys are always the same, for input that is trusted.
 */
typedef struct gru4rec_allocator {
    void *(*resize)(void *context, void *block, size_t bytes);
    void *context;
    uint64_t (*random)(void *context);
} gru4rec_allocator;

/* ---- options: one table of all that can be set ---- */

enum { GRU4REC_MAX_LIST = 32, GRU4REC_MAX_OPTIONS = 128 };

typedef struct gru4rec_list {
    int64_t n;
    int64_t values[GRU4REC_MAX_LIST];
} gru4rec_list;

typedef enum gru4rec_loss {
    GRU4REC_CROSS_ENTROPY,
    GRU4REC_XE_LOGIT,
    GRU4REC_BPR,
    GRU4REC_BPR_MAX,
    GRU4REC_TOP1,
    GRU4REC_TOP1_MAX
} gru4rec_loss;

typedef enum gru4rec_adapt {
    GRU4REC_ADAGRAD,
    GRU4REC_RMSPROP,
    GRU4REC_ADADELTA,
    GRU4REC_ADAM,
    GRU4REC_SGD
} gru4rec_adapt;

typedef enum gru4rec_tie_mode {
    GRU4REC_STANDARD,     /* ties count for the target */
    GRU4REC_CONSERVATIVE, /* ties count against it */
    GRU4REC_MEDIAN        /* half of each */
} gru4rec_tie_mode;

/* Which targets an evaluation measures apart. */
typedef enum gru4rec_segment {
    GRU4REC_SEGMENT_NONE,
    GRU4REC_SEGMENT_POSITION,  /* by events before the target in its session */
    GRU4REC_SEGMENT_LENGTH,    /* by targets of its session */
    GRU4REC_SEGMENT_POPULARITY /* by support: head, middle, tail, a third of it each */
} gru4rec_segment;

typedef enum gru4rec_activation_kind {
    GRU4REC_ACT_AUTO, /* as the loss asks: softmax, or ELU with elu_param */
    GRU4REC_ACT_SOFTMAX,
    GRU4REC_ACT_SOFTMAX_LOGIT,
    GRU4REC_ACT_LINEAR,
    GRU4REC_ACT_RELU,
    GRU4REC_ACT_TANH,
    GRU4REC_ACT_LEAKY, /* x, or a x below 0 */
    GRU4REC_ACT_ELU,   /* x, or a (exp(x) - 1) below 0 */
    GRU4REC_ACT_SELU   /* a x, or a b (exp(x) - 1) below 0 */
} gru4rec_activation_kind;

typedef struct gru4rec_activation {
    gru4rec_activation_kind kind;
    double a, b;
} gru4rec_activation;

enum { GRU4REC_MAX_REALS = 4, GRU4REC_MAX_WORD = 40 };

typedef struct gru4rec_reals {
    int64_t n;
    double values[GRU4REC_MAX_REALS];
} gru4rec_reals;

enum { GRU4REC_EMBEDDING_LAYERSIZE = -1, GRU4REC_N_SAMPLE_ALL = -1 };

/* What the option version may be beside a number. */
typedef enum gru4rec_version_word {
    GRU4REC_VERSION_ACTIVE = -1,
    GRU4REC_VERSION_PREVIOUS = -2,
    GRU4REC_VERSION_NEWEST = -3
} gru4rec_version_word;

typedef enum gru4rec_switch { GRU4REC_AUTO, GRU4REC_OFF, GRU4REC_ON } gru4rec_switch;

/* What becomes of sessions longer than max_length. */
typedef enum gru4rec_long_sessions {
    GRU4REC_LONG_CUT, /* pieces of that length, and the rest */
    GRU4REC_LONG_DROP,
    GRU4REC_LONG_LAST /* its last events, as serving does; no option of a training */
} gru4rec_long_sessions;

typedef enum gru4rec_single_events {
    GRU4REC_SINGLE_COUNT, /* their items are in the catalogue, with support */
    GRU4REC_SINGLE_LEAVE_OUT
} gru4rec_single_events;

/* Simple methods that a model is measured beside. */
typedef enum gru4rec_baseline_kind {
    GRU4REC_POP,
    GRU4REC_SESSION_POP,
    GRU4REC_ITEM_KNN,
    GRU4REC_MARKOV,
    GRU4REC_SEQUENTIAL_RULES,
    GRU4REC_VS_KNN,
    GRU4REC_STAN,
    GRU4REC_N_BASELINES
} gru4rec_baseline_kind;

typedef enum gru4rec_similarity {
    GRU4REC_SIMILARITY_VEC,
    GRU4REC_SIMILARITY_COSINE
} gru4rec_similarity;

typedef enum gru4rec_weighting {
    GRU4REC_WEIGHTING_SAME,
    GRU4REC_WEIGHTING_DIV,
    GRU4REC_WEIGHTING_LINEAR,
    GRU4REC_WEIGHTING_LOG,
    GRU4REC_WEIGHTING_QUADRATIC
} gru4rec_weighting;

/* The meaning, range and default of each: gru4rec_option_describe(). */
typedef struct gru4rec_options {
    int64_t preset; /* 0: none */
    gru4rec_list layers;
    int64_t loss; /* gru4rec_loss */
    gru4rec_activation final_act;
    double elu_param;
    int64_t batch_size;
    int64_t n_epochs;
    double learning_rate;
    double momentum;
    double dropout_p_embed;
    double dropout_p_hidden;
    int64_t embedding;
    int64_t constrained_embedding;
    int64_t n_sample;
    double sample_alpha;
    double bpreg;
    double logq;
    double smoothing;
    gru4rec_activation hidden_act;
    int64_t adapt; /* gru4rec_adapt */
    gru4rec_reals adapt_params;
    double lmbd, grad_cap;
    double sigma;
    int64_t init_as_normal;
    gru4rec_list feedforward;
    gru4rec_activation feedforward_act;
    int64_t biases;
    int64_t bptt, whole_sessions, time_sort, train_random_order;
    char since[GRU4REC_MAX_WORD], until[GRU4REC_MAX_WORD]; /* times as text; "": open */
    double session_gap;
    int64_t collapse_repeats, keep_empty;
    int64_t max_length;    /* 0: none */
    int64_t long_sessions; /* gru4rec_long_sessions */
    int64_t min_support, min_length;
    int64_t single_events; /* gru4rec_single_events */
    double bad_rows;
    double validation;
    int64_t patience;
    int64_t warm_start, resume;
    double support_decay;
    int64_t checkpoint_epochs, keep_optimizer;
    int64_t reset_after;

    int64_t seed;
    int64_t threads; /* 0: as many as processors */
    int64_t keep_versions, keep_candidates, keep_history, activate;
    int64_t commit_wait;  /* seconds, for who stores what was trained; 0: by its length */
    int64_t memory_limit; /* bytes, for who calls the library to keep; 0: its default */
    int64_t quantize;     /* gru4rec_switch */
    int64_t state_items;  /* for who keeps sessions' states */
    int64_t verbose;      /* gru4rec_switch */
    gru4rec_list cutoffs;
    int64_t mode;      /* gru4rec_tie_mode */
    int64_t baselines; /* bit i: gru4rec_baseline_kind i */
    int64_t exclude_seen, last_only;
    int64_t candidates; /* drawn beside each target; 0: none are drawn */
    int64_t version;    /* for who keeps several; or gru4rec_version_word */
    int64_t version_a, version_b;
    int64_t segment; /* gru4rec_segment */
    int64_t session_pop_top_n;
    int64_t item_knn_k;
    double item_knn_lambda, item_knn_alpha;
    int64_t markov_pruning;
    int64_t sequential_rules_steps, sequential_rules_pruning;
    int64_t vs_knn_k, vs_knn_sample_size;
    int64_t vs_knn_similarity;                        /* gru4rec_similarity */
    int64_t vs_knn_weighting, vs_knn_weighting_score; /* gru4rec_weighting */
    double vs_knn_idf_weighting;
    int64_t stan_k, stan_sample_size;
    double stan_lambda_spw, stan_lambda_snh, stan_lambda_inh;
    bool is_set[GRU4REC_MAX_OPTIONS]; /* (options of the table) set, not defaulted */
} gru4rec_options;

/* What an option belongs to, or several of them, in bits. */
typedef enum gru4rec_option_scope {
    GRU4REC_SCOPE_TRAIN = 1,
    GRU4REC_SCOPE_EVALUATE = 2,
    GRU4REC_SCOPE_EXPORT = 4,
    GRU4REC_SCOPE_COMPARE = 8
} gru4rec_option_scope;

/* How the value is written in JSON. */
typedef enum gru4rec_option_type {
    GRU4REC_OPTION_INTEGER,
    GRU4REC_OPTION_REAL,
    GRU4REC_OPTION_BOOLEAN,
    GRU4REC_OPTION_TEXT,
    GRU4REC_OPTION_LIST /* of numbers or words; as text 100/100 */
} gru4rec_option_type;

typedef struct gru4rec_option_info {
    const char *name;
    const char *help;
    gru4rec_option_type type;
    gru4rec_option_scope scope; /* or several of them, in bits */
    char range[200];            /* of accepted values, for people */
    char default_text[40];      /* as gru4rec_options_set() takes it */
    bool
        is_stored; /* also where it is the default: it came later, and changed what is done */
} gru4rec_option_info;

void gru4rec_options_init(gru4rec_options *options);
/* The same before options are set that were stored, perhaps by a version that did not know
 * all of them, or had other defaults: what it did then is the default. */
void gru4rec_options_init_stored(gru4rec_options *options);
/*
 * Sets the option of that name (any case) of that scope from its text form; INVALID with
 * the name, the value, the range and the nearest name for anything else.
 */
gru4rec_status gru4rec_options_set(gru4rec_options *options, gru4rec_option_scope scope,
                                   const char *name, const char *value,
                                   gru4rec_error *error);
/* Makes that the option's default in these options: its value, unless it is set. INVALID as
 * gru4rec_options_set() says. */
gru4rec_status gru4rec_options_set_default(gru4rec_options *options,
                                           gru4rec_option_scope scope, const char *name,
                                           const char *value, gru4rec_error *error);
/* Takes the option back to what it is in defaults; it is not set any more. INVALID: there is
 * no such option. */
gru4rec_status gru4rec_options_unset(gru4rec_options *options, gru4rec_option_scope scope,
                                     const char *name, const gru4rec_options *defaults,
                                     gru4rec_error *error);
/*
 * Gives what is not set the values of the preset, refuses combinations that contradict each
 * other, and settles what depends on others (final_act, elu_param, the input mode):
 * afterwards every field is as it is used.
 */
gru4rec_status gru4rec_options_resolve(gru4rec_options *options, gru4rec_error *error);

size_t gru4rec_option_count(void);
void gru4rec_option_describe(size_t index, gru4rec_option_info *info);
bool gru4rec_option_is_set(const gru4rec_options *options, size_t index);
/* The value's text form, cut to size bytes. Returns its full length. */
size_t gru4rec_option_text(const gru4rec_options *options, size_t index, char *text,
                           size_t size);

/* ---- identifiers and the catalogue ---- */

/* A value as SQLite has it, NULL excepted. Text and blobs are borrowed. A REAL that is an
 * integer counts as that integer, and comes back as it was given first. */
typedef enum gru4rec_id_type {
    GRU4REC_ID_INTEGER,
    GRU4REC_ID_REAL,
    GRU4REC_ID_TEXT,
    GRU4REC_ID_BLOB
} gru4rec_id_type;

typedef struct gru4rec_id {
    gru4rec_id_type type;
    int64_t integer;
    double real;
    const void *bytes; /* (n_bytes) */
    size_t n_bytes;
} gru4rec_id;

/* The items of a model: row -> id and support, id -> row. */
typedef struct gru4rec_items gru4rec_items;

gru4rec_status gru4rec_items_new(const gru4rec_allocator *allocator, gru4rec_items **out);
void gru4rec_items_free(gru4rec_items *items);
/* Appends a row; INVALID for an id that is there already. Copies the id. */
gru4rec_status gru4rec_items_add(gru4rec_items *items, const gru4rec_id *id,
                                 int64_t support);
/* Many at once: append all, then index, to find them. */
gru4rec_status gru4rec_items_append(gru4rec_items *items, const gru4rec_id *id,
                                    int64_t support);
/* INVALID: an id is there twice. Asks is_stopped (NULL: never) now and then; once that says
 * true: INTERRUPTED. After either, items can only be freed. */
gru4rec_status gru4rec_items_index(gru4rec_items *items, bool (*is_stopped)(void *),
                                   void *context);
int32_t gru4rec_items_count(const gru4rec_items *items);
/* The row of the item with this value and type, else of the same text form, or -1. A REAL is
 * the integer of the same value below 2^53 in size only. */
int32_t gru4rec_items_find(const gru4rec_items *items, const gru4rec_id *id);
void gru4rec_items_get(const gru4rec_items *items, int32_t row, gru4rec_id *id);
/* Training events of each item, (I). */
const int64_t *gru4rec_items_support(const gru4rec_items *items);
/*
 * Adds that share of the support that an item had before, rounded: to the row that
 * gru4rec_items_find() gives, or to a new one, which may have none. NOMEM, and then nothing
 * is added.
 */
gru4rec_status gru4rec_items_inherit(gru4rec_items *items, const gru4rec_id *id,
                                     int64_t support, double share);
size_t gru4rec_items_bytes(const gru4rec_items *items);

/* ---- events in, dataset out ---- */

/* Numbers are in any unit; beside dates they count as seconds since 1970. */
typedef enum gru4rec_time_type {
    GRU4REC_TIME_INTEGER,
    GRU4REC_TIME_REAL,
    GRU4REC_TIME_DATE /* integer: nanoseconds since 1970 */
} gru4rec_time_type;

typedef struct gru4rec_time {
    gru4rec_time_type type;
    int64_t integer;
    double real;
} gru4rec_time;

/* Negative, 0, positive; exact, whatever the types. */
int gru4rec_time_compare(const gru4rec_time *a, const gru4rec_time *b);
/*
 * The time as a real, a date in seconds, and nanoseconds by which a date is later than
 * that (0 for numbers). The order of these pairs, with integers as they are, is that of the
 * times. Pauses are differences of the reals.
 */
double gru4rec_time_real(const gru4rec_time *time);
double gru4rec_time_rest(const gru4rec_time *time);

/* Collects events in any order; 20 bytes each, 24 where an order takes more than 32 bits,
 * and one more where times are of several types. */
typedef struct gru4rec_events gru4rec_events;

/*
 * known: NULL to take every item (training); else the catalogue to map to, borrowed until
 * the dataset is made: events of other items are dropped and counted.
 */
gru4rec_status gru4rec_events_new(const gru4rec_allocator *allocator,
                                  const gru4rec_items *known, gru4rec_events **out);
void gru4rec_events_free(gru4rec_events *events);
/*
 * order: breaks ties in time: the source's rowid, or the place among the events that the
 * source's own order gives; else 0: then the item decides, as it is named here, numbers
 * before texts and these as bytes.
 */
gru4rec_status gru4rec_events_add(gru4rec_events *events, const gru4rec_id *session,
                                  const gru4rec_id *item, const gru4rec_time *time,
                                  int64_t order, gru4rec_error *error);
/*
 * A training on new events takes their sessions whole. Each session that will have a new
 * one is named first; then all events are added in any order, those that are not new by
 * gru4rec_events_add_old(). An old event is kept only where its session was named or has a
 * new one already; and, once sessions are cut, in parts that have a new one. Errors: those of
 * gru4rec_events_add(), INVALID and NOMEM.
 */
gru4rec_status gru4rec_events_expect(gru4rec_events *events, const gru4rec_id *session,
                                     gru4rec_error *error);
gru4rec_status gru4rec_events_add_old(gru4rec_events *events, const gru4rec_id *session,
                                      const gru4rec_id *item, const gru4rec_time *time,
                                      int64_t order, gru4rec_error *error);

/* What becomes of the events before they are sessions to train on. All zero: nothing. */
typedef struct gru4rec_preparation {
    double
        session_gap; /* a longer pause, in the unit of the times, begins a new session */
    bool collapse_repeats; /* an item that follows itself counts once */
    int64_t max_length;    /* a session of more events is long; 0: none is */
    gru4rec_long_sessions long_sessions; /* what becomes of it */
    int64_t min_support;                 /* events of rarer items are dropped, */
    int64_t min_length; /* and sessions of fewer events, until neither changes anything */
    bool leaves_single; /* sessions of one event go too, and are counted by themselves */
    double validation;  /* share of the sessions, those visited last, that is held out */
    bool keeps_times;   /* the dataset has the events' times too */
    bool keeps_numbers; /* the dataset has the events' numbers too */
} gru4rec_preparation;

/* Before the first add, where numbers are kept: from 0, of the calls that added the events,
 * those of unknown items included. They take 4 bytes more an event. */
void gru4rec_events_prepare(gru4rec_events *events,
                            const gru4rec_preparation *preparation);

/*
 * Sessions one after another in visiting order (first time, then session value); in each
 * the events by (time, order, item).
 */
typedef struct gru4rec_dataset {
    gru4rec_allocator allocator;
    int64_t n_sessions;
    int64_t n_events;
    int64_t n_single;  /* sessions of one event: visited, never trained on */
    int64_t n_unknown; /* events dropped because their item is not in the catalogue, */
    int64_t n_old;     /* because their session, or part of one, has no new event, */
    int64_t n_repeats; /* because the item is the one before, */
    int64_t n_rare;    /* because of min_support, */
    int64_t n_short;   /* with sessions that min_length dropped, */
    int64_t n_dropped; /* and of long sessions */
    int64_t n_long;    /* sessions longer than max_length */
    int64_t n_left;    /* sessions of one event that were left out */
    gru4rec_time
        first; /* the least time, before anything but n_old, n_unknown was dropped */
    gru4rec_time held_out; /* the least time of the sessions held out, where there are */
    struct gru4rec_dataset *validation; /* the sessions held out, or NULL; owned */
    int32_t *item_rows;                 /* (n_events) */
    uint32_t *numbers;                  /* (n_events); NULL: not kept */
    int64_t *offsets;                   /* (n_sessions + 1) */
    double *times; /* (n_events) as gru4rec_time_real() has them; NULL: not kept, as those
                    * of what is held out never are */
} gru4rec_dataset;

/*
 * Sorts what was added (by_time false: sessions visited in the order of their values)
 * and numbers the items by first appearance in visiting order. The events are used up,
 * also by a failure: only their sessions can still be asked for. items: the new catalogue,
 * or NULL where one was known. Asks is_stopped (NULL: never) now and then; once that says
 * true: INTERRUPTED.
 */
gru4rec_status gru4rec_dataset_new(gru4rec_events *events, bool by_time,
                                   bool (*is_stopped)(void *), void *context,
                                   gru4rec_dataset **dataset, gru4rec_items **items);
/*
 * Gives the items of a dataset, which are those of items, the rows that they have in
 * another catalogue. Events of items that this does not know are dropped, and counted as
 * unknown; so are sessions that have no other. What is held out stays as it is. NOMEM: the
 * dataset is as it was.
 */
gru4rec_status gru4rec_dataset_map(gru4rec_dataset *dataset, const gru4rec_items *items,
                                   const gru4rec_items *known);
/* A hash of all that training sees of the events: sessions, order, the items' ids, and
 * their support where more than these events made it. */
uint64_t gru4rec_dataset_fingerprint(const gru4rec_dataset *dataset,
                                     const gru4rec_items *items);
/* Bytes that it takes, with what is held out. */
size_t gru4rec_dataset_bytes(const gru4rec_dataset *dataset);
void gru4rec_dataset_free(gru4rec_dataset *dataset);
/* The session at a place in visiting order, once a dataset was made of the events. */
void gru4rec_events_session(const gru4rec_events *events, int64_t place, gru4rec_id *id);

/* ---- fingerprints: which sessions a model was trained on ---- */

/* Words that nobody can foretell. What is compared has one key. */
typedef struct gru4rec_fingerprints_key {
    uint64_t a, b;
} gru4rec_fingerprints_key;

/* What of a session is fingerprinted, each by itself. */
typedef enum gru4rec_fingerprints_kind {
    GRU4REC_FINGERPRINTS_ID,
    GRU4REC_FINGERPRINTS_EVENTS, /* items with times; of sessions of two events and more */
    GRU4REC_FINGERPRINTS_ITEMS,  /* items in order; of three and more */
    GRU4REC_FINGERPRINTS_KINDS
} gru4rec_fingerprints_kind;

/* A set of fingerprints as it is stored; bytes (n_bytes) are borrowed. */
typedef struct gru4rec_fingerprints_set {
    uint64_t n;
    const unsigned char *bytes;
    uint64_t n_bytes;
} gru4rec_fingerprints_set;

/* What a model keeps of the sessions that it was trained on, some ten bytes of each: enough
 * to ask for one, not to list them. */
typedef struct gru4rec_fingerprints {
    gru4rec_fingerprints_key key;
    gru4rec_fingerprints_set sets[GRU4REC_FINGERPRINTS_KINDS];
    bool is_partial;          /* trainings before the last one are not in it */
    uint64_t n_long, n_twins; /* sessions of the last one with three events and more; and
                                 those of them whose items another one has */
} gru4rec_fingerprints;

/* Sessions of a dataset that the fingerprints have. One that was not trained on is among them with a
 * probability below 1e-4, for each kind. */
typedef struct gru4rec_fingerprints_found {
    int64_t sessions;
    int64_t trained; /* by id or by events, */
    int64_t ids;     /* by id, */
    int64_t items;   /* by items, */
    int64_t n_long;  /* of so many that have three events and more */
    int64_t first;   /* place of the first of trained; -1: there is none */
    double chance;   /* share of its sessions whose items another one has */
} gru4rec_fingerprints_found;

/* Before a dataset is made of the events: its sessions, as they are cut and before anything
 * is dropped, get fingerprints, 16 bytes each. */
void gru4rec_fingerprints_start(gru4rec_events *events,
                                const gru4rec_fingerprints_key *key);
/* The fingerprint of the session at a place, once a dataset was made; 0: it is too short. */
uint64_t gru4rec_fingerprints_of(const gru4rec_events *events, int64_t place,
                                 gru4rec_fingerprints_kind kind);
/*
 * The fingerprints of the sessions at the first n_sessions places, and of those in before, which
 * has the same key (NULL: of no others; is_partial: though there were some). bytes are of
 * the events' allocator. Asks is_stopped (NULL: never) now and then. NOMEM, INTERRUPTED;
 * INVALID: before is damaged.
 */
gru4rec_status gru4rec_fingerprints_new(const gru4rec_events *events, int64_t n_sessions,
                                        const gru4rec_fingerprints *before,
                                        bool is_partial, bool (*is_stopped)(void *),
                                        void *context, void **bytes, size_t *n_bytes);
/* Looks into the bytes of fingerprints, which stay borrowed. False: they are none. */
bool gru4rec_fingerprints_read(gru4rec_fingerprints *fingerprints, const void *bytes,
                               size_t n_bytes);
/* Looks for the sessions at the first n_sessions places, whose fingerprints have the same
 * key. NOMEM, INTERRUPTED; INVALID: the fingerprints are damaged. */
gru4rec_status gru4rec_fingerprints_find(const gru4rec_events *events, int64_t n_sessions,
                                         const gru4rec_fingerprints *fingerprints,
                                         bool (*is_stopped)(void *), void *context,
                                         gru4rec_fingerprints_found *found);

/* ---- audits: what is striking about events ---- */

/* All counts are of the events as they were collected, before anything prepares them. */
typedef struct gru4rec_audit {
    int64_t events, sessions, items;
    int64_t single;     /* sessions of one event */
    int64_t repeats;    /* events whose item is that of the one before, */
    int64_t tied;       /* whose time is, */
    int64_t arbitrary;  /* and that nothing but the item keeps behind it; */
    int64_t duplicates; /* that are there a second time, or more often */
    int64_t once;       /* items of one event */
    int64_t top;        /* events of the 20 items that have most */
    int64_t blank;      /* events whose session or item is white space */
    int64_t
        alike_items; /* that are another one but for type, case or space around them; */
    int64_t alike_sessions;             /* likewise */
    int64_t median_length;              /* of the sessions, in events */
    int64_t long_sessions, long_events; /* far longer than that; and their events */
    int64_t fast_sessions, fast_events; /* with pauses far below the median of all */
    int64_t spanning;                   /* sessions of more than a day */
    double gap; /* the pause that parts visits, as the pauses suggest; 0: they do not */
    /* Examples, borrowed from the events; of type TEXT and NULL where there is none. */
    gru4rec_id long_session, fast_session, wide_session, alike_item[2], alike_session[2];
} gru4rec_audit;

/* day: the length of a day in the unit of the times; 0: not known. Before a dataset is made
 * of the events, which stay as they are, and of which none were expected. NOMEM,
 * INTERRUPTED. */
gru4rec_status gru4rec_audit_events(gru4rec_events *events, double day,
                                    bool (*is_stopped)(void *), void *context,
                                    gru4rec_audit *audit);

/* ---- the session-parallel schedule, to look at ---- */

typedef struct gru4rec_schedule gru4rec_schedule;

/* The lanes of one step; arrays (n) belong to the schedule, until the next call. */
typedef struct gru4rec_lanes {
    int32_t n;              /* M */
    const int64_t *session; /* place in visiting order */
    const int32_t *input;   /* item rows */
    const int32_t *target;  /* item rows */
    const int32_t *from; /* lane of the step before whose state goes on; -1: zero state */
} gru4rec_lanes;

/* As options batch_size, n_sample and whole_sessions have it. */
gru4rec_status gru4rec_schedule_new(const gru4rec_allocator *allocator,
                                    const gru4rec_dataset *dataset,
                                    const gru4rec_options *options,
                                    gru4rec_schedule **out);
void gru4rec_schedule_free(gru4rec_schedule *schedule);
/* False at the end of the epoch. */
bool gru4rec_schedule_next(gru4rec_schedule *schedule, gru4rec_lanes *lanes);

/* ---- the model ---- */

typedef struct gru4rec_model gru4rec_model;

/* All zero. options must be resolved; those that shape the model are kept, and
 * collapse_repeats and max_length for its sessions. */
gru4rec_status gru4rec_model_new(const gru4rec_allocator *allocator,
                                 const gru4rec_options *options, int32_t n_items,
                                 gru4rec_model **out, gru4rec_error *error);
void gru4rec_model_free(gru4rec_model *model);
/* Bytes of its values: to be compared with a file's before that is believed. */
size_t gru4rec_model_value_bytes(const gru4rec_options *options, int32_t n_items);
/* Random weights, biases zero: each gate's block uniform in +-s, or normal with deviation
 * s (init_as_normal); s is sigma, or where that is 0 sqrt(6 / (rows + cols)). */
void gru4rec_model_init(gru4rec_model *model, const gru4rec_options *options);
size_t gru4rec_model_bytes(const gru4rec_model *model);

/* A parameter under its name in the official PyTorch state dictionary. */
typedef struct gru4rec_tensor {
    const char *name;
    int32_t n_dims;
    int64_t dims[2]; /* dims[1] is 1 where n_dims is 1 */
    size_t n_values;
    gru4rec_real *values; /* (dims) row-major; owned by the model */
} gru4rec_tensor;

size_t gru4rec_model_tensor_count(const gru4rec_model *model);
void gru4rec_model_tensor(const gru4rec_model *model, size_t index,
                          gru4rec_tensor *tensor);
/* The output row of an item, (*width); the model's. */
const gru4rec_real *gru4rec_model_item(const gru4rec_model *model, int32_t row,
                                       size_t *width);
/* Is every one of the values (n), of a tensor or a part of it, finite? */
bool gru4rec_model_are_finite(const gru4rec_real *values, size_t n);
/* The first tensor with a value that is not finite, or NULL. */
const char *gru4rec_model_nonfinite(const gru4rec_model *model);

/* ---- training ---- */

typedef struct gru4rec_progress {
    int64_t epoch; /* from 1 */
    int64_t n_epochs;
    int64_t step;         /* steps done in this epoch */
    int64_t events;       /* (lane, step) pairs done in this epoch */
    int64_t total_events; /* of a whole epoch, at most */
    double loss;          /* mean per event of this epoch so far */
} gru4rec_progress;

typedef struct gru4rec_epoch {
    int64_t epoch; /* from 1 */
    int64_t steps;
    int64_t updates; /* of the weights, in all of their training so far */
    int64_t narrow;  /* steps with less than half of the first step's lanes */
    int64_t events;  /* (lane, step) pairs */
    double loss;     /* mean per event */
    double cost;     /* sum of cost x lanes / sum of lanes, as the official tools print */
    double recall, mrr; /* at 20 on the sessions held out; NAN where there are none */
} gru4rec_epoch;

/*
 * What training keeps beside the weights, each shaped as the model: the optimiser's
 * (optim.h), and with validation the weights of the best epoch.
 */
typedef enum gru4rec_slot {
    GRU4REC_SLOT_ACC,      /* accumulator of all optimisers but sgd */
    GRU4REC_SLOT_ACC2,     /* the second one of adadelta and adam */
    GRU4REC_SLOT_VELOCITY, /* with momentum */
    GRU4REC_SLOT_BEST,     /* with validation */
    GRU4REC_N_SLOTS,
    GRU4REC_N_OPTIMISER_SLOTS = GRU4REC_SLOT_BEST
} gru4rec_slot;

/* "acc", ... */
const char *gru4rec_training_slot_name(gru4rec_slot slot);

/* What is trained; owned. Saved after an epoch, it is all that the next ones need. */
typedef struct gru4rec_training {
    gru4rec_model *model;
    gru4rec_model *slot[GRU4REC_N_SLOTS]; /* NULL: the options need none */
    int64_t updates;                      /* of the weights, in all training so far */
} gru4rec_training;

/* All zero. */
gru4rec_status gru4rec_training_new(const gru4rec_allocator *allocator,
                                    const gru4rec_options *options, int32_t n_items,
                                    gru4rec_training *training, gru4rec_error *error);
void gru4rec_training_free(gru4rec_training *training);
/* Bytes that they take. */
size_t gru4rec_training_bytes(const gru4rec_options *options, int32_t n_items);

/*
 * Takes over the weights of another model of the same shape, or of a slot those of
 * another slot: all that do not belong to items, and the rows of the items that both
 * know. INVALID, nothing taken, else.
 */
gru4rec_status gru4rec_training_adopt(gru4rec_model *model, const gru4rec_items *items,
                                      const gru4rec_model *other,
                                      const gru4rec_items *other_items,
                                      gru4rec_error *error);

/* After weights and slots were put in: they have had so many updates, from which adam's
 * correction goes on. */
void gru4rec_training_continue(gru4rec_training *training, int64_t updates);

/* Called from the calling thread. Each may be NULL; a result not 0 stops the work. */
typedef struct gru4rec_hooks {
    /* After every step, and more often where a step is long. */
    int (*poll)(void *context, const gru4rec_progress *progress);
    int (*epoch)(void *context, const gru4rec_epoch *epoch);
    /* Measures the model after an epoch; never NULL where option validation is above 0. */
    gru4rec_status (*validate)(void *context, const gru4rec_model *model, double *recall,
                               double *mrr, gru4rec_error *error);
    void *context;
} gru4rec_hooks;

/* Threads that a training has: the option, or as many as there are processors. */
int32_t gru4rec_train_threads(const gru4rec_options *options);
/* Bytes that a training takes beside its dataset and its hooks; what BLAS writes to is
 * counted, not the address space that it reserves: 128 MB for each thread. */
size_t gru4rec_train_bytes(const gru4rec_options *options, int32_t n_items,
                           int64_t n_sessions);
/*
 * Trains from the weights and the slots that are there. done (n_done): epochs that this
 * very training has had, after the last of which training was saved; the bits are then
 * those of a run that never stopped. With option validation it ends with the weights of
 * the epoch whose MRR was best, *best_epoch (may be NULL), and stops when patience epochs
 * have brought nothing better; else *best_epoch is the last. support: training events of
 * each item, (I); items without any come last, and stay as they are. INTERRUPTED and
 * DIVERGED leave the weights as they were then.
 */
gru4rec_status gru4rec_train(gru4rec_training *training, const gru4rec_dataset *dataset,
                             const int64_t *support, const gru4rec_options *options,
                             const gru4rec_epoch *done, size_t n_done,
                             const gru4rec_hooks *hooks, int64_t *best_epoch,
                             gru4rec_error *error);

/* ---- serving ---- */

/* The hidden state of one visitor. The model is borrowed and must live as long. */
typedef struct gru4rec_session gru4rec_session;
gru4rec_status gru4rec_session_new(const gru4rec_allocator *allocator,
                                   const gru4rec_model *model, gru4rec_session **out);
void gru4rec_session_free(gru4rec_session *session);
/* Back to the zero state, as before the first step. */
void gru4rec_session_reset(gru4rec_session *session);
/*
 * An item whose weights lead to a state that is not finite is passed over. So is, with a
 * model trained with collapse_repeats, an item that repeats the one before: the session
 * remembers the row that it was given last, until a reset. NOMEM, and nothing changed,
 * where BLAS cannot have its memory. error may be NULL.
 */
gru4rec_status gru4rec_session_step(gru4rec_session *session, int32_t item_row,
                                    gru4rec_error *error);
/*
 * The place in a history (n) where its last max_length events begin: what steps are taken
 * with. With the model's collapse_repeats an item that repeats the one before counts not.
 */
size_t gru4rec_session_first(const gru4rec_session *session, const int32_t *rows,
                             size_t n);
/* scores (n): of the given rows, or of all items where rows is NULL and n is I. Before the
 * first step they are those of the zero state. */
void gru4rec_session_scores(const gru4rec_session *session, const int32_t *rows,
                            int32_t n, gru4rec_real *scores);
/* Values that a state is kept in: the GRU layers' after the last step. */
size_t gru4rec_session_state_size(const gru4rec_model *model);
void gru4rec_session_state(const gru4rec_session *session, gru4rec_real *state);
/*
 * Goes on from such a state; last_row: of the item given last before it was taken, -1:
 * not known. False, and nothing changed, where a value is not finite.
 */
bool gru4rec_session_resume(gru4rec_session *session, const gru4rec_real *state,
                            int32_t last_row);

/* scores (I): the cosines of all items' output rows with that of one; 0 for rows of zeros,
 * -INFINITY for the item itself. */
void gru4rec_similar_scores(const gru4rec_model *model, int32_t row,
                            gru4rec_real *scores);

/*
 * A copy of a model's output rows in bytes, in which rankings find their first items
 * sooner; they stay the same. The model is borrowed and must live as long; rows that were
 * copied must not change. Calls: new, rows any number of times, finish.
 */
typedef struct gru4rec_bytes gru4rec_bytes;
gru4rec_status gru4rec_bytes_new(const gru4rec_allocator *allocator,
                                 const gru4rec_model *model, gru4rec_bytes **out);
void gru4rec_bytes_free(gru4rec_bytes *bytes);
/* Bytes that such a copy takes. */
size_t gru4rec_bytes_size(const gru4rec_model *model);
/* Copies the rows before n_rows that are not copied yet. It reads no others: a thread may
 * do this while they still get their values. */
void gru4rec_bytes_rows(gru4rec_bytes *bytes, int32_t n_rows);
/* Copies the rest, which makes the copy ready. False: the model has output values that are
 * not finite; the copy is of no use, and is to be freed. */
bool gru4rec_bytes_finish(gru4rec_bytes *bytes);

/* Blends the network's scores with what the nearest sessions have; see "blending". */
typedef struct gru4rec_blender gru4rec_blender;

/*
 * What is to be ranked, and by what. Either session or scores is NULL; the rest may be all
 * zero. A list of rows ascends, and has no row twice. An item whose score is NaN or
 * -INFINITY is left out.
 */
typedef struct gru4rec_query {
    const gru4rec_session *session; /* whose scores rank the items; or NULL: */
    const gru4rec_real *scores;     /* (I) these do; only those of ranked rows are read */
    const int32_t *rows; /* (n_rows) only these items are ranked; NULL: all items are */
    size_t n_rows;       /* of rows; 0 with rows that are not NULL: nothing is ranked */
    const int32_t *excluded; /* (n_excluded) left out */
    size_t n_excluded;
    int64_t n_expected; /* rows that will be read, as far as is known; 0: unknown */
    const gru4rec_bytes *bytes; /* finished copy of the session's model, or NULL */
    /* The blender that was started with the session as it is now: its items have their
     * blended scores. NULL: all items have the network's scores. */
    gru4rec_blender *blender;
} gru4rec_query;

/* Items in order of their scores, found as next asks for them, until it says false; ties:
 * lower row first. */
typedef struct gru4rec_ranking gru4rec_ranking;
/* n_items: I of the scores that it ranks, and the largest I of the sessions' models. */
gru4rec_status gru4rec_ranking_new(const gru4rec_allocator *allocator, int32_t n_items,
                                   gru4rec_ranking **out);
void gru4rec_ranking_free(gru4rec_ranking *ranking);
/*
 * Begins a ranking, and forgets the one before. *query itself is copied. All that it points
 * to is borrowed until the last call of next for this ranking: it must live and stay as it
 * is, the session in its state. Neither start nor next allocates memory.
 */
void gru4rec_ranking_start(gru4rec_ranking *ranking, const gru4rec_query *query);
/* After a start. */
bool gru4rec_ranking_next(gru4rec_ranking *ranking, int32_t *row, gru4rec_real *score);

/* The best items of many sessions at once, the same as their rankings begin with. */
typedef struct gru4rec_batch gru4rec_batch;
/*
 * k: items of each session, at most gru4rec_batch_most(). The model and the blender are
 * borrowed; blender: blends the scores of each session, or NULL. While the batch is scored,
 * nothing else may use the blender.
 */
gru4rec_status gru4rec_batch_new(const gru4rec_allocator *allocator,
                                 const gru4rec_model *model, gru4rec_blender *blender,
                                 int32_t k, gru4rec_batch **out);
void gru4rec_batch_free(gru4rec_batch *batch);
int32_t gru4rec_batch_most(void);
/* Sessions that a batch takes; fewer for a large catalogue, so that none takes long. */
int32_t gru4rec_batch_lanes(const gru4rec_batch *batch);
/* Takes in a session as it is, the first after a score for a new batch; returns its lane.
 * excluded (n_excluded): ascending rows that are left out. history (n_history): the rows of
 * the session's items, the oldest first, at least one; only read where the batch has a
 * blender. Both are borrowed until the score. */
int32_t gru4rec_batch_add(gru4rec_batch *batch, const gru4rec_session *session,
                          const int32_t *excluded, size_t n_excluded,
                          const int32_t *history, size_t n_history);
/* Asks is_stopped now and then; once that says true: INTERRUPTED. NOMEM, where BLAS cannot
 * have its memory. There are no scores then. error may be NULL. */
gru4rec_status gru4rec_batch_score(gru4rec_batch *batch, bool (*is_stopped)(void *),
                                   void *context, gru4rec_error *error);
/* The item at a place, from 0; false behind the last. */
bool gru4rec_batch_get(const gru4rec_batch *batch, int32_t lane, int64_t place,
                       int32_t *row, gru4rec_real *score);

/* ---- baselines: simple methods that a model is measured beside ---- */

/* "pop", "session-pop", "item-knn", "markov", "sequential-rules", "vs-knn", "stan"; the
 * equations of each are in the file of its name in src/baselines. */
const char *gru4rec_baseline_name(gru4rec_baseline_kind kind);
/* Is it one of option baselines? */
bool gru4rec_baseline_is_asked(const gru4rec_options *options,
                               gru4rec_baseline_kind kind);
/* Is it fitted on the sessions of training? Else on the support of items alone. */
bool gru4rec_baseline_needs_sessions(gru4rec_baseline_kind kind);
/* Do days count for it, so that it is another method where times only count events? */
bool gru4rec_baseline_uses_days(gru4rec_baseline_kind kind);

/* What baselines are fitted on; borrowed until they are. */
typedef struct gru4rec_baseline_data {
    int32_t n_items;        /* I */
    const int64_t *support; /* (I) training events of each item */
    /* Those of training, with times, their items in rows of the model's catalogue
     * (gru4rec_dataset_map()); NULL: not known. */
    const gru4rec_dataset *sessions;
    double
        day; /* in the unit of their times; 0: times count events, and nothing decays */
} gru4rec_baseline_data;

/* A method, fitted. Threads may share a const one. */
typedef struct gru4rec_baseline gru4rec_baseline;
/*
 * Fits a method, as the options say that begin with its name. Asks is_stopped (NULL: never)
 * now and then; once that says true: INTERRUPTED. INVALID: it needs sessions of training
 * with times, and there are none. NOMEM: it takes more than there is.
 */
gru4rec_status gru4rec_baseline_new(const gru4rec_allocator *allocator,
                                    gru4rec_baseline_kind kind,
                                    const gru4rec_options *options,
                                    const gru4rec_baseline_data *data,
                                    bool (*is_stopped)(void *), void *context,
                                    gru4rec_baseline **out, gru4rec_error *error);
void gru4rec_baseline_free(gru4rec_baseline *baseline);
/* Bytes that it takes while it is fitted, at most. */
size_t gru4rec_baseline_bytes(gru4rec_baseline_kind kind, const gru4rec_options *options,
                              const gru4rec_baseline_data *data);

/* The first items of a session; borrowed. */
typedef struct gru4rec_prefix {
    const int32_t *rows; /* (n) */
    const double *times; /* (n) in the unit of training's; NULL will do where
                          * gru4rec_baseline_uses_days() is false, or days were 0 */
    size_t n;
} gru4rec_prefix;

/* Scores of all items; borrowed from the scorer until its next ones. */
typedef struct gru4rec_scores {
    const double *values; /* (I) */
    const int32_t *rows;  /* (n) the items whose score is above 0, in no order; the others
                           * have 0, and are not recommended */
    size_t n;
} gru4rec_scores;

/* What asks a baseline, which is borrowed and must live as long; one for each thread. NOMEM:
 * there is no memory for it. */
typedef struct gru4rec_scorer gru4rec_scorer;
gru4rec_status gru4rec_scorer_new(const gru4rec_allocator *allocator,
                                  const gru4rec_baseline *baseline, gru4rec_scorer **out);
void gru4rec_scorer_free(gru4rec_scorer *scorer);
/* Bytes that it takes. */
size_t gru4rec_scorer_bytes(const gru4rec_baseline *baseline);
/* What may follow a prefix, by sums that are the same to the bit in any thread. Allocates
 * nothing. */
gru4rec_scores gru4rec_scorer_score(gru4rec_scorer *scorer, const gru4rec_prefix *prefix);

/* ---- blending: the network beside the sessions that are nearest ---- */

/*
 * What blends. The score of an item that the nearest sessions have is the network's plus
 * strength ln(1 + 10000 p), where p is the item's share of the scores that the nearest
 * sessions give. Any other item keeps the network's score (src/serve/blend.c).
 */
typedef struct gru4rec_blend {
    const gru4rec_baseline *neighbours; /* of kind GRU4REC_VS_KNN; borrowed */
    double strength;                    /* above 0 */
    int32_t
        n_history; /* the last items of a session that neighbours are found by, from 1 */
} gru4rec_blend;

/* Makes room to blend for one session at a time; one for each thread. What blend points to
 * must live as long. NOMEM: there is not enough memory. */
gru4rec_status gru4rec_blender_new(const gru4rec_allocator *allocator,
                                   const gru4rec_blend *blend, gru4rec_blender **out);
void gru4rec_blender_free(gru4rec_blender *blender); /* NULL-safe */
/* Returns the bytes that a blender takes. */
size_t gru4rec_blender_bytes(const gru4rec_blend *blend);
/*
 * Blends for a session as it is now, whose items are rows (n), the oldest first, at least
 * one. What came of it stays until the next start. Allocates nothing. The same session and
 * rows give the same bits in any thread.
 */
void gru4rec_blender_start(gru4rec_blender *blender, const gru4rec_session *session,
                           const int32_t *rows, size_t n);
/* Gives the blended score of an item in *score. False: the nearest sessions do not have
 * the item, so that it keeps the network's score, and *score is left alone. */
bool gru4rec_blender_score(const gru4rec_blender *blender, int32_t row,
                           gru4rec_real *score);

/* ---- evaluation ---- */

typedef struct gru4rec_metrics {
    const char *method;  /* "gru4rec", "gru4rec-network" or a baseline's name */
    const char *segment; /* that alone is measured; NULL: all targets are */
    int64_t k;
    /* Means, NAN where there was nothing to rank: */
    double recall, mrr, ndcg;
    /* Half-widths of their 95 % intervals over the choice of sessions, NAN for fewer than
     * 10 of them: */
    double recall_ci, mrr_ci, ndcg_ci;
    double coverage;   /* share of the catalogue that is in some top k */
    double popularity; /* mean over recommended items of support / largest support; NAN
                        * where no list has an item */
    int64_t events;    /* rankings */
    int64_t sessions;  /* with at least one ranking */
    int64_t ties;      /* rankings where another item has the target's score */
} gru4rec_metrics;

/* Where a target stood: twice its rank less two, so that ranks between two are whole; or */
enum {
    GRU4REC_PLACE_NONE = -1,  /* the event is no target */
    GRU4REC_PLACE_MISSED = -2 /* it is not ranked, or behind the longest list */
};

/* What is measured, and on what; all borrowed. */
typedef struct gru4rec_evaluation {
    const gru4rec_model *model;
    const int64_t *support;      /* (I) */
    const gru4rec_dataset *test; /* with times where a baseline decays by days */
    /* (n_baselines) at most GRU4REC_N_BASELINES, measured beside the model, in this order,
     * by scores of their own for the same rankings. */
    const gru4rec_baseline *const *baselines;
    size_t n_baselines;
    /* How the model's scores are blended; NULL: they are not. Then the network alone is
     * measured too, as the method "gru4rec-network", which comes second. */
    const gru4rec_blend *blend;
    /* (n_candidates) rows, ascending, none twice, at least one: only these items are
     * ranked, and a target that is none of them is missed. NULL: all are ranked. */
    const int32_t *candidates;
    size_t n_candidates;
    int32_t *places; /* (methods, n_events) out: where events stood; NULL: not asked */
} gru4rec_evaluation;

/* Rows of gru4rec_evaluate(): for each method, for each segment, one for each cut-off. */
size_t gru4rec_evaluate_count(const gru4rec_evaluation *what,
                              const gru4rec_options *options);
/*
 * Ranks items for every next event of the test sessions, as gru4rec_ranking does, to the
 * bit. metrics: (gru4rec_evaluate_count()); of a segment without a target they have no
 * events. poll is asked now and then. Where the options draw candidates, there is no list
 * of them. A list of a baseline has only items with a score above 0. INVALID: a baseline
 * needs times that the test sessions do not have.
 */
gru4rec_status gru4rec_evaluate(const gru4rec_allocator *allocator,
                                const gru4rec_evaluation *what,
                                const gru4rec_options *options,
                                const gru4rec_hooks *hooks, gru4rec_metrics *metrics,
                                gru4rec_error *error);
/* Recall and MRR at 20 on a training's dataset->validation: for its hook validate. */
gru4rec_status gru4rec_evaluate_heldout(const gru4rec_allocator *allocator,
                                        const gru4rec_model *model,
                                        const int64_t *support,
                                        const gru4rec_dataset *heldout,
                                        const gru4rec_hooks *hooks, double *recall,
                                        double *mrr, gru4rec_error *error);
/* Bytes that the latter takes beside its model and dataset, at most. */
size_t gru4rec_evaluate_bytes(const gru4rec_options *options, int32_t n_items,
                              const gru4rec_dataset *heldout);

/* ---- comparing two ---- */

/* One measure of two methods, on the targets that both were asked for. */
typedef struct gru4rec_difference {
    const char *measure; /* "recall", "mrr", "ndcg" */
    const char *segment; /* as in gru4rec_metrics */
    int64_t k;
    /* NAN where there was no target: */
    double a, b;
    double difference; /* a - b */
    double low, high;  /* its 95 % interval over the choice of sessions; NAN for few */
    double p;          /* of a difference so large, if the two were alike */
    int64_t wins, losses, ties; /* sessions in which a has more than b, less, as much */
    int64_t events;             /* targets of both */
    int64_t sessions;           /* with at least one */
} gru4rec_difference;

/* Rows of gru4rec_compare(): for each segment, for each measure, one for each cut-off. */
size_t gru4rec_compare_count(const gru4rec_options *options);

/* One side: what was evaluated, and what gru4rec_evaluate() said of it. */
typedef struct gru4rec_side {
    const gru4rec_items *items;
    const gru4rec_dataset *test;
    const int32_t *places; /* (n_events) of its method */
} gru4rec_side;

/*
 * Compares two methods that were evaluated with these options, of which cutoffs, segment
 * and seed count here. Either both have the same test, or each its own, of the same events
 * added in the same order, with their numbers. A target counts if both were asked for
 * it, and some earlier item of its session (as a has sessions) is known to both.
 * *n_unpaired: targets of one whose items both know, that do not count. Segments are those
 * of a. differences: (gru4rec_compare_count()). Wins, losses, ties and p are exact and need
 * no assumption but that sessions are independent: p is the share of 10,000 ways to swap
 * the two in whole sessions, one as it is and 9,999 drawn by seed, that make the difference
 * at least as large in either direction. It does not know how many measures are looked at.
 * NOMEM; INTERRUPTED: poll said so.
 */
gru4rec_status gru4rec_compare(const gru4rec_allocator *allocator, const gru4rec_side *a,
                               const gru4rec_side *b, const gru4rec_options *options,
                               const gru4rec_hooks *hooks,
                               gru4rec_difference *differences, int64_t *n_unpaired,
                               gru4rec_error *error);

/* What this build runs on. */
typedef struct gru4rec_build {
    const char *simd;           /* "base", "avx2", "avxvnni", "avx512", "avx512vnni" */
    const char *blas;           /* its configuration */
    const char *blas_core;      /* the kernels it uses, by its name for a processor */
    char blas_core_reason[256]; /* who picked them, and why; where others would be faster,
                                 * what to do */
    const char *blas_core_better; /* the faster ones: the value that the environment
                                   * variable OPENBLAS_CORETYPE needs; or NULL */
    const char *blas_threading;   /* "serial", "pthread", "openmp" */
} gru4rec_build;
void gru4rec_build_facts(gru4rec_build *build);

/*
 * OpenBLAS takes old kernels for processors that it does not know: training is several
 * times slower. This makes it choose again, by what the processor can do. It does nothing
 * where the kernels are right, where OPENBLAS_CORETYPE is set, where a loaded file beside
 * the caller's uses the same OpenBLAS, or where that was loaded before the caller's. Call
 * it before OpenBLAS is used, and while no other thread loads libraries or changes the
 * environment, so best at the program's start. gru4rec.so does so itself when it is loaded.
 */
void gru4rec_blas_core_pick(void);

/* ---- entry points of the SQLite extension ---- */

struct sqlite3;
struct sqlite3_api_routines;

/* As SQLite asks. Older versions drop the digit when they derive the name, hence two. The
 * loadable library has sqlite3_extension_init() too, for any name of the file. */
int sqlite3_gru4rec_init(struct sqlite3 *db, char **message,
                         const struct sqlite3_api_routines *api);
int sqlite3_grurec_init(struct sqlite3 *db, char **message,
                        const struct sqlite3_api_routines *api);

#ifdef __cplusplus
}
#endif

#endif

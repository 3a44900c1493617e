/*
 * gru4rec.h - the C API of the GRU4Rec session-based recommender, and the entry points of
 * the SQLite extension that is built on it.
 *
 * The library is plain C11. It uses no SQLite and does no file or terminal I/O. Its only
 * global state is the number of BLAS's threads, which it sets and puts back, BLAS's
 * buffers, and the result of gru4rec_blas_core_pick().
 *
 * How data flows:
 *   1. gru4rec_events collects events one by one.
 *   2. gru4rec_dataset_new() sorts the events into a gru4rec_dataset (sessions to train
 *      on) and a gru4rec_items (the catalogue).
 *   3. gru4rec_train() trains a gru4rec_model on the dataset.
 *   4. A gru4rec_session holds the hidden state of one visitor, and a gru4rec_ranking
 *      gives the items in the order of that session's scores.
 *   5. gru4rec_evaluate() measures the model, beside simple methods (gru4rec_baseline) if
 *      they are given.
 *
 * Conventions:
 * - Matrices are row-major. Shapes stand in the comments, as (rows, columns), with the
 *   letters of src/README.md: I items, B lanes, M live lanes, K samples, N = M + K
 *   columns, D width of the top layer. (n) is an array of n values.
 * - "Row" is an item's place in the catalogue, from 0 to I - 1.
 * - Each _new function hands its result to the caller, who frees it with the _free
 *   function of the same name. A _free function accepts NULL unless its comment says
 *   otherwise.
 * - An argument "allocator" is copied. It may be NULL: the C library's allocator is used.
 * - "Borrowed" means that only the pointer is kept: the caller still owns the object, and
 *   must keep it alive and unchanged for as long as the comment says.
 * - A function that can fail returns a gru4rec_status, and its comment names each error.
 *   If the function has an argument "error", it writes one line there: what is wrong;
 *   what to do. That argument may be NULL.
 * - After a failure, the results are NULL or 0 and all other arguments are unchanged,
 *   unless the comment says otherwise.
 * - Where a function has the arguments is_stopped and context, it calls
 *   is_stopped(context) now and then from the calling thread. Once is_stopped returns
 *   true, the function stops and returns INTERRUPTED. is_stopped may be NULL, which means
 *   "never stop", unless the comment says otherwise.
 * - Two threads must not use the same object at once, but any number of threads may share
 *   an object that all of them use through const pointers only.
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

/*
 * The type of weights and scores: float; double if GRU4REC_DOUBLE is defined, as in the
 * build that checks gradients.
 */
#ifdef GRU4REC_DOUBLE
typedef double gru4rec_real;
#else
typedef float gru4rec_real;
#endif

/* ---- status, errors, memory ---- */

typedef enum gru4rec_status {
    GRU4REC_OK = 0,
    GRU4REC_NOMEM,       /* there is not enough memory */
    GRU4REC_INVALID,     /* an option, an argument or the data cannot be used */
    GRU4REC_INTERRUPTED, /* a hook or is_stopped of the caller asked to stop */
    GRU4REC_DIVERGED     /* a loss, a weight or a score is no longer finite */
} gru4rec_status;

typedef struct gru4rec_error {
    char message[480]; /* "what is wrong; what to do", valid UTF-8, NUL-terminated */
} gru4rec_error;

/*
 * Writes text (n bytes of any content) into shown (size bytes, at least 4) as messages
 * show it: valid UTF-8 on one line, NUL-terminated. A newline becomes \n. A byte that is
 * not valid UTF-8, and any other ASCII control character, becomes \xNN. Other characters
 * that control a terminal become \uNNNN. If the result does not fit, it is cut between
 * two characters and ends in "...". Returns shown. It cannot fail.
 */
const char *gru4rec_show(char *shown, size_t size, const void *text, size_t n);

/*
 * The source of memory, and of the random keys of hash tables. The caller implements the
 * functions.
 */
typedef struct gru4rec_allocator {
    /*
     * Works as realloc(): if block is NULL, it allocates; if bytes is 0, it frees block
     * and returns NULL; it returns NULL if there is not enough memory. The block that it
     * returns is aligned for any type.
     */
    void *(*resize)(void *context, void *block, size_t bytes);
    void *context; /* first argument of both functions */
    /*
     * Returns 64 bits that nobody can predict. Hash tables use them as keys, so that
     * nobody can choose ids that make a table slow. No result depends on them. NULL: the
     * keys are always the same, which is safe only for trusted input.
     */
    uint64_t (*random)(void *context);
} gru4rec_allocator;

/* ---- options: one table of all that can be set ---- */

/* The most integers of a list that is an option's value, and the most options. */
enum { GRU4REC_MAX_LIST = 32, GRU4REC_MAX_OPTIONS = 128 };

/*
 * The value of an option that is a list of integers: the first n elements of values. The
 * others mean nothing.
 */
typedef struct gru4rec_list {
    int64_t n;
    int64_t values[GRU4REC_MAX_LIST];
} gru4rec_list;

/* The losses (option loss); src/kernels/vec_loss.h has their equations. */
typedef enum gru4rec_loss {
    GRU4REC_CROSS_ENTROPY,
    GRU4REC_XE_LOGIT,
    GRU4REC_BPR,
    GRU4REC_BPR_MAX,
    GRU4REC_TOP1,
    GRU4REC_TOP1_MAX
} gru4rec_loss;

/* How exact the sums are that processes exchange (option exchange_precision). */
typedef enum gru4rec_exchange_precision {
    GRU4REC_EXCHANGE_FLOAT32,
    GRU4REC_EXCHANGE_BFLOAT16
} gru4rec_exchange_precision;

/*
 * The precision of the products of a training (option precision). In bfloat16 their
 * operands are rounded; weights, sums, and what the optimiser keeps are float32.
 */
typedef enum gru4rec_precision {
    GRU4REC_PRECISION_FLOAT32,
    GRU4REC_PRECISION_BFLOAT16,
    GRU4REC_PRECISION_AUTO /* gru4rec_precision_of() chooses */
} gru4rec_precision;

/* The optimisers (option adapt). */
typedef enum gru4rec_adapt {
    GRU4REC_ADAGRAD,
    GRU4REC_RMSPROP,
    GRU4REC_ADADELTA,
    GRU4REC_ADAM,
    GRU4REC_SGD
} gru4rec_adapt;

/* The rank that an evaluation gives a target if other items have its score too. */
typedef enum gru4rec_tie_mode {
    GRU4REC_STANDARD,     /* the target ranks before all items with the same score */
    GRU4REC_CONSERVATIVE, /* the target ranks behind all items with the same score */
    GRU4REC_MEDIAN        /* the mean of these two ranks */
} gru4rec_tie_mode;

/*
 * How an evaluation divides the targets into segments that it measures separately. By
 * numbers the segments are 1, 2, 3, 4-5, 6-10, and 11 and more.
 */
typedef enum gru4rec_segment {
    GRU4REC_SEGMENT_NONE,     /* one segment: all targets */
    GRU4REC_SEGMENT_POSITION, /* by the number of events before the target */
    /* By the number of events in the target's session, without the first event. */
    GRU4REC_SEGMENT_LENGTH,
    /*
     * By the support of the target's item: head (the most popular items), middle, tail.
     * Each has about a third of the sum of all supports.
     */
    GRU4REC_SEGMENT_POPULARITY,
    /*
     * By whether the session had the target's item before: same (it is the last event
     * before the target), seen (an earlier one is), new (none is).
     */
    GRU4REC_SEGMENT_SEEN
} gru4rec_segment;

/*
 * The kind of an activation function of x. a and b are the parameters in
 * gru4rec_activation, which the other kinds do not use.
 */
typedef enum gru4rec_activation_kind {
    GRU4REC_ACT_AUTO, /* option final_act only: gru4rec_options_resolve() chooses */
    GRU4REC_ACT_SOFTMAX,
    GRU4REC_ACT_SOFTMAX_LOGIT,
    GRU4REC_ACT_LINEAR,
    GRU4REC_ACT_RELU,
    GRU4REC_ACT_TANH,
    GRU4REC_ACT_LEAKY, /* x if x > 0, else a x */
    GRU4REC_ACT_ELU,   /* x if x > 0, else a (exp(x) - 1) */
    GRU4REC_ACT_SELU   /* a x if x > 0, else a b (exp(x) - 1) */
} gru4rec_activation_kind;

/* An activation function with its parameters; 0 where the kind has no such parameter. */
typedef struct gru4rec_activation {
    gru4rec_activation_kind kind;
    double a, b;
} gru4rec_activation;

/*
 * GRU4REC_MAX_REALS: the most reals of a list that is an option's value.
 * GRU4REC_MAX_WORD: size in bytes of an option's value that is a text, with its NUL.
 */
enum { GRU4REC_MAX_REALS = 4, GRU4REC_MAX_WORD = 40 };

/*
 * The value of an option that is a list of real numbers: the first n elements of values.
 * The others mean nothing.
 */
typedef struct gru4rec_reals {
    int64_t n;
    double values[GRU4REC_MAX_REALS];
} gru4rec_reals;

/*
 * Values of two fields of gru4rec_options that stand for words instead of numbers:
 * "layersize" of the option embedding, and "all" of the option n_sample.
 */
enum { GRU4REC_EMBEDDING_LAYERSIZE = -1, GRU4REC_N_SAMPLE_ALL = -1 };

/*
 * Values of the fields version, version_a and version_b of gru4rec_options that stand for
 * the words "active", "previous" and "newest". Any other value is a version's number.
 */
typedef enum gru4rec_version_word {
    GRU4REC_VERSION_ACTIVE = -1,
    GRU4REC_VERSION_PREVIOUS = -2,
    GRU4REC_VERSION_NEWEST = -3
} gru4rec_version_word;

/* The measures of rankings, as option objective names them. */
typedef enum gru4rec_measure {
    GRU4REC_MEASURE_RECALL,
    GRU4REC_MEASURE_MRR,
    GRU4REC_MEASURE_NDCG
} gru4rec_measure;

/*
 * The value of option objective: a measure, and the length of the lists of best items
 * that it looks at. mrr@20 is the MRR with k = 20.
 */
typedef struct gru4rec_objective {
    int64_t measure; /* gru4rec_measure */
    int64_t k;       /* length of the lists */
} gru4rec_objective;

/*
 * The value of an option that has the words auto, false and true: these stand for
 * GRU4REC_AUTO, GRU4REC_OFF and GRU4REC_ON.
 */
typedef enum gru4rec_switch { GRU4REC_AUTO, GRU4REC_OFF, GRU4REC_ON } gru4rec_switch;

/* What happens to a session of more than max_length events (option long_sessions). */
typedef enum gru4rec_long_sessions {
    GRU4REC_LONG_CUT,  /* it is cut into pieces of max_length events, and a rest */
    GRU4REC_LONG_DROP, /* it is dropped with all its events */
    /*
     * Only its last max_length events stay, as in serving. The option has no such value:
     * a caller sets it in gru4rec_preparation, for test sessions.
     */
    GRU4REC_LONG_LAST
} gru4rec_long_sessions;

/* What happens to sessions of one event in training (option single_events). */
typedef enum gru4rec_single_events {
    GRU4REC_SINGLE_COUNT, /* they stay: their items are in the catalogue, with support */
    GRU4REC_SINGLE_LEAVE_OUT /* they are dropped; see leaves_single below */
} gru4rec_single_events;

/* What a process of a training over several processes reads (option shard). */
typedef enum gru4rec_shard {
    GRU4REC_SHARD_OWN, /* all events of its source */
    GRU4REC_SHARD_AUTO /* the sessions of its part (gru4rec_shard_of()) */
} gru4rec_shard;

/* Which processes of a training write its version (option replicate). */
typedef enum gru4rec_replicate {
    GRU4REC_REPLICATE_ALL,  /* each file gets one */
    GRU4REC_REPLICATE_FIRST /* only that of the first process */
} gru4rec_replicate;

/*
 * The simple methods that a model can be compared with, in the order of the words of
 * option baselines, and their number.
 */
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

/* How vs-knn computes the similarity of two sessions (option vs_knn_similarity). */
typedef enum gru4rec_similarity {
    GRU4REC_SIMILARITY_VEC,
    GRU4REC_SIMILARITY_COSINE
} gru4rec_similarity;

/*
 * How the weights of vs-knn depend on the places of items in a session (options
 * vs_knn_weighting and vs_knn_weighting_score); src/baselines/vs_knn.c has the equations.
 */
typedef enum gru4rec_weighting {
    GRU4REC_WEIGHTING_SAME,
    GRU4REC_WEIGHTING_DIV,
    GRU4REC_WEIGHTING_LINEAR,
    GRU4REC_WEIGHTING_LOG,
    GRU4REC_WEIGHTING_QUADRATIC
} gru4rec_weighting;

/* The value of the field blend of gru4rec_options that stands for the word "auto". */
#define GRU4REC_BLEND_AUTO (-1.0)

/*
 * The values of all options. gru4rec_option_describe() gives the meaning, the range and
 * the default of each. A field with the name of a type behind it holds a value of that
 * enum. A field of a boolean option is 0 or 1.
 *
 * The library checks all options, but it does not act on all of them. Those about events
 * reach it through gru4rec_preparation, which the caller fills. Those about storing and
 * serving models, such as keep_versions and memory_limit, are for the caller alone.
 */
typedef struct gru4rec_options {
    int64_t preset; /* number of the preset in the option's list of words; 0: none */
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
    int64_t embedding; /* width; 0: none. Before resolving also GRU4REC_EMBEDDING_... */
    int64_t constrained_embedding;
    int64_t n_sample; /* samples of a step, or GRU4REC_N_SAMPLE_ALL */
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
    /* Times as texts, NUL-terminated; "": no limit. since can also be the word "last". */
    char since[GRU4REC_MAX_WORD], until[GRU4REC_MAX_WORD];
    double session_gap;
    int64_t collapse_repeats, keep_empty;
    int64_t max_length;    /* 0: no limit */
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
    int64_t threads;    /* of a training; 0: as many as there are processors */
    int64_t groups;     /* processes that a training computes as if it were several */
    int64_t precision;  /* gru4rec_precision */
    int64_t sync_steps; /* updates of a process between two merges */
    int64_t exchange_precision; /* gru4rec_exchange_precision */
    int64_t shard;              /* gru4rec_shard */
    int64_t replicate;          /* gru4rec_replicate */
    int64_t keep_versions, keep_candidates, keep_history, activate;
    int64_t commit_wait;  /* seconds; 0: depends on how long the training took */
    int64_t memory_limit; /* bytes; 0: the program's default */
    int64_t quantize;     /* gru4rec_switch */
    int64_t state_items;
    double blend; /* strength; 0: scores are not blended; GRU4REC_BLEND_AUTO: the strength
                   * is chosen on the held-out sessions */
    int64_t blend_sessions; /* the most events of the sessions that a model that blends
                             * keeps */
    int64_t verbose;        /* gru4rec_switch */
    gru4rec_list cutoffs;
    int64_t mode;      /* gru4rec_tie_mode */
    int64_t baselines; /* bit i: gru4rec_baseline_kind i */
    int64_t exclude_seen, last_only;
    int64_t candidates; /* items drawn for each target; 0: none are drawn */
    int64_t sessions;   /* 1: an export also has the sessions that the version keeps */
    int64_t version;    /* a version's number, or gru4rec_version_word */
    int64_t version_a, version_b; /* the same, for the two sides of a comparison */
    int64_t ranks;                /* 1: all ranks measure, or tune; 0: one does */
    int64_t segment;              /* gru4rec_segment */
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
    int64_t tuned;
    int64_t trials;              /* the most trials of a tuning */
    double minutes;              /* the most minutes of a tuning; 0: no limit */
    gru4rec_objective objective; /* the measure by which a tuning chooses */
    int64_t space; /* always 0: the caller keeps a space other than the default itself */
    int64_t test, label,
        titles; /* always 0: the caller keeps sources and queries itself */
    /*
     * Whether gru4rec_options_set() set each option, by its index (see
     * gru4rec_option_count()). A value from a default or a preset does not count as set.
     */
    bool is_set[GRU4REC_MAX_OPTIONS];
} gru4rec_options;

/*
 * What an option is for: the model and its training, evaluations, exports, comparisons,
 * tunings, or pictures. Several can be combined as bits.
 */
typedef enum gru4rec_option_scope {
    GRU4REC_SCOPE_TRAIN = 1,
    GRU4REC_SCOPE_EVALUATE = 2,
    GRU4REC_SCOPE_EXPORT = 4,
    GRU4REC_SCOPE_COMPARE = 8,
    GRU4REC_SCOPE_TUNE = 16,
    GRU4REC_SCOPE_PLOT = 32
} gru4rec_option_scope;

/* The type of an option's value in JSON. */
typedef enum gru4rec_option_type {
    GRU4REC_OPTION_INTEGER,
    GRU4REC_OPTION_REAL,
    GRU4REC_OPTION_BOOLEAN,
    GRU4REC_OPTION_TEXT,
    GRU4REC_OPTION_LIST /* of numbers or words; its text form is 100/100 */
} gru4rec_option_type;

/* What gru4rec_option_describe() tells about an option. */
typedef struct gru4rec_option_info {
    const char *name; /* name and help are constants of the library */
    const char *help; /* what the option means, for people to read */
    gru4rec_option_type type;
    gru4rec_option_scope scope; /* one or several, as bits */
    char range[200];            /* the accepted values, for people to read */
    char default_text[40];      /* in the form that gru4rec_options_set() accepts */
    /*
     * Whether a stored model must name the option even if it has its default value. This
     * is so for an option that older builds do not know and whose default differs from
     * what they did: an older build then refuses the model.
     */
    bool is_stored;
} gru4rec_option_info;

/* Overwrites *options: sets all options to their defaults, and marks them as not set. */
void gru4rec_options_init(gru4rec_options *options);

/*
 * Works as gru4rec_options_init(), for options that were stored with a model. The build
 * that stored them may not have known all options, or may have had other defaults. So an
 * option whose default differs from what older builds did gets the value that stands for
 * what they did. The caller calls this before it sets the stored options.
 */
void gru4rec_options_init_stored(gru4rec_options *options);

/*
 * Sets an option from the text value, and marks it as set; an earlier value is replaced.
 * name may have upper or lower case. scope is what the caller sets options for; the
 * option must belong to it.
 * INVALID: there is no option of that name (the message suggests a name that is near, if
 * there is one), the option belongs to another scope, or it does not accept the value
 * (the message gives the range). The options are unchanged then. Rules between options
 * are not checked before gru4rec_options_resolve().
 */
gru4rec_status gru4rec_options_set(gru4rec_options *options, gru4rec_option_scope scope,
                                   const char *name, const char *value,
                                   gru4rec_error *error);

/*
 * Changes the default of an option in these options only: if the option is not set, it
 * gets this value and stays marked as not set. If it is set, the value is only checked,
 * and nothing changes.
 * INVALID: as gru4rec_options_set(), whether the option is set or not. The options are
 * unchanged then.
 */
gru4rec_status gru4rec_options_set_default(gru4rec_options *options,
                                           gru4rec_option_scope scope, const char *name,
                                           const char *value, gru4rec_error *error);

/*
 * Gives an option the value that it has in *defaults, which may be any options, and marks
 * it as not set.
 * INVALID: there is no option of that name, or it belongs to another scope. The options
 * are unchanged then.
 */
gru4rec_status gru4rec_options_unset(gru4rec_options *options, gru4rec_option_scope scope,
                                     const char *name, const gru4rec_options *defaults,
                                     gru4rec_error *error);

/*
 * Makes options ready for use. First, options that are not set get the values of the
 * preset. Then values that depend on other options are computed: final_act, elu_param,
 * the input of the first layer (embedding, constrained_embedding), adapt_params, and the
 * learning_rate if it is not set. Some options that do not suit the others become 0, such
 * as bpreg with another loss than bpr-max. Afterwards each field has the value that is
 * used; is_set does not change.
 * INVALID: two options contradict each other, or an option lacks what it needs (such as
 * patience without validation). The options are unchanged then.
 */
gru4rec_status gru4rec_options_resolve(gru4rec_options *options, gru4rec_error *error);

/*
 * Returns the number of rows of the library's table of options. The index of an option is
 * that of its row, from 0. It is the same in one build, and may differ in another one.
 */
size_t gru4rec_option_count(void);

/*
 * Fills *info with what is known about the option with this index in the table of
 * options. The strings name and help are constants of the library.
 */
void gru4rec_option_describe(size_t index, gru4rec_option_info *info);

/*
 * Tells whether the option with this index in the table was set by
 * gru4rec_options_set(). A default or a preset does not set an option.
 */
bool gru4rec_option_is_set(const gru4rec_options *options, size_t index);

/*
 * Writes the value of the option with this index in the table to text (size bytes), in a
 * form that gru4rec_options_set() reads, NUL-terminated. A text that does not fit is cut.
 * Returns the length of the whole text without NUL, so a result of size or more means
 * that the text was cut. If size is 0, text may be NULL and nothing is written.
 */
size_t gru4rec_option_text(const gru4rec_options *options, size_t index, char *text,
                           size_t size);

/* ---- identifiers and the catalogue ---- */

typedef enum gru4rec_id_type {
    GRU4REC_ID_INTEGER,
    GRU4REC_ID_REAL,
    GRU4REC_ID_TEXT,
    GRU4REC_ID_BLOB
} gru4rec_id_type;

/*
 * The identifier of an item or a session: any value of SQLite but NULL. A REAL that is a
 * whole number is the same id as the INTEGER of that value: the library keeps the form
 * that was added first, and gives that one back.
 */
typedef struct gru4rec_id {
    gru4rec_id_type type; /* says which of the other fields has the value */
    int64_t integer;      /* value of an INTEGER */
    double real;          /* value of a REAL */
    const void *bytes;    /* (n_bytes) value of a TEXT or a BLOB; borrowed */
    size_t n_bytes;       /* without a NUL at the end */
} gru4rec_id;

/*
 * The catalogue of a model: the ids and the support of its items. A row gives the id and
 * the support, and an id gives the row. Rows are numbered in the order of adding.
 */
typedef struct gru4rec_items gru4rec_items;

/*
 * Makes an empty catalogue in *out. gru4rec_items_free() frees it.
 * NOMEM: there is not enough memory.
 */
gru4rec_status gru4rec_items_new(const gru4rec_allocator *allocator, gru4rec_items **out);
void gru4rec_items_free(gru4rec_items *items);

/*
 * Adds a row for id behind the last row, with that support. The id is copied, and
 * gru4rec_items_find() finds it at once. All rows that gru4rec_items_append() has added
 * must have been indexed by gru4rec_items_index().
 * INVALID: the id is in the catalogue already; its support stays as it is. NOMEM: there
 * is not enough memory, the catalogue has 2^31 - 1 rows, or the id has 2^32 bytes or
 * more. In both cases no row is added.
 */
gru4rec_status gru4rec_items_add(gru4rec_items *items, const gru4rec_id *id,
                                 int64_t support);

/*
 * Adds a row for id behind the last row, with that support, without a check whether the
 * catalogue has the id already. The id is copied. This is faster for many ids: the caller
 * appends all of them, then calls gru4rec_items_index() once. Until then no id can be
 * looked for, and gru4rec_items_add() must not be called.
 * NOMEM: there is not enough memory, the catalogue has 2^31 - 1 rows, or the id has 2^32
 * bytes or more. No row is added then.
 */
gru4rec_status gru4rec_items_append(gru4rec_items *items, const gru4rec_id *id,
                                    int64_t support);

/*
 * Makes all ids that gru4rec_items_append() has added findable by gru4rec_items_find().
 * INVALID: an id occurs twice. INTERRUPTED: is_stopped returned true. After either of
 * these the catalogue can only be freed. NOMEM: there is not enough memory; the catalogue
 * is unchanged, and the call may be repeated.
 */
gru4rec_status gru4rec_items_index(gru4rec_items *items, bool (*is_stopped)(void *),
                                   void *context);

/* Returns I, the number of rows of the catalogue. */
int32_t gru4rec_items_count(const gru4rec_items *items);

/*
 * Returns the row of an id, or -1 if the catalogue does not have it. First it looks for
 * the same value in the same type, where a whole REAL and its INTEGER are the same. If
 * there is none, an INTEGER finds the TEXT that writes it in digits, and such a TEXT
 * finds the INTEGER. But a REAL of 2^53 or more, or of -2^53 or less, finds no INTEGER,
 * because such doubles are not exact.
 */
int32_t gru4rec_items_find(const gru4rec_items *items, const gru4rec_id *id);

/*
 * Writes the id of the item in a row of the catalogue to *id. The bytes of a text or a
 * blob are borrowed from the catalogue until a row is added or the catalogue is freed.
 */
void gru4rec_items_get(const gru4rec_items *items, int32_t row, gru4rec_id *id);

/*
 * Returns the support of each item, (I), by row: the number of its training events, and
 * what gru4rec_items_inherit() has added. The array is borrowed from the catalogue until
 * a row is added or the catalogue is freed. It may be NULL if I is 0.
 */
const int64_t *gru4rec_items_support(const gru4rec_items *items);

/*
 * Adds share times support, rounded, and limited to 0 ... 2^53, to the support of an
 * item. support is the support that the item had in an earlier model. If the catalogue
 * does not have the id, a new row is added for it with that product as its support, also
 * if the product is 0.
 * NOMEM: as gru4rec_items_add(). Nothing is added then.
 */
gru4rec_status gru4rec_items_inherit(gru4rec_items *items, const gru4rec_id *id,
                                     int64_t support, double share);

/* Returns the number of bytes of memory that the catalogue has allocated. */
size_t gru4rec_items_bytes(const gru4rec_items *items);

/* ---- events in, dataset out ---- */

/*
 * The type of a time. Integers and reals may be in any unit. If they are compared with
 * dates, they count as seconds since 1970.
 */
typedef enum gru4rec_time_type {
    GRU4REC_TIME_INTEGER,
    GRU4REC_TIME_REAL,
    GRU4REC_TIME_DATE /* field integer has nanoseconds since 1970 */
} gru4rec_time_type;

/* The time of an event. */
typedef struct gru4rec_time {
    gru4rec_time_type type;
    int64_t integer; /* value of an integer or a date */
    double real;     /* value of a real */
} gru4rec_time;

/*
 * Returns a negative number if time *a is before time *b, 0 if they are equal, and a
 * positive number if *a is after *b. The comparison is exact, also of two types, where an
 * integer or a real counts as seconds beside a date.
 */
int gru4rec_time_compare(const gru4rec_time *a, const gru4rec_time *b);

/*
 * Two functions that give a time as two doubles. gru4rec_time_real() returns the time, as
 * a double; that of a date is in seconds since 1970. gru4rec_time_rest() returns the
 * nanoseconds by which a date is later than that double (negative: earlier), because a
 * double cannot hold a date exactly; for other types it returns 0. So the pairs (real,
 * rest) of dates have the same order as the dates. Pauses between events are differences
 * of the first doubles.
 */
double gru4rec_time_real(const gru4rec_time *time);
double gru4rec_time_rest(const gru4rec_time *time);

/*
 * A collection of events, which may come in any order. An event takes 20 bytes, or 24 if
 * the argument order of some event does not fit 32 bits. It takes one byte more if the
 * times are of several types, one more if some events are old, and 4 more if numbers are
 * kept (gru4rec_events_prepare()).
 */
typedef struct gru4rec_events gru4rec_events;

/*
 * Makes an empty collection of events in *out. gru4rec_events_free() frees it.
 * known: NULL for a training, which takes every item. Otherwise the catalogue of a model,
 * borrowed until gru4rec_dataset_new() returns: an event whose item is not in the
 * catalogue is dropped when it is added, and counted in n_unknown of the dataset.
 * NOMEM: there is not enough memory.
 */
gru4rec_status gru4rec_events_new(const gru4rec_allocator *allocator,
                                  const gru4rec_items *known, gru4rec_events **out);
void gru4rec_events_free(gru4rec_events *events);

/*
 * Adds a new event; all arguments are copied. order sorts events of one session with the
 * same time: it is the rowid in the source, or the place of the event in the order that
 * the source defines. Among events with the same order too, the ids of the items decide,
 * as the events name them: numbers, then texts, then blobs; texts and blobs by their
 * bytes. If the known catalogue does not have the item, the event is dropped and counted,
 * which is no error.
 * INVALID: there are 2^32 - 1 events already; if numbers are kept, dropped events count
 * too. NOMEM: there is not enough memory, or there are more than 2^31 - 1 different
 * sessions or items. In both cases the event is not added.
 */
gru4rec_status gru4rec_events_add(gru4rec_events *events, const gru4rec_id *session,
                                  const gru4rec_id *item, const gru4rec_time *time,
                                  int64_t order, gru4rec_error *error);

/*
 * Two functions for a training on new events only, which takes the sessions of these
 * events whole:
 *   1. call gru4rec_events_expect() for each session that will have a new event;
 *   2. add all events in any order: new events by gru4rec_events_add(), old events by
 *      gru4rec_events_add_old().
 * gru4rec_events_expect() notes that the session is expected; the id is copied.
 * gru4rec_events_add_old() adds an old event only if its session was expected or has an
 * event already. It drops any other old event and counts it in n_old of the dataset,
 * which is no error. If gru4rec_events_expect() was called at least once,
 * gru4rec_dataset_new() drops, and counts in n_old, all events of each session that has
 * no new event. If sessions are cut into parts, each part is such a session.
 * INVALID and NOMEM: as gru4rec_events_add(); gru4rec_events_expect() returns NOMEM only.
 * The session is not expected then, or the event is not added.
 */
gru4rec_status gru4rec_events_expect(gru4rec_events *events, const gru4rec_id *session,
                                     gru4rec_error *error);
gru4rec_status gru4rec_events_add_old(gru4rec_events *events, const gru4rec_id *session,
                                      const gru4rec_id *item, const gru4rec_time *time,
                                      int64_t order, gru4rec_error *error);

/*
 * How events are prepared before they become sessions of a dataset. The steps are made in
 * the order of the fields up to validation. If all fields are zero, no event is dropped,
 * no session is cut or held out, and neither times nor numbers are kept.
 */
typedef struct gru4rec_preparation {
    /*
     * A pause longer than this begins a new session: in seconds for dates, else in the
     * unit of the times. 0: no pause does.
     */
    double session_gap;
    bool collapse_repeats; /* of consecutive events of one item only the first stays */
    int64_t max_length;    /* a session of more events is long; 0: no session is long */
    gru4rec_long_sessions long_sessions; /* what happens to long sessions */
    /*
     * Sessions with fewer than min_length events, then all events of items with fewer
     * than min_support events, are dropped, in turn, until neither rule drops anything.
     */
    int64_t min_support;
    int64_t min_length;
    bool leaves_single; /* sessions of one event are dropped with the short ones */
    /*
     * Share of the sessions, from 0 to below 1, that is held out: those visited last. It
     * is used only if there is no known catalogue.
     */
    double validation;
    int32_t n_groups;   /* the sessions are divided among so many groups; 0 or 1: not */
    bool keeps_times;   /* the dataset gets the times of its events */
    bool keeps_numbers; /* the dataset gets the numbers of its events */
} gru4rec_preparation;

/*
 * Sets how gru4rec_dataset_new() will prepare the events; *preparation is copied, and
 * replaces an earlier one. Without this call, all its fields are zero. If keeps_numbers
 * is set, call this before the first event is added. The number of an event is how many
 * events were given to gru4rec_events_add() and gru4rec_events_add_old() before it,
 * including those that were dropped. It cannot fail.
 */
void gru4rec_events_prepare(gru4rec_events *events,
                            const gru4rec_preparation *preparation);

/*
 * Sessions one after another in visiting order, which is the order of (first time,
 * session id). The events of a session are in the order of (time, order, item).
 * gru4rec_dataset_free() frees the dataset with all its arrays.
 */
typedef struct gru4rec_dataset {
    gru4rec_allocator allocator; /* all memory of the dataset is from it */
    int64_t n_sessions;          /* without the held-out ones */
    int64_t n_events;            /* in these sessions */
    int64_t n_single;  /* those sessions that have one event, so nothing to predict */
    int64_t n_unknown; /* events dropped because the catalogue does not have their item */
    int64_t n_old;     /* events dropped because their session or part has no new event */
    int64_t n_arbitrary; /* events that only their item puts behind the event before: both
                          * have the same time and order; also of those dropped below */
    int64_t n_repeats;   /* events dropped because the event before has the same item */
    int64_t n_rare;      /* events dropped by min_support */
    int64_t n_short;     /* events dropped with their sessions by min_length */
    int64_t n_dropped; /* events dropped by long_sessions: "drop" or GRU4REC_LONG_LAST */
    int64_t n_long;    /* sessions (or parts between pauses) longer than max_length, which
                        * were cut, dropped or shortened */
    int64_t n_left;    /* sessions that leaves_single dropped */
    /*
     * Earliest time of all events but those that n_unknown and n_old count; also of
     * events that were dropped for another reason.
     */
    gru4rec_time first;
    /*
     * Earliest time of the held-out sessions. It is set only if there are any and the
     * sessions are visited by time; else it is all zero.
     */
    gru4rec_time held_out;
    /*
     * The held-out sessions, without times and numbers; owned. NULL: validation was 0, or
     * there was a known catalogue.
     */
    struct gru4rec_dataset *validation;
    /*
     * Held-out sessions that still stand behind the others in the arrays below.
     */
    int64_t n_behind;
    int64_t *places;    /* (n_sessions) gru4rec_dataset_unite(): the place of each session
                      * among those of all ranks, in visiting order; NULL: no ranks */
    int32_t *item_rows; /* (n_events) row of each event's item */
    uint32_t *numbers;  /* (n_events) see gru4rec_events_prepare(); NULL: not kept */
    int64_t *offsets;   /* (n_sessions + 1) event at which each session begins, and
                         * n_events at the end */
    double *times;      /* (n_events) as gru4rec_time_real() gives them; NULL: not kept */
    int32_t n_groups;   /* groups that the sessions are divided among; 0: they are not */
    int32_t *groups;    /* (n_sessions) the group of each session, from 0, as
                      * gru4rec_shard_of() gives it; NULL: not divided. Held-out sessions
                      * never are. */
} gru4rec_dataset;

/*
 * Sorts the collected events into sessions, prepares them (gru4rec_events_prepare()), and
 * puts the result into *dataset, which the caller frees. by_time true: sessions are
 * visited in the order of their first times; false: in the order of their ids. If the
 * events have no known catalogue, this function makes one in *items, which the caller
 * frees too: its rows are numbered by first appearance in visiting order. It also moves
 * held-out sessions to (*dataset)->validation; the catalogue does not count them, and
 * their events of other items are dropped. If there is a known catalogue, *items is NULL,
 * and no session is held out. The events are used up, also by a failure. After a success
 * they can still be asked for sessions and fingerprints; otherwise they can only be
 * freed.
 * NOMEM: there is not enough memory. INTERRUPTED: is_stopped returned true.
 */
gru4rec_status gru4rec_dataset_new(gru4rec_events *events, bool by_time,
                                   bool (*is_stopped)(void *), void *context,
                                   gru4rec_dataset **dataset, gru4rec_items **items);

struct gru4rec_ranks; /* defined below */

/*
 * Does what gru4rec_dataset_new() does in each of several processes (ranks), each of
 * which has whole sessions of its own. The result is that of one process with all events:
 * its catalogue, with the support in all of them; its held-out sessions, which all ranks
 * get; and its first and held_out. Otherwise the dataset has the sessions of this rank,
 * and the counts of what was dropped here. min_support and validation count over all
 * ranks. Only agree of ranks is called. ranks NULL: there are no other processes. The
 * events must have no known catalogue then.
 * *error gets a message, if it is not NULL, when an exchange fails or when INVALID is
 * returned: the same session is on two ranks, which the message names. NOMEM,
 * INTERRUPTED: as for gru4rec_dataset_new(). Also any status of agree. A rank whose call
 * has failed makes no more exchanges, so the caller must make those of the others fail.
 */
gru4rec_status gru4rec_dataset_unite(gru4rec_events *events, bool by_time,
                                     const struct gru4rec_ranks *ranks,
                                     bool (*is_stopped)(void *), void *context,
                                     gru4rec_dataset **dataset, gru4rec_items **items,
                                     gru4rec_error *error);

/*
 * Gives a rank the sessions of all ranks, with whom it has made the dataset by
 * gru4rec_dataset_unite(): the dataset then has the sessions, the events and the times
 * that it would have in one process with all events. The counts of what was dropped stay
 * those of this rank. The dataset must have neither groups nor numbers. ranks NULL: there
 * are no other processes, and the dataset, which may have groups, stays as it is. NOMEM,
 * INTERRUPTED, or any status of agree; the dataset is unchanged then. See above for the
 * error and the other ranks.
 */
gru4rec_status gru4rec_dataset_complete(gru4rec_dataset *dataset,
                                        const struct gru4rec_ranks *ranks,
                                        bool (*is_stopped)(void *), void *context,
                                        gru4rec_error *error);

/*
 * Changes the item rows of a dataset, in place, from those of the catalogue items to
 * those of the catalogue known, where the same ids are. Events of items that known does
 * not have are dropped and added to n_unknown. Sessions that have no event left are
 * dropped. n_sessions, n_events and n_single change accordingly. The held-out sessions
 * (dataset->validation) are not mapped.
 * NOMEM: there is not enough memory. The dataset is unchanged then.
 */
gru4rec_status gru4rec_dataset_map(gru4rec_dataset *dataset, const gru4rec_items *items,
                                   const gru4rec_items *known);

/*
 * Returns a hash of all that a training sees of the events: the item rows of the
 * sessions, also of the held-out ones, in visiting order, and the items' ids. If the sum
 * of the items' support is not n_events (gru4rec_items_inherit()), the hash is also of
 * their support. Times are not in the hash.
 */
uint64_t gru4rec_dataset_fingerprint(const gru4rec_dataset *dataset,
                                     const gru4rec_items *items);

/* Returns the number of bytes that the dataset takes, including its held-out sessions. */
size_t gru4rec_dataset_bytes(const gru4rec_dataset *dataset);

/*
 * Returns which of n_shards (at least 1) parts the session with this id belongs to, from
 * 0. The result depends on nothing else: it is the same in every process and on every
 * machine, and will stay so. It comes from a hash with a fixed key (src/data/shard.c), so
 * the parts are about equally large. An INTEGER, a REAL and a TEXT that stand for the
 * same whole number belong to the same part, and so do a TEXT and a BLOB of the same
 * bytes. A dataset whose preparation has n_groups is divided by it, and a program that
 * trains in several processes can divide its events by it.
 */
int32_t gru4rec_shard_of(const gru4rec_id *session, int32_t n_shards);

/* Frees the dataset, which may be NULL, and its held-out sessions. */
void gru4rec_dataset_free(gru4rec_dataset *dataset);

/*
 * Writes to *id the id of the session at a place in visiting order, from 0. If it is a
 * part of a session that was cut, *id is the id of the whole session. A dataset must have
 * been made of the events. The bytes of a text or a blob are borrowed from the events
 * until gru4rec_events_free().
 */
void gru4rec_events_session(const gru4rec_events *events, int64_t place, gru4rec_id *id);

/* ---- the latest sessions, which a model that blends keeps ---- */

/*
 * Makes *recent, a dataset for gru4rec_latest_new() in place of this one, which is a part
 * of several processes (gru4rec_dataset_unite()): it has the sessions of all of them that
 * can be among the latest with n_most events, in visiting order, with times. So the
 * result is that of one process with all sessions. The dataset must have times. The
 * caller frees *recent. NOMEM, INTERRUPTED, or any status of agree. See
 * gru4rec_dataset_unite() for the error and the other ranks.
 */
gru4rec_status gru4rec_latest_unite(const gru4rec_dataset *dataset, int64_t n_most,
                                    const struct gru4rec_ranks *ranks,
                                    bool (*is_stopped)(void *), void *context,
                                    gru4rec_dataset **recent, gru4rec_error *error);

/*
 * Copies the latest sessions of two datasets into a new dataset *latest: the youngest
 * sessions that together have n_most events (at least 1), or all if they have fewer. The
 * oldest of them comes first. A session is younger if its last event is later. The oldest
 * session loses its first events if there would be more than n_most. In (*latest)->times,
 * every event has the time of the last event of its session. The caller frees *latest by
 * gru4rec_dataset_free().
 *   dataset  the sessions of this training, with times; unchanged
 *   before   the latest sessions of the trainings before, as this function made them,
 *            with rows of the same catalogue; unchanged. A session of before is left out
 *            if a session of dataset begins with the same items, and the last of these
 *            has the same time: then the session goes on there. Each session of dataset
 *            replaces at most one, the longest. before may be NULL.
 * NOMEM: there is not enough memory. INTERRUPTED: is_stopped returned true.
 */
gru4rec_status gru4rec_latest_new(const gru4rec_allocator *allocator,
                                  const gru4rec_dataset *dataset,
                                  const gru4rec_dataset *before, int64_t n_most,
                                  bool (*is_stopped)(void *), void *context,
                                  gru4rec_dataset **latest);

/*
 * Makes in *latest a dataset with n_sessions sessions and n_events events, whose offsets,
 * item_rows and times are allocated and zeroed. The caller fills these arrays, and frees
 * the dataset by gru4rec_dataset_free(). allocator must not be NULL.
 * NOMEM: there is not enough memory.
 */
gru4rec_status gru4rec_latest_room(const gru4rec_allocator *allocator, int64_t n_sessions,
                                   int64_t n_events, gru4rec_dataset **latest);

/* Returns the number of bytes that gru4rec_latest_room() allocates for such a dataset. */
size_t gru4rec_latest_bytes(int64_t n_sessions, int64_t n_events);

/* ---- fingerprints: which sessions a model was trained on ---- */

/*
 * The key of fingerprints: 128 bits that nobody can predict. Fingerprints can be compared
 * only if they were made with the same key.
 */
typedef struct gru4rec_fingerprints_key {
    uint64_t a, b;
} gru4rec_fingerprints_key;

/*
 * The kinds of fingerprints (hashes of 45 bits) that a session has, each made from
 * another part of the session, and their number.
 */
typedef enum gru4rec_fingerprints_kind {
    /* Of its id; with session_gap, of its id and its first time. */
    GRU4REC_FINGERPRINTS_ID,
    GRU4REC_FINGERPRINTS_EVENTS, /* of its items and times, if it has 2 events or more */
    GRU4REC_FINGERPRINTS_ITEMS,  /* of its items in order, if it has 3 events or more */
    GRU4REC_FINGERPRINTS_KINDS
} gru4rec_fingerprints_kind;

/*
 * A set of fingerprints of one kind in its stored form, which src/data/fingerprints.c
 * describes.
 */
typedef struct gru4rec_fingerprints_set {
    uint64_t n;                 /* different fingerprints in the set */
    const unsigned char *bytes; /* (n_bytes) borrowed from the stored fingerprints */
    uint64_t n_bytes;
} gru4rec_fingerprints_set;

/*
 * Number of classes of sessions by their number of events: a class for each of 3, 4, ...
 * 10 events, one for 11 to 20 events, and one for more. Shorter sessions have no class.
 */
enum { GRU4REC_FINGERPRINTS_CLASSES = 10 };

/*
 * Numbers of sessions of one class (GRU4REC_FINGERPRINTS_CLASSES) in the trainings of a
 * model: the last one, and those from which it went on. A session counts in the first
 * training that has it. They tell how often two sessions have the same items by chance.
 */
typedef struct gru4rec_fingerprints_length {
    uint64_t n; /* sessions of this class */
    /*
     * Sessions of n whose items, in order, another session has too: one of the same
     * training or of an earlier one.
     */
    uint64_t n_twins;
    /*
     * n_last: the sessions of n that are among the last tenth of their training, in
     * visiting order. n_last_twins: the sessions of n_last whose items, in order, a
     * session before that tenth has, in the same training or in an earlier one.
     */
    uint64_t n_last, n_last_twins;
} gru4rec_fingerprints_length;

/*
 * What a model keeps of the sessions that it was trained on: about ten bytes for each
 * session, as gru4rec_fingerprints_read() reads them. One can ask whether a session is
 * among them, but cannot list the sessions.
 */
typedef struct gru4rec_fingerprints {
    gru4rec_fingerprints_key key; /* the key of all fingerprints in the sets */
    gru4rec_fingerprints_set sets[GRU4REC_FINGERPRINTS_KINDS]; /* by kind */
    bool is_partial; /* sessions of trainings before the last one are missing, or were cut
                      * by other rules than those of the last one */
    /* Hash of the options that cut the sessions of the last training into pieces. */
    uint64_t rules;
    /* By class: counts of the sessions of the last training. */
    gru4rec_fingerprints_length lengths[GRU4REC_FINGERPRINTS_CLASSES];
} gru4rec_fingerprints;

/*
 * The result of gru4rec_fingerprints_find(): how many of the sessions that it looked for
 * are in the fingerprints of a model. For each kind of fingerprint, a session that was
 * not trained on counts as found with a probability below 1e-4, because two hashes are
 * equal by chance. By its items it is also found if a session with the same items was
 * trained on (chance).
 */
typedef struct gru4rec_fingerprints_found {
    int64_t sessions; /* sessions that were looked for */
    int64_t trained;  /* sessions found by their id, by their events, or by both */
    int64_t ids;      /* sessions found by their id */
    int64_t events;   /* sessions found by their events (items and times) */
    int64_t n_paired; /* sessions of 2 events or more: only they can be found by events */
    int64_t items;    /* sessions found by their items */
    int64_t n_long;   /* sessions of 3 events or more: only they can be found by items */
    int64_t first;    /* place in visiting order of the first session that trained counts;
                       * -1: there is none */
    bool is_partial;  /* earlier trainings are missing, or their sessions or those of this
                       * dataset were cut by other rules than those of the last training:
                       * not all sessions that were trained on can be found */
    /*
     * By class: n, the sessions that were looked for, and n_found, those of them that
     * were found by their items.
     */
    struct {
        int64_t n, n_found;
    } lengths[GRU4REC_FINGERPRINTS_CLASSES];
    double chance; /* number of sessions that are likely to be found by their items
                    * although they were not trained on */
    double excess; /* sessions found by their items in addition to chance; 0: chance may
                    * explain all of them */
} gru4rec_fingerprints_found;

/*
 * Notes in the events that gru4rec_dataset_new(), which is called later, must make
 * fingerprints of their sessions with this key, which is copied. That function makes them
 * after the sessions are cut, and before repeats, long or short sessions and rare items
 * are dropped. They take 32 bytes for each session until the events are freed. Without
 * this call, no fingerprints are made.
 */
void gru4rec_fingerprints_start(gru4rec_events *events,
                                const gru4rec_fingerprints_key *key);

/*
 * Returns the fingerprint of this kind of the session at a place in visiting order, from
 * 0; or 0, if the session is too short to have one. A part that was cut from a session is
 * a session here. gru4rec_fingerprints_start() must have been called, and then
 * gru4rec_dataset_new().
 */
uint64_t gru4rec_fingerprints_of(const gru4rec_events *events, int64_t place,
                                 gru4rec_fingerprints_kind kind);

/*
 * Puts into *bytes (*n_bytes) the stored form of the fingerprints of the sessions at the
 * first n_sessions places of the visiting order, united with the fingerprints in *before,
 * which must have the same key. The field lengths of the result counts only the sessions
 * of these events. The field is_partial of the result is that of before; it is true in
 * any case if the sessions of before were cut by other rules. If before is NULL, nothing
 * is united, and the field is the argument is_partial, which is not used otherwise.
 * *bytes comes from the allocator of the events, and the caller frees it by the
 * allocator's function resize.
 * NOMEM: there is not enough memory. INTERRUPTED: is_stopped returned true. INVALID:
 * before is damaged. *bytes is NULL after each of these.
 */
gru4rec_status gru4rec_fingerprints_new(const gru4rec_events *events, int64_t n_sessions,
                                        const gru4rec_fingerprints *before,
                                        bool is_partial, bool (*is_stopped)(void *),
                                        void *context, void **bytes, size_t *n_bytes);

/*
 * Gives each of several processes the fingerprints of the sessions of all of them, in the
 * visiting order of all, for gru4rec_fingerprints_new(). gru4rec_dataset_unite() must
 * have made the dataset, with as many ranks. *n_united: out, the number of sessions of
 * all datasets. Afterwards the events cannot be asked for ids of sessions any more. ranks
 * NULL: does nothing, and *n_united is the number of sessions of the dataset.
 * NOMEM, INTERRUPTED, or any status of agree; then the events can only be freed. See
 * gru4rec_dataset_unite() for the error and the other ranks.
 */
gru4rec_status gru4rec_fingerprints_unite(gru4rec_events *events,
                                          const gru4rec_dataset *dataset,
                                          const struct gru4rec_ranks *ranks,
                                          bool (*is_stopped)(void *), void *context,
                                          int64_t *n_united, gru4rec_error *error);

/*
 * Fills *fingerprints from their stored form, bytes (n_bytes), and returns true. The
 * bytes are borrowed as long as *fingerprints is used. Returns false if bytes is NULL, or
 * if the bytes are no fingerprints or are damaged: *fingerprints must not be used then.
 */
bool gru4rec_fingerprints_read(gru4rec_fingerprints *fingerprints, const void *bytes,
                               size_t n_bytes);

/*
 * Looks in the fingerprints of a model for the sessions at the first n_sessions places of
 * the visiting order of the events, counts those that it finds, and fills *found. The
 * sessions' own fingerprints must have been made with the key of the model's
 * (gru4rec_fingerprints_start()).
 * NOMEM: there is not enough memory. INTERRUPTED: is_stopped returned true. INVALID: the
 * fingerprints of the model are damaged. After a failure *found must not be used.
 */
gru4rec_status gru4rec_fingerprints_find(const gru4rec_events *events, int64_t n_sessions,
                                         const gru4rec_fingerprints *fingerprints,
                                         bool (*is_stopped)(void *), void *context,
                                         gru4rec_fingerprints_found *found);

/* ---- audits: what is striking about events ---- */

/* What gru4rec_audit_events() finds in events as they were collected. */
typedef struct gru4rec_audit {
    int64_t events, sessions, items; /* how many there are */
    int64_t single;                  /* sessions of one event */
    int64_t repeats;    /* events whose item is that of the event before in the session */
    int64_t tied;       /* events whose time is that of the event before in the session */
    int64_t arbitrary;  /* tied events with another item and the same order: the items
                         * alone decide which event comes first */
    int64_t duplicates; /* events whose session, time and item an earlier event has */
    int64_t once;       /* items of one event */
    int64_t top;        /* events of the 20 most frequent items */
    int64_t blank;      /* events whose session or item is white space, not empty */
    /*
     * Items whose id is alike to that of an item added before: the same but for its type,
     * its case in ASCII or the white space around it (that of ASCII, no-break and
     * ideographic space, byte order mark). A REAL is compared by 15 digits. The first of
     * such items is not counted. An id that is empty or only white space is alike to
     * none.
     */
    int64_t alike_items;
    int64_t alike_sessions; /* sessions, counted in the same way */
    int64_t median_length;  /* median number of events of a session */
    /*
     * Number of sessions of at least 100 events that are more than 20 times as long as
     * median_length, and number of their events.
     */
    int64_t long_sessions, long_events;
    /*
     * Number of sessions of at least 20 events whose mean pause is less than a 20th of
     * the median of all mean pauses, and number of their events.
     */
    int64_t fast_sessions, fast_events;
    int64_t spanning; /* sessions of more than a day; 0 if the day is not known */
    /*
     * The pause that separates two visits, as the pauses suggest, in the unit of the
     * times (dates: seconds). 0: they suggest none, or the day is not known.
     */
    double gap;
    /*
     * Ids of examples: the longest of the long sessions, one of the fast sessions, the
     * spanning session with the longest span, two items whose ids are alike, two sessions
     * whose ids are. Their bytes are borrowed from the events. If there is no example,
     * the id is a TEXT with bytes NULL.
     */
    gru4rec_id long_session, fast_session, wide_session, alike_item[2], alike_session[2];
} gru4rec_audit;

/*
 * Counts what is striking about the events, and fills *audit. No session is cut and no
 * event dropped for that, whatever gru4rec_events_prepare() says. day is the length of a
 * day in the unit of the times (dates: seconds); 0: not known. The events stay as they
 * are, so a dataset can be made of them later, but not before. gru4rec_events_expect()
 * must not have been called for them.
 * NOMEM: there is not enough memory. INTERRUPTED: is_stopped returned true. After a
 * failure *audit must not be used.
 */
gru4rec_status gru4rec_audit_events(gru4rec_events *events, double day,
                                    bool (*is_stopped)(void *), void *context,
                                    gru4rec_audit *audit);

/* ---- the session-parallel schedule, to look at ---- */

/* The mini-batches of one epoch, in the order in which a training takes them. */
typedef struct gru4rec_schedule gru4rec_schedule;

/*
 * The lanes of one step, each of which takes one event of its session. Each array has an
 * element for each of the n lanes. The arrays are borrowed from the schedule until the
 * next gru4rec_schedule_next() or gru4rec_schedule_free().
 */
typedef struct gru4rec_lanes {
    int32_t n;              /* M, the live lanes of the step */
    const int64_t *session; /* (n) place of the lane's session in visiting order */
    const int32_t *input;   /* (n) item row of the event that goes into the network */
    const int32_t *target;  /* (n) item row of the event behind it, to be predicted */
    const int32_t *from;    /* (n) lane of the step before whose hidden state the lane
                             * goes on from; -1: the zero state, for a new session */
} gru4rec_lanes;

/*
 * Makes in *out the schedule of one epoch over a dataset, as the options batch_size,
 * n_sample and whole_sessions define it; train_random_order is ignored. It stands before
 * the first step. The dataset is borrowed until gru4rec_schedule_free().
 * NOMEM: there is not enough memory.
 */
gru4rec_status gru4rec_schedule_new(const gru4rec_allocator *allocator,
                                    const gru4rec_dataset *dataset,
                                    const gru4rec_options *options,
                                    gru4rec_schedule **out);
void gru4rec_schedule_free(gru4rec_schedule *schedule);

/*
 * Goes to the next step of the epoch (the first call: to the first step), fills *lanes
 * with its lanes, and returns true. Sessions of one event are passed over. At the end of
 * the epoch it returns false and sets lanes->n to 0, now and at each further call. If
 * n_sample is 0, the epoch ends as soon as only one lane still has a session: that lane
 * would have no negatives.
 */
bool gru4rec_schedule_next(gru4rec_schedule *schedule, gru4rec_lanes *lanes);

/* ---- the model ---- */

/*
 * A model: the weights of a network, and the sizes and options that running the network
 * needs. Some tensors of the weights have a fixed size, others a row for each item.
 */
typedef struct gru4rec_model gru4rec_model;

/*
 * Allocates a model for n_items items in *out, whose weights are all zero. options must
 * be resolved. The model copies what it needs of them: the sizes and kinds of its layers,
 * how items are embedded, the activations of the hidden and dense layers, whether biases
 * are trained, and collapse_repeats and max_length, by which gru4rec_session works.
 * NOMEM: there is not enough memory; *out is NULL.
 */
gru4rec_status gru4rec_model_new(const gru4rec_allocator *allocator,
                                 const gru4rec_options *options, int32_t n_items,
                                 gru4rec_model **out, gru4rec_error *error);
void gru4rec_model_free(gru4rec_model *model);

/*
 * Returns the bytes of all weights of a model with these options, which must be resolved,
 * without anything else that the model takes; SIZE_MAX if a size_t cannot hold them. A
 * program that reads a model from a file can compare this with the size of the file
 * before it allocates anything.
 */
size_t gru4rec_model_value_bytes(const gru4rec_options *options, int32_t n_items);

/*
 * Overwrites all weights of the model: gives it random weights, and biases of zero. The
 * weights are uniform in [-s, s], or normal with standard deviation s if init_as_normal
 * is set. s is the option sigma; if sigma is 0, s = sqrt(6 / (rows + cols)) of the tensor
 * or, in a GRU layer, of the block of one gate. The random numbers depend only on option
 * seed. Of the options, only seed, sigma and init_as_normal are read.
 */
void gru4rec_model_init(gru4rec_model *model, const gru4rec_options *options);

/* Returns the number of bytes of memory that the model takes, its weights included. */
size_t gru4rec_model_bytes(const gru4rec_model *model);

/* A tensor of a model: a matrix or a vector of its weights. */
typedef struct gru4rec_tensor {
    const char *name; /* in the official PyTorch state dictionary; owned by the model */
    int32_t n_dims;   /* 2: a matrix; 1: a vector */
    int64_t dims[2];  /* rows and columns; dims[1] is 1 if n_dims is 1 */
    size_t n_values;  /* dims[0] dims[1] */
    gru4rec_real *values; /* (dims) owned by the model */
} gru4rec_tensor;

/* Returns the number of tensors of the model; their indexes begin at 0. */
size_t gru4rec_model_tensor_count(const gru4rec_model *model);

/*
 * Fills *tensor with the tensor of the model with this index, from 0. tensor->values are
 * the weights of the model itself, not a copy: the caller may change them, and they are
 * valid until gru4rec_model_free(). It cannot fail.
 */
void gru4rec_model_tensor(const gru4rec_model *model, size_t index,
                          gru4rec_tensor *tensor);

/*
 * Returns the output weights of the item in this row, (*width), which are owned by the
 * model, and sets *width to D, the width of the top layer.
 */
const gru4rec_real *gru4rec_model_item(const gru4rec_model *model, int32_t row,
                                       size_t *width);

/*
 * Tells whether all of values (n), such as those of a tensor, are finite: none is NaN or
 * infinite.
 */
bool gru4rec_model_are_finite(const gru4rec_real *values, size_t n);

/*
 * Looks through all weights of the model. Returns the name of the first tensor that has a
 * NaN or an infinite value; NULL if all weights are finite.
 */
const char *gru4rec_model_nonfinite(const gru4rec_model *model);

/* ---- training ---- */

/*
 * How far a training or an evaluation has come, for the hook poll. An evaluation counts
 * as one epoch, and its loss is NaN. A comparison only sets epoch and n_epochs, to 1, and
 * loss, to NaN.
 */
typedef struct gru4rec_progress {
    int64_t epoch; /* the epoch at work, from 1 */
    int64_t n_epochs;
    int64_t step;         /* steps done in this epoch */
    int64_t events;       /* targets done in this epoch: one for each lane of a step */
    int64_t total_events; /* targets of a whole epoch, at most */
    /* Mean loss of a target of this epoch so far; NaN before its first step. */
    double loss;
} gru4rec_progress;

/* What an epoch of a training did, for the hook epoch. */
typedef struct gru4rec_epoch {
    int64_t epoch;   /* number of the epoch, from 1 */
    int64_t steps;   /* mini-batches of this epoch */
    int64_t updates; /* updates of the weights since the training's first epoch */
    /*
     * Steps of this epoch with less than half of the lanes that the training has: option
     * batch_size, or the number of sessions if that is smaller; of all groups together.
     */
    int64_t narrow;
    int64_t events; /* targets of this epoch: one for each lane of a step */
    double loss;    /* mean loss of a target */
    double cost;    /* sum of cost x lanes / sum of lanes, as the official tools print */
    double recall, mrr; /* at 20, on the held-out sessions; NAN: there are none */
} gru4rec_epoch;

/*
 * What a training keeps beside the weights. Each slot has the shape of the model: first
 * the slots of the optimiser (see optim.h), then the weights of the best epoch.
 */
typedef enum gru4rec_slot {
    GRU4REC_SLOT_ACC,      /* accumulator; exists with all optimisers but sgd */
    GRU4REC_SLOT_ACC2,     /* second accumulator; exists with adadelta and adam */
    GRU4REC_SLOT_VELOCITY, /* velocity; exists if option momentum is above 0 */
    GRU4REC_SLOT_BEST, /* weights of the best epoch; exists if validation is above 0 */
    GRU4REC_N_SLOTS,   /* number of slots */
    GRU4REC_N_OPTIMISER_SLOTS = GRU4REC_SLOT_BEST /* number of those of the optimiser */
} gru4rec_slot;

/*
 * Returns the name of a slot, a constant of the library: "acc", "acc2", "velocity" or
 * "best".
 */
const char *gru4rec_training_slot_name(gru4rec_slot slot);

/*
 * All that a training changes. If the caller stores it after an epoch, the training can
 * go on from there later (gru4rec_training_continue()).
 */
typedef struct gru4rec_training {
    gru4rec_model *model;                 /* owned */
    gru4rec_model *slot[GRU4REC_N_SLOTS]; /* owned; NULL: the options need no such slot */
    int64_t updates;                      /* updates of the weights so far */
} gru4rec_training;

/*
 * Fills *training with a new model for n_items items, and with the slots that the options
 * need. All their values are zero: gru4rec_model_init() gives the model its first
 * weights. options must be resolved. gru4rec_training_free() frees the model and slots.
 * NOMEM: there is not enough memory. *training is all zero then.
 */
gru4rec_status gru4rec_training_new(const gru4rec_allocator *allocator,
                                    const gru4rec_options *options, int32_t n_items,
                                    gru4rec_training *training, gru4rec_error *error);

/*
 * Frees the model and the slots, and sets *training to zero. *training itself belongs to
 * the caller. Accepts NULL.
 */
void gru4rec_training_free(gru4rec_training *training);

/*
 * Returns the bytes that the model and the slots of gru4rec_training_new() take for these
 * options and n_items items.
 */
size_t gru4rec_training_bytes(const gru4rec_options *options, int32_t n_items);

/*
 * Returns the precision in which a training with these options multiplies on this
 * processor: option precision, or, if that is auto, what a rule chooses that depends on
 * the loss, the widths of the layers and the kernels (gru4rec_bfloat16_kernels()).
 * gru4rec_train() chooses in the same way.
 */
gru4rec_precision gru4rec_precision_of(const gru4rec_options *options);

/*
 * Copies the weights of the model other into model, for a warm start; both may also be
 * the same slot of two trainings. items is the catalogue of model, other_items that of
 * other. Tensors that have no row for each item are copied whole. Of the others, the rows
 * of those items of model are copied that other_items has too (gru4rec_items_find()); the
 * other rows of model stay as they are. If option biases is false, biases that therefore
 * stay zero are not copied.
 * INVALID: the models have different layers, embeddings or cells. Nothing is copied then.
 */
gru4rec_status gru4rec_training_adopt(gru4rec_model *model, const gru4rec_items *items,
                                      const gru4rec_model *other,
                                      const gru4rec_items *other_items,
                                      gru4rec_error *error);

/*
 * Sets training->updates, the number of updates that the weights and the slots have had.
 * Call it after stored values were copied into the model and the slots: the bias
 * correction of adam depends on this number. It changes nothing else.
 */
void gru4rec_training_continue(gru4rec_training *training, int64_t updates);

/* ---- training over several processes ---- */

/* An array of values that are added up over processes. */
typedef struct gru4rec_block {
    gru4rec_real *values; /* (n) */
    size_t n;
    /*
     * The values are bfloat16: float32 whose lower 16 bits are 0, so it is enough to send
     * two bytes of each. The sums must be rounded by gru4rec_round_bfloat16(). All blocks
     * of a call have the same.
     */
    bool is_bfloat16;
} gru4rec_block;

/*
 * Rounds values (n) to bfloat16: to the nearest float32 whose lower 16 bits are 0; of two
 * that are equally near, to the one whose last bit is 0. NaN stays NaN.
 */
void gru4rec_round_bfloat16(gru4rec_real *values, size_t n);

/*
 * A training over n_ranks processes, which are called ranks, and how they exchange data.
 * Each rank calls gru4rec_train() with the sessions of its own part, and with the same
 * options, the same catalogue and support (of the union of all parts), and the same
 * weights and slots. All of them end with the same weights, to the bit: those of a
 * training in one process with the option groups = n_ranks, whose group g has the
 * sessions of rank g, in the same order.
 *
 * With option sync_steps above 1, each rank trains a copy of the model by itself for so
 * many updates. Then they merge: agree, one gather, and one or more sums.
 *
 * All ranks call the functions in the same order. Each function waits until all ranks
 * have called it. *stop is, on entry, whether this rank wants to stop; on return whether
 * any rank wants to, which is the same on all ranks. If it is true, nothing else that the
 * function returns is used, and the training ends with INTERRUPTED on all ranks. If a
 * function does not return OK, the training ends with its status, and calls none of the
 * functions again: so a function that fails on one rank must fail on all of them. error
 * may be NULL. The functions are called from the thread that called gru4rec_train(), with
 * context as first argument. None of them but memory may be NULL.
 */
typedef struct gru4rec_ranks {
    int32_t n_ranks; /* R, at least 1 */
    int32_t rank;    /* this process: 0 ... R - 1 */
    /*
     * Gathers the lanes of a step. In: targets and inputs (m), item rows of this rank's
     * lanes; m is 0 if it has run out. In the first call of a training, which only tells
     * whether all ranks can begin, m is 0 and both arrays are NULL. Out: *counts (R), the
     * m of each rank; *all_targets and *all_inputs (sum of counts), the items of all
     * ranks, in the order of the ranks. These arrays belong to the hook until its next
     * call. In a merge, the arrays are two lists of items of any length m.
     */
    gru4rec_status (*gather)(void *context, const int32_t *targets, const int32_t *inputs,
                             int32_t m, const int32_t **counts,
                             const int32_t **all_targets, const int32_t **all_inputs,
                             bool *stop, gru4rec_error *error);
    /*
     * Returns memory for n values, of any content, aligned to 64 bytes, in which sum can
     * add up blocks without copies; or NULL, if the hooks have none: on all ranks, or on
     * none. n is the same on all ranks. A training calls it once, before its first step,
     * and puts the same blocks into the same places on all ranks. The memory belongs to
     * the hooks, and is used until the training ends. memory itself may be NULL.
     */
    gru4rec_real *(*memory)(void *context, size_t n);
    /*
     * Adds up blocks (n_blocks), value by value, over the ranks: that of rank 0 plus that
     * of rank 1, plus that of rank 2, and so on, in the precision of the values. The
     * sizes of the blocks are the same on all ranks. losses (n_losses) are added up in
     * the same way. A rank without lanes gives zeros, which are added like other values.
     * All ranks get the same bits, in place of their own parts.
     */
    gru4rec_status (*sum)(void *context, const gru4rec_block *blocks, size_t n_blocks,
                          double *losses, size_t n_losses, bool *stop,
                          gru4rec_error *error);
    /*
     * Gathers rows (sum of counts, width), of which counts (R) belong to each rank, in
     * the order of the ranks: in, this rank's rows stand in their place; out, all do.
     */
    gru4rec_status (*share_rows)(void *context, gru4rec_real *rows, const int32_t *counts,
                                 size_t width, bool *stop, gru4rec_error *error);
    /*
     * Gathers n bytes of each rank: own (n), all (R,n). A training calls it twice at its
     * start and twice after each epoch, and at the beginning of each merge.
     */
    gru4rec_status (*agree)(void *context, const void *own, size_t n, void *all,
                            gru4rec_error *error);
    void *context;
} gru4rec_ranks;

/*
 * Functions of the caller. The library calls them from the thread that called it, with
 * context as first argument. Each may be NULL (but see validate), and so may a pointer to
 * hooks.
 */
typedef struct gru4rec_hooks {
    /*
     * The library calls poll after every step, and more often if a step is long, with how
     * far the work has come. If poll does not return 0, the work stops with INTERRUPTED.
     * *progress is valid only during the call.
     */
    int (*poll)(void *context, const gru4rec_progress *progress);
    /*
     * gru4rec_train() calls epoch after every epoch, and after validate, with what the
     * epoch did. If this function does not return 0, training stops with INTERRUPTED.
     * *epoch is valid only during the call.
     */
    int (*epoch)(void *context, const gru4rec_epoch *epoch);
    /*
     * gru4rec_train() calls validate after every epoch if option validation is above 0;
     * validate must not be NULL then. It measures the model on the held-out sessions, at
     * 20, and sets *recall and *mrr; it can call gru4rec_evaluate_heldout() for that. An
     * MRR that is NaN counts as below all others. If validate does not return OK,
     * training stops and returns the same status.
     */
    gru4rec_status (*validate)(void *context, const gru4rec_model *model, double *recall,
                               double *mrr, gru4rec_error *error);
    void *context;
    /*
     * The processes that work together; NULL: there is only this one. Only
     * gru4rec_train() and gru4rec_evaluate() use it. In a training, every rank calls the
     * hook validate, and the result of rank 0 counts on all of them. If validate fails or
     * epoch asks to stop on one rank, the training ends on all.
     */
    const gru4rec_ranks *ranks;
} gru4rec_hooks;

/*
 * Returns the number of threads of a training: option threads, if it is above 0.
 * Otherwise the number of processors that the calling thread may use; but 1 if several
 * threads must not call BLAS at once.
 */
int32_t gru4rec_train_threads(const gru4rec_options *options);

/*
 * Returns the bytes that a training on n_sessions sessions takes, with these options,
 * which must be resolved. gru4rec_training_bytes() is a part of them; the bytes of the
 * dataset, and what the hooks take, are not. The memory that BLAS writes to is counted,
 * but not the address space that BLAS reserves, which is 128 MB for each thread.
 */
size_t gru4rec_train_bytes(const gru4rec_options *options, int32_t n_items,
                           int64_t n_sessions);

/*
 * Returns the bytes that a training takes in one of n_ranks processes, which has
 * n_sessions itself. Otherwise it works as gru4rec_train_bytes().
 */
size_t gru4rec_train_rank_bytes(const gru4rec_options *options, int32_t n_items,
                                int64_t n_sessions, int32_t n_ranks);

/*
 * Trains the model on the dataset, from the weights and slots that training has: makes
 * the epochs n_done + 1 to n_epochs. It changes the weights, the slots and
 * training->updates, and calls the hooks.
 *   support  training events of each item, (I). Items without any must have the last
 *            rows; their weights do not change.
 *   options  must be resolved.
 *   done     (n_done) the epochs that this training had before it was stored; NULL if
 *            n_done is 0. The result has the same bits as without the stop.
 *   best_epoch  *best_epoch is set to the epoch whose weights the model has at the end;
 *            after a failure it means nothing. It may be NULL.
 * With option validation, the model ends with the weights of the epoch of the best MRR
 * (of equal ones, the first; also if every MRR is NaN). If option patience is above 0,
 * training then stops once "patience" epochs in a row have brought nothing better.
 * Without validation, the model ends with the weights of the last epoch.
 * INVALID: no session has two events; n_sample is 0 and only one session has two events,
 * so that there are no negatives; or no event of the held-out sessions can be measured.
 * NOMEM: there is not enough memory. INTERRUPTED: a hook asked to stop. DIVERGED: a loss
 * or a weight is not finite; the message says which. Any status of the hook validate is
 * returned too. After a failure the weights are those of that moment, not those of the
 * best epoch.
 * With option groups above 1, INVALID too: the dataset is not divided among that many
 * groups. With hooks->ranks, all numbers of sessions and events are those of all ranks
 * together; INVALID too: option groups is above 1, or the weights of two ranks differ, at
 * the start or after an epoch. INTERRUPTED too: another rank failed. Any status of a
 * function of ranks is returned too.
 */
gru4rec_status gru4rec_train(gru4rec_training *training, const gru4rec_dataset *dataset,
                             const int64_t *support, const gru4rec_options *options,
                             const gru4rec_epoch *done, size_t n_done,
                             const gru4rec_hooks *hooks, int64_t *best_epoch,
                             gru4rec_error *error);

/* ---- tuning ---- */

/* How the values of a dimension (see below) follow each other. */
typedef enum gru4rec_scale {
    GRU4REC_SCALE_CHOICE, /* single values, which have no order */
    GRU4REC_SCALE_LINEAR, /* a range of numbers at equal distances */
    GRU4REC_SCALE_LOG     /* a range of numbers at equal ratios, rounded */
} gru4rec_scale;

enum {
    GRU4REC_MAX_DIMENSIONS = 32, /* options that a space has at most */
    GRU4REC_MAX_CHOICES = 32,    /* single values of an option at most */
    GRU4REC_MAX_CHOICE = 64      /* bytes of such a value, with its NUL */
};

/*
 * A dimension of a space: one option, and the values of it from which a tuning chooses.
 */
typedef struct gru4rec_dimension {
    const char *option;  /* the option's name, a constant of the library */
    gru4rec_scale scale; /* CHOICE: choices has the values; else low, high and step say */
    /*
     * The numbers of a range: from low to high, both included. In a linear range, step is
     * the distance of two numbers; 0: the library divides the range into up to 32
     * numbers. A logarithmic range has up to 32 numbers; integers in it are rounded to
     * multiples of step, or to whole numbers if step is 0.
     */
    double low, high, step;
    int64_t n_choices;
    /* (n_choices) The single values as texts, in the form that options print. */
    char choices[GRU4REC_MAX_CHOICES][GRU4REC_MAX_CHOICE];
} gru4rec_dimension;

/*
 * The options and the values of them that a tuning chooses from. If all fields are zero,
 * the space has no option.
 */
typedef struct gru4rec_space {
    size_t n;
    gru4rec_dimension dimensions[GRU4REC_MAX_DIMENSIONS]; /* (n) one for each option */
} gru4rec_space;

/*
 * Fills the space, whose old content is lost, with the default ranges and choices of
 * options. An option comes into the space if three things are true: it has a default
 * range or choices; it is not set in fixed; and it has an effect beside the other values
 * of base and its preset. If loss is not set in fixed, an effect with loss cross-entropy
 * or bpr-max is enough. base must not be resolved. The range of learning_rate depends on
 * the optimiser (adapt) of base. It cannot fail.
 */
void gru4rec_space_fill(gru4rec_space *space, const gru4rec_options *base,
                        const gru4rec_options *fixed);

/*
 * Adds a single value of an option, as text, to the values that the space has of that
 * option; if it has none yet, the option comes into the space. The option's name may have
 * upper or lower case.
 * INVALID: there is no such option, or a tuning cannot choose it; the option does not
 * accept the value; the space has the same value of it already, or a range of it; it has
 * GRU4REC_MAX_CHOICES values of it; or the text of the value, a long list, does not fit
 * GRU4REC_MAX_CHOICE bytes. The space is unchanged then.
 */
gru4rec_status gru4rec_space_choose(gru4rec_space *space, const char *option,
                                    const char *value, gru4rec_error *error);

/*
 * Adds an option to the space, with a range of numbers: from low to high, both included.
 * scale must not be GRU4REC_SCALE_CHOICE. step: the distance between two numbers of a
 * linear range; 0: the library chooses it. The option's name may have upper or lower
 * case. A list option gets lists of one number.
 * INVALID: there is no such option, a tuning cannot choose it, or its values are not
 * numbers; it does not accept low or high, or one of them is not between -1e9 and 1e9;
 * low is not below high; a logarithmic range begins at 0 or below, or has a step; the
 * step of a linear range is negative, larger than the range, or less than a 10,000th of
 * it; or the space has the option already. The space is unchanged then.
 */
gru4rec_status gru4rec_space_range(gru4rec_space *space, const char *option,
                                   gru4rec_scale scale, double low, double high,
                                   double step, gru4rec_error *error);

/*
 * Tells whether a tuning can choose values of the option of this name, in upper or lower
 * case, because it is an option of the network or of its learning. false also if there is
 * no such option.
 */
bool gru4rec_space_can_have(const char *option);

/*
 * Tells whether the space has a range or values of the option of this name, in upper or
 * lower case.
 */
bool gru4rec_space_has(const gru4rec_space *space, const char *option);

/*
 * A search for good options, by successive halving. It proposes trials in batches of up
 * to 10. Each trial of a batch is trained with a ninth of the epochs (rung 0); the best
 * third of them, with a third (rung 1); the best third of these, with all epochs (rung
 * 2). What it proposes depends only on the base, the space, and the results of earlier
 * batches. It trains nothing itself: the caller trains what gru4rec_tune_next() gives, in
 * any order and in any number of threads, and passes the results to gru4rec_tune_tell().
 * Only one thread may call the functions of a search at a time.
 */
typedef struct gru4rec_tune gru4rec_tune;

/*
 * A trial at a rung: a set of options, and for how many epochs to train with it. A trial
 * that is among the best of its batch comes again at the next rung, with more epochs.
 */
typedef struct gru4rec_trial {
    int64_t trial;  /* number, from 1; the first trial has the values of the base */
    int64_t rung;   /* from 0; at most 2, or less if n_epochs is below 4 */
    int64_t epochs; /* epochs to train from scratch, not in addition to earlier rungs */
} gru4rec_trial;

/*
 * Starts a search in *out, and proposes its first batch.
 *   base   the options of the first trial, not resolved, which also give all values that
 *          are not in the space. The search itself reads seed, trials (the most trials)
 *          and n_epochs (the epochs of the last rung). It is copied, and so is the space.
 * NOMEM: there is not enough memory. INVALID: the options of base contradict each other;
 * or trials is above 1, and the space gives no second trial, because its values
 * contradict the base or are those of the base.
 */
gru4rec_status gru4rec_tune_new(const gru4rec_allocator *allocator,
                                const gru4rec_options *base, const gru4rec_space *space,
                                gru4rec_tune **out, gru4rec_error *error);
void gru4rec_tune_free(gru4rec_tune *tune);

/*
 * Fills *next with the next trial to train, and counts it as given: each trial is given
 * once at each rung that it reaches. Returns false, and does not change *next, if there
 * is none: either gru4rec_tune_tell() must first get the results of all trials that were
 * given, or the search is over (gru4rec_tune_is_over()).
 */
bool gru4rec_tune_next(gru4rec_tune *tune, gru4rec_trial *next);

/*
 * Gives the search the result of a trial that gru4rec_tune_next() gave; the caller must
 * do so once for each. objective is the result, larger is better; NAN: the trial could
 * not be trained, and is not given again. The result of the last trial of a rung moves
 * the search on: to the next rung with the best trials, or to a newly proposed batch, or
 * to its end.
 */
void gru4rec_tune_tell(gru4rec_tune *tune, const gru4rec_trial *trial, double objective);

/* Tells whether the search is over: gru4rec_tune_next() will give no trial any more. */
bool gru4rec_tune_is_over(const gru4rec_tune *tune);

/*
 * Returns how many trials were proposed so far, the first one and the whole batch at work
 * included. A small space may end the search with fewer than option trials.
 */
int64_t gru4rec_tune_trials(const gru4rec_tune *tune);

/*
 * Returns the number of epochs that all trials of a whole search, at all rungs, together
 * take. It is an estimate, which does not depend on the results so far: they take fewer
 * if the search ends early or if trials cannot be trained, and more because the first
 * trial goes on to each rung even if it is not among the best.
 */
int64_t gru4rec_tune_epochs(const gru4rec_tune *tune);

/*
 * Returns how many trials gru4rec_tune_next() can give now, before it needs results: the
 * trials at the present rung that were not given yet. 0 also if the search is over.
 */
int64_t gru4rec_tune_waiting(const gru4rec_tune *tune);

/*
 * Fills *best with the best trial so far and the highest rung at which it has a result,
 * sets *objective to that result, and returns true. The best trial is the one with a
 * result at the highest rung; of several, the one with the largest objective; of equal
 * ones, the first. Trials without a result, or whose last result is NAN, do not count. If
 * there is no other trial, returns false, and sets neither.
 */
bool gru4rec_tune_best(const gru4rec_tune *tune, gru4rec_trial *best, double *objective);

/*
 * Fills *options with those of a trial (its number, from 1), not resolved: the base with
 * the values of its preset, and the values that the trial has for the options of the
 * space, which are marked as set. Options that a tuning can choose, but that have no
 * effect beside the others, get their defaults and are marked as not set, also if the
 * base sets them.
 */
void gru4rec_tune_options(const gru4rec_tune *tune, int64_t trial,
                          gru4rec_options *options);

/*
 * Fills *options with those that the caller trains a trial with, resolved: those of
 * gru4rec_tune_options(), but n_epochs is trial->epochs, and validation, patience,
 * warm_start, resume and checkpoint_epochs are 0.
 */
void gru4rec_tune_prepare(const gru4rec_tune *tune, const gru4rec_trial *trial,
                          gru4rec_options *options);

/*
 * Returns the number of bytes that a search takes; it depends on option trials of base
 * alone.
 */
size_t gru4rec_tune_bytes(const gru4rec_options *base);

/*
 * Copies the sessions of heldout, without times, into two new datasets, about a half each
 * and in the same order: halves[0] to choose by, halves[1] to report on. A hash of a
 * session's items and its place decides on its half, so the same sessions always give the
 * same halves. The caller frees both by gru4rec_dataset_free().
 * NOMEM: there is not enough memory. INVALID: one half has no session of two events, so
 * nothing can be measured on it. Both halves are NULL then.
 */
gru4rec_status gru4rec_tune_halve(const gru4rec_allocator *allocator,
                                  const gru4rec_dataset *heldout,
                                  gru4rec_dataset *halves[2], gru4rec_error *error);

/* ---- serving ---- */

/*
 * The session of one visitor: its hidden state in a model, and the row of its last item.
 */
typedef struct gru4rec_session gru4rec_session;

/*
 * Makes a session in *out with the zero state and without a last item. The model is
 * borrowed until gru4rec_session_free().
 * NOMEM: there is not enough memory.
 */
gru4rec_status gru4rec_session_new(const gru4rec_allocator *allocator,
                                   const gru4rec_model *model, gru4rec_session **out);
void gru4rec_session_free(gru4rec_session *session);

/*
 * Puts the session back to the zero state, as before its first step, and forgets its last
 * item.
 */
void gru4rec_session_reset(gru4rec_session *session);

/*
 * Moves the hidden state on by the item in this row, and remembers the row as that of the
 * session's last item. Two kinds of items leave the state unchanged, which is no error:
 * an item whose weights lead to a state that is not finite; and, if the model was trained
 * with collapse_repeats, an item that is the same as the last one. The row is remembered
 * also then.
 * NOMEM: BLAS cannot get its memory. The session is unchanged then.
 */
gru4rec_status gru4rec_session_step(gru4rec_session *session, int32_t item_row,
                                    gru4rec_error *error);

/*
 * Returns the index in rows (n), the item rows of a history, at which its last events
 * begin, as many as the option max_length of the session's model allows: the caller takes
 * steps from there on. If the model was trained with collapse_repeats, an item that is
 * the same as the one before does not count as an event. Returns 0 if the history has no
 * more events than that, or if max_length is 0. The session is not changed.
 */
size_t gru4rec_session_first(const gru4rec_session *session, const int32_t *rows,
                             size_t n);

/*
 * Fills scores (n) with the network's scores of the items in rows (n), from the present
 * hidden state. rows may have any order. If rows is NULL, n must be I, and all items are
 * scored. Before the first step these are the scores of the zero state. A score is a
 * product with the output weights plus a bias; no final activation is applied.
 */
void gru4rec_session_scores(const gru4rec_session *session, const int32_t *rows,
                            int32_t n, gru4rec_real *scores);

/*
 * Returns the number of values of a session's hidden state: the sum of the GRU layers'
 * widths of the model.
 */
size_t gru4rec_session_state_size(const gru4rec_model *model);

/*
 * Copies the session's hidden state to state (gru4rec_session_state_size()), one GRU
 * layer after another. The row of the last item is not in it.
 */
void gru4rec_session_state(const gru4rec_session *session, gru4rec_real *state);

/*
 * Sets the session's hidden state to state, a copy that gru4rec_session_state() made with
 * the same model, and returns true. last_row becomes the row of the session's last item:
 * the caller passes the row of the last item before the copy was made, or -1 if it is not
 * known. Returns false, and changes nothing, if a value of state is not finite.
 */
bool gru4rec_session_resume(gru4rec_session *session, const gru4rec_real *state,
                            int32_t last_row);

/*
 * Fills scores (I) with the cosine between the output weights of each item and those of
 * the item in this row, without biases. The cosine with weights that are all zero is 0.
 * The item in this row itself gets -INFINITY, so that no ranking lists it.
 */
void gru4rec_similar_scores(const gru4rec_model *model, int32_t row,
                            gru4rec_real *scores);

/*
 * Projects the output weights of the items in rows (n), without biases, on the two
 * directions in which they differ most (principal components), for a map of the items.
 * The sign of a direction is that which makes its largest component positive. A direction
 * in which they do not differ gives zeros. The result is the same on all machines, up to
 * rounding in double. is_stopped (may be NULL) is asked now and then, with context.
 * The memory is n D + min(n, D)^2 doubles and a little, the time about n D min(n, D).
 *
 * coordinates: out, (n,2) of each item along the two directions, with mean 0.
 * shares: out, the share of the variance of these items along each direction.
 * NOMEM: there is not enough memory. INTERRUPTED: is_stopped returned true.
 */
gru4rec_status gru4rec_project(const gru4rec_allocator *allocator,
                               const gru4rec_model *model, const int32_t *rows, size_t n,
                               bool (*is_stopped)(void *), void *context,
                               double *coordinates, double shares[2]);

/*
 * A copy of a model's output weights, rounded to one byte each. A ranking searches the
 * copy first, because it is smaller: the ranking is then faster, and its results are the
 * same. How to make one: call gru4rec_bytes_new(), then gru4rec_bytes_rows() any number
 * of times, then gru4rec_bytes_finish().
 */
typedef struct gru4rec_bytes gru4rec_bytes;

/*
 * Allocates in *out a copy for all rows of the model, of which none is copied yet. The
 * model is borrowed until gru4rec_bytes_free(). Output weights that were copied must not
 * change any more.
 * NOMEM: there is not enough memory.
 */
gru4rec_status gru4rec_bytes_new(const gru4rec_allocator *allocator,
                                 const gru4rec_model *model, gru4rec_bytes **out);
void gru4rec_bytes_free(gru4rec_bytes *bytes);

/*
 * Returns the number of bytes that gru4rec_bytes_new() allocates for the rows of this
 * model.
 */
size_t gru4rec_bytes_size(const gru4rec_model *model);

/*
 * Copies the rows before n_rows that are not copied yet: turns the output weights of each
 * into bytes, with a scale and the norms of what is lost. It reads no row from n_rows on,
 * so another thread may fill the model's rows from there on meanwhile. If a weight or a
 * norm of a row is not finite, this call stops at that row, no later call copies another
 * row, and gru4rec_bytes_finish() will return false.
 */
void gru4rec_bytes_rows(gru4rec_bytes *bytes, int32_t n_rows);

/*
 * Copies the rows that are not copied yet, finds the largest bias, and returns true: the
 * copy is ready for use. Returns false if the model has output weights or output biases
 * that are not finite, or too large: the copy can only be freed then.
 */
bool gru4rec_bytes_finish(gru4rec_bytes *bytes);

/*
 * A blender: it raises the network's scores of the items that the nearest sessions of the
 * training have; see the part "blending" below.
 */
typedef struct gru4rec_blender gru4rec_blender;

/*
 * What a ranking ranks, and by which scores: those of a session, or an array of the
 * caller. So one of session and scores must be NULL, and the other one not; all other
 * fields may be zero. Lists of rows must be ascending, without repeats. An item whose
 * score is NaN or -INFINITY is left out. The caller owns all that the fields point to.
 */
typedef struct gru4rec_query {
    const gru4rec_session *session; /* the items are ranked by its scores */
    const gru4rec_real *scores;     /* (I) or by these; only ranked rows are read */
    const int32_t *rows;            /* (n_rows) the items to rank; NULL: all items */
    size_t n_rows;                  /* not used if rows is NULL; 0: nothing is ranked */
    const int32_t *excluded;        /* (n_excluded) items that are left out */
    size_t n_excluded;
    int64_t n_expected; /* items that the caller expects to read; 0: not known. A hint for
                         * speed only. */
    /*
     * A finished copy of the output weights of the session's model, for speed, or NULL.
     * It is used only if all items are ranked by a session.
     */
    const gru4rec_bytes *bytes;
    /*
     * A blender that was started with the session in its present state. It must not be
     * started again before the ranking has been read. The items that the nearest sessions
     * have are ranked by their blended scores, the others by the network's. NULL: all
     * scores are the network's. It must be NULL if session is.
     */
    gru4rec_blender *blender;
} gru4rec_query;

/*
 * A ranking: it gives items in descending order of their scores. If scores are equal, the
 * lower row comes first. It looks for items only as gru4rec_ranking_next() is called, so
 * the first ones cost least.
 */
typedef struct gru4rec_ranking gru4rec_ranking;

/*
 * Allocates a ranking in *out, which can be started any number of times, with queries of
 * any session or scores. n_items is the number of scores of a query with scores, and the
 * largest I of the models of all sessions.
 * NOMEM: there is not enough memory.
 */
gru4rec_status gru4rec_ranking_new(const gru4rec_allocator *allocator, int32_t n_items,
                                   gru4rec_ranking **out);
void gru4rec_ranking_free(gru4rec_ranking *ranking);

/*
 * Starts the ranking of a query, before its first item, and forgets the query before.
 * *query itself is copied. All that it points to is borrowed until the last
 * gru4rec_ranking_next() for this query; the session must keep its hidden state until
 * then. Neither this function nor gru4rec_ranking_next() allocates memory, so neither can
 * fail.
 */
void gru4rec_ranking_start(gru4rec_ranking *ranking, const gru4rec_query *query);

/*
 * Sets *row to the row of the next item of the query (the first call: the best item) and
 * *score to its score, and returns true. Returns false, and sets neither, if no item is
 * left.
 */
bool gru4rec_ranking_next(gru4rec_ranking *ranking, int32_t *row, gru4rec_real *score);

/*
 * A batch: it finds the best items of many sessions at once, which is faster than a
 * ranking for each. The items and scores are those with which the rankings of these
 * sessions would begin, to the bit. How to use it: call gru4rec_batch_add() for each
 * session, then gru4rec_batch_score(), then gru4rec_batch_get() for each item.
 */
typedef struct gru4rec_batch gru4rec_batch;

/*
 * Allocates a batch in *out, without sessions. k is the number of items for each session,
 * from 1 to gru4rec_batch_most(). bytes is a finished copy of the model's output weights,
 * for speed on processors that multiply bytes fast, or NULL. The model is borrowed until
 * gru4rec_batch_free(), and so are bytes and blender. If blender is not NULL,
 * gru4rec_batch_score() starts it anew for each session, so that the scores are blended
 * ones; nothing else may use it meanwhile. If it is NULL, the scores are the network's.
 * NOMEM: there is not enough memory.
 */
gru4rec_status gru4rec_batch_new(const gru4rec_allocator *allocator,
                                 const gru4rec_model *model, const gru4rec_bytes *bytes,
                                 gru4rec_blender *blender, int32_t k,
                                 gru4rec_batch **out);
void gru4rec_batch_free(gru4rec_batch *batch);

/*
 * Returns the largest number of items for each session that a batch can give, a constant:
 * the largest k of gru4rec_batch_new().
 */
int32_t gru4rec_batch_most(void);

/*
 * Returns the largest number of sessions that may be added before gru4rec_batch_score()
 * is called: 128, or fewer for a large catalogue, so that no batch takes long. The caller
 * must not add more sessions.
 */
int32_t gru4rec_batch_lanes(const gru4rec_batch *batch);

/*
 * Adds a session of the batch's model in its present hidden state, which is copied, and
 * returns its lane, a number from 0, for gru4rec_batch_get(). The session may change
 * afterwards. The first session that is added after gru4rec_batch_score() begins a new
 * batch in lane 0, and the results of the batch before are lost. excluded (n_excluded):
 * ascending rows that are left out. history (n_history): the rows of the session's items,
 * the oldest first, as for gru4rec_blender_start(); they are read only if the batch has a
 * blender. Both lists are borrowed until gru4rec_batch_score() returns. It cannot fail.
 */
int32_t gru4rec_batch_add(gru4rec_batch *batch, const gru4rec_session *session,
                          const int32_t *excluded, size_t n_excluded,
                          const int32_t *history, size_t n_history);

/*
 * If no session was added since the last call, does nothing and returns OK, also if that
 * call failed. Otherwise finds the k best items of each session of the batch, for
 * gru4rec_batch_get().
 * INTERRUPTED: is_stopped returned true. NOMEM: BLAS cannot get its memory. In both cases
 * the batch is lost: the caller must add its sessions again, and call
 * gru4rec_batch_score() again, before it calls gru4rec_batch_get().
 */
gru4rec_status gru4rec_batch_score(gru4rec_batch *batch, bool (*is_stopped)(void *),
                                   void *context, gru4rec_error *error);

/*
 * Sets *row and *score to the item at a place (0: the best) of the session in that lane,
 * as the last gru4rec_batch_score() found it, and returns true. Returns false, and sets
 * neither, if the place is k or more, or if fewer items could be ranked.
 */
bool gru4rec_batch_get(const gru4rec_batch *batch, int32_t lane, int64_t place,
                       int32_t *row, gru4rec_real *score);

/* ---- baselines: simple methods that a model is measured beside ---- */

/*
 * Returns the name of a method, a constant of the library, as option baselines writes it
 * ("vs-knn"). The file of that name in src/baselines (vs_knn.c) has the equations.
 */
const char *gru4rec_baseline_name(gru4rec_baseline_kind kind);

/*
 * Tells whether an option's name shows that the option is one of the method's own: it
 * begins with the method's name, with '_' for '-', and then '_', as vs_knn_k does for
 * vs-knn. Upper and lower case differ. It does not look whether there is such an option.
 */
bool gru4rec_baseline_has_option(gru4rec_baseline_kind kind, const char *option);

/*
 * Tells whether option baselines contains the method: whether the user asked for it.
 */
bool gru4rec_baseline_is_asked(const gru4rec_options *options,
                               gru4rec_baseline_kind kind);

/*
 * Tells whether the method is fitted on the sessions of the training, so that
 * gru4rec_baseline_new() needs them with their times. If not (pop), the method is fitted
 * on the support of the items alone.
 */
bool gru4rec_baseline_needs_sessions(gru4rec_baseline_kind kind);

/*
 * Tells whether the method lets scores decay with the days between sessions (stan). If
 * day in gru4rec_baseline_data is 0, such a method works without the decay.
 */
bool gru4rec_baseline_uses_days(gru4rec_baseline_kind kind);

/*
 * What a baseline is fitted on. All that the fields point to is borrowed until
 * gru4rec_baseline_new() returns.
 */
typedef struct gru4rec_baseline_data {
    int32_t n_items;        /* I */
    const int64_t *support; /* (I) training events of each item */
    /*
     * The sessions of the training with times, and with item rows of the model's
     * catalogue (see gru4rec_dataset_map()). NULL: not known; only pop can be fitted
     * then.
     */
    const gru4rec_dataset *sessions;
    /*
     * The length of a day in the unit of the times. 0: the times only count events, so no
     * score decays with days.
     */
    double day;
} gru4rec_baseline_data;

/*
 * A simple method (gru4rec_baseline_kind) that is fitted; it does not change any more.
 * Several threads may use one baseline at once, each with a scorer of its own.
 */
typedef struct gru4rec_baseline gru4rec_baseline;

/*
 * Fits a method on data, and puts the fitted baseline into *out. The baseline keeps
 * copies of what it needs, and does not use data after this call. Of the options, it uses
 * those that begin with the method's name (gru4rec_baseline_has_option()).
 * INVALID: the method needs the sessions of the training with their times, and data does
 * not have them. NOMEM: there is not enough memory. INTERRUPTED: is_stopped returned
 * true. *out is NULL after each of these.
 */
gru4rec_status gru4rec_baseline_new(const gru4rec_allocator *allocator,
                                    gru4rec_baseline_kind kind,
                                    const gru4rec_options *options,
                                    const gru4rec_baseline_data *data,
                                    bool (*is_stopped)(void *), void *context,
                                    gru4rec_baseline **out, gru4rec_error *error);
void gru4rec_baseline_free(gru4rec_baseline *baseline);

/*
 * Returns the most bytes that gru4rec_baseline_new() takes at any moment while it fits
 * the method on data. The fitted baseline takes fewer (gru4rec_baseline_size()).
 */
size_t gru4rec_baseline_bytes(gru4rec_baseline_kind kind, const gru4rec_options *options,
                              const gru4rec_baseline_data *data);

/* Returns the number of bytes that a fitted baseline takes, without its scorers. */
size_t gru4rec_baseline_size(const gru4rec_baseline *baseline);

/*
 * The events of a session so far. The arrays are borrowed until gru4rec_scorer_score()
 * returns.
 */
typedef struct gru4rec_prefix {
    const int32_t *rows; /* (n) item rows of the events, the oldest first */
    const double *times; /* (n) in the unit of the training's times. It may be NULL if
                          * gru4rec_baseline_uses_days() is false or day was 0. */
    size_t n;            /* number of events; may be 0 */
} gru4rec_prefix;

/*
 * The scores that a baseline gives all items. The arrays are borrowed from the scorer
 * until the next gru4rec_scorer_score() with that scorer, or until the scorer is freed.
 */
typedef struct gru4rec_scores {
    const double *values; /* (I) score of each item, 0 for most */
    const int32_t *rows;  /* (n) items whose score is above 0, in no order. The others
                           * have the score 0 and are not recommended. */
    size_t n;
} gru4rec_scores;

/*
 * The memory that one thread needs to ask a baseline for scores: it holds the scores of
 * the latest question, and scratch.
 */
typedef struct gru4rec_scorer gru4rec_scorer;

/*
 * Makes a scorer for the baseline in *out. The baseline is borrowed until
 * gru4rec_scorer_free().
 * NOMEM: there is not enough memory.
 */
gru4rec_status gru4rec_scorer_new(const gru4rec_allocator *allocator,
                                  const gru4rec_baseline *baseline, gru4rec_scorer **out);
void gru4rec_scorer_free(gru4rec_scorer *scorer);

/* Returns the number of bytes that gru4rec_scorer_new() takes for this baseline. */
size_t gru4rec_scorer_bytes(const gru4rec_baseline *baseline);

/*
 * Asks the scorer's baseline which items may come next after a prefix. Returns their
 * scores, in arrays of the scorer, and so overwrites the scores of the call before. The
 * bits of the scores are the same in any thread. This function allocates nothing, so it
 * cannot fail.
 */
gru4rec_scores gru4rec_scorer_score(gru4rec_scorer *scorer, const gru4rec_prefix *prefix);

/* ---- blending: the network beside the sessions that are nearest ---- */

/*
 * How scores are blended. neighbours (vs-knn) finds the training sessions that are
 * nearest to a session, and gives scores above 0 to their items. The blended score of
 * such an item is the network's score plus strength ln(1 + 10000 p), where p is the
 * item's score by neighbours divided by the sum of all scores by neighbours. Any other
 * item keeps the network's score (src/serve/blender.c).
 */
typedef struct gru4rec_blend {
    const gru4rec_baseline *neighbours; /* of kind GRU4REC_VS_KNN; borrowed */
    double strength;                    /* above 0 */
    /*
     * The most last items of a session by which its nearest sessions are found, at least
     * 1.
     */
    int32_t n_history;
} gru4rec_blend;

/*
 * Allocates a blender in *out, with a scorer of its own. It blends for one session at a
 * time, so each thread needs its own. *blend is copied; the baseline that it points to is
 * borrowed until gru4rec_blender_free().
 * NOMEM: there is not enough memory.
 */
gru4rec_status gru4rec_blender_new(const gru4rec_allocator *allocator,
                                   const gru4rec_blend *blend, gru4rec_blender **out);
void gru4rec_blender_free(gru4rec_blender *blender); /* accepts NULL */

/* Returns the number of bytes that gru4rec_blender_new() takes, its scorer included. */
size_t gru4rec_blender_bytes(const gru4rec_blend *blend);

/*
 * Finds the nearest sessions of a session, and computes the blended scores of the items
 * that they have, from the session's present hidden state. rows (n) are the items of the
 * session's history, the oldest first; if n is 0, no item is blended. If the session's
 * model collapses repeats, of equal items one after another only the first counts. Of
 * what is left, the last n_history items count, but no more than the model's max_length,
 * if it has one. The blended scores replace those of the start before, and stay in the
 * blender until the next one; session and rows are not kept. The same session and rows
 * give the same bits in any thread. Nothing is allocated, so this cannot fail.
 */
void gru4rec_blender_start(gru4rec_blender *blender, const gru4rec_session *session,
                           const int32_t *rows, size_t n);

/*
 * Sets *score to the blended score of the item in a row, which the last
 * gru4rec_blender_start() has computed, and returns true. Returns false, and does not
 * change *score, if the nearest sessions do not have the item: the network's score is
 * then the item's score.
 */
bool gru4rec_blender_score(const gru4rec_blender *blender, int32_t row,
                           gru4rec_real *score);

/* ---- evaluation ---- */

/*
 * The measures of one method at one cut-off k, over the targets of one segment. A target
 * is an event that the method was asked to predict: it is ranked among the items. A list
 * is the k best items of such a ranking.
 */
typedef struct gru4rec_metrics {
    const char *method;       /* "gru4rec", "gru4rec-network" or a baseline's name */
    const char *segment;      /* the segment's name, a constant; NULL: all targets */
    int64_t k;                /* the cut-off */
    double recall, mrr, ndcg; /* means over the targets; NAN: there was no target */
    /*
     * Half-widths of the 95 % intervals of these means over the choice of sessions; NAN
     * if fewer than 10 sessions have a target.
     */
    double recall_ci, mrr_ci, ndcg_ci;
    double coverage;   /* share of the catalogue that is in some list; NAN: no target */
    double popularity; /* mean of support / largest support over the items of all lists;
                        * NAN if no list has an item */
    int64_t events;    /* number of targets, and so of rankings */
    int64_t sessions;  /* sessions with at least one target */
    int64_t ties;      /* rankings in which another item has the target's score */
} gru4rec_metrics;

/*
 * The place of a ranked target is 2 (rank - 1), so that a rank between two ranks
 * (GRU4REC_MEDIAN) is a whole number too. An event without such a place has one of these
 * values.
 */
enum {
    GRU4REC_PLACE_NONE = -1,  /* the event is no target */
    GRU4REC_PLACE_MISSED = -2 /* the target is not ranked, or behind the longest list */
};

/*
 * What is measured, and on what. All that the fields point to is borrowed until
 * gru4rec_evaluate() returns.
 */
typedef struct gru4rec_evaluation {
    const gru4rec_model *model;
    const int64_t *support;      /* (I) training events of each item */
    const gru4rec_dataset *test; /* needs times if a baseline decays by days */
    /*
     * (n_baselines) at most GRU4REC_N_BASELINES methods, which are measured beside the
     * model in this order: their own scores rank the items for the same targets.
     */
    const gru4rec_baseline *const *baselines;
    size_t n_baselines;
    /*
     * How the model's scores are blended; NULL: they are not. If they are, the network
     * alone is measured too, as the second method, "gru4rec-network".
     */
    const gru4rec_blend *blend;
    /*
     * (n_candidates) rows, ascending, without repeats, at least one. Only these items are
     * ranked; a target that is not one of them is missed. NULL: all items are ranked.
     * It must be NULL if option candidates draws items.
     */
    const int32_t *candidates;
    size_t n_candidates;
    /*
     * The caller's array (methods, n_events), or NULL. gru4rec_evaluate() fills it with
     * the place of each event of the test by each method, GRU4REC_PLACE_... included. The
     * methods come in the order of the measures: the model, then, if blend is set, its
     * network, then each baseline.
     */
    int32_t *places;
} gru4rec_evaluation;

/*
 * Returns the number of gru4rec_metrics that gru4rec_evaluate() fills with this
 * evaluation and these options. They are in this order: for each method, for each
 * segment, one for each cut-off.
 */
size_t gru4rec_evaluate_count(const gru4rec_evaluation *what,
                              const gru4rec_options *options);

/*
 * Measures how well the model and the other methods predict the test sessions: ranks the
 * items for each target, from the events of its session before it. The targets are all
 * events of the test sessions but their first ones; with option last_only, only the last
 * event of each session of two events or more. The rankings are those of gru4rec_ranking,
 * to the bit. The lists of a baseline have only items with a score above 0. Fills metrics
 * (gru4rec_evaluate_count()), and what->places if it is not NULL. A segment without a
 * target gets events = 0. Of the hooks, only poll and ranks are used. Of the options,
 * only those of GRU4REC_SCOPE_EVALUATE are read.
 * With hooks->ranks, each rank has the same model and test, and measures a part of the
 * sessions; all of them get the figures and places of all sessions, those of one process.
 * NOMEM: there is not enough memory. INVALID: a baseline decays by days, and the test
 * sessions have no times. DIVERGED: the model gives scores that are not finite.
 * INTERRUPTED: poll asked to stop, or another rank failed. INVALID too: the ranks have
 * different models, tests or options. Any status of a function of ranks is returned too.
 * After a failure, metrics and places must not be used.
 */
gru4rec_status gru4rec_evaluate(const gru4rec_allocator *allocator,
                                const gru4rec_evaluation *what,
                                const gru4rec_options *options,
                                const gru4rec_hooks *hooks, gru4rec_metrics *metrics,
                                gru4rec_error *error);

/*
 * Measures a model's recall and MRR at 20 on the held-out sessions of a training
 * (dataset->validation), and sets *recall and *mrr. It is meant for the hook validate.
 * The network alone is measured, and each event but the first of a session is a target.
 * An item with the target's score counts as better (GRU4REC_CONSERVATIVE). *recall and
 * *mrr are NAN if there is no target. support (I) has the training events of each item.
 * Only the hook poll is called.
 * NOMEM, DIVERGED, INTERRUPTED: as gru4rec_evaluate(). *recall and *mrr must not be used
 * then.
 */
gru4rec_status gru4rec_evaluate_heldout(const gru4rec_allocator *allocator,
                                        const gru4rec_model *model,
                                        const int64_t *support,
                                        const gru4rec_dataset *heldout,
                                        const gru4rec_hooks *hooks, double *recall,
                                        double *mrr, gru4rec_error *error);

/*
 * Returns the most bytes that gru4rec_evaluate_heldout() takes for a model with these
 * options, which must be resolved, and n_items items, in addition to those of the model
 * and of the dataset.
 */
size_t gru4rec_evaluate_bytes(const gru4rec_options *options, int32_t n_items,
                              const gru4rec_dataset *heldout);

/* ---- comparing two ---- */

/*
 * One measure of two methods a and b, at one cut-off k, on those targets of one segment
 * that count (see gru4rec_compare()).
 */
typedef struct gru4rec_difference {
    const char *measure; /* "recall", "mrr" or "ndcg" */
    const char *segment; /* as in gru4rec_metrics */
    int64_t k;           /* the cut-off */
    double a, b;         /* the measure of each method; NAN: there was no target */
    double difference;   /* a - b */
    double low, high;    /* the 95 % interval of the difference over the choice of
                          * sessions; NAN if fewer than 10 sessions have a target */
    double p;            /* probability of a difference at least this large if the methods
                          * were equally good; NAN: there was no target */
    int64_t wins, losses, ties; /* sessions in which a is better, worse, or equal */
    int64_t events;             /* targets that count */
    int64_t sessions;           /* sessions with at least one such target */
} gru4rec_difference;

/*
 * Returns the number of gru4rec_difference that gru4rec_compare() fills with these
 * options. They are in this order: for each segment, for each measure (recall, mrr,
 * ndcg), one for each cut-off.
 */
size_t gru4rec_compare_count(const gru4rec_options *options);

/*
 * One of the two methods that are compared: what it was evaluated on, and the outcome.
 * All that the fields point to is borrowed until gru4rec_compare() returns.
 */
typedef struct gru4rec_side {
    const gru4rec_items *items;  /* the catalogue of the test's item rows */
    const gru4rec_dataset *test; /* the test sessions */
    const int32_t *places;       /* (n_events) of the method, from gru4rec_evaluate() */
} gru4rec_side;

/*
 * Compares two methods that were evaluated with these options, by the places of their
 * targets. Only the options cutoffs, segment and seed are read. Both sides have either
 * the same test dataset, or each has its own dataset with numbers, made of the same
 * events added in the same order.
 *   differences  (gru4rec_compare_count()) is filled.
 *   n_unpaired   *n_unpaired is set to the number of events that are a target of one side
 *                or of both, and do not count (see below) although both sides know the
 *                item.
 * A target counts if three things are true: both sides were asked for it; both tests have
 * some earlier event of its session (as a has sessions); and b has the last such event in
 * one session with the target. Segments are those of a. Wins, losses, ties and p are
 * exact and assume only that sessions are independent. p is a permutation test: of 10,000
 * ways to swap the two methods in whole sessions (one swaps nothing, 9,999 are drawn by
 * seed), it is the share that makes the difference at least as large, in either
 * direction. p is not corrected for the number of measures that one looks at.
 * NOMEM: there is not enough memory. INTERRUPTED: the hook poll asked to stop. After a
 * failure, differences and *n_unpaired must not be used.
 */
gru4rec_status gru4rec_compare(const gru4rec_allocator *allocator, const gru4rec_side *a,
                               const gru4rec_side *b, const gru4rec_options *options,
                               const gru4rec_hooks *hooks,
                               gru4rec_difference *differences, int64_t *n_unpaired,
                               gru4rec_error *error);

/* ---- the build ---- */

/*
 * What this build runs on: the instructions of its own kernels, and its BLAS. The strings
 * that the fields point to are constants.
 */
typedef struct gru4rec_build {
    const char *simd; /* "base", "avx2", "avxvnni", "avx512" or "avx512vnni" */
    /*
     * The configuration of BLAS, as OpenBLAS writes it; "builtin" if the library was
     * built without OpenBLAS, and multiplies by itself.
     */
    const char *blas;
    /* The kernels that BLAS uses, named after a processor; or "builtin". */
    const char *blas_core;
    /* Who picked these kernels, and why. If others would be faster, also what to do. */
    char blas_core_reason[256];
    /*
     * The faster kernels: the value that the environment variable OPENBLAS_CORETYPE
     * should have when the process starts. NULL: the kernels in use are right, the
     * variable is set already, or OpenBLAS has no others.
     */
    const char *blas_core_better;
    /* "serial", "pthread", "openmp" or "unknown"; or "builtin". */
    const char *blas_threading;
} gru4rec_build;

/*
 * Fills *build with what this build runs on. It changes nothing else and cannot fail. It
 * also works before gru4rec_blas_core_pick().
 */
void gru4rec_build_facts(gru4rec_build *build);

/*
 * Returns the name of the kernels that multiply in bfloat16 here: "base", "avx2",
 * "avx512bf16" or "amx", a constant. Other kernels give other bits. Call it only if a
 * training in bfloat16 begins: on processors with AMX, the first call in the process asks
 * Linux for the registers of AMX. After that, sigaltstack() refuses stacks of less than
 * about 11 kB in the process. If a thread has such a stack already, Linux refuses, and
 * "avx512bf16" is used; so it is with GRU4REC_AMX=0 in the environment. The answer of the
 * first call stays.
 */
const char *gru4rec_bfloat16_kernels(void);

/*
 * Makes OpenBLAS choose its kernels again, by what the processor can do. This is needed
 * because OpenBLAS takes old kernels for processors that it does not know, and then
 * training is several times slower. Does nothing on any system but Linux on x86-64, and
 * nothing if the library was built without OpenBLAS.
 * Leaves the kernels as they are if they are right, if OpenBLAS has no others, if the
 * environment variable OPENBLAS_CORETYPE is set, if another loaded file than the caller's
 * uses the same OpenBLAS, if OpenBLAS was loaded before the caller's file, or if the
 * choice fails. In any case the first call in a process keeps the result for
 * gru4rec_build_facts().
 * Call it before OpenBLAS is used, and while no other thread loads libraries or changes
 * the environment: best at the start of the program. gru4rec.so calls it when it is
 * loaded.
 */
void gru4rec_blas_core_pick(void);

/* ---- entry points of the SQLite extension ---- */

struct sqlite3;
struct sqlite3_api_routines;

/*
 * The entry points that SQLite calls to load the extension into a connection: they
 * register its functions and tables. They do the same. There are two names because SQLite
 * derives the name from the file's name, and older versions drop the digit. The loadable
 * library also has sqlite3_extension_init(), for any name of the file.
 * They do nothing and return SQLITE_OK if the connection has the extension already.
 * Otherwise they return SQLITE_OK_LOAD_PERMANENTLY, or SQLITE_OK if the extension is
 * linked into a program with SQLite. After a failure they return an error code of SQLite
 * and, if message is not NULL, put a text into *message that the caller frees by
 * sqlite3_free(). SQLITE_ERROR: this SQLite is older than 3.38, has no JSON functions, or
 * is not the one that loaded this file first. SQLITE_NOMEM, or the code with which SQLite
 * refuses a registration: what was registered before that stays.
 */
int sqlite3_gru4rec_init(struct sqlite3 *db, char **message,
                         const struct sqlite3_api_routines *api);
int sqlite3_grurec_init(struct sqlite3 *db, char **message,
                        const struct sqlite3_api_routines *api);
/*
 * Only where the extension is compiled with SQLITE_CORE, as a part of a program: has
 * every connection that the process opens from now on get the extension. It is what
 * SQLite's compile-time option SQLITE_EXTRA_INIT may name: then SQLite calls it when it
 * starts. unused is not looked at. Returns SQLITE_OK, or SQLITE_NOMEM.
 */
int sqlite3_gru4rec_extra_init(const char *unused);

#ifdef __cplusplus
}
#endif

#endif

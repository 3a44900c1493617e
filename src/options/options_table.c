/*
 * options_table.c - the one table of options.
 *
 * A row has the name, kind, scope, range, default and help of an option. Parsing,
 * messages, text forms and docs/options.md are made from the table
 * (options.c). Rules that involve two options are in options_resolve.c. The names are
 * those of the official implementations.
 *
 * How to change a default: a model must keep the options that it was made with. The
 * defaults of the build that made a model are stored with it (m_config, "defaults"), but
 * older builds did not store them. So give the row the new default, and, unless it has a
 * .before already, the old default as .before = "...", which is used for the models of
 * these builds. A value that a rule in options_resolve.c chooses is no default: it is
 * stored nowhere, so it must never change.
 */
#include "option.h"
#include "presets.h"

#define TRAIN GRU4REC_SCOPE_TRAIN
#define EVALUATE GRU4REC_SCOPE_EVALUATE
#define EXPORT GRU4REC_SCOPE_EXPORT
#define COMPARE GRU4REC_SCOPE_COMPARE
#define TUNE GRU4REC_SCOPE_TUNE
#define PLOT GRU4REC_SCOPE_PLOT

/*
 * Makes a row of the table for the option whose name is that of the field. min_, max_:
 * range of its numbers; open_: max_ itself is not accepted. words_, defaults_: see
 * g4r_option. The last argument is the help; .before = "..." may follow.
 */
#define OPTION(field, kind_, scope_, min_, max_, open_, words_, defaults_, ...) \
    {                                                                           \
        .name = #field, .kind = kind_, .scope = scope_,                         \
        .offset = offsetof(gru4rec_options, field), .min = min_, .max = max_,   \
        .is_max_open = open_, .words = words_, .defaults = defaults_,           \
        .help = __VA_ARGS__                                                     \
    }

/*
 * Makes a row for a training option that older builds do not have, and whose default does
 * something else than these builds do. before_ is the value with which a training does
 * what they do. A model is stored with such an option even at its default value, so that
 * an older build refuses the model instead of training it differently. A newer option
 * whose default changes nothing has an ordinary row.
 */
#define LATER(field, kind_, min_, max_, words_, defaults_, before_, help_)       \
    {                                                                            \
        .name = #field, .kind = kind_, .scope = TRAIN, .is_later = true,         \
        .offset = offsetof(gru4rec_options, field), .min = min_, .max = max_,    \
        .words = words_, .defaults = defaults_, .before = before_, .help = help_ \
    }

/*
 * Each makes a row for a training option of one kind. REAL has both ends in its range;
 * SHARE is a number from 0 to below 1. The dots stand for the last arguments of OPTION():
 * for CHOICE, ACTIVATION and WORD from words_ on, for the others from defaults_ on.
 */
#define INTEGER(field, min_, max_, ...) \
    OPTION(field, G4R_INTEGER, TRAIN, min_, max_, false, NULL, __VA_ARGS__)
#define REAL(field, min_, max_, ...) \
    OPTION(field, G4R_REAL, TRAIN, min_, max_, false, NULL, __VA_ARGS__)
#define SHARE(field, ...) OPTION(field, G4R_REAL, TRAIN, 0, 1, true, NULL, __VA_ARGS__)
#define BOOLEAN(field, ...) \
    OPTION(field, G4R_BOOLEAN, TRAIN, 0, 0, false, NULL, __VA_ARGS__)
#define CHOICE(field, ...) OPTION(field, G4R_CHOICE, TRAIN, 0, 0, false, __VA_ARGS__)
#define ACTIVATION(field, ...) \
    OPTION(field, G4R_ACTIVATION, TRAIN, 0, 0, false, __VA_ARGS__)
#define WORD(field, ...) OPTION(field, G4R_WORD, TRAIN, 0, 0, false, __VA_ARGS__)

#define VERSIONS "active|previous|newest"
/*
 * Makes a row for an option of gru4rec_compare() that names a version of a model: its
 * number, or one of the words VERSIONS. The default is active.
 */
#define VERSION(field, ...) \
    OPTION(field, G4R_INTEGER, COMPARE, 1, 1e15, false, VERSIONS, "active", __VA_ARGS__)

/*
 * Each makes a row for an option of a baseline, given in evaluations: a COUNT from 1 to
 * max_, or a DECAY from 1e-9 to 1e9. The option's name begins with that of the baseline.
 */
#define COUNT(field, max_, ...) \
    OPTION(field, G4R_INTEGER, EVALUATE, 1, max_, false, NULL, __VA_ARGS__)
#define DECAY(field, ...) \
    OPTION(field, G4R_REAL, EVALUATE, 1e-9, 1e9, false, NULL, __VA_ARGS__)
#define WEIGHTINGS "same|div|linear|log|quadratic"

/*
 * The table: a row for each option. The index of an option is that of its row, also in
 * gru4rec_options.is_set and in gru4rec_option_describe().
 */
const g4r_option g4r_options_table[] = {
    CHOICE(preset, G4R_PRESETS_WORDS, "none",
           "a published set of option values; an option that you set yourself overrides "
           "it"),
    OPTION(layers, G4R_LIST, TRAIN, 1, 65536, false, NULL, "100",
           "widths of the GRU layers, from the input to the scores"),
    CHOICE(loss, "cross-entropy|xe_logit|bpr|bpr-max|top1|top1-max", "cross-entropy",
           "loss function"),
    ACTIVATION(final_act, "auto|softmax|softmax_logit|linear|relu|tanh", "auto",
               "activation of the scores in training; auto: softmax for cross-entropy, "
               "softmax_logit for xe_logit, elu with elu_param for bpr-max, else linear"),
    REAL(elu_param, 0, 100, "0.5",
         "alpha of the ELU that bpr-max applies to the scores; 0: no ELU"),
    INTEGER(batch_size, 1, 65536, "128", "sessions trained side by side (lanes)",
            .before = "64"),
    INTEGER(n_epochs, 1, 100000, "10", "passes over the events"),
    REAL(learning_rate, 1e-9, 100, "0.1",
         "step size of the optimiser; if neither you nor the preset sets it: 1 "
         "for adadelta, 0.01 for rmsprop, 0.002 for adam",
         .before = "0.07"),
    SHARE(momentum, "0",
          "classical momentum coefficient: this share of the last update is added "
          "to the next one"),
    SHARE(dropout_p_embed, "0.2",
          "dropout of the input embedding: training sets this share of its values "
          "to 0",
          .before = "0.3"),
    SHARE(dropout_p_hidden, "0.2",
          "dropout of the hidden states: training sets this share of their values "
          "to 0"),
    OPTION(embedding, G4R_INTEGER, TRAIN, 0, 65536, false, "layersize", "0",
           "width of a separate input embedding; layersize: that of the first GRU "
           "layer; 0: there is none. Above 0 it sets constrained_embedding to false"),
    BOOLEAN(constrained_embedding, "true",
            "the input embedding and the output weights are one table; "
            "if it is false and embedding is 0, the input is one-hot"),
    OPTION(n_sample, G4R_INTEGER, TRAIN, 0, 1000000, false, "all", "2048",
           "negative samples of a step, shared by all its lanes, "
           "in addition to the targets of the other lanes; "
           "all: cross-entropy over the whole catalogue"),
    REAL(sample_alpha, 0, 10, "0.5",
         "samples are drawn in proportion to support^sample_alpha; 0: uniformly, 1: by "
         "popularity"),
    REAL(bpreg, 0, 1000, "1", "weight of bpr-max's score regularisation"),
    REAL(logq, 0, 100, "1",
         "strength of cross-entropy's correction for the sampling of negatives"),
    SHARE(smoothing, "0",
          "share of cross-entropy's label that is spread over the negatives"),
    ACTIVATION(hidden_act, "linear|relu|tanh", "tanh",
               "activation of the GRU's candidate state"),
    CHOICE(adapt, "adagrad|rmsprop|adadelta|adam|sgd", "adagrad", "optimiser"),
    OPTION(adapt_params, G4R_REALS, TRAIN, 0, 1, true, NULL, "",
           "decay rates of the optimiser: one for rmsprop and adadelta (default 0.9), "
           "two for adam (default 0.9/0.999)"),
    REAL(lmbd, 0, 1000, "0", "weight decay (L2) of the weights that a step updates"),
    REAL(grad_cap, 0, 1e9, "0",
         "largest norm of a step's gradients; larger gradients are scaled down to it; "
         "0: no limit"),
    REAL(sigma, 0, 100, "0",
         "range of the initial weights; 0: sqrt(6 / (rows + columns)) of each block "
         "of weights"),
    BOOLEAN(init_as_normal, "false",
            "initial weights are normal with standard deviation sigma, "
            "not uniform from -sigma to sigma"),
    OPTION(feedforward, G4R_LIST, TRAIN, 1, 65536, false, NULL, "",
           "widths of dense layers between the top GRU layer and the scores"),
    ACTIVATION(feedforward_act, "linear|relu|tanh", "tanh",
               "activation of the dense layers of feedforward"),
    BOOLEAN(biases, "true",
            "GRU layers and items have biases that are trained; "
            "false: all biases stay zero"),
    INTEGER(bptt, 1, 1000, "1",
            "number of steps that back-propagation goes back in time"),
    BOOLEAN(whole_sessions, "false",
            "all lanes begin new sessions at the same time, after the sessions of "
            "all lanes have ended; no update goes across that point. With a bptt as "
            "long as the longest session, updates go back through whole sessions"),
    BOOLEAN(time_sort, "true",
            "sessions are visited in the order of their first events; "
            "false: in the order of their ids"),
    BOOLEAN(train_random_order, "false",
            "sessions are visited in a new random order in each epoch"),
    WORD(since, "last", "",
         "leaves out events before this time; last: leaves out events up to the "
         "last_event of the active version, but not those of sessions that go on "
         "after it"),
    WORD(until, NULL, "", "leaves out events at or after this time"),
    REAL(session_gap, 0, 1e18, "0",
         "a pause longer than this begins a new session. Its unit is that of the "
         "times; seconds if they are text. 0: pauses do not count. Serving uses "
         "only the events after the last such pause"),
    BOOLEAN(collapse_repeats, "false",
            "consecutive events of the same item count as one event"),
    LATER(keep_empty, G4R_BOOLEAN, 0, 0, NULL, "false", "true",
          "an empty text is the id of an item or a session like any other; "
          "false: events with an empty id are skipped, as those with a NULL are"),
    INTEGER(max_length, 0, 1e9, "0",
            "a session with more events is long; 0: none is. Serving and evaluation "
            "use the last max_length events of a long session"),
    CHOICE(long_sessions, "cut|drop", "cut",
           "cut: training divides long sessions into pieces of max_length events; "
           "drop: it leaves them out"),
    INTEGER(min_support, 1, 1e9, "1",
            "leaves out items with fewer events; see min_length"),
    INTEGER(min_length, 1, 65536, "1",
            "leaves out sessions with fewer events. min_support and min_length are "
            "applied in turn until neither changes anything"),
    LATER(single_events, G4R_CHOICE, 0, 0, "count|leave_out", "leave_out", "count",
          "sessions of one event, from which nothing is learned; "
          "count: they count for the catalogue, support and popularity; "
          "leave_out: they are left out"),
    SHARE(bad_rows, "0",
          "largest share of rows with a time that cannot be read. These rows are "
          "skipped and counted; a larger share is an error"),
    REAL(validation, 0, 0.9, "0",
         "share of the sessions, the latest ones, that is held out. Training "
         "keeps the weights of the epoch with the best MRR@20 on them. 0: none "
         "is held out"),
    INTEGER(patience, 0, 100000, "0",
            "training stops after this many epochs without a better MRR@20 on the "
            "held-out sessions; 0: never"),
    BOOLEAN(warm_start, "false",
            "start from the weights of the active version; "
            "new items start with random weights"),
    REAL(support_decay, 0, 1, "0",
         "with warm_start, the share of an item's support in the active version that "
         "is added to its support in the new one"),
    INTEGER(checkpoint_epochs, 0, 100000, "0",
            "saves an unfinished training each time after this many epochs, so that "
            "resume can continue it; 0: never"),
    BOOLEAN(resume, "false",
            "continue a stopped training from its last checkpoint, with its options: "
            "the result has the same bits as without the stop. "
            "If the connection holds a result whose commit failed, "
            "that result is committed"),
    BOOLEAN(keep_optimizer, "false",
            "store the state of the optimiser with the version, for warm_start; "
            "it is as large as the weights, or two or three times as large with "
            "momentum, adadelta and adam"),
    BOOLEAN(reset_after, "true",
            "use the GRU cell of PyTorch and cuDNN, with the reset gate after the "
            "product; false: the cell of the original paper"),
    OPTION(seed, G4R_INTEGER, TRAIN | EVALUATE, 0, 9007199254740992.0, false, NULL, "42",
           "seed of all random numbers: the same data, options and seed give the same "
           "model. gru4rec_evaluate() has a seed of its own, for candidates=sample=N"),
    INTEGER(threads, 0, 256, "0",
            "threads of a training; 0: one for each processor, "
            "or as many as the CPU quota of a container allows. "
            "The result is the same, to the bit"),
    INTEGER(groups, 1, 1024, "1",
            "a switch for tests: the training computes what this many processes of a "
            "cluster would compute together, to the bit. The sessions are divided among "
            "them by a hash of their values, and each has batch_size lanes"),
    CHOICE(precision, "float32|bfloat16|auto", "float32",
           "of the products of a training; bfloat16: what is multiplied is rounded to 8 "
           "significant bits, which is faster on processors with AMX or AVX512_BF16; "
           "weights and sums stay float32. auto: bfloat16 where it is faster and was "
           "measured to cost no accuracy"),
    INTEGER(sync_steps, 1, 1000000, "1",
            "with several processes (or groups): updates that each of them makes by "
            "itself before all of them are merged. 1: the processes make every update "
            "together, and nothing is lost; more: for slow networks"),
    CHOICE(
        exchange_precision, "float32|bfloat16", "float32",
        "with several processes (or groups): how exact the sums are that they exchange; "
        "bfloat16 halves what they send, and the result has other bits"),
    CHOICE(shard, "own|auto", "own",
           "what each process reads in a training or a tuning over several "
           "processes. own: all events of its own source, which no other process "
           "has; auto: one source that all of them have, of which each trains on "
           "the sessions of its part, by a hash of their values"),
    CHOICE(replicate, "all|first", "all",
           "whose databases get the version or the trials in a training or a "
           "tuning over several processes. all: each file, also if several "
           "processes share it; first: only that of the first process"),
    INTEGER(keep_versions, 1, 1000, "2",
            "how many versions the database keeps: the active one, the one that was "
            "active before it, and the newest of the others that are older than the "
            "active one"),
    INTEGER(keep_candidates, 1, 1000, "2",
            "how many versions newer than the active one are kept in addition, the "
            "newest of them"),
    INTEGER(keep_history, 0, 1000000, "1000",
            "how many versions without weights keep their rows in m_version and "
            "m_epoch, the newest of them. Such a version is no longer kept, or its "
            "training had no result"),
    BOOLEAN(activate, "true",
            "the trained version becomes the active one; "
            "false: it does not serve until gru4rec_deploy()"),
    INTEGER(commit_wait, 0, 604800, "0",
            "seconds that a training waits to commit while others lock the "
            "database. After that the connection keeps the result, and resume "
            "commits it. 0: as long as the training took, at least a minute"),
    OPTION(memory_limit, G4R_INTEGER, TRAIN | EVALUATE, 0, 9007199254740992.0, false,
           NULL, "0",
           "bytes that a training may use, including its events; "
           "0: 80 % of the memory of the machine or the container. "
           "gru4rec_evaluate() uses the model's limit, or one of its own"),
    CHOICE(quantize, "auto|false|true", "auto",
           "serving first searches a copy of the item table in bytes, which it "
           "keeps in memory too. The results are the same and come sooner. auto: "
           "if the copy has a megabyte or more"),
    INTEGER(state_items, 1, 1000, "32",
            "how many of the last items of a session its state contains. "
            "exclude_seen leaves these out, and another version rebuilds the "
            "session from them"),
    LATER(blend, G4R_REAL, 0, 100, "auto", "0.5", "0",
          "how much the nearest sessions of the training raise the scores of "
          "their items. 0: the network alone; auto: chosen on the sessions that "
          "validation holds out. If neither you nor the preset sets it: 0.25 with "
          "losses without softmax"),
    INTEGER(blend_sessions, 1, 2147483647, "1000000",
            "how many events of the latest training sessions a version keeps for "
            "blend"),
    BOOLEAN(tuned, "false",
            "uses the best values that the last finished gru4rec_tune() found, for "
            "options that you do not give in the call"),
    CHOICE(verbose, "auto|false|true", "auto",
           "progress on standard error: on a terminal a line that is updated, "
           "elsewhere one line at the end; auto: only on a terminal"),
    OPTION(trials, G4R_INTEGER, TUNE, 1, 10000, false, NULL, "40",
           "how many sets of option values a tuning tries; the first one is the "
           "model's own"),
    OPTION(minutes, G4R_REAL, TUNE, 0, 1000000, false, NULL, "0",
           "after this time a tuning begins nothing new, and ends with the best "
           "that it has found; then the result depends on the speed of the "
           "machine. 0: it tries all trials"),
    OPTION(objective, G4R_OBJECTIVE, TUNE, 1, 1000000, false, "recall|mrr|ndcg", "mrr@20",
           "measure by which a tuning chooses; it is taken on half of the held-out "
           "sessions"),
    OPTION(space, G4R_SPACE, TUNE, 0, 0, false, NULL, "default",
           "values that a tuning chooses from; "
           "default: ranges around the defaults of the network's options"),
    OPTION(cutoffs, G4R_LIST, EVALUATE, 1, 1000000, false, NULL, "1/5/10/20",
           "lengths k of the lists that are measured"),
    OPTION(mode, G4R_CHOICE, EVALUATE, 0, 0, false, "standard|conservative|median",
           "conservative",
           "rank of the target among items with the same score: standard, the first; "
           "conservative, the last; median, in the middle"),
    OPTION(baselines, G4R_WORDS, EVALUATE, 0, 0, false,
           "pop|session-pop|item-knn|markov|sequential-rules|vs-knn|stan", "none",
           "simple methods that are measured beside the model; "
           "all but pop are fitted on the sessions that the model was trained on"),
    OPTION(exclude_seen, G4R_BOOLEAN, EVALUATE, 0, 0, false, NULL, "false",
           "leaves the items that the session has had so far out of the ranking; a "
           "target that is one of them counts as a miss"),
    OPTION(candidates, G4R_SAMPLE, EVALUATE, 1, 1000000, false, NULL, "all",
           "items that are ranked; a target that is not one of them counts as a "
           "miss. sample=N: the target and N other items, drawn for each target by "
           "seed"),
    OPTION(last_only, G4R_BOOLEAN, EVALUATE, 0, 0, false, NULL, "false",
           "only the last event of each session is a target"),
    OPTION(version, G4R_INTEGER, EVALUATE | EXPORT, 1, 1e15, false, VERSIONS, "active",
           "which of the kept versions is used: its number, active, previous "
           "(active before the active one) or newest; also an option of "
           "gru4rec_export()"),
    OPTION(sessions, G4R_BOOLEAN, EXPORT, 0, 0, false, NULL, "false",
           "the export also has the sessions that the version blends with; without "
           "them it does not blend"),
    VERSION(version_a,
            "version of the first model; the values are those of option version"),
    VERSION(version_b, "version of b, if that is a model"),
    OPTION(ranks, G4R_CHOICE, EVALUATE | TUNE, 0, 0, false, "one|all", "one",
           "who works, if mpirun has started several processes. one: this process "
           "alone; all: each process measures a part of the test sessions, or in "
           "gru4rec_tune() trains a part of the trials. All processes need the "
           "same test sessions and the same version, and get the same figures as "
           "one process"),
    OPTION(segment, G4R_CHOICE, EVALUATE, 0, 0, false,
           "none|position|length|popularity|seen", "none",
           "measures targets in groups: by the number of events before them, by "
           "the number of targets of their session, by their support (head, "
           "middle, tail: about a third of it each), or by whether their session had "
           "the item before (same: as the last event; seen: earlier; new: not)"),
    OPTION(test, G4R_QUERY, PLOT, 0, 0, false, NULL, "none",
           "test events; a picture measures the model on them, or shows them "
           "beside the events of the source"),
    OPTION(label, G4R_QUERY, PLOT, 0, 0, false, NULL, "none",
           "a query with two columns, item and label: on the picture items, the "
           "label decides the colour of the item"),
    OPTION(titles, G4R_QUERY, PLOT, 0, 0, false, NULL, "none",
           "a query with two columns, item and title: on the picture items, the "
           "title stands beside the item"),
    COUNT(session_pop_top_n, 1000000, "100",
          "session-pop: how many of the most popular items are listed after the "
          "session's own"),
    COUNT(item_knn_k, 1000000, "100", "item-knn: how many neighbours each item keeps"),
    OPTION(item_knn_lambda, G4R_REAL, EVALUATE, 0, 1e9, false, NULL, "20",
           "item-knn: number that is added to supports, "
           "so that rare items do not become near neighbours"),
    OPTION(item_knn_alpha, G4R_REAL, EVALUATE, 0, 1, false, NULL, "0.5",
           "item-knn: exponent of the last item's support; that of the neighbour's is "
           "1 - item_knn_alpha"),
    COUNT(markov_pruning, 1000000, "20", "markov: how many followers each item keeps"),
    COUNT(sequential_rules_steps, 1000000, "10",
          "sequential-rules: an item counts as a follower up to this many steps "
          "later"),
    COUNT(sequential_rules_pruning, 1000000, "20",
          "sequential-rules: how many followers each item keeps"),
    COUNT(vs_knn_k, 1000000, "500", "vs-knn: how many sessions are neighbours"),
    COUNT(vs_knn_sample_size, 1000000000, "5000",
          "vs-knn: the neighbours are chosen among this many of the latest "
          "sessions that share an item"),
    OPTION(vs_knn_similarity, G4R_CHOICE, EVALUATE, 0, 0, false, "vec|cosine", "vec",
           "vs-knn: how alike two sessions are, from the weights of the items that "
           "both have. vec: the sum; cosine: the sum divided by the lengths of "
           "both"),
    OPTION(vs_knn_weighting, G4R_CHOICE, EVALUATE, 0, 0, false, WEIGHTINGS, "quadratic",
           "vs-knn: how weights of items grow towards the end of the session"),
    OPTION(vs_knn_weighting_score, G4R_CHOICE, EVALUATE, 0, 0, false, WEIGHTINGS, "div",
           "vs-knn: how much less a neighbour counts if the last shared item is "
           "further back in the session"),
    OPTION(vs_knn_idf_weighting, G4R_REAL, EVALUATE, 0, 1e6, false, NULL, "5",
           "vs-knn: how much more rare items count"),
    COUNT(stan_k, 1000000, "500", "stan: how many sessions are neighbours"),
    COUNT(stan_sample_size, 1000000000, "5000",
          "stan: the neighbours are chosen among this many of the latest sessions "
          "that share an item"),
    DECAY(stan_lambda_spw, "1.02",
          "stan: over this many items of the session, weights fall to 1 / e"),
    DECAY(stan_lambda_snh, "5",
          "stan: over this many days, the similarity of a session falls to 1 / e"),
    DECAY(stan_lambda_inh, "2.05",
          "stan: over this many items of a neighbour, counted from the last "
          "shared item, scores fall to 1 / e"),
};

enum { N_OPTIONS = sizeof g4r_options_table / sizeof *g4r_options_table };

_Static_assert((size_t)N_OPTIONS <= GRU4REC_MAX_OPTIONS, "is_set has no more");

const size_t g4r_options_table_count = N_OPTIONS;

/*
 * recommend.c - train and recommend with the C library alone: no SQLite.
 *
 *   cc recommend.c -o recommend $(pkg-config --cflags --libs gru4rec)
 *   ./recommend n_epochs=3 17 42 <clicks.txt
 *
 * Each line of standard input is a click: three integers, the session, the item and the
 * time. The lines may be in any order. An argument with = is an option of training, from
 * docs/options.md; options that are about a database are refused. Every other
 * argument is an item that a visitor looked at, oldest first. The program trains a model
 * on the clicks, and prints the ten items that the visitor is most likely to look at
 * next, each with its score: that of the network alone, as the extension's with blend=0.
 */
#include <gru4rec.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_SHOWN = 10 };

/*
 * Ends the program if a call has failed. The program frees nothing then, because the
 * system does. error: where the call left its message.
 */
static void check(gru4rec_status status, const char *what, const gru4rec_error *error)
{
    if (status == GRU4REC_OK)
        return;
    fprintf(stderr, "recommend: %s: %s\n", what,
            status == GRU4REC_NOMEM ? "out of memory" : error->message);
    exit(1);
}

static gru4rec_id id_of(int64_t integer)
{
    return (gru4rec_id){.type = GRU4REC_ID_INTEGER, .integer = integer};
}

/* Returns the part of the options that says how clicks are prepared for the training. */
static gru4rec_preparation preparation_of(const gru4rec_options *options)
{
    return (gru4rec_preparation){
        .session_gap = options->session_gap,
        .collapse_repeats = options->collapse_repeats,
        .max_length = options->max_length,
        .long_sessions = (gru4rec_long_sessions)options->long_sessions,
        .min_support = options->min_support,
        .min_length = options->min_length,
        .leaves_single = options->single_events == GRU4REC_SINGLE_LEAVE_OUT,
        .validation = options->validation,
    };
}

/*
 * Reads the clicks, sorts them into sessions, and numbers the items. The caller frees
 * *dataset and *items.
 */
static void read_clicks(FILE *file, const gru4rec_options *options,
                        gru4rec_dataset **dataset, gru4rec_items **items)
{
    const gru4rec_preparation preparation = preparation_of(options);
    gru4rec_error error = {""};
    gru4rec_events *events;
    int64_t session, item, when;
    int n_read;
    check(gru4rec_events_new(NULL, NULL, &events), "reading", &error);
    while ((n_read = fscanf(file, "%" SCNd64 " %" SCNd64 " %" SCNd64, &session, &item,
                            &when)) == 3) {
        const gru4rec_id session_id = id_of(session), item_id = id_of(item);
        const gru4rec_time time = {.type = GRU4REC_TIME_INTEGER, .integer = when};
        check(gru4rec_events_add(events, &session_id, &item_id, &time, 0, &error),
              "reading", &error);
    }
    if (n_read != EOF)
        check(GRU4REC_INVALID, "reading",
              &(gru4rec_error){"a click is not three integers: session, item, time"});
    gru4rec_events_prepare(events, &preparation);
    check(gru4rec_dataset_new(events, options->time_sort, NULL, NULL, dataset, items),
          "sorting", &error);
    gru4rec_events_free(events);
}

/*
 * Refuses options that only the SQLite extension uses, because the library would ignore
 * them.
 */
static void refuse_options_of_databases(const gru4rec_options *options)
{
    static const char *const names[] = {
        "since",         "until",           "keep_empty",        "bad_rows",
        "warm_start",    "support_decay",   "checkpoint_epochs", "resume",
        "keep_versions", "keep_candidates", "keep_history",      "activate",
        "commit_wait",   "keep_optimizer",  "memory_limit",      "quantize",
        "state_items",   "blend",           "blend_sessions",    "verbose"};
    gru4rec_option_info info;
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_describe(i, &info);
        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            if (gru4rec_option_is_set(options, i) && strcmp(info.name, names[k]) == 0) {
                fprintf(stderr,
                        "recommend: options: %s is only for the SQLite extension; "
                        "leave it out\n",
                        names[k]);
                exit(1);
            }
    }
}

/* Sets the options that the arguments give, and resolves those that depend on others. */
static void read_options(gru4rec_options *options, int argc, char **argv)
{
    gru4rec_error error = {""};
    gru4rec_options_init(options);
    for (int i = 1; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (equals == NULL)
            continue;
        *equals = '\0';
        check(gru4rec_options_set(options, GRU4REC_SCOPE_TRAIN, argv[i], equals + 1,
                                  &error),
              "options", &error);
        *equals = '=';
    }
    refuse_options_of_databases(options);
    check(gru4rec_options_resolve(options, &error), "options", &error);
}

/* ---- training ---- */

/* The context of the hooks: what the training holds out to measure its epochs on. */
typedef struct held_out {
    const gru4rec_dataset *sessions; /* NULL: none are held out */
    const int64_t *support;          /* (I) training events of each item */
} held_out;

/* Prints the loss. The training calls this hook after each epoch. */
static int show_epoch(void *context, const gru4rec_epoch *epoch)
{
    (void)context;
    fprintf(stderr, "epoch %" PRId64 ": loss %.4f\n", epoch->epoch, epoch->loss);
    return 0; /* anything else stops the training */
}

/* Measures the model on the sessions held out. The training calls this hook. */
static gru4rec_status measure(void *context, const gru4rec_model *model, double *recall,
                              double *mrr, gru4rec_error *error)
{
    const held_out *held = context;
    const gru4rec_hooks hooks = {.poll = NULL};
    return gru4rec_evaluate_heldout(NULL, model, held->support, held->sessions, &hooks,
                                    recall, mrr, error);
}

/* Trains a model and returns it. The caller frees the model. */
static gru4rec_model *train(const gru4rec_dataset *dataset, const gru4rec_items *items,
                            const gru4rec_options *options)
{
    gru4rec_error error = {""};
    gru4rec_training training;
    held_out held = {dataset->validation, gru4rec_items_support(items)};
    const gru4rec_hooks hooks = {.epoch = show_epoch,
                                 .validate = measure,
                                 .context = &held};
    check(gru4rec_training_new(NULL, options, gru4rec_items_count(items), &training,
                               &error),
          "training", &error);
    gru4rec_model_init(training.model, options);
    check(gru4rec_train(&training, dataset, held.support, options, NULL, 0, &hooks, NULL,
                        &error),
          "training", &error);
    gru4rec_model *model = training.model;
    training.model = NULL; /* so that the next call does not free the model */
    gru4rec_training_free(&training);
    return model;
}

/* Steps the session through the visitor's items, ranks all items, and prints the best. */
static void recommend(const gru4rec_model *model, const gru4rec_items *items, int argc,
                      char **argv)
{
    gru4rec_error error = {""};
    gru4rec_session *session;
    gru4rec_ranking *ranking;
    int32_t row;
    gru4rec_real score;
    check(gru4rec_session_new(NULL, model, &session), "serving", &error);
    for (int i = 1; i < argc; i++) {
        const gru4rec_id id = id_of(strtoll(argv[i], NULL, 10));
        if (strchr(argv[i], '=') == NULL && (row = gru4rec_items_find(items, &id)) >= 0)
            check(gru4rec_session_step(session, row, &error), "serving", &error);
    }
    check(gru4rec_ranking_new(NULL, gru4rec_items_count(items), &ranking), "serving",
          &error);
    gru4rec_ranking_start(ranking,
                          &(gru4rec_query){.session = session, .n_expected = N_SHOWN});
    for (int i = 0; i < N_SHOWN && gru4rec_ranking_next(ranking, &row, &score); i++) {
        gru4rec_id id;
        gru4rec_items_get(items, row, &id);
        printf("%" PRId64 " %.6f\n", id.integer, (double)score);
    }
    gru4rec_ranking_free(ranking);
    gru4rec_session_free(session);
}

int main(int argc, char **argv)
{
    gru4rec_options options;
    gru4rec_dataset *dataset;
    gru4rec_items *items;
    gru4rec_blas_core_pick(); /* must come before the first use of OpenBLAS */
    read_options(&options, argc, argv);
    read_clicks(stdin, &options, &dataset, &items);
    gru4rec_model *model = train(dataset, items, &options);
    recommend(model, items, argc, argv);
    gru4rec_model_free(model);
    gru4rec_items_free(items);
    gru4rec_dataset_free(dataset);
    return 0;
}

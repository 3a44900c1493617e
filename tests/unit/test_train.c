/*
 * test_train.c - the epoch loop: what it counts and reports, how it stops, what data it
 * refuses, that it repeats itself bit by bit, what memory it says it takes, and short
 * memory at every request.
 */
#include "../../src/kernels/blas.h"
#include "../../src/model/model.h"
#include "../../src/model/network.h"
#include "../lib/fault_alloc.h"
#include "../lib/test.h"

enum { ITEMS = 12, MOST_ITEMS = 5000, MOST_EVENTS = 64, MOST_SESSIONS = 16 };

typedef struct fixture {
    gru4rec_options options;
    gru4rec_training training;
    int32_t n_items;
    int64_t support[MOST_ITEMS];
    int32_t rows[MOST_EVENTS];
    int64_t offsets[MOST_SESSIONS + 1];
    gru4rec_dataset data, validation;
    /* What the hooks saw. */
    int64_t n_polls, n_early, n_epochs, stop_poll, stop_epoch;
    gru4rec_progress last;
    gru4rec_epoch epochs[8];
} fixture;

static void set(fixture *f, const char *name, const char *value)
{
    gru4rec_error error;
    if (!CHECK_INT(GRU4REC_OK, gru4rec_options_set(&f->options, GRU4REC_SCOPE_TRAIN, name,
                                                   value, &error)))
        printf("  %s\n", error.message);
}

/* lengths: of sessions, 0 at the end. Items follow each other in a circle. */
static void start(fixture *f, const int64_t *lengths)
{
    memset(f, 0, sizeof *f);
    gru4rec_options_init(&f->options);
    set(f, "preset", "official");
    set(f, "layers", "8");
    set(f, "batch_size", "4");
    set(f, "n_sample", "6");
    set(f, "n_epochs", "3");
    f->n_items = ITEMS;
    f->data = (gru4rec_dataset){.allocator = g4r_alloc_libc,
                                .item_rows = f->rows,
                                .offsets = f->offsets};
    for (int64_t i = 0; i < MOST_ITEMS; i++)
        f->support[i] = 1 + i % 3;
    for (; *lengths > 0; lengths++) {
        int64_t s = f->data.n_sessions++, n = f->data.n_events;
        for (int64_t i = 0; i < *lengths; i++)
            f->rows[n + i] = (int32_t)((s * 5 + i) % ITEMS);
        f->data.n_events = f->offsets[s + 1] = n + *lengths;
        f->data.n_single += *lengths == 1;
    }
}

static int count_poll(void *context, const gru4rec_progress *progress)
{
    fixture *f = context;
    /* All of this epoch, also if the poll comes in the middle of its first step. */
    CHECK((progress->step > 0) == (progress->events > 0));
    CHECK((isnan(progress->loss) != 0) == (progress->events == 0));
    f->n_early += progress->step == 0;
    f->last = *progress;
    return ++f->n_polls == f->stop_poll;
}

static int keep_epoch(void *context, const gru4rec_epoch *epoch)
{
    fixture *f = context;
    f->epochs[f->n_epochs % 8] = *epoch;
    return ++f->n_epochs == f->stop_epoch;
}

static gru4rec_status measure(void *context, const gru4rec_model *model, double *recall,
                              double *mrr, gru4rec_error *error)
{
    const fixture *f = context;
    return gru4rec_evaluate_heldout(&model->allocator, model, f->support,
                                    f->data.validation, NULL, recall, mrr, error);
}

/* Makes the model on first use. */
static gru4rec_status train_with(fixture *f, const gru4rec_allocator *allocator,
                                 gru4rec_error *error)
{
    gru4rec_hooks hooks = {.poll = count_poll,
                           .epoch = keep_epoch,
                           .validate = measure,
                           .context = f};
    gru4rec_status status = GRU4REC_OK;
    error->message[0] = '\0';
    if (f->training.model == NULL) {
        status = gru4rec_options_resolve(&f->options, error);
        if (status == GRU4REC_OK)
            status = gru4rec_training_new(allocator, &f->options, f->n_items,
                                          &f->training, error);
        if (status != GRU4REC_OK)
            return status;
        gru4rec_model_init(f->training.model, &f->options);
    }
    return gru4rec_train(&f->training, &f->data, f->support, &f->options, NULL, 0, &hooks,
                         NULL, error);
}

static gru4rec_status train(fixture *f, gru4rec_error *error)
{
    return train_with(f, NULL, error);
}

static void finish(fixture *f)
{
    gru4rec_training_free(&f->training);
}

static bool has_same_weights(const fixture *a, const fixture *b)
{
    for (size_t i = 0; i < a->training.model->params.n; i++)
        if (memcmp(a->training.model->values[i], b->training.model->values[i],
                   g4r_param_size(&a->training.model->params.list[i]) *
                       sizeof(g4r_real)) != 0)
            return false;
    return true;
}

static const int64_t lengths[] = {4, 6, 2, 1, 3, 5, 2, 7, 1, 4, 3, 0};
enum { TRANSITIONS = 38 - 11 };

/* ---- what is counted ---- */

static void test_counts(void)
{
    static fixture f;
    gru4rec_error error;
    start(&f, lengths);
    CHECK_INT(GRU4REC_OK, train(&f, &error));
    CHECK_INT(3, f.n_epochs);
    for (int64_t i = 0; i < 3; i++) {
        CHECK_INT(i + 1, f.epochs[i].epoch);
        CHECK_INT(TRANSITIONS, f.epochs[i].events);
        CHECK_INT(f.epochs[0].steps, f.epochs[i].steps);
        CHECK(f.epochs[i].loss > 0 && f.epochs[i].cost > 0);
    }
    CHECK_INT(3 * f.epochs[0].steps, f.n_polls);
    CHECK_INT(3, f.last.epoch);
    CHECK_INT(3, f.last.n_epochs);
    CHECK_INT(f.epochs[0].steps, f.last.step);
    CHECK_INT(TRANSITIONS, f.last.events);
    CHECK_INT(TRANSITIONS, f.last.total_events);
    CHECK_NEAR(f.epochs[2].loss, f.last.loss, 1e-12);
    finish(&f);
}

/* A long step is polled before it is done. */
static void test_progress_of_long_steps(void)
{
    static fixture f;
    gru4rec_error error;
    start(&f, lengths);
    set(&f, "n_sample", "all");
    f.n_items = MOST_ITEMS;
    CHECK_INT(GRU4REC_OK, train(&f, &error));
    CHECK(f.n_early >= 3);
    CHECK_INT(f.epochs[0].steps, f.last.step);
    finish(&f);
}

/* Without samples the last lane has nothing to learn from, and is left. */
static void test_counts_without_samples(void)
{
    static const int64_t two[] = {3, 6, 0};
    static fixture f;
    gru4rec_error error;
    start(&f, two);
    set(&f, "n_sample", "0");
    CHECK_INT(GRU4REC_OK, train(&f, &error));
    CHECK_INT(2, f.epochs[0].steps);
    CHECK_INT(4, f.epochs[0].events);
    finish(&f);
}

/* cost is divided by the configured B, loss by the lanes there are: here 2 of 8. */
static void test_cost_and_loss(void)
{
    static const int64_t two[] = {4, 4, 0};
    static fixture f;
    gru4rec_error error;
    start(&f, two);
    set(&f, "batch_size", "8");
    CHECK_INT(GRU4REC_OK, train(&f, &error));
    CHECK_INT(6, f.epochs[0].events);
    CHECK_NEAR(f.epochs[0].loss * 2 / 8, f.epochs[0].cost, 1e-9);
    finish(&f);
}

/* A circle of items is learnt; chance would be ln 10. */
static void test_learns(void)
{
    static fixture f;
    gru4rec_error error;
    start(&f, lengths);
    set(&f, "n_epochs", "60");
    set(&f, "learning_rate", "0.2");
    CHECK_INT(GRU4REC_OK, train(&f, &error));
    CHECK(f.last.loss < 0.8); /* observed: 0.40; repeats among negatives remain */
    CHECK(gru4rec_model_nonfinite(f.training.model) == NULL);
    finish(&f);
}

/*
 * Every loss and optimiser goes down on that circle; those of TOP1 are 1/2 at best.
 * Observed: 0.80 of the first epoch's (top1-max) or less.
 */
static void check_learns(const char *name, const char *value, const char *learning_rate)
{
    static fixture f;
    gru4rec_error error;
    start(&f, lengths);
    set(&f, name, value);
    set(&f, "learning_rate", learning_rate);
    set(&f, "n_epochs", "1");
    CHECK_INT(GRU4REC_OK, train(&f, &error));
    double first = f.last.loss;
    f.options.n_epochs = 80;
    CHECK_INT(GRU4REC_OK, train(&f, &error));
    if (!CHECK(f.last.loss < first * 0.9))
        printf("  %s %s: from %g to %g\n", name, value, first, f.last.loss);
    finish(&f);
}

static void test_everything_learns(void)
{
    check_learns("loss", "xe_logit", "0.2");
    check_learns("loss", "bpr", "0.2");
    check_learns("loss", "bpr-max", "0.2");
    check_learns("loss", "top1", "0.2");
    check_learns("loss", "top1-max", "0.2");
    check_learns("adapt", "rmsprop", "0.02");
    check_learns("adapt", "adadelta", "1");
    check_learns("adapt", "adam", "0.05");
    check_learns("adapt", "sgd", "1");
    check_learns("hidden_act", "elu-0.5", "0.1");
    check_learns("feedforward", "8", "0.2");
    check_learns("bptt", "3", "0.2");
    check_learns("train_random_order", "true", "0.2");
}

/* A block that is longer than an epoch ends with it. */
static void test_short_blocks_are_updates_too(void)
{
    static fixture f, untrained;
    gru4rec_error error;
    start(&f, lengths);
    set(&f, "bptt", "1000");
    set(&f, "n_epochs", "2");
    CHECK_INT(GRU4REC_OK, train(&f, &error));
    CHECK_INT(TRANSITIONS, f.epochs[0].events);
    CHECK(f.epochs[0].loss > f.epochs[1].loss);
    start(&untrained, lengths);
    set(&untrained, "bptt", "1000");
    untrained.stop_poll = 1;
    CHECK_INT(GRU4REC_INTERRUPTED, train(&untrained, &error));
    CHECK(!has_same_weights(&f, &untrained));
    finish(&f);
    finish(&untrained);
}

/* ---- the best epoch ---- */

/* Hook validate: gives the MRRs of the list that context points to, one after another. */
static gru4rec_status give_mrr(void *context, const gru4rec_model *model, double *recall,
                               double *mrr, gru4rec_error *error)
{
    const double **next = context;
    (void)model;
    (void)error;
    *recall = *mrr = *(*next)++;
    return GRU4REC_OK;
}

/*
 * Trains four epochs whose MRRs are those of the list. The result must have the weights
 * that a training of as many epochs as best has without validation.
 */
static void check_best(const double mrr[4], int64_t best)
{
    static const int64_t held_out[] = {0, 2};
    static const int32_t rows[] = {1, 2};
    const gru4rec_hooks hooks = {.validate = give_mrr, .context = &mrr};
    static fixture f, plain;
    gru4rec_error error;
    int64_t best_epoch = 0;
    start(&f, lengths);
    set(&f, "validation", "0.1");
    f.validation = (gru4rec_dataset){.n_sessions = 1,
                                     .n_events = 2,
                                     .offsets = (int64_t *)held_out,
                                     .item_rows = (int32_t *)rows};
    f.data.validation = &f.validation;
    f.options.n_epochs = 4;
    CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&f.options, &error));
    CHECK_INT(GRU4REC_OK,
              gru4rec_training_new(NULL, &f.options, ITEMS, &f.training, &error));
    gru4rec_model_init(f.training.model, &f.options);
    CHECK_INT(GRU4REC_OK, gru4rec_train(&f.training, &f.data, f.support, &f.options, NULL,
                                        0, &hooks, &best_epoch, &error));
    CHECK_INT(best, best_epoch);
    start(&plain, lengths);
    plain.options.n_epochs = best;
    CHECK_INT(GRU4REC_OK, train(&plain, &error));
    CHECK(has_same_weights(&f, &plain));
    finish(&f);
    finish(&plain);
}

static void test_best_epoch(void)
{
    check_best((const double[]){0.1, 0.3, 0.3, 0.2}, 2);
    check_best((const double[]){0, 0, 0, 0}, 1);
    check_best((const double[]){NAN, NAN, NAN, NAN}, 1);
    check_best((const double[]){NAN, 0, NAN, 0}, 2);
    check_best((const double[]){0.1, NAN, 0.2, NAN}, 3);
}

static void test_no_hooks(void)
{
    static const gru4rec_hooks none;
    static fixture f;
    gru4rec_error error;
    start(&f, lengths);
    CHECK_INT(GRU4REC_OK, train(&f, &error));
    CHECK_INT(GRU4REC_OK, gru4rec_train(&f.training, &f.data, f.support, &f.options, NULL,
                                        0, NULL, NULL, NULL));
    CHECK_INT(GRU4REC_OK, gru4rec_train(&f.training, &f.data, f.support, &f.options, NULL,
                                        0, &none, NULL, NULL));
    finish(&f);
}

/* ---- how it stops ---- */

static void test_hooks_stop(void)
{
    static fixture f;
    gru4rec_error error;
    start(&f, lengths);
    f.stop_poll = 3;
    CHECK_INT(GRU4REC_INTERRUPTED, train(&f, &error));
    CHECK_INT(3, f.n_polls);
    CHECK_INT(0, f.n_epochs);
    CHECK_TEXT("interrupted", error.message);
    CHECK(gru4rec_model_nonfinite(f.training.model) == NULL);
    f.stop_poll = 0;
    f.stop_epoch = 2;
    CHECK_INT(GRU4REC_INTERRUPTED, train(&f, &error));
    CHECK_INT(2, f.n_epochs);
    CHECK_TEXT("interrupted", error.message);
    finish(&f);
}

static void test_nan_is_divergence(void)
{
    static fixture f;
    gru4rec_error error;
    start(&f, lengths);
    f.stop_poll = 1;
    train(&f, &error);
    f.stop_poll = 0;
    f.n_polls = 0;
    f.training.model->values[f.training.model->params.layers[0].hidden][5] =
        (g4r_real)NAN;
    CHECK_INT(GRU4REC_DIVERGED, train(&f, &error));
    CHECK_INT(0, f.n_polls);
    CHECK(strstr(error.message, "training diverged: the loss is not finite after step 1 "
                                "of epoch 1; use a smaller learning_rate") != NULL);
    finish(&f);
}

/* Whatever the loss, after the first step. */
static void check_nan(const char *loss, const char *final_act)
{
    static fixture f;
    gru4rec_error error;
    start(&f, lengths);
    set(&f, "loss", loss);
    set(&f, "final_act", final_act);
    f.stop_poll = 1;
    train(&f, &error);
    f.stop_poll = 0;
    f.training.model->values[f.training.model->params.layers[0].hidden][5] =
        (g4r_real)NAN;
    CHECK_INT(GRU4REC_DIVERGED, train(&f, &error));
    if (!CHECK(strstr(error.message, "the loss is not finite after step 1") != NULL))
        printf("  loss %s, final_act %s: %s\n", loss, final_act, error.message);
    finish(&f);
}

static void test_nan_is_divergence_for_every_loss(void)
{
    check_nan("cross-entropy", "auto");
    check_nan("xe_logit", "auto");
    check_nan("bpr", "auto");
    check_nan("bpr-max", "auto");
    check_nan("top1", "auto");
    check_nan("top1-max", "auto");
    check_nan("top1", "relu");
    check_nan("top1", "tanh");
}

/* A weight that no loss showed is found at the end of the epoch, by name. */
static void test_bad_weight_is_divergence(void)
{
    static const int64_t two[] = {2, 2, 0};
    static fixture f;
    gru4rec_error error;
    start(&f, two);
    set(&f, "n_sample", "0");
    f.stop_poll = 1;
    train(&f, &error);
    f.stop_poll = 0;
    f.training.model->values[f.training.model->params.output_bias][ITEMS - 1] =
        (g4r_real)INFINITY;
    CHECK_INT(GRU4REC_DIVERGED, train(&f, &error));
    CHECK(strstr(error.message, "By.weight is not finite") != NULL);
    CHECK_INT(0, f.n_epochs);
    finish(&f);
}

/* ---- data that cannot be used ---- */

static void check_refused(const int64_t *sessions, const char *batch_size,
                          const char *n_sample, const char *message)
{
    static fixture f;
    gru4rec_error error;
    start(&f, sessions);
    set(&f, "batch_size", batch_size);
    set(&f, "n_sample", n_sample);
    CHECK_INT(GRU4REC_INVALID, train(&f, &error));
    if (!CHECK(strstr(error.message, message) != NULL))
        printf("  %s\n", error.message);
    CHECK_INT(0, f.n_polls);
    finish(&f);
}

static void test_unusable_data(void)
{
    static const int64_t none[] = {0}, singles[] = {1, 1, 1, 0}, one[] = {5, 0};
    static const int64_t one_and_single[] = {5, 1, 0};
    check_refused(none, "4", "6", "nothing to learn from");
    check_refused(singles, "4", "6", "none of the 3 sessions has two events");
    check_refused(one, "4", "0", "n_sample 0 needs at least 2 sessions");
    check_refused(one_and_single, "4", "0", "n_sample 0 needs at least 2 sessions");
}

/* ---- small data ---- */

static void test_fewer_sessions_than_lanes(void)
{
    static const int64_t one[] = {5, 0};
    static fixture f;
    gru4rec_error error;
    start(&f, one);
    set(&f, "batch_size", "100");
    CHECK_INT(GRU4REC_OK, train(&f, &error));
    CHECK_INT(4, f.epochs[0].events);
    CHECK_INT(4, f.epochs[0].steps);
    finish(&f);
}

static void check_one_item(const char *loss, const char *n_sample)
{
    static const int64_t two[] = {3, 3, 0};
    static fixture f;
    gru4rec_error error;
    start(&f, two);
    f.n_items = 1;
    memset(f.rows, 0, sizeof f.rows);
    set(&f, "loss", loss);
    set(&f, "n_sample", n_sample);
    CHECK_INT(GRU4REC_OK, train(&f, &error));
    CHECK_INT(4, f.epochs[2].events);
    finish(&f);
}

static void test_one_item(void)
{
    check_one_item("cross-entropy", "3");
    check_one_item("bpr-max", "3");
    check_one_item("cross-entropy", "0");
    check_one_item("bpr-max", "0");
}

/* ---- repeatable ---- */

static void train_seeded(fixture *f, const char *seed, const char *loss)
{
    gru4rec_error error;
    start(f, lengths);
    set(f, "loss", loss);
    set(f, "layers", "8/5");
    set(f, "momentum", "0.3");
    set(f, "dropout_p_embed", "0.2");
    set(f, "dropout_p_hidden", "0.3");
    set(f, "seed", seed);
    CHECK_INT(GRU4REC_OK, train(f, &error));
}

static void test_seeds(void)
{
    static fixture a, b, c;
    for (int i = 0; i < 2; i++) {
        const char *loss = i == 0 ? "cross-entropy" : "bpr-max";
        train_seeded(&a, "7", loss);
        train_seeded(&b, "7", loss);
        train_seeded(&c, "8", loss);
        CHECK(has_same_weights(&a, &b));
        CHECK(!has_same_weights(&a, &c));
        CHECK(a.epochs[2].loss == b.epochs[2].loss);
        finish(&a);
        finish(&b);
        finish(&c);
    }
}

static void train_in_order(fixture *f, const char *is_random, const char *seed)
{
    gru4rec_error error;
    start(f, lengths);
    set(f, "train_random_order", is_random);
    set(f, "seed", seed);
    CHECK_INT(GRU4REC_OK, train(f, &error));
    for (int64_t i = 0; i < 3; i++)
        CHECK_INT(TRANSITIONS, f->epochs[i].events);
}

/* The order is drawn from the seed, and changes what is learnt. */
static void test_random_order(void)
{
    static fixture plain, a, b;
    train_in_order(&plain, "false", "7");
    train_in_order(&a, "true", "7");
    train_in_order(&b, "true", "7");
    CHECK(has_same_weights(&a, &b));
    CHECK(!has_same_weights(&a, &plain));
    finish(&plain);
    finish(&a);
    finish(&b);
}

/* ---- memory ---- */

/* Of all threads, which do not have them from the allocator. */
static size_t blas_bytes(const fixture *f, int32_t n_items)
{
    g4r_params params;
    g4r_params_init(&params, &f->options, n_items);
    size_t side = (size_t)(f->options.batch_size + f->options.n_sample);
    if (side < g4r_network_side(&params))
        side = g4r_network_side(&params);
    return (size_t)gru4rec_train_threads(&f->options) * g4r_blas_bytes(side);
}

/*
 * No less than is allocated, and not much more: 10 % and 20 kB, for what the sampler
 * frees before the rest is allocated.
 */
static void check_bytes(int32_t n_items, const char *const *pairs)
{
    static fixture f;
    fault_alloc fault = {0};
    gru4rec_allocator allocator = fault_alloc_allocator(&fault);
    gru4rec_error error;
    start(&f, lengths);
    f.n_items = n_items;
    for (; *pairs != NULL; pairs += 2)
        set(&f, pairs[0], pairs[1]);
    set(&f, "n_epochs", "1");
    gru4rec_dataset held_out = f.data;
    if (f.options.validation > 0)
        f.data.validation = &held_out;
    CHECK_INT(GRU4REC_OK, train_with(&f, &allocator, &error));
    size_t bytes = gru4rec_train_bytes(&f.options, n_items, f.data.n_sessions) -
                   blas_bytes(&f, n_items);
    if (f.options.validation > 0)
        bytes +=
            gru4rec_evaluate_bytes(&f.options, n_items, &held_out) - g4r_blas_bytes(128);
    CHECK(bytes >= fault.peak_bytes);
    CHECK(bytes <= fault.peak_bytes + fault.peak_bytes / 10 + 20000);
    if (bytes < fault.peak_bytes)
        printf("  %zu of %zu bytes\n", bytes, fault.peak_bytes);
    finish(&f);
    CHECK_INT(0, fault.n_live);
}

#define CHECK_BYTES(n_items, ...) \
    check_bytes(n_items, (const char *const[]){__VA_ARGS__, NULL})

static void test_bytes(void)
{
    CHECK_BYTES(ITEMS, "layers", "8", "batch_size", "4", "n_sample", "6");
    CHECK_BYTES(ITEMS, "layers", "8/5", "batch_size", "4", "n_sample", "6", "momentum",
                "0.5");
    CHECK_BYTES(ITEMS, "layers", "100", "batch_size", "16", "n_sample", "512");
    CHECK_BYTES(ITEMS, "layers", "300/200", "batch_size", "16", "n_sample", "2048",
                "momentum", "0.1");
    CHECK_BYTES(ITEMS, "layers", "100", "batch_size", "16", "n_sample", "0", "momentum",
                "0.1");
    CHECK_BYTES(MOST_ITEMS, "layers", "20", "batch_size", "4", "n_sample", "64",
                "momentum", "0.1");
    CHECK_BYTES(MOST_ITEMS, "layers", "20/8", "adapt", "adam", "momentum", "0.1");
    CHECK_BYTES(MOST_ITEMS, "layers", "20", "adapt", "sgd");
    CHECK_BYTES(MOST_ITEMS, "layers", "20", "adapt", "adadelta", "embedding", "9");
    CHECK_BYTES(MOST_ITEMS, "layers", "20", "bptt", "7", "constrained_embedding",
                "false");
    CHECK_BYTES(MOST_ITEMS, "layers", "20", "bptt", "3", "feedforward", "30/10");
    CHECK_BYTES(MOST_ITEMS, "layers", "20", "train_random_order", "true", "logq", "1");
    CHECK_BYTES(MOST_ITEMS, "layers", "20", "validation", "0.5");
    CHECK_BYTES(ITEMS, "layers", "100", "batch_size", "16", "n_sample", "512",
                "precision", "bfloat16", "bptt", "2");
    CHECK_BYTES(MOST_ITEMS, "layers", "20", "n_sample", "all", "precision", "bfloat16");
}

/* Sizes beyond any memory are SIZE_MAX-ish, not small by overflow. */
static void test_bytes_do_not_overflow(void)
{
    static fixture f;
    gru4rec_error error;
    start(&f, lengths);
    set(&f, "layers", "65536/65536/65536");
    set(&f, "batch_size", "65536");
    set(&f, "n_sample", "1000000");
    set(&f, "momentum", "0.5");
    gru4rec_options_resolve(&f.options, &error);
    CHECK(gru4rec_train_bytes(&f.options, INT32_MAX, INT64_MAX) > (size_t)1 << 50);
}

/* Every request fails once, alone and with all after it: NOMEM and nothing left over. */
static void sweep(bool is_sticky)
{
    static fixture f;
    gru4rec_error error;
    gru4rec_status status = GRU4REC_NOMEM;
    size_t i = 0;
    while (status == GRU4REC_NOMEM && i++ < 100) {
        fault_alloc fault = {.fail_at = i, .is_sticky = is_sticky};
        gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        start(&f, lengths);
        set(&f, "train_random_order", "true");
        status = train_with(&f, &allocator, &error);
        if (fault.n_failed > 0) {
            CHECK_INT(GRU4REC_NOMEM, status);
            CHECK(strstr(error.message, "out of memory") != NULL);
        }
        finish(&f);
        CHECK_INT(0, fault.n_live);
    }
    CHECK_INT(GRU4REC_OK, status);
    CHECK(i > 8);
}

static void test_short_memory(void)
{
    sweep(false);
    sweep(true);
}

int main(void)
{
    RUN(test_counts);
    RUN(test_progress_of_long_steps);
    RUN(test_counts_without_samples);
    RUN(test_cost_and_loss);
    RUN(test_learns);
    RUN(test_everything_learns);
    RUN(test_short_blocks_are_updates_too);
    RUN(test_best_epoch);
    RUN(test_no_hooks);
    RUN(test_hooks_stop);
    RUN(test_nan_is_divergence);
    RUN(test_nan_is_divergence_for_every_loss);
    RUN(test_bad_weight_is_divergence);
    RUN(test_unusable_data);
    RUN(test_fewer_sessions_than_lanes);
    RUN(test_one_item);
    RUN(test_seeds);
    RUN(test_random_order);
    RUN(test_bytes);
    RUN(test_bytes_do_not_overflow);
    RUN(test_short_memory);
    return test_end();
}

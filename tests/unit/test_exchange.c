/*
 * test_exchange.c - a training over several ranks, which are threads here, against the
 * same training with option groups in one process: the same bits, whatever the options
 * and however the sessions are divided. And how such trainings end: stops, failures of
 * one rank or of the exchange, ranks that differ.
 */
#define _POSIX_C_SOURCE 200809L
#include "../../src/kernels/blas.h"
#include "../../src/model/model.h"
#include "../../src/model/network.h"
#include "../lib/fault_alloc.h"
#include "../lib/hall.h"
#include "../lib/settings.h"

enum { ITEMS = 23, MOST_EVENTS = 400, MOST_SESSIONS = 64, MOST_EPOCHS = 8 };

/* A training, of all groups or of one rank, and what its hooks saw. */
typedef struct trainee {
    gru4rec_options options;
    gru4rec_training training;
    int32_t rows[MOST_EVENTS];
    int64_t offsets[MOST_SESSIONS + 1];
    int32_t groups[MOST_SESSIONS];
    gru4rec_dataset data, held;
    fault_alloc fault;
    hall_rank at;
    bool is_rank;
    /* Behaviour of the hooks; 0: none. */
    int64_t stop_poll, stop_epoch, fail_validate, spoil_poll;
    g4r_real spoil_by; /* added to a weight at that poll */
    int64_t n_polls, n_epochs, n_measured, best_epoch;
    int64_t stopped_at; /* calls of hooks before the poll that said stop */
    gru4rec_progress last;
    gru4rec_epoch epochs[MOST_EPOCHS];
    gru4rec_status status;
    gru4rec_error error;
    int64_t n_done; /* epochs that were done before */
} trainee;

typedef struct fixture {
    int32_t n_ranks;
    trainee whole, ranks[MOST_RANKS];
    hall hall;
} fixture;

static int64_t support[ITEMS];

/* ---- set up ---- */

static void add_session(trainee *t, int32_t group, int64_t length, int64_t number)
{
    const int64_t s = t->data.n_sessions++, n = t->data.n_events;
    for (int64_t i = 0; i < length; i++)
        t->rows[n + i] = (int32_t)((number * 5 + i * i) % ITEMS);
    t->groups[s] = group;
    t->data.n_events = t->offsets[s + 1] = n + length;
    t->data.n_single += length == 1;
}

/* How sessions are divided: the digit of a session's group, over and over. */
static const char even[] = "0123", uneven[] = "0010230000001";
static const char without_first[] = "1231322", without_last[] = "00120101";

static int32_t group_of(const char *division, int64_t session, int32_t n_ranks)
{
    return (division[(size_t)session % strlen(division)] - '0') % n_ranks;
}

static void init(trainee *t, const fixture *f, const char *settings)
{
    memset(t, 0, sizeof *t);
    gru4rec_options_init(&t->options);
    set_all(&t->options, GRU4REC_SCOPE_TRAIN,
            "preset=official layers=8 batch_size=4 n_sample=6 n_epochs=2 "
            "threads=1");
    set_all(&t->options, GRU4REC_SCOPE_TRAIN, settings);
    t->options.groups = t == &f->whole ? f->n_ranks : 1;
    t->data = (gru4rec_dataset){.allocator = g4r_alloc_libc,
                                .item_rows = t->rows,
                                .offsets = t->offsets};
    t->is_rank = t != &f->whole;
    if (t->is_rank)
        return;
    t->data.groups = t->groups;
    t->data.n_groups = f->n_ranks;
}

/* Sessions of all lengths, some of one event. division: "" leaves no session. */
static void start(fixture *f, int32_t n_ranks, const char *division, const char *settings)
{
    static const int64_t lengths[] = {4, 6, 2, 1, 3, 5, 2, 7, 1, 4, 3, 9, 2, 1, 2, 8, 3};
    enum { N = sizeof lengths / sizeof *lengths, SESSIONS = 40 };
    f->n_ranks = n_ranks;
    hall_start(&f->hall, n_ranks);
    init(&f->whole, f, settings);
    for (int32_t i = 0; i < n_ranks; i++) {
        init(&f->ranks[i], f, settings);
        f->ranks[i].at = (hall_rank){.hall = &f->hall, .rank = i};
    }
    for (int64_t s = 0; *division != '\0' && s < SESSIONS; s++) {
        const int32_t group = group_of(division, s, n_ranks);
        add_session(&f->whole, group, lengths[s % N], s);
        add_session(&f->ranks[group], 0, lengths[s % N], s);
    }
    for (int64_t i = 0; i < ITEMS; i++)
        support[i] = i < ITEMS - 1 ? 1 + i % 3 : 1;
}

static void finish(fixture *f)
{
    gru4rec_training_free(&f->whole.training);
    CHECK_INT(0, f->whole.fault.n_live);
    for (int32_t i = 0; i < f->n_ranks; i++) {
        gru4rec_training_free(&f->ranks[i].training);
        CHECK_INT(0, f->ranks[i].fault.n_live);
    }
    hall_end(&f->hall);
}

/* ---- hooks ---- */

static int on_poll(void *context, const gru4rec_progress *progress)
{
    trainee *t = context;
    t->last = *progress;
    if (++t->n_polls == t->spoil_poll)
        t->training.model->values[0][1] += t->spoil_by;
    if (t->n_polls == t->stop_poll)
        t->stopped_at = t->at.n_calls;
    return t->n_polls == t->stop_poll;
}

static int on_epoch(void *context, const gru4rec_epoch *epoch)
{
    trainee *t = context;
    t->epochs[(epoch->epoch - 1) % MOST_EPOCHS] = *epoch;
    return ++t->n_epochs == t->stop_epoch;
}

/* Best in the second epoch; what ranks above 0 find must not count. */
static gru4rec_status on_validate(void *context, const gru4rec_model *model,
                                  double *recall, double *mrr, gru4rec_error *error)
{
    static const double of_epoch[] = {0.3, 0.5, 0.4, 0.2, 0.1, 0.1, 0.1, 0.1};
    trainee *t = context;
    (void)model;
    *recall = 0.9;
    *mrr = t->at.rank == 0 ? of_epoch[t->n_done + t->n_measured] : (double)t->n_measured;
    if (++t->n_measured != t->fail_validate)
        return GRU4REC_OK;
    snprintf(error->message, sizeof error->message, "no luck");
    return GRU4REC_NOMEM;
}

/* ---- training ---- */

static void *train(void *context)
{
    trainee *t = context;
    const gru4rec_ranks ranks = t->is_rank ? hall_hooks(&t->at) : (gru4rec_ranks){0};
    const gru4rec_hooks hooks = {.poll = on_poll,
                                 .epoch = on_epoch,
                                 .validate = on_validate,
                                 .context = t,
                                 .ranks = t->is_rank ? &ranks : NULL};
    t->n_polls = t->n_epochs = t->n_measured = 0;
    t->error.message[0] = '\0';
    t->status = gru4rec_train(&t->training, &t->data, support, &t->options, t->epochs,
                              (size_t)t->n_done, &hooks, &t->best_epoch, &t->error);
    return NULL;
}

/* Makes the model when it is used first, from the options' seed. */
static void prepare(trainee *t)
{
    const gru4rec_allocator allocator = fault_alloc_allocator(&t->fault);
    gru4rec_error error = {""};
    t->held = t->data;
    if (t->options.validation > 0)
        t->data.validation = &t->held;
    if (t->training.model != NULL)
        return;
    if (!CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&t->options, &error)) ||
        !CHECK_INT(GRU4REC_OK, gru4rec_training_new(&allocator, &t->options, ITEMS,
                                                    &t->training, &error))) {
        printf("  %s\n", error.message);
        abort();
    }
    gru4rec_model_init(t->training.model, &t->options);
}

static void train_whole(fixture *f)
{
    prepare(&f->whole);
    train(&f->whole);
}

static void train_ranks(fixture *f)
{
    pthread_t threads[MOST_RANKS];
    for (int32_t i = 0; i < f->n_ranks; i++)
        prepare(&f->ranks[i]);
    for (int32_t i = 0; i < f->n_ranks; i++)
        if (pthread_create(&threads[i], NULL, train, &f->ranks[i]) != 0)
            abort();
    for (int32_t i = 0; i < f->n_ranks; i++)
        pthread_join(threads[i], NULL);
}

static bool has_same_values(const gru4rec_model *a, const gru4rec_model *b)
{
    for (size_t i = 0; i < a->params.n; i++)
        if (memcmp(a->values[i], b->values[i],
                   g4r_param_size(&a->params.list[i]) * sizeof(g4r_real)) != 0)
            return false;
    return true;
}

static bool has_same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static void check_same_epochs(const trainee *a, const trainee *b)
{
    for (int64_t i = 0; i < a->options.n_epochs && i < MOST_EPOCHS; i++) {
        const gru4rec_epoch *x = &a->epochs[i], *y = &b->epochs[i];
        CHECK_INT(x->epoch, y->epoch);
        CHECK_INT(x->steps, y->steps);
        CHECK_INT(x->updates, y->updates);
        CHECK_INT(x->narrow, y->narrow);
        CHECK_INT(x->events, y->events);
        CHECK(has_same_bits(x->loss, y->loss));
        CHECK(has_same_bits(x->cost, y->cost));
        CHECK(a->options.validation == 0 || has_same_bits(x->mrr, y->mrr));
    }
}

/* Both have trained to their end, and cannot be told apart. */
static void check_same(const trainee *a, const trainee *b)
{
    CHECK_INT(GRU4REC_OK, a->status);
    if (!CHECK_INT(GRU4REC_OK, b->status))
        printf("  %s\n", b->error.message);
    CHECK_INT(a->training.updates, b->training.updates);
    CHECK_INT(a->best_epoch, b->best_epoch);
    CHECK_INT(a->last.total_events, b->last.total_events);
    CHECK(has_same_values(a->training.model, b->training.model));
    for (int slot = 0; slot < GRU4REC_N_SLOTS; slot++)
        CHECK(a->training.slot[slot] == NULL ||
              has_same_values(a->training.slot[slot], b->training.slot[slot]));
    check_same_epochs(a, b);
}

static void check_bits(int32_t n_ranks, const char *division, const char *settings)
{
    static fixture f;
    char label[300];
    const char *kept = test_running;
    snprintf(label, sizeof label, "%s: %d ranks, %s, %s", kept, (int)n_ranks, division,
             settings);
    test_running = label;
    start(&f, n_ranks, division, settings);
    train_whole(&f);
    train_ranks(&f);
    for (int32_t i = 0; i < n_ranks; i++)
        check_same(&f.whole, &f.ranks[i]);
    CHECK(f.whole.epochs[0].events > 50);
    finish(&f);
    test_running = kept;
}

/* ---- the same bits ---- */

static const char *const sets[] = {
    "loss=cross-entropy",
    "loss=xe_logit smoothing=0.1 logq=1",
    "loss=bpr",
    "loss=bpr-max bpreg=1.3",
    "loss=top1 final_act=tanh",
    "loss=top1-max",
    "dropout_p_embed=0.3 dropout_p_hidden=0.2",
    "n_sample=0",
    "n_sample=0 loss=bpr-max dropout_p_hidden=0.2",
    "n_sample=0 bptt=3",
    "n_sample=all",
    "n_sample=all bptt=3 smoothing=0.1 dropout_p_hidden=0.2",
    "n_sample=all constrained_embedding=false",
    "n_sample=all embedding=5 bptt=2",
    "bptt=3 dropout_p_embed=0.3 dropout_p_hidden=0.2 layers=8/5",
    "bptt=50",
    "whole_sessions=true bptt=9",
    "whole_sessions=true",
    "train_random_order=true",
    "train_random_order=true bptt=4 whole_sessions=true n_sample=all",
    "logq=1 sample_alpha=0.7",
    "embedding=6 dropout_p_embed=0.2",
    "constrained_embedding=false dropout_p_hidden=0.2",
    "constrained_embedding=false reset_after=false bptt=2",
    "reset_after=false layers=6/8",
    "feedforward=7/6 dropout_p_hidden=0.3",
    "momentum=0.3",
    "adapt=rmsprop",
    "adapt=adadelta momentum=0.1",
    "adapt=adam",
    "adapt=sgd lmbd=0.01",
    "grad_cap=0.05",
    "grad_cap=0.05 n_sample=all embedding=5",
    "biases=false",
    "biases=false n_sample=all",
    "batch_size=1",
    "batch_size=30",
    "validation=0.2 n_epochs=5 patience=2",
    "exchange_precision=bfloat16",
    "exchange_precision=bfloat16 bptt=3 n_sample=all momentum=0.3",
    "exchange_precision=bfloat16 sync_steps=2",
    "precision=bfloat16",
    "precision=bfloat16 bptt=3 dropout_p_hidden=0.2 layers=8/5 feedforward=7",
    "precision=bfloat16 n_sample=all reset_after=false embedding=5",
    "precision=bfloat16 sync_steps=3",
    "sync_steps=2",
    "sync_steps=3 dropout_p_embed=0.3 dropout_p_hidden=0.2 layers=8/5 loss=bpr-max",
    "sync_steps=7 feedforward=7/6 logq=1 biases=false n_epochs=3",
    "sync_steps=1000 train_random_order=true batch_size=2",
    "sync_steps=2 validation=0.2 n_epochs=5 patience=2 reset_after=false",
};
enum { N_SETS = sizeof sets / sizeof *sets };

static void test_two_ranks(void)
{
    for (int i = 0; i < N_SETS; i++)
        check_bits(2, even, sets[i]);
}

static void test_three_ranks_of_which_two_run_out(void)
{
    for (int i = 0; i < N_SETS; i++)
        check_bits(3, uneven, sets[i]);
}

static void test_four_ranks_and_the_first_has_no_session(void)
{
    for (int i = 0; i < N_SETS; i++)
        check_bits(4, without_first, sets[i]);
}

static void test_four_ranks_and_the_last_has_no_session(void)
{
    for (int i = 0; i < N_SETS; i++)
        check_bits(4, without_last, sets[i]);
}

/* Wide enough that products, columns and lanes are cut for threads. */
static void test_threads(void)
{
    check_bits(2, even, "layers=96 n_sample=900 batch_size=16 threads=3 n_epochs=1");
    check_bits(3, uneven, "layers=96 n_sample=900 threads=2 n_epochs=1 bptt=2");
    check_bits(3, uneven,
               "layers=96 n_sample=900 threads=2 n_epochs=1 bptt=2 precision=bfloat16");
    check_bits(3, uneven, "layers=96 n_sample=900 threads=2 n_epochs=1 sync_steps=4");
}

/* A rank that is alone is a training in one process, which needs no ranks. */
static void test_one_rank(void)
{
    for (int i = 0; i < N_SETS; i++)
        check_bits(1, even, sets[i]);
}

/*
 * What groups are, said without them: one group whose lanes are those of both, as long as
 * the sessions have one length. Only the order of sums differs. Observed: 3e-8.
 */
static void check_meaning(const char *settings)
{
    static fixture two, one;
    start(&two, 2, "", settings);
    start(&one, 1, "", settings);
    one.whole.options.batch_size *= 2;
    for (int32_t s = 0; s < 8; s++) {
        add_session(&two.whole, s / 4, 5, s);
        add_session(&one.whole, 0, 5, s);
    }
    train_whole(&two);
    train_whole(&one);
    const gru4rec_model *a = two.whole.training.model, *b = one.whole.training.model;
    CHECK_INT(GRU4REC_OK, two.whole.status);
    CHECK_INT(one.whole.epochs[1].steps, two.whole.epochs[1].steps);
    CHECK_NEAR(one.whole.epochs[1].loss, two.whole.epochs[1].loss, 1e-6);
    CHECK_NEAR(one.whole.epochs[1].cost, two.whole.epochs[1].cost, 1e-6);
    for (size_t i = 0; i < a->params.n; i++)
        for (size_t k = 0; k < g4r_param_size(&a->params.list[i]); k++)
            CHECK_NEAR(b->values[i][k], a->values[i][k], 1e-6);
    finish(&two);
    finish(&one);
}

static void test_meaning(void)
{
    static const char *const of[] = {
        "adapt=sgd dropout_p_embed=0.3 dropout_p_hidden=0.2",
        "adapt=sgd dropout_p_hidden=0.2 layers=8/5 bptt=3 loss=bpr-max",
        "adapt=sgd n_sample=0 loss=top1-max embedding=5 dropout_p_embed=0.4",
        "adapt=sgd n_sample=all constrained_embedding=false dropout_p_hidden=0.1",
        "adapt=sgd n_sample=all dropout_p_embed=0.2 bptt=2"};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        check_meaning(of[i]);
}

/* ---- resumed ---- */

static void check_resumed(const char *settings)
{
    static fixture f;
    start(&f, 3, uneven, settings);
    train_whole(&f);
    const int64_t n_epochs = f.whole.options.n_epochs;
    for (int32_t i = 0; i < 3; i++)
        f.ranks[i].options.n_epochs = 2;
    train_ranks(&f);
    for (int32_t i = 0; i < 3; i++) {
        f.ranks[i].options.n_epochs = n_epochs;
        f.ranks[i].n_done = 2;
    }
    train_ranks(&f);
    for (int32_t i = 0; i < 3; i++)
        check_same(&f.whole, &f.ranks[i]);
    gru4rec_training_free(&f.whole.training);
    f.whole.options.n_epochs = 2;
    train_whole(&f);
    f.whole.options.n_epochs = n_epochs;
    f.whole.n_done = 2;
    train_whole(&f);
    check_same(&f.whole, &f.ranks[0]);
    finish(&f);
}

/* Ranks, and groups in one process, that stop after two epochs and go on. */
static void test_resumed(void)
{
    check_resumed("n_epochs=4 dropout_p_hidden=0.2 adapt=adam");
    check_resumed("n_epochs=5 train_random_order=true bptt=3 momentum=0.2");
    check_resumed("n_epochs=5 train_random_order=true sync_steps=3");
}

/* A rank that resumes after another epoch than the others is found before the first step. */
static void test_resumed_differently(void)
{
    static fixture f;
    start(&f, 2, even, "n_epochs=4");
    train_ranks(&f);
    f.ranks[0].options.n_epochs = f.ranks[1].options.n_epochs = 6;
    f.ranks[0].n_done = 4;
    f.ranks[1].n_done = 3;
    train_ranks(&f);
    for (int32_t i = 0; i < 2; i++) {
        CHECK_INT(GRU4REC_INVALID, f.ranks[i].status);
        CHECK_INT(0, f.ranks[i].n_polls);
    }
    finish(&f);
}

/* ---- how it ends ---- */

/* Rank one ends with own, and the others with other. */
static void check_end(const fixture *f, int32_t one, gru4rec_status own,
                      gru4rec_status other)
{
    for (int32_t i = 0; i < f->n_ranks; i++) {
        CHECK_INT(i == one ? own : other, f->ranks[i].status);
        CHECK(f->ranks[i].error.message[0] != '\0');
        CHECK_INT(f->ranks[0].at.n_calls, f->ranks[i].at.n_calls);
    }
}

/* A stop at any poll or epoch of any rank ends all; the next training is none the worse. */
static void check_stop(const char *division, const char *settings)
{
    static fixture f;
    for (int32_t rank = 0; rank < 3; rank++)
        for (int64_t at = 1; at <= 12; at++) {
            start(&f, 3, division, settings);
            trainee *t = &f.ranks[rank];
            t->stop_poll = at < 11 ? at : 0;
            t->stop_epoch = at >= 11 ? at - 10 : 0;
            train_ranks(&f);
            check_end(&f, -1, GRU4REC_INTERRUPTED, GRU4REC_INTERRUPTED);
            CHECK_TEXT("interrupted", f.ranks[(rank + 1) % 3].error.message);
            t->stop_poll = t->stop_epoch = 0;
            for (int32_t i = 0; i < 3; i++)
                gru4rec_training_free(&f.ranks[i].training);
            train_ranks(&f);
            train_whole(&f);
            check_same(&f.whole, &f.ranks[rank]);
            finish(&f);
        }
}

static void test_stop(void)
{
    check_stop(uneven, "n_epochs=2");
    check_stop(uneven, "n_epochs=2 n_sample=all bptt=4");
    check_stop(uneven, "n_epochs=2 whole_sessions=true bptt=20");
    check_stop(even, "n_epochs=2 sync_steps=4");
}

/*
 * A stop at any poll of any rank, also of one whose sessions have run out, ends all at
 * its next exchange.
 */
static void check_stop_at_once(const char *division, const char *settings)
{
    static fixture f;
    int64_t n_polls[3];
    start(&f, 3, division, settings);
    train_ranks(&f);
    for (int32_t rank = 0; rank < 3; rank++)
        n_polls[rank] = f.ranks[rank].n_polls;
    finish(&f);
    for (int32_t rank = 0; rank < 3; rank++)
        for (int64_t at = 1; at <= n_polls[rank]; at++) {
            start(&f, 3, division, settings);
            f.ranks[rank].stop_poll = at;
            train_ranks(&f);
            check_end(&f, -1, GRU4REC_INTERRUPTED, GRU4REC_INTERRUPTED);
            CHECK_INT(f.ranks[rank].stopped_at + 1, f.ranks[rank].at.n_calls);
            finish(&f);
        }
    CHECK(n_polls[0] > 2 && n_polls[1] > 2);
}

static void test_stop_at_once(void)
{
    check_stop_at_once(uneven, "n_epochs=1");
    check_stop_at_once(uneven, "n_epochs=2 bptt=3 validation=0.2");
    check_stop_at_once(uneven, "n_epochs=2 sync_steps=2");
    check_stop_at_once(uneven, "n_epochs=1 sync_steps=5 validation=0.2");
    check_stop_at_once("12", "n_epochs=1 sync_steps=3");
}

/* Each exchange fails once: its status ends all, and no rank makes another exchange. */
static void check_failing_exchange(const char *settings)
{
    static fixture f;
    start(&f, 3, uneven, settings);
    train_ranks(&f);
    const int64_t n_calls = f.ranks[0].at.n_calls;
    finish(&f);
    CHECK(n_calls > 20);
    for (int64_t at = 1; at <= n_calls; at++) {
        start(&f, 3, uneven, settings);
        f.hall.fail_at = at;
        train_ranks(&f);
        check_end(&f, -1, GRU4REC_INVALID, GRU4REC_INVALID);
        for (int32_t i = 0; i < 3; i++) {
            CHECK_TEXT("the hall is closed", f.ranks[i].error.message);
            CHECK_INT(at, f.ranks[i].at.n_calls);
        }
        finish(&f);
    }
}

static void test_failing_exchange(void)
{
    check_failing_exchange("n_epochs=1");
    check_failing_exchange("n_epochs=2 bptt=3 validation=0.2");
    check_failing_exchange("n_epochs=1 sync_steps=2");
}

/* Each allocation of one rank fails once. */
static void check_short_memory(const char *settings)
{
    static fixture f;
    for (int32_t rank = 0; rank < 2; rank++) {
        gru4rec_status status = GRU4REC_NOMEM;
        size_t n = 0;
        while (status == GRU4REC_NOMEM && n++ < 100) {
            start(&f, 2, even, settings);
            trainee *t = &f.ranks[rank];
            prepare(t);
            t->fault.fail_at = t->fault.n_requests + n;
            train_ranks(&f);
            status = t->status;
            if (status == GRU4REC_NOMEM)
                check_end(&f, rank, GRU4REC_NOMEM, GRU4REC_INTERRUPTED);
            finish(&f);
        }
        CHECK_INT(GRU4REC_OK, status);
        CHECK(n > 8);
    }
}

static void test_short_memory(void)
{
    check_short_memory("train_random_order=true n_epochs=1");
    check_short_memory("sync_steps=3 n_epochs=1");
}

/* Each allocation of a process with several copies fails once. */
static void test_short_memory_of_copies(void)
{
    static fixture f;
    gru4rec_status status = GRU4REC_NOMEM;
    size_t n = 0;
    while (status == GRU4REC_NOMEM && n++ < 100) {
        start(&f, 3, even, "sync_steps=3 n_epochs=1 validation=0.2");
        prepare(&f.whole);
        f.whole.fault.fail_at = f.whole.fault.n_requests + n;
        train_whole(&f);
        status = f.whole.status;
        finish(&f);
    }
    CHECK_INT(GRU4REC_OK, status);
    CHECK(n > 20);
}

static void test_failing_validation(void)
{
    static fixture f;
    for (int32_t rank = 0; rank < 3; rank++) {
        start(&f, 3, even, "validation=0.2 n_epochs=3");
        f.ranks[rank].fail_validate = 2;
        train_ranks(&f);
        check_end(&f, rank, GRU4REC_NOMEM, GRU4REC_INTERRUPTED);
        CHECK_TEXT("no luck", f.ranks[rank].error.message);
        const char *message = f.ranks[(rank + 1) % 3].error.message;
        char name[40];
        snprintf(name, sizeof name, "rank %d of 3", (int)rank);
        CHECK(strstr(message, name) != NULL);
        finish(&f);
    }
}

/* ---- ranks that differ ---- */

static void test_other_weights(void)
{
    static fixture f;
    start(&f, 3, even, "");
    f.ranks[2].options.seed = 7;
    train_ranks(&f);
    for (int32_t i = 0; i < 3; i++) {
        CHECK_INT(GRU4REC_INVALID, f.ranks[i].status);
        CHECK(strstr(f.ranks[i].error.message,
                     "the weights of rank 2 differ from those of rank 0") != NULL);
        CHECK_INT(0, f.ranks[i].n_polls);
    }
    finish(&f);
}

/* One value of one rank changes during an epoch: found at its end. */
static void test_spoiled_weights(void)
{
    static fixture f;
    start(&f, 2, even, "n_epochs=3");
    f.ranks[1].spoil_poll = 2;
    f.ranks[1].spoil_by = 1;
    train_ranks(&f);
    for (int32_t i = 0; i < 2; i++) {
        CHECK_INT(GRU4REC_INVALID, f.ranks[i].status);
        CHECK(strstr(f.ranks[i].error.message, "the weights of rank 1 differ") != NULL);
        CHECK_INT(0, f.ranks[i].n_epochs);
    }
    finish(&f);
}

/* A weight of one rank that is no number, behind the last step: no loss has shown it. */
static void test_one_rank_diverges(void)
{
    static fixture f;
    start(&f, 2, even, "n_epochs=1");
    train_ranks(&f);
    const int64_t n_polls = f.ranks[1].n_polls;
    finish(&f);
    start(&f, 2, even, "n_epochs=1");
    f.ranks[1].spoil_poll = n_polls;
    f.ranks[1].spoil_by = (g4r_real)NAN;
    train_ranks(&f);
    check_end(&f, 1, GRU4REC_DIVERGED, GRU4REC_INTERRUPTED);
    CHECK(strstr(f.ranks[0].error.message, "rank 1 of 2 ended with an error") != NULL);
    finish(&f);
}

static void test_divergence(void)
{
    static fixture f;
    start(&f, 3, uneven, "");
    for (int32_t i = 0; i < 3; i++) {
        prepare(&f.ranks[i]);
        f.ranks[i].training.model->values[2][3] = (g4r_real)NAN;
    }
    train_ranks(&f);
    for (int32_t i = 0; i < 3; i++) {
        CHECK_INT(GRU4REC_DIVERGED, f.ranks[i].status);
        CHECK(strstr(f.ranks[i].error.message, "the loss is not finite after step 1") !=
              NULL);
    }
    finish(&f);
}

/* ---- data and options that cannot be used ---- */

static void test_no_session_at_all(void)
{
    static fixture f;
    start(&f, 3, "", "");
    add_session(&f.ranks[1], 0, 1, 5);
    add_session(&f.ranks[2], 0, 1, 5);
    train_ranks(&f);
    for (int32_t i = 0; i < 3; i++) {
        CHECK_INT(GRU4REC_INVALID, f.ranks[i].status);
        CHECK(strstr(f.ranks[i].error.message, "none of the 2 sessions has two events") !=
              NULL);
    }
    finish(&f);
}

/* The target of a lane of another rank is a negative too. */
static void test_negatives_of_other_ranks(void)
{
    static fixture f;
    start(&f, 2, "", "n_sample=0");
    add_session(&f.ranks[0], 0, 4, 1);
    train_ranks(&f);
    CHECK_INT(GRU4REC_INVALID, f.ranks[0].status);
    CHECK_INT(GRU4REC_INVALID, f.ranks[1].status);
    CHECK(strstr(f.ranks[1].error.message, "n_sample 0 needs at least 2") != NULL);
    add_session(&f.ranks[1], 0, 3, 2);
    train_ranks(&f);
    CHECK_INT(GRU4REC_OK, f.ranks[1].status);
    CHECK_INT(2, f.ranks[1].epochs[0].steps); /* then one lane is left */
    CHECK_INT(4, f.ranks[1].epochs[0].events);
    CHECK_INT(5, f.ranks[1].last.total_events);
    finish(&f);
}

static void test_refused_groups(void)
{
    static fixture f;
    start(&f, 2, even, "");
    f.ranks[0].options.groups = f.ranks[1].options.groups = 2;
    train_ranks(&f);
    check_end(&f, -1, GRU4REC_INVALID, GRU4REC_INVALID);
    CHECK(strstr(f.ranks[0].error.message, "groups plays several processes") != NULL);
    f.whole.options.groups = 3;
    train_whole(&f);
    CHECK_INT(GRU4REC_INVALID, f.whole.status);
    CHECK(strstr(f.whole.error.message,
                 "groups is 3, but the sessions are divided among 2 groups") != NULL);
    finish(&f);
}

/* ---- memory ---- */

/* Of BLAS, which the allocator does not see: one thread. */
static size_t blas_bytes(const gru4rec_options *options, int32_t n_groups)
{
    g4r_params params;
    g4r_params_init(&params, options, ITEMS);
    const size_t n_samples = options->n_sample > 0 ? (size_t)options->n_sample : 0;
    if (options->sync_steps > 1)
        n_groups = 1;
    const size_t n = (size_t)(n_groups * options->batch_size) + n_samples;
    const size_t side = g4r_network_side(&params);
    return g4r_blas_bytes(side > n ? side : n);
}

/* No less than is allocated, and not more than a fifth and 20 kB above it. */
static void check_peak(const trainee *t, size_t bytes, int32_t n_groups)
{
    bytes -= blas_bytes(&t->options, n_groups);
    CHECK_INT(GRU4REC_OK, t->status);
    CHECK(bytes >= t->fault.peak_bytes);
    if (!CHECK(bytes <= t->fault.peak_bytes + t->fault.peak_bytes / 5 + 20000))
        printf("  %zu bytes, %zu at most\n", bytes, t->fault.peak_bytes);
}

static void check_bytes(const char *settings)
{
    static fixture f;
    start(&f, 3, even, settings);
    train_whole(&f);
    train_ranks(&f);
    check_peak(&f.whole,
               gru4rec_train_bytes(&f.whole.options, ITEMS, f.whole.data.n_sessions), 3);
    for (int32_t i = 0; i < 3; i++)
        check_peak(&f.ranks[i],
                   gru4rec_train_rank_bytes(&f.ranks[i].options, ITEMS,
                                            f.ranks[i].data.n_sessions, 3),
                   3);
    finish(&f);
}

static void test_bytes(void)
{
    check_bytes("layers=60 n_sample=500");
    check_bytes("layers=60/40 n_sample=300 bptt=4 momentum=0.1");
    check_bytes("layers=60 n_sample=all embedding=30");
    check_bytes("layers=60 n_sample=0 train_random_order=true feedforward=30");
    check_bytes("layers=60 n_sample=500 sync_steps=2");
}

int main(void)
{
    RUN(test_two_ranks);
    RUN(test_three_ranks_of_which_two_run_out);
    RUN(test_four_ranks_and_the_first_has_no_session);
    RUN(test_four_ranks_and_the_last_has_no_session);
    RUN(test_threads);
    RUN(test_one_rank);
    RUN(test_meaning);
    RUN(test_resumed);
    RUN(test_resumed_differently);
    RUN(test_stop);
    RUN(test_stop_at_once);
    RUN(test_failing_exchange);
    RUN(test_short_memory);
    RUN(test_short_memory_of_copies);
    RUN(test_failing_validation);
    RUN(test_other_weights);
    RUN(test_spoiled_weights);
    RUN(test_one_rank_diverges);
    RUN(test_divergence);
    RUN(test_no_session_at_all);
    RUN(test_negatives_of_other_ranks);
    RUN(test_refused_groups);
    RUN(test_bytes);
    return test_end();
}

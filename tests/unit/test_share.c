/*
 * test_share.c - an evaluation over several ranks, which are threads here, against the
 * same evaluation in one process: the same bits of all figures and places, whatever is
 * measured. And how it ends if a rank fails or differs.
 */
#define _POSIX_C_SOURCE 200809L
#include "../../src/model/model.h"
#include "../lib/fault_alloc.h"
#include "../lib/hall.h"
#include "../lib/random_sessions.h"
#include "../lib/settings.h"

enum { ITEMS = 40, SESSIONS = 300, MOST_EVENTS = 6 * SESSIONS, MOST_METHODS = 8 };
enum { MOST_METRICS = 4 * 6 * MOST_METHODS };

/* One process, and what it gets. */
typedef struct member {
    gru4rec_options options;
    gru4rec_model *model;
    int64_t support[ITEMS];
    int32_t rows[MOST_EVENTS];
    int64_t offsets[SESSIONS + 1];
    double times[MOST_EVENTS];
    gru4rec_dataset test;
    gru4rec_baseline *baselines[GRU4REC_N_BASELINES];
    size_t n_baselines, n_metrics;
    gru4rec_metrics metrics[MOST_METRICS];
    int32_t places[MOST_METHODS * MOST_EVENTS];
    fault_alloc fault;
    hall_rank at;
    bool is_rank;
    int64_t n_polls, stop_poll; /* 0: never */
    gru4rec_status status;
    gru4rec_error error;
} member;

static member whole, ranks[MOST_RANKS];

/* settings: options of the evaluation as "name=value name=value ...". */
static void start(member *m, int64_t n_sessions, const char *settings)
{
    memset(m, 0, sizeof *m);
    gru4rec_options_init(&m->options);
    set_all(&m->options, GRU4REC_SCOPE_TRAIN, "layers=7");
    set_all(&m->options, GRU4REC_SCOPE_EVALUATE, settings);
    CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&m->options, NULL));
    CHECK_INT(GRU4REC_OK, gru4rec_model_new(NULL, &m->options, ITEMS, &m->model, NULL));
    gru4rec_model_init(m->model, &m->options);
    for (size_t row = 0; row < ITEMS; row++)
        m->support[row] = 1 + (int64_t)(row * 7 % 11);
    make_random_sessions(&m->test, m->rows, m->offsets, m->times, n_sessions, ITEMS);
    const gru4rec_baseline_data data = {ITEMS, m->support, &m->test, 100};
    for (int kind = 0; kind < GRU4REC_N_BASELINES; kind++)
        if (gru4rec_baseline_is_asked(&m->options, (gru4rec_baseline_kind)kind))
            CHECK_INT(GRU4REC_OK,
                      gru4rec_baseline_new(NULL, (gru4rec_baseline_kind)kind, &m->options,
                                           &data, NULL, NULL,
                                           &m->baselines[m->n_baselines++], NULL));
}

static void finish(member *m)
{
    for (size_t i = 0; i < m->n_baselines; i++)
        gru4rec_baseline_free(m->baselines[i]);
    gru4rec_model_free(m->model);
    CHECK_INT(0, m->fault.n_live);
}

static int on_poll(void *context, const gru4rec_progress *progress)
{
    member *m = context;
    (void)progress;
    return ++m->n_polls == m->stop_poll;
}

static void *evaluate(void *context)
{
    member *m = context;
    const gru4rec_allocator allocator = fault_alloc_allocator(&m->fault);
    const gru4rec_ranks hooked = m->is_rank ? hall_hooks(&m->at) : (gru4rec_ranks){0};
    const gru4rec_hooks hooks = {.poll = on_poll,
                                 .context = m,
                                 .ranks = m->is_rank ? &hooked : NULL};
    const gru4rec_evaluation what = {.model = m->model,
                                     .support = m->support,
                                     .test = &m->test,
                                     .baselines =
                                         (const gru4rec_baseline *const *)m->baselines,
                                     .n_baselines = m->n_baselines,
                                     .places = m->places};
    m->n_metrics = gru4rec_evaluate_count(&what, &m->options);
    m->status =
        gru4rec_evaluate(&allocator, &what, &m->options, &hooks, m->metrics, &m->error);
    return NULL;
}

/* fail_at: the exchange that fails, from 1; 0: none. */
static void evaluate_ranks(int32_t n_ranks, int64_t fail_at)
{
    static hall hall_of_all;
    hall *h = &hall_of_all;
    pthread_t threads[MOST_RANKS];
    hall_start(h, n_ranks);
    h->fail_at = fail_at;
    for (int32_t i = 0; i < n_ranks; i++) {
        ranks[i].is_rank = true;
        ranks[i].at = (hall_rank){.hall = h, .rank = i};
        if (pthread_create(&threads[i], NULL, evaluate, &ranks[i]) != 0)
            abort();
    }
    for (int32_t i = 0; i < n_ranks; i++)
        pthread_join(threads[i], NULL);
    hall_end(h);
}

static bool has_same_bits(const double *a, const double *b, size_t n)
{
    return memcmp(a, b, n * sizeof *a) == 0;
}

static void check_same(const member *a, const member *b)
{
    CHECK_INT(GRU4REC_OK, a->status);
    if (!CHECK_INT(GRU4REC_OK, b->status))
        printf("  %s\n", b->error.message);
    CHECK_INT(a->n_metrics, b->n_metrics);
    for (size_t i = 0; i < a->n_metrics; i++) {
        const gru4rec_metrics *x = &a->metrics[i], *y = &b->metrics[i];
        const double xs[] = {x->recall, x->mrr,     x->ndcg,     x->recall_ci,
                             x->mrr_ci, x->ndcg_ci, x->coverage, x->popularity};
        const double ys[] = {y->recall, y->mrr,     y->ndcg,     y->recall_ci,
                             y->mrr_ci, y->ndcg_ci, y->coverage, y->popularity};
        CHECK(has_same_bits(xs, ys, sizeof xs / sizeof *xs));
        CHECK_INT(x->events, y->events);
        CHECK_INT(x->sessions, y->sessions);
        CHECK_INT(x->ties, y->ties);
        CHECK_INT(x->k, y->k);
    }
    const size_t n_methods = 1 + a->n_baselines;
    CHECK(memcmp(a->places, b->places,
                 n_methods * (size_t)a->test.n_events * sizeof *a->places) == 0);
}

static void check_figures(int32_t n_ranks, int64_t n_sessions, const char *settings)
{
    start(&whole, n_sessions, settings);
    evaluate(&whole);
    for (int32_t i = 0; i < n_ranks; i++)
        start(&ranks[i], n_sessions, settings);
    evaluate_ranks(n_ranks, 0);
    for (int32_t i = 0; i < n_ranks; i++) {
        check_same(&whole, &ranks[i]);
        CHECK(n_ranks == 1 || n_sessions < 10 || ranks[i].n_polls < whole.n_polls);
        finish(&ranks[i]);
    }
    finish(&whole);
}

static void test_same_figures(void)
{
    static const char *const sets[] = {
        "",
        "mode=median cutoffs=1/3/10/100",
        "segment=length cutoffs=5/20",
        "segment=popularity baselines=pop/vs-knn/stan cutoffs=3/20",
        "exclude_seen=true",
        "candidates=sample=7 seed=3",
        "last_only=true baselines=all cutoffs=20",
    };
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        for (int32_t n_ranks = 1; n_ranks <= 4; n_ranks++)
            check_figures(n_ranks, SESSIONS, sets[i]);
    check_figures(3, 2, "cutoffs=20"); /* a rank without sessions */
    check_figures(2, 0, "cutoffs=20");
}

/* ---- how it ends ---- */

static void check_end(int32_t n_ranks, int32_t one, gru4rec_status own,
                      gru4rec_status other)
{
    for (int32_t i = 0; i < n_ranks; i++) {
        CHECK_INT(i == one ? own : other, ranks[i].status);
        CHECK(ranks[i].error.message[0] != '\0');
        CHECK_INT(ranks[0].at.n_calls, ranks[i].at.n_calls);
        finish(&ranks[i]);
    }
}

static void test_stop(void)
{
    for (int32_t one = 0; one < 3; one++)
        for (int64_t at = 1; at < 200; at += 37) {
            for (int32_t i = 0; i < 3; i++)
                start(&ranks[i], SESSIONS, "");
            ranks[one].stop_poll = at;
            evaluate_ranks(3, 0);
            CHECK(strstr(ranks[(one + 1) % 3].error.message, "did not finish its share"));
            check_end(3, -1, GRU4REC_INTERRUPTED, GRU4REC_INTERRUPTED);
        }
}

static void test_short_memory(void)
{
    gru4rec_status status = GRU4REC_NOMEM;
    size_t n = 0;
    while (status == GRU4REC_NOMEM && n++ < 100) {
        for (int32_t i = 0; i < 2; i++)
            start(&ranks[i], SESSIONS, "baselines=pop");
        ranks[1].fault.fail_at = n;
        evaluate_ranks(2, 0);
        status = ranks[1].status;
        if (status == GRU4REC_NOMEM)
            check_end(2, 1, GRU4REC_NOMEM, GRU4REC_INTERRUPTED);
    }
    CHECK_INT(GRU4REC_OK, status);
    CHECK(n > 4);
    for (int32_t i = 0; i < 2; i++)
        finish(&ranks[i]);
}

/* What differs on one rank: 0: a weight; 1, 3: items, times of the test; 2: an option. */
static void check_difference(int what)
{
    for (int32_t i = 0; i < 3; i++)
        start(&ranks[i], SESSIONS, "");
    ranks[2].model->values[0][1] += what == 0;
    ranks[2].rows[7] ^= what == 1;
    ranks[2].options.last_only = what == 2;
    ranks[2].times[7] += what == 3;
    evaluate_ranks(3, 0);
    CHECK(strstr(ranks[0].error.message, "rank 2 has another model") != NULL);
    check_end(3, -1, GRU4REC_INVALID, GRU4REC_INVALID);
}

static void test_differences(void)
{
    for (int what = 0; what < 4; what++)
        check_difference(what);
}

static void test_failing_exchange(void)
{
    for (int32_t i = 0; i < 2; i++)
        start(&ranks[i], SESSIONS, "");
    evaluate_ranks(2, 0);
    const int64_t n_calls = ranks[0].at.n_calls;
    for (int32_t i = 0; i < 2; i++)
        finish(&ranks[i]);
    CHECK(n_calls > 5);
    for (int64_t at = 1; at <= n_calls; at++) {
        for (int32_t i = 0; i < 2; i++)
            start(&ranks[i], SESSIONS, "");
        evaluate_ranks(2, at);
        check_end(2, -1, GRU4REC_INVALID, GRU4REC_INVALID);
    }
}

int main(void)
{
    RUN(test_same_figures);
    RUN(test_stop);
    RUN(test_short_memory);
    RUN(test_differences);
    RUN(test_failing_exchange);
    return test_end();
}

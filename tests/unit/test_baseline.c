/*
 * test_baseline.c - baseline.c and scorer.c: what holds for every method, and pop; its
 * equations are checked in the test of its name.
 */
#include <pthread.h>

#include "../lib/baseline_logs.h"
#include "../lib/fault_alloc.h"

#define EACH_KIND(kind)                       \
    gru4rec_baseline_kind kind = GRU4REC_POP; \
    kind < GRU4REC_N_BASELINES;               \
    kind = (gru4rec_baseline_kind)(kind + 1)

static baseline_log shared_log;

/* The same log for all tests. */
static const gru4rec_baseline_data *make_data(void)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, 8, 1, 0);
    log_make(&shared_log, &rng, LOG_SESSIONS);
    return &shared_log.data;
}

static gru4rec_baseline *fit(gru4rec_baseline_kind kind)
{
    gru4rec_options options;
    gru4rec_baseline *baseline = NULL;
    gru4rec_options_init(&options);
    CHECK_INT(GRU4REC_OK, gru4rec_baseline_new(NULL, kind, &options, make_data(), NULL,
                                               NULL, &baseline, NULL));
    return baseline;
}

static gru4rec_scorer *ask(const gru4rec_baseline *baseline)
{
    gru4rec_scorer *scorer = NULL;
    CHECK_INT(GRU4REC_OK, gru4rec_scorer_new(NULL, baseline, &scorer));
    return scorer;
}

/* ---- names ---- */

/* Each method alone is a value of option baselines, in the order of the kinds. */
static void names_are_those_of_the_option(void)
{
    for (EACH_KIND(kind)) {
        gru4rec_options options;
        gru4rec_options_init(&options);
        CHECK_INT(GRU4REC_OK,
                  gru4rec_options_set(&options, GRU4REC_SCOPE_EVALUATE, "baselines",
                                      gru4rec_baseline_name(kind), NULL));
        for (EACH_KIND(other))
            CHECK(gru4rec_baseline_is_asked(&options, other) == (other == kind));
    }
    CHECK(!gru4rec_baseline_needs_sessions(GRU4REC_POP));
    CHECK(gru4rec_baseline_needs_sessions(GRU4REC_MARKOV));
    CHECK(!gru4rec_baseline_uses_days(GRU4REC_VS_KNN));
    CHECK(gru4rec_baseline_uses_days(GRU4REC_STAN));
    gru4rec_options all;
    gru4rec_options_init(&all);
    CHECK_INT(GRU4REC_OK, gru4rec_options_set(&all, GRU4REC_SCOPE_EVALUATE, "baselines",
                                              "all", NULL));
    for (EACH_KIND(kind))
        CHECK(gru4rec_baseline_is_asked(&all, kind));
}

/* ---- what it is fitted on ---- */

static void sessions_with_times_are_needed(void)
{
    gru4rec_baseline_data data = *make_data();
    gru4rec_dataset without = shared_log.sessions;
    gru4rec_options options;
    gru4rec_options_init(&options);
    without.times = NULL;
    for (int is_there = 0; is_there < 2; is_there++)
        for (EACH_KIND(kind)) {
            gru4rec_error error = {""};
            gru4rec_baseline *baseline;
            data.sessions = is_there ? &without : NULL;
            const bool is_ok = !gru4rec_baseline_needs_sessions(kind);
            CHECK_INT(is_ok ? GRU4REC_OK : GRU4REC_INVALID,
                      gru4rec_baseline_new(NULL, kind, &options, &data, NULL, NULL,
                                           &baseline, &error));
            CHECK((baseline != NULL) == is_ok);
            CHECK(is_ok || strstr(error.message, gru4rec_baseline_name(kind)) != NULL);
            gru4rec_baseline_free(baseline);
        }
    gru4rec_baseline_free(NULL);
    gru4rec_scorer_free(NULL);
}

/* Nothing of the data is read once a method is fitted. */
static void data_is_borrowed_for_the_fit_alone(void)
{
    for (EACH_KIND(kind)) {
        g4r_rng rng;
        log_prefix p;
        double before[LOG_ITEMS];
        gru4rec_baseline *baseline = fit(kind);
        gru4rec_scorer *scorer = ask(baseline);
        g4r_rng_seed(&rng, 2, 2, 0);
        log_make_prefix(&p, &rng);
        memcpy(before, gru4rec_scorer_score(scorer, &p.prefix).values, sizeof before);
        memset(&shared_log, 0x5a, sizeof shared_log);
        log_compare(scorer, &p.prefix, before);
        gru4rec_scorer_free(scorer);
        gru4rec_baseline_free(baseline);
    }
}

static void pop_is_by_support(void)
{
    const int64_t support[] = {3, 0, 7, 7, 1};
    const gru4rec_baseline_data data = {.n_items = 5, .support = support};
    const gru4rec_prefix prefix = {.n = 0};
    gru4rec_options options;
    gru4rec_baseline *baseline;
    gru4rec_options_init(&options);
    CHECK_INT(GRU4REC_OK, gru4rec_baseline_new(NULL, GRU4REC_POP, &options, &data, NULL,
                                               NULL, &baseline, NULL));
    gru4rec_scorer *scorer = ask(baseline);
    const gru4rec_scores scores = gru4rec_scorer_score(scorer, &prefix);
    CHECK_INT(4, scores.n);
    for (int i = 0; i < 5; i++)
        CHECK_NEAR((double)support[i], scores.values[i], 0);
    for (size_t i = 0; i < scores.n; i++)
        CHECK(scores.rows[i] != 1);
    gru4rec_scorer_free(scorer);
    gru4rec_baseline_free(baseline);
}

/* No session, no event, no item in common. */
static void nothing_gives_nothing(void)
{
    static const int64_t offsets[] = {0};
    static const double times[] = {0};
    static const int64_t support[LOG_ITEMS] = {0};
    static const int32_t rows[] = {4, 4, 1};
    const gru4rec_dataset sessions = {.offsets = (int64_t *)offsets,
                                      .times = (double *)times};
    const gru4rec_baseline_data data = {LOG_ITEMS, support, &sessions, 1};
    const gru4rec_prefix prefixes[] = {{rows, times, 0}, {rows, times, 1}};
    for (EACH_KIND(kind)) {
        gru4rec_options options;
        gru4rec_baseline *baseline;
        gru4rec_options_init(&options);
        CHECK_INT(GRU4REC_OK, gru4rec_baseline_new(NULL, kind, &options, &data, NULL,
                                                   NULL, &baseline, NULL));
        gru4rec_scorer *scorer = ask(baseline);
        CHECK_INT(0, gru4rec_scorer_score(scorer, &prefixes[0]).n);
        CHECK(gru4rec_scorer_score(scorer, &prefixes[1]).n <= 1); /* its own item */
        gru4rec_scorer_free(scorer);
        gru4rec_baseline_free(baseline);
    }
}

/* ---- memory ---- */

/* What is said is what is taken, but for sorting, which not every method does. */
static void bytes_are_what_is_taken(void)
{
    gru4rec_options options;
    gru4rec_options_init(&options);
    for (EACH_KIND(kind)) {
        fault_alloc fault = {0};
        gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        const gru4rec_baseline_data *data = make_data();
        gru4rec_baseline *baseline;
        gru4rec_scorer *scorer;
        const size_t bytes = gru4rec_baseline_bytes(kind, &options, data);
        CHECK_INT(GRU4REC_OK, gru4rec_baseline_new(&allocator, kind, &options, data, NULL,
                                                   NULL, &baseline, NULL));
        CHECK(fault.peak_bytes <= bytes);
        CHECK(fault.peak_bytes + LOG_SESSIONS * sizeof(uint32_t) >= bytes);
        const size_t kept = fault.live_bytes;
        CHECK_INT(kept, gru4rec_baseline_size(baseline));
        CHECK_INT(GRU4REC_OK, gru4rec_scorer_new(&allocator, baseline, &scorer));
        CHECK_INT(fault.live_bytes - kept, gru4rec_scorer_bytes(baseline));
        gru4rec_scorer_free(scorer);
        gru4rec_baseline_free(baseline);
        CHECK_INT(0, fault.n_live);
    }
}

static void short_memory_is_told_without_a_leak(void)
{
    gru4rec_options options;
    gru4rec_options_init(&options);
    for (EACH_KIND(kind)) {
        size_t fail_at = 0, n_failed = 1;
        while (n_failed > 0) {
            fault_alloc fault = {.fail_at = ++fail_at};
            gru4rec_allocator allocator = fault_alloc_allocator(&fault);
            gru4rec_error error = {""};
            gru4rec_baseline *baseline;
            gru4rec_scorer *scorer = NULL;
            gru4rec_status status =
                gru4rec_baseline_new(&allocator, kind, &options, make_data(), NULL, NULL,
                                     &baseline, &error);
            if (status == GRU4REC_OK)
                status = gru4rec_scorer_new(&allocator, baseline, &scorer);
            else
                CHECK(baseline == NULL && error.message[0] != '\0');
            n_failed = fault.n_failed;
            CHECK_INT(n_failed == 0 ? GRU4REC_OK : GRU4REC_NOMEM, status);
            CHECK((scorer != NULL) == (status == GRU4REC_OK));
            gru4rec_scorer_free(scorer);
            gru4rec_baseline_free(baseline);
            CHECK_INT(0, fault.n_live);
        }
        CHECK(fail_at >= 6); /* the fit has three, its scorer two */
    }
}

/* ---- stops ---- */

static bool is_stopped(void *context)
{
    int *left = context;
    return (*left)-- == 0;
}

static void a_fit_is_stopped_without_a_leak(void)
{
    gru4rec_options options;
    gru4rec_options_init(&options);
    for (EACH_KIND(kind)) {
        gru4rec_status status = GRU4REC_INTERRUPTED;
        for (int n = 0; status != GRU4REC_OK; n++) {
            fault_alloc fault = {0};
            gru4rec_allocator allocator = fault_alloc_allocator(&fault);
            gru4rec_baseline *baseline;
            int left = n;
            status = gru4rec_baseline_new(&allocator, kind, &options, make_data(),
                                          is_stopped, &left, &baseline, NULL);
            CHECK_INT(left < 0 ? GRU4REC_INTERRUPTED : GRU4REC_OK, status);
            CHECK((baseline != NULL) == (status == GRU4REC_OK));
            gru4rec_baseline_free(baseline);
            CHECK_INT(0, fault.n_live);
            CHECK(n > 0 || status != GRU4REC_OK ||
                  !gru4rec_baseline_needs_sessions(kind));
        }
    }
}

/* ---- threads ---- */

enum { THREADS = 4, PREFIXES = 300 };

typedef struct worker {
    const gru4rec_baseline *baseline;
    double scores[PREFIXES][LOG_ITEMS];
} worker;

static log_prefix prefixes[PREFIXES];

static void *score_all(void *context)
{
    worker *w = context;
    gru4rec_scorer *scorer;
    if (gru4rec_scorer_new(NULL, w->baseline, &scorer) != GRU4REC_OK)
        return NULL;
    for (size_t i = 0; i < PREFIXES; i++)
        memcpy(w->scores[i], gru4rec_scorer_score(scorer, &prefixes[i].prefix).values,
               sizeof w->scores[i]);
    gru4rec_scorer_free(scorer);
    return NULL;
}

/* Each has the bits of one that asks alone, in another order. */
static void threads_share_a_baseline(void)
{
    static worker workers[THREADS];
    pthread_t threads[THREADS];
    g4r_rng rng;
    g4r_rng_seed(&rng, 4, 4, 0);
    for (size_t i = 0; i < PREFIXES; i++)
        log_make_prefix(&prefixes[i], &rng);
    for (EACH_KIND(kind)) {
        gru4rec_baseline *baseline = fit(kind);
        gru4rec_scorer *scorer = ask(baseline);
        for (size_t t = 0; t < THREADS; t++) {
            workers[t].baseline = baseline;
            CHECK_INT(0, pthread_create(&threads[t], NULL, score_all, &workers[t]));
        }
        for (size_t t = 0; t < THREADS; t++)
            CHECK_INT(0, pthread_join(threads[t], NULL));
        for (size_t i = PREFIXES; i-- > 0;) {
            log_compare(scorer, &prefixes[i].prefix, workers[0].scores[i]);
            for (size_t t = 1; t < THREADS; t++)
                CHECK(memcmp(workers[0].scores[i], workers[t].scores[i],
                             sizeof workers[t].scores[i]) == 0);
        }
        gru4rec_scorer_free(scorer);
        gru4rec_baseline_free(baseline);
    }
}

int main(void)
{
    RUN(names_are_those_of_the_option);
    RUN(sessions_with_times_are_needed);
    RUN(data_is_borrowed_for_the_fit_alone);
    RUN(pop_is_by_support);
    RUN(nothing_gives_nothing);
    RUN(bytes_are_what_is_taken);
    RUN(short_memory_is_told_without_a_leak);
    RUN(a_fit_is_stopped_without_a_leak);
    RUN(threads_share_a_baseline);
    return test_end();
}

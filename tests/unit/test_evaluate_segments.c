/*
 * test_evaluate_segments.c - where targets stood, event by event, is what an evaluation
 * measures; and so are segments, to the last target. tests/sql/evaluate_segments.test counts
 * their coverage and popularity.
 */
#include "../../src/base/rng.h"
#include "../../src/evaluate/segment.h"
#include "../lib/test.h"

enum {
    ITEMS = 40,
    SESSIONS = 300,
    MOST_EVENTS = 20 * SESSIONS,
    CUTOFFS = 3,
    METHODS = 2
};
enum { MOST_ROWS = METHODS * G4R_SEGMENT_MOST * CUTOFFS };

static const int64_t cutoffs[CUTOFFS] = {1, 5, 20};
static const char *const methods[METHODS] = {"gru4rec", "pop"};

typedef struct fixture {
    gru4rec_options options;
    gru4rec_model *model;
    int64_t support[ITEMS], offsets[SESSIONS + 1];
    int32_t rows[MOST_EVENTS];
    gru4rec_dataset test;
    gru4rec_baseline *pop;
    const gru4rec_baseline *baselines[1];
    gru4rec_evaluation what;
    int32_t places[METHODS * MOST_EVENTS];
    gru4rec_metrics metrics[MOST_ROWS];
} fixture;

static void set(fixture *f, const char *name, const char *value)
{
    gru4rec_error error;
    CHECK_INT(GRU4REC_OK, gru4rec_options_set(&f->options, GRU4REC_SCOPE_EVALUATE, name,
                                              value, &error));
}

/* Sessions of 1 to 20 events, most of them short; popular items in most. */
static void make_sessions(fixture *f)
{
    g4r_rng rng;
    int64_t n = 0;
    g4r_rng_seed(&rng, 5, 0, 0);
    for (int64_t s = 0; s < SESSIONS; s++) {
        const int64_t length =
            1 + (int64_t)g4r_rng_below(&rng, 1 + g4r_rng_below(&rng, 20));
        for (int64_t i = 0; i < length; i++)
            f->rows[n++] = (int32_t)g4r_rng_below(&rng, 1 + g4r_rng_below(&rng, ITEMS));
        f->offsets[s + 1] = n;
    }
    f->test = (gru4rec_dataset){.n_sessions = SESSIONS,
                                .n_events = n,
                                .item_rows = f->rows,
                                .offsets = f->offsets};
}

static void start(fixture *f)
{
    gru4rec_error error;
    *f = (fixture){0};
    gru4rec_options_init(&f->options);
    gru4rec_options_set(&f->options, GRU4REC_SCOPE_TRAIN, "layers", "8", &error);
    if (!CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&f->options, &error)) ||
        !CHECK_INT(GRU4REC_OK,
                   gru4rec_model_new(NULL, &f->options, ITEMS, &f->model, &error)))
        exit(test_end());
    gru4rec_model_init(f->model, &f->options);
    for (int64_t i = 0; i < ITEMS; i++)
        f->support[i] = 200 / (i + 1);
    make_sessions(f);
    f->what = (gru4rec_evaluation){.model = f->model,
                                   .support = f->support,
                                   .test = &f->test,
                                   .places = f->places};
    set(f, "cutoffs", "1/5/20");
    set(f, "mode", "median");
    const gru4rec_baseline_data data = {.n_items = ITEMS, .support = f->support};
    CHECK_INT(GRU4REC_OK, gru4rec_baseline_new(NULL, GRU4REC_POP, &f->options, &data,
                                               NULL, NULL, &f->pop, &error));
    f->baselines[0] = f->pop;
    f->what.baselines = f->baselines;
    f->what.n_baselines = 1;
}

static void finish(fixture *f)
{
    gru4rec_baseline_free(f->pop);
    gru4rec_model_free(f->model);
}

static void evaluate(fixture *f)
{
    gru4rec_error error;
    CHECK_INT(METHODS * g4r_segment_count(f->options.segment) * CUTOFFS,
              gru4rec_evaluate_count(&f->what, &f->options));
    CHECK_INT(GRU4REC_OK,
              gru4rec_evaluate(NULL, &f->what, &f->options, NULL, f->metrics, &error));
}

/* ---- what places come to ---- */

static double gain(int measure, int32_t place, int64_t k)
{
    const double rank = 1 + place / 2.0;
    if (place < 0 || rank > (double)k)
        return 0;
    return measure == 0 ? 1 : measure == 1 ? 1 / rank : 1 / log2(1 + rank);
}

static void check_measure(const fixture *f, const gru4rec_metrics *m,
                          const int32_t *places, const uint8_t *segments, size_t segment,
                          int measure)
{
    const double means[] = {m->recall, m->mrr, m->ndcg};
    const double widths[] = {m->recall_ci, m->mrr_ci, m->ndcg_ci};
    double h[SESSIONS] = {0}, e[SESSIONS] = {0}, sum = 0, squares = 0, n = 0, events = 0;
    for (int64_t s = 0; s < SESSIONS; s++) {
        for (int64_t i = f->offsets[s]; i < f->offsets[s + 1]; i++)
            if (places[i] != GRU4REC_PLACE_NONE && segments[i] == segment) {
                e[s]++;
                h[s] += gain(measure, places[i], m->k);
            }
        n += e[s] > 0;
        events += e[s];
        sum += h[s];
    }
    CHECK_INT((int64_t)n, m->sessions);
    CHECK_INT((int64_t)events, m->events);
    if (events == 0) {
        CHECK(isnan(means[measure]) && isnan(widths[measure]) && isnan(m->coverage));
        return;
    }
    CHECK_NEAR(sum / events, means[measure], 1e-12);
    for (int64_t s = 0; s < SESSIONS; s++)
        squares += (h[s] - means[measure] * e[s]) * (h[s] - means[measure] * e[s]);
    if (n < 10)
        CHECK(isnan(widths[measure]));
    else
        CHECK_NEAR(1.96 * sqrt(n / (n - 1) * squares) / events, widths[measure], 1e-12);
}

/* All rows, in their order. */
static void check_rows(const fixture *f)
{
    static uint8_t segments[MOST_EVENTS];
    const int64_t kind = f->options.segment;
    const gru4rec_metrics *m = f->metrics;
    int64_t scratch[ITEMS];
    g4r_segment_fill(segments, kind, &f->test, f->support, ITEMS, scratch);
    for (int64_t method = 0; method < METHODS; method++)
        for (size_t segment = 0; segment < g4r_segment_count(kind); segment++)
            for (size_t c = 0; c < CUTOFFS; c++, m++) {
                CHECK_TEXT(methods[method], m->method);
                CHECK_TEXT(g4r_segment_name(kind, segment), m->segment);
                CHECK_INT(cutoffs[c], m->k);
                for (int measure = 0; measure < 3; measure++)
                    check_measure(f, m, f->places + method * f->test.n_events, segments,
                                  segment, measure);
            }
}

static void rows_are_what_places_come_to(void)
{
    static const char *const kinds[] = {"none", "position", "length", "popularity",
                                        "seen"};
    static fixture f;
    for (size_t i = 0; i < 10; i++) {
        start(&f);
        set(&f, "segment", kinds[i % 5]);
        set(&f, "last_only", i < 5 ? "false" : "true");
        evaluate(&f);
        check_rows(&f);
        finish(&f);
    }
}

/* ---- what segments leave as it is ---- */

static void segments_sum_to_the_whole(void)
{
    static const char *const kinds[] = {"position", "length", "popularity", "seen"};
    static fixture whole, f;
    for (size_t i = 0; i < 4; i++) {
        start(&whole);
        start(&f);
        set(&f, "segment", kinds[i]);
        evaluate(&whole);
        evaluate(&f);
        CHECK_INT(0, memcmp(whole.places, f.places, sizeof f.places));
        const size_t n_segments = g4r_segment_count(f.options.segment);
        for (size_t row = 0; row < METHODS * CUTOFFS; row++) {
            const gru4rec_metrics *all = &whole.metrics[row];
            int64_t events = 0, ties = 0;
            double recall = 0;
            for (size_t s = 0; s < n_segments; s++) {
                const size_t method = row / CUTOFFS, c = row % CUTOFFS;
                const gru4rec_metrics *m =
                    &f.metrics[(method * n_segments + s) * CUTOFFS + c];
                CHECK(m->events > 0 && m->coverage <= all->coverage);
                events += m->events;
                ties += m->ties;
                recall += m->recall * (double)m->events;
            }
            CHECK_INT(all->events, events);
            CHECK_INT(all->ties, ties);
            CHECK_NEAR(all->recall, recall / (double)events, 1e-12);
        }
        finish(&whole);
        finish(&f);
    }
}

static void threads_change_no_bit(void)
{
    static fixture a, b;
    start(&a);
    start(&b);
    set(&a, "segment", "position");
    set(&b, "segment", "position");
    a.options.threads = 1;
    b.options.threads = 8;
    evaluate(&a);
    evaluate(&b);
    CHECK_INT(0, memcmp(a.places, b.places, sizeof a.places));
    CHECK_INT(0, memcmp(a.metrics, b.metrics, sizeof a.metrics));
    finish(&a);
    finish(&b);
}

/* Places that nobody asks for are kept all the same. */
static void places_need_not_be_asked_for(void)
{
    static fixture a, b;
    start(&a);
    start(&b);
    b.what.places = NULL;
    evaluate(&a);
    evaluate(&b);
    CHECK_INT(0, memcmp(a.metrics, b.metrics, sizeof a.metrics));
    CHECK(a.metrics[0].recall_ci > 0);
    finish(&a);
    finish(&b);
}

int main(void)
{
    RUN(rows_are_what_places_come_to);
    RUN(segments_sum_to_the_whole);
    RUN(threads_change_no_bit);
    RUN(places_need_not_be_asked_for);
    return test_end();
}

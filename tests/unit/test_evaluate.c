/*
 * test_evaluate.c - metrics against a plain computation, event by event, with
 * gru4rec_session: tie modes, cut-offs, coverage, popularity, intervals, baselines, what is
 * left out; and what they may not depend on. The scores of baselines have tests of their
 * own, and so have segments.
 */
#include "../../src/model/model.h"
#include "../../src/base/rows.h"
#include "../../src/evaluate/negatives.h"
#include "../lib/fault_alloc.h"
#include "../lib/random_sessions.h"
#include "../lib/test.h"

enum { ITEMS = 40, SESSIONS = 600, MOST_EVENTS = 6 * SESSIONS + 200, CUTOFFS = 4 };
enum { METHODS = 1 + GRU4REC_N_BASELINES, TRAIN_SESSIONS = 100 };

static const int64_t cutoffs[CUTOFFS] = {1, 3, 10, 100}; /* the last beyond I */
static const char *const modes[] = {"standard", "conservative", "median"};

typedef struct fixture {
    gru4rec_options options;
    gru4rec_model *model;
    int64_t support[ITEMS];
    int32_t rows[MOST_EVENTS];
    int64_t offsets[SESSIONS + 1];
    double times[MOST_EVENTS];
    gru4rec_dataset test;
    gru4rec_baseline *baselines[GRU4REC_N_BASELINES];
    size_t n_baselines;
    const int32_t *candidates; /* (n_candidates) or NULL */
    size_t n_candidates;
    const gru4rec_allocator *allocator;
} fixture;

/* All of them, fitted on the first sessions. */
static void add_baselines(fixture *f)
{
    gru4rec_dataset train = f->test;
    train.n_sessions = TRAIN_SESSIONS;
    train.n_events = train.offsets[TRAIN_SESSIONS];
    const gru4rec_baseline_data data = {ITEMS, f->support, &train, 100};
    for (int kind = 0; kind < GRU4REC_N_BASELINES; kind++)
        CHECK_INT(GRU4REC_OK,
                  gru4rec_baseline_new(NULL, (gru4rec_baseline_kind)kind, &f->options,
                                       &data, NULL, NULL, &f->baselines[kind], NULL));
    f->n_baselines = GRU4REC_N_BASELINES;
}

/* n_flat items have no weights but one bias: exact ties. */
static bool start(fixture *f, size_t n_flat)
{
    gru4rec_error error;
    memset(f, 0, sizeof *f);
    gru4rec_options_init(&f->options);
    gru4rec_options_set(&f->options, GRU4REC_SCOPE_TRAIN, "layers", "7/5", &error);
    gru4rec_options_set(&f->options, GRU4REC_SCOPE_EVALUATE, "cutoffs", "1/3/10/100",
                        &error);
    if (!CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&f->options, &error)) ||
        !CHECK_INT(GRU4REC_OK,
                   gru4rec_model_new(NULL, &f->options, ITEMS, &f->model, &error)))
        return false;
    f->options.seed = 2;
    gru4rec_model_init(f->model, &f->options);
    const g4r_params *params = &f->model->params;
    for (size_t i = 0; i < g4r_param_size(&params->list[params->output]); i++)
        f->model->values[params->output][i] *= i < n_flat * params->width ? 0 : 4;
    for (size_t row = 0; row < ITEMS; row++) {
        f->model->values[params->output_bias][row] = (g4r_real)(row < n_flat ? 0.125 : 0);
        f->support[row] = 1 + (int64_t)(row * 7 % 11);
    }
    /* More sessions than lanes. */
    make_random_sessions(&f->test, f->rows, f->offsets, f->times, SESSIONS, ITEMS);
    return true;
}

static void finish(fixture *f)
{
    for (size_t i = 0; i < f->n_baselines; i++)
        gru4rec_baseline_free(f->baselines[i]);
    gru4rec_model_free(f->model);
}

static gru4rec_status evaluate(fixture *f, const char *mode, const gru4rec_hooks *hooks,
                               gru4rec_metrics *metrics, gru4rec_error *error)
{
    gru4rec_options_set(&f->options, GRU4REC_SCOPE_EVALUATE, "mode", mode, error);
    const gru4rec_evaluation what = {.model = f->model,
                                     .support = f->support,
                                     .test = &f->test,
                                     .baselines =
                                         (const gru4rec_baseline *const *)f->baselines,
                                     .n_baselines = f->n_baselines,
                                     .candidates = f->candidates,
                                     .n_candidates = f->n_candidates};
    CHECK_INT(CUTOFFS * (1 + f->n_baselines), gru4rec_evaluate_count(&what, &f->options));
    return gru4rec_evaluate(f->allocator, &what, &f->options, hooks, metrics, error);
}

/* ---- the plain computation ---- */

enum { RECALL, MRR, NDCG, MEASURES };

typedef struct plain {
    double sums[SESSIONS][MEASURES][CUTOFFS], popularity[CUTOFFS];
    int64_t targets[SESSIONS], listed[CUTOFFS], events, sessions, ties;
    bool is_covered[CUTOFFS][ITEMS];
} plain;

/* Where the row stands in the list: 1 + how many stand before it. What is not ranked has
 * the score NAN. */
static int64_t place_of(const double *scores, int32_t row)
{
    int64_t place = 1;
    for (int32_t i = 0; i < ITEMS; i++)
        place += scores[i] > scores[row] || (scores[i] == scores[row] && i < row);
    return place;
}

/* least: what has no more is in no list. */
static void count_plain(plain *p, const fixture *f, const double *scores, double least,
                        int64_t s, int32_t target, int mode)
{
    double above = 0, equal = 0;
    const bool is_ranked = !isnan(scores[target]);
    for (int32_t i = 0; i < ITEMS; i++) {
        above += scores[i] > scores[target];
        equal += i != target && scores[i] == scores[target];
    }
    double rank = 1 + above + (mode == 0 ? 0 : mode == 1 ? equal : equal / 2);
    p->events++;
    p->sessions += p->targets[s]++ == 0;
    p->ties += equal > 0;
    for (size_t c = 0; c < CUTOFFS; c++) {
        bool is_hit = is_ranked && rank <= (double)cutoffs[c];
        p->sums[s][RECALL][c] += is_hit;
        p->sums[s][MRR][c] += is_hit ? 1 / rank : 0;
        p->sums[s][NDCG][c] += is_hit ? 1 / log2(1 + rank) : 0;
        for (int32_t row = 0; row < ITEMS; row++)
            if (scores[row] > least && place_of(scores, row) <= cutoffs[c]) {
                p->listed[c]++;
                p->popularity[c] += (double)f->support[row] / 11; /* the largest */
                p->is_covered[c][row] = true;
            }
    }
}

/* What is left out after the event at i of session s. */
static void leave_out(const fixture *f, g4r_negatives *negatives, int64_t s, int64_t i,
                      double *scores)
{
    bool is_left_out[ITEMS] = {false};
    int32_t excluded[ITEMS], drawn[ITEMS];
    size_t n = 0, place;
    for (int64_t j = f->offsets[s]; j <= i && f->options.exclude_seen; j++) {
        is_left_out[f->rows[j]] = true;
        n = g4r_rows_add(excluded, n, f->rows[j]);
    }
    for (int32_t row = 0; row < ITEMS && f->candidates != NULL; row++)
        is_left_out[row] |= !g4r_rows_find(f->candidates, f->n_candidates, row, &place);
    if (f->options.candidates > 0) {
        const int32_t target = f->rows[i + 1];
        const bool is_seen = is_left_out[target];
        n = g4r_rows_add(excluded, n, target);
        n = g4r_negatives_draw(negatives, drawn, excluded, n, i + 1);
        for (int32_t row = 0; row < ITEMS; row++)
            is_left_out[row] = !g4r_rows_find(drawn, n, row, &place);
        is_left_out[target] = is_seen;
    }
    for (size_t row = 0; row < ITEMS; row++)
        scores[row] = is_left_out[row] ? NAN : scores[row];
}

/* After the event at i of session s; scorer NULL: those of the model's session. */
static void score_plain(const fixture *f, const gru4rec_session *session,
                        gru4rec_scorer *scorer, int64_t s, int64_t i, double *scores)
{
    const int64_t first = f->offsets[s];
    const gru4rec_prefix prefix = {f->rows + first, f->times + first,
                                   (size_t)(i - first) + 1};
    g4r_real own[ITEMS];
    gru4rec_session_scores(session, NULL, ITEMS, own);
    for (size_t row = 0; row < ITEMS; row++)
        scores[row] = own[row];
    if (scorer != NULL)
        memcpy(scores, gru4rec_scorer_score(scorer, &prefix).values,
               ITEMS * sizeof *scores);
}

/* baseline NULL: the model. */
static void compute_plain(plain *p, const fixture *f, int mode,
                          const gru4rec_baseline *baseline)
{
    gru4rec_session *session;
    gru4rec_scorer *scorer = NULL;
    double scores[ITEMS];
    g4r_negatives negatives = {.seed = f->options.seed};
    g4r_arena arena = {0};
    const size_t n_drawn = G4R_MIN((size_t)f->options.candidates, ITEMS - 1);
    memset(p, 0, sizeof *p);
    g4r_negatives_layout(&negatives, &arena, ITEMS, n_drawn);
    if (!CHECK(g4r_arena_allocate(&arena, &g4r_alloc_libc)) ||
        !CHECK_INT(GRU4REC_OK, gru4rec_session_new(NULL, f->model, &session)))
        return;
    if (baseline != NULL)
        CHECK_INT(GRU4REC_OK, gru4rec_scorer_new(NULL, baseline, &scorer));
    g4r_negatives_layout(&negatives, &arena, ITEMS, n_drawn);
    for (int64_t s = 0; s < f->test.n_sessions; s++) {
        gru4rec_session_reset(session);
        for (int64_t i = f->offsets[s]; i + 1 < f->offsets[s + 1]; i++) {
            gru4rec_session_step(session, f->rows[i], NULL);
            if (f->options.last_only && i + 2 < f->offsets[s + 1])
                continue;
            score_plain(f, session, scorer, s, i, scores);
            leave_out(f, &negatives, s, i, scores);
            count_plain(p, f, scores, scorer != NULL ? 0 : -(double)INFINITY, s,
                        f->rows[i + 1], mode);
        }
    }
    gru4rec_session_free(session);
    gru4rec_scorer_free(scorer);
    g4r_arena_free(&arena, &g4r_alloc_libc);
}

static void check_measure(const plain *p, int measure, size_t c, double mean, double ci,
                          double tolerance)
{
    const double n = (double)p->sessions;
    double sum = 0, squares = 0;
    for (size_t s = 0; s < SESSIONS; s++)
        sum += p->sums[s][measure][c];
    CHECK_NEAR(sum / (double)p->events, mean, tolerance);
    for (size_t s = 0; s < SESSIONS; s++) {
        const double rest = p->sums[s][measure][c] - mean * (double)p->targets[s];
        squares += rest * rest;
    }
    if (n < 10)
        CHECK(isnan(ci));
    else
        CHECK_NEAR(1.96 * sqrt(n / (n - 1) * squares) / (double)p->events, ci, 1e-12);
}

static void check_method(const plain *p, const fixture *f, const gru4rec_metrics *metrics,
                         const char *method)
{
    for (size_t c = 0; c < CUTOFFS; c++) {
        const gru4rec_metrics *m = &metrics[c];
        double covered = 0;
        for (size_t row = 0; row < ITEMS; row++)
            covered += p->is_covered[c][row];
        CHECK_TEXT(method, m->method);
        CHECK(m->segment == NULL);
        CHECK_INT(cutoffs[c], m->k);
        CHECK_INT(p->events, m->events);
        CHECK_INT(p->ties, m->ties);
        CHECK_INT(f->test.n_sessions - f->test.n_single, m->sessions);
        check_measure(p, RECALL, c, m->recall, m->recall_ci, 0);
        check_measure(p, MRR, c, m->mrr, m->mrr_ci, 1e-12);
        check_measure(p, NDCG, c, m->ndcg, m->ndcg_ci, 1e-12);
        CHECK_NEAR(covered / ITEMS, m->coverage, 1e-12);
        if (p->listed[c] > 0)
            CHECK_NEAR(p->popularity[c] / (double)p->listed[c], m->popularity, 1e-12);
        else
            CHECK(isnan(m->popularity));
    }
}

/* All methods, against what is computed plainly. */
static void check_methods(const fixture *f, int mode, const gru4rec_metrics *metrics)
{
    static plain p;
    compute_plain(&p, f, mode, NULL);
    check_method(&p, f, metrics, "gru4rec");
    for (size_t i = 0; i < f->n_baselines; i++) {
        compute_plain(&p, f, mode, f->baselines[i]);
        check_method(&p, f, metrics + (1 + i) * CUTOFFS,
                     gru4rec_baseline_name((gru4rec_baseline_kind)i));
    }
}

static const int32_t some_items[] = {0, 3, 11, 12, 13, 20, 38, 39};

/* Each option alone, all but one, and all. */
static void set_options(fixture *f, int set)
{
    f->options.exclude_seen = set & 1;
    f->options.last_only = set >> 1 & 1;
    if (set & 4) {
        f->candidates = some_items;
        f->n_candidates = sizeof some_items / sizeof *some_items;
    } else if (set & 8) {
        f->options.candidates = set & 2 ? 1000 : 9;
    }
}

static void check_fixture(size_t n_flat)
{
    static fixture f;
    gru4rec_metrics metrics[METHODS * CUTOFFS];
    gru4rec_error error;
    for (int mode = 0; mode < 3; mode++)
        for (int set = 0; set < 12 && start(&f, n_flat); set++) {
            set_options(&f, set);
            if (n_flat == 0)
                add_baselines(&f);
            CHECK_INT(GRU4REC_OK, evaluate(&f, modes[mode], NULL, metrics, &error));
            check_methods(&f, mode, metrics);
            if (set == 0) {
                CHECK_INT(f.test.n_events - SESSIONS, metrics[0].events);
                CHECK_INT(n_flat > 0, metrics[0].ties > 0);
            }
            finish(&f);
        }
}

static void test_metrics(void)
{
    check_fixture(0);
}

static void test_metrics_with_ties(void)
{
    check_fixture(12);
    check_fixture(ITEMS);
}

/* A session with many items seen, among shorter ones: its lane moves, and it ends last. */
static void test_long_session(void)
{
    static fixture f;
    gru4rec_metrics metrics[METHODS * CUTOFFS];
    gru4rec_error error;
    if (start(&f, 5)) {
        f.offsets[300] = f.offsets[299] + 200;
        for (int64_t s = 301; s <= SESSIONS; s++)
            f.offsets[s] = f.offsets[s - 1] + 2;
        f.test.n_events = f.offsets[SESSIONS];
        f.test.n_single = 0;
        for (int64_t s = 0; s < SESSIONS; s++)
            f.test.n_single += f.offsets[s + 1] - f.offsets[s] == 1;
        f.options.exclude_seen = 1;
        add_baselines(&f);
        CHECK_INT(GRU4REC_OK, evaluate(&f, "median", NULL, metrics, &error));
        check_methods(&f, 2, metrics);
    }
    finish(&f);
}

/* ---- what does not matter ---- */

/* Sessions in another order run in other lanes, beside others. */
static void test_session_order(void)
{
    static fixture f, turned;
    gru4rec_metrics a[CUTOFFS], b[CUTOFFS];
    gru4rec_error error;
    if (start(&f, 5) && start(&turned, 5)) {
        for (int64_t s = 0; s < SESSIONS; s++) {
            int64_t from = (s * 131 + 17) % SESSIONS;
            int64_t length = f.offsets[from + 1] - f.offsets[from];
            memcpy(turned.rows + turned.offsets[s], f.rows + f.offsets[from],
                   (size_t)length * sizeof *f.rows);
            turned.offsets[s + 1] = turned.offsets[s] + length;
        }
        CHECK_INT(f.test.n_events, turned.offsets[SESSIONS]);
        CHECK_INT(GRU4REC_OK, evaluate(&f, "median", NULL, a, &error));
        CHECK_INT(GRU4REC_OK, evaluate(&turned, "median", NULL, b, &error));
        for (size_t c = 0; c < CUTOFFS; c++) {
            CHECK_NEAR(a[c].recall, b[c].recall, 0);
            CHECK_NEAR(a[c].mrr, b[c].mrr, 0);
            CHECK_NEAR(a[c].ndcg, b[c].ndcg, 0);
            CHECK_NEAR(a[c].coverage, b[c].coverage, 0);
            CHECK_NEAR(a[c].popularity, b[c].popularity, 0);
            CHECK_NEAR(a[c].mrr_ci, b[c].mrr_ci, 1e-12); /* summed by session */
            CHECK_INT(a[c].events, b[c].events);
        }
    }
    finish(&f);
    finish(&turned);
}

/* One lane at a time: the means over events of sessions measured alone are the metrics.
 */
static void test_sessions_alone(void)
{
    static fixture f;
    gru4rec_metrics all[CUTOFFS], one[CUTOFFS];
    gru4rec_error error;
    int64_t alone[2] = {0};
    double recall = 0, mrr = 0;
    if (start(&f, 0)) {
        CHECK_INT(GRU4REC_OK, evaluate(&f, "standard", NULL, all, &error));
        f.test.n_single = 0;
        f.test.n_sessions = 1;
        f.test.offsets = alone;
        for (int64_t s = 0; s < SESSIONS; s++) {
            f.test.item_rows = f.rows + f.offsets[s];
            f.test.n_events = alone[1] = f.offsets[s + 1] - f.offsets[s];
            CHECK_INT(GRU4REC_OK, evaluate(&f, "standard", NULL, one, &error));
            if (one[2].events == 0)
                continue;
            recall += one[2].recall * (double)one[2].events;
            mrr += one[2].mrr * (double)one[2].events;
        }
        CHECK_NEAR(all[2].recall, recall / (double)all[2].events, 1e-12);
        CHECK_NEAR(all[2].mrr, mrr / (double)all[2].events, 1e-12);
    }
    finish(&f);
}

/* The last lane is measured to its end, with nothing beside it. */
static void test_last_lane(void)
{
    static fixture f;
    gru4rec_metrics metrics[CUTOFFS];
    gru4rec_error error;
    if (start(&f, 0)) {
        f.test.n_sessions = 2;
        f.test.n_single = 0;
        f.test.n_events = 8;
        f.offsets[1] = 2;
        f.offsets[2] = 8;
        CHECK_INT(GRU4REC_OK, evaluate(&f, "median", NULL, metrics, &error));
        CHECK_INT(6, metrics[0].events);
        CHECK_INT(2, metrics[0].sessions);
    }
    finish(&f);
}

/* ---- edges ---- */

static void check_nothing(const gru4rec_metrics *metrics)
{
    CHECK(isnan(metrics->recall) && isnan(metrics->mrr) && isnan(metrics->ndcg));
    CHECK(isnan(metrics->coverage) && isnan(metrics->popularity));
    CHECK_INT(0, metrics->events);
    CHECK_INT(0, metrics->sessions);
}

static void test_nothing_to_measure(void)
{
    static fixture f;
    gru4rec_metrics metrics[METHODS * CUTOFFS];
    gru4rec_error error;
    if (start(&f, 0)) {
        add_baselines(&f);
        f.test.n_sessions = f.test.n_events = f.test.n_single = 0;
        CHECK_INT(GRU4REC_OK, evaluate(&f, "median", NULL, metrics, &error));
        check_nothing(&metrics[0]);
        check_nothing(&metrics[METHODS * CUTOFFS - 1]);
        f.test.n_sessions = f.test.n_events = f.test.n_single = 3;
        for (int64_t i = 0; i <= 3; i++)
            f.offsets[i] = i;
        CHECK_INT(GRU4REC_OK, evaluate(&f, "median", NULL, metrics, &error));
        check_nothing(&metrics[0]);
    }
    finish(&f);
}

static int stop_at_third(void *context, const gru4rec_progress *progress)
{
    int64_t *events = context;
    *events = progress->events;
    CHECK_INT(1, progress->n_epochs);
    CHECK(progress->events <= progress->total_events);
    return progress->step == 3;
}

static void test_poll_stops(void)
{
    static fixture f;
    gru4rec_metrics metrics[CUTOFFS];
    gru4rec_error error;
    int64_t events = 0;
    gru4rec_hooks hooks = {.poll = stop_at_third, .context = &events};
    if (start(&f, 0)) {
        CHECK_INT(GRU4REC_INTERRUPTED, evaluate(&f, "median", &hooks, metrics, &error));
        CHECK_INT(3 * 128, events);
    }
    finish(&f);
}

/* A baseline that decays by days needs the times of the sessions that are measured. */
static void test_times_are_needed(void)
{
    static fixture f;
    gru4rec_metrics metrics[METHODS * CUTOFFS];
    gru4rec_error error = {""};
    if (start(&f, 0)) {
        add_baselines(&f);
        f.test.times = NULL;
        CHECK_INT(GRU4REC_INVALID, evaluate(&f, "median", NULL, metrics, &error));
        CHECK(strstr(error.message, "stan") != NULL);
        f.n_baselines = GRU4REC_STAN; /* those before it */
        CHECK_INT(GRU4REC_OK, evaluate(&f, "median", NULL, metrics, &error));
        f.n_baselines = GRU4REC_N_BASELINES;
    }
    finish(&f);
}

/* Long work is asked whether it is to stop after every ranking of baselines, too. */
static int stop_at_once(void *context, const gru4rec_progress *progress)
{
    (void)progress;
    return ++*(int *)context == 5;
}

static void test_poll_between_baselines(void)
{
    static fixture f;
    gru4rec_metrics metrics[METHODS * CUTOFFS];
    gru4rec_error error;
    int n = 0;
    const gru4rec_hooks hooks = {.poll = stop_at_once, .context = &n};
    if (start(&f, 0)) {
        add_baselines(&f);
        CHECK_INT(GRU4REC_INTERRUPTED, evaluate(&f, "median", &hooks, metrics, &error));
        CHECK_INT(5, n);
    }
    finish(&f);
}

static void test_bad_scores(void)
{
    static const g4r_real bad[] = {(g4r_real)NAN, (g4r_real)INFINITY,
                                   -(g4r_real)INFINITY};
    static fixture f;
    gru4rec_metrics metrics[CUTOFFS];
    gru4rec_error error;
    for (size_t i = 0; i < 3 && start(&f, 0); i++) {
        f.model->values[f.model->params.output_bias][ITEMS - 1] = bad[i];
        CHECK_INT(GRU4REC_DIVERGED, evaluate(&f, "standard", NULL, metrics, &error));
        CHECK(strstr(error.message, "not finite") != NULL);
        finish(&f);
    }
}

static void test_short_memory(void)
{
    static fixture f;
    gru4rec_metrics metrics[METHODS * CUTOFFS];
    gru4rec_error error;
    gru4rec_status status = GRU4REC_NOMEM;
    if (start(&f, 0)) {
        add_baselines(&f);
        for (size_t i = 1; status == GRU4REC_NOMEM && i < 50; i++) {
            fault_alloc fault = {.fail_at = i};
            gru4rec_allocator allocator = fault_alloc_allocator(&fault);
            f.allocator = &allocator;
            status = evaluate(&f, "median", NULL, metrics, &error);
            CHECK_INT(status == GRU4REC_OK ? 0 : 1, fault.n_failed);
            CHECK_INT(0, fault.n_live);
        }
    }
    CHECK_INT(GRU4REC_OK, status);
    finish(&f);
}

int main(void)
{
    RUN(test_metrics);
    RUN(test_metrics_with_ties);
    RUN(test_long_session);
    RUN(test_session_order);
    RUN(test_sessions_alone);
    RUN(test_last_lane);
    RUN(test_nothing_to_measure);
    RUN(test_poll_stops);
    RUN(test_times_are_needed);
    RUN(test_poll_between_baselines);
    RUN(test_bad_scores);
    RUN(test_short_memory);
    return test_end();
}

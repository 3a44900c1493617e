/*
 * test_evaluate_blended.c - evaluations of a model whose scores are blended: places and
 * measures against a plain program, event by event; the network and the baselines beside it
 * against an evaluation without a blend.
 */
#include "../lib/blending.h"
#include "../lib/fault_alloc.h"

#include "../../src/base/rows.h"
#include "../../src/evaluate/negatives.h"

enum { ITEMS = 90, SESSIONS = 220, MOST_EVENTS = SESSIONS * 8, CUTOFFS = 2, METHODS = 4 };
enum { HISTORY = 3 };

static const int64_t cutoffs[CUTOFFS] = {5, 20};
static const char *const modes[] = {"standard", "conservative", "median"};
static const int32_t some_items[] = {0, 1, 2, 5, 8, 12, 13, 20, 38, 39, 64, 89};

typedef struct fixture {
    gru4rec_options options;
    gru4rec_model *model;
    gru4rec_baseline *neighbours, *pop;
    const gru4rec_baseline *baselines[2];
    gru4rec_blend blend;
    int64_t support[ITEMS], offsets[SESSIONS + 1];
    int32_t rows[MOST_EVENTS];
    double times[MOST_EVENTS];
    gru4rec_dataset test;
    const int32_t *candidates;
    size_t n_candidates;
} fixture;

/* What one evaluation gives. */
typedef struct result {
    gru4rec_metrics metrics[METHODS * CUTOFFS];
    int32_t places[METHODS * MOST_EVENTS];
} result;

/* Test sessions of 1 to 7 events. */
static void make_sessions(fixture *f)
{
    int64_t n = 0;
    for (int64_t s = 0; s < SESSIONS; s++) {
        const int64_t length = 1 + (int64_t)g4r_rng_below(&serving_rng, 7);
        f->test.n_single += length == 1;
        for (int64_t i = 0; i < length; i++, n++) {
            const double u = draw(0, 1);
            f->rows[n] = (int32_t)(u * u * ITEMS);
            f->times[n] = (double)n;
        }
        f->offsets[s + 1] = n;
    }
    f->test.n_sessions = SESSIONS;
    f->test.n_events = n;
    f->test.item_rows = f->rows;
    f->test.offsets = f->offsets;
    f->test.times = f->times;
}

/* has_ties: many items have the same network scores. */
static void start(fixture *f, bool has_ties)
{
    gru4rec_error error = {""};
    memset(f, 0, sizeof *f);
    gru4rec_options_init(&f->options);
    gru4rec_options_set(&f->options, GRU4REC_SCOPE_EVALUATE, "cutoffs", "5/20", &error);
    f->model = MODEL_WITH(ITEMS, 3, "layers", "6");
    for (int32_t row = 0; row < ITEMS; row++)
        f->support[row] = 1 + row * 7 % 11;
    for (size_t row = 0; row < ITEMS; row++)
        if (has_ties && row % 3 > 0)
            memset(serving_table(f->model) + row * f->model->params.width, 0,
                   f->model->params.width * sizeof(g4r_real));
    f->neighbours = blending_fit(ITEMS, 300);
    f->blend = (gru4rec_blend){f->neighbours, 1, HISTORY};
    const gru4rec_baseline_data data = {ITEMS, f->support, NULL, 0};
    CHECK_INT(GRU4REC_OK, gru4rec_baseline_new(NULL, GRU4REC_POP, &f->options, &data,
                                               NULL, NULL, &f->pop, &error));
    f->baselines[0] = f->pop;
    f->baselines[1] = f->neighbours;
    make_sessions(f);
}

static void finish(fixture *f)
{
    gru4rec_baseline_free(f->neighbours);
    gru4rec_baseline_free(f->pop);
    gru4rec_model_free(f->model);
}

static gru4rec_status evaluate(fixture *f, const gru4rec_blend *blend,
                               const gru4rec_allocator *allocator, result *out)
{
    gru4rec_error error = {""};
    const gru4rec_evaluation what = {.model = f->model,
                                     .support = f->support,
                                     .test = &f->test,
                                     .baselines = f->baselines,
                                     .n_baselines = 2,
                                     .blend = blend,
                                     .candidates = f->candidates,
                                     .n_candidates = f->n_candidates,
                                     .places = out->places};
    CHECK_INT((blend != NULL ? 4 : 3) * CUTOFFS,
              gru4rec_evaluate_count(&what, &f->options));
    return gru4rec_evaluate(allocator, &what, &f->options, NULL, out->metrics, &error);
}

/* ---- the plain program ---- */

typedef struct plain {
    int32_t places[MOST_EVENTS];
    double recall[CUTOFFS], mrr[CUTOFFS], popularity[CUTOFFS], n_listed[CUTOFFS];
    bool is_covered[CUTOFFS][ITEMS];
    int64_t events, ties;
} plain;

/* Finds the items that are ranked for the target at event i of session s. Returns how
 * many. */
static size_t find_ranked(const fixture *f, g4r_negatives *negatives, int64_t s,
                          int64_t i, int32_t *rows)
{
    int32_t seen[ITEMS] = {0}, excluded[ITEMS];
    size_t n = 0, n_seen = 0, place;
    for (int64_t j = f->offsets[s]; j < i && f->options.exclude_seen; j++)
        n_seen = g4r_rows_add(seen, n_seen, f->rows[j]);
    memcpy(excluded, seen, sizeof excluded);
    const bool is_seen = g4r_rows_find(seen, n_seen, f->rows[i], &place);
    if (f->options.candidates > 0) {
        n = g4r_rows_add(excluded, n_seen, f->rows[i]);
        n = g4r_negatives_draw(negatives, rows, excluded, n, i);
        return is_seen ? n : g4r_rows_add(rows, n, f->rows[i]);
    }
    for (int32_t row = 0; row < ITEMS; row++)
        if (!g4r_rows_find(seen, n_seen, row, &place) &&
            (f->candidates == NULL ||
             g4r_rows_find(f->candidates, f->n_candidates, row, &place)))
            rows[n++] = row;
    return n;
}

/* Counts the target of event i by its sorted ranking (n). */
static void count_plain(plain *p, const fixture *f, int mode, int64_t i,
                        const ranked *sorted, size_t n)
{
    int32_t greater = 0, equal = -1;
    size_t at = 0;
    while (at < n && sorted[at].row != f->rows[i])
        at++;
    for (size_t j = 0; j < n && at < n; j++) {
        greater += sorted[j].score > sorted[at].score;
        equal += sorted[j].score == sorted[at].score;
    }
    const int32_t place = 2 * greater + (mode == 0 ? 0 : mode == 1 ? 2 * equal : equal);
    p->places[i] = at < n && place < 40 ? place : GRU4REC_PLACE_MISSED;
    p->events++;
    p->ties += at < n && equal > 0;
    for (size_t c = 0; c < CUTOFFS; c++) {
        const double rank = 1 + (double)place / 2;
        if (at < n && rank <= (double)cutoffs[c]) {
            p->recall[c]++;
            p->mrr[c] += 1 / rank;
        }
        for (size_t j = 0; j < n && j < (size_t)cutoffs[c]; j++) {
            p->is_covered[c][sorted[j].row] = true;
            p->popularity[c] += (double)f->support[sorted[j].row];
            p->n_listed[c]++;
        }
    }
}

static void compute_plain(plain *p, const fixture *f, int mode)
{
    g4r_negatives negatives = {.seed = f->options.seed};
    g4r_arena arena = {0};
    gru4rec_session *session;
    g4r_negatives_layout(&negatives, &arena, ITEMS, (size_t)f->options.candidates);
    if (!g4r_arena_allocate(&arena, &g4r_alloc_libc) ||
        !CHECK_INT(GRU4REC_OK, gru4rec_session_new(NULL, f->model, &session)))
        exit(test_end());
    g4r_negatives_layout(&negatives, &arena, ITEMS, (size_t)f->options.candidates);
    memset(p, 0, sizeof *p);
    for (int64_t s = 0; s < SESSIONS; s++) {
        gru4rec_session_reset(session);
        p->places[f->offsets[s]] = GRU4REC_PLACE_NONE;
        for (int64_t i = f->offsets[s] + 1; i < f->offsets[s + 1]; i++) {
            g4r_real scores[ITEMS];
            ranked sorted[ITEMS];
            int32_t rows[ITEMS];
            p->places[i] = GRU4REC_PLACE_NONE;
            gru4rec_session_step(session, f->rows[i - 1], NULL);
            if (f->options.last_only && i + 1 < f->offsets[s + 1])
                continue;
            gru4rec_session_scores(session, NULL, ITEMS, scores);
            blending_plain(scores, NULL, &f->blend, f->model, f->rows + f->offsets[s],
                           (size_t)(i - f->offsets[s]));
            const size_t n = find_ranked(f, &negatives, s, i, rows);
            count_plain(p, f, mode, i, sorted,
                        blending_sort(sorted, scores, ITEMS, rows, n, NULL, 0));
        }
    }
    gru4rec_session_free(session);
    g4r_arena_free(&arena, &g4r_alloc_libc);
}

static void check_plain(const fixture *f, int mode, const result *actual)
{
    static plain p;
    int64_t n_wrong = 0;
    compute_plain(&p, f, mode);
    for (int64_t i = 0; i < f->test.n_events; i++)
        n_wrong += actual->places[i] != p.places[i];
    CHECK_INT(0, n_wrong);
    for (size_t c = 0; c < CUTOFFS; c++) {
        const gru4rec_metrics *m = &actual->metrics[c];
        double covered = 0;
        for (size_t row = 0; row < ITEMS; row++)
            covered += p.is_covered[c][row];
        CHECK_TEXT("gru4rec", m->method);
        CHECK_INT(p.events, m->events);
        CHECK_INT(p.ties, m->ties);
        CHECK_NEAR(p.recall[c] / (double)p.events, m->recall, 0);
        CHECK_NEAR(p.mrr[c] / (double)p.events, m->mrr, 1e-12);
        CHECK_NEAR(covered / ITEMS, m->coverage, 1e-12);
        CHECK_NEAR(p.popularity[c] / 11 / p.n_listed[c], m->popularity, 1e-12);
    }
}

/* ---- beside the model ---- */

/* The methods from the second on are those of an evaluation without a blend. */
static void check_others(const fixture *f, const result *blended, const result *other)
{
    const size_t n = (size_t)f->test.n_events;
    for (size_t i = 0; i < 3 * CUTOFFS; i++) {
        gru4rec_metrics a = blended->metrics[CUTOFFS + i], b = other->metrics[i];
        CHECK_TEXT(i < CUTOFFS ? "gru4rec-network" : b.method, a.method);
        a.method = b.method = NULL;
        CHECK(memcmp(&a, &b, sizeof a) == 0);
    }
    CHECK_INT(0, memcmp(blended->places + n, other->places, 3 * n * sizeof(int32_t)));
    CHECK(memcmp(blended->places, other->places, n * sizeof(int32_t)) != 0);
}

static void set_options(fixture *f, int set, const char *mode)
{
    gru4rec_error error;
    gru4rec_options_set(&f->options, GRU4REC_SCOPE_EVALUATE, "mode", mode, &error);
    f->options.exclude_seen = set & 1;
    f->options.last_only = set >> 1 & 1;
    if (set & 4) {
        f->candidates = some_items;
        f->n_candidates = sizeof some_items / sizeof *some_items;
    } else if (set & 8) {
        f->options.candidates = 30;
    }
}

static void check_fixture(bool has_ties)
{
    static fixture f;
    static result blended, other;
    for (int mode = 0; mode < 3; mode++)
        for (int set = 0; set < 12; set++) {
            start(&f, has_ties);
            set_options(&f, set, modes[mode]);
            CHECK_INT(GRU4REC_OK, evaluate(&f, &f.blend, NULL, &blended));
            CHECK_INT(GRU4REC_OK, evaluate(&f, NULL, NULL, &other));
            check_plain(&f, mode, &blended);
            check_others(&f, &blended, &other);
            finish(&f);
        }
}

static void measures_are_the_plain_ones(void)
{
    check_fixture(false);
}

static void measures_with_ties_are_the_plain_ones(void)
{
    check_fixture(true);
}

/* Each allocation fails once; nothing is left. */
static void short_memory(void)
{
    static fixture f;
    static result out;
    gru4rec_status status = GRU4REC_NOMEM;
    start(&f, false);
    for (size_t i = 1; status == GRU4REC_NOMEM && i < 50; i++) {
        fault_alloc fault = {.fail_at = i};
        gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        status = evaluate(&f, &f.blend, &allocator, &out);
        CHECK_INT(status == GRU4REC_OK ? 0 : 1, fault.n_failed);
        CHECK_INT(0, fault.n_live);
    }
    CHECK_INT(GRU4REC_OK, status);
    finish(&f);
}

/* Scores that are not finite are told, blended or not. */
static void bad_scores_are_told(void)
{
    const g4r_real bad[] = {NAN, INFINITY, -(g4r_real)INFINITY};
    static fixture f;
    static result out;
    for (size_t i = 0; i < 3; i++) {
        start(&f, false);
        serving_bias(f.model)[i == 0 ? 0 : 8] = bad[i];
        CHECK_INT(GRU4REC_DIVERGED, evaluate(&f, &f.blend, NULL, &out));
        finish(&f);
    }
}

int main(void)
{
    g4r_rng_seed(&serving_rng, 63, 0, 0);
    RUN(measures_are_the_plain_ones);
    RUN(measures_with_ties_are_the_plain_ones);
    RUN(short_memory);
    RUN(bad_scores_are_told);
    return test_end();
}

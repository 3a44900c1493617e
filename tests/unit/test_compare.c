/*
 * test_compare.c - compare.c: differences of random tables against a plain computation, by
 * segment; a method and itself; the two sides swapped; p of methods that are alike; stops
 * and short memory.
 */
#include "../../src/base/rng.h"
#include "../../src/evaluate/segment.h"
#include "../lib/fault_alloc.h"
#include "../lib/test.h"

enum { ITEMS = 30, SESSIONS = 120, MOST_EVENTS = 16 * SESSIONS, CUTOFFS = 3 };
enum { MOST_ROWS = 6 * 3 * CUTOFFS };

static const int64_t cutoffs[CUTOFFS] = {1, 5, 20};

typedef struct fixture {
    gru4rec_options options;
    gru4rec_items *items;
    gru4rec_dataset test;
    int32_t rows[MOST_EVENTS], a[MOST_EVENTS], b[MOST_EVENTS];
    int64_t offsets[SESSIONS + 1];
    uint8_t segments[MOST_EVENTS];
    gru4rec_side sides[2];
} fixture;

static int32_t draw_place(g4r_rng *rng, double skill)
{
    if (g4r_rng_uniform(rng) > skill)
        return GRU4REC_PLACE_MISSED;
    return (int32_t)g4r_rng_below(rng, 1 + g4r_rng_below(rng, 2 * 20 - 1));
}

/* Sessions of 1 to 16 events; a finds more by better_by. */
static void fill(fixture *f, g4r_rng *rng, double better_by)
{
    int64_t n = 0;
    for (int64_t s = 0; s < f->test.n_sessions; s++) {
        const int64_t length = 1 + (int64_t)g4r_rng_below(rng, 16);
        const double skill = 0.8 * g4r_rng_uniform(rng);
        for (int64_t i = 0; i < length; i++, n++) {
            f->rows[n] = (int32_t)g4r_rng_below(rng, ITEMS);
            f->a[n] = i > 0 ? draw_place(rng, skill + better_by) : GRU4REC_PLACE_NONE;
            f->b[n] = i > 0 ? draw_place(rng, skill) : GRU4REC_PLACE_NONE;
        }
        f->offsets[s + 1] = n;
    }
    f->test.n_events = n;
}

static void start(fixture *f, int64_t seed, int64_t n_sessions)
{
    gru4rec_error error;
    g4r_rng rng;
    *f = (fixture){0};
    gru4rec_options_init(&f->options);
    gru4rec_options_set(&f->options, GRU4REC_SCOPE_EVALUATE, "cutoffs", "1/5/20", &error);
    f->test = (gru4rec_dataset){.n_sessions = n_sessions,
                                .item_rows = f->rows,
                                .offsets = f->offsets};
    g4r_rng_seed(&rng, seed, 0, 0);
    fill(f, &rng, 0.1);
    if (!CHECK_INT(GRU4REC_OK, gru4rec_items_new(NULL, &f->items)))
        exit(test_end());
    for (int64_t i = 0; i < ITEMS; i++) {
        const gru4rec_id id = {.type = GRU4REC_ID_INTEGER, .integer = i};
        gru4rec_items_add(f->items, &id, 1 + (int64_t)g4r_rng_below(&rng, 100));
    }
    f->sides[0] = (gru4rec_side){f->items, &f->test, f->a};
    f->sides[1] = (gru4rec_side){f->items, &f->test, f->b};
}

static void finish(fixture *f)
{
    gru4rec_items_free(f->items);
}

static void compare(fixture *f, size_t a, size_t b, gru4rec_difference *differences)
{
    gru4rec_error error = {""};
    int64_t n_unpaired = 99;
    CHECK_INT(GRU4REC_OK, gru4rec_compare(NULL, &f->sides[a], &f->sides[b], &f->options,
                                          NULL, differences, &n_unpaired, &error));
    CHECK_INT(0, n_unpaired);
}

/* ---- the plain computation ---- */

static const char *const measures[] = {"recall", "mrr", "ndcg"};

static double gain(int measure, int32_t place, int64_t k)
{
    const double rank = 1 + place / 2.0;
    if (place < 0 || rank > (double)k)
        return 0;
    return measure == 0 ? 1 : measure == 1 ? 1 / rank : 1 / log2(1 + rank);
}

static void check_row(const fixture *f, size_t segment, int measure, int64_t k,
                      const gru4rec_difference *d)
{
    double a = 0, b = 0, squares = 0, n = 0, h[SESSIONS], e[SESSIONS];
    int64_t wins = 0, losses = 0, events = 0;
    for (int64_t s = 0; s < f->test.n_sessions; s++) {
        h[s] = e[s] = 0;
        for (int64_t i = f->offsets[s] + 1; i < f->offsets[s + 1]; i++) {
            if (f->segments[i] != segment)
                continue;
            h[s] += gain(measure, f->a[i], k) - gain(measure, f->b[i], k);
            a += gain(measure, f->a[i], k);
            b += gain(measure, f->b[i], k);
            e[s]++;
        }
        events += (int64_t)e[s];
        n += e[s] > 0;
        wins += h[s] > 1e-9;
        losses += h[s] < -1e-9;
    }
    CHECK_TEXT(measures[measure], d->measure);
    CHECK_TEXT(g4r_segment_name(f->options.segment, segment), d->segment);
    CHECK_INT(k, d->k);
    CHECK_INT(events, d->events);
    CHECK_INT((int64_t)n, d->sessions);
    CHECK_INT(wins, d->wins);
    CHECK_INT(losses, d->losses);
    CHECK_INT((int64_t)n - wins - losses, d->ties);
    CHECK_NEAR(a / (double)events, d->a, 1e-12);
    CHECK_NEAR(b / (double)events, d->b, 1e-12);
    CHECK_NEAR((a - b) / (double)events, d->difference, 1e-12);
    for (int64_t s = 0; s < f->test.n_sessions; s++)
        squares += (h[s] - d->difference * e[s]) * (h[s] - d->difference * e[s]);
    const double width = 1.96 * sqrt(n / (n - 1) * squares) / (double)events;
    if (n < 10)
        CHECK(isnan(d->low) && isnan(d->high));
    else
        CHECK_NEAR(d->difference - width, d->low, 1e-12);
    if (n >= 10)
        CHECK_NEAR(d->difference + width, d->high, 1e-12);
    CHECK(d->p >= 1e-4 && d->p <= 1);
}

static void rows_are_the_plain_ones(void)
{
    static const char *const kinds[] = {"none", "position", "length", "popularity",
                                        "seen"};
    int64_t scratch[ITEMS];
    static fixture f;
    static gru4rec_difference differences[MOST_ROWS];
    gru4rec_error error;
    for (int64_t seed = 0; seed < 8; seed++) {
        start(&f, seed, SESSIONS);
        gru4rec_options_set(&f.options, GRU4REC_SCOPE_EVALUATE, "segment",
                            kinds[seed % 5], &error);
        compare(&f, 0, 1, differences);
        const int64_t kind = f.options.segment;
        const size_t n_segments = g4r_segment_count(kind);
        CHECK_INT(n_segments * 3 * CUTOFFS, gru4rec_compare_count(&f.options));
        g4r_segment_fill(f.segments, kind, &f.test, gru4rec_items_support(f.items), ITEMS,
                         scratch);
        for (size_t i = 0; i < n_segments * 3 * CUTOFFS; i++)
            check_row(&f, i / (3 * CUTOFFS), (int)(i / CUTOFFS % 3), cutoffs[i % CUTOFFS],
                      &differences[i]);
        finish(&f);
    }
}

/* ---- what must hold ---- */

static void a_method_is_itself(void)
{
    static fixture f;
    gru4rec_difference differences[3 * CUTOFFS];
    start(&f, 1, SESSIONS);
    compare(&f, 0, 0, differences);
    for (size_t i = 0; i < 3 * CUTOFFS; i++) {
        const gru4rec_difference *d = &differences[i];
        CHECK_NEAR(0, d->difference, 0);
        CHECK_NEAR(0, d->low, 0);
        CHECK_NEAR(0, d->high, 0);
        CHECK_NEAR(1, d->p, 0);
        CHECK_INT(0, d->wins + d->losses);
        CHECK_INT(d->sessions, d->ties);
        CHECK(d->a > 0 && d->ties > 0);
    }
    finish(&f);
}

static void swapped_sides_turn_the_difference(void)
{
    static fixture f;
    gru4rec_difference x[3 * CUTOFFS], y[3 * CUTOFFS];
    start(&f, 2, SESSIONS);
    compare(&f, 0, 1, x);
    compare(&f, 1, 0, y);
    for (size_t i = 0; i < 3 * CUTOFFS; i++) {
        CHECK_NEAR(-x[i].difference, y[i].difference, 0);
        CHECK_NEAR(-x[i].low, y[i].high, 0);
        CHECK_NEAR(x[i].p, y[i].p, 0);
        CHECK_INT(x[i].wins, y[i].losses);
    }
    CHECK(x[2].p < 0.05 && x[2].low > 0); /* it is better */
    finish(&f);
}

static void few_sessions_have_p_alone(void)
{
    static fixture f;
    gru4rec_difference differences[3 * CUTOFFS];
    start(&f, 3, 7);
    compare(&f, 0, 1, differences);
    CHECK(isnan(differences[2].low) && isnan(differences[2].high));
    CHECK(differences[2].p > 1.0 / 128 && differences[2].p <= 1);
    f.test.n_sessions = f.test.n_events = 0;
    compare(&f, 0, 1, differences);
    CHECK(isnan(differences[2].difference) && isnan(differences[2].p));
    CHECK_INT(0, differences[2].sessions + differences[2].events + differences[2].ties);
    finish(&f);
}

/* ---- methods that are alike ---- */

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* How far the shares of values (n) below each one are from those of uniform ones; above:
 * only how far they are too large. */
static double distance(double *values, size_t n, bool is_above)
{
    double most = 0;
    qsort(values, n, sizeof *values, compare_doubles);
    for (size_t i = 0; i < n; i++) {
        const double above = (double)(i + 1) / (double)n - values[i];
        const double below = values[i] - (double)i / (double)n;
        most = fmax(most, is_above ? above : fmax(above, below));
    }
    return most;
}

static void swap_labels(fixture *f, g4r_rng *rng)
{
    for (int64_t s = 0; s < f->test.n_sessions; s++)
        if (g4r_rng_below(rng, 2))
            for (int64_t i = f->offsets[s]; i < f->offsets[s + 1]; i++) {
                const int32_t place = f->a[i];
                f->a[i] = f->b[i];
                f->b[i] = place;
            }
}

/*
 * One is better in truth, and the labels of each session are swapped by chance, so that
 * neither is: p is uniform. The bound of Kolmogorov and Smirnov for 1,000 values, which
 * one test in a thousand passes by chance: 1.95 / sqrt(1000). Recall has few values, so
 * that many sums tie: its p is larger than uniform ones, never smaller.
 */
static void p_is_uniform_where_labels_say_nothing(void)
{
    enum { TABLES = 1000 };
    static fixture f;
    static double p[3][TABLES];
    gru4rec_difference differences[3];
    g4r_rng rng;
    start(&f, 0, 40);
    f.options.cutoffs = (gru4rec_list){1, {20}};
    g4r_rng_seed(&rng, 77, 0, 0);
    for (size_t i = 0; i < TABLES; i++) {
        fill(&f, &rng, 0.3);
        swap_labels(&f, &rng);
        compare(&f, 0, 1, differences);
        for (size_t measure = 0; measure < 3; measure++)
            p[measure][i] = differences[measure].p;
    }
    CHECK(distance(p[1], TABLES, false) < 1.95 / sqrt(TABLES));
    CHECK(distance(p[2], TABLES, false) < 1.95 / sqrt(TABLES));
    CHECK(distance(p[0], TABLES, true) < 1.95 / sqrt(TABLES));
    finish(&f);
}

/* ---- edges ---- */

static int say_stop(void *context, const gru4rec_progress *progress)
{
    (void)progress;
    return --*(int *)context < 0;
}

static void stops_when_it_is_asked(void)
{
    static fixture f;
    gru4rec_difference differences[3 * CUTOFFS];
    gru4rec_error error = {""};
    int64_t n_unpaired;
    gru4rec_status status = GRU4REC_INTERRUPTED;
    int n_asked = 0;
    start(&f, 4, SESSIONS);
    for (; status == GRU4REC_INTERRUPTED && n_asked < 1000; n_asked++) {
        int left = n_asked;
        const gru4rec_hooks hooks = {.poll = say_stop, .context = &left};
        status = gru4rec_compare(NULL, &f.sides[0], &f.sides[1], &f.options, &hooks,
                                 differences, &n_unpaired, &error);
        CHECK(status == GRU4REC_OK || left == -1);
    }
    CHECK_INT(GRU4REC_OK, status);
    CHECK(n_asked > 20);
    finish(&f);
}

static void memory_is_short(void)
{
    static fixture f;
    gru4rec_difference differences[3 * CUTOFFS];
    gru4rec_error error = {""};
    int64_t n_unpaired;
    fault_alloc fault = {.fail_at = 1};
    gru4rec_allocator allocator = fault_alloc_allocator(&fault);
    start(&f, 5, SESSIONS);
    CHECK_INT(GRU4REC_NOMEM,
              gru4rec_compare(&allocator, &f.sides[0], &f.sides[1], &f.options, NULL,
                              differences, &n_unpaired, &error));
    CHECK(error.message[0] != '\0');
    CHECK_INT(0, fault.n_live);
    fault.fail_at = 0;
    CHECK_INT(GRU4REC_OK,
              gru4rec_compare(&allocator, &f.sides[0], &f.sides[1], &f.options, NULL,
                              differences, &n_unpaired, &error));
    CHECK_INT(0, fault.n_live);
    finish(&f);
}

int main(void)
{
    RUN(rows_are_the_plain_ones);
    RUN(a_method_is_itself);
    RUN(swapped_sides_turn_the_difference);
    RUN(few_sessions_have_p_alone);
    RUN(p_is_uniform_where_labels_say_nothing);
    RUN(stops_when_it_is_asked);
    RUN(memory_is_short);
    return test_end();
}

/*
 * test_prepare.c - what is dropped before training, against a plain filter that copies lists
 * until nothing changes; and sessions cut at pauses or held out, through the public interface.
 */
#include "../../src/data/prepare.h"
#include "../../src/base/rng.h"
#include "../lib/test.h"

enum { MOST_SESSIONS = 30, MOST_EVENTS = 12, N_ITEMS = 9 };

typedef struct lists {
    int n;
    int visit[MOST_SESSIONS];
    int length[MOST_SESSIONS];
    int items[MOST_SESSIONS][MOST_EVENTS];
} lists;

static lists random_lists(g4r_rng *rng)
{
    lists l = {.n = 1 + (int)g4r_rng_below(rng, MOST_SESSIONS)};
    for (int s = 0; s < l.n; s++) {
        l.visit[s] = 100 + s;
        l.length[s] = 1 + (int)g4r_rng_below(rng, MOST_EVENTS);
        for (int i = 0; i < l.length[s]; i++)
            l.items[s][i] = (int)g4r_rng_below(rng, 1 + g4r_rng_below(rng, N_ITEMS));
    }
    return l;
}

static lists collapse(const lists *l, int64_t *n_repeats)
{
    lists out = *l;
    for (int s = 0; s < l->n; s++) {
        out.length[s] = 0;
        for (int i = 0; i < l->length[s]; i++)
            if (i == 0 || l->items[s][i] != l->items[s][i - 1])
                out.items[s][out.length[s]++] = l->items[s][i];
            else
                ++*n_repeats;
    }
    return out;
}

/* Sessions of at least least events, which is at least 1. */
static lists drop_short(const lists *l, int least, int64_t *n_short)
{
    lists out = {0};
    for (int s = 0; s < l->n; s++) {
        if (l->length[s] < least) {
            *n_short += l->length[s];
            continue;
        }
        out.visit[out.n] = l->visit[s];
        out.length[out.n] = l->length[s];
        memcpy(out.items[out.n++], l->items[s], sizeof l->items[s]);
    }
    return out;
}

static lists drop_rare(const lists *l, int least, int64_t *n_rare)
{
    lists out = *l;
    int support[N_ITEMS] = {0};
    for (int s = 0; s < l->n; s++)
        for (int i = 0; i < l->length[s]; i++)
            support[l->items[s][i]]++;
    for (int s = 0; s < l->n; s++) {
        out.length[s] = 0;
        for (int i = 0; i < l->length[s]; i++)
            if (support[l->items[s][i]] >= least)
                out.items[s][out.length[s]++] = l->items[s][i];
            else
                ++*n_rare;
    }
    return out;
}

static int count_events(const lists *l)
{
    int n = 0;
    for (int s = 0; s < l->n; s++)
        n += l->length[s];
    return n;
}

static void check_same(const lists *expected, const gru4rec_dataset *d,
                       const int32_t *visit)
{
    CHECK_INT(expected->n, d->n_sessions);
    CHECK_INT(count_events(expected), d->n_events);
    for (int s = 0; s < expected->n && s < d->n_sessions; s++) {
        CHECK_INT(expected->visit[s], visit[s]);
        CHECK_INT(expected->length[s], d->offsets[s + 1] - d->offsets[s]);
        for (int i = 0; i < expected->length[s]; i++)
            CHECK_INT(expected->items[s][i], d->item_rows[d->offsets[s] + i]);
    }
}

static void check_against_lists(g4r_rng *rng)
{
    lists l = random_lists(rng);
    int32_t rows[MOST_SESSIONS * MOST_EVENTS], visit[MOST_SESSIONS];
    int64_t offsets[MOST_SESSIONS + 1] = {0}, repeats = 0, rare = 0, tiny = 0;
    gru4rec_dataset d = {.allocator = g4r_alloc_libc, .item_rows = rows};
    g4r_stop_watch watch = {0};
    gru4rec_preparation p = {.collapse_repeats = g4r_rng_below(rng, 2) == 1,
                             .min_support = (int64_t)g4r_rng_below(rng, 8),
                             .min_length = (int64_t)g4r_rng_below(rng, 4)};
    d.offsets = offsets;
    d.n_sessions = l.n;
    for (int s = 0; s < l.n; s++) {
        visit[s] = l.visit[s];
        for (int i = 0; i < l.length[s]; i++)
            rows[d.n_events++] = l.items[s][i];
        offsets[s + 1] = d.n_events;
    }
    CHECK(g4r_prepare(&d, visit, N_ITEMS, &p, &watch));
    if (p.collapse_repeats)
        l = collapse(&l, &repeats);
    for (int before = -1; before != count_events(&l);) {
        before = count_events(&l);
        l = drop_short(&l, (int)G4R_MAX(p.min_length, 1), &tiny);
        l = drop_rare(&l, (int)p.min_support, &rare);
    }
    l = drop_short(&l, 1, &tiny);
    check_same(&l, &d, visit);
    CHECK_INT(repeats, d.n_repeats);
    CHECK_INT(rare, d.n_rare);
    CHECK_INT(tiny, d.n_short);
}

static void test_random_against_lists(void)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, 7, 1, 0);
    for (int i = 0; i < 2000; i++)
        check_against_lists(&rng);
}

/* Three sessions of users 1, 2, 1 again after a pause; the last is held out. */
static void test_cut_and_held_out(void)
{
    static const int events[][3] = {{1, 10, 0}, {1, 11, 5},  {2, 10, 1},   {2, 12, 6},
                                    {2, 11, 9}, {1, 10, 90}, {1, 77, 100}, {1, 11, 101}};
    gru4rec_events *builder;
    gru4rec_dataset *dataset;
    gru4rec_items *items;
    const gru4rec_preparation preparation = {.session_gap = 50, .validation = 0.4};
    if (!CHECK_INT(GRU4REC_OK, gru4rec_events_new(NULL, NULL, &builder)))
        return;
    gru4rec_events_prepare(builder, &preparation);
    for (int i = 0; i < 8; i++) {
        const gru4rec_id session = {.type = GRU4REC_ID_INTEGER, .integer = events[i][0]};
        const gru4rec_id item = {.type = GRU4REC_ID_INTEGER, .integer = events[i][1]};
        const gru4rec_time time = {.integer = events[i][2]};
        CHECK_INT(GRU4REC_OK,
                  gru4rec_events_add(builder, &session, &item, &time, i, NULL));
    }
    CHECK_INT(GRU4REC_OK,
              gru4rec_dataset_new(builder, true, NULL, NULL, &dataset, &items));
    CHECK_INT(2, dataset->n_sessions);
    CHECK_INT(5, dataset->n_events);
    CHECK_INT(3, gru4rec_items_count(items));
    if (CHECK(dataset->validation != NULL)) {
        const gru4rec_dataset *held = dataset->validation;
        CHECK_INT(1, held->n_sessions);
        CHECK_INT(2, held->n_events);
        CHECK_INT(1, held->n_unknown); /* 77 */
        CHECK_INT(0, held->item_rows[0]);
        CHECK_INT(1, held->item_rows[1]);
    }
    gru4rec_events_free(builder);
    gru4rec_dataset_free(dataset);
    gru4rec_items_free(items);
}

int main(void)
{
    RUN(test_random_against_lists);
    RUN(test_cut_and_held_out);
    return test_end();
}

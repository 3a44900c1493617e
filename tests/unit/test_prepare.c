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

/* Of a session of more than most events only the last ones stay, or none. */
static lists drop_long(const lists *l, int most, bool keeps_last, int64_t *n_long,
                       int64_t *n_dropped)
{
    lists out = {0};
    for (int s = 0; s < l->n; s++) {
        const int n = l->length[s], kept = n <= most ? n : keeps_last ? most : 0;
        *n_long += n > most;
        *n_dropped += n - kept;
        if (kept == 0)
            continue;
        out.visit[out.n] = l->visit[s];
        for (int i = n - kept; i < n; i++)
            out.items[out.n][out.length[out.n]++] = l->items[s][i];
        out.n++;
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
    g4r_union alone = {0};
    gru4rec_preparation p = {.collapse_repeats = g4r_rng_below(rng, 2) == 1,
                             .min_support = (int64_t)g4r_rng_below(rng, 8),
                             .min_length = (int64_t)g4r_rng_below(rng, 4),
                             .max_length = (int64_t)g4r_rng_below(rng, 4),
                             .long_sessions =
                                 (gru4rec_long_sessions)(1 + g4r_rng_below(rng, 2)),
                             .leaves_single = g4r_rng_below(rng, 2) == 1};
    int64_t n_long = 0, dropped = 0, left = 0;
    d.offsets = offsets;
    d.n_sessions = l.n;
    for (int s = 0; s < l.n; s++) {
        visit[s] = l.visit[s];
        for (int i = 0; i < l.length[s]; i++)
            rows[d.n_events++] = l.items[s][i];
        offsets[s + 1] = d.n_events;
    }
    CHECK(g4r_prepare(&d, visit, N_ITEMS, &p, &alone, &watch));
    if (p.collapse_repeats)
        l = collapse(&l, &repeats);
    if (p.max_length > 0)
        l = drop_long(&l, (int)p.max_length, p.long_sessions == GRU4REC_LONG_LAST,
                      &n_long, &dropped);
    for (int before = -1; before != count_events(&l);) {
        before = count_events(&l);
        l = drop_short(&l, (int)G4R_MAX(p.min_length, 1), &tiny);
        if (p.leaves_single)
            l = drop_short(&l, 2, &left);
        l = drop_rare(&l, (int)p.min_support, &rare);
    }
    l = drop_short(&l, 1, &tiny);
    check_same(&l, &d, visit);
    CHECK_INT(repeats, d.n_repeats);
    CHECK_INT(rare, d.n_rare);
    CHECK_INT(tiny, d.n_short);
    CHECK_INT(n_long, d.n_long);
    CHECK_INT(dropped, d.n_dropped);
    CHECK_INT(left, d.n_left);
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

/* One user's clicks on items 0, 0, 1, 2, 2, 3, 4, a pause, 5, 6, 7, 8, in pieces. */
static void check_pieces(int64_t max_length, bool collapses, const int *lengths, int n,
                         int64_t n_long)
{
    static const int items_of[] = {0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 8};
    gru4rec_events *builder;
    gru4rec_dataset *dataset;
    gru4rec_items *items;
    const gru4rec_preparation preparation = {.session_gap = 50,
                                             .max_length = max_length,
                                             .collapse_repeats = collapses};
    if (!CHECK_INT(GRU4REC_OK, gru4rec_events_new(NULL, NULL, &builder)))
        return;
    gru4rec_events_prepare(builder, &preparation);
    for (int i = 0; i < 11; i++) {
        const gru4rec_id session = {.type = GRU4REC_ID_INTEGER, .integer = 7};
        const gru4rec_id item = {.type = GRU4REC_ID_INTEGER, .integer = items_of[i]};
        const gru4rec_time time = {.integer = i < 7 ? i : 100 + i};
        CHECK_INT(GRU4REC_OK,
                  gru4rec_events_add(builder, &session, &item, &time, i, NULL));
    }
    CHECK_INT(GRU4REC_OK,
              gru4rec_dataset_new(builder, true, NULL, NULL, &dataset, &items));
    CHECK_INT(n, dataset->n_sessions);
    for (int s = 0; s < n && s < dataset->n_sessions; s++) {
        gru4rec_id id;
        CHECK_INT(lengths[s], dataset->offsets[s + 1] - dataset->offsets[s]);
        gru4rec_events_session(builder, s, &id);
        CHECK_INT(7, id.integer);
    }
    CHECK_INT(n_long, dataset->n_long);
    CHECK_INT(0, dataset->n_dropped);
    gru4rec_events_free(builder);
    gru4rec_dataset_free(dataset);
    gru4rec_items_free(items);
}

static void test_long_sessions_are_cut(void)
{
    check_pieces(0, false, (const int[]){7, 4}, 2, 0);
    check_pieces(7, false, (const int[]){7, 4}, 2, 0);
    check_pieces(4, false, (const int[]){4, 3, 4}, 3, 1);
    check_pieces(3, false, (const int[]){3, 3, 1, 3, 1}, 5, 2);
    check_pieces(1, false, (const int[]){1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 11, 2);
    /* repeats do not count for the length, and begin no piece */
    check_pieces(5, true, (const int[]){5, 4}, 2, 0);
    check_pieces(3, true, (const int[]){3, 2, 3, 1}, 4, 2);
    check_pieces(1, true, (const int[]){1, 1, 1, 1, 1, 1, 1, 1, 1}, 9, 2);
}

int main(void)
{
    RUN(test_random_against_lists);
    RUN(test_cut_and_held_out);
    RUN(test_long_sessions_are_cut);
    return test_end();
}

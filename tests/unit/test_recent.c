/*
 * test_recent.c - recent.c through the public interface: events of which some are new,
 * against the same without those that no new one brings along; what first and held_out are.
 */
#include "../lib/fault_alloc.h"
#include "../lib/ids.h"
#include "../lib/test.h"

#include "../../src/base/rng.h"

enum { MOST = 60 };

typedef struct event {
    int session, item;
    gru4rec_time time;
    int64_t order;
    bool is_new, is_kept;
} event;

typedef struct result {
    gru4rec_status status;
    gru4rec_dataset *dataset;
    gru4rec_items *items;
    gru4rec_id sessions[MOST]; /* integers, in visiting order */
} result;

static void discard(result *r)
{
    gru4rec_dataset_free(r->dataset);
    gru4rec_items_free(r->items);
}

/* is_all: events are old and new; else those that are kept are added as if all were new. */
static gru4rec_status add(gru4rec_events *builder, const event *e, bool is_all)
{
    const gru4rec_id session = id_integer(e->session), item = id_integer(e->item);
    if (!is_all && !e->is_kept)
        return GRU4REC_OK;
    return is_all && !e->is_new
               ? gru4rec_events_add_old(builder, &session, &item, &e->time, e->order,
                                        NULL)
               : gru4rec_events_add(builder, &session, &item, &e->time, e->order, NULL);
}

static bool is_over(void *context)
{
    return --*(int *)context < 0;
}

/* patience: how often it may ask whether it is to stop; below 0: for ever. */
static result build(const gru4rec_allocator *allocator,
                    const gru4rec_preparation *preparation, const event *events, int n,
                    bool is_all, int patience)
{
    result r = {0};
    gru4rec_events *builder;
    r.status = gru4rec_events_new(allocator, NULL, &builder);
    if (r.status != GRU4REC_OK)
        return r;
    gru4rec_events_prepare(builder, preparation);
    for (int i = 0; i < n && is_all && r.status == GRU4REC_OK; i++) {
        const gru4rec_id session = id_integer(events[i].session);
        if (events[i].is_new)
            r.status = gru4rec_events_expect(builder, &session, NULL);
    }
    for (int i = 0; i < n && r.status == GRU4REC_OK; i++)
        r.status = add(builder, &events[i], is_all);
    if (r.status == GRU4REC_OK)
        r.status = gru4rec_dataset_new(builder, true, patience < 0 ? NULL : is_over,
                                       &patience, &r.dataset, &r.items);
    for (int64_t s = 0; r.dataset != NULL && s < r.dataset->n_sessions; s++)
        gru4rec_events_session(builder, s, &r.sessions[s]);
    gru4rec_events_free(builder);
    return r;
}

static gru4rec_time random_time(g4r_rng *rng)
{
    const int64_t second = (int64_t)g4r_rng_below(rng, 300);
    switch (g4r_rng_below(rng, 3)) {
    case 0:
        return (gru4rec_time){.integer = second};
    case 1:
        return (gru4rec_time){.type = GRU4REC_TIME_REAL, .real = (double)second + 0.5};
    default:
        return (gru4rec_time){.type = GRU4REC_TIME_DATE, .integer = second * 1000000000};
    }
}

static int random_events(event *events, g4r_rng *rng, bool is_wide)
{
    const int n = 1 + (int)g4r_rng_below(rng, MOST - 1);
    const uint64_t share = g4r_rng_below(rng, 12);
    for (int i = 0; i < n; i++)
        events[i] = (event){.session = (int)g4r_rng_below(rng, 6),
                            .item = (int)g4r_rng_below(rng, 8),
                            .time = random_time(rng),
                            .order = (is_wide ? (int64_t)1 << 40 : 0) + i * 7 % 64,
                            .is_new = g4r_rng_below(rng, 12) < share};
    return n;
}

/* By (session, time, order). */
static int compare(const event *a, const event *b)
{
    int order = (a->session > b->session) - (a->session < b->session);
    if (order == 0)
        order = gru4rec_time_compare(&a->time, &b->time);
    return order != 0 ? order : (a->order > b->order) - (a->order < b->order);
}

static void sort(event *events, int n)
{
    for (int i = 1; i < n; i++)
        for (int k = i; k > 0 && compare(&events[k - 1], &events[k]) > 0; k--) {
            const event swap = events[k];
            events[k] = events[k - 1];
            events[k - 1] = swap;
        }
}

/* Does another piece begin at i, where this one has so many events? */
static bool begins(const event *events, int i, const gru4rec_preparation *p,
                   int64_t length)
{
    const event *a = &events[i - 1], *b = &events[i];
    const double pause = gru4rec_time_real(&b->time) - gru4rec_time_real(&a->time);
    return a->session != b->session || (p->session_gap > 0 && pause > p->session_gap) ||
           (p->max_length > 0 && length == p->max_length);
}

/* Of sorted events, piece by piece: are they kept? Returns how many are not. */
static int64_t mark_kept(event *events, int n, const gru4rec_preparation *p)
{
    int64_t n_old = 0;
    for (int start = 0, end; start < n; start = end) {
        bool has_new = events[start].is_new;
        for (end = start + 1; end < n && !begins(events, end, p, end - start); end++)
            has_new |= events[end].is_new;
        for (int i = start; i < end; i++)
            events[i].is_kept = has_new;
        n_old += has_new ? 0 : end - start;
    }
    return n_old;
}

static void shuffle(event *events, int n, g4r_rng *rng)
{
    for (int i = n; i > 1; i--) {
        const int k = (int)g4r_rng_below(rng, (uint64_t)i);
        const event swap = events[i - 1];
        events[i - 1] = events[k];
        events[k] = swap;
    }
}

static void check_same(const result *a, const result *b)
{
    const gru4rec_dataset *x = a->dataset, *y = b->dataset;
    CHECK_INT(GRU4REC_OK, a->status);
    CHECK_INT(GRU4REC_OK, b->status);
    if (x == NULL || y == NULL || !CHECK_INT(x->n_sessions, y->n_sessions) ||
        !CHECK_INT(x->n_events, y->n_events))
        return;
    CHECK(gru4rec_dataset_fingerprint(x, a->items) ==
          gru4rec_dataset_fingerprint(y, b->items));
    CHECK_INT(0, gru4rec_time_compare(&x->first, &y->first));
    for (int64_t s = 0; s < x->n_sessions; s++)
        CHECK_INT(a->sessions[s].integer, b->sessions[s].integer);
    if (CHECK((x->validation != NULL) == (y->validation != NULL)) &&
        x->validation != NULL &&
        CHECK_INT(x->validation->n_events, y->validation->n_events))
        CHECK_INT(0, gru4rec_time_compare(&x->held_out, &y->held_out));
}

static gru4rec_preparation random_preparation(g4r_rng *rng)
{
    return (gru4rec_preparation){
        .session_gap = g4r_rng_below(rng, 2) == 1 ? 20 : 0,
        .max_length = g4r_rng_below(rng, 2) == 1 ? 3 : 0,
        .validation = g4r_rng_below(rng, 2) == 1 ? 0.4 : 0,
    };
}

/* As if nobody had ever heard of the others, in whatever order they come. */
static void old_events_come_with_new_ones_only(void)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, 21, 1, 0);
    for (int round = 0; round < 3000; round++) {
        event events[MOST];
        const gru4rec_preparation preparation = random_preparation(&rng);
        const int n = random_events(events, &rng, round % 5 == 0);
        sort(events, n);
        const int64_t n_old = mark_kept(events, n, &preparation);
        if (round % 2 == 0)
            shuffle(events, n, &rng);
        result all = build(NULL, &preparation, events, n, true, -1);
        result kept = build(NULL, &preparation, events, n, false, -1);
        check_same(&all, &kept);
        if (n_old < n)
            CHECK_INT(n_old, all.dataset->n_old);
        CHECK_INT(0, kept.dataset->n_old);
        discard(&all);
        discard(&kept);
    }
}

static void first_and_held_out_are_the_least_times(void)
{
    static const event events[] = {{1, 1, {.integer = 50}, 0, true, true},
                                   {1, 2, {.integer = 90}, 1, true, true},
                                   {2, 1, {.integer = 70}, 2, true, true},
                                   {2, 2, {.integer = 40}, 3, true, true},
                                   {3, 1, {.integer = 61}, 4, false, false},
                                   {3, 2, {.integer = 60}, 5, true, true},
                                   {4, 1, {.integer = 10}, 6, false, false},
                                   {4, 2, {.integer = 11}, 7, false, false}};
    const gru4rec_preparation preparation = {.validation = 0.4};
    result r = build(NULL, &preparation, events, 8, true, -1);
    CHECK_INT(GRU4REC_OK, r.status);
    CHECK_INT(2, r.dataset->n_sessions);
    CHECK_INT(2, r.dataset->n_old);
    CHECK_INT(40, r.dataset->first.integer);
    CHECK_INT(60, r.dataset->held_out.integer);
    discard(&r);
}

static void short_memory_is_told_without_a_leak(void)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, 22, 1, 0);
    for (int round = 0; round < 20; round++) {
        event events[MOST];
        const gru4rec_preparation preparation = random_preparation(&rng);
        const int n = random_events(events, &rng, round % 2 == 0);
        bool is_done = false;
        for (size_t fail_at = 1; !is_done; fail_at++) {
            fault_alloc fault = {.fail_at = fail_at};
            const gru4rec_allocator allocator = fault_alloc_allocator(&fault);
            result r = build(&allocator, &preparation, events, n, true, -1);
            is_done = fault.n_failed == 0;
            CHECK_INT(is_done ? GRU4REC_OK : GRU4REC_NOMEM, r.status);
            discard(&r);
            CHECK_INT(0, fault.n_live);
        }
    }
}

static void it_can_be_stopped(void)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, 23, 1, 0);
    event events[MOST];
    const gru4rec_preparation preparation = {.session_gap = 20, .validation = 0.4};
    const int n = random_events(events, &rng, false);
    int patience = 0;
    for (bool is_done = false; !is_done; patience++) {
        fault_alloc fault = {0};
        const gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        result r = build(&allocator, &preparation, events, n, true, patience);
        is_done = r.status == GRU4REC_OK;
        CHECK(is_done || r.status == GRU4REC_INTERRUPTED);
        CHECK(is_done == (r.dataset != NULL));
        discard(&r);
        CHECK_INT(0, fault.n_live);
    }
}

/* The number of an event goes with it where others before it are dropped. */
static void numbers_go_along(void)
{
    const gru4rec_preparation preparation = {.session_gap = 10, .keeps_numbers = true};
    const gru4rec_id session = id_integer(1), item = id_integer(7);
    gru4rec_events *builder;
    gru4rec_dataset *dataset;
    gru4rec_items *items;
    CHECK_INT(GRU4REC_OK, gru4rec_events_new(NULL, NULL, &builder));
    gru4rec_events_prepare(builder, &preparation);
    CHECK_INT(GRU4REC_OK, gru4rec_events_expect(builder, &session, NULL));
    for (int i = 0; i < 3; i++) { /* a long pause before the new ones */
        const gru4rec_time time = {.integer = i == 0 ? 0 : 1000 + i};
        CHECK_INT(GRU4REC_OK,
                  i == 0
                      ? gru4rec_events_add_old(builder, &session, &item, &time, i, NULL)
                      : gru4rec_events_add(builder, &session, &item, &time, i, NULL));
    }
    CHECK_INT(GRU4REC_OK,
              gru4rec_dataset_new(builder, true, NULL, NULL, &dataset, &items));
    if (CHECK_INT(2, dataset->n_events)) {
        CHECK_INT(1, dataset->numbers[0]);
        CHECK_INT(2, dataset->numbers[1]);
    }
    gru4rec_events_free(builder);
    gru4rec_dataset_free(dataset);
    gru4rec_items_free(items);
}

/* Support of an item that was there, of one that is gone, rounded. */
static void support_is_inherited(void)
{
    gru4rec_items *items;
    const gru4rec_id a = id_integer(1), text = id_text("1"), gone = id_text("x");
    CHECK_INT(GRU4REC_OK, gru4rec_items_new(NULL, &items));
    CHECK_INT(GRU4REC_OK, gru4rec_items_add(items, &a, 10));
    CHECK_INT(GRU4REC_OK, gru4rec_items_inherit(items, &a, 5, 0.5));
    CHECK_INT(GRU4REC_OK,
              gru4rec_items_inherit(items, &text, 4, 0.25)); /* the same item */
    CHECK_INT(GRU4REC_OK, gru4rec_items_inherit(items, &gone, 7, 0.5));
    CHECK_INT(2, gru4rec_items_count(items));
    CHECK_INT(14, gru4rec_items_support(items)[0]);
    CHECK_INT(4, gru4rec_items_support(items)[1]);
    CHECK_INT(GRU4REC_OK, gru4rec_items_inherit(items, &gone, 1000, 0));
    CHECK_INT(4, gru4rec_items_support(items)[1]);
    /* what a forged table may say */
    CHECK_INT(GRU4REC_OK, gru4rec_items_inherit(items, &gone, INT64_MIN, 1));
    CHECK_INT(4, gru4rec_items_support(items)[1]);
    CHECK_INT(GRU4REC_OK, gru4rec_items_inherit(items, &gone, INT64_MAX, 1));
    CHECK_INT(4 + ((int64_t)1 << 53), gru4rec_items_support(items)[1]);
    /* ids that were REAL, too wide to find the INTEGER: the table has one row for both */
    const gru4rec_id wide = id_integer((int64_t)1 << 60), real = id_real(0x1p60);
    CHECK_INT(GRU4REC_OK, gru4rec_items_add(items, &wide, 10));
    CHECK_INT(GRU4REC_OK, gru4rec_items_inherit(items, &real, 6, 0.5));
    CHECK_INT(3, gru4rec_items_count(items));
    CHECK_INT(13, gru4rec_items_support(items)[2]);
    gru4rec_items_free(items);
}

int main(void)
{
    RUN(old_events_come_with_new_ones_only);
    RUN(first_and_held_out_are_the_least_times);
    RUN(short_memory_is_told_without_a_leak);
    RUN(it_can_be_stopped);
    RUN(numbers_go_along);
    RUN(support_is_inherited);
    return test_end();
}

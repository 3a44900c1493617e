/*
 * test_dataset.c - dataset.c against a brute force: order of events, sessions and
 * items, whatever comes in, in whatever order, with memory short at any place.
 */
#include "../lib/fault_alloc.h"
#include "../lib/ids.h"
#include "../lib/keys.h"
#include "../lib/test.h"

#include "../../src/base/rng.h"

typedef struct event {
    gru4rec_id session, item;
    gru4rec_time time;
    int64_t order;
} event;

typedef struct result {
    gru4rec_status status;
    gru4rec_dataset *dataset;
    gru4rec_items *items;
} result;

/* How sessions are visited: by their first times, or by their values alone. */
static bool is_by_time = true;

static gru4rec_time at(int64_t time)
{
    return (gru4rec_time){.integer = time};
}

static gru4rec_time at_real(double time)
{
    return (gru4rec_time){.type = GRU4REC_TIME_REAL, .real = time};
}

static gru4rec_time at_date(int64_t nanoseconds)
{
    return (gru4rec_time){.type = GRU4REC_TIME_DATE, .integer = nanoseconds};
}

static event make(const char *session, const char *item, int64_t time, int64_t order)
{
    return (event){id_text(session), id_text(item), at(time), order};
}

static result build(const gru4rec_allocator *allocator, const gru4rec_items *known,
                    const event *events, size_t n)
{
    result r = {0};
    gru4rec_events *collector;
    r.status = gru4rec_events_new(allocator, known, &collector);
    if (r.status != GRU4REC_OK) {
        CHECK(collector == NULL);
        return r;
    }
    for (size_t i = 0; i < n && r.status == GRU4REC_OK; i++) {
        gru4rec_error error = {""};
        const event *e = &events[i];
        r.status = gru4rec_events_add(collector, &e->session, &e->item, &e->time,
                                      e->order, &error);
        CHECK((r.status == GRU4REC_OK) == (error.message[0] == '\0'));
    }
    if (r.status == GRU4REC_OK) {
        r.status =
            gru4rec_dataset_new(collector, is_by_time, NULL, NULL, &r.dataset, &r.items);
        CHECK((r.status == GRU4REC_OK) == (r.dataset != NULL));
        CHECK((r.status == GRU4REC_OK && known == NULL) == (r.items != NULL));
    }
    gru4rec_events_free(collector);
    return r;
}

static void discard(result *r)
{
    gru4rec_dataset_free(r->dataset);
    gru4rec_items_free(r->items);
}

/* ---- the brute force ---- */

/* The times here are small: a long double holds them. */
static long double time_value(const gru4rec_time *time)
{
    return time->type == GRU4REC_TIME_REAL   ? (long double)time->real
           : time->type == GRU4REC_TIME_DATE ? (long double)time->integer / 1000000000
                                             : (long double)time->integer;
}

static int compare_times(const gru4rec_time *a, const gru4rec_time *b)
{
    long double x = time_value(a), y = time_value(b);
    return (x > y) - (x < y);
}

/* By (time, order, item); items in order of value, whatever catalogue is known. */
static bool is_before(const event *a, const event *b)
{
    int order = compare_times(&a->time, &b->time);
    if (order == 0)
        order = (a->order > b->order) - (a->order < b->order);
    if (order == 0)
        order = id_compare(&a->item, &b->item);
    return order < 0;
}

static gru4rec_time first_time(const event *events, size_t n, const gru4rec_id *session)
{
    const gru4rec_time *first = NULL;
    for (size_t i = 0; i < n; i++)
        if (id_compare(&events[i].session, session) == 0 &&
            (first == NULL || compare_times(&events[i].time, first) < 0))
            first = &events[i].time;
    return *first;
}

/* Sorts all events by ([first time of the session,] session, time, order, item). */
static void brute_sort(event *events, size_t n)
{
    gru4rec_time *first = malloc((n + 1) * sizeof *first);
    for (size_t i = 0; i < n; i++)
        first[i] = first_time(events, n, &events[i].session);
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0; k--) {
            event *a = &events[k - 1], *b = &events[k], swap = *a;
            int order = is_by_time ? compare_times(&first[k - 1], &first[k]) : 0;
            if (order == 0)
                order = id_compare(&a->session, &b->session);
            if (order < 0 || (order == 0 && !is_before(b, a)))
                break;
            gru4rec_time first_swap = first[k - 1];
            *a = *b;
            *b = swap;
            first[k - 1] = first[k];
            first[k] = first_swap;
        }
    free(first);
}

static size_t drop_unknown(event *events, size_t n, const gru4rec_items *known)
{
    size_t n_kept = 0;
    for (size_t i = 0; i < n; i++)
        if (known == NULL || gru4rec_items_find(known, &events[i].item) >= 0)
            events[n_kept++] = events[i];
    return n_kept;
}

/* The dataset against events in the order they should have. */
static void check_events(const gru4rec_dataset *dataset, const gru4rec_items *items,
                         const event *sorted, size_t n)
{
    int64_t n_sessions = 0, n_single = 0;
    for (size_t i = 0; i < n; i++) {
        bool is_first = i == 0 || id_compare(&sorted[i].session, &sorted[i - 1].session);
        bool is_last =
            i + 1 == n || id_compare(&sorted[i].session, &sorted[i + 1].session);
        if (is_first)
            CHECK_INT(i, dataset->offsets[n_sessions++]);
        n_single += is_first && is_last;
        gru4rec_id id;
        int32_t row = dataset->item_rows[i];
        gru4rec_items_get(items, row, &id);
        CHECK_INT(0, id_compare(&sorted[i].item, &id));
    }
    CHECK_INT(n_sessions, dataset->n_sessions);
    CHECK_INT(n, dataset->n_events);
    CHECK_INT(n, dataset->offsets[n_sessions]);
    CHECK_INT(n_single, dataset->n_single);
}

/* Rows 0, 1, 2, ... as items first appear; supports count them all. */
static void check_numbering(const gru4rec_dataset *dataset, const gru4rec_items *items)
{
    int32_t n_seen = 0, n_items = gru4rec_items_count(items);
    int64_t *support = calloc((size_t)n_items + 1, sizeof *support);
    for (int64_t i = 0; i < dataset->n_events; i++) {
        int32_t row = dataset->item_rows[i];
        if (!CHECK(row >= 0 && row < n_items && row <= n_seen))
            break;
        n_seen += row == n_seen;
        support[row]++;
    }
    CHECK_INT(n_items, n_seen);
    for (int32_t row = 0; row < n_items; row++)
        CHECK_INT(support[row], gru4rec_items_support(items)[row]);
    free(support);
}

/* Builds from events as they are and compares with the brute force; events get sorted. */
static void check_build(event *events, size_t n, const gru4rec_items *known)
{
    fault_alloc fault = {0};
    gru4rec_allocator allocator = fault_alloc_allocator(&fault);
    result r = build(&allocator, known, events, n);
    if (!CHECK_INT(GRU4REC_OK, r.status))
        return;
    size_t n_kept = drop_unknown(events, n, known);
    CHECK_INT(n - n_kept, r.dataset->n_unknown);
    brute_sort(events, n_kept);
    check_events(r.dataset, known != NULL ? known : r.items, events, n_kept);
    if (known == NULL)
        check_numbering(r.dataset, r.items);
    discard(&r);
    CHECK_INT(0, fault.n_live);
}

/* ---- small cases, written out ---- */

static void check_rows(const result *r, const int32_t *rows, size_t n)
{
    CHECK_INT(n, r->dataset->n_events);
    for (size_t i = 0; i < n && i < (size_t)r->dataset->n_events; i++)
        CHECK_INT(rows[i], r->dataset->item_rows[i]);
}

static void sessions_go_by_first_time_then_value(void)
{
    /* s3 starts first; s1 and s2 start together; items by first appearance there. */
    const event events[] = {make("s2", "x", 10, 0), make("s1", "y", 10, 1),
                            make("s3", "z", 99, 2), make("s3", "y", 5, 3),
                            make("s1", "z", 11, 4)};
    result r = build(NULL, NULL, events, 5);
    /* s3: y z; s1: y z; s2: x */
    const int32_t rows[] = {0, 1, 0, 1, 2};
    const int64_t offsets[] = {0, 2, 4, 5};
    CHECK_INT(GRU4REC_OK, r.status);
    check_rows(&r, rows, 5);
    CHECK_INT(3, r.dataset->n_sessions);
    for (int s = 0; s <= 3; s++)
        CHECK_INT(offsets[s], r.dataset->offsets[s]);
    CHECK_INT(1, r.dataset->n_single);
    CHECK_INT(3, gru4rec_items_count(r.items));
    gru4rec_id z = id_text("z");
    CHECK_INT(1, gru4rec_items_find(r.items, &z));
    CHECK_INT(2, gru4rec_items_support(r.items)[1]);
    discard(&r);
}

static void ties_in_time_go_by_order_then_item(void)
{
    const event events[] = {make("s", "d", 1, 2), make("s", "c", 1, 9),
                            make("s", "b", 1, 5), make("s", "a", 1, 5),
                            make("s", "e", 0, 100)};
    result r = build(NULL, NULL, events, 5);
    const char *const expected[] = {"e", "d", "a", "b", "c"};
    CHECK_INT(GRU4REC_OK, r.status);
    for (int32_t i = 0; i < 5; i++) {
        gru4rec_id id = id_text(expected[i]);
        CHECK_INT(i, r.dataset->item_rows[i]);
        CHECK_INT(i, gru4rec_items_find(r.items, &id));
    }
    discard(&r);
}

/* The catalogue has other rows, and integers where the events have texts: these sort. */
static void ties_of_known_items_go_by_the_events_items(void)
{
    const event events[] = {{id_text("s"), id_text("9"), at(1), 0},
                            {id_text("s"), id_text("10"), at(1), 0},
                            {id_text("s"), id_integer(7), at(1), 0},
                            {id_text("s"), id_text("x"), at(1), 0},
                            {id_text("s"), id_integer(30), at(1), 0},
                            {id_text("s"), id_text("30"), at(1), 0}};
    const int64_t ids[] = {30, 9, 10, 7};
    const int32_t rows[] = {3, 0, 2, 0, 1}; /* of 7, 30, '10', '30', '9' */
    gru4rec_items *known;
    if (!CHECK_INT(GRU4REC_OK, gru4rec_items_new(NULL, &known)))
        return;
    for (int i = 0; i < 4; i++) {
        const gru4rec_id id = id_integer(ids[i]);
        CHECK_INT(GRU4REC_OK, gru4rec_items_add(known, &id, 1));
    }
    result r = build(NULL, known, events, 6);
    CHECK_INT(GRU4REC_OK, r.status);
    check_rows(&r, rows, 5);
    CHECK_INT(1, r.dataset->n_unknown);
    discard(&r);
    gru4rec_items_free(known);
}

static void integer_and_real_times_are_one_scale(void)
{
    const event events[] = {{id_text("s"), id_text("c"), at(3), 0},
                            {id_text("s"), id_text("b"), at_real(2.5), 1},
                            {id_text("s"), id_text("a"), at(2), 2},
                            {id_text("s"), id_text("e"), at_real(3.0), 3},
                            {id_text("s"), id_text("d"), at_real(-0.5), 4}};
    const char *const expected[] = {"d", "a", "b", "c", "e"};
    result r = build(NULL, NULL, events, 5);
    CHECK_INT(GRU4REC_OK, r.status);
    for (int32_t i = 0; i < 5; i++) {
        gru4rec_id id = id_text(expected[i]);
        CHECK_INT(i, gru4rec_items_find(r.items, &id));
    }
    discard(&r);
}

/* Nanoseconds since 1970 have no exact double; integers stay exact. */
static void integer_times_are_exact(void)
{
    const int64_t now = 1700000000000000001;
    const event events[] = {make("s", "b", now, 0), make("s", "a", now - 1, 1),
                            make("s", "c", INT64_MAX, 2), make("s", "d", INT64_MIN, 3)};
    const int32_t rows[] = {0, 1, 2, 3};
    result r = build(NULL, NULL, events, 4);
    gru4rec_id a = id_text("a"), d = id_text("d");
    CHECK_INT(GRU4REC_OK, r.status);
    check_rows(&r, rows, 4);
    CHECK_INT(0, gru4rec_items_find(r.items, &d));
    CHECK_INT(1, gru4rec_items_find(r.items, &a));
    discard(&r);
}

/* And stay so beside a real, and a date, whichever comes first. */
static void integers_beside_other_types_are_exact(void)
{
    const int64_t now = 1700000000000000001;
    for (int shift = 0; shift < 5; shift++) {
        const event all[] = {make("s", "b", now, 0),
                             make("s", "a", now - 1, 1),
                             {id_text("s"), id_text("c"), at_real(1.75e18), 2},
                             {id_text("s"), id_text("d"), at_date(5), 3},
                             make("s", "e", now + 1, 4)};
        const char *const expected[] = {"d", "a", "b", "e", "c"};
        event events[5];
        for (int i = 0; i < 5; i++)
            events[i] = all[(i + shift) % 5];
        result r = build(NULL, NULL, events, 5);
        CHECK_INT(GRU4REC_OK, r.status);
        for (int32_t i = 0; i < 5; i++) {
            gru4rec_id id = id_text(expected[i]);
            CHECK_INT(i, gru4rec_items_find(r.items, &id));
        }
        discard(&r);
    }
}

static void session_ids_of_all_types_are_ordered(void)
{
    /* All start together: numbers, text, blobs; REAL 1.0 is INTEGER 1. */
    const event events[] = {{id_blob("a", 1), id_integer(5), at(0), 0},
                            {id_text("a"), id_integer(4), at(0), 1},
                            {id_real(1.5), id_integer(2), at(0), 2},
                            {id_integer(1), id_integer(0), at(0), 3},
                            {id_text("1"), id_integer(3), at(0), 4},
                            {id_real(1.0), id_integer(1), at(0), 5}};
    result r = build(NULL, NULL, events, 6);
    CHECK_INT(GRU4REC_OK, r.status);
    CHECK_INT(5, r.dataset->n_sessions);
    CHECK_INT(4, r.dataset->n_single);
    CHECK_INT(2, r.dataset->offsets[1]);
    for (int32_t i = 0; i < 6; i++) {
        gru4rec_id id;
        gru4rec_items_get(r.items, r.dataset->item_rows[i], &id);
        CHECK_INT(i, id.integer);
    }
    discard(&r);
}

static void no_events_make_an_empty_dataset(void)
{
    fault_alloc fault = {0};
    gru4rec_allocator allocator = fault_alloc_allocator(&fault);
    result r = build(&allocator, NULL, NULL, 0);
    CHECK_INT(GRU4REC_OK, r.status);
    CHECK_INT(0, r.dataset->n_events);
    CHECK_INT(0, r.dataset->n_sessions);
    CHECK_INT(0, r.dataset->n_single);
    CHECK_INT(0, r.dataset->offsets[0]);
    CHECK_INT(0, gru4rec_items_count(r.items));
    discard(&r);
    CHECK_INT(0, fault.n_live);
    gru4rec_dataset_free(NULL);
    gru4rec_events_free(NULL);
}

static void sessions_of_one_event_are_counted(void)
{
    event events[11];
    char names[10][24];
    for (int i = 0; i < 10; i++) {
        snprintf(names[i], sizeof names[i], "s%d", i);
        events[i] = make(names[i], "x", i, i);
    }
    events[10] = make("s3", "y", 100, 10);
    result r = build(NULL, NULL, events, 11);
    CHECK_INT(GRU4REC_OK, r.status);
    CHECK_INT(10, r.dataset->n_sessions);
    CHECK_INT(9, r.dataset->n_single);
    discard(&r);
}

/* They leave no gap: the events around them follow each other. */
static void unknown_items_are_dropped_and_counted(void)
{
    const char *const catalogue[] = {"c", "a", "b"};
    gru4rec_items *known;
    CHECK_INT(GRU4REC_OK, gru4rec_items_new(NULL, &known));
    for (int i = 0; i < 3; i++) {
        gru4rec_id id = id_text(catalogue[i]);
        CHECK_INT(GRU4REC_OK, gru4rec_items_add(known, &id, 1));
    }
    const event events[] = {make("s1", "new", 0, 0), make("s1", "a", 1, 1),
                            make("s1", "odd", 2, 2), make("s1", "b", 3, 3),
                            make("s2", "new", 0, 4), make("s3", "odd", 0, 5),
                            make("s3", "c", 1, 6)};
    result r = build(NULL, known, events, 7);
    const int32_t rows[] = {1, 2, 0};
    CHECK_INT(GRU4REC_OK, r.status);
    CHECK_INT(4, r.dataset->n_unknown);
    /* Neighbours become adjacent; s2 is gone; s3's first known event is at 1 as well. */
    CHECK_INT(2, r.dataset->n_sessions);
    CHECK_INT(1, r.dataset->n_single);
    CHECK_INT(2, r.dataset->offsets[1]);
    check_rows(&r, rows, 3);
    discard(&r);
    r = build(NULL, known, events, 1);
    CHECK_INT(GRU4REC_OK, r.status);
    CHECK_INT(0, r.dataset->n_sessions);
    CHECK_INT(1, r.dataset->n_unknown);
    discard(&r);
    gru4rec_items_free(known);
}

/* ---- random cases ---- */

static int64_t below(g4r_rng *rng, int64_t n)
{
    return (int64_t)(g4r_rng_uniform(rng) * (double)n);
}

/* Few values of all types, so that equal ones meet. */
static gru4rec_id random_id(g4r_rng *rng)
{
    static const char *const texts[] = {"", "1", "2", "a", "ab", "b"};
    switch (below(rng, 4)) {
    case 0:
        return id_integer(below(rng, 5) - 1);
    case 1:
        return id_real((double)below(rng, 8) / 2 - 1);
    case 2:
        return id_text(texts[below(rng, 6)]);
    default:
        return id_blob("ab", (size_t)below(rng, 3));
    }
}

/* One draw after another, in the same order whatever the compiler. */
static event random_event(g4r_rng *rng, bool has_real_time, int64_t order)
{
    event e = {.order = order};
    int64_t time = below(rng, 12);
    e.session = random_id(rng);
    e.item = random_id(rng);
    const int64_t kind = has_real_time ? below(rng, 3) : 0;
    e.time = kind == 0   ? at(time)
             : kind == 1 ? at_real((double)time / 2)
                         : at_date(time * 250000000 + below(rng, 2));
    return e;
}

static size_t random_events(event events[64], g4r_rng *rng)
{
    size_t n = (size_t)below(rng, 64);
    bool has_real_time = below(rng, 2) == 0, has_order = below(rng, 2) == 0;
    for (size_t i = 0; i < n; i++)
        events[i] =
            random_event(rng, has_real_time, has_order ? (int64_t)i : below(rng, 3));
    return n;
}

static void shuffle(event *events, size_t n, g4r_rng *rng)
{
    for (size_t i = n; i > 1; i--) {
        size_t k = (size_t)below(rng, (int64_t)i);
        event swap = events[i - 1];
        events[i - 1] = events[k];
        events[k] = swap;
    }
}

static void random_events_equal_brute_force(void)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, 1, 1, 0);
    for (int round = 0; round < 1000; round++) {
        event events[64];
        check_build(events, random_events(events, &rng), NULL);
    }
}

/* by_time false: as time_sort false asks. Within sessions time still rules. */
static void random_events_by_session_value_equal_brute_force(void)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, 9, 1, 0);
    is_by_time = false;
    for (int round = 0; round < 1000; round++) {
        event events[64];
        check_build(events, random_events(events, &rng), NULL);
    }
    is_by_time = true;
}

static void random_events_of_known_items_equal_brute_force(void)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, 2, 1, 0);
    for (int round = 0; round < 500; round++) {
        event events[64];
        size_t n = random_events(events, &rng);
        gru4rec_items *known;
        CHECK_INT(GRU4REC_OK, gru4rec_items_new(NULL, &known));
        for (int i = 0; i < 8; i++) {
            gru4rec_id id = random_id(&rng);
            gru4rec_status status = gru4rec_items_add(known, &id, 1);
            CHECK(status == GRU4REC_OK || status == GRU4REC_INVALID);
        }
        /* '1' finds INTEGER 1 too, so compare with what the catalogue says. */
        for (size_t i = 0; i < n; i++) {
            int32_t row = gru4rec_items_find(known, &events[i].item);
            if (row >= 0)
                gru4rec_items_get(known, row, &events[i].item);
        }
        check_build(events, n, known);
        gru4rec_items_free(known);
    }
}

static void same_result(const result *a, const result *b)
{
    CHECK_INT(a->dataset->n_sessions, b->dataset->n_sessions);
    CHECK_INT(a->dataset->n_events, b->dataset->n_events);
    CHECK_INT(a->dataset->n_single, b->dataset->n_single);
    for (int64_t i = 0; i < a->dataset->n_events; i++)
        CHECK_INT(a->dataset->item_rows[i], b->dataset->item_rows[i]);
    for (int64_t s = 0; s <= a->dataset->n_sessions; s++)
        CHECK_INT(a->dataset->offsets[s], b->dataset->offsets[s]);
    CHECK_INT(gru4rec_items_count(a->items), gru4rec_items_count(b->items));
    for (int32_t row = 0; row < gru4rec_items_count(a->items); row++) {
        gru4rec_id x, y;
        gru4rec_items_get(a->items, row, &x);
        gru4rec_items_get(b->items, row, &y);
        CHECK_INT(0, id_compare(&x, &y));
    }
}

static void order_of_arrival_does_not_matter(void)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, 3, 1, 0);
    for (int round = 0; round < 300; round++) {
        event events[64];
        size_t n = random_events(events, &rng);
        result a = build(NULL, NULL, events, n);
        brute_sort(events, n);
        result b = build(NULL, NULL, events, n);
        shuffle(events, n, &rng);
        result c = build(NULL, NULL, events, n);
        same_result(&a, &b);
        same_result(&a, &c);
        discard(&a);
        discard(&b);
        discard(&c);
    }
}

/* Every request for memory fails once: NOMEM or the right result, and never a leak. */
static void sweep(const event *events, size_t n, const gru4rec_items *known,
                  bool is_sticky)
{
    bool is_done = false;
    size_t fail_at = 0;
    while (!is_done) {
        fault_alloc fault = {.fail_at = ++fail_at, .is_sticky = is_sticky};
        gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        result r = build(&allocator, known, events, n);
        is_done = fault.n_failed == 0;
        CHECK_INT(is_done ? GRU4REC_OK : GRU4REC_NOMEM, r.status);
        discard(&r);
        CHECK_INT(0, fault.n_live);
    }
    CHECK(fail_at > 15);
}

static void short_memory_is_told_without_a_leak(void)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, 4, 1, 0);
    event events[64];
    for (size_t i = 0; i < 64; i++)
        events[i] = random_event(&rng, true, (int64_t)i);
    gru4rec_items *known;
    CHECK_INT(GRU4REC_OK, gru4rec_items_new(NULL, &known));
    for (size_t i = 0; i < 8; i++)
        gru4rec_items_add(known, &events[i].item, 1);
    for (int is_sticky = 0; is_sticky <= 1; is_sticky++) {
        sweep(events, 64, NULL, is_sticky != 0);
        sweep(events, 64, known, is_sticky != 0);
    }
    gru4rec_items_free(known);
}

/* ---- keys and stops ---- */

/* Nothing that is given depends on the keys of the hash tables. */
static void any_key_gives_the_same(void)
{
    enum { N = 500 };
    g4r_rng rng, keys;
    event events[N];
    g4r_rng_seed(&rng, 14, 1, 0);
    for (size_t i = 0; i < N; i++)
        events[i] = random_event(&rng, true, (int64_t)i);
    result expected = build(NULL, NULL, events, N);
    CHECK_INT(GRU4REC_OK, expected.status);
    for (int64_t seed = 0; seed < 20; seed++) {
        const gru4rec_allocator allocator = keys_allocator(&keys, seed);
        result r = build(&allocator, NULL, events, N);
        same_result(&expected, &r);
        CHECK(gru4rec_dataset_fingerprint(expected.dataset, expected.items) ==
              gru4rec_dataset_fingerprint(r.dataset, r.items));
        discard(&r);
    }
    discard(&expected);
}

/* One session whose events come in an order of which none of them is in its place. */
static void long_sessions_are_sorted(void)
{
    enum { MOST_EVENTS = 600 };
    static event events[MOST_EVENTS];
    static const size_t sizes[] = {2, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, MOST_EVENTS};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        for (int shape = 0; shape < 3; shape++) {
            const size_t n = sizes[k];
            for (size_t i = 0; i < n; i++) {
                const int64_t time = shape == 0   ? (int64_t)(n - i)
                                     : shape == 1 ? (int64_t)(i * 7919 % 601)
                                                  : (int64_t)(i % 3);
                events[i] = (event){id_integer((int64_t)(shape == 2 ? i % 2 : 5)),
                                    id_integer((int64_t)(i * 31 % 17)), at(time),
                                    (int64_t)(n - i / 4)};
            }
            check_build(events, n, NULL);
        }
}

static bool asks_until(void *left)
{
    return --*(int *)left < 0;
}

/* The dataset of events that are in no order, stopped when it has asked so often. */
static gru4rec_status make_until(int most, bool has_gaps, fault_alloc *fault, result *r)
{
    enum { N = 30000 };
    gru4rec_allocator allocator = fault_alloc_allocator(fault);
    gru4rec_events *collector;
    const gru4rec_preparation preparation = {.session_gap = has_gaps ? 1000 : 0,
                                             .max_length = has_gaps ? 7 : 0,
                                             .collapse_repeats = true,
                                             .min_support = 2,
                                             .min_length = 2,
                                             .validation = 0.3};
    *r = (result){0};
    CHECK_INT(GRU4REC_OK, gru4rec_events_new(&allocator, NULL, &collector));
    gru4rec_events_prepare(collector, &preparation);
    for (int64_t i = 0; i < N; i++) {
        const gru4rec_id session = id_integer(i % 7919 % 300),
                         item = id_integer(i * 13 % 10007);
        const gru4rec_time time = at(i * 7919 % N);
        CHECK_INT(GRU4REC_OK,
                  gru4rec_events_add(collector, &session, &item, &time, N - i, NULL));
    }
    r->status =
        gru4rec_dataset_new(collector, true, asks_until, &most, &r->dataset, &r->items);
    gru4rec_events_free(collector);
    return r->status;
}

/* It can be stopped wherever it asks, and leaves nothing then. */
static void making_can_be_stopped(void)
{
    for (int has_gaps = 0; has_gaps <= 1; has_gaps++) {
        fault_alloc fault = {0};
        result expected, r;
        int n_asked = 0;
        CHECK_INT(GRU4REC_OK, make_until(1000000, has_gaps, &fault, &expected));
        while (make_until(n_asked, has_gaps, &fault, &r) == GRU4REC_INTERRUPTED) {
            CHECK(r.dataset == NULL && r.items == NULL);
            n_asked++;
        }
        CHECK(n_asked > 50);
        same_result(&expected, &r);
        discard(&r);
        discard(&expected);
        CHECK_INT(0, fault.n_live);
    }
}

/* An add that failed changed nothing that counts: it can be tried again. */
static void failed_add_can_be_repeated(void)
{
    const event events[] = {make("s2", "x", 10, 0), make("s1", "y", 10, 1),
                            make("s3", "z", 99, 2)};
    result expected = build(NULL, NULL, events, 3);
    bool is_done = false;
    for (size_t fail_at = 2; !is_done; fail_at++) {
        fault_alloc fault = {.fail_at = fail_at};
        gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        gru4rec_events *collector;
        result r = {0};
        CHECK_INT(GRU4REC_OK, gru4rec_events_new(&allocator, NULL, &collector));
        for (int i = 0; i < 3; i++) {
            const event *e = &events[i];
            gru4rec_status status = gru4rec_events_add(collector, &e->session, &e->item,
                                                       &e->time, e->order, NULL);
            if (status != GRU4REC_OK)
                status = gru4rec_events_add(collector, &e->session, &e->item, &e->time,
                                            e->order, NULL);
            CHECK_INT(GRU4REC_OK, status);
        }
        is_done = fault.n_failed == 0;
        fault.fail_at = 0;
        CHECK_INT(GRU4REC_OK,
                  gru4rec_dataset_new(collector, true, NULL, NULL, &r.dataset, &r.items));
        same_result(&expected, &r);
        gru4rec_events_free(collector);
        discard(&r);
        CHECK_INT(0, fault.n_live);
    }
    discard(&expected);
}

int main(void)
{
    RUN(sessions_go_by_first_time_then_value);
    RUN(ties_in_time_go_by_order_then_item);
    RUN(ties_of_known_items_go_by_the_events_items);
    RUN(integer_and_real_times_are_one_scale);
    RUN(integer_times_are_exact);
    RUN(integers_beside_other_types_are_exact);
    RUN(session_ids_of_all_types_are_ordered);
    RUN(no_events_make_an_empty_dataset);
    RUN(sessions_of_one_event_are_counted);
    RUN(unknown_items_are_dropped_and_counted);
    RUN(random_events_equal_brute_force);
    RUN(random_events_by_session_value_equal_brute_force);
    RUN(random_events_of_known_items_equal_brute_force);
    RUN(order_of_arrival_does_not_matter);
    RUN(short_memory_is_told_without_a_leak);
    RUN(failed_add_can_be_repeated);
    RUN(any_key_gives_the_same);
    RUN(long_sessions_are_sorted);
    RUN(making_can_be_stopped);
    return test_end();
}

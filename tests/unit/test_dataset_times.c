/*
 * test_dataset_times.c - dataset.c: times stay with their events through everything that is
 * done to these, and a dataset gets the rows of another catalogue.
 */
#include "../lib/fault_alloc.h"
#include "../lib/ids.h"
#include "../lib/test.h"

#include "../../src/base/rng.h"

enum { MOST = 200, ITEMS = 9 };

typedef struct made {
    gru4rec_status status;
    gru4rec_dataset *dataset;
    gru4rec_items *items;
} made;

/* An event's item follows from its time, which no other has. */
static int64_t item_at(int64_t time)
{
    return time * 7 % 11 % ITEMS;
}

static gru4rec_time time_at(int64_t time)
{
    if (time % 3 == 0)
        return (gru4rec_time){.type = GRU4REC_TIME_REAL, .real = (double)time};
    if (time % 3 == 1)
        return (gru4rec_time){.type = GRU4REC_TIME_DATE, .integer = time * 1000000000};
    return (gru4rec_time){.integer = time};
}

/* Times of n events, in any order, of some sessions. known, preparation: may be NULL. */
static made make(const gru4rec_allocator *allocator, const gru4rec_items *known,
                 const gru4rec_preparation *preparation, const int64_t *times, size_t n)
{
    made m = {0};
    gru4rec_events *events;
    m.status = gru4rec_events_new(allocator, known, &events);
    if (m.status != GRU4REC_OK)
        return m;
    if (preparation != NULL)
        gru4rec_events_prepare(events, preparation);
    for (size_t i = 0; i < n && m.status == GRU4REC_OK; i++) {
        const gru4rec_id session = id_integer(times[i] * 13 % 17 % 6);
        const gru4rec_id item = id_integer(item_at(times[i]));
        const gru4rec_time time = time_at(times[i]);
        m.status = gru4rec_events_add(events, &session, &item, &time, 0, NULL);
    }
    if (m.status == GRU4REC_OK)
        m.status = gru4rec_dataset_new(events, true, NULL, NULL, &m.dataset, &m.items);
    gru4rec_events_free(events);
    return m;
}

static void discard(made *m)
{
    gru4rec_dataset_free(m->dataset);
    gru4rec_items_free(m->items);
}

static size_t random_times(int64_t times[MOST], g4r_rng *rng)
{
    const size_t n = 1 + (size_t)g4r_rng_below(rng, MOST);
    for (size_t i = 0; i < n; i++)
        times[i] = (int64_t)(i + 1) * 5;
    for (size_t i = n; i > 1; i--) {
        const size_t k = g4r_rng_below(rng, i);
        const int64_t swap = times[i - 1];
        times[i - 1] = times[k];
        times[k] = swap;
    }
    return n;
}

static gru4rec_preparation random_preparation(g4r_rng *rng)
{
    gru4rec_preparation p = {.keeps_times = true};
    p.session_gap = g4r_rng_below(rng, 2) == 0 ? 0 : 60;
    p.collapse_repeats = g4r_rng_below(rng, 2) == 1;
    p.max_length = 2 * (int64_t)g4r_rng_below(rng, 4);
    p.long_sessions = (gru4rec_long_sessions)g4r_rng_below(rng, 3);
    p.min_support = 1 + (int64_t)g4r_rng_below(rng, 10);
    p.min_length = 1 + (int64_t)g4r_rng_below(rng, 2);
    p.leaves_single = g4r_rng_below(rng, 2) == 1;
    p.validation = g4r_rng_below(rng, 2) == 0 ? 0 : 0.3;
    return p;
}

static void check_times(const gru4rec_dataset *dataset, const gru4rec_items *items)
{
    for (int64_t s = 0; s < dataset->n_sessions; s++)
        for (int64_t i = dataset->offsets[s]; i < dataset->offsets[s + 1]; i++) {
            gru4rec_id id;
            gru4rec_items_get(items, dataset->item_rows[i], &id);
            CHECK_INT(item_at((int64_t)dataset->times[i]), id.integer);
            CHECK(i == dataset->offsets[s] || dataset->times[i] > dataset->times[i - 1]);
        }
}

static void times_stay_with_their_events(void)
{
    g4r_rng rng;
    int64_t times[MOST], n_events = 0;
    g4r_rng_seed(&rng, 3, 1, 0);
    for (int round = 0; round < 2000; round++) {
        const gru4rec_preparation preparation = random_preparation(&rng);
        const size_t n = random_times(times, &rng);
        made m = make(NULL, NULL, &preparation, times, n);
        if (!CHECK_INT(GRU4REC_OK, m.status))
            return;
        check_times(m.dataset, m.items);
        CHECK(m.dataset->validation == NULL || m.dataset->validation->times == NULL);
        n_events += m.dataset->n_events;
        discard(&m);
    }
    CHECK(n_events > 10000);
}

static void times_are_kept_where_asked(void)
{
    const int64_t times[] = {5, 10, 15, 20};
    const gru4rec_preparation keeps = {.keeps_times = true};
    made without = make(NULL, NULL, NULL, times, 4),
         with = make(NULL, NULL, &keeps, times, 4);
    CHECK(without.dataset->times == NULL);
    CHECK_INT(4 * sizeof(double), gru4rec_dataset_bytes(with.dataset) -
                                      gru4rec_dataset_bytes(without.dataset));
    discard(&without);
    discard(&with);
}

static void short_memory_is_told_without_a_leak(void)
{
    g4r_rng rng;
    int64_t times[MOST];
    const gru4rec_preparation preparation = {.keeps_times = true, .session_gap = 60};
    g4r_rng_seed(&rng, 4, 1, 0);
    const size_t n = random_times(times, &rng);
    size_t fail_at = 0, n_failed = 1;
    while (n_failed > 0) {
        fault_alloc fault = {.fail_at = ++fail_at};
        gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        made m = make(&allocator, NULL, &preparation, times, n);
        n_failed = fault.n_failed;
        CHECK_INT(n_failed == 0 ? GRU4REC_OK : GRU4REC_NOMEM, m.status);
        discard(&m);
        CHECK_INT(0, fault.n_live);
    }
    CHECK(fail_at > 10);
}

/* ---- another catalogue ---- */

/* Some of the items, in another order. */
static gru4rec_items *some_items(g4r_rng *rng)
{
    gru4rec_items *items = NULL;
    gru4rec_items_new(NULL, &items);
    for (int64_t i = ITEMS; i-- > 0;) {
        const gru4rec_id id = id_integer(i);
        if (g4r_rng_below(rng, 3) > 0)
            gru4rec_items_add(items, &id, 1);
    }
    return items;
}

static void check_same(const gru4rec_dataset *a, const gru4rec_dataset *b)
{
    CHECK_INT(a->n_sessions, b->n_sessions);
    CHECK_INT(a->n_events, b->n_events);
    CHECK_INT(a->n_single, b->n_single);
    CHECK_INT(a->n_unknown, b->n_unknown);
    for (int64_t s = 0; s <= a->n_sessions; s++)
        CHECK_INT(a->offsets[s], b->offsets[s]);
    for (int64_t i = 0; i < a->n_events; i++) {
        CHECK_INT(a->item_rows[i], b->item_rows[i]);
        CHECK_NEAR(a->times[i], b->times[i], 0);
    }
}

/* What was made with all items and mapped is what is made with the known ones alone; but
 * sessions keep their order where their first events go. */
static void mapped_is_as_read_with_the_catalogue(void)
{
    g4r_rng rng;
    int64_t times[MOST], n_same = 0;
    const gru4rec_preparation preparation = {.keeps_times = true};
    g4r_rng_seed(&rng, 5, 1, 0);
    for (int round = 0; round < 500; round++) {
        const size_t n = random_times(times, &rng);
        gru4rec_items *known = some_items(&rng);
        made all = make(NULL, NULL, &preparation, times, n);
        made read = make(NULL, known, &preparation, times, n);
        CHECK_INT(GRU4REC_OK, gru4rec_dataset_map(all.dataset, all.items, known));
        check_times(all.dataset, known);
        bool is_sorted = true;
        for (int64_t s = 1; s < all.dataset->n_sessions; s++)
            is_sorted &= all.dataset->times[all.dataset->offsets[s - 1]] <
                         all.dataset->times[all.dataset->offsets[s]];
        CHECK_INT(read.dataset->n_unknown, all.dataset->n_unknown);
        CHECK_INT(read.dataset->n_sessions, all.dataset->n_sessions);
        if (is_sorted)
            check_same(read.dataset, all.dataset);
        n_same += is_sorted;
        discard(&all);
        discard(&read);
        gru4rec_items_free(known);
    }
    CHECK(n_same > 20);
}

static void a_map_without_memory_changes_nothing(void)
{
    g4r_rng rng;
    int64_t times[MOST];
    const gru4rec_preparation preparation = {.keeps_times = true};
    fault_alloc fault = {0};
    gru4rec_allocator allocator = fault_alloc_allocator(&fault);
    g4r_rng_seed(&rng, 6, 1, 0);
    const size_t n = random_times(times, &rng);
    gru4rec_items *known = some_items(&rng);
    made m = make(&allocator, NULL, &preparation, times, n);
    made other = make(NULL, NULL, &preparation, times, n);
    fault.fail_at = fault.n_requests + 1;
    CHECK_INT(GRU4REC_NOMEM, gru4rec_dataset_map(m.dataset, m.items, known));
    check_same(other.dataset, m.dataset);
    CHECK_INT(GRU4REC_OK, gru4rec_dataset_map(m.dataset, m.items, known));
    discard(&m);
    discard(&other);
    CHECK_INT(0, fault.n_live);
    gru4rec_items_free(known);
}

int main(void)
{
    RUN(times_stay_with_their_events);
    RUN(times_are_kept_where_asked);
    RUN(short_memory_is_told_without_a_leak);
    RUN(mapped_is_as_read_with_the_catalogue);
    RUN(a_map_without_memory_changes_nothing);
    return test_end();
}

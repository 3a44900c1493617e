/*
 * test_shard.c - which part of the sessions a session belongs to: the same for ever, for
 * all forms of a value, about equally many in each part; and datasets that are divided.
 */
#include "../lib/fault_alloc.h"
#include "../lib/ids.h"
#include "../lib/test.h"

#include "../../src/base/alloc.h"

/* Of the ids, by a program of its own. They must never change. */
static void test_values(void)
{
    const gru4rec_id ids[] = {id_integer(0),
                              id_integer(1),
                              id_integer(2),
                              id_integer(3),
                              id_integer(-1),
                              id_integer(7),
                              id_integer((int64_t)1 << 40),
                              id_integer(INT64_MIN),
                              id_real(0.5),
                              id_real(-2.25),
                              id_real(1e300),
                              id_text(""),
                              id_text("a"),
                              id_text("abc"),
                              id_text("S0"),
                              id_text("visitor-12345678"),
                              id_text("\xc3\xa9")};
    static const int32_t of_1000[] = {907, 868, 850, 666, 286, 564, 766, 835, 826,
                                      517, 526, 715, 949, 167, 272, 497, 983};
    static const int32_t of_3[] = {2, 2, 2, 1, 0, 1, 2, 2, 2, 1, 1, 2, 2, 0, 0, 1, 2};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        CHECK_INT(of_1000[i], gru4rec_shard_of(&ids[i], 1000));
        CHECK_INT(of_3[i], gru4rec_shard_of(&ids[i], 3));
        CHECK_INT(0, gru4rec_shard_of(&ids[i], 1));
    }
}

static void test_forms_of_a_value(void)
{
    for (int64_t i = -300; i < 300; i++) {
        char text[32];
        snprintf(text, sizeof text, "%lld", (long long)i);
        const gru4rec_id ids[] = {id_integer(i), id_real((double)i), id_text(text)};
        for (int k = 1; k < 3; k++)
            CHECK_INT(gru4rec_shard_of(&ids[0], 100000),
                      gru4rec_shard_of(&ids[k], 100000));
    }
    const gru4rec_id text = id_text("session"), blob = id_blob("session", 7);
    CHECK_INT(gru4rec_shard_of(&text, 100000), gru4rec_shard_of(&blob, 100000));
    const gru4rec_id minus = id_real(-0.0), zero = id_integer(0);
    CHECK_INT(gru4rec_shard_of(&zero, 100000), gru4rec_shard_of(&minus, 100000));
}

/* Chi-squared of the counts, by its degrees of freedom; 1 is what chance gives. */
static double unevenness(int32_t n_shards, int64_t step, bool is_text)
{
    static int64_t counts[64];
    const int64_t n = 20000;
    double sum = 0, each = (double)n / n_shards;
    memset(counts, 0, sizeof counts);
    for (int64_t i = 0; i < n; i++) {
        char text[40];
        snprintf(text, sizeof text, "visitor-%lld", (long long)(i * step));
        const gru4rec_id id = is_text ? id_text(text) : id_integer(i * step);
        counts[gru4rec_shard_of(&id, n_shards)]++;
    }
    for (int32_t i = 0; i < n_shards; i++)
        sum += ((double)counts[i] - each) * ((double)counts[i] - each) / each;
    return sum / (n_shards - 1);
}

/* Observed: at most 2.1 with three parts. 7 has a probability of 0.001. */
static void test_parts_are_equally_large(void)
{
    static const int32_t n_shards[] = {2, 3, 4, 16, 64};
    static const int64_t steps[] = {1, 10, 1024, 1000003};
    for (size_t i = 0; i < sizeof n_shards / sizeof *n_shards; i++)
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
            CHECK(unevenness(n_shards[i], steps[k], false) < 7);
            CHECK(unevenness(n_shards[i], steps[k], true) < 7);
        }
}

/* ---- datasets ---- */

enum { SESSIONS = 40, ITEMS = 9 };

/* SESSIONS sessions with a long pause in the middle, in a mixed order. */
static gru4rec_status collect(const gru4rec_allocator *allocator,
                              const gru4rec_preparation *preparation,
                              gru4rec_events **events)
{
    gru4rec_status status = gru4rec_events_new(allocator, NULL, events);
    if (status != GRU4REC_OK)
        return status;
    gru4rec_events_prepare(*events, preparation);
    for (int64_t i = 0; status == GRU4REC_OK && i < SESSIONS * 6; i++) {
        const int64_t s = i * 7 % SESSIONS, k = i / SESSIONS;
        const gru4rec_id session = id_integer(s), item = id_integer((s + k) % ITEMS);
        const gru4rec_time time = {.integer = 10000 * s + 10 * k + (k > 2 ? 1000 : 0)};
        status = gru4rec_events_add(*events, &session, &item, &time, 0, NULL);
    }
    return status;
}

static gru4rec_status build(const gru4rec_allocator *allocator,
                            const gru4rec_preparation *preparation,
                            gru4rec_events **events, gru4rec_dataset **dataset,
                            gru4rec_items **items)
{
    *dataset = NULL;
    *items = NULL;
    gru4rec_status status = collect(allocator, preparation, events);
    return status == GRU4REC_OK
               ? gru4rec_dataset_new(*events, true, NULL, NULL, dataset, items)
               : status;
}

static void drop(gru4rec_events *events, gru4rec_dataset *dataset, gru4rec_items *items)
{
    gru4rec_dataset_free(dataset);
    gru4rec_items_free(items);
    gru4rec_events_free(events);
}

static void check_divided(const gru4rec_preparation *preparation, int64_t n_sessions)
{
    gru4rec_events *events;
    gru4rec_dataset *dataset;
    gru4rec_items *items;
    if (!CHECK_INT(GRU4REC_OK, build(NULL, preparation, &events, &dataset, &items)))
        return;
    CHECK_INT(n_sessions, dataset->n_sessions);
    CHECK_INT(preparation->n_groups, dataset->n_groups);
    CHECK(dataset->validation == NULL || dataset->validation->groups == NULL);
    for (int64_t s = 0; s < dataset->n_sessions; s++) {
        gru4rec_id id;
        gru4rec_events_session(events, s, &id);
        CHECK_INT(gru4rec_shard_of(&id, preparation->n_groups), dataset->groups[s]);
    }
    drop(events, dataset, items);
}

static void test_divided_datasets(void)
{
    check_divided(&(gru4rec_preparation){.n_groups = 3}, SESSIONS);
    check_divided(&(gru4rec_preparation){.n_groups = 1000}, SESSIONS);
    check_divided(&(gru4rec_preparation){.n_groups = 3, .validation = 0.25}, 30);
    check_divided(&(gru4rec_preparation){.n_groups = 3, .session_gap = 500},
                  2 * SESSIONS);
    check_divided(&(gru4rec_preparation){.n_groups = 3, .max_length = 2}, 3 * SESSIONS);
}

/* Without groups there is no array; with them it counts in the bytes and in the hash. */
static void test_fingerprint_and_bytes(void)
{
    gru4rec_events *events[3];
    gru4rec_dataset *datasets[3];
    gru4rec_items *items[3];
    uint64_t hashes[3];
    for (int32_t i = 0; i < 3; i++) {
        const gru4rec_preparation preparation = {.n_groups = i + 1};
        CHECK_INT(GRU4REC_OK,
                  build(NULL, &preparation, &events[i], &datasets[i], &items[i]));
        hashes[i] = gru4rec_dataset_fingerprint(datasets[i], items[i]);
    }
    CHECK(datasets[0]->groups == NULL && datasets[0]->n_groups == 0);
    CHECK(hashes[0] != hashes[1] && hashes[1] != hashes[2] && hashes[0] != hashes[2]);
    CHECK_INT(gru4rec_dataset_bytes(datasets[0]) + SESSIONS * sizeof(int32_t),
              gru4rec_dataset_bytes(datasets[1]));
    for (int32_t i = 0; i < 3; i++)
        drop(events[i], datasets[i], items[i]);
}

/* Sessions that the other catalogue does not know take their groups with them. */
static void test_mapped(void)
{
    const gru4rec_preparation preparation = {.n_groups = 5, .max_length = 1};
    gru4rec_events *events;
    gru4rec_dataset *dataset;
    gru4rec_items *items, *few;
    int32_t groups[SESSIONS * 6];
    int64_t n = 0;
    CHECK_INT(GRU4REC_OK, build(NULL, &preparation, &events, &dataset, &items));
    CHECK_INT(GRU4REC_OK, gru4rec_items_new(NULL, &few));
    const gru4rec_id known = id_integer(3);
    CHECK_INT(GRU4REC_OK, gru4rec_items_add(few, &known, 1));
    const int32_t row = gru4rec_items_find(items, &known);
    for (int64_t s = 0; s < dataset->n_sessions; s++)
        if (dataset->item_rows[s] == row)
            groups[n++] = dataset->groups[s];
    CHECK_INT(GRU4REC_OK, gru4rec_dataset_map(dataset, items, few));
    if (CHECK_INT(n, dataset->n_sessions))
        CHECK(memcmp(groups, dataset->groups, (size_t)n * sizeof *groups) == 0);
    gru4rec_items_free(few);
    drop(events, dataset, items);
}

static void test_short_memory(void)
{
    const gru4rec_preparation preparation = {.n_groups = 3};
    gru4rec_status status = GRU4REC_NOMEM;
    size_t i = 0;
    while (status == GRU4REC_NOMEM && i++ < 200) {
        fault_alloc fault = {.fail_at = i};
        const gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        gru4rec_events *events = NULL;
        gru4rec_dataset *dataset;
        gru4rec_items *items;
        status = build(&allocator, &preparation, &events, &dataset, &items);
        CHECK_INT(fault.n_failed > 0 ? GRU4REC_NOMEM : GRU4REC_OK, status);
        drop(events, dataset, items);
        CHECK_INT(0, fault.n_live);
    }
    CHECK_INT(GRU4REC_OK, status);
}

int main(void)
{
    RUN(test_values);
    RUN(test_forms_of_a_value);
    RUN(test_parts_are_equally_large);
    RUN(test_divided_datasets);
    RUN(test_fingerprint_and_bytes);
    RUN(test_mapped);
    RUN(test_short_memory);
    return test_end();
}

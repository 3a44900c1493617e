/*
 * test_pairs.c - pairs.c: random logs, each read by two models that know other items and make
 * other sessions of them, against a search through all events; and the numbers that datasets
 * keep for it.
 */
#include "../../src/base/rng.h"
#include "../../src/evaluate/pairs.h"
#include "../lib/fault_alloc.h"
#include "../lib/test.h"

enum { EVENTS = 400, SESSIONS = 25, ITEMS = 12 };

typedef struct event {
    gru4rec_id session, item;
    gru4rec_time time;
} event;

/* What a model makes of the log. */
typedef struct reading {
    gru4rec_items *items;
    gru4rec_events *events;
    gru4rec_dataset *test;
    int32_t places[EVENTS];
    gru4rec_side side;
} reading;

static gru4rec_id integer(int64_t value)
{
    return (gru4rec_id){.type = GRU4REC_ID_INTEGER, .integer = value};
}

static void make_log(event *log, g4r_rng *rng)
{
    for (size_t i = 0; i < EVENTS; i++)
        log[i] = (event){integer((int64_t)g4r_rng_below(rng, SESSIONS)),
                         integer((int64_t)g4r_rng_below(rng, ITEMS)),
                         {.integer = (int64_t)g4r_rng_below(rng, 1000)}};
}

/* A share of the items is known, in an order of its own. */
static gru4rec_items *make_items(g4r_rng *rng, double share)
{
    gru4rec_items *items = NULL;
    const int64_t first = (int64_t)g4r_rng_below(rng, ITEMS);
    if (!CHECK_INT(GRU4REC_OK, gru4rec_items_new(NULL, &items)))
        exit(test_end());
    for (int64_t i = 0; i < ITEMS; i++) {
        const gru4rec_id id = integer((first + i) % ITEMS);
        if (i == 0 || g4r_rng_uniform(rng) < share)
            CHECK_INT(GRU4REC_OK, gru4rec_items_add(items, &id, 1));
    }
    return items;
}

static gru4rec_preparation draw_preparation(g4r_rng *rng)
{
    return (gru4rec_preparation){
        .session_gap = g4r_rng_below(rng, 2) ? (double)g4r_rng_below(rng, 200) : 0,
        .collapse_repeats = g4r_rng_below(rng, 2) == 1,
        .max_length = g4r_rng_below(rng, 2) ? 2 + (int64_t)g4r_rng_below(rng, 9) : 0,
        .long_sessions = GRU4REC_LONG_LAST,
        .keeps_numbers = true};
}

/* Also where a place says which event it was. */
static int32_t place_of(uint32_t number, int32_t of_side)
{
    return (int32_t)number * 2 + of_side;
}

static gru4rec_status read_log(reading *r, const event *log, g4r_rng *rng, double share,
                               const gru4rec_allocator *allocator)
{
    const gru4rec_preparation preparation = draw_preparation(rng);
    gru4rec_items *none;
    gru4rec_error error;
    *r = (reading){.items = make_items(rng, share)};
    gru4rec_status status = gru4rec_events_new(allocator, r->items, &r->events);
    if (status != GRU4REC_OK)
        return status;
    gru4rec_events_prepare(r->events, &preparation);
    for (size_t i = 0; i < EVENTS && status == GRU4REC_OK; i++)
        status = gru4rec_events_add(r->events, &log[i].session, &log[i].item,
                                    &log[i].time, 0, &error);
    return status == GRU4REC_OK
               ? gru4rec_dataset_new(r->events, true, NULL, NULL, &r->test, &none)
               : status;
}

static void start(reading *r, const event *log, g4r_rng *rng, double share,
                  int32_t of_side)
{
    if (!CHECK_INT(GRU4REC_OK, read_log(r, log, rng, share, NULL)))
        exit(test_end());
    for (int64_t s = 0; s < r->test->n_sessions; s++)
        for (int64_t i = r->test->offsets[s]; i < r->test->offsets[s + 1]; i++)
            r->places[i] = i == r->test->offsets[s]
                               ? GRU4REC_PLACE_NONE
                               : place_of(r->test->numbers[i], of_side);
    r->side = (gru4rec_side){r->items, r->test, r->places};
}

static void finish(reading *r)
{
    gru4rec_dataset_free(r->test);
    gru4rec_events_free(r->events);
    gru4rec_items_free(r->items);
}

/* ---- numbers ---- */

static void check_numbers(const reading *r, const event *log)
{
    bool is_seen[EVENTS] = {false};
    for (int64_t s = 0; s < r->test->n_sessions; s++) {
        gru4rec_id session, item;
        gru4rec_events_session(r->events, s, &session);
        for (int64_t i = r->test->offsets[s]; i < r->test->offsets[s + 1]; i++) {
            const uint32_t number = r->test->numbers[i];
            if (!CHECK(number < EVENTS))
                return;
            gru4rec_items_get(r->items, r->test->item_rows[i], &item);
            CHECK_INT(log[number].item.integer, item.integer);
            CHECK_INT(log[number].session.integer, session.integer);
            CHECK(!is_seen[number]);
            is_seen[number] = true;
            CHECK(i == r->test->offsets[s] ||
                  log[number].time.integer >= log[r->test->numbers[i - 1]].time.integer);
        }
    }
}

static void numbers_say_which_event_it_is(void)
{
    static event log[EVENTS];
    static reading r;
    g4r_rng rng;
    for (int64_t seed = 0; seed < 40; seed++) {
        g4r_rng_seed(&rng, seed, 0, 0);
        make_log(log, &rng);
        start(&r, log, &rng, 0.7, 0);
        CHECK(r.test->n_events > SESSIONS);
        check_numbers(&r, log);
        const size_t with = gru4rec_dataset_bytes(r.test);
        uint32_t *numbers = r.test->numbers;
        r.test->numbers = NULL;
        CHECK_INT(4 * r.test->offsets[r.test->n_sessions],
                  with - gru4rec_dataset_bytes(r.test));
        r.test->numbers = numbers;
        finish(&r);
    }
}

static void numbers_are_kept_or_memory_is_short(void)
{
    static event log[EVENTS];
    static reading r;
    g4r_rng rng;
    gru4rec_status status = GRU4REC_NOMEM;
    g4r_rng_seed(&rng, 3, 0, 0);
    make_log(log, &rng);
    for (size_t i = 1; status == GRU4REC_NOMEM && i < 100; i++) {
        g4r_rng same = rng;
        fault_alloc fault = {.fail_at = i};
        gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        status = read_log(&r, log, &same, 0.7, &allocator);
        CHECK_INT(status == GRU4REC_OK ? 0 : 1, fault.n_failed);
        if (status == GRU4REC_OK)
            check_numbers(&r, log);
        finish(&r);
        CHECK_INT(0, fault.n_live);
    }
    CHECK_INT(GRU4REC_OK, status);
}

/* ---- pairs ---- */

/* The session that has an event of that number, and where; -1: none. */
static int64_t find_plainly(const gru4rec_dataset *test, uint32_t number,
                            int64_t *event_at)
{
    for (int64_t s = 0; s < test->n_sessions; s++)
        for (int64_t i = test->offsets[s]; i < test->offsets[s + 1]; i++)
            if (test->numbers[i] == number) {
                *event_at = i;
                return s;
            }
    return -1;
}

/* Is there an earlier event in the session of a that stands in a session of b? */
static bool is_shared_before(const reading *a, const reading *b, int64_t s, int64_t i,
                             int64_t session)
{
    int64_t ignored;
    for (int64_t k = a->test->offsets[s]; k < i; k++)
        if (find_plainly(b->test, a->test->numbers[k], &ignored) == session)
            return true;
    return false;
}

static bool knows(const reading *r, const gru4rec_id *item)
{
    return gru4rec_items_find(r->items, item) >= 0;
}

static void check_pairs(const reading *a, const reading *b, const event *log,
                        const g4r_pairs *pairs, int64_t *n_paired)
{
    int64_t n_unpaired = 0, i, j;
    for (uint32_t number = 0; number < EVENTS; number++) {
        const int64_t s = find_plainly(a->test, number, &i);
        const int64_t t = find_plainly(b->test, number, &j);
        const bool is_a = s >= 0 && i > a->test->offsets[s];
        const bool is_b = t >= 0 && j > b->test->offsets[t];
        const bool is_paired = is_a && is_b && is_shared_before(a, b, s, i, t);
        *n_paired += is_paired;
        n_unpaired += (is_a || is_b) && !is_paired && knows(a, &log[number].item) &&
                      knows(b, &log[number].item);
        if (s < 0)
            continue;
        CHECK_INT(is_paired ? place_of(number, 0) : GRU4REC_PLACE_NONE,
                  pairs->a_places[i]);
        CHECK_INT(is_paired ? place_of(number, 1) : GRU4REC_PLACE_NONE,
                  pairs->b_places[i]);
    }
    CHECK_INT(n_unpaired, pairs->n_unpaired);
}

static g4r_pairs find_pairs(const reading *a, const reading *b, g4r_arena *arena)
{
    g4r_pairs pairs;
    g4r_stop_watch watch = {0};
    *arena = (g4r_arena){0};
    g4r_pairs_init(&pairs, &a->side, &b->side);
    g4r_pairs_layout(&pairs, arena);
    if (!CHECK(g4r_arena_allocate(arena, &g4r_alloc_libc)))
        exit(test_end());
    g4r_pairs_layout(&pairs, arena);
    g4r_pairs_find(&pairs, &watch);
    return pairs;
}

static void pairs_are_those_of_a_search(void)
{
    static event log[EVENTS];
    static reading a, b;
    int64_t n_paired = 0, n_unpaired = 0;
    g4r_rng rng;
    g4r_arena arena;
    for (int64_t seed = 0; seed < 40; seed++) {
        g4r_rng_seed(&rng, seed, 0, 0);
        make_log(log, &rng);
        start(&a, log, &rng, 0.2 + 0.8 * g4r_rng_uniform(&rng), 0);
        start(&b, log, &rng, 0.2 + 0.8 * g4r_rng_uniform(&rng), 1);
        const g4r_pairs pairs = find_pairs(&a, &b, &arena);
        check_pairs(&a, &b, log, &pairs, &n_paired);
        n_unpaired += pairs.n_unpaired;
        g4r_arena_free(&arena, &g4r_alloc_libc);
        finish(&a);
        finish(&b);
    }
    CHECK(n_paired > 1000 && n_unpaired > 100);
}

/* One test for both: all targets of both count, with or without numbers. */
static void one_test_is_paired_with_itself(void)
{
    static event log[EVENTS];
    static reading a;
    g4r_rng rng;
    g4r_arena arena;
    g4r_rng_seed(&rng, 9, 0, 0);
    make_log(log, &rng);
    start(&a, log, &rng, 0.7, 0);
    G4R_ALLOC_CLEAR(&a.test->allocator, a.test->numbers);
    const g4r_pairs pairs = find_pairs(&a, &a, &arena);
    CHECK_INT(0, pairs.n_unpaired);
    for (int64_t i = 0; i < a.test->n_events; i++) {
        CHECK_INT(a.places[i], pairs.a_places[i]);
        CHECK_INT(a.places[i], pairs.b_places[i]);
    }
    g4r_arena_free(&arena, &g4r_alloc_libc);
    finish(&a);
}

int main(void)
{
    RUN(numbers_say_which_event_it_is);
    RUN(numbers_are_kept_or_memory_is_short);
    RUN(pairs_are_those_of_a_search);
    RUN(one_test_is_paired_with_itself);
    return test_end();
}

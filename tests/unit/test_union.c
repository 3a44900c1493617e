/*
 * test_union.c - datasets that several ranks make, which are threads here, against the
 * dataset of one process that has all events: the same catalogue, support, held-out
 * sessions and fingerprints, and on each rank its own sessions, or those of all, whatever
 * the options and however the sessions are divided. And how such calls end: a session on
 * two ranks, short memory, a stop.
 */
#define _POSIX_C_SOURCE 200809L
#include "../lib/fault_alloc.h"
#include "../lib/hall.h"
#include "../lib/ids.h"

#include "../../src/base/alloc.h"
#include "../../src/base/rng.h"

enum { MOST_SESSIONS = 3000, MOST_EVENTS = 12000 };

/* A log, and whose each session is. */
typedef struct event {
    int32_t session, item;
    gru4rec_time time;
    int64_t order;
    int32_t rank; /* that has it; -1: the one of its session */
} event;

static event events[MOST_EVENTS];
static int32_t owners[MOST_SESSIONS];
static int n_events;
static int id_types; /* 0: integers; 1: texts; 2: of all types */

/* What a rank, or one process (rank -1), has made. */
typedef struct maker {
    hall_rank at;
    int32_t rank;
    gru4rec_preparation preparation;
    bool by_time;
    fault_alloc fault;
    int64_t stop_at, n_asked; /* asks to stop at this poll; 0: never */
    gru4rec_events *builder;
    gru4rec_dataset *dataset;
    gru4rec_items *items;
    void *prints;
    size_t n_prints;
    /* The latest sessions of all, and of these before, if times are kept. */
    const gru4rec_dataset *before;
    int64_t n_most;
    gru4rec_dataset *latest;
    bool completes; /* at the end it gets the sessions of all */
    gru4rec_status status;
    gru4rec_error error;
} maker;

static const gru4rec_id *id_of(int32_t number, const char *word, char text[80],
                               gru4rec_id *id)
{
    const int type = id_types < 2 ? id_types : number % 4;
    snprintf(text, 80, "%s with a name that is long %d", word, (int)number * 7919 % 3001);
    *id = type == 0   ? id_integer(number * 7919 % 3001)
          : type == 1 ? id_text(text)
          : type == 2 ? id_real(number + 0.5)
                      : id_blob(text, strlen(text));
    return id;
}

static gru4rec_status collect(maker *m, const gru4rec_allocator *allocator)
{
    static const gru4rec_fingerprints_key key = {3, 5};
    gru4rec_status status = gru4rec_events_new(allocator, NULL, &m->builder);
    if (status != GRU4REC_OK)
        return status;
    gru4rec_events_prepare(m->builder, &m->preparation);
    gru4rec_fingerprints_start(m->builder, &key);
    for (int i = 0; i < n_events && status == GRU4REC_OK; i++) {
        const event *e = &events[i];
        char texts[2][80];
        gru4rec_id session, item;
        const int32_t owner = e->rank >= 0 ? e->rank : owners[e->session];
        if (m->rank >= 0 && owner != m->rank)
            continue;
        status = gru4rec_events_add(m->builder,
                                    id_of(e->session, "session", texts[0], &session),
                                    id_of(e->item, "item", texts[1], &item), &e->time,
                                    e->order, &m->error);
    }
    return status;
}

static bool asks_to_stop(void *context)
{
    maker *m = context;
    return m->stop_at > 0 && ++m->n_asked >= m->stop_at;
}

static gru4rec_status find_latest(maker *m, const gru4rec_ranks *ranks)
{
    gru4rec_dataset *recent = NULL;
    gru4rec_status status =
        ranks != NULL ? gru4rec_latest_unite(m->dataset, m->n_most, ranks, asks_to_stop,
                                             m, &recent, &m->error)
                      : GRU4REC_OK;
    if (status == GRU4REC_OK)
        status = gru4rec_latest_new(&m->dataset->allocator,
                                    recent != NULL ? recent : m->dataset, m->before,
                                    m->n_most, NULL, NULL, &m->latest);
    gru4rec_dataset_free(recent);
    return status;
}

static void *make(void *context)
{
    maker *m = context;
    const gru4rec_allocator allocator = fault_alloc_allocator(&m->fault);
    const bool is_rank = m->rank >= 0;
    const gru4rec_ranks hooks = is_rank ? hall_hooks(&m->at) : (gru4rec_ranks){0};
    const gru4rec_ranks *ranks = is_rank ? &hooks : NULL;
    int64_t n = 0;
    m->status = collect(m, &allocator);
    if (m->status == GRU4REC_OK)
        m->status = gru4rec_dataset_unite(m->builder, m->by_time, ranks, asks_to_stop, m,
                                          &m->dataset, &m->items, &m->error);
    if (m->status == GRU4REC_OK)
        m->status = gru4rec_fingerprints_unite(m->builder, m->dataset, ranks,
                                               asks_to_stop, m, &n, &m->error);
    if (m->status == GRU4REC_OK)
        m->status = gru4rec_fingerprints_new(m->builder, n, NULL, false, NULL, NULL,
                                             &m->prints, &m->n_prints);
    if (m->status == GRU4REC_OK && m->n_most > 0)
        m->status = find_latest(m, ranks);
    if (m->status == GRU4REC_OK && m->completes)
        m->status =
            gru4rec_dataset_complete(m->dataset, ranks, asks_to_stop, m, &m->error);
    if (m->status != GRU4REC_OK && m->rank >= 0)
        hall_leave(m->at.hall);
    return NULL;
}

static void drop(maker *m)
{
    gru4rec_dataset_free(m->dataset);
    gru4rec_dataset_free(m->latest);
    gru4rec_items_free(m->items);
    gru4rec_events_free(m->builder);
    const gru4rec_allocator allocator = fault_alloc_allocator(&m->fault);
    allocator.resize(allocator.context, m->prints, 0);
    CHECK_INT(0, m->fault.n_live);
}

static void make_all(maker *ranks, int32_t n_ranks, hall *h)
{
    pthread_t threads[MOST_RANKS];
    hall_start(h, n_ranks);
    for (int32_t i = 0; i < n_ranks; i++) {
        ranks[i].rank = i;
        ranks[i].at.hall = h;
        ranks[i].at.rank = i;
        if (pthread_create(&threads[i], NULL, make, &ranks[i]) != 0)
            abort();
    }
    for (int32_t i = 0; i < n_ranks; i++)
        pthread_join(threads[i], NULL);
    hall_end(h);
}

/* ---- comparisons ---- */

static void check_items(const gru4rec_items *expected, const gru4rec_items *got)
{
    const int32_t n = gru4rec_items_count(expected);
    if (!CHECK_INT(n, gru4rec_items_count(got)))
        return;
    for (int32_t row = 0; row < n; row++) {
        gru4rec_id a, b;
        gru4rec_items_get(expected, row, &a);
        gru4rec_items_get(got, row, &b);
        if (!CHECK(id_compare(&a, &b) == 0 && gru4rec_items_find(got, &a) == row) ||
            !CHECK_INT(gru4rec_items_support(expected)[row],
                       gru4rec_items_support(got)[row]))
            return;
    }
}

static bool is_same_session(const gru4rec_dataset *a, int64_t s, const gru4rec_dataset *b,
                            int64_t t)
{
    const int64_t n = a->offsets[s + 1] - a->offsets[s];
    return n == b->offsets[t + 1] - b->offsets[t] &&
           memcmp(a->item_rows + a->offsets[s], b->item_rows + b->offsets[t],
                  (size_t)n * sizeof *a->item_rows) == 0 &&
           (a->times == NULL || memcmp(a->times + a->offsets[s], b->times + b->offsets[t],
                                       (size_t)n * sizeof *a->times) == 0);
}

static void check_held(const gru4rec_dataset *expected, const gru4rec_dataset *got)
{
    if (!CHECK((expected == NULL) == (got == NULL)) || expected == NULL ||
        !CHECK_INT(expected->n_sessions, got->n_sessions))
        return;
    CHECK_INT(expected->n_events, got->n_events);
    CHECK_INT(expected->n_unknown, got->n_unknown);
    for (int64_t s = 0; s < expected->n_sessions; s++)
        if (!CHECK(is_same_session(expected, s, got, s)))
            return;
}

/* Whose the session at a place of the dataset of one process is. */
static int32_t owner_of(const maker *one, int64_t place)
{
    char text[80];
    gru4rec_id id, other;
    gru4rec_events_session(one->builder, place, &id);
    for (int32_t s = 0; s < MOST_SESSIONS; s++)
        if (id_compare(&id, id_of(s, "session", text, &other)) == 0)
            return owners[s];
    return -1;
}

static void check_sessions(const maker *one, const int32_t *whose, const maker *ranks,
                           int32_t n_ranks)
{
    int64_t next[MOST_RANKS] = {0};
    for (int64_t s = 0; s < one->dataset->n_sessions; s++) {
        const int32_t rank = whose[s];
        const gru4rec_dataset *dataset = ranks[rank].dataset;
        if (!CHECK(next[rank] < dataset->n_sessions &&
                   is_same_session(one->dataset, s, dataset, next[rank]++)))
            return;
    }
    for (int32_t i = 0; i < n_ranks; i++)
        CHECK_INT(next[i], ranks[i].dataset->n_sessions);
}

/* The counts of what was dropped, added up. */
static void check_counts(const gru4rec_dataset *one, const maker *ranks, int32_t n_ranks)
{
    gru4rec_dataset sum = {0};
    for (int32_t i = 0; i < n_ranks; i++) {
        const gru4rec_dataset *d = ranks[i].dataset;
        sum.n_events += d->n_events;
        sum.n_single += d->n_single;
        sum.n_arbitrary += d->n_arbitrary;
        sum.n_repeats += d->n_repeats;
        sum.n_rare += d->n_rare;
        sum.n_short += d->n_short;
        sum.n_dropped += d->n_dropped;
        sum.n_long += d->n_long;
        sum.n_left += d->n_left;
        CHECK(gru4rec_time_compare(&one->first, &d->first) == 0);
        CHECK(gru4rec_time_compare(&one->held_out, &d->held_out) == 0);
    }
    CHECK_INT(one->n_events, sum.n_events);
    CHECK_INT(one->n_single, sum.n_single);
    CHECK_INT(one->n_arbitrary, sum.n_arbitrary);
    CHECK_INT(one->n_repeats, sum.n_repeats);
    CHECK_INT(one->n_rare, sum.n_rare);
    CHECK_INT(one->n_short, sum.n_short);
    CHECK_INT(one->n_dropped, sum.n_dropped);
    CHECK_INT(one->n_long, sum.n_long);
    CHECK_INT(one->n_left, sum.n_left);
}

/* Sessions of earlier trainings: some of the dataset go on in it, one twice. */
static gru4rec_dataset *make_before(const gru4rec_dataset *d)
{
    gru4rec_dataset *before;
    if (gru4rec_latest_room(&g4r_alloc_libc, d->n_sessions, d->n_events, &before) !=
        GRU4REC_OK)
        abort();
    before->n_sessions = 0;
    for (int64_t s = 0; s < d->n_sessions; s += 1 + s % 3) {
        const int64_t from = d->offsets[s], n = (d->offsets[s + 1] - from + 1) / 2;
        const int64_t to = before->offsets[before->n_sessions];
        for (int64_t i = 0; i < n; i++) {
            before->item_rows[to + i] = d->item_rows[from + i];
            before->times[to + i] = d->times[from + n - 1];
        }
        before->offsets[++before->n_sessions] = to + n;
    }
    before->n_events = before->offsets[before->n_sessions];
    return before;
}

/* Ranks that get the sessions of all have what one process has. */
static void compare_complete(const maker *one, int32_t n_ranks)
{
    maker ranks[MOST_RANKS];
    hall h;
    memset(ranks, 0, sizeof ranks);
    for (int32_t i = 0; i < n_ranks; i++) {
        ranks[i].preparation = one->preparation;
        ranks[i].by_time = one->by_time;
        ranks[i].completes = true;
    }
    make_all(ranks, n_ranks, &h);
    for (int32_t i = 0; i < n_ranks; i++) {
        const gru4rec_dataset *got = ranks[i].dataset;
        if (CHECK_INT(GRU4REC_OK, ranks[i].status)) {
            check_held(one->dataset, got);
            CHECK((got->times == NULL) == (one->dataset->times == NULL));
            CHECK(gru4rec_dataset_fingerprint(one->dataset, one->items) ==
                  gru4rec_dataset_fingerprint(got, ranks[i].items));
            CHECK(got->places == NULL && got->n_behind == 0);
        }
        drop(&ranks[i]);
    }
}

static void compare(const gru4rec_preparation *preparation, bool by_time, int32_t n_ranks)
{
    static int32_t whose[MOST_EVENTS];
    maker one = {.rank = -1, .preparation = *preparation, .by_time = by_time};
    maker ranks[MOST_RANKS];
    hall h;
    memset(ranks, 0, sizeof ranks);
    make(&one);
    if (!CHECK_INT(GRU4REC_OK, one.status))
        return;
    gru4rec_dataset *before = NULL;
    if (preparation->keeps_times) {
        one.before = before = make_before(one.dataset);
        one.n_most = 1 + one.dataset->n_events / (1 + n_ranks % 3);
        CHECK_INT(GRU4REC_OK, find_latest(&one, NULL));
    }
    for (int64_t s = 0; s < one.dataset->n_sessions; s++)
        whose[s] = owner_of(&one, s);
    for (int32_t i = 0; i < n_ranks; i++) {
        ranks[i].preparation = *preparation;
        ranks[i].by_time = by_time;
        ranks[i].before = before;
        ranks[i].n_most = one.n_most;
    }
    make_all(ranks, n_ranks, &h);
    bool is_ok = true;
    for (int32_t i = 0; i < n_ranks; i++)
        if (!CHECK_INT(GRU4REC_OK, ranks[i].status)) {
            printf("%s\n", ranks[i].error.message);
            is_ok = false;
        }
    for (int32_t i = 0; is_ok && i < n_ranks; i++) {
        check_items(one.items, ranks[i].items);
        check_held(one.dataset->validation, ranks[i].dataset->validation);
        CHECK(one.n_prints == ranks[i].n_prints &&
              memcmp(one.prints, ranks[i].prints, one.n_prints) == 0);
        if (before != NULL)
            check_held(one.latest, ranks[i].latest);
    }
    if (is_ok) {
        check_sessions(&one, whose, ranks, n_ranks);
        check_counts(one.dataset, ranks, n_ranks);
    }
    for (int32_t i = 0; i < n_ranks; i++)
        drop(&ranks[i]);
    if (is_ok)
        compare_complete(&one, n_ranks);
    drop(&one);
    gru4rec_dataset_free(before);
}

/* ---- logs ---- */

/* How sessions are divided: 0: evenly, 1: all on the last rank, 2: one rank has none. */
static void invent(g4r_rng *rng, int n_sessions, int n_items, int n, int32_t n_ranks,
                   int division)
{
    n_events = n;
    id_types = (int)g4r_rng_below(rng, 3);
    const bool has_reals = g4r_rng_below(rng, 2) == 1;
    for (int32_t s = 0; s < MOST_SESSIONS; s++)
        owners[s] = division == 1   ? n_ranks - 1
                    : division == 2 ? (int32_t)g4r_rng_below(rng, (uint64_t)n_ranks - 1)
                                    : (int32_t)g4r_rng_below(rng, (uint64_t)n_ranks);
    for (int i = 0; i < n; i++) {
        event *e = &events[i];
        const double x = g4r_rng_uniform(rng);
        *e = (event){.session = (int32_t)g4r_rng_below(rng, (uint64_t)n_sessions),
                     .item = (int32_t)(x * x * n_items),
                     .order = i,
                     .rank = -1};
        /* Few times, so that there are ties. */
        e->time.integer = (int64_t)g4r_rng_below(rng, (uint64_t)n_sessions / 2 + 2);
        if (has_reals && i % 3 == 0) {
            e->time.type = GRU4REC_TIME_REAL;
            e->time.real = (double)e->time.integer + 0.25 * (double)(i % 2);
        }
    }
}

static gru4rec_preparation draw(g4r_rng *rng)
{
    return (gru4rec_preparation){
        .session_gap = g4r_rng_below(rng, 3) == 0 ? 3 : 0,
        .collapse_repeats = g4r_rng_below(rng, 2) == 1,
        .max_length = g4r_rng_below(rng, 2) == 1 ? 4 : 0,
        .long_sessions = (gru4rec_long_sessions)g4r_rng_below(rng, 2),
        .min_support = (int64_t)g4r_rng_below(rng, 6),
        .min_length = (int64_t)g4r_rng_below(rng, 4),
        .leaves_single = g4r_rng_below(rng, 2) == 1,
        .validation = g4r_rng_below(rng, 2) == 1 ? 0.3 : 0,
        .keeps_times = g4r_rng_below(rng, 2) == 1,
    };
}

static void test_random(void)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, 11, 0, 0);
    for (int round = 0; round < 300; round++) {
        const int32_t n_ranks = 2 + (int32_t)g4r_rng_below(&rng, 3);
        const int n_sessions = 1 + (int)g4r_rng_below(&rng, 60);
        invent(&rng, n_sessions, 1 + (int)g4r_rng_below(&rng, 30),
               (int)g4r_rng_below(&rng, 300), n_ranks, round % 3);
        const gru4rec_preparation preparation = draw(&rng);
        compare(&preparation, round % 4 > 0, n_ranks);
    }
}

/* More than one exchange has room for. */
static void test_large(void)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, 12, 0, 0);
    for (int32_t n_ranks = 1; n_ranks < 5; n_ranks++) {
        invent(&rng, MOST_SESSIONS, 9000, MOST_EVENTS, n_ranks, 0);
        id_types = 1;
        compare(&(gru4rec_preparation){.min_support = 2,
                                       .validation = 0.4,
                                       .keeps_times = true},
                true, n_ranks);
    }
}

/* ---- how it ends ---- */

/* Sessions 0 ... 29 of three events, on three ranks; event 89 is on that rank. */
static void invent_plain(int32_t rank_of_last)
{
    n_events = 90;
    for (int i = 0; i < n_events; i++)
        events[i] = (event){.session = i / 3, .item = i % 7, .order = i, .rank = -1};
    for (int32_t s = 0; s < 30; s++)
        owners[s] = s % 3;
    events[89].session = 7;
    events[89].rank = rank_of_last;
}

static void test_session_on_two_ranks(void)
{
    static const char *const names[] = {"1415", "session with a name that is long 1415",
                                        "session with a name that is long 1415"};
    for (id_types = 0; id_types < 3; id_types++) {
        maker ranks[MOST_RANKS] = {{.by_time = true}};
        hall h;
        invent_plain(2); /* session 7 is on rank 1 */
        make_all(ranks, 3, &h);
        for (int i = 0; i < 3; i++) {
            char expected[200];
            snprintf(expected, sizeof expected,
                     "session %s is on rank 1 and on rank 2; give all events of a "
                     "session to one rank, or let all ranks read one source with "
                     "shard=auto",
                     names[id_types]);
            CHECK_INT(GRU4REC_INVALID, ranks[i].status);
            CHECK_TEXT(expected, ranks[i].error.message);
            drop(&ranks[i]);
        }
        invent_plain(1);
        compare(&(gru4rec_preparation){0}, true, 3);
    }
}

/* One rank has not enough memory, or is stopped: no rank goes on. */
static void test_one_fails(void)
{
    int n_failed = 0, n_good = 0;
    invent_plain(1);
    for (size_t at = 1; n_good < 2; at++) {
        maker ranks[MOST_RANKS] = {{.by_time = true}};
        hall h;
        for (int i = 0; i < 3; i++) {
            ranks[i].preparation = (gru4rec_preparation){.min_support = 2,
                                                         .validation = 0.2,
                                                         .keeps_times = true};
            ranks[i].n_most = 20;
            ranks[i].completes = true;
        }
        if (at % 2 == 0)
            ranks[1].fault.fail_at = at / 2;
        else
            ranks[1].stop_at = (int64_t)at / 2 + 1;
        make_all(ranks, 3, &h);
        const gru4rec_status status = ranks[1].status;
        CHECK(status == GRU4REC_OK ||
              status == (at % 2 == 0 ? GRU4REC_NOMEM : GRU4REC_INTERRUPTED));
        for (int i = 0; i < 3; i++) {
            CHECK((ranks[i].status == GRU4REC_OK) == (status == GRU4REC_OK));
            drop(&ranks[i]);
        }
        n_failed += status != GRU4REC_OK;
        n_good = status == GRU4REC_OK ? n_good + 1 : 0;
    }
    CHECK(n_failed > 60);
}

int main(void)
{
    RUN(test_random);
    RUN(test_large);
    RUN(test_session_on_two_ranks);
    RUN(test_one_fails);
    return test_end();
}

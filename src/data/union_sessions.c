/*
 * union_sessions.c - the sessions of all ranks: that none is on two of them, their places
 * in visiting order, those that all ranks get, and their fingerprints; see union.h.
 */
#include "union.h"

#include "prints.h"
#include "sort.h"
#include "../base/fail.h"

/* ---- no session is on two ranks ---- */

/*
 * Hashes of ids are compared, a part of them at a time: of about SOME sessions of all
 * ranks. Where two ranks have the same hash, they give the ids.
 */
enum { SOME = 1 << 20 };

/* The hashes of one part, of all ranks, sorted. */
typedef struct part {
    uint64_t *hashes; /* (n) one rank's behind the other's */
    int32_t *ranks;   /* (n) whose each is */
    uint32_t *order;  /* (n) */
    size_t n, hash_capacity, rank_capacity, order_capacity;
} part;

/* Makes an INTEGER of a REAL that is one: they are one id. */
static void simplify(gru4rec_id *id)
{
    if (id->type == GRU4REC_ID_REAL && id->real >= -0x1p63 && id->real < 0x1p63 &&
        floor(id->real) == id->real) {
        id->integer = (int64_t)id->real;
        id->type = GRU4REC_ID_INTEGER;
        id->real = 0;
    }
}

/* The hash of an id, the same on all ranks; of different types it differs. */
static uint64_t hash_of(const gru4rec_id *session)
{
    static const gru4rec_fingerprints_key key = {0x8ebc6af09c88c6e3u,
                                                 0x589965cc75374cc3u};
    gru4rec_id id = *session;
    simplify(&id);
    return g4r_prints_of_id(&key, &id) +
           ((uint64_t)id.type + 1) * (uint64_t)0x9e3779b97f4a7c15u;
}

static bool is_same(gru4rec_id a, gru4rec_id b)
{
    simplify(&a);
    simplify(&b);
    return a.type == b.type && a.integer == b.integer && a.n_bytes == b.n_bytes &&
           a.real == b.real &&
           (a.n_bytes == 0 || memcmp(a.bytes, b.bytes, a.n_bytes) == 0);
}

/* Fails because a session is on two ranks. */
static bool fail_twice(g4r_union *u, const gru4rec_id *id, int32_t one, int32_t other)
{
    char shown[80];
    if (id->type == GRU4REC_ID_INTEGER)
        snprintf(shown, sizeof shown, "%lld", (long long)id->integer);
    else if (id->type == GRU4REC_ID_REAL)
        snprintf(shown, sizeof shown, "%.15g", id->real);
    else
        gru4rec_show(shown, sizeof shown, id->bytes, id->n_bytes);
    g4r_fail(u->error, GRU4REC_INVALID,
             "session %s is on rank %d and on rank %d; give all events of a session to "
             "one rank, or let all ranks read one source with shard=auto",
             shown, (int)one, (int)other);
    return g4r_union_fail(u, GRU4REC_INVALID);
}

/* Compares the ids of all ranks that have this hash. False: two of them are the same. */
static bool compare_ids(g4r_union *u, const gru4rec_events *events,
                        const uint64_t *hashes, uint64_t hash)
{
    for (int32_t s = 0; s < events->sessions.n; s++) {
        gru4rec_id id;
        g4r_dict_get(&events->sessions, s, &id);
        if (hashes[s] == hash && !g4r_union_put_id(u, &id))
            return false;
    }
    if (!g4r_union_gather(u))
        return false;
    for (int32_t one = 0; one < u->ranks->n_ranks; one++)
        for (int32_t other = one + 1; other < u->ranks->n_ranks; other++) {
            g4r_union_reader a = {u->all + (size_t)one * u->stride,
                                  (size_t)u->sizes[one]};
            while (a.n > 0) {
                gru4rec_id x, y;
                g4r_union_get_id(&a, &x);
                g4r_union_reader b = {u->all + (size_t)other * u->stride,
                                      (size_t)u->sizes[other]};
                while (b.n > 0) {
                    g4r_union_get_id(&b, &y);
                    if (is_same(x, y))
                        return fail_twice(u, &x, one, other);
                }
            }
        }
    return true;
}

static int compare_hashes(const void *context, uint32_t x, uint32_t y)
{
    const uint64_t *hashes = context;
    return G4R_COMPARE(hashes[x], hashes[y]);
}

/* Copies the hashes of the last exchange into p, and sorts them. */
static bool sort_part(g4r_union *u, part *p, g4r_stop_watch *watch)
{
    const gru4rec_allocator *allocator = &u->allocator;
    p->n = 0;
    for (int32_t rank = 0; rank < u->ranks->n_ranks; rank++) {
        const size_t n = (size_t)u->sizes[rank] / sizeof *p->hashes;
        if (!G4R_ALLOC_GROW(allocator, p->hashes, p->hash_capacity, p->n + n) ||
            !G4R_ALLOC_GROW(allocator, p->ranks, p->rank_capacity, p->n + n) ||
            !G4R_ALLOC_GROW(allocator, p->order, p->order_capacity, p->n + n))
            return g4r_union_fail(u, GRU4REC_NOMEM);
        if (n > 0)
            memcpy(p->hashes + p->n, u->all + (size_t)rank * u->stride,
                   n * sizeof *p->hashes);
        for (size_t i = 0; i < n; i++, p->n++) {
            p->ranks[p->n] = rank;
            p->order[p->n] = (uint32_t)p->n;
        }
    }
    const g4r_sort_rule rule = {compare_hashes, p->hashes};
    return g4r_sort(p->order, p->n, &rule, allocator, watch) ||
           g4r_union_fail(u, watch->is_over ? GRU4REC_INTERRUPTED : GRU4REC_NOMEM);
}

/* Exchanges the hashes of one part, and compares the ids of those that two ranks have. */
static bool check_part(g4r_union *u, const gru4rec_events *events, const uint64_t *hashes,
                       uint64_t number, uint64_t n_parts, part *p, g4r_stop_watch *watch)
{
    for (int32_t s = 0; s < events->sessions.n; s++)
        if ((hashes[s] >> 32) * n_parts >> 32 == number &&
            !g4r_union_put(u, &hashes[s], sizeof hashes[s]))
            return false;
    if (!g4r_union_gather(u) || !sort_part(u, p, watch))
        return false;
    size_t end;
    for (size_t i = 0; i < p->n; i = end) {
        const uint64_t hash = p->hashes[p->order[i]];
        bool is_shared = false;
        for (end = i + 1; end < p->n && p->hashes[p->order[end]] == hash; end++)
            is_shared |= p->ranks[p->order[end]] != p->ranks[p->order[i]];
        if (is_shared && !compare_ids(u, events, hashes, hash))
            return false;
    }
    return true;
}

bool g4r_union_sessions_check(g4r_union *u, const gru4rec_events *events,
                              g4r_stop_watch *watch)
{
    if (u->ranks == NULL)
        return true;
    int64_t n = events->sessions.n;
    part p = {0};
    uint64_t *hashes = g4r_alloc(&u->allocator, (size_t)n, sizeof *hashes);
    bool is_ok = hashes != NULL || g4r_union_fail(u, GRU4REC_NOMEM);
    for (int32_t s = 0; is_ok && s < events->sessions.n; s++) {
        gru4rec_id id;
        g4r_dict_get(&events->sessions, s, &id);
        hashes[s] = hash_of(&id);
        is_ok = !g4r_stop_watch_is_over(watch);
    }
    is_ok = is_ok && g4r_union_sum(u, &n, 1);
    const uint64_t n_parts = (uint64_t)n / SOME + 1;
    for (uint64_t i = 0; is_ok && i < n_parts; i++)
        is_ok = check_part(u, events, hashes, i, n_parts, &p, watch);
    g4r_alloc_free(&u->allocator, hashes);
    g4r_alloc_free(&u->allocator, p.hashes);
    g4r_alloc_free(&u->allocator, p.ranks);
    g4r_alloc_free(&u->allocator, p.order);
    return is_ok;
}

/* ---- places ---- */

/* What the list of sessions works on. */
typedef struct placing {
    const gru4rec_events *events;
    const gru4rec_dataset *dataset;
    /* (n_ranks) this rank's first session that is behind the last one of that rank. */
    int64_t *next;
    /* (sessions + 1) sessions, and their events, of others directly before each. */
    int64_t *sessions, *lengths;
} placing;

/* What sessions are visited by. */
typedef struct visit_key {
    gru4rec_time time; /* if they are visited by time */
    gru4rec_id id;
} visit_key;

static visit_key key_of(const placing *p, int64_t s)
{
    const gru4rec_events *events = p->events;
    const int32_t number = events->visit[s];
    visit_key key = {.time = {0}};
    if (events->first != NULL)
        key.time = g4r_events_time(events, events->first[number]);
    g4r_dict_get(&events->sessions, g4r_events_owner(events, number), &key.id);
    return key;
}

static int compare_keys(const visit_key *a, const visit_key *b)
{
    const int order = gru4rec_time_compare(&a->time, &b->time);
    return order != 0 ? order : g4r_dict_compare_ids(&a->id, &b->id);
}

static bool put_session(g4r_union *u, int64_t i, void *context)
{
    const placing *p = context;
    const visit_key key = key_of(p, i);
    const int64_t length = p->dataset->offsets[i + 1] - p->dataset->offsets[i];
    return g4r_union_put(u, &key.time, sizeof key.time) && g4r_union_put_id(u, &key.id) &&
           g4r_union_put(u, &length, sizeof length);
}

/* Counts a session of another rank before this rank's next one. */
static bool get_session(g4r_union *u, int32_t rank, g4r_union_reader *reader,
                        void *context)
{
    placing *p = context;
    visit_key key;
    int64_t length, *next = &p->next[rank];
    g4r_union_get(reader, &key.time, sizeof key.time);
    g4r_union_get_id(reader, &key.id);
    g4r_union_get(reader, &length, sizeof length);
    u->n_sessions++;
    if (rank == u->ranks->rank)
        return true;
    for (; *next < p->dataset->n_sessions; ++*next) {
        const visit_key own = key_of(p, *next);
        if (compare_keys(&own, &key) > 0)
            break;
    }
    p->sessions[*next]++;
    p->lengths[*next] += length;
    return true;
}

bool g4r_union_sessions_place(g4r_union *u, const gru4rec_events *events,
                              gru4rec_dataset *dataset, g4r_stop_watch *watch)
{
    const gru4rec_allocator *allocator = &u->allocator;
    const size_t n = (size_t)dataset->n_sessions;
    int64_t sessions = 0, lengths = 0;
    if (u->ranks == NULL) {
        u->n_sessions = dataset->n_sessions;
        return true;
    }
    placing p = {events, dataset,
                 g4r_alloc(allocator, (size_t)u->ranks->n_ranks, sizeof *p.next),
                 g4r_alloc(allocator, n + 1, sizeof *p.sessions),
                 g4r_alloc(allocator, n + 1, sizeof *p.lengths)};
    const g4r_union_list list = {dataset->n_sessions, put_session, get_session, &p};
    dataset->places = g4r_alloc(allocator, n, sizeof *dataset->places);
    u->starts = g4r_alloc(allocator, n, sizeof *u->starts);
    bool is_ok = (p.next != NULL && p.sessions != NULL && p.lengths != NULL &&
                  dataset->places != NULL && u->starts != NULL) ||
                 g4r_union_fail(u, GRU4REC_NOMEM);
    is_ok = is_ok && g4r_union_pass(u, &list, watch);
    for (size_t s = 0; is_ok && s < n; s++) {
        sessions += p.sessions[s];
        lengths += p.lengths[s];
        dataset->places[s] = (int64_t)s + sessions;
        u->starts[s] = dataset->offsets[s] + lengths;
    }
    g4r_alloc_free(allocator, p.next);
    g4r_alloc_free(allocator, p.sessions);
    g4r_alloc_free(allocator, p.lengths);
    return is_ok;
}

/* ---- sessions that all ranks get ---- */

/* What the list of these sessions works on. */
typedef struct collecting {
    const gru4rec_dataset *own; /* those of this rank */
    const int64_t *places;
    int64_t border;
    /* Of all ranks, from border on; times: NULL, if own has none. */
    int64_t *offsets;
    int32_t *rows;
    double *times;
} collecting;

static bool put_events(g4r_union *u, int64_t i, void *context)
{
    const collecting *c = context;
    const gru4rec_dataset *own = c->own;
    const int64_t first = own->offsets[i], at = c->places[i] - c->border;
    const size_t n = (size_t)(own->offsets[i + 1] - first);
    return g4r_union_put(u, &at, sizeof at) &&
           g4r_union_put(u, own->item_rows + first, n * sizeof *c->rows) &&
           (own->times == NULL ||
            g4r_union_put(u, own->times + first, n * sizeof *c->times));
}

static bool get_events(g4r_union *u, int32_t rank, g4r_union_reader *reader,
                       void *context)
{
    const collecting *c = context;
    int64_t at;
    (void)u;
    (void)rank;
    g4r_union_get(reader, &at, sizeof at);
    const int64_t first = c->offsets[at];
    const size_t n = (size_t)(c->offsets[at + 1] - first);
    g4r_union_get(reader, c->rows + first, n * sizeof *c->rows);
    if (c->times != NULL)
        g4r_union_get(reader, c->times + first, n * sizeof *c->times);
    return true;
}

/* Fills c->offsets, of n sessions, by the lengths that the ranks give. */
static bool find_offsets(g4r_union *u, const collecting *c, size_t n)
{
    const int64_t *own = c->own->offsets;
    for (int64_t s = 0; s < c->own->n_sessions; s++)
        c->offsets[c->places[s] - c->border + 1] = own[s + 1] - own[s];
    if (!g4r_union_sum(u, c->offsets + 1, n))
        return false;
    for (size_t i = 0; i < n; i++)
        c->offsets[i + 1] += c->offsets[i];
    return true;
}

/* Fills c, which has room for n offsets, with n sessions of all ranks. */
static bool collect(g4r_union *u, collecting *c, size_t n, g4r_stop_watch *watch)
{
    const g4r_union_list list = {c->own->n_sessions, put_events, get_events, c};
    const gru4rec_allocator *allocator = &u->allocator;
    if (c->offsets == NULL)
        return g4r_union_fail(u, GRU4REC_NOMEM);
    if (!find_offsets(u, c, n))
        return false;
    const size_t n_events = (size_t)c->offsets[n];
    c->rows = g4r_alloc(allocator, n_events, sizeof *c->rows);
    if (c->own->times != NULL)
        c->times = g4r_alloc(allocator, n_events, sizeof *c->times);
    if (c->rows == NULL || (c->own->times != NULL && c->times == NULL))
        return g4r_union_fail(u, GRU4REC_NOMEM);
    return g4r_union_pass(u, &list, watch);
}

bool g4r_union_sessions_collect(g4r_union *u, gru4rec_dataset *own, const int64_t *places,
                                int64_t border, g4r_stop_watch *watch)
{
    if (u->ranks == NULL)
        return true;
    const gru4rec_allocator *allocator = &u->allocator;
    const size_t n = (size_t)(u->n_sessions - border);
    collecting c = {own,  places, border, g4r_alloc(allocator, n + 1, sizeof *c.offsets),
                    NULL, NULL};
    if (!collect(u, &c, n, watch) || !g4r_union_sum(u, &own->n_unknown, 1)) {
        g4r_alloc_free(allocator, c.offsets);
        g4r_alloc_free(allocator, c.rows);
        g4r_alloc_free(allocator, c.times);
        return false;
    }
    g4r_alloc_free(allocator, own->offsets);
    g4r_alloc_free(allocator, own->item_rows);
    g4r_alloc_free(allocator, own->times);
    own->offsets = c.offsets;
    own->item_rows = c.rows;
    own->times = c.times;
    own->n_sessions = (int64_t)n;
    own->n_events = c.offsets[n];
    return true;
}

/* ---- fingerprints ---- */

/* What the list of fingerprints works on. */
typedef struct printing {
    const gru4rec_events *events;
    const int64_t *places;
    g4r_events_prints *prints; /* by place */
} printing;

static bool put_prints(g4r_union *u, int64_t i, void *context)
{
    const printing *p = context;
    const gru4rec_events *events = p->events;
    const g4r_events_prints *prints = &events->prints[events->visit[i]];
    return g4r_union_put(u, &p->places[i], sizeof *p->places) &&
           g4r_union_put(u, prints, sizeof *prints);
}

static bool get_prints(g4r_union *u, int32_t rank, g4r_union_reader *reader,
                       void *context)
{
    const printing *p = context;
    int64_t place;
    (void)u;
    (void)rank;
    g4r_union_get(reader, &place, sizeof place);
    g4r_union_get(reader, &p->prints[place], sizeof *p->prints);
    return true;
}

bool g4r_union_sessions_print(g4r_union *u, gru4rec_events *events,
                              const gru4rec_dataset *dataset, int64_t n_sessions,
                              g4r_stop_watch *watch)
{
    if (u->ranks == NULL)
        return true;
    const gru4rec_allocator *allocator = &u->allocator;
    const size_t n = (size_t)n_sessions;
    printing p = {events, dataset->places, g4r_alloc(allocator, n, sizeof *p.prints)};
    int32_t *visit = g4r_alloc(allocator, n, sizeof *visit);
    const g4r_union_list list = {dataset->n_sessions, put_prints, get_prints, &p};
    bool is_ok = (p.prints != NULL && visit != NULL) || g4r_union_fail(u, GRU4REC_NOMEM);
    if (!is_ok || !g4r_union_pass(u, &list, watch)) {
        g4r_alloc_free(allocator, p.prints);
        g4r_alloc_free(allocator, visit);
        return false;
    }
    for (size_t i = 0; i < n; i++)
        visit[i] = (int32_t)i;
    g4r_alloc_free(allocator, events->prints);
    g4r_alloc_free(allocator, events->visit);
    events->prints = p.prints;
    events->visit = visit;
    return true;
}

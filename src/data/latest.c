/*
 * latest.c - chooses the latest sessions of a training and of the trainings before it.
 *
 * 1. A session of before may go on in a session of the dataset. It is left out then, so
 *    that its events are not there twice. A session does not have its id any more, so it
 *    is recognised by its content: the session of the dataset begins with the same items,
 *    and its event at the last of these items has the time of the last event of the
 *    session of before. If several sessions of before fit a session of the dataset, only
 *    the longest is left out. To find it, the sessions of before are in a hash table, and
 *    each beginning of a session of the dataset is looked up.
 * 2. The sessions are sorted by age: by the time of the last event; at equal times, those
 *    of before first; then by their place in the dataset.
 * 3. The youngest are copied, until the events are as many as are allowed. The oldest of
 *    them may lose its first events by that.
 */
#include "../base/alloc.h"
#include "../base/hash.h"
#include "sort.h"

typedef struct choosing {
    const gru4rec_allocator *allocator;
    const gru4rec_dataset *dataset, *before; /* borrowed; before may be NULL */
    /*
     * n_before: number of sessions of before; 0 if before is NULL. n: number of sessions
     * of both datasets; sort_sessions() sets it to the number without those left out.
     */
    size_t n_before, n;
    /*
     * The hash table of the sessions of before. Each bucket is a list of sessions:
     * buckets has the first one, and next the one behind each session. -1 ends a list. If
     * n_before is 0, there is no table, and these arrays are NULL.
     */
    g4r_hash_key key;
    size_t n_buckets;  /* a power of 2 */
    int32_t *buckets;  /* (n_buckets) first session of the bucket; -1: none */
    int32_t *next;     /* (n_before) next session in the same bucket; -1: none */
    uint64_t *hashes;  /* (n_before) hash of a session's items and its last time */
    bool *is_left_out; /* (n_before) the session goes on in a session of dataset */
    /*
     * (n) Numbers of the sessions that are not left out, the oldest session first.
     * Sessions of before have the numbers 0 ... n_before - 1, those of dataset the
     * numbers behind these.
     */
    uint32_t *by_age;
    g4r_stop_watch watch;
} choosing;

/* A session of one of the two datasets, or the beginning of one. */
typedef struct session {
    const gru4rec_dataset *dataset;
    int64_t first, end; /* its events: first ... end - 1 of the dataset */
} session;

/* Returns the session with this number; numbers as in choosing.by_age. */
static session session_of(const choosing *c, uint32_t number)
{
    const bool is_before = number < c->n_before;
    const gru4rec_dataset *dataset = is_before ? c->before : c->dataset;
    const int64_t *offsets =
        dataset->offsets + (is_before ? number : number - c->n_before);
    return (session){dataset, offsets[0], offsets[1]};
}

/* Returns the time of the session's last event. */
static double time_of(const session *s)
{
    return s->dataset->times[s->end - 1];
}

/* ---- 1: sessions that go on ---- */

/*
 * Returns the hash of the first items of a session, from the hash of these items without
 * the last one, and the row of the last one. The hash of no item is key.a.
 */
static uint64_t add_row(uint64_t hash, int32_t row)
{
    return g4r_hash_word(hash, (uint64_t)row);
}

/*
 * Returns the hash by which a session is found in the hash table, made from the hash of
 * its items (add_row()), the time of its last event, and the random key.
 */
static uint64_t add_time(const choosing *c, uint64_t hash, double time)
{
    uint64_t bits;
    time += 0.0; /* -0 becomes 0 */
    memcpy(&bits, &time, sizeof bits);
    return g4r_hash_keyed(c->key, hash, bits);
}

/*
 * Puts all sessions of before into the hash table, which is emptied first. If the caller
 * asks to stop (c->watch), it ends early, and the table must not be used.
 */
static void index_before(choosing *c)
{
    memset(c->buckets, -1, c->n_buckets * sizeof *c->buckets);
    for (uint32_t i = 0; i < c->n_before && !g4r_stop_watch_is_over(&c->watch); i++) {
        const session s = session_of(c, i);
        uint64_t hash = c->key.a;
        for (int64_t j = s.first; j < s.end; j++)
            hash = add_row(hash, s.dataset->item_rows[j]);
        c->hashes[i] = add_time(c, hash, time_of(&s));
        int32_t *bucket = &c->buckets[c->hashes[i] & (c->n_buckets - 1)];
        c->next[i] = *bucket;
        *bucket = (int32_t)i;
    }
}

/*
 * Tells whether the beginning of a session is the session of before with this number: it
 * has the same items in order, and its last event has the same time.
 */
static bool is_beginning(const choosing *c, uint32_t number, const session *beginning)
{
    const session s = session_of(c, number);
    const size_t n = (size_t)(s.end - s.first);
    return s.end - s.first == beginning->end - beginning->first &&
           time_of(&s) == time_of(beginning) &&
           memcmp(s.dataset->item_rows + s.first,
                  beginning->dataset->item_rows + beginning->first,
                  n * sizeof *s.dataset->item_rows) == 0;
}

/*
 * Returns a pointer to the element of buckets or next that holds the number of a session
 * of before which is equal to the beginning (is_beginning()). hash: that of the
 * beginning. Returns NULL if there is no such session.
 */
static int32_t *find_before(choosing *c, uint64_t hash, const session *beginning)
{
    int32_t *at = &c->buckets[hash & (c->n_buckets - 1)];
    while (*at >= 0 &&
           (c->hashes[*at] != hash || !is_beginning(c, (uint32_t)*at, beginning)))
        at = &c->next[*at];
    return *at >= 0 ? at : NULL;
}

/*
 * Fills the hash table. Then finds, for each session of the dataset, the longest session
 * of before that it begins with: marks it in is_left_out, and removes it from the table,
 * so that no other session finds it. If there is none, does nothing for that session. If
 * the caller asks to stop (c->watch), the work is not complete.
 */
static void leave_out(choosing *c)
{
    index_before(c);
    for (size_t i = c->n_before; i < c->n && !c->watch.is_over; i++) {
        const session s = session_of(c, (uint32_t)i);
        session beginning = s;
        uint64_t hash = c->key.a;
        int32_t *longest = NULL;
        for (int64_t j = s.first; j < s.end && !g4r_stop_watch_is_over(&c->watch); j++) {
            beginning.end = j + 1;
            hash = add_row(hash, s.dataset->item_rows[j]);
            int32_t *at =
                find_before(c, add_time(c, hash, time_of(&beginning)), &beginning);
            longest = at != NULL ? at : longest;
        }
        if (longest == NULL)
            continue;
        c->is_left_out[*longest] = true;
        *longest = c->next[*longest];
    }
}

/* ---- 2: by age ---- */

/*
 * Compares the sessions x and y by the times of their last events; at equal times by
 * their numbers, so those of before come first.
 */
static int compare_ages(const void *context, uint32_t x, uint32_t y)
{
    const session a = session_of(context, x), b = session_of(context, y);
    const double time_a = time_of(&a), time_b = time_of(&b);
    return time_a != time_b ? G4R_COMPARE(time_a, time_b) : G4R_COMPARE(x, y);
}

/*
 * Fills by_age with the sessions that are not left out, the oldest first, and sets c->n
 * to their number. Returns false if there is not enough memory, or if the caller asks to
 * stop (c->watch).
 */
static bool sort_sessions(choosing *c)
{
    const g4r_sort_rule rule = {compare_ages, c};
    size_t n = 0;
    for (uint32_t i = 0; i < c->n; i++)
        if (i >= c->n_before || !c->is_left_out[i])
            c->by_age[n++] = i;
    c->n = n;
    return g4r_sort(c->by_age, n, &rule, c->allocator, &c->watch);
}

/* ---- 3: the youngest ---- */

gru4rec_status gru4rec_latest_room(const gru4rec_allocator *allocator, int64_t n_sessions,
                                   int64_t n_events, gru4rec_dataset **latest)
{
    gru4rec_dataset *d = g4r_alloc(allocator, 1, sizeof *d);
    *latest = NULL;
    if (d == NULL)
        return GRU4REC_NOMEM;
    d->allocator = *allocator;
    d->n_sessions = n_sessions;
    d->n_events = n_events;
    d->offsets = g4r_alloc(allocator, (size_t)n_sessions + 1, sizeof *d->offsets);
    d->item_rows = g4r_alloc(allocator, (size_t)n_events, sizeof *d->item_rows);
    d->times = g4r_alloc(allocator, (size_t)n_events, sizeof *d->times);
    if (d->offsets == NULL || d->item_rows == NULL || d->times == NULL) {
        gru4rec_dataset_free(d);
        return GRU4REC_NOMEM;
    }
    *latest = d;
    return GRU4REC_OK;
}

size_t gru4rec_latest_bytes(int64_t n_sessions, int64_t n_events)
{
    const size_t event = sizeof(int32_t) + sizeof(double);
    return sizeof(gru4rec_dataset) + (size_t)(n_sessions + 1) * sizeof(int64_t) +
           (size_t)n_events * event;
}

/*
 * Copies a session to latest, as its session at place: the items as they are, and for
 * each event the time of the session's last event. Sets offsets[place + 1] behind it. The
 * sessions at the places before must have been copied.
 */
static void copy_session(gru4rec_dataset *latest, int64_t place, const session *s)
{
    const int64_t first = latest->offsets[place], n = s->end - s->first;
    memcpy(latest->item_rows + first, s->dataset->item_rows + s->first,
           (size_t)n * sizeof *latest->item_rows);
    for (int64_t i = 0; i < n; i++)
        latest->times[first + i] = time_of(s);
    latest->offsets[place + 1] = first + n;
}

/*
 * Makes in *latest a dataset of the youngest sessions, which are the last of by_age,
 * until they have n_most events. If they have more, the oldest of them loses its first
 * events. If all sessions have fewer, copies all. Returns NOMEM if there is not enough
 * memory; *latest is NULL then. If the caller asks to stop (c->watch), it returns OK, and
 * *latest is not complete.
 */
static gru4rec_status copy_youngest(choosing *c, int64_t n_most, gru4rec_dataset **latest)
{
    int64_t n_events = 0;
    size_t from = c->n;
    while (from > 0 && n_events < n_most) {
        const session s = session_of(c, c->by_age[--from]);
        n_events += s.end - s.first;
    }
    const int64_t n_lost = n_events > n_most ? n_events - n_most : 0;
    const int64_t n_sessions = (int64_t)(c->n - from);
    if (gru4rec_latest_room(c->allocator, n_sessions, n_events - n_lost, latest) !=
        GRU4REC_OK)
        return GRU4REC_NOMEM;
    for (int64_t i = 0; i < n_sessions && !g4r_stop_watch_is_over(&c->watch); i++) {
        session s = session_of(c, c->by_age[from + (size_t)i]);
        s.first += i == 0 ? n_lost : 0;
        copy_session(*latest, i, &s);
    }
    return GRU4REC_OK;
}

/* ---- all steps ---- */

/*
 * Allocates by_age, and, if there are sessions of before, the hash table and is_left_out;
 * sets n_buckets. Returns false if there is not enough memory. The caller frees the
 * arrays in both cases.
 */
static bool allocate(choosing *c)
{
    const gru4rec_allocator *allocator = c->allocator;
    c->by_age = g4r_alloc(allocator, c->n, sizeof *c->by_age);
    if (c->n_before == 0)
        return c->by_age != NULL;
    c->n_buckets = 1;
    while (c->n_buckets < c->n_before)
        c->n_buckets *= 2;
    c->buckets = g4r_alloc(allocator, c->n_buckets, sizeof *c->buckets);
    c->next = g4r_alloc(allocator, c->n_before, sizeof *c->next);
    c->hashes = g4r_alloc(allocator, c->n_before, sizeof *c->hashes);
    c->is_left_out = g4r_alloc(allocator, c->n_before, sizeof *c->is_left_out);
    return c->by_age != NULL && c->buckets != NULL && c->next != NULL &&
           c->hashes != NULL && c->is_left_out != NULL;
}

gru4rec_status gru4rec_latest_new(const gru4rec_allocator *allocator,
                                  const gru4rec_dataset *dataset,
                                  const gru4rec_dataset *before, int64_t n_most,
                                  bool (*is_stopped)(void *), void *context,
                                  gru4rec_dataset **latest)
{
    choosing c = {
        .allocator = allocator != NULL ? allocator : &g4r_alloc_libc,
        .dataset = dataset,
        .before = before,
        .n_before = before != NULL ? (size_t)before->n_sessions : 0,
        .watch = {.stop = {is_stopped, context}},
    };
    gru4rec_status status = GRU4REC_NOMEM;
    *latest = NULL;
    c.n = c.n_before + (size_t)dataset->n_sessions;
    c.key = g4r_hash_new_key(c.allocator);
    bool is_ok = allocate(&c);
    if (is_ok && c.n_before > 0)
        leave_out(&c);
    is_ok = is_ok && !c.watch.is_over && sort_sessions(&c);
    if (is_ok)
        status = copy_youngest(&c, n_most, latest);
    g4r_alloc_free(c.allocator, c.buckets);
    g4r_alloc_free(c.allocator, c.next);
    g4r_alloc_free(c.allocator, c.hashes);
    g4r_alloc_free(c.allocator, c.is_left_out);
    g4r_alloc_free(c.allocator, c.by_age);
    if (!c.watch.is_over)
        return status;
    gru4rec_dataset_free(*latest);
    *latest = NULL;
    return GRU4REC_INTERRUPTED;
}

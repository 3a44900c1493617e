/*
 * test_latest.c - latest.c against a plain program: which sessions of two datasets are the
 * latest, and which of the older one go on in the newer one.
 */
#include "../lib/fault_alloc.h"
#include "../lib/test.h"

#include "../../src/base/alloc.h"
#include "../../src/base/rng.h"

enum { MOST_SESSIONS = 12, MOST_LENGTH = 5, MOST_EVENTS = MOST_SESSIONS * MOST_LENGTH };

/* The rows of a session, and their times, which ascend. */
typedef struct plain_session {
    int n;
    int32_t rows[MOST_LENGTH];
    double times[MOST_LENGTH];
} plain_session;

typedef struct plain {
    int n;
    plain_session sessions[2 * MOST_SESSIONS];
} plain;

/* Few items and few times, so that sessions are often equal. */
static plain_session random_session(g4r_rng *rng)
{
    plain_session s = {.n = 1 + (int)g4r_rng_below(rng, MOST_LENGTH)};
    double time = (double)g4r_rng_below(rng, 4);
    for (int i = 0; i < s.n; i++) {
        s.rows[i] = (int32_t)g4r_rng_below(rng, 2);
        s.times[i] = time;
        time += (double)g4r_rng_below(rng, 3);
    }
    return s;
}

/* Some sessions of before, each with more events or as it is, and some others. */
static plain random_sessions(g4r_rng *rng, const plain *before)
{
    plain p = {.n = 1 + (int)g4r_rng_below(rng, MOST_SESSIONS - 1)};
    for (int i = 0; i < p.n; i++) {
        p.sessions[i] = random_session(rng);
        if (before == NULL || before->n == 0 || g4r_rng_below(rng, 2) == 0)
            continue;
        const plain_session more = p.sessions[i];
        plain_session *s = &p.sessions[i];
        *s = before->sessions[g4r_rng_below(rng, (uint64_t)before->n)];
        for (int k = 0; k < more.n && s->n < MOST_LENGTH; k++, s->n++) {
            s->rows[s->n] = more.rows[k];
            s->times[s->n] = s->times[s->n - 1] + (double)k;
        }
    }
    return p;
}

static gru4rec_dataset *dataset_of(const plain *p)
{
    gru4rec_dataset *d;
    int64_t n_events = 0;
    for (int i = 0; i < p->n; i++)
        n_events += p->sessions[i].n;
    const gru4rec_allocator *libc = &g4r_alloc_libc;
    if (!CHECK_INT(GRU4REC_OK, gru4rec_latest_room(libc, p->n, n_events, &d)))
        abort();
    for (int i = 0; i < p->n; i++) {
        const plain_session *s = &p->sessions[i];
        d->offsets[i + 1] = d->offsets[i] + s->n;
        for (int k = 0; k < s->n; k++) {
            d->item_rows[d->offsets[i] + k] = s->rows[k];
            d->times[d->offsets[i] + k] = s->times[k];
        }
    }
    return d;
}

/* A session of before goes on in s: as the first events of it. */
static bool goes_on(const plain_session *before, const plain_session *s)
{
    if (before->n > s->n || before->times[before->n - 1] != s->times[before->n - 1])
        return false;
    for (int i = 0; i < before->n; i++)
        if (before->rows[i] != s->rows[i])
            return false;
    return true;
}

static double last_time(const plain_session *s)
{
    return s->times[s->n - 1];
}

/* What latest.c says that it does, in n^2. */
static plain expect(const plain *dataset, const plain *before, int n_most)
{
    bool is_gone[MOST_SESSIONS] = {false};
    plain all = {0}, latest = {0};
    for (int i = 0; i < dataset->n; i++) {
        int longest = -1;
        for (int k = 0; k < before->n; k++)
            if (!is_gone[k] && goes_on(&before->sessions[k], &dataset->sessions[i]) &&
                (longest < 0 || before->sessions[k].n >= before->sessions[longest].n))
                longest = k;
        if (longest >= 0)
            is_gone[longest] = true;
    }
    for (int k = 0; k < before->n; k++)
        if (!is_gone[k])
            all.sessions[all.n++] = before->sessions[k];
    for (int i = 0; i < dataset->n; i++)
        all.sessions[all.n++] = dataset->sessions[i];
    for (int i = 1; i < all.n; i++)
        for (int k = i;
             k > 0 && last_time(&all.sessions[k - 1]) > last_time(&all.sessions[k]);
             k--) {
            const plain_session swap = all.sessions[k];
            all.sessions[k] = all.sessions[k - 1];
            all.sessions[k - 1] = swap;
        }
    int from = all.n, n = 0;
    while (from > 0 && n < n_most)
        n += all.sessions[--from].n;
    for (int i = from; i < all.n; i++)
        latest.sessions[latest.n++] = all.sessions[i];
    plain_session *oldest = &latest.sessions[0];
    const int n_lost = n > n_most ? n - n_most : 0;
    oldest->n -= n_lost;
    memmove(oldest->rows, oldest->rows + n_lost, (size_t)oldest->n * sizeof(int32_t));
    memmove(oldest->times, oldest->times + n_lost, (size_t)oldest->n * sizeof(double));
    return latest;
}

static void check_same(const plain *p, const gru4rec_dataset *d)
{
    if (!CHECK_INT(p->n, d->n_sessions))
        return;
    for (int i = 0; i < p->n; i++) {
        const plain_session *s = &p->sessions[i];
        if (!CHECK_INT(s->n, d->offsets[i + 1] - d->offsets[i]))
            return;
        for (int k = 0; k < s->n; k++) {
            CHECK_INT(s->rows[k], d->item_rows[d->offsets[i] + k]);
            CHECK(d->times[d->offsets[i] + k] == last_time(s));
        }
    }
    CHECK_INT(d->offsets[d->n_sessions], d->n_events);
}

static void the_latest_are_those_of_a_plain_program(void)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, 41, 1, 0);
    for (int round = 0; round < 5000; round++) {
        const plain none = {0};
        const plain before = round % 4 == 0 ? none : random_sessions(&rng, NULL);
        const plain sessions = random_sessions(&rng, &before);
        const int n_most = 1 + (int)g4r_rng_below(&rng, 2 * MOST_EVENTS);
        gru4rec_dataset *a = dataset_of(&sessions), *b = NULL, *latest;
        if (before.n > 0)
            b = dataset_of(&before);
        CHECK_INT(GRU4REC_OK,
                  gru4rec_latest_new(NULL, a, b, n_most, NULL, NULL, &latest));
        const plain expected = expect(&sessions, &before, n_most);
        check_same(&expected, latest);
        gru4rec_dataset_free(a);
        gru4rec_dataset_free(b);
        gru4rec_dataset_free(latest);
    }
}

/* With all times equal and sessions of one item, each new one stands for one old one. */
static void equal_sessions_are_counted(void)
{
    plain before = {.n = 5}, sessions = {.n = 2};
    for (int i = 0; i < 5; i++)
        before.sessions[i] = (plain_session){1, {7}, {3}};
    sessions.sessions[0] = (plain_session){2, {7, 8}, {3, 4}};
    sessions.sessions[1] = (plain_session){1, {7}, {3}};
    gru4rec_dataset *a = dataset_of(&sessions), *b = dataset_of(&before), *latest;
    CHECK_INT(GRU4REC_OK, gru4rec_latest_new(NULL, a, b, 100, NULL, NULL, &latest));
    CHECK_INT(5, latest->n_sessions);
    CHECK_INT(6, latest->n_events);
    gru4rec_dataset_free(a);
    gru4rec_dataset_free(b);
    gru4rec_dataset_free(latest);
}

static bool is_over(void *context)
{
    return --*(int *)context < 0;
}

static void short_memory_and_stops_leave_nothing(void)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, 42, 1, 0);
    const plain before = random_sessions(&rng, NULL);
    const plain sessions = random_sessions(&rng, &before);
    gru4rec_dataset *a = dataset_of(&sessions), *b = dataset_of(&before), *latest;
    bool is_done = false;
    for (size_t fail_at = 1; !is_done; fail_at++) {
        fault_alloc fault = {.fail_at = fail_at};
        const gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        const gru4rec_status status =
            gru4rec_latest_new(&allocator, a, b, 100, NULL, NULL, &latest);
        is_done = fault.n_failed == 0;
        CHECK_INT(is_done ? GRU4REC_OK : GRU4REC_NOMEM, status);
        CHECK(is_done == (latest != NULL));
        gru4rec_dataset_free(latest);
        CHECK_INT(0, fault.n_live);
    }
    is_done = false;
    for (int patience = 0; !is_done; patience++) {
        fault_alloc fault = {0};
        const gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        int left = patience;
        const gru4rec_status status =
            gru4rec_latest_new(&allocator, a, b, 100, is_over, &left, &latest);
        is_done = status == GRU4REC_OK;
        CHECK(is_done || status == GRU4REC_INTERRUPTED);
        CHECK(is_done == (latest != NULL));
        gru4rec_dataset_free(latest);
        CHECK_INT(0, fault.n_live);
    }
    gru4rec_dataset_free(a);
    gru4rec_dataset_free(b);
}

static void room_takes_what_it_says(void)
{
    fault_alloc fault = {0};
    const gru4rec_allocator allocator = fault_alloc_allocator(&fault);
    gru4rec_dataset *latest;
    CHECK_INT(GRU4REC_OK, gru4rec_latest_room(&allocator, 10, 25, &latest));
    CHECK_INT(gru4rec_latest_bytes(10, 25), fault.live_bytes);
    latest->offsets[10] = 25;
    CHECK_INT(gru4rec_latest_bytes(10, 25), gru4rec_dataset_bytes(latest));
    gru4rec_dataset_free(latest);
}

int main(void)
{
    RUN(the_latest_are_those_of_a_plain_program);
    RUN(equal_sessions_are_counted);
    RUN(short_memory_and_stops_leave_nothing);
    RUN(room_takes_what_it_says);
    return test_end();
}

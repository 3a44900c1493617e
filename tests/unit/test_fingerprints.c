/*
 * test_fingerprints.c - fingerprints.c, prints.c, chance.c: sessions are known again by id, by events and by items, however
 * ids and times are typed; how often others are; how many bytes that takes; damaged bytes.
 */
#include "../lib/fault_alloc.h"
#include "../lib/ids.h"
#include "../lib/test.h"

#include "../../src/base/rng.h"

static const gru4rec_fingerprints_key key = {0x0123456789abcdef, 0xfedcba9876543210};

typedef struct clicks {
    gru4rec_events *events;
    gru4rec_dataset *dataset;
    gru4rec_items *items;
} clicks;

static void add(gru4rec_events *events, gru4rec_id session, gru4rec_id item,
                gru4rec_time time)
{
    CHECK(gru4rec_events_add(events, &session, &item, &time, 0, NULL) == GRU4REC_OK);
}

static gru4rec_time at(int64_t second)
{
    return (gru4rec_time){.type = GRU4REC_TIME_INTEGER, .integer = second};
}

static gru4rec_status finish(clicks *l)
{
    return gru4rec_dataset_new(l->events, true, NULL, NULL, &l->dataset, &l->items);
}

static void discard(clicks *l)
{
    gru4rec_events_free(l->events);
    gru4rec_dataset_free(l->dataset);
    gru4rec_items_free(l->items);
    *l = (clicks){0};
}

static clicks start(const gru4rec_allocator *allocator)
{
    clicks l = {0};
    CHECK(gru4rec_events_new(allocator, NULL, &l.events) == GRU4REC_OK);
    gru4rec_fingerprints_start(l.events, &key);
    return l;
}

/* Sessions first .. first + n - 1, each with three random events. */
static clicks make(const gru4rec_allocator *allocator, int64_t first, int n, int64_t seed)
{
    g4r_rng rng;
    clicks l = start(allocator);
    g4r_rng_seed(&rng, seed, 0, 0);
    for (int s = 0; s < n; s++)
        for (int i = 0; i < 3; i++)
            add(l.events, id_integer(first + s),
                id_integer((int64_t)g4r_rng_below(&rng, 1 << 20)), at(10 * s + i));
    CHECK(finish(&l) == GRU4REC_OK);
    return l;
}

typedef struct stored {
    void *bytes;
    size_t n_bytes;
    gru4rec_fingerprints fingerprints;
} stored;

static stored store(const clicks *l, int64_t n, const gru4rec_fingerprints *before)
{
    stored s;
    CHECK(gru4rec_fingerprints_new(l->events, n, before, false, NULL, NULL, &s.bytes,
                                   &s.n_bytes) == GRU4REC_OK);
    CHECK(gru4rec_fingerprints_read(&s.fingerprints, s.bytes, s.n_bytes));
    return s;
}

static gru4rec_fingerprints_found look(const clicks *l, const stored *s)
{
    gru4rec_fingerprints_found found;
    CHECK(gru4rec_fingerprints_find(l->events, l->dataset->n_sessions, &s->fingerprints,
                                    NULL, NULL, &found) == GRU4REC_OK);
    return found;
}

/* Those that were trained on are all found, by whatever is the same. */
static void trained_sessions_are_found(void)
{
    clicks l = make(NULL, 0, 5000, 1), same = make(NULL, 0, 5000, 1);
    clicks renamed = make(NULL, 1000000, 5000, 1), other = make(NULL, 0, 5000, 2);
    stored s = store(&l, 4000, NULL);
    gru4rec_fingerprints_found found = look(&same, &s);
    CHECK(found.sessions == 5000 && found.trained == 4000 && found.ids == 4000);
    CHECK(found.items == 4000 && found.n_long == 5000 && found.first == 0);
    found = look(&renamed, &s);
    CHECK(found.trained == 4000 && found.ids == 0);
    found = look(&other, &s);
    CHECK(found.trained == 4000 && found.ids == 4000 && found.items == 0);
    CHECK(s.fingerprints.lengths[0].n == 4000 && s.fingerprints.lengths[0].n_twins == 0 &&
          !s.fingerprints.is_partial && !found.is_partial);
    free(s.bytes);
    discard(&l);
    discard(&same);
    discard(&renamed);
    discard(&other);
}

/*
 * How often a session that was not trained on is taken for one that was. A whole fingerprints of
 * 2^31 sessions cannot be made here. So the fingerprints are counted that meet in fewer bits,
 * where there must be as many as chance has: the rate is n / 2^bits, and with all 45 bits
 * and any n that is below 6.1e-5.
 */
static void others_are_found_as_seldom_as_chance_says(void)
{
    enum { N = 200000, BITS = 24 };
    clicks l = make(NULL, 0, N, 3), other = make(NULL, N, N, 4);
    stored s = store(&l, N, NULL);
    const gru4rec_fingerprints_found found = look(&other, &s);
    unsigned char *has = calloc(1 << BITS, 1);
    CHECK(found.trained == 0 && found.ids == 0 && found.items == 0);
    for (int kind = 0; kind < GRU4REC_FINGERPRINTS_KINDS; kind++) {
        int64_t n = 0, n_found = 0;
        memset(has, 0, 1 << BITS);
        for (int64_t i = 0; i < N; i++)
            has[gru4rec_fingerprints_of(l.events, i, (gru4rec_fingerprints_kind)kind) >>
                (45 - BITS)] = 1;
        for (int i = 0; i < 1 << BITS; i++)
            n += has[i];
        for (int64_t i = 0; i < N; i++)
            n_found += has[gru4rec_fingerprints_of(other.events, i,
                                                   (gru4rec_fingerprints_kind)kind) >>
                           (45 - BITS)];
        const double expected = (double)n * N / (1 << BITS); /* some 2370 */
        CHECK(fabs((double)n_found - expected) < 5 * sqrt(expected));
        CHECK(n > (1 << BITS) * -expm1(-(double)N / (1 << BITS)) - 500);
    }
    CHECK(2147483648.0 / 0x1p45 < 1e-4);
    CHECK(s.n_bytes < 3 * 4 * (size_t)N); /* 3.6 bytes of each */
    free(has);
    free(s.bytes);
    discard(&l);
    discard(&other);
}

/* Ids of one text form are one; times that are equal are, whatever their types; the order in
 * which the rows came is no matter, what stands in them is. */
static void forms_of_ids_and_times_are_no_matter(void)
{
    const gru4rec_time second = at(7), real = {.type = GRU4REC_TIME_REAL, .real = 7},
                       date = {.type = GRU4REC_TIME_DATE, .integer = 7000000000};
    const gru4rec_time times[] = {second, real, date};
    uint64_t first[3] = {0};
    for (int i = 0; i < 6; i++) {
        const gru4rec_id session = i % 2 == 0 ? id_integer(42) : id_text("42");
        clicks l = start(NULL);
        for (int j = 0; j < 3; j++) {
            const int item = i < 3 ? j : 2 - j;
            const char *names[] = {"9", "-3", "x"};
            const int64_t numbers[] = {9, -3};
            add(l.events, session,
                i % 2 == 0 && item < 2 ? id_integer(numbers[item]) : id_text(names[item]),
                item == 0   ? times[i % 3]
                : item == 1 ? at(8)
                            : at(9));
        }
        CHECK(finish(&l) == GRU4REC_OK);
        for (int kind = 0; kind < GRU4REC_FINGERPRINTS_KINDS; kind++) {
            const uint64_t print =
                gru4rec_fingerprints_of(l.events, 0, (gru4rec_fingerprints_kind)kind);
            CHECK(print > 0 && (i == 0 || print == first[kind]));
            first[kind] = print;
        }
        discard(&l);
    }
    /* one second later: another sequence with times, the same items, the same id */
    clicks l = start(NULL);
    add(l.events, id_integer(42), id_integer(9), at(8));
    add(l.events, id_integer(42), id_integer(-3), at(9));
    add(l.events, id_integer(42), id_text("x"), at(10));
    CHECK(finish(&l) == GRU4REC_OK);
    CHECK(gru4rec_fingerprints_of(l.events, 0, GRU4REC_FINGERPRINTS_ID) == first[0]);
    CHECK(gru4rec_fingerprints_of(l.events, 0, GRU4REC_FINGERPRINTS_EVENTS) != first[1]);
    CHECK(gru4rec_fingerprints_of(l.events, 0, GRU4REC_FINGERPRINTS_ITEMS) == first[2]);
    discard(&l);
}

/* Short sessions say nothing but their id; twins are counted. */
static void short_sessions_say_less(void)
{
    clicks l = start(NULL);
    add(l.events, id_integer(1), id_integer(5), at(1));
    for (int s = 2; s < 6; s++)
        for (int i = 0; i < (s == 2 ? 2 : 3); i++)
            add(l.events, id_integer(s), id_integer(s == 5 ? 9 : i), at(10 * s + i));
    CHECK(finish(&l) == GRU4REC_OK);
    CHECK(gru4rec_fingerprints_of(l.events, 0, GRU4REC_FINGERPRINTS_EVENTS) == 0);
    CHECK(gru4rec_fingerprints_of(l.events, 1, GRU4REC_FINGERPRINTS_EVENTS) > 0);
    CHECK(gru4rec_fingerprints_of(l.events, 1, GRU4REC_FINGERPRINTS_ITEMS) == 0);
    stored s = store(&l, 5, NULL);
    CHECK(s.fingerprints.lengths[0].n == 3 && s.fingerprints.lengths[0].n_twins == 2);
    CHECK(s.fingerprints.sets[GRU4REC_FINGERPRINTS_ITEMS].n == 2);
    CHECK(s.fingerprints.sets[GRU4REC_FINGERPRINTS_EVENTS].n == 4);
    CHECK(fabs(look(&l, &s).chance - 2) < 1e-12);
    free(s.bytes);
    discard(&l);
}

/* Sessions first ... first + n - 1 of the same visitor, an hour apart, cut by the rules. */
static clicks visit(int64_t first, int n, double session_gap, int64_t max_length)
{
    clicks l = start(NULL);
    const gru4rec_preparation preparation = {.session_gap = session_gap,
                                             .max_length = max_length,
                                             .long_sessions = GRU4REC_LONG_CUT};
    gru4rec_events_prepare(l.events, &preparation);
    for (int s = 0; s < n; s++)
        for (int i = 0; i < 6; i++)
            add(l.events, id_integer(7), id_integer((first + s) * 10 + i),
                at((first + s) * 3600 + i));
    CHECK(finish(&l) == GRU4REC_OK);
    return l;
}

/* A pause makes a visit of its own, known by when it begins; a length does not. */
static void pieces_have_their_own(void)
{
    clicks day = visit(0, 10, 1800, 0), next = visit(10, 10, 1800, 0);
    clicks both = visit(5, 10, 1800, 0), whole = visit(10, 10, 0, 0);
    clicks pieces = visit(0, 10, 1800, 4), later = visit(0, 1, 0, 4);
    clicks cut = visit(0, 10, 0, 4);
    stored s = store(&day, 10, NULL), t = store(&cut, 15, NULL);
    CHECK(look(&day, &s).ids == 10 && look(&next, &s).ids == 0);
    CHECK(look(&both, &s).ids == 5 && look(&both, &s).trained == 5);
    CHECK(!look(&both, &s).is_partial);
    /* cut by other rules: what is not found is not known */
    CHECK(look(&whole, &s).ids == 0 && look(&whole, &s).is_partial);
    CHECK(look(&pieces, &s).is_partial);
    CHECK(look(&later, &t).ids == 2 && look(&later, &t).events == 1 &&
          !look(&later, &t).is_partial);
    stored u = store(&next, 10, &s.fingerprints), v = store(&next, 10, &t.fingerprints);
    CHECK(!u.fingerprints.is_partial && v.fingerprints.is_partial);
    free(s.bytes);
    free(t.bytes);
    free(u.bytes);
    free(v.bytes);
    discard(&day);
    discard(&next);
    discard(&both);
    discard(&whole);
    discard(&pieces);
    discard(&later);
    discard(&cut);
}

/* Sessions of lengths 3 ... 30 on n_items items, and n_copied that are copies of seed 1. */
static clicks draw(int n, int n_copied, int n_items, int longest, int64_t seed)
{
    clicks l = start(NULL);
    for (int s = 0; s < n; s++) {
        g4r_rng rng;
        const bool is_copy = s < n_copied;
        g4r_rng_seed(&rng, is_copy ? 1 : seed, (uint64_t)s, 0);
        const int length = 3 + (int)g4r_rng_below(&rng, (uint32_t)longest - 2);
        for (int i = 0; i < length; i++)
            add(l.events, id_integer(seed * 1000000 + s),
                id_integer((int64_t)g4r_rng_below(&rng, (uint64_t)n_items)),
                at(seed * 10000000 + 100 * s + i));
    }
    CHECK(finish(&l) == GRU4REC_OK);
    return l;
}

/* Honest tests are beyond chance hardly ever, few or many items; copies are, among any. */
static void chance_is_by_length(void)
{
    static const int sizes[] = {5, 20, 100, 1000}, items[] = {2, 3, 10, 100};
    int n_false = 0, n = 0;
    for (int64_t seed = 2; seed < 42; seed++)
        for (int i = 0; i < 16; i++, n++) {
            const int longest = seed % 2 == 0 ? 5 : 30, size = sizes[i / 4];
            clicks l = draw(size, 0, items[i % 4], longest, 1);
            clicks test = draw(sizes[seed % 4], 0, items[i % 4], longest, seed);
            stored s = store(&l, size, NULL);
            n_false += look(&test, &s).excess > 0;
            free(s.bytes);
            discard(&l);
            discard(&test);
        }
    CHECK(n == 640 && n_false == 0);
    clicks l = draw(2000, 0, 5, 12, 1), copy = draw(2000, 300, 5, 12, 2);
    clicks small = draw(100, 100, 2, 30, 1);
    stored s = store(&l, 2000, NULL), t = store(&small, 100, NULL);
    const gru4rec_fingerprints_found found = look(&copy, &s);
    CHECK(found.chance > 100 && found.excess > 150 && found.excess < 400);
    CHECK(look(&small, &t).excess > 40);
    free(s.bytes);
    free(t.bytes);
    discard(&l);
    discard(&copy);
    discard(&small);
}

/*
 * A log of news: within an hour all read the same items, and those of the next hour are
 * new. Sessions begin at hour first; copied of them are copies of hour 0.
 */
static clicks news(int first, int n_hours, int copied)
{
    enum { EACH = 100, NEWS = 3 };
    clicks l = start(NULL);
    for (int s = 0; s < n_hours * EACH; s++) {
        g4r_rng rng;
        const bool is_copy = s < copied;
        const int hour = is_copy ? 0 : first + s / EACH;
        g4r_rng_seed(&rng, is_copy ? 0 : first, (uint64_t)s, 0);
        const int length = 3 + (int)g4r_rng_below(&rng, 2);
        for (int i = 0; i < length; i++)
            add(l.events, id_integer(first * EACH + s),
                id_integer(hour * NEWS + (int64_t)g4r_rng_below(&rng, NEWS)),
                at((first * EACH + s) * 36 + i));
    }
    CHECK(finish(&l) == GRU4REC_OK);
    return l;
}

/* Most sessions have twins of the same hour, but a test that comes later has none. */
static void copies_in_news_are_found(void)
{
    clicks l = news(0, 100, 0), test = news(100, 20, 0), copy = news(100, 20, 100);
    stored s = store(&l, 10000, NULL);
    CHECK(s.fingerprints.lengths[0].n_twins > s.fingerprints.lengths[0].n / 2);
    CHECK(look(&test, &s).items == 0 && look(&test, &s).excess == 0);
    CHECK(look(&copy, &s).items == 100 && look(&copy, &s).excess > 80);
    CHECK(look(&copy, &s).chance < 10);
    free(s.bytes);
    discard(&l);
    discard(&test);
    discard(&copy);
}

/*
 * A night that goes on from a larger training: a test meets the sessions of both by chance. A session
 * that both trainings had is no twin of itself.
 */
static void chance_meets_earlier_trainings(void)
{
    clicks log = draw(4000, 0, 10, 8, 1), night = draw(1000, 0, 10, 8, 2);
    clicks test = draw(1000, 0, 10, 8, 3), copy = draw(1000, 250, 10, 8, 4);
    stored all = store(&log, 4000, NULL), alone = store(&night, 1000, NULL);
    stored both = store(&night, 1000, &all.fingerprints),
           again = store(&log, 4000, &all.fingerprints);
    const gru4rec_fingerprints_found found = look(&test, &both);
    CHECK(found.trained == 0 && found.items > 60 && look(&test, &alone).chance < 40);
    CHECK(found.excess == 0 && found.chance > 60 && found.chance < 150);
    CHECK(look(&copy, &both).excess > 100);
    CHECK(memcmp(again.fingerprints.lengths, all.fingerprints.lengths,
                 sizeof all.fingerprints.lengths) == 0);
    free(all.bytes);
    free(alone.bytes);
    free(both.bytes);
    free(again.bytes);
    discard(&log);
    discard(&night);
    discard(&test);
    discard(&copy);
}

/*
 * A night of wrong clicks, which no two sessions share: the sessions of the training from
 * which it went on still say how many of a test chance finds among them.
 */
static void chance_outlives_a_night_of_wrong_clicks(void)
{
    clicks log = draw(4000, 0, 10, 8, 1), night = draw(1000, 0, 1000000, 8, 2);
    clicks test = draw(1000, 0, 10, 8, 3), copy = draw(1000, 250, 10, 8, 4);
    stored all = store(&log, 4000, NULL), both = store(&night, 1000, &all.fingerprints);
    const gru4rec_fingerprints_found found = look(&test, &both);
    CHECK(found.trained == 0 && found.items > 60 && found.excess == 0);
    CHECK(look(&copy, &both).excess > 100);
    /* Sessions that other rules cut are counted anew. */
    gru4rec_fingerprints other = all.fingerprints;
    other.rules++;
    stored anew = store(&log, 4000, &other);
    CHECK(anew.fingerprints.is_partial);
    CHECK(memcmp(anew.fingerprints.lengths, all.fingerprints.lengths,
                 sizeof all.fingerprints.lengths) == 0);
    free(all.bytes);
    free(both.bytes);
    free(anew.bytes);
    discard(&log);
    discard(&night);
    discard(&test);
    discard(&copy);
}

/* A training that goes on from others has their sessions too. */
static void trainings_before_are_in_it(void)
{
    clicks one = make(NULL, 0, 3000, 1), two = make(NULL, 2000, 3000, 2);
    clicks both = make(NULL, 0, 6000, 3), none = start(NULL);
    CHECK(finish(&none) == GRU4REC_OK);
    stored first = store(&one, 3000, NULL),
           second = store(&two, 3000, &first.fingerprints);
    CHECK(look(&both, &second).ids == 5000 && look(&both, &first).ids == 3000);
    CHECK(second.fingerprints.sets[GRU4REC_FINGERPRINTS_ID].n == 5000);
    CHECK(second.fingerprints.lengths[0].n == 5000); /* each once */
    stored empty = store(&none, 0, NULL), same = store(&none, 0, &first.fingerprints);
    CHECK(look(&both, &empty).trained == 0 && look(&one, &same).trained == 3000);
    free(first.bytes);
    free(second.bytes);
    free(empty.bytes);
    free(same.bytes);
    discard(&one);
    discard(&two);
    discard(&both);
    discard(&none);
}

/* Whatever the bytes are: they are none, or an error, or say something. */
static void damage_is_told(void)
{
    clicks l = make(NULL, 0, 300, 1);
    stored s = store(&l, 300, NULL);
    gru4rec_fingerprints fingerprints;
    gru4rec_fingerprints_found found;
    g4r_rng rng;
    unsigned char *bytes = s.bytes;
    g4r_rng_seed(&rng, 5, 0, 0);
    for (size_t n = 0; n < s.n_bytes; n++) {
        CHECK(!gru4rec_fingerprints_read(&fingerprints, bytes, n));
        bytes[n] ^= 1;
        CHECK(!gru4rec_fingerprints_read(&fingerprints, bytes, s.n_bytes));
        bytes[n] ^= 1;
    }
    CHECK(!gru4rec_fingerprints_read(&fingerprints, NULL, 0));
    for (int i = 0; i < 2000; i++) { /* a set that is forged, behind the checksum */
        fingerprints = s.fingerprints;
        gru4rec_fingerprints_set *set = &fingerprints.sets[i % 3];
        unsigned char forged[64];
        for (size_t j = 0; j < sizeof forged; j++)
            forged[j] = (unsigned char)(i % 7 == 0 ? 255 : g4r_rng_below(&rng, 256));
        *set = (gru4rec_fingerprints_set){.n = g4r_rng_below(&rng, 512),
                                          .bytes = forged,
                                          .n_bytes = 64};
        const gru4rec_status status =
            gru4rec_fingerprints_find(l.events, 300, &fingerprints, NULL, NULL, &found);
        CHECK(status == GRU4REC_OK || status == GRU4REC_INVALID);
    }
    free(s.bytes);
    discard(&l);
}

static bool is_asked(void *context)
{
    (void)context;
    return true;
}

static void it_can_be_stopped(void)
{
    clicks l = make(NULL, 0, 300, 1);
    stored s = store(&l, 300, NULL);
    gru4rec_fingerprints_found found;
    void *bytes;
    size_t n;
    CHECK(gru4rec_fingerprints_new(l.events, 300, NULL, false, is_asked, NULL, &bytes,
                                   &n) == GRU4REC_INTERRUPTED);
    CHECK(bytes == NULL);
    CHECK(gru4rec_fingerprints_find(l.events, 300, &s.fingerprints, is_asked, NULL,
                                    &found) == GRU4REC_INTERRUPTED);
    free(s.bytes);
    discard(&l);
}

static void short_memory_is_told_without_a_leak(void)
{
    bool is_done = false;
    for (size_t fail_at = 1; !is_done; fail_at++) {
        fault_alloc fault = {.fail_at = fail_at};
        const gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        gru4rec_fingerprints fingerprints;
        gru4rec_fingerprints_found found = {0};
        clicks l = {0};
        void *bytes = NULL;
        size_t n;
        gru4rec_status status = gru4rec_events_new(&allocator, NULL, &l.events);
        if (status == GRU4REC_OK)
            gru4rec_fingerprints_start(l.events, &key);
        for (int i = 0; status == GRU4REC_OK && i < 12; i++) {
            const gru4rec_id session = id_integer(i % 4), item = id_integer(i * 7 % 5);
            const gru4rec_time time = at(20 - i);
            status = gru4rec_events_add(l.events, &session, &item, &time, i, NULL);
        }
        if (status == GRU4REC_OK)
            status = finish(&l);
        if (status == GRU4REC_OK)
            status = gru4rec_fingerprints_new(l.events, 4, NULL, false, NULL, NULL,
                                              &bytes, &n);
        if (status == GRU4REC_OK &&
            CHECK(gru4rec_fingerprints_read(&fingerprints, bytes, n)))
            status =
                gru4rec_fingerprints_find(l.events, 4, &fingerprints, NULL, NULL, &found);
        is_done = fault.n_failed == 0;
        CHECK_INT(is_done ? GRU4REC_OK : GRU4REC_NOMEM, status);
        CHECK_INT(is_done ? 4 : 0, found.trained);
        discard(&l);
        if (bytes != NULL)
            allocator.resize(allocator.context, bytes, 0);
        CHECK_INT(0, fault.n_live);
    }
}

int main(void)
{
    RUN(trained_sessions_are_found);
    RUN(others_are_found_as_seldom_as_chance_says);
    RUN(forms_of_ids_and_times_are_no_matter);
    RUN(short_sessions_say_less);
    RUN(pieces_have_their_own);
    RUN(chance_is_by_length);
    RUN(copies_in_news_are_found);
    RUN(chance_meets_earlier_trainings);
    RUN(chance_outlives_a_night_of_wrong_clicks);
    RUN(trainings_before_are_in_it);
    RUN(damage_is_told);
    RUN(it_can_be_stopped);
    RUN(short_memory_is_told_without_a_leak);
    return test_end();
}

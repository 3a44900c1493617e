/*
 * test_audit.c - audit.c and alike.c: each count, by logs that have exactly so many of what
 * is counted; random logs against plain code; short memory, being stopped.
 */
#include "../lib/fault_alloc.h"
#include "../lib/ids.h"
#include "../lib/test.h"

#include "../../src/base/rng.h"

static gru4rec_time at(int64_t second)
{
    return (gru4rec_time){.type = GRU4REC_TIME_INTEGER, .integer = second};
}

static void add(gru4rec_events *events, gru4rec_id session, gru4rec_id item,
                int64_t second, int64_t order)
{
    const gru4rec_time time = at(second);
    CHECK_INT(GRU4REC_OK,
              gru4rec_events_add(events, &session, &item, &time, order, NULL));
}

static gru4rec_events *start(void)
{
    gru4rec_events *events;
    CHECK_INT(GRU4REC_OK, gru4rec_events_new(NULL, NULL, &events));
    return events;
}

/* The events stay, as ids of the audit are theirs. */
static gru4rec_audit look(gru4rec_events *events)
{
    gru4rec_audit audit;
    CHECK_INT(GRU4REC_OK, gru4rec_audit_events(events, 86400, NULL, NULL, &audit));
    return audit;
}

static void no_events_are_nothing(void)
{
    gru4rec_events *events = start();
    const gru4rec_audit audit = look(events);
    CHECK_INT(0, audit.events + audit.sessions + audit.items + audit.single + audit.top);
    CHECK(audit.long_session.bytes == NULL && audit.gap == 0);
    gru4rec_events_free(events);
}

/* What a random log has is counted by comparing all with all. */
static void counts_are_those_of_plain_code(void)
{
    enum { N = 60 };
    g4r_rng rng;
    g4r_rng_seed(&rng, 11, 0, 0);
    for (int round = 0; round < 300; round++) {
        int session[N], item[N], second[N], order[N];
        gru4rec_events *events = start();
        int64_t duplicates = 0, arbitrary = 0, tied = 0, repeats = 0, single = 0,
                once = 0;
        for (int i = 0; i < N; i++) {
            session[i] = (int)g4r_rng_below(&rng, 12);
            item[i] = (int)g4r_rng_below(&rng, 9);
            second[i] = (int)g4r_rng_below(&rng, 6);
            order[i] = round % 2 == 0 ? i : 0;
            add(events, id_integer(session[i]), id_integer(item[i]), second[i], order[i]);
        }
        for (int i = 0; i < N; i++) {
            int before = -1, n_session = 0, n_item = 0;
            bool is_first = true;
            for (int j = 0; j < N; j++) {
                n_session += session[j] == session[i];
                n_item += item[j] == item[i];
                if (session[j] != session[i] || j == i)
                    continue;
                is_first &= !(j < i && item[j] == item[i] && second[j] == second[i]);
                /* does j come before i, and behind the best so far? */
#define AFTER(a, b)                                 \
    (second[a] != second[b] ? second[a] > second[b] \
     : order[a] != order[b] ? order[a] > order[b]   \
     : item[a] != item[b]   ? item[a] > item[b]     \
                            : (a) > (b))
                if (AFTER(i, j) && (before < 0 || AFTER(j, before)))
                    before = j;
            }
            single += n_session == 1;
            once += n_item == 1;
            duplicates += !is_first;
            if (before < 0)
                continue;
            tied += second[before] == second[i];
            repeats += item[before] == item[i];
            arbitrary += second[before] == second[i] && item[before] != item[i] &&
                         order[before] == order[i];
        }
        const gru4rec_audit audit = look(events);
        CHECK_INT(N, audit.events);
        CHECK_INT(duplicates, audit.duplicates);
        CHECK_INT(arbitrary, audit.arbitrary);
        CHECK_INT(tied, audit.tied);
        CHECK_INT(repeats, audit.repeats);
        CHECK_INT(single, audit.single);
        CHECK_INT(once, audit.once);
        CHECK_INT(N, audit.top); /* nine items */
        gru4rec_events_free(events);
    }
}

/* 100 visitors of three clicks, a minute apart, and what is added. */
static gru4rec_events *ordinary(void)
{
    gru4rec_events *events = start();
    for (int s = 0; s < 100; s++)
        for (int i = 0; i < 3; i++)
            add(events, id_integer(s), id_integer((s * 7 + i * 13) % 40),
                1000 * s + 60 * i, 3 * s + i);
    return events;
}

static void ordinary_sessions_are_not_far(void)
{
    gru4rec_events *events = ordinary();
    const gru4rec_audit audit = look(events);
    CHECK_INT(3, audit.median_length);
    CHECK_INT(0, audit.long_sessions + audit.fast_sessions + audit.spanning);
    CHECK_INT(0, audit.duplicates + audit.tied + audit.arbitrary + audit.blank);
    CHECK(audit.gap == 0);
    gru4rec_events_free(events);
}

static void far_sessions_are_found(void)
{
    gru4rec_events *events = ordinary();
    for (int i = 0; i < 300; i++) /* long, and as slow as the others */
        add(events, id_text("crawler"), id_integer(i % 40), 60 * i, 1000 + i);
    for (int i = 0; i < 30; i++) /* fast, and not long */
        add(events, id_text("script"), id_integer(i % 40), 500 + i, 2000 + i);
    gru4rec_audit audit = look(events);
    CHECK_INT(1, audit.long_sessions);
    CHECK_INT(300, audit.long_events);
    CHECK_INT(1, audit.fast_sessions);
    CHECK_INT(30, audit.fast_events);
    CHECK(memcmp(audit.long_session.bytes, "crawler", 7) == 0);
    CHECK(memcmp(audit.fast_session.bytes, "script", 6) == 0);
    gru4rec_events_free(events);
}

/* Visits with pauses of some minutes, some hours apart: the gap lies between. */
static void visits_are_parted(void)
{
    g4r_rng rng;
    gru4rec_events *events = start();
    g4r_rng_seed(&rng, 3, 0, 0);
    for (int s = 0; s < 200; s++) {
        int64_t second = 0;
        for (int i = 0; i < 12; i++) {
            second += i % 4 == 0 ? 40000 + (int64_t)g4r_rng_below(&rng, 90000)
                                 : 5 + (int64_t)g4r_rng_below(&rng, 500);
            add(events, id_integer(s), id_integer(i), second, 0);
        }
    }
    gru4rec_audit audit = look(events);
    CHECK(audit.spanning > 150);
    CHECK(audit.gap >= 600 && audit.gap <= 40000);
    CHECK(audit.gap == floor(audit.gap / 60) * 60);
    /* the same in nanoseconds; and where no unit is known */
    CHECK_INT(GRU4REC_OK, gru4rec_audit_events(events, 0, NULL, NULL, &audit));
    CHECK_INT(0, audit.spanning);
    CHECK(audit.gap == 0);
    gru4rec_events_free(events);
}

static void ids_that_are_alike_are_found(void)
{
    gru4rec_events *events = start();
    const gru4rec_id ids[] = {id_integer(42),   id_text("42"),   id_text(" 42"),
                              id_text("Shoe"),  id_text("shoe"), id_text("SHOE\t"),
                              id_text("shoes"), id_real(1.5),    id_text("1.5"),
                              id_text("s h"),   id_text("  "),   id_text("\n"),
                              id_text("sh")};
    const int n = (int)(sizeof ids / sizeof *ids);
    for (int i = 0; i < n; i++)
        add(events, ids[n - 1 - i], ids[i], i, i);
    const gru4rec_audit audit = look(events);
    CHECK_INT(5, audit.alike_items);
    CHECK_INT(5, audit.alike_sessions);
    CHECK_INT(4, audit.blank); /* two by the item, two by the session */
    CHECK_INT(42, audit.alike_item[0].integer);
    CHECK_INT(2, audit.alike_item[1].n_bytes);
    gru4rec_events_free(events);
}

static bool is_asked(void *context)
{
    return --*(int *)context < 0;
}

static void it_can_be_stopped(void)
{
    for (int patience = 0; patience < 3; patience++) {
        gru4rec_events *events = ordinary();
        gru4rec_audit audit;
        int left = patience;
        const gru4rec_status status =
            gru4rec_audit_events(events, 86400, is_asked, &left, &audit);
        CHECK(status == GRU4REC_INTERRUPTED || patience > 0);
        gru4rec_events_free(events);
    }
}

static void short_memory_is_told_without_a_leak(void)
{
    bool is_done = false;
    for (size_t fail_at = 1; !is_done; fail_at++) {
        fault_alloc fault = {.fail_at = fail_at};
        const gru4rec_allocator allocator = fault_alloc_allocator(&fault);
        gru4rec_events *events;
        gru4rec_audit audit;
        gru4rec_status status = gru4rec_events_new(&allocator, NULL, &events);
        for (int i = 0; status == GRU4REC_OK && i < 20; i++) {
            const gru4rec_id session = id_text(i % 2 == 0 ? " " : "a");
            const gru4rec_id item = id_text(i % 3 == 0 ? "B" : "b ");
            const gru4rec_time time = at(i % 4);
            status = gru4rec_events_add(events, &session, &item, &time, 0, NULL);
        }
        if (status == GRU4REC_OK)
            status = gru4rec_audit_events(events, 86400, NULL, NULL, &audit);
        is_done = fault.n_failed == 0;
        CHECK_INT(is_done ? GRU4REC_OK : GRU4REC_NOMEM, status);
        gru4rec_events_free(events);
        CHECK_INT(0, fault.n_live);
    }
}

int main(void)
{
    RUN(no_events_are_nothing);
    RUN(counts_are_those_of_plain_code);
    RUN(ordinary_sessions_are_not_far);
    RUN(far_sessions_are_found);
    RUN(visits_are_parted);
    RUN(ids_that_are_alike_are_found);
    RUN(it_can_be_stopped);
    RUN(short_memory_is_told_without_a_leak);
    return test_end();
}

/*
 * test_segment.c - segment.c: each kind against a plain computation, on random sessions and
 * supports; the edges of each segment; supports that are all the same, zero, or huge.
 */
#include "../../src/base/rng.h"
#include "../../src/evaluate/segment.h"
#include "../lib/test.h"

enum { ITEMS = 60, SESSIONS = 40, MOST_EVENTS = SESSIONS * 15 };

typedef struct fixture {
    int64_t support[ITEMS], offsets[SESSIONS + 1];
    int32_t rows[MOST_EVENTS];
    gru4rec_dataset test;
    uint8_t segments[MOST_EVENTS];
} fixture;

static void start(fixture *f, int64_t seed, int64_t most_support)
{
    g4r_rng rng;
    int64_t n = 0;
    g4r_rng_seed(&rng, seed, 0, 0);
    *f = (fixture){0};
    for (size_t i = 0; i < ITEMS; i++)
        f->support[i] = (int64_t)g4r_rng_below(&rng, (uint64_t)most_support + 1);
    for (int64_t s = 0; s < SESSIONS; s++) {
        const int64_t length = 1 + (int64_t)g4r_rng_below(&rng, 15);
        for (int64_t i = 0; i < length; i++)
            f->rows[n++] = (int32_t)g4r_rng_below(&rng, ITEMS);
        f->offsets[s + 1] = n;
    }
    f->test = (gru4rec_dataset){.n_sessions = SESSIONS,
                                .n_events = n,
                                .item_rows = f->rows,
                                .offsets = f->offsets};
}

static const char *fill(fixture *f, int64_t kind, int64_t event)
{
    int64_t scratch[ITEMS];
    g4r_segment_fill(f->segments, kind, &f->test, f->support, ITEMS, scratch);
    return g4r_segment_name(kind, f->segments[event]);
}

static const char *name_of_count(int64_t n)
{
    static const char *const names[] = {"1",    "2",    "3",    "4-5",  "4-5", "6-10",
                                        "6-10", "6-10", "6-10", "6-10", "11+"};
    return names[n > 11 ? 10 : n - 1];
}

/* Of an item, by its share of what is more popular. */
static const char *name_of_support(const fixture *f, int32_t row)
{
    int64_t above = 0, all = 0;
    for (size_t i = 0; i < ITEMS; i++) {
        all += f->support[i];
        above += f->support[i] > f->support[row] ? f->support[i] : 0;
    }
    return above == 0 || 3 * above < all ? "head"
           : 3 * above < 2 * all         ? "middle"
                                         : "tail";
}

/* Of an event, by the events before it in its session, which begins with event first. */
static const char *name_of_meeting(const fixture *f, int64_t first, int64_t event)
{
    const char *name = "new";
    for (int64_t i = first; i < event; i++)
        if (f->rows[i] == f->rows[event])
            name = i == event - 1 ? "same" : "seen";
    return name;
}

static void check_all(fixture *f)
{
    int64_t n_seen[3] = {0}, n_met[3] = {0};
    for (int64_t s = 0; s < SESSIONS; s++)
        for (int64_t i = f->offsets[s] + 1; i < f->offsets[s + 1]; i++) {
            const int64_t n = f->offsets[s + 1] - f->offsets[s] - 1;
            CHECK_TEXT(name_of_count(i - f->offsets[s]),
                       fill(f, GRU4REC_SEGMENT_POSITION, i));
            CHECK_TEXT(name_of_count(n), fill(f, GRU4REC_SEGMENT_LENGTH, i));
            CHECK_TEXT(name_of_support(f, f->rows[i]),
                       fill(f, GRU4REC_SEGMENT_POPULARITY, i));
            n_seen[f->segments[i]]++;
            CHECK_TEXT(name_of_meeting(f, f->offsets[s], i),
                       fill(f, GRU4REC_SEGMENT_SEEN, i));
            n_met[f->segments[i]]++;
            CHECK(fill(f, GRU4REC_SEGMENT_NONE, i) == NULL);
            CHECK_INT(0, f->segments[i]);
        }
    if (f->support[0] != f->support[1])
        CHECK(n_seen[0] > 0 && n_seen[1] > 0 && n_seen[2] > 0);
    CHECK(n_met[0] > 0 && n_met[1] > 0 && n_met[2] > 0);
}

static void segments_are_the_plain_ones(void)
{
    static fixture f;
    for (int64_t seed = 0; seed < 10; seed++) {
        start(&f, seed, seed < 5 ? 1000 : 6);
        check_all(&f);
    }
}

static void counts_and_names_agree(void)
{
    CHECK_INT(1, g4r_segment_count(GRU4REC_SEGMENT_NONE));
    CHECK_INT(6, g4r_segment_count(GRU4REC_SEGMENT_POSITION));
    CHECK_INT(6, g4r_segment_count(GRU4REC_SEGMENT_LENGTH));
    CHECK_INT(3, g4r_segment_count(GRU4REC_SEGMENT_POPULARITY));
    CHECK_INT(3, g4r_segment_count(GRU4REC_SEGMENT_SEEN));
    CHECK_TEXT("11+", g4r_segment_name(GRU4REC_SEGMENT_POSITION, 5));
    CHECK_TEXT("tail", g4r_segment_name(GRU4REC_SEGMENT_POPULARITY, 2));
    CHECK_TEXT("new", g4r_segment_name(GRU4REC_SEGMENT_SEEN, 2));
}

/* Items that no other is more popular than are the head, whatever their share. */
static void equal_supports_are_all_head(void)
{
    static fixture f;
    static const int64_t supports[] = {0, 1, INT64_MAX};
    for (size_t i = 0; i < 3; i++) {
        start(&f, 1, 0);
        for (size_t row = 0; row < ITEMS; row++)
            f.support[row] = supports[i];
        for (int64_t event = 0; event < f.test.n_events; event++)
            CHECK_TEXT("head", fill(&f, GRU4REC_SEGMENT_POPULARITY, event));
    }
}

/* Exactly a third above is no longer less than a third. */
static void thirds_end_before_their_edge(void)
{
    static fixture f;
    start(&f, 1, 0);
    f.support[0] = 4;
    f.support[1] = f.support[2] = 2;
    f.support[3] = f.support[4] = f.support[5] = f.support[6] = 1;
    f.rows[0] = 0;
    f.rows[1] = 1;
    f.rows[2] = 3;
    f.rows[3] = 7; /* no event at all */
    CHECK_TEXT("head", fill(&f, GRU4REC_SEGMENT_POPULARITY, 0));
    CHECK_TEXT("middle", fill(&f, GRU4REC_SEGMENT_POPULARITY, 1)); /* 4 of 12 above */
    CHECK_TEXT("tail", fill(&f, GRU4REC_SEGMENT_POPULARITY, 2));   /* 8 of 12 above */
    CHECK_TEXT("tail", fill(&f, GRU4REC_SEGMENT_POPULARITY, 3));
}

int main(void)
{
    RUN(segments_are_the_plain_ones);
    RUN(counts_and_names_agree);
    RUN(equal_supports_are_all_head);
    RUN(thirds_end_before_their_edge);
    return test_end();
}

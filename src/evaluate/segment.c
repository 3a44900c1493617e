/* segment.c - sorts targets into segments; see segment.h. */
#include "segment.h"

/*
 * The classes of positions and lengths: the name of each, and the largest position or
 * length that belongs to it.
 */
static const char *const counts[G4R_SEGMENT_MOST] = {"1", "2", "3", "4-5", "6-10", "11+"};
static const int64_t most_counts[G4R_SEGMENT_MOST] = {1, 2, 3, 5, 10, INT64_MAX};

enum { HEAD, MIDDLE, TAIL, N_THIRDS };
static const char *const thirds[N_THIRDS] = {"head", "middle", "tail"};

enum { SAME, SEEN, NEW, N_MEETINGS };
static const char *const meetings[N_MEETINGS] = {"same", "seen", "new"};

/* The segments of each kind: their names, and how many there are. */
static const struct {
    const char *const *names; /* NULL: the segment has none */
    size_t n;
} kinds[] = {
    [GRU4REC_SEGMENT_NONE] = {NULL, 1},
    [GRU4REC_SEGMENT_POSITION] = {counts, G4R_SEGMENT_MOST},
    [GRU4REC_SEGMENT_LENGTH] = {counts, G4R_SEGMENT_MOST},
    [GRU4REC_SEGMENT_POPULARITY] = {thirds, N_THIRDS},
    [GRU4REC_SEGMENT_SEEN] = {meetings, N_MEETINGS},
};

size_t g4r_segment_count(int64_t kind)
{
    return kinds[kind].n;
}

const char *g4r_segment_name(int64_t kind, size_t segment)
{
    return kinds[kind].names != NULL ? kinds[kind].names[segment] : NULL;
}

int64_t *g4r_segment_layout(g4r_arena *arena, int64_t kind, size_t n_items)
{
    return g4r_arena_take(arena, kind == GRU4REC_SEGMENT_SEEN ? n_items : 0,
                          sizeof(int64_t));
}

/*
 * Returns the number of the class of a position or a length: the first whose largest
 * number is at least count. 0 is in the first class, too.
 */
static uint8_t segment_of_count(int64_t count)
{
    uint8_t segment = 0;
    while (count > most_counts[segment])
        segment++;
    return segment;
}

/* Returns the sum of the supports of all items whose support is greater than least. */
static double sum_above(const int64_t *support, size_t n_items, int64_t least)
{
    double sum = 0;
    for (size_t row = 0; row < n_items; row++)
        sum += support[row] > least ? (double)support[row] : 0;
    return sum;
}

/*
 * Returns the least support n such that all items with more support than n together have
 * less than n_thirds / 3 of the sum of all supports. Searches by bisection.
 */
static int64_t least_support(const int64_t *support, size_t n_items, double n_thirds)
{
    const double all = sum_above(support, n_items, 0);
    int64_t from = 0, to = 0;
    for (size_t row = 0; row < n_items; row++)
        to = G4R_MAX(to, support[row]);
    while (from < to) {
        const int64_t middle = from + (to - from) / 2;
        if (3 * sum_above(support, n_items, middle) < n_thirds * all)
            to = middle;
        else
            from = middle + 1;
    }
    return from;
}

/*
 * Writes HEAD, MIDDLE or TAIL for each event, by the support (training events) of the
 * event's item.
 */
static void fill_popularity(uint8_t *segments, const gru4rec_dataset *test,
                            const int64_t *support, size_t n_items)
{
    const int64_t least_head = least_support(support, n_items, 1);
    const int64_t least_middle = least_support(support, n_items, 2);
    for (int64_t i = 0; i < test->n_events; i++) {
        const int64_t n = support[test->item_rows[i]];
        segments[i] = (uint8_t)(n >= least_head     ? HEAD
                                : n >= least_middle ? MIDDLE
                                                    : TAIL);
    }
}

/*
 * Writes the class of each event's position in its session (is_position), or of the
 * length of its session, which is the same for all its events.
 */
static void fill_counts(uint8_t *segments, const gru4rec_dataset *test, bool is_position)
{
    for (int64_t s = 0; s < test->n_sessions; s++) {
        const int64_t first = test->offsets[s], last = test->offsets[s + 1] - 1;
        for (int64_t i = first; i <= last; i++)
            segments[i] = segment_of_count((is_position ? i : last) - first);
    }
}

/*
 * Writes SAME, SEEN or NEW for each event. latest (I): scratch, the last session so far
 * that has the item; -1: none has.
 */
static void fill_seen(uint8_t *segments, const gru4rec_dataset *test, size_t n_items,
                      int64_t *latest)
{
    for (size_t row = 0; row < n_items; row++)
        latest[row] = -1;
    for (int64_t s = 0; s < test->n_sessions; s++)
        for (int64_t i = test->offsets[s]; i < test->offsets[s + 1]; i++) {
            const int32_t row = test->item_rows[i];
            const bool is_seen = latest[row] == s;
            segments[i] = (uint8_t)(!is_seen                        ? NEW
                                    : row == test->item_rows[i - 1] ? SAME
                                                                    : SEEN);
            latest[row] = s;
        }
}

void g4r_segment_fill(uint8_t *segments, int64_t kind, const gru4rec_dataset *test,
                      const int64_t *support, size_t n_items, int64_t *scratch)
{
    if (kind == GRU4REC_SEGMENT_POPULARITY)
        fill_popularity(segments, test, support, n_items);
    else if (kind == GRU4REC_SEGMENT_SEEN)
        fill_seen(segments, test, n_items, scratch);
    else if (kind != GRU4REC_SEGMENT_NONE)
        fill_counts(segments, test, kind == GRU4REC_SEGMENT_POSITION);
    else
        memset(segments, 0, (size_t)test->n_events);
}

/*
 * audit.c - counts what is unusual about collected events; see gru4rec.h.
 *
 * The audit sorts the events session by session, in the order that training would use. It
 * then walks through all sessions twice: the first walk counts and finds the medians, the
 * second walk finds the sessions that are far from the medians. The audit takes memory
 * beside the events: 4 bytes for each event, and 8 for each session and each item. After
 * the walks it compares ids, first those of items, then those of sessions. If one of the
 * ids is not an integer, this takes a second dictionary of all of them, as texts, and 4
 * bytes for each id.
 *
 * A pause is the time between two neighbouring events of a session. All pauses are
 * counted in bins, each a quarter of an octave wide, and so are the mean pauses of
 * sessions. The bins of mean pauses give their median.
 *
 * The bins of all pauses suggest a session gap, the pause that separates two visits of
 * one user. Pauses within a visit are short and pauses between visits are long, so there
 * are few pauses of a length between the two. The suggestion is therefore the beginning
 * of the emptiest bin between ten minutes and twelve hours (counts are smoothed over
 * three bins). If neighbouring bins are equally empty, it is the one in their middle.
 * There is a suggestion only if some bin of longer pauses has more than one and a half
 * times the count of the emptiest bin.
 */
#include "alike.h"
#include "order.h"
#include "sort.h"

/*
 * BINS: number of bins of pauses. PER_OCTAVE: number of bins from a pause to one twice as
 * long. ZERO: the bin that begins with a pause of 1. LENGTHS: size of the array that
 * counts sessions by length. TOP: how many of the most frequent items are counted
 * together.
 */
enum { BINS = 320, PER_OCTAVE = 4, ZERO = 20 * PER_OCTAVE, LENGTHS = 1 << 16, TOP = 20 };

/*
 * Limits of what is far from the other sessions. A session is far longer if it has more
 * than far_length.times the median number of events, and at least far_length.least
 * events. A session is far faster if far_rate.times its mean pause is less than the
 * median of mean pauses, and it has at least far_rate.least events.
 */
static const struct {
    int64_t times, least;
} far_length = {20, 100}, far_rate = {20, 20};

typedef struct work {
    const gru4rec_events *events;
    gru4rec_audit *audit;
    g4r_stop_watch *watch;
    /*
     * Length of a day in the unit of seconds_of(); 0: not known. Then there is no session
     * gap, and no session counts as longer than a day.
     */
    double day;
    int64_t *offsets; /* (S + 1) index in at of each session's first event */
    uint32_t *at;     /* (n) numbers of the events, session by session, in order */
    int64_t *support; /* (items) number of events of each item; count_items() */
    int64_t *lengths; /* (LENGTHS) sessions by length; the last counts longer ones too */
    int64_t bins[BINS];  /* number of pauses within sessions, by bin */
    int64_t means[BINS]; /* number of sessions by the bin of their mean pause */
    /*
     * Median of the sessions' mean pauses, set after the first walk; 0: there is none, or
     * it is not above 0. Then no session counts as fast.
     */
    double median_pause;
    uint32_t *run; /* scratch: events of one session and time, sorted by item */
    size_t run_capacity;
    /*
     * For the examples of the second walk: the longest span of those sessions so far that
     * are longer than a day, and the number of events of the longest of the sessions so
     * far that are far longer than others. 0: there was no such session yet.
     */
    double widest;
    int64_t longest;
} work;

/* ---- pauses ---- */

/*
 * Returns the bin of a pause: floor(PER_OCTAVE log2(pause)) + ZERO, but at least 1 and at
 * most BINS - 1. Returns 0 for a pause that is not above 0.
 */
static int bin_of(double pause)
{
    if (!(pause > 0))
        return 0;
    const double bin = floor(log2(pause) * PER_OCTAVE) + ZERO;
    return bin < 1 ? 1 : bin > BINS - 1 ? BINS - 1 : (int)bin;
}

/*
 * Returns the pause at which a bin begins; bin must not be 0, which has no beginning. Bin
 * 1 also counts all smaller pauses above 0.
 */
static double start_of(int bin)
{
    return exp2((double)(bin - ZERO) / PER_OCTAVE);
}

/*
 * Returns the median of the counted pauses, rounded down to the start of its bin. Returns
 * 0 if bins counts nothing, or if the median is in bin 0.
 */
static double median_of(const int64_t bins[BINS])
{
    int64_t n = 0, below = 0;
    int bin = 0;
    for (int i = 0; i < BINS; i++)
        n += bins[i];
    while (bin < BINS && 2 * (below += bins[bin]) < n)
        bin++;
    return n == 0 || bin == 0 ? 0 : start_of(bin);
}

/* Returns the smoothed count of a bin: twice its own, and those of its two neighbours. */
static int64_t smooth(const int64_t bins[BINS], int bin)
{
    return bins[bin - 1] + 2 * bins[bin] + bins[bin + 1];
}

/*
 * Returns the session gap that the pauses suggest (see the top of the file), in the unit
 * of day and rounded to whole minutes. Returns 0 if day is 0 (not known), or if no bin of
 * longer pauses is clearly fuller than the emptiest bin.
 */
static double find_gap(const int64_t bins[BINS], double day)
{
    const int first = bin_of(day / 144), last = bin_of(day / 2);
    /* The smoothed counts of the emptiest bin and of the fullest bin of longer pauses. */
    int64_t least = INT64_MAX, beyond = 0;
    /* The first and the last of the emptiest bins, which are neighbours; 0: none yet. */
    int best = 0, end = 0;
    for (int i = first; day > 0 && i <= last; i++) {
        const bool is_next = i == end + 1 && smooth(bins, i) == least;
        if (smooth(bins, i) < least)
            best = i;
        if (is_next || best == i)
            end = i;
        least = G4R_MIN(least, smooth(bins, i));
    }
    best = (best + end) / 2;
    for (int i = best; best > 0 && i < BINS - 1; i++)
        beyond = G4R_MAX(beyond, smooth(bins, i));
    const double minute = day / 1440;
    return best > 0 && 2 * beyond > 3 * least
               ? minute * floor(start_of(best) / minute + 0.5)
               : 0;
}

/* ---- a session ---- */

static int compare_items(const void *context, uint32_t x, uint32_t y)
{
    const gru4rec_events *events = context;
    return G4R_COMPARE(events->item[x], events->item[y]);
}

/*
 * Counts in audit->duplicates each event among those at (n) whose item another one of
 * them before it has. The events at have the same session and time. Returns false if
 * there is not enough memory, or if the caller asked to stop (watch).
 */
static bool count_duplicates(work *w, const uint32_t *at, size_t n)
{
    const gru4rec_events *events = w->events;
    const g4r_sort_rule rule = {compare_items, events};
    if (n < 2)
        return true;
    if (!G4R_ALLOC_GROW(&events->allocator, w->run, w->run_capacity, n))
        return false;
    memcpy(w->run, at, n * sizeof *at);
    if (!g4r_sort(w->run, n, &rule, &events->allocator, w->watch))
        return false;
    for (size_t i = 1; i < n; i++)
        w->audit->duplicates += events->item[w->run[i - 1]] == events->item[w->run[i]];
    return true;
}

/*
 * Returns the time from the first to the last of the events at (n), which are those of a
 * session in order: in seconds if times are dates, else in the unit of the times.
 */
static double seconds_of(const work *w, const uint32_t *at, int64_t n)
{
    return g4r_events_seconds(w->events, at[n - 1]) -
           g4r_events_seconds(w->events, at[0]);
}

/*
 * Compares the neighbouring events a and b of a session, a before b, and counts b in the
 * audit: in repeats if both have the same item, in tied if they have the same time
 * (is_tied), and in arbitrary if they have the same time and order, but different items.
 * Counts the pause between them in w->bins.
 */
static void compare_neighbours(work *w, uint32_t a, uint32_t b, bool is_tied)
{
    const gru4rec_events *events = w->events;
    const bool is_same = events->item[a] == events->item[b];
    w->audit->repeats += is_same;
    w->audit->tied += is_tied;
    w->audit->arbitrary += g4r_order_is_arbitrary(events, a, b);
    w->bins[bin_of(g4r_events_seconds(events, b) - g4r_events_seconds(events, a))]++;
}

/*
 * The first walk through a session with the events at (n), in order. Counts the session
 * by its length, in audit->single if it has one event only, and otherwise by its mean
 * pause. Counts its pauses, its duplicates, and what neighbouring events have in common.
 * Returns false if there is not enough memory, or if the caller asked to stop (watch).
 */
static bool walk(work *w, const uint32_t *at, int64_t n)
{
    int64_t run = 0; /* index of the first event that has the time of event i - 1 */
    bool is_ok = true;
    w->lengths[n < LENGTHS ? n : LENGTHS - 1]++;
    w->audit->single += n == 1;
    if (n > 1)
        w->means[bin_of(seconds_of(w, at, n) / (double)(n - 1))]++;
    for (int64_t i = 1; is_ok && i < n && !g4r_stop_watch_is_over(w->watch); i++) {
        const bool is_tied = g4r_events_compare_times(w->events, at[i - 1], at[i]) == 0;
        compare_neighbours(w, at[i - 1], at[i], is_tied);
        if (!is_tied) {
            is_ok = count_duplicates(w, at + run, (size_t)(i - run));
            run = i;
        }
    }
    return is_ok && !w->watch->is_over &&
           count_duplicates(w, at + run, (size_t)(n - run));
}

/*
 * The second walk, for one session with the events at (n), in order. If the session is
 * far longer or far faster than the others, counts it and its events in the audit; if it
 * is longer than a day, counts it. Keeps examples in the audit, whose ids are borrowed
 * from events->sessions: the longest of the long sessions (the first of equally long
 * ones), the last of the fast ones, and, of those longer than a day, the one that spans
 * the longest time.
 */
static void judge(work *w, int32_t session, const uint32_t *at, int64_t n)
{
    gru4rec_audit *audit = w->audit;
    const double span = seconds_of(w, at, n);
    const double mean = n > 1 ? span / (double)(n - 1) : 0;
    if (n >= far_length.least && n > far_length.times * audit->median_length) {
        audit->long_sessions++;
        audit->long_events += n;
        if (n > w->longest)
            g4r_dict_get(&w->events->sessions, session, &audit->long_session);
        w->longest = G4R_MAX(n, w->longest);
    }
    if (n >= far_rate.least && mean * (double)far_rate.times < w->median_pause) {
        audit->fast_sessions++;
        audit->fast_events += n;
        g4r_dict_get(&w->events->sessions, session, &audit->fast_session);
    }
    if (w->day > 0 && span > w->day) {
        audit->spanning++;
        if (span > w->widest)
            g4r_dict_get(&w->events->sessions, session, &audit->wide_session);
        w->widest = G4R_MAX(span, w->widest);
    }
}

/* Returns the median of the sessions' lengths in events; at most LENGTHS - 1. */
static int64_t median_length(const work *w)
{
    int64_t n = 0, below = 0;
    int length = 0;
    for (int i = 0; i < LENGTHS; i++)
        n += w->lengths[i];
    while (length < LENGTHS - 1 && 2 * (below += w->lengths[length]) < n)
        length++;
    return length;
}

/*
 * Makes the first walk through all sessions. Sets median_length and gap of the audit, and
 * w->median_pause, from the counts. Then makes the second walk, which compares with
 * these. Returns false if there is not enough memory, or if the caller asked to stop
 * (watch).
 */
static bool walk_all(work *w)
{
    const gru4rec_events *events = w->events;
    const int32_t n = events->sessions.n;
    bool is_ok = true;
    for (int32_t s = 0; is_ok && s < n; s++)
        is_ok = walk(w, w->at + w->offsets[s], w->offsets[s + 1] - w->offsets[s]);
    if (!is_ok)
        return false;
    w->audit->median_length = median_length(w);
    w->median_pause = median_of(w->means);
    w->audit->gap = find_gap(w->bins, w->day);
    for (int32_t s = 0; s < n && !g4r_stop_watch_is_over(w->watch); s++)
        judge(w, s, w->at + w->offsets[s], w->offsets[s + 1] - w->offsets[s]);
    return !w->watch->is_over;
}

/* ---- items and ids ---- */

/*
 * Counts the events of each item in w->support, which must be zeroed before. Sets in the
 * audit: once, the number of items that have one event, and top, the number of events of
 * the TOP most frequent items. If the caller asks to stop (watch), the counts are
 * incomplete.
 */
static void count_items(work *w)
{
    const gru4rec_events *events = w->events;
    int64_t top[TOP] = {0};
    for (size_t i = 0; i < events->n && !g4r_stop_watch_is_over(w->watch); i++)
        w->support[events->item[i]]++;
    for (int32_t item = 0; item < events->items.n; item++) {
        int at = TOP;
        w->audit->once += w->support[item] == 1;
        for (; at > 0 && top[at - 1] < w->support[item]; at--)
            if (at < TOP)
                top[at] = top[at - 1];
        if (at < TOP)
            top[at] = w->support[item];
    }
    for (int i = 0; i < TOP; i++)
        w->audit->top += top[i];
}

/*
 * Sets pair to the two ids of the example in alike (see alike.h), which are borrowed from
 * the dictionary. If no ids are alike, pair stays as it is.
 */
static void get_pair(const g4r_dict *ids, const g4r_alike *alike, gru4rec_id pair[2])
{
    for (int i = 0; alike->n > 0 && i < 2; i++)
        g4r_dict_get(ids, alike->pair[i], &pair[i]);
}

/*
 * Sets in the audit: the number of items and the number of sessions whose id is alike to
 * one before (see alike.h), with an example of each; and blank, the number of events
 * whose item or session has an id of white space only. Returns false, and sets nothing,
 * if there is not enough memory, or if the caller asked to stop (watch).
 */
static bool look_at_ids(work *w)
{
    const gru4rec_events *events = w->events;
    gru4rec_audit *audit = w->audit;
    g4r_alike items = {0}, sessions = {0};
    const bool is_ok = g4r_alike_find(&events->items, &items, w->watch) &&
                       g4r_alike_find(&events->sessions, &sessions, w->watch);
    if (is_ok) {
        audit->alike_items = items.n;
        audit->alike_sessions = sessions.n;
        get_pair(&events->items, &items, audit->alike_item);
        get_pair(&events->sessions, &sessions, audit->alike_session);
    }
    const bool has_blank = items.is_blank != NULL || sessions.is_blank != NULL;
    for (size_t i = 0; is_ok && has_blank && i < events->n; i++)
        audit->blank +=
            (items.is_blank != NULL && items.is_blank[events->item[i]]) ||
            (sessions.is_blank != NULL && sessions.is_blank[events->session[i]]);
    g4r_alloc_free(&events->allocator, items.is_blank);
    g4r_alloc_free(&events->allocator, sessions.is_blank);
    return is_ok;
}

/* ---- the whole audit ---- */

static bool allocate(work *w)
{
    const gru4rec_events *events = w->events;
    const gru4rec_allocator *allocator = &events->allocator;
    const size_t n_sessions = (size_t)events->sessions.n;
    w->offsets = g4r_alloc(allocator, n_sessions + 1, sizeof *w->offsets);
    w->at = g4r_alloc(allocator, events->n + 1, sizeof *w->at);
    w->support = g4r_alloc(allocator, (size_t)events->items.n + 1, sizeof *w->support);
    w->lengths = g4r_alloc(allocator, LENGTHS, sizeof *w->lengths);
    return w->offsets != NULL && w->at != NULL && w->support != NULL &&
           w->lengths != NULL;
}

static void release(work *w)
{
    const gru4rec_allocator *allocator = &w->events->allocator;
    g4r_alloc_free(allocator, w->offsets);
    g4r_alloc_free(allocator, w->at);
    g4r_alloc_free(allocator, w->support);
    g4r_alloc_free(allocator, w->lengths);
    g4r_alloc_free(allocator, w->run);
}

gru4rec_status gru4rec_audit_events(gru4rec_events *events, double day,
                                    bool (*is_stopped)(void *), void *context,
                                    gru4rec_audit *audit)
{
    const gru4rec_id none = {.type = GRU4REC_ID_TEXT};
    assert(!events->has_expected); /* else a session could have no event */
    g4r_stop_watch watch = {.stop = {is_stopped, context}};
    work w = {.events = events, .audit = audit, .watch = &watch, .day = day};
    *audit = (gru4rec_audit){
        .events = (int64_t)events->n,
        .sessions = events->sessions.n,
        .items = events->items.n,
        .long_session = none,
        .fast_session = none,
        .wide_session = none,
        .alike_item = {none, none},
        .alike_session = {none, none},
    };
    events->n_sessions = events->sessions.n; /* no session is cut yet */
    bool is_ok =
        allocate(&w) && g4r_order_events(events, w.offsets, w.at, &watch) && walk_all(&w);
    if (is_ok) {
        count_items(&w);
        is_ok = look_at_ids(&w);
    }
    release(&w);
    return watch.is_over ? GRU4REC_INTERRUPTED : is_ok ? GRU4REC_OK : GRU4REC_NOMEM;
}

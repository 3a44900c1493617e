/*
 * audit.c - what is striking about events, counted; see gru4rec.h.
 *
 * The events are put in order, session by session, as training would order them, and walked
 * through twice: the second time for what is far from the others. Memory beside the events:
 * 4 bytes an event, 8 a session and 12 an item, and ids that are texts once more.
 *
 * Pauses are counted in bins of a quarter of an octave. From these come their median, and
 * what parts visits: of the bins between ten minutes and twelve hours, the beginning of the
 * emptiest (smoothed over three), where longer pauses are half as frequent again. Within a
 * visit pauses are shorter than that, between two visits they are longer.
 */
#include "alike.h"
#include "order.h"
#include "sort.h"

enum { BINS = 320, PER_OCTAVE = 4, ZERO = 20 * PER_OCTAVE, LENGTHS = 1 << 16, TOP = 20 };

/* A session is far from the others with so many times their median of events, and so many
 * events; or with pauses a so many-th of the median, and so many events. */
static const struct {
    int64_t times, least;
} far_length = {20, 100}, far_rate = {20, 20};

typedef struct work {
    const gru4rec_events *events;
    gru4rec_audit *audit;
    g4r_stop_watch *watch;
    double day;
    int64_t *offsets;    /* (S + 1) */
    uint32_t *at;        /* (n) the events in order */
    int64_t *support;    /* (items) */
    int64_t *lengths;    /* (LENGTHS) sessions by length, the longer ones in the last */
    int64_t bins[BINS];  /* pauses within sessions */
    int64_t means[BINS]; /* mean pauses of sessions */
    double median_pause; /* 0: not known */
    uint32_t *run;       /* events of one time, by their items */
    size_t run_capacity;
    double widest;   /* of the sessions that were judged, */
    int64_t longest; /* likewise */
} work;

/* ---- pauses ---- */

static int bin_of(double pause)
{
    if (!(pause > 0))
        return 0;
    const double bin = floor(log2(pause) * PER_OCTAVE) + ZERO;
    return bin < 1 ? 1 : bin > BINS - 1 ? BINS - 1 : (int)bin;
}

static double start_of(int bin)
{
    return exp2((double)(bin - ZERO) / PER_OCTAVE);
}

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

static int64_t smooth(const int64_t bins[BINS], int bin)
{
    return bins[bin - 1] + 2 * bins[bin] + bins[bin + 1];
}

/* In whole minutes; 0: longer pauses are not more frequent again. */
static double find_gap(const int64_t bins[BINS], double day)
{
    const int first = bin_of(day / 144), last = bin_of(day / 2);
    int64_t least = INT64_MAX, beyond = 0; /* the most of a bin */
    int best = 0, end = 0; /* of so many that are as empty the middle one */
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

/* Counts the duplicates among events (n) of one session and time. */
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

static double seconds_of(const work *w, const uint32_t *at, int64_t n)
{
    return g4r_events_seconds(w->events, at[n - 1]) -
           g4r_events_seconds(w->events, at[0]);
}

/* Counts what two neighbours have in common. */
static void compare_neighbours(work *w, uint32_t a, uint32_t b, bool is_tied)
{
    const gru4rec_events *events = w->events;
    const bool is_same = events->item[a] == events->item[b];
    w->audit->repeats += is_same;
    w->audit->tied += is_tied;
    w->audit->arbitrary +=
        is_tied && !is_same && g4r_order_of(events, a) == g4r_order_of(events, b);
    w->bins[bin_of(g4r_events_seconds(events, b) - g4r_events_seconds(events, a))]++;
}

static bool walk(work *w, const uint32_t *at, int64_t n)
{
    int64_t run = 0; /* where the events of one time begin */
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

/* Is the session far from the others, or more than a day long? */
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

static void get_pair(const g4r_dict *ids, const g4r_alike *alike, gru4rec_id pair[2])
{
    for (int i = 0; alike->n > 0 && i < 2; i++)
        g4r_dict_get(ids, alike->pair[i], &pair[i]);
}

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

/* ---- all of it ---- */

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
    assert(!events->has_expected); /* a session may then have no event */
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
    events->n_sessions = events->sessions.n; /* none is cut yet */
    bool is_ok =
        allocate(&w) && g4r_order_events(events, w.offsets, w.at, &watch) && walk_all(&w);
    if (is_ok) {
        count_items(&w);
        is_ok = look_at_ids(&w);
    }
    release(&w);
    return watch.is_over ? GRU4REC_INTERRUPTED : is_ok ? GRU4REC_OK : GRU4REC_NOMEM;
}

/*
 * dataset.c - makes a dataset (sessions in visiting order) and its catalogue from
 * collected events, and maps it to another catalogue.
 *
 * Training, evaluation and serving use one order; serving writes the same order in SQL:
 *   the events of a session by (time, order, item);
 *   the sessions by (first time, session value);
 *   the items numbered by their first appearance in the events of this order.
 * Items are compared by the ids that the events have, even if there is a catalogue, so
 * the order does not depend on the model. The order decides every tie, so it does not
 * depend on the plan of a database query.
 *
 * A dataset is made in seven stages. Two arrays are reused to save memory; after each
 * stage they hold:
 *                             events->session          dataset->item_rows
 *   0 collected (events.c)    number in sessions       -
 *   1 cut; recent (recent.c)  number of the part       -
 *   2 sessions visited        place in visiting order  -
 *   3 events ordered          freed                    number in items, or row of known
 *   4 prepared (prepare.c)    -                        the same, of the events that stay
 *   5 items numbered          -                        row; number in items if held out
 *   6 sessions held out       -                        row
 *   7 sessions divided        -                        row
 * If there is a catalogue already (events->known), there are no stages 5 and 6, which
 * catalogue.c does. Without groups there is no stage 7.
 *
 * If several processes unite their events (union.h), each makes a dataset of its own
 * part. Before stage 1 they check that no session is in two parts, and before stage 4
 * they number their items in the same way. Stage 4 counts support over all parts, and at
 * its end each session gets its place in the visiting order of all of them. By this order
 * stages 5 and 6 make the catalogue and the held-out sessions of all parts.
 *
 * Memory for each event: the columns (events.h), 4 bytes for item_rows, which is also the
 * permutation that sorts the events, and 8 if times are kept. Memory for each session:
 * about 22 bytes, and 32 more if it gets fingerprints (prints.h). Events that are already
 * in order, as in most event logs, are only checked (sort.h).
 *
 * The functions of stages 1 to 4 and 7 return false if there is not enough memory, if an
 * exchange failed, or if the caller asked to stop (watch). Those of stages 5 and 6 return
 * a status then.
 */
#include "catalogue.h"
#include "order.h"
#include "prepare.h"
#include "prints.h"
#include "recent.h"
#include "shard.h"
#include "sort.h"

/* ---- 1: sessions are cut ---- */

/*
 * Returns max_length if longer sessions are cut into pieces. Returns INT64_MAX if they
 * are not cut: max_length is 0, or long sessions are dropped or shortened.
 */
static int64_t piece_length(const gru4rec_preparation *preparation)
{
    return preparation->max_length > 0 && preparation->long_sessions == GRU4REC_LONG_CUT
               ? preparation->max_length
               : INT64_MAX;
}

/*
 * Tells whether the pause from event a to event b, the next in its session, is longer
 * than session_gap and so begins a new session. If session_gap is 0, no pause does.
 */
static bool is_pause(const gru4rec_events *events, uint32_t a, uint32_t b)
{
    const double gap = events->preparation.session_gap;
    return gap > 0 && g4r_events_seconds(events, b) - g4r_events_seconds(events, a) > gap;
}

/* Tells whether b repeats the item of a, and stage 4 will drop b (collapse_repeats). */
static bool is_repeat(const gru4rec_events *events, uint32_t a, uint32_t b)
{
    return events->preparation.collapse_repeats && events->item[a] == events->item[b];
}

/*
 * Adds a part of the session with this number as a new session: appends the number to
 * events->owner and adds 1 to events->n_sessions. *capacity is the room in events->owner;
 * if it is full, the array and *capacity grow. Returns false, and adds nothing, if there
 * is not enough memory.
 */
static bool start_part(gru4rec_events *events, int32_t session, size_t *capacity)
{
    if (!G4R_ALLOC_GROW(&events->allocator, events->owner, *capacity,
                        (size_t)events->n_sessions + 1))
        return false;
    events->owner[events->n_sessions++] = session;
    return true;
}

/*
 * Cuts a session at long pauses into parts, and each part into pieces of max_length
 * events. Each piece becomes a session with a new number (see start_part()), which is
 * stored in events->session for its events. Numbers ascend in time. Repeats that stage 4
 * will drop do not count for max_length. Counts in n_cut the parts of several pieces.
 * sorted (n): the session's events in order. *capacity: the room in events->owner.
 */
static bool cut_session(gru4rec_events *events, int32_t session, const uint32_t *sorted,
                        int64_t n, size_t *capacity, g4r_stop_watch *watch)
{
    const int64_t most = piece_length(&events->preparation);
    /* length: events of the piece so far; n_pieces: earlier pieces of the same part. */
    int64_t length = 0, n_pieces = 0;
    for (int64_t i = 0; i < n && !g4r_stop_watch_is_over(watch); i++) {
        const bool begins = i == 0 || is_pause(events, sorted[i - 1], sorted[i]);
        const bool counts = begins || !is_repeat(events, sorted[i - 1], sorted[i]);
        const bool is_full = !begins && counts && length == most;
        if ((begins || is_full) && !start_part(events, session, capacity))
            return false;
        n_pieces = begins ? 0 : n_pieces + is_full;
        events->n_cut += is_full && n_pieces == 1;
        length = begins || is_full ? 1 : length + counts;
        events->session[sorted[i]] = events->n_sessions - 1;
    }
    return !watch->is_over;
}

/*
 * Cuts all sessions into parts, which become the sessions: fills events->owner, the
 * session that each part comes from, sets events->n_sessions to the number of parts, and
 * puts the numbers of the parts into events->session. An uncut session becomes one part.
 */
static bool cut_all(gru4rec_events *events, g4r_stop_watch *watch)
{
    const gru4rec_allocator *allocator = &events->allocator;
    const int32_t n_whole = events->n_sessions;
    size_t capacity = 0;
    uint32_t *permutation = g4r_alloc(allocator, events->n, sizeof *permutation);
    int64_t *offsets = g4r_alloc(allocator, (size_t)n_whole + 1, sizeof *offsets);
    bool is_ok = permutation != NULL && offsets != NULL &&
                 g4r_order_events(events, offsets, permutation, watch);
    events->n_sessions = 0;
    for (int32_t s = 0; is_ok && s < n_whole; s++)
        is_ok = cut_session(events, s, permutation + offsets[s],
                            offsets[s + 1] - offsets[s], &capacity, watch);
    g4r_alloc_free(allocator, permutation);
    g4r_alloc_free(allocator, offsets);
    return is_ok;
}

/* ---- 2: sessions in visiting order ---- */

typedef struct session_sort {
    const gru4rec_events *events;
    const uint32_t *first; /* (S) first event of each; NULL: only values are compared */
} session_sort;

/*
 * Compares the sessions x and y by (first time, session value), or, if first is NULL, by
 * session value; parts of one session by their numbers. Negative: x comes first.
 */
static int compare_sessions(const void *context, uint32_t x, uint32_t y)
{
    const session_sort *sort = context;
    const gru4rec_events *events = sort->events;
    int order = sort->first != NULL
                    ? g4r_events_compare_times(events, sort->first[x], sort->first[y])
                    : 0;
    if (order == 0)
        order = g4r_dict_compare(&events->sessions, g4r_events_owner(events, (int32_t)x),
                                 g4r_events_owner(events, (int32_t)y));
    /* Parts of one session are equal so far; their numbers ascend in time. */
    return order != 0 ? order : G4R_COMPARE(x, y);
}

/*
 * Sets first (S) to the index of each session's first event by time; of equal times, of
 * the one added first. has_first (S) is scratch, which must be zeroed before. If the
 * caller asks to stop (watch), first is incomplete: entries that were not reached stay.
 */
static void find_first(const gru4rec_events *events, uint32_t *first, int32_t *has_first,
                       g4r_stop_watch *watch)
{
    for (uint32_t i = 0; i < events->n && !g4r_stop_watch_is_over(watch); i++) {
        const int32_t s = events->session[i];
        if (!has_first[s] || g4r_events_compare_times(events, i, first[s]) < 0)
            first[s] = i;
        has_first[s] = 1;
    }
}

/*
 * Fills events->visit (S) with the sessions in visiting order, and replaces the session's
 * number in events->session by its place in that order. Fills first (S) with the
 * sessions' first events and sorts by them; if first is NULL, sorts by the sessions'
 * values alone. rank (S) is scratch. first and rank must be zeroed before.
 */
static bool rank_sessions(gru4rec_events *events, uint32_t *first, int32_t *rank,
                          g4r_stop_watch *watch)
{
    int32_t *visit = events->visit;
    size_t n_sessions = (size_t)events->n_sessions;
    const session_sort sort = {events, first};
    const g4r_sort_rule rule = {compare_sessions, &sort};
    if (first != NULL)
        find_first(events, first, rank, watch);
    for (size_t s = 0; s < n_sessions; s++)
        visit[s] = (int32_t)s;
    if (!g4r_sort((uint32_t *)visit, n_sessions, &rule, &events->allocator, watch))
        return false;
    for (size_t place = 0; place < n_sessions; place++)
        rank[visit[place]] = (int32_t)place;
    for (size_t i = 0; i < events->n && !g4r_stop_watch_is_over(watch); i++)
        events->session[i] = rank[events->session[i]];
    return !watch->is_over;
}

/*
 * Finds the visiting order: allocates and fills events->visit, and replaces the session's
 * number in events->session by its place in that order. If by_time is false, the order is
 * that of the ids. If by_time, keeps events->first if validation is above 0, for stage 6,
 * or if keeps_first is true.
 */
static bool find_visits(gru4rec_events *events, bool by_time, bool keeps_first,
                        g4r_stop_watch *watch)
{
    const gru4rec_allocator *allocator = &events->allocator;
    size_t n_sessions = (size_t)events->n_sessions;
    uint32_t *first = by_time ? g4r_alloc(allocator, n_sessions, sizeof *first) : NULL;
    int32_t *rank = g4r_alloc(allocator, n_sessions, sizeof *rank);
    events->visit = g4r_alloc(allocator, n_sessions, sizeof *events->visit);
    bool is_ok = (first != NULL || !by_time) && rank != NULL && events->visit != NULL &&
                 rank_sessions(events, first, rank, watch);
    if (events->preparation.validation > 0 || keeps_first)
        events->first = first;
    else
        g4r_alloc_free(allocator, first);
    g4r_alloc_free(allocator, rank);
    return is_ok;
}

/* ---- 3: all events in order ---- */

/* Sets dataset->first to the least time of all events; does nothing if there are none. */
static void find_least(const gru4rec_events *events, gru4rec_dataset *dataset,
                       g4r_stop_watch *watch)
{
    uint32_t least = 0;
    for (uint32_t i = 1; i < events->n && !g4r_stop_watch_is_over(watch); i++)
        if (g4r_events_compare_times(events, i, least) < 0)
            least = i;
    if (events->n > 0)
        dataset->first = g4r_events_time(events, least);
}

/*
 * If times are not kept, does nothing and returns true. Otherwise fills a new array
 * dataset->times with the events' times, in the order of permutation (n).
 */
static bool keep_times(const gru4rec_events *events, gru4rec_dataset *dataset,
                       const uint32_t *permutation, g4r_stop_watch *watch)
{
    if (!events->preparation.keeps_times)
        return true;
    dataset->times = g4r_alloc(&events->allocator, events->n, sizeof *dataset->times);
    if (dataset->times == NULL)
        return false;
    for (size_t i = 0; i < events->n && !g4r_stop_watch_is_over(watch); i++)
        dataset->times[i] = g4r_events_seconds(events, permutation[i]);
    return !watch->is_over;
}

/*
 * Returns how many events only their items put behind the one before. permutation (n):
 * all events in order.
 */
static int64_t count_arbitrary(const gru4rec_events *events, const uint32_t *permutation,
                               g4r_stop_watch *watch)
{
    int64_t n = 0;
    for (size_t i = 1; i < events->n && !g4r_stop_watch_is_over(watch); i++)
        n += g4r_order_is_arbitrary(events, permutation[i - 1], permutation[i]);
    return n;
}

/*
 * Sorts the events into the dataset: makes its offsets and item_rows, its times and
 * numbers if they are kept, and events->prints if the sessions get fingerprints. Sets
 * n_sessions and n_events, and copies the counts of stages 0 and 1. At the end it frees
 * the columns of the events, unless stage 6 still needs the times of events->first.
 * Memory is at its peak here, because the columns are not freed earlier.
 */
static bool order_all(gru4rec_events *events, gru4rec_dataset *dataset,
                      g4r_stop_watch *watch)
{
    const gru4rec_allocator *allocator = &events->allocator;
    dataset->n_sessions = events->n_sessions;
    dataset->n_events = (int64_t)events->n;
    dataset->n_unknown = events->n_unknown;
    dataset->n_old = events->n_old;
    dataset->n_long = events->n_cut;
    uint32_t *permutation = g4r_alloc(allocator, events->n, sizeof *permutation);
    dataset->item_rows = (int32_t *)permutation;
    dataset->offsets =
        g4r_alloc(allocator, (size_t)events->n_sessions + 1, sizeof *dataset->offsets);
    const bool keeps_numbers = events->preparation.keeps_numbers;
    if (keeps_numbers)
        dataset->numbers = g4r_alloc(allocator, events->n, sizeof *dataset->numbers);
    if (permutation == NULL || dataset->offsets == NULL ||
        (keeps_numbers && dataset->numbers == NULL) ||
        !g4r_order_events(events, dataset->offsets, permutation, watch) ||
        !keep_times(events, dataset, permutation, watch) ||
        (events->has_key &&
         !g4r_prints_make(events, dataset->offsets, permutation, watch)))
        return false;
    dataset->n_arbitrary = count_arbitrary(events, permutation, watch);
    /*
     * item_rows is the same array as permutation: each event's index is replaced by its
     * item's number, or row in the catalogue. So events->number is copied here too.
     */
    for (size_t i = 0; i < events->n && !g4r_stop_watch_is_over(watch); i++) {
        const int32_t number = events->item[permutation[i]];
        if (dataset->numbers != NULL)
            dataset->numbers[i] = events->number[permutation[i]];
        dataset->item_rows[i] = events->rows != NULL ? events->rows[number] : number;
    }
    if (events->first == NULL)
        g4r_events_free_columns(events);
    return !watch->is_over;
}

/* ---- all stages ---- */

/*
 * Does stages 1 to 4, and sets dataset->first, the least time, between stages 2 and 3.
 * Before stage 1 it frees the hash table of events->sessions, so no session can be added
 * any more; and it frees the column order if the indexes break ties in the same way.
 */
static bool make_sessions(gru4rec_events *events, bool by_time, gru4rec_dataset *dataset,
                          g4r_union *u, g4r_stop_watch *watch)
{
    bool has_events = events->n > 0;
    dataset->allocator = events->allocator;
    events->n_sessions = events->sessions.n;
    g4r_dict_seal(&events->sessions);
    if (!g4r_union_sessions_check(u, events, watch))
        return false;
    g4r_order_drop_plain(events, watch);
    const bool is_cut = events->preparation.session_gap > 0 ||
                        piece_length(&events->preparation) < INT64_MAX;
    if ((is_cut && !cut_all(events, watch)) ||
        (events->has_expected && !g4r_recent_keep(events, watch)) ||
        !find_visits(events, by_time, u->ranks != NULL, watch))
        return false;
    find_least(events, dataset, watch);
    if (!g4r_union_least_time(u, &dataset->first, &has_events) ||
        !order_all(events, dataset, watch) ||
        !g4r_union_items_number(u, events, dataset, watch))
        return false;
    int32_t n_items = g4r_events_has_catalogue(events)
                          ? gru4rec_items_count(events->known)
                          : events->items.n;
    return g4r_prepare(dataset, events->visit, n_items, &events->preparation, u, watch) &&
           g4r_union_sessions_place(u, events, dataset, watch);
}

/* Returns the number of sessions of the dataset that have one event. */
static int64_t count_single(const gru4rec_dataset *dataset)
{
    int64_t n = 0;
    for (int64_t s = 0; s < dataset->n_sessions; s++)
        n += dataset->offsets[s + 1] - dataset->offsets[s] == 1;
    return n;
}

gru4rec_status gru4rec_dataset_unite(gru4rec_events *events, bool by_time,
                                     const gru4rec_ranks *ranks,
                                     bool (*is_stopped)(void *), void *context,
                                     gru4rec_dataset **dataset, gru4rec_items **items,
                                     gru4rec_error *error)
{
    g4r_stop_watch watch = {.stop = {is_stopped, context}};
    gru4rec_status status = GRU4REC_NOMEM;
    g4r_union u;
    assert(ranks == NULL || !g4r_events_has_catalogue(events));
    g4r_union_init(&u, ranks, &events->allocator, error);
    *items = NULL;
    *dataset = g4r_alloc(&events->allocator, 1, sizeof **dataset);
    if (*dataset != NULL && make_sessions(events, by_time, *dataset, &u, &watch))
        status = g4r_events_has_catalogue(events)
                     ? GRU4REC_OK
                     : g4r_catalogue_make(events, *dataset, &u, items, &watch);
    if (status == GRU4REC_OK && !g4r_shard_divide(events, *dataset, &watch))
        status = GRU4REC_NOMEM;
    if (watch.is_over)
        status = GRU4REC_INTERRUPTED;
    if (u.status != GRU4REC_OK)
        status = u.status;
    g4r_union_free(&u);
    if (status == GRU4REC_OK) {
        (*dataset)->n_single = count_single(*dataset);
        return GRU4REC_OK;
    }
    gru4rec_items_free(*items);
    gru4rec_dataset_free(*dataset);
    *items = NULL;
    *dataset = NULL;
    return status;
}

gru4rec_status gru4rec_dataset_new(gru4rec_events *events, bool by_time,
                                   bool (*is_stopped)(void *), void *context,
                                   gru4rec_dataset **dataset, gru4rec_items **items)
{
    return gru4rec_dataset_unite(events, by_time, NULL, is_stopped, context, dataset,
                                 items, NULL);
}

size_t gru4rec_dataset_bytes(const gru4rec_dataset *dataset)
{
    const gru4rec_dataset *held = dataset->validation;
    const int64_t n_sessions = dataset->n_sessions + dataset->n_behind;
    const size_t event_bytes = sizeof *dataset->item_rows +
                               (dataset->numbers != NULL ? sizeof *dataset->numbers : 0) +
                               (dataset->times != NULL ? sizeof *dataset->times : 0);
    return sizeof *dataset + (size_t)(n_sessions + 1) * sizeof *dataset->offsets +
           (size_t)dataset->offsets[n_sessions] * event_bytes +
           (dataset->groups != NULL
                ? (size_t)dataset->n_sessions * sizeof *dataset->groups
                : 0) +
           (dataset->places != NULL ? (size_t)n_sessions * sizeof *dataset->places : 0) +
           (held != NULL ? gru4rec_dataset_bytes(held) : 0);
}

void gru4rec_dataset_free(gru4rec_dataset *dataset)
{
    if (dataset == NULL)
        return;
    gru4rec_allocator allocator = dataset->allocator;
    gru4rec_dataset_free(dataset->validation);
    g4r_alloc_free(&allocator, dataset->item_rows);
    g4r_alloc_free(&allocator, dataset->numbers);
    g4r_alloc_free(&allocator, dataset->offsets);
    g4r_alloc_free(&allocator, dataset->groups);
    g4r_alloc_free(&allocator, dataset->places);
    g4r_alloc_free(&allocator, dataset->times);
    g4r_alloc_free(&allocator, dataset);
}

/* ---- another catalogue ---- */

/*
 * Replaces each item row of the dataset by rows[row], in place. Drops the events whose
 * new row is -1, counts them in n_unknown, and drops the sessions that have no event
 * left. Times and numbers move with their events, groups and places with their sessions.
 * Counts n_single anew.
 */
static void map_rows(gru4rec_dataset *dataset, const int32_t *rows)
{
    int64_t n_sessions = 0, n_events = 0, i = 0;
    for (int64_t s = 0; s < dataset->n_sessions; s++) {
        const int64_t first = n_events, end = dataset->offsets[s + 1];
        for (; i < end; i++) {
            const int32_t row = rows[dataset->item_rows[i]];
            if (row < 0)
                continue;
            dataset->item_rows[n_events] = row;
            if (dataset->times != NULL)
                dataset->times[n_events] = dataset->times[i];
            if (dataset->numbers != NULL)
                dataset->numbers[n_events] = dataset->numbers[i];
            n_events++;
        }
        if (n_events > first && dataset->places != NULL)
            dataset->places[n_sessions] = dataset->places[s];
        if (n_events > first && dataset->groups != NULL)
            dataset->groups[n_sessions] = dataset->groups[s];
        if (n_events > first)
            dataset->offsets[++n_sessions] = n_events;
    }
    dataset->n_unknown += dataset->n_events - n_events;
    dataset->n_sessions = n_sessions;
    dataset->n_events = n_events;
    dataset->n_single = count_single(dataset);
}

gru4rec_status gru4rec_dataset_map(gru4rec_dataset *dataset, const gru4rec_items *items,
                                   const gru4rec_items *known)
{
    const int32_t n = gru4rec_items_count(items);
    int32_t *rows = g4r_alloc(&dataset->allocator, (size_t)n, sizeof *rows);
    if (rows == NULL)
        return GRU4REC_NOMEM;
    for (int32_t row = 0; row < n; row++) {
        gru4rec_id id;
        gru4rec_items_get(items, row, &id);
        rows[row] = gru4rec_items_find(known, &id);
    }
    map_rows(dataset, rows);
    g4r_alloc_free(&dataset->allocator, rows);
    return GRU4REC_OK;
}

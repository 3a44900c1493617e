/*
 * prepare.c - drops events and sessions that the options leave out; see prepare.h.
 *
 * The steps have the order in which the published data sets were made:
 *   1. Repeats are dropped, in one pass. Each event is compared with the event that was
 *      before it at the start of the pass, even if that event is dropped too.
 *   2. Long sessions are dropped or shortened, unless dataset.c has cut them already.
 *   3. Short sessions and events of rare items are dropped in turn, until a whole round
 *      drops no event.
 */
#include "prepare.h"

/*
 * What one pass drops: first single events, then sessions by the number of events that
 * are left. If all fields are zero, the pass drops only empty sessions.
 */
typedef struct drop_rule {
    bool drops_repeats; /* drop events whose item is that of the event before */
    int64_t max_length; /* a session of more events is long; 0: no session is */
    /*
     * What happens to a long session: true: it keeps its last max_length events; false:
     * it is dropped.
     */
    bool keeps_last;
    const int64_t *counts; /* (items) events of each item; NULL: no item is rare */
    int64_t min_support;   /* drop events of items whose count is below this */
    int64_t min_length;    /* drop sessions of fewer events */
    bool drops_single;     /* drop sessions of one event, and count them in n_left */
} drop_rule;

/*
 * Tells whether the pass keeps an event of this item. before: item of the event before it
 * in the session; -1: there is none. The pass drops repeats if drops_repeats is set, and
 * items whose count is below min_support if counts is not NULL.
 */
static bool is_kept(const drop_rule *rule, int32_t before, int32_t item)
{
    return !(rule->drops_repeats && item == before) &&
           !(rule->counts != NULL && rule->counts[item] < rule->min_support);
}

/*
 * Returns how many events the pass keeps of a session that has length events; these are
 * the last ones. 0: it drops the session. If nothing is dropped, returns length. Counts
 * in the dataset what is dropped: a long session in n_long and its dropped events in
 * n_dropped, the events of a short session in n_short, a session of one event in n_left.
 */
static int64_t shorten(gru4rec_dataset *dataset, const drop_rule *rule, int64_t length)
{
    int64_t kept = length;
    if (rule->max_length > 0 && length > rule->max_length) {
        kept = rule->keeps_last ? rule->max_length : 0;
        dataset->n_long++;
        dataset->n_dropped += length - kept;
    } else if (length < rule->min_length) {
        kept = 0;
        dataset->n_short += length;
    } else if (length == 1 && rule->drops_single) {
        kept = 0;
        dataset->n_left++;
    }
    return kept;
}

/*
 * Copies the n events at place from to place to, which is not behind from, in all arrays
 * of the dataset: item rows, and times and numbers if they are kept.
 */
static void move_events(gru4rec_dataset *dataset, int64_t to, int64_t from, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        dataset->item_rows[to + i] = dataset->item_rows[from + i];
    for (int64_t i = 0; i < n && dataset->times != NULL; i++)
        dataset->times[to + i] = dataset->times[from + i];
    for (int64_t i = 0; i < n && dataset->numbers != NULL; i++)
        dataset->numbers[to + i] = dataset->numbers[from + i];
}

/*
 * Makes one pass over the dataset: drops what the rule says, and all sessions without
 * events. Moves the events and sessions that stay together, in place, and the elements of
 * visit with their sessions. Sets the dataset's offsets, n_sessions and n_events anew.
 * Events move only towards the start, so the pass reads every event before it writes over
 * it. Adds to *n_dropped the events that is_kept() dropped; shorten() counts the events
 * that are dropped with their sessions. If the caller asks to stop (watch), the dataset
 * can only be freed.
 */
static void compact(gru4rec_dataset *dataset, int32_t *visit, const drop_rule *rule,
                    int64_t *n_dropped, g4r_stop_watch *watch)
{
    int64_t n_sessions = 0, n_events = 0, i = 0;
    for (int64_t s = 0; s < dataset->n_sessions && !watch->is_over; s++) {
        int64_t first = n_events;
        int32_t before = -1;
        for (; i < dataset->offsets[s + 1] && !g4r_stop_watch_is_over(watch); i++) {
            int32_t item = dataset->item_rows[i];
            if (is_kept(rule, before, item))
                move_events(dataset, n_events++, i, 1);
            else
                ++*n_dropped;
            before = item;
        }
        const int64_t kept = shorten(dataset, rule, n_events - first);
        move_events(dataset, first, n_events - kept, kept);
        n_events = first + kept;
        if (kept == 0)
            continue;
        visit[n_sessions++] = visit[s];
        dataset->offsets[n_sessions] = n_events;
    }
    dataset->n_sessions = n_sessions;
    dataset->n_events = n_events;
}

/*
 * Makes one pass that drops the events of items that have fewer than min_support events
 * in the dataset now, and the sessions that are empty after this. Adds the number of
 * these events to n_rare. counts (n_items) is scratch. If it returns false, or the caller
 * asks to stop (watch), the dataset can only be freed.
 */
static bool drop_rare(gru4rec_dataset *dataset, int32_t *visit, int32_t n_items,
                      int64_t *counts, int64_t min_support, g4r_union *u,
                      g4r_stop_watch *watch)
{
    const drop_rule is_rare = {.counts = counts, .min_support = min_support};
    memset(counts, 0, (size_t)n_items * sizeof *counts);
    for (int64_t i = 0; i < dataset->n_events && !g4r_stop_watch_is_over(watch); i++)
        counts[dataset->item_rows[i]]++;
    if (watch->is_over || !g4r_union_sum(u, counts, (size_t)n_items))
        return false;
    compact(dataset, visit, &is_rare, &dataset->n_rare, watch);
    return true;
}

/*
 * Step 3: drops short sessions (and those of one event, if leaves_single) and events of
 * rare items in turn, until a whole round drops no event, in all processes. If
 * min_support is below 2, no item is rare, and one pass is enough. Returns false if there
 * is not enough memory, an exchange failed, or the caller asked to stop (watch).
 */
static bool drop_until_stable(gru4rec_dataset *dataset, int32_t *visit, int32_t n_items,
                              const gru4rec_preparation *preparation, g4r_union *u,
                              g4r_stop_watch *watch)
{
    int64_t n_dropped, *counts = NULL;
    bool is_ok = true;
    const bool has_rare = preparation->min_support > 1;
    const drop_rule is_short = {.min_length = preparation->min_length,
                                .drops_single = preparation->leaves_single};
    if (has_rare) {
        counts = g4r_alloc(&dataset->allocator, (size_t)n_items, sizeof *counts);
        if (counts == NULL)
            return false;
    }
    do {
        n_dropped = dataset->n_events;
        compact(dataset, visit, &is_short, &dataset->n_short, watch);
        is_ok = !has_rare || drop_rare(dataset, visit, n_items, counts,
                                       preparation->min_support, u, watch);
        n_dropped -= dataset->n_events;
        is_ok =
            is_ok && !watch->is_over && (!has_rare || g4r_union_sum(u, &n_dropped, 1));
    } while (is_ok && has_rare && n_dropped > 0);
    g4r_alloc_free(&dataset->allocator, counts);
    return is_ok;
}

bool g4r_prepare(gru4rec_dataset *dataset, int32_t *visit, int32_t n_items,
                 const gru4rec_preparation *preparation, g4r_union *u,
                 g4r_stop_watch *watch)
{
    const bool is_cut = preparation->long_sessions == GRU4REC_LONG_CUT;
    if (preparation->collapse_repeats)
        compact(dataset, visit, &(drop_rule){.drops_repeats = true}, &dataset->n_repeats,
                watch);
    if (preparation->max_length > 0 && !is_cut) {
        const drop_rule is_long = {.max_length = preparation->max_length,
                                   .keeps_last =
                                       preparation->long_sessions == GRU4REC_LONG_LAST};
        compact(dataset, visit, &is_long, &dataset->n_dropped, watch);
    }
    if (preparation->min_support <= 1 && preparation->min_length <= 1 &&
        !preparation->leaves_single)
        return !watch->is_over;
    return drop_until_stable(dataset, visit, n_items, preparation, u, watch);
}

/*
 * prepare.c - drops events and sessions that the options leave out; see prepare.h.
 *
 * The steps have the order in which the published data sets were made:
 *   1. Repeats are dropped, in one pass. Each event is compared with the event that was
 *      before it at the start of the pass, even if that event is dropped too.
 *   2. Long sessions are dropped or shortened, unless dataset.c has cut them already.
 *   3. Short sessions and events of rare items are dropped in turn, until a whole pass
 *      changes nothing.
 */
#include "prepare.h"

/* What one pass drops. If all fields are zero, the pass drops only empty sessions. */
typedef struct drop_rule {
    bool drops_repeats;    /* drop events whose item is that of the event before */
    int64_t max_length;    /* a session of more events is long; 0: no session is */
    bool keeps_last;       /* keep the last max_length events of long sessions, or none */
    const int64_t *counts; /* (items) events of each item; NULL: no item is rare */
    int64_t min_support;   /* drop events of items whose count is below this */
    int64_t min_length;    /* drop sessions of fewer events */
    bool drops_single;     /* drop sessions of one event, and count them in n_left */
} drop_rule;

/* Tells whether the pass keeps an event, by its item and the item before (-1: none). */
static bool is_kept(const drop_rule *rule, int32_t before, int32_t item)
{
    return !(rule->drops_repeats && item == before) &&
           !(rule->counts != NULL && rule->counts[item] < rule->min_support);
}

/*
 * Returns how many events of a session of this length the pass keeps; these are its last
 * events. Counts the other events in the dataset.
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

/* Copies n events in all columns of the dataset, from place from to place to <= from. */
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
 * Makes one pass: drops what the rule says, and moves the rest of the events and sessions
 * together, in place. Events move only towards the start, so the pass reads every event
 * before it writes over it. Adds to *n_dropped the events that were dropped one by one;
 * shorten() counts the events that are dropped with their sessions.
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
 * now. counts (n_items) is scratch.
 */
static void drop_rare(gru4rec_dataset *dataset, int32_t *visit, int32_t n_items,
                      int64_t *counts, int64_t min_support, g4r_stop_watch *watch)
{
    const drop_rule is_rare = {.counts = counts, .min_support = min_support};
    memset(counts, 0, (size_t)n_items * sizeof *counts);
    for (int64_t i = 0; i < dataset->n_events && !g4r_stop_watch_is_over(watch); i++)
        counts[dataset->item_rows[i]]++;
    compact(dataset, visit, &is_rare, &dataset->n_rare, watch);
}

/*
 * Step 3: drops short sessions and rare items in turn, until a pass over both changes
 * nothing. Returns false if there is not enough memory, or if the watch stopped the work.
 */
static bool drop_until_stable(gru4rec_dataset *dataset, int32_t *visit, int32_t n_items,
                              const gru4rec_preparation *preparation,
                              g4r_stop_watch *watch)
{
    int64_t before, *counts = NULL;
    const bool has_rare = preparation->min_support > 1;
    const drop_rule is_short = {.min_length = preparation->min_length,
                                .drops_single = preparation->leaves_single};
    if (has_rare) {
        counts = g4r_alloc(&dataset->allocator, (size_t)n_items, sizeof *counts);
        if (counts == NULL)
            return false;
    }
    do {
        before = dataset->n_events;
        compact(dataset, visit, &is_short, &dataset->n_short, watch);
        if (has_rare)
            drop_rare(dataset, visit, n_items, counts, preparation->min_support, watch);
    } while (has_rare && dataset->n_events < before && !watch->is_over);
    g4r_alloc_free(&dataset->allocator, counts);
    return !watch->is_over;
}

bool g4r_prepare(gru4rec_dataset *dataset, int32_t *visit, int32_t n_items,
                 const gru4rec_preparation *preparation, g4r_stop_watch *watch)
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
    return drop_until_stable(dataset, visit, n_items, preparation, watch);
}

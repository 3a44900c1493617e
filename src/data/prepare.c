/*
 * prepare.c - see prepare.h.
 *
 * In this order, as the published data sets were made: repeats collapse once, each event
 * being compared with the one before it as it was; long sessions, unless they were cut
 * before (dataset.c), are dropped or shortened; then short sessions and rare items are
 * dropped in turn, until a whole pass changes nothing.
 */
#include "prepare.h"

/* What one pass drops. All zero: only empty sessions. */
typedef struct drop_rule {
    bool drops_repeats;    /* an event whose item is the one before it */
    int64_t max_length;    /* 0: none; else of a session of more events */
    bool keeps_last;       /* all but so many, or all */
    const int64_t *counts; /* (items) or NULL: an event whose item has fewer than */
    int64_t min_support;   /* this */
    int64_t min_length;    /* a session of fewer events, all of it */
    bool drops_single;     /* and one of one event, counted by itself */
} drop_rule;

static bool is_kept(const drop_rule *rule, int32_t before, int32_t item)
{
    return !(rule->drops_repeats && item == before) &&
           !(rule->counts != NULL && rule->counts[item] < rule->min_support);
}

/* How many events of a session stay, the last ones; counts the others. */
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

/* n of them, towards the start. */
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
 * Moves what stays together, in place: everything moves towards the start, so what is
 * read is still as it was. *n_dropped counts single events, the dataset those of sessions.
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

/* Drops the events of rare items. counts: scratch (items). */
static void drop_rare(gru4rec_dataset *dataset, int32_t *visit, int32_t n_items,
                      int64_t *counts, int64_t min_support, g4r_stop_watch *watch)
{
    const drop_rule is_rare = {.counts = counts, .min_support = min_support};
    memset(counts, 0, (size_t)n_items * sizeof *counts);
    for (int64_t i = 0; i < dataset->n_events && !g4r_stop_watch_is_over(watch); i++)
        counts[dataset->item_rows[i]]++;
    compact(dataset, visit, &is_rare, &dataset->n_rare, watch);
}

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

/*
 * prepare.c - see prepare.h.
 *
 * In this order, as the published data sets were made: repeats collapse once, each event
 * being compared with the one before it as it was; then short sessions and rare items are
 * dropped in turn, until a whole pass changes nothing.
 */
#include "prepare.h"

/* What one pass drops. All zero: only empty sessions. */
typedef struct drop_rule {
    bool drops_repeats;    /* an event whose item is the one before it */
    const int64_t *counts; /* (items) or NULL: an event whose item has fewer than */
    int64_t min_support;   /* this */
    int64_t min_length;    /* a session of fewer events, all of it */
} drop_rule;

static bool is_kept(const drop_rule *rule, int32_t before, int32_t item)
{
    return !(rule->drops_repeats && item == before) &&
           !(rule->counts != NULL && rule->counts[item] < rule->min_support);
}

/*
 * Moves what stays together, in place: everything moves towards the start, so what is
 * read is still as it was. *n_dropped counts single events, dataset->n_short those of
 * dropped sessions.
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
                dataset->item_rows[n_events++] = item;
            else
                ++*n_dropped;
            before = item;
        }
        if (n_events == first || n_events - first < rule->min_length) {
            dataset->n_short += n_events - first;
            n_events = first;
            continue;
        }
        visit[n_sessions++] = visit[s];
        dataset->offsets[n_sessions] = n_events;
    }
    dataset->n_sessions = n_sessions;
    dataset->n_events = n_events;
}

static bool drop_until_stable(gru4rec_dataset *dataset, int32_t *visit, int32_t n_items,
                              const gru4rec_preparation *preparation,
                              g4r_stop_watch *watch)
{
    int64_t before;
    int64_t *counts = g4r_alloc(&dataset->allocator, (size_t)n_items, sizeof *counts);
    if (counts == NULL)
        return false;
    const drop_rule is_short = {.min_length = preparation->min_length};
    const drop_rule is_rare = {.counts = counts, .min_support = preparation->min_support};
    do {
        before = dataset->n_events;
        compact(dataset, visit, &is_short, &dataset->n_short, watch);
        memset(counts, 0, (size_t)n_items * sizeof *counts);
        for (int64_t i = 0; i < dataset->n_events && !g4r_stop_watch_is_over(watch); i++)
            counts[dataset->item_rows[i]]++;
        compact(dataset, visit, &is_rare, &dataset->n_rare, watch);
    } while (dataset->n_events < before && !watch->is_over);
    g4r_alloc_free(&dataset->allocator, counts);
    return !watch->is_over;
}

bool g4r_prepare(gru4rec_dataset *dataset, int32_t *visit, int32_t n_items,
                 const gru4rec_preparation *preparation, g4r_stop_watch *watch)
{
    if (preparation->collapse_repeats)
        compact(dataset, visit, &(drop_rule){.drops_repeats = true}, &dataset->n_repeats,
                watch);
    if (preparation->min_support <= 1 && preparation->min_length <= 1)
        return !watch->is_over;
    return drop_until_stable(dataset, visit, n_items, preparation, watch);
}

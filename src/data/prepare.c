/*
 * prepare.c - see prepare.h.
 *
 * In this order, as the published data sets were made: repeats collapse once, each event
 * being compared with the one before it as it was; then short sessions and rare items are
 * dropped in turn, until a whole pass changes nothing.
 */
#include "prepare.h"

/* Does an event stay, given the item before it in the session (-1: none)? */
typedef bool keep_event(int32_t before, int32_t item, const void *context);

static bool is_no_repeat(int32_t before, int32_t item, const void *context)
{
    (void)context;
    return item != before;
}

typedef struct support {
    const int64_t *counts; /* (items) */
    int64_t least;
} support;

static bool is_frequent(int32_t before, int32_t item, const void *context)
{
    const support *s = context;
    (void)before;
    return s->counts[item] >= s->least;
}

static bool is_any(int32_t before, int32_t item, const void *context)
{
    (void)before;
    (void)item;
    (void)context;
    return true;
}

/*
 * Moves what stays together, in place: everything moves towards the start, so what is
 * read is still as it was. Sessions of fewer than min_length events go, and empty ones
 * always. *n_dropped counts events that keep refuses, dataset->n_short those of dropped
 * sessions.
 */
static void compact(gru4rec_dataset *dataset, int32_t *visit, keep_event *keep,
                    const void *context, int64_t min_length, int64_t *n_dropped)
{
    int64_t n_sessions = 0, n_events = 0, end = 0;
    for (int64_t s = 0; s < dataset->n_sessions; s++) {
        int64_t first = n_events, start = end;
        int32_t before = -1;
        end = dataset->offsets[s + 1];
        for (int64_t i = start; i < end; i++) {
            int32_t item = dataset->item_rows[i];
            if (keep(before, item, context))
                dataset->item_rows[n_events++] = item;
            else
                ++*n_dropped;
            before = item;
        }
        if (n_events == first || n_events - first < min_length) {
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

static void drop_until_stable(gru4rec_dataset *dataset, int32_t *visit, int64_t *counts,
                              int32_t n_items, const gru4rec_preparation *preparation)
{
    const support frequent = {counts, preparation->min_support};
    int64_t before, none = 0;
    do {
        before = dataset->n_events;
        compact(dataset, visit, is_any, NULL, preparation->min_length, &none);
        memset(counts, 0, (size_t)n_items * sizeof *counts);
        for (int64_t i = 0; i < dataset->n_events; i++)
            counts[dataset->item_rows[i]]++;
        compact(dataset, visit, is_frequent, &frequent, 0, &dataset->n_rare);
    } while (dataset->n_events < before);
}

bool g4r_prepare(gru4rec_dataset *dataset, int32_t *visit, int32_t n_items,
                 const gru4rec_preparation *preparation)
{
    if (preparation->collapse_repeats)
        compact(dataset, visit, is_no_repeat, NULL, 0, &dataset->n_repeats);
    if (preparation->min_support > 1 || preparation->min_length > 1) {
        int64_t *counts = g4r_alloc(&dataset->allocator, (size_t)n_items, sizeof *counts);
        if (counts == NULL)
            return false;
        drop_until_stable(dataset, visit, counts, n_items, preparation);
        g4r_alloc_free(&dataset->allocator, counts);
    }
    for (int64_t s = 0; s < dataset->n_sessions; s++)
        dataset->n_single += dataset->offsets[s + 1] - dataset->offsets[s] == 1;
    return true;
}

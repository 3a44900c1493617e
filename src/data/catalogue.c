/* catalogue.c - makes the catalogue of a training from its sessions; see catalogue.h. */
#include "catalogue.h"

/* Why a function of this file, or of the union, has returned false. */
static gru4rec_status status_of(const g4r_union *u, const g4r_stop_watch *watch)
{
    return u->status != GRU4REC_OK ? u->status
           : watch->is_over        ? GRU4REC_INTERRUPTED
                                   : GRU4REC_NOMEM;
}

/* ---- 5: items numbered ---- */

/*
 * Fills list with the numbers of the items in the dataset, in the order in which they
 * first appear, and support, which must be zero before, with how often each number
 * appears. Returns how many numbers there are.
 */
static size_t list_items(const gru4rec_dataset *dataset, uint32_t *list, int64_t *support,
                         g4r_stop_watch *watch)
{
    size_t n = 0;
    for (int64_t i = 0; i < dataset->n_events && !g4r_stop_watch_is_over(watch); i++) {
        const int32_t number = dataset->item_rows[i];
        if (support[number]++ == 0)
            list[n++] = (uint32_t)number;
    }
    return n;
}

/*
 * Appends the items of list (n), by their numbers, to the empty catalogue, which it
 * indexes at the end, so that ids can be found. Replaces the numbers in item_rows by
 * rows. rows (items of events) is scratch.
 */
static gru4rec_status number_items(const gru4rec_events *events, gru4rec_dataset *dataset,
                                   gru4rec_items *items, const uint32_t *list, size_t n,
                                   const int64_t *support, int32_t *rows,
                                   g4r_stop_watch *watch)
{
    for (size_t row = 0; row < n && !g4r_stop_watch_is_over(watch); row++) {
        gru4rec_id id;
        g4r_dict_get(&events->items, (int32_t)list[row], &id);
        if (gru4rec_items_append(items, &id, support[list[row]]) != GRU4REC_OK)
            return GRU4REC_NOMEM;
        rows[list[row]] = (int32_t)row;
    }
    for (int64_t i = 0; i < dataset->n_events && !g4r_stop_watch_is_over(watch); i++)
        dataset->item_rows[i] = rows[dataset->item_rows[i]];
    return watch->is_over
               ? GRU4REC_INTERRUPTED
               : gru4rec_items_index(items, watch->stop.is_asked, watch->stop.context);
}

/*
 * Makes the catalogue *out of the items of the dataset, and of the other parts of the
 * union, and replaces the numbers in dataset->item_rows by rows of *out, which the caller
 * frees, also after an error.
 */
static gru4rec_status make_items(const gru4rec_events *events, gru4rec_dataset *dataset,
                                 g4r_union *u, gru4rec_items **out, g4r_stop_watch *watch)
{
    const gru4rec_allocator *allocator = &events->allocator;
    size_t n_items = (size_t)events->items.n, n = 0;
    gru4rec_status status = gru4rec_items_new(allocator, out);
    int64_t *support = g4r_alloc(allocator, n_items, sizeof *support);
    uint32_t *list = g4r_alloc(allocator, n_items, sizeof *list);
    int32_t *rows = g4r_alloc(allocator, n_items, sizeof *rows);
    if (support == NULL || list == NULL || rows == NULL)
        status = GRU4REC_NOMEM;
    if (status == GRU4REC_OK) {
        n = list_items(dataset, list, support, watch);
        if (watch->is_over ||
            !g4r_union_items_order(u, events, dataset, list, &n, support, watch))
            status = status_of(u, watch);
    }
    if (status == GRU4REC_OK)
        status = number_items(events, dataset, *out, list, n, support, rows, watch);
    g4r_alloc_free(allocator, support);
    g4r_alloc_free(allocator, list);
    g4r_alloc_free(allocator, rows);
    return status;
}

/* ---- 6: sessions held out ---- */

/*
 * Copies the n_held sessions that stand behind the dataset's last session into a new
 * dataset, dataset->validation, with rows of the catalogue and without times and numbers.
 * Drops the events whose item is not in the catalogue, because training does not know
 * such items, and counts them in n_unknown of the new dataset. After an error,
 * dataset->validation is freed with the dataset.
 */
static gru4rec_status hold_out(const gru4rec_events *events, const gru4rec_items *items,
                               gru4rec_dataset *dataset, int64_t n_held,
                               g4r_stop_watch *watch)
{
    const int64_t *offsets = dataset->offsets + dataset->n_sessions;
    const gru4rec_allocator *allocator = &events->allocator;
    gru4rec_dataset *held = g4r_alloc(allocator, 1, sizeof *held);
    if (held == NULL)
        return GRU4REC_NOMEM;
    dataset->validation = held;
    held->allocator = *allocator;
    held->n_sessions = n_held;
    held->offsets = g4r_alloc(allocator, (size_t)n_held + 1, sizeof *held->offsets);
    held->item_rows = g4r_alloc(allocator, (size_t)(offsets[n_held] - offsets[0]),
                                sizeof *held->item_rows);
    if (held->offsets == NULL || held->item_rows == NULL)
        return GRU4REC_NOMEM;
    for (int64_t s = 0; s < n_held; s++) {
        for (int64_t i = offsets[s]; i < offsets[s + 1] && !g4r_stop_watch_is_over(watch);
             i++) {
            gru4rec_id id;
            g4r_dict_get(&events->items, dataset->item_rows[i], &id);
            int32_t row = gru4rec_items_find(items, &id);
            if (row >= 0)
                held->item_rows[held->n_events++] = row;
            else
                held->n_unknown++;
        }
        held->offsets[s + 1] = held->n_events;
    }
    return watch->is_over ? GRU4REC_INTERRUPTED : GRU4REC_OK;
}

/*
 * Takes the sessions that are at this place of the union, or behind it, off the dataset,
 * and returns their number. Sets dataset->held_out.
 */
static int64_t cut_off(const gru4rec_events *events, gru4rec_dataset *dataset,
                       g4r_union *u, int64_t border)
{
    int64_t n = dataset->n_sessions;
    while (n > 0 && (dataset->places != NULL ? dataset->places[n - 1] : n - 1) >= border)
        n--;
    const int64_t n_held = dataset->n_sessions - n;
    bool has_time = n_held > 0 && events->first != NULL;
    dataset->n_sessions = n;
    dataset->n_behind = n_held;
    dataset->n_events = dataset->offsets[n];
    if (has_time) /* the first of them has the least time */
        dataset->held_out = g4r_events_time(events, events->first[events->visit[n]]);
    g4r_union_least_time(u, &dataset->held_out, &has_time);
    return n_held;
}

/* ---- both ---- */

gru4rec_status g4r_catalogue_make(gru4rec_events *events, gru4rec_dataset *dataset,
                                  g4r_union *u, gru4rec_items **items,
                                  g4r_stop_watch *watch)
{
    const double share = events->preparation.validation;
    const int64_t border = u->n_sessions - (int64_t)(share * (double)u->n_sessions);
    const int64_t n_held = cut_off(events, dataset, u, border);
    g4r_events_free_columns(events);
    gru4rec_status status = make_items(events, dataset, u, items, watch);
    if (status != GRU4REC_OK || share == 0)
        return status;
    status = hold_out(events, *items, dataset, n_held, watch);
    if (status == GRU4REC_OK && dataset->places != NULL &&
        !g4r_union_sessions_collect(u, dataset->validation,
                                    dataset->places + dataset->n_sessions, border, watch))
        status = status_of(u, watch);
    return status;
}

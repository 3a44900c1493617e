/*
 * latest_unite.c - the latest sessions of several processes, for gru4rec_latest_new();
 * see gru4rec.h.
 *
 * Each rank gives its own latest sessions, until they have as many events as all of them
 * together may keep. A session that it does not give is older than these, so it cannot be
 * among the latest of all. It could only leave out a session of before that is still
 * older.
 */
#include "sort.h"
#include "union.h"

/* A session's age: a later one is greater, by its last time, then by its place. */
static int compare_ages(const void *context, uint32_t x, uint32_t y)
{
    const gru4rec_dataset *d = context;
    const double a = d->times[d->offsets[x + 1] - 1], b = d->times[d->offsets[y + 1] - 1];
    return a != b ? G4R_COMPARE(a, b) : G4R_COMPARE(x, y);
}

static int compare_numbers(const void *context, uint32_t x, uint32_t y)
{
    (void)context;
    return G4R_COMPARE(x, y);
}

/*
 * Moves the sessions of this rank that it gives to the end of list (n), in the order of
 * their places. Returns their number, or -1: there is not enough memory, or the caller
 * asks to stop (watch).
 */
static int64_t choose(const gru4rec_dataset *dataset, uint32_t *list, int64_t n_most,
                      g4r_stop_watch *watch)
{
    const size_t n = (size_t)dataset->n_sessions;
    const g4r_sort_rule by_age = {compare_ages, dataset}, by_place = {compare_numbers, 0};
    size_t from = n;
    for (size_t i = 0; i < n; i++)
        list[i] = (uint32_t)i;
    if (!g4r_sort(list, n, &by_age, &dataset->allocator, watch))
        return -1;
    for (int64_t n_events = 0; from > 0 && n_events < n_most; from--)
        n_events +=
            dataset->offsets[list[from - 1] + 1] - dataset->offsets[list[from - 1]];
    return g4r_sort(list + from, n - from, &by_place, &dataset->allocator, watch)
               ? (int64_t)(n - from)
               : -1;
}

/* What is exchanged: first the places and lengths of the sessions, then their events. */
typedef struct latest {
    const gru4rec_dataset *dataset;
    const uint32_t *list; /* the sessions that this rank gives */
    /* (n) of all ranks: place and length of each, and their order by place */
    int64_t *places, *lengths;
    uint32_t *order;
    size_t n, place_capacity, length_capacity, order_capacity;
    gru4rec_dataset *all;
} latest;

static bool put_length(g4r_union *u, int64_t i, void *context)
{
    const latest *l = context;
    const uint32_t s = l->list[i];
    const int64_t length = l->dataset->offsets[s + 1] - l->dataset->offsets[s];
    return g4r_union_put(u, &l->dataset->places[s], sizeof *l->dataset->places) &&
           g4r_union_put(u, &length, sizeof length);
}

static bool get_length(g4r_union *u, int32_t rank, g4r_union_reader *reader,
                       void *context)
{
    latest *l = context;
    (void)rank;
    if (!G4R_ALLOC_GROW(&u->allocator, l->places, l->place_capacity, l->n + 1) ||
        !G4R_ALLOC_GROW(&u->allocator, l->lengths, l->length_capacity, l->n + 1) ||
        !G4R_ALLOC_GROW(&u->allocator, l->order, l->order_capacity, l->n + 1))
        return false;
    g4r_union_get(reader, &l->places[l->n], sizeof *l->places);
    g4r_union_get(reader, &l->lengths[l->n], sizeof *l->lengths);
    l->order[l->n] = (uint32_t)l->n;
    l->n++;
    return true;
}

static int compare_places(const void *context, uint32_t x, uint32_t y)
{
    const latest *l = context;
    return G4R_COMPARE(l->places[x], l->places[y]);
}

static bool put_events(g4r_union *u, int64_t i, void *context)
{
    const latest *l = context;
    const gru4rec_dataset *d = l->dataset;
    const uint32_t s = l->list[i];
    const int64_t first = d->offsets[s];
    const size_t n = (size_t)(d->offsets[s + 1] - first);
    return g4r_union_put(u, &d->places[s], sizeof *d->places) &&
           g4r_union_put(u, d->item_rows + first, n * sizeof *d->item_rows) &&
           g4r_union_put(u, d->times + first, n * sizeof *d->times);
}

/* The session of all ranks at this place of the union. */
static size_t find(const latest *l, int64_t place)
{
    size_t low = 0, high = l->n;
    while (low + 1 < high) {
        const size_t middle = (low + high) / 2;
        if (l->places[l->order[middle]] <= place)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static bool get_events(g4r_union *u, int32_t rank, g4r_union_reader *reader,
                       void *context)
{
    const latest *l = context;
    gru4rec_dataset *all = l->all;
    int64_t place;
    (void)u;
    (void)rank;
    g4r_union_get(reader, &place, sizeof place);
    const size_t s = find(l, place);
    const int64_t first = all->offsets[s];
    const size_t n = (size_t)(all->offsets[s + 1] - first);
    g4r_union_get(reader, all->item_rows + first, n * sizeof *all->item_rows);
    g4r_union_get(reader, all->times + first, n * sizeof *all->times);
    return true;
}

/* Makes l->all, without its events yet. */
static bool lay_out(g4r_union *u, latest *l, g4r_stop_watch *watch)
{
    const g4r_sort_rule rule = {compare_places, l};
    int64_t n_events = 0;
    if (!g4r_sort(l->order, l->n, &rule, &u->allocator, watch))
        return g4r_union_fail(u, watch->is_over ? GRU4REC_INTERRUPTED : GRU4REC_NOMEM);
    for (size_t i = 0; i < l->n; i++)
        n_events += l->lengths[i];
    if (gru4rec_latest_room(&u->allocator, (int64_t)l->n, n_events, &l->all) !=
        GRU4REC_OK)
        return g4r_union_fail(u, GRU4REC_NOMEM);
    for (size_t i = 0; i < l->n; i++)
        l->all->offsets[i + 1] = l->all->offsets[i] + l->lengths[l->order[i]];
    return true;
}

/* Exchanges the sessions of list (n). */
static void exchange(g4r_union *u, latest *l, int64_t n, g4r_stop_watch *watch)
{
    const g4r_union_list lengths = {n, put_length, get_length, l};
    const g4r_union_list events = {n, put_events, get_events, l};
    if (g4r_union_pass(u, &lengths, watch) && lay_out(u, l, watch))
        g4r_union_pass(u, &events, watch);
    g4r_alloc_free(&u->allocator, l->places);
    g4r_alloc_free(&u->allocator, l->lengths);
    g4r_alloc_free(&u->allocator, l->order);
}

gru4rec_status gru4rec_latest_unite(const gru4rec_dataset *dataset, int64_t n_most,
                                    const gru4rec_ranks *ranks,
                                    bool (*is_stopped)(void *), void *context,
                                    gru4rec_dataset **recent, gru4rec_error *error)
{
    const gru4rec_allocator *allocator = &dataset->allocator;
    g4r_stop_watch watch = {.stop = {is_stopped, context}};
    g4r_union u;
    uint32_t *list = g4r_alloc(allocator, (size_t)dataset->n_sessions, sizeof *list);
    latest l = {.dataset = dataset};
    *recent = NULL;
    g4r_union_init(&u, ranks, allocator, error);
    const int64_t n = list != NULL ? choose(dataset, list, n_most, &watch) : -1;
    l.list = n >= 0 ? list + (dataset->n_sessions - n) : NULL;
    if (n < 0)
        g4r_union_fail(&u, watch.is_over ? GRU4REC_INTERRUPTED : GRU4REC_NOMEM);
    else
        exchange(&u, &l, n, &watch);
    const gru4rec_status status = u.status;
    g4r_union_free(&u);
    g4r_alloc_free(allocator, list);
    if (status == GRU4REC_OK)
        *recent = l.all;
    else
        gru4rec_dataset_free(l.all);
    return status;
}

/*
 * union_items.c - the items of all ranks: their numbers, and their order in the
 * catalogue; see union.h.
 */
#include "union.h"

#include "sort.h"

/* ---- numbers ---- */

/* What the list of ids works on. */
typedef struct numbering {
    const g4r_dict *own; /* the items of this rank */
    g4r_dict all;        /* those of all ranks */
    int32_t *numbers;    /* (own->n) the number in all of each of own */
    int32_t n;           /* numbers that are known */
} numbering;

static bool put_item(g4r_union *u, int64_t i, void *context)
{
    const numbering *n = context;
    gru4rec_id id;
    g4r_dict_get(n->own, (int32_t)i, &id);
    return g4r_union_put_id(u, &id);
}

static bool get_item(g4r_union *u, int32_t rank, g4r_union_reader *reader, void *context)
{
    numbering *n = context;
    gru4rec_id id;
    g4r_union_get_id(reader, &id);
    const int32_t number = g4r_dict_add(&n->all, &id);
    if (rank == u->ranks->rank && number >= 0)
        n->numbers[n->n++] = number;
    return number >= 0;
}

bool g4r_union_items_number(g4r_union *u, gru4rec_events *events,
                            gru4rec_dataset *dataset, g4r_stop_watch *watch)
{
    if (u->ranks == NULL)
        return true;
    const gru4rec_allocator *allocator = &u->allocator;
    numbering n = {.own = &events->items};
    const g4r_union_list list = {events->items.n, put_item, get_item, &n};
    g4r_dict_init(&n.all, allocator);
    n.numbers = g4r_alloc(allocator, (size_t)events->items.n, sizeof *n.numbers);
    bool is_ok = n.numbers != NULL || g4r_union_fail(u, GRU4REC_NOMEM);
    is_ok = is_ok && g4r_union_pass(u, &list, watch);
    for (int64_t i = 0; is_ok && i < dataset->n_events; i++)
        dataset->item_rows[i] = n.numbers[dataset->item_rows[i]];
    g4r_alloc_free(allocator, n.numbers);
    if (!is_ok) {
        g4r_dict_free(&n.all);
        return false;
    }
    g4r_dict_free(&events->items);
    events->items = n.all;
    return true;
}

/* ---- the order of the catalogue ---- */

/*
 * Sets first (items), which must be INT64_MAX before, to the number of events that come
 * before the first event of each item in the union, as far as this rank knows.
 */
static bool find_first(const g4r_union *u, const gru4rec_dataset *dataset, int64_t *first,
                       g4r_stop_watch *watch)
{
    for (int64_t s = 0; s < dataset->n_sessions; s++)
        for (int64_t i = dataset->offsets[s]; i < dataset->offsets[s + 1]; i++) {
            int64_t *item = &first[dataset->item_rows[i]];
            *item = G4R_MIN(*item, u->starts[s] + i - dataset->offsets[s]);
            if (g4r_stop_watch_is_over(watch))
                return false;
        }
    return true;
}

static int compare_first(const void *context, uint32_t x, uint32_t y)
{
    const int64_t *first = context;
    return G4R_COMPARE(first[x], first[y]);
}

bool g4r_union_items_order(g4r_union *u, const gru4rec_events *events,
                           const gru4rec_dataset *dataset, uint32_t *list, size_t *n_list,
                           int64_t *support, g4r_stop_watch *watch)
{
    if (u->ranks == NULL)
        return true;
    const size_t n_items = (size_t)events->items.n;
    int64_t *first = g4r_alloc(&u->allocator, n_items, sizeof *first);
    const g4r_sort_rule rule = {compare_first, first};
    if (first == NULL)
        return g4r_union_fail(u, GRU4REC_NOMEM);
    for (size_t i = 0; i < n_items; i++)
        first[i] = INT64_MAX;
    bool is_ok = find_first(u, dataset, first, watch) &&
                 g4r_union_sum(u, support, n_items) && g4r_union_least(u, first, n_items);
    *n_list = 0;
    for (size_t i = 0; is_ok && i < n_items; i++)
        if (first[i] < INT64_MAX)
            list[(*n_list)++] = (uint32_t)i;
    is_ok = is_ok &&
            (g4r_sort(list, *n_list, &rule, &u->allocator, watch) ||
             g4r_union_fail(u, watch->is_over ? GRU4REC_INTERRUPTED : GRU4REC_NOMEM));
    g4r_alloc_free(&u->allocator, first);
    return is_ok;
}

/* events.c - collects events in columns; see gru4rec.h and events.h. */
#include "events.h"

#include "../base/fail.h"

/* The most bytes that one event takes in the columns, for messages. */
enum {
    EVENT_BYTES = 2 * sizeof(int32_t) + sizeof(g4r_events_stamp) + sizeof(int64_t) + 2 +
                  sizeof(uint32_t)
};

gru4rec_status gru4rec_events_new(const gru4rec_allocator *allocator,
                                  const gru4rec_items *known, gru4rec_events **out)
{
    if (allocator == NULL)
        allocator = &g4r_alloc_libc;
    *out = g4r_alloc(allocator, 1, sizeof **out);
    if (*out == NULL)
        return GRU4REC_NOMEM;
    (*out)->allocator = *allocator;
    (*out)->known = known;
    g4r_dict_init(&(*out)->sessions, allocator);
    g4r_dict_init(&(*out)->items, allocator);
    return GRU4REC_OK;
}

void g4r_events_free_columns(gru4rec_events *events)
{
    const gru4rec_allocator *allocator = &events->allocator;
    G4R_ALLOC_CLEAR(allocator, events->session);
    G4R_ALLOC_CLEAR(allocator, events->item);
    G4R_ALLOC_CLEAR(allocator, events->time);
    G4R_ALLOC_CLEAR(allocator, events->time_types);
    G4R_ALLOC_CLEAR(allocator, events->is_old);
    G4R_ALLOC_CLEAR(allocator, events->order);
    G4R_ALLOC_CLEAR(allocator, events->wide_order);
    G4R_ALLOC_CLEAR(allocator, events->number);
}

void gru4rec_events_free(gru4rec_events *events)
{
    if (events == NULL)
        return;
    gru4rec_allocator allocator = events->allocator;
    g4r_events_free_columns(events);
    g4r_alloc_free(&allocator, events->prints);
    g4r_alloc_free(&allocator, events->visit);
    g4r_alloc_free(&allocator, events->first);
    g4r_alloc_free(&allocator, events->owner);
    g4r_alloc_free(&allocator, events->rows);
    g4r_dict_free(&events->sessions);
    g4r_dict_free(&events->items);
    g4r_alloc_free(&allocator, events);
}

/*
 * Moves the column order to wide_order, for an order that does not fit 32 bits. Returns
 * false if there is not enough memory.
 */
static bool widen_order(gru4rec_events *events)
{
    int64_t *wide = g4r_alloc(&events->allocator, events->order_capacity, sizeof *wide);
    if (wide == NULL)
        return false;
    for (size_t i = 0; i < events->n; i++)
        wide[i] = events->order[i];
    G4R_ALLOC_CLEAR(&events->allocator, events->order);
    events->wide_order = wide;
    return true;
}

/* Makes room for one more event in the columns that all events have. */
static bool make_room(gru4rec_events *events)
{
    const gru4rec_allocator *allocator = &events->allocator;
    size_t n = events->n + 1;
    bool has_order =
        events->wide_order != NULL
            ? G4R_ALLOC_GROW(allocator, events->wide_order, events->order_capacity, n)
            : G4R_ALLOC_GROW(allocator, events->order, events->order_capacity, n);
    bool has_number =
        !events->preparation.keeps_numbers ||
        G4R_ALLOC_GROW(allocator, events->number, events->number_capacity, n);
    return has_order && has_number &&
           G4R_ALLOC_GROW(allocator, events->session, events->session_capacity, n) &&
           G4R_ALLOC_GROW(allocator, events->item, events->item_capacity, n) &&
           G4R_ALLOC_GROW(allocator, events->time, events->time_capacity, n);
}

/*
 * Allocates the column time_types and fills it with time_type, for a time of another
 * type. Returns false if there is not enough memory.
 */
static bool split_types(gru4rec_events *events)
{
    events->types_capacity = events->time_capacity;
    events->time_types = g4r_alloc(&events->allocator, events->types_capacity, 1);
    if (events->time_types == NULL)
        return false;
    memset(events->time_types, (int)events->time_type, events->n);
    return true;
}

/* Makes room for the type of one more time, if the column time_types is needed. */
static bool make_room_for_type(gru4rec_events *events, gru4rec_time_type type)
{
    if (events->n == 0)
        events->time_type = type;
    if (events->time_types == NULL)
        return type == events->time_type || split_types(events);
    return G4R_ALLOC_GROW(&events->allocator, events->time_types, events->types_capacity,
                          events->n + 1);
}

/*
 * Makes room for one more event in the column is_old. The first old event allocates the
 * column; before that event there is no column.
 */
static bool make_room_for_age(gru4rec_events *events, bool is_old)
{
    if (events->is_old == NULL && !is_old)
        return true;
    if (events->is_old != NULL)
        return G4R_ALLOC_GROW(&events->allocator, events->is_old, events->old_capacity,
                              events->n + 1);
    events->old_capacity = events->time_capacity;
    events->is_old = g4r_alloc(&events->allocator, events->old_capacity, 1);
    return events->is_old != NULL;
}

static void set_time(gru4rec_events *events, const gru4rec_time *time)
{
    if (time->type == GRU4REC_TIME_REAL)
        events->time[events->n].real = time->real;
    else
        events->time[events->n].integer = time->integer;
    if (events->time_types != NULL)
        events->time_types[events->n] = (uint8_t)time->type;
}

/*
 * Adds the item if it is new, and returns its number, or -1 if there is not enough
 * memory. row: the item's row in the catalogue, which is kept in rows if there is a
 * catalogue.
 */
static int32_t add_item(gru4rec_events *events, const gru4rec_id *item, int32_t row)
{
    const bool has_catalogue = g4r_events_has_catalogue(events);
    if (has_catalogue &&
        !G4R_ALLOC_GROW(&events->allocator, events->rows, events->rows_capacity,
                        (size_t)events->items.n + 1))
        return -1;
    const int32_t number = g4r_dict_add(&events->items, item);
    if (number >= 0 && has_catalogue)
        events->rows[number] = row;
    return number;
}

/*
 * Returns the number of the event that is added next. If numbers are kept, it also counts
 * the events that were dropped; else it is the number of events in the columns.
 */
static uint64_t next_number(const gru4rec_events *events)
{
    const int64_t n_dropped = events->n_unknown + events->n_old;
    return events->n + (uint64_t)(events->preparation.keeps_numbers ? n_dropped : 0);
}

static gru4rec_status add_event(gru4rec_events *events, const gru4rec_id *session,
                                const gru4rec_id *item, const gru4rec_time *time,
                                int64_t order, bool is_old, gru4rec_error *error)
{
    if (next_number(events) >= UINT32_MAX)
        return g4r_fail(error, GRU4REC_INVALID,
                        "more than %lu events; "
                        "train on a part of them, such as the last months",
                        (unsigned long)UINT32_MAX);
    const int32_t row =
        g4r_events_has_catalogue(events) ? gru4rec_items_find(events->known, item) : 0;
    if (row < 0) {
        events->n_unknown++;
        return GRU4REC_OK;
    }
    const int32_t item_number = add_item(events, item, row);
    /* The session is added last, so that no failure leaves a session without events. */
    bool is_wide = order < 0 || order > UINT32_MAX;
    bool has_room = item_number >= 0 && make_room(events) &&
                    make_room_for_type(events, time->type) &&
                    make_room_for_age(events, is_old) &&
                    (!is_wide || events->wide_order != NULL || widen_order(events));
    int32_t session_number = has_room ? g4r_dict_add(&events->sessions, session) : -1;
    if (session_number < 0)
        return g4r_fail_nomem(error, (events->n + 1) * EVENT_BYTES);

    events->item[events->n] = item_number;
    events->session[events->n] = session_number;
    if (events->wide_order != NULL)
        events->wide_order[events->n] = order;
    else
        events->order[events->n] = (uint32_t)order;
    if (events->preparation.keeps_numbers)
        events->number[events->n] = (uint32_t)next_number(events);
    set_time(events, time);
    if (events->is_old != NULL)
        events->is_old[events->n] = is_old;
    events->n++;
    return GRU4REC_OK;
}

gru4rec_status gru4rec_events_add(gru4rec_events *events, const gru4rec_id *session,
                                  const gru4rec_id *item, const gru4rec_time *time,
                                  int64_t order, gru4rec_error *error)
{
    return add_event(events, session, item, time, order, false, error);
}

gru4rec_status gru4rec_events_expect(gru4rec_events *events, const gru4rec_id *session,
                                     gru4rec_error *error)
{
    if (g4r_dict_add(&events->sessions, session) < 0)
        return g4r_fail_nomem(error, (size_t)events->sessions.n * sizeof(int64_t));
    events->has_expected = true;
    return GRU4REC_OK;
}

gru4rec_status gru4rec_events_add_old(gru4rec_events *events, const gru4rec_id *session,
                                      const gru4rec_id *item, const gru4rec_time *time,
                                      int64_t order, gru4rec_error *error)
{
    if (g4r_dict_find(&events->sessions, session) >= 0)
        return add_event(events, session, item, time, order, true, error);
    events->n_old++;
    return GRU4REC_OK;
}

void gru4rec_events_prepare(gru4rec_events *events,
                            const gru4rec_preparation *preparation)
{
    assert(next_number(events) == 0 ||
           preparation->keeps_numbers == events->preparation.keeps_numbers);
    events->preparation = *preparation;
}

void gru4rec_events_session(const gru4rec_events *events, int64_t place, gru4rec_id *id)
{
    g4r_dict_get(&events->sessions, g4r_events_owner(events, events->visit[place]), id);
}

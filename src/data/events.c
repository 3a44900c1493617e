/* events.c - collects events in columns; see gru4rec.h and events.h. */
#include "events.h"

#include "../base/fail.h"

/* The most bytes that one event takes in the columns; the message of NOMEM uses it. */
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
    g4r_alloc_free(&allocator, events->place);
    g4r_alloc_free(&allocator, events->first);
    g4r_alloc_free(&allocator, events->owner);
    g4r_alloc_free(&allocator, events->rows);
    g4r_dict_free(&events->sessions);
    g4r_dict_free(&events->items);
    g4r_alloc_free(&allocator, events);
}

/*
 * Replaces the column order, of 32 bits, by wide_order, of 64 bits, with the same values,
 * and frees order. Its caller does this before it stores the first order that does not
 * fit in 32 bits. Returns false, and changes nothing, if there is not enough memory.
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

/*
 * Makes room for one more event in the columns session, item, time, order (or
 * wide_order), and, if numbers are kept, number. Returns false if there is not enough
 * memory.
 */
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
 * Allocates the column time_types, and fills it with time_type for the events that are
 * there. Its caller does this before it stores the first time of another type. Returns
 * false if there is not enough memory.
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

/*
 * Prepares the columns for the type of the next event's time. If that event is the first,
 * sets time_type to its type. If it is the first of another type, allocates the column
 * time_types. If that column exists, makes room in it for one more event. Returns false
 * if there is not enough memory.
 */
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
 * Makes room in the column is_old for one more event. The column is allocated for the
 * first old event, with zeros for the events before it; until then, does nothing and
 * returns true. Returns false if there is not enough memory.
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

/* Writes the time of the next event, and its type if there is a column time_types. */
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
 * Adds the item to events->items if it is new, and returns its number there. If there is
 * a known catalogue, stores row, the item's row in it, in events->rows; otherwise row is
 * not used. Returns -1 if there is not enough memory, or if g4r_dict_add() fails.
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
 * Returns the number of the event that is added next, from 0. If numbers are kept, this
 * is the number of events that were added or dropped so far; else only the number of
 * events that were added.
 */
static uint64_t next_number(const gru4rec_events *events)
{
    const int64_t n_dropped = events->n_unknown + events->n_old;
    return events->n + (uint64_t)(events->preparation.keeps_numbers ? n_dropped : 0);
}

/*
 * Adds an event to the columns, as an old or a new one, and its session and its item to
 * the dictionaries if they are new. If there is a known catalogue that does not have the
 * item, only counts the event in n_unknown, and returns OK. If it fails, the event is not
 * added, and *error gets a message:
 *   INVALID  there are 2^32 - 1 events already;
 *   NOMEM    there is not enough memory; the item may be in events->items already.
 */
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

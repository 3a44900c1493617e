/*
 * events.h - events as they are collected, in the order in which they came. There is a
 * column for each part of an event. gru4rec_dataset_new() sorts them.
 *
 * An event takes 20 bytes:
 *   24 if an order does not fit in 32 bits;
 *   1 more if times have several types, 1 more if some events are old;
 *   4 more if numbers are kept.
 */
#ifndef G4R_EVENTS_H
#define G4R_EVENTS_H

#include "dict.h"

/*
 * The time of an event without its type, which stands in time_types or time_type of the
 * events. If the type is REAL, the time is in real; else it is in integer.
 */
typedef union g4r_events_stamp {
    int64_t integer;
    double real;
} g4r_events_stamp;

/*
 * The fingerprints of a session, or of a piece that was cut from one, and its length.
 * Stage 3 of gru4rec_dataset_new() makes them (prints.c).
 */
typedef struct g4r_events_prints {
    /*
     * The fingerprints, by gru4rec_fingerprints_kind; 0: the session is too short to have
     * one of that kind.
     */
    uint64_t kinds[GRU4REC_FINGERPRINTS_KINDS];
    int32_t length; /* number of events; INT32_MAX: so many or more */
} g4r_events_prints;

/*
 * Collected events; n is their number. gru4rec_dataset_new() works in stages, which
 * dataset.c lists. A field that is marked with a stage is set by that stage.
 */
struct gru4rec_events {
    gru4rec_allocator allocator;
    /*
     * Catalogue of a model; NULL: all items are taken. Borrowed until
     * gru4rec_dataset_new() has made the dataset.
     */
    const gru4rec_items *known;
    g4r_dict sessions;
    /*
     * The items' ids as the events write them; they break ties. Two ids that mean one
     * item of known, such as 5 and '5', have two numbers here.
     */
    g4r_dict items;
    int32_t *rows; /* (items.n) row in known, by number in items; NULL: known is NULL */
    size_t n;

    int32_t *session;            /* (n) number of its session; stages 1 and 2 change it */
    int32_t *item;               /* (n) number of its item in items */
    g4r_events_stamp *time;      /* (n) time of each event, without its type */
    uint8_t *time_types;         /* (n) gru4rec_time_type; NULL: all are of time_type */
    gru4rec_time_type time_type; /* type of the first event's time */
    /*
     * (n) The numbers that break ties in time. They are in wide_order if one of them does
     * not fit 32 bits, else in order. If both are NULL, the index of the event breaks
     * ties.
     */
    uint32_t *order;
    int64_t *wide_order;
    /*
     * (n) 1: gru4rec_events_add_old() added the event; 0: gru4rec_events_add() did. NULL:
     * no event is old. Stage 1 frees it if old sessions are dropped (recent.h).
     */
    uint8_t *is_old;
    uint32_t *number; /* (n) how many add calls came before it; NULL: not kept */

    /*
     * gru4rec_events_expect() was called: stage 1 drops the sessions without a new event.
     */
    bool has_expected;
    /*
     * n_unknown: events that were not added because their item is not in known. n_old:
     * old events that were dropped: at once, because their session was neither expected
     * nor had an event; or by stage 1, because their session has no new event.
     */
    int64_t n_unknown, n_old;
    gru4rec_preparation preparation;

    /*
     * Stage 1: number of sessions (parts between pauses, if there is a session_gap) that
     * were cut into pieces because they were longer than max_length.
     */
    int64_t n_cut;
    int32_t n_sessions; /* stage 1: number of sessions, after they were cut */
    /*
     * Stage 1: (n_sessions) for each session, the number in sessions of the session from
     * which it was cut. NULL: no session was cut or dropped, so both numbers are the
     * same.
     */
    int32_t *owner;
    /*
     * Stage 2: (n_sessions) for each session, by its number: the index of an event with
     * the session's least time. NULL: no sessions are to be held out (validation is 0),
     * or they are not visited by time.
     */
    uint32_t *first;
    /*
     * Stage 2: (n_sessions) number of the session at each place in visiting order. Stage
     * 4 removes the sessions that it drops.
     */
    int32_t *visit;
    /*
     * Stage 4, if several processes unite their events: (sessions of the dataset) the
     * place of each among the sessions of all of them. NULL: this is the only process.
     */
    int64_t *place;

    /*
     * gru4rec_fingerprints_start() was called: stage 3 makes fingerprints of the sessions
     * with fingerprints_key (prints.h).
     */
    bool has_key;
    gru4rec_fingerprints_key fingerprints_key;
    /*
     * Stage 3: (n_sessions) for each session, by its number: its fingerprints and its
     * length. NULL: has_key is false, or stage 3 has not come yet.
     */
    g4r_events_prints *prints;

    size_t session_capacity, item_capacity, time_capacity, types_capacity;
    size_t order_capacity, rows_capacity, old_capacity, number_capacity;
};

/*
 * Tells whether there is a known catalogue (of a model), to which the items are mapped.
 * Events of items that it does not have are dropped. Without one (a training), events of
 * all items are added.
 */
static inline bool g4r_events_has_catalogue(const gru4rec_events *events)
{
    return events->known != NULL;
}

/*
 * Returns the number in events->sessions of the session with this number; if it is a part
 * that was cut from a session, the number of the whole session.
 */
static inline int32_t g4r_events_owner(const gru4rec_events *events, int32_t session)
{
    return events->owner != NULL ? events->owner[session] : session;
}

/* Returns the time of event i with its type. */
static inline gru4rec_time g4r_events_time(const gru4rec_events *events, uint32_t i)
{
    gru4rec_time time = {.type = events->time_type};
    if (events->time_types != NULL)
        time.type = events->time_types[i];
    if (time.type == GRU4REC_TIME_REAL)
        time.real = events->time[i].real;
    else
        time.integer = events->time[i].integer;
    return time;
}

/*
 * Compares the times of the events x and y exactly. Returns a negative number if x is
 * earlier, 0 if they are equal, else a positive number.
 */
static inline int g4r_events_compare_times(const gru4rec_events *events, uint32_t x,
                                           uint32_t y)
{
    if (events->time_types == NULL && events->time_type != GRU4REC_TIME_REAL)
        return G4R_COMPARE(events->time[x].integer, events->time[y].integer);
    const gru4rec_time a = g4r_events_time(events, x), b = g4r_events_time(events, y);
    return gru4rec_time_compare(&a, &b);
}

/*
 * Returns the time of event i as a double: a date in seconds since 1970, a number as it
 * is.
 */
static inline double g4r_events_seconds(const gru4rec_events *events, uint32_t i)
{
    const gru4rec_time time = g4r_events_time(events, i);
    return gru4rec_time_real(&time);
}

/*
 * Frees the columns, which are the arrays from session to number, and sets them to NULL.
 * All other fields stay, n and the fields of the stages too.
 */
void g4r_events_free_columns(gru4rec_events *events);

/* ---- time.c ---- */

/*
 * Splits a date in nanoseconds: returns its whole seconds, rounded down, and sets *nano
 * to the nanoseconds that are left, 0 ... 10^9 - 1, also if the date is negative.
 */
int64_t g4r_time_split(int64_t date, int64_t *nano);

#endif

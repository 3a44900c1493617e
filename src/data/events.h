/*
 * events.h - events as they are collected, in the order in which they came. There is a
 * column for each part of an event. gru4rec_dataset_new() sorts them.
 *
 * An event takes 20 bytes:
 *   24 if an order does not fit 32 bits;
 *   1 more if times have several types, 1 more if some events are old;
 *   4 more if numbers are kept.
 */
#ifndef G4R_EVENTS_H
#define G4R_EVENTS_H

#include "dict.h"

/* The time of an event without its type, which the events keep apart. */
typedef union g4r_events_stamp {
    int64_t integer;
    double real;
} g4r_events_stamp;

/* The fingerprints of a session or of a piece of it; 0: it has none of that kind. */
typedef struct g4r_events_prints {
    uint64_t kinds[GRU4REC_FINGERPRINTS_KINDS]; /* by gru4rec_fingerprints_kind */
    int32_t length; /* number of events; INT32_MAX stands for more too */
} g4r_events_prints;

/*
 * Collected events. A field that is marked with a stage is changed by that stage of
 * gru4rec_dataset_new(), see dataset.c. n is the number of events.
 */
struct gru4rec_events {
    gru4rec_allocator allocator;
    const gru4rec_items *known; /* catalogue to map the items to, or NULL; borrowed */
    g4r_dict sessions;
    g4r_dict items; /* the items' ids as the events write them; they break ties */
    int32_t *rows;  /* (items.n) row in known by number in items; NULL: known is NULL */
    size_t n;

    int32_t *session; /* (n) number in sessions; stages 1 and 2 give other numbers */
    int32_t *item;    /* (n) number in items */
    g4r_events_stamp *time;      /* (n) time of each event */
    uint8_t *time_types;         /* (n) gru4rec_time_type; NULL: all are time_type */
    gru4rec_time_type time_type; /* type of the first time */
    /*
     * (n) The numbers that break ties in time. They are in wide_order if one of them does
     * not fit 32 bits, else in order. If both are NULL, the index of the event breaks
     * ties.
     */
    uint32_t *order;
    int64_t *wide_order;
    uint8_t *is_old;  /* (n) 1: added by gru4rec_events_add_old(); NULL: none is */
    uint32_t *number; /* (n) number of the call that added the event; NULL: not kept */

    bool has_expected; /* gru4rec_events_expect() was called */
    /*
     * n_unknown: events dropped because their item is not in known. n_old: old events
     * dropped because their session has no new event.
     */
    int64_t n_unknown, n_old;
    gru4rec_preparation preparation;

    int64_t n_cut; /* stage 1: sessions cut because they were longer than max_length */
    int32_t n_sessions; /* stage 1: sessions; each part of a cut session is one */
    int32_t *owner; /* stage 1: (n_sessions) number in sessions; NULL: the same number */
    /*
     * Stage 2: (n_sessions) an event with the session's least time. It is kept only if
     * sessions are held out.
     */
    uint32_t *first;
    int32_t *visit; /* stage 2: (n_sessions) session at each place in visiting order */

    bool has_key; /* sessions get fingerprints by fingerprints_key (prints.h) */
    gru4rec_fingerprints_key fingerprints_key;
    /*
     * Stage 3: (n_sessions) for each session, by its number: its fingerprints and its
     * length. NULL: has_key is false.
     */
    g4r_events_prints *prints;

    size_t session_capacity, item_capacity, time_capacity, types_capacity;
    size_t order_capacity, rows_capacity, old_capacity, number_capacity;
};

/*
 * Tells whether the items are mapped to the catalogue of a model. If not (training),
 * events of all items are taken.
 */
static inline bool g4r_events_has_catalogue(const gru4rec_events *events)
{
    return events->known != NULL;
}

/*
 * Returns the number in events->sessions of a session; if the session is a part that was
 * cut from another one, the number of that one.
 */
static inline int32_t g4r_events_owner(const gru4rec_events *events, int32_t session)
{
    return events->owner != NULL ? events->owner[session] : session;
}

/* Returns the time of event i. */
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
 * Compares the times of the events x and y: negative if x is earlier, 0 if they are
 * equal, else positive.
 */
static inline int g4r_events_compare_times(const gru4rec_events *events, uint32_t x,
                                           uint32_t y)
{
    if (events->time_types == NULL && events->time_type != GRU4REC_TIME_REAL)
        return G4R_COMPARE(events->time[x].integer, events->time[y].integer);
    const gru4rec_time a = g4r_events_time(events, x), b = g4r_events_time(events, y);
    return gru4rec_time_compare(&a, &b);
}

/* Returns the time of event i as a real: a date in seconds, a number as it is. */
static inline double g4r_events_seconds(const gru4rec_events *events, uint32_t i)
{
    const gru4rec_time time = g4r_events_time(events, i);
    return gru4rec_time_real(&time);
}

/*
 * Frees the columns, which are the arrays from session to number, and sets them to NULL.
 * The rest of events stays.
 */
void g4r_events_free_columns(gru4rec_events *events);

/* ---- time.c ---- */

/* Returns the whole seconds of a date, rounded down, and sets *nano to the rest. */
int64_t g4r_time_split(int64_t date, int64_t *nano);

#endif

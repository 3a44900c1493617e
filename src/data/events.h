/*
 * events.h - events as they are collected: a column for each of their parts, in the order
 * in which they came.
 *
 * 20 bytes an event, 24 where an order takes more than 32 bits, and one more where times
 * are of several types or some are old, 4 more where numbers are kept. gru4rec_dataset_new() sorts them.
 */
#ifndef G4R_EVENTS_H
#define G4R_EVENTS_H

#include "dict.h"

typedef union g4r_events_stamp {
    int64_t integer;
    double real;
} g4r_events_stamp;

struct gru4rec_events {
    gru4rec_allocator allocator;
    const gru4rec_items *known; /* the catalogue, or NULL */
    g4r_dict sessions;
    g4r_dict items; /* as the events name them, which is what breaks ties */
    int32_t *rows;  /* (items.n) row of known by number in items; NULL: none is known */
    size_t n;
    int32_t *session; /* (n) number in sessions; see dataset.c for what comes after */
    int32_t *item;    /* (n) number in items */
    g4r_events_stamp *time; /* (n) */
    uint8_t *time_types;    /* (n) gru4rec_time_type; NULL: all are time_type */
    gru4rec_time_type time_type;
    uint32_t *order;     /* (n), or NULL: in wide_order, or as the events came */
    int64_t *wide_order; /* (n), once one does not fit the other */
    uint8_t *is_old;     /* (n), or NULL: none is */
    uint32_t *number;    /* (n) of the call that added it; NULL: not kept */
    bool has_expected;   /* sessions were named that are to have a new event */
    int64_t n_unknown, n_old;
    gru4rec_preparation preparation;
    int64_t n_cut;      /* sessions cut because they were long */
    int32_t n_sessions; /* once cut: of parts; owner tells whose */
    int32_t *owner;     /* (n_sessions) number in sessions; NULL: its own */
    uint32_t
        *first;     /* (n_sessions) once visited, where some are held out: of each session
                        an event that none comes before */
    int32_t *visit; /* (n_sessions) once finished: number by place in visiting order */
    bool has_key;   /* sessions get fingerprints (fingerprints.h), by this key */
    gru4rec_fingerprints_key fingerprints_key;
    uint64_t
        *prints; /* (2 n_sessions) of the events and the items of each, once ordered */
    size_t session_capacity, item_capacity, time_capacity, types_capacity;
    size_t order_capacity, rows_capacity, old_capacity, number_capacity;
};

/* Are the items those of a catalogue? Else, in training, all are taken and numbered. */
static inline bool g4r_events_has_catalogue(const gru4rec_events *events)
{
    return events->known != NULL;
}

/* The number in sessions of a session, or of the one that it was cut from. */
static inline int32_t g4r_events_owner(const gru4rec_events *events, int32_t session)
{
    return events->owner != NULL ? events->owner[session] : session;
}

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

static inline int g4r_events_compare_times(const gru4rec_events *events, uint32_t x,
                                           uint32_t y)
{
    if (events->time_types == NULL && events->time_type != GRU4REC_TIME_REAL)
        return G4R_COMPARE(events->time[x].integer, events->time[y].integer);
    const gru4rec_time a = g4r_events_time(events, x), b = g4r_events_time(events, y);
    return gru4rec_time_compare(&a, &b);
}

/* The time in its unit, or in seconds, for differences. */
static inline double g4r_events_seconds(const gru4rec_events *events, uint32_t i)
{
    const gru4rec_time time = g4r_events_time(events, i);
    return gru4rec_time_real(&time);
}

/* Gives back what the columns take, once a dataset has been made of them. */
void g4r_events_free_columns(gru4rec_events *events);

#endif

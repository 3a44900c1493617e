/*
 * events.h - events as they are collected: a column for each of their parts, in the order
 * in which they came.
 *
 * 20 bytes an event, or 24 where an order takes more than 32 bits. gru4rec_dataset_new()
 * sorts them.
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
    g4r_events_stamp *time; /* (n) all integer, or all real */
    uint32_t *order;        /* (n), or NULL: in wide_order, or as the events came */
    int64_t *wide_order;    /* (n), once one does not fit the other */
    bool is_real_time;
    int64_t n_unknown;
    gru4rec_preparation preparation;
    int32_t n_sessions; /* once cut at pauses: of parts; owner tells whose */
    int32_t *owner;     /* (n_sessions) number in sessions; NULL: its own */
    int32_t *visit; /* (n_sessions) once finished: number by place in visiting order */
    size_t session_capacity, item_capacity, time_capacity, order_capacity;
    size_t rows_capacity;
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

/* Gives back what the columns take, once a dataset has been made of them. */
void g4r_events_free_columns(gru4rec_events *events);

#endif

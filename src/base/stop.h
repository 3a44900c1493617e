/*
 * stop.h - how long work asks whether it is to stop.
 *
 * Once the answer is yes the work is left where it is, and what it computed is worth
 * nothing.
 */
#ifndef G4R_STOP_H
#define G4R_STOP_H

#include "base.h"

typedef struct g4r_stop {
    bool (*is_asked)(void *context); /* NULL: never */
    void *context;
} g4r_stop;

static inline bool g4r_stop_is_asked(const g4r_stop *stop)
{
    return stop->is_asked != NULL && stop->is_asked(stop->context);
}

/* The same for loops of many short rounds, of which one in 4096 asks. */
typedef struct g4r_stop_watch {
    g4r_stop stop;
    size_t rounds;
    bool is_over; /* it said yes, and is not asked again */
} g4r_stop_watch;

/* Once a round. */
static inline bool g4r_stop_watch_is_over(g4r_stop_watch *watch)
{
    if (watch->rounds++ % 4096 == 0 && !watch->is_over)
        watch->is_over = g4r_stop_is_asked(&watch->stop);
    return watch->is_over;
}

#endif

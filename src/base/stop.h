/*
 * stop.h - how long-running work asks its caller whether it should stop.
 *
 * Once the answer is yes, the work ends at once, and its results must not be used.
 */
#ifndef G4R_STOP_H
#define G4R_STOP_H

#include "base.h"

typedef struct g4r_stop {
    bool (*is_asked)(void *context); /* NULL: the work never stops */
    void *context;
} g4r_stop;

/* Asks the caller. Returns true if the work should stop. */
static inline bool g4r_stop_is_asked(const g4r_stop *stop)
{
    return stop->is_asked != NULL && stop->is_asked(stop->context);
}

/* A stop for loops of many short rounds: only one round in 4096 asks the caller. */
typedef struct g4r_stop_watch {
    g4r_stop stop;
    size_t rounds;
    bool is_over; /* the answer was yes; the caller is not asked again */
} g4r_stop_watch;

/* Returns true if the work should stop. Call it once in each round. */
static inline bool g4r_stop_watch_is_over(g4r_stop_watch *watch)
{
    if (watch->rounds++ % 4096 == 0 && !watch->is_over)
        watch->is_over = g4r_stop_is_asked(&watch->stop);
    return watch->is_over;
}

#endif

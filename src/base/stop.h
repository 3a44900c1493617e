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

#endif

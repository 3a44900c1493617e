/*
 * stop.h - how long-running work asks its caller whether it should stop.
 *
 * Once the answer is yes, the work ends at once, and its results must not be used.
 */
#ifndef G4R_STOP_H
#define G4R_STOP_H

#include "base.h"

/* The function of the caller that says whether to stop, and its argument. */
typedef struct g4r_stop {
    bool (*is_asked)(void *context); /* NULL: the work never stops */
    void *context;
} g4r_stop;

/*
 * Asks the caller whether the work should stop, and returns the answer; false if there is
 * no function to ask. Asks again at each call, also after a yes.
 */
static inline bool g4r_stop_is_asked(const g4r_stop *stop)
{
    return stop->is_asked != NULL && stop->is_asked(stop->context);
}

/*
 * A g4r_stop for loops of many short rounds, in which asking each time would take too
 * long. The loop calls g4r_stop_watch_is_over() in each round; only the first of every
 * 4096 calls asks the caller. Several loops may use one watch after another.
 */
typedef struct g4r_stop_watch {
    g4r_stop stop;
    size_t rounds; /* calls of g4r_stop_watch_is_over() so far */
    bool is_over;  /* the answer was yes; the caller is not asked again */
} g4r_stop_watch;

/*
 * Counts a round of the loop. In the first of every 4096 rounds it asks the caller
 * whether to stop, and sets is_over if the answer is yes. Returns is_over: after one yes
 * it returns true in every round, and does not ask again.
 */
static inline bool g4r_stop_watch_is_over(g4r_stop_watch *watch)
{
    if (watch->rounds++ % 4096 == 0 && !watch->is_over)
        watch->is_over = g4r_stop_is_asked(&watch->stop);
    return watch->is_over;
}

#endif

/* timing.c - the time that a thread spends in each phase; see timing.h. */
#define _POSIX_C_SOURCE 199309L
#include "timing.h"

#include <time.h>

#ifdef GRU4REC_TIMING
_Thread_local double g4r_timing[G4R_N_PHASES];

void g4r_timing_enter(g4r_phase phase)
{
    static _Thread_local g4r_phase current = G4R_IN_REST;
    static _Thread_local double since;
    struct timespec clock;
    clock_gettime(CLOCK_MONOTONIC, &clock);
    double now = (double)clock.tv_sec + (double)clock.tv_nsec * 1e-9;
    if (since > 0)
        g4r_timing[current] += now - since;
    current = phase;
    since = now;
}
#endif

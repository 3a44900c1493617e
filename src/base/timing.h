/*
 * timing.h - where a step's time goes.
 *
 * Only in a build with -DGRU4REC_TIMING (make bench); in others the calls are nothing.
 */
#ifndef G4R_TIMING_H
#define G4R_TIMING_H

typedef enum g4r_phase {
    G4R_IN_REST,
    G4R_IN_GATHER,
    G4R_IN_GRU_PRODUCTS,
    G4R_IN_GATES,
    G4R_IN_SCORE_PRODUCTS,
    G4R_IN_LOSS,
    G4R_IN_WHOLE_UPDATE,
    G4R_IN_ROWS_UPDATE,
    G4R_N_PHASES
} g4r_phase;

#ifdef GRU4REC_TIMING
/* Seconds that this thread spent in each. */
extern _Thread_local double g4r_timing[G4R_N_PHASES];
/* From now on this thread is in that phase. */
void g4r_timing_enter(g4r_phase phase);
#else
#define g4r_timing_enter(phase) ((void)(phase))
#endif

#endif

/*
 * timing.h - measures in which phases a training step spends its time.
 *
 * It works only in a build with -DGRU4REC_TIMING (make bench). In other builds the calls
 * compile to nothing.
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
/* Seconds that this thread has spent in each phase. */
extern _Thread_local double g4r_timing[G4R_N_PHASES];
/* Ends the present phase of this thread, and begins another one. */
void g4r_timing_enter(g4r_phase phase);
#else
#define g4r_timing_enter(phase) ((void)(phase))
#endif

#endif

/*
 * timing.h - measures in which phases a training step spends its time.
 *
 * It works only in a build with -DGRU4REC_TIMING (make bench). In other builds the calls
 * compile to nothing.
 */
#ifndef G4R_TIMING_H
#define G4R_TIMING_H

/* The phases of a training step, and their number. */
typedef enum g4r_phase {
    G4R_IN_REST,           /* all that no other phase counts */
    G4R_IN_GATHER,         /* copies of the rows of inputs and of columns */
    G4R_IN_GRU_PRODUCTS,   /* matrix products of the layers */
    G4R_IN_GATES,          /* gates and activations of the layers */
    G4R_IN_SCORE_PRODUCTS, /* matrix products of the hidden states and the columns */
    G4R_IN_LOSS,
    G4R_IN_WHOLE_UPDATE, /* updates of the tensors that change as a whole */
    G4R_IN_ROWS_UPDATE,  /* updates of single rows of the tables of items */
    G4R_N_PHASES
} g4r_phase;

#ifdef GRU4REC_TIMING
/*
 * Seconds that this thread has spent in each phase since it started. The caller may set
 * them to 0.
 */
extern _Thread_local double g4r_timing[G4R_N_PHASES];
/*
 * Ends the present phase of this thread, adds its seconds to g4r_timing, and begins
 * another phase. The first call in a thread only begins a phase.
 */
void g4r_timing_enter(g4r_phase phase);
#else
#define g4r_timing_enter(phase) ((void)(phase))
#endif

#endif

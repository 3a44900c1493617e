/* methods.h - declares all baselines; each one is defined in the file of its name. */
#ifndef G4R_METHODS_H
#define G4R_METHODS_H

#include "baseline.h"

extern const g4r_baseline_method g4r_pop, g4r_session_pop, g4r_item_knn, g4r_markov,
    g4r_sequential_rules, g4r_vs_knn, g4r_stan;

#endif

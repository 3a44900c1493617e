/*
 * blas_core.h - tells which of its kernels OpenBLAS uses, and why.
 *
 * OpenBLAS has a set of kernels for each of many processors ("core types"), and picks one
 * set when it is loaded. For a processor that it does not know, it picks the oldest set.
 * gru4rec_blas_core_pick() (gru4rec.h) then makes OpenBLAS choose a better set.
 */
#ifndef G4R_BLAS_CORE_H
#define G4R_BLAS_CORE_H

#include "../base/base.h"

/*
 * Sets blas_core, blas_core_reason and blas_core_better in build; gru4rec.h says what
 * they mean. Makes OpenBLAS choose nothing.
 */
void g4r_blas_core_facts(gru4rec_build *build);

#endif

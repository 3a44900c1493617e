/*
 * blas_core.h - which of its kernels OpenBLAS uses, and why.
 *
 * OpenBLAS has kernels for many processors ("core types") and picks some when it is loaded.
 * A processor that it does not know gets the oldest. gru4rec_blas_core_pick() mends that.
 */
#ifndef G4R_BLAS_CORE_H
#define G4R_BLAS_CORE_H

#include "../base/base.h"

/* blas_core, blas_core_reason and blas_core_better. */
void g4r_blas_core_facts(gru4rec_build *build);

#endif

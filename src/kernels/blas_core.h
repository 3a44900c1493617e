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
 * Stands behind the declaration of a variable by which all copies of this library in a
 * process share what they know of OpenBLAS: exports it. With BLAS=static each copy has an
 * OpenBLAS of its own, and so its own variable, which is hidden.
 */
#ifdef GRU4REC_BLAS_STATIC
#define G4R_BLAS_SHARED __attribute__((visibility("hidden")))
#else
#define G4R_BLAS_SHARED __attribute__((visibility("default")))
#endif

/*
 * Stands behind the declaration of a function of OpenBLAS or OpenMP that may be missing:
 * it is NULL then. It may be in another file, also where ours are hidden by default.
 */
#define G4R_BLAS_WEAK __attribute__((weak, visibility("default")))

/*
 * Sets blas_core, blas_core_reason and blas_core_better in build; gru4rec.h says what
 * they mean. Makes OpenBLAS choose nothing.
 */
void g4r_blas_core_facts(gru4rec_build *build);

#endif

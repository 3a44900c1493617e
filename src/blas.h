/*
 * blas.h (L1) - the matrix products of the library, by meaning; all through CBLAS. Uses
 * base.
 *
 * Row-major. _nt: the second matrix is used transposed, and so on. beta 0 overwrites C, 1
 * adds to it. Leading dimensions (ld*) are the distance between rows, in values.
 */
#ifndef G4R_BLAS_H
#define G4R_BLAS_H

#include "base.h"

/*
 * Between enter and leave products of this process run on the calling thread alone, so
 * that results do not depend on the host's thread count, which leave puts back. Nests,
 * and any thread may hold it.
 */
void g4r_blas_enter(void);
void g4r_blas_leave(void);

/* C (m,n) = A (m,k) . B (n,k)^T + beta C */
void g4r_blas_nt(g4r_real *c, size_t ldc, const g4r_real *a, size_t lda,
                 const g4r_real *b, size_t ldb, size_t m, size_t n, size_t k,
                 g4r_real beta);
/* C (m,n) = A (m,k) . B (k,n) + beta C */
void g4r_blas_nn(g4r_real *c, size_t ldc, const g4r_real *a, size_t lda,
                 const g4r_real *b, size_t ldb, size_t m, size_t n, size_t k,
                 g4r_real beta);
/* C (m,n) = A (k,m)^T . B (k,n) + beta C */
void g4r_blas_tn(g4r_real *c, size_t ldc, const g4r_real *a, size_t lda,
                 const g4r_real *b, size_t ldb, size_t m, size_t n, size_t k,
                 g4r_real beta);

const char *g4r_blas_config(void);
const char *g4r_blas_core(void);
const char *g4r_blas_threading(void);

#endif

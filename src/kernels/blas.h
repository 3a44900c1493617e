/*
 * blas.h - the matrix products of the library, by meaning; all through CBLAS.
 *
 * Matrices are row-major. NT: the second matrix is used transposed, and so on.
 */
#ifndef G4R_BLAS_H
#define G4R_BLAS_H

#include "../base/pool.h"

/*
 * Between enter and leave products of this process run on the calling thread alone, so
 * that results do not depend on the host's thread count, which leave, in the same thread,
 * puts back. Nests, and any number of threads may be inside, each of which has memory to
 * multiply in. False: there is none for this thread, which is not inside.
 */
bool g4r_blas_enter(void);
void g4r_blas_leave(void);
/* NOMEM, and what to do where g4r_blas_enter() said false. error may be NULL. */
gru4rec_status g4r_blas_fail(gru4rec_error *error);
/* Bytes that a thread's products write to beside their results, at most, where no side of
 * a result is longer than this; of address space it takes more. */
size_t g4r_blas_bytes(size_t longest);

typedef enum g4r_product_form {
    G4R_NT, /* C (m,n) = A (m,k) . B (n,k)^T + beta C */
    G4R_NN, /* C (m,n) = A (m,k) . B (k,n) + beta C */
    G4R_TN  /* C (m,n) = A (k,m)^T . B (k,n) + beta C */
} g4r_product_form;

/* Leading dimensions (ld*) are the distance between rows, in values. */
typedef struct g4r_product {
    g4r_product_form form;
    g4r_real *c;
    const g4r_real *a, *b;
    size_t ldc, lda, ldb, m, n, k;
    g4r_real beta; /* 0 overwrites C, 1 adds to it */
    bool by_rows;  /* NT, NN: a row of C has the bits of a product of that row alone */
} g4r_product;

static inline g4r_product g4r_product_of(g4r_product_form form, g4r_real *c, size_t ldc,
                                         const g4r_real *a, size_t lda, const g4r_real *b,
                                         size_t ldb, size_t m, size_t n, size_t k,
                                         g4r_real beta)
{
    return (g4r_product){form, c, a, b, ldc, lda, ldb, m, n, k, beta, false};
}

/* One product, on the calling thread. */
void g4r_blas_multiply(g4r_product product);
/*
 * All of them, at the same time where there are threads: they write to different places.
 * Each is cut along its larger side in a way that its size alone decides.
 */
void g4r_blas_run(g4r_pool *pool, const g4r_product *products, size_t n);

/* May two threads multiply at the same time? */
bool g4r_blas_is_parallel(void);
/*
 * Makes OpenBLAS set up its memory, and waits for that. Its own threads, which it starts
 * when it is loaded, do so too, and may ask for its kernels there; once it is done they
 * do not any more. False: there is no room, or it cannot be done.
 */
bool g4r_blas_prepare(void);
/* Which BLAS this is: blas and blas_threading. */
void g4r_blas_facts(gru4rec_build *build);

#endif

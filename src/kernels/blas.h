/*
 * blas.h - the matrix products of the library. OpenBLAS makes them, or with BLAS=builtin
 * our own kernels (blas_engine.h); scans are always our own (see g4r_blas_multiply()).
 *
 * Matrices are row-major. The two letters of a form stand for the two matrices that are
 * multiplied: N, the matrix is used as it is; T, it is used transposed.
 */
#ifndef G4R_BLAS_H
#define G4R_BLAS_H

#include "../base/pool.h"

/*
 * Lets the calling thread compute products until it calls g4r_blas_leave(): the thread is
 * then "inside". While a thread is inside, OpenBLAS's thread count is one (with OpenMP
 * the count of that thread, with other builds that of the process): a product runs only
 * on the thread that calls it, so that results do not depend on the host's thread count.
 * Makes sure that OpenBLAS has a buffer for the thread to multiply in. Any number of
 * threads may be inside at the same time. Calls nest: a thread is inside until it has
 * left as often as it has entered; the inner calls only count, and cannot fail. Returns
 * false if there is no memory for this thread's buffer: the thread is not inside then,
 * and must not call g4r_blas_leave(). With BLAS=builtin it has nothing to do, and cannot
 * fail.
 */
bool g4r_blas_enter(void);
/*
 * Ends what the last g4r_blas_enter() of the same thread began. If calls were nested,
 * only counts. Otherwise the thread is no longer inside, and the host's thread count is
 * restored: with OpenMP the calling thread's count; with other builds the process's
 * count, once no thread is inside any more. OpenBLAS keeps the buffers.
 */
void g4r_blas_leave(void);
/*
 * Returns GRU4REC_NOMEM, for a caller whose g4r_blas_enter() returned false, and writes
 * into error what is wrong and what to do. error may be NULL.
 */
gru4rec_status g4r_blas_fail(gru4rec_error *error);
/*
 * Returns the most bytes of OpenBLAS's buffer that the products of one thread write to,
 * if no side of a result is longer than longest values; 0 with BLAS=builtin. The thread
 * takes more address space than that: OpenBLAS maps a whole buffer of 128 MB.
 */
size_t g4r_blas_bytes(size_t longest);

/* The forms of a product: which of A and B is transposed. */
typedef enum g4r_product_form {
    G4R_NT, /* C (m,n) = A (m,k) . B (n,k)^T + beta C */
    G4R_NN, /* C (m,n) = A (m,k) . B (k,n) + beta C */
    G4R_TN  /* C (m,n) = A (k,m)^T . B (k,n) + beta C */
} g4r_product_form;

/*
 * One product. Sizes are in values. A leading dimension (ldc, lda, ldb) is the distance
 * from the begin of a row to the begin of the next row. The matrices are borrowed.
 */
typedef struct g4r_product {
    g4r_product_form form;
    g4r_real *c;
    const g4r_real *a, *b;
    size_t ldc, lda, ldb, m, n, k;
    g4r_real beta; /* 0 overwrites C, 1 adds to it */
    /*
     * If true, each row of C has the same bits as if it were multiplied alone. Only for
     * NT and NN.
     */
    bool by_rows;
} g4r_product;

/* Returns a description of a product, with by_rows false. Computes nothing. */
static inline g4r_product g4r_product_of(g4r_product_form form, g4r_real *c, size_t ldc,
                                         const g4r_real *a, size_t lda, const g4r_real *b,
                                         size_t ldb, size_t m, size_t n, size_t k,
                                         g4r_real beta)
{
    return (g4r_product){form, c, a, b, ldc, lda, ldb, m, n, k, beta, false};
}

/*
 * Computes one product on the calling thread. If m or n is 0, does nothing. The thread
 * must be inside (see g4r_blas_enter()), except for a scan: an NT product of one row with
 * ldb = k > 0, which our own kernel computes without BLAS.
 */
void g4r_blas_multiply(g4r_product product);
/*
 * Computes n products, which must write to different places, and returns when all are
 * done. The threads of the pool share the work, and each must be inside; without a pool
 * (NULL) the calling thread does it. Each product is cut into parts along one side of C:
 * TN along the rows, NT and NN along the columns. The sizes of the product alone decide
 * into how many parts, so the number of threads changes no bit.
 */
void g4r_blas_run(g4r_pool *pool, const g4r_product *products, size_t n);

/*
 * Tells whether two threads may multiply at the same time. False with the serial build of
 * OpenBLAS, in which products take turns.
 */
bool g4r_blas_is_parallel(void);
/*
 * Sets all fields of build but simd: which BLAS this is, how it uses threads, and which
 * of its kernels it uses and why. The strings stay valid as long as the process runs.
 */
void g4r_blas_facts(gru4rec_build *build);

#endif

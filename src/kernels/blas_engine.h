/*
 * blas_engine.h - what makes the products of blas.c: OpenBLAS (blas_openblas.c), or our
 * own kernels (blas_builtin.c).
 *
 * A build has one of the two engines: OpenBLAS if GRU4REC_CBLAS is defined, which is the
 * Makefile's BLAS=system and BLAS=static; else our own, BLAS=builtin.
 */
#ifndef G4R_BLAS_ENGINE_H
#define G4R_BLAS_ENGINE_H

#include "blas.h"

/* An engine. Its functions do the work of those of blas.h that have the same names. */
typedef struct g4r_blas_engine {
    bool (*enter)(void);
    void (*leave)(void);
    /*
     * Computes the product on the calling thread, which is inside. m and n are above 0.
     * by_rows is not looked at.
     */
    void (*multiply)(const g4r_product *product);
    size_t (*bytes)(size_t longest);
    bool (*is_parallel)(void);
    /* Sets in build what tells of BLAS: all fields but simd. */
    void (*facts)(gru4rec_build *build);
    /* Address space that enter() takes for a thread; 0: enter() cannot fail. */
    size_t buffer_bytes;
} g4r_blas_engine;

#ifdef GRU4REC_CBLAS
extern const g4r_blas_engine g4r_blas_openblas;
/*
 * Makes OpenBLAS set up its memory: takes one buffer from OpenBLAS and gives it back.
 * OpenBLAS's own threads, which start when it is loaded, set up the same memory and may
 * ask for its kernels meanwhile. After this call they no longer do, so that the kernels
 * can be changed. Returns false if there is no address space for a buffer, or if this
 * OpenBLAS does not have the functions for it; nothing is done then.
 */
bool g4r_blas_openblas_prepare(void);
#else
extern const g4r_blas_engine g4r_blas_builtin;
#endif

#endif

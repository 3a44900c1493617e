/*
 * blas_builtin.c - the engine that makes products by our own kernels (vec_product.h), for
 * systems without OpenBLAS; see blas_engine.h. It takes no memory, so that a thread can
 * always enter, and has no state.
 */
#include "blas_engine.h"

#ifndef GRU4REC_CBLAS
#include "vec.h"

static bool enter(void)
{
    return true;
}

static void leave(void)
{
}

static void multiply(const g4r_product *p)
{
    g4r_vec_pick()->multiply(&(g4r_vec_product){
        .c = p->c,
        .a = p->a,
        .b = p->b,
        .ldc = p->ldc,
        .lda = p->lda,
        .ldb = p->ldb,
        .m = p->m,
        .n = p->n,
        .k = p->k,
        .is_a_transposed = p->form == G4R_TN,
        .is_b_transposed = p->form == G4R_NT,
        .is_added = p->beta != 0,
    });
}

static size_t count_bytes(size_t longest)
{
    (void)longest;
    return 0;
}

static bool is_parallel(void)
{
    return true;
}

static void facts(gru4rec_build *build)
{
    static const char reason[] = "gru4rec was built with BLAS=builtin";
    build->blas = build->blas_core = build->blas_threading = "builtin";
    build->blas_core_better = NULL;
    memcpy(build->blas_core_reason, reason, sizeof reason);
}

const g4r_blas_engine g4r_blas_builtin = {
    .enter = enter,
    .leave = leave,
    .multiply = multiply,
    .bytes = count_bytes,
    .is_parallel = is_parallel,
    .facts = facts,
};
#endif

/* build.c - what this build runs on. Uses blas, vec. */
#include "blas.h"
#include "vec.h"

void gru4rec_build_facts(gru4rec_build *build)
{
    build->simd = g4r_vec_pick()->name;
    build->blas = g4r_blas_config();
    build->blas_core = g4r_blas_core();
    build->blas_threading = g4r_blas_threading();
}

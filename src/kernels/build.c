/*
 * build.c - tells which kernels and which BLAS this build uses; see gru4rec_build_facts()
 * in gru4rec.h.
 */
#include "blas.h"
#include "vec.h"

void gru4rec_build_facts(gru4rec_build *build)
{
    build->simd = g4r_vec_pick()->name;
    g4r_blas_facts(build);
}

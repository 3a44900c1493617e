/* vec.c - run-time choice among the tables that vec_kernels.c defines. */
#include "vec.h"

extern const g4r_vec g4r_vec_kernels_base;
#if defined(__x86_64__)
extern const g4r_vec g4r_vec_kernels_avx2;
extern const g4r_vec g4r_vec_kernels_avx512;
#endif

const g4r_vec *g4r_vec_at(size_t index)
{
    const g4r_vec *tables[3];
    size_t n = 0;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        tables[n++] = &g4r_vec_kernels_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        tables[n++] = &g4r_vec_kernels_avx2;
#endif
    tables[n++] = &g4r_vec_kernels_base;
    return index < n ? tables[index] : NULL;
}

const g4r_vec *g4r_vec_pick(void)
{
    return g4r_vec_at(0);
}

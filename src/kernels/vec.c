/*
 * vec.c - picks, at run time, one of the tables of kernels that vec_kernels.c defines:
 * the best one that the processor can run.
 */
#include "vec.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <stdatomic.h>
#endif

extern const g4r_vec g4r_vec_kernels_base;
#if defined(__x86_64__)
extern const g4r_vec g4r_vec_kernels_avx2;
extern const g4r_vec g4r_vec_kernels_avxvnni;
extern const g4r_vec g4r_vec_kernels_avx512;
extern const g4r_vec g4r_vec_kernels_avx512vnni;

/*
 * Tells whether the processor has AVX-VNNI, for which compilers have no name yet. Only
 * the first call asks the processor, because in a virtual machine its answer takes some
 * 20 microseconds. Later calls return the same answer.
 */
static bool has_avxvnni(void)
{
    static atomic_int known; /* 0: not asked yet; 1: no; 2: yes */
    unsigned a = 0, b, c, d;
    int answer = atomic_load_explicit(&known, memory_order_relaxed);
    if (answer == 0) {
        answer = 1 + (__get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & 1u << 4) != 0);
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer == 2;
}
#endif

const g4r_vec *g4r_vec_at(size_t index)
{
    const g4r_vec *tables[5];
    size_t n = 0;
#if defined(__x86_64__)
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") &&
                            __builtin_cpu_supports("avx512bw") &&
                            __builtin_cpu_supports("avx512dq") &&
                            __builtin_cpu_supports("avx512vl");
    if (has_avx512 && __builtin_cpu_supports("avx512vnni"))
        tables[n++] = &g4r_vec_kernels_avx512vnni;
    if (has_avx512)
        tables[n++] = &g4r_vec_kernels_avx512;
    if (has_avx2 && has_avxvnni())
        tables[n++] = &g4r_vec_kernels_avxvnni;
    if (has_avx2)
        tables[n++] = &g4r_vec_kernels_avx2;
#endif
    tables[n++] = &g4r_vec_kernels_base;
    return index < n ? tables[index] : NULL;
}

const g4r_vec *g4r_vec_pick(void)
{
    return g4r_vec_at(0);
}

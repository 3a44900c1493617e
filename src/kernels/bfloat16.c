/*
 * bfloat16.c - picks, at run time, one of the bodies that bfloat16_kernels.c defines.
 *
 * The body amx needs tile registers, which Linux gives only to processes that ask. Two
 * things follow, so nobody asks before a training in bfloat16 begins. In a process that
 * has them, sigaltstack() refuses stacks that are too small for these registers. And if a
 * thread has such a stack already, Linux refuses to give them: then another body is used.
 * The environment variable GRU4REC_AMX=0 says not to ask.
 */
#define _DEFAULT_SOURCE /* so that syscall() is declared */
#include "bfloat16.h"

#include <stdlib.h>

#if defined(__linux__) && defined(__x86_64__)
#include <cpuid.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

extern const g4r_bfloat16 g4r_bfloat16_kernels_base;
#if defined(__x86_64__)
extern const g4r_bfloat16 g4r_bfloat16_kernels_avx2;
extern const g4r_bfloat16 g4r_bfloat16_kernels_avx512bf16;
extern const g4r_bfloat16 g4r_bfloat16_kernels_amx;
#endif

#if defined(__linux__) && defined(__x86_64__) && !defined(GRU4REC_DOUBLE)
/* Tells whether the processor has AMX with bfloat16. */
static bool has_tiles(void)
{
    const unsigned tiles = 1u << 24, bfloat16 = 1u << 22;
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & tiles) != 0 &&
           (d & bfloat16) != 0;
}

/*
 * Tells whether this process may use the tile registers. Only the first call asks the
 * system; the others return the same answer, so that a process does not change its body.
 */
static bool may_use_tiles(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XTILEDATA = 18 };
    static atomic_int known; /* 0: not asked yet; 1: no; 2: yes */
    int answer = atomic_load(&known);
    if (answer == 0) {
        const char *wish = getenv("GRU4REC_AMX");
        const bool is_wanted = wish == NULL || strcmp(wish, "0") != 0;
        answer = 1 + (is_wanted && has_tiles() &&
                      syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XTILEDATA) == 0);
        atomic_store(&known, answer);
        GRU4REC_TRACE(3, "AMX: %s", answer == 2 ? "used" : "not used");
    }
    return answer == 2;
}
#elif defined(__x86_64__) && !defined(GRU4REC_DOUBLE)
static bool may_use_tiles(void)
{
    return false;
}
#endif

const g4r_bfloat16 *g4r_bfloat16_at(size_t index)
{
    const g4r_bfloat16 *bodies[4];
    size_t n = 0;
#if defined(__x86_64__) && !defined(GRU4REC_DOUBLE)
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool has_pairs =
        has_avx2 && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bf16");
    if (has_pairs && may_use_tiles())
        bodies[n++] = &g4r_bfloat16_kernels_amx;
    if (has_pairs)
        bodies[n++] = &g4r_bfloat16_kernels_avx512bf16;
    if (has_avx2)
        bodies[n++] = &g4r_bfloat16_kernels_avx2;
#endif
    bodies[n++] = &g4r_bfloat16_kernels_base;
    return index < n ? bodies[index] : NULL;
}

const g4r_bfloat16 *g4r_bfloat16_pick(void)
{
    return g4r_bfloat16_at(0);
}

const char *gru4rec_bfloat16_kernels(void)
{
    return g4r_bfloat16_pick()->name;
}

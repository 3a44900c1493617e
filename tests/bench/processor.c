/* processor.c - see processor.h. */
#define _GNU_SOURCE /* sched_getaffinity */
#include "processor.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined __x86_64__
#include <immintrin.h>
#endif

/* ---- facts ---- */

/* The value of the first line of /proc/cpuinfo with that name; "" if there is none. */
static const char *find_line(const char *name, char *line, int size)
{
    const size_t n = strlen(name);
    const char *value = NULL;
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file != NULL && value == NULL && fgets(line, size, file) != NULL)
        if (strncmp(line, name, n) == 0 && strspn(line + n, " \t:") > 1) {
            value = line + n + strspn(line + n, " \t:");
            line[strcspn(line, "\n")] = '\0';
        }
    if (file != NULL)
        fclose(file);
    return value != NULL ? value : "";
}

/* The flags with a space before and after each. */
static const char *get_flags(void)
{
    static char flags[8192];
    char line[8000];
    if (flags[0] == '\0')
        snprintf(flags, sizeof flags, " %s ", find_line("flags", line, sizeof line));
    return flags;
}

bool bench_processor_has(const char *flags)
{
    char list[200], wanted[60], *at;
    snprintf(list, sizeof list, "%s", flags);
    for (char *flag = strtok_r(list, " ", &at); flag != NULL;
         flag = strtok_r(NULL, " ", &at)) {
        snprintf(wanted, sizeof wanted, " %s ", flag);
        if (strstr(get_flags(), wanted) == NULL)
            return false;
    }
    return true;
}

static void list_vectors(char *text, size_t size)
{
    static const char *const sets[] = {
        "sse4_2",      "avx",      "avx2",     "fma",      "avx_vnni",    "avx512f",
        "avx512bw",    "avx512dq", "avx512vl", "avx512cd", "avx512_vnni", "avx512_bf16",
        "avx512_fp16", "amx_tile", "asimd",    "sve",
    };
    text[0] = '\0';
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (bench_processor_has(sets[i])) {
            size_t used = strlen(text);
            snprintf(text + used, size - used, used > 0 ? " %s" : "%s", sets[i]);
        }
}

/* The first line of a file of sysfs about a cache of the first core. */
static bool read_cache(int index, const char *what, char *text, int size)
{
    char path[100];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/%s", index,
             what);
    FILE *file = fopen(path, "r");
    bool is_read = file != NULL && fgets(text, size, file) != NULL;
    if (file != NULL)
        fclose(file);
    text[is_read ? strcspn(text, "\n") : 0] = '\0';
    return is_read;
}

static void list_caches(char *text, size_t size)
{
    char level[20], bytes[20];
    text[0] = '\0';
    for (int i = 0; read_cache(i, "level", level, sizeof level); i++)
        if (atoi(level) >= 2 && read_cache(i, "size", bytes, sizeof bytes)) {
            size_t used = strlen(text);
            snprintf(text + used, size - used, "%sL%s %s", used > 0 ? ", " : "", level,
                     bytes);
        }
    if (text[0] == '\0')
        snprintf(text, size, "unknown");
}

void bench_processor_get(bench_processor *processor)
{
    char line[8000];
    cpu_set_t cores;
    *processor = (bench_processor){.n_cores = 1};
    const char *name = find_line("model name", line, sizeof line);
    snprintf(processor->name, sizeof processor->name, "%.150s",
             *name != '\0' ? name : "unknown processor");
    processor->family = atoi(find_line("cpu family", line, sizeof line));
    processor->model = atoi(find_line("model", line, sizeof line));
    processor->stepping = atoi(find_line("stepping", line, sizeof line));
    list_vectors(processor->vectors, sizeof processor->vectors);
    list_caches(processor->caches, sizeof processor->caches);
    if (sched_getaffinity(0, sizeof cores, &cores) == 0)
        processor->n_cores = CPU_COUNT(&cores);
}

void bench_processor_print_json(const bench_processor *processor)
{
    printf("\"processor\": \"%s\", \"family\": %d, \"model\": %d, \"stepping\": %d, "
           "\"vectors\": \"%s\", \"caches\": \"%s\", \"cores\": %d",
           processor->name, processor->family, processor->model, processor->stepping,
           processor->vectors, processor->caches, processor->n_cores);
}

void bench_processor_print(const bench_processor *processor)
{
    printf("%s, family %d, model %d, stepping %d; caches %s; %d cores\n%s\n",
           processor->name, processor->family, processor->model, processor->stepping,
           processor->caches, processor->n_cores, processor->vectors);
}

const char *bench_processor_core_type(size_t i)
{
#define AVX512 "avx512f avx512bw avx512dq avx512vl avx512cd"
    static const struct {
        const char *name, *needs;
    } types[] = {
        {"Nehalem", "sse4_2"},
        {"Sandybridge", "avx"},
        {"Haswell", "avx2 fma"},
        {"Zen", "avx2 fma"},
        {"SkylakeX", AVX512},
        {"Cooperlake", AVX512 " avx512_bf16"},
        {"SapphireRapids", AVX512 " avx512_bf16 avx512_fp16"},
    };
    for (size_t j = 0; j < sizeof types / sizeof *types; j++)
        if (bench_processor_has(types[j].needs) && i-- == 0)
            return types[j].name;
    return NULL;
}

/* ---- the peak ---- */

/* As many sums as hide the latency of a multiply-add; all of them stay in registers. */
enum { SUMS = 12, ROUNDS = 60000 };

/* Sums[i] = sums[i] * factor + more: n rounds. What it gives depends on all of them. */
#define DEFINE_PEAK(name, attributes, vector, set, multiply_add)              \
    attributes static float name(int n)                                       \
    {                                                                         \
        vector sums[SUMS], factor = set(0.999f), more = set(0.001f);          \
        for (int i = 0; i < SUMS; i++)                                        \
            sums[i] = set((float)i);                                          \
        for (; n > 0; n--)                                                    \
            _Pragma("GCC unroll 12") for (int i = 0; i < SUMS; i++) sums[i] = \
                multiply_add(sums[i], factor, more);                          \
        for (int i = 1; i < SUMS; i++)                                        \
            sums[0] = sums[0] + sums[i];                                      \
        return sums[0][0];                                                    \
    }

#if defined __x86_64__
#define MULTIPLY_ADD(a, b, c) _mm_add_ps(_mm_mul_ps(a, b), c)
DEFINE_PEAK(run_sse, __attribute__((noinline)), __m128, _mm_set1_ps, MULTIPLY_ADD)
DEFINE_PEAK(run_avx2, __attribute__((noinline, target("avx2,fma"))), __m256,
            _mm256_set1_ps, _mm256_fmadd_ps)
DEFINE_PEAK(run_avx512, __attribute__((noinline, target("avx512f"))), __m512,
            _mm512_set1_ps, _mm512_fmadd_ps)
#else
typedef float lanes __attribute__((vector_size(16)));
#define SET(x) ((lanes){x, x, x, x})
#define MULTIPLY_ADD(a, b, c)                                                           \
    (lanes)                                                                             \
    {                                                                                   \
        __builtin_fmaf((a)[0], (b)[0], (c)[0]), __builtin_fmaf((a)[1], (b)[1], (c)[1]), \
            __builtin_fmaf((a)[2], (b)[2], (c)[2]),                                     \
            __builtin_fmaf((a)[3], (b)[3], (c)[3])                                      \
    }
DEFINE_PEAK(run_plain, __attribute__((noinline)), lanes, SET, MULTIPLY_ADD)
#endif

static const struct peak {
    const char *name, *needs;
    float (*run)(int n);
    int n_lanes;
} peaks[] = {
#if defined __x86_64__
    {"avx512", "avx512f", run_avx512, 16},
    {"avx2 and fma", "avx2 fma", run_avx2, 8},
    {"sse2, not fused", "", run_sse, 4},
#else
    {"vectors of 4", "", run_plain, 4},
#endif
};

static const struct peak *pick_peak(void)
{
    const struct peak *peak = peaks;
    while (!bench_processor_has(peak->needs))
        peak++;
    return peak;
}

const char *bench_processor_peak_name(void)
{
    return pick_peak()->name;
}

static double now(void)
{
    struct timespec clock;
    clock_gettime(CLOCK_MONOTONIC, &clock);
    return (double)clock.tv_sec + (double)clock.tv_nsec * 1e-9;
}

double bench_processor_peak(void)
{
    const struct peak *peak = pick_peak();
    double sum = (double)peak->run(ROUNDS / 4); /* wakes the vectors up */
    const double begin = now();
    sum += (double)peak->run(ROUNDS);
    const double seconds = now() - begin;
    /* what came is used, or it would not be computed; it is far from that */
    return sum < 1e30 ? 2.0 * SUMS * ROUNDS * peak->n_lanes / seconds : 0;
}

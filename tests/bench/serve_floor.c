/*
 * serve_floor.c - the least that a query could take: one read of the bytes that it reads;
 * see serve.h.
 *
 * Which way to read is the fastest depends on the processor, so the floor is that of several
 * which was the fastest here: what compilers make of a loop of additions, and loops of wide
 * vectors without prefetch and with that of each hint. A query that is slow because it
 * chose the wrong way cannot hide behind a floor that chose the same.
 */
#define _GNU_SOURCE /* madvise */
#include "serve.h"

#include "processor.h"
#include "worker.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LANES = 64, BLOCK = 8 * LANES, PAGE = 2 << 20, AHEAD = 4096, SUMS = 4 };

/* ---- ways to read ---- */

#if defined __x86_64__ && !defined __clang__
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
static uint64_t
read_plain(const uint64_t *words, size_t n_blocks)
{
    uint64_t sums[LANES] = {0}, total = 0;
    for (size_t i = 0; i < n_blocks; i++, words += LANES)
        for (size_t lane = 0; lane < LANES; lane++)
            sums[lane] += words[lane];
    for (size_t lane = 0; lane < LANES; lane++)
        total += sums[lane];
    return total;
}

#define FETCH_NONE(at) ((void)(at))
#define FETCH_NTA(at) __builtin_prefetch(at, 0, 0)
#define FETCH_T2(at) __builtin_prefetch(at, 0, 1)
#define FETCH_T1(at) __builtin_prefetch(at, 0, 2)
#define FETCH_T0(at) __builtin_prefetch(at, 0, 3)

#define DEFINE_READ(name, attributes, vector, fetch)                        \
    attributes static uint64_t name(const uint64_t *words, size_t n_blocks) \
    {                                                                       \
        const vector *at = (const vector *)words;                           \
        vector sums[SUMS] = {{0}};                                          \
        uint64_t total = 0;                                                 \
        for (; n_blocks > 0; n_blocks--, at += BLOCK / sizeof *at) {        \
            for (size_t i = 0; i < BLOCK; i += 64)                          \
                fetch((const char *)at + AHEAD + i);                        \
            for (size_t i = 0; i < BLOCK / sizeof *at; i++)                 \
                sums[i % SUMS] += at[i];                                    \
        }                                                                   \
        for (size_t i = 0; i < SUMS; i++)                                   \
            for (size_t lane = 0; lane < sizeof *at / sizeof total; lane++) \
                total += sums[i][lane];                                     \
        return total;                                                       \
    }

#define DEFINE_READS(width, attributes)                                                 \
    typedef uint64_t vector_##width __attribute__((vector_size(width / 8), may_alias)); \
    DEFINE_READ(read_##width, attributes, vector_##width, FETCH_NONE)                   \
    DEFINE_READ(read_##width##_nta, attributes, vector_##width, FETCH_NTA)              \
    DEFINE_READ(read_##width##_t2, attributes, vector_##width, FETCH_T2)                \
    DEFINE_READ(read_##width##_t1, attributes, vector_##width, FETCH_T1)                \
    DEFINE_READ(read_##width##_t0, attributes, vector_##width, FETCH_T0)

#define LIST_READS(width, needs)                                                       \
    {#width " bits", needs, read_##width}, {#width " nta", needs, read_##width##_nta}, \
        {#width " t2", needs, read_##width##_t2},                                      \
        {#width " t1", needs, read_##width##_t1},                                      \
    {                                                                                  \
#width " t0", needs, read_##width##_t0                                         \
    }

#if defined __x86_64__
DEFINE_READS(256, __attribute__((target("avx2"))))
DEFINE_READS(512, __attribute__((target("avx512f"))))
#endif
DEFINE_READS(128, )

static const struct serve_way {
    const char *name, *needs;
    uint64_t (*read)(const uint64_t *words, size_t n_blocks);
} ways[] = {
    {"plain", "", read_plain},
    LIST_READS(128, ""),
#if defined __x86_64__
    LIST_READS(256, "avx2"),
    LIST_READS(512, "avx512f"),
#endif
};

enum { N_WAYS = sizeof ways / sizeof *ways, N_TRIALS = 5 };

/* All ways in turn, so that a slow moment meets all; the one of the least median. */
static const struct serve_way *find_fastest(serve_stream *stream)
{
    double times[N_WAYS][N_TRIALS], least = 0;
    const struct serve_way *fastest = NULL;
    for (int trial = 0; trial < N_TRIALS; trial++)
        for (size_t i = 0; i < N_WAYS; i++) {
            if (!bench_processor_has(ways[i].needs))
                continue;
            double begin = serve_now();
            stream->sum += ways[i].read(stream->words, stream->n_blocks);
            times[i][trial] = serve_now() - begin;
        }
    for (size_t i = 0; i < N_WAYS; i++) {
        if (!bench_processor_has(ways[i].needs))
            continue;
        double median = bench_median(times[i], N_TRIALS);
        if (fastest == NULL || median < least) {
            fastest = &ways[i];
            least = median;
        }
    }
    return fastest;
}

/* ---- the stream ---- */

/* Huge pages, as the extension asks for. Every page is written, so that it is there. */
static void *allocate_large(size_t n_bytes)
{
    size_t size = (n_bytes + PAGE - 1) / PAGE * PAGE;
    void *block = aligned_alloc(PAGE, size);
    if (block == NULL)
        serve_die("not enough memory for %zu bytes", n_bytes);
    madvise(block, size, MADV_HUGEPAGE);
    memset(block, 1, size);
    return block;
}

void serve_stream_open(serve_stream *stream, size_t n_bytes)
{
    *stream = (serve_stream){.words = allocate_large(n_bytes),
                             .n_blocks = (n_bytes + BLOCK - 1) / BLOCK};
    stream->way = find_fastest(stream);
}

void serve_stream_close(serve_stream *stream)
{
    free(stream->words);
}

void serve_stream_read(void *context)
{
    serve_stream *stream = context;
    stream->sum += stream->way->read(stream->words, stream->n_blocks);
}

const char *serve_stream_way(const serve_stream *stream)
{
    return stream->way->name;
}

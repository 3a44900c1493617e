/*
 * serve_floor.c - the least that a query could take: one read of the bytes that it reads,
 * or the products that it needs; see serve.h.
 */
#define _GNU_SOURCE /* madvise */
#include "serve.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LANES = 64, BLOCK = 8 * LANES, PAGE = 2 << 20 };

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
}

void serve_stream_close(serve_stream *stream)
{
    free(stream->words);
}

#if defined __x86_64__ && !defined __clang__
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
static uint64_t
sum_words(const uint64_t *words, size_t n_blocks)
{
    uint64_t sums[LANES] = {0}, total = 0;
    for (size_t i = 0; i < n_blocks; i++, words += LANES)
        for (size_t lane = 0; lane < LANES; lane++)
            sums[lane] += words[lane];
    for (size_t lane = 0; lane < LANES; lane++)
        total += sums[lane];
    return total;
}

void serve_stream_read(void *context)
{
    serve_stream *stream = context;
    stream->sum += sum_words(stream->words, stream->n_blocks);
}

void serve_product_open(serve_product *product, size_t n_items, size_t width)
{
    *product = (serve_product){.n_items = n_items, .width = width};
    product->states = allocate_large(SERVE_BLOCK * width * sizeof(float));
    product->table = allocate_large(n_items * width * sizeof(float));
    product->scores = allocate_large(SERVE_BLOCK * n_items * sizeof(float));
    for (size_t i = 0; i < SERVE_BLOCK * width; i++)
        product->states[i] = (float)(i % 7) * 0.1f;
    for (size_t i = 0; i < n_items * width; i++)
        product->table[i] = (float)(i % 11) * 0.1f;
}

void serve_product_close(serve_product *product)
{
    free(product->states);
    free(product->table);
    free(product->scores);
}

void serve_product_run(serve_product *product, int64_t n)
{
    const int n_items = (int)product->n_items, width = (int)product->width;
    openblas_set_num_threads(1);
    for (int64_t done = 0; done < n; done += SERVE_BLOCK) {
        int m = n - done < SERVE_BLOCK ? (int)(n - done) : SERVE_BLOCK;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n_items, width, 1,
                    product->states, width, product->table, width, 0, product->scores,
                    n_items);
    }
}

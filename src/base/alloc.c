/* alloc.c - memory from the allocator of the caller; see alloc.h. */
#define _DEFAULT_SOURCE /* madvise */
#include "alloc.h"

#include "../../include/gru4rec_platform.h"

#include <stdlib.h>

#ifndef MADV_HUGEPAGE
#define MADV_HUGEPAGE MADV_NORMAL /* this system cannot be asked for large pages */
#endif

/*
 * The function resize of g4r_alloc_libc. If bytes is 0, frees block and returns NULL,
 * where realloc() could return a block. Otherwise returns what realloc() returns.
 */
static void *resize_libc(void *context, void *block, size_t bytes)
{
    (void)context;
    if (bytes == 0) {
        free(block);
        return NULL;
    }
    return realloc(block, bytes);
}

const gru4rec_allocator g4r_alloc_libc = {resize_libc, NULL, NULL};

void *g4r_alloc(const gru4rec_allocator *allocator, size_t n, size_t bytes)
{
    size_t total = g4r_mul(G4R_MAX(n, 1), bytes);
    if (total == SIZE_MAX) /* the product is too large */
        return NULL;
    void *block = allocator->resize(allocator->context, NULL, total);
    if (block != NULL)
        memset(block, 0, total);
    return block;
}

/*
 * Blocks of LEAST_LARGE bytes or more begin at a multiple of LARGE_PAGE (2 MB), so that
 * the system can use pages of that size for them. Rows of a large table are read in
 * random order; with large pages the processor finds the address of a row sooner, and its
 * prefetching does not stop at the end of a small page.
 */
enum { LARGE_PAGE = 2 << 20, LEAST_LARGE = 4 << 20 };

/*
 * Does nothing for a block of less than LEAST_LARGE bytes. For a larger one, asks the
 * system to use large pages (2 MB) for all of the block but an end that fills no such
 * page. The system may refuse, which is ignored. The caller must call this before the
 * first write to the block, because the system chooses the pages then.
 */
static void ask_for_large_pages(char *block, size_t bytes)
{
    if (bytes >= LEAST_LARGE)
        madvise(block, bytes / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE);
}

static size_t alignment_of(size_t bytes)
{
    return bytes >= LEAST_LARGE ? LARGE_PAGE : G4R_ALIGNMENT;
}

/*
 * Returns bytes plus the alignment and the size of a pointer, or SIZE_MAX if that
 * overflows. A block of the allocator of so many bytes has room for an aligned block and,
 * just before it, for a pointer to the allocator's block, which g4r_alloc_free_aligned()
 * reads and frees.
 */
size_t g4r_alloc_aligned_bytes(size_t bytes)
{
    return g4r_add(bytes, alignment_of(bytes) + sizeof(void *));
}

void *g4r_alloc_scratch(const gru4rec_allocator *allocator, size_t bytes)
{
    const size_t total = g4r_alloc_aligned_bytes(bytes), alignment = alignment_of(bytes);
    char *block =
        total == SIZE_MAX ? NULL : allocator->resize(allocator->context, NULL, total);
    if (block == NULL)
        return NULL;
    const uintptr_t address = (uintptr_t)block + alignment + sizeof block - 1;
    char *aligned = block + (address - address % alignment - (uintptr_t)block);
    ask_for_large_pages(aligned, bytes);
    memcpy(aligned - sizeof block, &block, sizeof block);
    return aligned;
}

void *g4r_alloc_aligned(const gru4rec_allocator *allocator, size_t bytes)
{
    void *block = g4r_alloc_scratch(allocator, bytes);
    if (block != NULL)
        memset(block, 0, bytes);
    return block;
}

void g4r_alloc_free(const gru4rec_allocator *allocator, void *block)
{
    if (block != NULL)
        allocator->resize(allocator->context, block, 0);
}

void g4r_alloc_free_aligned(const gru4rec_allocator *allocator, void *block)
{
    if (block == NULL)
        return;
    void *start;
    memcpy(&start, (char *)block - sizeof start, sizeof start);
    g4r_alloc_free(allocator, start);
}

bool g4r_alloc_grow(const gru4rec_allocator *allocator, void *array, size_t *capacity,
                    size_t n, size_t bytes)
{
    void *block;
    if (n <= *capacity)
        return true;
    size_t wanted = G4R_MAX(G4R_MAX(n, *capacity + *capacity / 2), 16);
    memcpy(&block, array, sizeof block);
    block = allocator->resize(allocator->context, block, g4r_mul(wanted, bytes));
    if (block == NULL)
        return false;
    memcpy(array, &block, sizeof block);
    *capacity = wanted;
    return true;
}

/*
 * ext_memory.c - the allocator of the extension; see ext_base.h.
 *
 * Each block begins with a header that says how large the block is and whether it comes
 * from SQLite or from the C library. So a growing array can move from SQLite's memory to
 * the C library's, which enlarges large blocks without copying them. Under a hard heap
 * limit large blocks come from SQLite too, so that SQLite counts them with its own.
 */
#include "ext_base.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 16, LARGE = 1 << 20, MOST_OF_SQLITE = 0x7ffffeff };

typedef union header {
    struct {
        size_t bytes;
        bool is_large;
    } block;
    char padding[HEADER];
} header;

/* Bytes of all blocks that come from the C library, without their headers. */
static _Atomic uint64_t large_bytes;

uint64_t ext_memory_used(void)
{
    return (uint64_t)sqlite3_memory_used() + atomic_load(&large_bytes);
}

/*
 * Tells whether a block of this size must come from the C library: it has 1 MiB or more,
 * and either there is no hard heap limit, or the block is too large for SQLite's
 * allocator.
 */
static bool is_for_libc(size_t bytes)
{
    return bytes >= LARGE &&
           (bytes > MOST_OF_SQLITE - HEADER || sqlite3_hard_heap_limit64(-1) <= 0);
}

/*
 * Tells whether the hard heap limit allows so many bytes more than are in use now (true
 * if there is no limit). SQLite applies the limit to its own blocks only, so the caller
 * asks this for blocks of the C library.
 */
static bool is_allowed(size_t more)
{
    const sqlite3_int64 limit = sqlite3_hard_heap_limit64(-1);
    return limit <= 0 || ext_memory_used() + more <= (uint64_t)limit;
}

/*
 * Frees a block where it came from: with sqlite3_free(), or with free(), which also takes
 * its bytes out of large_bytes.
 */
static void release(header *block)
{
    if (block->block.is_large) {
        atomic_fetch_sub(&large_bytes, block->block.bytes);
        free(block);
    } else {
        sqlite3_free(block);
    }
}

/*
 * Resizes a block of the C library to bytes, and adds the change to large_bytes. The
 * caller writes the new size into the header. old: such a block, or NULL to allocate one.
 * Returns the block, which may have moved. Returns NULL, and leaves old as it is, if the
 * hard heap limit or the C library refuses.
 */
static header *resize_large(header *old, size_t bytes)
{
    const size_t before = old != NULL ? old->block.bytes : 0;
    if (bytes > before && !is_allowed(bytes - before))
        return NULL;
    header *new = realloc(old, bytes + HEADER);
    if (new != NULL)
        atomic_fetch_add(&large_bytes, (uint64_t)bytes - before);
    return new;
}

/*
 * The resize function of ext_memory. 0 bytes free the block and return NULL. If the new
 * size belongs to the other source (is_for_libc()), a new block is allocated there, the
 * content is copied, and the old block is freed. Returns NULL, and leaves the old block
 * as it is, if there is not enough memory.
 */
static void *resize(void *context, void *block, size_t bytes)
{
    (void)context;
    header *old = block != NULL ? (header *)((char *)block - HEADER) : NULL;
    if (bytes == 0 || bytes > SIZE_MAX - HEADER) {
        if (bytes == 0 && old != NULL)
            release(old);
        return NULL;
    }
    const bool is_large = is_for_libc(bytes);
    const bool is_same = old == NULL || old->block.is_large == is_large;
    header *kept = is_same ? old : NULL;
    header *new =
        is_large ? resize_large(kept, bytes) : sqlite3_realloc64(kept, bytes + HEADER);
    if (new == NULL)
        return NULL;
    if (!is_same) {
        const size_t n = old->block.bytes < bytes ? old->block.bytes : bytes;
        memcpy((char *)new + HEADER, (char *)old + HEADER, n);
        release(old);
    }
    new->block.bytes = bytes;
    new->block.is_large = is_large;
    return (char *)new + HEADER;
}

size_t ext_memory_bytes(const void *block)
{
    return ((const header *)((const char *)block - HEADER))->block.bytes;
}

/* Returns 64 random bits from SQLite, for the hash tables of the library. */
static uint64_t draw(void *context)
{
    uint64_t number;
    (void)context;
    sqlite3_randomness(sizeof number, &number);
    return number;
}

const gru4rec_allocator ext_memory = {resize, NULL, draw};

/*
 * ext_memory.c - memory; see ext_base.h.
 *
 * Each block starts with a word that says whose it is, so that a growing array can move
 * from SQLite's memory to the C library's, which enlarges large blocks without copying
 * them. Under a hard heap limit they stay SQLite's, in whose account they then are.
 */
#include "ext_base.h"

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

/* Is such a block the C library's? */
static bool is_for_libc(size_t bytes)
{
    return bytes >= LARGE &&
           (bytes > MOST_OF_SQLITE - HEADER || sqlite3_hard_heap_limit64(-1) <= 0);
}

/* May such a block be the C library's? Also where SQLite cannot give it its limit holds. */
static bool is_allowed(size_t bytes)
{
    const sqlite3_int64 limit = sqlite3_hard_heap_limit64(-1);
    return limit <= 0 || (sqlite3_uint64)sqlite3_memory_used() + bytes <= (sqlite3_uint64)limit;
}

static header *resize_within(header *old, size_t bytes, bool is_large)
{
    return is_large ? realloc(old, bytes) : sqlite3_realloc64(old, bytes);
}

static void release(header *block)
{
    if (block->block.is_large)
        free(block);
    else
        sqlite3_free(block);
}

static void *resize(void *context, void *block, size_t bytes)
{
    (void)context;
    header *old = block != NULL ? (header *)((char *)block - HEADER) : NULL;
    const bool is_large = is_for_libc(bytes);
    if (bytes == 0 || bytes > SIZE_MAX - HEADER) {
        if (bytes == 0 && old != NULL)
            release(old);
        return NULL;
    }
    if (is_large && !is_allowed(bytes))
        return NULL;
    bool is_same = old == NULL || old->block.is_large == is_large;
    header *new = resize_within(is_same ? old : NULL, bytes + HEADER, is_large);
    if (new == NULL)
        return NULL;
    if (!is_same) {
        size_t kept = old->block.bytes < bytes ? old->block.bytes : bytes;
        memcpy((char *)new + HEADER, (char *)old + HEADER, kept);
        release(old);
    }
    new->block.bytes = bytes;
    new->block.is_large = is_large;
    return (char *)new + HEADER;
}

const gru4rec_allocator ext_memory = {resize, NULL};

size_t ext_memory_bytes(const void *block)
{
    return ((const header *)((const char *)block - HEADER))->block.bytes;
}

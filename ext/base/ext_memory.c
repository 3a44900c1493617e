/*
 * ext_memory.c - memory, and the keys of hash tables in it; see ext_base.h.
 *
 * Each block starts with a word that says whose it is, so that a growing array can move
 * from SQLite's memory to the C library's, which enlarges large blocks without copying
 * them.
 */
#include "ext_base.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER = 16, LARGE = 1 << 20 };

typedef union header {
    struct {
        size_t bytes;
        bool is_large;
    } block;
    char padding[HEADER];
} header;

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
    bool is_large = bytes >= LARGE;
    if (bytes == 0 || bytes > SIZE_MAX - HEADER) {
        if (bytes == 0 && old != NULL)
            release(old);
        return NULL;
    }
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

static uint64_t draw(void *context)
{
    uint64_t number;
    (void)context;
    sqlite3_randomness(sizeof number, &number);
    return number;
}

const gru4rec_allocator ext_memory = {resize, NULL, draw};

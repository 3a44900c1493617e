/* arena.c - one block of memory, divided into slices; see arena.h. */
#include "arena.h"

void *g4r_arena_take(g4r_arena *arena, size_t n, size_t bytes)
{
    size_t offset = arena->used;
    size_t total = g4r_mul(n, bytes);
    if (total > SIZE_MAX / 4 || offset > SIZE_MAX / 4) {
        arena->used = SIZE_MAX;
        return NULL;
    }
    total += G4R_ALIGNMENT - 1;
    arena->used = offset + (total - total % G4R_ALIGNMENT);
    return arena->base == NULL ? NULL : arena->base + offset;
}

size_t g4r_arena_bytes(const g4r_arena *arena)
{
    return g4r_alloc_aligned_bytes(arena->used);
}

/*
 * Makes base the block of an arena whose slices are counted and which has no block yet,
 * and sets used to 0, so that the slices are handed out from the block's beginning.
 * Returns true. If base is NULL, because the allocation failed, returns false and leaves
 * used as it is.
 */
static bool start(g4r_arena *arena, char *base)
{
    assert(arena->base == NULL);
    arena->base = base;
    if (base != NULL)
        arena->used = 0;
    return base != NULL;
}

bool g4r_arena_allocate(g4r_arena *arena, const gru4rec_allocator *allocator)
{
    return start(arena, g4r_alloc_aligned(allocator, arena->used));
}

bool g4r_arena_allocate_scratch(g4r_arena *arena, const gru4rec_allocator *allocator)
{
    return start(arena, g4r_alloc_scratch(allocator, arena->used));
}

void g4r_arena_free(g4r_arena *arena, const gru4rec_allocator *allocator)
{
    g4r_alloc_free_aligned(allocator, arena->base);
    arena->base = NULL;
    arena->used = 0;
}

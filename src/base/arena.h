/*
 * arena.h - one aligned block of memory, divided into slices.
 *
 * A layout function calls g4r_arena_take() for each slice that it needs. Its caller calls
 * it twice: first on an empty arena, {0}, which only counts the bytes; then, after
 * g4r_arena_allocate(), on the same arena, which hands out the slices. So the size and
 * the slices come from the same code and cannot disagree.
 */
#ifndef G4R_ARENA_H
#define G4R_ARENA_H

#include "alloc.h"

typedef struct g4r_arena {
    char *base; /* the block; NULL while the arena only counts */
    /* Bytes taken so far, from 0 again once there is a block; SIZE_MAX: overflow. */
    size_t used;
} g4r_arena;

/*
 * Takes a slice for n values of that many bytes each: adds its size, rounded up to a
 * multiple of G4R_ALIGNMENT, to used. Returns the slice's address, which is aligned to
 * G4R_ALIGNMENT, or NULL while the arena only counts. If the size overflows, returns NULL
 * and sets used to SIZE_MAX for good, so that g4r_arena_allocate() fails. Does not check
 * that the slice is in the block: the slices must be those that were counted.
 */
void *g4r_arena_take(g4r_arena *arena, size_t n, size_t bytes);
/*
 * Takes a slice for a matrix (rows, cols) of reals, as g4r_arena_take() does, and returns
 * its address, or NULL in the cases of g4r_arena_take().
 */
static inline g4r_real *g4r_arena_reals(g4r_arena *arena, size_t rows, size_t cols)
{
    return g4r_arena_take(arena, g4r_mul(rows, cols), sizeof(g4r_real));
}
/*
 * Returns the bytes that the block of an arena will take from the allocator, including
 * those for its alignment; SIZE_MAX if a size overflowed. Call it when the layout
 * function has counted the slices, and before the block is allocated.
 */
size_t g4r_arena_bytes(const g4r_arena *arena);
/*
 * Allocates a zeroed block of the counted size for an arena that has none, and sets used
 * to 0: g4r_arena_take() then hands out slices from the beginning of the block.
 * g4r_arena_free() frees the block. Returns false if there is not enough memory or a size
 * overflowed; the arena is unchanged then, so it still only counts.
 */
bool g4r_arena_allocate(g4r_arena *arena, const gru4rec_allocator *allocator);
/*
 * Works as g4r_arena_allocate(), but leaves the content of the block undefined. Pages of
 * the block that are never written then take no memory.
 */
bool g4r_arena_allocate_scratch(g4r_arena *arena, const gru4rec_allocator *allocator);
/*
 * Frees the arena's block, if it has one, and sets base to NULL and used to 0: the arena
 * is empty again, and only counts.
 */
void g4r_arena_free(g4r_arena *arena, const gru4rec_allocator *allocator);

#endif

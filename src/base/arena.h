/*
 * arena.h - one aligned block of memory, divided into slices.
 *
 * A layout function calls g4r_arena_take() for each slice that it needs. It is called
 * twice: first on an empty arena, {0}, which only counts the bytes; then, after
 * g4r_arena_allocate(), on the same arena, which hands out the slices. So the size and
 * the slices come from the same code and cannot disagree.
 */
#ifndef G4R_ARENA_H
#define G4R_ARENA_H

#include "alloc.h"

typedef struct g4r_arena {
    char *base;  /* the block; NULL while the arena only counts */
    size_t used; /* bytes taken so far; SIZE_MAX if a size overflowed */
} g4r_arena;

/*
 * Takes a slice for n values of that many bytes each, and returns its address, which is
 * aligned to G4R_ALIGNMENT. Returns NULL while the arena only counts.
 */
void *g4r_arena_take(g4r_arena *arena, size_t n, size_t bytes);
/* Takes a slice for a matrix (rows, cols). */
static inline g4r_real *g4r_arena_reals(g4r_arena *arena, size_t rows, size_t cols)
{
    return g4r_arena_take(arena, g4r_mul(rows, cols), sizeof(g4r_real));
}
/* Returns the bytes that the allocation of a counted arena takes; SIZE_MAX: too many. */
size_t g4r_arena_bytes(const g4r_arena *arena);
/*
 * Allocates a zeroed block of the counted size; g4r_arena_take() then hands out slices
 * from its beginning. Returns false if there is not enough memory; the arena still only
 * counts.
 */
bool g4r_arena_allocate(g4r_arena *arena, const gru4rec_allocator *allocator);
/*
 * Works as g4r_arena_allocate(), but leaves the content of the block undefined. Pages of
 * the block that are never written then take no memory.
 */
bool g4r_arena_allocate_scratch(g4r_arena *arena, const gru4rec_allocator *allocator);
/* Frees the block, and makes the arena empty again. */
void g4r_arena_free(g4r_arena *arena, const gru4rec_allocator *allocator);

#endif

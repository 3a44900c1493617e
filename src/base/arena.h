/*
 * arena.h - one aligned block carved into typed slices.
 *
 * A layout function takes its slices one after another. It runs twice: first on an empty
 * arena, which only counts the bytes, then on the allocated one, which hands them out.
 */
#ifndef G4R_ARENA_H
#define G4R_ARENA_H

#include "alloc.h"

typedef struct g4r_arena {
    char *base;  /* NULL while measuring */
    size_t used; /* bytes; SIZE_MAX once a size overflowed */
} g4r_arena;

/* n items of bytes each, aligned; NULL while measuring. */
void *g4r_arena_take(g4r_arena *arena, size_t n, size_t bytes);
/* The same for a matrix of values. */
static inline g4r_real *g4r_arena_reals(g4r_arena *arena, size_t rows, size_t cols)
{
    return g4r_arena_take(arena, g4r_mul(rows, cols), sizeof(g4r_real));
}
/* What the allocation of what was measured takes; SIZE_MAX: more than there can be. */
size_t g4r_arena_bytes(const g4r_arena *arena);
/* Allocates what was measured, zeroed, and starts again; false when memory is short. */
bool g4r_arena_allocate(g4r_arena *arena, const gru4rec_allocator *allocator);
/* The same with whatever is there: pages that nobody writes to cost nothing. */
bool g4r_arena_allocate_scratch(g4r_arena *arena, const gru4rec_allocator *allocator);
void g4r_arena_free(g4r_arena *arena, const gru4rec_allocator *allocator);

#endif

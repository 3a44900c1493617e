/*
 * alloc.h - memory from the allocator of the caller.
 *
 * The functions return NULL or false if there is not enough memory. A size that overflows
 * size_t counts as that, too (see g4r_mul() in base.h).
 */
#ifndef G4R_ALLOC_H
#define G4R_ALLOC_H

#include "base.h"

/* The allocator of the C library: realloc() and free(), without random keys. */
extern const gru4rec_allocator g4r_alloc_libc;

/*
 * Returns a zeroed block for n values of that many bytes each, aligned for any type, or
 * NULL. g4r_alloc_free() frees it.
 */
void *g4r_alloc(const gru4rec_allocator *allocator, size_t n, size_t bytes);
/*
 * Returns a zeroed block that is aligned to G4R_ALIGNMENT, or NULL. Only
 * g4r_alloc_free_aligned() can free it.
 */
void *g4r_alloc_aligned(const gru4rec_allocator *allocator, size_t bytes);
/*
 * Works as g4r_alloc_aligned(), but leaves the content of the block undefined. Pages of
 * the block that are never written then take no memory.
 */
void *g4r_alloc_scratch(const gru4rec_allocator *allocator, size_t bytes);
/* Returns the bytes that an aligned block takes, including those for its alignment. */
size_t g4r_alloc_aligned_bytes(size_t bytes);
/* Frees a block of g4r_alloc() or g4r_alloc_grow(). Accepts NULL. */
void g4r_alloc_free(const gru4rec_allocator *allocator, void *block);
/* Frees a block of g4r_alloc_aligned() or g4r_alloc_scratch(). Accepts NULL. */
void g4r_alloc_free_aligned(const gru4rec_allocator *allocator, void *block);
/* Frees the block that the variable points to, and sets the variable to NULL. */
#define G4R_ALLOC_CLEAR(allocator, variable) \
    (g4r_alloc_free((allocator), (variable)), (variable) = NULL)
/*
 * Makes room for n values of that many bytes each in an array. array is the address of
 * the pointer to its block, and *capacity the number of values that it has room for. If
 * the array must grow, it grows by at least half of its size, so that many small steps
 * stay cheap. The new places are not zeroed. Both variables are updated. Returns false,
 * and changes nothing, if there is not enough memory.
 */
bool g4r_alloc_grow(const gru4rec_allocator *allocator, void *array, size_t *capacity,
                    size_t n, size_t bytes);
/* Calls g4r_alloc_grow() for the variables of a typed array and of its capacity. */
#define G4R_ALLOC_GROW(allocator, array, capacity, n) \
    g4r_alloc_grow((allocator), &(array), &(capacity), (n), sizeof *(array))

#endif

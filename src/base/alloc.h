/*
 * alloc.h - memory from the allocator of the caller.
 *
 * The functions that allocate return NULL or false if there is not enough memory. A size
 * that overflows size_t counts as that, too (see g4r_mul() in base.h).
 */
#ifndef G4R_ALLOC_H
#define G4R_ALLOC_H

#include "base.h"

/*
 * The allocator of the C library: realloc() and free(). It has no function random, so the
 * keys of hash tables are always the same with it.
 */
extern const gru4rec_allocator g4r_alloc_libc;

/*
 * Returns a zeroed block for n values of that many bytes each, aligned for any type, or
 * NULL. If n is 0, the block has room for one value. g4r_alloc_free() frees it.
 */
void *g4r_alloc(const gru4rec_allocator *allocator, size_t n, size_t bytes);
/*
 * Returns a zeroed block of that many bytes, aligned to G4R_ALIGNMENT, or NULL. A block
 * of 4 MB or more begins at a multiple of 2 MB, and the system is asked to use large
 * pages for it. Only g4r_alloc_free_aligned() can free the block.
 */
void *g4r_alloc_aligned(const gru4rec_allocator *allocator, size_t bytes);
/*
 * Works as g4r_alloc_aligned(), but leaves the content of the block undefined. Pages of
 * the block that are never written then take no memory.
 */
void *g4r_alloc_scratch(const gru4rec_allocator *allocator, size_t bytes);
/*
 * Returns the bytes that g4r_alloc_aligned() takes from the allocator for a block of that
 * many bytes, including those for its alignment. Returns SIZE_MAX if they overflow.
 */
size_t g4r_alloc_aligned_bytes(size_t bytes);
/* Frees a block of g4r_alloc() or g4r_alloc_grow(). Accepts NULL. */
void g4r_alloc_free(const gru4rec_allocator *allocator, void *block);
/* Frees a block of g4r_alloc_aligned() or g4r_alloc_scratch(). Accepts NULL. */
void g4r_alloc_free_aligned(const gru4rec_allocator *allocator, void *block);
/*
 * Frees the block that the pointer variable has, if it is not NULL, and sets the variable
 * to NULL. The block must not be an aligned one.
 */
#define G4R_ALLOC_CLEAR(allocator, variable) \
    (g4r_alloc_free((allocator), (variable)), (variable) = NULL)
/*
 * Makes room for n values of that many bytes each in an array. array is the address of
 * the pointer to the array's block (NULL at first), and *capacity the number of values
 * that the block has room for. If n is not above *capacity, does nothing and returns
 * true. Otherwise the block grows by at least half of its size, to at least 16 values, so
 * that many small steps stay cheap; it may move, and the pointer and *capacity are
 * updated. The values that are there stay; the new places are not zeroed. Returns false,
 * and changes nothing, if there is not enough memory. g4r_alloc_free() frees the block.
 */
bool g4r_alloc_grow(const gru4rec_allocator *allocator, void *array, size_t *capacity,
                    size_t n, size_t bytes);
/*
 * Calls g4r_alloc_grow() to make room for n values in a typed array: array and capacity
 * are the variables that hold its pointer and its capacity. Gives what g4r_alloc_grow()
 * returns.
 */
#define G4R_ALLOC_GROW(allocator, array, capacity, n) \
    g4r_alloc_grow((allocator), &(array), &(capacity), (n), sizeof *(array))

#endif

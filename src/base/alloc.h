/*
 * alloc.h - memory through the caller's allocator.
 */
#ifndef G4R_ALLOC_H
#define G4R_ALLOC_H

#include "base.h"

/* The C library's. */
extern const gru4rec_allocator g4r_alloc_libc;

/* Zeroed; NULL when memory is short. n x bytes may overflow: that is short memory. */
void *g4r_alloc(const gru4rec_allocator *allocator, size_t n, size_t bytes);
/* Zeroed and aligned to G4R_ALIGNMENT; for g4r_alloc_free_aligned() only. */
void *g4r_alloc_aligned(const gru4rec_allocator *allocator, size_t bytes);
/* The same, but with whatever is there: pages that nobody writes to cost nothing. */
void *g4r_alloc_scratch(const gru4rec_allocator *allocator, size_t bytes);
/* What such a block takes, with what aligns it. */
size_t g4r_alloc_aligned_bytes(size_t bytes);
void g4r_alloc_free(const gru4rec_allocator *allocator, void *block);
void g4r_alloc_free_aligned(const gru4rec_allocator *allocator, void *block);
/* Frees the block that a variable points to, which is NULL then. */
#define G4R_ALLOC_CLEAR(allocator, variable) \
    (g4r_alloc_free((allocator), (variable)), (variable) = NULL)
/*
 * Makes room for n items of bytes each in *array, which has room for *capacity: at least
 * half as much again. False when memory is short: *array is as it was.
 */
bool g4r_alloc_grow(const gru4rec_allocator *allocator, void *array, size_t *capacity,
                    size_t n, size_t bytes);
/* The same for a typed array: its variable and that of its capacity. */
#define G4R_ALLOC_GROW(allocator, array, capacity, n) \
    g4r_alloc_grow((allocator), &(array), &(capacity), (n), sizeof *(array))

#endif

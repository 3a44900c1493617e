/*
 * base.h - what every file of the library sees: types, checked sizes, attributes.
 */
#ifndef G4R_BASE_H
#define G4R_BASE_H

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../../include/gru4rec.h"
#include "../../include/gru4rec_trace.h"

typedef gru4rec_real g4r_real;

/* Of arrays that kernels read: a cache line, and the widest vector register. */
enum { G4R_ALIGNMENT = 64 };

#define G4R_MIN(a, b) ((a) < (b) ? (a) : (b))
#define G4R_MAX(a, b) ((a) > (b) ? (a) : (b))
/* Negative, 0, positive, as comparing functions return it. */
#define G4R_COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

/* The function of <math.h> for g4r_real. */
#ifdef GRU4REC_DOUBLE
#define g4r_sqrt sqrt
#else
#define g4r_sqrt sqrtf
#endif

/* A row that is read soon; the processor finds the rest of a long one itself. */
static inline void g4r_prefetch(const g4r_real *row, size_t width)
{
    const size_t line = G4R_ALIGNMENT / sizeof *row, n = G4R_MIN(width, 16 * line);
    for (size_t i = 0; i < n; i += line)
        __builtin_prefetch(row + i);
}

/* a * b, or SIZE_MAX where that does not fit: larger than any allocator gives. */
static inline size_t g4r_mul(size_t a, size_t b)
{
    return b != 0 && a > SIZE_MAX / b ? SIZE_MAX : a * b;
}

/* a + b, likewise. */
static inline size_t g4r_add(size_t a, size_t b)
{
    return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

#endif

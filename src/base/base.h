/*
 * base.h - what every file of the library includes: types, checked sizes, small helpers.
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

/*
 * Alignment, in bytes, of the arrays that kernels read. It is the size of a cache line
 * and of the widest vector register.
 */
enum { G4R_ALIGNMENT = 64 };

#define G4R_MIN(a, b) ((a) < (b) ? (a) : (b))
#define G4R_MAX(a, b) ((a) > (b) ? (a) : (b))
/*
 * Gives -1, 0 or 1 if a is less than, equal to or greater than b. Both are evaluated
 * twice.
 */
#define G4R_COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

/* The square root function of <math.h> for g4r_real: sqrt() or sqrtf(). */
#ifdef GRU4REC_DOUBLE
#define g4r_sqrt sqrt
#else
#define g4r_sqrt sqrtf
#endif

/*
 * Asks the processor to fetch a row (width) into its cache, because the row will be read
 * soon. At most the first 16 cache lines of the row are asked for: the processor fetches
 * the rest of a longer row by itself.
 */
static inline void g4r_prefetch(const g4r_real *row, size_t width)
{
    const size_t line = G4R_ALIGNMENT / sizeof *row, n = G4R_MIN(width, 16 * line);
    for (size_t i = 0; i < n; i += line)
        __builtin_prefetch(row + i);
}

/*
 * Returns a * b, or SIZE_MAX if that overflows. No allocator gives SIZE_MAX bytes, so an
 * overflow becomes a failed allocation.
 */
static inline size_t g4r_mul(size_t a, size_t b)
{
    return b != 0 && a > SIZE_MAX / b ? SIZE_MAX : a * b;
}

/* Returns a + b, or SIZE_MAX if that overflows. */
static inline size_t g4r_add(size_t a, size_t b)
{
    return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

#endif

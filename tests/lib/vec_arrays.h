/*
 * vec_arrays.h - what the tests of the kernels share: the table under test, one stream of
 * random inputs, and arrays. These are allocated anew for each call, one value past the
 * block's start and up to its end, so that the sanitizer sees a step over either end and
 * no kernel gets an aligned array.
 */
#ifndef VEC_ARRAYS_H
#define VEC_ARRAYS_H

#include "test.h"

#include "../../src/base/rng.h"
#include "../../src/kernels/vec.h"

#include <float.h>

static const g4r_vec *vec;
static g4r_rng rng;

static const size_t sizes[] = {0, 1, 2, 7, 15, 16, 17, 31, 33, 100, 2080};
enum { N_SIZES = sizeof sizes / sizeof *sizes };

static g4r_real *blocks[32];
static int n_blocks;

static inline g4r_real *array(size_t n)
{
    g4r_real *block = malloc((n + 1) * sizeof *block);
    if (block == NULL || n_blocks == 32)
        exit(test_end());
    blocks[n_blocks++] = block;
    for (size_t i = 0; i < n; i++)
        block[i + 1] = -12345;
    return block + 1;
}

static inline void drop_arrays(void)
{
    while (n_blocks > 0)
        free(blocks[--n_blocks]);
}

static inline g4r_real *random_array(size_t n, double low, double high)
{
    g4r_real *x = array(n);
    for (size_t i = 0; i < n; i++)
        x[i] = (g4r_real)(low + (high - low) * g4r_rng_uniform(&rng));
    return x;
}

static inline g4r_real *copy_of(const g4r_real *x, size_t n)
{
    g4r_real *y = array(n);
    if (n > 0)
        memcpy(y, x, n * sizeof *y);
    return y;
}

/* tanh is an activation; sigmoid comes out of the original cell's gates. */
static inline g4r_real tanh_of(g4r_real x)
{
    const g4r_activation act = {GRU4REC_ACT_TANH, 0, 0};
    vec->activate(&x, &act, 1);
    return x;
}

static inline g4r_real sigmoid_of(g4r_real x)
{
    g4r_real gates[3] = {0}, reset_old, input[3] = {0, x, x}, zero[3] = {0};
    vec->cell.original_gates(gates, &reset_old, input, zero, zero, zero, 1);
    return gates[1];
}

#endif

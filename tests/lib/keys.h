/* keys.h - an allocator whose hash keys are random, the same for the same seed. */
#ifndef KEYS_H
#define KEYS_H

#include "../../src/base/alloc.h"
#include "../../src/base/rng.h"

static inline void *keys_resize(void *rng, void *block, size_t bytes)
{
    (void)rng;
    return g4r_alloc_libc.resize(NULL, block, bytes);
}

static inline uint64_t keys_random(void *rng)
{
    return g4r_rng_next(rng);
}

static inline gru4rec_allocator keys_allocator(g4r_rng *rng, int64_t seed)
{
    g4r_rng_seed(rng, seed, 1, 0);
    return (gru4rec_allocator){keys_resize, rng, keys_random};
}

#endif

/*
 * rng.h - random numbers.
 *
 * Two kinds. A stream (xoshiro256++ by Blackman and Vigna) for things drawn one after
 * another: initial weights, negative samples. And a hash of (key, index) for dropout
 * masks: every element's number is known without drawing those before it, so masks
 * vectorise and do not depend on the order in which they are made. Same seed, same
 * numbers, anywhere.
 */
#ifndef G4R_RNG_H
#define G4R_RNG_H

#include "base.h"

typedef struct g4r_rng {
    uint64_t state[4];
} g4r_rng;

/*
 * Independent streams of one seed, and of those that training draws from one for each
 * epoch: so an epoch's numbers are known without running those before it.
 */
enum {
    G4R_STREAM_INIT = 1,
    G4R_STREAM_SAMPLES,
    G4R_STREAM_DROPOUT,
    G4R_STREAM_ORDER,
    G4R_STREAM_NEGATIVES, /* of an evaluation, one for each event */
    G4R_STREAM_SIGNS      /* of a comparison */
};

void g4r_rng_seed(g4r_rng *rng, int64_t seed, uint64_t stream, int64_t epoch);
uint64_t g4r_rng_next(g4r_rng *rng);
double g4r_rng_uniform(g4r_rng *rng);             /* in [0, 1), 53 bits */
uint64_t g4r_rng_below(g4r_rng *rng, uint64_t n); /* in [0, n), each as likely */

/* 32 random bits of element index under key; passes for random in low and high bits. */
static inline uint32_t g4r_rng_hash(uint32_t key, uint32_t index)
{
    uint32_t x = index * 0x9e3779b9u + key;
    x ^= x >> 16;
    x *= 0x21f0aaadu;
    x ^= x >> 15;
    x *= 0x735a2d97u;
    x ^= x >> 15;
    return x;
}

#endif

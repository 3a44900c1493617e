/*
 * rng.h - random numbers.
 *
 * There are two kinds. A stream (xoshiro256++ by Blackman and Vigna) gives numbers that
 * are drawn one after another, such as initial weights and negative samples. A hash of
 * (key, index) gives the numbers of dropout masks: the number of an element is known
 * without drawing the numbers before it, so masks can be made by vector instructions and
 * in any order. The same seed gives the same numbers on every machine.
 */
#ifndef G4R_RNG_H
#define G4R_RNG_H

#include "base.h"

typedef struct g4r_rng {
    uint64_t words[4]; /* not all zero */
} g4r_rng;

/*
 * The independent streams of one seed. Training has one of each kind for each epoch, so
 * that the numbers of an epoch are known without running the epochs before it.
 */
enum {
    G4R_STREAM_INIT = 1,  /* initial weights */
    G4R_STREAM_SAMPLES,   /* negative samples of a training's epoch */
    G4R_STREAM_DROPOUT,   /* keys of the dropout masks of an epoch */
    G4R_STREAM_ORDER,     /* order of the sessions in an epoch */
    G4R_STREAM_NEGATIVES, /* negative items of an evaluation; one stream for each event */
    G4R_STREAM_SIGNS,     /* random signs of a comparison */
    G4R_STREAM_PROPOSALS  /* values that a tuning tries; one stream for each trial */
};

/*
 * Starts the stream of (seed, stream, epoch) in *rng. stream is one of G4R_STREAM_...;
 * epoch is the epoch of a training, the event of an evaluation, or the trial of a tuning.
 */
void g4r_rng_seed(g4r_rng *rng, int64_t seed, uint64_t stream, int64_t epoch);
/* Returns the next 64 random bits of the stream, which moves on. */
uint64_t g4r_rng_next(g4r_rng *rng);
/* Returns a random number in [0, 1) with 53 random bits; the stream moves on. */
double g4r_rng_uniform(g4r_rng *rng);
/*
 * Returns a random integer in [0, n), n > 0; all are equally likely. The stream moves on.
 */
uint64_t g4r_rng_below(g4r_rng *rng, uint64_t n);

/*
 * Returns 32 random bits for the element index under key. Low bits are as random as high
 * ones.
 */
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

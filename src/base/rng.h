/*
 * rng.h - random numbers, for simulation and sampling, not for secrets.
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
    uint64_t words[4]; /* state of the generator; not all zero */
} g4r_rng;

/*
 * The kinds of streams of one seed. The streams are independent of each other. Samples,
 * dropout and order have a stream for each epoch, so that the numbers of an epoch are
 * known without running the epochs before it.
 */
enum {
    G4R_STREAM_INIT = 1,  /* initial weights; one stream */
    G4R_STREAM_SAMPLES,   /* negative samples of a training; one for each epoch */
    G4R_STREAM_DROPOUT,   /* keys of the dropout masks; one for each epoch */
    G4R_STREAM_ORDER,     /* random order of the sessions; one for each epoch */
    G4R_STREAM_NEGATIVES, /* items drawn by an evaluation; one for each event */
    G4R_STREAM_SIGNS,     /* random signs of a comparison; one stream */
    G4R_STREAM_PROPOSALS, /* values that a tuning tries; one for each trial */
    G4R_STREAM_MAP        /* what a map of the items begins with; one stream */
};

/*
 * Puts *rng at the beginning of the stream of (seed, stream, epoch). stream is one of
 * G4R_STREAM_...; epoch is the epoch of a training, the event of an evaluation, the trial
 * of a tuning, or 0 for a kind with one stream.
 */
void g4r_rng_seed(g4r_rng *rng, int64_t seed, uint64_t stream, int64_t epoch);
/*
 * Returns the number that stands for an epoch in g4r_rng_seed() for a part of a training,
 * counted from 0, that draws its own numbers. For part 0, it is the epoch itself.
 */
static inline int64_t g4r_rng_part(int64_t epoch, int64_t part)
{
    return (int64_t)((uint64_t)epoch + ((uint64_t)part << 40));
}
/* Returns the next 64 random bits of the stream, and moves the stream on. */
uint64_t g4r_rng_next(g4r_rng *rng);
/* Returns a random multiple of 2^-53 in [0, 1), and moves the stream on by one number. */
double g4r_rng_uniform(g4r_rng *rng);
/*
 * Returns a random integer in [0, n), n > 0; all are equally likely. The stream moves on
 * by one number, or by more, because some numbers are drawn again.
 */
uint64_t g4r_rng_below(g4r_rng *rng, uint64_t n);

/*
 * Returns 32 random bits for the element index under key. The same two arguments always
 * give the same bits. The low bits are as random as the high ones.
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

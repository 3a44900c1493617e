/* rng.c - random numbers; see rng.h. */
#include "rng.h"

/*
 * Returns the next number of the generator splitmix64, and moves its state *x on.
 * g4r_rng_seed() fills the words of a stream with such numbers, because these words must
 * not be all zero, and similar seeds must give different words.
 */
static uint64_t split_mix(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void g4r_rng_seed(g4r_rng *rng, int64_t seed, uint64_t stream, int64_t epoch)
{
    uint64_t x = (uint64_t)seed;
    x = split_mix(&x) ^ ((stream + 16 * (uint64_t)epoch) * 0xd1342543de82ef95u);
    for (int i = 0; i < 4; i++)
        rng->words[i] = split_mix(&x);
}

static uint64_t rotate(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t g4r_rng_next(g4r_rng *rng)
{
    uint64_t *s = rng->words;
    uint64_t result = rotate(s[0] + s[3], 23) + s[0];
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate(s[3], 45);
    return result;
}

double g4r_rng_uniform(g4r_rng *rng)
{
    return (double)(g4r_rng_next(rng) >> 11) * 0x1p-53;
}

uint64_t g4r_rng_below(g4r_rng *rng, uint64_t n)
{
    /*
     * If a number is not below last, the largest multiple of n up to 2^64 - 1, another
     * one is drawn: the remainders of these few numbers would make small results more
     * likely than large ones.
     */
    uint64_t last = UINT64_MAX - UINT64_MAX % n, x;
    do
        x = g4r_rng_next(rng);
    while (x >= last);
    return x % n;
}

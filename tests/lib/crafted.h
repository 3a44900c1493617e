/*
 * crafted.h - ids whose hashes would all meet in a table that has no key: those of the
 * mixer that this library once had, h(x) = m(x) with two rounds of x ^= x >> 32, x *= K.
 * Nobody can do so for a table whose key is secret.
 */
#ifndef CRAFTED_H
#define CRAFTED_H

#include <string.h>

#include "../../include/gru4rec.h"

#define CRAFTED_MIX 0xd6e8feb86659fd93u
#define CRAFTED_STEP 0x100000001b3u

/* The x with x * odd = 1; each round doubles the bits that are right. */
static inline uint64_t crafted_inverse(uint64_t odd)
{
    uint64_t x = odd;
    for (int i = 0; i < 6; i++)
        x *= 2 - odd * x;
    return x;
}

/* What the mixer makes h of. */
static inline uint64_t crafted_unmix(uint64_t h)
{
    const uint64_t inverse = crafted_inverse(CRAFTED_MIX);
    h = (h ^ (h >> 32)) * inverse;
    h = (h ^ (h >> 32)) * inverse;
    return h ^ (h >> 32);
}

/* The same upper half for all i. */
static inline uint64_t crafted_target(uint32_t i)
{
    return crafted_unmix((uint64_t)0xdeadbeefu << 32 | i);
}

static inline int64_t crafted_integer(uint32_t i)
{
    return (int64_t)crafted_target(i);
}

/* Bits of a real number, which may be an integer or none at all. */
static inline double crafted_real(uint32_t i)
{
    const uint64_t bits = crafted_target(i) - GRU4REC_ID_REAL;
    double real;
    memcpy(&real, &bits, sizeof real);
    return real;
}

/* The word that leads the hash of bytes from before to one that the mixer takes to i. */
static inline uint64_t crafted_word(uint64_t before, uint64_t n_bytes, uint32_t i)
{
    const uint64_t after = crafted_target(i) - n_bytes;
    return ((after ^ (after >> 32)) * crafted_inverse(CRAFTED_STEP)) ^ before;
}

/* 8 or 16 bytes of a text or blob. */
static inline void crafted_bytes(char *bytes, size_t n, gru4rec_id_type type, uint32_t i)
{
    uint64_t hash = (uint64_t)type, word = 0x6170706c65000000u + i;
    if (n == 16) {
        memcpy(bytes, &word, sizeof word);
        hash = (hash ^ word) * CRAFTED_STEP;
        hash ^= hash >> 32;
    }
    word = crafted_word(hash, n, i);
    memcpy(bytes + n - sizeof word, &word, sizeof word);
}

#endif

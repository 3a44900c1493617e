/*
 * hash.h - hashes of numbers and of bytes.
 */
#ifndef G4R_HASH_H
#define G4R_HASH_H

#include "base.h"

/* Where a hash of bytes begins that nothing else is mixed into. */
#define G4R_HASH_START 0xcbf29ce484222325u

/* Every bit of x reaches every bit of the result; no two x have the same. */
static inline uint64_t g4r_hash_mix(uint64_t x)
{
    x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
    x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
    return x ^ (x >> 32);
}

/* One step of FNV-1a, by 8 bytes. */
static inline uint64_t g4r_hash_word(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x100000001b3u;
    return hash ^ (hash >> 32);
}

/*
 * Goes on from hash. The last word is filled up with zeros: whoever tells lengths apart
 * adds n. Databases keep such hashes, so it never changes.
 */
static inline uint64_t g4r_hash_bytes(uint64_t hash, const void *bytes, size_t n)
{
    const char *at = bytes;
    uint64_t word;
    for (; n >= sizeof word; n -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        hash = g4r_hash_word(hash, word);
    }
    if (n == 0)
        return hash;
    word = 0;
    memcpy(&word, at, n);
    return g4r_hash_word(hash, word);
}

#endif

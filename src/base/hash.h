/*
 * hash.h - hashes of numbers and of bytes: those of hash tables, which have a key, and the
 * one of fingerprints, which never changes.
 *
 * Who chooses the ids of a table without knowing its key must not be able to choose ids
 * that meet in it: else n of them cost n^2. So they are multiplied by secret words, and
 * the halves of the product folded: whether two ids meet depends on the key alone.
 */
#ifndef G4R_HASH_H
#define G4R_HASH_H

#include "base.h"

/* ---- of hash tables ---- */

typedef struct g4r_hash_key {
    uint64_t a, b;
} g4r_hash_key;

/* A key of the caller's random numbers; always the same one where there are none. */
static inline g4r_hash_key g4r_hash_new_key(const gru4rec_allocator *allocator)
{
    g4r_hash_key key = {0x9e3779b97f4a7c15u, 0xd6e8feb86659fd93u};
    if (allocator->random != NULL) {
        key.a = allocator->random(allocator->context);
        key.b = allocator->random(allocator->context);
    }
    return key;
}

/* As g4r_hash_fold(), in 64 bits. */
static inline uint64_t g4r_hash_fold_parts(uint64_t x, uint64_t y)
{
    const uint64_t half = 0xffffffffu;
    const uint64_t low = (x & half) * (y & half), high = (x >> 32) * (y >> 32);
    const uint64_t one = (x >> 32) * (y & half) + (low >> 32);
    const uint64_t other = (x & half) * (y >> 32) + (one & half);
    return (high + (one >> 32) + (other >> 32)) ^ (other << 32 | (low & half));
}

/* The two halves of the product x y, one upon the other. */
static inline uint64_t g4r_hash_fold(uint64_t x, uint64_t y)
{
#ifdef __SIZEOF_INT128__
    __extension__ typedef unsigned __int128 wide;
    const wide product = (wide)x * y;
    return (uint64_t)(product >> 64) ^ (uint64_t)product;
#else
    return g4r_hash_fold_parts(x, y);
#endif
}

/* kind: tells apart what has the same value. */
static inline uint64_t g4r_hash_keyed(g4r_hash_key key, uint64_t kind, uint64_t value)
{
    return g4r_hash_fold(g4r_hash_fold(value ^ key.a, key.b + kind) ^ key.b, key.a);
}

/* Sets the two words of n <= 16 bytes, which tell them apart from all others of n. */
static inline void g4r_hash_ends(uint64_t words[2], const char *bytes, size_t n)
{
    words[0] = words[1] = 0;
    if (n >= 8) {
        memcpy(&words[0], bytes, 8);
        memcpy(&words[1], bytes + n - 8, 8);
    } else if (n >= 4) {
        memcpy(&words[0], bytes, 4);
        memcpy(&words[1], bytes + n - 4, 4);
    } else if (n > 0) {
        memcpy(&words[0], bytes, 1);
        memcpy(&words[1], bytes + n / 2, 1);
        memcpy((char *)&words[1] + 1, bytes + n - 1, 1);
    }
}

static inline uint64_t g4r_hash_keyed_bytes(g4r_hash_key key, uint64_t kind,
                                            const void *bytes, size_t n)
{
    const char *at = bytes;
    uint64_t words[2], hash = key.b, left = n;
    for (; left > sizeof words; left -= sizeof words, at += sizeof words) {
        memcpy(words, at, sizeof words);
        hash = g4r_hash_fold(words[0] ^ key.a, words[1] ^ hash);
    }
    g4r_hash_ends(words, at, left);
    hash = g4r_hash_fold(words[0] ^ key.a, words[1] ^ hash);
    return g4r_hash_keyed(key, kind + n, hash);
}

/* ---- of fingerprints ---- */

/* Where a hash of bytes begins that nothing else is mixed into. */
#define G4R_HASH_START 0xcbf29ce484222325u

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

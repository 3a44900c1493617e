/*
 * hash.h - hashes of numbers and of bytes. There are two kinds: hashes for hash tables,
 * which depend on a secret key, and the hash for fingerprints, which never changes.
 *
 * An attacker who chooses the ids of a hash table must not be able to choose ids with
 * equal hashes: n such ids would take time n^2. So an id is multiplied by secret words,
 * and the two halves of the product are combined by XOR ("folded"). Whether the hashes of
 * two ids are equal then depends on the key, which the attacker does not know.
 */
#ifndef G4R_HASH_H
#define G4R_HASH_H

#include "base.h"

/* ---- for hash tables ---- */

/* The secret key of a hash table. */
typedef struct g4r_hash_key {
    uint64_t a, b;
} g4r_hash_key;

/*
 * Returns a new key for a hash table: two numbers from the allocator's function random.
 * If random is NULL, the key is always the same.
 */
static inline g4r_hash_key g4r_hash_new_key(const gru4rec_allocator *allocator)
{
    g4r_hash_key key = {0x9e3779b97f4a7c15u, 0xd6e8feb86659fd93u};
    if (allocator->random != NULL) {
        key.a = allocator->random(allocator->context);
        key.b = allocator->random(allocator->context);
    }
    return key;
}

/*
 * Returns the same as g4r_hash_fold() below, the upper 64 bits of x y XOR its lower 64
 * bits, on machines without 128-bit products: it is the sum of four products of 32-bit
 * halves.
 */
static inline uint64_t g4r_hash_fold_parts(uint64_t x, uint64_t y)
{
    const uint64_t half = 0xffffffffu;
    const uint64_t low = (x & half) * (y & half), high = (x >> 32) * (y >> 32);
    const uint64_t one = (x >> 32) * (y & half) + (low >> 32);
    const uint64_t other = (x & half) * (y >> 32) + (one & half);
    return (high + (one >> 32) + (other >> 32)) ^ (other << 32 | (low & half));
}

/* Returns the upper 64 bits of the product x y, XOR its lower 64 bits. */
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

/*
 * Returns the hash of a 64-bit value for a hash table with this key. kind, a small number
 * for the type of the value, gives equal values of different types different hashes.
 */
static inline uint64_t g4r_hash_keyed(g4r_hash_key key, uint64_t kind, uint64_t value)
{
    return g4r_hash_fold(g4r_hash_fold(value ^ key.a, key.b + kind) ^ key.b, key.a);
}

/*
 * Fills two words from n <= 16 bytes. If n >= 8, these are the first 8 and the last 8
 * bytes; if n >= 4, the first 4 and the last 4, filled up with zeros; if n is 1 to 3, the
 * first byte, and the middle and the last one; if n is 0, both words are 0. A byte can be
 * in both words. Different bytes of the same length n give different words.
 */
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

/*
 * Returns the hash of n bytes, any number of them, for a hash table with this key. The
 * bytes are folded 16 at a time; the number n also changes the hash. kind, a small number
 * for the type of the bytes, gives equal bytes of different types different hashes.
 */
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

/* ---- for fingerprints ---- */

/* The value with which a chain of g4r_hash_word() or g4r_hash_bytes() begins. */
#define G4R_HASH_START 0xcbf29ce484222325u

/*
 * Returns hash with one word mixed in: hash XOR word, times the prime of FNV-1a. This is
 * a step of FNV-1a, with 8 bytes instead of one. Then the upper half of the product is
 * added to its lower half by XOR. Databases store such hashes, so this function must
 * never change.
 */
static inline uint64_t g4r_hash_word(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x100000001b3u;
    return hash ^ (hash >> 32);
}

/*
 * Returns the number that n bytes (at most 8) stand for, the lowest byte first. It is the
 * same on every machine.
 */
static inline uint64_t g4r_hash_read(const unsigned char *bytes, size_t n)
{
    uint64_t word = 0;
    for (size_t i = 0; i < n; i++)
        word |= (uint64_t)bytes[i] << 8 * i;
    return word;
}

/*
 * Returns hash with n bytes mixed in by g4r_hash_word(), 8 bytes at a time, the lowest
 * first. If n is 0, it returns hash itself. The last word is filled up with zero bytes,
 * so bytes that differ only in zeros at the end can get the same hash. A caller for whom
 * lengths matter mixes in n as well. Databases store such hashes, so this function must
 * never change.
 */
static inline uint64_t g4r_hash_bytes(uint64_t hash, const void *bytes, size_t n)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < n; i += sizeof hash)
        hash = g4r_hash_word(hash, g4r_hash_read(at + i, G4R_MIN(n - i, sizeof hash)));
    return hash;
}

/*
 * Returns hash with n numbers of size bytes (4 or 8) each mixed in by g4r_hash_word(): a
 * word for each of 8 bytes, and for each two of 4 bytes, of which the first is the lower
 * half. So the hash is the same on every machine; it is that of g4r_hash_bytes() where
 * numbers have their lowest byte first. Databases store such hashes, so this function
 * must never change.
 */
static inline uint64_t g4r_hash_numbers(uint64_t hash, const void *numbers, size_t n,
                                        size_t size)
{
    const char *at = numbers;
    for (size_t i = 0; i < n; i += sizeof hash / size) {
        uint32_t halves[2] = {0};
        uint64_t word;
        memcpy(halves, at + i * size, G4R_MIN((n - i) * size, sizeof halves));
        memcpy(&word, halves, sizeof word);
        if (size < sizeof word)
            word = halves[0] | (uint64_t)halves[1] << 32;
        hash = g4r_hash_word(hash, word);
    }
    return hash;
}

#endif

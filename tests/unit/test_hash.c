/*
 * test_hash.c - hash.h: products in 64 and 128 bits are the same, keys and every byte
 * count, and the hash of fingerprints is what it always was.
 */
#include "../lib/keys.h"
#include "../lib/test.h"

#include "../../src/base/hash.h"

static void products_are_folded(void)
{
    static const uint64_t some[] = {0,
                                    1,
                                    2,
                                    0xffffffffu,
                                    0x100000000u,
                                    0x8000000000000000u,
                                    0xffffffff00000000u,
                                    UINT64_MAX};
    g4r_rng rng;
    g4r_rng_seed(&rng, 1, 1, 0);
    CHECK(g4r_hash_fold_parts(0x100000000u, 0x100000000u) == 1);
    CHECK(g4r_hash_fold_parts(UINT64_MAX, UINT64_MAX) == UINT64_MAX);
    for (int i = 0; i < 8; i++)
        for (int k = 0; k < 8; k++)
            CHECK(g4r_hash_fold(some[i], some[k]) ==
                  g4r_hash_fold_parts(some[i], some[k]));
    for (int i = 0; i < 10000; i++) {
        const uint64_t x = g4r_rng_next(&rng), y = g4r_rng_next(&rng) >> (i % 64);
        CHECK(g4r_hash_fold(x, y) == g4r_hash_fold_parts(x, y));
    }
}

static void without_random_numbers_the_key_is_fixed(void)
{
    g4r_rng rng;
    const gru4rec_allocator allocator = keys_allocator(&rng, 1);
    const g4r_hash_key fixed = g4r_hash_new_key(&g4r_alloc_libc);
    const g4r_hash_key again = g4r_hash_new_key(&g4r_alloc_libc);
    const g4r_hash_key one = g4r_hash_new_key(&allocator);
    const g4r_hash_key two = g4r_hash_new_key(&allocator);
    CHECK(fixed.a == again.a && fixed.b == again.b);
    CHECK(fixed.a != fixed.b && one.a != one.b);
    CHECK(one.a != two.a && one.b != two.b && one.a != fixed.a);
}

/* The upper halves are what a table looks at. */
static bool differ(uint64_t a, uint64_t b)
{
    return a >> 32 != b >> 32;
}

/* Each bit of the key and of the bytes, and each length, makes another hash. */
static void every_byte_counts(void)
{
    enum { MOST = 67 };
    char bytes[MOST + 1] = {0};
    g4r_rng rng;
    const gru4rec_allocator allocator = keys_allocator(&rng, 2);
    for (size_t n = 0; n <= MOST; n++) {
        const g4r_hash_key key = g4r_hash_new_key(&allocator);
        const g4r_hash_key a = {key.a ^ 1, key.b}, b = {key.a, key.b ^ 1};
        const uint64_t hash = g4r_hash_keyed_bytes(key, 2, bytes, n);
        CHECK(hash == g4r_hash_keyed_bytes(key, 2, bytes, n));
        CHECK(differ(hash, g4r_hash_keyed_bytes(a, 2, bytes, n)));
        CHECK(differ(hash, g4r_hash_keyed_bytes(b, 2, bytes, n)));
        CHECK(differ(hash, g4r_hash_keyed_bytes(key, 2, bytes, n + 1)));
        CHECK(differ(hash, g4r_hash_keyed_bytes(key, 3, bytes, n)));
        for (size_t i = 0; i < 8 * n; i++) {
            bytes[i / 8] ^= (char)(1 << i % 8);
            CHECK(differ(hash, g4r_hash_keyed_bytes(key, 2, bytes, n)));
            bytes[i / 8] ^= (char)(1 << i % 8);
        }
    }
}

static void every_bit_counts(void)
{
    g4r_rng rng;
    const gru4rec_allocator allocator = keys_allocator(&rng, 3);
    for (int round = 0; round < 100; round++) {
        const g4r_hash_key key = g4r_hash_new_key(&allocator);
        const uint64_t value = g4r_rng_next(&rng);
        for (int i = 0; i < 64; i++)
            CHECK(differ(g4r_hash_keyed(key, 0, value),
                         g4r_hash_keyed(key, 0, value ^ (uint64_t)1 << i)));
        CHECK(differ(g4r_hash_keyed(key, 0, value), g4r_hash_keyed(key, 1, value)));
    }
}

/* Checkpoints in databases keep them. */
static void fingerprints_never_change(void)
{
    static const char text[] = "session-based recommendations";
    CHECK(g4r_hash_bytes(G4R_HASH_START, text, 0) == G4R_HASH_START);
    CHECK(g4r_hash_bytes(G4R_HASH_START, text, 5) == 0xde865b3be19cdf19u);
    CHECK(g4r_hash_bytes(G4R_HASH_START, text, 16) == 0xd46f4d38f8a28d39u);
    CHECK(g4r_hash_bytes(G4R_HASH_START, text, sizeof text) == 0x01051e7609af135bu);
}

/* Numbers have the hash of their bytes on a machine with the lowest byte first. */
static void numbers_have_the_same_hash_everywhere(void)
{
    static const int32_t small[] = {1, -2, 0x01020304};
    static const int64_t large[] = {1, -2, 0x0102030405060708};
    static const unsigned char small_bytes[] = {1,    0,    0, 0, 0xfe, 0xff,
                                                0xff, 0xff, 4, 3, 2,    1};
    static const unsigned char large_bytes[] = {1,    0,    0,    0,    0,    0,
                                                0,    0,    0xfe, 0xff, 0xff, 0xff,
                                                0xff, 0xff, 0xff, 0xff, 8,    7,
                                                6,    5,    4,    3,    2,    1};
    for (size_t n = 0; n <= 3; n++) {
        CHECK(g4r_hash_numbers(7, small, n, 4) == g4r_hash_bytes(7, small_bytes, 4 * n));
        CHECK(g4r_hash_numbers(7, large, n, 8) == g4r_hash_bytes(7, large_bytes, 8 * n));
    }
}

int main(void)
{
    RUN(products_are_folded);
    RUN(without_random_numbers_the_key_is_fixed);
    RUN(every_byte_counts);
    RUN(every_bit_counts);
    RUN(fingerprints_never_change);
    RUN(numbers_have_the_same_hash_everywhere);
    return test_end();
}

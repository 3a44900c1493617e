/* md5.c - MD5 (RFC 1321); see md5.h. The same on each system, whose libraries differ. */
#include "md5.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static uint32_t rotate(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

/* The word i of the block, whose first byte is the lowest on all processors. */
static uint32_t word_of(const unsigned char *block, size_t i)
{
    const unsigned char *at = block + 4 * i;
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
           (uint32_t)at[3] << 24;
}

/* One full block: four rounds of 16 steps. */
static void mix(md5 *sum)
{
    static const unsigned char turns[4][4] = {{7, 12, 17, 22},
                                              {5, 9, 14, 20},
                                              {4, 11, 16, 23},
                                              {6, 10, 15, 21}};
    uint32_t a = sum->state[0], b = sum->state[1], c = sum->state[2], d = sum->state[3];
    for (uint32_t i = 0; i < 64; i++) {
        const uint32_t f[] = {(b & c) | (~b & d), (d & b) | (~d & c), b ^ c ^ d,
                              c ^ (b | ~d)};
        const uint32_t word[] = {i, (5 * i + 1) % 16, (3 * i + 5) % 16, 7 * i % 16};
        const uint32_t constant = (uint32_t)(fabs(sin(i + 1.0)) * 4294967296.0);
        const uint32_t next =
            b + rotate(a + f[i / 16] + constant + word_of(sum->block, word[i / 16]),
                       turns[i / 16][i % 4]);
        a = d;
        d = c;
        c = b;
        b = next;
    }
    sum->state[0] += a;
    sum->state[1] += b;
    sum->state[2] += c;
    sum->state[3] += d;
}

void md5_start(md5 *sum)
{
    *sum = (md5){.state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}};
}

void md5_add(md5 *sum, const void *bytes, size_t n)
{
    for (const unsigned char *at = bytes; n > 0; at++, n--) {
        sum->block[sum->n_bytes++ % 64] = *at;
        if (sum->n_bytes % 64 == 0)
            mix(sum);
    }
}

void md5_end(md5 *sum, char hex[33])
{
    const uint64_t n_bits = sum->n_bytes * 8;
    unsigned char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)(n_bits >> 8 * i);
    md5_add(sum, "\x80", 1);
    while (sum->n_bytes % 64 != 56)
        md5_add(sum, "", 1);
    md5_add(sum, length, sizeof length);
    for (int i = 0; i < 16; i++)
        snprintf(hex + 2 * i, 3, "%02x", sum->state[i / 4] >> 8 * (i % 4) & 0xff);
}

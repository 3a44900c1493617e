/* md5.h - MD5 (RFC 1321) of bytes that come in pieces. */
#ifndef MD5_H
#define MD5_H

#include <stddef.h>
#include <stdint.h>

typedef struct md5 {
    uint32_t state[4];
    uint64_t n_bytes;
    unsigned char block[64]; /* n_bytes % 64 of them wait */
} md5;

void md5_start(md5 *sum);
void md5_add(md5 *sum, const void *bytes, size_t n);
/* The sum in hex, and NUL; afterwards nothing can be added. */
void md5_end(md5 *sum, char hex[33]);

#endif

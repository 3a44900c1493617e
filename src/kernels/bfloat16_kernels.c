/*
 * bfloat16_kernels.c - one body of the kernels of bfloat16.h.
 *
 * The Makefile compiles this file once for each body, with the flags that allow its
 * instructions and with its name in BODY_NAME. bfloat16_pack.h packs; the product is that
 * of bfloat16_tiles.h for AMX, else that of bfloat16_pairs.h.
 */
#include "bfloat16.h"

#include "bfloat16_pack.h"
#include "bfloat16_pairs.h"
#include "bfloat16_tiles.h"

/* CONCAT joins two names, and TEXT makes a string, after BODY_NAME was replaced. */
#define CONCAT2(a, b) a##b
#define CONCAT(a, b) CONCAT2(a, b)
#define TEXT2(a) #a
#define TEXT(a) TEXT2(a)

const g4r_bfloat16 CONCAT(g4r_bfloat16_kernels_, BODY_NAME) = {
    .name = TEXT(BODY_NAME),
    .pack_left = pack_left,
    .pack_left_turned = pack_left_turned,
    .pack_right = pack_right,
    .pack_right_turned = pack_right_turned,
    .multiply = multiply,
};

/*
 * tile_model.h - a model of AMX's tile registers in software, by Intel's description of
 * the instructions, with the names of the intrinsics. What includes it before
 * bfloat16_tiles.h runs that kernel on any processor.
 *
 * Each use is checked: registers must be configured first, and what an instruction reads
 * must have been loaded since.
 */
#ifndef TILE_MODEL_H
#define TILE_MODEL_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MODEL_TILES = 8, MODEL_ROWS = 16, MODEL_BYTES = 64 };

static struct {
    bool is_configured;
    size_t rows[MODEL_TILES], row_bytes[MODEL_TILES];
    bool is_loaded[MODEL_TILES];
    unsigned char tiles[MODEL_TILES][MODEL_ROWS][MODEL_BYTES];
} model;

static inline void model_expect(bool is_right, const char *what)
{
    if (is_right)
        return;
    printf("tile model: %s\n", what);
    exit(1);
}

static inline void _tile_loadconfig(const void *config)
{
    const unsigned char *bytes = config;
    model_expect(bytes[0] == 1 && bytes[1] == 0, "palette 1, from row 0");
    memset(&model, 0, sizeof model);
    model.is_configured = true;
    for (int t = 0; t < MODEL_TILES; t++) {
        uint16_t row_bytes;
        memcpy(&row_bytes, bytes + 16 + 2 * t, sizeof row_bytes);
        model.row_bytes[t] = row_bytes;
        model.rows[t] = bytes[48 + t];
        model_expect(model.rows[t] <= MODEL_ROWS && row_bytes <= MODEL_BYTES &&
                         row_bytes % 4 == 0,
                     "a tile is too large");
    }
}

static inline void _tile_release(void)
{
    model_expect(model.is_configured, "released without a configuration");
    memset(&model, 0, sizeof model);
}

static inline void _tile_zero(int t)
{
    model_expect(model.is_configured, "not configured");
    memset(model.tiles[t], 0, sizeof model.tiles[t]);
    model.is_loaded[t] = true;
}

static inline void _tile_loadd(int t, const void *from, size_t stride)
{
    _tile_zero(t);
    for (size_t i = 0; i < model.rows[t]; i++)
        memcpy(model.tiles[t][i], (const char *)from + i * stride, model.row_bytes[t]);
}

static inline void _tile_stored(int t, void *to, size_t stride)
{
    model_expect(model.is_configured && model.is_loaded[t], "nothing to store");
    for (size_t i = 0; i < model.rows[t]; i++)
        memcpy((char *)to + i * stride, model.tiles[t][i], model.row_bytes[t]);
}

/* Denormals are zeros, as operands and as results. */
static inline float model_flush(float x)
{
    return fabsf(x) < FLT_MIN ? copysignf(0, x) : x;
}

/* sum + a b, rounded once; tininess is seen after rounding to 24 bits. */
static inline float model_add(float sum, float a, float b)
{
    const float up = fmaf(a * 0x1p30f, b * 0x1p30f, sum * 0x1p60f);
    if (fabsf(up) < FLT_MIN * 0x1p60f)
        return copysignf(0, up);
    return fmaf(a, b, sum);
}

static inline float model_bfloat16(const unsigned char *at)
{
    uint16_t half;
    memcpy(&half, at, sizeof half);
    const uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return model_flush(x);
}

static inline void _tile_dpbf16ps(int c, int a, int b)
{
    model_expect(model.is_configured && model.is_loaded[a] && model.is_loaded[b] &&
                     model.is_loaded[c],
                 "an operand was not loaded");
    const size_t n_pairs = model.row_bytes[a] / 4;
    model_expect(model.rows[c] == model.rows[a] && model.rows[b] == n_pairs &&
                     model.row_bytes[c] == model.row_bytes[b],
                 "the forms do not fit");
    for (size_t i = 0; i < model.rows[c]; i++)
        for (size_t j = 0; j < model.row_bytes[c] / 4; j++) {
            float even = 0, odd = 0, sum;
            for (size_t k = 0; k < n_pairs; k++) {
                const unsigned char *x = model.tiles[a][i] + 4 * k;
                const unsigned char *y = model.tiles[b][k] + 4 * j;
                even = model_add(even, model_bfloat16(x), model_bfloat16(y));
                odd = model_add(odd, model_bfloat16(x + 2), model_bfloat16(y + 2));
            }
            unsigned char *to = model.tiles[c][i] + 4 * j;
            memcpy(&sum, to, sizeof sum);
            sum = model_flush(model_flush(sum) + model_flush(even + odd));
            memcpy(to, &sum, sizeof sum);
        }
}

#endif

/*
 * bfloat16_tiles.h - the product of packed operands by AMX. It is part of
 * bfloat16_kernels.c, which includes the intrinsics; a test includes a model of them.
 *
 * A tile register has 16 rows of 64 bytes: 16 x 16 sums, 16 rows of left with 32 values
 * of k, or 16 pairs of k of a panel. C is cut into blocks of 2 x 2 tiles, so that each
 * tile that is loaded is used twice.
 */
#ifndef G4R_BFLOAT16_TILES_H
#define G4R_BFLOAT16_TILES_H

#include "bfloat16.h"

#if defined(HAS_TILES)

enum { TILE = 16, ROW_BYTES = 64 };

/* The form of the eight tile registers, as the processor reads it. */
typedef struct tile_form {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_form;

/* A whole tile, for one of which only a part is in C. */
typedef float tile_edge[TILE][TILE];

/* A tile of C: its first n_rows rows and n_columns columns are in C. */
typedef struct tile_place {
    float *c;
    size_t ldc, n_rows, n_columns;
} tile_place;

/* Returns the place of a tile in C, of which m rows and n columns are left. */
static inline tile_place place_of(float *c, size_t ldc, size_t m, size_t n)
{
    return (tile_place){c, ldc, G4R_MIN(m, TILE), G4R_MIN(n, TILE)};
}

static inline bool is_whole(const tile_place *place)
{
    return place->n_rows == TILE && place->n_columns == TILE;
}

/* Copies what is in C of a tile into edge. */
static void copy_to_edge(tile_edge edge, const tile_place *place)
{
    for (size_t i = 0; i < place->n_rows; i++)
        memcpy(edge[i], place->c + i * place->ldc, place->n_columns * sizeof **edge);
}

/* Copies what is in C of a tile from edge. */
static void copy_from_edge(const tile_place *place, tile_edge edge)
{
    for (size_t i = 0; i < place->n_rows; i++)
        memcpy(place->c + i * place->ldc, edge[i], place->n_columns * sizeof **edge);
}

/* Sets a tile register to what C has, or to zero. */
#define BEGIN_TILE(tile, place, edge, adds)                              \
    do {                                                                 \
        if (!(adds)) {                                                   \
            _tile_zero(tile);                                            \
        } else if (is_whole(place)) {                                    \
            _tile_loadd(tile, (place)->c, (place)->ldc * sizeof(float)); \
        } else {                                                         \
            copy_to_edge(edge, place);                                   \
            _tile_loadd(tile, edge, ROW_BYTES);                          \
        }                                                                \
    } while (0)

/* Writes a tile register into C. */
#define END_TILE(tile, place, edge)                                       \
    do {                                                                  \
        if (is_whole(place)) {                                            \
            _tile_stored(tile, (place)->c, (place)->ldc * sizeof(float)); \
        } else {                                                          \
            _tile_stored(tile, edge, ROW_BYTES);                          \
            copy_from_edge(place, edge);                                  \
        }                                                                 \
    } while (0)

/*
 * Computes a block of C, of which m rows and n columns are left: two tiles in each
 * direction, or one if no more is left. n_blocks: blocks of 32 values of k. edge is
 * scratch. The registers 0 to 3 have the sums, 4 and 5 rows of left, 6 and 7 panels.
 */
static void multiply_block(float *c, size_t ldc, const uint16_t *left, size_t width,
                           const uint16_t *right, size_t stride, size_t m, size_t n,
                           size_t n_blocks, bool adds, tile_edge edge)
{
    const bool has_rows = m > TILE, has_columns = n > TILE;
    const size_t row_bytes = width * sizeof *left;
    tile_place places[4] = {place_of(c, ldc, m, n)};
    if (has_columns)
        places[1] = place_of(c + TILE, ldc, m, n - TILE);
    if (has_rows)
        places[2] = place_of(c + TILE * ldc, ldc, m - TILE, n);
    if (has_rows && has_columns)
        places[3] = place_of(c + TILE * ldc + TILE, ldc, m - TILE, n - TILE);
    BEGIN_TILE(0, &places[0], edge, adds);
    BEGIN_TILE(1, &places[1], edge, adds);
    BEGIN_TILE(2, &places[2], edge, adds);
    BEGIN_TILE(3, &places[3], edge, adds);
    for (size_t i = 0; i < n_blocks; i++, left += 2 * TILE, right += 2 * TILE * TILE) {
        _tile_loadd(4, left, row_bytes);
        _tile_loadd(6, right, ROW_BYTES);
        _tile_dpbf16ps(0, 4, 6);
        if (has_columns) {
            _tile_loadd(7, right + 2 * TILE * stride, ROW_BYTES);
            _tile_dpbf16ps(1, 4, 7);
        }
        if (has_rows) {
            _tile_loadd(5, left + TILE * width, row_bytes);
            _tile_dpbf16ps(2, 5, 6);
        }
        if (has_rows && has_columns)
            _tile_dpbf16ps(3, 5, 7);
    }
    END_TILE(0, &places[0], edge);
    END_TILE(1, &places[1], edge);
    END_TILE(2, &places[2], edge);
    END_TILE(3, &places[3], edge);
}

static void multiply(float *c, size_t ldc, const uint16_t *left, const uint16_t *right,
                     size_t stride, size_t m, size_t n, size_t k, bool adds)
{
    const size_t width = g4r_bfloat16_width(k);
    tile_form form = {.palette = 1};
    tile_edge edge = {{0}};
    for (int tile = 0; tile < 8; tile++) {
        form.row_bytes[tile] = ROW_BYTES;
        form.rows[tile] = TILE;
    }
    _tile_loadconfig(&form);
    for (size_t j = 0; j < n; j += 2 * TILE)
        for (size_t i = 0; i < m; i += 2 * TILE)
            multiply_block(c + i * ldc + j, ldc, left + i * width, width,
                           right + 2 * j * stride, stride, m - i, n - j,
                           width / G4R_BFLOAT16_BLOCK, adds, edge);
    _tile_release();
}

#endif
#endif

/*
 * sampler.h - draws the negative samples that paper [2] adds to those of the mini-batch.
 *
 *   P(item) = support(item)^alpha / sum over all items of support^alpha
 *
 * Samples are drawn with replacement. They are not filtered: a sample can be equal to a
 * target or to another sample. The method is the alias method (Walker; Vose). A draw
 * takes one random number and reads one cell of a table with 8 bytes for each item,
 * whatever the size of the catalogue.
 */
#ifndef G4R_SAMPLER_H
#define G4R_SAMPLER_H

#include "../base/alloc.h"
#include "../base/rng.h"

typedef struct g4r_sampler {
    g4r_rng rng;
    uint32_t n;
    struct g4r_alias {
        uint32_t keep;  /* a place in the cell below this means the cell's own item */
        uint32_t other; /* any other place in the cell means this item */
    } * cells;          /* (n) one for each item, by row */
    gru4rec_allocator allocator;
} g4r_sampler;

/*
 * Makes in *sampler, whatever it holds, a table for draws of n items with the probability
 * above: support (n), which must be positive everywhere and is not kept, to the power
 * alpha. The caller must call g4r_sampler_start() before the first draw, and frees the
 * table with g4r_sampler_free(). Returns false if there is not enough memory; the sampler
 * then owns nothing.
 */
bool g4r_sampler_init(g4r_sampler *sampler, const int64_t *support, int32_t n,
                      double alpha, const gru4rec_allocator *allocator);
void g4r_sampler_free(g4r_sampler *sampler);
/*
 * Returns the bytes that g4r_sampler_init() allocates for n items. When it returns, three
 * fifths of them are free again; the rest is the table.
 */
size_t g4r_sampler_bytes(size_t n);
/*
 * Restarts the sampler's random numbers for an epoch. Call it before the epoch's first
 * draw. The draws depend only on the seed, the epoch and the table.
 */
void g4r_sampler_start(g4r_sampler *sampler, int64_t seed, int64_t epoch);
/*
 * Draws k items with replacement, and writes their rows to rows (k). The next call draws
 * other ones, because the random numbers move on.
 */
void g4r_sampler_draw(g4r_sampler *sampler, int32_t *rows, size_t k);

#endif

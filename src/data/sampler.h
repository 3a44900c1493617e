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
        uint32_t keep;  /* a place in the cell below this gives the cell's own item, */
        uint32_t other; /* any other place gives this item */
    } * cells;          /* (n) one for each item */
    gru4rec_allocator allocator;
} g4r_sampler;

/*
 * Makes the sampler's table for draws of n items by their support (n), which must be
 * positive everywhere. The caller must start the random numbers (g4r_sampler_start())
 * before the first draw. Returns false if there is not enough memory; the sampler then
 * owns nothing.
 */
bool g4r_sampler_init(g4r_sampler *sampler, const int64_t *support, int32_t n,
                      double alpha, const gru4rec_allocator *allocator);
void g4r_sampler_free(g4r_sampler *sampler);
/*
 * Returns the bytes that g4r_sampler_init() takes while it works, for n items. When
 * g4r_sampler_init() returns, it has freed three fifths of them.
 */
size_t g4r_sampler_bytes(size_t n);
/*
 * Starts the random numbers of an epoch; call it before the epoch's first draw. The draws
 * depend only on the seed and the epoch.
 */
void g4r_sampler_start(g4r_sampler *sampler, int64_t seed, int64_t epoch);
/* Draws k samples and writes their item rows to rows (k). The random numbers move on. */
void g4r_sampler_draw(g4r_sampler *sampler, int32_t *rows, size_t k);

#endif

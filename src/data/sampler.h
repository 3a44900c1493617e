/*
 * sampler.h - negative samples, as paper [2] adds them to those of the mini-batch.
 *
 * P(item) is proportional to support^alpha. Drawn with replacement and without a filter
 * by the alias method (Walker; Vose): one random number and one look into a table of 8
 * bytes per item, however large the catalogue.
 */
#ifndef G4R_SAMPLER_H
#define G4R_SAMPLER_H

#include "../base/alloc.h"
#include "../base/rng.h"

typedef struct g4r_sampler {
    g4r_rng rng;
    uint32_t n;
    struct g4r_alias {
        uint32_t keep;  /* the cell's own item below this fraction of 2^32 */
        uint32_t other; /* else this one */
    } * cells;          /* (n) */
    gru4rec_allocator allocator;
} g4r_sampler;

/* support (n), all positive. False when memory is short. */
bool g4r_sampler_init(g4r_sampler *sampler, const int64_t *support, int32_t n,
                      double alpha, const gru4rec_allocator *allocator);
void g4r_sampler_free(g4r_sampler *sampler);
/* Bytes that init takes while it works; two fifths of them stay. */
size_t g4r_sampler_bytes(size_t n);
/* Before the first draw of an epoch: the numbers are that epoch's. */
void g4r_sampler_start(g4r_sampler *sampler, int64_t seed, int64_t epoch);
/* rows (k) out. */
void g4r_sampler_draw(g4r_sampler *sampler, int32_t *rows, size_t k);

#endif

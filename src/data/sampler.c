/* sampler.c - draws negative samples by the alias method; see sampler.h. */
#include "sampler.h"

/*
 * Fills the table of cells by Vose's construction. There is a cell for each of the n
 * items, and each cell has room for 1/n of the probability. weight (n) is the items'
 * probability times n, with a sum of n, so a cell has room for a weight of 1. An item is
 * poor if its weight is below 1, else it is rich.
 *
 * A cell holds its own item first. If that item is poor, the room that is left is given
 * to one rich item, whose weight becomes smaller by as much:
 *   cells[poor].keep = weight[poor] 2^32,  weight[rich] -= 1 - weight[poor]
 * A rich item whose weight is below 1 after this is poor from then on. Rounding can leave
 * some items over at the end. Their cells keep the start value, which always gives the
 * cell's own item.
 *
 * The weights are overwritten. stack (n) is scratch: it holds the poor items from its
 * start and the rich items from its end.
 */
static void fill_cells(g4r_sampler *sampler, double *weight, uint32_t *stack)
{
    uint32_t n = sampler->n, n_poor = 0, n_rich = 0;
    for (uint32_t i = 0; i < n; i++) {
        sampler->cells[i] = (struct g4r_alias){UINT32_MAX, i};
        if (weight[i] < 1)
            stack[n_poor++] = i;
        else
            stack[n - ++n_rich] = i;
    }
    while (n_poor > 0 && n_rich > 0) {
        uint32_t poor = stack[--n_poor], rich = stack[n - n_rich];
        sampler->cells[poor].keep = (uint32_t)(weight[poor] * 4294967296.0);
        sampler->cells[poor].other = rich;
        weight[rich] -= 1 - weight[poor];
        if (weight[rich] < 1) {
            n_rich--;
            stack[n_poor++] = rich;
        }
    }
}

size_t g4r_sampler_bytes(size_t n)
{
    return g4r_mul(n, sizeof(struct g4r_alias) + sizeof(double) + sizeof(uint32_t));
}

bool g4r_sampler_init(g4r_sampler *sampler, const int64_t *support, int32_t n,
                      double alpha, const gru4rec_allocator *allocator)
{
    double total = 0;
    double *weight = g4r_alloc(allocator, (size_t)n, sizeof *weight);
    uint32_t *stack = g4r_alloc(allocator, (size_t)n, sizeof *stack);
    memset(sampler, 0, sizeof *sampler);
    sampler->allocator = *allocator;
    sampler->n = (uint32_t)n;
    sampler->cells = g4r_alloc(allocator, (size_t)n, sizeof *sampler->cells);
    bool is_ok = weight != NULL && stack != NULL && sampler->cells != NULL;
    if (is_ok) {
        for (int32_t i = 0; i < n; i++) {
            assert(support[i] > 0);
            total += weight[i] = pow((double)support[i], alpha);
        }
        for (int32_t i = 0; i < n; i++)
            weight[i] *= n / total;
        fill_cells(sampler, weight, stack);
    } else {
        g4r_sampler_free(sampler);
    }
    g4r_alloc_free(allocator, weight);
    g4r_alloc_free(allocator, stack);
    return is_ok;
}

void g4r_sampler_free(g4r_sampler *sampler)
{
    G4R_ALLOC_CLEAR(&sampler->allocator, sampler->cells);
}

void g4r_sampler_start(g4r_sampler *sampler, int64_t seed, int64_t epoch)
{
    g4r_rng_seed(&sampler->rng, seed, G4R_STREAM_SAMPLES, epoch);
}

void g4r_sampler_draw(g4r_sampler *sampler, int32_t *rows, size_t k)
{
    for (size_t i = 0; i < k; i++) {
        /*
         * random is uniform in 0 ... 2^64 - 1. The product random x n has 96 bits: the
         * top 32 bits are the cell, and the 32 bits after them are the place in the cell.
         */
        uint64_t random = g4r_rng_next(&sampler->rng);
        uint64_t low = (random & 0xffffffffu) * sampler->n;
        uint64_t high = (random >> 32) * sampler->n + (low >> 32);
        uint32_t cell = (uint32_t)(high >> 32);
        const struct g4r_alias *alias = &sampler->cells[cell];
        rows[i] = (int32_t)((uint32_t)high < alias->keep ? cell : alias->other);
    }
}

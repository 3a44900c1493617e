/*
 * bench_bounds.c - bounds of the scores of many sessions, from bytes in turn with those
 * from products, see bench.h.
 */
#include "bench.h"

#include "../../src/base/rng.h"
#include "../../src/kernels/blas.h"
#include "../../src/serve/bounds.h"

#include <stdio.h>
#include <stdlib.h>

enum { ITEMS = 43097, WIDTH = 100, LANES = 128, ROUNDS = 41 };

/* The three that are compared: products, bytes, and bytes with lower bounds too. */
enum { PRODUCTS, BYTES, TWO_SIDED, N_WAYS };

static void fill(g4r_real *x, size_t n)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, 1, 0, 0);
    for (size_t i = 0; i < n; i++)
        x[i] = (g4r_real)(g4r_rng_uniform(&rng) - 0.5);
}

static void open_way(g4r_bounds *bounds, const g4r_output *output, int way)
{
    g4r_arena arena = {0};
    g4r_bounds_init(bounds, output, NULL, output->n, NULL);
    bounds->way = way == PRODUCTS ? G4R_BOUNDS_PRODUCTS : G4R_BOUNDS_BYTES;
    bounds->is_two_sided = way == TWO_SIDED;
    g4r_bounds_layout(bounds, &arena, LANES);
    if (!g4r_arena_allocate(&arena, &g4r_alloc_libc)) {
        fprintf(stderr, "bench: out of memory\n");
        exit(1);
    }
    g4r_bounds_layout(bounds, &arena, LANES);
    g4r_bounds_measure(bounds);
}

/* All of it: the vectors as integers or their norms, then the bounds of all rows. */
static double time_way(g4r_bounds *bounds, const g4r_real *x)
{
    const double begin = bench_now();
    g4r_bounds_start(bounds);
    for (size_t lane = 0; lane < LANES; lane++)
        g4r_bounds_add(bounds, x + lane * WIDTH);
    for (size_t first = 0; first < bounds->n; first += bounds->n_part)
        for (size_t lane = 0; lane < LANES;)
            lane += g4r_bounds_make(bounds, first, lane);
    return bench_now() - begin;
}

bench_bounding bench_bounds(void)
{
    static double times[N_WAYS][ROUNDS];
    g4r_bounds ways[N_WAYS];
    g4r_real *table = bench_allocate((size_t)ITEMS * WIDTH, sizeof *table);
    g4r_real *bias = bench_allocate(ITEMS, sizeof *bias);
    g4r_real *x = bench_allocate((size_t)LANES * WIDTH, sizeof *x);
    const g4r_output output = {table, bias, ITEMS, WIDTH};
    fill(table, (size_t)ITEMS * WIDTH);
    fill(bias, ITEMS);
    fill(x, (size_t)LANES * WIDTH);
    if (!g4r_blas_enter()) {
        fprintf(stderr, "bench: no memory for products\n");
        exit(1);
    }
    for (int way = 0; way < N_WAYS; way++)
        open_way(&ways[way], &output, way);
    for (int round = 0; round < ROUNDS; round++)
        for (int way = 0; way < N_WAYS; way++)
            times[way][round] = time_way(&ways[way], x);
    g4r_blas_leave();
    free(table);
    free(bias);
    free(x);
    return (bench_bounding){.products = bench_median(times[PRODUCTS], ROUNDS),
                            .bytes = bench_median(times[BYTES], ROUNDS),
                            .two_sided = bench_median(times[TWO_SIDED], ROUNDS),
                            .is_used = g4r_vec_pick()->bytes.is_fast};
}

/*
 * floor.h - the least that a training step could take: its products alone, through the
 * fastest kernels that OpenBLAS has for this processor, on one thread; one read of each
 * distinct row that it gathers; and one read and write of each distinct row that it
 * updates, with its accumulator, in the step's random order with prefetch. Nothing else: no
 * gates, no loss, no optimiser.
 *
 * The rows are read here, as they must be the model's own. The products are timed by others
 * (worker.h): this process has only one kind of kernels, perhaps not the fastest. Those in
 * bfloat16 are timed here, through our own kernels, for want of others, on operands that
 * are packed already.
 */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include "../../src/kernels/bfloat16.h"
#include "../../src/model/model.h"
#include "../../src/data/sampler.h"

enum { FLOOR_MOST_PRODUCTS = 24, FLOOR_SETS = 64 };

typedef struct bench_product {
    char kind; /* 't': nt, 'n': nn, 'k': tn */
    size_t m, n, k;
} bench_product;

typedef struct bench_floor {
    bench_product products[FLOOR_MOST_PRODUCTS];
    size_t n_products;
    g4r_real *a, *b, *c;    /* as large as the largest operand */
    uint16_t *left, *right; /* the same, packed */
    char *others;           /* as many bytes as the rows of a step */
    int32_t *rows;          /* (FLOOR_SETS, n_rows) distinct rows of steps */
    size_t n_rows[FLOOR_SETS], most_rows, set;
    size_t width, input_width; /* of a row of the output table; of an input table or 0 */
    size_t n_inputs;
    g4r_real *table, *acc;             /* the model's own */
    g4r_real *input_table, *input_acc; /* the model's own, or NULL */
    g4r_real sink;
} bench_floor;

void bench_floor_open(bench_floor *floor, const gru4rec_training *training,
                      const gru4rec_options *options, const int64_t *support);
void bench_floor_close(bench_floor *floor);
/* The seconds of one step's rows. Moves nothing: it writes what it read. Multiplies too,
 * which does not count: rows are updated when the caches are full of a step's products. */
double bench_floor_rows(bench_floor *floor);
/* The seconds of one step's products in bfloat16, when others have used the caches. */
double bench_floor_bfloat16(bench_floor *floor);
/* Floating point operations of one step's products. */
double bench_floor_operations(const bench_floor *floor);
/* One step's products as a request for products.c. */
void bench_floor_work(const bench_floor *floor, char *text, size_t size);

#endif

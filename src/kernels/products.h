/*
 * products.h - the door through which the products of a training go: to BLAS, in float32
 * (blas.h), or to our own kernels, in bfloat16 (bfloat16.h), as option precision says.
 * The matrices outside are always float32: in bfloat16 both operands are rounded here.
 */
#ifndef G4R_PRODUCTS_H
#define G4R_PRODUCTS_H

#include "../base/arena.h"
#include "../base/pool.h"
#include "bfloat16.h"
#include "blas.h"

/* How a training multiplies. Functions take NULL too: in float32. */
typedef struct g4r_products {
    const g4r_bfloat16 *body; /* NULL: float32 */
    uint16_t *scratch;        /* for the packed operands of each thread; or NULL */
} g4r_products;

/*
 * Carves the scratch of n_workers threads from the arena, if is_bfloat16, and picks the
 * body once the arena has memory. In float32 nothing is needed.
 */
void g4r_products_layout(g4r_products *products, g4r_arena *arena, size_t n_workers,
                         bool is_bfloat16);
/*
 * Computes one product on the calling thread, which must be inside (blas.h). worker is
 * its number in the pool; 0 outside a task. In bfloat16 by_rows must be false.
 */
void g4r_products_multiply(const g4r_products *products, g4r_product product,
                           size_t worker);
/*
 * Computes n products, which must write to different places, and returns when all are
 * done. The threads of the pool share the work, and each must be inside; without a pool
 * (NULL) the calling thread does it. Each product is cut into parts along one side of C:
 * TN along the rows, NT and NN along the columns. The sizes of the product alone decide
 * into how many parts, so the number of threads changes no bit.
 */
void g4r_products_run(const g4r_products *products, g4r_pool *pool,
                      const g4r_product *list, size_t n);

#endif

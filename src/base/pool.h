/*
 * pool.h - threads for the length of a training.
 *
 * A job is a number of tasks that write to different places; whichever thread is free
 * takes the next one, so results may not depend on who does which, nor in what order.
 * How work is cut into tasks never depends on the number of threads: same bits with any.
 * Threads that have nothing to do spin for a moment, then sleep.
 */
#ifndef G4R_POOL_H
#define G4R_POOL_H

#include "alloc.h"

typedef struct g4r_pool g4r_pool;

/* worker: 0 ... n_workers - 1, for scratch of its own. */
typedef void g4r_task(void *context, size_t task, size_t worker);

/*
 * n_workers: the calling thread included; where fewer threads can be had there are fewer.
 * Each of the others calls enter when it begins, where false means that it cannot be had,
 * and leave when it ends. When this returns they all have entered. NULL: no memory.
 */
g4r_pool *g4r_pool_new(size_t n_workers, bool (*enter)(void), void (*leave)(void),
                       const gru4rec_allocator *allocator);
/* Joins the threads. Takes NULL. */
void g4r_pool_free(g4r_pool *pool);
/* Bytes of a pool, its threads' stacks not counted. */
size_t g4r_pool_bytes(size_t n_workers);
/* Processors that this process may run on, at least 1. */
size_t g4r_pool_processors(void);
/* Threads at work, the caller's included. */
size_t g4r_pool_workers(const g4r_pool *pool);
/*
 * Into how many tasks a loop over n values is cut whose whole work is so many operations:
 * each has a few microseconds' work, and at least least values.
 */
size_t g4r_pool_cut(double operations, size_t n, size_t least);
/* Where part begins of n values cut into n_parts; part n_parts begins at n. */
size_t g4r_pool_part(size_t part, size_t n_parts, size_t n);
/* Runs tasks 0 ... n - 1; all are done when it returns. pool NULL: the caller does all. */
void g4r_pool_run(g4r_pool *pool, g4r_task *task, void *context, size_t n);

#endif

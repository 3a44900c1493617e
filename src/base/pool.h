/*
 * pool.h - threads that live as long as a training.
 *
 * A job is a number of tasks that write to different places. A thread that is free takes
 * the next task. So results must not depend on which thread does a task, nor on the order
 * of the tasks. How work is cut into tasks never depends on the number of threads:
 * results have the same bits with any number. Idle threads spin for a moment, then sleep.
 */
#ifndef G4R_POOL_H
#define G4R_POOL_H

#include "alloc.h"

typedef struct g4r_pool g4r_pool;

/*
 * Does task number task of a job. worker is the number of the thread, 0 ... n_workers -
 * 1: it selects the thread's own scratch memory.
 */
typedef void g4r_task(void *context, size_t task, size_t worker);

/*
 * Returns a pool of n_workers threads, the calling thread included. If the system does
 * not give that many, the pool has fewer. Each of the other threads calls enter when it
 * starts, and leave when it ends; if enter returns false, the pool goes without that
 * thread. All threads have entered when this returns. Returns NULL if there is not enough
 * memory.
 */
g4r_pool *g4r_pool_new(size_t n_workers, bool (*enter)(void), void (*leave)(void),
                       const gru4rec_allocator *allocator);
/* Ends the threads, waits for their end, and frees the pool. Accepts NULL. */
void g4r_pool_free(g4r_pool *pool);
/* Returns the bytes of a pool, without the stacks of its threads. */
size_t g4r_pool_bytes(size_t n_workers);
/* Returns the number of processors that this process may run on, at least 1. */
size_t g4r_pool_processors(void);
/* Returns the number of threads, the calling thread included; 1 if pool is NULL. */
size_t g4r_pool_workers(const g4r_pool *pool);
/*
 * Returns the number of tasks into which a loop over n values should be cut, at most 8.
 * operations is the work of the whole loop. Each task gets at least 2 million operations,
 * and at least least values.
 */
size_t g4r_pool_cut(double operations, size_t n, size_t least);
/*
 * Returns the index at which a part begins if n values are cut into n_parts. Part n_parts
 * begins at n.
 */
size_t g4r_pool_part(size_t part, size_t n_parts, size_t n);
/*
 * Runs the tasks 0 ... n - 1 of a job, and returns when all are done. If pool is NULL,
 * the calling thread does all of them.
 */
void g4r_pool_run(g4r_pool *pool, g4r_task *task, void *context, size_t n);

#endif

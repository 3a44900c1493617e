/*
 * pool.h - threads that live as long as a training.
 *
 * A job is a number of tasks that write to different places. A thread that is free takes
 * tasks that no other thread has taken. So results must not depend on which thread does a
 * task, nor on the order of the tasks. How work is cut into tasks never depends on the
 * number of threads: results have the same bits with any number. Idle threads spin for a
 * moment, then sleep.
 */
#ifndef G4R_POOL_H
#define G4R_POOL_H

#include "alloc.h"

typedef struct g4r_pool g4r_pool;

/*
 * A function that does one task of a job. task is the number of the task, from 0. worker
 * is the number of the thread that runs it, from 0 (the thread that called
 * g4r_pool_run()) to g4r_pool_workers() - 1: it selects the thread's own scratch memory.
 * context is that of g4r_pool_run().
 */
typedef void g4r_task(void *context, size_t task, size_t worker);

/*
 * Returns a pool of n_workers threads, the calling thread included. It starts the other
 * threads one after another. Each of them calls enter when it starts, and leave when
 * g4r_pool_free() ends it; the calling thread calls neither function. If a thread cannot
 * be started, or if enter returns false in it, no more threads are started, and the pool
 * has fewer than n_workers: that is no error. A thread in which enter returned false ends
 * without a call of leave. All threads have entered when this function returns. Signals
 * are blocked in the other threads. Returns NULL if there is not enough memory for the
 * pool itself. g4r_pool_free() frees the pool.
 */
g4r_pool *g4r_pool_new(size_t n_workers, bool (*enter)(void), void (*leave)(void),
                       const gru4rec_allocator *allocator);
/*
 * Ends the threads that the pool has started, each with a call of leave, waits for their
 * end, and frees the pool. Accepts NULL. No job may be running.
 */
void g4r_pool_free(g4r_pool *pool);
/*
 * Returns the bytes that a pool of n_workers threads takes from the allocator. The stacks
 * of its threads are not among them.
 */
size_t g4r_pool_bytes(size_t n_workers);
/*
 * Returns the number of processors that the calling thread may run on (Linux), or that
 * are online (other systems); 1 if the system does not tell.
 */
size_t g4r_pool_processors(void);
/*
 * Returns the number of threads of the pool, the calling thread included; 1 if pool is
 * NULL.
 */
size_t g4r_pool_workers(const g4r_pool *pool);
/*
 * Returns the number of tasks into which a loop over n values should be cut, from 1 to 8.
 * operations is the number of arithmetic operations of the whole loop. There is one task
 * up to 4 million operations, else 1 + floor(operations / 4 million); but fewer if a task
 * would get less than least values (least > 0). The number of threads has no influence.
 */
size_t g4r_pool_cut(double operations, size_t n, size_t least);
/*
 * Returns the index of the first value of a part, from 0, if n values are cut into
 * n_parts; n if part is n_parts. So a part ends where the next one begins. The parts have
 * one length, a multiple of 16, except at the end: if the values are used up early, the
 * last parts are shorter or empty; if some are left over, the last part has these too.
 */
size_t g4r_pool_part(size_t part, size_t n_parts, size_t n);
/*
 * Calls task(context, i, worker) for each i from 0 to n - 1, in all threads of the pool,
 * the calling one among them, and returns when all calls have returned. If pool is NULL
 * or has one thread, or if n is 1, the calling thread does all tasks as worker 0, the
 * last one first. If n is 0, nothing is called. It cannot fail.
 */
void g4r_pool_run(g4r_pool *pool, g4r_task *task, void *context, size_t n);

#endif

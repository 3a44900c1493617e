/*
 * ranks.h - what the programs of tests/mpi share. Each rank runs the same program. What a
 * rank brings to an exchange is drawn from a seed that all ranks know, so each can tell
 * what the others have brought.
 */
#ifndef RANKS_H
#define RANKS_H

#define _POSIX_C_SOURCE 200809L /* nanosleep */

#define EXT_IS_ENTRY
#include "../../ext/mpi/ext_mpi.h"
#include "../lib/fault_alloc.h"
#include "../lib/test.h"
#include "api.h"

#include "../../src/base/rng.h"

#include <time.h>

SQLITE_EXTENSION_INIT1

static sqlite3 *db;
static int rank, n_ranks;
static fault_alloc memory; /* of all jobs */

/* The caller of a job: when it wants to stop. */
typedef struct caller {
    double stop_at; /* in seconds of ext_poll_seconds(); 0: never */
    int n_polls;
} caller;

static inline bool wants_stop(void *context)
{
    caller *own = context;
    own->n_polls++;
    return own->stop_at > 0 && ext_poll_seconds() >= own->stop_at;
}

static inline void sleep_for(double seconds)
{
    struct timespec time = {.tv_sec = (time_t)seconds};
    time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
    nanosleep(&time, NULL);
}

/* Opens a job with these options; returns its code. *error has its message. */
static inline int open_with(ext_mpi_job *job, caller *own, const char *call,
                            const char *options, ext_error *error)
{
    const gru4rec_allocator allocator = fault_alloc_allocator(&memory);
    const ext_mpi_request request = {.call = call,
                                     .is_stopped = wants_stop,
                                     .context = own,
                                     .allocator = &allocator};
    if (ext_mpi_job_open(job, &request, error) == SQLITE_OK &&
        ext_mpi_job_compare(job, db, options, error) != SQLITE_OK)
        ext_mpi_job_close(job, error);
    return error->rc;
}

/* Opens a job that must open; false: it has not. */
static inline bool open_job(ext_mpi_job *job, caller *own)
{
    ext_error error = {0};
    if (CHECK_INT(SQLITE_OK,
                  open_with(job, own, "test()", "{\"batch_size\":32}", &error)))
        return true;
    printf("rank %d: %s\n", rank, ext_error_message(&error));
    ext_error_clear(&error);
    return false;
}

/* Closes a job that must end well. */
static inline void close_job(ext_mpi_job *job)
{
    ext_error error = {0};
    if (!CHECK_INT(SQLITE_OK, ext_mpi_job_close(job, &error)))
        printf("rank %d: %s\n", rank, ext_error_message(&error));
    ext_error_clear(&error);
}

/* The stream of numbers of a rank for one exchange. */
static inline g4r_rng stream_of(int seed, int of)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, seed, (uint64_t)of, 0);
    return rng;
}

/*
 * Values with which the order of a sum matters: of all sizes, also below the smallest
 * normal number, and zeros of both signs.
 */
static inline void draw_values(float *values, size_t n, g4r_rng *rng)
{
    for (size_t i = 0; i < n; i++) {
        const double x = 2 * g4r_rng_uniform(rng) - 1;
        switch (g4r_rng_below(rng, 8)) {
        case 0:
            values[i] = x < 0 ? -0.0F : 0.0F;
            break;
        case 1:
            values[i] = (float)(x * 1e-40);
            break;
        case 2:
            values[i] = (float)(x * 1e8);
            break;
        default:
            values[i] = (float)x;
        }
    }
}

/*
 * The end of a program: adds up what all ranks have counted, and lets rank 0 tell it.
 * Returns the exit status.
 */
static inline int end_ranks(void)
{
    long own[2] = {test_n_passed, test_n_failed}, most[2] = {0};
    int is_initialized;
    if (memory.n_live > 0) {
        printf("rank %d: %zu blocks of %zu bytes are left\n", rank, memory.n_live,
               memory.live_bytes);
        own[1]++;
    }
    MPI_Initialized(&is_initialized);
    memcpy(most, own, sizeof most);
    if (is_initialized) {
        MPI_Allreduce(&own[0], &most[0], 1, MPI_LONG, MPI_MIN, MPI_COMM_WORLD);
        MPI_Allreduce(&own[1], &most[1], 1, MPI_LONG, MPI_MAX, MPI_COMM_WORLD);
    }
    fflush(stdout);
    if (rank == 0)
        printf("%ld passed, %ld failed\n", most[0], most[1]);
    return most[1] == 0 && most[0] > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif

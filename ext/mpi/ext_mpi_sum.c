/*
 * ext_mpi_sum.c - sums over ranks, always in the order of the ranks; see ext_mpi.h.
 *
 * MPI_Allreduce() adds in an order of its own, so the ranks add themselves: each adds up
 * a slice of the values, and gives it to the others. The slice of a rank is
 *
 *     from n rank / R up to n (rank + 1) / R
 *
 * and each value of it is ((part_0 + part_1) + part_2) ..., computed on one rank only,
 * so all ranks get the same bits.
 *
 * If all ranks run on one machine, their parts are in memory that they share (a window of
 * MPI), and a rank writes the sums of its slice in place of the parts of all. That memory
 * is lent to the training, so that nothing need be copied. Elsewhere the parts of a slice
 * are sent to its rank (all to all), and the sums to all.
 *
 * If the blocks are bfloat16, the sums are rounded, and messages have two bytes of each
 * value. Memory that is shared has all four: nothing is sent there.
 */
#define _POSIX_C_SOURCE 200112L
#include "ext_mpi.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

enum {
    PIECE = 2048,   /* values that are added up at a time, so they stay in the cache */
    ALIGNMENT = 64, /* bytes, of memory that is lent */
};

static size_t slice_start(size_t n, int rank, int n_ranks)
{
    return (size_t)((unsigned __int128)n * (unsigned)rank / (unsigned)n_ranks);
}

/*
 * Adds up n values of parts (n_ranks) into sum. is_rounded: the sums become bfloat16.
 */
static void add_up(float *sum, const void *const *parts, int n_ranks, size_t n,
                   bool is_rounded)
{
    for (size_t from = 0; from < n; from += PIECE) {
        const size_t n_piece = n - from < PIECE ? n - from : PIECE;
        float *piece = sum + from;
        memcpy(piece, (const float *)parts[0] + from, n_piece * sizeof *piece);
        for (int rank = 1; rank < n_ranks; rank++) {
            const float *part = (const float *)parts[rank] + from;
            for (size_t i = 0; i < n_piece; i++)
                piece[i] += part[i];
        }
        if (is_rounded)
            gru4rec_round_bfloat16(piece, n_piece);
    }
}

/* Copies n values, which are bfloat16, to their two bytes each, and back. */
static void shorten(uint16_t *to, const float *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &from[i], sizeof bits);
        to[i] = (uint16_t)(bits >> 16);
    }
}

static void lengthen(float *to, const uint16_t *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = (uint32_t)from[i] << 16;
        memcpy(&to[i], &bits, sizeof bits);
    }
}

/* Adds up parts as add_up() does, with two bytes for each value. */
static void add_up_short(uint16_t *sum, const void *const *parts, int n_ranks, size_t n)
{
    float piece[PIECE], next[PIECE];
    for (size_t from = 0; from < n; from += PIECE) {
        const size_t n_piece = n - from < PIECE ? n - from : PIECE;
        lengthen(piece, (const uint16_t *)parts[0] + from, n_piece);
        for (int rank = 1; rank < n_ranks; rank++) {
            lengthen(next, (const uint16_t *)parts[rank] + from, n_piece);
            for (size_t i = 0; i < n_piece; i++)
                piece[i] += next[i];
        }
        gru4rec_round_bfloat16(piece, n_piece);
        shorten(sum + from, piece, n_piece);
    }
}

/* Tells whether the blocks of a sum, at least one, are bfloat16. */
static bool is_bfloat16(const gru4rec_block *blocks)
{
    return blocks[0].is_bfloat16;
}

/* The number of values of all blocks. */
static size_t count(const gru4rec_block *blocks, size_t n_blocks)
{
    size_t n = 0;
    for (size_t i = 0; i < n_blocks; i++)
        n += blocks[i].n;
    return n;
}

/* Copies the blocks into values, one after the other. */
static void pack(float *values, const gru4rec_block *blocks, size_t n_blocks)
{
    for (size_t i = 0; i < n_blocks; i++) {
        if (blocks[i].n > 0)
            memcpy(values, blocks[i].values, blocks[i].n * sizeof *values);
        values += blocks[i].n;
    }
}

/* Copies values back into the blocks. */
static void unpack(const gru4rec_block *blocks, size_t n_blocks, const float *values)
{
    for (size_t i = 0; i < n_blocks; i++) {
        if (blocks[i].n > 0)
            memcpy(blocks[i].values, values, blocks[i].n * sizeof *values);
        values += blocks[i].n;
    }
}

/* ---- memory that the ranks share ---- */

void ext_mpi_sum_unshare(ext_mpi_comm *comm)
{
    if (comm->n_shared == 0)
        return;
    MPI_Win_unlock_all(comm->window);
    MPI_Win_free(&comm->window);
    comm->n_shared = 0;
}

/*
 * Whether this rank may use shared memory of so many bytes for all ranks together.
 * Memory that the system promises, but then has not, would kill the process.
 */
static bool may_share(const ext_mpi_comm *comm, double bytes)
{
    const char *wanted = getenv("GRU4REC_MPI_SHARED");
    struct statvfs facts;
    if (comm->n_host_ranks != comm->n_ranks || comm->is_unshared ||
        (wanted != NULL && strcmp(wanted, "0") == 0))
        return false;
    return statvfs("/dev/shm", &facts) != 0 ||
           (double)facts.f_bavail * (double)facts.f_frsize > 2 * bytes;
}

/* Returns the first place from there on that is aligned as gru4rec_ranks.memory. */
static float *align(float *there)
{
    const uintptr_t address = (uintptr_t)there;
    return there + (ALIGNMENT - address % ALIGNMENT) % ALIGNMENT / sizeof *there;
}

/*
 * Makes the window large enough for n values of each rank. Returns whether there is one.
 * All ranks come to the same result.
 */
static bool share(ext_mpi_job *job, size_t n)
{
    ext_mpi_comm *comm = job->comm;
    const size_t bytes =
        n * sizeof(float) + ALIGNMENT; /* its first values are left out */
    float *own;
    if (n <= comm->n_shared || comm->is_unshared)
        return !comm->is_unshared;
    ext_mpi_sum_unshare(comm);
    const bool is_wanted =
        ext_mpi_exchange_vote(job, may_share(comm, (double)bytes * comm->n_ranks));
    comm->is_unshared =
        !is_wanted ||
        !ext_mpi_exchange_vote(job,
                               MPI_Win_allocate_shared((MPI_Aint)bytes, sizeof(float),
                                                       MPI_INFO_NULL, comm->world,
                                                       (void *)&own,
                                                       &comm->window) == MPI_SUCCESS);
    if (comm->is_unshared)
        return false;
    MPI_Win_lock_all(MPI_MODE_NOCHECK, comm->window);
    for (int rank = 0; rank < comm->n_ranks; rank++) {
        MPI_Aint size;
        int unit;
        MPI_Win_shared_query(comm->window, rank, &size, &unit, &comm->shared[rank]);
        comm->shared[rank] = align(comm->shared[rank]);
    }
    comm->n_shared = n;
    return true;
}

gru4rec_real *ext_mpi_sum_memory(void *context, size_t n)
{
    ext_mpi_job *job = context;
    job->n_lent = 0;
    if (job->is_over || job->comm->n_ranks == 1 || !share(job, n))
        return NULL;
    job->n_lent = n;
    return job->comm->shared[job->comm->rank];
}

bool ext_mpi_sum_is_lent(const ext_mpi_job *job, const gru4rec_real *values)
{
    const uintptr_t lent = (uintptr_t)job->comm->shared[job->comm->rank];
    const uintptr_t place = (uintptr_t)values;
    return place >= lent && place - lent < job->n_lent * sizeof *values;
}

void ext_mpi_sum_give(const ext_mpi_job *job, const gru4rec_real *values, size_t n)
{
    const ext_mpi_comm *comm = job->comm;
    const size_t there = (size_t)(values - comm->shared[comm->rank]);
    for (int rank = 0; rank < comm->n_ranks; rank++)
        if (rank != comm->rank)
            memcpy(comm->shared[rank] + there, values, n * sizeof *values);
    MPI_Win_sync(comm->window);
}

/* Waits until all ranks have come here, and see what the others have written. */
static gru4rec_status meet(ext_mpi_job *job, gru4rec_error *error)
{
    ext_mpi_comm *comm = job->comm;
    MPI_Request request;
    MPI_Win_sync(comm->window);
    const int code = MPI_Ibarrier(comm->world, &request);
    if (code != MPI_SUCCESS)
        return ext_mpi_comm_break(comm, code, error);
    const gru4rec_status status = ext_mpi_wait_for_data(comm, job, &request, error);
    MPI_Win_sync(comm->window);
    return status;
}

/*
 * Adds up this rank's slice of n values, which stand in the memory of each rank from
 * there on, and writes the sums to all of them. is_rounded: they become bfloat16.
 */
static void add_slice(const ext_mpi_job *job, size_t there, size_t n, bool is_rounded)
{
    const ext_mpi_comm *comm = job->comm;
    const size_t to = there + slice_start(n, comm->rank + 1, comm->n_ranks);
    float sums[PIECE];
    for (size_t from = there + slice_start(n, comm->rank, comm->n_ranks); from < to;
         from += PIECE) {
        const size_t n_piece = to - from < PIECE ? to - from : PIECE;
        for (int rank = 0; rank < comm->n_ranks; rank++)
            job->parts[rank] = comm->shared[rank] + from;
        add_up(sums, job->parts, comm->n_ranks, n_piece, is_rounded);
        for (int rank = 0; rank < comm->n_ranks; rank++)
            memcpy(comm->shared[rank] + from, sums, n_piece * sizeof *sums);
    }
}

/*
 * Sums n values by shared memory, when the parts of all ranks are there: those of the
 * blocks, or, if these are not lent, copies of them. Each rank writes into the memory of
 * all, so none touches its own before all have ended: after meet().
 */
static gru4rec_status sum_shared(ext_mpi_job *job, const gru4rec_block *blocks,
                                 size_t n_blocks, size_t n, gru4rec_error *error)
{
    const ext_mpi_comm *comm = job->comm;
    float *own = comm->shared[comm->rank];
    const bool is_lent = ext_mpi_sum_is_lent(job, blocks[0].values);
    const gru4rec_block packed = {own, n, is_bfloat16(blocks)};
    const gru4rec_block *placed = is_lent ? blocks : &packed;
    for (size_t i = 0; i < (is_lent ? n_blocks : 1); i++)
        add_slice(job, (size_t)(placed[i].values - own), placed[i].n,
                  placed[i].is_bfloat16);
    job->bytes += (int64_t)(n * sizeof *own);
    const gru4rec_status status = meet(job, error);
    if (status == GRU4REC_OK && !is_lent)
        unpack(blocks, n_blocks, own);
    return status;
}

/* ---- messages ---- */

/* How values are sent. */
typedef struct sum_unit {
    MPI_Datatype type;
    size_t bytes; /* of a value */
} sum_unit;

static sum_unit unit_of(const gru4rec_block *blocks)
{
    return is_bfloat16(blocks) ? (sum_unit){MPI_UINT16_T, sizeof(uint16_t)}
                               : (sum_unit){MPI_FLOAT, sizeof(float)};
}

/* As pack() and unpack(), with two bytes of each value. */
static void pack_short(uint16_t *values, const gru4rec_block *blocks, size_t n_blocks)
{
    for (size_t i = 0; i < n_blocks; values += blocks[i++].n)
        shorten(values, blocks[i].values, blocks[i].n);
}

static void unpack_short(const gru4rec_block *blocks, size_t n_blocks,
                         const uint16_t *values)
{
    for (size_t i = 0; i < n_blocks; values += blocks[i++].n)
        lengthen(blocks[i].values, values, blocks[i].n);
}

/*
 * Sends each rank this rank's part of its slice: from packed (n) into what follows it
 * there.
 */
static gru4rec_status send_parts(ext_mpi_job *job, size_t n, sum_unit unit,
                                 gru4rec_error *error)
{
    ext_mpi_comm *comm = job->comm;
    char *parts = (char *)job->packed + n * unit.bytes;
    MPI_Request request;
    const int n_slice = (int)(slice_start(n, comm->rank + 1, comm->n_ranks) -
                              slice_start(n, comm->rank, comm->n_ranks));
    for (int rank = 0; rank < comm->n_ranks; rank++) {
        const size_t from = slice_start(n, rank, comm->n_ranks);
        job->offsets[rank] = (int)from;
        job->sizes[rank] = (int)(slice_start(n, rank + 1, comm->n_ranks) - from);
        job->part_offsets[rank] = rank * n_slice;
        job->part_sizes[rank] = n_slice;
        job->parts[rank] = parts + (size_t)rank * (size_t)n_slice * unit.bytes;
    }
    const int code = MPI_Ialltoallv(job->packed, job->sizes, job->offsets, unit.type,
                                    parts, job->part_sizes, job->part_offsets, unit.type,
                                    comm->world, &request);
    job->bytes += (int64_t)((n - (size_t)n_slice) * unit.bytes);
    return code == MPI_SUCCESS ? ext_mpi_wait_for_data(comm, job, &request, error)
                               : ext_mpi_comm_break(comm, code, error);
}

/* Adds up this rank's slice of packed, and sends the sums to all. */
static gru4rec_status send_sums(ext_mpi_job *job, sum_unit unit, gru4rec_error *error)
{
    ext_mpi_comm *comm = job->comm;
    MPI_Request request;
    const size_t n_slice = (size_t)job->sizes[comm->rank];
    const size_t from = (size_t)job->offsets[comm->rank];
    if (unit.type == MPI_FLOAT)
        add_up((float *)job->packed + from, job->parts, comm->n_ranks, n_slice, false);
    else
        add_up_short((uint16_t *)job->packed + from, job->parts, comm->n_ranks, n_slice);
    job->bytes += (int64_t)(n_slice * unit.bytes) * (comm->n_ranks - 1);
    const int code = MPI_Iallgatherv(MPI_IN_PLACE, 0, unit.type, job->packed, job->sizes,
                                     job->offsets, unit.type, comm->world, &request);
    return code == MPI_SUCCESS ? ext_mpi_wait_for_data(comm, job, &request, error)
                               : ext_mpi_comm_break(comm, code, error);
}

/* Sums n values by messages. */
static gru4rec_status sum_messages(ext_mpi_job *job, const gru4rec_block *blocks,
                                   size_t n_blocks, size_t n, gru4rec_error *error)
{
    const size_t n_ranks = (size_t)job->comm->n_ranks, n_most = n / n_ranks + 1;
    const sum_unit unit = unit_of(blocks);
    gru4rec_status status =
        ext_mpi_exchange_room(job, &job->packed, &job->packed_bytes,
                              (n + n_ranks * n_most) * unit.bytes, error);
    if (status != GRU4REC_OK)
        return status;
    if (unit.type == MPI_FLOAT)
        pack(job->packed, blocks, n_blocks);
    else
        pack_short(job->packed, blocks, n_blocks);
    status = send_parts(job, n, unit, error);
    if (status == GRU4REC_OK)
        status = send_sums(job, unit, error);
    if (status != GRU4REC_OK)
        return status;
    if (unit.type == MPI_FLOAT)
        unpack(blocks, n_blocks, job->packed);
    else
        unpack_short(blocks, n_blocks, job->packed);
    return GRU4REC_OK;
}

/* ---- the hook ---- */

/*
 * Sums n values when all ranks have come, with the head that was exchanged last.
 * is_ready: this rank's part was in the window before.
 */
static gru4rec_status sum_all(ext_mpi_job *job, const gru4rec_block *blocks,
                              size_t n_blocks, size_t n, bool is_ready,
                              gru4rec_error *error)
{
    const ext_mpi_comm *comm = job->comm;
    for (int rank = 1; rank < comm->n_ranks; rank++)
        if (comm->heads[rank].n != comm->heads[0].n)
            return ext_mpi_comm_fail(error, GRU4REC_INVALID,
                                     "the ranks sum up different numbers of values; this "
                                     "is a fault of gru4rec");
    if (n == 0 || comm->n_ranks == 1)
        return GRU4REC_OK;
    if (n > INT_MAX) /* MPI counts with int */
        return ext_mpi_comm_fail(error, GRU4REC_INVALID,
                                 "the ranks would sum up %zu values in a step, and 2^31 "
                                 "are too many; set n_sample to a number, or use smaller "
                                 "layers",
                                 n);
    if (!is_ready && (job->n_lent > 0 || !share(job, n)))
        return sum_messages(job, blocks, n_blocks, n, error);
    gru4rec_status status = GRU4REC_OK;
    if (is_ready)
        MPI_Win_sync(comm->window);
    else {
        pack(comm->shared[comm->rank], blocks, n_blocks);
        status = meet(job, error);
    }
    return status == GRU4REC_OK ? sum_shared(job, blocks, n_blocks, n, error) : status;
}

/*
 * Adds up the losses (n) of the ranks, in their order. They came with the heads, or, if
 * they are too many, in job->all.
 */
static void add_losses(const ext_mpi_job *job, double *losses, size_t n)
{
    const ext_mpi_comm *comm = job->comm;
    for (size_t i = 0; i < n; i++)
        for (int rank = 0; rank < comm->n_ranks; rank++) {
            double loss;
            const char *from = n * sizeof loss <= EXT_MPI_TEXT
                                   ? comm->heads[rank].text
                                   : job->all + job->offsets[rank];
            memcpy(&loss, from + i * sizeof loss, sizeof loss);
            losses[i] = rank == 0 ? loss : losses[i] + loss;
        }
}

/*
 * Puts this rank's part into the window, unless it is there, or the window is too small,
 * or lent. Returns whether it is there.
 */
static bool pack_ahead(ext_mpi_job *job, const gru4rec_block *blocks, size_t n_blocks,
                       size_t n)
{
    const ext_mpi_comm *comm = job->comm;
    const bool is_lent = n > 0 && ext_mpi_sum_is_lent(job, blocks[0].values);
    if (n == 0 || n > comm->n_shared || job->is_over || (job->n_lent > 0 && !is_lent))
        return false;
    const double start = ext_poll_seconds();
    if (!is_lent)
        pack(comm->shared[comm->rank], blocks, n_blocks);
    MPI_Win_sync(comm->window);
    job->seconds += ext_poll_seconds() - start;
    return true;
}

gru4rec_status ext_mpi_sum(void *context, const gru4rec_block *blocks, size_t n_blocks,
                           double *losses, size_t n_losses, bool *stop,
                           gru4rec_error *error)
{
    ext_mpi_job *job = context;
    const size_t n = count(blocks, n_blocks), bytes = n_losses * sizeof *losses;
    /* So the head is also the moment when all parts are there. */
    const bool is_ready = pack_ahead(job, blocks, n_blocks, n);
    gru4rec_status status = GRU4REC_OK;
    job->is_stopping |= *stop;
    if (!job->is_over)
        status = ext_mpi_head_exchange(job, EXT_MPI_SUM, n, losses,
                                       bytes <= EXT_MPI_TEXT ? bytes : 0, error);
    if (!job->is_over && bytes <= EXT_MPI_TEXT)
        add_losses(job, losses, n_losses);
    const double start = ext_poll_seconds();
    if (!job->is_over) {
        status = sum_all(job, blocks, n_blocks, n, is_ready, error);
        job->is_over |= status != GRU4REC_OK;
        job->seconds += ext_poll_seconds() - start;
    }
    *stop = job->is_over;
    if (status != GRU4REC_OK || *stop || bytes <= EXT_MPI_TEXT)
        return status;
    status = ext_mpi_exchange_bytes(job, EXT_MPI_LOSSES, losses, bytes, stop, error);
    if (status == GRU4REC_OK && !*stop)
        add_losses(job, losses, n_losses);
    return status;
}

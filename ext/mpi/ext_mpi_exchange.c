/*
 * ext_mpi_exchange.c - bytes of each rank for all ranks; see ext_mpi.h.
 *
 * What fits into the heads goes with them: one message instead of two. Otherwise the
 * heads tell how much each rank has, and then the bytes follow.
 */
#include "ext_mpi.h"

#include <limits.h>
#include <string.h>

/* ---- memory ---- */

gru4rec_status ext_mpi_exchange_init(ext_mpi_job *job, gru4rec_error *error)
{
    const size_t n = (size_t)job->comm->n_ranks;
    const gru4rec_allocator *own = &job->allocator;
    job->parts = own->resize(own->context, NULL, n * sizeof *job->parts);
    job->counts = own->resize(own->context, NULL, n * sizeof *job->counts);
    job->sizes = own->resize(own->context, NULL, 4 * n * sizeof *job->sizes);
    if (job->parts == NULL || job->counts == NULL || job->sizes == NULL)
        return ext_mpi_comm_fail(error, GRU4REC_NOMEM, "out of memory");
    job->offsets = job->sizes + n;
    job->part_sizes = job->sizes + 2 * n;
    job->part_offsets = job->sizes + 3 * n;
    return GRU4REC_OK;
}

void ext_mpi_exchange_free(ext_mpi_job *job)
{
    const gru4rec_allocator *own = &job->allocator;
    own->resize(own->context, (void *)job->parts, 0);
    own->resize(own->context, job->counts, 0);
    own->resize(own->context, job->sizes, 0);
    own->resize(own->context, job->staged, 0);
    own->resize(own->context, job->lanes, 0);
    own->resize(own->context, job->all, 0);
    own->resize(own->context, job->packed, 0);
}

bool ext_mpi_exchange_vote(ext_mpi_job *job, bool is_ok)
{
    int own = is_ok, all = 0;
    const int code = MPI_Allreduce(&own, &all, 1, MPI_INT, MPI_MIN, job->comm->world);
    return code == MPI_SUCCESS && all != 0;
}

/* Makes a block at least so large; false: there is not enough memory. */
static bool enlarge(ext_mpi_job *job, void **block, size_t *size, size_t bytes)
{
    const gru4rec_allocator *own = &job->allocator;
    void *larger = bytes > *size ? own->resize(own->context, *block, bytes) : *block;
    if (bytes > *size && larger == NULL)
        return false;
    *block = larger;
    *size = bytes > *size ? bytes : *size;
    return true;
}

gru4rec_status ext_mpi_exchange_room(ext_mpi_job *job, void **block, size_t *size,
                                     size_t bytes, gru4rec_error *error)
{
    if (bytes <= *size)
        return GRU4REC_OK;
    const bool is_enlarged = enlarge(job, block, size, bytes);
    if (ext_mpi_exchange_vote(job, is_enlarged))
        return GRU4REC_OK;
    job->is_over = true;
    return ext_mpi_comm_fail(error, GRU4REC_NOMEM,
                             "a rank has not enough memory to exchange %zu bytes", bytes);
}

/* ---- bytes of all ranks ---- */

/* Sets job->sizes and job->offsets by the heads, and returns the number of all bytes. */
static size_t lay_out(ext_mpi_job *job, bool *is_inline)
{
    const ext_mpi_comm *comm = job->comm;
    uint64_t total = 0;
    *is_inline = true;
    for (int rank = 0; rank < comm->n_ranks; rank++) {
        const uint64_t n = comm->heads[rank].n;
        job->offsets[rank] = (int)total;
        job->sizes[rank] = (int)n;
        *is_inline &= n <= EXT_MPI_TEXT;
        total += n;
        if (n > INT_MAX || total > INT_MAX) /* MPI counts with int */
            return SIZE_MAX;
    }
    return (size_t)total;
}

/* Makes job->all of the heads, or of a second message. */
static gru4rec_status collect(ext_mpi_job *job, const void *bytes, size_t n,
                              gru4rec_error *error)
{
    ext_mpi_comm *comm = job->comm;
    MPI_Request request;
    bool is_inline;
    const size_t total = lay_out(job, &is_inline);
    if (total == SIZE_MAX) {
        job->is_over = true;
        return ext_mpi_comm_fail(error, GRU4REC_INVALID,
                                 "the ranks would exchange more than 2 GB at once");
    }
    const gru4rec_status status =
        ext_mpi_exchange_room(job, (void **)&job->all, &job->all_bytes,
                              total > 0 ? total : 1, error);
    if (status != GRU4REC_OK)
        return status;
    for (int rank = 0; is_inline && rank < comm->n_ranks; rank++)
        memcpy(job->all + job->offsets[rank], comm->heads[rank].text,
               (size_t)job->sizes[rank]);
    if (is_inline)
        return GRU4REC_OK;
    job->bytes += (int64_t)n * (comm->n_ranks - 1);
    const int code = MPI_Iallgatherv(bytes, (int)n, MPI_BYTE, job->all, job->sizes,
                                     job->offsets, MPI_BYTE, comm->world, &request);
    if (code != MPI_SUCCESS)
        return ext_mpi_comm_break(comm, code, error);
    return ext_mpi_wait_for_data(comm, job, &request, error);
}

gru4rec_status ext_mpi_exchange_bytes(ext_mpi_job *job, ext_mpi_kind kind,
                                      const void *bytes, size_t n, bool *stop,
                                      gru4rec_error *error)
{
    gru4rec_status status = GRU4REC_OK;
    job->is_stopping |= *stop;
    if (!job->is_over)
        status =
            ext_mpi_head_exchange(job, kind, n, bytes, n <= EXT_MPI_TEXT ? n : 0, error);
    const double start = ext_poll_seconds();
    if (!job->is_over) {
        status = collect(job, bytes, n, error);
        job->is_over |= status != GRU4REC_OK;
        job->seconds += ext_poll_seconds() - start;
    }
    *stop = job->is_over;
    return status;
}

/* ---- hooks ---- */

/* Makes the arrays of all lanes from what all ranks have brought. */
static gru4rec_status unpack(ext_mpi_job *job, const int32_t **counts,
                             const int32_t **all_targets, const int32_t **all_inputs,
                             gru4rec_error *error)
{
    const size_t each = 2 * sizeof(int32_t); /* bytes of a lane */
    size_t n = 0;
    for (int rank = 0; rank < job->comm->n_ranks; rank++) {
        job->counts[rank] = (int32_t)((size_t)job->sizes[rank] / each);
        n += (size_t)job->counts[rank];
    }
    const gru4rec_status status =
        ext_mpi_exchange_room(job, (void **)&job->lanes, &job->lanes_bytes,
                              n > 0 ? n * each : each, error);
    if (status != GRU4REC_OK)
        return status;
    int32_t *target = job->lanes, *input = job->lanes + n;
    for (int rank = 0; rank < job->comm->n_ranks; rank++) {
        const size_t bytes = (size_t)job->sizes[rank] / 2;
        const char *from = job->all + job->offsets[rank];
        memcpy(target, from, bytes);
        memcpy(input, from + bytes, bytes);
        target += job->counts[rank];
        input += job->counts[rank];
    }
    *counts = job->counts;
    *all_targets = job->lanes;
    *all_inputs = job->lanes + n;
    return GRU4REC_OK;
}

gru4rec_status
ext_mpi_exchange_gather(void *context, const int32_t *targets, const int32_t *inputs,
                        int32_t m, const int32_t **counts, const int32_t **all_targets,
                        const int32_t **all_inputs, bool *stop, gru4rec_error *error)
{
    ext_mpi_job *job = context;
    const size_t n = (size_t)m, bytes = n * sizeof *targets;
    if (!enlarge(job, (void **)&job->staged, &job->staged_bytes, 2 * bytes + 1)) {
        ext_mpi_head_stop(job, "out of memory");
        *stop = true;
        return ext_mpi_comm_fail(error, GRU4REC_NOMEM, "out of memory");
    }
    if (n > 0) {
        memcpy(job->staged, targets, bytes);
        memcpy(job->staged + n, inputs, bytes);
    }
    gru4rec_status status =
        ext_mpi_exchange_bytes(job, EXT_MPI_GATHER, job->staged, 2 * bytes, stop, error);
    if (status == GRU4REC_OK && !*stop)
        status = unpack(job, counts, all_targets, all_inputs, error);
    *stop |= status != GRU4REC_OK;
    return status;
}

/*
 * Moves the rows of each rank, which stand in their places, to all others. are_there:
 * each rank has written its own into the memory of all before the head.
 */
static gru4rec_status move_rows(ext_mpi_job *job, gru4rec_real *rows, bool are_there,
                                gru4rec_error *error)
{
    ext_mpi_comm *comm = job->comm;
    const size_t n = (size_t)job->sizes[comm->rank];
    MPI_Request request;
    for (int rank = 1; rank < comm->n_ranks; rank++)
        if (comm->heads[rank].n != comm->heads[0].n) {
            job->is_over = true;
            return ext_mpi_comm_fail(error, GRU4REC_INVALID,
                                     "the ranks share different numbers of rows; this is "
                                     "a fault of gru4rec");
        }
    job->bytes += (int64_t)(n * sizeof *rows) * (comm->n_ranks - 1);
    if (comm->heads[0].n == 0)
        return GRU4REC_OK;
    if (are_there) {
        MPI_Win_sync(comm->window);
        return GRU4REC_OK;
    }
    const int code = MPI_Iallgatherv(MPI_IN_PLACE, 0, MPI_FLOAT, rows, job->sizes,
                                     job->offsets, MPI_FLOAT, comm->world, &request);
    if (code != MPI_SUCCESS)
        return ext_mpi_comm_break(comm, code, error);
    return ext_mpi_wait_for_data(comm, job, &request, error);
}

gru4rec_status ext_mpi_exchange_rows(void *context, gru4rec_real *rows,
                                     const int32_t *counts, size_t width, bool *stop,
                                     gru4rec_error *error)
{
    ext_mpi_job *job = context;
    ext_mpi_comm *comm = job->comm;
    gru4rec_status status = GRU4REC_OK;
    size_t total = 0;
    for (int rank = 0; rank < comm->n_ranks; rank++) {
        job->sizes[rank] = (int)((size_t)counts[rank] * width);
        job->offsets[rank] = (int)total;
        total += (size_t)counts[rank] * width;
    }
    job->is_stopping |= *stop;
    const bool are_lent = ext_mpi_sum_is_lent(job, rows);
    if (are_lent && !job->is_over)
        ext_mpi_sum_give(job, rows + job->offsets[comm->rank],
                         (size_t)job->sizes[comm->rank]);
    if (!job->is_over)
        status = ext_mpi_head_exchange(job, EXT_MPI_SHARE, total, NULL, 0, error);
    const double start = ext_poll_seconds();
    if (!job->is_over && total > INT_MAX) {
        status = ext_mpi_comm_fail(error, GRU4REC_INVALID,
                                   "the ranks would exchange more than 8 GB at once");
        job->is_over = true;
    }
    if (!job->is_over) {
        status = move_rows(job, rows, are_lent, error);
        job->is_over |= status != GRU4REC_OK;
        job->seconds += ext_poll_seconds() - start;
    }
    *stop = job->is_over;
    return status;
}

gru4rec_status ext_mpi_exchange_agree(void *context, const void *own, size_t n, void *all,
                                      gru4rec_error *error)
{
    ext_mpi_job *job = context;
    bool stop = false;
    const gru4rec_status status =
        ext_mpi_exchange_bytes(job, EXT_MPI_AGREE, own, n, &stop, error);
    if (status != GRU4REC_OK)
        return status;
    if (stop)
        return ext_mpi_comm_fail(error, GRU4REC_INTERRUPTED, "%s", job->reason);
    for (int rank = 0; rank < job->comm->n_ranks; rank++)
        if ((size_t)job->sizes[rank] != n) {
            job->is_over = true;
            return ext_mpi_comm_fail(error, GRU4REC_INVALID,
                                     "the ranks agree on different things; this is a "
                                     "fault of gru4rec");
        }
    memcpy(all, job->all, n * (size_t)job->comm->n_ranks);
    return GRU4REC_OK;
}

/*
 * ext_mpi_wait.c - waits for other ranks, without being blocked; see ext_mpi.h.
 *
 * A notice is a message of one number: that of the job that stops, or GOODBYE. It is sent
 * beside the exchanges. A notice of an old job is read and means nothing.
 *
 * A rank that waits asks MPI without a pause at first, because the others are often there
 * within microseconds. Then it lets other threads have the processor, then it sleeps,
 * longer and longer. If the machine has fewer processors than ranks, the rank that it
 * waits for may need this processor: so it does not ask without a pause, and sleeps soon.
 * (A thread that only yields gets the processor back when all others have used up their
 * time, one that has slept gets it at once: with 4 ranks of MPICH on 2 busy processors a
 * sum took less than half of the time.)
 */
#define _POSIX_C_SOURCE 200112L
#include "ext_mpi.h"

#include <sched.h>
#include <time.h>

enum { TAG = 1, GOODBYE = -1 };

/*
 * Seconds: how long a wait asks without a pause; from when on it sleeps, if it waits for
 * a rank, for data, or with too few processors; the longest sleep; how often it looks for
 * notices and interrupts.
 */
static const double spin = 30e-6, sleep_after = 2e-3, sleep_after_data = 100e-3,
                    sleep_after_crowded = 100e-6, longest_sleep = 500e-6,
                    look_every = 1e-3;
/* Seconds that data, or a rank whose process ends, may take once the job stops. */
static const double last_patience = 10, patience_after_goodbye = 2;

/* ---- notices ---- */

/* Waits until the notice is sent. It is a small message, for which nobody must wait. */
static void finish_notice(ext_mpi_comm *comm)
{
    for (int rank = 0; rank < comm->n_ranks; rank++)
        MPI_Wait(&comm->notices[rank], MPI_STATUS_IGNORE);
}

/* Sends a notice to all other ranks. */
static void send_notice(ext_mpi_comm *comm, int64_t number)
{
    finish_notice(comm); /* the one before */
    comm->notice = number;
    for (int rank = 0; rank < comm->n_ranks; rank++)
        if (rank != comm->rank)
            MPI_Isend(&comm->notice, 1, MPI_INT64_T, rank, TAG, comm->world,
                      &comm->notices[rank]);
}

void ext_mpi_wait_notify(ext_mpi_comm *comm, int64_t number)
{
    if (comm->notice < number)
        send_notice(comm, number);
}

/* Reads the notices that have arrived. */
static void read_notices(ext_mpi_comm *comm)
{
    int is_there;
    int64_t number;
    MPI_Status status;
    while (comm->n_ranks > 1 &&
           MPI_Iprobe(MPI_ANY_SOURCE, TAG, comm->world, &is_there, &status) ==
               MPI_SUCCESS &&
           is_there) {
        if (MPI_Recv(&number, 1, MPI_INT64_T, status.MPI_SOURCE, TAG, comm->world,
                     MPI_STATUS_IGNORE) != MPI_SUCCESS)
            return;
        comm->n_gone += number == GOODBYE;
        if (number > comm->stopped_job || number == GOODBYE)
            comm->stopped_by = status.MPI_SOURCE;
        if (number > comm->stopped_job)
            comm->stopped_job = number;
    }
}

bool ext_mpi_wait_is_notified(ext_mpi_comm *comm, int64_t number)
{
    read_notices(comm);
    return comm->stopped_job == number;
}

void ext_mpi_wait_goodbye(ext_mpi_comm *comm)
{
    send_notice(comm, GOODBYE);
    while (comm->n_gone < comm->n_ranks - 1) {
        read_notices(comm);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    finish_notice(comm);
}

/* ---- waiting ---- */

/* A wait for a request, in seconds of ext_poll_seconds(). */
typedef struct waiting {
    ext_mpi_comm *comm;
    const ext_mpi_job *job;
    double patience, sleep_after;
    double start, looked; /* when it began; when it last looked for notices */
    double end;           /* when it must end; 0: it may go on */
} waiting;

/*
 * Looks, if it is time, whether the job is to stop, and tells the other ranks if this one
 * begins. Sets wait->end if so. INVALID: the process of a rank has ended.
 */
static gru4rec_status look(waiting *wait, double now, gru4rec_error *error)
{
    ext_mpi_comm *comm = wait->comm;
    const ext_mpi_job *job = wait->job;
    if (now - wait->looked < look_every)
        return GRU4REC_OK;
    wait->looked = now;
    const bool is_interrupted = ext_mpi_watch_is_interrupted(job);
    const bool is_copied = comm->is_copied;
    if (is_interrupted && is_copied && job->number >= 0)
        ext_mpi_wait_notify(comm, job->number);
    if (wait->end <= 0 &&
        (is_interrupted || (is_copied && ext_mpi_wait_is_notified(comm, job->number))))
        wait->end = now + wait->patience;
    if (comm->n_gone > 0 && now - wait->start > patience_after_goodbye)
        return ext_mpi_comm_ended(comm, error);
    return GRU4REC_OK;
}

/* Lets others have the processor, the longer the longer the wait has been. */
static void rest(const waiting *wait, double now)
{
    const double elapsed = now - wait->start;
    const double longest = elapsed / 20 < longest_sleep ? elapsed / 20 : longest_sleep;
    if (elapsed < wait->sleep_after)
        sched_yield();
    else
        nanosleep(&(struct timespec){.tv_nsec = (long)(1e9 * longest)}, NULL);
}

/* Waits as ext_mpi_wait_for(); *wait says how. */
static gru4rec_status wait_for(waiting *wait, MPI_Request *request, gru4rec_error *error)
{
    ext_mpi_comm *comm = wait->comm;
    wait->start = wait->looked = ext_poll_seconds();
    if (comm->is_crowded)
        wait->sleep_after = sleep_after_crowded;
    const double rest_from = wait->start + (comm->is_crowded ? 0 : spin);
    for (;;) {
        int is_done;
        const int code = MPI_Test(request, &is_done, MPI_STATUS_IGNORE);
        if (code != MPI_SUCCESS)
            return ext_mpi_comm_break(comm, code, error);
        if (is_done)
            return GRU4REC_OK;
        const double now = ext_poll_seconds();
        if (now < rest_from)
            continue;
        const gru4rec_status status = look(wait, now, error);
        if (status != GRU4REC_OK)
            return status;
        if (wait->end > 0 && now >= wait->end)
            return GRU4REC_INTERRUPTED;
        rest(wait, now);
    }
}

gru4rec_status ext_mpi_wait_for(ext_mpi_comm *comm, const ext_mpi_job *job,
                                MPI_Request *request, double patience,
                                gru4rec_error *error)
{
    waiting wait = {.comm = comm,
                    .job = job,
                    .patience = patience,
                    .sleep_after = sleep_after};
    return wait_for(&wait, request, error);
}

gru4rec_status ext_mpi_wait_for_data(ext_mpi_comm *comm, const ext_mpi_job *job,
                                     MPI_Request *request, gru4rec_error *error)
{
    waiting wait = {.comm = comm,
                    .job = job,
                    .patience = last_patience,
                    .sleep_after = sleep_after_data};
    const gru4rec_status status = wait_for(&wait, request, error);
    return status == GRU4REC_INTERRUPTED ? ext_mpi_comm_lost(comm, error) : status;
}

/*
 * ext_mpi_head.c - the heads of exchanges: how ranks begin, stop and leave a job; see
 * ext_mpi.h.
 *
 * Ranks that all take part can stop together, because every exchange begins with a head.
 * But a rank may wait for one that has not begun the job, or does not come for other
 * reasons. MPI cannot take back what the rank has given. So a rank that does not want to
 * wait any longer leaves: the call ends, but the exchange stays under way. What the rank
 * owes to the others it gives before it begins its next job, or when MPI is finalised
 * (ext_mpi_head_settle()):
 *
 * - it completes the exchange that it left;
 * - if no rank has stopped in it, then the others have gone on to the next exchange of
 *   the job. There this rank says that it stops, so that the job is over for them, too.
 *
 * So all ranks go through the same sequence of heads, whatever happens, and after each
 * job all of them are at the same place in it. A job has the number of its first head.
 *
 * A job begins with two heads. A rank that gets the second one knows that all ranks know
 * that all have come. So it is only before this that a rank is likely to leave. Later, a
 * rank leaves only where nothing but heads would follow: where it has said that it stops,
 * and at the end. Elsewhere it is an error from which this process cannot recover.
 */
#define _POSIX_C_SOURCE 200112L
#include "ext_mpi.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* What the heads of ranks say that stop because they are interrupted. */
static const char interrupted[] = "interrupted";

static const char *const kind_names[EXT_MPI_N_KINDS] = {
    [EXT_MPI_MEET] = "meet",     [EXT_MPI_CONFIRM] = "confirm",
    [EXT_MPI_GATHER] = "gather", [EXT_MPI_SUM] = "sum",
    [EXT_MPI_SHARE] = "share",   [EXT_MPI_AGREE] = "agree",
    [EXT_MPI_LOSSES] = "losses", [EXT_MPI_END] = "end",
};

/* ---- one head ---- */

/* Gives comm->own, as it is now, to all ranks; comm->exchange is then under way. */
static gru4rec_status post(ext_mpi_comm *comm, gru4rec_error *error)
{
    const int n = (int)sizeof comm->own;
    const int code = MPI_Iallgather(&comm->own, n, MPI_BYTE, comm->heads, n, MPI_BYTE,
                                    comm->world, &comm->exchange);
    comm->n_heads++;
    return code == MPI_SUCCESS ? GRU4REC_OK : ext_mpi_comm_break(comm, code, error);
}

/* Sets comm->own to the head of a rank that stops. */
static void say_stop(ext_mpi_comm *comm, ext_mpi_kind kind, const char *why)
{
    comm->own = (ext_mpi_head){.kind = (int32_t)kind, .is_stop = true};
    gru4rec_show(comm->own.text, sizeof comm->own.text, why, strlen(why));
}

/*
 * The rank whose head says why the ranks stop: one that has failed, else one that was
 * interrupted, else one that only follows. -1: no rank stops.
 */
static int find_stop(const ext_mpi_comm *comm)
{
    int found = -1, best = 0;
    for (int rank = 0; rank < comm->n_ranks; rank++) {
        const ext_mpi_head *head = &comm->heads[rank];
        const int weight = !head->is_stop                         ? 0
                           : head->text[0] == '\0'                ? 1
                           : strcmp(head->text, interrupted) == 0 ? 2
                                                                  : 3;
        if (weight > best) {
            best = weight;
            found = rank;
        }
    }
    return found;
}

gru4rec_status ext_mpi_head_settle(ext_mpi_comm *comm, const ext_mpi_job *job,
                                   gru4rec_error *error)
{
    for (;;) {
        if (comm->exchange != MPI_REQUEST_NULL) {
            const gru4rec_status status =
                ext_mpi_wait_for(comm, job, &comm->exchange, 0, error);
            if (status != GRU4REC_OK)
                return status;
            comm->is_owing = comm->own.kind != EXT_MPI_END && find_stop(comm) < 0;
        }
        if (!comm->is_owing)
            return GRU4REC_OK;
        say_stop(comm, EXT_MPI_END, interrupted);
        if (post(comm, error) != GRU4REC_OK)
            return GRU4REC_INVALID;
    }
}

/* ---- in a job ---- */

/*
 * Waits a moment for the notice of the rank that has begun to stop the job. Others can
 * have followed it before the notice is here.
 */
static void await_notice(ext_mpi_job *job)
{
    ext_mpi_comm *comm = job->comm;
    for (int i = 0; i < 100 && comm->notice != job->number &&
                    !ext_mpi_wait_is_notified(comm, job->number);
         i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* Makes the job over because of what a rank has said; rank is -1 if nobody has. */
static void end_job(ext_mpi_job *job, int rank)
{
    const ext_mpi_comm *comm = job->comm;
    const char *why = rank >= 0 ? comm->heads[rank].text : "";
    char text[EXT_MPI_TEXT + 40];
    if (rank >= 0 && why[0] == '\0')
        await_notice(job);
    if (why[0] == '\0') { /* only followers: who began has sent a notice */
        if (comm->notice == job->number || (rank < 0 && comm->stopped_job != job->number))
            rank = comm->rank;
        else if (comm->stopped_job == job->number)
            rank = comm->stopped_by;
        why = interrupted;
    }
    job->is_over = true;
    job->is_interrupt = strcmp(why, interrupted) == 0;
    job->is_foreign = rank != comm->rank;
    if (job->is_interrupt && !job->is_foreign)
        snprintf(text, sizeof text, "%s", interrupted);
    else if (job->is_interrupt)
        snprintf(text, sizeof text, "rank %d was interrupted", rank);
    else
        snprintf(text, sizeof text, "rank %d has failed: %s", rank, why);
    gru4rec_show(job->reason, sizeof job->reason, text, strlen(text));
}

/*
 * The exchange is complete: makes the job over if a rank stops, or if the ranks are at
 * different exchanges.
 */
static gru4rec_status compare(ext_mpi_job *job, gru4rec_error *error)
{
    const ext_mpi_comm *comm = job->comm;
    const int stopping = find_stop(comm);
    if (stopping >= 0)
        end_job(job, stopping);
    for (int rank = 1; stopping < 0 && rank < comm->n_ranks; rank++) {
        const int32_t kind = comm->heads[rank].kind;
        if (kind == comm->heads[0].kind)
            continue;
        job->is_over = true;
        return ext_mpi_comm_fail(
            error, GRU4REC_INVALID,
            "the ranks are at different exchanges (rank 0: %s, rank %d: %s); this is a "
            "fault of gru4rec",
            kind_names[comm->heads[0].kind], rank, kind_names[kind]);
    }
    return GRU4REC_OK;
}

/* The wait ended before all heads were there. Leaves the exchange, or breaks off. */
static gru4rec_status leave(ext_mpi_job *job, gru4rec_error *error)
{
    const ext_mpi_head *own = &job->comm->own;
    const int32_t kind = own->kind;
    end_job(job, -1);
    if (own->is_stop || kind == EXT_MPI_MEET || kind == EXT_MPI_CONFIRM ||
        kind == EXT_MPI_END)
        return GRU4REC_OK;
    return ext_mpi_comm_lost(job->comm, error);
}

/*
 * Seconds that a head may take once this rank, or another one, stops. At first nobody may
 * be there. At the second head all have just been there.
 */
static double patience_of(int32_t kind)
{
    return kind == EXT_MPI_MEET ? 0 : kind == EXT_MPI_CONFIRM ? 1 : 10;
}

/* Posts comm->own, waits, and compares, in a job that is not over. */
static gru4rec_status exchange(ext_mpi_job *job, gru4rec_error *error)
{
    ext_mpi_comm *comm = job->comm;
    const double start = ext_poll_seconds();
    gru4rec_status status = post(comm, error);
    if (status == GRU4REC_OK)
        status = ext_mpi_wait_for(comm, job, &comm->exchange, patience_of(comm->own.kind),
                                  error);
    if (status == GRU4REC_OK)
        status = compare(job, error);
    else if (status == GRU4REC_INTERRUPTED)
        status = leave(job, error);
    job->is_over |= status != GRU4REC_OK;
    job->exchanges++;
    job->bytes += (int64_t)sizeof comm->own * (comm->n_ranks - 1);
    job->seconds += ext_poll_seconds() - start;
    return status;
}

/*
 * Tells whether this rank is interrupted. is_stopped() looks only every few milliseconds,
 * so if the job is to stop, it may not have seen the reason yet.
 */
static bool is_stopped(const ext_mpi_job *job)
{
    if (!ext_mpi_watch_is_interrupted(job) && job->is_stopping)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    return ext_mpi_watch_is_interrupted(job);
}

gru4rec_status ext_mpi_head_exchange(ext_mpi_job *job, ext_mpi_kind kind, uint64_t n,
                                     const void *text, size_t n_text,
                                     gru4rec_error *error)
{
    ext_mpi_comm *comm = job->comm;
    assert(!job->is_over && n_text <= EXT_MPI_TEXT);
    const bool is_interrupted = is_stopped(job);
    const bool is_notified = ext_mpi_wait_is_notified(comm, job->number);
    if (is_interrupted)
        ext_mpi_wait_notify(comm, job->number);
    if (is_interrupted || is_notified || job->is_stopping) {
        say_stop(comm, kind,
                 is_interrupted ? interrupted
                 : is_notified  ? ""
                                : "its own message says why");
    } else {
        comm->own.kind = (int32_t)kind;
        comm->own.is_stop = false;
        comm->own.n = n;
        if (n_text > 0)
            memcpy(comm->own.text, text, n_text);
    }
    return exchange(job, error);
}

void ext_mpi_head_stop(ext_mpi_job *job, const char *reason)
{
    ext_mpi_comm *comm = job->comm;
    if (reason[0] != '\0')
        ext_mpi_wait_notify(comm, job->number);
    say_stop(comm, EXT_MPI_END, reason);
    exchange(job, NULL);
    job->is_over = true;
}

/* ---- the beginning of a job ---- */

/* An exchange that begins the job. INTERRUPTED: some rank has stopped. */
static gru4rec_status begin(ext_mpi_job *job, ext_mpi_kind kind, const char *call,
                            gru4rec_error *error)
{
    const gru4rec_status status =
        ext_mpi_head_exchange(job, kind, 0, call, strlen(call) + 1, error);
    if (status == GRU4REC_OK && job->is_over)
        return ext_mpi_comm_fail(error, GRU4REC_INTERRUPTED, "%s", job->reason);
    return status;
}

gru4rec_status ext_mpi_head_meet(ext_mpi_job *job, const char *call, gru4rec_error *error)
{
    const ext_mpi_comm *comm = job->comm;
    gru4rec_status status = ext_mpi_head_settle(job->comm, job, error);
    if (status == GRU4REC_INTERRUPTED)
        return ext_mpi_comm_fail(error, status, "%s", interrupted);
    if (status != GRU4REC_OK)
        return status;
    job->number = comm->n_heads;
    status = begin(job, EXT_MPI_MEET, call, error);
    for (int rank = 1; status == GRU4REC_OK && rank < comm->n_ranks; rank++) {
        const char *first = comm->heads[0].text, *other = comm->heads[rank].text;
        if (strcmp(first, other) == 0)
            continue;
        job->is_over = true;
        return ext_mpi_comm_fail(
            error, GRU4REC_INVALID,
            "the ranks call different functions: rank 0 %s, rank %d %s; let all ranks "
            "make the same calls",
            first, rank, other);
    }
    return status == GRU4REC_OK ? begin(job, EXT_MPI_CONFIRM, call, error) : status;
}

/*
 * ext_mpi_driver.c - lets the calls of the extension work with the other ranks, through
 * ext_ranks (ext_base.h); see ext_mpi.h.
 */
#include "ext_mpi.h"

static int open_job(ext_ranks *ranks, const char *call, ext_error *error)
{
    gru4rec_error message = {0};
    const ext_mpi_request request = {.call = call,
                                     .is_stopped = ext_poll_is_stopped,
                                     .context = &ranks->poll};
    int n_ranks;
    const gru4rec_status status = ext_mpi_comm_count(&n_ranks, &message);
    if (ext_error_library(error, status, &message) != SQLITE_OK || n_ranks == 1)
        return error->rc;
    ext_mpi_job *job = sqlite3_malloc(sizeof *job);
    if (job == NULL)
        return ext_error_nomem(error);
    if (ext_mpi_job_open(job, &request, error) != SQLITE_OK) {
        sqlite3_free(job);
        return error->rc;
    }
    ranks->job = job;
    ranks->hooks = ext_mpi_job_hooks(job);
    return SQLITE_OK;
}

static int compare(ext_ranks *ranks, const char *options, ext_error *error)
{
    return ext_mpi_job_compare(ranks->job, ranks->poll.db, options, error);
}

static void watch(const ext_ranks *ranks, bool is_on)
{
    if (is_on)
        ext_mpi_watch_start(ranks->job, ranks->poll.db);
    else
        ext_mpi_watch_end(ranks->job);
}

static ext_ranks_cost cost_of(const void *context)
{
    const ext_mpi_job *job = context;
    return (ext_ranks_cost){job->seconds, job->bytes};
}

static int close_job(ext_ranks *ranks, ext_error *error)
{
    ext_mpi_job_explain(ranks->job, error);
    ext_mpi_job_close(ranks->job, error);
    sqlite3_free(ranks->job);
    return error->rc;
}

const ext_ranks_driver ext_mpi_driver = {open_job, compare, ext_mpi_job_is_stopped,
                                         watch,    cost_of, close_job};

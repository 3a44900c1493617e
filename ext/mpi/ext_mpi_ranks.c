/*
 * ext_mpi_ranks.c - gru4rec_ranks(): whether MPI works, as JSON; see ext_mpi.h.
 *
 * All ranks call it, because the first call makes MPI ready, and waits for all of them.
 */
#include "ext_mpi.h"

static void ranks(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_error error = {0};
    ext_poll poll;
    gru4rec_error message = {0};
    char library[100];
    ext_mpi_job job = {.is_stopped = ext_poll_is_stopped, .context = &poll};
    (void)argc;
    (void)argv;
    ext_poll_start(&poll, sqlite3_context_db_handle(context));
    const gru4rec_status status = ext_mpi_comm_start(&job, &message);
    ext_poll_stop(&poll);
    if (ext_error_library(&error, status, &message) == SQLITE_OK) {
        const ext_mpi_comm *comm = job.comm;
        ext_mpi_comm_library(library, sizeof library);
        char *json = sqlite3_mprintf(
            "{\"rank\":%d,\"ranks\":%d,\"host_rank\":%d,\"host_ranks\":%d,"
            "\"mpi\":\"%s\",\"thread_level\":\"%s\",\"initialised_by\":\"%s\"}",
            comm->rank, comm->n_ranks, comm->host_rank, comm->n_host_ranks, library,
            ext_mpi_comm_level(comm->thread_level), comm->is_own ? "gru4rec" : "host");
        ext_mpi_comm_release(&job);
        if (json == NULL)
            ext_error_nomem(&error);
        else
            sqlite3_result_text(context, json, -1, sqlite3_free);
    }
    ext_error_result(&error, context);
}

/* It starts MPI, so no view and no trigger of a database may call it. */
const ext_function ext_mpi_ranks_functions[] = {
    {"gru4rec_ranks", 0, SQLITE_DIRECTONLY, ranks, NULL},
    {NULL, 0, 0, NULL, NULL},
};

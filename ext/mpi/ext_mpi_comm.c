/*
 * ext_mpi_comm.c - how this process belongs to MPI; see ext_mpi.h.
 *
 * MPI is initialised by the first call that needs it, not when the extension is loaded: a
 * process that only serves never starts it. A process can initialise MPI only once; so it
 * is finalised when the process exits, not when a connection closes. If the host has
 * initialised MPI, it also finalises it.
 *
 * MPI has an attribute of MPI_COMM_SELF deleted at the beginning of MPI_Finalize(),
 * whoever calls it. This is where the ranks take leave of each other.
 */
#define _GNU_SOURCE /* sched_getaffinity */
#include "ext_mpi.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ext_mpi_comm the = {
    .world = MPI_COMM_NULL,
    .host = MPI_COMM_NULL,
    .copying = MPI_REQUEST_NULL,
    .exchange = MPI_REQUEST_NULL,
    .window = MPI_WIN_NULL,
    .notice = -1,
    .stopped_job = -2, /* job->number is -1 before the job has begun */
};

/* Held from ext_mpi_comm_start() to ext_mpi_comm_release(). */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Held while MPI is initialised. */
static pthread_mutex_t beginning = PTHREAD_MUTEX_INITIALIZER;

/* ---- errors ---- */

gru4rec_status ext_mpi_comm_fail(gru4rec_error *error, gru4rec_status status,
                                 const char *format, ...)
{
    if (error != NULL) {
        char text[2 * sizeof error->message];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        gru4rec_show(error->message, sizeof error->message, text, strlen(text));
    }
    return status;
}

/* Makes the communicator unusable, unless it is already. */
static gru4rec_status break_off(ext_mpi_comm *comm, const char *why, gru4rec_error *error)
{
    if (comm->broken[0] == '\0')
        gru4rec_show(comm->broken, sizeof comm->broken, why, strlen(why));
    return ext_mpi_comm_fail(error, GRU4REC_INVALID,
                             "%s; end the processes of all ranks, "
                             "and start them anew",
                             comm->broken);
}

gru4rec_status ext_mpi_comm_break(ext_mpi_comm *comm, int code, gru4rec_error *error)
{
    char text[MPI_MAX_ERROR_STRING], why[sizeof text + 20];
    int n = 0;
    MPI_Error_string(code, text, &n);
    snprintf(why, sizeof why, "MPI failed: %.*s", n, text);
    comm->is_lost = true;
    return break_off(comm, why, error);
}

gru4rec_status ext_mpi_comm_ended(ext_mpi_comm *comm, gru4rec_error *error)
{
    char why[sizeof comm->broken];
    snprintf(why, sizeof why, "the process of rank %d has ended", comm->stopped_by);
    return break_off(comm, why, error);
}

gru4rec_status ext_mpi_comm_lost(ext_mpi_comm *comm, gru4rec_error *error)
{
    comm->is_lost = true;
    return break_off(comm, "a rank did not come, although the ranks were to stop", error);
}

/* ---- which MPI ---- */

/* Whether this file was built for Open MPI; else for MPICH, or what is compatible. */
#ifdef OPEN_MPI
static const bool is_for_open_mpi = true;
#else
static const bool is_for_open_mpi = false;
#endif

/* The text with which MPI describes itself; at most 8192 bytes in any MPI. */
typedef struct description {
    char text[8192];
} description;

static const char *describe(description *own)
{
    int n = 0;
    own->text[0] = '\0';
    MPI_Get_library_version(own->text, &n);
    return own->text;
}

void ext_mpi_comm_library(char *name, size_t size)
{
    description own;
    char version[64];
    const char *text = describe(&own);
    if (sscanf(text, "MPICH Version: %63s", version) == 1)
        snprintf(name, size, "MPICH %s", version);
    else if (sscanf(text, "Open MPI v%63[^, ]", version) == 1)
        snprintf(name, size, "Open MPI %s", version);
    else
        gru4rec_show(name, size, text, strcspn(text, "\n"));
}

const char *ext_mpi_comm_level(int thread_level)
{
    return thread_level == MPI_THREAD_SINGLE       ? "MPI_THREAD_SINGLE"
           : thread_level == MPI_THREAD_FUNNELED   ? "MPI_THREAD_FUNNELED"
           : thread_level == MPI_THREAD_SERIALIZED ? "MPI_THREAD_SERIALIZED"
                                                   : "MPI_THREAD_MULTIPLE";
}

/*
 * The symbols of this file may have been resolved to another MPI than it was built for,
 * which the process had loaded already. The constants of the two differ, so only calls
 * without constants are possible before this.
 */
static gru4rec_status check_library(gru4rec_error *error)
{
    description own;
    char name[100];
    int is_finalized;
    if ((strncmp(describe(&own), "Open MPI", 8) == 0) != is_for_open_mpi) {
        ext_mpi_comm_library(name, sizeof name);
        return ext_mpi_comm_fail(
            error, GRU4REC_INVALID,
            "this gru4rec_mpi.so was built for %s, but the process has loaded %s; build "
            "it with make MPI=%s",
            is_for_open_mpi ? "Open MPI" : "MPICH", name,
            is_for_open_mpi ? "mpich" : "openmpi");
    }
    MPI_Finalized(&is_finalized);
    if (is_finalized)
        return ext_mpi_comm_fail(error, GRU4REC_INVALID,
                                 "MPI is finalised in this process, and cannot start "
                                 "again; train before MPI is finalised");
    return GRU4REC_OK;
}

/*
 * mpirun of another MPI starts processes that do not find each other: each would be a
 * rank 0 of 1, and train alone. The environment tells how many there should be.
 */
static gru4rec_status check_launcher(const ext_mpi_comm *comm, gru4rec_error *error)
{
    static const char *const sizes[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const char *size = getenv(sizes[i]);
        if (comm->n_ranks == 1 && size != NULL && strtol(size, NULL, 10) > 1)
            return ext_mpi_comm_fail(
                error, GRU4REC_INVALID,
                "mpirun has started %s processes (%s), but %s finds only this one; start "
                "them with the mpirun of %s",
                size, sizes[i], is_for_open_mpi ? "Open MPI" : "MPICH",
                is_for_open_mpi ? "Open MPI" : "MPICH");
    }
    return GRU4REC_OK;
}

/* ---- the end of MPI ---- */

/*
 * MPI calls this when MPI_Finalize() begins. First completes what this rank has left: the
 * others may wait for that.
 */
static int on_finalize(MPI_Comm self, int key, void *value, void *context)
{
    ext_mpi_comm *comm = value;
    const ext_mpi_job nobody = {.number = -1};
    (void)self;
    (void)key;
    (void)context;
    if (comm->n_ranks == 1 || !comm->is_copied || comm->is_lost)
        return MPI_SUCCESS;
    if (comm->broken[0] == '\0')
        ext_mpi_head_settle(comm, &nobody, NULL);
    ext_mpi_wait_goodbye(comm);
    return MPI_SUCCESS;
}

/*
 * Finalises MPI when the process exits. If other ranks wait for this one, and it cannot
 * tell them that it does not come, the processes of all ranks are ended. If the others
 * have never come, MPI is not finalised, because that would wait for them.
 */
static void finalize(void)
{
    ext_mpi_comm *comm = &the;
    int is_finalized;
    MPI_Finalized(&is_finalized);
    if (is_finalized || (comm->n_ranks > 1 && !comm->is_copied))
        return;
    if (comm->is_lost)
        MPI_Abort(comm->world, EXIT_FAILURE);
    MPI_Finalize();
}

/* ---- the start ---- */

/* Initialises MPI, if nobody has, and learns who this process is. */
static gru4rec_status initialize(ext_mpi_comm *comm, gru4rec_error *error)
{
    int is_initialized, key;
    MPI_Initialized(&is_initialized);
    if (!is_initialized) {
        if (MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &comm->thread_level) !=
            MPI_SUCCESS)
            return ext_mpi_comm_fail(error, GRU4REC_INVALID,
                                     "MPI cannot be initialised; start the process anew");
        comm->is_own = true;
        atexit(finalize);
    }
    MPI_Query_thread(&comm->thread_level);
    MPI_Comm_rank(MPI_COMM_WORLD, &comm->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &comm->n_ranks);
    MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, on_finalize, &key, NULL);
    MPI_Comm_set_attr(MPI_COMM_SELF, key, comm);
    comm->is_known = true;
    return GRU4REC_OK;
}

/*
 * Whether this thread may call MPI. Our own initialisation asks for SERIALIZED: one
 * thread at a time, any thread.
 */
static gru4rec_status check_thread(const ext_mpi_comm *comm, gru4rec_error *error)
{
    int is_main;
    MPI_Is_thread_main(&is_main);
    if (comm->thread_level == MPI_THREAD_SINGLE)
        return ext_mpi_comm_fail(
            error, GRU4REC_INVALID,
            "MPI was initialised with MPI_THREAD_SINGLE, but a training has threads; "
            "initialise MPI with MPI_THREAD_SERIALIZED, or let this call do it");
    if (comm->thread_level == MPI_THREAD_FUNNELED && !is_main)
        return ext_mpi_comm_fail(
            error, GRU4REC_INVALID,
            "MPI was initialised with MPI_THREAD_FUNNELED by another thread; call this "
            "function from that thread, or initialise MPI with MPI_THREAD_SERIALIZED");
    return GRU4REC_OK;
}

static gru4rec_status allocate(ext_mpi_comm *comm, gru4rec_error *error)
{
    const size_t n = (size_t)comm->n_ranks;
    if (comm->heads == NULL)
        comm->heads = calloc(n, sizeof *comm->heads);
    if (comm->shared == NULL)
        comm->shared = calloc(n, sizeof *comm->shared);
    if (comm->notices == NULL)
        comm->notices = malloc(n * sizeof *comm->notices);
    if (comm->heads == NULL || comm->shared == NULL || comm->notices == NULL)
        return ext_mpi_comm_fail(error, GRU4REC_NOMEM, "out of memory");
    for (size_t i = 0; i < n; i++)
        comm->notices[i] = MPI_REQUEST_NULL;
    return GRU4REC_OK;
}

/* Makes our own copy of MPI_COMM_WORLD, with all other ranks. */
static gru4rec_status copy_world(ext_mpi_comm *comm, const ext_mpi_job *job,
                                 gru4rec_error *error)
{
    gru4rec_status status = allocate(comm, error);
    if (status != GRU4REC_OK)
        return status;
    if (comm->copying == MPI_REQUEST_NULL)
        MPI_Comm_idup(MPI_COMM_WORLD, &comm->world, &comm->copying);
    status = ext_mpi_wait_for(comm, job, &comm->copying, 0, error);
    if (status == GRU4REC_INTERRUPTED)
        return ext_mpi_comm_fail(error, status, "interrupted");
    if (status != GRU4REC_OK)
        return status;
    MPI_Comm_set_errhandler(comm->world, MPI_ERRORS_RETURN);
    comm->is_copied = true;
    return GRU4REC_OK;
}

/*
 * Counts the ranks of this machine, and the processors that they may use together, and
 * makes their share of the machine the default of this process. All ranks are there.
 */
static gru4rec_status share_machine(ext_mpi_comm *comm, gru4rec_error *error)
{
    cpu_set_t own, together;
    CPU_ZERO(&together);
    if (sched_getaffinity(0, sizeof own, &own) != 0)
        CPU_ZERO(&own);
    int code = MPI_Comm_split_type(comm->world, MPI_COMM_TYPE_SHARED, comm->rank,
                                   MPI_INFO_NULL, &comm->host);
    if (code == MPI_SUCCESS)
        code = MPI_Allreduce(&own, &together, (int)sizeof own, MPI_BYTE, MPI_BOR,
                             comm->host);
    if (code != MPI_SUCCESS)
        return ext_mpi_comm_break(comm, code, error);
    MPI_Comm_rank(comm->host, &comm->host_rank);
    MPI_Comm_size(comm->host, &comm->n_host_ranks);
    const int n_processors = CPU_COUNT(&together);
    comm->is_crowded = n_processors < comm->n_host_ranks;
    ext_container_share(comm->n_host_ranks, n_processors);
    comm->is_started = true;
    return GRU4REC_OK;
}

gru4rec_status ext_mpi_comm_count(int *n_ranks, gru4rec_error *error)
{
    pthread_mutex_lock(&beginning);
    gru4rec_status status = check_library(error);
    if (status == GRU4REC_OK && !the.is_known)
        status = initialize(&the, error);
    if (status == GRU4REC_OK)
        status = check_launcher(&the, error);
    *n_ranks = the.n_ranks;
    pthread_mutex_unlock(&beginning);
    return status;
}

/* What has not been done yet, in this order. */
static gru4rec_status start(ext_mpi_comm *comm, ext_mpi_job *job, gru4rec_error *error)
{
    int n_ranks;
    gru4rec_status status = ext_mpi_comm_count(&n_ranks, error);
    if (status == GRU4REC_OK && comm->broken[0] != '\0')
        status = break_off(comm, comm->broken, error);
    if (status == GRU4REC_OK)
        status = check_thread(comm, error);
    if (status == GRU4REC_OK && !comm->is_copied)
        status = copy_world(comm, job, error);
    if (status == GRU4REC_OK && !comm->is_started)
        status = ext_mpi_head_meet(job, "", error);
    if (status == GRU4REC_OK && !comm->is_started)
        status = share_machine(comm, error);
    return status;
}

gru4rec_status ext_mpi_comm_start(ext_mpi_job *job, gru4rec_error *error)
{
    if (pthread_mutex_trylock(&lock) != 0)
        return ext_mpi_comm_fail(error, GRU4REC_INVALID,
                                 "another call of this process works with the other "
                                 "ranks now; wait until it has ended");
    job->comm = &the;
    job->number = -1;
    const gru4rec_status status = start(&the, job, error);
    if (status != GRU4REC_OK)
        ext_mpi_comm_release(job);
    return status;
}

void ext_mpi_comm_release(ext_mpi_job *job)
{
    job->comm = NULL;
    pthread_mutex_unlock(&lock);
}

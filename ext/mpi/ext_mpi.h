/*
 * ext_mpi.h - training over several processes that MPI started (gru4rec_mpi.so only).
 *
 * A rank is a process, numbered from 0. A job is one call that all ranks make together,
 * from ext_mpi_job_open() to ext_mpi_job_close(). In a job the ranks meet in exchanges,
 * and all ranks make the same exchanges in the same order.
 *
 * Each exchange begins with a head: every rank gives a few bytes to all ranks, among them
 * whether it wants to stop. If one does, the exchange ends there on all ranks, and the
 * job is over on all of them. So a rank that is interrupted, or that fails, goes on to
 * its next exchange, or to ext_mpi_job_close(), and says so there.
 *
 * A rank that waits is never blocked inside MPI: it asks MPI again and again whether the
 * others have come, and looks for interrupts meanwhile. If it is interrupted, it sends a
 * notice to the other ranks. They see it while they wait, while they work alone
 * (ext_mpi_job_is_stopped()), and while they read (ext_mpi_watch.c), and stop soon. If
 * they still do not come, the rank leaves, and completes later what it left
 * (ext_mpi_head.c).
 *
 * MPI is called from the thread of the SQL call, and, while this reads, from one more
 * thread in its place.
 */
#ifndef EXT_MPI_H
#define EXT_MPI_H

#include "../cache/ext_cache.h"

#include <mpi.h>
#include <pthread.h>

/* ---- ext_mpi_comm.c ---- */

/* What an exchange is for. All ranks must be at an exchange of the same kind. */
typedef enum ext_mpi_kind {
    EXT_MPI_MEET,    /* a job begins: all have come */
    EXT_MPI_CONFIRM, /* and all know that all have come */
    EXT_MPI_GATHER,
    EXT_MPI_SUM,
    EXT_MPI_LOSSES, /* more than fit into the head of a sum */
    EXT_MPI_SHARE,
    EXT_MPI_AGREE,
    EXT_MPI_END, /* the job ends */
    EXT_MPI_N_KINDS
} ext_mpi_kind;

enum { EXT_MPI_TEXT = 1000 };

/* What a rank gives to all ranks at the beginning of an exchange. */
typedef struct ext_mpi_head {
    int32_t kind;            /* ext_mpi_kind */
    int32_t is_stop;         /* the rank stops: text says why (NUL-terminated) */
    uint64_t n;              /* bytes, or values of a sum, that the rank brings */
    char text[EXT_MPI_TEXT]; /* these bytes, if they fit */
} ext_mpi_head;

typedef struct ext_mpi_job ext_mpi_job;

/*
 * How this process belongs to MPI: one for the process. It is used by one thread at a
 * time, which ext_mpi_comm_start() sees to.
 */
typedef struct ext_mpi_comm {
    MPI_Comm world;      /* our own copy of MPI_COMM_WORLD; valid once it is started */
    MPI_Comm host;       /* those of its ranks that run on this machine */
    MPI_Request copying; /* makes world; MPI_REQUEST_NULL: it does not */
    int rank, n_ranks;   /* of world */
    int host_rank, n_host_ranks;
    int thread_level; /* that MPI has, such as MPI_THREAD_SERIALIZED */
    bool is_own;      /* this extension has initialised MPI, not the host */
    bool is_known;    /* MPI is initialised: rank, n_ranks and the two above are set */
    bool is_copied;   /* world can be used */
    bool is_started;  /* all fields are set */
    bool is_crowded;  /* the machine has fewer processors than ranks */
    bool is_lost;     /* nothing works any more, and other ranks may wait for this one */
    char broken[200]; /* why nothing works any more; "": it does */

    /* ext_mpi_head.c */
    ext_mpi_head own, *heads; /* of the exchange: this rank's, and those of all ranks */
    MPI_Request exchange;     /* of the heads; MPI_REQUEST_NULL: it is complete */
    int64_t n_heads;          /* exchanges that this rank has begun, in all its life */
    bool is_owing; /* the ranks wait in a job that this rank has left: see there */

    /* ext_mpi_wait.c */
    int64_t notice;       /* what this rank told the others last */
    MPI_Request *notices; /* (n_ranks) that are under way */
    int64_t stopped_job;  /* the newest job of which somebody has told that it stops */
    int stopped_by;       /* the rank that told it */
    int n_gone;           /* ranks whose processes end */

    /* ext_mpi_sum.c: memory that all ranks share, if all run on this machine */
    MPI_Win window;
    float **shared;   /* (n_ranks) where each rank's memory is, aligned; owned */
    size_t n_shared;  /* values of a rank that there is room for; 0: no window */
    bool is_unshared; /* it was tried in vain: ranks send messages instead */
} ext_mpi_comm;

/*
 * Makes MPI ready for this process, and sets job->comm. Initialises MPI if the host has
 * not, and then finalises it when the process exits. All ranks must call it, because it
 * makes a communicator of our own: the first call waits for the others, until
 * job->is_stopped asks to stop. A later call returns at once. A success must be ended by
 * ext_mpi_comm_release(), from the same thread. INVALID: MPI cannot be used, or no
 * longer, or another call uses it now; the message says why. INTERRUPTED: the wait was
 * stopped; a later call goes on with it. NOMEM.
 */
gru4rec_status ext_mpi_comm_start(ext_mpi_job *job, gru4rec_error *error);
/*
 * Sets *n_ranks to the number of ranks. Waits for no call of this process. Initialises
 * MPI as above. INVALID: as above.
 */
gru4rec_status ext_mpi_comm_count(int *n_ranks, gru4rec_error *error);
/* Lets other calls of the process use MPI. Sets job->comm to NULL. */
void ext_mpi_comm_release(ext_mpi_job *job);
/*
 * Writes a message, as printf() does, into *error, if it is not NULL. Returns status.
 */
gru4rec_status ext_mpi_comm_fail(gru4rec_error *error, gru4rec_status status,
                                 const char *format, ...) EXT_PRINTF(3, 4);
/*
 * Makes the communicator unusable for the rest of the process, because of a code that MPI
 * returned, which is not MPI_SUCCESS. Sets the error. Returns INVALID.
 */
gru4rec_status ext_mpi_comm_break(ext_mpi_comm *comm, int code, gru4rec_error *error);
/* Does so because the process of another rank has ended. */
gru4rec_status ext_mpi_comm_ended(ext_mpi_comm *comm, gru4rec_error *error);
/* Does so because another rank does not come, although the job stops. */
gru4rec_status ext_mpi_comm_lost(ext_mpi_comm *comm, gru4rec_error *error);
/*
 * Writes the name and version of the MPI that the process uses into name (size bytes),
 * such as "MPICH 4.0.2".
 */
void ext_mpi_comm_library(char *name, size_t size);
/* The name of a thread level of MPI, as MPI writes it. */
const char *ext_mpi_comm_level(int thread_level);

/* ---- ext_mpi_watch.c ---- */

/* The thread that looks for notices while this rank runs statements of SQLite. */
typedef struct ext_mpi_watch {
    sqlite3 *db; /* that is interrupted; borrowed */
    bool is_on;  /* there is the thread: nobody else may call MPI */
    /* A notice has come, and SQLite was interrupted because of it. */
    _Atomic bool is_told;
    bool is_ending; /* the thread is to end; guarded by lock */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t end; /* signalled with is_ending */
} ext_mpi_watch;

/*
 * From now on, until ext_mpi_watch_end(), interrupts the statements of db if another rank
 * tells that the job stops. There must be no exchange meanwhile, only
 * ext_mpi_job_is_stopped(). Does nothing if MPI allows only one thread to call it, or if
 * there is no memory for a thread.
 */
void ext_mpi_watch_start(ext_mpi_job *job, sqlite3 *db);
/* Ends this; does nothing if there is no thread. */
void ext_mpi_watch_end(ext_mpi_job *job);
/*
 * Tells whether the caller of this rank asks to stop; false if that is because SQLite was
 * interrupted here.
 */
bool ext_mpi_watch_is_interrupted(const ext_mpi_job *job);

/* ---- ext_mpi_wait.c ---- */

/*
 * A job. ext_mpi_job_open() sets its fields.
 */
struct ext_mpi_job {
    bool (*is_stopped)(void *context); /* of the caller: whether to stop; or NULL */
    void *context;
    ext_mpi_comm *comm;
    gru4rec_allocator allocator;
    int64_t number;   /* of the exchange that it began with: the job's name */
    bool is_over;     /* no more exchanges: some rank has stopped, or the job has ended */
    bool is_stopping; /* this rank stops at the next exchange */
    char reason[EXT_MPI_TEXT]; /* why the job is over: "rank 2: interrupted" */
    bool is_interrupt;         /* ... and that this is no failure */
    bool is_foreign;           /* another rank was the reason */
    ext_mpi_watch watch;

    /* ext_mpi_exchange.c */
    char *all;       /* what all ranks have brought, one after the other; owned */
    int32_t *staged; /* what this rank gathers; owned */
    int32_t *lanes;  /* the targets of all lanes, then their inputs; owned */
    size_t all_bytes, staged_bytes, lanes_bytes; /* sizes of these */
    int32_t *counts;                             /* (n_ranks) owned */
    int *sizes, *offsets; /* (n_ranks) of what MPI is given; owned */
    int *part_sizes, *part_offsets;
    const void **parts; /* (n_ranks) owned */
    int64_t bytes;      /* that this rank has given to others */
    double seconds;     /* spent in exchanges, waiting included */
    int64_t exchanges;  /* their number */

    /* ext_mpi_sum.c */
    void *packed; /* this rank's blocks, then all ranks' parts of its slice; owned */
    size_t packed_bytes; /* its size */
    size_t n_lent;       /* values that ext_mpi_sum_memory() has lent */
};

/*
 * Waits for the other ranks: until *request is complete, but only patience seconds after
 * this rank, or another one, has begun to stop the job. OK: it is complete. INTERRUPTED:
 * it is still under way; error is not set. INVALID: MPI failed, or the process of a rank
 * has ended; the communicator is then broken.
 */
gru4rec_status ext_mpi_wait_for(ext_mpi_comm *comm, const ext_mpi_job *job,
                                MPI_Request *request, double patience,
                                gru4rec_error *error);
/*
 * Waits for data of ranks that have come already, so it sleeps less. INVALID: as above,
 * or they are not there 10 s after somebody has begun to stop the job.
 */
gru4rec_status ext_mpi_wait_for_data(ext_mpi_comm *comm, const ext_mpi_job *job,
                                     MPI_Request *request, gru4rec_error *error);
/* Tells the other ranks that a job stops, unless this rank has told them already. */
void ext_mpi_wait_notify(ext_mpi_comm *comm, int64_t number);
/* Tells whether another rank has told that the job of this number stops. */
bool ext_mpi_wait_is_notified(ext_mpi_comm *comm, int64_t number);
/*
 * Tells the other ranks that this process ends. They break off what they wait for.
 */
void ext_mpi_wait_goodbye(ext_mpi_comm *comm);

/* ---- ext_mpi_head.c ---- */

/*
 * Gives this rank's head, and waits for the others: n is the head's, and text (n_text, at
 * most EXT_MPI_TEXT) too. OK: comm->heads has all heads; or, if job->is_over is set, some
 * rank has stopped, and job->reason says which and why. After a failure the job is over.
 */
gru4rec_status ext_mpi_head_exchange(ext_mpi_job *job, ext_mpi_kind kind, uint64_t n,
                                     const void *text, size_t n_text,
                                     gru4rec_error *error);
/*
 * Begins a job: completes what this rank has left of earlier ones, waits until all ranks
 * begin one, and compares the names of the calls. Sets job->number. INTERRUPTED: this
 * rank, or another one, did not want to wait any longer. INVALID: the ranks call
 * different functions, or MPI failed.
 */
gru4rec_status ext_mpi_head_meet(ext_mpi_job *job, const char *call,
                                 gru4rec_error *error);
/*
 * Makes the job over because this rank fails: notifies the other ranks, gives a head that
 * says why, and waits until they come to it, or for some seconds. reason "": another rank
 * has told that it stops, and this one only follows.
 */
void ext_mpi_head_stop(ext_mpi_job *job, const char *reason);
/*
 * Completes what this rank has left of earlier jobs. Returns as ext_mpi_wait_for().
 */
gru4rec_status ext_mpi_head_settle(ext_mpi_comm *comm, const ext_mpi_job *job,
                                   gru4rec_error *error);

/* ---- ext_mpi_exchange.c ---- */

/*
 * Gives n bytes to all ranks, and gets those of all: afterwards job->all has them, one
 * rank's behind the other's, and job->sizes and job->offsets say where. They stay until
 * the next exchange. *stop: as in gru4rec_ranks. NOMEM, INVALID: the job is over.
 */
gru4rec_status ext_mpi_exchange_bytes(ext_mpi_job *job, ext_mpi_kind kind,
                                      const void *bytes, size_t n, bool *stop,
                                      gru4rec_error *error);
/*
 * Makes *block, of the job's allocator, at least so many bytes large; *size is its size.
 * All ranks call it at the same time, with blocks of the same size: *block is an error,
 * and the job over, on all ranks, if one has not enough memory.
 */
gru4rec_status ext_mpi_exchange_room(ext_mpi_job *job, void **block, size_t *size,
                                     size_t bytes, gru4rec_error *error);
/*
 * Tells whether is_ok is true on all ranks. All ranks call it at the same time, directly
 * after an exchange, because it cannot be interrupted.
 */
bool ext_mpi_exchange_vote(ext_mpi_job *job, bool is_ok);
/* The hooks gather, share_rows and agree of gru4rec_ranks. The context is the job. */
gru4rec_status
ext_mpi_exchange_gather(void *context, const int32_t *targets, const int32_t *inputs,
                        int32_t m, const int32_t **counts, const int32_t **all_targets,
                        const int32_t **all_inputs, bool *stop, gru4rec_error *error);
gru4rec_status ext_mpi_exchange_rows(void *context, gru4rec_real *rows,
                                     const int32_t *counts, size_t width, bool *stop,
                                     gru4rec_error *error);
gru4rec_status ext_mpi_exchange_agree(void *context, const void *own, size_t n, void *all,
                                      gru4rec_error *error);
/* Allocates what exchanges need, and frees it. NOMEM. */
gru4rec_status ext_mpi_exchange_init(ext_mpi_job *job, gru4rec_error *error);
void ext_mpi_exchange_free(ext_mpi_job *job);

/* ---- ext_mpi_sum.c ---- */

/*
 * The hooks memory and sum of gru4rec_ranks. The context is the job. If the ranks share
 * memory, memory makes it large enough; what it has lent before must not be used then.
 */
gru4rec_real *ext_mpi_sum_memory(void *context, size_t n);
/* Tells whether values are in the memory that is lent to the training. */
bool ext_mpi_sum_is_lent(const ext_mpi_job *job, const gru4rec_real *values);
/*
 * Copies values (n) of the lent memory to the same place in that of all other ranks, who
 * must not use that place before the next exchange, and see them after it.
 */
void ext_mpi_sum_give(const ext_mpi_job *job, const gru4rec_real *values, size_t n);
gru4rec_status ext_mpi_sum(void *context, const gru4rec_block *blocks, size_t n_blocks,
                           double *losses, size_t n_losses, bool *stop,
                           gru4rec_error *error);
/*
 * Frees the memory that the ranks share. All ranks call it at the same time, as above.
 */
void ext_mpi_sum_unshare(ext_mpi_comm *comm);

/* ---- ext_mpi_job.c ---- */

/* What a job is about. */
typedef struct ext_mpi_request {
    const char *call;                  /* the SQL function, such as "gru4rec_train()" */
    bool (*is_stopped)(void *context); /* whether to stop; NULL: never */
    void *context;
    const gru4rec_allocator *allocator; /* NULL: ext_memory; copied */
} ext_mpi_request;

/*
 * Opens a job: waits until all ranks open one. The job must stay at its address until
 * ext_mpi_job_close(). SQLITE_INTERRUPT: this rank, or another one, has stopped to wait.
 * SQLITE_ERROR: MPI cannot be used. After a failure the job need not be closed, and all
 * of its fields are zero.
 */
int ext_mpi_job_open(ext_mpi_job *job, const ext_mpi_request *request, ext_error *error);
/*
 * Compares what must be equal on all ranks: the build, the kernels, BLAS, the precision,
 * and the options (JSON object; NULL: there are none) but for those that change no
 * weights. SQLITE_ERROR: the ranks differ, which the message says; the job is over then.
 */
int ext_mpi_job_compare(ext_mpi_job *job, sqlite3 *db, const char *options,
                        ext_error *error);
/*
 * The hooks for the library, which use the job: valid until it is closed.
 */
gru4rec_ranks ext_mpi_job_hooks(ext_mpi_job *job);
/*
 * Tells whether this rank must stop: its own is_stopped says so, or another rank has told
 * that it stops. The context is the job. For polls while this rank works alone.
 */
bool ext_mpi_job_is_stopped(void *job);
/*
 * If the job is over because of another rank, makes that the error, in place of an error
 * that only says that this rank was stopped. If it is over because this rank was
 * interrupted, an error of being stopped says so.
 */
void ext_mpi_job_explain(const ext_mpi_job *job, ext_error *error);
/*
 * Closes the job and frees what it has. If the error is set, and the job is not over yet,
 * tells the other ranks that this one has failed. If it is not set, waits until all ranks
 * close the job; if one of them has failed, that is the error. Does nothing with a job
 * whose fields are zero. Returns the code that the error has now.
 */
int ext_mpi_job_close(ext_mpi_job *job, ext_error *error);

/* ---- ext_mpi_driver.c ---- */

/* Gives the calls of the extension the other ranks; for ext_ranks_use(). */
extern const ext_ranks_driver ext_mpi_driver;

/* ---- ext_mpi_ranks.c ---- */

/* gru4rec_ranks(), to register. The last entry has the name NULL. */
extern const ext_function ext_mpi_ranks_functions[];

#endif

/*
 * sync.h - the trainers of a process, and when the groups of a training tell each other
 * what they have learned.
 *
 * sync_steps = 1: in every update. There is one trainer, whose frames have the lanes of
 * all groups, and the model is always the same everywhere.
 *
 * sync_steps above 1, and several groups: each group has a trainer and a copy of the
 * model of its own, and its own random numbers. A round is up to sync_steps updates of
 * each copy, by itself; then a merge makes all copies equal again (moves.h). The last
 * round of an epoch ends with it, so after an epoch there is one model only. In one
 * process (option groups), the first copy is the training's model, and the others are
 * kept here.
 */
#ifndef G4R_SYNC_H
#define G4R_SYNC_H

#include "moves.h"
#include "trainer.h"

typedef struct g4r_sync {
    const gru4rec_options *options; /* borrowed */
    gru4rec_training *training;     /* borrowed */
    g4r_exchange *exchange;         /* with other processes; borrowed */
    g4r_watch *watch;               /* borrowed */
    size_t n, first;                /* trainers here; group of the first one */
    g4r_trainer *trainers;          /* (n) */
    bool is_apart;                  /* each group has a copy; otherwise n is 1 */
    gru4rec_training *copies;       /* (n - 1) of the trainers but the first */
    g4r_moves *moves;               /* (n) of each copy; only if is_apart */
    /* What a merge exchanges at a time: all whole tensors, and up to n_rows items. */
    size_t n_rows;
    int32_t *rows;         /* (n_rows) */
    g4r_real *sums, *next; /* of the copies so far, and of the next one */
    g4r_arena arena;       /* of moves and what follows it */
} g4r_sync;

/*
 * Makes *sync, whatever it holds, with the lanes of its trainers for the sessions of
 * the dataset. All pointers are borrowed; exchange need not be ready yet. INVALID: as
 * g4r_lanes_init(). NOMEM: there is not enough memory. The caller calls
 * g4r_sync_free(), also after an error.
 */
gru4rec_status g4r_sync_init(g4r_sync *sync, gru4rec_training *training,
                             const gru4rec_dataset *dataset,
                             const gru4rec_options *options, g4r_exchange *exchange,
                             g4r_watch *watch, gru4rec_error *error);
/*
 * Allocates all that the steps and the merges need. n_lanes: the most lanes of a frame,
 * of all groups. NOMEM: there is not enough memory.
 */
gru4rec_status g4r_sync_open(g4r_sync *sync, const int64_t *support, size_t n_lanes,
                             gru4rec_error *error);
/* Frees what *sync has; accepts a struct of zeros. */
void g4r_sync_free(g4r_sync *sync);
/*
 * Returns the bytes that *sync takes in a process with n_sessions, of which some of the
 * ranks are others (NULL: none), without the stacks of threads.
 */
size_t g4r_sync_bytes(const g4r_params *params, const gru4rec_options *options,
                      int64_t n_sessions, const gru4rec_ranks *ranks);
/* Returns the number of lanes that this process's groups have at most together. */
int64_t g4r_sync_lanes(const g4r_sync *sync);
/*
 * Trains an epoch, whose number *epoch has, and fills its sums: steps, narrow, events,
 * loss and cost. INTERRUPTED: the hook poll has said stop, here or on another rank, or
 * another rank failed. DIVERGED: a loss is not finite. Or returns the status of an
 * exchange.
 */
gru4rec_status g4r_sync_epoch(g4r_sync *sync, gru4rec_epoch *epoch, gru4rec_error *error);

#endif

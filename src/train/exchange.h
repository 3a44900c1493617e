/*
 * exchange.h - what the processes of a training tell each other, through the functions
 * of gru4rec_ranks. A training in one process has no such functions: then each function
 * here leaves its arguments as they are, and returns OK.
 *
 * All ranks call these functions in the same order. The order depends only on what they
 * have all been told. So a rank that wants to stop, or that fails by itself, says so in
 * the next exchange, and all end there.
 */
#ifndef G4R_EXCHANGE_H
#define G4R_EXCHANGE_H

#include "step.h"

/* What a rank says of itself in a vote. All fields have 8 bytes, so there are no gaps. */
typedef struct g4r_exchange_ballot {
    int64_t status; /* gru4rec_status of what it has done since the last exchange */
    /* A hash of what it has trained, equal on all ranks; 0: not asked for. */
    uint64_t checksum;
    /* At the start: its sessions, those that have a target, and their targets. */
    int64_t n_sessions, n_with_target, n_targets;
    int64_t n_held;     /* at the start: its held-out sessions that have a target */
    int64_t n_lanes;    /* at the start: the lanes of its groups in the first frame */
    double recall, mrr; /* after an epoch: what its hook validate found */
} g4r_exchange_ballot;

typedef struct g4r_exchange {
    const gru4rec_ranks *ranks;   /* NULL: there are no other processes */
    g4r_exchange_ballot single;   /* the ballots of a training in one process */
    g4r_exchange_ballot *ballots; /* (ranks) of the last vote; owned, or &single */
    gru4rec_allocator allocator;
} g4r_exchange;

/*
 * Makes *exchange, which must not move, for these ranks, and makes the first exchange,
 * in which each rank says whether it can begin. It is a gather without lanes, because
 * that needs no memory. status: whether this rank can begin so far; *error then stays
 * as the caller has set it. Returns status if it is not OK. NOMEM: there is not enough
 * memory. INTERRUPTED: another rank cannot begin. Or returns the status of the hook.
 * The caller calls g4r_exchange_free(), also after an error.
 */
gru4rec_status g4r_exchange_init(g4r_exchange *exchange, const gru4rec_ranks *ranks,
                                 const gru4rec_allocator *allocator,
                                 gru4rec_status status, gru4rec_error *error);
void g4r_exchange_free(g4r_exchange *exchange);
/* Returns the bytes that g4r_exchange_init() allocates for these ranks. */
size_t g4r_exchange_bytes(const gru4rec_ranks *ranks);
/*
 * Gets the lanes of the other ranks in a frame: of lanes (ranks), those of this rank
 * are filled. The items of the others are borrowed until the next call. *stop: whether
 * this rank wants to stop; afterwards whether any does, and then lanes must not be
 * used. Returns the status of the hook.
 */
gru4rec_status g4r_exchange_gather(const g4r_exchange *exchange, gru4rec_lanes *lanes,
                                   bool *stop, gru4rec_error *error);
/*
 * Moves the sums of the step into memory in which the hooks can add them up without
 * copies, if they have such memory. All ranks call it before the first frame.
 */
void g4r_exchange_lend(const g4r_exchange *exchange, g4r_step *step);
/*
 * Makes what g4r_step_backward() has left that of all ranks: adds up the sums and the
 * losses of all ranks, and gets the gradients of the inputs of the others. *stop and
 * result: as g4r_exchange_gather().
 */
gru4rec_status g4r_exchange_sum(const g4r_exchange *exchange, g4r_step *step, bool *stop,
                                gru4rec_error *error);
/*
 * Gives a list of item rows (n) to all ranks, and gets those of all: each half of them
 * is in one of the two parts (n_each), which are borrowed until the next call. A row
 * can be in both. Without other processes, *n_each is 0. INTERRUPTED: a rank wants to
 * stop. Or returns the status of the hook.
 */
gru4rec_status g4r_exchange_lists(const g4r_exchange *exchange, const int32_t *rows,
                                  size_t n, const int32_t *parts[2], size_t *n_each,
                                  gru4rec_error *error);
/*
 * Adds up blocks, and numbers (n_numbers), over the ranks in their order. Status: as
 * above.
 */
gru4rec_status g4r_exchange_add(const g4r_exchange *exchange, const gru4rec_block *blocks,
                                size_t n_blocks, double *numbers, size_t n_numbers,
                                gru4rec_error *error);
/*
 * Gives this rank's ballot to all ranks, and fills exchange->ballots. Returns
 * own->status if this is not OK; *error then stays as the caller has set it.
 * INTERRUPTED: another rank's status is not OK; the message names it. INVALID: the
 * checksums differ; the message names the ranks. Otherwise returns the status of the
 * hook.
 */
gru4rec_status g4r_exchange_vote(g4r_exchange *exchange, const g4r_exchange_ballot *own,
                                 gru4rec_error *error);
/* Adds up the numbers that the ballots of the last vote have for the start. */
g4r_exchange_ballot g4r_exchange_total(const g4r_exchange *exchange);
/*
 * Returns a hash of the weights, of the number of updates and of that of epochs; 0 if
 * there are no other processes to compare it with.
 */
uint64_t g4r_exchange_checksum(const g4r_exchange *exchange,
                               const gru4rec_training *training, int64_t n_epochs);

#endif

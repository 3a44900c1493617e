/*
 * share.h - an evaluation over several processes: which sessions each of them measures,
 * and how all get the figures of all sessions.
 *
 * All ranks have the same model and the same test. Session s is measured by rank s mod R.
 * Afterwards each target's place comes from the rank that has measured its session, and
 * what was counted from lists is added up. All of it is whole numbers, so the figures are
 * those of one process, to the bit.
 */
#ifndef G4R_SHARE_H
#define G4R_SHARE_H

#include "tally.h"

typedef struct g4r_share {
    const gru4rec_ranks *ranks; /* NULL: this process measures all; borrowed */
    gru4rec_dataset test;       /* a copy of the test whose groups are the ranks */
    int32_t *groups;            /* (sessions) owned */
    char *all;                  /* what all ranks bring to an exchange; owned */
    gru4rec_allocator allocator;
} g4r_share;

/*
 * Makes *share of the test, which is borrowed. ranks: NULL, or the processes that measure
 * together. NOMEM: there is not enough memory. The caller calls g4r_share_free(), also
 * after an error.
 */
gru4rec_status g4r_share_init(g4r_share *share, const gru4rec_dataset *test,
                              const gru4rec_ranks *ranks,
                              const gru4rec_allocator *allocator, gru4rec_error *error);
void g4r_share_free(g4r_share *share);
/*
 * Tells the other ranks how this one has fared so far, by its status, and gets theirs.
 * hash: of what must be equal on all ranks. Returns status if it is not OK; *error then
 * stays as the caller has set it. INTERRUPTED: another rank has failed. INVALID: the
 * hashes differ. Or returns the status of the hook. Without other ranks it returns
 * status.
 */
gru4rec_status g4r_share_vote(g4r_share *share, gru4rec_status status, uint64_t hash,
                              gru4rec_error *error);
/*
 * Returns a hash of the model, the test and the options, for g4r_share_vote(); 0 without
 * other ranks.
 */
uint64_t g4r_share_hash(const g4r_share *share, const gru4rec_model *model,
                        const gru4rec_options *options);
/*
 * Makes the tallies (n), which have counted this rank's share, those of all ranks.
 * Returns the status of the hook.
 */
gru4rec_status g4r_share_combine(g4r_share *share, g4r_tally *tallies, size_t n,
                                 gru4rec_error *error);

#endif

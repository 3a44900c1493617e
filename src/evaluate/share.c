/* share.c - an evaluation over several processes; see share.h. */
#include "share.h"

#include "../model/model.h"
#include "../base/fail.h"
#include "../base/hash.h"

enum { PIECE = 1 << 16 }; /* bytes of a rank in one exchange */

/* How a rank has fared. The fields have 8 bytes, so there are no gaps. */
typedef struct ballot {
    int64_t status; /* gru4rec_status */
    uint64_t hash;
} ballot;

/*
 * Tells the other ranks whether this one can begin: whether there is memory for further
 * exchanges. INTERRUPTED: another rank cannot. Or returns the status of the hook.
 */
static gru4rec_status call_roll(const gru4rec_ranks *ranks, bool is_ready,
                                gru4rec_error *error)
{
    const int32_t *counts, *targets, *inputs;
    bool stop = !is_ready;
    gru4rec_status status =
        ranks->gather(ranks->context, NULL, NULL, 0, &counts, &targets, &inputs, &stop,
                      is_ready ? error : NULL);
    if (status == GRU4REC_OK && stop && is_ready)
        return g4r_fail(error, GRU4REC_INTERRUPTED,
                        "another rank ended before its first step; its own message says "
                        "why");
    return status;
}

gru4rec_status g4r_share_init(g4r_share *share, const gru4rec_dataset *test,
                              const gru4rec_ranks *ranks,
                              const gru4rec_allocator *allocator, gru4rec_error *error)
{
    const size_t n_sessions = (size_t)test->n_sessions;
    *share = (g4r_share){.ranks = ranks, .test = *test, .allocator = *allocator};
    if (ranks == NULL)
        return GRU4REC_OK;
    share->all = g4r_alloc(allocator, (size_t)ranks->n_ranks, PIECE);
    share->groups = g4r_alloc(allocator, n_sessions, sizeof *share->groups);
    const bool is_ready = share->all != NULL && share->groups != NULL;
    const gru4rec_status status = call_roll(ranks, is_ready, error);
    if (!is_ready)
        return g4r_fail_nomem(error, n_sessions * sizeof *share->groups);
    if (status != GRU4REC_OK)
        return status;
    for (size_t s = 0; s < n_sessions; s++)
        share->groups[s] = (int32_t)(s % (size_t)ranks->n_ranks);
    share->test.groups = share->groups;
    share->test.n_groups = ranks->n_ranks;
    return GRU4REC_OK;
}

void g4r_share_free(g4r_share *share)
{
    G4R_ALLOC_CLEAR(&share->allocator, share->groups);
    G4R_ALLOC_CLEAR(&share->allocator, share->all);
}

uint64_t g4r_share_hash(const g4r_share *share, const gru4rec_model *model,
                        const gru4rec_options *options)
{
    const gru4rec_dataset *test = &share->test;
    uint64_t hash = g4r_hash_word(G4R_HASH_START, (uint64_t)test->n_sessions);
    if (share->ranks == NULL)
        return 0;
    hash = g4r_hash_numbers(hash, test->offsets, (size_t)test->n_sessions + 1,
                            sizeof *test->offsets);
    hash = g4r_hash_numbers(hash, test->item_rows, (size_t)test->n_events,
                            sizeof *test->item_rows);
    if (test->times != NULL)
        hash = g4r_hash_numbers(hash, test->times, (size_t)test->n_events,
                                sizeof *test->times);
    for (size_t i = 0; i < model->params.n; i++)
        hash = g4r_hash_numbers(hash, model->values[i],
                                g4r_param_size(&model->params.list[i]), sizeof(g4r_real));
    for (int64_t i = 0; i < options->cutoffs.n; i++)
        hash = g4r_hash_word(hash, (uint64_t)options->cutoffs.values[i]);
    const int64_t others[] = {options->mode,       options->segment,
                              options->baselines,  options->exclude_seen,
                              options->candidates, options->last_only,
                              options->seed};
    return g4r_hash_numbers(hash, others, sizeof others / sizeof *others, sizeof *others);
}

/* Compares the ballots of all ranks, which share->all has. */
static gru4rec_status compare(const g4r_share *share, gru4rec_error *error)
{
    const ballot *ballots = (const ballot *)(const void *)share->all;
    const int32_t n = share->ranks->n_ranks;
    for (int32_t rank = 0; rank < n; rank++)
        if (ballots[rank].status != GRU4REC_OK)
            return g4r_fail(error, GRU4REC_INTERRUPTED,
                            "rank %d of %d did not finish its share; its own message "
                            "says why",
                            (int)rank, (int)n);
    for (int32_t rank = 1; rank < n; rank++)
        if (ballots[rank].hash != ballots[0].hash)
            return g4r_fail(error, GRU4REC_INVALID,
                            "rank %d has another model, test or option than rank 0; "
                            "give all ranks the same version and the same test events",
                            (int)rank);
    return GRU4REC_OK;
}

gru4rec_status g4r_share_vote(g4r_share *share, gru4rec_status status, uint64_t hash,
                              gru4rec_error *error)
{
    const gru4rec_ranks *ranks = share->ranks;
    const ballot own = {status, hash};
    if (ranks == NULL)
        return status;
    const gru4rec_status result = ranks->agree(ranks->context, &own, sizeof own,
                                               share->all, status == 0 ? error : NULL);
    if (status != GRU4REC_OK || result != GRU4REC_OK)
        return status != GRU4REC_OK ? status : result;
    return compare(share, error);
}

/* ---- what was counted ---- */

/* Combines n values of what all ranks have into own, the values of this rank. */
typedef void combiner(void *own, const void *other, size_t n);

/*
 * Gets n values of so many bytes of each rank, and combines them into own, in the order
 * of the ranks.
 */
static gru4rec_status combine(const g4r_share *share, void *own, size_t n, size_t bytes,
                              combiner *add, gru4rec_error *error)
{
    const gru4rec_ranks *ranks = share->ranks;
    gru4rec_status status = GRU4REC_OK;
    for (size_t from = 0; status == GRU4REC_OK && from < n; from += PIECE / bytes) {
        const size_t n_piece = G4R_MIN(n - from, PIECE / bytes);
        char *piece = (char *)own + from * bytes;
        status = ranks->agree(ranks->context, piece, n_piece * bytes, share->all, error);
        if (status == GRU4REC_OK)
            memcpy(piece, share->all, n_piece * bytes);
        for (int32_t rank = 1; status == GRU4REC_OK && rank < ranks->n_ranks; rank++)
            add(piece, share->all + (size_t)rank * n_piece * bytes, n_piece);
    }
    return status;
}

/* Places: only the rank that has measured the session has one. */
static void add_places(void *own, const void *other, size_t n)
{
    int32_t *to = own;
    const int32_t *from = other;
    for (size_t i = 0; i < n; i++)
        if (from[i] != GRU4REC_PLACE_NONE)
            to[i] = from[i];
}

/* Best places in lists, from 1; 0: in no list. */
static void add_best(void *own, const void *other, size_t n)
{
    int32_t *to = own;
    const int32_t *from = other;
    for (size_t i = 0; i < n; i++)
        if (from[i] > 0 && (to[i] == 0 || from[i] < to[i]))
            to[i] = from[i];
}

static void add_sums(void *own, const void *other, size_t n)
{
    double *to = own;
    const double *from = other;
    for (size_t i = 0; i < n; i++)
        to[i] += from[i];
}

static void add_counts(void *own, const void *other, size_t n)
{
    int64_t *to = own;
    const int64_t *from = other;
    for (size_t i = 0; i < n; i++)
        to[i] += from[i];
}

/* Combines what was counted from the lists of a segment. */
static gru4rec_status combine_lists(const g4r_share *share, const g4r_tally *tally,
                                    g4r_tally_lists *lists, gru4rec_error *error)
{
    const size_t n = (size_t)tally->options->cutoffs.n;
    gru4rec_status status =
        combine(share, lists->best, tally->n_items, sizeof *lists->best, add_best, error);
    if (status == GRU4REC_OK)
        status = combine(share, lists->support_sums, n, sizeof *lists->support_sums,
                         add_sums, error);
    if (status == GRU4REC_OK)
        status =
            combine(share, lists->listed, n, sizeof *lists->listed, add_counts, error);
    if (status == GRU4REC_OK)
        status = combine(share, &lists->ties, 1, sizeof lists->ties, add_counts, error);
    return status;
}

gru4rec_status g4r_share_combine(g4r_share *share, g4r_tally *tallies, size_t n,
                                 gru4rec_error *error)
{
    gru4rec_status status = GRU4REC_OK;
    if (share->ranks == NULL)
        return GRU4REC_OK;
    for (size_t i = 0; status == GRU4REC_OK && i < n; i++) {
        g4r_tally *tally = &tallies[i];
        const size_t n_segments = g4r_segment_count(tally->options->segment);
        status = combine(share, tally->places, (size_t)share->test.n_events,
                         sizeof *tally->places, add_places, error);
        for (size_t k = 0; status == GRU4REC_OK && k < n_segments; k++)
            status = combine_lists(share, tally, &tally->lists[k], error);
    }
    return status;
}

/* exchange.c - what the processes of a training tell each other; see exchange.h. */
#include "exchange.h"

#include "../base/fail.h"
#include "../base/hash.h"

/*
 * Tells the other ranks whether this one can begin, which status says, and returns what
 * g4r_exchange_init() returns.
 */
static gru4rec_status call_roll(const gru4rec_ranks *ranks, gru4rec_status status,
                                gru4rec_error *error)
{
    const int32_t *counts, *targets, *inputs;
    bool stop = status != GRU4REC_OK;
    if (ranks == NULL)
        return status;
    gru4rec_status result =
        ranks->gather(ranks->context, NULL, NULL, 0, &counts, &targets, &inputs, &stop,
                      status == GRU4REC_OK ? error : NULL);
    if (status != GRU4REC_OK || result != GRU4REC_OK)
        return status != GRU4REC_OK ? status : result;
    return stop ? g4r_fail(error, GRU4REC_INTERRUPTED,
                           "another rank ended before its first step; its own message "
                           "says why")
                : GRU4REC_OK;
}

gru4rec_status g4r_exchange_init(g4r_exchange *exchange, const gru4rec_ranks *ranks,
                                 const gru4rec_allocator *allocator,
                                 gru4rec_status status, gru4rec_error *error)
{
    *exchange = (g4r_exchange){.ranks = ranks, .allocator = *allocator};
    exchange->ballots = ranks == NULL ? &exchange->single
                                      : g4r_alloc(allocator, (size_t)ranks->n_ranks,
                                                  sizeof *exchange->ballots);
    if (status == GRU4REC_OK && exchange->ballots == NULL)
        status = g4r_fail_nomem(error, g4r_exchange_bytes(ranks));
    return call_roll(ranks, status, error);
}

void g4r_exchange_free(g4r_exchange *exchange)
{
    if (exchange->ballots != &exchange->single)
        g4r_alloc_free(&exchange->allocator, exchange->ballots);
    exchange->ballots = NULL;
}

size_t g4r_exchange_bytes(const gru4rec_ranks *ranks)
{
    return ranks == NULL ? 0
                         : g4r_mul((size_t)ranks->n_ranks, sizeof(g4r_exchange_ballot));
}

gru4rec_status g4r_exchange_gather(const g4r_exchange *exchange, gru4rec_lanes *lanes,
                                   bool *stop, gru4rec_error *error)
{
    const gru4rec_ranks *ranks = exchange->ranks;
    const int32_t *counts = NULL, *targets = NULL, *inputs = NULL;
    if (ranks == NULL)
        return GRU4REC_OK;
    const gru4rec_lanes *own = &lanes[ranks->rank];
    gru4rec_status status = ranks->gather(ranks->context, own->target, own->input, own->n,
                                          &counts, &targets, &inputs, stop, error);
    if (status != GRU4REC_OK || *stop)
        return status;
    for (int32_t rank = 0; rank < ranks->n_ranks; rank++) {
        const int32_t n = counts[rank];
        if (rank != ranks->rank)
            lanes[rank] = (gru4rec_lanes){.n = n, .target = targets, .input = inputs};
        targets += n;
        inputs += n;
    }
    return GRU4REC_OK;
}

/*
 * Gets the gradients of the inputs of the other ranks, frame by frame. Does nothing if
 * the whole output table has a gradient that contains them.
 */
static gru4rec_status share_inputs(const gru4rec_ranks *ranks, const g4r_step *step,
                                   bool *stop, gru4rec_error *error)
{
    const g4r_group_common *common = &step->common;
    const g4r_params *params = &step->model->params;
    const size_t width = g4r_group_input_cols(params);
    const bool is_contained = g4r_group_scores_all(common) && params->mode == G4R_SHARED;
    gru4rec_status status = GRU4REC_OK;
    for (size_t i = 0;
         status == GRU4REC_OK && !*stop && !is_contained && i < common->n_frames; i++)
        status =
            ranks->share_rows(ranks->context,
                              common->dinputs + common->frames[i].input_start * width,
                              step->counts + i * step->plan.n_groups, width, stop, error);
    return status;
}

void g4r_exchange_lend(const g4r_exchange *exchange, g4r_step *step)
{
    const gru4rec_ranks *ranks = exchange->ranks;
    if (ranks == NULL || ranks->memory == NULL)
        return;
    g4r_real *memory = ranks->memory(ranks->context, g4r_step_sum_values(step));
    if (memory != NULL)
        g4r_step_move_sums(step, memory);
}

gru4rec_status g4r_exchange_sum(const g4r_exchange *exchange, g4r_step *step, bool *stop,
                                gru4rec_error *error)
{
    const gru4rec_ranks *ranks = exchange->ranks;
    gru4rec_block blocks[G4R_STEP_BLOCKS];
    if (ranks == NULL)
        return GRU4REC_OK;
    const size_t n = g4r_step_blocks(step, &step->sums, blocks);
    gru4rec_status status = ranks->sum(ranks->context, blocks, n, step->losses,
                                       step->common.n_frames, stop, error);
    return status == GRU4REC_OK ? share_inputs(ranks, step, stop, error) : status;
}

gru4rec_status g4r_exchange_lists(const g4r_exchange *exchange, const int32_t *rows,
                                  size_t n, const int32_t *parts[2], size_t *n_each,
                                  gru4rec_error *error)
{
    const gru4rec_ranks *ranks = exchange->ranks;
    const int32_t *counts = NULL;
    const size_t half = (n + 1) / 2;
    bool stop = false;
    *n_each = 0;
    if (ranks == NULL)
        return GRU4REC_OK;
    gru4rec_status status =
        ranks->gather(ranks->context, rows, rows + (n - half), (int32_t)half, &counts,
                      &parts[0], &parts[1], &stop, error);
    if (status == GRU4REC_OK && stop)
        return g4r_fail(error, GRU4REC_INTERRUPTED, "interrupted");
    for (int32_t rank = 0; status == GRU4REC_OK && rank < ranks->n_ranks; rank++)
        *n_each += (size_t)counts[rank];
    return status;
}

gru4rec_status g4r_exchange_add(const g4r_exchange *exchange, const gru4rec_block *blocks,
                                size_t n_blocks, double *numbers, size_t n_numbers,
                                gru4rec_error *error)
{
    const gru4rec_ranks *ranks = exchange->ranks;
    bool stop = false;
    if (ranks == NULL)
        return GRU4REC_OK;
    gru4rec_status status =
        ranks->sum(ranks->context, blocks, n_blocks, numbers, n_numbers, &stop, error);
    return status == GRU4REC_OK && stop
               ? g4r_fail(error, GRU4REC_INTERRUPTED, "interrupted")
               : status;
}

/*
 * Compares the ballots. INTERRUPTED: the status of a rank is not OK. INVALID: the
 * checksums of two ranks differ.
 */
static gru4rec_status compare(const g4r_exchange *exchange, gru4rec_error *error)
{
    const g4r_exchange_ballot *ballots = exchange->ballots;
    const int32_t n = exchange->ranks != NULL ? exchange->ranks->n_ranks : 1;
    for (int32_t rank = 0; rank < n; rank++)
        if (ballots[rank].status == GRU4REC_INTERRUPTED)
            return g4r_fail(error, GRU4REC_INTERRUPTED, "interrupted");
        else if (ballots[rank].status != GRU4REC_OK)
            return g4r_fail(error, GRU4REC_INTERRUPTED,
                            "rank %d of %d ended with an error; its own message says "
                            "which one",
                            (int)rank, (int)n);
    for (int32_t rank = 1; rank < n; rank++)
        if (ballots[rank].checksum != ballots[0].checksum)
            return g4r_fail(error, GRU4REC_INVALID,
                            "the weights of rank %d differ from those of rank 0; run the "
                            "same build with the same options and items on all of them, "
                            "and if they do, check the memory of their machines",
                            (int)rank);
    return GRU4REC_OK;
}

gru4rec_status g4r_exchange_vote(g4r_exchange *exchange, const g4r_exchange_ballot *own,
                                 gru4rec_error *error)
{
    const gru4rec_ranks *ranks = exchange->ranks;
    gru4rec_status status = GRU4REC_OK;
    if (ranks == NULL)
        exchange->single = *own;
    else
        status = ranks->agree(ranks->context, own, sizeof *own, exchange->ballots,
                              own->status == GRU4REC_OK ? error : NULL);
    if (own->status != GRU4REC_OK)
        return (gru4rec_status)own->status;
    return status == GRU4REC_OK ? compare(exchange, error) : status;
}

g4r_exchange_ballot g4r_exchange_total(const g4r_exchange *exchange)
{
    const int32_t n = exchange->ranks != NULL ? exchange->ranks->n_ranks : 1;
    g4r_exchange_ballot total = {0};
    for (int32_t rank = 0; rank < n; rank++) {
        const g4r_exchange_ballot *ballot = &exchange->ballots[rank];
        total.n_sessions += ballot->n_sessions;
        total.n_with_target += ballot->n_with_target;
        total.n_targets += ballot->n_targets;
        total.n_held += ballot->n_held;
        total.n_lanes += ballot->n_lanes;
    }
    return total;
}

uint64_t g4r_exchange_checksum(const g4r_exchange *exchange,
                               const gru4rec_training *training, int64_t n_epochs)
{
    const gru4rec_model *model = training->model;
    uint64_t hash = g4r_hash_word(G4R_HASH_START, (uint64_t)training->updates);
    if (exchange->ranks == NULL)
        return 0;
    hash = g4r_hash_word(hash, (uint64_t)n_epochs);
    for (size_t i = 0; i < model->params.n; i++)
        hash = g4r_hash_numbers(hash, model->values[i],
                                g4r_param_size(&model->params.list[i]), sizeof(g4r_real));
    return hash;
}

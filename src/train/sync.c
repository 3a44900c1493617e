/* sync.c - rounds of training by themselves, and merges; see sync.h. */
#include "sync.h"

#include "../base/fail.h"

/* ROUND_BYTES: of the sums of items that a merge exchanges at a time, about. */
enum { ROUND_BYTES = 4 << 20 };

/* What the copies count in a round; it is added up as losses are. */
typedef enum tally {
    N_STEPS,
    N_NARROW,
    N_EVENTS,
    LOSS,
    COST,
    N_UPDATES,
    N_MOVED, /* copies that have had an update */
    N_LIVE,  /* copies for which steps of the epoch are left */
    N_TALLIES
} tally;

/* ---- set up ---- */

/* Returns the number of trainers that this process needs. */
static size_t count_trainers(const gru4rec_options *options, const gru4rec_ranks *ranks)
{
    const bool is_apart = g4r_lanes_are_apart(options, ranks);
    return is_apart && ranks == NULL ? (size_t)options->groups : 1;
}

gru4rec_status g4r_sync_init(g4r_sync *sync, gru4rec_training *training,
                             const gru4rec_dataset *dataset,
                             const gru4rec_options *options, g4r_exchange *exchange,
                             g4r_watch *watch, gru4rec_error *error)
{
    static const g4r_exchange nobody;
    const gru4rec_ranks *ranks = watch->hooks->ranks;
    const gru4rec_allocator *allocator = &training->model->allocator;
    *sync = (g4r_sync){.options = options,
                       .training = training,
                       .exchange = exchange,
                       .watch = watch,
                       .n = count_trainers(options, ranks),
                       .first = ranks != NULL ? (size_t)ranks->rank : 0,
                       .is_apart = g4r_lanes_are_apart(options, ranks)};
    sync->trainers = g4r_alloc(allocator, sync->n, sizeof *sync->trainers);
    sync->copies = g4r_alloc(allocator, sync->n, sizeof *sync->copies);
    if (sync->trainers != NULL)
        memset(sync->trainers, 0, sync->n * sizeof *sync->trainers);
    if (sync->copies != NULL)
        memset(sync->copies, 0, sync->n * sizeof *sync->copies);
    if (sync->trainers == NULL || sync->copies == NULL)
        return g4r_fail_nomem(error, sync->n * sizeof *sync->trainers);
    gru4rec_status status = GRU4REC_OK;
    for (size_t i = 0; status == GRU4REC_OK && i < sync->n; i++) {
        g4r_trainer *trainer = &sync->trainers[i];
        *trainer = (g4r_trainer){.training = training,
                                 .options = options,
                                 .exchange = sync->is_apart ? &nobody : exchange,
                                 .watch = watch};
        status =
            g4r_lanes_init(&trainer->lanes, dataset, options, ranks, i, allocator, error);
    }
    return status;
}

/*
 * Carves what merges need from the arena. While moves is NULL, this only counts the
 * bytes.
 */
static void layout(g4r_sync *sync, g4r_arena *arena, const g4r_params *params)
{
    const gru4rec_options *options = sync->options;
    const size_t n_columns =
        g4r_add(2 * (size_t)options->batch_size, (size_t)G4R_MAX(options->n_sample, 0));
    const size_t each =
        g4r_mul((size_t)options->sync_steps, g4r_mul((size_t)options->bptt, n_columns));
    const size_t most = G4R_MIN(each, (size_t)params->n_items);
    g4r_moves *moves = g4r_arena_take(arena, sync->n, sizeof *moves);
    g4r_moves measured = {0};
    sync->moves = moves;
    for (size_t i = 0; i < sync->n; i++)
        g4r_moves_layout(moves != NULL ? &moves[i] : &measured, arena, params, most);
    if (moves != NULL)
        measured = moves[0];
    const size_t row_bytes = G4R_MAX(2 * measured.width * sizeof(g4r_real), 1);
    const size_t n_values = 2 * measured.n_whole;
    sync->n_rows = G4R_MIN(G4R_MAX(ROUND_BYTES / row_bytes, 1), (size_t)params->n_items);
    const size_t n = n_values + 2 * measured.width * sync->n_rows;
    sync->rows = g4r_arena_take(arena, sync->n_rows, sizeof *sync->rows);
    sync->sums = g4r_arena_reals(arena, n, 1);
    sync->next = g4r_arena_reals(arena, sync->n > 1 ? n : 0, 1);
}

size_t g4r_sync_bytes(const g4r_params *params, const gru4rec_options *options,
                      int64_t n_sessions, const gru4rec_ranks *ranks)
{
    const g4r_step_plan plan = g4r_lanes_planned(options, n_sessions, ranks);
    g4r_sync sync = {.options = options, .n = count_trainers(options, ranks)};
    g4r_arena arena = {0};
    const size_t each = g4r_add(g4r_trainer_bytes(params, options, &plan),
                                sizeof *sync.trainers + sizeof *sync.copies);
    size_t bytes =
        g4r_add(g4r_mul(sync.n, each), g4r_lanes_bytes(options, n_sessions, ranks));
    if (!g4r_lanes_are_apart(options, ranks))
        return bytes;
    layout(&sync, &arena, params);
    bytes = g4r_add(bytes, g4r_arena_bytes(&arena));
    return g4r_add(bytes,
                   g4r_mul(sync.n - 1, gru4rec_training_bytes(options, params->n_items)));
}

/* Copies the weights and the accumulators of a training to another. */
static void copy_training(gru4rec_training *to, const gru4rec_training *from)
{
    const g4r_params *params = &from->model->params;
    to->updates = from->updates;
    for (size_t i = 0; i < params->n; i++) {
        const size_t bytes = g4r_param_size(&params->list[i]) * sizeof(g4r_real);
        memcpy(to->model->values[i], from->model->values[i], bytes);
        memcpy(to->slot[GRU4REC_SLOT_ACC]->values[i],
               from->slot[GRU4REC_SLOT_ACC]->values[i], bytes);
    }
}

/* Makes the copies of the trainers but the first, and what merges need. */
static gru4rec_status make_copies(g4r_sync *sync, gru4rec_error *error)
{
    const gru4rec_model *model = sync->training->model;
    gru4rec_options options = *sync->options;
    options.validation = 0; /* the copies need no slot "best" */
    for (size_t i = 1; i < sync->n; i++) {
        gru4rec_training *copy = &sync->copies[i - 1];
        gru4rec_status status = gru4rec_training_new(&model->allocator, &options,
                                                     model->params.n_items, copy, error);
        if (status != GRU4REC_OK)
            return status;
        copy_training(copy, sync->training);
        sync->trainers[i].training = copy;
    }
    layout(sync, &sync->arena, &model->params);
    const size_t bytes = g4r_arena_bytes(&sync->arena);
    if (!g4r_arena_allocate(&sync->arena, &model->allocator))
        return g4r_fail_nomem(error, bytes);
    layout(sync, &sync->arena, &model->params);
    for (size_t i = 0; i < sync->n; i++)
        sync->moves[i].training = sync->trainers[i].training;
    return GRU4REC_OK;
}

gru4rec_status g4r_sync_open(g4r_sync *sync, const int64_t *support, size_t n_lanes,
                             gru4rec_error *error)
{
    gru4rec_status status = GRU4REC_OK;
    if (sync->is_apart)
        status = make_copies(sync, error);
    else
        sync->trainers[0].lanes.plan.most_lanes = n_lanes;
    for (size_t i = 0; status == GRU4REC_OK && i < sync->n; i++) {
        status = g4r_trainer_open(&sync->trainers[i], support, error);
        sync->trainers[i].step.moves = sync->is_apart ? &sync->moves[i] : NULL;
    }
    return status;
}

void g4r_sync_free(g4r_sync *sync)
{
    if (sync->training == NULL)
        return;
    const gru4rec_allocator *allocator = &sync->training->model->allocator;
    for (size_t i = 0; sync->trainers != NULL && i < sync->n; i++)
        g4r_trainer_free(&sync->trainers[i]);
    for (size_t i = 0; sync->copies != NULL && i < sync->n; i++)
        gru4rec_training_free(&sync->copies[i]);
    g4r_alloc_free(allocator, sync->trainers);
    g4r_alloc_free(allocator, sync->copies);
    g4r_arena_free(&sync->arena, allocator);
}

int64_t g4r_sync_lanes(const g4r_sync *sync)
{
    int64_t n = 0;
    for (size_t i = 0; i < sync->n; i++)
        n += g4r_lanes_most(&sync->trainers[i].lanes);
    return n;
}

/* ---- merges ---- */

/* Adds what the trainer has counted in this round to tallies. */
static void count(const g4r_trainer *trainer, int64_t updates, double tallies[N_TALLIES])
{
    const gru4rec_epoch *sums = &trainer->sums;
    const int64_t n = trainer->training->updates - updates;
    const double own[N_TALLIES] = {
        [N_STEPS] = (double)sums->steps,
        [N_NARROW] = (double)sums->narrow,
        [N_EVENTS] = (double)sums->events,
        [LOSS] = sums->loss,
        [COST] = sums->cost,
        [N_UPDATES] = (double)n,
        [N_MOVED] = n > 0,
        [N_LIVE] = !trainer->is_over,
    };
    for (int i = 0; i < N_TALLIES; i++)
        tallies[i] += own[i];
}

/* Tells each copy which items the others have moved. */
static gru4rec_status share_lists(const g4r_sync *sync, gru4rec_error *error)
{
    g4r_moves *moves = sync->moves;
    const int32_t *parts[2];
    size_t n = 0;
    for (size_t i = 0; i < sync->n; i++)
        for (size_t k = 0; k < sync->n; k++)
            g4r_moves_note(&moves[i], moves[k].rows, moves[k].n);
    gru4rec_status status =
        g4r_exchange_lists(sync->exchange, moves[0].rows, moves[0].n, parts, &n, error);
    for (int i = 0; status == GRU4REC_OK && i < 2; i++)
        g4r_moves_note(&moves[0], parts[i], n);
    return status;
}

/*
 * Adds up the moves of n items (sync->rows), and of the whole tensors if has_whole is
 * true, over all copies, and moves the copies to where they meet. Also adds up tallies
 * over the processes, if has_whole is true.
 */
static gru4rec_status merge_part(g4r_sync *sync, size_t n, bool has_whole,
                                 double tallies[N_TALLIES], gru4rec_error *error)
{
    const g4r_vec *vec = sync->trainers[0].step.common.vec;
    const size_t n_whole = has_whole ? 2 * sync->moves[0].n_whole : 0;
    const size_t n_values = n_whole + 2 * sync->moves[0].width * n;
    const bool is_rounded =
        sync->options->exchange_precision == GRU4REC_EXCHANGE_BFLOAT16;
    const gru4rec_block block = {sync->sums, n_values, is_rounded};
    for (size_t i = 0; i < sync->n; i++) {
        g4r_real *sums = i == 0 ? sync->sums : sync->next;
        if (has_whole)
            g4r_moves_of_whole(&sync->moves[i], sums);
        g4r_moves_of_rows(&sync->moves[i], sync->rows, n, sums + n_whole);
        if (is_rounded)
            gru4rec_round_bfloat16(sums, n_values);
        if (i > 0)
            vec->add(sync->sums, sync->next, n_values);
    }
    if (is_rounded && sync->n > 1)
        gru4rec_round_bfloat16(sync->sums, n_values);
    gru4rec_status status = g4r_exchange_add(sync->exchange, &block, 1, tallies,
                                             has_whole ? N_TALLIES : 0, error);
    for (size_t i = 0; status == GRU4REC_OK && i < sync->n; i++) {
        if (has_whole)
            g4r_moves_set_whole(&sync->moves[i], sync->sums, (size_t)tallies[N_MOVED]);
        g4r_moves_set_rows(&sync->moves[i], sync->rows, n, sync->sums + n_whole);
    }
    return status;
}

/*
 * Ends a round: makes all copies equal, and adds the counts of all to *epoch and to
 * training->updates, which was updates before the round. status: of this process's
 * trainers. *is_over is set to whether the epoch is over.
 */
static gru4rec_status merge(g4r_sync *sync, gru4rec_status status, int64_t updates,
                            gru4rec_epoch *epoch, bool *is_over, gru4rec_error *error)
{
    const g4r_exchange_ballot ballot = {.status = status};
    double tallies[N_TALLIES] = {0};
    int32_t next = 0;
    size_t n = sync->n_rows;
    status = g4r_exchange_vote(sync->exchange, &ballot, error);
    if (status == GRU4REC_OK)
        status = share_lists(sync, error);
    for (size_t i = 0; i < sync->n; i++)
        count(&sync->trainers[i], updates, tallies);
    for (bool is_first = true; status == GRU4REC_OK && n == sync->n_rows;
         is_first = false) {
        n = g4r_moves_find(&sync->moves[0], &next, sync->rows, sync->n_rows);
        status = merge_part(sync, n, is_first, tallies, error);
    }
    if (status != GRU4REC_OK)
        return status;
    epoch->steps += (int64_t)tallies[N_STEPS];
    epoch->narrow += (int64_t)tallies[N_NARROW];
    epoch->events += (int64_t)tallies[N_EVENTS];
    epoch->loss += tallies[LOSS];
    epoch->cost += tallies[COST];
    *is_over = tallies[N_LIVE] == 0;
    for (size_t i = 0; i < sync->n; i++)
        sync->trainers[i].training->updates = updates + (int64_t)tallies[N_UPDATES];
    return GRU4REC_OK;
}

/* ---- an epoch ---- */

/*
 * Trains the copies by themselves for a round, and merges them. Sets *is_over as
 * merge().
 */
static gru4rec_status run_round(g4r_sync *sync, gru4rec_epoch *epoch, bool *is_over,
                                gru4rec_error *error)
{
    const int64_t updates = sync->training->updates;
    g4r_watch *watch = sync->watch;
    gru4rec_status status = GRU4REC_OK;
    for (size_t i = 0; status == GRU4REC_OK && i < sync->n; i++) {
        g4r_moves_start(&sync->moves[i]);
        sync->trainers[i].sums = (gru4rec_epoch){0};
        status = g4r_trainer_run(&sync->trainers[i], sync->options->sync_steps, error);
    }
    if (status == GRU4REC_OK && watch->is_stopped)
        status = g4r_trainer_fail_interrupted(error);
    status = merge(sync, status, updates, epoch, is_over, error);
    if (status != GRU4REC_OK)
        return status;
    watch->loss = epoch->loss;
    watch->progress.step = epoch->steps;
    watch->progress.events = epoch->events;
    if (epoch->events > 0)
        watch->progress.loss = epoch->loss / (double)epoch->events;
    g4r_trainer_is_stopped(watch);
    return GRU4REC_OK;
}

gru4rec_status g4r_sync_epoch(g4r_sync *sync, gru4rec_epoch *epoch, gru4rec_error *error)
{
    gru4rec_status status = GRU4REC_OK;
    for (size_t i = 0; i < sync->n; i++)
        g4r_trainer_start(&sync->trainers[i], epoch->epoch,
                          sync->is_apart ? (int64_t)(sync->first + i) : 0);
    for (bool is_over = false; sync->is_apart && status == GRU4REC_OK && !is_over;)
        status = run_round(sync, epoch, &is_over, error);
    if (sync->is_apart)
        return status;
    const int64_t number = epoch->epoch;
    status = g4r_trainer_run(&sync->trainers[0], INT64_MAX / 2, error);
    *epoch = sync->trainers[0].sums;
    epoch->epoch = number;
    return status;
}

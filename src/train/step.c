/*
 * step.c - sets up the workspace of a training's steps, lets the groups compute frames
 * forward and backward, and updates the model; see step.h.
 */
#include "step.h"

#include "../kernels/blas.h"
#include "../base/fail.h"
#include "../base/hash.h"
#include "../base/timing.h"

/*
 * Returns N, the number of columns of a frame of m lanes: m targets and K samples.
 * Returns 0 if all items are scored.
 */
static size_t count_columns(const g4r_step *step, size_t m)
{
    return g4r_group_scores_all(&step->common)
               ? 0
               : m + (size_t)step->common.options->n_sample;
}

/*
 * Tells whether backward makes the gradient of a whole parameter. This is so for
 * parameters without a row for each item, and, if all items are scored, for the output
 * table and its bias. For other parameters, only the rows that the frames used have
 * gradients.
 */
static bool is_whole(const g4r_step *step, const g4r_params *params, size_t param)
{
    return !params->list[param].is_per_item ||
           (g4r_group_scores_all(&step->common) &&
            (param == params->output || param == params->output_bias));
}

size_t g4r_step_threads(const gru4rec_options *options)
{
    if (options->threads > 0)
        return (size_t)options->threads;
    return g4r_blas_is_parallel() ? g4r_pool_processors() : 1;
}

/* Returns the most columns of all frames of an update: T N. */
static size_t count_all_columns(const g4r_step *step)
{
    return g4r_mul((size_t)step->common.options->bptt,
                   count_columns(step, step->plan.most_lanes));
}

/*
 * Returns the most inputs of all frames of an update, T M, that are rows of the output
 * table; 0 if inputs have a table of their own.
 */
static size_t count_shared_inputs(const g4r_step *step, const g4r_params *params)
{
    return params->mode == G4R_SHARED
               ? g4r_mul((size_t)step->common.options->bptt, step->plan.most_lanes)
               : 0;
}

/*
 * Carves the arrays of *sums from the arena: a row for each column, n_inputs rows behind
 * them, a bias for each column, and the whole tensors.
 */
static void layout_sums(const g4r_step *step, g4r_group_sums *sums, g4r_arena *arena,
                        const g4r_params *params, size_t n_inputs)
{
    const size_t n_columns = count_all_columns(step);
    const size_t n_rows = g4r_add(n_columns, n_inputs);
    sums->columns = g4r_arena_reals(arena, n_rows, params->width);
    sums->bias = g4r_arena_reals(arena, n_columns, 1);
    for (size_t i = 0; i < params->n; i++)
        if (is_whole(step, params, i))
            sums->tensors[i] =
                g4r_arena_reals(arena, g4r_param_size(&params->list[i]), 1);
}

/*
 * Carves the arrays of the columns, the inputs and the frames from the arena: for t
 * frames of up to m lanes and n columns.
 */
static void layout_frames(g4r_step *step, const g4r_params *params, size_t t, size_t m,
                          size_t n)
{
    g4r_group_common *common = &step->common;
    const size_t all = g4r_mul(t, n), all_inputs = g4r_mul(t, m);
    const size_t all_targets = g4r_group_scores_all(common) ? all_inputs : 0;
    g4r_arena *arena = &step->arena;
    common->frames = g4r_arena_take(arena, t, sizeof *common->frames);
    step->counts =
        g4r_arena_take(arena, g4r_mul(t, step->plan.n_groups), sizeof *step->counts);
    step->losses = g4r_arena_take(arena, t, sizeof *step->losses);
    common->column_items = g4r_arena_take(arena, all, sizeof *common->column_items);
    common->target_items =
        g4r_arena_take(arena, all_targets, sizeof *common->target_items);
    common->log_sums = g4r_arena_take(arena, all_targets, sizeof *common->log_sums);
    common->input_items = g4r_arena_take(arena, all_inputs, sizeof *common->input_items);
    common->column_bias = g4r_arena_reals(arena, n, 1);
    if (common->options->logq > 0)
        common->log_support = g4r_arena_reals(arena, (size_t)params->n_items, 1);
}

/*
 * Carves the sums from step->sums_arena, and all other arrays of the step from
 * step->arena. While these have no memory, this only counts the bytes. Arrays that the
 * options do not need get a size of 0, or stay NULL.
 */
static void layout(g4r_step *step, const g4r_params *params)
{
    const g4r_step_plan *plan = &step->plan;
    const gru4rec_options *options = step->common.options;
    const size_t t = (size_t)options->bptt, m = plan->most_lanes;
    const size_t n = count_columns(step, m);
    const size_t shared_rows = count_shared_inputs(step, params);
    const size_t own_rows = g4r_mul(t, m) - shared_rows;
    const size_t all_rows = g4r_add(count_all_columns(step), shared_rows);
    g4r_arena *arena = &step->arena;
    step->groups = g4r_arena_take(arena, plan->n_own, sizeof *step->groups);
    for (size_t i = 0; i < plan->n_own; i++) {
        g4r_group measured = {0};
        g4r_group_layout(step->groups != NULL ? &step->groups[i] : &measured, arena,
                         params, plan->n_lanes, n, t);
    }
    g4r_merge_layout(&step->merge_output, arena, all_rows, step->merge_key);
    g4r_merge_layout(&step->merge_input, arena, own_rows, step->merge_key);
    layout_frames(step, params, t, m, n);
    g4r_group_layout_common(&step->common, arena, params, plan->n_lanes, n, t,
                            g4r_step_threads(options));
    if (plan->n_own > 1)
        layout_sums(step, &step->next, arena, params, 0);
    layout_sums(step, &step->sums, &step->sums_arena, params, shared_rows);
    step->dtable = g4r_arena_reals(arena, own_rows, g4r_group_input_cols(params));
}

size_t g4r_step_bytes(const g4r_params *params, const gru4rec_options *options,
                      const g4r_step_plan *plan)
{
    g4r_step step = {.plan = *plan, .common.options = options};
    layout(&step, params);
    return g4r_add(g4r_add(g4r_arena_bytes(&step.arena),
                           g4r_arena_bytes(&step.sums_arena)),
                   g4r_pool_bytes(g4r_step_threads(options)));
}

/*
 * Sets the fields of *step->common that are neither memory nor state. The model, the pool
 * and the number of seen items of the step must be there.
 */
static void set_common(g4r_step *step, const int64_t *support, g4r_stop stop)
{
    g4r_group_common *common = &step->common;
    const gru4rec_options *options = common->options;
    g4r_output seen = g4r_model_output(step->model);
    seen.n = (size_t)step->n_seen;
    common->model = step->model;
    common->optim = &step->optim;
    common->stop = stop;
    common->scale = 1 / (g4r_real)((int64_t)step->plan.n_groups * options->batch_size);
    g4r_loss_init(&common->loss, options);
    g4r_loss_all_init(&common->loss_all, seen, options->smoothing, stop);
    for (int32_t i = 0; options->logq > 0 && i < step->n_seen; i++)
        common->log_support[i] = (g4r_real)log((double)support[i]);
}

gru4rec_status g4r_step_init(g4r_step *step, gru4rec_training *training,
                             const int64_t *support, const gru4rec_options *options,
                             const g4r_step_plan *plan, g4r_stop stop,
                             gru4rec_error *error)
{
    gru4rec_model *model = training->model;
    g4r_pool *pool = NULL;
    memset(step, 0, sizeof *step);
    step->plan = *plan;
    step->model = model;
    step->common.vec = g4r_vec_pick();
    step->common.options = options;
    step->merge_key = g4r_hash_new_key(&model->allocator).a;
    layout(step, &model->params);
    if (g4r_arena_allocate(&step->arena, &model->allocator) &&
        g4r_arena_allocate(&step->sums_arena, &model->allocator))
        pool = g4r_pool_new(g4r_step_threads(options), g4r_blas_enter, g4r_blas_leave,
                            &model->allocator);
    step->common.pool = pool;
    if (pool == NULL)
        return g4r_fail_nomem(error, g4r_step_bytes(&model->params, options, plan));
    layout(step, &model->params);
    for (size_t i = 0; i < plan->n_own; i++) {
        g4r_network_bind(&step->groups[i].network, model->values, pool);
        step->groups[i].network.products = &step->common.products;
    }
    g4r_optim_init(&step->optim, training, options);
    while (step->n_seen < model->params.n_items && support[step->n_seen] > 0)
        step->n_seen++;
    set_common(step, support, stop);
    return GRU4REC_OK;
}

void g4r_step_free(g4r_step *step)
{
    g4r_pool_free(step->common.pool);
    step->common.pool = NULL;
    if (step->model == NULL)
        return;
    g4r_arena_free(&step->sums_arena, &step->model->allocator);
    g4r_arena_free(&step->arena, &step->model->allocator);
}

size_t g4r_step_sum_values(const g4r_step *step)
{
    return step->sums_arena.used / sizeof(g4r_real);
}

void g4r_step_move_sums(g4r_step *step, g4r_real *memory)
{
    const g4r_params *params = &step->model->params;
    g4r_arena arena = {.base = (char *)memory};
    layout_sums(step, &step->sums, &arena, params, count_shared_inputs(step, params));
    g4r_arena_free(&step->sums_arena, &step->model->allocator);
}

void g4r_step_start(g4r_step *step, int64_t epoch)
{
    g4r_rng_seed(&step->dropout_rng, step->common.options->seed, G4R_STREAM_DROPOUT,
                 epoch);
}

/* ---- forward ---- */

/*
 * Starts a frame with the lanes (n_groups) behind those that are kept, and returns it.
 * Fills all its fields and its counts: reserves places for its columns and inputs behind
 * those of the other frames (n_columns and n_inputs grow), and draws the keys of its
 * dropout. Does not count the frame in n_frames: the caller does when it is computed.
 */
static g4r_group_frame *open_frame(g4r_step *step, const gru4rec_lanes *lanes)
{
    g4r_group_common *common = &step->common;
    const gru4rec_options *options = common->options;
    const size_t n_groups = step->plan.n_groups;
    g4r_group_frame *frame = &common->frames[common->n_frames];
    int32_t *counts = step->counts + common->n_frames * n_groups;
    assert(!g4r_step_is_full(step));
    frame->m = 0;
    for (size_t i = 0; i < n_groups; i++)
        frame->m += (size_t)(counts[i] = lanes[i].n);
    assert(frame->m > 0 && frame->m <= step->plan.most_lanes);
    frame->n = count_columns(step, frame->m);
    frame->start = common->n_columns;
    frame->input_start = common->n_inputs;
    common->n_columns += frame->n;
    common->n_inputs += frame->m;
    uint64_t random = g4r_rng_next(&step->dropout_rng);
    frame->dropout = (g4r_dropout){
        .p_embed = (g4r_real)options->dropout_p_embed,
        .p_hidden = (g4r_real)options->dropout_p_hidden,
        .key_embed = (uint32_t)random,
        .key_hidden = (uint32_t)(random >> 32),
    };
    return frame;
}

/*
 * Writes the item rows of a frame into its places in the lists of the step: of the
 * inputs, and of the columns, which are the targets (M), then the samples (K). If all
 * items are scored, the targets are listed by themselves.
 */
static void list_items(g4r_step *step, const g4r_group_frame *frame,
                       const gru4rec_lanes *lanes, const int32_t *samples)
{
    g4r_group_common *common = &step->common;
    int32_t *inputs = common->input_items + frame->input_start;
    int32_t *targets = g4r_group_scores_all(common)
                           ? common->target_items + frame->input_start
                           : common->column_items + frame->start;
    for (size_t i = 0; i < step->plan.n_groups; i++) {
        const size_t m = (size_t)lanes[i].n;
        if (m == 0)
            continue;
        memcpy(inputs, lanes[i].input, m * sizeof *inputs);
        memcpy(targets, lanes[i].target, m * sizeof *targets);
        inputs += m;
        targets += m;
    }
    if (frame->n > frame->m)
        memcpy(targets, samples, (frame->n - frame->m) * sizeof *targets);
}

double g4r_step_forward(g4r_step *step, const gru4rec_lanes *lanes,
                        const int32_t *samples)
{
    const g4r_step_plan *plan = &step->plan;
    const size_t t = step->common.n_frames;
    const g4r_group_frame *frame = open_frame(step, lanes);
    bool gathers = true;
    double loss = 0;
    size_t first = 0;
    list_items(step, frame, lanes, samples);
    for (size_t i = 0; i < plan->own + plan->n_own; i++) {
        if (i >= plan->own)
            loss += g4r_group_forward(&step->common, &step->groups[i - plan->own], t,
                                      &lanes[i], first, gathers);
        if (i >= plan->own && lanes[i].n > 0)
            gathers = false;
        first += (size_t)lanes[i].n;
    }
    step->losses[t] = loss;
    step->common.n_frames++;
    g4r_timing_enter(G4R_IN_REST);
    return loss;
}

bool g4r_step_is_full(const g4r_step *step)
{
    return step->common.n_frames == (size_t)step->common.options->bptt;
}

/* ---- backward ---- */

/*
 * Returns how many values of parameter number index are moved by the gradient of the
 * whole parameter. Returns 0 if there is no such gradient, or if the parameter is fixed.
 * In a parameter with a row for each item, the rows of items without events are the last
 * ones; they are not counted, so they stay as they are.
 */
static size_t count_moved(const g4r_step *step, size_t index)
{
    const g4r_param *param = &step->model->params.list[index];
    if (step->sums.tensors[index] == NULL || param->is_fixed)
        return 0;
    return param->is_per_item ? (size_t)step->n_seen * (size_t)param->cols
                              : g4r_param_size(param);
}

size_t g4r_step_blocks(const g4r_step *step, const g4r_group_sums *sums,
                       gru4rec_block blocks[G4R_STEP_BLOCKS])
{
    const g4r_params *params = &step->model->params;
    const size_t n_columns = step->common.n_columns;
    const bool is_rounded =
        step->plan.n_groups > 1 &&
        step->common.options->exchange_precision == GRU4REC_EXCHANGE_BFLOAT16;
    size_t n = 0;
    if (n_columns > 0)
        blocks[n++] =
            (gru4rec_block){sums->columns, n_columns * params->width, is_rounded};
    if (n_columns > 0 && !params->list[params->output_bias].is_fixed)
        blocks[n++] = (gru4rec_block){sums->bias, n_columns, is_rounded};
    for (size_t i = 0; i < params->n; i++)
        if (count_moved(step, i) > 0)
            blocks[n++] =
                (gru4rec_block){sums->tensors[i], count_moved(step, i), is_rounded};
    return n;
}

/* Rounds the sums to what groups exchange. */
static void round_sums(const g4r_step *step, const g4r_group_sums *sums)
{
    gru4rec_block blocks[G4R_STEP_BLOCKS];
    const size_t n = g4r_step_blocks(step, sums, blocks);
    for (size_t i = 0; i < n && blocks[i].is_bfloat16; i++)
        gru4rec_round_bfloat16(blocks[i].values, blocks[i].n);
}

/* Adds the sums next to the sums of the groups before. */
static void add_sums(g4r_step *step)
{
    gru4rec_block to[G4R_STEP_BLOCKS], from[G4R_STEP_BLOCKS];
    const size_t n = g4r_step_blocks(step, &step->sums, to);
    g4r_step_blocks(step, &step->next, from);
    for (size_t i = 0; i < n; i++)
        step->common.vec->add(to[i].values, from[i].values, to[i].n);
}

void g4r_step_backward(g4r_step *step)
{
    const g4r_params *params = &step->model->params;
    g4r_group_common *common = &step->common;
    assert(common->n_frames > 0);
    common->dinputs = params->mode == G4R_SHARED
                          ? step->sums.columns + common->n_columns * params->width
                          : step->dtable;
    g4r_group_backward(common, &step->groups[0], &step->sums);
    round_sums(step, &step->sums);
    for (size_t i = 1; i < step->plan.n_own; i++) {
        if (g4r_stop_is_asked(&common->stop))
            return;
        g4r_group_backward(common, &step->groups[i], &step->next);
        round_sums(step, &step->next);
        add_sums(step);
    }
    if (step->plan.n_own > 1)
        round_sums(step, &step->sums);
}

/* ---- update ---- */

/*
 * The rows of a parameter that the frames of this update have used, and their gradients.
 */
typedef struct touched_rows {
    size_t param;
    const g4r_merge *merge;
    /* (occurrences, cols) A distinct row's sum stands at its first occurrence. */
    g4r_real *gradients;
    /* Number of distinct rows to move; 0 if the parameter is fixed. */
    size_t n;
} touched_rows;

/*
 * Number of parameters of which single rows can be moved: the output table, its bias, and
 * the inputs' own table.
 */
enum { N_TOUCHED = 3 };

/*
 * Adds up the gradients of equal rows of a parameter in place, and returns the distinct
 * rows to move; none if the parameter is fixed. For the bias, only the columns count:
 * they are the first occurrences of the merge, and shared inputs behind them have no
 * bias.
 */
static touched_rows sum_rows(const g4r_step *step, size_t param, const g4r_merge *merge,
                             g4r_real *gradients)
{
    const g4r_params *params = &step->model->params;
    const g4r_param *table = &params->list[param];
    size_t n = param == params->output_bias ? step->common.n_columns : (size_t)merge->n;
    n = g4r_merge_sum(gradients, merge, n, (size_t)table->cols, step->common.vec);
    return (touched_rows){param, merge, gradients, table->is_fixed ? 0 : n};
}

/*
 * Finds the distinct rows of the columns and of the inputs, adds up their gradients, and
 * sets touched to the rows to move: of the output table, of its bias, and of the inputs'
 * own table. Shared inputs are added to the merge of the output table behind the columns.
 * So the distinct rows of the columns, which are those whose bias moves, have the first
 * numbers. If all items are scored, there are no columns, and the gradient of the whole
 * table already has the shared inputs.
 */
static void merge_rows(g4r_step *step, touched_rows touched[N_TOUCHED])
{
    const g4r_params *params = &step->model->params;
    const g4r_group_common *common = &step->common;
    g4r_merge *output = &step->merge_output, *input = &step->merge_input;
    g4r_merge_clear(output);
    g4r_merge_clear(input);
    g4r_merge_add(output, common->column_items, common->n_columns);
    if (params->mode != G4R_SHARED)
        g4r_merge_add(input, common->input_items, common->n_inputs);
    else if (!g4r_group_scores_all(common))
        g4r_merge_add(output, common->input_items, common->n_inputs);
    touched[0] = sum_rows(step, params->output, output, step->sums.columns);
    touched[1] = sum_rows(step, params->output_bias, output, step->sums.bias);
    touched[2] = sum_rows(step, params->embedding, input, step->dtable);
}

/*
 * Returns the sum of the squares of all gradients of this update, for grad_cap. The
 * gradients of equal rows must have been added up. Fixed parameters do not count.
 */
static double sum_squares(const g4r_step *step, const touched_rows touched[N_TOUCHED])
{
    const g4r_params *params = &step->model->params;
    double squares = 0;
    for (size_t i = 0; i < N_TOUCHED; i++)
        squares += g4r_merge_squares(touched[i].gradients, touched[i].merge, touched[i].n,
                                     (size_t)params->list[touched[i].param].cols,
                                     step->common.vec);
    for (size_t i = 0; i < params->n; i++)
        if (count_moved(step, i) > 0)
            squares += (double)step->common.vec->dot(step->sums.tensors[i],
                                                     step->sums.tensors[i],
                                                     g4r_param_size(&params->list[i]));
    return squares;
}

void g4r_step_update(g4r_step *step)
{
    const g4r_params *params = &step->model->params;
    g4r_optim *optim = &step->optim;
    touched_rows touched[N_TOUCHED];
    g4r_timing_enter(G4R_IN_ROWS_UPDATE);
    merge_rows(step, touched);
    if (step->moves != NULL)
        g4r_moves_keep(step->moves, &step->merge_output);
    g4r_timing_enter(G4R_IN_WHOLE_UPDATE);
    g4r_optim_begin(optim, optim->grad_cap > 0 ? sum_squares(step, touched) : 0);
    for (size_t i = 0; i < params->n; i++)
        g4r_optim_whole(optim, step->common.pool, i, step->sums.tensors[i],
                        count_moved(step, i));
    g4r_timing_enter(G4R_IN_ROWS_UPDATE);
    for (size_t i = 0; i < N_TOUCHED; i++)
        g4r_optim_rows(optim, step->common.pool, touched[i].param, touched[i].gradients,
                       touched[i].merge, touched[i].n);
    step->common.n_frames = step->common.n_columns = step->common.n_inputs = 0;
    for (size_t i = 0; i < step->plan.n_own; i++)
        step->groups[i].n_frames = 0;
    g4r_timing_enter(G4R_IN_REST);
}

/*
 * step.c - sets up the workspace of a training's steps, computes frames forward and
 * backward, and updates the model; see step.h.
 */
#include "step.h"

#include "../kernels/blas.h"
#include "../base/fail.h"
#include "../base/hash.h"
#include "../base/timing.h"

/*
 * Tells whether all items are scored (n_sample = all): the loss is a softmax over all
 * items, and there are no columns.
 */
static bool scores_all(const g4r_step *step)
{
    return step->options->n_sample == GRU4REC_N_SAMPLE_ALL;
}

/*
 * Returns N, the number of columns of a frame of m lanes: m targets and K samples.
 * Returns 0 if all items are scored.
 */
static size_t count_columns(const g4r_step *step, size_t m)
{
    return scores_all(step) ? 0 : m + (size_t)step->options->n_sample;
}

/*
 * Returns the width of a row of the table that inputs are looked up in. This is the width
 * of the embedding, or of the output table if inputs share it, or the 3h gates of a
 * one-hot first layer.
 */
static size_t input_cols(const g4r_params *params)
{
    return (size_t)params->list[params->embedding].cols;
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
           (scores_all(step) &&
            (param == params->output || param == params->output_bias));
}

size_t g4r_step_threads(const gru4rec_options *options)
{
    if (options->threads > 0)
        return (size_t)options->threads;
    return g4r_blas_is_parallel() ? g4r_pool_processors() : 1;
}

/*
 * Returns the number of parts, at least 1, into which the n columns of a frame of m lanes
 * are cut, so that threads can share them. d is the width of a column. Fewer lanes never
 * give more parts.
 */
static size_t count_parts(size_t m, size_t n, size_t d)
{
    return g4r_pool_cut(2.0 * (double)m * (double)n * (double)d, n, 128);
}

/*
 * Carves all arrays of the step, for frames of up to n_lanes lanes, from step->arena.
 * While the arena has no memory, this only counts the bytes. Arrays that the options do
 * not need get a size of 0, or stay NULL.
 */
static void layout(g4r_step *step, const g4r_params *params, size_t n_lanes)
{
    const gru4rec_options *options = step->options;
    const size_t t = (size_t)options->bptt, b = n_lanes, d = params->width;
    const size_t n = count_columns(step, b), n_parts = count_parts(b, n, d);
    const size_t all = g4r_mul(t, n), all_inputs = g4r_mul(t, b);
    const size_t all_targets = scores_all(step) ? all_inputs : 0;
    /* Shared inputs are rows of the output table; others have a table of their own. */
    const bool has_table = params->mode != G4R_SHARED;
    const size_t own_rows = has_table ? all_inputs : 0;
    const size_t all_rows = has_table ? all : all + all_inputs;
    g4r_arena *arena = &step->arena;
    g4r_network_layout(&step->network, arena, params, b, t, true);
    g4r_merge_layout(&step->merge_output, arena, all_rows, step->merge_key);
    g4r_merge_layout(&step->merge_input, arena, own_rows, step->merge_key);
    step->frames = g4r_arena_take(arena, t, sizeof *step->frames);
    for (size_t i = 0; i < t; i++) {
        g4r_real *scores = g4r_arena_reals(arena, b, n);
        if (step->frames != NULL)
            step->frames[i].scores = scores;
    }
    step->column_items = g4r_arena_take(arena, all, sizeof *step->column_items);
    step->target_items = g4r_arena_take(arena, all_targets, sizeof *step->target_items);
    step->log_sums = g4r_arena_take(arena, all_targets, sizeof *step->log_sums);
    step->input_items = g4r_arena_take(arena, all_inputs, sizeof *step->input_items);
    step->column_weights = g4r_arena_reals(arena, all, d);
    step->column_bias = g4r_arena_reals(arena, n, 1);
    step->scratch = g4r_arena_reals(arena, g4r_step_threads(options), 3 * n);
    step->losses = g4r_arena_take(arena, b, sizeof *step->losses);
    step->partial = g4r_arena_reals(arena, g4r_mul(n_parts - 1, b), d);
    step->dcolumns = g4r_arena_reals(arena, all_rows, d);
    step->dinputs = g4r_arena_reals(arena, own_rows, input_cols(params));
    step->dbias = g4r_arena_reals(arena, all, 1);
    if (options->logq > 0)
        step->log_support = g4r_arena_reals(arena, (size_t)params->n_items, 1);
    if (scores_all(step))
        g4r_loss_all_layout(&step->loss_all, arena, b, (size_t)params->n_items);
    for (size_t i = 0; i < params->n; i++)
        if (is_whole(step, params, i))
            step->gradients[i] =
                g4r_arena_reals(arena, g4r_param_size(&params->list[i]), 1);
}

size_t g4r_step_bytes(const g4r_params *params, const gru4rec_options *options,
                      size_t n_lanes)
{
    g4r_step step = {.options = options};
    layout(&step, params, n_lanes);
    return g4r_add(g4r_arena_bytes(&step.arena),
                   g4r_pool_bytes(g4r_step_threads(options)));
}

gru4rec_status g4r_step_init(g4r_step *step, gru4rec_training *training,
                             const int64_t *support, const gru4rec_options *options,
                             size_t n_lanes, g4r_stop stop, gru4rec_error *error)
{
    gru4rec_model *model = training->model;
    memset(step, 0, sizeof *step);
    step->vec = g4r_vec_pick();
    step->options = options;
    step->model = model;
    step->stop = stop;
    step->merge_key = g4r_hash_new_key(&model->allocator).a;
    layout(step, &model->params, n_lanes);
    if (g4r_arena_allocate(&step->arena, &model->allocator))
        step->pool = g4r_pool_new(g4r_step_threads(options), g4r_blas_enter,
                                  g4r_blas_leave, &model->allocator);
    if (step->pool == NULL)
        return g4r_fail_nomem(error, g4r_step_bytes(&model->params, options, n_lanes));
    layout(step, &model->params, n_lanes);
    g4r_network_bind(&step->network, model->values, step->pool);
    g4r_loss_init(&step->loss, options);
    g4r_optim_init(&step->optim, training, options);
    while (step->n_seen < model->params.n_items && support[step->n_seen] > 0)
        step->n_seen++;
    g4r_output seen = g4r_model_output(model);
    seen.n = (size_t)step->n_seen;
    g4r_loss_all_init(&step->loss_all, seen, options->smoothing, stop);
    for (int32_t i = 0; options->logq > 0 && i < step->n_seen; i++)
        step->log_support[i] = (g4r_real)log((double)support[i]);
    return GRU4REC_OK;
}

void g4r_step_free(g4r_step *step)
{
    g4r_pool_free(step->pool);
    step->pool = NULL;
    if (step->model != NULL)
        g4r_arena_free(&step->arena, &step->model->allocator);
}

void g4r_step_start(g4r_step *step, int64_t epoch)
{
    g4r_rng_seed(&step->dropout_rng, step->options->seed, G4R_STREAM_DROPOUT, epoch);
}

/* ---- forward ---- */

/*
 * Starts a frame of m lanes behind those that are kept, and returns it. Fills all its
 * fields but scores: reserves places for its columns and inputs behind those of the other
 * frames (n_columns and n_inputs grow), and draws the keys of its dropout. Does not count
 * the frame in n_frames: the caller does when the frame is computed.
 */
static g4r_step_frame *open_frame(g4r_step *step, size_t m)
{
    g4r_step_frame *frame = &step->frames[step->n_frames];
    assert(!g4r_step_is_full(step));
    frame->m = m;
    frame->n = count_columns(step, m);
    frame->start = step->n_columns;
    frame->input_start = step->n_inputs;
    step->n_columns += frame->n;
    step->n_inputs += m;
    uint64_t random = g4r_rng_next(&step->dropout_rng);
    frame->dropout = (g4r_dropout){
        .p_embed = (g4r_real)step->options->dropout_p_embed,
        .p_hidden = (g4r_real)step->options->dropout_p_hidden,
        .key_embed = (uint32_t)random,
        .key_hidden = (uint32_t)(random >> 32),
    };
    return frame;
}

/*
 * Writes the item rows of a frame's columns into the frame's place in step->column_items:
 * the targets (M), then the samples (K).
 */
static void list_columns(g4r_step *step, const g4r_step_frame *frame,
                         const int32_t *targets, const int32_t *samples)
{
    int32_t *items = step->column_items + frame->start;
    memcpy(items, targets, frame->m * sizeof *targets);
    if (frame->n > frame->m)
        memcpy(items + frame->m, samples, (frame->n - frame->m) * sizeof *samples);
}

/* The work on the columns of a frame: context of the tasks that the threads share. */
typedef struct columns_job {
    g4r_step *step;
    const g4r_step_frame *frame;
    const g4r_real *top; /* (M,D) the top layer's values */
    size_t n_parts;      /* number of parts that the columns are cut into */
} columns_job;

/*
 * Returns the work on the columns of frame t; the frame and its top layer's values are
 * borrowed.
 */
static columns_job make_job(g4r_step *step, size_t t)
{
    const g4r_step_frame *frame = &step->frames[t];
    size_t d = step->model->params.width;
    return (columns_job){step, frame, g4r_network_top(&step->network, t),
                         count_parts(frame->m, frame->n, d)};
}

/*
 * AHEAD: a column's row is prefetched when the column this many places before it is
 * copied. FAR_BYTES: a table of at least this size does not stay in any cache.
 */
enum { AHEAD = 8, FAR_BYTES = 64 << 20 };

/*
 * Begins to load a row of the output table into the cache. If the table has FAR_BYTES or
 * more, also begins to load the row's values in the optimiser's slots: they arrive while
 * the products are computed.
 */
static void prefetch_column(const g4r_step *step, size_t row)
{
    const size_t output = step->model->params.output;
    const g4r_param *param = &step->model->params.list[output];
    bool is_far = g4r_param_size(param) >= FAR_BYTES / sizeof(g4r_real);
    g4r_optim_prefetch(&step->optim, output, row, is_far);
}

/*
 * Copies the output rows of the columns begin ... end - 1 of a frame into
 * step->column_weights, and their biases into step->column_bias. With logq above 0, then
 * subtracts the correction from each copied bias; the model does not change:
 *   bias_j - logq ln q_j
 *   ln q_j = ln support_j for the M targets, alpha ln support_j for the K samples
 */
static void gather_columns(g4r_step *step, const g4r_step_frame *frame, size_t begin,
                           size_t end)
{
    const g4r_params *params = &step->model->params;
    const g4r_real *output = step->model->values[params->output];
    const g4r_real *bias = step->model->values[params->output_bias];
    const size_t d = params->width;
    const int32_t *items = step->column_items + frame->start;
    const g4r_real logq = (g4r_real)step->options->logq;
    const g4r_real alpha = (g4r_real)step->options->sample_alpha;
    g4r_real *weights = step->column_weights + frame->start * d;
    for (size_t j = begin; j < end; j++) {
        size_t row = (size_t)items[j];
        if (j + AHEAD < end)
            prefetch_column(step, (size_t)items[j + AHEAD]);
        memcpy(weights + j * d, output + row * d, d * sizeof *output);
        step->column_bias[j] = bias[row];
    }
    for (size_t j = begin; logq > 0 && j < end; j++)
        step->column_bias[j] -=
            logq * (j < frame->m ? 1 : alpha) * step->log_support[items[j]];
}

/*
 * Gathers the columns of one part, and writes their scores for all lanes into
 * frame->scores. context is a columns_job. It is a task of the pool:
 *   scores_ij = y_i . w_j + bias_j
 */
static void score_part(void *context, size_t part, size_t worker)
{
    const columns_job *job = context;
    g4r_step *step = job->step;
    const g4r_step_frame *frame = job->frame;
    const size_t n = frame->n, d = step->model->params.width;
    const size_t begin = g4r_pool_part(part, job->n_parts, n);
    const size_t end = g4r_pool_part(part + 1, job->n_parts, n);
    (void)worker;
    g4r_timing_enter(G4R_IN_GATHER);
    gather_columns(step, frame, begin, end);
    g4r_timing_enter(G4R_IN_SCORE_PRODUCTS);
    g4r_blas_multiply(g4r_product_of(G4R_NT, frame->scores + begin, n, job->top, d,
                                     step->column_weights + (frame->start + begin) * d, d,
                                     frame->m, end - begin, d, 0));
    for (size_t lane = 0; lane < frame->m; lane++)
        step->vec->add(frame->scores + lane * n + begin, step->column_bias + begin,
                       end - begin);
}

/* Lanes of one task of measure_lanes(). */
enum { LANES_EACH = 4 };

/*
 * Computes the losses of the lanes of one task, LANES_EACH (fewer in the last task), into
 * step->losses. The target of lane l is column l. Overwrites the scores of these lanes by
 * G, the gradient of the loss divided by B. B is the configured batch_size, even if fewer
 * lanes are live. context is a columns_job. It is a task of the pool.
 */
static void measure_lanes(void *context, size_t task, size_t worker)
{
    const columns_job *job = context;
    g4r_step *step = job->step;
    const g4r_step_frame *frame = job->frame;
    const size_t n = frame->n, end = G4R_MIN((task + 1) * LANES_EACH, frame->m);
    g4r_real *scratch = step->scratch + worker * 3 * n;
    g4r_timing_enter(G4R_IN_LOSS);
    for (size_t lane = task * LANES_EACH; lane < end; lane++)
        step->losses[lane] =
            g4r_loss_row(frame->scores + lane * n, &step->loss, lane, n,
                         1 / (g4r_real)step->options->batch_size, scratch, step->vec);
}

/*
 * Gathers and scores the columns of frame t, computes the lanes' losses, and overwrites
 * the scores by their gradient G. Returns the sum of the losses, which are added in the
 * order of the lanes.
 */
static double measure_columns(g4r_step *step, size_t t)
{
    columns_job job = make_job(step, t);
    double loss = 0;
    g4r_pool_run(step->pool, score_part, &job, job.n_parts);
    g4r_pool_run(step->pool, measure_lanes, &job,
                 (job.frame->m + LANES_EACH - 1) / LANES_EACH);
    for (size_t lane = 0; lane < job.frame->m; lane++)
        loss += step->losses[lane];
    return loss;
}

double g4r_step_forward(g4r_step *step, const int32_t *from, const int32_t *inputs,
                        const int32_t *targets, size_t m, const int32_t *samples)
{
    const size_t t = step->n_frames;
    g4r_step_frame *frame = open_frame(step, m);
    double loss;
    memcpy(step->input_items + frame->input_start, inputs, m * sizeof *inputs);
    g4r_network_carry(&step->network, t, from, m);
    g4r_network_forward(&step->network, t, inputs, m, &frame->dropout);
    if (scores_all(step)) {
        memcpy(step->target_items + frame->input_start, targets, m * sizeof *targets);
        loss = g4r_loss_all_forward(&step->loss_all, step->log_sums + frame->input_start,
                                    g4r_network_top(&step->network, t), targets, m);
    } else {
        list_columns(step, frame, targets, samples);
        loss = measure_columns(step, t);
    }
    step->n_frames++;
    g4r_timing_enter(G4R_IN_REST);
    return loss;
}

bool g4r_step_is_full(const g4r_step *step)
{
    return step->n_frames == (size_t)step->options->bptt;
}

/* ---- backward ---- */

/*
 * Propagates G, the gradient of the scores, back to the columns of one part and to the
 * top layer. context is a columns_job. It is a task of the pool. With the top layer's
 * values y and the rows W of these columns:
 *   dbias = column sums of G
 *   dW = G^T y
 *   dy = G W
 * The gradient of y is the sum of dy over the parts. The first part writes its dy to
 * g4r_network_dtop(), and the others write theirs to step->partial, so that the caller
 * can add them in order. All results overwrite what was there.
 */
static void backward_part(void *context, size_t part, size_t worker)
{
    const columns_job *job = context;
    g4r_step *step = job->step;
    const g4r_step_frame *frame = job->frame;
    const size_t m = frame->m, n = frame->n, d = step->model->params.width;
    const size_t begin = g4r_pool_part(part, job->n_parts, n);
    const size_t end = g4r_pool_part(part + 1, job->n_parts, n);
    const size_t at = frame->start + begin;
    g4r_real *dtop =
        part == 0 ? g4r_network_dtop(&step->network) : step->partial + (part - 1) * m * d;
    (void)worker;
    g4r_timing_enter(G4R_IN_LOSS);
    g4r_vec_column_sums(step->dbias + at, frame->scores + begin, n, m, end - begin, 0,
                        step->vec);
    g4r_timing_enter(G4R_IN_SCORE_PRODUCTS);
    g4r_blas_multiply(g4r_product_of(G4R_TN, step->dcolumns + at * d, d,
                                     frame->scores + begin, n, job->top, d, end - begin,
                                     d, m, 0));
    g4r_blas_multiply(g4r_product_of(G4R_NN, dtop, d, frame->scores + begin, n,
                                     step->column_weights + at * d, d, m, d, end - begin,
                                     0));
}

/*
 * Propagates G, the gradient of the scores of frame t, back to the columns and to y, the
 * top layer's values. Threads run backward_part() for the parts; then the gradients of y
 * are added up in the order of the parts, in g4r_network_dtop().
 */
static void backward_columns(g4r_step *step, size_t t)
{
    columns_job job = make_job(step, t);
    const size_t size = job.frame->m * step->model->params.width;
    g4r_pool_run(step->pool, backward_part, &job, job.n_parts);
    for (size_t part = 1; part < job.n_parts; part++)
        step->vec->add(g4r_network_dtop(&step->network),
                       step->partial + (part - 1) * size, size);
}

/*
 * Propagates the gradient of the cost of frame t (the loss over all items, divided by the
 * configured batch_size) back to the output table, its bias, and the top layer's values.
 * The last frame comes first: it overwrites the gradients of the table and the bias, and
 * the other frames add to them. Every frame overwrites the gradient of the top layer's
 * values (g4r_network_dtop()). If stop says so, the work ends early, and the gradients
 * must not be used.
 */
static void backward_all(g4r_step *step, size_t t)
{
    const g4r_params *params = &step->model->params;
    const g4r_step_frame *frame = &step->frames[t];
    g4r_loss_all_backward(&step->loss_all, g4r_network_dtop(&step->network),
                          step->gradients[params->output],
                          step->gradients[params->output_bias],
                          step->log_sums + frame->input_start,
                          g4r_network_top(&step->network, t),
                          step->target_items + frame->input_start, frame->m,
                          1 / (g4r_real)step->options->batch_size,
                          t + 1 < step->n_frames ? 1 : 0);
}

void g4r_step_backward(g4r_step *step)
{
    const g4r_params *params = &step->model->params;
    const size_t width = input_cols(params);
    /*
     * The gradients of the inputs' rows. Shared inputs are rows of the output table:
     * their gradients stand in dcolumns, behind those of the columns.
     */
    g4r_real *dinputs = params->mode == G4R_SHARED
                            ? step->dcolumns + step->n_columns * params->width
                            : step->dinputs;
    assert(step->n_frames > 0);
    for (size_t t = step->n_frames; t-- > 0;) {
        const g4r_step_frame *frame = &step->frames[t];
        if (t + 1 < step->n_frames && g4r_stop_is_asked(&step->stop))
            return;
        if (scores_all(step))
            backward_all(step, t);
        else
            backward_columns(step, t);
        g4r_network_backward(&step->network, t, step->n_frames - 1, step->gradients,
                             dinputs + frame->input_start * width, &frame->dropout);
    }
    /*
     * If all items are scored, the gradients of shared inputs are added to that of the
     * whole output table.
     */
    bool is_added = scores_all(step) && params->mode == G4R_SHARED;
    for (size_t i = 0; is_added && i < step->n_inputs; i++)
        step->vec->add(step->gradients[params->output] +
                           (size_t)step->input_items[i] * width,
                       dinputs + i * width, width);
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
    size_t n = param == params->output_bias ? step->n_columns : (size_t)merge->n;
    n = g4r_merge_sum(gradients, merge, n, (size_t)table->cols, step->vec);
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
    g4r_merge *output = &step->merge_output, *input = &step->merge_input;
    g4r_merge_clear(output);
    g4r_merge_clear(input);
    g4r_merge_add(output, step->column_items, step->n_columns);
    if (params->mode != G4R_SHARED)
        g4r_merge_add(input, step->input_items, step->n_inputs);
    else if (!scores_all(step))
        g4r_merge_add(output, step->input_items, step->n_inputs);
    touched[0] = sum_rows(step, params->output, output, step->dcolumns);
    touched[1] = sum_rows(step, params->output_bias, output, step->dbias);
    touched[2] = sum_rows(step, params->embedding, input, step->dinputs);
}

/*
 * Returns how many values of parameter number index are moved by the gradient of the
 * whole parameter. Returns 0 if there is no such gradient, or if the parameter is fixed.
 * In a parameter with a row for each item, the rows of items without events are the last
 * ones; they are not counted, so they stay as they are.
 */
static size_t count_moved(const g4r_step *step, size_t index)
{
    const g4r_param *param = &step->model->params.list[index];
    if (step->gradients[index] == NULL || param->is_fixed)
        return 0;
    return param->is_per_item ? (size_t)step->n_seen * (size_t)param->cols
                              : g4r_param_size(param);
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
        squares +=
            g4r_merge_squares(touched[i].gradients, touched[i].merge, touched[i].n,
                              (size_t)params->list[touched[i].param].cols, step->vec);
    for (size_t i = 0; i < params->n; i++)
        if (count_moved(step, i) > 0)
            squares += (double)step->vec->dot(step->gradients[i], step->gradients[i],
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
    g4r_timing_enter(G4R_IN_WHOLE_UPDATE);
    g4r_optim_begin(optim, optim->grad_cap > 0 ? sum_squares(step, touched) : 0);
    for (size_t i = 0; i < params->n; i++)
        g4r_optim_whole(optim, step->pool, i, step->gradients[i], count_moved(step, i));
    g4r_timing_enter(G4R_IN_ROWS_UPDATE);
    for (size_t i = 0; i < N_TOUCHED; i++)
        g4r_optim_rows(optim, step->pool, touched[i].param, touched[i].gradients,
                       touched[i].merge, touched[i].n);
    step->n_frames = step->n_columns = step->n_inputs = 0;
    g4r_timing_enter(G4R_IN_REST);
}

/* step.c - see step.h. */
#include "step.h"

#include "../kernels/blas.h"
#include "../base/fail.h"
#include "../base/timing.h"

/* Is the loss a softmax over all items, with no columns? */
static bool scores_all(const g4r_step *step)
{
    return step->options->n_sample == GRU4REC_N_SAMPLE_ALL;
}

/* M targets and K samples. */
static size_t count_columns(const g4r_step *step, size_t m)
{
    return scores_all(step) ? 0 : m + (size_t)step->options->n_sample;
}

/* Width of what a row of the input table holds: of E or Wy, or a one-hot layer's 3h. */
static size_t input_cols(const g4r_params *params)
{
    return (size_t)params->list[params->embedding].cols;
}

/* Has every value of the parameter a gradient, not just the rows that a step gathered? */
static bool is_dense(const g4r_step *step, const g4r_params *params, size_t param)
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

/* Into how many parts the columns are cut; no more for fewer lanes. */
static size_t count_parts(size_t m, size_t n, size_t d)
{
    return g4r_pool_cut(2.0 * (double)m * (double)n * (double)d, n, 128);
}

static g4r_real *take(g4r_arena *arena, size_t rows, size_t cols)
{
    return g4r_arena_take(arena, g4r_mul(rows, cols), sizeof(g4r_real));
}

static void layout(g4r_step *step, const g4r_params *params, size_t n_lanes)
{
    const gru4rec_options *options = step->options;
    const size_t t = (size_t)options->bptt, b = n_lanes, d = params->top;
    const size_t n = count_columns(step, b), n_parts = count_parts(b, n, d);
    const size_t all = g4r_mul(t, n), all_inputs = g4r_mul(t, b);
    const size_t all_targets = scores_all(step) ? all_inputs : 0;
    /* The inputs' rows: of a table of their own, or among the columns'. */
    const bool has_table = params->mode != G4R_SHARED;
    const size_t own_rows = has_table ? all_inputs : 0;
    const size_t all_rows = has_table ? all : all + all_inputs;
    g4r_arena *arena = &step->arena;
    g4r_network_layout(&step->network, arena, params, b, t, true);
    g4r_merge_layout(&step->merge_output, arena, all_rows);
    g4r_merge_layout(&step->merge_input, arena, own_rows);
    step->frames = g4r_arena_take(arena, t, sizeof *step->frames);
    for (size_t i = 0; i < t; i++) {
        g4r_real *scores = take(arena, b, n);
        if (step->frames != NULL)
            step->frames[i].scores = scores;
    }
    step->columns = g4r_arena_take(arena, all, sizeof *step->columns);
    step->targets = g4r_arena_take(arena, all_targets, sizeof *step->targets);
    step->log_sums = g4r_arena_take(arena, all_targets, sizeof *step->log_sums);
    step->inputs = g4r_arena_take(arena, all_inputs, sizeof *step->inputs);
    step->rows = take(arena, all, d);
    step->offset = take(arena, n, 1);
    step->scratch = take(arena, g4r_step_threads(options), 3 * n);
    step->losses = g4r_arena_take(arena, b, sizeof *step->losses);
    step->partial = take(arena, g4r_mul(n_parts - 1, b), d);
    step->drows = take(arena, all_rows, d);
    step->dinputs = take(arena, own_rows, input_cols(params));
    step->doffset = take(arena, all, 1);
    if (options->logq > 0)
        step->log_support = take(arena, (size_t)params->n_items, 1);
    if (scores_all(step))
        g4r_softmax_layout(&step->softmax, arena, b, (size_t)params->n_items);
    for (size_t i = 0; i < params->n; i++)
        if (is_dense(step, params, i))
            step->gradients[i] = take(arena, g4r_param_size(&params->list[i]), 1);
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
    step->options = options;
    step->model = model;
    step->stop = stop;
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
    g4r_softmax_init(&step->softmax, seen, options->smoothing, stop);
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

/* Opens the next frame behind the ones before. */
static g4r_step_frame *open_frame(g4r_step *step, size_t m)
{
    g4r_step_frame *frame = &step->frames[step->frame];
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

static void take_columns(g4r_step *step, const g4r_step_frame *frame,
                         const int32_t *targets, const int32_t *samples)
{
    int32_t *columns = step->columns + frame->start;
    memcpy(columns, targets, frame->m * sizeof *targets);
    if (frame->n > frame->m)
        memcpy(columns + frame->m, samples, (frame->n - frame->m) * sizeof *samples);
}

/* The columns of a frame, cut into parts. */
typedef struct columns_job {
    g4r_step *step;
    const g4r_step_frame *frame;
    const g4r_real *top; /* (M,D) */
    size_t n_parts;
} columns_job;

static columns_job make_job(g4r_step *step, size_t t)
{
    const g4r_step_frame *frame = &step->frames[t];
    size_t d = step->model->params.top;
    return (columns_job){step, frame, g4r_network_top(&step->network, t),
                         count_parts(frame->m, frame->n, d)};
}

/* Rows ahead that are prefetched, and bytes of a table that no cache keeps. */
enum { AHEAD = 8, FAR_BYTES = 64 << 20 };

/* A far row's accumulator starts on its way too: the products give it the time. */
static void prefetch_column(const g4r_step *step, size_t row)
{
    const size_t output = step->model->params.output;
    const g4r_param *param = &step->model->params.list[output];
    if (g4r_param_size(param) >= FAR_BYTES / sizeof(g4r_real))
        g4r_optim_prefetch(&step->optim, output, row);
    else
        g4r_prefetch(step->model->values[output] + row * (size_t)param->cols,
                     (size_t)param->cols);
}

/*
 * Rows, and bias less the logq correction: ln q is ln support for targets, alpha ln
 * support for samples.
 */
static void gather_columns(g4r_step *step, const g4r_step_frame *frame, size_t from,
                           size_t to)
{
    const g4r_params *params = &step->model->params;
    const g4r_real *output = step->model->values[params->output];
    const g4r_real *bias = step->model->values[params->output_bias];
    const size_t d = params->top;
    const int32_t *columns = step->columns + frame->start;
    const g4r_real logq = (g4r_real)step->options->logq;
    const g4r_real alpha = (g4r_real)step->options->sample_alpha;
    g4r_real *rows = step->rows + frame->start * d;
    for (size_t j = from; j < to; j++) {
        size_t row = (size_t)columns[j];
        if (j + AHEAD < to)
            prefetch_column(step, (size_t)columns[j + AHEAD]);
        memcpy(rows + j * d, output + row * d, d * sizeof *output);
        step->offset[j] = bias[row];
    }
    for (size_t j = from; logq > 0 && j < to; j++)
        step->offset[j] -=
            logq * (j < frame->m ? 1 : alpha) * step->log_support[columns[j]];
}

/* The scores of a part. */
static void score_part(void *context, size_t part, size_t worker)
{
    const columns_job *job = context;
    g4r_step *step = job->step;
    const g4r_step_frame *frame = job->frame;
    const size_t n = frame->n, d = step->model->params.top;
    const size_t from = g4r_pool_part(part, job->n_parts, n);
    const size_t to = g4r_pool_part(part + 1, job->n_parts, n);
    (void)worker;
    g4r_timing_enter(G4R_IN_GATHER);
    gather_columns(step, frame, from, to);
    g4r_timing_enter(G4R_IN_SCORE_PRODUCTS);
    g4r_blas_multiply(g4r_product_of(G4R_NT, frame->scores + from, n, job->top, d,
                                     step->rows + (frame->start + from) * d, d, frame->m,
                                     to - from, d, 0));
    for (size_t lane = 0; lane < frame->m; lane++)
        step->network.vec->add(frame->scores + lane * n + from, step->offset + from,
                               to - from);
}

enum { LANES_EACH = 4 };

/* The losses of a few lanes: frame->scores are their gradients then. */
static void measure_lanes(void *context, size_t task, size_t worker)
{
    const columns_job *job = context;
    g4r_step *step = job->step;
    const g4r_step_frame *frame = job->frame;
    const size_t n = frame->n, to = G4R_MIN((task + 1) * LANES_EACH, frame->m);
    g4r_real *scratch = step->scratch + worker * 3 * n;
    g4r_timing_enter(G4R_IN_LOSS);
    for (size_t lane = task * LANES_EACH; lane < to; lane++)
        step->losses[lane] = g4r_loss_row(frame->scores + lane * n, &step->loss, lane, n,
                                          1 / (g4r_real)step->options->batch_size,
                                          scratch, step->network.vec);
}

/* The scores of the gathered columns; each lane's loss turns its own into gradients. */
static double score_columns(g4r_step *step, size_t t)
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
    const size_t t = step->frame;
    g4r_step_frame *frame = open_frame(step, m);
    double loss;
    memcpy(step->inputs + frame->input_start, inputs, m * sizeof *inputs);
    g4r_network_carry(&step->network, t, from, m);
    g4r_network_forward(&step->network, t, inputs, m, &frame->dropout);
    if (scores_all(step)) {
        memcpy(step->targets + frame->input_start, targets, m * sizeof *targets);
        loss = g4r_softmax_forward(&step->softmax, step->log_sums + frame->input_start,
                                   g4r_network_top(&step->network, t), targets, m);
    } else {
        take_columns(step, frame, targets, samples);
        loss = score_columns(step, t);
    }
    step->frame++;
    g4r_timing_enter(G4R_IN_REST);
    return loss;
}

bool g4r_step_is_full(const g4r_step *step)
{
    return step->frame == (size_t)step->options->bptt;
}

/* ---- backward ---- */

/*
 * From the scores of a part to its columns' rows, and its share of the top state's
 * gradient: the first part's in place, the others' beside.
 */
static void backward_part(void *context, size_t part, size_t worker)
{
    const columns_job *job = context;
    g4r_step *step = job->step;
    const g4r_step_frame *frame = job->frame;
    const size_t m = frame->m, n = frame->n, d = step->model->params.top;
    const size_t from = g4r_pool_part(part, job->n_parts, n);
    const size_t to = g4r_pool_part(part + 1, job->n_parts, n);
    const size_t at = frame->start + from;
    g4r_real *dtop =
        part == 0 ? g4r_network_dtop(&step->network) : step->partial + (part - 1) * m * d;
    (void)worker;
    g4r_timing_enter(G4R_IN_LOSS);
    g4r_vec_column_sums(step->doffset + at, frame->scores + from, n, m, to - from, 0,
                        step->network.vec);
    g4r_timing_enter(G4R_IN_SCORE_PRODUCTS);
    g4r_blas_multiply(g4r_product_of(G4R_TN, step->drows + at * d, d,
                                     frame->scores + from, n, job->top, d, to - from, d,
                                     m, 0));
    g4r_blas_multiply(g4r_product_of(G4R_NN, dtop, d, frame->scores + from, n,
                                     step->rows + at * d, d, m, d, to - from, 0));
}

static void backward_columns(g4r_step *step, size_t t)
{
    columns_job job = make_job(step, t);
    const size_t size = job.frame->m * step->model->params.top;
    g4r_pool_run(step->pool, backward_part, &job, job.n_parts);
    for (size_t part = 1; part < job.n_parts; part++)
        step->network.vec->add(g4r_network_dtop(&step->network),
                               step->partial + (part - 1) * size, size);
}

static void backward_full(g4r_step *step, size_t t)
{
    const g4r_params *params = &step->model->params;
    const g4r_step_frame *frame = &step->frames[t];
    g4r_softmax_backward(
        &step->softmax, g4r_network_dtop(&step->network), step->gradients[params->output],
        step->gradients[params->output_bias], step->log_sums + frame->input_start,
        g4r_network_top(&step->network, t), step->targets + frame->input_start, frame->m,
        1 / (g4r_real)step->options->batch_size, t + 1 < step->frame ? 1 : 0);
}

/* The whole table has a gradient already: the inputs' are added to it. */
static void scatter_inputs(g4r_step *step)
{
    const g4r_params *params = &step->model->params;
    const size_t d = params->top, n = step->n_inputs;
    for (size_t i = 0; i < n; i++)
        step->network.vec->add(step->gradients[params->output] +
                                   (size_t)step->inputs[i] * d,
                               step->drows + i * d, d);
}

void g4r_step_backward(g4r_step *step)
{
    const g4r_params *params = &step->model->params;
    const size_t width = input_cols(params);
    /* Shared, the inputs' rows are rows like the columns'. */
    g4r_real *dinputs = params->mode == G4R_SHARED
                            ? step->drows + step->n_columns * params->top
                            : step->dinputs;
    assert(step->frame > 0);
    for (size_t t = step->frame; t-- > 0;) {
        const g4r_step_frame *frame = &step->frames[t];
        if (t + 1 < step->frame && g4r_stop_is_asked(&step->stop))
            return;
        if (scores_all(step))
            backward_full(step, t);
        else
            backward_columns(step, t);
        g4r_network_backward(&step->network, t, step->frame - 1, step->gradients,
                             dinputs + frame->input_start * width, &frame->dropout);
    }
    if (scores_all(step) && params->mode == G4R_SHARED)
        scatter_inputs(step);
}

/* ---- update ---- */

/* Rows of a table that the frames gathered. */
typedef struct touched_rows {
    size_t param;
    const g4r_merge *merge;
    g4r_real *gradients; /* of the occurrences; of a row's first, their sum */
    size_t n;            /* distinct rows that move */
} touched_rows;

enum { N_TOUCHED = 3 };

/* n: occurrences. */
static touched_rows sum_rows(const g4r_step *step, size_t param, const g4r_merge *merge,
                             g4r_real *gradients, size_t n)
{
    const g4r_param *table = &step->model->params.list[param];
    size_t n_distinct =
        g4r_merge_sum(gradients, merge, n, (size_t)table->cols, step->network.vec);
    return (touched_rows){param, merge, gradients, table->is_fixed ? 0 : n_distinct};
}

/*
 * Columns first: only they have a bias, and only their distinct rows get a new one;
 * shared, the inputs follow. Where the output has a dense gradient there are no columns,
 * and shared inputs are in that.
 */
static void merge_rows(g4r_step *step, touched_rows rows[N_TOUCHED])
{
    const g4r_params *params = &step->model->params;
    g4r_merge *output = &step->merge_output, *input = &step->merge_input;
    g4r_merge_clear(output);
    g4r_merge_clear(input);
    g4r_merge_add(output, step->columns, step->n_columns);
    if (params->mode != G4R_SHARED)
        g4r_merge_add(input, step->inputs, step->n_inputs);
    else if (!scores_all(step))
        g4r_merge_add(output, step->inputs, step->n_inputs);
    rows[0] = sum_rows(step, params->output, output, step->drows, (size_t)output->n);
    rows[1] = sum_rows(step, params->output_bias, output, step->doffset, step->n_columns);
    rows[2] = sum_rows(step, params->embedding, input, step->dinputs, (size_t)input->n);
}

/* Values that a dense gradient moves: items without events stay as they are. */
static size_t count_moved(const g4r_step *step, size_t index)
{
    const g4r_param *param = &step->model->params.list[index];
    if (step->gradients[index] == NULL || param->is_fixed)
        return 0;
    return param->is_per_item ? (size_t)step->n_seen * (size_t)param->cols
                              : g4r_param_size(param);
}

/* The square of the norm of all gradients. */
static double sum_squares(const g4r_step *step, const touched_rows rows[N_TOUCHED])
{
    const g4r_params *params = &step->model->params;
    const g4r_vec *vec = step->network.vec;
    double squares = 0;
    for (size_t i = 0; i < N_TOUCHED; i++)
        squares += g4r_merge_squares(rows[i].gradients, rows[i].merge, rows[i].n,
                                     (size_t)params->list[rows[i].param].cols, vec);
    for (size_t i = 0; i < params->n; i++)
        if (count_moved(step, i) > 0)
            squares += (double)vec->dot(step->gradients[i], step->gradients[i],
                                        g4r_param_size(&params->list[i]));
    return squares;
}

void g4r_step_update(g4r_step *step)
{
    const g4r_params *params = &step->model->params;
    g4r_optim *optim = &step->optim;
    touched_rows rows[N_TOUCHED];
    g4r_timing_enter(G4R_IN_SPARSE_UPDATE);
    merge_rows(step, rows);
    g4r_timing_enter(G4R_IN_DENSE_UPDATE);
    g4r_optim_begin(optim, optim->grad_cap > 0 ? sum_squares(step, rows) : 0);
    for (size_t i = 0; i < params->n; i++)
        g4r_optim_dense(optim, step->pool, i, step->gradients[i], count_moved(step, i));
    g4r_timing_enter(G4R_IN_SPARSE_UPDATE);
    for (size_t i = 0; i < N_TOUCHED; i++)
        g4r_optim_rows(optim, step->pool, rows[i].param, rows[i].gradients, rows[i].merge,
                       rows[i].n);
    step->frame = step->n_columns = step->n_inputs = 0;
    g4r_timing_enter(G4R_IN_REST);
}

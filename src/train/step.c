/* step.c - see step.h. */
#include "step.h"

#include "../kernels/blas.h"
#include "../base/fail.h"
#include "../base/timing.h"

/* Width of what a row of the input table holds: of E or Wy, or a one-hot layer's 3h. */
static size_t input_cols(const g4r_params *params)
{
    return params->mode == G4R_ONEHOT ? 3 * params->layers[0].h : params->layers[0].n_in;
}

static bool scores_all(const gru4rec_options *options)
{
    return options->n_sample == GRU4REC_N_SAMPLE_ALL;
}

/* Has every value of the parameter a gradient, not just the rows that a step gathered? */
static bool is_dense(const g4r_params *params, size_t param, bool scores_all)
{
    return !params->list[param].is_per_item ||
           (scores_all && (param == params->output || param == params->output_bias));
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

static void layout(g4r_step *step, const g4r_params *params,
                   const gru4rec_options *options, size_t n_lanes)
{
    const size_t bytes = sizeof(g4r_real), t = (size_t)options->bptt;
    const size_t b = n_lanes, d = params->top;
    const size_t n = scores_all(options) ? 0 : b + (size_t)options->n_sample;
    const size_t all = g4r_mul(t, n), all_inputs = g4r_mul(t, b);
    bool has_table = params->mode != G4R_SHARED;
    g4r_arena *arena = &step->arena;
    g4r_network_layout(&step->network, arena, params, b, t, true);
    g4r_merge_layout(&step->merge_output, arena, has_table ? all : all + all_inputs);
    g4r_merge_layout(&step->merge_input, arena, has_table ? all_inputs : 0);
    step->frames = g4r_arena_take(arena, t, sizeof *step->frames);
    for (size_t i = 0; i < t; i++) {
        g4r_real *scores = g4r_arena_take(arena, g4r_mul(b, n), bytes);
        double *log_sums =
            g4r_arena_take(arena, scores_all(options) ? b : 0, sizeof *log_sums);
        if (step->frames != NULL) {
            step->frames[i].scores = step->frames[i].dscores = scores;
            step->frames[i].log_sums = log_sums;
        }
    }
    step->columns = g4r_arena_take(arena, all, sizeof *step->columns);
    step->targets = g4r_arena_take(arena, scores_all(options) ? all_inputs : 0,
                                   sizeof *step->targets);
    step->inputs = g4r_arena_take(arena, all_inputs, sizeof *step->inputs);
    step->rows = g4r_arena_take(arena, g4r_mul(all, d), bytes);
    step->offset = g4r_arena_take(arena, n, bytes);
    step->scratch =
        g4r_arena_take(arena, g4r_mul(g4r_step_threads(options), 3 * n), bytes);
    step->losses = g4r_arena_take(arena, b, sizeof *step->losses);
    step->partial =
        g4r_arena_take(arena, g4r_mul(g4r_mul(count_parts(b, n, d) - 1, b), d), bytes);
    step->drows =
        g4r_arena_take(arena, g4r_mul(all + (has_table ? 0 : all_inputs), d), bytes);
    step->dinputs =
        g4r_arena_take(arena, g4r_mul(has_table ? all_inputs : 0, input_cols(params)),
                       bytes);
    step->doffset = g4r_arena_take(arena, all, bytes);
    if (options->logq > 0)
        step->log_support = g4r_arena_take(arena, (size_t)params->n_items, bytes);
    if (scores_all(options))
        g4r_softmax_layout(&step->softmax, arena, b, (size_t)params->n_items, d);
    for (size_t i = 0; i < params->n; i++)
        if (is_dense(params, i, scores_all(options)))
            step->gradients[i] =
                g4r_arena_take(arena, g4r_param_size(&params->list[i]), bytes);
}

size_t g4r_step_bytes(const g4r_params *params, const gru4rec_options *options,
                      size_t n_lanes)
{
    g4r_step step = {0};
    layout(&step, params, options, n_lanes);
    return g4r_add(g4r_arena_bytes(&step.arena),
                   g4r_pool_bytes(g4r_step_threads(options)));
}

static int32_t count_seen(const int64_t *support, int32_t n_items)
{
    int32_t n = 0;
    while (n < n_items && support[n] > 0)
        n++;
    return n;
}

gru4rec_status g4r_step_init(g4r_step *step, gru4rec_training *training,
                             const int64_t *support, const gru4rec_options *options,
                             size_t n_lanes, g4r_stop stop, gru4rec_error *error)
{
    gru4rec_model *model = training->model;
    memset(step, 0, sizeof *step);
    step->model = model;
    step->stop = stop;
    layout(step, &model->params, options, n_lanes);
    if (g4r_arena_allocate(&step->arena, &model->allocator))
        step->pool = g4r_pool_new(g4r_step_threads(options), g4r_blas_enter,
                                  g4r_blas_leave, &model->allocator);
    if (step->pool == NULL)
        return g4r_fail_nomem(error, g4r_step_bytes(&model->params, options, n_lanes));
    layout(step, &model->params, options, n_lanes);
    g4r_network_bind(&step->network, model->values, step->pool);
    step->batch_size = (size_t)options->batch_size;
    step->scores_all = scores_all(options);
    step->n_sample = step->scores_all ? 0 : (size_t)options->n_sample;
    step->n_frames = (size_t)options->bptt;
    step->seed = options->seed;
    step->logq = (g4r_real)options->logq;
    step->sample_alpha = (g4r_real)options->sample_alpha;
    step->dropout.p_embed = (g4r_real)options->dropout_p_embed;
    step->dropout.p_hidden = (g4r_real)options->dropout_p_hidden;
    g4r_loss_init(&step->loss, options);
    g4r_optim_init(&step->optim, training, options);
    step->n_seen = count_seen(support, model->params.n_items);
    g4r_softmax_init(&step->softmax, (size_t)step->n_seen, options->smoothing, stop);
    for (int32_t i = 0; step->logq > 0 && i < step->n_seen; i++)
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
    g4r_rng_seed(&step->dropout_rng, step->seed, G4R_STREAM_DROPOUT, epoch);
}

/* ---- forward ---- */

/* Opens the next frame behind the ones before. */
static g4r_step_frame *open_frame(g4r_step *step, size_t m)
{
    g4r_step_frame *frame = &step->frames[step->frame];
    assert(step->frame < step->n_frames);
    frame->m = m;
    frame->n = step->scores_all ? 0 : m + step->n_sample;
    frame->start = step->n_columns;
    frame->input_start = step->n_inputs;
    step->n_columns += frame->n;
    step->n_inputs += m;
    uint64_t random = g4r_rng_next(&step->dropout_rng);
    frame->dropout = step->dropout;
    frame->dropout.key_embed = (uint32_t)random;
    frame->dropout.key_hidden = (uint32_t)(random >> 32);
    return frame;
}

static void take_columns(g4r_step *step, const g4r_step_frame *frame,
                         const int32_t *targets, const int32_t *samples)
{
    int32_t *columns = step->columns + frame->start;
    memcpy(columns, targets, frame->m * sizeof *targets);
    if (step->n_sample > 0)
        memcpy(columns + frame->m, samples, step->n_sample * sizeof *samples);
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
 * support for samples (algorithm 5.1).
 */
static void gather_columns(g4r_step *step, const g4r_step_frame *frame, size_t from,
                           size_t to)
{
    const g4r_params *params = &step->model->params;
    const g4r_real *output = step->model->values[params->output];
    const g4r_real *bias = step->model->values[params->output_bias];
    const size_t d = params->top;
    const int32_t *columns = step->columns + frame->start;
    g4r_real *rows = step->rows + frame->start * d;
    for (size_t j = from; j < to; j++) {
        size_t row = (size_t)columns[j];
        if (j + AHEAD < to)
            prefetch_column(step, (size_t)columns[j + AHEAD]);
        memcpy(rows + j * d, output + row * d, d * sizeof *output);
        step->offset[j] = bias[row];
    }
    for (size_t j = from; step->logq > 0 && j < to; j++) {
        g4r_real power = j < frame->m ? 1 : step->sample_alpha;
        step->offset[j] -= step->logq * power * step->log_support[columns[j]];
    }
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

/* The losses of a few lanes: frame->scores are frame->dscores then. */
static void measure_lanes(void *context, size_t task, size_t worker)
{
    const columns_job *job = context;
    g4r_step *step = job->step;
    const g4r_step_frame *frame = job->frame;
    const size_t n = frame->n, to = G4R_MIN((task + 1) * LANES_EACH, frame->m);
    g4r_real *scratch = step->scratch + worker * 3 * n;
    g4r_timing_enter(G4R_IN_LOSS);
    for (size_t lane = task * LANES_EACH; lane < to; lane++)
        step->losses[lane] =
            g4r_loss_row(frame->scores + lane * n, &step->loss, lane, n,
                         1 / (g4r_real)step->batch_size, scratch, step->network.vec);
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

static g4r_softmax_table output_table(g4r_step *step, g4r_real *const *values)
{
    const g4r_params *params = &step->model->params;
    return (g4r_softmax_table){values[params->output], values[params->output_bias]};
}

double g4r_step_forward(g4r_step *step, const int32_t *from, const int32_t *inputs,
                        const int32_t *targets, size_t m, const int32_t *samples)
{
    const size_t t = step->frame;
    g4r_step_frame *frame = open_frame(step, m);
    double loss;
    if (!step->scores_all)
        take_columns(step, frame, targets, samples);
    memcpy(step->inputs + frame->input_start, inputs, m * sizeof *inputs);
    g4r_network_carry(&step->network, t, from, m);
    g4r_network_forward(&step->network, t, inputs, m, &frame->dropout);
    const g4r_real *top = g4r_network_top(&step->network, t);
    if (step->scores_all) {
        g4r_softmax_table table = output_table(step, step->model->values);
        memcpy(step->targets + frame->input_start, targets, m * sizeof *targets);
        loss =
            g4r_softmax_forward(&step->softmax, frame->log_sums, top, targets, m, &table);
    } else {
        loss = score_columns(step, t);
    }
    step->frame++;
    g4r_timing_enter(G4R_IN_REST);
    return loss;
}

bool g4r_step_is_full(const g4r_step *step)
{
    return step->frame == step->n_frames;
}

/* ---- backward ---- */

/* Where the gradients of the inputs' rows go: shared, they are rows like the others. */
static g4r_real *input_gradients(const g4r_step *step)
{
    const g4r_params *params = &step->model->params;
    return params->mode == G4R_SHARED ? step->drows + step->n_columns * params->top
                                      : step->dinputs;
}

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
    memset(step->doffset + at, 0, (to - from) * sizeof *step->doffset);
    for (size_t lane = 0; lane < m; lane++)
        step->network.vec->add(step->doffset + at, frame->dscores + lane * n + from,
                               to - from);
    g4r_timing_enter(G4R_IN_SCORE_PRODUCTS);
    g4r_blas_multiply(g4r_product_of(G4R_TN, step->drows + at * d, d,
                                     frame->dscores + from, n, job->top, d, to - from, d,
                                     m, 0));
    g4r_blas_multiply(g4r_product_of(G4R_NN, dtop, d, frame->dscores + from, n,
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
    const g4r_step_frame *frame = &step->frames[t];
    g4r_softmax_table table = output_table(step, step->model->values);
    g4r_softmax_table dtable = output_table(step, step->gradients);
    g4r_softmax_backward(&step->softmax, g4r_network_dtop(&step->network), &dtable,
                         frame->log_sums, g4r_network_top(&step->network, t),
                         step->targets + frame->input_start, frame->m, &table,
                         1 / (g4r_real)step->batch_size, t + 1 < step->frame ? 1 : 0);
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
    g4r_real *dinputs = input_gradients(step);
    assert(step->frame > 0);
    for (size_t t = step->frame; t-- > 0;) {
        const g4r_step_frame *frame = &step->frames[t];
        if (t + 1 < step->frame && g4r_stop_is_asked(&step->stop))
            return;
        if (step->scores_all)
            backward_full(step, t);
        else
            backward_columns(step, t);
        g4r_network_backward(&step->network, t, step->frame - 1, step->gradients,
                             dinputs + frame->input_start * width, &frame->dropout);
    }
    if (step->scores_all && params->mode == G4R_SHARED)
        scatter_inputs(step);
}

/* ---- update ---- */

/* Distinct rows of the tables that the step touched. */
typedef struct touched {
    size_t outputs, biases, inputs;
} touched;

/*
 * The rows that the frames gathered: none but a table of inputs where the output has a
 * dense gradient. Columns first: only they have a bias, and only their distinct rows get
 * a new one; shared, the inputs follow.
 */
static touched merge_rows(g4r_step *step)
{
    const g4r_params *params = &step->model->params;
    const g4r_vec *vec = step->network.vec;
    const size_t n = step->n_columns, n_inputs = step->n_inputs;
    touched rows = {0};
    bool is_shared = params->mode == G4R_SHARED && !step->scores_all;
    bool has_table = params->mode != G4R_SHARED;
    g4r_merge *merge = &step->merge_output, *merge_input = &step->merge_input;
    g4r_merge_clear(merge);
    g4r_merge_add(merge, step->columns, n);
    if (is_shared)
        g4r_merge_add(merge, step->inputs, n_inputs);
    rows.outputs =
        g4r_merge_sum(step->drows, merge, is_shared ? n + n_inputs : n, params->top, vec);
    rows.biases = g4r_merge_sum(step->doffset, merge, n, 1, vec);
    if (params->list[params->output_bias].is_fixed)
        rows.biases = 0;
    if (has_table) {
        g4r_merge_clear(merge_input);
        g4r_merge_add(merge_input, step->inputs, n_inputs);
        rows.inputs =
            g4r_merge_sum(step->dinputs, merge_input, n_inputs, input_cols(params), vec);
    }
    return rows;
}

static bool is_moved_densely(const g4r_step *step, size_t param)
{
    const g4r_params *params = &step->model->params;
    return is_dense(params, param, step->scores_all) && !params->list[param].is_fixed;
}

/* Values that move: items without events stay as they are. */
static size_t count_moved(const g4r_step *step, const g4r_param *param)
{
    return param->is_per_item ? (size_t)step->n_seen * (size_t)param->cols
                              : g4r_param_size(param);
}

/* The square of the norm of all gradients. */
static double sum_squares(const g4r_step *step, touched rows)
{
    const g4r_params *params = &step->model->params;
    const g4r_vec *vec = step->network.vec;
    double squares =
        g4r_merge_squares(step->drows, &step->merge_output, rows.outputs, params->top,
                          vec) +
        g4r_merge_squares(step->doffset, &step->merge_output, rows.biases, 1, vec) +
        g4r_merge_squares(step->dinputs, &step->merge_input, rows.inputs,
                          input_cols(params), vec);
    for (size_t i = 0; i < params->n; i++)
        if (is_moved_densely(step, i))
            squares += (double)vec->dot(step->gradients[i], step->gradients[i],
                                        g4r_param_size(&params->list[i]));
    return squares;
}

void g4r_step_update(g4r_step *step)
{
    const g4r_params *params = &step->model->params;
    g4r_optim *optim = &step->optim;
    g4r_timing_enter(G4R_IN_SPARSE_UPDATE);
    touched rows = merge_rows(step);
    g4r_timing_enter(G4R_IN_DENSE_UPDATE);
    g4r_optim_begin(optim, optim->grad_cap > 0 ? sum_squares(step, rows) : 0);
    for (size_t i = 0; i < params->n; i++)
        if (is_moved_densely(step, i))
            g4r_optim_dense(optim, step->pool, i, step->gradients[i],
                            count_moved(step, &params->list[i]));
    g4r_timing_enter(G4R_IN_SPARSE_UPDATE);
    g4r_optim_rows(optim, step->pool, params->output, step->drows, &step->merge_output,
                   rows.outputs);
    g4r_optim_rows(optim, step->pool, params->output_bias, step->doffset,
                   &step->merge_output, rows.biases);
    if (params->mode != G4R_SHARED) {
        size_t table =
            params->mode == G4R_SEPARATE ? params->embedding : params->layers[0].input;
        g4r_optim_rows(optim, step->pool, table, step->dinputs, &step->merge_input,
                       rows.inputs);
    }
    step->frame = step->n_columns = step->n_inputs = 0;
    g4r_timing_enter(G4R_IN_REST);
}

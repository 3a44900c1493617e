/* step.c (L4) - see step.h. */
#include "step.h"

#include "blas.h"
#include "status.h"

static void layout(g4r_step *step, const g4r_params *params,
                   const gru4rec_options *options, size_t n_lanes)
{
    const size_t bytes = sizeof(g4r_real);
    const size_t b = n_lanes, k = (size_t)options->n_sample;
    const size_t n = b + k, d = params->top;
    g4r_arena *arena = &step->arena;
    g4r_network_layout(&step->network, arena, params, b, true);
    g4r_optim_layout(&step->optim, arena, params, options);
    g4r_merge_layout(&step->merge_output, arena, n + b);
    g4r_merge_layout(&step->merge_input, arena, b);
    step->columns = g4r_arena_take(arena, n, sizeof *step->columns);
    step->rows = g4r_arena_take(arena, g4r_mul(n, d), bytes);
    step->offset = g4r_arena_take(arena, n, bytes);
    step->scores = g4r_arena_take(arena, g4r_mul(b, n), bytes);
    step->scratch = g4r_arena_take(arena, 2 * n, bytes);
    step->drows = g4r_arena_take(arena, g4r_mul(n + b, d), bytes);
    step->doffset = g4r_arena_take(arena, n, bytes);
    if (options->logq > 0)
        step->log_support = g4r_arena_take(arena, (size_t)params->n_items, bytes);
    for (size_t i = 0; i < params->n; i++)
        if (!params->list[i].is_sparse)
            step->gradients[i] =
                g4r_arena_take(arena, g4r_param_size(&params->list[i]), bytes);
}

size_t g4r_step_bytes(const g4r_params *params, const gru4rec_options *options,
                      size_t n_lanes)
{
    g4r_step step = {0};
    layout(&step, params, options, n_lanes);
    return step.arena.used;
}

gru4rec_status g4r_step_init(g4r_step *step, gru4rec_model *model, const int64_t *support,
                             const gru4rec_options *options, size_t n_lanes,
                             const gru4rec_allocator *allocator, gru4rec_error *error)
{
    memset(step, 0, sizeof *step);
    step->allocator = *allocator;
    layout(step, &model->params, options, n_lanes);
    size_t bytes = step->arena.used;
    if (!g4r_arena_allocate(&step->arena, allocator))
        return g4r_fail_nomem(error, bytes);
    layout(step, &model->params, options, n_lanes);
    step->model = model;
    step->network.values = model->values;
    step->batch_size = (size_t)options->batch_size;
    step->n_sample = (size_t)options->n_sample;
    step->logq = (g4r_real)options->logq;
    step->sample_alpha = (g4r_real)options->sample_alpha;
    step->dropout.p_embed = (g4r_real)options->dropout_p_embed;
    step->dropout.p_hidden = (g4r_real)options->dropout_p_hidden;
    g4r_loss_init(&step->loss, options);
    g4r_rng_seed(&step->dropout_rng, options->seed, G4R_STREAM_DROPOUT);
    for (int32_t i = 0; step->logq > 0 && i < model->params.n_items; i++)
        step->log_support[i] = (g4r_real)log((double)support[i]);
    return GRU4REC_OK;
}

void g4r_step_free(g4r_step *step)
{
    g4r_arena_free(&step->arena, &step->allocator);
}

/* ---- forward and backward ---- */

static void gather_columns(g4r_step *step, const int32_t *targets, size_t m,
                           const int32_t *samples)
{
    const g4r_params *params = &step->model->params;
    const g4r_real *output = step->model->values[params->output];
    const g4r_real *bias = step->model->values[params->output_bias];
    const size_t n = m + step->n_sample, d = params->top;
    memcpy(step->columns, targets, m * sizeof *targets);
    if (step->n_sample > 0)
        memcpy(step->columns + m, samples, step->n_sample * sizeof *samples);
    for (size_t j = 0; j < n; j++) {
        size_t row = (size_t)step->columns[j];
        memcpy(step->rows + j * d, output + row * d, d * sizeof *output);
        step->offset[j] = bias[row];
    }
    /* logq: ln q is ln support for targets, alpha ln support for samples (algorithm 5.1).
     */
    for (size_t j = 0; step->logq > 0 && j < n; j++) {
        g4r_real power = j < m ? 1 : step->sample_alpha;
        step->offset[j] -= step->logq * power * step->log_support[step->columns[j]];
    }
}

static void draw_dropout_keys(g4r_step *step)
{
    uint64_t random = g4r_rng_next(&step->dropout_rng);
    step->dropout.key_embed = (uint32_t)random;
    step->dropout.key_hidden = (uint32_t)(random >> 32);
}

double g4r_step_gradient(g4r_step *step, const int32_t *from, const int32_t *inputs,
                         const int32_t *targets, size_t m, const int32_t *samples)
{
    const size_t n = m + step->n_sample, d = step->model->params.top;
    const g4r_vec *vec = step->network.vec;
    double loss = 0;
    step->n_live = m;
    gather_columns(step, targets, m, samples);
    draw_dropout_keys(step);
    g4r_network_carry(&step->network, from, m);
    g4r_network_forward(&step->network, inputs, m, &step->dropout);

    const g4r_real *top = g4r_network_top(&step->network);
    g4r_blas_nt(step->scores, n, top, d, step->rows, d, m, n, d, 0);
    for (size_t lane = 0; lane < m; lane++) {
        g4r_real *scores_lane = step->scores + lane * n;
        vec->add(scores_lane, step->offset, n);
        loss += g4r_loss_row(scores_lane, &step->loss, lane, n,
                             1 / (g4r_real)step->batch_size, step->scratch, vec);
    }
    g4r_cell_column_sums(step->doffset, step->scores, m, n, vec);
    g4r_blas_tn(step->drows, d, step->scores, n, top, d, n, d, m, 0);
    g4r_blas_nn(g4r_network_dtop(&step->network), d, step->scores, n, step->rows, d, m, d,
                n, 0);
    g4r_network_backward(&step->network, step->gradients, m, &step->dropout);
    return loss;
}

/* ---- update ---- */

/* Columns first: only they have a bias, and only their distinct rows get a new one. */
static void update_rows(g4r_step *step, const int32_t *inputs)
{
    const g4r_params *params = &step->model->params;
    g4r_real **values = step->model->values;
    const size_t m = step->n_live, n = m + step->n_sample, d = params->top;
    size_t n_rows = n;
    g4r_merge_clear(&step->merge_output);
    g4r_merge_add(&step->merge_output, step->columns, n);
    if (params->mode == G4R_SHARED) {
        g4r_merge_add(&step->merge_output, inputs, m);
        memcpy(step->drows + n * d, g4r_network_drows(&step->network),
               m * d * sizeof *step->drows);
        n_rows += m;
    }
    g4r_optim_rows(&step->optim, params->output, values[params->output], step->drows,
                   &step->merge_output, n_rows);
    g4r_optim_rows(&step->optim, params->output_bias, values[params->output_bias],
                   step->doffset, &step->merge_output, n);
    if (params->mode == G4R_SHARED)
        return;
    size_t table =
        params->mode == G4R_SEPARATE ? params->embedding : params->layers[0].input;
    g4r_merge_clear(&step->merge_input);
    g4r_merge_add(&step->merge_input, inputs, m);
    g4r_optim_rows(&step->optim, table, values[table], g4r_network_drows(&step->network),
                   &step->merge_input, m);
}

void g4r_step_update(g4r_step *step, const int32_t *inputs)
{
    const g4r_params *params = &step->model->params;
    for (size_t i = 0; i < params->n; i++)
        if (!params->list[i].is_sparse)
            g4r_optim_dense(&step->optim, i, step->model->values[i], step->gradients[i]);
    update_rows(step, inputs);
}

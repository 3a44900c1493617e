/*
 * group.c - computes the lanes of a group, forward and backward; see group.h.
 */
#include "group.h"

#include "precision.h"
#include "../base/timing.h"

/*
 * Returns the number of parts, at least 1, into which the n columns of a frame of m lanes
 * are cut, so that threads can share them. d is the width of a column. Fewer lanes never
 * give more parts.
 */
static size_t count_parts(size_t m, size_t n, size_t d)
{
    return g4r_pool_cut(2.0 * (double)m * (double)n * (double)d, n, 128);
}

void g4r_group_layout(g4r_group *group, g4r_arena *arena, const g4r_params *params,
                      size_t n_lanes, size_t n_columns, size_t n_frames)
{
    g4r_network_layout(&group->network, arena, params, n_lanes, n_frames, true);
    group->lanes = g4r_arena_take(arena, n_frames, sizeof *group->lanes);
    for (size_t i = 0; i < n_frames; i++) {
        g4r_real *scores = g4r_arena_reals(arena, n_lanes, n_columns);
        if (group->lanes != NULL)
            group->lanes[i].scores = scores;
    }
}

void g4r_group_layout_common(g4r_group_common *common, g4r_arena *arena,
                             const g4r_params *params, size_t n_lanes, size_t n_columns,
                             size_t n_frames, size_t n_threads)
{
    const size_t n_parts = count_parts(n_lanes, n_columns, params->width);
    const bool is_bfloat16 = g4r_precision_is_bfloat16(common->options);
    g4r_products_layout(&common->products, arena, n_threads, is_bfloat16);
    g4r_columns_layout(&common->columns, arena, &common->products, params->width,
                       n_columns, n_lanes, n_frames, n_threads, is_bfloat16);
    common->scratch = g4r_arena_reals(arena, n_threads, g4r_mul(3, n_columns));
    common->losses = g4r_arena_take(arena, n_lanes, sizeof *common->losses);
    common->partial =
        g4r_arena_reals(arena, g4r_mul(n_parts - 1, n_lanes), params->width);
    if (!g4r_group_scores_all(common))
        return;
    g4r_loss_all_layout(&common->loss_all, arena, n_lanes, (size_t)params->n_items);
    common->loss_all.products = &common->products;
}

/* ---- forward ---- */

/* The work on the columns of a group's frame: context of the tasks of the threads. */
typedef struct columns_job {
    g4r_group_common *common;
    const g4r_group_frame *frame;
    g4r_columns_frame columns; /* the frame's */
    const g4r_group_lanes *lanes;
    const g4r_real *top;        /* (m,D) the top layer's values */
    size_t n_parts;             /* number of parts that the columns are cut into */
    bool gathers;               /* forward copies the rows of the columns first */
    const g4r_group_sums *sums; /* results of backward, and the first part of dy */
    g4r_real *dtop;
} columns_job;

/* Returns the work on the columns of the group's frame t, which is borrowed. */
static columns_job make_job(g4r_group_common *common, const g4r_group *group, size_t t)
{
    const g4r_group_frame *frame = &common->frames[t];
    const g4r_group_lanes *lanes = &group->lanes[t];
    return (columns_job){
        .common = common,
        .frame = frame,
        .columns = {t, frame->start, frame->n},
        .lanes = lanes,
        .top = g4r_network_top(&group->network, t),
        .n_parts = count_parts(lanes->m, frame->n, common->model->params.width),
    };
}

/*
 * AHEAD: a column's row is prefetched when the column this many places before it is
 * copied; where several columns are copied together, when their number of columns before.
 * FAR_BYTES: a table of at least this size does not stay in any cache.
 */
enum { AHEAD = 8, FAR_BYTES = 64 << 20 };

/*
 * Begins to load a row of the output table into the cache. If the table has FAR_BYTES or
 * more, also begins to load the row's values in the optimiser's slots: they arrive while
 * the products are computed.
 */
static void prefetch_column(const g4r_group_common *common, size_t row)
{
    const size_t output = common->model->params.output;
    const g4r_param *param = &common->model->params.list[output];
    bool is_far = g4r_param_size(param) >= FAR_BYTES / sizeof(g4r_real);
    g4r_optim_prefetch(common->optim, output, row, is_far);
}

/*
 * Copies the output rows of the columns begin ... end - 1 of the job's frame into
 * common->columns, and their biases into common->column_bias. With logq above 0, then
 * subtracts the correction from each copied bias; the model does not change:
 *   bias_j - logq ln q_j
 *   ln q_j = ln support_j for the M targets, alpha ln support_j for the K samples
 */
static void gather_columns(const columns_job *job, size_t begin, size_t end)
{
    g4r_group_common *common = job->common;
    const g4r_group_frame *frame = job->frame;
    const g4r_params *params = &common->model->params;
    const g4r_real *output = common->model->values[params->output];
    const g4r_real *bias = common->model->values[params->output_bias];
    const int32_t *items = common->column_items + frame->start;
    const g4r_real logq = (g4r_real)common->options->logq;
    const g4r_real alpha = (g4r_real)common->options->sample_alpha;
    const size_t each = g4r_columns_each(&common->columns), ahead = G4R_MAX(each, AHEAD);
    for (size_t first = begin; first < end; first += each) {
        const size_t n = G4R_MIN(each, end - first);
        for (size_t j = first + ahead; j < G4R_MIN(first + ahead + n, end); j++)
            prefetch_column(common, (size_t)items[j]);
        g4r_columns_gather(&common->columns, &job->columns, output, items, first, n);
        for (size_t j = first; j < first + n; j++)
            common->column_bias[j] = bias[items[j]];
    }
    for (size_t j = begin; logq > 0 && j < end; j++)
        common->column_bias[j] -=
            logq * (j < frame->m ? 1 : alpha) * common->log_support[items[j]];
}

/*
 * Writes the scores of the columns of one part for the group's lanes into lanes->scores;
 * gathers the columns before, if the job says so. context is a columns_job. It is a task
 * of the pool:
 *   scores_ij = y_i . w_j + bias_j
 */
static void score_part(void *context, size_t part, size_t worker)
{
    const columns_job *job = context;
    g4r_group_common *common = job->common;
    const size_t m = job->lanes->m, n = job->frame->n;
    const size_t begin = g4r_columns_part(&common->columns, part, job->n_parts, n);
    const size_t end = g4r_columns_part(&common->columns, part + 1, job->n_parts, n);
    g4r_real *scores = job->lanes->scores;
    (void)worker;
    g4r_timing_enter(G4R_IN_GATHER);
    if (job->gathers)
        gather_columns(job, begin, end);
    g4r_timing_enter(G4R_IN_SCORE_PRODUCTS);
    g4r_columns_score(&common->columns, &job->columns, scores, job->top, m, begin, end);
    for (size_t lane = 0; lane < m; lane++)
        common->vec->add(scores + lane * n + begin, common->column_bias + begin,
                         end - begin);
}

/* Lanes of one task of measure_lanes(). */
enum { LANES_EACH = 4 };

/*
 * Computes the losses of the lanes of one task, LANES_EACH (fewer in the last task), into
 * common->losses. The target of a lane is the column with the lane's number in the frame.
 * Overwrites the scores of these lanes by G, the gradient of the loss times scale. That
 * is 1 / B with one group: B is the configured batch_size, even if fewer lanes are live.
 * context is a columns_job. It is a task of the pool.
 */
static void measure_lanes(void *context, size_t task, size_t worker)
{
    const columns_job *job = context;
    g4r_group_common *common = job->common;
    const size_t n = job->frame->n, first = job->lanes->first;
    const size_t end = G4R_MIN((task + 1) * LANES_EACH, job->lanes->m);
    g4r_real *scratch = common->scratch + worker * 3 * n;
    g4r_timing_enter(G4R_IN_LOSS);
    for (size_t lane = task * LANES_EACH; lane < end; lane++)
        common->losses[lane] =
            g4r_loss_row(job->lanes->scores + lane * n, &common->loss, first + lane, n,
                         common->scale, scratch, common->vec);
}

/*
 * Scores the columns of frame t for the group's lanes, computes the lanes' losses, and
 * overwrites the scores by their gradient G. Returns the sum of the losses, which are
 * added in the order of the lanes.
 */
static double measure_columns(g4r_group_common *common, const g4r_group *group, size_t t,
                              bool gathers)
{
    columns_job job = make_job(common, group, t);
    const size_t m = job.lanes->m;
    double loss = 0;
    job.gathers = gathers;
    g4r_columns_set_top(&common->columns, job.top, m, true);
    g4r_pool_run(common->pool, score_part, &job, job.n_parts);
    g4r_pool_run(common->pool, measure_lanes, &job, (m + LANES_EACH - 1) / LANES_EACH);
    for (size_t lane = 0; lane < m; lane++)
        loss += common->losses[lane];
    return loss;
}

/* Returns the dropout of a frame for lanes before which first others stand. */
static g4r_dropout dropout_from(const g4r_group_frame *frame, size_t first)
{
    g4r_dropout dropout = frame->dropout;
    dropout.first = (uint32_t)first;
    return dropout;
}

double g4r_group_forward(g4r_group_common *common, g4r_group *group, size_t t,
                         const gru4rec_lanes *lanes, size_t first, bool gathers)
{
    const g4r_group_frame *frame = &common->frames[t];
    const size_t m = (size_t)lanes->n, at = frame->input_start + first;
    const g4r_dropout dropout = dropout_from(frame, first);
    if (m == 0)
        return 0;
    assert(group->n_frames == t);
    group->lanes[t].m = m;
    group->lanes[t].first = first;
    group->n_frames++;
    g4r_network_carry(&group->network, t, lanes->from, m);
    g4r_network_forward(&group->network, t, lanes->input, m, &dropout);
    if (!g4r_group_scores_all(common))
        return measure_columns(common, group, t, gathers);
    return g4r_loss_all_forward(&common->loss_all, common->log_sums + at,
                                g4r_network_top(&group->network, t), lanes->target, m);
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
 * job->dtop, and the others write theirs to common->partial, so that the caller can add
 * them in order. All results overwrite what was there.
 */
static void backward_part(void *context, size_t part, size_t worker)
{
    const columns_job *job = context;
    const g4r_group_common *common = job->common;
    const g4r_group_sums *sums = job->sums;
    const size_t m = job->lanes->m, n = job->frame->n, d = common->model->params.width;
    const size_t begin = g4r_columns_part(&common->columns, part, job->n_parts, n);
    const size_t end = g4r_columns_part(&common->columns, part + 1, job->n_parts, n);
    const size_t start = job->frame->start;
    const g4r_real *g = job->lanes->scores;
    g4r_real *dtop = part == 0 ? job->dtop : common->partial + (part - 1) * m * d;
    g4r_timing_enter(G4R_IN_LOSS);
    g4r_vec_column_sums(sums->bias + start + begin, g + begin, n, m, end - begin, 0,
                        common->vec);
    g4r_timing_enter(G4R_IN_SCORE_PRODUCTS);
    g4r_columns_backward(&common->columns, &job->columns, sums->columns + start * d, dtop,
                         g, job->top, m, begin, end, worker);
}

/*
 * Propagates G, the gradient of the scores of the group's frame t, back to the columns
 * and to y, the top layer's values. Threads run backward_part() for the parts; then the
 * gradients of y are added up in the order of the parts, in g4r_network_dtop().
 */
static void backward_columns(g4r_group_common *common, const g4r_group *group, size_t t,
                             const g4r_group_sums *sums)
{
    columns_job job = make_job(common, group, t);
    const size_t size = job.lanes->m * common->model->params.width;
    job.sums = sums;
    job.dtop = g4r_network_dtop(&group->network);
    g4r_columns_set_top(&common->columns, job.top, job.lanes->m, false);
    g4r_pool_run(common->pool, backward_part, &job, job.n_parts);
    for (size_t part = 1; part < job.n_parts; part++)
        common->vec->add(job.dtop, common->partial + (part - 1) * size, size);
}

/*
 * Propagates the gradient of the cost of the group's frame t (the loss over all items,
 * times scale) back to the output table, its bias, and the top layer's values. The last
 * frame comes first: it overwrites the gradients of the table and the bias, and the other
 * frames add to them. Every frame overwrites the gradient of the top layer's values
 * (g4r_network_dtop()). If stop says so, the work ends early, and the gradients must not
 * be used.
 */
static void backward_all(g4r_group_common *common, const g4r_group *group, size_t t,
                         const g4r_group_sums *sums)
{
    const g4r_params *params = &common->model->params;
    const g4r_group_lanes *lanes = &group->lanes[t];
    const size_t at = common->frames[t].input_start + lanes->first;
    g4r_loss_all_backward(&common->loss_all, g4r_network_dtop(&group->network),
                          sums->tensors[params->output],
                          sums->tensors[params->output_bias], common->log_sums + at,
                          g4r_network_top(&group->network, t), common->target_items + at,
                          lanes->m, common->scale, t + 1 < group->n_frames ? 1 : 0);
}

/*
 * Sets those sums to zero that the way back does not write: of the columns of the frames
 * in which the group has no lanes; and if it has none in any frame, of whole tensors.
 */
static void clear_missing(const g4r_group_common *common, const g4r_group *group,
                          const g4r_group_sums *sums)
{
    const g4r_params *params = &common->model->params;
    if (group->n_frames == common->n_frames)
        return;
    const size_t start = common->frames[group->n_frames].start;
    const size_t n = common->n_columns - start, d = params->width;
    memset(sums->columns + start * d, 0, n * d * sizeof *sums->columns);
    memset(sums->bias + start, 0, n * sizeof *sums->bias);
    for (size_t i = 0; group->n_frames == 0 && i < params->n; i++)
        if (sums->tensors[i] != NULL)
            memset(sums->tensors[i], 0,
                   g4r_param_size(&params->list[i]) * sizeof *sums->tensors[i]);
}

/*
 * Adds the gradients of the group's inputs, which share the output table, to the sum of
 * the whole table.
 */
static void add_inputs(const g4r_group_common *common, const g4r_group *group,
                       const g4r_group_sums *sums)
{
    const g4r_params *params = &common->model->params;
    const size_t width = params->width;
    g4r_real *table = sums->tensors[params->output];
    for (size_t i = 0; i < group->n_frames; i++) {
        const g4r_group_lanes *lanes = &group->lanes[i];
        const size_t at = common->frames[i].input_start + lanes->first;
        for (size_t lane = at; lane < at + lanes->m; lane++)
            common->vec->add(table + (size_t)common->input_items[lane] * width,
                             common->dinputs + lane * width, width);
    }
}

void g4r_group_backward(g4r_group_common *common, g4r_group *group,
                        const g4r_group_sums *sums)
{
    const g4r_params *params = &common->model->params;
    const size_t width = g4r_group_input_cols(params);
    const bool scores_all = g4r_group_scores_all(common);
    clear_missing(common, group, sums);
    for (size_t t = group->n_frames; t-- > 0;) {
        const g4r_group_frame *frame = &common->frames[t];
        const size_t first = group->lanes[t].first;
        const g4r_dropout dropout = dropout_from(frame, first);
        if (t + 1 < group->n_frames && g4r_stop_is_asked(&common->stop))
            return;
        if (scores_all)
            backward_all(common, group, t, sums);
        else
            backward_columns(common, group, t, sums);
        g4r_network_backward(&group->network, t, group->n_frames - 1, sums->tensors,
                             common->dinputs + (frame->input_start + first) * width,
                             &dropout);
    }
    if (scores_all && params->mode == G4R_SHARED)
        add_inputs(common, group, sums);
}

/* network.c - runs the layers of a model forward and backward; see network.h. */
#include "network.h"

#include "../base/timing.h"

/*
 * Carves the arrays of one frame for b lanes from the arena. If is_training is false, the
 * arrays that only dropout and backward use (masks, dv, dold) get no room.
 */
static void layout_frame(g4r_network_frame *frame, g4r_arena *arena,
                         const g4r_params *params, size_t b, bool is_training)
{
    const size_t n_in = params->layers[0].n_in, b_train = is_training ? b : 0;
    frame->from = g4r_arena_take(arena, b, sizeof *frame->from);
    frame->x = g4r_arena_reals(arena, b, n_in);
    frame->x_mask = g4r_arena_reals(arena, b_train, n_in);
    for (size_t i = 0; i < params->n_layers; i++) {
        g4r_cell_pass *cell = &frame->cells[i];
        size_t h = params->layers[i].h;
        cell->old = g4r_arena_reals(arena, b, h);
        cell->v = g4r_arena_reals(arena, b, 3 * h);
        cell->scratch = g4r_arena_reals(arena, b, 3 * h);
        cell->gates = g4r_arena_reals(arena, b, 3 * h);
        cell->saved = g4r_arena_reals(arena, b, h);
        cell->state = g4r_arena_reals(arena, b, h);
        cell->dv = g4r_arena_reals(arena, b_train, 3 * h);
        cell->dold = g4r_arena_reals(arena, b_train, h);
        frame->masks[i] = g4r_arena_reals(arena, b_train, h);
    }
    for (size_t i = 0; i < params->n_dense; i++)
        frame->dense[i] = g4r_arena_reals(arena, b, params->dense[i].n_out);
}

void g4r_network_layout(g4r_network *network, g4r_arena *arena, const g4r_params *params,
                        size_t n_lanes, size_t n_frames, bool is_training)
{
    const size_t b_train = is_training ? n_lanes : 0;
    size_t widest = 0;
    network->params = params;
    network->vec = g4r_vec_pick();
    network->products = NULL;
    network->by_rows = false;
    network->last = n_frames - 1;
    network->frames = g4r_arena_take(arena, n_frames, sizeof *network->frames);
    for (size_t t = 0; t < n_frames; t++) {
        g4r_network_frame measured = {0};
        layout_frame(network->frames != NULL ? &network->frames[t] : &measured, arena,
                     params, n_lanes, is_training);
    }
    for (size_t i = 0; i < params->n_layers; i++) {
        size_t h = params->layers[i].h;
        network->dstate[i] = g4r_arena_reals(arena, b_train, h);
        network->dcarry[i] = g4r_arena_reals(arena, b_train, h);
    }
    for (size_t i = 0; i < params->n_dense; i++) {
        size_t width = params->dense[i].n_out;
        network->ddense[i] = g4r_arena_reals(arena, b_train, width);
        widest = G4R_MAX(widest, width);
    }
    network->slope = g4r_arena_reals(arena, is_training ? 1 : 0, widest);
}

size_t g4r_network_side(const g4r_params *params)
{
    size_t side = 1;
    for (size_t i = 0; i < params->n_layers; i++)
        side = G4R_MAX(side, G4R_MAX(params->layers[i].n_in, 3 * params->layers[i].h));
    for (size_t i = 0; i < params->n_dense; i++)
        side = G4R_MAX(side, params->dense[i].n_out);
    return side;
}

void g4r_network_bind(g4r_network *network, g4r_real *const *values, g4r_pool *pool)
{
    network->values = values;
    network->pool = pool;
}

void g4r_network_carry(g4r_network *network, size_t t, const int32_t *from, size_t m)
{
    const g4r_network_frame *before = &network->frames[network->last];
    g4r_network_frame *frame = &network->frames[t];
    memcpy(frame->from, from, m * sizeof *from);
    for (size_t i = 0; i < network->params->n_layers; i++) {
        size_t h = network->params->layers[i].h;
        for (size_t lane = 0; lane < m; lane++) {
            g4r_real *old = frame->cells[i].old + lane * h;
            if (from[lane] < 0)
                memset(old, 0, h * sizeof *old);
            else
                memcpy(old, before->cells[i].state + (size_t)from[lane] * h,
                       h * sizeof *old);
        }
    }
    network->last = t;
}

/* Copies row number rows[l] of the table to row l of out (m,width), for each lane l. */
static void gather(g4r_real *out, const g4r_real *table, const int32_t *rows, size_t m,
                   size_t width)
{
    for (size_t lane = 0; lane < m; lane++)
        memcpy(out + lane * width, table + (size_t)rows[lane] * width,
               width * sizeof *out);
}

/*
 * Returns the pointers to a GRU layer's tensors. values has an array for each tensor of
 * the model: its values, or its gradients. Tensors that the cell does not have become
 * NULL.
 */
static g4r_cell_weights cell_weights(const g4r_layer *layer, g4r_real *const *values)
{
    bool is_torch = layer->cell == G4R_CELL_TORCH;
    return (g4r_cell_weights){
        .input = values[layer->input],
        .hidden = values[layer->hidden],
        .hidden_c = is_torch ? NULL : values[layer->hidden_c],
        .bias = values[layer->bias],
        .bias_hidden = is_torch ? values[layer->bias_hidden] : NULL,
    };
}

/* ---- lanes ---- */

/* Number of lanes of one task of the pool. */
enum { LANES_EACH = 4 };

/* A GRU layer at work in a frame. The threads of the pool share its lanes. */
typedef struct layer_job {
    g4r_cell cell;
    bool is_torch;
    /*
     * Probability with which dropout sets a value of a state to 0. 0: there is no
     * dropout.
     */
    g4r_real p;
    uint32_t key; /* key of the random numbers of the dropout */
    /* Number of the first lane's first value, in the random numbers of the dropout. */
    uint32_t index;
    /* (M,h) the mask of the dropout: forward writes it, backward reads it. */
    g4r_real *mask;
} layer_job;

/*
 * Returns the job of GRU layer i in a frame, with all fields that forward reads. dstate,
 * dx, dweights, beta and needs_dold of its cell are 0; the caller sets them for backward.
 */
static layer_job make_job(const g4r_network *network, g4r_network_frame *frame, size_t i,
                          const g4r_dropout *dropout)
{
    const g4r_layer *layer = &network->params->layers[i];
    return (layer_job){
        .cell.vec = network->vec,
        .cell.products = network->products,
        .cell.m = frame->m,
        .cell.n_in = layer->n_in,
        .cell.h = layer->h,
        .cell.act = network->params->hidden_act,
        .cell.by_rows = network->by_rows,
        .cell.x = layer->is_lookup ? NULL
                  : i > 0          ? frame->cells[i - 1].state
                                   : frame->x,
        .cell.weights = cell_weights(layer, network->values),
        .cell.pass = &frame->cells[i],
        .is_torch = layer->cell == G4R_CELL_TORCH,
        .p = dropout->p_hidden,
        .key = dropout->key_hidden + (uint32_t)i,
        .index = dropout->first * (uint32_t)layer->h,
        .mask = frame->masks[i],
    };
}

/*
 * Does one task of a layer's forward, for LANES_EACH lanes, when the products are there.
 * With PyTorch's cell it computes the gates and states; the original's states are there
 * already (g4r_cell_original_forward()). Then it applies dropout to the states, and keeps
 * the mask.
 */
static void forward_lanes(void *context, size_t task, size_t worker)
{
    const layer_job *job = context;
    const g4r_cell *cell = &job->cell;
    const size_t begin = task * LANES_EACH, end = G4R_MIN(begin + LANES_EACH, cell->m);
    const size_t at = begin * cell->h;
    (void)worker;
    if (job->is_torch)
        g4r_cell_torch_forward(cell, begin, end);
    if (job->p > 0)
        cell->vec->dropout(cell->pass->state + at, job->mask + at, job->p, job->key,
                           job->index + (uint32_t)at, (end - begin) * cell->h);
}

/*
 * Does one task of a layer's backward, for LANES_EACH lanes. If there is dropout, it
 * multiplies dstate by the mask of forward. With PyTorch's cell it then computes dv, du
 * and a part of dold; for the original, backward_layer() calls
 * g4r_cell_original_backward() afterwards.
 */
static void backward_lanes(void *context, size_t task, size_t worker)
{
    const layer_job *job = context;
    const g4r_cell *cell = &job->cell;
    const size_t begin = task * LANES_EACH, end = G4R_MIN(begin + LANES_EACH, cell->m);
    const size_t at = begin * cell->h;
    (void)worker;
    if (job->p > 0)
        cell->vec->mul(cell->dstate + at, job->mask + at, (end - begin) * cell->h);
    if (job->is_torch)
        g4r_cell_torch_backward(cell, begin, end);
}

/*
 * Runs task, forward_lanes() or backward_lanes(), for all lanes of a layer, on the
 * threads of the pool, and returns when all are done. Does nothing for an original cell
 * without dropout, for which the task would have no work.
 */
static void run_lanes(const g4r_network *network, g4r_task *task, layer_job *job)
{
    if (job->is_torch || job->p > 0)
        g4r_pool_run(network->pool, task, job,
                     (job->cell.m + LANES_EACH - 1) / LANES_EACH);
}

/* ---- forward ---- */

/*
 * Computes GRU layer i of a frame for all lanes: the products, the gates and states, and
 * the dropout of the states. The old states must be in the frame. If the layer is a
 * lookup, its input product v is copied from rows (M) of its input matrix.
 */
static void forward_layer(g4r_network *network, g4r_network_frame *frame, size_t i,
                          const int32_t *rows, const g4r_dropout *dropout)
{
    const g4r_layer *layer = &network->params->layers[i];
    layer_job job = make_job(network, frame, i, dropout);
    g4r_product products[G4R_CELL_PRODUCTS];
    size_t n = job.is_torch ? g4r_cell_torch_products(products, &job.cell)
                            : g4r_cell_original_products(products, &job.cell);
    for (size_t j = 0; j < n; j++)
        products[j].by_rows = network->by_rows;
    if (layer->is_lookup)
        gather(frame->cells[i].v, network->values[layer->input], rows, frame->m,
               3 * layer->h);
    g4r_timing_enter(G4R_IN_GRU_PRODUCTS);
    g4r_products_run(network->products, network->pool, products, n);
    g4r_timing_enter(G4R_IN_GATES);
    if (!job.is_torch)
        g4r_cell_original_forward(&job.cell);
    run_lanes(network, forward_lanes, &job);
}

/*
 * Computes the dense layers of a frame, one after another, into frame->dense, from the
 * states of the last GRU layer. Does nothing if there are no dense layers.
 */
static void forward_dense(g4r_network *network, g4r_network_frame *frame)
{
    const g4r_params *params = network->params;
    const size_t m = frame->m;
    const g4r_real *x = frame->cells[params->n_layers - 1].state;
    for (size_t i = 0; i < params->n_dense; i++) {
        const g4r_dense *dense = &params->dense[i];
        g4r_real *y = frame->dense[i];
        g4r_product product = g4r_product_of(G4R_NT, y, dense->n_out, x, dense->n_in,
                                             network->values[dense->weight], dense->n_in,
                                             m, dense->n_out, dense->n_in, 1);
        product.by_rows = network->by_rows;
        for (size_t lane = 0; lane < m; lane++)
            memcpy(y + lane * dense->n_out, network->values[dense->bias],
                   dense->n_out * sizeof *y);
        g4r_products_multiply(network->products, product, 0);
        for (size_t lane = 0; lane < m; lane++)
            network->vec->activate(y + lane * dense->n_out, &params->dense_act,
                                   dense->n_out);
        x = y;
    }
}

void g4r_network_forward(g4r_network *network, size_t t, const int32_t *rows, size_t m,
                         const g4r_dropout *dropout)
{
    static const g4r_dropout no_dropout;
    const g4r_params *params = network->params;
    g4r_network_frame *frame = &network->frames[t];
    frame->m = m;
    if (dropout == NULL)
        dropout = &no_dropout;
    g4r_timing_enter(G4R_IN_GATHER);
    if (params->mode != G4R_ONEHOT) {
        size_t n_in = params->layers[0].n_in;
        gather(frame->x, network->values[params->embedding], rows, m, n_in);
        if (dropout->p_embed > 0)
            network->vec->dropout(frame->x, frame->x_mask, dropout->p_embed,
                                  dropout->key_embed, dropout->first * (uint32_t)n_in,
                                  m * n_in);
    }
    for (size_t i = 0; i < params->n_layers; i++)
        forward_layer(network, frame, i, rows, dropout);
    forward_dense(network, frame);
}

void g4r_network_resume(g4r_network *network, size_t t, size_t m)
{
    network->last = t;
    network->frames[t].m = m;
    forward_dense(network, &network->frames[t]);
}

g4r_real *g4r_network_top(const g4r_network *network, size_t t)
{
    const g4r_params *params = network->params;
    return params->n_dense > 0 ? network->frames[t].dense[params->n_dense - 1]
                               : network->frames[t].cells[params->n_layers - 1].state;
}

/* ---- backward ---- */

g4r_real *g4r_network_dtop(const g4r_network *network)
{
    const g4r_params *params = network->params;
    return params->n_dense > 0 ? network->ddense[params->n_dense - 1]
                               : network->dstate[params->n_layers - 1];
}

/*
 * Goes back through the dense layers of a frame, from ddense of the last one, which the
 * caller has filled, to dstate of the last GRU layer. Writes the gradients of their
 * weights and biases into gradients; beta 0 overwrites these, beta 1 adds to them.
 * Overwrites ddense. Does nothing if there are no dense layers.
 */
static void backward_dense(g4r_network *network, const g4r_network_frame *frame,
                           g4r_real *const *gradients, g4r_real beta)
{
    const g4r_params *params = network->params;
    const g4r_vec *vec = network->vec;
    const size_t m = frame->m, last = params->n_layers - 1;
    for (size_t i = params->n_dense; i-- > 0;) {
        const g4r_dense *dense = &params->dense[i];
        const size_t n_in = dense->n_in, n_out = dense->n_out;
        const g4r_real *x = i > 0 ? frame->dense[i - 1] : frame->cells[last].state;
        g4r_real *dx = i > 0 ? network->ddense[i - 1] : network->dstate[last];
        g4r_real *dy = network->ddense[i];
        for (size_t lane = 0; lane < m; lane++) {
            vec->slope(network->slope, frame->dense[i] + lane * n_out, &params->dense_act,
                       n_out);
            vec->mul(dy + lane * n_out, network->slope, n_out);
        }
        const g4r_product dweight =
            g4r_product_of(G4R_TN, gradients[dense->weight], n_in, dy, n_out, x, n_in,
                           n_out, n_in, m, beta);
        const g4r_product dinput =
            g4r_product_of(G4R_NN, dx, n_in, dy, n_out, network->values[dense->weight],
                           n_in, m, n_in, n_out, 0);
        g4r_products_multiply(network->products, dweight, 0);
        g4r_vec_column_sums(gradients[dense->bias], dy, n_out, m, n_out, beta, vec);
        g4r_products_multiply(network->products, dinput, 0);
    }
}

/*
 * Sets dcarry (m_before,h), the gradient that a frame hands back to the states of the
 * frame before: row from[l] gets row l of dold, the gradient of the frame's old states. A
 * lane of the frame before that no lane went on from gets 0.
 */
static void carry_back(const g4r_network_frame *frame, g4r_real *dcarry, size_t m_before,
                       const g4r_real *dold, size_t h, const g4r_vec *vec)
{
    memset(dcarry, 0, m_before * h * sizeof *dcarry);
    for (size_t lane = 0; lane < frame->m; lane++)
        if (frame->from[lane] >= 0)
            vec->add(dcarry + (size_t)frame->from[lane] * h, dold + lane * h, h);
}

/*
 * Goes back through one GRU layer of a frame for all lanes, from cell.dstate: computes
 * cell.dweights, cell.dx, and pass->dold as needs_dold asks. Multiplies dstate by the
 * mask of dropout on the way. With a lookup, cell.dx becomes dv (M,3h), the gradient of
 * the rows that were looked up.
 */
static void backward_layer(g4r_network *network, layer_job *job)
{
    const g4r_cell *cell = &job->cell;
    g4r_product products[G4R_CELL_PRODUCTS];
    g4r_timing_enter(G4R_IN_GATES);
    run_lanes(network, backward_lanes, job);
    size_t n = job->is_torch ? g4r_cell_torch_gradients(products, cell)
                             : g4r_cell_original_backward(products, cell);
    if (cell->x == NULL) /* with a lookup, dx is the gradient of its rows */
        memcpy(cell->dx, cell->pass->dv, cell->m * 3 * cell->h * sizeof *cell->dx);
    g4r_timing_enter(G4R_IN_GRU_PRODUCTS);
    g4r_products_run(network->products, network->pool, products, n);
    g4r_timing_enter(G4R_IN_GATES);
}

void g4r_network_backward(g4r_network *network, size_t t, size_t last_frame,
                          g4r_real *const *gradients, g4r_real *drows,
                          const g4r_dropout *dropout)
{
    const g4r_params *params = network->params;
    const g4r_vec *vec = network->vec;
    g4r_network_frame *frame = &network->frames[t];
    const g4r_real beta = t < last_frame ? 1 : 0;
    backward_dense(network, frame, gradients, beta);
    for (size_t i = params->n_layers; i-- > 0;) {
        const size_t h = params->layers[i].h;
        layer_job job = make_job(network, frame, i, dropout);
        job.cell.dstate = network->dstate[i];
        job.cell.dx = i > 0 ? network->dstate[i - 1] : drows;
        job.cell.dweights = cell_weights(&params->layers[i], gradients);
        job.cell.beta = beta;
        job.cell.needs_dold = t > 0;
        if (t < last_frame)
            vec->add(network->dstate[i], network->dcarry[i], frame->m * h);
        backward_layer(network, &job);
        if (t > 0)
            carry_back(frame, network->dcarry[i], network->frames[t - 1].m,
                       frame->cells[i].dold, h, vec);
    }
    if (params->mode != G4R_ONEHOT && dropout->p_embed > 0)
        vec->mul(drows, frame->x_mask, frame->m * params->layers[0].n_in);
}

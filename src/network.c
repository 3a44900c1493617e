/* network.c (L3) - see network.h. */
#include "network.h"

#include "blas.h"

void g4r_network_layout(g4r_network *network, g4r_arena *arena, const g4r_params *params,
                        size_t n_lanes, bool is_training)
{
    const size_t bytes = sizeof(g4r_real);
    const size_t b = n_lanes, b_train = is_training ? n_lanes : 0;
    network->params = params;
    network->vec = g4r_vec_pick();
    network->x = g4r_arena_take(arena, g4r_mul(b, params->layers[0].n_in), bytes);
    network->x_mask =
        g4r_arena_take(arena, g4r_mul(b_train, params->layers[0].n_in), bytes);
    network->dx = g4r_arena_take(arena, g4r_mul(b_train, params->layers[0].n_in), bytes);
    for (size_t i = 0; i < params->n_layers; i++) {
        g4r_cell_state *cell = &network->cells[i];
        size_t h = params->layers[i].h;
        cell->old = g4r_arena_take(arena, g4r_mul(b, h), bytes);
        cell->input = g4r_arena_take(arena, g4r_mul(b, 3 * h), bytes);
        cell->hidden = g4r_arena_take(arena, g4r_mul(b, 3 * h), bytes);
        cell->gates = g4r_arena_take(arena, g4r_mul(b, 3 * h), bytes);
        cell->saved = g4r_arena_take(arena, g4r_mul(b, h), bytes);
        cell->state = g4r_arena_take(arena, g4r_mul(b, h), bytes);
        cell->dinput = g4r_arena_take(arena, g4r_mul(b_train, 3 * h), bytes);
        network->masks[i] = g4r_arena_take(arena, g4r_mul(b_train, h), bytes);
        network->dstate[i] = g4r_arena_take(arena, g4r_mul(b_train, h), bytes);
    }
}

void g4r_network_carry(g4r_network *network, const int32_t *from, size_t m)
{
    for (size_t i = 0; i < network->params->n_layers; i++) {
        size_t h = network->params->layers[i].h;
        for (size_t lane = 0; lane < m; lane++) {
            g4r_real *old = network->cells[i].old + lane * h;
            if (from[lane] < 0)
                memset(old, 0, h * sizeof *old);
            else
                memcpy(old, network->cells[i].state + (size_t)from[lane] * h,
                       h * sizeof *old);
        }
    }
}

static void gather(g4r_real *out, const g4r_real *table, const int32_t *rows, size_t m,
                   size_t width)
{
    for (size_t lane = 0; lane < m; lane++)
        memcpy(out + lane * width, table + (size_t)rows[lane] * width,
               width * sizeof *out);
}

static g4r_cell_weights cell_weights(const g4r_layer *layer, g4r_real *const *values)
{
    bool is_torch = layer->cell == G4R_CELL_TORCH;
    return (g4r_cell_weights){
        .hidden = values[layer->hidden],
        .hidden_c = is_torch ? NULL : values[layer->hidden_c],
        .bias = values[layer->bias],
        .bias_hidden = is_torch ? values[layer->bias_hidden] : NULL,
    };
}

/* input (M,3h) = x (M,n_in) times the layer's input matrix. */
static void multiply_input(g4r_network *network, size_t i, const g4r_real *x, size_t m)
{
    const g4r_layer *layer = &network->params->layers[i];
    const g4r_real *matrix = network->values[layer->input];
    g4r_real *input = network->cells[i].input;
    size_t h = layer->h, n_in = layer->n_in;
    if (layer->cell == G4R_CELL_TORCH)
        g4r_blas_nt(input, 3 * h, x, n_in, matrix, n_in, m, 3 * h, n_in, 0);
    else
        g4r_blas_nn(input, 3 * h, x, n_in, matrix, 3 * h, m, 3 * h, n_in, 0);
}

/* dmatrix = gradient of the layer's input matrix; dx (M,n_in) = that of x. */
static void multiply_input_backward(g4r_network *network, size_t i, g4r_real *dmatrix,
                                    g4r_real *dx, const g4r_real *x, size_t m)
{
    const g4r_layer *layer = &network->params->layers[i];
    const g4r_real *matrix = network->values[layer->input];
    const g4r_real *dinput = network->cells[i].dinput;
    size_t h = layer->h, n_in = layer->n_in;
    if (layer->cell == G4R_CELL_TORCH) {
        g4r_blas_tn(dmatrix, n_in, dinput, 3 * h, x, n_in, 3 * h, n_in, m, 0);
        g4r_blas_nn(dx, n_in, dinput, 3 * h, matrix, n_in, m, n_in, 3 * h, 0);
    } else {
        g4r_blas_tn(dmatrix, 3 * h, x, n_in, dinput, 3 * h, n_in, 3 * h, m, 0);
        g4r_blas_nt(dx, n_in, dinput, 3 * h, matrix, 3 * h, m, n_in, 3 * h, 0);
    }
}

void g4r_network_forward(g4r_network *network, const int32_t *rows, size_t m,
                         const g4r_dropout *dropout)
{
    const g4r_params *params = network->params;
    const g4r_real *x = network->x;
    if (params->mode != G4R_ONEHOT) {
        size_t n_in = params->layers[0].n_in;
        gather(network->x, network->values[params->embedding], rows, m, n_in);
        if (dropout != NULL && dropout->p_embed > 0)
            network->vec->dropout(network->x, network->x_mask, dropout->p_embed,
                                  dropout->key_embed, 0, m * n_in);
    }
    for (size_t i = 0; i < params->n_layers; i++) {
        const g4r_layer *layer = &params->layers[i];
        g4r_cell_weights weights = cell_weights(layer, network->values);
        g4r_cell_state *cell = &network->cells[i];
        if (layer->is_lookup)
            gather(cell->input, network->values[layer->input], rows, m, 3 * layer->h);
        else
            multiply_input(network, i, x, m);
        if (layer->cell == G4R_CELL_TORCH)
            g4r_cell_torch_forward(cell, &weights, m, layer->h, network->vec);
        else
            g4r_cell_original_forward(cell, &weights, m, layer->h, network->vec);
        if (dropout != NULL && dropout->p_hidden > 0)
            network->vec->dropout(cell->state, network->masks[i], dropout->p_hidden,
                                  dropout->key_hidden + (uint32_t)i, 0, m * layer->h);
        x = cell->state;
    }
}

g4r_real *g4r_network_top(const g4r_network *network)
{
    return network->cells[network->params->n_layers - 1].state;
}

g4r_real *g4r_network_dtop(const g4r_network *network)
{
    return network->dstate[network->params->n_layers - 1];
}

g4r_real *g4r_network_drows(const g4r_network *network)
{
    return network->params->mode == G4R_ONEHOT ? network->cells[0].dinput : network->dx;
}

void g4r_network_backward(g4r_network *network, g4r_real *const *gradients, size_t m,
                          const g4r_dropout *dropout)
{
    const g4r_params *params = network->params;
    for (size_t i = params->n_layers; i-- > 0;) {
        const g4r_layer *layer = &params->layers[i];
        g4r_cell_weights weights = cell_weights(layer, network->values);
        g4r_cell_weights dweights = cell_weights(layer, gradients);
        g4r_cell_state *cell = &network->cells[i];
        if (dropout->p_hidden > 0)
            network->vec->mul(network->dstate[i], network->masks[i], m * layer->h);
        if (layer->cell == G4R_CELL_TORCH)
            g4r_cell_torch_backward(&dweights, cell, network->dstate[i], &weights, m,
                                    layer->h, network->vec);
        else
            g4r_cell_original_backward(&dweights, cell, network->dstate[i], &weights, m,
                                       layer->h, network->vec);
        if (layer->is_lookup)
            continue;
        multiply_input_backward(network, i, gradients[layer->input],
                                i > 0 ? network->dstate[i - 1] : network->dx,
                                i > 0 ? network->cells[i - 1].state : network->x, m);
    }
    if (params->mode != G4R_ONEHOT && dropout->p_embed > 0)
        network->vec->mul(network->dx, network->x_mask, m * params->layers[0].n_in);
}

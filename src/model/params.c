/*
 * params.c - makes the table of a model's tensors, and their initial values; see
 * params.h.
 *
 * Names and shapes are those of the state dictionary of the official PyTorch
 * implementation. G.<j> is GRU cell j, from 0; a one-hot first layer is not counted.
 */
#include "params.h"

#include "../base/rng.h"

#include <stdio.h>

/* The fan (g4r_param) of a tensor that starts at zero: a bias. */
enum { NO_FAN = 0 };

/*
 * Appends a matrix (rows,cols) with this fan to the table, and returns its index. name is
 * a format: %d in it is replaced by number.
 */
static size_t add_matrix(g4r_params *params, const char *name, size_t number, size_t rows,
                         size_t cols, size_t fan)
{
    g4r_param *param = &params->list[params->n];
    snprintf(param->name, sizeof param->name, name, (int)number);
    param->rows = (int64_t)rows;
    param->cols = (int64_t)cols;
    param->n_dims = 2;
    param->fan = (double)fan;
    return params->n++;
}

/*
 * Appends a vector of size values, a bias that starts at zero, to the table, and returns
 * its index. %d in name is replaced by number.
 */
static size_t add_vector(g4r_params *params, const char *name, size_t number, size_t size)
{
    size_t index = add_matrix(params, name, number, size, 1, NO_FAN);
    params->list[index].n_dims = 1;
    return index;
}

/*
 * Appends a matrix (I,cols) with a row for each item to the table, and returns its index.
 * fan 0: it starts at zero.
 */
static size_t add_per_item(g4r_params *params, const char *name, size_t cols, size_t fan)
{
    size_t index = add_matrix(params, name, 0, (size_t)params->n_items, cols, fan);
    params->list[index].is_per_item = true;
    return index;
}

/*
 * Appends the tensors of a first layer with one-hot input, which has the original's cell,
 * and sets the layer's fields. The input matrix becomes params->embedding.
 */
static void add_onehot_layer(g4r_params *params, g4r_layer *layer)
{
    size_t h = layer->h;
    layer->cell = G4R_CELL_ORIGINAL;
    layer->is_lookup = true;
    layer->input =
        add_per_item(params, "GE.Wx0.weight", 3 * h, (size_t)params->n_items + h);
    layer->hidden = add_matrix(params, "GE.Wrz0", 0, h, 2 * h, 2 * h);
    layer->hidden_c = add_matrix(params, "GE.Wh0", 0, h, h, 2 * h);
    layer->bias = add_vector(params, "GE.Bh0", 0, 3 * h);
    params->embedding = layer->input;
}

/*
 * Appends the tensors of a layer of PyTorch's cell, named G.<cell>, and sets the layer's
 * fields.
 */
static void add_torch_layer(g4r_params *params, g4r_layer *layer, size_t cell)
{
    size_t h = layer->h, n_in = layer->n_in;
    layer->cell = G4R_CELL_TORCH;
    layer->input = add_matrix(params, "G.%d.weight_ih", cell, 3 * h, n_in, n_in + h);
    layer->hidden = add_matrix(params, "G.%d.weight_hh", cell, 3 * h, h, 2 * h);
    layer->bias = add_vector(params, "G.%d.bias_ih", cell, 3 * h);
    layer->bias_hidden = add_vector(params, "G.%d.bias_hh", cell, 3 * h);
}

/*
 * Appends the tensors of a layer of the original cell, named G.<cell>, and sets the
 * layer's fields.
 */
static void add_original_layer(g4r_params *params, g4r_layer *layer, size_t cell)
{
    size_t h = layer->h, n_in = layer->n_in;
    layer->cell = G4R_CELL_ORIGINAL;
    layer->input = add_matrix(params, "G.%d.Wx", cell, n_in, 3 * h, n_in + h);
    layer->hidden = add_matrix(params, "G.%d.Wrz", cell, h, 2 * h, 2 * h);
    layer->hidden_c = add_matrix(params, "G.%d.Wh", cell, h, h, 2 * h);
    layer->bias = add_vector(params, "G.%d.Bh", cell, 3 * h);
}

/*
 * Fills params->layers and n_layers, and appends the tensors of all GRU layers, from the
 * input to the scores. widths: h of each layer; n_in: width of the first layer's input.
 * is_torch chooses the cell. With one-hot input, the first layer has the original's cell
 * in any case.
 */
static void add_gru_layers(g4r_params *params, const gru4rec_list *widths, size_t n_in,
                           bool is_torch)
{
    size_t cell = 0;
    params->n_layers = (size_t)widths->n;
    for (size_t i = 0; i < params->n_layers; i++) {
        g4r_layer *layer = &params->layers[i];
        layer->h = (size_t)widths->values[i];
        layer->n_in = n_in;
        if (i == 0 && params->mode == G4R_ONEHOT)
            add_onehot_layer(params, layer);
        else if (is_torch)
            add_torch_layer(params, layer, cell++);
        else
            add_original_layer(params, layer, cell++);
        n_in = layer->h;
    }
}

/*
 * Fills params->dense and n_dense, and appends the tensors of the dense layers. The first
 * one gets the states of the last GRU layer. widths may be empty.
 */
static void add_dense_layers(g4r_params *params, const gru4rec_list *widths)
{
    size_t n_in = params->layers[params->n_layers - 1].h;
    params->n_dense = (size_t)widths->n;
    for (size_t i = 0; i < params->n_dense; i++) {
        g4r_dense *dense = &params->dense[i];
        size_t n_out = (size_t)widths->values[i];
        dense->n_in = n_in;
        dense->n_out = n_out;
        dense->weight = add_matrix(params, "F.%d.weight", i, n_out, n_in, n_in + n_out);
        dense->bias = add_vector(params, "F.%d.bias", i, n_out);
        n_in = n_out;
    }
}

/*
 * Returns an activation of the options in the form that the kernels take: its kind, and
 * its parameters as reals.
 */
static g4r_activation activation(const gru4rec_activation *act)
{
    return (g4r_activation){act->kind, (g4r_real)act->a, (g4r_real)act->b};
}

void g4r_params_init(g4r_params *params, const gru4rec_options *options, int32_t n_items)
{
    const gru4rec_list *last =
        options->feedforward.n > 0 ? &options->feedforward : &options->layers;
    assert(options->embedding >= 0 && options->final_act.kind != GRU4REC_ACT_AUTO);
    memset(params, 0, sizeof *params);
    params->n_items = n_items;
    params->width = (size_t)last->values[last->n - 1];
    params->hidden_act = activation(&options->hidden_act);
    params->dense_act = activation(&options->feedforward_act);
    params->mode = options->constrained_embedding ? G4R_SHARED
                   : options->embedding > 0       ? G4R_SEPARATE
                                                  : G4R_ONEHOT;
    size_t n_in = params->mode == G4R_SHARED ? params->width : (size_t)options->embedding;
    params->output =
        add_per_item(params, "Wy.weight", params->width, (size_t)n_items + params->width);
    params->output_bias = add_per_item(params, "By.weight", 1, NO_FAN);
    params->embedding = params->output;
    if (params->mode == G4R_SEPARATE)
        params->embedding =
            add_per_item(params, "E.weight", n_in, (size_t)n_items + n_in);
    add_gru_layers(params, &options->layers, n_in, options->reset_after);
    /*
     * Without option biases, the biases of the items and of the GRU layers, which are all
     * biases in the table so far, are not trained and stay at zero. The biases of dense
     * layers are added below, and are trained all the same.
     */
    for (size_t i = 0; !options->biases && i < params->n; i++)
        params->list[i].is_fixed = params->list[i].fan == NO_FAN;
    add_dense_layers(params, &options->feedforward);
}

void g4r_params_layout(const g4r_params *params, g4r_arena *arena,
                       g4r_real *values[G4R_MAX_TENSORS])
{
    for (size_t i = 0; i < params->n; i++)
        values[i] = g4r_arena_reals(arena, g4r_param_size(&params->list[i]), 1);
}

/*
 * Returns a standard normal random number (mean 0, deviation 1), by Marsaglia's polar
 * method. It draws pairs of numbers from rng until one lies in the unit circle, so the
 * number of draws varies.
 */
static double normal(g4r_rng *rng)
{
    for (;;) {
        double x = 2 * g4r_rng_uniform(rng) - 1, y = 2 * g4r_rng_uniform(rng) - 1;
        double r2 = x * x + y * y;
        if (r2 > 0 && r2 < 1)
            return x * sqrt(-2 * log(r2) / r2);
    }
}

void g4r_params_randomise(const g4r_params *params, g4r_real *const *values,
                          const gru4rec_options *options)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, options->seed, G4R_STREAM_INIT, 0);
    for (size_t i = 0; i < params->n; i++) {
        const g4r_param *param = &params->list[i];
        size_t size = g4r_param_size(param);
        double s = options->sigma > 0 ? options->sigma : sqrt(6 / param->fan);
        for (size_t k = 0; k < size; k++) {
            double random = param->fan == NO_FAN      ? 0
                            : options->init_as_normal ? normal(&rng)
                                                      : 2 * g4r_rng_uniform(&rng) - 1;
            values[i][k] = random != 0 ? (g4r_real)(random * s) : 0;
        }
    }
}

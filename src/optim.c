/* optim.c (L3) - see optim.h. */
#include "optim.h"

static bool has_acc2(gru4rec_adapt kind)
{
    return kind == GRU4REC_ADADELTA || kind == GRU4REC_ADAM;
}

void g4r_optim_layout(g4r_optim *optim, g4r_arena *arena, const g4r_params *params,
                      const gru4rec_options *options)
{
    const double *rates = options->adapt_params.values;
    g4r_update *update = &optim->update;
    optim->params = params;
    optim->vec = g4r_vec_pick();
    optim->grad_cap = (g4r_real)options->grad_cap;
    optim->n_steps = 0;
    optim->decay = optim->decay2 = 1;
    *update = (g4r_update){
        .kind = (gru4rec_adapt)options->adapt,
        .learning_rate = (g4r_real)options->learning_rate,
        .momentum = (g4r_real)options->momentum,
        .lmbd = (g4r_real)options->lmbd,
        .rho = (g4r_real)rates[0],
        .rho2 = (g4r_real)rates[1],
        .clip = 1,
    };
    if (update->kind != GRU4REC_SGD)
        g4r_params_layout(params, arena, optim->acc);
    if (has_acc2(update->kind))
        g4r_params_layout(params, arena, optim->acc2);
    if (update->momentum > 0)
        g4r_params_layout(params, arena, optim->vel);
}

void g4r_optim_begin(g4r_optim *optim, double squares)
{
    g4r_update *update = &optim->update;
    double cap = (double)optim->grad_cap, norm = sqrt(squares);
    optim->n_steps++;
    optim->decay *= (double)update->rho;
    optim->decay2 *= (double)update->rho2;
    update->correct = (g4r_real)(1 / (1 - optim->decay));
    update->correct2 = (g4r_real)(1 / (1 - optim->decay2));
    update->clip = cap > 0 && norm >= cap ? (g4r_real)(cap / norm) : 1;
}

static g4r_real *at(g4r_real *const *arrays, size_t param, size_t offset)
{
    return arrays[param] != NULL ? arrays[param] + offset : NULL;
}

static void update_values(g4r_optim *optim, size_t param, size_t offset, g4r_real *values,
                          const g4r_real *gradient, size_t n)
{
    optim->vec->update(values + offset, at(optim->acc, param, offset),
                       at(optim->acc2, param, offset), at(optim->vel, param, offset),
                       gradient, &optim->update, n);
}

void g4r_optim_dense(g4r_optim *optim, size_t param, g4r_real *values,
                     const g4r_real *gradient)
{
    update_values(optim, param, 0, values, gradient,
                  g4r_param_size(&optim->params->list[param]));
}

/* ---- rows ---- */

void g4r_merge_layout(g4r_merge *merge, g4r_arena *arena, size_t n_rows)
{
    g4r_rowset_layout(&merge->set, arena, n_rows);
    merge->rows = g4r_arena_take(arena, n_rows, sizeof *merge->rows);
    merge->number = g4r_arena_take(arena, n_rows, sizeof *merge->number);
    merge->first = g4r_arena_take(arena, n_rows, sizeof *merge->first);
    merge->column = g4r_arena_take(arena, 4 * n_rows, sizeof *merge->column);
    merge->n = 0;
    merge->most = n_rows;
}

void g4r_merge_clear(g4r_merge *merge)
{
    g4r_rowset_clear(&merge->set);
    merge->n = 0;
}

void g4r_merge_add(g4r_merge *merge, const int32_t *rows, size_t n)
{
    assert((size_t)merge->n + n <= merge->most);
    for (size_t i = 0; i < n; i++) {
        bool is_new;
        int32_t k = merge->n++;
        merge->rows[k] = rows[i];
        merge->number[k] = g4r_rowset_add(&merge->set, rows[i], &is_new);
        if (is_new)
            merge->first[merge->number[k]] = k;
    }
}

size_t g4r_merge_sum(g4r_real *gradients, const g4r_merge *merge, size_t n, size_t cols,
                     const g4r_vec *vec)
{
    size_t n_distinct = 0;
    for (size_t k = 0; k < n; k++) {
        size_t first = (size_t)merge->first[merge->number[k]];
        if (first == k)
            n_distinct++;
        else
            vec->add(gradients + first * cols, gradients + k * cols, cols);
    }
    return n_distinct;
}

double g4r_merge_squares(const g4r_real *gradients, const g4r_merge *merge,
                         size_t n_distinct, size_t cols, const g4r_vec *vec)
{
    double squares = 0;
    for (size_t i = 0; i < n_distinct; i++) {
        const g4r_real *gradient = gradients + (size_t)merge->first[i] * cols;
        squares += (double)vec->dot(gradient, gradient, cols);
    }
    return squares;
}

static void gather_column(g4r_real *column, const g4r_real *values,
                          const g4r_merge *merge, size_t n)
{
    for (size_t i = 0; column != NULL && i < n; i++)
        column[i] = values[merge->rows[merge->first[i]]];
}

static void scatter_column(g4r_real *values, const g4r_real *column,
                           const g4r_merge *merge, size_t n)
{
    for (size_t i = 0; column != NULL && i < n; i++)
        values[merge->rows[merge->first[i]]] = column[i];
}

/* One value per item: gathered, updated side by side, and put back. */
static void update_column(g4r_optim *optim, size_t param, g4r_real *values,
                          g4r_real *gradients, const g4r_merge *merge, size_t n)
{
    g4r_real *p = merge->column;
    g4r_real *acc = optim->acc[param] != NULL ? p + merge->most : NULL;
    g4r_real *acc2 = optim->acc2[param] != NULL ? p + 2 * merge->most : NULL;
    g4r_real *vel = optim->vel[param] != NULL ? p + 3 * merge->most : NULL;
    gather_column(p, values, merge, n);
    gather_column(acc, optim->acc[param], merge, n);
    gather_column(acc2, optim->acc2[param], merge, n);
    gather_column(vel, optim->vel[param], merge, n);
    for (size_t i = 0; i < n; i++)
        gradients[i] = gradients[merge->first[i]]; /* first[i] >= i */
    optim->vec->update(p, acc, acc2, vel, gradients, &optim->update, n);
    scatter_column(values, p, merge, n);
    scatter_column(optim->acc[param], acc, merge, n);
    scatter_column(optim->acc2[param], acc2, merge, n);
    scatter_column(optim->vel[param], vel, merge, n);
}

void g4r_optim_rows(g4r_optim *optim, size_t param, g4r_real *values, g4r_real *gradients,
                    const g4r_merge *merge, size_t n_distinct)
{
    size_t cols = (size_t)optim->params->list[param].cols;
    if (cols == 1) {
        update_column(optim, param, values, gradients, merge, n_distinct);
        return;
    }
    for (size_t i = 0; i < n_distinct; i++) {
        size_t first = (size_t)merge->first[i];
        size_t offset = (size_t)merge->rows[first] * cols;
        update_values(optim, param, offset, values, gradients + first * cols, cols);
    }
}
